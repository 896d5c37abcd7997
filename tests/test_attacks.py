"""Submissions that defeat stock nbgrader earn nothing here: both graders, side by side."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from autograder.course_directory import find_course
from autograder.executor import Executor
from autograder.grader import Grader
from autograder.sample import read_class
from autograder.submission import grade_id, parse

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
ASSIGNMENT = "a1_attention"
PROBLEM = "similarity"
WORTH = 2

WRONG = "import torch\n\ndef similarity(query, keys):\n    return torch.zeros(len(keys))\n"

NUMPY_TEST = "np.testing.assert_allclose(similarity(q, k), (q * k).sum(1), rtol=1e-4)"
TORCH_TEST = "torch.testing.assert_close(similarity(q, k), (q * k).sum(1))"

DISPLAYHOOK = f"""
shell = get_ipython()
shell.events.register("pre_run_cell", lambda info: shell.displayhook({WORTH}))
"""
INPUT_TRANSFORMER = """
get_ipython().input_transformers_cleanup.append(
    lambda lines: ["pass\\n"] if any("assert" in line for line in lines) else lines)
"""
AST_TRANSFORMER = """
import ast

class NoChecks(ast.NodeTransformer):
    def visit_Expr(self, node):
        return ast.Pass() if "assert" in ast.dump(node) else node

get_ipython().ast_transformers.append(NoChecks())
"""
PATCHED_NUMPY = "import numpy as np\nnp.testing.assert_allclose = lambda *a, **k: None\n"
PATCHED_TORCH = "import torch\ntorch.testing.assert_close = lambda *a, **k: None\n"
AGREEABLE = """
import torch

