"""Submissions that are alike beyond what is usual in their class.

Short answers to one contract are alike by nature, so nothing is called near on its own account:
each pair is held against all other pairs of the class. That two answers to a problem are as alike
as they are happens to some share p of all pairs. If everybody worked alone, and one problem told
nothing of the next, −2 Σ ln p over k problems would follow a χ² distribution with 2k degrees of
freedom (Fisher, "Statistical Methods for Research Workers", 1925), or be smaller where many pairs
tie. From it follows how many pairs so alike would be expected among all. What half of the class
writes has a large p and counts for little; in a small class nothing can stand out.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Indel
from rapidfuzz.process import cdist
from scipy.stats import chi2  # type: ignore[import-untyped]

NEAR = 0.9
"""The similarity from which two submissions are called near-identical."""

EXPECTED = 0.01
"""A pair is named if fewer than this many so alike are expected: one in a hundred classes has it by
chance. Strict, since problems do tell of one another: who likes einsum likes it everywhere."""

BINS = 10

Tokens = Mapping[str, tuple[str, ...]]
"""Student → what they wrote, as `autograder.report.answer_code.tokens` gives it."""


@dataclass(frozen=True)
class Pair:
    """Two submissions, both answering `problems` problems.

    `similarity` is the share of tokens that a shortest edit (insertions and deletions) keeps,
    0 to 1; `expected` the number of pairs so alike that chance would give in this class.
    """

    first: str
    second: str
    problems: int
    similarity: float
    expected: float


@dataclass(frozen=True)
class Usual:
    """What is usual in one problem: answers, how many of them differ, and how alike pairs are.

    `largest` is the number of answers in the largest group of equal ones; `median` the similarity
    that half of all pairs reach, None without a pair; `near` the share of pairs from `NEAR` on.
    """

    answers: int
    different: int
    largest: int
    median: float | None
    near: float | None


@dataclass(frozen=True)
class Likeness:
    """How alike the submissions of a class are.

    `pairs` counts all that have a problem in common, `bins` those by similarity, in tenths; `alike`
    are those beyond the usual, the most unusual first. `can_tell` is whether a pair could be.
    `equal` are groups of students whose answers are the same in every problem, large ones first.
    """

    usual: Mapping[str, Usual]
    pairs: int
    bins: Sequence[int]
    alike: Sequence[Pair]
    can_tell: bool
    equal: Sequence[Sequence[str]]


def likeness(answers: Mapping[str, Tokens]) -> Likeness:
    """Compare every submission with every other.

    Args:
        answers: problem → student → tokens; an answer without tokens is none.
    """
    answers = {
        problem: {student: words for student, words in own.items() if words}
        for problem, own in answers.items()
    }
    students = list(dict.fromkeys(student for own in answers.values() for student in own))
    numbers = {student: i for i, student in enumerate(students)}
    sums = _Sums(len(students))
    usual = {}
    for problem, own in answers.items():
        similarity = _similarity(list(own.values()))
        of_pairs = similarity[np.triu_indices(len(own), 1)]
        usual[problem] = _usual(own, of_pairs)
        places = [numbers[student] for student in own]
        sums.add(places, similarity, of_pairs, [len(words) for words in own.values()])
    return sums.likeness(students, usual, _equal(students, answers))


def _equal(students: Sequence[str], answers: Mapping[str, Tokens]) -> list[list[str]]:
    groups: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for student in students:
        whole = tuple(own.get(student, ()) for own in answers.values())
        groups.setdefault(whole, []).append(student)
    return sorted((group for group in groups.values() if len(group) > 1), key=len, reverse=True)


class _Sums:
    """What is summed over the problems, a square a student by student each."""

    def __init__(self, count: int) -> None:
        self.problems = np.zeros((count, count), dtype=np.int32)
        self.surprise, self.kept, self.length = np.zeros((3, count, count), dtype=np.float64)

    def add(
        self,
        places: Sequence[int],
        similarity: NDArray[np.float64],
        of_pairs: NDArray[np.float64],
        lengths: Sequence[int],
    ) -> None:
        """Add one problem, answered by the students at `places`."""
        if not len(of_pairs):
            return
        square = np.ix_(places, places)
        both = np.add.outer(lengths, lengths)
        # The share of pairs that are at least so alike, each pair itself among them.
        below = np.searchsorted(np.sort(of_pairs), similarity, side="left")
        shares = np.maximum(len(of_pairs) - below, 1) / len(of_pairs)
        self.problems[square] += 1
        self.surprise[square] += -2 * np.log(shares)
        self.kept[square] += similarity * both
        self.length[square] += both

    def likeness(
        self,
        students: Sequence[str],
        usual: Mapping[str, Usual],
        equal: Sequence[Sequence[str]],
    ) -> Likeness:
        """The result, when all problems are in."""
        rows, columns = np.triu_indices(len(students), 1)
        common = self.problems[rows, columns] > 0
        rows, columns = rows[common], columns[common]
        problems, count = self.problems[rows, columns], len(rows)
        similarity = np.minimum(self.kept[rows, columns] / self.length[rows, columns], 1)
        expected = count * chi2.sf(self.surprise[rows, columns], 2 * problems)
        found = np.flatnonzero((similarity >= NEAR) & (expected < EXPECTED))
        alike = [
            Pair(
                students[rows[i]],
                students[columns[i]],
                int(problems[i]),
                float(similarity[i]),
                float(expected[i]),
            )
            for i in found[np.argsort(expected[found], kind="stable")]
        ]
        bins, _ = np.histogram(similarity, bins=BINS, range=(0, 1))
        return Likeness(usual, count, bins.tolist(), alike, _can_tell(count, problems), equal)


def _can_tell(pairs: int, problems: NDArray[np.int32]) -> bool:
    """Whether the most unusual pair there could be would be named."""
    if not pairs:
        return False
    most = 2 * int(problems.max())
    return bool(pairs * chi2.sf(most * np.log(pairs), most) < EXPECTED)


def _similarity(answers: Sequence[tuple[str, ...]]) -> NDArray[np.float64]:
    """Answers by answers. Equal answers, of which a class has many, are compared once."""
    different = {words: i for i, words in enumerate(dict.fromkeys(answers))}
    numbers = {word: i for i, word in enumerate({word for words in different for word in words})}
    texts = [array("L", [numbers[word] for word in words]) for words in different]
    found = cdist(texts, texts, scorer=Indel.normalized_similarity, dtype=np.float64)
    places = [different[words] for words in answers]
    return np.asarray(found[np.ix_(places, places)])


def _usual(own: Tokens, of_pairs: NDArray[np.float64]) -> Usual:
    groups = Counter(own.values())
    largest = max(groups.values(), default=0)
    if not len(of_pairs):
        return Usual(len(own), len(groups), largest, None, None)
    median, near = float(np.median(of_pairs)), float((of_pairs >= NEAR).mean())
    return Usual(len(own), len(groups), largest, median, near)
