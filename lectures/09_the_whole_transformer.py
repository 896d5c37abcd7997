# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 09 · The whole Transformer
#
# *About 80 minutes. You need [lecture 08](08_the_block.ipynb), the block, positions
# ([lecture 06](06_positional_encoding.ipynb)) and masks
# ([lecture 07](07_masked_self_attention.ipynb)).*
#
# **The question.** All parts lie on the table: attention with several heads, positions, masks, the
# block. How do they go together into a model that reads one sequence and writes another? And once
# it works: which part does what, and was a recurrent network really too little?
#
# **Afterwards you can**
#
# - draw the encoder–decoder from memory, and say what goes into each of its three attentions;
# - test an assembled model for leaks and for padding, before any training;
# - train it until it turns dates of five countries into one form, 99 of 100 to the letter;
# - decode by hand, greedily and with a beam, and say when the two differ;
# - read a map of cross-attention as an alignment, and measure how good it is;
# - say what is lost without positions, without an honest mask, and without attention, and where a
#   recurrent network does better.

# %%
import math
import random

import matplotlib.pyplot as plt
import torch
from IPython.display import display
from ipywidgets import Dropdown, SelectionSlider
from matplotlib.patches import FancyBboxPatch, Rectangle
from torch import nn

from course.claims import claim
from course.date_task import (
    BETAS,
    EPSILON,
    PEAK,
    SOURCE,
    STEPS,
    TARGET,
    WARMUP,
    as_batch,
    exact,
    settings,
    training_batch,
    translate,
    unseen,
)
from course.dates import LOCALES, drawn, split, written
from course.decoding import beam_search
from course.experiments import table
from course.experiments.ablations import MODELS, OneTooFar, aligned, by_beam, n_parameters
from course.knobs import Knobs
from course.maps import recorded_maps
from course.plots import BLUE, GREEN, ORANGE, PURPLE, matrix, panels, use_style
from course.schedules import linear_decay
from course.training import Trainer, label_smoothed
from course.transformer import Settings, Transformer, sinusoids
from course.vocabulary import BOS, EOS, PAD, Vocabulary

torch.set_num_threads(1)
use_style()

# %% [markdown]
# ## 1 · By hand: from *I go home* to 나는 집에 간다
#
# In lecture 07 a decoder wrote 나는 집에 간다 (나는 I, 집에 home, 간다 go), word after word, from
# SOS on. It knew what it had written, and nothing else. Now it is to *translate*: somebody has read
# **I go home** and keeps a vector for each word, the **memory**. Before it writes a word, the
# decoder asks the memory.
#
# Let a key have three features (doer, action, place), as in lecture 02 but without time. A value is
# a vote for one of the three Korean words.
#
# | in memory | key | value: a vote for |
# | --- | --- | --- |
# | I | a doer | 나는 |
# | go | an action | 간다 |
# | home | a place | 집에 |
#
# A Korean sentence begins with who, goes on with where, and ends with the verb. So after SOS the
# decoder asks for a doer, after 나는 for a place, after 집에 for an action, each with a query of
# length ln 8: the exponential is 8 for the key that fits and 1 for each of the others.
#
# **Predict** the three rows of weights. Which source word does each row look at most? Is it the
# word that the decoder was *fed*, or the one it is *asked for*?
#
# <details><summary>Answer</summary>
#
# SOS: .8 on *I*, .1 and .1. 나는: .8 on *home*. 집에: .8 on *go*. Each looks for the word that is
# asked for. The map is not a diagonal: the two languages put the verb in different places, and
# attention does not mind.
#
# </details>

# %%
source, target = ["I", "go", "home"], ["나는", "집에", "간다"]
keys = torch.eye(3)  # (n_s, d_k): a doer, an action, a place
values = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]])  # (n_s, d_v): votes for 나는, 집에, 간다
asks_for = {"SOS": [1.0, 0, 0], "나는": [0.0, 0, 1], "집에": [0.0, 1, 0]}

word, rows, said = "SOS", [], []
for _ in range(3):
    query = math.log(8) * torch.tensor(asks_for[word])  # (d_k,): from the decoder
    weights = (keys @ query).softmax(dim=0)  # (n_s,): over the memory
    votes = weights @ values  # (d_v,)
    rows.append(weights)
    said.append(target[int(votes.argmax())])
    print(f"fed {word:4s} weights {[round(w, 2) for w in weights.tolist()]} → {said[-1]}")
    word = said[-1]  # what it says, it is fed next

assert said == target
torch.testing.assert_close(rows[0], torch.tensor([0.8, 0.1, 0.1]))

# %%
[ax] = panels(1, 1, 3.6, 3.0)
pairs = [f"{one} → {other}" for one, other in zip(asks_for, target, strict=True)]
title = "who is asked for the next word"
matrix(ax, torch.stack(rows), pairs, source, rows="query: fed → asked for", title=title)

# %% [markdown]
# *Figure: a map with the rows SOS → 나는, 나는 → 집에, 집에 → 간다 and the columns I, go, home. The
# .80 of each row stands under I, home and go: not on the diagonal. All else is .10.*
#
# Queries from the one who writes, keys and values from what was read: this is **cross-attention**,
# and it is the only new part of this lecture. (Here the query came from the last word alone. In the
# model it comes from all that has been written, by masked self-attention.)
#
# ## 2 · Definition: the whole in one picture


# %%
def box(ax, x, y, text, color="white", height=0.7):
    """A part of the model, centred at (x, y)."""
    shape = FancyBboxPatch((x - 1.5, y - height / 2), 3, height, "round,pad=0,rounding_size=0.15")
    shape.set(facecolor=(color, 0.35), edgecolor="0.3")
    ax.add_patch(shape)
    ax.text(x, y, text, ha="center", va="center", fontsize=9.5)


