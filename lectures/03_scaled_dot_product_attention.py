# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 03 · Scaled dot-product attention
#
# *About 45 minutes. You need [lecture 02](02_self_attention.ipynb): one query against n key–value
# pairs.*
#
# **The question.** Lecture 02 ended with a warning: when scores get huge, one weight becomes 1, the
# others 0, and nothing can be learnt through them. How do scores get huge without anyone wishing
# it? The paper divides them by √d_k. Why exactly that number, and does it matter?
#
# **Afterwards you can**
#
# - write attention for all queries at once, and give the shape of every matrix in it;
# - say which sizes must agree and which are free, and over which axis the softmax runs;
# - recognise a softmax over the wrong axis by what it does;
# - explain √d_k with a coin, and measure what it restores;
# - say when the scale matters in training and when it does not.

# %%
import itertools
import math

import torch
import torch.nn.functional as F
from ipywidgets import FloatLogSlider, SelectionSlider

from course.claims import claim
from course.knobs import Knobs
from course.plots import BLUE, GREEN, ORANGE, PURPLE, block, matrix, panels, spread, use_style

torch.set_num_threads(1)
use_style()

# %% [markdown]
# ## 1 · By hand: two queries, three keys
#
# Again **I go home**, with the keys and values of lecture 02. But only two words ask: *I* and *go*.
# So there are two queries and three keys, and we can tell the two counts apart: `n_q` = 2,
# `n_k` = 3. Keys have size `d_k` = 4, values have size `d_v` = 2.
#
# One thing is new: scores are divided by √d_k = √4 = 2. To keep the weights that you know we make
# the queries twice as long: in units of ln 4 instead of ln 2.

# %%
words = ["I", "go", "home"]
ln4 = math.log(4)
q = ln4 * torch.tensor([[0.0, 0, 3, 0], [1, 0, 1, 0]])  # (n_q, d_k): I asks, go asks
k = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])  # (n_k, d_k)
v = torch.tensor([[0.0, 0], [10, 0], [0, 10]])  # (n_k, d_v)
n_q, n_k, d_k, d_v = 2, 3, 4, 2

# %% [markdown]
# **Predict** the score of *go* for *home*, before and after the division, in units of ln 2.
#
# <details><summary>Answer</summary>
#
# The inner product is ln 4 · 1 = 2 ln 2. Divided by 2 it is ln 2, as in lecture 02.
#
# </details>
#
# **Step 1: every query meets every key.** The counter `i` runs over queries, `j` over keys, and `c`
# over the features that query and key share.

# %%
scores = torch.zeros(n_q, n_k)
for i, j, c in itertools.product(range(n_q), range(n_k), range(d_k)):
    scores[i, j] += q[i, c] * k[j, c]  # c appears twice on the right and not on the left: summed
scaled = scores / math.sqrt(d_k)  # d_k is 4 here, and √4 = 2; (n_q, n_k)
print("scores in units of ln 2:\n", scores / math.log(2))
print("scaled, in units of ln 2:\n", scaled / math.log(2))

# %% [markdown]
# **Step 2: each query shares out its attention.** One softmax per row: a row is a query.

# %%
weights = torch.zeros(n_q, n_k)
for i in range(n_q):
    weights[i] = torch.softmax(scaled[i], dim=0)  # (n_k,), sums to 1
print(weights)

# %% [markdown]
# **Step 3: each query mixes the values.** The counter `e` runs over the features of a value.

# %%
out = torch.zeros(n_q, d_v)
for i, j, e in itertools.product(range(n_q), range(n_k), range(d_v)):
    out[i, e] += weights[i, j] * v[j, e]  # j is summed: a mean over the keys
print(out)

torch.testing.assert_close(weights, torch.tensor([[0.1, 0.1, 0.8], [0.4, 0.2, 0.4]]))
torch.testing.assert_close(out, torch.tensor([[1.0, 8], [2, 4]]))

# %% [markdown]
# ## 2 · Definition: all queries at once
#
# Stack the queries as rows of a matrix $Q$, the keys as rows of $K$, the values as rows of $V$.
# Steps 1 and 3 are then matrix products, and the whole is one line:
#
# $$\mathrm{Attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt{d_k}}\right) V$$
#
# | step | letters | shapes |
# | --- | --- | --- |
# | scores $S = QK^\top/\sqrt{d_k}$ | `i c, j c -> i j` | (n_q, d_k), (n_k, d_k) → (n_q, n_k) |
# | weights $A$ | softmax over `j` in each row `i` | (n_q, n_k) → (n_q, n_k) |
# | output $O = AV$ | `i j, j e -> i e` | (n_q, n_k), (n_k, d_v) → (n_q, d_v) |
#
# The letters are the counters of our loops. A letter that is missing on the right of the arrow is
# summed: `c` in step 1, `j` in step 3.


