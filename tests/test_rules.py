"""What the text of a notebook says of a problem, whatever names it gives to things."""

from __future__ import annotations

import pytest

from autograder.rules import Notebook

BANNED = ("softmax", "log_softmax")


@pytest.mark.parametrize(
    "cells",
    [
        ["import torch", "def f(x):\n    return torch.softmax(x, 0)"],
        ["import torch as t", "def f(x):\n    return t.nn.functional.softmax(x, 0)"],
        ["import torch.nn.functional as F", "def f(x):\n    return F.log_softmax(x, 0).exp()"],
        ["from torch.nn import functional", "def f(x):\n    return functional.softmax(x, 0)"],
        ["from torch import softmax as helper", "def f(x):\n    return helper(x, 0)"],
        ["import scipy.special", "def f(x):\n    return scipy.special.softmax(x, 0)"],
        ["from scipy import special as s", "def f(x):\n    g = s.softmax\n    return g(x, 0)"],
        ["import torch", "def g(x):\n    return torch.softmax(x, 0)", "def f(x):\n    return g(x)"],
        ["import torch", "f = torch.softmax"],
        ["import torch", "f = lambda x: torch.softmax(x, 0)"],
        ["import torch", "class f:\n    def go(self, x):\n        return torch.softmax(x, 0)"],
        ["from torch import softmax as f"],
        ["%matplotlib inline\nimport torch", "def f(x):\n    return torch.softmax(x, 0)"],
    ],
)
def test_forbidden_calls_are_found(cells: list[str]) -> None:
    assert Notebook(cells).breaches("f", BANNED)


@pytest.mark.parametrize(
    "cells",
    [
        ["def f(x):\n    # no torch.softmax(x) here\n    return 'torch.softmax'"],
        [
            "import torch",
            "def other(x):\n    return torch.softmax(x, 0)",
            "def f(x):\n    return x",
        ],
        ["import torch", "def f(x):\n    return x", "print(torch.softmax(f(x), 0))"],
        ["def softmax(x, dim):\n    return x", "def f(x):\n    return softmax(x, 0)"],
        ["from torch import softmax", "def softmax(x): return x", "def f(x): return softmax(x)"],
        ["import torch", "def f(x):\n    softmax = x.exp()\n    return softmax"],
        ["import torch", "def f(x):\n    return torch.softmax(x, 0)", "def f(x):\n    return x"],
        ["def f(x:\n", "def f(x):\n    return x"],
        ["import torch", "def f(x):\n    out = x\n    return out", "out = torch.softmax(f(x), 0)"],
        ["import torch", "e = torch.softmax(y, 0)", "def f(e):\n    return e"],
    ],
)
def test_mentions_and_other_code_are_not(cells: list[str]) -> None:
    assert not Notebook(cells).breaches("f", BANNED)


def test_endless_chains_of_attributes_are_read() -> None:
    chain = "def f(x):\n    return torch" + ".softmax" * 900
    assert Notebook(["import torch", chain]).breaches("f", BANNED)


def test_calls_of_other_problems_are_found_through_helpers() -> None:
    notebook = Notebook(
        ["def a(x): return x", "def helper(x): return a(x)", "def b(x): return helper(x)"]
    )
    assert notebook.uses("b", ["a", "b", "c"]) == ["a"]
    assert notebook.uses("a", ["a", "b", "c"]) == []
    local = Notebook(["def a(x): return x", "def b(x):\n    a = x\n    return a"])
    assert local.uses("b", ["a", "b"]) == []


@pytest.mark.parametrize(
    "cells",
    [
        ["import datetime", "def f(x):\n    return datetime.date(*x)"],
        ["from datetime import datetime as d", "def f(x):\n    return d.strptime(x, '%B')"],
        ["import dateutil.parser as p", "def f(x):\n    return p.parse(x)"],
        ["def f(x):\n    import re\n    return re.findall(x, x)"],
    ],
)
def test_forbidden_modules_are_found(cells: list[str]) -> None:
    assert Notebook(cells).breaches("f", (), ("datetime", "dateutil", "re"))
    assert not Notebook(cells).breaches("f", (), ("date", "ret", "torch"))
