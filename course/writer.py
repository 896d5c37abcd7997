"""A small model that writes dates, character by character, around an attention that is handed in.

Assignments put the reader's own attention, mask and positions to use here.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from course.dates import written_dates

BEGIN, END = "⊢", "⊣"
D_MODEL, N_HEADS, D_FF = 64, 4, 128
BATCH, STEPS, RATE = 64, 800, 3e-3
LENGTH = 32
"""Characters of a sample: the begin, a date, and ends to fill up."""


class Writer(nn.Module):
    """Predicts the next character: embedding (+ positions), attention, feed-forward.

    attention: a module called as `attention(query, key, value, mask)`, giving (out, weights).
    mask: (n, n), True where a character may attend another.
    positions: a module from (b, n, d_model) to the same, or None for a model without order.
    """

    def __init__(
        self,
        attention: nn.Module,
        mask: Bool[Tensor, "n n"],
        positions: nn.Module | None = None,
    ) -> None:
        super().__init__()
        texts = written_dates(2_000, seed=0)
        self.alphabet = sorted({*"".join(texts), BEGIN, END})
        self.embedding = nn.Embedding(len(self.alphabet), D_MODEL)
        self.positions = positions or nn.Identity()
        self.attention, self.mask = attention, mask
        self.norm = nn.LayerNorm(D_MODEL)
        self.feed_forward = nn.Sequential(
            nn.Linear(D_MODEL, D_FF), nn.ReLU(), nn.Linear(D_FF, len(self.alphabet))
        )

    def forward(self, tokens: Int[Tensor, "b n"]) -> Float[Tensor, "b n vocab"]:
        """Logits for the character after each of `tokens`."""
        logits: Tensor = self.feed_forward(self._attend(tokens)[0])
        return logits

    def _attend(self, tokens: Int[Tensor, "b n"]) -> tuple[Tensor, Tensor]:
        """What each character knows of those it may attend, (b, n, d_model), and the weights."""
        n = tokens.shape[1]
        x = self.positions(self.embedding(tokens))
        seen, weights = self.attention(x, x, x, self.mask[:n, :n])
        return self.norm(x + seen), weights

    def encode(self, texts: list[str]) -> Int[Tensor, "b n"]:
        """Each text as ids of its characters, then ends, `LENGTH` in all."""
        padded = [(text + END * LENGTH)[:LENGTH] for text in texts]
        return torch.tensor([[self.alphabet.index(c) for c in text] for text in padded])

    @torch.no_grad()
    def attention_of(self, text: str) -> Float[Tensor, "n_heads n n"]:
        """The weights of each head, as the model reads the begin and `text`."""
        tokens = self.encode([BEGIN + text])[:, : len(text) + 1]
        weights: Tensor = self._attend(tokens)[1][0]
        return weights

    @torch.no_grad()
    def chances_after(self, text: str) -> Float[Tensor, " vocab"]:
        """The probability of each character of the alphabet after the begin and `text`."""
        tokens = self.encode([BEGIN + text])[:, : len(text) + 1]
        logits: Tensor = self(tokens)[0, -1]
        return logits.softmax(dim=-1)

    def write(self, seed: int) -> str:
        """One text: character after character, each drawn by its probability, until the end."""
        generator = torch.Generator().manual_seed(seed)
        text = ""
        while len(text) < LENGTH - 1:
            drawn = torch.multinomial(self.chances_after(text), 1, generator=generator)
            character = self.alphabet[int(drawn)]
            if character == END:
                break
            text += character
        return text.replace(BEGIN, "")


def learn_to_write(
    attention: nn.Module,
    mask: Bool[Tensor, "n n"],
    shift_right: Callable[[Tensor, int], Tensor],
    positions: nn.Module | None = None,
) -> tuple[Writer, float]:
    """Train a `Writer` with teacher forcing; the model, and its loss on dates it has not seen.

    The loss is in nats per date: the sum of −log p over its characters and one end. What fills a
    sample up after its end is neither learnt nor counted.
    """
    torch.manual_seed(0)
    model = Writer(attention, mask, positions)
    begin, end = (model.alphabet.index(mark) for mark in (BEGIN, END))
    texts, unseen = (
        model.encode(written_dates(count, seed)) for count, seed in ((4000, 0), (500, 1))
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)

    def nats_on(targets: Tensor) -> Tensor:
        """−log p of what is asked for, (b · n,), without the filling."""
        fed = shift_right(targets, begin)  # (b, n)
        counts = fed != end
        return functional.cross_entropy(model(fed)[counts], targets[counts], reduction="none")

    for _ in range(STEPS):
        loss = nats_on(texts[torch.randint(len(texts), (BATCH,))]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return model, nats_on(unseen).sum().item() / len(unseen)
