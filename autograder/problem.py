"""The words in which an author specifies a problem, once, for every use.

A `Problem` names its cases, its misconceptions, its rules and its help. From it come the public
answer sheet that checks a student's cell, the hidden one that grades it, the name of the
misconception behind a wrong answer, and the proof that the cases themselves are good.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from autograder.errors import MendableError

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class AuthoringError(MendableError):
    """A problem, its notebook or its misconceptions contradict one another."""


class Draw:
    """A seeded source of inputs: the same seed draws the same cases on every machine."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def normal(
        self, *shape: int, scale: float = 1.0, dtype: torch.dtype = torch.float32
    ) -> torch.Tensor:
        """Independent normal numbers of standard deviation `scale`, shape `shape`."""
        numbers = self._random.standard_normal(shape) * scale
        return torch.as_tensor(numbers).to(dtype)

    def sizes(self, count: int, low: int = 2, high: int = 8) -> list[int]:
        """`count` sizes in `low`…`high`, all different: no axis can pass for another."""
        return [int(size) for size in self._random.permutation(np.arange(low, high + 1))[:count]]

    def integer(self, low: int, high: int) -> int:
        """One integer between `low` and `high`, both included."""
        return int(self._random.integers(low, high + 1))


@dataclass(frozen=True)
class Given:
    """A function that a case hands to the student's: its source is public and travels as text.

    `make(**constants)` is called beside the student's code, with `torch` as its only global, and
    returns the function to hand over. What differs from case to case belongs into `constants`.
    """

    make: Callable[..., Callable[..., object]]
    constants: Mapping[str, Any] = field(default_factory=dict)

    def source(self) -> str:
        """The text of `make`."""
        return source_of(self.make)


def source_of(function: Callable[..., object]) -> str:
    """The text of a public function, to travel in a sheet and run beside the student's code."""
    return textwrap.dedent(inspect.getsource(function))


def argument_names(definition: str) -> tuple[str, ...]:
    """The names of the arguments of a function, from its text."""
    node = ast.parse(definition).body[0]
    assert isinstance(node, ast.FunctionDef)
    return tuple(argument.arg for argument in node.args.args)


@dataclass(frozen=True)
class Case:
    """One call of the student's function, or one use of the student's module.

    Attributes:
        name: what the case shows, as the student reads it ("one query, five keys").
        group: the part of the points it belongs to; a group is paid whole.
        args: positional arguments: tensors, numbers, strings, None, `Given` functions, nested.
        gradient: also compare the gradients of the float arguments (and of the parameters).
        init: for a class: the arguments it is built with.
        parameters: for a class: its parameters by name, loaded before the call.
        driver: where a plain call is not what the case asks for, how the answer is used instead:
            `driver(answer, *args)` is public, travels as text with `torch` as its only global, and
            returns the raw results that are compared. `answer` is the student's function, class,
            or, with `init`, module.
        tolerance: absolute and relative difference allowed, where the dtype's default
            (`autograder.compare.TOLERANCE`) does not fit, with a comment that says why.
        share: of a list, the share of its items that must be right.
    """

    name: str
    group: str
    args: Sequence[Any]
    gradient: bool = False
    init: Sequence[Any] | None = None
    parameters: Mapping[str, torch.Tensor] = field(default_factory=lambda: _NOTHING)
    driver: Callable[..., object] | None = None
    tolerance: tuple[float, float] | None = None
    share: float = 1.0


@dataclass(frozen=True)
class Misconception:
    """A known mistake: a small edit of the solution cell, or a body that replaces it.

    Attributes:
        id: its name in tables and in the grades.
        seen: what was seen, as a sentence to the student; never the answer.
        think: where to think.
        edits: text of the solution cell → its replacement; each must occur exactly once.
        body: the whole cell, where an edit would not be small.
    """

    id: str
    seen: str
    think: str
    edits: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    body: str = ""

    def __post_init__(self) -> None:
        if bool(self.edits) == bool(self.body):
            raise AuthoringError(f"{self.id}: give either edits or a body")

    def applied_to(self, solution: str) -> str:
        """The solution cell with the mistake in it.

        Raises:
            AuthoringError: the text of an edit does not occur exactly once.
        """
        source = solution
        for old, new in self.edits.items():
            if source.count(old) != 1:
                raise AuthoringError(
                    f"{self.id}: {old!r} occurs {source.count(old)} times in the solution cell, "
                    "not once; mend the edit"
                )
            source = source.replace(old, new)
        return self.body or source


@dataclass(frozen=True)
class Problem:
    """One graded problem: the name the student defines, and all that is known about it.

    Attributes:
        signature: as in the contract, "softmax(x, dim)"; gives the problem and arguments names.
        returns: the names of the results, for messages ("out", "weights").
        minutes: expected time of a student who has read the lecture.
        difficulty: 1 to 3.
        points: group of cases → whole points.
        cases: draws the cases, public and hidden, from a seeded source.
        oracle: an implementation or definition independent of the solution cell.
        misconceptions: every known mistake; also the mutation suite of the cases.
        forbidden: what may not be called, by bare name ("softmax" stands for torch.softmax,
            torch.nn.functional.softmax, torch.Tensor.softmax and their like in any library).
        forbidden_modules: what may not be imported and used, by dotted name ("datetime").
        stand_in: code that makes, cheaply, what other cells of the notebook leave to this answer (a
            trained model); run before it where sheets are built and cases tested, never released.
        forward: for a class: how its instances are called, "forward(query, key, value)".
        builds_on: the problems of the same notebook whose names the contract makes this one use;
            every other solution stands alone.
        hints: three, of growing openness.
        symptoms: what the student sees → what to look at.
    """

    signature: str
    returns: tuple[str, ...]
    minutes: int
    difficulty: int
    points: Mapping[str, int]
    cases: Callable[[Draw], Iterable[Case]]
    oracle: Callable[..., Any]
    misconceptions: tuple[Misconception, ...]
    hints: tuple[str, str, str]
    symptoms: Mapping[str, str]
    forbidden: tuple[str, ...] = ()
    forbidden_modules: tuple[str, ...] = ()
    stand_in: str = ""
    forward: str = ""
    builds_on: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name that the student defines."""
        return self.signature.partition("(")[0]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of what a case's `args` are: of the function, or of the module's forward."""
        return argument_names(f"def {self.forward or self.signature}: ...")

    @property
    def max_points(self) -> int:
        """The points of all groups."""
        return sum(self.points.values())
