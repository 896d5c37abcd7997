"""The one writer of what was graded, and the reader of its records."""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import nbformat
from nbgrader.api import (
    Assignment,
    Comment,
    Grade,
    Gradebook,
    GradeCell,
    Notebook,
    SolutionCell,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from autograder.course_directory import Course
from autograder.gradebook.database import (
    GradebookError,
    explained,
    file_of,
    open_engine,
    transaction,
)
from autograder.gradebook.records import Record, RecordRow, Table
from autograder.gradebook.registration import register
from autograder.grader import Graded
from autograder.submission import Release, grade_id

log = logging.getLogger(__name__)


class GradebookWriter:
    """Writes the grades of one assignment. A context manager; one process has it.

    Whatever ends that process, and whenever, the gradebook has all of a submission's grades,
    comments, penalty and record, or has what it had before; and the graded notebook of every
    record lies in the autograded folder.
    """

    def __init__(self, course: Course, release: Release, assignment: str) -> None:
        self._course, self._release, self._assignment = course, release, assignment
        self._late = AssignLatePenalties(config=course.config)
        self._late.init_plugin()

    def __enter__(self) -> Self:
        """Open the gradebook; make its tables where there are none, as nbgrader does.

        Raises:
            GradebookError: there is no such database, no driver for it, or no leave to write.
        """
        url = self._course.directory.db_url
        self._engine = open_engine(url)
        with explained():
            Gradebook(url, self._course_id).close()
            Table.metadata.create_all(self._engine)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._engine.dispose()

    @property
    def _course_id(self) -> str:
        """nbgrader's API calls a course without a name so; a foreign key wants one."""
        return self._course.directory.course_id or "default_course"

    def register(self) -> None:
        """Tell the gradebook of the assignment's cells; see `registration.register`.

        Raises:
            GradebookError: there are grades for cells that the assignment no longer has.
        """
        with transaction(self._engine) as session:
            register(session, self._course_id, self._assignment, self._release.notebook)

    def records(self) -> dict[str, Record]:
        """Student → what was graded last, where the grades and the graded notebook still are."""
        query = (
            select(RecordRow.student, RecordRow.fingerprint, RecordRow.rows)
            .join(SubmittedNotebook, SubmittedNotebook.id == RecordRow.notebook)
            .where(RecordRow.assignment == self._assignment)
        )
        with transaction(self._engine) as session:
            return {
                student: Record(fingerprint, json.loads(rows))
                for student, fingerprint, rows in session.execute(query)
                if self._is_kept(student)
            }

    def save(
        self, student: str, timestamp: datetime | None, graded: Graded, record: Record
    ) -> None:
        """Grades, comments, late penalty, record and graded notebook of one submission.

        What people gave stays: manual scores, extra credit, manual comments, extensions.

        Args:
            student: nbgrader's id; a student that it does not know is added.
            timestamp: when the submission was made (UTC, without a time zone); None keeps what
                the gradebook has.
            graded: what `Grader.grade` made of the submission.
            record: for `records` to find.

        Raises:
            GradebookError: the gradebook cannot be written, or the assignment is not registered.
            OSError: the graded notebook cannot be written.
        """
        text = nbformat.v4.writes(graded.notebook)  # without validating what we have made
        with transaction(self._engine) as session:
            notebook = self._submitted(session, student, timestamp)
            _grade(session, notebook, graded)
            session.flush()  # the penalty depends on the score, a sum of the database's
            notebook.late_submission_penalty = self._penalty(notebook)
            session.merge(self._record_row(student, notebook.id, record))
            session.flush()
            self._keep(student, timestamp, text)

    def record(self, student: str, record: Record) -> None:
        """The record alone, of a submission that nbgrader itself has graded.

        Raises:
            GradebookError: the gradebook cannot be written.
        """
        with transaction(self._engine) as session:
            *_, notebook = self._found(session, student)
            session.merge(self._record_row(student, notebook.id, record))

    def _submitted(self, session: Session, student: str, timestamp: datetime | None) -> Any:
        """nbgrader's submitted notebook; made, with all that it belongs to, where there is none."""
        assignment, notebook_id, submission, notebook = self._found(session, student)
        if submission is None:
            person = session.get(Student, student) or Student(id=student)
            submission = SubmittedAssignment(assignment=assignment, student=person)
            session.add(submission)
        if timestamp is not None:
            submission.timestamp = timestamp
        if notebook is None:
            notebook = SubmittedNotebook(assignment=submission, notebook_id=notebook_id)
            session.add(notebook)
            session.flush()
        return notebook

    def _found(self, session: Session, student: str) -> Sequence[Any]:
        """The assignment, its notebook's id, and the student's submission of both, or None."""
        of_student = and_(
            SubmittedAssignment.assignment_id == Assignment.id,
            SubmittedAssignment.student_id == student,
        )
        of_both = and_(
            SubmittedNotebook.assignment_id == SubmittedAssignment.id,
            SubmittedNotebook.notebook_id == Notebook.id,
        )
        query = (
            select(Assignment, Notebook.id, SubmittedAssignment, SubmittedNotebook)
            .join(Notebook, Notebook.assignment_id == Assignment.id)
            .outerjoin(SubmittedAssignment, of_student)
            .outerjoin(SubmittedNotebook, of_both)
            .where(Assignment.name == self._assignment, Notebook.name == self._assignment)
        )
        found = session.execute(query).one_or_none()
        if found is None:
            raise GradebookError(
                f"the gradebook no longer has the assignment {self._assignment}: somebody removed "
                "it during the run; grade again"
            )
        return found

    def _penalty(self, notebook: Any) -> float | None:
        """What the course's plugin takes off for being late: between 0 and the score."""
        submission = notebook.assignment
        # nbgrader's own property fails on an extension where there is no due date.
        late = submission.assignment.duedate and submission.total_seconds_late
        if not late:
            return None
        score = notebook.score
        plugin = self._late.plugin_inst
        penalty = plugin.late_submission_penalty(submission.student_id, score, late)
        return None if penalty is None else min(max(penalty, 0), score)

    def _record_row(self, student: str, notebook: str, record: Record) -> RecordRow:
        return RecordRow(
            student=student,
            assignment=self._assignment,
            notebook=notebook,
            fingerprint=record.fingerprint,
            rows=json.dumps(record.rows),
        )

    def _folder(self, student: str) -> Path:
        """Where nbgrader looks for a graded notebook."""
        step = self._course.directory.autograded_directory
        return self._course.path(step, student, self._assignment)

    def _keep(self, student: str, timestamp: datetime | None, notebook: str) -> None:
        """Write the graded notebook, and when it was handed in."""
        folder = self._folder(student)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _replace(folder / f"{self._assignment}.ipynb", notebook)
            if timestamp is None:
                (folder / "timestamp.txt").unlink(missing_ok=True)
            else:
                _replace(folder / "timestamp.txt", f"{timestamp} UTC")
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:  # as a name can become by U+FFFD
                raise
            log.warning("no graded notebook kept for %s: %s", ascii(student), error.strerror)

    def _is_kept(self, student: str) -> bool:
        """Whether the graded notebook is there, or cannot be for its name."""
        try:
            os.stat(self._folder(student) / f"{self._assignment}.ipynb")
        except OSError as error:
            return error.errno == errno.ENAMETOOLONG
        return True


def read_records(course: Course, release: Release, assignment: str) -> dict[str, Record]:
    """What `GradebookWriter.records` finds; a gradebook that is not there is not made.

    Raises:
        GradebookError: there is no gradebook, or it cannot be read.
    """
    path = file_of(course.directory.db_url)
    if path and not path.is_file():
        raise GradebookError(
            f"there is no gradebook at {path}: run `autograder grade {assignment}` first"
        )
    with GradebookWriter(course, release, assignment) as book:
        return book.records()


def _grade(session: Session, notebook: Any, graded: Graded) -> None:
    """Scores and comments as nbgrader's SaveAutoGrades gives them, judged cells as the judge."""
    grades = _entries(session, notebook, Grade, GradeCell)
    comments = _entries(session, notebook, Comment, SolutionCell)
    for cell in graded.notebook.cells:
        if is_grade(cell):
            verdict = graded.verdicts.get(grade_id(cell))
            grade = grades[grade_id(cell)]
            grade.auto_score = verdict.points if verdict else determine_grade(cell)[0]
            grade.needs_manual_grade = grade.auto_score is None or grade.manual_score is not None
        if is_solution(cell):
            untouched = cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)
            comments[grade_id(cell)].auto_comment = "No response." if untouched else None


def _entries(session: Session, notebook: Any, kind: Any, cell: Any) -> dict[str, Any]:
    """Cell → its entry in a submitted notebook (`kind`: Grade or Comment), made where missing."""
    own = and_(kind.cell_id == cell.id, kind.notebook_id == notebook.id)
    query = (
        select(cell.name, cell.id, kind)
        .outerjoin(kind, own)
        .where(cell.notebook_id == notebook.notebook_id)
    )
    entries = {}
    for name, cell_id, entry in session.execute(query):
        entries[name] = entry or kind(cell_id=cell_id, notebook_id=notebook.id)
    session.add_all(entries.values())
    return entries


def _replace(path: Path, text: str) -> None:
    """Write a file so that there is always a whole one: the old or the new, also after a crash."""
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
