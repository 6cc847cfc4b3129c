"""What scikit-learn's callbacks see of the training of networks."""

import warnings

import numpy as np
import pytest
from helpers import gaussian_problem

from cvxnn import DeepParallelReLURegressor, ReLUClassifier, ReLURegressor, ReLURegressorCV

callbacks = pytest.importorskip("sklearn.callback")

X, Y = gaussian_problem(40, 2, seed=0)


class Recorder:
    """Writes down the tasks that end and what is told of them; stops after some rounds."""

    def __init__(self, stop_after=np.inf):
        self.ended, self.rounds, self.fitted = [], [], None
        self.stop_after = stop_after

    def setup(self, estimator, context):
        self.ended.clear()

    def teardown(self, estimator, context):
        self.ended.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, metadata=None, fitted_estimator=None):
        self.ended.append(context.task_name)
        if context.task_name == "round":
            self.rounds.append(metadata)
        else:
            self.fitted = fitted_estimator
        return len(self.rounds) >= self.stop_after


@pytest.mark.parametrize("loss", ["squared", "absolute"])
@pytest.mark.parametrize("patterns", ["auto", "exact", 20])
def test_rounds(loss, patterns):
    recorder = Recorder()
    model = ReLURegressor(0.1, loss=loss, patterns=patterns, random_state=0, n_jobs=1)
    # as large as this, so that the scaling of the problem shows
    model.set_callbacks(recorder).fit(X, 100.0 * Y)
    assert recorder.ended == ["round"] * len(model.history_) + ["fit", "teardown"]
    told = [(r["objective"], r["n_neurons"]) for r in recorder.rounds]
    assert told == [(r["objective"], r["n_neurons"]) for r in model.history_]
    assert recorder.rounds[-1]["objective"] == pytest.approx(model.certificate_.objective, rel=1e-6)
    assert recorder.rounds[-1]["lower_bound"] <= model.certificate_.objective
    assert np.array_equal(recorder.fitted.predict(X), model.predict(X))
    silent = model.set_callbacks().fit(X, 100.0 * Y)
    assert silent.certificate_.objective == recorder.fitted.certificate_.objective


def test_rounds_of_deep_networks():
    model = DeepParallelReLURegressor(0.1, branch_widths=(2, 2), tol=1e-2)
    recorder = Recorder()
    model.set_callbacks(recorder).fit(X, 100.0 * Y)
    assert recorder.ended == ["round"] * len(model.history_) + ["fit", "teardown"]
    told = [(r["objective"], r["n_neurons"]) for r in recorder.rounds]
    assert told == [(r["objective"], r["n_neurons"]) for r in model.history_]
    # what is left out in the end, to have the fewest branches, makes it no worse
    assert 0.99 * told[-1][0] <= model.certificate_.objective <= (1.0 + 1e-9) * told[-1][0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # who asks to stop is not warned
        model.set_callbacks(Recorder(stop_after=2)).fit(X, 100.0 * Y)
    assert model.status_ == "stopped"
    assert [r["objective"] for r in model.history_] == [objective for objective, _ in told[:2]]
    assert model.certificate_.verify(X, 100.0 * Y)


@pytest.mark.parametrize("loss", ["squared", "absolute"])
@pytest.mark.parametrize("d", [2, 8])
def test_stopped_by_a_callback(loss, d):
    inputs, y = gaussian_problem(40, d, seed=1)
    model = ReLURegressor(0.01, loss=loss, tol=1e-12, n_jobs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_callbacks(Recorder(stop_after=2)).fit(inputs, y)
    assert (model.status_, len(model.history_)) == ("stopped", 2)
    assert model.certificate_.relative_gap > 1e-12
    assert model.certificate_.verify(inputs, y)


def test_folds():
    recorder = Recorder()
    ReLURegressorCV(n_betas=2, cv=3, n_jobs=1).set_callbacks(recorder).fit(X, Y)
    assert recorder.ended == ["fold", "fold", "fold", "all samples", "fit", "teardown"]


def test_scores_and_bars(capsys):
    labels = np.array(["no", "yes"])[(Y > 0.0).astype(int)]
    monitor = callbacks.ScoringMonitor(scoring="accuracy")
    model = ReLUClassifier(0.1, n_jobs=1).set_callbacks(monitor, callbacks.ProgressBar())
    model.fit(X, labels)
    [entry] = monitor.get_logs().data
    assert entry["accuracy"] == model.score(X, labels)
    assert "fit" in capsys.readouterr().out
