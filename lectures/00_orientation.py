# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 00 · Orientation: start here
#
# *About 45 minutes. You need some Python, a matrix product and a derivative; it helps to have seen
# a training loop in torch. No network needed: everything in this course runs offline, on a laptop
# without a graphics card.*
#
# **What this course is.** You will build a Transformer from its smallest part, a softmax, up to a
# trained model, and look inside. Lectures show each idea on a small scale, let you break it, and
# measure what they claim. In the assignments you write the real thing, and the course
# checks it at once.
#
# [The map of the course](index.ipynb) shows all lectures and assignments, and how they hang
# together.
#
# **How to work.**
#
# 1. Run a cell with **Shift-Enter**, from top to bottom. If something looks odd, use *Kernel →
#    Restart Kernel and Run All Cells*.
# 2. Where the text says **Predict**, do so before you unfold the answer. A wrong guess teaches
#    more than a right reading.
# 3. Change numbers and run again. Cells with `assert` hold what the text claims: if you change
#    what they rest on, they complain, and that is worth a thought.
# 4. Read 01, 02 and 03, then open the assignment **a1**. Your answers stay in the assignment's
#    notebook: write them there and save with Ctrl-S.
#
# **After this page you can**
#
# - read and write shapes in the notation of the course;
# - write every reshape as a pattern with names, and say what plain torch calls it;
# - recognise a reshape with the right shape and the wrong numbers;
# - read what a `check` tells you.

# %% role="setup"
import math

import torch
from einops import EinopsError, einsum, rearrange, reduce, repeat
from matplotlib.colors import ListedColormap
from matplotlib.patches import Rectangle

from autograder import check
from course.plots import panels, use_style

torch.set_num_threads(1)
use_style()

# %% [markdown]
# ## 1 · Tensors and shapes
#
# A **tensor** is a block of numbers with axes. Its **shape** is the list of the sizes of its axes.
# We give every axis a name. Here is the sentence **I go home** as a tensor of three **tokens**
# (words, for now) with four **features** each: `n` = 3 positions, `d_model` = 4.
#
# The entries are chosen so that each says where it is: token 1 (*go*), feature 2 is 12. We count
# from 0, as Python does.

# %%
words = ["I", "go", "home"]
x = torch.tensor(  # (n, d_model) = (3, 4)
    [
        [0, 1, 2, 3],  # I
        [10, 11, 12, 13],  # go
        [20, 21, 22, 23],  # home
    ]
)
go = x[1]  # (d_model,): an index takes its axis away
feature_2 = x[:, 2]  # (n,): the colon keeps all positions
entry = x[1, 2]  # (): no axis left, a single number
print("x", tuple(x.shape), " go", tuple(go.shape), " feature_2", tuple(feature_2.shape))
print("entry", tuple(entry.shape), "is", entry.item())

assert x.shape == (3, 4)
assert go.tolist() == [10, 11, 12, 13]
assert feature_2.tolist() == [2, 12, 22]
assert entry.shape == ()
assert entry == 12

# %% [markdown]
# A network reads many sentences at once, a **batch**. The batch axis stands in front. In our
# second sentence all entries begin with a 1.

# %%
batch = torch.stack([x, x + 100])  # (b, n, d_model) = (2, 3, 4)
print(batch)

assert batch.shape == (2, 3, 4)
assert batch[1, 2, 3] == 123  # sentence 1, token 2, feature 3
assert batch[0, 1, 2] == 12  # sentence 0: the leading zero is not printed

# %% [markdown]
# ### dtype: what kind of numbers
#
# All entries of a tensor are of one kind, its **dtype**. Whole numbers become `int64`, numbers
# with a point become `float32`, which holds about 7 decimal digits; `float64` holds about 16. In
# this course ids of tokens are `int64`, masks are `bool`, and nearly all else is floating point.
# Checks use both kinds of float: where `float64` goes in, `float64` must come out.
#
# Two things do not work, and torch says so.

# %%
print(torch.tensor([1, 2]).dtype, torch.tensor([1.0, 2]).dtype)
digits = [round(-math.log10(torch.finfo(kind).eps)) for kind in (torch.float32, torch.float64)]
print("decimal digits of float32 and float64:", digits)

complaints = []
try:
    x.mean()  # a mean of whole numbers need not be whole
except RuntimeError as error:
    complaints.append(str(error))
try:
    x.float() @ torch.eye(4, dtype=torch.float64)  # a matrix product does not mix dtypes
except RuntimeError as error:
    complaints.append(str(error))
print(*complaints, sep="\n")

assert digits == [7, 16]
assert x.dtype == torch.int64
assert x.float().dtype == torch.float32
assert x.float().mean() == 11.5
assert "floating point" in complaints[0]
assert "same dtype" in complaints[1]

