# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02 · Self-attention: query, key, value
#
# *About 40 minutes. You need tensors and shapes from [lecture 00](00_orientation.ipynb);
# [lecture 01](01_from_recurrence_to_attention.ipynb) tells why we look for something other than
# recurrence.*
#
# **The question.** A recurrent network reads a sentence word by word and carries what it has read
# in one state. Such networks were first helped by letting them also look back at earlier states
# (lecture 01). What is left if *looking* is all a network does? How does a word
# decide where to look, and what does it get for it?
#
# **Afterwards you can**
#
# - compute one step of attention by hand: one query against n key–value pairs;
# - say what a query, a key and a value are, with their shapes, and where they come from;
# - read an attention map: which axis is which, and what sums to 1;
# - say which outputs attention can reach and which it cannot;
# - say why queries and keys have separate matrices, and show it with an experiment.

# %%
import math

import torch
import torch.nn.functional as F
from einops import reduce
from ipywidgets import FloatSlider

from course.claims import claim
from course.knobs import Knobs
from course.plots import BLUE, GREEN, ORANGE, matrix, panels, use_style

torch.set_num_threads(1)
use_style()

# %% [markdown]
# ## 1 · By hand: one word asks, three words answer
#
# The sentence is **I go home**. The word *go* wants to know two things: *who* goes, and *where*?
#
# Each word carries a **key**, which says what the word offers, and a **value**, which is what it
# gives. Let a key have four features, (doer, action, place, time), and let a value be a point in
# the plane. We choose all numbers ourselves, so that they fit in the head.
#
# | word | key: what it offers | value: what it gives |
# | --- | --- | --- |
# | I | (1, 0, 0, 0), a doer | (0, 0) |
# | go | (0, 1, 0, 0), an action | (10, 0) |
# | home | (0, 0, 1, 0), a place | (0, 10) |
#
# The **query** of *go* has the same four features and says what the word asks for. It asks for a
# doer and for a place: ln 2 · (1, 0, 1, 0). The unit ln 2 ≈ 0.69 is there for one reason:
# e^(a · ln 2) = 2^a, so that the exponentials to come are 1, 2, 4, 8.

# %%
ln2 = math.log(2)
words = ["I", "go", "home"]
keys = {"I": [1, 0, 0, 0], "go": [0, 1, 0, 0], "home": [0, 0, 1, 0]}
values = {"I": [0, 0], "go": [10, 0], "home": [0, 10]}
query_of_go = [ln2, 0, ln2, 0]

# %% [markdown]
# **Step 1: how well does each key match the query?** Multiply feature by feature and add up. This
# is the inner product; it gives one number per key, the **score**.

# %%
score = {}
for word in words:
    score[word] = 0.0
    for asked, offered in zip(query_of_go, keys[word], strict=True):
        score[word] += asked * offered  # counts only what is both asked for and offered
print({word: f"{s / ln2:.0f} ln 2" for word, s in score.items()})

# %% [markdown]
# **Step 2: turn scores into shares.** Take the exponential of each score, then divide by the
# total. All shares are positive and they sum to 1. We call them **weights**, and the two moves
# together are the **softmax**.
#
# Predict the three weights before you run the cell.

# %%
power = {word: math.exp(score[word]) for word in words}  # 2, 1, 2: in the head, thanks to ln 2
total = sum(power.values())  # 5
weight = {word: power[word] / total for word in words}
print({word: f"{power[word]:.0f} / {total:.0f} = {weight[word]:.1f}" for word in words})

# %% [markdown]
# **Step 3: mix the values in these shares.** The output for *go* is 0.4 · (0, 0) + 0.2 · (10, 0)
# + 0.4 · (0, 10).

# %%
output_of_go = [sum(weight[word] * values[word][axis] for word in words) for axis in range(2)]
print("output for 'go':", [round(x, 6) for x in output_of_go])

assert [round(share, 6) for share in weight.values()] == [0.4, 0.2, 0.4]
assert [round(x, 6) for x in output_of_go] == [2, 4]

# %% [markdown]
# That is all of attention: **match, share, mix.** *go* has become (2, 4), a point that holds
# something of *I* and something of *home*. Note what *go* did not do: it did not have to reach for
# word number 1 or word number 3. It asked for a doer and a place, and the keys did the rest.

