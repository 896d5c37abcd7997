"""Assignment 7: cases, misconceptions, rules and help of every problem."""

import functools
import math
import random
import re
from collections.abc import Callable, Iterator, Sequence

import torch
from babel.dates import get_month_names
from torch import nn
from torch.nn import functional

from autograder.problem import Case, Draw, Given, Misconception, Problem, source_of
from course.date_task import SOURCE, TARGET
from course.dates import drawn
from course.transformer import Settings, Transformer
from course.vocabulary import BOS, EOS, PAD

CHECKPOINTS = ("translator.pt",)
"""What a student may hand in beside the notebook: the state dict of the model that it trained."""

SECONDS = {"cell_seconds": 180, "problem_seconds": 60}
"""A cell trains for about 40 s of CPU, longer beside others; dates may be read one at a time."""

LIBRARY = (
    "course.transformer",
    "course.decoding",
    "course.losses",
    "course.schedules",
    "course.training",
    "course.recurrent",
    "course.date_task.learn",
    "course.date_task.translate",
    "course.date_task.linear_decay",
    "course.date_task.label_smoothed",
    "course.date_task.greedy",
    "course.date_task.Transformer",
)
"""What the course itself has of what is built here."""

# noam_rate ----------------------------------------------------------------------------------------

TOO_EARLY = "step < 1"
EARLY_ERROR = 'raise ValueError(f"step {step} is before the first, 1")'
NOAM = "d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)"


def noam_rate_cases(draw: Draw) -> Iterator[Case]:
    """The first step, on the way up, the peak, on the way down; steps that do not exist."""
    d_model, warmup = 2 * draw.integer(9, 40), draw.integer(60, 300)
    yield Case("the worked example", "values", (100, 64, 400))
    yield Case("the first step", "values", (1, d_model, warmup))
    yield Case("on the way up", "values", (draw.integer(5, 50), d_model, warmup))
    yield Case("the last step on the way up", "values", (warmup - 1, d_model, warmup))
    yield Case("the peak", "values", (warmup, d_model, warmup))
    yield Case("on the way down", "values", (draw.integer(400, 900), d_model, warmup))
    yield Case("far down", "values", (draw.integer(10**5, 10**6), d_model, warmup))
    yield Case("the paper's settings", "values", (draw.integer(1_000, 9_000), 512, 4_000))
    yield Case("a warm-up of one step", "values", (draw.integer(1, 9), d_model, 1))
    yield Case("step 0", "before the first step", (0, d_model, warmup))
    below = -draw.integer(1, 9)
    yield Case("a negative step", "before the first step", (below, d_model, warmup))
    yield Case("beside them, step 1", "before the first step", (1, d_model, warmup))


def noam_rate_oracle(step: int, d_model: int, warmup: int) -> float:
    """By cases, as the two halves of the curve are told, in logarithms."""
    if step <= 0:
        raise ValueError(step)
    rise = math.log(step) - 1.5 * math.log(warmup)
    fall = -0.5 * math.log(step)
    return math.exp((rise if step < warmup else fall) - 0.5 * math.log(d_model))


NOAM_RATE = Problem(
    signature="noam_rate(step, d_model, warmup)",
    returns=("result",),
    minutes=10,
    difficulty=1,
    points={"values": 2, "before the first step": 1},
    cases=noam_rate_cases,
    oracle=noam_rate_oracle,
    forbidden_modules=LIBRARY,
    misconceptions=(
        Misconception(
            "larger_of_the_two",
            seen="the rate falls until `warmup` and rises for ever after it.",
            think="the two terms meet at `warmup`. Which of them is smaller before it?",
            edits={NOAM: "d_model**-0.5 * max(step**-0.5, step * warmup**-1.5)"},
        ),
        Misconception(
            "without_d_model",
            seen="the rate does not depend on the size of the model.",
            think="where in your formula does `d_model` stand?",
            edits={NOAM: "min(step**-0.5, step * warmup**-1.5)"},
        ),
        Misconception(
            "times_root_of_d_model",
            seen="the larger the model, the larger the rate.",
            think="which sign has the power of d_model?",
            edits={NOAM: "d_model**0.5 * min(step**-0.5, step * warmup**-1.5)"},
        ),
        Misconception(
            "divided_by_d_model",
            seen="the rate is divided by d_model itself.",
            think="a model four times as wide has half the rate. Which power is that?",
            edits={NOAM: "min(step**-0.5, step * warmup**-1.5) / d_model"},
        ),
        Misconception(
            "half_of_a_power",
            seen="the rate is divided by twice d_model, not by its root.",
            think="which does Python compute first in a ** 1/2, the power or the division?",
            edits={NOAM: "min(step**-0.5, step * warmup**-1.5) / d_model / 2"},
        ),
        Misconception(
            "d_model_and_warmup_swapped",
            seen="d_model and warmup have changed places.",
            think="in which order do the arguments come?",
            edits={NOAM: "warmup**-0.5 * min(step**-0.5, step * d_model**-1.5)"},
        ),
        Misconception(
            "d_model_in_the_first_term",
            seen="d_model counts after the peak only.",
            think="do your brackets let d_model act on both terms of the minimum?",
            edits={NOAM: "min(d_model**-0.5 * step**-0.5, step * warmup**-1.5)"},
        ),
        Misconception(
            "d_model_in_the_second_term",
            seen="d_model counts before the peak only.",
            think="do your brackets let d_model act on both terms of the minimum?",
            edits={NOAM: "min(step**-0.5, d_model**-0.5 * step * warmup**-1.5)"},
        ),
        Misconception(
            "no_warm_up",
            seen="the rate is largest at the first step, and only falls.",
            think="which of the two terms makes the rise?",
            edits={NOAM: "(d_model * step) ** -0.5"},
        ),
        Misconception(
            "no_decay",
            seen="the rate rises for ever.",
            think="which of the two terms makes the fall?",
            edits={NOAM: "d_model**-0.5 * step * warmup**-1.5"},
        ),
        Misconception(
            "stays_at_the_peak",
            seen="after the warm-up the rate stays as it is.",
            think="what does the term step^−0.5 do after the peak?",
            edits={NOAM: "d_model**-0.5 * min(warmup**-0.5, step * warmup**-1.5)"},
        ),
        Misconception(
            "warmup_to_the_half",
            seen="the rise is far too steep: it ends after very few steps.",
            think="at step = warmup both terms are equal. Are yours?",
            edits={NOAM: "d_model**-0.5 * min(step**-0.5, step * warmup**-0.5)"},
        ),
        Misconception(
            "warmup_to_the_one",
            seen="the rise is too steep: the two terms do not meet at `warmup`.",
            think="at step = warmup both terms are equal. Are yours?",
            edits={NOAM: "d_model**-0.5 * min(step**-0.5, step / warmup)"},
        ),
        Misconception(
            "step_and_warmup_swapped",
            seen="in the second term step and warmup have changed places.",
            think="which of the two terms grows with the step?",
            edits={NOAM: "d_model**-0.5 * min(step**-0.5, warmup * step**-1.5)"},
        ),
        Misconception(
            "falls_like_one_over_step",
            seen="after the peak the rate falls too fast.",
            think="four times as many steps, half the rate. Which power is that?",
            edits={NOAM: "d_model**-0.5 * min(1 / step, step * warmup**-1.5)"},
        ),
        Misconception(
            "one_step_ahead",
            seen="the rate is that of the next step.",
            think="is the first step called 0 or 1 here?",
            edits={NOAM: "d_model**-0.5 * min((step + 1) ** -0.5, (step + 1) * warmup**-1.5)"},
        ),
        Misconception(
            "any_step",
            seen="a step before the first is not met by a ValueError.",
            think="what is 0 to the power −0.5? The contract names an error for such steps.",
            edits={TOO_EARLY: "False"},
        ),
        Misconception(
            "zero_before_the_first",
            seen="a step before the first gets a rate of 0, without an error.",
            think="the contract names an error for such steps.",
            edits={EARLY_ERROR: "return 0.0"},
        ),
        Misconception(
            "first_step_instead",
            seen="a step before the first gets the rate of the first, without an error.",
            think="the contract names an error for such steps.",
            edits={EARLY_ERROR: "step = 1"},
        ),
        Misconception(
            "negative_steps_only",
            seen="step 0 is not met by a ValueError.",
            think="which is the first step that there is?",
            edits={TOO_EARLY: "step < 0"},
        ),
        Misconception(
            "step_0_only",
            seen="a negative step is not met by a ValueError.",
            think="which steps lie before the first?",
            edits={TOO_EARLY: "step == 0"},
        ),
        Misconception(
            "first_step_refused",
            seen="step 1 is refused.",
            think="which is the first step that there is?",
            edits={TOO_EARLY: "step <= 1"},
        ),
        Misconception(
            "assertion",
            seen="a step before the first raises an AssertionError, not a ValueError.",
            think="assert is for what cannot happen. Which error does the contract name?",
            edits={"raise ValueError": "raise AssertionError"},
        ),
        Misconception(
            "error_not_raised",
            seen="for a step before the first an error is made and handed back, but not raised.",
            think="what stops a function: return, or raise?",
            edits={"raise ValueError": "return ValueError"},
        ),
        Misconception(
            "a_tensor",
            seen="the rate is a tensor; the contract asks for Python's float.",
            think="an optimiser takes a float. What does .item() do?",
            edits={NOAM: "torch.tensor(d_model**-0.5 * min(step**-0.5, step * warmup**-1.5))"},
        ),
    ),
    hints=(
        "Draw the two terms of the minimum over the step, one rising, one falling. They meet at "
        "warmup.",
        "A power with a negative exponent divides: step ** -0.5 is 1 / √step. d_model stands "
        "outside the minimum.",
        "First the error, if the step is below 1. Then one line: a power of d_model times the "
        "smaller of two terms.",
    ),
    symptoms={
        "ZeroDivisionError": "Step 0: 0 ** -0.5 does not exist. Ask for the step before you "
        "compute.",
        "The curve falls and then rises": "It should be the other way round: min or max?",
        "The peak is at the wrong step": "Put step = warmup into both terms: they must be equal.",
    },
)

# inverse_sqrt_rate --------------------------------------------------------------------------------

RISING = "step < warmup"
RISE = "peak * step / warmup"
FALL = "peak * (warmup / step) ** 0.5"


def inverse_sqrt_rate_cases(draw: Draw) -> Iterator[Case]:
    """Step 0, on the way up, the peak, near it and far after it; a warm-up of one step."""
    peak, warmup = draw.integer(11, 99) / 10_000, draw.integer(60, 300)
    yield Case("the worked example", "the fall", (1_600, 0.002, 400))
    yield Case("step 0", "the rise", (0, peak, warmup))
    yield Case("the first step", "the rise", (1, peak, warmup))
    yield Case("on the way up", "the rise", (draw.integer(5, 50), peak, warmup))
    yield Case("the last step on the way up", "the rise", (warmup - 1, peak, warmup))
    yield Case("the peak", "the fall", (warmup, peak, warmup))
    yield Case("step 0 of a warm-up of one step", "the rise", (0, peak, 1))
    yield Case("the step after the peak", "the fall", (warmup + 1, peak, warmup))
    yield Case("on the way down", "the fall", (draw.integer(400, 900), peak, warmup))
    yield Case("far down", "the fall", (draw.integer(10**5, 10**6), peak, warmup))
    yield Case("a warm-up of one step", "the fall", (draw.integer(2, 99), peak, 1))
    yield Case("a peak of 1", "the fall", (draw.integer(400, 900), 1.0, warmup))


def inverse_sqrt_rate_oracle(step: int, peak: float, warmup: int) -> float:
    """The smaller of a straight line and of peak · √warmup / √step; at step 0 the line is 0."""
    line = step * (peak / warmup)
    return min(line, peak * math.sqrt(warmup) / math.sqrt(max(step, 1)))


