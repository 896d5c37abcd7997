"""Written dates by several recipes: schedules of the rate, label smoothing, taught alignment."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor

from course.date_task import (
    BETAS,
    EPSILON,
    PEAK,
    SIZES,
    STEPS,
    WARMUP,
    as_batch,
    exact,
    settings,
    training_batch,
    unseen,
)
from course.dates import FIRST, LAST, LENGTHS, LOCALES, Pair, drawn, written
from course.losses import smoothed_cross_entropy
from course.maps import recorded_maps
from course.schedules import Schedule, inverse_sqrt, linear_decay, noam
from course.training import Trainer, label_smoothed, label_smoothed_with_alignment
from course.transformer import Transformer
from course.vocabulary import PAD


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. What stands here is lecture 09's, of which one thing is changed.

    Attributes:
        schedule: the number of steps → the rates.
        epsilon: of label smoothing.
        taught: whether the first head of the first decoder layer is told where to look.
    """

    schedule: Callable[[int], Schedule] = lambda total: linear_decay(PEAK, WARMUP, total)
    epsilon: float = EPSILON
    taught: bool = False


RECIPES = {
    "lecture 09": Recipe(),
    "no warm-up": Recipe(schedule=lambda total: linear_decay(PEAK, 1, total)),
    "inverse root": Recipe(schedule=lambda _: inverse_sqrt(PEAK, WARMUP)),
    "Noam": Recipe(schedule=lambda _: noam(settings().d_model, WARMUP)),
    "no smoothing": Recipe(epsilon=0.0),
    "taught": Recipe(taught=True),
}

SEEDS = (0, 1, 2, 3)
THREE, THREE_STEPS = ("lecture 09", "taught"), 1_500
"""Recipes for lines of three dates, and fewer steps than such lines need."""

TESTED = {1: 2_000, 3: 500}
TRIES, TRIED = {1: 15, 3: 3}, 200
BINS = 10

SETTINGS: dict[str, Any] = {
    "task": "dates in five locales and three lengths to ISO 8601, days never trained on",
    "recipes on one date a line": tuple(RECIPES),
    "recipes on three dates a line": THREE,
    "model": vars(settings()),
    "steps": {1: STEPS[1], 3: THREE_STEPS},
    "batch": SIZES,
    "optimizer": f"Adam {BETAS}",
    "peak": PEAK,
    "warmup": WARMUP,
    "label smoothing": EPSILON,
    "weight of the alignment": 0.05,
    "tested lines": TESTED,
    "tries": f"{TRIES} times, on {TRIED} lines of valid days: step, exact, right, sure",
    "far": f"{TRIED} single dates of the 50 years before {FIRST.year} and after {LAST.year}",
    "bins": f"by the largest probability of a character, {BINS}: characters, right, sum of it",
}


def far(count: int = TRIED) -> list[Pair]:
    """Dates of the fifty years before all that are known, and of the fifty after."""
    draw = random.Random(4)
    days = [FIRST - timedelta(days=i) for i in range(1, 365 * 50)]
    days += [LAST + timedelta(days=i) for i in range(1, 365 * 50)]
    return [
        written(draw.choice(days), draw.choice(LENGTHS), draw.choice(LOCALES)) for _ in range(count)
    ]


