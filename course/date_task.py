"""Written dates → ISO 8601 by the Transformer: the task of lectures 09 to 12 and its settings."""

import functools
import random
import time
from typing import Any

import torch
from torch import nn

from course.dates import Pair, alphabet, drawn
from course.decoding import EncoderDecoder, greedy
from course.schedules import linear_decay
from course.training import Criterion, Trainer, label_smoothed
from course.transformer import Settings, Transformer
from course.vocabulary import BOS, EOS, Batch, Vocabulary, batch_of

SOURCE, TARGET = Vocabulary(alphabet()), Vocabulary("0123456789-,")
BATCH, PEAK, WARMUP, EPSILON, BETAS = 32, 3e-3, 300, 0.1, (0.9, 0.98)
LOSS = label_smoothed(EPSILON)
LONGEST = 40
"""Characters of a translation at most."""

SIZES, STEPS = {1: BATCH, 3: BATCH // 2}, {1: 1_500, 3: 3_500}
"""Lines a batch, and updates, for so many dates a line."""


def settings(**changes: Any) -> Settings:
    """The model of the task: d_model 64, 4 heads, d_ff 128, 2 + 2 layers, unless changed."""
    return Settings(len(SOURCE), len(TARGET), **changes)


def as_batch(pairs: list[Pair], *, aligned: bool = False) -> Batch:
    """Pairs as tensors; with their alignment only where asked, for it takes time."""
    return batch_of(
        [SOURCE.encode(pair.source) for pair in pairs],
        [TARGET.encode(pair.target) for pair in pairs],
        [pair.alignment for pair in pairs] if aligned else None,
    )


def training_batch(seed: int, step: int, dates: int = 1, *, aligned: bool = False) -> Batch:
    """The batch of a step, always the same: fresh lines of `dates` dates, of training days."""
    pairs = drawn(SIZES[dates], random.Random(f"{seed} {step}"), "train", dates)
    return as_batch(pairs, aligned=aligned)


@functools.cache
def unseen(count: int = 2_000, dates: int = 1) -> list[Pair]:
    """Lines of days that are never trained on."""
    return drawn(count, random.Random(1), "test", dates)


def translate(model: EncoderDecoder, texts: list[str], size: int = 500) -> list[str]:
    """Greedy translations of lines of dates, `size` at a time."""
    found = []
    for start in range(0, len(texts), size):
        src = batch_of([SOURCE.encode(text) for text in texts[start : start + size]], [[]]).src
        found += greedy(model, src, BOS, EOS, LONGEST)
    return ["".join(TARGET.decode(ids)) for ids in found]


def exact(model: Any, pairs: list[Pair]) -> float:
    """The share of lines that are right to the last character."""
    model.eval()
    found = translate(model, [pair.source for pair in pairs])
    return sum(text == pair.target for text, pair in zip(found, pairs, strict=True)) / len(pairs)


def learn(
    seed: int,
    dates: int = 1,
    model: nn.Module | None = None,
    criterion: Criterion = LOSS,
    *,
    aligned: bool = False,
) -> tuple[Any, Trainer, float]:
    """Train a model, by default the `Transformer`; it, its trainer, and the CPU seconds taken.

    aligned: give the criterion the alignment of each batch.
    """
    torch.manual_seed(seed)
    model = model or Transformer(settings())
    steps = STEPS[dates]
    optimizer = torch.optim.Adam(model.parameters(), betas=BETAS, eps=1e-9)
    trainer = Trainer(model, criterion, optimizer, linear_decay(PEAK, WARMUP, steps))
    start = time.process_time()
    for step in range(steps):
        trainer.update([training_batch(seed, step, dates, aligned=aligned)])
    return model, trainer, time.process_time() - start
