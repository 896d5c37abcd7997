"""Every lecture and every solution notebook runs, in order, offline, from a fresh kernel."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder.build import assignments, lectures

ROOT = Path(__file__).parent.parent
LIMIT = 60.0
"""Seconds of CPU for a notebook. Machines differ, so only three times as much fails."""

NOTEBOOKS = [text.with_suffix(".ipynb") for text in lectures(ROOT)]
NOTEBOOKS += [
    ROOT / "solutions" / name / f"{name}.ipynb" for name in assignments(ROOT / "solutions")
]


def executed(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """The notebook after a run in `folder`; an unexpected error is raised."""
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    return client.execute()


def cells_that_ran(notebook: NotebookNode) -> int:
    return sum(bool(cell.get("execution_count")) for cell in notebook.cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs(
    path: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    folder = tmp_path / "clean"
    ignored = shutil.ignore_patterns("*.py")
    shutil.copytree(path.parent, folder, ignore=ignored)
    notebook = nbformat.read(path, as_version=4)
    written = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    notebook.cells.append(new_code_cell("import time\nprint(time.process_time())"))
    before = {file.name for file in folder.iterdir()}
    done = executed(notebook, folder)
    seconds = float(done.cells[-1].outputs[0].text)
    record_property("time", (path.stem, f"{len(written)}", f"{seconds:.0f} s", f"{LIMIT:.0f} s"))
    assert cells_that_ran(done) == len(written) + 1
    assert len(written) >= 5
    assert seconds < 3 * LIMIT
    assert {file.name for file in folder.iterdir()} == before, "a notebook leaves files behind"


def test_a_notebook_that_ran_nothing_would_be_seen(tmp_path: Path) -> None:
    silent = new_code_cell("1 / 0", metadata={"tags": ["skip-execution"]})
    done = executed(nbformat.v4.new_notebook(cells=[silent]), tmp_path)
    assert cells_that_ran(done) == 0


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_is_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
