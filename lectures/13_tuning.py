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


# %% [markdown]
# ## 3 · Break it: one run
#
# You train the base once with seed 0 and once with seed 1. One is better. Why?
#
# **Predict.** On one split we ran the base 50 times, and only first weights and order of the
# batches changed. How far are the worst and the best test accuracy apart: .1, 1 or 3 points? (A
# **point** is .01.)
#
# <details><summary>Answer</summary>
#
# Two to four points, on each of five splits. Many a published improvement is smaller.
#
# </details>

# %%
chances = table("tuning_seeds")
print(f"table of {chances.date}, torch {chances.versions['torch']}")
again = [chances.column("test", kind="all", fixed=split)[0] for split in range(5)]  # (splits, 50)

live = [train(base, Chance(split=0, start=seed, order=seed)).test[-1] for seed in range(5)]
print("five runs, live:      ", [f"{each:.3f}" for each in live])
print("the same in the table:", [f"{each:.3f}" for each in again[0][:5]])
assert max(abs(new - old) for new, old in zip(live, again[0], strict=False)) < 0.03

# %%
[ax] = panels(1, 1, 6.2, 3.2)
for split, runs in enumerate(again):
    spot = torch.linspace(-0.25, 0.25, len(runs)) + split
    ax.plot(spot, runs, ".", color="0.6", label="a run" if split == 0 else None)
bars(ax, torch.arange(5) - 0.1, [runs[:5] for runs in again], "mean of the first 5", ORANGE, "s")
bars(ax, torch.arange(5) + 0.1, again, "mean of all 50", BLUE)
ax.set(xlabel="split", ylabel="test accuracy", xticks=range(5))
_ = ax.legend(fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))

# %% [markdown]
# *Figure: for each of five splits a cloud of 50 test accuracies of one and the same setting, two to
# five points high, with two error bars in it. That of the mean of five runs is about half a point
# to one and a half points to each side, that of the mean of 50 a quarter of a point. The five
# clouds lie at different heights.*

# %%
ranges = [max(runs) - min(runs) for runs in again]
same = [train(base, Chance.of(0)).test[-1] for _ in range(2)]
print("from worst to best:", [f"{each:.3f}" for each in ranges])
claim(
    "The same settings give test accuracies far apart",
    figure="best minus worst of 20 runs",
    values=[max(runs[:20]) - min(runs[:20]) for runs in again],
    above=0.01,
    without="with the seeds held fixed",
    broken=[same[0] - same[1]] * 3,
    each="splits",
)
assert all(0.02 < each < 0.04 for each in ranges)

# %% [markdown]
# **Claim.** On each of five splits, 20 runs of the same settings lie more than one point apart.
# With all seeds fixed the same run comes out twice, on one machine with one thread.
#
# So a comparison of two settings by one run each says nothing about a difference of a point.
#
# ### Which chance?
#
# Let one of the three vary over 20 seeds and hold the other two: five times each, with other fixed
# ones.

# %%
kinds = {"split": BLUE, "start": ORANGE, "order": GREEN}
deviations = {
    kind: [statistics.stdev(runs) for runs in chances.column("test", kind=kind)] for kind in kinds
}
[ax] = panels(1, 1, 4.6, 2.8)
for place, (kind, color) in enumerate(kinds.items()):
    ax.plot([place] * 5, deviations[kind], "osD"[place], color=color)
    print(f"{kind}: standard deviation {[f'{each:.4f}' for each in deviations[kind]]}")
ax.set(xlim=(-0.5, 2.5), ylim=(0, 0.016), ylabel="standard deviation\nof the test accuracy")
_ = ax.set_xticks(range(3), ["split", "first weights", "order of batches"])

# %% [markdown]
# *Figure: five standard deviations for each kind of chance. Split: .010 to .014. First weights:
# .003 to .008. Order of the batches: .002 to .005.*

# %%
claim(
    "Who is in which set moves the result more than the first weights do",
    figure="standard deviation of the test accuracy over 20 seeds",
    values=deviations["split"],
    above=0.0085,
    without="with one split, and other first weights",
    broken=deviations["start"],
    each="repetitions",
)
assert all(0.001 < each < 0.0085 for kind in ("start", "order") for each in deviations[kind])
counted = (0.93 * 0.07 / 473) ** 0.5
print(f"473 images, each right with probability .93: standard deviation {counted:.4f}")
assert 0.0115 < counted < 0.012

# %% [markdown]
# **Claim.** On five repetitions, 20 splits have a standard deviation above .0085, and 20 first
# weights, and 20 orders, have one below it.
#
# Most of that is simply counting: 473 test images that are right with probability .93 each have a
# standard deviation of .012 already. **An interval over seeds on one split does not hold this.** It
# answers "would other seeds give the same *on these images*?", and not "what would it be on other
# images?" In what follows seed k gives all three: split k, start k, order k.
#
# ### Small sets
#
# How does the spread over first weights and orders depend on the number of images to train on? Each
# size is trained for about as many steps, 240.

