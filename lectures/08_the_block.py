# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 08 · The block: residual, normalisation, feed-forward
#
# *About 70 minutes. You need [lecture 04](04_multi_head_attention.ipynb), attention with several
# heads, and the masks of [lecture 07](07_masked_self_attention.ipynb).*
#
# **The question.** Attention moves things between words. One attention is not a translator, and the
# paper piles up six of them. Why does a pile of nothing but attention not work? What stands between
# two attentions, and which of it could be left out?
#
# **Afterwards you can**
#
# - compute what a block makes of a word, by hand, in the order of the paper and in the other one;
# - say what is lost without the residual and without the feed-forward layer, and show it;
# - tell four normalisations apart by the axes they average over, and say which of them may stand in
#   a Transformer, and why;
# - say what batch normalisation does to a padded batch, and to the causal mask;
# - say when the place of the normalisation matters in training, and when it does not.

# %%
import itertools
import math

import torch
import torch.nn.functional as F
from ipywidgets import Dropdown, IntSlider
from matplotlib.patches import Rectangle
from torch import nn

from course.claims import claim
from course.date_task import training_batch
from course.experiments import table
from course.experiments.depth import (
    DEPTHS,
    EVERY,
    GENTLE,
    ORDERS,
    PEAK,
    STEPS,
    WARM_UPS,
    learn,
    model_of,
)
from course.knobs import Knobs
from course.plots import BLUE, GREEN, ORANGE, PURPLE, panels, spread, use_style

torch.set_num_threads(1)
use_style()

# %% [markdown]
# ## 1 · By hand: *go* on its way through a block
#
# Let the words of **I go home** be vectors of four numbers, and let *go* look around with the
# weights of lecture 02: .4 for *I*, .2 for itself, .4 for *home*. To keep it small, a value is the
# word itself, and so is what a head hands on.
#
# | word | vector | weight of *go* |
# | --- | --- | --- |
# | I | (5, 0, 0, 5) | .4 |
# | go | (0, 5, 0, 0) | .2 |
# | home | (0, 0, 5, 10) | .4 |
#
# **Step 1, attention:** the weighted mean is (2, 1, 2, 6).
#
# **Step 2, add:** it does not *replace* the word, it is added to it: (0, 5, 0, 0) + (2, 1, 2, 6) =
# (2, 6, 2, 6). This is the **residual** connection: the layer only says what should change.
#
# **Step 3, normalise:** from each of the four numbers of the word subtract their mean, 4, and
# divide by their standard deviation, 2: (−1, 1, −1, 1).
#
# **Step 4, feed-forward:** two *hidden* numbers are made from the word. The first adds its second
# and fourth number, 1 + 1 = 2; the second adds its first and third, −1 − 1 = −2. What is negative
# becomes 0 (**ReLU**): 2 and 0. Then each hidden number writes a vector of its own, as often as it
# says: the first (1, 1, 2, 0), the second (0, 0, 0, 1). Together 2 · (1, 1, 2, 0) = (2, 2, 4, 0).
#
# **Step 5, add and normalise again.** **Predict** what becomes of *go*. And what would it be
# without the ReLU in step 4?
#
# <details><summary>Answer</summary>
#
# (−1, 1, −1, 1) + (2, 2, 4, 0) = (1, 3, 3, 1). Its mean is 2, its standard deviation 1: the block
# makes (−1, 1, 1, −1) of *go*. Without the ReLU the second hidden number would have written
# −2 · (0, 0, 0, 1): (1, 3, 3, −1) before the normalisation.
#
# </details>


# %%
def add(one, other):
    """Two words, number by number. Lists (d_model,) -> a list."""
    return [a + b for a, b in zip(one, other, strict=True)]


def norm(word, eps=1e-5):
    """The numbers of one word, moved to mean 0 and scaled to variance 1."""
    mean = sum(word) / len(word)
    variance = sum((number - mean) ** 2 for number in word) / len(word)
    return [(number - mean) / math.sqrt(variance + eps) for number in word]


def feed(word, reads, starts, writes, base):
    """One word through a feed-forward layer; each hidden number has its read, start and write."""
    out = list(base)
    for read, start, write in zip(reads, starts, writes, strict=True):
        hidden = start + sum(a * b for a, b in zip(word, read, strict=True))
        if hidden > 0:  # ReLU: what is negative writes nothing
            out = [a + hidden * b for a, b in zip(out, write, strict=True)]
    return out


# %%
sentence = {"I": [5, 0, 0, 5], "go": [0, 5, 0, 0], "home": [0, 0, 5, 10]}
shares = {"I": 0.4, "go": 0.2, "home": 0.4}
mixed = [sum(shares[word] * sentence[word][f] for word in sentence) for f in range(4)]
added = add(sentence["go"], mixed)
inner = norm(added)
reads, writes = [[0, 1, 0, 1], [1, 0, 1, 0]], [[1, 1, 2, 0], [0, 0, 0, 1]]
fed = feed(inner, reads, [0, 0], writes, [0, 0, 0, 0])
go = norm(add(inner, fed))
steps = {"attention": mixed, "add": added, "norm": inner, "feed-forward": fed, "add, norm": go}
for step, word in steps.items():
    print(f"{step:12s}", [round(number, 2) for number in word])

assert mixed == [2, 1, 2, 6]
assert added == [2, 6, 2, 6]
assert [round(number, 4) for number in inner] == [-1, 1, -1, 1]
assert [round(number, 3) for number in fed] == [2, 2, 4, 0]
assert [round(number, 3) for number in go] == [-1, 1, 1, -1]
no_relu = add(fed, [0, 0, 0, sum(a * b for a, b in zip(inner, reads[1], strict=True))])
assert [round(number, 3) for number in add(inner, no_relu)] == [1, 3, 3, -1]

# %% [markdown]
# Note who took part. In step 1 *go* met the other words. In all other steps it was alone: the same
# is done with each word, at its own place.
#
# ## 2 · Definition
#
# A **sub-layer** is attention or a feed-forward layer. Around each of them stands "Add & Norm":
#
# $$h = \mathrm{LN}\big(x + \mathrm{Attention}(x)\big), \qquad
#   y = \mathrm{LN}\big(h + \mathrm{FFN}(h)\big), \qquad
#   \mathrm{FFN}(h) = \max(0,\; h W_1 + b_1)\, W_2 + b_2$$
#
# $$\mathrm{LN}(z) = \gamma \odot \frac{z - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta, \qquad
#   \mu = \tfrac1{d} \sum_f z_f, \quad \sigma^2 = \tfrac1{d} \sum_f (z_f - \mu)^2,
#   \qquad d = d_\mathrm{model}$$
#
# | symbol | is | shape | in our case |
# | --- | --- | --- | --- |
# | $x, h, y$ | the words, before, between and after | `(b, n, d_model)` | one word of (4,) |
# | $\mu, \sigma^2$ | mean and variance of **each word** by itself | `(b, n)` | 4 and 4 |
# | $\gamma, \beta$ | gain and shift of a feature, learnt, at first 1 and 0 | `(d_model,)` | 1, 0 |
# | $\varepsilon$ | keeps the root from 0 | a number | 1e-5 |
# | $W_1, b_1$ | what the hidden numbers read | `(d_model, d_ff)`, `(d_ff,)` | d_ff = 2 |
# | $W_2, b_2$ | what they write | `(d_ff, d_model)`, `(d_model,)` | |
#
# The variance divides by d, not by d − 1. Input and output of a block have the same shape: that is
# what lets us pile blocks up.
#
# This order is the paper's, and is called **post-norm**: the normalisation comes after the sum. In
# the other one, **pre-norm**, it comes before the sub-layer, and what flows past is left alone:
#
# $$h = x + \mathrm{Attention}\big(\mathrm{LN}(x)\big), \qquad
#   y = h + \mathrm{FFN}\big(\mathrm{LN}(h)\big)$$
#
# Since nothing is normalised after the last sum of a pre-norm stack, one more LN follows the last
# block. Section 6 asks what the difference is good for.


