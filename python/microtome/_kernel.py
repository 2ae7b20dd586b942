"""Kernels: functions that are called with arrays.

In: arrays, by position or by the names of the parameters. Out: arrays, scalars, tuples of these.
Always holds: a kernel is immutable, may be called from many threads at once, and pickles as its source.
"""

from __future__ import annotations

import hashlib
import html
import inspect
import json
import keyword
import threading
import warnings
from functools import cached_property
from typing import Any

import numpy as np

from . import _core
from ._errors import ArgumentError, Diagnostic, MicrotomeWarning, VersionError
from ._types import Record, described

__all__ = ["Explanation", "Kernel", "Record", "rebuild"]


class Explanation(str):
    """What the compiler made of a function. As a string it is the text for a terminal; `json` is the same for programs."""

    def __new__(cls, text: str, data: str, page: str) -> Explanation:
        explanation = super().__new__(cls, text)
        explanation.json = json.loads(data)
        explanation.page = page
        return explanation

    #: The object that docs/explain.md describes.
    json: dict[str, Any]
    #: A page for a browser, which needs nothing beside it.
    page: str

    def _repr_html_(self) -> str:
        frame = "width:100%;height:40em;border:1px solid #8884"
        return f'<iframe srcdoc="{html.escape(self.page)}" style="{frame}"></iframe>'


