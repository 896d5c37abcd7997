"""Files that are no notebook, or hardly one: a sentence each, and all points that can be found."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder.submission import answer_id, grade_id
from tests.corpus.entry import NOTHING_LOST, PROBLEM, Content, Entry, Gets, OnStock, nothing, only

REFUSED = nothing("refused")
HERE_ONLY = "no grade is lost there either"


def broken(
    name: str,
    tries: str,
    change: Callable[[NotebookNode], Content],
    gets: Gets = REFUSED,
    on_stock: OnStock = "loses",
    not_on_stock: str = "",
) -> Entry:
    return Entry(
        name, tries, change=change, gets=gets, on_stock="" if not_on_stock else on_stock,
        not_on_stock=not_on_stock,
    )  # fmt: skip


def text_of(notebook: NotebookNode) -> bytes:
    return nbformat.writes(notebook).encode()


def as_json(change: Callable[[dict[str, Any]], object]) -> Callable[[NotebookNode], bytes]:
    """The notebook's JSON, changed in place."""

    def changed(notebook: NotebookNode) -> bytes:
        value = json.loads(text_of(notebook))
        change(value)
        return json.dumps(value).encode()

    return changed


def each_cell(**entries: object) -> Callable[[NotebookNode], bytes]:
    """All cells with these entries."""
    return as_json(lambda value: [cell.update(entries) for cell in value["cells"]])


def find(notebook: NotebookNode, name: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if grade_id(cell) == name)


def without(*names: str) -> Callable[[NotebookNode], NotebookNode]:
    def change(notebook: NotebookNode) -> NotebookNode:
        notebook.cells = [cell for cell in notebook.cells if grade_id(cell) not in names]
        return notebook

    return change


def answer_as(kind: str) -> Callable[[NotebookNode], bytes]:
    def change(value: dict[str, Any]) -> None:
        for cell in value["cells"]:
            if grade_id(cell) == answer_id(PROBLEM):
                cell.update(cell_type=kind)
                del cell["outputs"], cell["execution_count"]

    return as_json(change)


def twice(name: str) -> Callable[[NotebookNode], NotebookNode]:
    """A cell of the release, and a copy of it at the end."""

    def change(notebook: NotebookNode) -> NotebookNode:
        cell = find(notebook, name)
        notebook.cells.append(new_code_cell(cell.source, metadata=dict(cell.metadata)))
        return notebook

    return change


def reordered(notebook: NotebookNode) -> NotebookNode:
    """The checks before the answers, which come in the opposite order."""
    answers = [cell for cell in notebook.cells if grade_id(cell).endswith("_answer")]
    others = [cell for cell in notebook.cells if cell not in answers]
    notebook.cells = [*others[:3], *others[3:], *reversed(answers)]
    return notebook


def of_language(name: str) -> Callable[[NotebookNode], NotebookNode]:
    def change(notebook: NotebookNode) -> NotebookNode:
        notebook.metadata["kernelspec"] = {"name": name, "display_name": name, "language": name}
        notebook.metadata["language_info"] = {"name": name}
        return notebook

    return change


def large(notebook: NotebookNode) -> NotebookNode:
    notebook.cells[1]["source"] += "\n" + "# x\n" * 1
    notebook.metadata["much"] = "x" * 40_000_000
    return notebook


def deep(value: dict[str, Any]) -> None:
    value["metadata"]["deep"] = 0
    for _ in range(900):
        value["metadata"]["deep"] = [value["metadata"]["deep"]]


def make_folder(notebook: NotebookNode) -> Content:
    return lambda path: path.mkdir()


def make_pipe(notebook: NotebookNode) -> Content:
    return lambda path: os.mkfifo(path)


def make_loop(notebook: NotebookNode) -> Content:
    def make(path: Path) -> None:
        path.symlink_to(path)

    return make


def with_schema(notebook: NotebookNode) -> NotebookNode:
    for cell in notebook.cells:
        if grade_id(cell):
            cell.metadata.nbgrader["schema_version"] = 99
    return notebook


def as_ids_alike(value: dict[str, Any]) -> None:
    for cell in value["cells"]:
        cell["id"] = "same"


