# Answers that students might write. A cell with a `variant` is right and must be accepted; a cell
# with a `misconception` makes that mistake in other words than the problem's own list, and must
# still be named. Read by the tests, cell by cell; nothing here is released.

# %% problem="head_entropy" variant="where"
import torch


def head_entropy(weights):
    safe = torch.where(weights > 0, weights, 1.0)
    return -(safe * safe.log()).sum(-1).mean(-1)


# %% problem="head_entropy" variant="xlogy"
import torch


def head_entropy(weights):
    return -torch.xlogy(weights, weights).sum(dim=2).mean(dim=1)


# %% problem="head_entropy" variant="a_little_added"
import torch


def head_entropy(weights):
    return -(weights * torch.log(weights + 1e-9)).sum(-1).mean(-1)


# %% problem="head_entropy" variant="clamped"
import torch


def head_entropy(weights):
    logs = weights.clamp(min=1e-12).log()
    return -torch.einsum("hqk,hqk->hq", weights, logs).mean(dim=-1)


# %% problem="head_entropy" variant="nan_to_num"
import torch


def head_entropy(weights):
    terms = torch.nan_to_num(weights * torch.log2(weights), nan=0.0)
    return -terms.sum(dim=(1, 2)) * torch.log(torch.tensor(2.0)) / weights.shape[1]


# %% problem="head_entropy" variant="loops"
import torch


def head_entropy(weights):
    heads = []
    for head in weights:
        total = torch.zeros((), dtype=weights.dtype)
        for row in head:
            for w in row:
                if w > 0:
                    total = total - w * w.log()
        heads.append(total / len(head))
    return torch.stack(heads)


# %% problem="head_entropy" variant="distributions"
import torch


def head_entropy(weights):
    heads = []
    for head in weights:
        rows = [
            torch.distributions.Categorical(probs=row).entropy() if row.sum() > 0 else row.sum()
            for row in head
        ]
        heads.append(torch.stack(rows).mean())
    return torch.stack(heads)


# %% problem="head_entropy" variant="einops"
import torch
from einops import reduce


def head_entropy(weights):
    rows = reduce(torch.special.entr(weights), "h q k -> h q", "sum")
    return reduce(rows, "h q -> h", "mean")


# %% problem="head_entropy" misconception="nan_at_zeros"
import torch


def head_entropy(weights):
    return -torch.einsum("hqk,hqk->hq", weights, torch.log(weights)).mean(-1)


# %% problem="head_entropy" misconception="bits"
import torch


def head_entropy(weights):
    return -(weights * torch.log2(weights + 1e-12)).sum(-1).mean(-1)


# %% problem="head_entropy" misconception="empty_rows_left_out"
import torch


def head_entropy(weights):
    means = []
    for head in weights:
        rows = [torch.special.entr(row).sum() for row in head if row.sum() > 0]
        means.append(sum(rows) / len(rows))
    return torch.stack(means)


# %% problem="head_entropy" misconception="no_mean"
import torch


def head_entropy(weights):
    safe = torch.where(weights > 0, weights, 1.0)
    return -(safe * safe.log()).sum(-1)


# %% problem="head_entropy" misconception="one_number_for_all"
import torch


def head_entropy(weights):
    h, n_q, _ = weights.shape
    return torch.special.entr(weights).sum() / (h * n_q)


# %% problem="attention_rollout" variant="renormalised"
import torch


def attention_rollout(layers):
    result = None
    for layer in layers:
        mixed = layer + torch.eye(layer.shape[0], dtype=layer.dtype)
        mixed = mixed / mixed.sum(dim=-1, keepdim=True)
        result = mixed if result is None else mixed @ result
    return result


# %% problem="attention_rollout" variant="multi_dot"
import torch


def attention_rollout(layers):
    mixed = [0.5 * a + 0.5 * torch.eye(len(a)).to(a) for a in layers]
    return torch.linalg.multi_dot(mixed[::-1]) if len(mixed) > 1 else mixed[0]


# %% problem="attention_rollout" variant="reduce"
import functools

import torch


def attention_rollout(layers):
    eye = torch.eye(len(layers[0]), dtype=layers[0].dtype)
    return functools.reduce(lambda below, a: (a + eye) @ below / 2, layers, eye)


# %% problem="attention_rollout" variant="without_identity"
def attention_rollout(layers):
    rollout = None
    for a in layers:
        if rollout is None:
            rollout = 0.5 * a
            rollout = rollout + 0.5 * (a * 0).fill_diagonal_(1)
        else:
            rollout = 0.5 * (a @ rollout) + 0.5 * rollout
    return rollout


# %% problem="attention_rollout" variant="recursive"
import torch


def attention_rollout(layers):
    *below, last = layers
    last = (last + torch.eye(last.size(0), dtype=last.dtype)) / 2
    return last @ attention_rollout(below) if below else last


# %% problem="attention_rollout" variant="einsum_of_a_stack"
import torch


def attention_rollout(layers):
    stack = torch.stack(layers)
    stack = (stack + torch.eye(stack.shape[-1], dtype=stack.dtype)) / 2
    rollout = stack[0]
    for layer in stack[1:]:
        rollout = torch.einsum("ij,jk->ik", layer, rollout)
    return rollout


# %% problem="attention_rollout" variant="from_the_top"
import torch


def attention_rollout(layers):
    rollout = torch.eye(layers[0].shape[0], dtype=layers[0].dtype)
    identity = rollout.clone()
    for a in reversed(layers):
        rollout = rollout @ (0.5 * (a + identity))
    return rollout


