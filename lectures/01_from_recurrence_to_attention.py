# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 01 · From recurrence to attention
#
# *About 45 minutes. You need [lecture 00](00_orientation.ipynb): tensors and shapes. You should
# have seen a derivative and a training loop.*
#
# **The question.** Lecture 00 took a sentence as a block of numbers, all words side by side. A
# recurrent network reads it as we do, word by word, and carries what it has read in one state.
# What does such a network forget, why, and what can be done about it?
#
# **Afterwards you can**
#
# - follow one word through a recurrent network by hand, and say what is left of it some steps
#   later;
# - say why this fades or explodes, what a gate changes about it, and what reading in both
#   directions does not change;
# - say what attention adds: each state gets a score, scores become weights, and the result is a
#   weighted mean of all states;
# - say which claims about recurrent networks depend on how long they were trained.

# %%
import itertools
import math

import torch
from einops import reduce
from ipywidgets import FloatSlider
from torch import nn

from course.claims import claim
from course.experiments import table
from course.experiments.recall import LENGTHS, MODELS, RECURRENT, learn
from course.knobs import Knobs
from course.plots import BLUE, GREEN, ORANGE, PURPLE, panels, spread, use_style

torch.set_num_threads(1)
use_style()

# %% [markdown]
# ## 1 · By hand: what is left of *I*
#
# Let every word of **I go home** be a single number: *I* = 8, *go* = 4, *home* = 2. Let the state
# of the network be a single number, too. At each word the network keeps half of its state and adds
# the word:
#
# $$h_t = \tfrac12\, h_{t-1} + x_t, \qquad h_0 = 0$$
#
# **Predict** the three states. The last one is all that the network has when the sentence is over:
# how much of it comes from *I*? And how much if a hundred more words follow?
#
# <details><summary>Answer</summary>
#
# 8, then 4 + 4 = 8, then 4 + 2 = 6. The 8 of *I* was halved twice, so 2 of the 6 come from *I*.
# After a hundred more words it has been halved 102 times.
#
# </details>

# %%
words = torch.tensor([8.0, 4, 2], requires_grad=True)  # (n,): I, go, home
state_i = words[0]
state_go = state_i / 2 + words[1]
state_home = state_go / 2 + words[2]
states = torch.stack([state_i, state_go, state_home])  # (n,)
[share] = torch.autograd.grad(state_home, words, retain_graph=True)  # (n,)
print("states", states.tolist(), " derivatives of the last by each word", share.tolist())

assert states.tolist() == [8, 8, 6]
assert share.tolist() == [0.25, 0.5, 1]  # one half for each step on the way
assert (share * words).tolist() == [2, 2, 2]  # what each word gave to the 6

# %% [markdown]
# How much a result depends on a word is the **derivative** of the result by the word: if *I* grows
# by a little, the last state grows by a quarter of it. With a weight w in place of ½, the
# derivative is w once for every step in between: **w to the power of the distance**.
#
# This is also what learning has to live on. A mistake that is noticed at the end is traced back to
# the words by the same derivative, and where the derivative is 0, nothing is learnt.

# %%
for distance in (1, 2, 10, 50, 100):
    print(f"distance {distance:3d}: 0.5 to its power is {0.5**distance:.2g}")

assert 0.5**10 < 1e-3
assert 0.5**100 < 1e-30

# %% [markdown]
# ### A way around
#
# The state after *I* was 8, whole and unhalved. It is only overwritten. Suppose we keep all states,
# and make the result from all three. Each state gets a **score**, here 2, 1, 1. Scores become
# **weights**: we divide by their sum, so that the weights are ½, ¼, ¼ and sum to 1. The result is
# the **weighted mean** of the states.
#
# **Predict** the result, and its derivative by *I* (the weights stay as they are).
#
# <details><summary>Answer</summary>
#
# ½ · 8 + ¼ · 8 + ¼ · 6 = 7.5. *I* comes by three ways: straight from its own state with ½, through
# the state of *go* with ¼ · ½, through that of *home* with ¼ · ¼. Together 11/16 ≈ 0.69.
#
# </details>

# %%
scores = torch.tensor([2.0, 1, 1])  # (n,), chosen by us
weights = scores / scores.sum()  # (n,)
mean = (weights * states).sum()
[share] = torch.autograd.grad(mean, words)
print("result", mean.item(), " derivatives by each word", share.tolist())

assert weights.tolist() == [0.5, 0.25, 0.25]
assert mean == 7.5
assert share[0] == 11 / 16

# %% [markdown]
# The straight way has no halving in it, however many words follow. This is **attention** as it was
# first used with recurrent networks. Where good scores come from, and what to do about a negative
# one, is the question of [lecture 02](02_self_attention.ipynb).
#
# ## 2 · Definition
#
# ### The state, and what a step does to it
#
# Words and states are vectors. The recurrent network of torch, written with rows:
#
# $$h_t = \tanh(x_t W_x + h_{t-1} W_h + b), \qquad h_0 = 0$$
#
# | symbol | is | shape |
# | --- | --- | --- |
# | $x_t$ | word t; all words | (d_model,); (n, d_model) |
# | $h_t$ | state after word t; all states | (d,); (n, d) |
# | $W_x$ | what a word does to the state | (d_model, d) |
# | $W_h$ | what the old state does to the new one | (d, d) |
# | $b$ | bias | (d,) |
#
# The **summary** of the sentence is the last state $h_n$. A small change of $x_t$ goes through
# $W_x$ into $h_t$, and then through one factor for each step. The slope of tanh is $1 - h^2$, so
# with $D_s$ for the diagonal matrix of $1 - h_s^2$,
#
# $$\frac{\partial h_n}{\partial x_t} = W_x D_t \; \cdot \; \underbrace{W_h D_{t+1} \; W_h D_{t+2}
#   \cdots W_h D_n}_{n - t \text{ factors}}$$
#
# This is ½ · ½ · … again, with matrices. A matrix of all derivatives of one vector by another is
# called a **Jacobian**; here row r, column c tells how much entry c of the summary changes with
# entry r of the word. A chain of steps is a product of Jacobians. For **I go home** with `d_model`
# = d = 4 and random weights, step by step, beside torch:

