"""Small models on scikit-learn's digits, with every knob that can be turned, and their training."""

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from sklearn.datasets import load_digits  # type: ignore[import-untyped]
from torch import Tensor, nn
from torch.nn import functional

SIDE, CLASSES = 8, 10
"""An image has 8 rows of 8 pixels, and shows one of ten digits."""

TRAIN, VALID, TEST = 1_024, 300, 473
"""All 1,797 images, shared out."""

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "none": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "ReLU": nn.ReLU,
    "GELU": nn.GELU,
}

POOLINGS: dict[str, Callable[[], nn.Module]] = {
    "none": nn.Identity,
    "max": lambda: nn.MaxPool2d(2),
    "mean": lambda: nn.AvgPool2d(2),
    "global mean": lambda: nn.AdaptiveAvgPool2d(1),
}

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "SGD": torch.optim.SGD,
    "SGD, momentum": functools.partial(torch.optim.SGD, momentum=0.9),
    "Adam": torch.optim.Adam,
    "AdamW": torch.optim.AdamW,
}

STARTS: dict[str, Callable[[Tensor], Any] | None] = {
    "zero": nn.init.zeros_,
    "small": functools.partial(nn.init.normal_, std=0.01),
    "torch": None,
    "Xavier": nn.init.xavier_uniform_,
    "He": functools.partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "large": functools.partial(nn.init.normal_, std=1.0),
}
"""How weights are drawn; None leaves them as torch's layers draw them."""

Split = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Settings:
    """Every knob. What stands here is the base, from which one is turned at a time.

    Attributes:
        model: "mlp", "cnn", or "transformer", whose tokens are the rows of the image.
        n_layers: hidden layers, of units, channels or blocks.
        width: hidden units of a layer, channels of a convolution, or d_model.
        kernel, pooling: of the cnn; its size, and what follows the last convolution.
        start: how weights are drawn.
        dropout: of hidden units, or in the blocks of the transformer.
        noise: standard deviation of what is added to the pixels (0 to 1) in training.
        wrong: share of the training images that are given the name of another digit.
        n_train: how many images there are to train on.
    """

    model: Literal["mlp", "cnn", "transformer"] = "mlp"
    n_layers: int = 1
    width: int = 32
    activation: str = "ReLU"
    kernel: int = 3
    pooling: str = "none"
    start: str = "torch"
    dropout: float = 0.0
    noise: float = 0.0
    wrong: float = 0.0
    optimizer: str = "SGD, momentum"
    lr: float = 0.03
    weight_decay: float = 0.0
    batch: int = 32
    epochs: int = 30
    n_train: int = 256


class Chance(NamedTuple):
    """What chance decides, each by a seed: who is in which set, first weights, order of batches."""

    split: int
    start: int
    order: int

    @classmethod
    def of(cls, seed: int) -> "Chance":
        """All of it by one seed."""
        return cls(seed, seed, seed)


class Images(NamedTuple):
    """Images and the digits they show."""

    pixels: Float[Tensor, "n 64"]
    digits: Int[Tensor, " n"]


@dataclass(frozen=True)
class Run:
    """What a training gave: after each epoch, loss and accuracy on both sets not trained on.

    Attributes:
        train_loss: at the end, without dropout and noise.
    """

    valid_losses: list[float]
    valid: list[float]
    test: list[float]
    train_loss: float


@functools.cache
def images(split: int) -> dict[Split, Images]:
    """All images, pixels from 0 to 1, shared out at random by the seed `split`."""
    data = load_digits()
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(split))
    pixels = torch.tensor(data.data, dtype=torch.float32)[order] / 16
    digits = torch.tensor(data.target)[order]
    parts = zip(pixels.split([TRAIN, VALID, TEST]), digits.split([TRAIN, VALID, TEST]), strict=True)
    train, valid, test = (Images(*part) for part in parts)
    return {"train": train, "valid": valid, "test": test}