# %% problem="attention_rollout" misconception="first_leftmost"
import torch


def attention_rollout(layers):
    eye = torch.eye(len(layers[0]), dtype=layers[0].dtype)
    result = (layers[0] + eye) / 2
    for a in layers[1:]:
        result = torch.matmul(result, (a + eye) / 2)
    return result


# %% problem="attention_rollout" misconception="no_residual"
import torch


def attention_rollout(layers):
    result = layers[0]
    for a in layers[1:]:
        result = torch.einsum("ij,jk->ik", a, result)
    return result


# %% problem="attention_rollout" misconception="not_halved"
import torch


def attention_rollout(layers):
    result = torch.eye(len(layers[0]), dtype=layers[0].dtype)
    for a in layers:
        result = a @ result + result
    return result


# %% problem="attention_rollout" misconception="number_by_number"
import torch


def attention_rollout(layers):
    mixed = (torch.stack(layers) + torch.eye(len(layers[0]), dtype=layers[0].dtype)) / 2
    return mixed.prod(dim=0)


# %% problem="attention_rollout" misconception="mean_of_the_layers"
import torch


def attention_rollout(layers):
    return torch.stack(layers).mean(dim=0)


# %% problem="attention_rollout" misconception="maps_replaced"
import torch


def attention_rollout(layers):
    eye = torch.eye(len(layers[0]), dtype=layers[0].dtype)
    for i in range(len(layers)):
        layers[i] = (layers[i] + eye) / 2
    result = layers[0]
    for a in layers[1:]:
        result = a @ result
    return result


# %% problem="attention_rollout" misconception="list_reordered"
import torch


def attention_rollout(layers):
    layers.reverse()
    eye = torch.eye(len(layers[0]), dtype=layers[0].dtype)
    result = eye
    for a in layers:
        result = result @ (a + eye) / 2
    return result


# %% problem="attention_rollout" misconception="maps_changed_and_no_gradient"
import torch


def attention_rollout(layers):
    eye = torch.eye(len(layers[0]), dtype=layers[0].dtype)
    result = eye
    for a in layers:
        a += eye
        a /= 2
        result = a @ result
    return result


# %% problem="leave_one_out" variant="filled"
import torch


def leave_one_out(predict, tokens, mask_id):
    p = predict(tokens)
    label = int(p.argmax())
    result = torch.zeros(len(tokens), dtype=p.dtype)
    for i in range(len(tokens)):
        other = tokens.clone()
        other[i] = mask_id
        result[i] = p[label] - predict(other)[label]
    return result


# %% problem="leave_one_out" variant="table_of_sentences"
import torch


def leave_one_out(predict, tokens, mask_id):
    sentences = tokens.repeat(len(tokens), 1).fill_diagonal_(mask_id)
    whole = predict(tokens)
    without = torch.stack([predict(sentence) for sentence in sentences])
    best = whole.argmax()
    return whole[best] - without[:, best]


# %% problem="leave_one_out" variant="vmap"
import torch


def leave_one_out(predict, tokens, mask_id):
    hidden = torch.eye(len(tokens), dtype=torch.bool)
    sentences = torch.where(hidden, mask_id, tokens)
    whole = predict(tokens)
    best = whole.argmax()
    return whole[best] - torch.vmap(predict)(sentences)[:, best]


# %% problem="leave_one_out" variant="lists"
import torch


def leave_one_out(predict, tokens, mask_id):
    words = tokens.tolist()
    whole = predict(tokens)
    p, best = whole.max(dim=0)
    losses = []
    for i in range(len(words)):
        other = [*words[:i], mask_id, *words[i + 1 :]]
        losses.append(p.item() - predict(torch.tensor(other))[best].item())
    return torch.tensor(losses, dtype=whole.dtype)


# %% problem="leave_one_out" variant="put_back"
import torch


def leave_one_out(predict, tokens, mask_id):
    with torch.no_grad():
        whole = predict(tokens)
        best = torch.argmax(whole)
        out = torch.empty_like(tokens, dtype=whole.dtype)
        for i, token in enumerate(tokens.tolist()):
            tokens[i] = mask_id
            out[i] = whole[best] - predict(tokens)[best]
            tokens[i] = token
        return out


# %% problem="leave_one_out" variant="index_fill"
import torch


def leave_one_out(predict, tokens, mask_id):
    whole = predict(tokens)
    best = whole.topk(1).indices[0]
    return torch.stack(
        [
            (whole - predict(tokens.index_fill(0, torch.tensor(i), mask_id)))[best]
            for i in range(tokens.numel())
        ]
    )


# %% problem="leave_one_out" misconception="taken_out"
import torch


def leave_one_out(predict, tokens, mask_id):
    whole = predict(tokens)
    best = whole.argmax()
    keep = ~torch.eye(len(tokens), dtype=torch.bool)
    return torch.stack([whole[best] - predict(tokens[row])[best] for row in keep])


# %% problem="leave_one_out" misconception="class_predicted_afterwards"
import torch


def leave_one_out(predict, tokens, mask_id):
    result = []
    for i in range(len(tokens)):
        other = tokens.clone()
        other[i] = mask_id
        result.append(predict(tokens).max() - predict(other).max())
    return torch.stack(result)


# %% problem="leave_one_out" misconception="default_dtype"
import torch


def leave_one_out(predict, tokens, mask_id):
    whole = predict(tokens)
    best = whole.argmax()
    result = torch.zeros(len(tokens))
    for i in range(len(tokens)):
        other = tokens.clone()
        other[i] = mask_id
        result[i] = whole[best] - predict(other)[best]
    return result


