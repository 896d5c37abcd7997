# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 05 · Complexity: self-attention against recurrence
#
# *About 60 minutes. You need [lecture 04](04_multi_head_attention.ipynb): the four projections of
# attention and its heads.*
#
# **The question.** Every token looks at every token. In a sentence of n tokens that makes n² looks,
# while a recurrent network takes n steps. So attention must be the slower of the two, and yet the
# paper gives up recurrence for it. What does a layer cost, and what is bought for it?
#
# **Afterwards you can**
#
# - count by hand what a layer of attention, recurrence or convolution computes, and check the
#   count with torch;
# - tell three questions apart: how much work, how much of it must wait, how far it is from word to
#   word;
# - say where attention takes fewer operations than recurrence, and which ones that leaves out;
# - say what attention keeps in memory, and what a fused kernel spares;
# - say why a clock does not show what a count says, and what a laptop cannot show at all.

# %%
import itertools
import math
import random
import statistics
import time
from collections import Counter
from functools import partial

import torch
import torch.nn.functional as F
from ipywidgets import SelectionSlider
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from course.claims import claim
from course.knobs import Knobs
from course.plots import BLUE, GREEN, ORANGE, PURPLE, panels, spread, use_style

torch.set_num_threads(1)
use_style()

# %% [markdown]
# One look for each layer, in all figures:

# %%
LOOKS = {
    "core": (BLUE, "o", "-"),  # attention without its projections
    "core, fused": (BLUE, "v", ":"),
    "projections": ("0.5", "^", "-"),
    "attention": (BLUE, "P", "--"),  # with its projections
    "restricted": (BLUE, "x", "-."),
    "RNN": (ORANGE, "s", "-"),
    "GRU": (GREEN, "D", "-"),
    "convolution": (PURPLE, "^", "-"),
    "dilated": (PURPLE, "v", "--"),
}


def line(ax, x, runs, look, label=None):
    """A line in the look of a layer. runs: (points,), or (repetitions, points) with a band."""
    color, marker, dashes = LOOKS[look]
    runs = torch.atleast_2d(torch.as_tensor(runs, dtype=torch.float64))  # (repetitions, points)
    spread(ax, x, runs, label=label or look, color=color, marker=marker)
    ax.lines[-1].set_linestyle(dashes)


def logarithmic(ax, ticks, **labels):
    """Both axes logarithmic, with these numbers under the horizontal one."""
    ax.set_xscale("log", base=2)
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.set(yscale="log", **labels)


# %% [markdown]
# ## 1 · By hand: three words, four features
#
# Again **I go home**: n = 3 tokens of d = 4 features. Four layers will read it:
#
# - **self-attention**, where each word sees all three;
# - **recurrence**, where a state passes from word to word;
# - **convolution** with a kernel of size k = 2: each word sees itself and the one before;
# - **restricted attention** with a neighbourhood of r = 3: each word sees itself and one word on
#   either side.


# %%
def draw_layers(ax, edges, way, color, title):
    """Words at the bottom, layers above; the edges on the way from I to home are thick."""
    for start, end in edges:
        on_way = (start, end) in itertools.pairwise(way)
        arrow = {"arrowstyle": "->", "shrinkA": 7, "shrinkB": 7}
        arrow |= {"color": color, "linewidth": 2.8} if on_way else {"color": "0.65"}
        ax.annotate("", end, start, arrowprops=arrow)
    for place in {place for edge in edges for place in edge}:
        ax.plot(*place, "o", color=color if place in way else "0.5", markersize=9)
    top = max(layer for _, (_, layer) in edges)
    ax.set_xticks(range(3), ["I", "go", "home"])
    ax.set_yticks(range(top + 1), ["input", "layer 1", "layer 2"][: top + 1])
    ax.set(xlim=(-0.4, 2.4), ylim=(-0.3, 2.3), title=title)
    ax.grid(False)


def between(sees, n_layers):
    """The edges of a stack in which word j of a layer sees word i below if `sees(j, i)`."""
    looks = [(i, j) for i, j in itertools.product(range(3), repeat=2) if sees(j, i)]
    return [((i, up), (j, up + 1)) for up in range(n_layers) for i, j in looks]


# %%
across = [((t, 1), (t + 1, 1)) for t in range(2)]  # from state to state
upwards = [(0, 0), (1, 1), (2, 2)]
one, two, three, four = panels(1, 4, 2.6, 2.6)
draw_layers(one, between(lambda j, i: True, 1), [(0, 0), (2, 1)], BLUE, "self-attention")
steps = between(lambda j, i: i == j, 1) + across
draw_layers(two, steps, [(0, 0), (0, 1), (1, 1), (2, 1)], ORANGE, "recurrence")
draw_layers(three, between(lambda j, i: j - i in (0, 1), 2), upwards, PURPLE, "convolution, k = 2")
draw_layers(four, between(lambda j, i: abs(i - j) <= 1, 2), upwards, BLUE, "restricted, r = 3")

# %% [markdown]
# *Figure: four diagrams of I go home with arrows from what is seen to what sees it, the way from I
# to home drawn thick. Self-attention: nine arrows, one of them leads straight from I to home.
# Recurrence: one arrow up for each word, two arrows from state to state, and the way takes both.
# Convolution and restricted attention: two layers, and the way takes one arrow in each.*
#
# **How much work?** We count *multiply–adds*: one multiplication together with the addition of its
# product to a sum. An inner product of 4 features is 4 of them. We run the loops of each layer and
# do nothing in them but count.
#
# **Predict** four numbers for attention and recurrence: the scores, the mixing of the values, the
# four projections, and the two matrices of a recurrent network (one for the word, one for the
# state).
#
# <details><summary>Answer</summary>
#
# Scores: 9 pairs of 4 features, 36. Mixing: 9 weights, each times a value of 4 features, 36.
# Projections: 3 words, 4 matrices of 16 entries, 192. Recurrence: 3 steps, 2 matrices of 16
# entries, 96.
#
# </details>

# %%
n, d = 3, 4
words, features = range(n), range(d)
work = Counter()
for _query, _key, _feature in itertools.product(words, words, features):
    work["scores"] += 1
for _query, _key, _feature in itertools.product(words, words, features):
    work["mixing"] += 1
for _word, _matrix, _row, _column in itertools.product(words, "QKVO", features, features):
    work["projections"] += 1
for _step, _matrix, _row, _column in itertools.product(words, "xh", features, features):
    work["recurrence"] += 1
for j, i in itertools.product(words, words):
    work["convolution"] += d * d if j - i in (0, 1) else 0  # a matrix for each word in the kernel
    work["restricted"] += 2 * d if abs(i - j) <= 1 else 0  # score and mixing, of near words only
print(dict(work))

