"""Answers to assignment 2 for the tests: honest ones, and known mistakes in other words."""

# split_heads --------------------------------------------------------------------------------------

# %% problem="split_heads" variant="reshape_and_permute"
import torch


def split_heads(x, n_heads):
    *batch, n, d_model = x.shape
    if d_model % n_heads != 0:
        raise ValueError("n_heads must divide d_model")
    return x.reshape(*batch, n, n_heads, d_model // n_heads).movedim(-2, -3)


# %% problem="split_heads" variant="einops"
from einops import rearrange


def split_heads(x, n_heads):
    if x.shape[-1] % n_heads:
        raise ValueError
    return rearrange(x, "... n (h d) -> ... h n d", h=n_heads)


# %% problem="split_heads" variant="chunks"
import torch


def split_heads(x, n_heads):
    d_head = x.shape[-1] // n_heads
    if d_head * n_heads != x.shape[-1]:
        raise ValueError(f"{x.shape[-1]} / {n_heads}")
    return torch.stack(x.split(d_head, dim=-1), dim=-3)


# %% problem="split_heads" variant="loop"
import torch


def split_heads(x, n_heads):
    whole, rest = divmod(x.shape[-1], n_heads)
    if rest > 0:
        raise ValueError(rest)
    heads = torch.empty(*x.shape[:-2], n_heads, x.shape[-2], whole, dtype=x.dtype)
    for i in range(n_heads):
        heads[..., i, :, :] = x[..., i * whole : (i + 1) * whole]
    return heads


# %% problem="split_heads" variant="view_of_a_flat_batch"
def split_heads(x, n_heads):
    n, d = x.shape[-2:]
    if d % n_heads:
        raise ValueError("no")
    flat = x.contiguous().view(-1, n, n_heads, d // n_heads).transpose(1, 2)
    return flat.reshape((*x.shape[:-2], n_heads, n, d // n_heads))


# %% problem="split_heads" variant="let_einops_say_it"
import einops


def split_heads(x, n_heads):
    try:
        return einops.rearrange(x, "... n (h d) -> ... h n d", h=n_heads)
    except einops.EinopsError as error:
        raise ValueError("heads do not fit") from error


# %% problem="split_heads" misconception="only_reshaped"
def split_heads(x, n_heads):
    if x.size(-1) % n_heads != 0:
        raise ValueError("heads")
    return x.contiguous().view(*x.shape[:-2], n_heads, x.size(-2), x.size(-1) // n_heads)


# %% problem="split_heads" misconception="interleaved"
from einops import rearrange


def split_heads(x, n_heads):
    if x.shape[-1] % n_heads:
        raise ValueError
    return rearrange(x, "... n (d h) -> ... h n d", h=n_heads)


# %% problem="split_heads" misconception="sizes_swapped"
def split_heads(x, n_heads):
    d_head = x.shape[-1] // n_heads
    if d_head * n_heads < x.shape[-1]:
        raise ValueError
    return x.reshape(*x.shape[:-1], d_head, n_heads).transpose(-2, -3)


# %% problem="split_heads" misconception="an_assertion"
def split_heads(x, n_heads):
    assert x.shape[-1] % n_heads == 0
    return x.reshape(*x.shape[:-1], n_heads, -1).transpose(-2, -3)


# %% problem="split_heads" misconception="heads_behind_tokens"
def split_heads(x, n_heads):
    if x.shape[-1] % n_heads:
        raise ValueError
    return x.reshape(*x.shape[:-1], n_heads, x.shape[-1] // n_heads)


# %% problem="split_heads" misconception="the_error_of_einops"
import einops


def split_heads(x, n_heads):
    return einops.rearrange(x, "... tokens (heads d) -> ... heads tokens d", heads=n_heads)


# %% problem="split_heads" misconception="error_returned"
import torch


def split_heads(x, n_heads):
    d_head, rest = divmod(x.shape[-1], n_heads)
    if rest:
        return ValueError()
    return torch.stack(x.split(d_head, dim=-1), dim=-3)


# %% problem="split_heads" misconception="the_error_of_torch"
def split_heads(x, n_heads):
    return x.reshape(*x.shape[:-1], n_heads, x.shape[-1] // n_heads).transpose(-2, -3)


# merge_heads --------------------------------------------------------------------------------------


# %% problem="merge_heads" variant="reshape"
def merge_heads(x):
    *batch, heads, n, d_head = x.shape
    return x.swapaxes(-2, -3).reshape(*batch, n, heads * d_head)


# %% problem="merge_heads" variant="einops"
from einops import rearrange


def merge_heads(x):
    return rearrange(x, "... h n d -> ... n (h d)")


# %% problem="merge_heads" variant="concatenation"
import torch


def merge_heads(x):
    return torch.cat(x.unbind(dim=-3), dim=-1)


# %% problem="merge_heads" variant="loop"
import torch


def merge_heads(x):
    h, n, d = x.shape[-3:]
    joined = x.new_zeros((*x.shape[:-3], n, h * d))
    for i in range(h):
        joined[..., i * d : (i + 1) * d] = x[..., i, :, :]
    return joined


# %% problem="merge_heads" variant="view_of_a_copy"
def merge_heads(x):
    y = x.transpose(-2, -3).contiguous()
    return y.view(*y.shape[:-2], y.shape[-2] * y.shape[-1])


# %% problem="merge_heads" variant="selection_matrices"
import torch


def merge_heads(x):
    h, d = x.shape[-3], x.shape[-1]
    places = torch.eye(h * d, dtype=x.dtype).reshape(h, d, h * d)
    return torch.einsum("...hnd,hdm->...nm", x, places)


# %% problem="merge_heads" misconception="only_reshaped"
def merge_heads(x):
    h, n, d = x.shape[-3:]
    return x.contiguous().view(*x.shape[:-3], n, h * d)


# %% problem="merge_heads" misconception="interleaved"
from einops import rearrange


def merge_heads(x):
    return rearrange(x, "... h n d -> ... n (d h)")


# %% problem="merge_heads" misconception="needs_a_batch"
def merge_heads(x):
    swapped = x.transpose(1, 2)
    return swapped.reshape(swapped.shape[0], swapped.shape[1], -1)


# %% problem="merge_heads" misconception="only_transposed"
def merge_heads(x):
    return x.swapaxes(-3, -2)


# multi_head_attention -----------------------------------------------------------------------------

# %% problem="multi_head_attention" variant="view_and_transpose"
import math

import torch


def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    b, n_q, d_model = x_q.shape
    d_head = d_model // n_heads
    q = torch.matmul(x_q, w_q).view(b, n_q, n_heads, d_head).transpose(1, 2)
    k = torch.matmul(x_kv, w_k).view(b, -1, n_heads, d_head).transpose(1, 2)
    v = torch.matmul(x_kv, w_v).view(b, -1, n_heads, d_head).transpose(1, 2)
    weights = (torch.matmul(q, k.transpose(2, 3)) / math.sqrt(d_head)).softmax(-1)
    out = torch.matmul(weights, v).transpose(1, 2).contiguous().view(b, n_q, d_model)
    return torch.matmul(out, w_o), weights


# %% problem="multi_head_attention" variant="einops"
import torch
from einops import einsum, rearrange


def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    q = rearrange(x_q @ w_q, "b n (h d) -> b h n d", h=n_heads)
    k = rearrange(x_kv @ w_k, "b n (h d) -> b h n d", h=n_heads)
    v = rearrange(x_kv @ w_v, "b n (h d) -> b h n d", h=n_heads)
    scores = einsum(q, k, "b h i d, b h j d -> b h i j") * q.shape[-1] ** -0.5
    weights = scores.softmax(dim=-1)
    out = einsum(weights, v, "b h i j, b h j d -> b h i d")
    return rearrange(out, "b h n d -> b n (h d)") @ w_o, weights


# %% problem="multi_head_attention" variant="loop_over_heads"
import torch


def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    size = x_q.shape[-1] // n_heads
    heads, maps = [], []
    for h in range(n_heads):
        columns = slice(h * size, (h + 1) * size)
        q, k, v = x_q @ w_q[:, columns], x_kv @ w_k[:, columns], x_kv @ w_v[:, columns]
        weights = torch.softmax(q @ k.mT / size**0.5, dim=-1)
        maps.append(weights)
        heads.append(weights @ v)
    return torch.cat(heads, dim=-1) @ w_o, torch.stack(maps, dim=1)


# %% problem="multi_head_attention" variant="a_sum_of_heads"
import torch


def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    pieces = (w.chunk(n_heads, dim=1) for w in (w_q, w_k, w_v))
    out, maps = 0, []
    for a, b, c, d in zip(*pieces, w_o.chunk(n_heads, dim=0), strict=True):
        scores = x_q @ a @ b.T @ x_kv.transpose(1, 2)
        maps.append(torch.softmax(scores / a.shape[1] ** 0.5, dim=2))
        out = out + maps[-1] @ x_kv @ c @ d
    return out, torch.stack(maps, 1)


# %% problem="multi_head_attention" variant="heads_in_the_batch"
import torch


def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    b, n_q, d = x_q.shape
    d_head = d // n_heads

    def fold(x):
        return x.reshape(b, -1, n_heads, d_head).transpose(1, 2).reshape(b * n_heads, -1, d_head)

    q, k, v = fold(x_q @ w_q), fold(x_kv @ w_k), fold(x_kv @ w_v)
    weights = torch.nn.functional.softmax(torch.bmm(q, k.transpose(1, 2)) / d_head**0.5, dim=2)
    out = torch.bmm(weights, v).reshape(b, n_heads, n_q, d_head)
    out = out.permute(0, 2, 1, 3).reshape(b, n_q, d)
    return out @ w_o, weights.reshape(b, n_heads, n_q, -1)


# %% problem="multi_head_attention" variant="einsum_of_folded_matrices"
import torch


def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    d, e = w_q.shape[0], w_q.shape[0] // n_heads
    a, b, c = (w.reshape(d, n_heads, e) for w in (w_q, w_k, w_v))
    scores = torch.einsum("bif,fhe,ghe,bjg->bhij", x_q, a, b, x_kv) / e**0.5
    powers = torch.exp(scores - scores.amax(dim=-1, keepdim=True))
    weights = powers / powers.sum(dim=-1, keepdim=True)
    last = w_o.reshape(n_heads, e, d)
    return torch.einsum("bhij,bjg,ghe,hef->bif", weights, x_kv, c, last), weights


# %% problem="multi_head_attention" variant="scaled_queries"
import torch


def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    def heads(x):
        return torch.stack(x.chunk(n_heads, dim=-1), dim=1)

    q = heads(x_q @ w_q) / (x_q.shape[-1] / n_heads) ** 0.5
    weights = torch.softmax(torch.matmul(q, heads(x_kv @ w_k).permute(0, 1, 3, 2)), dim=-1)
    out = weights @ heads(x_kv @ w_v)
    return torch.cat(out.unbind(1), dim=-1) @ w_o, weights


# %% problem="multi_head_attention" misconception="scale_by_d_model"
import torch


def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    maps, heads = [], []
    parts = ((x @ w).chunk(n_heads, -1) for x, w in ((x_q, w_q), (x_kv, w_k), (x_kv, w_v)))
    for q, k, v in zip(*parts, strict=True):
        maps.append((q @ k.mT / w_q.shape[0] ** 0.5).softmax(-1))
        heads.append(maps[-1] @ v)
    return torch.cat(heads, -1) @ w_o, torch.stack(maps, 1)


# %% problem="multi_head_attention" misconception="heads_by_reshape"
import torch


def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    b, n_q, d = x_q.shape
    q = (x_q @ w_q).view(b, n_heads, -1, d // n_heads)
    k = (x_kv @ w_k).view(b, n_heads, -1, d // n_heads)
    v = (x_kv @ w_v).view(b, n_heads, -1, d // n_heads)
    weights = torch.softmax(q @ k.mT / (d // n_heads) ** 0.5, -1)
    return (weights @ v).transpose(1, 2).reshape(b, n_q, d) @ w_o, weights


# %% problem="multi_head_attention" misconception="matrices_transposed"
import torch
from torch.nn import functional


def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    q = functional.linear(x_q, w_q).unflatten(-1, (n_heads, -1)).transpose(1, 2)
    k = functional.linear(x_kv, w_k).unflatten(-1, (n_heads, -1)).transpose(1, 2)
    v = functional.linear(x_kv, w_v).unflatten(-1, (n_heads, -1)).transpose(1, 2)
    weights = torch.softmax(q @ k.mT * q.shape[-1] ** -0.5, dim=-1)
    return functional.linear((weights @ v).transpose(1, 2).flatten(2), w_o), weights


# %% problem="multi_head_attention" misconception="maps_in_front"
import torch


def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    maps, heads = [], []
    parts = ((x @ w).chunk(n_heads, -1) for x, w in ((x_q, w_q), (x_kv, w_k), (x_kv, w_v)))
    for q, k, v in zip(*parts, strict=True):
        maps.append((q @ k.mT / q.shape[-1] ** 0.5).softmax(-1))
        heads.append(maps[-1] @ v)
    return torch.cat(heads, -1) @ w_o, torch.stack(maps)


# %% problem="multi_head_attention" misconception="values_from_queries"
import torch
from einops import rearrange


def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    pattern = "b n (h d) -> b h n d"
    q = rearrange(x_q @ w_q, pattern, h=n_heads)
    k = rearrange(x_kv @ w_k, pattern, h=n_heads)
    v = rearrange(x_q @ w_v, pattern, h=n_heads)
    weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
    return rearrange(weights @ v, "b h n d -> b n (h d)") @ w_o, weights


# %% problem="multi_head_attention" misconception="one_head_for_all"
import torch


def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    scores = (x_q @ w_q) @ (x_kv @ w_k).mT / x_q.shape[-1] ** 0.5
    weights = torch.softmax(scores, dim=-1)
    return weights @ (x_kv @ w_v) @ w_o, weights.unsqueeze(1)


# MultiHeadAttention -------------------------------------------------------------------------------

# %% problem="MultiHeadAttention" variant="view_and_transpose"
import math

import torch
from torch import nn


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError("d_model must be a multiple of n_heads")
        self.h, self.d_head = n_heads, d_model // n_heads
        self.w_q, self.w_k, self.w_v, self.w_o = (nn.Linear(d_model, d_model) for _ in range(4))

    def forward(self, query, key, value):
        b, n_q, d_model = query.shape
        q = self.w_q(query).view(b, -1, self.h, self.d_head).transpose(1, 2)
        k = self.w_k(key).view(b, -1, self.h, self.d_head).transpose(1, 2)
        v = self.w_v(value).view(b, -1, self.h, self.d_head).transpose(1, 2)
        weights = (torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(self.d_head)).softmax(-1)
        out = (weights @ v).transpose(1, 2).contiguous().view(b, n_q, d_model)
        return self.w_o(out), weights


# %% problem="MultiHeadAttention" variant="einops"
import torch
from einops import einsum, rearrange


class MultiHeadAttention(torch.nn.Module):
    def __init__(self, d_model, n_heads):
        if d_model % n_heads:
            raise ValueError
        super().__init__()
        self.heads = n_heads
        self.w_q = torch.nn.Linear(d_model, d_model)
        self.w_k = torch.nn.Linear(d_model, d_model)
        self.w_v = torch.nn.Linear(d_model, d_model)
        self.w_o = torch.nn.Linear(d_model, d_model)

    def forward(self, query, key, value):
        pattern = "b n (h d) -> b h n d"
        q = rearrange(self.w_q(query), pattern, h=self.heads)
        k = rearrange(self.w_k(key), pattern, h=self.heads)
        v = rearrange(self.w_v(value), pattern, h=self.heads)
        scores = einsum(q, k, "b h i d, b h j d -> b h i j") * q.shape[-1] ** -0.5
        weights = torch.softmax(scores, dim=-1)
        out = einsum(weights, v, "b h i j, b h j d -> b h i d")
        return self.w_o(rearrange(out, "b h n d -> b n (h d)")), weights


# %% problem="MultiHeadAttention" variant="loop_over_heads"
import torch


class MultiHeadAttention(torch.nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model // n_heads * n_heads != d_model:
            raise ValueError(f"cannot cut {d_model} into {n_heads}")
        self.n_heads = n_heads
        for name in "qkvo":
            setattr(self, f"w_{name}", torch.nn.Linear(d_model, d_model))

    def forward(self, query, key, value):
        q, k, v = self.w_q(query), self.w_k(key), self.w_v(value)
        d = q.shape[-1] // self.n_heads
        outs, maps = [], []
        for h in range(self.n_heads):
            part = slice(h * d, (h + 1) * d)
            maps.append(torch.softmax(q[..., part] @ k[..., part].mT / d**0.5, dim=-1))
            outs.append(maps[-1] @ v[..., part])
        return self.w_o(torch.cat(outs, dim=-1)), torch.stack(maps, dim=1)


# %% problem="MultiHeadAttention" variant="chunks_in_the_batch"
import torch
from torch import nn


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.n_heads, rest = n_heads, d_model % n_heads
        if rest:
            raise ValueError(rest)
        self.w_o = nn.Linear(d_model, d_model)
        self.w_v = nn.Linear(d_model, d_model)
        self.w_k = nn.Linear(d_model, d_model)
        self.w_q = nn.Linear(d_model, d_model)

    def forward(self, query, key, value):
        q, k, v = (
            torch.cat(layer(x).chunk(self.n_heads, dim=-1))
            for layer, x in ((self.w_q, query), (self.w_k, key), (self.w_v, value))
        )
        weights = torch.softmax(
            torch.baddbmm(torch.zeros(1, dtype=q.dtype), q, k.mT, alpha=q.shape[-1] ** -0.5), dim=-1
        )
        out = torch.cat((weights @ v).chunk(self.n_heads), dim=-1)
        return self.w_o(out), torch.stack(weights.chunk(self.n_heads), dim=1)


# %% problem="MultiHeadAttention" variant="own_attention_function"
import torch


class MultiHeadAttention(torch.nn.Module):
    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.n_heads = n_heads
        layers = {f"w_{x}": torch.nn.Linear(d_model, d_model, bias=True) for x in "qkvo"}
        for name, layer in layers.items():
            self.add_module(name, layer)

    @staticmethod
    def attention(q, k, v):
        scores = torch.einsum("bnhd,bmhd->bhnm", q, k) / q.size(-1) ** 0.5
        powers = (scores - torch.logsumexp(scores, dim=-1, keepdim=True)).exp()
        return torch.einsum("bhnm,bmhd->bnhd", powers, v), powers

    def forward(self, query, key, value):
        q = self.w_q(query).unflatten(2, (self.n_heads, -1))
        k = self.w_k(key).unflatten(2, (self.n_heads, -1))
        v = self.w_v(value).unflatten(2, (self.n_heads, -1))
        out, weights = self.attention(q, k, v)
        return self.w_o(out.flatten(2)), weights


# %% problem="MultiHeadAttention" variant="weights_cut_by_heads"
import torch


class MultiHeadAttention(torch.nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.d_head, rest = divmod(d_model, n_heads)
        if rest != 0:
            raise ValueError(f"d_model = {d_model} is no multiple of {n_heads}")
        for name in ("w_k", "w_q", "w_v", "w_o"):
            self.register_module(name, torch.nn.Linear(d_model, d_model))

    def heads(self, layer, x):
        weight = layer.weight.unflatten(0, (-1, self.d_head))  # (n_heads, d_head, d_model)
        bias = layer.bias.unflatten(0, (-1, self.d_head))
        return torch.einsum("bnm,hdm->bhnd", x, weight) + bias[:, None]

    def forward(self, query, key, value):
        q, k, v = (
            self.heads(self.w_q, query),
            self.heads(self.w_k, key),
            self.heads(self.w_v, value),
        )
        weights = torch.einsum("bhid,bhjd->bhij", q / self.d_head**0.5, k).softmax(dim=3)
        last = self.w_o.weight.unflatten(1, (-1, self.d_head))  # (d_model, n_heads, d_head)
        return torch.einsum("bhij,bhjd,mhd->bim", weights, v, last) + self.w_o.bias, weights


# %% problem="MultiHeadAttention" misconception="merged_by_reshape"
import torch
from torch import nn


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError("d_model must be a multiple of n_heads")
        self.h, self.d_head = n_heads, d_model // n_heads
        self.w_q, self.w_k, self.w_v, self.w_o = (nn.Linear(d_model, d_model) for _ in range(4))

    def forward(self, query, key, value):
        b = query.shape[0]
        q = self.w_q(query).view(b, -1, self.h, self.d_head).permute(0, 2, 1, 3)
        k = self.w_k(key).view(b, -1, self.h, self.d_head).permute(0, 2, 1, 3)
        v = self.w_v(value).view(b, -1, self.h, self.d_head).permute(0, 2, 1, 3)
        weights = torch.softmax(q @ k.mT / self.d_head**0.5, dim=-1)
        out = (weights @ v).contiguous().view(b, -1, self.h * self.d_head)
        return self.w_o(out), weights


# %% problem="MultiHeadAttention" misconception="dropout"
import torch
from einops import rearrange
from torch import nn


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError("d_model must be a multiple of n_heads")
        self.h = n_heads
        self.w_q, self.w_k, self.w_v, self.w_o = (nn.Linear(d_model, d_model) for _ in range(4))
        self.dropout = nn.Dropout(0.3)

    def forward(self, query, key, value):
        pattern = "b n (h d) -> b h n d"
        q = rearrange(self.w_q(query), pattern, h=self.h)
        k = rearrange(self.w_k(key), pattern, h=self.h)
        v = rearrange(self.w_v(value), pattern, h=self.h)
        weights = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, dim=-1)
        out = rearrange(weights @ v, "b h n d -> b n (h d)")
        return self.dropout(self.w_o(out)), weights


# %% problem="MultiHeadAttention" misconception="no_w_o"
import torch
from torch import nn


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError
        self.h = n_heads
        self.w_q = nn.Linear(d_model, d_model)
        self.w_k = nn.Linear(d_model, d_model)
        self.w_v = nn.Linear(d_model, d_model)
        self.w_o = nn.Linear(d_model, d_model)

    def forward(self, query, key, value):
        maps, heads = [], []
        parts = (
            layer(x).chunk(self.h, -1)
            for layer, x in ((self.w_q, query), (self.w_k, key), (self.w_v, value))
        )
        for q, k, v in zip(*parts, strict=True):
            maps.append((q @ k.mT / q.shape[-1] ** 0.5).softmax(-1))
            heads.append(maps[-1] @ v)
        return torch.cat(heads, -1), torch.stack(maps, 1)


# %% problem="MultiHeadAttention" misconception="another_error"
import torch
from torch import nn


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        assert d_model % n_heads == 0, "n_heads must divide d_model"
        self.h = n_heads
        self.w_q = nn.Linear(d_model, d_model)
        self.w_k = nn.Linear(d_model, d_model)
        self.w_v = nn.Linear(d_model, d_model)
        self.w_o = nn.Linear(d_model, d_model)

    def forward(self, query, key, value):
        q, k, v = (
            torch.stack(layer(x).chunk(self.h, -1), 1)
            for layer, x in ((self.w_q, query), (self.w_k, key), (self.w_v, value))
        )
        weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
        return self.w_o(torch.cat((weights @ v).unbind(1), -1)), weights


# count_parameters ---------------------------------------------------------------------------------


# %% problem="count_parameters" variant="expanded"
def count_parameters(d_model, n_heads):
    return 4 * d_model * d_model + 4 * d_model


# %% problem="count_parameters" variant="factored"
def count_parameters(d_model, n_heads):
    return 4 * d_model * (d_model + 1)


# %% problem="count_parameters" variant="head_by_head"
def count_parameters(d_model, n_heads):
    d_head = d_model // n_heads
    one_projection = d_model * d_head + d_head
    return sum(3 * one_projection for _ in range(n_heads)) + d_model**2 + d_model


# %% problem="count_parameters" variant="by_torch"
import torch


def count_parameters(d_model, n_heads):
    layer = torch.nn.MultiheadAttention(d_model, n_heads)
    return sum(p.numel() for p in layer.parameters())


# %% problem="count_parameters" variant="a_module_of_four"
import torch


def count_parameters(d_model, n_heads):
    layers = torch.nn.ModuleList(torch.nn.Linear(d_model, d_model) for _ in range(4))
    return sum(p.nelement() for p in layers.parameters() if p.requires_grad)


# %% problem="count_parameters" variant="one_by_one"
def count_parameters(d_model, n_heads):
    total = 0
    for _layer in ("w_q", "w_k", "w_v", "w_o"):
        for _output in range(d_model):
            total += d_model + 1
    return total


# %% problem="count_parameters" misconception="no_biases"
def count_parameters(d_model, n_heads):
    return (2 * d_model) ** 2


# %% problem="count_parameters" misconception="no_output_layer"
def count_parameters(d_model, n_heads):
    d_head = d_model // n_heads
    return n_heads * 3 * (d_model * d_head + d_head)


# %% problem="count_parameters" misconception="a_float"
def count_parameters(d_model, n_heads):
    d_head = d_model / n_heads
    return n_heads * 4 * (d_model * d_head + d_head)


# from_torch ---------------------------------------------------------------------------------------
# %% problem="from_torch" variant="state_dict"
import torch


def from_torch(layer):
    ours = MultiHeadAttention(layer.embed_dim, layer.num_heads).to(layer.out_proj.weight.dtype)
    theirs = layer.state_dict()
    state = {"w_o.weight": theirs["out_proj.weight"], "w_o.bias": theirs["out_proj.bias"]}
    for i, name in enumerate(("w_q", "w_k", "w_v")):
        rows = slice(i * layer.embed_dim, (i + 1) * layer.embed_dim)
        state[f"{name}.weight"] = theirs["in_proj_weight"][rows]
        state[f"{name}.bias"] = theirs["in_proj_bias"][rows]
    ours.load_state_dict(state)
    return ours


# %% problem="from_torch" variant="fresh_parameters"
import torch
from torch import nn


def from_torch(layer):
    d = layer.embed_dim
    module = MultiHeadAttention(d, layer.num_heads)
    w, b = layer.in_proj_weight.detach().clone(), layer.in_proj_bias.detach().clone()
    module.w_q.weight, module.w_q.bias = nn.Parameter(w[:d]), nn.Parameter(b[:d])
    module.w_k.weight, module.w_k.bias = nn.Parameter(w[d : 2 * d]), nn.Parameter(b[d : 2 * d])
    module.w_v.weight, module.w_v.bias = nn.Parameter(w[2 * d :]), nn.Parameter(b[2 * d :])
    module.w_o.weight = nn.Parameter(layer.out_proj.weight.detach().clone())
    module.w_o.bias = nn.Parameter(layer.out_proj.bias.detach().clone())
    return module


# %% problem="from_torch" variant="data_copies"
def from_torch(layer):
    module = MultiHeadAttention(layer.embed_dim, layer.num_heads)
    module = module.to(dtype=layer.in_proj_bias.dtype)
    ws = layer.in_proj_weight.data.reshape(3, layer.embed_dim, layer.embed_dim)
    bs = layer.in_proj_bias.data.reshape(3, layer.embed_dim)
    for i, mine in enumerate([module.w_q, module.w_k, module.w_v]):
        mine.weight.data = ws[i].clone()
        mine.bias.data = bs[i].clone()
    module.w_o.weight.data.copy_(layer.out_proj.weight.data)
    module.w_o.bias.data.copy_(layer.out_proj.bias.data)
    return module


# %% problem="from_torch" variant="a_deep_copy_of_the_last"
import copy

import torch


def from_torch(layer):
    module = MultiHeadAttention(layer.embed_dim, layer.num_heads)
    module.type(layer.in_proj_weight.dtype)
    module.w_o = copy.deepcopy(layer.out_proj)
    with torch.no_grad():
        for mine, w, b in zip(
            (module.w_q, module.w_k, module.w_v),
            layer.in_proj_weight.split(layer.embed_dim),
            layer.in_proj_bias.split(layer.embed_dim),
            strict=True,
        ):
            mine.weight[:] = w
            mine.bias[:] = b
    return module


# %% problem="from_torch" variant="einops"
import torch
from einops import rearrange


def from_torch(layer):
    module = MultiHeadAttention(layer.embed_dim, layer.num_heads)
    module = module.double() if layer.in_proj_weight.dtype == torch.float64 else module
    w = rearrange(layer.in_proj_weight, "(three out) in -> three out in", three=3)
    b = rearrange(layer.in_proj_bias, "(three out) -> three out", three=3)
    with torch.no_grad():
        for i, name in enumerate("qkv"):
            mine = getattr(module, f"w_{name}")
            mine.weight.copy_(w[i])
            mine.bias.copy_(b[i])
        module.w_o.load_state_dict(layer.out_proj.state_dict())
    return module


# %% problem="from_torch" variant="parameters_in_order"
import torch


@torch.no_grad()
def from_torch(layer):
    module = MultiHeadAttention(layer.embed_dim, layer.num_heads).to(layer.in_proj_weight)
    for names, (weight, bias) in {
        ("w_q", "w_k", "w_v"): (layer.in_proj_weight, layer.in_proj_bias),
        ("w_o",): (layer.out_proj.weight, layer.out_proj.bias),
    }.items():
        for i, name in enumerate(names):
            mine, rows = getattr(module, name), torch.arange(layer.embed_dim) + i * layer.embed_dim
            mine.weight.set_(weight[rows])
            mine.bias.set_(bias[rows])
    return module


# %% problem="from_torch" misconception="the_same_tensors"
from torch import nn


def from_torch(layer):
    d = layer.embed_dim
    module = MultiHeadAttention(d, layer.num_heads)
    module.w_q.weight = nn.Parameter(layer.in_proj_weight[:d])
    module.w_k.weight = nn.Parameter(layer.in_proj_weight[d : 2 * d])
    module.w_v.weight = nn.Parameter(layer.in_proj_weight[2 * d :])
    module.w_q.bias = nn.Parameter(layer.in_proj_bias[:d])
    module.w_k.bias = nn.Parameter(layer.in_proj_bias[d : 2 * d])
    module.w_v.bias = nn.Parameter(layer.in_proj_bias[2 * d :])
    module.w_o = layer.out_proj
    return module


# %% problem="from_torch" misconception="frozen"
import torch
from torch import nn


def from_torch(layer):
    d = layer.embed_dim
    module = MultiHeadAttention(d, layer.num_heads)
    w, b = layer.in_proj_weight.detach().clone(), layer.in_proj_bias.detach().clone()
    for i, linear in enumerate((module.w_q, module.w_k, module.w_v)):
        linear.weight = nn.Parameter(w[i * d : (i + 1) * d], requires_grad=False)
        linear.bias = nn.Parameter(b[i * d : (i + 1) * d], requires_grad=False)
    module.w_o.weight = nn.Parameter(layer.out_proj.weight.clone(), requires_grad=False)
    module.w_o.bias = nn.Parameter(layer.out_proj.bias.clone(), requires_grad=False)
    return module


# %% problem="from_torch" misconception="always_float32"
def from_torch(layer):
    module = MultiHeadAttention(layer.embed_dim, layer.num_heads)
    for i, mine in enumerate([module.w_q, module.w_k, module.w_v]):
        mine.weight.data.copy_(layer.in_proj_weight.data.chunk(3)[i])
        mine.bias.data.copy_(layer.in_proj_bias.data.chunk(3)[i])
    module.w_o.weight.data.copy_(layer.out_proj.weight.data)
    module.w_o.bias.data.copy_(layer.out_proj.bias.data)
    return module


# %% problem="from_torch" misconception="keys_first"
def from_torch(layer):
    module = MultiHeadAttention(layer.embed_dim, layer.num_heads).to(layer.in_proj_weight.dtype)
    state = {f"w_o.{name}": value for name, value in layer.out_proj.state_dict().items()}
    for i, name in enumerate("kqv"):
        state[f"w_{name}.weight"] = layer.in_proj_weight.chunk(3)[i]
        state[f"w_{name}.bias"] = layer.in_proj_bias.chunk(3)[i]
    module.load_state_dict(state)
    return module
