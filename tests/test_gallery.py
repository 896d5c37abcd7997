"""The gallery shows a card of every status."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from autograder.course_directory import find_course
from autograder.judge import Status
from tests.gallery import exhibits, page

ROOT = Path(__file__).parent.parent


def test_a_class_has_a_card_of_each_status_and_each_stated_mistake() -> None:
    shown = list(exhibits(find_course(ROOT), "a1_attention"))
    assert {one.verdict.status for one in shown} == {*get_args(Status)}
    assert len({one.kind for one in shown}) == len(shown)
    text = page(shown)
    for one in shown:
        assert f"{one.verdict.problem}: " in text
    assert text.count("<figure>") == len(shown)
    assert "<script" not in text