# %% problem="leave_one_out" misconception="tokens_overwritten"
import torch


def leave_one_out(predict, tokens, mask_id):
    whole = predict(tokens)
    best = whole.argmax()
    result = torch.zeros(len(tokens), dtype=whole.dtype)
    for i in range(len(tokens)):
        tokens[i] = mask_id
        result[i] = whole[best] - predict(tokens)[best]
    return result


# %% problem="leave_one_out" misconception="all_sentences_at_once"
import torch


def leave_one_out(predict, tokens, mask_id):
    table = torch.where(torch.eye(len(tokens), dtype=torch.bool), mask_id, tokens)
    whole, without = predict(tokens), predict(table)
    return whole.max() - without[:, whole.argmax()]


# %% problem="leave_one_out" misconception="a_list_for_a_tensor"
import torch


def leave_one_out(predict, tokens, mask_id):
    words = tokens.tolist()
    whole = predict(words)
    best = whole.argmax()
    other = [predict([*words[:i], mask_id, *words[i + 1 :]]) for i in range(len(words))]
    return torch.stack([whole[best] - each[best] for each in other])


# %% problem="kendall_tau" variant="two_loops"
import math


def kendall_tau(a, b):
    concordant = discordant = tied_a = tied_b = 0
    n = len(a)
    for i in range(n):
        for j in range(i + 1, n):
            x, y = (a[i] - a[j]).item(), (b[i] - b[j]).item()
            tied_a += x == 0
            tied_b += y == 0
            concordant += x * y > 0
            discordant += x * y < 0
    pairs = n * (n - 1) // 2
    return (concordant - discordant) / math.sqrt((pairs - tied_a) * (pairs - tied_b))


# %% problem="kendall_tau" variant="triangle"
import torch


def kendall_tau(a, b):
    i, j = torch.triu_indices(len(a), len(a), offset=1)
    x, y = torch.sign(a[i] - a[j]), torch.sign(b[i] - b[j])
    return float((x @ y) / (x.norm() * y.norm()))


# %% problem="kendall_tau" variant="combinations"
import itertools


def kendall_tau(a, b):
    def sign(x, y):
        return (x > y) - (x < y)

    pairs = list(itertools.combinations(zip(a.tolist(), b.tolist(), strict=True), 2))
    first = [sign(p[0], q[0]) for p, q in pairs]
    second = [sign(p[1], q[1]) for p, q in pairs]
    agreement = sum(x * y for x, y in zip(first, second, strict=True))
    return agreement / (sum(map(abs, first)) * sum(map(abs, second))) ** 0.5


# %% problem="kendall_tau" variant="counts_of_ties"
import torch


def kendall_tau(a, b):
    n = len(a)
    pairs = n * (n - 1) / 2

    def tied(x):
        counts = torch.unique(x, return_counts=True)[1].double()
        return (counts * (counts - 1) / 2).sum().item()

    product = torch.sign(a.unsqueeze(0) - a.unsqueeze(1)) * torch.sign(
        b.unsqueeze(0) - b.unsqueeze(1)
    )
    return product.sum().item() / 2 / ((pairs - tied(a)) * (pairs - tied(b))) ** 0.5


# %% problem="kendall_tau" variant="numpy"
import numpy as np


def kendall_tau(a, b):
    a, b = a.detach().numpy(), b.detach().numpy()
    x = np.sign(np.subtract.outer(a, a))
    y = np.sign(np.subtract.outer(b, b))
    return float((x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum()))


# %% problem="kendall_tau" variant="almost_equal_is_tied"
import torch


def kendall_tau(a, b):
    def order(x):
        difference = x[:, None].double() - x[None].double()
        return difference.sign() * (difference.abs() > 5e-7)

    x, y = order(a), order(b)
    return ((x * y).sum() / ((x != 0).sum() * (y != 0).sum()).double().sqrt()).item()


# %% problem="kendall_tau" variant="ranks"
import math


def kendall_tau(a, b):
    rank_a = [sorted(set(a.tolist())).index(x) for x in a.tolist()]
    rank_b = [sorted(set(b.tolist())).index(x) for x in b.tolist()]
    c = d = only_a = only_b = 0
    for i in range(len(rank_a)):
        for j in range(i):
            x, y = rank_a[i] - rank_a[j], rank_b[i] - rank_b[j]
            if x and y:
                if (x > 0) == (y > 0):
                    c += 1
                else:
                    d += 1
            elif x:
                only_b += 1
            elif y:
                only_a += 1
    return (c - d) / math.sqrt((c + d + only_a) * (c + d + only_b))


# %% problem="kendall_tau" misconception="ties_not_allowed_for"
def kendall_tau(a, b):
    n, total = len(a), 0
    for i in range(n):
        for j in range(i):
            product = ((a[i] - a[j]).sign() * (b[i] - b[j]).sign()).item()
            total += product
    return total / (n * (n - 1) / 2)


# %% problem="kendall_tau" misconception="ties_left_out_altogether"
import torch


def kendall_tau(a, b):
    i, j = torch.triu_indices(len(a), len(a), offset=1)
    product = (a[i] - a[j]).sign() * (b[i] - b[j]).sign()
    concordant, discordant = (product > 0).sum(), (product < 0).sum()
    return ((concordant - discordant) / (concordant + discordant)).item()


# %% problem="kendall_tau" misconception="ties_discordant"
import math


