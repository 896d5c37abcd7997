"""The report as one HTML page that needs nothing else: no script, no font, no address.

Whatever a student chose (names, code, words of an error) enters by a template that escapes it. The
page shows no line of a solution, no input and no expected value; without `with_names` no name.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from autograder.grading import Row
from autograder.problem import Misconception
from autograder.report import figures
from autograder.report.answer_code import excerpt, tokens
from autograder.report.classwork import Classwork
from autograder.report.similarity import EXPECTED, NEAR, Likeness, likeness
from autograder.report.statistics import (
    POOR,
    TAIL,
    Discrimination,
    ProblemFigures,
    distribution,
    problem_figures,
)
from autograder.sentences import plain

STOPPED = ("crashed", "timeout", "refused")
"""The statuses of submissions that are listed one by one."""

STATUSES = ("correct", "wrong", "error", *STOPPED, "missing")
MOST_PAIRS = 50
MAX_MESSAGE = 200


@dataclass(frozen=True)
class Mistake:
    """A known mistake in this class: how many made it, and what one of them wrote."""

    problem: str
    known: Misconception
    count: int
    answered: int
    example: Sequence[str]


@dataclass(frozen=True)
class Stop:
    """An answer, or all of a submission ("all"), that gave no verdict on what it computes."""

    student: str
    problem: str
    status: str
    message: str


def page(work: Classwork, made: datetime, *, with_names: bool = False) -> str:
    """The report on a class.

    Args:
        made: when the page was made, as it will say.
        with_names: the gradebook's ids in place of numbers.
    """
    called = _called(work.rows, with_names=with_names)
    problems = problem_figures(work)
    mistakes = _mistakes(work)
    alike = likeness(
        {
            problem: {
                student: tokens(code, work.stubs[problem], work.worth)
                for student, code in own.items()
            }
            for problem, own in work.code.items()
        }
    )
    bars = distribution(work)
    plots = {
        "points": figures.points(bars),
        "problems": figures.problems(problems),
        "discrimination": figures.discrimination(problems),
        "similarity": figures.similarity(alike),
    }
    if mistakes:
        counts = {f"{found.problem}: {found.known.id}": found.count for found in mistakes}
        plots["misconceptions"] = figures.misconceptions(counts)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            work=work,
            made=f"{made:%Y-%m-%d %H:%M}",
            called=called,
            with_names=with_names,
            glance=_glance(work, problems, mistakes, alike),
            bars=bars,
            problems=problems,
            statuses=STATUSES,
            mistakes=mistakes,
            unnamed=_unnamed(work),
            stops=_stops(work),
            alike=alike,
            most_pairs=MOST_PAIRS,
            near=NEAR,
            expected=EXPECTED,
            poor=POOR,
            tail=TAIL,
            plots={name: Markup(svg) for name, svg in plots.items()},
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {"percent": _percent, "signed": _signed, "tells": _tells, "count": _count}
    environment.filters.update(filters, marks_code=_marks_code)
    return environment


def _called(students: Iterable[str], *, with_names: bool) -> dict[str, str]:
    """What each student is called in the page: a number of an order that tells nothing."""
    return {
        student: plain(student, 80) if with_names else f"student\N{NO-BREAK SPACE}{number}"
        for number, student in enumerate(students, start=1)
    }


# What is said ------------------------------------------------------------------------------------


def _glance(
    work: Classwork,
    problems: Sequence[ProblemFigures],
    mistakes: Sequence[Mistake],
    alike: Likeness,
) -> list[str]:
    """The whole report in a few sentences, what was not understood first."""
    judged, handed_in = work.judged, len(work.rows)
    said = [f"{_count(handed_in, 'submission')}, {len(judged)} of them with an answer to judge."]
    if not judged:
        return [*said, "There is nothing to say of the problems."]
    worth = sum(work.worth.values())
    totals = [work.total(student) for student in judged]
    half, mean = statistics.median(totals), statistics.mean(totals)
    said.append(
        f"Of these, half have at least {half:g} of {worth:g} points; the mean is {mean:.1f}."
    )
    said.append(_hardest(problems))
    said.append(_most_frequent(mistakes))
    if stopped := {stop.student for stop in _stops(work)}:
        number = _count(len(stopped), "submission")
        said.append(f"Crashed, timed out or refused, in whole or in part: {number}.")
    if alike.alike:
        said.append(f"Alike beyond what is usual here: {_count(len(alike.alike), 'pair')}.")
    if poor := [figure.name for figure in problems if figure.discrimination.is_poor]:
        said.append(f"Problems that tell students apart poorly: {', '.join(poor)}.")
    return said


def _hardest(problems: Sequence[ProblemFigures]) -> str:
    means = {figure.name: figure.mean for figure in problems if figure.mean is not None}
    lowest = min(means.values())
    if lowest == 1:
        return "Everybody has all points in every problem."
    names = ", ".join(name for name, mean in means.items() if mean == lowest)
    return f"Fewest points: {names}, {_percent(lowest)} of its points on average."


def _most_frequent(mistakes: Sequence[Mistake]) -> str:
    """The known mistakes that most made; one that a single student made is no trend."""
    if not mistakes or mistakes[0].count == 1:
        return "No known mistake was made twice."
    most = [one for one in mistakes if one.count == mistakes[0].count]
    names = "; ".join(
        f"{one.known.id} in {one.problem} ({one.count} of {one.answered} answers)" for one in most
    )
    return f"Most often misunderstood: {names}."


def _mistakes(work: Classwork) -> list[Mistake]:
    """The known mistakes of this class, the most frequent first."""
    makers: dict[tuple[str, str], list[str]] = {}
    for student, own in work.rows.items():
        for problem, row in own.items():
            if row.misconception and work.knows(row):
                makers.setdefault((problem, row.misconception), []).append(student)
    found = [
        Mistake(
            problem,
            work.known[problem, name],
            len(students),
            _answered(work, problem),
            _example(work, problem, students),
        )
        for (problem, name), students in makers.items()
    ]
    order = list(work.worth)
    return sorted(found, key=lambda one: (-one.count, order.index(one.problem), one.known.id))


def _answered(work: Classwork, problem: str) -> int:
    return sum(own[problem].status in ("correct", "wrong") for own in work.rows.values())


def _example(work: Classwork, problem: str, students: Iterable[str]) -> list[str]:
    """The shortest of the students' answers that can be shown."""
    own = work.code[problem]
    written = (
        excerpt(own[student], work.stubs[problem], work.solutions.values())
        for student in students
        if student in own
    )
    return min(filter(None, written), key=lambda lines: (len("".join(lines)), lines), default=[])


