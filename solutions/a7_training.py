# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Assignment 7: training
#
# At the end of this notebook a Transformer of your own reads dates as people write them,
# "3. Februar 1962" or "1962년 2월 3일 토요일", and answers 1962-02-03. On the way you write
# what such a training is made of: three schedules of the learning rate, two losses, two ways to
# decode, and the model itself.
#
# | | problem | minutes | difficulty | points |
# | --- | --- | --- | --- | --- |
# | 1 | `noam_rate` | 10 | 1 of 3 | 3 |
# | 2 | `inverse_sqrt_rate` | 10 | 1 of 3 | 3 |
# | 3 | `linear_decay_rate` | 10 | 1 of 3 | 3 |
# | 4 | `label_smoothed_cross_entropy` | 30 | 2 of 3 | 5 |
# | 5 | `alignment_loss` | 30 | 3 of 3 | 5 |
# | 6 | `greedy_decode` | 20 | 2 of 3 | 3 |
# | 7 | `beam_search` | 45 | 3 of 3 | 6 |
# | 8 | `Seq2Seq` | 45 | 3 of 3 | 8 |
# | 9 | `translate` | 30 | 2 of 3 | 8 |
# | 10 | what the loss does not say (in words) | 20 | 2 of 3 | 4 |
#
# About four hours in all. What you need is in lectures
# [09 The whole Transformer](../../lectures/09_the_whole_transformer.ipynb) and
# [10 Training well](../../lectures/10_training_well.ipynb).
#
# **How your work is checked.** As in assignment 1: write your answer in the place of the line that
# raises `NotImplementedError`, run the cell, then run the check cell below it. After opening or
# restarting the notebook, run the first code cell before anything else. The cases of a problem form
# groups, and a group is paid when all of its cases pass.
#
# **What holds for every problem.** A result has the dtype of the tensors that went in, and float
# tensors can be differentiated in every float argument. A rate is Python's float, an id Python's
# int. No function changes its arguments. torch may be used, but for what a problem builds; it says
# so. What the course itself has of these things (`course.schedules`, `course.losses`,
# `course.decoding`, `course.transformer`, `course.training`) may not be used.
#
# **Notation.** b sentences; n_s tokens of a source and n_t of a target; `...` stands for any number
# of batch dimensions, also none. Steps are counted from the start of the training.

# %% role="setup"
import math

import torch

from autograder import check
from course.date_task import SOURCE, TARGET, training_batch
from course.vocabulary import BOS, EOS, PAD, padded

# %% [markdown]
# ## Problem 1: `noam_rate(step, d_model, warmup)`
#
# *10 minutes · difficulty 1 of 3 · 3 points*
#
# The learning rate of the paper (section 5.3), named after one of its authors: it rises in a
# straight line for `warmup` steps, then falls with the root of the step.
#
# $$\text{rate} = d_{model}^{-0.5} \cdot \min(step^{-0.5},\; step \cdot warmup^{-1.5})$$
#
# | | |
# | --- | --- |
# | `step` | int; the first step is 1; for a smaller one raise a `ValueError` |
# | `d_model`, `warmup` | ints, at least 1 |
# | result | float |
#
# **Worked example.** `noam_rate(100, 64, 400)`: 64^−0.5 = 0.125; 100^−0.5 = 0.1;
# 100 · 400^−1.5 = 100 / 8,000 = 0.0125, which is smaller. The rate is 0.125 · 0.0125 = 0.0015625.

# %% [markdown] problem="noam_rate" role="help"


# %% problem="noam_rate" role="answer"
def noam_rate(step, d_model, warmup):
    """Give the paper's learning rate at a step.

    step: int, from 1. d_model: int. warmup: int, steps of the rise.
    Returns a float; ValueError for a step before the first.
    """
    ### BEGIN SOLUTION
    if step < 1:
        raise ValueError(f"step {step} is before the first, 1")
    return d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)
    ### END SOLUTION


