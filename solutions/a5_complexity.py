# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Assignment 5: complexity
#
# Self-attention took the place of recurrence, and the paper gives three reasons in one table: the
# cost of a layer, the number of steps that must wait for one another, and the length of the path
# between two words. You will compute each of them, build the layer that was replaced, and write the
# tool that tells from measured times how a cost really grows.
#
# | | problem | minutes | difficulty | points |
# | --- | --- | --- | --- | --- |
# | 1 | `attention_operations` | 10 | 1 of 3 | 3 |
# | 2 | `recurrent_operations` | 10 | 1 of 3 | 3 |
# | 3 | `crossover_length` | 10 | 1 of 3 | 2 |
# | 4 | `sequential_operations` | 10 | 1 of 3 | 3 |
# | 5 | `longest_path` | 25 | 2 of 3 | 4 |
# | 6 | `attention_memory` | 10 | 1 of 3 | 3 |
# | 7 | `recurrent_layer` | 25 | 2 of 3 | 5 |
# | 8 | `fit_exponent` | 25 | 2 of 3 | 4 |
# | 9 | counted and measured (in words) | 20 | 2 of 3 | 4 |
#
# About two and a half hours in all. What you need is in lecture
# [05 Complexity](../../lectures/05_complexity.ipynb). The last cell draws what your functions say,
# next to what your computer does.
#
# **How your work is checked.** As in assignment 1: write your answer in the place of the line that
# raises `NotImplementedError`, run the cell, then run the check cell below it. After opening or
# restarting the notebook, run the first code cell before anything else. The cases of a problem form
# groups, and a group is paid when all of its cases pass.
#
# **What is counted.** One *operation* is one multiplication together with the addition that follows
# it, a multiply–add. An inner product of d features is d operations. (Torch's counter of FLOPs,
# which the lecture uses, counts two for each.) As in the paper's table, only the products that are
# named in a problem count. Left out are the projections that make queries, keys, values and the
# output, and whatever is done number by number: scale, softmax, bias, tanh.
#
# **What holds for every count.** The result is Python's `int`, and it is exact. Sizes are ints of
# at least 1 and may be very large, in problems 1, 2 and 6 so large that no float holds the result
# exactly.
#
# **Notation.** n counts tokens, d the features of a token and of a state. Queries, keys and values
# have d features each, in a single head, unless a problem says otherwise.

# %% role="setup"
import math

import torch

from autograder import check

# %% [markdown]
# ## Problem 1: `attention_operations(n, d)`
#
# *10 minutes · difficulty 1 of 3 · 3 points*
#
# Count the operations of one self-attention layer on n tokens: of its two matrix products, the
# scores $QK^\top$ and the weighted values, weights times $V$.
#
# | | |
# | --- | --- |
# | `n`, `d` | ints, at least 1; each of Q, K and V is (n, d) |
# | result | int: operations of both products; every query scores every key |
#
# **Worked example.** `attention_operations(3, 4)`: three tokens of four features.
#
# | product | numbers in the result | operations for each | operations |
# | --- | --- | --- | --- |
# | scores | 9 | 4 | 36 |
# | weights times V | 12 | 3 | 36 |
# | both | | | 72 |

# %% [markdown] problem="attention_operations" role="help"


# %% problem="attention_operations" role="answer"
def attention_operations(n, d):
    """Count the multiply–adds of the two products of one self-attention layer.

    n: int, tokens. d: int, features.
    Returns an int.
    """
    ### BEGIN SOLUTION
    scores = n * n * d  # (n, d) @ (d, n): for each of n x n scores a sum of d products
    mixing = n * n * d  # (n, n) @ (n, d): for each of n x d outputs a sum of n products
    return scores + mixing
    ### END SOLUTION


# %% problem="attention_operations" role="check"
check("attention_operations")

# %% [markdown]
# ## Problem 2: `recurrent_operations(n, d)`
#
# *10 minutes · difficulty 1 of 3 · 3 points*
#
# A recurrent layer reads one token after the other. At each of n steps it multiplies two (d, d)
# matrices with vectors of d features: $W_x$ with the token and $W_h$ with the state before. (The
# first step does so too: the state before the first token is $h_0$.) Count the operations of all
# steps.
#
# | | |
# | --- | --- |
# | `n`, `d` | ints, at least 1 |
# | result | int: operations of $W_x x_t$ and $W_h h_{t-1}$, over n steps |
#
# **Worked example.** `recurrent_operations(3, 4)`: each matrix has 16 entries, so that either
# product takes 16 operations. A step takes 32, and three steps take 96.

