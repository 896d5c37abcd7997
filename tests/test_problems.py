"""The cases of every assignment are themselves tested.

A problem's cases are good when they accept every honest answer, reject every known mistake and
call it by its name, pay nothing for an answer without thought, and name no mistake that was not
made. Inputs are public and hidden: hidden ones are drawn anew from many secrets.
"""

import functools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jupytext
import numpy as np
import pytest
import torch

from autograder import probe
from autograder.compare import difference, gradient_difference, remoteness
from autograder.data import Array, Tree
from autograder.judge import Verdict, judge
from autograder.problem import Draw, Problem
from autograder.reference import Source, build_sheet, read_source
from autograder.rules import Notebook
from autograder.sample import read_variants
from autograder.sheet import CaseSheet, ProblemSheet
from autograder.show import Card

SOLUTIONS = Path(__file__).parents[1] / "solutions"
PUBLIC = 0
DRAWS = range(21)
"""The public cases, and twenty draws of hidden ones."""
MISTAKEN = DRAWS[:6]
"""Those on which the misconceptions are run too: they take most of the time."""

MIN_MISCONCEPTIONS = 8
MIN_VARIANTS = 6
FEWER_MISCONCEPTIONS: dict[str, str] = {}
"""Problem → why it has fewer than eight distinct misconceptions."""

LONGEST_SENTENCE = 200
LONGEST_MESSAGE = 5

# Both in units of the tolerance.
LARGEST_NOISE = 0.5
NEAREST_MISCONCEPTION = 10.0


def assignments() -> list[str]:
    """The ids of all assignments."""
    paths = SOLUTIONS.glob("*_problems.py")
    return sorted(path.name.removesuffix("_problems.py") for path in paths)


@functools.cache
def source(assignment: str) -> Source:
    """An assignment as its author wrote it."""
    return read_source(SOLUTIONS, assignment)


@functools.cache
def cells(assignment: str, mark: str) -> Mapping[tuple[str, str], str]:
    """(problem, label) → text, for the cells of `<assignment>_variants.py` that carry `mark`."""
    return read_variants(SOLUTIONS / f"{assignment}_variants.py", mark)


@dataclass(frozen=True)
class Subject:
    """One problem of one assignment."""

    assignment: str
    problem: Problem

    @property
    def name(self) -> str:
        return self.problem.name

    def __str__(self) -> str:
        return f"{self.assignment}-{self.name}"

    def cells(self, mark: str) -> dict[str, str]:
        """Label → text of the honest variants, or of the misconceptions in other words."""
        found = cells(self.assignment, mark)
        return {label: text for (name, label), text in found.items() if name == self.name}

    def sheet(self, draw: int = PUBLIC) -> ProblemSheet:
        """The public cases, or hidden ones alone."""
        return _sheet(str(self), draw)

    def sheets(self) -> list[ProblemSheet]:
        """Public and hidden cases, with what misconceptions answer."""
        return [self.sheet(draw) for draw in MISTAKEN]

    def answers(self, text: str, draw: int) -> list[Tree]:
        """What a cell in the place of the solution answers."""
        return _answers(str(self), text, draw)

    def verdict(self, text: str, draw: int) -> Verdict:
        """The verdict on a cell in the place of the solution, its text included."""
        notebook = Notebook([source(self.assignment).setup, text])
        sheet = self.sheet(draw)
        return judge(sheet, self.answers(text, draw), notebook)


SUBJECTS = {
    str(subject): subject
    for assignment in assignments()
    for subject in (Subject(assignment, problem) for problem in source(assignment).problems)
}
each_problem = pytest.mark.parametrize("subject", SUBJECTS.values(), ids=str)


@functools.cache
def _sheet(subject: str, draw: int) -> ProblemSheet:
    """Hidden cases are built as if they were public: both each time would take twice as long."""
    chosen = SUBJECTS[subject]
    problem = chosen.problem
    if draw not in MISTAKEN:
        problem = replace(problem, misconceptions=())
    if draw != PUBLIC:
        problem = replace(problem, cases=lambda _: chosen.problem.cases(Draw(draw)))
    sheet = built(chosen, problem)
    cases = (replace(case, hidden=draw != PUBLIC) for case in sheet.cases)
    return replace(sheet, cases=tuple(cases))