# %% [markdown]
# ### Broadcasting: a small tensor beside a large one
#
# Take a table with one row per word that *asks* and one column per word that *answers*, (3, 3).
# And let a list of three, `visible`, say which words may be looked at: *home* may not. How does a
# list of three meet a table of nine?
#
# Shapes are compared **from the right**. Two sizes fit if they are equal, or if one of them is 1 or
# missing; that axis is then repeated. So (3,) meets (3, 3) as if it were (1, 3): one row, repeated
# downwards.
#
# **Predict.** `table * visible` puts zeros where? And `table * visible[:, None]`, of shape (3, 1)?
#
# <details><summary>Answer</summary>
#
# The first: the list lies along the columns, so *column* home becomes 0: nobody sees *home*. The
# second: the list stands upright, along the rows, so *row* home becomes 0: *home* sees nobody.
#
# </details>

# %%
table = torch.arange(1, 10).view(3, 3)  # (asks, answers): the numbers 1 to 9
visible = torch.tensor([1, 1, 0])  # (3,): I and go may be looked at, home may not
hidden_column = table * visible  # (3, 3) with (3,): the list becomes every row
hidden_row = table * visible[:, None]  # (3, 3) with (3, 1): the list becomes every column
print(hidden_column, hidden_row, sep="\n")

assert hidden_column.tolist() == [[1, 2, 0], [4, 5, 0], [7, 8, 0]]
assert hidden_row.tolist() == [[1, 2, 3], [4, 5, 6], [0, 0, 0]]

oblong = table[:2]  # (2, 3): only I and go ask, all three answer
assert (oblong * visible).tolist() == [[1, 2, 0], [4, 5, 0]]
try:
    oblong * visible[:, None]  # (2, 3) with (3, 1), from the right: 3 meets 1, then 2 meets 3
    fits = True
except RuntimeError:
    fits = False
assert not fits

# %% [markdown]
# Both ran without a complaint, because the table is square. With two words that ask and three that
# answer, the second is an error. **A square hides mistakes**: that is why every problem of this
# course is checked on sizes that are all different, among others. Masks, in lecture 07, rest on
# this broadcasting. (They hide in another way than by a zero; that is a story of its own.)
#
# ### A sum takes an axis away, unless you keep it
#
# A sum, a mean or a maximum over an axis removes that axis: of (2, 3), summed over the columns,
# (2,) is left. To set it beside the table again you want (2, 1): the same two numbers, upright.
# `keepdim=True` keeps the axis, with size 1.
#
# **Predict.** `oblong` has two rows and three columns. Which of `oblong - means` and
# `oblong - upright_means` takes from every row its own mean?
#
# <details><summary>Answer</summary>
#
# The second, (2, 3) with (2, 1). The first, (2, 3) with (2,), is refused: from the right, 3 meets
# 2. On a square table it would not be refused: there it would take from each *column* the mean of
# another row, in silence.
#
# </details>

# %%
means = oblong.float().mean(dim=1)  # (2,): one mean per row
upright_means = oblong.float().mean(dim=1, keepdim=True)  # (2, 1): the same two numbers
print("means", tuple(means.shape), " with keepdim", tuple(upright_means.shape))
try:
    oblong - means  # (2, 3) with (2,), from the right: 3 meets 2
    fits = True
except RuntimeError as error:
    fits = False
    print(error)
print(oblong - upright_means)  # (2, 3) with (2, 1): each row loses its own mean

assert not fits
assert upright_means.tolist() == [[2], [5]]
assert (oblong - upright_means).tolist() == [[-1, 0, 1], [-1, 0, 1]]
assert upright_means.equal(means[:, None])

# %% [markdown]
# ## 2 · einops: reshape by name
#
# [einops](https://einops.rocks) writes a reshape as a **pattern**: names for the axes as they come,
# an arrow, names for the axes as they should go. Four functions are all that
# we need.
#
# | function | what it does |
# | --- | --- |
# | `rearrange` | moves, splits and joins axes; every name stands on both sides |
# | `reduce` | sums, averages, … over the axes that the right side leaves out |
# | `repeat` | repeats along the axes that the right side adds |
# | `einsum` | multiplies, then sums over the names that the right side leaves out |
#
# First a helper: tensors of any shape whose entries spell their own position.


# %%
def places(*sizes):
    """A tensor of shape sizes whose digits say where they are: entry [1, 2, 3] is 123."""
    spelled = torch.zeros((), dtype=torch.int64)  # (): nothing spelled yet
    for size in sizes:
        # (..., 1) beside (size,) broadcasts to (..., size): each axis adds a digit
        spelled = 10 * spelled[..., None] + torch.arange(size)
    return spelled


