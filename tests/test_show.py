"""Cards: a verdict in text and in HTML, with a matrix of a public case that differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import get_args

import numpy as np
import pytest
import torch

from autograder import data, probe
from autograder.harmless import clean_html
from autograder.judge import Status, Verdict, judge, unanswered
from autograder.picture import MOST
from autograder.problem import Case, Draw, Problem
from autograder.reference import Source, build_sheet
from autograder.sheet import ProblemSheet
from autograder.show import Card

SOLUTION = """
def both(x):
    return x.sum(-1), x / x.sum(-1, keepdim=True)
"""


def cases(draw: Draw) -> Iterator[Case]:
    n, m = draw.sizes(2, low=2, high=4)
    yield Case("a row", "all", (draw.normal(m).exp(),))
    yield Case("a matrix", "all", (draw.normal(n, m).exp(),))
    yield Case("a stack", "all", (draw.normal(2, 11, 13).exp(),))


PROBLEM = Problem(
    signature="both(x)",
    returns=("total", "shares"),
    minutes=1,
    difficulty=1,
    points={"all": 2},
    oracle=print,
    hints=("", "", ""),
    symptoms={},
    cases=cases,
    misconceptions=(),
)
SHEET = build_sheet(Source("toy", (PROBLEM,), "import torch", {"both": SOLUTION}), "secret")
BOTH = SHEET.problems["both"]


def verdict(answer: object, sheet: ProblemSheet = BOTH) -> Verdict:
    """The verdict on a function in the place of the solution."""
    observed = probe.answer({"both": answer}, data.dumps(sheet.request()))
    return judge(sheet, data.loads(observed))


def by_columns(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x.sum(-1), x / x.sum(0, keepdim=True)


class Tables(HTMLParser):
    """The tables of a card: their captions, and their cells with their styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[tuple[str, str]] = []
        self.words: list[str] = []
        self._style: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._style = (dict(attrs).get("style") or "") if tag == "td" else None

    def handle_data(self, text: str) -> None:
        self.words.append(text)
        if self._style:
            self.cells.append((text, self._style))


def test_a_matrix_that_differs_stands_beside_the_expected_one() -> None:
    wrong = verdict(by_columns)
    assert wrong.picture is not None
    assert wrong.picture.title == "`shares` of “a matrix”"
    found, expected = wrong.picture.found, wrong.picture.expected
    assert np.allclose(found.sum(0), 1)
    assert np.allclose(expected.sum(1), 1)
    assert (wrong.picture.differs == ~np.isclose(found, expected)).all()
    lines = Card(wrong).text().split("\n")
    start = lines.index("`shares` of “a matrix”, * where they differ:")
    numbers = [word for line in lines[start + 2 :] for word in line.split()]
    assert [word.startswith("*") for word in numbers].count(True) == wrong.picture.differs.sum()
    assert len(numbers) == 2 * found.size


def test_the_html_tells_by_outline_and_in_words_what_differs_also_when_cleaned() -> None:
    wrong = verdict(by_columns)
    assert wrong.picture is not None
    for page in (Card(wrong).html(), clean_html(Card(wrong).html())):
        tables = Tables(page)
        assert {"yours", "expected"} <= {*tables.words}
        outlined = [text for text, style in tables.cells if "outline: 2px" in style]
        assert len(outlined) == wrong.picture.differs.sum()
        assert outlined == [text for text, _ in tables.cells if text.startswith("*")]
        assert len(tables.cells) == 2 * wrong.picture.found.size
        assert all("rgba(0, 114, 178" in style for _, style in tables.cells)


def test_a_result_that_authors_describe_has_no_second_pair_of_quotes() -> None:
    described = replace(BOTH, returns=("total", "the shares of `x`"))
    wrong = verdict(by_columns, described)
    assert wrong.picture is not None
    assert wrong.picture.title == "The shares of `x` of “a matrix”"


@pytest.mark.parametrize(
    ("row", "column", "rows", "columns"),
    [
        (10, 12, range(3, 11), range(5, 13)),
        (5, 6, range(1, 9), range(2, 10)),
        (0, 1, *[range(8)] * 2),
    ],
)
def test_of_a_large_stack_a_window_around_the_first_difference_is_drawn(
    row: int, column: int, rows: range, columns: range
) -> None:
    def one_is_wrong(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        total, shares = x.sum(-1), x / x.sum(-1, keepdim=True)
        if x.dim() == 3:
            shares[1, row, column] += 1
            total += 1  # a matrix, too: of two results the later one is drawn
        return total, shares

    drawn = verdict(one_is_wrong).picture
    assert drawn is not None
    assert drawn.title == "`shares` of “a stack” at [1], around the first that differs"
    assert (drawn.rows, drawn.columns) == (rows, columns)
    assert len(rows) == len(columns) == MOST
    assert np.argwhere(drawn.differs).tolist() == [[row - rows.start, column - columns.start]]


def test_no_hidden_case_is_drawn() -> None:
    seen: list[int] = []

    def right_on_public_ones(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(len(seen))
        return (x.sum(-1), x / x.sum(-1, keepdim=True)) if len(seen) <= 3 else by_columns(x)

    wrong = verdict(right_on_public_ones)
    assert wrong.status == "wrong"
    assert "On hidden inputs of" in wrong.message
    assert wrong.picture is None
    hidden = replace(BOTH, cases=tuple(case for case in BOTH.cases if case.hidden))
    assert verdict(by_columns, hidden).picture is None


def test_what_is_no_matrix_of_the_right_shape_is_not_drawn() -> None:
    for answer in (
        lambda x: None,
        lambda x: x,
        lambda x: (x.sum(-1), x[..., :1]),
        lambda x: (x.sum(-1), x.double()),
        lambda x: (x.sum(-1),),
        lambda x: 1 / 0,
    ):
        assert verdict(answer).picture is None


def test_numbers_are_written_with_the_digits_that_tell_them_apart() -> None:
    def nearly(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.sum(-1), x / x.sum(-1, keepdim=True) + 3e-4

    text = Card(verdict(nearly)).text()
    line = text.split("expected\n")[1].split("\n")[0].split()
    assert line[0] != f"*{line[len(line) // 2]}"


@pytest.mark.parametrize("status", get_args(Status))
def test_every_status_has_its_words_and_text_is_escaped(status: Status) -> None:
    said = replace(unanswered(BOTH, status, "<script>1 & 2</script>"), cases=(("a", False),))
    card = Card(said, progress="toy: 0 of 2 <b>")
    assert "<script>" not in card.html()
    assert "<b>" not in card.html()
    assert card.headline()[0] in "✓✗○"
    assert card.headline().endswith("0 of 2 points · 0 of 1 cases pass")
    assert (said.message in card.text()) == (status != "correct")
    assert repr(card) == card.text()