# %%
COLORS = {"attention": BLUE, "forward": GREEN, "norm": "0.6"}


def draw_block(ax, parts, title):
    """A block from bottom to top. A residual leaves at "·" and comes back at the next "+"."""
    ax.annotate("", (0, len(parts)), (0, -0.7), arrowprops={"arrowstyle": "->"}, zorder=0)
    for y, part in enumerate(parts):
        if part == "·":
            leaves = y
        elif part == "+":
            ax.plot([0, 1.9, 1.9, 0], [leaves, leaves, y, y], color="black", linewidth=1)
            circle = {"boxstyle": "circle,pad=0.15", "facecolor": "white"}
            ax.text(0, y, "+", ha="center", va="center", fontsize=12, bbox=circle)
        else:
            [color] = [color for name, color in COLORS.items() if name in part]
            ax.barh(y, 3, 0.75, left=-1.5, color="white")
            ax.barh(y, 3, 0.75, left=-1.5, color=color, alpha=0.6)
            ax.text(0, y, part, ha="center", va="center", fontsize=9)
        if part == "cross-attention":
            ax.annotate("", (-1.5, y), (-2.3, y), arrowprops={"arrowstyle": "->"})
            ax.text(-2.4, y, "memory:\nkeys,\nvalues", ha="right", va="center", fontsize=9)
    ax.text(0, -1, title, ha="center", va="top")
    ax.set(xlim=(-4, 2.3), ylim=(-1.6, 12.1))
    ax.set_axis_off()


add_and_norm = ["+", "norm"]
forward = ["·", "feed-forward", *add_and_norm]
blocks = {
    "encoder, post-norm": ["·", "self-attention", *add_and_norm, *forward],
    "encoder, pre-norm": ["·", "norm", "self-attention", "+", "·", "norm", "feed-forward", "+"],
    "decoder, post-norm": [
        *("·", "masked self-attention", *add_and_norm),
        *("·", "cross-attention", *add_and_norm, *forward),
    ],
}
for ax, (title, parts) in zip(panels(1, 3, 3.2, 5.2), blocks.items(), strict=True):
    draw_block(ax, parts, title)

# %% [markdown]
# *Figure: three blocks, read from bottom to top. Encoder, post-norm: self-attention, plus the input
# that flows past it, norm; feed-forward, plus what flows past, norm. Encoder, pre-norm: norm,
# self-attention, plus; norm, feed-forward, plus; no norm lies on the straight way up. Decoder,
# post-norm: masked self-attention, plus, norm; cross-attention, to which the memory comes from the
# side as keys and values, plus, norm; feed-forward, plus, norm.*
#
# ### The same by torch
#
# `nn.TransformerEncoderLayer` is the block. Its parts are `self_attn`, `linear1` ($W_1$, $b_1$),
# `linear2`, `norm1` and `norm2`; `norm_first=True` makes it pre-norm. We take its attention as it
# is, and do all the rest for one word with the loops of section 1:


# %%
def by_hand(layer, x, place, norm_first):
    """What a fresh block makes of one of the words x (1, n, d_model): a list (d_model,)."""
    reads, starts = layer.linear1.weight.tolist(), layer.linear1.bias.tolist()  # d_ff of them
    writes, base = layer.linear2.weight.T.tolist(), layer.linear2.bias.tolist()
    seen = layer.norm1(x) if norm_first else x  # (1, n, d_model)
    word, mix = x[0, place].tolist(), layer.self_attn(seen, seen, seen)[0][0, place].tolist()
    if norm_first:
        between = add(word, mix)
        return add(between, feed(norm(between), reads, starts, writes, base))
    between = norm(add(word, mix))
    return norm(add(between, feed(between, reads, starts, writes, base)))


for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
    for norm_first in (False, True):
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(
            8, 2, 32, dropout=0.0, batch_first=True, norm_first=norm_first, dtype=dtype
        )
        x = torch.randn(1, 3, 8, dtype=dtype)  # (b, n, d_model)
        out = layer(x)  # the same shape
        own = torch.tensor([by_hand(layer, x, i, norm_first) for i in range(3)], dtype=dtype)
        difference = (out[0] - own).abs().max().item()
        print(f"{dtype}, {'pre' if norm_first else 'post'}-norm: differs by {difference:.0e}")
        assert difference < tolerance

# %% [markdown]
# Three more things about it. Torch's defaults are `batch_first=False` and `dropout=0.1`. Padding is
# hidden from the attention by `src_key_padding_mask`, where True means hidden (lecture 07). And
# **dropout** (lecture 06) stands after each sub-layer, before the sum; torch's layer also has it on
# the weights of attention and behind the ReLU. It does different things in training and after it:
# `nn.Dropout(p)` sets each number to 0 with probability p and divides the others by 1 − p, so that
# the sum stays the same on average; after `module.eval()` it does nothing.

# %%
torch.manual_seed(0)
drop = nn.Dropout(0.25)
in_training = drop(torch.ones(10_000))
first = [round(number, 2) for number in in_training[:8].tolist()]
print("training:", first, "mean", round(in_training.mean().item(), 2))
print("eval:    ", drop.eval()(torch.ones(8)).tolist())

torch.testing.assert_close(in_training.unique(), torch.tensor([0, 1 / 0.75]))
assert abs(in_training.mean() - 1) < 0.05
assert (drop(torch.ones(8)) == 1).all()

# %% [markdown]
# ### The decoder block: who sees what
#
# The decoder's block has a third sub-layer between the two, **cross-attention**: the queries come
# from the words that are being written, the keys and values from the **memory**, the output of the
# encoder. In torch it is `nn.TransformerDecoderLayer`; the attribute is called `multihead_attn`.
#
# **Predict.** SOS 나는 집에 is written, *I go home* was read. On which of these six words does
# the output at 나는 depend?
#
# <details><summary>Answer</summary>
#
# On SOS and 나는, because its self-attention is masked, and on all of *I go home*.
#
# </details>

