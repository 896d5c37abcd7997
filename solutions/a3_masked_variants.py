# Answers that students might write. A cell with a `variant` is right and must be accepted; a cell
# with a `misconception` makes that mistake in other words than the problem's own list, and must
# still be named. Read by the tests, cell by cell; nothing here is released.

# %% problem="causal_mask" variant="compared_numbers"
import torch


def causal_mask(n):
    places = torch.arange(n)
    return places[:, None] >= places


# %% problem="causal_mask" variant="nested_lists"
import torch


def causal_mask(n):
    return torch.tensor([[j <= i for j in range(n)] for i in range(n)])


# %% problem="causal_mask" variant="not_upper"
import torch


def causal_mask(n):
    return ~torch.triu(torch.ones(n, n), diagonal=1).bool()


# %% problem="causal_mask" variant="indices"
import torch


def causal_mask(n):
    mask = torch.zeros(n, n, dtype=torch.bool)
    rows, columns = torch.tril_indices(n, n)
    mask[rows, columns] = True
    return mask


# %% problem="causal_mask" variant="row_by_row"
import torch


def causal_mask(n):
    mask = torch.full((n, n), False)
    for i in range(n):
        mask[i, : i + 1] = True
    return mask


# %% problem="causal_mask" variant="running_sum"
import torch


def causal_mask(n):
    return torch.eye(n).cumsum(dim=0) > 0


# %% problem="causal_mask" misconception="upper"
import torch


def causal_mask(n):
    return torch.tensor([[i <= j for j in range(n)] for i in range(n)])


# %% problem="causal_mask" misconception="opposite_polarity"
import torch


def causal_mask(n):
    places = torch.arange(n)
    return places[None, :] > places[:, None]


# %% problem="causal_mask" misconception="not_itself"
import torch


def causal_mask(n):
    mask = torch.zeros(n, n, dtype=torch.bool)
    for i in range(n):
        mask[i, :i] = True
    return mask


# %% problem="padding_mask" variant="unsqueezed"
import torch


def padding_mask(tokens, pad_id):
    return tokens.ne(pad_id).unsqueeze(1).unsqueeze(2)


# %% problem="padding_mask" variant="einops"
from einops import rearrange


def padding_mask(tokens, pad_id):
    return rearrange(tokens != pad_id, "b n -> b 1 1 n")


# %% problem="padding_mask" variant="view"
import torch


def padding_mask(tokens, pad_id):
    b, n = tokens.shape
    return torch.logical_not(torch.eq(tokens, pad_id)).view(b, 1, 1, n)


# %% problem="padding_mask" variant="lists"
import torch


def padding_mask(tokens, pad_id):
    return torch.tensor([[[[t != pad_id for t in row]]] for row in tokens.tolist()])


# %% problem="padding_mask" variant="filled"
import torch


def padding_mask(tokens, pad_id):
    mask = torch.ones(len(tokens), 1, 1, tokens.shape[1], dtype=torch.bool)
    mask[:, 0, 0][tokens == pad_id] = False
    return mask


# %% problem="padding_mask" variant="where"
import torch


def padding_mask(tokens, pad_id):
    real = torch.where(tokens == pad_id, 0, 1)
    return real.bool()[:, None][:, None]


# %% problem="padding_mask" misconception="opposite_polarity"
def padding_mask(tokens, pad_id):
    return tokens.eq(pad_id).unsqueeze(1).unsqueeze(1)


# %% problem="padding_mask" misconception="hides_queries"
from einops import rearrange


def padding_mask(tokens, pad_id):
    return rearrange(tokens != pad_id, "b n -> b 1 n 1")


# %% problem="padding_mask" misconception="floats"
import torch


def padding_mask(tokens, pad_id):
    return torch.where(tokens == pad_id, 0.0, 1.0).unsqueeze(1).unsqueeze(1)


# %% problem="masked_softmax" variant="minus_infinity_then_cleared"
import torch


def masked_softmax(scores, mask):
    weights = torch.softmax(scores.masked_fill(~mask, float("-inf")), dim=-1)
    return torch.where(mask, weights, 0.0)


# %% problem="masked_softmax" variant="nan_to_num"
import torch


