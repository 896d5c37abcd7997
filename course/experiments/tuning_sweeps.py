"""One knob after another: what each of its values does to the model that stands at a base."""

from dataclasses import replace
from typing import Any

from course.tuning import ACTIVATIONS, STARTS, TEST, TRAIN, VALID, Chance, Settings, train

BASES: dict[str, Settings] = {
    "MLP": Settings(),
    "MLP, He": Settings(start="He"),
    "MLP, 4 layers": Settings(n_layers=4),
    "CNN": Settings(model="cnn", width=8),
    "CNN, max": Settings(model="cnn", width=8, pooling="max"),
    "CNN, mean": Settings(model="cnn", width=8, pooling="mean"),
    "CNN, global mean": Settings(model="cnn", width=8, pooling="global mean"),
    "Transformer": Settings(model="transformer", optimizer="Adam", lr=0.003),
    "SGD": Settings(optimizer="SGD"),
    "Adam": Settings(optimizer="Adam", lr=0.01),
    "AdamW": Settings(optimizer="AdamW", lr=0.01),
}
"""Settings from which one knob is turned."""

RATES = tuple(round(10 ** (half / 2), 6) for half in range(-8, 3))
DECAYS = (0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
LAYERS = (1, 2, 4, 8)
KERNELS = (1, 3, 5)

SWEEPS: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
    ("MLP", "lr", RATES),
    ("SGD", "lr", RATES),
    ("Adam", "lr", RATES),
    ("MLP", "weight_decay", DECAYS),
    ("Adam", "weight_decay", DECAYS),
    ("AdamW", "weight_decay", DECAYS),
    ("MLP", "epochs", (3, 10, 30, 100)),
    ("MLP", "width", (2, 4, 8, 16, 32, 64, 128)),
    ("MLP", "n_layers", LAYERS),
    ("MLP, He", "n_layers", LAYERS),
    ("MLP, 4 layers", "activation", tuple(ACTIVATIONS)),
    ("MLP, 4 layers", "start", tuple(STARTS)),
    ("MLP", "dropout", (0.0, 0.1, 0.25, 0.5, 0.75)),
    ("MLP", "noise", (0.0, 0.1, 0.2, 0.4, 0.8)),
    ("CNN", "kernel", KERNELS),
    ("CNN, max", "kernel", KERNELS),
    ("CNN, mean", "kernel", KERNELS),
    ("CNN, global mean", "kernel", KERNELS),
    ("Transformer", "width", (4, 8, 16, 32, 64)),
    ("Transformer", "n_layers", (1, 2, 4)),
)
"""A base, a knob, and the values to which it is turned."""

SEEDS = 10

SETTINGS: dict[str, Any] = {
    "task": "scikit-learn's digits, 1,797 images of 8 by 8",
    "shares": {"train": TRAIN, "valid": VALID, "test": TEST},
    "bases": {name: vars(base) for name, base in BASES.items()},
    "seeds": SEEDS,
    "measured": "after the last epoch, accuracy on the validation and on the test images, by seed",
}


def rows() -> list[dict[str, Any]]:
    """Each sweep: a row for each value, in which lists run over the seeds."""
    return [
        {"base": base, "knob": knob, "value": value, **last_epochs(BASES[base], {knob: value})}
        for base, knob, values in SWEEPS
        for value in values
    ]


def last_epochs(base: Settings, turned: dict[str, Any]) -> dict[str, list[float]]:
    """The accuracies after the last epoch, over the seeds."""
    runs = [train(replace(base, **turned), Chance.of(seed)) for seed in range(SEEDS)]
    return {
        "valid": [round(run.valid[-1], 4) for run in runs],
        "test": [round(run.test[-1], 4) for run in runs],
    }
