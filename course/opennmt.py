"""The same weights, and equal outputs, in CTranslate2: the engine of the OpenNMT project."""

import copy
from pathlib import Path
from typing import Any

import torch
from ctranslate2.specs import TransformerSpec
from torch import Tensor, nn

from course.transformer import Transformer, sinusoids
from course.vocabulary import Vocabulary

LONGEST = 512
"""Positions of a converted model: ours has no limit, the other keeps a table."""


def to_ctranslate2(
    model: Transformer,
    source: Vocabulary,
    target: Vocabulary,
    folder: Path,
    quantization: str | None = None,
) -> None:
    """Write the model into a folder that ctranslate2.Translator opens.

    quantization: "int8" and the like, as in ctranslate2's own converters.
    """
    s, model = model.settings, copy.deepcopy(model)  # to quantise, the weights are scaled in place
    spec = TransformerSpec.from_config(s.n_layers, s.n_heads, pre_norm=s.norm_first)
    spec.config.layer_norm_epsilon = 1e-5
    spec.register_source_vocabulary(list(source.symbols))
    spec.register_target_vocabulary(list(target.symbols))
    table = torch.zeros(LONGEST, s.d_model)
    if s.positions != "none":
        table = sinusoids(LONGEST, s.d_model, s.positions)
    _set_stack(spec.encoder, model.encoder, model.encoder_norm, table)
    _set_stack(spec.decoder, model.decoder, model.decoder_norm, table)
    spec.encoder.embeddings[0].weight = model.src_embedding.weight.detach()
    spec.decoder.embeddings.weight = model.tgt_embedding.weight.detach()
    _set_linear(spec.decoder.projection, model.output)
    spec.validate()
    spec.optimize(quantization)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))


def _set_stack(spec: Any, layers: nn.ModuleList, norm: nn.Module, table: Tensor) -> None:
    """Fill in all layers of an encoder or decoder, its positions, and its last norm if any."""
    spec.position_encodings.encodings = table
    if isinstance(norm, nn.LayerNorm):
        _set_norm(spec.layer_norm, norm)
    for part, layer in zip(spec.layer, layers, strict=True):
        _set_layer(part, layer)


def _set_layer(spec: Any, layer: Any) -> None:
    """The sub-layers in torch's order; each brings the norm beside it."""
    _set_attention(spec.self_attention, layer.self_attn, layer.norm1)
    last = layer.norm2
    if isinstance(layer, nn.TransformerDecoderLayer):
        _set_attention(spec.attention, layer.multihead_attn, layer.norm2)
        last = layer.norm3
    _set_norm(spec.ffn.layer_norm, last)
    _set_linear(spec.ffn.linear_0, layer.linear1)
    _set_linear(spec.ffn.linear_1, layer.linear2)


def _set_attention(spec: Any, attention: Any, norm: nn.LayerNorm) -> None:
    """Query, key and value in one matrix of self-attention; of cross attention the last two."""
    d_model = attention.embed_dim
    sizes = [3 * d_model] if len(spec.linear) == 2 else [d_model, 2 * d_model]
    weights, biases = attention.in_proj_weight.split(sizes), attention.in_proj_bias.split(sizes)
    for linear, weight, bias in zip(spec.linear[:-1], weights, biases, strict=True):
        linear.weight, linear.bias = weight.detach(), bias.detach()
    _set_linear(spec.linear[-1], attention.out_proj)
    _set_norm(spec.layer_norm, norm)


def _set_linear(spec: Any, linear: nn.Linear) -> None:
    spec.weight, spec.bias = linear.weight.detach(), linear.bias.detach()


def _set_norm(spec: Any, norm: nn.LayerNorm) -> None:
    spec.gamma, spec.beta = norm.weight.detach(), norm.bias.detach()
