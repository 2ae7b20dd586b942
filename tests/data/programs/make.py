"""Writes files for the programs in tests/programs/formats.tome. Run with SciPy in this folder: python make.py."""

import json
import struct

import numpy as np
import scipy.io

for k, n in [(1, 2), (2, 3), (10, 1)]:
    np.save(f"trials/x{k}.npy", np.arange(k, k + n, dtype=float))

x = np.arange(1.0, 7).reshape(2, 3)
scipy.io.savemat("all.mat", {"x": x, "v": np.array([[0.5, 1.0, 2.0]]), "k": 3.0})
cells = np.empty((1, 2), object)
cells[0, 0], cells[0, 1] = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0], [5.0]])
trials = np.array([(np.array([[1.0, 2.0]]), "left"), (np.array([[3.0]]), "right")], [("t", object), ("side", object)])
scipy.io.savemat("session.mat", {"spikes": cells, "trials": trials, "subject": "S1"}, do_compression=True)

tensors = {"layers.0.w": x.astype(np.float32), "layers.1.w": x.astype(np.float32)[:1], "k": np.array(3)}
header, body = {}, b""
for name, array in tensors.items():
    dtype = {"f": "F32", "i": "I64"}[array.dtype.kind]
    header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [len(body), len(body) + array.nbytes]}
    body += array.tobytes()
text = json.dumps(header).encode()
open("net.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + body)
