"""What trains and decodes in `course/`, against definitions written out, token by token."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from course.decoding import beam_search, greedy
from course.losses import alignment_nll, smoothed_cross_entropy
from course.schedules import inverse_sqrt, linear_decay, noam
from course.training import Trainer, evaluate, label_smoothed, label_smoothed_with_alignment
from course.transformer import Settings, Transformer
from course.vocabulary import BOS, EOS, PAD, UNK, Batch, Vocabulary, batch_of

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
VOCAB, EPSILON = 11, 0.1
SMALL = Settings(VOCAB, VOCAB, d_model=16, n_heads=2, d_ff=24, n_layers=2)

each_dtype = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)


def logits_and_targets(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Logits (3, 5, VOCAB), and targets (3, 5) with padding at their ends."""
    torch.manual_seed(0)
    logits = 3 * torch.randn(3, 5, VOCAB, dtype=dtype)
    targets = torch.randint(3, VOCAB, (3, 5))
    targets[1, 2:] = targets[2, 4:] = PAD
    return logits.requires_grad_(), targets


# Losses ------------------------------------------------------------------------------------------


def torchs_loss(logits: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(),
        ignore_index=PAD, label_smoothing=EPSILON, reduction="sum",
    )  # fmt: skip


def fairseqs_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """label_smoothed_nll_loss of fairseq 0.12.2, criterions/label_smoothed_cross_entropy.py.

    eps_i = ε / (K − 1); (1 − ε − eps_i) · nll + eps_i · Σ −log p, summed over what is not padding.
    """
    loss = torch.zeros((), dtype=logits.dtype)
    for row, target in zip(logits.flatten(0, 1), targets.flatten().tolist(), strict=True):
        if target != PAD:
            log_p = row - row.logsumexp(0)
            eps_i = EPSILON / (VOCAB - 1)
            loss = loss - (1 - EPSILON - eps_i) * log_p[target] - eps_i * log_p.sum()
    return loss


def annotated_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """The Annotated Transformer's: −Σ p log q with ε / (K − 2) for all but target and padding."""
    loss = torch.zeros((), dtype=logits.dtype)
    for row, target in zip(logits.flatten(0, 1), targets.flatten().tolist(), strict=True):
        if target != PAD:
            wanted = torch.full((VOCAB,), EPSILON / (VOCAB - 2), dtype=logits.dtype)
            wanted[target], wanted[PAD] = 1 - EPSILON, 0
            loss = loss - (wanted * row.log_softmax(0)).sum()
    return loss


@each_dtype
@pytest.mark.parametrize(
    ("denominator", "definition"),
    [("K", torchs_loss), ("K-1", fairseqs_loss), ("K-2", annotated_loss)],
)
def test_label_smoothing(
    denominator: Any, definition: Callable[[Tensor, Tensor], Tensor], dtype: torch.dtype
) -> None:
    logits, targets = logits_and_targets(dtype)
    ours, nll = smoothed_cross_entropy(logits, targets, EPSILON, PAD, denominator)
    theirs = definition(logits, targets)
    at = {"rtol": TOLERANCE[dtype], "atol": TOLERANCE[dtype]}
    torch.testing.assert_close(ours, theirs, **at)
    torch.testing.assert_close(
        *(torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs)), **at
    )
    plain = functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=PAD, reduction="sum"
    )
    torch.testing.assert_close(nll, plain, **at)


def fairseqs_alignment_loss(attention: Tensor, pairs: list[tuple[int, int, int]]) -> Tensor:
    """compute_alignment_loss of fairseq 0.12.2, label_smoothed_cross_entropy_with_alignment.py.

    Over pairs (sentence, target, source): −log of the weight × 1 / the target's number of pairs.
    """
    loss = torch.zeros((), dtype=attention.dtype)
    for b, t, s in pairs:
        of_target = sum(pair[:2] == (b, t) for pair in pairs)
        loss = loss - attention[b, t, s].log() / of_target
    return loss


