"""Inside the model of dates: heads put out of work, and other cross-attention in place of its own.

All is measured as in training: the decoder is fed the true characters before the one it is asked
for. A date is exact if every character and the end are right.
"""

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from scipy import stats  # type: ignore[import-untyped]
from torch import Tensor, nn
from torch.nn import functional

from course.date_task import as_batch, learn, unseen
from course.dates import drawn
from course.experiments.reviews import HOLD, LEEWAY, SEARCH_RATE, SEARCH_STEPS, divergence
from course.maps import recorded_maps
from course.transformer import Transformer
from course.vocabulary import PAD, Batch

Part = Literal["encoder", "decoder", "cross"]
"""Self-attention of the encoder, of the decoder, and the decoder's attention to the source."""

Head = tuple[Part, int, int]
"""A head: part, layer, number."""

PARTS: tuple[Part, ...] = ("encoder", "decoder", "cross")
SEEDS = (0, 1, 2, 3, 4)
CHOSEN_ON, TESTED, SEARCHED, SHUFFLES = 200, 200, 50, 5
HARMLESS, FEW = 0.01, 6

SETTINGS: dict[str, Any] = {
    "task": "the model of dates_seeds, one date a line",
    "tested dates": TESTED,
    "heads chosen on": f"{CHOSEN_ON} dates of valid days",
    "harmless": f"out alone, a head costs less than {HARMLESS} of the exact dates",
    "few": f"the {FEW} heads whose loss rises least when they are out alone",
    "shuffles": SHUFFLES,
    "searched dates": SEARCHED,
    "search": f"{SEARCH_STEPS} steps of Adam at {SEARCH_RATE}, as in reviews",
}


def attention(model: Transformer, part: Part, layer: int) -> nn.MultiheadAttention:
    """The attention of a part in a layer."""
    layers: Any = model.encoder if part == "encoder" else model.decoder
    found: nn.MultiheadAttention = (
        layers[layer].multihead_attn if part == "cross" else layers[layer].self_attn
    )
    return found


def heads(model: Transformer) -> list[Head]:
    """All heads of a model."""
    s = model.settings
    return [(p, i, h) for p in PARTS for i in range(s.n_layers) for h in range(s.n_heads)]


@contextmanager
def without(model: Transformer, out: Iterable[Head]) -> Iterator[None]:
    """Within it, these heads add 0: the columns of W_O that read them are 0."""
    d_head = model.settings.d_model // model.settings.n_heads
    kept = {name: weights.clone() for name, weights in model.state_dict().items()}
    with torch.no_grad():
        for part, layer, head in out:
            w_o = attention(model, part, layer).out_proj.weight
            w_o[:, head * d_head : (head + 1) * d_head] = 0
    try:
        yield
    finally:
        model.load_state_dict(kept)


@contextmanager
def looking(
    model: Transformer, weights: Mapping[int, Float[Tensor, "b n_heads n_t n_s"]]
) -> Iterator[None]:
    """Within it, the cross-attention of these layers has these weights in place of its own."""

    def given(those: Tensor) -> Callable[..., Any]:
        def hook(module: Any, arguments: tuple[Tensor, ...], _: Any, __: Any) -> Any:
            d_model = module.embed_dim
            w_v, b_v = module.in_proj_weight[2 * d_model :], module.in_proj_bias[2 * d_model :]
            values = functional.linear(arguments[2], w_v, b_v)
            values = rearrange(values, "b s (h d) -> b h s d", h=module.num_heads)
            return module.out_proj(rearrange(those @ values, "b h t d -> b t (h d)")), None

        return hook

    with ExitStack() as stack:
        for layer, those in weights.items():
            module: nn.Module = attention(model, "cross", layer)
            hook = module.register_forward_hook(given(those), with_kwargs=True)
            stack.callback(hook.remove)
        yield


def cross_maps(model: Transformer, batch: Batch) -> list[Float[Tensor, "b n_heads n_t n_s"]]:
    """The model's own cross-attention, layer by layer."""
    with recorded_maps(model) as maps, torch.no_grad():
        model(batch.src, batch.tgt_in)
    return maps.cross


def digits(batch: Batch) -> Bool[Tensor, "b n_t"]:
    """Where a digit is asked for: a character that has a field."""
    assert batch.alignment is not None
    return batch.alignment.any(dim=-1)


@torch.no_grad()
def right(model: Transformer, batch: Batch) -> Bool[Tensor, "b n_t"]:
    """Whether each character is right; padding is."""
    best = model(batch.src, batch.tgt_in).argmax(dim=-1)
    correct: Tensor = (best == batch.tgt_out) | (batch.tgt_out == PAD)
    return correct


