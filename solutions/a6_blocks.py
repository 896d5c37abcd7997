# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Assignment 6: blocks
#
# A Transformer is a pile of blocks. You will build what a block is made of, the normalisation and
# the feed-forward layer, and then three blocks whose parameters have the names of torch's, so that
# its weights fit into yours. At the end your blocks learn to sort the letters of a word.
#
# | | problem | minutes | difficulty | points |
# | --- | --- | --- | --- | --- |
# | 1 | `layer_norm` | 20 | 1 of 3 | 4 |
# | 2 | `normalise` | 35 | 2 of 3 | 7 |
# | 3 | `feed_forward` | 15 | 1 of 3 | 3 |
# | 4 | `EncoderBlock` | 45 | 3 of 3 | 6 |
# | 5 | `PreNormEncoderBlock` | 15 | 2 of 3 | 4 |
# | 6 | `DecoderBlock` | 40 | 3 of 3 | 7 |
# | 7 | what stands where, and why (in words) | 20 | 2 of 3 | 4 |
#
# About three hours in all. What you need is in lecture
# [08 The block](../../lectures/08_the_block.ipynb); masks are in lecture
# [07](../../lectures/07_masked_self_attention.ipynb).
#
# **How your work is checked.** As in assignment 1: write your answer in the place of the line that
# raises `NotImplementedError`, run the cell, then run the check cell below it. After opening or
# restarting the notebook, run the first code cell before anything else. The cases of a problem form
# groups, and a group is paid when all of its cases pass. If a check never ends, a loop in your
# answer does not: interrupt the kernel, and the check says at which line it was.
#
# **What holds for every problem.** A result has the dtype of the tensors that went in, and their
# precision; it can be differentiated in every float argument (of a module: in every parameter,
# too). No function changes its arguments. Problems 1 and 2 build normalisations, and call none of
# torch's (`layer_norm`, `LayerNorm`, `group_norm`, `BatchNorm1d`, `normalize` and the like; `mean`
# and `var` may be used). The blocks use `nn.LayerNorm`, and their attention may be
# `nn.MultiheadAttention`; torch's Transformer layers are what you build there, and may not be
# called.
#
# **Notation.** b samples, n positions, c channels or d features; d_model features between the
# blocks, d_ff within the feed-forward layer; n_heads heads, a number that divides d_model; `...`
# stands for any number of batch dimensions, also none. A mask is boolean, and **True means "may
# attend"**.

# %% role="setup"
import torch

from autograder import check

# %% [markdown]
# ## Problem 1: `layer_norm(x, gamma, beta, eps=1e-5)`
#
# *20 minutes · difficulty 1 of 3 · 4 points*
#
# Bring the d numbers of **each position by itself** to mean 0 and variance 1, then stretch each
# feature by its gain $\gamma$ and shift it by its $\beta$ (lecture 08, section 2):
#
# $$\mathrm{LN}(x) = \gamma \odot \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta$$
#
# The variance is the biased one: the mean of the squared distances from $\mu$, divided by d and not
# by d − 1. $\varepsilon$ stands inside the root.
#
# (The mean of the squares less the square of the mean is the same number on paper. In float32 it
# loses its digits where the numbers lie far from 0: take the distances first.)
#
# | | |
# | --- | --- |
# | `x` | (..., d) |
# | `gamma`, `beta` | (d,) each |
# | `eps` | float, above 0 |
# | result | the shape of `x` |
#
# **Worked example.** x = (0, 4, 4, 0) has mean 2 and variance 4, so that the normalised numbers are
# (−1, 1, 1, −1), up to ε. With $\gamma$ = (1, 2, 3, 4) and $\beta$ = (0, 0, 10, 0) the result is
# (−1, 2, 13, −4).

# %% [markdown] problem="layer_norm" role="help"


