"""The problem that CONTRIBUTING shows whole: built from the page, checked, graded, diagnosed."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tokenize
from pathlib import Path

import nbformat
import pytest

from autograder.course_directory import find_course
from autograder.executor import Executor
from autograder.sandbox import Walls
from autograder.submission import answer_id, grade_id, read_submission

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
MOST_LINES = 15
PROSE = {"hints", "seen", "symptoms", "think"}
RIGHT = "def row_means(x):\n    return x.sum(dim=1) / x.shape[1]"
WRONG = "def row_means(x):\n    return torch.einsum('nd->d', x) / len(x)"


def shown() -> dict[str, str]:
    """File → text, as the page shows them."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = page.split("#### One, whole")[1].split("\n### ")[0]
    found = re.findall(r"`(solutions/\w+\.py)`:\n\n```python\n(.*?)```", section, re.DOTALL)
    return dict(found)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course whose only assignment is what the page says."""
    root = tmp_path_factory.mktemp("course")
    (root / "lectures").mkdir()
    (root / "solutions").mkdir()
    shutil.copy(ROOT / "nbgrader_config.py", root)
    for name, text in shown().items():
        (root / name).write_text(text, encoding="utf-8")
    subprocess.run([BIN / "autograder", "build"], cwd=root, check=True)
    return root


def answered(course: Path, answer: str) -> Path:
    """The released notebook with that answer, in a folder of its own beside its sheet."""
    folder = course / "student"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(course / "assignments" / "means", folder)
    path = folder / "means.ipynb"
    notebook = nbformat.read(path, as_version=4)
    [cell] = [cell for cell in notebook.cells if grade_id(cell) == answer_id("row_means")]
    cell.source = answer
    nbformat.write(notebook, path)
    return path


def test_the_page_shows_two_files_of_few_lines() -> None:
    files = shown()
    assert set(files) == {"solutions/means.py", "solutions/means_problems.py"}
    assert sum(map(lines_of_code, files.values())) <= MOST_LINES


def lines_of_code(text: str) -> int:
    """Lines beside imports, comments, brackets that close, and prose to the student."""
    kept = {tokenize.NAME, tokenize.NUMBER}
    words: dict[int, set[str]] = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in kept:
            words.setdefault(token.start[0], set()).add(token.string)
    return sum(not of_line & (PROSE | {"import"}) for of_line in words.values())


def test_it_is_checked_and_diagnosed(course: Path) -> None:
    for answer, words in ((RIGHT, "2 of 2 points"), (WRONG, "one mean for each column")):
        command = [BIN / "autograder", "check", answered(course, answer)]
        done = subprocess.run(command, cwd=course, capture_output=True, text=True, check=True)
        assert words in done.stdout


def test_it_is_graded_on_hidden_inputs(course: Path) -> None:
    exam = find_course(course).exam("means")
    assert any(case.hidden for case in exam.sheet.problems["row_means"].cases)
    with Executor(Walls(outer=False, inner=False)) as executor:
        for answer, points, known in ((RIGHT, 2, None), (WRONG, 0, "columns")):
            submission = read_submission(answered(course, answer))
            verdict = exam.grader(executor).grade(submission).verdicts["row_means"]
            assert (verdict.points, verdict.misconception) == (points, known)