# %% problem="noam_rate" role="check"
check("noam_rate")

# %% [markdown]
# ## Problem 2: `inverse_sqrt_rate(step, peak, warmup)`
#
# *10 minutes · difficulty 1 of 3 · 3 points*
#
# The same shape with a peak that you choose, as fairseq has it (`--lr-scheduler inverse_sqrt`): in
# a straight line from 0 at step 0 to `peak` at step `warmup`; from there on
# peak · √(warmup / step).
#
# | | |
# | --- | --- |
# | `step` | int, at least 0 |
# | `peak` | float: the largest rate |
# | `warmup` | int, at least 1 |
# | result | float, also at step 0 |
#
# **Worked example.** `inverse_sqrt_rate(1600, 0.002, 400)`: step 1,600 is four times the warm-up,
# and √(400 / 1,600) = 0.5, so that the rate is 0.001.

# %% [markdown] problem="inverse_sqrt_rate" role="help"


# %% problem="inverse_sqrt_rate" role="answer"
def inverse_sqrt_rate(step, peak, warmup):
    """Give a learning rate that rises to a peak, then falls with the root of the step.

    step: int, from 0. peak: float. warmup: int, the step of the peak.
    Returns a float.
    """
    ### BEGIN SOLUTION
    if step < warmup:
        return peak * step / warmup
    return peak * (warmup / step) ** 0.5
    ### END SOLUTION


# %% problem="inverse_sqrt_rate" role="check"
check("inverse_sqrt_rate")

# %% [markdown]
# ## Problem 3: `linear_decay_rate(step, peak, warmup, total)`
#
# *10 minutes · difficulty 1 of 3 · 3 points*
#
# In a straight line from 0 at step 0 to `peak` at step `warmup`; in another from there to 0 at step
# `total`; and 0 for whatever comes after. With this one your model will be trained.
#
# | | |
# | --- | --- |
# | `step` | int, at least 0 |
# | `peak` | float: the largest rate |
# | `warmup`, `total` | ints, 1 ≤ warmup < total |
# | result | float, also where it is 0 |
#
# **Worked example.** `linear_decay_rate(900, 0.003, 300, 1500)`: of the 1,200 steps from 300 to
# 1,500, 600 are left, which is half of them; the rate is 0.0015.

# %% [markdown] problem="linear_decay_rate" role="help"


# %% problem="linear_decay_rate" role="answer"
def linear_decay_rate(step, peak, warmup, total):
    """Give a learning rate that rises to a peak and falls to 0, both in a straight line.

    step: int, from 0. peak: float. warmup: int, the step of the peak. total: int, the last step.
    Returns a float.
    """
    ### BEGIN SOLUTION
    if step < warmup:
        return peak * step / warmup
    return peak * max(0.0, (total - step) / (total - warmup))
    ### END SOLUTION


# %% problem="linear_decay_rate" role="check"
check("linear_decay_rate")

# %% [markdown]
# ## Problem 4: `label_smoothed_cross_entropy(logits, targets, epsilon, pad_id)`
#
# *30 minutes · difficulty 2 of 3 · 5 points*
#
# A model that is asked for the target with probability 1 is never sure enough. Label smoothing asks
# for less (paper, section 5.4): a share `epsilon` of the probability is taken from the target and
# spread evenly over *all* K classes of the vocabulary, the target and the padding class included.
# Each class is then wanted with epsilon / K, and the target with 1 − epsilon on top. The loss is
# the cross-entropy with that distribution.
#
# | | |
# | --- | --- |
# | `logits` | (..., vocab), entries up to ±500 |
# | `targets` | (...), int64 class ids |
# | `epsilon` | float from 0 to below 1 |
# | `pad_id` | id of padding, a class of the vocabulary; at least one target is something else |
# | first result, `loss` | 0-d tensor: the mean over the targets that are not padding |
# | second result, `nll` | 0-d tensor: the mean of −log p(target) over the same targets |
#
# torch's `cross_entropy` is what you build here, and may not be used; `log_softmax` and
# `nll_loss` may.
#
# **Worked example.** Four classes with probabilities (0.4, 0.4, 0.1, 0.1), target 1, epsilon 0.2,
# no padding. Then nll = −log 0.4 = 0.916. Over all four classes the mean of −log p is (0.916 +
# 0.916 + 2.303 + 2.303) / 4 = 1.609. The loss is 0.8 · 0.916 + 0.2 · 1.609 = 1.055.