INVERSE_SQRT_RATE = Problem(
    signature="inverse_sqrt_rate(step, peak, warmup)",
    returns=("result",),
    minutes=10,
    difficulty=1,
    points={"the rise": 1, "the fall": 2},
    cases=inverse_sqrt_rate_cases,
    oracle=inverse_sqrt_rate_oracle,
    forbidden_modules=LIBRARY,
    misconceptions=(
        Misconception(
            "stays_at_the_peak",
            seen="after the warm-up the rate stays at the peak.",
            think="what does the contract ask for after the warm-up?",
            edits={FALL: "peak"},
        ),
        Misconception(
            "rises_for_ever",
            seen="the rate rises for ever.",
            think="what does your code ask before it takes the straight line?",
            edits={RISING: "True"},
        ),
        Misconception(
            "no_warm_up",
            seen="there is no rise: the first steps have the largest rates, and step 0 fails.",
            think="what does the contract ask for before the peak?",
            edits={RISING: "False"},
        ),
        Misconception(
            "root_of_warmup_forgotten",
            seen="after the peak the rate jumps down: it is peak / √step.",
            think="at step = warmup the fall begins at the peak. Does yours?",
            edits={FALL: "peak / step**0.5"},
        ),
        Misconception(
            "no_root",
            seen="after the peak the rate falls too fast: like 1 / step.",
            think="four times the warm-up, half the peak. What does yours give?",
            edits={FALL: "peak * warmup / step"},
        ),
        Misconception(
            "the_fraction_upside_down",
            seen="after the peak the rate rises, like √step.",
            think="which is larger after the peak, step or warmup?",
            edits={FALL: "peak * (step / warmup) ** 0.5"},
        ),
        Misconception(
            "falls_in_a_line",
            seen="after the peak the rate falls in a straight line, and below 0.",
            think="which curve does the name of the function promise?",
            edits={FALL: "peak * (2 - step / warmup)"},
        ),
        Misconception(
            "squared",
            seen="after the peak the rate falls like 1 / step².",
            think="which power is a square root?",
            edits={FALL: "peak * (warmup / step) ** 2"},
        ),
        Misconception(
            "counted_from_the_peak",
            seen="after the peak the steps are counted anew, and the rate falls too fast.",
            think="which step stands under the root: all of them, or those since the warm-up?",
            edits={FALL: "peak * (step - warmup + 1) ** -0.5"},
        ),
        Misconception(
            "one_step_ahead",
            seen="the rise is one step ahead: step 0 has a rate already.",
            think="what does the contract say of step 0?",
            edits={RISE: "peak * (step + 1) / warmup"},
        ),
        Misconception(
            "one_step_behind",
            seen="the rise is one step behind: step 0 has a rate below 0.",
            think="what does the contract say of step 0?",
            edits={RISE: "peak * (step - 1) / warmup"},
        ),
        Misconception(
            "rises_as_a_root",
            seen="the rise is no straight line: it is steep at first.",
            think="half of the warm-up, half of the peak. What does yours give?",
            edits={RISE: "peak * (step / warmup) ** 0.5"},
        ),
        Misconception(
            "peak_forgotten",
            seen="on the way up the rate goes to 1, not to the peak.",
            think="where does `peak` stand in your rise?",
            edits={RISE: "step / warmup"},
        ),
        Misconception(
            "peak_from_the_start",
            seen="until `warmup` the rate is the peak.",
            think="what does the contract ask for at step 0, and half-way to the peak?",
            edits={RISE: "peak"},
        ),
        Misconception(
            "whole_division",
            seen="on the way up the rate is 0.",
            think="what is 3 // 10, and what is 3 / 10?",
            edits={RISE: "peak * (step // warmup)"},
        ),
        Misconception(
            "an_int_at_zero",
            seen="step 0 gives the int 0; a rate is always a float.",
            think="which line of your code runs for step 0, and what does it return?",
            edits={f"return {RISE}": f"return {RISE} if step else 0"},
        ),
        Misconception(
            "nothing_at_zero",
            seen="step 0 raises an error.",
            think="is a step of 0 not allowed here?",
            edits={RISE: "peak / (warmup / step)"},
        ),
        Misconception(
            "a_tensor",
            seen="after the peak the rate is a tensor; the contract asks for Python's float.",
            think="an optimiser takes a float. What does .item() do?",
            edits={FALL: "peak * torch.tensor(warmup / step).sqrt()"},
        ),
    ),
    hints=(
        "Two formulas, one for each side of the peak; at step = warmup they agree.",
        "Up to the peak: which share of the warm-up is done? That share of the peak. After it: "
        "the peak times a root that is 1 at the peak.",
        "An if for step < warmup with a straight line; else peak · √(warmup / step). The steps are "
        "counted from 0.",
    ),
    symptoms={
        "ZeroDivisionError": "Step 0: does the second formula run there too?",
        "The curve has a jump": "Put step = warmup into both formulas: they must agree.",
    },
)

# linear_decay_rate --------------------------------------------------------------------------------

LINE_UP = "peak * step / warmup"
LINE_DOWN = "(total - step) / (total - warmup)"
NOT_BELOW_0 = f"max(0.0, {LINE_DOWN})"


def linear_decay_rate_cases(draw: Draw) -> Iterator[Case]:
    """Step 0, on the way up, the peak, on the way down, the end, and after it."""
    peak, warmup = draw.integer(11, 99) / 10_000, draw.integer(60, 300)
    total = warmup + draw.integer(500, 900)
    rates = peak, warmup, total
    middle = (warmup + total) // 2 + draw.integer(-30, 30)
    yield Case("the worked example", "the fall", (900, 0.003, 300, 1_500))
    yield Case("step 0", "the rise", (0, *rates))
    yield Case("the first step", "the rise", (1, *rates))
    yield Case("on the way up", "the rise", (draw.integer(5, 50), *rates))
    yield Case("the last step on the way up", "the rise", (warmup - 1, *rates))
    yield Case("the peak", "the fall", (warmup, *rates))
    yield Case("step 0 of a warm-up of one step", "the rise", (0, peak, 1, total))
    yield Case("the step after the peak", "the fall", (warmup + 1, *rates))
    yield Case("on the way down", "the fall", (middle, *rates))
    yield Case("the last step but one", "the fall", (total - 1, *rates))
    yield Case("the end", "the fall", (total, *rates))
    yield Case("a fall of one step", "the fall", (warmup, peak, warmup, warmup + 1))
    yield Case("after the end", "after the end", (total + draw.integer(2, 40), *rates))
    yield Case("long after the end", "after the end", (3 * total, *rates))
    yield Case("beside them, before the end", "after the end", (total - 2, *rates))


def linear_decay_rate_oracle(step: int, peak: float, warmup: int, total: int) -> float:
    """By numpy's interpolation between three points; it is level after the last."""
    import numpy as np

    return float(np.interp(step, [0, warmup, total], [0.0, peak, 0.0]))


LINEAR_DECAY_RATE = Problem(
    signature="linear_decay_rate(step, peak, warmup, total)",
    returns=("result",),
    minutes=10,
    difficulty=1,
    points={"the rise": 1, "the fall": 1, "after the end": 1},
    cases=linear_decay_rate_cases,
    oracle=linear_decay_rate_oracle,
    forbidden_modules=LIBRARY,
    misconceptions=(
        Misconception(
            "negative_after_the_end",
            seen="after `total` the rate is below 0: the model would climb.",
            think="what does the contract say of the steps after `total`?",
            edits={NOT_BELOW_0: LINE_DOWN},
        ),
        Misconception(
            "rises_after_the_end",
            seen="after `total` the rate rises again.",
            think="what does the contract say of the steps after `total`?",
            edits={NOT_BELOW_0: "abs(total - step) / (total - warmup)"},
        ),
        Misconception(
            "an_int_after_the_end",
            seen="after the end the int 0 comes back; a rate is always a float.",
            think="which line of your code runs after the end, and what does it return?",
            edits={
                f"return peak * {NOT_BELOW_0}": f"return peak * {LINE_DOWN} if step <= total else 0"
            },
        ),
        Misconception(
            "nothing_after_the_end",
            seen="after the end nothing is returned.",
            think="which line of your code runs after the end?",
            edits={f"return peak * {NOT_BELOW_0}": f"if step <= total: return peak * {LINE_DOWN}"},
        ),
        Misconception(
            "share_of_all_steps",
            seen="after the peak the rate jumps: it is the share of all steps that is left.",
            think="at step = warmup the fall begins at the peak. Does yours?",
            edits={NOT_BELOW_0: "max(0.0, (total - step) / total)"},
        ),
        Misconception(
            "total_counts_from_the_peak",
            seen="the fall ends too late: `total` steps after the peak.",
            think="is `total` the length of the fall, or the number of its last step?",
            edits={NOT_BELOW_0: "max(0.0, (total + warmup - step) / total)"},
        ),
        Misconception(
            "stays_at_the_peak",
            seen="after the warm-up the rate stays at the peak.",
            think="what does the contract ask for after the warm-up?",
            edits={NOT_BELOW_0: "1.0"},
        ),
        Misconception(
            "falls_to_0_at_once",
            seen="after the peak the rate is 0 at once.",
            think="which share of the way from `warmup` to `total` is left? Is // a division?",
            edits={NOT_BELOW_0: "max(0.0, (total - step) // (total - warmup))"},
        ),
        Misconception(
            "inverse_square_root",
            seen="the fall is that of problem 2: a root, and never 0.",
            think="where does `total` stand in your formula?",
            edits={NOT_BELOW_0: "(warmup / step) ** 0.5"},
        ),
        Misconception(
            "a_cosine",
            seen="the fall is a half wave; it is right at its two ends and half-way only.",
            think="which curve does the name of the function promise?",
            edits={
                NOT_BELOW_0: "(0.5 + 0.5 * math.cos(math.pi * min(1.0, (step - warmup) / "
                "(total - warmup))))"
            },
        ),
        Misconception(
            "share_that_is_done",
            seen="after the peak the rate begins at 0 and rises.",
            think="is your fraction the share that is done, or the share that is left?",
            edits={NOT_BELOW_0: "max(0.0, (step - warmup) / (total - warmup))"},
        ),
        Misconception(
            "share_that_is_done_until_the_end",
            seen="after the peak the rate begins at 0 and rises; from `total` on it is 0.",
            think="is your fraction the share that is done, or the share that is left?",
            edits={NOT_BELOW_0: "((step - warmup) / (total - warmup) if step < total else 0.0)"},
        ),
        Misconception(
            "share_that_is_done_after_the_peak",
            seen="the step after the peak has a rate near 0, and from there it rises.",
            think="is your fraction the share that is done, or the share that is left?",
            edits={
                RISING: "step <= warmup",
                NOT_BELOW_0: "max(0.0, (step - warmup) / (total - warmup))",
            },
        ),
        Misconception(
            "share_that_is_done_between",
            seen="the step after the peak has a rate near 0, and from there it rises; from `total` "
            "on it is 0.",
            think="is your fraction the share that is done, or the share that is left?",
            edits={
                RISING: "step <= warmup",
                NOT_BELOW_0: "((step - warmup) / (total - warmup) if step < total else 0.0)",
            },
        ),
        Misconception(
            "one_step_too_early",
            seen="the fall is one step ahead: it ends at total − 1.",
            think="at step = warmup the fall begins at the peak. Does yours?",
            edits={NOT_BELOW_0: "max(0.0, (total - step - 1) / (total - warmup))"},
        ),
        Misconception(
            "one_step_ahead",
            seen="the rise is one step ahead: step 0 has a rate already.",
            think="what does the contract say of step 0?",
            edits={LINE_UP: "peak * (step + 1) / warmup"},
        ),
        Misconception(
            "no_warm_up",
            seen="until `warmup` the rate is the peak.",
            think="what does the contract ask for at step 0, and half-way to the peak?",
            edits={LINE_UP: "peak"},
        ),
        Misconception(
            "peak_forgotten",
            seen="on the way up the rate goes to 1, not to the peak.",
            think="where does `peak` stand in your rise?",
            edits={LINE_UP: "step / warmup"},
        ),
        Misconception(
            "rises_until_the_end",
            seen="the rise is too slow: it would reach the peak at `total`.",
            think="at which step does the rise end?",
            edits={LINE_UP: "peak * step / total"},
        ),
        Misconception(
            "an_int_at_zero",
            seen="step 0 gives the int 0; a rate is always a float.",
            think="which line of your code runs for step 0, and what does it return?",
            edits={f"return {LINE_UP}": f"return {LINE_UP} if step else 0"},
        ),
        Misconception(
            "max_with_an_int",
            seen="where the rate is 0, it is the int 0; a rate is always a float.",
            think="what is max(0, 0.0)? And max(0, −0.1)?",
            edits={
                f"return {LINE_UP}": f"return max(0, {LINE_UP})",
                f"return peak * {NOT_BELOW_0}": f"return max(0, peak * {LINE_DOWN})",
            },
        ),
        Misconception(
            "a_tensor",
            seen="after the peak the rate is a tensor; the contract asks for Python's float.",
            think="an optimiser takes a float. What does .item() do?",
            edits={NOT_BELOW_0: f"torch.tensor({LINE_DOWN}).clamp(min=0)"},
        ),
    ),
    hints=(
        "Three pieces: a line up, a line down, and nothing. Draw them; mark warmup and total.",
        "On the way down: which share of the steps from warmup to total is left? That share of the "
        "peak.",
        "The share that is left, (total − step) / (total − warmup), is negative after the end: "
        "there take 0.0, a float.",
    ),
    symptoms={
        "“should be a float; it is an int”": "0 is an int and 0.0 is a float. What is max(0, 0.0)?",
        "The curve has a jump": "Put step = warmup into both formulas: they must agree.",
    },
)

# label_smoothed_cross_entropy ---------------------------------------------------------------------

LOG_P = "torch.log_softmax(logits, dim=-1)"
NLL = "-log_p.gather(-1, targets[..., None])[..., 0]"
EVEN = "-log_p.mean(dim=-1)"
MIXED = "(1 - epsilon) * nll + epsilon * even"
REAL = "targets != pad_id"
MEANS = "return loss[real].mean(), nll[real].mean()"


def some_targets(draw: Draw, vocab: int, pad_id: int, *lengths: int) -> torch.Tensor:
    """(b, n) ids without padding in the first `lengths` of each row, and padding after them."""
    n, words = max(lengths), [word for word in range(vocab) if word != pad_id]
    rows = [[words[draw.integer(0, vocab - 2)] for _ in range(length)] for length in lengths]
    return torch.tensor([row + [pad_id] * (n - len(row)) for row in rows])


def label_smoothed_cross_entropy_cases(draw: Draw) -> Iterator[Case]:
    """Every number of batch dimensions; no smoothing, some, all; padding; logits of ±500."""
    b, n, vocab = draw.sizes(3, 3, 8)
    logits = draw.normal(b, n, vocab, scale=2)
    targets = some_targets(draw, vocab, 0, *[n] * b)
    odds = torch.tensor([[4.0, 4.0, 1.0, 1.0]]).log()
    yield Case("the worked example", "values", (odds, torch.tensor([1]), 0.2, 3))
    yield Case("sentences without padding", "values", (logits, targets, 0.1, 0))
    yield Case("no smoothing", "values", (logits, targets, 0.0, 0))
    yield Case("much smoothing", "values", (logits, targets, 0.6, 0))
    yield Case("one sentence", "values", (logits[0], targets[0], 0.1, 0))
    yield Case("a single token", "values", (logits[0, 0], targets[0, 0], 0.1, 0))
    deep = draw.normal(2, b, n, vocab), torch.stack([targets, targets.roll(1, dims=1)])
    yield Case("two batch dimensions", "values", (*deep, 0.3, 0))
    yield Case("float64", "values", (logits.double(), targets, 0.1, 0))
    yield Case("gradient", "values", (logits, targets, 0.1, 0), gradient=True)
    lengths = [n, *(1 + i % (n - 1) for i in range(b - 1))]
    filled = some_targets(draw, vocab, 0, *lengths)
    yield Case("padding", "padding", (logits, filled, 0.1, 0))
    yield Case("its gradient", "padding", (logits, filled, 0.1, 0), gradient=True)
    last = some_targets(draw, vocab, vocab - 1, *lengths)
    yield Case("the last class is padding", "padding", (logits, last, 0.2, vocab - 1))
    yield Case("padding in front", "padding", (logits, filled.flip(1), 0.1, 0))
    only = some_targets(draw, vocab, 1, n, 1)
    only[1] = 1
    yield Case("one sentence of padding alone", "padding", (logits[:2], only, 0.1, 1))
    far = draw.normal(n, vocab) + 500 * draw.normal(n, vocab).sign()
    yield Case("logits of ±500", "large logits", (far, targets[0], 0.1, 0))
    yield Case("their gradient", "large logits", (far, targets[0], 0.1, 0), gradient=True)