# %%
torch.manual_seed(0)
layer = nn.TransformerDecoderLayer(8, 2, 32, dropout=0.0, batch_first=True)
written, memory = (torch.randn(1, 3, 8).requires_grad_() for _ in range(2))  # (b, n, d_model)
future = torch.ones(3, 3, dtype=torch.bool).triu(diagonal=1)  # True: hidden
out = layer(written, memory, tgt_mask=future)  # (b, n_t, d_model)
slopes = torch.autograd.grad(out[0, 1, 0], (written, memory))  # the first number at 나는
names = (["SOS", "나는", "집에"], ["I", "go", "home"])
felt = {}
for words, slope in zip(names, slopes, strict=True):
    felt |= {word: size != 0 for word, size in zip(words, slope[0].norm(dim=1), strict=True)}
print("the output at 나는 depends on", [word for word, depends in felt.items() if depends])

assert [word for word in felt if not felt[word]] == ["집에"]

# %% [markdown]
# ## 3 · Break it: no residual
#
# Take a pile of 12 layers of attention with random matrices, and look how alike the words become:
# the mean cosine between two different words, 1 if all point the same way.
#
# **Predict.** A weighted mean lies between what it is made of. What do 12 means of means of means
# look like? Does a normalisation after each layer help? Does the residual?
#
# <details><summary>Answer</summary>
#
# With random matrices the weights are nearly even, so that each layer gives all words nearly the
# same mean. After two layers nothing is left to tell them apart. A normalisation gives each word
# mean 0 and variance 1 by itself, and cannot bring back a difference between words. With the
# residual each word keeps itself and adds a mean: the words drift together too, but slowly.
#
# </details>


# %%
def alike(x):
    """Mean cosine between two different words of x (n, d_model)."""
    directions = F.normalize(x, dim=-1)
    cosines = directions @ directions.T  # (n, n)
    return ((cosines.sum() - len(x)) / (len(x) * (len(x) - 1))).item()


@torch.no_grad()
def pile(kind, seed, n=8, d_model=64, depth=12):
    """How alike n words are before each of 12 random layers of attention and after the last."""
    torch.manual_seed(seed)
    x, found = torch.randn(n, d_model), []
    for _ in range(depth):
        found.append(alike(x))
        mix, _ = nn.MultiheadAttention(d_model, 4)(x, x, x)  # (n, d_model)
        x = x + mix if "residual" in kind else mix
        x = F.layer_norm(x, (d_model,)) if "norm" in kind else x
    return [*found, alike(x)]


KINDS = ("residual and norm", "norm alone", "neither")
likeness = {kind: torch.tensor([pile(kind, seed) for seed in range(5)]) for kind in KINDS}
[ax] = panels(1, 1, 6.2, 3.2)
for (kind, runs), color, marker, style in zip(
    likeness.items(), (BLUE, "0.15", "0.6"), "osx", ("-", "-", "--"), strict=True
):
    spread(ax, range(13), runs, label=kind, color=color, marker=marker)
    ax.lines[-1].set_linestyle(style)
ax.set(xlabel="layers of attention", ylabel="mean cosine between words", ylim=(-0.1, 1.1))
_ = ax.legend(loc="center right")

# %% [markdown]
# *Figure: the mean cosine between eight random words after 0 to 12 layers of attention; a line is
# the mean of five seeds, its band reaches from the lowest to the highest. All begin near 0. Without
# the residual both lines, with norm alone and with neither, jump above .7 in one layer and lie at 1
# from the second on. With residual and norm the line rises slowly and is below .5 after 12 layers.*

# %%
without = likeness["norm alone"]
claim(
    "Attention upon attention makes all words the same",
    figure="mean cosine between words after 12 layers",
    values=without[:, -1].tolist(),
    above=0.99,
    without="with a residual around each layer",
    broken=likeness["residual and norm"][:, -1].tolist(),
)
assert without[:, 1].min() > 0.7
assert without[:, 2].min() > 0.99  # after two layers already
assert likeness["neither"][:, 2].min() > 0.99
assert likeness["residual and norm"][:, -1].max() < 0.5

# %% [markdown]
# **Claim.** On five seeds, 12 random layers of attention with normalisation and without residuals
# bring the mean cosine above .99; with residuals it stays below .5.
#
# Dong, Cordonnier and Loukas ("Attention is not all you need", 2021) prove it: without residual and
# feed-forward layer, the difference between words shrinks faster than exponentially with depth.
#
# **What it does not show.** That trained layers do the same: training could learn sharp weights, if
# it got so far. It shows from where training would have to start.
#
# ## 4 · Why a feed-forward layer
#
# Attention gives a word a *mean* of what others have. Some things are no mean. Let a word have two
# features, each yes (1) or no (0), and ask: is **exactly one** of them yes?
#
# | word | a | b | exactly one? |
# | --- | --- | --- | --- |
# | 0 | 0 | 0 | 0 |
# | 1 | 0 | 1 | 1 |
# | 2 | 1 | 0 | 1 |
# | 3 | 1 | 1 | 0 |
#
# A word alone has all its weight on itself, so that attention and residual give it a linear layer's
# $x W$ + bias: every number of the result is $pa + qb + c$.
#
# **Predict.** Why can no p, q and c answer the question? And which two hidden numbers with ReLU do?
#
# <details><summary>Answer</summary>
#
# The answers for words 0 and 3 sum to c + (p + q + c), and those for words 1 and 2 to (q + c) +
# (p + c): the same sum. But they should be 0 and 2. With ReLU: the first hidden number is a + b,
# the second is a + b − 1, which becomes 0 unless both are yes. The answer is the first minus twice
# the second.
#
# </details>

# %%
truth = {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 0}
for word, wish in truth.items():
    [answer] = feed(word, reads=[[1, 1], [1, 1]], starts=[0, -1], writes=[[1], [-2]], base=[0])
    print(word, "→", answer)
    assert answer == wish

# %% [markdown]
# ### Experiment: attention moves, the feed-forward layer computes
#
# One block of torch, with a linear layer before it and one after, and two tasks on sentences of
# four words whose features are −1 or 1:
#
# - **move**: say the first feature of the word before;
# - **compute**: say whether an odd number of your own features is −1. The answer is their product:
#   −1 if so, 1 if not. With two features it is *exactly one*.
#
# To take a sub-layer away we set its last matrix and bias to 0 and leave them so: then it adds
# nothing. To take only the ReLU away we hand torch the function that changes nothing.
#
# **Predict** which of these fail on *compute* with six features: the whole block; without
# feed-forward; with it, but without its ReLU. And which fail on *move*: without feed-forward;
# without attention? Answering 0 has an error of 1.
#
# <details><summary>Answer</summary>
#
# *Compute*: without feed-forward, and without the ReLU, since two linear layers in a row are one.
# *Move*: only without attention.
#
# </details>


