# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 10 · Training well
#
# *About 80 minutes. You need [lecture 09](09_the_whole_transformer.ipynb): the whole model, dates,
# and cross-attention read as an alignment.*
#
# **The question.** In lecture 09 the model learnt, and three things were taken on trust: a learning
# rate that rises and falls, a target that asks for .9 in place of 1, and that nobody tells the
# model where to look, though for dates we know where it should. What does each of these do? Where
# does it matter, and where can no difference be seen?
#
# **Afterwards you can**
#
# - compute for one word what a softened target costs, and the least that it can cost;
# - tell the three conventions of label smoothing apart, and carry a number from one to another;
# - say what a warm-up prevents, and what the end of a schedule is good for;
# - say what label smoothing does to how sure a model is, and when that is worth having;
# - teach an attention head where to look, and measure how often it looks elsewhere;
# - tell label smoothing from cutout and CutMix;
# - write the paragraph that says that something made no difference.

# %%
import math

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from IPython.display import display
from ipywidgets import Dropdown, FloatSlider, IntSlider, SelectionSlider
from matplotlib.patches import Rectangle
from scipy import stats

from course.claims import claim
from course.date_task import (
    BETAS,
    EPSILON,
    PEAK,
    STEPS,
    TARGET,
    WARMUP,
    as_batch,
    exact,
    settings,
    training_batch,
    unseen,
)
from course.dates import LOCALES, split, written
from course.experiments import cutmix, table
from course.experiments.depth import model_of
from course.experiments.recipes import alignment_errors
from course.knobs import Knobs
from course.losses import alignment_nll, smoothed_cross_entropy
from course.maps import recorded_maps
from course.plots import BLUE, GREEN, ORANGE, PURPLE, panels, spread, use_style
from course.schedules import inverse_sqrt, linear_decay, noam
from course.training import Trainer, label_smoothed
from course.transformer import Transformer
from course.tuning import images
from course.vocabulary import PAD

torch.set_num_threads(1)
use_style()

# %% [markdown]
# ## 1 · By hand: three questions about one word
#
# SOS 나는 집에 has been fed, and 간다 (go) is asked for. The vocabulary has five symbols: 나는,
# 집에, 간다, END and PAD. The model gives 간다 the probability 1/2 and each of the others 1/8.
# Meanwhile one of its heads has looked at *I*, *go* and *home* with the weights 1/4, 1/2, 1/4.
#
# **What is it asked for?** So far for 간다 and nothing else. The loss is −ln ½ = .693, and it
# falls as long as the probability rises: the model is never sure enough. **Label smoothing** asks
# for less. It takes a share ε from the target and spreads it evenly over all symbols, the target
# too. With ε = .2 that is .04 for each, so that 간다 is wanted with .84:
#
# | | 나는 | 집에 | 간다 | END | PAD |
# | --- | --- | --- | --- | --- | --- |
# | wanted | .04 | .04 | .84 | .04 | .04 |
# | given | 1/8 | 1/8 | 1/2 | 1/8 | 1/8 |
# | −ln of it | 2.079 | 2.079 | .693 | 2.079 | 2.079 |
#
# The loss is the cross-entropy with what is wanted: .84 · .693 + 4 · .04 · 2.079 = .915.
#
# **Where should it look?** 간다 comes from *go*. The head has half of its weight there, and is told
# so with −ln ½ = .693. A small part of that, say .05, is added to the loss.
#
# **How far should it go?** The gradient of all this says in which direction. The **learning rate**
# says how far, and it need not be the same at each step. The paper's rule, for `d_model` = 512 and
# a *warm-up* of 4,000 steps: at step 1,000 it is 1,000 / (√512 · 4,000^1.5) = .00017; at step
# 4,000, the top, 1 / √(512 · 4,000) = .0007; at step 16,000 it is half of that.
#
# **Predict.** Which probabilities give the *smallest* smoothed loss, and is it 0? What does a model
# pay that is all but certain, .9999 for 간다 and the rest shared evenly?
#
# <details><summary>Answer</summary>
#
# The smallest cross-entropy is reached where what is given *is* what is wanted: .84 and four times
# .04. It is not 0 but the entropy of the wanted, .661. The certain model pays 1.696: more than one
# that gives 간다 only one half.
#
# </details>

# %%
symbols = ["나는", "집에", "간다", "END", "PAD"]


def cross_entropy(wanted, given):
    """−Σ wanted · ln given, over two lists of probabilities; what is not wanted costs nothing."""
    return -sum(w * math.log(p) for w, p in zip(wanted, given, strict=True) if w > 0)


given = [1 / 8, 1 / 8, 1 / 2, 1 / 8, 1 / 8]
hard, soft = [0, 0, 1, 0, 0], [0.04, 0.04, 0.84, 0.04, 0.04]
certain = [0.0001 / 4] * 2 + [0.9999] + [0.0001 / 4] * 2
print(f"hard target      {cross_entropy(hard, given):.3f}")
print(f"softened target  {cross_entropy(soft, given):.3f}")
print(f"  the least      {cross_entropy(soft, soft):.3f}, if given is as wanted")
print(f"  if certain     {cross_entropy(soft, certain):.3f}")
rates = {step: noam(512, 4_000)(step) for step in (1_000, 4_000, 16_000)}
print("the paper's rate", {step: f"{rate:.5f}" for step, rate in rates.items()})

assert f"{cross_entropy(hard, given):.3f}" == "0.693"
assert f"{cross_entropy(soft, given):.3f}" == "0.915"
assert f"{cross_entropy(soft, soft):.3f}" == "0.661"
assert f"{cross_entropy(soft, certain):.3f}" == "1.696"
assert [f"{rate:.5f}" for rate in rates.values()] == ["0.00017", "0.00070", "0.00035"]


# %%
def valley(epsilon, k=5):
    """The loss against the probability of the right one of k symbols, the others being equal."""
    p = torch.linspace(0.002, 0.9995, 800)
    [ax] = panels(1, 1, 5.6, 3.4)
    for share, color, style in ((0.0, "0.15", "--"), (epsilon, BLUE, "-")):
        right = 1 - share + share / k  # wanted of the right one
        loss = -right * p.log() - (1 - right) * ((1 - p) / (k - 1)).log()
        ax.plot(p, loss, style, color=color, label=f"ε = {share:.2f}")
        if share:
            ax.plot(right, loss.min(), "o", color=color)
            least = f"{loss.min():.2f} at {right:.2f}"
            ax.text(right, loss.min() + 0.15, least, ha="right", color=color)
    ax.set(xlabel="probability of the right symbol", ylabel="loss (nats)", ylim=(0, 3.2))
    ax.set_title(f"K = {k} symbols")
    ax.legend(loc="upper center")


valley(0.2)

# %% [markdown]
# *Figure: the loss against the probability given to the right symbol. That of a hard target, ε = 0,
# dashed, falls all the way to 0 at 1. With ε = .2 and five symbols the loss falls to .66 at .84,
# marked by a dot, and rises steeply after it.*
#
# Turn ε and K. With more symbols each of the others is wanted less, and the wall stands further to
# the right; with a larger ε the valley lies higher.

# %%
Knobs(
    valley,
    epsilon=FloatSlider(value=0.1, min=0.02, max=0.5, step=0.02, description="ε"),
    k=IntSlider(value=16, min=2, max=64, description="K"),
)

# %% [markdown]
# ## 2 · Definition: what, where, how far
#
# ### What: the smoothed loss
#
# $$\ell_i = -\sum_{k=1}^{K} w_{ik} \ln p_{ik}, \qquad
#   \mathrm{nll}_i = -\ln p_{i, y_i}$$
#
# | symbol | is | shape |
# | --- | --- | --- |
# | $p$ | what the model gives, a softmax of its logits | (b, n_t, K) |
# | $y$ | the right symbols | (b, n_t) |
# | $w$ | what is wanted: most of it on $y_i$, and ε shared out | (b, n_t, K) |
# | $\ell$, nll | the loss; the same with a hard target | (b, n_t) |
#
# Both are summed over the targets that are not padding, and divided by their number. Look at both,
# for they say different things: ℓ is what is minimised, and its least value depends on ε and K;
# **nll**, the negative log-likelihood, asks for the right symbol alone, whatever ε is.
#
# There are **three conventions** for who shares ε, with different denominators:
#
# | who shares ε | right symbol | another | padding | used by |
# | --- | --- | --- | --- | --- |
# | all K | 1 − ε + ε/K | ε/K | ε/K | torch, Hugging Face, OpenNMT-py 3.5 |
# | all but the right one | 1 − ε | ε/(K−1) | ε/(K−1) | fairseq |
# | all but the right one and PAD | 1 − ε | ε/(K−2) | 0 | Annotated Transformer, older OpenNMT-py |
#
# Our case in all three, and the course's own function (`course/losses.py`) beside it:

# %%
epsilon, k, pad = 0.2, 5, symbols.index("PAD")
wanted = {
    "K": [epsilon / k] * 2 + [1 - epsilon + epsilon / k] + [epsilon / k] * 2,
    "K-1": [epsilon / 4] * 2 + [1 - epsilon] + [epsilon / 4] * 2,
    "K-2": [epsilon / 3] * 2 + [1 - epsilon] + [epsilon / 3] + [0],
}
logits = torch.tensor([given]).log()  # (1, K)
for name, each in wanted.items():
    ours, nll = smoothed_cross_entropy(logits, torch.tensor([2]), epsilon, pad, name)
    print(
        f"{name:4s} wanted {[round(w, 3) for w in each]}  loss {cross_entropy(each, given):.3f}"
        f"  least {cross_entropy(each, each):.3f}"
    )
    assert math.isclose(ours.item(), cross_entropy(each, given), rel_tol=1e-5)
    assert math.isclose(nll.item(), math.log(2), rel_tol=1e-5)
    assert math.isclose(sum(each), 1)
print(f"with the 37,000 symbols of the paper and ε = .1, the right one: {0.9 + 0.1 / 37_000:.6f}")

# %% [markdown]
# With K = 37,000 nobody would notice. With the 16 symbols of our dates and ε = .1 the right one is
# wanted with .906 or with .900.
#
# And the same by torch: its `label_smoothing` is the first convention. The Annotated Transformer
# uses `KLDivLoss`, which subtracts the entropy of the wanted, so that *its* least value is 0; the
# gradients are those of the cross-entropy.

# %%
for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
    g = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 11, 16, generator=g, dtype=dtype)  # (b, n_t, K)
    targets = torch.randint(0, 16, (4, 11), generator=g)  # some are PAD
    n_real = (targets != PAD).sum()
    smooth = {"label_smoothing": EPSILON, "ignore_index": PAD}
    by_torch = F.cross_entropy(logits.mT, targets, **smooth)
    ours = smoothed_cross_entropy(logits, targets, EPSILON, PAD, "K")[0] / n_real
    asked = torch.full_like(logits, EPSILON / 14)  # K − 2
    asked = asked.scatter(2, targets[..., None], 1 - EPSILON)
    asked[..., PAD], asked[targets == PAD] = 0, 0
    kl = F.kl_div(logits.log_softmax(dim=-1), asked, reduction="sum") / n_real
    least = -((1 - EPSILON) * math.log(1 - EPSILON) + EPSILON * math.log(EPSILON / 14))
    third = smoothed_cross_entropy(logits, targets, EPSILON, PAD, "K-2")[0] / n_real
    print(
        f"{dtype}: torch {abs(by_torch - ours):.0e}, KL and its least {abs(kl + least - third):.0e}"
    )
    assert n_real < targets.numel()
    assert abs(by_torch - ours) < tolerance
    assert abs(kl + least - third) < tolerance

# %% [markdown]
# ### Where: the alignment loss
#
# Let $A_{ij}$ be the weight that the query for target i gives to source j in one head of
# cross-attention, and $S_i$ the sources that target i comes from.
#
# $$\ell^{\,\mathrm{align}}_i = \frac{1}{|S_i|} \sum_{j \in S_i} -\ln A_{ij}, \qquad
#   \text{loss} = \frac{1}{\text{number of targets}} \Big( \sum_i \ell_i
#   + 0.05 \sum_{i:\, S_i \neq \emptyset} \ell^{\,\mathrm{align}}_i \Big)$$
#
# This is fairseq's `label_smoothed_cross_entropy_with_alignment`, after Garg et al. (2019): one
# head of one layer is taught, all others are left alone, and what is aligned to nothing (here the
# end, in dates the hyphens) is not taught either.
#
# | asked for | weights on I, go, home | comes from | −ln |
# | --- | --- | --- | --- |
# | 나는 | 1/2, 1/4, 1/4 | I | .693 |
# | 집에 | 1/4, 1/4, 1/2 | home | .693 |
# | 간다 | 1/4, 1/2, 1/4 | go | .693 |
# | END | 1/3, 1/3, 1/3 | nothing | |
#
# The sum is 2.079, and .05 of it is .104 for the four targets together.
#
# **Predict.** The month of "3. Februar 1962" has seven letters, all of which count as the source of
# each digit of 02. What is the least alignment loss of such a digit?
#
# <details><summary>Answer</summary>
#
# The mean of seven −ln is least if the whole weight is spread evenly over the seven: ln 7 = 1.946.
# So this loss, too, has a least value above 0, and it asks the head to look at the *whole* field
# and not at the letter that tells.
#
# </details>

# %%
weights = torch.tensor([[[2, 1, 1], [1, 1, 2], [1, 2, 1], [4 / 3] * 3]]) / 4  # (b, n_t, n_s)
comes_from = torch.tensor([[[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 0]]]).bool()
total = alignment_nll(weights, comes_from).item()
print(f"sum {total:.3f}, added to the loss of four targets {0.05 * total:.3f}")

letters = torch.ones(1, 1, 7, dtype=torch.bool)  # one digit, seven letters
even, peaked = torch.full((1, 1, 7), 1 / 7), torch.tensor([[[0.94, *[0.01] * 6]]])
print(f"evenly on seven letters {alignment_nll(even, letters):.3f}")
print(f"nearly all on the first {alignment_nll(peaked, letters):.3f}")

assert f"{total:.3f} {0.05 * total:.3f}" == "2.079 0.104"
assert f"{alignment_nll(even, letters):.3f}" == "1.946"
assert alignment_nll(peaked, letters) > alignment_nll(even, letters)

# %% [markdown]
# ### How far: the schedule
#
# All three rise in a straight line, the warm-up, and fall after it.
#
# | schedule | falls | what you choose |
# | --- | --- | --- |
# | **Noam** (the paper) | as 1/√step | the warm-up alone |
# | **inverse square root** (fairseq) | as 1/√step | warm-up and peak |
# | **linear decay** | in a straight line to 0 | warm-up, peak and end |
#
# The first two are the same curve. The paper's has its peak at 1/√(d_model · warm-up), so that a
# longer warm-up is also a lower peak (tools multiply it by a factor of your choice). For `d_model`
# = 64 and 300 steps that is .0072, more than twice the .003 of lecture 09; to get .003 one would
# have to warm up for 1,736 steps.


# %%
def curves_of(warmup):
    """The rates of the three over the 1,500 steps of lecture 09."""
    at = range(1, STEPS[1] + 1)
    [ax] = panels(1, 1, 6.2, 3.2)
    for name, schedule, color, style in (
        ("Noam, d_model = 64", noam(64, warmup), ORANGE, "-."),
        ("inverse square root, peak .003", inverse_sqrt(PEAK, warmup), PURPLE, "--"),
        ("linear decay, peak .003", linear_decay(PEAK, warmup, STEPS[1]), BLUE, "-"),
    ):
        ax.plot(at, [schedule(step) for step in at], style, color=color, label=name)
    ax.set(xlabel="step", ylabel="learning rate", ylim=(0, 0.0128))
    ax.legend()


curves_of(300)
assert round(noam(64, 300)(300), 4) == 0.0072
assert math.isclose(noam(64, 1_736)(1_736), PEAK, rel_tol=1e-3)

# %% [markdown]
# *Figure: three learning rates over 1,500 steps, each with its peak at step 300. Noam's rises to
# .0072 and has fallen to .0032 at the end; the inverse square root, of the same shape, from .003
# to .0013; the linear decay from .003 to 0.*

# %%
Knobs(curves_of, warmup=IntSlider(value=100, min=100, max=1_400, step=50, description="warm-up"))

# %% [markdown]
# ## 3 · Break it
#
# ### Three conventions, one ε
#
# We take the model away: five free logits, and gradient descent on each of the three losses, from
# random starts.
#
# **Predict.** What becomes of the probability of PAD in each? Which two of the three losses are the
# same thing with another ε?
#
# <details><summary>Answer</summary>
#
# As in the table: .04, .05, 0. The first two are the same: *K−1* with ε asks for what *K* asks for
# with ε · K/(K−1), here .25. *K−2* is another one, because it treats padding apart: padding is
# never a target, so it is wanted by nobody.
#
# </details>


