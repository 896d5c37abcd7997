# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Assignment 8: looking inside, and tuning
#
# A model that works raises two questions: what in it does the work, and would another setting do
# better? You will build the instruments for both. For the first: how sharp a head looks, where
# attention comes from over all layers, what the output loses without a word or without a head, and
# whether two such rankings agree. For the second: gradients of a batch that does not fit into
# memory, a rule that says when to stop, the settings to try, and an interval around what came out.
#
# | | problem | minutes | difficulty | points |
# | --- | --- | --- | --- | --- |
# | 1 | `head_entropy` | 15 | 1 of 3 | 4 |
# | 2 | `attention_rollout` | 15 | 2 of 3 | 4 |
# | 3 | `leave_one_out` | 20 | 2 of 3 | 4 |
# | 4 | `kendall_tau` | 30 | 3 of 3 | 5 |
# | 5 | `head_importance` | 15 | 1 of 3 | 3 |
# | 6 | `accumulate_gradients` | 35 | 3 of 3 | 6 |
# | 7 | `early_stopping` | 20 | 2 of 3 | 4 |
# | 8 | `grid` | 10 | 1 of 3 | 3 |
# | 9 | `sample` | 30 | 3 of 3 | 6 |
# | 10 | `mean_and_interval` | 15 | 2 of 3 | 4 |
# | 11 | what a map and a number say (in words) | 20 | 2 of 3 | 4 |
#
# Less than four hours in all. What you need is in lectures
# [11 Looking inside](../../lectures/11_looking_inside.ipynb) (problems 1 to 5) and
# [13 Tuning](../../lectures/13_tuning.ipynb) (problems 6 to 10). The last cell turns your
# instruments on a small model that it trains.
#
# **How your work is checked.** As in assignment 1: write your answer in the place of the line that
# raises `NotImplementedError`, run the cell, then run the check cell below it. After opening or
# restarting the notebook, run the first code cell before anything else. The cases of a problem form
# groups, and a group is paid when all of its cases pass.
#
# **What holds for every problem.** No function changes its arguments (`accumulate_gradients` alone
# fills `.grad`, that is its work), and none keeps anything from one call to the next. Where a
# result is made of bools, ints or floats, these are Python's own, not torch's or numpy's. Each
# problem says what a tensor result's dtype is.
#
# **Notation.** h heads, n tokens (n_q queries, n_k keys). Row i of a map holds the weights of
# query i.

# %% role="setup"
import itertools
import math

import torch
from scipy import stats

from autograder import check

# %% [markdown]
# ## Problem 1: `head_entropy(weights)`
#
# *15 minutes · difficulty 1 of 3 · 4 points*
#
# Does a head look at one token, or at all of them alike? The entropy of a row of weights,
# −Σ w log w, tells: 0 for a row that puts all its weight on one key, log n_k for an even one. A
# head's entropy is the mean over its rows.
#
# | | |
# | --- | --- |
# | `weights` | (h, n_q, n_k); a row sums to 1, or is empty: 0 throughout |
# | result | (h,), in nats (natural logarithm), in the dtype of `weights` |
#
# A weight of 0 adds nothing: 0 log 0 counts as 0. An empty row has the entropy 0, and counts as a
# row like the others. The result can be differentiated; the gradient is looked at only where all
# weights are positive.
#
# **Worked example.** Two heads, two queries, three keys:
#
# | head | rows | entropies of the rows | result |
# | --- | --- | --- | --- |
# | 0 | (0.5, 0.5, 0) and (1, 0, 0) | 0.693 and 0 | 0.347 |
# | 1 | (0.25, 0.25, 0.5) and (0, 0, 0) | 1.040 and 0 | 0.520 |

# %% [markdown] problem="head_entropy" role="help"


# %% problem="head_entropy" role="answer"
def head_entropy(weights):
    """Measure how widely each head spreads its attention.

    weights: (h, n_q, n_k), rows that sum to 1 or are empty.
    Returns (h,): the mean entropy of each head's rows, in nats.
    """
    ### BEGIN SOLUTION
    terms = torch.special.entr(weights)  # −w log w, and 0 at 0
    return terms.sum(dim=-1).mean(dim=-1)
    ### END SOLUTION


# %% problem="head_entropy" role="check"
check("head_entropy")