# %% [markdown] problem="recurrent_operations" role="help"


# %% problem="recurrent_operations" role="answer"
def recurrent_operations(n, d):
    """Count the multiply–adds of a recurrent layer over n steps.

    n: int, tokens. d: int, features of a token and of the state.
    Returns an int.
    """
    ### BEGIN SOLUTION
    step = d * d + d * d  # W_x x and W_h h: each a (d, d) matrix times a vector
    return n * step
    ### END SOLUTION


# %% problem="recurrent_operations" role="check"
check("recurrent_operations")

# %% [markdown]
# ## Problem 3: `crossover_length(d)`
#
# *10 minutes · difficulty 1 of 3 · 2 points*
#
# For short sentences self-attention takes fewer operations than recurrence, for long ones it takes
# more. At which length do both take the same number?
#
# | | |
# | --- | --- |
# | `d` | int, at least 1 |
# | result | int, at least 1: the n at which the counts of problems 1 and 2 are equal |
#
# Do not be surprised if your answer is short. What counts is how you found it.
#
# **Worked example.** `crossover_length(4)` is 4:
#
# | n | self-attention | recurrence |
# | --- | --- | --- |
# | 3 | 72 | 96 |
# | 4 | 128 | 128 |
# | 5 | 200 | 160 |

# %% [markdown] problem="crossover_length" role="help"


# %% problem="crossover_length" role="answer"
def crossover_length(d):
    """Find the length at which self-attention and recurrence cost the same.

    d: int, features.
    Returns n, an int.
    """
    ### BEGIN SOLUTION
    # 2 n n d = 2 n d d, and both sides may be divided by 2 n d.
    return d
    ### END SOLUTION


# %% problem="crossover_length" role="check"
check("crossover_length")

# %% [markdown]
# ## Problem 4: `sequential_operations(layer, n)`
#
# *10 minutes · difficulty 1 of 3 · 3 points*
#
# With as many processors as you like, most of the work of a layer could be done at once. What
# cannot be done at once is what must wait for the result at another token. Count the steps that
# must follow one another when one layer reads n tokens. Once all that a token waits for is there,
# what is left to do for it is a single step: a token that waits for nothing is done after one.
#
# | | |
# | --- | --- |
# | `layer` | str: `"self-attention"`, `"recurrent"` or `"convolution"` |
# | `n` | int, at least 1 |
# | result | int: steps that must follow one another |
#
# Any other text for `layer` raises a `ValueError`.
#
# **Worked example.** `sequential_operations("recurrent", 5)` is 5: the first token makes the first
# state from $h_0$, the second token needs that state for its own, and so on.

# %% [markdown] problem="sequential_operations" role="help"


# %% problem="sequential_operations" role="answer"
def sequential_operations(layer, n):
    """Count the steps of a layer that must wait for one another.

    layer: "self-attention", "recurrent" or "convolution"; a ValueError otherwise. n: int, tokens.
    Returns an int.
    """
    ### BEGIN SOLUTION
    steps = {"self-attention": 1, "recurrent": n, "convolution": 1}
    if layer not in steps:
        raise ValueError(f"no layer is called {layer!r}")
    return steps[layer]
    ### END SOLUTION


# %% problem="sequential_operations" role="check"
check("sequential_operations")

# %% [markdown]
# ## Problem 5: `longest_path(layer, n, kernel_size=None)`
#
# *25 minutes · difficulty 2 of 3 · 4 points*
#
# How many steps does what the first word says take, until it can matter at the last? The longer the
# path, the harder a dependence is to learn.
#
# - **Self-attention**: one step is one layer, in which an output sees all inputs.
# - **Recurrence**: one step is the way from a state to the next.
# - **Convolution**: one step is one layer of causal kernels of size k. Each output sees the input
#   at its own position and at the k − 1 positions before it. Layers are stacked until the last
#   output sees the first input.
#
# | | |
# | --- | --- |
# | `layer` | str: `"self-attention"`, `"recurrent"` or `"convolution"` |
# | `n` | int, at least 2: positions; the most distant two are the first and the last |
# | `kernel_size` | int, at least 2, for a convolution; without a meaning for the other two |
# | result | int: steps between the two most distant positions |
#
# Any other text for `layer`, and a convolution without its `kernel_size`, raise a `ValueError`.
#
# **Worked example.** `longest_path("convolution", 8, 3)` is 4. Positions are counted from 1:
#
# | layers | the last output sees positions |
# | --- | --- |
# | 1 | 6 to 8 |
# | 2 | 4 to 8 |
# | 3 | 2 to 8 |
# | 4 | 1 to 8 |

