"""Every lecture and every solution notebook runs, in order, offline, from a fresh kernel.

Figures are told in words, and experiments end in claims that fail without their cause.
"""

from __future__ import annotations

import functools
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder.build import assignments, lectures
from autograder.sheet import Sheet
from course.claims import MIME, Claim

ROOT = Path(__file__).parent.parent
LIMITS = {"08": 90, "09": 240, "10": 240, "11": 240, "12": 90, "13": 90, "a7": 90}
"""Seconds of CPU for a notebook, by the start of its name; 60 where it is not listed.

Machines differ, so only three times as much fails.
"""

NOTEBOOKS = [text.with_suffix(".ipynb") for text in lectures(ROOT)]
NOTEBOOKS += [
    ROOT / "solutions" / name / f"{name}.ipynb" for name in assignments(ROOT / "solutions")
]


def executed(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """The notebook after a run in `folder`; an unexpected error is raised."""
    place = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, timeout=600, skip_cells_with_tag="", resources=place)
    return client.execute()


def cells_that_ran(notebook: NotebookNode) -> int:
    return sum(bool(cell.get("execution_count")) for cell in notebook.cells)


@functools.cache
def run(path: Path) -> tuple[NotebookNode, float]:
    """The notebook at `path` as it ran, and the seconds of CPU that it took.

    It runs in a copy of its folder, with the neighbours it may look for, and leaves nothing behind
    but its checkpoints.
    """
    place, saved = path.parent.relative_to(ROOT), checkpoints(path)
    with tempfile.TemporaryDirectory() as temporary:
        copy, folder = Path(temporary, place.parts[0]), Path(temporary, place)
        shutil.copytree(ROOT / place.parts[0], copy, ignore=shutil.ignore_patterns("*.py", *saved))
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.append(new_code_cell("import time\nprint(time.process_time())"))
        before = {file.name for file in folder.iterdir()}
        done = executed(notebook, folder)
        after = {file.name for file in folder.iterdir()} - saved
        assert after == before, "a notebook leaves files behind"
    return done, float(done.cells.pop().outputs[0].text)


def checkpoints(path: Path) -> set[str]:
    """The files that a notebook is there to save, by its sheet."""
    sheet = path.with_suffix(".sheet.json")
    return set(Sheet.load(sheet).checkpoints) if sheet.exists() else set()


each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@each_notebook
def test_the_notebook_runs(path: Path, record_property: Callable[[str, object], None]) -> None:
    done, seconds = run(path)
    written = [cell for cell in done.cells if cell.cell_type == "code" and cell.source.strip()]
    limit = LIMITS.get(path.stem[:2], 60)
    record_property("time", (path.stem, f"{len(written)}", f"{seconds:.0f} s", f"{limit} s"))
    assert cells_that_ran(done) == len(written)
    assert len(written) >= 5 or path.stem == "index"
    assert seconds < 3 * limit


@each_notebook
def test_no_line_of_a_paragraph_begins_a_list(path: Path) -> None:
    """A line that begins with "1." after "… sums to" would be shown as a list of one."""
    texts = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"]
    assert [found for text in texts for found in re.findall(BROKEN_LINE, text)] == []


BROKEN_LINE = re.compile(r"^(?!\d+[.)] |[-+>|#] ).*[a-z,]\n(?:1[.)]|[-+]) .*", re.MULTILINE)


@each_notebook
def test_every_figure_is_told_in_words(path: Path) -> None:
    done, _ = run(path)
    assert figures_without_words(done) == []


def figures_without_words(notebook: NotebookNode) -> list[str]:
    """The ends of the cells that show a figure which the next cell does not describe."""
    pairs = zip(notebook.cells, [*notebook.cells[1:], None], strict=True)
    return [
        cell.source[-200:]
        for cell, after in pairs
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", ()))
        and not (after and after.cell_type == "markdown" and after.source.startswith("*Figure: "))
    ]


def test_a_figure_without_words_would_be_seen(tmp_path: Path) -> None:
    plot = new_code_cell("import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])")
    done = executed(nbformat.v4.new_notebook(cells=[plot]), tmp_path)
    assert len(figures_without_words(done)) == 1


@each_notebook
def test_no_figure_lacks_a_letter(path: Path) -> None:
    done, _ = run(path)
    outputs = (output for cell in done.cells for output in cell.get("outputs", ()))
    assert not [output.text for output in outputs if "missing from font" in output.get("text", "")]


LECTURES = [path for path in NOTEBOOKS if path.parent.name == "lectures"]
WITHOUT_EXPERIMENT = ("index", "00_orientation")


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_experiments_end_in_claims(
    path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Writes the rows of the list of claims that pytest prints at the end."""
    made = list(claims(run(path)[0]))
    for each in made:
        values = f"{len(each.values)} {each.each}"
        row = (path.stem[:2], each.statement, each.figure, values, each.bounds, each.without)
        record_property("claim", row)
    assert made or path.stem in WITHOUT_EXPERIMENT


def claims(notebook: NotebookNode) -> Iterator[Claim]:
    """The claims that a notebook made as it ran."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if MIME in output.get("data", {}):
                yield Claim(**output.data[MIME])


def test_a_notebook_that_ran_nothing_would_be_seen(tmp_path: Path) -> None:
    empty = new_code_cell(" ")
    done = executed(nbformat.v4.new_notebook(cells=[empty]), tmp_path)
    assert cells_that_ran(done) == 0


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_is_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