# %%
torch.manual_seed(0)
rnn = nn.RNN(4, 4).double()
x = torch.randn(3, 4, dtype=torch.double)  # (n, d_model): I, go, home
w_x, w_h = rnn.weight_ih_l0.T, rnn.weight_hh_l0.T  # (d_model, d), (d, d): torch keeps transposes
b = rnn.bias_ih_l0 + rnn.bias_hh_l0  # (d,): torch has two
after_i = (x[0] @ w_x + b).tanh()  # (d,); the state before was 0
after_go = (x[1] @ w_x + after_i @ w_h + b).tanh()
after_home = (x[2] @ w_x + after_go @ w_h + b).tanh()

slope_i, slope_go, slope_home = (
    torch.diag(1 - h.square()) for h in (after_i, after_go, after_home)
)  # (d, d) each
by_hand = w_x @ slope_i @ w_h @ slope_go @ w_h @ slope_home  # (d_model, d)


def summary_of(x):
    """The last state that the network has. x (n, d_model) -> (d,)."""
    return rnn(x)[0][-1]


by_torch = torch.autograd.functional.jacobian(summary_of, x)  # (d, n, d_model)
print("summaries differ by  ", (summary_of(x) - after_home).abs().max().item())
print("derivatives differ by", (by_torch[:, 0].T - by_hand).abs().max().item())

torch.testing.assert_close(summary_of(x), after_home, rtol=0, atol=1e-12)
torch.testing.assert_close(by_torch[:, 0].T, by_hand, rtol=0, atol=1e-12)

# %% [markdown]
# ### Three ways to help
#
# **Gates.** An LSTM carries a second state, $c_t = f_t \odot c_{t-1} + i_t \odot g_t$: the old one
# times a **forget gate** $f_t$, plus something new (⊙ multiplies entry by entry). On this way the
# factor of a step is no matrix and no slope, but a number between 0 and 1 for each entry, and the
# network learns when to have it near 1. A fresh LSTM has gates near ½. A GRU has a gate for the
# same purpose and no second state.
#
# **Both directions.** A **bidirectional RNN** is two networks: one reads the sentence forwards, the
# other backwards. Put side by side, their final states have seen everything, the one last the last
# word, the other last the first word. Beware: the *output at the last word* holds the backward
# network's state after reading just that one word.
#
# **Attention.** Keep all states and take a weighted mean. We score a state by its inner product
# with a vector v, and let `softmax` turn scores into weights (lecture 02 takes it apart; all
# weights are positive, and they sum to 1):
#
# $$\text{score}_t = h_t \cdot v, \qquad \text{weights} = \mathrm{softmax}(\text{scores}), \qquad
#   \text{summary} = \sum_{t=1}^{n} \text{weight}_t \; h_t$$
#
# | | shape |
# | --- | --- |
# | states | (n, d) |
# | v | (d,) |
# | scores, weights | (n,) |
# | summary | (d,) |


# %%
def mean_state(states, v):
    """Score each state, turn scores into weights, mix. states (n, d), v (d,) -> (d,)."""
    scores = states @ v  # (n, d) @ (d,) -> (n,)
    weights = scores.softmax(dim=0)  # (n,), positive, sum 1
    return weights @ states  # (n,) @ (n, d) -> (d,)


# %% [markdown]
# ## 3 · Break it: a larger weight
#
# If ½ to the power of the distance is too little, why not take a larger weight?
#
# **Predict.** The state is a single number, each word is 0.1, and w = 2. What is the derivative
# over 50 steps for $h_t = w\,h_{t-1} + x_t$? And for $h_t = \tanh(w\,h_{t-1} + x_t)$?
#
# <details><summary>Answer</summary>
#
# $2^{50}$, about $10^{15}$: it **explodes**. With tanh the state itself soon grows until tanh is
# flat there: it **saturates**. Each step then multiplies by $w (1 - h^2)$, which is far below 1,
# and the derivative fades again.
#
# </details>


# %%
def over_steps(w, steps, word=0.1):
    """Derivative over some steps of a state of one number, and that state, with tanh."""
    state, derivative = 0.0, 1.0
    for _ in range(steps):
        state = math.tanh(w * state + word)
        derivative *= w * (1 - state**2)  # the slope of this step
    return derivative, state


for w in (0.5, 1.0, 2.0, 4.0):
    derivative, state = over_steps(w, 50)
    print(f"w {w}: without tanh {w**50:.0e}, with tanh {derivative:.0e}, at state {state:.3f}")