assert work["scores"] == work["mixing"] == 36
assert (work["projections"], work["recurrence"]) == (192, 96)
assert (work["convolution"], work["restricted"]) == (80, 56)

# %% [markdown]
# So the two products that *are* attention, its **core**, take 72, less than recurrence with its 96.
# The projections around them take 192. The kernel of the convolution would take 6 matrices of 16
# entries, 96; at the edge, where *I* has nothing before it, one falls out: 80. The neighbourhoods
# of 3 hold 7 of the 9 pairs, again because of the edges.
#
# **What must wait?** In recurrence the state at *home* waits for the state at *go*, which waits for
# the one at *I*: three steps in a row. In the other layers no word of a layer waits for another
# word of the same layer.
#
# **How far is it from *I* to *home*?** Follow the thick way. In attention *home* sees *I* at once:
# one layer. In recurrence it takes two steps from state to state. The convolution and the
# restricted attention need a second layer.

# %% [markdown]
# ## 2 · Definition: three columns
#
# Table 1 of the paper says it for any n and d:
#
# | layer | complexity per layer | sequential operations | maximum path length |
# | --- | --- | --- | --- |
# | self-attention | O(n² · d) | O(1) | O(1) |
# | recurrent | O(n · d²) | O(n) | O(n) |
# | convolutional | O(k · n · d²) | O(1) | O(log_k n) |
# | self-attention, restricted | O(r · n · d) | O(1) | O(n / r) |
#
# Here n is the number of tokens, d the number of features of a token, k the size of the kernel, r
# the number of tokens in a neighbourhood. O(…) says how a number *grows* and leaves out constant
# factors: twice the tokens, four times the n² · d.
#
# - **Complexity per layer** is the whole work, whoever does it.
# - **Sequential operations** is the work that stays in a row with as many processors as you like.
# - **Maximum path length** is the number of steps between the two positions furthest apart.
#
# Our example in these columns:
#
# | layer | multiply–adds on *I go home* | in a row | from *I* to *home* |
# | --- | --- | --- | --- |
# | self-attention, core | 72 | 1 | 1 |
# | recurrent | 96 | 3 | 2 |
# | convolutional, k = 2 | 80; without edges 96 | 1 | 2 |
# | restricted, r = 3 | 56; without edges 72 | 1 | 2 |
#
# One entry fits none of our pictures: log_k n for the convolution. It holds for *dilated* kernels,
# which skip positions. Plain ones need O(n / k) layers, as the paper's text says. Section 5
# measures both.

# %% [markdown]
# ## 3 · Experiment 1: counted by torch
#
# `FlopCounterMode` watches the matrix products that torch runs. It counts a multiply–add as **2**
# floating point operations (FLOPs), one for the multiplication and one for the addition. So we
# expect twice our numbers: 144 for the core and 384 for the projections.


# %%
def flops(layer, *inputs, **options):
    """What torch's counter sees while the layer runs: FLOPs, by the kind of matrix product."""
    with FlopCounterMode(display=False) as counter:
        layer(*inputs, **options)
    seen = counter.get_flop_counts().get("Global", {})  # no such entry if it saw nothing
    return {str(kind): count for kind, count in seen.items()}


x = torch.randn(1, n, d, generator=torch.Generator().manual_seed(0))  # (b, n, d): "I go home"
attention = nn.MultiheadAttention(d, 1, bias=False, batch_first=True)
home = flops(attention, x, x, x)
print(home)

assert home == {"aten.bmm": 144, "aten.mm": 384}

# %% [markdown]
# The names are those of torch's kernels: `mm` multiplies two matrices (the projections), `bmm` a
# batch of them (scores and mixing, one pair of products for each sentence of the batch).
#
# ### Break it: a counter that does not see
#
# A counter knows only the kernels on its list. `need_weights=False` tells the module that nobody
# wants the map. The output stays the same. **Predict** what the counter says.
#
# <details><summary>Answer</summary>
#
# 384: the core is missing. Torch now uses a *fused* kernel, which makes scores, softmax and mixing
# in one go, and in this version the counter does not know that kernel on a CPU. The work is done
# all the same. If you had not counted by hand, you would have believed it.
#
# </details>

# %%
blind = flops(attention, x, x, x, need_weights=False)
same = attention(x, x, x, need_weights=False)[0] - attention(x, x, x)[0]
print(blind, " largest difference of the outputs:", same.abs().max().item())
print("LSTM:", flops(nn.LSTM(d, d, batch_first=True), x))

assert sum(blind.values()) == home["aten.mm"]  # the core goes unseen
assert same.abs().max() < 1e-5

# %% [markdown]
# (An LSTM may go to a fused kernel as well, depending on the processor, and then nothing at all is
# seen. `nn.RNN` and `nn.GRU` run as ordinary matrix products on a CPU. They are seen.)
#
# ### All layers
#
# Restricted attention must be written so that far pairs are never computed. We cut the
# neighbourhoods out and let each query attend to its own.


# %%
def neighbourhoods(x, r):
    """Attention in which token i sees the r tokens around it, r odd. (n, d) -> (n, d)."""
    edge = r // 2
    around = F.pad(x, (0, 0, edge, edge)).unfold(0, r, 1).mT  # (n, r, d)
    real = F.pad(torch.ones(len(x)), (edge, edge)).unfold(0, r, 1) > 0  # (n, r): not beyond the end
    q, real = x[:, None], real[:, None]  # (n, 1, d), (n, 1, r)
    return F.scaled_dot_product_attention(q, around, around, attn_mask=real)[:, 0]


def counted(n, d, k=3, r=5):
    """FLOPs of each layer on n tokens of d features, as torch counts them."""
    x = torch.zeros(1, n, d)
    parts = flops(nn.MultiheadAttention(d, 1, bias=False, batch_first=True), x, x, x)
    others = {
        "RNN": flops(nn.RNN(d, d, batch_first=True), x),
        "GRU": flops(nn.GRU(d, d, batch_first=True), x),
        "convolution": flops(nn.Conv1d(d, d, k), F.pad(x.mT, (k - 1, 0))),
        "restricted": flops(neighbourhoods, x[0], r),
    }
    whole = {"core": parts["aten.bmm"], "projections": parts["aten.mm"]}
    return whole | {name: sum(kinds.values()) for name, kinds in others.items()}


print(counted(16, 64))

# %% [markdown]
# What we expect, from the loops of section 1 and the factor 2:
#
# | layer | FLOPs | where from |
# | --- | --- | --- |
# | attention, core | 4 n² d | two products, each n² pairs of d features |
# | attention, projections | 8 n d² | four matrices of d² entries, for each token |
# | RNN | 4 n d² | two matrices for each token |
# | GRU | 12 n d² | three times an RNN: two gates and a proposal |
# | convolution | 2 k n d² | k matrices for each token, with zeros put before the first |
# | restricted attention | 4 r n d | r keys in place of n, edges filled up |
#
# Left out is all that is not a matrix product: the softmax, the scale, biases, tanh. Each entry is
# a factor times a power of n times a power of d, so three numbers hold it:

# %%
TERMS = {  # factor, power of n, power of d; k = 3, r = 5
    "core": (4, 2, 1),
    "projections": (8, 1, 2),
    "RNN": (4, 1, 2),
    "GRU": (12, 1, 2),
    "convolution": (6, 1, 2),
    "restricted": (20, 1, 1),
}


def by_table(n, d):
    """The FLOPs of each layer by the table."""
    return {name: factor * n**of_n * d**of_d for name, (factor, of_n, of_d) in TERMS.items()}


lengths = [2**p for p in range(3, 13)]  # 8 to 4,096
grown = {n: counted(n, 64) for n in lengths}
assert all(grown[n] == by_table(n, 64) for n in lengths)  # to the last operation
for n, d in [(3, 4), (200, 48), (17, 100)]:
    assert counted(n, d) == by_table(n, d)

# %% [markdown]
# Counter and table agree to the last operation. Three equalities follow from the table. The core
# equals the **RNN at n = d**. It equals the **projections at n = 2d**. And attention *with* its
# projections, 8nd² + 4n²d, equals the **GRU at n = d**.

# %%
for d in (16, 32, 64):
    at_d, at_2d = counted(d, d), counted(2 * d, d)
    assert at_d["core"] == at_d["RNN"]
    assert at_2d["core"] == at_2d["projections"]
    assert at_d["core"] + at_d["projections"] == at_d["GRU"]

[ax] = panels(1, 1, 5.6, 3.9)
for name in ("core", "projections", "RNN", "GRU"):
    line(ax, lengths, [grown[n][name] for n in lengths], name)
whole = [grown[n]["core"] + grown[n]["projections"] for n in lengths]
line(ax, lengths, whole, "attention", "core and projections")
for n, text in [(64, "n = d"), (128, "n = 2d")]:
    ax.axvline(n, color="0.7", linewidth=1, zorder=0)
    ax.text(n * 1.08, 2.3e9, text, fontsize=9)
logarithmic(ax, lengths[::3], xlabel="tokens n", ylabel="FLOPs", title="one layer, d = 64")
_ = ax.legend(fontsize=8, loc="lower right")

# %% [markdown]
# *Figure: FLOPs counted by torch against tokens at d = 64, both axes logarithmic. The core is twice
# as steep as the others. It crosses the RNN at n = 64 and the projections at n = 128. Core and
# projections together meet the GRU at n = 64 and stay above the RNN everywhere.*

# %%
sizes = [sorted(random.Random(seed).sample(range(8, 65), 2)) for seed in range(5)]  # n < d


def ratio_to_rnn(n, d, parts):
    """The FLOPs of these parts of attention, in units of the RNN's."""
    count = counted(n, d)
    return sum(count[part] for part in parts) / count["RNN"]


claim(
    "With fewer tokens than features the core takes fewer operations than an RNN",
    figure="FLOPs of the core / FLOPs of the RNN, random n < d",
    values=[ratio_to_rnn(n, d, ["core"]) for n, d in sizes],
    below=1,
    without="with n and d exchanged",
    broken=[ratio_to_rnn(d, n, ["core"]) for n, d in sizes],
)

# %%
claim(
    "With its projections attention takes more than twice the operations of an RNN",
    figure="FLOPs of attention / FLOPs of the RNN, random n < d",
    values=[ratio_to_rnn(n, d, ["core", "projections"]) for n, d in sizes],
    above=2,
    without="the projections left out",
    broken=[ratio_to_rnn(n, d, ["core"]) for n, d in sizes],
)
three = TERMS["GRU"][0] / TERMS["RNN"][0]  # a GRU takes three times an RNN
assert all(ratio_to_rnn(n, d, ["core", "projections"]) < three for n, d in sizes)

# %% [markdown]
# **Claim.** At five random sizes with n < d the core takes fewer operations than an RNN, and with n
# and d exchanged it takes more. With its projections attention takes more than twice those of an
# RNN, at the same sizes. The table says so for every n: (8nd² + 4n²d) / 4nd² = 2 + n/d.
#
# **What it does not show.** Anything about time. And the comparison in the paper's table is a
# little generous: it keeps the RNN's matrix for the word and leaves out attention's for query, key,
# value and output. Against a GRU, at these sizes, the whole layer of attention takes fewer
# operations.

# %% [markdown]
# ### Turn n and d
#
# In units of the RNN's FLOPs all of these depend on n/d only. Four lengths at d = 64:


# %%
def draw_bars(ax, n, d, title):
    """The FLOPs of each layer as bars, in units of the RNN's."""
    names = ["core", "projections", "RNN", "GRU", "convolution"]
    count = by_table(n, d)
    shares = [count[name] / count["RNN"] for name in names]
    bars = ax.barh(names, shares, color=[LOOKS[name][0] for name in names])
    ax.bar_label(bars, [f" {share:,.4g}" for share in shares], fontsize=8)
    ax.set(xlabel="FLOPs / FLOPs of the RNN", xlim=(0, max(4.0, 1.25 * max(shares))), title=title)
    ax.invert_yaxis()


for ax, n in zip(panels(2, 2, 3.7, 2.1), (16, 64, 128, 512), strict=True):
    draw_bars(ax, n, 64, f"n = {n}, d = 64")

# %% [markdown]
# *Figure: four bar charts at d = 64 in units of the RNN. Projections stay 2, the GRU 3, the
# convolution with k = 3 stays 1.5. The core is 0.25 at n = 16, 1 at n = 64, 2 at n = 128 and 8 at
# n = 512.*
#
# The base model of the paper has `d_model` = 512. **Find** the length at which its core is as large
# as its projections. A sentence of a translation has some dozens of tokens: how large is the core
# there? (Without a running kernel: read the figure above at the same n/d.)
#
# <details><summary>Answer</summary>
#
# At n = 2d = 1,024. At n = 32 the core is 1/16 of an RNN and 1/32 of the projections: nearly all
# the work of a layer is in its projections.
#
# </details>


# %%
def draw_knobs(n, d):
    """The bars for one n and one d; the title tells what the unit is."""
    [ax] = panels(1, 1, 5.0, 2.6)
    draw_bars(ax, n, d, f"the RNN takes {by_table(n, d)['RNN']:,} FLOPs")


long, short = by_table(1024, 512), by_table(32, 512)
assert long["core"] == long["projections"]
assert short["core"] * 16 == short["RNN"]
assert short["core"] * 32 == short["projections"]
Knobs(
    draw_knobs,
    n=SelectionSlider(options=[2**p for p in range(15)], value=64, description="n"),
    d=SelectionSlider(options=[2**p for p in range(2, 13)], value=512, description="d"),
)

