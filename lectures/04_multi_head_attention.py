# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04 · Multi-head attention
#
# *About 45 minutes. You need [lecture 03](03_scaled_dot_product_attention.ipynb): attention for all
# queries at once.*
#
# **The question.** One map of weights gives each word one weighted mean. But *go* may want to know
# who goes *and* where to, and keep the two apart. What do several maps buy that one cannot give,
# and what do they cost?
#
# **Afterwards you can**
#
# - name something that no single head can do, prove it, and do it with two;
# - follow a batch of words through split → attend → concatenate → $W_O$, shape by shape;
# - say why h heads cost no more parameters than one, and what each head loses instead;
# - write a small `nn.Module`, with its layers, and let it refuse what does not fit;
# - get the weights of every head out of torch's module, which by default hides them.

# %%
import math

import torch
import torch.nn.functional as F
from einops import rearrange
from ipywidgets import SelectionSlider
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from course.claims import claim
from course.knobs import Knobs
from course.plots import BLUE, ORANGE, PURPLE, block, matrix, panels, spread, use_style

torch.set_num_threads(1)
use_style()

# %% [markdown]
# ## 1 · By hand: before minus after
#
# Let every word of **I go home** be a single number: *I* = 1, *go* = 4, *home* = 9. The word in the
# middle wants to become *the word before it, minus the word after it*: 1 − 9 = −8.
#
# One head gives *go* a weighted mean of the three numbers, times some factor that it has learnt
# (its value matrix, here a single number).
#
# **Predict.** Which numbers can a weighted mean of 1, 4 and 9 be? With which factor can *go* get
# −8? And what does *go* get, with the same weights and the same factor, in "home go I"?
#
# <details><summary>Answer</summary>
#
# A weighted mean lies between 1 and 9, so the factor must be negative: −8 is, say, −1 times 8, and
# 8 is a mean of 1, 4 and 9. In "home go I" the wish is 9 − 1 = 8. But a negative factor times a
# mean of 9, 4 and 1 is negative again. One head can serve one of the two sentences, and never both.
#
# </details>
#
# Two heads have no such trouble. Head 0 puts all its weight on the word before, head 1 on the word
# after, and what comes last subtracts the one from the other:

# %%
before, after = torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 0, 1])  # weights of the query "go"
w_o = torch.tensor([1.0, -1])  # what to do with the results of the two heads
for numbers in (torch.tensor([1.0, 4, 9]), torch.tensor([9.0, 4, 1])):
    heads = torch.stack([before @ numbers, after @ numbers])  # (n_heads,)
    print(f"{numbers.tolist()}: the heads find {heads.tolist()}, together {heads @ w_o:.0f}")
    assert heads @ w_o == numbers[0] - numbers[2]

# %% [markdown]
# ## 2 · Definition: split, attend, concatenate, $W_O$
#
# A head is attention of lecture 03, with small matrices of its own; the results of all heads are
# put side by side, and one more matrix mixes them:
#
# $$\mathrm{head}_i = \mathrm{Attention}(X W^Q_i,\; X W^K_i,\; X W^V_i), \qquad
#   \mathrm{MultiHead}(X) = \mathrm{Concat}(\mathrm{head}_1, …, \mathrm{head}_h)\, W^O$$
#
# Each head works with `d_head` = `d_model / n_heads` features, so that the concatenation has
# `d_model` features again. The small matrices of all heads stand side by side in one large one: one
# product $X W^Q$ makes the queries of all heads, and *splitting* means to say which columns belong
# to whom.
#
# | step | pattern | shapes |
# | --- | --- | --- |
# | project | `b n f, f m -> b n m` | (b, n, d_model) → (b, n, d_model), three times |
# | split | `b n (h d) -> b h n d` | (b, n, d_model) → (b, n_heads, n, d_head) |
# | attend | each head by itself, scaled by √d_head | → (b, n_heads, n, d_head) |
# | concatenate | `b h n d -> b n (h d)` | → (b, n, d_model) |
# | $W_O$ | `b n m, m f -> b n f` | (b, n, d_model) → (b, n, d_model) |
#
# On a small scale: three words, `d_model` = 4, two heads, so `d_head` = 2. There is no batch, and
# we cut by hand.

