"""Every kind of problem, and every way to be wrong, on a small assignment made here."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from autograder import data, probe
from autograder.judge import Verdict, blame_dependencies, judge, unanswered
from autograder.problem import AuthoringError, Case, Draw, Given, Misconception, Problem
from autograder.reference import Source, build_sheet
from autograder.rules import Notebook
from autograder.sentences import misconception
from autograder.sheet import MisconceptionSheet, Sheet

SETUP = "import torch\nfrom torch import nn"

HALVES = '''
def halves(x):
    """The mean of the first and of the second half of the last dimension."""
    if x.shape[-1] % 2:
        raise ValueError("odd length")
    first, second = x.chunk(2, dim=-1)
    return first.mean(-1), second.mean(-1)
'''
SCALE = """
class Scale(nn.Module):
    def __init__(self, d_in, d_out):
        super().__init__()
        self.linear = nn.Linear(d_in, d_out)

    def forward(self, x):
        return 2 * self.linear(x)
"""
SCALE_OF = """
def scale_of(weight):
    module = Scale(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        module.linear.weight.copy_(weight)
        module.linear.bias.zero_()
    return module
"""
SLOPE = '''
def slope(function, at):
    """The derivative of a function at a point."""
    point = torch.tensor(at, requires_grad=True)
    return torch.autograd.grad(function(point), point)[0].item()
'''


def halves_cases(draw: Draw) -> Iterator[Case]:
    n, b = draw.sizes(2, low=2, high=5)
    yield Case("a vector", "values", (draw.normal(2 * n),))
    yield Case("a batch", "values", (draw.normal(b, 2 * n),), gradient=True)
    yield Case("an odd length", "error", (draw.normal(2 * n + 1),))
    yield Case("beside it, an even one", "error", (draw.normal(2 * n + 2),))


def scale_cases(draw: Draw) -> Iterator[Case]:
    d_in, d_out, n = draw.sizes(3)
    parameters = {"linear.weight": draw.normal(d_out, d_in), "linear.bias": draw.normal(d_out)}
    yield Case(
        "given parameters",
        "values",
        (draw.normal(n, d_in),),
        init=(d_in, d_out),
        parameters=parameters,
        gradient=True,
    )


def call_what_it_builds(
    scale_of: Callable[[torch.Tensor], torch.nn.Module], weight: torch.Tensor, x: torch.Tensor
) -> torch.Tensor:
    """A driver: what `scale_of` returns is no data, so it is put to use."""
    return scale_of(weight)(x)


def scale_of_cases(draw: Draw) -> Iterator[Case]:
    d_in, d_out, n = draw.sizes(3)
    arguments = (draw.normal(d_out, d_in), draw.normal(n, d_in))
    yield Case("called", "values", arguments, driver=call_what_it_builds)


def make_parabola(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda x: factor * x**2


def slope_cases(draw: Draw) -> Iterator[Case]:
    for name in ("a parabola", "another"):
        given = Given(make_parabola, {"factor": float(draw.integer(2, 9))})
        yield Case(name, "values", (given, float(draw.integer(2, 9))))


def problem(signature: str, returns: tuple[str, ...], points: dict[str, int], **kw: Any) -> Problem:
    return Problem(
        signature=signature,
        returns=returns,
        minutes=1,
        difficulty=1,
        points=points,
        oracle=print,
        hints=("", "", ""),
        symptoms={},
        **kw,
    )


SOURCE = Source(
    "toy",
    (
        problem(
            "halves(x)",
            ("first", "second"),
            {"values": 2, "error": 1},
            cases=halves_cases,
            forbidden=("split",),
            misconceptions=(
                Misconception(
                    "swapped",
                    seen="the two means have changed places.",
                    think="which half comes first?",
                    edits={"first.mean(-1), second.mean(-1)": "second.mean(-1), first.mean(-1)"},
                ),
            ),
        ),
        problem(
            "Scale(d_in, d_out)",
            ("result",),
            {"values": 3},
            cases=scale_cases,
            misconceptions=(),
            forward="forward(x)",
        ),
        problem(
            "slope(function, at)", ("slope",), {"values": 1}, cases=slope_cases, misconceptions=()
        ),
        problem(
            "scale_of(weight)",
            ("result",),
            {"values": 1},
            cases=scale_of_cases,
            misconceptions=(),
            builds_on=("Scale",),
        ),
    ),
    SETUP,
    {"halves": HALVES, "Scale": SCALE, "slope": SLOPE, "scale_of": SCALE_OF},
)
SHEET = build_sheet(SOURCE, "secret")


def verdict(name: str, code: str) -> Verdict:
    """Judge `code` as a student's notebook of one cell would be."""
    namespace: dict[str, Any] = {}
    exec(f"{SETUP}\n{code}", namespace)
    sheet = SHEET.problems[name]
    answers = data.loads(probe.answer(namespace, data.dumps(sheet.request())))
    return judge(sheet, answers, Notebook([SETUP, code]))


@pytest.mark.parametrize(("name", "code"), [("halves", HALVES), ("Scale", SCALE), ("slope", SLOPE)])
def test_the_solution_of_each_kind_of_problem_is_correct(name: str, code: str) -> None:
    found = verdict(name, code)
    assert (found.status, found.points) == ("correct", found.max_points), found.message


RETURN = "first, second = x.chunk(2, -1)\n    a, b = first.mean(-1), second.mean(-1)\n    "
GUARD = "if x.shape[-1] % 2: raise ValueError('odd')\n    "


@pytest.mark.parametrize(
    ("body", "points", "status", "words"),
    [
        ("return None", 0, "wrong", "should be a tuple of 2; it is None"),
        ("return x", 0, "wrong", "should be a tuple of 2; it is a tensor of shape"),
        ("raise ValueError('no')", 0, "error", "ValueError: no"),
        (RETURN + "return a", 0, "wrong", "should be a tuple of 2; it is a tensor"),
        (RETURN + "return a, b, b", 0, "wrong", "Expected 2 results (first, second); found 3"),
        (
            RETURN + "return a, b",
            2,
            "wrong",
            "Your code returns a tuple of 2; expected that it raises a ValueError.",
        ),
        (
            GUARD.replace("raise", "return") + RETURN + "return a, b",
            2,
            "wrong",
            "Your code hands a ValueError back; it should raise it.",
        ),
        (  # a second mistake beside the known one leaves the other group wrong, too
            RETURN + "return b, a",
            0,
            "wrong",
            "which half comes first?",
        ),
        (GUARD + RETURN + "return a.double(), b", 0, "wrong", "dtype float64; expected float32"),
        (GUARD + RETURN + "return a[None], b", 0, "wrong", "`first` has shape (1,); expected ()"),
        (GUARD + RETURN + "return a, b + 0.5", 0, "wrong", "`second` differs in 1 of 1"),
        (GUARD + RETURN + "return a, b / 0 * 0", 0, "wrong", "`second` holds NaN"),
        (GUARD + RETURN + "return a.detach(), b.detach()", 1, "wrong", "cannot be differentiated"),
        (GUARD + RETURN + "x.mul_(1.5)\n    return a, b", 0, "wrong", "`x` was changed"),
        (GUARD + RETURN + "return a.numpy(), b", 0, "wrong", "a number of numpy (float32)"),
        (GUARD + RETURN + "return [a, b]", 3, "correct", "cases pass"),
        ("x.split(1)\n    " + GUARD + RETURN + "return a, b", 0, "refused", "`split` was called"),
        (GUARD + RETURN + "return b, a", 0, "wrong", "which half comes first?"),
    ],
)
def test_each_mistake_gets_its_own_sentence(
    body: str, points: int, status: str, words: str
) -> None:
    found = verdict("halves", f"def halves(x):\n    {body}\n")
    assert words in found.message
    assert (found.points, found.status) == (points, status)


def test_a_changed_argument_is_named() -> None:
    code = SLOPE.replace("    point", "    at.append(1)\n    point")  # a list argument, say
    assert verdict("slope", code).status == "error"
    changed = f"def halves(x):\n    {GUARD}{RETURN}x.data.mul_(2)\n    return a, b\n"
    assert "`x` was changed" in verdict("halves", changed).message


def test_a_known_mistake_is_named_and_an_unknown_one_is_not() -> None:
    swapped = f"def halves(x):\n    {GUARD}{RETURN}return b, a\n"
    assert verdict("halves", swapped).misconception == "swapped"
    unknown = f"def halves(x):\n    {GUARD}{RETURN}return b + 0.1, a\n"
    assert verdict("halves", unknown).misconception is None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            SCALE.replace("self.linear", "self.layer"),
            "lacks the parameters linear.weight, linear.bias: it has layer.weight, layer.bias.",
        ),
        (SCALE.replace("nn.Linear(d_in, d_out)", "nn.Linear(d_out, d_in)"), "expected"),
        (SCALE.replace("2 *", "3 *"), "`result` differs"),
        (
            SCALE.replace("2 * self.linear(x)", "2 * self.linear(x).detach()"),
            "differentiated in `x`",
        ),
        (
            SCALE.replace(
                "        self.linear", "        self.more = nn.Linear(1, 1)\n        self.linear"
            ),
            "The module has the parameters more.bias, more.weight, which are not asked for.",
        ),
        ("def Scale(a, b):\n    return 3\n", "makes no nn.Module: its type is int"),
    ],
)
def test_modules_are_built_loaded_called_and_differentiated(code: str, words: str) -> None:
    found = verdict("Scale", code)
    assert words in found.message
    assert found.points == 0