# %% [markdown]
# ## 4 · Experiment 2: what must wait
#
# Torch remembers how each result was made, for the backward pass: a graph of operations, each of
# which needed the results of others. The **longest chain** in this graph cannot be done at once,
# with however many processors. We measure it at 8 tokens and at five random lengths.
#
# **Predict** which of the four layers gets a longer chain from more tokens.
#
# <details><summary>Answer</summary>
#
# Only the RNN. Each token adds a product, a sum and a tanh to its chain: 3 operations.
#
# </details>


# %%
def longest_chain(out):
    """The number of torch's operations on the longest chain that leads to `out`."""
    depth, todo = {None: 0}, [out.grad_fn]
    while todo:
        waits_for = [before for before, _ in todo[-1].next_functions]
        missing = [before for before in waits_for if before not in depth]
        if missing:
            todo += missing
        else:
            depth[todo.pop()] = 1 + max((depth[before] for before in waits_for), default=0)
    return depth[out.grad_fn]


# %%
module, rnn = nn.MultiheadAttention(8, 1, batch_first=True), nn.RNN(8, 8, batch_first=True)
conv = nn.Conv1d(8, 8, 3)
layers = {
    "self-attention": lambda x: module(x, x, x)[0],
    "convolution": lambda x: conv(F.pad(x.mT, (2, 0))),
    "restricted": lambda x: neighbourhoods(x[0], 5),
    "RNN": lambda x: rnn(x)[0],
}
counts = [8] + [random.Random(seed).randint(16, 300) for seed in range(5)]
chains = {}
for name, layer in layers.items():
    inputs = [torch.zeros(1, n, 8, requires_grad=True) for n in counts]
    chains[name] = [longest_chain(layer(x)) for x in inputs]
    print(f"{name:15} n = {counts}: {chains[name]}")

# %%
claim(
    "In self-attention the longest chain does not grow with the number of tokens",
    figure="longest chain at a random length / at 8 tokens",
    values=[chain / chains["self-attention"][0] for chain in chains["self-attention"][1:]],
    below=1.01,
    without="an RNN in its place",
    broken=[chain / chains["RNN"][0] for chain in chains["RNN"][1:]],
)
for name in ("self-attention", "convolution", "restricted"):
    assert len(set(chains[name])) == 1
assert chains["RNN"] == [chains["RNN"][0] + 3 * (n - 8) for n in counts]

# %% [markdown]
# **Claim.** At five random lengths from 16 to 300 the longest chain of attention, of convolution
# and of restricted attention is the same as at 8 tokens. That of the RNN grows by 3 with each
# token.
#
# **What it does not show.** O(1) is not 1: torch counts each transposition as a link of the chain.
# And an operation of torch is not a single step for the hardware. A sum over n keys takes about
# log₂ n rounds even with n adders; the paper's table counts it as one.

# %% [markdown]
# ## 5 · Experiment 3: how far it is
#
# Is there a way from the first input to the last output? A derivative tells: it is exactly 0 if
# there is none. We stack layers until it is not 0, and so *measure* the path length.
#
# - **Self-attention**, and attention **restricted** to r = 9 (four tokens on either side).
# - Causal **convolutions** with k = 3: each output sees itself and the two before. And **dilated**
#   ones, in which layer 0, 1, 2, … looks back in strides of 1, 3, 9, …
# - An **RNN** has one layer, and its steps lie in a row. So we cut: does the derivative die if just
#   one step, from one state to the next, carries none? Every step for which it does lies on all
#   ways from the first word to the last.
#
# **Predict** the number for each at n = 17.
#
# <details><summary>Answer</summary>
#
# Attention 1. Restricted: 16 positions, 4 in each layer, 4 layers. Plain convolutions: 2 positions
# in each layer, 8 layers. Dilated: the layers reach 2, then 6 more, then 18 more, so 3 layers. RNN:
# 16 steps.
#
# </details>


# %%
def layer_of(kind, number):
    """Layer `number`, from 0, of a stack of this kind: a function (1, n, 8) -> (1, n, 8)."""
    if kind == "self-attention":
        return lambda x: F.scaled_dot_product_attention(x, x, x)
    if kind == "restricted":
        return lambda x: neighbourhoods(x[0], 9)[None]
    stride = 3**number if kind == "dilated" else 1
    conv = nn.Conv1d(8, 8, 3, dilation=stride, dtype=torch.float64)
    return lambda x: conv(F.pad(x.mT, (2 * stride, 0))).mT  # it wants (1, d, n)


# %%
def signal(layers, x):
    """Size of the derivative of the last output by the first input. x (1, n, 8)."""
    x = x.clone().requires_grad_()
    y = x
    for layer in layers:
        y = layer(y)  # (1, n, 8)
    [gradient] = torch.autograd.grad(y[0, -1].sum(), x)
    return gradient[0, 0].norm().item()


def fewest(kind, x):
    """The fewest layers through which the last output sees the first input."""
    layers = []
    while not layers or signal(layers, x) == 0:
        layers.append(layer_of(kind, len(layers)))
    return len(layers)


# %%
def tokens(n, seed):
    """Random tokens (1, n, 8); the weights of layers made after them depend on the seed, too."""
    torch.manual_seed(seed)
    return torch.randn(1, n, 8, dtype=torch.float64)  # so that nothing fades to 0 by rounding


def new_rnn():
    """A recurrent layer of 8 features with random weights."""
    return nn.RNN(8, 8, batch_first=True, dtype=torch.float64)


def cut(rnn, x, t):
    """The signal of an RNN whose step into token t carries no derivative."""
    return signal([lambda x: rnn(x[:, t:], rnn(x[:, :t])[1].detach())[0]], x)


def steps_on_all_ways(rnn, x):
    """The number of steps of an RNN that kill the signal if they are cut."""
    return sum(cut(rnn, x, t) == 0 for t in range(1, x.shape[1]))


# %%
distances = [5, 9, 17, 33, 65]
kinds = ["self-attention", "restricted", "convolution", "dilated"]
paths = {kind: [fewest(kind, tokens(n, seed=0)) for n in distances] for kind in kinds}
paths["RNN"] = [steps_on_all_ways(new_rnn(), tokens(n, seed=0)) for n in distances]
for name, found in paths.items():
    print(f"{name:15} n = {distances}: {found}")

assert paths["self-attention"] == [1, 1, 1, 1, 1]
assert paths["restricted"] == [1, 2, 4, 8, 16]
assert paths["convolution"] == [2, 4, 8, 16, 32]
assert paths["dilated"] == [2, 2, 3, 4, 4]
assert paths["RNN"] == [4, 8, 16, 32, 64]