# %%
words = ["I", "go", "home"]
n, d_model, d_head = 3, 4, 2
g = torch.Generator().manual_seed(0)
x = torch.randn(n, d_model, generator=g)  # (n, d_model)
w_q, w_k, w_v, w_o = torch.randn(4, d_model, d_model, generator=g)  # each (d_model, d_model)

q, k, v = x @ w_q, x @ w_k, x @ w_v  # (n, d_model) each
head_0 = F.scaled_dot_product_attention(q[:, :2], k[:, :2], v[:, :2])  # (n, d_head)
head_1 = F.scaled_dot_product_attention(q[:, 2:], k[:, 2:], v[:, 2:])  # (n, d_head)
out = torch.hstack([head_0, head_1]) @ w_o  # (n, d_model)
print(out)

# %%
[ax] = panels(1, 1, 10.5, 4.6)
block(ax, 0, 2.5, d_model, n, "$X$", "0.6")
for row, name in enumerate(["$Q$", "$K$", "$V$"]):
    y = 6.2 - 3.7 * row
    block(ax, 6, y, d_head, n, "", BLUE)
    block(ax, 8, y, d_head, n, "", ORANGE)
    ax.text(5.6, y + 1.5, name, ha="right", va="center", fontsize=13)
for y, head, color in [(4.8, 0, BLUE), (0.2, 1, ORANGE)]:
    block(ax, 12, y, n, n, f"$A_{head}$", color)
    block(ax, 17, y, d_head, n, f"head {head}", color)
block(ax, 21, 2.5, d_head, n, "", BLUE)
block(ax, 23, 2.5, d_head, n, "", ORANGE)
block(ax, 28, 2.5, d_model, n, "out", PURPLE)
for x_from, x_to, label in [(4.2, 5.1, ""), (10.3, 11.7, ""), (19.3, 20.7, ""), (25.4, 27.6, "")]:
    ax.annotate(label, (x_to, 4), (x_from, 4), arrowprops={"arrowstyle": "->"})
for x_at, text in [
    (2, "(n, d_model)"),
    (8, "project, split:\n2 × (n, d_head)"),
    (13.5, "weights:\n2 × (n, n)"),
    (18, "attend:\n2 × (n, d_head)"),
    (23, "concatenate:\n(n, d_model)"),
    (30, "times $W_O$:\n(n, d_model)"),
]:
    ax.text(x_at, -1.6, text, ha="center", va="top", fontsize=9)
ax.set(xlim=(-0.5, 32.5), ylim=(-3.6, 9.6), aspect="equal")
ax.set_axis_off()

# %% [markdown]
# *Figure: the path of three words through two heads, from left to right. X of 3 by 4 cells becomes
# Q, K and V of the same size, each with a left half for head 0 and a right half for head 1. Each
# head has a 3 by 3 map of weights and a result of 3 by 2. Side by side they are 3 by 4 again, and
# W_O turns them into the output of 3 by 4.*
#
# ### The same by torch
#
# `nn.MultiheadAttention` holds the same matrices, transposed, the first three stacked into one. By
# default it returns the *mean* of the heads' weights; `average_attn_weights=False` gives all.


# %%
def torch_layer(w_q, w_k, w_v, w_o, n_heads):
    """torch's module with these matrices, each (d_model, d_model), and without biases."""
    layer = nn.MultiheadAttention(len(w_q), n_heads, bias=False, batch_first=True, dtype=w_q.dtype)
    state = {"in_proj_weight": torch.vstack([w_q.T, w_k.T, w_v.T]), "out_proj.weight": w_o.T}
    layer.load_state_dict(state)
    return layer


layer = torch_layer(w_q, w_k, w_v, w_o, n_heads=2)
torch_out, maps = layer(x, x, x, average_attn_weights=False)  # (n, d_model), (n_heads, n, n)
_, mean_map = layer(x, x, x)  # (n, n)
by_hand = torch.stack([q[:, part] @ k[:, part].T for part in (slice(0, 2), slice(2, 4))])
by_hand = (by_hand / math.sqrt(d_head)).softmax(dim=-1)  # (n_heads, n, n)
print("outputs differ by", (torch_out - out).abs().max().item())
print("weights differ by", (maps - by_hand).abs().max().item())

torch.testing.assert_close(torch_out, out, rtol=0, atol=1e-5)
torch.testing.assert_close(maps, by_hand, rtol=0, atol=1e-5)
torch.testing.assert_close(mean_map, maps.mean(dim=0))

