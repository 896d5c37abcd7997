"""A claim is asserted over seeds, and must fail where its cause is taken away."""

from __future__ import annotations

from typing import Any

import pytest

from course.claims import claim

HOLDS: dict[str, Any] = {
    "figure": "gradient",
    "values": [0.9, 1.0, 1.1],
    "above": 0.5,
    "without": "without the cause",
    "broken": [0.1, 0.2, 0.3],
}


def test_a_claim_that_holds_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    claim("It holds", **HOLDS)
    shown = capsys.readouterr().out
    assert "0.9 to 1.1 (3 seeds), asserted above 0.5" in shown
    assert "without the cause: 0.1 to 0.3 (3 seeds)" in shown


def test_a_claim_says_what_its_values_are(capsys: pytest.CaptureFixture[str]) -> None:
    claim("It holds", **HOLDS, each="sizes")
    shown = capsys.readouterr().out
    assert shown.count("(3 sizes)") == 2
    assert "seeds" not in shown


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"values": [0.9, 1.0, 0.4]}, AssertionError, "not always above 0.5"),
        ({"values": [0.9, 1.0, float("nan")]}, AssertionError, "not always above 0.5"),
        ({"broken": [0.1, 0.2, 0.6]}, AssertionError, "without the cause, gradient: .* still"),
        ({"below": 1.05}, AssertionError, "not always above 0.5 and below 1.05"),
        ({"values": [0.9, 1.0]}, ValueError, "at least 3 seeds"),
        ({"broken": [0.1]}, ValueError, "at least 3 seeds"),
        ({"above": None}, ValueError, "needs a bound"),
    ],
)
def test_a_claim_that_does_not_hold_is_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        claim("It holds", **HOLDS | change)
