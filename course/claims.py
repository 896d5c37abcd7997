"""Claims of a lecture: asserted over seeds, and seen to fail where their cause is taken away."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from IPython.display import display

MIME = "application/vnd.course.claim+json"
FEWEST = 3


@dataclass(frozen=True)
class Claim:
    """What was claimed, and the figures that bear it.

    Attributes:
        statement: the claim, as the text states it.
        figure: what was measured, with its unit.
        values: the figure, once per seed (or what `each` names); each lies within the bounds.
        above, below: the bounds that are asserted, None for none.
        without: how the cause was taken away ("with an RNN in its place").
        broken: the same figure then, as often; each lies outside the bounds.
        each: what the values are of: "seeds", "sizes", "repetitions".
    """

    statement: str
    figure: str
    values: tuple[float, ...]
    above: float | None
    below: float | None
    without: str
    broken: tuple[float, ...]
    each: str = "seeds"

    def admits(self, value: float) -> bool:
        """Whether a figure is as claimed; NaN never is."""
        over = self.above is None or value > self.above
        under = self.below is None or value < self.below
        return value == value and over and under

    @property
    def bounds(self) -> str:
        """What is asserted, in words."""
        ends = (("above", self.above), ("below", self.below))
        return " and ".join(f"{word} {end:.3g}" for word, end in ends if end is not None)

    def __str__(self) -> str:
        return (
            f"Claim: {self.statement}.\n"
            f"  {self.figure}: {_range(self.values, self.each)}, asserted {self.bounds}: holds\n"
            f"  {self.without}: {_range(self.broken, self.each)}: does not hold, as it should be"
        )


def claim(
    statement: str,
    *,
    figure: str,
    values: Sequence[float],
    above: float | None = None,
    below: float | None = None,
    without: str,
    broken: Sequence[float],
    each: str = "seeds",
) -> None:
    """Assert a claim over seeds, and that it fails with its cause taken away; show both.

    The arguments are the attributes of `Claim`.

    Raises:
        ValueError: fewer than three values, or no bound.
        AssertionError: the claim does not hold for a value, or holds without its cause.
    """
    measured, removed = tuple(map(float, values)), tuple(map(float, broken))
    made = Claim(statement, figure, measured, above, below, without, removed, each)
    if min(len(measured), len(removed)) < FEWEST:
        raise ValueError(f"a claim needs at least {FEWEST} {each} on both sides")
    if above is None and below is None:
        raise ValueError("a claim needs a bound: above, below, or both")
    if not all(map(made.admits, measured)):
        raise AssertionError(f"{figure}: {_range(measured, each)}, not always {made.bounds}")
    if any(map(made.admits, removed)):
        raise AssertionError(f"{without}, {figure}: {_range(removed, each)}, still {made.bounds}")
    display({"text/plain": str(made), MIME: asdict(made)}, raw=True)


def _range(values: Sequence[float], each: str) -> str:
    return f"{min(values):.3g} to {max(values):.3g} ({len(values)} {each})"