# %% problem="layer_norm" role="answer"
def layer_norm(x, gamma, beta, eps=1e-5):
    """Normalise each position over its features, then scale and shift each feature.

    x: (..., d). gamma, beta: (d,). eps: float, inside the root.
    Returns the shape of x.
    """
    ### BEGIN SOLUTION
    centred = x - x.mean(dim=-1, keepdim=True)
    variance = centred.square().mean(dim=-1, keepdim=True)  # (..., 1)
    return gamma * centred / (variance + eps).sqrt() + beta
    ### END SOLUTION


# %% problem="layer_norm" role="check"
check("layer_norm")

# %% [markdown]
# ## Problem 2: `normalise(x, kind, groups=None, eps=1e-5)`
#
# *35 minutes · difficulty 2 of 3 · 7 points*
#
# To normalise is to bring a set of numbers to mean 0 and variance 1. Four kinds differ in nothing
# but the sets. There is no gain and no shift here, and nothing is remembered from call to call.
#
# | `kind` | one set is |
# | --- | --- |
# | `"batch"` | one channel, of all samples and all positions |
# | `"instance"` | one channel of one sample, all positions |
# | `"group"` | one group of neighbouring channels of one sample, all positions |
# | `"layer"` | all channels of one sample at one position |
#
# For `"group"`, the c channels are cut, in their order, into `groups` groups of equal size.
#
# | | |
# | --- | --- |
# | `x` | (b, c, n): samples, channels, positions |
# | `kind` | str; a `ValueError` if it is none of the four |
# | `groups` | for `"group"` an int that divides c; the other kinds do not look at it |
# | `eps` | float, above 0, added to the biased variance inside the root |
# | result | (b, c, n) |
#
# **Worked example.** Two samples of two channels and two positions. Up to ε:
#
# | | sample 0 | sample 1 |
# | --- | --- | --- |
# | x | ((0, 0), (2, 6)) | ((4, 4), (2, 6)) |
# | `"batch"` | ((−1, −1), (−1, 1)) | ((1, 1), (−1, 1)) |
# | `"instance"` | ((0, 0), (−1, 1)) | ((0, 0), (−1, 1)) |
# | `"group"`, one group | ((−0.816, −0.816), (0, 1.633)) | ((0, 0), (−1.414, 1.414)) |
# | `"layer"` | ((−1, −1), (1, 1)) | ((1, −1), (−1, 1)) |
#
# By batch, for example, channel 0 is one set of the four numbers 0, 0, 4, 4, with mean 2 and
# variance 4.

# %% [markdown] problem="normalise" role="help"


# %% problem="normalise" role="answer"
def normalise(x, kind, groups=None, eps=1e-5):
    """Bring sets of numbers to mean 0 and variance 1; `kind` says which numbers form a set.

    x: (b, c, n). kind: "batch", "instance", "group" or "layer". groups: int, for "group" alone.
    Returns (b, c, n).
    """
    ### BEGIN SOLUTION
    axes = {"batch": (0, 2), "instance": (2,), "group": (2, 3), "layer": (1,)}
    if kind not in axes:
        raise ValueError(f"{kind!r} is none of {', '.join(axes)}")
    cut = x.unflatten(1, (groups, -1)) if kind == "group" else x  # (b, groups, c // groups, n)
    mean = cut.mean(dim=axes[kind], keepdim=True)
    variance = cut.var(dim=axes[kind], correction=0, keepdim=True)
    return ((cut - mean) / (variance + eps).sqrt()).reshape(x.shape)
    ### END SOLUTION


# %% problem="normalise" role="check"
check("normalise")

# %% [markdown]
# ## Problem 3: `feed_forward(x, w_1, b_1, w_2, b_2)`
#
# *15 minutes · difficulty 1 of 3 · 3 points*
#
# The other half of a block (paper, section 3.3): two matrices and a ReLU between them, for each
# position by itself. ReLU(z) = max(0, z).
#
# | | shape |
# | --- | --- |
# | `x` | (..., d_model) |
# | `w_1`, `b_1` | (d_model, d_ff), (d_ff,) |
# | `w_2`, `b_2` | (d_ff, d_model), (d_model,) |
# | result | (..., d_model) |
#
# **Worked example.** x = (1, 2), `w_1` = ((1, −1, 0), (0, 1, −1)), `b_1` = (0, 0, 1). The hidden
# numbers are (1, 1, −2) + (0, 0, 1) = (1, 1, −1), of which the ReLU leaves (1, 1, 0). With `w_2` =
# ((1, 0), (2, 1), (5, 5)) they become (3, 1), and with `b_2` = (−4, 1) the result is (−1, 2).

