# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Assignment 1: attention, for one query and then for all
#
# You will build scaled dot-product attention, the operation at the heart of the Transformer, out of
# a softmax, an inner product and a weighted mean; then you will differentiate the softmax by hand
# and say why the attention of the paper is *scaled*.
#
# | | problem | minutes | difficulty | points |
# | --- | --- | --- | --- | --- |
# | 1 | `softmax` | 15 | 1 of 3 | 4 |
# | 2 | `similarity` | 10 | 1 of 3 | 2 |
# | 3 | `attend` | 20 | 2 of 3 | 4 |
# | 4 | `scaled_dot_product_attention` | 30 | 2 of 3 | 6 |
# | 5 | `softmax_jacobian` | 25 | 3 of 3 | 4 |
# | 6 | why divide by √d_k? (in words) | 20 | 2 of 3 | 4 |
#
# About two hours in all. What you need is in lectures
# [02 Self-attention](../../lectures/02_self_attention.ipynb) and
# [03 Scaled dot-product attention](../../lectures/03_scaled_dot_product_attention.ipynb).
#
# **How your work is checked.** Write your answer in the place of the line that raises
# `NotImplementedError`, run the cell, then run the check cell below it. It calls your function on
# several inputs, the *cases*. Where not all of them pass, it names the first case that fails, tells
# you the shapes of its inputs, and says where to think. You may check as often as you like. After
# opening or restarting the notebook, run the first code cell, the one with `import`, before
# anything else. *Run All* stops at the first check that does not pass. The grade comes from the
# same kinds of input with other numbers and other sizes, so an answer that is right for the reason
# it should be passes there too. The cases of a problem form groups, and a group is paid when all of
# its cases pass.
#
# **The contract.** The table of a problem is its *contract*: what goes in, what must come out, in
# which shapes and in which order. With what holds for every problem, and what a problem rules out,
# it is all that checks and grades go by. How you fulfil it is up to you.
#
# **What holds for every problem.** A result has the dtype of the arguments (float32 in, float32
# out; float64 in, float64 out) and can be differentiated in each of them, so stay in torch from
# the arguments to the result. No function changes its arguments. Helper functions of your own are
# welcome. What you are asked to build may not be taken from torch; each problem says what that is.
#
# **Imports.** The first cell imports torch and `check`. Whatever else you use (`math`, `einops`, …)
# you import at the top of the answer cell that uses it.
#
# **Notation.** n (n_q, n_k) counts queries and keys, d_k is the size of a query and of a key, d_v
# the size of a value; `...` stands for any number of batch dimensions, also none.

# %% role="setup"
import torch

from autograder import check

# %% [markdown]
# ## The example: "I go home"
#
# Three words, each with a query, a key and a value. The same numbers return in problems 2, 3 and 4.
# (The lectures use other numbers for the same sentence.)
#
# | word | query (d_k = 4) | key (d_k = 4) | value (d_v = 2) |
# | --- | --- | --- | --- |
# | I | (1, −1, −2, −1) | (1, 0, 0, 1) | (1, 0) |
# | go | (1, 1, 2, −1) | (1, 1, 0, 0) | (0, 1) |
# | home | (1, −1, 0, 1) | (2, 0, 1, 0) | (1, 1) |

# %% [markdown]
# ## Problem 1: `softmax(x, dim)`
#
# *15 minutes · difficulty 1 of 3 · 4 points*
#
# A softmax turns any numbers into weights: all positive, summing to 1, a larger entry always
# getting the larger weight. The weight of an entry is e to the power of the entry, as a share of
# the sum of these powers over all entries along `dim`. (In floats, an entry far below the largest
# gets a weight of exactly 0: the true one is smaller than the smallest float.)
#
# | | shape |
# | --- | --- |
# | `x` | any shape with at least one dimension, float32 or float64 |
# | `dim` | an int, negative to count from the end |
# | result | the shape of `x`; sums to 1 along `dim`; finite for entries of ±10,000 |
#
# Not to be used here: torch's or scipy's `softmax`, `log_softmax` and `softmin`. Everything else
# is allowed.
#
# **Worked example.** `softmax(torch.tensor([0.0, 1.0, 2.0]), 0)`:
#
# | entry | e^entry | weight |
# | --- | --- | --- |
# | 0 | 1.000 | 1.000 / 11.107 = 0.090 |
# | 1 | 2.718 | 2.718 / 11.107 = 0.245 |
# | 2 | 7.389 | 7.389 / 11.107 = 0.665 |
# | sum | 11.107 | 1.000 |
#
# And `softmax(torch.tensor([10000.0, 10001.0, 10002.0]), 0)` is the same three weights, although no
# float is large enough for e^10000.

