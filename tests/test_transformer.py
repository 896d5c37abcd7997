"""The model of `course/`: what it may see, its maps, and equal outputs in three other toolkits.

Parity is asserted with random weights and biases in every layer, in float32 to 1e-5 and in float64
to 1e-12; CTranslate2 has no float64.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import ctranslate2
import pytest
import torch
from torch import Tensor, nn
from transformers import MarianMTModel

from course import convert
from course.decoding import beam_search, greedy
from course.maps import recorded_maps
from course.opennmt import to_ctranslate2
from course.transformer import Settings, Transformer, sinusoids
from course.vocabulary import BOS, EOS, Vocabulary, batch_of

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
SOURCE, TARGET = Vocabulary("abcdefgh"), Vocabulary("uvwxyz")
SMALL = Settings(len(SOURCE), len(TARGET), d_model=24, n_heads=4, d_ff=40, n_layers=2)
TEXTS = (("abcdefgh", "xyz"), ("ca", "zuzuu"), ("bdfh", ""))
BATCH = batch_of(
    [SOURCE.encode(source) for source, _ in TEXTS], [TARGET.encode(target) for _, target in TEXTS]
)

each_dtype = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
each_norm = pytest.mark.parametrize("norm_first", [False, True], ids=["post-norm", "pre-norm"])
each_layout = pytest.mark.parametrize("positions", ["interleaved", "halves"])


def model_of(settings: Settings, dtype: torch.dtype = torch.float32) -> Transformer:
    """A model for evaluation with every number at random: fresh norms and biases hide mistakes."""
    torch.manual_seed(0)
    model = Transformer(settings).to(dtype).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model


def assert_equal(ours: Tensor, theirs: Tensor) -> None:
    tolerance = TOLERANCE[ours.dtype]
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


# What it may see ---------------------------------------------------------------------------------


def sources(of: Tensor, outputs: Tensor) -> Tensor:
    """Which rows of `of` (b, n, d) the outputs (b, m, ...) depend on, as (b, m, n)."""
    rows = []
    for i in range(outputs.shape[1]):
        (gradient,) = torch.autograd.grad(outputs[:, i].sum(), of, retain_graph=True)
        rows.append(gradient.abs().sum(-1) > 0)
    return torch.stack(rows, 1)


@each_norm
def test_a_target_token_sees_itself_and_what_came_before(norm_first: bool) -> None:
    model = model_of(replace(SMALL, norm_first=norm_first))
    vectors: list[Tensor] = []

    def keep(_: nn.Module, __: object, out: Tensor) -> None:
        vectors.append(out.requires_grad_())

    model.tgt_embedding.register_forward_hook(keep)
    logits = model(BATCH.src, BATCH.tgt_in).sin()
    n = BATCH.tgt_in.shape[1]
    assert torch.equal(
        sources(vectors[0], logits), torch.ones(n, n).tril().bool().expand(len(TEXTS), n, n)
    )


@each_norm
def test_padding_changes_nothing(norm_first: bool) -> None:
    model = model_of(replace(SMALL, norm_first=norm_first), torch.float64)
    together = model(BATCH.src, BATCH.tgt_in)
    for i, (source, target) in enumerate(TEXTS):
        alone = batch_of([SOURCE.encode(source)], [TARGET.encode(target)])
        assert_equal(together[i, : len(target) + 1], model(alone.src, alone.tgt_in)[0])


def test_the_order_of_the_source_counts_by_positions_alone() -> None:
    src, turned = (torch.tensor([SOURCE.encode(text)]) for text in ("abcd", "dcba"))
    for positions, same in (("interleaved", False), ("halves", False), ("none", True)):
        model = model_of(replace(SMALL, positions=positions), torch.float64)
        logits = [model(tokens, BATCH.tgt_in[:1]) for tokens in (src, turned)]
        assert torch.allclose(*logits, atol=1e-12) is same


def test_every_parameter_learns() -> None:
    model = Transformer(SMALL)
    model(BATCH.src, BATCH.tgt_in).sin().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_an_embedding_is_of_size_1_after_its_scale() -> None:
    torch.manual_seed(0)
    model = Transformer(Settings(1_000, 1_000, positions="none"))
    x = model._embed(model.src_embedding, torch.arange(1_000)[None])
    assert float(x.detach().std()) == pytest.approx(1.0, abs=0.05)


def test_sinusoids_are_the_papers() -> None:
    n, d_model = 50, 8
    table = sinusoids(n, d_model, "interleaved")
    for p in range(n):
        for i in range(d_model // 2):
            angle = p / 10_000 ** (2 * i / d_model)
            expected = [math.sin(angle), math.cos(angle)]
            assert table[p, 2 * i : 2 * i + 2].tolist() == pytest.approx(expected, abs=1e-6)
    halves = torch.cat([table[:, 0::2], table[:, 1::2]], dim=1)
    assert torch.equal(sinusoids(n, d_model, "halves"), halves)


def test_dropout_leaves_attention_weights_whole() -> None:
    model = model_of(replace(SMALL, dropout=0.5)).train()
    with recorded_maps(model) as maps:
        first, second = (model(BATCH.src, BATCH.tgt_in) for _ in range(2))
    assert not torch.allclose(first, second)
    for weights in (*maps.encoder, *maps.decoder, *maps.cross):
        assert_equal(weights.sum(-1), torch.ones(weights.shape[:-1]))


# Its maps ----------------------------------------------------------------------------------------


@each_norm
def test_maps_are_of_every_layer_and_head_and_disturb_nothing(norm_first: bool) -> None:
    model = model_of(replace(SMALL, norm_first=norm_first), torch.float64)
    with recorded_maps(model) as maps:
        recorded = model(BATCH.src, BATCH.tgt_in)
    plain = model(BATCH.src, BATCH.tgt_in)
    assert_equal(recorded, plain)
    b, n_s, n_t = *BATCH.src.shape, BATCH.tgt_in.shape[1]
    sizes = ((maps.encoder, n_s, n_s), (maps.decoder, n_t, n_t), (maps.cross, n_t, n_s))
    for layers, n_q, n_k in sizes:
        assert len(layers) == SMALL.n_layers  # and no more by the call after
        assert all(weights.shape == (b, SMALL.n_heads, n_q, n_k) for weights in layers)
    hidden = (BATCH.src == SMALL.pad_id)[:, None, None]
    for weights in (*maps.encoder, *maps.cross):
        assert not weights.masked_select(hidden.expand_as(weights)).any()
    for weights in maps.decoder:
        assert not weights.triu(1).any()


def test_a_map_is_the_softmax_of_that_layers_queries_and_keys() -> None:
    model = model_of(SMALL, torch.float64)
    with recorded_maps(model) as maps:
        model.encode(BATCH.src[:1])
    attention = model.encoder[0].self_attn
    x = model._embed(model.src_embedding, BATCH.src[:1])[0]
    q, k, _ = (x @ attention.in_proj_weight.T + attention.in_proj_bias).chunk(3, dim=-1)
    for head in range(SMALL.n_heads):
        mine = slice(6 * head, 6 * head + 6)
        scores = q[:, mine] @ k[:, mine].T / math.sqrt(6)
        assert_equal(maps.encoder[0][0, head], scores.softmax(-1))


def test_maps_can_be_differentiated() -> None:
    model = model_of(SMALL)
    with recorded_maps(model) as maps:
        model(BATCH.src, BATCH.tgt_in)
    maps.cross[0][..., 0].sum().backward()
    gradient = model.decoder[0].multihead_attn.in_proj_weight.grad
    assert gradient is not None
    assert gradient.any()


# The same weights elsewhere ----------------------------------------------------------------------


def by_torch(layers: nn.Transformer, model: Transformer) -> Tensor:
    """Logits with torch's layers in the place of ours."""
    padding = BATCH.src == SMALL.pad_id
    out = layers(
        model._embed(model.src_embedding, BATCH.src),
        model._embed(model.tgt_embedding, BATCH.tgt_in),
        tgt_mask=layers.generate_square_subsequent_mask(BATCH.tgt_in.shape[1]).isinf(),
        src_key_padding_mask=padding,
        memory_key_padding_mask=padding,
    )
    logits: Tensor = model.output(out)
    return logits