# %% [markdown]
# ## Problem 2: `attention_rollout(layers)`
#
# *15 minutes · difficulty 2 of 3 · 4 points*
#
# In a deep model the second layer does not attend to words, but to what the first layer has made
# of them. Rollout (Abnar & Zuidema, 2020, "Quantifying Attention Flow in Transformers", section 3)
# follows the attention back to the words. Half of what a layer hands on is what its attention
# brings, half is what the residual connection carries past it: A becomes (A + I) / 2. Then the
# layers are multiplied, the **last one leftmost**, since the output asks the last layer first.
#
# | | |
# | --- | --- |
# | `layers` | list of at least one (n, n), the first layer first; rows sum to 1 |
# | result | (n, n): row i holds how much of each word reaches output i |
#
# A map is the mean over the heads of its layer. The result has the dtype of the maps, and can be
# differentiated in each of them.
#
# **Worked example.** Two layers, two tokens:
#
# | | A | (A + I) / 2 |
# | --- | --- | --- |
# | first layer | (1, 0), (0.5, 0.5) | (1, 0), (0.25, 0.75) |
# | second layer | (0.5, 0.5), (0, 1) | (0.75, 0.25), (0, 1) |
#
# The second times the first is (0.8125, 0.1875), (0.25, 0.75).

# %% [markdown] problem="attention_rollout" role="help"


# %% problem="attention_rollout" role="answer"
def attention_rollout(layers):
    """Follow attention back through all layers.

    layers: list of (n, n), the first layer first; rows sum to 1.
    Returns (n, n): the share of each input in each output.
    """
    ### BEGIN SOLUTION
    identity = torch.eye(len(layers[0]), dtype=layers[0].dtype)
    rollout = identity
    for layer in layers:
        rollout = (layer + identity) / 2 @ rollout  # (n, n)
    return rollout
    ### END SOLUTION


# %% problem="attention_rollout" role="check"
check("attention_rollout")

# %% [markdown]
# ## Problem 3: `leave_one_out(predict, tokens, mask_id)`
#
# *20 minutes · difficulty 2 of 3 · 4 points*
#
# A map shows where a model looks. What a token is worth to the output shows when it is taken away:
# put the mask token in its place, and see how the probability of the class changes that was
# predicted for the whole sentence.
#
# | | |
# | --- | --- |
# | `predict` | a function (n,) ints → (classes,) probabilities; deterministic, without ties |
# | `tokens` | (n,) ints |
# | `mask_id` | int: the token that stands for "nothing known" |
# | result | (n,), in the dtype of what `predict` returns |
#
# `predict` takes a tensor that holds one sentence, as `tokens` does.
#
# Entry i is the probability for the whole sentence minus the one with token i replaced: positive
# where the token speaks for the class, negative where against it. It is always the same class, the
# most likely one for the whole sentence. No gradient is asked for.
#
# **Worked example.** `predict` lets each token vote for two classes, and divides by all votes. The
# tokens 1, 2, 3 give (6, 0), (0, 3) and (1, 0) votes, the mask token 0 gives (1, 1). For the tokens
# (1, 2, 3) the votes are (7, 3): class 0, with the probability 0.7.
#
# | replaced | votes | of class 0 | result |
# | --- | --- | --- | --- |
# | token 0 | (2, 4) | 0.333 | 0.367 |
# | token 1 | (8, 1) | 0.889 | −0.189 |
# | token 2 | (7, 4) | 0.636 | 0.064 |

# %% [markdown] problem="leave_one_out" role="help"


# %% problem="leave_one_out" role="answer"
def leave_one_out(predict, tokens, mask_id):
    """Measure what the predicted class loses without each token.

    predict: a function (n,) ints -> (classes,). tokens: (n,) ints. mask_id: int.
    Returns (n,): probability for the whole minus that with token i replaced.
    """
    ### BEGIN SOLUTION
    whole = predict(tokens)
    predicted = whole.argmax()
    losses = []
    for i in range(len(tokens)):
        changed = tokens.clone()
        changed[i] = mask_id
        losses.append(whole[predicted] - predict(changed)[predicted])
    return torch.stack(losses)
    ### END SOLUTION


# %% problem="leave_one_out" role="check"
check("leave_one_out")

