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
# *About 80 minutes. You need the training loop of [lecture 10](10_training_well.ipynb); no other
# lecture is needed for the experiments.*
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
import itertools
import statistics
from dataclasses import replace

import optuna
import torch
import torch.nn.functional as F
from ipywidgets import Dropdown, IntSlider, SelectionSlider
from matplotlib.patches import Rectangle
from scipy import stats
from torch import nn

from course.claims import claim
from course.dates import written_dates
from course.experiments import table, tuning_rates, tuning_search
from course.experiments.tuning_sweeps import BASES
from course.knobs import Knobs
from course.plots import BLUE, GREEN, ORANGE, PURPLE, matrix, panels, use_style
from course.tuning import CLASSES, Chance, Settings, images, model_of, train

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
    above=0.93,
    below=0.97,
    without="with 1.96 in the place of t",
    broken=normal,
    each="repetitions",
)
assert all(0.86 < share < 0.9 for share in normal)

# %% [markdown]
# **Claim.** In five repetitions of 10,000 experiments with five normal values, Student's interval
# covers the truth in 93 to 97 %, and the interval with 1.96 in 86 to 90 %.
#
# From here on every error bar is a Student interval of 95 % over seeds, unless the text says
# otherwise:


# %%
def bars(ax, x, runs, label, color, marker="o", line="-"):
    """Mean and 95 % interval of each row of runs (points, seeds), at the places x (points,)."""
    runs = torch.tensor(runs).numpy()
    mean = runs.mean(axis=1)
    low, _ = stats.t.interval(0.95, runs.shape[1] - 1, mean, stats.sem(runs, axis=1) + 1e-12)
    style = {"color": color, "marker": marker, "linestyle": line, "capsize": 3}
    ax.errorbar(x, mean, yerr=mean - low, label=label, **style)


# %% [markdown]
# ## 3 · Break it: one run
#
# You train the base once with seed 0 and once with seed 1. One is better. Why?
#
# **Predict.** On one split we ran the base 100 times, and only first weights and order of the
# batches changed. How far are the worst and the best test accuracy apart: .1, 1 or 3 points? (A
# **point** is .01.)
#
# <details><summary>Answer</summary>
#
# Two to five points, on each of five splits. Many a published improvement is smaller.
#
# </details>

# %%
chances = table("tuning_seeds")
print(f"table of {chances.date}, torch {chances.versions['torch']}")
again = [chances.column("test", kind="all", fixed=split)[0] for split in range(5)]  # (splits, 100)

live = [train(base, Chance(split=0, start=seed, order=seed)).test[-1] for seed in range(5)]
print("five runs, live:      ", [f"{each:.3f}" for each in live])
print("the same in the table:", [f"{each:.3f}" for each in again[0][:5]])
assert max(abs(new - old) for new, old in zip(live, again[0], strict=False)) < 0.03

# %%
[ax] = panels(1, 1, 6.2, 3.2)
for split, runs in enumerate(again):
    spot = torch.linspace(-0.25, 0.25, len(runs)) + split
    ax.plot(spot, runs, ".", color="0.6", label="a run" if split == 0 else None)
first = [runs[:5] for runs in again]
bars(ax, torch.arange(5) - 0.1, first, "mean of the first 5", ORANGE, "s", line="")
bars(ax, torch.arange(5) + 0.1, again, "mean of all 100", BLUE, line="")
ax.set(xlabel="split", ylabel="test accuracy", xticks=range(5))
_ = ax.legend(fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))

# %% [markdown]
# *Figure: for each of five splits a cloud of 100 test accuracies of one and the same setting, two
# to five points high, with two error bars in it. That of the mean of five runs is about half a
# point to one and a half points to each side, that of the mean of 100 a tenth of a point. The five
# clouds lie at different heights.*

# %%
ranges = [max(runs) - min(runs) for runs in again]
twice = [[train(base, Chance.of(seed)).test[-1] for _ in range(2)] for seed in range(3)]
print("from worst to best:", [f"{each:.3f}" for each in ranges])
claim(
    "The same settings give test accuracies far apart",
    figure="best minus worst of 20 runs",
    values=[max(runs[:20]) - min(runs[:20]) for runs in again],
    above=0.01,
    without="with the seeds held fixed, 2 runs",
    broken=[abs(one - other) for one, other in twice],
    each="splits",
)
assert all(0.02 < each < 0.05 for each in ranges)

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
average = {kind: statistics.mean(each) for kind, each in deviations.items()}
print("on average:", {kind: f"{each:.4f}" for kind, each in average.items()})
assert average["split"] > 1.5 * max(average["start"], average["order"])

means = torch.tensor(again).reshape(5, 5, 20).mean(dim=2)  # (splits, sets of 20 seeds)
claim(
    "The mean of 20 runs depends more on the split than on the seeds",
    figure="standard deviation of five means of 20 runs, of different splits",
    values=means.std(dim=0).tolist(),
    above=0.0042,
    without="of one split, with different seeds",
    broken=means.std(dim=1).tolist(),
    each="repetitions",
)
counted = (0.93 * 0.07 / 473) ** 0.5
print(f"473 images, each right with probability .93: standard deviation {counted:.4f}")
assert 0.0115 < counted < 0.012

# %% [markdown]
# **Claim.** Five means of 20 runs, each on another split, have a standard deviation above .0042, in
# five repetitions with other seeds (on the same five splits). Five such means on one split, with
# other seeds each, have one below it. Of single runs, the split moves the result more than 1.5
# times as much as the first weights do or the order does, on average over the five repetitions of
# the figure.
#
# Most of what a split does is simply counting: 473 test images that are right with probability .93
# each have a standard deviation of .012 already. **An interval over seeds on one split does not
# hold this.** It answers "would other seeds give the same *on these images*?", and not "what would
# it be on other images?" In what follows seed k gives all three: split k, start k, order k.
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
    ("mean over 20 seeds", "standard deviation\nover 20 seeds"),
    strict=True,
):
    bars(ax, sizes, measured, None, BLUE)
    ax.set_xscale("log", base=2)
    ax.set(xlabel="training images", ylabel=label, xticks=sizes, xticklabels=sizes)

# %% [markdown]
# *Figure: two curves against 64 to 1,024 training images, with intervals over five splits. The mean
# test accuracy rises from .86 to .95; the standard deviation over seeds falls from .010 to .007,
# and its intervals are wide.*

# %%
pairs = [100 * (few - many) for few, many in zip(spreads[0], spreads[-1], strict=True)]
low, high = stats.t.interval(0.95, 4, statistics.mean(pairs), stats.sem(pairs))
print(f"standard deviation, 64 minus 1,024 images: {low:.2f} to {high:.2f} points")
assert 0 < low < high < 1
assert [round(statistics.mean(each), 2) for each in (means[0], means[-1])] == [0.86, 0.95]
assert [round(statistics.mean(each), 3) for each in (spreads[0], spreads[-1])] == [0.01, 0.007]

# %% [markdown]
# In pairs of the same split the standard deviation is larger with 64 images than with 1,024: the
# interval of the difference does not hold 0, but it ends below one point. On digits this is a small
# effect.
#
# With large models and small sets of text it is a large one. Dodge et al. ("Fine-Tuning Pretrained
# Language Models: Weight Initializations, Data Orders, and Early Stopping", 2020) trained BERT on
# four tasks of the collection GLUE, 2,100 times in all, and changed nothing but the seeds. The best
# of these runs, on the validation set, each task by its own score (their Table 1):
#
# | task | two earlier reports of the same model | best of all seeds |
# | --- | --- | --- |
# | MRPC, do two sentences say the same? | 90.7, 88.0 | 91.4 |
# | RTE, does one follow from the other? | 70.0, 70.4 | 77.3 |
# | CoLA, is it a sentence of English? | 62.1, 60.6 | 67.6 |
# | SST, does the reviewer like the film? | 92.5, 93.2 | 95.1 |
#
# The earlier reports are by Phang et al. (2018) and Liu et al. (2019). Dodge et al. found that
# first weights and order of the data contribute about equally, that some first weights do well on
# all four tasks, and that on the small sets many runs diverge on the way and can be stopped early.
# Seven points on RTE from nothing but chance: remember it in section 8, where we ask what the best
# of many runs is worth.
#
# ## 4 · Experiment: learning rate and batch size
#
# Now for the two most important knobs. All runs of this section train on all 1,024 images for 10
# epochs, with plain SGD, then with Adam: batch 8 takes 1,280 steps, batch 1,024 takes 10. Five
# seeds for each pair.
#
# **Predict.** With batch 8 and rate $2^{-6}$ the training loss ends at .52. Where does it end with
# batch 64 and the same rate? With batch 64 and 8 times the rate? And with batch 1,024 and 128 times
# the rate, which is 2?
#
# <details><summary>Answer</summary>
#
# The same rate with an eighth of the steps goes an eighth of the way: 2.17, hardly below the 2.30
# of a model that knows nothing. With 8 times the rate it is .52 again: only the ratio counts. Rate
# 2 is beyond what the curvature of this loss allows, for any batch, and the loss ends at about 2.
#
# </details>

