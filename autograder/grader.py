"""Grade one notebook: run its cells apart, judge the answers, write the verdicts into it.

The same steps serve `nbgrader autograde`, `autograder grade` and `autograder check`; what differs
is only which sheet they bring.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nbformat import NotebookNode, from_dict
from nbformat.v4 import new_code_cell, new_notebook, new_output, writes

from autograder import data, harmless, sentences
from autograder.data import Tree
from autograder.executor import CellRun, Execution, Executor, Failure, Limits
from autograder.judge import Verdict, blame_dependencies, judge, passes, unanswered
from autograder.rules import Notebook
from autograder.sheet import ProblemSheet, Sheet
from autograder.show import Card
from autograder.submission import BY_HAND, Fault, Release, answer_id, grade_id, laid_on


@dataclass(frozen=True)
class Graded:
    """A graded notebook: its cells as they ran, each check cell showing its verdict."""

    notebook: NotebookNode
    verdicts: Mapping[str, Verdict]


@dataclass(frozen=True, eq=False)
class Exam:
    """What the submissions of one assignment are graded by, hidden cases with it.

    It goes to the graders' own processes and machines only. `files` are what students get beside
    the notebook.
    """

    assignment: str
    release: Release
    sheet: Sheet
    files: Mapping[str, bytes]
    limits: Limits = field(default_factory=Limits)

    def grader(self, executor: Executor) -> Grader:
        """A grader whose student code runs in that executor."""
        return Grader(self.release, self.sheet, executor, self.files, self.limits)


@dataclass(frozen=True)
class Grader:
    """What it takes to grade the submissions of one assignment.

    `files` are what students get beside the notebook.
    """

    release: Release
    sheet: Sheet
    executor: Executor
    files: Mapping[str, bytes]
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def public(cls, sheet: Path, executor: Executor) -> Grader:
        """A grader on the public cases of the sheet file `sheet`.

        Raises:
            SheetError: the sheet cannot be read.
        """
        loaded = Sheet.load(sheet)
        parts = (sheet, sheet.with_suffix(".safetensors"))
        files = {part.name: part.read_bytes() for part in parts}
        return cls(Release.of(loaded), loaded, executor, files)

    def grade(
        self,
        submission: NotebookNode | Fault,
        checkpoints: Mapping[str, bytes] = MappingProxyType({}),
    ) -> Graded:
        """Grade a submission, whatever it is. Student code runs in the executor only.

        checkpoints: the files that the student handed in with the notebook.
        """
        if isinstance(submission, Fault):
            return faulty(self.release, self.sheet, submission)
        notebook = laid_on(submission, self.release)
        cells, pending = _code_cells(notebook), self._answered(notebook)
        sources, requests = self.work(notebook)
        files, trees = {**checkpoints, **self.files}, _Trees()
        is_settled = functools.partial(self._is_settled, trees)
        execution = self.executor.run(sources, requests, files, self.limits, is_settled)
        for cell, run in zip(cells, execution.cells, strict=True):
            cell.outputs = [_output(output) for output in run.outputs]
        verdicts = self._verdicts(cells, pending, execution, trees)
        return _shown(notebook, verdicts)

    def work(self, notebook: NotebookNode) -> tuple[list[str], dict[str, bytes]]:
        """What a notebook laid on the release asks of an executor: cells, and requests.

        All public cases come before the first hidden one: no error can show a hidden input.
        """
        pending = self._answered(notebook)
        parts = [_part(name, hidden) for hidden in (False, True) for name in pending]
        requests = {part: self._requests[part] for part in parts if part in self._requests}
        return [cell.source for cell in _code_cells(notebook)], requests

    def _answered(self, notebook: NotebookNode) -> list[str]:
        """The problems whose answer cell holds something else than the release."""
        texts = {grade_id(cell): str(cell.source) for cell in notebook.cells if grade_id(cell)}
        return [
            name
            for name in self.release.points
            if _bare(texts[answer_id(name)]) not in ("", _bare(self.release.stub(name)))
        ]

    @functools.cached_property
    def _requests(self) -> dict[str, bytes]:
        """What may be asked, by part; the same of every submission."""
        return {
            _part(problem.name, hidden): data.dumps(problem.request(hidden=hidden))
            for problem in self.sheet.problems.values()
            for hidden in {case.hidden for case in problem.cases}
        }

    def _is_settled(self, trees: _Trees, part: str, answer: bytes) -> bool:
        """Whether an answer is right in all cases, so that nothing before it can have spoilt it."""
        name, hidden = part.split()
        try:
            answers = trees.of(answer)
        except data.NotDataError:
            return False
        return passes(self.sheet.problems[name], answers, hidden=hidden == _HIDDEN)

    def _verdicts(
        self, cells: list[NotebookNode], pending: list[str], execution: Execution, trees: _Trees
    ) -> dict[str, Verdict]:
        code = Notebook([cell.source for cell in cells])
        runs = {grade_id(c): r for c, r in zip(cells, execution.cells, strict=True) if grade_id(c)}
        verdicts = {}
        for name in self.release.points:
            sheet = self.sheet.problems[name]
            if name not in pending:
                verdicts[name] = unanswered(sheet, "missing", sentences.UNANSWERED)
                continue
            both = (execution.answers.get(_part(name, hidden)) for hidden in (False, True))
            parts = [part for part in both if part is not None]
            verdicts[name] = self._verdict(sheet, parts, runs[answer_id(name)], code, trees)
        uses = {name: code.uses(name, self.release.points) for name in verdicts}
        return blame_dependencies(verdicts, uses)

    def _verdict(
        self,
        sheet: ProblemSheet,
        parts: Sequence[bytes | Failure],
        cell: CellRun,
        code: Notebook,
        trees: _Trees,
    ) -> Verdict:
        for part in parts:
            if isinstance(part, Failure):
                return unanswered(sheet, part.kind, sentences.failed(sheet.name, part.kind))
        try:
            answers = _joined([trees.of(part) for part in parts if isinstance(part, bytes)])
        except data.NotDataError:
            return unanswered(sheet, "crashed", sentences.MALFORMED)
        if answers is None and cell.failure:  # no such name: its own cell did not get that far
            message = sentences.cell_failed(sheet.name, cell.failure.kind, cell.failure.text)
            return unanswered(sheet, cell.failure.kind, message)
        if answers is None:
            others = code.names() - self.release.points.keys()
            return unanswered(sheet, "missing", sentences.no_such_name(sheet.name, others))
        return judge(sheet, answers, code)


class _Trees:
    """The answers of one submission, each parsed once: they are looked at twice."""

    def __init__(self) -> None:
        self._parsed: dict[bytes, Tree] = {}

    def of(self, answer: bytes) -> Tree:
        """An answer as a tree; raises NotDataError where it is none."""
        if answer not in self._parsed:
            self._parsed[answer] = data.loads(answer)
        return self._parsed[answer]


def faulty(release: Release, sheet: Sheet, fault: Fault) -> Graded:
    """The verdicts on a submission that is no notebook: shown on the release."""
    verdicts = {
        name: unanswered(sheet.problems[name], fault.status, fault.message)
        for name in release.points
    }
    return _shown(laid_on(NotebookNode(cells=[]), release), verdicts)


_HIDDEN, _PUBLIC = "hidden", "public"


def _part(problem: str, hidden: bool) -> str:
    """The name of the request of a problem's hidden or public cases."""
    return f"{problem} {_HIDDEN if hidden else _PUBLIC}"


