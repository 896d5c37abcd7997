"""From an author's files to answer sheets: the solution cell itself is the reference.

Trusted: this runs the course's own solutions and misconceptions, never a student's code.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import jupytext
import torch
from nbformat.v4 import new_code_cell
from nbgrader.preprocessors import ClearSolutions

from autograder import data, probe
from autograder.data import Tree
from autograder.judge import agrees, diagnosis
from autograder.problem import (
    AuthoringError,
    Case,
    Draw,
    Given,
    Misconception,
    Problem,
    argument_names,
    source_of,
)
from autograder.sheet import CaseSheet, MisconceptionSheet, ProblemSheet, Sheet


@dataclass(frozen=True)
class Source:
    """An assignment as its author wrote it.

    Attributes:
        assignment: its id, "a1_attention".
        problems: in the notebook's order.
        setup: the notebook's set-up cell (imports).
        solutions: problem → its solution cell.
        checkpoints: the files that a student's notebook saves, and that are handed in with it.
        seconds: limits of a submission that are not the default: the fields of `Limits` by name.
    """

    assignment: str
    problems: tuple[Problem, ...]
    setup: str
    solutions: Mapping[str, str]
    checkpoints: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    def implementation(self, name: str, cell: str | None = None) -> dict[str, Any]:
        """The names that the solution cell of `name` (or another cell in its place) defines.

        The solutions that it builds on are there already.
        """
        namespace: dict[str, Any] = {"__name__": f"{self.assignment}.{name}"}
        (problem,) = (problem for problem in self.problems if problem.name == name)
        before = [self.solutions[other] for other in problem.builds_on]
        answer = self.solutions[name] if cell is None else cell
        for source in (self.setup, *before, problem.stand_in, answer):
            exec(compile(source, f"<{self.assignment} {name}>", "exec"), namespace)
        return namespace


def read_source(solutions: Path, assignment: str) -> Source:
    """Read `<assignment>.py` and `<assignment>_problems.py` in the folder of solutions.

    Raises:
        AuthoringError: a file is missing, or notebook and problems do not match.
    """
    text, vocabulary = (
        solutions / f"{assignment}.py",
        solutions / f"{assignment}_problems.py",
    )
    for path in (text, vocabulary):
        if not path.is_file():
            raise AuthoringError(f"{path} is missing: an assignment is that file and its partner")
    cells = jupytext.read(text, fmt="py:percent").cells
    setup = [cell.source for cell in cells if cell.metadata.get("role") == "setup"]
    answers = {
        cell.metadata["problem"]: cell.source
        for cell in cells
        if cell.metadata.get("role") == "answer"
    }
    module = load_module(vocabulary)
    problems = tuple(module.PROBLEMS)
    if (names := [problem.name for problem in problems]) != list(answers):
        raise AuthoringError(f"{text.name} answers {list(answers)}, {vocabulary.name} has {names}")
    checkpoints, seconds = getattr(module, "CHECKPOINTS", ()), getattr(module, "SECONDS", {})
    return Source(assignment, problems, "\n".join(setup), answers, checkpoints, seconds)


def load_module(path: Path) -> ModuleType:
    """Import a file by its path, leaving no bytecode beside it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def build_sheet(source: Source, secret: str = "") -> Sheet:
    """The public sheet of an assignment; with a secret, hidden cases are added to it.

    Raises:
        AuthoringError: cases, groups and misconceptions do not fit together.
    """
    sheets = [_problem_sheet(source, problem, secret) for problem in source.problems]
    return Sheet(source.assignment, {sheet.name: sheet for sheet in sheets}, source.checkpoints)


def _problem_sheet(source: Source, problem: Problem, secret: str) -> ProblemSheet:
    drawn = [(case, False) for case in problem.cases(Draw(_seed(source, problem, "")))]
    if secret:
        drawn += [(case, True) for case in problem.cases(Draw(_seed(source, problem, secret)))]
    requests = [_request(case) for case, _ in drawn]
    expected = observe(source.implementation(problem.name), problem, requests)
    sheet = ProblemSheet(
        name=problem.name,
        arguments=problem.arguments,
        returns=problem.returns,
        points=dict(problem.points),
        forbidden=problem.forbidden,
        forbidden_modules=problem.forbidden_modules,
        stub=_released(source.solutions[problem.name]),
        cases=tuple(
            CaseSheet(
                name=case.name,
                group=case.group,
                shapes=_shapes(problem, case),
                request=request,
                expected=answer,
                tolerance=case.tolerance,
                share=case.share,
                hidden=hidden,
            )
            for (case, hidden), request, answer in zip(drawn, requests, expected, strict=True)
        ),
        misconceptions=tuple(
            _misconception(source, problem, known, requests) for known in problem.misconceptions
        ),
    )
    sheet = replace(
        sheet, misconceptions=tuple(map(partial(_only_departures, sheet), sheet.misconceptions))
    )
    _check(sheet)
    return sheet


