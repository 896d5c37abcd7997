# Answers that students might write. A cell with a `variant` is right and must be accepted; a cell
# with a `misconception` makes that mistake in other words than the problem's own list, and must
# still be named. Read by the tests, cell by cell; nothing here is released.

# %% problem="softmax" variant="logsumexp"
import torch


def softmax(x, dim):
    return torch.exp(x - torch.logsumexp(x, dim=dim, keepdim=True))


# %% problem="softmax" variant="moved_to_the_end"
import torch


def softmax(x, dim):
    rows = torch.movedim(x, dim, -1)
    rows = torch.exp(rows - rows.amax(dim=-1, keepdim=True))
    return torch.movedim(rows / rows.sum(dim=-1, keepdim=True), -1, dim)


# %% problem="softmax" variant="list_of_slices"
import torch


def softmax(x, dim):
    slices = torch.unbind(x, dim)
    largest = slices[0]
    for piece in slices[1:]:
        largest = torch.maximum(largest, piece)
    powers = [torch.exp(piece - largest) for piece in slices]
    return torch.stack([power / sum(powers) for power in powers], dim)


# %% problem="softmax" variant="recursive_over_rows"
import torch


def one_vector(x):
    powers = (x - x.max()).exp()
    return powers / powers.sum()


def softmax(x, dim):
    if dim < 0:
        dim += x.ndim
    if x.ndim == 1:
        return one_vector(x)
    if dim == 0:
        return torch.stack([softmax(column, 0) for column in x.unbind(-1)], dim=-1)
    return torch.stack([softmax(part, dim - 1) for part in x])


# %% problem="softmax" variant="einops"
import torch
from einops import rearrange


def softmax(x, dim):
    first = rearrange(x.transpose(0, dim), "n ... -> n (...)")
    powers = torch.exp(first - first.max(dim=0).values)
    shares = powers / powers.sum(dim=0)
    return shares.reshape(x.transpose(0, dim).shape).transpose(0, dim)


# %% problem="softmax" variant="detached_maximum"
import torch


def softmax(x, dim):
    shifted = x - x.detach().max(dim, keepdim=True)[0]
    powers = torch.pow(torch.e, shifted)
    return powers * powers.sum(dim, keepdim=True).reciprocal()


# %% problem="softmax" variant="unsqueezed"
import torch


def softmax(x, dim):
    axis = dim if dim >= 0 else x.ndim + dim
    powers = torch.exp(x - torch.max(x, axis)[0].unsqueeze(axis))
    return torch.div(powers, torch.sum(powers, axis).unsqueeze(axis))


# %% problem="softmax" variant="differences_of_all_pairs"
import torch


def softmax(x, dim):
    last = x.transpose(dim, -1)
    gaps = last.unsqueeze(-2) - last.unsqueeze(-1)  # [..., i, j] = entry j - entry i
    return (1 / torch.exp(gaps).sum(dim=-1)).transpose(dim, -1)


# %% problem="softmax" variant="in_place_on_a_copy"
import torch


def softmax(x, dim):
    y = x.clone()
    y -= x.amax(dim=dim, keepdim=True)
    y.exp_()
    return y / y.sum(dim=dim, keepdim=True)


# %% problem="softmax" misconception="no_maximum"
def softmax(x, dim):
    powers = x.exp()
    total = powers.sum(dim, keepdim=True)
    return powers * (1 / total)


# %% problem="softmax" misconception="rounded_e"
def softmax(x, dim):
    powers = 2.718 ** (x - x.amax(dim, keepdim=True))
    return powers / powers.sum(dim, keepdim=True)


# %% problem="softmax" misconception="rounded_e_no_maximum"
import torch


def softmax(x, dim):
    return torch.pow(2.718, x) / torch.pow(2.718, x).sum(dim, keepdim=True)


# %% problem="softmax" misconception="always_last_dim"
import torch


def softmax(x, dim):
    return torch.exp(x - torch.logsumexp(x, -1, keepdim=True))


# %% problem="softmax" misconception="keepdim"
import torch


