"""A matrix of an answer beside the expected one, small enough to be read, of a public case.

Weights, masks and encodings have a structure in which a mistake shows at a glance: a triangle on
the wrong side, columns that sum to 1 where rows should. Hidden cases are never drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from autograder.compare import apart
from autograder.data import Array, Tree
from autograder.sheet import CaseSheet, ProblemSheet

Matrix: TypeAlias = np.ndarray[Any, Any]

MOST = 8
"""Rows and columns that are drawn at most: a window around the first number that differs."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A matrix, or a window of one, as it was answered and as it is expected.

    Attributes:
        title: which result of which case, and which part of it where it is not the whole.
        rows, columns: the indices of what is drawn.
        found, expected: the numbers, or truths, (len(rows), len(columns)).
        differs: where the two are apart, same shape.
    """

    title: str
    rows: range
    columns: range
    found: Matrix
    expected: Matrix
    differs: Matrix


def picture(sheet: ProblemSheet, answers: Sequence[Tree]) -> Picture | None:
    """A matrix that differs, of the first public case that has one; None where there is none.

    Of several results the last one that differs is drawn: attention's output comes of its weights.
    """
    for case, answer in zip(sheet.cases, answers, strict=True):
        if case.hidden or answer["outcome"] == "raised" or case.expected["outcome"] == "raised":
            continue
        for name, expected, found in reversed([*_matrices(sheet, case, answer)]):
            differs = apart(expected, found, case.tolerance)
            if differs.any():
                what = _called(name) if len(sheet.returns) > 1 else "The result"
                title = f"{what} of “{case.name}”"
                return _around_the_first(title, expected.values, found.values, differs)
    return None


def _called(name: str) -> str:
    """A result in a sentence: one that authors describe in words has its own quotes in it."""
    return "T" + name[1:] if name.startswith("the ") else f"`{name}`"


def _matrices(
    sheet: ProblemSheet, case: CaseSheet, answer: Tree
) -> Iterator[tuple[str, Array, Array]]:
    """Name, expected and found of each result that is a matrix, or a stack of them, in both."""
    pairs = [(case.expected["value"], answer["value"])]
    if len(sheet.returns) > 1:
        if not all(isinstance(results, tuple | list) for results in pairs[0]):
            return
        pairs = [*zip(*pairs[0], strict=False)]
    for name, (expected, found) in zip(sheet.returns, pairs, strict=False):
        if not (isinstance(expected, Array) and isinstance(found, Array)):
            continue
        if (found.shape, found.dtype) == (expected.shape, expected.dtype) and len(found.shape) > 1:
            yield name, expected, found


def _around_the_first(title: str, expected: Matrix, found: Matrix, differs: Matrix) -> Picture:
    """A window around the first number that differs, in the matrix of the stack that has it."""
    *stack, row, column = np.argwhere(differs)[0].tolist()
    where = f" at {stack}" if stack else ""
    if max(differs.shape[-2:]) > MOST:
        where += ", around the first that differs"
    rows, columns = (
        _window(index, size) for index, size in zip((row, column), differs.shape[-2:], strict=True)
    )
    inside = (*stack, slice(rows.start, rows.stop), slice(columns.start, columns.stop))
    return Picture(
        title + where,
        rows,
        columns,
        *(values[inside] for values in (found, expected, differs)),
    )


def _window(index: int, size: int) -> range:
    """At most `MOST` of `size` indices, `index` in the middle where that can be."""
    start = max(0, min(index - MOST // 2, size - MOST))
    return range(start, min(start + MOST, size))
