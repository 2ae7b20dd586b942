"""Stubs for type checkers, with the shapes of arrays.

In: a program. Out: the text of a `.pyi`, in which arrays are annotated as jaxtyping does.
Always holds: a size of the language has the same name in the stub.
"""

from __future__ import annotations

from ._kernel import Kernel, python_name
from ._program import Program

_HEAD = """\
# Written by `python -m microtome stubs`.
from typing import Any

import microtome as mt
import numpy as np
from jaxtyping import {arrays}

"""


def stubs(program: Program | Kernel) -> str:
    """The text of a stub file for the functions of a program, or for one kernel.

    With `kernels.py` that binds them to module-level names, save it beside it as `kernels.pyi`; jaxtyping is needed only
    where types are checked.
    """
    kernels = [program] if isinstance(program, Kernel) else list(program.values())
    functions = [_function(kernel) for kernel in kernels]
    text = "\n".join(functions)
    names = ("BFloat16", "Bool", "Float16", "Float32", "Float64", "Int64")
    arrays = ", ".join(name for name in names if f"{name}[" in text)
    head = _HEAD.format(arrays=arrays) if arrays else _HEAD.replace("from jaxtyping import {arrays}\n", "")
    return f"{head}\n{text}"


def _function(kernel: Kernel) -> str:
    signature = kernel.__signature__
    listed = [f"{name}: {parameter.annotation}" for name, parameter in signature.parameters.items()]
    listed += ["*", "out: Any = None"]
    documentation = "\n    ".join([f'"""{kernel.signature}', *kernel._core.documentation.splitlines()])
    head = f"def {python_name(kernel.name)}({', '.join(listed)}) -> {signature.return_annotation}:"
    return f'{head}\n    {documentation}"""\n'