assert 2.0**50 > 1e15
assert over_steps(2.0, 50)[0] < 1e-30  # saturated
assert over_steps(2.0, 50)[1] > 0.9
assert all(over_steps(w, 50)[0] < 1e-8 for w in (0.5, 1.0, 2.0, 4.0))

# %% [markdown]
# With one number and tanh, each of these weights fades, for one reason or the other. A state of
# many numbers can do both: some entries saturate while others pass on more than they get. We take
# 101 random words, `d_model` = d = 32, an RNN as torch makes it, and multiply its $W_h$ by a
# *gain*. What we measure from here on is the **size** of the derivative of the summary by word t:
# the root of the sum of the squares of its 32 · 32 entries. We count the **distance** from the
# last word, which has distance 0.
#
# We calculate in float64. float32 ends near $10^{-45}$ and would show plain zeros too soon.

# %%
n, d = 101, 32
seeds = range(5)


def sizes(summary, x):
    """Size of ∂ summary / ∂ word, by distance from the last. summary: (n, d) -> (m,); (n,)."""
    jacobian = torch.autograd.functional.jacobian(summary, x)  # (m, n, d)
    return reduce(jacobian.square(), "m n d -> n", "sum").sqrt().flip(0)


def start(seed):
    """Random words (n, d) in float64; fixes the weights of the networks that follow, too."""
    torch.manual_seed(seed)
    return torch.randn(n, d, dtype=torch.double)


def with_gain(gain, seed):
    """Sizes by distance (n,), for an RNN whose recurrent matrix is multiplied by gain."""
    x, rnn = start(seed), nn.RNN(d, d).double()
    with torch.no_grad():
        rnn.weight_hh_l0 *= gain
    return sizes(lambda x: rnn(x)[0][-1], x)


gains = {1: (ORANGE, "s", "-"), 2: ("0.65", "^", "--"), 3: ("0.4", "D", "-."), 8: ("0", "o", ":")}
by_gain = {gain: torch.stack([with_gain(gain, seed) for seed in seeds]) for gain in gains}
for gain, runs in by_gain.items():
    print(f"gain {gain}, distance 50:", [f"{size:.0e}" for size in runs[:, 50].tolist()])


# %%
def distance_axes():
    """Axes for sizes by distance."""
    [ax] = panels(1, 1, 6.6, 3.9)
    ax.set(xlabel="distance from the last word", ylabel="size of the derivative", yscale="log")
    return ax


def curve(ax, runs, label, color, marker, dashes="-"):
    """The median of seeds, and a band from the least to the most, at every tenth distance."""
    at, runs = range(0, n, 10), runs[:, ::10]  # runs (seeds, n)
    ax.plot(at, runs.median(dim=0).values, dashes, color=color, marker=marker, label=label)
    ax.fill_between(at, runs.amin(0), runs.amax(0), color=color, alpha=0.2, linewidth=0)


ax = distance_axes()
for gain, (color, marker, dashes) in gains.items():
    curve(ax, by_gain[gain], f"gain {gain}", color, marker, dashes)
ax.set_title("$W_h$ times a gain, 5 seeds")
_ = ax.legend(loc="lower left")

# %% [markdown]
# *Figure: size of the derivative against distance from 0 to 100, logarithmic. With gain 1 it falls
# in a straight line by some thirty powers of ten; with gain 2 it falls more slowly; with gain 3 it
# runs nearly level; with gain 8 it rises by more than ten powers of ten.*
#
# A straight line on a logarithmic axis means: the same factor at each step. Turn the gain yourself:
# for which gain does the line stay level? Then change the seed in the code. Is it the same gain?


# %%
def draw_gain(gain):
    """Sizes by distance for one gain, seed 0."""
    ax = distance_axes()
    ax.plot(with_gain(gain, seed=0), color=ORANGE)
    ax.set(ylim=(1e-36, 1e20), title=f"gain {gain}, seed 0")


Knobs(draw_gain, gain=FloatSlider(2.5, min=0.5, max=8, step=0.25, description="gain"))

# %%
claim(
    "An RNN whose recurrent matrix is eight times as large explodes",
    figure="size of the derivative at distance 50 / at distance 1",
    values=(by_gain[8][:, 50] / by_gain[8][:, 1]).tolist(),
    above=1e3,
    without="the matrix as torch makes it",
    broken=(by_gain[1][:, 50] / by_gain[1][:, 1]).tolist(),
)
assert (by_gain[8][:, 100] / by_gain[8][:, 0]).min() > 1e10

# %% [markdown]
# **Claim.** On five seeds, with a gain of 8 the derivative grows by more than a factor of 1,000
# from distance 1 to distance 50. Without the gain it shrinks.
#
# So the factor of a step must be 1, neither more nor less, for a hundred steps. A gradient that
# explodes can be cut to a fixed length before the step ("clipping": Pascanu, Mikolov and Bengio,
# 2013). For one that has faded there is nothing left to rescale: what the far words have to say
# is lost among the near ones.
#
# **What it does not show.** That no matrix keeps the size. Orthogonal ones do so without tanh, and
# to start from the identity is a known remedy (Le, Jaitly and Hinton, 2015). Here we look at what
# torch gives you.
#
# ## 4 · Experiment: how far does a word reach?
#
# Now the four networks side by side, on the same 101 random words: an RNN, an LSTM, a bidirectional
# RNN and an RNN with attention, all untrained, as torch makes them. The RNN and the forward half of
# the bidirectional one share their weights, so that they can be compared; attention stands on the
# states of the same RNN.
#
# **Predict** five curves: against the distance from the last word, does the size fall, rise, or
# stay? The bidirectional RNN counts twice: with its final states, and with its output at the last
# word.
#
# <details><summary>Answer</summary>
#
# RNN and LSTM fall in straight lines: a factor at each step. The final states of the bidirectional
# RNN give a valley: the backward network is good at what lies far from the end, because for it
# these words come last; the middle is far from both. The output at the last word is as the RNN:
# the backward network has read one word. Attention stays level: the straight way is as good for
# every word.
#
# </details>