def kendall_tau(a, b):
    a, b = a.tolist(), b.tolist()
    n, c, d, ties_a, ties_b = len(a), 0, 0, 0, 0
    for i in range(n):
        for j in range(i):
            if (a[i] - a[j]) * (b[i] - b[j]) > 0:
                c += 1
            else:
                d += 1
            ties_a += a[i] == a[j]
            ties_b += b[i] == b[j]
    pairs = n * (n - 1) // 2
    return (c - d) / math.sqrt((pairs - ties_a) * (pairs - ties_b))


# %% problem="kendall_tau" misconception="pearson"
import torch


def kendall_tau(a, b):
    return torch.corrcoef(torch.stack([a, b]))[0, 1].item()


# %% problem="kendall_tau" misconception="tied_in_both_of_a_alone"
import math


def kendall_tau(a, b):
    a, b = a.tolist(), b.tolist()
    n, c, d, ties_a, ties_b = len(a), 0, 0, 0, 0
    for i in range(n):
        for j in range(i + 1, n):
            if a[i] == a[j]:
                ties_a += 1
            elif b[i] == b[j]:
                ties_b += 1
            elif (a[i] > a[j]) == (b[i] > b[j]):
                c += 1
            else:
                d += 1
    pairs = n * (n - 1) // 2
    return (c - d) / math.sqrt((pairs - ties_a) * (pairs - ties_b))


# %% problem="kendall_tau" misconception="tied_pairs_compared"
import math


def kendall_tau(a, b):
    n, c, d, ties_a, ties_b = len(a), 0, 0, 0, 0
    for i in range(n):
        for j in range(i + 1, n):
            if (a[i] > a[j]) == (b[i] > b[j]):
                c += 1
            else:
                d += 1
            ties_a += int(a[i] == a[j])
            ties_b += int(b[i] == b[j])
    pairs = n * (n - 1) // 2
    return (c - d) / math.sqrt((pairs - ties_a) * (pairs - ties_b))


# %% problem="head_importance" variant="one_factor_changed"
import torch


def head_importance(loss, n_heads):
    base = loss(torch.ones(n_heads))
    result = torch.zeros(n_heads)
    for head in range(n_heads):
        factors = torch.ones(n_heads)
        factors[head] = 0
        result[head] = loss(factors) - base
    return result


# %% problem="head_importance" variant="rows_of_a_table"
import torch


def head_importance(loss, n_heads):
    table = torch.ones(n_heads + 1, n_heads)
    table[1:].fill_diagonal_(0)
    whole, *without = map(loss, table)
    return torch.tensor([other - whole for other in without])


# %% problem="head_importance" variant="on_and_off_again"
import torch


def head_importance(loss, n_heads):
    factors = torch.ones(n_heads)
    base, rises = loss(factors), []
    for i in range(n_heads):
        factors[i] = 0.0
        rises.append(loss(factors) - base)
        factors[i] = 1.0
    return torch.tensor(rises, dtype=torch.get_default_dtype())


# %% problem="head_importance" variant="comparison"
import torch


def head_importance(loss, n_heads):
    heads = torch.arange(n_heads)
    losses = [loss((heads != head).to(torch.get_default_dtype())) for head in range(n_heads)]
    return torch.tensor(losses) - loss(torch.ones_like(heads, dtype=torch.get_default_dtype()))


# %% problem="head_importance" variant="numpy_factors"
import numpy as np
import torch


def head_importance(loss, n_heads):
    base = loss(torch.from_numpy(np.ones(n_heads)))
    rises = np.empty(n_heads)
    for i, row in enumerate(1 - np.eye(n_heads)):
        rises[i] = loss(torch.from_numpy(row)) - base
    return torch.from_numpy(rises).to(torch.get_default_dtype())


# %% problem="head_importance" variant="lists"
import torch


def head_importance(loss, n_heads):
    def without(head=None):
        return loss(torch.tensor([float(other != head) for other in range(n_heads)]))

    return torch.stack([torch.tensor(without(head) - without()) for head in range(n_heads)])


# %% problem="head_importance" misconception="more_and_more_off"
import torch


def head_importance(loss, n_heads):
    factors = torch.ones(n_heads)
    base, result = loss(factors), []
    for i in range(n_heads):
        factors[i] = 0
        result.append(loss(factors) - base)
    return torch.tensor(result)


# %% problem="head_importance" misconception="opposite_sign"
import torch


def head_importance(loss, n_heads):
    result = torch.full((n_heads,), loss(torch.ones(n_heads)))
    for i in range(n_heads):
        factors = torch.ones(n_heads)
        factors[i] = 0
        result[i] -= loss(factors)
    return result


# %% problem="head_importance" misconception="always_float32"
import torch


def head_importance(loss, n_heads):
    result = torch.zeros(n_heads, dtype=torch.float32)
    for i in range(n_heads):
        factors = torch.ones(n_heads, dtype=torch.float32)
        factors[i] = 0
        result[i] = loss(factors) - loss(torch.ones(n_heads))
    return result


# %% problem="head_importance" misconception="always_float64"
import numpy as np
import torch


def head_importance(loss, n_heads):
    base = loss(torch.ones(n_heads))
    rises = [loss(1 - row) - base for row in torch.eye(n_heads)]
    return torch.from_numpy(np.array(rises))


# %% problem="accumulate_gradients" variant="counted_first"
import torch


def accumulate_gradients(model, token_losses, micro_batches):
    with torch.no_grad():
        total = sum(len(token_losses(model, batch)) for batch in micro_batches)
    model.zero_grad(set_to_none=True)
    for batch in micro_batches:
        (token_losses(model, batch).sum() / total).backward()


