# Answers that students might write. A cell with a `variant` is right and must be accepted; a cell
# with a `misconception` makes that mistake in other words than the problem's own list, and must
# still be named. Read by the tests, cell by cell; nothing here is released.

# %%
# What the notebook has made before its last problem; only linters read this cell.
from course.date_task import SOURCE, TARGET
from course.vocabulary import BOS, EOS, PAD, padded

model = None

# %% problem="noam_rate" variant="roots"
import math


def noam_rate(step, d_model, warmup):
    if step <= 0:
        raise ValueError("the first step is 1")
    rise, fall = step / math.sqrt(warmup**3), 1 / math.sqrt(step)
    return min(rise, fall) / math.sqrt(d_model)


# %% problem="noam_rate" variant="two_branches"
def noam_rate(step, d_model, warmup):
    if step < 1:
        raise ValueError(step)
    scale = pow(d_model, -0.5)
    if step < warmup:
        return scale * step * pow(warmup, -1.5)
    return scale * pow(step, -0.5)


# %% problem="noam_rate" variant="torch"
import torch


def noam_rate(step, d_model, warmup):
    if not step >= 1:
        raise ValueError("no such step")
    step = torch.tensor(float(step), dtype=torch.float64)
    rate = d_model**-0.5 * torch.minimum(step.rsqrt(), step * warmup**-1.5)
    return rate.item()


# %% problem="noam_rate" variant="numpy"
import numpy as np


def noam_rate(step, d_model, warmup):
    if step < 1:
        raise ValueError("step must be at least 1")
    return float(np.sqrt(1 / d_model) * np.minimum(step**-0.5, step * float(warmup) ** -1.5))


# %% problem="noam_rate" variant="sorted_terms"
def noam_rate(step, d_model, warmup):
    class TooEarlyError(ValueError):
        pass

    if step < 1:
        raise TooEarlyError()
    return sorted([step**-0.5, step / warmup**1.5])[0] / d_model**0.5


# %% problem="noam_rate" variant="peak_and_share"
def noam_rate(step, d_model, warmup):
    if step < 1:
        raise ValueError
    peak = (d_model * warmup) ** -0.5
    return peak * min(step / warmup, (warmup / step) ** 0.5)


# %% problem="noam_rate" misconception="larger_of_the_two"
def noam_rate(step, d_model, warmup):
    if step < 1:
        raise ValueError(step)
    rise, fall = step * warmup**-1.5, step**-0.5
    return (fall if rise < fall else rise) / d_model**0.5


# %% problem="noam_rate" misconception="zero_before_the_first"
def noam_rate(step, d_model, warmup):
    if step < 1:
        return 0.0
    return (d_model * warmup) ** -0.5 * min(step / warmup, (warmup / step) ** 0.5)


# %% problem="noam_rate" misconception="warmup_to_the_one"
def noam_rate(step, d_model, warmup):
    if step <= 0:
        raise ValueError
    return d_model**-0.5 * min(1 / step**0.5, step * warmup**-1)


# %% problem="noam_rate" misconception="half_of_a_power"
def noam_rate(step, d_model, warmup):
    if step < 1:
        raise ValueError
    return d_model**-1 / 2 * min(step**-0.5, step * warmup**-1.5)


# %% problem="inverse_sqrt_rate" variant="minimum"
def inverse_sqrt_rate(step, peak, warmup):
    return peak * min(step / warmup, (warmup / max(step, 1)) ** 0.5)


# %% problem="inverse_sqrt_rate" variant="fairseq"
def inverse_sqrt_rate(step, peak, warmup):
    slope = peak / warmup
    decay_factor = peak * warmup**0.5
    if step < warmup:
        return step * slope
    return decay_factor * step**-0.5


# %% problem="inverse_sqrt_rate" variant="square_root"
import math


def inverse_sqrt_rate(step, peak, warmup):
    if step <= warmup:
        return float(step / warmup * peak)
    return peak * math.sqrt(warmup) / math.sqrt(step)


# %% problem="inverse_sqrt_rate" variant="torch"
import torch


def inverse_sqrt_rate(step, peak, warmup):
    share = torch.tensor(step / warmup, dtype=torch.float64)
    return float(peak * torch.minimum(share, share.clamp(min=1e-9).rsqrt()))


# %% problem="inverse_sqrt_rate" variant="zero_apart"
def inverse_sqrt_rate(step, peak, warmup):
    if step == 0:
        return 0.0
    share = warmup / step
    return peak / share if share > 1 else peak * share**0.5


# %% problem="inverse_sqrt_rate" variant="numpy"
import numpy as np


def inverse_sqrt_rate(step, peak, warmup):
    rise = np.interp(step, [0, warmup], [0, peak])
    return rise.item() if step < warmup else (peak * np.sqrt(warmup / step)).item()


# %% problem="inverse_sqrt_rate" misconception="no_root"
def inverse_sqrt_rate(step, peak, warmup):
    return peak * min(step / warmup, warmup / max(step, 1))


# %% problem="inverse_sqrt_rate" misconception="root_of_warmup_forgotten"
def inverse_sqrt_rate(step, peak, warmup):
    if step >= warmup:
        return peak * step**-0.5
    return step * (peak / warmup)


# %% problem="inverse_sqrt_rate" misconception="stays_at_the_peak"
def inverse_sqrt_rate(step, peak, warmup):
    return peak * min(1.0, step / warmup)


# %% problem="linear_decay_rate" variant="minimum"
def linear_decay_rate(step, peak, warmup, total):
    return peak * max(0.0, min(step / warmup, (total - step) / (total - warmup)))


# %% problem="linear_decay_rate" variant="three_branches"
def linear_decay_rate(step, peak, warmup, total):
    if step > total:
        return 0.0
    if step <= warmup:
        return step / warmup * peak
    return peak - peak * (step - warmup) / (total - warmup)


# %% problem="linear_decay_rate" variant="numpy"
import numpy as np


def linear_decay_rate(step, peak, warmup, total):
    return float(np.interp(step, (0, warmup, total), (0, peak, 0)))


# %% problem="linear_decay_rate" variant="polynomial"
def linear_decay_rate(step, peak, warmup, total):
    if warmup > step:
        return peak * float(step) / float(warmup)
    if step >= total:
        return 0.0 * peak
    remaining = 1 - (step - warmup) / (total - warmup)
    return (peak - 0.0) * remaining**1.0 + 0.0


