# Answers that students might write. A cell with a `variant` is right and must be accepted; a cell
# with a `misconception` makes that mistake in other words than the problem's own list, and must
# still be named. Read by the tests, cell by cell; nothing here is released.


# %% problem="layer_norm" variant="var_without_correction"
import torch


def layer_norm(x, gamma, beta, eps=1e-5):
    mean = x.mean(-1, keepdim=True)
    var = x.var(-1, keepdim=True, unbiased=False)
    return (x - mean) / torch.sqrt(var + eps) * gamma + beta


# %% problem="layer_norm" variant="var_mean"
import torch


def layer_norm(x, gamma, beta, eps=1e-5):
    var, mean = torch.var_mean(x, dim=-1, correction=0, keepdim=True)
    return torch.addcmul(beta, gamma, (x - mean) * torch.rsqrt(var + eps))


# %% problem="layer_norm" variant="mean_of_squares"
def layer_norm(x, gamma, beta, eps=1e-5):
    mean = x.mean(dim=-1, keepdim=True)
    variance = (x * x).mean(dim=-1, keepdim=True) - mean * mean
    return gamma * ((x - mean) * (variance + eps) ** -0.5) + beta


# %% problem="layer_norm" variant="einops"
from einops import reduce


def layer_norm(x, gamma, beta, eps=1e-5):
    mean = reduce(x, "... d -> ... 1", "mean")
    variance = reduce((x - mean) ** 2, "... d -> ... 1", "mean")
    return (x - mean) / (variance + eps).sqrt() * gamma + beta


# %% problem="layer_norm" variant="position_by_position"
import torch


def layer_norm(x, gamma, beta, eps=1e-5):
    rows = []
    for row in x.reshape(-1, x.shape[-1]):
        mean = sum(row) / len(row)
        variance = sum((number - mean) ** 2 for number in row) / len(row)
        rows.append(gamma * (row - mean) / (variance + eps) ** 0.5 + beta)
    return torch.stack(rows).reshape(x.shape)


# %% problem="layer_norm" variant="einsum"
import torch


def layer_norm(x, gamma, beta, eps=1e-5):
    d = x.shape[-1]
    z = x - torch.einsum("...d->...", x)[..., None] / d
    spread = torch.einsum("...d,...d->...", z, z)[..., None] / d
    return z / torch.sqrt(spread + eps) * gamma + beta


# %% problem="layer_norm" variant="methods_in_a_row"
import torch


def layer_norm(x, gamma, beta, eps=1e-5):
    mean = torch.mean(x, -1).unsqueeze(-1)
    total = (x - mean).pow(2).sum(-1, keepdim=True).div(x.size(-1)).add(eps)
    return torch.div(x - mean, total.sqrt()).mul(gamma).add(beta)


# %% problem="layer_norm" misconception="unbiased"
def layer_norm(x, gamma, beta, eps=1e-5):
    mean = x.mean(dim=-1, keepdim=True)
    return gamma * (x - mean) / (x.var(dim=-1, keepdim=True) + eps).sqrt() + beta


# %% problem="layer_norm" misconception="eps_outside_the_root"
def layer_norm(x, gamma, beta, eps=1e-5):
    mean = x.mean(dim=-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=-1, keepdim=True)
    return gamma * (x - mean) / (variance**0.5 + eps) + beta


# %% problem="layer_norm" misconception="in_place"
def layer_norm(x, gamma, beta, eps=1e-5):
    deviation = (x.var(-1, correction=0, keepdim=True) + eps).sqrt()
    x.sub_(x.mean(-1, keepdim=True))
    return gamma * (x / deviation) + beta


