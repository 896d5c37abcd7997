# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 06 · Positional encoding
#
# *About 50 minutes. You need [lecture 04](04_multi_head_attention.ipynb), and sines and cosines.*
#
# **The question.** A recurrent network reads one word after the other, so it cannot help knowing
# which came first. Attention looks at all words at once, and we have said twice that it does not
# know their order. How does a model without order learn about order?
#
# **Afterwards you can**
#
# - show that attention takes "I go home" for "home go I", and say what can and cannot be learnt
#   then;
# - read the code of a position as the hands of several clocks, and say why several are needed;
# - say what a step does to the code (it turns), and what two codes tell of each other (how far
#   apart they are);
# - say what a wavelength is, and how long the longest one is, exactly;
# - tell the tables of the paper, fairseq and Marian apart, before weights are carried across.

# %%
import math

import torch
import torch.nn.functional as F
from ipywidgets import FloatLogSlider, IntSlider
from torch import nn

from course.claims import claim
from course.knobs import Knobs
from course.plots import BLUE, GREEN, ORANGE, PURPLE, panels, spread, use_style

torch.set_num_threads(1)
use_style()
SEEDS = range(5)

# %% [markdown]
# ## 1 · By hand: "home go I"
#
# The word *go* asks for a doer. Let its three exponentials be 2 for *I*, 1 for *go* and 1 for
# *home*; then its weights are ½, ¼, ¼. Let the values be the numbers of lecture 04: *I* = 1, *go* =
# 4, *home* = 9.
#
# **Predict.** What does *go* get in "I go home"? And in "home go I"?
#
# Then a very crude idea: each word adds *the number of its place*, 0, 1 or 2, to its value. (The
# weights stay as they are.) What does *go* get in either sentence now?
#
# <details><summary>Answer</summary>
#
# ½ · 1 + ¼ · 4 + ¼ · 9 = 3.75, and in "home go I" the same three products are added in another
# order: 3.75 again. With places, "I go home" gives ½ · (1 + 0) + ¼ · (4 + 1) + ¼ · (9 + 2) = 4.5,
# and "home go I" gives ¼ · (9 + 0) + ¼ · (4 + 1) + ½ · (1 + 2) = 5. Now the two sentences differ.
#
# </details>

# %%
power, value = {"I": 2, "go": 1, "home": 1}, {"I": 1, "go": 4, "home": 9}
results = []
for with_places in (False, True):
    for sentence in (["I", "go", "home"], ["home", "go", "I"]):
        total = sum(power[word] for word in sentence)
        result = 0.0
        for place, word in enumerate(sentence):
            result += power[word] / total * (value[word] + (place if with_places else 0))
        results.append(result)
        print(f"{' '.join(sentence)}, {'with' if with_places else 'without'} places: {result}")
assert results == [3.75, 3.75, 4.5, 5.0]

# %% [markdown]
# ### The same by torch
#
# Nothing in this depends on the numbers. A weight is made from two words, wherever they stand, and
# a sum does not mind the order of its terms. So if the words change places, the outputs change
# places with them, and nothing else happens. For a matrix P that reorders rows,
#
# $$\mathrm{Attention}(P X) = P\,\mathrm{Attention}(X).$$
#
# This is called **permutation-equivariant**. Let us see it in torch's own layer, with random
# matrices and random words. We ask for each word by its name: what has become of *go*?


# %%
def read(layer, sentence, vectors, loudness):
    """What each word becomes, by name, when `loudness` times its place is added to its features."""
    x = torch.stack([vectors[word] + loudness * place for place, word in enumerate(sentence)])
    return dict(zip(sentence, layer(x, x, x)[0], strict=True))  # word -> (d_model,)


def change(seed, loudness):
    """The largest change of any word's output from "I go home" to "home go I"."""
    torch.manual_seed(seed)
    vectors = {word: torch.randn(8) for word in ("I", "go", "home")}
    layer = nn.MultiheadAttention(embed_dim=8, num_heads=2)
    forth = read(layer, ["I", "go", "home"], vectors, loudness)
    back = read(layer, ["home", "go", "I"], vectors, loudness)
    return max((forth[word] - back[word]).abs().max().item() for word in vectors)


claim(
    'To attention, "I go home" and "home go I" are the same words',
    figure="largest change of a word's output",
    values=[change(seed, loudness=0) for seed in SEEDS],
    below=1e-5,
    without="with the number of its place added to each word",
    broken=[change(seed, loudness=1) for seed in SEEDS],
)
assert min(change(seed, loudness=1) for seed in SEEDS) > 0.01

# %% [markdown]
# **Claim.** On five random layers no output of a word changes by as much as 1e-5 when the sentence
# is turned round. If the number of its place is added to every word, some output changes by more
# than .01.
#
# **What it does not show.** That every use of attention is blind to order. A **causal mask**, which
# lets each word see only itself and the words before, breaks the symmetry without any code:

# %%
torch.manual_seed(0)
x, layer = torch.randn(3, 8), nn.MultiheadAttention(embed_dim=8, num_heads=2)
hidden = torch.ones(3, 3).triu(diagonal=1).bool()  # here True means "may NOT attend": lecture 07
forth, _ = layer(x, x, x, attn_mask=hidden)
back, _ = layer(x.flip(0), x.flip(0), x.flip(0), attn_mask=hidden)
print("the word in the middle changes by", (forth[1] - back[1]).abs().max().item())
assert (forth[1] - back[1]).abs().max() > 0.01

# %% [markdown]
# *go* sees *I* and itself in the one sentence, *home* and itself in the other. So a decoder can
# learn something of order from its mask alone (Haviv et al., 2022), and section 7 will show it in
# the small. An encoder has no such mask. It must be told.
#
# ## 2 · Definition: the hands of several clocks
#
# To tell a word its position p, we *add* to its vector a code of the same size, `d_model`. The code
# of the paper is made of pairs. Pair i is the sine and the cosine of one angle:
#
# $$PE_{p,\,2i} = \sin(\omega_i\, p) \qquad PE_{p,\,2i+1} = \cos(\omega_i\, p) \qquad
#   \omega_i = \frac{1}{10000^{2i/d_{model}}}$$
#
# | symbol | is | shape or range |
# | --- | --- | --- |
# | $p$ | position, from 0 | 0, …, n − 1 |
# | $i$ | pair, from 0 | 0, …, d_model / 2 − 1 |
# | $\omega_i$ | speed of pair i: radians per position | from 1 down to nearly 1/10000 |
# | $PE_p$ | code of position p | `(d_model,)` |
# | $x_p + PE_p$ | what the first layer gets | `(d_model,)`; of all words `(n, d_model)` |
#
# Sine and cosine of one angle are a point on a circle, the tip of a **hand of a clock**. Position
# by position, the hand of pair 0 turns by 1 radian, and each further hand is slower, always by
# the same factor. With `d_model` = 8 the speeds fit in the head:

