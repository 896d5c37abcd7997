"""The dates that are learnt: pairs, their alignment, and days that are kept for tests."""

from __future__ import annotations

import json
import random
from datetime import date

import pytest
from babel.dates import format_date

from course import date_task
from course.dates import LENGTHS, LOCALES, drawn, is_a_date, joined, split, written
from course.experiments import dates_seeds, table
from course.vocabulary import UNK


def test_a_pair_is_the_day_as_it_is_written_there() -> None:
    draw = random.Random(0)
    for place in LOCALES:
        for length in LENGTHS:
            when = draw.choice(split()["train"])
            pair = written(when, length, place)
            assert pair.source == format_date(when, length, locale=place)
            assert pair.target == when.isoformat()
            assert is_a_date(pair.source)
            assert len(pair.source_fields) == len(pair.source)
            assert len(pair.target_fields) == len(pair.target)


def test_fields_are_told_apart() -> None:
    pair = written(date(1962, 2, 3), "full", "ko")
    assert pair.source == "1962년 2월 3일 토요일"
    assert "".join(pair.source_fields) == "yyyy  MM d  EEE"
    alignment = pair.alignment.int()
    assert alignment.sum(1).tolist() == [4, 4, 4, 4, 0, 2, 2, 0, 1, 1]
    assert alignment.sum(0).tolist() == [4, 4, 4, 4, 0, 0, 2, 2, 0, 2, 0, 0, 0, 0, 0]


def test_dates_in_a_line_are_aligned_each_with_its_own() -> None:
    first, second = (
        written(date(1962, 2, 3), "medium", "de"),
        written(date(1999, 9, 8), "long", "fr"),
    )
    line = joined([first, second])
    assert line.source == "03.02.1962, 8 septembre 1999"
    assert line.target == "1962-02-03,1999-09-08"
    n_t, n_s = len(first.target), len(first.source)
    assert line.alignment[:n_t, :n_s].equal(first.alignment)
    assert line.alignment[n_t + 1 :, n_s + 2 :].equal(second.alignment)
    assert line.alignment.sum() == first.alignment.sum() + second.alignment.sum()


def test_no_day_is_both_learnt_and_tested() -> None:
    days = split()
    assert len(set().union(*days.values())) == sum(map(len, days.values())) == 36_525
    learnt = {
        pair.target
        for step in range(200)
        for pair in drawn(32, random.Random(f"0 {step}"), dates=1)
    }
    assert len(learnt) > 5_000
    assert learnt.isdisjoint(day.isoformat() for day in (*days["test"], *days["valid"]))
    tested = {target for pair in date_task.unseen(500, 3) for target in pair.target.split(",")}
    assert tested <= {day.isoformat() for day in days["test"]}


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    first, again, other = (date_task.training_batch(*which) for which in ((0, 5), (0, 5), (1, 5)))
    assert first.src.equal(again.src)
    assert first.tgt_out.equal(again.tgt_out)
    assert first.src.shape != other.src.shape or not first.src.equal(other.src)


@pytest.mark.parametrize("dates", [1, 3])
def test_every_character_has_a_number(dates: int) -> None:
    for pair in drawn(2_000, random.Random(7), "train", dates):
        assert UNK not in date_task.SOURCE.encode(pair.source)
        assert UNK not in date_task.TARGET.encode(pair.target)
        assert len(pair.target) < date_task.LONGEST


def test_the_task_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few updates, for the plumbing; how well it is learnt in all stands in its table."""
    monkeypatch.setitem(date_task.STEPS, 1, 60)
    monkeypatch.setattr(date_task, "WARMUP", 10)
    model, trainer, seconds = date_task.learn(0)
    assert seconds > 0
    assert trainer.losses[-1] < 0.75 * trainer.losses[0]
    pair = date_task.unseen()[0]
    [text] = date_task.translate(model, [pair.source])
    assert date_task.exact(model, [pair]) == (text == pair.target)


def test_the_table_is_of_todays_settings_and_keeps_what_is_promised() -> None:
    measured = table("dates_seeds")
    assert measured.settings == json.loads(json.dumps(dates_seeds.SETTINGS))
    for task, least, good in (("one", 0.99, 4), ("three", 0.98, 5)):
        exact = measured.column("exact", task=task)
        assert len(exact) == len(dates_seeds.SEEDS)
        assert sum(share >= least for share in exact) >= good
    assert max(measured.column("cpu_seconds", task="three")) < 150