# %%
for ax, shown, title in zip(
    panels(1, 3, 3.1, 2.9),
    [*maps, mean_map],
    ["head 0", "head 1", "their mean, torch's default"],
    strict=True,
):
    matrix(ax, shown.detach(), words, words, title=title)

# %% [markdown]
# *Figure: three maps of I, go, home by themselves. Head 0 and head 1 look at different words; the
# third map, their mean, shows neither.*
#
# ### A head that learns: a module
#
# So far the matrices were given. In a network they are learnt, and torch keeps what is learnt in
# **modules**: classes derived from `nn.Module`. `__init__` builds the parts, and begins with
# `super().__init__()`, which makes the place where they are kept. `forward` says what the parts do
# with an input; it runs when the module is called like a function. Here is one head, with an
# `nn.Linear` for each of its three matrices:


# %%
class OneHead(nn.Module):
    """One head of d_head features: (n, d_model) -> (n, d_head)."""

    def __init__(self, d_model, d_head):
        super().__init__()  # before any layer
        if d_head > d_model:
            raise ValueError(f"{d_head} features, made of {d_model} only")
        self.asks = nn.Linear(d_model, d_head)
        self.offers = nn.Linear(d_model, d_head)
        self.gives = nn.Linear(d_model, d_head)

    def forward(self, x):
        return F.scaled_dot_product_attention(self.asks(x), self.offers(x), self.gives(x))


torch.manual_seed(0)
head = OneHead(d_model, d_head)
print("output", tuple(head(x).shape))
for name, parameter in head.named_parameters():
    print(f"{name:14s} {tuple(parameter.shape)}")
try:
    OneHead(4, 8)
    refused = ""
except ValueError as refusal:
    refused = str(refusal)
print("refused:", refused)

assert head(x).shape == (n, d_head)
assert len(list(head.parameters())) == 6
torch.testing.assert_close(head.asks(x), x @ head.asks.weight.T + head.asks.bias)
assert "8 features" in refused

# %% [markdown]
# The list is what an optimiser would be given to change, `head.parameters()`: a weight and a bias
# for each layer, under the name of the attribute that holds it. `nn.Linear(4, 2)` keeps its weight
# as (2, 4), a row for each output; called on x it gives `x @ weight.T + bias`.
#
# `raise ValueError(...)` stops the function at once and hands the error to whoever called. The
# `try` above is such a caller: it expects the error, and goes on.
#
# ## 3 · Break it
#
# ### Cutting in the wrong place
#
# Splitting (n, 4) into two heads of (n, 2) gives shape (2, n, 2). `reshape` gives that shape at
# once. Is it the same?
#
# **Predict** head 0 of `reshape(2, 3, 2)`, when the three words are (0, 1, 2, 3), (4, 5, 6, 7) and
# (8, 9, 10, 11).
#
# <details><summary>Answer</summary>
#
# reshape keeps the numbers in their order and only sets new ends of lines: head 0 gets (0, 1),
# (2, 3), (4, 5). These are all of *I* and half of *go*: two words cut up and passed off as three.
#
# </details>

# %%
numbered = torch.arange(12).reshape(n, d_model)
right = rearrange(numbered, "n (h d) -> h n d", h=2)
wrong = numbered.reshape(2, n, d_head)
print("split:   head 0", right[0].tolist(), " head 1", right[1].tolist())
print("reshape: head 0", wrong[0].tolist(), " head 1", wrong[1].tolist())

assert right.shape == wrong.shape
assert right[0].tolist() == [[0, 1], [4, 5], [8, 9]]
assert wrong[0].tolist() == [[0, 1], [2, 3], [4, 5]]

# %% [markdown]
# No error, the right shape, and every word's features in the wrong head. A property tells them
# apart: attention does not know word order (lecture 02, the last question). If the last of six
# words comes first, the outputs change places in the same way, and that is all:


# %%
def through(x, matrices, split, merge):
    """Two heads over x (n, d_model), cut and joined by these two functions."""
    q, k, v = (split(x @ w) for w in matrices[:3])  # (n_heads, n, d_head)
    return merge(F.scaled_dot_product_attention(q, k, v)) @ matrices[3]


