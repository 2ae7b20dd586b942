"""An estimator for scikit-learn whose loss, gradient and standard errors are kernels.

`RobustRegressor` fits a line through points some of which are far off: the mean of `delta² (sqrt(1 + (r / delta)²) - 1)`, which is
half the square of a small residual `r`, and grows like a large one. Its covariance is the sandwich estimate, of which the middle is
the second moment of the gradients of single examples.

    python robust_regressor.py

It works without scikit-learn; with it, it is one of its estimators, for pipelines, cross-validation and grid search.
"""

from __future__ import annotations

import numpy as np

import microtome as mt

try:
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    validate_data = check_is_fitted = None

    class BaseEstimator:
        """Nothing that is needed here."""

    class RegressorMixin:
        """Nothing that is needed here."""


PROGRAM = mt.compile("""
fn cost(X: f64[n, d], y: f64[n], w: f64[d], delta: f64) -> f64[n] {
    let r = X @ w - y
    delta^2 * (sqrt(1 + (r / delta)^2) - 1)
}

# The mean cost, its gradient and its Hessian.
fn model(X: f64[n, d], y: f64[n], w: f64[d], delta: f64) {
    let c = mean(cost(X, y, w, delta))
    (c, grad(c, w), hessian(c, w))
}

# The mean of the outer products of the gradients of single examples.
fn scatter(X: f64[n, d], y: f64[n], w: f64[d], delta: f64) -> f64[d, d] {
    let c = cost(X, y, w, delta)
    let g = [grad(c[i], w) for i in 0:n]
    g.T @ g / n
}
""")


class RobustRegressor(RegressorMixin, BaseEstimator):
    """Linear regression with the pseudo-Huber loss, by Newton's method.

    Parameters
    ----------
    delta : residuals much larger than this count linearly.
    max_iter, tol : Newton steps at most, and the size of the gradient at which to end.

    Attributes
    ----------
    coef_, intercept_ : the fit.
    standard_errors_ : of the coefficients and, last, of the intercept.
    n_iter_ : Newton steps taken.
    """

    def __init__(self, delta: float = 1.0, max_iter: int = 100, tol: float = 1e-8) -> None:
        self.delta = delta
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X, y) -> RobustRegressor:
        """Fits the model."""
        X, y = _examples(self, X, y)
        rows = np.column_stack([X, np.ones(len(X))])
        w, delta = np.zeros(rows.shape[1]), float(self.delta)
        ridge = 1e-12 * np.eye(len(w))
        cost, gradient, hessian = PROGRAM["model"](rows, y, w, delta)
        for step_count in range(1, self.max_iter + 1):
            self.n_iter_ = step_count
            step, length = np.linalg.lstsq(hessian + ridge, -gradient, rcond=None)[0], 1.0
            # Halve the step until the cost falls: far from the fit the Hessian is nearly flat.
            while length > 1e-10:
                trial = PROGRAM["model"](rows, y, w + length * step, delta)
                if trial[0] <= cost:
                    w = w + length * step
                    cost, gradient, hessian = trial
                    break
                length /= 2
            if np.abs(gradient).max() <= self.tol or length <= 1e-10:
                break
        inverse = np.linalg.pinv(hessian)
        covariance = inverse @ PROGRAM["scatter"](rows, y, w, delta) @ inverse / len(rows)
        self.coef_, self.intercept_ = w[:-1], float(w[-1])
        self.standard_errors_ = np.sqrt(np.diag(covariance))
        return self

    def predict(self, X) -> np.ndarray:
        """What the model says."""
        if check_is_fitted is not None:
            check_is_fitted(self)
        return _rows(self, X) @ self.coef_ + self.intercept_


def _examples(estimator: RobustRegressor, X, y) -> tuple[np.ndarray, np.ndarray]:
    """What to learn from, by scikit-learn's rules where it is there."""
    if validate_data is not None:
        X, y = validate_data(estimator, X, y, dtype=np.float64, y_numeric=True)
    return np.asarray(X, np.float64), np.asarray(y, np.float64)


def _rows(estimator: RobustRegressor, X) -> np.ndarray:
    """What to predict for."""
    if validate_data is not None:
        X = validate_data(estimator, X, dtype=np.float64, reset=False)
    return np.asarray(X, np.float64)


def main() -> RobustRegressor:
    """Fits points of which one in ten is far off."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    y = X @ [1.0, -2.0, 0.5] + 3.0 + 0.1 * rng.normal(size=500)
    y[::10] += 20.0
    model = RobustRegressor(delta=0.1).fit(X, y)
    print("coefficients   ", model.coef_.round(3), round(model.intercept_, 3))
    print("standard errors", model.standard_errors_.round(4))
    return model


if __name__ == "__main__":
    main()