# %%
class OneBlock(nn.Module):
    """k features a word -> one number a word, by one block with a part taken away."""

    def __init__(self, k, lacks, d_model=32, d_ff=64, n=4):
        super().__init__()
        bend = (lambda hidden: hidden) if lacks == "ReLU" else F.relu
        self.enter, self.leave = nn.Linear(k, d_model), nn.Linear(d_model, 1)
        self.positions = nn.Parameter(torch.randn(n, d_model) / 2)
        self.block = nn.TransformerEncoderLayer(
            d_model, 4, d_ff, dropout=0.0, activation=bend, batch_first=True
        )
        last = {"feed-forward": self.block.linear2, "attention": self.block.self_attn.out_proj}
        if lacks in last:
            for parameter in last[lacks].parameters():
                nn.init.zeros_(parameter).requires_grad_(False)

    def forward(self, x):
        """(b, n, k) -> (b, n)"""
        return self.leave(self.block(self.enter(x) + self.positions))[..., 0]


# %%
def learn_block(task, k, lacks, seed, steps=300):
    """Train one block on words of k features; its mean squared error on fresh ones."""
    torch.manual_seed(seed)
    model = OneBlock(k, lacks)
    learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(learnt, lr=0.005, fused=True)

    def error(n_sentences):
        x = 2.0 * torch.randint(2, (n_sentences, 4, k)) - 1  # (b, n, k)
        wish = x.prod(dim=-1) if task == "compute" else x[..., 0].roll(1, dims=1)  # (b, n)
        return (model(x) - wish).square().mean()

    for _ in range(steps):
        loss = error(64)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return error(1000).item()


runs = {
    (task, k, lacks): [learn_block(task, k, lacks, seed) for seed in range(3)]
    for task, k, lacks in [
        *itertools.product(["compute"], (2, 4, 6), ("nothing", "feed-forward")),
        ("compute", 6, "ReLU"),
        *itertools.product(["move"], [6], ("feed-forward", "attention")),
    ]
}
for (task, k, lacks), errors in runs.items():
    print(f"{task:8s} {k} features, lacks {lacks:13s}", [f"{error:.3f}" for error in errors])

# %%
counts = [2, 4, 6]
[ax] = panels(1, 1, 5.6, 3.2)
for lacks, label, color, marker in (
    ("nothing", "the whole block", GREEN, "o"),
    ("feed-forward", "without feed-forward", BLUE, "s"),
):
    errors = torch.tensor([runs["compute", k, lacks] for k in counts]).T  # (seeds, counts)
    spread(ax, counts, errors, label=label, color=color, marker=marker)
ax.axhline(1, color="black", linestyle="--", linewidth=1, label="answering 0")
ax.set(xlabel="features of a word", ylabel="mean squared error", xticks=counts, ylim=(-0.05, 1.25))
_ = ax.legend(loc="center left")

# %% [markdown]
# *Figure: the error on compute against the number of features of a word, three seeds. The whole
# block stays near 0 with two, four and six features. Without the feed-forward layer the block is
# near 0 with two features, a little worse with four, and with six as bad as answering 0, a dashed
# line at 1.*

# %%
claim(
    "A block computes the product of six features, because of its feed-forward layer",
    figure="mean squared error (1 for answering 0)",
    values=runs["compute", 6, "nothing"],
    below=0.2,
    without="without the feed-forward layer",
    broken=runs["compute", 6, "feed-forward"],
)
claim(
    "It is the ReLU in it that computes",
    figure="mean squared error (1 for answering 0)",
    values=runs["compute", 6, "nothing"],
    below=0.2,
    without="without the ReLU",
    broken=runs["compute", 6, "ReLU"],
)
claim(
    "Moving needs no feed-forward layer, but it needs attention",
    figure="mean squared error (1 for answering 0)",
    values=runs["move", 6, "feed-forward"],
    below=0.2,
    without="with the feed-forward layer and without attention",
    broken=runs["move", 6, "attention"],
)
assert max(runs["compute", 2, "feed-forward"]) < 0.1  # two features do not need it
assert max(runs["compute", 4, "feed-forward"]) < 0.5

# %% [markdown]
# **Claim.** On three seeds, one block brings the error of the product of six features below .2;
# without the feed-forward layer, or without its ReLU, it does not. Without the feed-forward layer
# it still moves a feature from the word before with an error below .2; without attention it does
# not.
#
# **What it does not show.** That a block without feed-forward layer is linear. It is not: with
# *two* features it learns the product as well, although we have just proved that a mean cannot. Our
# proof was about a word alone, without normalisation. In the block the *weights* of attention
# depend on the word, and the normalisation divides by something that depends on it, and both are
# bent a little. That goes so far and no further; the feed-forward layer brings 64 bends at once,
# and more if it is wider. In the paper's sizes it is also where most of the parameters are (first
# question of section 8).
#
# ## 5 · Four ways to normalise
#
# To normalise is to take a set of numbers and bring it to mean 0 and variance 1. The question is
# **which numbers belong to one set**. Pictures and torch put the features, called *channels*,
# before the places: `(b, c, n)`. Four choices have names:
#
# | name | one set is | torch |
# | --- | --- | --- |
# | batch | one channel, of all samples and all places | `nn.BatchNorm1d(c)` |
# | instance | one channel of one sample, all places | `nn.InstanceNorm1d(c)` |
# | group | a few neighbouring channels of one sample, all places | `nn.GroupNorm(groups, c)` |
# | layer | all channels of one sample **at one place** | `nn.LayerNorm(c)`, channels last |
#
# **Predict.** Two sentences of three words with four features each, and two groups: 24 numbers. How
# many sets does each of the four make, and of how many numbers?
#
# <details><summary>Answer</summary>
#
# Batch: 4 sets (channels) of 2 · 3 = 6. Instance: 2 · 4 = 8 sets of 3. Group: 2 · 2 = 4 sets of
# 2 · 3 = 6. Layer: 2 · 3 = 6 sets (words) of 4.
#
# </details>
#
# We need not take anybody's word for it. A normalised number depends on its own set and on nothing
# else, so that one derivative shows the set:

# %%
n_sentences, n_channels, n_places = 2, 4, 3  # (b, c, n)
normalisations = {
    "batch": nn.BatchNorm1d(n_channels, affine=False),  # without gain and shift, as the others
    "instance": nn.InstanceNorm1d(n_channels),
    "group": nn.GroupNorm(2, n_channels, affine=False),
    "layer": nn.LayerNorm(n_channels, elementwise_affine=False),
}


def normalised(kind, x):
    """x (b, c, n) by one of torch's modules, in training -> (b, c, n)"""
    module = normalisations[kind]
    return module(x.mT).mT if kind == "layer" else module(x)  # LayerNorm wants channels last