# %%
[ax] = panels(1, 1, 6.0, 4.2)
block(ax, 0, 0, d_k, n_q, "$Q$", BLUE)
block(ax, 5, 3, n_k, d_k, "$K^T$", ORANGE)
block(ax, 5, 0, n_k, n_q, "$S$, $A$", "0.6")
block(ax, 9, 3, d_v, n_k, "$V$", GREEN)
block(ax, 9, 0, d_v, n_q, "$O$", PURPLE)
for x, y, text in [(2, -0.5, "d_k"), (6.5, -0.5, "n_k"), (10, -0.5, "d_v"), (-0.6, 1, "n_q")]:
    ax.text(x, y, text, ha="center", va="center")
for x, y, text in [(4.5, 5, "d_k"), (8.5, 4.5, "n_k"), (6.5, 7.3, "n_k"), (10, 6.3, "d_v")]:
    ax.text(x, y, text, ha="center", va="center")
ax.set(xlim=(-1, 11.5), ylim=(-1, 7.6), aspect="equal")
ax.set_axis_off()
_ = ax.set_title("each product lies where the rows on its left meet the columns above it")

# %% [markdown]
# *Figure: matrices as boxes. S, of n_q rows and n_k columns, lies to the right of Q (n_q by d_k)
# and below K transposed (d_k by n_k). The output O, n_q by d_v, lies to the right of the weights
# and below V (n_k by d_v).*
#
# Read off which sizes must agree. `d_k` is shared by queries and keys. `n_k` is shared by keys and
# values: they come in pairs. `n_q` and `d_v` are free: nobody else has to agree, and both pass
# straight to the output.
#
# **Predict** which of these four calls fail.
#
# <details><summary>Answer</summary>
#
# The second and the third. In the second, queries of size 4 meet keys of size 5: there is no inner
# product. In the third there are 3 keys but 6 values: some values have no key. The fourth is fine,
# with as many queries and as wide values as you like. Further dimensions in front, like the batch
# `b`, are carried along.
#
# </details>

# %%
cases = [  # the shapes of q, k and v
    ((2, 4), (3, 4), (3, 2)),  # ours
    ((2, 4), (3, 5), (3, 2)),  # keys of another size than queries
    ((2, 4), (3, 4), (6, 2)),  # more values than keys
    ((8, 20, 4), (8, 3, 4), (8, 3, 7)),  # a batch of 8, many queries, wide values
]
works = []
for shapes in cases:
    try:
        result = F.scaled_dot_product_attention(*(torch.ones(shape) for shape in shapes))
        print(*shapes, "->", tuple(result.shape))
        works.append(tuple(result.shape))
    except RuntimeError:
        print(*shapes, "-> refused")
        works.append(None)

assert works == [(2, 2), None, None, (8, 20, 7)]

# %% [markdown]
# `F.scaled_dot_product_attention` is torch's own. It gives what our loops gave. It does not return
# the weights; a small trick does: let the values be the unit vectors, and the mixture *is* the
# list of weights.

# %%
built_in_out = F.scaled_dot_product_attention(q, k, v)  # (n_q, d_v)
built_in_weights = F.scaled_dot_product_attention(q, k, torch.eye(n_k))  # (n_q, n_k)
print("largest difference, output: ", (built_in_out - out).abs().max().item())
print("largest difference, weights:", (built_in_weights - weights).abs().max().item())

assert (built_in_out - out).abs().max() < 1e-5
assert (built_in_weights - weights).abs().max() < 1e-5

# %% [markdown]
# ## 3 · Break it
#
# ### Without the scale
#
# **Predict** the weights of *I* and *go* when nobody divides by 2.
#
# <details><summary>Answer</summary>
#
# The scores are 0, 0, 6 and 2, 0, 2 in units of ln 2. The exponentials are 1, 1, 64 and 4, 1, 4. So
# the weights are 1/66, 1/66, 64/66 and 4/9, 1/9, 4/9: the order is the same, the contrast greater.
#
# </details>

# %%
sharp = F.scaled_dot_product_attention(q, k, torch.eye(n_k), scale=1.0)  # (n_q, n_k)
print(sharp)

torch.testing.assert_close(sharp[0], torch.tensor([1.0, 1, 64]) / 66)
torch.testing.assert_close(sharp[1], torch.tensor([4.0, 1, 4]) / 9)

# %% [markdown]
# ### The wrong axis
#
# The scores have two axes, and a softmax can run over either. What if it runs over `i`, the
# queries? Then each *column* sums to 1. There is another way to say it: the keys ask, and the
# queries answer.
#
# **Predict.** Only *go* asks: `n_q` = 1. What are its weights with the wrong axis, and its output?
#
# <details><summary>Answer</summary>
#
# Each column holds a single number, and its share is 1. All three weights are 1, whatever the
# scores say. The output is the *sum* of the values, (10, 10), far outside the triangle.
#
# </details>


# %%
def wrong_axis(q, k):
    """Softmax over the queries. (n_q, d_k), (n_k, d_k) -> (n_q, n_k), columns sum to 1."""
    keys_ask = F.scaled_dot_product_attention(k, q, torch.eye(len(q)))  # (n_k, n_q), rows sum to 1
    return keys_ask.T


