"""Calling kernels: arguments by position and by name, arrays of any strides, results."""

import inspect
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import microtome as mt


def test_arrays_of_any_strides(rows):
    wide = np.arange(48.0).reshape(6, 8)
    w = np.array([1.0, 0.0, 2.0, -1.0])
    views = [
        wide[:, :4],
        wide[::-1, 7:3:-1],
        wide[::2, 1::2],
        np.broadcast_to(w, (6, 4)),
        wide[:4, :4].T,
        np.asfortranarray(wide[:, :4]),
    ]
    for view in views:
        assert_array_equal(rows(view, w, 1.0), view @ w + 1.0)
    assert rows(np.zeros((0, 3)), np.ones(3), 0.0).shape == (0,)
    assert_array_equal(rows(np.zeros((2, 0)), np.ones(0), 3.0), [3.0, 3.0])


def test_read_only_arrays_are_read(rows):
    x, w = np.ones((2, 3)), np.ones(3)
    x.flags.writeable = w.flags.writeable = False
    assert_array_equal(rows(x, w, 0.0), [3.0, 3.0])


def test_misaligned_and_packed_arrays_are_read(rows):
    x = np.arange(6.0).reshape(2, 3)
    shifted = np.zeros(6 * 8 + 1, np.uint8)[1:].view(np.float64).reshape(2, 3)
    assert not shifted.flags.aligned
    shifted[...] = x
    packed = np.zeros((2, 3), [("a", "f8"), ("b", "i4")])
    packed["a"] = x
    for view in [shifted, packed["a"], shifted[:, ::-1][:, ::-1]]:
        assert_array_equal(rows(view, np.ones(3), 0.0), [3.0, 12.0])


def test_arguments_by_name(rows):
    x, w = np.ones((2, 3)), np.arange(3.0)
    for result in [rows(x, w, c=1.0), rows(c=1.0, w=w, x=x), rows(x, c=1.0, w=w)]:
        assert_array_equal(result, [4.0, 4.0])
    assert list(inspect.signature(rows).parameters) == ["x", "w", "c"]
    assert rows.__name__ == "rows" and "weighted sum" in rows.__doc__


def test_names_that_python_keeps_for_itself():
    f = mt.compile("fn f(class: f64, k: f64) = class - k")["f"]
    assert f(3.0, 1.0) == f(class_=3.0, k=1.0) == f(**{"class": 3.0, "k": 1.0}) == 2.0
    with pytest.raises(mt.ArgumentError, match="missing a required argument: 'class_'"):
        f(k=1.0)


def test_numbers_and_lists_take_the_type_of_the_parameter():
    program = mt.compile("fn f(x: f32[n], k: f32) -> f32[n] = x * k\nfn g(i: i64, q: bool) = if q { i + 1 } else { i }")
    f, g = program["f"], program["g"]
    for k in [2, 2.0, np.float64(2), np.int64(2), np.array(2.0), np.float32(2)]:
        result = f([1, 2.5], k)
        assert result.dtype == np.float32
        assert_array_equal(result, [2.0, 5.0])
    assert g(1, True) == 2 and g(np.int64(5), np.bool_(False)) == 5


@pytest.mark.parametrize("name", ["float16", "float32", "float64", "int64", "bool"])
def test_every_element_type_goes_in_and_out(name):
    dtype = np.dtype(name)
    written = {"float16": "f16", "float32": "f32", "float64": "f64", "int64": "i64", "bool": "bool"}[name]
    flip = mt.compile(f"fn flip(x: {written}[n, m]) = x.T")["flip"]
    x = np.arange(6).reshape(2, 3).astype(dtype)
    assert flip(x).dtype == dtype
    assert_array_equal(flip(x), x.T)