class Kernel:
    """A compiled function. Call it with arrays; results are NumPy arrays, or NumPy scalars for single numbers.

    Arrays in C order are read where they are, whatever package they are of, read-only ones too; of others a copy in that
    order is made. While the kernel runs, other threads of Python do too, and Ctrl-C stops it. `out=` gives an array, or a
    tuple of arrays, to write the results to.
    """

    def __init__(self, core: _core.Kernel) -> None:
        self._core = core
        self._parameters = tuple((name, described(ty)) for name, ty in core.parameters)
        self._labels = tuple((f"`{name}` of `{core.name}`", ty) for name, ty in self._parameters)
        self._result = described(core.result)
        self._warned = 0
        self.__name__ = self.__qualname__ = core.name
        self.__doc__ = f"{core.signature}\n\n{core.documentation}".strip()

    def __call__(self, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is not None and any(name == "out" for name, _ in self._parameters):
            kwargs["out"], out = out, None
        arrays = self._arrays(args, kwargs)
        if out is not None:
            return self._write(arrays, out)
        return self._finish(self._core.call(arrays, _is_main()))

    def into(self, out: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Calls the function and writes the result to `out`: for those with a parameter of that name."""
        return self._write(self._arrays(args, kwargs), out)

    def interpret(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function through the reference interpreter, which is slow and simple."""
        return self._finish(self._core.interpret(self._arrays(args, kwargs), _is_main()))

    def _arrays(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[np.ndarray]:
        if kwargs or len(args) != len(self._labels):
            args = self._bound(args, kwargs)
        arrays: list[np.ndarray] = []
        for (label, ty), value in zip(self._labels, args):
            ty.take(value, label, arrays)
        return arrays

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Arguments in order, as Python binds them."""
        rest = self._parameters[len(args) :]
        if len(args) + len(kwargs) == len(self._parameters) and all(name in kwargs for name, _ in rest):
            return args + tuple(kwargs[name] for name, _ in rest)
        kwargs = {python_name(name): value for name, value in kwargs.items()}
        try:
            return self.__signature__.bind(*args, **kwargs).args
        except TypeError as error:
            raise ArgumentError.because("E0302", f"`{self.name}`: {error}", f"it is `{self.signature}`") from None

    def _finish(self, arrays: list[np.ndarray]) -> Any:
        if self._warned >= 0:
            self._warn()
        return self._result.make(iter(arrays))

    def _write(self, arrays: list[np.ndarray], out: Any) -> Any:
        targets = [out] if type(out) is np.ndarray else list(_flat(out))
        for position, target in enumerate(targets):
            if not isinstance(target, np.ndarray):
                kind = type(target).__qualname__
                raise ArgumentError.because("E0301", f"`out` has to be a NumPy array, part {position} of it is {kind}")
        targets = [target.view(np.uint16) if _is_bfloat16(target.dtype) else target for target in targets]
        self._core.call_into(arrays, targets, _is_main())
        if self._warned >= 0:
            self._warn()
        return out

    def _warn(self) -> None:
        """Tells, once, what compiling warned of."""
        self._warned = -1
        for rendered, _ in self._core.warnings:
            warnings.warn(rendered, MicrotomeWarning, stacklevel=4)

    @property
    def name(self) -> str:
        """The function's name."""
        return self._core.name

    @property
    def signature(self) -> str:
        """The function's type as the language writes it."""
        return self._core.signature

    @property
    def source(self) -> str:
        """The program that it is a function of."""
        return self._core.texts[0][1]

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What compiling warned of; complete after the first call."""
        return tuple(Diagnostic.from_json(line) for _, line in self._core.warnings)

    @cached_property
    def __signature__(self) -> inspect.Signature:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [
            inspect.Parameter(python_name(name), kind, annotation=ty.annotation()) for name, ty in self._parameters
        ]
        return inspect.Signature(parameters, return_annotation=self._result.annotation())

    def emit(self, stage: str) -> str:
        """The text of a stage of the compiler: `graph`, `planned`, `loops`, `asm` and others."""
        return self._core.emit(stage)

    def explain(self, /, **sizes: int) -> Explanation:
        """What the compiler made of the function and what it costs, for every size, and in numbers for sizes that are given.

        `print(kernel.explain(n=1000))`; notebooks show it as a page.
        """
        return Explanation(*self._core.explain(list(sizes.items())))

    def __repr__(self) -> str:
        return f"<microtome {self.signature}>"

    def _repr_html_(self) -> str:
        documentation = self._core.documentation
        about = f"<p>{html.escape(documentation)}</p>" if documentation else ""
        source, explained = html.escape(self.source.strip("\n")), self.explain()._repr_html_()
        return (
            f"<div><code>{html.escape(self.signature)}</code>{about}"
            f"<details><summary>source</summary><pre>{source}</pre></details>"
            f"<details><summary>what the compiler made of it</summary>{explained}</details></div>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        texts = tuple((name, text) for name, text in self._core.texts)
        return rebuild, (texts, self.name, self.signature, _core.__version__)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Kernel):
            return NotImplemented
        return self.name == other.name and self._core.texts == other._core.texts

    def __hash__(self) -> int:
        return hash((self.name, tuple(self._core.texts)))


def python_name(name: str) -> str:
    """A name that Python may keep for itself, as Python code can write it."""
    return f"{name}_" if keyword.iskeyword(name) else name


def _flat(out: Any) -> Any:
    if isinstance(out, (tuple, list)):
        for part in out:
            yield from _flat(part)
    else:
        yield out


def _is_bfloat16(dtype: np.dtype) -> bool:
    # NumPy makes the name anew whenever it is asked, which takes longer than a small kernel; of its own types none is the one.
    return dtype.isbuiltin == 2 and dtype.name == "bfloat16"


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


_rebuilt: dict[str, Kernel] = {}
_lock = threading.Lock()


def rebuild(texts: tuple[tuple[str, str], ...], name: str, signature: str, version: str) -> Kernel:
    """The kernel of a pickle, made from its source; once in a process for the same source."""
    if version != _core.__version__:
        raise VersionError(
            f"the kernel `{name}` was pickled by microtome {version}, this is microtome {_core.__version__}: "
            "use the same version on both sides, or send the program's text"
        )
    key = hashlib.sha256(repr((texts, name, signature, version)).encode()).hexdigest()
    with _lock:
        known = _rebuilt.get(key)
    if known is not None:
        return known
    core = _core.compile_bundle(list(texts)).kernel(name)
    if core is None or core.signature != signature:
        raise VersionError(f"the pickled kernel `{name}` is damaged: its source has no `{signature}`")
    with _lock:
        return _rebuilt.setdefault(key, Kernel(core))