def set_of(kind, cell):
    """Which numbers the result at a cell (sentence, channel, place) depends on: (b, c, n) bool."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(n_sentences, n_channels, n_places, generator=g).requires_grad_()
    [slope] = torch.autograd.grad(normalised(kind, x)[cell], x)
    return slope != 0


cells = list(itertools.product(range(n_sentences), range(n_channels), range(n_places)))
sizes = {}
for kind in normalisations:
    sets = {tuple(set_of(kind, cell).flatten().tolist()) for cell in cells}
    sizes[kind] = (len(sets), {sum(members) for members in sets})
    print(f"{kind:9s} {len(sets)} sets of", *sizes[kind][1])

assert sizes == {"batch": (4, {6}), "instance": (8, {3}), "group": (4, {6}), "layer": (6, {4})}


# %%
def draw_set(ax, kind, cell):
    """The numbers of two sentences; filled are those in one set with the cell of the star."""
    members = set_of(kind, cell)
    for sentence, channel, place in cells:
        corner = (4 * sentence + place, n_channels - 1 - channel)
        color = "0.45" if members[sentence, channel, place] else "0.92"
        ax.add_patch(Rectangle(corner, 1, 1, facecolor=color, edgecolor="white", linewidth=2))
    sentence, channel, place = cell
    centre = (4 * sentence + place + 0.5, n_channels - 0.5 - channel)
    ax.plot(*centre, "*", color="white", markeredgecolor="black", markersize=13)
    labels = ["I", "go", "home", "we", "stay", "there"]
    ax.set_xticks([0.5, 1.5, 2.5, 4.5, 5.5, 6.5], labels, fontsize=8)
    ax.set_yticks([3.5, 2.5, 1.5, 0.5], range(n_channels))
    ax.set(xlim=(0, 7), ylim=(0, 4), aspect="equal", ylabel="channel", title=kind)
    ax.grid(False)
    ax.spines[:].set_visible(False)


for ax, kind in zip(panels(2, 2, 4.0, 2.5), normalisations, strict=True):
    draw_set(ax, kind, (0, 1, 2))

# %% [markdown]
# *Figure: four times two sentences, "I go home" and "we stay there", each three words wide and four
# channels high. A star stands at home, channel 1. Filled are the numbers of its set. Batch: channel
# 1 of all six words. Instance: channel 1 of I go home. Group: channels 0 and 1 of I go home. Layer:
# all four channels of home, and no other word.*
#
# Move the star. (Without a running kernel the figure above shows one place of it.)

# %%
Knobs(
    lambda kind, sentence, channel, place: draw_set(
        *panels(1, 1, 4.4, 2.8), kind, (sentence, channel, place)
    ),
    kind=Dropdown(options=list(normalisations), value="layer", description="kind"),
    sentence=IntSlider(0, min=0, max=1, description="sentence"),
    channel=IntSlider(1, min=0, max=3, description="channel"),
    place=IntSlider(2, min=0, max=2, description="place"),
)

# %% [markdown]
# A warning about the word "layer": for pictures, layer normalisation often means all channels *and
# all places* of a sample (`nn.GroupNorm(1, c)`). In a Transformer it is always one word at a time.
#
# From the pictures follow properties, and each can be tested. We ask three questions.
#
# ### Does it matter who else is in the batch?
#
# **Predict** for each of the four whether a sentence gets the same result alone and among others.
#
# <details><summary>Answer</summary>
#
# Only the sets of batch normalisation reach into other sentences.
#
# </details>


# %%
def change_by_company(kind, seed):
    """How much a sentence changes when seven others join it: the largest difference."""
    x = torch.randn(8, n_channels, 6, generator=torch.Generator().manual_seed(seed))  # (b, c, n)
    return (normalised(kind, x)[:1] - normalised(kind, x[:1])).abs().max().item()


company = {kind: [change_by_company(kind, seed) for seed in range(5)] for kind in normalisations}
claim(
    "Layer normalisation of a sentence does not depend on the batch it is in",
    figure="largest change when seven sentences join",
    values=company["layer"],
    below=1e-5,
    without="with batch normalisation",
    broken=company["batch"],
)
assert max(company["instance"] + company["group"]) < 1e-5
assert min(company["batch"]) > 0.1

# %% [markdown]
# **Claim.** On five seeds, seven other sentences change the result by less than 1e-5 with layer
# normalisation (and with instance and group); with batch normalisation by more than .1.
#
# So batch normalisation cannot do after training what it did in training: then a sentence may come
# alone. It keeps running averages of mean and variance while it trains, and uses them after
# `eval()`. It is two functions, and they are equal only if the averages fit.

# %%
module = nn.BatchNorm1d(4)
g = torch.Generator().manual_seed(0)
x = 3 + 2 * torch.randn(32, 4, 6, generator=g)  # (b, c, n)
gaps = {}
for n_batches in (1, 10, 100):
    module.reset_running_stats()
    for _ in range(n_batches):
        in_training = module.train()(x)
    gaps[n_batches] = (in_training - module.eval()(x)).abs().mean().item()
rounded = {n_batches: round(gap, 3) for n_batches, gap in gaps.items()}
print("mean gap between training and eval, after so many batches:", rounded)
try:
    nn.BatchNorm1d(4)(torch.randn(1, 4, 1))
    refused = ""
except ValueError as refusal:
    refused = str(refusal)
print("one sentence of one word:", refused)

assert gaps[1] > 1
assert gaps[100] < 0.01
assert "more than 1 value" in refused

# %% [markdown]
# ### Does padding matter?
#
# Behind each sentence come words of PAD, all zeros: padding that a model should not notice.
#
# **Predict** which of the four give the real words the same result as without padding. If half of a
# batch is padding, what does batch normalisation do to the *size* of the real words' numbers?
#
# <details><summary>Answer</summary>
#
# Only layer: each word is a set of its own. The other three average over places. Take numbers of
# mean 0 and variance 1, and let half of a set be zeros: the mean stays 0, the variance halves. To
# make it 1 again all numbers are multiplied by √2: the real words are blown up by the padding.
#
# </details>


# %%
def padded(kind, n_padding, seed):
    """64 sentences of 12 words, without and with PAD: two results for the words, (b, c, n)."""
    torch.manual_seed(seed)
    x = torch.randn(64, n_channels, 12)
    filled = torch.cat([x, torch.zeros(64, n_channels, n_padding)], dim=2)
    return normalised(kind, x), normalised(kind, filled)[..., :12]


amounts = [0, 2, 4, 6, 12, 20, 36]
padding_shares = [amount / (12 + amount) for amount in amounts]
[ax] = panels(1, 1, 5.8, 3.2)
for kind, color, marker in (("batch", PURPLE, "s"), ("layer", "0.45", "o")):
    stds = torch.tensor([[padded(kind, m, seed)[1].std() for m in amounts] for seed in range(3)])
    spread(ax, padding_shares, stds, label=f"{kind} normalisation", color=color, marker=marker)
    expected = [1 / math.sqrt(1 - share) if kind == "batch" else 1 for share in padding_shares]
    assert (stds - torch.tensor(expected)).abs().max() < 0.02
shares_drawn = torch.linspace(0, 0.75, 100)
ax.plot(shares_drawn, (1 - shares_drawn) ** -0.5, "k--", linewidth=1, label="1 / √(1 − share)")
ax.set(xlabel="share of padding", ylabel="std of the real words", ylim=(0, 2.2))
_ = ax.legend(loc="lower right")

# %% [markdown]
# *Figure: the standard deviation of the real words' numbers after normalisation, against the share
# of padding. With layer normalisation it is 1 throughout. With batch normalisation it grows along
# the dashed curve 1/√(1 − share): 1.4 at one half and 2 at three quarters.*

# %%
reach = {}
for kind in normalisations:
    both = [padded(kind, 12, seed) for seed in range(5)]
    reach[kind] = [(after - before).abs().mean().item() for before, after in both]
    print(f"{kind:9s}", [f"{change:.3f}" for change in reach[kind]])
claim(
    "Layer normalisation of a word does not depend on padding",
    figure="mean change of a real number when as much padding comes behind it",
    values=reach["layer"],
    below=1e-5,
    without="with batch normalisation",
    broken=reach["batch"],
)
assert min(reach["batch"] + reach["instance"] + reach["group"]) > 0.1

# %% [markdown]
# **Claim.** On five seeds, padding changes the real words by less than 1e-5 with layer
# normalisation, and by more than .1 on average with each of the other three. How much a batch
# normalisation blows up a sentence depends on how much longer its neighbours are.
#
# **What it does not show.** That it could not be mended: one can leave PAD out of the averages. But
# the next question remains.
#
# ### Does the future matter?
#
# A decoder must not see later words (lecture 07). A mask sees to it in the attention, and there
# only.
#
# **Predict** which of the four tell the first word of a sentence something about the later ones.
#
# <details><summary>Answer</summary>
#
# All that average over places: batch, instance, group. The causal mask cannot help: this leak does
# not pass through attention.
#
# </details>


# %%
def feels_later(kind, seed):
    """How strongly the first number of place 0 feels the later places of its sentence."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(8, n_channels, 6, generator=g).requires_grad_()  # (b, c, n)
    [slope] = torch.autograd.grad(normalised(kind, x)[0, 0, 0], x)
    return slope[0, :, 1:].norm().item()


