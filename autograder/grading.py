"""Grade a class: every submission gets its rows and its place in nbgrader's gradebook.

Jobs run side by side, in whatever pool they are given; one process, this one, writes. Nothing a
submission is, or does, stops the others, and nothing that ends this process loses a grade: what
the gradebook has is not graded again, unless something that the grade depends on has changed.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from nbgrader.utils import parse_utc

from autograder import job, sentences
from autograder.course_directory import Course, CourseError
from autograder.errors import MendableError
from autograder.gradebook import GradebookError, GradebookWriter, Record
from autograder.grader import Exam, Graded, faulty
from autograder.judge import Verdict
from autograder.sentences import plain
from autograder.submission import Fault, read_checkpoints, read_file

log = logging.getLogger(__name__)

AHEAD = 2
"""Jobs that wait for each worker: enough to keep it busy, and little to do again after a crash."""


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


@dataclass(frozen=True)
class Outcome:
    """What came of one submission; `is_new` is False where it was graded before."""

    rows: list[Row]
    is_new: bool


@dataclass(frozen=True)
class Pool:
    """Where jobs run: `workers` of them at a time.

    `share` hands an exam to the pool's processes once, and returns what a job gets in its place.
    """

    executor: Executor
    workers: int
    share: Any


@dataclass(frozen=True)
class _Submission:
    """A student's folder, as it was read."""

    student: str
    content: bytes | Fault
    checkpoints: Mapping[str, bytes]
    timestamp: datetime | None
    fingerprint: str


class Grading:
    """Grades the submissions of one assignment into the gradebook."""

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
        self._cause = f"{engine_digest()} {course.exam_digest(assignment)}"
        self._checkpoints = course.checkpoints(assignment)

    def _warn_of_equal_names(self) -> None:
        names = Counter(_student(folder) for folder in self.folders)
        for name in (name for name, count in names.items() if count > 1):
            log.warning("several folders are read as %s: the gradebook keeps the last", ascii(name))

    def _is_student(self, folder: Path) -> bool:
        """Folders of tools (.git, __pycache__) are no students unless they hold the assignment."""
        if (folder / self.assignment).exists():
            return True
        return folder.is_dir() and not folder.name.startswith((".", "__"))

    @functools.cached_property
    def _exam(self) -> Exam:
        """Made when the first submission needs it: its hidden cases take seconds."""
        return self.course.exam(self.assignment)

    def run(self, pool: Pool, *, again: bool = False) -> Iterator[Outcome]:
        """Grade each submission, and yield its rows as soon as the gradebook has them.

        Submissions that were graded before, by the same engine and exam, are not graded again
        unless asked (`again`).

        Raises:
            GradebookError: the gradebook cannot be written.
            ExecutorError: notebooks cannot be run here.
        """
        with GradebookWriter(
            self.course, self.course.release(self.assignment), self.assignment
        ) as writer:
            writer.register()
            records = {} if again else writer.records()
            running: dict[Future[str], _Submission] = {}
            for submission in map(self._read, self.folders):
                known = records.get(submission.student)
                if known and known.fingerprint == submission.fingerprint:
                    yield Outcome([Row(**row) for row in known.rows], is_new=False)
                elif isinstance(submission.content, Fault):
                    yield self._save(writer, submission, self._blank(submission.content))
                else:
                    if len(running) >= AHEAD * pool.workers:
                        yield from self._finished(writer, running)
                    future = pool.executor.submit(
                        job.run, pool.share(self._exam), submission.content, submission.checkpoints
                    )
                    running[future] = submission
            while running:
                yield from self._finished(writer, running)

    def _read(self, folder: Path) -> _Submission:
        own = folder / self.assignment
        content = read_file(own / f"{self.assignment}.ipynb")
        checkpoints = read_checkpoints(own, self._checkpoints)
        digest = hashlib.sha256(content.message.encode() if isinstance(content, Fault) else content)
        for name, saved in checkpoints.items():
            digest.update(f"{name} {hashlib.sha256(saved).hexdigest()}".encode())
        when = _timestamp(own / "timestamp.txt")
        fingerprint = f"{self._cause} {digest.hexdigest()} {when}"
        return _Submission(_student(folder), content, checkpoints, when, fingerprint)

    def _finished(
        self, writer: GradebookWriter, running: dict[Future[str], _Submission]
    ) -> Iterator[Outcome]:
        """Wait until a job has ended; its outcome, and those of all others that have."""
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            submission = running.pop(future)
            try:
                graded = job.graded(future.result())
            except MendableError:
                raise
            except Exception as error:  # of ours, but the others wait
                yield self._give_up(writer, submission, error)
            else:
                yield self._save(writer, submission, graded)

    def _save(self, writer: GradebookWriter, submission: _Submission, graded: Graded) -> Outcome:
        rows = [Row.of(submission.student, self.assignment, v) for v in graded.verdicts.values()]
        record = Record(submission.fingerprint, [row.as_dict() for row in rows])
        try:
            writer.save(submission.student, submission.timestamp, graded, record)
        except GradebookError:
            raise
        except Exception as error:
            return self._give_up(writer, submission, error)
        return Outcome(rows, is_new=True)

    def _give_up(
        self, writer: GradebookWriter, submission: _Submission, error: Exception
    ) -> Outcome:
        """No points, and a sentence that calls for a person; the next run tries again."""
        name = ascii(submission.student)
        log.error("%s: the grader failed", name, exc_info=error)
        graded = self._blank(Fault("refused", sentences.grader_failed(type(error).__name__)))
        rows = [Row.of(submission.student, self.assignment, v) for v in graded.verdicts.values()]
        try:
            writer.save(submission.student, None, graded, Record("", []))
        except GradebookError:
            raise
        except Exception:
            log.exception("%s: the gradebook does not have the rows", name)
        return Outcome(rows, is_new=True)

    def _blank(self, fault: Fault) -> Graded:
        """The release with the verdicts on a submission that is no notebook."""
        return faulty(self._exam.release, self._exam.sheet, fault)


def engine_digest() -> str:
    """What grades depend on beside the exam and the submission: this package, and torch."""
    digest = hashlib.sha256(torch.__version__.encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


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