def label_smoothed_cross_entropy_oracle(
    logits: torch.Tensor, targets: torch.Tensor, epsilon: float, pad_id: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Torch's own, once with smoothing and once without."""
    flat = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    loss, nll = (
        functional.cross_entropy(*flat, ignore_index=pad_id, label_smoothing=smoothing)
        for smoothing in (epsilon, 0.0)
    )
    return loss, nll


LABEL_SMOOTHED_CROSS_ENTROPY = Problem(
    signature="label_smoothed_cross_entropy(logits, targets, epsilon, pad_id)",
    returns=("loss", "nll"),
    minutes=30,
    difficulty=2,
    points={"values": 3, "padding": 1, "large logits": 1},
    cases=label_smoothed_cross_entropy_cases,
    oracle=label_smoothed_cross_entropy_oracle,
    forbidden=("cross_entropy", "cross_entropy_loss", "CrossEntropyLoss"),
    forbidden_modules=LIBRARY,
    misconceptions=(
        Misconception(
            "shared_by_the_others",
            seen="epsilon is shared by the K − 1 other classes only: fairseq's convention.",
            think="over how many classes does this contract spread epsilon? Is the target one?",
            edits={EVEN: "(-log_p.sum(dim=-1) - nll) / (logits.shape[-1] - 1)"},
        ),
        Misconception(
            "not_to_padding",
            seen="the padding class gets no share of epsilon, so that K − 2 classes share it: the "
            "convention of the Annotated Transformer.",
            think="over how many classes does this contract spread epsilon?",
            edits={
                EVEN: "(-log_p.sum(dim=-1) - nll + log_p[..., pad_id]) / (logits.shape[-1] - 2)"
            },
        ),
        Misconception(
            "all_but_padding",
            seen="the padding class gets no share of epsilon; K − 1 classes share it.",
            think="over how many classes does this contract spread epsilon?",
            edits={EVEN: "(-log_p.sum(dim=-1) + log_p[..., pad_id]) / (logits.shape[-1] - 1)"},
        ),
        Misconception(
            "padding_gets_nothing",
            seen="the padding class gets no share of epsilon, and nobody gets it in its place: the "
            "shares no longer sum to epsilon.",
            think="over how many classes does this contract spread epsilon?",
            edits={EVEN: "(-log_p.sum(dim=-1) + log_p[..., pad_id]) / logits.shape[-1]"},
        ),
        Misconception(
            "epsilon_to_every_class",
            seen="the part that is spread is too large: each class got the whole of epsilon.",
            think="epsilon is shared by K classes. How much does each of them get?",
            edits={EVEN: "-log_p.sum(dim=-1)"},
        ),
        Misconception(
            "target_keeps_everything",
            seen="the target keeps its whole weight, and epsilon comes on top.",
            think="what must the weights of all classes sum to?",
            edits={MIXED: "nll + epsilon * even"},
        ),
        Misconception(
            "parts_swapped",
            seen="the target gets epsilon, and the rest is spread.",
            think="with epsilon = 0, what should the loss be?",
            edits={MIXED: "epsilon * nll + (1 - epsilon) * even"},
        ),
        Misconception(
            "no_smoothing",
            seen="the loss does not depend on epsilon.",
            think="where in your loss does epsilon matter?",
            edits={MIXED: "nll"},
        ),
        Misconception(
            "both_smoothed",
            seen="the loss is right, and comes back twice: nll is smoothed as well.",
            think="nll is what the model pays for the targets alone. Does epsilon count in it?",
            edits={MEANS: "return loss[real].mean(), loss[real].mean()"},
        ),
        Misconception(
            "swapped_results",
            seen="the two results have changed places.",
            think="which comes first in the contract?",
            edits={MEANS: "return nll[real].mean(), loss[real].mean()"},
        ),
        Misconception(
            "only_the_loss",
            seen="only one result came back, where two were asked for.",
            think="what else does the contract return?",
            edits={MEANS: "return loss[real].mean()"},
        ),
        Misconception(
            "sums",
            seen="the results grow with the number of targets: they are sums.",
            think="fairseq sums. What does this contract ask for?",
            edits={MEANS: "return loss[real].sum(), nll[real].sum()"},
        ),
        Misconception(
            "one_for_each_target",
            seen="one number for each target came back.",
            think="how many numbers does an optimiser start from?",
            edits={MEANS: "return loss[real], nll[real]"},
        ),
        Misconception(
            "padding_counts",
            seen="without padding all is right; where there is padding, it is learnt too.",
            think="where in your code does `pad_id` matter?",
            edits={MEANS: "return loss.mean(), nll.mean()"},
        ),
        Misconception(
            "padding_counts_in_nll",
            seen="the loss is right; in nll, padding is counted like any other target.",
            think="over which targets does the contract take the two means?",
            edits={MEANS: "return loss[real].mean(), nll.mean()"},
        ),
        Misconception(
            "divided_by_all",
            seen="padding adds nothing to the sum, but it is still counted in the mean.",
            think="by how many targets do you divide?",
            edits={MEANS: "return (loss * real).mean(), (nll * real).mean()"},
        ),
        Misconception(
            "mean_of_the_sentences",
            seen="each sentence is averaged by itself, so that a token of a short one weighs more.",
            think="does the contract average over sentences or over targets?",
            edits={
                MEANS: "count = real.sum(dim=-1).clamp(min=1)\n"
                "    return tuple((x * real).sum(dim=-1).div(count).mean() for x in (loss, nll))"
            },
        ),
        Misconception(
            "mean_of_the_sentences_or_nan",
            seen="each sentence is averaged by itself, so that a token of a short one weighs more, "
            "and a sentence of padding alone gives NaN.",
            think="does the contract average over sentences or over targets?",
            edits={
                MEANS: "return tuple(\n"
                "        (x * real).sum(dim=-1).div(real.sum(dim=-1)).mean() for x in (loss, nll)\n"
                "    )"
            },
        ),
        Misconception(
            "zero_is_padding",
            seen="right where the padding is 0; another pad_id changes nothing.",
            think="where in your code does `pad_id` matter?",
            edits={REAL: "targets != 0"},
        ),
        Misconception(
            "only_the_padding",
            seen="the means are taken over the padding, and NaN where there is none.",
            think="where is your mask True?",
            edits={REAL: "targets == pad_id"},
        ),
        Misconception(
            "log_of_softmax",
            seen="moderate logits are right; with ±500 the loss is infinite.",
            think="what is e^(−1000) in float32, and its logarithm? What does both at once?",
            edits={LOG_P: "torch.softmax(logits, dim=-1).log()"},
        ),
        Misconception(
            "log_of_softmax_and_a_little",
            seen="moderate logits are right; with ±500 the loss is far too small.",
            think="a small number in the logarithm keeps it finite. At which value does it stop?",
            edits={LOG_P: "(torch.softmax(logits, dim=-1) + 1e-9).log()"},
        ),
        Misconception(
            "overflow",
            seen="moderate logits are right; with ±500 there is NaN or ∞.",
            think="what is e^500 in float32? Which function takes the logarithm of such a sum?",
            edits={LOG_P: "logits - logits.exp().sum(dim=-1, keepdim=True).log()"},
        ),
        Misconception(
            "over_the_positions",
            seen="the probabilities of a class sum to 1 over the first axis, not over the classes.",
            think="over which axis do the classes run?",
            edits={LOG_P: "torch.log_softmax(logits, dim=0)"},
        ),
        Misconception(
            "over_the_second_axis",
            seen="the probabilities of a class sum to 1 over the second axis, which is that of the "
            "classes only where there is one batch dimension.",
            think="over which axis do the classes run, however many there are before it?",
            edits={LOG_P: "torch.log_softmax(logits, dim=1)"},
        ),
        Misconception(
            "logits_for_log_probabilities",
            seen="the logits are taken for log-probabilities.",
            think="do the exponentials of the logits sum to 1?",
            edits={LOG_P: "logits"},
        ),
        Misconception(
            "sign",
            seen="both results have the wrong sign.",
            think="a logarithm of a probability is negative. Should a loss be?",
            edits={NLL: NLL.removeprefix("-"), EVEN: EVEN.removeprefix("-")},
        ),
        Misconception(
            "numbers",
            seen="the results are Python's floats, which cannot be differentiated.",
            think="what does .item() take from a tensor?",
            edits={MEANS: "return loss[real].mean().item(), nll[real].mean().item()"},
        ),
        Misconception(
            "detached",
            seen="the results are right, but no gradient flows from them back to `logits`.",
            think="where does the path leave torch? detach, item, numpy and torch.tensor cut it.",
            edits={MEANS: "return loss[real].mean().detach(), nll[real].mean().detach()"},
        ),
        Misconception(
            "float32",
            seen="float64 went in, float32 came out.",
            think="which line chooses a dtype? The results have that of `logits`.",
            edits={MEANS: "return loss[real].mean().float(), nll[real].mean().float()"},
        ),
    ),
    hints=(
        "The wanted distribution gives each of the K classes epsilon / K, and the target 1 − "
        "epsilon more. The loss is minus the sum of wanted · log p, over the classes.",
        "Of each target take two numbers: −log p of the target, and the mean of −log p over all "
        "classes. The loss mixes them. gather(-1, index) picks one entry of each row.",
        "log_softmax over the last axis; gather; mean over the last axis; mix; keep what is no "
        "padding (x[real]); mean.",
    ),
    symptoms={
        "The loss is inf or NaN": "A probability has become 0 before the logarithm. log_softmax "
        "computes both in one step.",
        "Index tensor must have the same number of dimensions": "gather wants an index with as "
        "many axes as logits: give targets a last axis of size 1.",
        "Everything is right until there is padding": "Padding may neither add to the sum nor be "
        "counted.",
        "A little too large or too small, more so with few classes": "Over how many classes is "
        "epsilon spread: K, K − 1, K − 2?",
    },
)

# alignment_loss -----------------------------------------------------------------------------------

SOURCES = "alignment.sum(dim=-1)"
LOGS = "torch.where(alignment, attention, 1.0).log()"
PER_TOKEN = "-logs.sum(dim=-1) / sources.clamp(min=1)"
MEAN_OF_TOKENS = "per_token.sum() / (sources > 0).sum().clamp(min=1)"


def some_attention(draw: Draw, b: int, n_t: int, n_s: int) -> torch.Tensor:
    """Weights of attention: positive, none very small, rows that sum to 1."""
    return torch.softmax(draw.normal(b, n_t, n_s), dim=-1)


def some_alignment(draw: Draw, b: int, n_t: int, n_s: int) -> torch.Tensor:
    """Target tokens with no source, one, two and three, in each sentence in another order."""
    aligned = torch.zeros(b, n_t, n_s, dtype=torch.bool)
    for sentence in range(b):
        for token in range(n_t):
            for source in range((token + sentence) % 4):
                aligned[sentence, token, (2 * token + source + draw.integer(0, 1)) % n_s] = True
        aligned[sentence, (sentence + 1) % n_t] = False
    return aligned


def backwards(
    answer: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    attention: torch.Tensor,
    alignment: torch.Tensor,
) -> object:
    """A driver: the loss, and what its `backward()` leaves at the attention (0 for nothing)."""
    weights = attention.clone().requires_grad_()
    loss = answer(weights, alignment)
    loss.backward()
    return loss, torch.zeros_like(weights) if weights.grad is None else weights.grad


def alignment_loss_cases(draw: Draw) -> Iterator[Case]:
    """Tokens with no source, with one, with several; weights of 0 elsewhere; nothing aligned."""
    b, n_t, n_s = draw.sizes(3, 4, 9)
    attention, alignment = some_attention(draw, b, n_t, n_s), some_alignment(draw, b, n_t, n_s)
    weights = torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]]])
    known = torch.tensor([[[True, True, False], [False, False, True], [False, False, False]]])
    yield Case("the worked example", "values", (weights, known))
    yield Case("several sentences", "values", (attention, alignment))
    yield Case("one sentence", "values", (attention[:1], alignment[:1]))
    one = torch.zeros_like(alignment)
    one[:, :, draw.integer(0, n_s - 1)] = True
    yield Case("one source for every token", "values", (attention, one))
    yield Case("every source for every token", "values", (attention, torch.ones_like(alignment)))
    yield Case("float64", "values", (attention.double(), alignment))
    yield Case("gradient", "values", (attention, alignment), gradient=True)
    blank = alignment.clone()
    blank[0] = False
    yield Case("a sentence with nothing aligned", "values", (attention, blank))
    uneven = one.clone()
    uneven[0, 1:] = False
    yield Case("one aligned token here, all of them there", "values", (attention, uneven))
    hidden = attention * (alignment | (attention > attention.median()))
    hidden[:, :, -1] = torch.where(alignment[:, :, -1], hidden[:, :, -1], 0.0)
    yield Case("weights of 0 where nothing is aligned", "weights of 0", (hidden, alignment))
    yield Case("their gradient", "weights of 0", (hidden, alignment), gradient=True)
    none = torch.zeros_like(alignment)
    yield Case("nothing aligned at all", "nothing aligned", (attention, none), driver=backwards)
    few = attention[:1].double()
    yield Case("nothing in float64", "nothing aligned", (few, none[:1]), driver=backwards)
    single = none.clone()
    single[-1, -1, 0] = True
    yield Case("beside it, one pair", "nothing aligned", (attention, single), driver=backwards)


def alignment_loss_oracle(attention: torch.Tensor, alignment: torch.Tensor) -> torch.Tensor:
    """The definition, one target token at a time."""
    means = []
    for weights, aligned in zip(attention.flatten(0, 1), alignment.flatten(0, 1), strict=True):
        if aligned.any():
            means.append(torch.stack([-w.log() for w in weights[aligned]]).mean())
    return torch.stack(means).mean() if means else 0 * attention.sum()


