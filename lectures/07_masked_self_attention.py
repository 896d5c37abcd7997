# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 07 · Masked self-attention
#
# *About 60 minutes. You need [lecture 04](04_multi_head_attention.ipynb), attention with several
# heads, and from [lecture 06](06_positional_encoding.ipynb) that a model must be told where a word
# stands.*
#
# **The question.** In self-attention every word sees every other. A model that *writes* cannot have
# that: when it chooses a word, the next ones are not there yet. But in training they are there, and
# we would like to ask for all of them in one pass. How do we train on all positions at once, and
# hide from each just what it is asked for? And who notices if we fail?
#
# **Afterwards you can**
#
# - say what a decoder is fed and what it is asked for, and draw who may look where;
# - explain why a mask acts before the softmax, with −∞, and what every other way does;
# - translate masks between libraries that disagree about what True means;
# - put causal and padding masks together, and foresee rows that may see nothing;
# - find a leak with one derivative, and say why no held-out figure would have shown it.

# %%
import math

import torch
import torch.nn.functional as F
from ipywidgets import Dropdown, SelectionSlider
from matplotlib.patches import Rectangle
from torch import nn

from course.claims import claim
from course.dates import FIRST, LAST, is_a_date, written_dates
from course.knobs import Knobs
from course.plots import BLUE, GREEN, ORANGE, PURPLE, head_maps, matrix, panels, spread, use_style
from course.writer import BEGIN, D_MODEL, END, LENGTH, N_HEADS, RATE, Writer

torch.set_num_threads(1)
use_style()

# %% [markdown]
# ## 1 · By hand: SOS 나는 집에
#
# The model is to write **나는 집에 간다** ("I go home": 나는 I, 집에 home, 간다 go). It begins with
# a token that says "begin", SOS. To write 집에 it may know SOS and 나는, no more.
#
# In training we know the whole sentence. So we feed it all but the last word, ask for all but the
# first, and ask at all places at once. Whatever the model would have answered, at the next place it
# is fed the true word. This is called **teacher forcing**.

# %%
sentence = ["SOS", "나는", "집에", "간다"]
fed, asked = sentence[:-1], sentence[1:]
for place in range(3):
    print(f"place {place}: fed {fed[place]}, asked for {asked[place]}, may see", fed[: place + 1])
    assert asked[place] not in fed[: place + 1]

# %% [markdown]
# **Predict.** At which places would the answer stand in the input if nothing were hidden?
#
# <details><summary>Answer</summary>
#
# At places 0 and 1. 나는 is asked for at place 0 and fed at place 1; 집에 is asked for at place 1
# and fed at place 2. Only the last word, 간다, is fed nowhere. In a sentence of n words the model
# could copy n − 1 of them from the place to its right.
#
# </details>
#
# Let the scores be logarithms of small numbers, so that their exponentials fit in the head. Row by
# row, each query shares out its attention among what it **may** see:
#
# | query | asked for | e^score of SOS, 나는, 집에 | may see | weights |
# | --- | --- | --- | --- | --- |
# | SOS | 나는 | 1, 1, 2 | SOS | 1 |
# | 나는 | 집에 | 1, 4, 5 | SOS, 나는 | 1/5, 4/5 |
# | 집에 | 간다 | 2, 4, 4 | all three | 2/10, 4/10, 4/10 |
#
# With values 0, 10 and 20, what comes out?

# %%
powers = [[1, 1, 2], [1, 4, 5], [2, 4, 4]]  # e^score, a row for each query
values = [0, 10, 20]
by_hand, results = [], []
for place in range(3):
    visible = powers[place][: place + 1]
    weights = [power / sum(visible) for power in visible]  # hidden ones are in no sum
    results.append(sum(w * value for w, value in zip(weights, values, strict=False)))
    by_hand.append(weights + [0.0] * (2 - place))
    print(f"{fed[place]}: weights {by_hand[-1]}, out {results[-1]:.0f}")

assert [asked[place] in fed for place in range(3)] == [True, True, False]
assert by_hand == [[1, 0, 0], [0.2, 0.8, 0], [0.2, 0.4, 0.4]]
assert results == [0, 8, 12]

# %% [markdown]
# ## 2 · Definition
#
# A **mask** $M$ says for each query $i$ and key $j$ whether $i$ may attend $j$. Hidden keys take
# part neither in the numerator nor in the denominator:
#
# $$w_{ij} = \frac{e^{s_{ij}}}{\sum_{l\,:\,M_{il}} e^{s_{il}}} \;\text{ if } M_{ij}, \quad
#   \text{else } 0
#   \qquad\Longleftrightarrow\qquad
#   w_i = \mathrm{softmax}(\tilde s_i), \quad
#   \tilde s_{ij} = \begin{cases} s_{ij} & \text{if } M_{ij} \\ -\infty & \text{else} \end{cases}$$
#
# The two are the same, because e^(−∞) = 0. The right one is how it is done: all rows have the same
# length again, and one softmax serves them all.
#
# | symbol | is | shape | here |
# | --- | --- | --- | --- |
# | $s$ | scores | `(..., n_q, n_k)` | (3, 3) |
# | $M$ | mask, boolean, **True means "may attend"** | broadcasts to that | (3, 3) |
# | $w$ | weights; a row sums to 1 over what is visible | `(..., n_q, n_k)` | (3, 3) |
#
# The mask in which query $i$ may attend keys $j ≤ i$, itself included, is called **causal**.
#
# In the small: the query 나는, whose key 집에 is hidden.

# %%
scores = torch.tensor(powers, dtype=torch.float32).log()  # (n_q, n_k)
row = scores[1].clone()  # (n_k,): the query 나는
row[2] = -math.inf  # 집에 is hidden
print("scores     ", row)
print("exponentials", row.exp())  # 1, 4, 0: nothing in the numerator, nothing in the denominator
print("weights     ", row.softmax(dim=0))

# %% [markdown]
# Writing into a copy hides one entry. For many at once there is `masked_fill(condition, number)`: a
# new tensor with the number in every place where the condition is True, and with what was there
# elsewhere. On a number of years, say, to put 0 in the place of all that are odd:

# %%
years = torch.tensor([1950, 1961, 1999, 2048])
print(years.masked_fill(years % 2 == 1, 0), "and, left as they were,", years)

assert years.masked_fill(years % 2 == 1, 0).tolist() == [1950, 0, 0, 2048]

