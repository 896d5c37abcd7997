"""Assignment 2: cases, misconceptions, rules and help of every problem."""

import copy
import math
from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.nn import functional

from autograder.problem import Case, Draw, Misconception, Problem

# The built-ins that are what multi_head_attention and MultiHeadAttention build.
ATTENTION_OF_TORCH = (
    "scaled_dot_product_attention",
    "multi_head_attention_forward",
    "MultiheadAttention",
)

# Gradients of a module sum over batch and positions, and over more roundings.
SUMMED = (1e-4, 1e-3)


# split_heads --------------------------------------------------------------------------------------

BLOCKS = "x.unflatten(-1, (n_heads, -1))"
SPLIT_RESULT = "return blocks.transpose(-3, -2)"
SPLIT_CHECK = "x.shape[-1] % n_heads"


def split_heads_oracle(x: torch.Tensor, n_heads: int) -> torch.Tensor:
    """By the contract's words: a slice of the features for each head."""
    d_head, rest = divmod(x.shape[-1], n_heads)
    if rest:
        raise ValueError(f"{n_heads} heads do not divide {x.shape[-1]} features")
    return torch.stack([x[..., i * d_head : (i + 1) * d_head] for i in range(n_heads)], dim=-3)


def split_heads_cases(draw: Draw) -> Iterator[Case]:
    """Any number of batch dimensions; one head, and one feature per head; heads that do not fit."""
    b, n, d_head, more = draw.sizes(4, 2, 6)
    heads = draw.integer(3, 4)
    small = torch.arange(1.0, 13).reshape(3, 4)
    yield Case("the worked example", "shapes and order", (small, 2))
    yield Case("a batch", "shapes and order", (draw.normal(b, n, heads * d_head), heads))
    yield Case("no batch", "shapes and order", (draw.normal(n, heads * d_head), heads))
    two = draw.normal(b, more, n, heads * d_head)
    yield Case("two batch dimensions", "shapes and order", (two, heads))
    yield Case("one head", "shapes and order", (draw.normal(b, n, d_head), 1))
    yield Case("one feature per head", "shapes and order", (draw.normal(b, n, heads), heads))
    yield Case("one token", "shapes and order", (draw.normal(b, 1, heads * d_head), heads))
    exact = draw.normal(b, n, heads * d_head, dtype=torch.float64)
    yield Case("float64", "dtype and gradient", (exact, heads))
    steep = draw.normal(b, n, heads * d_head)
    yield Case("gradient", "dtype and gradient", (steep, heads), gradient=True)
    misfit = draw.normal(b, n, heads * d_head + 1)
    yield Case("heads that do not divide d_model", "heads that do not fit", (misfit, heads))
    few = draw.normal(b, n, heads - 1)
    yield Case("more heads than features", "heads that do not fit", (few, heads))
    fitting = draw.normal(b, n, heads * more)
    yield Case("beside them, heads that do", "heads that do not fit", (fitting, heads))


SPLIT_HEADS = Problem(
    signature="split_heads(x, n_heads)",
    returns=("result",),
    minutes=15,
    difficulty=1,
    points={"shapes and order": 1, "dtype and gradient": 1, "heads that do not fit": 1},
    cases=split_heads_cases,
    oracle=split_heads_oracle,
    misconceptions=(
        Misconception(
            "only_reshaped",
            seen="the shape is right, but a head holds whole tokens, not a block of each token.",
            think="reshape keeps the order of the numbers. Which axis must be moved, not cut?",
            edits={
                BLOCKS: "x",
                SPLIT_RESULT: "return blocks.reshape(*x.shape[:-2], n_heads, x.shape[-2], -1)",
            },
        ),
        Misconception(
            "interleaved",
            seen="head i has every n_heads-th feature instead of a contiguous block.",
            think="into which two numbers do you unfold the features, and in which order?",
            edits={BLOCKS: "x.unflatten(-1, (-1, n_heads)).transpose(-2, -1)"},
        ),
        Misconception(
            "heads_behind_tokens",
            seen="the heads stand behind the tokens: (..., n, n_heads, d_head).",
            think="which axis must stand in front, so that each head has all tokens to itself?",
            edits={SPLIT_RESULT: "return blocks"},
        ),
        Misconception(
            "features_before_tokens",
            seen="within a head, features and tokens have changed places.",
            think="follow one token of one head: which axis does it lie on?",
            edits={SPLIT_RESULT: "return blocks.movedim(-3, -1)"},
        ),
        Misconception(
            "heads_in_front_of_the_batch",
            seen="the heads stand in front of the batch.",
            think="how does the contract order batch, heads and tokens?",
            edits={SPLIT_RESULT: "return blocks.movedim(-2, 0)"},
        ),
        Misconception(
            "needs_a_batch",
            seen="with one batch dimension all is well; with none, or with two, it is not.",
            think="count axes from the end: x.shape[-1] is d_model in all of these cases.",
            edits={
                BLOCKS: "x.reshape(x.shape[0], x.shape[1], n_heads, -1)",
                SPLIT_RESULT: "return blocks.permute(0, 2, 1, 3)",
            },
        ),
        Misconception(
            "needs_no_batch",
            seen="without a batch all is well; with one it is not.",
            think="count axes from the end: x.shape[-1] is d_model in all of these cases.",
            edits={
                BLOCKS: "x.reshape(len(x), n_heads, -1)",
                SPLIT_RESULT: "return blocks.permute(1, 0, 2)",
            },
        ),
        Misconception(
            "pattern_without_batch",
            seen="without a batch all is well; where `x` has a batch axis, einops refuses the "
            "pattern.",
            think="which sign in a pattern stands for any number of axes, none included?",
            edits={
                "if x": "from einops import rearrange\n\n    if x",
                BLOCKS: 'rearrange(x, "n (h d) -> h n d", h=n_heads)',
                SPLIT_RESULT: "return blocks",
            },
        ),
        Misconception(
            "pattern_with_one_batch_axis",
            seen="with one batch dimension all is well; with none, or two, einops refuses the "
            "pattern.",
            think="which sign in a pattern stands for any number of axes, none included?",
            edits={
                "if x": "from einops import rearrange\n\n    if x",
                BLOCKS: 'rearrange(x, "b n (h d) -> b h n d", h=n_heads)',
                SPLIT_RESULT: "return blocks",
            },
        ),
        Misconception(
            "last_head_first",
            seen="the right blocks, but the heads in the opposite order.",
            think="which head takes the first features?",
            edits={SPLIT_RESULT: "return blocks.transpose(-3, -2).flip(-3)"},
        ),
        Misconception(
            "sizes_swapped",
            seen="there are d_head heads of n_heads features each.",
            think="into how many blocks do you cut, and how large is one?",
            edits={BLOCKS: "x.unflatten(-1, (-1, n_heads))"},
        ),
        Misconception(
            "the_rest_is_cut_off",
            seen="where n_heads does not divide d_model, the features left over are dropped in "
            "silence.",
            think="n_heads does not divide d_model: what does the contract ask for?",
            edits={
                SPLIT_CHECK: "False",
                BLOCKS: "x[..., : x.shape[-1] // n_heads * n_heads]"
                ".unflatten(-1, (n_heads, x.shape[-1] // n_heads))",
            },
        ),
        Misconception(
            "uneven_heads",
            seen="where n_heads does not divide d_model, zeros fill up the last head.",
            think="n_heads does not divide d_model: what does the contract ask for?",
            edits={
                SPLIT_CHECK: "False",
                BLOCKS: "torch.nn.functional.pad(x, (0, -x.shape[-1] % n_heads))"
                ".unflatten(-1, (n_heads, -1))",
            },
        ),
        Misconception(
            "an_assertion",
            seen="heads that do not divide d_model raise AssertionError, not ValueError.",
            think="assert raises AssertionError. Which error does the contract name?",
            edits={"raise ValueError": "raise AssertionError"},
        ),
        Misconception(
            "the_error_of_torch",
            seen="heads that do not divide d_model are left to torch, which raises RuntimeError.",
            think="who should say what is wrong, and by which error?",
            edits={SPLIT_CHECK: "False"},
        ),
        Misconception(
            "the_error_of_einops",
            seen="heads that do not divide d_model are left to einops, whose EinopsError is not "
            "a ValueError.",
            think="einops' refusal must become a ValueError: what can you look at before you cut?",
            edits={
                "if x": "from einops import rearrange\n\n    if x",
                SPLIT_CHECK: "False",
                BLOCKS: 'rearrange(x, "... n (h d) -> ... h n d", h=n_heads)',
                SPLIT_RESULT: "return blocks",
            },
        ),
        Misconception(
            "error_returned",
            seen="heads that do not divide d_model give a ValueError as the result: it is returned "
            "like a number, and nothing stops.",
            think="an error that is returned is a value like any other. Which word makes it stop "
            "the function?",
            edits={"raise ValueError": "return ValueError"},
        ),
    ),
    hints=(
        "Two steps: cut the last axis into (n_heads, d_head), then move the axis of the heads in "
        "front of that of the tokens.",
        "unflatten, reshape and einops' rearrange all cut an axis. Only transpose, permute, "
        "movedim and rearrange change the order of axes; reshape never does.",
        "Count axes from the end. After the cut x is (..., n, n_heads, d_head): tokens are axis -3 "
        "and heads axis -2, and they change places. Check d_model % n_heads before all that.",
    ),
    symptoms={
        "The shape is right and the numbers are not": "You have probably gone straight to the "
        "final shape with reshape or view. They fill the new shape in the old order: print "
        "x = torch.arange(12).reshape(3, 4) and what comes of it.",
        "It works with a batch and fails without": "Axes 0, 1, 2 are counted from the front. Count "
        "from the end.",
        "view says that the sizes are not compatible": "After a transpose the numbers no longer "
        "lie in order. Use reshape, or cut first and move later.",
    },
)

