# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Assignment 3: masked attention
#
# A model that writes must not see what it has not written yet. You will build the masks that hide
# the future and the padding, the attention that obeys them, and a test that catches whoever looks
# ahead. At the end your own attention learns to write dates.
#
# | | problem | minutes | difficulty | points |
# | --- | --- | --- | --- | --- |
# | 1 | `causal_mask` | 10 | 1 of 3 | 2 |
# | 2 | `padding_mask` | 10 | 1 of 3 | 2 |
# | 3 | `masked_softmax` | 25 | 2 of 3 | 5 |
# | 4 | `masked_attention` | 25 | 2 of 3 | 6 |
# | 5 | `shift_right` | 10 | 1 of 3 | 2 |
# | 6 | `MaskedMultiHeadAttention` | 40 | 3 of 3 | 7 |
# | 7 | `leaks_future` | 30 | 3 of 3 | 4 |
# | 8 | what a leak does (in words) | 20 | 2 of 3 | 4 |
#
# About three hours in all. What you need is in lectures
# [04 Multi-head attention](../../lectures/04_multi_head_attention.ipynb) and
# [07 Masked self-attention](../../lectures/07_masked_self_attention.ipynb); problem 6 is easier
# after [assignment 2](../a2_multi_head/a2_multi_head.ipynb).
#
# **How your work is checked.** As in assignment 1: write your answer in the place of the line that
# raises `NotImplementedError`, run the cell, then run the check cell below it. After opening or
# restarting the notebook, run the first code cell before anything else. The cases of a problem form
# groups, and a group is paid when all of its cases pass.
#
# **What holds for every problem.** A mask is boolean, and **True means "may attend"**. A result has
# the dtype of the tensors that went in, and float results can be differentiated in every float
# argument. No function changes its arguments. A query that may attend nothing gets weights of
# exactly 0, and no NaN: neither in values nor in gradients. torch's `scaled_dot_product_attention`
# and `MultiheadAttention` are what you build here, and may not be used; torch's `softmax` may.
#
# **Notation.** b sentences, n tokens each (n_q queries, n_k keys), n_heads heads of d_head =
# d_model / n_heads features; `...` stands for any number of batch dimensions, also none.

# %% role="setup"
import math

import torch

from autograder import check

# %% [markdown]
# ## Problem 1: `causal_mask(n)`
#
# *10 minutes · difficulty 1 of 3 · 2 points*
#
# Each position may attend itself and whatever came before it.
#
# | | |
# | --- | --- |
# | `n` | int, at least 1 |
# | result | (n, n), boolean; row = position of the query, column = position of the key |
#
# **Worked example.** `causal_mask(3)`, for "SOS 나는 집에":
#
# | query | SOS | 나는 | 집에 |
# | --- | --- | --- | --- |
# | SOS | True (1) | False (0) | False (0) |
# | 나는 | True | True | False |
# | 집에 | True | True | True |

# %% [markdown] problem="causal_mask" role="help"


# %% problem="causal_mask" role="answer"
def causal_mask(n):
    """Let every position attend itself and those before it.

    n: int.
    Returns (n, n), bool: entry [i, j] is True where query i may attend key j.
    """
    ### BEGIN SOLUTION
    return torch.ones(n, n, dtype=torch.bool).tril()
    ### END SOLUTION


# %% problem="causal_mask" role="check"
check("causal_mask")

# %% [markdown]
# ## Problem 2: `padding_mask(tokens, pad_id)`
#
# *10 minutes · difficulty 1 of 3 · 2 points*
#
# Sentences of a batch are filled up to the same length with a padding token. Nobody may attend it.
# The mask is the same for all heads and all queries of a sentence, so that these two axes have
# size 1 and broadcast.
#
# | | |
# | --- | --- |
# | `tokens` | (b, n) ints; padding may stand anywhere |
# | `pad_id` | int |
# | result | (b, 1, 1, n), boolean: True where the token is real |
#
# **Worked example.** `padding_mask` of tokens ((5, 6, 7), (8, 0, 0)) with `pad_id` 0 has shape
# (2, 1, 1, 3) and holds True, True, True (1, 1, 1) for the first sentence and True, False, False
# (1, 0, 0) for the second.

# %% [markdown] problem="padding_mask" role="help"


# %% problem="padding_mask" role="answer"
def padding_mask(tokens, pad_id):
    """Let every position attend real tokens only.

    tokens: (b, n) ints. pad_id: the id of padding.
    Returns (b, 1, 1, n), bool, to broadcast against (b, n_heads, n_q, n_k).
    """
    ### BEGIN SOLUTION
    return (tokens != pad_id)[:, None, None, :]
    ### END SOLUTION


# %% problem="padding_mask" role="check"
check("padding_mask")

