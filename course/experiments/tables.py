"""The dated tables: what an experiment measured, with the settings and versions it was run by."""

import datetime
import importlib
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

TABLES = Path(__file__).parents[1] / "tables"


@dataclass(frozen=True)
class Table:
    """One dict a row."""

    date: str
    versions: dict[str, str]
    settings: dict[str, Any]
    rows: list[dict[str, Any]]

    def column(self, name: str, **where: Any) -> list[Any]:
        """The entries of a column, of the rows in which other columns have the given values."""
        chosen = (row for row in self.rows if where.items() <= row.items())
        return [row[name] for row in chosen]


def table(name: str) -> Table:
    """The table that `make experiments` has written.

    Raises:
        FileNotFoundError: there is none of that name.
    """
    return Table(**json.loads((TABLES / f"{name}.json").read_text(encoding="utf-8")))


def write(name: str) -> None:
    """Run one experiment on one thread and write its table."""
    torch.set_num_threads(1)
    experiment = importlib.import_module(f"course.experiments.{name}")
    made = Table(
        date=datetime.date.today().isoformat(),
        versions={"python": platform.python_version(), "torch": torch.__version__},
        settings=experiment.SETTINGS,
        rows=experiment.rows(),
    )
    TABLES.mkdir(exist_ok=True)
    text = as_text(asdict(made), broken=2)
    (TABLES / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def as_text(part: Any, broken: int, margin: str = "") -> str:
    """JSON of which only the outer levels are broken into lines: a row of a table stands on one.

    broken: how many levels.
    """
    if broken == 0 or not isinstance(part, dict | list):
        return json.dumps(part, ensure_ascii=False)
    inner = f"{margin} "
    if isinstance(part, dict):
        entries = [f"{json.dumps(key)}: {as_text(part[key], broken - 1, inner)}" for key in part]
    else:
        entries = [as_text(entry, broken - 1, inner) for entry in part]
    opening, closing = "{}" if isinstance(part, dict) else "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(entries) + f"\n{margin}{closing}"