# %% [markdown] problem="softmax" role="help"


# %% problem="softmax" role="answer"
def softmax(x, dim):
    """Turn the entries of x along dim into weights.

    x: any shape, float32 or float64, entries up to ±10,000.
    Returns a tensor of the shape of x: weights, none below 0, that sum to 1 along dim.
    """
    ### BEGIN SOLUTION
    # The same number taken from all entries changes no share; the largest keeps exp below 1.
    largest = x.max(dim=dim, keepdim=True).values  # shape of x, with size 1 along dim
    exponentials = torch.exp(x - largest)
    return exponentials / exponentials.sum(dim=dim, keepdim=True)
    ### END SOLUTION


# %% problem="softmax" role="check"
check("softmax")

# %% [markdown]
# ## Problem 2: `similarity(query, keys)`
#
# *10 minutes · difficulty 1 of 3 · 2 points*
#
# How well does each key fit a query? The Transformer measures it by the inner product: large where
# both point the same way, 0 where they have nothing in common, negative where they point apart.
#
# | | shape |
# | --- | --- |
# | `query` | (d_k,) |
# | `keys` | (n, d_k), one key per row |
# | result | (n,), the inner product of the query with each key |
#
# **Worked example.** The query of "go" and the three keys give `[0, 2, 4]`:
#
# | key of | products with (1, 1, 2, −1) | sum |
# | --- | --- | --- |
# | I (1, 0, 0, 1) | 1 + 0 + 0 − 1 | 0 |
# | go (1, 1, 0, 0) | 1 + 1 + 0 + 0 | 2 |
# | home (2, 0, 1, 0) | 2 + 0 + 2 + 0 | 4 |

# %% [markdown] problem="similarity" role="help"


# %% problem="similarity" role="answer"
def similarity(query, keys):
    """Score every key by its inner product with the query.

    query: (d_k,). keys: (n, d_k).
    Returns the n scores: (n,).
    """
    ### BEGIN SOLUTION
    return keys @ query  # (n, d_k) @ (d_k,) -> (n,)
    ### END SOLUTION


# %% problem="similarity" role="check"
check("similarity")

# %% [markdown]
# ## Problem 3: `attend(query, keys, values)`
#
# *20 minutes · difficulty 2 of 3 · 4 points*
#
# One query looks at n keys, each of which stands before a value, and takes home a mean of the
# values in which the best-fitting keys count most. The scores are inner products, scaled by √d_k;
# their softmax over the n keys gives the weights.
#
# | | shape |
# | --- | --- |
# | `query` | (d_k,) |
# | `keys` | (n, d_k) |
# | `values` | (n, d_v), row i belonging to key i |
# | result | (d_v,), the weighted mean of the values |
#
# Not to be used here: torch's `scaled_dot_product_attention` and `MultiheadAttention`. From here on
# you may use torch's `softmax`, or your own.
#
# **Worked example.** The query of "go" attends to "I go home"; d_k = 4, so √d_k = 2.
#
# | key of | inner product | score | weight | value | weight · value |
# | --- | --- | --- | --- | --- | --- |
# | I | 0 | 0 | 0.090 | (1, 0) | (0.090, 0) |
# | go | 2 | 1 | 0.245 | (0, 1) | (0, 0.245) |
# | home | 4 | 2 | 0.665 | (1, 1) | (0.665, 0.665) |
# | | | | | result | (0.755, 0.910) |

# %% [markdown] problem="attend" role="help"


# %% problem="attend" role="answer"
def attend(query, keys, values):
    """Attend with one query: the mean of the values, weighted by how well the keys fit.

    query: (d_k,). keys: (n, d_k). values: (n, d_v).
    Returns (d_v,). Scores are scaled by the square root of d_k.
    """
    ### BEGIN SOLUTION
    d_k = keys.shape[-1]
    scores = keys @ query / d_k**0.5  # (n,)
    weights = torch.softmax(scores, dim=-1)  # (n,): how much each key counts
    return weights @ values  # (n,) @ (n, d_v) -> (d_v,)
    ### END SOLUTION


# %% problem="attend" role="check"
check("attend")