assert places(3, 4).equal(x)
assert places(2, 3, 4).equal(batch)
assert places(2, 3, 4, 5)[1, 2, 3, 4] == 1234

# %% [markdown]
# ### Move, split, join
#
# Brackets split an axis on the left and join axes on the right. In multi-head attention the
# features of every token are dealt out to `n_heads` heads, each with `d_head` of them: with two
# heads, 4 = 2 · 2.

# %%
upright = rearrange(x, "n d -> d n")  # (4, 3): axes swapped
row = rearrange(x, "n d -> (n d)")  # (12,): joined; the last name runs fastest
heads = rearrange(x, "n (h d) -> h n d", h=2)  # (2, 3, 2): features split, heads in front
joined = rearrange(heads, "h n d -> n (h d)")  # (3, 4): and back
print("row", row.tolist())
print("head 0", heads[0].tolist(), " head 1", heads[1].tolist())

assert upright.tolist() == [[0, 10, 20], [1, 11, 21], [2, 12, 22], [3, 13, 23]]
assert row.tolist() == [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]
assert heads[0].tolist() == [[0, 1], [10, 11], [20, 21]]
assert heads[1].tolist() == [[2, 3], [12, 13], [22, 23]]
assert joined.equal(x)

# %%
TOKEN_COLORS = ListedColormap(["#9ecae9", "#f6c28b", "#8fd3bd"])  # light blue, orange, green


