# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Assignment 2: multi-head attention
#
# One head forms one weighted mean of the values. Several heads look at several things at once. You
# will cut features into heads and join them again, build attention with all heads at work, count
# what it costs in parameters, and take over the weights of torch's own layer. At the end your two
# heads learn what one head cannot.
#
# | | problem | minutes | difficulty | points |
# | --- | --- | --- | --- | --- |
# | 1 | `split_heads` | 15 | 1 of 3 | 3 |
# | 2 | `merge_heads` | 10 | 1 of 3 | 2 |
# | 3 | `multi_head_attention` | 30 | 2 of 3 | 6 |
# | 4 | `MultiHeadAttention` | 30 | 2 of 3 | 5 |
# | 5 | `count_parameters` | 10 | 1 of 3 | 2 |
# | 6 | `from_torch` | 30 | 3 of 3 | 4 |
# | 7 | why several heads (in words) | 20 | 2 of 3 | 4 |
#
# About two and a half hours in all. What you need is in lecture
# [04 Multi-head attention](../../lectures/04_multi_head_attention.ipynb), and attention itself in
# [assignment 1](../a1_attention/a1_attention.ipynb).
#
# **How your work is checked.** As in assignment 1: write your answer in the place of the line that
# raises `NotImplementedError`, run the cell, then run the check cell below it. The table of a
# problem is its contract; where your answer departs from it, the check names the first case that
# fails. After opening or restarting the notebook, run the first code cell before anything else. The
# cases of a problem form groups, and a group is paid when all of its cases pass.
#
# **What holds for every problem.** A tensor result has the dtype of the tensors that went in, and
# can be differentiated in every one of them. No function changes its arguments. torch's
# `scaled_dot_product_attention` and the forward of its `MultiheadAttention` are what you build
# here, and may not be called; torch's `softmax` may.
#
# **What is there.** The first cell imports what the lectures use. Anything else you import at the
# top of the answer cell that uses it. Your functions of assignment 1 are in another notebook and
# unknown here: if you want to use one, copy it into the answer cell that calls it.
#
# **Notation.** b sentences, n tokens each (n_q queries, n_k keys), n_heads heads of d_head =
# d_model / n_heads features; `...` stands for any number of batch dimensions, also none.

# %% role="setup"
import math

import torch
import torch.nn.functional as F
from einops import einsum, rearrange
from torch import nn

from autograder import check

# %% [markdown]
# ## Problem 1: `split_heads(x, n_heads)`
#
# *15 minutes · difficulty 1 of 3 · 3 points*
#
# Each head works on a block of the features of every token. Head 0 takes the first d_head
# features, head 1 the next d_head, and so on.
#
# | | |
# | --- | --- |
# | `x` | (..., n, d_model) |
# | `n_heads` | int; a `ValueError` if it does not divide d_model |
# | result | (..., n_heads, n, d_head) |
#
# **Worked example.** Three tokens of four features, x = ((1, 2, 3, 4), (5, 6, 7, 8),
# (9, 10, 11, 12)), and two heads: head 0 gets ((1, 2), (5, 6), (9, 10)), head 1 gets ((3, 4),
# (7, 8), (11, 12)).

# %% [markdown] problem="split_heads" role="help"


# %% problem="split_heads" role="answer"
def split_heads(x, n_heads):
    """Give every head its block of the features.

    x: (..., n, d_model). n_heads: int.
    Returns (..., n_heads, n, d_head). Raises ValueError if n_heads does not divide d_model.
    """
    ### BEGIN SOLUTION
    if x.shape[-1] % n_heads:
        raise ValueError(f"{n_heads} heads do not divide {x.shape[-1]} features")
    blocks = x.unflatten(-1, (n_heads, -1))  # (..., n, n_heads, d_head)
    return blocks.transpose(-3, -2)
    ### END SOLUTION


# %% problem="split_heads" role="check"
check("split_heads")

# %% [markdown]
# ## Problem 2: `merge_heads(x)`
#
# *10 minutes · difficulty 1 of 3 · 2 points*
#
# The way back: what the heads found for a token stands side by side again, head 0 first.
#
# | | |
# | --- | --- |
# | `x` | (..., n_heads, n, d_head) |
# | result | (..., n, d_model) with d_model = n_heads · d_head |
#
# **Worked example.** Head 0 holds ((1, 2), (5, 6), (9, 10)) and head 1 ((3, 4), (7, 8), (11, 12)):
# the result is ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12)).

# %% [markdown] problem="merge_heads" role="help"