# merge_heads --------------------------------------------------------------------------------------

MERGE = "x.transpose(-3, -2).flatten(-2)"


def merge_heads_cases(draw: Draw) -> Iterator[Case]:
    """Any number of batch dimensions; one head, and one feature per head."""
    b, n, d_head, heads = draw.sizes(4, 2, 6)
    small = torch.tensor([[[1.0, 2], [5, 6], [9, 10]], [[3, 4], [7, 8], [11, 12]]])
    yield Case("the worked example", "shapes and order", (small,))
    yield Case("a batch", "shapes and order", (draw.normal(b, heads, n, d_head),))
    yield Case("no batch", "shapes and order", (draw.normal(heads, n, d_head),))
    yield Case("two batch dimensions", "shapes and order", (draw.normal(2, b, heads, n, d_head),))
    yield Case("one head", "shapes and order", (draw.normal(b, 1, n, d_head),))
    yield Case("one feature per head", "shapes and order", (draw.normal(b, heads, n, 1),))
    yield Case("one token", "shapes and order", (draw.normal(b, heads, 1, d_head),))
    exact = draw.normal(b, heads, n, d_head, dtype=torch.float64)
    yield Case("float64", "dtype and gradient", (exact,))
    steep = draw.normal(b, heads, n, d_head)
    yield Case("gradient", "dtype and gradient", (steep,), gradient=True)


MERGE_HEADS = Problem(
    signature="merge_heads(x)",
    returns=("result",),
    minutes=10,
    difficulty=1,
    points={"shapes and order": 1, "dtype and gradient": 1},
    cases=merge_heads_cases,
    oracle=lambda x: torch.cat([x[..., i, :, :] for i in range(x.shape[-3])], dim=-1),
    misconceptions=(
        Misconception(
            "only_reshaped",
            seen="the shape is right, but a row mixes tokens instead of joining one token's heads.",
            think="reshape keeps the order of the numbers. Which axis must be moved before?",
            edits={MERGE: "x.reshape(*x.shape[:-3], x.shape[-2], -1)"},
        ),
        Misconception(
            "interleaved",
            seen="feature 0 of every head comes first, then feature 1, and so on.",
            think="which should change faster along a row, the head or the feature within it?",
            edits={MERGE: "x.movedim(-3, -1).flatten(-2)"},
        ),
        Misconception(
            "last_head_first",
            seen="the heads are joined in the opposite order.",
            think="whose features come first?",
            edits={MERGE: "x.flip(-3).transpose(-3, -2).flatten(-2)"},
        ),
        Misconception(
            "summed",
            seen="the heads were added, so that a token has d_head features left.",
            think="should the heads lie on one another, or side by side?",
            edits={MERGE: "x.sum(dim=-3)"},
        ),
        Misconception(
            "averaged",
            seen="the mean over the heads was taken, so that a token has d_head features left.",
            think="should the heads lie on one another, or side by side?",
            edits={MERGE: "x.mean(dim=-3)"},
        ),
        Misconception(
            "joined_along_tokens",
            seen="the heads stand one below the other: (..., n_heads · n, d_head).",
            think="along which axis does a token grow when its heads are joined?",
            edits={MERGE: "x.flatten(-3, -2)"},
        ),
        Misconception(
            "tokens_joined",
            seen="each head's tokens stand in one row: (..., n_heads, n · d_head).",
            think="what should be left as rows, heads or tokens?",
            edits={MERGE: "x.flatten(-2)"},
        ),
        Misconception(
            "only_transposed",
            seen="the axes stand in the right order, but heads and features are still two axes.",
            think="how many features has a token in the end?",
            edits={MERGE: "x.transpose(-3, -2)"},
        ),
        Misconception(
            "needs_a_batch",
            seen="with one batch dimension all is well; with none, or with two, it is not.",
            think="count axes from the end.",
            edits={MERGE: "x.transpose(1, 2).flatten(2)"},
        ),
        Misconception(
            "needs_no_batch",
            seen="without a batch all is well; with one it is not.",
            think="count axes from the end.",
            edits={MERGE: "x.permute(1, 0, 2).flatten(1)"},
        ),
        Misconception(
            "pattern_without_batch",
            seen="without a batch all is well; where `x` has a batch axis, einops refuses the "
            "pattern.",
            think="which sign in a pattern stands for any number of axes, none included?",
            body="""
from einops import rearrange


def merge_heads(x):
    return rearrange(x, "h n d -> n (h d)")
""",
        ),
        Misconception(
            "pattern_with_one_batch_axis",
            seen="with one batch dimension all is well; with none, or two, einops refuses the "
            "pattern.",
            think="which sign in a pattern stands for any number of axes, none included?",
            body="""
from einops import rearrange


def merge_heads(x):
    return rearrange(x, "b h n d -> b n (h d)")
""",
        ),
        Misconception(
            "batch_flattened",
            seen="the batch has become part of the features.",
            think="from which axis on do you flatten?",
            edits={MERGE: "x.movedim(-2, 0).flatten(1)"},
        ),
    ),
    hints=(
        "Undo `split_heads`, its last step first.",
        "Move the axis of the heads back beside d_head, then make one axis of the two.",
        "transpose(-3, -2) gives (..., n, n_heads, d_head). flatten(-2), or reshape with -1 at the "
        "end, joins the last two axes.",
    ),
    symptoms={
        "merge_heads(split_heads(x, h)) is not x": "Try it on x = torch.arange(12.).reshape(3, 4) "
        "with two heads, and print what comes out after each step.",
        "view says that the sizes are not compatible": "After a transpose the numbers no longer "
        "lie in order. reshape or flatten copy them where they must.",
    },
)

