# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 12 · From scratch to toolkits
#
# *About 60 minutes. You need [lecture 09](09_the_whole_transformer.ipynb), the model and its dates,
# and [lecture 10](10_training_well.ipynb), label smoothing and schedules.*
#
# **The question.** You have built a Transformer and trained it. Elsewhere people type
# `fairseq-train`, or write `MarianMTModel`, or hand a file to CTranslate2. Is that the same model?
# And if it is: which of its numbers must go where, and what is each option called?
#
# **Afterwards you can**
#
# - carry weights from one toolkit into another, and prove by equal outputs that nothing was lost;
# - name the details that a table of names does not tell, and recognise each by what it breaks;
# - train by Hugging Face's `Trainer` and get your own loss curve back;
# - run a model in CTranslate2, say what it gains, and what 8-bit weights change;
# - read a line of fairseq options, and run it without fairseq.

# %%
import math
import random
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import ctranslate2
import torch
from torch import nn

from course import train_options
from course.checkpoint import Checkpoint
from course.claims import claim
from course.convert import TO_MARIAN, TO_TORCH, from_marian, in_halves, to_marian, to_torch
from course.date_task import BETAS, EPSILON, SOURCE, TARGET, as_batch, exact, settings, unseen
from course.dates import drawn
from course.decoding import beam_search, greedy
from course.experiments import table
from course.experiments.hugging_face import ARGUMENTS, IGNORED, learn, learn_dates
from course.opennmt import to_ctranslate2
from course.plots import BLUE, ORANGE, panels, use_style
from course.schedules import linear_decay
from course.training import Trainer, label_smoothed
from course.transformer import Transformer, sinusoids
from course.vocabulary import BOS, EOS, PAD

torch.set_num_threads(1)
use_style()
scratch = tempfile.TemporaryDirectory()  # for all that this notebook writes
folder = Path(scratch.name)

# %% [markdown]
# ## 1 · By hand: one sentence in four toolkits
#
# **I go home** → 나는 집에 간다. A toolkit first gives each word a number, and each has marks of
# its own that come with the words: for filling, begin, end, unknown. They do not agree on the
# numbers of the marks, nor on who gets an end, nor on what the decoder is fed first.
#
# **Predict.** The decoder is asked for 나는 집에 간다 and the end. What is it fed before 나는?
#
# <details><summary>Answer</summary>
#
# Whatever the toolkit has agreed on with itself: a begin in ours and in OpenNMT-py; the *end* of
# the sentence in fairseq; the *padding* in Marian. To the model it is a vector that means "now the
# first word". A model that was trained with one and is started with another has never seen its
# first input.
#
# </details>

# %%
source, target = ["I", "go", "home"], ["나는", "집에", "간다"]
toolkits = {  # marks before the words, and after; end of the source; first input of the decoder
    "ours": (["<pad>", "<s>", "</s>", "<unk>"], [], [], "<s>"),
    "fairseq": (["<s>", "<pad>", "</s>", "<unk>"], [], ["</s>"], "</s>"),
    "OpenNMT-py": (["<unk>", "<blank>", "<s>", "</s>"], [], [], "<s>"),
    "Marian": (["</s>", "<unk>"], ["<pad>"], ["</s>"], "<pad>"),
}
numbers = {}
for name, (before, after, end, start) in toolkits.items():
    english, korean = ([*before, *words, *after] for words in (source, target))
    src = [english.index(word) for word in [*source, *end]]
    tgt_in = [korean.index(word) for word in [start, *target]]
    tgt_out = [korean.index(word) for word in [*target, "</s>"]]
    numbers[name] = (src, tgt_in, tgt_out)
    print(f"{name:10s} src {src!s:13s} fed {tgt_in!s:13s} asked for {tgt_out}")

assert numbers["ours"] == ([4, 5, 6], [1, 4, 5, 6], [4, 5, 6, 2])
assert numbers["fairseq"] == ([4, 5, 6, 2], [2, 4, 5, 6], [4, 5, 6, 2])
assert numbers["Marian"] == ([2, 3, 4, 0], [5, 2, 3, 4], [2, 3, 4, 0])

# %% [markdown]
# (fairseq: `fairseq/data/dictionary.py`; OpenNMT-py 3.5: `default_specials` in `onmt/opts.py`;
# Marian: the defaults of `MarianConfig`, where in addition both languages share one vocabulary.)
# All four ask for the same words. The rest is bookkeeping, and bookkeeping is where models that
# "should work" do not.
#
# ### A feature that moves
#
# The second difference sits in the numbers themselves. The paper's positions are sine, cosine,
# sine, cosine, … (lecture 06). Marian's have all sines first. So if *go* is the vector
#
# $$x = (5, 1, 7, 3) \quad\text{with positions (sin, cos, sin, cos)}, \qquad
#   x' = (5, 7, 1, 3) \quad\text{with (sin, sin, cos, cos)},$$
#
# the two hold the same numbers in another order. A row of a weight matrix, w = (2, 0, 1, 1), reads
# w · x = 10 + 0 + 7 + 3 = 20.
#
# **Predict.** What does the same w read from x′? How must w change to read 20 again?
#
# <details><summary>Answer</summary>
#
# 2·5 + 0·7 + 1·1 + 1·3 = 14. With its entries moved as those of x were, w′ = (2, 1, 0, 1): the sum
# is 20. The numbers of w are the same, and no name or shape tells that they have to move.
#
# </details>

# %%
order = [0, 2, 1, 3]  # sines first
x, w = torch.tensor([5.0, 1, 7, 3]), torch.tensor([2.0, 0, 1, 1])
print("paper's order", (w @ x).item(), "| x moved, w not", (w @ x[order]).item(), end=" | ")
print("both moved", (w[order] @ x[order]).item())

assert (w @ x, w @ x[order], w[order] @ x[order]) == (20, 14, 20)
torch.testing.assert_close(
    sinusoids(9, 4, "interleaved")[:, order], sinusoids(9, 4, "halves"), rtol=0, atol=0
)