# %% [markdown] problem="label_smoothed_cross_entropy" role="help"


# %% problem="label_smoothed_cross_entropy" role="answer"
def label_smoothed_cross_entropy(logits, targets, epsilon, pad_id):
    """Compute the loss of the targets when epsilon is spread over all classes.

    logits: (..., vocab). targets: (...) ints. epsilon: float. pad_id: id of padding.
    Returns (loss, nll): two 0-d tensors.
    """
    ### BEGIN SOLUTION
    log_p = torch.log_softmax(logits, dim=-1)  # (..., vocab)
    nll = -log_p.gather(-1, targets[..., None])[..., 0]  # (...)
    even = -log_p.mean(dim=-1)
    loss = (1 - epsilon) * nll + epsilon * even
    real = targets != pad_id
    return loss[real].mean(), nll[real].mean()
    ### END SOLUTION


# %% problem="label_smoothed_cross_entropy" role="check"
check("label_smoothed_cross_entropy")

# %% [markdown]
# ## Problem 5: `alignment_loss(attention, alignment)`
#
# *30 minutes · difficulty 3 of 3 · 5 points*
#
# Where somebody knows which source tokens a target token comes from, attention can be asked to look
# there. For each target token *that has aligned sources* take the mean, over these sources, of −log
# weight; then take the mean over such tokens, those of all sentences together. (fairseq's
# `label_smoothed_cross_entropy_with_alignment` sums over the tokens instead, and adds 0.05 times
# the sum to the loss.)
#
# | | |
# | --- | --- |
# | `attention` | (b, n_t, n_s) weights; they may be exactly 0 where nothing is aligned |
# | `alignment` | (b, n_t, n_s), boolean: True where target token and source token belong together |
# | result | 0-d tensor |
#
# Weights of 0 give no NaN and no ∞, neither in the result nor in the gradient. Where nothing is
# aligned in the whole batch, the result is a 0 through which `backward()` works all the same.
#
# **Worked example.** One sentence, three target tokens, three sources:
#
# | weights | aligned to | mean of −log weight |
# | --- | --- | --- |
# | 0.5, 0.25, 0.25 | the first two | (0.693 + 1.386) / 2 = 1.040 |
# | 0.1, 0.1, 0.8 | the last | 0.223 |
# | 0.3, 0.3, 0.4 | nothing | does not count |
#
# The result is (1.040 + 0.223) / 2 = 0.631.

# %% [markdown] problem="alignment_loss" role="help"


# %% problem="alignment_loss" role="answer"
def alignment_loss(attention, alignment):
    """Measure how little attention lies where it should.

    attention: (b, n_t, n_s) weights. alignment: (b, n_t, n_s), bool.
    Returns a 0-d tensor.
    """
    ### BEGIN SOLUTION
    sources = alignment.sum(dim=-1)  # (b, n_t): how many
    # The choice comes before the logarithm: log 1 = 0 adds nothing, and no gradient meets log 0.
    logs = torch.where(alignment, attention, 1.0).log()
    per_token = -logs.sum(dim=-1) / sources.clamp(min=1)
    return per_token.sum() / (sources > 0).sum().clamp(min=1)
    ### END SOLUTION


# %% problem="alignment_loss" role="check"
check("alignment_loss")

