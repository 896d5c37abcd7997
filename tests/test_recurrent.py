"""The GRUs that stand in for the Transformer: blind to padding and to the future, decodable."""

from __future__ import annotations

import pytest
import torch

from course.decoding import greedy
from course.recurrent import Recurrent
from course.vocabulary import BOS, EOS, PAD

SRC = torch.tensor([[5, 6, 7, 8], [6, 9, PAD, PAD]])
TGT_IN = torch.tensor([[BOS, 4, 5], [BOS, 6, 7]])

with_and_without = pytest.mark.parametrize("attends", [True, False])


def fresh(attends: bool) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(src_vocab=10, tgt_vocab=8, d_model=6, d_state=10, attends=attends)


@with_and_without
def test_padding_changes_nothing(attends: bool) -> None:
    model = fresh(attends)
    alone = model(SRC[1:, :2], TGT_IN[1:])
    torch.testing.assert_close(model(SRC, TGT_IN)[1:], alone)


@with_and_without
def test_no_answer_depends_on_what_is_fed_later(attends: bool) -> None:
    model = fresh(attends)
    whole = model(SRC, TGT_IN)
    torch.testing.assert_close(model(SRC, TGT_IN[:, :2]), whole[:, :2])
    assert whole.shape == (2, 3, 8)


@with_and_without
def test_every_source_token_and_parameter_has_a_say(attends: bool) -> None:
    model = fresh(attends)
    logits = model(SRC, TGT_IN)
    for place in range(SRC.shape[1]):
        other = SRC.clone()
        other[0, place] = 4
        assert not torch.equal(model(other, TGT_IN)[0, 0], logits[0, 0])
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@with_and_without
def test_greedy_decodes_it(attends: bool) -> None:
    texts = greedy(fresh(attends), SRC, BOS, EOS, max_len=5)
    assert len(texts) == 2
    assert all(len(text) <= 5 for text in texts)


def test_weights_of_attention_sum_to_one_and_spare_padding() -> None:
    model = fresh(attends=True)
    assert model.score is not None
    offers = model.score.of_states(model.encode(SRC))
    weights = model.score(torch.randn(2, 10), offers, SRC)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(2))
    assert (weights[SRC == PAD] == 0).all()


def test_the_summary_is_the_last_state_of_either_direction() -> None:
    model = fresh(attends=False)
    _, last = model.reader(model.src_embedding(SRC[1:, :2]))  # (2, 1, d_state / 2)
    expected = torch.cat([last[0], last[1]], dim=1)
    torch.testing.assert_close(model.summary(model.encode(SRC), SRC)[1:], expected)