# %%
rates = table("tuning_rates")
print(f"table of {rates.date}: {rates.settings['task']}, {rates.settings['epochs']} epochs")
BATCHES, POWERS = tuning_rates.BATCHES, {"SGD": range(-8, 4), "Adam": range(-13, -1)}


def cell(optimizer, batch, power, what="valid"):
    """The five seeds of one pair, rate 2^power."""
    return rates.column(what, optimizer=optimizer, batch=batch, rate=2.0**power)[0]


for batch, power in ((64, -3), (1024, -1)):
    live = train(tuning_rates.settings("SGD", batch, 2.0**power), Chance.of(0)).valid[-1]
    kept = cell("SGD", batch, power)[0]
    print(f"batch {batch}, rate 2^{power}, seed 0: live {live:.3f}, table {kept:.3f}")
    assert abs(live - kept) < 0.03
for pair, loss in (((8, -6), 0.52), ((64, -6), 2.17), ((64, -3), 0.52)):
    assert round(statistics.mean(cell("SGD", *pair, "train_loss")), 2) == loss


# %%
def rate_map(ax, optimizer, marked=()):
    """The mean validation accuracy of each pair; the best rate of each batch is underlined."""
    powers = POWERS[optimizer]
    mean = [[statistics.mean(cell(optimizer, batch, p)) for p in powers] for batch in BATCHES]
    names = [f"$2^{{{power}}}$" for power in powers]
    matrix(ax, torch.tensor(mean), BATCHES, names, rows="batch", columns="rate", title=optimizer)
    for row, each in enumerate(mean):
        ax.plot(each.index(max(each)), row + 0.36, "_", color="black", markersize=16, mew=2.5)
    for row, column in marked:
        ax.add_patch(
            Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, fill=False, color=ORANGE, lw=2.5)
        )
    ax.set_aspect("auto")
    return mean


for ax, optimizer in zip(panels(2, 1, 7.6, 3.6), POWERS, strict=True):
    rate_map(ax, optimizer)

# %% [markdown]
# *Figure: two maps of the validation accuracy, batch 8 to 1,024 from top to bottom, rate from left
# to right in steps of 2. SGD: the same numbers stand along the diagonals from top left to bottom
# right, from .1 on the left to .9 and more; at rate 1 or 2 every row falls to .1 or .2. The best
# rate of every batch, underlined, is 1/2 or 1. Adam: a broad ridge above .9; its left flank moves
# to the right by six columns from the top to the bottom, the best rates by one or two.*
#
# Along a diagonal the ratio rate / batch is the same. Look at one of them more closely:


# %%
def along_the_diagonal(optimizer, batch, column):
    """The map with all pairs of the same rate / batch as this one, and their training losses."""
    first = column - BATCHES.index(batch)
    line = [(row, first + row) for row in range(len(BATCHES)) if 0 <= first + row < 12]
    left, right = panels(1, 2, 5.6, 3.6)
    rate_map(left, optimizer, line)
    powers = POWERS[optimizer]
    losses = [cell(optimizer, BATCHES[row], powers[at], "train_loss") for row, at in line]
    kept = [
        (BATCHES[row], each)
        for (row, _), each in zip(line, losses, strict=True)
        if None not in each
    ]
    bars(right, [size for size, _ in kept], [each for _, each in kept], None, ORANGE)
    right.set_xscale("log", base=2)
    right.set(xlabel="batch", ylabel="training loss after 10 epochs", ylim=(0, 3), xlim=(6, 1400))
    ratio = powers[column] - BATCHES.index(batch) - 3
    right.set_title(f"{optimizer}, rate / batch = $2^{{{ratio}}}$")
    right.set_xticks(BATCHES, BATCHES)


along_the_diagonal("SGD", 8, 2)

# %% [markdown]
# *Figure: on the left the map of SGD, with a frame around the eight pairs of one diagonal, from
# batch 8 with rate 1/64 to batch 1,024 with rate 2. On the right their training losses: .52 from
# batch 8 to 128, a little more at 256, .85 at 512, above 2 at 1,024.*

# %%
Knobs(
    along_the_diagonal,
    optimizer=Dropdown(options=list(POWERS), value="SGD", description="optimiser"),
    batch=SelectionSlider(options=list(BATCHES), value=8, description="batch"),
    column=IntSlider(2, min=0, max=11, description="rate, column"),
)

# %%
start = torch.tensor(cell("SGD", 8, -6, "train_loss"))  # (seeds,)


def against_start(moves):
    """Training losses of batches 16, 32, ... as multiples of that of batch 8: (batches, seeds).

    moves: by how many powers of 2 the rate goes up with each doubling of the batch.
    """
    pairs = [(batch, -6 + moves * step) for step, batch in enumerate(BATCHES[1:], start=1)]
    return torch.stack([torch.tensor(cell("SGD", *pair, "train_loss")) / start for pair in pairs])


scaled, left_alone = against_start(moves=1), against_start(moves=0)
for batch, line, alone in zip(BATCHES[1:], scaled, left_alone, strict=True):
    print(f"batch {batch:4d}: loss times {line.mean():.2f}, rate left alone: {alone.mean():.2f}")
claim(
    "Batch and rate doubled together leave SGD's training loss as it was",
    figure="training loss, batches 16 to 128, farthest from 1 times that of batch 8",
    values=scaled[:4].amax(dim=0).tolist(),
    below=1.05,
    without="with the rate left alone",
    broken=left_alone[:4].amin(dim=0).tolist(),
)
claim(
    "At a rate of 2 the law has ended",
    figure="training loss at batch 1,024 on the diagonal",
    values=(scaled[-1] * start).tolist(),
    above=1.2,
    without="at batch 128 on the same diagonal",
    broken=(scaled[3] * start).tolist(),
)
assert scaled[:4].min() > 0.95
assert 1 < scaled[4].mean() < 1.2 < 1.4 < scaled[5].mean()

# %% [markdown]
# **Claim.** On five seeds, from batch 8 with rate $2^{-6}$ to batch 128 with rate $2^{-2}$ the
# training loss after ten epochs stays within 5 % if both double together. If the rate is left alone
# it more than doubles with the first doubling of the batch. The law ends gradually: on average the
# loss is less than 20 % higher at batch 256, and more than 40 % at 512; at batch 1,024, with rate
# 2, it is above 1.2.
#
# So **halving the rate and doubling the batch are the same thing** to SGD, as long as the steps are
# small. With one difference: the doubled batch takes half as many steps, and on hardware that
# computes a large batch as fast as a small one, half the time.

# %%
apart_by = []
for batch, larger in itertools.pairwise(BATCHES):
    for power in range(-7, -2):
        halved = torch.tensor(cell("SGD", batch, power - 1, "train_loss"))
        doubled = torch.tensor(cell("SGD", larger, power, "train_loss"))
        apart_by.append((halved / doubled - 1).abs().max().item())
print(f"halved rate or doubled batch, {len(apart_by)} pairs: differ by {max(apart_by):.1%} at most")
assert max(apart_by) < 0.05

best = {
    optimizer: [max(powers, key=lambda p: statistics.mean(cell(optimizer, batch, p)))
                for batch in BATCHES]
    for optimizer, powers in POWERS.items()
}  # fmt: skip
print("powers of 2 of the best rates:", best)
assert set(best["SGD"]) == {-1, 0}
assert set(best["Adam"]) <= {-6, -5, -4}

adam = {step: [] for step in (1, 0.5)}
for step, found in adam.items():  # the rate times 2, or times its root, with each doubling
    for rises in (0, 4):
        losses = cell("Adam", 8 * 2**rises, -11 + int(step * rises), "train_loss")
        found.append(statistics.mean(losses))
    print(f"Adam, rate times 2^{step} a doubling: {found[0]:.2f} at batch 8, {found[1]:.2f} at 128")
assert adam[1][1] < 0.6 * adam[1][0]
assert adam[0.5][1] > 1.6 * adam[0.5][0]

# %% [markdown]
# Two more things the table says, and a third that it does not.
#
# - **The law does not say which rate is best.** For SGD the best rate is 1/2 or 1 *for every
#   batch*: just below the ceiling. On this small and clean task the noise of small batches does no
#   harm, so that the fastest rate wins. The law says which pairs do the same.
# - **Adam obeys no clean law here.** With the rate times 2 at each doubling of the batch, from 8 to
#   128, the loss falls below .6 of what it was; with the rate times √2 it rises above 1.6 times.
#   Its best rate goes up by a factor of 4 at most, while the batch grows 128-fold.
# - **What it does not show:** the same for other tasks and models. Where the gradients are noisier
#   the law reaches further up, and where training is longer the noise at the end matters.