# %% [markdown] problem="feed_forward" role="help"


# %% problem="feed_forward" role="answer"
def feed_forward(x, w_1, b_1, w_2, b_2):
    """Two matrices with a ReLU between them, for each position by itself.

    x: (..., d_model). w_1: (d_model, d_ff). b_1: (d_ff,). w_2: (d_ff, d_model). b_2: (d_model,).
    Returns (..., d_model).
    """
    ### BEGIN SOLUTION
    hidden = torch.relu(x @ w_1 + b_1)  # (..., d_ff)
    return hidden @ w_2 + b_2
    ### END SOLUTION


# %% problem="feed_forward" role="check"
check("feed_forward")

# %% [markdown]
# ## Problem 4: `EncoderBlock(d_model, n_heads, d_ff, dropout=0.0)`
#
# *45 minutes · difficulty 3 of 3 · 6 points*
#
# The encoder's block in the order of the paper (section 3.1), post-norm:
#
# $$h = \mathrm{LN}_1\big(x + \mathrm{Attention}(x)\big), \qquad
#   y = \mathrm{LN}_2\big(h + \mathrm{FFN}(h)\big)$$
#
# | | |
# | --- | --- |
# | `d_model`, `n_heads`, `d_ff` | ints |
# | `dropout` | float: the probability with which a number is dropped |
# | attributes | `self_attn`, `linear1`, `linear2`, `norm1`, `norm2` |
# | `x` | (b, n, d_model) |
# | `visible` | None, or (b, n), boolean: True = a real token |
# | result | (b, n, d_model) |
#
# - **Parameters** have the names and shapes of `nn.TransformerEncoderLayer`'s, and there are no
#   others: `self_attn.in_proj_weight`, `self_attn.in_proj_bias`, `self_attn.out_proj.weight`,
#   `self_attn.out_proj.bias`, `linear1.weight`, … `norm2.bias`. With `nn.MultiheadAttention`,
#   `nn.Linear` and `nn.LayerNorm` under the names above they come by themselves. A layer under a
#   second attribute (`linear1` within an `nn.Sequential`, say) would have its parameters under two
#   names, and a state dict of torch's would not load. `norm1` follows the attention, `norm2` the
#   feed-forward layer; ε is 1e-5.
# - **`visible`** hides keys, and `forward(x, visible=None)` takes it under that name: nobody
#   may attend padding. Each sample has a real token, and padding stands at the end. What comes out
#   *at* padding is not looked at; what comes out at real tokens must not depend on it. Mind that
#   `nn.MultiheadAttention` takes True for "hidden".
# - **Dropout** acts in training only, on what each sub-layer says, before it is added to what flows
#   past; the sum itself is not dropped. What is left of what it says is divided by 1 − `dropout`,
#   as `nn.Dropout` does. Inside a sub-layer (on attention weights, on the hidden numbers) you may
#   drop as well, as torch's layer does, or not.
#
# **Worked example.** One token, d_model = 4, d_ff = 1. The attention's matrices are 0, and the bias
# of its last layer is (0, 0, 4, 0): that is all it ever says. `linear1` adds features 1 and 2, and
# `linear2` writes (1, −1, 0, 0) times what it gets. All other biases are 0, and all gains 1.
#
# | step | |
# | --- | --- |
# | x | (0, 4, 0, 0) |
# | x + attention | (0, 4, 4, 0) |
# | h, its norm | (−1, 1, 1, −1) |
# | hidden number of the feed-forward layer | 1 + 1 = 2 |
# | h + feed-forward | (−1, 1, 1, −1) + (2, −2, 0, 0) = (1, −1, 1, −1) |
# | y, its norm | (1, −1, 1, −1) |

