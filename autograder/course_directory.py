"""Where a course keeps its things: nbgrader's own configuration, and the secret of its graders."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbgrader.apps import NbGrader
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.build import assignments
from autograder.errors import MendableError
from autograder.executor import Executor, Limits
from autograder.grader import Exam, Grader
from autograder.reference import build_sheet, read_source
from autograder.sheet import Sheet
from autograder.submission import Release, ReleaseError

CONFIG = "nbgrader_config.py"
SECRET_VARIABLE = "AUTOGRADER_SECRET"
SECRET_FILE = ".autograder-secret"
CONFIGURABLE = ("cell_seconds", "problem_seconds", "submission_seconds")
"""The limits of a submission that instructors may set."""
_SHEET = (".sheet.json", ".sheet.safetensors")


class CourseError(MendableError):
    """Something of the course is not where it should be; says what to do."""


@dataclass(frozen=True)
class Course:
    """A course directory as nbgrader is configured to see it."""

    directory: CourseDirectory
    config: Config

    @property
    def root(self) -> Path:
        """The folder that holds nbgrader_config.py."""
        return Path(self.directory.root)

    def path(self, step: str, student: str, assignment: str) -> Path:
        """Where nbgrader keeps an assignment of a student ("." for the course's own) in a step."""
        return Path(self.directory.format_path(step, student, assignment))

    def release_folder(self, assignment: str) -> Path:
        """What students get: the released notebook and its sheet."""
        return self.path(self.directory.release_directory, ".", assignment)

    @property
    def solutions(self) -> Path:
        """The instructor's folder."""
        return self.root / str(self.directory.source_directory)

    def check_known(self, assignment: str) -> None:
        """Raise a CourseError unless there is such an assignment."""
        if assignment not in (known := assignments(self.solutions)):
            raise CourseError(f"no assignment {assignment!r}; there are: {', '.join(known)}")

    def grader(self, assignment: str, executor: Executor) -> Grader:
        """A grader with hidden cases; raises what `exam` raises."""
        return self.exam(assignment).grader(executor)

    def exam(self, assignment: str) -> Exam:
        """What the assignment is graded by, with hidden cases.

        Raises:
            CourseError: the assignment is not known, or its release is of another build.
        """
        self.check_known(assignment)
        folder, release = self.release_folder(assignment), self.release(assignment)
        source = read_source(self.solutions, assignment)
        sheet = build_sheet(source, self._secret())
        worth = {name: problem.max_points for name, problem in sheet.problems.items()}
        if dict(release.points) != worth:
            raise CourseError(
                f"{folder} releases {dict(release.points)}, the problems are worth {worth}: "
                "run `make build`"
            )
        files = _public_files(folder, assignment)
        return Exam(assignment, release, sheet, files, self._limits(source.seconds))

    def _limits(self, seconds: Mapping[str, float]) -> Limits:
        """The limits that nbgrader_config.py sets by `c.Execute`; else the assignment's own."""
        own: Mapping[str, Any] = self.config.get("Execute", {})
        return Limits(**{**seconds, **{name: own[name] for name in CONFIGURABLE if name in own}})

    def checkpoints(self, assignment: str) -> tuple[str, ...]:
        """The files that may be handed in beside the notebook, as the release says.

        Raises:
            SheetError: the public sheet cannot be read.
        """
        sheet = Sheet.load(self.release_folder(assignment) / f"{assignment}{_SHEET[0]}")
        return sheet.checkpoints

    def release(self, assignment: str) -> Release:
        """The released notebook.

        Raises:
            CourseError: there is none, or it is none.
        """
        try:
            return Release.load(self.release_folder(assignment) / f"{assignment}.ipynb")
        except ReleaseError as error:
            raise CourseError(str(error)) from error

    def exam_digest(self, assignment: str) -> str:
        """What the exam is made from, in short: it changes when any part of that does.

        Raises:
            CourseError: the assignment is not known, or not built.
        """
        self.check_known(assignment)
        folder = self.release_folder(assignment)
        texts = [self.solutions / f"{assignment}{part}.py" for part in ("", "_problems")]
        built = [folder / f"{assignment}{part}" for part in (".ipynb", *_SHEET)]
        digest = hashlib.sha256(self._secret().encode())
        for path in (*texts, *built):
            try:
                content = path.read_bytes()
            except OSError as error:
                raise CourseError(f"{path} cannot be read: build it with `make build`") from error
            digest.update(hashlib.sha256(content).digest())
        return digest.hexdigest()

    def _secret(self) -> str:
        """The seed of the hidden cases: kept outside the repository, made on first use."""
        if secret := os.environ.get(SECRET_VARIABLE):
            return secret
        path = self.root / SECRET_FILE
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(16))
        if secret := path.read_text().strip():
            return secret
        raise CourseError(f"{path} is empty: delete it, and the next run makes a new secret")


def find_course(start: Path) -> Course:
    """The course that `start` lies in, configured by its nbgrader_config.py.

    Raises:
        CourseError: neither `start` nor a folder above it is a course directory.
    """
    for folder in (start, *start.parents):
        if (folder / CONFIG).is_file():
            return _configured(folder)
    raise CourseError(f"{start} lies in no course: there is no {CONFIG} here or above")


def _configured(root: Path) -> Course:
    app = NbGrader()
    app.log.setLevel(logging.WARNING)
    app.load_cwd_config = False
    app.config_file = str(root / CONFIG).removesuffix(".py")
    app.load_config_file()
    return Course(CourseDirectory(config=app.config, root=str(root)), app.config)


def _public_files(folder: Path, assignment: str) -> dict[str, bytes]:
    names = [f"{assignment}{part}" for part in _SHEET]
    return {name: (folder / name).read_bytes() for name in names}