# %%
def reaches(seed):
    """Sizes by distance (n,) of five summaries of the same random words."""
    x = start(seed)
    both = nn.RNN(d, d, bidirectional=True).double()
    rnn, lstm = nn.RNN(d, d).double(), nn.LSTM(d, d).double()
    rnn.load_state_dict({name: both.state_dict()[name] for name in rnn.state_dict()})
    v = torch.randn(d, dtype=torch.double) / d**0.5  # (d,)
    return {
        "RNN": sizes(lambda x: rnn(x)[0][-1], x),
        "LSTM": sizes(lambda x: lstm(x)[0][-1], x),
        "bidirectional, final states": sizes(lambda x: both(x)[1].flatten(), x),  # (2, d) -> (2 d,)
        "bidirectional, at the last word": sizes(lambda x: both(x)[0][-1], x),  # (2 d,)
        "RNN with attention": sizes(lambda x: mean_state(rnn(x)[0], v), x),
    }


runs = [reaches(seed) for seed in seeds]
reach = {name: torch.stack([run[name] for run in runs]) for name in runs[0]}  # (seeds, n) each
for name, found in reach.items():
    typical = found.median(dim=0).values
    print(f"{name:32s}", *(f"{at:3d}: {typical[at]:.0e}" for at in (0, 1, 10, 50, 100)), sep="  ")

# %%
looks = {
    "RNN": (ORANGE, "s"),
    "LSTM": (PURPLE, "^"),
    "bidirectional, final states": ("0.35", "P"),
    "RNN with attention": (BLUE, "v", "--"),
}
ax = distance_axes()
for name, look in looks.items():
    curve(ax, reach[name], name, *look)
name = "bidirectional, at the last word"  # it lies on the RNN: rings only
rings = {"linestyle": "none", "marker": "o", "markerfacecolor": "none", "markersize": 9}
ax.plot(range(0, n, 10), reach[name].median(0).values[::10], color="black", label=name, **rings)
ax.set_title("untrained networks, 101 words, 5 seeds")
_ = ax.legend(loc="lower left", fontsize=8)

# %% [markdown]
# *Figure: size of the derivative against distance, logarithmic. RNN and LSTM fall in straight
# lines, by more than twenty powers of ten. The rings of the bidirectional RNN at the last word lie
# on the line of the RNN. Its final states make a valley, high at both ends. The RNN with attention
# runs level near the top.*

# %%
at_50 = {name: found[:, 50].tolist() for name, found in reach.items()}
size_at_50 = "size of the derivative at distance 50"
claim(
    "A word fades in an RNN",
    figure=size_at_50,
    values=at_50["RNN"],
    below=1e-9,
    without="with attention over its states",
    broken=at_50["RNN with attention"],
)
claim(
    "With attention over the states of the same RNN, every word reaches the summary",
    figure="least size of the derivative at any distance",
    values=reach["RNN with attention"].amin(dim=1).tolist(),
    above=1e-3,
    without="the last state in place of the weighted mean",
    broken=reach["RNN"].amin(dim=1).tolist(),
)
claim(
    "In a bidirectional RNN the middle fades, although the final states have seen it",
    figure=size_at_50,
    values=at_50["bidirectional, final states"],
    below=1e-9,
    without="the first word (distance 100) in place of the middle",
    broken=reach["bidirectional, final states"][:, 100].tolist(),
)
for name in ("RNN", "LSTM"):
    assert (reach[name][:, 0] / reach[name][:, 100]).min() > 1e20
    per_step = (reach[name][:, 100] / reach[name][:, 10]) ** (1 / 90)  # (seeds,)
    print(f"{name}: times {per_step.min():.2f} to {per_step.max():.2f} at each step")
    assert per_step.min() > 0.3
    assert per_step.max() < 0.75
one_way = reach["RNN"][:, 1:], reach["bidirectional, at the last word"][:, 1:]
torch.testing.assert_close(*one_way, rtol=1e-6, atol=0)  # the backward half adds nothing

# %% [markdown]
# **Claim.** On five seeds, the word at distance 50 has a derivative below 1e-9 in the RNN, and the
# same holds for the middle in a bidirectional RNN, whose first word is well heard. With attention
# no word of the 101 falls below 1e-3. The output of a bidirectional RNN at the last word is, for
# all words but that one, the RNN over again. RNN and LSTM lose about half at each step: the factor
# lies between .3 and .75.
#
# The level of attention is not high. Its weights sum to 1, so a state has a share of 1/101 on
# average. It pays for the length of the sentence, and not for the distance of the word.
#
# ### Is it the LSTM, or its gate?
#
# The LSTM falls as well. But its factor is the forget gate, and a fresh gate stands near ½. Let us
# open it: a larger bias in the forget gate, 5 more than torch's.
#
# **Predict** the factor of a step with a bias of 5, and what a hundred steps leave of 1.
#
# <details><summary>Answer</summary>
#
# The gate is sigmoid(5) ≈ 0.993, and 0.993 to the power of 100 is about ½.
#
# </details>


