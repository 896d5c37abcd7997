"""`check` as a student meets it: in a kernel, in `nbgrader validate`, and from the command line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from autograder.course_directory import find_course
from autograder.sample import read_class
from autograder.submission import answer_id, grade_id

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
ASSIGNMENT = "a1_attention"
DESK, _ = read_class(find_course(ROOT), ASSIGNMENT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a student has: the released folder, and nothing around it."""
    target = tmp_path_factory.mktemp("student") / ASSIGNMENT
    shutil.copytree(ROOT / "assignments" / ASSIGNMENT, target)
    return target


def handed_in(folder: Path, name: str, **answers: str) -> Path:
    """A notebook of that name in the folder, with these answers and stubs for the rest."""
    stubs = {problem: DESK.stub(problem) for problem in DESK.source.solutions}
    path = folder / f"{name}.ipynb"
    nbformat.write(DESK.notebook(**{**stubs, **answers}), path)
    return path


def test_check_shows_a_card_or_a_message_in_place_of_a_traceback(folder: Path) -> None:
    solution = DESK.source.solutions["softmax"]
    steps = [
        ("check('softmax')", "softmax: not answered yet\n"),
        (DESK.stub("softmax"), ""),
        ("check('softmax')", "softmax: not answered yet\nThe kernel still has `softmax` as it was"),
        (DESK.stub("softmax").replace("softmax(", "sofmax("), ""),
        ("check('softmax')", "You have defined `sofmax`: was `softmax` meant?"),
        (DESK.stub("softmax") + "\n    return x.exp()", ""),
        ("check('softmax')", "comes to its `raise NotImplementedError()`: delete that line"),
        (DESK.mistaken("softmax", "no_maximum"), ""),
        ("check('softmax')", "softmax: not right yet"),
        (solution.replace("return", "return ("), "SyntaxError"),
        ("check('softmax')", "Python could not read the cell that defines `softmax`"),
        ("check('softmax')", "softmax: not right yet"),
        (DESK.stub("softmax"), ""),
        ("def attend(q, k, v):\n    return softmax(k @ q, 0) @ v", ""),
        (
            "check('attend')",
            "calls your `softmax`, which is not answered yet: mend `softmax` first",
        ),
        ("class similarity:\n    x = 1\n    raise NotImplementedError()", "NotImplementedError"),
        ("check('similarity')", "comes to its `raise NotImplementedError()`: delete that line"),
        ("def attend(q, k, v):\n    return softmacks(k @ q, 0) @ v", ""),
        ("check('attend')", "NameError: name 'softmacks' is not defined"),
        (solution.replace("exp(", "exq("), ""),
        ("check('softmax')", "AttributeError: module 'torch' has no attribute 'exq'"),
        (solution, ""),
        ("check('softmax')", "softmax: correct"),
        ("check('softmax')", "1 of 5 problems seen right in this kernel (softmax)."),
        ("def similarity(q, k):\n    return k @ q", ""),
        ("check('similarity')", "2 of 5 problems seen right in this kernel (softmax, similarity)."),
        ("def attend(q, k, v):\n    return softmax(k @ q, 0) @ v", ""),
        ("check('attend')", "attend: not right yet"),
        ("def softmax(x, dim):\n    return x.exp()", ""),
        ("check('attend')", "mend `softmax` first"),
        ("check('attend')", "1 of 5 problems seen right in this kernel (similarity)."),
        ("check('sofmax')", "no problem 'sofmax' here"),
        ("def similarity(q, k):\n    print(1)\n    print(2)\n    return k @ q + 1", ""),
        ("check('similarity')", "(and 4 more lines, printed on the other inputs)"),
        ("check('similarity')", "Found [1. 3. 5.]\nexpected [0. 2. 4.]"),
        ("def similarity(q, k):\n    raise KeyboardInterrupt", ""),
        ("check('similarity')", "You stopped `similarity` at: raise KeyboardInterrupt"),
        (
            "sotfmax = softmax; del softmax, sofmax; check('softmax')",
            "It has `sotfmax`: was that meant?",
        ),
    ]
    setup = new_code_cell(DESK.source.setup)
    cells = [setup, *(new_code_cell(source) for source, _ in steps)]
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=cells),
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    )
    done = client.execute()
    for (source, words), cell in zip(steps, done.cells[1:], strict=True):
        text = "\n".join(
            output.get("text")
            or output.get("data", {}).get("text/plain")
            or "\n".join(output.traceback)
            for output in cell.outputs
        )
        assert words in text, (source, text)
        assert bool(text) == bool(words)
        if source.startswith("check('softmax'") or source.startswith("check('attend'"):
            assert "autograder" not in text
            assert "Traceback" not in text
            card, *error = cell.outputs
            assert card.data["text/html"].startswith("<div style=")
            # What a card has said, the error below it does not say again.
            assert [one.traceback for one in error] in (
                [],
                [card.data["text/plain"].split("\n")[:1]],
            )