def softmax(x, dim):
    largest, _ = torch.max(x, dim)
    powers = torch.exp(x - largest)
    return powers / torch.sum(powers, dim)


# %% problem="softmax" misconception="joint"
import torch


def softmax(x, dim):
    return torch.exp(x - x.flatten().logsumexp(0))


# %% problem="softmax" misconception="in_place"
def softmax(x, dim):
    x -= x.detach().amax(dim, keepdim=True)
    powers = x.exp()
    return powers / powers.sum(dim, keepdim=True)


# %% problem="softmax" misconception="in_place_throughout"
def softmax(x, dim):
    x -= x.amax(dim, keepdim=True)
    x.exp_()
    x /= x.sum(dim, keepdim=True)
    return x


# %% problem="softmax" misconception="detached"
import torch


def softmax(x, dim):
    values = x.detach().numpy()
    powers = torch.tensor(values - values.max(axis=dim, keepdims=True)).exp()
    return powers / powers.sum(dim, keepdim=True)


# %% problem="softmax" misconception="softmin"
import torch


def softmax(x, dim):
    y = -x
    y = torch.exp(y - y.max(dim, keepdim=True).values)
    return y / y.sum(dim, keepdim=True)


# %% problem="similarity" variant="broadcast_and_sum"
def similarity(query, keys):
    return (keys * query).sum(dim=1)


# %% problem="similarity" variant="loop_over_keys"
import torch


def similarity(query, keys):
    return torch.stack([torch.dot(query, key) for key in keys])


# %% problem="similarity" variant="two_loops"
import torch


def similarity(query, keys):
    scores = []
    for key in keys:
        total = 0
        for a, b in zip(query, key, strict=True):
            total = total + a * b
        scores.append(total)
    return torch.stack(scores)


# %% problem="similarity" variant="torch_einsum"
import torch


def similarity(query, keys):
    return torch.einsum("d,nd->n", query, keys)


# %% problem="similarity" variant="einops_einsum"
from einops import einsum


def similarity(query, keys):
    return einsum(keys, query, "n d, d -> n")


# %% problem="similarity" variant="query_first"
def similarity(query, keys):
    return query @ keys.T


# %% problem="similarity" variant="filled_zeros"
import torch


def similarity(query, keys):
    scores = torch.zeros(keys.shape[0], dtype=keys.dtype)
    for i in range(len(keys)):
        scores[i] = query @ keys[i]
    return scores


# %% problem="similarity" variant="column_squeezed"
import torch


def similarity(query, keys):
    return torch.mm(keys, query.unsqueeze(1)).squeeze(1)


# %% problem="similarity" variant="linear"
import torch


def similarity(query, keys):
    return torch.nn.functional.linear(query, keys)


# %% problem="similarity" misconception="cosine"
def similarity(query, keys):
    lengths = query.norm() * keys.norm(dim=1)
    return keys @ query / lengths


# %% problem="similarity" misconception="sum_over_keys"
import torch


def similarity(query, keys):
    return torch.einsum("d,nd->d", query, keys)


# %% problem="similarity" misconception="from_numbers"
import torch


def similarity(query, keys):
    scores = []
    for key in keys:
        scores.append(sum(a * b for a, b in zip(query.tolist(), key.tolist(), strict=True)))
    return torch.tensor(scores)


# %% problem="similarity" misconception="scaled"
import torch


def similarity(query, keys):
    return torch.stack([query @ key for key in keys]) / torch.sqrt(torch.tensor(len(query)))


# %% problem="similarity" misconception="softmaxed"
def similarity(query, keys):
    powers = (keys @ query).exp()
    return powers / powers.sum()


# %% problem="attend" variant="hand_made_softmax"
import torch


def attend(query, keys, values):
    scores = (keys * query).sum(-1) / keys.shape[1] ** 0.5
    powers = torch.exp(scores - scores.max())
    return (powers / powers.sum()) @ values


# %% problem="attend" variant="loop_over_keys"
import math

import torch