@torch.no_grad()
def certainty(model: Transformer, pairs: list[Pair]) -> dict[str, Any]:
    """How sure a model is of each character, the true ones before it fed, and how often right.

    nll, smoothed: −log p of the target, and the smoothed loss, per character; entropy: of the
    probabilities, in nats; right: the share of characters whose most probable symbol is the target;
    sure: the mean of the largest probability; bins: as in `SETTINGS`.
    """
    model.eval()
    batch = as_batch(pairs)
    logits = model(batch.src, batch.tgt_in)
    loss, nll = smoothed_cross_entropy(logits, batch.tgt_out, EPSILON, PAD)
    asked = batch.tgt_out != PAD
    p = logits[asked].softmax(dim=-1)  # (tokens, vocab)
    sure, said = p.max(dim=-1)
    right = (said == batch.tgt_out[asked]).float()
    bins = (sure * BINS).long().clamp(max=BINS - 1)
    sums = torch.zeros(BINS, 3).index_add(
        0, bins, torch.stack([torch.ones_like(sure), right, sure], dim=1)
    )
    return {
        "nll": round(nll.item() / batch.n_targets, 4),
        "smoothed": round(loss.item() / batch.n_targets, 4),
        "entropy": round(torch.special.entr(p).sum(dim=-1).mean().item(), 4),
        "right": round(right.mean().item(), 4),
        "sure": round(sure.mean().item(), 4),
        "bins": [[round(number, 1) for number in row] for row in sums.tolist()],
    }


@torch.no_grad()
def alignment_errors(model: Transformer, pairs: list[Pair]) -> dict[str, list[list[float]]]:
    """Of each head, and of the mean of a layer's heads (last), over the digits of the target.

    outside: the share whose largest weight lies outside their own field's text; mass: the mean
    weight that lies in it.
    """
    batch = as_batch(pairs, aligned=True)
    assert batch.alignment is not None
    digits = batch.alignment.any(dim=-1)  # (b, n_t)
    known = batch.alignment[digits]  # (digits, n_s)
    with recorded_maps(model) as maps:
        model(batch.src, batch.tgt_in)

    def of_map(weights: Tensor) -> tuple[float, float]:
        of_digits = weights[digits]  # (digits, n_s)
        inside = known.gather(1, of_digits.argmax(dim=1, keepdim=True))
        mass = of_digits.masked_fill(~known, 0.0).sum(dim=1)
        return round(1 - inside.float().mean().item(), 4), round(mass.mean().item(), 4)

    found = [
        [of_map(weights) for weights in (*layer.unbind(dim=1), layer.mean(dim=1))]
        for layer in maps.cross
    ]
    return {
        name: [[pair[i] for pair in layer] for layer in found]
        for i, name in enumerate(("outside", "mass"))
    }


def start(name: str, seed: int, total: int) -> tuple[Transformer, Trainer]:
    """A fresh model, and what trains it by a recipe for `total` steps."""
    recipe = RECIPES[name]
    torch.manual_seed(seed)
    model = Transformer(settings())
    optimizer = torch.optim.Adam(model.parameters(), betas=BETAS, eps=1e-9)
    loss = label_smoothed(recipe.epsilon)
    if recipe.taught:
        loss = label_smoothed_with_alignment(recipe.epsilon, denominator="K")
    return model, Trainer(model, loss, optimizer, recipe.schedule(total))


def row(name: str, seed: int, dates: int = 1) -> dict[str, Any]:
    """Train by one recipe, on lines of so many dates; what came of it."""
    total = STEPS[1] if dates == 1 else THREE_STEPS
    model, trainer = start(name, seed, total)
    valid, tries = drawn(TRIED, random.Random(2), "valid", dates), []
    for step in range(1, total + 1):
        batch = training_batch(seed, step - 1, dates, aligned=RECIPES[name].taught)
        trainer.update([batch])
        if step % (total // TRIES[dates]) == 0:
            at = certainty(model, valid)
            tries.append((step, exact(model, valid), at["right"], at["sure"]))
    pairs = unseen(TESTED[dates], dates)
    return {
        "recipe": name,
        "dates": dates,
        "seed": seed,
        "exact": round(exact(model, pairs), 4),
        **certainty(model, pairs),
        **alignment_errors(model, pairs),
        "far": certainty(model, far()) if dates == 1 else None,
        "tries": tries,
    }


def rows() -> list[dict[str, Any]]:
    """Each recipe on single dates, then the two that may differ on lines of three."""
    made = [row(name, seed) for name in RECIPES for seed in SEEDS]
    return made + [row(name, seed, dates=3) for name in THREE for seed in SEEDS]