def draw(ax, values, title, ylabel, xlabel):
    """A matrix (rows, columns) of places in I go home; the colour of a cell tells its token."""
    ax.imshow(values // 10, cmap=TOKEN_COLORS, vmin=0, vmax=2)  # the first digit is the token
    for i, line in enumerate(values.tolist()):
        for j, place in enumerate(line):
            ax.text(j, i, f"{place:02}", ha="center", va="center", fontsize=10)
    ax.set_xticks(range(values.shape[1]))
    ax.set_yticks(range(values.shape[0]))
    ax.set(title=title, ylabel=ylabel, xlabel=xlabel)
    ax.grid(False)


whole, swapped, first, second = panels(1, 4, 2.1, 2.5)
draw(whole, x, "x: n d", "position n", "feature d")
draw(swapped, upright, "n d -> d n", "feature d", "position n")
draw(first, heads[0], "n (h d) -> h n d: head 0", "position n", "feature d")
draw(second, heads[1], "head 1", "position n", "feature d")
_ = whole.set_yticks(range(3), [f"{i} {word}" for i, word in enumerate(words)])

# %% [markdown]
# *Figure: the tensor of "I go home" as coloured grids, one colour per token: as it is, three rows
# of one colour each; with its axes swapped, three columns of one colour each; and split into two
# heads, each of which keeps all three tokens and half of the features.*
#
# **Predict.** The bracket `(h d)` says that the head changes slowly and the feature fast. What
# does head 0 hold if we write `(d h)` instead?
#
# <details><summary>Answer</summary>
#
# Then the head changes fastest: the features are dealt out in turn, like cards. Head 0 gets
# features 0 and 2, head 1 gets features 1 and 3. The shape is the same. The Transformer uses
# `(h d)`: whole blocks.
#
# </details>

# %%
dealt = rearrange(x, "n (d h) -> h n d", h=2)  # (2, 3, 2): the same shape as heads
print("head 0, (h d):", heads[0].tolist())
print("head 0, (d h):", dealt[0].tolist())

assert dealt.shape == heads.shape
assert dealt[0].tolist() == [[0, 2], [10, 12], [20, 22]]

# %% [markdown]
# ### Reduce, repeat, multiply

# %%
pooled = reduce(batch.float(), "b n d -> b d", "mean")  # (2, 4): one vector per sentence
start = torch.tensor([7, 8, 9])  # (3,): one start state ...
starts = repeat(start, "d -> b d", b=2)  # (2, 3): ... for each sentence of the batch
pairs = einsum(x, x, "i d, j d -> i j")  # (3, 3): every token times every token, summed over d
print("pooled", pooled.tolist(), " starts", starts.tolist())
print("pairs", pairs.tolist())

assert pooled.tolist() == [[10, 11, 12, 13], [110, 111, 112, 113]]  # the middle token, here
assert starts.tolist() == [[7, 8, 9], [7, 8, 9]]
for i in range(3):
    for j in range(3):
        assert pairs[i, j] == sum(x[i, d] * x[j, d] for d in range(4))  # an inner product

# %% [markdown]
# In `einsum` the two sequences get two names, `i` and `j`, although both count positions: a name
# that occurs twice means the *same* place in both. Inner products like these are the scores of
# lecture 02.
#
# Where no name is left out, nothing is summed: two lists then give the table of all their products,
# which torch calls `torch.outer`. And `torch.diag` makes a matrix of one list, which stands on its
# diagonal among zeros.

# %%
prices, amounts = torch.tensor([2, 3, 5]), torch.tensor([1, 10])  # (3,), (2,)
products = einsum(prices, amounts, "i, j -> i j")  # (3, 2): every price times every amount
diagonal = torch.diag(prices)  # (3, 3)
print("products", products.tolist(), " diagonal", diagonal.tolist())

assert products.equal(torch.outer(prices, amounts))
assert products.tolist() == [[2, 20], [3, 30], [5, 50]]
assert diagonal.tolist() == [[2, 0, 0], [0, 3, 0], [0, 0, 5]]
assert torch.diag(diagonal).equal(prices)  # of a matrix, torch.diag takes the diagonal out

# %% [markdown]
# ### The patterns of the course
#
# These are the reshapes that you will meet. `h` is `n_heads`, `d` the last axis, whatever its size.
#
# | what for | einops | plain torch |
# | --- | --- | --- |
# | add a batch axis | `rearrange(x, "n d -> 1 n d")` | `x[None]` |
# | swap the last two axes | `rearrange(x, "b n d -> b d n")` | `x.transpose(1, 2)` |
# | to heads | `rearrange(x, "b n (h d) -> b h n d", h=h)` | `x.view(b, n, h, d).transpose(1, 2)` |
# | from heads | `rearrange(y, "b h n d -> b n (h d)")` | `y.transpose(1, 2).reshape(b, n, h * d)` |
# | flatten a batch of sequences | `rearrange(x, "b n d -> (b n) d")` | `x.reshape(b * n, -1)` |
# | and back | `rearrange(flat, "(b n) d -> b n d", b=b)` | `flat.view(b, n, -1)` |
# | three stacked matrices | `rearrange(w, "(c e) d -> c e d", c=3)` | `w.view(3, e, -1)` |
# | axes for a mask | `rearrange(m, "b n -> b 1 1 n")` | `m[:, None, None, :]` |
# | one row for all queries | `repeat(m, "b n -> b q n", q=q)` | `m[:, None, :].expand(b, q, n)` |
# | one start state for a batch | `repeat(h0, "d -> b d", b=b)` | `h0.expand(b, -1)` |
# | pool over positions | `reduce(x, "b n d -> b d", "mean")` | `x.mean(dim=1)` |
# | one mean per feature | `reduce(x, "b n d -> d", "mean")` | `x.mean(dim=(0, 1))` |
# | a linear map | `einsum(x, w, "b n d, e d -> b n e")` | `x @ w.T` |
# | all inner products | `einsum(x, z, "b i d, b j d -> b i j")` | `x @ z.transpose(1, 2)` |
# | weighted sums | `einsum(p, z, "b i j, b j d -> b i d")` | `p @ z` |
#
# **Claim.** On each line both sides are equal. We try it on random numbers, for five seeds, with
# other sizes for each. The sizes are different primes: no two are equal, nor any two products of
# them, so that no axis can pass for another. (You may skim the code: it is the table again.)

# %%
primes = torch.tensor([2, 5, 7, 11, 13, 17, 19])  # not 3: three matrices are stacked below
sides_of_seed = []
for seed in range(5):
    g = torch.Generator().manual_seed(seed)
    b, n, h, d, q, j, e = primes[torch.randperm(7, generator=g)].tolist()
    x_r = torch.randn(b, n, h * d, generator=g)  # (b, n, d_model)
    y = torch.randn(b, h, n, d, generator=g)  # (b, n_heads, n, d_head)
    z = torch.randn(b, j, h * d, generator=g)  # (b, j, d_model): another sequence, j long
    p = torch.randn(b, n, j, generator=g)  # (b, n, j): one row of shares per position
    w = torch.randn(3 * e, h * d, generator=g)  # (3 e, d_model): three matrices in one
    flat = torch.randn(b * n, d, generator=g)  # (b n, d)
    h0 = torch.randn(d, generator=g)  # (d,)
    m = torch.randint(0, 2, (b, n), generator=g)  # (b, n) zeros and ones
    sides = {
        "add a batch axis": (rearrange(x_r[0], "n d -> 1 n d"), x_r[0][None]),
        "swap the last two axes": (rearrange(x_r, "b n d -> b d n"), x_r.transpose(1, 2)),
        "to heads": (
            rearrange(x_r, "b n (h d) -> b h n d", h=h),
            x_r.view(b, n, h, d).transpose(1, 2),
        ),
        "from heads": (
            rearrange(y, "b h n d -> b n (h d)"),
            y.transpose(1, 2).reshape(b, n, h * d),
        ),
        "flatten a batch": (rearrange(x_r, "b n d -> (b n) d"), x_r.reshape(b * n, -1)),
        "and back": (rearrange(flat, "(b n) d -> b n d", b=b), flat.view(b, n, -1)),
        "three stacked matrices": (rearrange(w, "(c e) d -> c e d", c=3), w.view(3, e, -1)),
        "axes for a mask": (rearrange(m, "b n -> b 1 1 n"), m[:, None, None, :]),
        "one row for all queries": (
            repeat(m, "b n -> b q n", q=q),
            m[:, None, :].expand(b, q, n),
        ),
        "one start state": (repeat(h0, "d -> b d", b=b), h0.expand(b, -1)),
        "pool over positions": (reduce(x_r, "b n d -> b d", "mean"), x_r.mean(dim=1)),
        "one mean per feature": (reduce(x_r, "b n d -> d", "mean"), x_r.mean(dim=(0, 1))),
        "a linear map": (einsum(x_r, w, "b n d, e d -> b n e"), x_r @ w.T),
        "all inner products": (
            einsum(x_r, z, "b i d, b j d -> b i j"),
            x_r @ z.transpose(1, 2),
        ),
        "weighted sums": (einsum(p, z, "b i j, b j d -> b i d"), p @ z),
    }
    sides_of_seed.append(sides)
for name, (named, plain) in sides_of_seed[0].items():
    print(f"{name:28} {tuple(named.shape)!s:16} {tuple(plain.shape)}")

# %%
for sides in sides_of_seed:
    assert len(sides) == 15
    for named, plain in sides.values():
        torch.testing.assert_close(named, plain)  # shape, dtype and numbers

# %% [markdown]
# ### A wrong pattern says what is wrong
#
# Three mistakes: heads that do not divide the features, a batch axis that is not there, a name
# that comes from nowhere. Read the last line of each message: it names the axis.

# %%
attempts = [
    ("n (h d) -> h n d", {"h": 3}),  # three heads for four features
    ("b n d -> b d n", {}),  # x has no batch axis
    ("n d -> d m", {}),  # what is m, and where did n go?
]
refusals = []
for pattern, sizes in attempts:
    try:
        rearrange(x, pattern, **sizes)  # x is (3, 4)
    except EinopsError as error:
        refusals.append(str(error))
        print(error, end="\n\n")

assert len(refusals) == 3
assert "can't divide axis of length 4 in chunks of 3" in refusals[0]
assert "expected 3 dims. Received 2-dim" in refusals[1]
assert "only on one side" in refusals[2]

# %% [markdown]
# ## 3 · Break it: the right shape and the wrong numbers
#
# You want the features first, (4, 3), and `x` is (3, 4). There is `x.view(4, 3)`, which gives the
# shape that you name. It is tempting.
#
# **Predict.** How many of the twelve entries of `x.view(4, 3)` stand in the right place?
#
# <details><summary>Answer</summary>
#
# Two: the first and the last. `view` swaps nothing. It takes the numbers in the order in which
# they lie in memory, 00 01 02 03 10 11 …, and cuts that row anew, every three.
#
# </details>

# %%
cut = x.view(4, 3)  # (4, 3), the same twelve numbers, cut every three
print("in the right place:", (cut == upright).sum().item(), "of", x.numel())

before, right, wrong = panels(1, 3, 2.4, 2.7)
draw(before, x, "x: n d", "position n", "feature d")
draw(right, upright, 'rearrange: "n d -> d n"', "feature d", "position n")
draw(wrong, cut, "x.view(4, 3)", "feature d?", "position n?")
for i, j in (cut == upright).nonzero().tolist():  # a frame around what is right by chance
    wrong.add_patch(Rectangle((j - 0.46, i - 0.46), 0.92, 0.92, fill=False, linewidth=2))

# %% [markdown]
# *Figure: three grids. Left, x with one colour per row. Middle, its axes swapped, with one colour
# per column. Right, x.view(4, 3): the colours run on from row to row, tokens are mixed in every
# column, and only the first and the last entry, framed, are where they belong.*
#
# No error, no warning, and the shape is right. In a network the tokens would now be mixed up,
# and nothing would say so. Is it always that bad? Let us count, for five shapes and five seeds of
# random numbers each. A little number theory tells the count beforehand: of n · d entries,
# gcd(n − 1, d − 1) + 1 stay where they belong (gcd is the greatest common divisor).

# %%
counts = []
for n, d in [(3, 4), (3, 5), (4, 7), (9, 5), (6, 6)]:
    for seed in range(5):
        numbers = torch.randn(n, d, generator=torch.Generator().manual_seed(seed))  # (n, d)
        kept = (numbers.view(d, n) == rearrange(numbers, "n d -> d n")).sum().item()
        counts.append((n, d, kept))
    print(f"n {n}, d {d}: {kept} of {n * d} in the right place")

assert (cut == upright).sum() == 2
assert cut.shape == upright.shape
for n, d, kept in counts:
    assert kept == math.gcd(n - 1, d - 1) + 1
    assert kept <= n * d / 5  # at least four in five are wrong

# %% [markdown]
# **Claim.** For these shapes, on five seeds, at least four in five entries are wrong, and how many
# is as the formula says. **What it does not show:** that a network with this mistake fails. It may
# well learn something, and that is the trouble: you might see a slightly worse result and no
# reason for it.
#
# The same happens with heads. Splitting the features is a cut, and `view` may do that; moving the
# head axis to the front is a swap, and `view` may not. **Predict**: what does head 0 hold after
# `x.view(2, 3, 2)`, next to (00 01), (10 11), (20 21)?
#
# <details><summary>Answer</summary>
#
# (00 01), (02 03), (10 11): all of *I* and half of *go*. *home* is not in head 0 at all, and head 0
# believes that *I* is two tokens.
#
# </details>

# %%
mixed = x.view(2, 3, 2)  # (h, n, d_head), or so it says
print("head 0 by view:   ", mixed[0].tolist())
print("head 0 by pattern:", heads[0].tolist())

assert mixed.shape == heads.shape
assert mixed[0].tolist() == [[0, 1], [2, 3], [10, 11]]
for seed in range(5):  # random sizes: some entry is wrong each time
    g = torch.Generator().manual_seed(seed)
    n, h, d = (torch.randperm(6, generator=g)[:3] + 2).tolist()  # 2 to 7, all different
    numbers = torch.randn(n, h * d, generator=g)  # (n, d_model)
    assert not numbers.view(h, n, d).equal(rearrange(numbers, "n (h d) -> h n d", h=h))

# %% [markdown]
# **The rule.** Names that keep their order may be split and joined: there `view` and `reshape` do.
# Names that change their order need `transpose`, `permute`, or a pattern. A pattern shows you
# which of the two it is.
#
# ## 4 · How the course checks your work
#
# In an assignment you write a function and run `check("its name")` below it. Let us try that on a
# warm-up. It is not graded, and its answer stands here in the open.
#
# **`features_first(x)`**: swap positions and features, as in section 3, for any number of batch
# dimensions. torch's 1-d convolutions want their input like this.
#
# | | shape |
# | --- | --- |
# | `x` | (..., n, d_model) |
# | result | (..., d_model, n) |
#
# `...` stands for any number of leading batch dimensions, also none. Patterns know it too.
#
# Such a table, with the sentence above it, is the **contract** of a problem: what goes in, what
# must come out, in which shapes. A check goes by the contract and by nothing else; how you fulfil
# it is up to you. Its messages speak of the contract where your answer departs from it.


# %% problem="features_first" role="answer"
def features_first(x):
    """Swap positions and features.

    x: (..., n, d_model). Returns (..., d_model, n).
    """
    return rearrange(x, "... n d -> ... d n")


# %%
print("(3, 4) becomes", tuple(features_first(x).shape))
check("features_first")

# %% [markdown]
# That is a check that passes. It called your function on eight inputs, the **cases**: one sentence,
# a batch, two batch dimensions, `float64`, a gradient, and so on.
#
# ### A mistake that the course knows
#
# Now the mistake of section 3. **The next check ends in red: this is meant.** (The cell carries the
# tag `raises-exception`, so that *Run All* goes on.)


# %%
def features_first(x):
    """Swap positions and features, or so it says."""
    *batch_sizes, n, d = x.shape  # ..., n, d_model
    return x.reshape(*batch_sizes, d, n)  # the shape that is asked for


mistakes = {"view": features_first}  # kept for the end of this section
print("(3, 4) becomes", tuple(features_first(x).shape))


# %% tags=["raises-exception"]
check("features_first")

# %% [markdown]
# Read it from the top.
#
# | part | what it tells you |
# | --- | --- |
# | the first line | the problem, its points, and how many of its cases pass |
# | On “I go home” with x (3, 4): | the first case that fails, and the shapes of its inputs |
# | Seen: | what your function did |
# | Think: | where to look; never the answer |
# | two small tables | your result and the expected one; what differs has an outline and a star |
# | the last line | how many problems of the notebook were right so far |
#
# Below the card the first line stands again, in red: an error, so that *Run All* stops there.
#
# The course knows this mistake by what comes out, however you wrote it. One case of eight passes
# all the same: a single token, where nothing can get out of order. So one passing case proves
# little.
#
# ### A mistake that the course does not know
#
# Nobody can foresee every mistake. Then the message says what differs: the type, the shape, the
# dtype, how many numbers and by how much, or the gradient.


# %%
def features_first(x):
    """Swap positions and features, then go one step too far."""
    return rearrange(x, "... n d -> ... (d n)")  # joined: one axis too few


mistakes["joined"] = features_first
print("(3, 4) becomes", tuple(features_first(x).shape))


# %% tags=["raises-exception"]
check("features_first")

# %% [markdown]
# The shapes tell it: (12,) where (4, 3) was expected. An axis is lost, and 12 = 4 · 3 says that two
# were joined. If your code raises an error, you get that error, with your own line.
#
# ### One that works here and not there
#
# **Predict.** `x.transpose(1, 2)` is right for a batch, (b, n, d_model). What about the others?
#
# <details><summary>Answer</summary>
#
# It counts axes from the front. Without a batch axis there is no axis 2, and that is an error; with
# two batch dimensions it swaps the second of them with the positions. It passes the three cases
# with exactly one batch axis. `x.transpose(-2, -1)` counts from the end, and is right for all.
#
# </details>


# %%
def features_first(x):
    """Swap positions and features of a batch, and of nothing else."""
    return x.transpose(1, 2)  # (b, n, d_model) -> (b, d_model, n)


mistakes["axes 1 and 2"] = features_first
print("(2, 3, 4) becomes", tuple(features_first(batch).shape))


# %% tags=["raises-exception"]
check("features_first")

# %% [markdown]
# ### Right again
#
# Any honest way is right, not only that of the course. Put your own mistakes in here and see what
# the check says. One to try: leave out the word `return`.


# %%
def features_first(x):
    """Swap positions and features: the last two axes, counted from the end."""
    return x.transpose(-2, -1)  # (..., n, d_model) -> (..., d_model, n)


check("features_first")

# %% [markdown]
# Did the messages above say what the text claims? A cell can ask that as well: a check that does
# not pass raises an `AssertionError`, whose text is the message.

# %%
said = {}
right_answer = features_first
for name, mistake in mistakes.items():
    features_first = mistake  # what check looks at is whatever bears the name now
    try:
        check("features_first")
    except AssertionError as verdict:
        said[name] = str(verdict)
features_first = right_answer

assert said.keys() == mistakes.keys()  # none of the three passed
assert "1 of 8 cases pass" in said["view"]
assert "On “I go home” with x (3, 4):\nSeen: the shape is right" in said["view"]
assert "no axis was swapped" in said["view"]
assert "0 of 8 cases pass" in said["joined"]
assert "`result` has shape (12,); expected (4, 3)." in said["joined"]
assert "3 of 8 cases pass" in said["axes 1 and 2"]
assert "a batch is right" in said["axes 1 and 2"]
check("features_first")  # and the right one is in its place again

# %% [markdown]
# ### How the grade is made
#
# - **Other inputs.** A check uses inputs whose names and shapes it tells you. The grade comes from
#   the same kinds of input with other numbers and **other sizes**, which nobody sees beforehand. A
#   function that is right for the right reason passes there too; one that knows the inputs by heart
#   does not.
# - **Groups.** The cases of a problem form groups, and **a group is paid when all of its cases
#   pass**. The groups of `features_first` would be *one sentence*, *batches*, and *float64 and
#   gradient*. `x.transpose(1, 2)` passes one case of *batches* and fails the other, so that group
#   would pay nothing. A check shows no groups: it names the first case that fails. Mend that, and
#   check again.
# - **What holds everywhere.** Results keep the dtype of the arguments and can be differentiated,
#   and arguments are never changed. Some problems forbid torch's ready-made answer, and say so.
#
# Before you write anything, a check in an assignment says *not answered yet*. Check as often as you
# like. Before you hand in, save, and use one of these:
#
# - **The Validate button** above the assignment's notebook (in a terminal: `nbgrader validate
#   NOTEBOOK`) runs the notebook in a fresh kernel and lists the check cells that fail. It finds
#   answers that work only because of a cell that you have deleted since.
# - **`autograder check NOTEBOOK`**, in a terminal, runs the notebook as the grader does and prints
#   status and points of each problem, on the public cases.
#
# Both live in the course's environment. From the folder of the course:
# `.venv/bin/autograder check assignments/a1_attention/a1_attention.ipynb`.
#
# ## 5 · Notation
#
# The same in all notebooks, in code and in figures.
#
# | symbol | is |
# | --- | --- |
# | `b` | batch: how many sequences at once |
# | `n` | sequence length: how many tokens. `n_q` where they ask, `n_k` where they answer |
# | `d_model` | features per token |
# | `n_heads` (h), `d_head` | number of heads; features per head, `d_model` / `n_heads` |
# | `d_k`, `d_v` | features of a query or key, features of a value |
# | `d_ff` | features inside the feed-forward layer |
# | `vocab` | number of different tokens |
# | `...` | any number of leading batch dimensions, also none |
# | mask | boolean, **True means "may attend"** |
#
# ## 6 · The paper and the tools
#
# "Attention Is All You Need" (Vaswani et al., 2017) is the paper that this course follows. It says
# d_model, d_k, d_v, d_ff and h as we do, writes n for the sequence length, and leaves out the
# batch. Code cannot, and so the code of every library is full of reshapes.
#
# | the tool | what it does | swaps axes? |
# | --- | --- | --- |
# | torch `view` | cuts anew; never copies, and refuses where it would have to | no |
# | torch `reshape` | the same, but copies where it must | no |
# | torch `transpose(i, j)`, `.mT` | swaps two axes | yes |
# | torch `permute(...)` | puts all axes in a new order | yes |
# | torch `contiguous()` | copies the numbers into the order of the axes, if need be | no |
# | einops `rearrange` | all of these, by name; copies only where it must | as the pattern says |
#
# Behind this lies one row of memory. Swapping axes moves no number: it only changes how far apart
# in memory two neighbours lie, the **stride**. A tensor whose numbers lie in the order of its axes
# is **contiguous**; a swapped one as a rule is not, and `view` refuses to cut it.

# %%
turned = x.transpose(0, 1)  # (4, 3): the same memory, read in another order
print("strides of x", x.stride(), " of the swapped x", turned.stride())
try:
    turned.view(12)
    refusal = ""
except RuntimeError as error:
    refusal = str(error)
print(refusal)

assert x.is_contiguous()
assert not turned.is_contiguous()
assert "view size is not compatible" in refusal
assert turned.data_ptr() == x.data_ptr()  # no number has moved
assert turned.contiguous().data_ptr() != x.data_ptr()  # now they have
assert turned.reshape(12).equal(rearrange(x, "n d -> (d n)"))  # reshape copies, as einops does

# %% [markdown]
# One thing to remember from this: the result of `view`, `transpose` or `rearrange` may share its
# memory with what it came from. Write into one, and the other changes.

# %%
original = places(3, 4)
shared = rearrange(original, "n d -> d n")  # (4, 3), the same memory
shared[0, 0] = 99
print("the original now begins with", original[0, 0].item())

assert original[0, 0] == 99

# %% [markdown]
# ## 7 · Check yourself
#
# **1.** `y = rearrange(x, "b n (h d) -> b h n d", h=4)`, and x has shape (2, 3, 8). What is the
# shape of y, and where does x[1, 2, 5] go?
#
# <details><summary>Answer</summary>
#
# (2, 4, 3, 2). Each head has 8 / 4 = 2 features, so feature 5 is head 2, feature 1: y[1, 2, 2, 1].
#
# </details>
#
# **2.** A mask (b, n_k) = (2, 5) meets scores (b, h, n_q, n_k) = (2, 4, 3, 5). What happens? And
# what if n_q were 2?
#
# <details><summary>Answer</summary>
#
# From the right: 5 meets 5, then 2 meets 3: an error. With n_q = 2 there is none: the batch axis of
# the mask passes for the query axis, and everything is wrong in silence. The mask needs axes of
# size 1 in between: (2, 1, 1, 5).
#
# </details>
#
# **3.** A function passes seven of eight cases. The eighth belongs to a group with one other case,
# which passes. Is that group paid?
#
# <details><summary>Answer</summary>
#
# No: a group is paid when all of its cases pass. The other groups are.
#
# </details>

# %%
y = rearrange(places(2, 3, 8), "b n (h d) -> b h n d", h=4)
assert y.shape == (2, 4, 3, 2)
assert y[1, 2, 2, 1] == 125

mask = torch.ones(2, 5, dtype=torch.bool)  # (b, n_k)
try:
    torch.ones(2, 4, 3, 5) * mask
    failed = False
except RuntimeError:
    failed = True
assert failed
assert (torch.ones(2, 4, 2, 5) * mask).shape == (2, 4, 2, 5)  # silence
assert (torch.ones(2, 4, 3, 5) * mask[:, None, None, :]).shape == (2, 4, 3, 5)

# %% [markdown]
# **Next.** [Lecture 01](01_from_recurrence_to_attention.ipynb): what a network that reads word by
# word forgets. After lecture 03 comes the first assignment,
# [a1](../assignments/a1_attention/a1_attention.ipynb).
#
# ## 8 · Words
#
# | English | 한국어 |
# | --- | --- |
# | tensor | 텐서 |
# | shape | 형상 |
# | dimension, axis | 차원, 축 |
# | batch | 배치 |
# | token | 토큰 |
# | feature | 특성 |
# | sequence length | 시퀀스 길이 |
# | broadcasting | 브로드캐스팅 |
# | transpose | 전치 |
# | inner product (dot product) | 내적 |
# | mask | 마스크 |
# | gradient | 그래디언트, 기울기 |
# | assignment | 과제 |