# %% [markdown]
# ## Problem 6: `greedy_decode(next_logits, bos_id, eos_id, max_len)`
#
# *20 minutes · difficulty 2 of 3 · 3 points*
#
# A trained model says what comes next. To write a sentence, ask it, take the most probable token,
# add it to what you have, and ask again, until it says that the sentence ends.
#
# | | |
# | --- | --- |
# | `next_logits` | a function (n,) int64 → (vocab,): prefix that begins with `bos_id` → logits |
# | `bos_id`, `eos_id` | ints: the marks of start and end |
# | `max_len` | int, at least 1: so many ids at most, the two marks not counted |
# | result | list of Python's ints, without the two marks |
#
# Two tokens that are equally probable are not tested, nor is a model that writes `bos_id`.
#
# **Worked example.** With 나는 = 5, 집에 = 6, 간다 = 7, start 1 and end 2, and a model that has
# learnt this sentence:
#
# | asked with | most probable |
# | --- | --- |
# | (1) | 5 |
# | (1, 5) | 6 |
# | (1, 5, 6) | 7 |
# | (1, 5, 6, 7) | 2, the end |
#
# The result is [5, 6, 7].

# %% [markdown] problem="greedy_decode" role="help"


# %% problem="greedy_decode" role="answer"
def greedy_decode(next_logits, bos_id, eos_id, max_len):
    """Write a sentence by taking the most probable token each time.

    next_logits: a function (n,) ints -> (vocab,). bos_id, eos_id, max_len: ints.
    Returns a list of at most max_len ints, without the marks.
    """
    ### BEGIN SOLUTION
    prefix = [bos_id]
    while len(prefix) <= max_len:
        token = int(next_logits(torch.tensor(prefix)).argmax())
        if token == eos_id:
            break
        prefix.append(token)
    return prefix[1:]
    ### END SOLUTION


# %% problem="greedy_decode" role="check"
check("greedy_decode")

# %% [markdown]
# ## Problem 7: `beam_search(next_logits, bos_id, eos_id, max_len, beam)`
#
# *45 minutes · difficulty 3 of 3 · 6 points*
#
# The most probable first word need not begin the most probable sentence. Beam search follows
# several sentences at once. The rules, of which each tool has its own, are these here:
#
# - The score of a sentence is the sum of the log-probabilities of its tokens, its end included.
#   There is no normalisation by length.
# - At the start one sentence is live, the empty one. In each step every live sentence is continued
#   by every token, and the `beam` best of *all* these continuations are kept.
# - Of those, the ones that end in `eos_id` are finished. They have taken one of the places of this
#   step, and take none in later steps; nothing removes them any more. The others are live.
# - After `max_len` steps the result is the best of all that have finished and of what is still live
#   (and then has max_len ids, and no end in its score). You may stop earlier only where that cannot
#   change the result.
#
# | | |
# | --- | --- |
# | `next_logits`, `bos_id`, `eos_id`, `max_len` | as in problem 6; logits are not normalised |
# | `beam` | int, at least 1: the places of each step |
# | first result, `ids` | list of Python's ints, without the two marks |
# | second result, `score` | float |
#
# **Worked example.** Two words, a = 3 and b = 4, at most two ids, and two places. First the model
# gives a the probability 0.5, b 0.4 and the end 0.1. After a: a 0.35, b 0.25, end 0.4. After b: a
# 0.05, b 0.05, end 0.9.
#
# | step | best continuations | kept |
# | --- | --- | --- |
# | 1 | a 0.5, b 0.4, the end at once 0.1 | a, b |
# | 2 | b and end 0.36, a and end 0.2, a a 0.175, … | b and end, a and end: both finished |
#
# The result is ([4], −1.022): log 0.36 = −1.022. Greedy decoding would have found a, with 0.2.

# %% [markdown] problem="beam_search" role="help"


