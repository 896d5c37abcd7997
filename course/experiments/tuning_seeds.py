"""The same settings again and again: what only chance changes, and which part of it."""

from typing import Any

from course.tuning import Chance, Settings, train

RUNS = 100
SPLITS = (0, 1, 2, 3, 4)
KINDS = ("split", "start", "order")
EACH = 20
SIZES = {64: 120, 128: 60, 256: 30, 512: 15, 1_024: 7}
"""Numbers of training images, and the epochs that make about 240 steps of them."""

SETTINGS: dict[str, Any] = {
    "task": "scikit-learn's digits",
    "base": vars(Settings()),
    "all": f"first weights and order by {RUNS} seeds, on each of {len(SPLITS)} splits",
    "split, start, order": f"one of the three by {EACH} seeds, the others by the seed `fixed`",
    "size": f"as in all, {EACH} seeds, with so many images: so many epochs {SIZES}",
    "measured": "accuracy after the last epoch on the validation and test images, by seed",
}


def rows() -> list[dict[str, Any]]:
    """Split by split, all but the split at random; then one kind of chance at a time; by size."""
    made = [row("all", split, [Chance(split, s, s) for s in range(RUNS)]) for split in SPLITS]
    for kind in KINDS:
        for fixed in SPLITS:
            chances = [Chance.of(fixed)._replace(**{kind: seed}) for seed in range(EACH)]
            made.append(row(kind, fixed, chances))
    for size in SIZES:
        for split in SPLITS:
            chances = [Chance(split, seed, seed) for seed in range(EACH)]
            made.append(row("size", split, chances, size))
    return made


def row(kind: str, fixed: int, chances: list[Chance], size: int = 256) -> dict[str, Any]:
    """The accuracies of the base, with so many images, under several chances."""
    settings = Settings(n_train=size, epochs=SIZES[size])
    runs = [train(settings, chance) for chance in chances]
    return {
        "kind": kind,
        "fixed": fixed,
        "n_train": size,
        "valid": [round(run.valid[-1], 4) for run in runs],
        "test": [round(run.test[-1], 4) for run in runs],
    }