ALIGNMENT_LOSS = Problem(
    signature="alignment_loss(attention, alignment)",
    returns=("result",),
    minutes=30,
    difficulty=3,
    points={"values": 3, "weights of 0": 1, "nothing aligned": 1},
    cases=alignment_loss_cases,
    oracle=alignment_loss_oracle,
    forbidden_modules=LIBRARY,
    misconceptions=(
        Misconception(
            "mean_of_the_pairs",
            seen="the mean is taken over all aligned pairs: a token with three sources counts "
            "three times as much as one with a single source.",
            think="which two means does the contract name, one inside the other?",
            edits={
                PER_TOKEN: "-logs.sum(dim=-1)",
                MEAN_OF_TOKENS: "per_token.sum() / sources.sum().clamp(min=1)",
            },
        ),
        Misconception(
            "sum_over_the_sources",
            seen="the sources of a token are summed, not averaged.",
            think="which two means does the contract name, one inside the other?",
            edits={PER_TOKEN: "-logs.sum(dim=-1)"},
        ),
        Misconception(
            "sum_over_the_tokens",
            seen="the tokens are summed, not averaged, as in fairseq.",
            think="which two means does the contract name, one inside the other?",
            edits={MEAN_OF_TOKENS: "per_token.sum()"},
        ),
        Misconception(
            "all_tokens_count",
            seen="tokens without a source are counted in the mean, with a loss of 0.",
            think="over which tokens does the contract take the mean?",
            edits={MEAN_OF_TOKENS: "per_token.mean()"},
        ),
        Misconception(
            "all_sources_count",
            seen="a token's sum is divided by all source tokens, aligned or not.",
            think="over which sources does the contract take the mean?",
            edits={PER_TOKEN: "-logs.mean(dim=-1)"},
        ),
        Misconception(
            "mean_of_the_sentences",
            seen="each sentence is averaged by itself first.",
            think="over what does the outer mean run, sentences or target tokens?",
            edits={
                MEAN_OF_TOKENS: "(per_token.sum(dim=-1) / "
                "(sources > 0).sum(dim=-1).clamp(min=1)).mean()"
            },
        ),
        Misconception(
            "mean_of_the_sentences_that_have_any",
            seen="each sentence that has aligned tokens is averaged by itself first, so that a "
            "token counts more where there are few.",
            think="over what does the outer mean run, sentences or target tokens?",
            edits={
                MEAN_OF_TOKENS: "(per_token.sum(dim=-1) / (sources > 0).sum(dim=-1).clamp(min=1))"
                ".sum() / (sources > 0).any(dim=-1).sum().clamp(min=1)"
            },
        ),
        Misconception(
            "mean_for_each_source",
            seen="the mean is taken for each source token, over the targets that it is aligned to.",
            think="which axis of (b, n_t, n_s) counts target tokens?",
            edits={SOURCES: "alignment.sum(dim=-2)", PER_TOKEN: PER_TOKEN.replace("-1)", "-2)", 1)},
        ),
        Misconception(
            "log_of_the_mean",
            seen="right for a single source; with several, weights are averaged before the "
            "logarithm.",
            think="which comes first, the logarithm or the mean?",
            edits={
                LOGS: "torch.where(alignment, attention, 0.0)",
                PER_TOKEN: "-torch.where(sources > 0, logs.sum(dim=-1) / sources.clamp(min=1), "
                "1.0).log()",
            },
        ),
        Misconception(
            "log_of_the_sum",
            seen="right for a single source; with several, the logarithm is that of their sum.",
            think="which comes first, the logarithm or the mean?",
            edits={
                LOGS: "torch.where(alignment, attention, 0.0)",
                PER_TOKEN: "-torch.where(sources > 0, logs.sum(dim=-1), 1.0).log()",
            },
        ),
        Misconception(
            "sign",
            seen="the loss is below 0.",
            think="a logarithm of a weight is negative. Should a loss be?",
            edits={PER_TOKEN: PER_TOKEN.removeprefix("-")},
        ),
        Misconception(
            "no_logarithm",
            seen="the weights themselves are averaged; no logarithm was taken.",
            think="what does the contract average?",
            edits={LOGS: "torch.where(alignment, attention, 0.0)"},
        ),
        Misconception(
            "opposite",
            seen="the weights where nothing is aligned are the ones that count.",
            think="where is `alignment` True?",
            edits={
                SOURCES: "(~alignment).sum(dim=-1)",
                LOGS: "torch.where(alignment, 1.0, attention).log()",
            },
        ),
        Misconception(
            "zero_times_infinity",
            seen="where a weight is exactly 0, the loss is NaN, though nothing is aligned there.",
            think="what is 0 · log 0 for a computer?",
            edits={LOGS: "alignment * attention.log()"},
        ),
        Misconception(
            "nan_in_the_gradient",
            seen="the values are right; where a weight is exactly 0, the gradient is NaN.",
            think="forwards the −∞ was covered; backwards it is met again. Which do you take "
            "first, the choice or the logarithm?",
            edits={LOGS: "torch.where(alignment, attention.log(), 0.0)"},
        ),
        Misconception(
            "too_much_added",
            seen="all losses are a little too small: something was added to the weights.",
            think="how much was added before the logarithm, and how large is a weight?",
            edits={LOGS: "(torch.where(alignment, attention, 1.0) + 1e-2).log()"},
        ),
        Misconception(
            "nan_when_nothing_is_aligned",
            seen="where nothing at all is aligned, the loss is NaN.",
            think="a mean over no token: what is divided by what?",
            edits={MEAN_OF_TOKENS: "per_token.sum() / (sources > 0).sum()"},
        ),
        Misconception(
            "nan_without_sources",
            seen="as soon as one token has no source, the loss is NaN.",
            think="the mean over the sources of such a token: what is divided by what?",
            edits={PER_TOKEN: "-logs.sum(dim=-1) / sources"},
        ),
        Misconception(
            "the_formula_as_it_stands",
            seen="as soon as one token has no source, the loss is NaN.",
            think="the mean over the sources of such a token is 0 / 0. And where a weight is 0, "
            "what is 0 · log 0?",
            edits={
                LOGS: "attention.log() * alignment",
                PER_TOKEN: "-logs.sum(dim=-1) / sources",
                MEAN_OF_TOKENS: "per_token.mean()",
            },
        ),
        Misconception(
            "the_formula_then_a_choice",
            seen="the values are right while no weight is 0; the gradient is NaN at tokens without "
            "sources, which were left out after a division by 0.",
            think="backwards, what was left out is met again: first the choice, then the division?",
            edits={
                LOGS: "attention.log() * alignment",
                PER_TOKEN: "-logs.sum(dim=-1) / sources",
                MEAN_OF_TOKENS: "per_token[sources > 0].mean()",
            },
        ),
        Misconception(
            "a_number_when_nothing_is_aligned",
            seen="where nothing is aligned, Python's 0.0 comes back, which has no backward().",
            think="what can the 0 be made of, so that backward() finds a way?",
            edits={
                f"return {MEAN_OF_TOKENS}": f"return {MEAN_OF_TOKENS} if alignment.any() else 0.0"
            },
        ),
        Misconception(
            "a_fresh_zero_when_nothing_is_aligned",
            seen="where nothing is aligned, the 0 is right, but backward() fails on it.",
            think="a tensor of a plain number is not on any path of gradients. What can the 0 be "
            "made of, so that it is?",
            edits={
                f"return {MEAN_OF_TOKENS}": f"return {MEAN_OF_TOKENS} if alignment.any() "
                "else torch.zeros((), dtype=attention.dtype)"
            },
        ),
        Misconception(
            "one_for_each_token",
            seen="one number for each target token came back.",
            think="how many numbers does backward() start from?",
            edits={f"return {MEAN_OF_TOKENS}": "return per_token"},
        ),
        Misconception(
            "detached",
            seen="the loss is right, but no gradient flows from it back to `attention`.",
            think="where does the path leave torch? detach, item, numpy and torch.tensor cut it.",
            edits={f"return {MEAN_OF_TOKENS}": f"return ({MEAN_OF_TOKENS}).detach()"},
        ),
        Misconception(
            "float32",
            seen="float64 went in, float32 came out.",
            think="which line chooses a dtype? The result has that of `attention`.",
            edits={f"return {MEAN_OF_TOKENS}": f"return ({MEAN_OF_TOKENS}).float()"},
        ),
    ),
    hints=(
        "Two means, one inside the other: over the sources of one target token, then over the "
        "target tokens that have any.",
        "Count the sources of each token. Where nothing is aligned a weight may be 0, so replace "
        "it by a harmless number *before* the logarithm: log 1 = 0 adds nothing.",
        "With 1 in the place of the weights that are not aligned, take the logarithm, sum over the "
        "sources, divide by their number; sum that, divide by the number of tokens with sources. "
        "Both numbers may be 0, and clamp(min=1) helps.",
    ),
    symptoms={
        "The loss is NaN": "0 · log 0, or 0 / 0? Look for a weight of 0, a token without a source, "
        "a batch without any.",
        "Only the gradient is NaN": "torch.where after the logarithm hides the −∞ from the value, "
        "and not from the gradient; a choice after 0 / 0 hides no more.",
        "element 0 of tensors does not require grad": "The 0 was made from nothing. A sum over no "
        "entries of attention, or 0 times a sum, is made from attention.",
    },
)

# greedy_decode ------------------------------------------------------------------------------------

BEGINNING = "prefix = [bos_id]"
GOES_ON = "len(prefix) <= max_len"
ASKED = "next_logits(torch.tensor(prefix))"
CHOSEN = f"int({ASKED}.argmax())"
ENDS = "if token == eos_id:\n            break"
WITHOUT_BOS = "return prefix[1:]"


def by_the_whole_prefix(
    seed: int, vocab: int, bos_id: int, scale: float, eos_id: int, eos_logit: float, most: int
) -> Callable[[torch.Tensor], torch.Tensor]:
    """A model whose logits depend on every id of the prefix, and on their order.

    Logits are not normalised; a second start is next to impossible; `eos_logit` is added to the
    end's. Whoever asks more than `most` times has a loop without end.
    """
    asked = 0

    def next_logits(prefix: torch.Tensor) -> torch.Tensor:
        nonlocal asked
        asked += 1
        if asked > most:
            raise TimeoutError(f"next_logits was asked more than {most} times: an endless loop?")
        if prefix.dtype != torch.int64:
            raise TypeError(f"next_logits wants int64, as an embedding does; found {prefix.dtype}")
        if prefix.ndim != 1:
            raise ValueError(f"next_logits wants a prefix of one axis; found {prefix.ndim}")
        key = seed
        for token in prefix.tolist():
            key = (31 * key + token + 1) % 2_147_483_647
        noise = torch.randn(vocab, generator=torch.Generator().manual_seed(key))
        sure = (0.3, 1.0, 3.0)[key % 3]  # some prefixes leave little choice, others much
        logits = scale * sure * noise + key % 11 - 5
        logits[eos_id] += eos_logit
        logits[bos_id] -= 40
        return logits

    return next_logits


def as_written(
    text: Sequence[int], vocab: int, most: int
) -> Callable[[torch.Tensor], torch.Tensor]:
    """A model that gives the ids of `text` one after the other, whatever came before."""
    asked = 0

    def next_logits(prefix: torch.Tensor) -> torch.Tensor:
        nonlocal asked
        asked += 1
        if asked > most:
            raise TimeoutError(f"next_logits was asked more than {most} times: an endless loop?")
        if prefix.dtype != torch.int64:
            raise TypeError(f"next_logits wants int64, as an embedding does; found {prefix.dtype}")
        if prefix.ndim != 1:
            raise ValueError(f"next_logits wants a prefix of one axis; found {prefix.ndim}")
        logits = torch.arange(vocab) / vocab - 7.0
        logits[text[min(len(prefix) - 1, len(text) - 1)]] = -2.0
        return logits

    return next_logits


def greedy_ids(
    next_logits: Callable[[torch.Tensor], torch.Tensor], bos_id: int, eos_id: int, max_len: int
) -> list[int]:
    """The oracle: the definition as a recursion, on lists."""

    def rest(prefix: list[int], left: int) -> list[int]:
        if not left:
            return []
        logits = next_logits(torch.tensor(prefix, dtype=torch.int64)).tolist()
        token = logits.index(max(logits))
        return [] if token == eos_id else [token, *rest([*prefix, token], left - 1)]

    return rest([bos_id], max_len)


def most_questions(max_len: int, beam: int = 1) -> int:
    """Far more than a decoder asks that comes to an end, even if anew for each token."""
    return 20 * max_len * beam + 100


def drawn_model(
    draw: Draw, vocab: int, bos_id: int, eos_id: int, eos_logit: float, most: int
) -> Given:
    """A random model of all prefixes."""
    constants = {"seed": draw.integer(1, 10**8), "vocab": vocab, "bos_id": bos_id, "scale": 2.0}
    constants |= {"eos_id": eos_id, "eos_logit": eos_logit, "most": most}
    return Given(by_the_whole_prefix, constants)


def greedy_decode_cases(draw: Draw) -> Iterator[Case]:
    """Sentences that end by themselves, at once, never, and just in time; other marks."""
    vocab = draw.integer(9, 14)
    words = [draw.integer(3, vocab - 1) for _ in range(5)]

    def writes(text: list[int], *marks_and_length: int, vocab: int = vocab) -> tuple[object, ...]:
        constants = {"text": text, "vocab": vocab, "most": most_questions(marks_and_length[-1])}
        return Given(as_written, constants), *marks_and_length

    yield Case("the worked example", "values", writes([5, 6, 7, 2], 1, 2, 9, vocab=9))
    yield Case("a sentence that ends", "values", writes([*words, 2], 1, 2, 9))
    other = [words[0], 1, 2, words[1], vocab - 1]
    yield Case("other marks", "values", writes(other, 0, vocab - 1, 9))
    yield Case("the end comes just in time", "values", writes([*words, 2], 1, 2, 5))
    yield Case("one id too long", "values", writes([*words, 2], 1, 2, 4))
    yield Case("a single id", "values", writes([*words, 2], 1, 2, 1))
    yield Case("the end at once", "values", writes([2, *words], 1, 2, 9))
    for number in range(4):
        max_len = draw.integer(7, 12)
        model = drawn_model(draw, vocab, 1, 2, -20, most_questions(max_len))
        name = f"each id depends on all before it, model {number + 1}"
        yield Case(name, "values", (model, 1, 2, max_len))
    for number, (bos_id, eos_id) in enumerate(((0, 1), (vocab - 1, 0))):
        model = drawn_model(draw, vocab, bos_id, eos_id, 1.0, most_questions(30))
        name = f"it may end anywhere, model {number + 1}"
        yield Case(name, "values", (model, bos_id, eos_id, 30))


