"""What the tests share."""

import pytest

import microtome as mt

ROWS = """
# The weighted sum of each row, and a constant.
fn rows(x: f64[n, d], w: f64[d], c: f64) -> f64[n] = [sum(x[i] * w) + c for i in 0:n]
"""

# Counts to so many that it takes minutes.
LONG = """
fn long(n: i64) -> f64 {
    var s = 0.0
    for i in 0:n { s = sqrt(s + f64(i)) }
    s
}
"""


@pytest.fixture(scope="session")
def rows() -> mt.Kernel:
    return mt.compile(ROWS, "rows.tome")["rows"]


@pytest.fixture(scope="session")
def long() -> mt.Kernel:
    return mt.compile(LONG)["long"]