wrong = wrong_axis(q, k)
alone = wrong_axis(q[1:], k)  # (1, n_k): only "go" asks
left, right = panels(1, 2, 3.4, 2.4)
matrix(left, weights, ["I", "go"], words, title="softmax over keys: rows sum to 1")
matrix(right, wrong, ["I", "go"], words, title="over queries: columns sum to 1")
print("only 'go' asks: weights", alone.tolist(), " output", (alone @ v).tolist())

# %% [markdown]
# *Figure: two maps of the queries I and go against three keys. On the left, softmax over keys,
# .10, .10, .80 and .40, .20, .40. On the right, softmax over queries: each column sums to 1 and the
# rows do not.*

# %%
torch.testing.assert_close(wrong.sum(dim=0), torch.ones(n_k))  # columns
assert (wrong.sum(dim=1) - 1).abs().min() > 0.1  # no row
torch.testing.assert_close(alone, torch.ones(1, n_k))
torch.testing.assert_close(alone @ v, torch.tensor([[10.0, 10]]))

# %% [markdown]
# The damage goes deeper than the sums. With the right axis each query minds its own business: what
# one asks cannot change what another gets. With the wrong axis the queries compete for the keys. A
# derivative shows it, with random tokens on five seeds: does output 0 depend on query 1?

# %%
right_leak, wrong_leak = [], []
for seed in range(5):
    g = torch.Generator().manual_seed(seed)
    some_q = torch.randn(5, 8, generator=g, requires_grad=True)  # (n_q, d_k)
    some_k, some_v = torch.randn(7, 8, generator=g), torch.randn(7, 3, generator=g)
    right_out = F.scaled_dot_product_attention(some_q, some_k, some_v)  # (n_q, d_v)
    wrong_out = wrong_axis(some_q, some_k) @ some_v  # (n_q, d_v)
    for result, leak in ((right_out, right_leak), (wrong_out, wrong_leak)):
        [gradient] = torch.autograd.grad(result[0].sum(), some_q)  # (n_q, d_k)
        leak.append(gradient[1].norm().item())
print("∂ output 0 / ∂ query 1, over keys:   ", right_leak)
print("∂ output 0 / ∂ query 1, over queries:", [round(x, 3) for x in wrong_leak])

# %%
claim(
    "What one query asks does not change what another gets",
    figure="norm of ∂ output 0 / ∂ query 1",
    values=right_leak,
    below=1e-12,
    without="the softmax over the queries",
    broken=wrong_leak,
)
assert max(right_leak) == 0
assert min(wrong_leak) > 1e-3

# %% [markdown]
# **Claim.** On five seeds, with the softmax over keys output 0 does not depend on query 1 at all;
# with the softmax over queries it does. Remember the symptom: *a result for one query changes when
# other queries join the batch of questions.*

# %% [markdown]
# ## 4 · Why scores get huge: coins
#
# Let every component of query and key be a coin: +1 or −1. A product of two coins is again +1 or
# −1, so a score is the sum of `d_k` coins. **Predict**: with `d_k` = 4, which scores are possible,
# and what is their variance?
#
# <details><summary>Answer</summary>
#
# Of the 16 throws of four coins, 1 gives −4, 4 give −2, 6 give 0, 4 give 2 and 1 gives 4. The mean
# is 0, and the variance is (16 + 4·4 + 0 + 4·4 + 16) / 16 = 64/16 = 4. It is `d_k`.
#
# </details>

# %%
for size in (1, 2, 4, 8):  # all 2^size throws of so many coins, each summed to a score
    throws = torch.tensor([float(sum(t)) for t in itertools.product((-1, 1), repeat=size)])
    variance = throws.square().mean().item()  # the mean is 0
    print(f"d_k = {size}: from {throws.min():.0f} to {throws.max():.0f}, variance {variance:.0f}")
    assert throws.mean() == 0
    assert variance == size

# %% [markdown]
# Variances of independent terms add up. So a score of `d_k` independent terms of variance 1 has
# variance `d_k`; its typical size (standard deviation) is √d_k. **That is where √d_k comes from:**
# divided by it, scores have variance 1, whatever `d_k` is.
#
# ### What a softmax does with large scores
#
# On a small scale: *go* has weights .4, .2, .4. Nudge the score of *home* up by a little and watch
# the weights. Then do the same when *home* is 10 ahead of where it was.


# %%
def nudge(s, step=1e-4):
    """How fast each weight moves when the last score grows. s (n,) float64 -> (n,)."""
    up = s + step * torch.eye(len(s), dtype=s.dtype)[-1]
    return (torch.softmax(up, dim=0) - torch.softmax(s, dim=0)) / step