def masked_softmax(scores, mask):
    hidden = torch.where(mask, scores, torch.tensor(-torch.inf, dtype=scores.dtype))
    return torch.nan_to_num(torch.nn.functional.softmax(hidden, dim=-1), nan=0.0)


# %% problem="masked_softmax" variant="own_softmax"
import torch


def masked_softmax(scores, mask):
    low = scores.masked_fill(~mask, -2e4)
    powers = torch.exp(low - low.amax(dim=-1, keepdim=True)) * mask
    total = powers.sum(dim=-1, keepdim=True)
    return powers / torch.where(total == 0, 1.0, total)


# %% problem="masked_softmax" variant="lowest_float"
import torch


def masked_softmax(scores, mask):
    lowest = torch.finfo(scores.dtype).min
    weights = scores.masked_fill(mask.logical_not(), lowest).softmax(-1)
    return weights * mask


# %% problem="masked_softmax" variant="row_by_row"
import torch


def masked_softmax(scores, mask):
    mask = mask.expand(scores.shape)
    if scores.ndim > 1:
        return torch.stack([masked_softmax(s, m) for s, m in zip(scores, mask, strict=True)])
    if not mask.any():
        return scores * 0
    places = mask.nonzero()[:, 0]
    return torch.zeros_like(scores).index_add(0, places, torch.softmax(scores[places], 0))


# %% problem="masked_softmax" variant="logsumexp"
import torch


def masked_softmax(scores, mask):
    low = torch.where(mask, scores, torch.full_like(scores, -1e9))
    return torch.exp(low - torch.logsumexp(low, dim=-1, keepdim=True)) * mask.to(scores.dtype)


# %% problem="masked_softmax" variant="added"
import torch


def masked_softmax(scores, mask):
    bias = (1 - mask.to(scores.dtype)) * -1e9
    weights = torch.softmax(scores + bias, dim=-1)
    return weights.masked_fill(mask == 0, 0)


# %% problem="masked_softmax" misconception="zero_after_and_divided"
import torch


def masked_softmax(scores, mask):
    weights = mask * scores.softmax(dim=-1)
    return weights / weights.sum(-1, keepdim=True)


# %% problem="masked_softmax" misconception="nan_in_empty_rows"
import torch


def masked_softmax(scores, mask):
    return torch.where(mask, scores, -torch.inf).softmax(dim=-1)


# %% problem="masked_softmax" misconception="equal_in_empty_rows"
import torch


def masked_softmax(scores, mask):
    return torch.where(mask, scores, torch.finfo(scores.dtype).min).softmax(dim=-1)


# %% problem="masked_softmax" misconception="zero_before"
import torch


def masked_softmax(scores, mask):
    return torch.softmax(scores * mask, dim=-1)


# %% problem="masked_attention" variant="calls_masked_softmax"
import torch


def own_softmax(scores, mask):
    weights = torch.softmax(scores.masked_fill(~mask, -1e9), dim=-1)
    return torch.where(mask, weights, 0.0)


def masked_attention(q, k, v, mask=None):
    scores = torch.matmul(q, k.mT) / math.sqrt(k.size(-1))
    weights = torch.softmax(scores, dim=-1) if mask is None else own_softmax(scores, mask)
    return torch.matmul(weights, v), weights


import math

# %% problem="masked_attention" variant="einsum"
import torch


def masked_attention(q, k, v, mask=None):
    scores = torch.einsum("...ic,...jc->...ij", q * q.shape[-1] ** -0.5, k)
    if mask is not None:
        scores = scores.masked_fill(mask == False, -torch.inf)  # noqa: E712
    weights = scores.softmax(dim=-1).nan_to_num(0.0)
    return torch.einsum("...ij,...je->...ie", weights, v), weights


# %% problem="masked_attention" variant="einops"
import torch
from einops import einsum


def masked_attention(q, k, v, mask=None):
    scores = einsum(q, k, "... i c, ... j c -> ... i j") / q.shape[-1] ** 0.5
    visible = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask
    powers = torch.exp(scores - scores.detach().amax(-1, keepdim=True)) * visible
    total = powers.sum(-1, keepdim=True)
    weights = powers / (total + (total == 0))
    return einsum(weights, v, "... i j, ... j e -> ... i e"), weights


