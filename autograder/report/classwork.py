"""What a class was given and has written: the gradebook's records, and the graded notebooks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nbformat import NotebookNode

from autograder.course_directory import Course
from autograder.errors import MendableError
from autograder.gradebook import Record, read_records
from autograder.grading import Row
from autograder.problem import Misconception
from autograder.reference import Source, read_source
from autograder.submission import Fault, answer_id, grade_id, read_submission

UNJUDGED = frozenset({"missing", "refused"})
"""The statuses of an answer that was not there, or was not let in."""

Rows = Mapping[str, Row]


class ReportError(MendableError):
    """There is nothing to report on; says what to do."""


@dataclass(frozen=True)
class Classwork:
    """The work of one class on one assignment.

    Attributes:
        assignment: its id.
        worth: problem → points, in the notebook's order.
        rows: student → problem → what was graded; students in an order that tells nothing.
        code: problem → student → text of the answer cell, where there is one.
        solutions: problem → the course's own answer cell, which no page may show.
        stubs: problem → the answer cell as released.
        known: problem, id → a known mistake.
        ungraded: how many submissions were last graded by another build, or by no grader at all.
    """

    assignment: str
    worth: Mapping[str, float]
    rows: Mapping[str, Rows]
    code: Mapping[str, Mapping[str, str]]
    solutions: Mapping[str, str]
    stubs: Mapping[str, str]
    known: Mapping[tuple[str, str], Misconception]
    ungraded: int = 0

    @classmethod
    def read(cls, course: Course, assignment: str) -> Classwork:
        """The class of a course, as it was graded last. No student code runs.

        Raises:
            CourseError: the assignment is not known, or not built.
            GradebookError: there is no gradebook, or it cannot be read.
            ReportError: there is nothing in it.
        """
        course.check_known(assignment)
        release = course.release(assignment)
        records = read_records(course, release, assignment)
        rows = {
            student: own
            for student in _shuffled(records, course.exam_digest(assignment))
            if (own := _rows(records[student], release.points))
        }
        if not rows:
            raise ReportError(
                f"nothing of {assignment} is graded by this build of it: run `autograder grade "
                f"{assignment}` first"
            )
        step, name = course.directory.autograded_directory, f"{assignment}.ipynb"
        notebooks = {
            student: read_submission(course.path(step, student, assignment) / name)
            for student in rows
        }
        source = read_source(course.solutions, assignment)
        return cls(
            assignment,
            release.points,
            rows,
            {problem: _answers(notebooks, problem) for problem in release.points},
            source.solutions,
            {problem: release.stub(problem) for problem in release.points},
            _known(source),
            len(records) - len(rows),
        )

    @property
    def judged(self) -> dict[str, Rows]:
        """The students with at least one answer that was judged."""
        return {
            student: own
            for student, own in self.rows.items()
            if any(row.status not in UNJUDGED for row in own.values())
        }

    def knows(self, row: Row) -> bool:
        """Whether a known mistake was seen in an answer: one that the problem still knows."""
        return (row.problem, row.misconception) in self.known

    def total(self, student: str) -> float:
        """The points of a student, written answers aside."""
        return sum(row.points for row in self.rows[student].values())


def _rows(record: Record, worth: Mapping[str, float]) -> Rows:
    """A record's rows by problem; none where it is of another build, or the grader failed."""
    own = {str(row["problem"]): Row(**row) for row in record.rows}
    same = {name: row.max_points for name, row in own.items()} == dict(worth)
    return {name: own[name] for name in worth} if same else {}


def _shuffled(students: Iterable[str], key: str) -> list[str]:
    """An order that is the same each time, and that nobody can work out who lacks the secret key.

    Numbers given in the order of names would tell who comes before whom.
    """
    return sorted(students, key=lambda name: hashlib.sha256(f"{key} {name}".encode()).digest())


def _answers(notebooks: Mapping[str, NotebookNode | Fault], problem: str) -> dict[str, str]:
    texts = {
        student: [cell.source for cell in notebook.cells if grade_id(cell) == answer_id(problem)]
        for student, notebook in notebooks.items()
        if not isinstance(notebook, Fault)
    }
    return {student: "".join(own) for student, own in texts.items() if "".join(own).strip()}


def _known(source: Source) -> dict[tuple[str, str], Misconception]:
    return {(p.name, mistake.id): mistake for p in source.problems for mistake in p.misconceptions}
