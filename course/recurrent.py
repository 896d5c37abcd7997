"""What the Transformer took the place of: a GRU reads, a GRU writes, with or without attention.

With `Transformer`'s two methods, so that it is trained and decoded by the same code.
"""

import math

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from course.vocabulary import PAD


class Recurrent(nn.Module):
    """A bidirectional GRU makes a state of each source token; a GRU writes the target.

    At each step the writer is handed a context: with attention a weighted mean of all states, new
    at each step (Bahdanau, Cho and Bengio, 2015); without it the same summary, the last state of
    either direction (Cho et al., 2014). Nothing else differs.

    d_state: the size of a state of the source, half of it for each direction, and of the writer's.
    """

    def __init__(
        self, src_vocab: int, tgt_vocab: int, d_model: int, d_state: int, attends: bool
    ) -> None:
        super().__init__()
        self.src_embedding = nn.Embedding(src_vocab, d_model)
        self.tgt_embedding = nn.Embedding(tgt_vocab, d_model)
        self.reader = nn.GRU(d_model, d_state // 2, batch_first=True, bidirectional=True)
        self.start = nn.Linear(d_state, d_state)
        self.score = AdditiveScore(d_state) if attends else None
        self.writer = nn.GRUCell(d_model + d_state, d_state)
        self.output = nn.Linear(2 * d_state, tgt_vocab)

    def forward(
        self, src: Int[Tensor, "b n_s"], tgt_in: Int[Tensor, "b n_t"]
    ) -> Float[Tensor, "b n_t tgt_vocab"]:
        """Logits of the token after each of `tgt_in`, which begins with bos."""
        return self.decode(tgt_in, self.encode(src), src)

    def encode(self, src: Int[Tensor, "b n_s"]) -> Float[Tensor, "b n_s d_state"]:
        """The states, those of both directions side by side; padding is not read."""
        lengths = (src != PAD).sum(dim=1)
        x = pack_padded_sequence(
            self.src_embedding(src), lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = pad_packed_sequence(
            self.reader(x)[0], batch_first=True, total_length=src.shape[1]
        )
        return states

    def decode(
        self,
        tgt_in: Int[Tensor, "b n_t"],
        memory: Float[Tensor, "b n_s d_state"],
        src: Int[Tensor, "b n_s"],
    ) -> Float[Tensor, "b n_t tgt_vocab"]:
        """Logits of the token after each of `tgt_in`, token by token."""
        context = self.summary(memory, src)
        state = self.start(context).tanh()  # (b, d_state)
        offers = None if self.score is None else self.score.of_states(memory)  # once for all steps
        written = []
        for token in self.tgt_embedding(tgt_in).unbind(dim=1):  # (b, d_model)
            if self.score is not None:
                weights = self.score(state, offers, src)  # (b, n_s)
                context = torch.einsum("b s, b s d -> b d", weights, memory)
            state = self.writer(torch.cat([token, context], dim=1), state)
            written.append(torch.cat([state, context], dim=1))
        logits: Tensor = self.output(torch.stack(written, dim=1))
        return logits

    def summary(
        self, memory: Float[Tensor, "b n_s d_state"], src: Int[Tensor, "b n_s"]
    ) -> Float[Tensor, "b d_state"]:
        """The state with which each direction ends: forwards at the last token, backwards at 0."""
        last = (src != PAD).sum(dim=1) - 1
        directions = rearrange(memory, "b s (way d) -> way b s d", way=2)
        ends = directions[0, torch.arange(len(src)), last], directions[1, :, 0]
        return torch.cat(ends, dim=1)


class AdditiveScore(nn.Module):
    """Bahdanau's weights: the score of a state is v · tanh(W writer + U state)."""

    def __init__(self, d_state: int) -> None:
        super().__init__()
        self.of_writer = nn.Linear(d_state, d_state)
        self.of_states = nn.Linear(d_state, d_state, bias=False)
        self.v = nn.Linear(d_state, 1, bias=False)

    def forward(
        self,
        writer: Float[Tensor, "b d_state"],
        offers: Float[Tensor, "b n_s d_state"],
        src: Int[Tensor, "b n_s"],
    ) -> Float[Tensor, "b n_s"]:
        """The share of each source token, of padding 0; `offers` are U times the states."""
        mixed = (self.of_writer(writer)[:, None] + offers).tanh()
        scores: Tensor = self.v(mixed)[..., 0]
        return scores.masked_fill(src == PAD, -math.inf).softmax(dim=1)
