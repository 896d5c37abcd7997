"""Assignment 6: cases, misconceptions, rules and help of every problem."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from autograder.problem import Case, Draw, Misconception, Problem

# All that torch has for normalising: what layer_norm and normalise build.
NORMALISATIONS_OF_TORCH = (
    *("layer_norm", "LayerNorm", "native_layer_norm", "LazyLayerNorm"),
    *("group_norm", "GroupNorm", "native_group_norm"),
    *("batch_norm", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"),
    *("LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "native_batch_norm"),
    *("instance_norm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"),
    *("LazyInstanceNorm1d", "LazyInstanceNorm2d", "LazyInstanceNorm3d"),
    *("rms_norm", "RMSNorm", "local_response_norm", "LocalResponseNorm", "normalize"),
)

# What the blocks build. nn.Transformer makes a causal mask too, which is not forbidden: whether a
# layer of it is put to work, the drivers see.
LAYERS_OF_TORCH = (
    "TransformerEncoderLayer",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerDecoder",
    "_transformer_encoder_layer_fwd",
)

# Gradients of a module sum over batch and positions, and over more roundings.
SUMMED = (1e-4, 1e-3)

# A variance taken as "mean of squares less square of the mean" loses a digit or two in float32.
ROUNDED = (1e-4, 1e-4)

# So far from 0 float32 has four digits left of numbers that differ by 1, and float64 has twelve.
FAR = 1000.0

# layer_norm ---------------------------------------------------------------------------------------

CENTRED = "x - x.mean(dim=-1, keepdim=True)"
VARIANCE = "centred.square().mean(dim=-1, keepdim=True)"
ROOT = "(variance + eps).sqrt()"
LAYER_RESULT = "gamma * centred / (variance + eps).sqrt() + beta"


def layer_norm_cases(draw: Draw) -> Iterator[Case]:
    """Any number of batch dimensions; a large and a small ε; numbers that are all the same."""
    b, n, more = draw.sizes(3, 2, 5)
    d = draw.integer(6, 9)
    gamma, beta = draw.normal(d), draw.normal(d)
    x = draw.normal(b, n, d, scale=2) + 1

    def case(name: str, group: str, *args: object, **more: Any) -> Case:
        return Case(name, group, args, **{"tolerance": ROUNDED, **more})

    word = torch.tensor([0.0, 4, 4, 0])
    gains, shifts = torch.tensor([1.0, 2, 3, 4]), torch.tensor([0.0, 0, 10, 0])
    yield case("the worked example", "values", word, gains, shifts)
    yield case("a batch of sentences", "values", x, gamma, beta)
    yield case("one position", "values", draw.normal(d) - 2, gamma, beta)
    yield case("one sentence", "values", draw.normal(n, d, scale=3), gamma, beta)
    square = draw.normal(d, d, d)
    yield case("as many sentences and words as features", "values", square, gamma, beta)
    yield case("two batch dimensions", "values", draw.normal(more, b, n, d), gamma, beta)
    yield case("gain 1, shift 0", "values", x, torch.ones(d), torch.zeros(d))
    yield case("a large ε", "epsilon", x, gamma, beta, 0.25 + draw.integer(1, 8) / 4)
    yield case("an ε of 1e-3", "epsilon", draw.normal(n, d, scale=0.1), gamma, beta, 1e-3)
    yield case("small numbers, ε as it is", "epsilon", 0.003 * x, gamma, beta)
    level = torch.full((n, d), float(draw.integer(2, 9)))
    yield case("all features equal", "epsilon", level, gamma, beta)
    one = draw.normal(1), draw.normal(1)
    yield case("one feature", "epsilon", draw.normal(b, n, 1), *one)
    exact = [part.double() for part in (x + FAR, gamma, beta)]
    yield case("float64, far from 0", "dtype and gradient", *exact, tolerance=None)
    steep = {"gradient": True, "tolerance": SUMMED}
    yield case("gradient", "dtype and gradient", x, gamma, beta, **steep)


def layer_norm_oracle(
    x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, eps: float = 1e-5
) -> torch.Tensor:
    """torch's own."""
    return functional.layer_norm(x, x.shape[-1:], gamma, beta, eps)


LAYER_NORM = Problem(
    signature="layer_norm(x, gamma, beta, eps=1e-5)",
    returns=("result",),
    minutes=20,
    difficulty=1,
    points={"values": 2, "epsilon": 1, "dtype and gradient": 1},
    cases=layer_norm_cases,
    oracle=layer_norm_oracle,
    forbidden=NORMALISATIONS_OF_TORCH,
    misconceptions=(
        Misconception(
            "unbiased",
            seen="before gain and shift, the squares of a position have a mean below 1: your "
            "variance is too large, and of a single feature it is 0 / 0.",
            think="by which number does the contract divide the sum of squared distances? What "
            "does torch's `var` divide by?",
            edits={VARIANCE: "centred.square().sum(dim=-1, keepdim=True) / (x.shape[-1] - 1)"},
        ),
        Misconception(
            "eps_outside_the_root",
            seen="right where ε is tiny beside the variance; with a large ε it is not.",
            think="where does ε stand in the formula, under the root or behind it?",
            edits={ROOT: "(variance.sqrt() + eps)"},
        ),
        Misconception(
            "eps_squared",
            seen="right where ε is tiny beside the variance; otherwise your ε counts for too "
            "little or too much: its square was added.",
            think="what is added to what in the formula: ε to a variance, or to a deviation?",
            edits={ROOT: "(variance + eps**2).sqrt()"},
        ),
        Misconception(
            "no_eps",
            seen="the results do not depend on ε; where all features are equal, 0 is divided by 0.",
            think="what keeps the denominator from 0 if the variance is 0?",
            edits={ROOT: "variance.sqrt()"},
        ),
        Misconception(
            "eps_is_fixed",
            seen="right for the ε of the default; another ε changes nothing.",
            think="where in your code does `eps` matter?",
            edits={ROOT: "(variance + 1e-5).sqrt()"},
        ),
        Misconception(
            "eps_as_a_floor",
            seen="ε changes nothing where it is below the variance.",
            think="in the formula, is ε added, or is it a least value?",
            edits={ROOT: "variance.clamp(min=eps).sqrt()"},
        ),
        Misconception(
            "no_root",
            seen="the numbers were divided by the variance instead of its root.",
            think="x is measured in some unit; in which unit is its variance?",
            edits={ROOT: "(variance + eps)"},
        ),
        Misconception(
            "mean_absolute_distance",
            seen="the numbers were divided by their mean absolute distance from the mean.",
            think="how is the variance defined: which power of the distances is averaged?",
            edits={VARIANCE: "centred.abs().mean(dim=-1, keepdim=True) ** 2"},
        ),
        Misconception(
            "not_centred",
            seen="the mean is still there: the results of a position do not have mean 0 before "
            "the shift.",
            think="two things are done to x before gain and shift. Which one is missing?",
            edits={LAYER_RESULT: "gamma * x / (variance + eps).sqrt() + beta"},
        ),
        Misconception(
            "root_mean_square",
            seen="the numbers were divided by the root of their mean square, and keep their mean "
            "(that is RMSNorm).",
            think="is anything taken away from x before it is divided?",
            edits={CENTRED: "x"},
        ),
        Misconception(
            "not_divided",
            seen="the mean was taken away, and nothing was divided: the variance is not 1.",
            think="what is the variance of your numbers before gain and shift?",
            edits={LAYER_RESULT: "gamma * centred + beta"},
        ),
        Misconception(
            "over_positions",
            seen="each feature was normalised over the positions, not each position over its "
            "features.",
            think="one position by itself is one set. Which axis runs through it?",
            body="""
def layer_norm(x, gamma, beta, eps=1e-5):
    centred = x - x.mean(dim=-2, keepdim=True)
    return gamma * centred / (centred.square().mean(dim=-2, keepdim=True) + eps).sqrt() + beta
""",
        ),
        Misconception(
            "over_axis_0",
            seen="a single position is right; as soon as there are more axes, the first of them "
            "was normalised over.",
            think="x is (..., d). Which number names the last axis, whatever comes before it?",
            body="""
def layer_norm(x, gamma, beta, eps=1e-5):
    centred = x - x.mean(dim=0, keepdim=True)
    return gamma * centred / (centred.square().mean(dim=0, keepdim=True) + eps).sqrt() + beta
""",
        ),
        Misconception(
            "over_axis_1",
            seen="two axes are right; with another number of them the wrong axis is normalised "
            "over, or there is an error.",
            think="x is (..., d). Which number names the last axis, whatever comes before it?",
            body="""
def layer_norm(x, gamma, beta, eps=1e-5):
    centred = x - x.mean(dim=1, keepdim=True)
    return gamma * centred / (centred.square().mean(dim=1, keepdim=True) + eps).sqrt() + beta
""",
        ),
        Misconception(
            "over_axis_2",
            seen="three axes are right; with another number of them the wrong axis is normalised "
            "over, or there is an error.",
            think="x is (..., d). Which number names the last axis, whatever comes before it?",
            body="""
def layer_norm(x, gamma, beta, eps=1e-5):
    centred = x - x.mean(dim=2, keepdim=True)
    return gamma * centred / (centred.square().mean(dim=2, keepdim=True) + eps).sqrt() + beta
""",
        ),
        Misconception(
            "over_the_sentence",
            seen="all words of a sentence share one mean and one variance.",
            think="how many means does a sentence of n words have?",
            body="""
def layer_norm(x, gamma, beta, eps=1e-5):
    axes = (-2, -1) if x.dim() > 1 else (-1,)
    centred = x - x.mean(dim=axes, keepdim=True)
    return gamma * centred / (centred.square().mean(dim=axes, keepdim=True) + eps).sqrt() + beta
""",
        ),
        Misconception(
            "over_two_axes",
            seen="all words of a sentence share one mean and one variance, and a single position "
            "raises an error.",
            think="how many means does a sentence of n words have?",
            edits={
                CENTRED: "x - x.mean(dim=(-2, -1), keepdim=True)",
                VARIANCE: "centred.square().mean(dim=(-2, -1), keepdim=True)",
            },
        ),
        Misconception(
            "divided_by_len",
            seen="a single position is right; with more axes your sums were divided by the size of "
            "the first of them.",
            think="what does len(x) count if x is (b, n, d)?",
            edits={
                CENTRED: "x - x.sum(dim=-1, keepdim=True) / len(x)",
                VARIANCE: "centred.square().sum(dim=-1, keepdim=True) / len(x)",
            },
        ),
        Misconception(
            "over_everything",
            seen="one mean and one variance were taken over all numbers of x.",
            think="does a word have to know of the other sentences to be normalised?",
            body="""
def layer_norm(x, gamma, beta, eps=1e-5):
    centred = x - x.mean()
    return gamma * centred / (centred.square().mean() + eps).sqrt() + beta
""",
        ),
        Misconception(
            "axis_lost",
            seen="one position is right; with more, the means have lost the axis that was "
            "averaged over, and fit nowhere or in the wrong place.",
            think="print the shape of your mean beside that of x. What does keepdim do?",
            body="""
def layer_norm(x, gamma, beta, eps=1e-5):
    variance = x.var(dim=-1, correction=0)
    return gamma * (x - x.mean(dim=-1)) / (variance + eps).sqrt() + beta
""",
        ),
        Misconception(
            "no_gain",
            seen="`gamma` changes nothing.",
            think="where in your code does `gamma` matter?",
            edits={LAYER_RESULT: "centred / (variance + eps).sqrt() + beta"},
        ),
        Misconception(
            "no_shift",
            seen="`beta` changes nothing.",
            think="where in your code does `beta` matter?",
            edits={LAYER_RESULT: "gamma * centred / (variance + eps).sqrt()"},
        ),
        Misconception(
            "gain_and_shift_swapped",
            seen="`beta` was multiplied by, and `gamma` added.",
            think="which of the two is a gain?",
            edits={LAYER_RESULT: "beta * centred / (variance + eps).sqrt() + gamma"},
        ),
        Misconception(
            "gain_of_the_shift",
            seen="the shift was added first, and stretched with the rest.",
            think="in the formula, does γ multiply β?",
            edits={LAYER_RESULT: "gamma * (centred / (variance + eps).sqrt() + beta)"},
        ),
        Misconception(
            "gain_plus_one",
            seen="the gain is larger by 1 than `gamma`.",
            think="which γ leaves the normalised numbers as they are?",
            edits={LAYER_RESULT: "(1 + gamma) * centred / (variance + eps).sqrt() + beta"},
        ),
        Misconception(
            "statistics_detached",
            seen="the values are right; in the gradient, mean and variance are taken for "
            "constants.",
            think="changing one feature changes the mean and the variance too. Does your "
            "gradient know? (detach, no_grad and item hide it.)",
            edits={
                CENTRED: "x - x.mean(dim=-1, keepdim=True).detach()",
                VARIANCE: "centred.detach().square().mean(dim=-1, keepdim=True)",
            },
        ),
        Misconception(
            "detached",
            seen="the result is right, but no gradient flows from it.",
            think="where does the path leave torch? detach, item, numpy and torch.tensor cut it.",
            edits={LAYER_RESULT: f"({LAYER_RESULT}).detach()"},
        ),
        Misconception(
            "in_place",
            seen="the result may be right, but afterwards the caller's x holds other numbers.",
            think="which of your operations write into `x`? (x -= … does, and so do names that "
            "end in _.)",
            body="""
def layer_norm(x, gamma, beta, eps=1e-5):
    variance = x.var(dim=-1, correction=0, keepdim=True)
    x -= x.mean(dim=-1, keepdim=True)
    return gamma * x / (variance + eps).sqrt() + beta
""",
        ),
        Misconception(
            "float32",
            seen="float64 went in, float32 came out.",
            think="which line chooses a dtype? The result has that of `x`.",
            edits={LAYER_RESULT: f"({LAYER_RESULT}).float()"},
        ),
        Misconception(
            "computed_in_float32",
            seen="the result is float64, and is right to the digits of float32 only.",
            think="which line on the way chooses a dtype?",
            edits={CENTRED: "x.float() - x.float().mean(dim=-1, keepdim=True)"},
        ),
    ),
    hints=(
        "For one position it is three lines of arithmetic: a mean, a mean of squared distances, "
        "and the formula. Then see that all positions are worked at once.",
        "Over dim=-1 mean and variance lose an axis; keepdim=True leaves it there with size 1, so "
        "that they broadcast against x. gamma and beta broadcast by themselves.",
        "Take the mean away, average the squares of what is left, add ε, take the root, divide; "
        "then times gamma, plus beta. With `var` say correction=0.",
    ),
    symptoms={
        "The numbers are too small by a few per cent, the more so the fewer features": "torch's "
        "`var` and `std` divide by d − 1 unless they are told not to.",
        "The size of tensor a must match the size of tensor b": "Which shape has your mean? An "
        "axis of size 1 must stand where you averaged.",
        "“a large ε” is the first case to fail": "Follow ε: what is it added to, and what happens "
        "after that?",
        "Use tensor.detach().numpy() instead": "Do not: numpy has no gradients, and detach cuts "
        "them off. Stay in torch; a tensor has its own mean, var and sqrt.",
    },
)