def test_results_are_what_the_function_gives():
    source = "fn all(x: f64[n]) { (sum(x), (x * 2, len(x)), x > 1) }\nfn one(x: f64[n]) = max(x)\nfn find(x: f64[n]) = x[x > 1]"
    program = mt.compile(source)
    total, (doubled, count), large = program["all"]([1.0, 2.0])
    assert total == 3.0 and isinstance(total, np.float64) and isinstance(total, float)
    assert count == 2 and isinstance(count, np.int64)
    assert_array_equal(doubled, [2.0, 4.0])
    assert_array_equal(large, [False, True])
    assert program["one"]([1.0, 2.0]) == 2.0
    assert_array_equal(program["find"](np.array([0.0, 2.0, 3.0])), [2.0, 3.0])


def test_tuples_are_tuples():
    f = mt.compile("fn f(p: (f64[n], f64), k: f64) -> f64[n] { let (v, s) = p\n v * s + k }")["f"]
    assert_array_equal(f(([1.0, 2.0], 3.0), 1.0), [4.0, 7.0])
    with pytest.raises(mt.ArgumentError, match="`p` of `f` is a tuple of 2 values"):
        f(([1.0], 2.0, 3.0), 1.0)
    with pytest.raises(mt.ArgumentError, match="part 0 of `p` of `f`"):
        f((np.ones(2, np.float32), 2.0), 1.0)


def test_results_own_their_memory_and_may_be_written_to(rows):
    result = rows(np.ones((2, 3)), np.ones(3), 0.0)
    assert result.flags.c_contiguous and result.flags.writeable
    result += 1
    assert_array_equal(result, [4.0, 4.0])


def test_results_are_written_to_given_arrays(rows):
    x, w = np.ones((3, 2)), np.array([1.0, 2.0])
    table = np.zeros((3, 3))
    for target in [table[1], table[:, 2], table[::-1, 0]]:
        assert rows(x, w, 0.0, out=target) is target
    assert_array_equal(table, 3.0 * np.array([[1, 0, 1], [1, 1, 1], [1, 0, 1]]))
    both = mt.compile("fn both(x: f64[n]) = (x * 2, sum(x))")["both"]
    doubled, total = np.zeros(2), np.zeros(())
    both([1.0, 2.0], out=(doubled, total))
    assert_array_equal(doubled, [2.0, 4.0])
    assert total == 3.0
    named = mt.compile("fn named(out: f64[n]) = out * 2")["named"]
    assert_array_equal(named(out=np.ones(2)), [2.0, 2.0])
    assert_array_equal(named.into(doubled, np.ones(2)), [2.0, 2.0])


def test_the_interpreter_agrees(rows):
    x, w = np.random.default_rng(0).normal(size=(5, 4)), np.arange(4.0)
    assert_allclose(rows(x, w, 0.5), rows.interpret(x, w, 0.5), rtol=1e-14)


def test_threads_call_one_kernel_at_once(rows):
    def work(k):
        return rows(np.full((k, 3), float(k)), np.ones(3), 0.0)

    with ThreadPoolExecutor(4) as pool:
        for k, result in enumerate(pool.map(work, range(64))):
            assert_array_equal(result, np.full(k, 3.0 * k))


def test_per_example_gradients():
    second_moment = mt.compile("""
        fn second_moment(x: f64[n, d], y: f64[n], w: f64[d]) -> f64[d] {
            let c = [(dot(x[i], w) - y[i])^2 for i in 0:n]
            mean(grad(c[i], w)^2 for i in 0:n)
        }
    """)["second_moment"]
    rng = np.random.default_rng(1)
    x, y, w = rng.normal(size=(20, 3)), rng.normal(size=20), rng.normal(size=3)
    gradients = 2 * (x @ w - y)[:, None] * x
    assert_allclose(second_moment(x, y, w), (gradients**2).mean(0), rtol=1e-12)


def test_the_number_of_threads():
    before = mt.num_threads()
    assert before >= 1
    try:
        mt.set_num_threads(3)
        assert mt.num_threads() == 3
        total = mt.compile("fn total(x: f64[n]) = sum(sqrt(x))")["total"]
        many = total(np.ones(1_000_000))
        mt.set_num_threads(1)
        assert total(np.ones(1_000_000)) == many
    finally:
        mt.set_num_threads(before)