# %%
def open_gate(lstm, more=5.0):
    """Add to the bias of the forget gate of an LSTM."""
    forget = lstm.bias_ih_l0.chunk(4)[1]  # (d,); torch's order: input, forget, cell, output
    with torch.no_grad():
        forget += more


def lstm_at_50(more, seed):
    """Size at distance 50 for an LSTM with more bias in its forget gate."""
    x, lstm = start(seed), nn.LSTM(d, d).double()
    open_gate(lstm, more)
    return sizes(lambda x: lstm(x)[0][-1], x)[50].item()


gate = torch.tensor(5.0).sigmoid().item()
print(f"gate {gate:.3f}, to the power of 100: {gate**100:.2f}")
claim(
    "A word fades in a fresh LSTM, because its forget gate is half closed",
    figure=size_at_50,
    values=[lstm_at_50(0, seed) for seed in seeds],
    below=1e-6,
    without="with 5 more in the bias of the forget gate",
    broken=[lstm_at_50(5, seed) for seed in seeds],
)
assert round(gate, 3) == 0.993
assert 0.45 < gate**100 < 0.55

# %% [markdown]
# **Claim.** On five seeds a fresh LSTM has a derivative below 1e-6 at distance 50, and with an open
# forget gate it has not.
#
# **What it does not show.** That an LSTM must forget. It *can* remember, if its gates learn to stay
# open; this is what it was invented for. What the figure shows is the start of training, where a
# faded gradient has to teach the gates just that. Nor does the figure show that a word which
# reaches the summary is put to use there. For both we need a task.
#
# ## 5 · Experiment: which word came first?
#
# The task: n tokens, each drawn at random from 8; say which was the first. Guessing gives an
# accuracy of 1/8. It takes no understanding, only memory, and the distance is n − 1. Six readers,
# all with d = 64:
#
# | reader | states | summary |
# | --- | --- | --- |
# | RNN, LSTM, GRU | recurrent | the last state |
# | RNN with attention | recurrent | weighted mean of all states |
# | attention | token + position, no recurrence | weighted mean of all states |
# | attention, no positions | token, no recurrence | weighted mean of all states |
#
# A linear layer makes the answer from the summary. Attention is our `mean_state`, with a learnt v.
# The last but one reader drops the recurrence altogether. Then a state does not know *where* it
# stands, and so we add to each token a vector for its position, learnt like all the rest (lecture
# 06 is about positions). The last reader does without.
#
# **The budget.** Adam, batches of 32 fresh sequences, at most 300 steps; training stops when 400
# fresh sequences are answered with an accuracy of .99. Learning rates .001, .003 and .01, three
# seeds each; each reader is judged, at each n, by the rate that serves it best.
#
# **Predict.** Which readers solve n = 5, 20, 160? What can the reader without positions do?
#
# <details><summary>Answer</summary>
#
# All but the last solve n = 5. At 20 the RNN and the LSTM are lost, and the GRU is not. At 160
# attention with positions is sure, the RNN with attention nearly so, and the others guess. Without
# positions the weighted mean is the same for every order of the tokens. That reader can tell at
# best which token occurs *often*, and for few tokens this is better than a guess.
#
# </details>
#
# One seed live, at n = 80 and rate .003, beside the table that `make experiments` has written:

# %%
recall = table("recall")
steps, long_steps = recall.settings["steps"], recall.settings["long"]["steps"]
print(f"table of {recall.date}, torch {recall.versions['torch']}: up to {steps} steps")
readers = {}
for model in MODELS:
    readers[model], row = learn(model, n=80, rate=0.003, seed=0, steps=steps)
    [in_table] = recall.column("accuracy", model=model, n=80, rate=0.003, seed=0, budget=steps)
    print(f"{model:24s} live {row['accuracy']:.3f} ({row['steps']} steps), table {in_table:.3f}")
    assert abs(row["accuracy"] - in_table) < 0.1  # processors round differently

told = {"steps": 300, "batch": 32, "vocab": 8, "d_model": 64, "rates": [0.001, 0.003, 0.01]}
assert told.items() <= recall.settings.items()
assert long_steps == 1500


# %%
def accuracies(model, n, budget, rate):
    """Accuracy of each seed, from the table: (seeds,)."""
    return torch.tensor(recall.column("accuracy", model=model, n=n, budget=budget, rate=rate))


def best(model, n):
    """Accuracy of each seed with the rate that serves the model best at this n: (seeds,)."""
    tried = [accuracies(model, n, steps, rate) for rate in recall.settings["rates"]]
    return max(tried, key=lambda each: each.mean())


by_length = {model: torch.stack([best(model, n) for n in LENGTHS], dim=1) for model in MODELS}
print("accuracy, least to most of three seeds, at the best rate; n =", *LENGTHS)
for model, found in by_length.items():  # (seeds, lengths)
    print(f"{model:24s}", *(f"{each.min():.2f}–{each.max():.2f}" for each in found.T), sep="  ")

long_lengths = recall.settings["long"]["lengths"]
longer = {
    model: torch.stack([accuracies(model, n, long_steps, 0.01) for n in long_lengths], dim=1)
    for model in RECURRENT
}
print(f"with up to {long_steps} steps at rate .01; n =", *long_lengths)
for model, found in longer.items():
    print(f"{model:24s}", *(f"{each.min():.2f}–{each.max():.2f}" for each in found.T), sep="  ")