# %% [markdown]
# ## 5 · Experiment: a batch in pieces
#
# A batch that does not fit into memory can be cut into **micro-batches**. Each gives a gradient;
# they are *accumulated*, and the optimiser takes one step with all of them. For a mean over equal
# pieces this is arithmetic: the mean of 64 numbers is the mean of the means of four sixteens.
#
# **Predict.** For which of these is the accumulated gradient that of the whole batch? A Transformer
# with layer normalisation; a network with batch normalisation; a Transformer with dropout.
#
# <details><summary>Answer</summary>
#
# Only for the first. Batch normalisation takes its means over the images that are there (lecture
# 08), and sixteen have other means than 64: images of a batch are not independent of one another.
# Dropout is no mistake, but another draw: it is as far off when the whole batch is run twice.
#
# </details>
#
# Here the Transformer reads an image as a sentence of eight tokens, its rows.


# %%
def gradient(loss, model):
    """The gradient of a loss, all parameters in one vector."""
    parts = torch.autograd.grad(loss, list(model.parameters()))
    return torch.cat([part.flatten() for part in parts])


def apart(one, other):
    """How far one vector is from another, as a share of the other's length."""
    return ((one - other).norm() / other.norm()).item()


def four_against_one(make, seed, pieces=4):
    """The mean gradient of micro-batches, against the gradient of all 64 images at once."""
    torch.manual_seed(seed)
    model = make()
    pixels, digits = (part[:64] for part in images(seed)["train"])
    whole = gradient(F.cross_entropy(model(pixels), digits), model)
    cut = zip(pixels.chunk(pieces), digits.chunk(pieces), strict=True)
    each = [gradient(F.cross_entropy(model(some), named), model) for some, named in cut]
    return apart(torch.stack(each).mean(dim=0), whole)


rows = BASES["Transformer"]
MODELS = {
    "layer normalisation": lambda: model_of(rows),
    "dropout .1": lambda: model_of(replace(rows, dropout=0.1)),
    "batch normalisation": lambda: nn.Sequential(
        nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, CLASSES)
    ),
}
off = {name: [four_against_one(make, seed) for seed in range(5)] for name, make in MODELS.items()}
off["dropout .1, whole batch twice"] = [
    four_against_one(MODELS["dropout .1"], seed, pieces=1) for seed in range(5)
]
for name, each in off.items():
    print(f"{name:30s}", [f"{share:.1e}" for share in each])

# %%
claim(
    "Accumulation over equal pieces is exact where images do not meet",
    figure="distance of the gradients, as a share",
    values=off["layer normalisation"],
    below=1e-5,
    without="with batch normalisation",
    broken=off["batch normalisation"],
)
assert all(share > 0.05 for name in off if name != "layer normalisation" for share in off[name])

# %% [markdown]
# **Claim.** On five seeds, four times 16 images give the gradient of 64 to 1e-5 of its length with
# layer normalisation, and not with batch normalisation. With dropout two gradients differ by more
# than .05, cut or not.
#
# ### Pieces of unequal size
#
# Sentences have no equal length, and a loss is a mean over *tokens*. By hand: a micro-batch has one
# token, with gradient 2; another has three, with gradients 4, 6 and 8. The mean over all four is
# (2 + 4 + 6 + 8) / 4 = 5. The mean of the two means is (2 + 6) / 2 = 4: the lonely token counts
# three times as much as the others.
#
# How much is this in a model? A small one reads written dates, character by character, and predicts
# the next; 64 dates are cut into four micro-batches. We take them as they come, and sorted by
# length, as toolkits do to save padding.


# %%
class Next(nn.Module):
    """The next character of each: (b, n) ints -> logits (b, n, vocab)."""

    def __init__(self, vocab, d_model=32):
        super().__init__()
        self.embedding = nn.Embedding(vocab, d_model)
        self.block = nn.TransformerEncoderLayer(d_model, 2, 64, dropout=0.0, batch_first=True)
        self.out = nn.Linear(d_model, vocab)

    def forward(self, tokens):
        n = tokens.shape[1]
        future = torch.ones(n, n, dtype=torch.bool).triu(diagonal=1)  # True: hidden
        return self.out(self.block(self.embedding(tokens), src_mask=future))


def mean_of_means(seed, ordered, by_tokens):
    """Four micro-batches of dates against all: how far apart the gradients are.

    by_tokens: weigh each micro-batch by its share of the tokens, and not by a quarter.
    """
    texts = written_dates(64, seed)
    texts = sorted(texts, key=len) if ordered else texts
    alphabet = sorted({*"".join(texts)})
    ids = [torch.tensor([1 + alphabet.index(c) for c in text]) for text in texts]
    tokens = nn.utils.rnn.pad_sequence(ids, batch_first=True)  # (64, n), 0 is padding
    torch.manual_seed(seed)
    model = Next(len(alphabet) + 1)

    def mean_gradient(some):  # over the tokens that are no padding
        logits, asked = model(some[:, :-1]), some[:, 1:]
        return gradient(F.cross_entropy(logits.mT, asked, ignore_index=0), model)

    counts = torch.tensor([(some[:, 1:] > 0).sum() for some in tokens.chunk(4)])
    shares = counts / counts.sum() if by_tokens else torch.full((4,), 0.25)
    each = torch.stack([mean_gradient(some) for some in tokens.chunk(4)])  # (4, parameters)
    return apart(shares @ each, mean_gradient(tokens))


ways = {
    "weighed by tokens, sorted": (True, True),
    "mean of means, as they come": (False, False),
    "mean of means, sorted": (True, False),
}
off = {name: [mean_of_means(seed, *way) for seed in range(5)] for name, way in ways.items()}
for name, each in off.items():
    print(f"{name:28s}", [f"{share:.1e}" for share in each])
claim(
    "Micro-batches of unequal size must be weighed by their tokens",
    figure="distance of the gradients, as a share",
    values=off["weighed by tokens, sorted"],
    below=1e-5,
    without="by the mean of their means",
    broken=off["mean of means, sorted"],
)
assert all(share > 0.05 for share in off["mean of means, sorted"])
assert all(0.001 < share < 0.05 for share in off["mean of means, as they come"])

# %% [markdown]
# **Claim.** On five seeds, weighed by their tokens four micro-batches give the gradient of the
# whole to 1e-5. The mean of their means is off by more than 5 % if they are sorted by length, and
# by .1 to 5 % as they come.
#
# This is no schoolbook mistake. The Trainer of Hugging Face's transformers took the mean of means
# until October 2024 (their blog, "Fixing Gradient Accumulation", 16 October 2024).
#
# ### Exact is not the same
#
# Even an exact gradient differs in the last digit, since sums are rounded in another order. Let us
# train the Transformer twice, with whole batches of 64 and with four times 16, and compare all its
# weights after 50 steps.
#
# **Predict.** In float32 a sum is rounded at about 1e-7 of its size. How far apart are the weights
# after 50 steps of SGD? And of Adam, which divides each gradient by its own usual size?


# %%
def weights_after(seed, pieces, optimizer, rate, dtype=torch.float32):
    """All weights after 50 steps, each batch of 64 cut into so many pieces.

    And all weights once more, with the biases of the keys set to 0.
    """
    torch.manual_seed(seed)
    model, (pixels, digits) = model_of(rows).to(dtype), images(seed)["train"]
    stepper = optimizer(model.parameters(), lr=rate)
    for _ in range(50):
        stepper.zero_grad()
        for some in torch.randint(len(digits), (64,)).chunk(pieces):
            logits = model(pixels[some].to(dtype))
            (F.cross_entropy(logits, digits[some]) / pieces).backward()
        stepper.step()
    everything = nn.utils.parameters_to_vector(model.parameters()).detach()
    _, of_keys, _ = model.blocks[0].self_attn.in_proj_bias.data.chunk(3)  # query, key, value
    of_keys.zero_()
    return everything, nn.utils.parameters_to_vector(model.parameters()).detach()


kinds = {
    "SGD": (torch.optim.SGD, 0.03),
    "Adam": (torch.optim.Adam, 0.003),
    "Adam, float64": (torch.optim.Adam, 0.003, torch.float64),
}
drifts, rest = {}, {}
for kind, how in kinds.items():
    ends = [[weights_after(seed, pieces, *how) for pieces in (4, 1)] for seed in range(3)]
    drifts[kind] = [apart(cut[0], whole[0]) for cut, whole in ends]
    rest[kind] = [apart(cut[1], whole[1]) for cut, whole in ends]
    print(f"{kind:14s} all weights       ", [f"{share:.1e}" for share in drifts[kind]])
    print(f"{kind:14s} without key biases", [f"{share:.1e}" for share in rest[kind]])

