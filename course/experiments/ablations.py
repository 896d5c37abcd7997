"""Written dates → ISO 8601 with parts of the Transformer taken away, and with GRUs in its place."""

import random
import time
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from course.date_task import (
    BETAS,
    EPSILON,
    PEAK,
    SIZES,
    SOURCE,
    STEPS,
    TARGET,
    WARMUP,
    as_batch,
    exact,
    settings,
    training_batch,
    unseen,
)
from course.dates import Pair, drawn
from course.decoding import beam_search
from course.maps import recorded_maps
from course.recurrent import Recurrent
from course.schedules import linear_decay
from course.training import Trainer, label_smoothed
from course.transformer import Transformer
from course.vocabulary import BOS, EOS, PAD

D_STATE = 112
"""Of the GRUs: so that the two have about as many parameters as the Transformer."""


class OneTooFar(Transformer):
    """Each query of the decoder sees one key too many: the very token that is asked for."""

    def future(self, n: int) -> Bool[Tensor, "n n"]:
        """Where key j is later than query i + 1."""
        return super().future(n).triu(diagonal=2)


def recurrent(attends: bool) -> Recurrent:
    """A bidirectional GRU and a GRU, with or without Bahdanau's attention."""
    return Recurrent(len(SOURCE), len(TARGET), settings().d_model, D_STATE, attends)


MODELS: dict[str, Callable[[], Any]] = {
    "Transformer": lambda: Transformer(settings()),
    "no positions": lambda: Transformer(settings(positions="none")),
    "leaking mask": lambda: OneTooFar(settings()),
    "bi-GRU": lambda: recurrent(attends=False),
    "bi-GRU + attention": lambda: recurrent(attends=True),
}
RUNS = {1: tuple(MODELS), 3: ("bi-GRU", "bi-GRU + attention")}
"""Which are trained on lines of so many dates. `dates_seeds` has the Transformer on three."""

SEEDS = (0, 1, 2)
TESTED = {1: 2_000, 3: 500}
TRIES, TRIED, BEAM = 15, 200, 4

SETTINGS: dict[str, Any] = {
    "task": "dates in five locales and three lengths to ISO 8601, days never trained on",
    "models by dates a line": RUNS,
    "tested lines": TESTED,
    "Transformer": vars(settings()),
    "GRU": {"d_model": settings().d_model, "d_state": D_STATE},
    "steps": STEPS,
    "batch": SIZES,
    "optimizer": f"Adam {BETAS}",
    "peak": PEAK,
    "warmup": WARMUP,
    "label smoothing": EPSILON,
    "beam": BEAM,
    "tries": f"{TRIES} times, of one date, on {TRIED} lines of valid days: step, seconds, exact",
}


def n_parameters(model: nn.Module) -> int:
    """How many numbers training may change."""
    return sum(parameter.numel() for parameter in model.parameters())


@torch.no_grad()
def forced(model: Any, pairs: list[Pair]) -> float:
    """The share of target tokens, ends included, that are right if fed the true ones before."""
    batch = as_batch(pairs)
    hits = model(batch.src, batch.tgt_in).argmax(dim=-1) == batch.tgt_out
    return float(hits[batch.tgt_out != PAD].float().mean())


@torch.no_grad()
def cross_maps(model: Any, pairs: list[Pair]) -> list[Float[Tensor, "b n_t n_s"]]:
    """Where the target looks in the source, teacher-forced: a map of each layer, mean of its heads.

    Of a GRU with attention its only map; without attention none.
    """
    batch = as_batch(pairs)
    if isinstance(model, Transformer):
        with recorded_maps(model) as maps:
            model(batch.src, batch.tgt_in)
        return [layer.mean(dim=1) for layer in maps.cross]
    if model.score is None:
        return []
    steps: list[Tensor] = []
    hook = model.score.register_forward_hook(lambda _, __, weights: steps.append(weights))
    model(batch.src, batch.tgt_in)
    hook.remove()
    return [torch.stack(steps, dim=1)]


def aligned(model: Any, pairs: list[Pair]) -> list[float]:
    """Of each map, the share of digits whose largest weight lies in their own field's text.

    The row of a digit is the one in which it is asked for. By chance: the share of their text.
    """
    alignment = as_batch(pairs, aligned=True).alignment
    assert alignment is not None
    digits = alignment.any(dim=-1)  # (b, n_t)
    largest = [weights.argmax(dim=-1, keepdim=True) for weights in cross_maps(model, pairs)]
    found = [alignment.gather(-1, where)[..., 0][digits] for where in largest]
    return [float(hits.float().mean()) for hits in found]


def by_beam(model: Any, pairs: list[Pair], beam: int) -> dict[str, float]:
    """The shares of lines that a beam gets right, and makes more or less probable than greedy does.

    A beam ranks texts by their whole probability here, without a correction for length.
    """
    model.eval()
    src = as_batch(pairs).src
    greedy, best = (
        [found[0] for found in beam_search(model, src, BOS, EOS, max_len=40, beam=k, lenpen=0.0)]
        for k in (1, beam)
    )
    gains = torch.tensor([new.score - old.score for new, old in zip(best, greedy, strict=True)])
    texts = ["".join(TARGET.decode(found.ids)) for found in best]
    right = sum(text == pair.target for text, pair in zip(texts, pairs, strict=True))
    return {
        "beam_exact": right / len(pairs),
        "beam_better": float((gains > 1e-4).float().mean()),
        "beam_worse": float((gains < -1e-4).float().mean()),
    }


def learn(name: str, seed: int, dates: int = 1) -> tuple[Any, dict[str, Any]]:
    """Train one of the models as the Transformer is trained; it, and its row of the table."""
    torch.manual_seed(seed)
    model = MODELS[name]()
    optimizer = torch.optim.Adam(model.parameters(), betas=BETAS, eps=1e-9)
    schedule = linear_decay(PEAK, WARMUP, STEPS[dates])
    trainer = Trainer(model, label_smoothed(EPSILON), optimizer, schedule)
    valid, tries, seconds = drawn(TRIED, random.Random(2), "valid", dates), [], 0.0
    for step in range(1, STEPS[dates] + 1):
        start = time.process_time()
        trainer.update([training_batch(seed, step - 1, dates)])
        seconds += time.process_time() - start
        if dates == 1 and step % (STEPS[dates] // TRIES) == 0:
            tries.append((step, round(seconds, 1), exact(model, valid)))
    pairs = unseen(TESTED[dates], dates)
    return model, {
        "model": name,
        "dates": dates,
        "seed": seed,
        "parameters": n_parameters(model),
        "exact": round(exact(model, pairs), 4),
        **{name: round(share, 4) for name, share in by_beam(model, pairs[:TRIED], BEAM).items()},
        "exact_on_three": round(exact(model, unseen(TRIED, dates=3)), 4),
        "forced": round(forced(model, pairs[:TRIED]), 4),
        "aligned": [round(share, 4) for share in aligned(model, pairs[:TRIED])],
        "tries": tries,
    }


def rows() -> list[dict[str, Any]]:
    """Each model on lines of one date, then the recurrent ones on lines of three."""
    return [
        learn(name, seed, dates)[1]
        for dates, names in RUNS.items()
        for name in names
        for seed in SEEDS
    ]
