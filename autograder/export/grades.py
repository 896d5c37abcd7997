"""What every student has for an assignment, as nbgrader's gradebook says.

What people gave, extra credit and late penalties count as in nbgrader's own export. A student
without a grade gets none here either, where nbgrader writes 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nbgrader.api import (
    Comment,
    Grade,
    Gradebook,
    MissingEntry,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy.orm import joinedload, selectinload

from autograder.course_directory import Course
from autograder.errors import MendableError
from autograder.export.text import number
from autograder.gradebook import Record, read_records
from autograder.submission import Release, answer_id

NOT_SUBMITTED, NOT_AUTOGRADED, BY_HAND = "not submitted", "not autograded", "to be graded by hand"
"""Why a student has no grade."""

_MAX_NAMES = 5


class ExportError(MendableError):
    """There is nothing to export, or nowhere to write it; says what to do."""


@dataclass(frozen=True)
class Mark:
    """What a student has for one graded cell.

    Attributes:
        name: of the cell: a problem's or a written question's.
        points: with extra credit.
        max_points: what the cell is worth.
        text: the verdict's message and the grader's comment, as lines; may be "".
    """

    name: str
    points: float
    max_points: float
    text: str


@dataclass(frozen=True)
class Result:
    """A student of the gradebook, and what came of the assignment.

    Attributes:
        student: nbgrader's id, the name of the folder.
        lms_user_id: the id that the other system gave, where the gradebook knows it.
        pending: why there is no grade; "" where there is one.
        timestamp: when the submission was made (UTC), where that is known.
        raw_score: the sum of the marks' points.
        penalty: points taken off for being late.
        marks: in the notebook's order.
    """

    student: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_user_id: str = ""
    pending: str = NOT_SUBMITTED
    timestamp: datetime | None = None
    raw_score: float = 0.0
    penalty: float = 0.0
    marks: tuple[Mark, ...] = ()

    @property
    def score(self) -> float:
        """The points that count."""
        return max(0.0, self.raw_score - self.penalty)


@dataclass(frozen=True)
class Grades:
    """The grades of one assignment.

    Attributes:
        assignment: its id.
        duedate: UTC; None where there is none.
        max_score: the points of all its cells.
        results: one a student of the gradebook, in the order of their ids.
    """

    assignment: str
    duedate: datetime | None
    max_score: float
    results: tuple[Result, ...]

    @property
    def graded(self) -> list[Result]:
        """The students with a grade."""
        return [result for result in self.results if not result.pending]

    @classmethod
    def read(cls, course: Course, assignment: str) -> Grades:
        """The grades as the gradebook has them now.

        Raises:
            CourseError: the assignment is not known, or not built.
            GradebookError: there is no gradebook, or it cannot be read.
            ExportError: the gradebook does not know the assignment.
        """
        course.check_known(assignment)
        release, directory = course.release(assignment), course.directory
        records = read_records(course, release, assignment)
        with Gradebook(directory.db_url, directory.course_id or "default_course") as gradebook:
            try:
                known = gradebook.find_assignment(assignment)
            except MissingEntry as error:
                raise ExportError(
                    f"the gradebook has no grades of {assignment}: run `autograder grade "
                    f"{assignment}` first"
                ) from error
            submissions = {one.student_id: one for one in _submissions(gradebook, known)}
            results = tuple(
                _result(student, submissions.get(student.id), records.get(student.id), release)
                for student in gradebook.db.query(Student).order_by(Student.id)
            )
            return cls(assignment, known.duedate, known.max_score, results)


# Reading -----------------------------------------------------------------------------------------


def _submissions(gradebook: Gradebook, assignment: Any) -> Sequence[Any]:
    """All submissions with all that belongs to them, in few queries."""
    notebooks = selectinload(SubmittedAssignment.notebooks)
    found: Sequence[Any] = (
        gradebook.db.query(SubmittedAssignment)
        .filter_by(assignment_id=assignment.id)
        .options(
            notebooks.selectinload(SubmittedNotebook.grades).joinedload(Grade.cell),
            notebooks.selectinload(SubmittedNotebook.comments).joinedload(Comment.cell),
            joinedload(SubmittedAssignment.assignment),
        )
        .all()
    )
    return found


def _result(student: Any, submission: Any, record: Record | None, release: Release) -> Result:
    notebooks = submission.notebooks if submission else []
    grades = [grade for notebook in notebooks for grade in notebook.grades]
    return Result(
        student.id,
        first_name=student.first_name or "",
        last_name=student.last_name or "",
        email=student.email or "",
        lms_user_id=student.lms_user_id or "",
        pending=_pending(submission, grades, record),
        timestamp=submission.timestamp if submission else None,
        raw_score=sum(grade.score for grade in grades),
        penalty=sum(notebook.late_submission_penalty or 0.0 for notebook in notebooks),
        marks=tuple(_marks(notebooks, grades, record, release)),
    )


def _pending(submission: Any, grades: Sequence[Any], record: Record | None) -> str:
    """Why a student has no grade yet, "" where there is one."""
    if submission is None:
        return NOT_SUBMITTED
    if not _is_autograded(submission, grades):
        return NOT_AUTOGRADED
    if any(grade.needs_manual_grade for grade in grades):
        return BY_HAND
    # The record of a submission that the grader failed on has no rows: its zeros are no grades.
    gave_up = record is not None and not record.rows
    return BY_HAND if gave_up and any(grade.manual_score is None for grade in grades) else ""


def _is_autograded(submission: Any, grades: Sequence[Any]) -> bool:
    """Whether every cell of today's assignment has its grade, and not all of them are blank."""
    notebooks = submission.assignment.notebooks
    cells = sum(len(notebook.grade_cells) + len(notebook.task_cells) for notebook in notebooks)
    scores = [score for grade in grades for score in (grade.auto_score, grade.manual_score)]
    return len(grades) >= cells and any(score is not None for score in scores)


def _marks(
    notebooks: Sequence[Any], grades: Sequence[Any], record: Record | None, release: Release
) -> Iterator[Mark]:
    """The marks in the notebook's order: the judged problems, then the written questions."""
    messages = {row["problem"]: row["message"] for row in record.rows} if record else {}
    comments = {comment.name: comment for notebook in notebooks for comment in notebook.comments}
    place = {name: number for number, name in enumerate(release.points)}
    for grade in sorted(grades, key=lambda grade: (place.get(grade.name, len(place)), grade.name)):
        message = messages.get(grade.name, "")
        own = [comments.get(name) for name in (grade.name, answer_id(grade.name))]
        # nbgrader's own comment says of a missing answer what a message has already said.
        said = [one.manual_comment if message else one.comment for one in own if one]
        text = "\n".join(filter(None, [message, *said]))
        yield Mark(grade.name, grade.score, grade.cell.max_score, text)


# For all targets ---------------------------------------------------------------------------------


def lateness(result: Result) -> str:
    """A sentence on the penalty, "" where there is none."""
    return f"Late: {number(result.penalty)} points taken off." if result.penalty else ""


def names(results: Sequence[Result]) -> str:
    """The first few students' ids, and how many more there are."""
    more = f" and {len(results) - _MAX_NAMES} more" if len(results) > _MAX_NAMES else ""
    return ", ".join(ascii(result.student) for result in results[:_MAX_NAMES]) + more
