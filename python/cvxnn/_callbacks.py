"""The tasks of a fit, as scikit-learn's callbacks see them (it has callbacks from 1.9 on)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: this scikit-learn has no callbacks."""

    def with_callbacks(method: Any) -> Any:
        """Return the method as it is."""
        return method


__all__ = ["CallbackSupportMixin", "FitTasks", "fit_tasks", "with_callbacks"]


class FitTasks:
    """The parts of a fit that callbacks are told of: rounds of the solver, or folds."""

    def __init__(self, estimator: Any, context: Any) -> None:
        self.estimator = estimator
        self.context = context

    @property
    def on_progress(self) -> Callable[[Mapping[str, Any]], bool] | None:
        """What the solver should call after each round; None if nobody listens."""
        return self._round if getattr(self.estimator, "_skl_callbacks", None) else None

    def _round(self, progress: Mapping[str, Any]) -> bool:
        """Return whether a callback asks to stop."""
        task = self.context.subcontext(task_name="round")
        task.call_on_fit_task_begin(estimator=self.estimator)
        return bool(task.call_on_fit_task_end(estimator=self.estimator, metadata=progress))

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Tell callbacks of a part of the fit, which ends with the block."""
        if self.context is None:
            yield
            return
        task = self.context.subcontext(task_name=name)
        task.call_on_fit_task_begin(estimator=self.estimator)
        yield
        task.call_on_fit_task_end(estimator=self.estimator)


@contextmanager
def fit_tasks(
    estimator: Any, X: Any, y: Any, weight: Any, n_parts: int | None = None
) -> Iterator[FitTasks]:
    """Tell callbacks that a fit begins and, after the block, that it has ended."""
    if not hasattr(estimator, "set_callbacks"):
        yield FitTasks(estimator, None)
        return
    known = {"X": X, "y": y, "metadata": {"sample_weight": weight}}
    context = estimator._init_callback_context(max_subtasks=n_parts)
    context.call_on_fit_task_begin(estimator=estimator, **known)
    yield FitTasks(estimator, context)
    context.call_on_fit_task_end(estimator=estimator, reconstruction_attributes={}, **known)