def built(subject: Subject, problem: Problem, secret: str = "") -> ProblemSheet:
    """The sheet of `problem` in the place of the subject's."""
    alone = replace(source(subject.assignment), problems=(problem,))
    return build_sheet(alone, secret).problems[subject.name]


@functools.cache
def _answers(subject: str, text: str, draw: int) -> list[Tree]:
    chosen = SUBJECTS[subject]
    namespace = source(chosen.assignment).implementation(chosen.name, text)
    observed = probe.observe(namespace, chosen.sheet(draw).request())
    assert observed is not None, f"the cell does not define {chosen.name}"
    return list(observed)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Matrices this small only lose by a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# What is right is accepted ------------------------------------------------------------------------


@each_problem
def test_a_secret_adds_the_same_cases_with_other_numbers(subject: Subject) -> None:
    problem = replace(subject.problem, misconceptions=())
    sheet, again = (built(subject, problem, "a secret") for _ in range(2))
    half = len(sheet.cases) // 2
    public, hidden = sheet.cases[:half], sheet.cases[half:]
    assert [case.hidden for case in sheet.cases] == [False] * half + [True] * half
    assert [(c.name, c.group) for c in public] == [(c.name, c.group) for c in hidden]
    for group in problem.points:
        pairs = [pair for pair in zip(public, hidden, strict=True) if pair[0].group == group]
        assert any(is_other(ours.request, theirs.request) for ours, theirs in pairs), (
            f"the hidden cases of {group!r} are the public ones"
        )
    for ours, theirs in zip(sheet.cases, again.cases, strict=True):
        assert not is_other(ours.request, theirs.request)


def is_other(request: Tree, other: Tree) -> bool:
    """Whether two requests differ in an input, or in a parameter of a module."""
    return any(remoteness(request[part], other[part]) > 0 for part in ("args", "parameters"))


@each_problem
def test_the_solution_earns_all_points(subject: Subject) -> None:
    text = source(subject.assignment).solutions[subject.name]
    for draw in DRAWS:
        verdict = subject.verdict(text, draw)
        assert (verdict.status, verdict.points) == ("correct", subject.problem.max_points), (
            f"{draw}: {verdict.message}"
        )


@each_problem
def test_every_honest_variant_is_accepted(subject: Subject) -> None:
    variants = subject.cells("variant")
    assert len(variants) >= MIN_VARIANTS
    for draw in DRAWS:
        for label, text in variants.items():
            verdict = subject.verdict(text, draw)
            assert verdict.status == "correct", f"{label}, {draw}: {verdict.message}"


@each_problem
def test_the_oracle_agrees_with_the_solution(subject: Subject) -> None:
    for sheet in subject.sheets():
        request = {**sheet.request(), "forbidden": []}
        observed = probe.observe({subject.name: subject.problem.oracle}, request)
        for case, answer in zip(sheet.cases, observed, strict=True):
            assert answer["outcome"] == case.expected["outcome"], (case.name, answer)
            if answer["outcome"] == "raised":
                assert case.expected["type"] in answer["bases"]
                continue
            values = case.expected["value"], answer["value"]
            assert not difference(*values, sheet.returns, case.tolerance), case.name
            # An oracle that leaves torch has no gradients: those that it has are compared.
            gradients = {k: v for k, v in (answer["gradients"] or {}).items() if v is not None}
            ours = {name: case.expected["gradients"][name] for name in gradients}
            assert not gradient_difference(ours, gradients, case.tolerance), case.name


@each_problem
def test_a_solution_stands_alone_but_for_what_the_contract_names(subject: Subject) -> None:
    author = source(subject.assignment)
    notebook = Notebook([author.setup, *author.solutions.values()])
    assert notebook.uses(subject.name, author.solutions) == sorted(subject.problem.builds_on)


@each_problem
def test_a_float_of_float32_has_the_tolerance_of_float32(subject: Subject) -> None:
    """Python's float does not tell what it was computed in: processors would part at 1e-7."""
    for case in subject.sheet().cases:
        of_float32 = any(array.dtype == "float32" for array in arrays(case.request))
        if of_float32 and type(case.expected.get("value")) is float:
            assert case.tolerance is not None, case.name