def attend(query, keys, values):
    scores = torch.stack([torch.dot(query, key) / math.sqrt(len(query)) for key in keys])
    weights = scores.softmax(0)
    out = torch.zeros_like(values[0])
    for weight, value in zip(weights, values, strict=True):
        out = out + weight * value
    return out


# %% problem="attend" variant="einops_einsum"
import torch
from einops import einsum


def attend(query, keys, values):
    scores = einsum(query, keys, "d, n d -> n") * query.shape[-1] ** -0.5
    return einsum(torch.nn.functional.softmax(scores, dim=0), values, "n, n v -> v")


# %% problem="attend" variant="query_scaled_first"
import torch


def attend(query, keys, values):
    scaled = query / query.numel() ** 0.5
    return torch.softmax(keys @ scaled, 0) @ values


# %% problem="attend" variant="float32_root"
import torch


def attend(query, keys, values):
    root = torch.sqrt(torch.tensor(query.shape[0]))
    weights = torch.softmax(keys @ query / root, dim=0)
    return torch.matmul(values.T, weights)


# %% problem="attend" variant="root_split_between_both"
import torch


def attend(query, keys, values):
    part = query.shape[0] ** 0.25
    return torch.softmax((keys / part) @ (query / part), dim=0) @ values


# %% problem="attend" variant="matrix_of_one_row"
import torch


def attend(query, keys, values):
    scores = query[None, :] @ keys.transpose(0, 1) / query.shape[0] ** 0.5
    return (torch.softmax(scores, dim=1) @ values).squeeze(0)


# %% problem="attend" variant="helpers_beside"
import torch


def normalise(scores):
    return torch.exp(scores - torch.logsumexp(scores, dim=-1))


def weighted_mean(weights, values):
    return (weights.unsqueeze(-1) * values).sum(dim=0)


def attend(query, keys, values):
    return weighted_mean(normalise(torch.mv(keys, query) / query.shape[0] ** 0.5), values)


# %% problem="attend" variant="sum_divided_at_the_end"
import torch


def attend(query, keys, values):
    scores = keys @ query / torch.tensor(float(query.shape[0])).sqrt()
    powers = torch.exp(scores - scores.max())
    return powers @ values / powers.sum()


# %% problem="attend" misconception="no_scale"
from einops import einsum


def attend(query, keys, values):
    powers = einsum(query, keys, "d, n d -> n")
    powers = (powers - powers.max()).exp()
    return (powers[:, None] * values).sum(0) / powers.sum()


# %% problem="attend" misconception="scale_by_d_k"
import torch


def attend(query, keys, values):
    root = len(query) ** 0.5
    return torch.softmax((keys / root) @ (query / root), dim=0) @ values


# %% problem="attend" misconception="scale_by_2"
import torch


def attend(query, keys, values):
    weights = torch.softmax((keys * query).sum(dim=1) / 2, dim=0)
    return (weights[:, None] * values).sum(dim=0)


# %% problem="attend" misconception="half_of_d_k"
import torch


def attend(query, keys, values):
    scale = query.shape[0] ** 1 / 2
    return torch.softmax(keys @ query / scale, dim=0) @ values


# %% problem="attend" misconception="softmax_of_one"
import torch


def attend(query, keys, values):
    scores = keys @ query.unsqueeze(1) / len(query) ** 0.5
    return (torch.softmax(scores, dim=-1) * values).sum(dim=0)


# %% problem="attend" misconception="multiplied"
import math

import torch


def attend(query, keys, values):
    return torch.softmax((query * math.sqrt(query.shape[0])) @ keys.T, dim=0) @ values


# %% problem="attend" misconception="mean_of_weighted"
import torch


def attend(query, keys, values):
    weights = torch.softmax(keys @ query / len(query) ** 0.5, dim=0)
    return torch.stack([w * v for w, v in zip(weights, values, strict=True)]).mean(0)


# %% problem="attend" misconception="hardmax"
import torch


def attend(query, keys, values):
    best = torch.argmax((keys * query).sum(dim=1))
    return torch.nn.functional.one_hot(best, len(keys)).to(values.dtype) @ values


# %% problem="attend" misconception="weights_detached"
import torch