# %%
left, right = panels(1, 2, 4.6, 4.2)
looks = {
    "RNN": (ORANGE, "s", "-"),
    "LSTM": (PURPLE, "^", "-"),
    "GRU": (GREEN, "D", "-"),
    "RNN with attention": (BLUE, "v", "--"),
    "attention": (BLUE, "o", "-"),
    "attention, no positions": ("0.6", "x", ":"),
}
for ax, runs, lengths, title in (
    (left, by_length, LENGTHS, f"up to {steps} steps, the best of three rates"),
    (right, longer, long_lengths, f"up to {long_steps:,} steps, rate .01"),
):
    for model, found in runs.items():
        color, marker, dashes = looks[model]
        spread(ax, lengths, found, label=model, color=color, marker=marker)
        ax.lines[-1].set_linestyle(dashes)
    ax.axhline(1 / 8, color="black", linewidth=1, label="a guess")
    ax.set_xscale("log", base=2)
    ax.set_xticks(lengths, lengths)
    ax.set(xlabel="tokens n", ylabel="accuracy", ylim=(0, 1.05), title=title)
_ = left.figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)

# %% [markdown]
# *Figure: accuracy against tokens from 5 to 160. Left, up to 300 steps: attention stays at 1; the
# RNN with attention too, but for a dip at 160; the RNN and the LSTM drop to the thin line of a
# guess between 5 and 20 tokens, the GRU between 40 and 80; attention without positions starts
# below .5 and sinks to a guess. Right, up to 1,500 steps: the GRU solves 40 and 80 and lies
# between at 160; RNN and LSTM stay at a guess.*

# %%
accuracy = "accuracy (1/8 for a guess)"
claim(
    "In 300 steps, attention learns which of 160 tokens came first",
    figure=accuracy,
    values=best("attention", 160).tolist(),
    above=0.95,
    without="without positions",
    broken=best("attention, no positions", 160).tolist(),
)
lost = [
    accuracies(model, 160, steps, rate)
    for model, rate in itertools.product(RECURRENT, recall.settings["rates"])
]  # 9 times (seeds,)
claim(
    "In 300 steps, none of RNN, LSTM and GRU does, with any of the three rates",
    figure="the best of nine accuracies",
    values=torch.stack(lost).amax(dim=0).tolist(),
    below=0.25,
    without="with attention over the states of the RNN",
    broken=best("RNN with attention", 160).tolist(),
)
claim(
    "A GRU does not learn which of 80 tokens came first, because 300 steps are too few",
    figure=accuracy,
    values=best("GRU", 80).tolist(),
    below=0.25,
    without=f"with up to {long_steps:,} steps, rate .01",
    broken=accuracies("GRU", 80, long_steps, 0.01).tolist(),
)

# %%
at = {n: column for column, n in enumerate(LENGTHS)}
for model in ("RNN", "LSTM"):
    assert by_length[model][:, at[5]].min() > 0.95
    assert by_length[model][:, at[20] :].max() < 0.25
    assert longer[model].max() < 0.25
assert by_length["GRU"][:, : at[80]].min() > 0.95
assert all(accuracies("GRU", 40, steps, rate).max() < 0.25 for rate in (0.001, 0.003))
assert by_length["RNN with attention"][:, : at[160]].min() > 0.95
assert by_length["attention"].min() > 0.95
assert (longer["GRU"][:, 2] > 0.95).sum() == 1  # n = 160: one seed of three
assert by_length["attention, no positions"].max() < 0.5

# %% [markdown]
# **Claim.** Within 300 steps of 32 sequences, on three seeds, attention with positions names the
# first of 160 tokens with an accuracy above .95. RNN, LSTM and GRU stay below .25 there, with all
# of three rates; with the rate that serves them best, RNN and LSTM do so from 20 tokens on, the
# GRU from 80. Put attention on the states of the RNN, and it solves 80 tokens.
#
# **The budget is part of the claim.** At rate .01 the GRU solves 40 tokens within the 300 steps;
# at .003 and .001 it does not. With 1,500 steps at rate .01 it solves 80 tokens on all seeds, and
# 160 on one of three. A faded gradient is not a wall: it makes learning slow, and it leaves much
# to luck.
#
# ### From the gradient to the task
#
# Is it the faded gradient that makes the LSTM fail, or something else about it? Section 4 has a
# way to find out: the same LSTM, but with a gate that starts open.
#
# **Predict.** Does it solve 40 tokens within the 300 steps?
#
# <details><summary>Answer</summary>
#
# It does, on all three seeds, in about half of the steps. From 20 tokens on, the LSTM as torch
# makes it could only guess.
#
# </details>

# %%
opened = []
for seed in range(3):
    _, row = learn("LSTM", 40, 0.01, seed, steps, change=lambda reader: open_gate(reader.recurrent))
    print(f"seed {seed}: accuracy {row['accuracy']:.3f} after {row['steps']} steps")
    opened.append(row["accuracy"])
claim(
    "An LSTM whose forget gate starts open learns which of 40 tokens came first, in 300 steps",
    figure=accuracy,
    values=opened,
    above=0.95,
    without="with the gate as torch makes it, the best of three rates",
    broken=best("LSTM", 40).tolist(),
)