# %%
sizes = [64, 128, 256, 512, 1024]
by_size = {n: chances.column("test", kind="size", n_train=n) for n in sizes}  # (splits, 20) each
spreads = [[statistics.stdev(runs) for runs in by_size[n]] for n in sizes]  # (sizes, splits)
means = [[statistics.mean(runs) for runs in by_size[n]] for n in sizes]
for ax, measured, label in zip(
    panels(1, 2, 3.6, 2.8),
    (means, spreads),
    ("mean over 20 seeds", "standard deviation over 20 seeds"),
    strict=True,
):
    bars(ax, sizes, measured, None, BLUE)
    ax.set_xscale("log", base=2)
    ax.set(xlabel="training images", ylabel=label, xticks=sizes, xticklabels=sizes)

# %% [markdown]
# *Figure: two curves against 64 to 1,024 training images, with intervals over five splits. The mean
# test accuracy rises from .87 to .96; the standard deviation over seeds falls from .012 to .004.*

# %%
claim(
    "With few images to train on, seeds differ more",
    figure="standard deviation of the test accuracy over 20 seeds",
    values=spreads[0],
    above=0.007,
    without="with 1,024 images in the place of 64",
    broken=spreads[-1],
    each="splits",
)

# %% [markdown]
# **Claim.** On five splits the standard deviation over seeds is above .007 with 64 images, and not
# with 1,024.
#
# With large models and small sets of text it is worse. Dodge et al. ("Fine-Tuning Pretrained
# Language Models: Weight Initializations, Data Orders, and Early Stopping", 2020) trained BERT on
# four tasks of the collection GLUE, hundreds of times each, and changed nothing but the seeds. The
# best of these runs, on the validation set (their Table 1):
#
# | task | two earlier reports of the same model | best of all seeds |
# | --- | --- | --- |
# | MRPC, do two sentences say the same? | 90.7, 88.0 | 91.4 |
# | RTE, does one follow from the other? | 70.0, 70.4 | 77.3 |
# | CoLA, is it a sentence of English? | 62.1, 60.6 | 67.6 |
# | SST, does the reviewer like the film? | 92.5, 93.2 | 95.1 |
#
# They found that first weights and order of the data contribute about as much, that some first
# weights do well on all four tasks, and that on the small sets many runs diverge on the way and can
# be stopped early. Seven points on RTE from nothing but chance: remember it in section 8, where we
# ask what the best of many runs is worth.
#
# ## 4 · Experiment: learning rate and batch size
#
# Now for the two most important knobs. All runs of this section train on all 1,024 images for 10
# epochs, with plain SGD: batch 8 takes 1,280 steps, batch 1,024 takes 10. Five seeds for each pair.
#
# **Predict.** The best rate for batch 8 is R. What is the best for batch 64, by section 1? And for
# batch 1,024: can it be 128 R?
#
# <details><summary>Answer</summary>
#
# 8 R, as only the ratio counts. For batch 1,024 the law would ask for a rate far above what the
# curvature of the loss allows, and ten steps are few. It must break somewhere on the way.
#
# </details>

# %%
rates = table("tuning_rates")
print(f"table of {rates.date}: {rates.settings['task']}, {rates.settings['epochs']} epochs")
BATCHES, POWERS = tuning_rates.BATCHES, {"SGD": range(-8, 4), "Adam": range(-13, -1)}


def cell(optimizer, batch, power, what="valid"):
    """The five seeds of one pair, rate 2^power."""
    return rates.column(what, optimizer=optimizer, batch=batch, rate=2.0**power)[0]


for batch in (64, 1024):
    live = train(tuning_rates.settings("SGD", batch, 0.5), Chance.of(0)).valid[-1]
    print(f"batch {batch}, rate 1/2, seed 0: live {live:.3f}, table {cell('SGD', batch, -1)[0]:.3f}")
    assert abs(live - cell("SGD", batch, -1)[0]) < 0.03


# %%
def rate_map(ax, optimizer):
    """The mean validation accuracy of each pair, and the best rate of each batch."""
    powers = POWERS[optimizer]
    seeds = [[cell(optimizer, batch, power) for power in powers] for batch in BATCHES]
    mean = torch.tensor(seeds).mean(dim=-1)  # (batches, rates)
    names = [f"$2^{{{power}}}$" for power in powers]
    matrix(ax, mean, BATCHES, names, rows="batch", columns="rate", title=optimizer)
    for row, column in enumerate(mean.argmax(dim=1).tolist()):
        ax.plot(column, row + 0.38, "_", color=ORANGE, markersize=18, markeredgewidth=2.5)
    return mean


maps = {}
for ax, optimizer in zip(panels(2, 1, 8.0, 5.0), POWERS, strict=True):
    maps[optimizer] = rate_map(ax, optimizer)
