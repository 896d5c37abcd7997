"""Dear experiments: run by `make experiments`, kept as dated tables, read by the lectures.

`python -m course.experiments [NAME ...]` runs those named, or all, and writes `tables/NAME.json`.
"""

import argparse
import datetime
import importlib
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

TABLES = Path(__file__).parent / "tables"

EXPERIMENTS = (
    *("recall", "depth", "dates_seeds", "ablations"),
    *("recipes", "cutmix"),
    "hugging_face",
    *("reviews", "inside"),
    *("tuning_sweeps", "tuning_rates", "tuning_seeds", "tuning_search"),
)
"""Modules of this package. Each has `SETTINGS` and `rows() -> list[dict]`."""


@dataclass(frozen=True)
class Table:
    """What an experiment measured: one dict a row, with the settings and versions it was run by."""

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
    experiment = importlib.import_module(f"course.{name}")
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


def main() -> None:
    """The command line of `make experiments`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", default=EXPERIMENTS, metavar="NAME")
    for name in parser.parse_args().names:
        print(f"running {name} …", flush=True)
        write(name)


if __name__ == "__main__":
    main()
