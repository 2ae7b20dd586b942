"""Writes the .mat files beside it and expected.txt, for the tests of src/io/mat. Run with SciPy in this folder: python make.py."""

import glob
import struct
import warnings
import zlib

import numpy as np
import scipy.io
import scipy.sparse
from scipy.io.matlab import MatlabFunction, MatlabObject, MatlabOpaque


# --- Files of SciPy.

ramp = np.arange(6.0).reshape(2, 3)
numeric = {
    "double": ramp - 2.5,
    "single": ramp.astype(np.float32),
    "number": 3.5,
    "row": np.array([[1.0, 2.0, np.nan, np.inf]]),
    "column": np.array([[1.0], [2.0]]),
    "vector": np.array([7, 8, 9]),
    "cube": np.arange(24).reshape(2, 3, 4),
    "empty": np.zeros((0, 3)),
    "nothing": np.zeros((0, 0)),
    "flags": np.array([[True, False], [False, True]]),
    "sparse": scipy.sparse.csc_matrix(np.array([[0, 1.5, 0], [0, 0, 0], [2, 0, -3]])),
    "sparse_flags": scipy.sparse.csc_matrix(np.array([[True, False], [False, False]])),
}
for kind in ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]:
    numeric[kind] = (ramp * 7).astype(kind)
numeric["limits"] = np.array([-(2**63), 2**63 - 1])

cell = np.empty((1, 4), object)
cell[0, 0], cell[0, 1], cell[0, 2], cell[0, 3] = np.zeros((20, 3)), np.ones((1, 5)), "text", np.zeros((0, 0))
table = np.empty((2, 3), object)
for i in range(2):
    for j in range(3):
        table[i, j] = np.array([[10.0 * i + j]])
inner = np.empty((2, 1), object)
inner[0, 0], inner[1, 0] = cell, np.array([[1]])
trials = np.empty((1, 3), [("spikes", object), ("rate", object), ("label", object)])
for k in range(3):
    trials[0, k] = (np.arange(k + 1.0), np.array([[0.5 * k]]), f"trial {k}")
nested = {
    "cell": cell,
    "table": table,
    "inner": inner,
    "no_cells": np.empty((0, 0), object),
    "text": "größe β",
    "rows": np.array(["one", "three", "no"]),
    "record": {"x": ramp, "name": "a record", "deep": {"y": np.array([[1.0]]), "cells": cell}},
    "trials": trials,
}

for compressed in [False, True]:
    ending = "z" if compressed else ""
    scipy.io.savemat(f"scipy_numeric{ending}.mat", numeric, do_compression=compressed)
    scipy.io.savemat(f"scipy_nested{ending}.mat", nested, do_compression=compressed)
scipy.io.savemat("scipy_unsigned.mat", {"fine": 1.0, "large": np.array([[1, 2], [2**63, 3]], np.uint64)})
scipy.io.savemat("scipy_complex.mat", {"fine": 1.0, "s": {"z": np.array([[1 + 2j]])}})
wide = scipy.sparse.csc_matrix(([1.0], ([5], [7])), shape=(100000, 100000))
scipy.io.savemat("scipy_wide_sparse.mat", {"wide": wide}, do_compression=True)


# --- Files as MATLAB writes them.

CODES = {"b": 1, "B": 2, "h": 3, "H": 4, "i": 5, "I": 6, "f": 7, "d": 9, "q": 12, "Q": 13}


class Writer:
    def __init__(self, order):
        self.order = order

    def piece(self, code, data):
        if len(data) <= 4 and code != 14:
            small = struct.pack(self.order + "I", len(data) << 16 | code)
            return small + data.ljust(4, b"\0")
        tag = struct.pack(self.order + "II", code, len(data))
        return tag + data + b"\0" * (-len(data) % 8)

    def numbers(self, kind, values):
        return self.piece(CODES[kind], struct.pack(f"{self.order}{len(values)}{kind}", *values))

    def matrix(self, name, class_and_flags, shape, body):
        head = self.piece(6, struct.pack(self.order + "II", class_and_flags, 0))
        return self.piece(14, head + self.numbers("i", shape) + self.piece(1, name.encode()) + body)

    def file(self, matrices, compress):
        mark = b"\0\1IM" if self.order == "<" else b"\1\0MI"
        whole = b"MATLAB 5.0 MAT-file, made by make.py".ljust(116) + b"\0" * 8 + mark
        for matrix in matrices:
            if compress:
                packed = zlib.compress(matrix)
                matrix = struct.pack(self.order + "II", 15, len(packed)) + packed
            whole += matrix
        return whole