def arrays(tree: Tree) -> Iterator[Array]:
    """All arrays in a tree."""
    if isinstance(tree, Array):
        yield tree
    elif isinstance(tree, dict | list | tuple):
        for item in tree.values() if isinstance(tree, dict) else tree:
            yield from arrays(item)


# What is wrong is rejected, and called by its name ------------------------------------------------


@each_problem
def test_there_are_enough_misconceptions(subject: Subject) -> None:
    enough = len(subject.problem.misconceptions) >= MIN_MISCONCEPTIONS
    assert enough != (subject.name in FEWER_MISCONCEPTIONS)


@each_problem
def test_every_misconception_loses_points_and_is_named(subject: Subject) -> None:
    for sheet in subject.sheets():
        for known in sheet.misconceptions:
            verdict = judge(sheet, sheet.answers_of(known))
            assert verdict.points < verdict.max_points, known.id
            assert verdict.misconception == known.id, Card(verdict).text()
            assert verdict.message.count("\n") < LONGEST_MESSAGE
            assert f"Seen: {known.seen}\nThink: {known.think}" in verdict.message


@each_problem
def test_a_misconception_in_other_words_is_still_named(subject: Subject) -> None:
    for label, text in subject.cells("misconception").items():
        for draw in MISTAKEN:
            verdict = subject.verdict(text, draw)
            assert verdict.misconception == label, Card(verdict).text()


@each_problem
def test_messages_are_short_sentences_without_code(subject: Subject) -> None:
    for known in subject.problem.misconceptions:
        for sentence in (known.seen, known.think):
            assert len(sentence) <= LONGEST_SENTENCE, known.id
            assert "\n" not in sentence, known.id
            assert re.search(r"[.?)]$", sentence), known.id
        for correction in known.edits:  # the right text, which the edit takes away
            assert correction.strip() not in f"{known.seen} {known.think}", known.id


@each_problem
@pytest.mark.parametrize("kind", ["noise", "factor", "transposed"])
def test_an_unknown_mistake_gets_no_name(subject: Subject, kind: str) -> None:
    random = np.random.default_rng(0)
    for sheet in subject.sheets():
        answers = [corrupted_answer(case.expected, kind, random) for case in sheet.cases]
        verdict = judge(sheet, answers)
        if kind == "noise":
            assert verdict.status != "correct"
        assert verdict.misconception is None or re.search(SAME[kind], verdict.misconception)


SAME = {
    "noise": "noise",
    "factor": "factor",
    # A vector is reversed; a causal mask is upper; a mask of keys hides queries, or stands behind;
    # of split heads, features and tokens change places.
    "transposed": "transposed|reversed|^(upper|hides_queries|axes_behind|features_before_tokens)$",
}
"""Kind of corruption → the known mistakes that are just that."""


def corrupted_answer(expected: Tree, kind: str, random: np.random.Generator) -> Tree:
    """An answer whose result, and its gradient with it, is not the expected one."""
    if expected["outcome"] == "raised":
        return expected
    gradients = expected["gradients"]
    if gradients is not None and kind != "transposed":
        gradients = {name: corrupted(tree, kind, random) for name, tree in gradients.items()}
    return expected | {"value": corrupted(expected["value"], kind, random), "gradients": gradients}


def corrupted(tree: Tree, kind: str, random: np.random.Generator) -> Tree:
    """Numbers that no known mistake gives: with noise, too large by half, or transposed."""
    if isinstance(tree, tuple | list):
        return type(tree)(corrupted(item, kind, random) for item in tree)
    if isinstance(tree, bool):
        return tree ^ bool(kind == "noise" and random.random() < 0.5)
    if isinstance(tree, str) and kind == "noise":
        place = random.integers(len(tree) + 1)
        return f"{tree[:place]}~{tree[place:]}"
    if isinstance(tree, str) or tree is None:
        return tree
    if isinstance(tree, int | float):
        factor = {"noise": random.uniform(1.6, 1.9), "factor": 1.5}.get(kind, 1)
        return type(tree)(tree * factor + (factor > 1))
    if not isinstance(tree, Array):
        return tree
    values = tree.values
    if kind == "transposed":
        if values.ndim:
            values = values.swapaxes(-1, -2) if values.ndim > 1 else values[::-1]
    elif values.dtype == bool:
        values = values ^ (random.random(values.shape) < 0.5)
    elif kind == "factor":
        values = values * 1.5
    else:
        values = values + random.uniform(0.1, 0.5, values.shape) * (1 + np.abs(values))
    return replace(tree, values=np.ascontiguousarray(values, dtype=tree.values.dtype))


