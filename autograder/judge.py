"""Answers and a sheet make a verdict. Pure: no I/O, no clock, nothing of the student's runs here.

The order of what is said follows what helps most: a broken rule, a mistake in another problem
that this one calls, a known misconception, and only then the first case that differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from autograder import sentences
from autograder.compare import difference, gradient_difference
from autograder.data import Array, Other, Tree
from autograder.picture import Picture, picture
from autograder.rules import Notebook
from autograder.sheet import CaseSheet, MisconceptionSheet, ProblemSheet

Status = Literal["correct", "wrong", "error", "timeout", "crashed", "missing", "refused"]


@dataclass(frozen=True)
class Verdict:
    """What is said of one problem of one notebook.

    `points` equal `max_points` if and only if `status` is "correct". `misconception` is the id of
    a known mistake, or None. `message` is plain text to the student. `cases` pairs each case's
    name with whether it passed; it is empty where no case was run. `picture` shows a matrix that
    is wrong, where there is one.
    """

    problem: str
    points: int
    max_points: int
    status: Status
    message: str
    misconception: str | None = None
    cases: tuple[tuple[str, bool], ...] = ()
    picture: Picture | None = field(default=None, compare=False)


def judge(sheet: ProblemSheet, answers: Tree, notebook: Notebook | None = None) -> Verdict:
    """The verdict on the probe's answers to `sheet.request()`, given by code of `notebook`.

    Anything that is not one answer per case, in the form of `autograder.probe.observe`, is
    treated as a crash: only student code that meddles with the probe can cause it.
    """
    notebook = notebook or Notebook(())
    if breaches := notebook.breaches(sheet.name, sheet.forbidden, sheet.forbidden_modules):
        return unanswered(sheet, "refused", sentences.breach(sheet.name, breaches[0]))
    if answers is None:
        return unanswered(sheet, "missing", sentences.no_such_name(sheet.name, ()))
    if not _is_well_formed(answers, sheet):
        return unanswered(sheet, "crashed", sentences.MALFORMED)
    called = [name for answer in answers for name in answer["called"]]
    if called:
        return unanswered(sheet, "refused", sentences.called(sheet.name, called[0]))
    passed = [agrees(case, answer) for case, answer in zip(sheet.cases, answers, strict=True)]
    if all(passed):
        return _verdict(sheet, passed, "correct", sentences.correct(len(passed)))
    return _mistaken(sheet, answers, passed, notebook)


def passes(sheet: ProblemSheet, answers: Tree, *, hidden: bool) -> bool:
    """Whether the answers to the hidden cases, or to the public ones, are all right."""
    part = replace(sheet, cases=tuple(case for case in sheet.cases if case.hidden == hidden))
    return _is_well_formed(answers, part) and all(
        agrees(case, answer) and not answer["called"]
        for case, answer in zip(part.cases, answers, strict=True)
    )


def unanswered(sheet: ProblemSheet, status: Status, message: str) -> Verdict:
    """A verdict without points, where there is nothing to compare."""
    return Verdict(sheet.name, 0, sheet.max_points, status, message)


def blame_dependencies(
    verdicts: Mapping[str, Verdict], uses: Mapping[str, Sequence[str]]
) -> dict[str, Verdict]:
    """Where a wrong problem calls another that is wrong too, say which to mend first."""
    blamed = dict(verdicts)
    for name, verdict in verdicts.items():
        broken = [
            other
            for other in uses.get(name, ())
            if other in verdicts and verdicts[other].status != "correct"
        ]
        if broken and verdict.status in ("wrong", "error", "timeout", "crashed", "refused"):
            message = sentences.mend_first(name, broken[0], verdicts[broken[0]].status)
            blamed[name] = replace(verdict, misconception=None, message=message, picture=None)
    return blamed


def agrees(case: CaseSheet, answer: Tree, other: Tree = None) -> bool:
    """Whether an answer is, within the tolerance, the expected one (or `other`, if not None)."""
    expected = case.expected if other is None else other
    if expected["outcome"] != answer["outcome"]:
        return False
    if expected["outcome"] == "raised":
        # Against the contract any subclass will do; a misconception is matched by the type itself.
        types = answer["bases"] if other is None else [answer["type"]]
        return expected["type"] in types
    return (
        not difference(expected["value"], answer["value"], ["result"], case.tolerance, case.share)
        and not gradient_difference(expected["gradients"], answer["gradients"], case.tolerance)
        and expected["changed"] == answer["changed"]
    )


def diagnosis(sheet: ProblemSheet, answers: Sequence[Tree]) -> MisconceptionSheet | None:
    """The known mistake that answers every case as the student did.

    Where there is none, two mistakes may have come together. Then it is the one, and only one, that
    answers as the student did in the group of the first case that differs.
    """
    for known in sheet.misconceptions:
        if _explains(known, sheet.cases, answers):
            return known
    pairs = zip(sheet.cases, answers, strict=True)
    group = next((case.group for case, answer in pairs if not agrees(case, answer)), None)
    chosen = [index for index, case in enumerate(sheet.cases) if case.group == group]
    cases, own = [sheet.cases[i] for i in chosen], [answers[i] for i in chosen]
    partly = [
        known
        for known in (_on(known, chosen) for known in sheet.misconceptions)
        if any(known.answers) and _explains(known, cases, own)
    ]
    return partly[0] if len(partly) == 1 else None


def _on(known: MisconceptionSheet, chosen: Sequence[int]) -> MisconceptionSheet:
    """A known mistake with its answers to some of the cases."""
    return replace(known, answers=tuple(known.answers[index] for index in chosen))


def _explains(
    known: MisconceptionSheet, cases: Sequence[CaseSheet], answers: Sequence[Tree]
) -> bool:
    triples = zip(cases, answers, known.answers, strict=True)
    return all(agrees(case, answer, other) for case, answer, other in triples)


def _mistaken(
    sheet: ProblemSheet, answers: Sequence[Tree], passed: list[bool], notebook: Notebook
) -> Verdict:
    first = passed.index(False)
    case, answer = sheet.cases[first], answers[first]
    raised = answer["outcome"] == "raised" and case.expected["outcome"] == "returned"
    status: Status = "error" if raised else "wrong"
    known = diagnosis(sheet, answers)
    if known:
        message = sentences.misconception(case, answer, known, notebook)
    elif raised:
        is_public = _is_public_error(sheet, answers, answer)
        message = sentences.raised(case, answer, notebook, is_public)
    else:
        message = sentences.mistake(sheet, case, answer, notebook)
    verdict = _verdict(sheet, passed, status, message, known.id if known else None)
    return verdict if raised else replace(verdict, picture=picture(sheet, answers))


def _is_public_error(sheet: ProblemSheet, answers: Sequence[Tree], answer: Tree) -> bool:
    """Whether a public case raises the same: only then may its text be repeated."""
    return any(
        not case.hidden
        and other["outcome"] == "raised"
        and (other["type"], other["text"]) == (answer["type"], answer["text"])
        for case, other in zip(sheet.cases, answers, strict=True)
    )


def _verdict(
    sheet: ProblemSheet,
    passed: Sequence[bool],
    status: Status,
    message: str,
    known: str | None = None,
) -> Verdict:
    """A group of cases is paid whole, public and hidden cases together."""
    lost = {case.group for case, is_right in zip(sheet.cases, passed, strict=True) if not is_right}
    points = sum(worth for group, worth in sheet.points.items() if group not in lost)
    cases = tuple((case.name, done) for case, done in zip(sheet.cases, passed, strict=True))
    return Verdict(sheet.name, points, sheet.max_points, status, message, known, cases)


_TEXTS = ("type", "text", "line", "traceback")


def _is_well_formed(answers: Tree, sheet: ProblemSheet) -> bool:
    is_complete = isinstance(answers, list) and len(answers) == len(sheet.cases)
    return is_complete and all(_is_answer(answer, sheet) for answer in answers)


def _is_answer(answer: Tree, sheet: ProblemSheet) -> bool:
    if not isinstance(answer, dict) or not _are_among(answer.get("called"), sheet.forbidden):
        return False
    if answer.get("outcome") == "raised":
        texts = all(isinstance(answer.get(key), str) for key in _TEXTS)
        return texts and _are_texts(answer.get("bases"))
    gradients = answer.get("gradients")
    return (
        answer.get("outcome") == "returned"
        and "value" in answer
        and _are_among(answer.get("changed"), sheet.arguments)
        and (gradients is None or _are_gradients(gradients))
    )


def _are_texts(tree: Tree) -> bool:
    return isinstance(tree, list) and all(isinstance(item, str) for item in tree)


def _are_among(tree: Tree, names: Sequence[str]) -> bool:
    return _are_texts(tree) and all(item in names for item in tree)


def _are_gradients(tree: Tree) -> bool:
    return isinstance(tree, dict) and all(
        value is None or isinstance(value, Array | Other) for value in tree.values()
    )