# %%
p = 3
for i, speed in enumerate([1, 1 / 10, 1 / 100, 1 / 1000]):  # d_model = 8, four pairs
    angle = speed * p
    print(
        f"pair {i}: angle {angle:5.3f}, sine {math.sin(angle):.3f}, cosine {math.cos(angle):6.3f}"
    )
    assert math.isclose(speed, 10000 ** (-2 * i / 8))

# %% [markdown]
# In this lecture we keep each hand as one complex number: its real part is the cosine and its
# imaginary part the sine. That is shorter, and sections 5 and 9 will gain from it. Of a hand times
# the conjugate of another, the real part is cosine · cosine + sine · sine: so inner products are
# written. (The table of real numbers, as the formula has it, is yours to build in the assignment.)


# %%
def speeds_of(d_model):
    """The speeds of all pairs, (d_model / 2,): equal ratios from 1 to 1/10000, the end left out."""
    return torch.logspace(0, -4, d_model // 2 + 1, dtype=torch.float64)[:-1]


def hands(positions, speeds):
    """The hand of each pair at each position. (n,), (pairs,) -> (n, pairs), complex."""
    angles = torch.outer(positions.double(), speeds)
    return torch.polar(torch.ones_like(angles), angles)  # length 1, and this angle


print(hands(torch.tensor([3]), speeds_of(8)))
torch.testing.assert_close(speeds_of(8), torch.tensor([1, 0.1, 0.01, 0.001]).double())

# %%
code = hands(torch.arange(100), speeds_of(64))  # (100, 32)
for ax, (name, part) in zip(
    panels(1, 2, 3.9, 3.7), {"sine": code.imag, "cosine": code.real}.items(), strict=True
):
    image = ax.imshow(part, cmap="cividis", vmin=-1, vmax=1, aspect="auto")
    ax.set(xlabel="pair $i$", ylabel="position $p$", title=f"{name} of each pair, d_model = 64")
    ax.grid(False)
_ = ax.figure.colorbar(image, ax=ax)

# %% [markdown]
# *Figure: two maps of 100 positions by 32 pairs, sines on the left and cosines on the right, dark
# for −1 and bright for 1. In the leftmost columns dark and bright change every few positions; the
# further right, the slower the change; towards the right edge the sines stay near 0 and the
# cosines near 1.*
#
# Each row is the code of one position. The columns are like the digits of a number: the last digit
# changes at every step, the one before it ten times as slowly, and so on. But digits jump, and
# hands move smoothly.
#
# ## 3 · Break it: simpler codes
#
# ### The number itself
#
# Why not add p to every feature, as in section 1? Attention compares by inner products, so let us
# compare codes by inner products.
#
# **Predict.** The code of p is (p, p, p, p). To which of the positions 0 to 9 has position 3 the
# largest inner product?
#
# <details><summary>Answer</summary>
#
# 4 · 3 · p is largest for p = 9: not for position 3 itself, and not for its neighbours, but for the
# end of the sentence. The number has an order, but its inner product says nothing of nearness. (The
# assignment asks you for more reasons.)
#
# </details>

# %%
numbers = torch.arange(10.0)[:, None].expand(10, 4)  # (n, d_model)
ours = hands(torch.arange(10), speeds_of(4))  # (n, pairs)
by_number = numbers @ numbers[3]  # (n,)
by_hands = (ours @ ours[3].conj()).real  # (n,): cosine · cosine + sine · sine, added up
print("numbers:", by_number.int().tolist())
print("hands:  ", [round(each, 2) for each in by_hands.tolist()])
assert (by_number.argmax(), by_hands.argmax()) == (9, 3)

# %% [markdown]
# ### One clock only
#
# Hands do better. But why so many?
#
# **Predict.** Keep pair 0 alone: a hand that turns by 1 radian for each position. Which later
# position has nearly the code of position 3? How near can two of 2,048 positions come?
#
# <details><summary>Answer</summary>
#
# A full turn takes 2π ≈ 6.28 positions. After 44 positions it has made seven turns and .018
# radians: positions 3 and 47 are nearly alike. 710 positions are 113 turns but for .00006 radians.
# (Never exactly alike, since π is irrational. But no network will see such a difference.)
#
# </details>
#
# A second clock helps where the first has come round, unless it has come round as well. With
# `d_model` = 8, the first hand needs 6.28 positions for a turn, the second 62.8:

# %%
eight = hands(torch.arange(2048), speeds_of(8))  # (2048, 4)
ring = torch.polar(torch.ones(100), torch.linspace(0, math.tau, 100))
for i, ax in enumerate(panels(1, 4, 2.1, 2.5)):
    ax.plot(ring.real, ring.imag, color="0.8")
    for p, color, dashes in ((3, "black", "-"), (66, GREEN, "--")):
        tip = eight[p, i]
        ax.plot([0, tip.real], [0, tip.imag], dashes, color=color, marker=".", label=f"p = {p}")
    ax.set(title=f"pair {i}: a turn in {math.tau * 10**i:,.1f}", aspect="equal")
    ax.set_axis_off()
_ = ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)

# %% [markdown]
# *Figure: four clocks, the pairs of d_model = 8, each with two hands, for positions 3 and 66. On
# the first clock the hands lie close together, on the second nearly on one another; on the third
# they are clearly apart, by .63 radians; on the fourth a little.*
#
# From 3 to 66 the first hand makes ten turns, the second nearly exactly one. The third hand tells
# the two apart. This is the nearest that two of the first 2,048 positions come at `d_model` = 8.
# More pairs keep them further apart:


# %%
def nearest(speeds, n=2048):
    """The smallest distance between the codes of any two of n positions."""
    code = torch.view_as_real(hands(torch.arange(n), speeds)).flatten(1)  # (n, 2 * pairs)
    return F.pdist(code).min().item()  # every two rows once


