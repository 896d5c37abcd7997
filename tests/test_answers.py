"""`answers_of`: a student's answers from one notebook at work in another, or a clear sentence."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograder.answers import AnswersError, answers_of
from autograder.course_directory import find_course
from autograder.sample import read_class

ROOT = Path(__file__).parent.parent
ASSIGNMENT = "a1_attention"
DESK, _ = read_class(find_course(ROOT), ASSIGNMENT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A solved notebook, where a student keeps it."""
    shutil.copytree(ROOT / "assignments" / ASSIGNMENT, tmp_path / ASSIGNMENT)
    return save(tmp_path / ASSIGNMENT / f"{ASSIGNMENT}.ipynb")


def save(path: Path, **answers: str) -> Path:
    nbformat.write(DESK.notebook(**{**DESK.source.solutions, **answers}), path)
    return path


def test_answers_come_from_the_other_notebook(path: Path) -> None:
    own = answers_of(path, "softmax", "attend")
    assert vars(own).keys() == {"softmax", "attend"}
    assert own.attend.__module__ == ASSIGNMENT


def test_of_other_cells_only_definitions_are_run(path: Path) -> None:
    save(path, softmax=DESK.source.solutions["softmax"].replace("return ", "return helper() * "))
    notebook = nbformat.read(path, as_version=4)
    helper = "%matplotlib inline\nimport math\ndef helper():\n    return math.cos(0)\n1 / 0"
    notebook.cells.insert(3, new_code_cell(helper))
    nbformat.write(notebook, path)
    assert answers_of(path, "softmax")


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"attend": "def attend(query, keys, values:"}, "SyntaxError.*It begins 'def attend"),
        ({"attend": "1 / 0"}, "A cell of .* raises ZeroDivisionError: division by zero"),
        (
            {"softmax": "def softmax(x, dim):\n    return x"},
            "(?s)softmax .* does not pass .*differs in 3 of 3",
        ),
        ({"softmax": DESK.stub("softmax")}, "softmax is not answered in .*: answer it there"),
        ({"softmax": "def softmax(x, dim):\n    return helper(x)"}, "(?s)first code cell.*helper"),
        (
            {"softmax": "class softmax:\n    raise NotImplementedError()"},
            "softmax is not answered in",
        ),
    ],
)
def test_what_cannot_be_used_is_said(path: Path, answers: dict[str, str], message: str) -> None:
    save(path, **answers)
    with pytest.raises(AnswersError, match=message):
        answers_of(path, "softmax")


def test_no_notebook_is_said(tmp_path: Path) -> None:
    with pytest.raises(AnswersError, match=r"There is no .*none\.ipynb"):
        answers_of(tmp_path / "none.ipynb", "softmax")


def test_a_notebook_without_cells_lacks_the_answer(path: Path) -> None:
    nbformat.write(new_notebook(), path)
    with pytest.raises(AnswersError, match="softmax"):
        answers_of(path, "softmax")
