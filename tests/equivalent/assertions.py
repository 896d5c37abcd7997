"""The tests of a stock assignment: what an instructor asserts where there is no autograder.

Lies beside the notebook of `tests.equivalent.course`, with the cases in `cases.pt`; it runs in the
student's kernel, as all tests of stock nbgrader do, and knows torch alone.
"""

from __future__ import annotations  # in the text of drivers, too

import copy
from pathlib import Path

import torch

CASES = Path(__file__).with_name("cases.pt")
TOLERANCE = {torch.float64: (1e-7, 1e-6), torch.float32: (2e-5, 1e-4)}


def check_group(answer, problem, group):
    """Assert that the student's function does what is expected in all cases of a group.

    answer: the function. Raises AssertionError, or what the function itself raises.
    """
    for case in torch.load(CASES, weights_only=True)[problem]:
        if case["group"] == group:
            check_case(answer, case)


def check_case(answer, case):
    """Assert one case: its error, or its value, its gradients and its unchanged arguments."""
    arguments = copy.deepcopy(case["args"])
    if case["gradient"]:
        leaves = [x.requires_grad_() for x in arguments if torch.is_tensor(x)]
        arguments = [x.clone() if torch.is_tensor(x) else x for x in arguments]
    if case["driver"]:
        scope = {"torch": torch}
        exec(case["driver"], scope)
        function, driver = answer, scope[case["driver_name"]]
        answer = lambda *args: driver(function, *args)  # noqa: E731
    result = answer(*arguments)
    assert_same(result, case["value"], case["tolerance"])
    if case["gradient"]:
        found = torch.autograd.grad(weighted(result), leaves, allow_unused=True)
        assert_same(list(found), case["gradients"], case["tolerance"])
    assert_same(arguments, case["args"], (0, 0))


def assert_same(found, expected, tolerance):
    """Assert that two results, nested in tuples and lists, are the same within the tolerance."""
    if isinstance(expected, tuple | list):
        assert isinstance(found, tuple | list)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other, tolerance)
    elif torch.is_tensor(expected):
        absolute, relative = tolerance or TOLERANCE.get(expected.dtype, (0, 0))
        torch.testing.assert_close(
            found, expected, atol=absolute, rtol=relative, equal_nan=True, check_stride=False
        )
    else:
        assert type(found) is type(expected)
        assert found == expected


def weighted(result):
    """The scalar that is differentiated: Σ cos(i + 1) · result_i over all results."""
    results = result if isinstance(result, tuple | list) else (result,)
    weights = [torch.cos(torch.arange(1, item.numel() + 1, dtype=item.dtype)) for item in results]
    return sum((item.reshape(-1) * w).sum() for item, w in zip(results, weights, strict=True))