def test_an_error_is_laid_to_the_students_code_only_where_a_line_of_theirs_raised_it() -> None:
    assert (
        "your code raises an error:\n  line"
        in verdict("halves", "halves = lambda x: 1 / 0").message
    )
    message = verdict("halves", "def halves():\n    return 0").message
    assert "an error is raised where your code is used:\nTypeError: halves() takes 0" in message


def test_a_long_text_of_an_error_loses_its_end() -> None:
    """It begins with what is wrong."""
    more = "".join(f"self.more_{i} = nn.Linear(1, 1); " for i in range(40))
    renamed = SCALE.replace("        self.linear", f"        {more}self.layer", 1)
    message = verdict("Scale", renamed.replace("self.linear", "self.layer")).message
    assert "\nThe module lacks the parameters linear.weight, linear.bias: it has more_0" in message
    assert message.endswith("…")
    problem = SHEET.problems["Scale"]
    answer = {"outcome": "raised", "type": "OtherParametersError", "text": "a" + "b" * 999}
    known = MisconceptionSheet("names", "seen.", "think.", ())
    said = misconception(problem.cases[0], answer, known, Notebook([])).split("\n")[1]
    assert (said[:2], said[-1], len(said)) == ("ab", "…", 300)


def test_buffers_of_a_module_are_the_students_own_affair() -> None:
    buffered = SCALE.replace(
        "        self.linear",
        "        self.register_buffer('two', torch.tensor(2.0))\n        self.linear",
    ).replace("2 *", "self.two *")
    assert verdict("Scale", buffered).status == "correct"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("return 2.5", "`slope` is not as expected.\nFound 2.5\nexpected "),
        ("return 3", "`slope` should be a float; it is an int."),
        ("return torch.tensor(3.0).numpy()[()]", "it is a number of numpy (float32)."),
        ("return 'x'", "`slope` should be a float; it is a str."),
        (SLOPE.split('"""\n')[1].replace(".item()", ".item() + 1e-4"), "expected "),
    ],
)
def test_single_numbers_are_shown_beside_what_was_expected(code: str, words: str) -> None:
    message = verdict("slope", "def slope(function, at):\n    " + code.strip() + "\n").message
    assert words in message
    if "Found" in message:  # with as many digits as tell the two apart
        found, expected = message.split("Found ")[1].split("\nexpected ")
        assert found != expected


