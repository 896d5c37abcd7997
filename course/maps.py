"""What each head looks at: the attention weights that torch's layers compute and do not return."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from course.transformer import Transformer


@dataclass
class Maps:
    """Attention weights of a forward pass: one tensor a layer, `(b, n_heads, n_q, n_k)`.

    Attributes:
        encoder: self-attention of the encoder, n_s × n_s.
        decoder: self-attention of the decoder, n_t × n_t.
        cross: the decoder's attention to the source, n_t × n_s.
    """

    encoder: list[Float[Tensor, "b n_heads n_s n_s"]] = field(default_factory=list)
    decoder: list[Float[Tensor, "b n_heads n_t n_t"]] = field(default_factory=list)
    cross: list[Float[Tensor, "b n_heads n_t n_s"]] = field(default_factory=list)


@contextmanager
def recorded_maps(model: Transformer) -> Iterator[Maps]:
    """Within it, each call of the model adds its weights to the maps; they can be differentiated.

    >>> with recorded_maps(model) as maps:
    ...     logits = model(src, tgt_in)
    >>> maps.cross[0]  # the first decoder layer
    """
    maps = Maps()
    places = [
        *((layer.self_attn, maps.encoder) for layer in model.encoder),
        *((layer.self_attn, maps.decoder) for layer in model.decoder),
        *((layer.multihead_attn, maps.cross) for layer in model.decoder),
    ]
    hooks = [hook for attention, into in places for hook in _record(attention, into)]
    try:
        yield maps
    finally:
        for hook in hooks:
            hook.remove()


def _record(attention: Any, into: list[Tensor]) -> Iterator[Any]:
    """Have the layer's attention asked for its weights, head by head, and keep them."""

    def ask(_: nn.Module, arguments: tuple[Tensor, ...], options: dict[str, Any]) -> Any:
        return arguments, options | {"need_weights": True, "average_attn_weights": False}

    def keep(_: nn.Module, __: tuple[Tensor, ...], result: tuple[Tensor, Tensor]) -> None:
        into.append(result[1])

    yield attention.register_forward_pre_hook(ask, with_kwargs=True)
    yield attention.register_forward_hook(keep)