# normalise ----------------------------------------------------------------------------------------

BATCH, INSTANCE = '"batch": (0, 2)', '"instance": (2,)'
GROUP, LAYER = '"group": (2, 3)', '"layer": (1,)'
UNKNOWN = "if kind not in axes:\n        " + (
    "raise ValueError(f\"{kind!r} is none of {', '.join(axes)}\")"
)
MEAN = "cut.mean(dim=axes[kind], keepdim=True)"
CUT = 'x.unflatten(1, (groups, -1)) if kind == "group" else x'
SPREAD = "cut.var(dim=axes[kind], correction=0, keepdim=True)"
DIVIDED = "(cut - mean) / (variance + eps).sqrt()"
SHAPED = f"({DIVIDED}).reshape(x.shape)"


def spread_out(draw: Draw, b: int, c: int, n: int) -> torch.Tensor:
    """Numbers of which no set of any kind is nearly constant: rounding would be magnified there."""
    while True:
        x = draw.normal(b, c, n, scale=2) + draw.normal(c, 1) + 1
        if min(x.var(dim=axis).min() for axis in (1, 2)) > 0.1:
            return x


def normalise_cases(draw: Draw) -> Iterator[Case]:
    """Every kind on sizes that are all different; groups of one channel, one group of all."""
    groups, size = draw.sizes(2, 2, 3)
    b, n = draw.sizes(2, 4, 5)
    x = spread_out(draw, b, groups * size, n)
    exact, small = x.double() + FAR, 0.003 * x
    example = torch.tensor([[[0.0, 0], [2, 6]], [[4, 4], [2, 6]]])
    large = 0.25 + draw.integer(1, 8) / 4

    def of_kind(kind: str, number: int | None = None) -> Iterator[Case]:
        def case(name: str, *args: Any, **more: Any) -> Case:
            return Case(f"{kind}: {name}", kind, args, **{"tolerance": ROUNDED, **more})

        example_of = (example, kind, number and 1)
        yield Case("the worked example", kind, example_of, tolerance=ROUNDED)
        yield case("several samples", x, kind, number)
        yield case("one sample", x[:1], kind, number)
        yield case("a large ε", x, kind, number, large)
        yield case("small numbers, ε as it is", small, kind, number)
        yield case("float64, far from 0", exact, kind, number, tolerance=None)
        yield case("gradient", x, kind, number, gradient=True, tolerance=SUMMED)

    for kind in ("batch", "instance", "layer"):
        yield from of_kind(kind)
    yield from of_kind("group", groups)
    c = groups * size
    plain = {"tolerance": ROUNDED}
    unasked = (x, "instance", groups)
    yield Case("instance: `groups` given, and not asked for", "instance", unasked, **plain)
    yield Case("group: one group of all channels", "group", (x, "group", 1), **plain)
    yield Case("group: a group for each channel", "group", (x, "group", c), **plain)
    yield Case("another kind: spectral", "other kinds", (x, "spectral"))
    yield Case("another kind: weight", "other kinds", (x, "weight", groups))
    beside = (x + 1, "instance")
    yield Case("beside them, one that there is", "other kinds", beside, **plain)


def normalise_oracle(
    x: torch.Tensor, kind: str, groups: int | None = None, eps: float = 1e-5
) -> torch.Tensor:
    """torch's four, each under its own name."""
    if kind == "batch":
        return functional.batch_norm(x, None, None, training=True, eps=eps)
    if kind == "instance":
        return functional.instance_norm(x, eps=eps)
    if kind == "group":
        assert groups is not None
        return functional.group_norm(x, groups, eps=eps)
    if kind == "layer":
        return functional.layer_norm(x.mT, x.shape[1:2], eps=eps).mT
    raise ValueError(kind)