# %% [markdown]
# ## Problem 4: `scaled_dot_product_attention(q, k, v)`
#
# *30 minutes · difficulty 2 of 3 · 6 points*
#
# The same for n_q queries at once, and for a whole batch of sequences: the formula of "Attention
# Is All You Need", section 3.2.1. Every query gets its own weights over all n_k keys.
#
# | | shape |
# | --- | --- |
# | `q` | (..., n_q, d_k) |
# | `k` | (..., n_k, d_k) |
# | `v` | (..., n_k, d_v) |
# | first result, `out` | (..., n_q, d_v) |
# | second result, `weights` | (..., n_q, n_k), row i holding the weights of query i |
#
# `...` is the same for `q`, `k` and `v`: nothing, (b,) or (b, h). No loop is needed, and no case
# distinction. Both results can be differentiated.
#
# Not to be used here: torch's `scaled_dot_product_attention` and `MultiheadAttention`.
#
# **Worked example.** All three queries of "I go home":
#
# | query of | inner products with the keys | weights for I, go, home | out |
# | --- | --- | --- | --- |
# | I | (0, 0, 0) | (0.333, 0.333, 0.333) | (0.667, 0.667) |
# | go | (0, 2, 4) | (0.090, 0.245, 0.665) | (0.755, 0.910) |
# | home | (2, 0, 2) | (0.422, 0.155, 0.422) | (0.845, 0.578) |

# %% [markdown] problem="scaled_dot_product_attention" role="help"


# %% problem="scaled_dot_product_attention" role="answer"
def scaled_dot_product_attention(q, k, v):
    """Attend with every query to every key of its own sequence.

    q: (..., n_q, d_k). k: (..., n_k, d_k). v: (..., n_k, d_v).
    Returns (out, weights) of shapes (..., n_q, d_v) and (..., n_q, n_k).
    """
    ### BEGIN SOLUTION
    d_k = q.shape[-1]
    scores = q @ k.transpose(-2, -1) / d_k**0.5  # (..., n_q, n_k)
    weights = torch.softmax(scores, dim=-1)  # every row, over the keys, sums to 1
    return weights @ v, weights
    ### END SOLUTION


# %% problem="scaled_dot_product_attention" role="check"
check("scaled_dot_product_attention")

# %% [markdown]
# ## Problem 5: `softmax_jacobian(weights)`
#
# *25 minutes · difficulty 3 of 3 · 4 points*
#
# Attention learns through its softmax: whatever the loss wants from the weights reaches the scores
# through the derivatives of n weights by n scores. Find them with pencil and paper. You will see
# that the weights alone are enough to write them down: the scores are not needed.
#
# | | shape |
# | --- | --- |
# | `weights` | (n,), the softmax of some n scores |
# | result | (n, n), entry [i, j] = ∂weights_i / ∂score_j |
#
# Weights of exactly 0 and 1 occur too: there the true weight is too close to 0 or 1 for a float to
# tell the difference.
#
# Not to be used here: torch's own derivatives (`jacobian`, `hessian`, `jacrev`, `jacfwd`, `vjp`,
# `jvp`). Torch can differentiate for you: use that in a cell of your own to test your formula, not
# in its place. Your result must be differentiable once more, since training differentiates through
# the weights: the check goes from scores through torch's softmax and your function, and back.
#
# **Worked example.** Scores (ln 2, 0, 0) have the weights (0.5, 0.25, 0.25). Raise the first score
# by 0.01: the weights become (0.50250, 0.24875, 0.24875). Divided by 0.01, the change is
# (0.250, −0.125, −0.125), the first column below. The other two columns are found the same way.
#
# | ∂weights_i / ∂score_j | j = 0 | j = 1 | j = 2 |
# | --- | --- | --- | --- |
# | i = 0 | 0.250 | −0.125 | −0.125 |
# | i = 1 | −0.125 | 0.1875 | −0.0625 |
# | i = 2 | −0.125 | −0.0625 | 0.1875 |

# %% [markdown] problem="softmax_jacobian" role="help"


# %% problem="softmax_jacobian" role="answer"
def softmax_jacobian(weights):
    """Differentiate a softmax, given what it returned.

    weights: (n,), the softmax of n scores.
    Returns (n, n): entry [i, j] is the derivative of weight i by score j.
    """
    ### BEGIN SOLUTION
    own = torch.diag(weights)  # from the numerator: only score i is in it
    shared = torch.outer(weights, weights)  # from the denominator: every score is in it
    return own - shared
    ### END SOLUTION


# %% problem="softmax_jacobian" role="check"
check("softmax_jacobian")