# %% problem="normalise" variant="branches"
def normalise(x, kind, groups=None, eps=1e-5):
    b, c, n = x.shape
    if kind == "batch":
        mean, var = x.mean((0, 2), keepdim=True), x.var((0, 2), unbiased=False, keepdim=True)
    elif kind == "instance":
        mean, var = x.mean(2, keepdim=True), x.var(2, unbiased=False, keepdim=True)
    elif kind == "layer":
        mean, var = x.mean(1, keepdim=True), x.var(1, unbiased=False, keepdim=True)
    elif kind == "group":
        g = x.reshape(b, groups, c // groups * n)
        mean, var = g.mean(2, keepdim=True), g.var(2, unbiased=False, keepdim=True)
        return ((g - mean) / (var + eps).sqrt()).reshape(b, c, n)
    else:
        raise ValueError("unknown kind: " + kind)
    return (x - mean) / (var + eps).sqrt()


# %% problem="normalise" variant="einops"
import torch
from einops import rearrange

SETS = {
    "batch": "b c n -> c (b n)",
    "instance": "b c n -> (b c) n",
    "group": "b (g k) n -> (b g) (k n)",
    "layer": "b c n -> (b n) c",
}


def normalise(x, kind, groups=None, eps=1e-5):
    if kind not in SETS:
        raise ValueError(kind)
    sizes = {"b": len(x)} | ({"g": groups} if kind == "group" else {})
    sets = rearrange(x, SETS[kind], **sizes)
    var, mean = torch.var_mean(sets, dim=1, correction=0, keepdim=True)
    there, back = SETS[kind].split(" -> ")
    result = (sets - mean) * torch.rsqrt(var + eps)
    return rearrange(
        result, f"{back} -> {there}", **sizes | ({"n": x.shape[2]} if kind == "group" else {})
    )


# %% problem="normalise" variant="all_are_groups"
def normalise(x, kind, groups=None, eps=1e-5):
    if kind == "batch":
        return normalise(x.transpose(0, 1), "group", 0, eps).transpose(0, 1)
    if kind == "layer":
        return normalise(x.transpose(1, 2), "instance", None, eps).transpose(1, 2)
    if kind == "instance":
        return normalise(x, "group", x.shape[1], eps)
    if kind != "group":
        raise ValueError(f"no such kind: {kind}")
    shape = (len(x), groups, -1) if groups else (len(x), 1, -1)
    sets = x.reshape(shape)
    sets = sets - sets.mean(dim=-1, keepdim=True)
    sets = sets / (sets.pow(2).mean(dim=-1, keepdim=True) + eps).sqrt()
    return sets.reshape(x.shape)


# %% problem="normalise" variant="set_by_set"
import torch


def normalise(x, kind, groups=None, eps=1e-5):
    b, c, n = x.shape
    if kind == "batch":
        slices = [(slice(None), i, slice(None)) for i in range(c)]
    elif kind == "instance":
        slices = [(s, i, slice(None)) for s in range(b) for i in range(c)]
    elif kind == "group":
        size = c // groups
        slices = [
            (s, slice(g * size, (g + 1) * size), slice(None))
            for s in range(b)
            for g in range(groups)
        ]
    elif kind == "layer":
        slices = [(s, slice(None), p) for s in range(b) for p in range(n)]
    else:
        raise ValueError
    result = torch.zeros_like(x)
    for one in slices:
        numbers = x[one]
        centred = numbers - numbers.mean()
        result[one] = centred / (centred.square().mean() + eps).sqrt()
    return result


# %% problem="normalise" variant="match"
import torch


def _whiten(x, dims, eps):
    centred = x - x.mean(dims, True)
    return centred / torch.sqrt(torch.mean(centred * centred, dims, True) + eps)


def normalise(x, kind, groups=None, eps=1e-5):
    match kind:
        case "batch":
            return _whiten(x, (0, -1), eps)
        case "instance":
            return _whiten(x, -1, eps)
        case "layer":
            return _whiten(x, -2, eps)
        case "group":
            parts = x.chunk(groups, dim=1)
            return torch.cat([_whiten(part, (1, 2), eps) for part in parts], dim=1)
    raise ValueError(f"{kind!r}?")


# %% problem="normalise" variant="group_ids"
import torch


def normalise(x, kind, groups=None, eps=1e-5):
    """Every number is told the number of its set; sums are gathered by set."""
    b, c, n = x.shape
    s, k, p = torch.meshgrid(torch.arange(b), torch.arange(c), torch.arange(n), indexing="ij")
    kinds = {"batch": k, "instance": s * c + k, "layer": s * n + p}
    if kind == "group":
        kinds["group"] = s * groups + k // (c // groups)
    if kind not in kinds:
        raise ValueError("kind must be batch, instance, group or layer")
    sets = kinds[kind].flatten()
    zeros = x.new_zeros(int(sets.max()) + 1)
    count = zeros.index_add(0, sets, torch.ones_like(x).flatten())
    mean = zeros.index_add(0, sets, x.flatten()) / count
    centred = x.flatten() - mean[sets]
    variance = zeros.index_add(0, sets, centred**2) / count
    return (centred / (variance[sets] + eps).sqrt()).reshape(x.shape)


# %% problem="normalise" variant="subclass_of_value_error"
class UnknownKindError(ValueError):
    pass


def normalise(x, kind, groups=None, eps=1e-5):
    b, c, n = x.shape
    views = {"batch": (x[None], (1, 3)), "instance": (x, (2,)), "layer": (x, (1,))}
    if kind == "group":
        views[kind] = (x.view(b, groups, c // groups, n), (2, 3))
    try:
        sets, axes = views[kind]
    except KeyError:
        raise UnknownKindError(kind) from None
    var, mean = sets.var(axes, correction=0, keepdim=True), sets.mean(axes, keepdim=True)
    return ((sets - mean) / (var + eps) ** 0.5).reshape(b, c, n)


# %% problem="normalise" misconception="unbiased"
def normalise(x, kind, groups=None, eps=1e-5):
    dims = {"batch": (0, 2), "instance": (2,), "layer": (1,), "group": (2,)}
    if kind not in dims:
        raise ValueError(kind)
    sets = x.reshape(len(x), groups, -1) if kind == "group" else x
    std = (sets.var(dims[kind], keepdim=True) + eps).sqrt()
    return ((sets - sets.mean(dims[kind], keepdim=True)) / std).reshape(x.shape)


# %% problem="normalise" misconception="layer_over_positions_too"
def normalise(x, kind, groups=None, eps=1e-5):
    if kind == "batch":
        sets, dims = x, (0, 2)
    elif kind == "instance":
        sets, dims = x, (2,)
    elif kind == "layer":
        sets, dims = x.flatten(1), (1,)
    elif kind == "group":
        sets, dims = x.reshape(len(x), groups, -1), (2,)
    else:
        raise ValueError(kind)
    centred = sets - sets.mean(dims, keepdim=True)
    return (centred / (centred.pow(2).mean(dims, keepdim=True) + eps).sqrt()).reshape(x.shape)


# %% problem="normalise" misconception="another_error"
def normalise(x, kind, groups=None, eps=1e-5):
    sets = x.unflatten(1, (groups, -1)) if kind == "group" else x
    dims = {"batch": (0, 2), "instance": (2,), "layer": (1,), "group": (2, 3)}[kind]
    centred = sets - sets.mean(dims, keepdim=True)
    return (centred / (centred.pow(2).mean(dims, keepdim=True) + eps).sqrt()).reshape(x.shape)


# %% problem="feed_forward" variant="clamp"
def feed_forward(x, w_1, b_1, w_2, b_2):
    return (x @ w_1 + b_1).clamp(min=0) @ w_2 + b_2


# %% problem="feed_forward" variant="linear"
import torch.nn.functional as F


def feed_forward(x, w_1, b_1, w_2, b_2):
    return F.linear(F.relu(F.linear(x, w_1.T, b_1)), w_2.T, b_2)


# %% problem="feed_forward" variant="einsum"
import torch


def feed_forward(x, w_1, b_1, w_2, b_2):
    hidden = torch.einsum("...d,df->...f", x, w_1) + b_1
    return torch.einsum("...f,fd->...d", torch.maximum(hidden, torch.zeros_like(hidden)), w_2) + b_2


# %% problem="feed_forward" variant="einops"
from einops import einsum


def feed_forward(x, w_1, b_1, w_2, b_2):
    hidden = einsum(x, w_1, "... d, d f -> ... f") + b_1
    return einsum(hidden * (hidden > 0), w_2, "... f, f d -> ... d") + b_2


# %% problem="feed_forward" variant="in_place_on_its_own"
def feed_forward(x, w_1, b_1, w_2, b_2):
    hidden = x.matmul(w_1).add_(b_1).relu_()
    return hidden.matmul(w_2).add_(b_2)


# %% problem="feed_forward" variant="hidden_number_by_number"
import torch


def feed_forward(x, w_1, b_1, w_2, b_2):
    out = torch.zeros_like(x) + b_2
    for j in range(len(b_1)):
        hidden = torch.relu((x * w_1[:, j]).sum(dim=-1, keepdim=True) + b_1[j])
        out = out + hidden * w_2[j]
    return out


# %% problem="feed_forward" variant="flattened"
import torch


def feed_forward(x, w_1, b_1, w_2, b_2):
    rows = x.reshape(-1, x.shape[-1])
    hidden = torch.nn.ReLU()(torch.addmm(b_1, rows, w_1))
    return torch.addmm(b_2, hidden, w_2).reshape(x.shape)


# %% problem="feed_forward" misconception="no_relu"
def feed_forward(x, w_1, b_1, w_2, b_2):
    return x @ (w_1 @ w_2) + b_1 @ w_2 + b_2


# %% problem="feed_forward" misconception="relu_twice"
def feed_forward(x, w_1, b_1, w_2, b_2):
    for w, b in ((w_1, b_1), (w_2, b_2)):
        x = (x @ w + b).clamp(min=0)
    return x


# %% problem="feed_forward" misconception="needs_a_batch"
import torch


def feed_forward(x, w_1, b_1, w_2, b_2):
    hidden = torch.relu(torch.einsum("bnd,df->bnf", x, w_1) + b_1)
    return torch.einsum("bnf,fd->bnd", hidden, w_2) + b_2


# %% problem="EncoderBlock" variant="dropout_everywhere_as_in_torch"
from torch import nn


class EncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)
        self.dropout1 = nn.Dropout(dropout)
        self.dropout2 = nn.Dropout(dropout)

    def _sa_block(self, x, padding):
        x = self.self_attn(x, x, x, key_padding_mask=padding, need_weights=False)[0]
        return self.dropout1(x)

    def _ff_block(self, x):
        return self.dropout2(self.linear2(self.dropout(self.linear1(x).relu())))

    def forward(self, x, visible=None):
        padding = None
        if visible is not None:
            padding = torch.logical_not(visible)
        x = self.norm1(x + self._sa_block(x, padding))
        return self.norm2(x + self._ff_block(x))


# %% problem="EncoderBlock" variant="own_attention"
import math

from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Attention of one's own, its parameters packed as torch packs them."""

    def __init__(self, d_model, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * d_model, d_model))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * d_model))
        self.out_proj = nn.Linear(d_model, d_model)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, query, key, value, visible=None):
        """visible: bool, broadcasts to (b, n_heads, n_q, n_k), True = may be attended."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (
            F.linear(x, w, b).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for x, w, b in zip((query, key, value), weights, biases, strict=True)
        )
        scores = q @ k.mT / math.sqrt(q.shape[-1])
        if visible is not None:
            scores = scores.masked_fill(~visible, -1e9)
        return self.out_proj((scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2))


class EncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.p = dropout
        self.self_attn = Attention(d_model, n_heads)
        self.linear1, self.linear2 = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)

    def forward(self, x, visible=None):
        mask = None if visible is None else visible[:, None, None, :]
        x = self.norm1(x + F.dropout(self.self_attn(x, x, x, mask), self.p, self.training))
        hidden = F.relu(self.linear1(x))
        return self.norm2(x + F.dropout(self.linear2(hidden), self.p, self.training))


# %% problem="EncoderBlock" variant="mask_for_each_head"
from einops import repeat
from torch import nn


class EncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.n_heads = n_heads
        self.drops = nn.ModuleList([nn.Dropout(dropout), nn.Dropout(dropout)])

    def forward(self, x, visible=None):
        mask = None
        if visible is not None:
            real = repeat(visible, "b k -> (b h) q k", h=self.n_heads, q=x.shape[1])
            mask = torch.zeros(real.shape, dtype=x.dtype).masked_fill(~real, float("-inf"))
        said, _ = self.self_attn(x, x, x, attn_mask=mask)
        x = self.norm1(self.drops[0](said) + x)
        said = self.linear2(self.linear1(x).clamp(min=0))
        return self.norm2(self.drops[1](said) + x)


# %% problem="EncoderBlock" variant="sentence_by_sentence"
from torch import nn


class EncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, visible=None):
        if visible is None:
            visible = torch.ones(x.shape[:2], dtype=torch.bool)
        said = []
        for sentence, real in zip(x, visible, strict=True):
            keys = sentence[real][None]
            said.append(self.self_attn(sentence[None], keys, keys)[0][0])
        x = self.norm1(x + self.drop(torch.stack(said)))
        return self.norm2(x + self.drop(self.linear2(torch.relu(self.linear1(x)))))


# %% problem="EncoderBlock" variant="positions_first"
from torch import nn


class EncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout = dropout

    def forward(self, x, visible=None):
        if visible is not None:
            visible = ~visible
        x = x.transpose(0, 1)
        said = self.self_attn(x, x, x, key_padding_mask=visible, need_weights=False)[0]
        x = self.norm1(x + nn.functional.dropout(said, self.dropout, self.training))
        said = self.linear2(nn.functional.relu(self.linear1(x)))
        x = self.norm2(x + nn.functional.dropout(said, self.dropout, self.training))
        return x.transpose(0, 1)


# %% problem="EncoderBlock" variant="sub_layers_in_one_helper"
from torch import nn


class EncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.rate = dropout

    def add_and_norm(self, x, said, norm):
        if self.training and self.rate:
            stays = torch.rand_like(said) >= self.rate
            said = said * stays / (1 - self.rate)
        return norm(x + said)

    def forward(self, x, visible=None):
        hide = visible if visible is None else visible == False  # noqa: E712
        x = self.add_and_norm(x, self.self_attn(x, x, x, hide)[0], self.norm1)
        forward = nn.Sequential(self.linear1, nn.ReLU(), self.linear2)
        return self.add_and_norm(x, forward(x), self.norm2)


# %% problem="EncoderBlock" variant="padding_set_to_zero_at_the_end"
from torch import nn


class EncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.drop = nn.Dropout(dropout, inplace=True)

    def forward(self, x, visible=None):
        visible = torch.ones_like(x[..., 0], dtype=torch.bool) if visible is None else visible
        attended, _ = self.self_attn(x, x, x, key_padding_mask=visible.logical_not())
        middle = self.norm1(x + self.drop(attended))
        end = self.norm2(middle + self.drop(self.linear2(self.linear1(middle).relu())))
        return torch.where(visible.unsqueeze(-1), end, torch.zeros_like(end))


# %% problem="EncoderBlock" misconception="opposite_polarity"
from torch import nn


class EncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, visible=None):
        x = self.norm1(x + self.drop(self.self_attn(x, x, x, key_padding_mask=visible)[0]))
        return self.norm2(x + self.drop(self.linear2(self.linear1(x).relu())))


# %% problem="EncoderBlock" misconception="normalises_first"
from torch import nn


class EncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, visible=None):
        hidden = None if visible is None else ~visible
        y = self.norm1(x)
        x = x + self.drop(self.self_attn(y, y, y, key_padding_mask=hidden)[0])
        return x + self.drop(self.linear2(self.linear1(self.norm2(x)).relu()))


# %% problem="EncoderBlock" misconception="other_parameters"
from torch import nn


class EncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.attention = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.ffn = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.ln_1, self.ln_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, visible=None):
        hidden = None if visible is None else ~visible
        x = self.ln_1(x + self.drop(self.attention(x, x, x, key_padding_mask=hidden)[0]))
        return self.ln_2(x + self.drop(self.ffn(x)))


# %% problem="EncoderBlock" misconception="drops_the_sum"
from torch import nn


class EncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, visible=None):
        hidden = None if visible is None else ~visible
        x = x + self.self_attn(x, x, x, key_padding_mask=hidden)[0]
        x = self.norm1(self.drop(x))
        x = x + self.linear2(self.linear1(x).relu())
        return self.norm2(self.drop(x))


# %% problem="PreNormEncoderBlock" variant="dropout_everywhere_as_in_torch"
from torch import nn


class PreNormEncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)
        self.dropout1, self.dropout2 = nn.Dropout(dropout), nn.Dropout(dropout)

    def forward(self, x, visible=None):
        mask = None if visible is None else torch.logical_not(visible)
        y = self.norm1(x)
        y = self.self_attn(y, y, y, key_padding_mask=mask, need_weights=False)[0]
        x = x + self.dropout1(y)
        y = self.linear2(self.dropout(torch.relu(self.linear1(self.norm2(x)))))
        return x + self.dropout2(y)


# %% problem="PreNormEncoderBlock" variant="heir_of_the_post_norm_block"
from torch import nn


class EncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.drop = nn.Dropout(dropout)

    def attend(self, x, visible):
        hidden = None if visible is None else ~visible
        return self.drop(self.self_attn(x, x, x, key_padding_mask=hidden)[0])

    def compute(self, x):
        return self.drop(self.linear2(self.linear1(x).relu()))

    def forward(self, x, visible=None):
        x = self.norm1(x + self.attend(x, visible))
        return self.norm2(x + self.compute(x))


class PreNormEncoderBlock(EncoderBlock):
    def forward(self, x, visible=None):
        x = x + self.attend(self.norm1(x), visible)
        return x + self.compute(self.norm2(x))


# %% problem="PreNormEncoderBlock" variant="own_attention"
import math

from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Attention of one's own, its parameters packed as torch packs them."""

    def __init__(self, d_model, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * d_model, d_model))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * d_model))
        self.out_proj = nn.Linear(d_model, d_model)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, query, key, value, visible=None):
        """visible: bool, broadcasts to (b, n_heads, n_q, n_k), True = may be attended."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (
            F.linear(x, w, b).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for x, w, b in zip((query, key, value), weights, biases, strict=True)
        )
        scores = q @ k.mT / math.sqrt(q.shape[-1])
        if visible is not None:
            scores = scores.masked_fill(~visible, -1e9)
        return self.out_proj((scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2))


class PreNormEncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.p = dropout
        self.self_attn = Attention(d_model, n_heads)
        self.linear1, self.linear2 = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)

    def forward(self, x, visible=None):
        mask = None if visible is None else visible[:, None, None, :]
        y = self.norm1(x)
        x = x + F.dropout(self.self_attn(y, y, y, mask), self.p, self.training)
        y = self.linear2(F.relu(self.linear1(self.norm2(x))))
        return x + F.dropout(y, self.p, self.training)


# %% problem="PreNormEncoderBlock" variant="sub_layers_as_functions"
from torch import nn


class PreNormEncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(p=dropout)

    def around(self, x, norm, sub_layer):
        return x + self.dropout(sub_layer(norm(x)))

    def forward(self, x, visible=None):
        hidden = None if visible is None else visible.eq(0)

        def attend(y):
            return self.self_attn(y, y, y, key_padding_mask=hidden)[0]

        x = self.around(x, self.norm1, attend)
        return self.around(x, self.norm2, lambda y: self.linear2(self.linear1(y).clamp_min(0)))


# %% problem="PreNormEncoderBlock" variant="mask_for_each_head"
from torch import nn


class PreNormEncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.heads, self.p = n_heads, dropout

    def drop(self, x):
        return nn.functional.dropout(x, p=self.p, training=self.training)

    def forward(self, x, visible=None):
        b, n, _ = x.shape
        mask = torch.zeros(b, n, dtype=torch.bool) if visible is None else ~visible
        mask = mask[:, None, None].expand(b, self.heads, n, n).reshape(-1, n, n)
        z = self.norm1(x)
        x = self.drop(self.self_attn(z, z, z, attn_mask=mask)[0]) + x
        return self.drop(self.linear2(torch.relu(self.linear1(self.norm2(x))))) + x


# %% problem="PreNormEncoderBlock" variant="sentence_by_sentence"
from torch import nn


class PreNormEncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, visible=None):
        z, said = self.norm1(x), []
        for i in range(len(x)):
            keys = z[i : i + 1] if visible is None else z[i : i + 1, visible[i]]
            said += [self.self_attn(z[i : i + 1], keys, keys)[0]]
        h = x + self.drop(torch.cat(said))
        return h + self.drop(self.linear2(torch.relu(self.linear1(self.norm2(h)))))


# %% problem="PreNormEncoderBlock" misconception="normalises_last"
from torch import nn


class PreNormEncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, visible=None):
        hidden = None if visible is None else ~visible
        x = self.norm1(x + self.drop(self.self_attn(x, x, x, key_padding_mask=hidden)[0]))
        return self.norm2(x + self.drop(self.linear2(self.linear1(x).relu())))


# %% problem="PreNormEncoderBlock" misconception="normed_flows_past_both"
from torch import nn


class PreNormEncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, visible=None):
        hidden = None if visible is None else ~visible
        x = self.norm1(x)
        x = x + self.drop(self.self_attn(x, x, x, key_padding_mask=hidden)[0])
        x = self.norm2(x)
        return x + self.drop(self.linear2(self.linear1(x).relu()))


# %% problem="DecoderBlock" variant="dropout_everywhere_as_in_torch"
from torch import nn


class DecoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(
            d_model, n_heads, dropout=dropout, batch_first=True
        )
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.norm3 = nn.LayerNorm(d_model)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, memory, visible=None, memory_visible=None):
        causal = nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype)
        own = None if visible is None else torch.zeros_like(visible, dtype=x.dtype)
        if own is not None:
            own = own.masked_fill(~visible, float("-inf"))
        other = None if memory_visible is None else ~memory_visible
        said = self.self_attn(x, x, x, attn_mask=causal, key_padding_mask=own, is_causal=True)[0]
        x = self.norm1(x + self.drop(said))
        x = self.norm2(
            x + self.drop(self.multihead_attn(x, memory, memory, key_padding_mask=other)[0])
        )
        return self.norm3(x + self.drop(self.linear2(self.drop(self.linear1(x).relu()))))


# %% problem="DecoderBlock" variant="own_attention"
import math

from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Attention of one's own, its parameters packed as torch packs them."""

    def __init__(self, d_model, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * d_model, d_model))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * d_model))
        self.out_proj = nn.Linear(d_model, d_model)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, query, key, value, visible=None):
        """visible: bool, broadcasts to (b, n_heads, n_q, n_k), True = may be attended."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (
            F.linear(x, w, b).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for x, w, b in zip((query, key, value), weights, biases, strict=True)
        )
        scores = q @ k.mT / math.sqrt(q.shape[-1])
        if visible is not None:
            scores = scores.masked_fill(~visible, -1e9)
        return self.out_proj((scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2))


class DecoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.p = dropout
        self.self_attn = Attention(d_model, n_heads)
        self.multihead_attn = Attention(d_model, n_heads)
        self.linear1, self.linear2 = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(d_model) for _ in range(3))

    def forward(self, x, memory, visible=None, memory_visible=None):
        places = torch.arange(x.shape[1])
        mask = (places[:, None] >= places)[None, None]
        if visible is not None:
            mask = mask & visible[:, None, None]
        there = None if memory_visible is None else memory_visible[:, None, None]
        said = self.self_attn(x, x, x, mask)
        x = self.norm1(x + F.dropout(said, self.p, self.training))
        said = self.multihead_attn(x, memory, memory, there)
        x = self.norm2(x + F.dropout(said, self.p, self.training))
        said = self.linear2(F.relu(self.linear1(x)))
        return self.norm3(x + F.dropout(said, self.p, self.training))


# %% problem="DecoderBlock" variant="visible_left_aside"
from torch import nn


class DecoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.norm3 = nn.LayerNorm(d_model)
        self.drop1, self.drop2, self.drop3 = (nn.Dropout(dropout) for _ in range(3))

    def forward(self, x, memory, visible=None, memory_visible=None):
        """Padding stands at the end, where the causal mask hides it from all that is real."""
        n_t = x.size(1)
        future = torch.triu(torch.ones(n_t, n_t), diagonal=1) == 1
        h = self.norm1(x + self.drop1(self.self_attn(x, x, x, attn_mask=future)[0]))
        hide = memory_visible.logical_not() if memory_visible is not None else None
        g = self.norm2(h + self.drop2(self.multihead_attn(h, memory, memory, hide)[0]))
        return self.norm3(g + self.drop3(self.linear2(torch.relu(self.linear1(g)))))


# %% problem="DecoderBlock" variant="one_mask_for_both"
from torch import nn


class DecoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(
            d_model, n_heads, dropout=dropout, batch_first=True
        )
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.norm3 = nn.LayerNorm(d_model)
        self.heads, self.drop = n_heads, nn.Dropout(dropout)

    def attend(self, attention, x, keys, visible):
        """visible: (b, n_q, n_k) bool, True = may attend."""
        mask = ~visible.repeat_interleave(self.heads, dim=0)
        return self.drop(attention(x, keys, keys, attn_mask=mask, need_weights=False)[0])

    def forward(self, x, memory, visible=None, memory_visible=None):
        b, n_t, n_s = len(x), x.shape[1], memory.shape[1]
        if visible is None:
            visible = torch.ones(b, n_t, dtype=torch.bool)
        if memory_visible is None:
            memory_visible = torch.ones(b, n_s, dtype=torch.bool)
        past = torch.ones(n_t, n_t, dtype=torch.bool).tril() & visible[:, None]
        x = self.norm1(x + self.attend(self.self_attn, x, x, past))
        there = memory_visible[:, None].expand(b, n_t, n_s)
        x = self.norm2(x + self.attend(self.multihead_attn, x, memory, there))
        return self.norm3(x + self.drop(self.linear2(self.linear1(x).relu())))


# %% problem="DecoderBlock" variant="position_by_position"
from torch import nn


class DecoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(
            d_model, n_heads, dropout=dropout, batch_first=True
        )
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.norm3 = nn.LayerNorm(d_model)
        self.p = dropout

    def drop(self, said):
        if not self.training or self.p == 0:
            return said
        return said * torch.bernoulli(torch.full_like(said, 1 - self.p)) / (1 - self.p)

    def forward(self, x, memory, visible=None, memory_visible=None):
        said = []
        for i in range(x.shape[1]):
            past = x[:, : i + 1]
            said.append(self.self_attn(x[:, i : i + 1], past, past)[0])
        x = self.norm1(x + self.drop(torch.cat(said, dim=1)))
        hidden = None if memory_visible is None else ~memory_visible
        said = self.multihead_attn(x, memory, memory, key_padding_mask=hidden)[0]
        x = self.norm2(x + self.drop(said))
        return self.norm3(x + self.drop(self.linear2(torch.relu(self.linear1(x)))))


# %% problem="DecoderBlock" variant="positions_first"
from torch import nn


class DecoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout)
        self.multihead_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout)
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.norm3 = nn.LayerNorm(d_model)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, memory, visible=None, memory_visible=None):
        x, memory = x.transpose(0, 1), memory.transpose(0, 1)
        visible = None if visible is None else ~visible
        memory_visible = None if memory_visible is None else ~memory_visible
        future = torch.full((len(x), len(x)), True).triu(diagonal=1)
        sub = self.self_attn(x, x, x, attn_mask=future, key_padding_mask=visible)[0]
        x = self.norm1(x + self.drop(sub))
        sub = self.multihead_attn(x, memory, memory, key_padding_mask=memory_visible)[0]
        x = self.norm2(x + self.drop(sub))
        sub = self.linear2(nn.functional.relu(self.linear1(x)))
        return self.norm3(x + self.drop(sub)).transpose(0, 1)


# %% problem="DecoderBlock" misconception="not_causal"
from torch import nn


class DecoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(
            d_model, n_heads, dropout=dropout, batch_first=True
        )
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.norm3 = nn.LayerNorm(d_model)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, memory, visible=None, memory_visible=None):
        own = None if visible is None else ~visible
        other = None if memory_visible is None else ~memory_visible
        x = self.norm1(x + self.drop(self.self_attn(x, x, x, own)[0]))
        x = self.norm2(x + self.drop(self.multihead_attn(x, memory, memory, other)[0]))
        return self.norm3(x + self.drop(self.linear2(self.linear1(x).relu())))


# %% problem="DecoderBlock" misconception="ignores_memory_visible"
from torch import nn


class DecoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(
            d_model, n_heads, dropout=dropout, batch_first=True
        )
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.norm3 = nn.LayerNorm(d_model)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, memory, visible=None, memory_visible=None):
        future = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
        x = self.norm1(x + self.drop(self.self_attn(x, x, x, attn_mask=future)[0]))
        x = self.norm2(x + self.drop(self.multihead_attn(x, memory, memory)[0]))
        return self.norm3(x + self.drop(self.linear2(self.linear1(x).relu())))