# %% [markdown]
# ## Problem 3: `masked_softmax(scores, mask)`
#
# *25 minutes · difficulty 2 of 3 · 5 points*
#
# A softmax over the last axis, in which only the visible entries take part. Hidden ones get exactly
# 0, the visible ones of a row sum to 1; a row in which nothing is visible is 0 throughout, and its
# gradient is 0 as well.
#
# | | |
# | --- | --- |
# | `scores` | (..., n_q, n_k), entries up to ±10,000 |
# | `mask` | boolean, of any shape that broadcasts to that of `scores` |
# | result | the shape of `scores` |
#
# **Worked example.** Scores (0, 1, 2), mask (True, True, False). Of e^0 = 1 and e^1 = 2.718, the
# sum
# is 3.718, so the weights are 1 / 3.718 = 0.269 and 2.718 / 3.718 = 0.731, and 0 for the hidden
# one.

# %% [markdown] problem="masked_softmax" role="help"


# %% problem="masked_softmax" role="answer"
def masked_softmax(scores, mask):
    """Turn scores into weights over what may be attended.

    scores: (..., n_q, n_k). mask: bool, broadcasts to the shape of scores.
    Returns weights of the shape of scores: rows sum to 1, or are 0 where nothing may be attended.
    """
    ### BEGIN SOLUTION
    # −1e9 lies below any score, but keeps a row of nothing else finite, where −∞ would give NaN.
    weights = torch.softmax(scores.masked_fill(~mask, -1e9), dim=-1)
    return weights.masked_fill(~mask, 0.0)  # changes the rows that see nothing
    ### END SOLUTION


# %% problem="masked_softmax" role="check"
check("masked_softmax")

# %% [markdown]
# ## Problem 4: `masked_attention(q, k, v, mask=None)`
#
# *25 minutes · difficulty 2 of 3 · 6 points*
#
# Scaled dot-product attention, as in assignment 1, that looks only where the mask lets it. Without
# a mask everything may be attended.
#
# | | shape |
# | --- | --- |
# | `q`, `k`, `v` | (..., n_q, d_k), (..., n_k, d_k), (..., n_k, d_v) |
# | `mask` | None, or boolean, broadcasting to (..., n_q, n_k) |
# | first result, `out` | (..., n_q, d_v); 0 for a query that may attend nothing |
# | second result, `weights` | (..., n_q, n_k) |
#
# **Worked example.** The words of assignment 1, "I go home", under a causal mask. The scores are
# half
# of the inner products:
#
# | query of | scores of I, go, home | visible | weights | out |
# | --- | --- | --- | --- | --- |
# | I | (0, 0, 0) | I | (1, 0, 0) | (1, 0) |
# | go | (0, 1, 2) | I, go | (0.269, 0.731, 0) | (0.269, 0.731) |
# | home | (1, 0, 1) | all | (0.422, 0.155, 0.422) | (0.845, 0.578) |

# %% [markdown] problem="masked_attention" role="help"


# %% problem="masked_attention" role="answer"
def masked_attention(q, k, v, mask=None):
    """Attend with every query to the keys that it may see.

    q: (..., n_q, d_k). k: (..., n_k, d_k). v: (..., n_k, d_v).
    mask: None or bool, broadcasts to (..., n_q, n_k).
    Returns (out, weights) of shapes (..., n_q, d_v) and (..., n_q, n_k).
    """
    ### BEGIN SOLUTION
    if mask is None:
        mask = torch.ones(1, dtype=torch.bool)  # everything, by broadcasting
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # (..., n_q, n_k)
    weights = torch.softmax(scores.masked_fill(~mask, -1e9), dim=-1)
    weights = weights.masked_fill(~mask, 0.0)
    return weights @ v, weights
    ### END SOLUTION


# %% problem="masked_attention" role="check"
check("masked_attention")

# %% [markdown]
# ## Problem 5: `shift_right(targets, bos_id)`
#
# *10 minutes · difficulty 1 of 3 · 2 points*
#
# In training all positions are asked at once. At each of them the model is asked for a target, and
# is fed what stood before it: the target of the place before, or, at the first place, a token that
# says "begin".
#
# | | |
# | --- | --- |
# | `targets` | (b, n) ints: what is asked for |
# | `bos_id` | int: the token that begins every sentence |
# | result | (b, n) ints of the same dtype: what the model is fed meanwhile |
#
# **Worked example.** With 나는 = 5, 집에 = 6, 간다 = 7 and SOS = 1:
#
# | place | 0 | 1 | 2 |
# | --- | --- | --- | --- |
# | asked for | 나는 (5) | 집에 (6) | 간다 (7) |
# | fed | SOS (1) | 나는 (5) | 집에 (6) |

# %% [markdown] problem="shift_right" role="help"