# %% problem="merge_heads" role="answer"
def merge_heads(x):
    """Put what the heads found side by side again: the inverse of split_heads.

    x: (..., n_heads, n, d_head).
    Returns (..., n, n_heads * d_head).
    """
    ### BEGIN SOLUTION
    return x.transpose(-3, -2).flatten(-2)
    ### END SOLUTION


# %% problem="merge_heads" role="check"
check("merge_heads")

# %% [markdown]
# ## Problem 3: `multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads)`
#
# *30 minutes · difficulty 2 of 3 · 6 points*
#
# The paper's section 3.2.2 in one function. The tokens of `x_q` ask, those of `x_kv` answer; in
# self-attention both are the same. Project with `w_q`, `w_k` and `w_v`, cut into heads, let each
# head attend by itself with scores scaled by √d_head, join the heads, project with `w_o`.
#
# | | |
# | --- | --- |
# | `x_q` | (b, n_q, d_model) |
# | `x_kv` | (b, n_k, d_model) |
# | `w_q`, `w_k`, `w_v`, `w_o` | (d_model, d_model) each, applied as `x @ w` |
# | `n_heads` | int that divides d_model |
# | first result, `out` | (b, n_q, d_model) |
# | second result, `weights` | (b, n_heads, n_q, n_k): the map of every head |
#
# **Worked example.** One token asks, three answer; two heads of one feature, and all four matrices
# the identity. x_q = (1, 2) and x_kv = ((ln 2, 0), (0, ½ ln 3), (0, 0)), with ln 2 = 0.6931 and
# ½ ln 3 = 0.5493. Head 0 sees the first features alone: scores (0.6931, 0, 0), weights
# (0.5, 0.25, 0.25), and out 0.5 · 0.6931 = 0.3466. Head 1 sees the second ones: scores
# 2 · (0, 0.5493, 0), weights (0.2, 0.6, 0.2), and out 0.6 · 0.5493 = 0.3296. Joined:
# (0.3466, 0.3296).

# %% [markdown] problem="multi_head_attention" role="help"


# %% problem="multi_head_attention" role="answer"
def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    """Attend with several heads at once.

    x_q: (b, n_q, d_model), x_kv: (b, n_k, d_model), each w: (d_model, d_model), applied as x @ w.
    Returns (out, weights) of shapes (b, n_q, d_model) and (b, n_heads, n_q, n_k).
    """

    ### BEGIN SOLUTION
    def split(x):  # (b, n, d_model) -> (b, n_heads, n, d_head)
        return x.unflatten(-1, (n_heads, -1)).transpose(-3, -2)

    q, k, v = split(x_q @ w_q), split(x_kv @ w_k), split(x_kv @ w_v)
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # (b, n_heads, n_q, n_k)
    weights = torch.softmax(scores, dim=-1)
    merged = (weights @ v).transpose(-3, -2).flatten(-2)  # (b, n_q, d_model)
    return merged @ w_o, weights
    ### END SOLUTION


# %% problem="multi_head_attention" role="check"
check("multi_head_attention")

# %% [markdown]
# ## Problem 4: `MultiHeadAttention(d_model, n_heads)`
#
# *30 minutes · difficulty 2 of 3 · 5 points*
#
# The same as a module that learns. `nn.Linear` layers, with their biases, take the place of the
# matrices, and queries, keys and values may come from three different places.
#
# | | |
# | --- | --- |
# | `d_model`, `n_heads` | ints; a `ValueError` when built, if n_heads does not divide d_model |
# | attributes | `w_q`, `w_k`, `w_v`, `w_o`: `nn.Linear`s with bias; no other parameters |
# | training, evaluation | no difference: nothing is drawn at random |
# | `query` | (b, n_q, d_model) |
# | `key`, `value` | (b, n_k, d_model) each |
# | first result, `out` | (b, n_q, d_model) |
# | second result, `weights` | (b, n_heads, n_q, n_k) |
#
# **For example**, with d_model = 12 and n_heads = 3, d_head is 4: features 0 to 3 of the projected
# queries, keys and values belong to head 0, features 4 to 7 to head 1, features 8 to 11 to head 2,
# and the results stand in this order again before `w_o`. An `nn.Linear` keeps its weight
# transposed: `w_q(x)` is `x @ w_q.weight.T + w_q.bias`.

# %% [markdown] problem="MultiHeadAttention" role="help"


