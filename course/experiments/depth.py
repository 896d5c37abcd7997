"""Post-norm against pre-norm, shallow and deep, with and without warm-up, on written dates."""

import itertools
from typing import Any, Literal

import torch
from torch import nn

from course.date_task import BATCH, BETAS, settings, training_batch
from course.training import Trainer, label_smoothed
from course.transformer import Transformer

ORDERS = {"post-norm": False, "pre-norm": True}
"""Where the normalisation stands, and torch's `norm_first` for it."""

DEPTHS = (2, 6)
WARM_UPS = (100, 0)
SEEDS = (0, 1, 2)
STEPS, EVERY, PEAK, GENTLE = 300, 25, 3e-3, 5e-4

Start = Literal["xavier", "small"]
"""Matrices of the blocks drawn as in `nn.Transformer`, or as torch's layers draw them alone."""

SETTINGS: dict[str, Any] = {
    "task": "dates in five locales and three lengths to ISO 8601",
    "model": vars(settings()),
    "layers": f"{DEPTHS} in the encoder, and as many in the decoder",
    "losses": f"cross entropy in training, nats a character, means of {EVERY} steps",
    "batch": BATCH,
    "optimizer": f"Adam {BETAS}",
    "steps": STEPS,
    "warm_ups": WARM_UPS,
    "peak": PEAK,
    "gentle": GENTLE,
}


def model_of(order: str, depth: int, seed: int, start: Start = "xavier") -> Transformer:
    """A fresh model of the task, with `depth` layers in its encoder and as many in its decoder."""
    torch.manual_seed(seed)
    model = Transformer(settings(n_layers=depth, norm_first=ORDERS[order]))
    if start == "xavier":
        for layer in (*model.encoder, *model.decoder):
            for parameter in layer.parameters():
                if parameter.dim() == 2:
                    nn.init.xavier_uniform_(parameter)
    return model


def learn(
    order: str,
    depth: int,
    warm_up: int,
    seed: int,
    peak: float = PEAK,
    start: Start = "xavier",
    steps: int = STEPS,
) -> dict[str, Any]:
    """Train one model; its row of the table. The rate rises for `warm_up` steps, then stays."""
    model = model_of(order, depth, seed, start)
    trainer = Trainer(
        model,
        label_smoothed(0.0),
        torch.optim.Adam(model.parameters(), betas=BETAS),
        lambda step: peak * min(1.0, step / max(warm_up, 1)),
    )
    for step in range(steps):
        trainer.update([training_batch(seed, step)])
    means = torch.tensor(trainer.losses).unflatten(0, (-1, EVERY)).mean(dim=1)
    return {
        "order": order,
        "depth": depth,
        "warm_up": warm_up,
        "seed": seed,
        "peak": peak,
        "start": start,
        "losses": [round(mean, 4) for mean in means.tolist()],
    }


def rows() -> list[dict[str, Any]]:
    """Every order, depth and warm-up; then what else helps deep post-norm without warm-up."""
    runs = itertools.product(ORDERS, DEPTHS, WARM_UPS, SEEDS)
    made = [learn(*run) for run in runs]
    for seed in SEEDS:
        made.append(learn("post-norm", DEPTHS[-1], 0, seed, peak=GENTLE))
        made.append(learn("post-norm", DEPTHS[-1], 0, seed, start="small"))
    return made
