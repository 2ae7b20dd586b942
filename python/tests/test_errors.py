"""Bad input: an exception that says what is wrong, and nothing read or written that must not be."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import microtome as mt


def test_a_program_that_does_not_compile():
    with pytest.raises(mt.CompileError) as caught:
        mt.compile("fn f(x: f64[n]) = sum(X)\nfn g(x: f64[n]) = x + yy", "slips.tome")
    error = caught.value
    assert "slips.tome:1" in str(error) and "sum(X)" in str(error)
    assert [d.code for d in error.diagnostics] == ["E0201", "E0201"]
    label = error.diagnostics[0].labels[0]
    assert (label.file, label.start.line, label.start.column) == ("slips.tome", 1, 23)
    assert error.code == "E0201" and isinstance(error, mt.Error)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is mt.CompileError and str(again) == str(error) and again.diagnostics == error.diagnostics


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(mt.CompileError, match="there is no such file"):
        mt.compile_file(tmp_path / "none.tome")


def test_files_and_their_imports(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/one.tome").write_text("fn one(x: f64) = x + 1")
    (tmp_path / "main.tome").write_text('import "lib/one.tome"\nfn two(x: f64) = one(one(x))')
    program = mt.compile_file(tmp_path / "main.tome")
    assert sorted(program) == ["one", "two"] and len(program.files) == 2
    assert program["two"](1.0) == 3.0


def test_what_a_program_does_not_have():
    program = mt.compile("fn f(x: f64) = x\nfn apply(g, x: f64) = g(x)")
    with pytest.raises(KeyError, match="there is no function 'h'; there are f"):
        program["h"]
    with pytest.raises(mt.Error, match="parameters without a type"):
        program["apply"]


WRONG = [
    (
        lambda x, w: (x.astype(np.float32), w, 0.0),
        "E0301",
        "`x` of `rows` is f64\\[_, _\\], the argument's elements are float32",
    ),
    (lambda x, w: (x, w.astype(int), 0.0), "E0301", "`w` of `rows`.*int64"),
    (lambda x, w: (x, w.astype(">f8"), 0.0), "E0301", "`w` of `rows`.*>f8"),
    (lambda x, w: (x, w + 1j, 0.0), "E0301", "complex128"),
    (lambda x, w: (x, [None] * 3, 0.0), "E0301", "object"),
    (lambda x, w: (x, "abc", 0.0), "E0301", "<U3"),
    (lambda x, w: (x, object(), 0.0), "E0301", "object"),
    (lambda x, w: (x, [[1.0], [1.0, 2.0]], 0.0), "E0301", "which NumPy cannot read"),
    (lambda x, w: (x, w, 1j), "E0301", "complex128"),
    (lambda x, w: (x, w, 2**70), "E0301", "object"),
    (lambda x, w: (x[0], w, 0.0), "E0303", "the argument has 1 axes"),
    (lambda x, w: (x, w, np.zeros(1)), "E0303", "`c` of `rows` is f64"),
    (lambda x, w: (x, w[:2], 0.0), "E0401", "axis 0 of `w`"),
    (lambda x, w: (x, w), "E0302", "missing a required argument: 'c'"),
    (lambda x, w: (x, w, 0.0, 1.0), "E0302", "too many positional arguments"),
    (lambda x, w: (np.ma.masked_array(x, x > 0), w, 0.0), "E0301", "masked"),
]


@pytest.mark.parametrize("arguments, code, message", WRONG)
def test_wrong_arguments(rows, arguments, code, message):
    with pytest.raises(mt.ArgumentError, match=message) as caught:
        rows(*arguments(np.ones((2, 3)), np.ones(3)))
    assert caught.value.code == code
    assert isinstance(caught.value, TypeError) and isinstance(caught.value, mt.RunError)


def test_wrong_names(rows):
    with pytest.raises(mt.ArgumentError, match="got an unexpected keyword argument 'v'"):
        rows(np.ones((2, 3)), np.ones(3), c=0.0, v=1.0)
    with pytest.raises(mt.ArgumentError, match="multiple values for argument 'x'"):
        rows(np.ones((2, 3)), np.ones(3), 0.0, x=np.ones((2, 3)))


def test_wrong_arrays_to_write_to(rows):
    x, w = np.ones((2, 3)), np.ones(3)
    fixed, shifted = np.zeros(2), np.zeros(17, np.uint8)[1:].view(np.float64)
    fixed.flags.writeable = False
    packed = np.zeros(2, [("a", "f8"), ("b", "i4")])["a"]
    broad = np.broadcast_to(np.zeros(1), 2)
    wrong = [
        (fixed, "read-only"),
        (broad, "read-only"),
        (shifted, "not aligned"),
        (packed, "not aligned"),
        (np.zeros(2, np.float32), "elements of the type f64, the array's are float32"),
        (np.zeros(3), "has the shape \\[2\\], the array to write to has the shape \\[3\\]"),
        (np.zeros((2, 1)), "has 2 axes"),
        ((np.zeros(2), np.zeros(2)), "gives 1 arrays, there are 2 to write to"),
        ([0.0, 0.0], "part 0 of it is float"),
        (w[:2], "shares memory with an argument"),
        (x[:, 0], "shares memory with an argument"),
    ]
    for target, message in wrong:
        with pytest.raises(mt.ArgumentError, match=message):
            rows(x, w, 0.0, out=target)
    assert_array_equal(x, 1.0)
    assert_array_equal(fixed, 0.0)
    two = mt.compile("fn two(x: f64[n]) = (x, x + 1)")["two"]
    same = np.zeros(3)
    with pytest.raises(mt.ArgumentError, match="another array to write to"):
        two(w, out=(same, same))
    assert_array_equal(rows(x, w, 0.0), [3.0, 3.0])


def test_a_check_of_the_program_fails():
    pick = mt.compile("fn pick(x: f64[n], at: i64) -> f64 = x[at]", "pick.tome")["pick"]
    assert pick([1.0, 2.0], -1) == 2.0
    with pytest.raises(mt.RunError, match="the index 2 is outside axis 0 of size 2") as caught:
        pick([1.0, 2.0], 2)
    assert caught.value.code == "E0501" and "pick.tome:1" in str(caught.value)
    assert not isinstance(caught.value, mt.ArgumentError)
    assert pick([1.0, 2.0], 0) == 1.0


def test_too_much_memory():
    table = mt.compile("fn table(x: f64[n], y: f64[n]) -> f64[n, n] = [x[i] * y[j] for i in 0:n, j in 0:n]")["table"]
    x = np.zeros(4_000_000)
    with pytest.raises(mt.RunError, match="TiB are needed"):
        table(x, x)


def test_a_view_that_is_larger_than_memory():
    total = mt.compile("fn total(x: f64[n]) = sum(x)")["total"]
    many = np.broadcast_to(np.ones(1), 1 << 44)
    for call in [total, total.interpret]:
        with pytest.raises(mt.RunError, match="128.0 TiB are needed"):
            call(many)


def test_warnings_are_told_once():
    source = "fn f(x: f64[n], w: f64) -> f64 { let c = mean(x)\n grad(c, w) }"
    f = mt.compile(source)["f"]
    with pytest.warns(mt.MicrotomeWarning, match="W0101"):
        f([1.0], 2.0)
    assert f([1.0], 2.0) == 0.0
    assert f.warnings[0].severity == "warning"