# %%
def fitted(denominator, seed, epsilon=0.2, steps=400):
    """Probabilities (K,) after descending one of the losses from random logits; 간다 is right."""
    g = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, 5, generator=g).requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(steps):
        loss, _ = smoothed_cross_entropy(logits, torch.tensor([2]), epsilon, pad, denominator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return logits.softmax(dim=-1)[0].detach()


found = {name: torch.stack([fitted(name, seed) for seed in range(3)]) for name in wanted}
for name, each in found.items():
    print(f"{name:4s}", dict(zip(symbols, [f"{p:.3f}" for p in each[0].tolist()], strict=True)))
    torch.testing.assert_close(each, torch.tensor([wanted[name]] * 3), rtol=0, atol=5e-3)
claim(
    "Only the convention K−2 leaves nothing for padding",
    figure="probability of PAD after descending the loss",
    values=found["K-2"][:, pad].tolist(),
    below=0.01,
    without="with K−1",
    broken=found["K-1"][:, pad].tolist(),
)
for seed in range(3):
    torch.testing.assert_close(
        fitted("K", seed, epsilon=0.25), found["K-1"][seed], rtol=0, atol=1e-3
    )
of_dates = {
    "K": [0.9 + 0.1 / 16, *[0.1 / 16] * 15],
    "K-1": [0.9, *[0.1 / 15] * 15],
    "K-2": [0.9, *[0.1 / 14] * 14],
}
least = {name: round(cross_entropy(each, each), 3) for name, each in of_dates.items()}
print("the least for dates:", least)
assert least == {"K": 0.565, "K-1": 0.596, "K-2": 0.589}

# %% [markdown]
# **Claim.** From three random starts, five free logits come within .005 of what each convention
# wants; with K−2 that leaves less than .01 for padding. With ε = .25 the convention K ends where
# K−1 does with .2.
#
# **What it does not show.** That it matters for what a model writes: we have not seen that it does.
# It matters when you compare losses. With the 16 symbols of dates and ε = .1 the least is .565 with
# K, .596 with K−1 and .589 with K−2.
#
# ### .05 of what?
#
# **Predict.** A friend adds .05 times the *mean* of the alignment losses to the *sum* of the
# smoothed ones. By how much is the head taught less, in a batch of 32 dates?
#
# <details><summary>Answer</summary>
#
# A date has eight digits, so that 256 targets are aligned, and the mean is 256 times smaller than
# the sum. The head is hardly taught at all, and how little depends on the size of the batch. No
# error tells. Sums go with sums and means with means.
#
# </details>

# %%
batch = training_batch(0, 0, aligned=True)
aligned_targets = batch.alignment.any(dim=-1)  # (b, n_t)
even = torch.full(batch.alignment.shape, 1 / batch.src.shape[1])  # a head that looks everywhere
as_sum = 0.05 * alignment_nll(even, batch.alignment)
as_mean = as_sum / aligned_targets.sum()
print(f"{batch.n_targets} targets, {aligned_targets.sum()} of them aligned")
print(f"added to a sum: .05 · sum = {as_sum:.2f}, .05 · mean = {as_mean:.3f}")

assert batch.n_targets == 32 * 11
assert aligned_targets.sum() == 32 * 8 == 256

# %% [markdown]
# ## 4 · Experiment: the learning rate
#
# ### Where a warm-up matters
#
# Lecture 08 has the table: 6 + 6 post-norm blocks at .003 do not learn in 300 steps without a
# warm-up, and do with one of 100 steps; pre-norm, a smaller rate and smaller matrices do without.
# What happens to a model that begins at the full rate? Two of the three seeds of that table end at
# a loss of 2.28 nats. There is something about this number:

# %%
counts = torch.bincount(as_batch(unseen()).tgt_out.flatten()).float()  # no padding among them
by_frequency = torch.special.entr(counts / counts.sum()).sum().item()
print(f"who knows how frequent each symbol is, and nothing else, has a loss of {by_frequency:.2f}")
depths = table("depth")
stuck = depths.column("losses", order="post-norm", depth=6, warm_up=0, peak=PEAK, start="xavier")
print(f"table of {depths.date}, without warm-up, last steps:", [losses[-1] for losses in stuck])

assert sum(abs(losses[-1] - by_frequency) < 0.05 for losses in stuck) == 2
assert round(min(losses[-1] for losses in stuck), 2) == 1.66

# %% [markdown]
# It is the loss of somebody who knows how *frequent* each symbol is. Such a model does not even
# know that the fifth character is a hyphen.
#
# **Predict.** What must the decoder hold at the eleven places of a date, if it says the same at
# each of them? When does it come to that, after hundreds of steps or after a few?
#
# <details><summary>Answer</summary>
#
# The same vector everywhere, or nearly. The first step is enough: Adam divides each gradient by its
# own size, so that nearly *every* parameter moves by the full rate, .003, however small its
# gradient is. After one such step all places point the same way.
#
# </details>


# %%
@torch.no_grad()
def alike(model, batch):
    """Mean cosine between what the decoder holds at two places of the same date."""
    held = []
    hook = model.output.register_forward_pre_hook(lambda _, given: held.append(given[0]))
    model(batch.src, batch.tgt_in)
    hook.remove()
    directions = F.normalize(held[0], dim=-1)  # (b, n_t, d_model)
    n_t = directions.shape[1]
    sums = (directions @ directions.mT).sum(dim=(1, 2))  # (b,)
    return ((sums - n_t) / (n_t * (n_t - 1))).mean().item()


def early(warm_up, seed, at):
    """Train 6 + 6 post-norm blocks, and look how alike the places are after so many steps each."""
    model, seen = model_of("post-norm", 6, seed), []
    optimizer = torch.optim.Adam(model.parameters(), betas=BETAS)
    trainer = Trainer(
        model,
        label_smoothed(0.0),
        optimizer,
        lambda step: PEAK * min(1.0, step / max(warm_up, 1)),  # rises, then stays
    )
    for step in range(at[-1] + 1):
        if step in at:
            seen.append(alike(model, unseen_batch))
        trainer.update([training_batch(seed, step)])
    return seen


unseen_batch = as_batch(unseen()[:100])
at = [0, 1, 2, 5, 10, 20, 30, 40]
paths = {
    warm_up: torch.tensor([early(warm_up, seed, at) for seed in range(3)]) for warm_up in (100, 0)
}
[ax] = panels(1, 1, 5.6, 3.2)
for warm_up, color, marker in ((0, ORANGE, "s"), (100, BLUE, "o")):
    label = f"{'with' if warm_up else 'without'} warm-up"
    spread(ax, at, paths[warm_up], label=label, color=color, marker=marker)
ax.set(xlabel="step", ylabel="mean cosine between places", ylim=(0, 1.05))
_ = ax.legend()

# %% [markdown]
# *Figure: how alike the places of a date are in a 6 + 6 post-norm decoder over the first 40 steps,
# three seeds. Both begin near .98. Without warm-up the line goes to 1 with the first step and stays
# near it. With warm-up it, too, is close to 1 for twenty steps, and then falls below .5.*

# %%
for warm_up, each in paths.items():
    first, last = ([round(cosine, 4) for cosine in each[:, i].tolist()] for i in (1, -1))
    print(f"warm-up {warm_up:3d}: after 1 step {first}, after 40 {last}")
claim(
    "Without warm-up, a deep post-norm decoder comes to hold the same at all places",
    figure="mean cosine between two places after 40 steps",
    values=paths[0][:, -1].tolist(),
    above=0.85,
    without="with a warm-up of 100 steps",
    broken=paths[100][:, -1].tolist(),
)
apart = {warm_up: 1 - each[:, 1] for warm_up, each in paths.items()}  # (seeds,) after one step
assert (apart[0] < apart[100] / 10).all()

fresh, moved = model_of("post-norm", 6, seed=0), model_of("post-norm", 6, seed=0)
once = Trainer(moved, label_smoothed(0.0), torch.optim.Adam(moved.parameters()), lambda _: PEAK)
once.update([training_batch(0, 0)])
steps_taken = [
    (new - old).abs()[new.grad != 0]  # not those of symbols that were not in the batch
    for old, new in zip(fresh.parameters(), moved.parameters(), strict=True)
]
by_the_rate = ((torch.cat(steps_taken) / PEAK - 1).abs() < 0.05).float().mean().item()
print(f"in the first step, {by_the_rate:.0%} of all parameters with a gradient moved by the rate")
assert by_the_rate > 0.95

# %% [markdown]
# **Claim.** On three seeds, after 40 steps of 6 + 6 post-norm blocks at .003 the mean cosine
# between two places of a date is above .85 without warm-up, and with one it is not. After the very
# first step the places are ten times less apart than with warm-up.
#
# **What it does not show.** That this is the only way to fail, or that such a model is lost for
# ever: one of the three seeds of the table found its way out within the 300 steps, to 1.66. And it
# is a matter of rate and depth, not of step numbers: a smaller rate helps as well (lecture 08).
#
# ### Where it does not, and what the end is good for
#
# Now the 2 + 2 blocks of lecture 09, on single dates, four seeds. Its recipe (warm-up of 300 steps
# to .003, linear decay to 0) and three others, all else equal: no warm-up, the inverse square root
# with the same warm-up and peak, and Noam's own peak of .0072.
#
# **Predict.** Which of the four has most dates right in the end? Which has most of them right after
# 100 steps?
#
# <details><summary>Answer</summary>
#
# In the end, the two whose rate falls to 0; between them we see no difference. After 100 steps, the
# one without warm-up: at this depth there is nothing to protect, and to begin slowly is only slow.
#
# </details>

# %%
recipes = table("recipes")
print(f"table of {recipes.date}, torch {recipes.versions['torch']}")
told = {"peak": 0.003, "warmup": 300, "label smoothing": 0.1, "weight of the alignment": 0.05}
assert told.items() <= recipes.settings.items()
assert recipes.settings["steps"] == {"1": 1_500, "3": 1_500}


def column(name, recipe, dates=1):
    """A column of the table for one recipe, a value a seed."""
    return recipes.column(name, recipe=recipe, dates=dates)


def on_the_way(recipe):
    """Exact match on 200 dates, every 100 steps: (seeds, 15)."""
    return torch.tensor([[share for _, share, *_ in run] for run in column("tries", recipe)])


LOOKS = {
    "lecture 09": (BLUE, "o"),
    "no warm-up": (GREEN, "^"),
    "inverse root": (PURPLE, "D"),
    "Noam": (ORANGE, "s"),
}
left, right = panels(1, 2, 4.8, 3.4)
for height, (name, (color, marker)) in enumerate(LOOKS.items()):
    spread(left, range(100, 1_600, 100), on_the_way(name), label=name, color=color, marker=marker)
    right.plot(column("exact", name), [-height] * 4, marker, color=color, alpha=0.7)
left.set(xlabel="step", ylabel="share of dates right", ylim=(0, 1.03), title="on the way")
left.legend(loc="lower right")
right.axvline(0.99, color="black", linestyle="--", linewidth=1)
right.set_yticks(range(0, -4, -1), LOOKS)
_ = right.set(xlabel="share of 2,000 dates right", title="in the end", ylim=(-3.5, 0.5))

# %% [markdown]
# *Figure: left, dates right against the step, mean and range of four seeds. Without warm-up the
# curve is ahead for the first hundreds of steps. Noam lies lowest from step 500 on. Right, dates
# right in the end: lecture 09 and no warm-up at .999 or 1, all to the right of the dashed line of
# .99; Noam to the left of it; the inverse root on both sides of it.*

# %%
for name in LOOKS:
    first = [tries[0][1] for tries in column("tries", name)]
    print(f"{name:13s} after 100 steps {first}, in the end {column('exact', name)}")


def falls(recipe):
    """Of each seed, the deepest fall of the share of dates right within the last 500 steps."""
    late = on_the_way(recipe)[:, 9:]  # steps 1,000 to 1,500
    return (late[:, :-1] - late[:, 1:]).amax(dim=1).tolist()


print("deepest fall:", {name: [round(fall, 3) for fall in falls(name)] for name in LOOKS})
claim(
    "A rate that falls to 0 makes 99 of 100 reliable",
    figure="share of 2,000 dates that are right",
    values=[*column("exact", "lecture 09"), *column("exact", "no warm-up")],
    above=0.99,
    without="with the rate of Noam, which is .0032 at the end",
    broken=column("exact", "Noam"),
    each="runs",
)
claim(
    "With 2 + 2 blocks a warm-up delays the start",
    figure="share of 200 dates right after 100 steps",
    values=[tries[0][1] for tries in column("tries", "no warm-up")],
    above=0.12,
    without="with the warm-up of 300 steps",
    broken=[tries[0][1] for tries in column("tries", "lecture 09")],
)
later = {name: on_the_way(name)[:, 4:].mean(dim=0) for name in LOOKS}  # from step 500 on
assert all((later["Noam"] < later[name]).all() for name in LOOKS if name != "Noam")
assert max(column("exact", "Noam")) < 0.98
slow, *others = sorted(column("exact", "inverse root"))
assert slow < 0.96 < 0.98 < min(others)
assert max(falls("lecture 09")) < 0.02 < 0.025 < min(falls("Noam"))

# %% [markdown]
# **Claim.** On four seeds, both schedules that fall to 0 end above 99 %, and Noam's does not. In
# the last 500 steps Noam's share of right dates falls by more than .025 from one look to the next,
# that of lecture 09 by less than .02. After 100 steps the model without warm-up reads more than
# 12 % of the dates, and with warm-up it does not.
#
# **What it does not show.** That Noam is worse than linear decay. Its peak here is twice as high,
# and it was made for 100,000 steps, after which its rate is low, too: what we compare is the rate
# at the moment one stops. With the peak of .003 the same curve (the inverse root) is above 98 % on
# three seeds and below 96 % on one. And the warm-up at 2 + 2 blocks: in the end the difference
# between with and without is a date or so of 2,000, and we claim none. Why warm up at all, then?
# Because one rarely knows beforehand on which side of this line a model lies, and 300 steps are
# cheap.
#
# ## 5 · Experiment: what label smoothing does to certainty
#
# Lecture 09's recipe has ε = .1; the other one is the same with ε = 0. Four seeds each. A model
# says how **sure** it is: the largest of its probabilities. It is **calibrated** if it is right as
# often as it is sure: of all characters with .9, nine in ten.
#
# We ask on two sets of dates: days of the test, 1950 to 2049, and **far** dates, from the fifty
# years before and the fifty after. There 19 is followed by 0 to 4 and 20 by 5 to 9, which the
# model has never seen.
#
# **Predict.** How sure is each of the two models on test days, where it gets nearly every character
# right? Which of them is calibrated there? And which on far dates?
#
# <details><summary>Answer</summary>
#
# The smoothed one is as sure as it is asked to be, .906, and right more often: it is *not sure
# enough*. The other one is calibrated there. On far dates both are wrong more often. The other one
# hardly notices, and is now too sure; the smoothed one was less sure before, and is still not sure
# enough.
#
# </details>

# %%
ASKED = 1 - EPSILON + EPSILON / len(TARGET)  # of the right one of 16 symbols
far = {name: column("far", name) for name in ("lecture 09", "no smoothing")}
gaps = {}
for name, of_seeds in far.items():
    near_gap = [s - r for s, r in zip(column("sure", name), column("right", name), strict=True)]
    gaps[name] = {"test": near_gap, "far": [each["sure"] - each["right"] for each in of_seeds]}
    print(f"{name}: sure {column('sure', name)}, right {column('right', name)}")
    for where, differences in gaps[name].items():
        print(f"    sure − right, {where:4s} {[f'{gap:+.3f}' for gap in differences]}")
    print(f"    nll {column('nll', name)}, smoothed loss {column('smoothed', name)}")
    print(f"    exact {column('exact', name)}")
dates_wanted = [ASKED, *[EPSILON / len(TARGET)] * (len(TARGET) - 1)]
least = cross_entropy(dates_wanted, dates_wanted)
print(
    f"asked for {ASKED:.3f}; least smoothed loss {least:.3f}, least nll then {-math.log(ASKED):.3f}"
)

# %%
SMOOTHING = {"lecture 09": ("ε = .1", BLUE, "o"), "no smoothing": ("ε = 0", "0.15", "s")}
left, right = panels(1, 2, 4.4, 3.6)
for name, (label, color, marker) in SMOOTHING.items():
    left.plot(
        column("sure", name), column("right", name), marker, color=color, label=f"{label}, test"
    )
    sure, hits = ([each[key] for each in far[name]] for key in ("sure", "right"))
    left.plot(sure, hits, marker, color=color, mfc="white", label=f"{label}, far")
    bins = torch.tensor([each["bins"] for each in far[name]]).sum(dim=0)[4:]  # (6, 3)
    count, hits, sure = bins.T
    right.plot(sure / count, hits / count, marker=marker, color=color, label=label)
for ax in (left, right):
    ax.plot((0, 1), (0, 1), "--", color="0.5", linewidth=1)
    ax.set(xlabel="sure", ylabel="right")
left.set(xlim=(0.86, 1.01), ylim=(0.86, 1.01), title="a point a seed")
right.set(xlim=(0.38, 1.02), ylim=(0, 1.03), title="far, by how sure, four seeds together")
left.legend(loc="lower right", fontsize=8)
_ = right.legend(loc="upper left")

# %% [markdown]
# *Figure: share right against how sure, with the diagonal where the two are equal. Left, a point a
# seed: on test days ε = 0 lies in the upper corner, on the diagonal; ε = .1 at .906 and 1, above
# it. On far dates ε = 0 lies below the diagonal, between .93 and .97 right and .99 sure; ε = .1
# above it, between .93 and .98 right and .89 sure. Right, the characters of far dates by how sure
# the model was. The last point of each curve holds most characters: that of ε = .1, at .9, lies
# above the diagonal, that of ε = 0, at 1, below it. The others, of which there are few, lie on it
# or below it in both, those of ε = 0 far below.*

# %%
claim(
    "Label smoothing sets how sure a trained model is",
    figure="largest probability of a character, mean of 2,000 dates, less what is asked for",
    values=[abs(sure - ASKED) for sure in column("sure", "lecture 09")],
    below=0.01,
    without="with ε = 0",
    broken=[abs(sure - ASKED) for sure in column("sure", "no smoothing")],
)
claim(
    "Without it, the model is calibrated on what it has learnt",
    figure="sure less right, on test days, without sign",
    values=[abs(gap) for gap in gaps["no smoothing"]["test"]],
    below=0.01,
    without="with ε = .1",
    broken=[abs(gap) for gap in gaps["lecture 09"]["test"]],
)
claim(
    "Without it, the model is too sure of what it has never seen",
    figure="sure less right, on far dates",
    values=gaps["no smoothing"]["far"],
    above=0.01,
    without="with ε = .1, where it is not sure enough",
    broken=gaps["lecture 09"]["far"],
)
nlls = {name: column("nll", name) for name in far}
assert max(nlls["no smoothing"]) < 0.005
assert min(nlls["lecture 09"]) > -math.log(ASKED) - 1e-3
assert all(least - 1e-3 < loss < least + 0.01 for loss in column("smoothed", "lecture 09"))
assert min(column("smoothed", "no smoothing")) > 2 * least
assert max(gaps["lecture 09"]["far"]) < -0.02
assert min(min(column("exact", name)) for name in far) > 0.99

# %% [markdown]
# **Claim.** On four seeds: on test days the model with ε = .1 is as sure as it is asked to be, to
# .01. There the model with ε = 0 is calibrated, to .01, and the smoothed one is not: it is right
# more often than it says. On far dates ε = 0 is too sure by more than .01, and ε = .1 is still not
# sure enough.
#
# Note the two losses. By nll the unsmoothed model is far better on test days, below .005; no
# smoothed model can be below −ln .906 = .098. By the smoothed loss it is the other way round, and
# the unsmoothed one is above twice the least, though its dates are as good. A loss ranks models
# only if all of them were trained to bring down *that* loss.
#
# **What it does not show.** That smoothing calibrates. Müller, Kornblith and Hinton (2019) found
# better calibration with it, for models of images and of translation that are too sure without.
# Ours never sees a batch twice, and on test days it has no such fault to mend: smoothing takes away
# about .09 there, and about as much on far dates, where less would have been right. Nor does it
# change what is written: both models have more than 99 % of the dates right on every seed.
# Whether softened probabilities tell the wrong characters from the right ones better, we have not
# asked.
#
# ## 6 · Experiment: told where to look
#
# ### A measure: alignment error
#
# In lecture 09 the first decoder layer had found an alignment by itself, nearly. Now we tell one
# head. To say what changes, we need a measure. Machine translation has the **alignment error rate**
# (Och and Ney, 2003). Somebody has marked links between target and source words, some of them
# *sure* (the set S), others at least *possible* (P, which holds S). The model proposes links A.
# Then
#
# $$\mathrm{AER} = 1 - \frac{|A \cap S| + |A \cap P|}{|A| + |S|}$$
#
# To find all that is sure, and to propose nothing impossible, is to have no error. For 나는 집에
# 간다 let 나는–I, 집에–home and 간다–go be sure, and 간다–I possible: the English verb needs its I.
#
# **Predict** the AER of two proposals, each with one link a target word: (a) 나는–I, 집에–go,
# 간다–go; (b) 나는–I, 집에–home, 간다–I.
#
# <details><summary>Answer</summary>
#
# (a) Two links are sure and the same two are possible: 1 − (2 + 2)/(3 + 3) = .333. (b) Two are sure
# and all three possible: 1 − (2 + 3)/6 = .167.
#
# </details>

# %%
sure_links = {("나는", "I"), ("집에", "home"), ("간다", "go")}
possible = sure_links | {("간다", "I")}
proposals = {
    "a": {("나는", "I"), ("집에", "go"), ("간다", "go")},
    "b": {("나는", "I"), ("집에", "home"), ("간다", "I")},
}
error_rates = {
    name: 1 - (len(links & sure_links) + len(links & possible)) / (len(links) + len(sure_links))
    for name, links in proposals.items()
}
print({name: round(rate, 3) for name, rate in error_rates.items()})
assert [round(rate, 3) for rate in error_rates.values()] == [0.333, 0.167]

# %% [markdown]
# For dates nobody can say which letter of *Februar* makes the 0 and which the 2. So all links
# within a field are possible and none is sure. A head proposes for each digit the source character
# with its largest weight; then |S| = 0, and the AER is the share of digits whose largest weight
# lies **outside** their own field. Hyphens and the end have no field and do not count.
#
# ### One head is taught
#
# fairseq teaches one head of the last but one of six decoder layers (`--alignment-layer 4
# --alignment-heads 1`). We have two layers, so it is the first head of the first layer. The other
# three heads of that layer, and the second layer, are told nothing. Here is the whole training,
# without the course's `Trainer`; all it needs is a loss and a gradient, and the rate of the step.
#
# **Predict.** The alignment loss of a digit cannot fall below the mean of ln(length of its field).
# Will the head reach that? And which comes first: that it finds the fields, or that dates are
# right?
#
# <details><summary>Answer</summary>
#
# It comes near it, slowly, as the smoothed loss comes near its own least. But its *largest* weight
# lies in the right field from step 300 on, when a fifth of the dates and more are still wrong. To
# find a field is easier than to read it.
#
# </details>


# %%
def losses_of(model, batch):
    """Smoothed loss, and alignment loss of one head, both summed over the batch."""
    with recorded_maps(model) as maps:
        logits = model(batch.src, batch.tgt_in)  # (b, n_t, vocab)
    loss, _ = smoothed_cross_entropy(logits, batch.tgt_out, EPSILON, PAD)
    head = maps.cross[0][:, 0]  # (b, n_t, n_s): first layer, first head
    return loss, alignment_nll(head, batch.alignment)


seen = unseen()[:200]
batch = as_batch(seen, aligned=True)
sizes = batch.alignment.sum(dim=-1)  # (b, n_t): characters of the field
n_digits = (sizes > 0).sum()
floor = sizes[sizes > 0].log().mean().item()  # evenly on the whole field

torch.manual_seed(0)
model = Transformer(settings())
optimizer = torch.optim.Adam(model.parameters(), betas=BETAS, eps=1e-9)
schedule = linear_decay(PEAK, WARMUP, STEPS[1])

# %% [markdown]
# Half a minute or so; the curves grow as it learns.

# %%
curve = []  # step, smoothed loss a target, alignment loss a digit, share outside
[ax] = panels(1, 1, 6.4, 3.3)
styles = {"smoothed loss": (BLUE, "-"), "alignment loss": (GREEN, "--"), "outside": (ORANGE, "-.")}
lines = [ax.plot([], [], style, color=c, label=name)[0] for name, (c, style) in styles.items()]
ax.axhline(floor, color=GREEN, linestyle=":", label=f"least alignment loss, {floor:.2f}")
ax.set(xlabel="step", ylabel="nats; share outside", xlim=(0, STEPS[1]), ylim=(0, 3))
ax.legend()
screen = display(ax.figure, display_id=True)
for step in range(1, STEPS[1] + 1):
    fed = training_batch(0, step - 1, aligned=True)
    loss, align = losses_of(model, fed)
    optimizer.zero_grad()
    ((loss + 0.05 * align) / fed.n_targets).backward()  # a sum of sums, then one division
    optimizer.param_groups[0]["lr"] = schedule(step)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            loss, align = losses_of(model, batch)
        outside = alignment_errors(model, seen)["outside"][0][0]
        curve.append((step, loss.item() / batch.n_targets, align.item() / n_digits, outside))
        steps, *columns = zip(*curve, strict=True)
        for line, values in zip(lines, columns, strict=True):
            line.set_data(steps, values)
        screen.update(ax.figure)
plt.close(ax.figure)  # it stands above

# %% [markdown]
# *Figure: three curves over 1,500 steps, measured on 200 dates of unseen days. The share of digits
# that the taught head seeks outside their field falls from about one half to 0 at step 300, and
# stays there. The alignment loss falls steeply until then, and creeps towards its dotted least for
# the rest of the training. The smoothed loss does the same, towards its own, .57.*

# %%
live = exact(model, unseen())
errors = alignment_errors(model, unseen())["outside"][0]
[in_table] = recipes.column("outside", recipe="taught", dates=1, seed=0)
print(f"exact {live:.4f}, in the table of {recipes.date} {column('exact', 'taught')[0]}")
print(f"outside, heads 0 to 3 and their mean: live {errors}, table {in_table[0]}")
print(f"alignment loss {curve[-1][2]:.3f}, the least {floor:.3f}")
after_300 = [tries[2][1] for tries in column("tries", "taught")]
print("dates right after 300 steps, in the table:", after_300)

assert abs(live - column("exact", "taught")[0]) < 0.03  # processors round differently
assert abs(errors[0] - in_table[0][0]) < 0.01
assert curve[0][3] > 0.3
assert max(outside for step, _, _, outside in curve if step >= 300) < 0.05
assert max(after_300) < 0.8
assert floor - 1e-3 < curve[-1][2] < floor + 0.05 < curve[5][2]  # the last, and step 300

# %%
examples = {locale: written(split()["test"][0], "full", locale) for locale in LOCALES}


def look(locale, layer, head, ax=None):
    """Where one head looks, for each character asked for; frames mark the fields."""
    ax = ax or panels(1, 1, 7.2, 3.5)[0]
    pair = examples[locale]
    one = as_batch([pair])
    with recorded_maps(model) as maps, torch.no_grad():
        model(one.src, one.tgt_in)
    weights = maps.cross[layer][0, head]  # (n_t, n_s)
    image = ax.imshow(weights, cmap="cividis", vmin=0, vmax=0.5, aspect="auto")
    ax.figure.colorbar(image, ax=ax, label="weight", extend="max")
    ax.set_xticks(range(len(pair.source)), pair.source)
    ax.set_yticks(range(len(pair.target) + 1), [*pair.target, "END"])
    for field in "yMd":
        x, y = pair.source_fields.index(field), pair.target_fields.index(field)
        size = pair.source_fields.count(field), pair.target_fields.count(field)
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), *size, fill=False, ec=ORANGE, lw=2))
    taught = "taught" if (layer, head) == (0, 0) else "not taught"
    ax.set(xlabel="key: source", ylabel="asked for", title=f"layer {layer}, head {head}, {taught}")
    ax.grid(False)


