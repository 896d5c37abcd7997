"""Digits of 8 by 8 pixels: label smoothing, cutout and CutMix, which change what is learnt from."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from course.tuning import CLASSES, OPTIMIZERS, SIDE, Chance, Images, Settings, images, model_of

BASE = Settings(model="cnn", width=16, n_layers=2, pooling="max", epochs=60)
EPSILON, HOLE = 0.1, 4
"""Shared among all classes; rows and columns of a hole, as many as cover a quarter of an image."""

SEEDS = 10


class Shown(NamedTuple):
    """What a model is shown, and the probabilities that it is asked for."""

    pixels: Float[Tensor, "b 64"]
    wanted: Float[Tensor, "b 10"]


def patches(
    b: int, height: int, width: int, generator: torch.Generator | None = None
) -> Bool[Tensor, "b 64"]:
    """True in a patch of so many rows and columns, anywhere inside each of b images."""
    top = torch.randint(SIDE - height + 1, (b, 1), generator=generator)
    left = torch.randint(SIDE - width + 1, (b, 1), generator=generator)
    places = torch.arange(SIDE)
    rows = (places >= top) & (places < top + height)  # (b, 8)
    columns = (places >= left) & (places < left + width)
    return (rows[:, :, None] & columns[:, None, :]).flatten(1)


def as_it_is(shown: Shown) -> Shown:
    """Changes nothing."""
    return shown


def smoothing(shown: Shown) -> Shown:
    """Another target: epsilon of it is spread evenly."""
    return shown._replace(wanted=(1 - EPSILON) * shown.wanted + EPSILON / CLASSES)


def cutout(shown: Shown) -> Shown:
    """Another input: a patch of each image is black."""
    holes = patches(len(shown.pixels), HOLE, HOLE)
    return shown._replace(pixels=shown.pixels.masked_fill(holes, 0.0))


def cutmix(shown: Shown) -> Shown:
    """Another input and another target: a patch comes from another image, and as much of its name.

    The patch's share of the area is drawn evenly from 0 to 1, and has the shape of the image.
    """
    other = torch.randperm(len(shown.pixels))
    side = int(SIDE * torch.rand(()).sqrt())
    patch = patches(len(other), side, side)
    share = side**2 / SIDE**2
    return Shown(
        torch.where(patch, shown.pixels[other], shown.pixels),
        (1 - share) * shown.wanted + share * shown.wanted[other],
    )


CHANGES: dict[str, Callable[[Shown], Shown]] = {
    "none": as_it_is,
    "label smoothing": smoothing,
    "cutout": cutout,
    "CutMix": cutmix,
}


SETTINGS: dict[str, Any] = {
    "task": "scikit-learn's digits, 1,797 images of 8 by 8",
    "base": vars(BASE),
    "changes": tuple(CHANGES),
    "label smoothing": EPSILON,
    "hole": HOLE,
    "seeds": SEEDS,
    "measured": "on test images, whole and with a hole: right, sure (mean largest probability)",
}


def learn(name: str, seed: int) -> nn.Module:
    """Train a fresh model on images and targets that are changed batch by batch."""
    chance = Chance.of(seed)
    pixels, digits = (part[: BASE.n_train] for part in images(chance.split)["train"])
    wanted = functional.one_hot(digits, CLASSES).float()
    torch.manual_seed(seed)
    model = model_of(BASE)
    optimizer = OPTIMIZERS[BASE.optimizer](model.parameters(), lr=BASE.lr)
    for _ in range(BASE.epochs):
        for batch in torch.randperm(len(pixels)).split(BASE.batch):
            shown = CHANGES[name](Shown(pixels[batch], wanted[batch]))
            loss = functional.cross_entropy(model(shown.pixels), shown.wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


@torch.no_grad()
def look(model: nn.Module, at: Images) -> dict[str, float]:
    """The share that is right; how sure the model is; −log p of the digits, in nats."""
    logits = model(at.pixels)
    sure, said = logits.softmax(dim=1).max(dim=1)
    return {
        "right": round((said == at.digits).float().mean().item(), 4),
        "sure": round(sure.mean().item(), 4),
        "nll": round(functional.cross_entropy(logits, at.digits).item(), 4),
    }


def row(name: str, seed: int) -> dict[str, Any]:
    """Train with one change; what it does to whole test images, and to those with a hole."""
    model, test = learn(name, seed), images(seed)["test"]
    holes = patches(len(test.digits), HOLE, HOLE, torch.Generator().manual_seed(seed))
    hidden = Images(test.pixels.masked_fill(holes, 0.0), test.digits)
    return {"change": name, "seed": seed, "whole": look(model, test), "hole": look(model, hidden)}


def rows() -> list[dict[str, Any]]:
    """Each change, by seeds."""
    return [row(name, seed) for name in CHANGES for seed in range(SEEDS)]