# %% problem="linear_decay_rate" variant="torch"
import torch


def linear_decay_rate(step, peak, warmup, total):
    up, down = step / warmup, (total - step) / (total - warmup)
    return peak * torch.tensor([up, down], dtype=torch.float64).min().clamp(min=0).item()


# %% problem="linear_decay_rate" variant="capped_step"
def linear_decay_rate(step, peak, warmup, total):
    step = min(step, total)
    slope = peak / warmup if step < warmup else -peak / (total - warmup)
    return slope * (step - (0 if step < warmup else total))


# %% problem="linear_decay_rate" misconception="negative_after_the_end"
def linear_decay_rate(step, peak, warmup, total):
    return peak * min(step / warmup, (total - step) / (total - warmup))


# %% problem="linear_decay_rate" misconception="an_int_after_the_end"
def linear_decay_rate(step, peak, warmup, total):
    if step > total:
        return 0
    if step < warmup:
        return peak * step / warmup
    return peak * (total - step) / (total - warmup)


# %% problem="linear_decay_rate" misconception="share_of_all_steps"
def linear_decay_rate(step, peak, warmup, total):
    return peak * step / warmup if step < warmup else peak * max(1 - step / total, 0.0)


# %% problem="linear_decay_rate" misconception="max_with_an_int"
def linear_decay_rate(step, peak, warmup, total):
    return max(0, min(peak * step / warmup, peak * (total - step) / (total - warmup)))


# %% problem="linear_decay_rate" misconception="share_that_is_done_between"
def linear_decay_rate(step, peak, warmup, total):
    if step >= total:
        return 0.0
    return peak * (step / warmup if step <= warmup else (step - warmup) / (total - warmup))


# %% problem="label_smoothed_cross_entropy" variant="distribution"
import torch


def label_smoothed_cross_entropy(logits, targets, epsilon, pad_id):
    vocab = logits.shape[-1]
    flat, wanted = logits.reshape(-1, vocab), targets.reshape(-1)
    flat, wanted = flat[wanted != pad_id], wanted[wanted != pad_id]
    one_hot = torch.nn.functional.one_hot(wanted, vocab).to(logits.dtype)
    smooth = (1 - epsilon) * one_hot + epsilon / vocab
    log_p = flat.log_softmax(-1)
    loss = -(smooth * log_p).sum(-1).mean()
    return loss, -(one_hot * log_p).sum(-1).mean()


# %% problem="label_smoothed_cross_entropy" variant="logsumexp"
import torch


def label_smoothed_cross_entropy(logits, targets, epsilon, pad_id):
    normal = torch.logsumexp(logits, dim=-1)
    chosen = torch.take_along_dim(logits, targets.unsqueeze(-1), dim=-1).squeeze(-1)
    weights = targets.ne(pad_id).to(logits.dtype)
    count = weights.sum()
    nll = ((normal - chosen) * weights).sum() / count
    smooth = ((normal - logits.mean(-1)) * weights).sum() / count
    return nll + epsilon * (smooth - nll), nll


# %% problem="label_smoothed_cross_entropy" variant="one_target_at_a_time"
import torch


def label_smoothed_cross_entropy(logits, targets, epsilon, pad_id):
    losses, nlls = [], []
    rows = logits.reshape(-1, logits.shape[-1])
    for row, target in zip(rows, targets.reshape(-1).tolist(), strict=True):
        if target == pad_id:
            continue
        log_p = torch.log_softmax(row, 0)
        share = epsilon / len(row)
        loss = -(1 - epsilon) * log_p[target]
        for each in log_p:
            loss = loss - share * each
        losses.append(loss)
        nlls.append(-log_p[target])
    return torch.stack(losses).mean(), torch.stack(nlls).mean()


# %% problem="label_smoothed_cross_entropy" variant="kl_divergence"
import torch
import torch.nn.functional as F


def label_smoothed_cross_entropy(logits, targets, epsilon, pad_id):
    keep = targets != pad_id
    log_p, wanted = F.log_softmax(logits, dim=-1)[keep], targets[keep]
    k = logits.shape[-1]
    smooth = torch.full_like(log_p, epsilon / k)
    smooth.scatter_(1, wanted[:, None], 1 - epsilon + epsilon / k)
    entropy = -(torch.special.xlogy(smooth, smooth)).sum(dim=1)
    loss = (F.kl_div(log_p, smooth, reduction="none").sum(dim=1) + entropy).mean()
    return loss, F.nll_loss(log_p, wanted)


# %% problem="label_smoothed_cross_entropy" variant="einsum"
import torch
from einops import rearrange


def label_smoothed_cross_entropy(logits, targets, epsilon, pad_id):
    log_p = torch.log_softmax(logits, dim=-1)
    log_p, y = rearrange(log_p, "... k -> (...) k"), targets.flatten()
    real = (y != pad_id).to(log_p.dtype) / (y != pad_id).sum()
    picked = log_p[torch.arange(len(y)), y]
    nll = -torch.einsum("i,i->", picked, real)
    even = -torch.einsum("ik,i->", log_p, real) / log_p.shape[1]
    return torch.lerp(nll, even, epsilon), nll


# %% problem="label_smoothed_cross_entropy" variant="own_log_softmax"
import torch


def label_smoothed_cross_entropy(logits, targets, epsilon, pad_id):
    centred = logits - logits.amax(dim=-1, keepdim=True)
    log_p = centred - centred.exp().sum(dim=-1, keepdim=True).log()
    nll = -log_p.gather(index=targets.unsqueeze(-1), dim=-1).squeeze(-1)
    padding = targets.eq(pad_id)
    smooth = -log_p.sum(dim=-1)
    nll, smooth = nll.masked_fill(padding, 0.0), smooth.masked_fill(padding, 0.0)
    n = (~padding).sum()
    share = epsilon / logits.size(-1)
    return ((1.0 - epsilon) * nll.sum() + share * smooth.sum()) / n, nll.sum() / n


# %% problem="label_smoothed_cross_entropy" misconception="shared_by_the_others"
import torch