def minds_order(seed, split, merge):
    """How much the outputs change, beyond their order, when the last word comes first."""
    g = torch.Generator().manual_seed(seed)
    x, matrices = torch.randn(6, 4, generator=g), torch.randn(4, 4, 4, generator=g)
    moved = through(x.roll(1, dims=0), matrices, split, merge)
    return (moved - through(x, matrices, split, merge).roll(1, dims=0)).abs().max().item()


by_einops = (
    lambda x: rearrange(x, "n (h d) -> h n d", h=2),
    lambda x: rearrange(x, "h n d -> n (h d)"),
)
by_reshape = (lambda x: x.reshape(2, len(x), 2), lambda x: x.reshape(x.shape[1], 4))
claim(
    "Heads that are cut by features do not mind the order of the words",
    figure="largest change of an output",
    values=[minds_order(seed, *by_einops) for seed in range(5)],
    below=1e-4,
    without="cut by reshape alone",
    broken=[minds_order(seed, *by_reshape) for seed in range(5)],
)

# %% [markdown]
# **Claim.** On five random sentences, moving the last word to the front changes the outputs by less
# than 1e-4 beyond their order; with heads cut by `reshape` alone it changes them by more. If your
# layer suddenly cares about word order and has no reason to, look at how it cuts.
#
# ## 4 · Experiment: what one head cannot do
#
# Back to *before minus after*, now for every word of a ring of six (the word before the first is
# the last), each word four random numbers. We give a head the best chances: it may learn its scores
# freely, a number for each pair of *places*, and any matrix $M_i$ (which stands for $W^V_i W^O_i$).
# No other layer, no nonlinearity: what comes out is $\sum_i A_i X M_i$.
#
# **Predict.** The wish has variance 2 (a difference of two numbers of variance 1), so that
# answering 0 has a mean squared error of 2. What is the best that one head can do? And two?
#
# <details><summary>Answer</summary>
#
# Two heads reach 0, as in section 1. For one head let $a ≥ 0$ be the weight on the word before and
# $b ≥ 0$ that on the word after, and $M = mI$. The error in each number is at least
# $(am − 1)^2 + (bm + 1)^2$. If $m ≥ 0$ the second square is at least 1; if $m ≤ 0$, the first is.
# So one head never gets below **1**: it serves one neighbour and ignores the other. (Any other
# matrix does no better: the sum of the squares over all entries of $aM − I$ and $bM + I$ is
# smallest when M is a multiple of I.)
#
# </details>


# %%
def learn_mixture(wish, n_heads, seed, signed=False, n=6, d=4, steps=500):
    """Train scores and matrices of n_heads heads to mix words (b, n, d) as the function wishes.

    signed: take the scores themselves as weights, of either sign, in place of their softmax.
    Returns the mean squared error on fresh words, and the weights (n_heads, n, n).
    """
    g = torch.Generator().manual_seed(seed)
    scores = torch.randn(n_heads, n, n, generator=g).requires_grad_()
    matrices = (torch.randn(n_heads, d, d, generator=g) / 2).requires_grad_()
    optimizer = torch.optim.Adam([scores, matrices], lr=0.03)

    def error(n_sentences):
        x = torch.randn(n_sentences, n, d, generator=g)
        weights = scores if signed else scores.softmax(dim=-1)
        mixed = torch.einsum("h i j, b j d, h d e -> b i e", weights, x, matrices)
        return (mixed - wish(x)).square().mean(), weights

    for _ in range(steps):
        loss, _ = error(64)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        loss, weights = error(2000)
    return loss.item(), weights


def before_minus_after(x):
    """x (b, n, d), a ring of n words -> what each word wishes, (b, n, d)."""
    return x.roll(1, dims=1) - x.roll(-1, dims=1)


SEEDS = range(5)
variants = {"one head": (1, False), "two heads": (2, False), "one head, signed": (1, True)}
mixtures = {
    name: [learn_mixture(before_minus_after, n_heads, seed, signed) for seed in SEEDS]
    for name, (n_heads, signed) in variants.items()
}
for name, results in mixtures.items():
    print(f"{name:18s}", [f"{error:.3f}" for error, _ in results])

# %%
places = [str(place) for place in range(6)]
[one], [two_0, two_1] = mixtures["one head"][0][1], mixtures["two heads"][0][1]
for ax, shown, title in zip(
    panels(1, 3, 3.4, 3.3),
    [one, two_0, two_1],
    ["the only head", "head 0 of two", "head 1 of two"],
    strict=True,
):
    matrix(ax, shown, places, places, title=title)

