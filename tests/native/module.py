"""Calls every kernel of kernels.tome through its Python module, and prints what results.c prints."""
import kernels
import numpy as np


def values(count, start=0):
    return np.array([(i * 7 % 11) / 4 - 1.25 for i in range(start, start + count)])


def show(name, x):
    print(name, *[repr(v) for v in np.ravel(x).tolist()])


def fails(kind, part, call):
    try:
        call()
    except kind as error:
        assert part in str(error), error
        return error
    raise AssertionError(f"no {kind.__name__}")


x, y, w = values(240).reshape(40, 6), values(40, 5), values(6, 2)
out = kernels.second_moment(x, y, w)
show("second_moment", out)
assert np.array_equal(out, kernels.second_moment(np.asfortranarray(x), y[::-1].copy()[::-1], w))
x.setflags(write=False)
assert np.array_equal(out, kernels.second_moment(x, y, w))
wide = np.zeros((6, 2))
assert kernels.second_moment(x, y, w, out=wide[:, 1]) is not None
assert np.array_equal(wide[:, 1], out) and not wide[:, 0].any()

a, b = values(660).reshape(33, 20).astype(np.float32), values(180, 3).reshape(20, 9).astype(np.float32)
show("products", kernels.products(a, b))
for part in kernels.summary(values(40), 0.5):
    show("summary", part)
show("positive", kernels.positive(values(40)))
assert kernels.positive(-np.ones(3)).shape == (0,)
show("quotient", kernels.quotient(17, -5))
show("collatz", kernels.collatz(27))
halves = np.array([1, 2, -0.5, 65504], np.float16)
equal, chosen = kernels.chosen(np.array([True, False, False, True]), halves, True)
show("chosen", equal.astype(np.int64))
show("chosen", chosen.view(np.uint16).astype(np.int64))
show("double", kernels.double(values(40)))

kernels.threads(1)
assert np.array_equal(out, kernels.second_moment(x, y, w))
error = fails(kernels.MicrotomeError, "an integer is divided by zero", lambda: kernels.quotient(1, 0))
assert error.code == 502
fails(kernels.MicrotomeError, "has size 39, but n is 40", lambda: kernels.second_moment(x, y[1:], w))
fails(kernels.MicrotomeError, "has size 4, but n is 3", lambda: kernels.double(values(3), out=np.zeros(4)))
fails(TypeError, "convert it before the call", lambda: kernels.products(x, x))
fails(TypeError, "has 2 axes, not 1", lambda: kernels.double(x))
fails(TypeError, "no array that can be written", lambda: kernels.double(values(240), out=x.reshape(240)))