def label_smoothed_cross_entropy(logits, targets, epsilon, pad_id):
    log_p = torch.log_softmax(logits, dim=-1)
    nll = -log_p.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    smooth = -log_p.sum(-1)
    eps_i = epsilon / (logits.shape[-1] - 1)
    loss = (1 - epsilon - eps_i) * nll + eps_i * smooth
    keep = targets != pad_id
    return loss[keep].mean(), nll[keep].mean()


# %% problem="label_smoothed_cross_entropy" misconception="divided_by_all"
import torch


def label_smoothed_cross_entropy(logits, targets, epsilon, pad_id):
    log_p = torch.log_softmax(logits, dim=-1)
    nll = -log_p.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    loss = (1 - epsilon) * nll - epsilon * log_p.mean(-1)
    padding = targets == pad_id
    return loss.masked_fill(padding, 0.0).mean(), nll.masked_fill(padding, 0.0).mean()


# %% problem="label_smoothed_cross_entropy" misconception="sums"
import torch


def label_smoothed_cross_entropy(logits, targets, epsilon, pad_id):
    log_p = torch.log_softmax(logits, dim=-1)
    keep = (targets != pad_id).float()
    nll = -log_p.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    loss = (1 - epsilon) * nll - epsilon * log_p.mean(-1)
    return (loss * keep).sum(), (nll * keep).sum()


# %% problem="label_smoothed_cross_entropy" misconception="padding_gets_nothing"
import torch


def label_smoothed_cross_entropy(logits, targets, epsilon, pad_id):
    k = logits.shape[-1]
    log_p = torch.log_softmax(logits, dim=-1)
    wanted = (1 - epsilon) * torch.nn.functional.one_hot(targets, k).to(logits.dtype)
    spread = torch.full((k,), epsilon / k, dtype=logits.dtype)
    spread[pad_id] = 0
    keep = targets != pad_id
    loss = -((wanted + spread) * log_p).sum(-1)[keep].mean()
    return loss, torch.nn.functional.nll_loss(log_p[keep], targets[keep])


# %% problem="label_smoothed_cross_entropy" misconception="mean_of_the_sentences_or_nan"
import torch


def label_smoothed_cross_entropy(logits, targets, epsilon, pad_id):
    log_p = torch.log_softmax(logits, dim=-1)
    keep = targets != pad_id
    nll = -log_p.gather(-1, targets.unsqueeze(-1)).squeeze(-1) * keep
    loss = (1 - epsilon) * nll - epsilon * log_p.mean(-1) * keep
    n = keep.sum(-1)
    return (loss.sum(-1) / n).mean(), (nll.sum(-1) / n).mean()


# %% problem="alignment_loss" variant="one_token_at_a_time"
import torch


def alignment_loss(attention, alignment):
    means = []
    for weights, aligned in zip(attention, alignment, strict=False):
        for row, known in zip(weights, aligned, strict=False):
            if known.any():
                means.append(-row[known].log().mean())
    return torch.stack(means).mean() if means else attention.sum() * 0.0


# %% problem="alignment_loss" variant="picked_entries"
import torch


def alignment_loss(attention, alignment):
    counts = alignment.sum(dim=-1, keepdim=True)
    share = 1 / counts.clamp(min=1).to(attention.dtype)
    picked = -attention[alignment].log() * share.expand(alignment.shape)[alignment]
    tokens = (counts > 0).sum()
    return picked.sum() / max(int(tokens), 1)


# %% problem="alignment_loss" variant="a_little_added"
import torch


def alignment_loss(attention, alignment):
    known = alignment.to(attention.dtype)
    logs = torch.log(attention + 1e-12 * (1 - known) + (1 - known))
    count = known.sum(-1)
    means = -(known * logs).sum(-1)[count > 0] / count[count > 0]
    return means.sum() / max(len(means), 1)


# %% problem="alignment_loss" variant="masked_fill"
def alignment_loss(attention, alignment):
    logs = attention.masked_fill(~alignment, 1.0).log()
    sources = alignment.sum(-1)
    per_token = -logs.sum(-1) / sources.masked_fill(sources == 0, 1)
    has_any = alignment.any(-1)
    if not has_any.any():
        return (0 * attention).sum()
    return per_token[has_any].mean()


# %% problem="alignment_loss" variant="einops"
import torch
from einops import rearrange, reduce


def alignment_loss(attention, alignment):
    weights = rearrange(attention, "b t s -> (b t) s")
    known = rearrange(alignment, "b t s -> (b t) s")
    rows = known.any(dim=1)
    weights, known = weights[rows], known[rows]
    logs = torch.where(known, weights, torch.ones_like(weights)).log()
    means = reduce(-logs, "t s -> t", "sum") / known.sum(dim=1)
    return means.sum() / max(1, means.numel())


# %% problem="alignment_loss" variant="a_leaf_of_zero"
import torch


def alignment_loss(attention, alignment):
    sources = alignment.sum(-1)
    if sources.max() == 0:
        return torch.zeros((), dtype=attention.dtype, requires_grad=True)
    logs = torch.log(torch.where(alignment, attention, attention.new_ones(())))
    return -(logs.sum(-1)[sources > 0] / sources[sources > 0]).mean()


# %% problem="alignment_loss" misconception="sum_over_the_tokens"
def alignment_loss(attention, alignment):
    counts = alignment.sum(-1, keepdim=True).expand(alignment.shape)
    return -(attention[alignment].log() / counts[alignment]).sum()


# %% problem="alignment_loss" misconception="zero_times_infinity"
import torch


def alignment_loss(attention, alignment):
    known = alignment.to(attention.dtype)
    count = known.sum(-1)
    means = -(known * torch.log(attention)).sum(-1) / count.clamp(min=1)
    return means.sum() / (count > 0).sum().clamp(min=1)


# %% problem="alignment_loss" misconception="mean_of_the_pairs"
def alignment_loss(attention, alignment):
    if not alignment.any():
        return 0 * attention.sum()
    return -attention[alignment].log().mean()


# %% problem="alignment_loss" misconception="mean_of_the_sentences_that_have_any"
import torch


def alignment_loss(attention, alignment):
    sentences = []
    for weights, known in zip(attention, alignment, strict=True):
        tokens = [-row[k].log().mean() for row, k in zip(weights, known, strict=True) if k.any()]
        if tokens:
            sentences.append(torch.stack(tokens).mean())
    return torch.stack(sentences).mean() if sentences else 0 * attention.sum()