GREEDY_DECODE = Problem(
    signature="greedy_decode(next_logits, bos_id, eos_id, max_len)",
    returns=("result",),
    minutes=20,
    difficulty=2,
    points={"values": 3},
    cases=greedy_decode_cases,
    oracle=greedy_ids,
    forbidden_modules=LIBRARY,
    misconceptions=(
        Misconception(
            "keeps_the_begin",
            seen="bos_id stands at the front of the result.",
            think="what does the contract leave out of the result?",
            edits={WITHOUT_BOS: "return prefix"},
        ),
        Misconception(
            "keeps_the_end",
            seen="where the sentence ends by itself, eos_id stands at its end.",
            think="what does the contract leave out of the result?",
            edits={ENDS: "if token == eos_id:\n            return [*prefix[1:], token]"},
        ),
        Misconception(
            "keeps_both_marks",
            seen="both marks, bos_id and eos_id, stand in the result.",
            think="what does the contract leave out of the result?",
            edits={
                ENDS: "if token == eos_id:\n            return [*prefix, token]",
                WITHOUT_BOS: "return prefix",
            },
        ),
        Misconception(
            "one_id_short",
            seen="the longest result has one id fewer than max_len.",
            think="max_len counts neither bos nor eos. Does your loop count one of them?",
            edits={GOES_ON: "len(prefix) < max_len"},
        ),
        Misconception(
            "one_id_too_long",
            seen="the longest result has one id more than max_len.",
            think="how many ids may the result have? Does your loop ask once too often?",
            edits={GOES_ON: "len(prefix) <= max_len + 1"},
        ),
        Misconception(
            "never_ends",
            seen="the result goes on after the end of the sentence, to max_len.",
            think="what should happen when the model gives eos_id?",
            edits={ENDS: "if False:\n            break"},
        ),
        Misconception(
            "no_limit",
            seen="the loop goes on until the model gives eos_id, however long that takes.",
            think="where in your code does `max_len` matter?",
            edits={GOES_ON: "True"},
        ),
        Misconception(
            "no_end_at_all",
            seen="the model is asked for ever, even after it has given eos_id.",
            think="which two things end a sentence, by the contract? Where are they in your code?",
            edits={GOES_ON: "True", ENDS: "if False:\n            break"},
        ),
        Misconception(
            "two_is_the_end",
            seen="right where eos_id is 2; another eos_id changes nothing.",
            think="where in your code does `eos_id` matter?",
            edits={ENDS: "if token == 2:\n            break"},
        ),
        Misconception(
            "least_probable",
            seen="the least probable token is taken each time.",
            think="which end of the logits do you take?",
            edits={CHOSEN: f"int({ASKED}.argmin())"},
        ),
        Misconception(
            "only_the_last_id",
            seen="the model is shown the last id only, not the whole prefix.",
            think="a Transformer remembers nothing between two calls. What must it be shown?",
            edits={CHOSEN: "int(next_logits(torch.tensor(prefix[-1:])).argmax())"},
        ),
        Misconception(
            "without_the_begin",
            seen="the model is shown what came so far without bos_id in front.",
            think="what does the prefix begin with?",
            edits={
                CHOSEN: "int(next_logits(torch.tensor(prefix[1:], dtype=torch.int64)).argmax())"
            },
        ),
        Misconception(
            "only_the_begin",
            seen="the model is asked the same thing each time.",
            think="what must be added to the prefix before the next call?",
            edits={CHOSEN: "int(next_logits(torch.tensor([bos_id])).argmax())"},
        ),
        Misconception(
            "backwards",
            seen="the newest id stands in front, both for the model and in the result.",
            think="in which order does a model read?",
            edits={
                BEGINNING: "prefix = [bos_id]\n    newest = []",
                CHOSEN: "int(next_logits(torch.tensor([bos_id, *newest])).argmax())\n"
                "        newest.insert(0, token)",
                WITHOUT_BOS: "return [t for t in newest if t != eos_id]",
            },
        ),
        Misconception(
            "end_for_begin",
            seen="the prefix begins with eos_id.",
            think="which mark stands in front of every sentence?",
            edits={BEGINNING: "prefix = [eos_id]"},
        ),
        Misconception(
            "floats",
            seen="the model is given floats, and refuses them.",
            think="which dtype has a tensor of ids?",
            edits={ASKED: "next_logits(torch.tensor(prefix, dtype=torch.float32))"},
        ),
        Misconception(
            "a_list_for_the_model",
            seen="the model is given something that is no tensor, and refuses it.",
            think="what does the contract say that next_logits takes?",
            edits={ASKED: "next_logits(prefix)"},
        ),
        Misconception(
            "a_batch_for_the_model",
            seen="the model is given a batch of one prefix, and refuses it.",
            think="next_logits takes (n,). Which shape did you give it?",
            edits={ASKED: "next_logits(torch.tensor([prefix]))"},
        ),
        Misconception(
            "a_tensor",
            seen="the result is a tensor; the contract asks for a list of Python's ints.",
            think="what does .tolist() do?",
            edits={WITHOUT_BOS: "return torch.tensor(prefix[1:], dtype=torch.int64)"},
        ),
        Misconception(
            "tensors_in_the_list",
            seen="the list holds tensors; the contract asks for Python's ints.",
            think="what does argmax return, and what does int() make of it?",
            edits={WITHOUT_BOS: "return [torch.tensor(token) for token in prefix[1:]]"},
        ),
    ),
    hints=(
        "A list that begins with bos_id, and a loop: ask the model, take the best token, stop or "
        "add it.",
        "The model wants the whole prefix as a tensor each time. argmax gives a tensor; int() "
        "makes Python's int of it.",
        "At most max_len rounds. In each ask with all that you have, and take the place of the "
        "largest logit: at eos_id leave the loop, else append it. Return all but the first.",
    ),
    symptoms={
        "“next_logits wants int64”": "Ids are whole numbers: torch.tensor of a list of "
        "ints has the right dtype.",
        "The last id is missing, or one is too many": "Write down the prefix, and its length, "
        "before each round for max_len = 1.",
        "“next_logits was asked more than …”": "Does your loop end if the model never gives "
        "eos_id?",
    },
)

# beam_search --------------------------------------------------------------------------------------

STARTS = "live, finished = [([bos_id], 0.0)], []"
STEPS = "for _ in range(max_len):"
LOG_PROBABILITIES = "torch.log_softmax(next_logits(torch.tensor(prefix)), dim=-1)"
CONTINUED = "score + more"
BEST = "sorted(continued, key=lambda pair: pair[1], reverse=True)[:beam]"
FINISHED = "finished += [(ids[:-1], score) for ids, score in best if ids[-1] == eos_id]"
LIVES_ON = "live = [pair for pair in best if pair[0][-1] != eos_id]"
WINNER = "max(finished + live, key=lambda pair: pair[1])"
SEARCHED = "return ids[1:], score"

# Sums of logarithms of float32.
SUMMED_LOGS = (1e-4, 1e-4)

APART = 0.02
"""The least difference by which a search decides: rounding decides nothing."""

Model = Callable[[torch.Tensor], torch.Tensor]
Sentence = tuple[tuple[int, ...], float]