NORMALISE = Problem(
    signature="normalise(x, kind, groups=None, eps=1e-5)",
    returns=("result",),
    minutes=35,
    difficulty=2,
    points={"batch": 1, "instance": 1, "layer": 2, "group": 2, "other kinds": 1},
    cases=normalise_cases,
    oracle=normalise_oracle,
    forbidden=NORMALISATIONS_OF_TORCH,
    misconceptions=(
        Misconception(
            "batch_over_samples_alone",
            seen="by batch, each channel has a set of its own at each position.",
            think="one channel, of all samples and all positions: how many axes are averaged over?",
            edits={BATCH: '"batch": (0,)'},
        ),
        Misconception(
            "batch_over_everything",
            seen="by batch, all numbers of x form one set.",
            think="do the channels share a mean?",
            edits={BATCH: '"batch": (0, 1, 2)'},
        ),
        Misconception(
            "batch_over_channels",
            seen="by batch, the sets run over samples and channels, one for each position.",
            think="which axis of (b, c, n) must be left, if each channel has one set?",
            edits={BATCH: '"batch": (0, 1)'},
        ),
        Misconception(
            "batch_is_instance",
            seen="by batch, each sample is normalised by itself.",
            think="what do the samples of a batch share in batch normalisation?",
            edits={BATCH: '"batch": (2,)'},
        ),
        Misconception(
            "instance_over_channels_too",
            seen="by instance, all channels of a sample form one set.",
            think="how many sets has a sample of c channels?",
            edits={INSTANCE: '"instance": (1, 2)'},
        ),
        Misconception(
            "instance_over_channels_alone",
            seen="by instance, the sets run over the channels: one for each position.",
            think="one channel of one sample: which axis is left to run over?",
            edits={INSTANCE: '"instance": (1,)'},
        ),
        Misconception(
            "layer_over_positions_too",
            seen="by layer, all channels at all positions of a sample form one set.",
            think="does one position know of the others in layer normalisation?",
            edits={LAYER: '"layer": (1, 2)'},
        ),
        Misconception(
            "layer_over_the_last_axis",
            seen="by layer, the sets run over the positions.",
            think="x is (b, c, n) here. On which axis do the channels lie?",
            edits={LAYER: '"layer": (2,)'},
        ),
        Misconception(
            "instance_and_layer_swapped",
            seen="by instance you normalise over channels, and by layer over positions.",
            think="read the table of the problem once more: which of the two is for one position?",
            edits={INSTANCE: '"instance": (1,)', LAYER: '"layer": (2,)'},
        ),
        Misconception(
            "interleaved_groups",
            seen="a group takes every so-manyth channel instead of neighbouring ones.",
            think="into which two numbers do you unfold the channels, and in which order?",
            edits={
                CUT: 'x.unflatten(1, (-1, groups)).transpose(1, 2) if kind == "group" else x',
                SHAPED: "_shaped((cut - mean) / (variance + eps).sqrt(), x, kind)",
                "def normalise(": "def _shaped(result, x, kind):\n"
                '    result = result.transpose(1, 2) if kind == "group" else result\n'
                "    return result.reshape(x.shape)\n\n\ndef normalise(",
            },
        ),
        Misconception(
            "groups_of_that_size",
            seen="`groups` was taken for the number of channels in a group.",
            think="groups=1: are all channels in one group, or is each alone?",
            edits={CUT: 'x.unflatten(1, (-1, groups)) if kind == "group" else x'},
        ),
        Misconception(
            "groups_overlap",
            seen="each group starts one channel behind the one before, not one group behind.",
            think="print where each group starts and ends. Is any channel in two of them?",
            edits={
                CUT: "torch.stack([x[:, g : g + x.shape[1] // groups] for g in range(groups)], 1)"
                ' if kind == "group" else x'
            },
        ),
        Misconception(
            "groups_of_every_kind",
            seen="`groups` matters by other kinds than group, too.",
            think="when are the channels to be cut into groups?",
            edits={CUT: "x.unflatten(1, (groups, -1)) if groups else x"},
        ),
        Misconception(
            "groups_without_positions",
            seen="by group, each position is normalised by itself.",
            think="neighbouring channels of one sample, and of how many positions?",
            edits={GROUP: '"group": (2,)'},
        ),
        Misconception(
            "groups_across_samples",
            seen="by group, all samples of the batch share mean and variance.",
            think="whose numbers are in a set of group normalisation?",
            edits={GROUP: '"group": (0, 2, 3)'},
        ),
        Misconception(
            "unbiased",
            seen="the results are too small: your variance was divided by one less than there are "
            "numbers in a set.",
            think="by which number does the contract divide? What does torch's `var` divide by?",
            edits={SPREAD: "cut.var(dim=axes[kind], keepdim=True)"},
        ),
        Misconception(
            "eps_outside_the_root",
            seen="right where ε is tiny beside the variance; with a large ε it is not.",
            think="where does ε stand, under the root or behind it?",
            edits={DIVIDED: "(cut - mean) / (variance.sqrt() + eps)"},
        ),
        Misconception(
            "no_eps",
            seen="the results do not depend on ε; where a set holds equal numbers, 0 is divided "
            "by 0.",
            think="what keeps the denominator from 0 if the variance is 0?",
            edits={DIVIDED: "(cut - mean) / variance.sqrt()"},
        ),
        Misconception(
            "eps_is_fixed",
            seen="right for the ε of the default; another ε changes nothing.",
            think="where in your code does `eps` matter?",
            edits={DIVIDED: "(cut - mean) / (variance + 1e-5).sqrt()"},
        ),
        Misconception(
            "no_root",
            seen="the numbers were divided by the variance instead of its root.",
            think="what is the variance of your result? It should be 1.",
            edits={DIVIDED: "(cut - mean) / (variance + eps)"},
        ),
        Misconception(
            "only_centred",
            seen="the mean of each set is 0, and its variance is as it was.",
            think="what is the variance of your result? It should be 1.",
            edits={DIVIDED: "cut - mean"},
        ),
        Misconception(
            "reshaped_without_moving_axes",
            seen="instance and group are right; by batch and by layer, rows were cut out of x that "
            "mix other numbers than those of a set.",
            think="reshape keeps the order of the numbers. Where in that order does one channel of "
            "all samples lie?",
            body="""
def normalise(x, kind, groups=None, eps=1e-5):
    b, c, n = x.shape
    rows = {"batch": c, "instance": b * c, "layer": b * n}
    if kind == "group":
        rows[kind] = b * groups
    if kind not in rows:
        raise ValueError(kind)
    sets = x.reshape(rows[kind], -1)
    centred = sets - sets.mean(dim=1, keepdim=True)
    return (centred / (centred.square().mean(dim=1, keepdim=True) + eps).sqrt()).reshape(x.shape)
""",
        ),
        Misconception(
            "batch_reshaped",
            seen="by batch, rows were cut out of x that mix other numbers than those of a set; the "
            "other kinds are right.",
            think="reshape keeps the order of the numbers. Where in that order does one channel of "
            "all samples lie?",
            edits={
                BATCH: '"batch": (1,)',
                CUT: f'x.reshape(x.shape[1], -1) if kind == "batch" else {CUT}',
            },
        ),
        Misconception(
            "layer_reshaped",
            seen="by layer, rows were cut out of x that mix other numbers than those of a set; the "
            "other kinds are right.",
            think="reshape keeps the order of the numbers. Where in that order do the channels of "
            "one position lie?",
            edits={CUT: f'x.reshape(-1, x.shape[1]) if kind == "layer" else {CUT}'},
        ),
        Misconception(
            "axes_lost",
            seen="your means have lost the axes that were averaged over, and fit nowhere or in the "
            "wrong place.",
            think="print the shape of a mean beside that of x. What does keepdim do?",
            edits={
                MEAN: "cut.mean(dim=axes[kind])",
                SPREAD: "cut.var(dim=axes[kind], correction=0)",
            },
        ),
        Misconception(
            "any_kind",
            seen="a kind that there is not comes back as x, without a ValueError.",
            think="what does your function say to a kind that it does not know?",
            edits={UNKNOWN: "if kind not in axes:\n        return x"},
        ),
        Misconception(
            "other_kinds_are_the_last",
            seen="a kind that there is not is treated as one of the four, without a ValueError.",
            think="is your last branch an `else`? What comes in there?",
            edits={UNKNOWN: 'kind = kind if kind in axes else "layer"'},
        ),
        Misconception(
            "none_for_other_kinds",
            seen="a kind that there is not gets None, without a ValueError.",
            think="what does a function return that comes to its end without `return`?",
            edits={UNKNOWN: "if kind not in axes:\n        return None"},
        ),
        Misconception(
            "another_error",
            seen="a kind that there is not raises an error, but no ValueError.",
            think="a missing key raises KeyError. Which error does the contract name?",
            edits={UNKNOWN: "axes[kind]"},
        ),
        Misconception(
            "error_returned",
            seen="for a kind that there is not, a ValueError is returned; it should be raised.",
            think="which statement of Python raises an error?",
            edits={UNKNOWN: "if kind not in axes:\n        return ValueError(kind)"},
        ),
        Misconception(
            "detached",
            seen="the results are right, but no gradient flows from them.",
            think="where does the path leave torch? detach, item, numpy and torch.tensor cut it.",
            edits={SHAPED: f"{SHAPED}.detach()"},
        ),
        Misconception(
            "statistics_detached",
            seen="the values are right; in the gradient, mean and variance are taken for "
            "constants.",
            think="changing one number changes mean and variance of its set too. Does your "
            "gradient know?",
            edits={DIVIDED: "(cut - mean.detach()) / (variance.detach() + eps).sqrt()"},
        ),
        Misconception(
            "in_place",
            seen="the results may be right, but afterwards the caller's x holds other numbers.",
            think="which of your operations write into `x`? What is a reshaped tensor: a copy?",
            edits={
                SPREAD: f"{SPREAD}\n    cut -= mean",
                DIVIDED: "cut / (variance + eps).sqrt()",
            },
        ),
        Misconception(
            "float32",
            seen="float64 went in, float32 came out.",
            think="which line chooses a dtype? The result has that of `x`.",
            edits={SHAPED: f"{SHAPED}.float()"},
        ),
        Misconception(
            "computed_in_float32",
            seen="the result is float64, and is right to the digits of float32 only.",
            think="which line on the way chooses a dtype?",
            edits={
                CUT: CUT.replace("x.unflatten", "x.float().unflatten").replace(
                    "else x", "else x.float()"
                ),
                SHAPED: f"{SHAPED}.to(x.dtype)",
            },
        ),
    ),
    hints=(
        "The four differ in the axes that are averaged over, and in nothing else. Write down for "
        "each kind which of b, c and n a set runs through.",
        "mean and var take a tuple of axes, and keepdim=True lets their results broadcast against "
        "x. For groups, cut the axis of channels into two: (b, groups, c // groups, n).",
        "By batch a set runs through b and n, so that mean and var take the axes 0 and 2. Find the "
        "other kinds in the same way; for group, two of the four axes after the cut, and back to "
        "(b, c, n) at the end.",
    ),
    symptoms={
        "“group: several samples” is the first case to fail": "Which channels are neighbours after "
        "your reshape? Print what becomes of torch.arange(c).",
        "“the worked example” is right and “several samples” is not": "In the example b, c and n "
        "are all 2, and some mistakes look alike there. Count your sets on other sizes.",
        "unflatten(): … NoneType, or unsupported operand … //: 'int' and 'NoneType'": "Only for "
        "“group” is `groups` given.",
        "… must be tuple of ints, but got float": "A size is an int: c / groups is a float even "
        "where it comes out even. Which operator of Python gives an int?",
    },
)

# feed_forward -------------------------------------------------------------------------------------

HIDDEN = "torch.relu(x @ w_1 + b_1)"
WRITTEN = "return hidden @ w_2 + b_2"


def feed_forward_cases(draw: Draw) -> Iterator[Case]:
    """Any number of batch dimensions; d_ff above and below d_model; hidden numbers all negative."""
    b, n, d, more = draw.sizes(4, 3, 7)
    wide, narrow = d + draw.integer(3, 9), d - 1

    def weights(inner: int) -> list[torch.Tensor]:
        return [
            draw.normal(d, inner, scale=d**-0.5),
            draw.normal(inner, scale=0.7),
            draw.normal(inner, d, scale=inner**-0.5),
            draw.normal(d),
        ]

    example = (
        torch.tensor([1.0, 2]),
        torch.tensor([[1.0, -1, 0], [0, 1, -1]]),
        torch.tensor([0.0, 0, 1]),
        torch.tensor([[1.0, 0], [2, 1], [5, 5]]),
        torch.tensor([-4.0, 1]),
    )
    x, given = draw.normal(b, n, d, scale=2), weights(wide)
    yield Case("the worked example", "values", example)
    yield Case("a batch of sentences", "values", (x, *given))
    yield Case("one position", "values", (draw.normal(d, scale=2), *given))
    yield Case("one sentence", "values", (draw.normal(n, d, scale=2), *given))
    yield Case("two batch dimensions", "values", (draw.normal(more, b, n, d, scale=2), *given))
    yield Case("fewer hidden numbers than features", "values", (x, *weights(narrow)))
    yield Case("as many hidden numbers as features", "values", (x, *weights(d)))
    silent = [given[0], given[1] - 99, *given[2:]]
    yield Case("nothing passes the ReLU", "values", (x, *silent))
    x_64, w_1, *others = [part.double() for part in (x, *given)]
    others[0] -= FAR * w_1.sum(dim=0)  # so that the hidden numbers are no larger than elsewhere
    yield Case("float64, far from 0", "dtype and gradient", (x_64 + FAR, w_1, *others))
    yield Case("gradient", "dtype and gradient", (x, *given), gradient=True, tolerance=SUMMED)


def feed_forward_oracle(
    x: torch.Tensor, w_1: torch.Tensor, b_1: torch.Tensor, w_2: torch.Tensor, b_2: torch.Tensor
) -> torch.Tensor:
    """Sums of products, written out."""
    z = torch.einsum("...d,df->...f", x, w_1) + b_1
    return torch.einsum("...f,fd->...d", torch.where(z > 0, z, 0.0), w_2) + b_2


