"""Types of parameters and results.

In: types as the part in Rust describes them. Out: Python objects that take arguments apart and put results together.
Always holds: the arrays of a value come in the order in which the kernel has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._arrays import DTYPES, as_array
from ._errors import ArgumentError


class Record(dict[str, Any]):
    """A record: a dictionary whose items are attributes as well."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the record has no field {name!r}") from None


@dataclass(frozen=True)
class ArrayType:
    """`f64[n, d]`, or a scalar without sizes."""

    element: str
    sizes: tuple[str, ...]

    def __str__(self) -> str:
        return self.element + (f"[{', '.join(self.sizes)}]" if self.sizes else "")

    def take(self, value: Any, name: str, arrays: list[np.ndarray]) -> None:
        """Adds the array for an argument."""
        arrays.append(as_array(value, self.element, len(self.sizes), name))

    def make(self, arrays: Iterator[np.ndarray]) -> Any:
        """The value of a result: an array, or a NumPy scalar."""
        array = next(arrays)
        if self.element == "bf16":
            array = DTYPES["bf16"].from_bits(array)
        return array if self.sizes else array[()]

    def annotation(self) -> str:
        """As jaxtyping writes it."""
        array = DTYPES[self.element].jaxtyping
        if not self.sizes:
            return DTYPES[self.element].scalar
        return f'{array}[np.ndarray, "{" ".join(_dimension(size) for size in self.sizes)}"]'


def _dimension(size: str) -> str:
    return "_" if size == "?" else size.replace(" ", "")


@dataclass(frozen=True)
class TupleType:
    """A tuple, or a list with a known number of items."""

    parts: tuple[Type, ...]
    container: Callable[[Any], Any]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.parts))})"

    def take(self, value: Any, name: str, arrays: list[np.ndarray]) -> None:
        """Adds the arrays for an argument."""
        if not isinstance(value, (tuple, list)) or len(value) != len(self.parts):
            raise ArgumentError.because("E0302", f"{name} is a tuple of {len(self.parts)} values: {self}")
        for position, (part, item) in enumerate(zip(self.parts, value)):
            part.take(item, f"part {position} of {name}", arrays)

    def make(self, arrays: Iterator[np.ndarray]) -> Any:
        """The value of a result."""
        return self.container(part.make(arrays) for part in self.parts)

    def annotation(self) -> str:
        """As type checkers read it."""
        name = "tuple" if self.container is tuple else "list"
        if name == "list":
            return "list[Any]"
        return f"tuple[{', '.join(part.annotation() for part in self.parts) or '()'}]"


@dataclass(frozen=True)
class RecordType:
    """A record."""

    fields: tuple[tuple[str, Type], ...]

    def __str__(self) -> str:
        return f"record({', '.join(f'{name}={ty}' for name, ty in self.fields)})"

    def take(self, value: Any, name: str, arrays: list[np.ndarray]) -> None:
        """Adds the arrays for an argument."""
        for field, ty in self.fields:
            ty.take(value[field], f"{name}.{field}", arrays)

    def make(self, arrays: Iterator[np.ndarray]) -> Any:
        """The value of a result."""
        return Record((name, ty.make(arrays)) for name, ty in self.fields)

    def annotation(self) -> str:
        """As type checkers read it."""
        return "mt.Record"


@dataclass(frozen=True)
class Nothing:
    """No value."""

    def __str__(self) -> str:
        return "()"

    def take(self, value: Any, name: str, arrays: list[np.ndarray]) -> None:
        """Adds nothing."""

    def make(self, arrays: Iterator[np.ndarray]) -> Any:
        """No value."""
        return None

    def annotation(self) -> str:
        """As type checkers read it."""
        return "None"


Type = ArrayType | TupleType | RecordType | Nothing


def described(ty: tuple[Any, ...]) -> Type:
    """The type that the part in Rust describes."""
    match ty:
        case ("array", element, sizes):
            return ArrayType(element, tuple(sizes))
        case ("tuple", parts):
            return TupleType(tuple(map(described, parts)), tuple)
        case ("list", parts):
            return TupleType(tuple(map(described, parts)), list)
        case ("record", fields):
            return RecordType(tuple((name, described(ty)) for name, ty in fields))
        case _:
            return Nothing()