# %% [markdown]
# Mind the direction: the condition says what is *replaced*, and a mask of this course says what may
# be seen. `~` turns True into False and False into True.
#
# torch takes a mask as `attn_mask`, or makes the causal one when told `is_causal=True`. As in
# lecture 02, unit vectors for values show the weights. Here the keys are unit vectors, too: the
# inner product of a query with unit vector j is its entry j, so that the queries *are* the scores.

# %%
may_attend = torch.tensor([[True, False, False], [True, True, False], [True, True, True]])
unit = torch.eye(3)
given = F.scaled_dot_product_attention(scores, unit, unit, attn_mask=may_attend, scale=1.0)
flagged = F.scaled_dot_product_attention(scores, unit, unit, is_causal=True, scale=1.0)
open_weights = F.scaled_dot_product_attention(scores, unit, unit, scale=1.0)  # nothing hidden
out = given @ torch.tensor([[0.0], [10], [20]])  # (n_q, d_v)

torch.testing.assert_close(row.softmax(dim=0), given[1])
torch.testing.assert_close(given, torch.tensor(by_hand), rtol=0, atol=1e-6)
torch.testing.assert_close(flagged, given, rtol=0, atol=1e-6)
torch.testing.assert_close(out, torch.tensor([[0.0], [8], [12]]), rtol=0, atol=1e-5)

# %%
asks = [f"{one} → {other}" for one, other in zip(fed, asked, strict=True)]
for ax, shown, title in zip(
    panels(1, 3, 3.3, 3.0),
    [may_attend.float(), open_weights, given],
    ["the mask: 1 may attend", "weights, nothing hidden", "weights behind the mask"],
    strict=True,
):
    matrix(ax, shown, asks, fed, rows="query → asked for", title=title)

# %% [markdown]
# *Figure: three maps with the rows SOS, 나는, 집에 and the same columns. The mask is 1 on and below
# the diagonal and 0 above. Without it the row SOS has weights .25, .25, .50, and looks most at
# 집에. Behind it the rows are 1, 0, 0; .20, .80, 0; and .20, .40, .40: above the diagonal all is 0,
# and the last row is as it was.*
#
# ### Who may look where in the paper's Transformer
#
# The paper translates: an **encoder** reads "I go home", a **decoder** writes "나는 집에 간다".
# They contain three kinds of attention, and only one of them is causal:
#
# | attention | queries | keys and values | may see |
# | --- | --- | --- | --- |
# | self-attention of the encoder | I go home | I go home | all: the source is known |
# | masked self-attention of the decoder | SOS 나는 집에 | SOS 나는 집에 | itself and before |
# | from decoder to encoder (cross) | SOS 나는 집에 | I go home | all: the source is known |

# %%
source = ["I", "go", "home"]
everything = torch.ones(3, 3)
for ax, shown, rows, columns, title in zip(
    panels(1, 3, 3.3, 3.0),
    [everything, may_attend.float(), everything],
    [source, fed, fed],
    [source, fed, source],
    ["encoder", "decoder, masked", "decoder to encoder"],
    strict=True,
):
    matrix(ax, shown, rows, columns, title=title)

# %% [markdown]
# *Figure: who may look where. In the encoder I, go and home all see each other, nine ones. In the
# decoder SOS sees itself, 나는 sees two, 집에 sees three. From decoder to encoder each of the three
# Korean words sees all English words.*
#
# ## 3 · Break it
#
# ### 0 after the softmax
#
# The weight of a hidden key should be 0. Why not compute all weights and then set the hidden ones
# to 0?
#
# **Predict** the weights of 나는 (exponentials 1, 4 and, hidden, 5). What do they become when the
# *hidden* 5 is a 95?
#
# <details><summary>Answer</summary>
#
# .1, .4, 0: they sum to .5. With 95 in place of 5 they are .01, .04, 0, with a sum of .05. The
# hidden word is still in the denominator, and it turns the visible weights down. Whoever reads the
# output of 나는 learns something about 집에, the very word that is asked for.
#
# </details>

# %%
for hidden_power in (5.0, 95.0):
    row = torch.tensor([1.0, 4, hidden_power]).log()  # (n_k,)
    zeroed = row.softmax(dim=0) * torch.tensor([1.0, 1, 0])
    row[2] = -math.inf
    before = row.softmax(dim=0)
    print(f"hidden {hidden_power:2.0f}: 0 after {zeroed.tolist()}, sum {zeroed.sum():.2f};")
    print(f"           −∞ before {before.tolist()}, sum {before.sum():.2f}")
    total = 5 + hidden_power
    torch.testing.assert_close(zeroed, torch.tensor([1 / total, 4 / total, 0]))
    torch.testing.assert_close(before, torch.tensor([0.2, 0.8, 0]))

# %% [markdown]
# One could divide once more, by the sum of what is left. That gives .2 and .8 again. Is it then the
# same as −∞?
#
# **Predict.** The hidden score lies far above the visible ones, by 10, by 50, by 100, by 110. Where
# does the second division go wrong in float32?
#
# <details><summary>Answer</summary>
#
# Weights next to a score higher by g are about e^(−g). The smallest numbers of float32 are near
# 10^−45 ≈ e^−103: beyond that the visible weights are exactly 0 before we divide, and 0 / 0 is not
# a number. From e^−87 ≈ 10^−38 on, a float32 has fewer and fewer digits, and some processors make
# it 0 at once. In float16 the end comes near e^−17.
#
# </details>


# %%
def three_ways(gaps, dtype=torch.float32):
    """Visible weights when the hidden score lies gaps (m,) above them, each (m, 2)."""
    even = torch.zeros_like(gaps)
    rows = torch.stack([even - math.log(4), even, gaps], dim=1).to(dtype)  # (m, n_k): 1, 4, hidden
    zeroed = rows.softmax(dim=1)[:, :2]
    divided = zeroed / (zeroed[:, :1] + zeroed[:, 1:])
    rows[:, 2] = -math.inf
    return {"−∞ before": rows.softmax(dim=1)[:, :2], "0 after": zeroed, "divided again": divided}


gaps = torch.arange(0.0, 121)
ways = three_ways(gaps)
[ax] = panels(1, 1, 6.2, 3.2)
for (name, visible), color, style, width in zip(
    ways.items(), (BLUE, ORANGE, GREEN), ("-", "--", ":"), (5, 2, 2.6), strict=True
):
    ax.plot(gaps, visible[:, 1], style, color=color, linewidth=width, label=name)