for head, ax in enumerate(panels(2, 1, 7.2, 3.5)):
    look("de", 0, head, ax)

# %% [markdown]
# *Figure: two heads of the first decoder layer on "Dienstag, 23. Oktober 1962", with the fields in
# frames. The taught head fills its frames, and of the rows that are taught nothing lies outside:
# each digit of the year looks rather evenly at the four characters of the year, each of the month
# at the seven letters of Oktober, each of the day at the two digits of the day. The hyphens, which
# nobody taught, look at the year and at the day. The other head has bright cells at single
# characters, most of them in the frames as well, and different ones for the two digits of the month
# and for those of the day.*
#
# The taught head is a pointer to fields and no more. It cannot say which of the two digits of the
# day is asked for, since it has been taught to look at both.

# %%
Knobs(
    look,
    locale=Dropdown(options=list(examples), value="ko", description="locale"),
    layer=SelectionSlider(options=range(2), value=0, description="layer"),
    head=SelectionSlider(options=range(4), value=0, description="head"),
)

# %% [markdown]
# ### Over seeds, and on longer lines
#
# The table has the recipe of lecture 09 with and without the taught head, four seeds each: on
# single dates, and on lines of three, for which 1,500 steps are given here. That is fewer than half
# of what such lines need (lecture 09), and on purpose: where everything is right, nothing can be
# seen to help.
#
# **Predict.** Three dates have three years and three months. What happens to the alignment error of
# a model that is not taught, and to that of the taught head? And does the taught model get more
# lines right?
#
# <details><summary>Answer</summary>
#
# Without teaching, the first head errs for a quarter of the digits to more than half; the taught
# one hardly ever. But look at the *best* of all heads as well: what nobody teaches, some head may
# find by itself. The share of lines that are right: see how far the seeds lie apart before you
# answer.
#
# </details>


