"""Microtome: a small array language compiled to native code, on NumPy arrays.

    import microtome as mt
    import numpy as np

    @mt.kernel
    def second_moment(x, y, w):
        '''
        fn second_moment(x: f64[n, d], y: f64[n], w: f64[d]) -> f64[d] {
            let c = [(dot(x[i], w) - y[i])^2 for i in 0:n]
            mean(grad(c[i], w)^2 for i in 0:n)
        }
        '''

    second_moment(np.ones((3, 2)), np.zeros(3), w=np.ones(2))

`compile` and `compile_file` give a program, whose functions are its items: `mt.compile(source)["f"]`.
"""

import os as _os

from . import _core
from ._errors import (
    ArgumentError,
    CompileError,
    Diagnostic,
    Error,
    Label,
    MicrotomeWarning,
    Place,
    RunError,
    VersionError,
)
from ._kernel import Explanation, Kernel, Record
from ._program import Program, compile, compile_file, kernel
from ._stubs import stubs

__version__: str = _core.__version__

num_threads = _core.num_threads
set_num_threads = _core.set_num_threads

if hasattr(_os, "register_at_fork"):
    _os.register_at_fork(after_in_child=_core.after_fork)

__all__ = [
    "ArgumentError",
    "CompileError",
    "Diagnostic",
    "Error",
    "Explanation",
    "Kernel",
    "Label",
    "MicrotomeWarning",
    "Place",
    "Program",
    "Record",
    "RunError",
    "VersionError",
    "compile",
    "compile_file",
    "kernel",
    "num_threads",
    "set_num_threads",
    "stubs",
]