# %% problem="beam_search" role="answer"
def beam_search(next_logits, bos_id, eos_id, max_len, beam):
    """Search the most probable sentence, several live ones at a time.

    next_logits: a function (n,) ints -> (vocab,). bos_id, eos_id, max_len, beam: ints.
    Returns (ids, score): a list of at most max_len ints, without the marks, and a float.
    """
    ### BEGIN SOLUTION
    live, finished = [([bos_id], 0.0)], []
    for _ in range(max_len):
        continued = []
        for prefix, score in live:
            log_p = torch.log_softmax(next_logits(torch.tensor(prefix)), dim=-1)
            for token, more in enumerate(log_p.tolist()):
                continued.append(([*prefix, token], score + more))
        best = sorted(continued, key=lambda pair: pair[1], reverse=True)[:beam]
        finished += [(ids[:-1], score) for ids, score in best if ids[-1] == eos_id]
        live = [pair for pair in best if pair[0][-1] != eos_id]
    ids, score = max(finished + live, key=lambda pair: pair[1])
    return ids[1:], score
    ### END SOLUTION


# %% problem="beam_search" role="check"
check("beam_search")

# %% [markdown]
# ## Problem 8: `Seq2Seq(src_vocab, tgt_vocab, d_model, n_heads, d_ff, n_layers, pad_id)`
#
# *45 minutes · difficulty 3 of 3 · 8 points*
#
# The whole Transformer as a module: an encoder reads the source, a decoder is fed the target so far
# and says, at each of its places at once, what comes next. torch's `TransformerEncoderLayer`,
# `TransformerDecoderLayer` and their stacks may be used, so that what is left to you are
# embeddings, positions and masks; `nn.Transformer` may not.
#
# | | |
# | --- | --- |
# | `src_vocab`, `tgt_vocab` | ints: how many ids there are on each side |
# | `d_model`, `n_heads`, `d_ff` | ints; d_model is even, and n_heads divides it |
# | `n_layers` | int: so many layers in the encoder, and as many in the decoder |
# | `pad_id` | int: the padding of both sides; it stands at the end, after at least one token |
# | `src`, `tgt_in` | (b, n_s) and (b, n_t) ints, at most 64 tokens each |
# | result of `forward(src, tgt_in)` | logits (b, n_t, tgt_vocab), float32, not probabilities |
#
# Nobody looks inside. Your module is built, set to `eval()`, and watched:
#
# - **causal:** logits change with the target at their own place and before it, not with later ones;
# - **blind to padding:** the logits at real targets stay the same with more padding after sources
#   or targets, with less, and with other sentences in the batch;
# - **source order:** the logits change when source tokens change places;
# - **gradients:** from the logits every parameter gets a gradient that is not None.
#
# **For example**, `Seq2Seq(11, 13, 8, 2, 16, 1, 0)` called on sources (3, 5) and targets (3, 4)
# gives logits (3, 4, 13).

# %% [markdown] problem="Seq2Seq" role="help"


