"""An assignment of this course as stock nbgrader would have it: the same cases as assertions.

Each group of cases is one test cell with the group's points, all tests hidden, and the cells that
check publicly are gone. What runs is nbgrader as it comes.
"""

from __future__ import annotations

import copy
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import nbformat
import torch
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder import data
from autograder.sheet import CaseSheet, Sheet
from autograder.submission import grade_id, is_check
from tests.equivalent import assertions

SETUP = "import sys\nsys.path.insert(0, '.')\nfrom assertions import check_group"


def write_source(folder: Path, notebook: NotebookNode, sheet: Sheet) -> None:
    """Write the source of the assignment into a folder: notebook, assertions and cases.

    notebook: this course's source notebook. sheet: the cases, hidden ones with them.
    """
    folder.mkdir(parents=True)
    nbformat.write(_asserting(notebook, sheet), folder / f"{sheet.assignment}.ipynb")
    shutil.copy(assertions.__file__, folder)
    cases = {name: list(map(_plain, problem.cases)) for name, problem in sheet.problems.items()}
    torch.save(cases, folder / assertions.CASES.name)


def points(course: Path) -> dict[str, dict[str, float]]:
    """Student → problem → points, from a gradebook in which a cell is `PROBLEM__GROUP`."""
    query = """
        SELECT student.id, base_cell.name, grade.auto_score FROM grade
        JOIN base_cell ON grade.cell_id = base_cell.id
        JOIN submitted_notebook ON grade.notebook_id = submitted_notebook.id
        JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
        JOIN student ON submitted_assignment.student_id = student.id
    """
    found: dict[str, dict[str, float]] = {}
    with sqlite3.connect(course / "gradebook.db") as database:
        for student, cell, score in database.execute(query):
            problem, mark, _ = cell.partition("__")
            if mark:
                scores = found.setdefault(student, {})
                scores[problem] = scores.get(problem, 0) + (score or 0)
    return found


def _asserting(notebook: NotebookNode, sheet: Sheet) -> NotebookNode:
    """The notebook with test cells in the place of its check cells."""
    stock = copy.deepcopy(notebook)
    cells = []
    for cell in stock.cells:
        if cell.cell_type == "code" and is_check(cell):
            cells += _test_cells(cell, sheet)
        else:
            cells.append(cell)
    stock.cells = cells
    return stock


def _test_cells(check: NotebookNode, sheet: Sheet) -> list[NotebookNode]:
    """One cell a group, locked, its test hidden."""
    name, cells = grade_id(check), []
    for number, (group, worth) in enumerate(sheet.problems[name].points.items()):
        test = f'{SETUP}\ncheck_group({name}, "{name}", "{group}")'
        text = f"### BEGIN HIDDEN TESTS\n{test}\n### END HIDDEN TESTS"
        metadata = copy.deepcopy(check.metadata)
        metadata.nbgrader.update(grade_id=f"{name}__{number}", points=worth)
        cells.append(new_code_cell(text, metadata=metadata))
    return cells


def _plain(case: CaseSheet) -> dict[str, Any]:
    """A case as `assertions.check_case` reads it."""
    assert case.expected["outcome"] == "returned"
    assert case.request["init"] is None
    driver = case.request["driver"] or ""
    return {
        "group": case.group,
        "args": data.to_python(case.request["args"]),
        "gradient": case.request["gradient"],
        "driver": driver,
        "driver_name": driver and driver.partition("def ")[2].partition("(")[0],
        "value": data.to_python(case.expected["value"]),
        "gradients": list(data.to_python(case.expected["gradients"] or {}).values()),
        "tolerance": case.tolerance,
    }