leaks = {kind: [feels_later(kind, seed) for seed in range(5)] for kind in normalisations}
for kind, sizes_of_leak in leaks.items():
    print(f"{kind:9s}", [f"{size:.3f}" for size in sizes_of_leak])
for kind in ("batch", "instance", "group"):
    claim(
        "Layer normalisation does not tell a word about later ones",
        figure="size of the derivative of place 0 by later places",
        values=leaks["layer"],
        below=1e-9,
        without=f"with {kind} normalisation",
        broken=leaks[kind],
    )

# %% [markdown]
# **Claim.** On five seeds, the derivative of the first word by later words is 0 with layer
# normalisation, and is not with the other three.
#
# | | depends on other sentences | on padding | on the future | the same after `eval()` |
# | --- | --- | --- | --- | --- |
# | batch | yes | yes | yes | no |
# | instance | no | yes | yes | yes |
# | group | no | yes | yes | yes |
# | layer | **no** | **no** | **no** | **yes** |
#
# **What it does not show.** That batch normalisation is bad. In networks for pictures, where
# nothing is padded and nothing is hidden, it is at home. Nor do these properties say that layer
# normalisation trains best; they say what may stand in a decoder at all.
#
# ### A sentence of nothing but padding
#
# What if a sentence of the batch is empty? Its mask hides every key from every query, the empty row
# of lecture 07. **Predict** what `nn.MultiheadAttention` makes of such a sentence, whether the
# other sentences of the batch suffer, and what changes with batch normalisation behind it.
#
# <details><summary>Answer</summary>
#
# NaN, in all its words. The other sentences are untouched, as long as no set reaches across
# sentences. Batch normalisation averages NaN into every channel, and every sentence becomes NaN.
#
# </details>

# %%
torch.manual_seed(0)
block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
x = torch.randn(2, 3, 8)  # (b, n, d_model)
padding = torch.tensor([[False, False, False], [True, True, True]])  # True: hidden
attended, _ = block.self_attn(x, x, x, key_padding_mask=padding)
after = {"nn.MultiheadAttention": attended, "then layer norm": nn.LayerNorm(8)(attended)}
after["then batch norm"] = nn.BatchNorm1d(8)(attended.mT).mT
after["the block, training"] = block(x, src_key_padding_mask=padding)
with torch.no_grad():
    after["the block, eval"] = block.eval()(x, src_key_padding_mask=padding)
spoilt = {step: out.isnan().any(dim=2).any(dim=1).tolist() for step, out in after.items()}
for step, sentences in spoilt.items():
    print(f"{step:22s} NaN in sentence 0: {sentences[0]}, in the empty one: {sentences[1]}")

assert spoilt["nn.MultiheadAttention"] == spoilt["then layer norm"] == [False, True]
assert spoilt["then batch norm"] == [True, True]
assert spoilt["the block, training"] == [False, False]
assert spoilt["the block, eval"] == [False, True]

# %% [markdown]
# torch's own block gives numbers in training and NaN after `eval()` without gradients, because the
# two take different paths through the library: a bug that shows only when the model is put to use.
# Do not build batches with empty sentences.
#
# ## 6 · Post-norm or pre-norm
#
# Both orders have the same parts. Does it matter in training? We look at the smallest thing first,
# the gradient of a fresh model; then we train.
#
# From here on the model is whole: an encoder and a decoder of so many blocks each, which read dates
# as people write them ("3. Februar 1962") and write them as 1962-02-03. Lecture 09 takes it apart;
# here it is only something deep to train. The matrices of its blocks are drawn as `nn.Transformer`
# draws them, by Xavier's rule: a variance of 2 / (inputs + outputs).
#
# ### How the gradient is spread over the layers
#
# **Predict.** In pre-norm an unbroken path of sums leads from the loss to the first layer. In
# post-norm each Add & Norm on the way down mixes the word with what the layer says, and divides.
# How do the gradients of the blocks compare, from first to last, in each?
#
# <details><summary>Answer</summary>
#
# In pre-norm they are nearly even. In post-norm the decoder's gradient shrinks on its way down: its
# last block has much more of it than its first.
#
# </details>


# %%
def gradient_norms(order, seed, start="xavier", depth=6):
    """Size of the gradient in each block of a fresh model, (2, depth): encoder, decoder."""
    model, batch = model_of(order, depth, seed, start), training_batch(seed, 0)
    logits = model(batch.src, batch.tgt_in)  # (b, n_t, vocab)
    F.cross_entropy(logits.mT, batch.tgt_out).backward()
    return torch.tensor(
        [
            [sum(p.grad.square().sum() for p in block.parameters()).sqrt() for block in half]
            for half in (model.encoder, model.decoder)
        ]
    )


