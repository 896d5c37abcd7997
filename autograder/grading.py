"""Grade a class: every submission gets its rows and its place in nbgrader's gradebook.

Nothing a submission is, or does, stops the others.
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.preprocessors import AssignLatePenalties, SaveCells
from nbgrader.utils import parse_utc

from autograder import sentences
from autograder.course_directory import Course, CourseError
from autograder.executor import Executor
from autograder.grader import Graded, Grader
from autograder.judge import Verdict
from autograder.nbgrader import SaveAutoGrades
from autograder.sentences import plain
from autograder.submission import Fault, read_submission

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """One graded problem of one submission, as `--json` writes it."""

    student: str
    assignment: str
    problem: str
    points: float
    max_points: float
    status: str
    misconception: str | None
    message: str

    @classmethod
    def of(cls, student: str, assignment: str, verdict: Verdict) -> Row:
        """The row of a verdict."""
        return cls(
            student,
            assignment,
            verdict.problem,
            verdict.points,
            verdict.max_points,
            verdict.status,
            verdict.misconception,
            plain(verdict.message, 4_000),
        )

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON takes it."""
        return asdict(self)


class Grading:
    """Grades the submissions of one assignment, one after the other, into the gradebook."""

    def __init__(self, course: Course, assignment: str, submitted: Path | None = None) -> None:
        """Find the submissions.

        Raises:
            CourseError: no such assignment, or no submissions of it where they should be.
        """
        course.check_known(assignment)
        self.course, self.assignment = course, assignment
        self.submitted = submitted or course.root / course.directory.submitted_directory
        if not self.submitted.is_dir():
            raise CourseError(
                f"no folder {self.submitted}: put submissions at "
                f"{self.submitted}/STUDENT/{assignment}/{assignment}.ipynb, or name another "
                "folder with --submitted"
            )
        self.folders = sorted(f for f in self.submitted.iterdir() if self._is_student(f))
        self._warn_of_equal_names()
        if not self.folders:
            raise CourseError(f"no submissions in {self.submitted}: it has no student's folder")

    def _warn_of_equal_names(self) -> None:
        names = Counter(_student(folder) for folder in self.folders)
        for name in (name for name, count in names.items() if count > 1):
            log.warning("several folders are read as %s: the gradebook keeps the last", ascii(name))

    def _is_student(self, folder: Path) -> bool:
        """Folders of tools (.git, __pycache__) are no students unless they hold the assignment."""
        if (folder / self.assignment).exists():
            return True
        return folder.is_dir() and not folder.name.startswith((".", "__"))

    def run(self, executor: Executor) -> Iterator[list[Row]]:
        """Grade each submission and yield its rows as soon as the gradebook has them."""
        grader = self.course.grader(self.assignment, executor)
        self._register(grader)
        for folder in self.folders:
            yield self._grade(grader, folder)

    def _grade(self, grader: Grader, folder: Path) -> list[Row]:
        student = _student(folder)
        own = folder / self.assignment
        try:
            graded = grader.grade(read_submission(own / f"{self.assignment}.ipynb"))
            self._save(student, own, graded)
        except Exception as error:  # of ours, but the others wait
            log.exception("%s: the grader failed", ascii(student))
            fault = Fault("refused", sentences.grader_failed(type(error).__name__))
            graded = grader.grade(fault)
            try:
                self._save(student, own, graded)
            except Exception:
                log.exception("%s: the gradebook does not have the rows", ascii(student))
        return [Row.of(student, self.assignment, graded.verdicts[name]) for name in graded.verdicts]

    # nbgrader's gradebook ------------------------------------------------------------------------

    def _resources(self, student: str) -> dict[str, Any]:
        """What nbgrader's preprocessors want to be told."""
        return {
            "nbgrader": {
                "student": student,
                "assignment": self.assignment,
                "notebook": self.assignment,
                "db_url": self.course.directory.db_url,
            }
        }

    def _register(self, grader: Grader) -> None:
        """Tell the gradebook of the assignment's cells, as nbgrader's generate_assignment does."""
        with Gradebook(self.course.directory.db_url) as gradebook:
            gradebook.update_or_create_assignment(self.assignment)
            if self._is_registered(gradebook, grader):
                return
        SaveCells().preprocess(grader.release.notebook, self._resources("."))

    def _is_registered(self, gradebook: Gradebook, grader: Grader) -> bool:
        try:
            notebook = gradebook.find_notebook(self.assignment, self.assignment)
        except MissingEntry:
            return False
        known = {cell.name: cell.max_score for cell in notebook.grade_cells}
        return grader.release.points.items() <= known.items()

    def _save(self, student: str, folder: Path, graded: Graded) -> None:
        """Scores into the gradebook, the graded notebook to where nbgrader looks for it."""
        timestamp = _timestamp(folder / "timestamp.txt")
        with Gradebook(self.course.directory.db_url) as gradebook:
            gradebook.update_or_create_student(student)
            when = {"timestamp": timestamp} if timestamp else {}
            gradebook.update_or_create_submission(self.assignment, student, **when)
        resources = {**self._resources(student), "verdicts": graded.verdicts}
        config = self.course.config
        SaveAutoGrades(config=config).preprocess(graded.notebook, resources)
        AssignLatePenalties(config=config).preprocess(graded.notebook, resources)
        self._write(student, folder, graded)

    def _write(self, student: str, folder: Path, graded: Graded) -> None:
        step = self.course.directory.autograded_directory
        target = self.course.path(step, student, self.assignment)
        shutil.rmtree(target, ignore_errors=True)
        try:
            target.mkdir(parents=True)
        except OSError as error:  # a name that became too long as U+FFFD, for one
            log.warning("no graded notebook kept for %s: %s", ascii(student), error.strerror)
            return
        nbformat.write(graded.notebook, target / f"{self.assignment}.ipynb")
        if stamp := _timestamp(folder / "timestamp.txt"):
            (target / "timestamp.txt").write_text(f"{stamp} UTC")


def _student(folder: Path) -> str:
    """The folder's name; bytes that are not UTF-8 become U+FFFD."""
    return os.fsencode(folder.name).decode("utf-8", "replace")


def _timestamp(path: Path) -> datetime | None:
    """When a submission was made (UTC), as nbgrader writes it; None where the file says nothing."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with path.open(errors="replace") as file:
            found: datetime | None = parse_utc(file.read(100).strip() or None)
    except FileNotFoundError:
        return None
    except Exception as error:  # whatever a parser makes of any text
        log.warning("%s is no timestamp (%s): not counted as late", path, type(error).__name__)
        return None
    return found