gone = int(ways["divided again"][:, 1].isnan().float().argmax())
ax.axvline(gone, color="0.3", linewidth=1)
ax.text(gone + 1, 0.3, "0 / 0\nfrom here", fontsize=9)
ax.set(
    xlabel="hidden score minus largest visible score", ylabel="weight of 나는", ylim=(-0.03, 1.1)
)
_ = ax.legend(loc="center")

# %% [markdown]
# *Figure: the visible weight of 나는, which should be .8, against how far the hidden score lies
# above it, from 0 to 120. With −∞ before the softmax it is .8 throughout. With 0 after the softmax
# it is .44 at the left and falls to 0 within ten. Divided again it is .8 nearly to the right end,
# leaves it there, and stops where it becomes 0 / 0, marked by a vertical line.*

# %%
good, divided = ways["−∞ before"], ways["divided again"]
print(f"0 / 0 from a gap of {gone} on; half precision:")
half = three_ways(torch.tensor([5.0, 20]), torch.float16)["divided again"]
print(half)

torch.testing.assert_close(divided[:81], good[:81], rtol=0, atol=1e-5)  # gaps up to 80: equal
assert 87 <= gone <= 105
assert abs(math.log(torch.finfo(torch.float32).smallest_normal) + 87) < 1  # fewer digits below
assert abs(-149 * math.log(2) + 103) < 1  # the smallest float32 is 2^−149,
assert abs(-24 * math.log(2) + 17) < 1  # the smallest float16 is 2^−24
assert divided[gone:].isnan().all()
assert (half[0] - good[0]).abs().max() < 0.01
assert half[1].isnan().all()
torch.testing.assert_close(ways["0 after"][0, 1], torch.tensor(4 / 9))
assert ways["0 after"][10, 1] < 0.001

# %% [markdown]
# So dividing again is right until the visible weights underflow: equal up to a gap of 80, broken
# somewhere between 87 and 105, depending on the processor. In half precision it breaks before 20.
# −∞ never does: the hidden score is gone before anything is computed from it. The claim, for scores
# drawn at random:


# %%
def moved(seed, fill_before):
    """Largest change of a visible weight when the hidden scores rise by 3; 3 of 6 are hidden."""
    row = 2 * torch.randn(6, generator=torch.Generator().manual_seed(seed))  # (n_k,)
    shown = []
    for rise in (0, 3):
        raised = torch.cat([row[:3], row[3:] + rise])
        if fill_before:
            raised[3:] = -math.inf
        shown.append(raised.softmax(dim=0)[:3])
    return (shown[1] - shown[0]).abs().max().item()


claim(
    "Behind −∞, hidden scores have no say in the visible weights",
    figure="largest change of a visible weight when the hidden scores rise by 3",
    values=[moved(seed, fill_before=True) for seed in range(5)],
    below=1e-6,
    without="with 0 after the softmax",
    broken=[moved(seed, fill_before=False) for seed in range(5)],
)

# %% [markdown]
# **Claim.** On five random rows, raising the hidden scores by 3 changes no visible weight by 1e-6
# if they are filled with −∞ before the softmax; with 0 after the softmax it does.
#
# ### 0 before the softmax
#
# And why −∞, why not a score of 0, say by multiplying scores by the mask?
#
# **Predict** the weights of 나는 (visible 1 and 4) if the hidden *score* is 0. And if the visible
# exponentials are 1/8 and 1/2?
#
# <details><summary>Answer</summary>
#
# A score of 0 is not "nothing": e^0 = 1. The weights are 1/6, 4/6 and, for the hidden word, 1/6.
# With 1/8 and 1/2 the total is 1.625, and the hidden word gets 1 / 1.625 = .62, more than both
# visible ones together.
#
# </details>

# %%
for visible in ([1.0, 4], [0.125, 0.5]):
    row = torch.cat([torch.tensor(visible).log(), torch.zeros(1)])  # the hidden score is 0
    print(visible, "→", [round(w, 2) for w in row.softmax(dim=0).tolist()])

torch.testing.assert_close(row.softmax(dim=0)[2], torch.tensor(1 / 1.625))
assert row.softmax(dim=0)[2] > row.softmax(dim=0)[:2].sum()

# %% [markdown]
# ### A row that may see nothing
#
# Section 5 will meet queries from which everything is hidden. **Predict** the softmax of
# (−∞, −∞, −∞).
#
# <details><summary>Answer</summary>
#
# Every exponential is 0, and so is their sum: 0 / 0, not a number. (torch subtracts the largest
# score first, which makes it −∞ + ∞, and that is no number either.)
#
# </details>

# %%
sees_nothing = torch.tensor([[False, False, False], [True, True, False], [True, True, True]])
sees_itself = torch.tensor([[True, False, False], [True, True, False], [True, True, True]])
torch.manual_seed(0)
x = torch.randn(1, 3, 8)  # (b, n, d_model)
layer = nn.MultiheadAttention(8, 2, batch_first=True)
with_weights, maps = layer(x, x, x, attn_mask=~sees_nothing)  # True hides here: section 4
function = F.scaled_dot_product_attention(x, x, x, attn_mask=sees_nothing)
print("softmax:", torch.full((3,), -math.inf).softmax(dim=0))
print("nn.MultiheadAttention, out of row 0:  ", with_weights[0, 0, :3].tolist())
print("F.scaled_dot_product_attention, row 0:", function[0, 0, :3].tolist())
training, _ = layer(x, x, x, attn_mask=~sees_nothing, need_weights=False)
layer.eval()
with torch.no_grad():
    evaluated, _ = layer(x, x, x, attn_mask=~sees_nothing, need_weights=False)
print("the module without weights, training:", training[0, 0, :3].tolist())
print("the same, eval and no_grad:          ", evaluated[0, 0, :3].tolist())

assert with_weights[0, 0].isnan().all()
assert maps[0, 0].isnan().all()
assert (function[0, 0] == 0).all()
assert (training[0, 0] == 0).all()
assert evaluated[0, 0].isnan().all()
assert with_weights[0, 1:].isfinite().all()

# %% [markdown]
# torch's function answers 0. Its module answers NaN, or 0 if it need not return weights and is in
# training, because it then calls the function. That is two conventions in one library, and another
# version may have others. **In this course a row that may see nothing has weights of exactly 0 and
# an output of 0.** You will build it so.
#
# Does one NaN matter, in a row that nobody reads? Let the loss be made of the other two rows only.
# **Predict** which gradients become NaN.
#
# <details><summary>Answer</summary>
#
# Nearly all. The loss sends a gradient of 0 to the row of NaN, and 0 · NaN = NaN. It is added up in
# the gradient of every matrix, because all rows share them. Only the last bias is safe: its
# gradient is a plain sum of what comes in from above, which has no NaN yet.
#
# </details>