# %% problem="MultiHeadAttention" role="answer"
class MultiHeadAttention(nn.Module):
    """Attend with several heads, by learned projections.

    forward: query (b, n_q, d_model), key and value (b, n_k, d_model).
    Returns (out, weights) of shapes (b, n_q, d_model) and (b, n_heads, n_q, n_k).
    """

    ### BEGIN SOLUTION
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"{n_heads} heads do not divide {d_model} features")
        self.n_heads = n_heads
        self.w_q = nn.Linear(d_model, d_model)
        self.w_k = nn.Linear(d_model, d_model)
        self.w_v = nn.Linear(d_model, d_model)
        self.w_o = nn.Linear(d_model, d_model)

    def split(self, x):
        """Cut features into heads: (b, n, d_model) -> (b, n_heads, n, d_head)."""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(-3, -2)

    def forward(self, query, key, value):
        pairs = (self.w_q, query), (self.w_k, key), (self.w_v, value)
        q, k, v = (self.split(layer(x)) for layer, x in pairs)
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # (b, n_heads, n_q, n_k)
        weights = torch.softmax(scores, dim=-1)
        merged = (weights @ v).transpose(-3, -2).flatten(-2)  # (b, n_q, d_model)
        return self.w_o(merged), weights

    ### END SOLUTION


# %% problem="MultiHeadAttention" role="check"
check("MultiHeadAttention")

# %% [markdown]
# ## Problem 5: `count_parameters(d_model, n_heads)`
#
# *10 minutes · difficulty 1 of 3 · 2 points*
#
# How many numbers does the module of problem 4 learn? Weights and biases both count. Find a formula
# on paper; the module itself may confirm it.
#
# | | |
# | --- | --- |
# | `d_model`, `n_heads` | ints; n_heads divides d_model |
# | result | Python's int |
#
# **Worked example.** `count_parameters(2, 1)` is 24.

# %% [markdown] problem="count_parameters" role="help"


# %% problem="count_parameters" role="answer"
def count_parameters(d_model, n_heads):
    """Count what MultiHeadAttention(d_model, n_heads) learns.

    Returns an int.
    """
    ### BEGIN SOLUTION
    weights = d_model**2
    biases = d_model
    return 4 * (weights + biases)
    ### END SOLUTION


# %% problem="count_parameters" role="check"
check("count_parameters")

# %% [markdown]
# ## Problem 6: `from_torch(layer)`
#
# *30 minutes · difficulty 3 of 3 · 4 points*
#
# Weights that somebody else has trained are worth more than your own random ones. Turn a layer of
# torch into your module, so that both give the same outputs and the same weights of every head.
# torch keeps the three projections of the input in one matrix: print the names and shapes of
# `layer.named_parameters()`.
#
# | | |
# | --- | --- |
# | `layer` | a `torch.nn.MultiheadAttention(d_model, n_heads, batch_first=True)`, no other option |
# | result | a `MultiHeadAttention` of problem 4 with the layer's parameters, in its dtype |
#
# Your module can be trained further, and the layer stays as it is all the same: its parameters are
# copied. The check looks at what your module answers, before and after a step of training, so
# problem 4 must be right before.
#
# **For example**, a layer with d_model = 12 has `in_proj_weight` of shape (36, 12), `in_proj_bias`
# (36,), `out_proj.weight` (12, 12), `out_proj.bias` (12,), and knows its `embed_dim` and
# `num_heads`.

# %% [markdown] problem="from_torch" role="help"


# %% problem="from_torch" role="answer"
def from_torch(layer):
    """Make a MultiHeadAttention that gives what torch's layer gives.

    layer: torch.nn.MultiheadAttention(d_model, n_heads, batch_first=True).
    Returns a MultiHeadAttention with copies of the layer's parameters, in its dtype.
    """
    ### BEGIN SOLUTION
    own = MultiHeadAttention(layer.embed_dim, layer.num_heads).to(layer.in_proj_weight.dtype)
    weights = layer.in_proj_weight.chunk(3)
    biases = layer.in_proj_bias.chunk(3)
    with torch.no_grad():
        for linear, weight, bias in zip((own.w_q, own.w_k, own.w_v), weights, biases, strict=True):
            linear.weight.copy_(weight)
            linear.bias.copy_(bias)
        own.w_o.weight.copy_(layer.out_proj.weight)
        own.w_o.bias.copy_(layer.out_proj.bias)
    return own
    ### END SOLUTION


# %% problem="from_torch" role="check"
check("from_torch")