# %% problem="accumulate_gradients" variant="weighted_means"
def accumulate_gradients(model, token_losses, micro_batches):
    for parameter in model.parameters():
        parameter.grad = None
    losses = [token_losses(model, batch) for batch in micro_batches]
    counts = [loss.numel() for loss in losses]
    for loss, count in zip(losses, counts, strict=True):
        (loss.mean() * count / sum(counts)).backward()


# %% problem="accumulate_gradients" variant="all_at_once"
import torch


def accumulate_gradients(model, token_losses, micro_batches):
    model.zero_grad()
    torch.cat([token_losses(model, batch) for batch in micro_batches]).mean().backward()


# %% problem="accumulate_gradients" variant="autograd_grad"
import torch


def accumulate_gradients(model, token_losses, micro_batches):
    parameters = [p for p in model.parameters() if p.requires_grad]
    totals, count = [torch.zeros_like(p) for p in parameters], 0
    for batch in micro_batches:
        losses = token_losses(model, batch)
        count += losses.shape[0]
        found = torch.autograd.grad(losses.sum(), parameters, allow_unused=True)
        totals = [t if g is None else t + g for t, g in zip(totals, found, strict=True)]
    model.zero_grad()
    for p, total in zip(parameters, totals, strict=True):
        p.grad = total / count
    return [p.grad for p in parameters]


# %% problem="accumulate_gradients" variant="optimizer_clears"
import torch


def accumulate_gradients(model, token_losses, micro_batches):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.zero_grad()
    n = 0
    for batch in micro_batches:
        loss = token_losses(model, batch)
        loss.backward(torch.ones_like(loss))
        n += loss.size(0)
    for group in optimizer.param_groups:
        for p in group["params"]:
            if p.grad is not None:
                p.grad.div_(n)


# %% problem="accumulate_gradients" variant="zeros_stay_zeros"
def accumulate_gradients(model, token_losses, micro_batches):
    model.zero_grad(set_to_none=False)
    tokens = 0
    for batch in micro_batches:
        losses = token_losses(model, batch)
        tokens += losses.numel()
        losses.sum().backward()
    for p in filter(lambda p: p.grad is not None, model.parameters()):
        p.grad = p.grad / tokens
    return model


# %% problem="accumulate_gradients" variant="running_mean"
def accumulate_gradients(model, token_losses, micro_batches):
    model.zero_grad()
    seen = 0
    for batch in micro_batches:
        losses = token_losses(model, batch)
        for p in model.parameters():
            if p.grad is not None:
                p.grad *= seen / (seen + len(losses))
        seen += len(losses)
        (losses.sum() / seen).backward()


# %% problem="accumulate_gradients" misconception="mean_of_means"
def accumulate_gradients(model, token_losses, micro_batches):
    model.zero_grad()
    for batch in micro_batches:
        (token_losses(model, batch).mean() / len(micro_batches)).backward()


# %% problem="accumulate_gradients" misconception="sum_of_all"
import torch


def accumulate_gradients(model, token_losses, micro_batches):
    model.zero_grad()
    torch.cat([token_losses(model, batch) for batch in micro_batches]).sum().backward()


# %% problem="accumulate_gradients" misconception="cleared_each_time"
def accumulate_gradients(model, token_losses, micro_batches):
    total = sum(len(token_losses(model, batch)) for batch in micro_batches)
    for batch in micro_batches:
        model.zero_grad()
        loss = token_losses(model, batch).sum() / total
        loss.backward()


# %% problem="accumulate_gradients" misconception="stale_kept"
import torch


def accumulate_gradients(model, token_losses, micro_batches):
    torch.cat([token_losses(model, batch) for batch in micro_batches]).mean().backward()


# %% problem="accumulate_gradients" misconception="stale_divided_where_frozen"
import torch


def accumulate_gradients(model, token_losses, micro_batches):
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    optimizer.zero_grad()
    n = 0
    for batch in micro_batches:
        loss = token_losses(model, batch)
        loss.sum().backward()
        n += loss.shape[0]
    for p in model.parameters():
        if p.grad is not None:
            p.grad = p.grad / n


# %% problem="accumulate_gradients" misconception="stale_kept_where_frozen"
import torch


def accumulate_gradients(model, token_losses, micro_batches):
    total = sum(len(token_losses(model, batch)) for batch in micro_batches)
    for p in model.parameters():
        if p.requires_grad:
            p.grad = None
    for batch in micro_batches:
        (token_losses(model, batch).sum() / total).backward()


# %% problem="accumulate_gradients" misconception="divided_in_every_round"
def accumulate_gradients(model, token_losses, micro_batches):
    model.zero_grad()
    n = 0
    for batch in micro_batches:
        loss = token_losses(model, batch)
        loss.sum().backward()
        n += loss.numel()
        for p in model.parameters():
            if p.grad is not None:
                p.grad = p.grad / n


# %% problem="early_stopping" variant="waited"
def early_stopping(losses, patience):
    best_loss, best_epoch, waited = float("inf"), 0, 0
    for epoch, loss in enumerate(losses):
        if loss < best_loss:
            best_loss, best_epoch, waited = loss, epoch, 0
        else:
            waited += 1
            if waited >= patience:
                return epoch, best_epoch
    return len(losses) - 1, best_epoch


