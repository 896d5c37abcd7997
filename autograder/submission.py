"""Read what a student handed in, whatever it is, and lay it onto the release.

A submission is believed in nothing but the text of its cells: kernel, tags, outputs, points and
ids are those of the release. A submission that cannot be read becomes a fault with a sentence,
never an exception.
"""

from __future__ import annotations

import copy
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_raw_cell

from autograder.errors import MendableError
from autograder.sheet import Sheet

MAX_BYTES = 50_000_000
BY_HAND = "skip-execution"
"""nbclient's tag of a released cell that only people run: no grader, and no validation."""


class ReleaseError(MendableError):
    """The released notebook cannot be read; says what to do."""


@dataclass(frozen=True)
class Fault:
    """Why a submission cannot be graded: a status of `autograder.judge`, and a sentence."""

    status: Literal["missing", "refused"]
    message: str


@dataclass(frozen=True)
class Release:
    """The released notebook: the truth about cells and points.

    `points` maps each graded problem to what it is worth, in the notebook's order; written
    questions are not among them.
    """

    notebook: NotebookNode
    points: Mapping[str, float]

    @classmethod
    def load(cls, path: Path) -> Release:
        """Read a release.

        Raises:
            ReleaseError: there is none, or it is no notebook.
        """
        try:
            notebook = nbformat.read(path, as_version=4)
        except Exception as error:
            raise ReleaseError(
                f"{path} cannot be read as a released notebook ({type(error).__name__}): "
                "build it with `make build`"
            ) from error
        graded = {
            grade_id(cell): float(cell.metadata.nbgrader.points)
            for cell in notebook.cells
            if is_check(cell)
        }
        return cls(notebook, graded)

    @classmethod
    def of(cls, sheet: Sheet) -> Release:
        """The graded cells alone, from a public sheet: for a notebook that is only checked."""
        cells = []
        for name, problem in sheet.problems.items():
            answer = {"grade_id": answer_id(name), "solution": True, "grade": False}
            judged = {"grade_id": name, "solution": False, "grade": True}
            source = f'check("{name}")'
            cells.append(new_code_cell(source=problem.stub, metadata={"nbgrader": answer}))
            cells.append(new_code_cell(source=source, metadata={"nbgrader": judged}))
        points = {name: float(problem.max_points) for name, problem in sheet.problems.items()}
        return cls(new_notebook(cells=cells), points)

    def cells(self) -> dict[str, NotebookNode]:
        """nbgrader's id → cell."""
        return {grade_id(cell): cell for cell in self.notebook.cells if grade_id(cell)}

    def stub(self, problem: str) -> str:
        """The text of the answer cell as released."""
        cell = self.cells().get(answer_id(problem))
        return str(cell.source) if cell else ""


def answer_id(problem: str) -> str:
    """The nbgrader id of the cell that answers a problem."""
    return f"{problem}_answer"


def grade_id(cell: Mapping[str, Any]) -> str:
    """nbgrader's id of a cell, "" where it has none."""
    mark = cell["metadata"].get("nbgrader")
    name = mark.get("grade_id") if isinstance(mark, dict) else None
    return name if isinstance(name, str) else ""


def is_check(cell: NotebookNode) -> bool:
    """Whether a cell of the release carries the points of a problem that is judged."""
    mark = cell["metadata"].get("nbgrader", {})
    return bool(mark.get("grade")) and not mark.get("solution")


def read_submission(path: Path) -> NotebookNode | Fault:
    """The notebook at `path`, reduced to the text of its cells, or why there is none."""
    content = read_file(path)
    return content if isinstance(content, Fault) else parse(content, path.name)


def read_file(path: Path) -> bytes | Fault:
    """What was handed in at `path`, or why it cannot be read."""
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return Fault("missing", f"No notebook was submitted: {path.name} is not there.")
    except OSError as error:
        return Fault("refused", f"{path.name} cannot be opened: {error.strerror}.")
    if not stat.S_ISREG(kind):
        found = "a folder" if stat.S_ISDIR(kind) else "no regular file (a link or a device)"
        return Fault("refused", f"{path.name} is {found}; expected a notebook file.")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            return Fault("refused", f"{path.name} has {size:,} bytes, more than {MAX_BYTES:,}.")
        return path.read_bytes()
    except OSError as error:
        return Fault("refused", f"{path.name} cannot be read: {error.strerror}.")