def path(ax, *points, color="0.2"):
    """An arrow along these points."""
    ax.plot(*zip(*points[:-1], strict=True), color=color, linewidth=1.3)
    style = {"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0, "linewidth": 1.3}
    ax.annotate("", points[-1], points[-2], arrowprops=style)


def beside(ax, x, y, side, text, size=9.5):
    """A text that starts at x and leads away to one side, −1 left or 1 right."""
    ax.text(x, y, text, ha="left" if side > 0 else "right", va="center", fontsize=size)


def sublayer(ax, x, y, text, color, side):
    """A sub-layer, Add & Norm above it, and the residual path around both on one side."""
    path(ax, (x, y - 0.95), (x, y - 0.35))
    box(ax, x, y, text, color)
    path(ax, (x, y + 0.35), (x, y + 0.65))
    box(ax, x, y + 0.9, "Add & Norm", "0.6", height=0.5)
    around = x + 1.9 * side
    path(ax, (x, y - 0.65), (around, y - 0.65), (around, y + 0.9), (x + 1.5 * side, y + 0.9))


# %%
def entrance(ax, x, side, tokens, shape):
    """Tokens become vectors with positions, at the foot of a stack."""
    ax.text(x, 0, tokens, ha="center", va="center", fontsize=12)
    beside(ax, x + 1.7 * side, 0, side, shape)
    path(ax, (x, 0.3), (x, 0.75))
    box(ax, x, 1.1, "embedding · √d_model")
    path(ax, (x, 1.45), (x, 1.95))
    circle = {"boxstyle": "circle", "fc": "white", "ec": "0.3"}
    ax.text(x, 2.2, "+", ha="center", va="center", fontsize=13, bbox=circle)
    beside(ax, x + 1.6 * side, 2.2, side, "positions")
    path(ax, (x + 1.5 * side, 2.2), (x + 0.3 * side, 2.2))
    ax.plot([x, x], [2.5, 3.1], color="0.2", linewidth=1.3)


def stack(ax, x, side, sublayers, name):
    """Sub-layers one above the other, in a frame: a layer, to be repeated."""
    for level, (text, color) in enumerate(sublayers):
        sublayer(ax, x, 4.0 + 2.1 * level, text, color, side)
    height = 2.1 * len(sublayers)
    frame = FancyBboxPatch((x - 2.15, 3.15), 4.3, height, "round,pad=0,rounding_size=0.2")
    frame.set(facecolor="none", edgecolor="0.3", linestyle="--")
    ax.add_patch(frame)
    beside(ax, x + 2.4 * side, 3.2 + height / 2, side, name, size=11)


# %%
[ax] = panels(1, 1, 8.8, 8.4)
left, right = 3.0, 9.0
entrance(ax, left, -1, "I  go  home", "(b, n_s)")
entrance(ax, right, 1, "SOS  나는  집에", "(b, n_t)")
stack(ax, left, -1, [("self-attention", BLUE), ("feed-forward", "0.9")], "encoder\n× N")
decoder = [("masked self-attention", PURPLE), ("cross-attention", GREEN), ("feed-forward", "0.9")]
stack(ax, right, 1, decoder, "decoder\n× N")
path(ax, (left, 7.25), (left, 7.9), (6.0, 7.9), (6.0, 6.1), (7.5, 6.1), color=GREEN)
ax.text(4.5, 8.15, "memory (b, n_s, d_model)", ha="center", va="center", fontsize=9.5)
ax.text(6.15, 6.35, "K, V", fontsize=9.5, color=GREEN)
ax.text(8.65, 5.35, "Q", fontsize=9.5, color=GREEN)
for y, text in ((10.4, "linear"), (11.7, "softmax")):
    path(ax, (right, y - 1.0), (right, y - 0.35))
    box(ax, right, y, text)
beside(ax, right + 1.7, 10.4, 1, "(b, n_t, tgt_vocab)")
path(ax, (right, 12.05), (right, 12.55))
ax.text(right, 12.85, "나는  집에  간다", ha="center", va="center", fontsize=12)
ax.set(xlim=(-1.6, 13.8), ylim=(-0.4, 13.2), aspect="equal")
ax.set_axis_off()

# %% [markdown]
# *Figure: the Transformer. On the left the encoder, from below: I go home; embedding, times
# √d_model; positions added; then a dashed frame, repeated N times, with self-attention, Add & Norm,
# feed-forward, Add & Norm; a line leads around each of the two and into the Add & Norm above it. On
# the right the decoder: SOS 나는 집에; embedding; positions; a frame, repeated N times, with masked
# self-attention, cross-attention and feed-forward, each with its Add & Norm and a line around it.
# The encoder's result, the memory, goes to cross-attention as keys and values; its queries come
# from below. On top of the decoder stand linear and softmax, and what comes out is 나는 집에 간다.*
#
# Where have you met each part?
#
# | part | lecture | what to remember |
# | --- | --- | --- |
# | embedding · √d_model, positions | 06 | without positions, order is lost |
# | self-attention | 02 to 04 | source asks source; sees all of it but padding |
# | masked self-attention | 07 | target asks target; sees itself and before |
# | **cross-attention** | here | target asks **source**; sees all of it but padding |
# | feed-forward, Add & Norm | 08 | each position by itself |
# | linear, softmax | 07 | a probability for each word of the target's vocabulary |
#
# With LN for the normalisation, MHA(Q; K, V) for attention with its heads, and FF for feed-forward,
# one layer of the encoder and one of the decoder are
#
# $$\begin{aligned}
#   A &= \mathrm{LN}(X + \mathrm{MHA}(X; X, X)) &\qquad
#   B &= \mathrm{LN}(Y + \mathrm{MHA}_{\text{causal}}(Y; Y, Y)) \\
#   X' &= \mathrm{LN}(A + \mathrm{FF}(A)) &\qquad
#   C &= \mathrm{LN}(B + \mathrm{MHA}(B; M, M)) \\
#   & &\qquad Y' &= \mathrm{LN}(C + \mathrm{FF}(C))
# \end{aligned}$$
#
# | symbol | is | shape |
# | --- | --- | --- |
# | $X, A, X'$ | source vectors | (b, n_s, d_model) |
# | $M$ | memory: $X'$ of the **last** encoder layer | (b, n_s, d_model) |
# | $Y, B, C, Y'$ | target vectors | (b, n_t, d_model) |
# | weights of MHA(B; M, M) | target × source | (b, n_heads, n_t, n_s) |
#
# Every layer of the decoder looks at the same memory. And the memory does not depend on what is
# written: it is computed once for a sentence.
#
# ### Built from torch's layers
#
# `course/transformer.py` is this picture in a short file, around torch's encoder and decoder
# layers. In the assignments you build the blocks and the model yourself. Untrained, with
# `d_model` = 8, on our sentence, and now with the question after 간다 as well, which is the end:

# %%
english, korean = Vocabulary(source), Vocabulary(target)  # each with pad, begin, end, unknown
torch.manual_seed(0)
small = Transformer(Settings(len(english), len(korean), d_model=8, n_heads=2, d_ff=16))
src = torch.tensor([english.encode(source)])  # (b, n_s)
tgt_in = torch.tensor([[BOS, *korean.encode(target)]])  # (b, n_t)
memory = small.encode(src)  # (b, n_s, d_model), once for the sentence
logits = small.decode(tgt_in, memory, src)  # (b, n_t, tgt_vocab)
for name, tensor in {"src": src, "tgt_in": tgt_in, "memory": memory, "logits": logits}.items():
    print(f"{name:7s} {tuple(tensor.shape)}")
with recorded_maps(small) as maps:
    small(src, tgt_in)
for name, of_layers in vars(maps).items():
    print(f"{name:7s} maps of {len(of_layers)} layers, {tuple(of_layers[0].shape)}")

assert memory.shape == (1, 3, 8)
assert logits.shape == (1, 4, len(korean))
assert maps.cross[1].shape == (1, 2, 4, 3)  # (b, n_heads, n_t, n_s)
torch.testing.assert_close(logits, small(src, tgt_in))

# %% [markdown]
# ### Experiment: who feels whom?
#
# Before a model is trained, its wiring can be tested. We replace one word of the source, or one of
# those fed to the decoder, and look which logits change.
#
# **Predict**, for the four questions, at places 0 to 3 (asked for 나는, 집에, 간다, END): which of
# them feel the source word *home*? Which feel 집에, which is fed at place 2?
#
# <details><summary>Answer</summary>
#
# All four feel every source word. 집에 is felt at places 2 and 3 only, asked for 간다 and END: the
# causal mask lets each place see itself and what comes before, and nothing on the way round,
# through two layers and the memory, may undo that.
#
# </details>


# %%
def felt(model, seed):
    """How much each of the 4 questions feels each source word (4, 3), and each word fed (4, 4)."""
    torch.manual_seed(seed)
    net = model(Settings(len(english), len(korean), d_model=32, d_ff=64))
    changes = []
    for tokens in (src, tgt_in):
        columns = []
        for place in range(tokens.shape[1]):
            other = tokens.clone()
            other[0, place] = 4 + (tokens[0, place] - 3) % 3  # another word; the first has number 4
            fed = (other, tgt_in) if tokens is src else (src, other)
            columns.append((net(*fed) - net(src, tgt_in))[0].abs().amax(dim=-1))  # (n_t,)
        changes.append(torch.stack(columns, dim=1).detach())
    return changes


asked = [*target, "END"]
by_source, by_fed = felt(Transformer, seed=0)
for ax, change, names, columns in zip(
    panels(1, 2, 4.0, 3.4),
    (by_source, by_fed),
    (source, ["SOS", *target]),
    ("source word replaced", "fed word replaced"),
    strict=True,
):
    shown, title = change / change.max(), "change of the logits"
    matrix(ax, shown, asked, names, rows="asked for", columns=columns, title=title)

# %% [markdown]
# *Figure: two maps of an untrained model, each divided by its largest entry. Left, four questions
# by three source words: no zero. Right, four questions by the four words fed: exact zeros above the
# diagonal, none on it or below.*

# %%
later = small.future(4)  # (n_t, n_t), True where the word is fed after the question
claim(
    "No answer of the whole feels a word that is fed later",
    figure="largest change of a logit",
    values=[felt(Transformer, seed)[1][later].max() for seed in range(5)],
    below=1e-6,
    without="with a mask that lets each place see one too far",
    broken=[felt(OneTooFar, seed)[1][later].max() for seed in range(5)],
)
assert all(felt(Transformer, seed)[0].min() > 1e-3 for seed in range(5))  # all of the source
assert all(felt(Transformer, seed)[1][~later].min() > 1e-3 for seed in range(5))

# %% [markdown]
# **Claim.** On five random models, no logit changes by 1e-6 when a later word is replaced, and each
# question feels each source word and each word up to its own place by more than 1e-3. With a mask
# that is wrong by one, later words are felt.
#
# **What it does not show.** That the model uses all it could use. That is for training to find.
#
# ## 3 · Break it
#
# ### Who asks whom
#
# Suppose queries and keys of the cross-attention change places: the memory asks the decoder.
#
# **Predict** the shape of what comes out, for n_s = 3 and n_t = 4. When would nobody notice?
#
# <details><summary>Answer</summary>
#
# There is an output for each query: (b, 3, d_model), a new vector for each *source* word. The
# residual connection wants to add it to the (b, 4, d_model) of the decoder, and fails. With n_s =
# n_t it adds without complaint.
#
# </details>

# %%
cross = small.decoder[0].multihead_attn
y = torch.randn(1, 4, 8)  # (b, n_t, d_model)
right_way, _ = cross(y, memory, memory)  # queries y; keys and values memory
wrong_way, _ = cross(memory, y, y)
print("target asks source:", tuple(right_way.shape))
print("source asks target:", tuple(wrong_way.shape))
try:
    y + wrong_way
    refused = ""
except RuntimeError as refusal:
    refused = str(refusal)
print("added to the decoder's vectors:", refused)

assert right_way.shape == y.shape
assert wrong_way.shape == memory.shape
assert "must match" in refused
assert (y[:, :3] + wrong_way).shape == (1, 3, 8)  # of equal lengths: no complaint

# %% [markdown]
# So test with lengths that differ, and with a batch and a number of heads that differ from both.
#
# ### The neighbours in the batch
#
# *I go home* shares a batch with a sentence of eight words, and is filled up with five PAD. The
# encoder hides them from itself. But the memory has a row for each of them, and these rows hold
# *something*. If the decoder does not hide them too, the translation depends on who else is in the
# batch.


# %%
def disturbed(seed, hides_padding):
    """Largest change of a logit when the source is filled up with five PAD."""
    torch.manual_seed(seed)
    model = Transformer(Settings(len(english), len(korean), d_model=32, d_ff=64))
    longer = torch.nn.functional.pad(src, (0, 5), value=PAD)  # (b, n_s + 5)
    memory = model.encode(longer)  # hides the padding from itself
    visible = longer if hides_padding else torch.full_like(longer, BOS)  # BOS is not hidden
    return (model.decode(tgt_in, memory, visible) - model(src, tgt_in)).abs().max().item()


claim(
    "A translation does not depend on its neighbours in the batch",
    figure="largest change of a logit by five PAD",
    values=[disturbed(seed, hides_padding=True) for seed in range(5)],
    below=1e-4,
    without="if the decoder sees the memory's rows at PAD",
    broken=[disturbed(seed, hides_padding=False) for seed in range(5)],
)
assert min(disturbed(seed, hides_padding=False) for seed in range(5)) > 1e-2

# %% [markdown]
# **Claim.** On five random models, five PAD change no logit by 1e-4 if encoder *and* decoder hide
# them, and some logit by more than .01 if the decoder does not. No error tells.
#
# ## 4 · The task: dates of five countries, one form
#
# "Feb 3, 1962", "3. Februar 1962", "1962년 2월 3일 토요일" → 1962-02-03. Dates between 1950 and
# 2049, as people write them in the US, Britain, Germany, France and Korea, in three lengths each
# (Unicode CLDR, by Babel), character by character, into ISO 8601. The task is small enough for a
# laptop and has what translation has: other words, another order, things to leave out (the day of
# the week) and things to add (a 0). And unlike translation it has one right answer.

# %%
for pair in unseen()[:6]:
    print(f"{pair.source:28s} → {pair.target}")
print(len(SOURCE), "source symbols,", len(TARGET), "target symbols, four of them marks in each")
days = split()
print({name: len(of_set) for name, of_set in days.items()}, "days")
longest = max(len(pair.source) for pair in unseen())
print("longest source:", longest, "characters; target:", {len(pair.target) for pair in unseen()})

assert set(days["train"]).isdisjoint(days["test"])
assert (len(days["train"]), len(days["test"])) == (32_525, 2_000)
assert {pair.target for pair in unseen()} <= {day.isoformat() for day in days["test"]}

# %% [markdown]
# Days are split before anything is written: a day of the test is never seen in training, in any of
# its fifteen forms. The model is the one of the picture with N = 2, `d_model` = 64, four heads,
# `d_ff` = 128.
#
# **Predict.** Where do most of its parameters sit: in embeddings, attention, feed-forward? And
# which is larger, a layer of the encoder or one of the decoder?
#
# <details><summary>Answer</summary>
#
# In attention: of a decoder layer two thirds, because it has two attentions and one feed-forward,
# and with `d_ff` = 2 · `d_model` one feed-forward costs as much as one attention, 4 · `d_model`²
# and a little. A decoder layer is larger by half. The embeddings of a few dozen characters are
# nothing; with the 37,000 symbols of the paper they would not be.
#
# </details>

# %%
torch.manual_seed(0)
model = Transformer(settings())
parts = {"embeddings": (model.src_embedding, model.tgt_embedding), "output layer": (model.output,)}
layers = [*model.encoder, *model.decoder]
parts["self-attention"] = [layer.self_attn for layer in layers]
parts["cross-attention"] = [layer.multihead_attn for layer in model.decoder]
parts["feed-forward"] = [each for layer in layers for each in (layer.linear1, layer.linear2)]
counts = {name: sum(map(n_parameters, modules)) for name, modules in parts.items()}
counts["normalisation"] = n_parameters(model) - sum(counts.values())
for name, count in counts.items():
    print(f"{name:16s} {count:7,d}")
print(f"{'all':16s} {n_parameters(model):7,d}")
per_layer = [n_parameters(model.encoder[0]), n_parameters(model.decoder[0])]
print("a layer of the encoder has", per_layer[0], "parameters, one of the decoder", per_layer[1])

attention = counts["self-attention"] + counts["cross-attention"]
assert attention > counts["feed-forward"] > 10 * counts["embeddings"]
assert 1.4 < per_layer[1] / per_layer[0] < 1.6
assert 170_000 < n_parameters(model) < 175_000

# %% [markdown]
# ## 5 · Experiment: trained to 99 of 100
#
# Teacher forcing as in lecture 07: the decoder is fed the true date, begin first, and asked for it,
# end last. Batches of 32 fresh dates, 1,500 of them; Adam; a learning rate that rises for 300 steps
# to .003 and then falls in a straight line to 0; and a loss with *label smoothing*: the target is
# to get .9 of the probability, and .1 is spread evenly over all symbols. Rates and smoothing are
# subjects of lecture 10; here it suffices that nobody can bring such a loss to 0. The least
# possible is the entropy of what is asked for, .9 and a bit on one symbol and .1/K on each of the
# others.
#
# **Predict.** The decoder is fed the true beginning. Which of the ten characters of a date will it
# get wrong longest? The month, which it must read from names in four languages?
#
# <details><summary>Answer</summary>
#
# The names are no trouble: a few letters tell them apart. Wrong longest are two digits: the first
# of the day and the third of the year (the map after the curve). The first of the day is a 0 if the
# day has one digit only, so that the model must find the day and also look whether it goes on. Of
# the year, the first two are 19 or 20, and then one of several digits has to be picked by its place
# alone. Why the third is harder than the fourth we have not found out.
#
# </details>
#
# The curve below grows as the model learns (half a minute or so).


# %%
def fresh(seed):
    """An untrained model, and its trainer."""
    torch.manual_seed(seed)
    model = Transformer(settings())
    optimizer = torch.optim.Adam(model.parameters(), betas=BETAS, eps=1e-9)
    schedule = linear_decay(PEAK, WARMUP, STEPS[1])
    return model, Trainer(model, label_smoothed(EPSILON), optimizer, schedule)


model, trainer = fresh(seed=0)
share = EPSILON / len(TARGET)  # of each symbol, and of the right one 1 − ε more
least = -(1 - EPSILON + share) * math.log(1 - EPSILON + share)
least -= (len(TARGET) - 1) * share * math.log(share)

valid = drawn(500, random.Random(2), "valid")  # of days of neither training nor test


@torch.no_grad()
def by_place(model):
    """The share of dates of which each character is right, the true ones before it fed: (11,)."""
    batch = as_batch(valid)
    model.eval()
    hits = model(batch.src, batch.tgt_in).argmax(dim=-1) == batch.tgt_out  # (b, 11)
    return hits.float().mean(dim=0)


# %%
places_right = {}
[ax] = panels(1, 1, 6.4, 3.2)
[curve] = ax.plot([], [], color=BLUE)
ax.axhline(least, color="black", linestyle="--", label=f"least possible, {least:.2f}")
ax.set(xlabel="step", ylabel="loss (nats per character)", xlim=(0, STEPS[1]), ylim=(0, 3))
ax.legend()
screen = display(ax.figure, display_id=True)
for step in range(STEPS[1]):
    trainer.update([training_batch(0, step)])
    if (step + 1) % 100 == 0:
        curve.set_data(range(1, step + 2), trainer.losses)
        screen.update(ax.figure)
    if step + 1 in (100, 200, 400, 800, STEPS[1]):
        places_right[step + 1] = by_place(model)
plt.close(ax.figure)  # it stands above

# %% [markdown]
# *Figure: training loss over 1,500 steps, seed 0. It falls from about 3 to below .7 within 400
# steps, with a few spikes, and from then on comes closer and closer to the dashed line of the least
# possible.*

# %%
[ax] = panels(1, 1, 7.4, 3.0)
labels = [*"YYYY-MM-DD", "END"]
shown, title = torch.stack(list(places_right.values())), "share right, fed the truth"
matrix(ax, shown, places_right, labels, rows="step", columns="asked for", title=title)

# %% [markdown]
# *Figure: the share of 500 dates of which a character is right, for the ten characters and END,
# after 100, 200, 400, 800 and 1,500 steps. After 400 steps two characters stand at .89, the first
# digit of the day and the third of the year, and all others near 1; in the last row all are near
# 1.*

# %%
live = exact(model, unseen())
dates_table = table("dates_seeds")
[in_table] = dates_table.column("exact", task="one", seed=0)
print(f"least possible loss {least:.3f}; the last 100 steps {sum(trainer.losses[-100:]) / 100:.3f}")
print(f"2,000 dates of unseen days: live {live:.4f}, in the table of {dates_table.date} {in_table}")
for text in ("Feb 3, 1962", "3. Februar 1962", "1962년 2월 3일 토요일"):
    print(f"{text:20s} → {translate(model, [text])[0]}")

assert abs(live - in_table) < 0.03  # processors round differently
assert set(places_right[400].argsort()[:2].tolist()) == {2, 8}
assert 2.5 < trainer.losses[0] < 3.5
assert sum(trainer.losses[400:500]) / 100 < 0.7
assert places_right[STEPS[1]].min() > 0.98
assert least - 1e-3 < sum(trainer.losses[-100:]) / 100 < least + 0.05
assert translate(model, ["3. Februar 1962"]) == ["1962-02-03"]

# %% [markdown]
# One seed is luck. The table of `make experiments` has five, and three of a model without positions
# (section 8):

# %%
ablations = table("ablations")


def column(name, model, dates=1):
    """A column of the table of ablations for one model, a value a seed."""
    return ablations.column(name, model=model, dates=dates)


one = dates_table.column("exact", task="one")
print("exact:", one, " CPU seconds:", dates_table.column("cpu_seconds", task="one"))
claim(
    "The whole Transformer reads dates of days it has never seen",
    figure="share of 2,000 dates that are right to the letter",
    values=one,
    above=0.99,
    without="without positions",
    broken=column("exact", "no positions"),
)

# %% [markdown]
# **Claim.** On five seeds, more than 99 % of 2,000 dates are right to the letter, on days that were
# in no training batch.
#
# **What it does not show.** That it understands dates. Try some of your own; forms that it has not
# been trained on are another matter:

# %%
for text in ("29 Feb 1999", "3/2/1962", "February 3rd, 1962", "Feb 3, 1862"):
    print(f"{text:20s} → {translate(model, [text])[0]}")

# %% [markdown]
# ## 6 · From probabilities to a text: greedy and beam
#
# In training the decoder is told the truth at each step. When it writes, it is fed what it has
# written. It gives a probability for each next symbol, and somebody must choose.
#
# **Greedy**: always take the most probable symbol. Back to Korean for a case by hand. A decoder
# that has read *I go home* hesitates: 나는 집에 간다 is right, but so is 집에 간다, since a Korean
# sentence may leave out who.
#
# | written | next |
# | --- | --- |
# | (nothing) | 나는 .5, 집에 .4, END .1 |
# | 나는 | 집에 .5, 간다 .3, END .2 |
# | 집에 | 간다 .9, 나는 .1 |
# | 나는 집에 | 간다 .8, END .2 |
# | 집에 간다 | END .9, 나는 .1 |
# | 나는 집에 간다 | END 1 |
#
# The probability of a text is the product along its way.
#
# **Predict.** What does greedy write, and how probable is it? Is there a more probable text?
#
# <details><summary>Answer</summary>
#
# 나는 (.5), 집에 (.5), 간다 (.8), END (1): .5 · .5 · .8 · 1 = .20. But 집에 간다 END has .4 · .9 ·
# .9 = .324. Greedy took the better first step, and could not know that everything after it is less
# sure.
#
# </details>
#
# A **beam** of k keeps the k most probable beginnings at each step, in place of one. With k = 2:

# %%
steps = [
    {"나는": 0.5, "집에": 0.4, "END": 0.1},
    {  # of 나는 and of 집에
        "나는 집에": 0.5 * 0.5,
        "나는 간다": 0.5 * 0.3,
        "나는 END": 0.5 * 0.2,
        "집에 간다": 0.4 * 0.9,
        "집에 나는": 0.4 * 0.1,
    },
    {  # of 집에 간다, .36, and of 나는 집에, .25
        "집에 간다 END": 0.36 * 0.9,
        "집에 간다 나는": 0.36 * 0.1,
        "나는 집에 간다": 0.25 * 0.8,
        "나는 집에 END": 0.25 * 0.2,
    },
]
kept = []
for number, candidates in enumerate(steps, start=1):
    kept.append(sorted(candidates, key=candidates.get, reverse=True)[:2])
    print(f"step {number}: keep", {text: round(candidates[text], 3) for text in kept[-1]})

assert kept == [["나는", "집에"], ["집에 간다", "나는 집에"], ["집에 간다 END", "나는 집에 간다"]]
assert round(steps[2]["집에 간다 END"], 3) == 0.324  # ended: finished
assert round(steps[2]["나는 집에 간다"] * 1, 3) == 0.2  # its end, in step 4, has probability 1

# %% [markdown]
# 집에 간다 is finished in step 3. 나는 집에 간다 ends in step 4 with .20 and is second. The greedy
# text is among the beginnings that were kept, and so is a better one.

# %%
places = {  # text: (step, height)
    "SOS": (0, 0),
    "나는": (1, 2.0),
    "집에": (1, -2.0),
    "END": (1, 0),
    "나는 집에": (2, 3.2),
    "나는 간다": (2, 2.0),
    "나는 END": (2, 0.8),
    "집에 간다": (2, -1.4),
    "집에 나는": (2, -2.8),
    "나는 집에 간다": (3, 3.6),
    "나는 집에 END": (3, 2.5),
    "집에 간다 END": (3, -1.0),
    "집에 간다 나는": (3, -2.1),
    "나는 집에 간다 END": (4, 3.6),
}
products = {text: p for candidates in steps for text, p in candidates.items()}
products |= {"SOS": 1.0, "나는 집에 간다 END": 0.2}
greedy_way = {"나는", "나는 집에", "나는 집에 간다", "나는 집에 간다 END"}
in_beam = {"나는 집에 간다 END", *(text for texts in kept for text in texts)}
[ax] = panels(1, 1, 9.0, 4.2)
for text, (x, y) in places.items():
    before = text.rpartition(" ")[0] or "SOS"
    color, style = (BLUE, "-") if text in in_beam else ("0.6", ":")
    if text != "SOS":
        x_from, y_from = places[before]
        ax.plot([x_from + 0.27, x - 0.27], [y_from, y], style, color=color)
        if text in greedy_way:
            ax.plot([x_from + 0.27, x - 0.27], [y_from + 0.13, y + 0.13], "--", color=ORANGE)
    label = f"{text.split()[-1]}\n{round(products[text], 3):g}"
    ink = "0.35" if style == ":" and text != "SOS" else "black"
    ax.text(x, y, label, ha="center", va="center", fontsize=9.5, color=ink)
ax.plot([], [], "--", color=ORANGE, label="greedy")
ax.plot([], [], color=BLUE, label="beam of 2")
ax.plot([], [], ":", color="0.6", label="dropped")
ax.set(xlim=(-0.35, 4.4), ylim=(-3.4, 4.3), xticks=range(5), xlabel="step", yticks=[])
ax.spines["left"].set_visible(False)
ax.grid(False)
_ = ax.legend(loc="lower right")

# %% [markdown]
# *Figure: a tree of texts that grows from SOS to the right, each word with the probability of the
# text up to there. The greedy way, dashed, runs along the top: 나는 .5, 집에 .25, 간다 .2, END .2.
# The beam of two follows it and, below, 집에 .4, 간다 .36, END .324. All other branches are
# dropped.*
#
# Three remarks. Products of many probabilities underflow, so one adds logarithms. Every further
# symbol makes a text less probable, so that a beam prefers short texts; tools divide the logarithm
# by a power of the length n: fairseq by n to the power `lenpen`, the paper by (5 + n)/6 to the
# power α = .6 (section 6.1, for a beam of 4). And a beam of k costs k times as much. It is no
# search of all texts: what has fallen out of the beam is gone.
#
# ### Experiment: does the beam help?
#
# **Predict**, for the trained model: in how many of 100 dates does a beam of four write something
# else than greedy? And for a model that has trained for 200 of the 1,500 steps?
#
# <details><summary>Answer</summary>
#
# In next to none, and after 200 steps in many: a model that is sure gives the beam nothing to do,
# and one that hesitates does. Whether more probable texts are also *right* more often is another
# question, and the model's to answer for.
#
# </details>


# %%
def briefly(seed, n_steps=200):
    """A model after so few steps."""
    model, trainer = fresh(seed)
    for step in range(n_steps):
        trainer.update([training_batch(seed, step)])
    return model


early = []
for seed in range(3):
    model_early = briefly(seed)
    early.append(by_beam(model_early, valid, beam=4) | {"greedy": exact(model_early, valid)})
    year, month, first_of_day = by_place(model_early)[[2, 5, 8]]
    assert max(year, first_of_day) < month  # as in section 5: the names are no trouble
    print(f"seed {seed}, 200 steps:", {name: round(share, 3) for name, share in early[-1].items()})
better, worse = column("beam_better", "Transformer"), column("beam_worse", "Transformer")
print("trained, from the table: more probable", better, " less probable", worse)

# %%
claim(
    "Where a model hesitates, a beam of four finds more probable texts than greedy",
    figure="share of dates for which it does",
    values=[shares["beam_better"] for shares in early],
    above=0.05,
    without="trained to the end, when it does not hesitate",
    broken=better,
)
assert all(shares["beam_exact"] > shares["greedy"] for shares in early)
assert max(better) < 0.01
assert min(column("exact", "Transformer")) > 2 * max(shares["beam_exact"] for shares in early)

# %% [markdown]
# **Claim.** On three seeds, after 200 steps a beam of four finds a more probable text for more than
# 5 % of the dates, and gets more dates right than greedy. After 1,500 steps it finds one for less
# than 1 %.
#
# **What it does not show.** That a beam is worth its price on a task with one right answer: 1,300
# more steps do far more. In translation many texts are good and the model is rarely sure; there the
# paper uses one (section 6.1).
#
# ### A beam can lose the best text
#
# Look once more at the line "trained, from the table": of some dates the beam of a trained model
# finds a text that is *less* probable than the greedy one. How can more search find less? Here are,
# for four dates, all four texts that the beam ends with, and the logarithms of their probabilities.

# %%
beams = beam_search(model, as_batch(unseen()[:200]).src, BOS, EOS, 40, beam=4, lenpen=0.0)
ends = [[("".join(TARGET.decode(ids)), round(score, 2)) for ids, score in each] for each in beams]
for pair, four in zip(unseen()[:4], ends, strict=False):
    print(f"{pair.source:26s}", four)
broken_off = [sum(len(text) < 10 for text, _ in four) for four in ends]
print("of 200 dates,", sum(count > 0 for count in broken_off), "with a text that breaks off,")
print(sum(len(four[0][0]) < 10 for four in ends), "with such a text as the best of the four")
log_share = math.log(EPSILON / len(TARGET))
print(f"log p of one symbol by label smoothing, log({EPSILON} / {len(TARGET)}): {log_share:.2f}")

assert sum(count > 0 for count in broken_off) > 20
assert round(log_share, 1) == -5.1

# %% [markdown]
# Among the four there are dates that break off, of more than 20 of 200 dates. Label smoothing has
# taught the model to give every symbol a little, at every step, so also to the end: .1/16, with the
# logarithm −5.1. An early end is as good as any other mistake, and a beam has places to fill. But
# it is finished at once. Where four of them are finished before the whole date is, the search is
# over.
#
# By hand: a decoder is nearly sure of 나는 집에 간다, .9 at each step, and from the second step on
# it gives .07 to an early end. The little that is left it spreads over many other words, so that
# none of them counts. A beam of two keeps the second best of each step:

# %%
alive = [0.9, 0.9 * 0.9, 0.9 * 0.9 * 0.9]  # 나는; 나는 집에; 나는 집에 간다
ended = [0.9 * 0.07, 0.9 * 0.9 * 0.07]  # 나는 END; 나는 집에 END
for number, (p_alive, p_ended) in enumerate(zip(alive[1:], ended, strict=True), start=2):
    print(f"step {number}: alive with {p_alive:.3f}, finished with {p_ended:.3f}")

lost = column("beam_worse", "bi-GRU + attention", dates=3)
print("three dates a line, bi-GRU + attention: less probable", lost)

assert len(ended) == 2
assert alive[-1] > 10 * max(ended)
assert 0 < max(worse) < 0.03
assert 0.03 < min(lost) < max(lost) < 0.1

# %% [markdown]
# After step 3 two texts are finished. A search that stops as soon as it has k finished texts, as
# fairseq's does and the one in `course/decoding.py` after it, gives one of them, though the
# beginning that is still alive is more than ten times as probable. The longer the text, the more
# chances for an early end: of single dates the trained Transformers lose less than 3 %, of lines of
# three dates (section 9) the GRUs with attention lose 3 to 10 %. The cure is not to stop while
# something better lives: in a7 no early stop may change the result.
#
# And if nothing stops early, is a beam of two at least as good as greedy? The second question of
# section 11.
#
# ## 7 · Where it looks: cross-attention as alignment
#
# Section 1 promised that the decoder, to write a word, looks at the source word that it needs.
# Nobody told our model where to look. Did it find out? One of its maps, of the **first** decoder
# layer, the mean of the four heads; the frames mark year, month and day in both texts.

# %%
day = days["test"][0]
examples = {locale: written(day, "full", locale) for locale in LOCALES}


def cross_map(ax, locale, layer, head):
    """Where each character of the date looks in a locale's text; frames mark the fields."""
    pair = examples[locale]
    batch = as_batch([pair])
    with recorded_maps(model) as maps, torch.no_grad():
        model(batch.src, batch.tgt_in)
    weights = maps.cross[layer][0]  # (n_heads, n_t, n_s)
    shown = weights.mean(dim=0) if head == "mean" else weights[head]  # (n_t, n_s)
    image = ax.imshow(shown, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    ax.figure.colorbar(image, ax=ax, label="weight")
    ax.set_xticks(range(len(pair.source)), pair.source)
    ax.set_yticks(range(len(pair.target) + 1), [*pair.target, "END"])
    for field in "yMd":
        x, y = pair.source_fields.index(field), pair.target_fields.index(field)
        size = pair.source_fields.count(field), pair.target_fields.count(field)
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), *size, fill=False, ec=ORANGE, lw=2))
    head_name = "mean of heads" if head == "mean" else f"head {head}"
    ax.set(xlabel="key: source", ylabel="asked for", title=f"{locale}, layer {layer}, {head_name}")
    ax.grid(False)


