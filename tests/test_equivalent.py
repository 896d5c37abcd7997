"""Grades here and on stock nbgrader with equivalent assertions: the same for whoever is honest."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from autograder import pools
from autograder.course_directory import CONFIG, find_course
from autograder.grading import Grading
from autograder.sample import Desk, read_class, write
from autograder.submission import grade_id
from tests.equivalent.course import points, write_source

ROOT = Path(__file__).parent.parent
ASSIGNMENT = "a1_attention"
VARIANTS, MISTAKES = 6, 6
"""So many students answer by an honest variant of each problem, and by a known mistake in each."""


def submissions(desk: Desk) -> dict[str, dict[str, str]]:
    """Student → problem → answer."""
    texts: dict[str, list[str]] = {problem.name: [] for problem in desk.source.problems}
    for (name, _), text in desk.variants.items():
        texts[name].append(text)
    found = {
        f"honest{number}": {name: answers[number] for name, answers in texts.items()}
        for number in range(VARIANTS)
    }
    for number in range(MISTAKES):
        found[f"mistaken{number}"] = {
            problem.name: desk.mistaken(problem.name, problem.misconceptions[number].id)
            for problem in desk.source.problems
        }
    found["blank"] = {problem.name: desk.stub(problem.name) for problem in desk.source.problems}
    return found


def hand_in(course: Path, notebook: NotebookNode, student: str) -> None:
    path = course / "submitted" / student / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    path.parent.mkdir(parents=True)
    write(notebook, path)


@pytest.fixture(scope="module", autouse=True)
def secret() -> Iterator[None]:
    """One for both, so that they draw the same hidden cases."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGRADER_SECRET", "of both")
        yield


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    folder = tmp_path_factory.mktemp("ours")
    for name in (CONFIG, "solutions", "assignments"):
        (folder / name).symlink_to(ROOT / name)
    course = find_course(folder)
    desk, _ = read_class(course, ASSIGNMENT)
    for student, answers in submissions(desk).items():
        hand_in(folder, desk.notebook(**answers), student)
    with pools.local(2) as pool:
        outcomes = list(Grading(course, ASSIGNMENT).run(pool))
    found: dict[str, dict[str, float]] = {}
    for row in (row for outcome in outcomes for row in outcome.rows):
        found.setdefault(row.student, {})[row.problem] = row.points
    return found


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    folder = tmp_path_factory.mktemp("stock")
    course = find_course(ROOT)
    desk, _ = read_class(course, ASSIGNMENT)
    source = nbformat.read(ROOT / "solutions" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", as_version=4)
    write_source(folder / "source" / ASSIGNMENT, source, course.exam(ASSIGNMENT).sheet)
    nbgrader(folder, "generate_assignment", ASSIGNMENT)
    release = folder / "release" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    for student, answers in submissions(desk).items():
        notebook = nbformat.read(release, as_version=4)
        for cell in notebook.cells:
            cell.source = answers.get(grade_id(cell).removesuffix("_answer"), cell.source)
        hand_in(folder, notebook, student)
    nbgrader(folder, "autograde", ASSIGNMENT)
    return points(folder)


def nbgrader(folder: Path, *arguments: str) -> None:
    program = Path(sys.executable).with_name("nbgrader")
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    subprocess.run([program, *arguments], cwd=folder, env=environment, check=True)


def test_the_assertions_pay_what_the_judge_pays(
    ours: dict[str, dict[str, float]], stock: dict[str, dict[str, float]]
) -> None:
    assert stock.keys() == ours.keys()
    unequal = {
        (student, problem): (worth, stock[student][problem])
        for student, grades in ours.items()
        for problem, worth in grades.items()
        if stock[student][problem] != worth
    }
    assert unequal == {}


def test_right_answers_get_all_points_and_blank_ones_none(
    stock: dict[str, dict[str, float]],
) -> None:
    sheet = find_course(ROOT).exam(ASSIGNMENT).sheet
    full = {name: problem.max_points for name, problem in sheet.problems.items()}
    assert stock["honest0"] == full
    assert set(stock["blank"].values()) == {0}
    assert len(stock) == VARIANTS + MISTAKES + 1