# What took no thought earns nothing ---------------------------------------------------------------


def _raise(error: Exception) -> Any:
    raise error


THOUGHTLESS: dict[str, Callable[[tuple[Any, ...]], Any]] = {
    "None": lambda args: None,
    "an empty tensor": lambda args: torch.empty(0),
    "ValueError": lambda args: _raise(ValueError("wrong")),
    "NotImplementedError": lambda args: _raise(NotImplementedError()),
    **{
        f"argument {number}": lambda args, number=number: args[min(number, len(args) - 1)]
        for number in range(4)
    },
}

ITS_ANSWER = {"crossover_length": [f"argument {number}" for number in range(4)]}
"""Problem → what took no thought and is right all the same: both costs are equal at n = d."""


@each_problem
@pytest.mark.parametrize("kind", THOUGHTLESS)
def test_an_answer_without_thought_earns_nothing(subject: Subject, kind: str) -> None:
    if kind in ITS_ANSWER.get(subject.name, ()):
        return
    is_module = any(case.request["init"] is not None for case in subject.sheet().cases)
    answer = (_module if is_module else _function)(THOUGHTLESS[kind])
    for sheet in subject.sheets():
        observed = probe.observe({subject.name: answer}, sheet.request())
        assert judge(sheet, observed).points == 0


def _function(result: Callable[[tuple[Any, ...]], Any]) -> Callable[..., Any]:
    return lambda *args: result(args)


def _module(result: Callable[[tuple[Any, ...]], Any]) -> type[torch.nn.Module]:
    class Thoughtless(torch.nn.Module):
        def __init__(self, *_: Any) -> None:
            super().__init__()

        def forward(self, *args: Any) -> Any:
            return result(args)

    return Thoughtless


CONSTANTS: dict[str, Callable[[tuple[int, ...]], float]] = {
    "0": lambda shape: 0.0,
    "1": lambda shape: 1.0,
    "-1": lambda shape: -1.0,
    "0.5": lambda shape: 0.5,
    "1 / all": lambda shape: 1 / max(1, math.prod(shape)),
    "1 / last": lambda shape: 1 / max(1, *shape[-1:]) if shape else 1.0,
    "1 / first": lambda shape: 1 / max(1, *shape[:1]) if shape else 1.0,
    "1 / last but one": lambda shape: 1 / max(1, *shape[-2:-1]) if len(shape) > 1 else 1.0,
    "nan": lambda shape: math.nan,
}


@each_problem
@pytest.mark.parametrize("kind", CONSTANTS)
def test_a_constant_of_the_right_shape_earns_nothing(subject: Subject, kind: str) -> None:
    for sheet in subject.sheets():
        answers = [
            {
                "outcome": "returned",
                "value": constant(case.expected.get("value"), CONSTANTS[kind]),
                "gradients": dict.fromkeys(case.expected.get("gradients") or ()) or None,
                "changed": [],
                "called": [],
            }
            for case in sheet.cases
        ]
        assert judge(sheet, answers).points == 0


def constant(tree: Tree, number: Callable[[tuple[int, ...]], float]) -> Tree:
    """The same number in every place of an answer, in the type of that place."""
    if isinstance(tree, tuple | list):
        return type(tree)(constant(item, number) for item in tree)
    if isinstance(tree, Array):
        with np.errstate(invalid="ignore"):
            values = np.full(tree.shape, number(tree.shape)).astype(tree.values.dtype)
        return replace(tree, values=values)
    value = number(())
    if isinstance(tree, bool | int) and not math.isnan(value):
        return type(tree)(value)
    return value


# The notebook tells what the cases do -------------------------------------------------------------


@each_problem
def test_the_numbers_of_the_worked_example_are_in_the_notebook(subject: Subject) -> None:
    text = "\n".join(prose(subject.assignment, subject.name)).replace("−", "-")
    told = {float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)}
    for case in subject.sheet().cases:
        if case.name == "the worked example":
            for number in numbers(case.expected["value"]):
                assert any(abs(number - other) <= 0.000501 for other in told), number


