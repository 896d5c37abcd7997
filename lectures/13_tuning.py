# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 13 · Tuning: many knobs, few certainties
#
# *About 80 minutes. You need the training loop of
# [lecture 10](10_training_well.ipynb); no other lecture is needed for the experiments.*
#
# **The question.** A model has weights, which training finds, and knobs, which somebody must set:
# learning rate, batch size, layers, dropout, and a dozen more. Which of them matter? How does one
# find good values with few trials? And how do you know that what you found is better, and not just
# luckier?
#
# **Afterwards you can**
#
# - say what a mean of five seeds is worth, with a 95 % interval, and compare two settings fairly;
# - change the batch size and know what to do with the learning rate, and when that stops working;
# - cut a batch into micro-batches, and say when the result is the same and when it is not;
# - say why the best of fifty runs is less good than it looks, and what the test set is for;
# - search with a grid, at random and with Optuna, and say when the grid loses.

# %%
import statistics
from dataclasses import replace

import optuna
import torch
import torch.nn.functional as F
from ipywidgets import Dropdown, SelectionSlider
from scipy import stats
from torch import nn

from course import tuning_rates, tuning_search
from course.claims import claim
from course.dates import written_dates
from course.experiments import table
from course.knobs import Knobs
from course.plots import BLUE, GREEN, ORANGE, PURPLE, matrix, panels, use_style
from course.tuning import BASES, CLASSES, Chance, Settings, images, model_of, train

torch.set_num_threads(1)
use_style()

# %% [markdown]
# ## 1 · By hand: one weight, two examples
#
# The smallest training there is: one weight $w$, and two examples that would like it to be 4 and 8.
# Their losses are $\frac12 (w - 4)^2$ and $\frac12 (w - 8)^2$, with the gradients $w - 4$ and
# $w - 8$. We start at $w = 0$ and go through both examples once: one **epoch**. A step is
#
# $$w \leftarrow w - \eta \cdot \text{mean gradient of the batch}, \qquad
#   \eta = \text{the learning rate}.$$
#
# | rate | batch | steps of one epoch |
# | --- | --- | --- |
# | .1 | 1 | 0 → 0 + .1 · 4 = .4 → .4 + .1 · 7.6 = 1.16 |
# | .1 | 2 | 0 → 0 + .1 · 6 = .6 |
# | .05 | 1 | 0 → 0 + .05 · 4 = .2 → .2 + .05 · 7.8 = .59 |
#
# Doubling the batch (.6) and halving the rate (.59) did nearly the same.
#
# **Predict.** Where does the epoch end with *both* doubled, rate .2 and batch 2? And where do three
# epochs with batch 2 go if the rate is 2.5?
#
# <details><summary>Answer</summary>
#
# .2 · 6 = 1.2: nearly the 1.16 from which we set out. With rate 2.5 the first step goes to 15, far
# beyond the best place, 6. Each step multiplies the distance from 6 by 1 − 2.5 = −1.5: 15, −7.5,
# 26.25. It diverges, and so does every rate above 2.
#
# </details>

# %%
wishes = [4.0, 8.0]


def epoch(w, rate, batch):
    """The weight after one pass through both examples."""
    for start in range(0, len(wishes), batch):
        gradients = [w - wish for wish in wishes[start : start + batch]]
        w = w - rate * sum(gradients) / len(gradients)
    return w


for rate, batch in ((0.1, 1), (0.1, 2), (0.05, 1), (0.2, 2)):
    print(f"rate {rate:.2f}, batch {batch}: w = {epoch(0.0, rate, batch):.2f}")
path = [0.0]
for _ in range(3):
    path.append(epoch(path[-1], 2.5, 2))
print("rate 2.50, batch 2:", path)

ends = [epoch(0.0, *knobs) for knobs in ((0.1, 1), (0.1, 2), (0.05, 1), (0.2, 2))]
assert [round(w, 2) for w in ends] == [1.16, 0.6, 0.59, 1.2]
assert path == [0, 15, -7.5, 26.25]

# %% [markdown]
# Two things to take along. As long as the steps are small, what counts is the ratio **rate /
# batch**. And there is a largest rate, given by how curved the loss is, which no batch can lift:
# there the ratio must stop counting. Section 4 looks for both in a real model.
#
# ## 2 · Definition: three sets, many knobs, and an interval
#
# **The data** are scikit-learn's digits: 1,797 images of 8 by 8 pixels, written by people. We share
# them out at random into three sets, and each has one task:
#
# | set | images | what it is for |
# | --- | --- | --- |
# | training | 1,024 (most runs use 256 of them) | training finds the *weights* on it |
# | validation | 300 | we choose the *knobs* on it |
# | test | 473 | we *report* on it, once, for what was chosen |