@each_dtype
def test_alignment_loss(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    scores = torch.randn(2, 3, 4, dtype=dtype).requires_grad_()
    with torch.no_grad():
        scores[:, :, 3] = -torch.inf  # a weight of 0, where nothing is aligned
    pairs = [(0, 0, 0), (0, 0, 2), (0, 1, 1), (1, 2, 0), (1, 2, 1), (1, 2, 2)]
    alignment = torch.zeros(2, 3, 4, dtype=torch.bool)
    alignment[tuple(torch.tensor(pairs).T)] = True
    weights = scores.softmax(-1)
    losses = (alignment_nll(weights, alignment), fairseqs_alignment_loss(weights, pairs))
    at = {"rtol": TOLERANCE[dtype], "atol": TOLERANCE[dtype]}
    torch.testing.assert_close(*losses, **at)
    gradients = [torch.autograd.grad(loss, scores, retain_graph=True)[0] for loss in losses]
    torch.testing.assert_close(*gradients, **at)
    assert gradients[0].isfinite().all()
    nothing = alignment_nll(weights, torch.zeros_like(alignment))
    assert torch.autograd.grad(nothing, scores)[0].count_nonzero() == 0


def batch(seed: int, sizes: tuple[tuple[int, int], ...], aligned: bool = False) -> Batch:
    """Random pairs of given lengths."""
    draw = random.Random(seed)
    sides = [
        [[draw.randrange(UNK, VOCAB) for _ in range(n)] for n in side]
        for side in zip(*sizes, strict=True)
    ]
    alignments = [torch.rand(n_t, n_s) < 0.5 for n_s, n_t in sizes] if aligned else None
    return batch_of(*sides, alignments)


def test_the_criterion_with_alignment_adds_its_part_of_the_chosen_maps() -> None:
    torch.manual_seed(0)
    model = Transformer(SMALL).double()
    given = batch(0, ((5, 4), (3, 6)), aligned=True)
    plain, nll = label_smoothed(EPSILON, "K-1")(model, given)
    for layer, heads in ((0, 1), (1, 2)):
        criterion = label_smoothed_with_alignment(EPSILON, 0.05, layer, heads)
        loss, same = criterion(model, given)
        seen: list[Tensor] = []
        attention = model.decoder[layer].multihead_attn
        hook = attention.register_forward_pre_hook(lambda _, args, seen=seen: seen.extend(args[:2]))
        model(given.src, given.tgt_in)
        hook.remove()
        maps = attention(seen[0], seen[1], seen[1], given.src == PAD, average_attn_weights=False)
        assert given.alignment is not None
        part = alignment_nll(maps[1][:, :heads].mean(1), given.alignment)
        torch.testing.assert_close(loss, plain + 0.05 * part)
        torch.testing.assert_close(same, nll)
    with pytest.raises(ValueError, match="The batch has no alignment"):
        criterion(model, batch(0, ((2, 2),)))


# Schedules ---------------------------------------------------------------------------------------


def test_schedules_are_as_defined() -> None:
    peak, warmup, total, d_model = 0.003, 40, 200, 64
    for step in range(1, 260):
        rise = peak * step / warmup
        root, line, paper = (
            schedule(step)
            for schedule in (
                inverse_sqrt(peak, warmup),
                linear_decay(peak, warmup, total),
                noam(d_model, warmup),
            )
        )
        falls = (peak * math.sqrt(warmup / step), peak * max(0, (total - step) / (total - warmup)))
        assert root == pytest.approx(rise if step < warmup else falls[0])
        assert line == pytest.approx(rise if step < warmup else falls[1], abs=1e-15)
        assert paper == pytest.approx(d_model**-0.5 * min(step**-0.5, step * warmup**-1.5))
    assert inverse_sqrt(peak, warmup)(0) == linear_decay(peak, warmup, total)(0) == 0


# Training ----------------------------------------------------------------------------------------


def trainer(dropout: float = 0.0, dtype: torch.dtype = torch.float32, **options: Any) -> Trainer:
    torch.manual_seed(0)
    settings = Settings(VOCAB, VOCAB, d_model=16, n_heads=2, d_ff=24, n_layers=1, dropout=dropout)
    model = Transformer(settings).to(dtype)
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.9, 0.98))
    return Trainer(model, label_smoothed(EPSILON), optimizer, noam(16, 10), **options)