# %% problem="early_stopping" variant="while_loop"
def early_stopping(losses, patience):
    best, epoch = 0, 0
    while epoch < len(losses) - 1 and epoch < best + patience:
        epoch += 1
        if losses[epoch] < losses[best]:
            best = epoch
    return epoch, best


# %% problem="early_stopping" variant="windows"
def early_stopping(losses, patience):
    for best in range(len(losses)):
        if best and losses[best] >= min(losses[:best]):
            continue
        following = losses[best + 1 : best + 1 + patience]
        if not any(loss < losses[best] for loss in following):
            return best + len(following), best
    return None


# %% problem="early_stopping" variant="running_minimum"
import itertools


def early_stopping(losses, patience):
    lowest = list(itertools.accumulate(losses, min))
    for epoch, low in enumerate(lowest):
        best = losses.index(low)
        if epoch - best >= patience:
            return epoch, best
    return len(losses) - 1, losses.index(lowest[-1])


# %% problem="early_stopping" variant="torch"
import torch


def early_stopping(losses, patience):
    values = torch.tensor(losses, dtype=torch.float64)
    for epoch in range(len(values)):
        best = int(values[: epoch + 1].argmin())
        if epoch - best == patience:
            break
    return epoch, best


# %% problem="early_stopping" variant="recursive"
def early_stopping(losses, patience, epoch=0, best=0):
    if losses[epoch] < losses[best]:
        best = epoch
    if epoch - best == patience or epoch == len(losses) - 1:
        return epoch, best
    return early_stopping(losses, patience, epoch + 1, best)


# %% problem="early_stopping" misconception="one_too_late"
def early_stopping(losses, patience):
    best_loss, best_epoch, waited = float("inf"), 0, 0
    for epoch, loss in enumerate(losses):
        if loss < best_loss:
            best_loss, best_epoch, waited = loss, epoch, 0
        else:
            if waited >= patience:
                return epoch, best_epoch
            waited += 1
    return len(losses) - 1, best_epoch


# %% problem="early_stopping" misconception="ties_improve"
def early_stopping(losses, patience):
    best_loss, best_epoch, waited = float("inf"), 0, 0
    for epoch, loss in enumerate(losses):
        if loss > best_loss:
            waited += 1
        else:
            best_loss, best_epoch, waited = loss, epoch, 0
        if waited == patience:
            return epoch, best_epoch
    return len(losses) - 1, best_epoch


# %% problem="early_stopping" misconception="setbacks_never_forgotten"
def early_stopping(losses, patience):
    best_loss, best_epoch, waited = float("inf"), 0, 0
    for epoch, loss in enumerate(losses):
        if loss < best_loss:
            best_loss, best_epoch = loss, epoch
        else:
            waited += 1
            if waited >= patience:
                return epoch, best_epoch
    return len(losses) - 1, best_epoch


# %% problem="early_stopping" misconception="nothing_at_the_end"
def early_stopping(losses, patience):
    for epoch in range(len(losses)):
        best = losses.index(min(losses[: epoch + 1]))
        if epoch - best >= patience:
            return epoch, best
    return None


# %% problem="early_stopping" misconception="best_starts_at_a_number"
def early_stopping(losses, patience):
    best_loss, best_epoch, waited = 10, 0, 0
    for epoch, loss in enumerate(losses):
        if loss < best_loss:
            best_loss, best_epoch, waited = loss, epoch, 0
        else:
            waited += 1
            if waited >= patience:
                return epoch, best_epoch
    return len(losses) - 1, best_epoch


# %% problem="early_stopping" misconception="small_steps_ignored"
def early_stopping(losses, patience):
    best_loss, best_epoch = float("inf"), 0
    for epoch, loss in enumerate(losses):
        if best_loss - loss > 1e-4:
            best_loss, best_epoch = loss, epoch
        if epoch - best_epoch >= patience:
            return epoch, best_epoch
    return len(losses) - 1, best_epoch


# %% problem="early_stopping" misconception="the_epoch_before_for_the_best"
def early_stopping(losses, patience):
    best_epoch, waited = 0, 0
    for epoch in range(1, len(losses)):
        if losses[epoch] < losses[epoch - 1]:
            best_epoch, waited = epoch, 0
        else:
            waited += 1
            if waited == patience:
                return epoch, best_epoch
    return len(losses) - 1, best_epoch


# %% problem="early_stopping" misconception="losses_changed"
def early_stopping(losses, patience):
    epoch, best, lowest = -1, 0, float("inf")
    while losses:
        loss = losses.pop(0)
        epoch += 1
        if loss < lowest:
            best, lowest = epoch, loss
        if epoch - best == patience:
            break
    return epoch, best


# %% problem="grid" variant="recursive"
def grid(space):
    if not space:
        return [{}]
    (name, values), *rest = space.items()
    return [{name: value, **others} for value in values for others in grid(dict(rest))]


# %% problem="grid" variant="grown"
def grid(space):
    settings = [{}]
    for name, values in space.items():
        settings = [setting | {name: value} for setting in settings for value in values]
    return settings


# %% problem="grid" variant="counter"
import math


def grid(space):
    result = []
    for number in range(math.prod(map(len, space.values()))):
        setting = {}
        for name in reversed(space):
            number, place = divmod(number, len(space[name]))
            setting[name] = space[name][place]
        result.append({name: setting[name] for name in space})
    return result


# %% problem="grid" variant="copies"
import copy
import itertools


def grid(space):
    result, setting = [], {}
    for values in itertools.product(*[space[name] for name in space]):
        for name, value in zip(space.keys(), values, strict=True):
            setting[name] = value
        result.append(copy.copy(setting))
    return result