FEED_FORWARD = Problem(
    signature="feed_forward(x, w_1, b_1, w_2, b_2)",
    returns=("result",),
    minutes=15,
    difficulty=1,
    points={"values": 2, "dtype and gradient": 1},
    cases=feed_forward_cases,
    oracle=feed_forward_oracle,
    misconceptions=(
        Misconception(
            "no_relu",
            seen="the two matrices were applied with nothing between them.",
            think="two matrices in a row are one matrix. What must stand between them?",
            edits={HIDDEN: "x @ w_1 + b_1"},
        ),
        Misconception(
            "relu_at_the_end",
            seen="no result is negative: the ReLU stands after the second matrix.",
            think="on which numbers does the ReLU act, the hidden ones or the results?",
            edits={HIDDEN: "x @ w_1 + b_1", WRITTEN: "return torch.relu(hidden @ w_2 + b_2)"},
        ),
        Misconception(
            "relu_twice",
            seen="no result is negative: a second ReLU stands at the end.",
            think="how many ReLUs does the contract have?",
            edits={WRITTEN: "return torch.relu(hidden @ w_2 + b_2)"},
        ),
        Misconception(
            "relu_first",
            seen="the ReLU acts on x itself, before the first matrix.",
            think="on which numbers does the ReLU act: those that come in, or the hidden ones?",
            edits={HIDDEN: "torch.relu(x) @ w_1 + b_1"},
        ),
        Misconception(
            "bias_after_the_relu",
            seen="`b_1` was added after the ReLU.",
            think="does the bias decide which hidden numbers are silent?",
            edits={HIDDEN: "torch.relu(x @ w_1) + b_1"},
        ),
        Misconception(
            "gelu",
            seen="GELU stands in the place of the ReLU: small negative numbers leave a trace.",
            think="which function is max(0, z)?",
            edits={HIDDEN: "torch.nn.functional.gelu(x @ w_1 + b_1)"},
        ),
        Misconception(
            "leaky_relu",
            seen="negative hidden numbers leave a trace: one hundredth of them.",
            think="which function is max(0, z)?",
            edits={HIDDEN: "torch.nn.functional.leaky_relu(x @ w_1 + b_1)"},
        ),
        Misconception(
            "sigmoid",
            seen="a sigmoid stands in the place of the ReLU.",
            think="which function is max(0, z)?",
            edits={HIDDEN: "torch.sigmoid(x @ w_1 + b_1)"},
        ),
        Misconception(
            "tanh",
            seen="a tanh stands in the place of the ReLU.",
            think="which function is max(0, z)?",
            edits={HIDDEN: "torch.tanh(x @ w_1 + b_1)"},
        ),
        Misconception(
            "absolute_value",
            seen="negative hidden numbers have become positive instead of 0.",
            think="what does max(0, z) make of −3?",
            edits={HIDDEN: "(x @ w_1 + b_1).abs()"},
        ),
        Misconception(
            "negative_part",
            seen="the negative hidden numbers have passed, and the positive ones are 0.",
            think="what does max(0, z) make of −3, and of 3?",
            edits={HIDDEN: "(x @ w_1 + b_1).clamp(max=0)"},
        ),
        Misconception(
            "no_first_bias",
            seen="`b_1` changes nothing.",
            think="where in your code does `b_1` matter?",
            edits={HIDDEN: "torch.relu(x @ w_1)"},
        ),
        Misconception(
            "no_second_bias",
            seen="`b_2` changes nothing.",
            think="where in your code does `b_2` matter?",
            edits={WRITTEN: "return hidden @ w_2"},
        ),
        Misconception(
            "no_biases",
            seen="neither bias changes anything.",
            think="where in your code do `b_1` and `b_2` matter?",
            edits={HIDDEN: "torch.relu(x @ w_1)", WRITTEN: "return hidden @ w_2"},
        ),
        Misconception(
            "transposed_weights",
            seen="the matrices do not fit, or where d_ff = d_model they act transposed.",
            think="`nn.Linear` holds (out, in); which shape has `w_1` here?",
            edits={HIDDEN: "torch.relu(x @ w_1.T + b_1)", WRITTEN: "return hidden @ w_2.T + b_2"},
        ),
        Misconception(
            "matrices_swapped",
            seen="`w_2` and `b_2` came first, `w_1` and `b_1` after the ReLU.",
            think="which of the two matrices reads d_model numbers?",
            edits={HIDDEN: "torch.relu(x @ w_2 + b_2)", WRITTEN: "return hidden @ w_1 + b_1"},
        ),
        Misconception(
            "residual_added",
            seen="x was added to the result.",
            think="who adds what flows past, this function or the block around it?",
            edits={WRITTEN: "return x + hidden @ w_2 + b_2"},
        ),
        Misconception(
            "averaged_over_positions",
            seen="the hidden numbers were averaged over positions, or over the last axis but one.",
            think="does one position know of the others in a feed-forward layer?",
            edits={
                WRITTEN: "hidden = hidden.mean(dim=-2, keepdim=True) + 0 * hidden "
                "if x.dim() > 1 else hidden\n    return hidden @ w_2 + b_2"
            },
        ),
        Misconception(
            "needs_a_batch",
            seen="x of three axes is right; with more or fewer there is an error.",
            think="x is (..., d_model). Does your code count on exactly three axes?",
            edits={
                HIDDEN: 'torch.relu(torch.einsum("bnd,df->bnf", x, w_1) + b_1)',
            },
        ),
        Misconception(
            "detached",
            seen="the result is right, but no gradient flows from it.",
            think="where does the path leave torch? detach, item, numpy and torch.tensor cut it.",
            edits={WRITTEN: "return (hidden @ w_2 + b_2).detach()"},
        ),
        Misconception(
            "relu_by_a_constant_mask",
            seen="the values are right; the gradient flows through hidden numbers that the ReLU "
            "has silenced, or not through the others.",
            think="which numbers of your code are cut off from the gradient?",
            edits={
                HIDDEN: "x @ w_1 + b_1 + torch.relu(-(x @ w_1 + b_1)).detach()",
            },
        ),
        Misconception(
            "float32",
            seen="float64 went in, float32 came out.",
            think="which line chooses a dtype? The result has that of `x`.",
            edits={WRITTEN: "return (hidden @ w_2 + b_2).float()"},
        ),
        Misconception(
            "computed_in_float32",
            seen="the result is float64, and is right to the digits of float32 only.",
            think="which line on the way chooses a dtype?",
            edits={HIDDEN: "torch.relu(x.float() @ w_1.float() + b_1.float()).to(x.dtype)"},
        ),
    ),
    hints=(
        "Follow the shapes: (..., d_model) times (d_model, d_ff) gives the hidden numbers, and "
        "they lead back.",
        "x @ w_1 multiplies the last axis of x, whatever stands before it; a bias broadcasts by "
        "itself. Which line is the ReLU?",
        "hidden = ReLU of x @ w_1 plus b_1; the result is hidden @ w_2 plus b_2, without another "
        "ReLU. torch.relu and .clamp(min=0) both do it.",
    ),
    symptoms={
        "mat1 and mat2 shapes cannot be multiplied": "The matrices are (in, out), as in x @ w; "
        "functional.linear wants (out, in).",
        "Boolean value of Tensor … is ambiguous; max() received an invalid combination; … for @: "
        "'ReLU' and 'Tensor'": "Python's max compares two wholes, torch.max does not take a number "
        "for a tensor, and nn.ReLU(…) builds a layer, which has yet to be called.",
        "Nothing is negative": "Where does your ReLU stand?",
        "“nothing passes the ReLU” fails": "Then every hidden number is 0. Which number is the "
        "result, if the ReLU is right?",
    },
)

# The blocks ---------------------------------------------------------------------------------------


def parameters(
    draw: Draw,
    d_model: int,
    d_ff: int,
    attentions: tuple[str, ...] = ("self_attn",),
    dtype: torch.dtype = torch.float32,
) -> dict[str, torch.Tensor]:
    """Parameters under torch's names, large enough that every one of them shows."""
    made = {}
    for name in attentions:
        scale = 1.5 * d_model**-0.5
        made[f"{name}.in_proj_weight"] = draw.normal(3 * d_model, d_model, scale=scale)
        made[f"{name}.in_proj_bias"] = draw.normal(3 * d_model, scale=0.5)
        made[f"{name}.out_proj.weight"] = draw.normal(d_model, d_model, scale=scale)
        made[f"{name}.out_proj.bias"] = draw.normal(d_model, scale=0.5)
    for name, size_in, size_out in (("linear1", d_model, d_ff), ("linear2", d_ff, d_model)):
        made[f"{name}.weight"] = draw.normal(size_out, size_in, scale=1.5 * size_in**-0.5)
        made[f"{name}.bias"] = draw.normal(size_out, scale=0.5)
    for number in range(1, len(attentions) + 2):
        made[f"norm{number}.weight"] = 1 + draw.normal(d_model, scale=0.4)
        made[f"norm{number}.bias"] = draw.normal(d_model, scale=0.4)
    return {name: value.to(dtype) for name, value in made.items()}