for ax, locale in zip(panels(2, 1, 7.6, 3.7), ("en_US", "ko"), strict=True):
    cross_map(ax, locale, layer=0, head="mean")

# %% [markdown]
# *Figure: two maps, "Tuesday, October 23, 1962" and "1962년 10월 23일 화요일", by the characters of
# 1962-10-23 and END. In both, the brightest cells of a row lie in the frame of its field, for the
# year on the right or on the left as the country has it, and in year and day near the diagonal of
# the frame. The rows of the hyphens and of END have no bright cell.*
#
# A row is the character that is *asked for*. To write the year the model looks at the year,
# wherever it stands, to write the month at the month. To put a number on it: of the eight digits of
# each date take the source character with the largest weight in the mean of the heads, and see
# whether it lies in the digit's own field. By chance this would happen as often as the fields are
# long.

# %%
tested = unseen()[:200]
chance = sum(
    pair.source_fields.count(field) * pair.target_fields.count(field) / len(pair.source) / 8
    for pair in tested
    for field in "yMd"
) / len(tested)
untrained = [aligned(fresh(seed)[0], tested) for seed in range(3)]
print(f"by chance {chance:.2f}")
rounded = [[round(share, 2) for share in layers] for layers in untrained]
print("first and second layer, untrained:", rounded)
for name in ("Transformer", "no positions", "bi-GRU + attention"):
    print(f"{name}, trained, from the table:", column("aligned", name))