# %% [markdown]
# ## Problem 7: why several heads?
#
# *20 minutes · difficulty 2 of 3 · 4 points, graded by hand*
#
# Answer in a few sentences each.
#
# 1. Each token is to become its own vector minus the mean of the vectors of all tokens. Why can one
#    head not do it, whatever its matrices are, and how do two heads do it?
# 2. A model with d_model = 768 has 12 heads. Somebody rebuilds it with 6. What happens to the
#    number of its parameters, to the number of multiplications in the scores of n tokens, and to
#    the memory that the weights take up?
# 3. To save parameters, somebody lets `w_o` be block-diagonal: 0 everywhere but in n_heads blocks
#    of (d_head, d_head) along the diagonal. What can a layer with such a `w_o` still do, and what
#    can it no longer do? Take the task of question 1 as an example.
# 4. A head has d_head = 1, so that a score is a product of two numbers. Which tokens of a sentence
#    can get the largest weight from any of its queries? Can such a head let each of six tokens look
#    at the one before it? Could a head with d_head = 2?

# %% [markdown] role="written" problem="why_several_heads" points=4
# Your answer here.
#
# === BEGIN MARK SCHEME ===
#
# One point for each idea; half a point where it is there but not argued.
#
# 1. **No negative weights (1 point).** The weights of one head are not negative, and all its values
#    go through the same matrices: what it takes from the token itself, it takes from the others
#    with the same sign. Here the token itself must count with 1 − 1/n and every other with −1/n.
#    Two heads: one looks at the token itself, one at all tokens alike, and `w_o` (or their own w_v)
#    subtracts. Half a point for either half.
# 2. **The price of heads (1 point).** Parameters: the same, since the matrices are d_model by
#    d_model however they are cut. Multiplications: the same, n² · d_head per head and n² · d_model
#    in all. Memory: the weights are n_heads · n² numbers for each sentence, half as many with 6
#    heads. Half a point for two of the three.
# 3. **Mixing (1 point).** It can still turn and scale the features of each head by themselves. It
#    cannot bring heads together: block i of the output comes from head i alone, so that nothing of
#    one head is ever subtracted from another, and question 1 is out of reach for this layer (a
#    later layer can do it). Half a point for either half.
# 4. **What it can tell apart (1 point).** With one feature, the score of query i for key j is q_i ·
#    k_j: if q_i is positive the largest key wins, if it is negative the smallest. So at most two
#    tokens of the sentence (ties aside) are ever looked at most, and six tokens cannot each look at
#    another. In two dimensions it can be done: keys on a circle, and each query pointing at its
#    key. Half a point for the right answer from the rank alone (scores of rank at most d_head).
#
# === END MARK SCHEME ===

# %% [markdown]
# ## Put it to use
#
# Nothing here is graded. Six tokens in a ring, each with six random numbers and the one-hot code of
# its place. Every token is to give "the token before me minus the token after me" (lecture 04). The
# cell trains *your* module on it, first with one head, then with two. What loss do you expect of
# each? A module that always answers 0 has a loss of 2.

# %% role="use" problem="put_to_use"
from course.plots import matrix, panels, use_style

check("MultiHeadAttention")

torch.set_num_threads(1)  # layers as small as these gain nothing from more
n, d_value = 6, 6
places = torch.eye(n).expand(64, n, n)  # (b, n, n): who stands where


def learn(n_heads):
    """Train a module of n_heads; the loss at the end, and the maps of its heads."""
    torch.manual_seed(0)
    attention = MultiHeadAttention(d_value + n, n_heads)
    optimizer = torch.optim.Adam(attention.parameters(), lr=0.01)
    for _ in range(800):
        values = torch.randn(64, n, d_value)
        asked = values.roll(1, dims=1) - values.roll(-1, dims=1)  # before minus after
        x = torch.cat([values, places], dim=-1)
        out, weights = attention(x, x, x)
        loss = (out[..., :d_value] - asked).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item(), weights[0].detach()


use_style()
maps = []
for n_heads in (1, 2):
    loss, weights = learn(n_heads)
    print(f"{n_heads} head{'s'[: n_heads - 1]}: loss {loss:.3f}")
    maps += [(f"head {head} of {n_heads}", each) for head, each in enumerate(weights)]
names = [str(place) for place in range(n)]
for ax, (title, weights) in zip(panels(1, 3, width=3.4, height=3.4), maps, strict=True):
    matrix(ax, weights, names, names, title=title)

# %% [markdown]
# *Figure: three maps of six tokens by six. The only head of the first module puts nearly all of its
# weight on one neighbour. Of the two heads, one looks mostly back and one mostly ahead; what else
# they look at is nearly the same in both.*
#
# What both heads see alike cancels when one is subtracted from the other. Where in your module does
# the subtraction happen?