# %% [markdown]
# ## 2 · Definition
#
# For one query $q$ and $n$ pairs of a key $k_j$ and a value $v_j$:
#
# $$s_j = q \cdot k_j \qquad
# w_j = \frac{e^{s_j}}{\sum_{l=1}^{n} e^{s_l}} \qquad
# o = \sum_{j=1}^{n} w_j \, v_j$$
#
# | symbol | is | shape | in our case |
# | --- | --- | --- | --- |
# | $q$ | query | `(d_k,)` | (4,) |
# | $k_j$ | key j | `(d_k,)`, and all keys `(n, d_k)` | (3, 4) |
# | $v_j$ | value j | `(d_v,)`, and all values `(n, d_v)` | (3, 2) |
# | $s$ | scores | `(n,)` | (3,) |
# | $w$ | weights, positive, sum 1 | `(n,)` | (3,) |
# | $o$ | output | `(d_v,)` | (2,) |
#
# Query and key must have the same size `d_k`, because they are multiplied. The size `d_v` of the
# value is free. The output has the size of a value.
#
# **Self-attention** means that queries, keys and values all come from the same sequence. Token i
# is a vector $x_i$ of size `d_model`. Three matrices, which training will find, make its three
# roles:
#
# $$q_i = x_i W_Q \qquad k_i = x_i W_K \qquad v_i = x_i W_V$$
#
# with $W_Q$ and $W_K$ of shape `(d_model, d_k)` and $W_V$ of shape `(d_model, d_v)`. Every token
# asks, and every token answers, itself included.
#
# To keep it small we take a vocabulary of five words, and as $x_i$ the one-hot vector of
# word i, so `d_model` = 5. A one-hot vector times a matrix picks one row: row "go" of $W_Q$ *is*
# the query of *go*.