# %% [markdown] problem="EncoderBlock" role="help"


# %% problem="EncoderBlock" role="answer"
class EncoderBlock(torch.nn.Module):
    """Self-attention, add & norm, feed-forward, add & norm: the parameters are named as torch's.

    forward(x, visible=None): x (b, n, d_model), visible (b, n) bool, True = a real token.
    Returns (b, n, d_model).
    """

    ### BEGIN SOLUTION
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = torch.nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.linear1 = torch.nn.Linear(d_model, d_ff)
        self.linear2 = torch.nn.Linear(d_ff, d_model)
        self.norm1 = torch.nn.LayerNorm(d_model)
        self.norm2 = torch.nn.LayerNorm(d_model)
        self.drop = torch.nn.Dropout(dropout)

    def forward(self, x, visible=None):
        hidden = None if visible is None else ~visible  # torch's polarity
        mixed, _ = self.self_attn(x, x, x, key_padding_mask=hidden)
        h = self.norm1(x + self.drop(mixed))
        computed = self.linear2(torch.relu(self.linear1(h)))
        return self.norm2(h + self.drop(computed))

    ### END SOLUTION


# %% problem="EncoderBlock" role="check"
check("EncoderBlock")

# %% [markdown]
# ## Problem 5: `PreNormEncoderBlock(d_model, n_heads, d_ff, dropout=0.0)`
#
# *15 minutes · difficulty 2 of 3 · 4 points*
#
# The same block, normalising before each sub-layer:
#
# $$h = x + \mathrm{Attention}\big(\mathrm{LN}_1(x)\big), \qquad
#   y = h + \mathrm{FFN}\big(\mathrm{LN}_2(h)\big)$$
#
# Arguments, attributes, parameters, `visible` and dropout are those of problem 4: `norm1` belongs
# to the attention, `norm2` to the feed-forward layer. There is no norm at the end: that one stands
# behind the last block of a pile, and is not part of a block.
#
# **Worked example.** With the parameters of problem 4 and the same token, x = (0, 4, 0, 0):
#
# | step | |
# | --- | --- |
# | h = x + attention | (0, 4, 4, 0) |
# | its norm | (−1, 1, 1, −1) |
# | hidden number of the feed-forward layer | 1 + 1 = 2 |
# | y = h + feed-forward | (0, 4, 4, 0) + (2, −2, 0, 0) = (2, 2, 4, 0) |

# %% [markdown] problem="PreNormEncoderBlock" role="help"


# %% problem="PreNormEncoderBlock" role="answer"
class PreNormEncoderBlock(torch.nn.Module):
    """Norm, self-attention, add; norm, feed-forward, add: the parameters are named as torch's.

    forward(x, visible=None): x (b, n, d_model), visible (b, n) bool, True = a real token.
    Returns (b, n, d_model).
    """

    ### BEGIN SOLUTION
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = torch.nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.linear1 = torch.nn.Linear(d_model, d_ff)
        self.linear2 = torch.nn.Linear(d_ff, d_model)
        self.norm1 = torch.nn.LayerNorm(d_model)
        self.norm2 = torch.nn.LayerNorm(d_model)
        self.drop = torch.nn.Dropout(dropout)

    def forward(self, x, visible=None):
        hidden = None if visible is None else ~visible  # torch's polarity
        normed = self.norm1(x)
        mixed, _ = self.self_attn(normed, normed, normed, key_padding_mask=hidden)
        h = x + self.drop(mixed)
        computed = self.linear2(torch.relu(self.linear1(self.norm2(h))))
        return h + self.drop(computed)

    ### END SOLUTION


# %% problem="PreNormEncoderBlock" role="check"
check("PreNormEncoderBlock")

