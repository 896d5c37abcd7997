"""Learning rate against batch size, at equal epochs, for SGD and for Adam."""

from typing import Any

from course.tuning import TRAIN, Chance, Settings, train

BATCHES = (8, 16, 32, 64, 128, 256, 512, 1_024)
RATES = {
    "SGD": tuple(2.0**power for power in range(-8, 4)),
    "Adam": tuple(2.0**power for power in range(-13, -1)),
}
EPOCHS = 10
SEEDS = 5

SETTINGS: dict[str, Any] = {
    "task": "scikit-learn's digits, an MLP of one hidden layer of 32",
    "epochs": EPOCHS,
    "n_train": TRAIN,
    "seeds": SEEDS,
    "measured": "after the last epoch: loss on the training images, accuracy on the validation "
    "images, by seed; a loss of null has diverged",
}


def settings(optimizer: str, batch: int, rate: float) -> Settings:
    """The run of one cell."""
    return Settings(optimizer=optimizer, lr=rate, batch=batch, epochs=EPOCHS, n_train=TRAIN)


def rows() -> list[dict[str, Any]]:
    """A row for each optimiser, batch and rate, in which lists run over the seeds."""
    return [
        row(optimizer, batch, rate)
        for optimizer, rates in RATES.items()
        for batch in BATCHES
        for rate in rates
    ]


def row(optimizer: str, batch: int, rate: float) -> dict[str, Any]:
    """One cell, over the seeds."""
    runs = [train(settings(optimizer, batch, rate), Chance.of(seed)) for seed in range(SEEDS)]
    losses = [round(run.train_loss, 4) for run in runs]
    return {
        "optimizer": optimizer,
        "batch": batch,
        "rate": rate,
        "train_loss": [loss if loss < float("inf") else None for loss in losses],
        "valid": [round(run.valid[-1], 4) for run in runs],
    }