# %%
[ax] = panels(1, 1, 5.2, 3.6)
for name, look, label in [
    ("RNN", "RNN", "RNN"),
    ("convolution", "convolution", "convolutions, k = 3"),
    ("restricted", "restricted", "restricted, r = 9"),
    ("dilated", "dilated", "dilated convolutions"),
    ("self-attention", "core", "self-attention"),
]:
    line(ax, distances, paths[name], look, label)
logarithmic(ax, distances, xlabel="tokens n", ylabel="path from first to last")
ax.set_yscale("log", base=2)
ax.set_yticks([1, 4, 16, 64], [1, 4, 16, 64])
ax.set_title("steps or layers on the way")
_ = ax.legend(fontsize=8, loc="upper left")

# %% [markdown]
# *Figure: path length against tokens, both axes logarithmic. The RNN, the plain convolutions and
# restricted attention rise on parallel straight lines, the RNN highest. The dilated convolutions
# rise slowly, in stairs. Self-attention stays at 1.*

# %%
one_layer, narrow, eight, seven, uncut, severed = [], [], [], [], [], []
for seed in range(5):
    x = tokens(17, seed)
    one_layer.append(signal([layer_of("self-attention", 0)], x))
    narrow.append(signal([layer_of("restricted", 0)], x))
    convolutions = [layer_of("convolution", number) for number in range(8)]
    eight.append(signal(convolutions, x))
    seven.append(signal(convolutions[:7], x))
    rnn = new_rnn()
    uncut.append(signal([lambda x, rnn=rnn: rnn(x)[0]], x))
    severed.append(max(cut(rnn, x, t) for t in range(1, 17)))

# %%
seen_from_the_end = partial(claim, figure="size of ∂ last output / ∂ first input, n = 17", above=0)
seen_from_the_end(
    "One layer of self-attention joins the first and the last of 17 tokens",
    values=one_layer,
    without="attention restricted to r = 9",
    broken=narrow,
)
seen_from_the_end(
    "Eight causal convolutions of k = 3 join the first and the last of 17 tokens",
    values=eight,
    without="one convolution fewer",
    broken=seven,
)
seen_from_the_end(
    "An RNN joins the first and the last of 17 tokens by a path with no way around any step",
    values=uncut,
    without="one of the 16 steps cut, the largest of 16 cuts",
    broken=severed,
)

# %% [markdown]
# **Claim.** On five seeds one layer of attention joins the ends of 17 tokens; restricted to r = 9
# it does not, and the derivative is exactly 0. Eight plain convolutions do, seven do not. In the
# RNN each of the 16 steps can cut the way on its own. From 5 to 65 tokens (seed 0) the path of
# attention stays 1. The others grow in proportion to n − 1, or, with dilation, by a layer now and
# then: 65 tokens take 4.
#
# **What it does not show.** That a short path is *used*, or that a long one cannot be. How a
# gradient fades along it was the subject of [lecture 01](01_from_recurrence_to_attention.ipynb).

# %% [markdown]
# ## 6 · Experiment 4: what is kept
#
# The paper's table does not speak of memory. For the backward pass a layer keeps what it will need
# again: attention keeps its map, n² weights for each head. Torch calls a hook with every tensor
# that it saves. We add up the bytes, each storage once, without the input and the layer's own
# parameters, which are there anyway.
#
# How do they grow? If bytes ≈ c · n^p, the points lie on a straight line of slope p when both axes
# are logarithmic. We take the slope of each pair of points, and the median of all: one odd point
# does no harm. (The assignment fits by least squares.)


# %%
def kept(layer, owner, x):
    """Bytes kept for the backward pass of `layer(x)`, without x and its owner's parameters."""
    bytes_at = {}

    def note(saved):
        bytes_at[saved.untyped_storage().data_ptr()] = saved.untyped_storage().nbytes()
        return saved

    with saved_tensors_hooks(note, lambda saved: saved):
        out = layer(x)  # holds on to what is kept while we count
    for own in (x, *owner.parameters()):
        bytes_at.pop(own.untyped_storage().data_ptr(), None)
    assert out.requires_grad
    return sum(bytes_at.values())


def exponent(sizes, costs):
    """The p of cost ≈ c · size^p: the median of the slopes of all pairs of points."""
    logs = [(math.log(size), math.log(cost)) for size, cost in zip(sizes, costs, strict=True)]
    pairs = itertools.combinations(logs, 2)
    return statistics.median((high - low) / (late - soon) for (soon, low), (late, high) in pairs)


# %%
one_head = nn.MultiheadAttention(64, 1, batch_first=True)
four_heads = nn.MultiheadAttention(64, 4, batch_first=True)
fused = partial(one_head, need_weights=False)
rnn, gru = nn.RNN(64, 64, batch_first=True), nn.GRU(64, 64, batch_first=True)
keepers = {  # a layer, whose parameters it uses, how it looks
    "attention, 4 heads": (lambda x: four_heads(x, x, x)[0], four_heads, "attention"),
    "attention, 1 head": (lambda x: one_head(x, x, x)[0], one_head, "core"),
    "GRU": (lambda x: gru(x)[0], gru, "GRU"),
    "attention, fused": (lambda x: fused(x, x, x)[0], one_head, "core, fused"),
    "RNN": (lambda x: rnn(x)[0], rnn, "RNN"),
}


def kept_by(name, n):
    """Bytes kept by one of these layers for n tokens."""
    layer, owner, _ = keepers[name]
    return kept(layer, owner, torch.zeros(1, n, 64, requires_grad=True))


# %%
spans = [256, 512, 1024, 2048]
memory = {name: [kept_by(name, n) for n in spans] for name in keepers}
for name, sizes in memory.items():
    megabytes = " ".join(f"{size / 1e6:6.2f}" for size in sizes)
    print(f"{name:20} {megabytes} MB, grows as n^{exponent(spans, sizes):.2f}")

# %%
[ax] = panels(1, 1, 5.2, 3.4)
for name, (_, _, look) in keepers.items():
    line(ax, spans, [size / 1e6 for size in memory[name]], look, name)
logarithmic(ax, spans, xlabel="tokens n", ylabel="MB", title="kept for the backward pass, d = 64")
_ = ax.legend(fontsize=8)

# %% [markdown]
# *Figure: megabytes kept against tokens from 256 to 2,048, both axes logarithmic. Attention with
# its map is the steepest, four heads above one head. The GRU, attention by the fused kernel and the
# RNN lie far lower at 2,048 and rise in proportion to the tokens.*