def test_check_without_a_sheet_says_where_it_belongs(tmp_path: Path) -> None:
    code = "from autograder import check; check('softmax')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "no answer sheet (*.sheet.json)" in done.stderr


def test_check_works_in_a_plain_script(folder: Path) -> None:
    script = folder / "answers.py"
    script.write_text(
        f"{DESK.source.setup}\n{DESK.source.solutions['softmax']}\ncheck('softmax')\n"
    )
    done = subprocess.run(
        [sys.executable, script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert "softmax: correct" in done.stdout
    wrong = DESK.mistaken("softmax", "no_maximum")
    script.write_text(f"{DESK.source.setup}\n{wrong}\ncheck('softmax')\n")
    done = subprocess.run(
        [sys.executable, script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert "softmax: not right yet" in done.stderr


def test_nbgrader_validate_tells_by_the_public_cases_what_is_wrong(folder: Path) -> None:
    path = handed_in(folder, "validated", **DESK.source.solutions)
    done = subprocess.run(
        [BIN / "nbgrader", "validate", path], capture_output=True, text=True, check=False
    )
    assert "Success! Your notebook passes all the tests." in done.stdout, done.stdout + done.stderr
    wrong = {**DESK.source.solutions, "attend": DESK.mistaken("attend", "no_scale")}
    path = handed_in(folder, "validated", **wrong)
    done = subprocess.run(
        [BIN / "nbgrader", "validate", path], capture_output=True, text=True, check=False
    )
    assert "VALIDATION FAILED ON 1 CELL(S)" in done.stdout
    assert done.stdout.count("attend: not right yet") == 1
    assert "Think:" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 100  # its window does not wrap


def test_the_command_line_checks_one_notebook(folder: Path, tmp_path: Path) -> None:
    path = handed_in(folder, "mine", softmax=DESK.mistaken("softmax", "always_last_dim"))
    done = subprocess.run(
        [BIN / "autograder", "check", path, "--json", tmp_path / "rows"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [json.loads(line) for line in (tmp_path / "rows").read_text().splitlines()]
    found = {row["problem"]: (row["status"], row["misconception"]) for row in rows}
    expected = dict.fromkeys(DESK.source.solutions, ("missing", None))
    assert found == {**expected, "softmax": ("wrong", "always_last_dim")}
    assert "softmax: wrong, 0 of 4 points" in done.stdout
    assert "hidden" not in done.stdout


def test_the_release_has_a_stub_for_each_answer_and_keeps_its_question() -> None:
    cells = {grade_id(cell): cell for cell in DESK.release.notebook.cells if grade_id(cell)}
    for problem in DESK.source.solutions:
        assert "raise NotImplementedError()" in cells[answer_id(problem)].source
        assert cells[problem].metadata.nbgrader.points == DESK.release.points[problem]
    written = [cell for name, cell in cells.items() if cell.cell_type == "markdown"]
    assert len(written) == 1
    assert "MARK SCHEME" not in written[0].source