# %% [markdown]
# **Claim.** On three seeds, an LSTM with 5 more in the bias of its forget gate solves 40 tokens
# within the budget, and the LSTM as torch makes it does not. Nothing else was changed. An open
# gate carries the state forward as well as the gradient back; it is the same product of factors,
# and the two cannot be told apart here.
#
# What did the reader with attention learn? Let us look at its weights on a sequence of 80 tokens.

# %%
tokens = torch.randint(8, (1, 80), generator=torch.Generator().manual_seed(1))  # (1, n)
[ax] = panels(1, 1, 6.6, 2.8)
for model in ("attention", "attention, no positions"):
    reader, (color, marker, dashes) = readers[model], looks[model]
    with torch.no_grad():
        weights = reader.weights(reader.states(tokens))[0]  # (n,)
    ax.plot(range(1, 81), weights, dashes, color=color, marker=marker, markersize=4, label=model)
    print(f"{model:24s} weight of the first token {weights[0]:.2f}, sum {weights.sum():.2f}")
    assert weights[0] > 0.5 if model == "attention" else weights.max() < 0.1
ax.set(xlabel="token", ylabel="weight", ylim=(-0.05, 1.05), title="weights of 80 states, seed 0")
_ = ax.legend(loc="upper right")

# %% [markdown]
# *Figure: the weights of 80 states. With positions the first has nearly all and the others nearly
# none. Without positions the weights are small everywhere.*
#
# It finds the first token by a score, and takes it whole. How far away it stands plays no part.
#
# **What it does not show.** That recurrent networks cannot do this: with more steps or with open
# gates they get further, and we have not searched for the best of them. Nor that attention
# is better at all things. The task was made to need one far token and nothing else; with five
# tokens all the recurrent networks solve it. And the reader with positions has learnt 80 vectors
# for 80 places: a recurrent network can read an 81st token, and this reader cannot.
#
# ## 6 · From the bottleneck to attention alone
#
# Early neural translators (Cho et al., 2014; Sutskever, Vinyals and Le, 2014) were pairs of
# recurrent networks: an **encoder** reads *I go home* into its last state, and a **decoder**
# writes *나는 집에 간다* from it. Whatever is to be said about the sentence must pass through one
# vector of fixed size, for three words as for fifty: a **bottleneck**.
#
# Bahdanau, Cho and Bengio (2015) let the decoder look back at all states of a bidirectional
# encoder: scores, weights, weighted mean, made anew for each word that it writes. Here is the way
# that *I* goes to *나는*, which says the same in Korean:


# %%
def draw_translation(ax, chained, looks_back, title):
    """Words, states, outputs; returns the number of arrows on the shortest way I -> 나는."""
    words, states, outputs = ([(i, row) for i in range(3)] for row in (0, 1, 2.4))
    edges = list(zip(words, states, strict=True))
    if chained:
        edges += [*itertools.pairwise(states), *itertools.pairwise(outputs)]
    edges += itertools.product(states, outputs) if looks_back else [(states[2], outputs[0])]
    ways = [words[:1]]
    while ways[0][-1] != outputs[0]:  # take the shortest way, and go on from it by one arrow
        ways += [[*ways[0], end] for start, end in edges if start == ways[0][-1]]
        ways = ways[1:]
    for edge in sorted(edges, key=lambda edge: edge in itertools.pairwise(ways[0])):
        on_way = edge in itertools.pairwise(ways[0])
        style = {"color": ORANGE, "linewidth": 2.6} if on_way else {"color": "0.65"}
        arrow = style | {"arrowstyle": "->", "shrinkA": 7, "shrinkB": 7}
        ax.annotate("", edge[1], edge[0], arrowprops=arrow)
    for row, color in ((words, "0.5"), (states, BLUE), (outputs, PURPLE)):
        ax.plot(*zip(*row, strict=True), "o", color=color, markersize=9)
    for place, word in zip(words + outputs, "I go home 나는 집에 간다".split(), strict=True):
        ax.annotate(
            word, place, (0, 10 if place[1] else -18), textcoords="offset points", ha="center"
        )
    ax.set(xlim=(-0.5, 2.5), ylim=(-0.5, 2.9), title=f"{title}: {len(ways[0]) - 1} arrows")
    ax.set_axis_off()
    return len(ways[0]) - 1


bottleneck, looking, alone = panels(1, 3, 3.3, 3.2)
ways = [
    draw_translation(bottleneck, True, False, "bottleneck"),
    draw_translation(looking, True, True, "with attention"),
    draw_translation(alone, False, True, "attention alone"),
]
assert ways == [4, 2, 2]