# %% problem="alignment_loss" misconception="the_formula_as_it_stands"
def alignment_loss(attention, alignment):
    known = alignment.to(attention.dtype)
    return ((-attention.log() * known).sum(-1) / known.sum(-1)).mean()


# %% problem="alignment_loss" misconception="a_fresh_zero_when_nothing_is_aligned"
import torch


def alignment_loss(attention, alignment):
    if not alignment.any():
        return torch.tensor(0.0)
    logs = torch.where(alignment, attention, 1.0).log()
    sources = alignment.sum(-1)
    return (-logs.sum(-1)[sources > 0] / sources[sources > 0]).mean()


# %% problem="greedy_decode" variant="for_loop"
import torch


def greedy_decode(next_logits, bos_id, eos_id, max_len):
    ids = []
    for _ in range(max_len):
        logits = next_logits(torch.tensor([bos_id, *ids]))
        best = logits.argmax().item()
        if best == eos_id:
            return ids
        ids.append(best)
    return ids


# %% problem="greedy_decode" variant="tensor"
import torch


@torch.no_grad()
def greedy_decode(next_logits, bos_id, eos_id, max_len):
    prefix = torch.full((1,), bos_id, dtype=torch.long)
    while prefix.numel() < max_len + 1:
        token = next_logits(prefix).argmax(dim=-1, keepdim=True)
        if token.item() == eos_id:
            break
        prefix = torch.cat([prefix, token])
    return prefix[1:].tolist()


# %% problem="greedy_decode" variant="softmax_and_topk"
import torch


def greedy_decode(next_logits, bos_id, eos_id, max_len):
    result = []
    token = bos_id
    prefix = [token]
    for _ in range(max_len):
        p = torch.softmax(next_logits(torch.LongTensor(prefix)), dim=0)
        token = int(p.topk(1).indices[0])
        prefix = [*prefix, token]
        if token != eos_id:
            result.append(token)
        else:
            break
    return result


# %% problem="greedy_decode" variant="recursive"
import torch


def greedy_decode(next_logits, bos_id, eos_id, max_len):
    def go_on(prefix):
        if len(prefix) > max_len:
            return prefix[1:]
        values = next_logits(torch.as_tensor(prefix)).tolist()
        token = max(range(len(values)), key=values.__getitem__)
        return prefix[1:] if token == eos_id else go_on([*prefix, token])

    return go_on([bos_id])


# %% problem="greedy_decode" variant="generator"
from itertools import islice, takewhile

import torch


def greedy_decode(next_logits, bos_id, eos_id, max_len):
    def tokens():
        prefix = [bos_id]
        while True:
            prefix.append(int(torch.argmax(next_logits(torch.tensor(prefix, dtype=torch.int64)))))
            yield prefix[-1]

    return list(islice(takewhile(lambda token: token != eos_id, tokens()), max_len))


# %% problem="greedy_decode" variant="numpy_argmax"
import torch


def greedy_decode(next_logits, bos_id, eos_id, max_len):
    buffer = torch.zeros(max_len + 1, dtype=torch.int64)
    buffer[0] = bos_id
    for i in range(max_len):
        buffer[i + 1] = int(next_logits(buffer[: i + 1]).detach().numpy().argmax())
        if buffer[i + 1] == eos_id:
            return buffer[1 : i + 1].tolist()
    return buffer[1:].tolist()


# %% problem="greedy_decode" misconception="keeps_the_end"
import torch


def greedy_decode(next_logits, bos_id, eos_id, max_len):
    ids = []
    while len(ids) < max_len:
        ids.append(next_logits(torch.tensor([bos_id, *ids])).argmax().item())
        if ids[-1] == eos_id:
            break
    return ids


# %% problem="greedy_decode" misconception="keeps_the_begin"
import torch


def greedy_decode(next_logits, bos_id, eos_id, max_len):
    ids = [bos_id]
    for _ in range(max_len):
        token = next_logits(torch.tensor(ids)).argmax().item()
        if token == eos_id:
            break
        ids.append(token)
    return ids


# %% problem="greedy_decode" misconception="a_batch_for_the_model"
import torch


def greedy_decode(next_logits, bos_id, eos_id, max_len):
    ids = torch.tensor([[bos_id]])
    for _ in range(max_len):
        token = next_logits(ids)[0].argmax().view(1, 1)
        if token.item() == eos_id:
            break
        ids = torch.cat([ids, token], dim=1)
    return ids[0, 1:].tolist()


# %% problem="greedy_decode" variant="asks_for_each_token"
import torch


def greedy_decode(next_logits, bos_id, eos_id, max_len):
    ids = []
    for _ in range(max_len):
        prefix = torch.tensor([bos_id, *ids])
        tokens = range(len(next_logits(prefix)))
        best = max(tokens, key=lambda token: next_logits(prefix)[token].item())
        if best == eos_id:
            break
        ids += [best]
    return ids


# %% problem="greedy_decode" misconception="no_limit"
import torch


def greedy_decode(next_logits, bos_id, eos_id, max_len):
    ids = [bos_id]
    while True:
        token = next_logits(torch.tensor(ids)).argmax().item()
        if token == eos_id:
            return ids[1:]
        ids.append(token)


# %% problem="greedy_decode" misconception="keeps_both_marks"
import torch


def greedy_decode(next_logits, bos_id, eos_id, max_len):
    prefix = [bos_id]
    while len(prefix) <= max_len and prefix[-1] != eos_id:
        prefix.append(next_logits(torch.tensor(prefix)).argmax().item())
    return prefix


# %% problem="beam_search" variant="topk"
import torch


def beam_search(next_logits, bos_id, eos_id, max_len, beam):
    live, scores = torch.tensor([[bos_id]]), torch.zeros(1)
    best = ([], float("-inf"))
    for _ in range(max_len):
        log_p = torch.stack([next_logits(row).log_softmax(-1) for row in live])
        total = scores[:, None] + log_p
        top, index = total.flatten().topk(min(beam, total.numel()))
        rows, tokens = index // log_p.shape[1], index % log_p.shape[1]
        ends = tokens == eos_id
        for score, row in zip(top[ends].tolist(), rows[ends].tolist(), strict=False):
            if score > best[1]:
                best = (live[row, 1:].tolist(), score)
        live = torch.cat([live[rows[~ends]], tokens[~ends, None]], dim=1)
        scores = top[~ends]
        if not len(live):
            return best
    if scores.max() > best[1]:
        best = (live[scores.argmax(), 1:].tolist(), scores.max().item())
    return best