s = math.log(2) * torch.tensor([1.0, 0, 1], dtype=torch.float64)  # go: 1, 0, 1 in units of ln 2
calm, loud = nudge(s), nudge(s + torch.tensor([0, 0, 10.0]))
print("weights .4, .2, .4; per unit of score they move by", [round(x, 2) for x in calm.tolist()])
print("with 'home' 10 ahead they move by                 ", [f"{x:.0e}" for x in loud.tolist()])

assert [round(x, 2) for x in calm.tolist()] == [-0.16, -0.08, 0.24]
assert loud.abs().max() < 1e-3 * calm.abs().max()
assert abs(calm.sum()) < 1e-9

# %% [markdown]
# What *home* gains, the others lose: .24 = .16 + .08. (Can you see where .24 comes from? It is
# .4 · .6. You will find the general rule in the assignment.) And when *home* is far ahead, nothing
# moves: less than a thousandth of before. All these speeds, for every weight and every score, form
# the **Jacobian** of the softmax. Its size says how much of a gradient gets through.

# %% [markdown]
# ## 5 · Experiment 1: what grows, what collapses, what √d_k restores
#
# Random queries and keys with components of mean 0 and variance 1, for `d_k` from 1 to 1,024, on
# five seeds. 400 queries, each with its own 64 keys. We measure, with raw scores and with scores
# divided by √d_k:
#
# - the **variance** of the scores;
# - the **entropy** of the weights in nats: ln 64 ≈ 4.16 if all are equal, 0 if one takes all;
# - the **size of the Jacobian** (the root of the sum of its squared entries), and the share of
#   queries that are *dead*: those whose Jacobian is smaller than .01.
#
# **Predict** how each of them changes with `d_k`. One may surprise you.
#
# <details><summary>Answer</summary>
#
# Raw: the variance grows as `d_k`, and the entropy falls. The size of the Jacobian rises at first
# and falls later; the dead queries come with its fall. Divided by √d_k: next to nothing changes.
#
# </details>

# %%
sizes = [1, 4, 16, 64, 256, 1024]
jacobians = torch.func.vmap(torch.func.jacrev(lambda s: torch.softmax(s, dim=0)))


def measure(scores):
    """Variance, entropy, size of the Jacobian, dead share. scores (queries, keys) -> (4,)."""
    w = torch.softmax(scores, dim=1)  # (400, 64)
    entropy = torch.special.entr(w).sum(dim=1).mean()  # entr(w) = −w ln w, and 0 at w = 0
    size = jacobians(scores).flatten(1).norm(dim=1)  # (400, 64, 64) -> (400,)
    return torch.stack([scores.var(), entropy, size.mean(), (size < 0.01).float().mean()])


table = torch.zeros(2, 5, len(sizes), 4)  # raw or scaled, seed, d_k, quantity
for seed, (column, size) in itertools.product(range(5), enumerate(sizes)):
    g = torch.Generator().manual_seed(seed)
    some_q = torch.randn(400, size, 1, generator=g)  # (400, d_k, 1)
    some_k = torch.randn(400, 64, size, generator=g)  # (400, 64, d_k)
    raw = torch.bmm(some_k, some_q)[..., 0]  # (400, 64): 64 keys for each query
    table[0, seed, column] = measure(raw)
    table[1, seed, column] = measure(raw / size**0.5)

names = ["variance of the scores", "entropy of the weights (nats)", "size of the Jacobian", "dead"]
for name, row in zip(names, table.mean(dim=1).permute(2, 0, 1), strict=True):  # each (2, sizes)
    print(f"{name:30} raw   ", " ".join(f"{x:8.2f}" for x in row[0]))
    print(f"{'':30} scaled", " ".join(f"{x:8.2f}" for x in row[1]))

# %%
for index, ax in enumerate(panels(1, 3, 3.5, 3.0)):
    spread(ax, sizes, table[0, ..., index], label="raw", color=ORANGE, marker="s")
    spread(ax, sizes, table[1, ..., index], label="divided by √d_k", color=BLUE)
    ax.set_xscale("log", base=2)
    ax.set(xlabel="d_k", title=names[index], yscale="log" if index == 0 else "linear")
    ax.set_ylim(bottom=None if index == 0 else 0)
    ax.legend()

# %% [markdown]
# *Figure: three panels against d_k from 1 to 1,024, mean of five seeds, with the band from the
# lowest to the highest. Raw: the variance rises on a straight line of slope 1, the entropy falls
# towards 0, the size of the Jacobian first rises and then falls. Divided by √d_k, all three hardly
# change.*

# %%
raw, scaled_by_root = table[0], table[1]  # (5, sizes, 4) each
claim(
    "Divided by √d_k, no softmax is dead at d_k = 1,024",
    figure="share of queries whose Jacobian is smaller than .01",
    values=scaled_by_root[:, -1, 3].tolist(),
    below=0.01,
    without="raw scores",
    broken=raw[:, -1, 3].tolist(),
)
for seed in range(5):
    variance, entropy, size, dead = raw[seed].T
    assert ((variance / torch.tensor(sizes) - 1).abs() < 0.1).all()  # variance = d_k within 10 %
    assert (entropy.diff() < 0).all()  # each d_k lower than the one before
    assert entropy[-1] < 0.25
    assert size.argmax() in (1, 2, 3)  # not monotonic: the top lies inside, not at an end
    assert size.max() > 1.3 * size[0]
    assert size[-1] < size.max() / 2
    assert dead[-1] > 0.5
    variance, entropy, size, dead = scaled_by_root[seed].T
    assert ((variance - 1).abs() < 0.1).all()
    assert entropy.min() > 3.5
    assert size.max() < 1.5 * size.min()
    assert dead.max() == 0

