"""The same weights, and equal outputs, as torch.nn.Transformer and as Hugging Face's MarianMT."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from transformers import MarianConfig, MarianMTModel

from course.transformer import Settings, Transformer
from course.vocabulary import BOS, EOS

LONGEST = 512
"""Positions of a converted model: ours has no limit, the other keeps a table."""

Weights = dict[str, Tensor]
Names = Iterable[tuple[str, str]]

TO_TORCH: Names = (
    ("encoder.{i}.", "encoder.layers.{i}."),
    ("decoder.{i}.", "decoder.layers.{i}."),
    ("encoder_norm.", "encoder.norm."),
    ("decoder_norm.", "decoder.norm."),
)
"""Our name of a part, and that of torch.nn.Transformer; {i} is the number of a layer."""

TO_MARIAN: Names = (
    ("encoder.{i}.norm1.", "model.encoder.layers.{i}.self_attn_layer_norm."),
    ("encoder.{i}.norm2.", "model.encoder.layers.{i}.final_layer_norm."),
    ("decoder.{i}.norm1.", "model.decoder.layers.{i}.self_attn_layer_norm."),
    ("decoder.{i}.norm2.", "model.decoder.layers.{i}.encoder_attn_layer_norm."),
    ("decoder.{i}.norm3.", "model.decoder.layers.{i}.final_layer_norm."),
    ("decoder.{i}.multihead_attn.", "model.decoder.layers.{i}.encoder_attn."),
    ("encoder.{i}.self_attn.", "model.encoder.layers.{i}.self_attn."),
    ("decoder.{i}.self_attn.", "model.decoder.layers.{i}.self_attn."),
    ("encoder.{i}.linear1.", "model.encoder.layers.{i}.fc1."),
    ("decoder.{i}.linear1.", "model.decoder.layers.{i}.fc1."),
    ("encoder.{i}.linear2.", "model.encoder.layers.{i}.fc2."),
    ("decoder.{i}.linear2.", "model.decoder.layers.{i}.fc2."),
    ("src_embedding.", "model.encoder.embed_tokens."),
    ("tgt_embedding.", "model.decoder.embed_tokens."),
    ("output.weight", "lm_head.weight"),
    ("output.bias", "final_logits_bias"),
)
"""Our name of a part, and that of transformers.MarianMTModel; fairseq has the same names of layers.
"""


DECISIVE = (
    "share_encoder_decoder_embeddings", "tie_word_embeddings", "decoder_layers",
    "decoder_attention_heads", "decoder_ffn_dim", "activation_function", "scale_embedding",
)  # fmt: skip
"""Options of MarianConfig that must be as ours for equal outputs."""


def to_torch(model: Transformer) -> nn.Transformer:
    """The layers as a torch.nn.Transformer, which embeds nothing and has no output layer.

    Ours is without final norms if it is post-norm; of itself torch's always adds two.
    """
    s = model.settings
    shape = (s.d_model, s.n_heads, s.d_ff, s.dropout)
    style: dict[str, Any] = {"batch_first": True, "norm_first": s.norm_first}
    norms = [nn.LayerNorm(s.d_model) if s.norm_first else None for _ in range(2)]
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(*shape, **style),
        s.n_layers,
        norms[0],
        enable_nested_tensor=False,
    )
    decoder = nn.TransformerDecoder(
        nn.TransformerDecoderLayer(*shape, **style), s.n_layers, norms[1]
    )
    made = nn.Transformer(
        s.d_model, s.n_heads, custom_encoder=encoder, custom_decoder=decoder, batch_first=True
    ).to(model.output.weight)
    made.load_state_dict(_carried(model.state_dict(), TO_TORCH))
    return made.train(model.training)


def load_torch(model: Transformer, source: nn.Transformer) -> None:
    """Give the layers of our model the weights of a torch.nn.Transformer of the same settings.

    Raises:
        ValueError: heads, norms or activation are not as ours. Post-norm, ours has no final norms.
    """
    for ours, theirs in zip(
        (*model.encoder, *model.decoder),
        (*source.encoder.layers, *source.decoder.layers),
        strict=True,
    ):
        if _style(ours) != _style(theirs):
            raise ValueError(f"A layer of torch's has {_style(theirs)}; ours has {_style(ours)}.")
    if not model.settings.norm_first and (source.encoder.norm or source.decoder.norm):
        raise ValueError("torch's model is post-norm with final norms; ours has none there.")
    back = [(theirs, ours) for ours, theirs in TO_TORCH]
    carried = _carried(source.state_dict(), back)
    rest = {name: weight for name, weight in model.state_dict().items() if "coder" not in name}
    model.load_state_dict(carried | rest)


def in_halves(model: Transformer) -> Transformer:
    """The same function of the same tokens, with all sines of the positions before all cosines.

    A feature may stand anywhere in d_model, if all weights agree where.
    """
    if model.settings.positions == "halves":
        return model
    order = rearrange(torch.arange(model.settings.d_model), "(pair wave) -> (wave pair)", wave=2)
    made = Transformer(replace(model.settings, positions="halves")).to(model.output.weight)
    weights = model.state_dict()
    for name, weight in weights.items():
        if re.search(r"norm|out_proj|linear2", name):  # written to d_model, or there
            weights[name] = weight[order]
        elif re.search(r"embedding|in_proj_weight|linear1.weight|output.weight", name):  # read
            weights[name] = weight[:, order]
    made.load_state_dict(weights)
    return made.train(model.training)


def to_marian(model: Transformer) -> MarianMTModel:
    """As Hugging Face's MarianMTModel, which starts with bos here, and has sines first.

    Raises:
        ValueError: MarianMT has no such model.
    """
    s = model.settings
    if s.norm_first or s.positions == "none":
        raise ValueError("MarianMT is post-norm and has positions; this model is not, or has none.")
    made = MarianMTModel(_marian_config(s))
    nn.Module.to(made, model.output.weight.dtype)
    weights = _split(_carried(in_halves(model).state_dict(), TO_MARIAN))
    weights["final_logits_bias"] = weights["final_logits_bias"][None]
    made.load_state_dict(made.state_dict() | weights)  # theirs alone: the table of positions
    made.train(model.training)
    return made


def from_marian(source: MarianMTModel) -> Transformer:
    """A MarianMTModel as ours.

    Raises:
        ValueError: it is not of the kind that `to_marian` makes.
    """
    c: Any = source.config
    settings = Settings(
        src_vocab=c.vocab_size,
        tgt_vocab=c.decoder_vocab_size,
        d_model=c.d_model,
        n_heads=c.encoder_attention_heads,
        d_ff=c.encoder_ffn_dim,
        n_layers=c.encoder_layers,
        dropout=c.dropout,
        positions="halves",
        pad_id=c.pad_token_id,
    )
    made = _marian_config(settings)
    other = [name for name in DECISIVE if getattr(c, name) != getattr(made, name)]
    if other:
        raise ValueError(f"This MarianMT model differs from ours in: {', '.join(other)}.")
    weights = _fused(source.state_dict())
    weights["final_logits_bias"] = weights["final_logits_bias"][0]
    model = Transformer(settings).to(source.lm_head.weight.dtype)
    back = [(theirs, ours) for ours, theirs in TO_MARIAN]
    model.load_state_dict(_carried(weights, back))
    return model.train(source.training)


def _carried(weights: Weights, names: Names) -> Weights:
    """Those weights whose name begins with one of the first names, under the second one."""
    carried = {}
    for name, weight in weights.items():
        for ours, theirs in names:
            pattern = re.escape(ours).replace(r"\{i\}", r"(?P<i>\d+)")
            if re.match(pattern, name):
                carried[re.sub(f"^{pattern}", theirs.replace("{i}", r"\g<i>"), name)] = weight
                break
    return carried


def _split(weights: Weights) -> Weights:
    """torch's one projection of query, key and value as three."""
    split: Weights = {}
    for name, weight in weights.items():
        if "in_proj_" in name:
            parts = zip("qkv", weight.chunk(3), strict=True)
            split |= {name.replace("in_proj_", f"{letter}_proj."): part for letter, part in parts}
        else:
            split[name] = weight
    return split


