"""The gallery shows a card of every status and of every mistake that a class states."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from autograder.course_directory import find_course
from autograder.judge import Status
from autograder.sample import read_class
from tests.gallery import exhibits, page

ROOT = Path(__file__).parent.parent


def test_a_class_has_a_card_of_each_status_and_each_stated_mistake() -> None:
    course = find_course(ROOT)
    shown = list(exhibits(course, "a1_attention"))
    assert {one.verdict.status for one in shown} == {*get_args(Status)}
    _, submissions = read_class(course, "a1_attention")
    stated = {grade.misconception for one in submissions for grade in one.grades.values()} - {None}
    assert stated <= {one.verdict.misconception for one in shown}
    assert len({one.kind for one in shown}) == len(shown)
    text = page(shown)
    for one in shown:
        assert f"{one.verdict.problem}: " in text
    assert text.count("<figure>") == len(shown)
    assert "<script" not in text
