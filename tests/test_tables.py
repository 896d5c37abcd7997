"""The tables of dear experiments: their form, and that they are of the settings of today."""

import importlib
import json
from dataclasses import asdict

import pytest

from course.experiments import EXPERIMENTS, table
from course.experiments.tables import TABLES, as_text

with_each = pytest.mark.parametrize("name", EXPERIMENTS)


@with_each
def test_each_table_is_of_the_settings_of_its_experiment(name: str) -> None:
    settings = importlib.import_module(f"course.experiments.{name}").SETTINGS
    assert table(name).settings == json.loads(json.dumps(settings))


@with_each
def test_a_row_of_a_table_stands_on_one_line(name: str) -> None:
    text = (TABLES / f"{name}.json").read_text(encoding="utf-8")
    assert text == as_text(asdict(table(name)), broken=2) + "\n"
    lines = [json.loads(line.rstrip(",")) for line in text.splitlines() if line.startswith("  {")]
    assert lines == table(name).rows


def test_every_table_has_an_experiment() -> None:
    assert {path.stem for path in TABLES.glob("*.json")} == set(EXPERIMENTS)


def test_text_of_a_table_is_json_with_the_outer_levels_broken() -> None:
    part = {"a": {"b": [1, {"c": None}]}, "rows": [{"d": "ä"}, {}], "e": 2}
    assert json.loads(as_text(part, broken=2)) == part
    assert as_text([[1, 2], "x"], broken=1) == '[\n [1, 2],\n "x"\n]'
