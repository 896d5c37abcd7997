"""Whatever is handed in becomes a notebook laid on the release, or a fault with a sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, writes

from autograder.sheet import ProblemSheet, Sheet
from autograder.submission import (
    Fault,
    Release,
    grade_id,
    laid_on,
    parse,
    read_checkpoints,
    read_submission,
)


def problem(name: str) -> ProblemSheet:
    return ProblemSheet(name, (), (), {"all": 2}, (), (), f"def {name}(): ...", (), ())


RELEASE = Release.of(Sheet("a", {"one": problem("one"), "two": problem("two")}))


def cell(text: str, name: str = "") -> NotebookNode:
    mark = {"nbgrader": {"grade_id": name, "points": 500}} if name else {}
    return new_code_cell(text, metadata={**mark, "tags": ["skip-execution"]})


def laid(*cells: NotebookNode) -> NotebookNode:
    parsed = parse(writes(new_notebook(cells=list(cells))).encode(), "a.ipynb")
    assert not isinstance(parsed, Fault)
    return laid_on(parsed, RELEASE)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"def softmax(x): ...", "is not JSON"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (b'{"nbformat": 4, "cells"', "is not JSON"),
        (b"[" * 200_000, "is not JSON"),
        (b"[]", "no notebook"),
        (b'"text"', "no notebook"),
        (b'{"cells": []}', "no notebook"),
        (b'{"nbformat": 3, "worksheets": [{"cells": []}]}', "format 3; expected 4"),
        (b'{"nbformat": 4, "cells": {}}', "format 4"),
        (b'{"nbformat": "' + b"9" * 5000 + b'", "cells": []}', "expected 4"),
    ],
)
def test_what_is_no_notebook_is_refused_with_a_sentence(content: bytes, words: str) -> None:
    fault = parse(content, "a.ipynb")
    assert isinstance(fault, Fault)
    assert fault.status == "refused"
    assert words in fault.message
    assert len(fault.message) < 400


def test_what_is_no_file_is_refused_and_no_file_is_missing(tmp_path: Path) -> None:
    folder, link, pipe = tmp_path / "d.ipynb", tmp_path / "l.ipynb", tmp_path / "p.ipynb"
    folder.mkdir()
    link.symlink_to("/etc/hostname")
    os.mkfifo(pipe)
    found = [read_submission(path) for path in (folder, link, pipe, tmp_path / "no.ipynb")]
    assert all(isinstance(fault, Fault) for fault in found)
    statuses = [fault.status for fault in found if isinstance(fault, Fault)]
    assert statuses == ["refused", "refused", "refused", "missing"]


def test_cells_are_only_believed_their_text() -> None:
    odd = [
        3,
        None,
        {"cell_type": "heading", "source": "x"},
        {"cell_type": ["code"], "source": "x"},
        {"cell_type": "code", "source": ["a = 1\n", 7, "b = 2"], "metadata": [], "outputs": 3},
        {"cell_type": "code", "source": {"no": "text"}, "metadata": {"nbgrader": "yes"}},
        {"cell_type": "markdown", "source": "\ud800", "metadata": {"nbgrader": {"grade_id": 3}}},
        {"cell_type": "markdown", "source": "a", "attachments": {"a": 5, "b": {"c": [1, None]}}},
        {"cell_type": "markdown", "source": "b", "attachments": {"\ud800": {"c": float("nan")}}},
    ]
    content = json.dumps({"nbformat": 4, "cells": odd, "metadata": {"kernelspec": 5}}).encode()
    parsed = parse(content, "a.ipynb")
    assert not isinstance(parsed, Fault)
    assert [c.source for c in parsed.cells] == ["a = 1\nb = 2", "", "?", "a", "b"]
    writes(laid_on(parsed, RELEASE))


def test_each_released_cell_stands_once_with_its_own_points() -> None:
    notebook = laid(
        cell("x = 1"), cell("def one(): return 1", "one_answer"), cell("cheat()", "one")
    )
    ids = [grade_id(c) for c in notebook.cells]
    assert ids == ["", "one_answer", "one", "two_answer", "two"]
    by_id = {grade_id(c): c for c in notebook.cells}
    assert by_id["one_answer"].source == "def one(): return 1"
    assert by_id["one"].source == 'check("one")'
    assert by_id["two_answer"].source == ""  # gone, so it cannot count as an answer
    assert "points" not in by_id["one"].metadata.nbgrader
    assert all("tags" not in c.metadata for c in notebook.cells)


def test_the_first_of_duplicated_cells_counts() -> None:
    notebook = laid(cell("first", "one_answer"), cell("second", "one_answer"))
    assert [(grade_id(c), c.source) for c in notebook.cells][:1] == [("one_answer", "first")]
    assert sum(grade_id(c) == "one_answer" for c in notebook.cells) == 1


def test_an_answer_turned_into_text_by_accident_is_code_again() -> None:
    mark = {"nbgrader": {"grade_id": "one_answer"}}
    notebook = laid(new_markdown_cell("def one(): ...", metadata=mark))
    answer = next(c for c in notebook.cells if grade_id(c) == "one_answer")
    assert (answer.cell_type, answer.source) == ("code", "def one(): ...")


def test_checkpoints_are_read_where_they_are_regular_files(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"weights")
    (tmp_path / "other.pt").write_bytes(b"not asked for")
    (tmp_path / "link.pt").symlink_to("/etc/hostname")
    names = ("model.pt", "link.pt", "absent.pt")
    assert read_checkpoints(tmp_path, names) == {"model.pt": b"weights"}
