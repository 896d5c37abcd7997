"""The Transformer: torch's encoder and decoder layers, and what they leave to whoever uses them.

What is left: embeddings and positions, masks, the order of the parts, the output layer. Nothing in
this file is about dates, losses or training. Letters and names are those of the paper.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

Layout = Literal["interleaved", "halves"]


@dataclass(frozen=True)
class Settings:
    """What a model is built from.

    Attributes:
        src_vocab, tgt_vocab: numbers of source and target symbols.
        n_layers: layers of the encoder, and as many of the decoder.
        dropout: on embeddings and on each sub-layer's output, as in the paper (section 5.4).
        norm_first: normalise before each sub-layer and after the last layer (pre-norm), not after
            each sub-layer (post-norm).
        positions: sines and cosines in turn, as in the paper; or all sines first, as in Marian and
            fairseq; or none.
        pad_id: the source symbol that is not attended.
    """

    src_vocab: int
    tgt_vocab: int
    d_model: int = 64
    n_heads: int = 4
    d_ff: int = 128
    n_layers: int = 2
    dropout: float = 0.0
    norm_first: bool = False
    positions: Layout | Literal["none"] = "interleaved"
    pad_id: int = 0


class Transformer(nn.Module):
    """Source tokens and the target's beginning → logits of each next target token."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        s = self.settings = settings
        shape = (s.d_model, s.n_heads, s.d_ff, s.dropout)
        style: dict[str, Any] = {"batch_first": True, "norm_first": s.norm_first}
        self.src_embedding = nn.Embedding(s.src_vocab, s.d_model)
        self.tgt_embedding = nn.Embedding(s.tgt_vocab, s.d_model)
        self.encoder = nn.ModuleList(
            nn.TransformerEncoderLayer(*shape, **style) for _ in range(s.n_layers)
        )
        self.decoder = nn.ModuleList(
            nn.TransformerDecoderLayer(*shape, **style) for _ in range(s.n_layers)
        )
        self.encoder_norm, self.decoder_norm = (
            nn.LayerNorm(s.d_model) if s.norm_first else nn.Identity() for _ in range(2)
        )
        self.output = nn.Linear(s.d_model, s.tgt_vocab)
        self.dropout = nn.Dropout(s.dropout)
        for embedding in (self.src_embedding, self.tgt_embedding):
            nn.init.normal_(embedding.weight, std=s.d_model**-0.5)  # of size 1 after the scale
        for layer in (*self.encoder, *self.decoder):
            _drop_outputs_only(layer)

    def forward(
        self, src: Int[Tensor, "b n_s"], tgt_in: Int[Tensor, "b n_t"]
    ) -> Float[Tensor, "b n_t tgt_vocab"]:
        """Logits of the token after each of `tgt_in`, which begins with bos."""
        return self.decode(tgt_in, self.encode(src), src)

    def encode(self, src: Int[Tensor, "b n_s"]) -> Float[Tensor, "b n_s d_model"]:
        """The memory: what the decoder attends to. Its rows at padding are never looked at."""
        x = self._embed(self.src_embedding, src)
        for layer in self.encoder:
            x = layer(x, src_key_padding_mask=src == self.settings.pad_id)  # True: hidden
        out: Tensor = self.encoder_norm(x)
        return out

    def decode(
        self,
        tgt_in: Int[Tensor, "b n_t"],
        memory: Float[Tensor, "b n_s d_model"],
        src: Int[Tensor, "b n_s"],
    ) -> Float[Tensor, "b n_t tgt_vocab"]:
        """Logits of the token after each of `tgt_in`; `src` tells where `memory` is padding.

        Padding of the target stands at its end, where the causal mask hides it already.
        """
        x = self._embed(self.tgt_embedding, tgt_in)
        future = self.future(tgt_in.shape[1]).to(x.device)
        padding = src == self.settings.pad_id
        for layer in self.decoder:
            x = layer(x, memory, tgt_mask=future, memory_key_padding_mask=padding)
        logits: Tensor = self.output(self.decoder_norm(x))
        return logits

    def future(self, n: int) -> Bool[Tensor, "n n"]:
        """Where key j is later than query i, and so hidden: torch's layers take True for hidden."""
        return torch.ones(n, n, dtype=torch.bool).triu(diagonal=1)

    def _embed(
        self, embedding: nn.Module, tokens: Int[Tensor, "b n"]
    ) -> Float[Tensor, "b n d_model"]:
        """Embedding × √d_model, plus positions."""
        s = self.settings
        x: Tensor = embedding(tokens) * math.sqrt(s.d_model)
        if s.positions != "none":
            x = x + sinusoids(tokens.shape[1], s.d_model, s.positions).to(x)
        dropped: Tensor = self.dropout(x)
        return dropped


def sinusoids(n: int, d_model: int, layout: Layout) -> Float[Tensor, "n d_model"]:
    """The encoding of positions 0 to n − 1: pairs of a sine and a cosine, of growing wavelength.

    Computed in float64 and kept in float32, in which every toolkit keeps it.
    """
    pairs = torch.arange(0, d_model, 2, dtype=torch.float64)
    angles = torch.outer(torch.arange(n, dtype=torch.float64), 10_000 ** (-pairs / d_model))
    waves = torch.stack((angles.sin(), angles.cos()))  # (2, n, d_model / 2)
    pattern = "(pair wave)" if layout == "interleaved" else "(wave pair)"
    return rearrange(waves, f"wave n pair -> n {pattern}").float()


def _drop_outputs_only(layer: Any) -> None:
    """Leave dropout where the paper has it; torch also drops weights and hidden features."""
    layer.dropout = nn.Identity()
    for attention in layer.modules():
        if isinstance(attention, nn.MultiheadAttention):
            attention.dropout = 0.0