# %% [markdown]
# ## Problem 4: `kendall_tau(a, b)`
#
# *30 minutes · difficulty 3 of 3 · 5 points*
#
# Two ways to score the same tokens, attention and leave-one-out for example: do they rank them
# alike? Take all pairs of tokens. A pair is *concordant* if both scores order it the same way,
# *discordant* if they order it oppositely. With C concordant and D discordant pairs, Kendall's τ in
# its form b, which allows for ties, is
#
# $$\tau_b = \frac{C - D}{\sqrt{(P - T_a)\,(P - T_b)}}$$
#
# where P = n (n − 1) / 2 counts all pairs, T_a those that are tied in a, and T_b those that are
# tied in b. A pair that is tied in both is in T_a and in T_b. A tied pair is neither concordant nor
# discordant.
#
# | | |
# | --- | --- |
# | `a`, `b` | (n,) each, n ≥ 2; neither is constant; two scores are equal, or at least 1e-6 apart |
# | result | Python's float, between −1 and 1 |
#
# scipy's `kendalltau` is what you build here, and may not be used.
#
# **Worked example.** a = (1, 2, 2, 3), b = (1, 3, 2, 2). Of the 6 pairs, 3 are concordant (token 0
# with each of the others), 1 is discordant (token 1 with token 3), one is tied in a, another in b:
# τ = (3 − 1) / √(5 · 5) = 0.4.

# %% [markdown] problem="kendall_tau" role="help"


# %% problem="kendall_tau" role="answer"
def kendall_tau(a, b):
    """Compare two rankings of the same things.

    a, b: (n,) scores, in which ties may occur.
    Returns Kendall's tau-b, a float.
    """
    ### BEGIN SOLUTION
    order_a = (a[:, None] - a).sign()  # (n, n): each pair twice, and the diagonal 0
    order_b = (b[:, None] - b).sign()
    agreement = (order_a * order_b).sum()
    untied = order_a.abs().sum() * order_b.abs().sum()
    return (agreement / untied.sqrt()).item()
    ### END SOLUTION


# %% problem="kendall_tau" role="check"
check("kendall_tau")

# %% [markdown]
# ## Problem 5: `head_importance(loss, n_heads)`
#
# *15 minutes · difficulty 1 of 3 · 3 points*
#
# Do we need all heads? Multiply the output of each head by a factor. With all factors 1 the model
# is as it was; a factor of 0 switches its head off. How much does the loss rise when one head is
# off and all others are on? (Michel, Levy & Neubig, 2019, "Are Sixteen Heads Really Better than
# One?", section 3.2.)
#
# | | |
# | --- | --- |
# | `loss` | a function: factors (n_heads,), a float tensor → Python's float |
# | `n_heads` | int |
# | result | (n_heads,), in torch's default dtype, whichever that is |
#
# Entry i is the loss without head i minus the loss with all heads: negative where the model is
# better off without the head.
#
# **Worked example.** The loss is 0.5 with all of three heads; 0.9 without head 0, 0.5 without
# head 1, 0.4 without head 2. The result is (0.4, 0, −0.1).

# %% [markdown] problem="head_importance" role="help"


# %% problem="head_importance" role="answer"
def head_importance(loss, n_heads):
    """Measure by how much the loss rises when one head is switched off.

    loss: a function (n_heads,) factors -> float.
    Returns (n_heads,): the loss without head i minus the loss with all.
    """
    ### BEGIN SOLUTION
    everything = loss(torch.ones(n_heads))
    without = [loss(1 - torch.eye(n_heads)[i]) for i in range(n_heads)]
    return torch.tensor([each - everything for each in without])
    ### END SOLUTION


# %% problem="head_importance" role="check"
check("head_importance")