sizes = [8, 16, 32, 64, 128]
found = [nearest(speeds_of(d_model)) for d_model in sizes]
one_speed = [nearest(torch.ones(d_model // 2)) for d_model in sizes]
for d_model, many, one in zip(sizes, found, one_speed, strict=True):
    print(f"d_model {d_model:3d}: nearest {many:.2f}; if all hands had one speed, {one:.5f}")
claim(
    "No two of 2,048 positions have nearly the same code",
    figure="smallest distance of two codes, d_model = 8 to 128",
    values=found,
    above=0.3,
    without="with one speed, 1, in all pairs",
    broken=one_speed,
    each="sizes",
)
assert max(one_speed) < 0.001
assert (round(44 - 7 * math.tau, 3), round(710 - 113 * math.tau, 5)) == (0.018, 0.00006)
assert found == sorted(found)
assert math.isclose((eight[3] - eight[66]).norm().item(), found[0])

# %% [markdown]
# **Claim.** For five sizes of code, 8 to 128, any two of 2,048 codes are more than .3 apart, and
# the larger the code, the further. If all hands turn at one speed, two codes come nearer than .001.
# Each code has length √(d_model / 2), so these are distances between points on a sphere of radius 2
# to 8.
#
# **What it does not show.** That 10000 is the best number, or that a model uses every pair. And
# other codes are as unique. A one-hot vector is, if `d_model` ≥ n; but any two of them have inner
# product 0, so that a neighbour is as far as anyone. A table of *learnt* vectors, one for each
# position, is a good choice too: section 9.
#
# ## 4 · Two codes tell how far apart they are
#
# The inner product of two codes is a sum over pairs, cosine · cosine + sine · sine. For one pair,
# this is the cosine of the angle between the two hands:
#
# $$PE_p \cdot PE_{p'} = \sum_i \cos\bigl(\omega_i\,(p - p')\bigr)$$
#
# **Predict.** Where does it depend on p and p' other than by p − p'? And does it always fall as the
# distance grows?
#
# <details><summary>Answer</summary>
#
# Nowhere: only the distance counts, and forwards is the same as backwards. It begins at
# d_model / 2, where all cosines are 1, and falls at first. But each fast pair comes round and rises
# again, so it falls in waves and not steadily.
#
# </details>

# %%
span = torch.arange(101)
speeds = speeds_of(64)
starts = {start: hands(span + start, speeds) for start in (0, 500, 1777)}
dots = {start: (code @ code[0].conj()).real for start, code in starts.items()}  # (101,) each
sines_only = {start: code.imag @ code.imag[0] for start, code in starts.items()}
[ax] = panels(1, 1, 6.4, 3.5)
ax.plot(span, dots[0], color=GREEN, label="from p = 0")
for start, marker in ((500, "o"), (1777, "x")):
    ax.plot(span[::4], dots[start][::4], marker, color="black", label=f"from p = {start:,}")
    name = f"sines only, from p = {start:,}"
    ax.plot(span, sines_only[start], ":", color="0.5" if start == 500 else "0.75", label=name)
ax.set(xlabel="distance in positions", ylabel="inner product", ylim=(0, 35))
ax.set_title("inner product of two codes, d_model = 64")
assert 10 < dots[0][20:].min() < dots[0][20:].max() < 20.5
_ = ax.legend(fontsize=8, loc="upper right", ncols=2)

# %% [markdown]
# *Figure: inner product against distance from 0 to 100. The whole code falls from 32 in waves to
# about 10 to 20; measured from positions 0, 500 and 1,777 it is the same curve. Two dotted
# curves of the sines alone, from 500 and 1,777, lie below it and differ from one another.*


# %%
def depends_on_place(seed, part):
    """How much inner products at one distance differ between 200 places. part: hands -> numbers."""
    g = torch.Generator().manual_seed(seed)
    places = torch.randint(0, 2000, (200,), generator=g)
    distance = torch.randint(1, 50, (1,), generator=g)
    one, other = (part(hands(at, speeds_of(64))) for at in (places, places + distance))
    dots = (one * other.conj()).real.sum(dim=1)  # (200,)
    return (dots.max() - dots.min()).item()


claim(
    "The inner product of two codes depends on their distance only",
    figure="largest difference between 200 places, at one random distance",
    values=[depends_on_place(seed, lambda hand: hand) for seed in SEEDS],
    below=1e-6,
    without="with the sines alone",
    broken=[depends_on_place(seed, lambda hand: hand.imag) for seed in SEEDS],
)
assert min(depends_on_place(seed, lambda hand: hand.imag) for seed in SEEDS) > 1
assert [round(dots[0][k].item(), 1) for k in (0, 1, 10, 50, 100)] == [32, 30.9, 21.1, 15.7, 17.9]

# %% [markdown]
# **Claim.** At five random distances, inner products from 200 places differ by less than 1e-6; with
# the sines alone they differ by more than 1. The fall is not steady: at `d_model` = 64 the inner
# product is 32.0 at distance 0, then 30.9, 21.1 and 15.7 at distances 1, 10 and 50, and 17.9 at
# distance 100.
#
# **What it does not show.** What the *scores* of attention do. There the codes have words added to
# them and pass through $W_Q$ and $W_K$. With random matrices the inner products depend on the
# place as well:

# %%
torch.manual_seed(0)
w_q, w_k = torch.randn(2, 64, 64, dtype=torch.float64) / 8  # (d_model, d_k) each
real = torch.view_as_real(hands(torch.arange(200), speeds_of(64))).flatten(1)  # (n, d_model)
score = ((real[:-5] @ w_q) * (real[5:] @ w_k)).sum(dim=1)  # (195,): of each with five further on
print("scores at distance 5, by place:", [round(each, 1) for each in score[::40].tolist()])
assert score.max() - score.min() > 1

# %% [markdown]
# ## 5 · A step is a turn
#
# Let a hand stand anywhere. Two positions later it has turned by twice its speed, wherever it
# stood. So a step of k positions is a rotation, the same for all positions. In complex numbers a
# rotation is a product with one number: $h_{p + k} = h_p \cdot e^{i \omega k}$ (here i is the
# imaginary unit).

# %%
slow = hands(torch.arange(9), torch.tensor([0.5]).double())[:, 0]  # one pair, (9,)
[ax] = panels(1, 1, 4.2, 4.2)
ax.plot(ring.real, ring.imag, color="0.85")
ax.plot(slow.real, slow.imag, "o", color=GREEN)
for p, tip in enumerate(slow):
    ax.text(1.14 * tip.real, 1.14 * tip.imag, str(p), ha="center", va="center")
for p, dashes in ((0, "-"), (3, "--"), (6, ":")):
    angles = torch.linspace(0.5 * p, 0.5 * p + 1, 40)
    radius = 0.35 + 0.05 * p
    ax.plot(radius * angles.cos(), radius * angles.sin(), f"k{dashes}", label=f"{p} to {p + 2}")
    for end in (slow[p], slow[p + 2]):
        ax.plot([0, end.real], [0, end.imag], color="0.7", linewidth=1)
ax.set(xlabel="cosine", ylabel="sine", aspect="equal", xlim=(-1.35, 1.35), ylim=(-1.35, 1.35))
_ = ax.legend(loc="lower right", title="two steps", fontsize=8)

# %% [markdown]
# *Figure: a circle with the tips of one hand at positions 0 to 8, half a radian apart. Three arcs,
# from 0 to 2, from 3 to 5 and from 6 to 8, all span the same angle, 1 radian.*
#
# In real numbers, a rotation is a 2 × 2 matrix. We do not write it down; we let least squares find
# it. The pair is the second of `d_model` = 8, speed 1/10, and the step is 5.
#
# **Predict.** How well can *one* matrix serve a hundred positions? By which angle does it turn? And
# what is its product with itself good for?
#
# <details><summary>Answer</summary>
#
# Perfectly, up to rounding. It turns by 5 · 1/10 = .5 radians: cos .5 = .8776 and sin .5 = .4794
# must appear in it. The matrix times itself is a step of 10.
#
# </details>


# %%
def sine_and_cosine(positions, speed):
    """The pair of the paper, (n, 2)."""
    return torch.stack([(speed * positions).sin(), (speed * positions).cos()], dim=1)


def fit_step(codes, moved):
    """The matrix M that best takes each row of codes (n, 2) to that of moved, M @ code."""
    return torch.linalg.lstsq(codes, moved).solution.T


p = torch.arange(100).double()
m = fit_step(sine_and_cosine(p, 0.1), sine_and_cosine(p + 5, 0.1))  # (2, 2)
print(m)
far = fit_step(sine_and_cosine(p + 1000, 0.1), sine_and_cosine(p + 1005, 0.1))
ten = fit_step(sine_and_cosine(p, 0.1), sine_and_cosine(p + 10, 0.1))

torch.testing.assert_close(m, far)  # it knows no p
torch.testing.assert_close(m @ m, ten)  # two steps of 5 are one of 10
torch.testing.assert_close(m @ m.T, torch.eye(2).double())  # lengths and angles are kept
assert [round(each, 4) for each in m.abs().flatten().tolist()] == [0.8776, 0.4794, 0.4794, 0.8776]

# %% [markdown]
# Which of the four numbers has the minus sign? See above, and in the assignment say why.
#
# A cosine beside each sine looks like a waste: is it not the same wave, moved a little? Let us give
# the pair two sines of *different* speeds instead. It still has two numbers.


# %%
def worst_step(seed, second):
    """The largest error of the best matrix for one random speed and step. second: of the pair."""
    g = torch.Generator().manual_seed(seed)
    speed = 0.1 + torch.rand(1, generator=g).double()  # .1 to 1.1 radians per position
    step = torch.randint(1, 20, (1,), generator=g)

    def pair(p):
        return torch.stack([(speed * p).sin(), second(speed, p)], dim=1)

    codes, moved = pair(torch.arange(100)), pair(torch.arange(100) + step)
    return (codes @ fit_step(codes, moved).T - moved).abs().max().item()


claim(
    "One matrix moves every position by a step",
    figure="largest error of the best 2 × 2 matrix on 100 positions",
    values=[worst_step(seed, lambda speed, p: (speed * p).cos()) for seed in SEEDS],
    below=1e-9,
    without="with a sine of another speed in place of the cosine",
    broken=[worst_step(seed, lambda speed, p: (speed / 3 * p).sin()) for seed in SEEDS],
)

# %% [markdown]
# **Claim.** For five random speeds and steps, one matrix moves 100 positions with an error below
# 1e-9; with two sines of different speeds none does.
#
# A whole code has d_model / 2 hands, and each turns by an angle of its own. The matrix that moves
# all of them at once has only small rotations in it: you will build it in the assignment.
#
# **What it does not show.** That a trained model uses this. The paper says that the authors
# "hypothesized it would allow the model to easily learn to attend by relative positions" (section
# 3.5). A linear map for each step exists. Whether training finds it is another question.
#
# ## 6 · What a wavelength is
#
# The **wavelength** of a pair is the number of positions that its hand needs for a full turn, 2π
# radians. At `d_model` = 8 these are 2π times 1, 10, 100 and 1,000: about 6.28, 62.8, 628 and
# 6,283.


# %%
def draw_hand(position, wavelength):
    """One pair at one position: its hand on the clock, its two waves along the sentence."""
    clock, waves = panels(1, 2, 3.8, 3.0)
    angle, p = math.tau / wavelength, torch.linspace(0, 100, 1001)
    clock.plot(ring.real, ring.imag, color="0.85")
    sine, cosine = math.sin(angle * position), math.cos(angle * position)
    clock.plot([0, cosine], [0, sine], color=GREEN, marker=".")
    clock.plot([cosine, cosine], [0, sine], color=BLUE, linewidth=1.2)
    clock.plot([0, cosine], [0, 0], "--", color=ORANGE)
    turns = position / wavelength
    clock.set(aspect="equal", title=f"position {position}: {turns:.2f} turns", xlabel="cosine")
    clock.set(ylabel="sine")
    waves.plot(p, (angle * p).sin(), color=BLUE, label="sine")
    waves.plot(p, (angle * p).cos(), "--", color=ORANGE, label="cosine")
    waves.plot(position, sine, "o", color=BLUE)
    waves.plot(position, cosine, "s", color=ORANGE)
    waves.axvline(position, color="0.6", linewidth=1, zorder=0)
    waves.axvspan(0, min(wavelength, 100), color="0.93", zorder=-1)
    waves.set(xlabel="position $p$", title=f"wavelength {wavelength:.1f}", ylim=(-1.1, 1.5))
    waves.legend(loc="upper right", ncols=2, fontsize=8)


draw_hand(position=30, wavelength=62.8)

# %% [markdown]
# *Figure: the second pair of d_model = 8 at position 30. Left, a clock whose hand has made .48 of a
# turn, with its sine and cosine as sides of a triangle. Right, the sine (solid) and the cosine
# (dashed) along 100 positions, both marked at position 30; the first wavelength, 62.8 positions,
# is shaded.*
#
# Turn the two knobs. With which wavelength do two neighbours have nearly the same code? With which
# does position 44 look like position 0?

# %%
Knobs(
    draw_hand,
    position=IntSlider(30, min=0, max=100, description="position"),
    wavelength=FloatLogSlider(62.8, base=10, min=0.5, max=3.5, step=0.05, description="wavelength"),
)

# %% [markdown]
# ### The longest one
#
# The paper says: "The wavelengths form a geometric progression from 2π to 10000 · 2π."
#
# **Predict.** For `d_model` = 512 the last pair is i = 255. Is its wavelength 10000 · 2π?
#
# <details><summary>Answer</summary>
#
# Not quite. The exponent 2i / d_model is 510/512 there, and never 1. The longest wavelength is
#
# $$2\pi \cdot 10000^{(d_{model} - 2) / d_{model}}$$
#
# and for d_model = 512 that is 2π · 9,646.6 ≈ 60,611 positions. The smaller the code, the further
# it stays below: 2π · 7,498.9 for d_model = 64, and 2π · 1,000 for d_model = 8.
#
# </details>
#
# Some libraries stretch the progression until it does reach 10000 (section 9 says which):

# %%
last = {d_model: 1 / speeds_of(d_model)[-1].item() for d_model in (8, 64, 512)}
for d_model, factor in last.items():
    print(f"d_model {d_model:3d}: longest {factor * math.tau:9,.1f} = 2π · {factor:8,.1f}")
    assert math.isclose(factor, 10000 ** ((d_model - 2) / d_model))
assert [round(factor, 1) for factor in last.values()] == [1000, 7498.9, 9646.6]
assert math.floor(last[512] * math.tau) == 60611

pairs = torch.arange(8)
ours = math.tau * torch.logspace(0, 4, 9)[:-1]  # d_model = 16: eight pairs
stretched = math.tau * torch.logspace(0, 4, 8)
[ax] = panels(1, 1, 5.4, 3.4)
ax.plot(pairs, ours, "o-", color=GREEN, label="the paper")
ax.plot(pairs, stretched, "s--", color="black", label="stretched, as in fairseq")
ax.axhline(math.tau * 10000, color="0.6", linewidth=1, label="10000 · 2π")
ax.set(yscale="log", xlabel="pair $i$", ylabel="positions per turn")
ax.set_title("wavelengths, d_model = 16")
_ = ax.legend(fontsize=8)

# %% [markdown]
# *Figure: wavelengths of eight pairs on a logarithmic axis, two straight lines that both begin at
# 2π. The line of the paper ends clearly below 10000 · 2π, the stretched one ends on it.*
#
# What are such long waves for? Within a sentence of 100 words the last hand hardly moves. The paper
# says that the code "may allow the model to extrapolate to sequence lengths longer than the ones
# encountered during training". A code *exists* for position 5,000. Whether a model that was trained
# on 50 positions works there is another question: we do not test it, and Press, Smith and Lewis
# (2022) found that it mostly does not.
#
# ## 7 · Experiment: what can be learnt without order?
#
# Sentences of nine words: *I* once, *go* once, at random places, and *home* or *away* at each of
# the other seven. Two questions about each:
#
# - **which?** Is *home* there more often than *away*?
# - **order?** Does *I* come before *go*?
#
# The model is one layer of attention, added to what came in; then the same small network for each
# word; then the mean over all words, and one number out of it. Positive means yes.


# %%
ME, GO, HOME, AWAY = range(4)  # I, go, home, away


def sentences(count, g):
    """Random sentences, (count, 9) ints."""
    tokens = torch.randint(HOME, AWAY + 1, (count, 9), generator=g)
    places = torch.rand(count, 9, generator=g).argsort(dim=1)[:, :2]  # two different ones
    return tokens.scatter(1, places, torch.tensor([[ME, GO]]).expand(count, 2))


questions = {
    "which?": lambda tokens: (tokens == HOME).sum(dim=1) > (tokens == AWAY).sum(dim=1),
    "order?": lambda tokens: (tokens == ME).int().argmax(1) < (tokens == GO).int().argmax(1),
}
some = sentences(2, torch.Generator().manual_seed(0))
for row in some:
    print(" ".join(["I", "go", "home", "away"][token] for token in row))
print({name: answer(some).tolist() for name, answer in questions.items()})


# %%
class Reader(nn.Module):
    """Answers yes or no about a sentence: tokens (b, 9) -> (b,), positive for yes."""

    def __init__(self, positions=False, mask=False, d_model=32):
        super().__init__()
        code = torch.view_as_real(hands(torch.arange(9), speeds_of(d_model))).flatten(1).float()
        self.register_buffer("code", code if positions else torch.zeros(9, d_model))  # (n, d_model)
        self.hidden = torch.ones(9, 9).triu(diagonal=1).bool() if mask else None
        self.embedding = nn.Embedding(4, d_model)
        self.attention = nn.MultiheadAttention(d_model, num_heads=2, batch_first=True)
        self.each_word = nn.Sequential(nn.Linear(d_model, 64), nn.ReLU())
        self.answer = nn.Linear(64, 1)

    def forward(self, tokens):
        x = self.embedding(tokens) + self.code  # (b, n, d_model)
        x = x + self.attention(x, x, x, attn_mask=self.hidden, need_weights=False)[0]
        return self.answer(self.each_word(x).mean(dim=1))[:, 0]  # (b, n, 64) -> (b, 64) -> (b,)


# %% [markdown]
# The code is computed and not learnt, so it must not become a parameter. But it belongs to the
# module: it should go along when the module is saved or moved to another device. A **buffer** is
# just that. `register_buffer(name, tensor)` makes one, and the tensor is then an attribute of that
# name.

# %%
reader = Reader(positions=True)
print("buffers:", [name for name, _ in reader.named_buffers()])
assert "code" in reader.state_dict()
assert "code" not in dict(reader.named_parameters())

# %% [markdown]
# For the test we take each sentence twice: as it is, and with *I* and *go* exchanged. The answer to
# **order?** is yes for one of the two and no for the other.
#
# **Predict.** What share does the model answer rightly, for each question, without positions and
# with them? And what share if it has no positions, but a causal mask?
#
# <details><summary>Answer</summary>
#
# *which?* needs no order: all three learn it. For *order?* the model without positions sees the
# same words in both sentences of a pair. Outputs change places, the mean forgets the places, and
# the answer is the same twice: exactly one of two is right, whatever it has learnt, .5. With
# positions it learns the order. And with the mask it does as well: *go* sees *I* only if *I* came
# before.
#
# </details>


# %%
def learn(question, seed, steps=200, **options):
    """Train a Reader. Returns its loss (in nats) every 10 steps, and the share of right answers."""
    torch.manual_seed(seed)
    g = torch.Generator().manual_seed(seed)
    model, losses = Reader(**options), []
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(steps):
        tokens = sentences(64, g)
        loss = F.binary_cross_entropy_with_logits(
            model(tokens), questions[question](tokens).float()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses += [loss.item()] if step % 10 == 0 else []
    tokens = sentences(500, g)
    exchanged = torch.tensor([GO, ME, HOME, AWAY])[tokens]
    tokens = torch.cat([tokens, exchanged])  # (1000, 9)
    with torch.no_grad():
        right = (model(tokens) > 0) == questions[question](tokens)
    return losses, right.float().mean().item()


variants = {"no positions": {}, "positions": {"positions": True}, "causal mask": {"mask": True}}
runs = {
    (question, name): [learn(question, seed, **options) for seed in SEEDS]
    for question in questions
    for name, options in variants.items()
}
share = {key: [right for _, right in results] for key, results in runs.items()}
for (question, name), shares in share.items():
    print(f"{question} {name:12s}", [f"{each:.3f}" for each in shares])

# %%
looks = {"no positions": ("0.5", "v"), "positions": (GREEN, "o"), "causal mask": (PURPLE, "s")}
for ax, question in zip(panels(1, 2, 4.0, 3.2), questions, strict=True):
    for name, (color, marker) in looks.items():
        curves = torch.tensor([losses for losses, _ in runs[question, name]])  # (seeds, points)
        spread(ax, range(0, 200, 10), curves, label=name, color=color, marker=marker)
    ax.axhline(math.log(2), color="black", linewidth=1, linestyle=":", label="guessing, ln 2")
    ax.set(xlabel="step", ylabel="loss (nats)", title=question, ylim=(-0.03, 1.0))
_ = ax.legend(fontsize=8, loc="center right")

# %% [markdown]
# *Figure: loss against training steps for the two questions, mean and spread of five seeds. For
# "which?" all three models fall to 0. For "order?" the models with positions and with a causal mask
# fall to 0, and the model without positions stays at ln 2, the loss of a guess.*

# %%
claim(
    "Without positions a model learns what needs no order",
    figure="share of 1,000 new answers that are right",
    values=share["which?", "no positions"],
    above=0.9,
    without="asked for the order instead",
    broken=share["order?", "no positions"],
)
claim(
    "With positions it learns the order",
    figure="share of 1,000 new answers that are right",
    values=share["order?", "positions"],
    above=0.9,
    without="without positions",
    broken=share["order?", "no positions"],
)
assert all(abs(right - 0.5) < 0.01 for right in share["order?", "no positions"])
assert min(share["order?", "causal mask"]) > 0.9
assert min(min(shares) for (question, _), shares in share.items() if question == "which?") > 0.9

# %% [markdown]
# **Claim.** On five seeds, without positions the model answers *which?* rightly in more than 90 %
# of new sentences, and *order?* in half of them. With positions it answers *order?* in more than
# 90 % as well, and so it does with a causal mask alone.
#
# **What it does not show.**
#
# - That positions are of no use behind a mask: the mask solves *this* question, and how much order
#   a large model learns from it is a question for large models (Haviv et al., 2022).
# - That attention does the work here. A word that knows its place can vote by itself: *I* the
#   louder the earlier it stands, *go* the louder the later, and the mean adds the votes up.
# - That without positions *nothing* of a real task is learnt. Much can be told from the words
#   alone.
#
# ## 8 · How loud is the code?
#
# The code is added to the vector of the word. Which of the two is louder? In each pair sine² +
# cosine² = 1, so that each code has length exactly √(d_model / 2): 16 for `d_model` = 512. The
# paper says nothing of how embeddings begin, but its authors' code draws them with a standard
# deviation of 1/√d_model, and so does fairseq.
#
# **Predict.** How long is such a vector of a word, for `d_model` = 512? By what must it be
# multiplied not to be drowned?
#
# <details><summary>Answer</summary>
#
# 512 squares of mean 1/512 add up to about 1: length 1 against 16. Times √512 ≈ 22.6 it is about
# 22.6 against 16, that is √2 times as long as the code. The paper does this without a comment: "In
# the embedding layers, we multiply those weights by √d_model" (section 3.4).
#
# </details>


# %%
def word_over_code(seed, factor, d_model=512):
    """The length of words' vectors over that of codes, mean of 50."""
    g = torch.Generator().manual_seed(seed)
    words = torch.randn(50, d_model, generator=g) / d_model**0.5 * factor
    codes = hands(torch.arange(50), speeds_of(d_model)).abs().square().sum(dim=1).sqrt()
    assert codes.allclose(torch.full((50,), 16.0).double())
    return (words.norm(dim=1) / codes).mean().item()


scaled = [word_over_code(seed, factor=512**0.5) for seed in SEEDS]
plain = [word_over_code(seed, factor=1) for seed in SEEDS]
claim(
    "Times √d_model, a word is louder than its position",
    figure="length of a word's vector / length of a code, d_model = 512",
    values=scaled,
    above=1.2,
    without="without the factor",
    broken=plain,
)
assert all(abs(ratio - 2**0.5) < 0.02 for ratio in scaled)
assert all(abs(ratio - 1 / 16) < 0.002 for ratio in plain)

# %% [markdown]
# **Claim.** On five seeds the ratio is √2 to within .02 with the factor, and 1/16 without it.
#
# **What it does not show.** That a model fails without the factor: embeddings can grow in training.
# And it depends on how they begin. `nn.Embedding` of torch draws with a standard deviation of 1.
# Its vectors have length 22.6 from the start, and the factor makes them 512 long: then it is the
# *position* that is drowned. OpenNMT-py and fairseq multiply by √d_model; BERT and GPT-2, which
# learn their positions, do not. When you put a model together, print the two lengths.

# %%
torch.manual_seed(0)
words = nn.Embedding(50, 512).weight  # (vocab, d_model)
lengths = [(words * factor).norm(dim=1).mean().item() for factor in (1, 512**0.5)]
print("torch's own start:", [f"{length:.1f}" for length in lengths], "against 16")
assert abs(lengths[0] - 22.6) < 0.5
assert abs(lengths[1] - 512) < 10

# %% [markdown]
# ### Dropout
#
# The paper does one thing more at this place (section 5.4): "we apply dropout to the sums of the
# embeddings and the positional encodings". **Dropout** with probability p sets each number to 0
# with that probability, each one by itself, and divides those that are left by 1 − p. No feature
# can be relied on, so that a model must not hang on a single one. All this happens in training
# only. A module knows which it is: `.train()` and `.eval()` tell it.
#
# **Predict.** A row of ones goes through dropout with p = .25. Which two numbers come out in
# training? What is their mean, about? And in evaluation?
#
# <details><summary>Answer</summary>
#
# 0, a quarter of the time, and 1 / .75 = 4/3. The mean is still about 1: that is what the division
# is for. In evaluation the ones come out as they went in.
#
# </details>

# %%
torch.manual_seed(0)
lose, ones = nn.Dropout(0.25), torch.ones(10_000)
lost = lose.train()(ones)
print("training:", lost[:8].tolist(), "mean", round(lost.mean().item(), 2))
print("evaluation:", lose.eval()(ones)[:8].tolist())
assert lost.unique().allclose(torch.tensor([0, 4 / 3]))
assert abs((lost == 0).float().mean() - 0.25) < 0.03
assert abs(lost.mean() - 1) < 0.03
assert (lose.eval()(ones) == 1).all()

# %% [markdown]
# ## 9 · The paper and the tools
#
# "Attention Is All You Need", section 3.5, gives the code that we have used. torch has no layer for
# it. Those who wrote one agree on sines and cosines and on little else:
#
# | where | columns | longest wavelength | first position |
# | --- | --- | --- | --- |
# | the paper, section 3.5 | pairs side by side | 2π · 10000^((d−2)/d) | 0 |
# | OpenNMT-py, The Annotated Transformer | pairs side by side | 2π · 10000^((d−2)/d) | 0 |
# | tensor2tensor, by the authors of the paper | sines, then cosines | 2π · 10000 | 0 |
# | fairseq, `SinusoidalPositionalEmbedding` | sines, then cosines | 2π · 10000 | padding_idx + 1 |
# | Hugging Face, `MarianMTModel` | sines, then cosines | 2π · 10000^((d−2)/d) | 0 |
#
# Here d is d_model. tensor2tensor and fairseq divide i by d/2 − 1 in the exponent, where the paper
# divides by d/2, so that their last pair has exponent 1. In fairseq the row of `padding_idx` is 0,
# and real tokens are counted from the row after it: with its usual `padding_idx` = 1, the first
# token has position 2. (Beware of a name: Marian itself, in C++, has the wavelengths of
# tensor2tensor; Hugging Face's port of it has those of the paper.)
#
# **Order of columns** is a matter of taste *before* training. It is one fixed permutation, the same
# in each row. Inner products do not change, and a linear layer can undo it. But weights that were
# trained with one order are wrong with the other, unless their rows are moved, too. With
# `d_model` = 4 it is just the two columns in the middle that change places:

# %%
code = hands(torch.arange(50), speeds_of(4))  # (50, 2)
(sin_0, sin_1), (cos_0, cos_1) = code.imag.T, code.real.T  # (50,) each
side_by_side = torch.stack([sin_0, cos_0, sin_1, cos_1], dim=1)  # (n, d_model)
sines_first = torch.stack([sin_0, sin_1, cos_0, cos_1], dim=1)
print("position 1:", side_by_side[1].tolist(), sines_first[1].tolist(), sep="\n")
torch.testing.assert_close(side_by_side @ side_by_side.T, sines_first @ sines_first.T)


def carried(seed, rows):
    """The largest change of a linear layer's output when it gets the other layout, rows moved."""
    g = torch.Generator().manual_seed(seed)
    w = torch.randn(4, 3, generator=g, dtype=torch.float64)  # trained, say, with side_by_side
    return (sines_first @ w[rows] - side_by_side @ w).abs().max().item()


claim(
    "Weights can be carried to the other layout if their rows move with the columns",
    figure="largest change of an output",
    values=[carried(seed, rows=[0, 2, 1, 3]) for seed in SEEDS],
    below=1e-9,
    without="with the rows left as they are",
    broken=[carried(seed, rows=[0, 1, 2, 3]) for seed in SEEDS],
)

# %% [markdown]
# **Claim.** On five random matrices, outputs stay equal to 1e-9 if the rows move, and do not
# otherwise. (In a whole model the embeddings' features must move as well, since the code is
# *added* to them.)
#
# **Wavelengths and the first position** are no permutation: they give other numbers. How far is
# fairseq's table from the paper's, once both have their sines first?
#
# To be sure of what we compare, we write out one position of each, as its source has it:

# %%
p = 7  # d_model = 8, four pairs
as_marian = [math.sin(p / w) for w in (1, 10, 100, 1000)]
as_marian += [math.cos(p / w) for w in (1, 10, 100, 1000)]
rate = math.log(10000) / (8 / 2 - 1)
as_fairseq = [math.sin(p * math.exp(-rate * i)) for i in range(4)]
as_fairseq += [math.cos(p * math.exp(-rate * i)) for i in range(4)]
both_ends = torch.logspace(0, -4, 4, dtype=torch.float64)
for published, speeds in ((as_marian, speeds_of(8)), (as_fairseq, both_ends)):
    [ours] = hands(torch.tensor([p]), speeds)  # (pairs,)
    print([round(each, 3) for each in published])
    torch.testing.assert_close(torch.hstack([ours.imag, ours.real]).tolist(), published)

# %% [markdown]
# Our speeds are theirs. The two rows differ in everything but the first pair. Now for real sizes:

# %%
gaps = {}
for d_model in (64, 512):
    paper = hands(torch.arange(1000), speeds_of(d_model))
    stretched = torch.logspace(0, -4, d_model // 2, dtype=torch.float64)  # both ends included
    for name, speeds, first in (
        ("wavelengths", stretched, 0),
        ("first position", speeds_of(d_model), 2),
        ("both: fairseq", stretched, 2),
    ):
        other = hands(torch.arange(1000) + first, speeds)
        gap = torch.view_as_real(other - paper).abs()  # (n, pairs, 2)
        gaps[d_model, name] = [round(gap[:n].max().item(), 2) for n in (10, 1000)]
print("largest difference in the first 10 and 1,000 positions:")
for (d_model, name), (few, many) in gaps.items():
    print(f"  d_model {d_model:3d}, {name:14s}: {few:.2f} {many:.2f}")
assert gaps[64, "wavelengths"] == [0.10, 2.00]
assert gaps[512, "wavelengths"] == [0.01, 1.31]
assert gaps[512, "first position"] == gaps[512, "both: fairseq"] == [1.67, 1.68]

# %% [markdown]
# For numbers between −1 and 1 the largest possible difference is 2. At `d_model` = 512 the
# wavelengths alone differ by .01 in the first ten positions and by 1.31 somewhere in 1,000. The
# first position alone makes a difference of 1.67 at once. Either table will do to train with. But a
# model that was trained with one and is run with the other gets codes that it has never seen, and
# no error message says so. Lecture 12 carries a whole model across.
#
# ### Other ways to tell the order
#
# **Learnt vectors.** BERT has a table of 512 and GPT-2 one of 1,024 learnt vectors, one for each
# position, added like ours. The paper tried this, too: "nearly identical results" (section 3.5, and
# Table 3, row E). The price is an end: there is no row for position 512 of BERT (they count from
# 0).
#
# **Relative positions.** Shaw, Uszkoreit and Vaswani (2018) add to keys and values a learnt term
# that depends on the distance, and nothing to the words.
#
# **Rotation.** RoPE (Su et al., 2021) adds nothing at all. It *turns* each pair of features of the
# query by the angle $\omega_i p$, and that of the key by $\omega_i p'$: the rotation of section 5.
# What is left in the score is the difference of the two angles, whatever the query and the key are.
# One pair in numbers:

# %%
q, k, speed = torch.tensor(1 + 2j), torch.tensor(3 - 1j), 0.1  # one pair of features each


def turned_score(q, k, p_q, p_k):
    """The score of one pair, query and key turned to their positions."""
    [at_q], [at_k] = hands(torch.tensor([p_q, p_k]), torch.tensor([speed]))
    return (q * at_q * (k * at_k).conj()).real.item()


def added_score(q, k, p_q, p_k):
    """The same with the codes added."""
    [at_q], [at_k] = hands(torch.tensor([p_q, p_k]), torch.tensor([speed]))
    return ((q + at_q) * (k + at_k).conj()).real.item()


for p_q, p_k in ((5, 3), (105, 103), (1005, 1003)):
    print(f"positions {p_q}, {p_k}: turned {turned_score(q, k, p_q, p_k):.4f}, ", end="")
    print(f"added {added_score(q, k, p_q, p_k):.4f}")

angle = speed * 5  # the same turn in real numbers, as RoPE's paper writes it (section 3.2)
x_1, x_2 = q.real, q.imag
by_formula = (
    x_1 * math.cos(angle) - x_2 * math.sin(angle),
    x_1 * math.sin(angle) + x_2 * math.cos(angle),
)
[[at_5]] = hands(torch.tensor([5]), torch.tensor([speed]))
torch.testing.assert_close(torch.view_as_real(q * at_5), torch.stack(by_formula).double())


# %%
def drift(seed, score):
    """How much the score at one distance differs between 20 places, random query and key."""
    g = torch.Generator().manual_seed(seed)
    q, k = torch.randn(2, generator=g, dtype=torch.complex128)
    scores = [score(q, k, p + 2, p) for p in range(0, 2000, 100)]
    return max(scores) - min(scores)


claim(
    "If query and key are turned, their score depends on the distance only",
    figure="largest difference of the score between 20 places",
    values=[drift(seed, turned_score) for seed in SEEDS],
    below=1e-6,
    without="with the codes added instead",
    broken=[drift(seed, added_score) for seed in SEEDS],
)

# %% [markdown]
# **Claim.** For five random queries and keys, turned scores at one distance differ by less than
# 1e-6 between 20 places; with the codes added they do not stay so close. Beware of the layout here,
# too: the paper of RoPE turns neighbours, and Hugging Face's LLaMA turns feature i together with
# feature i + d_head / 2.
#
# ## 10 · Check yourself
#
# **1.** In a batch, every sentence is counted from 2 instead of 0, as fairseq does. Which inner
# products between two codes of a sentence change?
#
# <details><summary>Answer</summary>
#
# None. All distances stay as they were, and inner products depend on nothing else. The codes
# themselves do change, so a model that was trained otherwise is wrong.
#
# </details>
#
# **2.** Somebody adds the codes to the *output* of the attention layer instead of its input. What
# do the weights know of the order?
#
# <details><summary>Answer</summary>
#
# Nothing. They are made from the bare words, so that "home go I" has the weights of "I go home",
# moved. Each output bears the stamp of its own place, but it has not been able to look for a place.
#
# </details>
#
# **3.** `d_model` = 64, and all sentences have at most 100 words. Somebody proposes to save the 16
# slowest of the 32 pairs. Would positions still be unique? By how much are the two nearest apart?
#
# <details><summary>Answer</summary>
#
# Yes. The 16 fastest pairs already have wavelengths from 6.28 to about 471 positions, and the
# nearest two of 100 positions stay more than 1 apart. Over 100 positions none of the slow half
# turns by more than a radian. (That alone does not make it useless: a hand that turns slowly never
# comes round.)
#
# </details>

# %%
usual, later = (hands(torch.arange(9) + first, speeds_of(64)) for first in (0, 2))
torch.testing.assert_close((usual @ usual.mH).real, (later @ later.mH).real)
assert (usual - later).abs().max() > 1

torch.manual_seed(0)
bare, layer = torch.randn(3, 8), nn.MultiheadAttention(embed_dim=8, num_heads=1)
weights, reversed_weights = (layer(x, x, x)[1] for x in (bare, bare.flip(0)))
torch.testing.assert_close(reversed_weights, weights.flip(0, 1))

fast = speeds_of(64)[:16]
print("wavelengths to", round(math.tau / fast[-1].item(), 1), "nearest", nearest(fast, n=100))
assert round(math.tau / fast[-1].item()) == 471
assert 99 * speeds_of(64)[16] < 1
assert nearest(fast, n=100) > 1

# %% [markdown]
# **The assignment.** Nothing is due yet. You can begin
# [a4_positions](../assignments/a4_positions/a4_positions.ipynb): the table in real numbers, its
# wavelengths, the matrix of a step, the other layout, and a module for the bottom of a model. Its
# last cell takes your attention from assignment 3, which belongs to the next lecture.
#
# **Next.** [Lecture 07](07_masked_self_attention.ipynb): how to train on all positions at once, and
# what a position must not see.
#
# ## 11 · Words
#
# | English | 한국어 |
# | --- | --- |
# | position | 위치 |
# | positional encoding | 위치 인코딩, 포지셔널 인코딩 |
# | order | 순서 |
# | permutation | 순열, 치환 |
# | permutation-equivariant | 순열 등변 |
# | sine, cosine | 사인, 코사인 |
# | angle, radian | 각도, 라디안 |
# | wavelength | 파장 |
# | rotation | 회전 |
# | complex number | 복소수 |
# | distance | 거리 |
# | relative position | 상대 위치 |
# | layout (of columns) | 배치, 레이아웃 |
