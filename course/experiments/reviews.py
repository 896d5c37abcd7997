"""Does attention tell what a reader used? Small readers of made-up reviews, where it is known.

A review says of three or five things that they were good or bad, and asks: more good than bad?
Only its adjectives matter. All readers take the weighted mean of one state a word, with weights
from one head of attention, and differ in what a state knows.
"""

import functools
import math
import random
from collections.abc import Callable
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from scipy import stats  # type: ignore[import-untyped]
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from course.transformer import sinusoids
from course.vocabulary import PAD, Vocabulary, padded

Context = Literal["words alone", "Transformer", "GRU"]
"""What makes the states: the word's embedding; a Transformer's layer; a GRU in both directions."""

CONTEXTS: tuple[Context, ...] = ("words alone", "Transformer", "GRU")

GOOD = "good great kind lovely warm clean fresh bright quick cosy quiet tasty".split()
BAD = "bad awful rude ugly cold dirty stale dark slow damp noisy bland".split()
THINGS = "soup bread fish tea room bed garden waiter music house price view".split()
DEGREES = "very rather quite always often".split()
JOINTS = "and but while also".split()
WORDS = Vocabulary(["the", "was", *GOOD, *BAD, *THINGS, *DEGREES, *JOINTS])
ADJECTIVES = torch.tensor([word in (*GOOD, *BAD) for word in WORDS.symbols])

SEEDS = (0, 1, 2, 3, 4)
D_MODEL, N_HEADS, D_FF = 32, 4, 64
STEPS, BATCH, RATE = 500, 64, 3e-3
TESTED, SHUFFLES = 200, 20
SEARCH_STEPS, SEARCH_RATE, LEEWAY, HOLD = 200, 0.1, 0.01, 50.0
GUIDED, GUIDED_EPOCHS = 2_000, 16
LEAST = 1e-30
"""In place of 0 below a logarithm: padding has weight 0, and must not make gradients NaN."""

SETTINGS: dict[str, Any] = {
    "task": "three or five clauses; is the number of good adjectives the larger one?",
    "d_model": D_MODEL,
    "optimizer": "Adam",
    "rate": f"{RATE}, linearly to 0",
    "batch": BATCH,
    "steps": STEPS,
    "tested reviews": TESTED,
    "shuffles": SHUFFLES,
    "erased": "weights set to 0 one after the other until the answer turns, the rest shared out",
    "search": f"{SEARCH_STEPS} steps of Adam at {SEARCH_RATE}: largest Jensen-Shannon divergence"
    f" while p changes by {LEEWAY} or less (each unit above costs {HOLD})",
    "guided": f"words alone, {GUIDED_EPOCHS} times over {GUIDED} reviews, weights given",
}


def review(draw: random.Random) -> tuple[list[str], bool]:
    """The words of a review, and whether it says more good than bad."""
    words: list[str] = []
    n_clauses, n_good = draw.choice((3, 5)), 0
    for clause in range(n_clauses):
        good = draw.random() < 0.5
        words += [draw.choice(JOINTS)] if clause else []
        words += ["the", draw.choice(THINGS), "was"]
        words += [draw.choice(DEGREES)] if draw.random() < 0.5 else []
        words += [draw.choice(GOOD if good else BAD)]
        n_good += good
    return words, 2 * n_good > n_clauses


def reviews(count: int, draw: random.Random) -> tuple[Int[Tensor, "b n"], Float[Tensor, " b"]]:
    """Reviews as ids, filled up with PAD, and their answers, 1 for more good than bad."""
    made = [review(draw) for _ in range(count)]
    tokens = padded([WORDS.encode(words) for words, _ in made])
    return tokens, torch.tensor([float(good) for _, good in made])


