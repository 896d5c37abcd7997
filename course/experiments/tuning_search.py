"""Grid, random search and Optuna's TPE on equal budgets, many times each."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
from scipy import stats  # type: ignore[import-untyped]
from sklearn.model_selection import (  # type: ignore[import-untyped]
    ParameterGrid,
    ParameterSampler,
)

from course.tuning import Chance, Settings, train

SPACE = {"lr": (1e-4, 10.0), "weight_decay": (1e-7, 1e-3), "noise": (1e-3, 0.1)}
"""Ranges of three knobs, each searched on a logarithmic scale."""

BASE = Settings(epochs=20)
SMALL, LARGE = 8, 24
REPEATS = 40

SETTINGS: dict[str, Any] = {
    "task": "scikit-learn's digits",
    "base": vars(BASE),
    "space": SPACE,
    "trials": (SMALL, LARGE),
    "repeats": REPEATS,
    "measured": "of each trial its rate, and the accuracies after the last epoch",
}


def placed(points: int, name: str, place: float) -> list[float]:
    """So many points, evenly spaced in a range; `place`, 0 to 1, shifts all of them."""
    low, high = SPACE[name]
    return [float(low * (high / low) ** ((i + place) / points)) for i in range(points)]


def grid_of_three(repeat: int) -> list[dict[str, Any]]:
    """Two values for each of three knobs; chance says where the grid lies in the space."""
    places = np.random.default_rng(repeat).random(3)
    values = {name: placed(2, name, place) for name, place in zip(SPACE, places, strict=True)}
    return list(ParameterGrid(values))


def grid_of_one(repeat: int) -> list[dict[str, Any]]:
    """As many values of the rate alone; weight decay and noise stay 0."""
    place = np.random.default_rng(repeat).random()
    return [{"lr": rate} for rate in placed(SMALL, "lr", place)]


def at_random(repeat: int) -> list[dict[str, Any]]:
    """Every trial draws every knob anew."""
    ranges = {name: stats.loguniform(*ends) for name, ends in SPACE.items()}
    return list(ParameterSampler(ranges, LARGE, random_state=repeat))


def tried(turned: dict[str, Any], repeat: int) -> tuple[float, float, float]:
    """One trial: its rate, and what it reached on the validation and on the test images."""
    run = train(replace(BASE, **turned), Chance.of(repeat))
    return turned["lr"], run.valid[-1], run.test[-1]


def by_tpe(repeat: int) -> Iterator[tuple[float, float, float]]:
    """Trials that Optuna proposes, each knowing how well the earlier ones did."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=repeat)
    )
    for _ in range(LARGE):
        trial = study.ask()
        turned = {name: trial.suggest_float(name, *ends, log=True) for name, ends in SPACE.items()}
        result = tried(turned, repeat)
        study.tell(trial, result[1])
        yield result


def rows() -> list[dict[str, Any]]:
    """Each way of searching, each repeat: lists run over the trials, in their order."""
    lists = {"grid of three": grid_of_three, "grid of one": grid_of_one, "random": at_random}
    made = []
    for repeat, name in itertools.product(range(REPEATS), lists):
        trials = [tried(turned, repeat) for turned in lists[name](repeat)]
        made.append(row(name, repeat, trials))
    return made + [row("TPE", repeat, list(by_tpe(repeat))) for repeat in range(REPEATS)]


def row(name: str, repeat: int, trials: list[tuple[float, float, float]]) -> dict[str, Any]:
    """A search as a row of the table."""
    rates, valid, test = zip(*trials, strict=True)
    return {
        "search": name,
        "repeat": repeat,
        "rates": [float(f"{rate:.3g}") for rate in rates],
        "valid": [round(each, 4) for each in valid],
        "test": [round(each, 4) for each in test],
    }
