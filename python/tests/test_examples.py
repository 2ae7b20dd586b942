"""The examples run, and agree with themselves: with and without the packages that they are about."""

import importlib.util
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

ROOT = Path(__file__).parents[2]


def example(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"python/examples/{name}.py")
    module = importlib.util.module_from_spec(spec)
    # What is pickled is looked up there.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_training_on_numpy_arrays(capsys):
    module = example("torch_second_moment")
    losses = module.train_with_numpy(40)
    assert losses[0] > 2.0 and losses[-1] < 0.5


def test_training_with_torch(capsys):
    pytest.importorskip(
        "torch", reason="the loop with PyTorch runs where it is installed; the loop on NumPy arrays is tested above"
    )
    module = example("torch_second_moment")
    losses = module.main(20)
    assert_allclose(losses, module.train_with_numpy(20), rtol=1e-3)
    assert "loss" in capsys.readouterr().out


def test_the_estimator(capsys):
    model = example("robust_regressor").main()
    assert_allclose(model.coef_, [1.0, -2.0, 0.5], atol=0.05)
    assert_allclose(model.intercept_, 3.0, atol=0.05)
    assert "standard errors" in capsys.readouterr().out
    assert_allclose(model.predict(np.zeros((2, 3))), [model.intercept_] * 2)


def test_the_estimator_by_scikit_learn_s_rules():
    checks = pytest.importorskip(
        "sklearn.utils.estimator_checks", reason="scikit-learn checks its estimators where it is installed"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checks.check_estimator(example("robust_regressor").RobustRegressor())


def blocks(page):
    """The Python blocks of a page; those marked `no-run` are left out."""
    text = (ROOT / page).read_text()
    return "".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))


@pytest.mark.parametrize("page", ["docs/python.md", "python/README.md"])
def test_a_page_s_code_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = compile(blocks(page), page, "exec")
    exec(program, {"__name__": "page"})