# %% [markdown]
# ## 2 · Definition: the same function under other names
#
# Two models are **the same** if they give the same outputs for all inputs. Names need not agree,
# and neither need the order of the features: with P the matrix that puts features into another
# order,
#
# $$(W P^\top)(P x) = W x, \qquad \mathrm{LayerNorm}(P x) = P\,\mathrm{LayerNorm}(x),$$
#
# where the scale and shift of LayerNorm move too. So all that *reads* `d_model` features has its
# columns moved, and all that *writes* them has its rows moved:
#
# | part | shape | reads d_model | writes d_model |
# | --- | --- | --- | --- |
# | embedding | (vocab, d_model) | | columns move: a row is a vector |
# | `in_proj_weight` | (3 d_model, d_model) | columns move | no: it writes queries, keys, values |
# | `out_proj`, `linear2` | (d_model, …) | | rows and bias move |
# | `linear1`, `output` | (…, d_model) | columns move | |
# | `norm` | (d_model,) | | weight and bias move |
#
# Everything else is a matter of names. This is the first half of the crosswalk; the options follow
# in section 7.
#
# | the paper's part | ours | torch `nn.Transformer` | fairseq, and Marian |
# | --- | --- | --- | --- |
# | embeddings | `src_embedding`, `tgt_embedding` | yours | `embed_tokens`, twice |
# | positional encoding | `sinusoids` | yours | `embed_positions` |
# | layer i | `encoder.i`, `decoder.i` | `encoder.layers.i` | `encoder.layers.i` |
# | self-attention | `self_attn` | `self_attn` | `self_attn` |
# | attention to the encoder | `multihead_attn` | `multihead_attn` | `encoder_attn` |
# | W^Q, W^K, W^V | `in_proj_weight`, all three | the same | `q_proj`, `k_proj`, `v_proj` |
# | W^O | `out_proj` | `out_proj` | `out_proj` |
# | W_1, W_2 | `linear1`, `linear2` | the same | `fc1`, `fc2` |
# | norm after self-attention | `norm1` | `norm1` | `self_attn_layer_norm` |
# | … attention to the encoder | `norm2` of the decoder | the same | `encoder_attn_layer_norm` |
# | … feed-forward | the last of them | the same | `final_layer_norm` |
# | last linear | `output` | yours | `output_projection`; Marian: `lm_head` |
#
# OpenNMT's two are of one house and do not share names either:
#
# | the paper's part | OpenNMT-py | CTranslate2 |
# | --- | --- | --- |
# | embeddings | `encoder.embeddings`, `decoder.embeddings` | `embeddings_0`, `embeddings` |
# | positional encoding | `PositionalEncoding`, in the embeddings | `position_encodings` |
# | layer i | `encoder.transformer.i`, `decoder.transformer_layers.i` | `layer_i` |
# | self-attention | `self_attn` | `self_attention` |
# | attention to the encoder | `context_attn` | `attention` |
# | W^Q, W^K, W^V | `linear_query`, `linear_keys`, `linear_values` | all but the last `linear_…` |
# | W^O | `final_linear` | the last `linear_…` |
# | W_1, W_2 | `feed_forward.w_1`, `feed_forward.w_2` | `ffn/linear_0`, `ffn/linear_1` |
# | norms | before each: `layer_norm_1`, … | `layer_norm` inside each part |
# | last linear | `generator` | `projection` |
#
# OpenNMT-py has pre-norm layers only. The names of ours and torch, and of ours and Marian, need not
# be believed: `course/convert.py` carries weights by them.

# %%
torch.manual_seed(0)
model = Transformer(settings()).eval()
marian = to_marian(model)  # Hugging Face's class, our weights
for toolkit, names in (("torch", TO_TORCH), ("Marian", TO_MARIAN)):
    print(f"{'ours':28s}{toolkit}")
    for ours, theirs in names:
        print(f"{ours:28s}{theirs}")
n_ours = sum(weight.numel() for weight in model.parameters())
n_theirs = sum(weight.numel() for name, weight in marian.named_parameters() if "posit" not in name)
print("parameters:", n_ours, "ours,", n_theirs, "of Marian, and", len(TARGET), "in a buffer")

qkv = marian.model.decoder.layers[0].self_attn
stacked = torch.cat([part.weight for part in (qkv.q_proj, qkv.k_proj, qkv.v_proj)])
columns = in_halves(model).decoder[0].self_attn.in_proj_weight  # (3 d_model, d_model), moved
assert torch.equal(stacked, columns)
assert n_ours == n_theirs + len(TARGET)
assert "final_logits_bias" in dict(marian.named_buffers())

# %% [markdown]
# Keep the last line in mind: the bias of the output layer is a parameter in ours and a **buffer**,
# `final_logits_bias`, in Marian. A buffer is saved and loaded, and no optimiser changes it.
#
# ### Experiment: equal outputs
#
# Three engines with the same weights: torch's layers, Marian, and CTranslate2, the OpenNMT
# project's engine in C++ that is no torch at all. Every number of the model gets noise, biases and
# norms too, since a fresh bias of 0 and a fresh norm of 1 hide mistakes. The figure is the largest
# difference of log p of a true symbol, over eight dates of different lengths.


# %%
dates = unseen()[:8]
batch = as_batch(dates)  # src (b, n_s), tgt_in and tgt_out (b, n_t)
hidden = batch.src == PAD  # True: may not be attended


def random_model(seed):
    """A model with noise on every number, in evaluation."""
    torch.manual_seed(seed)
    model = Transformer(settings()).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter += 0.1 * torch.randn_like(parameter)
    return model


def log_p(logits):
    """Log-probability of what is asked for. (b, n_t, vocab) -> (b, n_t)."""
    return logits.log_softmax(dim=-1).gather(-1, batch.tgt_out[..., None])[..., 0]


def by_ours(model):
    """Our own log-probabilities, (b, n_t)."""
    return log_p(model(batch.src, batch.tgt_in))


def by_marian(marian, visible=~hidden, tgt_in=batch.tgt_in):
    """Those of Hugging Face's class, which is told what may be attended."""
    with torch.no_grad():
        given = {"input_ids": batch.src, "decoder_input_ids": tgt_in}
        return log_p(marian(**given, attention_mask=visible.long()).logits)


# %%
def by_torch(model, final_norms=False):
    """nn.Transformer between our embeddings and our output layer."""
    layers, d_model = to_torch(model), model.settings.d_model
    if final_norms:
        layers.encoder.norm, layers.decoder.norm = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
    sources, targets = (
        embedding(tokens) * math.sqrt(d_model)
        + sinusoids(tokens.shape[1], d_model, model.settings.positions)
        for embedding, tokens in (
            (model.src_embedding, batch.src),
            (model.tgt_embedding, batch.tgt_in),
        )
    )
    masks = {"src_key_padding_mask": hidden, "memory_key_padding_mask": hidden}
    future = model.future(targets.shape[1])  # (n_t, n_t), True: may not be attended
    with torch.no_grad():
        return log_p(model.output(layers(sources, targets, tgt_mask=future, **masks)))