# %%
def best(recipe, dates):
    """Of each seed, the least error of any single head of either layer."""
    return [
        min(head for layer in run for head in layer[:-1])
        for run in column("outside", recipe, dates)
    ]


def head_0(recipe, dates):
    """Of each seed, the error of the head that is taught, or would be."""
    return [run[0][0] for run in column("outside", recipe, dates)]


for dates in (1, 3):
    for name in ("lecture 09", "taught"):
        means = [[layer[-1] for layer in run] for run in column("outside", name, dates)]
        print(f"{dates} a line, {name:10s} exact {column('exact', name, dates)}")
        print(f"    outside: head 0 {head_0(name, dates)}, best head {best(name, dates)}")
        print(f"    means of the heads of each layer {means}")

# %%
errors_1, errors_3, lines_right = panels(1, 3, 3.3, 3.2)
for at, name in enumerate(("lecture 09", "taught")):
    for ax, dates in ((errors_1, 1), (errors_3, 3)):
        for of_seeds, marker, color, shift in (
            (head_0(name, dates), "o", GREEN, -0.12),
            (best(name, dates), "s", "0.45", 0.12),
        ):
            ax.plot([at + shift] * len(of_seeds), of_seeds, marker, color=color, alpha=0.8)
        ax.set(title=f"outside, {dates} a line", ylim=(-0.03, 0.8), ylabel="share of digits")
    for dates, fill in ((1, BLUE), (3, "white")):
        shares = column("exact", name, dates)
        lines_right.plot([at] * len(shares), shares, "D", color=BLUE, mfc=fill)