# %%
sets = images(split=0)
print({name: tuple(part.pixels.shape) for name, part in sets.items()})
for ax, pixels, digit in zip(panels(1, 10, 0.8, 1.0), *sets["train"], strict=False):
    ax.imshow(pixels.reshape(8, 8), cmap="Greys")
    ax.set_title(str(digit.item()))
    ax.set_axis_off()

assert [len(part.digits) for part in sets.values()] == [1024, 300, 473]
assert sets["train"].pixels.shape[1] == 64
assert (sets["train"].pixels.min(), sets["train"].pixels.max()) == (0, 1)

# %% [markdown]
# *Figure: ten images of the training set, coarse handwritten digits in grey on white, each under
# its name.*
#
# **The model** is a network of one hidden layer of 32 units, and **the base** is what the knobs
# stand at if nothing else is said. The code is in `course/tuning.py`; its training loop is the one
# you know.

# %%
base = Settings()
for name, value in vars(base).items():
    print(f"{name:13s} {value}")

assert (base.model, base.n_layers, base.width, base.activation) == ("mlp", 1, 32, "ReLU")
assert (base.n_train, base.batch, base.epochs) == (256, 32, 30)

# %% [markdown]
# **Chance** decides three things besides: who is in which set (the *split*), the first weights (the
# *start*), and the *order* of the batches. Each has a seed of its own: `Chance(split, start,
# order)`.
#
# **The interval.** Run the base with n seeds: n accuracies, with mean $m$ and standard deviation
# $s$ (n − 1 in its denominator). Other seeds would have given another mean. If the accuracies are
# normal, the interval
#
# $$m \pm t \cdot \frac{s}{\sqrt n}$$
#
# covers the true mean in 95 % of such experiments, with Student's $t$ for n − 1 degrees of freedom.
# Why not 1.96, as for the normal distribution? Because $s$ is estimated from few values, and is
# often too small.
#
# **Predict.** How often does the interval with 1.96 cover the truth if n = 5?
#
# <details><summary>Answer</summary>
#
# In 88 % of the experiments: it misses the truth in 12, not in 5 of a hundred. With t = 2.78 it
# covers 95 %.
#
# </details>


# %%
def covered(low, high, truth):
    """The share of intervals that hold the truth."""
    return ((low < truth) & (truth < high)).mean()


n, student, normal = 5, [], []
for seed in range(5):
    draws = torch.randn(10_000, n, generator=torch.Generator().manual_seed(seed)).numpy()
    place = {"loc": draws.mean(axis=1), "scale": stats.sem(draws, axis=1)}  # (10000,) each
    student.append(covered(*stats.t.interval(0.95, n - 1, **place), truth=0))
    normal.append(covered(*stats.norm.interval(0.95, **place), truth=0))
print("t for 3, 5, 10, 20 values:", [f"{stats.t.ppf(0.975, n - 1):.2f}" for n in (3, 5, 10, 20)])
claim(
    "Student's interval of five values covers the truth as often as it says",
    figure="share of 10,000 intervals that cover the truth",
    values=student,
    above=0.94,
    below=0.96,
    without="with 1.96 in the place of t",
    broken=normal,
    each="repetitions",
)
assert all(0.87 < share < 0.89 for share in normal)

# %% [markdown]
# **Claim.** In five repetitions of 10,000 experiments with five normal values, Student's interval
# covers the truth in 94 to 96 %, and the interval with 1.96 in 87 to 89 %.
#
# From here on every error bar is a Student interval of 95 % over seeds, unless the text says
# otherwise:


# %%
def bars(ax, x, runs, label, color, marker="o"):
    """Mean and 95 % interval of each row of runs (points, seeds), at the places x (points,)."""
    runs = torch.tensor(runs).numpy()
    mean = runs.mean(axis=1)
    low, _ = stats.t.interval(0.95, runs.shape[1] - 1, mean, stats.sem(runs, axis=1) + 1e-12)
    style = {"color": color, "marker": marker, "capsize": 3}
    ax.errorbar(x, mean, yerr=mean - low, label=label, **style)
