"""Programs: text in, kernels out.

In: text, a file, or a Python function with a program as its docstring. Out: `Program`, or one kernel.
Always holds: a program that does not compile is a `CompileError` with everything that is wrong with it.
"""

from __future__ import annotations

import inspect
import os
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import _core
from ._errors import CompileError, Diagnostic
from ._kernel import Kernel


class Program(Mapping[str, Kernel]):
    """The functions of a program, by name: `program["f"]`."""

    def __init__(self, core: _core.Program) -> None:
        self._core = core
        self._kernels: dict[str, Kernel] = {}

    def __getitem__(self, name: str) -> Kernel:
        kernel = self._kernels.get(name)
        if kernel is None:
            core = self._core.kernel(name)
            if core is None:
                raise KeyError(f"there is no function {name!r}; there are {', '.join(self._core.names)}")
            # Two threads may both come here: they get the same object.
            kernel = self._kernels.setdefault(name, Kernel(core))
        return kernel

    def __iter__(self) -> Iterator[str]:
        return iter(self._core.names)

    def __len__(self) -> int:
        return len(self._core.names)

    @property
    def source(self) -> str:
        """The program's text."""
        return self._core.texts[0][1]

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files that it is made of: its own, and those it imports."""
        return tuple(name for name, _ in self._core.texts)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What the compiler warned of."""
        return tuple(Diagnostic.from_json(line) for _, line in self._core.warnings)

    def __repr__(self) -> str:
        return f"<microtome program: {', '.join(self) or 'no functions'}>"

    def _repr_html_(self) -> str:
        return "".join(kernel._repr_html_() for kernel in self.values())

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a program does not pickle; its kernels do")


def compile(source: str, name: str = "<string>") -> Program:
    """Compiles a text. `name` is what messages call it; imports are looked up beside the working folder.

    Statements outside of functions are checked, not run.
    """
    return Program(_core.compile(source, name))


def compile_file(path: str | os.PathLike[str]) -> Program:
    """Compiles a file. Imports are looked up beside it."""
    return Program(_core.compile_file(os.fspath(path)))


def kernel(function: Callable[..., Any]) -> Kernel:
    """Makes a kernel of a function whose docstring is a program: the function of the same name in it.

        @mt.kernel
        def norms(x):
            '''
            # The length of each row.
            fn norms(x: f64[n, d]) -> f64[n] = [sqrt(sum(x[i]^2)) for i in 0:n]
            '''

    The Python function is never called: its name and parameters say how the kernel is called, and have to be those of the
    program. The program may have other functions, which this one calls.
    """
    source = function.__doc__
    where = f"{function.__module__}.{function.__qualname__}"
    if not source or not source.strip():
        raise CompileError(f"the docstring of `{where}` is the program, and there is none")
    core = _core.compile(textwrap.dedent(source), where)
    found = core.kernel(function.__name__)
    if found is None:
        names = ", ".join(f"`{name}`" for name in core.names) or "no function"
        raise CompileError(f"the program of `{where}` has {names}, and none that is called `{function.__name__}`")
    made = Kernel(found)
    written = [parameter for parameter in inspect.signature(function).parameters]
    wanted = [name for name, _ in found.parameters]
    if written != wanted:
        raise CompileError(
            f"`{where}` has the parameters ({', '.join(written)}), and its program `{found.signature}` has ({', '.join(wanted)})"
        )
    made.__module__, made.__qualname__ = function.__module__, function.__qualname__
    made.__wrapped__ = function  # type: ignore[attr-defined]
    return made