norms = {
    order: torch.stack([gradient_norms(order, seed) for seed in range(5)]) for order in ORDERS
}  # (seeds, 2, depth) each
LINES = {"post-norm": ("0.15", "o"), "pre-norm": (ORANGE, "s")}
axes = panels(1, 2, 4.0, 3.2)
for half, (ax, title) in enumerate(zip(axes, ("encoder", "decoder"), strict=True)):
    for order, (color, marker) in LINES.items():
        spread(ax, range(1, 7), norms[order][:, half], label=order, color=color, marker=marker)
    ax.set(xlabel="block, from the input", ylabel="norm of the gradient", title=title, ylim=(0, 3))
    ax.legend(loc="upper left")

# %% [markdown]
# *Figure: the norm of the gradient in each block of a fresh model with six blocks on either side,
# five seeds. In the encoder post-norm lies above pre-norm on average, and differs much from seed to
# seed. In the decoder post-norm rises from the first block to the last, to about three times as
# much; pre-norm falls a little.*

# %%
tilt = {order: (each[:, 1, -1] / each[:, 1, 0]).tolist() for order, each in norms.items()}
small = torch.stack([gradient_norms("post-norm", seed, "small") for seed in range(5)])
tilt["post-norm, smaller matrices"] = (small[:, 1, -1] / small[:, 1, 0]).tolist()
for order, ratios in tilt.items():
    print(f"{order:28s}", [f"{ratio:.2f}" for ratio in ratios])
claim(
    "In a fresh post-norm decoder the last block has much more gradient than the first",
    figure="norm of the gradient, last block over first",
    values=tilt["post-norm"],
    above=2,
    without="with pre-norm",
    broken=tilt["pre-norm"],
)
assert max(tilt["post-norm, smaller matrices"]) < 2

# %% [markdown]
# **Claim.** On five seeds, the gradient of the last of six decoder blocks is more than twice that
# of the first in post-norm, and is not in pre-norm. It is a property of the start, too: with the
# smaller matrices that torch's layers draw when nobody asks for Xavier's rule, it is less than
# twice in post-norm as well.
#
# **What it does not show.** That this is *why* post-norm is hard to train. Xiong et al. (2020) see
# the cause in the large gradients near the output, and warm-up as the way to take small steps while
# they last. Liu et al. (2020) find that uneven gradients are not the root, since Adam divides each
# gradient by its size: in post-norm the output leans more on what the sub-layers say and less on
# what flows past, so that small changes of the parameters become large changes of the output. Both
# agree on what we measure next.
#
# ### Training, with and without warm-up
#
# **Warm-up** means to begin with a small learning rate and let it rise, here in a straight line
# over 100 steps (lecture 10 has more on it). We train with 2 + 2 and with 6 + 6 blocks, in either
# order, with warm-up and with the full rate of .003 from the first step on: three seeds, 300 steps
# each. That takes minutes, so `make experiments` has done it.
#
# **Predict** the worst of the eight.
#
# <details><summary>Answer</summary>
#
# 6 + 6 blocks, post-norm, without warm-up.
#
# </details>

# %%
depths = table("depth")
print(f"table of {depths.date}, torch {depths.versions['torch']}")
told = {"steps": 300, "peak": 0.003, "gentle": 0.0005, "warm_ups": [100, 0]}
assert told.items() <= depths.settings.items()


def curves(order, depth, warm_up, peak=PEAK, start="xavier"):
    """Losses of each seed from the table, means of 25 steps: (seeds, 12)."""
    which = {"order": order, "depth": depth, "warm_up": warm_up, "peak": peak, "start": start}
    return torch.tensor(depths.column("losses", **which))


at = torch.arange(EVERY / 2, STEPS, EVERY).tolist()
for depth, ax in zip(DEPTHS, panels(1, 2, 4.6, 3.8), strict=True):
    for order, warm_up in itertools.product(ORDERS, WARM_UPS):
        color, marker = LINES[order]
        label = f"{order}, {'with' if warm_up else 'without'} warm-up"
        spread(ax, at, curves(order, depth, warm_up), label=label, color=color, marker=marker)
        ax.lines[-1].set_linestyle("-" if warm_up else "--")
    ax.set(xlabel="step", ylabel="loss (nats a character)", title=f"{depth} + {depth} blocks")
    ax.set(ylim=(0, 2.6))
    if depth == 2:  # the lines are the same in both
        ax.legend(fontsize=9, handlelength=4)

# %% [markdown]
# *Figure: the training loss over 300 steps, three seeds, without warm-up dashed. Left, 2 + 2
# blocks: post-norm and pre-norm, with warm-up and without, all come down to about .1; those without
# warm-up are ahead at first. Right, 6 + 6 blocks: pre-norm comes below .25, with warm-up and
# without. Post-norm with warm-up flattens near .6. Post-norm without warm-up hardly
# falls from where it began, and stays above 1.5.*
#
# Two of these runs live, 50 steps each, beside the table:

# %%
for order in ORDERS:
    live = learn(order, depth=6, warm_up=0, seed=0, steps=50)["losses"]
    in_table = [round(loss, 4) for loss in curves(order, 6, 0)[0, :2].tolist()]
    print(f"6 + 6 {order:9s} without warm-up: live {live}, table {in_table}")
    assert max(abs(a - b) for a, b in zip(live, in_table, strict=True)) < 0.3  # processors differ

# %%
ways = list(itertools.product(ORDERS, WARM_UPS))
last = {
    (order, depth, warm_up): curves(order, depth, warm_up)[:, -1]  # (seeds,)
    for depth in DEPTHS
    for order, warm_up in ways
}
for (order, depth, warm_up), losses in last.items():
    how = "with" if warm_up else "without"
    print(f"{depth} + {depth} {order:9s} {how:7s} warm-up", [f"{x:.2f}" for x in losses.tolist()])
stuck, figure = last["post-norm", 6, 0].tolist(), "loss of steps 276 to 300 (nats a character)"
claim(
    "With warm-up, 6 + 6 post-norm blocks learn in 300 steps",
    figure=figure,
    values=last["post-norm", 6, 100].tolist(),
    below=1.2,
    without="without warm-up",
    broken=stuck,
)
claim(
    "6 + 6 pre-norm blocks learn without warm-up",
    figure=figure,
    values=last["pre-norm", 6, 0].tolist(),
    below=0.5,
    without="in post-norm",
    broken=stuck,
)
of_seed = {
    depth: torch.stack([last[order, depth, warm] for order, warm in ways]) for depth in DEPTHS
}
apart = {depth: (each.amax(dim=0) - each.amin(dim=0)).tolist() for depth, each in of_seed.items()}
claim(
    "With 2 + 2 blocks, neither the order nor the warm-up makes a difference",
    figure="largest less smallest of the four losses of a seed",
    values=apart[2],
    below=0.1,
    without="with 6 + 6 blocks",
    broken=apart[6],
)
assert last["pre-norm", 6, 100].max() < last["pre-norm", 6, 0].min()
assert curves("post-norm", 6, 0).min() > 1.5
for order in ORDERS:  # with 2 + 2 blocks, ahead at first without warm-up
    assert curves(order, 2, 0)[:, 1].max() < curves(order, 2, 100)[:, 1].min()