# %%
claim(
    "Adam magnifies what rounding leaves of a gradient that should be 0",
    figure="distance of the weights after 50 steps, as a share",
    values=drifts["Adam"],
    above=2e-5,
    without="without the biases of the keys",
    broken=rest["Adam"],
)
assert all(share < 1e-6 for share in drifts["SGD"])
assert all(share < 1e-9 for share in drifts["Adam, float64"])

# %% [markdown]
# **Claim.** On three seeds, after 50 steps of Adam the weights of the two trainings are more than
# 2e-5 of their length apart; SGD stays below 1e-6, and so does Adam in float64. All of it lies in
# the biases of the keys.
#
# Such a bias adds the same to all scores of a query, and the softmax takes no notice: its true
# gradient is exactly 0. What is left of it is rounding, and Adam, which divides by the usual size
# of just this rounding, makes full steps of it. Here it does no harm, as nothing depends on these
# biases. But if your accumulated run and your whole-batch run part in the fourth digit, look at
# float64 before you look for a mistake.
#
# **What it does not show.** That accumulation costs nothing: it takes as long as all its pieces.
# What it saves is memory.

# %% [markdown]
# ## 6 · Experiment: one knob at a time
#
# From the base we turn one knob and leave the others. Ten seeds for each value, the same ten for
# all: seed 3 has the same split and the same order of batches at every value. So we may compare
# **in pairs**: for each seed the difference to the base, and an interval for the mean of the ten
# differences. What the seeds have in common (an easy split, a hard one) falls out.
#
# **Predict.** Which of these will help the base by a point or more: four times the hidden units, a
# second layer, weight decay, dropout, noise on the pixels?
#
# <details><summary>Answer</summary>
#
# None of them. See the figure.
#
# </details>

# %%
knobs = table("tuning_sweeps")
print(f"table of {knobs.date}, {knobs.settings['seeds']} seeds")
live = train(replace(base, dropout=0.25), Chance.of(0)).test[-1]
[kept] = knobs.column("test", base="MLP", knob="dropout", value=0.25)
print(f"dropout .25, seed 0: live {live:.3f}, table {kept[0]:.3f}")
assert abs(live - kept[0]) < 0.03


def turned(base_name, knob, part="test"):
    """The values of a knob, and the accuracies of ten seeds for each: (values, seeds)."""
    where = {"base": base_name, "knob": knob}
    return knobs.column("value", **where), torch.tensor(knobs.column(part, **where))


def difference(runs, others):
    """Mean of the differences of pairs (seeds,), in points, and the ends of its interval."""
    pairs = 100 * (runs - others).double().numpy()
    low, high = stats.t.interval(0.95, len(pairs) - 1, pairs.mean(), stats.sem(pairs) + 1e-9)
    return pairs.mean(), low, high


# %%
NAMES = {
    "epochs": "epochs",
    "width": "hidden units",
    "n_layers": "hidden layers",
    "weight_decay": "weight decay",
    "dropout": "dropout",
    "noise": "noise",
}
compared = {}
for knob, name in NAMES.items():
    values, runs = turned("MLP", knob)
    at_base = runs[values.index(getattr(base, knob))]
    for value, each in zip(values, runs, strict=True):
        if value != getattr(base, knob):
            compared[f"{name} {value:g}"] = difference(each, at_base)

[ax] = panels(1, 1, 6.0, 5.8)
for y, (name, (mean, low, high)) in enumerate(compared.items()):
    clear = not low <= 0 <= high
    style = {"color": BLUE if clear else "0.5", "marker": "o" if clear else "x", "capsize": 3}
    ax.errorbar(mean, y, xerr=high - mean, **style)
    print(f"{name:18s} {mean:+6.2f}  [{low:+6.2f}, {high:+6.2f}]")
ax.axvline(0, color="black", linewidth=0.8)
ax.set_yticks(range(len(compared)), compared, fontsize=8)
ax.invert_yaxis()
ax.set_xscale("symlog", linthresh=2)
ax.set_xticks([-50, -10, -2, -1, 0, 1, 2], [-50, -10, -2, -1, 0, 1, 2])
_ = ax.set(xlabel="test accuracy minus that of the base, points", xlim=(-100, 3))

# %% [markdown]
# *Figure: 25 changes of the base as rows, with the mean difference in points and its interval. Far
# on the left, 50 points and more below 0: 3 epochs, 2 units, 8 layers, weight decay 1. Around 0,
# within a point: 100 epochs, 16 to 128 units, small weight decay, dropout up to .5, noise up to .2.
# Of these 100 epochs and 128 units lie to the right of 0 with the whole interval.*

# %%
assert all(mean < 1 for mean, _, _ in compared.values())
gains = [name for name, (_, low, _) in compared.items() if low > 0]
assert len(compared) == 25
assert {name: round(compared[name][0], 1) for name in gains if compared[name][0] > 0.1} == {
    "epochs 100": 0.6,
    "hidden units 128": 0.4,
}
without_effect = ("weight decay 0.0001", "weight decay 0.001", "dropout 0.1", "hidden units 64")
assert all(compared[name][1] <= 0 <= compared[name][2] for name in without_effect)
for name in ("hidden units 8", "hidden layers 2", "dropout 0.5", "noise 0.4", "weight decay 0.1"):
    assert compared[name][2] < 0

# %% [markdown]
# Nothing helps by a point on average. Too little hurts (3 epochs, 2 units), and so does too much of
# what should protect from overfitting. Small weight decay, dropout of .1 and twice the units have
# no effect that ten seeds can show. Two gains are clear of 0: 100 epochs, +.6 points, and 128
# units, +.4. But of 25 intervals of 95 % one or so misses the truth by chance. We would measure
# these two again, on fresh seeds, before we believe them.
#
# More layers hurt, and badly. Is depth bad? Let us look at what else is at the base.
#
# ### Knobs hold one another
#
# Four hidden layers, and we change how the weights are drawn at the start: all 0; normal with
# standard deviation .01; as torch does by itself; by Xavier (Glorot and Bengio, 2010); by He et al.
# (2015), which keeps the size of the signals from layer to layer with ReLU; normal with standard
# deviation 1.
#
# **Predict.** What is learnt from all zeros?
#
# <details><summary>Answer</summary>
#
# Nothing. All hidden numbers are 0, so the last layer's weights get no gradient; and since these
# are 0, nothing flows back to the layers before. Only the last bias moves: it learns how frequent
# the digits are, which gives one of ten.
#
# </details>

# %%
left, middle, right = panels(1, 3, 3.6, 3.0)
for base_name, label, color, marker in (
    ("MLP", "torch's start", BLUE, "o"),
    ("MLP, He", "He's start", ORANGE, "s"),
):
    values, runs = turned(base_name, "n_layers")
    bars(left, range(len(values)), runs.tolist(), label, color, marker)
left.set_xticks(range(len(values)), values)
left.set(xlabel="hidden layers of ReLU", ylabel="test accuracy", ylim=(0, 1))
left.legend(loc="lower left")
for ax, knob, label in (
    (middle, "start", "start, 4 layers of ReLU"),
    (right, "activation", "activation, 4 layers, torch's start"),
):
    values, runs = turned("MLP, 4 layers", knob)
    bars(ax, range(len(values)), runs.tolist(), None, BLUE, line="")
    ax.set_xticks(range(len(values)), values, fontsize=8)
    ax.set(xlabel=label, ylabel="test accuracy", ylim=(0, 1))

# %% [markdown]
# *Figure: three panels of test accuracies. Hidden layers 1, 2, 4, 8: with torch's start .93, .91,
# .70, .10; with He's start .93, .92, .92, .83. Four layers by their start: zero and small .10,
# torch .70, Xavier .91, He .92, large .10. Four layers with torch's start by their activation: none
# .88, sigmoid .10, tanh .88, ReLU .70, GELU .10.*

# %%
shallow, *_, deep = turned("MLP, He", "n_layers")[1]  # one layer, eight layers: (seeds,)
claim(
    "Eight layers learn with weights drawn by He",
    figure="test accuracy after 30 epochs",
    values=deep.tolist(),
    above=0.3,
    without="with torch's own start",
    broken=turned("MLP", "n_layers")[1][-1].tolist(),
)
mean, low, high = difference(deep, shallow)
print(f"eight layers minus one, He's start: {mean:+.1f} points, interval {low:+.1f} to {high:+.1f}")
assert high < 0
by_start = dict(zip(*turned("MLP, 4 layers", "start"), strict=True))
assert (by_start["He"] - by_start["torch"]).min() > 0.03
assert all(by_start[start].max() < 0.2 for start in ("zero", "small", "large"))

gelu = replace(base, n_layers=4, activation="GELU")
drawn = [train(replace(gelu, start="He"), Chance.of(seed)).test[-1] for seed in range(5)]
values, runs = turned("MLP, 4 layers", "activation")
claim(
    "GELU learns in four layers, if the start fits",
    figure="test accuracy after 30 epochs",
    values=drawn,
    above=0.7,
    without="with torch's own start",
    broken=runs[values.index("GELU")].tolist(),
)