# %% [markdown]
# *Figure: three drawings, words at the bottom, states in the middle, outputs on top. Bottleneck:
# the way from I to 나는 runs along all three states, 4 arrows. With attention: straight from the
# state of I, 2 arrows; chains of arrows still join the states, and the outputs. Attention alone:
# the same 2 arrows, and the chains are gone.*
#
# In the drawing in the middle, attention has already made the way short. The chains are still
# there, and each state still waits for the one before. So one may ask: **if every output can look
# at every state, what is the recurrence still for?**
#
# - *To carry information?* The weighted mean carries it, and over any distance equally well.
# - *To tell what came first?* We have just seen that a vector for the position does that.
# - *To put words in context?* A state knows the words before it, a bare embedding knows only
#   itself. This is the serious one. The answer is to let the words look **at each other**, too, by
#   the same means. That is **self-attention**, and the subject of the next lecture.
#
# What is gained: a state that waits for none can be computed at the same time as all others. How
# much that is worth, and what it costs, is counted in [lecture 05](05_complexity.ipynb).
#
# ## 7 · The paper and the tools
#
# "Attention Is All You Need" (Vaswani et al., 2017) tells this story in its introduction. On
# recurrence: "This inherently sequential nature precludes parallelization within training
# examples". On attention: it allows "modeling of dependencies without regard to their distance in
# the input or output sequences". And on the step that it takes: "In all but a few cases, however,
# such attention mechanisms are used in conjunction with a recurrent network."
#
# | what | where it comes from | in torch |
# | --- | --- | --- |
# | fading, exploding | Bengio, Simard and Frasconi, 1994 | `nn.utils.clip_grad_norm_` |
# | LSTM | Hochreiter and Schmidhuber, 1997; forget gate: Gers et al., 2000 | `nn.LSTM` |
# | GRU, encoder–decoder | Cho et al., 2014 | `nn.GRU` |
# | bidirectional RNN | Schuster and Paliwal, 1997 | `bidirectional=True` |
# | attention over states | Bahdanau et al., 2015 | no module |
#
# Bahdanau's score is not an inner product with one vector. A small network with a hidden layer
# looks at the decoder's state and the encoder's state together, so that each word written scores
# the states anew: "additive" attention, in OpenNMT-py `--global_attention mlp`. fairseq's model
# `lstm` takes an inner product of the two after a projection, OpenNMT-py's `general`.
#
# torch's `nn.RNN`, `nn.GRU` and `nn.LSTM` return all states *and* the last ones. With
# `bidirectional=True` the two are easily mixed up:

# %%
torch.manual_seed(0)
both = nn.RNN(4, 5, bidirectional=True)
states, last = both(torch.randn(7, 4))  # (n, 2 d) and (2, d): n = 7, d = 5
print("all states", tuple(states.shape), " last states", tuple(last.shape))

torch.testing.assert_close(last[0], states[-1, :5], rtol=0, atol=1e-5)  # forwards: at the last word
torch.testing.assert_close(last[1], states[0, 5:], rtol=0, atol=1e-5)  # backwards: at the first
assert not torch.allclose(last[1], states[-1, 5:])  # this one has read a single word

# %% [markdown]
# ## 8 · Check yourself
#
# **1.** A state of one number, without tanh, w = 0.9. From which distance on is the derivative
# below 0.01?
#
# <details><summary>Answer</summary>
#
# From 44 on: ln 0.01 / ln 0.9 ≈ 43.7. A weight that looks near 1 is not near 1 for long.
#
# </details>
#
# **2.** The sentence becomes twice as long. What becomes of the derivative by its first word, in
# that network, with n = 20 before? And with equal weights for all states, on the straight way from
# the first state alone?
#
# <details><summary>Answer</summary>
#
# 0.9 to the power of 19 becomes 0.9 to the power of 39: from 0.135 to 0.016. The equal weight 1/20
# becomes 1/40: half. One is raised to a power, the other divided.
#
# </details>
#
# **3.** Sutskever, Vinyals and Le fed the source sentence in *reverse* order to an encoder–decoder
# without attention, and translations got better (section 3.3 of their paper). What happens to the
# ways in the first drawing: from *I* to *나는*, and from *home* to *집에*?
#
# <details><summary>Answer</summary>
#
# Read as *home go I*, *I* comes last and has a way of 2 arrows to *나는* in place of 4. *home*
# comes first and has 5 to *집에* in place of 3. The sum is the same; but the first words of the
# translation are now near to what they need, and training has somewhere to begin. With attention
# the order makes no difference to these ways.
#
# </details>

# %%
assert next(distance for distance in itertools.count() if 0.9**distance < 0.01) == 44
assert math.ceil(math.log(0.01) / math.log(0.9)) == 44
assert (round(0.9**19, 3), round(0.9**39, 3)) == (0.135, 0.016)


def arrows(place, output):
    """Arrows from the word read as number `place` to an output, through the bottleneck, of 3."""
    return 1 + (2 - place) + 1 + output  # into its state, to the last state, over, to the output


assert [arrows(0, 0), arrows(2, 1)] == [4, 3]  # I go home: I to 나는, home to 집에
assert [arrows(2, 0), arrows(0, 1)] == [2, 5]  # home go I

# %% [markdown]
# **The assignment.** None yet: the first one, [a1](../assignments/a1_attention/a1_attention.ipynb),
# begins after the next lecture.
#
# **Next.** [Lecture 02](02_self_attention.ipynb): how a word decides where to look.
#
# ## 9 · Words
#
# | English | 한국어 |
# | --- | --- |
# | recurrent neural network (RNN) | 순환 신경망 |
# | state | 상태 |
# | derivative, gradient | 미분, 그래디언트(기울기) |
# | vanishing gradient | 기울기 소실 |
# | exploding gradient | 기울기 폭발 |
# | saturation | 포화 |
# | gate, forget gate | 게이트, 망각 게이트 |
# | bidirectional RNN | 양방향 순환 신경망 |
# | attention | 어텐션 |
# | score | 스코어, 점수 |
# | weight | 가중치 |
# | weighted mean | 가중 평균 |
# | encoder, decoder | 인코더, 디코더 |
# | bottleneck | 병목 |
# | learning rate | 학습률 |