def test_a_deep_recursion_is_told_in_a_few_lines() -> None:
    message = verdict("slope", "def slope(f, at):\n    return slope(f, at)\n").message
    assert "RecursionError" in message
    assert message.count("\n") < 9


def test_a_function_that_takes_a_function_must_use_it() -> None:
    assert verdict("slope", "def slope(function, at):\n    return 12.0\n").points == 0
    tensor = SLOPE.replace(".item()", "")
    assert "should be a float; it is a tensor" in verdict("slope", tensor).message


def test_errors_are_the_students_own_traceback() -> None:
    found = verdict(
        "halves", "def helper(x):\n    return x.nope\n\ndef halves(x):\n    return helper(x)\n"
    )
    assert "AttributeError" in found.message
    assert "autograder" not in found.message
    assert "in helper" in found.message or "of helper" in found.message


@pytest.mark.parametrize(
    "leak",
    [
        "raise RuntimeError(f'secret {x.tolist()}')",
        "raise type(f'secret{x.tolist()}', (RuntimeError,), {})()",
        "exec(compile(f'raise RuntimeError() # secret {x.tolist()}', 'x', 'exec'))",
        "return type(f'secret{x.tolist()}', (), {})()",
        "return {f'secret{x.tolist()}': 1}",
        "return torch.empty(0, *[int(abs(t) * 1e4) for t in x.flatten()]), x",
        "return [0] * int(100 + abs(x.flatten()[0]) * 1e3)",
    ],
)
def test_hidden_cases_tell_an_exceptions_type_and_line_only(leak: str) -> None:
    sheet = SHEET.problems["halves"]
    public = {float(c.request["args"][0].values.flat[0]) for c in sheet.cases if not c.hidden}
    code = (
        "def halves(x):\n"
        f"    if x.flatten()[0].item() not in {public!r}:\n"
        f"        {leak}\n"
        f"    {GUARD}{RETURN}return a, b\n"
    )
    found = verdict("halves", code)
    assert found.status in ("error", "wrong")
    assert found.points == 0
    hidden = [case for case in sheet.cases if case.hidden]
    texts = [str(value)[:6] for case in hidden for value in case.request["args"][0].values.flat]
    said = found.message.replace(leak, "")
    digits = [text.strip("-").replace(".", "").lstrip("0")[:3] for text in texts]
    assert not any(text in said for text in texts), said
    assert not any(text in said for text in digits if len(text) == 3), said
    if "raise" in leak:
        assert "RuntimeError" in found.message


