"""Written dates → ISO 8601, over seeds: lines of one date, and of three."""

import itertools
from typing import Any

from course import date_task

SEEDS = (0, 1, 2, 3, 4)
TASKS = {"one": 1, "three": 3}
TESTED = 2_000

SETTINGS: dict[str, Any] = {
    "task": "dates in five locales and three lengths to ISO 8601, days never trained on",
    "dates a line": TASKS,
    "tested lines": TESTED,
    "model": vars(date_task.settings()),
    "steps": date_task.STEPS,
    "batch": date_task.SIZES,
    "optimizer": f"Adam {date_task.BETAS}",
    "peak": date_task.PEAK,
    "warmup": date_task.WARMUP,
    "label smoothing": date_task.EPSILON,
}


def rows() -> list[dict[str, Any]]:
    """Each seed on each task; told one by one, for it takes a quarter of an hour."""
    made = []
    for task, seed in itertools.product(TASKS, SEEDS):
        made.append(row(seed, task))
        print(
            "  {task} a line, seed {seed}: {exact} exact, {cpu_seconds} s".format(**made[-1]),
            flush=True,
        )
    return made


def row(seed: int, task: str) -> dict[str, Any]:
    """Train once; exact match on lines whose days were never trained on, and CPU seconds."""
    model, _, seconds = date_task.learn(seed, TASKS[task])
    right = date_task.exact(model, date_task.unseen(TESTED, TASKS[task]))
    return {"task": task, "seed": seed, "exact": right, "cpu_seconds": round(seconds, 1)}