# %% [markdown]
# **Claim.** On ten seeds, eight layers of ReLU get above .3 with He's start, and do not with
# torch's own. Four layers get further with He's start than with torch's on each of the ten, and
# from zeros, from very small and from very large weights they stay below .2. On five seeds, four
# layers of GELU get above .7 with He's start, and on ten they do not with torch's.
#
# So the right panel does not say that GELU is a bad activation, nor torch's curve on the left that
# depth must fail: both were measured with a start that is too small for them. With a start that
# fits deep models do learn. They are no better than one layer here, and eight are clearly worse, at
# a rate and for epochs that were chosen for one layer, on a task that needs no depth. **One knob at
# a time answers "what if I change only this?"**, and seldom the question that one has.
#
# ### Optimiser, rate and weight decay
#
# An optimiser must be compared at *its* best rate, chosen on the validation set.

# %%
left, right = panels(1, 2, 4.6, 3.1)
picked = {}
for name, base_name, color, marker in (
    ("SGD", "SGD", BLUE, "o"),
    ("SGD, momentum .9", "MLP", ORANGE, "s"),
    ("Adam", "Adam", GREEN, "D"),
):
    values, runs = turned(base_name, "lr")
    bars(left, values, runs.tolist(), name, color, marker)
    at = turned(base_name, "lr", "valid")[1].mean(dim=1).argmax().item()
    picked[name] = (values[at], runs[at])
    print(f"{name:17s} best on validation: rate {values[at]:.3g}, test {runs[at].mean():.3f}")