errors_1.plot([], [], "o", color=GREEN, label="first head")
errors_1.plot([], [], "s", color="0.45", label="best of all eight")
errors_1.legend(loc="upper right")
lines_right.plot([], [], "D", color=BLUE, label="1 a line")
lines_right.plot([], [], "D", color=BLUE, mfc="white", label="3 a line")
lines_right.legend(loc="lower right")
lines_right.set(title="lines right", ylim=(0.5, 1.03), ylabel="share of lines")
for ax in (errors_1, errors_3, lines_right):
    ax.set(xticks=(0, 1), xticklabels=("not taught", "taught"), xlim=(-0.5, 1.5))

# %% [markdown]
# *Figure: left and middle, the share of digits that a head seeks outside their field. On single
# dates the first head errs in more than .1 if it is not taught and in none if it is; the best of
# all eight heads in .02 to .04, and in none. On lines of three the first head errs in .24 to .56 if
# it is not taught and in .01 to .06 if it is; the best of eight in .03 to .11, and in .01 to .05.
# Right, lines right: near 1 for single dates, between .6 and .9 for lines of three, and as high
# without teaching as with it.*

# %%
claim(
    "A head that is taught finds the field",
    figure="share of digits sought outside their field, single dates",
    values=head_0("taught", 1),
    below=0.01,
    without="not taught, the best of all eight heads of each seed",
    broken=best("lecture 09", 1),
)
claim(
    "It does so on lines of three dates, though the model is half trained",
    figure="share of digits that the first head seeks outside their field",
    values=head_0("taught", 3),
    below=0.15,
    without="not taught",
    broken=head_0("lecture 09", 3),
)
assert min(min(column("exact", name)) for name in ("lecture 09", "taught")) > 0.99
in_second = [min(second[:-1]) for _, second in column("outside", "lecture 09", 3)]
assert in_second == best("lecture 09", 3)
assert 0.02 < min(in_second) < max(in_second) < 0.12

