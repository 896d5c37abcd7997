"""Claims made by the notebook file: tags, points, ids, outputs. Every answer is wrong."""

from collections.abc import Callable
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

from autograder.submission import answer_id, grade_id
from tests.corpus.entry import PROBLEM, WRONG, Content, Entry, Gets, OnStock, only

RESTORED = "stock nbgrader puts the released cell back too"


def forge(
    name: str,
    tries: str,
    change: Callable[[NotebookNode], Content],
    not_on_stock: str = "",
    on_stock: OnStock = "earns",
    gets: Gets | None = None,
) -> Entry:
    return Entry(
        name, tries, WRONG, change=change, gets=gets or only("wrong"),
        on_stock="" if not_on_stock else on_stock, not_on_stock=not_on_stock,
    )  # fmt: skip


def check_of(notebook: NotebookNode) -> NotebookNode:
    return next(cell for cell in notebook.cells if grade_id(cell) == PROBLEM)


def answer_of(notebook: NotebookNode) -> NotebookNode:
    return next(cell for cell in notebook.cells if grade_id(cell) == answer_id(PROBLEM))


def edited(**changes: object) -> Callable[[NotebookNode], NotebookNode]:
    """The check cell with other entries."""

    def change(notebook: NotebookNode) -> NotebookNode:
        check_of(notebook).update(changes)
        return notebook

    return change


def marked(**changes: object) -> Callable[[NotebookNode], NotebookNode]:
    """The check cell with other entries in nbgrader's metadata."""

    def change(notebook: NotebookNode) -> NotebookNode:
        check_of(notebook).metadata.nbgrader.update(changes)
        return notebook

    return change


def tagged(*tags: str, everywhere: bool = False) -> Callable[[NotebookNode], NotebookNode]:
    def change(notebook: NotebookNode) -> NotebookNode:
        for cell in notebook.cells if everywhere else [check_of(notebook)]:
            cell.metadata["tags"] = list(tags)
        return notebook

    return change


def with_outputs(notebook: NotebookNode) -> NotebookNode:
    check_of(notebook)["outputs"] = [new_output("stream", text="similarity: correct\n")]
    check_of(notebook)["execution_count"] = 1
    return notebook


def with_second_answer(notebook: NotebookNode) -> NotebookNode:
    mark = {"nbgrader": dict(answer_of(notebook).metadata.nbgrader)}
    right = "def similarity(query, keys):\n    return keys @ query\n"
    notebook.cells.append(new_code_cell(right, metadata=mark))
    return notebook


def with_bonus(notebook: NotebookNode) -> NotebookNode:
    mark = {"grade": True, "grade_id": "bonus", "locked": True, "solution": False, "points": 100}
    marks = {"nbgrader": {**mark, "schema_version": 3, "task": False}}
    notebook.cells.append(new_code_cell("100", metadata=marks))
    return notebook


def exchanged(notebook: NotebookNode) -> NotebookNode:
    """The answer claims to be the check, and the check the answer."""
    answer, check = answer_of(notebook), check_of(notebook)
    answer.metadata, check.metadata = check.metadata, answer.metadata
    return notebook


def link_to_solutions(notebook: NotebookNode) -> Content:
    def make(path: Path) -> None:
        course, name = path.parents[3], path.parent.name
        folder = next(f for f in (course / "solutions", course / "source") if f.is_dir())
        path.symlink_to(folder / name / path.name)

    return make


REFUSED = dict.fromkeys(
    ("softmax", PROBLEM, "attend", "scaled_dot_product_attention", "softmax_jacobian"),
    (0.0, "refused"),
)

ENTRIES = (
    forge("skip_execution", "marks the test as not to be run", tagged("skip-execution")),
    forge(
        "skip_execution_of_all",
        "marks every cell as not to be run",
        tagged("skip-execution", everywhere=True),
    ),
    forge(
        "link_to_the_solutions",
        "hands in a link to the instructor's notebook",
        link_to_solutions,
        gets=REFUSED,
    ),
    forge(
        "allowed_to_raise",
        "marks the test as one that may raise",
        tagged("raises-exception"),
        not_on_stock="stock nbgrader lets every cell raise, and sees it in the outputs",
    ),
    forge("edited_test", "replaces the test", edited(source="print('passed')"), RESTORED),
    forge("more_points", "makes the test worth more", marked(points=200), RESTORED),
    forge("no_test", "makes the test an answer", marked(grade=False, solution=True), RESTORED),
    forge("unlocked_test", "unlocks the test", marked(locked=False), RESTORED),
    forge(
        "shown_outputs",
        "brings the outputs of a correct answer",
        with_outputs,
        "stock nbgrader removes outputs too",
    ),
    forge(
        "second_answer",
        "adds a second cell that claims to be the answer",
        with_second_answer,
        "stock nbgrader runs the cells in order, and the test before the second",
    ),
    forge(
        "bonus",
        "adds a problem of its own, worth 100 points",
        with_bonus,
        "stock nbgrader keeps points of released cells only too",
    ),
    forge(
        "exchanged_ids",
        "exchanges the ids of answer and check",
        exchanged,
        RESTORED,
        # What claims to be the answer is the text of the check, which raises.
        gets=only("error"),
    ),
)