def test_parts_of_a_batch_train_as_the_whole() -> None:
    sizes = ((5, 4), (3, 6), (7, 2), (2, 2))
    whole = batch(0, sizes)
    parts = [
        Batch(whole.src[rows, :n_s], whole.tgt_in[rows, :n_t], whole.tgt_out[rows, :n_t])
        for rows, n_s, n_t in ((slice(0, 1), 5, 5), (slice(1, 4), 7, 7))
    ]
    assert [part.n_targets for part in parts] == [5, 13]
    trainers = trainer(dtype=torch.float64), trainer(dtype=torch.float64)
    for one, batches in zip(trainers, ([whole], parts), strict=True):
        one.update(batches)
    assert trainers[0].losses == pytest.approx(trainers[1].losses, rel=1e-12)
    for name, parameter in trainers[0].model.named_parameters():
        other = trainers[1].model.get_parameter(name)
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, other.grad, rtol=1e-9, atol=1e-12)


def test_evaluation_is_per_token_of_all_batches_and_without_dropout() -> None:
    one = trainer(dropout=0.5)
    batches = [batch(0, ((5, 4), (3, 6))), batch(1, ((2, 1),))]
    loss, nll = evaluate(one.model, one.criterion, batches)
    assert (loss, nll) == evaluate(one.model, one.criterion, batches)
    with torch.no_grad():
        sums = [one.criterion(one.model, each) for each in batches]
    n_targets = 5 + 7 + 2
    assert loss == pytest.approx(sum(float(pair[0]) for pair in sums) / n_targets)
    assert nll == pytest.approx(sum(float(pair[1]) for pair in sums) / n_targets)
    assert loss != nll


def test_the_rate_of_an_update_is_its_schedules() -> None:
    one = trainer()
    for step in (1, 2, 3):
        one.update([batch(step, ((3, 3),))])
        assert one.optimizer.param_groups[0]["lr"] == noam(16, 10)(step)


def test_a_long_gradient_is_shortened() -> None:
    norms = []
    for options in ({}, {"clip_norm": 0.01}):
        one = trainer(**options)
        one.update([batch(0, ((3, 3),))])
        norms.append(nn.utils.get_total_norm([p.grad for p in one.model.parameters()]).item())
    assert norms[0] > 0.1
    assert norms[1] == pytest.approx(0.01, rel=1e-3)


def test_resumed_training_is_the_same_to_the_bit(tmp_path: Any) -> None:
    steps = [batch(seed, ((5, 4), (3, 6))) for seed in range(8)]
    undisturbed = trainer(dropout=0.3)
    for step in steps:
        undisturbed.update([step])
    stopped = trainer(dropout=0.3)
    for step in steps[:3]:
        stopped.update([step])
    torch.save(stopped.state_dict(), tmp_path / "state.pt")
    torch.manual_seed(7)
    resumed = trainer(dropout=0.3)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for step in steps[len(resumed.losses) :]:
        resumed.update([step])
    assert resumed.losses == undisturbed.losses
    for name, weight in undisturbed.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name])


# Decoding ----------------------------------------------------------------------------------------


class Oracle:
    """A model without rhyme or reason: logits drawn anew for each source and each beginning."""

    def __init__(self, vocab: int = VOCAB) -> None:
        self.logits = torch.randn(4_001, vocab, generator=torch.Generator().manual_seed(0))
        self.logits[:, EOS] += 1.0

    def encode(self, src: Tensor) -> Tensor:
        places = torch.arange(1, src.shape[1] + 1)
        return (src * places).sum(dim=1, keepdim=True)  # (b, 1), blind to padding

    def decode(self, tgt_in: Tensor, memory: Tensor, src: Tensor) -> Tensor:
        assert self.encode(src).equal(memory)  # the two go together
        places = torch.arange(2, tgt_in.shape[1] + 2) ** 3
        return self.logits[((tgt_in * places).cumsum(dim=1) + 37 * memory) % len(self.logits)]


def next_log_p(model: Oracle, source: list[int], ids: list[int]) -> list[float]:
    src = torch.tensor([source])
    logits = model.decode(torch.tensor([[BOS, *ids]]), model.encode(src), src)
    row: list[float] = logits[0, -1].log_softmax(-1).tolist()
    return row