# %% problem="grid" variant="pairs"
import itertools


def grid(space):
    pairs = [[(name, value) for value in values] for name, values in space.items()]
    return list(map(dict, itertools.product(*pairs)))


# %% problem="grid" variant="numpy_indices"
import numpy as np


def grid(space):
    names = list(space)
    sizes = [len(space[name]) for name in names]
    return [
        {name: space[name][i] for name, i in zip(names, places, strict=True)}
        for places in np.ndindex(*sizes)
    ]


# %% problem="grid" misconception="first_fastest"
def grid(space):
    settings = [{}]
    for name, values in space.items():
        settings = [setting | {name: value} for value in values for setting in settings]
    return settings


# %% problem="grid" misconception="one_dict_for_all"
import itertools


def grid(space):
    result, setting = [], dict.fromkeys(space)
    for values in itertools.product(*space.values()):
        for name, value in zip(space, values, strict=True):
            setting[name] = value
        result += [setting]
    return result


# %% problem="grid" misconception="tuples"
import itertools


def grid(space):
    return list(itertools.product(*space.values()))


# %% problem="grid" misconception="a_generator"
import itertools


def grid(space):
    for values in itertools.product(*space.values()):
        yield dict(zip(space, values, strict=True))


# %% problem="sample" variant="torch_alone"
import torch


def sample(space, generator):
    result = {}
    for name, values in space.items():
        if isinstance(values, tuple):
            low, high, scale = values
            bounds = torch.tensor([low, high], dtype=torch.float64)
            if scale == "log":
                bounds = bounds.log()
            x = torch.empty(1, dtype=torch.float64)
            x.uniform_(bounds[0].item(), bounds[1].item(), generator=generator)
            result[name] = (x.exp() if scale == "log" else x).item()
        else:
            place = torch.randint(len(values), (1,), generator=generator)
            result[name] = values[place]
    return result


# %% problem="sample" variant="float32"
import math

import torch


def sample(space, generator):
    def draw(values):
        if type(values) is list:
            return values[torch.randint(0, len(values), (), generator=generator).item()]
        u = torch.rand(1, generator=generator).item()
        low, high, scale = values
        if scale == "linear":
            return (1 - u) * low + u * high
        return math.exp((1 - u) * math.log(low) + u * math.log(high))

    return {name: draw(values) for name, values in space.items()}


# %% problem="sample" variant="all_numbers_first"
import math

import torch


def sample(space, generator):
    numbers = torch.rand(len(space), generator=generator).tolist()
    result = {}
    for u, (name, values) in zip(numbers, space.items(), strict=True):
        if isinstance(values, list):
            result[name] = values[min(int(u * len(values)), len(values) - 1)]
        elif values[-1] == "log":
            low, high = math.log10(values[0]), math.log10(values[1])
            result[name] = 10 ** (low + (high - low) * u)
        else:
            result[name] = values[0] + (values[1] - values[0]) * u
    return result


# %% problem="sample" variant="seeds_python"
import math
import random

import torch


def sample(space, generator):
    seed = torch.randint(2**62, (1,), generator=generator).item()
    source = random.Random(seed)
    result = {}
    for name, values in space.items():
        if isinstance(values, list):
            result[name] = source.choice(values)
        elif values[2] == "linear":
            result[name] = source.uniform(values[0], values[1])
        else:
            result[name] = math.exp(source.uniform(math.log(values[0]), math.log(values[1])))
    return result


# %% problem="sample" variant="shuffled_choices"
import torch


def sample(space, generator):
    result = {}
    for name, values in space.items():
        match values:
            case (low, high, "log") if isinstance(values, tuple):
                u = torch.rand(1, generator=generator, dtype=torch.float64)
                result[name] = float(torch.exp(torch.lerp(*_logs(low, high), u)))
            case (low, high, "linear") if isinstance(values, tuple):
                u = torch.rand(1, generator=generator, dtype=torch.float64)
                result[name] = float(low + u * (high - low))
            case _:
                result[name] = values[torch.randperm(len(values), generator=generator)[0]]
    return result


def _logs(low, high):
    return torch.tensor([low, high], dtype=torch.float64).log().split(1)


# %% problem="sample" variant="multinomial"
import torch


def sample(space, generator):
    drawn = {}
    for name in space:
        values = space[name]
        if isinstance(values, list):
            even = torch.ones(len(values))
            drawn[name] = values[int(torch.multinomial(even, 1, generator=generator))]
            continue
        low, high, scale = values
        u = float(torch.rand([], generator=generator))
        drawn[name] = low * (high / low) ** u if scale == "log" else float(low + u * (high - low))
    return drawn


# %% problem="sample" misconception="global_generator"
import torch


def sample(space, generator):
    result = {}
    for name, values in space.items():
        if isinstance(values, list):
            result[name] = values[torch.randint(len(values), (1,)).item()]
        else:
            low, high, scale = values
            u = torch.rand(1).item()
            result[name] = low * (high / low) ** u if scale == "log" else low + u * (high - low)
    return result


# %% problem="sample" misconception="one_number_for_all"
import torch


def sample(space, generator):
    u = torch.rand(1, generator=generator).item()
    result = {}
    for name, values in space.items():
        if isinstance(values, list):
            result[name] = values[int(u * len(values))]
        else:
            low, high, scale = values
            result[name] = low * (high / low) ** u if scale == "log" else low + u * (high - low)
    return result


# %% problem="sample" misconception="log_drawn_as_linear"
import torch


