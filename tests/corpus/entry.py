"""What an entry of the corpus is: a submission, what it tries, and what it must get."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder.submission import answer_id, grade_id

PROBLEM = "similarity"
RIGHT = "def similarity(query, keys):\n    return keys @ query\n"
WRONG = "def similarity(query, keys):\n    return torch.zeros(len(keys))\n"

POINTS = {
    "softmax": 4,
    "similarity": 2,
    "attend": 4,
    "scaled_dot_product_attention": 6,
    "softmax_jacobian": 4,
}
"""What the problems of a1_attention are worth."""

Content = NotebookNode | bytes | None | Callable[[Path], None]
"""What is handed in: a notebook, a file's bytes, nothing, or what makes something at a path."""

OnStock = Literal["", "earns", "leaks", "loses", "ends the batch"]
Gets = Mapping[str, tuple[float, str]]
"""Problem → points and status ("one or another"), for those that do not get all points."""

NOTHING_LOST: Gets = {}


def only(status: str) -> Gets:
    """Nothing for the problem with the odd answer, and all points for the others."""
    return {PROBLEM: (0, status)}


def nothing(status: str) -> Gets:
    """Nothing at all, everywhere for the same reason."""
    return dict.fromkeys(POINTS, (0, status))


@dataclass(frozen=True)
class Stage:
    """Where to find what an attack is after, told to every cell and answer that names `stage`.

    `course` is the folder of the course, `grader` the process that grades, `port` listens on
    127.0.0.1 for TCP and UDP, `socket` is a listening Unix socket, `word` is what to send.
    """

    course: str
    grader: int
    port: int
    socket: str
    word: str

    def tell(self, source: str) -> str:
        """`source` after a line that defines `stage`, if it names it."""
        return f"stage = {asdict(self)}\n{source}" if "stage" in source else source


def as_is(notebook: NotebookNode) -> Content:
    return notebook


@dataclass(frozen=True)
class Entry:
    """One submission of the corpus.

    It is a notebook that answers all problems rightly, but for what is said here.

    Attributes:
        name: the student.
        tries: what it tries, or what is odd about it.
        answer: the answer to `similarity`.
        cell: one more cell, before the check of `similarity`, or where `is_first` the first of all.
        change: what is done to the notebook in the end.
        gets: what it must get.
        on_stock: what comes of it on stock nbgrader: it earns points by a wrong answer, gets a
            canary out, loses points of a right answer, or takes the next student's grade with it.
        not_on_stock: why that is not shown.
    """

    name: str
    tries: str
    answer: str = RIGHT
    cell: str = ""
    is_first: bool = False
    change: Callable[[NotebookNode], Content] = as_is
    gets: Gets = field(default_factory=dict)
    on_stock: OnStock = ""
    not_on_stock: str = ""

    def content(self, notebook: NotebookNode, stage: Stage) -> Content:
        """What the student hands in, made from a notebook with right answers."""
        answer = next(c for c in notebook.cells if grade_id(c) == answer_id(PROBLEM))
        answer.source = stage.tell(self.answer)
        if self.cell:
            check = next(i for i, c in enumerate(notebook.cells) if grade_id(c) == PROBLEM)
            place = 0 if self.is_first else check
            notebook.cells.insert(place, new_code_cell(stage.tell(self.cell)))
        return self.change(notebook)
