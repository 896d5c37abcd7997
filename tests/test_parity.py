"""The course's own solutions, put together as a reader would, equal torch's built-ins.

Values and gradients, masks of both kinds (True means "may attend", or the opposite), per-head
weights; in float32 to 1e-5 and in float64 to 1e-12.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from autograder.reference import read_source

SOLUTIONS = Path(__file__).parents[1] / "solutions"
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
B, H, N_Q, N_K, D_K, D_V = 2, 3, 4, 5, 6, 7
D_MODEL = H * D_K

each_dtype = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)


@functools.cache
def solutions(assignment: str) -> dict[str, Any]:
    """The names that the solution cells of an assignment define, all in one notebook."""
    source = read_source(SOLUTIONS, assignment)
    namespace: dict[str, Any] = {"__name__": assignment}
    for cell in (source.setup, *source.solutions.values()):
        exec(compile(cell, f"<{assignment}>", "exec"), namespace)
    return namespace


def assert_equal(ours: Tensor, theirs: Tensor) -> None:
    """Same shape and dtype, and no number further apart than the dtype's tolerance."""
    tolerance = TOLERANCE[ours.dtype]
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def drawn(*shapes: tuple[int, ...], dtype: torch.dtype) -> list[Tensor]:
    """Random tensors that collect gradients."""
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes
    ]


def assert_parity(
    ours: Callable[..., Tensor], theirs: Callable[..., Tensor], arguments: list[Tensor]
) -> None:
    """Equal values, and equal gradients of a sum in which every output weighs differently."""
    results = []
    for function in (ours, theirs):
        out = function(*arguments)
        weighed = (out * torch.arange(1, out.numel() + 1, dtype=out.dtype).view_as(out).cos()).sum()
        results.append((out, *torch.autograd.grad(weighed, arguments)))
    for one, other in zip(*results, strict=True):
        assert_equal(one, other)


MASKS: dict[str, Tensor] = {
    "causal": torch.ones(N_Q, N_K).tril().bool(),
    "padding": (torch.arange(N_K) < torch.tensor([3, N_K])[:, None])[:, None, None],  # (b, 1, 1, n)
}
MASKS["causal and padding"] = MASKS["causal"] & MASKS["padding"]
each_mask = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())


@each_dtype
def test_attention(dtype: torch.dtype) -> None:
    qkv = drawn((B, H, N_Q, D_K), (B, H, N_K, D_K), (B, H, N_K, D_V), dtype=dtype)
    ours = solutions("a1_attention")["scaled_dot_product_attention"]
    assert_parity(lambda q, k, v: ours(q, k, v)[0], functional.scaled_dot_product_attention, qkv)
    (scores,) = drawn((N_Q, N_K), dtype=dtype)
    softmax = solutions("a1_attention")["softmax"]
    assert_parity(lambda x: softmax(x, -1), lambda x: torch.softmax(x, -1), [scores])


@each_dtype
@each_mask
def test_masked_attention(dtype: torch.dtype, mask: Tensor) -> None:
    """The mask of scaled_dot_product_attention is of our kind: True means "may attend"."""
    qkv = drawn((B, H, N_Q, D_K), (B, H, N_K, D_K), (B, H, N_K, D_V), dtype=dtype)
    ours = solutions("a3_masked")["masked_attention"]
    torchs = functional.scaled_dot_product_attention
    assert_parity(
        lambda q, k, v: ours(q, k, v, mask)[0],
        lambda q, k, v: torchs(q, k, v, attn_mask=mask),
        qkv,
    )