# %% [markdown]
# **Claim.** On four seeds of single dates, the taught head seeks less than 1 % of the digits
# outside their field, and not one of the eight heads of a model that is not taught does as well. On
# lines of three dates, it seeks less than 15 % of them outside, and the same head not taught seeks
# more.
#
# **What it does not show.** That the model *reads* better. With and without teaching more than 99 %
# of single dates are right, and on lines of three the difference between the two is less than that
# between seeds (section 8). Nor that it was needed: not taught, some head of the second layer finds
# the fields of three dates by itself, with an error of .03 to .11. And a head that looks where we
# told it to is no evidence that the answer comes from there. It gives the same field to both digits
# of a day; what tells them apart must come from elsewhere (lecture 11). What teaching does buy is a
# head of which one *knows* that it points, when the links themselves are wanted: to carry mark-up
# or names from a text into its translation, say.
#
# ## 7 · Softening the target, or changing the input: cutout and CutMix
#
# Label smoothing has two relatives, known from images, that are easily mixed up with it. **Cutout**
# (DeVries and Taylor, 2017) blackens a square of each training image. **CutMix** (Yun et al., 2019)
# puts a patch of *another* image in its place, and mixes the two names in proportion to the area.
#
# By hand, with images of four pixels: A = (9, 9, 0, 4) shows a 1, B = (0, 5, 5, 5) a 7. The last
# pixel, a quarter of the area, is the patch.
#
# | | input | wanted of 1 | wanted of 7 | wanted of each of the other eight |
# | --- | --- | --- | --- | --- |
# | as it is | 9, 9, 0, 4 | 1 | 0 | 0 |
# | label smoothing, ε = .1 | 9, 9, 0, 4 | .91 | .01 | .01 |
# | cutout | 9, 9, 0, **0** | 1 | 0 | 0 |
# | CutMix | 9, 9, 0, **5** | .75 | .25 | 0 |
#
# Smoothing changes the **target** and gives every class the same. Cutout changes the **input** and
# leaves the target alone. CutMix changes **both**, and its target names the one other class that is
# to be seen in the image.
#
# On real images of 8 by 8, from scikit-learn; the code is in `course/experiments/cutmix.py`:

# %%
few = images(0)["train"]
shown = cutmix.Shown(few.pixels[:6], F.one_hot(few.digits[:6], 10).float())  # (b, 64), (b, 10)
axes = panels(2, 4, 2.3, 2.0)
for column_, (name, change) in enumerate(cutmix.CHANGES.items()):
    torch.manual_seed(7)
    changed = change(shown)
    axes[column_].imshow(changed.pixels[0].view(8, 8), cmap="gray", vmin=0, vmax=1)
    axes[column_].set(title=name, xticks=[], yticks=[])
    axes[column_].grid(False)
    axes[4 + column_].bar(range(10), changed.wanted[0], color=BLUE)
    axes[4 + column_].set(ylim=(0, 1.05), xticks=range(10), xlabel="digit")
    assert torch.allclose(changed.wanted.sum(dim=1), torch.ones(6))
_ = axes[4].set_ylabel("wanted")

# %% [markdown]
# *Figure: a 6 of 8 by 8 pixels, and below it what is wanted of each digit. None: all of 1 at the 6.
# Label smoothing: the same image, .91 at the 6 and .01 at each other digit. Cutout: the upper part
# of the 6 is black, and still all of 1 at the 6. CutMix: a piece of a 7 in the lower part of the 6,
# .61 at the 6 and .39 at the 7.*
#
# A small convolutional network learns 256 of these images for 60 epochs, with one of the changes in
# every batch; ten seeds, each with a split of its own. It is tested on 473 other images: whole, and
# with a black hole of 4 by 4 pixels in each, a quarter of the image.
#
# **Predict.** Which of the changes helps on whole images? Which on images with a hole? And which of
# them makes the model less sure?
#
# <details><summary>Answer</summary>
#
# On whole images little can be seen: the differences are about as large as those between seeds.
# With a hole it is plain: whoever has learnt with holes, cutout, is far ahead, and CutMix, which
# covers a part as well, is second. Less sure are the two that change the target.
#
# </details>

# %%
mixes = table("cutmix")
assert {"n_train": 256, "epochs": 60}.items() <= mixes.settings["base"].items()
assert {"seeds": 10, "hole": 4}.items() <= mixes.settings.items()


def measured(where, what):
    """Of each change, a value a seed: where is "whole" or "hole", what "right" or "sure"."""
    return {
        name: [each[what] for each in mixes.column(where, change=name)] for name in cutmix.CHANGES
    }


live = cutmix.row("cutout", seed=0)
[in_table] = mixes.column("hole", change="cutout", seed=0)
print(f"cutout, seed 0, with a hole: live {live['hole']}, table {in_table}")
assert abs(live["hole"]["right"] - in_table["right"]) < 0.08  # processors round differently

for ax, what in zip(panels(1, 2, 4.8, 3.3), ("right", "sure"), strict=True):
    for where, color, marker, shift in (("whole", "0.15", "o", -0.12), ("hole", PURPLE, "s", 0.12)):
        for at, values in enumerate(measured(where, what).values()):
            some, x = torch.tensor(values), at + shift
            ax.plot([x] * len(values), values, marker, color=color, alpha=0.3)
            ax.errorbar(x + 0.1, some.mean(), some.std(), fmt="_", color=color, capsize=4)
        ax.plot([], [], marker, color=color, label="whole" if where == "whole" else "with a hole")
    ax.set_xticks(range(4), ["none", "label\nsmoothing", "cutout", "CutMix"])
    ax.set(ylim=(0.4, 1.02), title={"right": "share right", "sure": "how sure"}[what])
_ = ax.legend(loc="lower left", bbox_to_anchor=(0.0, 0.12))

# %% [markdown]
# *Figure: the four changes, ten seeds each as points, mean and standard deviation beside them.
# Left, the share right: on whole images all four between .92 and .98, overlapping; with a hole
# about .49 for none, .55 for label smoothing, .84 for cutout, .68 for CutMix. Right, how sure: on
# whole images .97 for none and cutout, about .8 for label smoothing and CutMix; with a hole .89 for
# none and cutout, .56 for the other two.*

# %%
for where in ("whole", "hole"):
    for name in cutmix.CHANGES:
        right, sure = (torch.tensor(measured(where, what)[name]) for what in ("right", "sure"))
        print(
            f"{where:5s} {name:15s} right {right.mean():.3f} ± {right.std():.3f}   sure"
            f" {sure.mean():.3f} ± {sure.std():.3f}   sure less right {(sure - right).mean():+.2f}"
        )
hole, sure = measured("hole", "right"), measured("whole", "sure")
claim(
    "Cutout teaches a network to make do with a part of the image",
    figure="share of images with a hole that are read right",
    values=hole["cutout"],
    above=0.7,
    without="learnt from whole images",
    broken=hole["none"],
)
claim(
    "CutMix does so, too",
    figure="share of images with a hole that are read right",
    values=hole["CutMix"],
    above=0.57,
    without="learnt from whole images",
    broken=hole["none"],
)
claim(
    "A softened target makes a network less sure, by smoothing as by CutMix",
    figure="largest probability, mean over whole images",
    values=[*sure["label smoothing"], *sure["CutMix"]],
    below=0.9,
    without="with cutout, which leaves the target alone",
    broken=sure["cutout"],
    each="runs",
)

# %% [markdown]
# **Claim.** On ten seeds: with a hole in every image, a network that has learnt with cutout reads
# more than 70 % and one that has learnt with CutMix more than 57 %; one that has learnt from whole
# images does neither. On whole images both softened targets keep it below .9 sure, and cutout does
# not.
#
# Look at *sure less right*. Without any change the network is too sure, by .03 on whole images and
# by .41 on those with a hole. Label smoothing turns the first into .15 *less* sure than right, and
# takes the second away almost wholly. So "smoothing calibrates" and "smoothing spoils calibration"
# are both true of the same ten networks. It depends on what you ask them.
#
# **What it does not show.** Which of these is best in earnest: on 256 images of 64 pixels a hole of
# 16 is brutal, and we did not tune its size, ε, or the epochs. The papers work on photographs, and
# DeVries and Taylor let the square hang over the edge.

# %%
right, sure = ({w: measured(w, what) for w in ("whole", "hole")} for what in ("right", "sure"))


def too_sure(where, name):
    """Sure less right, mean over the seeds."""
    return (torch.tensor(sure[where][name]) - torch.tensor(right[where][name])).mean().item()


assert round(too_sure("whole", "none"), 2) == 0.03
assert round(too_sure("hole", "none"), 2) == 0.41
assert round(too_sure("whole", "label smoothing"), 2) == -0.15
assert abs(too_sure("hole", "label smoothing")) < 0.03