# %%
cures = {
    "a rate of .0005": curves("post-norm", 6, 0, peak=GENTLE)[:, -1].tolist(),
    "smaller matrices": curves("post-norm", 6, 0, start="small")[:, -1].tolist(),
}
for cure, losses in cures.items():
    claim(
        f"With {cure}, 6 + 6 post-norm blocks learn without warm-up",
        figure=figure,
        values=losses,
        below=1.2,
        without="at .003, with Xavier's rule",
        broken=stuck,
    )

# %% [markdown]
# **Claim.** On three seeds, after 300 steps at .003, the loss of 6 + 6 post-norm blocks is below
# 1.2 with warm-up and not without it; that of pre-norm is below .5 without it. With 2 + 2 blocks
# the four ways lie within .1 of each other. And warm-up is not the only cure: a smaller rate, or
# smaller matrices at the start, also bring 6 + 6 post-norm blocks below 1.2 without it.
#
# Pre-norm does not *need* the warm-up; with it, its loss at 6 + 6 blocks was somewhat lower on all
# three seeds.
#
# **What it does not show.** Which order is better in the end: 300 steps at one rate are a
# beginning. With 2 + 2 blocks, the size that learns this task in lecture 09, we see no difference
# between the orders, and shall not claim one. Deep models of today are mostly pre-norm, because it
# trains with less care. Liu et al. find a price: models that lean little on their sub-layers train
# more easily and end somewhat worse.
#
# ## 7 · The paper and the tools
#
# "Attention Is All You Need", section 3.1: "the output of each sub-layer is LayerNorm(x +
# Sublayer(x))", so it is post-norm; section 3.3: the feed-forward layer, with d_model = 512 and
# d_ff = 2048; section 5.3: a warm-up of 4,000 steps; section 5.4: dropout on the output of each
# sub-layer, before it is added. Layer normalisation is by Ba, Kiros and Hinton (2016), batch
# normalisation by Ioffe and Szegedy (2015), the residual by He et al. (2015), who trained networks
# of 152 layers for pictures with it.
#
# | where | the order | ε |
# | --- | --- | --- |
# | torch | post, unless `norm_first=True` | 1e-5 |
# | fairseq | post, unless `--encoder-normalize-before`, `--decoder-normalize-before` | 1e-5 |
# | Hugging Face BERT, Marian | post | 1e-12, 1e-5 |
# | Hugging Face GPT-2 | pre, and `ln_f` at the end | 1e-5 |
# | OpenNMT-py | pre, and `layer_norm` at the end | 1e-6 |
#
# | where | feed-forward layer | norms of an encoder block |
# | --- | --- | --- |
# | torch | `linear1`, `linear2` | `norm1`, `norm2` |
# | fairseq, Marian | `fc1`, `fc2` | `self_attn_layer_norm`, `final_layer_norm` |
# | BERT | `intermediate.dense`, `output.dense` | `LayerNorm` of `attention.output`, of `output` |
# | GPT-2 | `mlp.c_fc`, `mlp.c_proj` | `ln_1`, `ln_2` |
# | OpenNMT-py | `w_1`, `w_2` | `layer_norm`, and one in `feed_forward` |
#
# Mind the name `final_layer_norm` of fairseq and Marian: it is the second norm of *every* block.
# Weights that are carried from one library to the other with the wrong order or the wrong ε run
# without an error, and answer something else. Llama and others leave out μ and β, and divide by the
# root of the mean square (RMSNorm, Zhang and Sennrich, 2019). Section 2 has the parity check.
#
# ## 8 · Check yourself
#
# **1.** `d_model` = 512 and `d_ff` = 2048, as in the paper. Which has more parameters, the
# attention or the feed-forward layer, and how many times more?
#
# <details><summary>Answer</summary>
#
# Attention has four matrices of 512 · 512, the feed-forward layer two of 512 · 2048: about twice as
# many (2,099,712 with biases, against 1,050,624).
#
# </details>
#
# **2.** z is a word. What does a layer normalisation with gain 1 and shift 0 make of 10 z + 3?
#
# <details><summary>Answer</summary>
#
# The same as of z: the mean takes the 3 away and the division the 10 (up to ε). Of −z it makes the
# opposite.
#
# </details>
#
# **3.** All $W_O$, $W_2$ and their biases are 0. What does a pile of pre-norm blocks do to x? And a
# pile of post-norm blocks?
#
# <details><summary>Answer</summary>
#
# Pre-norm hands x on unchanged, however many blocks there are. Post-norm normalises it (and then
# again, which changes nothing more). So with pre-norm a deep pile can begin as if it were not
# there, and training adds to it.
#
# </details>

# %%
paper = nn.TransformerEncoderLayer(512, 8, 2048)
attention = sum(p.numel() for p in paper.self_attn.parameters())
forward = sum(p.numel() for layer in (paper.linear1, paper.linear2) for p in layer.parameters())
assert (attention, forward) == (1_050_624, 2_099_712)

z = torch.randn(5, 512)
torch.testing.assert_close(nn.LayerNorm(512)(10 * z + 3), nn.LayerNorm(512)(z), rtol=0, atol=1e-3)
torch.testing.assert_close(nn.LayerNorm(512)(-z), -nn.LayerNorm(512)(z))

for norm_first, expected in ((True, z), (False, nn.LayerNorm(512)(z))):
    blocks = nn.Sequential(
        *(nn.TransformerEncoderLayer(512, 8, 64, norm_first=norm_first) for _ in range(3))
    )
    for block in blocks:
        for parameter in (*block.self_attn.out_proj.parameters(), *block.linear2.parameters()):
            nn.init.zeros_(parameter)
    torch.testing.assert_close(blocks(z), expected, rtol=0, atol=1e-3)

# %% [markdown]
# **The assignment.** [a6_blocks](../assignments/a6_blocks/a6_blocks.ipynb): the normalisations, the
# feed-forward layer, and the three blocks, in general, so that torch's weights fit into yours.
#
# **Next.** [Lecture 09](09_the_whole_transformer.ipynb): blocks become an encoder and a decoder,
# and learn to read dates.
#
# ## 9 · Words
#
# | English | 한국어 |
# | --- | --- |
# | block, layer | 블록, 층 |
# | sub-layer | 서브층, 하위 층 |
# | residual connection | 잔차 연결 |
# | normalisation | 정규화 |
# | layer normalisation | 층 정규화 |
# | batch normalisation | 배치 정규화 |
# | mean, variance | 평균, 분산 |
# | standard deviation | 표준 편차 |
# | feed-forward layer | 피드포워드 층 |
# | activation function | 활성화 함수 |
# | channel | 채널 |
# | dropout | 드롭아웃 |
# | running average | 이동 평균 |
# | warm-up | 워밍업 |
# | initialisation | 초기화 |
# | depth | 깊이 |