claim(
    "Cross-attention of the first decoder layer is an alignment, though nobody asked for one",
    figure="share of digits whose largest weight lies in their own field",
    values=[layers[0] for layers in column("aligned", "Transformer")],
    above=0.8,
    without="before training",
    broken=[layers[0] for layers in untrained],
)
assert max(layers[0] for layers in untrained) < 0.4
assert 0.2 < chance < 0.3
assert min(layers[0] for layers in column("aligned", "bi-GRU + attention")) > 0.8

# %% [markdown]
# **Claim.** On three seeds, the first layer of the decoder has its largest weight in the right
# field for more than 80 % of the digits; before training for less than 40 %, and by chance for
# about a quarter. The GRU with attention of the next section has found such an alignment too, on
# three seeds for more than 80 % of the digits.
#
# **What it does not show.** That every head aligns, or that a map explains an output; turn the
# knobs below to doubt the first, and wait for lecture 11 for the second. And it is the *mean* of
# the heads: what it says of single heads is little.


# %%
def look(locale, layer, head):
    """One map of the trained model."""
    [ax] = panels(1, 1, 7.6, 3.7)
    cross_map(ax, locale, layer, head)


Knobs(
    look,
    locale=Dropdown(options=list(examples), value="de", description="locale"),
    layer=SelectionSlider(options=range(2), value=0, description="layer"),
    head=SelectionSlider(options=["mean", 0, 1, 2, 3], value="mean", description="head"),
)