# %% problem="masked_attention" variant="query_by_query"
import torch


def masked_attention(q, k, v, mask=None):
    outs, maps = [], []
    n_q, n_k = q.shape[-2], k.shape[-2]
    mask = torch.tensor(True) if mask is None else mask
    mask = mask.expand(*q.shape[:-2], n_q, n_k)
    for i in range(n_q):
        scores = (k * q[..., i : i + 1, :]).sum(-1) / q.shape[-1] ** 0.5
        weights = torch.softmax(scores.masked_fill(~mask[..., i, :], -1e9), -1) * mask[..., i, :]
        maps.append(weights)
        outs.append((weights[..., None] * v).sum(-2))
    return torch.stack(outs, dim=-2), torch.stack(maps, dim=-2)


# %% problem="masked_attention" variant="bias"
import torch


def masked_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-1, -2) * k.shape[-1] ** -0.5
    if mask is None:
        weights = scores.softmax(-1)
    else:
        bias = torch.zeros(mask.shape, dtype=q.dtype).masked_fill(~mask, -1e9)
        weights = (scores + bias).softmax(-1) * mask.any(-1, keepdim=True)
    return weights @ v, weights


# %% problem="masked_attention" variant="out_cleared_too"
import torch


def masked_attention(q, k, v, mask=None):
    d_k = q.shape[-1]
    scores = (q / d_k**0.25) @ (k / d_k**0.25).transpose(-2, -1)
    if mask is not None:
        scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, -1)
    if mask is not None:
        weights = torch.where(mask, weights, torch.zeros((), dtype=weights.dtype))
    return weights @ v, weights


# %% problem="masked_attention" misconception="zero_after"
import torch


def masked_attention(q, k, v, mask=None):
    weights = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, dim=-1)
    if mask is not None:
        weights = weights * mask
    return weights @ v, weights


# %% problem="masked_attention" misconception="nan_for_empty_rows"
import torch


def masked_attention(q, k, v, mask=None):
    scores = torch.einsum("...qd,...kd->...qk", q, k) / k.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(mask.logical_not(), float("-inf"))
    weights = scores.softmax(-1)
    return weights @ v, weights


# %% problem="masked_attention" misconception="mean_for_empty_rows"
import torch


def masked_attention(q, k, v, mask=None):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    if mask is not None:
        scores = torch.where(mask, scores, -1e9)
    weights = scores.softmax(-1)
    return weights @ v, weights


# %% problem="shift_right" variant="rolled_and_replaced"
def shift_right(targets, bos_id):
    fed = targets.roll(1, dims=1)
    fed[:, 0] = bos_id
    return fed


# %% problem="shift_right" variant="empty_and_filled"
import torch


def shift_right(targets, bos_id):
    fed = torch.empty_like(targets)
    fed[:, 0] = bos_id
    fed[:, 1:] = targets[:, :-1]
    return fed


# %% problem="shift_right" variant="padded"


def shift_right(targets, bos_id):
    return torch.nn.functional.pad(targets, (1, -1), value=bos_id)


# %% problem="shift_right" variant="lists"
import torch


def shift_right(targets, bos_id):
    rows = [[bos_id, *row[:-1]] for row in targets.tolist()]
    return torch.tensor(rows, dtype=targets.dtype)


# %% problem="shift_right" variant="new_full"
import torch


def shift_right(targets, bos_id):
    b, n = targets.shape
    return torch.hstack([targets.new_full((b, 1), bos_id), targets])[:, :n]


# %% problem="shift_right" variant="gathered"
import torch


def shift_right(targets, bos_id):
    places = (torch.arange(targets.shape[1]) - 1).clamp(min=0)
    begins = torch.arange(targets.shape[1]) == 0
    return torch.where(begins, torch.tensor(bos_id, dtype=targets.dtype), targets[:, places])


# %% problem="shift_right" misconception="one_longer"
import torch


def shift_right(targets, bos_id):
    return torch.nn.functional.pad(targets, (1, 0), value=bos_id)


# %% problem="shift_right" misconception="rolled"
import torch


def shift_right(targets, bos_id):
    return torch.cat([targets[:, -1:], targets[:, :-1]], dim=1)