# %% problem="shift_right" role="answer"
def shift_right(targets, bos_id):
    """Make what a decoder is fed while it is asked for the targets.

    targets: (b, n) ints. bos_id: the token that begins a sentence.
    Returns (b, n) ints.
    """
    ### BEGIN SOLUTION
    begin = torch.full_like(targets[:, :1], bos_id)  # (b, 1)
    return torch.cat([begin, targets[:, :-1]], dim=1)
    ### END SOLUTION


# %% problem="shift_right" role="check"
check("shift_right")

# %% [markdown]
# ## Problem 6: `MaskedMultiHeadAttention(d_model, n_heads)`
#
# *40 minutes · difficulty 3 of 3 · 7 points*
#
# The module that every Transformer is made of (paper, section 3.2.2 and 3.2.3). Queries, keys and
# values go through `w_q`, `w_k` and `w_v`; each head takes its own contiguous block of d_head
# features of each and attends with masked attention, scaled by √d_head; the heads are joined in
# their order and go through `w_o`.
#
# | | |
# | --- | --- |
# | `d_model`, `n_heads` | ints; a `ValueError` when built, if n_heads does not divide d_model |
# | attributes | `w_q`, `w_k`, `w_v`, `w_o`: `nn.Linear`s with bias; no other parameters |
# | `query` | (b, n_q, d_model) |
# | `key`, `value` | (b, n_k, d_model) each |
# | `mask` | None, or boolean, broadcasting to (b, n_heads, n_q, n_k) |
# | first result, `out` | (b, n_q, d_model) |
# | second result, `weights` | (b, n_heads, n_q, n_k) |
#
# Where a query may attend nothing, what goes into `w_o` is 0, so that its bias comes out.
#
# **For example**, with d_model = 12 and n_heads = 3, d_head is 4: features 0 to 3 of the projected
# queries, keys and values belong to head 0, features 4 to 7 to head 1, features 8 to 11 to head 2,
# and the results stand in this order again before `w_o`.

# %% [markdown] problem="MaskedMultiHeadAttention" role="help"


# %% problem="MaskedMultiHeadAttention" role="answer"
class MaskedMultiHeadAttention(torch.nn.Module):
    """Attend with several heads, each where the mask lets it.

    forward: query (b, n_q, d_model), key and value (b, n_k, d_model), mask None or bool.
    Returns (out, weights) of shapes (b, n_q, d_model) and (b, n_heads, n_q, n_k).
    """

    ### BEGIN SOLUTION
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"{n_heads} heads do not divide {d_model} features")
        self.n_heads = n_heads
        self.w_q = torch.nn.Linear(d_model, d_model)
        self.w_k = torch.nn.Linear(d_model, d_model)
        self.w_v = torch.nn.Linear(d_model, d_model)
        self.w_o = torch.nn.Linear(d_model, d_model)

    def split(self, x):
        """Cut features into heads: (b, n, d_model) -> (b, n_heads, n, d_head)."""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(-3, -2)

    def forward(self, query, key, value, mask=None):
        pairs = (self.w_q, query), (self.w_k, key), (self.w_v, value)
        q, k, v = (self.split(layer(x)) for layer, x in pairs)
        if mask is None:
            mask = torch.ones(1, dtype=torch.bool)
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # (b, n_heads, n_q, n_k)
        weights = torch.softmax(scores.masked_fill(~mask, -1e9), dim=-1)
        weights = weights.masked_fill(~mask, 0.0)
        merged = (weights @ v).transpose(-3, -2).flatten(-2)  # (b, n_q, d_model)
        return self.w_o(merged), weights

    ### END SOLUTION


# %% problem="MaskedMultiHeadAttention" role="check"
check("MaskedMultiHeadAttention")

# %% [markdown]
# ## Problem 7: `leaks_future(attend, n, d)`
#
# *30 minutes · difficulty 3 of 3 · 4 points*
#
# Somebody hands you a function from n tokens to n tokens. Does any output depend on a later input?
# Nothing is known of what is inside: you may only call it, and differentiate through it. Your test
# will be tried on honest functions and on cheats of many kinds. A leak may be weak: where a
# derivative should be 0, one of 1e-4 is a leak.
#
# | | |
# | --- | --- |
# | `attend` | a function (n, d) → (n, d), deterministic, differentiable, in the default dtype |
# | `n`, `d` | ints, at least 1; with n = 1 there is no future |
# | result | Python's bool: True if some output depends on a later input |
#
# **For example**, `lambda x: x.cumsum(dim=0)` is honest: each output is a sum of what came up to
# it.
# `lambda x: x - x.mean(dim=0)` leaks: the mean knows the last token.

# %% [markdown] problem="leaks_future" role="help"