# %% [markdown]
# *Figure: learnt maps of six places, seed 0. The only head looks at one neighbour of each place and
# gives up the other. Of two heads one looks mostly at the place before and the other mostly at the
# place after; what else they see is nearly the same in both.*
#
# What both heads see alike disappears when one is subtracted from the other: it does no harm, and
# nothing teaches the heads to give it up.

# %%
errors = {name: [error for error, _ in results] for name, results in mixtures.items()}
claim(
    "Two heads learn before minus after",
    figure="mean squared error (2 for answering 0)",
    values=errors["two heads"],
    below=0.05,
    without="with one head",
    broken=errors["one head"],
)
claim(
    "One head is stuck near half of the error, because its weights are not negative",
    figure="mean squared error (2 for answering 0)",
    values=errors["one head"],
    above=0.9,
    without="with weights of either sign, no softmax",
    broken=errors["one head, signed"],
)

# %% [markdown]
# **Claim.** On five seeds, two heads bring the error below .05, and one head stays above .9: near
# the 1 that we proved. It is the softmax that binds it: one head whose weights may be negative
# does as well as two.
#
# **What it does not show.** That one head is always worse. A feed-forward layer behind attention,
# or a second layer, could do the subtraction as well. What is proved holds for a single head of a
# single layer.
#
# ## 5 · Experiment: one place per head
#
# Signs are not all. Let four words stand for four numbers each, and let each word wish for its
# first number from the word before, its second from the word after, its third from two before, its
# fourth from two after: four places at once. Again we may choose the matrices freely.
#
# **Predict** the best error with 1, 2, 3 and 4 heads. Answering 0 has an error of 1.
#
# <details><summary>Answer</summary>
#
# A head that looks at one place serves one of four numbers: .75, .5, .25, 0. Nothing cleverer
# helps: with h heads, what a word gets is made from h mixtures of the words around it. Four
# different words cannot be had from fewer than four mixtures, negative weights or not.
#
# </details>


# %%
def four_places(x):
    """x (b, n, 4), a ring of n words -> one number from each of four places, (b, n, 4)."""
    return torch.stack([x.roll(by, dims=1)[..., i] for i, by in enumerate((1, -1, 2, -2))], dim=-1)


heads_tried = [1, 2, 3, 4]
staircase = {
    n_heads: [learn_mixture(four_places, n_heads, seed) for seed in range(3)]
    for n_heads in heads_tried
}
by_heads = torch.tensor([[staircase[h][seed][0] for h in heads_tried] for seed in range(3)])
bound = [1 - n_heads / 4 for n_heads in heads_tried]
[ax] = panels(1, 1, 5.2, 3.2)
spread(ax, heads_tried, by_heads, label="learnt, 3 seeds", color=BLUE)
ax.plot(heads_tried, bound, "--", color=ORANGE, label="least possible, 1 − h/4")
ax.set(xlabel="number of heads h", ylabel="mean squared error", xticks=heads_tried)
_ = ax.legend()

# %% [markdown]
# *Figure: the error against the number of heads: from .75 with one head down to 0 with four, in
# equal steps; what is learnt lies on the line of the least possible, or a little above.*

# %%
for n_heads, error in zip(heads_tried, by_heads.T.tolist(), strict=True):
    print(n_heads, "heads:", [f"{each:.3f}" for each in error])
claim(
    "Four heads serve four places",
    figure="mean squared error (1 for answering 0)",
    values=by_heads[:, 3].tolist(),
    below=0.15,
    without="with three heads",
    broken=by_heads[:, 2].tolist(),
)
assert all((by_heads > torch.tensor(bound) - 0.03).flatten())  # never better than the bound

# %% [markdown]
# **Claim.** On three seeds, four heads bring the error below .15 and three do not, and no number of
# heads gets below 1 − h/4 by more than the noise of the measurement, .03.
#
# **What it does not show.** That real heads each take one place. They share work, and some can be
# left out of a trained model with little harm (Michel, Levy and Neubig, 2019); lecture 11 measures
# that.
#
# How do three heads share out four places? Look at one row of each map, then turn the knob.


# %%
def heads_of(n_heads):
    """The maps of the heads that were learnt with seed 0."""
    for head, ax in enumerate(panels(1, n_heads, 3.1, 3.0)):
        matrix(ax, staircase[n_heads][0][1][head], places, places, title=f"head {head}")