def by_ctranslate2(model, end=()):
    """CTranslate2, which takes symbols and not numbers."""
    path = folder / "parity"
    to_ctranslate2(model, SOURCE, TARGET, path)
    translator = ctranslate2.Translator(str(path), intra_threads=1)
    scored = translator.score_batch(
        [[*pair.source, *end] for pair in dates], [list(pair.target) for pair in dates]
    )
    return torch.tensor([one.log_probs for one in scored])  # (b, n_t)


# %% [markdown]
# ## 3 · Break it: what a table of names does not tell
#
# Every weight has arrived under its right name, with its right shape, and no error was raised. What
# can still be wrong? Eight things:
#
# | forgotten | what happens |
# | --- | --- |
# | the layout of positions | features stay in the paper's order (section 1) |
# | the number of heads | it is in no weight: 8 heads load what 4 heads have learnt |
# | the output bias | the buffer stays 0 |
# | $\sqrt{d_{model}}$ | `scale_embedding=False` is Marian's default |
# | the mask | no `attention_mask`: padding is attended |
# | the start | the decoder begins with `<pad>`, Marian's way |
# | the norms at the end | torch's `nn.Transformer` has two more by default |
# | the end of the source | `</s>` behind it, fairseq's way |
#
# **Predict.** Which of the eight costs least? Is it small enough to pass for rounding?
#
# <details><summary>Answer</summary>
#
# The two norms: what comes to them has just been normalised, so that they change little. But little
# is a thousand times the tolerance and more. That is why a parity check to 1e-5 is worth its few
# lines, and one to .1 is not.
#
# </details>


# %%
def with_settings(model, **changes):
    """The same numbers, under the same names, in a model of other settings."""
    other = Transformer(replace(model.settings, **changes)).eval()
    other.load_state_dict(model.state_dict())
    return other.requires_grad_(False)


def without_bias(marian):
    """A Marian model whose buffer was forgotten."""
    marian.final_logits_bias.zero_()
    return marian


def without_scale(marian):
    """A Marian model with `scale_embedding=False`."""
    marian.model.encoder.embed_scale = marian.model.decoder.embed_scale = 1.0
    return marian


started_with_pad = torch.cat([torch.full((len(dates), 1), PAD), batch.tgt_in[:, 1:]], dim=1)
engines = {"torch": by_torch, "Marian": lambda m: by_marian(to_marian(m))}
engines["CTranslate2"] = by_ctranslate2
forgotten = {
    "layout of positions": lambda m: by_marian(to_marian(with_settings(m, positions="halves"))),
    "number of heads": lambda m: by_marian(to_marian(with_settings(m, n_heads=8))),
    "output bias": lambda m: by_marian(without_bias(to_marian(m))),
    "√d_model": lambda m: by_marian(without_scale(to_marian(m))),
    "mask": lambda m: by_marian(to_marian(m), visible=torch.ones_like(hidden)),
    "start": lambda m: by_marian(to_marian(m), tgt_in=started_with_pad),
    "norms at the end": lambda m: by_torch(m, final_norms=True),
    "end of the source": lambda m: by_ctranslate2(m, end=["</s>"]),
}
random_models = [random_model(seed) for seed in range(3)]
differences = {
    name: [(of(model) - by_ours(model)).abs().max().item() for model in random_models]
    for name, of in (engines | forgotten).items()
}

# %%
[ax] = panels(1, 1, 7.6, 4.0)
for height, (name, values) in enumerate(reversed(differences.items())):
    color, marker = (BLUE, "o") if name in engines else (ORANGE, "s")
    shown = [max(value, 1e-8) for value in values]  # torch's may be 0
    ax.plot(shown, [height] * 3, marker, color=color, alpha=0.7)
ax.axvline(1e-5, color="black", linestyle="--", linewidth=1)
ax.text(1.15e-5, len(differences) - 0.6, "tolerance", fontsize=9)
labels = [name if name in engines else f"wrong: {name}" for name in reversed(differences)]
ax.set_yticks(range(len(differences)), labels)
_ = ax.set(xscale="log", xlim=(5e-9, 100), xlabel="largest difference of log p from ours (nats)")

# %% [markdown]
# *Figure: differences of log p from our model on a logarithmic axis, three models each. The circles
# of Marian and CTranslate2 lie near 1e-6, that of torch at the left edge, which stands for 0; all
# are left of the dashed tolerance of 1e-5. The squares of the eight forgotten details lie far to
# the right of it, between .05 and 5.*

# %%
claim(
    "The same weights give the same log-probabilities in torch, Marian and CTranslate2",
    figure="largest difference of log p (nats), worst of three engines",
    values=[max(differences[name][seed] for name in engines) for seed in range(3)],
    below=1e-5,
    without="with one detail forgotten, the least harmful of eight",
    broken=[min(differences[name][seed] for name in forgotten) for seed in range(3)],
)
assert min(min(differences[name]) for name in forgotten) > 1e-2
for model in random_models:  # and back: nothing is lost on the way there
    assert (by_ours(from_marian(to_marian(model))) - by_ours(model)).abs().max() < 1e-5
exactly = random_models[0].double()
exact_difference = (by_marian(to_marian(exactly)) - by_ours(exactly)).abs().max().item()
print(f"Marian in float64: {exact_difference:.0e}")
assert exact_difference < 1e-12

# %% [markdown]
# **Claim.** On three random models all three engines give our log-probabilities to 1e-5, and each
# of eight forgotten details changes one by more than .01. Carried to Marian and back, a model is
# what it was; in float64 the difference is below 1e-12, so that what is left in float32 is
# rounding.
#
# **What it does not show.** That the engines are equal in all they do. They agree on a function
# from tokens to probabilities. Where tokens come from, how a text is searched, and how a model is
# trained are other questions, to which we turn now.
#
# ## 4 · Hugging Face: the same training
#
# If the model is the same, is the training? Hugging Face's `Trainer` brings its own loop,
# optimiser, schedule and label smoothing. We give it our starting weights and our batches, lines of
# one date and of two, so that there is padding on both sides. What has to be said in its words:

# %%
UPDATES, RISE = 20, 7
recipe = {
    "max_steps": UPDATES,
    "learning_rate": 3e-3,  # the peak
    "lr_scheduler_type": "linear",  # a rise, then a straight line to 0
    "warmup_steps": RISE,
    "optim": "adamw_torch",
    "weight_decay": 0.0,  # so that it is Adam
    "adam_beta1": 0.9,
    "adam_beta2": 0.98,
    "adam_epsilon": 1e-9,
    "label_smoothing_factor": 0.1,
    "max_grad_norm": 0.0,  # no clipping; the default is 1
}
assert recipe == ARGUMENTS | {"max_steps": UPDATES, "warmup_steps": RISE}