# %%
def share_of_nan(mask, seed):
    """The share of NaN among the gradients of a layer, for a loss that ignores row 0."""
    torch.manual_seed(seed)
    layer, x = nn.MultiheadAttention(8, 2, batch_first=True), torch.randn(1, 3, 8)
    out, _ = layer(x, x, x, attn_mask=~mask)  # (b, n, d_model)
    out[0, 1:].square().sum().backward()  # rows 1 and 2 only
    gradients = torch.cat([parameter.grad.flatten() for parameter in layer.parameters()])
    return gradients.isnan().float().mean().item()


claim(
    "One row that may see nothing spoils the gradients of the layer, though no loss reads it",
    figure="share of NaN among the gradients",
    values=[share_of_nan(sees_nothing, seed) for seed in range(3)],
    above=0.9,
    without="where row 0 may see itself",
    broken=[share_of_nan(sees_itself, seed) for seed in range(3)],
)

# %% [markdown]
# **Claim.** On three seeds, more than 90 % of the gradients of `nn.MultiheadAttention` are NaN
# after one pass with one empty row that the loss does not read. One step of the optimizer, and the
# model is gone.
#
# **What it does not show.** That this happens on every path through torch: where the module
# answered 0 above, the gradients may be fine as well. Do not rely on it.
#
# ## 4 · What does True mean?
#
# Libraries do not agree, not even torch with itself:
#
# | where | a boolean True means | a mask of floats |
# | --- | --- | --- |
# | this course; `F.scaled_dot_product_attention` | may attend | added to the scores |
# | `attn_mask` of `nn.MultiheadAttention` | may **not** attend | added to the scores |
# | `key_padding_mask` of `nn.MultiheadAttention` | is padding: may **not** be attended | added |
#
# A mask of floats, 0 where visible and −∞ where hidden, means the same everywhere: it is simply
# added. `nn.Transformer.generate_square_subsequent_mask(n)` makes the causal one.
#
# Six ways to say the same, with a module whose matrices are all the unit matrix, so that it does
# what the function does:

# %%
plain = nn.MultiheadAttention(4, 1, bias=False, batch_first=True)
unit = torch.eye(4)
plain.load_state_dict({"in_proj_weight": torch.vstack([unit] * 3), "out_proj.weight": unit})
added = nn.Transformer.generate_square_subsequent_mask(3)  # (n, n) floats
x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))  # (b, n, d_model)
said = {
    "function, is_causal": F.scaled_dot_product_attention(x, x, x, is_causal=True),
    "function, True = may": F.scaled_dot_product_attention(x, x, x, attn_mask=may_attend),
    "function, floats": F.scaled_dot_product_attention(x, x, x, attn_mask=added),
    "module, True = may not": plain(x, x, x, attn_mask=~may_attend)[0],
    "module, floats": plain(x, x, x, attn_mask=added)[0],
    "module, floats and hint": plain(x, x, x, attn_mask=added, is_causal=True)[0],
}
print(added)
for name, result in said.items():
    difference = (result - said["function, True = may"]).abs().max().item()
    print(f"{name:24s} differs by {difference:.1e}")
    assert difference < 1e-5

# %% [markdown]
# For the module `is_causal` is a hint only: it wants the mask as well.
#
# **Predict.** You hand the causal mask of this course to `nn.MultiheadAttention` as it is. What
# does each of the three queries see? And if you hand it "True = real word" as `key_padding_mask`?
#
# <details><summary>Answer</summary>
#
# Each query sees just the future: SOS sees 나는 and 집에, 나는 sees 집에, and 집에 sees nothing:
# NaN. The NaN is good luck, since it tells. The padding mask gives no such sign: every query looks
# at padding alone, with weights that sum to 1.
#
# </details>

# %%
_, upside_down = plain(x[:1], x[:1], x[:1], attn_mask=may_attend)
print("the causal mask as it is:\n", upside_down[0].detach())
real = torch.tensor([[True, True, False]])  # (b, n): the third is padding
_, only_padding = plain(x[:1], x[:1], x[:1], key_padding_mask=real)
print("the padding mask as it is:\n", only_padding[0].detach())

assert (upside_down[0, 0, 0] == 0) & (upside_down[0, 1, 2] == 1)  # nothing but the future
assert upside_down[0, 2].isnan().all()
assert (only_padding[0] == torch.tensor([0.0, 0, 1])).all()

# %% [markdown]
# ## 5 · Padding and the future together
#
# Sentences of a batch differ in length, and a tensor does not. So the short ones are filled up with
# a token PAD, which nobody may attend. A key is visible if it is **not in the future and not
# padding**: the two masks are joined by a logical *and*.
#
# The padding may stand at the right or at the left. The second sentence, 가라 ("go!"), has two
# tokens and two PAD. **Predict**, for both sides: which rows change when the padding mask joins the
# causal one? Does any row end up empty?
#
# <details><summary>Answer</summary>
#
# At the right, padding is in the future of every word: the causal mask hides it already, and only
# rows of PAD itself change, which nobody reads. At the left it is in the past of every word: the
# padding mask is needed, and the rows of PAD end up empty.
#
# </details>

# %%
long = ["SOS", "나는", "집에", "간다"]
short = {"right": ["SOS", "가라", "PAD", "PAD"], "left": ["PAD", "PAD", "SOS", "가라"]}


def row_of(query, tokens, causal=True, padding=True):
    """What one query may see: a list with True or False for each of the tokens."""
    row = []
    for key, token in enumerate(tokens):
        hidden_by_time = causal and key > query
        hidden_as_padding = padding and token == "PAD"
        row.append(not hidden_by_time and not hidden_as_padding)
    return row


def rows_of(tokens, **which):
    """The rows of all queries, (n, n)."""
    return torch.tensor([row_of(query, tokens, **which) for query in range(len(tokens))])


kinds = {"causal": {"padding": False}, "padding": {"causal": False}, "both": {}}
axes = iter(panels(2, 3, 2.9, 2.7))
for side, tokens in short.items():
    for kind, which in kinds.items():
        shown = rows_of(tokens, **which).float()
        matrix(next(axes), shown, tokens, tokens, title=f"{kind}, padded {side}")