def attend(query, keys, values):
    with torch.no_grad():
        weights = torch.softmax(keys @ query / len(query) ** 0.5, dim=0)
    return weights @ values


# %% problem="scaled_dot_product_attention" variant="torch_einsum"
import math

import torch


def scaled_dot_product_attention(q, k, v):
    scores = torch.einsum("...qd,...kd->...qk", q, k) / math.sqrt(q.size(-1))
    weights = scores.softmax(dim=-1)
    return torch.einsum("...qk,...kv->...qv", weights, v), weights


# %% problem="scaled_dot_product_attention" variant="einops"
import torch
from einops import einsum, rearrange


def scaled_dot_product_attention(q, k, v):
    scores = q @ rearrange(k, "... n_k d -> ... d n_k") * k.shape[-1] ** -0.5
    weights = torch.nn.functional.softmax(scores, dim=-1)
    return einsum(weights, v, "... q k, ... k v -> ... q v"), weights


# %% problem="scaled_dot_product_attention" variant="hand_made_softmax"
import torch


def scaled_dot_product_attention(q, k, v):
    scores = torch.matmul(q, k.mT) / q.shape[-1] ** 0.5
    powers = torch.exp(scores - scores.max(dim=-1, keepdim=True).values)
    weights = powers / powers.sum(dim=-1, keepdim=True)
    return torch.matmul(weights, v), weights


# %% problem="scaled_dot_product_attention" variant="queries_scaled_first"
import torch


def scaled_dot_product_attention(q, k, v):
    weights = torch.softmax((q / q.shape[-1] ** 0.5) @ k.swapaxes(-1, -2), -1)
    return weights @ v, weights


# %% problem="scaled_dot_product_attention" variant="root_split_between_both"
import torch


def scaled_dot_product_attention(q, k, v):
    part = q.shape[-1] ** 0.25
    weights = torch.softmax((q / part) @ (k / part).transpose(-1, -2), dim=-1)
    return weights @ v, weights


# %% problem="scaled_dot_product_attention" variant="float32_root"
import torch


def scaled_dot_product_attention(q, k, v):
    root = torch.sqrt(torch.tensor(k.size(-1)))
    weights = torch.softmax(q @ k.transpose(-2, -1) / root, dim=-1)
    return weights @ v, weights


# %% problem="scaled_dot_product_attention" variant="broadcast_without_matmul"
import torch


def scaled_dot_product_attention(q, k, v):
    scores = (q.unsqueeze(-2) * k.unsqueeze(-3)).sum(dim=-1) / q.shape[-1] ** 0.5
    weights = torch.softmax(scores, dim=-1)
    return (weights.unsqueeze(-1) * v.unsqueeze(-3)).sum(dim=-2), weights


# %% problem="scaled_dot_product_attention" variant="recursive_over_batches"
import torch


def attend_to_all(query, k, v):
    weights = torch.softmax(k @ query / k.shape[-1] ** 0.5, dim=0)
    return weights @ v, weights


def scaled_dot_product_attention(q, k, v):
    if q.ndim == 2:
        pairs = [attend_to_all(query, k, v) for query in q]
    else:
        parts = zip(q, k, v, strict=True)
        pairs = [scaled_dot_product_attention(*part) for part in parts]
    return torch.stack([out for out, _ in pairs]), torch.stack([w for _, w in pairs])


# %% problem="scaled_dot_product_attention" variant="flattened_batch"
import torch


def scaled_dot_product_attention(q, k, v):
    batch = q.shape[:-2]
    q, k, v = (x.reshape(-1, *x.shape[-2:]) for x in (q, k, v))
    scores = torch.bmm(q, k.transpose(1, 2)) / q.shape[2] ** 0.5
    weights = torch.exp(scores - scores.logsumexp(dim=2, keepdim=True))
    out = torch.bmm(weights, v)
    return [x.reshape(*batch, *x.shape[1:]) for x in (out, weights)]


# %% problem="scaled_dot_product_attention" misconception="no_scale"
import torch