# %% [markdown]
# ## 8 · Experiment: which part does what?
#
# Now we take parts away, one at a time, and train again, everything else equal: the same batches,
# steps, rates and seeds.
#
# - **No positions**: nothing is added to the embeddings.
# - **Leaking mask**: each place of the decoder sees one too far, as in lecture 07.
# - **No attention at all**: what was there before. A bidirectional GRU reads the source, and the
#   last states of its two directions are the summary; a GRU writes the date from this summary and
#   what it has written (as in Cho et al., 2014, whose reader went in one direction only).
# - **A GRU with attention**: the same two, but for each character the writer is handed a fresh
#   weighted mean of all states of the reader (Bahdanau, Cho and Bengio, 2015): cross-attention
#   before there was a Transformer. Its score is no inner product but v · tanh(W writer + U state).
#
# The recurrent ones are in `course/recurrent.py`; their size is chosen so that one has a little
# fewer parameters than the Transformer and one a little more.
#
# **Predict** the share of exact dates for each. Which of them comes first to 99 %, in seconds of
# computing?
#
# <details><summary>Answer</summary>
#
# Without positions about a quarter: it is left to guess the order. With the leak none. The GRU
# without attention **does not fail**: a date has few characters, and they fit in one vector. The
# GRU with attention is just as good, and is the first at 99 %; the Transformer comes last of the
# three.
#
# </details>

