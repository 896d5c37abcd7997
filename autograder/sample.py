"""A class made from text: submissions of every kind, with the grade that each must get.

`solutions/<assignment>_class.py` tells the stories; this module makes the notebooks.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from autograder.course_directory import CONFIG, Course
from autograder.errors import MendableError
from autograder.grading import Row
from autograder.problem import AuthoringError
from autograder.reference import Source, load_module, read_source
from autograder.submission import Release, answer_id, grade_id

WRITTEN = "The scores grow with the number of features, and the softmax with them."


class SampleError(MendableError):
    """A sample class cannot be made; says what to do."""


@dataclass(frozen=True)
class Grade:
    """What a submission must get for one problem."""

    points: float
    status: str
    misconception: str | None = None


@dataclass(frozen=True)
class Submission:
    """One student of the class.

    Attributes:
        student: the folder's name.
        story: what the submission is, in a sentence.
        make: the content of its file, from a `Desk`: a notebook, bytes, or None for no file.
        grades: problem → grade, for the problems that do not get all points.
    """

    student: str
    story: str
    make: Callable[[Desk], NotebookNode | bytes | None]
    grades: Mapping[str, Grade]


@dataclass(frozen=True)
class Desk:
    """What a submission is made of: the release, the solutions, the known mistakes."""

    source: Source
    release: Release
    variants: Mapping[tuple[str, str], str]

    def notebook(self, **answers: str) -> NotebookNode:
        """The release with every problem answered: by the solution, or by the text given.

        Written questions are answered too, with words that somebody has to grade.
        """
        unknown = answers.keys() - self.source.solutions.keys()
        if unknown:
            raise AuthoringError(f"no problems {sorted(unknown)} in {self.source.assignment}")
        filled = copy.deepcopy(self.release.notebook)
        texts = {
            answer_id(name): text for name, text in {**self.source.solutions, **answers}.items()
        }
        for cell in filled.cells:
            if grade_id(cell) in texts:
                cell.source = texts[grade_id(cell)]
            elif cell.cell_type == "markdown" and grade_id(cell):
                cell.source = WRITTEN
        return filled

    def with_variants(self, **names: str) -> NotebookNode:
        """Answers by the honest variants of these names, the rest by the solutions."""
        return self.notebook(**{name: self.variant(name, label) for name, label in names.items()})

    def with_mistakes(self, **names: str) -> NotebookNode:
        """Answers with these known mistakes, the rest by the solutions."""
        return self.notebook(**{name: self.mistaken(name, known) for name, known in names.items()})

    def stub(self, problem: str) -> str:
        """The answer cell as released."""
        return self.release.stub(problem)

    def variant(self, problem: str, name: str) -> str:
        """An honest variant of `<assignment>_variants.py`."""
        return self.variants[problem, name]

    def mistaken(self, problem: str, misconception: str) -> str:
        """The solution cell with a known mistake in it."""
        known = {
            m.id: m for p in self.source.problems if p.name == problem for m in p.misconceptions
        }
        return known[misconception].applied_to(self.source.solutions[problem])


def read_variants(path: Path, mark: str = "variant") -> dict[tuple[str, str], str]:
    """(problem, name) → text, for the cells of a variants file that carry `mark`."""
    return {
        (cell.metadata["problem"], cell.metadata[mark]): cell.source
        for cell in jupytext.read(path, fmt="py:percent").cells
        if mark in cell.metadata
    }


def read_class(course: Course, assignment: str) -> tuple[Desk, tuple[Submission, ...]]:
    """The desk and the submissions of an assignment's sample class.

    Raises:
        SampleError: the assignment has none.
    """
    solutions = course.solutions
    path = solutions / f"{assignment}_class.py"
    if not path.is_file():
        raise SampleError(f"{assignment} has no sample class: {path} is missing")
    desk = Desk(
        read_source(solutions, assignment),
        Release.load(course.release_folder(assignment) / f"{assignment}.ipynb"),
        read_variants(solutions / f"{assignment}_variants.py"),
    )
    return desk, tuple(load_module(path).SUBMISSIONS)


def write_class(course: Course, assignment: str, folder: Path) -> list[str]:
    """Make a course directory of its own in `folder`, so that no real gradebook is touched.

    Returns the students' names.

    Raises:
        SampleError: `folder` holds something that is no sample class, or there is no class.
    """
    desk, submissions = read_class(course, assignment)
    marker = folder / CONFIG
    if folder.exists() and any(folder.iterdir()) and not marker.is_symlink():
        raise SampleError(f"{folder} is not empty, and no sample class: name a new folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in (CONFIG, course.directory.source_directory, course.directory.release_directory):
        (folder / name).symlink_to((course.root / name).resolve())
    for submission in submissions:
        target = folder / "submitted" / submission.student / assignment
        target.mkdir(parents=True)
        write(submission.make(desk), target / f"{assignment}.ipynb")
    return [submission.student for submission in submissions]


def unexpected(submissions: Iterable[Submission], rows: Iterable[Row]) -> list[str]:
    """Where the rows are not as the class states, a sentence each."""
    stated = {submission.student: submission.grades for submission in submissions}
    surprises = []
    for row in rows:
        full = Grade(row.max_points, "correct")
        grade = stated.get(row.student, {}).get(row.problem, full)
        found = Grade(row.points, row.status, row.misconception)
        if found != grade:
            surprises.append(f"{row.student}, {row.problem}: expected {grade}, found {found}")
    absent = stated.keys() - {row.student for row in rows}
    return surprises + [f"{student}: no rows" for student in sorted(absent)]


def write(content: NotebookNode | bytes | None, path: Path) -> None:
    """A submission's content as its file."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.write_text(nbformat.writes(content), encoding="utf-8")
