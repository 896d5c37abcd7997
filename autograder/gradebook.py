"""The one writer of nbgrader's gradebook: a submission is one transaction.

The tables are nbgrader's own, and so is the meaning of every entry: what its SaveCells,
SaveAutoGrades and AssignLatePenalties would leave is left here, with one commit where they make
twenty. A table of ours stands beside them and says what was graded, so that a later run can go on
where one was ended.
"""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import nbformat
from nbformat import NotebookNode
from nbgrader.api import (
    Assignment,
    Comment,
    Grade,
    Gradebook,
    GradeCell,
    Notebook,
    SolutionCell,
    SourceCell,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_locked, is_solution
from sqlalchemy import Connection, Engine, String, Text, and_, create_engine, event, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DataError, IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from autograder.course_directory import Course
from autograder.errors import MendableError
from autograder.grader import Graded
from autograder.submission import Release, grade_id

log = logging.getLogger(__name__)

# How long to wait for another program, the formgrader for one, to let go of an SQLite file.
_LOCK_SECONDS = 60.0


class GradebookError(MendableError):
    """The gradebook cannot take grades, or is not there to be read; says what to do."""


@dataclass(frozen=True)
class Record:
    """What was graded last of a student.

    Attributes:
        fingerprint: of all that the grades depend on; an equal one needs no second grading.
        rows: the graded problems as JSON takes them.
    """

    fingerprint: str
    rows: list[dict[str, Any]]


class _Table(DeclarativeBase):
    """Tables that are not nbgrader's: its migrations neither know nor touch them."""


class _RecordRow(_Table):
    """A `Record` in the database.

    `notebook` is the id of nbgrader's submitted notebook, new whenever one is made: a record
    outlives no grades. No foreign key, which would keep nbgrader from removing a submission.
    """

    __tablename__ = "autograder_record"

    student: Mapped[str] = mapped_column(String(128), primary_key=True)
    assignment: Mapped[str] = mapped_column(String(128), primary_key=True)
    notebook: Mapped[str] = mapped_column(String(32))
    fingerprint: Mapped[str] = mapped_column(Text)
    rows: Mapped[str] = mapped_column(Text)


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
        self._engine = _engine(url)
        with _explained():
            Gradebook(url, self._course_id).close()
            _Table.metadata.create_all(self._engine)
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

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        """A session whose every change is committed together, at the end, or not at all."""
        with (
            _explained(),
            Session(self._engine, autoflush=False) as session,
            session.begin(),
        ):
            yield session

    # The assignment ------------------------------------------------------------------------------

    def register(self) -> None:
        """Tell the gradebook of the assignment's cells, as nbgrader's generate_assignment does.

        Where it knows them, nothing is written. Cells may be added although there are submissions
        (nbgrader refuses that): `save` adds what a submission lacks.

        Raises:
            GradebookError: there are grades for cells that the assignment no longer has.
        """
        cells = [cell for cell in self._release.notebook.cells if grade_id(cell)]
        with self._transaction() as session:
            notebook = self._registered(session) or self._new_notebook(session)
            kernel = self._release.notebook.metadata.get("kernelspec", {})
            notebook.kernelspec = json.dumps(kernel)
            stale = _update(session, notebook, GradeCell, _grade_cells(cells))
            stale += _update(session, notebook, SolutionCell, _solution_cells(cells))
            self._refuse_to_lose_grades(session, stale)
            stale += _update(session, notebook, SourceCell, _source_cells(cells))
            for cell in stale:
                session.delete(cell)

    def _registered(self, session: Session) -> Any:
        """nbgrader's notebook of the assignment, None where there is none."""
        return session.scalar(
            select(Notebook)
            .join(Notebook.assignment)
            .where(Assignment.name == self._assignment, Notebook.name == self._assignment)
        )

    def _new_notebook(self, session: Session) -> Any:
        assignment = session.scalar(select(Assignment).filter_by(name=self._assignment))
        if assignment is None:
            assignment = Assignment(name=self._assignment, course_id=self._course_id)
            session.add(assignment)
        notebook = Notebook(name=self._assignment, assignment=assignment)
        session.add(notebook)
        session.flush()
        return notebook

    def _refuse_to_lose_grades(self, session: Session, stale: Iterable[Any]) -> None:
        ids = [cell.id for cell in stale]
        graded = {
            *session.scalars(select(Grade.cell_id).where(Grade.cell_id.in_(ids))),
            *session.scalars(select(Comment.cell_id).where(Comment.cell_id.in_(ids))),
        }
        if names := sorted({cell.name for cell in stale if cell.id in graded}):
            raise GradebookError(
                f"the gradebook has grades for cells that {self._assignment} no longer has "
                f"({', '.join(names)}): put these cells back, or remove the assignment with all "
                f"its grades by `nbgrader db assignment remove {self._assignment} --force`"
            )

    # Submissions ---------------------------------------------------------------------------------

    def records(self) -> dict[str, Record]:
        """Student → what was graded last, where the grades and the graded notebook still are."""
        query = (
            select(_RecordRow.student, _RecordRow.fingerprint, _RecordRow.rows)
            .join(SubmittedNotebook, SubmittedNotebook.id == _RecordRow.notebook)
            .where(_RecordRow.assignment == self._assignment)
        )
        with self._transaction() as session:
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
        with self._transaction() as session:
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
        with self._transaction() as session:
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

    def _record_row(self, student: str, notebook: str, record: Record) -> _RecordRow:
        return _RecordRow(
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
    path = _file_of(course.directory.db_url)
    if path and not path.is_file():
        raise GradebookError(
            f"there is no gradebook at {path}: run `autograder grade {assignment}` first"
        )
    with GradebookWriter(course, release, assignment) as book:
        return book.records()


def _file_of(db_url: str) -> Path | None:
    """The file of an SQLite database; None for any other, and for what is none."""
    with suppress(ArgumentError):
        url = make_url(db_url)
        if url.get_backend_name() == "sqlite" and url.database:
            return Path(url.database)
    return None


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


def _update(
    session: Session, notebook: Any, kind: Any, cells: Iterable[Mapping[str, Any]]
) -> list[Any]:
    """Make the notebook's cells of a kind those given; the known ones that are not among them."""
    query = select(kind).where(kind.notebook_id == notebook.id)
    known = {cell.name: cell for cell in session.scalars(query)}
    for cell in cells:
        row = known.pop(cell["name"], None) or kind(notebook=notebook)
        session.add(row)
        for column, value in cell.items():
            setattr(row, column, value)
    return list(known.values())


def _grade_cells(cells: Iterable[NotebookNode]) -> Iterator[dict[str, Any]]:
    for cell in filter(is_grade, cells):
        points = float(cell.metadata.nbgrader.points)
        yield {"name": grade_id(cell), "max_score": points, "cell_type": cell.cell_type}


def _solution_cells(cells: Iterable[NotebookNode]) -> Iterator[dict[str, Any]]:
    for cell in filter(is_solution, cells):
        yield {"name": grade_id(cell)}


def _source_cells(cells: Iterable[NotebookNode]) -> Iterator[dict[str, Any]]:
    for cell in cells:
        if is_grade(cell) or is_solution(cell) or is_locked(cell):
            yield {
                "name": grade_id(cell),
                "cell_type": cell.cell_type,
                "locked": is_locked(cell),
                "source": cell.source,
                "checksum": cell.metadata.nbgrader.get("checksum"),
            }


def _replace(path: Path, text: str) -> None:
    """Write a file so that there is always a whole one: the old or the new, also after a crash."""
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


# The database ------------------------------------------------------------------------------------


def _engine(url: str) -> Engine:
    """An engine whose transactions on SQLite begin by taking the lock, and wait for it.

    Python's sqlite3 would begin at the first change, after the reads that decide it. See "Enabling
    Non-Legacy SQLite Transactional Modes" in SQLAlchemy's documentation of the SQLite dialect.
    """
    try:
        engine = create_engine(url)
    except (ArgumentError, ImportError) as error:
        raise GradebookError(
            f"CourseDirectory.db_url names no database that can be used here ({error}): correct "
            "it in nbgrader_config.py, or install what it needs"
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _wait_for_locks)
        event.listen(engine, "begin", _take_lock)
    return engine


def _wait_for_locks(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # no BEGIN but ours
    connection.execute(f"PRAGMA busy_timeout = {round(_LOCK_SECONDS * 1000)}")


def _take_lock(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what is wrong with the database, not with one submission's entries, into a sentence."""
    try:
        yield
    except (DataError, IntegrityError):
        raise
    except DatabaseError as error:
        reason = " ".join(str(error.orig).split())
        raise GradebookError(
            f"the gradebook cannot be used ({reason}): see that its database is there, may be "
            "written, is held by no other program and is up to date (`nbgrader db upgrade`)"
        ) from error