# %% [markdown]
# ## Problem 6: `DecoderBlock(d_model, n_heads, d_ff, dropout=0.0)`
#
# *40 minutes · difficulty 3 of 3 · 7 points*
#
# The decoder's block, post-norm. It has one sub-layer more: cross-attention takes its queries from
# what is being written, and its keys and values from the **memory**, the encoder's output.
#
# $$h = \mathrm{LN}_1\big(x + \mathrm{SelfAttention}(x)\big), \quad
#   g = \mathrm{LN}_2\big(h + \mathrm{CrossAttention}(h, \mathrm{memory})\big), \quad
#   y = \mathrm{LN}_3\big(g + \mathrm{FFN}(g)\big)$$
#
# | | |
# | --- | --- |
# | attributes | `self_attn`, `multihead_attn`, `linear1`, `linear2`, `norm1` to `norm3` |
# | `x` | (b, n_t, d_model) |
# | `memory` | (b, n_s, d_model) |
# | `visible` | None, or (b, n_t), boolean: True = a real token of `x` |
# | `memory_visible` | None, or (b, n_s), boolean: True = a real token of `memory` |
# | result | (b, n_t, d_model) |
#
# - `multihead_attn` is torch's name for the cross-attention; `norm1`, `norm2` and `norm3` follow
#   self-attention, cross-attention and the feed-forward layer.
# - `forward(x, memory, visible=None, memory_visible=None)`: the block is **causal by itself**. No
#   position of `x` looks at a later one, whether masks are given or not. Of the memory, every
#   position may see all.
# - Parameters have the names of `nn.TransformerDecoderLayer`'s, and there are no others. What
#   problem 4 says of `visible` holds for both masks; dropout acts on what each of the three
#   sub-layers says.
#
# **Worked example.** One token, d_model = 4, d_ff = 1, all attention matrices 0. Self-attention
# says (0, 0, 4, 0), the bias of its last layer, and cross-attention (2, −2, 0, 0). `linear1` adds
# features 0 and 2, and `linear2` writes (−1, 0, 0, 1) times what it gets. All other biases are 0,
# and all gains 1.
#
# | step | sum | its norm |
# | --- | --- | --- |
# | x | (0, 4, 0, 0) | |
# | self-attention | (0, 4, 4, 0) | h = (−1, 1, 1, −1) |
# | cross-attention | (1, −1, 1, −1) | g = (1, −1, 1, −1) |
# | feed-forward, 2 hidden | (−1, −1, 1, 1) | y = (−1, −1, 1, 1) |

# %% [markdown] problem="DecoderBlock" role="help"


# %% problem="DecoderBlock" role="answer"
class DecoderBlock(torch.nn.Module):
    """Causal self-attention, cross-attention, feed-forward, each with add & norm.

    forward(x, memory, visible=None, memory_visible=None): x (b, n_t, d_model),
    memory (b, n_s, d_model), visible (b, n_t) and memory_visible (b, n_s) bool, True = real.
    Returns (b, n_t, d_model).
    """

    ### BEGIN SOLUTION
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.self_attn = torch.nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.multihead_attn = torch.nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.linear1 = torch.nn.Linear(d_model, d_ff)
        self.linear2 = torch.nn.Linear(d_ff, d_model)
        self.norm1 = torch.nn.LayerNorm(d_model)
        self.norm2 = torch.nn.LayerNorm(d_model)
        self.norm3 = torch.nn.LayerNorm(d_model)
        self.drop = torch.nn.Dropout(dropout)

    def forward(self, x, memory, visible=None, memory_visible=None):
        n = x.shape[1]
        future = torch.ones(n, n, dtype=torch.bool, device=x.device).triu(1)  # True: hidden
        padding = None if visible is None else ~visible
        mixed, _ = self.self_attn(x, x, x, attn_mask=future, key_padding_mask=padding)
        h = self.norm1(x + self.drop(mixed))
        absent = None if memory_visible is None else ~memory_visible
        read, _ = self.multihead_attn(h, memory, memory, key_padding_mask=absent)
        g = self.norm2(h + self.drop(read))
        computed = self.linear2(torch.relu(self.linear1(g)))
        return self.norm3(g + self.drop(computed))

    ### END SOLUTION