heads_of(3)

# %% [markdown]
# *Figure: three heads on four places, seed 0: three maps of six by six. In every row of each map,
# more than half of the weight lies at one distance from the diagonal, .2 to .3 at a second one, and
# little elsewhere.*

# %%
ranked = staircase[3][0][1].sort(dim=-1, descending=True).values  # (n_heads, n, n)
print("largest weight of a row: ", f"{ranked[..., 0].min():.2f} to {ranked[..., 0].max():.2f}")
print("second largest of a row: ", f"{ranked[..., 1].min():.2f} to {ranked[..., 1].max():.2f}")

assert (ranked[..., 0] > 0.5).all()
assert {round(weight, 1) for weight in ranked[..., 1].flatten().tolist()} == {0.2, 0.3}
assert (ranked[..., 2] < 0.15).all()

# %% [markdown]
# No head keeps to one place: with fewer heads than places, many ways of sharing out have the same
# error, and training stops at any of them.

# %%
Knobs(heads_of, n_heads=SelectionSlider(options=heads_tried, value=3, description="heads"))

# %% [markdown]
# ## 6 · What heads cost
#
# **Predict.** `d_model` = 64. How do the numbers of parameters compare for 1, 4, 16 and 64 heads?
# And the numbers of multiplications in the scores of one sentence?
#
# <details><summary>Answer</summary>
#
# They are all the same. The matrices are `d_model` by `d_model` in any case; heads are a way to cut
# them. The assignment asks for the number. A score of one head multiplies `d_head` pairs of
# numbers, and a head has n² scores: n² · `d_head` per head, so n² · `d_model` for all heads
# together.
#
# </details>
#
# Something must pay. The scores of a head are inner products of `d_head` features, and a matrix of
# such products has rank `d_head` at most: with small heads, a head has few ways to say who attends
# to whom.