# %%
names = list(MODELS)
for name in names:
    print(
        f"{name:19s} {column('parameters', name)[0]:,d} parameters;"
        f" exact {column('exact', name)}; fed the truth {column('forced', name)}"
    )
told = {"batch": {"1": 32, "3": 16}, "steps": {"1": 1500, "3": 3500}, "peak": 0.003, "warmup": 300}
assert told.items() <= ablations.settings.items()
assert told.items() <= dates_table.settings.items()


def to_99(name, unit):
    """Of each seed, steps (0) or seconds (1) until 99 % of 200 dates are right; never: infinite."""
    return [
        min((attempt[unit] for attempt in tries if attempt[2] >= 0.99), default=math.inf)
        for tries in column("tries", name)
    ]


whole = ("Transformer", "bi-GRU", "bi-GRU + attention")
for name in whole:
    print(f"{name:19s} to 99 %: steps {to_99(name, 0)}, seconds of CPU {to_99(name, 1)}")

# %%
looks = {
    "Transformer": (BLUE, "o"),
    "no positions": (PURPLE, "^"),
    "leaking mask": ("0.45", "v"),
    "bi-GRU": (ORANGE, "s"),
    "bi-GRU + attention": (GREEN, "D"),
}
left, right = panels(1, 2, 4.8, 3.4)
for height, name in enumerate(reversed(names)):
    color, marker = looks[name]
    forced, free = column("forced", name), column("exact", name)
    left.plot(forced, [height + 0.15] * 3, "|", color="black", markersize=10)
    left.plot(free, [height - 0.1] * 3, marker, color=color, markersize=7, alpha=0.7)
