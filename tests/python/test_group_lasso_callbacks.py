"""What scikit-learn's callbacks see of a fit, and interruption."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from cvxnn.group_lasso import GroupLasso, GroupLassoClassifier, GroupLassoCV

callbacks = pytest.importorskip("sklearn.callback")


class Recorder:
    """Writes down which tasks begin and end."""

    def __init__(self):
        self.begun, self.ended = [], []
        self.fitted, self.metadata = [], []

    def setup(self, estimator, context):
        self.begun.append("setup")

    def teardown(self, estimator, context):
        self.ended.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.begun.append(context.task_name)
        self.max_subtasks = context.max_subtasks if context.parent is None else self.max_subtasks

    def on_fit_task_end(self, estimator, context, *, metadata=None, fitted_estimator=None):
        self.ended.append(context.task_name)
        self.metadata.append(metadata)
        self.fitted.append(fitted_estimator)


def data():
    random = np.random.default_rng(0)
    X = random.standard_normal((60, 30))
    return X, X[:, :4].sum(axis=1) + random.standard_normal(60)


def test_rounds():
    X, y = data()
    recorder = Recorder()
    model = GroupLasso(0.02, groups=3).set_callbacks(recorder).fit(X, y)
    rounds = len(recorder.begun) - 2
    assert rounds >= 1
    assert recorder.begun == ["setup", "fit"] + ["round"] * rounds
    assert recorder.ended == ["round"] * rounds + ["fit", "teardown"]
    assert recorder.max_subtasks is None
    assert recorder.metadata[rounds - 1]["relative_gap"] == pytest.approx(model.relative_gap_)
    assert np.array_equal(recorder.fitted[-1].predict(X), model.predict(X))
    silent = GroupLasso(0.02, groups=3).fit(X, y)
    assert np.array_equal(silent.coef_, model.coef_)


def test_folds():
    recorder = Recorder()
    GroupLassoCV(n_alphas=4, cv=3, groups=3).set_callbacks(recorder).fit(*data())
    assert recorder.begun == ["setup", "fit", "fold", "fold", "fold", "all samples"]
    assert recorder.ended == ["fold", "fold", "fold", "all samples", "fit", "teardown"]
    assert recorder.max_subtasks == 4


def test_scores():
    X, y = data()
    monitor = callbacks.ScoringMonitor(scoring="accuracy")
    model = GroupLassoClassifier(0.02).set_callbacks(monitor).fit(X, y > 0.0)
    [entry] = monitor.get_logs().data
    assert entry["accuracy"] == model.score(X, y > 0.0)


def test_errors_end_the_tasks():
    recorder = Recorder()
    recorder.on_fit_task_begin = lambda estimator, context: fail(context)
    model = GroupLasso(0.02).set_callbacks(recorder)
    with pytest.raises(RuntimeError, match="enough"):
        model.fit(*data())
    assert recorder.ended[-1] == "teardown"
    model.set_callbacks().fit(*data())
    assert model.status_ == "converged"


def fail(context):
    if context.task_name == "round":
        raise RuntimeError("enough")


class Impatient(Recorder):
    """Asks to stop after the first round."""

    def on_fit_task_end(self, estimator, context, *, metadata=None, fitted_estimator=None):
        super().on_fit_task_end(
            estimator, context, metadata=metadata, fitted_estimator=fitted_estimator
        )
        return context.task_name == "round"


def test_stopped_by_a_callback():
    X, y = data()
    recorder = Impatient()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = GroupLasso(0.02, groups=3, tol=1e-14).set_callbacks(recorder).fit(X, y)
    assert model.status_ == "stopped"
    assert recorder.ended == ["round", "fit", "teardown"]
    assert 1e-14 < model.relative_gap_ < 1.0
    assert model.score(X, y) > 0.0