# %% [markdown]
# ## Problem 6: `accumulate_gradients(model, token_losses, micro_batches)`
#
# *35 minutes · difficulty 3 of 3 · 6 points*
#
# A batch that does not fit into memory is cut into micro-batches, whose gradients are added up one
# after the other. Sentences differ in length, so micro-batches differ in tokens; the gradient must
# be that of the whole batch all the same, in which every **token** counts alike.
#
# | | |
# | --- | --- |
# | `model` | an `nn.Module` |
# | `token_losses` | a function: `token_losses(model, batch)` → 1-D, a loss for each token |
# | `micro_batches` | a list of at least one batch; each has at least one token |
#
# A batch may be anything: only `token_losses` reads it, and the number of its tokens is the length
# of what comes back.
#
# Afterwards, `.grad` of each parameter holds the gradient of the mean loss over all tokens of all
# micro-batches. What the function returns does not matter: where the check speaks of the result, it
# means what stands in `.grad`. `token_losses` is deterministic, and may be called more than once.
# How many micro-batches are in memory at a time is not checked.
#
# What stood in `.grad` before is cleared, not added to, also where a parameter is frozen. Some
# parameters may be frozen (`requires_grad` is False) and stay so, others may not be used: their
# `.grad` is None or 0 in the end. (`.grad` is None until a backward pass reaches a parameter.) The
# parameters themselves are not changed: taking a step is the optimiser's work.
#
# **Worked example.** One parameter w = 1, three tokens with the losses 4 w, 7 w and w, whose
# gradients are 4, 7 and 1. The first two tokens make up one micro-batch, the last one another. The
# gradient is (4 + 7 + 1) / 3 = 4. (The mean of the micro-batches' means would be
# (5.5 + 1) / 2 = 3.25.)

# %% [markdown] problem="accumulate_gradients" role="help"


# %% problem="accumulate_gradients" role="answer"
def accumulate_gradients(model, token_losses, micro_batches):
    """Leave in .grad the gradient of the mean loss over all tokens of all micro-batches.

    token_losses: a function (model, batch) -> (tokens,). micro_batches: list of batches.
    """
    ### BEGIN SOLUTION
    model.zero_grad()
    tokens = 0
    for batch in micro_batches:
        losses = token_losses(model, batch)
        losses.sum().backward()  # adds to what is in .grad, and frees the graph
        tokens += len(losses)
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad /= tokens
    ### END SOLUTION


# %% problem="accumulate_gradients" role="check"
check("accumulate_gradients")

# %% [markdown]
# ## Problem 7: `early_stopping(losses, patience)`
#
# *20 minutes · difficulty 2 of 3 · 4 points*
#
# Training goes on as long as the loss on held-out data gets better, and has some patience with
# setbacks. Given the losses that an endless training would have shown: where does it stop, and
# which epoch's weights are kept?
#
# | | |
# | --- | --- |
# | `losses` | list of at least one float, all finite: the validation loss of epoch 0, 1, … |
# | `patience` | int, at least 1 |
# | first result, `stop_epoch` | int: the first epoch that lies `patience` after the best so far |
# | second result, `best_epoch` | int: the epoch with the lowest loss, up to `stop_epoch` |
#
# If no epoch lies that far after the best so far, training stops at the last one. A loss that only
# equals the best is no improvement.
#
# **Worked example.** Losses (0.9, 0.7, 0.8, 0.7, 0.6), patience 2: epoch 1 is the best so far,
# epoch 2 is worse, epoch 3 no better, and lies 2 after the best. The result is (3, 1); nobody gets
# to see the 0.6.

# %% [markdown] problem="early_stopping" role="help"


# %% problem="early_stopping" role="answer"
def early_stopping(losses, patience):
    """Tell where training stops, and which epoch is kept.

    losses: list of floats, one an epoch. patience: int, at least 1.
    Returns (stop_epoch, best_epoch), counted from 0.
    """
    ### BEGIN SOLUTION
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        if epoch - best == patience:
            break
    return epoch, best
    ### END SOLUTION


# %% problem="early_stopping" role="check"
check("early_stopping")

# %% [markdown]
# ## Problem 8: `grid(space)`
#
# *10 minutes · difficulty 1 of 3 · 3 points*
#
# Grid search tries every combination of the values that are listed for each setting.
#
# | | |
# | --- | --- |
# | `space` | dict: name → list of values, of any type |
# | result | list of dicts, name → value: one for every combination |
#
# There is at least one name, and at least one value for each. Each combination is a dict of its
# own, with its names in the order of `space`. The last name changes fastest.
#
# **Worked example.** `grid({"rate": [0.1, 0.2], "layers": [1, 2]})` is a list of 4:
#
# | | |
# | --- | --- |
# | 0 | `{"rate": 0.1, "layers": 1}` |
# | 1 | `{"rate": 0.1, "layers": 2}` |
# | 2 | `{"rate": 0.2, "layers": 1}` |
# | 3 | `{"rate": 0.2, "layers": 2}` |

# %% [markdown] problem="grid" role="help"


# %% problem="grid" role="answer"
def grid(space):
    """List every combination of settings.

    space: dict name -> list of values.
    Returns a list of dicts name -> value, the last name changing fastest.
    """
    ### BEGIN SOLUTION
    every = itertools.product(*space.values())
    return [dict(zip(space, values, strict=True)) for values in every]
    ### END SOLUTION