# %% [markdown]
# *Figure: six masks of four by four. Upper row, SOS 가라 PAD PAD: causal, padding, and both. With
# both, the first row is 1 0 0 0 and all others 1 1 0 0; the rows of SOS and 가라 are as under the
# causal mask. Lower row, PAD PAD SOS 가라: with both, the rows of PAD are 0 throughout, SOS sees
# itself alone, 가라 sees SOS and itself.*

# %%
both = {side: rows_of(tokens) for side, tokens in short.items()}  # (n, n) each
causal = {side: rows_of(tokens, padding=False) for side, tokens in short.items()}
assert (both["right"][:2] == causal["right"][:2]).all()  # the real rows do not change
assert not (both["left"][2:] == causal["left"][2:]).all()
assert not both["left"][:2].any()  # empty rows
assert both["right"].any(dim=1).all()  # no empty row

batch = torch.stack([rows_of(long), both["right"]])  # (b, n, n)
is_padding = torch.tensor([[token == "PAD" for token in row] for row in (long, short["right"])])
x = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(0))  # (b, n, d_model)
by_function = F.scaled_dot_product_attention(x, x, x, attn_mask=batch)
by_module, _ = plain(x, x, x, attn_mask=~causal["right"], key_padding_mask=is_padding)
print("function and module differ by", (by_function - by_module).abs().max().item())

assert (by_function - by_module).abs().max() < 1e-5

# %% [markdown]
# The function takes one mask for all; the module takes the causal one, (n, n), and the padding,
# (b, n), apart, and joins them. With heads the scores are (b, n_heads, n, n), and a mask that
# differs by sentence needs an axis of size 1 in the place of the heads.
#
# ### Experiment: does the padding reach the words?
#
# Put other random vectors into the places of PAD. Do the outputs of the real words change?


# %%
def reached(side, padding, seed):
    """Largest change of a real word's output when the vectors of PAD are others."""
    tokens = short[side]
    g = torch.Generator().manual_seed(seed)
    x, others = torch.randn(2, 4, 8, generator=g)  # (n, d_model) each
    is_real = torch.tensor([token != "PAD" for token in tokens])  # (n,)
    changed = torch.where(is_real[:, None], x, others)
    mask = rows_of(tokens, padding=padding)
    before, after = (
        F.scaled_dot_product_attention(each, each, each, attn_mask=mask) for each in (x, changed)
    )
    return (after - before)[is_real].abs().max().item()


claim(
    "Behind both masks, what padding at the left holds does not reach the words",
    figure="largest change of a real word's output",
    values=[reached("left", True, seed) for seed in range(5)],
    below=1e-6,
    without="with the causal mask alone",
    broken=[reached("left", False, seed) for seed in range(5)],
)
assert all(reached("right", False, seed) < 1e-6 for seed in range(5))

# %% [markdown]
# **Claim.** On five seeds, padding at the left changes no word's output by 1e-6 behind both masks,
# and does behind the causal mask alone. On the same seeds, padding at the right reaches no word
# behind the causal mask alone.
#
# **What it does not show.** That padding at the right needs no care. An encoder has no causal mask,
# and there the padding mask is all there is. The loss must skip what is asked for at PAD. And at
# the left the words stand at other positions, so that positions must be counted from the first real
# token. Decoders are commonly trained with padding at the right; to *write* from beginnings of
# different lengths, the left is handy, because all next words then stand in the same column.
#
# Choose a mask, a side and a query, and see what is left to share out. The scores are random, and
# always the same.


# %%
def look(mask, side, query):
    """The mask with one row marked, and the weights of that query."""
    tokens = short[side]
    shown = rows_of(tokens, causal=mask in ("causal", "both"), padding=mask in ("padding", "both"))
    g = torch.Generator().manual_seed(3)
    scores, unit = torch.randn(4, 4, generator=g), torch.eye(4)  # (n_q, n_k)
    weights = F.scaled_dot_product_attention(scores, unit, unit, attn_mask=shown, scale=1.0)
    left, right = panels(1, 2, 3.4, 3.0)
    matrix(left, shown.float(), tokens, tokens, title=f"mask: {mask}")
    left.add_patch(Rectangle((-0.48, query - 0.48), 3.96, 0.96, fill=False, ec=ORANGE, lw=3))
    bars = right.bar(range(4), weights[query], color=BLUE)
    right.bar_label(bars, [f"{w:.2f}" if w else "0" for w in weights[query].tolist()])
    right.set_xticks(range(4), tokens)
    title = f"query {query}, {tokens[query]}: sum {weights[query].sum():.2f}"
    right.set(ylim=(0, 1.1), xlabel="key $j$", ylabel="weight", title=title)


look("both", "left", 3)

# %% [markdown]
# *Figure: left, the mask of PAD PAD SOS 가라 for causal and padding together, with the last row
# marked; right, the weights of the query 가라 as bars: two positive ones on SOS and 가라, 0 on both
# PAD, with a sum of 1.*

# %%
Knobs(
    look,
    mask=Dropdown(options=["none", "causal", "padding", "both"], value="both", description="mask"),
    side=Dropdown(options=["right", "left"], value="left", description="padded"),
    query=SelectionSlider(options=range(4), value=3, description="query"),
)

# %% [markdown]
# ## 6 · Experiment: all at once is one after the other
#
# Why may we ask at all places in one pass? Because, behind a causal mask, what a place gives does
# not depend on what comes later: for the beginning of a sentence the model answers the same,
# whether the rest has been fed or not.
#
# From here on we use a small model that writes dates, character by character: "Feb 3, 1962",
# "3. Februar 1962", "1962년 2월 3일" (`course/writer.py`). It is an embedding, one attention, and a
# feed-forward layer. We hand it torch's attention and learnt positions, one vector for each place.


# %%
class BuiltIn(nn.Module):
    """torch's attention, called in the way of this course: True means "may attend"."""

    def __init__(self):
        super().__init__()
        self.layer = nn.MultiheadAttention(D_MODEL, N_HEADS, batch_first=True)

    def forward(self, query, key, value, mask):
        """(b, n, d_model), three times, and (n, n) -> (b, n, d_model), (b, n_heads, n, n)."""
        return self.layer(query, key, value, attn_mask=~mask, average_attn_weights=False)


class LearntPositions(nn.Module):
    """A vector for each place, found by training."""

    def __init__(self):
        super().__init__()
        self.vectors = nn.Embedding(LENGTH, D_MODEL)

    def forward(self, x):
        """(b, n, d_model) -> the same, each place with its vector added."""
        return x + self.vectors.weight[: x.shape[1]]


