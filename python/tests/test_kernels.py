"""Kernels as objects: the decorator, what they show of themselves, pickles, processes, interrupts."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import microtome as mt


@mt.kernel
def norms(x):
    """
    # The length of each row.
    fn norms(x: f64[n, d]) -> f64[n] = [sqrt(square(x[i])) for i in 0:n]

    fn square(x: f64[n]) -> f64 = sum(x^2)
    """


def test_a_decorated_function_is_a_kernel():
    assert_array_equal(norms(np.array([[3.0, 4.0]])), [5.0])
    assert norms.__name__ == "norms" and norms.__module__ == __name__
    assert norms.__doc__ == "fn norms(x: f64[n, d]) -> f64[n]\n\nThe length of each row."
    assert norms.source.startswith("\n# The length")


def test_a_decorated_function_that_does_not_fit_its_program():
    def bare(x):
        pass

    def other(x):
        "fn another(x: f64) = x"

    def renamed(y):
        "fn renamed(x: f64) = x"

    def wrong(x):
        "fn wrong(x: f64) = z"

    for function, message in [
        (bare, "is the program, and there is none"),
        (other, "has `another`, and none that is called `other`"),
        (renamed, r"has the parameters \(y\), and its program `fn renamed\(x: f64\) -> f64` has \(x\)"),
        (wrong, "E0201"),
    ]:
        with pytest.raises(mt.CompileError, match=message):
            mt.kernel(function)


def test_what_a_kernel_shows(rows):
    assert repr(rows) == "<microtome fn rows(x: f64[n, d], w: f64[d], c: f64) -> f64[n]>"
    assert "fn rows(x: f64[n, d], w: f64[d], c: f64) -&gt; f64[n]" in rows._repr_html_()
    escaped = mt.compile("# a <b> & c\nfn f(x: f64) = if x < 1 { x } else { 1.0 }")["f"]._repr_html_()
    assert "a &lt;b&gt; &amp; c" in escaped and "x &lt; 1" in escaped
    assert "graph rows" in rows.emit("graph") and "rows" in rows.explain()
    with pytest.raises(ValueError, match='no stage is called "loop"; there are tokens, ast, graph'):
        rows.emit("loop")
    program = mt.compile("fn f(x: f64) = x\nfn g(x: f64) = x")
    assert repr(program) == "<microtome program: f, g>" and "fn g" in program._repr_html_()
    assert program["f"] is program["f"] and program["f"] != program["g"]


def test_annotations_and_stubs():
    program = mt.compile("""
        # Rows, weighted.
        fn f(x: f64[n, 2*d + 1], w: f32[n], k: i64, q: (bool, f16[n])) = (x, w[w > 0], k)
        fn lambda(y: f64) = y
    """)
    text = mt.stubs(program)
    assert (
        'def f(x: Float64[np.ndarray, "n 2*d+1"], w: Float32[np.ndarray, "n"], k: int, q: tuple[bool, Float16[np.ndarray, "n"]]'
        in text
    )
    assert '-> tuple[Float64[np.ndarray, "n 2*d+1"], Float32[np.ndarray, "_"], int]:' in text
    assert "from jaxtyping import Float16, Float32, Float64\n" in text and "Rows, weighted." in text
    assert "def lambda_(y: float, *, out: Any = None) -> float:" in text
    compile(text, "kernels.pyi", "exec")


def test_stubs_mean_something_to_jaxtyping():
    pytest.importorskip("jaxtyping", reason="annotations are evaluated where jaxtyping is installed")
    exec(mt.stubs(mt.compile("fn f(x: f64[n, 2*d + 1], w: bf16[?], k: f32[3]) = (x, k, sum(w))")), {})


def test_stubs_from_the_command_line(tmp_path):
    path = tmp_path / "k.tome"
    path.write_text("fn f(x: f64[n]) = sum(x)")
    command = [sys.executable, "-m", "microtome", "stubs"]
    run = subprocess.run([*command, str(path)], capture_output=True, text=True)
    assert run.returncode == 0 and 'def f(x: Float64[np.ndarray, "n"], *, out: Any = None) -> float:' in run.stdout
    path.write_text("fn f(x: f64[n]) = sum(y)")
    run = subprocess.run([*command, str(path)], capture_output=True, text=True)
    assert run.returncode == 1 and "E0201" in run.stderr and "Traceback" not in run.stderr
    assert subprocess.run(command, capture_output=True).returncode == 2


def test_a_pickle_is_source_and_is_built_once(rows):
    data = pickle.dumps(rows)
    assert b"fn rows" in data and len(data) < 1000
    first, second = pickle.loads(data), pickle.loads(data)
    assert first is second and first == rows and hash(first) == hash(rows)
    assert_array_equal(first(np.ones((1, 2)), np.ones(2), 1.0), [3.0])
    assert pickle.loads(pickle.dumps(norms))(np.ones((1, 4))) == [2.0]


def test_a_pickle_with_imports_needs_no_file(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/one.tome").write_text("fn one(x: f64) = x + 1")
    (tmp_path / "main.tome").write_text('import "lib/one.tome"\nfn two(x: f64) = one(one(x))')
    data = pickle.dumps(mt.compile_file(tmp_path / "main.tome")["two"])
    (tmp_path / "lib/one.tome").unlink()
    (tmp_path / "main.tome").unlink()
    assert pickle.loads(data)(1.0) == 3.0


def test_a_pickle_of_another_version_is_refused_with_both(rows):
    rebuild, (texts, name, signature, version) = rows.__reduce__()
    with pytest.raises(mt.VersionError, match=f"pickled by microtome 0.0.7, this is microtome {version}"):
        rebuild(texts, name, signature, "0.0.7")
    with pytest.raises(mt.VersionError, match="damaged"):
        rebuild(texts, name, "fn rows(x: f64) -> f64", version)
    with pytest.raises(mt.VersionError, match="damaged"):
        rebuild(texts, "row", signature, version)
    with pytest.raises(mt.CompileError):
        rebuild((("rows.tome", "fn rows("),), name, signature, version)


def test_a_program_does_not_pickle():
    with pytest.raises(TypeError, match="its kernels do"):
        pickle.dumps(mt.compile("fn f(x: f64) = x"))


# Other packages, and newer Pythons, warn of a fork in a process with threads.
@pytest.mark.filterwarnings("ignore")
def test_processes_get_kernels(rows):
    x, w = np.ones((2, 3)), np.ones(3)
    for method in ["spawn", "fork"]:
        if method not in multiprocessing.get_all_start_methods():
            continue
        # Threads of this process must not be waited for in the other.
        mt.compile("fn total(x: f64[n]) = sum(sqrt(x))")["total"](np.ones(1_000_000))
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
            assert_array_equal(pool.submit(rows, x, w, 1.0).result(), [4.0, 4.0])
            total = mt.compile("fn total(x: f64[n]) = sum(sqrt(x))")["total"]
            assert pool.submit(total, np.ones(1_000_000)).result() == 1_000_000.0


posix = pytest.mark.skipif(os.name != "posix", reason="signals are sent to processes on POSIX only")


@pytest.fixture
def interruptible():
    """Python's own handler, also where the tests were started in the background of a shell that ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@posix
def test_ctrl_c_stops_a_kernel(long, interruptible):
    before = signal.getsignal(signal.SIGINT)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        long(1_000_000_000_000)
    timer.join()
    assert signal.getsignal(signal.SIGINT) is before
    assert long(10) > 0


@posix
def test_a_handler_of_one_s_own_is_called(long):
    called = []
    before = signal.signal(signal.SIGINT, lambda *_: called.append(True))
    try:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(mt.RunError, match="E0505"):
            long(1_000_000_000_000)
    finally:
        signal.signal(signal.SIGINT, before)
    assert called == [True]
    assert long(10) > 0


@posix
def test_who_ignores_ctrl_c_goes_on_ignoring_it(long):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        assert long(50_000_000) > 0
    finally:
        signal.signal(signal.SIGINT, before)


@posix
def test_ctrl_c_in_the_interpreter(long, interruptible):
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        long.interpret(1_000_000_000)


def test_other_threads_run_while_a_kernel_does(long):
    done = threading.Event()
    worker = threading.Thread(target=lambda: (long(20_000_000), done.set()))
    worker.start()
    ticks = 0
    while not done.is_set():
        time.sleep(0.001)
        ticks += 1
    worker.join()
    assert ticks > 3