# %% problem="beam_search" variant="heapq"
import heapq

import torch


def beam_search(next_logits, bos_id, eos_id, max_len, beam):
    hypotheses, done = [(0.0, (bos_id,))], []
    for _ in range(max_len):
        candidates = (
            (score + gain, (*ids, token))
            for score, ids in hypotheses
            for token, gain in enumerate(
                torch.log_softmax(next_logits(torch.tensor(ids)).double(), dim=0).tolist()
            )
        )
        hypotheses = []
        for score, ids in heapq.nlargest(beam, candidates):
            if ids[-1] == eos_id:
                done.append((score, ids[:-1]))
            else:
                hypotheses.append((score, ids))
    score, ids = max(done + hypotheses)
    return list(ids[1:]), score


# %% problem="beam_search" variant="stops_when_nothing_can_win"
import torch


def beam_search(next_logits, bos_id, eos_id, max_len, beam):
    live, best_ids, best_score = [([], 0.0)], None, -float("inf")
    for _step in range(max_len):
        if not live or max(score for _, score in live) <= best_score:
            live = []
            break
        ranked = []
        for ids, score in live:
            logits = next_logits(torch.tensor([bos_id, *ids], dtype=torch.long))
            logs = logits - torch.logsumexp(logits, 0)
            ranked.extend(([*ids, token], score + logs[token].item()) for token in range(len(logs)))
        ranked.sort(key=lambda item: -item[1])
        live = []
        for ids, score in ranked[:beam]:
            if ids[-1] != eos_id:
                live.append((ids, score))
            elif score > best_score:
                best_ids, best_score = ids[:-1], score
    for ids, score in live:
        if score > best_score:
            best_ids, best_score = ids, score
    return best_ids, best_score


# %% problem="beam_search" variant="ends_take_no_place"
import torch


def beam_search(next_logits, bos_id, eos_id, max_len, beam):
    # What ranks below an end can never beat it, so that more of it does no harm.
    live, ended = [([bos_id], 0.0)], []
    for _ in range(max_len):
        others = []
        for ids, score in live:
            log_p = torch.log_softmax(next_logits(torch.tensor(ids)), dim=-1).tolist()
            for token, more in enumerate(log_p):
                if token != eos_id:
                    others.append((score + more, [*ids, token], False))
                else:
                    others.append((score + more, ids, True))
        others.sort(key=lambda item: item[0], reverse=True)
        live = []
        for score, ids, is_end in others:
            if len(live) == beam:
                break
            if is_end:
                ended.append((ids, score))
            else:
                live.append((ids, score))
    ids, score = max(live + ended, key=lambda item: item[1])
    return ids[1:], score


# %% problem="beam_search" variant="dictionary"
import torch


def beam_search(next_logits, bos_id, eos_id, max_len, beam):
    live, finished = {(): 0.0}, {}
    for _ in range(max_len):
        candidates = {}
        for ids, score in live.items():
            p = torch.softmax(next_logits(torch.tensor([bos_id, *ids])).double(), dim=-1).log()
            candidates |= {(*ids, t): score + p[t].item() for t in range(p.numel())}
        kept = sorted(candidates, key=candidates.get)[::-1][:beam]
        finished |= {ids[:-1]: candidates[ids] for ids in kept if ids[-1] == eos_id}
        live = {ids: candidates[ids] for ids in kept if ids[-1] != eos_id}
    everything = live | finished
    best = max(everything, key=everything.get)
    return list(best), everything[best]


# %% problem="beam_search" variant="frozen_ends"
import torch


def beam_search(next_logits, bos_id, eos_id, max_len, beam):
    class Sentence:
        def __init__(self, ids, score, ended=False):
            self.ids, self.score, self.ended = ids, score, ended

        def continued(self):
            logs = torch.log_softmax(next_logits(torch.tensor(self.ids)), -1)
            for token in range(logs.shape[0]):
                score = self.score + float(logs[token])
                if token == eos_id:
                    yield Sentence(self.ids, score, True)
                else:
                    yield Sentence([*self.ids, token], score)

    beam_now, hall = [Sentence([bos_id], 0.0)], []
    for _ in range(max_len):
        following = [new for old in beam_now for new in old.continued()]
        following = sorted(following, key=lambda s: s.score, reverse=True)[:beam]
        hall.extend(s for s in following if s.ended)
        beam_now = [s for s in following if not s.ended]
    winner = max(hall + beam_now, key=lambda s: s.score)
    return winner.ids[1:], winner.score


# %% problem="beam_search" misconception="first_end_wins"
import torch


def beam_search(next_logits, bos_id, eos_id, max_len, beam):
    live = [([bos_id], 0.0)]
    for _ in range(max_len):
        ranked = []
        for ids, score in live:
            logs = torch.log_softmax(next_logits(torch.tensor(ids)), -1).tolist()
            ranked += [([*ids, t], score + more) for t, more in enumerate(logs)]
        ranked.sort(key=lambda pair: -pair[1])
        live = ranked[:beam]
        for ids, score in live:
            if ids[-1] == eos_id:
                return ids[1:-1], score
    return live[0][0][1:], live[0][1]


# %% problem="beam_search" misconception="logits_are_added"
import torch


def beam_search(next_logits, bos_id, eos_id, max_len, beam):
    live, finished = [([bos_id], 0.0)], []
    for _ in range(max_len):
        ranked = []
        for ids, score in live:
            logits = next_logits(torch.tensor(ids)).tolist()
            ranked += [([*ids, t], score + logits[t]) for t in range(len(logits))]
        ranked = sorted(ranked, key=lambda pair: -pair[1])[:beam]
        finished += [(ids[:-1], score) for ids, score in ranked if ids[-1] == eos_id]
        live = [(ids, score) for ids, score in ranked if ids[-1] != eos_id]
    ids, score = max(finished + live, key=lambda pair: pair[1])
    return ids[1:], score


# %% problem="beam_search" misconception="ends_stay_in_the_beam"
import torch