def test_forbidden_calls_are_seen_behind_aliases_and_getattr_but_not_in_comments() -> None:
    alias = f"s = torch.split\ndef halves(x):\n    s(x, 1)\n    {GUARD}{RETURN}return a, b\n"
    dynamic = alias.replace("torch.split", "getattr(torch, 'spl' + 'it')")
    inner = (
        alias.replace("torch.split(x", "torch.ops.aten.split(x")
        .replace("s = torch.split", "s = torch.ops.aten.split_with_sizes")
        .replace("s(x, 1)", "s(x, list(x.shape[-1:]), -1)")
    )
    mention = f"def halves(x):\n    'no split'  # split(x)\n    {GUARD}{RETURN}return a, b\n"
    assert [verdict("halves", code).status for code in (alias, dynamic, inner, mention)] == [
        "refused",
        "refused",
        "refused",
        "correct",
    ]


def test_a_problem_that_calls_a_broken_one_says_which_to_mend() -> None:
    sheet = SHEET.problems["halves"]
    wrong = unanswered(sheet, "wrong", "x")
    other = unanswered(SHEET.problems["slope"], "wrong", "y")
    blamed = blame_dependencies({"halves": wrong, "slope": other}, {"slope": ["halves"]})
    assert "mend `halves` first" in blamed["slope"].message
    assert blamed["halves"].message == "x"


@pytest.mark.parametrize(
    "answers",
    [
        [],
        {},
        "correct",
        [None] * 8,
        [{"outcome": "returned", "called": []}] * 8,
        [{"outcome": "raised", "called": [], "type": 3}] * 8,
    ],
)
def test_answers_that_are_no_answers_are_a_crash(answers: Any) -> None:
    assert judge(SHEET.problems["halves"], answers).status == "crashed"


def test_sheets_that_do_not_do_their_work_are_refused() -> None:
    def with_(**changes: Any) -> Source:
        known = SOURCE.problems[0]
        fields = {key: getattr(known, key) for key in known.__dataclass_fields__} | changes
        return Source("toy", (Problem(**fields),), SETUP, {"halves": HALVES})

    twice = Misconception("twice", seen="", think="", edits={"first": "second"})
    nothing = Misconception("nothing", seen="", think="", edits={"odd length": "odd"})
    twin = Misconception(
        "twin", seen="", think="", edits=SOURCE.problems[0].misconceptions[0].edits
    )
    for changes, words in [
        ({"misconceptions": (twice,)}, "times in the solution cell"),
        ({"misconceptions": (nothing,)}, "no case tells nothing from the solution"),
        ({"misconceptions": (*SOURCE.problems[0].misconceptions, twin)}, "make them one"),
        ({"points": {"values": 1}}, "points for"),
    ]:
        with pytest.raises(AuthoringError, match=words):
            build_sheet(with_(**changes))