def halves(seed, step):
    """Eight lines of one date, and eight of two, apart."""
    draw = random.Random(f"{seed} {step}")
    return [drawn(8, draw, "train", count) for count in (1, 2)]


def mixed(seed, step):
    """The two in one batch."""
    return as_batch([pair for half in halves(seed, step) for pair in half])


def one_half(seed):
    """The two one after the other: a function of the number of the micro-batch."""
    return lambda number: as_batch(halves(seed, number // 2)[number % 2])


# %% [markdown]
# `learn` in `course/experiments/hugging_face.py` hands these to `TrainingArguments` and returns the
# loss of each update. Two things about its batches are worth a look: where there is padding the
# labels are −100, which is no symbol's number and tells the loss to leave the place out, and
# `attention_mask` is 1 where a token **may** be attended (torch's padding masks are True where it
# may not). And ours:


# %%
def fresh(seed):
    """Our untrained model."""
    torch.manual_seed(seed)
    return Transformer(settings())


def by_our_trainer(seed, bias=False, denominator="K", epsilon=EPSILON, early=0, clip_norm=0.0):
    """Our losses; the output bias is trained only if `bias`. early: updates by which rates lead."""
    model = fresh(seed)
    model.output.bias.requires_grad_(bias)
    optimizer = torch.optim.Adam(model.parameters(), betas=BETAS, eps=1e-9)
    rate = linear_decay(3e-3, RISE, UPDATES)
    criterion = label_smoothed(epsilon, denominator)
    trainer = Trainer(model, criterion, optimizer, lambda u: rate(u - 1 + early), clip_norm)
    return torch.tensor([trainer.update([mixed(seed, step)]) for step in range(UPDATES)])


def by_their_trainer(seed, batch_of_step=None, ignored=IGNORED, **changes):
    """Their losses, from the same weights."""
    made = batch_of_step or (lambda step: mixed(seed, step))
    return torch.tensor(learn(to_marian(fresh(seed)), made, recipe | changes, ignored))


# %% [markdown]
# Note three choices in `by_our_trainer`. The output bias is frozen, because a buffer is. Update u
# has the rate of step u − 1, so the first update has the rate 0: that is Hugging Face's count, and
# fairseq's. And the smoothing shares ε among all K symbols: so do torch and Hugging Face; fairseq
# shares it among the K − 1 others. If fairseq's ε is called ε′, then ε′ = ε (K − 1) / K gives the
# same targets: ε′ / (K − 1) = ε / K for each other symbol.
#
# **Predict.** Which of these changes the losses by more than 1e-4 within 20 updates: fairseq's
# smoothing with ε′; the same with ε left as it is; two half batches accumulated; training the bias;
# rates that come one update early; clipping the gradient to length 1?
#
# <details><summary>Answer</summary>
#
# The first and the third do not. All the others do, and so does padding that is counted. The bias
# changes least: it is sixteen of 173,520 numbers.
#
# </details>

# %%
K = len(TARGET)
curves, gaps = [], {}
for seed in range(3):
    theirs = by_their_trainer(seed)
    others = {
        "as it should be": by_our_trainer(seed),
        "K − 1, with ε′": by_our_trainer(seed, denominator="K-1", epsilon=EPSILON * (K - 1) / K),
        "two halves accumulated": by_their_trainer(
            seed, one_half(seed), gradient_accumulation_steps=2
        ),
        "K − 1, with ε": by_our_trainer(seed, denominator="K-1"),
        "output bias trained": by_our_trainer(seed, bias=True),
        "rates one update early": by_our_trainer(seed, early=1),
        "clipped to length 1": by_our_trainer(seed, clip_norm=1.0),
        "padding counted": by_their_trainer(seed, ignored=PAD),
    }
    curves.append((theirs, others["as it should be"]))
    for name, losses in others.items():
        gaps.setdefault(name, []).append((losses - theirs).abs())  # (updates,)
equal = list(gaps)[:3]
for name, of_seeds in gaps.items():
    print(f"{name:24s}", [f"{gap.max().item():.1e}" for gap in of_seeds])

# %%
left, right = panels(1, 2, 5.2, 3.9)
for seed, (theirs, ours) in enumerate(curves):
    left.plot(range(1, UPDATES + 1), theirs, color=ORANGE, linewidth=5, alpha=0.4)
    left.plot(range(1, UPDATES + 1), ours, "--", color=BLUE)
    if seed == 0:
        left.lines[0].set_label("Hugging Face's Trainer")
        left.lines[1].set_label("ours")
left.set(xlabel="update", xticks=range(0, UPDATES + 1, 5), title="three seeds")
left.set(ylabel="loss (nats per symbol)")
left.legend()
for height, (name, of_seeds) in enumerate(reversed(gaps.items())):
    color, marker = (BLUE, "o") if name in equal else (ORANGE, "s")
    largest = [gap.max().item() for gap in of_seeds]
    right.plot(largest, [height] * 3, marker, color=color, alpha=0.7)
right.axvline(1e-4, color="black", linestyle="--", linewidth=1)
right.set_yticks(range(len(gaps)), reversed(gaps))
_ = right.set(xscale="log", xlabel="largest difference of the loss (nats)", title="20 updates")

# %% [markdown]
# *Figure: left, the loss over 20 updates on three seeds: a broad line of Hugging Face's Trainer and
# a dashed one of ours, which lies on it throughout. Right, the largest difference of the two on a
# logarithmic axis. Circles, left of the dashed 1e-4: as it should be, fairseq's smoothing with ε′,
# two halves accumulated. Squares, right of it: the same smoothing with ε, a trained bias, rates one
# update early, clipping, padding counted.*

# %%
claim(
    "Our Trainer and Hugging Face's are the same training",
    figure="largest difference of the loss over 20 updates (nats), worst of three ways",
    values=[max(gaps[name][seed].max() for name in equal) for seed in range(3)],
    below=1e-4,
    without="with one word wrong, the least harmful of five",
    broken=[min(gaps[n][seed].max() for n in gaps if n not in equal) for seed in range(3)],
)
least_wrong = min(set(gaps) - set(equal), key=lambda name: max(gap.max() for gap in gaps[name]))
assert least_wrong == "output bias trained"

# %% [markdown]
# **Claim.** On three seeds, from equal weights and on equal batches, the losses agree to 1e-4 over
# 20 updates, also with fairseq's smoothing and the ε that belongs to it, and if two half batches of
# different lengths are accumulated there (`gradient_accumulation_steps`). With any one of five
# words wrong they do not.
#
# **What it does not show.** That one could never tell the two apart. Rounding differs, and what is
# a matter of rounding can grow from update to update; we looked at twenty. Nor that the wrong words
# are *bad*: clipping, or a bias, may do good. They are other trainings.
#
# ### Trained there, used here
#
# The whole of it: MarianMT of our size learns dates by Hugging Face's Trainer, in 800 updates, and
# comes back into our model. Whoever carries the weights back by their names alone, and keeps the
# paper's positions, gets a model too.

# %%
marian, losses = learn_dates(seed=0)  # half a minute or so
ours = from_marian(marian)
ours.requires_grad_(False)
there = table("hugging_face")
[in_table] = there.column("exact", seed=0)
live = exact(ours, unseen()[:500])
print(f"seed 0, unseen days: live {live:.3f}, in the table of {there.date} {in_table}")
print("all seeds:", there.column("exact"), "CPU seconds:", there.column("cpu_seconds"))
print("by names alone:", there.column("exact_by_names"))

assert there.settings["arguments"] == ARGUMENTS
assert ARGUMENTS["max_steps"] == 800
assert abs(live - in_table) < 0.03  # another 500 dates, another processor
assert (by_ours(ours) - by_marian(marian)).abs().max() < 1e-4
claim(
    "What Hugging Face's Trainer has trained reads dates in our model",
    figure="share of 1,000 dates that are right",
    values=there.column("exact"),
    above=0.97,
    without="carried back by names, positions forgotten",
    broken=there.column("exact_by_names"),
)

# %% [markdown]
# **Claim.** On three seeds, a MarianMT model of our size that was trained by Hugging Face's Trainer
# reads more than 97 % of the dates when its weights stand in our model, and not if its positions
# are forgotten.
#
# **What it does not show.** That their Trainer made it so. Our own loop does as well (lecture 09);
# what counts is the recipe, and that was the same.
#
# ## 5 · OpenNMT: the same model, run by CTranslate2
#
# OpenNMT-py trains, and for translating its project has an engine of its own, CTranslate2: no
# autograd, no Python in the loop, and it keeps the keys and values of what it has written,
# in place of computing them again. Ours computes all of them again for each symbol.
#
# OpenNMT-py has three commands (its quickstart), and CTranslate2 a converter for what they leave:
#
#     onmt_build_vocab -config dates.yaml -n_sample 10000
#     onmt_train -config dates.yaml
#     onmt_translate -model model_step_1000.pt -src test.src -output predictions.txt
#     ct2-opennmt-py-converter --model_path model_step_1000.pt --output_dir model
#
# The converter expects OpenNMT-py's pre-norm layers, so ours goes by `course/opennmt.py`, which
# fills in the same specification, `TransformerSpec`, part by part.
#
# **Predict.** The trained model translates 200 dates greedily. By which factor is CTranslate2
# faster than ours, on one thread: 2, 10, 100? And if it gets the dates one by one?
#
# <details><summary>Answer</summary>
#
# By several times, as the next cells show for this machine; by less if it gets the dates one by
# one: a matrix of one row leaves the processor idle.
#
# </details>

# %%
to_ctranslate2(ours, SOURCE, TARGET, folder / "float32")
to_ctranslate2(from_marian(marian), SOURCE, TARGET, folder / "int8", quantization="int8")
translators = {
    kind: ctranslate2.Translator(str(folder / kind), intra_threads=1)
    for kind in ("float32", "int8")
}
few = unseen()[:200]
few_src, few_texts = as_batch(few).src, [list(pair.source) for pair in few]


def texts_of(found):
    """Translations of CTranslate2 as texts."""
    return ["".join(one.hypotheses[0]) for one in found]


def run_ours():
    """Our greedy translations."""
    return ["".join(TARGET.decode(ids)) for ids in greedy(ours, few_src, BOS, EOS, 12)]


def run_theirs(kind="float32", at_once=200):
    """CTranslate2's, so many sentences at once."""
    options = {"beam_size": 1, "max_decoding_length": 12, "max_batch_size": at_once}
    return texts_of(translators[kind].translate_batch(few_texts, **options))


assert run_ours() == run_theirs() == run_theirs(at_once=1)

# %%
sentences = as_batch(few[:30]).src
best = [found[0] for found in beam_search(ours, sentences, BOS, EOS, max_len=12, beam=4)]
by_engine = translators["float32"].translate_batch(
    few_texts[:30], beam_size=4, max_decoding_length=12, min_decoding_length=0, return_scores=True
)  # of itself CTranslate2 gives no empty text, and takes the end out of the first step
apart = max(abs(one.scores[0] - two.score) for one, two in zip(by_engine, best, strict=True))
with torch.no_grad():
    generated = marian.generate(
        sentences, attention_mask=(sentences != PAD).long(), num_beams=4, max_new_tokens=12
    )
print("beam of four: the scores of the best differ by", apart)
assert texts_of(by_engine) == ["".join(TARGET.decode(one.ids)) for one in best]
assert apart < 1e-4
for row, one in zip(generated.tolist(), best, strict=True):
    assert row[1 : len(one.ids) + 1] == one.ids  # Hugging Face's beam, after its start

# %% [markdown]
# The same texts: greedily from ours and CTranslate2, and with a beam of four from Hugging Face too.
# The scores of the beam are the same as well: log p divided by the number of symbols, the end
# counted (`length_penalty=1` in CTranslate2, `--lenpen 1` in fairseq). Now the time:


# %%
def seconds(run):
    """CPU seconds of a run."""
    start = time.process_time()
    run()
    return time.process_time() - start


runs = {
    "ours": run_ours,
    "CTranslate2": run_theirs,
    "CTranslate2, int8": lambda: run_theirs("int8"),
    "CTranslate2, one by one": lambda: run_theirs(at_once=1),
}
taken = {name: torch.tensor([seconds(run) for _ in range(5)]) for name, run in runs.items()}
for name, times in taken.items():
    ratio = taken["ours"] / times
    print(
        f"{name:24s} {times.median():.3f} s ({times.min():.3f} to {times.max():.3f}), "
        f"{ratio.median():.1f} times as fast as ours"
    )
claim(
    "CTranslate2 writes the same dates in less time",
    figure="CPU seconds of ours / of CTranslate2, 200 dates",
    values=(taken["ours"] / taken["CTranslate2"]).tolist(),
    above=2,
    without="ours beside itself",
    broken=(taken["ours"] / taken["ours"].median()).tolist(),
    each="repetitions",
)
assert taken["CTranslate2, one by one"].median() > taken["CTranslate2"].median()

# %% [markdown]
# **Claim.** In five repetitions on this machine, CTranslate2 takes less than half of our time
# for the same 200 texts. The cell prints by how much more, and how the times spread.
#
# **What it does not show.** A law. The factor belongs to this processor, this small model and these
# short lines. Nor does it say that C++ is what helps: keeping keys and values, and dropping
# sentences that have ended, would help ours too.
#
# ### Eight bits
#
# `quantization="int8"` stores each row of a weight matrix as integers from −127 to 127 and one
# scale.
#
# **Predict.** Does the share of right dates change? Do the probabilities?
#
# <details><summary>Answer</summary>
#
# The probabilities do. The dates hardly: the right symbol leads by more than that.
#
# </details>

# %%
sizes = {
    kind: sum(path.stat().st_size for path in (folder / kind).iterdir()) for kind in translators
}
sets = [unseen()[start : start + 500] for start in (0, 500, 1_000)]
right = {kind: [] for kind in translators}
moved = {kind: [] for kind in translators}
for pairs in sets:
    symbols = [[list(getattr(pair, side)) for pair in pairs] for side in ("source", "target")]
    of_kind = {}
    for kind, translator in translators.items():
        found = texts_of(translator.translate_batch(symbols[0], beam_size=1))
        hits = [text == pair.target for text, pair in zip(found, pairs, strict=True)]
        right[kind].append(sum(hits) / len(hits))
        scored = translator.score_batch(*symbols)
        of_kind[kind] = torch.tensor([one.log_probs for one in scored])  # (500, n_t)
    some = as_batch(pairs)
    exact_log_p = ours(some.src, some.tgt_in).log_softmax(dim=-1)
    exact_log_p = exact_log_p.gather(-1, some.tgt_out[..., None])[..., 0]
    for kind, scores in of_kind.items():
        moved[kind].append((scores - exact_log_p).abs().max().item())
print("bytes:", sizes, " right:", right)
claim(
    "Eight bits are another function",
    figure="largest difference of log p from ours (nats)",
    values=moved["int8"],
    above=1e-2,
    without="with float32",
    broken=moved["float32"],
    each="sets of 500 dates",
)
changes = [abs(a - b) for a, b in zip(right["int8"], right["float32"], strict=True)]
assert max(changes) < 0.02
assert sizes["int8"] < 0.5 * sizes["float32"]

# %% [markdown]
# **Claim.** On three sets of 500 dates, int8 moves some log-probability by more than .01, and the
# share of right dates by less than two points; the folder has less than half of the bytes.
#
# **What it does not show.** That eight bits are free. A model that hesitates more, or that is
# larger, may lose more; one has to measure, on the task.
#
# ## 6 · fairseq: three commands
#
# fairseq made the Transformer of translation a matter of three commands, and many papers tell their
# training in its options. Its last release, 0.12.2, is of 2022. It asks for
# `hydra-core>=1.0.7,<1.1` (`setup.py`), and the newest hydra-core below 1.1, 1.0.7, cannot be
# imported on Python 3.11 or later. The reason fits into a cell. hydra (`hydra/conf/__init__.py`)
# and fairseq itself (`fairseq/dataclass/configs.py`: `common: CommonConfig = CommonConfig()`) write
# this:


# %%
@dataclass
class Common:
    seed: int = 1


try:

    @dataclass
    class Config:
        common: Common = Common()  # noqa: RUF009

    refused = ""
except ValueError as refusal:
    refused = str(refusal)
print(f"Python {sys.version.split()[0]}: {refused}")


@dataclass
class Mended:
    common: Common = field(default_factory=Common)  # one for each


assert "mutable default" in refused
assert Mended().common is not Mended().common
assert sys.version_info >= (3, 11)

# %% [markdown]
# Until Python 3.10 only lists, dicts and sets were refused as such a default; since 3.11 all is
# refused that has no hash, and an ordinary dataclass has none. A few lines in two packages would
# mend it, but the packages are not ours. So this course has the three commands itself,
# `course.preprocess`, `course.train` and `course.generate`, with fairseq's option names and
# fairseq's meaning; [docs/training.md](../docs/training.md) says what is the same and what is not.
#
# fairseq's own instructions for IWSLT'14 German–English, from its repository
# (`examples/translation/README.md`; what it adds to measure BLEU on the way is left out here):
#
#     fairseq-preprocess --source-lang de --target-lang en \
#         --trainpref $TEXT/train --validpref $TEXT/valid --testpref $TEXT/test \
#         --destdir data-bin/iwslt14.tokenized.de-en --workers 20
#     fairseq-train data-bin/iwslt14.tokenized.de-en \
#         --arch transformer_iwslt_de_en --share-decoder-input-output-embed \
#         --optimizer adam --adam-betas '(0.9, 0.98)' --clip-norm 0.0 \
#         --lr 5e-4 --lr-scheduler inverse_sqrt --warmup-updates 4000 \
#         --dropout 0.3 --weight-decay 0.0001 \
#         --criterion label_smoothed_cross_entropy --label-smoothing 0.1 --max-tokens 4096
#     fairseq-generate data-bin/iwslt14.tokenized.de-en \
#         --path checkpoints/checkpoint_best.pt --batch-size 128 --beam 5 --remove-bpe
#
# **Predict.** Which of the options of `fairseq-train` say how large the model is? Which say how
# much goes into a batch? Which one does our model not have?
#
# <details><summary>Answer</summary>
#
# The size is in the name of the architecture (512 features, 1,024 in the feed-forward, 4 heads, 6 +
# 6 layers). `--max-tokens 4096`: sentences of like length, until padded tokens are 4,096; there is
# no number of sentences. We do not share the decoder's embedding with the output layer.
#
# </details>

# %%
published = """--arch transformer_iwslt_de_en --share-decoder-input-output-embed
--optimizer adam --adam-betas '(0.9, 0.98)' --clip-norm 0.0 --lr 5e-4 --lr-scheduler inverse_sqrt
--warmup-updates 4000 --dropout 0.3 --weight-decay 0.0001
--criterion label_smoothed_cross_entropy --label-smoothing 0.1 --max-tokens 4096"""
known, unknown = train_options.parser().parse_known_args(
    ["data-bin", "-s", "de", "-t", "en", *shlex.split(published)]
)
of_size = train_options.settings(known, SOURCE, TARGET)
print("understood:", {name: getattr(known, name) for name in ("arch", "adam_betas", "max_tokens")})
print("the model: ", of_size.d_model, of_size.d_ff, of_size.n_heads, of_size.n_layers)
print("not known: ", unknown)
rates = [train_options.schedule(known)(update) for update in (1, 2_001, 4_001, 16_001)]
print("rates of updates 1, 2,001, 4,001, 16,001:", rates)

assert unknown == ["--share-decoder-input-output-embed"]
assert (of_size.d_model, of_size.d_ff, of_size.n_heads, of_size.n_layers) == (512, 1024, 4, 6)
assert rates == [0.0, 2.5e-4, 5e-4, 2.5e-4]

# %% [markdown]
# Now for real, on a small corpus of dates. Text comes as files, a sentence a line, tokens parted by
# spaces. Our tokens are characters, so the space itself is written as ▁.

# %%
for name, count in (("train", 1_200), ("valid", 100), ("test", 10)):
    pairs = drawn(count, random.Random(name), name)
    for suffix, side in (("src", "source"), ("iso", "target")):
        lines = [" ".join(getattr(pair, side).replace(" ", "▁")) for pair in pairs]
        (folder / f"{name}.{suffix}").write_text("\n".join(lines) + "\n", encoding="utf-8")
print((folder / "test.src").read_text(encoding="utf-8").splitlines()[0])
print((folder / "test.iso").read_text(encoding="utf-8").splitlines()[0])


def shell(command):
    """Run a command of the course in the folder; show it, and what it prints."""
    print("$", command)
    words = [sys.executable if word == "python" else word for word in shlex.split(command)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr)
    return done


languages = "--source-lang src --target-lang iso"
_ = shell(
    f"python -m course.preprocess {languages} --trainpref train --validpref valid --testpref test "
    "--destdir data-bin"
)

# %% [markdown]
# (`fairseq-preprocess` with the same options. It numbers the tokens now and writes binary files;
# ours keeps the text, as fairseq does with `--dataset-impl raw`.)

# %%
options = f"""{languages} --arch transformer_tiny --optimizer adam --adam-betas '(0.9, 0.98)'
--lr 0.005 --lr-scheduler inverse_sqrt --warmup-updates 40 --dropout 0
--criterion label_smoothed_cross_entropy --label-smoothing 0.1 --max-tokens 1000
--save-dir checkpoints --no-progress-bar --log-interval 20""".replace("\n", " ")
first = shell(f"python -m course.train data-bin {options} --max-epoch 2")
again = shell(f"python -m course.train data-bin {options} --max-epoch 3")

losses = [float(line.split("loss ")[1].split()[0]) for line in first.stdout.splitlines()[1:]]
assert losses[-1] < losses[0]
assert "going on after" in again.stdout

# %% [markdown]
# (`fairseq-train` with the same options.) Losses are in bits, as in fairseq: those of lecture 09,
# divided by ln 2. The second command was given one epoch more. It found the checkpoint and went on
# from there, which is what `--restore-file checkpoint_last.pt`, the default, means in both.

# %%
told = shell(
    f"python -m course.generate data-bin {languages} --path checkpoints/checkpoint_best.pt "
    "--beam 4 --max-len-b 12"
).stdout
wrong = shell(f"python -m course.train data-bin {options} --share-decoder-input-output-embed")

assert wrong.returncode == 2
assert "unrecognized arguments: --share-decoder-input-output-embed" in wrong.stderr

# %% [markdown]
# (`fairseq-generate` with the same options.) S is the source, T the target, H the best text found,
# with its score. Three epochs of a small corpus do not make a translator; this shows commands. The
# last command has an option from fairseq's instructions that ours does not know: one line says so,
# and nothing starts.
#
# ### Experiment: a checkpoint of the command line, in CTranslate2
#
# The score that `course.generate` prints is log₂ p divided by the number of symbols to the power of
# `--lenpen`. CTranslate2 has natural logarithms. If all is as we say, the two differ by ln 2 and by
# nothing else.

# %%
checkpoint = Checkpoint.load(folder / "checkpoints" / "checkpoint_best.pt")
to_ctranslate2(checkpoint.model(), *checkpoint.vocabularies(), folder / "command_line")
engine = ctranslate2.Translator(str(folder / "command_line"), intra_threads=1)
printed = [line.split("\t") for line in told.splitlines() if line[:2] in ("S-", "H-")]
sources = [tokens.split() for mark, *_, tokens in printed if mark[0] == "S"]
hypotheses = [(float(score), text.split()) for _, score, text in printed[1::2]]
found = engine.translate_batch(
    sources, beam_size=4, max_decoding_length=12, min_decoding_length=0, return_scores=True
)
same = [
    (score, one.scores[0])
    for (score, tokens), one in zip(hypotheses, found, strict=True)
    if one.hypotheses[0] == tokens and len(tokens) < 12
]
print(len(same), "of", len(found), "texts are the same and have ended")
claim(
    "The command line's scores are CTranslate2's, times ln 2",
    figure="difference of the scores (nats)",
    values=[abs(bits * math.log(2) - nats) for bits, nats in same],
    below=1e-4,
    without="bits taken for nats",
    broken=[abs(bits - nats) for bits, nats in same],
    each="sentences",
)
assert len(same) > len(found) / 2

# %% [markdown]
# **Claim.** For more than half of the sentences of the test set CTranslate2 finds the text that
# `course.generate` printed, and for each of them the score is the same to 1e-4, once bits are
# turned into nats.
#
# **What it does not show.** Equality with fairseq, which we cannot run here. What its options mean
# we have from its source; `tests/test_train.py` names the files.
#
# ## 7 · The paper and the tools
#
# The second half of the crosswalk. The paper gives few names; the section stands in their place.
#
# **The model** (3.1 to 3.5 of the paper)
#
# | | layers | features | feed-forward | heads | norms |
# | --- | --- | --- | --- | --- | --- |
# | paper | N | d_model | d_ff | h | post |
# | ours | `n_layers` | `d_model` | `d_ff` | `n_heads` | post, or `norm_first` |
# | fairseq `--encoder-…` | `layers` | `embed-dim` | `ffn-embed-dim` | `attention-heads` | either |
# | OpenNMT-py | `-layers` | `-hidden_size` | `-transformer_ff` | `-heads` | pre only |
# | Marian `encoder_…` | `layers` | (`d_model`) | `ffn_dim` | `attention_heads` | post only |
#
# fairseq: pre-norm by `--encoder-normalize-before`. Both name the decoder's sizes apart.
#
# **Positions** (3.5)
#
# | | order | wavelengths from 2π to | first position |
# | --- | --- | --- | --- |
# | paper, ours | sine, cosine, … | 10000^(1 − 2/d) · 2π | 0 |
# | fairseq | sines first | 10000 · 2π (divides by d/2 − 1) | 2: `padding_idx` + 1 |
# | OpenNMT-py | `SinusoidalInterleaved`: as the paper; `SinusoidalConcat`: as fairseq | | 0 |
# | Marian | sines first | the paper's | 0 |
#
# **Marks and masks**
#
# | | pad, begin, end, unknown | decoder starts with | padding of targets | a mask says |
# | --- | --- | --- | --- | --- |
# | ours | 0, 1, 2, 3 | begin | pad | True: hidden (torch's layers) |
# | fairseq | 1, 0, 2, 3 | end | pad | True: hidden |
# | OpenNMT-py | 1, 2, 3, 0 | begin | pad | True: hidden |
# | Hugging Face | `pad_token_id`, … | `decoder_start_token_id` | −100 | 1: visible |
#
# **Training** (5.1 to 5.4)
#
# | | schedule | rate of update u | label smoothing | clipping by default |
# | --- | --- | --- | --- | --- |
# | paper | 5.3, "Noam" | step u | .1, which K it does not say | no word |
# | ours | `noam`, `inverse_sqrt`, `linear_decay` | step u | `label_smoothed(ε, "K")` | none |
# | fairseq | `--lr-scheduler inverse_sqrt` | step u − 1 | `--label-smoothing`: K − 1 | none |
# | OpenNMT-py | `-decay_method noam` | step u | `-label_smoothing`: K | **5** |
# | Hugging Face | `lr_scheduler_type` | step u − 1 | `label_smoothing_factor`: K | **1** |
#
# Clipping: `--clip-norm`, `-max_grad_norm`, `max_grad_norm`. Warm-up: `--warmup-updates`,
# `-warmup_steps`, `warmup_steps`.
#
# | | size of a batch | gradients added up | the loss is divided by |
# | --- | --- | --- | --- |
# | paper | 25,000 tokens on each side | | |
# | ours | what `update` is given | `update([…, …])` | target tokens |
# | fairseq | `--max-tokens`, padded | `--update-freq` | target tokens |
# | OpenNMT-py | `-batch_size -batch_type tokens` | `-accum_count` | sentences, unless told |
# | Hugging Face | `per_device_train_batch_size` | `gradient_accumulation_steps` | target tokens |
#
# Hugging Face counts sentences; OpenNMT-py is told by `-normalization tokens`.
#
# **Writing** (6.1)
#
# | | beam | log p is divided by |
# | --- | --- | --- |
# | paper | 4 | ((5 + n) / 6)^.6 |
# | ours | `beam` | n^a, a is `lenpen` |
# | fairseq | `--beam` | n^a, a is `--lenpen` |
# | OpenNMT-py | `-beam_size` | n^a, a is `-alpha`; with `-length_penalty wu` as the paper |
# | CTranslate2 | `beam_size` | n^a, a is `length_penalty` |
# | Hugging Face | `num_beams` | n^a, a is `length_penalty` |
#
# (fairseq: `fairseq/dataclass/configs.py`, `modules/sinusoidal_positional_embedding.py`,
# `optim/lr_scheduler/`, `criterions/`. OpenNMT-py: `onmt/opts.py`, `onmt/utils/optimizers.py` and
# `loss.py`; in older releases its own loss shared ε among K − 2. Hugging Face: `training_args.py`,
# `trainer_pt_utils.py`. The paper's penalty is that of Wu et al., 2016.) The mask of this course is
# True where one **may** attend, as in `scaled_dot_product_attention`; torch's layers, and so
# `Transformer.future`, have the opposite.
#
# Two columns are easily missed: a loss divided by sentences where you mean tokens wants another
# learning rate, and a gradient that is clipped by a default you never set is another training.
#
# ## 8 · Check yourself
#
# **1.** A paper used fairseq with `--label-smoothing 0.1` and 16 symbols. Which
# `label_smoothing_factor` gives the same targets in Hugging Face?
#
# <details><summary>Answer</summary>
#
# ε = ε′ K / (K − 1) = .1 · 16 / 15 = .1067. With 37,000 symbols nobody would notice the difference.
#
# </details>
#
# **2.** Two checkpoints have the same names and the same shapes, and one was trained with 4 heads
# and one with 8. How do you find out which is which from the weights?
#
# <details><summary>Answer</summary>
#
# Not at all from shapes: the matrices are `d_model` by `d_model` in any case (lecture 04). The
# number of heads must be written down beside the weights, as `config.json` and our `Settings` do,
# or one tries which of the two works.
#
# </details>
#
# **3.** A colleague loads our weights into `nn.Transformer(...)` with `strict=False`, because "two
# norms are missing, but it loads". What do the outputs do?
#
# <details><summary>Answer</summary>
#
# They are wrong. The two final norms are not harmless at their start of weight 1 and bias 0: they
# normalise what has been normalised *and* scaled and shifted by the last norm, and so undo what it
# has learnt. `strict=False` turns an error that names the cause into outputs that do not.
#
# </details>

# %%
fairseqs, K_symbols = 0.1, 16
theirs = fairseqs * K_symbols / (K_symbols - 1)
assert math.isclose(theirs, 0.1067, abs_tol=5e-5)
logits = torch.randn(5, K_symbols, generator=torch.Generator().manual_seed(0))
targets = torch.arange(4, 9)
by_torchs = nn.functional.cross_entropy(logits, targets, label_smoothing=theirs)
log_q = logits.log_softmax(dim=-1)
right_one = log_q.gather(1, targets[:, None])[:, 0]
others_sum = log_q.sum(dim=1) - right_one
by_fairseqs = -((1 - fairseqs) * right_one + fairseqs * others_sum / (K_symbols - 1)).mean()
torch.testing.assert_close(by_torchs, by_fairseqs)

four, eight = (Transformer(settings(n_heads=n_heads)) for n_heads in (4, 8))
assert [w.shape for w in four.parameters()] == [w.shape for w in eight.parameters()]

assert min(differences["norms at the end"]) > 1e-2

# %% [markdown]
# **The assignment.** There is none of its own:
# [a7_training](../assignments/a7_training/a7_training.ipynb) has the parts that this lecture has
# named. If you want to try your hand, carry the model that you trained there to Marian, with the
# tables of `course/convert.py`.
#
# **Next.** [Lecture 13](13_tuning.ipynb): which of all these options matter, and how to find out
# without fooling yourself.
#
# ## 9 · Words
#
# | English | 한국어 |
# | --- | --- |
# | toolkit | 툴킷, 도구 모음 |
# | to carry weights over, to convert | 가중치를 옮기다, 변환하다 |
# | parity check | 동등성 검사 |
# | option, argument | 옵션, 인자 |
# | buffer | 버퍼 |
# | checkpoint | 체크포인트 |
# | to resume a training | 학습을 이어서 하다 |
# | gradient accumulation | 그래디언트 누적 |
# | gradient clipping | 그래디언트 클리핑 |
# | label smoothing | 라벨 스무딩 |
# | quantisation | 양자화 |
# | length penalty | 길이 페널티 |
# | special token | 특수 토큰 |
