"""A verdict as people see it: plain text everywhere, a small card in a notebook.

The card is plain HTML with a style at each part: it reads the same in JupyterLab's themes, in a
page of feedback that lets no script or sheet of styles through, and aloud.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from autograder.judge import Verdict
from autograder.picture import Matrix, Picture

_HEADLINES = {
    "correct": "correct",
    "wrong": "not right yet",
    "error": "raises an error",
    "timeout": "takes too long",
    "crashed": "breaks the process",
    "missing": "not answered yet",
    "refused": "not accepted",
}

# Blue and vermillion of Okabe and Ito: told apart by colour-blind readers, on light and dark.
_BLUE, _VERMILLION = "#0072B2", "#D55E00"
_CARD = "border-left: 4px solid {colour}; padding: 2px 12px; margin: 2px 0"
_MESSAGE = "font-family: var(--jp-code-font-family, monospace); white-space: pre-wrap"
_TABLE = "display: inline-table; margin: 6px 24px 6px 0; border-collapse: collapse"
_CELL = "padding: 1px 7px; text-align: right; background-color: rgba(0, 114, 178, {shade:.2f})"
_APART = f"; font-weight: bold; outline: 2px solid {_VERMILLION}; outline-offset: -2px"
_DARKEST = 0.45
"""How much blue the largest number gets: text stays readable on it in both themes."""


@dataclass(frozen=True)
class Card:
    """Shows a verdict: `text()` in a terminal, HTML where the front end can.

    `progress` is a line on the whole assignment, "" for none.
    """

    verdict: Verdict
    progress: str = ""

    def headline(self) -> str:
        """Problem and status in a line, with the points and cases where cases were run."""
        return " · ".join([self._status(), *self._counts()])

    def _status(self) -> str:
        mark = {"correct": "✓", "missing": "○"}.get(self.verdict.status, "✗")
        return f"{mark} {self.verdict.problem}: {_HEADLINES[self.verdict.status]}"

    def _counts(self) -> list[str]:
        verdict = self.verdict
        if not verdict.cases:
            return []
        passed = sum(done for _, done in verdict.cases)
        points = f"{verdict.points} of {verdict.max_points} points"
        return [points, f"{passed} of {len(verdict.cases)} cases pass"]

    def text(self) -> str:
        """The card as plain text."""
        lines = [self.headline(), self._message()]
        if self.verdict.picture:
            lines += _text_of(self.verdict.picture)
        return "\n".join([line for line in (*lines, self.progress) if line])

    def _message(self) -> str:
        return "" if self.verdict.status == "correct" else self.verdict.message

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()

    def html(self) -> str:
        """The card for a notebook or a feedback page; everything in it is escaped."""
        colour = _BLUE if self.verdict.status == "correct" else _VERMILLION
        counts = "".join(f" · {count}" for count in self._counts())
        parts = [f"<strong>{html.escape(self._status())}</strong>{counts}"]
        if message := self._message():
            parts.append(f'<div style="{_MESSAGE}">{html.escape(message)}</div>')
        if self.verdict.picture:
            parts.append(_html_of(self.verdict.picture))
        if self.progress:
            parts.append(f"<div>{html.escape(self.progress)}</div>")
        return f'<div style="{_CARD.format(colour=colour)}">{"".join(parts)}</div>'


# Pictures ----------------------------------------------------------------------------------------


def _text_of(picture: Picture) -> Iterator[str]:
    """Both matrices side by side, a line a row; a star marks what differs."""
    found, expected = _written(picture)
    marked = [
        [f"{'*' * bool(apart)}{number}" for number, apart in zip(*line, strict=True)]
        for line in zip(found, picture.differs, strict=True)
    ]
    width = max(len(number) for line in (*marked, *expected) for number in line) + 1
    sides = [
        ["".join(n.rjust(width) for n in line) for line in side] for side in (marked, expected)
    ]
    yield f"{picture.title}, * where they differ:"
    across = max(len(sides[0][0]), len(" yours"))
    yield f"{' yours'.ljust(across)}   expected"
    for ours, theirs in zip(*sides, strict=True):
        yield f"{ours.ljust(across)}  {theirs}"


def _html_of(picture: Picture) -> str:
    """Both matrices as tables beside each other; what differs has an outline, and a star.

    An outline is not read aloud; a star is.
    """
    found, expected = _written(picture)
    shades = _shades(picture)
    nothing = np.zeros_like(picture.differs)
    tables = [
        _table("yours", found, shades[0], picture.differs, picture),
        _table("expected", expected, shades[1], nothing, picture),
    ]
    title = html.escape(f"{picture.title}; what differs has an outline and a star:")
    return f'<div style="margin-top: 6px">{title}</div>{"".join(tables)}'


def _table(
    caption: str, numbers: Sequence[Sequence[str]], shades: Matrix, differs: Matrix, of: Picture
) -> str:
    head = "".join(f'<th scope="col">{index}</th>' for index in of.columns)
    rows = [f"<thead><tr><td></td>{head}</tr></thead><tbody>"]
    for index, line, dark, apart in zip(of.rows, numbers, shades, differs, strict=True):
        cells = "".join(
            f'<td style="{_CELL.format(shade=shade)}{_APART if is_apart else ""}">'
            f"{'*' * bool(is_apart)}{number}</td>"
            for number, shade, is_apart in zip(line, dark, apart, strict=True)
        )
        rows.append(f'<tr><th scope="row">{index}</th>{cells}</tr>')
    return f'<table style="{_TABLE}"><caption>{caption}</caption>{"".join(rows)}</tbody></table>'


def _written(picture: Picture) -> list[list[list[str]]]:
    """The numbers of both matrices, with as many digits as tell them apart."""
    both = (picture.found, picture.expected)
    if picture.found.dtype.kind in "biu":
        names = {True: "T", False: "F"} if picture.found.dtype == bool else {}
        return [[[names.get(n, str(n)) for n in line] for line in side.tolist()] for side in both]
    size = max(np.abs(np.nan_to_num(side, posinf=0, neginf=0)).max(initial=0) for side in both)
    kind = "f" if size < 1_000 else "g"
    row, column = np.argwhere(picture.differs)[0]
    for digits in (2, 4, 7):
        sides = [[[f"{n:.{digits}{kind}}" for n in line] for line in side] for side in both]
        if sides[0][row][column] != sides[1][row][column]:
            break
    return sides


def _shades(picture: Picture) -> list[Matrix]:
    """How dark the cells of both matrices are: by size, on one scale."""
    sizes = [
        np.abs(np.nan_to_num(side.astype(float), posinf=0, neginf=0))
        for side in (picture.found, picture.expected)
    ]
    largest = max(size.max(initial=0) for size in sizes) or 1.0
    return [_DARKEST * size / largest for size in sizes]