# %% problem="shift_right" misconception="first_replaced"
def shift_right(targets, bos_id):
    fed = targets.clone()
    fed[:, 0] = bos_id
    return fed


# %% problem="MaskedMultiHeadAttention" variant="view_and_transpose"
import math

import torch
from torch import nn


class MaskedMultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError("d_model must be a multiple of n_heads")
        self.h, self.d_head = n_heads, d_model // n_heads
        self.w_q, self.w_k, self.w_v, self.w_o = (nn.Linear(d_model, d_model) for _ in range(4))

    def forward(self, query, key, value, mask=None):
        b, n_q, d_model = query.shape
        q = self.w_q(query).view(b, -1, self.h, self.d_head).transpose(1, 2)
        k = self.w_k(key).view(b, -1, self.h, self.d_head).transpose(1, 2)
        v = self.w_v(value).view(b, -1, self.h, self.d_head).transpose(1, 2)
        scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(self.d_head)
        if mask is not None:
            scores = scores.masked_fill(mask == 0, -1e9)
        weights = scores.softmax(dim=-1)
        if mask is not None:
            weights = weights.masked_fill(mask == 0, 0)
        out = (weights @ v).transpose(1, 2).contiguous().view(b, n_q, d_model)
        return self.w_o(out), weights


# %% problem="MaskedMultiHeadAttention" variant="einops"
import torch
from einops import einsum, rearrange


