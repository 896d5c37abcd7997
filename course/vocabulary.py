"""Symbols and their numbers, and sequences of different lengths as one batch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

PAD, BOS, EOS, UNK = range(4)
"""Filling, begin, end, and what has no number."""

MARKS = ("<pad>", "<s>", "</s>", "<unk>")


class Vocabulary:
    """Symbols ↔ ids; the four marks come first. A text is a sequence of symbols: its characters."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self.symbols = (*MARKS, *symbols)
        self._ids = {symbol: number for number, symbol in enumerate(self.symbols)}

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: Iterable[str]) -> list[int]:
        """The id of each symbol, without begin and end."""
        return [self._ids.get(symbol, UNK) for symbol in text]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The symbol of each id."""
        return [self.symbols[number] for number in ids]


@dataclass(frozen=True)
class Batch:
    """Sentence pairs as tensors, filled up with PAD.

    Attributes:
        src: the source.
        tgt_in: begin, then the target: what the decoder is fed.
        tgt_out: the target, then end: what it is asked for.
        alignment: True where target token i comes from source token j; None where nobody knows.
    """

    src: Int[Tensor, "b n_s"]
    tgt_in: Int[Tensor, "b n_t"]
    tgt_out: Int[Tensor, "b n_t"]
    alignment: Bool[Tensor, "b n_t n_s"] | None = None

    @property
    def n_targets(self) -> int:
        """Tokens that are asked for: all of `tgt_out` but its padding."""
        return int((self.tgt_out != PAD).sum())


def padded(rows: Sequence[Sequence[int]]) -> Int[Tensor, "b n"]:
    """Rows of ids, each filled up to the longest."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows])


def batch_of(
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    alignments: Sequence[Bool[Tensor, "n_t n_s"]] | None = None,
) -> Batch:
    """Ids of sentence pairs, without begin and end, as a batch; alignments of those ids."""
    src = padded(sources)
    tgt_in = padded([[BOS, *target] for target in targets])
    tgt_out = padded([[*target, EOS] for target in targets])
    if alignments is None:
        return Batch(src, tgt_in, tgt_out)
    alignment = torch.zeros(*tgt_out.shape, src.shape[1], dtype=torch.bool)
    for whole, known in zip(alignment, alignments, strict=True):
        whole[: known.shape[0], : known.shape[1]] = known
    return Batch(src, tgt_in, tgt_out, alignment)