# %%
drawn = [random.Random(seed).randint(256, 1024) for seed in range(5)]
claim(
    "Twice the tokens, more than 2.5 times the memory: attention keeps its map",
    figure="bytes kept by one head at 2n tokens / at n tokens, random n",
    values=[kept_by("attention, 1 head", 2 * n) / kept_by("attention, 1 head", n) for n in drawn],
    above=2.5,
    without="the fused kernel, which keeps no map",
    broken=[kept_by("attention, fused", 2 * n) / kept_by("attention, fused", n) for n in drawn],
)
for n, one, four in zip(
    spans, memory["attention, 1 head"], memory["attention, 4 heads"], strict=True
):
    assert four - one == 3 * (4 * n * n)  # bytes: three more maps, and nothing else
assert [round(sizes[-1] / 1e6, 1) for sizes in memory.values()] == [69.7, 19.4, 3.7, 2.1, 0.5]

# %% [markdown]
# **Claim.** At d = 64 and five random lengths from 256 to 1,024 the memory that attention keeps
# grows more than 2.5 times when the tokens double. At 2,048 tokens four heads keep 69.7 MB, one
# head 19.4, a GRU 3.7, an RNN 0.5. Each further head costs one more map.
#
# **The way out.** The fused kernel keeps 2.1 MB. It never writes the map down: it works through the
# keys block by block, keeps one number for each query (the logarithm of the softmax's denominator),
# and makes the weights again in the backward pass. The idea is called FlashAttention (Dao, Fu,
# Ermon, Rudra and Ré, 2022), and `F.scaled_dot_product_attention` uses it on a CPU too. The FLOPs
# still grow as n² · d, and making the weights again adds some. The *memory* grows as n · d.
#
# **What it does not show.** What is in use for a moment, during the forward pass. Only what stays.

# %% [markdown]
# ## 7 · Experiment 5: the clock
#
# Now we measure time, at d = 64, for 8 to 4,096 tokens: the core (plain, and by the fused kernel),
# attention as a whole (the fused kernel and the projections), an RNN and a GRU. Forward only, one
# sentence, one thread, median of several calls, three repetitions. We read the CPU time of our own
# thread, and before each timed call comes one that is not timed: both let other programs disturb
# less.
#
# **Predict.** At n = d = 64 the core and the RNN have *equally many* FLOPs. Which of them takes
# longer? And at n = 4,096, where the core has 64 times as many?
#
# <details><summary>Answer</summary>
#
# At 64 the RNN: it does its FLOPs in 64 small portions, each of which waits for the one before. At
# 4,096 the core. By how much, read below.
#
# </details>


# %%
def core(x, kernel):
    """Scores, softmax and mixing of one head, without projections. (1, n, d) -> (1, n, d)."""
    heads = x[:, None]  # (b, n_heads, n, d_head) = (1, 1, n, d)
    with sdpa_kernel(kernel):
        return F.scaled_dot_product_attention(heads, heads, heads)[:, 0]


def layers_of(d):
    """The five layers that are timed, for d features."""
    module = nn.MultiheadAttention(d, 1, bias=False, batch_first=True)
    return {
        "core": partial(core, kernel=SDPBackend.MATH),
        "core, fused": partial(core, kernel=SDPBackend.FLASH_ATTENTION),
        "attention": lambda x: module(x, x, x, need_weights=False)[0],
        "RNN": nn.RNN(d, d, batch_first=True),
        "GRU": nn.GRU(d, d, batch_first=True),
    }