ENTRIES = (
    broken("no_file", "no file", lambda notebook: None, nothing("missing")),
    broken("empty", "an empty file", lambda notebook: b""),
    broken("blanks", "a file of white space", lambda notebook: b" \n\t\n"),
    broken("truncated", "an upload that broke off", lambda n: text_of(n)[: len(text_of(n)) // 2]),
    broken("no_json", "a Python script", lambda notebook: b"import torch\n"),
    broken("binary", "the bytes of a picture", lambda notebook: b"\x89PNG\r\n\x1a\n\x00\xff"),
    broken("latin", "text that is not UTF-8", lambda n: text_of(n) + "\n\xe9".encode("latin-1")),
    broken("utf_16", "text in UTF-16", lambda n: text_of(n).decode().encode("utf-16")),
    broken("archive", "a zip file", lambda notebook: b"PK\x03\x04" + bytes(100)),
    broken("a_list", "JSON, but a list", lambda notebook: b"[1, 2]"),
    broken("other_json", "JSON of something else", lambda notebook: b'{"a": 1}'),
    broken(
        "format_3",
        "a notebook of 2013",
        lambda n: nbformat.writes(n, version=3).encode(),
        not_on_stock="stock nbgrader asks for the same to be saved anew",
    ),
    broken("format_5", "a notebook of the future", as_json(lambda v: v.update(nbformat=5))),
    broken("format_text", "a format that is no number", as_json(lambda v: v.update(nbformat="4"))),
    broken("cells_a_dict", "cells that are no list", as_json(lambda v: v.update(cells={}))),
    broken("no_cells", "no list of cells", as_json(lambda v: v.pop("cells"))),
    broken(
        "empty_cells",
        "a list of no cells",
        as_json(lambda v: v.update(cells=[])),
        nothing("missing"),
    ),
    broken(
        "source_a_number", "cells whose text is a number", each_cell(source=7), nothing("missing")
    ),
    broken(
        "cells_of_text",
        "cells that are texts",
        as_json(lambda v: v.update(cells=["x", 3, None])),
        nothing("missing"),
    ),
    broken(
        "pages_deep",
        "brackets 100,000 deep",
        lambda n: b'{"nbformat": 4, "cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ),
    broken("folder", "a folder in place of the file", make_folder),
    broken(
        "pipe",
        "a pipe in place of the file",
        make_pipe,
        not_on_stock="stock nbgrader would wait at it for ever",
    ),
    broken("loop", "a link to itself", make_loop),
    # What can be understood is graded.
    broken(
        "bom",
        "a mark of UTF-8 before the text",
        lambda n: b"\xef\xbb\xbf" + text_of(n),
        NOTHING_LOST,
    ),
    broken(
        "no_metadata",
        "no metadata of the notebook",
        as_json(lambda v: v.pop("metadata")),
        NOTHING_LOST,
    ),
    broken(
        "metadata_a_list",
        "metadata that are a list",
        as_json(lambda v: v.update(metadata=[])),
        NOTHING_LOST,
    ),
    broken(
        "no_ids",
        "cells without ids",
        as_json(lambda v: [c.pop("id", 0) for c in v["cells"]]),
        NOTHING_LOST,
        not_on_stock=HERE_ONLY,
    ),
    broken(
        "same_ids",
        "cells that all have one id",
        as_json(as_ids_alike),
        NOTHING_LOST,
        not_on_stock=HERE_ONLY,
    ),
    broken(
        "no_outputs",
        "code cells without outputs",
        as_json(lambda v: [c.pop("outputs", 0) for c in v["cells"]]),
        NOTHING_LOST,
        not_on_stock=HERE_ONLY,
    ),
    broken(
        "not_numbers",
        "NaN and infinity, which JSON does not have",
        as_json(lambda v: v["metadata"].update(x=float("nan"), y=float("inf"))),
        NOTHING_LOST,
        not_on_stock=HERE_ONLY,
    ),
    broken("nested", "metadata 900 deep", as_json(deep), NOTHING_LOST, not_on_stock=HERE_ONLY),
    broken("large", "a notebook of 40 MB", large, NOTHING_LOST, not_on_stock=HERE_ONLY),
    broken("no_checks", "all checks deleted", without(PROBLEM, "softmax", "attend"), NOTHING_LOST),
    broken(
        "no_answer",
        "an answer cell deleted",
        without(answer_id(PROBLEM)),
        only("missing"),
        not_on_stock="an answer that is gone is worth nothing there either",
    ),
    broken(
        "check_twice", "a check cell pasted twice", twice(PROBLEM), NOTHING_LOST, "ends the batch"
    ),
    broken(
        "answer_twice",
        "an answer cell pasted twice",
        twice(answer_id(PROBLEM)),
        NOTHING_LOST,
        not_on_stock=HERE_ONLY,
    ),
    broken(
        "answer_as_text",
        "an answer cell turned into markdown",
        answer_as("markdown"),
        NOTHING_LOST,
        not_on_stock=HERE_ONLY,
    ),
    broken(
        "answer_as_raw",
        "an answer cell turned into raw text",
        answer_as("raw"),
        NOTHING_LOST,
        not_on_stock=HERE_ONLY,
    ),
    broken("reordered", "all answers after the checks", reordered, NOTHING_LOST),
    broken(
        "of_r",
        "a notebook for the kernel of R",
        of_language("ir"),
        NOTHING_LOST,
        not_on_stock=HERE_ONLY,
    ),
    broken(
        "new_schema",
        "metadata of an nbgrader to come",
        with_schema,
        NOTHING_LOST,
        "ends the batch",
    ),
)