left.plot([], [], "|", color="black", markersize=10, label="characters, fed the truth")
left.plot([], [], "o", color="0.4", label="dates, written freely")
left.set_yticks(range(len(names)), reversed(names))
left.set(xlim=(-0.04, 1.04), ylim=(-0.6, 5.7), xlabel="share right", title="after training")
left.legend(loc="upper center", ncols=2, fontsize=8)
for name in whole:
    color, marker = looks[name]
    for seed, tries in enumerate(column("tries", name)):
        _, seconds, shares = zip(*tries, strict=True)
        right.plot(seconds, shares, marker=marker, color=color, linewidth=1, markersize=4)
        right.lines[-1].set_label(name if seed == 0 else None)
right.axhline(0.99, color="black", linestyle="--", linewidth=1)
right.set(xlabel="CPU seconds of training", ylabel="share of dates right", title="on the way")
_ = right.legend(loc="lower right")

# %% [markdown]
# *Figure: left, shares for five models, three seeds each. A bar marks the characters right when fed
# the truth, a symbol the dates right when written freely. Transformer, bi-GRU and bi-GRU with
# attention have both at 1 or close to it. No positions: characters near .9, dates between .2 and
# .3. Leaking mask: characters at 1, dates at 0. Right, dates right against CPU seconds: the bi-GRU
# with attention is first at the dashed line of .99, then the bi-GRU; the Transformer comes last,
# and one of its seeds falls far back on the way.*

# %%
claim(
    "Without positions it cannot read dates",
    figure="share of 2,000 dates that are right",
    values=column("exact", "no positions"),
    below=0.4,
    without="with positions",
    broken=column("exact", "Transformer"),
)
claim(
    "Behind a mask that leaks it writes nothing of use",
    figure="share of 2,000 dates that are right",
    values=column("exact", "leaking mask"),
    below=0.02,
    without="behind the honest mask",
    broken=column("exact", "Transformer"),
)
assert min(column("forced", "leaking mask")) > 0.99  # and nothing shows while it is fed the truth
claim(
    "A GRU with attention learns single dates in fewer steps than the Transformer",
    figure="steps to 99 % of 200 dates",
    values=to_99("bi-GRU + attention", 0),
    below=600,
    without="with the Transformer in its place",
    broken=to_99("Transformer", 0),
)
assert max(to_99("bi-GRU + attention", 1)) < min(to_99("Transformer", 1))  # in seconds too
assert max(to_99("bi-GRU", 0)) < min(to_99("Transformer", 0))
assert min(column("exact", "bi-GRU") + column("exact", "bi-GRU + attention")) > 0.99
assert all(0.15 < share < 0.35 for share in column("exact", "no positions"))

# %% [markdown]
# **Claim.** On three seeds: without positions less than 40 % of the dates are right. With the leak
# more than 99 % of the characters are right as long as the true ones are fed, and less than 2 % of
# the dates when it writes. Both GRUs get more than 99 % of the dates right, and are at 99 % after
# fewer steps than any of the Transformers; the one with attention before step 600, and in fewer
# seconds as well.
#
# **What it does not show.** That recurrence is better. Lines are short here, so that its many steps
# cost little (lecture 05). The rate and its schedule were chosen for the Transformer, and a shorter
# schedule might have brought it there sooner: it climbs to 99 % only as the rate falls (lecture
# 10). Seconds compare two programs on one processor, not two ideas. What it does show: for this
# small task the GRU with attention is the better tool, and attention is older than the Transformer.
#
# And what did not matter? One head or four, label smoothing or none, normalisation before or after
# the sub-layers: on this task we could measure no difference, and shall not claim one.
#
# ## 9 · The capstone: three dates in one line
#
# "3. Februar 1962, Oct 23, 1999, 2048년 11월 13일" → 1962-02-03,1999-10-23,2048-11-13. Three dates
# of any country, joined by commas, and some dates have commas of their own. Up to some eighty
# characters in, 32 out. The model and its rates stay as they are; the batches have 16 lines, and
# there are 3,500 of them. That takes two minutes or so (less than 150 seconds on the machine of the
# table), so this section reads tables only.
#
# **Predict.** What becomes of the GRU that must press the whole line into one vector? And the model
# of section 5, which has seen single dates only: what does it make of a line of three?
#
# <details><summary>Answer</summary>
#
# The GRU without attention has 112 numbers for twenty-four digits, all of which must be told
# exactly. It gets more than nine of ten characters right when fed the truth, and fewer than half of
# the lines. With attention it has no such trouble. And the model of section 5 fails altogether: it
# has never written more than ten characters, and never seen a date that begins at place 40.
#
# </details>

# %%
for pair in unseen(2_000, 3)[:3]:
    print(pair.source, "→", pair.target)
    print("    trained on one date a line:", translate(model, [pair.source])[0])
three = {
    "Transformer": dates_table.column("exact", task="three"),
    "bi-GRU": column("exact", "bi-GRU", dates=3),
    "bi-GRU + attention": column("exact", "bi-GRU + attention", dates=3),
}
for name, shares in three.items():
    print(f"{name:19s} on three dates a line: {shares}")
    print(f"{'':19s} trained on one date a line: {column('exact_on_three', name)}")
seconds = dates_table.column("cpu_seconds", task="three")
print("CPU seconds of the Transformer:", seconds)

assert 70 < max(len(pair.source) for pair in unseen(2_000, 3)) < 90
assert {len(pair.target) for pair in unseen(2_000, 3)} == {32}
assert ablations.settings["GRU"]["d_state"] == 112
assert max(seconds) < 150

# %%
[ax] = panels(1, 1, 6.4, 2.6)
for height, name in enumerate(reversed(three)):
    color, marker = looks[name]
    ax.plot(column("exact", name), [height + 0.15] * 3, marker, color=color, mfc="white")
    ax.plot(three[name], [height - 0.12] * len(three[name]), marker, color=color)
ax.plot([], [], "o", color="0.4", mfc="white", label="one date a line")
ax.plot([], [], "o", color="0.4", label="three dates a line")
ax.set_yticks(range(3), reversed(three))
ax.set(xlim=(-0.04, 1.04), ylim=(-0.5, 3.1), xlabel="share of lines that are right")
_ = ax.legend(loc="upper center", ncols=2, fontsize=8)

# %% [markdown]
# *Figure: shares of lines that are right, each model trained and tested on one date a line (hollow)
# and on three (full). The Transformer and the bi-GRU with attention stay near 1; the bi-GRU without
# attention falls from 1 to between .3 and .5.*