# %% problem="leaks_future" role="answer"
def leaks_future(attend, n, d):
    """Test whether some output depends on a later input.

    attend: a function (n, d) -> (n, d).
    Returns a bool; False for n = 1.
    """
    ### BEGIN SOLUTION
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(0))  # no special point
    jacobian = torch.autograd.functional.jacobian(attend, x)  # (n, d, n, d): outputs by inputs
    influence = jacobian.abs().sum(dim=(1, 3))  # (n, n): of input j on output i
    return bool(influence.triu(1).any())
    ### END SOLUTION


# %% problem="leaks_future" role="check"
check("leaks_future")

# %% [markdown]
# ## Problem 8: what a leak does
#
# *20 minutes · difficulty 2 of 3 · 4 points, graded by hand*
#
# A colleague trains a model to write and forgets the causal mask. Answer in a few sentences each.
#
# 1. What will the training loss look like, next to that of an honest model, and why?
# 2. What happens when the model writes by itself, one token after the other?
# 3. Would the accuracy on held-out sentences, measured as in training, have warned your colleague?
# 4. Another colleague hides the future by setting weights to 0 *after* the softmax. In what sense
#    is the future still there? Name one test that finds it.

# %% [markdown] role="written" problem="what_a_leak_does" points=4
# Your answer here.
#
# === BEGIN MARK SCHEME ===
#
# One point for each idea; half a point where it is there but not argued.
#
# 1. **Too good (1 point).** The loss falls towards 0, far below that of an honest model: the token
#    that is asked for at place i is fed at place i + 1, so that it only has to be copied.
# 2. **Nothing to copy (1 point).** When it writes, the next token is not there yet; the model has
#    learnt to copy and little else, so that what it writes is useless although the loss was
# perfect.
# 3. **No (1 point).** Held-out sentences are fed with the same leak: the answer stands in the input
#    there too. Only writing freely, or a test of the dependence, shows it.
# 4. **In the denominator (1 point).** The softmax has divided by a sum over all keys, hidden ones
#    included: visible weights sum to less than 1 and change with the future. Found by the gradient
#    of an early output with respect to a later input, by changing a later input, or by summing the
#    rows. (Dividing again by their sum mends it, until the visible weights underflow.) Half a point
#    without a test.
#
# === END MARK SCHEME ===

# %% [markdown]
# ## Put it to use
#
# Nothing here is graded. What you have built learns to write dates: "Feb 3, 1962", "3. Februar
# 1962", "1962년 2월 3일". The model is small: an embedding, *your* attention behind *your* mask,
# and a feed-forward layer. It is trained on what *your* `shift_right` feeds it, to say which
# character comes next, in less than half a minute. `course/writer.py` has the rest.
#
# Before you run the cell: all dates lie between 1950 and 2049. After "May 2, 200" any digit may
# follow, after "May 20, 20" none above 4. But nobody tells the model where a character stands, and
# both texts hold the same characters and end in a 0. Can the model tell them apart?

# %% role="use" problem="put_to_use"
from course.dates import is_a_date
from course.plots import head_maps, use_style
from course.writer import BEGIN, D_MODEL, LENGTH, N_HEADS, learn_to_write

for name in ("causal_mask", "shift_right", "MaskedMultiHeadAttention"):
    check(name)

torch.set_num_threads(1)  # layers as small as these gain nothing from more
torch.manual_seed(0)
attention = MaskedMultiHeadAttention(D_MODEL, N_HEADS)
model, loss = learn_to_write(attention, causal_mask(LENGTH), shift_right)
texts = [model.write(seed) for seed in range(50)]
print(f"{loss:.2f} nats per date that it has not seen (a nat: −log p, natural logarithm);")
print(f"of 50 texts {sum(map(is_a_date, texts))} are dates to the letter. The first ten:")
print(*(f"    {text}" for text in texts[:10]), sep="\n")

large = [model.alphabet.index(digit) for digit in "56789"]
twins = {text: model.chances_after(text) for text in ("May 2, 200", "May 20, 20")}
for text, chances in twins.items():
    print(f'after "{text}" a digit above 4 has the chance {chances[large].sum():.2f}')
torch.testing.assert_close(*twins.values(), rtol=0, atol=1e-4)

use_style()
text = "3. Februar 1962"
head_maps(model.attention_of(text), BEGIN + text)

# %% [markdown]
# *Figure: four maps, one a head, of the characters of "3. Februar 1962" by themselves, bright where
# a query puts its weight. Above the diagonal all is dark: nobody looks ahead.*
#
# What this model says next depends on the last character and on *which* characters came before it,
# not on *their order*: "May 2, 200" and "May 20, 20" are the same to it. The weights are made from
# pairs of characters, wherever they stand, and a sum does not mind the order of its terms (lecture
# 06). But the mask tells which characters have come and which have not, and lecture 06, section 7,
# has shown that something of order can be learnt from that.
#
# [Assignment 4](../a4_positions/a4_positions.ipynb) gives the model positions, and takes this
# notebook's answers as you saved them. There it also trains behind a mask that hides nothing, which
# problem 8 asks about.