class Reader(nn.Module):
    """Tokens → the logit of "more good than bad": states, weights, weighted mean, one linear layer.

    attends: whether the weights are learnt; otherwise they are all equal.
    """

    def __init__(self, context: Context, attends: bool = True) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(WORDS), D_MODEL)
        self.gru = self.layer = None
        if context == "GRU":
            self.gru = nn.GRU(D_MODEL, D_MODEL // 2, batch_first=True, bidirectional=True)
        if context == "Transformer":
            self.layer = nn.TransformerEncoderLayer(D_MODEL, N_HEADS, D_FF, 0.0, batch_first=True)
        self.score = nn.Linear(D_MODEL, 1, bias=False) if attends else None  # the query
        self.answer = nn.Linear(D_MODEL, 1)

    def states(
        self, tokens: Int[Tensor, "b n"], embedded: Float[Tensor, "b n d"] | None = None
    ) -> Float[Tensor, "b n d"]:
        """One state a token. `embedded`: in place of the embeddings, to be differentiated."""
        x: Tensor = self.embedding(tokens) if embedded is None else embedded
        if self.gru is not None:
            packed = pack_padded_sequence(
                x, (tokens != PAD).sum(dim=1), batch_first=True, enforce_sorted=False
            )
            read, _ = self.gru(packed)
            x = pad_packed_sequence(read, batch_first=True, total_length=tokens.shape[1])[0]
        if self.layer is not None:
            x = x + sinusoids(tokens.shape[1], D_MODEL, "interleaved")
            x = self.layer(x, src_key_padding_mask=tokens == PAD)
        return x

    def weights(
        self, tokens: Int[Tensor, "b n"], states: Float[Tensor, "b n d"]
    ) -> Float[Tensor, "b n"]:
        """The share of each token in the mean; of padding 0."""
        scores = (
            states.new_zeros(tokens.shape) if self.score is None else self.score(states)[..., 0]
        )
        return scores.masked_fill(tokens == PAD, -math.inf).softmax(dim=1)

    def conclude(
        self, weights: Float[Tensor, "b n"], states: Float[Tensor, "b n d"]
    ) -> Float[Tensor, " b"]:
        """The logit that these weights give."""
        mean = torch.einsum("b n, b n d -> b d", weights, states)
        logit: Tensor = self.answer(mean)[:, 0]
        return logit

    def forward(
        self, tokens: Int[Tensor, "b n"], weights: Float[Tensor, "b n"] | None = None
    ) -> Float[Tensor, " b"]:
        """Logits, with the reader's own weights or others in their place."""
        states = self.states(tokens)
        return self.conclude(self.weights(tokens, states) if weights is None else weights, states)


def learn(context: Context, seed: int, attends: bool = True) -> Reader:
    """Train a reader on fresh reviews."""
    torch.manual_seed(seed)
    reader, draw = Reader(context, attends), random.Random(seed)
    _fit(reader, lambda: (*reviews(BATCH, draw), None), STEPS)
    return reader.eval()


def _fit(
    reader: Reader, batch: Callable[[], tuple[Tensor, Tensor, Tensor | None]], steps: int
) -> None:
    """Adam, its rate linearly to 0, on batches of tokens, answers and perhaps weights."""
    optimizer = torch.optim.Adam(reader.parameters(), lr=RATE)
    for step in range(steps):
        tokens, answers, weights = batch()
        loss = functional.binary_cross_entropy_with_logits(reader(tokens, weights), answers)
        optimizer.zero_grad()
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - step / steps)
        optimizer.step()


def tested() -> tuple[Int[Tensor, "b n"], Float[Tensor, " b"]]:
    """The reviews on which all is measured."""
    return reviews(TESTED, random.Random("tested"))