# %%
claim(
    "The Transformer reads three dates in one line",
    figure="share of lines that are right",
    values=three["Transformer"],
    above=0.98,
    without="a GRU without attention in its place",
    broken=three["bi-GRU"],
)
claim(
    "One summary is enough for one date: a GRU without attention reads it",
    figure="share of lines that are right",
    values=column("exact", "bi-GRU"),
    above=0.9,
    without="on three dates a line",
    broken=three["bi-GRU"],
)
assert all(0.3 < share < 0.5 for share in three["bi-GRU"])
assert min(column("forced", "bi-GRU", dates=3)) > 0.9
assert min(three["bi-GRU + attention"]) > max(three["Transformer"])
claim(
    "Whoever has learnt one date a line cannot read three",
    figure="share of lines of three that are right",
    values=column("exact_on_three", "Transformer"),
    below=0.02,
    without="trained on three",
    broken=three["Transformer"],
)

# %% [markdown]
# **Claim.** On five seeds, the Transformer reads more than 98 % of the lines of three dates without
# a mistake. On three seeds, a GRU without attention reads more than 90 % of single dates and less
# than half of the lines of three. A Transformer that has learnt single dates reads less than 2 % of
# the lines of three.
#
# **What it does not show.** That three dates need a Transformer: the GRU with attention does better
# still, on each of its three seeds. What the longer line tells apart is one summary from a look at
# every step, not recurrence from self-attention. Nor does it show that a GRU without attention
# could never do it: more numbers, or more steps, may help. And we did not try lists of two dates,
# or of four.
#
# ## 10 · The paper and the tools
#
# "Attention Is All You Need", section 3 and figure 1: N = 6 layers on either side, d_model = 512,
# d_ff = 2,048. Section 3.4: embeddings are multiplied by √d_model, and source, target and output
# layer share one matrix; ours has three, since dates and ISO have different symbols. Section 5.4:
# dropout .1; ours has none, because nearly every line of a batch is new.
#
# torch has the whole as `nn.Transformer`, without embeddings, positions and output layer. It adds
# something that the paper's figure does not have: a normalisation after the last layer of encoder
# and decoder. With our weights, and these two taken out:

# %%
batch = as_batch(unseen()[:16])
whole_torch = nn.Transformer(64, 4, 2, 2, 128, dropout=0.0, batch_first=True)
whole_torch.encoder.layers.load_state_dict(model.encoder.state_dict())
whole_torch.decoder.layers.load_state_dict(model.decoder.state_dict())


def embedded(embedding, tokens):
    """Embedding · √d_model, plus positions. (b, n) -> (b, n, d_model)."""
    return embedding(tokens) * math.sqrt(64) + sinusoids(tokens.shape[1], 64, "interleaved")


def by_torch():
    """The logits of the batch, by nn.Transformer between our embeddings and our output layer."""
    hidden = batch.src == PAD  # True: may not be attended
    n_t = batch.tgt_in.shape[1]
    out = whole_torch(
        embedded(model.src_embedding, batch.src),
        embedded(model.tgt_embedding, batch.tgt_in),
        tgt_mask=model.future(n_t),  # True: may not be attended
        src_key_padding_mask=hidden,
        memory_key_padding_mask=hidden,
    )  # (b, n_t, d_model)
    return model.output(out)


# %%
with torch.no_grad():
    ours = model(batch.src, batch.tgt_in)  # (b, n_t, tgt_vocab)
    with_norms = by_torch()
    whole_torch.encoder.norm = whole_torch.decoder.norm = None
    without_norms = by_torch()
print("as it comes, with two more norms: differs by", (with_norms - ours).abs().max().item())
print("without them:                     differs by", (without_norms - ours).abs().max().item())

assert (batch.src == PAD).any()  # padding takes part
assert (without_norms - ours).abs().max() < 1e-5
assert (with_norms - ours).abs().max() > 1e-2

# %% [markdown]
# | where | encoder, decoder | cross-attention | writing |
# | --- | --- | --- | --- |
# | the paper | figure 1 | "encoder-decoder attention" | beam 4, length penalty .6 |
# | torch | `TransformerEncoderLayer`, `TransformerDecoderLayer` | `multihead_attn` | you |
# | fairseq | `--arch transformer` | `encoder_attn` | `fairseq-generate --beam --lenpen` |
# | Hugging Face Marian | `MarianMTModel` | `encoder_attn` | `generate(num_beams=…)` |
# | OpenNMT-py | `-encoder_type transformer` | `context_attn` | `onmt_translate -beam_size` |
#
# Lecture 12 carries weights to and fro between them.
#
# ## 11 · Check yourself
#
# **1.** The trained model writes 1962-10-23 greedily. How often is its encoder run, and how often
# its decoder?
#
# <details><summary>Answer</summary>
#
# The encoder once. The decoder 11 times: for ten characters and for the end. In training both are
# run once for all eleven questions.
#
# </details>
#
# **2.** Nothing stops early. Is a text found with a beam of 2 always at least as probable as the
# greedy one?
#
# <details><summary>Answer</summary>
#
# No. After A (.5) and B (.45), let A go on with .4, .3, .3, and B with .5 and .5. The beam of 2
# keeps both children of B (.225 each) and drops all of A (.2 at best). If the best child of A is
# then sure of the rest, and those of B spread over ten ends each, greedy ends at .2 and the beam at
# .0225. The greedy way can fall out of the beam.
#
# </details>
#
# **3.** How many parameters does a decoder layer have more than an encoder layer, in `d_model` = d?
#
# <details><summary>Answer</summary>
#
# One attention, four matrices with biases, 4 d² + 4 d; and one normalisation more, 2 d. For d = 64:
# 16,768.
#
# </details>

# %%
calls = {"encoder": 0, "decoder": 0}


def count(part):
    """A hook that counts the calls of a part."""

    def hook(*_):
        calls[part] += 1

    return hook


hooks = [
    model.encoder[0].register_forward_hook(count("encoder")),
    model.decoder[0].register_forward_hook(count("decoder")),
]
assert translate(model, [examples["ko"].source]) == [day.isoformat()]
for hook in hooks:
    hook.remove()
print(calls)
assert calls == {"encoder": 1, "decoder": 11}

a_on, b_on = [0.5 * p for p in (0.4, 0.3, 0.3)], [0.45 * p for p in (0.5, 0.5)]
best_two = sorted([*a_on, *b_on])[-2:]
assert best_two == b_on  # A has fallen out
assert max(a_on) * 1.0 > max(b_on) / 10

assert per_layer[1] - per_layer[0] == 4 * 64**2 + 4 * 64 + 2 * 64 == 16_768

# %% [markdown]
# **The assignment.** [a6_blocks](../assignments/a6_blocks/a6_blocks.ipynb), whose blocks stand in
# the frames of the picture; then [a7_training](../assignments/a7_training/a7_training.ipynb): the
# model, its losses and schedules, greedy and beam, and dates read by a model that you have trained.
#
# **Next.** [Lecture 10](10_training_well.ipynb): what the rate, its warm-up and label smoothing do,
# and what happens if one *does* tell the model where to look.
#
# ## 12 · Words
#
# | English | 한국어 |
# | --- | --- |
# | encoder | 인코더 |
# | decoder | 디코더 |
# | cross-attention | 크로스 어텐션 |
# | memory | 메모리 (인코더의 출력) |
# | sequence to sequence | 시퀀스 투 시퀀스 |
# | greedy decoding | 탐욕적 디코딩 |
# | beam search | 빔 서치 |
# | hypothesis | 가설 |
# | alignment | 정렬 |
# | exact match | 완전 일치 |
# | ablation | 제거 실험 |
# | label smoothing | 라벨 스무딩 |
# | recurrent network | 순환 신경망 |