# %% problem="DecoderBlock" role="check"
check("DecoderBlock")

# %% [markdown]
# ## Problem 7: what stands where, and why
#
# *20 minutes · difficulty 2 of 3 · 4 points, graded by hand*
#
# Answer in a few sentences each.
#
# 1. A colleague hides padding by setting `x` to 0 at padded positions, before the attention, and
#    gives no mask. Why do the outputs at real tokens still depend on how much padding there is?
# 2. In your `EncoderBlock`, `visible` changes the outputs at real tokens. In your `DecoderBlock`
#    you could leave `visible` aside, and no check would notice. Why? And `memory_visible`?
# 3. Somebody replaces layer normalisation by `normalise(x, "instance")` in a decoder, over the
#    positions of a sentence. Which promise of the decoder is broken, and how would you show it?
# 4. In which of your two encoder blocks can the input reach the output of a pile of 24 blocks
#    without passing through a normalisation? What is done at the end of such a pile, and why?

# %% [markdown] role="written" problem="what_stands_where" points=4
# Your answer here.
#
# === BEGIN MARK SCHEME ===
#
# One point for each idea; half a point where it is there but not argued.
#
# 1. **Still a key (1 point).** A key of 0 has a score, not −∞ (0, or what the bias of the
#    projection gives), so its exponential stands in the denominator: each padded position takes
#    weight away from the real ones, and adds its value (the bias). Half a point if only one of
#    scores and values is named.
# 2. **The causal mask has hidden it already (1 point).** Padding stands at the end, later than all
#    real tokens, and nobody looks at what is later; outputs at padding itself are not looked at.
#    The encoder and the memory have no causal mask: there all positions are seen, and the mask is
#    needed.
# 3. **Causality (1 point).** Mean and variance run over the whole sentence, so that each output
#    depends on later tokens. Shown by the gradient of an early output by a later input, or by
#    changing a later token (`leaks_future` of assignment 3). Half a point without a test.
# 4. **Pre-norm (1 point).** Its sums are never normalised, so that x flows past all sub-layers and
#    the sum grows with every block; therefore one norm follows the last block, so that whatever
#    comes next gets numbers of a known size.
#
# === END MARK SCHEME ===

# %% [markdown]
# ## Put it to use
#
# Nothing here is graded. Your blocks learn to sort: they read the letters of a word and write them
# in the order of the alphabet. The model is one `EncoderBlock`, one `DecoderBlock` and an embedding
# of the letters; it is trained on random letters, words of 2 to 12, for ten or twenty seconds. It
# has no positions.
#
# Before you run the cell: without positions, "listen" and "silent" are the same to your encoder. Is
# that a pity here? What will the model make of "go", and of "gogo"? And what becomes of the size of
# the numbers in a pile of 24 blocks, post-norm and pre-norm?

# %% role="use" problem="put_to_use"
from torch.nn.functional import cross_entropy

from course.plots import BLUE, ORANGE, panels, use_style

for name in ("EncoderBlock", "PreNormEncoderBlock", "DecoderBlock"):
    check(name)

torch.set_num_threads(1)  # layers as small as these gain nothing from more
BEGIN, END, PAD = 26, 27, 28  # behind the letters 0 to 25
STEPS = 600


class Sorter(torch.nn.Module):
    """Reads letters, and says of each place which letter of the sorted word stands there."""

    def __init__(self, d_model=64, n_heads=4, d_ff=128):
        super().__init__()
        self.embed = torch.nn.Embedding(29, d_model)
        self.encoder = EncoderBlock(d_model, n_heads, d_ff)
        self.decoder = DecoderBlock(d_model, n_heads, d_ff)
        self.output = torch.nn.Linear(d_model, 29)

    def forward(self, letters, written):
        visible = letters != PAD  # (b, n_s)
        memory = self.encoder(self.embed(letters), visible)
        return self.output(self.decoder(self.embed(written), memory, None, visible))