# %% problem="Seq2Seq" role="answer"
class Seq2Seq(torch.nn.Module):
    """Translate: an encoder for the source, a causal decoder for the target.

    forward: src (b, n_s) ints, tgt_in (b, n_t) ints.
    Returns logits (b, n_t, tgt_vocab).
    """

    ### BEGIN SOLUTION
    def __init__(self, src_vocab, tgt_vocab, d_model, n_heads, d_ff, n_layers, pad_id):
        super().__init__()
        self.pad_id = pad_id
        self.src_embedding = torch.nn.Embedding(src_vocab, d_model)
        self.tgt_embedding = torch.nn.Embedding(tgt_vocab, d_model)
        self.places = torch.nn.Embedding(64, d_model)
        sizes = {"d_model": d_model, "nhead": n_heads, "dim_feedforward": d_ff}
        options = {"dropout": 0.0, "batch_first": True}
        reads = torch.nn.TransformerEncoderLayer(**sizes, **options)
        writes = torch.nn.TransformerDecoderLayer(**sizes, **options)
        self.encoder = torch.nn.TransformerEncoder(reads, n_layers, enable_nested_tensor=False)
        self.decoder = torch.nn.TransformerDecoder(writes, n_layers)
        self.output = torch.nn.Linear(d_model, tgt_vocab)

    def placed(self, x):
        """Add to each token what tells its place: (b, n, d_model) -> (b, n, d_model)."""
        return x + self.places.weight[: x.shape[1]]

    def forward(self, src, tgt_in):
        n = tgt_in.shape[1]
        hidden = src == self.pad_id  # (b, n_s); in torch's layers True means hidden
        future = torch.ones(n, n, dtype=torch.bool).triu(1)
        memory = self.encoder(self.placed(self.src_embedding(src)), src_key_padding_mask=hidden)
        x = self.placed(self.tgt_embedding(tgt_in))
        x = self.decoder(x, memory, tgt_mask=future, memory_key_padding_mask=hidden)
        return self.output(x)

    ### END SOLUTION


# %% problem="Seq2Seq" role="check"
check("Seq2Seq")

# %% [markdown]
# ## The training
#
# Now your answers to problems 3, 4 and 8 work together. The cell below trains your model for 1,500
# steps, with 32 fresh dates each, of five countries and three lengths. 2,000 days between 1950 and
# 2049 are never among them: `translate` will be tested on these. It takes about 40 s of one
# processor (at most 60 s, please, if you change it), and draws the loss while it learns.
#
# `SOURCE` and `TARGET` know the characters of both sides: `SOURCE.encode("3.2.1962")` is a list of
# ids, `TARGET.decode(ids)` a list of characters. `training_batch` gives `src`, what the decoder is
# fed (`tgt_in`, which begins with `BOS`) and what it is asked for (`tgt_out`, which ends in `EOS`).
#
# **Your checkpoint.** What the model has learnt is saved as `translator.pt` beside this notebook.
# If that file is there, it is used and nothing is trained: to train anew, delete it. Hand it in
# with the notebook, and your model is graded as you saw it; without it, the model is trained again
# when the notebook is graded.

# %%
import matplotlib.pyplot as plt
from IPython.display import display

from course.plots import BLUE, ORANGE, use_style

STEPS, WARMUP, PEAK, EPSILON = 1_500, 300, 0.003, 0.1
CHECKPOINT = "translator.pt"


def new_model():
    """The model before it has learnt anything: always the same."""
    torch.manual_seed(0)
    return Seq2Seq(len(SOURCE), len(TARGET), 64, 4, 128, 2, PAD)


def train(model):
    """Train with your schedule and your loss, and draw the curve of the loss meanwhile."""
    options = {"betas": (0.9, 0.98), "eps": 1e-9, "fused": True}  # fused is Adam too, but faster
    optimizer = torch.optim.Adam(model.parameters(), **options)
    figure, axes = plt.subplots(figsize=(6, 2.6))
    axes.set(xlim=(0, STEPS), ylim=(0, 3), xlabel="step", ylabel="nats a character")
    (upper,) = axes.plot([], [], color=BLUE, label="loss, smoothed by 0.1")
    (lower,) = axes.plot([], [], color=ORANGE, linestyle="--", label="−log p of the target")
    axes.legend()
    curve, live = [], display(figure, display_id=True)
    for step in range(1, STEPS + 1):
        optimizer.param_groups[0]["lr"] = linear_decay_rate(step, PEAK, WARMUP, STEPS)
        batch = training_batch(0, step)
        logits = model(batch.src, batch.tgt_in)  # (b, n_t, vocab)
        loss, nll = label_smoothed_cross_entropy(logits, batch.tgt_out, EPSILON, PAD)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append((loss.item(), nll.item()))
        if step % 100 == 0:
            for line, values in zip((upper, lower), zip(*curve, strict=True), strict=True):
                line.set_data(range(1, step + 1), values)
            live.update(figure)
    plt.close(figure)