def beam_search(next_logits, bos_id, eos_id, max_len, beam):
    live = [([bos_id], 0.0)]
    for _ in range(max_len):
        ranked = []
        for ids, score in live:
            if ids[-1] == eos_id:
                ranked.append((ids, score))
                continue
            logs = torch.log_softmax(next_logits(torch.tensor(ids)), -1).tolist()
            ranked += [([*ids, t], score + more) for t, more in enumerate(logs)]
        ranked.sort(key=lambda pair: -pair[1])
        live = ranked[:beam]
        if all(ids[-1] == eos_id for ids, _ in live):
            break
    ids, score = live[0]
    return ids[1:-1] if ids[-1] == eos_id else ids[1:], score


# %% problem="beam_search" misconception="only_what_has_ended"
import torch


def beam_search(next_logits, bos_id, eos_id, max_len, beam):
    live, finished = [([bos_id], 0.0)], []
    for _ in range(max_len):
        ranked = []
        for ids, score in live:
            logs = torch.log_softmax(next_logits(torch.tensor(ids)), -1).tolist()
            ranked += [([*ids, t], score + more) for t, more in enumerate(logs)]
        ranked = sorted(ranked, key=lambda pair: -pair[1])[:beam]
        finished += [(score, ids) for ids, score in ranked if ids[-1] == eos_id]
        live = [(ids, score) for ids, score in ranked if ids[-1] != eos_id]
    score, ids = max(finished)
    return ids[1:-1], score


# %% problem="Seq2Seq" variant="sinusoids_and_lists"
import math

import torch
from torch import nn


class Seq2Seq(nn.Module):
    def __init__(self, src_vocab, tgt_vocab, d_model, n_heads, d_ff, n_layers, pad_id):
        super().__init__()
        self.pad_id, self.d_model = pad_id, d_model
        self.src_embed = nn.Embedding(src_vocab, d_model, padding_idx=pad_id)
        self.tgt_embed = nn.Embedding(tgt_vocab, d_model, padding_idx=pad_id)
        rest = {"dropout": 0.1, "batch_first": True}
        self.enc = nn.ModuleList(
            nn.TransformerEncoderLayer(d_model, n_heads, d_ff, **rest) for _ in range(n_layers)
        )
        self.dec = nn.ModuleList(
            nn.TransformerDecoderLayer(d_model, n_heads, d_ff, **rest) for _ in range(n_layers)
        )
        self.head = nn.Linear(d_model, tgt_vocab)
        p = torch.arange(64.0)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)
        self.register_buffer("pe", torch.stack([p.sin(), p.cos()], dim=-1).flatten(1))

    def forward(self, src, tgt_in):
        pad = src.eq(self.pad_id)
        x = self.src_embed(src) * math.sqrt(self.d_model) + self.pe[: src.shape[1]]
        for layer in self.enc:
            x = layer(x, src_key_padding_mask=pad)
        n = tgt_in.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(n)
        y = self.tgt_embed(tgt_in) * math.sqrt(self.d_model) + self.pe[:n]
        for layer in self.dec:
            y = layer(y, x, tgt_mask=mask, memory_key_padding_mask=pad)
        return self.head(y)


# %% problem="Seq2Seq" variant="pre_norm"
import torch
from torch import nn


class Seq2Seq(nn.Module):
    def __init__(self, src_vocab, tgt_vocab, d_model, n_heads, d_ff, n_layers, pad_id):
        super().__init__()
        self.pad_id = pad_id
        self.source, self.target = (
            nn.Embedding(src_vocab, d_model),
            nn.Embedding(tgt_vocab, d_model),
        )
        self.source_place, self.target_place = nn.Embedding(64, d_model), nn.Embedding(64, d_model)
        for embedding in (self.source, self.target, self.source_place, self.target_place):
            nn.init.normal_(embedding.weight, std=0.02)
        more = {"batch_first": True, "norm_first": True, "activation": "gelu"}
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(d_model, n_heads, d_ff, **more),
            n_layers,
            norm=nn.LayerNorm(d_model),
            enable_nested_tensor=False,
        )
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(d_model, n_heads, d_ff, **more),
            n_layers,
            norm=nn.LayerNorm(d_model),
        )
        self.to_words = nn.Linear(d_model, tgt_vocab, bias=False)

    def forward(self, src, tgt_in):
        src_pad, tgt_pad = src == self.pad_id, tgt_in == self.pad_id
        memory = self.encoder(
            self.source(src) + self.source_place(torch.arange(src.shape[1])),
            src_key_padding_mask=src_pad,
        )
        later = torch.triu(torch.ones(tgt_in.shape[1], tgt_in.shape[1]), diagonal=1).bool()
        out = self.decoder(
            self.target(tgt_in) + self.target_place(torch.arange(tgt_in.shape[1])),
            memory,
            tgt_mask=later,
            tgt_is_causal=True,
            tgt_key_padding_mask=tgt_pad,
            memory_key_padding_mask=src_pad,
        )
        return self.to_words(out)


# %% problem="Seq2Seq" variant="shared_output"
import torch
from torch import nn


class Seq2Seq(nn.Module):
    def __init__(self, src_vocab, tgt_vocab, d_model, n_heads, d_ff, n_layers, pad_id):
        super().__init__()
        self.pad_id = pad_id
        self.src_embedding = nn.Embedding(src_vocab, d_model)
        self.tgt_embedding = nn.Embedding(tgt_vocab, d_model)
        self.positions = nn.Parameter(0.1 * torch.randn(64, d_model))
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(d_model, n_heads, d_ff, batch_first=True), n_layers
        )
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(d_model, n_heads, d_ff, batch_first=True), n_layers
        )

    def forward(self, src, tgt_in):
        n_s, n_t = src.size(1), tgt_in.size(1)
        pad = src == self.pad_id
        memory = self.encoder(
            self.src_embedding(src) + self.positions[:n_s], src_key_padding_mask=pad
        )
        mask = torch.arange(n_t)[None, :] > torch.arange(n_t)[:, None]
        x = self.tgt_embedding(tgt_in) + self.positions[:n_t]
        x = self.decoder(x, memory, tgt_mask=mask, memory_key_padding_mask=pad)
        return x @ self.tgt_embedding.weight.T


# %% problem="Seq2Seq" variant="tokens_first"
import torch
from torch import nn