def _misconception(
    source: Source, problem: Problem, known: Misconception, requests: Sequence[Tree]
) -> MisconceptionSheet:
    cell = known.applied_to(source.solutions[problem.name])
    answers = observe(source.implementation(problem.name, cell), problem, requests)
    return MisconceptionSheet(known.id, known.seen, known.think, tuple(answers))


def _only_departures(sheet: ProblemSheet, known: MisconceptionSheet) -> MisconceptionSheet:
    """Without the answers that are right: they stand in the sheet already."""
    pairs = zip(sheet.cases, known.answers, strict=True)
    answers = tuple(None if agrees(case, answer) else answer for case, answer in pairs)
    return replace(known, answers=answers)


def _released(solution: str) -> str:
    """A solution cell as nbgrader releases it."""
    cell = new_code_cell(source=solution, metadata={"nbgrader": {"solution": True}})
    cleared, _ = ClearSolutions().preprocess_cell(cell, {"language": "python"}, 0)
    return str(cleared.source)


def _seed(source: Source, problem: Problem, secret: str) -> int:
    text = f"{source.assignment}/{problem.name}/{secret}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def observe(
    namespace: Mapping[str, Any], problem: Problem, requests: Sequence[Tree]
) -> list[dict[str, Any]]:
    """What an implementation answers, as the probe sees it, without text that only people read."""
    answers = probe.observe(
        namespace,
        {
            "name": problem.name,
            "arguments": list(problem.arguments),
            "forbidden": [],
            "cases": list(requests),
        },
    )
    if answers is None:
        raise AuthoringError(f"{problem.name}: the cell does not define that name")
    for answer in answers:
        if answer["outcome"] == "raised":  # the frames of solutions and misconceptions stay here
            answer |= {"text": "", "line": "", "traceback": ""}
    return list(answers)


def _request(case: Case) -> Tree:
    return {
        "args": [_tree(argument) for argument in case.args],
        "gradient": case.gradient,
        "init": None if case.init is None else [_tree(argument) for argument in case.init],
        "parameters": {name: data.to_tree(value) for name, value in case.parameters.items()},
        "driver": source_of(case.driver) if case.driver else None,
        "arguments": list(_arguments(case)),
    }


def _arguments(case: Case) -> tuple[str, ...]:
    """The names of a driver's arguments after the student's answer; none without a driver."""
    return argument_names(source_of(case.driver))[1:] if case.driver else ()


def _tree(argument: Any) -> Tree:
    if isinstance(argument, Given):
        return {
            "given": argument.source(),
            "constants": {key: data.to_tree(value) for key, value in argument.constants.items()},
        }
    if isinstance(argument, list | tuple):
        return type(argument)(_tree(item) for item in argument)
    return data.to_tree(argument)


def _shapes(problem: Problem, case: Case) -> str:
    """The inputs in words: "q (2, 3), k (5, 3), n_heads = 2"."""
    names = _arguments(case) or problem.arguments
    if case.init is not None:
        built = ", ".join(str(argument) for argument in case.init)
        called = ", ".join(_in_words("", value) for value in case.args)
        return f"{problem.name}({built}) called on {called}"
    named = zip(names, case.args, strict=False)
    return ", ".join(_in_words(name, value) for name, value in named)


def _in_words(name: str, value: Any) -> str:
    if isinstance(value, torch.Tensor):
        dtype = "" if value.dtype == torch.float32 else f" {str(value.dtype).split('.')[1]}"
        return f"{name} {tuple(value.shape)}{dtype}".strip()
    if isinstance(value, Given):
        return f"{name} a function".strip()
    if isinstance(value, list | tuple) and len(str(value)) > 60:
        return f"{name} of {len(value)} items"
    return f"{name} = {value!r}" if name else repr(value)


def _check(sheet: ProblemSheet) -> None:
    """Refuse a sheet whose cases do not do their work."""
    groups = {case.group for case in sheet.cases}
    if groups != set(sheet.points):
        raise AuthoringError(f"{sheet.name}: cases of {groups}, points for {set(sheet.points)}")
    for group in groups:
        outcomes = [c.expected["outcome"] for c in sheet.cases if c.group == group]
        if "returned" not in outcomes:
            raise AuthoringError(f"{sheet.name}: group {group!r} could be earned by raising alone")
    for known in sheet.misconceptions:
        if all(answer is None for answer in known.answers):
            raise AuthoringError(f"{sheet.name}: no case tells {known.id} from the solution")
        named = diagnosis(sheet, sheet.answers_of(known))
        if named is None or named.id != known.id:
            twin = named.id if named else "nothing"
            raise AuthoringError(f"{sheet.name}: {known.id} answers like {twin}; make them one")