def read_checkpoints(folder: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The checkpoints of these names that were handed in in a folder, as far as they can be read.

    One that is missing, or no regular file, or too large, is left out: the notebook trains again.
    """
    found = {name: read_file(folder / name) for name in names}
    return {name: content for name, content in found.items() if isinstance(content, bytes)}


def parse(content: bytes, name: str) -> NotebookNode | Fault:
    """The bytes of a notebook file, as `read_submission` reads them."""
    if not content.strip():
        return Fault("refused", f"{name} is empty; expected a notebook. Submit the file again.")
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return Fault("refused", f"{name} is not UTF-8 text; expected a notebook (JSON).")
    except (ValueError, RecursionError) as error:
        return Fault("refused", f"{name} is not JSON, so no notebook: {error}.")
    if not isinstance(value, dict) or "nbformat" not in value:
        return Fault("refused", f"{name} is JSON, but no notebook: it has no entry “nbformat”.")
    if value["nbformat"] != 4 or not isinstance(value.get("cells"), list):
        return Fault(
            "refused",
            f"{name} has notebook format {str(value['nbformat'])[:20]}; expected 4. "
            "Open it in JupyterLab, save it and submit it again.",
        )
    return notebook_of(list(_clean_cells(value["cells"])))


def notebook_of(cells: list[NotebookNode], **metadata: Any) -> NotebookNode:
    """A notebook of these cells; nbformat's own maker would validate every one."""
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}
    notebook: NotebookNode = nbformat.from_dict(content)
    return notebook


def _clean_cells(cells: list[Any]) -> Iterator[NotebookNode]:
    """Fresh cells with the text of the given ones; what is no cell is left out."""
    kinds: dict[str, dict[str, Any]] = {
        "code": {"execution_count": None, "outputs": []},
        "markdown": {},
        "raw": {},
    }
    for number, cell in enumerate(cells):
        if not isinstance(cell, dict) or (kind := str(cell.get("cell_type"))) not in kinds:
            continue
        same = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}}
        own = {"source": _text(cell.get("source", "")), **copy.deepcopy(kinds[kind])}
        clean: NotebookNode = nbformat.from_dict(same | own)
        metadata = cell.get("metadata")
        if isinstance(metadata, dict) and (name := grade_id({"metadata": metadata})):
            clean.metadata["nbgrader"] = {"grade_id": name}
        if kind == "markdown" and (pictures := _attachments(cell.get("attachments"))):
            clean.attachments = nbformat.from_dict(pictures)
        yield clean


def _attachments(value: Any) -> dict[str, dict[str, str]]:
    """Pictures pasted into a written answer: name → type → base64 text; nothing else of it."""
    bundles = value.items() if isinstance(value, dict) else ()
    return {
        _text(name): {
            _text(kind): _text(content)
            for kind, content in bundle.items()
            if isinstance(content, str | list)
        }
        for name, bundle in bundles
        if isinstance(bundle, dict)
    }


def _text(source: Any) -> str:
    lines = source if isinstance(source, list) else [source]
    text = "".join(line for line in lines if isinstance(line, str))
    return text.encode("utf-8", "replace").decode()  # JSON can hold lone surrogates


def laid_on(notebook: NotebookNode, release: Release) -> NotebookNode:
    """The submission with every cell of the release exactly once and as released.

    Answers keep the student's text, even where the cell's type was changed by accident; of
    duplicated ones the first, the others become raw text, so that they do not run. Check cells
    get their released text back. Cells that are gone are put
    back after the one they followed (code answers without text, so that they count as missing).
    Other cells stay, without any claim to points.
    """
    released = release.cells()
    places: dict[str, NotebookNode] = {}
    cells = []
    for cell in notebook.cells:
        name = grade_id(cell)
        cell.metadata = NotebookNode()
        if name in places:
            cell = new_raw_cell(cell.source)
        elif name in released:
            cell = places[name] = _answered(released[name], cell)
        cells.append(cell)
    previous = -1
    for name, cell in released.items():
        if name in places:
            previous = next(i for i, other in enumerate(cells) if other is places[name])
        else:
            previous += 1
            cells.insert(previous, _absent(cell))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return notebook_of(cells, **release.notebook.metadata)


def _answered(released: NotebookNode, own: NotebookNode) -> NotebookNode:
    cell = copy.deepcopy(released)
    if released.metadata.nbgrader.get("solution"):
        cell.source = own.source
        if "attachments" in own and cell.cell_type == "markdown":
            cell.attachments = own.attachments
    return cell


def _absent(released: NotebookNode) -> NotebookNode:
    cell = copy.deepcopy(released)
    if released.metadata.nbgrader.get("solution") and released.cell_type == "code":
        cell.source = ""
    return cell
