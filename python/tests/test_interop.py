"""Arrays of other packages: DLPack, `__array__`, `bfloat16`; with PyTorch and JAX where they are installed."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import microtome as mt

PROGRAM = mt.compile("""
    fn double(x: f32[n, m]) = x * 2
    fn same(x: bf16[n]) = x
    fn twice(x: bf16[n], k: bf16) = x * k
    fn truths(q: bool[n]) = count(q)
""")
double = PROGRAM["double"]


class Tensor:
    """What another package has in its memory."""

    def __init__(self, array):
        self.array = array
        self.taken = 0

    def __dlpack__(self, **options):
        self.taken += 1
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_dlpack_in_and_out():
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensor = Tensor(x[:, ::-1])
    assert_array_equal(double(tensor), 2 * x[:, ::-1])
    assert tensor.taken == 1
    again = np.from_dlpack(double(x))
    assert_array_equal(again, 2 * x)


def test_a_tensor_that_cannot_be_read_here():
    class Elsewhere(Tensor):
        def __dlpack_device__(self):
            return (2, 0)

        def __dlpack__(self, **options):
            raise BufferError("the memory is on the device cuda:0")

    with pytest.raises(mt.ArgumentError, match="the memory is on the device cuda:0"):
        double(Elsewhere(np.ones((1, 1), np.float32)))
    with pytest.raises(mt.ArgumentError, match="elements are float64"):
        double(Tensor(np.ones((1, 1))))


def test_whatever_has_an_array():
    class Frame:
        def __array__(self, dtype=None, copy=None):
            return np.ones((2, 2), np.float32)

    assert_array_equal(double(Frame()), np.full((2, 2), 2.0))


def test_bfloat16_of_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = np.array([1.0, -2.5, np.inf, 3.0e38], ml_dtypes.bfloat16)
    for view in [x, x[::-1]]:
        result = PROGRAM["same"](view)
        assert result.dtype == x.dtype
        assert_array_equal(result, view)
    target = np.zeros(2, ml_dtypes.bfloat16)
    PROGRAM["twice"](x[:2], 2.0, out=target)
    assert_array_equal(target, np.array([2.0, -5.0], ml_dtypes.bfloat16))
    with pytest.raises(mt.ArgumentError, match="is bf16, the argument's elements are float32"):
        PROGRAM["same"](np.ones(2, np.float32))


def test_bfloat16_without_ml_dtypes(monkeypatch):
    from microtome import _arrays

    values = np.array([0.0, 1.0, -2.5, 1 + 2**-9, 1 + 3 * 2**-9, np.inf, np.nan], np.float32)
    with_it = np.asarray(PROGRAM["same"](list(map(float, values)))).astype(np.float32)
    monkeypatch.setattr(_arrays, "_ml_dtypes", None)
    without = PROGRAM["same"](list(map(float, values)))
    assert without.dtype == np.float32
    assert_array_equal(without, with_it)
    assert_array_equal(without, np.array([0.0, 1.0, -2.5, 1.0, 1 + 2**-7, np.inf, np.nan], np.float32))


def test_pytorch():
    torch = pytest.importorskip("torch", reason="tensors of PyTorch are tested where it is installed")
    x = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    result = torch.from_dlpack(double(x.T))
    assert torch.equal(result, 2 * x.T)
    assert PROGRAM["truths"](torch.tensor([True, False, True])) == 2
    brain = torch.tensor([1.0, -2.5], dtype=torch.bfloat16)
    assert_array_equal(np.asarray(PROGRAM["same"](brain)).astype(np.float32), [1.0, -2.5])
    with pytest.raises(mt.ArgumentError, match="detach"):
        double(x.requires_grad_())


def test_jax():
    jnp = pytest.importorskip("jax.numpy", reason="arrays of JAX are tested where it is installed")
    x = jnp.arange(6, dtype=jnp.float32).reshape(2, 3)
    assert_array_equal(double(x), 2 * np.asarray(x))
    assert_array_equal(
        np.asarray(PROGRAM["same"](jnp.array([1.0, -2.5], jnp.bfloat16))).astype(np.float32), [1.0, -2.5]
    )
    assert double(x=jnp.ones((1, 1), jnp.float32)) == 2.0