# %% [markdown]
# **Claim.** On each of five seeds the variance of raw scores is `d_k` within 10 %. The entropy
# falls with every step of `d_k`, to less than .25 at 1,024. There more than half of the queries are
# dead. With √d_k the variance stays 1 within 10 %, the entropy above 3.5, and no query is dead.
#
# **The surprise.** The Jacobian does not simply shrink. It *first rises*, by more than 30 %: a
# softmax with nearly equal weights is sluggish too. Only then it falls, to less than half of its
# top. Some contrast helps a gradient; too much kills it.
#
# **What it does not show.** These are random queries and keys. Trained ones are not independent,
# and their scores may be large for a good reason. √d_k sets the *start*, not the end.

# %% [markdown]
# ## 6 · Two knobs: d_k and temperature
#
# Write the scale as a **temperature** T: weights = softmax(scores / T). T = 1 is raw, T = √d_k is
# the paper. A low temperature freezes the weights onto one key; a high one melts them to equality.
# Here is one query with its 16 keys, largest weight first.


# %%
def one_query(size, temperature):
    """The weights of one query over 16 keys, largest first: (16,)."""
    g = torch.Generator().manual_seed(3)
    keys, query = torch.randn(16, size, generator=g), torch.randn(1, size, generator=g)
    w = F.scaled_dot_product_attention(query, keys, torch.eye(16), scale=1 / temperature)  # (1, 16)
    return w[0].sort(descending=True).values


def draw_weights(ax, size, temperature, title):
    """The weights of the query as bars."""
    w = one_query(size, temperature)
    ax.bar(range(1, 17), w, color=BLUE)
    ax.axhline(1 / 16, color=ORANGE, linestyle="--", linewidth=1.2, label="equal weights")
    entropy = torch.special.entr(w).sum()
    ax.set(ylim=(0, 1), title=f"{title}\nentropy {entropy:.2f} nats")
    ax.set(xlabel="key, by rank", ylabel="weight")


axes = panels(2, 3, 3.3, 2.4)
for ax, size in zip(axes[:3], (4, 256, 1024), strict=True):
    draw_weights(ax, size, 1.0, f"d_k = {size}, T = 1")
for ax, size in zip(axes[3:], (4, 256, 1024), strict=True):
    draw_weights(ax, size, size**0.5, f"d_k = {size}, T = √d_k")
_ = axes[0].legend()

# One query, one seed: this illustrates; section 5 measured.
assert one_query(256, 16.0)[0] < 0.5 < one_query(256, 1.0)[0]
assert one_query(4, 1.0)[:2].sum() > 0.6 > 0.4 > one_query(4, 1.0)[0]
assert min(one_query(size, 1.0)[0] for size in (256, 1024)) > 0.9
assert max(one_query(size, size**0.5)[0] for size in (4, 256, 1024)) < 0.5

# %% [markdown]
# *Figure: six bar charts of the 16 weights of one query. In the upper row, T = 1, two bars share
# most of the weight at d_k = 4, and one bar has nearly all of it at 256 and at 1,024. In the lower
# row, T = √d_k, the weights are spread over many keys at each d_k; the largest stays below one
# half.*
#
# Turn the knobs. For `d_k` = 256, find the temperature at which the largest weight is one half. Is
# it above or below √d_k = 16? (Without a running kernel: the charts in the middle have `d_k` = 256,
# with T = 1 above and T = √d_k = 16 below.)
#
# <details><summary>Answer</summary>
#
# Below. At T = 16 the largest weight is still under one half, and at T = 1 it is over. Cooling
# raises the largest weight.
#
# </details>


# %%
def draw_knobs(size, temperature):
    """The bars for one d_k and one temperature; the title tells √d_k."""
    [ax] = panels(1, 1, 4.5, 3.0)
    draw_weights(ax, size, temperature, f"√d_k = {size**0.5:.1f}")
    ax.legend()


Knobs(
    draw_knobs,
    size=SelectionSlider(options=[2**p for p in range(11)], value=64, description="d_k"),
    temperature=FloatLogSlider(1, min=-1, max=3, step=0.05, description="T"),
)

