"""The answer sheet: inputs, expected answers, and what each misconception would answer.

A sheet is data: it holds no code of a solution or of a misconception. The public one lies beside
the notebook as `<assignment>.sheet.json` and `<assignment>.sheet.safetensors`; the one that grades
also has hidden cases, and is never written anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.numpy

from autograder import data
from autograder.data import Tree
from autograder.errors import MendableError

FORMAT = 3


class SheetError(MendableError):
    """A sheet that cannot be read: says which file, what is wrong, and what to do."""


@dataclass(frozen=True)
class CaseSheet:
    """One case: what the probe is asked, and what the solution answers.

    `shapes` says the inputs in words ("q (2, 3), k (5, 3)"); `request` and `expected` are trees as
    `autograder.probe` takes and returns them; `tolerance` is None for the dtype's default.
    """

    name: str
    group: str
    shapes: str
    request: Tree
    expected: Tree
    tolerance: tuple[float, float] | None
    hidden: bool = False
    share: float = 1.0


@dataclass(frozen=True)
class MisconceptionSheet:
    """What a known mistake is called, tells the student, and answers to each case.

    An answer is None where the mistake does not show: it is the expected one.
    """

    id: str
    seen: str
    think: str
    answers: tuple[Tree, ...]


@dataclass(frozen=True)
class ProblemSheet:
    """Everything the judge knows of one problem; `stub` is its answer cell as released."""

    name: str
    arguments: tuple[str, ...]
    returns: tuple[str, ...]
    points: Mapping[str, int]
    forbidden: tuple[str, ...]
    forbidden_modules: tuple[str, ...]
    stub: str
    cases: tuple[CaseSheet, ...]
    misconceptions: tuple[MisconceptionSheet, ...]

    @property
    def max_points(self) -> int:
        """The points of all groups."""
        return sum(self.points.values())

    def answers_of(self, known: MisconceptionSheet) -> list[Tree]:
        """What a known mistake answers to every case, those included where it does not show."""
        pairs = zip(known.answers, self.cases, strict=True)
        return [case.expected if answer is None else answer for answer, case in pairs]

    def request(self, *, hidden: bool | None = None) -> Tree:
        """What the probe is asked: inputs only, of all cases, or of the hidden or public ones."""
        return {
            "name": self.name,
            "arguments": list(self.arguments),
            "forbidden": list(self.forbidden),
            "cases": [case.request for case in self.cases if hidden in (None, case.hidden)],
        }


@dataclass(frozen=True)
class Sheet:
    """The problems of one assignment, in its order.

    `checkpoints` names the files that a student's notebook saves, and that are handed in with it.
    """

    assignment: str
    problems: Mapping[str, ProblemSheet]
    checkpoints: tuple[str, ...] = ()

    def save(self, folder: Path) -> None:
        """Write the two files of a public sheet into `folder`."""
        tree = {
            "format": FORMAT,
            "assignment": self.assignment,
            "checkpoints": list(self.checkpoints),
            "problems": [_problem_tree(problem) for problem in self.problems.values()],
        }
        value, arrays = data.pack(tree)
        text = json.dumps(value, ensure_ascii=False, indent=1)  # unsorted: order may be meant
        (folder / f"{self.assignment}.sheet.json").write_text(text + "\n", encoding="utf-8")
        path = folder / f"{self.assignment}.sheet.safetensors"
        path.write_bytes(safetensors.numpy.save(arrays))

    @classmethod
    def load(cls, path: Path) -> Sheet:
        """Read a public sheet from its `.sheet.json`.

        Raises:
            SheetError: a file is missing, damaged, or of another version of the course.
        """
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            arrays = safetensors.numpy.load(path.with_suffix(".safetensors").read_bytes())
            tree = data.unpack(value, arrays)
            if tree["format"] != FORMAT:
                raise SheetError(
                    f"{path.name} has format {tree['format']}, this course reads {FORMAT}: "
                    "download the assignment and the course of the same term"
                )
            problems = [_problem(problem) for problem in tree["problems"]]
            named = {problem.name: problem for problem in problems}
            return cls(tree["assignment"], named, tuple(tree["checkpoints"]))
        except SheetError:
            raise
        except FileNotFoundError as error:
            raise SheetError(
                f"{Path(error.filename).name} is missing from {path.parent}: put it back "
                "beside the notebook, from the assignment as you got it"
            ) from error
        except Exception as error:
            raise SheetError(
                f"{path.name} cannot be read ({type(error).__name__}): replace it and its "
                ".safetensors file by those of the assignment as you got it"
            ) from error


def _problem_tree(problem: ProblemSheet) -> dict[str, Any]:
    return {
        "name": problem.name,
        "arguments": list(problem.arguments),
        "returns": list(problem.returns),
        "points": [[group, points] for group, points in problem.points.items()],
        "forbidden": list(problem.forbidden),
        "forbidden_modules": list(problem.forbidden_modules),
        "stub": problem.stub,
        "cases": [
            {
                "name": case.name,
                "group": case.group,
                "shapes": case.shapes,
                "request": case.request,
                "expected": case.expected,
                "tolerance": case.tolerance,
                "share": case.share,
            }
            for case in problem.cases
        ],
        "misconceptions": [
            {"id": known.id, "seen": known.seen, "think": known.think, "answers": known.answers}
            for known in problem.misconceptions
        ],
    }


def _problem(tree: Tree) -> ProblemSheet:
    return ProblemSheet(
        name=tree["name"],
        arguments=tuple(tree["arguments"]),
        returns=tuple(tree["returns"]),
        points=dict(tree["points"]),
        forbidden=tuple(tree["forbidden"]),
        forbidden_modules=tuple(tree["forbidden_modules"]),
        stub=tree["stub"],
        cases=tuple(CaseSheet(**case) for case in tree["cases"]),
        misconceptions=tuple(MisconceptionSheet(**known) for known in tree["misconceptions"]),
    )
