"""How far an objective is from a lower bound."""

from __future__ import annotations

from math import inf, isinf

__all__ = ["HasGap"]


class HasGap:
    """Base of the certificates: an objective, and a bound that no other is below."""

    objective: float
    lower_bound: float

    @property
    def gap(self) -> float:
        """Largest possible distance of the objective from the optimum."""
        return max(0.0, self.objective - self.lower_bound)

    @property
    def relative_gap(self) -> float:
        """The gap divided by the objective."""
        if isinf(self.objective):
            return inf
        return self.gap / abs(self.objective) if self.gap > 0.0 else 0.0