# %%
honest = nn.Transformer.generate_square_subsequent_mask(LENGTH) == 0  # (n, n), True = may
masks = {
    "honest": honest,
    "no mask": torch.ones(LENGTH, LENGTH, dtype=torch.bool),
    "one too far": torch.cat([honest[1:], honest[-1:]]),  # each row sees what the next may see
}

# %% [markdown]
# **Predict.** "1962년 2월 3일" has 11 characters, and the model must also say that it ends: 12
# questions. How many tokens does the model read if we ask them one after the other, each with its
# own beginning? And if we ask all at once?
#
# <details><summary>Answer</summary>
#
# One after the other it reads 1 + 2 + … + 12 = 78 tokens in 12 passes. At once it reads 12, in one
# pass, and every one of them is asked something.
#
# </details>

# %%
date = "1962년 2월 3일"


def one_by_one(mask_name, seed):
    """Losses of all questions of the date, (n,): at once and each alone; and tokens read."""
    torch.manual_seed(seed)
    model = Writer(BuiltIn(), masks[mask_name], LearntPositions())  # not trained
    tokens = model.encode([BEGIN + date])[:, : len(date) + 2]  # with one end
    fed, asked = tokens[:, :-1], tokens[:, 1:]  # (1, n) each
    with torch.no_grad():
        at_once = F.cross_entropy(model(fed)[0], asked[0], reduction="none")  # (n,)
        alone = []
        for place in range(fed.shape[1]):
            logits = model(fed[:, : place + 1])[0, -1]  # (vocab,): of the last place only
            alone.append(F.cross_entropy(logits, asked[0, place]))
    return at_once, torch.stack(alone), sum(range(1, fed.shape[1] + 1))


at_once, alone, n_read = one_by_one("honest", seed=0)
print(f"{len(at_once)} questions; tokens read: {len(at_once)} at once, {n_read} one by one")
print(f"mean loss at once {at_once.mean():.6f}, mean of the losses {alone.mean():.6f}")

assert (len(date), len(at_once), n_read) == (11, 12, 78)
torch.testing.assert_close(at_once.mean(), alone.mean(), rtol=0, atol=1e-5)


# %%
def largest_gap(mask_name, seed):
    """How far the two ways of asking lie apart, at most."""
    at_once, alone, _ = one_by_one(mask_name, seed)
    return (at_once - alone).abs().max().item()


claim(
    "Behind a causal mask, asking all at once is asking one after the other",
    figure="largest difference of a loss (nats)",
    values=[largest_gap("honest", seed) for seed in range(3)],
    below=1e-4,
    without="without a mask",
    broken=[largest_gap("no mask", seed) for seed in range(3)],
)

# %% [markdown]
# **Claim.** On three seeds, each of the 12 losses is the same to 1e-4, asked at once or alone, and
# so is their mean; without a mask they differ. One pass gives n questions' worth of signal.
#
# **What it does not show.** That training becomes n times faster: the work of one pass grows with n
# as well. What is saved is reading the same beginning again and again.
#
# The same property pays once more when the model *writes*: the keys and values of what is written
# do not change when the text grows, and can be kept. Without a causal mask every new token would
# change the keys and values of all places before it, from the second layer on.
#
# ## 7 · Experiment: a leak found by one derivative
#
# If a model leaks, nothing crashes. But a leak means: *some output depends on a later input*. And
# dependence can be asked for. At 나는 (place 1) the model is asked for 집에, which is fed at place
# 2. So we nudge the vector of place 2 and see whether the first number of output 1 moves.
#
# **Predict** for which of these the derivative is exactly 0: −∞ before the softmax; 0 after it; 0
# after it and divided again; no mask.
#
# <details><summary>Answer</summary>
#
# For −∞ before. For 0 after, it is not: the denominator knows 집에. Divided again it is 0 on paper;
# in floating point the two large parts need not cancel to the last digit, and what is left is a
# rounding error. Without a mask it is far from 0.
#
# </details>


# %%
def attention_of_kind(kind, seed):
    """A function (n, d) -> (n, d), n = 3, with random matrices and the hidden places by hand."""
    matrices = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(100 + seed)) / 2

    def attend(x):
        q, k, v = (x @ m for m in matrices)  # (n, d) each
        if kind == "−∞ before":
            return F.scaled_dot_product_attention(q, k, v, attn_mask=may_attend)
        weights = F.scaled_dot_product_attention(q, k, torch.eye(3))  # nothing hidden
        if kind == "no mask":
            return weights @ v
        kept = weights * torch.tensor([[1.0, 0, 0], [1, 1, 0], [1, 1, 1]])
        if kind == "divided again":
            kept = kept / kept.sum(dim=1, keepdim=True)
        return kept @ v

    return attend


# %%
def felt(attend, i, j, seed):
    """How strongly the first number of output i feels a nudge of input j: a length, ≥ 0."""
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(seed)).requires_grad_()
    [slope] = torch.autograd.grad(attend(x)[i, 0], x)  # (n, d): by every input
    return slope[j].norm().item()


KINDS = ("−∞ before", "0 after", "divided again", "no mask")
for kind in KINDS:
    slopes = [felt(attention_of_kind(kind, seed), 1, 2, seed) for seed in range(5)]
    print(f"{kind:14s}", [f"{slope:.0e}" for slope in slopes])

# %%
for ax, kind in zip(panels(1, 3, 3.2, 3.0), ("−∞ before", "0 after", "no mask"), strict=True):
    attend = attention_of_kind(kind, seed=0)
    sizes = torch.tensor([[felt(attend, i, j, seed=0) for j in range(3)] for i in range(3)])
    matrix(ax, sizes / sizes.max(), fed, fed, rows="output $i$", columns="input $j$", title=kind)

# %% [markdown]
# *Figure: how much the first number of each output feels each input, divided by the largest, for
# SOS 나는 집에, one seed. With −∞ before the softmax there are exact zeros above the diagonal. With
# 0 after the softmax, and without a mask, there are none: the first two outputs feel 집에.*

# %%
slopes = {
    kind: [felt(attention_of_kind(kind, seed), 1, 2, seed) for seed in range(5)] for kind in KINDS
}
claim(
    "Behind −∞ the output of 나는 does not feel 집에",
    figure="size of the derivative of output 1 by input 2",
    values=slopes["−∞ before"],
    below=1e-12,
    without="with 0 after the softmax",
    broken=slopes["0 after"],
)
assert slopes["−∞ before"] == [0.0] * 5  # exactly
assert min(slopes["no mask"]) > 1e-3
assert min(slopes["0 after"]) > 1e-3
assert max(slopes["divided again"]) < 1e-5  # rounding