# multi_head_attention -----------------------------------------------------------------------------

Q, K, V = "split(x_q @ w_q)", "split(x_kv @ w_k)", "split(x_kv @ w_v)"
SPLIT = "x.unflatten(-1, (n_heads, -1)).transpose(-3, -2)"
SCORES = "q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5"
SOFTMAX = "torch.softmax(scores, dim=-1)"
MERGED = "(weights @ v).transpose(-3, -2).flatten(-2)"
RESULTS = "return merged @ w_o, weights"


def multi_head_attention_oracle(
    x_q: torch.Tensor,
    x_kv: torch.Tensor,
    w_q: torch.Tensor,
    w_k: torch.Tensor,
    w_v: torch.Tensor,
    w_o: torch.Tensor,
    n_heads: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """torch's own function, which keeps its matrices transposed and its batch second."""
    d_model = x_q.shape[-1]
    queries, memory = x_q.transpose(0, 1), x_kv.transpose(0, 1)
    out, weights = functional.multi_head_attention_forward(
        queries,
        memory,
        memory,
        d_model,
        n_heads,
        torch.cat([w_q.T, w_k.T, w_v.T]),
        in_proj_bias=None,
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=w_o.T,
        out_proj_bias=None,
        average_attn_weights=False,
    )
    return out.transpose(0, 1), weights


def matrices(draw: Draw, d: int, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    """w_q, w_k, w_v, w_o, of a size at which scores differ and no softmax is dead."""
    return [draw.normal(d, d, scale=d**-0.5, dtype=dtype) for _ in range(4)]


def multi_head_attention_cases(draw: Draw) -> Iterator[Case]:
    """Self-attention and cross-attention; one head, one feature per head, one query, one key."""
    b, n_q, n_k, d_head = draw.sizes(4, 2, 6)
    heads = 3
    d = heads * d_head
    x, memory, w = draw.normal(b, n_q, d), draw.normal(b, n_k, d), matrices(draw, d)
    eye = torch.eye(2)
    asked = torch.tensor([[[1.0, 2]]])
    answers = torch.tensor([[[math.log(2), 0.0], [0, math.log(3) / 2], [0, 0]]])
    yield Case("the worked example", "values", (asked, answers, eye, eye, eye, eye, 2))
    yield Case("self-attention", "values", (x, x, *w, heads))
    yield Case("queries from elsewhere", "values", (x, memory, *w, heads))
    other = draw.normal(b, n_q, d)
    yield Case("as many queries as keys, from elsewhere", "values", (x, other, *w, heads))
    yield Case("one query", "values", (x[:, :1], memory, *w, heads))
    yield Case("one sentence", "values", (x[:1], memory[:1], *w, heads))
    yield Case(
        "as many tokens as features", "values", (draw.normal(1, d, d), memory[:1], *w, heads)
    )
    yield Case("one head", "other heads", (x, memory, *w, 1))
    yield Case("one feature per head", "other heads", (x, memory, *w, d))
    yield Case("one key", "other heads", (x, memory[:, :1], *w, heads))
    far = 60 * x
    yield Case("large scores", "other heads", (far, memory, *w, heads), tolerance=(2e-3, 2e-3))
    exact = [part.double() for part in (x, memory, *w)]
    yield Case("float64", "dtype and gradient", (*exact, heads))
    yield Case(
        "gradient", "dtype and gradient", (x, memory, *w, heads), gradient=True, tolerance=SUMMED
    )


MULTI_HEAD_ATTENTION = Problem(
    signature="multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads)",
    returns=("out", "weights"),
    minutes=30,
    difficulty=2,
    points={"values": 3, "other heads": 2, "dtype and gradient": 1},
    cases=multi_head_attention_cases,
    oracle=multi_head_attention_oracle,
    forbidden=ATTENTION_OF_TORCH,
    misconceptions=(
        Misconception(
            "scale_by_d_model",
            seen="the weights are too even: the scores were divided by √d_model.",
            think="how many products does the score of one head add up?",
            edits={SCORES: "q @ k.transpose(-2, -1) / x_q.shape[-1] ** 0.5"},
        ),
        Misconception(
            "scale_by_heads",
            seen="the scores were divided by √n_heads.",
            think="how many products does the score of one head add up?",
            edits={SCORES: "q @ k.transpose(-2, -1) / n_heads**0.5"},
        ),
        Misconception(
            "no_scale",
            seen="the weights are those of unscaled scores.",
            think="what are the scores of a head divided by?",
            edits={SCORES: "q @ k.transpose(-2, -1)"},
        ),
        Misconception(
            "no_root",
            seen="the scores were divided by d_head itself.",
            think="the variance of a score grows as d_head; what is its typical size?",
            edits={SCORES: "q @ k.transpose(-2, -1) / q.shape[-1]"},
        ),
        Misconception(
            "times_the_scale",
            seen="the scores were multiplied by √d_head.",
            think="is the scale to make scores larger or smaller?",
            edits={SCORES: "q @ k.transpose(-2, -1) * q.shape[-1] ** 0.5"},
        ),
        Misconception(
            "one_head_for_all",
            seen="there is one map per sentence: the features were never cut into heads.",
            think="on which features does one head form its scores?",
            edits={SPLIT: "x.unflatten(-1, (1, -1)).transpose(-3, -2)"},
        ),
        Misconception(
            "heads_by_reshape",
            seen="a head takes whole tokens instead of a block of features of every token.",
            think="after cutting the features, which axis must move in front of the positions?",
            edits={SPLIT: "x.reshape(len(x), n_heads, x.shape[1], -1)"},
        ),
        Misconception(
            "interleaved_heads",
            seen="head i takes every n_heads-th feature instead of a contiguous block.",
            think="into which two numbers do you unfold the features, and in which order?",
            edits={SPLIT: "x.unflatten(-1, (-1, n_heads)).movedim(-1, -3)"},
        ),
        Misconception(
            "merged_by_reshape",
            seen="the weights are right; in out, tokens and heads are mixed up.",
            think="before the heads are joined, which axis must stand beside d_head?",
            edits={MERGED: "(weights @ v).reshape(x_q.shape)"},
        ),
        Misconception(
            "heads_joined_interleaved",
            seen="the weights are right; in out, the features of the heads alternate.",
            think="which should change faster along a row, the head or the feature within it?",
            edits={MERGED: "(weights @ v).movedim(-3, -1).flatten(-2)"},
        ),
        Misconception(
            "no_w_o",
            seen="the weights are right; out has not gone through w_o.",
            think="what happens to the joined heads last of all?",
            edits={RESULTS: "return merged, weights"},
        ),
        Misconception(
            "w_o_before_joining",
            seen="the weights are right; w_o was applied to the values before attention and again "
            "after.",
            think="how often, and where, does each matrix act?",
            edits={V: "split(x_kv @ w_v @ w_o)"},
        ),
        Misconception(
            "w_o_transposed",
            seen="the weights are right; w_o acts as x @ w_o.T.",
            think="nn.Linear keeps its weight transposed. What does this contract say?",
            edits={RESULTS: "return merged @ w_o.T, weights"},
        ),
        Misconception(
            "matrices_transposed",
            seen="all matrices act as x @ w.T.",
            think="nn.Linear keeps its weight transposed. What does this contract say?",
            edits={
                Q: "split(x_q @ w_q.T)",
                K: "split(x_kv @ w_k.T)",
                V: "split(x_kv @ w_v.T)",
                RESULTS: "return merged @ w_o.T, weights",
            },
        ),
        Misconception(
            "keys_from_queries",
            seen="self-attention is right; elsewhere keys and values come from x_q.",
            think="which tokens answer?",
            edits={K: "split(x_q @ w_k)", V: "split(x_q @ w_v)"},
        ),
        Misconception(
            "only_keys_from_queries",
            seen="self-attention is right; elsewhere the keys come from x_q.",
            think="which tokens answer? A key and its value belong to the same token.",
            edits={K: "split(x_q @ w_k)"},
        ),
        Misconception(
            "values_from_queries",
            seen="self-attention is right; elsewhere the values come from x_q.",
            think="which tokens answer? A key and its value belong to the same token.",
            edits={V: "split(x_q @ w_v)"},
        ),
        Misconception(
            "keys_by_w_q",
            seen="queries and keys both go through w_q; w_k is never used.",
            think="how many matrices has the contract, and where does each of them act?",
            edits={K: "split(x_kv @ w_q)"},
        ),
        Misconception(
            "queries_from_keys",
            seen="self-attention is right; otherwise the queries come from x_kv.",
            think="which tokens ask?",
            edits={Q: "split(x_kv @ w_q)"},
        ),
        Misconception(
            "roles_of_inputs_swapped",
            seen="x_kv asks and x_q answers.",
            think="which tokens ask? The result has as many rows as they are.",
            edits={Q: "split(x_kv @ w_q)", K: "split(x_q @ w_k)", V: "split(x_q @ w_v)"},
        ),
        Misconception(
            "keys_and_values_swapped",
            seen="w_k and w_v have changed places.",
            think="which matrix makes what is compared, and which what is passed on?",
            edits={f"{K}, {V}": f"{V}, {K}"},
        ),
        Misconception(
            "queries_and_keys_swapped",
            seen="w_q and w_k have changed places.",
            think="which matrix makes queries?",
            edits={Q: "split(x_q @ w_k)", K: "split(x_kv @ w_q)"},
        ),
        Misconception(
            "values_not_projected",
            seen="the weights are right; the values have not gone through w_v.",
            think="what is averaged, the tokens or their values?",
            edits={V: "split(x_kv)"},
        ),
        Misconception(
            "values_are_keys",
            seen="the weights are right; the keys are averaged instead of the values, and w_v is "
            "never used.",
            think="what do the weights weigh?",
            edits={"weights @ v": "weights @ k"},
        ),
        Misconception(
            "over_queries",
            seen="columns of the weights sum to 1, not rows.",
            think="over which axis do the weights of one query run?",
            edits={SOFTMAX: "torch.softmax(scores, dim=-2)"},
        ),
        Misconception(
            "over_heads",
            seen="the weights of the heads sum to 1 together, at each query and key.",
            think="over which axis do the weights of one query in one head run?",
            edits={SOFTMAX: "torch.softmax(scores, dim=1)"},
        ),
        Misconception(
            "mean_of_the_maps",
            seen="out is right; the weights are the mean over the heads.",
            think="how many maps does the contract return per sentence?",
            edits={RESULTS: "return merged @ w_o, weights.mean(dim=1)"},
        ),
        Misconception(
            "maps_in_front",
            seen="out is right; the weights are (n_heads, b, n_q, n_k): the heads stand before "
            "the batch.",
            think="torch.stack puts its new axis in front unless told otherwise. Which axis is it?",
            edits={RESULTS: "return merged @ w_o, weights.transpose(0, 1)"},
        ),
        Misconception(
            "one_map_for_all_heads",
            seen="all heads use the same weights, the mean of theirs.",
            think="does each head attend by itself, or do they agree first?",
            edits={
                SOFTMAX: "torch.softmax(scores, dim=-1).mean(1, keepdim=True).expand_as(scores)"
            },
        ),
        Misconception(
            "scores_returned",
            seen="out is right; the second result are the scores, not the weights.",
            think="what is a row of weights, that a row of scores is not?",
            edits={RESULTS: "return merged @ w_o, scores"},
        ),
        Misconception(
            "only_out",
            seen="only one result came back, where two were asked for.",
            think="what else does the contract return?",
            edits={RESULTS: "return merged @ w_o"},
        ),
        Misconception(
            "swapped_results",
            seen="the two results have changed places.",
            think="which comes first in the contract?",
            edits={RESULTS: "return weights, merged @ w_o"},
        ),
    ),
    hints=(
        "Problems 1 and 2 do the cutting and the joining; between them stands attention of "
        "assignment 1, whose formula works with a batch dimension more: that of the heads.",
        "Project, split, scores, scale by √d_head, softmax over the keys, times values, merge, "
        "project with w_o. Write the shape behind each line.",
        "With q, k and v of shape (b, n_heads, n, d_head), q @ k.transpose(-2, -1) gives all "
        "scores of all heads, (b, n_heads, n_q, n_k), at once.",
    ),
    symptoms={
        "The weights are right and out is not": "Look at the way back: the heads are joined in a "
        "wrong order, or w_o has been forgotten.",
        "name 'scaled_dot_product_attention' is not defined": "The functions of assignment 1 are "
        "in another notebook. Copy yours into this answer cell.",
        "The check names “queries from elsewhere”": "Self-attention passes then. Which of the "
        "three projections takes x_q, and which take x_kv?",
    },
)

# MultiHeadAttention -------------------------------------------------------------------------------

DIVIDES = "d_model % n_heads"
HEAD_SPLIT = "x.unflatten(-1, (self.n_heads, -1)).transpose(-3, -2)"
HEAD_PAIRS = "(self.w_q, query), (self.w_k, key), (self.w_v, value)"
HEAD_RESULTS = "return self.w_o(merged), weights"


class OneHeadAtATime(nn.Module):
    """The oracle: rows of the four layers' weights for each head, one head after the other."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"{n_heads} heads do not divide {d_model} features")
        self.n_heads = n_heads
        for name in ("w_q", "w_k", "w_v", "w_o"):
            setattr(self, name, nn.Linear(d_model, d_model))

    def forward(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        outs, maps = [], []
        for rows in torch.arange(query.shape[-1]).chunk(self.n_heads):
            q, k, v = (
                functional.linear(x, layer.weight[rows], layer.bias[rows])
                for x, layer in ((query, self.w_q), (key, self.w_k), (value, self.w_v))
            )
            scores = torch.einsum("bid,bjd->bij", q, k) / math.sqrt(len(rows))
            maps.append(functional.softmax(scores, dim=-1))
            outs.append(functional.linear(maps[-1] @ v, self.w_o.weight[:, rows]))
        return torch.stack(outs).sum(dim=0) + self.w_o.bias, torch.stack(maps, dim=1)


def parameters(
    draw: Draw, d_model: int, dtype: torch.dtype = torch.float32
) -> dict[str, torch.Tensor]:
    """Weights and biases of the four layers, large enough that every one of them shows."""
    made = {}
    for name in ("w_q", "w_k", "w_v", "w_o"):
        made[f"{name}.weight"] = draw.normal(d_model, d_model, scale=d_model**-0.5, dtype=dtype)
        made[f"{name}.bias"] = draw.normal(d_model, dtype=dtype)
    return made


def in_training(
    answer: Callable[..., tuple[torch.Tensor, torch.Tensor]],
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
) -> object:
    """A driver: does the module answer in training mode, time and again, as it does in evaluation?

    The results are those of evaluation: what chance does in training cannot be told beforehand.
    """
    out, weights = answer(query, key, value)
    answer.train()
    same = True
    for _ in range(20):
        for now, before in zip(answer(query, key, value), (out, weights), strict=True):
            same = same and torch.allclose(now, before, atol=1e-4)
    return out, weights, same


def multi_head_module_cases(draw: Draw) -> Iterator[Case]:
    """Three different inputs; one head, one query; gradients of the parameters; a misfit."""
    b, n_q, n_k, d_head = draw.sizes(4, 2, 6)
    heads = 3
    d = heads * d_head
    init, given = (d, heads), parameters(draw, d)
    x, keys, values = draw.normal(b, n_q, d), draw.normal(b, n_k, d), draw.normal(b, n_k, d)

    def case(name: str, group: str, *args: object, **more: object) -> Case:
        return Case(name, group, args, **{"init": init, "parameters": given, **more})

    yield case("self-attention", "values", x, x, x)
    yield case("three different inputs", "values", x, keys, values)
    others = draw.normal(b, n_q, d), draw.normal(b, n_q, d)
    yield case("three different inputs of one length", "values", x, *others)
    yield case("one query", "values", x[:, :1], keys, values)
    yield case("one key", "values", x, keys[:, :1], values[:, :1])
    yield case("one head", "values", x, keys, values, init=(d, 1))
    yield case("one feature per head", "values", x, keys, values, init=(d, d))
    exact = {name: value.double() for name, value in given.items()}
    wide = tuple(part.double() for part in (x, keys, values))
    learning = "dtype, gradient and training"
    yield case("float64", learning, *wide, parameters=exact)
    yield case("gradient", learning, x, keys, values, gradient=True, tolerance=SUMMED)
    yield case("in training mode", learning, x, keys, values, driver=in_training)
    misfit = {"init": (d + 1, heads), "parameters": {}}
    yield case("heads that do not divide d_model", "heads that do not fit", x, x, x, **misfit)
    yield case("beside them, heads that do", "heads that do not fit", x, x, x)


MULTI_HEAD_MODULE = Problem(
    signature="MultiHeadAttention(d_model, n_heads)",
    forward="forward(query, key, value)",
    returns=("out", "weights"),
    minutes=30,
    difficulty=2,
    points={"values": 3, "dtype, gradient and training": 1, "heads that do not fit": 1},
    cases=multi_head_module_cases,
    oracle=OneHeadAtATime,
    forbidden=ATTENTION_OF_TORCH,
    misconceptions=(
        Misconception(
            "scale_by_d_model",
            seen="the weights are too even: the scores were divided by √d_model.",
            think="how many products does the score of one head add up?",
            edits={SCORES: "q @ k.transpose(-2, -1) / query.shape[-1] ** 0.5"},
        ),
        Misconception(
            "no_scale",
            seen="the weights are those of unscaled scores.",
            think="what are the scores of a head divided by?",
            edits={SCORES: "q @ k.transpose(-2, -1)"},
        ),
        Misconception(
            "no_root",
            seen="the scores were divided by d_head itself.",
            think="the variance of a score grows as d_head; what is its typical size?",
            edits={SCORES: "q @ k.transpose(-2, -1) / q.shape[-1]"},
        ),
        Misconception(
            "one_head_for_all",
            seen="there is one map per sentence: the features were never cut into heads.",
            think="on which features does one head form its scores?",
            edits={HEAD_SPLIT: "x[:, None]"},
        ),
        Misconception(
            "heads_by_reshape",
            seen="a head takes whole tokens instead of a block of features of every token.",
            think="after cutting the features, which axis must move in front of the positions?",
            edits={HEAD_SPLIT: "x.reshape(len(x), self.n_heads, x.shape[1], -1)"},
        ),
        Misconception(
            "interleaved_heads",
            seen="head i takes every n_heads-th feature instead of a contiguous block.",
            think="into which two numbers do you unfold the features, and in which order?",
            edits={HEAD_SPLIT: "x.unflatten(-1, (-1, self.n_heads)).movedim(-1, -3)"},
        ),
        Misconception(
            "cut_before_projecting",
            seen="the features were cut into heads before the projections: w_q of every feature "
            "has seen only some of them.",
            think="what does a head work on, a part of the token or a part of its query?",
            edits={
                "(self.split(layer(x)) for layer, x in pairs)": "("
                "torch.nn.functional.linear(self.split(x), "
                "layer.weight[: len(layer.weight) // self.n_heads, "
                ": len(layer.weight) // self.n_heads], "
                "layer.bias[: len(layer.weight) // self.n_heads]) for layer, x in pairs)"
            },
        ),
        Misconception(
            "merged_by_reshape",
            seen="the weights are right; in out, tokens and heads are mixed up.",
            think="before the heads are joined, which axis must stand beside d_head?",
            edits={MERGED: "(weights @ v).reshape(query.shape)"},
        ),
        Misconception(
            "heads_joined_interleaved",
            seen="the weights are right; in out, the features of the heads alternate.",
            think="which should change faster along a row, the head or the feature within it?",
            edits={MERGED: "(weights @ v).movedim(-3, -1).flatten(-2)"},
        ),
        Misconception(
            "no_w_o",
            seen="the weights are right; out has not gone through w_o.",
            think="what happens to the joined heads last of all?",
            edits={HEAD_RESULTS: "return merged, weights"},
        ),
        Misconception(
            "query_added",
            seen="the query was added to out.",
            think="the residual comes in the block around attention. Does this contract have one?",
            edits={HEAD_RESULTS: "return self.w_o(merged) + query, weights"},
        ),
        Misconception(
            "keys_from_queries",
            seen="self-attention is right; with other keys than queries it is not.",
            think="which of the three arguments goes through w_k?",
            edits={HEAD_PAIRS: "(self.w_q, query), (self.w_k, query), (self.w_v, query)"},
        ),
        Misconception(
            "only_keys_from_queries",
            seen="self-attention is right; elsewhere `query` goes through w_k, and `key` is never "
            "used.",
            think="which of the three arguments goes through w_k?",
            edits={HEAD_PAIRS: "(self.w_q, query), (self.w_k, query), (self.w_v, value)"},
        ),
        Misconception(
            "values_from_queries",
            seen="self-attention is right; elsewhere `query` goes through w_v, and `value` is "
            "never used.",
            think="which of the three arguments goes through w_v?",
            edits={HEAD_PAIRS: "(self.w_q, query), (self.w_k, key), (self.w_v, query)"},
        ),
        Misconception(
            "values_by_w_k",
            seen="the weights are right; `value` goes through w_k, and w_v is never used.",
            think="how many layers has the module, and which argument goes through each?",
            edits={HEAD_PAIRS: "(self.w_q, query), (self.w_k, key), (self.w_k, value)"},
        ),
        Misconception(
            "keys_by_w_q",
            seen="`query` and `key` both go through w_q; w_k is never used.",
            think="how many layers has the module, and which argument goes through each?",
            edits={HEAD_PAIRS: "(self.w_q, query), (self.w_q, key), (self.w_v, value)"},
        ),
        Misconception(
            "values_from_keys",
            seen="right where key and value are the same; `value` itself is never used.",
            think="which of the three arguments goes through w_v?",
            edits={HEAD_PAIRS: "(self.w_q, query), (self.w_k, key), (self.w_v, key)"},
        ),
        Misconception(
            "keys_and_values_swapped",
            seen="w_k was given the values and w_v the keys.",
            think="which of the three arguments goes through w_k?",
            edits={HEAD_PAIRS: "(self.w_q, query), (self.w_k, value), (self.w_v, key)"},
        ),
        Misconception(
            "queries_and_keys_swapped",
            seen="w_q was given the keys and w_k the queries, or the scores are transposed.",
            think="which of the three arguments asks?",
            edits={HEAD_PAIRS: "(self.w_q, key), (self.w_k, query), (self.w_v, value)"},
        ),
        Misconception(
            "over_queries",
            seen="columns of the weights sum to 1, not rows.",
            think="over which axis do the weights of one query run?",
            edits={SOFTMAX: "torch.softmax(scores, dim=-2)"},
        ),
        Misconception(
            "over_heads",
            seen="the weights of the heads sum to 1 together, at each query and key.",
            think="over which axis do the weights of one query in one head run?",
            edits={SOFTMAX: "torch.softmax(scores, dim=1)"},
        ),
        Misconception(
            "mean_of_the_maps",
            seen="out is right; the weights are the mean over the heads.",
            think="how many maps does the contract return per sentence?",
            edits={HEAD_RESULTS: "return self.w_o(merged), weights.mean(dim=1)"},
        ),
        Misconception(
            "maps_in_front",
            seen="out is right; the weights are (n_heads, b, n_q, n_k): the heads stand before "
            "the batch.",
            think="torch.stack puts its new axis in front unless told otherwise. Which axis is it?",
            edits={HEAD_RESULTS: "return self.w_o(merged), weights.transpose(0, 1)"},
        ),
        Misconception(
            "only_out",
            seen="only one result came back, where two were asked for.",
            think="what else does the contract return?",
            edits={HEAD_RESULTS: "return self.w_o(merged)"},
        ),
        Misconception(
            "swapped_results",
            seen="the two results have changed places.",
            think="which comes first in the contract?",
            edits={HEAD_RESULTS: "return weights, self.w_o(merged)"},
        ),
        Misconception(
            "no_bias_of_w_o",
            seen="the weights are right; the bias of w_o is missing from out.",
            think="is the layer called, or only its weight used?",
            edits={HEAD_RESULTS: "return merged @ self.w_o.weight.T, weights"},
        ),
        Misconception(
            "no_biases",
            seen="no bias is used: the numbers are those of layers whose biases are 0.",
            think="are the layers called, or only their weights used?",
            edits={
                "self.split(layer(x)) for": "self.split(x @ layer.weight.T) for",
                HEAD_RESULTS: "return merged @ self.w_o.weight.T, weights",
            },
        ),
        Misconception(
            "weights_not_transposed",
            seen="all weights act as x @ weight, with the biases added.",
            think="how does an nn.Linear keep its weight? And must you do its work yourself?",
            edits={
                "self.split(layer(x)) for": "self.split(x @ layer.weight + layer.bias) for",
                HEAD_RESULTS: "return merged @ self.w_o.weight + self.w_o.bias, weights",
            },
        ),
        Misconception(
            "dropout",
            seen="in training mode the results change from call to call; in evaluation they are "
            "right.",
            think="dropout draws at random. Does this contract ask for it?",
            edits={
                "weights = torch.softmax(scores, dim=-1)": "weights = torch.nn.functional.dropout("
                "torch.softmax(scores, dim=-1), 0.1, self.training)"
            },
        ),
        Misconception(
            "error_returned",
            seen="heads that do not divide d_model give a TypeError, not a ValueError: __init__ "
            "must not return a value.",
            think="an error that is returned is a value like any other. Which word makes it stop "
            "the function?",
            edits={"raise ValueError": "return ValueError"},
        ),
        Misconception(
            "any_number_of_heads",
            seen="heads that do not divide d_model raise no ValueError when the module is built.",
            think="n_heads does not divide d_model: what does your __init__ say?",
            edits={DIVIDES: "False"},
        ),
        Misconception(
            "another_error",
            seen="heads that do not divide d_model raise an error, but not a ValueError.",
            think="assert raises AssertionError. Which error does the contract name?",
            edits={"raise ValueError": "raise AssertionError"},
        ),
    ),
    hints=(
        "Problem 3 with layers in the place of matrices, and three inputs in the place of two. "
        "What you build once stands in __init__, what happens at each call in forward.",
        "super().__init__() first, then the check, then four nn.Linear(d_model, d_model) under "
        "the names that the contract gives; keep n_heads as an attribute, too.",
        "forward: self.w_q(query) in the place of x_q @ w_q, and so on; all the rest is the same, "
        "and self.w_o(...) comes last.",
    ),
    symptoms={
        "cannot assign module before Module.__init__() call": "super().__init__() must be the "
        "first line of __init__; lecture 04 shows a small module.",
        "Parameters are missing, or have other names": "The attributes must be called w_q, w_k, "
        "w_v and w_o, and must be nn.Linear layers with bias; list(module.state_dict()) tells what "
        "there is.",
        "The check names “three different inputs”": "Self-attention passes then. query, key and "
        "value are three tensors: which goes where? And n_q is not n_k.",
        "The check names “in training mode”": "Something is drawn at random: look for dropout.",
    },
)

# count_parameters ---------------------------------------------------------------------------------

COUNT = "return 4 * (weights + biases)"


def count_parameters_cases(draw: Draw) -> Iterator[Case]:
    """One head and several; a d_model of the paper's size."""
    heads, d_head = draw.integer(3, 6), draw.integer(7, 11)
    more, wide = draw.integer(7, 9), draw.integer(20, 60)
    yield Case("the worked example", "values", (2, 1))
    yield Case("several heads", "values", (heads * d_head, heads))
    yield Case("one head", "values", (more * wide, 1))
    yield Case("the same with more heads", "values", (more * wide, more))
    yield Case("as in the paper", "values", (512, 8))


COUNT_PARAMETERS = Problem(
    signature="count_parameters(d_model, n_heads)",
    returns=("result",),
    minutes=10,
    difficulty=1,
    points={"values": 2},
    cases=count_parameters_cases,
    oracle=lambda d_model, n_heads: sum(
        parameter.numel() for parameter in OneHeadAtATime(d_model, n_heads).parameters()
    ),
    misconceptions=(
        Misconception(
            "no_biases",
            seen="the result is short of the biases.",
            think="what does an nn.Linear learn besides its matrix?",
            edits={COUNT: "return 4 * weights"},
        ),
        Misconception(
            "biases_once",
            seen="the result holds the bias of one layer only.",
            think="how many of the layers have a bias?",
            edits={COUNT: "return 4 * weights + biases"},
        ),
        Misconception(
            "no_output_layer",
            seen="the result counts three layers.",
            think="which layers does the module have? Which acts last?",
            edits={COUNT: "return 3 * (weights + biases)"},
        ),
        Misconception(
            "no_bias_at_the_output",
            seen="the result is short of one layer's bias.",
            think="how many of the layers have a bias?",
            edits={COUNT: "return 4 * weights + 3 * biases"},
        ),
        Misconception(
            "every_head_anew",
            seen="right for one head; for several, the result is n_heads times too large.",
            think="does every head have matrices of d_model by d_model, or blocks of theirs?",
            edits={COUNT: "return n_heads * 4 * (weights + biases)"},
        ),
        Misconception(
            "inputs_of_every_head_anew",
            seen="right for one head; for several, three layers are counted n_heads times.",
            think="does every head have matrices of d_model by d_model, or blocks of theirs?",
            edits={COUNT: "return n_heads * 3 * (weights + biases) + weights + biases"},
        ),
        Misconception(
            "one_head_only",
            seen="right for one head; for several, the result counts the blocks of a single head.",
            think="how many blocks make up one matrix?",
            edits={COUNT: "return 4 * (weights + biases) // n_heads"},
        ),
        Misconception(
            "blocks_of_d_head_squared",
            seen="right for one head; for several, each head is counted as if it saw d_head "
            "features only.",
            think="what does a head's query depend on: a part of the token, or all of it?",
            edits={COUNT: "return 4 * n_heads * ((d_model // n_heads) ** 2 + d_model // n_heads)"},
        ),
        Misconception(
            "one_bias_per_head",
            seen="the biases are counted by heads, not by features.",
            think="how many numbers are in the bias of nn.Linear(d_model, d_model)?",
            edits={COUNT: "return 4 * (weights + n_heads)"},
        ),
        Misconception(
            "one_number_a_bias",
            seen="each layer's bias is counted as one number.",
            think="how many numbers are in the bias of nn.Linear(d_model, d_model)?",
            edits={COUNT: "return 4 * (weights + 1)"},
        ),
        Misconception(
            "one_layer",
            seen="the result is that of one of the layers.",
            think="how many layers does the module have?",
            edits={COUNT: "return weights + biases"},
        ),
        Misconception(
            "a_float",
            seen="the number is right, but it is a float.",
            think="which division gives an int, / or //? How many parameters are half ones?",
            edits={COUNT: "return 4.0 * (weights + biases)"},
        ),
    ),
    hints=(
        "Four layers of the same size. What does one nn.Linear(d_model, d_model) learn?",
        "A matrix with a row for each output and a column for each input, and a number for each "
        "output.",
        "The heads share the matrices: each head takes a block of their rows. So n_heads does not "
        "occur in the formula.",
    ),
    symptoms={
        "One head is right and several are not": "n_heads must not matter: cutting features into "
        "blocks adds no numbers. Print the shapes of MultiHeadAttention(12, 3).named_parameters().",
        "The result is a float": "/ always gives a float. // gives an int; so do + and * of ints.",
    },
)

# from_torch ---------------------------------------------------------------------------------------

OWN = "MultiHeadAttention(layer.embed_dim, layer.num_heads).to(layer.in_proj_weight.dtype)"
CHUNKS = "layer.in_proj_weight.chunk(3)"
COPIES = "linear.weight.copy_(weight)"
BIAS_COPIES = "linear.bias.copy_(bias)"
LAST_COPY = "own.w_o.weight.copy_(layer.out_proj.weight)"
LAST_BIAS = "own.w_o.bias.copy_(layer.out_proj.bias)"
HANDED_OVER = "return own"


def converted(
    answer: Callable[..., object],
    d_model: int,
    n_heads: int,
    in_proj_weight: torch.Tensor,
    in_proj_bias: torch.Tensor,
    out_proj_weight: torch.Tensor,
    out_proj_bias: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
) -> object:
    """A driver: build torch's layer, have it converted, use what came of it, train that a step.

    The third result is the output after the step; the last one says whether the layer is then as
    it was.
    """
    layer = torch.nn.MultiheadAttention(d_model, n_heads, batch_first=True, dtype=query.dtype)
    given = {
        "in_proj_weight": in_proj_weight,
        "in_proj_bias": in_proj_bias,
        "out_proj.weight": out_proj_weight,
        "out_proj.bias": out_proj_bias,
    }
    layer.load_state_dict(given)
    with torch.random.fork_rng():  # what is not copied is drawn, always the same
        torch.manual_seed(0)
        module = answer(layer)
    out, weights = module(query, key, value)
    if out.requires_grad:  # it does not where all parameters are frozen
        out.square().mean().backward()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.grad is not None:
                parameter -= 0.1 * parameter.grad
        trained, _ = module(query, key, value)
        for parameter in module.parameters():
            parameter.fill_(7.0)
    kept = layer.state_dict()
    same = all(
        kept[name].dtype == value.dtype and torch.equal(kept[name], value)
        for name, value in given.items()
    )
    return out, weights, trained, same


class TorchItself(nn.Module):
    """The oracle: a copy of the layer, asked for the weights of every head."""

    def __init__(self, layer: nn.MultiheadAttention) -> None:
        super().__init__()
        self.layer = copy.deepcopy(layer)

    def forward(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        out, weights = self.layer(query, key, value, average_attn_weights=False)
        return out, weights


def from_torch_cases(draw: Draw) -> Iterator[Case]:
    """Layers of both dtypes, with one head and with several; biases that are not 0."""
    b, n_q, n_k, d_head = draw.sizes(4, 2, 6)
    heads = draw.integer(3, 4)
    d = heads * d_head

    def case(name: str, group: str, n_heads: int, dtype: torch.dtype = torch.float32) -> Case:
        layer = (  # biases as large as what they are added to
            draw.normal(3 * d, d, scale=d**-0.5, dtype=dtype),
            draw.normal(3 * d, dtype=dtype),
            draw.normal(d, d, scale=d**-0.5, dtype=dtype),
            draw.normal(d, dtype=dtype),
        )
        inputs = (draw.normal(b, n, d, dtype=dtype) for n in (n_q, n_k, n_k))
        return Case(name, group, (d, n_heads, *layer, *inputs), driver=converted)

    yield case("several heads", "outputs and weights", heads)
    yield case("one head", "outputs and weights", 1)
    yield case("one feature per head", "outputs and weights", d)
    yield case("a layer in float64", "float64", heads, torch.float64)


FROM_TORCH = Problem(
    signature="from_torch(layer)",
    returns=("out", "weights", "out after a step of training", "layer unchanged"),
    minutes=30,
    difficulty=3,
    points={"outputs and weights": 3, "float64": 1},
    cases=from_torch_cases,
    oracle=TorchItself,
    forbidden=("scaled_dot_product_attention", "multi_head_attention_forward"),
    builds_on=("MultiHeadAttention",),
    misconceptions=(
        Misconception(
            "transposed",
            seen="all matrices were copied transposed.",
            think="torch's layer and nn.Linear both keep a row for each output. What is there to "
            "transpose?",
            edits={
                COPIES: "linear.weight.copy_(weight.T)",
                LAST_COPY: "own.w_o.weight.copy_(layer.out_proj.weight.T)",
            },
        ),
        Misconception(
            "input_matrices_transposed",
            seen="w_o is right; the three others were copied transposed.",
            think="torch's layer and nn.Linear both keep a row for each output. What is there to "
            "transpose?",
            edits={COPIES: "linear.weight.copy_(weight.T)"},
        ),
        Misconception(
            "output_matrix_transposed",
            seen="the weights are right; w_o was copied transposed.",
            think="what is layer.out_proj? Does its weight lie otherwise than yours?",
            edits={LAST_COPY: "own.w_o.weight.copy_(layer.out_proj.weight.T)"},
        ),
        Misconception(
            "nothing_copied",
            seen="the result has fresh random parameters.",
            think="assigning to a variable changes no layer. What copies numbers into a parameter?",
            edits={
                COPIES: "pass",
                BIAS_COPIES: "pass",
                LAST_COPY: "pass",
                LAST_BIAS: "pass",
            },
        ),
        Misconception(
            "no_input_biases",
            seen="w_o is right; the biases of the three others are still the random ones.",
            think="which four parameters does the layer have?",
            edits={BIAS_COPIES: "pass"},
        ),
        Misconception(
            "no_biases",
            seen="the matrices are right; all biases are still the random ones.",
            think="which four parameters does the layer have?",
            edits={BIAS_COPIES: "pass", LAST_BIAS: "pass"},
        ),
        Misconception(
            "no_output_layer",
            seen="the weights are right; w_o is still random.",
            think="which four parameters does the layer have?",
            edits={LAST_COPY: "pass", LAST_BIAS: "pass"},
        ),
        Misconception(
            "no_output_bias",
            seen="the weights are right; the bias of w_o is still random.",
            think="which four parameters does the layer have?",
            edits={LAST_BIAS: "pass"},
        ),
        Misconception(
            "biases_zero",
            seen="the matrices are right; all biases are 0.",
            think="a fresh layer of torch has biases of 0 here. Has a trained one?",
            edits={BIAS_COPIES: "linear.bias.zero_()", LAST_BIAS: "own.w_o.bias.zero_()"},
        ),
        Misconception(
            "keys_first",
            seen="w_q has the parameters that belong to w_k, and w_k those of w_q.",
            think="in which order does torch stack its three projections?",
            edits={"(own.w_q, own.w_k, own.w_v)": "(own.w_k, own.w_q, own.w_v)"},
        ),
        Misconception(
            "values_first",
            seen="the three projections were read in the order value, key, query.",
            think="in which order does torch stack its three projections?",
            edits={"(own.w_q, own.w_k, own.w_v)": "(own.w_v, own.w_k, own.w_q)"},
        ),
        Misconception(
            "rows_in_turn",
            seen="each projection was given every third row of in_proj_weight.",
            think="do the three matrices alternate, or follow one another?",
            edits={
                CHUNKS: "[layer.in_proj_weight[i::3] for i in range(3)]",
                "layer.in_proj_bias.chunk(3)": "[layer.in_proj_bias[i::3] for i in range(3)]",
            },
        ),
        Misconception(
            "head_by_head",
            seen="in_proj_weight was read as if q, k and v of head 0 came first, then of head 1.",
            think="what are the first d_model rows of in_proj_weight? (Other models do order it "
            "by heads.)",
            edits={
                CHUNKS: "[w.flatten(0, 1) for w in layer.in_proj_weight"
                ".unflatten(0, (layer.num_heads, 3, -1)).unbind(1)]",
                "layer.in_proj_bias.chunk(3)": "[b.flatten() for b in layer.in_proj_bias"
                ".unflatten(0, (layer.num_heads, 3, -1)).unbind(1)]",
            },
        ),
        Misconception(
            "one_head",
            seen="the result has one head, whatever the layer has.",
            think="how many heads does the layer have, and where does it keep that number?",
            edits={"layer.num_heads": "1"},
        ),
        Misconception(
            "the_same_tensors",
            seen="outputs are right, but changing your module changes the layer: they share "
            "parameters.",
            think="what is the difference between a tensor and a copy of it?",
            edits={COPIES: "linear.weight.data = weight", BIAS_COPIES: "linear.bias.data = bias"},
        ),
        Misconception(
            "frozen",
            seen="outputs are right, but a step of training changes nothing: no parameter of your "
            "module asks for a gradient.",
            think="which attribute of a parameter says whether it is trained, and what has set it?",
            edits={HANDED_OVER: "return own.requires_grad_(False)"},
        ),
        Misconception(
            "always_float32",
            seen="a layer in float64 became a module in float32.",
            think="which dtype does nn.Linear take unless told otherwise?",
            edits={OWN: "MultiHeadAttention(layer.embed_dim, layer.num_heads)"},
        ),
    ),
    hints=(
        "Build your module with the layer's sizes, then copy number by number: four tensors of "
        "the layer become eight of yours.",
        "in_proj_weight stacks the matrices of query, key and value, in this order, d_model rows "
        "each; in_proj_bias likewise. nn.Linear keeps its weight in the same way, a row for each "
        "output.",
        "Within torch.no_grad(), parameter.copy_(tensor) writes numbers into a parameter; "
        "load_state_dict does the same by name. Convert the fresh module to the layer's dtype "
        "before.",
    ),
    symptoms={
        "a leaf Variable that requires grad is being used in an in-place operation": "Copy "
        "within `with torch.no_grad():`, or by load_state_dict.",
        "The weights are right and out is not": "Then w_q and w_k are right. Look at w_v and at "
        "out_proj.",
        "The check names “a layer in float64”": "A fresh module is float32. Convert it before you "
        "copy.",
    },
)

PROBLEMS = (
    SPLIT_HEADS,
    MERGE_HEADS,
    MULTI_HEAD_ATTENTION,
    MULTI_HEAD_MODULE,
    COUNT_PARAMETERS,
    FROM_TORCH,
)