# %%
wide = 64
numbers_of_heads = [1, 4, 16, 64]
counts, multiplications, ranks = [], [], []
g = torch.Generator().manual_seed(1)
tokens = torch.randn(wide, wide, generator=g, dtype=torch.float64)  # (n, d_model), both 64
for n_heads in numbers_of_heads:
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(wide, n_heads, batch_first=True, dtype=torch.float64)
    counts.append(sum(parameter.numel() for parameter in layer.parameters()))
    asks, offers, _ = layer.in_proj_weight.detach().chunk(3)  # (d_model, d_model) each
    by_head = [rearrange(tokens @ w.T, "n (h d) -> h n d", h=n_heads) for w in (asks, offers)]
    with FlopCounterMode(display=False) as counter:
        scores = by_head[0] @ by_head[1].mT  # (n_heads, n, n)
    multiplications.append(counter.get_total_flops() // 2)  # torch counts the additions, too
    ranks.append(int(torch.linalg.matrix_rank(scores[0])))
    name = f"{n_heads:2d} heads" if n_heads > 1 else " 1 head "
    print(
        f"{name} of {wide // n_heads:2d} features: {counts[-1]} parameters, "
        f"{multiplications[-1]} multiplications, rank of the scores of a head {ranks[-1]}"
    )

assert len(set(counts)) == 1
assert set(multiplications) == {wide * wide * wide}  # n² · d_model
assert ranks == [wide // n_heads for n_heads in numbers_of_heads]  # d_head

# %% [markdown]
# So `n_heads` is a choice between many narrow views and a few wide ones, at one price. The paper
# varied it in Table 3 (A): one head was 0.9 BLEU worse than its best setting, and too many were
# worse again. On the small task of lecture 09 we could measure no difference between one head and
# four, and shall not claim one.
#
# ## 7 · The paper and the tools
#
# "Attention Is All You Need", section 3.2.2: h = 8 heads, d_k = d_v = d_model / h = 64, and the
# reason that we have seen: "With a single attention head, averaging inhibits this."
#
# | where | the heads |
# | --- | --- |
# | torch `nn.MultiheadAttention` | `num_heads`; `in_proj_weight` (3 d_model, d_model), `out_proj` |
# | fairseq `MultiheadAttention` | `num_heads`; `q_proj`, `k_proj`, `v_proj`, `out_proj` |
# | Hugging Face BERT | `num_attention_heads`; `query`, `key`, `value`, and `output.dense` |
# | OpenNMT-py | `--heads`; `linear_query`, `linear_keys`, `linear_values`, `final_linear` |
#
# All of them take `d_model / n_heads` for the size of a head, and refuse to be built if that is no
# integer. Weights of the heads: torch gives the mean unless told `average_attn_weights=False`, and
# none with `need_weights=False`, which lets it use a faster kernel.
#
# One more parity check, with a batch, both dtypes, eight heads, and other keys than queries:

# %%
for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
    g = torch.Generator().manual_seed(2)
    matrices = torch.randn(4, 32, 32, generator=g, dtype=dtype) / 32**0.5
    some, memory = (torch.randn(2, n, 32, generator=g, dtype=dtype) for n in (5, 7))
    cut = (
        rearrange(tokens @ w, "b n (h d) -> b h n d", h=8)
        for tokens, w in zip((some, memory, memory), matrices, strict=False)
    )
    joined = rearrange(F.scaled_dot_product_attention(*cut), "b h n d -> b n (h d)")
    expected, maps = torch_layer(*matrices, n_heads=8)(
        some, memory, memory, average_attn_weights=False
    )
    difference = (joined @ matrices[3] - expected).abs().max().item()
    print(f"{dtype}: {difference:.1e}, maps {tuple(maps.shape)}")
    assert difference < tolerance

try:
    nn.MultiheadAttention(embed_dim=7, num_heads=2)
except AssertionError as refusal:
    print("7 features, 2 heads:", refusal)

# %% [markdown]
# ## 8 · Check yourself
#
# **1.** `d_model` = 512, 8 heads, a batch of 2 sentences of 10 words. What shapes do the queries
# after splitting, the weights, and the output have?
#
# <details><summary>Answer</summary>
#
# (2, 8, 10, 64), (2, 8, 10, 10), (2, 10, 512).
#
# </details>
#
# **2.** Two heads have exactly the same matrices. What can they do that one cannot?
#
# <details><summary>Answer</summary>
#
# Nothing: both find the same mixture, and $W_O$ only adds two copies, with one matrix each. That is
# one head with the sum of the two matrices. Heads must be different to be worth anything; random
# initialisation sees to it.
#
# </details>
#
# **3.** Somebody leaves $W_O$ out and hands on the concatenation. Could the layer still do *before
# minus after*?
#
# <details><summary>Answer</summary>
#
# Not alone: the results of head 0 and head 1 stand in different features, and nothing ever
# subtracts them. $W_O$ is where heads meet.
#
# </details>

# %%
eight = nn.MultiheadAttention(512, 8, batch_first=True)
sentences = torch.randn(2, 10, 512)
done, maps = eight(sentences, sentences, sentences, average_attn_weights=False)
assert done.shape == (2, 10, 512)
assert maps.shape == (2, 8, 10, 10)

twin = torch.randn(1, 6, 6).softmax(dim=-1).expand(2, 6, 6)  # the same map twice
two_matrices = torch.randn(2, 4, 4)
ring = torch.randn(3, 6, 4)
as_two = torch.einsum("h i j, b j d, h d e -> b i e", twin, ring, two_matrices)
as_one = torch.einsum("i j, b j d, d e -> b i e", twin[0], ring, two_matrices.sum(dim=0))
torch.testing.assert_close(as_two, as_one)

# %% [markdown]
# **The assignment.** [a2_multi_head](../assignments/a2_multi_head/a2_multi_head.ipynb): the general
# code, with batches and any number of heads; its last cell trains your module on *before minus
# after*.
#
# **Next.** [Lecture 05](05_complexity.ipynb): what all this looking costs, next to a recurrent
# network.
#
# ## 9 · Words
#
# | English | 한국어 |
# | --- | --- |
# | multi-head attention | 멀티 헤드 어텐션 |
# | head | 헤드 |
# | to split | 분할하다, 나누다 |
# | to concatenate | 연결하다, 이어 붙이다 |
# | projection | 사영, 투영 |
# | output projection | 출력 사영 |
# | feature | 특징 |
# | parameter | 파라미터, 매개변수 |
# | rank (of a matrix) | 랭크, 계수 |
# | mean squared error | 평균 제곱 오차 |
# | bound | 경계, 한계 |
# | mixture | 혼합 |
