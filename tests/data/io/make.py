"""Writes the .npy, .npz and .safetensors files beside it, for the tests of src/io. Run with NumPy in this folder: python make.py."""

import io
import json
import struct
import zipfile

import numpy as np
from numpy.lib import format as npy_format

ramp = np.arange(6).reshape(2, 3)

for name in ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]:
    values = ramp * 1.5 - 2 if name[0] == "f" else ramp - 2 if name[0] == "i" else ramp + 200
    np.save(f"little_{name}.npy", values.astype("<" + name))
    if name[1] != "1":
        np.save(f"big_{name}.npy", values.astype(">" + name))

np.save("bool.npy", ramp % 2 == 1)
np.save("half_specials.npy", np.array([0, -0.0, 6e-8, 6.1e-5, 65504, np.inf, -np.inf, np.nan, 1 / 3], np.float16))
np.save("fortran.npy", np.asfortranarray(ramp.astype(float)))
np.save("fortran_3d.npy", np.asfortranarray(np.arange(24).reshape(2, 3, 4).astype(">i4")))
np.save("scalar.npy", np.float64(2.5))
np.save("empty.npy", np.zeros((0, 3)))
np.save("int64_limits.npy", np.array([-(2**63), 2**63 - 1]))
np.save("uint64_too_large.npy", np.array([[1, 2], [2**63, 2**64 - 1]], np.uint64))

np.save("complex.npy", np.array([1 + 2j]))
np.save("strings.npy", np.array(["a", "bc"]))
np.save("bytes.npy", np.array([b"a", b"bc"]))
np.save("objects.npy", np.array([{}, None], object))
np.save("structured.npy", np.array([(1, 2.0)], [("x", "<i4"), ("y", "<f8")]))
np.save("dates.npy", np.array(["2020-01-01"], "datetime64[D]"))

for version in [(1, 0), (2, 0), (3, 0)]:
    with open(f"version_{version[0]}.npy", "wb") as file:
        npy_format.write_array(file, ramp.astype(np.int32), version)

np.savez("stored.npz", w=ramp * 0.5, y=np.array([1, 0, 1]), flag=np.bool_(True))
np.savez_compressed("compressed.npz", zeros=np.zeros((20, 50)), ramp=ramp.astype(np.float32))
np.savez("unicode.npz", **{"größe": np.arange(3), "β": np.float32(0.5)})
np.savez("with_objects.npz", x=np.arange(2), names=np.array(["a", None], object))

with zipfile.ZipFile("no_arrays.npz", "w") as archive:
    archive.writestr("readme.txt", "nothing here")
with zipfile.ZipFile("no_members.npz", "w") as archive:
    pass

# A directory that is in order around a member whose bytes were changed.
whole = io.BytesIO()
np.savez(whole, a=np.arange(4))
damaged = bytearray(whole.getvalue())
damaged[damaged.index(b"\x93NUMPY") + 130] ^= 1
open("bad_checksum.npz", "wb").write(bytes(damaged))

# Sizes in 64 bits, as zipfile writes them when it cannot know how much will come; folders in names; a member stored
# beside one deflated.
with zipfile.ZipFile("zip64.npz", "w") as archive:
    for name, method in [("a", zipfile.ZIP_STORED), ("layer/w", zipfile.ZIP_DEFLATED), ("layer/b", zipfile.ZIP_STORED)]:
        info = zipfile.ZipInfo(name + ".npy")
        info.compress_type = method
        with archive.open(info, "w", force_zip64=True) as member:
            npy_format.write_array(member, ramp + len(name))

# The format is eight bytes of length, a header in JSON, and the elements.
tensors = {}
for name, code in [("F64", "<f8"), ("F32", "<f4"), ("F16", "<f2")]:
    tensors[name] = (ramp * 1.5 - 2).astype(code)
for name, code in [("I64", "<i8"), ("I32", "<i4"), ("I16", "<i2"), ("I8", "i1")]:
    tensors[name] = (ramp - 2).astype(code)
for name, code in [("U64", "<u8"), ("U32", "<u4"), ("U16", "<u2"), ("U8", "u1")]:
    tensors[name] = (ramp + 200).astype(code)
# The upper half of each number in single precision, all of which are exact.
tensors["BF16"] = ((ramp * 1.5 - 2).astype("<f4").view("<u4") >> 16).astype("<u2")
tensors["BOOL"] = np.array([True, False, True])
tensors["scalar"] = np.array(2.5, "<f4")
tensors["empty"] = np.zeros((0, 3), "<f4")
header, body = {"__metadata__": {"format": "pt"}}, b""
for name, array in tensors.items():
    dtype = name if name.isupper() else "F32"
    header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [len(body), len(body) + array.nbytes]}
    body += array.tobytes()
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
open("types.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + body)
