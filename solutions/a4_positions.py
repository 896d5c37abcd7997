# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Assignment 4: positions
#
# Attention does not know the order of its words. You will build the code that tells it: a table of
# sines and cosines, one row per position. You will find out how long its waves are, move it by a
# matrix, lay it out as another library does, and measure which layers care about order at all.
#
# | | problem | minutes | difficulty | points |
# | --- | --- | --- | --- | --- |
# | 1 | `sinusoidal_encoding` | 25 | 2 of 3 | 4 |
# | 2 | `wavelengths` | 10 | 1 of 3 | 2 |
# | 3 | `shift_matrix` | 35 | 3 of 3 | 5 |
# | 4 | `to_fairseq_layout` | 10 | 1 of 3 | 2 |
# | 5 | `PositionalEncoding` | 30 | 2 of 3 | 6 |
# | 6 | `order_sensitivity` | 15 | 2 of 3 | 3 |
# | 7 | why not the number itself? (in words) | 20 | 2 of 3 | 4 |
#
# About two and a half hours in all. What you need is in lecture
# [06 Positional encoding](../../lectures/06_positional_encoding.ipynb). The last cell puts your
# positions into the attention that you built in
# [assignment 3](../a3_masked/a3_masked.ipynb), if that notebook lies in the folder beside this one.
#
# **How your work is checked.** As in assignment 1: write your answer in the place of the line that
# raises `NotImplementedError`, run the cell, then run the check cell below it. After opening or
# restarting the notebook, run the first code cell before anything else. The cases of a problem form
# groups, and a group is paid when all of its cases pass.
#
# **What holds for every problem.** A result has the dtype of the tensors that went in, float32 or
# float64, and can be differentiated in them. No function changes its arguments. `d_model` is even
# throughout.
#
# **Notation.** p is a position, counted from 0; n counts positions, b the sentences of a batch,
# d_model the features of a token. Features come in pairs: pair i, counted from 0, is columns 2i and
# 2i + 1.

# %% role="setup"
import math

import torch

from autograder import check

# %% [markdown]
# ## Problem 1: `sinusoidal_encoding(n_positions, d_model)`
#
# *25 minutes · difficulty 2 of 3 · 4 points*
#
# The encoding of "Attention Is All You Need", section 3.5. Row p of the table is the code of
# position p. Pair i is the sine and the cosine of one angle, and the further right the pair, the
# slower the angle grows with p:
#
# $$PE_{p,\,2i} = \sin\frac{p}{10000^{2i/d_{model}}} \qquad
# PE_{p,\,2i+1} = \cos\frac{p}{10000^{2i/d_{model}}}$$
#
# | | |
# | --- | --- |
# | `n_positions` | int, at least 1; positions 0 to n_positions − 1 |
# | `d_model` | int, even |
# | result | (n_positions, d_model), float32 |
#
# **Worked example.** `sinusoidal_encoding(3, 4)`. The angles of pair 0 are p, those of pair 1 are
# p / 10000^(2/4) = p / 100:
#
# | p | column 0: sin p | column 1: cos p | column 2: sin(p/100) | column 3: cos(p/100) |
# | --- | --- | --- | --- | --- |
# | 0 | 0 | 1 | 0 | 1 |
# | 1 | 0.8415 | 0.5403 | 0.0100 | 1.0000 |
# | 2 | 0.9093 | −0.4161 | 0.0200 | 0.9998 |

# %% [markdown] problem="sinusoidal_encoding" role="help"


# %% problem="sinusoidal_encoding" role="answer"
def sinusoidal_encoding(n_positions, d_model):
    """Make the table of the paper: sines and cosines of many wavelengths, interleaved.

    n_positions: int. d_model: int, even.
    Returns (n_positions, d_model), float32: row p is the code of position p.
    """
    ### BEGIN SOLUTION
    positions = torch.arange(n_positions)[:, None]  # (n, 1)
    even = torch.arange(0, d_model, 2)  # (d_model / 2,): 2i for each pair i
    angles = positions / 10000 ** (even / d_model)  # (n, d_model / 2)
    # A pair has an axis of its own, the last; flattened, sine and cosine stand side by side.
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)
    ### END SOLUTION


# %% problem="sinusoidal_encoding" role="check"
check("sinusoidal_encoding")

# %% [markdown]
# ## Problem 2: `wavelengths(d_model)`
#
# *10 minutes · difficulty 1 of 3 · 2 points*
#
# A pair turns like the hand of a clock. How many positions does each hand need for a full turn?
#
# | | |
# | --- | --- |
# | `d_model` | int, even |
# | result | (d_model / 2,), a float tensor: positions per full turn of pair 0, 1, 2, … |
#
# **Worked example.** `wavelengths(4)` is about (6.2832, 628.3185). The angle of pair 0 grows by 1
# per
# position, so that 2π = 6.2832 positions make a turn. The angle of pair 1 grows by a hundredth of
# that.