# %% [markdown]
# **Claim.** On five seeds, the derivative is exactly 0 with −∞ before the softmax; with 0 after it,
# and without a mask, it is above 1e-3. Divided again it is below 1e-5, the size of rounding errors.
#
# **What it does not show.** We looked at one output, one number of it, one input, at one random
# point. A leak elsewhere would have been missed. To look everywhere, and to say yes or no, is your
# task in the assignment.
#
# ## 8 · Experiment: what a leak does
#
# Now we train writers of dates behind three masks: the honest one; none; and one that lets each
# character see *one* too far, a slip of a single index. All else is equal. We ask as in training
# (teacher forcing), on 500 **held-out** dates, and then let each model write by itself.
#
# **Predict** for the two that leak: the loss in training; the accuracy on held-out dates; what they
# write.
#
# <details><summary>Answer</summary>
#
# The character asked for at place i is fed at place i + 1. With positions the model can learn to
# look there and copy. Loss near 0, accuracy near 1, on held-out dates as well: the answer stands in
# *their* input too. When the model writes, there is nothing to copy.
#
# </details>
#
# How good could an honest model be? The day is drawn from 36,525 at random, and the text names it;
# nobody can guess it. On average a date costs at least ln 36,525 = 10.5 nats (1 nat: −log p with
# the natural logarithm), whatever the model. **A loss below that is not skill.**

# %%
n_days = (LAST - FIRST).days + 1
least = math.log(n_days)
print(f"{n_days} days, ln = {least:.2f} nats")
STEPS, SEEDS = 200, range(3)

assert (n_days, round(least, 1)) == (36525, 10.5)


def ask(model, tokens):
    """Ask at all places of tokens (b, n + 1). Returns, each (b, n): nats, hits, and what counts."""
    fed, asked = tokens[:, :-1], tokens[:, 1:]
    logits = model(fed)  # (b, n, vocab)
    nats = F.cross_entropy(logits.transpose(1, 2), asked, reduction="none")
    return nats, logits.argmax(dim=-1) == asked, fed != model.alphabet.index(END)


# %%
def train(mask_name, seed):
    """A trained writer, and its nats per date at every step."""
    torch.manual_seed(seed)
    model = Writer(BuiltIn(), masks[mask_name], LearntPositions())
    dates = model.encode([BEGIN + text for text in written_dates(4000, seed=0)])  # (4000, LENGTH)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    history = []
    for _ in range(STEPS):
        nats, _, counts = ask(model, dates[torch.randint(len(dates), (64,))])
        optimizer.zero_grad()
        nats[counts].mean().backward()  # after the end nothing is asked
        optimizer.step()
        history.append(nats.detach()[counts].sum().item() / 64)
    return model, history


runs = {name: [train(name, seed) for seed in SEEDS] for name in masks}

# %%
[ax] = panels(1, 1, 6.2, 3.6)
steps = torch.arange(5, STEPS, 10).tolist()
for (name, results), color, marker in zip(
    runs.items(), (BLUE, ORANGE, PURPLE), ("o", "s", "^"), strict=True
):
    curves = torch.tensor([history for _, history in results])  # (seeds, STEPS)
    curves = curves.unflatten(1, (-1, 10)).mean(dim=2)  # means of ten steps
    spread(ax, steps, curves, label=name, color=color, marker=marker)
    assert name == "honest" or ((curves[:, 9:] < least).all() and (curves[:, -1] < 0.2).all())
ax.axhline(least, color="black", linestyle="--", label="least for an honest model")
ax.set(yscale="log", xlabel="step", ylabel="training loss (nats per date)")
_ = ax.legend(loc="lower left")

# %% [markdown]
# *Figure: training loss in nats per date on a logarithmic scale over 200 steps, three seeds each.
# The honest writer falls from about 60 and flattens above the dashed line at 10.5. The writers with
# no mask and with a mask one too far cross that line within the first 100 steps and go on down,
# below 0.2.*

# %%
held_out = runs["honest"][0][0].encode([BEGIN + text for text in written_dates(500, seed=1)])
losses, accuracies = {}, {}
for name, results in runs.items():
    with torch.no_grad():
        answers = [ask(model, held_out) for model, _ in results]
    losses[name] = [nats[counts].sum().item() / 500 for nats, _, counts in answers]
    accuracies[name] = [hits[counts].float().mean().item() for _, hits, counts in answers]
    print(f"{name:12s} nats per date", [f"{loss:.2f}" for loss in losses[name]], end="  ")
    print("accuracy", [f"{accuracy:.4f}" for accuracy in accuracies[name]])

# %% [markdown]
# By these figures the leaking models are all but perfect, on dates they have never seen. Where do
# they look? The maps of one of them show it:

# %%
text = "3. Februar 1962"
peeking = runs["one too far"][0][0]
maps = peeking.attention_of(text)  # (n_heads, n, n)
head_maps(maps, ["⊢", *text])
on_next = maps.diagonal(offset=1, dim1=1, dim2=2).mean(dim=1)  # (n_heads,)
print("mean weight on the next place, head by head:", [f"{w:.2f}" for w in on_next.tolist()])

assert on_next.max() > 0.5

# %% [markdown]
# *Figure: the maps of the four heads of a writer whose mask lets it see one too far, seed 0, for
# "3. Februar 1962". The brightest cells lie one to the right of the diagonal: the character to be
# guessed. In the last row there is no next place, and the weights are scattered.*
#
# Look at the last row. It is the only one that is used when a model writes, and the only one in
# which the answer is missing.
#
# Now let them write, 50 texts each. A text counts if it is the date of some day in one of the 15
# forms, to the letter.

# %%
shares = {}
for name, results in runs.items():
    texts = [[model.write(number) for number in range(50)] for model, _ in results]
    shares[name] = [sum(map(is_a_date, written)) / 50 for written in texts]
    print(f"{name:12s} share of dates {shares[name]}; for example")
    print(*(f"    {written}" for written in texts[0][:4]), sep="\n")

assert all(map(is_a_date, written_dates(200, seed=2)))

# %%
leaky = [name for name in masks if name != "honest"]
for name in leaky:
    claim(
        f"The loss of a writer that leaks ({name}) is too good to be true",
        figure="nats per held-out date",
        values=losses[name],
        below=least / 10,
        without="behind the honest mask",
        broken=losses["honest"],
    )
    claim(
        f"Held-out accuracy, measured as in training, is near 1 ({name})",
        figure="share of characters right",
        values=accuracies[name],
        above=0.99,
        without="behind the honest mask",
        broken=accuracies["honest"],
    )
    claim(
        f"What it writes is useless ({name})",
        figure="share of 50 texts that are dates",
        values=shares[name],
        below=0.03,
        without="behind the honest mask",
        broken=shares["honest"],
    )