class Rows(nn.Module):
    """A small Transformer whose eight tokens are the rows of an image."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        d_model = settings.width
        self.embedding = nn.Linear(SIDE, d_model)
        self.positions = nn.Parameter(torch.randn(SIDE, d_model) / math.sqrt(d_model))
        blocks = (
            nn.TransformerEncoderLayer(
                d_model, 2, 2 * d_model, settings.dropout, batch_first=True, norm_first=True
            )
            for _ in range(settings.n_layers)
        )
        self.blocks = nn.Sequential(*blocks, nn.LayerNorm(d_model))
        self.out = nn.Linear(d_model, CLASSES)

    def forward(self, pixels: Float[Tensor, "b 64"]) -> Float[Tensor, "b 10"]:
        """Logits of the digits."""
        rows = self.embedding(pixels.unflatten(1, (SIDE, SIDE))) + self.positions
        logits: Tensor = self.out(self.blocks(rows).mean(dim=1))
        return logits


def model_of(settings: Settings) -> nn.Module:
    """A fresh model from pixels (b, 64) to logits (b, 10)."""
    if settings.model == "transformer":
        return Rows(settings)
    model = _cnn(settings) if settings.model == "cnn" else _mlp(settings)
    draw = STARTS[settings.start]
    if draw is not None:
        for parameter in model.parameters():
            (draw if parameter.dim() > 1 else nn.init.zeros_)(parameter)
    return model


def _mlp(settings: Settings) -> nn.Sequential:
    sizes = [SIDE * SIDE, *[settings.width] * settings.n_layers]
    layers: list[nn.Module] = []
    for size, after in itertools.pairwise(sizes):
        layers += [nn.Linear(size, after), ACTIVATIONS[settings.activation]()]
        layers += [nn.Dropout(settings.dropout)] * (settings.dropout > 0)
    return nn.Sequential(*layers, nn.Linear(sizes[-1], CLASSES))


def _cnn(settings: Settings) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Unflatten(1, (1, SIDE, SIDE))]
    channels = 1
    for _ in range(settings.n_layers):
        layers.append(nn.Conv2d(channels, settings.width, settings.kernel, padding="same"))
        layers.append(ACTIVATIONS[settings.activation]())
        channels = settings.width
    layers += [POOLINGS[settings.pooling](), nn.Flatten()]
    features = nn.Sequential(*layers)(torch.zeros(1, SIDE * SIDE)).shape[1]
    return nn.Sequential(*layers, nn.Linear(features, CLASSES))


def train(settings: Settings, chance: Chance) -> Run:
    """Train a fresh model, and look at it after every epoch."""
    sets = images(chance.split)
    pixels, digits = (part[: settings.n_train] for part in sets["train"])
    digits = misnamed(digits, settings.wrong, chance.split)
    torch.manual_seed(chance.start)
    model = model_of(settings)
    optimizer = OPTIMIZERS[settings.optimizer](
        model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
    )
    torch.manual_seed(chance.order)  # of batches, and for dropout and noise
    seen: list[tuple[float, float, float]] = []
    for _ in range(settings.epochs):
        for batch in torch.randperm(len(pixels)).split(settings.batch):
            shown = pixels[batch]
            if settings.noise:
                shown = shown + settings.noise * torch.randn_like(shown)
            loss = functional.cross_entropy(model(shown), digits[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss_, valid = look(model, sets["valid"])
        seen.append((loss_, valid, look(model, sets["test"])[1]))
    valid_losses, valids, tests = (list(column) for column in zip(*seen, strict=True))
    return Run(valid_losses, valids, tests, look(model, Images(pixels, digits))[0])


@torch.no_grad()
def look(model: nn.Module, at: Images) -> tuple[float, float]:
    """The mean loss, infinite for one that has diverged, and the share that is right."""
    model.eval()
    logits = model(at.pixels)
    model.train()
    loss = functional.cross_entropy(logits, at.digits).item()
    right = (logits.argmax(dim=1) == at.digits).float().mean().item()
    return (loss if math.isfinite(loss) else math.inf), right


def misnamed(digits: Int[Tensor, " n"], share: float, seed: int) -> Int[Tensor, " n"]:
    """The same digits, but a share of them replaced by others."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.rand(len(digits), generator=generator) < share
    steps = torch.randint(1, CLASSES, (len(digits),), generator=generator)
    return torch.where(chosen, (digits + steps) % CLASSES, digits)