def exact(model: Transformer, batch: Batch) -> float:
    """The share of dates without a mistake."""
    return float(right(model, batch).all(dim=1).float().mean())


def digits_right(model: Transformer, batch: Batch) -> float:
    """The share of digits that are right."""
    return float(right(model, batch)[digits(batch)].float().mean())


@torch.no_grad()
def loss(model: Transformer, batch: Batch) -> float:
    """Cross entropy per character."""
    logits = model(batch.src, batch.tgt_in).flatten(0, 1)
    return float(functional.cross_entropy(logits, batch.tgt_out.flatten(), ignore_index=PAD))


def probabilities(model: Transformer, batch: Batch) -> Float[Tensor, "b n_t"]:
    """What the model gives to the true character."""
    p = model(batch.src, batch.tgt_in).softmax(dim=-1)
    return torch.gather(p, -1, batch.tgt_out[..., None])[..., 0]


def shuffled(
    weights: Float[Tensor, "b n_heads n_t n_s"], batch: Batch, seed: int
) -> Float[Tensor, "b n_heads n_t n_s"]:
    """The weights of each row dealt out to the source at random; all heads of a row alike."""
    b, _, n_t, n_s = weights.shape
    noise = torch.rand(b, 1, n_t, n_s, generator=torch.Generator().manual_seed(seed))
    order = noise.masked_fill((batch.src == PAD)[:, None, None], 2).argsort(dim=-1)
    dealt = weights.gather(-1, order.expand_as(weights))
    hidden = (batch.src == PAD)[:, None, None]
    return dealt.masked_fill(hidden, 0)


def far_away(model: Transformer, batch: Batch) -> dict[int, Float[Tensor, "b n_heads n_t n_s"]]:
    """Cross-attention far from the model's own that leaves each digit's p nearly as it is.

    The search of `reviews.far_away`, over all layers and heads at once.
    """
    own, asked = cross_maps(model, batch), digits(batch)
    with torch.no_grad():
        p = probabilities(model, batch)
    draw, padding = torch.Generator().manual_seed(0), (batch.src == PAD)[:, None, None]
    scores = [
        torch.randn(each.shape, generator=draw).masked_fill(padding, -math.inf).requires_grad_()
        for each in own
    ]
    optimizer = torch.optim.Adam(scores, lr=SEARCH_RATE)
    for _ in range(SEARCH_STEPS):
        weights = dict(enumerate(each.softmax(dim=-1) for each in scores))
        with looking(model, weights):
            change = (probabilities(model, batch) - p).abs()
        away = distance(own, weights)
        searched = (HOLD * (change - LEEWAY).relu() - away)[asked].sum()
        optimizer.zero_grad()
        searched.backward(inputs=scores)
        optimizer.step()
    return {layer: each.detach().softmax(dim=-1) for layer, each in enumerate(scores)}


def distance(
    own: list[Float[Tensor, "b n_heads n_t n_s"]],
    weights: Mapping[int, Float[Tensor, "b n_heads n_t n_s"]],
) -> Float[Tensor, "b n_t"]:
    """Of each row the divergence of the weights from the model's own, mean of layers and heads."""
    rows = [
        divergence(a.flatten(0, 2), weights[i].flatten(0, 2)).view(a.shape[:3])
        for i, a in enumerate(own)
    ]
    return torch.stack(rows).mean(dim=(0, 2))


def in_field(sizes: Float[Tensor, "b n_t n_s"], batch: Batch) -> float:
    """The share of digits whose largest size lies in their own field of the source."""
    assert batch.alignment is not None
    sizes = sizes.masked_fill((batch.src == PAD)[:, None], -1)
    hits = batch.alignment.gather(-1, sizes.argmax(dim=-1, keepdim=True))[..., 0]
    return float(hits[digits(batch)].float().mean())


@torch.no_grad()
def left_out(model: Transformer, batch: Batch) -> Float[Tensor, "b n_t n_s"]:
    """By how much log p of each character falls when a character of the source is missing."""
    whole = probabilities(model, batch).log()
    fallen = []
    for i in range(batch.src.shape[1]):
        src = torch.cat([batch.src[:, :i], batch.src[:, i + 1 :]], dim=1)
        fallen.append(whole - probabilities(model, Batch(src, batch.tgt_in, batch.tgt_out)).log())
    return torch.stack(fallen, dim=-1)