# %% [markdown] problem="longest_path" role="help"


# %% problem="longest_path" role="answer"
def longest_path(layer, n, kernel_size=None):
    """Count the steps between the two most distant of n positions.

    layer: "self-attention", "recurrent" or "convolution" (which needs its kernel_size, at least 2).
    n: int, at least 2.
    Returns an int. A ValueError for another layer, or a convolution without kernel_size.
    """
    ### BEGIN SOLUTION
    if layer == "self-attention":
        return 1
    if layer == "recurrent":
        return n - 1
    if layer != "convolution":
        raise ValueError(f"no layer is called {layer!r}")
    if kernel_size is None:
        raise ValueError("a convolution needs its kernel size")
    # Each layer adds k - 1 positions to what is seen; minus twice, // rounds up.
    return -(-(n - 1) // (kernel_size - 1))
    ### END SOLUTION


# %% problem="longest_path" role="check"
check("longest_path")

# %% [markdown]
# ## Problem 6: `attention_memory(batch, n_heads, n, bytes_per_element)`
#
# *10 minutes · difficulty 1 of 3 · 3 points*
#
# To learn, a layer keeps its attention weights until the gradients have been computed. How many
# bytes are they, for a whole batch and all heads? Every query has a weight for every key.
#
# | | |
# | --- | --- |
# | `batch`, `n_heads`, `n` | ints, at least 1: sentences, heads, tokens of each sentence |
# | `bytes_per_element` | int: 4 for float32, 2 for float16 |
# | result | int: bytes of the weights, and of nothing else |
#
# **Worked example.** `attention_memory(2, 3, 4, 2)` is 192: two sentences in three heads make 6
# maps of 16 weights each, and these 96 weights have two bytes each.

# %% [markdown] problem="attention_memory" role="help"


# %% problem="attention_memory" role="answer"
def attention_memory(batch, n_heads, n, bytes_per_element):
    """Count the bytes of the attention weights of one layer.

    batch, n_heads, n, bytes_per_element: ints.
    Returns an int.
    """
    ### BEGIN SOLUTION
    return batch * n_heads * n * n * bytes_per_element  # the weights are (b, h, n, n)
    ### END SOLUTION


# %% problem="attention_memory" role="check"
check("attention_memory")

# %% [markdown]
# ## Problem 7: `recurrent_layer(x, w_x, w_h, b, h0)`
#
# *25 minutes · difficulty 2 of 3 · 5 points*
#
# Now build the layer that attention replaced. A state goes from token to token, and takes something
# of each with it:
#
# $$h_t = \tanh(x_t\, w_x + h_{t-1}\, w_h + b), \qquad t = 1, \dots, n$$
#
# Tokens and states are rows here, as everywhere in this course: they stand to the left of their
# matrices.
#
# | | shape |
# | --- | --- |
# | `x` | (n, d_in), n at least 1: one token per row |
# | `w_x` | (d_in, d) |
# | `w_h` | (d, d) |
# | `b` | (d,) |
# | `h0` | (d,), the state before the first token |
# | result | (n, d): row by row the states after each token; h0 is not among them |
#
# The result has the dtype of the arguments (float32 or float64) and can be differentiated in each
# of them. The arguments stay as they were. A loop over tokens is welcome: there is no way around
# it, and that is the point.
#
# Not to be used here: torch's `RNN` and `RNNCell`, and the functions `rnn_tanh`, `rnn_relu` and
# their `…_cell` below them.
#
# **Worked example.** Three tokens of one feature, a state of two. A signal comes once and then
# fades: x is (1), (0), (0); w_x is ((1, 0)); w_h is ((0, 1), (0.5, 0)); b is (0, 0); h0 is (0, 1).
#
# | t | $x_t w_x$ | $h_{t-1} w_h$ | sum | $h_t$ |
# | --- | --- | --- | --- | --- |
# | 1 | (1, 0) | (0.5, 0) | (1.5, 0) | (0.9051, 0) |
# | 2 | (0, 0) | (0, 0.9051) | (0, 0.9051) | (0, 0.7188) |
# | 3 | (0, 0) | (0.3594, 0) | (0.3594, 0) | (0.3447, 0) |

# %% [markdown] problem="recurrent_layer" role="help"


# %% problem="recurrent_layer" role="answer"
def recurrent_layer(x, w_x, w_h, b, h0):
    """Read the tokens one after the other, and keep the state after each.

    x: (n, d_in). w_x: (d_in, d). w_h: (d, d). b, h0: (d,).
    Returns (n, d).
    """
    ### BEGIN SOLUTION
    h, states = h0, []
    for x_t in x:  # (d_in,): each step needs the state of the step before
        h = torch.tanh(x_t @ w_x + h @ w_h + b)  # (d,)
        states.append(h)
    return torch.stack(states)  # (n, d)
    ### END SOLUTION


# %% problem="recurrent_layer" role="check"
check("recurrent_layer")

# %% [markdown]
# ## Problem 8: `fit_exponent(sizes, costs)`
#
# *25 minutes · difficulty 2 of 3 · 4 points*
#
# You measure what something costs at several sizes. How does the cost grow: with the size, with its
# square, or in between? Suppose cost ≈ c · size^p. On paper with two logarithmic axes such a law is
# a straight line, and p is its slope. Fit that line by least squares: make the sum of the squared
# distances, in log cost, between the points and the line as small as it can be.
#
# | | |
# | --- | --- |
# | `sizes`, `costs` | lists, tuples or 1-D tensors of positive ints or floats, equally long |
# | result | Python's `float`: the slope p, to 0.001 |
#
# There are at least two different sizes. Points come in any order, a size may come more than once,
# and p need not be a whole number. You may use whatever fits lines: torch, numpy, scipy, Python's
# `statistics`.
#
# **Worked example.** The sizes 1, 10, 100, 1,000 cost 1, 100, 100, 10,000. In logarithms to the
# base 10 the points are (0, 0), (1, 2), (2, 2), (3, 4). Two lines to choose from:
#
# | line | heights at 0, 1, 2, 3 | distances of the points | sum of squares |
# | --- | --- | --- | --- |
# | through both ends | 0, 1.33, 2.67, 4 | 0, 0.67, −0.67, 0 | 0.89 |
# | 0.2 + 1.2 · log size | 0.2, 1.4, 2.6, 3.8 | −0.2, 0.6, −0.6, 0.2 | 0.80 |
#
# No line has a smaller sum than the second, so the result is 1.2.

# %% [markdown] problem="fit_exponent" role="help"


# %% problem="fit_exponent" role="answer"
def fit_exponent(sizes, costs):
    """Fit cost = c * size^p by least squares in log–log.

    sizes, costs: lists, tuples or 1-D tensors of positive numbers, in any order.
    Returns p, a float.
    """
    ### BEGIN SOLUTION
    x = torch.as_tensor(sizes, dtype=torch.float64).log()
    y = torch.as_tensor(costs, dtype=torch.float64).log()
    dx, dy = x - x.mean(), y - y.mean()
    return (dx @ dy / (dx @ dx)).item()
    ### END SOLUTION


# %% problem="fit_exponent" role="check"
check("fit_exponent")

# %% [markdown]
# ## Problem 9: counted and measured
#
# *20 minutes · difficulty 2 of 3 · 4 points, graded by hand*
#
# Answer in a few sentences each.
#
# 1. Why do both layers take equally many operations at the length that you found in problem 3? What
#    becomes of that length if the projections of self-attention, four (d, d) matrices for each
#    token, are counted as well?
# 2. The last cell of this notebook measures torch's own layers with d = 64. Where this was written,
#    recurrence takes longer than self-attention at n = 64, and still does at several times that
#    length. Yet both take the same number of operations at the crossover. Where does the
#    difference in time come from?
# 3. A classmate reads the paper's table: "At n = 4,096 and d = 512 self-attention takes eight times
#    as many operations as recurrence. So nobody should use it there." Which two other columns of
#    the table does the sentence leave out, and what does each of them mean for training?
# 4. Somebody wants to read a book at once, n = 200,000, on a computer that has 64 gigabytes of
#    memory and all the time in the world. Which of your functions says why plain self-attention,
#    which stores its weights, will not do? What does it say for a single head in float32, and what
#    becomes of that when n doubles?

# %% [markdown] role="written" problem="counted_and_measured" points=4
# Your answer here.
#
# === BEGIN MARK SCHEME ===
#
# One point for each idea; half a point where it is there but not argued.
#
# 1. **Both sides of one equation (1 point).** Attention makes two products of n²d operations, and
#    recurrence two of d² for each of n tokens. Both share the factor 2nd; what is left is n on one
#    side and d on the other. Four projections add 4nd², already more than the whole of recurrence:
#    2n²d + 4nd² = 2nd² has no solution above 0, so that there is no crossover any more. (Also
#    right, if said: recurrence keeps $W_x$ in the count, attention leaves its projections out, so
#    that the comparison of the table is not quite fair.) Half a point for either half.
# 2. **Operations are not equally fast (1 point).** Recurrence does its work in n small products,
#    each of which waits for the one before, and pays for each call; a matrix times a vector uses
#    each number that it fetches only once. Attention does the same number of operations in two
#    large products that keep all arithmetic units busy. The count tells how the times grow in the
#    end, not how long an operation takes. "Attention is parallel" alone is worth half a point: it
#    must be said what recurrence waits for, or pays for.
# 3. **Sequential operations and path length (1 point).** Recurrence must take 4,096 steps one
#    after the other, attention one: with a processor that can do much at once, training time
#    follows the steps rather than the operations. The path between the far ends is 4,095 steps
#    long against one: gradients fade along it, so that far dependences are hardly learnt (lecture
#    01). Half a point for each.
# 4. **Memory (1 point).** `attention_memory`: one map of 200,000² weights in float32 takes 160
#    gigabytes, for a single head and sentence, and it grows with the square: twice as long, four
#    times as much, 640 gigabytes. Half a point for the function with its number, half a point for
#    the factor four. `attention_operations` with the factor four is worth half a point.
#
# === END MARK SCHEME ===

# %% [markdown]
# ## Put it to use
#
# Nothing here is graded. Once problems 1, 2, 3 and 8 are answered, the cell below draws what both
# layers cost for d = 64 and marks where the lines cross. Then it measures how long torch's own
# layers take on this computer, and your `fit_exponent` says how these times grow. Compare with the
# exponents of your counts, and the places where the lines cross in either panel. What do you get
# for the short lengths alone, and for the long ones (slices of `lengths` and `times` will do)?

# %% role="use" problem="put_to_use"
import time

from torch.nn import functional

from course.plots import BLUE, GREEN, ORANGE, panels, use_style

for name in ("attention_operations", "recurrent_operations", "crossover_length", "fit_exponent"):
    check(name)

torch.set_num_threads(1)  # two threads that wait for each other would hide what is measured
d = 64
lengths = [8 * 2**i for i in range(9)]  # 8 to 2,048
q, k, v = torch.randn(3, 1, 1, lengths[-1], d)  # (b, h, n, d) each
recurrent = torch.nn.RNN(d, d)


def attend(n):
    """Torch's own attention on n tokens."""
    return functional.scaled_dot_product_attention(q[:, :, :n], k[:, :, :n], v[:, :, :n])


def recur(n):
    """Torch's own recurrent layer on n tokens."""
    return recurrent(q[0, 0, :n])


def seconds(layer, n):
    """The best of several times of a layer on n tokens: what else is going on only adds to it."""
    best = math.inf
    for _ in range(15):
        start = time.perf_counter()
        layer(n)
        best = min(best, time.perf_counter() - start)
    return best


counts = {
    "self-attention": [attention_operations(n, d) for n in lengths],
    "recurrence": [recurrent_operations(n, d) for n in lengths],
}
crossover = crossover_length(d)
with torch.no_grad():
    times = {
        "self-attention": [seconds(attend, n) for n in lengths],
        "recurrence": [seconds(recur, n) for n in lengths],
    }

use_style()
counted, measured = panels(1, 2, width=4.2, height=3.2)
for name, color, marker in (("self-attention", BLUE, "o"), ("recurrence", ORANGE, "s")):
    counted.loglog(lengths, counts[name], color=color, marker=marker, label=name)
    measured.loglog(lengths, times[name], color=color, marker=marker, label=name)
    print(f"{name}: operations grow as n^{fit_exponent(lengths, counts[name]):.2f}, ", end="")
    print(f"seconds as n^{fit_exponent(lengths, times[name]):.2f} over all lengths together")
counted.axvline(crossover, color=GREEN, linestyle=":", label=f"crossover: n = {crossover}")
counted.set(xlabel="tokens n", ylabel="operations", title=f"counted, d = {d}")
measured.set(xlabel="tokens n", ylabel="seconds", title="measured here, torch's own layers")
counted.legend()

# %% [markdown]
# *Figure: two panels, all axes logarithmic. On the left, operations against tokens: a straight line
# for each layer, the one of self-attention steeper, and a dotted line where they cross. On the
# right, measured seconds of torch's own layers against tokens: recurrence lies above self-attention
# for short sentences; the line of self-attention grows steeper as sentences get longer, and comes
# near that of recurrence, or crosses it, only at lengths many times that of the crossover.*