# %%
vocabulary = ["I", "you", "go", "stay", "home"]
w_q = ln2 * torch.tensor(  # (d_model, d_k): doer, action, place, time
    [
        [0.0, 0, 3, 0],  # I ask, loudly: where to?
        [0.0, 0, 3, 0],  # you: the same
        [1.0, 0, 1, 0],  # go: who, and where?
        [1.0, 0, 1, 0],  # stay: the same
        [0.0, 0, 1, 0],  # home asks, softly, for a place
    ]
)
w_k = torch.tensor(  # (d_model, d_k)
    [[1.0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
)
w_v = torch.tensor([[0.0, 0], [4, 4], [10, 0], [10, 10], [0, 10]])  # (d_model, d_v)

x = F.one_hot(torch.tensor([vocabulary.index(word) for word in words]), 5).float()  # (n, d_model)
q = x @ w_q  # (n, d_model) @ (d_model, d_k) -> (n, d_k)
k = x @ w_k  # (n, d_model) @ (d_model, d_k) -> (n, d_k)
v = x @ w_v  # (n, d_model) @ (d_model, d_v) -> (n, d_v)
print("x", tuple(x.shape), " q", tuple(q.shape), " k", tuple(k.shape), " v", tuple(v.shape))

# %% [markdown]
# Now three queries instead of one. We still take them one at a time: the matrix form is the
# subject of lecture 03.

# %%
rows, outs = [], []
for i in range(3):  # query i asks ...
    s_i = torch.zeros(3)  # (n,)
    for j in range(3):  # ... every key j, its own included
        s_i[j] = q[i].dot(k[j])  # (d_k,) · (d_k,) -> one number
    w_i = torch.softmax(s_i, dim=0)  # (n,), sums to 1
    o_i = torch.zeros(2)  # (d_v,)
    for j in range(3):
        o_i += w_i[j] * v[j]  # a share of each value
    rows.append(w_i)
    outs.append(o_i)

weights = torch.stack(rows)  # (n, n): row i holds the weights of query i
out = torch.stack(outs)  # (n, d_v): row i is the new vector of token i

# %% [markdown]
# torch has all of this built in, under a name that lecture 03 explains. The argument `scale=1.0`
# says: plain inner products, as in our formula. It returns the outputs only; but if the values are
# the unit vectors, then the mixture of the values *is* the list of weights.

# %%
built_in_out = F.scaled_dot_product_attention(q, k, v, scale=1.0)  # (n, d_v)
built_in_weights = F.scaled_dot_product_attention(q, k, torch.eye(3), scale=1.0)  # (n, n)
print("largest difference, outputs:", (built_in_out - out).abs().max().item())
print("largest difference, weights:", (built_in_weights - weights).abs().max().item())

assert (built_in_out - out).abs().max() < 1e-5
assert (built_in_weights - weights).abs().max() < 1e-5

# %% [markdown]
# ### The map
#
# The weights of all queries, one row per query, are the **attention map** of the sentence.

# %%
[ax] = panels(1, 1, 3.6, 3.2)
matrix(ax, weights, words, words, title='weights of "I go home", chosen by hand')

# %% [markdown]
# *Figure: a map of three rows and three columns. Row I has weights .10, .10, .80; row go .40, .20,
# .40; row home .25, .25, .50.*
#
# Read it **row by row**: the row is the word that asks, the column is the word that answers. *I*
# looks mostly at *home*; *go* looks at *I* and *home* equally.

# %% [markdown]
# **Predict.** Each row sums to 1. Does each column?
#
# <details><summary>Answer</summary>
#
# No. A row is one query sharing out its attention, so it must sum to 1. A column tells how much
# attention one word *receives* from all the others, and that can be anything between 0 and n. Here
# *home* receives more than half of all the attention there is.
#
# </details>

# %%
print("row sums   ", weights.sum(dim=1))
print("column sums", weights.sum(dim=0))

hand = torch.tensor([[0.1, 0.1, 0.8], [0.4, 0.2, 0.4], [0.25, 0.25, 0.5]])
torch.testing.assert_close(weights, hand)
torch.testing.assert_close(out, torch.tensor([[1.0, 8], [2, 4], [2.5, 5]]))
assert weights.sum(dim=0)[2] > 3 / 2  # "home" receives more than half of 3

# %% [markdown]
# ## 3 · Where can an output lie?
#
# The three values are the corners of a triangle. Where in the plane can the output for a word be?
# Let us turn every query up and down: multiply it by a strength β. With β = 1 it is the query of
# above; with β = 0 the word asks for nothing; with a large β it asks very loudly.
#
# **Predict.** Where is the output at β = 0? Where does it go for *I*, and where for *go*, when β
# grows?
#
# <details><summary>Answer</summary>
#
# At β = 0 all scores are 0, so all weights are 1/3: the output is the mean of the values, the
# centre of the triangle. When β grows, the largest score takes everything. For *I* that is *home*:
# the output goes to the corner of *home*. For *go* two scores are tied: the output goes to the
# middle of the side between *I* and *home*, and never to a corner.
#
# </details>

# %%
strengths = torch.linspace(0, 12, 200)  # (200,) values of β
paths = {}
for i, word in enumerate(words):
    stronger = strengths[:, None] * q[i]  # (200, d_k): the same query, ever stronger
    paths[word] = F.scaled_dot_product_attention(stronger, k, v, scale=1.0)  # (200, d_v)


def draw_triangle(axes):
    """The values of I, go and home, and the triangle between them."""
    axes.fill(*v.T, facecolor="0.93", edgecolor="0.5")
    for name, corner in zip(words, v, strict=True):
        axes.annotate(f"value of {name}", corner, (4, 6), textcoords="offset points", fontsize=9)
    axes.set(xlim=(-1, 14), ylim=(-1, 12), xlabel="first number", ylabel="second number")
    axes.set_aspect("equal")


[ax] = panels(1, 1, 4.6, 4.0)
draw_triangle(ax)
for (word, path), color, marker in zip(paths.items(), (BLUE, ORANGE, GREEN), "osD", strict=True):
    ax.plot(*path.T, color=color, linewidth=6 if word == "I" else 2)  # I lies under home
    here = out[words.index(word)]
    label = f"output for {word}, β = 1"
    ax.plot(*here, marker, color=color, markeredgecolor="white", markersize=9, label=label)
ax.plot(*v.mean(dim=0), "k*", markersize=10, label="β = 0: the mean")
ax.set_title("outputs as the query grows from β = 0 to 12")
_ = ax.legend(loc="upper right", fontsize=8)

# %% [markdown]
# *Figure: a triangle whose corners are the values of I, go and home. Three paths start at its
# centre: those of the queries I and home end in the corner of home, that of go ends in the middle
# of the side between I and home. No path leaves the triangle.*

# %%
torch.testing.assert_close(paths["go"][0], v.mean(dim=0))  # β = 0: the mean of all values
torch.testing.assert_close(paths["I"][-1], v[2], atol=1e-2, rtol=0)  # the corner of home
torch.testing.assert_close(paths["go"][-1], (v[0] + v[2]) / 2, atol=1e-2, rtol=0)  # a tie stays

# %% [markdown]
# Turn the query of *go* yourself: how strongly does it ask for a doer, an action, a place? A
# negative number means "anything but". Try to reach the corner of *I*; then try to leave the
# triangle. (Without a running kernel the figure above shows what happens.)


# %%
def draw_query(doer, action, place):
    """The output for the query ln 2 · (doer, action, place, 0), in the triangle."""
    query = ln2 * torch.tensor([[doer, action, place, 0.0]])  # (1, d_k)
    w = F.scaled_dot_product_attention(query, k, torch.eye(3), scale=1.0)  # (1, n)
    o = F.scaled_dot_product_attention(query, k, v, scale=1.0)  # (1, d_v)
    bars, plane = panels(1, 2, 3.6, 3.2)
    bars.bar(words, w[0], color=BLUE)
    bars.set(ylim=(0, 1), xlabel="key", ylabel="weight", title="weights of the query")
    draw_triangle(plane)
    plane.plot(*o[0], "o", color=ORANGE, markersize=9)
    plane.set_title("its output")


Knobs(
    draw_query,
    doer=FloatSlider(1, min=-6, max=6, step=0.5, description="doer"),
    action=FloatSlider(0, min=-6, max=6, step=0.5, description="action"),
    place=FloatSlider(1, min=-6, max=6, step=0.5, description="place"),
)

# %% [markdown]
# ### Experiment 1: an output never leaves the values
#
# A weighted mean with positive weights that sum to 1 lies in the **convex hull** of the values:
# the smallest convex shape that holds them all. Let us test it with random queries, keys and
# values, on five seeds. The test: stand in the plane and look in any direction. The output must
# not be further out than the furthest value, in none of 64 directions.
#
# As a control we do the same with weights made in a simpler way, without the exponential: the
# scores divided by their sum. They sum to 1 as well.

# %%
angles = torch.arange(64) * (2 * math.pi / 64)
directions = torch.stack([angles.cos(), angles.sin()])  # (2, 64)


def share_inside(outputs, values):
    """The share of outputs that no direction finds outside. outputs (500, 2), values (n, 2)."""
    reach = (values @ directions).amax(dim=0)  # (64,): the furthest value in each direction
    return (outputs @ directions <= reach + 1e-5).all(dim=1).float().mean().item()


inside, inside_plain = [], []
for seed in range(5):
    g = torch.Generator().manual_seed(seed)
    random_k, random_v = torch.randn(7, 4, generator=g), torch.randn(7, 2, generator=g)
    random_q = torch.randn(500, 4, generator=g)
    with_softmax = F.scaled_dot_product_attention(random_q, random_k, random_v, scale=1.0)
    inside.append(share_inside(with_softmax, random_v))
    plain = []
    for query in random_q:  # the control: no exponential
        scores = torch.stack([query.dot(key) for key in random_k])  # (n,)
        plain.append(scores / scores.sum())  # sums to 1, but may be negative
    inside_plain.append(share_inside(torch.stack(plain) @ random_v, random_v))
print("inside, with softmax:         ", inside)
print("inside, scores over their sum:", [round(share, 2) for share in inside_plain])

# %%
claim(
    "Outputs of attention lie within the values",
    figure="share of 500 outputs inside",
    values=inside,
    above=0.999,
    without="scores over their sum in place of the softmax",
    broken=inside_plain,
)
assert max(inside_plain) < 0.9
assert min(inside_plain) < 0.5

# %% [markdown]
# **Claim.** On five seeds, every one of 500 outputs lies within the values. Without the
# exponential, more than a tenth fall outside on every seed, and more than half on at least one.
#
# 64 directions are a test and not a proof, but the proof is short: for any direction $u$,
# $u \cdot o = \sum_j w_j \, (u \cdot v_j) \le \max_j \, (u \cdot v_j)$, since the $w_j$ are
# positive and sum to 1.
#
# **What it means.** One step of attention can select and average. It cannot subtract one word from
# another, or go beyond its values. (What follows in a Transformer can: lecture 04 comes back to
# this limit.) **What it does not show:** that an average is *useful*. That depends on the values.

# %% [markdown]
# ## 4 · Break it
#
# ### No exponential
#
# Why not simply divide the scores by their sum? Take a query that asks for a doer and *rejects* a
# place: (1, 0, −1, 0). **Predict** the shares of *I*, *go* and *home*. Then predict them for
# (2, 0, −1, 0).
#
# <details><summary>Answer</summary>
#
# The scores are 1, 0, −1. Their sum is 0, and dividing by it gives shares of ∞, 0/0 and −∞. For
# (2, 0, −1, 0) the scores are 2, 0, −1 with sum 1: the shares sum to 1, but one is negative and
# one is 2. The output is 2 · v(I) − 1 · v(home) = (0, −10), outside the triangle.
#
# The exponential makes every share positive, and so the sum can never be 0.
#
# </details>

# %%
for ask in ([1.0, 0, -1, 0], [2.0, 0, -1, 0]):
    s = torch.stack([key.dot(torch.tensor(ask)) for key in k])  # (n,)
    share = s / s.sum()
    print("scores", s.tolist(), " shares", share.tolist(), " output", (share @ v).tolist())

assert (share @ v).tolist() == [0, -10]  # the last one: far outside

# %% [markdown]
# ### A large score
#
# Our formula says $e^{s}$. **Predict**: what does it give in float32 for scores of 100, 0 and 100?
#
# <details><summary>Answer</summary>
#
# $e^{100} \approx 3 \cdot 10^{43}$, and float32 ends near $3 \cdot 10^{38}$. So the exponential is
# infinite, and infinite over infinite is not a number. The formula is right, and as a recipe it
# fails.
#
# </details>

# %%
large = torch.tensor([100.0, 0, 100])
print(f"e^100 = {math.exp(100):.0e}, float32 ends at {torch.finfo(torch.float32).max:.0e}")
powers = [score.exp() for score in large]  # each e^s, in float32
shares = [(power / sum(powers)).item() for power in powers]
print("the formula as it stands:", shares)
print("torch.softmax:           ", torch.softmax(large, dim=0))
print("scores plus 50:          ", torch.softmax(torch.tensor([1.0, 2, 3]) + 50, dim=0))
print("scores as they were:     ", torch.softmax(torch.tensor([1.0, 2, 3]), dim=0))

assert math.isnan(shares[0])
assert torch.softmax(large, dim=0).isfinite().all()

# %% [markdown]
# The last two lines hold the key to the cure. You will write a softmax that survives any score in
# the assignment.

# %% [markdown]
# ## 5 · Experiment 2: each output sees every input
#
# By hand first. We change one word: **you go home**. *You* has the key and the query of *I*, but
# another value: (4, 4) instead of (0, 0). **Predict**: which of the three outputs change?
#
# <details><summary>Answer</summary>
#
# All three. The weights stay as they were, and each row gives the first word a share: .1, .4 and
# .25. So the outputs move by .1, .4 and .25 times (4, 4).
#
# </details>

# %%
you = F.one_hot(torch.tensor([vocabulary.index(word) for word in ("you", "go", "home")]), 5).float()
out_you = F.scaled_dot_product_attention(you @ w_q, you @ w_k, you @ w_v, scale=1.0)  # (n, d_v)
print("outputs of 'I go home':\n", out)
print("outputs of 'you go home':\n", out_you)

torch.testing.assert_close(out_you - out, torch.tensor([[0.4, 0.4], [1.6, 1.6], [1, 1]]))

# %% [markdown]
# Now on a larger scale. Take six tokens. If we nudge the vector of token j, which outputs move? The
# derivative of output i by input j answers this. If it is exactly zero, output i does not feel a
# nudge of token j. We ask it of three layers with random weights:
#
# - a recurrent network that reads from left to right;
# - a convolution of width 3, which sees one neighbour on each side;
# - self-attention, with queries that ask softly (0.3 times a random query).
#
# **Predict** the pattern of zeros of each.
#
# <details><summary>Answer</summary>
#
# The recurrent network sees only the past: zeros above the diagonal, 15 of 36. The convolution
# sees a band: zeros away from the diagonal, 20 of 36. Self-attention sees all: no zeros. Only one
# of the three sees the whole sentence in one layer.
#
# </details>

# %%
n, d = 6, 8


def influence(layer, x):
    """The size of ∂ output i / ∂ input j for all i and j. layer: (n, d) -> (n, d); x (n, d)."""
    jacobian = torch.autograd.functional.jacobian(layer, x)  # (n, d, n, d)
    return reduce(jacobian.square(), "i a j c -> i j", "sum").sqrt()  # (n, n)


def layers(loudness=0.3):
    """Three layers (n, d) -> (n, d) with random weights. The queries are multiplied by loudness."""
    rnn = torch.nn.RNN(d, d)
    conv = torch.nn.Conv1d(d, d, kernel_size=3, padding=1)
    m_q, m_k, m_v = torch.randn(3, d, d) / d**0.5  # (d, d) each

    def attention(x):
        q, k, v = loudness * (x @ m_q), x @ m_k, x @ m_v  # (n, d) each
        return F.scaled_dot_product_attention(q, k, v, scale=1.0)  # (n, d)

    return {
        "recurrent": lambda x: rnn(x)[0],  # all hidden states, (n, d)
        "convolution, width 3": lambda x: conv(x.T[None])[0].T,  # torch wants (1, d, n)
        "self-attention": attention,
    }


zeros = {name: [] for name in layers()}
for seed in range(5):
    torch.manual_seed(seed)
    sample = torch.randn(n, d)  # six random tokens
    for name, layer in layers().items():
        zeros[name].append((influence(layer, sample) == 0).sum().item())
print(f"exact zeros among {n * n} pairs (output, input), per seed:", zeros)

# %%
torch.manual_seed(0)
sample = torch.randn(n, d)
tokens = [str(i + 1) for i in range(n)]
for ax, (name, layer) in zip(panels(1, 3, 3.4, 3.3), layers().items(), strict=True):
    size = influence(layer, sample)
    matrix(
        ax, size / size.max(), tokens, tokens, rows="output $i$", columns="input $j$", title=name
    )

# %% [markdown]
# *Figure: three maps of six outputs by six inputs, one seed, each divided by its largest entry.
# The recurrent map is zero above the diagonal, the convolution's is zero outside a band of three,
# and the map of self-attention has no zero.*

# %%
claim(
    "Every output of self-attention depends on every input, in one layer",
    figure="pairs of 36 whose derivative is exactly 0",
    values=zeros["self-attention"],
    below=1,
    without="a recurrent layer in its place",
    broken=zeros["recurrent"],
)
assert zeros["recurrent"] == [15] * 5  # n (n − 1) / 2: everything to the right
assert zeros["convolution, width 3"] == [20] * 5  # all but the band

# %% [markdown]
# **Claim.** On five seeds, every output of self-attention depends on every input, in one layer.
# The recurrent layer misses 15 of 36 pairs and the convolution 20.
#
# **What it does not show.** That the dependence is *large*. A weight near zero gives a derivative
# near zero. And it can be lost altogether: let us make the queries very loud,
# 1,000 times the keys.

# %%
loud_zeros = []
for seed in range(5):
    torch.manual_seed(seed)
    sample = torch.randn(n, d)
    loud_zeros.append((influence(layers(1000.0)["self-attention"], sample) == 0).sum().item())
print("exact zeros of self-attention with very loud queries, per seed:", loud_zeros)

assert all(count > n * n / 2 for count in loud_zeros)

# %% [markdown]
# When the scores are huge, one weight is 1 and the others are so small that float32 makes them 0.
# Then no nudge is felt, and nothing can be learnt, through them. (Another word in that place could
# still win the weight; but training moves by nudges.) How scores get huge without anyone wishing
# it, and what to do about it, is the question of lecture 03.

# %% [markdown]
# ## 6 · Experiment 3: why does a word need a query *and* a key?
#
# We made two vectors from each word, one to ask and one to be found by. Would one do? Then
# $q_i = k_i$, and the score of *go* for *home* equals the score of *home* for *go*: **looking would
# be mutual**.
#
# The task: in *I go home*, let *I* point to *go*, *go* to *home*, and *home* to *I*, and the same
# for all sentences of 4 doers, 4 verbs and 4 places. Nobody gives the scores; we train
# $W_Q$ and $W_K$ (`d_k` = 4) on 32 sentences and test on the other 32. The value of a word is its
# one-hot vector, so the output is a list of 12 shares, one per word, and the loss is −log of the
# share of the word that should be pointed to.
#
# **Predict.** What share of the words points right, with two matrices, and with one?
#
# <details><summary>Answer</summary>
#
# With two: all or nearly all. With one matrix, never more than 2 of 3 words in a sentence. Write
# [I go] for the score between the two, the same in both directions. *I* points to *go*:
# [I go] > [I home]. *go* points to *home*: [go home] > [I go]. *home* points to *I*:
# [I home] > [go home]. Together: [I go] > [I home] > [go home] > [I go], which cannot be.
#
# </details>

# %%
doers, verbs = ["I", "you", "we", "they"], ["go", "come", "run", "drive"]
places = ["home", "away", "north", "south"]
lexicon = doers + verbs + places
numbers = torch.arange(12).split(4)  # doers 0 to 3, verbs 4 to 7, places 8 to 11
sentences = torch.cartesian_prod(*numbers)  # (64, 3)


def point(sentence, matrices):
    """The shares of the 12 words, for each word of a sentence. (b, 3) ints -> (b, 3, 12)."""
    x = F.one_hot(sentence, 12).float()  # (b, 3, 12)
    q, k = x @ matrices[0], x @ matrices[-1]  # (b, 3, d_k); the same if there is one matrix
    return F.scaled_dot_product_attention(q, k, x, scale=1.0)  # the values are the words


# %%
def share_of_target(sentence, matrices):
    """The share of the word that each word should point to. (b, 3) ints -> (b, 3)."""
    target = sentence.roll(-1, dims=1)  # I -> go, go -> home, home -> I
    return point(sentence, matrices).gather(-1, target[..., None])[..., 0]


def learn(n_matrices, seed):
    """Train on 32 sentences; return the matrices, and loss and accuracy on the other 32."""
    g = torch.Generator().manual_seed(seed)
    train, test = sentences[torch.randperm(64, generator=g)].split(32)  # (32, 3) each
    matrices = [torch.randn(12, 4, generator=g).requires_grad_() for _ in range(n_matrices)]
    optimizer = torch.optim.Adam(matrices, lr=0.05)
    for _ in range(300):
        loss = -share_of_target(train, matrices).log().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        loss = -share_of_target(test, matrices).log().mean()
        hits = point(test, matrices).argmax(dim=-1) == test.roll(-1, dims=1)  # (32, 3)
    return matrices, loss.item(), hits.float().mean().item()


# %%
runs = {n_matrices: [learn(n_matrices, seed) for seed in range(5)] for n_matrices in (2, 1)}
for n_matrices, results in runs.items():
    print(n_matrices, "matrices: loss    ", [f"{loss:.2f}" for _, loss, _ in results])
    print(n_matrices, "matrices: accuracy", [f"{accuracy:.2f}" for _, _, accuracy in results])

# %%
example = torch.tensor([[lexicon.index(word) for word in words]])  # (1, 3): I go home
for ax, n_matrices in zip(panels(1, 2, 3.6, 3.3), runs, strict=True):
    shares = point(example, runs[n_matrices][0][0])[0].detach()  # seed 0: (3, 12)
    title = "learnt, " + ("$W_Q$ and $W_K$" if n_matrices == 2 else "one matrix for both")
    matrix(ax, shares[:, example[0]], words, words, title=title)

# %% [markdown]
# *Figure: two learnt maps of "I go home", seed 0. With two matrices I points to go, go to home and
# home to I, with weights near 1. With one matrix all nine weights are near one third.*

# %%
claim(
    "Separate matrices for queries and keys learn to look one way",
    figure="share of words in unseen sentences that point right",
    values=[accuracy for _, _, accuracy in runs[2]],
    above=0.9,
    without="one matrix for both",
    broken=[accuracy for _, _, accuracy in runs[1]],
)
for _, loss, accuracy in runs[1]:  # five seeds with one matrix
    assert accuracy <= 2 / 3
    assert abs(loss - math.log(3)) < 0.01  # as good as a guess among three

# %% [markdown]
# **Claim.** On five seeds, with separate $W_Q$ and $W_K$ more than 90 % of the words in unseen
# sentences point right. With one shared matrix at most 2/3 could, and training ends with the loss
# of a guess among three words, ln 3 ≈ 1.10.
#
# **What it does not show.** That a real model fails with a shared matrix. Here the map is all the
# model has: no value matrix, no feed-forward layer and a single head. What it does show is that
# *looking is not mutual*: the two matrices are what lets *I* look at *go* while *go* looks
# elsewhere. And it shows that queries and keys need no designer. Training found them.

# %% [markdown]
# ## 7 · The paper and the tools
#
# "Attention Is All You Need" (Vaswani et al., 2017), section 3.2, says it in two sentences: "An
# attention function can be described as mapping a query and a set of key-value pairs to an output,
# where the query, keys, values, and output are all vectors. The output is computed as a weighted
# sum of the values, where the weight assigned to each value is computed by a compatibility function
# of the query with the corresponding key." Our compatibility function is the inner product. The
# paper divides it by √d_k: that is lecture 03. In section 2 we saw that
# `F.scaled_dot_product_attention` with `scale=1.0` equals our loops to 1e-5. The libraries wrap it
# in a module that holds the matrices:
#
# | where | the three matrices | the weights |
# | --- | --- | --- |
# | the paper | $W^Q, W^K, W^V$ | "weight assigned to each value" |
# | torch `nn.MultiheadAttention` | `in_proj_weight`, the three stacked | `attn_output_weights` |
# | fairseq `MultiheadAttention` | `q_proj`, `k_proj`, `v_proj` | `attn_weights` |
# | Hugging Face BERT | `query`, `key`, `value` | `attentions` in the model's output |
#
# In fairseq and BERT the matrices belong to `Linear` layers; torch keeps all three in one
# parameter. All of them store the transpose, `(out, in)`, and add a bias unless told otherwise.

# %% [markdown]
# ## 8 · Check yourself
#
# **1.** *go* now also asks "when?": its query is ln 2 · (1, 0, 1, 1). What changes in *I go home*?
#
# <details><summary>Answer</summary>
#
# Nothing. No key offers a time, so the fourth feature adds 0 to every score. Asking for what nobody
# offers has no effect.
#
# </details>
#
# **2.** All keys are equal. What is the output, for any query?
#
# <details><summary>Answer</summary>
#
# All scores are equal, so all weights are 1/n: the output is the mean of the values. Without
# different keys the query has no say.
#
# </details>
#
# **3.** You shuffle the key–value pairs (each pair stays together). What happens to the output for
# *go*?
#
# <details><summary>Answer</summary>
#
# Nothing. The sum over j has the same terms in another order. Attention does not know word order:
# "I go home" and "home go I" are the same to it. Lecture 06 will repair this.
#
# </details>

# %%
go = q[1:2]  # (1, d_k): the query of "go"
when = go + ln2 * torch.tensor([0.0, 0, 0, 1])  # it also asks for a time
order = torch.tensor([2, 0, 1])
asks_when = F.scaled_dot_product_attention(when, k, v, scale=1.0)[0]  # (d_v,)
same_keys = F.scaled_dot_product_attention(go, torch.ones(3, 4), v, scale=1.0)[0]
shuffled = F.scaled_dot_product_attention(go, k[order], v[order], scale=1.0)[0]

torch.testing.assert_close(asks_when, out[1])
torch.testing.assert_close(same_keys, v.mean(dim=0))
torch.testing.assert_close(shuffled, out[1])

# %% [markdown]
# **The assignment.** [a1_attention](../assignments/a1_attention/a1_attention.ipynb): you can solve
# `softmax` and `similarity` now. `attend` is the whole of section 1 with one addition, the scale
# of lecture 03, so read on first if you like.
#
# **Next.** [Lecture 03](03_scaled_dot_product_attention.ipynb), *Scaled dot-product attention*:
# all queries at once, and what √d_k is for.
#
# ## 9 · Words
#
# | English | 한국어 |
# | --- | --- |
# | attention | 어텐션 |
# | self-attention | 셀프 어텐션 |
# | query | 쿼리 |
# | key | 키 |
# | value | 밸류, 값 |
# | inner product (dot product) | 내적 |
# | score | 스코어, 점수 |
# | weight | 가중치 |
# | weighted mean | 가중 평균 |
# | softmax | 소프트맥스 |
# | attention map | 어텐션 맵 |
# | convex hull | 볼록 껍질 |
# | token | 토큰 |