# %% [markdown]
# ## 8 · What did not show
#
# A difference between two recipes is worth a claim only if it is larger than what chance makes of
# it. We take each seed under both recipes, and look at the mean of the differences, with the
# interval that holds the true mean in 95 of 100 such experiments (Student's t, which is wide for
# few seeds: 3.2 standard errors to either side for four).


# %%
def difference(one, other):
    """Mean of one − other, seed by seed, and half the width of its 95 % interval."""
    each = torch.tensor(one) - torch.tensor(other)
    error = each.std().item() / math.sqrt(len(each))
    return each.mean().item(), stats.t.ppf(0.975, len(each) - 1) * error


whole = measured("whole", "right")
pairs = {
    "no warm-up − warm-up, dates right": [column("exact", r) for r in ("no warm-up", "lecture 09")],
    "smoothing − none, dates right": [column("exact", r) for r in ("lecture 09", "no smoothing")],
    "taught − not, dates right": [column("exact", r) for r in ("taught", "lecture 09")],
    "taught − not, lines of three right": [column("exact", r, 3) for r in ("taught", "lecture 09")],
    "smoothing − none, digits right": [whole[c] for c in ("label smoothing", "none")],
    "cutout − none, digits right": [whole[c] for c in ("cutout", "none")],
    "CutMix − none, digits right": [whole[c] for c in ("CutMix", "none")],
}
intervals = {name: difference(*both) for name, both in pairs.items()}
for name, (mean, half) in intervals.items():
    print(f"{name:36s} {mean:+.4f} ± {half:.4f}, {len(pairs[name][0])} seeds")

# %% [markdown]
# **Warm-up, at 2 + 2 blocks.** In the end a date or less of 2,000. It delays the start (section 4),
# and that is all that we could see. At 6 + 6 post-norm blocks it decides whether anything is
# learnt.
#
# **Label smoothing, on dates right.** One or two dates of 2,000 more with it, on average, and 0
# lies within the interval. Both models are at the ceiling; a harder task might tell them apart, and
# the paper says that translation does.
#
# **Label smoothing, on digits right.** The only one of the seven that stands out: 1.5 percentage
# points, and 0 lies outside the interval. But of seven such intervals one misses the truth by
# chance more easily than a single one does, and on two of the ten seeds the sign is the other way
# round. A hint that a small training set profits; not a claim.
#
# **Teaching alignment, on lines right.** Nothing on single dates, where nothing is left to gain. On
# lines of three, half trained, there is much to gain, and the interval still holds 0: it reaches
# from clearly worse to clearly better. Alignment error and exact match are two things, and as far
# as we could see, teaching moved the first alone.
#
# **Cutout and CutMix, on whole images.** Nothing that stands out from the seeds. They are made for
# large photographs and long training.

# %%
stands_out = {name for name, (mean, half) in intervals.items() if abs(mean) > half}
print("0 lies outside the interval:", stands_out)
assert stands_out <= {"smoothing − none, digits right"}
assert round(stats.t.ppf(0.975, 3), 1) == 3.2
smoothed, plain = pairs["smoothing − none, digits right"]
assert 0.01 < difference(smoothed, plain)[0] < 0.02
assert sum(one < other for one, other in zip(smoothed, plain, strict=True)) == 2
assert abs(intervals["no warm-up − warm-up, dates right"][0]) <= 1 / 2_000
assert 0 < intervals["smoothing − none, dates right"][0] < 3 / 2_000

# %% [markdown]
# ## 9 · The paper and the tools
#
# "Attention Is All You Need", section 5.3: Adam with β₂ = .98, the schedule of section 1 with 4,000
# steps of warm-up, for 100,000 steps in all; section 5.4: ε = .1, which "hurts perplexity, as the
# model learns to be more unsure, but improves accuracy and BLEU score". The first half of the
# sentence is our section 5, perplexity being the exponential of nll; the second we could not see on
# dates. Label smoothing is by Szegedy et al. (2016), who share ε among all K. Garg et al. (2019)
# have nobody to tell them the true links. They teach one head with links that they read from the
# attention of models trained before, or that a statistical aligner found, and report better
# alignments "without sacrificing translation accuracy": the same as section 6, on real
# translations.
#
# | where | schedule | label smoothing | alignment |
# | --- | --- | --- | --- |
# | torch | `LambdaLR` and others | `label_smoothing`, K | |
# | fairseq | `--lr-scheduler inverse_sqrt` | `--label-smoothing`, K−1 | `--alignment-lambda` |
# | Hugging Face | `lr_scheduler_type`, `warmup_steps` | `label_smoothing_factor`, K | |
# | OpenNMT-py 3.5 | `-decay_method noam` | `-label_smoothing`, K | `-lambda_align` |
#
# Mind where a tool begins to count. Our schedules give the rate of step 1 for the first update.
# torch's `LambdaLR` asks its function for 0 first, and a warm-up from 0 then wastes one update, at
# rate 0:

# %%
weight = torch.zeros(1, requires_grad=True)
ours = linear_decay(PEAK, WARMUP, STEPS[1])
used = {}
for name, count in (
    ("from 1", lambda done: ours(done + 1) / PEAK),
    ("from 0", lambda done: ours(done) / PEAK),
):
    optimizer = torch.optim.SGD([weight], lr=PEAK)  # LambdaLR multiplies this
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, count)
    used[name] = []
    for _ in range(STEPS[1]):
        used[name].append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
print("first updates:", {name: [f"{rate:.0e}" for rate in each[:2]] for name, each in used.items()})

for step, rate in enumerate(used["from 1"], start=1):
    assert abs(rate - ours(step)) < 1e-12
assert used["from 0"][0] == 0

# %% [markdown]
# ## 10 · Check yourself
#
# **1.** Ten classes, ε = .1, torch's convention. What is the least loss, and the least nll of a
# model that reaches it?
#
# <details><summary>Answer</summary>
#
# Wanted are .91 and nine times .01. The least loss is −.91 ln .91 − .09 ln .01 = .500; the nll is
# −ln .91 = .094.
#
# </details>
#
# **2.** You double the warm-up. What becomes of the peak, with Noam and with the inverse square
# root? And of the rate long after it?
#
# <details><summary>Answer</summary>
#
# Noam: the peak is smaller by √2, and the rate long after is the same as before. Inverse square
# root: the peak is the same, and the rate long after larger by √2.
#
# </details>
#
# **3.** The taught head looks evenly at the two digits of the day, and at nothing else. Its
# alignment loss is ln 2. Does the gradient push it anywhere?
#
# <details><summary>Answer</summary>
#
# No: it is at the least value, and the gradient of its scores is 0. A loss can be done and not be
# 0.
#
# </details>

# %%
ten = [0.91, *[0.01] * 9]
assert round(cross_entropy(ten, ten), 3) == 0.5
assert round(-math.log(0.91), 3) == 0.094

for far_away in (10_000, 100_000):
    assert math.isclose(noam(64, 300)(far_away), noam(64, 600)(far_away))
    ratio = inverse_sqrt(PEAK, 600)(far_away) / inverse_sqrt(PEAK, 300)(far_away)
    assert math.isclose(ratio, math.sqrt(2))
assert math.isclose(noam(64, 300)(300) / noam(64, 600)(600), math.sqrt(2))

scores = torch.tensor([[[0.0, 0, -40, -40]]]).requires_grad_()  # (1, one digit, n_s)
day = torch.tensor([[[True, True, False, False]]])
loss = alignment_nll(scores.softmax(dim=-1), day)
loss.backward()
assert math.isclose(loss.item(), math.log(2), rel_tol=1e-5)
assert scores.grad.abs().max() < 1e-6

# %% [markdown]
# **The assignment.** [a7_training](../assignments/a7_training/a7_training.ipynb): the schedules,
# both losses, decoding and the model, in general; at its end a Transformer of your own reads dates.
#
# **Next.** [Lecture 11](11_looking_inside.ipynb): what the heads do that nobody taught, and whether
# a map explains an output.
#
# ## 11 · Words
#
# | English | 한국어 |
# | --- | --- |
# | learning rate | 학습률 |
# | schedule | 스케줄 |
# | warm-up | 워밍업 |
# | decay | 감쇠 |
# | label smoothing | 라벨 스무딩 |
# | cross-entropy | 교차 엔트로피 |
# | negative log-likelihood | 음의 로그 우도 |
# | entropy | 엔트로피 |
# | confidence, how sure | 확신도 |
# | calibration | 보정, 캘리브레이션 |
# | alignment | 정렬 |
# | alignment error rate | 정렬 오류율 |
# | supervision | 지도 |
# | regularisation | 규제, 정칙화 |
# | data augmentation | 데이터 증강 |
# | standard error | 표준 오차 |