# %% [markdown]
# ## Problem 6: why divide by √d_k?
#
# *20 minutes · difficulty 2 of 3 · 4 points, graded by hand*
#
# Unless a question says otherwise, let the entries of queries and keys be independent, with mean 0
# and variance 1, as they roughly are before training. Answer in a few sentences each, with the
# reason: a bare number is worth half.
#
# 1. A classmate starts training with queries whose entries have standard deviation 3, and keys
#    whose entries have standard deviation 1/2; all means are still 0. What are the mean, the
#    variance and the typical size of q·k then, and by which number should the scores be divided, so
#    that they have variance 1?
# 2. Suppose the scores are not scaled, and d_k = 1,024. What do the weights of one query over
#    64 keys look like, and what does your Jacobian of problem 5 say about the gradient that reaches
#    the scores?
# 3. A retrieval system scores pairs of texts by cosines: q and k are brought to length 1 before the
#    inner product. Its weights are softmax(cosines) over 1,000 keys. How large can the largest
#    weight be at most, whatever the query? What kind of number would you multiply the cosines by,
#    and why is dividing by √d_k the wrong way to go here?
# 4. A classmate says: "The layers that make q and k are learned, and can learn to make them
#    smaller. So the scale changes nothing." What is right about this, and what is not?

# %% [markdown] role="written" problem="why_scale" points=4
# Your answer here.
#
# === BEGIN MARK SCHEME ===
#
# One point for each idea; half a point where it is there but not argued.
#
# 1. **Growth (1 point).** q·k is a sum of d_k independent products of mean 0. A product has
#    variance 9 · 1/4 = 9/4, so the sum has mean 0, variance 9/4 · d_k and a typical size (standard
#    deviation) of 3/2 · √d_k: divide by 3/2 · √d_k. Half a point for the growth with √d_k without
#    the factor, or for the bare numbers.
# 2. **Saturation (1 point).** Scores of typical size 32 differ by tens, so that almost all weight
#    falls on one key. With one weight near 1 and the others near 0, every entry of the Jacobian,
#    w_i(1 − w_i) and −w_i w_j, is near 0: hardly any gradient reaches the scores, so that queries
#    and keys hardly learn. Half a point without the link from the weights to the gradient.
# 3. **Too even (1 point).** Cosines lie between −1 and 1, so no two differ by more than 2: the
#    largest weight is at most e / (e + 999/e) = e² / (e² + 999), less than .01, and the query has
#    next to no say. They must be multiplied by a number well above 1 (a low temperature; a learned
#    one is fine). Dividing by √d_k mends scores that spread too far; these spread too little (by
#    about 1/√d_k, for random directions), and would come closer to 1/1,000 each. Half a point for
#    "too even" without the bound, or for the cure without the reason.
# 4. **What can be written is not what is learned (1 point).** Right: a fixed scale can be absorbed
#    into W_q or W_k, so the same functions can be written. Not right: training starts where the
#    softmax is saturated, and the gradient that would make q and k smaller is itself near 0 there;
#    scale and initialisation decide where training starts and how fast it goes. Half a point for
#    either half. That the effect is slight for small d_k is also right, and worth the point if
#    argued.
#
# === END MARK SCHEME ===

# %% [markdown]
# ## Put it to use
#
# Nothing here is graded. Run the cell once problem 4 is answered: it draws who attends to whom in
# "I go home". Then change the numbers. What must the query of "I" be, for it to look at "home" and
# at little else? What changes in the map when every query is doubled?

# %% role="use" problem="put_to_use"
from course.plots import matrix, panels

words = ["I", "go", "home"]
q = torch.tensor([[1.0, -1, -2, -1], [1, 1, 2, -1], [1, -1, 0, 1]])  # (n, d_k) = (3, 4)
k = torch.tensor([[1.0, 0, 0, 1], [1, 1, 0, 0], [2, 0, 1, 0]])  # (n, d_k)
v = torch.tensor([[1.0, 0], [0, 1], [1, 1]])  # (n, d_v) = (3, 2)

check("scaled_dot_product_attention")
out, weights = scaled_dot_product_attention(q, k, v)
(ax,) = panels(1, 1, width=3.4, height=3.2)
matrix(ax, weights, words, words, title="who attends to whom")

# %% [markdown]
# *Figure: a map of three queries by three keys, I, go and home, a weight in each cell; a row sums
# to 1. I looks at all alike; go looks most at home; home looks alike at I and home.*