def some_words(count, longest, generator):
    """Random letters with padding behind, what the decoder is fed, and what it is asked for."""
    lengths = torch.randint(2, longest + 1, (count, 1), generator=generator)
    letters = torch.randint(26, (count, longest), generator=generator)
    letters = letters.where(torch.arange(longest) < lengths, PAD)
    in_order = letters.sort(dim=1).values  # padding has the largest number
    edge = torch.ones(count, 1, dtype=torch.long)
    fed, asked = torch.cat([BEGIN * edge, in_order], 1), torch.cat([in_order, PAD * edge], 1)
    return letters, fed, asked.scatter(1, lengths, END)


def sort_letters(model, word):
    """What the model writes, letter after letter."""
    letters, written = torch.tensor([[ord(letter) - ord("a") for letter in word]]), [BEGIN]
    while written[-1] != END and len(written) < 20:
        written.append(int(model(letters, torch.tensor([written]))[0, -1].argmax()))
    return "".join(chr(ord("a") + number) for number in written if number < 26)


torch.manual_seed(0)
model, generator = Sorter(), torch.Generator().manual_seed(0)
optimizer = torch.optim.Adam(model.parameters())
for step in range(STEPS):
    optimizer.param_groups[0]["lr"] = 3e-3 * min(1, step / 50, 2 * (STEPS - step) / STEPS)
    letters, fed, asked = some_words(64, 12, generator)
    loss = cross_entropy(model(letters, fed).mT, asked, ignore_index=PAD)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

model.eval()
letters, fed, asked = some_words(1000, 12, torch.Generator().manual_seed(1))
right = (model(letters, fed).argmax(dim=-1) == asked) | (asked == PAD)
print(f"of 1,000 words that it has not seen it sorts {right.all(dim=1).sum()} without a mistake")
for word in ("transformer", "attention", "listen", "silent", "go", "gogo"):
    print(f"    {word:12s} {sort_letters(model, word)}")
once, twice = torch.tensor([[6, 14]]), torch.tensor([[6, 14, 6, 14]])  # go, gogo
begin = torch.tensor([[BEGIN]])
torch.testing.assert_close(model(once, begin), model(twice, begin), rtol=0, atol=1e-3)

sizes = {}
for name, block in (("post-norm", EncoderBlock), ("pre-norm", PreNormEncoderBlock)):
    x = torch.randn(8, 12, 64)  # (b, n, d_model)
    sizes[name] = [1.0]
    for _ in range(24):
        x = block(64, 4, 128)(x)
        sizes[name].append(x.square().mean().sqrt().item())

use_style()
[ax] = panels(1, 1, 5.5, 3.2)
for (name, each), color, marker in zip(sizes.items(), (BLUE, ORANGE), "os", strict=True):
    ax.plot(each, color=color, marker=marker, label=name)
ax.set(xlabel="blocks, fresh", ylabel="size of a number (root mean square)", ylim=(0, None))
_ = ax.legend()

# %% [markdown]
# *Figure: the size of the numbers that come out of each of 24 fresh blocks, one after the other.
# Post-norm stays at 1. Pre-norm grows from block to block, to about twice as much.*
#
# The encoder hands on the same vectors for "listen" and "silent", in another order, and the decoder
# takes a weighted mean of them, in which order does not count: both words must come out alike, and
# for sorting that is as it should be.
#
# But "go" and "gogo" must come out alike as well, however long you train. If each letter stands
# there twice, each softmax has twice the terms above and below, and the weighted mean is what it
# was. **A mean knows shares, and does not count.** Without positions your blocks see which letters
# there are and in what proportion; how many, they can only guess. (Positions would tell the letters
# of the second "go" from those of the first.)
#
# In the picture, post-norm has gains of 1 and shifts of 0 and ends with a norm, so that nothing
# else can come out. Pre-norm adds to a sum that nobody normalises: hence the norm behind the last
# block. What the two mean for training is in lecture 08, section 6. With positions, masks and a
# training worth the name, blocks like yours read dates in
# [lecture 09](../../lectures/09_the_whole_transformer.ipynb).