def silent(d_model: int, d_ff: int, attentions: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """Parameters of 0, and gains of 1: sub-layers that say nothing, and plain norms."""
    like = parameters(Draw(0), d_model, d_ff, attentions)
    made = {name: torch.zeros_like(value) for name, value in like.items()}
    gains = {name: value + 1 for name, value in made.items() if name.endswith("weight")}
    return made | {name: value for name, value in gains.items() if name.startswith("norm")}


def lengths(draw: Draw, b: int, n: int) -> torch.Tensor:
    """(b, n) bool: real tokens first, at least one; the first sample is full, others differ."""
    real = [n, *(1 + (draw.integer(0, n - 2) + i) % (n - 1) for i in range(b - 1))]
    return torch.tensor([[place < length for place in range(n)] for length in real])


def encoded(
    module: nn.Module, x: torch.Tensor, visible: torch.Tensor | None = None
) -> tuple[object, str]:
    """A driver: what comes out at real tokens (0 stands at padding), and whose layer made it."""
    torchs = torch.nn.TransformerEncoderLayer, torch.nn.TransformerDecoderLayer
    found = [layer for layer in module.modules() if isinstance(layer, torchs)]

    def note(layer: nn.Module, _: object) -> None:
        found.extend([layer] if isinstance(layer, torchs) else [])

    hook = torch.nn.modules.module.register_module_forward_pre_hook(note)
    try:
        out = module(x) if visible is None else module(x, visible)
    finally:
        hook.remove()
    if visible is not None and isinstance(out, torch.Tensor) and out.shape == x.shape:
        out = out.masked_fill(~visible[:, :, None], 0.0)
    return out, "a layer of torch's" if found else "the student's own layer"


def decoded(
    module: nn.Module,
    x: torch.Tensor,
    memory: torch.Tensor,
    visible: torch.Tensor | None = None,
    memory_visible: torch.Tensor | None = None,
) -> tuple[object, str]:
    """A driver: what comes out at real tokens (0 stands at padding), and whose layer made it."""
    torchs = torch.nn.TransformerEncoderLayer, torch.nn.TransformerDecoderLayer
    found = [layer for layer in module.modules() if isinstance(layer, torchs)]

    def note(layer: nn.Module, _: object) -> None:
        found.extend([layer] if isinstance(layer, torchs) else [])

    masks = () if visible is memory_visible is None else (visible, memory_visible)
    hook = torch.nn.modules.module.register_module_forward_pre_hook(note)
    try:
        out = module(x, memory, *masks)
    finally:
        hook.remove()
    if visible is not None and isinstance(out, torch.Tensor) and out.shape == x.shape:
        out = out.masked_fill(~visible[:, :, None], 0.0)
    return out, "a layer of torch's" if found else "the student's own layer"


def encoded_by_name(module: nn.Module, x: torch.Tensor, visible: torch.Tensor) -> object:
    """A driver: what comes out at real tokens, the mask given by its name."""
    out = module(x, visible=visible)
    is_like_x = isinstance(out, torch.Tensor) and out.shape == x.shape
    return out.masked_fill(~visible[:, :, None], 0.0) if is_like_x else out


def decoded_by_name(
    module: nn.Module, x: torch.Tensor, memory: torch.Tensor, memory_visible: torch.Tensor
) -> object:
    """A driver: what comes out, both masks given by their names."""
    return module(x, memory, visible=None, memory_visible=memory_visible)


def in_training(module: nn.Module, x: torch.Tensor, memory: torch.Tensor | None = None) -> object:
    """A driver: what comes out in training; what is drawn in it is the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return module.train()(*([x] if memory is None else [x, memory]))


def twice(
    module: nn.Module, x: torch.Tensor, memory: torch.Tensor | None = None
) -> tuple[object, str]:
    """A driver: what comes out, if it is the same each time, and whose layer made it."""
    torchs = torch.nn.TransformerEncoderLayer, torch.nn.TransformerDecoderLayer
    found = [layer for layer in module.modules() if isinstance(layer, torchs)]

    def note(layer: nn.Module, _: object) -> None:
        found.extend([layer] if isinstance(layer, torchs) else [])

    hook = torch.nn.modules.module.register_module_forward_pre_hook(note)
    try:
        out, again = (module(*([x] if memory is None else [x, memory])) for _ in range(2))
    finally:
        hook.remove()
    if isinstance(out, torch.Tensor) and not torch.allclose(out, again, equal_nan=True):
        out = "another result each time"
    return out, "a layer of torch's" if found else "the student's own layer"


def named(module: nn.Module, x: torch.Tensor, memory: torch.Tensor | None = None) -> str:
    """A driver: whether a parameter has more than one name, after a call."""
    module(*([x] if memory is None else [x, memory]))
    names = dict(module.named_parameters(remove_duplicate=False))
    is_plain = len(names) == len(dict(module.named_parameters()))
    return "one name for each parameter" if is_plain else "more names than parameters"


def dropped(module: nn.Module, speaker: str, rate: float) -> torch.Tensor:
    """A driver: what dropout does, in training, to the output of one sub-layer.

    All sub-layers say nothing but one, which says 3 in every feature but two, whatever comes in:
    only the bias of its last layer is not 0. Whatever it drops inside does not show. Each input is
    ±1 in turn, with mean 0 and variance 1, so that a norm lets it pass; and the two features in
    which nobody says anything tell how later norms have stretched and shifted the rest.

    Returns three shares: of the numbers that are dropped; of those that are dropped together with
    their neighbour; of those that are neither dropped nor divided by 1 − rate.
    """
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        for name, parameter in module.named_parameters():
            parameter.fill_(float(name.startswith("norm") and name.endswith("weight")))
        module.get_parameter(f"{speaker}.bias")[2:] = 3.0
        x = torch.ones(112, 32, len(module.get_parameter("norm1.weight")))
        x[..., 1::2] = -1.0
        names = [name for name, _ in module.named_parameters()]
        out = module.train()(*[x] * (2 if "norm3.weight" in names else 1))
        high, low = out[..., :1], out[..., 1:2]
        before = (2 * out - high - low) / (high - low)  # affine, 1 and −1 where x is
        said = (before - x)[..., 2:] * (1 - rate) / 3
        gone, kept = said.abs() < 0.1, (said - 1).abs() < 0.1
        shares = gone, gone[..., 1:] & gone[..., :-1], ~(gone | kept)
        return torch.stack([share.double().mean() for share in shares])


# Of 50,176 numbers each is dropped by itself with a probability of .3 or .35: the share has a
# standard deviation of .0021, the difference of two shares of .0030. Six and a half of them, on
# either side, are exceeded once in 10^10 runs; for pairs the deviation is smaller still.
SHARE = (0.02, 0.0)

SAYINGS = {
    "self_attn.out_proj": "self-attention",
    "multihead_attn.out_proj": "cross-attention",
    "linear2": "the feed-forward layer",
}
"""The last layer of a sub-layer, and what the sub-layer is called."""


def dropout_cases(draw: Draw, speakers: tuple[str, ...]) -> Iterator[Case]:
    """What dropout does to each sub-layer's output in training."""
    rate = draw.integer(6, 7) / 20
    for speaker in speakers:
        yield Case(
            f"dropout of {SAYINGS[speaker]} in training: three shares: dropped, dropped with the "
            "neighbour, neither dropped nor divided by 1 − p",
            "dropout",
            (speaker, rate),
            init=(16, 2, 4, rate),
            driver=dropped,
            tolerance=SHARE,
        )


class LayerOfTorch(nn.Module):
    """The oracle: one of torch's own layers, its parts under their own names."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        for name, part in layer.named_children():
            self.add_module(name, part)
        self.layer = [layer]  # in a list it is no part of this module, and its call goes unnoticed

    def forward(self, *inputs: torch.Tensor, **masks: torch.Tensor | None) -> torch.Tensor:
        out: torch.Tensor = self.layer[0].forward(*inputs, **masks)
        return out


class PostNormOfTorch(LayerOfTorch):
    """torch's encoder layer as `EncoderBlock` is called."""

    norm_first = False

    def __init__(self, d_model: int, n_heads: int, d_ff: int, dropout: float = 0.0) -> None:
        options = {"batch_first": True, "norm_first": self.norm_first}
        super().__init__(nn.TransformerEncoderLayer(d_model, n_heads, d_ff, dropout, **options))

    def forward(self, x: torch.Tensor, visible: torch.Tensor | None = None) -> torch.Tensor:
        return super().forward(x, src_key_padding_mask=None if visible is None else ~visible)


class PreNormOfTorch(PostNormOfTorch):
    """torch's encoder layer, which normalises first."""

    norm_first = True


class DecoderOfTorch(LayerOfTorch):
    """torch's decoder layer as `DecoderBlock` is called."""

    def __init__(self, d_model: int, n_heads: int, d_ff: int, dropout: float = 0.0) -> None:
        super().__init__(
            nn.TransformerDecoderLayer(d_model, n_heads, d_ff, dropout, batch_first=True)
        )

    def forward(
        self,
        x: torch.Tensor,
        memory: torch.Tensor,
        visible: torch.Tensor | None = None,
        memory_visible: torch.Tensor | None = None,
    ) -> torch.Tensor:
        n = x.shape[1]
        later = torch.tensor([[key > query for key in range(n)] for query in range(n)])
        return super().forward(
            x,
            memory,
            tgt_mask=later,
            tgt_key_padding_mask=None if visible is None else ~visible,
            memory_key_padding_mask=None if memory_visible is None else ~memory_visible,
        )


def encoder_cases(draw: Draw) -> Iterator[Case]:
    """For either encoder block: values, padding, dropout."""
    b, n, d_ff = draw.sizes(3, 3, 5)
    heads = 2
    d = heads * draw.integer(3, 4)  # larger than all others
    init, given = (d, heads, d_ff), parameters(draw, d, d_ff)
    x = draw.normal(b, n, d)

    def case(
        name: str,
        group: str,
        x: torch.Tensor,
        visible: torch.Tensor | None = None,
        **more: Any,
    ) -> Case:
        settings = {"init": init, "parameters": given, "driver": encoded, **more}
        return Case(name, group, (x,) if visible is None else (x, visible), **settings)

    plain = silent(4, 1, ("self_attn",))
    plain["self_attn.out_proj.bias"][2] = 4.0
    plain["linear1.weight"][0, 1:3] = 1.0
    plain["linear2.weight"][:2, 0] = torch.tensor([1.0, -1.0])
    token = torch.tensor([[[0.0, 4, 0, 0]]])
    small = {
        name: value * (0.02 if "attn" in name or "linear" in name else 1)
        for name, value in given.items()
    }
    exact = {name: value.double() for name, value in given.items()}
    # A gradient has as many numbers as there are parameters: few features will do.
    few = {"init": (4, heads, d_ff), "parameters": parameters(draw, 4, d_ff)}
    steep = {"gradient": True, "tolerance": SUMMED, **few}
    example = {"init": (4, 1, 1), "parameters": plain}
    yield case("the worked example", "values", token, **example)
    yield case("a batch of sentences", "values", x)
    yield case("one sentence, one head", "values", draw.normal(1, n, d), init=(d, 1, d_ff))
    yield case("one token each", "values", draw.normal(b, 1, d))
    yield case("small numbers, ε of 1e-5", "values", 0.003 * x, parameters=small)
    training = {"driver": in_training, **steep}
    yield case("in training, without dropout", "values", draw.normal(2, n, 4), **training)
    yield case("a name for each parameter", "values", token, driver=named, **example)
    padded = lengths(draw, b, n)
    yield case("padding at the end", "padding", x, padded)
    other = x + 3 * draw.normal(b, n, d) * ~padded[:, :, None]
    yield case("other numbers in the padding", "padding", other, padded)
    first = torch.arange(n)[None] < torch.ones(b, 1)
    yield case("one real token each", "padding", x, first)
    named_mask = draw.normal(2, n, d), padded[-2:]
    yield case("`visible` by its name", "padding", *named_mask, driver=encoded_by_name)
    square = lengths(draw, n, n)
    yield case("as many sentences as tokens, and padding", "padding", draw.normal(n, n, d), square)
    two = draw.normal(2, n, 4), padded[-2:]
    yield case("gradient, and padding", "padding", *two, **steep)
    yield case("float64, and padding", "padding", x.double(), padded, parameters=exact)
    dropping = {"init": (*init, draw.integer(6, 7) / 20), "driver": twice}
    yield case("dropout in evaluation", "dropout", x, **dropping)
    yield from dropout_cases(draw, ("self_attn.out_proj", "linear2"))


DROP = "self.drop = torch.nn.Dropout(dropout)"
SELF_ATTENTION = "self.self_attn = torch.nn.MultiheadAttention(d_model, n_heads, batch_first=True)"
HIDDEN_KEYS = "hidden = None if visible is None else ~visible"
LINEAR_2 = "self.linear2 = torch.nn.Linear(d_ff, d_model)"
NORM_1 = "self.norm1 = torch.nn.LayerNorm(d_model)"
NORM_2 = "self.norm2 = torch.nn.LayerNorm(d_model)"
FIRST_SUM, SECOND_SUM = "x + self.drop(mixed)", "h + self.drop(computed)"


def mistakes_with_dropout(sums: Mapping[str, str]) -> tuple[Misconception, ...]:
    """sums: what flows past → the name of what a sub-layer says, for each of the sub-layers."""
    texts = {f"{past} + self.drop({said})": (past, said) for past, said in sums.items()}
    first, *_, last = texts
    return (
        Misconception(
            "no_dropout",
            seen="nothing of what the sub-layers say is dropped in training.",
            think="where in your forward does `dropout` matter? (Dropout inside of a sub-layer is "
            "yours to choose; this one is asked for.)",
            edits={DROP: "self.drop = torch.nn.Identity()"},
        ),
        Misconception(
            "dropout_of_its_own",
            seen="half of the numbers are dropped in training, whatever `dropout` is.",
            think="which probability has nn.Dropout() when nobody tells it one?",
            edits={DROP: "self.drop = torch.nn.Dropout()"},
        ),
        Misconception(
            "dropout_by_default",
            seen="numbers are dropped in training though no dropout was asked for.",
            think="what is `dropout` when the caller does not give it?",
            edits={"dropout=0.0": "dropout=0.1"},
        ),
        Misconception(
            "keeps_instead_of_drops",
            seen="`dropout` was taken for the share of numbers that stay; with 0 nothing is left.",
            think="is the probability of nn.Dropout that of staying or of going?",
            edits={DROP: "self.drop = torch.nn.Dropout(1 - dropout)"},
        ),
        Misconception(
            "always_drops",
            seen="numbers are dropped in evaluation, too.",
            think="how does your dropout learn that training is over? What does functional.dropout "
            "take `training` for, if you say nothing?",
            edits={DROP: "self.drop = lambda said: torch.nn.functional.dropout(said, dropout)"},
        ),
        Misconception(
            "not_scaled_up",
            seen="numbers are dropped, and the others are left as they are, not divided by 1 − p.",
            think="how large is a sum on average if a quarter of it is dropped? What does "
            "nn.Dropout do about it?",
            edits={
                DROP: "self.drop = lambda said: "
                "said * (torch.rand(said.shape) >= dropout) if self.training else said"
            },
        ),
        Misconception(
            "drops_whole_tokens",
            seen="a token is dropped whole, with all of its features, or stays whole.",
            think="does nn.Dropout1d drop single numbers?",
            edits={DROP: "self.drop = torch.nn.Dropout1d(dropout)"},
        ),
        Misconception(
            "drops_the_sum",
            seen="what flows past a sub-layer is dropped, too: dropout acts on the sum.",
            think="what is dropped: what a sub-layer says, or what it is added to as well?",
            edits={old: f"self.drop({past} + {said})" for old, (past, said) in texts.items()},
        ),
        Misconception(
            "drops_what_flows_past",
            seen="what flows past a sub-layer is dropped; what the sub-layer says is not.",
            think="which of the two terms of a sum does the dropout act on?",
            edits={old: f"self.drop({past}) + {said}" for old, (past, said) in texts.items()},
        ),
        Misconception(
            "feed_forward_not_dropped",
            seen="what the feed-forward layer says is not dropped in training.",
            think="on how many sub-layers does the dropout act?",
            edits={last: "{} + {}".format(*texts[last])},
        ),
        Misconception(
            "attention_not_dropped",
            seen="what self-attention says is not dropped in training.",
            think="on how many sub-layers does the dropout act?",
            edits={first: "{} + {}".format(*texts[first])},
        ),
    )


def mistakes_of_any_block(
    name: str, kind: str, more: str, hidden: str, reads: str, last: str
) -> tuple[Misconception, ...]:
    """Mistakes that each of the blocks invites.

    name, kind, more: the block, torch's layer for it, and what else that is told. hidden: the line
    that turns the mask for the self-attention. reads: what the feed-forward layer reads. last: the
    result.
    """
    forward = f"self.linear2(torch.relu(self.linear1({reads})))"
    called = "self, x, memory, visible=None" if kind == "Decoder" else "self, x, visible=None"
    return (
        Misconception(
            "other_parameters",
            seen="the parameters are not those of torch's layer, by name or by shape.",
            think=f"print the names and shapes of {name}(8, 2, 16).named_parameters(), and those "
            f"of nn.Transformer{kind}Layer(8, 2, 16).",
            edits={
                "self.linear1 = ": "self.fc1 = ",
                forward: forward.replace("self.linear1", "self.fc1"),
            },
        ),
        Misconception(
            "two_names",
            seen="a parameter has two names, for its layer stands under a second attribute as "
            "well: a state dict of torch's layer does not load.",
            think="print the keys of your state_dict(). Which of them are not in the contract?",
            edits={
                LINEAR_2: f"{LINEAR_2}\n        self.ff = torch.nn.Sequential("
                "self.linear1, torch.nn.ReLU(), self.linear2)"
            },
        ),
        Misconception(
            "another_name_for_visible",
            seen="`visible` cannot be given by its name: your forward calls it otherwise.",
            think="which names do the arguments of forward have in the contract?",
            edits={
                called: called.replace("visible", "mask"),
                hidden: hidden.replace("visible", "mask"),
            },
        ),
        Misconception(
            "layer_of_torch",
            seen="one of torch's Transformer layers was put to work: that is what you are to "
            "build here.",
            think="which parts of a block does the problem allow to take from torch?",
            body=f"""
class {name}(torch.nn.Module):
    def __new__(cls, d_model, n_heads, d_ff, dropout=0.0):
        return Whole(d_model, n_heads, d_ff, dropout)

Base = getattr(torch.nn, "Transformer" + "{kind}" + "Layer")

class Whole(Base):
    def __init__(self, d_model, n_heads, d_ff, dropout):
        super().__init__(d_model, n_heads, d_ff, dropout, batch_first=True{more})
""",
        ),
        Misconception(
            "attends_across_the_batch",
            seen="tokens attend to those at their place in other sentences, or masks do not fit: "
            "the first axis was taken for the positions.",
            think="which axis does nn.MultiheadAttention take for the batch, unless it is told?",
            edits={SELF_ATTENTION: SELF_ATTENTION.replace(", batch_first=True", "")},
        ),
        Misconception(
            "no_relu",
            seen="nothing stands between the two matrices of the feed-forward layer.",
            think="two matrices in a row are one matrix. What must stand between them?",
            edits={forward: f"self.linear2(self.linear1({reads}))"},
        ),
        Misconception(
            "gelu",
            seen="GELU stands in the place of the ReLU.",
            think="which function stands in the feed-forward layer of the paper?",
            edits={forward: f"self.linear2(torch.nn.functional.gelu(self.linear1({reads})))"},
        ),
        Misconception(
            "relu_at_the_end",
            seen="the ReLU stands behind the second matrix: the feed-forward layer never says "
            "anything negative.",
            think="on which numbers does the ReLU act, the hidden ones or the results?",
            edits={forward: f"torch.relu(self.linear2(self.linear1({reads})))"},
        ),
        Misconception(
            "relu_twice",
            seen="a second ReLU stands behind the second matrix: the feed-forward layer never says "
            "anything negative.",
            think="how many ReLUs does problem 3 have?",
            edits={forward: f"torch.relu({forward})"},
        ),
        Misconception(
            "opposite_polarity",
            seen="real tokens are hidden, and padding is attended.",
            think="what does True mean in `visible`, and what in key_padding_mask?",
            edits={hidden: hidden.replace("~", "")},
        ),
        Misconception(
            "another_epsilon",
            seen="small numbers are normalised a little too far: your norms have another ε.",
            think="which ε does the contract name? Which has nn.LayerNorm if nobody tells it?",
            edits={
                NORM_1: NORM_1.replace("d_model)", "d_model, eps=1e-6)"),
                NORM_2: NORM_2.replace("d_model)", "d_model, eps=1e-6)"),
            },
        ),
        Misconception(
            "weights_too",
            seen="two results came back, where one was asked for.",
            think="what does the contract return?",
            edits={last: f"{last}, _"},
        ),
        Misconception(
            "detached",
            seen="the result is right, but no gradient flows from it.",
            think="where does the path leave torch? detach, no_grad, item and numpy cut it.",
            edits={last: f"({last}).detach()"},
        ),
        Misconception(
            "in_place",
            seen="the result may be right, but afterwards the caller's x holds other numbers.",
            think="which of your operations write into `x`? (x += … does.)",
            edits={FIRST_SUM: "x.add_(self.drop(mixed))"},
        ),
    )


def mistakes_with_padding(inputs: str) -> tuple[Misconception, ...]:
    """Mistakes of an encoder block. inputs: what its self-attention is given three times."""
    attends = f"self.self_attn({', '.join([inputs] * 3)}, key_padding_mask=hidden)"
    both = (
        "both = None if visible is None else ~(visible[:, :, None] & visible[:, None])"
        ".repeat_interleave(self.self_attn.num_heads, 0)\n        mixed, _ = "
    )
    return (
        Misconception(
            "one_head",
            seen="right with one head; with more heads your attention still has one.",
            think="where in your __init__ does `n_heads` matter?",
            edits={SELF_ATTENTION: SELF_ATTENTION.replace("n_heads", "1")},
        ),
        Misconception(
            "scores_not_scaled",
            seen="the scores of your attention are too large, the more so the wider a head is.",
            think="what is done to the product of query and key before the softmax?",
            edits={
                f"mixed, _ = {attends}": f"""scale = x.new_ones(3 * x.shape[2], 1)
        scale[: x.shape[2]] = (x.shape[2] / self.self_attn.num_heads) ** 0.5
        projection = {{
            "in_proj_weight": self.self_attn.in_proj_weight * scale,
            "in_proj_bias": self.self_attn.in_proj_bias * scale[:, 0],
        }}
        masks = {{"key_padding_mask": hidden}}
        mixed, _ = torch.func.functional_call(
            self.self_attn, projection, ({", ".join([inputs] * 3)}), masks
        )"""
            },
        ),
        Misconception(
            "padding_as_attn_mask",
            seen="the mask of keys was given as attn_mask, which takes a row for each query: it "
            "does not fit, or hides the wrong pairs.",
            think="`visible` is (b, n). Which mask of nn.MultiheadAttention has that shape?",
            edits={attends: attends.replace("key_padding_mask", "attn_mask")},
        ),
        Misconception(
            "ignores_visible",
            seen="padding is attended like any other token.",
            think="where in your forward does `visible` matter?",
            edits={HIDDEN_KEYS: "hidden = None"},
        ),
        Misconception(
            "padding_set_to_zero",
            seen="padding was set to 0, and is attended all the same.",
            think="which score does a key of 0 have, and what is its exponential?",
            edits={
                HIDDEN_KEYS: "hidden = None\n"
                "        x = x if visible is None else x * visible[:, :, None]"
            },
        ),
        Misconception(
            "hides_queries",
            seen="rows of the scores are hidden, not columns: padding is still attended.",
            think="who must not be looked at, the padding as a query or as a key?",
            edits={
                f"mixed, _ = {attends}": both.replace(
                    "visible[:, :, None] & visible[:, None]",
                    "visible[:, :, None] | torch.zeros_like(visible)[:, None]",
                )
                + attends.replace("key_padding_mask=hidden", "attn_mask=both")
            },
        ),
        Misconception(
            "hides_queries_too",
            seen="all values at real tokens are right; a padded query sees nothing and gets NaN, "
            "which comes back in the gradients.",
            think="what is a softmax over nothing but −∞? Who has to be hidden: keys, or queries "
            "as well?",
            edits={
                f"mixed, _ = {attends}": both
                + attends.replace("key_padding_mask=hidden", "attn_mask=both")
            },
        ),
        Misconception(
            "causal",
            seen="later tokens are hidden: an encoder may see them.",
            think="which block must not look ahead?",
            edits={
                attends: attends.replace(
                    "key_padding_mask=hidden",
                    "key_padding_mask=hidden, attn_mask="
                    "torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)",
                )
            },
        ),
    )


POST_FIRST, POST_SECOND = f"self.norm1({FIRST_SUM})", f"self.norm2({SECOND_SUM})"
ENCODER_SUMS = {"x": "mixed", "h": "computed"}

ENCODER_BLOCK = Problem(
    signature="EncoderBlock(d_model, n_heads, d_ff, dropout=0.0)",
    forward="forward(x, visible=None)",
    returns=("out", "made by"),
    minutes=45,
    difficulty=3,
    points={"values": 3, "padding": 2, "dropout": 1},
    cases=encoder_cases,
    oracle=PostNormOfTorch,
    forbidden=LAYERS_OF_TORCH,
    misconceptions=(
        *mistakes_of_any_block("EncoderBlock", "Encoder", "", HIDDEN_KEYS, "h", POST_SECOND),
        *mistakes_with_padding("x"),
        *mistakes_with_dropout(ENCODER_SUMS),
        Misconception(
            "normalises_first",
            seen="the norms stand before the sub-layers: that is the pre-norm block.",
            think="in the formula of this problem, what does LN act on?",
            edits={
                "mixed, _ = self.self_attn(x, x, x,": "normed = self.norm1(x)\n"
                "        mixed, _ = self.self_attn(normed, normed, normed,",
                POST_FIRST: FIRST_SUM,
                "self.linear1(h)": "self.linear1(self.norm2(h))",
                POST_SECOND: SECOND_SUM,
            },
        ),
        Misconception(
            "normalises_before_adding",
            seen="what a sub-layer says was normalised, and then added.",
            think="add & norm: which comes first?",
            edits={
                POST_FIRST: "x + self.norm1(self.drop(mixed))",
                POST_SECOND: "h + self.norm2(self.drop(computed))",
            },
        ),
        Misconception(
            "no_first_residual",
            seen="x does not flow past the attention.",
            think="what is added to what the attention says?",
            edits={POST_FIRST: "self.norm1(self.drop(mixed))"},
        ),
        Misconception(
            "no_second_residual",
            seen="nothing flows past the feed-forward layer.",
            think="what is added to what the feed-forward layer says?",
            edits={POST_SECOND: "self.norm2(self.drop(computed))"},
        ),
        Misconception(
            "no_residuals",
            seen="nothing flows past the sub-layers.",
            think="add & norm: what is added to what a sub-layer says?",
            edits={
                POST_FIRST: "self.norm1(self.drop(mixed))",
                POST_SECOND: "self.norm2(self.drop(computed))",
            },
        ),
        Misconception(
            "x_past_the_feed_forward",
            seen="x itself was added to what the feed-forward layer says.",
            think="what flows past the second sub-layer, x or h?",
            edits={POST_SECOND: "self.norm2(x + self.drop(computed))"},
        ),
        Misconception(
            "feed_forward_of_x",
            seen="the feed-forward layer read x itself, beside the attention and not after it.",
            think="what does the feed-forward layer read, x or h?",
            edits={"self.linear1(h)": "self.linear1(x)"},
        ),
        Misconception(
            "no_first_norm",
            seen="the sum after the attention is not normalised.",
            think="how many norms does the block have, and behind what do they stand?",
            edits={POST_FIRST: FIRST_SUM},
        ),
        Misconception(
            "no_second_norm",
            seen="the sum after the feed-forward layer is not normalised.",
            think="how many norms does the block have, and behind what do they stand?",
            edits={POST_SECOND: SECOND_SUM},
        ),
        Misconception(
            "norm1_twice",
            seen="norm1 did the work of norm2, too; norm2 is never used.",
            think="where in your forward does `norm2` matter?",
            edits={POST_SECOND: f"self.norm1({SECOND_SUM})"},
        ),
        Misconception(
            "norms_swapped",
            seen="norm2 follows the attention, and norm1 the feed-forward layer.",
            think="which norm follows which sub-layer?",
            edits={
                POST_FIRST: f"self.norm2({FIRST_SUM})",
                POST_SECOND: f"self.norm1({SECOND_SUM})",
            },
        ),
        Misconception(
            "feed_forward_left_out",
            seen="what comes out is h, normalised again: the feed-forward layer is not at work.",
            think="which attributes does your forward use?",
            edits={POST_SECOND: "self.norm2(h)"},
        ),
    ),
    hints=(
        "In __init__ stand five parts from torch.nn under the five names of the contract, and a "
        "dropout. forward is the two formulas, one after the other.",
        "self.self_attn(x, x, x, key_padding_mask=…) returns two things, of which the first is "
        "what it says. Build it with batch_first=True. Its mask is True where a key is hidden.",
        "The mask is ~visible, or None where visible is None. h is norm1 of x plus the dropped "
        "attention; then linear1, ReLU, linear2; the result is norm2 of h plus what they say, "
        "dropped.",
    ),
    symptoms={
        "The module lacks the parameters …": "The names of parameters come from the names of "
        "attributes: self.norm1 = nn.LayerNorm(d_model) makes norm1.weight and norm1.bias.",
        "Everything is NaN": "All keys of a sentence are hidden: does your mask say True where "
        "torch wants False?",
        "expecting key_padding_mask shape of …": "Which axis does your attention take for the "
        "batch, and which for the positions?",
        "… must be Tensor, not tuple": "nn.MultiheadAttention returns two things: what it says, "
        "and the weights.",
        "bad operand type for unary ~: 'NoneType'": "No mask was given. What is ~None, and what "
        "does nn.MultiheadAttention take if nothing is hidden?",
        "is_floating_point(): … must be Tensor, not bool": "`not` makes one truth value of the "
        "whole mask, and of None it makes True. Which operator turns each number of a tensor?",
        "“in training, without dropout” is the first case to fail": "Is something drawn at random "
        "although dropout is 0? Look at what your dropout was built with.",
        "“dropout of …” differs in three numbers": "They are shares. With p for `dropout`, p of "
        "the numbers are to be dropped, p² together with their neighbour, and all others divided "
        "by 1 − p. Which of the three is not so?",
    },
)

PRE_NORMED = "normed = self.norm1(x)"
PRE_RESULT = f"return {SECOND_SUM}"
PRE_FORWARD = "self.linear1(self.norm2(h))"
PRE_ATTENDS = "self.self_attn(normed, normed, normed,"

PRE_NORM_ENCODER_BLOCK = Problem(
    signature="PreNormEncoderBlock(d_model, n_heads, d_ff, dropout=0.0)",
    forward="forward(x, visible=None)",
    returns=("out", "made by"),
    minutes=15,
    difficulty=2,
    points={"values": 2, "padding": 1, "dropout": 1},
    cases=encoder_cases,
    oracle=PreNormOfTorch,
    forbidden=LAYERS_OF_TORCH,
    misconceptions=(
        *mistakes_of_any_block(
            "PreNormEncoderBlock",
            "Encoder",
            ", norm_first=True",
            HIDDEN_KEYS,
            "self.norm2(h)",
            SECOND_SUM,
        ),
        *mistakes_with_padding("normed"),
        *mistakes_with_dropout(ENCODER_SUMS),
        Misconception(
            "normalises_last",
            seen="the norms stand behind the sums: that is the block of problem 4.",
            think="in the formula of this problem, what does LN act on?",
            edits={
                PRE_NORMED: "normed = x",
                f"h = {FIRST_SUM}": f"h = self.norm1({FIRST_SUM})",
                PRE_FORWARD: "self.linear1(h)",
                PRE_RESULT: f"return self.norm2({SECOND_SUM})",
            },
        ),
        Misconception(
            "normalises_before_adding",
            seen="what a sub-layer says was normalised, and then added.",
            think="in the formula of this problem, what does LN act on: what goes into a "
            "sub-layer, or what comes out of it?",
            edits={
                PRE_NORMED: "normed = x",
                FIRST_SUM: "x + self.norm1(self.drop(mixed))",
                PRE_FORWARD: "self.linear1(h)",
                SECOND_SUM: "h + self.norm2(self.drop(computed))",
            },
        ),
        Misconception(
            "normed_flows_past",
            seen="what flows past the attention has been normalised.",
            think="in the formula, is x or LN(x) added to what the attention says?",
            edits={FIRST_SUM: "normed + self.drop(mixed)"},
        ),
        Misconception(
            "normed_flows_past_both",
            seen="what flows past both sub-layers has been normalised.",
            think="in the formula, is h or LN(h) added to what the feed-forward layer says?",
            edits={
                FIRST_SUM: "normed + self.drop(mixed)",
                SECOND_SUM: "self.norm2(h) + self.drop(computed)",
            },
        ),
        Misconception(
            "normed_flows_past_the_second",
            seen="what flows past the feed-forward layer has been normalised.",
            think="in the formula, is h or LN(h) added to what the feed-forward layer says?",
            edits={SECOND_SUM: "self.norm2(h) + self.drop(computed)"},
        ),
        Misconception(
            "only_queries_normed",
            seen="queries come from normalised tokens, keys and values from those that are not.",
            think="self-attention: which three things does it take, and from where?",
            edits={PRE_ATTENDS: "self.self_attn(normed, x, x,"},
        ),
        Misconception(
            "values_not_normed",
            seen="queries and keys come from normalised tokens, values from those that are not.",
            think="self-attention: which three things does it take, and from where?",
            edits={PRE_ATTENDS: "self.self_attn(normed, normed, x,"},
        ),
        Misconception(
            "norm_at_the_end",
            seen="the result has been normalised once more.",
            think="how many norms are in the formula? Where does the last norm of a pile stand?",
            edits={PRE_RESULT: f"return self.norm2({SECOND_SUM})"},
        ),
        Misconception(
            "no_first_norm",
            seen="the attention reads x as it is.",
            think="how many norms does the block have, and before what do they stand?",
            edits={PRE_NORMED: "normed = x"},
        ),
        Misconception(
            "no_second_norm",
            seen="the feed-forward layer reads h as it is.",
            think="how many norms does the block have, and before what do they stand?",
            edits={PRE_FORWARD: "self.linear1(h)"},
        ),
        Misconception(
            "norms_swapped",
            seen="norm2 stands before the attention, and norm1 before the feed-forward layer.",
            think="which norm belongs to which sub-layer?",
            edits={
                PRE_NORMED: "normed = self.norm2(x)",
                PRE_FORWARD: "self.linear1(self.norm1(h))",
            },
        ),
        Misconception(
            "norm1_twice",
            seen="norm1 did the work of norm2, too; norm2 is never used.",
            think="where in your forward does `norm2` matter?",
            edits={PRE_FORWARD: "self.linear1(self.norm1(h))"},
        ),
        Misconception(
            "x_past_the_feed_forward",
            seen="x itself was added to what the feed-forward layer says: the attention is lost "
            "on the way.",
            think="what flows past the second sub-layer, x or h?",
            edits={SECOND_SUM: "x + self.drop(computed)"},
        ),
        Misconception(
            "feed_forward_of_x",
            seen="the feed-forward layer read x, normalised, beside the attention and not after "
            "it.",
            think="what does the feed-forward layer read, x or h?",
            edits={PRE_FORWARD: "self.linear1(self.norm2(x))"},
        ),
        Misconception(
            "no_first_residual",
            seen="x does not flow past the attention.",
            think="what is added to what the attention says?",
            edits={FIRST_SUM: "self.drop(mixed)"},
        ),
        Misconception(
            "no_second_residual",
            seen="nothing flows past the feed-forward layer.",
            think="what is added to what the feed-forward layer says?",
            edits={SECOND_SUM: "self.drop(computed)"},
        ),
    ),
    hints=(
        "It is the block of problem 4 with its norms moved. Only lines of forward change.",
        "What goes into a sub-layer is normalised; what flows past it is not. The sums are not "
        "normalised at all.",
        "Keep norm1 of x under a name, since the attention takes it three times; add what it says, "
        "dropped, to x. The feed-forward layer takes norm2 of that sum.",
    ),
    symptoms={
        "The result is right for EncoderBlock and wrong here": "The two differ in where the norms "
        "stand, and in nothing else.",
        "The numbers grow from block to block": "They should: nothing normalises the sums. The "
        "norm at the end of a pile is not part of a block.",
    },
)

# DecoderBlock -------------------------------------------------------------------------------------

ATTENTIONS = ("self_attn", "multihead_attn")
CROSS_ATTENTION = SELF_ATTENTION.replace("self_attn", "multihead_attn")
FUTURE = "torch.ones(n, n, dtype=torch.bool, device=x.device).triu(1)"
PADDING = "padding = None if visible is None else ~visible"
ABSENT = "absent = None if memory_visible is None else ~memory_visible"
SELF_ATTENDS = "self.self_attn(x, x, x, attn_mask=future, key_padding_mask=padding)"
READS = "self.multihead_attn(h, memory, memory, key_padding_mask=absent)"
DECODER_FIRST = f"self.norm1({FIRST_SUM})"
DECODER_SECOND = "self.norm2(h + self.drop(read))"
DECODER_THIRD = "self.norm3(g + self.drop(computed))"


def decoder_cases(draw: Draw) -> Iterator[Case]:
    """Values, what is hidden, dropout."""
    b, n, n_s, d_ff = draw.sizes(4, 3, 6)
    heads = 2
    d = 4 * heads  # larger than all others
    init, given = (d, heads, d_ff), parameters(draw, d, d_ff, ATTENTIONS)
    x, memory = draw.normal(b, n, d), draw.normal(b, n_s, d)

    def case(
        name: str,
        group: str,
        x: torch.Tensor,
        memory: torch.Tensor,
        visible: torch.Tensor | None = None,
        memory_visible: torch.Tensor | None = None,
        **more: Any,
    ) -> Case:
        settings = {"init": init, "parameters": given, "driver": decoded, **more}
        masks = () if visible is memory_visible is None else (visible, memory_visible)
        return Case(name, group, (x, memory, *masks), **settings)

    plain = silent(4, 1, ATTENTIONS)
    plain["self_attn.out_proj.bias"][2] = 4.0
    plain["multihead_attn.out_proj.bias"][:2] = torch.tensor([2.0, -2.0])
    plain["linear1.weight"][0, ::2] = 1.0
    plain["linear2.weight"][::3, 0] = torch.tensor([-1.0, 1.0])
    token = torch.tensor([[[0.0, 4, 0, 0]]])
    small = {
        name: value * (0.02 if "attn" in name or "linear" in name else 1)
        for name, value in given.items()
    }
    exact = {name: value.double() for name, value in given.items()}
    few = {"init": (4, heads, d_ff), "parameters": parameters(draw, 4, d_ff, ATTENTIONS)}
    steep = {"gradient": True, "tolerance": SUMMED, **few}
    example = {"init": (4, 1, 1), "parameters": plain}
    first = token, torch.zeros(1, 1, 4)
    yield case("the worked example", "values", *first, **example)
    yield case("a batch of sentences", "values", x, memory)
    alone = draw.normal(1, n, d), draw.normal(1, n_s, d)
    yield case("one sentence, one head", "values", *alone, init=(d, 1, d_ff))
    yield case("one token each", "values", draw.normal(b, 1, d), draw.normal(b, 1, d))
    tiny = 0.003 * x, 0.003 * memory
    yield case("small numbers, ε of 1e-5", "values", *tiny, parameters=small)
    two, training = (draw.normal(2, n, 4), draw.normal(2, n_s, 4)), {"driver": in_training, **steep}
    yield case("in training, without dropout", "values", *two, **training)
    yield case("a name for each parameter", "values", *first, driver=named, **example)
    hidden = "what is hidden"
    written, read = lengths(draw, b, n), lengths(draw, b, n_s)
    yield case("padding in both", hidden, x, memory, written, read)
    noise = x + 3 * draw.normal(b, n, d) * ~written[:, :, None]
    yield case("other numbers in the padding of what is written", hidden, noise, memory, written)
    longer = draw.normal(b, n_s + n, d), draw.normal(b, n, d)
    yield case("padding in a memory shorter than what is written", hidden, *longer, None, written)
    by_name = Case(
        "masks by their names",
        hidden,
        (x[-2:], memory[-2:], read[-2:]),
        init=init,
        parameters=given,
        driver=decoded_by_name,
    )
    yield by_name
    same = draw.normal(n, n, d), draw.normal(n, n, d)
    masks = lengths(draw, n, n), lengths(draw, n, n)
    yield case("as many sentences as tokens, and padding in both", hidden, *same, *masks)
    yield case("gradient, and padding in both", hidden, *two, written[-2:], read[-2:], **steep)
    wide = x.double(), memory.double(), None, read  # with `visible`, torch casts the other mask
    yield case("float64, and padding in the memory", hidden, *wide, parameters=exact)
    dropping = {"init": (*init, draw.integer(6, 7) / 20), "driver": twice}
    yield case("dropout in evaluation", "dropout", x, memory, **dropping)
    yield from dropout_cases(draw, tuple(SAYINGS))


CROSS_ATTENTION_FIRST = """
class DecoderBlock(torch.nn.Module):
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
        future = torch.ones(n, n, dtype=torch.bool).triu(1)
        absent = None if memory_visible is None else ~memory_visible
        read, _ = self.multihead_attn(x, memory, memory, key_padding_mask=absent)
        g = self.norm2(x + self.drop(read))
        mixed, _ = self.self_attn(g, g, g, attn_mask=future)
        h = self.norm1(g + self.drop(mixed))
        computed = self.linear2(torch.relu(self.linear1(h)))
        return self.norm3(h + self.drop(computed))
"""

DECODER_BLOCK = Problem(
    signature="DecoderBlock(d_model, n_heads, d_ff, dropout=0.0)",
    forward="forward(x, memory, visible=None, memory_visible=None)",
    returns=("out", "made by"),
    minutes=40,
    difficulty=3,
    points={"values": 3, "what is hidden": 3, "dropout": 1},
    cases=decoder_cases,
    oracle=DecoderOfTorch,
    forbidden=LAYERS_OF_TORCH,
    misconceptions=(
        *mistakes_of_any_block("DecoderBlock", "Decoder", "", PADDING, "g", DECODER_THIRD),
        *mistakes_with_dropout({"x": "mixed", "h": "read", "g": "computed"}),
        Misconception(
            "cross_attention_not_dropped",
            seen="what cross-attention says is not dropped in training.",
            think="on how many sub-layers does the dropout act?",
            edits={DECODER_SECOND: "self.norm2(h + read)"},
        ),
        Misconception(
            "not_causal",
            seen="tokens see those that come after them.",
            think="who makes the causal mask, the caller or your block?",
            edits={SELF_ATTENDS: "self.self_attn(x, x, x, key_padding_mask=padding)"},
        ),
        Misconception(
            "sees_the_future_alone",
            seen="the past is hidden, and the future is seen.",
            think="attn_mask is True where a key is hidden. Which triangle is the future?",
            edits={
                FUTURE: "torch.ones(n, n, dtype=torch.bool, device=x.device).tril(-1)",
            },
        ),
        Misconception(
            "polarity_of_the_causal_mask",
            seen="what may be seen is hidden: your causal mask is True where a key is visible.",
            think="what does True mean in attn_mask of nn.MultiheadAttention?",
            edits={
                FUTURE: "torch.ones(n, n, dtype=torch.bool, device=x.device).tril()",
            },
        ),
        Misconception(
            "one_ahead",
            seen="each token also sees the one after it.",
            think="at position 0, which is the last key that may be seen?",
            edits={FUTURE: "torch.ones(n, n, dtype=torch.bool, device=x.device).triu(2)"},
        ),
        Misconception(
            "not_itself",
            seen="a token does not see itself, and the first sees nothing.",
            think="what may position 0 look at?",
            edits={FUTURE: "torch.ones(n, n, dtype=torch.bool, device=x.device).triu()"},
        ),
        Misconception(
            "mask_of_floats",
            seen="the causal mask is a matrix of ones and zeros that is added to the scores: the "
            "future is hardly hidden.",
            think="what does attn_mask do with numbers, and what with True and False?",
            edits={FUTURE: "-torch.ones(n, n, dtype=x.dtype).triu(1)"},
        ),
        Misconception(
            "ones_are_added",
            seen="the score of each later token is raised by 1: your causal mask holds numbers, "
            "which are added to the scores.",
            think="which dtype has your mask, and with which does attn_mask hide?",
            edits={FUTURE: "torch.ones(n, n).triu(1)"},
        ),
        Misconception(
            "mask_of_the_batch",
            seen="the causal mask is as large as the batch, and fits only where there are as many "
            "sentences as tokens.",
            think="x is (b, n_t, d_model). Which of its axes counts the positions?",
            edits={"n = x.shape[1]": "n = x.shape[0]"},
        ),
        Misconception(
            "float32_mask",
            seen="float64 tokens meet a causal mask of float32.",
            think="which dtype has your mask? Would one of bool do?",
            edits={FUTURE: "torch.full((n, n), -torch.inf).triu(1)"},
        ),
        Misconception(
            "hides_queries_too",
            seen="all values at real tokens are right; a padded query sees nothing and gets NaN, "
            "which comes back in the gradients.",
            think="what is a softmax over nothing but −∞? Who has to be hidden: keys, or queries "
            "as well?",
            edits={
                f"mixed, _ = {SELF_ATTENDS}": "both = future if visible is None else (future | "
                "~(visible[:, :, None] & visible[:, None]))"
                ".repeat_interleave(self.self_attn.num_heads, 0)\n"
                "        mixed, _ = self.self_attn(x, x, x, attn_mask=both)"
            },
        ),
        Misconception(
            "causal_memory",
            seen="a token sees only as many tokens of the memory as have been written, or the "
            "mask does not fit.",
            think="is the end of the sentence that was read a secret?",
            edits={
                READS: "self.multihead_attn(h, memory, memory, key_padding_mask=absent, attn_mask="
                "torch.ones(n, memory.shape[1], dtype=torch.bool).triu(1))"
            },
        ),
        Misconception(
            "ignores_memory_visible",
            seen="padding of the memory is attended.",
            think="where in your forward does `memory_visible` matter?",
            edits={ABSENT: "absent = None"},
        ),
        Misconception(
            "polarity_of_the_memory",
            seen="real tokens of the memory are hidden, and its padding is attended.",
            think="what does True mean in `memory_visible`, and what in key_padding_mask?",
            edits={ABSENT: "absent = memory_visible"},
        ),
        Misconception(
            "visible_for_the_memory",
            seen="`visible` was laid on the memory.",
            think="which of the two masks has as many columns as the memory has tokens?",
            edits={READS: READS.replace("absent", "padding")},
        ),
        Misconception(
            "masks_swapped",
            seen="each of the two masks was laid on the keys of the other attention.",
            think="which of the two masks has as many columns as the memory has tokens?",
            edits={
                PADDING: "padding = None if memory_visible is None else ~memory_visible",
                ABSENT: "absent = None if visible is None else ~visible",
            },
        ),
        Misconception(
            "queries_from_the_memory",
            seen="the memory asks, and what is written answers.",
            think="who wants to know, and who knows? Which of the two are the keys?",
            edits={READS: "self.multihead_attn(memory, h, h)"},
        ),
        Misconception(
            "values_from_x",
            seen="keys come from the memory, values do not.",
            think="a weight belongs to a key and its value. Where do both come from?",
            edits={READS: READS.replace("(h, memory, memory,", "(h, memory, h,")},
        ),
        Misconception(
            "memory_left_out",
            seen="the memory changes nothing: the second attention is self-attention, too.",
            think="where in your forward does `memory` matter?",
            edits={READS: "self.multihead_attn(h, h, h)"},
        ),
        Misconception(
            "queries_are_x",
            seen="cross-attention takes its queries from x, before the first add & norm.",
            think="which is the query of the second sub-layer, x or h?",
            edits={READS: READS.replace("(h,", "(x,")},
        ),
        Misconception(
            "attentions_swapped",
            seen="`multihead_attn` does the self-attention, and `self_attn` reads the memory.",
            think="which of the two is torch's name for cross-attention?",
            edits={
                SELF_ATTENDS: SELF_ATTENDS.replace("self_attn", "multihead_attn"),
                READS: READS.replace("multihead_attn", "self_attn"),
            },
        ),
        Misconception(
            "one_attention_for_both",
            seen="`self_attn` reads the memory, too; `multihead_attn` is never used.",
            think="where in your forward does `multihead_attn` matter?",
            edits={READS: READS.replace("multihead_attn", "self_attn")},
        ),
        Misconception(
            "memory_read_across_the_batch",
            seen="tokens read the memory of other sentences, or it does not fit: cross-attention "
            "took the first axis for the positions.",
            think="which axis does nn.MultiheadAttention take for the batch, unless it is told?",
            edits={CROSS_ATTENTION: CROSS_ATTENTION.replace(", batch_first=True", "")},
        ),
        Misconception(
            "no_residual_of_the_memory",
            seen="nothing flows past cross-attention.",
            think="what is added to what cross-attention says?",
            edits={DECODER_SECOND: "self.norm2(self.drop(read))"},
        ),
        Misconception(
            "x_past_the_memory",
            seen="x itself was added to what cross-attention says.",
            think="what flows past the second sub-layer, x or h?",
            edits={DECODER_SECOND: "self.norm2(x + self.drop(read))"},
        ),
        Misconception(
            "no_first_residual",
            seen="x does not flow past self-attention.",
            think="what is added to what self-attention says?",
            edits={DECODER_FIRST: "self.norm1(self.drop(mixed))"},
        ),
        Misconception(
            "no_last_residual",
            seen="nothing flows past the feed-forward layer.",
            think="what is added to what the feed-forward layer says?",
            edits={DECODER_THIRD: "self.norm3(self.drop(computed))"},
        ),
        Misconception(
            "h_past_the_feed_forward",
            seen="h was added to what the feed-forward layer says: cross-attention is lost on the "
            "way.",
            think="what flows past the third sub-layer, h or g?",
            edits={DECODER_THIRD: "self.norm3(h + self.drop(computed))"},
        ),
        Misconception(
            "norms_swapped",
            seen="norm2 and norm3 have changed places.",
            think="which norm follows which sub-layer?",
            edits={
                DECODER_SECOND: DECODER_SECOND.replace("norm2", "norm3"),
                DECODER_THIRD: DECODER_THIRD.replace("norm3", "norm2"),
            },
        ),
        Misconception(
            "no_last_norm",
            seen="the sum after the feed-forward layer is not normalised.",
            think="how many norms does the block have, and behind what do they stand?",
            edits={DECODER_THIRD: "g + self.drop(computed)"},
        ),
        Misconception(
            "norm2_twice",
            seen="norm2 did the work of norm3, too; norm3 is never used.",
            think="where in your forward does `norm3` matter?",
            edits={DECODER_THIRD: DECODER_THIRD.replace("norm3", "norm2")},
        ),
        Misconception(
            "one_head",
            seen="right with one head; with more heads your attentions still have one.",
            think="where in your __init__ does `n_heads` matter?",
            edits={
                SELF_ATTENTION: SELF_ATTENTION.replace("n_heads", "1"),
                CROSS_ATTENTION: CROSS_ATTENTION.replace("n_heads", "1"),
            },
        ),
        Misconception(
            "memory_normed",
            seen="the memory was normalised on its way into cross-attention.",
            think="keys and values come from the memory. Does the formula change it?",
            edits={
                READS: READS.replace("memory, memory", "self.norm2(memory), self.norm2(memory)")
            },
        ),
        Misconception(
            "normalises_first",
            seen="the norms stand before the sub-layers: that is a pre-norm block.",
            think="in the formula of this problem, what does LN act on?",
            edits={
                PADDING: f"{PADDING}\n        normed = self.norm1(x)",
                SELF_ATTENDS: SELF_ATTENDS.replace("x, x, x", "normed, normed, normed"),
                DECODER_FIRST: FIRST_SUM,
                READS: READS.replace("(h,", "(self.norm2(h),"),
                DECODER_SECOND: "h + self.drop(read)",
                "self.linear1(g)": "self.linear1(self.norm3(g))",
                DECODER_THIRD: "g + self.drop(computed)",
            },
        ),
        Misconception(
            "cross_attention_first",
            seen="the memory is read first, and self-attention comes after it.",
            think="in which order do the three sub-layers stand?",
            body=CROSS_ATTENTION_FIRST,
        ),
        Misconception(
            "cross_attention_first_and_norm1",
            seen="the memory is read first, with norm1 behind it, and self-attention comes after "
            "it, with norm2.",
            think="in which order do the three sub-layers stand?",
            body=CROSS_ATTENTION_FIRST.replace("self.norm2(x", "self.norm1(x").replace(
                "self.norm1(g", "self.norm2(g"
            ),
        ),
    ),
    hints=(
        "It is the block of problem 4 with a second attention between the two sub-layers, and a "
        "causal mask in the first.",
        "nn.MultiheadAttention takes query, key, value: three times x in self-attention; h, "
        "memory, memory in cross-attention. attn_mask is (n_t, n_t), and True where a key is "
        "hidden from a query; a mask of numbers would be added to the scores. key_padding_mask may "
        "be given beside it.",
        "The future is the triangle above the diagonal: a matrix of True, .triu(1). Give it to "
        "self_attn alone, with ~visible; give ~memory_visible to multihead_attn; and see to None.",
    ),
    symptoms={
        "The shape of the 2D attn_mask is …": "The causal mask is for self-attention, where "
        "queries and keys are the same tokens.",
        "“the worked example” passes, “a batch of sentences” fails": "In the example there is one "
        "token, and nobody to look at. What may a position see of those behind it?",
        "NaN at the first position": "It may see nothing: does your causal mask hide the diagonal?",
        "expecting key_padding_mask shape of …": "Which of the two masks belongs to which "
        "attention?",
    },
)

PROBLEMS = (
    LAYER_NORM,
    NORMALISE,
    FEED_FORWARD,
    ENCODER_BLOCK,
    PRE_NORM_ENCODER_BLOCK,
    DECODER_BLOCK,
)