use_style()
torch.set_num_threads(1)  # layers as small as these gain nothing from more
model = new_model()
try:
    model.load_state_dict(torch.load(CHECKPOINT, weights_only=True))
    print(f"The model is that of {CHECKPOINT}. Delete the file to train anew.")
except Exception as error:  # no file, or that of another model
    print(f"{CHECKPOINT} holds no model that fits ({type(error).__name__}): training one.")
    model = new_model()
    train(model)
    torch.save(model.state_dict(), CHECKPOINT)
model = model.eval()

# %% [markdown]
# *Figure: two falling curves over 1,500 steps. Both fall steeply in the first third; the loss comes
# to rest near 0.57, about the least that label smoothing allows, and −log p of the target near
# 0.1.*

# %% [markdown]
# ## Problem 9: `translate(texts)`
#
# *30 minutes · difficulty 2 of 3 · 8 points*
#
# Let `model`, which the cell above leaves behind, read dates.
#
# | | |
# | --- | --- |
# | `texts` | list of at least one str: dates as people write them |
# | result | list of as many str, in the same order: ISO 8601, ten characters each |
#
# It is tested on days that nobody trains on, by exact match, in four parts of 2 points each: at
# least 50, 80, 95 and 99 of 100 must be right to the letter. The model must do it: whatever knows
# dates already, a parser, `datetime`, a table of all dates, regular expressions (`re`), is refused,
# and so is a translation that stays the same whatever the model says. A few hundred texts should
# take seconds.
#
# **For example**, `translate(["3. Februar 1962", "May 20, 2004"])` is `["1962-02-03",
# "2004-05-20"]`.

# %% [markdown] problem="translate" role="help"


# %% problem="translate" role="answer"
def translate(texts):
    """Translate written dates by the model that was trained above.

    texts: list of str.
    Returns a list of as many str, "1962-02-03".
    """
    ### BEGIN SOLUTION
    src = padded([SOURCE.encode(text) for text in texts])  # (b, n_s)
    out = torch.full((len(texts), 1), BOS)  # (b, 1), and a character more each time
    with torch.no_grad():
        for _ in range(len("1962-02-03")):
            logits = model(src, out)  # (b, n, vocab)
            out = torch.cat([out, logits[:, -1:].argmax(dim=-1)], dim=1)
    return ["".join(TARGET.decode(ids)) for ids in out[:, 1:].tolist()]
    ### END SOLUTION


# %% problem="translate" role="check"
check("translate")

# %% [markdown]
# ## Problem 10: what the loss does not say
#
# *20 minutes · difficulty 2 of 3 · 4 points, graded by hand*
#
# Answer in a few sentences each.
#
# 1. With label smoothing of 0.1 the loss comes to rest near 0.57 while nearly every date is right.
#    Why does it not go to 0? What would the model have to answer to reach the least loss there is?
# 2. A friend trains with the loss summed over the tokens of a batch, and with the same learning
#    rates, by plain SGD. What changes against the mean, and why does it change from batch to batch?
#    Why does Adam hide most of it?
# 3. A friend's model has a loss as low as yours, but `translate` gives nonsense. Name two mistakes
#    that a loss with teacher forcing does not show.
# 4. Beam search without normalisation prefers short sentences. Why? And why does that do no harm to
#    dates?