@each_problem
def test_the_notebook_announces_minutes_difficulty_and_points(subject: Subject) -> None:
    problem = subject.problem
    announced = (
        f"*{problem.minutes} minutes · difficulty {problem.difficulty} of 3 "
        f"· {problem.max_points} points*"
    )
    assert announced in "\n".join(prose(subject.assignment, subject.name))


def prose(assignment: str, problem: str) -> list[str]:
    """What the notebook says between the answer before and the answer to `problem`."""
    said: list[str] = []
    for cell in jupytext.read(SOLUTIONS / f"{assignment}.py", fmt="py:percent").cells:
        if cell.metadata.get("role") == "answer":
            if cell.metadata["problem"] == problem:
                return said
            said = []
        elif cell.cell_type == "markdown":
            said.append(cell.source)
    raise AssertionError(f"{assignment} has no answer cell of {problem}")


def numbers(tree: Tree) -> Iterator[float]:
    """All numbers of an answer."""
    if isinstance(tree, tuple | list):
        for item in tree:
            yield from numbers(item)
    elif isinstance(tree, Array):
        yield from map(float, tree.values.flat)
    elif isinstance(tree, int | float):
        yield float(tree)


# How far apart right and wrong are ----------------------------------------------------------------


@each_problem
def test_the_tolerance_lies_between_noise_and_mistakes(
    subject: Subject, record_property: Callable[[str, object], None]
) -> None:
    """Writes the row of the table that pytest prints at the end."""
    variants, sheets = subject.cells("variant"), subject.sheets()
    accepted, noise = 0, 0.0
    for text in variants.values():
        distances = [distance(subject.sheet(draw), subject.answers(text, draw)) for draw in DRAWS]
        accepted += max(distances) <= 1
        noise = max(noise, *distances)
    known: dict[str, list[tuple[float, str | None]]] = {}
    for sheet in sheets:
        for each in sheet.misconceptions:
            answers = sheet.answers_of(each)
            named = judge(sheet, answers).misconception
            known.setdefault(each.id, []).append((distance(sheet, answers), named))
    remote = {label: min(far for far, _ in seen) for label, seen in known.items()}
    nearest = min(remote, key=remote.__getitem__)
    killed = sum(far > 1 for far in remote.values())
    rightly_named = sum({name for _, name in seen} == {label} for label, seen in known.items())
    row = (
        subject.name,
        str(len(sheets[0].cases)),
        f"{accepted}/{len(variants)}",
        f"{killed}/{len(known)}",
        f"{rightly_named}/{len(known)}",
        f"{noise:.2g}",
        f"{remote[nearest]:.2g} ({nearest})",
    )
    record_property("proof", row)
    assert noise <= LARGEST_NOISE
    assert remote[nearest] >= NEAREST_MISCONCEPTION


def distance(sheet: ProblemSheet, answers: Sequence[Tree]) -> float:
    """How far answers lie from the expected ones, in units of the tolerance: the farthest case."""
    return max(map(_case_distance, sheet.cases, answers))


def _case_distance(case: CaseSheet, answer: Tree) -> float:
    expected = case.expected
    if answer["outcome"] == expected["outcome"] == "raised":
        return 0.0 if expected["type"] in answer["bases"] else math.inf
    if answer["outcome"] != expected["outcome"] or answer["changed"] != expected["changed"]:
        return math.inf
    return max(
        remoteness(expected[part], answer[part], case.tolerance) for part in ("value", "gradients")
    )


@pytest.mark.parametrize(
    "code",
    [
        "import scipy.special, torch\nf = getattr(scipy.special, 'soft' + 'max')\n"
        "def softmax(x, dim):\n    return torch.from_numpy(f(x.detach().numpy(), axis=dim))\n",
        "import importlib, torch\n"
        "def softmax(x, dim):\n    special = importlib.import_module('scipy.special')\n"
        "    f = getattr(special, 'soft' + 'max')\n"
        "    return torch.from_numpy(f(x.detach().numpy(), axis=dim))\n",
    ],
    ids=["beforehand", "in the answer"],
)
def test_scipy_is_seen_behind_any_name(code: str) -> None:
    assert SUBJECTS["a1_attention-softmax"].verdict(code, PUBLIC).status == "refused"