def test_a_driver_uses_what_the_answer_builds_on_another() -> None:
    assert verdict("scale_of", SCALE + SCALE_OF).status == "correct"
    transposed = SCALE_OF.replace("copy_(weight)", "copy_(-weight)")
    wrong = verdict("scale_of", SCALE + transposed)
    assert wrong.status == "wrong"
    assert "with weight (" in wrong.message
    assert ", x (" in wrong.message


def test_an_answer_that_the_driver_cannot_use_is_no_frame_of_the_student() -> None:
    wrong = verdict("scale_of", "def scale_of(weight):\n    return None\n")
    assert wrong.status == "error"
    assert "'NoneType' object is not callable" in wrong.message
    assert "line" not in wrong.message


NAMES = "def names(numbers):\n    return [TABLE[n] for n in numbers]\n"


def test_an_answer_that_draws_at_random_draws_the_same_in_every_check() -> None:
    drawn: list[list[float]] = []

    def halves(x: torch.Tensor) -> torch.Tensor:
        drawn.append([random.random(), np.random.rand(), torch.rand(()).item()])
        return x

    request = data.dumps(SHEET.problems["halves"].request())
    before = random.getstate(), np.random.get_state()[2], torch.get_rng_state()
    for _ in range(2):
        probe.answer({"halves": halves}, request)
    assert len(drawn) > 2
    assert all(numbers == drawn[0] for numbers in drawn)
    assert (random.getstate(), np.random.get_state()[2]) == before[:2]  # a kernel's own go on
    assert torch.equal(torch.get_rng_state(), before[2])


def names_cases(draw: Draw) -> Iterator[Case]:
    yield Case("all of them", "all", ([0, 1, 2, 3],), share=0.7)


def test_a_share_of_a_list_is_enough_and_what_other_cells_leave_is_stood_in_for() -> None:
    stand_in = "TABLE = ['zero', 'one', 'two', 'three']"
    known = Misconception("empty", seen="", think="", edits={"TABLE[n]": "TABLE[n][:0]"})
    options = {"cases": names_cases, "stand_in": stand_in, "misconceptions": (known,)}
    found = problem("names(numbers)", ("",), {"all": 1}, **options)
    sheet = build_sheet(Source("toy", (found,), "", {"names": NAMES})).problems["names"]

    def judged(*wrong: int) -> Verdict:
        table = [name * (n not in wrong) for n, name in enumerate(["zero", "one", "two", "three"])]
        answers = probe.answer({"names": lambda x: [table[n] for n in x]}, data.dumps(request))
        return judge(sheet, data.loads(answers))

    request = sheet.request()
    assert judged().status == judged(2).status == "correct"
    assert judged(2, 3).status == "wrong"
    assert "2 of 4 are right; expected at least 3. The first that is not:" in judged(2, 3).message
    assert "'two'" in judged(2, 3).message


def test_a_list_that_is_too_long_is_not_told_as_too_many_results() -> None:
    found = problem("ids(n)", ("ids",), {"all": 1}, cases=ids_cases, misconceptions=())
    code = "def ids(n):\n    return list(range(n))\n"
    sheet = build_sheet(Source("toy", (found,), "", {"ids": code})).problems["ids"]
    answers = probe.answer({"ids": lambda n: list(range(n + 1))}, data.dumps(sheet.request()))
    message = judge(sheet, data.loads(answers)).message
    assert "`ids` has length 4; expected 3." in message


def ids_cases(draw: Draw) -> Iterator[Case]:
    yield Case("three of them", "all", (3,))


def test_a_dict_keeps_its_order_in_a_sheet(tmp_path: Path) -> None:
    found = problem("grid()", ("grid",), {"all": 1}, cases=grid_cases, misconceptions=())
    code = "def grid():\n    return {'rate': 0.1, 'batch': 2}\n"
    build_sheet(Source("toy", (found,), "", {"grid": code})).save(tmp_path)
    [case] = Sheet.load(tmp_path / "toy.sheet.json").problems["grid"].cases
    assert list(case.expected["value"]) == ["rate", "batch"]


def grid_cases(draw: Draw) -> Iterator[Case]:
    yield Case("the only one", "all", ())
