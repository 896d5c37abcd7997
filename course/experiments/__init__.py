"""Dear experiments: run by `make experiments`, kept as dated tables, read by the lectures.

Each of `EXPERIMENTS` is a module of this package, with `SETTINGS` and `rows() -> list[dict]`; its
table is `course/tables/NAME.json`.
"""

from course.experiments.tables import Table, table

__all__ = ["EXPERIMENTS", "Table", "table"]

EXPERIMENTS = (
    *("recall", "depth", "dates_seeds", "ablations"),
    *("recipes", "cutmix"),
    "hugging_face",
    *("reviews", "inside"),
    *("tuning_sweeps", "tuning_rates", "tuning_seeds", "tuning_search"),
)