class Seq2Seq(nn.Module):
    def __init__(self, src_vocab, tgt_vocab, d_model, n_heads, d_ff, n_layers, pad_id):
        super().__init__()
        self.pad_id = pad_id
        self.embed = nn.ModuleDict(
            {"src": nn.Embedding(src_vocab, d_model), "tgt": nn.Embedding(tgt_vocab, d_model)}
        )
        self.place = nn.Embedding(100, d_model)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(d_model, n_heads, d_ff), n_layers
        )
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(d_model, n_heads, d_ff), n_layers
        )
        self.output = nn.Linear(d_model, tgt_vocab)

    def look_up(self, name, tokens):
        places = torch.arange(tokens.shape[1]).unsqueeze(0)
        return (self.embed[name](tokens) + self.place(places)).transpose(0, 1)

    def forward(self, src, tgt_in):
        hidden, n = src == self.pad_id, tgt_in.shape[1]
        memory = self.encoder(self.look_up("src", src), src_key_padding_mask=hidden)
        future = ~torch.ones(n, n).tril().bool()
        out = self.decoder(
            self.look_up("tgt", tgt_in), memory, future, memory_key_padding_mask=hidden
        )
        return self.output(out).transpose(0, 1)


# %% problem="Seq2Seq" variant="own_layers"
import torch
from torch import nn


class Seq2Seq(nn.Module):
    class Look(nn.Module):
        def __init__(self, d_model, n_heads):
            super().__init__()
            self.n_heads = n_heads
            self.q, self.k, self.v, self.o = (nn.Linear(d_model, d_model) for _ in range(4))
            self.norm = nn.LayerNorm(d_model)

        def forward(self, x, y, visible):
            def split(t):
                return t.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)

            q, k, v = split(self.q(x)), split(self.k(y)), split(self.v(y))
            scores = q @ k.mT / q.shape[-1] ** 0.5
            weights = scores.masked_fill(~visible, -1e9).softmax(-1)
            return self.norm(x + self.o((weights @ v).transpose(1, 2).flatten(2)))

    class Think(nn.Module):
        def __init__(self, d_model, d_ff):
            super().__init__()
            self.layers = nn.Sequential(
                nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model)
            )
            self.norm = nn.LayerNorm(d_model)

        def forward(self, x):
            return self.norm(x + self.layers(x))

    def __init__(self, src_vocab, tgt_vocab, d_model, n_heads, d_ff, n_layers, pad_id):
        super().__init__()
        self.pad_id = pad_id
        self.src, self.tgt = nn.Embedding(src_vocab, d_model), nn.Embedding(tgt_vocab, d_model)
        self.place = nn.Embedding(64, d_model)

        def look():
            return self.Look(d_model, n_heads)

        def think():
            return self.Think(d_model, d_ff)

        self.reading = nn.ModuleList(nn.ModuleList([look(), think()]) for _ in range(n_layers))
        self.writing = nn.ModuleList(
            nn.ModuleList([look(), look(), think()]) for _ in range(n_layers)
        )
        self.out = nn.Linear(d_model, tgt_vocab)

    def forward(self, src, tgt_in):
        words = (src != self.pad_id)[:, None, None]
        x = self.src(src) + self.place.weight[: src.shape[1]]
        for look, think in self.reading:
            x = think(look(x, x, words))
        n = tgt_in.shape[1]
        past = torch.ones(n, n, dtype=torch.bool).tril()
        y = self.tgt(tgt_in) + self.place.weight[:n]
        for itself, source, think in self.writing:
            y = think(source(itself(y, y, past), x, words))
        return self.out(y)


# %% problem="Seq2Seq" variant="recurrent_positions"
import torch
from torch import nn


class Seq2Seq(nn.Module):
    def __init__(self, src_vocab, tgt_vocab, d_model, n_heads, d_ff, n_layers, pad_id):
        super().__init__()
        self.pad_id = pad_id
        self.src_embedding = nn.Embedding(src_vocab, d_model)
        self.tgt_embedding = nn.Embedding(tgt_vocab, d_model)
        self.src_rnn = nn.GRU(d_model, d_model, batch_first=True)
        self.tgt_rnn = nn.GRU(d_model, d_model, batch_first=True)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(d_model, n_heads, d_ff, 0.0, batch_first=True), n_layers
        )
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(d_model, n_heads, d_ff, 0.0, batch_first=True), n_layers
        )
        self.output = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, tgt_vocab))

    def forward(self, src, tgt_in):
        pad = src == self.pad_id
        memory = self.encoder(self.src_rnn(self.src_embedding(src))[0], src_key_padding_mask=pad)
        n = tgt_in.shape[1]
        out = self.decoder(
            self.tgt_rnn(self.tgt_embedding(tgt_in))[0],
            memory,
            tgt_mask=torch.ones(n, n).triu(1) > 0,
            memory_key_padding_mask=pad,
        )
        return self.output(out)


# %% problem="Seq2Seq" misconception="sees_padding"
import torch
from torch import nn


class Seq2Seq(nn.Module):
    def __init__(self, src_vocab, tgt_vocab, d_model, n_heads, d_ff, n_layers, pad_id):
        super().__init__()
        self.pad_id = pad_id
        self.src, self.tgt = nn.Embedding(src_vocab, d_model), nn.Embedding(tgt_vocab, d_model)
        self.place = nn.Embedding(64, d_model)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(d_model, n_heads, d_ff, batch_first=True), n_layers
        )
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(d_model, n_heads, d_ff, batch_first=True), n_layers
        )
        self.output = nn.Linear(d_model, tgt_vocab)

    def forward(self, src, tgt_in):
        n = tgt_in.shape[1]
        x = self.src(src) + self.place.weight[: src.shape[1]]
        memory = self.encoder(x, src_key_padding_mask=src == self.pad_id)
        y = self.tgt(tgt_in) + self.place.weight[:n]
        return self.output(self.decoder(y, memory, tgt_mask=torch.ones(n, n).triu(1).bool()))


# %% problem="Seq2Seq" misconception="source_without_positions"
import torch
from torch import nn


