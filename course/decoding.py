"""From logits to sentences, many at a time: the best token each step, or the best beam."""

from typing import NamedTuple, Protocol

import torch
from jaxtyping import Int
from torch import Tensor


class EncoderDecoder(Protocol):
    """What can be decoded: the `Transformer`, or anything with its two methods."""

    def encode(self, src: Tensor) -> Tensor:
        """Source tokens (b, n_s) → memory, its first axis b."""

    def decode(self, tgt_in: Tensor, memory: Tensor, src: Tensor) -> Tensor:
        """Target tokens (b, n_t) → logits of each next one, (b, n_t, tgt_vocab)."""


class Hypothesis(NamedTuple):
    """A sentence without begin and end, and its score."""

    ids: list[int]
    score: float


@torch.no_grad()
def greedy(
    model: EncoderDecoder, src: Int[Tensor, "b n_s"], bos_id: int, eos_id: int, max_len: int
) -> list[list[int]]:
    """Of each source the most probable token, again and again, until the end or `max_len`."""
    memory = model.encode(src)
    out = torch.full((len(src), 1), bos_id)
    while out.shape[1] <= max_len and not (out == eos_id).any(dim=1).all():
        logits = model.decode(out, memory, src)[:, -1]
        out = torch.cat([out, logits.argmax(dim=-1, keepdim=True)], dim=1)
    rows: list[list[int]] = out[:, 1:].tolist()
    return [row[: row.index(eos_id)] if eos_id in row else row for row in rows]


@torch.no_grad()
def beam_search(
    model: EncoderDecoder,
    src: Int[Tensor, "b n_s"],
    bos_id: int,
    eos_id: int,
    max_len: int,
    beam: int,
    lenpen: float = 1.0,
) -> list[list[Hypothesis]]:
    """Of each source up to `beam` sentences, the best first, by fairseq's rules.

    Each step ranks all continuations of the `beam` live beginnings by their log-probability. An
    ending among the first `beam` is finished, with the score log p / (tokens with end)^lenpen. The
    best `beam` others live on. A source is done when it has `beam` finished sentences; after
    `max_len` tokens only the end may follow.
    """
    b = len(src)
    memory, src = (x.repeat_interleave(beam, dim=0) for x in (model.encode(src), src))
    out = torch.full((b, beam, 1), bos_id)
    scores = torch.full((b, beam), -torch.inf)
    scores[:, 0] = 0.0  # all beginnings are the same: one lives
    finished: list[list[Hypothesis]] = [[] for _ in range(b)]
    for length in range(1, max_len + 2):
        log_p = model.decode(out.flatten(0, 1), memory, src)[:, -1].log_softmax(dim=-1)
        if length > max_len:
            log_p[:, torch.arange(log_p.shape[1]) != eos_id] = -torch.inf
        totals = scores[:, :, None] + log_p.view(b, beam, -1)  # (b, beam, vocab)
        ranked, where = totals.flatten(1).topk(2 * beam)  # enough: at most `beam` of them end
        parents, tokens = where // totals.shape[2], where % totals.shape[2]
        ends = tokens == eos_id
        for i, rank in (ends[:, :beam] & ranked[:, :beam].isfinite()).nonzero().tolist():
            if len(finished[i]) < beam:
                ids = out[i, parents[i, rank], 1:].tolist()
                finished[i].append(Hypothesis(ids, float(ranked[i, rank]) / length**lenpen))
        if all(len(found) == beam for found in finished):
            break
        scores, kept = ranked.masked_fill(ends, -torch.inf).topk(beam)
        rows = parents.gather(1, kept)[:, :, None].expand(-1, -1, out.shape[2])
        out = torch.cat([out.gather(1, rows), tokens.gather(1, kept)[:, :, None]], dim=2)
    return [sorted(found, key=lambda one: one.score, reverse=True) for found in finished]