@each_dtype
def test_multi_head_attention(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    torchs = nn.MultiheadAttention(D_MODEL, H, batch_first=True, dtype=dtype)
    nn.init.normal_(torchs.in_proj_bias)  # torch starts with biases of 0, which hide mistakes
    nn.init.normal_(torchs.out_proj.bias)
    ours = solutions("a2_multi_head")["from_torch"](torchs)
    tokens = drawn((B, N_Q, D_MODEL), (B, N_K, D_MODEL), (B, N_K, D_MODEL), dtype=dtype)
    assert_parity(lambda *x: ours(*x)[0], lambda *x: torchs(*x)[0], tokens)
    assert_parity(
        lambda q, k: ours(q, k, k)[1],
        lambda q, k: torchs(q, k, k, average_attn_weights=False)[1],
        tokens[:2],
    )


@each_dtype
def test_multi_head_attention_by_matrices(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    torchs = nn.MultiheadAttention(D_MODEL, H, batch_first=True, bias=False, dtype=dtype)
    matrices = [*(weight.T for weight in torchs.in_proj_weight.chunk(3)), torchs.out_proj.weight.T]
    tokens = drawn((B, N_Q, D_MODEL), (B, N_K, D_MODEL), dtype=dtype)
    ours = solutions("a2_multi_head")["multi_head_attention"]
    theirs = functools.partial(torchs, average_attn_weights=False)
    for result in (0, 1):
        assert_parity(
            lambda q, k, result=result: ours(q, k, *matrices, H)[result],
            lambda q, k, result=result: theirs(q, k, k)[result],
            tokens,
        )


@each_dtype
@each_mask
def test_masked_multi_head_attention(dtype: torch.dtype, mask: Tensor) -> None:
    """The masks of MultiheadAttention are of the other kind: True means "is hidden"."""
    torch.manual_seed(0)
    torchs = nn.MultiheadAttention(D_MODEL, H, batch_first=True, dtype=dtype)
    ours = solutions("a3_masked")["MaskedMultiHeadAttention"](D_MODEL, H).to(dtype)
    ours.load_state_dict(solutions("a2_multi_head")["from_torch"](torchs).state_dict())
    tokens = drawn((B, N_Q, D_MODEL), (B, N_K, D_MODEL), (B, N_K, D_MODEL), dtype=dtype)
    hidden = ~mask.expand(B, H, N_Q, N_K).flatten(0, 1)  # (b * n_heads, n_q, n_k)
    theirs = functools.partial(torchs, attn_mask=hidden, average_attn_weights=False)
    assert_parity(lambda *x: ours(*x, mask)[0], lambda *x: theirs(*x)[0], tokens)
    assert_equal(ours(*tokens, mask)[1], theirs(*tokens)[1])


@each_dtype
def test_key_padding_mask(dtype: torch.dtype) -> None:
    """torch's mask of keys is the opposite of padding_mask, without its two axes of size 1."""
    torch.manual_seed(0)
    torchs = nn.MultiheadAttention(D_MODEL, H, batch_first=True, dtype=dtype)
    masked = solutions("a3_masked")
    ours = masked["MaskedMultiHeadAttention"](D_MODEL, H).to(dtype)
    ours.load_state_dict(solutions("a2_multi_head")["from_torch"](torchs).state_dict())
    (x,) = drawn((B, N_K, D_MODEL), dtype=dtype)
    words = torch.tensor([[5, 6, 7, 0, 0], [8, 9, 5, 6, 0]])
    assert_parity(
        lambda x: ours(x, x, x, masked["padding_mask"](words, 0))[0],
        lambda x: torchs(x, x, x, key_padding_mask=words == 0)[0],
        [x],
    )


@each_dtype
def test_recurrent_layer(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    torchs = nn.RNN(D_K, D_V, dtype=dtype)
    x, h0 = drawn((N_K, D_K), (D_V,), dtype=dtype)
    w_x, w_h = torchs.weight_ih_l0.T, torchs.weight_hh_l0.T
    b = torchs.bias_ih_l0 + torchs.bias_hh_l0
    ours = solutions("a5_complexity")["recurrent_layer"]
    assert_parity(
        lambda x, h0: ours(x, w_x, w_h, b, h0), lambda x, h0: torchs(x, h0[None])[0], [x, h0]
    )


def test_a_difference_would_be_seen() -> None:
    (x,) = drawn((N_Q, N_K), dtype=torch.float32)
    with pytest.raises(AssertionError):
        assert_parity(lambda x: x * 1.0001, lambda x: x * 1, [x])
    with pytest.raises(AssertionError):  # equal values, other gradients
        assert_parity(lambda x: x.detach() + 0 * x, lambda x: x * 1, [x])
