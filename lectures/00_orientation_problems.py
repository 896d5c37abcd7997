"""Lecture 00: the warm-up problem, ungraded: cases, misconceptions and help."""

from collections.abc import Iterator

import torch

from autograder.problem import Case, Draw, Misconception, Problem

# "I go home" as in the lecture: row = token, column = feature, and the digits say which.
I_GO_HOME = torch.tensor([[0.0, 1, 2, 3], [10, 11, 12, 13], [20, 21, 22, 23]])

SWAPPED = 'rearrange(x, "... n d -> ... d n")'


def features_first_cases(draw: Draw) -> Iterator[Case]:
    """All sizes different, and all equal; no batch, one, two; float64 and gradients."""
    b, h, n, d = draw.sizes(4)
    yield Case("I go home", "one sentence", (I_GO_HOME,))
    yield Case("one sentence", "one sentence", (draw.normal(n, d),))
    yield Case("as many tokens as features", "one sentence", (draw.normal(n, n),))
    yield Case("a single token", "one sentence", (draw.normal(1, d),))
    yield Case("a batch of sentences", "batches", (draw.normal(b, n, d),))
    yield Case("two batch dimensions", "batches", (draw.normal(b, h, n, d),))
    double = draw.normal(b, d, n, dtype=torch.float64)
    yield Case("float64", "float64 and gradient", (double,))
    yield Case("gradient", "float64 and gradient", (draw.normal(h, n, d),), gradient=True)


def features_first_oracle(x: torch.Tensor) -> torch.Tensor:
    """Columns of nested lists, sentence by sentence."""
    if x.dim() > 2:
        return torch.stack([features_first_oracle(item) for item in x])
    columns = [list(column) for column in zip(*x.tolist(), strict=True)]
    return torch.tensor(columns, dtype=x.dtype)


FEATURES_FIRST = Problem(
    signature="features_first(x)",
    returns=("result",),
    minutes=5,
    difficulty=1,
    points={"one sentence": 1, "batches": 1, "float64 and gradient": 1},
    cases=features_first_cases,
    oracle=features_first_oracle,
    misconceptions=(
        Misconception(
            "view_for_transpose",
            seen="the shape is right, but the numbers stand in the order in which they stood in "
            "`x`: they were cut into new rows, and no axis was swapped.",
            think="in row 0 of the result, whose features should stand side by side?",
            edits={SWAPPED: "x.reshape(*x.shape[:-2], x.shape[-1], x.shape[-2])"},
        ),
        Misconception(
            "all_axes_reversed",
            seen="one sentence is right; in a batch all axes are reversed, the batch's too.",
            think="which two axes are to be swapped, counted from the end? Which stay?",
            edits={SWAPPED: "x.permute(*reversed(range(x.dim())))"},
        ),
        Misconception(
            "first_two_axes",
            seen="one sentence is right; in a batch the first two axes are swapped.",
            think="where do positions and features stand in (b, n, d_model), counted from the end?",
            edits={SWAPPED: "x.transpose(0, 1)"},
        ),
        Misconception(
            "axes_one_and_two",
            seen="a batch is right; with no batch axis, or two, axes 1 and 2 are the wrong pair.",
            think="an axis counted from the front moves when a batch axis is added. From the end?",
            edits={SWAPPED: "x.transpose(1, 2)"},
        ),
        Misconception(
            "exactly_one_batch_axis",
            seen="a batch is right; where `x` has not three axes, einops refuses the pattern.",
            think="which sign in a pattern stands for any number of axes, none included?",
            edits={SWAPPED: 'rearrange(x, "b n d -> b d n")'},
        ),
        Misconception(
            "no_batch_axis",
            seen="one sentence is right; where `x` has a batch axis, einops refuses the pattern.",
            think="which sign in a pattern stands for any number of axes, none included?",
            edits={SWAPPED: 'rearrange(x, "n d -> d n")'},
        ),
        Misconception(
            "no_return",
            seen="the function returns None: it computes something and does not hand it back.",
            think="which word hands a result to the caller?",
            edits={f"return {SWAPPED}": SWAPPED},
        ),
        Misconception(
            "in_place",
            seen="the result is right, but afterwards the caller's `x` has another shape.",
            think="names that end in _ change the tensor itself. What is the name without it?",
            edits={SWAPPED: "x.transpose_(-2, -1)"},
        ),
        Misconception(
            "from_numbers",
            seen="a new tensor is made from plain numbers: float32 always, and without gradient.",
            think="torch and einops can swap axes without turning the tensor into numbers first.",
            edits={SWAPPED: "torch.tensor(x.tolist()).transpose(-2, -1)"},
        ),
    ),
    hints=(
        "Take one sentence, (3, 4). Row 0 of the result holds feature 0 of all three tokens.",
        "Write the names of the axes as they come, an arrow, and the names as they should go.",
        "Positions and features are the last two axes, whatever stands before them: in a pattern, "
        "`...` stands for all of that.",
    ),
    symptoms={
        "The shape is right and the numbers are not": "Print the result for `I go home`: do the "
        "rows hold one feature of all tokens, or a run of numbers as they stood in `x`?",
        "Wrong shape: expected 2 dims. Received 3-dim tensor": "The pattern names two axes, and "
        "there is a batch axis before them. `...` stands for any number of axes.",
    },
)

PROBLEMS = (FEATURES_FIRST,)