# %%
def seconds(layers, x, rounds):
    """Median seconds of each layer on x, called in turn so that a busy moment hits them all."""
    taken = {name: [] for name in layers}
    for _, (name, layer) in itertools.product(range(rounds), layers.items()):
        layer(x)  # brings its code and numbers back into the cache, from which others push them
        start = time.thread_time()
        layer(x)
        taken[name].append(time.thread_time() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


@torch.no_grad()
def clocked(sizes, repetitions=3):
    """Seconds of each layer at each (n, d) of sizes. -> (repetitions, sizes, layers)."""
    rows = []
    for repetition, (n, d) in itertools.product(range(repetitions), sizes):
        x = torch.randn(1, n, d, generator=torch.Generator().manual_seed(repetition))
        rows.append(list(seconds(layers_of(d), x, rounds=3 if n > 1024 else 9).values()))
    return torch.tensor(rows).reshape(repetitions, len(sizes), -1)


# %%
timed = list(layers_of(1))  # the names
clock = clocked([(n, 64) for n in lengths])  # (repetitions, lengths, layers)
typical = clock.median(dim=0).values  # (lengths, layers)
print("milliseconds, median of three repetitions, on this machine")
print(f"{'n':>5}", *(f"{name:>12}" for name in timed))
for n, row in zip(lengths, typical.tolist(), strict=True):
    print(f"{n:5}", *(f"{1e3 * t:12.3f}" for t in row))

print("\ntime grows as n to the power of, on this machine (counted: core 2, RNN, GRU 1)")
for name, column in zip(timed, typical.T.tolist(), strict=True):
    low, high = exponent(lengths[:5], column[:5]), exponent(lengths[6:], column[6:])
    print(f"  {name:12} n ≤ 128: {low:.1f}   n ≥ 512: {high:.1f}")


# %%
def done(sizes):
    """The FLOPs of the timed layers at each (n, d) of sizes. -> (sizes, layers)."""
    rows = []
    for n, d in sizes:
        count = by_table(n, d)
        count["core, fused"] = count["core"]
        count["attention"] = count["core"] + count["projections"]
        rows.append([count[name] for name in timed])
    return torch.tensor(rows)


# %%
work = done([(n, 64) for n in lengths])  # (lengths, layers)
speed = work / clock / 1e9  # (repetitions, lengths, layers), GFLOP/s
left, middle, right = panels(1, 3, 3.6, 3.4)
for column, name in enumerate(timed):
    if name != "core, fused":  # counts as the core
        line(left, lengths, work[:, column], name)
    line(middle, lengths, 1e3 * clock[:, :, column], name)
    line(right, lengths, speed[:, :, column], name)
logarithmic(left, lengths[::3], xlabel="tokens n", ylabel="FLOPs", title="counted")
logarithmic(middle, lengths[::3], xlabel="tokens n", ylabel="milliseconds", title="measured here")
logarithmic(right, lengths[::3], xlabel="tokens n", ylabel="GFLOP/s", title="counted / measured")
for ax in (left, middle, right):
    ax.axvline(64, color="0.7", linewidth=1, zorder=0)
_ = middle.legend(fontsize=8)

# %% [markdown]
# *Figure: three panels against tokens at d = 64, a thin line marking n = d. Counted: the core
# crosses the RNN, and attention as a whole the GRU, at n = 64. Measured: at n = 64 the core lies
# far below the RNN, and attention as a whole far below the GRU. The core crosses the RNN only at a
# much greater length. FLOPs per second: with more than a few tokens attention has many times those
# of the recurrent layers.*

# %%
ratio = clock[..., timed.index("core")] / clock[..., timed.index("RNN")]  # (repetitions, lengths)
claim(
    "At n = 64 the core of attention is faster than an RNN, and at n = 4,096 it is not",
    figure="time of the core / time of the RNN",
    values=ratio[:, lengths.index(64)].tolist(),
    below=1,
    without="4,096 tokens in place of 64",
    broken=ratio[:, lengths.index(4096)].tolist(),
    each="repetitions",
)
assert ratio[:, lengths.index(4096)].min() > 1
slower = [n for n, r in zip(lengths, ratio.median(dim=0).values, strict=True) if r > 1]
print(f"on this machine the core is the slower one from n = {min(slower):,} on")

# %% [markdown]
# **Claim.** At d = 64, on three repetitions, the core takes less time than an RNN at 64 tokens and
# more at 4,096. That is all we assert about time. Every other number of this section belongs to the
# machine that prints it.
#
# **What it does not show.** Where in between the clocks cross. The counts cross at n = d, and on
# the machine where this was written the clocks cross at many times that length. And the claim is
# about the plain core, without its projections. How attention as a whole does, fused and with
# projections, against RNN and GRU, you can read in the figure.
#
# ### Where counted and measured part
#
# If a layer runs at s FLOPs per second, its time is FLOPs / s. Set 4n²d / s_core equal to
# 4nd² / s_RNN, and the clocks cross at
#
# $$n = d \cdot \frac{s_\mathrm{core}}{s_\mathrm{RNN}}.$$
#
# So the question is why the two run at such different speeds. Here is one matrix product of 256
# rows, and the same product in portions. All have *the same FLOPs*; 1 row at a time is what an RNN
# must do with its states, since each waits for the one before. Portions of 16 rows are an RNN that
# reads a batch of 16 sentences.

# %%
rows_of_x, w = torch.randn(256, 64), torch.randn(64, 64)
for rows in (1, 4, 16, 64, 256):
    portions = rows_of_x.split(rows)
    in_a_row = {"products": lambda portions, w=w: [portion @ w for portion in portions]}
    took = seconds(in_a_row, portions, rounds=20)["products"]
    print(
        f"{256 // rows:3} products of {rows:3} rows: {1e6 * took:6.0f} µs,"
        f" {2 * 256 * 64 * 64 / took / 1e9:6.1f} GFLOP/s on this machine"
    )
assert 4 * 4096**2 == 64 * 2**20  # bytes of a map of 4,096 tokens: 64 MiB

# %% [markdown]
# - **Each call has its price**, whatever it computes. That is why the lines of the core are flat on
#   the left, and one reason why many small products are slow.
# - **A vector times a matrix uses each entry of the matrix once** and then fetches the next. With
#   many rows each entry is used many times before it is put away. What must wait is computed in
#   small pieces, and small pieces are slow *even on a single thread*.
# - **The map has to be written and read.** The plain core and the fused one have the same FLOPs;
#   compare their times at 4,096 tokens. The plain one makes a map of 64 MiB, far more than the
#   cache of a core holds, and the operating system has to find the room. That is why its line can
#   end steeper than its count.
# - **The softmax is not counted.** n² exponentials take time, too.
#
# ### And d?
#
# The counts of RNN and GRU grow as d². **Predict**: from d = 16 to d = 512 the FLOPs of an RNN grow
# 1,024 times. And its time, for 256 tokens?
#
# <details><summary>Answer</summary>
#
# On the machine where this was written, by far less. At small d a step costs its calls, and hardly
# anything else: the line is nearly flat. Then the products get larger, and run faster. Read yours
# below.
#
# </details>

# %%
widths = [16, 32, 64, 128, 256, 512]
wide = [(256, d) for d in widths]
clock_d = clocked(wide)  # (repetitions, widths, layers)
print("time grows as d to the power of, on this machine (counted: core 1, RNN, GRU 2)")
for name, column in zip(timed, clock_d.median(dim=0).values.T.tolist(), strict=True):
    doublings = " ".join(f"{wider / before:4.1f}" for before, wider in itertools.pairwise(column))
    print(f"  {name:12} {exponent(widths, column):.1f}, each doubling times {doublings}")

assert by_table(256, 512)["RNN"] == 1024 * by_table(256, 16)["RNN"]

# %%
left, right = panels(1, 2, 3.9, 3.6)
for column, name in enumerate(timed):
    line(left, widths, 1e3 * clock_d[:, :, column], name)
    line(right, widths, (done(wide) / clock_d / 1e9)[:, :, column], name)
start = 1e3 * clock_d[:, 0, timed.index("RNN")].mean().item()
as_counted = [start * (d / 16) ** 2 for d in widths]
left.plot(widths, as_counted, color=ORANGE, linewidth=1, linestyle=(0, (1, 2)))
left.annotate("as counted", (128, as_counted[3]), (-4, 4), textcoords="offset points", ha="right")
logarithmic(left, widths, xlabel="features d", ylabel="milliseconds", title="measured, n = 256")
logarithmic(right, widths, xlabel="features d", ylabel="GFLOP/s", title="counted / measured")
_ = right.legend(fontsize=8, loc="lower right")

# %% [markdown]
# *Figure: two panels against features at n = 256, all axes logarithmic. Measured: the RNN and the
# GRU are nearly flat at small d and become steeper; a dotted line shows where the RNN would be if
# its time grew as its FLOPs do, far above. FLOPs per second: those of the recurrent layers start
# far below the core's and come nearer as d grows.*
#
# ### What a laptop does not show
#
# - **The crossing at n ≈ d.** It is there in the counts, to the last operation, and not in the
#   time.
# - **The d² of recurrence**, up to d = 512. On the machine where this was written the fitted
#   exponent stays far below 2. (The last doubling alone may be steep, and even steeper than the
#   count, when the matrices no longer fit into a cache.)
# - **Sequential operations as such.** One thread does everything in a row. What we have seen of
#   them is small products against large ones. Hardware that does thousands of operations at once
#   can use them on attention, and not on a chain: we cannot measure that here.
#
# Compare counts and clock at any n and d. First the two lengths of the claim:


# %%
def draw_both(ax, n, d, times):
    """FLOPs and seconds of each layer, in units of the RNN's. times: (layers,)."""
    rnn = timed.index("RNN")
    counts = done([(n, d)])[0]  # (layers,)
    for row, name in enumerate(timed):
        count, clock = (counts[row] / counts[rnn]).item(), (times[row] / times[rnn]).item()
        color = LOOKS[name][0]
        ax.plot([count, clock], [row, row], color="0.7", zorder=0)
        ax.plot(count, row, "o", color=color, markerfacecolor="white", markersize=10)
        ax.plot(clock, row, "o", color=color, markersize=6)
    ax.plot([], [], "o", color="0.3", markerfacecolor="white", markersize=10, label="FLOPs")
    ax.plot([], [], "o", color="0.3", markersize=6, label="time")
    ax.set_yticks(range(len(timed)), timed)
    ax.set(xscale="log", xlabel="in units of the RNN", title=f"n = {n:,}, d = {d}")
    ax.set(xlim=(0.01, 500), ylim=(len(timed) - 0.5, -0.5))
    ax.legend(fontsize=8, loc="lower left")


for ax, n in zip(panels(1, 2, 4.2, 2.6), (64, 4096), strict=True):
    draw_both(ax, n, 64, typical[lengths.index(n)])

# %% [markdown]
# *Figure: five layers at n = 64 and at n = 4,096, d = 64, each with a hollow dot for its FLOPs and
# a full dot for its time, in units of the RNN. At 64 the hollow dots of the core, plain and fused,
# lie on 1 and the full ones below. At 4,096 the hollow dots lie on 64, and the full ones far to the
# left of them.*


# %%
def draw_measured(n, d):
    """Measure now, on this machine, and draw."""
    [ax] = panels(1, 1, 5.0, 2.7)
    draw_both(ax, n, d, clocked([(n, d)], repetitions=1)[0, 0])


Knobs(
    draw_measured,
    n=SelectionSlider(options=lengths[:-1], value=512, description="n"),
    d=SelectionSlider(options=widths, value=64, description="d"),
)

# %% [markdown]
# ## 8 · The paper and the tools
#
# "Attention Is All You Need", section 4, has the three columns and the reasons for them. It says
# that "self-attention layers are faster than recurrent layers when the sequence length n is smaller
# than the representation dimensionality d". We can now be more precise. Of the core's *operations*
# it is true. The whole layer takes 2 + n/d times the operations of an RNN. On the *clock* the core
# is the faster one even at n = d = 64, where the counts are equal, and for another reason: it does
# not wait.
#
# The third column is about learning and not about time: the shorter the path, the easier it is "to
# learn long-range dependencies".
#
# | where | plain | fused | restricted |
# | --- | --- | --- | --- |
# | torch | `need_weights=True` | `need_weights=False` | `flex_attention` |
# | fairseq | `need_weights=True` | `need_weights=False` | |
# | Hugging Face | `attn_implementation="eager"` | `"sdpa"` | `attention_window` (Longformer) |
# | OpenNMT-py | `--self_attn_type scaled-dot` | `scaled-dot-flash` | |
#
# These are options and not guarantees: which kernel runs depends on the device, the dtype, the mask
# and the version. `sdpa_kernel`, as in section 7, forces one, or fails.
#
# The parity check: the fused kernel equals the plain one, and our neighbourhoods equal attention
# with a mask that hides all but the near keys.

# %%
near = (torch.arange(40)[:, None] - torch.arange(40)).abs() <= 2  # (n, n), r = 5
for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
    x = torch.randn(40, 16, generator=torch.Generator().manual_seed(3), dtype=dtype)  # (n, d)
    plain = core(x[None], SDPBackend.MATH)
    by_fused = (core(x[None], SDPBackend.FLASH_ATTENTION) - plain).abs().max().item()
    masked = F.scaled_dot_product_attention(x[None], x[None], x[None], attn_mask=near)[0]
    cut_out = (neighbourhoods(x, 5) - masked).abs().max().item()
    print(f"{dtype}: fused differs by {by_fused:.1e}, neighbourhoods by {cut_out:.1e}")
    assert max(by_fused, cut_out) < tolerance

# %% [markdown]
# ## 9 · Check yourself
#
# **1.** Twice the tokens *and* twice the features. How do the FLOPs of the core, of the projections
# and of an RNN grow?
#
# <details><summary>Answer</summary>
#
# All of them eightfold: n² d and n d² both have three factors that double.
#
# </details>
#
# **2.** A layer with `d_model` = 64 gets 8 heads in place of 1. What becomes of the FLOPs of its
# core, and of the weights that it keeps?
#
# <details><summary>Answer</summary>
#
# The FLOPs stay: eight times the pairs, each with an eighth of the features. The weights are eight
# times as many, one map for each head.
#
# </details>
#
# **3.** Somebody restricts attention by a *mask* that hides all but r near keys. How many
# operations does this spare, in torch's plain kernel?
#
# <details><summary>Answer</summary>
#
# None. All n² scores are computed, and then most of them are thrown away. Only code that never
# computes far pairs gets from n² d to r n d.
#
# </details>

# %%
for name in ("core", "projections", "RNN"):
    assert counted(64, 32)[name] == 8 * counted(32, 16)[name]

x = torch.zeros(1, 32, 64, requires_grad=True)
one, eight = (nn.MultiheadAttention(64, n_heads, batch_first=True) for n_heads in (1, 8))
assert flops(one, x, x, x)["aten.bmm"] == flops(eight, x, x, x)["aten.bmm"]
_, maps = eight(x, x, x, average_attn_weights=False)  # (b, n_heads, n, n)
assert maps.numel() == 8 * one(x, x, x)[1].numel()

x = torch.zeros(1, 1, 40, 16)  # (b, n_heads, n, d_head)
with sdpa_kernel(SDPBackend.MATH):
    full, hidden = (
        sum(flops(F.scaled_dot_product_attention, x, x, x, attn_mask=mask).values())
        for mask in (None, near)
    )
assert full == hidden == by_table(40, 16)["core"]
spared = sum(flops(neighbourhoods, x[0, 0], 5).values())
assert spared == by_table(40, 16)["restricted"] < hidden

# %% [markdown]
# **The assignment.** [a5_complexity](../assignments/a5_complexity/a5_complexity.ipynb): the counts
# in functions, for any size; the recurrent layer itself; and the tool that tells from measured
# times how a cost grows. Mind that it counts in multiply–adds.
#
# **Next.** [Lecture 06](06_positional_encoding.ipynb): a layer in which all words are one step
# apart cannot tell which of them comes first. How does it learn about order?
#
# ## 10 · Words
#
# | English | 한국어 |
# | --- | --- |
# | complexity | 복잡도 |
# | operation, multiply–add | 연산, 곱셈 누산 |
# | floating point operations (FLOPs) | 부동소수점 연산 (횟수) |
# | sequential | 순차적 |
# | parallel | 병렬 |
# | path length | 경로 길이 |
# | recurrence, recurrent network | 순환, 순환 신경망 |
# | convolution, kernel | 합성곱, 커널 |
# | dilated convolution | 팽창 합성곱 |
# | restricted (local) attention | 제한된 (지역) 어텐션 |
# | fused kernel | 융합 커널 |
# | memory | 메모리 |
# | thread | 스레드 |
# | crossover | 교차점 |
# | exponent, slope | 지수, 기울기 |
# | to measure | 측정하다 |