def scaled_dot_product_attention(q, k, v):
    weights = torch.softmax(torch.einsum("...qd,...kd->...qk", q, k), dim=-1)
    return torch.einsum("...qk,...kv->...qv", weights, v), weights


# %% problem="scaled_dot_product_attention" misconception="scale_by_2"
import torch


def scaled_dot_product_attention(q, k, v):
    weights = torch.softmax(q @ k.mT / 2, dim=-1)
    return weights @ v, weights


# %% problem="scaled_dot_product_attention" misconception="power_read_in_turn"
import torch


def scaled_dot_product_attention(q, k, v):
    weights = torch.softmax(q @ k.mT / q.size(-1) / 2, dim=-1)
    return weights @ v, weights


# %% problem="scaled_dot_product_attention" misconception="root_of_len_q"
import math

import torch


def scaled_dot_product_attention(q, k, v):
    weights = torch.softmax(q @ k.mT / math.sqrt(q.shape[0]), dim=-1)
    return weights @ v, weights


# %% problem="scaled_dot_product_attention" misconception="root_of_q_shape_1"
import math

import torch


def scaled_dot_product_attention(q, k, v):
    weights = torch.softmax(q @ k.mT / math.sqrt(q.size(1)), dim=-1)
    return weights @ v, weights


# %% problem="scaled_dot_product_attention" misconception="reshaped_keys"
import torch


def scaled_dot_product_attention(q, k, v):
    *batch, n_k, d_k = k.shape
    weights = torch.softmax(q @ k.contiguous().view(*batch, d_k, n_k) / d_k**0.5, dim=-1)
    return weights @ v, weights


# %% problem="scaled_dot_product_attention" misconception="over_queries"
import torch


def scaled_dot_product_attention(q, k, v):
    scores = k @ q.mT / q.shape[-1] ** 0.5
    weights = torch.softmax(scores, dim=-1).mT
    return weights @ v, weights


# %% problem="scaled_dot_product_attention" misconception="over_dim_0"
import math

import torch


def scaled_dot_product_attention(q, k, v):
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    powers = torch.exp(scores - scores.max(dim=0).values)
    weights = powers / powers.sum(dim=0)
    return weights @ v, weights


# %% problem="scaled_dot_product_attention" misconception="plain_matrices_only"
import torch


def scaled_dot_product_attention(q, k, v):
    weights = torch.softmax(q @ k.transpose(0, 1) / q.shape[-1] ** 0.5, dim=-1)
    return weights @ v, weights


# %% problem="scaled_dot_product_attention" misconception="one_batch_dimension"
import torch


def scaled_dot_product_attention(q, k, v):
    weights = torch.softmax(torch.einsum("bqd,bkd->bqk", q, k) / q.shape[-1] ** 0.5, dim=-1)
    return torch.einsum("bqk,bkv->bqv", weights, v), weights


# %% problem="scaled_dot_product_attention" misconception="scale_after_softmax"
import torch


def scaled_dot_product_attention(q, k, v):
    weights = torch.softmax(q @ k.mT, dim=-1)
    weights = weights / torch.sqrt(torch.tensor(k.shape[-1]))
    return weights @ v, weights


# %% problem="scaled_dot_product_attention" misconception="hardmax"
import torch


def scaled_dot_product_attention(q, k, v):
    best = torch.max(q @ k.mT, dim=-1, keepdim=True).indices
    weights = torch.zeros(*q.shape[:-1], k.shape[-2], dtype=q.dtype).scatter(-1, best, 1)
    return weights @ v, weights


# %% problem="scaled_dot_product_attention" misconception="detached"
import torch


@torch.no_grad()
def scaled_dot_product_attention(q, k, v):
    weights = torch.softmax(q @ k.mT / k.shape[-1] ** 0.5, dim=-1)
    return weights @ v, weights


# %% problem="softmax_jacobian" variant="two_loops"
import torch


def softmax_jacobian(weights):
    n = len(weights)
    jacobian = torch.zeros(n, n, dtype=weights.dtype)
    for i in range(n):
        for j in range(n):
            jacobian[i, j] = weights[i] * ((1 if i == j else 0) - weights[j])
    return jacobian