def every_sentence(
    model: Model, bos_id: int, eos_id: int, max_len: int
) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every sentence of at most `max_len` ids that ends, and every longest that does not."""
    waiting: list[Sentence] = [((), 0.0)]
    while waiting:
        ids, score = waiting.pop()
        if len(ids) == max_len:
            yield ids, score
            continue
        logits = model(torch.tensor([bos_id, *ids])).double()
        for token, more in enumerate((logits - logits.logsumexp(0)).tolist()):
            if token == eos_id:
                yield ids, score + more
            else:
                waiting.append(((*ids, token), score + more))


def search(
    model: Model, bos_id: int, eos_id: int, max_len: int, beam: int, rule: str = ""
) -> tuple[list[int], float, float]:
    """The definition, or with a `rule` another that students take for it; ids, score, margin.

    The margin is the least difference by which the search decided anything.
    """
    live: list[Sentence] = [((), 0.0)]
    ended: list[Sentence] = []
    margin = math.inf
    for _ in range(max_len):
        room = 1 if rule == "greedy" else beam
        room -= len(ended) if rule == "ends keep their places" else 0
        ranked: list[Sentence] = []
        for ids, score in live:
            logits = model(torch.tensor([bos_id, *ids])).double()
            logs = (logits - logits.logsumexp(0)).tolist()
            own = [((*ids, token), score + more) for token, more in enumerate(logs)]
            own.sort(key=lambda sentence: -sentence[1])
            ranked += own[:beam] if rule == "places for each" else own
        ranked.sort(key=lambda sentence: -sentence[1])
        room = len(ranked) if rule == "places for each" else max(room, 0)
        kept = ranked[:room]
        if 0 < room < len(ranked):
            margin = min(margin, ranked[room - 1][1] - ranked[room][1])
        ended += [(ids[:-1], score) for ids, score in kept if ids[-1] == eos_id]
        live = [sentence for sentence in kept if sentence[0][-1] != eos_id]
        if rule == "stops at the first end" and ended:
            live = []
        if rule == "stops at as many ends as places" and len(ended) >= beam:
            live = []
    if rule == "only what has ended" and ended:
        live = []

    def merit(sentence: Sentence) -> float:
        ids, score = sentence
        ends = sentence in ended
        return score / (len(ids) + ends) if rule == "by the mean of the logarithms" else score

    first, *others = sorted(ended + live, key=merit, reverse=True)
    margin = min([margin, *(first[1] - other[1] for other in others[:1])])
    return list(first[0]), first[1], margin


RULES = (
    "greedy",
    "places for each",
    "by the mean of the logarithms",
    "stops at the first end",
    "stops at as many ends as places",
    "ends keep their places",
    "only what has ended",
)
"""Wrong ones. (That ends take no place in their own step is not: what ranks below an end, and would
then live on, can never beat it.)"""


def drawn_search(
    draw: Draw,
    marks: tuple[int, int],
    sizes: tuple[int, int, int],
    rule: str = "",
    but_not: str = "",
    eos_logit: float = 1.0,
) -> Given:
    """A random model without close decisions: `rule` finds another, `but_not` the same."""
    (bos_id, eos_id), (vocab, max_len, beam) = marks, sizes
    while True:
        most = most_questions(max_len, beam)
        given = drawn_model(draw, vocab, bos_id, eos_id, eos_logit, most)
        model = given.make(**given.constants)
        ids, score, margin = search(model, bos_id, eos_id, max_len, beam)
        if margin < APART or score < -30:
            continue
        others = [search(model, bos_id, eos_id, max_len, beam, each)[0] for each in (rule, but_not)]
        if (others[0] != ids or not rule) and others[1] == ids:
            return given


def beam_search_cases(draw: Draw) -> Iterator[Case]:
    """Beams of one, of a few, of everything; models on which each wrong rule finds another."""

    def case(
        name: str,
        group: str,
        marks: tuple[int, int],
        sizes: tuple[int, int, int],
        rule: str = "",
        but_not: str = "",
        eos_logit: float = 1.0,
    ) -> Case:
        given = drawn_search(draw, marks, sizes, rule, but_not, eos_logit)
        _, max_len, beam = sizes
        return Case(name, group, (given, *marks, max_len, beam), tolerance=SUMMED_LOGS)

    def by_place(name: str, group: str, *chances: Sequence[float]) -> Case:
        """Two places, and a step for each row of chances: of the end, and of three words."""
        first = draw.integer(0, 3)
        ids = [2, *(3 + (first + word) % 4 for word in range(3))]
        constants = {"chances": chances, "ids": ids, "most": most_questions(len(chances), 2)}
        given = Given(by_the_place, constants)
        args = given, *plain, len(chances), 2
        return Case(name, group, args, tolerance=SUMMED_LOGS)

    chances = {"first": [0.1, 0.5, 0.4], "after_a": [0.4, 0.35, 0.25], "after_b": [0.9, 0.05, 0.05]}
    worked = Given(two_words, {**chances, "most": most_questions(2, 2)}), 1, 2, 2, 2
    yield Case("the worked example", "the search", worked, tolerance=SUMMED_LOGS)
    plain, other = (1, 2), (4, 0)
    yield case("two places", "the search", plain, (6, 4, 2))
    yield case("other marks", "the search", other, (6, 4, 3))
    yield case("one place: greedy", "the search", plain, (7, 5, 1))
    ends = {"vocab": 7, "text": [draw.integer(3, 6), 2], "most": most_questions(5)}
    early = Given(as_written, ends), *plain, 5, 1
    yield Case("one place, an early end", "the search", early, tolerance=SUMMED_LOGS)
    yield case("a single id", "the search", plain, (7, 1, 3))
    yield case("more places than tokens", "the search", plain, (5, 3, 9))
    yield case("a place for everything", "the search", plain, (4, 3, 64))
    greedy, for_each, by_mean, first_end, enough_ends, places, only_ended = RULES
    yield case("greedy finds another", "the search", (0, 3), (8, 6, 4), greedy)
    yield case("the places are shared", "the search", plain, (6, 6, 2), for_each)
    yield case("no normalisation by length", "the search", plain, (6, 5, 3), by_mean)
    # One word and its end against three words: means that count the marks otherwise part here.
    sure, halves = (0.02, 0.9, 0.05, 0.03), (draw.integer(500, 510) / 1000, 0.47, 0.01, 0.01)
    for number, likely in enumerate((0.57, 0.775, 0.92)):
        rest = 1 - likely
        last = 0.4 * rest, likely, 0.35 * rest, 0.25 * rest
        name = f"no normalisation by length, an end against what is cut off, {number + 1}"
        yield by_place(name, "the search", sure, halves, last)
    least = draw.integer(190, 210) / 1000
    rows = (least, 0.45, 0.3, 0.05), (0.3, 0.37, 0.32, 0.01)
    yield by_place("an end that is not among the best", "the search", *rows)
    yield case(
        "a later end is better than the first", "ends", plain, (6, 5, 3), first_end, enough_ends
    )
    yield case("more ends than places", "ends", plain, (5, 4, 2), enough_ends, only_ended)
    yield case("an end gives its place back", "ends", plain, (6, 6, 2), places, enough_ends)
    yield case("cut off at max_len", "ends", other, (5, 4, 2), only_ended, enough_ends)
    yield case("nothing ends", "ends", plain, (6, 3, 3), eos_logit=-15.0)
    rows = sure, (least, 0.7, 0.09, 0.01), (0.05, 0.5, 0.42, 0.03), (0.25, 0.4, 0.33, 0.02)
    yield by_place("two that live are better for a while than an end", "ends", *rows)


def two_words(
    first: Sequence[float], after_a: Sequence[float], after_b: Sequence[float], most: int
) -> Callable[[torch.Tensor], torch.Tensor]:
    """The model of the worked example: probabilities of the end, a and b; all else is unlikely."""
    asked = 0

    def next_logits(prefix: torch.Tensor) -> torch.Tensor:
        nonlocal asked
        asked += 1
        if asked > most:
            raise TimeoutError(f"next_logits was asked more than {most} times: an endless loop?")
        chances = {1: first, 3: after_a, 4: after_b}.get(int(prefix[-1]), after_b)
        return torch.cat([torch.full((2,), -40.0), torch.tensor(chances).log()]) + 1.5

    return next_logits


def by_the_place(
    chances: Sequence[Sequence[float]], ids: Sequence[int], most: int
) -> Callable[[torch.Tensor], torch.Tensor]:
    """A model that asks for the length of the prefix alone: a row of probabilities of `ids`."""
    asked = 0

    def next_logits(prefix: torch.Tensor) -> torch.Tensor:
        nonlocal asked
        asked += 1
        if asked > most:
            raise TimeoutError(f"next_logits was asked more than {most} times: an endless loop?")
        logits = torch.full((7,), -40.0)
        row = chances[min(len(prefix), len(chances)) - 1]
        logits[list(ids)] = torch.tensor(row).log() + 1.5
        return logits

    return next_logits


def beam_search_oracle(
    next_logits: Model, bos_id: int, eos_id: int, max_len: int, beam: int
) -> tuple[list[int], float]:
    """Every sentence there is, where all of them fit into the beam; else the definition."""
    vocab = len(next_logits(torch.tensor([bos_id])))
    if beam >= vocab**max_len:
        sentences = every_sentence(next_logits, bos_id, eos_id, max_len)
        ids, score = max(sentences, key=lambda sentence: sentence[1])
        return list(ids), score
    return search(next_logits, bos_id, eos_id, max_len, beam)[:2]


BEAM_SEARCH = Problem(
    signature="beam_search(next_logits, bos_id, eos_id, max_len, beam)",
    returns=("ids", "score"),
    minutes=45,
    difficulty=3,
    points={"the search": 3, "ends": 3},
    cases=beam_search_cases,
    oracle=beam_search_oracle,
    forbidden_modules=LIBRARY,
    misconceptions=(
        Misconception(
            "first_end_wins",
            seen="the search stops at the first end; a better one would have come later.",
            think="may a finished sentence be beaten by one that is still live?",
            edits={LIVES_ON: f"{LIVES_ON}\n        if finished:\n            live = []"},
        ),
        Misconception(
            "stops_at_enough_ends",
            seen="the search stops when there are as many ends as places; a better one would have "
            "come later.",
            think="may a finished sentence be beaten by one that is still live?",
            edits={
                LIVES_ON: f"{LIVES_ON}\n        if len(finished) >= beam:\n            live = []"
            },
        ),
        Misconception(
            "stops_and_takes_what_lives",
            seen="the search stops when there are as many ends as places; then a sentence wins "
            "that is neither finished nor at max_len.",
            think="when may what is live be the result? When may a search stop early?",
            edits={LIVES_ON: f"{LIVES_ON}\n        if len(finished) >= beam:\n            break"},
        ),
        Misconception(
            "fairseqs_rule",
            seen="the search stops when there are as many ends as places, and what is live at "
            "max_len is thrown away where something has ended.",
            think="among which sentences does this contract look for the best, and when?",
            edits={
                LIVES_ON: f"{LIVES_ON}\n        if len(finished) >= beam:\n            break",
                WINNER: "max(finished or live, key=lambda pair: pair[1])",
            },
        ),
        Misconception(
            "all_ends_count",
            seen="an end is taken that was not among the best continuations of its step.",
            think="does an end need one of the places of its step, by the contract?",
            edits={FINISHED: FINISHED.replace("in best", "in continued")},
        ),
        Misconception(
            "ends_stay_in_the_beam",
            seen="a finished sentence stays in the beam; live ones that are better for a while "
            "push it out, and it is lost.",
            think="where is a finished sentence kept, so that no later step can remove it?",
            edits={
                "for prefix, score in live:": "for prefix, score in live:\n"
                "            if prefix[-1] == eos_id:\n"
                "                continued.append((prefix, score))\n"
                "                continue",
                FINISHED: "pass",
                LIVES_ON: "live = best",
                WINNER: "live[0]",
                SEARCHED: "return [token for token in ids[1:] if token != eos_id], score",
            },
        ),
        Misconception(
            "ends_keep_their_places",
            seen="a finished sentence keeps its place in all later steps, so that the beam gets "
            "narrower.",
            think="for how long does the contract let an end take a place?",
            edits={BEST: BEST.replace("[:beam]", "[: max(0, beam - len(finished))]")},
        ),
        Misconception(
            "live_ones_are_lost",
            seen="at max_len what is still live is thrown away where something has ended, even if "
            "it is better.",
            think="among which sentences does the contract look for the best?",
            edits={WINNER: "max(finished or live, key=lambda pair: pair[1])"},
        ),
        Misconception(
            "only_what_has_ended",
            seen="only what has ended can be the result; where nothing has, there is an error.",
            think="among which sentences does the contract look for the best?",
            edits={WINNER: "max(finished, key=lambda pair: pair[1])"},
        ),
        Misconception(
            "ends_are_lost",
            seen="sentences that have ended are never the result.",
            think="among which sentences does the contract look for the best?",
            edits={WINNER: "max(live or finished, key=lambda pair: pair[1])"},
        ),
        Misconception(
            "by_the_mean",
            seen="the result is the best by the mean log-probability of its tokens.",
            think="which score does the contract compare: a sum, or a mean?",
            edits={
                FINISHED: FINISHED.replace("(ids[:-1], score)", "(ids[:-1], score / len(ids[1:]))"),
                WINNER: "max(finished + [(ids, score / len(ids[1:])) for ids, score in live], "
                "key=lambda pair: pair[1])",
            },
        ),
        Misconception(
            "by_the_mean_then_the_sum",
            seen="the result is chosen by the mean log-probability of its tokens.",
            think="which score does the contract compare: a sum, or a mean?",
            edits={WINNER: "max(finished + live, key=lambda pair: pair[1] / len(pair[0]))"},
        ),
        Misconception(
            "by_the_mean_with_the_end",
            seen="the result is chosen by score / length, where the length counts the end; the sum "
            "is returned.",
            think="which score does the contract compare: a sum, or a mean?",
            edits={
                WINNER: "max(finished + live, key=lambda pair: "
                "pair[1] / (len(pair[0]) - (pair in live)))"
            },
        ),
        Misconception(
            "by_the_mean_with_both_marks",
            seen="the result is chosen by score / length, where the length counts both marks; the "
            "sum is returned.",
            think="which score does the contract compare: a sum, or a mean?",
            edits={
                WINNER: "max(finished + live, key=lambda pair: "
                "pair[1] / (len(pair[0]) + (pair in finished)))"
            },
        ),
        Misconception(
            "end_is_not_counted",
            seen="each result is the empty sentence with a score of 0, as if an end cost nothing.",
            think="which tokens' probabilities does the contract count? Do your steps run at all?",
            edits={
                CONTINUED: "score + more * (token != eos_id)",
            },
        ),
        Misconception(
            "end_is_ranked_and_not_counted",
            seen="continuations are ranked with the end; the score of a sentence is then kept "
            "without it.",
            think="which tokens' probabilities does the contract count?",
            edits={
                FINISHED: "before = {tuple(ids): score for ids, score in live}\n        "
                + FINISHED.replace("(ids[:-1], score)", "(ids[:-1], before[tuple(ids[:-1])])")
            },
        ),
        Misconception(
            "logits_are_added",
            seen="logits are added up as they are.",
            think="do the exponentials of the logits sum to 1?",
            edits={LOG_PROBABILITIES: "next_logits(torch.tensor(prefix))"},
        ),
        Misconception(
            "probabilities_are_added",
            seen="probabilities are added up.",
            think="how do the probabilities of independent steps combine? And their logarithms?",
            edits={LOG_PROBABILITIES: LOG_PROBABILITIES.replace("log_softmax", "softmax")},
        ),
        Misconception(
            "a_probability",
            seen="the ids are right; the score is a probability, not its logarithm.",
            think="which score does the contract ask for?",
            edits={SEARCHED: "return ids[1:], math.exp(score)"},
        ),
        Misconception(
            "only_the_last_step",
            seen="continuations are ranked by their last step alone.",
            think="where does the score of the prefix enter?",
            edits={CONTINUED: "more"},
        ),
        Misconception(
            "places_for_each",
            seen="each live sentence has `beam` places for itself: the beam gets wider and wider.",
            think="does the beam count places for each sentence, or for all of a step?",
            edits={
                f"best = {BEST}": "best = [\n"
                "            pair\n"
                "            for i in range(0, len(continued), len(log_p))\n"
                "            for pair in sorted(continued[i : i + len(log_p)], "
                "key=lambda pair: -pair[1])[:beam]\n"
                "        ]"
            },
        ),
        Misconception(
            "like_greedy",
            seen="what comes out is greedy decoding, whatever the beam is.",
            think="do the places of a step hold different sentences? Copies of one stay copies.",
            edits={STARTS: "live, finished = [([bos_id], 0.0)] * beam, []"},
        ),
        Misconception(
            "the_worst",
            seen="the least probable continuations are kept.",
            think="in which order does sorted() sort?",
            edits={BEST: BEST.replace(", reverse=True", "")},
        ),
        Misconception(
            "one_place_less",
            seen="one continuation less than asked for is kept, and with a single place none.",
            think="how many entries has a slice [: k]?",
            edits={
                BEST: BEST.replace("[:beam]", "[: beam - 1]"),
                WINNER: f"{WINNER[:-1]}, default=([bos_id], 0.0))",
            },
        ),
        Misconception(
            "one_step_less",
            seen="the longest result has one id fewer than max_len.",
            think="max_len counts neither bos nor eos. Does your loop count one of them?",
            edits={STEPS: "for _ in range(max_len - 1):"},
        ),
        Misconception(
            "one_step_more",
            seen="there is a step too many: what has max_len ids grows by one, or pays for an end.",
            think="how many steps are there, and what is the score of what is cut off?",
            edits={STEPS: "for _ in range(max_len + 1):"},
        ),
        Misconception(
            "one_step_more_and_cut",
            seen="there is a step too many. The ids are cut to max_len at the end, but the last "
            "step has changed the score, or the choice.",
            think="how many steps are there, and what is the score of what is cut off?",
            edits={
                STEPS: "for _ in range(max_len + 1):",
                SEARCHED: "return ids[1 : max_len + 1], score",
            },
        ),
        Misconception(
            "keeps_the_begin",
            seen="bos_id stands at the front of the ids.",
            think="what does the contract leave out of the ids?",
            edits={SEARCHED: "return ids, score"},
        ),
        Misconception(
            "keeps_the_end",
            seen="eos_id stands at the end of the ids where the sentence has ended.",
            think="what does the contract leave out of the ids?",
            edits={FINISHED: FINISHED.replace("ids[:-1]", "ids")},
        ),
        Misconception(
            "swapped_results",
            seen="the two results have changed places.",
            think="which comes first in the contract?",
            edits={SEARCHED: "return score, ids[1:]"},
        ),
        Misconception(
            "only_the_ids",
            seen="the score did not come back.",
            think="what else does the contract return?",
            edits={SEARCHED: "return ids[1:]"},
        ),
        Misconception(
            "a_tensor",
            seen="the score is a tensor; the contract asks for Python's float.",
            think="what does .item() do?",
            edits={SEARCHED: "return ids[1:], torch.tensor(score)"},
        ),
        Misconception(
            "topk_of_too_few",
            seen="a beam wider than the vocabulary raises an error.",
            think="how many continuations are there at the first step? Can topk find more?",
            edits={
                f"best = {BEST}": "scores = torch.tensor([score for _, score in continued])\n"
                "        best = [continued[i] for i in scores.topk(beam).indices] if live else []"
            },
        ),
        Misconception(
            "needs_something_live",
            seen="where all sentences of the beam have ended, there is an error.",
            think="what does your loop do when nothing is live any more?",
            edits={STEPS: f"{STEPS}\n        live[0]"},
        ),
        Misconception(
            "stacks_nothing",
            seen="where all sentences of the beam have ended, there is an error.",
            think="what does your loop do when nothing is live any more?",
            edits={STEPS: f"{STEPS}\n        torch.stack([torch.tensor(ids) for ids, _ in live])"},
        ),
        Misconception(
            "never_ends",
            seen="the search does not end after max_len steps.",
            think="where in your code does `max_len` matter?",
            edits={STEPS: "while live:"},
        ),
        Misconception(
            "marks_swapped",
            seen="the prefix begins with eos_id, and bos_id is taken for the end.",
            think="in which order do the arguments come?",
            edits={
                "beam_search(next_logits, bos_id, eos_id, ": "beam_search(next_logits, eos_id, "
                "bos_id, "
            },
        ),
        Misconception(
            "beam_for_max_len",
            seen="there are `beam` steps, with max_len places.",
            think="in which order do the arguments come?",
            edits={"eos_id, max_len, beam):": "eos_id, beam, max_len):"},
        ),
    ),
    hints=(
        "Two lists of (ids, score): what is live, and what has finished. A step replaces the live "
        "ones by the best of their continuations.",
        "Continue every live sentence by every token, adding the token's log-probability to the "
        "score. Sort them all together and keep `beam`. Among these move those that end in eos to "
        "the finished.",
        "max_len times: all continuations, the best `beam` of them, ends apart. Then the best of "
        "finished and live together. A score only falls, so you may stop early where no live one "
        "can win any more, but you need not.",
    ),
    symptoms={
        "The ids are right and the score is not": "Is the end counted? Is it a sum of "
        "log-probabilities (log_softmax), not of logits, not a mean?",
        "Right for beam = 1 only": "Do all continuations of all live sentences compete together? "
        "What are the places of the second step filled with?",
        "selected index k out of range": "There may be fewer continuations than places.",
        "“stack expects a non-empty TensorList”, or max() of nothing": "Nothing is live any more: "
        "all that was kept has ended. Or nothing has ended yet.",
        "“next_logits was asked more than …”": "Does your loop end after max_len steps, whatever "
        "is live?",
    },
)

# Seq2Seq ------------------------------------------------------------------------------------------

PLACES = "torch.nn.Embedding(64, d_model)"
OUTPUT = "torch.nn.Linear(d_model, tgt_vocab)"
BATCH_FIRST = '"batch_first": True'
HIDDEN = "src == self.pad_id"
FUTURE = "torch.ones(n, n, dtype=torch.bool).triu(1)"
READ = "self.encoder(self.placed(self.src_embedding(src)), src_key_padding_mask=hidden)"
FED = "self.placed(self.tgt_embedding(tgt_in))"
CROSS = "memory_key_padding_mask=hidden"
LOGITS = "return self.output(x)"


def shape_and_dtype(
    answer: Callable[..., nn.Module],
    seed: int,
    sizes: Sequence[int],
    src: torch.Tensor,
    tgt_in: torch.Tensor,
) -> object:
    """A driver: the shape and the dtype of the logits, and whether they are probabilities."""
    torch.manual_seed(seed)
    logits = answer(*sizes).eval()(src, tgt_in)
    sums_to_1 = bool((logits.sum(dim=-1) - 1).abs().max() < 1e-3)
    return [*logits.shape, str(logits.dtype), bool(logits.min() >= 0) and sums_to_1]


def dependence(
    answer: Callable[..., nn.Module],
    seed: int,
    sizes: Sequence[int],
    src: torch.Tensor,
    tgt_in: torch.Tensor,
) -> object:
    """A driver: (n_t, n_t), True where the logits in a row change with the target in a column.

    Some words are tried in its place; a change counts above 1e-4 of the largest logit.
    """
    torch.manual_seed(seed)
    module = answer(*sizes).eval()
    if any(isinstance(part, torch.nn.Transformer) for part in module.modules()):
        raise RuntimeError(
            "Seq2Seq is not to hold an nn.Transformer: its layers are what is allowed"
        )
    before, (b, n) = module(src, tgt_in), tgt_in.shape
    words = [word for word in range(sizes[1]) if word != sizes[6]][::4]
    other = tgt_in.repeat(n, len(words), 1, 1)  # (place, word, b, n), all asked in one batch
    for place in range(n):
        other[place, :, :, place] = torch.tensor(words)[:, None]
    after = module(src.repeat(n * len(words), 1), other.flatten(0, 2))
    gaps = (after.unflatten(0, (n, len(words), b)) - before).abs().amax(dim=(1, 2, 4))
    return (gaps > 1e-4 * before.abs().max()).T


def beside_padding(
    answer: Callable[..., nn.Module],
    seed: int,
    sizes: Sequence[int],
    src: torch.Tensor,
    tgt_in: torch.Tensor,
) -> object:
    """A driver: do the logits of real targets stay the same?

    With more padding after the sources; with words in its place; with more padding after the
    targets; with each sentence by itself, without padding; with the sentences in another order.
    """
    torch.manual_seed(seed)
    module, pad = answer(*sizes).eval(), sizes[6]
    if any(isinstance(part, torch.nn.Transformer) for part in module.modules()):
        raise RuntimeError(
            "Seq2Seq is not to hold an nn.Transformer: its layers are what is allowed"
        )
    logits, real = module(src, tgt_in), tgt_in != pad
    word = (pad + 1) % sizes[0]

    def same(other: torch.Tensor, mine: torch.Tensor) -> bool:
        return bool((other - mine).abs().max() <= 1e-4 * logits[real].abs().max())

    behind = torch.full((len(src), 3), pad)
    more = module(torch.cat([src, behind], dim=1), tgt_in)
    words = module(torch.cat([src, torch.full_like(behind, word)], dim=1), tgt_in)
    later = module(src, torch.cat([tgt_in, behind], dim=1))[:, : tgt_in.shape[1]]
    alone = True
    for i in range(len(src)):
        one = src[i][src[i] != pad][None], tgt_in[i][real[i]][None]
        alone = alone and same(module(*one)[0], logits[i][real[i]])
    turned = module(src.flip(0), tgt_in.flip(0)).flip(0)
    return [
        same(more[real], logits[real]),
        same(words[real], logits[real]),
        same(later[real], logits[real]),
        alone,
        same(turned[real], logits[real]),
    ]


def source_order(
    answer: Callable[..., nn.Module],
    seed: int,
    sizes: Sequence[int],
    src: torch.Tensor,
    tgt_in: torch.Tensor,
) -> object:
    """A driver: are all logits the same when asked again, and with the source in other orders?

    As it is; its first two tokens exchanged; its last two; all of it backwards.
    """
    torch.manual_seed(seed)
    module = answer(*sizes).eval()
    if any(isinstance(part, torch.nn.Transformer) for part in module.modules()):
        raise RuntimeError(
            "Seq2Seq is not to hold an nn.Transformer: its layers are what is allowed"
        )
    logits, n = module(src, tgt_in), src.shape[1]
    orders = [
        [*range(n)],
        [1, 0, *range(2, n)],
        [*range(n - 2), n - 1, n - 2],
        [*reversed(range(n))],
    ]
    gaps = [(module(src[:, order], tgt_in) - logits).abs().max() for order in orders]
    return [bool(gap <= 1e-4 * logits.abs().max()) for gap in gaps]


def gradients(
    answer: Callable[..., nn.Module],
    seed: int,
    sizes: Sequence[int],
    src: torch.Tensor,
    tgt_in: torch.Tensor,
) -> object:
    """A driver: are there parameters, are any without a gradient from the logits, and are many?"""
    torch.manual_seed(seed)
    module = answer(*sizes).eval()
    if any(isinstance(part, torch.nn.Transformer) for part in module.modules()):
        raise RuntimeError(
            "Seq2Seq is not to hold an nn.Transformer: its layers are what is allowed"
        )
    logits = module(src, tgt_in)
    weights = torch.cos(torch.arange(1.0, logits.numel() + 1)).reshape(logits.shape)
    (logits * weights).sum().backward()
    missing = [value.grad is None for value in module.parameters()]
    return bool(missing), any(missing), sum(missing) > len(missing) / 8


def words(draw: Draw, vocab: int, pad_id: int, b: int, n: int) -> torch.Tensor:
    """(b, n) ids without padding, no two neighbours of a row alike, the ends of a row neither."""
    rows = []
    for _ in range(b):
        row = [word for word in range(vocab) if word != pad_id]
        start = draw.integer(0, len(row) - 1)
        row = row[start:] + row[:start]
        rows.append([row[i % len(row)] for i in range(n)])
    return torch.tensor(rows)


def with_padding(tokens: torch.Tensor, pad_id: int, lengths: Sequence[int]) -> torch.Tensor:
    """Row i keeps `lengths[i]` tokens, and padding follows."""
    places = torch.arange(tokens.shape[1])
    return tokens.masked_fill(places >= torch.tensor(lengths)[:, None], pad_id)


def seq2seq_cases(draw: Draw) -> Iterator[Case]:
    """Shapes up to the longest; every target changed; padding of three ids; orders; gradients."""
    n_s, n_t = draw.sizes(2, 4, 7)
    src_vocab, tgt_vocab = draw.sizes(2, 11, 15)
    d_model, n_heads = 4 * draw.integer(2, 4), 2

    def case(
        name: str,
        group: str,
        driver: Callable[..., object],
        pad_id: int,
        sizes: tuple[int, int, int],
        cut: tuple[Sequence[int], Sequence[int]] | None = None,
    ) -> Case:
        """`sizes`: layers, tokens of the sources, of the targets; `cut`: their real lengths."""
        n_layers, s, t = sizes
        made = [src_vocab, tgt_vocab, d_model, n_heads, 3 * d_model + 1, n_layers, pad_id]
        b = len(cut[0]) if cut else 3
        src, tgt_in = words(draw, src_vocab, pad_id, b, s), words(draw, tgt_vocab, pad_id, b, t)
        if cut:
            src, tgt_in = with_padding(src, pad_id, cut[0]), with_padding(tgt_in, pad_id, cut[1])
        seed = draw.integer(0, 10**6)
        return Case(name, group, (seed, made, src, tgt_in), driver=driver)

    causal = "shape and causality"
    yield case("the shape of the logits", causal, shape_and_dtype, 0, (2, n_s, n_t))
    yield case("64 tokens", causal, shape_and_dtype, 0, (1, 64, 64))
    yield case("a single token", causal, shape_and_dtype, 1, (1, 1, 1))
    yield case("which target changes which logits", causal, dependence, 0, (1, n_s, n_t))
    yield case("the same with three layers", causal, dependence, 1, (3, n_t, n_s))
    lengths = ([n_s, n_s - 2, 2], [n_t - 1, n_t, 1])
    for pad_id in (0, 1, 10):
        name = f"padding is {pad_id}"
        yield case(name, "padding", beside_padding, pad_id, (2, n_s, n_t), lengths)
    short = ([n_s - 2, 1], [2, n_t - 1])
    yield case("every sentence is padded", "padding", beside_padding, 0, (1, n_s, n_t), short)
    yield case("other orders of the source", "source order", source_order, 0, (1, n_s, n_t))
    yield case("the same, longer", "source order", source_order, 1, (2, 9, n_t))
    yield case("gradients", "gradients", gradients, 0, (2, n_s, n_t), lengths)
    yield case("gradients of one layer", "gradients", gradients, 1, (1, n_s, n_t))


class OfTheCourse(nn.Module):
    """The oracle: the course's own model, with positions that are computed and not learnt."""

    def __init__(
        self,
        src_vocab: int,
        tgt_vocab: int,
        d_model: int,
        n_heads: int,
        d_ff: int,
        n_layers: int,
        pad_id: int,
    ) -> None:
        super().__init__()
        sizes = {"d_model": d_model, "n_heads": n_heads, "d_ff": d_ff, "n_layers": n_layers}
        self.whole = Transformer(Settings(src_vocab, tgt_vocab, **sizes, pad_id=pad_id))

    def forward(self, src: torch.Tensor, tgt_in: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.whole(src, tgt_in)
        return logits


SEQ2SEQ = Problem(
    signature="Seq2Seq(src_vocab, tgt_vocab, d_model, n_heads, d_ff, n_layers, pad_id)",
    forward="forward(src, tgt_in)",
    returns=("result",),
    minutes=45,
    difficulty=3,
    points={"shape and causality": 3, "padding": 2, "source order": 2, "gradients": 1},
    cases=seq2seq_cases,
    oracle=OfTheCourse,
    forbidden_modules=LIBRARY,
    misconceptions=(
        Misconception(
            "sees_the_future",
            seen="logits change with targets that come later.",
            think="what keeps the decoder from looking ahead?",
            edits={FUTURE: "None"},
        ),
        Misconception(
            "reversed_mask",
            seen="logits change with later targets, and not with earlier ones.",
            think="in a boolean mask of torch's layers, does True mean “may attend” or “may not”?",
            edits={FUTURE: "torch.ones(n, n, dtype=torch.bool).tril()"},
        ),
        Misconception(
            "one_ahead",
            seen="logits change with the next target, which is what they are asked for.",
            think="on which diagonal does the future begin?",
            edits={FUTURE: "torch.ones(n, n, dtype=torch.bool).triu(2)"},
        ),
        Misconception(
            "not_its_own_input",
            seen="logits do not change with the target that is fed at their own place.",
            think="the shifted targets are fed already. Do you shift once more?",
            edits={FED: FED.replace("tgt_in", "torch.nn.functional.pad(tgt_in, (1, -1))")},
        ),
        Misconception(
            "sees_padding",
            seen="more padding after the sources changes the logits.",
            think="who attends to source tokens? Each of them must be told what is padding.",
            edits={HIDDEN: "None"},
        ),
        Misconception(
            "padding_turned_over",
            seen="the words of the source are hidden, and its padding is looked at.",
            think="in a padding mask of torch's layers, what does True mean?",
            edits={HIDDEN: "src != self.pad_id"},
        ),
        Misconception(
            "zero_is_padding",
            seen="right where the padding is 0; another pad_id changes nothing.",
            think="where in your module does `pad_id` matter?",
            edits={HIDDEN: "src == 0"},
        ),
        Misconception(
            "source_without_positions",
            seen="the order of the source makes no difference to the logits.",
            think="what tells the encoder where a token stands?",
            edits={
                READ: READ.replace(
                    "self.placed(self.src_embedding(src))", "self.src_embedding(src)"
                )
            },
        ),
        Misconception(
            "source_is_not_used",
            seen="the logits do not depend on the source.",
            think="how does what the encoder has found reach the decoder?",
            edits={READ: READ + " * 0"},
        ),
        Misconception(
            "encoder_gets_no_gradient",
            seen="the logits are right; the parameters of the encoder get no gradient.",
            think="where does the path from the logits back to the source leave torch?",
            edits={READ: READ + ".detach()"},
        ),
        Misconception(
            "unused_parameters",
            seen="some parameters get no gradient: the logits do not depend on them.",
            think="which layers does your __init__ make that your forward never calls?",
            edits={OUTPUT: OUTPUT + "\n        self.norm = torch.nn.LayerNorm(d_model)"},
        ),
        Misconception(
            "vocabulary_of_the_source",
            seen="the last axis counts the words of the source.",
            think="in which language does the model answer?",
            edits={OUTPUT: "torch.nn.Linear(d_model, src_vocab)"},
        ),
        Misconception(
            "no_output_layer",
            seen="the last axis counts features, not words.",
            think="what turns d_model features into a number for each word?",
            edits={LOGITS: "return x"},
        ),
        Misconception(
            "probabilities",
            seen="the numbers of each place are probabilities: none is below 0, and they sum to 1.",
            think="who turns logits to probabilities in this notebook: the model, or its loss?",
            edits={LOGITS: "return self.output(x).softmax(dim=-1)"},
        ),
        Misconception(
            "only_the_last_target",
            seen="there are logits for one target of each sentence only.",
            think="in training all targets are asked at once. Which shape does the contract name?",
            edits={LOGITS: "return self.output(x[:, -1])"},
        ),
        Misconception(
            "batch_for_length",
            seen="there is an error where the number of sentences is not that of tokens.",
            think="which axis do torch's layers take for the batch, if nobody tells them?",
            edits={BATCH_FIRST: '"batch_first": False'},
        ),
        Misconception(
            "too_few_places",
            seen="long sentences raise an error: there are too few positions.",
            think="how long may a sentence be, by the contract?",
            edits={PLACES: "torch.nn.Embedding(32, d_model)"},
        ),
        Misconception(
            "dropout_in_evaluation",
            seen="the logits change from call to call, in eval() too.",
            think="torch.nn.functional.dropout does not know of eval() unless it is told.",
            edits={LOGITS: "return self.output(torch.nn.functional.dropout(x, 0.1))"},
        ),
        Misconception(
            "numbers_of_sixty_four_bits",
            seen="the logits are float64.",
            think="which line chooses a dtype? Parameters are float32 unless told otherwise.",
            edits={LOGITS: "return self.output(x).double()"},
        ),
    ),
    hints=(
        "Two embeddings, positions for both sides, a stack of encoder layers, a stack of decoder "
        "layers, and a linear layer to the words of the target. Draw it with the shape at each "
        "arrow. (Positions are tested on the source only; the training needs both.)",
        "Three masks are needed, and in torch's layers True means *hidden*: the padding of the "
        "source for the encoder, the same for the decoder's look at the source, and the future "
        "for the decoder. (Padding of the target stands at the end, where the last hides it.)",
        "nn.TransformerEncoder(nn.TransformerEncoderLayer(…, batch_first=True), n_layers, "
        "enable_nested_tensor=False), called with src_key_padding_mask; nn.TransformerDecoder, "
        "called with tgt_mask and memory_key_padding_mask. Positions may be learnt, an "
        "nn.Embedding of 64 places, or computed as in assignment 4.",
    ),
    symptoms={
        "“cannot assign module before Module.__init__() call”": "A module's __init__ begins with a "
        "call of that of nn.Module. Which line calls it?",
        "The logits are NaN": "Is there a query to which your masks leave nothing? (torch's layers "
        "do not always show that by NaN.)",
        "“The shape of the 2D attn_mask is”, “Expected key_padded_mask.shape[0]”": "Without "
        "batch_first=True torch's layers take the first axis for the tokens.",
        "index out of range in self": "An id, or a position, lies outside of an nn.Embedding. "
        "Sentences may have 64 tokens.",
        "Padding fails, all else passes": "Two layers look at the source: the encoder's "
        "self-attention and the decoder's cross-attention.",
    },
)

# translate ----------------------------------------------------------------------------------------

# What may not help a translation: what knows dates already.
DATES = (
    "course.dates",
    "datetime",
    "time.strptime",
    "calendar",
    "re",
    "regex",
    "babel",
    "dateutil",
    "dateparser",
    "pandas",
    "arrow",
    "pendulum",
)

READ_TEXTS = "padded([SOURCE.encode(text) for text in texts])"
BEGIN_ALL = "torch.full((len(texts), 1), BOS)"
TEN = 'range(len("1962-02-03"))'
NEXT = "logits[:, -1:].argmax(dim=-1)"
GROWN = f"torch.cat([out, {NEXT}], dim=1)"
SPELT = '["".join(TARGET.decode(ids)) for ids in out[:, 1:].tolist()]'


@functools.cache
def month_names() -> dict[str, int]:
    """The number of each month's name, in full and abbreviated, in the places that name months."""
    return {
        name.rstrip("."): number
        for language in ("en_US", "en_GB", "de", "fr")
        for width in ("wide", "abbreviated")
        for number, name in get_month_names(width, locale=language).items()
    }


@functools.cache
def iso_of(text: str) -> str:
    """The date that a text of course.dates says, in ISO 8601, or "" for none: no model."""
    numbers = [int(digits) for digits in re.findall(r"\d+", text)]
    if not numbers or max(numbers) < 1950:
        return ""
    year, others = max(numbers), [number for number in numbers if number < 1950]
    if len(others) == 2:  # 3.2.1962, or 1962. 2. 3.
        month, day = others if numbers[0] == year else others[::-1]
        return f"{year}-{month:02}-{day:02}"
    names = month_names()
    named = [names[word.rstrip(".,")] for word in text.split() if word.rstrip(".,") in names]
    return f"{year}-{named[0]:02}-{others[0]:02}" if named and others else ""


def reader() -> nn.Module:
    """In the place of a trained model, where nobody waits for a training: it reads dates by rule.

    The logits at each place are those of the character of the date there, whatever came before;
    after a wrong start it is one place ahead.
    """

    @functools.cache
    def date_of(ids: tuple[int, ...]) -> list[int]:
        return TARGET.encode(iso_of("".join(SOURCE.decode(i for i in ids if i != PAD))))

    class Reader(nn.Module):
        def forward(self, src: torch.Tensor, tgt_in: torch.Tensor) -> torch.Tensor:
            n, rows = tgt_in.shape[1], []
            for ids, begin in zip(src.tolist(), tgt_in[:, 0].tolist(), strict=True):
                ahead = int(begin != BOS)
                rows.append([*date_of(tuple(ids)), *[EOS] * (n + 1)][ahead : ahead + n])
            said = nn.functional.one_hot(torch.tensor(rows), len(TARGET))
            return torch.linspace(0, 1, len(TARGET)) + 9 * said

    return Reader()


STAND_IN = "\n\n".join(
    [
        "import functools\nimport re\n",
        "from babel.dates import get_month_names\nfrom torch import nn",
        source_of(month_names),
        source_of(iso_of),
        f"{source_of(reader)}\nmodel = reader()",
    ]
)


def by_a_model(answer: Callable[[list[str]], object], texts: list[str]) -> object:
    """A driver: the translations, if they are a model's.

    First, every torch module says nothing but the end. Whoever translates three texts, not all to
    the same, as well as before has not listened to a model.
    """
    from course.vocabulary import EOS

    calls = 0

    def only_the_end(module: object, args: object, output: object) -> object:
        nonlocal calls
        calls += 1
        if calls > 20_000:  # somebody waits for something else
            raise RuntimeError("a module has been called too often")
        if not isinstance(output, torch.Tensor) or not output.ndim:
            return output
        other = torch.zeros_like(output)
        other[..., EOS : EOS + 1] = 1
        return other

    handle = torch.nn.modules.module.register_module_forward_hook(only_the_end)
    try:
        deaf = answer(texts[:3])
    except Exception:
        deaf = None
    finally:
        handle.remove()
    found = answer(texts)
    if isinstance(deaf, list | tuple) and isinstance(found, list | tuple):
        first = list(deaf)
        if first == list(found[:3]) and any(each != first[0] for each in first):
            raise RuntimeError("these translations come from no model: whatever it says is ignored")
    return found


def translate_cases(draw: Draw) -> Iterator[Case]:
    """Dates of days that nobody trains on: so many for each part of the points."""
    for share, count in ((0.5, 10), (0.8, 20), (0.95, 40), (0.99, 200)):
        pairs = drawn(count, random.Random(draw.integer(0, 10**9)), "test")
        assert all(iso_of(pair.source) == pair.target for pair in pairs)
        name = f"{count} dates, {math.ceil(share * count - 1e-9)} of them to be right"
        texts = [pair.source for pair in pairs]
        yield Case(name, f"{share:.0%} right", (texts,), driver=by_a_model, share=share)


def translate_oracle(texts: list[str]) -> list[str]:
    """The dates by rule, where a module says so, since the driver asks for one that is heard."""
    heard = nn.Identity()(torch.ones(1))
    return [iso_of(text) for text in texts] if heard.any() else []


TRANSLATE = Problem(
    signature="translate(texts)",
    returns=("result",),
    minutes=30,
    difficulty=2,
    points={"50% right": 2, "80% right": 2, "95% right": 2, "99% right": 2},
    cases=translate_cases,
    oracle=translate_oracle,
    forbidden_modules=(*LIBRARY, *DATES),
    stand_in=STAND_IN,
    misconceptions=(
        Misconception(
            "keeps_the_begin",
            seen="the mark of the start stands in front of every date.",
            think="which columns of what was written are characters?",
            edits={SPELT: SPELT.replace("out[:, 1:]", "out")},
        ),
        Misconception(
            "keeps_the_end",
            seen="the mark of the end stands after every date.",
            think="what should become of the mark of the end?",
            edits={TEN: TEN.replace('len("1962-02-03")', "11")},
        ),
        Misconception(
            "one_character_short",
            seen="the last character is missing from every date.",
            think="how many characters has an ISO date? How often do you ask the model?",
            edits={TEN: TEN.replace('len("1962-02-03")', "9")},
        ),
        Misconception(
            "first_character_lost",
            seen="the first character is missing from every date.",
            think="which columns of what was written are characters?",
            edits={SPELT: SPELT.replace("out[:, 1:]", "out[:, 2:]")},
        ),
        Misconception(
            "same_character_again",
            seen="one character is repeated: you take the logits of the first place each time.",
            think="at which place of the logits stands the next character?",
            edits={NEXT: "logits[:, :1].argmax(dim=-1)"},
        ),
        Misconception(
            "one_ahead",
            seen="each date begins with its second character: the model thinks that it has begun.",
            think="which mark stands in front of every target in training?",
            edits={BEGIN_ALL: "torch.full((len(texts), 1), PAD)"},
        ),
        Misconception(
            "written_backwards",
            seen="each date is written backwards.",
            think="at which end is a new character added?",
            edits={SPELT: SPELT.replace("TARGET.decode(ids)", "TARGET.decode(ids)[::-1]")},
        ),
        Misconception(
            "least_probable",
            seen="the least probable character is taken each time.",
            think="which end of the logits do you take?",
            edits={NEXT: "logits[:, -1:].argmin(dim=-1)"},
        ),
        Misconception(
            "ids",
            seen="the result holds ids, not text.",
            think="which object knows the character of an id?",
            edits={SPELT: "out[:, 1:].tolist()"},
        ),
        Misconception(
            "lists_of_characters",
            seen="each date is a list of characters.",
            think="what makes one str of several?",
            edits={SPELT: "[TARGET.decode(ids) for ids in out[:, 1:].tolist()]"},
        ),
        Misconception(
            "spaces",
            seen="there is a space between any two characters.",
            think="with what do you join the characters?",
            edits={SPELT: SPELT.replace('"".join', '" ".join')},
        ),
        Misconception(
            "no_hyphens",
            seen="the hyphens are missing.",
            think="which characters has an ISO date?",
            edits={
                SPELT: SPELT.replace("TARGET.decode(ids))", 'TARGET.decode(ids)).replace("-", "")')
            },
        ),
        Misconception(
            "only_the_first",
            seen="one date came back, whatever the number of texts.",
            think="how many texts does the function get?",
            edits={SPELT: SPELT + "[:1]"},
        ),
        Misconception(
            "one_text",
            seen="the result is one str; the contract asks for a list of them.",
            think="how many texts does the function get?",
            edits={f"return {SPELT}": f"return {SPELT}[0]"},
        ),
        Misconception(
            "in_another_order",
            seen="the dates are in another order than the texts.",
            think="where in your code are texts or dates sorted? Who puts them back?",
            edits={f"return {SPELT}": f"return sorted({SPELT})"},
        ),
        Misconception(
            "texts_sorted_by_length",
            seen="the dates are in the order of the texts' lengths.",
            think="where in your code are texts or dates sorted? Who puts them back?",
            edits={READ_TEXTS: "padded([SOURCE.encode(text) for text in sorted(texts, key=len)])"},
        ),
        Misconception(
            "nothing_returned",
            seen="nothing is returned.",
            think="does the function end in a return?",
            edits={f"return {SPELT}": SPELT},
        ),
    ),
    hints=(
        "One text first: SOURCE.encode gives its ids; make them a batch of one, (1, n_s). Then "
        "decode as in problem 6: next_logits(prefix) is model(src, prefix[None])[0, -1]. Text by "
        "text is right, and slow: the check then takes some ten seconds.",
        "All texts at once are faster: padded(…) makes one tensor of lists of ids, the model takes "
        "(b, n) prefixes, and every ISO date has ten characters. Wrap it in torch.no_grad().",
        "out begins as a column of BOS, (b, 1). Ten times: logits = model(src, out); the argmax of "
        "the last place is a new column. At the end TARGET.decode gives the characters of each row "
        'without its first, and "".join makes them a str.',
    ),
    symptoms={
        "name 'model' is not defined": "Run the cell of the training first.",
        "“these translations come from no model”": "The dates must be read by the model that you "
        "have trained.",
        "All is well but a few dates": "Look at the loss curve: has it come to rest near its end? "
        "Is the rate that of problem 3? Delete translator.pt and train anew.",
        "Many dates are wrong, and the loss rests above 0.6": "The model learns too slowly for "
        "1,500 steps. torch's layers drop a tenth of everything unless told dropout=0.0. And "
        "positions may drown: nn.Embedding begins with numbers of size 1, which a factor √d_model "
        "makes far larger than sines.",
        "Nearly every date is wrong": "Compare a wrong one with what was asked. Does the model "
        "learn at all: does the loss fall below 0.7? Is it fed BOS in front?",
    },
)

PROBLEMS = (
    NOAM_RATE,
    INVERSE_SQRT_RATE,
    LINEAR_DECAY_RATE,
    LABEL_SMOOTHED_CROSS_ENTROPY,
    ALIGNMENT_LOSS,
    GREEDY_DECODE,
    BEAM_SEARCH,
    SEQ2SEQ,
    TRANSLATE,
)