def _joined(parts: Sequence[Tree]) -> Tree:
    """The answers to all cases from those to the public and the hidden ones.

    Anything but lists, from student code that meddles with the probe, is for the judge to refuse.
    """
    if all(isinstance(part, list) for part in parts):
        return [answer for part in parts for answer in part]
    return None if all(part is None for part in parts) else parts


def _bare(text: str) -> str:
    """A cell without what editors change: line ends, tabs, white space around it."""
    return "\n".join(text.expandtabs(4).splitlines()).strip()


def _output(output: Mapping[str, Any]) -> NotebookNode:
    """An output of a cell, of harmless kinds; that one is left out which no notebook may hold."""
    try:
        made: NotebookNode = new_output(**output)
        if "data" in made:
            made.data = harmless.shown(made.data)
            made.metadata = harmless.sizes(made.metadata)
        writes(new_notebook(cells=[new_code_cell(outputs=[made])]))
    except Exception:  # student code may display anything, nested however deep
        made = new_output("stream", name="stderr", text=sentences.ODD_OUTPUT)
    return made


def _code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells to run: all code but what people run, and checks, whose place the judge takes."""
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code"
        and not cell.metadata.get("nbgrader", {}).get("grade")
        and BY_HAND not in cell.metadata.get("tags", ())
    ]


def _shown(notebook: NotebookNode, verdicts: Mapping[str, Verdict]) -> Graded:
    for cell in notebook.cells:
        if verdict := verdicts.get(grade_id(cell)):
            card = Card(verdict)
            shown = {"text/plain": card.text(), "text/html": card.html()}
            output = {"output_type": "display_data", "metadata": {}, "data": shown}
            cell.outputs = [from_dict(output)]  # nbformat's own maker would validate it
    return Graded(notebook, verdicts)