# %% [markdown] problem="wavelengths" role="help"


# %% problem="wavelengths" role="answer"
def wavelengths(d_model):
    """Count the positions in which each pair of features makes a full turn.

    d_model: int, even.
    Returns (d_model / 2,), one wavelength per pair.
    """
    ### BEGIN SOLUTION
    even = torch.arange(0, d_model, 2)  # (d_model / 2,)
    return 2 * torch.pi * 10000 ** (even / d_model)
    ### END SOLUTION


# %% problem="wavelengths" role="check"
check("wavelengths")

# %% [markdown]
# ## Problem 3: `shift_matrix(offset, d_model)`
#
# *35 minutes · difficulty 3 of 3 · 5 points*
#
# The authors of the paper hoped that a model could easily learn to look a fixed number of places
# away, "since for any fixed offset k, PE_{pos+k} can be represented as a linear function of
# PE_{pos}". Find that linear function: the one matrix M that moves the code of *every* position by
# `offset`,
#
# $$PE_{p + \text{offset}} = M \, PE_p \quad \text{for every } p.$$
#
# Pencil and paper first: what takes (sin a, cos a) to (sin(a + b), cos(a + b))?
#
# | | |
# | --- | --- |
# | `offset` | int, also 0 and negative |
# | `d_model` | int, even |
# | result | (d_model, d_model), a float tensor that knows nothing of p |
#
# **Worked example.** `shift_matrix(1, 2)` is ((0.5403, 0.8415), (−0.8415, 0.5403)). It takes the
# code
# of position 0, (0, 1), to that of position 1, (0.8415, 0.5403), and that one to (0.9093, −0.4161),
# which is position 2.

# %% [markdown] problem="shift_matrix" role="help"