for order, name in [("<", "little"), (">", "big")]:
    w = Writer(order)
    field_names = b"a\0\0\0b\0\0\0"
    records = b"".join(
        w.matrix("", 6, [1, k + 1], w.numbers("B", range(k + 1))) + w.matrix("", 4, [1, 2], w.piece(4, struct.pack(order + "2H", 111, 107)))
        for k in range(2)
    )
    matrices = [
        w.matrix("packed8", 6, [2, 3], w.numbers("B", [1, 2, 3, 4, 5, 255])),
        w.matrix("packed16", 6, [1, 3], w.numbers("h", [-300, 0, 300])),
        w.matrix("packed32", 7, [1, 2], w.numbers("i", [-70000, 70000])),
        w.matrix("wide", 14, [1, 2], w.numbers("q", [-(2**62), 2**62])),
        w.matrix("flag", 9 | 0x200, [1, 1], w.numbers("B", [1])),
        w.matrix("trials", 2, [1, 2], w.numbers("i", [4]) + w.piece(1, field_names) + records),
        w.matrix("cells", 1, [1, 2], w.piece(14, b"") + w.matrix("", 6, [2, 2], w.numbers("d", [1, 2, 3, 4.5]))),
    ]
    for compress in [False, True]:
        with open(f"packed_{name}{'z' if compress else ''}.mat", "wb") as file:
            file.write(w.file(matrices, compress))


# --- What SciPy reads.

def floats(values):
    return [repr(float(v)) if not np.isnan(v) else "nan" for v in values]


def show(value):
    if isinstance(value, (MatlabObject, MatlabFunction, MatlabOpaque)):
        raise TypeError("an object")
    if scipy.sparse.issparse(value):
        # In MATLAB a sparse matrix is of doubles or of truth values, however it is stored.
        value = value.toarray().astype(value.dtype if value.dtype.kind in "bc" else float)
    if value.dtype.kind == "c" or value.dtype == np.uint64 and value.size and value.max() >= 2**63:
        raise TypeError("complex, or too large")
    if value.shape == (1, 0) and value.dtype == float:
        # A cell without bytes, which is MATLAB's [].
        value = value.reshape(0, 0)
    if isinstance(value, str):
        return repr_text(value)
    if value.dtype.names is not None:
        records = [record(value.dtype.names, item) for item in value.ravel()]
        return records[0] if value.size == 1 else sequence(records, value.shape)
    if value.dtype == object:
        return sequence([show(item) for item in value.ravel()], value.shape)
    if value.dtype.kind == "U":
        texts = [repr_text(str(t).rstrip(" ") if value.size > 1 else str(t)) for t in value.ravel()]
        if value.size == 0:
            return '""'
        return texts[0] if value.size == 1 else "list(" + ", ".join(texts) + ")"
    kind = {"f8": "f64", "f4": "f32"}.get(value.dtype.str[1:], "bool" if value.dtype == bool else "i64")
    elements = floats(value.ravel()) if kind[0] == "f" else [str(v).lower() for v in value.ravel().tolist()]
    if kind == "f32":
        elements = [str(v) for v in value.ravel()]
    return f"{kind}[{', '.join(map(str, value.shape))}]({' '.join(elements)})"


def repr_text(text):
    return '"' + text.replace("\n", "\\n") + '"'


def record(names, item):
    return "(" + ", ".join(f"{name}={show(item[name])}" for name in names) + ")"


def sequence(items, shape):
    if not items:
        return "list()"
    array = np.empty(len(items), object)
    array[:] = items
    axes = [size for size in shape if size != 1] or [1]

    def level(part):
        return part if isinstance(part, str) else "list(" + ", ".join(level(p) for p in part) + ")"

    return level(array.reshape(axes))


warnings.simplefilter("ignore")
with open("expected.txt", "w") as out:
    for path in sorted(glob.glob("*.mat") + glob.glob("matlab/*.mat")):
        try:
            variables = scipy.io.loadmat(path, mat_dtype=True)
            # With MATLAB's types SciPy drops imaginary parts; without, `show` sees them.
            for name, v in scipy.io.loadmat(path).items():
                if name[:2] != "__":
                    show(v)
            # SciPy writes that a sparse matrix is of truth values, and forgets it when it reads.
            variables = {name: v.astype(bool) if name == "sparse_flags" else v for name, v in variables.items() if name[:2] != "__"}
            shown = [f"{path} {name}={show(v)}" for name, v in variables.items()]
        except Exception as error:
            shown = [f"{path} cannot be read"]
        out.writelines(line + "\n" for line in shown or [f"{path} cannot be read"])