# %% [markdown]
# ## 7 · Experiment 2: does it matter in training?
#
# The paper says "we suspect". Let us see. The task is to look up a word in a small dictionary. Each
# example shows 16 different words out of 64, each with a random value of 8 numbers, and asks for
# one of the words. The answer is its value. One head, torch's attention, and two tables to be
# learnt: a query and a key for each word, with components of mean 0 and variance 1 at the start, as
# in the paper's footnote. The loss is the mean squared error. It has three marks: 0 is the right
# value, 2 is one wrong value, and 1 − 1/16 ≈ .94 is the mean of all 16.
#
# 300 steps of Adam, batches of 32, five seeds.
#
# **Predict.** For which `d_k` of 4, 16, 128 will the scale matter?


# %%
def examples(count, g):
    """Words (count, 16), the place (count,) of the word asked for, and values (count, 16, 8)."""
    words = torch.rand(count, 64, generator=g).argsort(dim=1)[:, :16]  # 16 different words of 64
    place = torch.randint(16, (count,), generator=g)
    return words, place, torch.randn(count, 16, 8, generator=g)


def look_up(tables, words, place, values, scale):
    """One head: (count, 16), (count,), (count, 16, d_v) -> (count, d_v)."""
    asked = words.gather(1, place[:, None])  # (count, 1): the word asked for
    q = F.embedding(asked, tables[0])  # (count, 1, d_k)
    k = F.embedding(words, tables[1])  # (count, 16, d_k)
    return F.scaled_dot_product_attention(q, k, values, scale=scale)[:, 0]