@torch.no_grad()
def attention(reader: Reader, tokens: Int[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """The reader's own weights."""
    return reader.weights(tokens, reader.states(tokens))


@torch.no_grad()
def accuracy(reader: Reader, weights: Float[Tensor, "b n"] | None = None) -> float:
    """The share of right answers to the tested reviews, with other weights if some are given."""
    tokens, answers = tested()
    return float(((reader(tokens, weights) > 0) == (answers > 0)).float().mean())


def gradient_times_input(reader: Reader, tokens: Int[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """Of each token: the derivative of the logit by its embedding, times that embedding."""
    embedded = reader.embedding(tokens).detach().requires_grad_()
    states = reader.states(tokens, embedded)
    logits = reader.conclude(reader.weights(tokens, states), states)
    (slopes,) = torch.autograd.grad(logits.sum(), embedded)
    products: Tensor = slopes * embedded
    return products.sum(dim=-1).detach()


@torch.no_grad()
def left_out(reader: Reader, tokens: Int[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """Of each token: by how much the logit falls when the review is read without it."""
    shorter = [
        torch.cat([tokens[:, :i], tokens[:, i + 1 :]], dim=1) for i in range(tokens.shape[1])
    ]
    return torch.stack([reader(tokens) - reader(each) for each in shorter], dim=1)


def taus(
    a: Float[Tensor, "b n"], b: Float[Tensor, "b n"], real: Bool[Tensor, "b n"]
) -> Float[Tensor, " b"]:
    """Kendall's τ of two sizes of importance, review by review; signs do not count."""
    rows = zip(a.abs(), b.abs(), real, strict=True)
    return torch.tensor([float(stats.kendalltau(x[r], y[r]).statistic) for x, y, r in rows])


def adjectives_first(
    importance: Float[Tensor, "b n"], tokens: Int[Tensor, "b n"]
) -> Float[Tensor, " b"]:
    """Of each review the share of pairs, adjective and other word, that have the right order."""
    shares = []
    for sizes, row in zip(importance.abs(), tokens, strict=True):
        matters = ADJECTIVES[row]
        above = sizes[matters][:, None] > sizes[~matters & (row != PAD)]
        shares.append(above.float().mean())
    return torch.stack(shares)


def divergence(p: Float[Tensor, "b n"], q: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
    """Jensen-Shannon, in nats: 0 for equal weights, ln 2 = .69 for weights that never overlap."""
    middle = (p + q) / 2
    ratios = [(each / middle.clamp_min(LEAST)).clamp_min(LEAST) for each in (p, q)]
    halves = [torch.xlogy(p, ratios[0]).sum(dim=1), torch.xlogy(q, ratios[1]).sum(dim=1)]
    return (halves[0] + halves[1]) / 2


def shuffled(
    weights: Float[Tensor, "b n"], tokens: Int[Tensor, "b n"], seed: int
) -> Float[Tensor, "b n"]:
    """The weights of each review, dealt out to its words at random."""
    draw = torch.Generator().manual_seed(seed)
    dealt = weights.clone()
    for row, own, n in zip(dealt, weights, (tokens != PAD).sum(dim=1).tolist(), strict=True):
        row[:n] = own[torch.randperm(n, generator=draw)]
    return dealt


@torch.no_grad()
def added(reader: Reader, tokens: Int[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """Of each word: what it adds to the answer given, its weight × its value; negative if against.

    A state's value is the derivative of the logit by its weight.
    """
    states = reader.states(tokens)
    weights = reader.weights(tokens, states)
    values = states @ reader.answer.weight[0]
    given = torch.where(reader.conclude(weights, states) > 0, 1.0, -1.0)
    return weights * values * given[:, None]


@torch.no_grad()
def erased(
    reader: Reader, tokens: Int[Tensor, "b n"], importance: Float[Tensor, "b n"]
) -> Float[Tensor, " b"]:
    """Of each review: the share of its words that lose their weight until the answer turns.

    The most important first, as Serrano and Smith (2019) erase them; the rest share the weight in
    the old proportion. 1 if the answer never turns.
    """
    states = reader.states(tokens)
    own = reader.weights(tokens, states)
    yes, n = reader.conclude(own, states) > 0, (tokens != PAD).sum(dim=1)
    order = importance.masked_fill(tokens == PAD, -math.inf).argsort(dim=1, descending=True)
    rank, shares = order.argsort(dim=1), torch.ones(len(tokens))
    for k in reversed(range(1, tokens.shape[1])):  # the fewest that turn it are written last
        left = own.masked_fill(rank < k, 0)
        left = left / left.sum(dim=1, keepdim=True).clamp_min(LEAST)
        turned = ((reader.conclude(left, states) > 0) != yes) & (k < n)
        shares = torch.where(turned, k / n, shares)
    return shares


def far_away(reader: Reader, tokens: Int[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """Of each review the weights farthest from the reader's own with nearly the same p, by search.

    As Jain and Wallace (2019) search them: a gradient ascent on the divergence, held back where p
    changes by more than LEEWAY.
    """
    with torch.no_grad():
        states = reader.states(tokens)
        own = reader.weights(tokens, states)
        p = reader.conclude(own, states).sigmoid()
    start = torch.randn(tokens.shape, generator=torch.Generator().manual_seed(0))
    scores = start.masked_fill(tokens == PAD, -math.inf).requires_grad_()
    optimizer = torch.optim.Adam([scores], lr=SEARCH_RATE)
    for _ in range(SEARCH_STEPS):
        weights = scores.softmax(dim=1)
        change = (reader.conclude(weights, states).sigmoid() - p).abs()
        loss = HOLD * (change - LEEWAY).relu() - divergence(own, weights)
        optimizer.zero_grad()
        loss.sum().backward(inputs=[scores])
        optimizer.step()
    return scores.detach().softmax(dim=1)


def guided(weights: Callable[[Int[Tensor, "b n"]], Float[Tensor, "b n"]], seed: int) -> float:
    """Accuracy of words alone, trained with weights that are given and stay as they are.

    The diagnostic of Wiegreffe and Pinter (2019): do the weights know where the words are that
    matter, apart from the states they were made for?
    """
    torch.manual_seed(seed)
    draw = random.Random(f"guided {seed}")
    tokens, answers = reviews(GUIDED, draw)
    given = weights(tokens)
    order = [draw.sample(range(GUIDED), BATCH) for _ in range(GUIDED * GUIDED_EPOCHS // BATCH)]
    batches = ((tokens[i], answers[i], given[i]) for i in map(torch.tensor, order))
    student = Reader("words alone", attends=False)
    _fit(student, lambda: next(batches), len(order))
    return accuracy(student, weights(tested()[0]))


@torch.no_grad()
def change_of_p(
    reader: Reader, tokens: Int[Tensor, "b n"], weights: Float[Tensor, "b n"]
) -> Float[Tensor, " b"]:
    """How far p moves, review by review, when these weights take the place of the reader's own."""
    moved: Tensor = reader(tokens, weights).sigmoid() - reader(tokens).sigmoid()
    return moved.abs()


@torch.no_grad()
def of_shuffles(reader: Reader, tokens: Int[Tensor, "b n"]) -> tuple[float, float]:
    """With its own weights shuffled: how far p moves, and the share of answers that stay."""
    own, yes, moved, stay = attention(reader, tokens), reader(tokens) > 0, [], []
    for seed in range(SHUFFLES):
        dealt = shuffled(own, tokens, seed)
        moved.append(change_of_p(reader, tokens, dealt).mean())
        stay.append(((reader(tokens, dealt) > 0) == yes).float().mean())
    return float(sum(moved)) / SHUFFLES, float(sum(stay)) / SHUFFLES


def of_erasing(reader: Reader, tokens: Int[Tensor, "b n"]) -> dict[str, float]:
    """The share of words to erase, by attention, by what they add, and in random order."""
    draw = torch.Generator().manual_seed(0)
    at_random = [
        erased(reader, tokens, torch.rand(tokens.shape, generator=draw)) for _ in range(SHUFFLES)
    ]
    return {
        "erased attention": float(erased(reader, tokens, attention(reader, tokens)).mean()),
        "erased added": float(erased(reader, tokens, added(reader, tokens)).mean()),
        "erased random": float(torch.stack(at_random).mean()),
    }


def equal(tokens: Int[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """The same weight for every word."""
    return (tokens != PAD) / (tokens != PAD).sum(dim=1, keepdim=True)


def row(reader: Reader, simple: Reader) -> dict[str, float]:
    """What is measured of a reader; `simple`: one of words alone, to hand its weights to."""
    tokens, _ = tested()
    real, own, other = tokens != PAD, attention(reader, tokens), far_away(reader, tokens)
    sizes = {
        "attention": own,
        "gradient": gradient_times_input(reader, tokens),
        "left_out": left_out(reader, tokens),
    }
    pairs = (("attention", "left_out"), ("attention", "gradient"), ("gradient", "left_out"))
    moved, stay = of_shuffles(reader, tokens)
    measured: dict[str, float | Tensor] = {
        "accuracy": accuracy(reader),
        **{f"tau {a} {b}": taus(sizes[a], sizes[b], real).mean() for a, b in pairs},
        **{f"first {a}": adjectives_first(sizes[a], tokens).mean() for a in sizes},
        "on adjectives": (own * ADJECTIVES[tokens]).sum(dim=1).mean(),
        "shuffled": moved,
        "shuffled answers": stay,
        **of_erasing(reader, tokens),
        "equal": change_of_p(reader, tokens, equal(tokens)).mean(),
        "far away": divergence(own, other).mean(),
        "far away on adjectives": (other * ADJECTIVES[tokens]).sum(dim=1).mean(),
        "far away change": change_of_p(reader, tokens, other).mean(),
        "far away change elsewhere": change_of_p(simple, tokens, other).mean(),
    }
    return {name: round(float(value), 4) for name, value in measured.items()}


def of_guides(reader: Reader, seed: int) -> dict[str, float]:
    """How well words alone do with the reader's weights, those far away, and equal ones."""
    guides: dict[str, Callable[[Tensor], Tensor]] = {
        "own": functools.partial(attention, reader),
        "far away": functools.partial(far_away, reader),
        "equal": equal,
    }
    return {f"guided by {name}": round(guided(guide, seed), 4) for name, guide in guides.items()}


def rows() -> list[dict[str, Any]]:
    """Each kind of reader on each seed."""
    tokens, _ = tested()
    readers = {(kind, seed): learn(kind, seed) for kind in CONTEXTS for seed in SEEDS}
    made = []
    for (kind, seed), reader in readers.items():
        next_seed = SEEDS[(SEEDS.index(seed) + 1) % len(SEEDS)]
        apart = divergence(attention(reader, tokens), attention(readers[kind, next_seed], tokens))
        made.append(
            {"context": kind, "seed": seed}
            | row(reader, readers["words alone", seed])
            | {"next seed": round(float(apart.mean()), 4)}
            | {"trained with equal": round(accuracy(learn(kind, seed, attends=False)), 4)}
            | of_guides(reader, seed)
        )
    return made
