"""Writes cases.txt: arrays and the text that NumPy gives them, for the tests of runtime/src/print.rs.

A case is a line `@ type sizes | elements`, then the text. Elements `range a b` are a, a + b, a + 2b, ... (both exact
in f64, then converted). Run with NumPy 2.4 in this folder: python make.py. NumPy's True and False become ours.
"""

import pathlib

import numpy as np

TYPES = {"bool": np.bool_, "i64": np.int64, "f16": np.float16, "f32": np.float32, "f64": np.float64}

CASES = """
f64 | 3 | 1 2.5 3
f64 | 1 | 0
f64 | 2 | -0.0 0.0
f64 | 4 | 0.1 0.2 0.30000000000000004 1e-3
f64 | 3 | 1e-4 1 2
f64 | 3 | 9.9e-5 1 2
f64 | 3 | 0.001 1 1.0
f64 | 3 | 0.001 1 1.001
f64 | 2 | 99999999 1e6
f64 | 2 | 1e8 1e7
f64 | 2 | 99999999.4 1e6
f64 | 2 | 1e-5 1e300
f64 | 2 | 1e-5 -1e-310
f64 | 3 | 3.141592653589793 2.718281828459045 -1.4142135623730951
f64 | 3 | 0.001953125 0.005859375 0.5
f64 | 2 | 1.0000000005 0.999999995
f64 | 2 | 123.456789012345 1.5
f64 | 2 | 2.2250738585072014e-308 1.7976931348623157e308
f64 | 3 | nan 1 2
f64 | 3 | inf -inf nan
f64 | 2 | inf inf
f64 | 3 | inf 1.5 100
f64 | 3 | -inf 0.5 0.25
f64 | 3 | -inf 1e10 2
f64 | 1 | nan
f64 | 2,3 | 1 2 3 4 5.5 -6
f64 | 2,2,2 | range 0 1
f64 | 2,1,2,2 | range -3 0.5
f64 | 0 |
f64 | 0,3 |
f64 | 3,0 |
f64 | 30 | range 0 0.1
f64 | 3,30 | range -1 0.37
f64 | 8 | range 1000000.123 1.5
f64 | 1001 | range 0 1
f64 | 1000 | range 0 1
f64 | 40,40 | range 0 0.25
f64 | 2,600 | range 0 0.25
f64 | 5,7,40 | range -5 0.125
f64 | 7,2,80 | range 0.001 1000
f32 | 3 | 1 2.5 3
f32 | 3 | 0.1 0.2 0.3
f32 | 3 | 1e-4 0.05 0.001
f32 | 2 | 1e-5 1.2345679e-5
f32 | 2 | 1e-5 0.012345678
f32 | 2 | 16777216 1e-3
f32 | 2 | 999999 1e5
f32 | 2 | 1e6 1e5
f32 | 2 | 3.4028235e38 1e-45
f32 | 3 | -549589.94 389420.625 -369844.125
f32 | 2 | 1.2621774483536189e-29 8192
f32 | 2,2 | 0.33333334 0.6666667 nan -1
f32 | 30,40 | range 0 0.1
f16 | 3 | 1 2.5 3
f16 | 3 | 0.1 0.2 0.3
f16 | 2 | 999 1
f16 | 2 | 1000 1
f16 | 2 | 65504 6e-8
f16 | 3 | 0.015625 0.333 5.0625
f16 | 2 | 1e-4 0.05
f16 | 3 | nan -1.5 inf
f16 | 2,3 | range -1 0.3
f16 | 30,40 | range 0 0.1
i64 | 3 | 1 -2 300
i64 | 1 | -9223372036854775808
i64 | 2,3 | range 0 1
i64 | 60 | range 0 1
i64 | 1001 | range -500 1
i64 | 4,300 | range 0 1
bool | 3 | 1 0 1
bool | 2,2 | 1 1 1 1
bool | 20 | range 0 1
"""


def case(line):
    name, sizes, elements = (part.strip() for part in line.split("|"))
    shape = tuple(int(size) for size in sizes.split(","))
    count = int(np.prod(shape))
    words = elements.split()
    if words and words[0] == "range":
        values = float(words[1]) + float(words[2]) * np.arange(count)
        array = values.astype(TYPES[name])
    elif name == "i64":
        array = np.array([int(word) for word in words], np.int64)
    else:
        array = np.array([float(word) for word in words]).astype(TYPES[name])
    text = str(array.reshape(shape)).replace("True", "true").replace("False", "false")
    return f"@ {name} {sizes} | {elements}\n{text}\n"


pathlib.Path("cases.txt").write_text("".join(case(line) for line in CASES.strip().splitlines()))