# %% [markdown] role="written" problem="what_the_loss_does_not_say" points=4
# Your answer here.
#
# === BEGIN MARK SCHEME ===
#
# One point for each idea; half a point where it is there but not argued.
#
# 1. **The floor (1 point).** The wanted distribution is itself uncertain: its entropy is the least
#    cross-entropy there is (0.565 nats with 16 classes), reached where the model answers just that
#    distribution, 0.906 for the target and 0.006 for each other class; more certainty costs.
# 2. **The scale of the gradient (1 point).** A sum is the mean times the number of tokens, so that
#    SGD takes steps as many times larger, and larger ones where a batch has more tokens. Adam
#    divides by the size of recent gradients, so that a constant factor cancels (but for eps), and
#    only the changes from batch to batch remain.
# 3. **Two of these (half a point each).** A decoder that sees the future (it copies); an output
#    that is fed unlike in training: without its start, with the wrong place of the logits, without
#    positions; dropout left on; the source encoded in another way; the end never learnt; errors
#    that feed on themselves.
# 4. **A sum of negative numbers (1 point).** Every token adds a logarithm below 0, so that longer
#    sentences score lower. All ISO dates have ten characters: no sentence that competes is shorter,
#    and an early end is very improbable for a trained model.
#
# === END MARK SCHEME ===

# %% [markdown]
# ## Put to use
#
# Your model has learnt dates between 1950 and 2049, and only days that exist. Ask it for others.
# Before you run the cell, guess: what will it make of 31 February, of an old name of a month, of
# the year 3000, of a text that is no date? And how sure will it be?

# %% role="use" problem="put_to_use"
from course.date_task import as_batch, unseen
from course.plots import matrix

for name in ("label_smoothed_cross_entropy", "greedy_decode", "beam_search", "translate"):
    check(name)

pairs = unseen(500)
found = translate([pair.source for pair in pairs])
right = sum(text == pair.target for text, pair in zip(found, pairs, strict=True))
print(f"{right} of {len(pairs)} dates that it has never seen are right to the letter.")
batch = as_batch(pairs)
with torch.no_grad():
    logits = model(batch.src, batch.tgt_in)
    loss, nll = label_smoothed_cross_entropy(logits, batch.tgt_out, EPSILON, PAD)
print(f"On these dates the loss is {loss:.2f}, and −log p of the target {nll:.2f}.")
assert right >= 495
assert 0.56 < loss < 0.59
assert 0.08 < nll < 0.13


def reading(text):
    """What your decoders ask: a function from a prefix (n,) to logits (vocab,), for one text."""
    src = padded([SOURCE.encode(text)])
    return torch.no_grad()(lambda prefix: model(src, prefix[None])[0, -1])


strange = ["3. Februar 1962", "31 February 1999", "3. Hornung 1962", "Feb 3, 3000", "tomorrow"]
dates, sure = [], []
for text in strange:
    next_logits = reading(text)
    ids, score = beam_search(next_logits, BOS, EOS, 10, beam=4)
    prefix = torch.tensor([BOS, *ids])
    chances = [next_logits(prefix[:n]).softmax(dim=-1)[prefix[n]] for n in range(1, len(prefix))]
    dates.append("".join(TARGET.decode(ids)))
    sure.append(torch.stack(chances + [torch.zeros(())] * (10 - len(ids))))
    print(f"{text:>18} → {dates[-1]:10}   probability {math.exp(score):.2f}")
assert (sure[0] - 0.91).abs().max() < 0.05  # the first is a date, as it has learnt them

_, ax = plt.subplots(figsize=(8, 3.4))
labels = [f"{text} → {date}" for text, date in zip(strange, dates, strict=True)]
places = [str(place) for place in range(1, 11)]
title = "how sure it is of each character"
matrix(ax, torch.stack(sure), labels, places, rows="", columns="character", title=title)
plt.show()

# %% [markdown]
# *Figure: five texts as rows, the ten characters of the answer as columns, in each cell the
# probability that the model gives to the character it writes. For the known date all are near 0.91,
# as label smoothing asks. For the strange ones the parts that can be read are as sure, and what has
# to be guessed is not.*
#
# A model answers whatever it is asked. It has never been shown what is *no* date, so that it cannot
# say so; where it has to guess, only its probabilities show it. Lecture 10 asks how far they can be
# trusted.