@each_dtype
@each_norm
def test_parity_with_torch(norm_first: bool, dtype: torch.dtype) -> None:
    model = model_of(replace(SMALL, norm_first=norm_first), dtype)
    logits = model(BATCH.src, BATCH.tgt_in)
    layers = convert.to_torch(model)
    assert_equal(logits, by_torch(layers, model))
    other = model_of(model.settings, dtype)
    for layer in (*other.encoder, *other.decoder):
        nn.init.zeros_(layer.linear2.weight)
    convert.load_torch(other, layers)
    assert torch.equal(other(BATCH.src, BATCH.tgt_in), logits)


def test_layers_that_do_something_else_are_refused() -> None:
    s = replace(SMALL, norm_first=True)
    shape = (s.d_model, s.n_heads, s.n_layers, s.n_layers, s.d_ff)
    stock = nn.Transformer(*shape, batch_first=True)
    with pytest.raises(ValueError, match="with final norms; ours has none"):
        convert.load_torch(model_of(SMALL), stock)
    with pytest.raises(ValueError, match="torch's has 4 heads, norms last, relu; ours has 4 heads"):
        convert.load_torch(model_of(s), stock)


@each_dtype
@each_layout
def test_parity_with_marian(positions: str, dtype: torch.dtype) -> None:
    model = model_of(replace(SMALL, positions=positions), dtype)
    logits = model(BATCH.src, BATCH.tgt_in)
    marian = convert.to_marian(model)
    visible = BATCH.src != SMALL.pad_id
    theirs = marian(
        input_ids=BATCH.src, attention_mask=visible, decoder_input_ids=BATCH.tgt_in
    ).logits
    assert_equal(logits, theirs)
    assert_equal(convert.from_marian(marian)(BATCH.src, BATCH.tgt_in), theirs)