# %% problem="grid" role="check"
check("grid")

# %% [markdown]
# ## Problem 9: `sample(space, generator)`
#
# *30 minutes · difficulty 3 of 3 · 6 points*
#
# Random search draws every setting anew for each trial, so that a range is tried at as many values
# as there are trials (Bergstra & Bengio, 2012, "Random Search for Hyper-Parameter Optimization"). A
# learning rate is drawn on a logarithmic scale: as often between 0.0001 and 0.001 as between 0.001
# and 0.01. It is the exponent that is uniform.
#
# | in `space`, a name has | and the result has for it |
# | --- | --- |
# | a **list** | one of its elements, all equally likely, as it stands there |
# | a **tuple** `(low, high, "linear")` | Python's float, uniform between low and high |
# | a **tuple** `(low, high, "log")`, 0 < low | Python's float, whose logarithm is uniform |
#
# | | |
# | --- | --- |
# | `space` | dict: name → list or tuple as above; low < high, ints or floats |
# | `generator` | a `torch.Generator` |
# | result | dict: name → value; each drawn independently of the others |
#
# All chance comes from `generator`, and from it alone: two generators in the same state give the
# same dict, the next call gives other values, and torch's global generator stays untouched. How
# many numbers you draw from it is up to you: `torch.rand(1, generator=generator)` draws one between
# 0 and 1. A value may overstep a bound by rounding, up to 1e-6 of the bound's size.
#
# **For example**, `sample({"rate": (1e-4, 1e-2, "log"), "layers": [2, 4]}, generator)` might give
# `{"rate": 0.00137, "layers": 4}`. Choices may be anything, tuples and None among them; a list
# `[1, 8]` stands for 1 or 8, and for nothing between.

# %% [markdown] problem="sample" role="help"


# %% problem="sample" role="answer"
def sample(space, generator):
    """Draw one setting for every name.

    space: dict name -> list of choices, or (low, high, "linear" or "log").
    Returns a dict name -> value, drawn with the given generator alone.
    """
    ### BEGIN SOLUTION
    drawn = {}
    for name, values in space.items():
        u = torch.rand((), generator=generator, dtype=torch.float64).item()
        if isinstance(values, list):
            drawn[name] = values[int(u * len(values))]
        elif values[2] == "log":
            drawn[name] = values[0] * (values[1] / values[0]) ** u
        else:
            drawn[name] = values[0] + u * (values[1] - values[0])
    return drawn
    ### END SOLUTION


# %% problem="sample" role="check"
check("sample")

# %% [markdown]
# ## Problem 10: `mean_and_interval(values)`
#
# *15 minutes · difficulty 2 of 3 · 4 points*
#
# Five seeds gave five accuracies. Their mean m would have come out a little differently with five
# other seeds: by how much? If the values are normal, the interval m ± t · s / √n covers the true
# mean in 95 % of such experiments. Here n is the number of values, s their standard deviation with
# n − 1 in the denominator, and t the point below which Student's t distribution with n − 1 degrees
# of freedom has 97.5 % of its mass. `stats.t` of scipy knows it.
#
# | | |
# | --- | --- |
# | `values` | list of floats, n ≥ 2 |
# | first result, `mean` | Python's float |
# | second result, `half_width` | Python's float: t · s / √n; 0 if all values are equal |
#
# Both are to be right to one part in a thousand.
#
# **Worked example.** Values (1, 2, 3): the mean is 2, s is 1, t for two degrees of freedom is
# 4.303, and the half-width 4.303 / √3 = 2.484.

# %% [markdown] problem="mean_and_interval" role="help"


# %% problem="mean_and_interval" role="answer"
def mean_and_interval(values):
    """Summarise repeated measurements.

    values: list of floats, at least two.
    Returns (mean, half_width) of the 95 % interval of Student's t, two floats.
    """
    ### BEGIN SOLUTION
    n = len(values)
    mean = sum(values) / n
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    t = float(stats.t.ppf(0.975, n - 1))
    return mean, t * deviation / math.sqrt(n)
    ### END SOLUTION


# %% problem="mean_and_interval" role="check"
check("mean_and_interval")