def naive_beam(
    model: Oracle, source: list[int], max_len: int, beam: int, lenpen: float
) -> list[tuple[list[int], float]]:
    """fairseq's rules for one sentence, with lists."""
    live: list[tuple[list[int], float]] = [([], 0.0)]
    finished: list[tuple[list[int], float]] = []
    for length in range(1, max_len + 2):
        ranked = sorted(
            (
                (score + log_p, ids, token)
                for ids, score in live
                for token, log_p in enumerate(next_log_p(model, source, ids))
                if length <= max_len or token == EOS
            ),
            reverse=True,
        )
        ends = [(ids, score / length**lenpen) for score, ids, t in ranked[:beam] if t == EOS]
        finished = (finished + ends)[:beam]
        if len(finished) == beam:
            break
        live = [([*ids, token], score) for score, ids, token in ranked if token != EOS][:beam]
    return sorted(finished, key=lambda one: -one[1])


SOURCES = batch(3, ((6, 1), (2, 1), (9, 1), (4, 1), (1, 1))).src


def unpadded(row: Tensor) -> list[int]:
    ids: list[int] = row[row != PAD].tolist()
    return ids


@pytest.mark.parametrize("max_len", [1, 12])
def test_greedy_takes_the_best_token_each_step(max_len: int) -> None:
    model = Oracle()
    found = greedy(model, SOURCES, BOS, EOS, max_len)
    for row, ids in zip(SOURCES, found, strict=True):
        expected: list[int] = []
        while len(expected) < max_len:
            log_p = next_log_p(model, unpadded(row), expected)
            token = log_p.index(max(log_p))
            if token == EOS:
                break
            expected.append(token)
        assert ids == expected
    assert max_len == 1 or len({len(ids) for ids in found}) > 2  # some end before others


@pytest.mark.parametrize("max_len", [2, 8])
@pytest.mark.parametrize("lenpen", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("beam", [1, 3, 5])
def test_beam_search_in_batches_is_that_of_single_sentences(
    beam: int, lenpen: float, max_len: int
) -> None:
    model = Oracle()
    found = beam_search(model, SOURCES, BOS, EOS, max_len, beam, lenpen)
    for row, hypotheses in zip(SOURCES, found, strict=True):
        expected = naive_beam(model, unpadded(row), max_len, beam, lenpen)
        assert [one.ids for one in hypotheses] == [ids for ids, _ in expected]
        scores = [score for _, score in expected]
        assert [one.score for one in hypotheses] == pytest.approx(scores, abs=1e-5)


def test_a_beam_wide_enough_finds_the_most_probable_sentence() -> None:
    vocab, max_len = 6, 2
    model = Oracle(vocab)
    sources = torch.tensor([[4, 5, 3], [5, 4, PAD]])
    for row, found in zip(sources, beam_search(model, sources, BOS, EOS, 2, 40, 0.0), strict=True):
        scores = {}
        tokens = [token for token in range(vocab) if token != EOS]
        for n in range(max_len + 1):
            for ids in itertools.product(tokens, repeat=n):
                whole = (*ids, EOS)
                steps = (next_log_p(model, unpadded(row), list(whole[:i])) for i in range(n + 1))
                scores[ids] = sum(step[t] for step, t in zip(steps, whole, strict=True))
        best = max(scores, key=lambda ids: scores[ids])
        assert tuple(found[0].ids) == best
        assert found[0].score == pytest.approx(scores[best], abs=1e-5)


# Vocabulary --------------------------------------------------------------------------------------


def test_symbols_and_their_numbers() -> None:
    vocabulary = Vocabulary("abc")
    assert vocabulary.encode("cab") == [6, 4, 5]
    assert vocabulary.encode("a?") == [4, UNK]
    assert vocabulary.decode([BOS, 6, 4, 5, EOS]) == ["<s>", "c", "a", "b", "</s>"]
    assert len(vocabulary) == len(vocabulary.symbols) == 7


def test_a_batch_is_filled_up_and_aligned() -> None:
    known = torch.tensor([[True, False]])
    made = batch_of([[5, 6], [7]], [[8], [9, 4]], [known, torch.zeros(2, 1, dtype=torch.bool)])
    assert made.src.tolist() == [[5, 6], [7, PAD]]
    assert made.tgt_in.tolist() == [[BOS, 8, PAD], [BOS, 9, 4]]
    assert made.tgt_out.tolist() == [[8, EOS, PAD], [9, 4, EOS]]
    assert made.n_targets == 5
    assert made.alignment is not None
    assert made.alignment.shape == (2, 3, 2)
    assert made.alignment.nonzero().tolist() == [[0, 0, 0]]