left.set(xscale="log", xlabel="learning rate", ylabel="test accuracy", ylim=(0, 1))
left.legend(fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
for name, base_name, color, marker in (
    ("SGD, momentum .9", "MLP", ORANGE, "s"),
    ("Adam", "Adam", GREEN, "D"),
    ("AdamW", "AdamW", PURPLE, "^"),
):
    values, runs = turned(base_name, "weight_decay")
    bars(right, range(len(values)), runs.tolist(), name, color, marker)
right.set_xticks(range(len(values)), [f"{value:g}" for value in values])
right.set(xlabel="weight decay", ylabel="test accuracy", ylim=(0, 1))
_ = right.legend(fontsize=8, loc="lower left")

# %% [markdown]
# *Figure: left, test accuracy against the learning rate, .0001 to 10. Three hills of the same
# height, .93: SGD with its top at 1, with momentum at .1, Adam from .01 to .03. Each hill rises
# over two powers of ten, and on the right it ends in a cliff. Right, against weight decay: SGD with
# momentum and Adam are level to .01, at .72 with .1 and at .1 with 1; AdamW is level throughout.*

# %%
for one, other in itertools.combinations(picked, 2):
    mean, low, high = difference(picked[one][1], picked[other][1])
    print(f"{one} minus {other}: {mean:+.2f} points, interval {low:+.2f} to {high:+.2f}")
    assert -2 < low < 0 < high < 2
assert (picked["SGD"][0], picked["SGD, momentum .9"][0]) == (1.0, 0.1)

decays = {name: dict(zip(*turned(name, "weight_decay"), strict=True)) for name in ("Adam", "AdamW")}
claim(
    "AdamW bears a weight decay of .1",
    figure="test accuracy, weight decay .1, rate .01",
    values=decays["AdamW"][0.1].tolist(),
    above=0.85,
    without="with Adam's weight decay, which goes through the gradient",
    broken=decays["Adam"][0.1].tolist(),
)

# %% [markdown]
# **Claim.** On ten seeds, with rate .01 and weight decay .1 AdamW gets above .85, and Adam does
# not. The same number means different things: section 10 has both by hand.
#
# At their best rates the three optimisers are alike: each interval of a difference holds 0 and lies
# within 2 points. What differs is *where* the best rate is. That of SGD is ten times that with
# momentum .9, and there is a reason: momentum adds up old steps, 1 + .9 + .81 + … = 10 times a
# constant gradient. A rate is no number that carries over from one optimiser to another.
#
# ### Kernels, pooling, and the rows as tokens
#
# A small **CNN** (one convolution of 8 channels, ReLU, then a linear layer) has a *kernel size*:
# how many pixels in each direction a channel sees. *Pooling* then merges squares of 2 × 2 numbers
# into one, their largest or their mean, or merges each whole channel into one number. The
# **Transformer** takes the rows of the image as eight tokens; its knob is `d_model`, the size of
# their embedding.

# %%
left, middle, right = panels(1, 3, 3.6, 3.0)
for name, color, marker in (
    ("CNN", BLUE, "o"),
    ("CNN, max", ORANGE, "s"),
    ("CNN, mean", GREEN, "D"),
    ("CNN, global mean", PURPLE, "^"),
):
    values, runs = turned(name, "kernel")
    label = name.removeprefix("CNN, ").replace("CNN", "no") + " pooling"
    bars(left, range(3), runs.tolist(), label, color, marker)
left.set_xticks(range(3), [f"{size} × {size}" for size in values])
left.set(xlabel="kernel", ylabel="test accuracy", ylim=(0, 1))
left.legend(fontsize=7, loc="center right", bbox_to_anchor=(1, 0.4))
for ax, knob, label in ((middle, "width", "d_model"), (right, "n_layers", "blocks")):
    values, runs = turned("Transformer", knob)
    bars(ax, range(len(values)), runs.tolist(), None, BLUE)
    ax.set_xticks(range(len(values)), values)
    ax.set(xlabel=f"{label} of the Transformer", ylabel="test accuracy", ylim=(0, 1))

# %% [markdown]
# *Figure: left, test accuracy of the CNN against kernels of 1, 3 and 5. Without pooling .93
# throughout; max pooling .81, .93, .94; mean pooling .84, .90, .91; global mean .1. Middle, the
# Transformer with d_model 4 to 64: .43, .75, .87, .89, .89. Right, with 1, 2 and 4 blocks: .89,
# .91, .90.*


# %%
def wider(base_name):
    """What a kernel of 3 × 3 gains over one of a single pixel: (seeds,)."""
    one, three, _ = turned(base_name, "kernel")[1]
    return three - one


claim(
    "Before pooling a kernel must see more than one pixel",
    figure="test accuracy with max pooling, kernel 3 × 3 minus 1 × 1",
    values=wider("CNN, max").tolist(),
    above=0.03,
    without="without pooling",
    broken=wider("CNN").tolist(),
)
_, low, high = difference(wider("CNN"), torch.zeros(10))
assert low < 0 < high
assert turned("CNN, global mean", "kernel")[1].max() < 0.2
mlp = turned("MLP", "dropout")[1][0]  # the base
rows_mean, low, high = difference(turned("Transformer", "n_layers")[1][0], mlp)
print(f"Transformer minus MLP: {rows_mean:+.1f} points, interval {low:+.1f} to {high:+.1f}")
assert high < -1
cnn = difference(turned("CNN", "kernel")[1][1], mlp)
assert cnn[1] < 0 < cnn[2]

values, sized = turned("Transformer", "width")
for d_model in (4, 64):
    mean, low, high = difference(sized[values.index(d_model)], sized[values.index(32)])
    print(f"d_model {d_model} minus 32: {mean:+.1f} points, interval {low:+.1f} to {high:+.1f}")
    assert high < -20 if d_model == 4 else low < 0 < high

# %% [markdown]
# **Claim.** On ten seeds, with max pooling a kernel of 3 × 3 is better than one of a single pixel
# by more than 3 points, and without pooling it is not: pooling forgets where things are within its
# square, and only a wider kernel has looked before.
#
# The global mean forgets *all* places. In these 30 epochs the CNN with it stays below .2. Without
# pooling the kernel makes no difference that ten seeds can show, nor does the CNN to the MLP: both
# intervals hold 0. The Transformer on rows is worse than the MLP by more than a point: 256 images
# of eight tokens are no task that needs attention, and we do not hide it. Its embedding can be too
# small: with d_model = 4 it is worse by more than 20 points than with 32. Beyond 32 ten seeds show
# no gain.
#
# **What it does not show.** What any of these knobs does for another base, more images or another
# task. All of this was measured at one place of a large space.

# %% [markdown]
# ## 7 · Experiment: when to stop
#
# How many epochs? One can look at the validation set after each, and keep the weights of the best:
# **early stopping**. Does it matter? We give the network 128 hidden units and 100 epochs, and train
# it on clean images, and on images of which 30 % were given the name of a wrong digit. Validation
# and test sets stay clean.
#
# **Predict** the two curves of the test accuracy.
#
# <details><summary>Answer</summary>
#
# With clean names the curve rises and stays: there is nothing to stop for. With wrong names the
# network first learns what most examples say, and later the wrong names by heart: the accuracy
# rises, and then falls for good.
#
# </details>

# %%
long = Settings(width=128, epochs=100)
clean, spoilt = (
    [train(replace(long, wrong=share), Chance.of(seed)) for seed in range(10)] for share in (0, 0.3)
)
left, right = panels(1, 2, 4.0, 3.0)
for runs, label, color, style in (
    (clean, "clean names", BLUE, "-"),
    (spoilt, "30 % wrong names", ORANGE, "--"),
):
    for ax, curves in (
        (left, [run.valid_losses for run in runs]),
        (right, [run.test for run in runs]),
    ):
        curves = torch.tensor(curves)  # (seeds, epochs)
        epochs = range(1, curves.shape[1] + 1)
        ax.plot(epochs, curves.mean(dim=0), style, color=color, label=label)
        ax.fill_between(epochs, curves.amin(0), curves.amax(0), color=color, alpha=0.2, linewidth=0)
left.set(xlabel="epoch", ylabel="validation loss", ylim=(0, 2.5))
right.set(xlabel="epoch", ylabel="test accuracy", ylim=(0, 1))
_ = right.legend(loc="lower right")

# %% [markdown]
# *Figure: two panels over 100 epochs, means and ranges of ten seeds. Clean names: the validation
# loss falls to about .2 and stays; the test accuracy rises to about .94 and stays. Wrong names: the
# loss falls below .8 at about epoch 20 and rises to 1.1; the test accuracy rises to about .85 and
# falls to about .7.*


# %%
def regret(run):
    """Test accuracy at the epoch of the lowest validation loss, minus that at the last epoch."""
    kept = torch.tensor(run.valid_losses).argmin().item()
    return run.test[kept] - run.test[-1]


for name, runs in (("clean", clean), ("30 % wrong", spoilt)):
    print(f"{name:10s}", [f"{regret(run):.3f}" for run in runs])
claim(
    "With wrong names, keeping the epoch of the lowest validation loss pays",
    figure="test accuracy gained over the last epoch",
    values=[regret(run) for run in spoilt],
    above=0.04,
    without="with clean names",
    broken=[regret(run) for run in clean],
)
assert all(abs(regret(run)) < 0.02 for run in clean)

# %% [markdown]
# **Claim.** On ten seeds, with 30 % wrong names the weights of the epoch with the lowest validation
# loss are better than the last ones by more than 4 points of test accuracy; with clean names the
# two differ by less than 2 points, either way.
#
# **What it does not show.** That the lowest *loss* is the best choice: accuracy and loss need not
# turn at the same epoch. And nobody can wait for all 100 epochs to find out where to stop: one
# stops when the loss has not improved for some time. The assignment asks for that.
#
# ### How often to look
#
# To look after each epoch is a habit. One may look at the validation set once, at the end, or 2, 5
# or 100 times in the 100 epochs, evenly spaced, and keep the weights of the best look. Now the best
# is the one with the highest validation *accuracy*, as many people choose.
#
# **Predict**, for clean and for wrong names: with more looks, how does the validation accuracy of
# the best change, and how its test accuracy?
#
# <details><summary>Answer</summary>
#
# On the validation set it rises with every further look that hits something better, and it cannot
# fall: the 100 looks contain the 10. On the test set it rises with wrong names, as soon as a look
# falls near the turning point; ten looks find nearly all there is to find. With clean names there
# is nothing to find, and the test accuracy stays, while the validation accuracy of the best look
# still rises.
#
# </details>

# %%
LOOKS = (1, 2, 5, 10, 20, 50, 100)


def best_look(run, looks):
    """What the best of so many looks gains over the last epoch: on validation, on test images."""
    at = range(100 // looks - 1, 100, 100 // looks)  # the last epoch is always one of them
    kept = max(at, key=run.valid.__getitem__)
    return run.valid[kept] - run.valid[-1], run.test[kept] - run.test[-1]


found = {
    name: torch.tensor([[best_look(run, looks) for run in runs] for looks in LOOKS])
    for name, runs in (("clean names", clean), ("30 % wrong names", spoilt))
}  # each (looks, seeds, 2)
for ax, (name, gains) in zip(panels(1, 2, 4.4, 3.0), found.items(), strict=True):
    bars(ax, LOOKS, gains[:, :, 0].tolist(), "on the validation set, which chose", ORANGE, "s")
    bars(ax, LOOKS, gains[:, :, 1].tolist(), "on the test set", BLUE)
    ax.set(xscale="log", xlabel="looks in 100 epochs", title=name)
    ax.set(ylabel="accuracy of the best look\nminus that of the last epoch")
    ax.set_xticks(LOOKS, LOOKS)
_ = ax.legend(loc="lower right", fontsize=8)

# %% [markdown]
# *Figure: two panels, gains against 1 to 100 looks. Clean names: on the validation set the gain
# rises from 0 to .6 points, on the test set it stays at 0. Wrong names: both rise steeply, to 14
# points or so at five and ten looks, and then slowly to 15 on the test and 17 on the validation
# set.*

# %%
ten, hundred = (LOOKS.index(looks) for looks in (10, 100))
claim(
    "Where there is a turning point, ten looks find it",
    figure="test accuracy gained over the last epoch by the best of ten looks",
    values=found["30 % wrong names"][ten, :, 1].tolist(),
    above=0.05,
    without="with clean names",
    broken=found["clean names"][ten, :, 1].tolist(),
)
more = (found["30 % wrong names"][hundred] - found["30 % wrong names"][ten]).mean(dim=0)
valid_gain, test_gain = found["clean names"][hundred].mean(dim=0).tolist()
print(f"wrong names, 100 looks minus 10, test: {more[1]:+.3f}")
print(f"clean names, 100 looks: validation {valid_gain:+.4f}, test {test_gain:+.4f}")
assert more[1] < 0.04
assert valid_gain - test_gain > 0.002

# %% [markdown]
# **Claim.** On ten seeds with wrong names, the best of ten looks is better than the last epoch by
# more than 5 points of test accuracy, and with clean names it is not. Ninety more looks add less
# than 4 points on average. With clean names the best of 100 looks gains more on the validation set
# than on the test set, by over .2 points on average: it was chosen there.
#
# **What it does not show.** How many looks *your* curve needs: as many as it takes to have one near
# the turning point. What more looks find beyond that is partly luck, and this is the subject of the
# next section.
#
# ## 8 · Experiment: what the best of many is worth
#
# We look at many runs and report the best. Section 3 has 100 runs of *the same* settings on each of
# five splits. Take k of them at random, keep the one with the best validation accuracy, and look
# at its test accuracy. No run is truly better than another by its settings.
#
# **Predict.** How do the two numbers, compared with the mean of all runs, change with k?
#
# <details><summary>Answer</summary>
#
# The validation accuracy of the best grows with k: the more one looks, the luckier the luckiest.
# The test accuracy hardly moves. A little remains, as some first weights are better than others.
#
# </details>

# %%
both = [
    torch.tensor([chances.column(part, kind="all", fixed=split)[0] for part in ("valid", "test")])
    for split in range(5)
]  # each (2, 100)


def winners(scores, k, draws=2_000):
    """How far the best of k by validation is above the mean: in validation, and in test."""
    g = torch.Generator().manual_seed(k)
    chosen = torch.rand(draws, scores.shape[1], generator=g).argsort(dim=1)[:, :k]  # (draws, k)
    valid, test = scores[0][chosen], scores[1][chosen]
    best = valid.argmax(dim=1, keepdim=True)  # the first of equals; the order is random
    gains = [part.gather(1, best).mean() for part in (valid, test)]
    return [(gain - part.mean()).item() for gain, part in zip(gains, scores, strict=True)]


numbers = [1, 2, 3, 5, 10, 20, 40]
gains = torch.tensor([[winners(scores, k) for scores in both] for k in numbers])
[ax] = panels(1, 1, 5.0, 3.2)
bars(ax, numbers, gains[:, :, 0].tolist(), "on the validation set, which chose it", ORANGE, "s")
bars(ax, numbers, gains[:, :, 1].tolist(), "on the test set", BLUE)
ax.set(xlabel="number of runs k", ylabel="accuracy of the winner\nminus the mean of all runs")
ax.set_xscale("log")
ax.set_xticks(numbers, numbers)
_ = ax.legend()

# %% [markdown]
# *Figure: two curves against 1 to 40 runs, with intervals over five splits. The winner's validation
# accuracy rises from 0 to 1.6 points above the mean of all runs; its test accuracy rises to .3
# points, with wide intervals.*

# %%
too_good = gains[:, :, 0] - gains[:, :, 1]  # (numbers, splits)
claim(
    "The best of ten equal runs looks better than it is",
    figure="winner above the mean of all runs, on validation minus on test images",
    values=too_good[numbers.index(10)].tolist(),
    above=0.0015,
    without="for one run that nothing has chosen",
    broken=too_good[numbers.index(1)].tolist(),
    each="splits",
)
assert gains[numbers.index(10), :, 0].mean() > 0.005 > gains[numbers.index(10), :, 1].mean()
assert [round(each, 3) for each in gains[-1].mean(dim=0).tolist()] == [0.016, 0.003]

# %% [markdown]
# **Claim.** On each of five splits, the best of ten runs of the same settings leads the mean of all
# runs by more on the validation set than on the test set, on average over many draws by more than
# .15 points; for a single run, which nothing has chosen, the two are the same. Over the splits its
# lead is more than half a point on the validation set, and less than half a point on the test set.
#
# This is the **winner's curse**: whoever wins by a noisy measure was, on average, lucky in the
# measuring. It has nothing to do with seeds as such. Try 50 settings that all do the same, and the
# best will look like progress. Hence the test set, and hence a rule for papers: say how many runs
# you tried. The table of Dodge et al. in section 3 shows the best of hundreds on the validation
# set, and the authors plot, as we did here, how the expected best grows with the number of runs.
#
# **What it does not show.** That choosing is useless. Where settings really differ, as in section
# 4, validation finds the good ones. It is the *number* of the winner that must be measured again.

# %% [markdown]
# ## 9 · Experiment: grid, random, Optuna
#
# Three knobs, each on a logarithmic scale: the learning rate from 1e-4 to 10, weight decay from
# 1e-7 to 1e-3, noise from .001 to .1. Within these ranges the last two cost less than a point
# (section 6), but who searches does not know that. There is money for eight trials.
#
# - A **grid** takes two values of each: 2 · 2 · 2 = 8. Chance says where in the ranges it lies.
# - **Random** search draws every knob anew in every trial.
#
# **Predict.** How many learning rates does each of the two try? Which finds the better setting?
#
# <details><summary>Answer</summary>
#
# The grid tries two, each four times over. Random search tries eight. As only the rate matters, the
# grid has thrown away three quarters of its trials.
#
# </details>

# %%
tries = tuning_search.grid_of_three(repeat=0), tuning_search.at_random(repeat=0)[:8]
found = [[tuning_search.tried(turned, repeat=0) for turned in each] for each in tries]
[ax] = panels(1, 1, 5.4, 2.8)
for trials, label, color, marker in zip(
    found, ("grid", "random"), (ORANGE, BLUE), "so", strict=True
):
    lrs, valid, _ = zip(*trials, strict=True)
    ax.plot(lrs, valid, marker, color=color, label=label, markersize=7, alpha=0.7)
ax.set(xscale="log", xlim=(1e-4, 10), ylim=(0, 1))
ax.set(xlabel="learning rate", ylabel="validation accuracy")
_ = ax.legend()

# %% [markdown]
# *Figure: eight trials of each search against their learning rate. The squares of the grid stand at
# two rates only, four upon one another, .004 and 1.2; the circles of random search stand at eight
# rates. Only rates from .01 to .1 were good, and the grid has none there.*
#
# Here the grid was unlucky. How often is it?

# %%
searches = table("tuning_search")
print(f"table of {searches.date}: {searches.settings['repeats']} repeats of each search")
for name, trials in zip(("grid of three", "random"), found, strict=True):
    kept = searches.column("valid", search=name, repeat=0)[0]
    print(f"{name:14s} live {[f'{valid:.2f}' for _, valid, _ in trials]}")
    for (rate, new, _), old in zip(trials, kept, strict=False):
        assert abs(new - old) < 0.03 or rate > 0.3  # beyond, rounding decides
assert [len({turned["lr"] for turned in each}) for each in tries] == [2, 8]

# %% [markdown]
# One repeat is one draw. The table has 40 of each, every one with a split, first weights and an
# order of its own; validation chooses the best of the eight trials, and we look at its **test**
# accuracy. A third search knows what we know: a *grid of one* knob, eight learning rates, the other
# two knobs at 0.


# %%
def winner(name, repeat, trials=8):
    """The test accuracy of the trial with the best validation accuracy among the first ones."""
    valid, test = (
        searches.column(part, search=name, repeat=repeat)[0] for part in ("valid", "test")
    )
    return test[max(range(trials), key=valid.__getitem__)]


NAMES = ("grid of three", "random", "grid of one")
won = {name: [winner(name, repeat) for repeat in range(40)] for name in NAMES}
[ax] = panels(1, 1, 5.4, 3.0)
for place, (name, color, marker) in enumerate(
    zip(NAMES, (ORANGE, BLUE, GREEN), "soD", strict=True)
):
    spot = torch.linspace(-0.2, 0.2, 40) + place
    ax.plot(spot, won[name], ".", color="0.6")
    bars(ax, [place], [won[name]], None, color, marker)
    below = sum(accuracy < 0.88 for accuracy in won[name])
    mean = statistics.mean(won[name])
    print(f"{name:14s} mean {mean:.3f}, worst {min(won[name]):.3f}, {below} of 40 below .88")
ax.set(ylabel="test accuracy of the winner", ylim=(0, 1))
_ = ax.set_xticks(range(3), [f"{name}\n8 trials" for name in NAMES])

# %% [markdown]
# *Figure: 40 winners of each search as grey points, with mean and interval. Grid of three: 24 lie
# near .93, the others are scattered down to .24; the mean is .83. Random: all above .8, mean .92.
# Grid of one: all above .9, mean .93.*
#
# The mean and its interval say little about the first cloud: no winner is near .83. Look at the
# points, not only at the bars.


# %%
def lead(one, other):
    """How far one search is ahead of another, on average over each ten of the 40 repeats."""
    tens = (torch.tensor(won[name]).reshape(4, 10).mean(dim=1) for name in (one, other))
    return torch.sub(*tens).tolist()


claim(
    "With two idle knobs of three, random search beats the grid",
    figure="test accuracy of the winner, random minus grid, means of 10 repeats",
    values=lead("random", "grid of three"),
    above=0.02,
    without="with a grid that turns only the knob that matters",
    broken=lead("random", "grid of one"),
    each="tens of repeats",
)

# %% [markdown]
# **Claim.** In each of four times ten repeats, the winner of eight random trials is on average more
# than 2 points better than that of a 2 · 2 · 2 grid, and not better than that of a grid of eight
# values of the one knob that matters.
#
# This is the argument of Bergstra and Bengio ("Random Search for Hyper-Parameter Optimization",
# 2012): mostly a few knobs matter, one does not know which, and random trials try as many values of
# each as there are trials.
#
# **What it does not show.** That grids are bad. If few knobs matter *and you know which*, a grid of
# these alone covers them more evenly than chance does.
#
# ### The same with Optuna
#
# Optuna runs the trials for us: one writes a function that asks a `trial` for each knob and returns
# the score; a *sampler* decides what is asked next. Grid and random search are two of them.

# %%
optuna.logging.set_verbosity(optuna.logging.WARNING)


def objective(trial):
    """The validation accuracy of one trial, repeat 0."""
    knobs = {
        name: trial.suggest_float(name, *ends, log=True)
        for name, ends in tuning_search.SPACE.items()
    }
    return tuning_search.tried(knobs, repeat=0)[1]


grid_values = {name: sorted({each[name] for each in tries[0]}) for name in tuning_search.SPACE}
samplers = {
    "grid": optuna.samplers.GridSampler(grid_values, seed=0),
    "random": optuna.samplers.RandomSampler(seed=0),
}
for name, sampler in samplers.items():
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=8)
    print(f"{name:7s} best {study.best_value:.3f} at lr {study.best_params['lr']:.3g}")
    if name == "grid":  # the same eight trials as before, in another order
        by_optuna = sorted(trial.value for trial in study.trials)
        assert torch.allclose(
            torch.tensor(by_optuna), torch.tensor(sorted(valid for _, valid, _ in found[0]))
        )

# %% [markdown]
# Its default is a third one, TPE (Bergstra et al., "Algorithms for Hyper-Parameter Optimization",
# 2011), which looks back: it models where the good trials lie and where the others lie, and asks
# where the first is dense and the second is not. The first ten trials are random, so that with
# eight TPE *is* random search. We give 24 trials to both, 40 times.


# %%
def best_so_far(name):
    """Of the trials up to each, that with the best validation accuracy: its test accuracy."""
    return torch.tensor([[winner(name, r, n) for r in range(40)] for n in range(1, 25)])


def good(name, trials):
    """The share of some trials with a validation accuracy above .88: (repeats,)."""
    valid = torch.tensor(searches.column("valid", search=name))  # (repeats, trials)
    return (valid[:, trials] > 0.88).float().mean(dim=1)


left, right = panels(1, 2, 4.2, 3.0)
for name, color, marker in (("random", BLUE, "o"), ("TPE", PURPLE, "s")):
    bars(left, range(1, 25), best_so_far(name).tolist(), name, color, marker)
    halves = [good(name, slice(10)).tolist(), good(name, slice(10, 24)).tolist()]
    bars(right, [0, 1], halves, name, color, marker)
left.set(xlabel="trials", ylabel="test accuracy of the best so far", ylim=(0, 1))
left.legend(loc="lower right")
right.set(ylabel="share of trials above .88", ylim=(0, 0.8), xlim=(-0.5, 1.5))
_ = right.set_xticks([0, 1], ["trials 1 to 10", "trials 11 to 24"])

# %% [markdown]
# *Figure: left, the test accuracy of the best trial so far against 1 to 24 trials: the curves of
# random search and of TPE lie upon each other; they rise from .45 to .92 at seven trials, and then
# hardly any more. Right, the share of good trials: .3 for both in the first ten; in the rest .3 for
# random search and above .5 for TPE.*

# %%
last = [torch.tensor([winner(name, r, 24) for r in range(40)]) for name in ("TPE", "random")]
ahead = (last[0] - last[1]).numpy()
low, high = stats.t.interval(0.95, 39, ahead.mean(), stats.sem(ahead))
print(f"winner of 24, TPE minus random: {ahead.mean():+.4f}, interval {low:+.4f} to {high:+.4f}")


def lead_of_tpe(trials):
    """By how much more of these trials are good with TPE than at random: (4,), tens of repeats."""
    return (good("TPE", trials) - good("random", trials)).reshape(4, 10).mean(dim=1).tolist()


claim(
    "After its ten random trials TPE asks at good places more often than chance does",
    figure="share of trials 11 to 24 above .88, TPE minus random, means of 10 repeats",
    values=lead_of_tpe(slice(10, 24)),
    above=0.07,
    without="in trials 1 to 10",
    broken=lead_of_tpe(slice(10)),
    each="tens of repeats",
)
assert low < 0 < high
assert -0.01 < low < high < 0.01

# %% [markdown]
# **Claim.** In each of four times ten repeats, more of TPE's trials 11 to 24 have a validation
# accuracy above .88 than of random search, by more than .07 of all; of the trials 1 to 10 not so.
# But the *winner* of 24 trials is the same: the interval of the difference, 40 pairs, holds 0 and
# lies within a point to each side.
#
# **What it does not show.** That TPE is of no use. Here the top is flat, and random search finds it
# with 24 trials; with more knobs that matter, or dearer trials, looking back may pay. It does show
# what to compare a clever search with: random search on the same budget, repeated.

# %% [markdown]
# ## 10 · The paper and the tools
#
# "Attention Is All You Need" tunes in section 6.2: Table 3 varies the number of heads, the sizes
# of keys, values and layers, dropout, label smoothing and the positions, one at a time, and reports
# what the *development* set newstest2013 says. Beam size and length penalty were chosen on the
# development set too (section 6.1). Each row of the table is one number, without an interval, so
# that differences of a tenth of a BLEU cannot be told from chance by the table alone.
#
# For the batch and the rate: Goyal et al. ("Accurate, Large Minibatch SGD", 2017) multiply the rate
# by k when the batch is multiplied by k, with a warm-up where this is hard at first. Zhang et al.
# ("Which Algorithmic Choices Matter at Which Batch Sizes?", 2019) look at the *critical* batch
# size, beyond which more images a step buy ever less, and find it much larger with Adam than with
# SGD with momentum. Malladi et al. ("On the SDEs and Scaling Rules for Adaptive Gradient
# Algorithms", 2022) derive for Adam a square root in the place of the proportion.
#
# | knob | torch | fairseq | Hugging Face `TrainingArguments` |
# | --- | --- | --- | --- |
# | learning rate | `lr` | `--lr` | `learning_rate` |
# | batch | of the `DataLoader` | `--batch-size`, `--max-tokens` | `per_device_train_batch_size` |
# | micro-batches | your loop | `--update-freq` | `gradient_accumulation_steps` |
# | weight decay | `weight_decay` | `--weight-decay` | `weight_decay` |
# | dropout | `nn.Dropout(p)` | `--dropout` | in the model's configuration |
# | epochs | your loop | `--max-epoch` | `num_train_epochs` |
# | early stopping | your loop | `--patience` | `EarlyStoppingCallback` |
# | seed | `torch.manual_seed` | `--seed` | `seed`, `data_seed` |
#
# One of these names hides two things. `weight_decay` of `Adam` adds λw to the **gradient**, which
# Adam then divides by its usual size, so that a weight with large gradients decays less; that of
# `AdamW` shrinks the **weight** itself, by the factor 1 − ηλ (Loshchilov and Hutter, "Decoupled
# Weight Decay Regularization", 2019). By hand, one weight:


# %%
def adam_by_hand(w, gradients, rate, decay, decoupled, betas=(0.9, 0.999), eps=1e-8):
    """One weight after a step for each of the gradients."""
    mean, square = 0.0, 0.0
    for step, g in enumerate(gradients, start=1):
        if decoupled:
            w *= 1 - rate * decay
        else:
            g = g + decay * w
        mean = betas[0] * mean + (1 - betas[0]) * g
        square = betas[1] * square + (1 - betas[1]) * g * g
        usual = (square / (1 - betas[1] ** step)) ** 0.5
        w -= rate * mean / (1 - betas[0] ** step) / (usual + eps)
    return w


steps = torch.randn(20, generator=torch.Generator().manual_seed(0)).tolist()
decayed = {}
for kind, decoupled in ((torch.optim.Adam, False), (torch.optim.AdamW, True)):
    weight = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    stepper = kind([weight], lr=0.01, weight_decay=0.5)
    for g in steps:
        weight.grad = torch.tensor(g, dtype=torch.float64)
        stepper.step()
    own = adam_by_hand(1.0, steps, 0.01, 0.5, decoupled)
    decayed[kind.__name__] = weight.item()
    print(f"{kind.__name__:6s} w = {weight.item():.4f}, differs by {abs(weight.item() - own):.0e}")
    assert abs(weight.item() - own) < 1e-12
assert abs(decayed["Adam"] - decayed["AdamW"]) > 0.01

# %% [markdown]
# ## 11 · Check yourself
#
# **1.** Three seeds of setting A give .90, .92, .94, and three of setting B give .91, .93, .95, on
# the same three splits, in this order. Do the two intervals overlap? Is B better?
#
# <details><summary>Answer</summary>
#
# A is .92 ± .05 and B .93 ± .05: they overlap nearly entirely. But seed by seed B is better by
# exactly .01 each time. The interval of the *differences* has no width at all: compare pairs where
# there are pairs. (Three equal differences are too good to be true, of course.)
#
# </details>
#
# **2.** Batch 256 does not fit into your memory, 32 does. You accumulate 8 times 32 with plain SGD.
# Must the learning rate change? And if you had simply taken batch 32?
#
# <details><summary>Answer</summary>
#
# Accumulated it is batch 256 in every respect but memory: leave the rate. With batch 32 and a step
# after each, by the law of section 4 the rate goes down by 8 as well.
#
# </details>
#
# **3.** You tried 60 settings. The best has a validation accuracy of .934, your old setting .928 on
# the same validation set. What do you report?
#
# <details><summary>Answer</summary>
#
# Not .934. Measure both once more, on the test set, best with several seeds each, and report that,
# with its interval and the number 60. The best of 60 equal settings would have looked better too.
#
# </details>

# %%
first, second = [0.90, 0.92, 0.94], [0.91, 0.93, 0.95]
for values in (first, second):
    low, high = stats.t.interval(0.95, 2, statistics.mean(values), stats.sem(values))
    print(f"{low:.3f} to {high:.3f}")
    assert round((high - low) / 2, 2) == 0.05
pairs = [b - a for a, b in zip(first, second, strict=True)]
assert max(abs(pair - 0.01) for pair in pairs) < 1e-12

# %% [markdown]
# **The assignment.** [a8_inside](../assignments/a8_inside/a8_inside.ipynb), problems 6 to 10:
# gradients in pieces for any model and any loss, early stopping with patience, a grid, a random
# draw, and the interval.
#
# **Next.** This was the last lecture. What is left is yours: [the map](index.ipynb) shows the way
# you came.
#
# ## 12 · Words
#
# | English | 한국어 |
# | --- | --- |
# | tuning | 튜닝, 조정 |
# | hyperparameter | 하이퍼파라미터, 초매개변수 |
# | learning rate | 학습률 |
# | batch, micro-batch | 배치, 마이크로 배치 |
# | epoch | 에폭 |
# | gradient accumulation | 기울기 누적 |
# | weight decay | 가중치 감쇠 |
# | initialisation | 초기화 |
# | training, validation, test set | 훈련, 검증, 테스트 세트 |
# | evaluation, a look at the validation set | 평가 |
# | early stopping | 조기 종료 |
# | overfitting | 과적합 |
# | confidence interval | 신뢰 구간 |
# | standard deviation | 표준편차 |
# | winner's curse | 승자의 저주 |
# | grid search, random search | 그리드 탐색, 무작위 탐색 |
# | kernel, pooling | 커널, 풀링 |