# %% [markdown]
# ## Problem 11: what a map and a number say
#
# *20 minutes · difficulty 2 of 3 · 4 points, graded by hand*
#
# Answer in a few sentences each.
#
# 1. In a report a word shines in the attention map, and the report says: "the model decided by
#    this word". Name an experiment that could contradict it, and say which outcome would.
# 2. Leave-one-out gives 0 for each of two words. May both be taken away without harm? Give an
#    example for your answer.
# 3. A colleague draws 30 settings at random, trains each with one seed, and reports the accuracy of
#    the best one. Why is that number too good, and what should be done before it is reported?
# 4. Setting A has 0.90 ± 0.02 and setting B 0.91 ± 0.02, each with its 95 % interval over five
#    seeds. A says "no difference", B says "mine is better". What may be said, and what would you do
#    to find out?

# %% [markdown] role="written" problem="what_a_map_says" points=4
# Your answer here.
#
# === BEGIN MARK SCHEME ===
#
# One point for each idea; half a point where it is there but not argued.
#
# 1. **Take the word away, or move the attention (1 point).** Replace the word, or switch its weight
#    off, and the probability of the class hardly changes; or other weights, shuffled or chosen
#    adversarially, give the same output (Jain & Wallace, 2019). Either contradicts the sentence. An
#    experiment without the outcome that would contradict: half a point. (Attention may still be one
#    possible explanation: Wiegreffe & Pinter, 2019.)
# 2. **No (1 point).** Each may stand in for the other: in "a bad, awful film" one word suffices,
#    and only without both does the output change. The same holds for heads.
# 3. **The best of many is lucky (1 point).** Chance adds to each of the 30, and the maximum picks
#    the one to which it added most. Train the chosen setting again with new seeds, and measure on
#    data that took no part in the choice. Half a point for naming only one of the two sides.
# 4. **Neither is shown (1 point).** The intervals overlap widely: the difference may be 0, or
#    several points either way; "not shown to differ" is not "equal". More seeds, or the same seeds
#    and data for both and an interval of the differences.
#
# === END MARK SCHEME ===

# %% [markdown]
# ## Put it to use
#
# Nothing here is graded. A small Transformer learns, in a few seconds, to read dates as people
# write them ("17 December 1971", "Feb 17, 2010", "1971년 12월 17일") and to say the last digit of
# the day. Of this answer we know the right reason: it is one character, often not the only one of
# its kind. Then your instruments look inside.
#
# Before you run the cell: will rollout, which follows attention, and leave-one-out, which follows
# the output, both put that digit first? And how large will Kendall's τ between the two be, over all
# characters? Write down a number.

# %% role="use" problem="put_to_use"
import random

from torch import nn
from torch.func import functional_call
from torch.nn import functional

from course.dates import alphabet, drawn
from course.plots import BLUE, ORANGE, panels, use_style

INSTRUMENTS = (
    "head_entropy",
    "attention_rollout",
    "leave_one_out",
    "kendall_tau",
    "head_importance",
    "mean_and_interval",
)
for name in INSTRUMENTS:
    check(name)

MASK, PAD, LENGTH = 0, 1, 19  # the model answers at the first place, where a MASK stands
D_MODEL, HEADS, LAYERS, STEPS, BATCH = 32, 4, 2, 400, 32
ids = {character: number for number, character in enumerate(alphabet(), start=2)}


class Reader(nn.Module):
    """The last digit of the day, from a written date: (b, n) ints -> (b, 10) logits."""

    def __init__(self):
        super().__init__()
        self.characters = nn.Embedding(len(ids) + 2, D_MODEL)
        self.places = nn.Embedding(LENGTH, D_MODEL)
        self.attends = nn.ModuleList(
            nn.MultiheadAttention(D_MODEL, HEADS, batch_first=True) for _ in range(LAYERS)
        )
        self.feeds = nn.ModuleList(
            nn.Sequential(nn.Linear(D_MODEL, 64), nn.ReLU(), nn.Linear(64, D_MODEL))
            for _ in range(LAYERS)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(D_MODEL) for _ in range(2 * LAYERS))
        self.answer = nn.Linear(D_MODEL, 10)

    def forward(self, tokens):
        x = self.characters(tokens) + self.places.weight[: tokens.shape[1]]
        self.maps = []  # of each layer (b, h, n, n)
        for layer, (attend, feed) in enumerate(zip(self.attends, self.feeds, strict=True)):
            y = self.norms[2 * layer](x)
            out, weights = attend(
                y, y, y, key_padding_mask=tokens == PAD, average_attn_weights=False
            )
            self.maps.append(weights)
            x = x + out
            x = x + feed(self.norms[2 * layer + 1](x))
        return self.answer(x[:, 0])