# %%
def train(size, seed, *, scale, start=1.0, lr=0.03):
    """300 steps; return the losses (300,) and the accuracy and confidence on 1,000 new examples."""
    g = torch.Generator().manual_seed(seed)
    tables = [torch.randn(64, size, generator=g) for _ in range(2)]  # queries, keys
    tables[0] *= start  # 1: components of variance 1
    optimizer = torch.optim.Adam([table.requires_grad_() for table in tables], lr=lr)
    losses = []
    for _ in range(300):
        words, place, values = examples(32, g)  # new ones at each step
        target = values[torch.arange(32), place]  # (32, 8): the value of the word asked for
        loss = (look_up(tables, words, place, values, scale) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    words, place, _ = examples(1000, g)
    unit_values = torch.eye(16).expand(1000, 16, 16)  # so that the output is the weights
    top = look_up(tables, words, place, unit_values, scale).detach().max(dim=1)
    hit = top.indices == place  # (1000,): the largest weight is on the right word
    # How much weight does a wrong choice carry? The median over all wrong choices.
    confidence = top.values[~hit].median().item() if not hit.all() else math.nan
    return {"losses": losses, "accuracy": hit.float().mean().item(), "wrong at": confidence}


# %%
_, place, stored = examples(20_000, torch.Generator().manual_seed(0))
everyone = torch.arange(20_000)
right_value, wrong_value = stored[everyone, place], stored[everyone, (place + 1) % 16]
marks = [(guess - right_value).square().mean() for guess in (wrong_value, stored.mean(dim=1))]
print("one wrong value: {:.2f}, the mean of all 16: {:.2f}".format(*marks))
assert abs(marks[0] - 2) < 0.05
assert abs(marks[1] - 15 / 16) < 0.05

# %%
d_ks, seeds = [4, 16, 128], range(5)
with_scale = [[train(size, seed, scale=size**-0.5) for size in d_ks] for seed in seeds]
without = [[train(size, seed, scale=1.0) for size in d_ks] for seed in seeds]
accuracy = {  # (seeds, d_ks) each
    "divided by √d_k": torch.tensor([[run["accuracy"] for run in row] for row in with_scale]),
    "raw": torch.tensor([[run["accuracy"] for run in row] for row in without]),
}
for name, found in accuracy.items():
    for column, size in enumerate(d_ks):
        one = found[:, column]  # (seeds,)
        print(f"{name:16} d_k {size:4}: {one.mean():.2f} ({one.min():.2f} to {one.max():.2f})")

# %% [markdown]
# Where the scale matters, is it the scale as such that is needed, or only a calm start? A third
# variant tells: **no scale, but a query table that starts √d_k times smaller**. And perhaps raw
# scores only want another learning rate? We try five, on three seeds.

# %%
small_start = [train(128, seed, scale=1.0, start=128**-0.5) for seed in seeds]
rates = [0.003, 0.01, 0.03, 0.1, 0.3]
by_rate = {
    lr: [train(128, seed, scale=1.0, lr=lr) for seed in range(3)] for lr in (0.003, 0.01, 0.1, 0.3)
}
by_rate[0.03] = [row[-1] for row in without[:3]]  # trained above
rates = sorted(by_rate)
raw_by_rate = torch.tensor([[run["accuracy"] for run in by_rate[lr]] for lr in rates]).T  # (3, 5)

print("d_k = 128, raw, small start:", [round(run["accuracy"], 3) for run in small_start])
for lr, best in zip(rates, raw_by_rate.amax(0), strict=True):
    print(f"d_k = 128, raw, learning rate {lr}: {best:.2f} on the best seed")
print("wrong with weight (median), raw:", [round(row[-1]["wrong at"], 2) for row in without])

# %%
smooth = torch.ones(1, 1, 20) / 20  # mean of 20 steps
curves = {
    "raw": ([row[-1] for row in without], ORANGE, "s"),
    "divided by √d_k": ([row[-1] for row in with_scale], BLUE, "o"),
    "raw, small start": (small_start, GREEN, "D"),
}
left, middle, right = panels(1, 3, 3.6, 3.2)
for name, (results, color, marker) in curves.items():
    losses = torch.tensor([run["losses"] for run in results])  # (seeds, 300)
    means = F.conv1d(losses[:, None], smooth, stride=20)[:, 0]  # (seeds, 15)
    spread(left, range(10, 300, 20), means, label=name, color=color, marker=marker)
left.set(xlabel="training step", ylabel="mean squared error", ylim=(0, 2))
left.set_title("loss at d_k = 128")
left.legend(fontsize=8)
spread(middle, d_ks, accuracy["raw"], label="raw", color=ORANGE, marker="s")
spread(middle, d_ks, accuracy["divided by √d_k"], label="divided by √d_k", color=BLUE)
middle.set_xscale("log", base=2)
middle.set(xlabel="d_k", ylabel="accuracy", title="accuracy after 300 steps", ylim=(0, 1.03))
spread(right, rates, raw_by_rate, label="raw", color=ORANGE, marker="s")
right.set_title("raw at d_k = 128, five learning rates")
_ = right.set(xlabel="learning rate", ylabel="accuracy", xscale="log", ylim=(0, 1.03))

# %% [markdown]
# *Figure: left, the loss over 300 steps at d_k = 128: raw scores start high and stay high, the
# scaled ones and the raw ones with a small start fall to 0. Middle, accuracy against d_k: equal at
# 4, then the raw one falls behind. Right, raw scores at d_k = 128 for five learning rates: none
# comes near 1.*

# %%
scaled_accuracy, raw_accuracy = accuracy["divided by √d_k"], accuracy["raw"]
claim(
    "At d_k = 128 the scaled head learns to look up within 300 steps",
    figure="share of words looked up",
    values=scaled_accuracy[:, -1].tolist(),
    above=0.95,
    without="raw scores",
    broken=raw_accuracy[:, -1].tolist(),
)
claim(
    "At d_k = 128 a calm start does without the scale",
    figure="share of words looked up",
    values=[run["accuracy"] for run in small_start],
    above=0.95,
    without="raw scores from a start of variance 1",
    broken=raw_accuracy[:, -1].tolist(),
)
assert scaled_accuracy[:, 1:].min() > 0.95  # with the scale, every d_k from 16 on, every seed
assert raw_accuracy[:, -1].max() < 0.75  # without, at d_k = 128, on every seed
assert abs(scaled_accuracy[:, 0].mean() - raw_accuracy[:, 0].mean()) < 0.05  # d_k = 4: no matter
assert raw_by_rate.max() < 0.75  # no learning rate of the five, on no seed of the three
assert all(row[-1]["wrong at"] > 0.9 for row in without)  # wrong, and sure of it

# %% [markdown]
# **When it matters.** At `d_k` = 128, on all of five seeds, the scaled head looks up more than 95 %
# of the words and the raw one less than 75 %. On three seeds, none of five learning rates lifts it
# above that in 300 steps. Where the raw head is wrong it is sure of it: half of its wrong choices
# carry a weight above .9. In section 4, a softmax with one key far ahead hardly moved.
#
# **When it does not.** At `d_k` = 4 the mean accuracies differ by less than .05. And without any
# scale, but with queries that *start* smaller by √d_k, more than 95 % are right at `d_k` = 128 as
# well. Here a calm start is all that is needed, and the scale is one way to have it.
#
# **What it does not show.** Longer training might repair more. Other starts behave differently:
# torch's `nn.Linear` starts with smaller weights than our tables, which calms the scores as well.
# And a task on which only a very sharp map is right would ask for large scores in the end.

# %% [markdown]
# ## 8 · The paper and the tools
#
# "Attention Is All You Need" (Vaswani et al., 2017):
#
# - **Section 3.2.1** gives the formula, and the reason: "We suspect that for large values of d_k,
#   the dot products grow large in magnitude, pushing the softmax function into regions where it has
#   extremely small gradients. To counteract this effect, we scale the dot products by 1/√d_k." You
#   have now seen both halves of the suspicion, and the rise of the Jacobian before its fall.
# - The same section reports that without the scale dot-product attention does well for small d_k
#   and falls behind additive attention for large d_k. As far as we went we agree: raw
#   scores do as well as scaled ones at `d_k` = 4 and worse at 128. We did not train additive
#   attention.
# - **Footnote 4** is our coin: "assume that the components of q and k are independent random
#   variables with mean 0 and variance 1. Then their dot product … has mean 0 and variance d_k."
#
# | where | the scale |
# | --- | --- |
# | torch `F.scaled_dot_product_attention` | argument `scale`, 1/√d_k if not given |
# | torch `nn.MultiheadAttention` | always 1/√d_head |
# | fairseq `MultiheadAttention` | `self.scaling = head_dim ** -0.5`, multiplied into the query |
# | Hugging Face BART, Marian | `self.scaling = head_dim ** -0.5` |
# | Hugging Face T5 | none; the query matrix starts smaller by √d_k, as in our third variant |
#
# (The row on T5 refers to `T5Attention` and its `_init_weights` in `modeling_t5.py`.)
#
# torch's module gives what its function gives, when its four matrices are the identity. It returns
# the weights as well.

# %%
module = torch.nn.MultiheadAttention(embed_dim=4, num_heads=1, bias=False)
with torch.no_grad():
    module.in_proj_weight.copy_(torch.eye(4).repeat(3, 1))  # W_Q, W_K and W_V stacked: (12, 4)
    module.out_proj.weight.copy_(torch.eye(4))
g = torch.Generator().manual_seed(0)
wide_v = torch.randn(n_k, 4, generator=g)  # the module wants d_v = embed_dim
module_out, module_weights = module(q, k, wide_v)  # (n_q, 4), (n_q, n_k)
function_out = F.scaled_dot_product_attention(q, k, wide_v)
print("output: ", (module_out - function_out).abs().max().item())
print("weights:", (module_weights - weights).abs().max().item())

assert (module_out - function_out).abs().max() < 1e-5
assert (module_weights - weights).abs().max() < 1e-5

# %% [markdown]
# Both take an `attn_mask`, which hides keys from queries. Beware: in one of them True means "may
# attend" and in the other "may not". [Lecture 07](07_masked_self_attention.ipynb) sorts this out.

# %% [markdown]
# ## 9 · Check yourself
#
# **1.** q has shape (2, 5, 16), k (2, 7, 16), v (2, 7, 3). What are b, n_q, n_k, d_k and d_v, and
# the shapes of weights and output?
#
# <details><summary>Answer</summary>
#
# b = 2, n_q = 5, n_k = 7, d_k = 16, d_v = 3. Weights (2, 5, 7), output (2, 5, 3).
#
# </details>
#
# **2.** Every feature of queries and keys is written twice, so `d_k` doubles. Does √d_k keep the
# scores as they were?
#
# <details><summary>Answer</summary>
#
# No. Each inner product doubles, and √d_k grows by √2 only: the scaled scores grow by √2. The root
# is right for *independent* terms, whose variances add up. Copies are not independent.
#
# </details>
#
# **3.** A colleague divides by `d_k` instead of √d_k. With random queries and keys and `d_k` =
# 1,024, what do the weights look like?
#
# <details><summary>Answer</summary>
#
# The scores have variance 1,024 / 1,024² = 1/1,024, so they are nearly equal, and so are the
# weights. Every query gets nearly the mean of all values: at the start it cannot choose.
#
# </details>

# %%
g = torch.Generator().manual_seed(0)
b_q, b_k = torch.randn(2, 5, 16, generator=g), torch.randn(2, 7, 16, generator=g)
assert F.scaled_dot_product_attention(b_q, b_k, torch.ones(2, 7, 3)).shape == (2, 5, 3)

one, other = torch.randn(16, generator=g), torch.randn(16, generator=g)
twice = one.repeat(2).dot(other.repeat(2)) / 32**0.5
torch.testing.assert_close(twice, 2**0.5 * one.dot(other) / 16**0.5)

wide_q, wide_k = torch.randn(1, 1024, generator=g), torch.randn(64, 1024, generator=g)
flat = F.scaled_dot_product_attention(wide_q, wide_k, torch.eye(64), scale=1 / 1024)
print(f"divided by d_k: weights from {flat.min():.4f} to {flat.max():.4f}; 1/64 = {1 / 64:.4f}")
assert (flat * 64 - 1).abs().max() < 0.15

# %% [markdown]
# **The assignment.** [a1_attention](../assignments/a1_attention/a1_attention.ipynb). After lecture
# 02 `softmax` and `similarity` were within reach; now all five are: `attend` is one query with the
# scale, `scaled_dot_product_attention` is the matrix form with any number of batch dimensions, and
# `softmax_jacobian` is the general rule behind .24 = .4 · .6.
#
# **Next.** [Lecture 04](04_multi_head_attention.ipynb): one map per query can only average. What do
# several maps buy?
#
# ## 10 · Words
#
# | English | 한국어 |
# | --- | --- |
# | scaled dot-product attention | 스케일드 닷 프로덕트 어텐션 |
# | scale | 스케일, 배율 |
# | matrix product | 행렬 곱 |
# | transpose | 전치 |
# | row, column | 행, 열 |
# | variance | 분산 |
# | standard deviation | 표준 편차 |
# | entropy | 엔트로피 |
# | temperature | 온도 |
# | gradient | 그래디언트, 기울기 |
# | Jacobian | 야코비안 |
# | saturation | 포화 |
# | learning rate | 학습률 |
# | initialisation | 초기화 |
