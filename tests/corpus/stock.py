"""The same submissions on stock nbgrader: an assignment tested by assertions in the notebook."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from autograder.sample import write
from autograder.submission import answer_id
from tests.corpus.entry import PROBLEM, RIGHT, WRONG, Entry, OnStock
from tests.corpus.scene import Scene

ASSIGNMENT = "stock"
LAST = "zoe"  # of a class that one submission may end
COURSES = 2  # side by side

TESTS = {
    PROBLEM: "np.testing.assert_allclose(similarity(q, k), expected, rtol=1e-4)",
    f"{PROBLEM}_in_torch": "torch.testing.assert_close(similarity(q, k), expected)",
    f"{PROBLEM}_in_python": "assert bool(torch.all(similarity(q, k) == expected))",
}
# Whole numbers, so that sums agree to the last bit; no expected number is 0.
INPUTS = """
q, k = torch.randn(4).sign(), torch.randn(6, 4).sign() * torch.tensor([1.0, 2, 4, 8])
expected = (q * k).sum(1)
""".strip()
WORTH = 2 * len(TESTS)

CONFIG = """
c = get_config()
c.CourseDirectory.source_directory = "solutions"
c.Execute.shutdown_kernel = "immediate"  # which saves a second a notebook, and changes no grade
"""


@dataclass(frozen=True)
class Outcome:
    """What came of a submission; no points where stock nbgrader has no grade for it."""

    points: float | None
    has_leaked: bool
    has_last: bool = True

    def is_as(self, stated: OnStock) -> bool:
        """Whether this is what the entry states."""
        return {
            "earns": bool(self.points),
            "leaks": self.has_leaked,
            "loses": self.points is None or self.points < WORTH,
            "ends the batch": not self.has_last,
        }[stated]

    def __str__(self) -> str:
        if not self.has_last:
            return "the next has no grade"
        if self.has_leaked:
            return "a canary is out"
        return "no grade" if self.points is None else f"{self.points:g} of {WORTH}"


def released(answer: str) -> NotebookNode:
    """The source notebook, with that as its solution."""
    mark = {"schema_version": 3, "task": False, "locked": True, "solution": False, "grade": True}
    solution = {"grade": False, "grade_id": answer_id(PROBLEM), "locked": False, "solution": True}
    cells = [
        new_code_cell("import numpy as np\nimport torch"),
        new_code_cell(answer, metadata={"nbgrader": {**mark, **solution}}),
    ]
    for name, test in TESTS.items():
        text = f"### BEGIN HIDDEN TESTS\n{INPUTS}\n{test}\n### END HIDDEN TESTS"
        marks = {**mark, "grade_id": name, "points": 2}
        cells.append(new_code_cell(text, metadata={"nbgrader": marks}))
    kernel = {"name": "python3", "display_name": "Python 3"}
    return new_notebook(metadata={"kernelspec": kernel}, cells=cells)


def run(entries: Sequence[Entry], scene: Scene, folder: Path) -> dict[str, Outcome]:
    """What stock nbgrader makes of each entry; of `right` and `wrong` too, for comparison."""
    plain = [Entry("right", "no attack"), Entry("wrong", "no attack", WRONG)]
    alone = [entry for entry in entries if entry.on_stock == "ends the batch"]
    shared = [entry for entry in entries if entry not in alone] + plain
    classes = [shared[part::COURSES] for part in range(COURSES)]
    classes += [[entry, Entry(LAST, "the next one")] for entry in alone]
    with ThreadPoolExecutor(COURSES) as pool:
        jobs = [
            pool.submit(_graded, members, scene, folder / f"course{number}")
            for number, members in enumerate(classes)
        ]
        found = [job.result() for job in jobs]
    outcomes = {name: outcome for part in found for name, outcome in part.items()}
    for members, part in zip(classes, found, strict=True):
        if members[-1].name == LAST:
            has_last = part[LAST].points is not None
            outcomes[members[0].name] = replace(part[members[0].name], has_last=has_last)
    return outcomes


def _graded(entries: Sequence[Entry], scene: Scene, course: Path) -> dict[str, Outcome]:
    source = course / "solutions" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    source.parent.mkdir(parents=True)
    nbformat.write(released(RIGHT), source)
    (course / "nbgrader_config.py").write_text(CONFIG)
    scene.plant(course)
    _nbgrader(course, "generate_assignment", ASSIGNMENT)
    release = course / "release" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    for entry in entries:
        target = course / "submitted" / entry.name / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
        target.parent.mkdir(parents=True)
        stage = replace(scene.stage(entry.name), course=str(course))
        content = entry.content(nbformat.read(release, as_version=4), stage)
        content(target) if callable(content) else write(content, target)
    _nbgrader(course, "autograde", ASSIGNMENT, check=False)
    points = _points(course)
    outcomes = {}
    for entry in entries:
        graded = course / "autograded" / entry.name / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
        text = graded.read_bytes() if graded.is_file() else b""
        has_leaked = scene.word(entry.name) in scene.heard or bool(scene.canaries_in(text))
        outcomes[entry.name] = Outcome(points.get(entry.name) if text else None, has_leaked)
    return outcomes


def _nbgrader(course: Path, *arguments: str, check: bool = True) -> None:
    """Run nbgrader as it comes: what the students left behind of it ends with it."""
    program = Path(sys.executable).with_name("nbgrader")
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [program, *arguments], cwd=course, env=environment, check=check, capture_output=True
    )


def _points(course: Path) -> dict[str, float]:
    query = """
        SELECT student.id, SUM(grade.auto_score) FROM grade
        JOIN submitted_notebook ON grade.notebook_id = submitted_notebook.id
        JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
        JOIN student ON submitted_assignment.student_id = student.id GROUP BY student.id
    """
    with sqlite3.connect(course / "gradebook.db") as database:
        return {student: score or 0 for student, score in database.execute(query)}