class MaskedMultiHeadAttention(torch.nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads:
            raise ValueError
        self.heads = n_heads
        self.w_q = torch.nn.Linear(d_model, d_model)
        self.w_k = torch.nn.Linear(d_model, d_model)
        self.w_v = torch.nn.Linear(d_model, d_model)
        self.w_o = torch.nn.Linear(d_model, d_model)

    def forward(self, query, key, value, mask=None):
        pattern = "b n (h d) -> b h n d"
        q = rearrange(self.w_q(query), pattern, h=self.heads)
        k = rearrange(self.w_k(key), pattern, h=self.heads)
        v = rearrange(self.w_v(value), pattern, h=self.heads)
        scores = einsum(q, k, "b h i d, b h j d -> b h i j") * q.shape[-1] ** -0.5
        if mask is not None:
            scores = torch.where(mask, scores, -torch.inf)
        weights = torch.nan_to_num(scores.softmax(dim=-1))
        out = einsum(weights, v, "b h i j, b h j d -> b h i d")
        return self.w_o(rearrange(out, "b h n d -> b n (h d)")), weights


# %% problem="MaskedMultiHeadAttention" variant="loop_over_heads"
import torch


class MaskedMultiHeadAttention(torch.nn.Module):
    def __init__(self, d_model, n_heads):
        if d_model // n_heads * n_heads != d_model:
            raise ValueError(f"cannot cut {d_model} into {n_heads}")
        super().__init__()
        self.n_heads = n_heads
        for name in "qkvo":
            setattr(self, f"w_{name}", torch.nn.Linear(d_model, d_model))

    def forward(self, query, key, value, mask=None):
        q, k, v = self.w_q(query), self.w_k(key), self.w_v(value)
        shape = (q.shape[0], self.n_heads, q.shape[1], k.shape[1])
        mask = torch.ones(shape, dtype=torch.bool) if mask is None else mask.expand(shape)
        d = q.shape[-1] // self.n_heads
        outs, maps = [], []
        for h in range(self.n_heads):
            part = slice(h * d, (h + 1) * d)
            scores = q[..., part] @ k[..., part].mT / d**0.5
            w = torch.softmax(scores.masked_fill(~mask[:, h], -1e9), dim=-1) * mask[:, h]
            maps.append(w)
            outs.append(w @ v[..., part])
        return self.w_o(torch.cat(outs, dim=-1)), torch.stack(maps, dim=1)


# %% problem="MaskedMultiHeadAttention" variant="chunks"
import torch
from torch import nn


class MaskedMultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.n_heads, rest = n_heads, d_model % n_heads
        if rest:
            raise ValueError(rest)
        self.w_o = nn.Linear(d_model, d_model)
        self.w_v = nn.Linear(d_model, d_model)
        self.w_k = nn.Linear(d_model, d_model)
        self.w_q = nn.Linear(d_model, d_model)

    def forward(self, query, key, value, mask=None):
        heads = [
            torch.stack(layer(x).chunk(self.n_heads, dim=-1), dim=1)
            for layer, x in ((self.w_q, query), (self.w_k, key), (self.w_v, value))
        ]
        out, weights = self.attend(*heads, mask)
        return self.w_o(torch.cat(out.unbind(dim=1), dim=-1)), weights

    @staticmethod
    def attend(q, k, v, mask):
        scores = q @ k.mT * q.shape[-1] ** -0.5
        if mask is None:
            return torch.softmax(scores, -1) @ v, torch.softmax(scores, -1)
        powers = torch.exp(scores - scores.amax(-1, keepdim=True)) * mask
        weights = powers / (powers.sum(-1, keepdim=True) + ~mask.any(-1, keepdim=True))
        return weights @ v, weights


# %% problem="MaskedMultiHeadAttention" variant="heads_in_the_batch"
import torch


class MaskedMultiHeadAttention(torch.nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.n_heads = n_heads
        self.w_q = torch.nn.Linear(d_model, d_model, bias=True)
        self.w_k = torch.nn.Linear(d_model, d_model, bias=True)
        self.w_v = torch.nn.Linear(d_model, d_model, bias=True)
        self.w_o = torch.nn.Linear(d_model, d_model, bias=True)

    def fold(self, x):
        b, n, d = x.shape
        h = self.n_heads
        return x.reshape(b, n, h, d // h).permute(0, 2, 1, 3).reshape(b * h, n, d // h)

    def forward(self, query, key, value, mask=None):
        b, n_q, _ = query.shape
        q, k, v = self.fold(self.w_q(query)), self.fold(self.w_k(key)), self.fold(self.w_v(value))
        scores = torch.bmm(q, k.transpose(1, 2)) / q.shape[-1] ** 0.5
        scores = scores.reshape(b, self.n_heads, n_q, -1)
        if mask is not None:
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        weights = torch.softmax(scores, dim=-1)
        if mask is not None:
            weights = weights * mask
        mixed = torch.bmm(weights.flatten(0, 1), v)
        mixed = mixed.reshape(b, self.n_heads, n_q, -1).permute(0, 2, 1, 3).reshape(b, n_q, -1)
        return self.w_o(mixed), weights


# %% problem="MaskedMultiHeadAttention" variant="einsum_with_weights_per_head"
import torch


class MaskedMultiHeadAttention(torch.nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads > 0:
            raise ValueError("no")
        self.n_heads = n_heads
        self.w_q, self.w_k = torch.nn.Linear(d_model, d_model), torch.nn.Linear(d_model, d_model)
        self.w_v, self.w_o = torch.nn.Linear(d_model, d_model), torch.nn.Linear(d_model, d_model)

    def heads(self, layer, x):
        w = layer.weight.view(self.n_heads, -1, x.shape[-1])  # (h, d_head, d_model)
        b = layer.bias.view(self.n_heads, 1, -1)
        return torch.einsum("bnm,hdm->bhnd", x, w) + b

    def forward(self, query, key, value, mask=None):
        q, k, v = (
            self.heads(self.w_q, query),
            self.heads(self.w_k, key),
            self.heads(self.w_v, value),
        )
        scores = torch.einsum("bhid,bhjd->bhij", q, k) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, -1e9)
        weights = scores.softmax(-1)
        if mask is not None:
            weights = torch.where(mask, weights, 0.0)
        w = self.w_o.weight.view(query.shape[-1], self.n_heads, -1)
        out = torch.einsum("bhij,bhjd,mhd->bim", weights, v, w) + self.w_o.bias
        return out, weights


# %% problem="MaskedMultiHeadAttention" misconception="merged_by_reshape"
import torch
from torch import nn


class MaskedMultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError("d_model must be a multiple of n_heads")
        self.h, self.d_head = n_heads, d_model // n_heads
        self.w_q, self.w_k, self.w_v, self.w_o = (nn.Linear(d_model, d_model) for _ in range(4))

    def forward(self, query, key, value, mask=None):
        b, n_q, d_model = query.shape
        q = self.w_q(query).view(b, -1, self.h, self.d_head).transpose(1, 2)
        k = self.w_k(key).view(b, -1, self.h, self.d_head).transpose(1, 2)
        v = self.w_v(value).view(b, -1, self.h, self.d_head).transpose(1, 2)
        scores = torch.matmul(q, k.transpose(-2, -1)) / self.d_head**0.5
        weights = scores.softmax(dim=-1)
        if mask is not None:
            weights = scores.masked_fill(~mask, -1e9).softmax(dim=-1) * mask
        return self.w_o((weights @ v).contiguous().view(b, n_q, d_model)), weights


# %% problem="MaskedMultiHeadAttention" misconception="scale_by_d_model"
import torch
from einops import rearrange
from torch import nn


class MaskedMultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads:
            raise ValueError
        self.n_heads, self.d_model = n_heads, d_model
        self.w_q, self.w_k, self.w_v, self.w_o = (nn.Linear(d_model, d_model) for _ in range(4))

    def forward(self, query, key, value, mask=None):
        q, k, v = (
            rearrange(layer(x), "b n (h d) -> b h n d", h=self.n_heads)
            for layer, x in zip((self.w_q, self.w_k, self.w_v), (query, key, value), strict=True)
        )
        scores = q @ k.mT / self.d_model**0.5
        if mask is None:
            weights = scores.softmax(-1)
        else:
            weights = scores.masked_fill(~mask, -1e9).softmax(-1).masked_fill(~mask, 0)
        return self.w_o(rearrange(weights @ v, "b h n d -> b n (h d)")), weights


# %% problem="MaskedMultiHeadAttention" misconception="nan_for_empty_rows"
import torch
from einops import rearrange
from torch import nn


class MaskedMultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads:
            raise ValueError
        self.n_heads = n_heads
        self.w_q, self.w_k, self.w_v, self.w_o = (nn.Linear(d_model, d_model) for _ in range(4))

    def forward(self, query, key, value, mask=None):
        q, k, v = (
            rearrange(layer(x), "b n (h d) -> b h n d", h=self.n_heads)
            for layer, x in zip((self.w_q, self.w_k, self.w_v), (query, key, value), strict=True)
        )
        scores = q @ k.mT / q.shape[-1] ** 0.5
        if mask is not None:
            scores = torch.where(mask, scores, float("-inf"))
        weights = scores.softmax(-1)
        return self.w_o(rearrange(weights @ v, "b h n d -> b n (h d)")), weights


# %% problem="leaks_future" variant="gradients_output_by_output"
import torch


def leaks_future(attend, n, d):
    x = torch.randn(n, d, requires_grad=True)
    out = attend(x)
    if not out.requires_grad:
        return False
    for i in range(n - 1):
        mixed = (out[i] * torch.randn(d)).sum()
        (gradient,) = torch.autograd.grad(mixed, x, retain_graph=True, allow_unused=True)
        if gradient is not None and gradient[i + 1 :].abs().max() > 0:
            return True
    return False


# %% problem="leaks_future" variant="one_input_changed"
import torch


def leaks_future(attend, n, d):
    x = torch.randn(n, d)
    before = attend(x)
    for j in range(1, n):
        changed = x.clone()
        changed[j] += torch.randn(d)
        if not torch.allclose(attend(changed)[:j], before[:j], atol=1e-6):
            return True
    return False


# %% problem="leaks_future" variant="new_future"
import torch


def leaks_future(attend, n, d):
    with torch.no_grad():
        for cut in range(1, n):
            for _ in range(3):
                x, y = torch.rand(n, d) * 4 - 2, torch.rand(n, d) * 4 - 2
                y[:cut] = x[:cut]
                if (attend(x)[:cut] - attend(y)[:cut]).abs().max().item() > 1e-5:
                    return True
    return False


# %% problem="leaks_future" variant="jacrev"
import torch


def leaks_future(attend, n, d):
    torch.manual_seed(0)
    j = torch.func.jacrev(attend)(torch.randn(n, d))
    return any(j[i, :, i + 1 :].abs().sum().item() > 0 for i in range(n))


# %% problem="leaks_future" variant="cut_off"
import torch


def leaks_future(attend, n, d):
    # NaN spreads to whatever depends on it
    x = torch.randn(n, d)
    for j in range(1, n):
        poisoned = x.clone()
        poisoned[j:] = 50.0 + torch.randn(n - j, d)
        same = torch.isclose(attend(poisoned)[:j], attend(x)[:j], rtol=1e-4, atol=1e-5)
        if not same.all():
            return True
    return False


# %% problem="leaks_future" variant="weighted_sums"
import torch


def leaks_future(attend, n, d):
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(n, d, generator=generator).requires_grad_()
    found = False
    for i in range(n):
        for c in range(d):
            value = attend(x)[i, c]
            if value.requires_grad:
                g = torch.autograd.grad(value, x, allow_unused=True, materialize_grads=True)[0]
                found = found or bool((g[i + 1 :] != 0).any())
    return found


# %% problem="leaks_future" misconception="opposite"
import torch


def leaks_future(attend, n, d):
    x = torch.randn(n, d)
    for j in range(1, n):
        y = x.clone()
        y[j:] = torch.randn(n - j, d)
        if not torch.allclose(attend(x)[:j], attend(y)[:j], atol=1e-5):
            return False
    return True


# %% problem="leaks_future" misconception="at_zeros"
import torch


def leaks_future(attend, n, d):
    x = torch.zeros(n, d, requires_grad=True)
    j = torch.autograd.functional.jacobian(attend, x)
    return any(bool(j[i, :, i + 1 :].any()) for i in range(n))


# %% problem="leaks_future" misconception="any_other_token"
import torch


def leaks_future(attend, n, d):
    x = torch.randn(n, d)
    before = attend(x)
    for j in range(n):
        y = x.clone()
        y[j] = torch.randn(d)
        others = torch.arange(n) != j
        if not torch.allclose(attend(y)[others], before[others], atol=1e-5):
            return True
    return False


# %% problem="leaks_future" misconception="sum_of_earlier_outputs"
import torch


def leaks_future(attend, n, d):
    for j in range(1, n):
        x = torch.randn(n, d, requires_grad=True)
        before = attend(x)[:j].sum()
        if before.requires_grad:
            (slope,) = torch.autograd.grad(before, x, allow_unused=True, materialize_grads=True)
            if slope[j].abs().max() > 1e-5:
                return True
    return False


# %% problem="leaks_future" misconception="features_of_an_output_cancel"
import torch


def leaks_future(attend, n, d):
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(3)).requires_grad_()
    out = attend(x)
    for i in range(n - 1):
        if out.requires_grad:
            total = out[i].sum()
            (g,) = torch.autograd.grad(total, x, retain_graph=True, materialize_grads=True)
            if (g[i + 1 :].abs() > 1e-5).any():
                return True
    return False


# %% problem="leaks_future" misconception="at_ones"
import torch


def leaks_future(attend, n, d):
    jacobian = torch.func.jacrev(attend)(torch.ones(n, d))
    return any(bool(jacobian[i, :, i + 1 :].any()) for i in range(n))


# %% problem="leaks_future" misconception="too_large_a_threshold"
import torch


def leaks_future(attend, n, d):
    for j in range(1, n):
        x, y = torch.randn(2, n, d)
        y[:j] = x[:j]
        if (attend(x)[:j] - attend(y)[:j]).abs().max() > 1e-2:
            return True
    return False


# %% problem="MaskedMultiHeadAttention" misconception="dropout"
import torch
from torch import nn


class MaskedMultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError("d_model must be a multiple of n_heads")
        self.h = n_heads
        self.w_q, self.w_k, self.w_v, self.w_o = (nn.Linear(d_model, d_model) for _ in range(4))
        self.dropout = nn.Dropout(0.2)

    def forward(self, query, key, value, mask=None):
        q, k, v = (
            layer(x).unflatten(-1, (self.h, -1)).transpose(1, 2)
            for layer, x in ((self.w_q, query), (self.w_k, key), (self.w_v, value))
        )
        scores = q @ k.mT / k.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, -1e9)
        weights = scores.softmax(-1)
        if mask is not None:
            weights = weights * mask
        out = self.dropout(weights) @ v
        return self.w_o(out.transpose(1, 2).flatten(2)), weights