def sample(space, generator):
    result = {}
    for name, values in space.items():
        if isinstance(values, list):
            result[name] = values[torch.randint(len(values), (1,), generator=generator).item()]
        else:
            u = torch.rand(1, generator=generator).item()
            result[name] = values[0] + u * (values[1] - values[0])
    return result


# %% problem="sample" misconception="tensors"
import torch


def sample(space, generator):
    result = {}
    for name, values in space.items():
        u = torch.rand((), generator=generator)
        if isinstance(values, list):
            result[name] = values[int(u * len(values))]
        elif values[2] == "log":
            result[name] = torch.exp(u * math.log(values[1] / values[0])) * values[0]
        else:
            result[name] = values[0] + u * (values[1] - values[0])
    return result


# %% problem="sample" misconception="kinds_by_length"
import torch


def sample(space, generator):
    result = {}
    for name, v in space.items():
        u = torch.rand(1, generator=generator).item()
        if len(v) == 3 and v[2] == "log":
            result[name] = v[0] * (v[1] / v[0]) ** u
        elif len(v) == 3 and v[2] == "linear":
            result[name] = v[0] + u * (v[1] - v[0])
        else:
            result[name] = v[int(u * len(v))]
    return result


# %% problem="sample" misconception="space_emptied"
import torch


def sample(space, generator):
    result = {}
    while space:
        name, v = space.popitem()
        u = torch.rand(1, generator=generator).item()
        if isinstance(v, list):
            result[name] = v[int(u * len(v))]
        elif v[2] == "log":
            result[name] = v[0] * (v[1] / v[0]) ** u
        else:
            result[name] = v[0] + u * (v[1] - v[0])
    return result


# %% problem="mean_and_interval" variant="torch"
import torch
from scipy import stats


def mean_and_interval(values):
    x = torch.tensor(values)
    half = stats.t.ppf(0.975, len(values) - 1) * x.std() / len(values) ** 0.5
    return x.mean().item(), half.item()


# %% problem="mean_and_interval" variant="numpy"
import numpy as np
from scipy.stats import sem, t


def mean_and_interval(values):
    return float(np.mean(values)), float(t.isf(0.025, len(values) - 1) * sem(values))


# %% problem="mean_and_interval" variant="statistics"
import math
import statistics

from scipy import stats


def mean_and_interval(values):
    n = len(values)
    _, quantile = stats.t.interval(0.95, n - 1)
    half = quantile * statistics.stdev(values) / math.sqrt(n)
    return statistics.mean(values), float(half)


# %% problem="mean_and_interval" variant="interval"
import numpy as np
from scipy import stats


def mean_and_interval(values):
    mean = float(np.mean(values))
    if max(values) == min(values):
        return mean, 0.0
    scale = np.std(values, ddof=1) / np.sqrt(len(values))
    _low, high = stats.t.interval(0.95, len(values) - 1, mean, scale)
    return mean, float(high - mean)


# %% problem="mean_and_interval" variant="special"
from math import fsum

from scipy.special import stdtrit


def mean_and_interval(values):
    n = len(values)
    mean = fsum(values) / n
    squares = fsum((value - mean) ** 2 for value in values)
    return mean, float(stdtrit(n - 1, 0.975)) * (squares / (n * (n - 1))) ** 0.5


# %% problem="mean_and_interval" variant="confidence_interval"
from scipy import stats


def mean_and_interval(values):
    mean = sum(values) / len(values)
    if len(set(values)) == 1:
        return mean, 0.0
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    return mean, float(interval.high - interval.low) / 2


# %% problem="mean_and_interval" variant="t_by_bisection"
import math


def mean_and_interval(values):
    n = len(values)
    mean = sum(values) / n
    s = math.sqrt(sum((x - mean) ** 2 for x in values) / (n - 1))
    nu = n - 1

    def mass(angle, steps=2000):
        # With x = sqrt(nu) tan(angle) the density of t becomes cos(angle) ** (nu - 1).
        width = angle / steps
        return sum(math.cos((i + 0.5) * width) ** (nu - 1) for i in range(steps)) * width

    whole = mass(math.pi / 2)
    low, high = 0.0, math.pi / 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if mass(middle) < 0.95 * whole else (low, middle)
    return mean, math.sqrt(nu) * math.tan(low) * s / math.sqrt(n)


# %% problem="mean_and_interval" misconception="normal_for_t"
import statistics


def mean_and_interval(values):
    return statistics.mean(values), 1.96 * statistics.stdev(values) / len(values) ** 0.5


# %% problem="mean_and_interval" misconception="biased_deviation"
import numpy as np
from scipy import stats


def mean_and_interval(values):
    n = len(values)
    half = stats.t.ppf(0.975, n - 1) * np.std(values) / np.sqrt(n)
    return float(np.mean(values)), float(half)


# %% problem="mean_and_interval" misconception="standard_error_only"
import statistics


def mean_and_interval(values):
    return statistics.fmean(values), statistics.stdev(values) / len(values) ** 0.5


# %% problem="mean_and_interval" misconception="whole_width"
from scipy import stats


def mean_and_interval(values):
    mean = sum(values) / len(values)
    if len(set(values)) == 1:
        return mean, 0.0
    low, high = stats.t.interval(0.95, len(values) - 1, loc=mean, scale=stats.sem(values))
    return mean, float(high - low)


# %% problem="mean_and_interval" misconception="values_changed"
import numpy as np
from scipy import stats


def mean_and_interval(values):
    values.sort()
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return float(np.mean(values)), float(half)