# %% problem="shift_matrix" role="answer"
def shift_matrix(offset, d_model):
    """Find the matrix that moves the encoding of every position by a fixed offset.

    offset: int, of either sign. d_model: int, even.
    Returns M, (d_model, d_model), with encoding[p + offset] = M @ encoding[p] for every p.
    """
    ### BEGIN SOLUTION
    matrix = torch.zeros(d_model, d_model)
    for pair in range(d_model // 2):
        angle = offset / 10000 ** (2 * pair / d_model)
        place = slice(2 * pair, 2 * pair + 2)
        # sin(a + b) = sin a cos b + cos a sin b; cos(a + b) = −sin a sin b + cos a cos b
        matrix[place, place] = torch.tensor(
            [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
        )
    return matrix
    ### END SOLUTION


# %% problem="shift_matrix" role="check"
check("shift_matrix")

# %% [markdown]
# ## Problem 4: `to_fairseq_layout(encoding)`
#
# *10 minutes · difficulty 1 of 3 · 2 points*
#
# The paper lays sine and cosine of a pair side by side. fairseq, Marian and others put all sines
# first and then all cosines. Whoever carries weights from one to the other must move columns. (It
# takes more to be equal to fairseq's own table: lecture 06 tells what.)
#
# | | |
# | --- | --- |
# | `encoding` | (n, d_model): pair i in columns 2i and 2i + 1 |
# | result | (n, d_model): the even columns first, in their order, then the odd ones |
#
# **Worked example.** Two positions, d_model = 4:
#
# | | given | result |
# | --- | --- | --- |
# | position 0 | (0, 1, 0, 1) | (0, 0, 1, 1) |
# | position 1 | (0.841, 0.540, 0.010, 1.000) | (0.841, 0.010, 0.540, 1.000) |

# %% [markdown] problem="to_fairseq_layout" role="help"


# %% problem="to_fairseq_layout" role="answer"
def to_fairseq_layout(encoding):
    """Move columns: from interleaved pairs to sines first, then cosines.

    encoding: (n, d_model), any float numbers.
    Returns (n, d_model).
    """
    ### BEGIN SOLUTION
    sines = encoding[:, 0::2]  # (n, d_model / 2)
    cosines = encoding[:, 1::2]
    return torch.cat([sines, cosines], dim=1)
    ### END SOLUTION


# %% problem="to_fairseq_layout" role="check"
check("to_fairseq_layout")

# %% [markdown]
# ## Problem 5: `PositionalEncoding(d_model, max_len, dropout=0.0)`
#
# *30 minutes · difficulty 2 of 3 · 6 points*
#
# A module for the bottom of a model: it adds to each token the code of its position, and then
# applies dropout (paper, section 5.4).
#
# | | |
# | --- | --- |
# | `d_model`, `max_len` | ints: the table holds positions 0 to max_len − 1 |
# | `dropout` | probability of losing a number, in training only |
# | `forward(x)` | (b, n, d_model), the same: x plus codes 0 to n − 1, then dropout |
#
# - Nothing in it is learnt: the module has no trainable parameter. The table lies in a buffer, of
#   any name, so that it moves with the module from device to device.
# - A sentence longer than the table raises a `ValueError`.
# - The result has the dtype of x, which is float32 or float64.
# - Dropout treats each number by itself: neither whole tokens are lost, nor the same numbers in
#   every sentence of the batch.
#
# You may write the table out here once more, or call your `sinusoidal_encoding`. torch's
# `nn.Dropout`
# is welcome.
#
# **Worked example.** `PositionalEncoding(2, 5)` on one sentence of two tokens, (1, 1) and (2, 2):
#
# | token | position | code | result |
# | --- | --- | --- | --- |
# | (1, 1) | 0 | (0, 1) | (1, 2) |
# | (2, 2) | 1 | (0.8415, 0.5403) | (2.8415, 2.5403) |

# %% [markdown] problem="PositionalEncoding" role="help"


# %% problem="PositionalEncoding" role="answer"
class PositionalEncoding(torch.nn.Module):
    """Add to each token the code of its position, then apply dropout.

    d_model: int, even. max_len: int, rows of the table. dropout: probability.
    forward: x (b, n, d_model) -> (b, n, d_model). Raises ValueError if n > max_len.
    """

    ### BEGIN SOLUTION
    def __init__(self, d_model, max_len, dropout=0.0):
        super().__init__()
        positions = torch.arange(max_len)[:, None]  # (max_len, 1)
        angles = positions / 10000 ** (torch.arange(0, d_model, 2) / d_model)
        table = torch.stack([angles.sin(), angles.cos()], dim=-1)  # (max_len, d_model / 2, 2)
        self.register_buffer("table", table.flatten(1))
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, x):
        n = x.shape[1]
        if n > len(self.table):
            raise ValueError(f"{n} tokens, but the table ends after {len(self.table)} positions")
        return self.dropout(x + self.table[:n].to(x.dtype))  # (b, n, d_model) + (n, d_model)

    ### END SOLUTION


# %% problem="PositionalEncoding" role="check"
check("PositionalEncoding")

# %% [markdown]
# ## Problem 6: `order_sensitivity(layer, x, permutation)`
#
# *15 minutes · difficulty 2 of 3 · 3 points*
#
# Does a layer care about the order of its tokens? Compare two ways: *permute, then layer*, and
# *layer, then permute*. If both give the same, the layer treats every order alike: it is
# permutation-equivariant. You measure by how much they differ at most.
#
# | | |
# | --- | --- |
# | `layer` | a function from (n, d) to (n, d) |
# | `x` | (n, d) |
# | `permutation` | (n,) ints, applied as `x[permutation]` |
# | result | Python's float: the largest absolute difference between the two ways |
#
# **Worked example.** The layer adds ten times its position to each token; x holds the tokens 1, 2
# and 4, the permutation is (1, 2, 0).
#
# | | token by token |
# | --- | --- |
# | permute, then layer | 2, 4, 1 → 2 + 0, 4 + 10, 1 + 20 |
# | layer, then permute | 1, 12, 24 → 12, 24, 1 |
# | difference | −10, −10, 20 |
#
# The result is 20.0.

# %% [markdown] problem="order_sensitivity" role="help"


# %% problem="order_sensitivity" role="answer"
def order_sensitivity(layer, x, permutation):
    """Measure how much a layer minds the order of its tokens.

    layer: a function (n, d) -> (n, d). x: (n, d). permutation: (n,) ints, used as x[permutation].
    Returns a float: the largest absolute difference between permuting before and after.
    """
    ### BEGIN SOLUTION
    first = layer(x[permutation])  # (n, d): permute, then layer
    second = layer(x)[permutation]  # (n, d): layer, then permute
    return (first - second).abs().max().item()
    ### END SOLUTION


# %% problem="order_sensitivity" role="check"
check("order_sensitivity")

# %% [markdown]
# ## Problem 7: why not the number itself?
#
# *20 minutes · difficulty 2 of 3 · 4 points, graded by hand*
#
# The code of a position is a row of sines and cosines. Answer in a few sentences each.
#
# 1. Why not simply add the number p to every feature of the token at position p?
# 2. Why not p / n, which stays between 0 and 1?
# 3. What would be lost if the table had its first pair only? And what if it had its last pair only?
# 4. "The encoding is *added* to the embedding, so the model cannot tell one from the other." What
#    is right about this, and what is not?

# %% [markdown] role="written" problem="why_waves" points=4
# Your answer here.
#
# === BEGIN MARK SCHEME ===
#
# One point for each idea; half a point where it is there but not argued.
#
# 1. **Size (1 point).** p grows without bound: at position 500 it drowns the embedding, whose
#    entries are about 1, and scores of far tokens explode; positions longer than those seen in
#    training are numbers that the model has never met. (Also right: one direction in feature space
#    for all positions gives inner products that grow with p, not with nearness.)
# 2. **The step depends on the length (1 point).** The same neighbour is 1/n away, so that "the word
#    before" means another number in every sentence, and two sentences of different length give
#    different codes to the same position. A shift is no fixed linear function any more.
# 3. **Short waves tell neighbours apart, long waves tell far positions apart (1 point).** The first
#    pair alone repeats after about 6.28 positions: 0 and 44 (seven turns) are nearly alike. The
# last
#    pair alone hardly changes from one position to the next. Half a point for either half.
# 4. **Added is not lost (1 point).** Right: a sum cannot be undone in general, and both share the
#    same features. Not right: there are many more dimensions than needed for either, embeddings are
#    learnt together with the rest and can keep out of the way of the code, and queries and keys see
#    the sum through matrices that can read one part and ignore the other. Half a point for either
#    half.
#
# === END MARK SCHEME ===

# %% [markdown]
# ## Put it to use
#
# Nothing here is graded. In [assignment 3](../a3_masked/a3_masked.ipynb) your attention learnt to
# write dates without knowing where a character stands. The cell takes your answers from that
# notebook, as you saved it, and trains the same model three times: as it was; with *your*
# `PositionalEncoding`; and with it, but behind a mask that hides nothing, so that the future leaks.
# It takes about a minute, or less.
#
# Before you run the cell: a date is one of 36,525 days, drawn at random. No honest model can do
# better than ln 36,525 = 10.5 nats per date (lecture 07, section 8). Which of the three has the
# lowest loss? Which one writes the most dates? And which can tell "May 2, 200", after which any
# digit may follow, from "May 20, 20", after which none above 4 may?

# %% role="use" problem="put_to_use"
from autograder import answers_of
from course.dates import FIRST, LAST, is_a_date
from course.plots import head_maps, use_style
from course.writer import BEGIN, D_MODEL, LENGTH, N_HEADS, learn_to_write

check("PositionalEncoding")
own = answers_of(
    "../a3_masked/a3_masked.ipynb", "causal_mask", "shift_right", "MaskedMultiHeadAttention"
)

torch.set_num_threads(1)  # layers as small as these gain nothing from more
honest, leaking = own.causal_mask(LENGTH), torch.ones(LENGTH, LENGTH, dtype=torch.bool)
models, losses = {}, []
for title, mask, with_positions in (
    ("without positions", honest, False),
    ("with positions", honest, True),
    ("with positions and without a mask", leaking, True),
):
    torch.manual_seed(0)
    attention = own.MaskedMultiHeadAttention(D_MODEL, N_HEADS)
    positions = PositionalEncoding(D_MODEL, LENGTH) if with_positions else None
    model, loss = learn_to_write(attention, mask, own.shift_right, positions)
    texts = [model.write(seed) for seed in range(50)]
    models[title] = model
    losses.append(loss)
    print(f"\n{title}: {loss:.2f} nats per date that it has not seen;")
    print(f"  of 50 texts {sum(map(is_a_date, texts))} are dates to the letter. The first eight:")
    print(*(f"    {text!r}" for text in texts[:8]), sep="\n")
    large = [model.alphabet.index(digit) for digit in "56789"]
    for text in ("May 2, 200", "May 20, 20"):
        chance = model.chances_after(text)[large].sum()
        print(f'  after "{text}" a digit above 4 has the chance {chance:.2f}')
least = math.log((LAST - FIRST).days + 1)
print(f"\nthe least for an honest model: ln {(LAST - FIRST).days + 1:,} = {least:.1f} nats")
assert losses[2] < least < min(losses[:2])

use_style()
text = "3. Februar 1962"
head_maps(models["with positions"].attention_of(text), BEGIN + text)

# %% [markdown]
# *Figure: the maps of the honest model with positions, one a head, of the characters of "3. Februar
# 1962" by themselves, bright where a query puts its weight; above the diagonal all is dark.*
#
# Compare the maps with those at the end of assignment 3, and the three reports with one another.
# The third loss is below what any honest model can reach, and the third list shows what it is
# worth: see problem 8 of assignment 3. One layer is not a whole Transformer: count how many texts
# of the honest model with positions are no dates. But it is yours, from the softmax to the last
# mask.
