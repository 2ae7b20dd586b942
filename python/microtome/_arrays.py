"""Whatever holds numbers, as NumPy arrays.

In: NumPy arrays, objects with `__dlpack__` (tensors of PyTorch, JAX, CuPy on the host), with `__array__`, numbers, lists.
Out: a NumPy array with the wanted element type.
Always holds: memory of the wanted type is never copied, and memory of another type is refused, not converted; numbers and
lists, which are no memory yet, are converted where that keeps their kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._errors import ArgumentError

try:
    import ml_dtypes as _ml_dtypes
except ImportError:
    _ml_dtypes = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Element:
    """An element type: of NumPy, as jaxtyping calls arrays of it, and of Python."""

    numpy: np.dtype
    jaxtyping: str
    scalar: str
    #: As the cure for another type is written.
    written: str

    def from_bits(self, bits: np.ndarray) -> np.ndarray:
        """16 bits each as `bfloat16`, where a package has that; as float32 elsewhere, which has all its values."""
        if _ml_dtypes is not None:
            return bits.view(_ml_dtypes.bfloat16)
        return (bits.astype(np.uint32) << 16).view(np.float32)


DTYPES = {
    "f64": Element(np.dtype(np.float64), "Float64", "float", "np.float64"),
    "f32": Element(np.dtype(np.float32), "Float32", "float", "np.float32"),
    "f16": Element(np.dtype(np.float16), "Float16", "float", "np.float16"),
    "bf16": Element(np.dtype(np.uint16), "BFloat16", "float", "ml_dtypes.bfloat16"),
    "i64": Element(np.dtype(np.int64), "Int64", "int", "np.int64"),
    "bool": Element(np.dtype(np.bool_), "Bool", "bool", "np.bool_"),
}


def as_array(value: Any, element: str, rank: int, name: str) -> np.ndarray:
    """The argument for a parameter; `name` is for messages."""
    wanted = DTYPES[element]
    if type(value) is np.ndarray and value.dtype == wanted.numpy and element != "bf16":
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise ArgumentError.because("E0301", f"{name} is given a masked array", "fill it first: x.filled(0.0)")
    is_memory = isinstance(value, np.ndarray) and value.ndim > 0
    if not isinstance(value, (np.ndarray, np.generic)):
        value, is_memory = _imported(value, name)
    if element == "bf16":
        return _bits(value, name, is_memory)
    if value.dtype == wanted.numpy:
        return np.asarray(value)
    if not is_memory and value.dtype != object and np.can_cast(value.dtype, wanted.numpy, "same_kind"):
        return np.asarray(value, dtype=wanted.numpy)
    ty = element + (f"[{', '.join('_' * rank)}]" if rank else "")
    message = f"{name} is {ty}, the argument's elements are {value.dtype}"
    raise ArgumentError.because("E0301", message, f"convert it: x.astype({wanted.written})")


def _imported(value: Any, name: str) -> tuple[np.ndarray, bool]:
    """An array for what is none of NumPy's; and whether it is memory that someone else has."""
    try:
        if hasattr(value, "__dlpack__"):
            return _from_dlpack(value), True
        is_memory = hasattr(value, "__array__") or hasattr(value, "__array_interface__")
        return np.asarray(value), is_memory
    except ArgumentError:
        raise
    except Exception as error:
        help = "hand over a NumPy array, or anything on the host that NumPy can read"
        message = f"{name} is {type(value).__module__}.{type(value).__qualname__}, which NumPy cannot read: {error}"
        raise ArgumentError.because("E0301", message, help) from error


def _from_dlpack(value: Any) -> np.ndarray:
    # NumPy knows no `bfloat16`; PyTorch can show the same bits as integers.
    if str(getattr(value, "dtype", "")) == "torch.bfloat16":
        import torch

        return np.from_dlpack(value.view(torch.int16)).view(np.uint16)
    if type(value).__module__.startswith("jax") and str(value.dtype) == "bfloat16":
        return np.asarray(value)
    return np.from_dlpack(value)


def _bits(value: np.ndarray | np.generic, name: str, is_memory: bool) -> np.ndarray:
    """`bfloat16` as its 16 bits."""
    if value.dtype.name == "bfloat16" or (is_memory and value.dtype == np.uint16):
        return np.asarray(value).view(np.uint16)
    if not is_memory and np.can_cast(value.dtype, np.float32, "same_kind"):
        if _ml_dtypes is not None:
            return np.asarray(value, dtype=_ml_dtypes.bfloat16).view(np.uint16)
        bits = np.asarray(value, dtype=np.float32).view(np.uint32).astype(np.uint64)
        # To the nearest, ties to even; NaN stays NaN.
        rounded = np.where(
            np.isnan(np.asarray(value, dtype=np.float32)), 0x7FC0, (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
        )
        return rounded.astype(np.uint16)
    message = f"{name} is bf16, the argument's elements are {value.dtype}"
    raise ArgumentError.because("E0301", message, "convert it: x.astype(ml_dtypes.bfloat16)")