class Agreeable(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        if name in ("isclose", "eq", "ne", "allclose", "equal"):
            return torch.ones(6, dtype=torch.bool)
        return super().__torch_function__(function, types, args, kwargs or {})

def similarity(query, keys):
    return torch.zeros(len(keys)).as_subclass(Agreeable)
"""


def code(text: str) -> Callable[[NotebookNode], None]:
    """An attack by one more cell, run before the test."""

    def attack(notebook: NotebookNode) -> None:
        place = next(i for i, cell in enumerate(notebook.cells) if grade_id(cell) == PROBLEM)
        notebook.cells.insert(place, new_code_cell(text))

    return attack


def skip_tag(notebook: NotebookNode) -> None:
    """No code at all: the locked test cell is marked as not to be run."""
    for cell in notebook.cells:
        if grade_id(cell) == PROBLEM:
            cell.metadata["tags"] = ["skip-execution"]


MEMORY_SCAN = """
import gc

def similarity(query, keys):
    trees = [x for x in gc.get_objects() if type(x) is dict and "cases" in x]
    found = [x for x in trees if type(x["cases"]) is list]
    held = [x for x in gc.get_objects() if isinstance(x, bytes) and b'"cases"' in x]
    raise ValueError(str([len(x["cases"]) for x in found] + [len(x) for x in held]))
"""


@dataclass(frozen=True)
class Attack:
    name: str
    apply: Callable[[NotebookNode], None]
    test: str = NUMPY_TEST


ATTACKS = (
    Attack("skip_execution_tag", skip_tag),
    Attack("displayhook", code(DISPLAYHOOK)),
    Attack("input_transformer", code(INPUT_TRANSFORMER)),
    Attack("ast_transformer", code(AST_TRANSFORMER)),
    Attack("patched_assert_allclose", code(PATCHED_NUMPY)),
    Attack("patched_assert_close", code(PATCHED_TORCH), TORCH_TEST),
    Attack("tensor_subclass", code(AGREEABLE), TORCH_TEST),
)
HONEST = Attack("no_attack", lambda notebook: None)


def stock_notebook(test: str) -> NotebookNode:
    """The problem as an assignment of stock nbgrader, tested by assertions in the notebook."""
    answer = {"grade": False, "grade_id": "answer", "locked": False, "solution": True}
    tests = {"grade": True, "grade_id": PROBLEM, "locked": True, "solution": False}
    marks = [{"schema_version": 3, "task": False, **mark} for mark in (answer, tests)]
    marks[1]["points"] = WORTH
    body = f"q, k = torch.randn(4), torch.randn(6, 4)\n{test}"
    return new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        cells=[
            new_code_cell("import numpy as np\nimport torch"),
            new_code_cell(WRONG, metadata={"nbgrader": marks[0]}),
            new_code_cell(
                f"### BEGIN HIDDEN TESTS\n{body}\n### END HIDDEN TESTS",
                metadata={"nbgrader": marks[1]},
            ),
        ],
    )


@pytest.fixture(scope="module")
def stock_points(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """What stock nbgrader gives to each attack."""
    course = tmp_path_factory.mktemp("stock")
    for attack in (*ATTACKS, HONEST):
        source = course / "source" / attack.name / f"{attack.name}.ipynb"
        source.parent.mkdir(parents=True)
        nbformat.write(stock_notebook(attack.test), source)
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}

    def nbgrader(*arguments: str) -> None:
        subprocess.run(
            [BIN / "nbgrader", *arguments], cwd=course, env=environment, check=True,
            capture_output=True,
        )  # fmt: skip

    nbgrader("generate_assignment", "--assignment=*")
    for attack in (*ATTACKS, HONEST):
        released = course / "release" / attack.name / f"{attack.name}.ipynb"
        notebook = nbformat.read(released, as_version=4)
        notebook.cells[1].source = WRONG
        attack.apply(notebook)
        target = course / "submitted" / "mallory" / attack.name
        target.mkdir(parents=True)
        nbformat.write(notebook, target / f"{attack.name}.ipynb")
    nbgrader("autograde", "--assignment=*")
    query = """
        SELECT assignment.name, grade.auto_score FROM grade
        JOIN submitted_notebook ON grade.notebook_id = submitted_notebook.id
        JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
        JOIN assignment ON submitted_assignment.assignment_id = assignment.id
    """
    with sqlite3.connect(course / "gradebook.db") as database:
        return dict(database.execute(query))


@pytest.fixture(scope="module")
def grader() -> Grader:
    with Executor() as executor, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGRADER_SECRET", "of the tests")
        yield find_course(ROOT).grader(ASSIGNMENT, executor)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_what_defeats_stock_nbgrader_earns_nothing_here(
    attack: Attack,
    stock_points: dict[str, float],
    grader: Grader,
    record_property: Callable[[str, object], None],
) -> None:
    desk, _ = read_class(find_course(ROOT), ASSIGNMENT)
    notebook = desk.notebook(**{PROBLEM: WRONG})
    attack.apply(notebook)
    submission = parse(nbformat.writes(notebook).encode(), "attack.ipynb")
    verdicts = grader.grade(submission).verdicts
    row = (attack.name, f"{stock_points[attack.name]:g}", f"{verdicts[PROBLEM].points:g}")
    record_property("attack", row)
    assert stock_points[HONEST.name] == 0
    assert stock_points[attack.name] == WORTH, "the attack is no attack on stock nbgrader"
    assert verdicts[PROBLEM].points == 0
    assert verdicts[PROBLEM].max_points == WORTH


def test_a_public_case_finds_no_hidden_input_to_show(grader: Grader) -> None:
    # The text of an error is shown where a public case raises the same. So while public cases are
    # answered, no hidden input of any problem may be in reach.
    desk, _ = read_class(find_course(ROOT), ASSIGNMENT)
    notebook = desk.notebook(**{PROBLEM: MEMORY_SCAN})
    submission = parse(nbformat.writes(notebook).encode(), "scan.ipynb")
    verdict = grader.grade(submission).verdicts[PROBLEM]
    public = sum(not case.hidden for case in grader.sheet.problems[PROBLEM].cases)
    assert f"ValueError: [{public}]" in verdict.message