def _unnamed(work: Classwork) -> dict[str, int]:
    """Problem → wrong answers in which no known mistake was seen."""
    found = Counter(
        problem
        for own in work.rows.values()
        for problem, row in own.items()
        if row.status == "wrong" and not work.knows(row)
    )
    return {problem: found[problem] for problem in work.worth if found[problem]}


def _stops(work: Classwork) -> list[Stop]:
    """What crashed, timed out or was refused; said once where it holds for a whole submission."""
    return [
        Stop(student, problem, row.status, plain(row.message, 4_000).split("\n")[0][:MAX_MESSAGE])
        for student, own in work.rows.items()
        for problem, row in _once(own).items()
        if row.status in STOPPED
    ]


def _once(own: Mapping[str, Row]) -> Mapping[str, Row]:
    if len(own) > 1 and len({(row.status, row.message) for row in own.values()}) == 1:
        return {"all": next(iter(own.values()))}
    return own


# How it is said ----------------------------------------------------------------------------------


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def _signed(number: float | None) -> str:
    return "–" if number is None else f"{number:+.2f}".replace("-", "−")


def _marks_code(text: str) -> Markup:
    """An author's sentence, with what stands in backticks as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _tells(found: Discrimination) -> str:
    """What can be said of a problem's discrimination."""
    if found.correlation is None:
        return "cannot be computed: too few, or all have the same points"
    if found.is_poor:
        return "poor"
    return "good" if found.is_good else "uncertain: too few submissions to say"
