"""Learning rates by step: a linear rise to a peak at `warmup`, and then a fall.

Each function makes a schedule: a function from the number of a step, counted from 1, to its rate.
"""

from collections.abc import Callable

Schedule = Callable[[int], float]


def inverse_sqrt(peak: float, warmup: int) -> Schedule:
    """After the peak as 1/√step (fairseq's inverse_sqrt)."""
    return lambda step: peak * min(step / warmup, (warmup / max(step, 1)) ** 0.5)


def noam(d_model: int, warmup: int) -> Schedule:
    """The paper's (section 5.3): that of 1/√step whose peak is 1/√(d_model · warmup)."""
    return inverse_sqrt((d_model * warmup) ** -0.5, warmup)


def linear_decay(peak: float, warmup: int, total: int) -> Schedule:
    """After the peak in a straight line to 0 at `total` (fairseq's polynomial_decay)."""
    return lambda step: peak * max(0.0, min(step / warmup, (total - step) / (total - warmup)))