def _fused(weights: Weights) -> Weights:
    """Three projections of query, key and value as torch's one."""
    fused = dict(weights)
    for name in [name for name in weights if "q_proj." in name]:
        parts = [fused.pop(name.replace("q_proj", f"{letter}_proj")) for letter in "qkv"]
        fused[name.replace("q_proj.", "in_proj_")] = torch.cat(parts)
    return fused


def _marian_config(s: Settings) -> MarianConfig:
    """What our model is called there. Its other options stay at what they are in Marian."""
    return MarianConfig(
        vocab_size=s.src_vocab,
        decoder_vocab_size=s.tgt_vocab,
        share_encoder_decoder_embeddings=False,
        tie_word_embeddings=False,
        d_model=s.d_model,
        encoder_layers=s.n_layers,
        decoder_layers=s.n_layers,
        encoder_attention_heads=s.n_heads,
        decoder_attention_heads=s.n_heads,
        encoder_ffn_dim=s.d_ff,
        decoder_ffn_dim=s.d_ff,
        activation_function="relu",
        dropout=s.dropout,
        scale_embedding=True,
        max_position_embeddings=LONGEST,
        pad_token_id=s.pad_id,
        bos_token_id=BOS,
        eos_token_id=EOS,
        decoder_start_token_id=BOS,
        forced_eos_token_id=None,
    )


def _style(layer: Any) -> str:
    """What a layer's weights do not tell."""
    name = getattr(layer.activation, "__name__", "another activation")
    place = "norms first" if layer.norm_first else "norms last"
    return f"{layer.self_attn.num_heads} heads, {place}, {name}"
