"""Assignment 4: cases, misconceptions, rules and help of every problem."""

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import nn

from autograder.compare import TOLERANCE
from autograder.problem import Case, Draw, Given, Misconception, Problem

# An angle of p radians in float32 errs by p times 1e-7 or so, however it is computed: at position
# 500 the sine may be off by some 1e-4.
FAR = (2e-3, 0.0)


def even(draw: Draw, low: int, high: int) -> int:
    """An even size between `low` and `high`."""
    return 2 * draw.integer(low // 2, high // 2)


def encoding_oracle(n_positions: int, d_model: int) -> torch.Tensor:
    """The definition of the paper, entry by entry, in Python's floats."""
    waves = (math.sin, math.cos)
    rows = [
        [waves[c % 2](p / 10000 ** ((c - c % 2) / d_model)) for c in range(d_model)]
        for p in range(n_positions)
    ]
    return torch.tensor(rows)


# sinusoidal_encoding ------------------------------------------------------------------------------

POSITIONS = "torch.arange(n_positions)[:, None]"
EVEN = "torch.arange(0, d_model, 2)"
ANGLES = "positions / 10000 ** (even / d_model)"
PAIRS = "torch.stack([angles.sin(), angles.cos()], dim=-1)"


def sinusoidal_encoding_cases(draw: Draw) -> Iterator[Case]:
    """Few positions and many; one pair; one position; more positions than features and fewer."""
    yield Case("the worked example", "short tables", (3, 4))
    n, d = draw.integer(9, 14), even(draw, 6, 8)
    yield Case("more positions than features", "short tables", (n, d))
    yield Case("fewer positions than features", "short tables", (draw.integer(4, 7), d + 6))
    yield Case("a single pair of features", "short tables", (draw.integer(5, 20), 2))
    yield Case("a single position", "short tables", (1, even(draw, 10, 20)))
    far = draw.integer(400, 500), even(draw, 22, 32)
    yield Case("many positions", "long tables", far, tolerance=FAR)
    wide = draw.integer(200, 300), even(draw, 60, 70)
    yield Case("many positions and features", "long tables", wide, tolerance=FAR)


SINUSOIDAL_ENCODING = Problem(
    signature="sinusoidal_encoding(n_positions, d_model)",
    returns=("result",),
    minutes=25,
    difficulty=2,
    points={"short tables": 3, "long tables": 1},
    cases=sinusoidal_encoding_cases,
    oracle=encoding_oracle,
    misconceptions=(
        Misconception(
            "swapped_sin_cos",
            seen="row 0 begins 1, 0, 1, 0: cosines stand in the even columns, sines in the odd.",
            think="what are sin 0 and cos 0, and which belongs into column 0?",
            edits={PAIRS: "torch.stack([angles.cos(), angles.sin()], dim=-1)"},
        ),
        Misconception(
            "halves",
            seen="each row holds all of its sines first, and then all of its cosines.",
            think="in the paper's layout, which column stands beside a sine of the same angle?",
            edits={f"{PAIRS}.flatten(-2)": "torch.cat([angles.sin(), angles.cos()], dim=-1)"},
        ),
        Misconception(
            "a_wavelength_for_each_column",
            seen="the sines are right; the cosine beside a sine has an angle of its own.",
            think="which angle do columns 2i and 2i + 1 share? Is 2i the number of both columns?",
            body="""
def sinusoidal_encoding(n_positions, d_model):
    positions = torch.arange(n_positions)[:, None]
    columns = torch.arange(d_model)
    angles = positions / 10000 ** (columns / d_model)
    return torch.where(columns % 2 == 0, angles.sin(), angles.cos())
""",
        ),
        Misconception(
            "i_for_2i",
            seen="the first pair is right; the waves further right are too short, the last only "
            "about "
            "100 times as long as the first.",
            think="for the last pair, what is 2i? And what is 2i / d_model then, close to 1/2 or "
            "to 1?",
            edits={EVEN: "torch.arange(d_model // 2)"},
        ),
        Misconception(
            "twice_2i",
            seen="the first pair is right; the waves further right are too long.",
            think="if your index already counts 0, 2, 4, …, must it be doubled?",
            edits={ANGLES: "positions / 10000 ** (2 * even / d_model)"},
        ),
        Misconception(
            "pairs_minus_one",
            seen="the last pair reaches the whole 10000, as in fairseq; the paper's stays below "
            "it.",
            think="the paper divides 2i by d_model. What do you divide by?",
            edits={ANGLES: "positions / 10000 ** (even / max(d_model - 2, 1))"},
        ),
        Misconception(
            "divided_by_d_model_less_2",
            seen="the last pair reaches the whole 10000, as in fairseq; with a single pair you "
            "divide 0 by 0.",
            think="the paper divides 2i by d_model. What do you divide by?",
            edits={ANGLES: "positions / 10000 ** (even / (d_model - 2))"},
        ),
        Misconception(
            "multiplied",
            seen="the further right a column, the faster it swings.",
            think="is the position to be multiplied by 10000^(2i/d_model), or divided?",
            edits={ANGLES: "positions * 10000 ** (even / d_model)"},
        ),
        Misconception(
            "positions_from_one",
            seen="row 0 holds what belongs into row 1, and so on down the table.",
            think="which position does the first token have?",
            edits={POSITIONS: "torch.arange(1, n_positions + 1)[:, None]"},
        ),
        Misconception(
            "wrong_base",
            seen="the first pair is right; the waves further right are too short, as if the base "
            "were "
            "1000.",
            think="count the zeros of your base.",
            edits={ANGLES: "positions / 1000 ** (even / d_model)"},
        ),
        Misconception(
            "base_e",
            seen="the waves further right are hardly longer than the first: the base seems to be "
            "e.",
            think="exp(−2i/d_model) has no 10000 in it. Which factor in the exponent brings it in?",
            edits={ANGLES: "positions / torch.exp(even / d_model)"},
        ),
        Misconception(
            "whole_turns",
            seen="the waves are shorter by a factor 2π: each position is counted as a whole turn.",
            think="sin takes radians. Does the formula of the paper hold a 2π?",
            edits={ANGLES: "2 * torch.pi * positions / 10000 ** (even / d_model)"},
        ),
        Misconception(
            "degrees",
            seen="all waves are much too long: the angles are taken for degrees.",
            think="sin takes radians, and so does the formula of the paper.",
            edits={ANGLES: "torch.deg2rad(positions / 10000 ** (even / d_model))"},
        ),
        Misconception(
            "integer_division",
            seen="all pairs swing alike: the exponent is 0 in each of them.",
            think="what is 4 // 6, and what is 4 / 6?",
            edits={ANGLES: "positions / 10000.0 ** (even // d_model)"},
        ),
        Misconception(
            "only_sines",
            seen="each pair holds its sine twice.",
            think="what stands in the odd columns?",
            edits={PAIRS: "torch.stack([angles.sin(), angles.sin()], dim=-1)"},
        ),
        Misconception(
            "angles_only",
            seen="row p holds the angles themselves, and no sine or cosine of them.",
            think="which numbers between −1 and 1 does the formula make of an angle?",
            edits={PAIRS: "torch.stack([angles, angles], dim=-1)"},
        ),
        Misconception(
            "not_interleaved",
            seen="the result has three axes: sines and cosines have not been laid side by side.",
            think="your pairs stand in an axis of size 2. Where must that axis go?",
            edits={f"{PAIRS}.flatten(-2)": PAIRS},
        ),
        Misconception(
            "transposed",
            seen="the result is (d_model, n_positions): positions run along the columns.",
            think="which axis counts positions in (n, d_model)?",
            edits={".flatten(-2)": ".flatten(-2).T"},
        ),
        Misconception(
            "float64",
            seen="the numbers are right, in float64; the contract asks for float32.",
            think="which line brings in Python's or numpy's floats?",
            edits={".flatten(-2)": ".flatten(-2).double()"},
        ),
    ),
    hints=(
        "Begin with the angles alone: a table with one row per position and one column per *pair*, "
        "(n_positions, d_model / 2). Only then take sines and cosines.",
        "Positions as a column, (n, 1), divided by a row of d_model / 2 numbers: broadcasting "
        "makes "
        "the table. The row is 10000^(2i/d_model), and 2i runs 0, 2, 4, …",
        "Make an empty (n_positions, d_model) table and fill its even columns with the sines of "
        "the "
        "angles and its odd columns with their cosines; or stack both in a new last axis of size 2 "
        "and flatten the last two axes.",
    ),
    symptoms={
        "The first two columns are right, the others are not": "The angle of the first pair does "
        "not "
        "depend on the exponent, all others do. Print 2i / d_model for each pair: it runs from 0 "
        "to "
        "just below 1.",
        "My table looks right, but sines and cosines are not side by side": "torch.cat puts whole "
        "blocks one after the other. To interleave, a pair needs an axis of its own before "
        "flattening, or every second column as the target.",
        "The size of tensor a (…) must match the size of tensor b (…)": "A column of positions has "
        "the shape (n, 1), not (n,). See `[:, None]`.",
    },
)

# wavelengths --------------------------------------------------------------------------------------

LENGTHS = "2 * torch.pi * 10000 ** (even / d_model)"


def in_float32(answer: Callable[..., object], *sizes: int) -> object:
    """A driver: no argument is a tensor, so any float dtype is welcome."""
    result = answer(*sizes)
    floats = isinstance(result, torch.Tensor) and result.is_floating_point()
    return result.float() if floats else result


def wavelengths_cases(draw: Draw) -> Iterator[Case]:
    """Few pairs and many, and the one pair whose wave is a single turn of 2π."""
    few, many = even(draw, 6, 30), even(draw, 40, 240)
    yield Case("the worked example", "values", (4,), driver=in_float32)
    yield Case("a single pair", "values", (2,), driver=in_float32)
    yield Case("a few pairs", "values", (few,), driver=in_float32)
    yield Case("many pairs", "values", (many,), driver=in_float32)


WAVELENGTHS = Problem(
    signature="wavelengths(d_model)",
    returns=("result",),
    minutes=10,
    difficulty=1,
    points={"values": 2},
    cases=wavelengths_cases,
    oracle=lambda d_model: torch.tensor(
        [math.tau * 10000 ** (2 * pair / d_model) for pair in range(d_model // 2)]
    ),
    misconceptions=(
        Misconception(
            "no_turn",
            seen="the first number is 1: that is how far a wave gets in one radian, not in a turn.",
            think="how many radians has a full turn?",
            edits={LENGTHS: "10000 ** (even / d_model)"},
        ),
        Misconception(
            "half_turn",
            seen="all numbers are half of what they should be.",
            think="after π radians a sine is 0 again. Is it back where it came from?",
            edits={LENGTHS: "torch.pi * 10000 ** (even / d_model)"},
        ),
        Misconception(
            "frequency",
            seen="the numbers fall: they are angles per position, not positions per turn.",
            think="if each position adds an angle w, how many positions make a full turn?",
            edits={LENGTHS: "10000 ** (-even / d_model)"},
        ),
        Misconception(
            "turns_per_position",
            seen="the numbers fall: they are turns per position, not positions per turn.",
            think="is the first wave shorter than the last, or longer?",
            edits={LENGTHS: "1 / (2 * torch.pi * 10000 ** (even / d_model))"},
        ),
        Misconception(
            "two_pi_times_frequency",
            seen="the first number is right, and the others fall.",
            think="the further right a pair, the slower it turns. How many positions does it need?",
            edits={LENGTHS: "2 * torch.pi / 10000 ** (even / d_model)"},
        ),
        Misconception(
            "i_for_2i",
            seen="the first wave is right; the last is only about 100 times as long as the first.",
            think="for the last pair, what is 2i / d_model: close to 1/2, or to 1?",
            edits={LENGTHS: "2 * torch.pi * 10000 ** (even / 2 / d_model)"},
        ),
        Misconception(
            "pairs_minus_one",
            seen="the last wave has the whole 10000, as in fairseq; the paper's stays below it.",
            think="the paper divides 2i by d_model. What do you divide by?",
            edits={LENGTHS: "2 * torch.pi * 10000 ** (even / max(d_model - 2, 1))"},
        ),
        Misconception(
            "divided_by_d_model_less_2",
            seen="the last wave has the whole 10000, as in fairseq; with a single pair you divide "
            "0 by 0.",
            think="the paper divides 2i by d_model. What do you divide by?",
            edits={LENGTHS: "2 * torch.pi * 10000 ** (even / (d_model - 2))"},
        ),
        Misconception(
            "wrong_base",
            seen="the first wave is right; the others are too short, as if the base were 1000.",
            think="count the zeros of your base.",
            edits={LENGTHS: "2 * torch.pi * 1000 ** (even / d_model)"},
        ),
        Misconception(
            "pairs_from_one",
            seen="the first wave is missing, and each stands one place too early.",
            think="is the first pair i = 0 or i = 1?",
            edits={LENGTHS: "2 * torch.pi * 10000 ** ((even + 2) / d_model)"},
        ),
        Misconception(
            "degrees",
            seen="all numbers are too large by 180/π: they count degrees, not positions.",
            think="the angle of a position is in radians. How many radians make a turn?",
            edits={LENGTHS: "360 * 10000 ** (even / d_model)"},
        ),
        Misconception(
            "for_each_column",
            seen="the result has d_model numbers; each wave stands there twice.",
            think="how many pairs are there, and how many waves does a pair have?",
            edits={LENGTHS: "(2 * torch.pi * 10000 ** (even / d_model)).repeat_interleave(2)"},
        ),
        Misconception(
            "own_wave_for_each_column",
            seen="the result has d_model numbers; those between are waves that no pair has.",
            think="which two columns share a wave?",
            edits={LENGTHS: "2 * torch.pi * 10000 ** (torch.arange(d_model) / d_model)"},
        ),
        Misconception(
            "reversed",
            seen="the numbers are right, but the longest wave comes first.",
            think="which pair turns fastest: the first or the last?",
            edits={LENGTHS: "(2 * torch.pi * 10000 ** (even / d_model)).flip(0)"},
        ),
        Misconception(
            "all_the_first",
            seen="all waves are as long as the first.",
            think="what is 4 // 6, and what is 4 / 6?",
            edits={LENGTHS: "2 * torch.pi * 10000.0 ** (even // d_model)"},
        ),
        Misconception(
            "quarter_exponent",
            seen="the first wave is right; the others are too long, the last by far.",
            think="if your index already counts 0, 2, 4, …, must it be doubled?",
            edits={LENGTHS: "2 * torch.pi * 10000 ** (2 * even / d_model)"},
        ),
    ),
    hints=(
        "Take one pair. Its angle at position p is p divided by something. A full turn is 2π.",
        "At which p is p / 10000^(2i/d_model) equal to 2π?",
        "Solve that for p, once per pair: 2i runs over 0, 2, 4, … below d_model.",
    ),
    symptoms={
        "My numbers get smaller": "You have found how fast each pair turns. How long does it take?",
        "My last wave is 10000 · 2π": "The paper never reaches it: 2i / d_model stays below 1.",
    },
)

# shift_matrix -------------------------------------------------------------------------------------

ANGLE = "offset / 10000 ** (2 * pair / d_model)"
ROTATION = "[[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]"


def shift_matrix_oracle(offset: int, d_model: int) -> torch.Tensor:
    """The one matrix that moves every position: solved from the encodings of many, in float64.

    Sines and cosines of different wavelengths are linearly independent, so there is no other. The
    long waves hardly bend over a few positions, so that these are spread over a whole long turn.
    """
    positions = torch.linspace(0, 60_000, 4_001, dtype=torch.float64).round()

    def encoded(at: torch.Tensor) -> torch.Tensor:
        angles = at[:, None] / 10000 ** (torch.arange(0, d_model, 2).double() / d_model)
        return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)

    transposed = torch.linalg.lstsq(encoded(positions), encoded(positions + offset)).solution
    return transposed.T.float()


def shift_matrix_cases(draw: Draw) -> Iterator[Case]:
    """Forwards, backwards and far; one pair and many; and no step at all, beside others."""
    step, d = draw.integer(2, 9), even(draw, 6, 10)
    yield Case("the worked example", "forwards", (1, 2), driver=in_float32)
    yield Case("one step", "forwards", (1, d), driver=in_float32)
    yield Case("a few steps", "forwards", (step, even(draw, 12, 16)), driver=in_float32)
    yield Case("a single pair", "forwards", (step + 1, 2), driver=in_float32)
    far = (draw.integer(100, 300), even(draw, 6, 10))
    yield Case("many steps", "forwards", far, driver=in_float32, tolerance=FAR)
    yield Case("a step back", "backwards", (-1, d), driver=in_float32)
    yield Case("some steps back", "backwards", (-step, d + 2), driver=in_float32)
    yield Case("no step", "backwards", (0, d), driver=in_float32)


SHIFT_MATRIX = Problem(
    signature="shift_matrix(offset, d_model)",
    returns=("result",),
    minutes=35,
    difficulty=3,
    points={"forwards": 4, "backwards": 1},
    cases=shift_matrix_cases,
    oracle=shift_matrix_oracle,
    misconceptions=(
        Misconception(
            "transposed",
            seen="your matrix moves by −offset: it is the transpose of the right one.",
            think="write sin(a + b) and cos(a + b) out. Which product has the minus sign?",
            edits={
                ROTATION: "[[math.cos(angle), -math.sin(angle)], "
                "[math.sin(angle), math.cos(angle)]]"
            },
        ),
        Misconception(
            "no_sign",
            seen="no entry off the diagonal has the other's sign: lengths are not kept.",
            think="write sin(a + b) and cos(a + b) out. Which product has the minus sign?",
            edits={
                ROTATION: "[[math.cos(angle), math.sin(angle)], [math.sin(angle), math.cos(angle)]]"
            },
        ),
        Misconception(
            "sine_diagonal",
            seen="sines stand on the diagonal: with offset 0 your matrix is not the identity.",
            think="what must the matrix be that moves nothing?",
            edits={
                ROTATION: "[[math.sin(angle), math.cos(angle)], "
                "[math.cos(angle), -math.sin(angle)]]"
            },
        ),
        Misconception(
            "one_angle",
            seen="the first pair is right; all others turn by the angle of the first.",
            think="each pair has its own wavelength. Does the same step turn them all alike?",
            edits={ANGLE: "float(offset)"},
        ),
        Misconception(
            "only_the_first_pair",
            seen="the first pair is right; all others stay where they are.",
            think="how many pairs must your loop reach?",
            edits={"range(d_model // 2)": "range(1)"},
        ),
        Misconception(
            "i_for_2i",
            seen="the first pair is right; the others turn too far, the last by far.",
            think="for the last pair, what is 2i / d_model: close to 1/2, or to 1?",
            edits={ANGLE: "offset / 10000 ** (pair / d_model)"},
        ),
        Misconception(
            "multiplied",
            seen="the first pair is right; the others turn the faster the further right they "
            "stand.",
            think="is the angle of a step the offset times 10000^(2i/d_model), or divided by it?",
            edits={ANGLE: "offset * 10000 ** (2 * pair / d_model)"},
        ),
        Misconception(
            "by_wavelengths",
            seen="all angles are too small by 2π.",
            think="a pair turns by 2π in a wavelength. How far does it turn in one position?",
            edits={ANGLE: "offset / (2 * math.pi * 10000 ** (2 * pair / d_model))"},
        ),
        Misconception(
            "turns",
            seen="all angles are too large by 2π.",
            think="the angle at position p is in radians already. How far does it turn in a step?",
            edits={ANGLE: "2 * math.pi * offset / 10000 ** (2 * pair / d_model)"},
        ),
        Misconception(
            "pairs_minus_one",
            seen="the first pair is right; the last turns as in fairseq, which divides by d/2 − 1.",
            think="the paper divides 2i by d_model. What do you divide by?",
            edits={ANGLE: "offset / 10000 ** (2 * pair / max(d_model - 2, 1))"},
        ),
        Misconception(
            "one_step_only",
            seen="steps of 1 are right; any offset gives the matrix of one step.",
            think="where in your code does the offset matter?",
            edits={ANGLE: "1 / 10000 ** (2 * pair / d_model)"},
        ),
        Misconception(
            "absolute_offset",
            seen="steps forward are right; steps back move forward.",
            think="what does your code do with the sign of the offset?",
            edits={ANGLE: "abs(offset) / 10000 ** (2 * pair / d_model)"},
        ),
        Misconception(
            "halves",
            seen="the numbers fit a table with all sines on the left, all cosines on the right.",
            think="in the paper's layout, which two columns make a pair?",
            body="""
def shift_matrix(offset, d_model):
    half = d_model // 2
    angles = torch.tensor([offset / 10000 ** (2 * pair / d_model) for pair in range(half)])
    cos, sin = torch.diag(angles.cos()), torch.diag(angles.sin())
    return torch.cat([torch.cat([cos, sin], dim=1), torch.cat([-sin, cos], dim=1)])
""",
        ),
        Misconception(
            "rolled_rows",
            seen="your matrix moves rows of a table; it must turn the numbers within one row.",
            think="M is (d_model, d_model) and meets the encoding of one position at a time.",
            body="""
def shift_matrix(offset, d_model):
    return torch.eye(d_model).roll(-offset, dims=0)
""",
        ),
        Misconception(
            "on_the_zero_matrix_of_one",
            seen="where pairs meet other pairs there are ones instead of zeros.",
            think="a pair must not take anything from another pair. What do you fill up with?",
            edits={"torch.zeros(d_model, d_model)": "torch.ones(d_model, d_model)"},
        ),
        Misconception(
            "one_step_too_far",
            seen="your matrix moves by offset + 1.",
            think="what is your matrix for offset 0?",
            edits={ANGLE: "(offset + 1) / 10000 ** (2 * pair / d_model)"},
        ),
    ),
    hints=(
        "Begin with d_model = 2: find the 2×2 matrix that makes (sin(a + b), cos(a + b)) from "
        "(sin a, cos a). The addition theorems are sums of products.",
        "sin(a + b) = sin a cos b + cos a sin b, and cos(a + b) = cos a cos b − sin a sin b. The "
        "numbers that depend on b alone form the matrix.",
        "Every pair has its own b, the offset divided by 10000^(2i/d_model). Put the 2×2 matrices "
        "along the diagonal of a matrix of zeros.",
    ),
    symptoms={
        "It moves backwards": "Check the place of the minus sign with offset 1 and d_model 2: M @ "
        "(0, 1), position 0, must be (sin 1, cos 1).",
        "It works for p = 0 only": "You may have put the encoding of one position into the matrix. "
        "M "
        "must not know p.",
        "Only the first two rows are right": "Compare the angle of pair 1 with that in the table.",
    },
)

# to_fairseq_layout --------------------------------------------------------------------------------

SINES = "sines = encoding[:, 0::2]"
COSINES = "cosines = encoding[:, 1::2]"
SIDE_BY_SIDE = "torch.cat([sines, cosines], dim=1)"


def to_fairseq_layout_cases(draw: Draw) -> Iterator[Case]:
    """Any numbers, not only sines: what is asked is a move of columns. d_model = 4 hides much."""
    n, d, first = draw.integer(3, 5), even(draw, 8, 14), draw.integer(2, 90)
    small = torch.tensor([[0.0, 1, 0, 1], [0.841, 0.54, 0.01, 1.0]])
    yield Case("the worked example", "values", (small,))
    yield Case("any numbers", "values", (draw.normal(n, d),))
    rows = encoding_oracle(first + n + 1, d + 2)[first:]
    yield Case("rows of a table of sines and cosines", "values", (rows,))
    yield Case("a single position", "values", (draw.normal(1, d - 2),))
    yield Case("a single pair", "values", (draw.normal(n, 2),))
    yield Case("as many positions as features", "values", (draw.normal(d, d),))
    double = draw.normal(n, d, dtype=torch.float64)
    yield Case("float64", "float64 and gradient", (double,))
    yield Case("gradient", "float64 and gradient", (draw.normal(n, d),), gradient=True)


TO_FAIRSEQ_LAYOUT = Problem(
    signature="to_fairseq_layout(encoding)",
    returns=("result",),
    minutes=10,
    difficulty=1,
    points={"values": 1, "float64 and gradient": 1},
    cases=to_fairseq_layout_cases,
    oracle=lambda encoding: torch.stack(
        [
            encoding[:, column]
            for column in sorted(range(encoding.shape[1]), key=lambda column: column % 2)
        ],
        dim=1,
    ),
    misconceptions=(
        Misconception(
            "cosines_first",
            seen="cosines stand in the left half and sines in the right.",
            think="in which columns of the interleaved table do the sines stand?",
            edits={SINES: "sines = encoding[:, 1::2]", COSINES: "cosines = encoding[:, 0::2]"},
        ),
        Misconception(
            "the_other_direction",
            seen="your result interleaves what stood in two halves: that is the way back.",
            think="where does column 1 of the given table go, and where does column 2?",
            edits={
                SINES: "sines = encoding.chunk(2, dim=1)[0]",
                COSINES: "cosines = encoding.chunk(2, dim=1)[1]",
                SIDE_BY_SIDE: "torch.stack([sines, cosines], dim=2).flatten(1)",
            },
        ),
        Misconception(
            "interleaved_again",
            seen="your result is the table as it was.",
            think="you have taken the columns apart. How do you put them together again?",
            edits={SIDE_BY_SIDE: "torch.stack([sines, cosines], dim=2).flatten(1)"},
        ),
        Misconception(
            "halves_swapped",
            seen="the left half of the table and its right half have changed places.",
            think="which columns of the given table hold sines? Not all those on the left.",
            edits={
                SINES: "sines = encoding.chunk(2, dim=1)[1]",
                COSINES: "cosines = encoding.chunk(2, dim=1)[0]",
            },
        ),
        Misconception(
            "below_each_other",
            seen="the cosines stand below the sines: the shape is (2n, d_model / 2).",
            think="which axis counts features in (n, d_model)?",
            edits={SIDE_BY_SIDE: "torch.cat([sines, cosines], dim=0)"},
        ),
        Misconception(
            "stacked",
            seen="the result has three axes: sines and cosines stand behind each other.",
            think="does stack make a new axis, or lengthen an old one?",
            edits={SIDE_BY_SIDE: "torch.stack([sines, cosines])"},
        ),
        Misconception(
            "stacked_between",
            seen="the result has three axes: (n, 2, d_model / 2).",
            think="your two halves stand in an axis of size 2. How does it vanish?",
            edits={SIDE_BY_SIDE: "torch.stack([sines, cosines], dim=1)"},
        ),
        Misconception(
            "two_results",
            seen="the result is a pair of two tables, not one table.",
            think="what joins two tables along their columns?",
            edits={SIDE_BY_SIDE: "sines, cosines"},
        ),
        Misconception(
            "rows_for_columns",
            seen="rows have been moved: the even positions stand on top, the odd below.",
            think="which axis counts features in (n, d_model)?",
            edits={
                SINES: "sines = encoding[0::2]",
                COSINES: "cosines = encoding[1::2]",
                SIDE_BY_SIDE: "torch.cat([sines, cosines], dim=0)",
            },
        ),
        Misconception(
            "reshaped",
            seen="the numbers of different positions are mixed up: the table was cut into new "
            "rows.",
            think="reshape keeps the order of all numbers, row by row. Is that what you want?",
            edits={
                SIDE_BY_SIDE: "torch.stack([encoding[:, 0::2].reshape(-1), "
                "encoding[:, 1::2].reshape(-1)]).reshape(encoding.shape)"
            },
        ),
        Misconception(
            "computed_anew",
            seen="a table of sines and cosines is right; other numbers in its place are ignored.",
            think="the task moves columns. Does your result depend on the numbers handed over?",
            edits={
                SIDE_BY_SIDE: "_anew(encoding)",
                "def to_fairseq_layout": """def _anew(encoding):
    n, d = encoding.shape
    positions = torch.arange(n, dtype=encoding.dtype)[:, None]
    angles = positions / 10000 ** (torch.arange(0, d, 2, dtype=encoding.dtype) / d)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def to_fairseq_layout""",
            },
        ),
        Misconception(
            "reversed_halves",
            seen="each half is right, but its columns run backwards.",
            think="in which order do the pairs stand in either half?",
            edits={SIDE_BY_SIDE: "torch.cat([sines.flip(1), cosines.flip(1)], dim=1)"},
        ),
        Misconception(
            "transposed",
            seen="the result is (d_model, n): positions run along the columns.",
            think="which axis counts positions in (n, d_model)?",
            edits={SIDE_BY_SIDE: "torch.cat([sines, cosines], dim=1).T"},
        ),
        Misconception(
            "written_in_place",
            seen="the numbers may be right, but afterwards the caller's table is another one.",
            think="which line writes into `encoding`?",
            body="""
def to_fairseq_layout(encoding):
    moved = torch.cat([encoding[:, 0::2], encoding[:, 1::2]], dim=1)
    encoding.copy_(moved)
    return encoding
""",
        ),
        Misconception(
            "detached",
            seen="the numbers are right, but no gradient flows from the result back to `encoding`.",
            think="where does the path leave torch? detach, numpy and torch.tensor cut it.",
            edits={SIDE_BY_SIDE: "torch.cat([sines, cosines], dim=1).detach()"},
        ),
        Misconception(
            "float32",
            seen="float64 went in, float32 came out.",
            think="which line chooses a dtype? The result has that of `encoding`.",
            edits={SIDE_BY_SIDE: "torch.cat([sines, cosines], dim=1).float()"},
        ),
    ),
    hints=(
        "No number changes; columns move. Write down, for d_model = 6, which column goes where.",
        "Columns 0, 2, 4, … go to the left half, in their order; columns 1, 3, 5, … to the right.",
        "A slice can take every second column; two tables can be joined along their columns.",
    ),
    symptoms={
        "It is right for d_model = 4 only": "With four columns, 0 2 1 3 is its own way back. Try "
        "six.",
    },
)

# PositionalEncoding -------------------------------------------------------------------------------

REGISTER = 'self.register_buffer("table", table.flatten(1))'
CHECK = "n > len(self.table)"
SUM = "x + self.table[:n].to(x.dtype)"
DROP = "self.dropout(x + self.table[:n].to(x.dtype))"

DROPPED = 0.3
# The share of zeros among 65,536 numbers, each dropped with probability .3, has a standard
# deviation of .0018; the difference of two such shares, of .0025. Six of them, on either side, are
# exceeded once in 500 million runs.
SHARE = (0.0155, 0.0)
# Of 61,440 pairs or more, both are dropped in .09, if each number is dropped by itself. Pairs that
# share a number are not independent: the share has a standard deviation of .0014, the difference of
# two of .002. Seven of them, on either side, are exceeded once in 400 billion runs.
TOGETHER = (0.014, 0.0)


def share_of_zeros(module: nn.Module, mode: str) -> float:
    """A driver: how much of a large input is 0 after the module.

    No sum of 3 and an encoding is 0 by itself. The seed is that of this driver alone.
    """
    module.train(mode == "training")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return (module(torch.full((16, 64, 64), 3.0)) == 0).double().mean().item()


def dropped_together(module: nn.Module, neighbours: str) -> float:
    """A driver: of all pairs of neighbours along one axis, the share in which both are dropped."""
    axis = ("sentences", "tokens", "features").index(neighbours)
    module.train()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        zero = module(torch.full((16, 64, 64), 3.0)) == 0
    first, second = (
        zero.narrow(axis, 0, zero.shape[axis] - 1),
        zero.narrow(axis, 1, zero.shape[axis] - 1),
    )
    return (first & second).double().mean().item()


def survivors(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """A driver: what dropout has left, scaled back; in place of what it dropped, the sum itself.

    The seed is not for the answer's sake, but lets a known mistake drop what it dropped before.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        whole = module.eval()(x)
        dropped = module.train()(x)
    return torch.where(dropped == 0, whole, dropped * (1 - 0.3))


def what_is_learnt(module: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, str, str]:
    """A driver: the sum, how much is trainable, and what holds a table."""
    trainable = sum(p.numel() for p in module.parameters() if p.requires_grad)
    buffers = sum(buffer.numel() for buffer in module.buffers())
    frozen = sum(p.numel() for p in module.parameters() if not p.requires_grad)
    size = x.shape[1] * x.shape[2]
    holder = "no buffer" if frozen < size else "a frozen parameter"
    return (
        module(x),
        f"{trainable} trainable numbers",
        f"the table lies in {'a buffer' if buffers >= size else holder}",
    )


def positional_encoding_cases(draw: Draw) -> Iterator[Case]:
    """Shorter than the table, as long, too long; in evaluation and in training."""
    b, n = draw.sizes(2, 3, 7)
    d, longest = even(draw, 8, 14), 9
    first = torch.tensor([[[1.0, 1.0], [2.0, 2.0]]])
    yield Case("the worked example", "the sum", (first,), init=(2, 5))
    yield Case("shorter than the table", "the sum", (draw.normal(b, n, d),), init=(d, longest))
    full = draw.normal(b, n, d + 2)
    yield Case("as long as the table", "the sum", (full,), init=(d + 2, n))
    yield Case("one token", "the sum", (draw.normal(b, 1, d),), init=(d, longest))
    yield Case("one sentence", "the sum", (draw.normal(1, n, d),), init=(d, longest))
    yield Case("more sentences than positions", "the sum", (draw.normal(n + 3, n, d),), init=(d, n))
    far = draw.normal(2, 60, 6)
    yield Case("many positions", "the sum", (far,), init=(6, draw.integer(80, 200)))
    # The table may be held in float32: its numbers are then good to 1e-6.
    double = draw.normal(b, n, d, dtype=torch.float64)
    yield Case("float64", "the sum", (double,), init=(d, longest), tolerance=(1e-4, 0.0))
    yield Case("gradient", "the sum", (draw.normal(b, n, d),), init=(d, longest), gradient=True)
    yield Case(
        "nothing to learn, the table in a buffer",
        "the sum",
        (draw.normal(b, n, d),),
        init=(d, longest),
        driver=what_is_learnt,
    )
    yield Case("one token too many", "too long", (draw.normal(b, n + 1, d),), init=(d, n))
    yield Case("far too many", "too long", (draw.normal(b, 3 * n, d),), init=(d, n))
    yield Case("beside it, just enough", "too long", (draw.normal(b, n, d),), init=(d, n))
    dropping = {"init": (d, longest, DROPPED)}
    large = {"init": (64, 64, DROPPED)}
    for mode in ("evaluation", "training"):
        name = f"share of numbers that are dropped in {mode}"
        yield Case(name, "dropout", (mode,), **large, driver=share_of_zeros, tolerance=SHARE)
    for axis in ("features", "tokens", "sentences"):
        name = f"share of neighbouring {axis} that are dropped together"
        yield Case(name, "dropout", (axis,), **large, driver=dropped_together, tolerance=TOGETHER)
    shifted = draw.normal(b, n, d) + 9  # no sum is 0 by itself
    yield Case("what is left in training", "dropout", (shifted,), driver=survivors, **dropping)
    yield Case("dropout of 0, in evaluation", "dropout", (draw.normal(b, n, d),), init=(d, 9))


class Summed(nn.Module):
    """The oracle: the definition entry by entry, and torch's own dropout on the sum."""

    def __init__(self, d_model: int, max_len: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("entries", encoding_oracle(max_len, d_model))
        self.rate = dropout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        longest = len(self.entries)
        if x.shape[1] > longest:
            raise ValueError(f"{x.shape[1]} positions, {longest} in the table")
        rows = [x[:, p] + self.entries[p].to(x.dtype) for p in range(x.shape[1])]
        return nn.functional.dropout(torch.stack(rows, dim=1), self.rate, self.training)


POSITIONAL_ENCODING = Problem(
    signature="PositionalEncoding(d_model, max_len, dropout=0.0)",
    forward="forward(x)",
    returns=("result",),
    minutes=30,
    difficulty=2,
    points={"the sum": 3, "too long": 1, "dropout": 2},
    cases=positional_encoding_cases,
    oracle=Summed,
    misconceptions=(
        Misconception(
            "trainable",
            seen="the sum is right, but the module has parameters that an optimiser would change.",
            think="which container of nn.Module holds numbers that are not learnt?",
            edits={REGISTER: "self.table = torch.nn.Parameter(table.flatten(1))"},
        ),
        Misconception(
            "plain_attribute",
            seen="the sum is right, but the module holds no buffer: its table would stay behind "
            "when "
            "the module moves to another device.",
            think="how does nn.Module learn of a tensor that is not a parameter?",
            edits={REGISTER: "self.table = table.flatten(1)"},
        ),
        Misconception(
            "frozen",
            seen="the sum is right, and nothing is trained; but the table is a parameter that was "
            "frozen, not a buffer.",
            think="a frozen parameter can be thawed, and is listed as one. What holds numbers that "
            "are never learnt?",
            edits={
                REGISTER: "self.table = torch.nn.Parameter(table.flatten(1), requires_grad=False)"
            },
        ),
        Misconception(
            "along_the_batch",
            seen="each sentence gets one position; the tokens within it all get the same.",
            think="which axis of x (b, n, d_model) counts positions?",
            edits={SUM: "x + self.table[: len(x), None].to(x.dtype)"},
        ),
        Misconception(
            "as_many_rows_as_sentences",
            seen="as many rows of the table are taken as there are sentences: one sentence gets "
            "position 0 throughout, for others the shapes do not fit.",
            think="x is (b, n, d_model). Which of its sizes says how many rows of the table you "
            "need?",
            edits={SUM: "x + self.table[: x.shape[0]].to(x.dtype)"},
        ),
        Misconception(
            "limit_by_the_batch",
            seen="one sentence gets position 0 throughout, and a sentence that is too long is not "
            "refused: your n counts sentences.",
            think="x is (b, n, d_model). Which of its sizes counts tokens?",
            edits={"n = x.shape[1]": "n = x.shape[0]"},
        ),
        Misconception(
            "last_position_for_all",
            seen="every token gets the encoding of the last position.",
            think="which rows of the table do you take, and how many?",
            edits={SUM: "x + self.table[n - 1].to(x.dtype)"},
        ),
        Misconception(
            "from_the_end_of_the_table",
            seen="full length is right; shorter sentences get the last rows of the table.",
            think="which position has the first token, whatever max_len is?",
            edits={SUM: "x + self.table[-n:].to(x.dtype)"},
        ),
        Misconception(
            "positions_from_one",
            seen="the first token gets the encoding of position 1.",
            think="which position does the first token have?",
            edits={"torch.arange(max_len)": "torch.arange(1, max_len + 1)"},
        ),
        Misconception(
            "halves",
            seen="all sines are added in the left half of the features, all cosines in the right.",
            think="in the paper's layout, which column stands beside a sine of the same angle?",
            edits={
                "torch.stack([angles.sin(), angles.cos()], dim=-1)": "torch.cat("
                "[angles.sin(), angles.cos()], dim=-1)"
            },
        ),
        Misconception(
            "i_for_2i",
            seen="the first two features are right; the waves of the others are too short.",
            think="for the last pair, what is 2i / d_model: close to 1/2, or to 1?",
            edits={"torch.arange(0, d_model, 2)": "torch.arange(d_model // 2)"},
        ),
        Misconception(
            "multiplied",
            seen="the encoding multiplies x instead of being added to it.",
            think="what becomes of a feature where a sine is 0?",
            edits={SUM: "x * self.table[:n].to(x.dtype)"},
        ),
        Misconception(
            "encoding_alone",
            seen="the result does not depend on x: it is the encoding alone.",
            think="what is the encoding added to?",
            edits={SUM: "self.table[:n].to(x.dtype).expand_as(x) + 0 * x"},
        ),
        Misconception(
            "scaled_by_root",
            seen="x itself has grown by √d_model.",
            think="the paper scales the embeddings before this module. Does the contract ask it of "
            "you?",
            edits={SUM: "x * x.shape[-1] ** 0.5 + self.table[:n].to(x.dtype)"},
        ),
        Misconception(
            "no_limit",
            seen="a sentence that is too long is not met by a ValueError.",
            think="which case has your code no answer for? Who tells the caller?",
            edits={CHECK: "False"},
        ),
        Misconception(
            "silently_cut",
            seen="a sentence that is too long comes back shorter, without an error.",
            think="what would a model do whose last tokens vanish?",
            edits={CHECK: "False", SUM: "x[:, : len(self.table)] + self.table[:n].to(x.dtype)"},
        ),
        Misconception(
            "limit_one_too_low",
            seen="a sentence as long as the table is refused.",
            think="how many positions does a table of max_len rows serve?",
            edits={CHECK: "n >= len(self.table)"},
        ),
        Misconception(
            "another_error",
            seen="a sentence that is too long raises an error, but no ValueError.",
            think="assert raises AssertionError. Which error does the contract name?",
            edits={"raise ValueError": "raise AssertionError"},
        ),
        Misconception(
            "always_dropping",
            seen="numbers are dropped in evaluation too.",
            think="F.dropout drops unless it is told that this is no training. What does "
            "nn.Dropout "
            "know by itself?",
            edits={
                DROP: "torch.nn.functional.dropout(x + self.table[:n].to(x.dtype), self.dropout.p)"
            },
        ),
        Misconception(
            "never_dropping",
            seen="nothing is dropped in training.",
            think="what does your forward do with `dropout`?",
            edits={DROP: SUM},
        ),
        Misconception(
            "whole_tokens",
            seen="in training a token loses all of its features at once, or none.",
            think="Dropout1d and its like lose whole rows. Who decides about each number by "
            "itself?",
            edits={"torch.nn.Dropout(dropout)": "torch.nn.Dropout1d(dropout)"},
        ),
        Misconception(
            "whole_features",
            seen="in training a feature is lost at all tokens of a sentence at once, or at none.",
            think="does your dropout decide about each number by itself?",
            edits={DROP: "self.dropout(torch.ones_like(x[:, :1])) * (" + SUM + ")"},
        ),
        Misconception(
            "same_for_all_sentences",
            seen="in training the same numbers are lost in every sentence of the batch.",
            think="how many decisions does dropout make for (b, n, d_model) numbers? And yours?",
            edits={DROP: "self.dropout(torch.ones_like(x[:1])) * (" + SUM + ")"},
        ),
        Misconception(
            "dropped_before_the_sum",
            seen="in training, the encoding stands where x was dropped: dropout came before the "
            "sum.",
            think="which comes first in the contract, the sum or the dropout?",
            edits={DROP: "self.dropout(x) + self.table[:n].to(x.dtype)"},
        ),
        Misconception(
            "encoding_dropped",
            seen="in training, x stands alone where the encoding was dropped.",
            think="which comes first in the contract, the sum or the dropout?",
            edits={DROP: "x + self.dropout(self.table[:n].to(x.dtype).expand_as(x))"},
        ),
        Misconception(
            "kept_for_dropped",
            seen="in training, the share that should be kept is dropped.",
            think="is `dropout` the probability of losing a number, or of keeping it?",
            edits={
                "torch.nn.Dropout(dropout)": "torch.nn.Dropout(1 - dropout if dropout else 0.0)"
            },
        ),
        Misconception(
            "not_scaled",
            seen="numbers are dropped, but those that are left are not scaled up.",
            think="with a third of the numbers gone, what keeps their mean as it was?",
            edits={
                DROP: "(x + self.table[:n].to(x.dtype)) * (torch.rand_like(x) >= self.dropout.p "
                "if self.training else torch.ones_like(x))"
            },
        ),
        Misconception(
            "in_place",
            seen="afterwards the caller's x holds the sum.",
            think="which of your operations write into x? (+= does.)",
            edits={SUM: "x.add_(self.table[:n].to(x.dtype))"},
        ),
        Misconception(
            "detached",
            seen="the sum is right, but no gradient flows from it back to x.",
            think="the table needs no gradient. And x?",
            edits={SUM: "x.detach() + self.table[:n].to(x.dtype)"},
        ),
        Misconception(
            "table_in_float64",
            seen="float32 went in, float64 came out: the table has the larger dtype.",
            think="which dtype has your table, and which the sum of both?",
            edits={"table.flatten(1)": "table.flatten(1).double()", SUM: "x + self.table[:n]"},
        ),
    ),
    hints=(
        "The table never changes: make it once, in `__init__`. What `forward` needs of it depends "
        "on "
        "the length of x only.",
        "register_buffer(name, tensor) keeps a tensor that moves with the module and is not "
        "learnt. "
        "The first n rows of the table, (n, d_model), broadcast over the batch.",
        "In `__init__`: super().__init__(), the table into a buffer, an nn.Dropout. In `forward`: "
        "look at n, raise if it is too large, add the first n rows, drop.",
    ),
    symptoms={
        "All tokens of a sentence get the same encoding": "x is (b, n, d_model): a slice [:b] of "
        "the "
        "table would number sentences.",
        "cannot assign module before Module.__init__() call": "`super().__init__()` comes first.",
        "The check names “share of numbers that are dropped in training”": "nn.Dropout(p) loses "
        "each number with probability p, in training alone, and scales the rest by 1 / (1 − p).",
        "The check names “share of neighbouring …”": "Two neighbours must not share one decision.",
    },
)

# order_sensitivity --------------------------------------------------------------------------------

FIRST = "layer(x[permutation])"
SECOND = "layer(x)[permutation]"
LARGEST = "(first - second).abs().max().item()"


def token_by_token(factor: float, angle: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """A layer that treats every token alike, and by itself."""
    return lambda x: torch.sin(factor * x + angle)


def mean_of_all(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """A layer that mixes all tokens, whatever their order."""
    return lambda x: x + factor * x.mean(dim=0, keepdim=True)


def mixing_by_scores(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """A layer in which each token weighs all others by their inner products with it."""

    def layer(x: torch.Tensor) -> torch.Tensor:
        powers = torch.exp(torch.tanh(factor * x @ x.T))
        return powers / powers.sum(dim=1, keepdim=True) @ x

    return layer


def with_positions(step: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """A layer that adds to each token how far back it stands."""
    return lambda x: x + step * torch.arange(len(x), dtype=x.dtype)[:, None]


def sum_so_far(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """A layer in which each token sees those before it."""
    return lambda x: factor * x.cumsum(dim=0)


def scaled_by_place(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """A layer that makes negative what stands first, and lets the rest pass."""

    def layer(x: torch.Tensor) -> torch.Tensor:
        signs = torch.ones(len(x), 1, dtype=x.dtype)
        signs[0] = -factor
        return x * signs

    return layer


def cycle(draw: Draw, n: int) -> torch.Tensor:
    """A permutation that moves every place and is not its own inverse, nor by a fixed step."""
    order = [int(place) for place in draw.sizes(n, 0, n - 1)]
    permutation = [0] * n
    for place, following in zip(order, order[1:] + order[:1], strict=True):
        permutation[place] = following
    return torch.tensor(permutation)


# Python's float tells nothing of the float32 that it was computed in.
OF_FLOAT32 = TOLERANCE["float32"]


def order_sensitivity_cases(draw: Draw) -> Iterator[Case]:
    """Layers that follow every order and layers that do not, in every group."""
    single = partial(Case, tolerance=OF_FLOAT32)
    n, d = draw.integer(6, 9), draw.integer(3, 5)
    x, permutation = draw.normal(n, d), cycle(draw, n)
    factor = 0.5 + draw.integer(1, 9) / 10
    small = torch.tensor([[1.0], [2.0], [4.0]])
    example = Given(with_positions, {"step": 10.0}), small, torch.tensor([1, 2, 0])
    yield single("the worked example", "values", example)
    each = Given(token_by_token, {"factor": factor, "angle": factor / 2})
    yield single("token by token", "values", (each, x, permutation))
    counted = Given(with_positions, {"step": factor})
    yield single("positions added", "values", (counted, x, permutation))
    summed = Given(sum_so_far, {"factor": factor})
    yield single("a sum of what came before", "values", (summed, x, cycle(draw, n)))
    mixed = Given(mixing_by_scores, {"factor": factor})
    yield single("weights from inner products", "values", (mixed, x, permutation))
    first = Given(scaled_by_place, {"factor": 2 + factor})
    yield single("the first is special", "values", (first, x, cycle(draw, n)))
    yield single("the order kept as it is", "more layers", (counted, x, torch.arange(n)))
    mean = Given(mean_of_all, {"factor": factor})
    yield single("the mean of all", "more layers", (mean, x, permutation))
    double = draw.normal(n + 1, d, dtype=torch.float64)
    yield Case("float64", "more layers", (summed, double, cycle(draw, n + 1)))
    far = Given(with_positions, {"step": -factor})
    yield single("positions taken away", "more layers", (far, draw.normal(n, 1), permutation))


def order_sensitivity_oracle(
    layer: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, permutation: torch.Tensor
) -> float:
    """Row by row: result i of the permuted input against result permutation[i] of the original."""
    permuted = torch.stack([x[place] for place in permutation.tolist()])
    pairs = zip(layer(permuted).tolist(), permutation.tolist(), strict=True)
    original = layer(x).tolist()
    return max(
        abs(one - other)
        for row, place in pairs
        for one, other in zip(row, original[place], strict=True)
    )


ORDER_SENSITIVITY = Problem(
    signature="order_sensitivity(layer, x, permutation)",
    returns=("result",),
    minutes=15,
    difficulty=2,
    points={"values": 2, "more layers": 1},
    cases=order_sensitivity_cases,
    oracle=order_sensitivity_oracle,
    misconceptions=(
        Misconception(
            "output_not_permuted",
            seen="a layer that treats every token by itself seems to be sensitive.",
            think="if the words change places, where do you expect the result of each word?",
            edits={SECOND: "layer(x)"},
        ),
        Misconception(
            "input_not_permuted",
            seen="a layer that treats every token by itself seems to be sensitive.",
            think="which of your two results comes from words in another order?",
            edits={FIRST: "layer(x)"},
        ),
        Misconception(
            "never_permuted",
            seen="every layer seems to be insensitive: both your results come from the same words.",
            think="“permute, then layer”, “layer, then permute”: what does the layer get in each?",
            edits={FIRST: "layer(x)", SECOND: "layer(x)"},
        ),
        Misconception(
            "inverse_on_one_side",
            seen="a layer that treats every token by itself seems to be sensitive: one side is "
            "permuted "
            "where the other is permuted back, or one side twice and the other not at all.",
            think="apply the same x[permutation] once on each side: to words, and to results.",
            edits={SECOND: "layer(x)[permutation.argsort()]"},
        ),
        Misconception(
            "inverse_on_both_sides",
            seen="layers that follow every order are right; for the others the numbers are those "
            "of "
            "the inverse permutation.",
            think="apply the permutation as the contract says: x[permutation].",
            edits={
                FIRST: "layer(x[permutation.argsort()])",
                SECOND: "layer(x)[permutation.argsort()]",
            },
        ),
        Misconception(
            "mean",
            seen="your number is the mean of the differences.",
            think="a layer may differ in one place only. Which summary would not miss it?",
            edits={LARGEST: "(first - second).abs().mean().item()"},
        ),
        Misconception(
            "sum",
            seen="your number is the sum of the differences.",
            think="the contract asks for the largest of them.",
            edits={LARGEST: "(first - second).abs().sum().item()"},
        ),
        Misconception(
            "norm",
            seen="your number is the root of the sum of the squared differences.",
            think="the contract asks for the largest of them.",
            edits={LARGEST: "(first - second).norm().item()"},
        ),
        Misconception(
            "squares",
            seen="your number is the square of the largest difference.",
            think="which function drops a sign and nothing else?",
            edits={LARGEST: "(first - second).square().max().item()"},
        ),
        Misconception(
            "signed",
            seen="where the largest difference is negative, your number is too small.",
            think="is a difference of −3 larger than one of 1?",
            edits={LARGEST: "(first - second).max().item()"},
        ),
        Misconception(
            "difference_of_the_largest",
            seen="your number compares the largest entry of one result with that of the other.",
            think="what is taken first, the difference or the maximum?",
            edits={LARGEST: "(first.max() - second.max()).abs().item()"},
        ),
        Misconception(
            "largest_sizes",
            seen="your number is the difference of sizes: two results of opposite sign look alike.",
            think="is the distance from −1 to 1 the difference of their sizes?",
            edits={LARGEST: "(first.abs() - second.abs()).abs().max().item()"},
        ),
        Misconception(
            "relative",
            seen="your number is divided by the size of the results.",
            think="the contract asks for an absolute difference.",
            edits={LARGEST: "((first - second).abs().max() / first.abs().max()).item()"},
        ),
        Misconception(
            "yes_or_no",
            seen="your result is True or False: it says whether the results differ, not how much.",
            think="the contract asks for a number.",
            edits={LARGEST: "not torch.allclose(first, second)"},
        ),
        Misconception(
            "a_tensor",
            seen="the number is right, but it is a tensor; the contract asks for Python's float.",
            think="what takes the number out of a tensor that holds only one?",
            edits={LARGEST: "(first - second).abs().max()"},
        ),
        Misconception(
            "rounded",
            seen="your number is rounded.",
            think="is there a reason to round, or to turn a float into an int?",
            edits={LARGEST: "float(int((first - second).abs().max().item()))"},
        ),
    ),
    hints=(
        "Two ways lead to a result in the new order: change the order of the words and apply the "
        "layer, or apply the layer and change the order of its results.",
        "Indexing with a tensor of places changes the order of rows: x[permutation].",
        "Subtract the two results, take absolute values, their largest, and its Python float.",
    ),
    symptoms={
        "A layer without positions gives a large number": "Have you changed the order of *both*, "
        "the "
        "words on one side and the results on the other?",
        "Everything gives 0": "Do your two results really come from different inputs?",
    },
)

PROBLEMS = (
    SINUSOIDAL_ENCODING,
    WAVELENGTHS,
    SHIFT_MATRIX,
    TO_FAIRSEQ_LAYOUT,
    POSITIONAL_ENCODING,
    ORDER_SENSITIVITY,
)