# %% problem="softmax_jacobian" variant="identity_minus_weights"
import torch


def softmax_jacobian(weights):
    identity = torch.eye(weights.shape[0], dtype=weights.dtype)
    return weights[:, None] * (identity - weights[None, :])


# %% problem="softmax_jacobian" variant="list_of_rows"
import torch


def softmax_jacobian(weights):
    rows = []
    for i, weight in enumerate(weights):
        row = -weight * weights
        rows.append(torch.cat([row[:i], (weight * (1 - weight)).reshape(1), row[i + 1 :]]))
    return torch.stack(rows)


# %% problem="softmax_jacobian" variant="torch_einsum"
import torch


def softmax_jacobian(weights):
    return torch.diag_embed(weights) - torch.einsum("i,j->ij", weights, weights)


# %% problem="softmax_jacobian" variant="stacked_numbers"
import torch


def softmax_jacobian(weights):
    rows = [
        torch.stack([weight * (i == j) - weight * other for j, other in enumerate(weights)])
        for i, weight in enumerate(weights)
    ]
    return torch.stack(rows)


# %% problem="softmax_jacobian" variant="filled_diagonal"
import torch


def softmax_jacobian(weights):
    jacobian = -(weights.reshape(-1, 1) @ weights.reshape(1, -1))
    index = torch.arange(len(weights))
    jacobian[index, index] = weights * (1 - weights)
    return jacobian


# %% problem="softmax_jacobian" variant="where"
import torch


def softmax_jacobian(weights):
    same = torch.eye(len(weights), dtype=torch.bool)
    row, column = weights[:, None], weights[None, :]
    return torch.where(same, row * (1 - row), -row * column)


# %% problem="softmax_jacobian" variant="einops_and_numpy_free_diagonal"
from einops import einsum, repeat


def softmax_jacobian(weights):
    n = weights.shape[0]
    own = repeat(weights, "i -> i j", j=n).diagonal().diag()
    return own - einsum(weights, weights, "i, j -> i j")


# %% problem="softmax_jacobian" variant="quotient_rule"
import torch


def softmax_jacobian(weights):
    total = weights.sum()  # the weights as their own exponentials: any factor cancels
    numerator = torch.diag(weights) * total - torch.outer(weights, weights)
    return numerator / total**2


# %% problem="softmax_jacobian" misconception="sigmoid_diagonal"
import torch


def softmax_jacobian(weights):
    jacobian = torch.zeros(len(weights), len(weights), dtype=weights.dtype)
    for i in range(len(weights)):
        jacobian[i, i] = weights[i] * (1 - weights[i])
    return jacobian


# %% problem="softmax_jacobian" misconception="of_log_softmax"
import torch


def softmax_jacobian(weights):
    return torch.stack(
        [torch.eye(len(weights), dtype=weights.dtype)[i] - weights for i in range(len(weights))]
    )


# %% problem="softmax_jacobian" misconception="float32"
import torch


def softmax_jacobian(weights):
    jacobian = torch.zeros(len(weights), len(weights))
    for i in range(len(weights)):
        for j in range(len(weights)):
            jacobian[i, j] = weights[i] * (float(i == j) - weights[j])
    return jacobian


# %% problem="softmax_jacobian" misconception="detached"
import torch


def softmax_jacobian(weights):
    w = weights.tolist()
    rows = [[w[i] * ((i == j) - w[j]) for j in range(len(w))] for i in range(len(w))]
    return torch.tensor(rows, dtype=weights.dtype)


# %% problem="softmax_jacobian" misconception="from_numbers"
import torch


def softmax_jacobian(weights):
    n = len(weights)
    rows = []
    for i in range(n):
        rows.append([weights[i].item() * ((i == j) - weights[j].item()) for j in range(n)])
    return torch.tensor(rows)


# %% problem="softmax_jacobian" misconception="diagonal_not_reduced"
import torch


def softmax_jacobian(weights):
    same = torch.eye(len(weights), dtype=torch.bool)
    return torch.where(same, weights, -weights[:, None] * weights)