assert min(losses["honest"]) > least
assert min(shares["honest"]) > 0.1

# %% [markdown]
# **Claim.** On three seeds, the two that leak have losses below a tenth of ln 36,525, and
# more than 99 % of the characters of held-out dates right; of what they write less than 3 % are
# dates. The honest writer stays above ln 36,525, has fewer characters right, and more than 10 % of
# its texts are dates, to the letter. The models with the best figures write nothing of use.
#
# The honest one is no good writer yet, after so little training with one layer. What matters here
# is the comparison.
#
# Is it only that it never saw a short text in training? Give it one of full length, the begin and
# then ends, as the training batches were filled:

# %%
for name in leaky:
    first = []
    for model, _ in runs[name]:
        with torch.no_grad():
            chances = model(model.encode([BEGIN]))[0, 0].softmax(dim=-1)  # (vocab,)
        first.append(chances[model.alphabet.index(END)].item())
    print(f"{name:12s} chance of an end as the first character:", [f"{p:.3f}" for p in first])
    assert min(first) > 0.9

# %% [markdown]
# It copies the end from the next place, and writes nothing at all.
#
# **What it does not show.** That every leak is so loud. Here the whole answer stands in the input,
# and a loss below the possible gives it away. A leak that tells a part of the answer (0 after the
# softmax, or a normalisation over the whole sentence) may make the figures only somewhat better
# than they should be, and the least possible loss of other text is unknown. Then a derivative, or
# writing freely, is what you have.
#
# ## 9 · The paper and the tools
#
# "Attention Is All You Need", section 3.2.3, third point: "We need to prevent leftward information
# flow in the decoder to preserve the auto-regressive property. We implement this inside of scaled
# dot-product attention by masking out (setting to −∞) all values in the input of the softmax which
# correspond to illegal connections." The shift of what is fed stands in section 3.1: "the output
# embeddings are offset by one position". Both are needed: the causal mask lets each place see
# itself.
#
# | where | the future | padding |
# | --- | --- | --- |
# | torch `F.scaled_dot_product_attention` | `is_causal`, or True = may | in the same mask |
# | torch `nn.MultiheadAttention` | `attn_mask`, True = may not | `key_padding_mask`, True = PAD |
# | fairseq | `buffered_future_mask`, 0 and −∞, added | `encoder_padding_mask`, True = padding |
# | Hugging Face | inside the model | `attention_mask`, 1 = real |
# | OpenNMT-py | `dec_mask`, True = may not | joined with it; `src_pad_mask`, True = padding |
#
# | where | who shifts |
# | --- | --- |
# | torch | you |
# | fairseq | the batches: `prev_output_tokens`, begun by default with the *end* token |
# | Hugging Face GPT-2 | the model: hand it `labels` equal to the inputs |
# | Hugging Face BART | the model: `shift_tokens_right(labels)`, unless given `decoder_input_ids` |
# | OpenNMT-py | the model: the decoder is fed all of the target but its last token |
#
# Who shifts labels for a model that shifts them itself asks for the word after next. Who never
# shifts asks for the word that is fed. The parity checks of torch's masks stand in sections 4
# and 5.
#
# ## 10 · Check yourself
#
# **1.** How many pairs of query and key are visible in a causal mask of n = 4? Of n = 1,000? What
# share of the whole?
#
# <details><summary>Answer</summary>
#
# 1 + 2 + 3 + 4 = 10 of 16. In general n (n + 1) / 2: 500,500 of a million. For large n it is half.
#
# </details>
#
# **2.** When a model writes, it computes the query of the newest place only, against the keys of
# all places so far: n_q = 1, n_k = n. Does it need a causal mask? What if somebody says
# `is_causal=True` all the same?
#
# <details><summary>Answer</summary>
#
# No mask is needed: nothing later exists. torch takes `is_causal` to mean that query number 0 may
# see key number 0 alone: the newest place would see only the first. No error, a wrong answer.
#
# </details>
#
# **3.** Somebody forgets the shift: the model is fed 나는 집에 간다 and asked for 나는 집에 간다,
# behind a flawless causal mask. What does it learn?
#
# <details><summary>Answer</summary>
#
# To copy: each place may attend itself, and there stands the answer. The mask hides the future, and
# without the shift the answer is not in the future. Section 7's test would not accuse it.
#
# </details>

# %%
assert rows_of(["a"] * 4).sum() == 10
assert sum(query + 1 for query in range(1000)) == 500_500

g = torch.Generator().manual_seed(0)
q, k, v = torch.randn(3, 5, 4, generator=g)  # (n, d) each
newest = F.scaled_dot_product_attention(q, k, v, is_causal=True)[-1:]  # (1, d)
alone = F.scaled_dot_product_attention(q[-1:], k, v)
trap = F.scaled_dot_product_attention(q[-1:], k, v, is_causal=True)
torch.testing.assert_close(alone, newest)
torch.testing.assert_close(trap, v[:1])  # only the first

unshifted = asked  # fed as it is asked for
assert all(asked[place] in unshifted[: place + 1] for place in range(3))

# %% [markdown]
# **The assignment.** [a3_masked](../assignments/a3_masked/a3_masked.ipynb): masks, the attention
# that obeys them, and the test for leaks, in general. Then
# [a4_positions](../assignments/a4_positions/a4_positions.ipynb), whose last cell puts positions to
# work with your masked attention.
#
# **Next.** [Lecture 08](08_the_block.ipynb): attention alone does not make a layer that trains.
# What stands around it, and why?
#
# ## 11 · Words
#
# | English | 한국어 |
# | --- | --- |
# | mask | 마스크 |
# | masked self-attention | 마스크드 셀프 어텐션 |
# | causal mask | 인과 마스크 |
# | padding | 패딩 |
# | teacher forcing | 교사 강요 |
# | decoder | 디코더 |
# | cross-attention | 크로스 어텐션 |
# | auto-regressive | 자기 회귀 |
# | leak (of the future) | (미래 정보의) 누출 |
# | held-out data | 학습에 쓰지 않은 데이터 |
# | infinity | 무한대 |
# | underflow | 언더플로 |
# | derivative | 도함수, 미분 |
