"""Which token came first? What recurrent networks and attention learn of it in a stated budget."""

import itertools
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

MODELS: dict[str, tuple[Callable[..., nn.RNNBase] | None, bool, bool]] = {
    "RNN": (nn.RNN, False, False),
    "LSTM": (nn.LSTM, False, False),
    "GRU": (nn.GRU, False, False),
    "RNN with attention": (nn.RNN, True, False),
    "attention": (None, True, True),
    "attention, no positions": (None, True, False),
}
"""Of each: its recurrent layer, if any; whether it attends to all states; whether it is told the
position of each."""

RECURRENT = ("RNN", "LSTM", "GRU")
LENGTHS = (5, 10, 20, 40, 80, 160)
RATES = (1e-3, 3e-3, 1e-2)
SEEDS = (0, 1, 2)
STEPS, LONG_STEPS, LONG_LENGTHS, LONG_RATE = 300, 1500, (40, 80, 160), 1e-2
VOCAB, D_MODEL, BATCH = 8, 64, 32
TEST_EVERY, TESTED, SOLVED = 25, 400, 0.99

SETTINGS: dict[str, Any] = {
    "task": "n tokens drawn at random from the vocabulary; the answer is the first",
    "vocab": VOCAB,
    "d_model": D_MODEL,
    "optimizer": "Adam",
    "batch": BATCH,
    "rates": RATES,
    "steps": STEPS,
    "long": {"steps": LONG_STEPS, "rate": LONG_RATE, "lengths": LONG_LENGTHS, "models": RECURRENT},
    "stop": f"as soon as {TESTED} fresh sequences, tried every {TEST_EVERY} steps, are answered"
    f" with an accuracy of {SOLVED} or more",
}


class Reader(nn.Module):
    """Reads n tokens and names one: embedding, states, a summary of them, scores of the vocabulary.

    The states are those of a recurrent layer, or the embeddings themselves. The summary is the last
    state, or with attention the weighted mean of all states.
    """

    def __init__(self, model: str, n: int) -> None:
        super().__init__()
        layer, attends, has_positions = MODELS[model]
        self.embedding = nn.Embedding(VOCAB, D_MODEL)
        self.positions = nn.Parameter(torch.randn(n, D_MODEL)) if has_positions else None
        self.recurrent = layer(D_MODEL, D_MODEL, batch_first=True) if layer else None
        self.score = nn.Linear(D_MODEL, 1) if attends else None
        self.answer = nn.Linear(D_MODEL, VOCAB)

    def states(self, tokens: Int[Tensor, "b n"]) -> Float[Tensor, "b n d_model"]:
        """One state a token."""
        x: Tensor = self.embedding(tokens)
        if self.positions is not None:
            x = x + self.positions
        return x if self.recurrent is None else self.recurrent(x)[0]

    def weights(self, states: Float[Tensor, "b n d_model"]) -> Float[Tensor, "b n"]:
        """The share of each state in the summary; without attention the last has all."""
        if self.score is None:
            return functional.one_hot(torch.tensor(states.shape[1] - 1)).expand(states.shape[:2])
        scores: Tensor = self.score(states)[..., 0]
        return scores.softmax(dim=-1)

    def forward(self, tokens: Int[Tensor, "b n"]) -> Float[Tensor, "b vocab"]:
        """Logits of the token that came first."""
        states = self.states(tokens)
        weights = self.weights(states).to(states.dtype)
        summary = torch.einsum("b n, b n d -> b d", weights, states)
        logits: Tensor = self.answer(summary)
        return logits


def learn(
    model: str,
    n: int,
    rate: float,
    seed: int,
    steps: int,
    change: Callable[[Reader], None] | None = None,
) -> tuple[Reader, dict[str, Any]]:
    """Train on fresh random sequences of n tokens; the reader, and its row of the table.

    change: what to do to the fresh reader before it is trained.
    """
    torch.manual_seed(seed)
    reader = Reader(model, n)
    if change is not None:
        change(reader)
    draw = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(reader.parameters(), lr=rate)

    def accuracy() -> float:
        tokens = torch.randint(VOCAB, (TESTED, n), generator=draw)
        with torch.no_grad():
            return float((reader(tokens).argmax(dim=-1) == tokens[:, 0]).float().mean())

    taken = 0
    while taken < steps:
        tokens = torch.randint(VOCAB, (BATCH, n), generator=draw)
        loss = functional.cross_entropy(reader(tokens), tokens[:, 0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        taken += 1
        if taken % TEST_EVERY == 0 and accuracy() >= SOLVED:
            break
    return reader, {
        "model": model,
        "n": n,
        "rate": rate,
        "seed": seed,
        "budget": steps,
        "steps": taken,
        "accuracy": round(accuracy(), 4),
    }


def rows() -> list[dict[str, Any]]:
    """Every model at every length and rate, then the recurrent ones at length, with more steps."""
    torch.set_flush_denormal(True)  # gradients below 1e-38 would slow long sequences fivefold
    short = itertools.product(MODELS, LENGTHS, RATES, SEEDS, [STEPS])
    long = itertools.product(RECURRENT, LONG_LENGTHS, [LONG_RATE], SEEDS, [LONG_STEPS])
    return [learn(*settings)[1] for settings in itertools.chain(short, long)]