def gradient_times_input(model: Transformer, batch: Batch) -> Float[Tensor, "b n_t n_s"]:
    """Of each source character: the derivative of log p by its embedding, times the embedding."""
    embedded: list[Tensor] = []

    def keep(_: nn.Module, __: Any, result: Tensor) -> Tensor:
        embedded.append(result.detach().requires_grad_())
        return embedded[-1]

    hook = model.src_embedding.register_forward_hook(keep)
    log_p = probabilities(model, batch).log()
    hook.remove()
    slopes = [
        torch.autograd.grad(column.sum(), embedded, retain_graph=True)[0] for column in log_p.T
    ]
    return torch.stack([(each * embedded[0]).sum(dim=-1).detach() for each in slopes], dim=1)


def tau(a: Float[Tensor, "b n_t n_s"], b: Float[Tensor, "b n_t n_s"], batch: Batch) -> float:
    """Kendall's τ of two sizes over the source, mean of all digits; signs do not count."""
    found = [
        float(stats.kendalltau(a[i, t][real].abs(), b[i, t][real].abs()).statistic)
        for i, real in enumerate(batch.src != PAD)
        for t in digits(batch)[i].nonzero()[:, 0].tolist()
    ]
    return sum(found) / len(found)


def of_heads(model: Transformer, chosen_on: Batch, tested: Batch) -> dict[str, Any]:
    """Each head out alone, and two sets of heads out together."""
    whole, costs, alone = exact(model, chosen_on), {}, {}
    for head in heads(model):
        with without(model, [head]):
            costs[head], alone[head] = loss(model, chosen_on), exact(model, chosen_on)
    sets = {
        "few": sorted(costs, key=lambda head: costs[head])[:FEW],
        "harmless": [head for head, share in alone.items() if share > whole - HARMLESS],
    }
    measured: dict[str, Any] = {"alone": list(alone.values()), "harmless": len(sets["harmless"])}
    for name, out in sets.items():
        with without(model, out):
            measured[f"without {name}"] = exact(model, tested)
    return measured


def of_cross(model: Transformer, batch: Batch) -> dict[str, Any]:
    """Cross-attention layer by layer: where it looks, and what is right without it or shuffled."""
    own = cross_maps(model, batch)
    measured: dict[str, Any] = {
        "in field": [in_field(each.mean(dim=1), batch) for each in own],
        "digits": digits_right(model, batch),
    }
    last = len(own) - 1
    for name, layers in (("first", [0]), ("last", [last]), ("both", [0, last])):
        out = [head for head in heads(model) if head[0] == "cross" and head[1] in layers]
        with without(model, out):
            measured[f"without {name}"] = digits_right(model, batch)
        shares = []
        for seed in range(SHUFFLES):
            with looking(model, {layer: shuffled(own[layer], batch, seed) for layer in layers}):
                shares.append(digits_right(model, batch))
        measured[f"shuffled {name}"] = sum(shares) / SHUFFLES
    return measured


def of_search(model: Transformer, batch: Batch) -> dict[str, Any]:
    """The weights far away, and how attention, gradient × input and leaving out agree."""
    own, other = cross_maps(model, batch), far_away(model, batch)
    with torch.no_grad():
        p = probabilities(model, batch)
        with looking(model, other):
            change = (probabilities(model, batch) - p).abs()
            digits_then = digits_right(model, batch)
    sizes = {
        "attention": own[0].mean(dim=1),
        "gradient": gradient_times_input(model, batch),
        "left_out": left_out(model, batch),
    }
    pairs = (("attention", "left_out"), ("gradient", "left_out"))
    return {
        "far away": float(distance(own, other)[digits(batch)].mean()),
        "far away change": float(change[digits(batch)].mean()),
        "far away digits": digits_then,
        "far away in field": [in_field(each.mean(dim=1), batch) for each in other.values()],
        **{f"in field {name}": in_field(each.abs(), batch) for name, each in sizes.items()},
        **{f"tau {a} {b}": tau(sizes[a], sizes[b], batch) for a, b in pairs},
    }


def row(model: Transformer, seed: int) -> dict[str, Any]:
    """What is measured of a trained model."""
    model.eval()
    chosen_on = as_batch(drawn(CHOSEN_ON, random.Random(3), "valid"), aligned=True)
    tested = as_batch(unseen()[:TESTED], aligned=True)
    searched = as_batch(unseen()[:SEARCHED], aligned=True)
    measured = (
        {"seed": seed, "exact": exact(model, tested)}
        | of_heads(model, chosen_on, tested)
        | of_cross(model, tested)
        | of_search(model, searched)
    )
    return {name: _rounded(value) for name, value in measured.items()}


def rows() -> list[dict[str, Any]]:
    """One trained model a seed."""
    return [row(learn(seed)[0], seed) for seed in SEEDS]


def _rounded(value: Any) -> Any:
    """Four digits of each float, in lists too."""
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return round(value, 4) if isinstance(value, float) else value