def test_marian_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    model = model_of(SMALL)
    convert.to_marian(model).save_pretrained(tmp_path)
    marian = MarianMTModel.from_pretrained(tmp_path).eval()
    visible = (BATCH.src != SMALL.pad_id).long()
    logits = marian(BATCH.src, visible, BATCH.tgt_in).logits
    assert_equal(model(BATCH.src, BATCH.tgt_in), logits)
    found = marian.generate(BATCH.src, attention_mask=visible, num_beams=1, max_new_tokens=9)
    assert found[:, 0].tolist() == [BOS] * len(TEXTS)
    for row, ids in zip(
        found[:, 1:].tolist(), greedy(model, BATCH.src, BOS, EOS, max_len=9), strict=True
    ):
        assert row[: len(ids)] == ids
        assert row[len(ids) :][:1] in ([], [EOS])


@pytest.mark.parametrize("change", [{"norm_first": True}, {"positions": "none"}])
def test_what_marian_has_not_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="MarianMT is post-norm and has positions"):
        convert.to_marian(model_of(replace(SMALL, **change)))


def test_another_marian_is_refused() -> None:
    marian = convert.to_marian(model_of(SMALL))
    marian.config.activation_function, marian.config.decoder_layers = "swish", 3
    with pytest.raises(ValueError, match=r"in: decoder_layers, activation_function\."):
        convert.from_marian(marian)


@each_norm
@pytest.mark.parametrize("positions", ["interleaved", "halves", "none"])
def test_parity_with_ctranslate2(positions: str, norm_first: bool, tmp_path: Path) -> None:
    model = model_of(replace(SMALL, positions=positions, norm_first=norm_first))
    with torch.no_grad():
        model.output.bias[EOS] += 2.0  # that sentences end, and not all at `max_len`
        log_p = model(BATCH.src, BATCH.tgt_in).log_softmax(-1)
    to_ctranslate2(model, SOURCE, TARGET, tmp_path / "model")
    translator = ctranslate2.Translator(str(tmp_path / "model"), intra_threads=1)
    texts, targets = ([list(text) for text in column] for column in zip(*TEXTS, strict=True))
    for i, scored in enumerate(translator.score_batch(texts, targets)):
        ours = log_p[i].gather(1, BATCH.tgt_out[i][:, None])[: len(targets[i]) + 1, 0]
        assert_equal(ours, torch.tensor(scored.log_probs))

    # Of itself CTranslate2 gives no empty sentence
    options = {"min_decoding_length": 0, "max_decoding_length": 30, "return_scores": True}
    for beam in (1, 2):
        theirs = translator.translate_batch(texts, beam_size=beam, **options)
        ours = beam_search(model, BATCH.src, BOS, EOS, max_len=30, beam=beam)
        for (best, *_), their in zip(ours, theirs, strict=True):
            assert len(best.ids) < 30  # or they would score without the end
            assert TARGET.decode(best.ids) == their.hypotheses[0]
            assert best.score == pytest.approx(their.scores[0], abs=1e-5)


def test_quantising_a_copy_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    model = model_of(SMALL)
    before = model(BATCH.src, BATCH.tgt_in)
    to_ctranslate2(model, SOURCE, TARGET, tmp_path / "model", quantization="int8")
    assert_equal(model(BATCH.src, BATCH.tgt_in), before)


def test_a_difference_would_be_seen(tmp_path: Path) -> None:
    model = model_of(SMALL)
    layers = convert.to_torch(model)
    with torch.no_grad():
        layers.decoder.layers[1].norm3.bias[0] += 1e-3
    with pytest.raises(AssertionError):
        assert_equal(model(BATCH.src, BATCH.tgt_in), by_torch(layers, model))