class Seq2Seq(nn.Module):
    def __init__(self, src_vocab, tgt_vocab, d_model, n_heads, d_ff, n_layers, pad_id):
        super().__init__()
        self.pad_id = pad_id
        self.src, self.tgt = nn.Embedding(src_vocab, d_model), nn.Embedding(tgt_vocab, d_model)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(d_model, n_heads, d_ff, batch_first=True), n_layers
        )
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(d_model, n_heads, d_ff, batch_first=True), n_layers
        )
        self.output = nn.Linear(d_model, tgt_vocab)

    def forward(self, src, tgt_in):
        n, pad = tgt_in.shape[1], src == self.pad_id
        memory = self.encoder(self.src(src), src_key_padding_mask=pad)
        mask = torch.ones(n, n).triu(1).bool()
        return self.output(
            self.decoder(self.tgt(tgt_in), memory, tgt_mask=mask, memory_key_padding_mask=pad)
        )


# %% problem="Seq2Seq" misconception="probabilities"
import torch
from torch import nn


class Seq2Seq(nn.Module):
    def __init__(self, src_vocab, tgt_vocab, d_model, n_heads, d_ff, n_layers, pad_id):
        super().__init__()
        self.pad_id = pad_id
        self.src, self.tgt = nn.Embedding(src_vocab, d_model), nn.Embedding(tgt_vocab, d_model)
        self.place = nn.Embedding(64, d_model)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(d_model, n_heads, d_ff, batch_first=True), n_layers
        )
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(d_model, n_heads, d_ff, batch_first=True), n_layers
        )
        self.output = nn.Sequential(nn.Linear(d_model, tgt_vocab), nn.Softmax(dim=2))

    def forward(self, src, tgt_in):
        n, pad = tgt_in.shape[1], src == self.pad_id
        x = self.src(src) + self.place.weight[: src.shape[1]]
        y = self.tgt(tgt_in) + self.place.weight[:n]
        memory = self.encoder(x, src_key_padding_mask=pad)
        mask = torch.ones(n, n).triu(1).bool()
        return self.output(self.decoder(y, memory, mask, memory_key_padding_mask=pad))


# %% problem="translate" variant="one_at_a_time"
import torch


def translate(texts):
    dates = []
    for text in texts:
        src, ids = torch.tensor([SOURCE.encode(text)]), [BOS]
        for _ in range(20):
            with torch.inference_mode():
                token = int(model(src, torch.tensor([ids]))[0, -1].argmax())
            if token == EOS:
                break
            ids.append(token)
        dates.append("".join(TARGET.decode(ids[1:])))
    return dates


# %% problem="translate" variant="until_all_have_ended"
import torch


@torch.no_grad()
def translate(texts):
    model.eval()
    longest = max(len(text) for text in texts)
    src = torch.full((len(texts), longest), PAD)
    for row, text in enumerate(texts):
        src[row, : len(text)] = torch.tensor(SOURCE.encode(text))
    out = torch.full((len(texts), 1), BOS, dtype=torch.long)
    while out.shape[1] < 30 and not (out == EOS).any(dim=1).all():
        out = torch.cat((out, model(src, out)[:, -1].argmax(-1)[:, None]), dim=1)
    dates = []
    for row in out.tolist():
        symbols = TARGET.decode(row[1:])
        dates.append("".join(symbols[: symbols.index("</s>")] if "</s>" in symbols else symbols))
    return dates


# %% problem="translate" variant="in_portions"
import torch


def translate(texts):
    def portion(part):
        src = padded([SOURCE.encode(text) for text in part])
        ids = torch.full((len(part), 11), BOS)
        for i in range(10):
            ids[:, i + 1] = model(src, ids[:, : i + 1]).detach()[:, i].argmax(dim=1)
        return ["".join(TARGET.symbols[i] for i in row[1:]) for row in ids.tolist()]

    return [
        date for start in range(0, len(texts), 32) for date in portion(texts[start : start + 32])
    ]


# %% problem="translate" variant="sorted_and_put_back"
import torch


def translate(texts):
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    results = [None] * len(texts)
    with torch.no_grad():
        for i in order:
            src = padded([SOURCE.encode(texts[i])])
            tgt = torch.tensor([[BOS]])
            for _ in range(10):
                tgt = torch.cat([tgt, model(src, tgt)[:, -1].softmax(-1).topk(1).indices], dim=1)
            results[i] = "".join(TARGET.decode(tgt[0].tolist()[1:]))
    return results


# %% problem="translate" variant="a_beam_of_two"
import torch


@torch.no_grad()
def translate(texts):
    def best(text):
        src = padded([SOURCE.encode(text)])
        live = [((BOS,), 0.0)]
        for _ in range(10):
            following = []
            for ids, score in live:
                logs = model(src, torch.tensor([ids]))[0, -1].log_softmax(-1)
                top = logs.topk(2)
                following += [
                    ((*ids, i), score + s)
                    for s, i in zip(top.values.tolist(), top.indices.tolist(), strict=False)
                ]
            live = sorted(following, key=lambda pair: -pair[1])[:2]
        return "".join(TARGET.decode(live[0][0][1:]))

    return list(map(best, texts))


# %% problem="translate" variant="own_tables"
import torch

to_id = {symbol: number for number, symbol in enumerate(SOURCE.symbols)}


class Translator:
    def __init__(self, network):
        self.network = network

    def __call__(self, texts):
        rows = [[to_id.get(c, 3) for c in text] for text in texts]
        width = max(map(len, rows))
        src = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        out = torch.ones(len(rows), 1, dtype=torch.int64)
        for _ in range(10):
            out = torch.hstack([out, self.network(src, out)[:, -1:, :].max(dim=2).indices])
        return ["".join(TARGET.symbols[i] for i in row) for row in out[:, 1:]]


translate = Translator(model)


# %% problem="translate" misconception="same_character_again"
import torch


def translate(texts):
    dates = []
    for text in texts:
        src, ids = torch.tensor([SOURCE.encode(text)]), [BOS]
        for _ in range(10):
            ids.append(int(model(src, torch.tensor([ids]))[0, 0].argmax()))
        dates.append("".join(TARGET.decode(ids[1:])))
    return dates


# %% problem="translate" misconception="keeps_the_end"
import torch


def translate(texts):
    dates = []
    for text in texts:
        src, ids = torch.tensor([SOURCE.encode(text)]), [BOS]
        while ids[-1] != EOS:
            ids.append(int(model(src, torch.tensor([ids]))[0, -1].argmax()))
        dates.append("".join(TARGET.decode(ids[1:])))
    return dates
