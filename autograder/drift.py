"""Whether a committed file is what its text builds: bytes, but for the answers of a sheet.

Answers are numbers that processors round differently. A committed answer is stale where the judge
would tell it from the fresh one; anything finer moves no point and no name of a misconception.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from autograder.compare import remoteness
from autograder.judge import agrees
from autograder.sheet import CaseSheet, MisconceptionSheet, ProblemSheet, Sheet, SheetError

INPUTS = (1e-6, 1e-6)
"""Absolute and relative difference of inputs: they are drawn, and hardly any rounding goes in."""


def file_drift(committed: Path, rebuilt: Path) -> str:
    """Why a committed file is stale, "" where it is not; the two files of a sheet drift as one."""
    if not committed.is_file():
        return "is missing"
    if committed.read_bytes() == rebuilt.read_bytes():
        return ""
    if ".sheet." not in committed.name:
        return "differs from its text"
    return _sheet_drift(committed.with_suffix(".json"), rebuilt.with_suffix(".json"))


def _sheet_drift(committed: Path, rebuilt: Path) -> str:
    new = Sheet.load(rebuilt).problems
    try:
        old = Sheet.load(committed).problems
    except SheetError:
        return "cannot be read as a sheet"
    if list(old) != list(new):
        return "has other problems"
    reasons = (_problem_drift(old[name], new[name]) for name in new)
    return next(filter(None, reasons), "")


def _problem_drift(old: ProblemSheet, new: ProblemSheet) -> str:
    """The first place where a problem is not as it was."""
    if _words(old) != _words(new):
        return f"{new.name} has other words, cases or misconceptions"
    for was, case in zip(old.cases, new.cases, strict=True):
        if remoteness(was.request, case.request, INPUTS) >= 1:
            return f"{new.name} has another input in the case “{case.name}”"
        if not agrees(was, case.expected):
            return f"{new.name} expects another answer in the case “{case.name}”"
    for before, known in zip(old.misconceptions, new.misconceptions, strict=True):
        answers = zip(old.answers_of(before), new.answers_of(known), strict=True)
        pairs = zip(new.cases, answers, strict=True)
        if not all(agrees(replace(case, expected=ours), theirs) for case, (ours, theirs) in pairs):
            return f"{new.name} has other answers of {known.id}"
    return ""


def _words(problem: ProblemSheet) -> ProblemSheet:
    """A problem without its numbers."""

    def case(of: CaseSheet) -> CaseSheet:
        return replace(of, request=None, expected=None)

    def known(of: MisconceptionSheet) -> MisconceptionSheet:
        return replace(of, answers=())

    cases, misconceptions = map(case, problem.cases), map(known, problem.misconceptions)
    return replace(problem, cases=tuple(cases), misconceptions=tuple(misconceptions))