def encoded(text):
    """A place to answer at, then the characters of a text."""
    return torch.tensor([MASK, *(ids[character] for character in text)])


def dates(count, seed, days):
    """Written dates as (count, LENGTH) ints, the last digits of their days, and their texts."""
    pairs = [pair for pair in drawn(2 * count, random.Random(seed), days) if len(pair.source) < 19]
    rows = [functional.pad(encoded(pair.source), (0, LENGTH), value=PAD)[:LENGTH] for pair in pairs]
    digits = torch.tensor([int(pair.target[-1]) for pair in pairs])
    return torch.stack(rows)[:count], digits[:count], [pair.source for pair in pairs][:count]


torch.set_num_threads(1)  # layers as small as these gain nothing from more
torch.manual_seed(0)
model = Reader()
optimizer = torch.optim.Adam(model.parameters())
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=STEPS)
tokens, digits, _ = dates(4000, 0, "train")
for _ in range(STEPS):
    chosen = torch.randint(len(tokens), (BATCH,))
    some = tokens[chosen]
    hidden = (torch.rand(some.shape) < 0.1) & (some != PAD)  # a MASK must be nothing new to it
    loss = functional.cross_entropy(model(some.masked_fill(hidden, MASK)), digits[chosen])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
model.eval().requires_grad_(False)
unseen, asked, texts = dates(500, 1, "valid")
right = (model(unseen).argmax(dim=-1) == asked).double().mean().item()
print(f"of 500 dates of other days, it reads {right:.1%} rightly\n")


def predict(tokens):
    return model(tokens[None]).softmax(dim=-1)[0]


def rollout_of(text):
    """How much of each character reaches the answer, (n,)."""
    model(encoded(text)[None])
    return attention_rollout([maps[0].mean(dim=0) for maps in model.maps])[0, 1:]


def without(text):
    """What the answer loses without each character, (n,)."""
    return leave_one_out(predict, encoded(text), MASK)[1:]


taus = [kendall_tau(rollout_of(text), without(text)) for text in texts[:40]]
mean, half = mean_and_interval(taus)
print(f"rollout and leave-one-out, Kendall's tau over 40 dates: {mean:.2f} ± {half:.2f}")


def loss_of(factors):
    """The loss on the unseen dates, each head's output times its factor."""
    scales = factors.view(LAYERS, HEADS).repeat_interleave(D_MODEL // HEADS, dim=1)
    scaled = {
        f"attends.{layer}.out_proj.weight": attend.out_proj.weight * scales[layer]
        for layer, attend in enumerate(model.attends)
    }
    return functional.cross_entropy(functional_call(model, scaled, (unseen,)), asked).item()


use_style()
shown = "17 December 1971"
rows = ("rollout", rollout_of(shown), BLUE), ("leave-one-out", without(shown), ORANGE)
entropies = torch.cat([head_entropy(maps[0]) for maps in model.maps])
importances = head_importance(loss_of, LAYERS * HEADS)
print(f'\nlayer, head, entropy of its map of "{shown}", by how much the loss rises without it')
for head, numbers in enumerate(zip(entropies.tolist(), importances.tolist(), strict=True)):
    print("{:5} {:5} {:8.2f} {:z11.3f}".format(*divmod(head, HEADS), *numbers))

for ax, (title, scores, color) in zip(panels(2, 1, width=6.5, height=1.9), rows, strict=True):
    ax.bar(range(len(shown)), scores.tolist(), color=color)
    ax.set_xticks(range(len(shown)), shown)
    ax.set(title=title, ylabel="share" if color == BLUE else "probability lost")
assert right > 0.9

# %% [markdown]
# *Figure: for "17 December 1971", whose answer is 7, a bar for each character. Above, how much of
# it reaches the answer by rollout; below, how much of the answer's probability is lost without it.*
#
# Compare three things. Which character has the highest bar in each panel? How large is τ, and how
# does that fit? (τ counts all pairs of characters alike, and most pairs lie among those that hardly
# matter.) And is a head with a low entropy an important one? A map, a ranking and a loss answer
# different questions.
