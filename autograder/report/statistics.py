"""The figures of a class: how points are spread, and what each problem tells of who has them.

Classical item analysis. Where a figure rests on few submissions its interval says so, and nothing
is flagged.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]

from autograder.report.classwork import Classwork

Numbers = NDArray[np.float64]

MAX_BARS = 25
"""Of the distribution of points: more could not be told apart in a picture."""

TAIL = 0.27
"""The share of a class that makes its upper and its lower group: with it the two differ most surely
where points are normally distributed (Kelley, "The selection of upper and lower groups for the
validation of test items", Journal of Educational Psychology 30, 1939)."""

FEWEST = 4
"""Submissions without which there is no figure: Fisher's z has no error for three."""

POOR = 0.2
"""Below it an item is called poor: of the index D, Ebel, "Measuring Educational Achievement", 1965;
of the item-total correlation, Kline, "A Handbook of Test Construction", 1986."""


@dataclass(frozen=True)
class Bar:
    """How many submissions have `low` to `high` points, both included."""

    low: float
    high: float
    judged: int
    unjudged: int


@dataclass(frozen=True)
class Discrimination:
    """How far a problem tells those who have many points elsewhere from those who have few.

    Attributes:
        upper_lower: D, the mean share of the problem's points in the upper group less that in the
            lower; None where submissions are too few.
        correlation: of the problem's points with those of all other problems, from −1 to 1; None
            where submissions are too few, or everybody has the same of either.
        low, high: its 95 % interval (Fisher's z; rough for points that are not normal).
    """

    upper_lower: float | None
    correlation: float | None
    low: float = -1.0
    high: float = 1.0

    @property
    def is_poor(self) -> bool:
        """Whether even the upper end of the interval is poor."""
        return self.correlation is not None and self.high < POOR

    @property
    def is_good(self) -> bool:
        """Whether even the lower end of the interval is not poor."""
        return self.correlation is not None and self.low >= POOR


@dataclass(frozen=True)
class ProblemFigures:
    """One problem, over the submissions in which something was judged.

    `full`, `some` and `none` count them by points; `mean` is the mean share of the points;
    `statuses` counts all submissions.
    """

    name: str
    worth: float
    full: int
    some: int
    none: int
    mean: float | None
    statuses: Mapping[str, int]
    discrimination: Discrimination


def distribution(work: Classwork) -> list[Bar]:
    """How many submissions have how many points: from 0 to all, a bar a point where that is few."""
    most = math.ceil(sum(work.worth.values()))
    width = max(1, math.ceil((most + 1) / MAX_BARS))
    judged = work.judged
    bars = []
    for low in range(0, most + 1, width):
        inside = [name for name in work.rows if low <= work.total(name) < low + width]
        count = sum(name in judged for name in inside)
        bars.append(Bar(low, min(low + width - 1, most), count, len(inside) - count))
    return bars


def problem_figures(work: Classwork) -> list[ProblemFigures]:
    """The figures of every problem, in the notebook's order."""
    judged = work.judged
    points = np.array([[own[name].points for name in work.worth] for own in judged.values()])
    points = points.reshape(len(judged), len(work.worth))
    return [
        ProblemFigures(
            name,
            worth,
            full=int((own == worth).sum()),
            some=int(((own > 0) & (own < worth)).sum()),
            none=int((own == 0).sum()),
            mean=float(own.mean() / worth) if len(own) and worth else None,
            statuses=Counter(rows[name].status for rows in work.rows.values()),
            discrimination=discrimination(own, points.sum(1), worth),
        )
        for own, (name, worth) in zip(points.T, work.worth.items(), strict=True)
    ]


def discrimination(points: Numbers, totals: Numbers, worth: float) -> Discrimination:
    """The two usual indices of one problem.

    The correlation is with the rest of the points, so that a problem does not agree with itself
    (Henrysson, "Correction of item-total correlations in item analysis", Psychometrika 28, 1963).
    For a problem that is right or wrong it is the point-biserial correlation.

    Args:
        points: of each submission in the problem.
        totals: of each submission in all problems, this one included.
        worth: the problem's most points.
    """
    if len(points) < FEWEST:
        return Discrimination(None, None)
    upper, lower = (_tail(points, order, worth) for order in (-totals, totals))
    rest = totals - points
    if np.ptp(points) == 0 or np.ptp(rest) == 0:
        return Discrimination(upper - lower, None)
    found = stats.pearsonr(points, rest)
    low, high = found.confidence_interval()
    return Discrimination(upper - lower, float(found.statistic), float(low), float(high))


def _tail(points: Numbers, order: Numbers, worth: float) -> float:
    """The mean share of points of those who come first; who ties at the end counts in part."""
    size = TAIL * len(points)
    end = np.sort(order)[math.ceil(size) - 1]
    inside, tied = order < end, order == end
    part = (size - inside.sum()) / tied.sum()
    return float((points[inside].sum() + part * points[tied].sum()) / size / worth)
