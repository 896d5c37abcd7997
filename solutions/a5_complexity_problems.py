"""Assignment 5: cases, misconceptions, rules and help of every problem."""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence

import torch

from autograder.problem import Case, Draw, Misconception, Problem

# What recurrent_layer builds.
RECURRENCE_OF_TORCH = (
    "RNN",
    "RNNBase",
    "RNNCell",
    "RNNCellBase",
    "rnn_tanh",
    "rnn_tanh_cell",
    "rnn_relu",
    "rnn_relu_cell",
)


def odd(draw: Draw, low: int, high: int) -> int:
    """An odd size between `low` and `high`, for even bounds."""
    return 2 * draw.integer(low // 2, high // 2 - 1) + 1


# The large sizes below are odd, so that their product has an odd factor of more than 53 bits: no
# float holds it exactly. It is above 2^63 as well: integers of 64 bits overflow. Products of all
# but one factor still fit, so that floats round once, in whatever order they are multiplied, and
# the mistake has one answer. Loops over n stay short.

# attention_operations -----------------------------------------------------------------------------

SCORES = "scores = n * n * d"
MIXING = "mixing = n * n * d"
TOTAL = "return scores + mixing"


def attention_operations_cases(draw: Draw) -> Iterator[Case]:
    """More features than tokens and fewer; one of either; a product that no float holds exactly."""
    n, d = draw.sizes(2, 5, 11)
    yield Case("the worked example", "values", (3, 4))
    yield Case("a short sentence", "values", (n, d + 20))
    yield Case("a long sentence", "values", (draw.integer(200, 900), d))
    yield Case("one token", "values", (1, n))
    yield Case("one feature", "values", (d, 1))
    yield Case("a long text", "values", (draw.integer(3_000, 9_000), 512))
    large = odd(draw, 1_500, 1_900), 2**41 + odd(draw, 2, 10**6)
    yield Case("a product that no float holds exactly", "large sizes", large)


def attention_operations_oracle(n: int, d: int) -> int:
    """What torch's own counter of floating point operations says, two of them being one of ours.

    On the meta device a tensor has a shape and no numbers, so that any size costs nothing.
    """
    from torch.utils.flop_counter import FlopCounterMode

    q, k, v = (torch.empty(n, d, device="meta") for _ in range(3))
    with FlopCounterMode(display=False) as counter:
        (q @ k.T) @ v
    return counter.get_total_flops() // 2


ATTENTION_OPERATIONS = Problem(
    signature="attention_operations(n, d)",
    returns=("result",),
    minutes=10,
    difficulty=1,
    points={"values": 2, "large sizes": 1},
    cases=attention_operations_cases,
    oracle=attention_operations_oracle,
    misconceptions=(
        Misconception(
            "one_product",
            seen="your number is half of what was to be counted.",
            think="two matrix products were named. Is the cost of each in your sum?",
            edits={TOTAL: "return scores"},
        ),
        Misconception(
            "additions_apart",
            seen="your number is twice what was to be counted: a multiplication and the addition "
            "after it seem to be two operations.",
            think="what is one operation here? (Torch's counter of FLOPs counts as you do.)",
            edits={TOTAL: "return 2 * (scores + mixing)"},
        ),
        Misconception(
            "one_addition_fewer",
            seen="multiplications and additions are counted apart, d − 1 or n − 1 additions to a "
            "sum.",
            think="what is one operation here? Which of your pairs belong together?",
            edits={TOTAL: "return n * n * (2 * d - 1) + n * d * (2 * n - 1)"},
        ),
        Misconception(
            "without_features",
            seen="your number does not depend on d: each score and each weight counts as one.",
            think="how many products does the inner product of a query and a key take?",
            edits={SCORES: "scores = n * n", MIXING: "mixing = n * n"},
        ),
        Misconception(
            "a_score_is_one_operation",
            seen="one product is right; in the other each of the n × n scores counts as one.",
            think="how many products does the inner product of a query and a key take?",
            edits={SCORES: "scores = n * n"},
        ),
        Misconception(
            "an_output_is_one_operation",
            seen="one product is there, and n · d more: each number of the output counts as one, "
            "or keys after the query are left out of both products.",
            think="of how many weighted values is one number of the output the sum? Is there a "
            "mask in this layer?",
            edits={MIXING: "mixing = n * d"},
        ),
        Misconception(
            "linear",
            seen="twice as many tokens cost twice as much by your count.",
            think="if there are twice as many queries *and* twice as many keys, how many pairs?",
            edits={SCORES: "scores = n * d", MIXING: "mixing = n * d"},
        ),
        Misconception(
            "swapped",
            seen="n and d have changed places: your number grows with the square of d.",
            think="how many scores are there, and how many products does one of them take?",
            edits={SCORES: "scores = n * d * d", MIXING: "mixing = n * d * d"},
        ),
        Misconception(
            "swapped_and_one_product",
            seen="n and d have changed places, and one of two products is missing.",
            think="how many scores are there, and what does one cost? And the second product?",
            edits={SCORES: "scores = n * d * d", TOTAL: "return scores"},
        ),
        Misconception(
            "values_of_n_features",
            seen="one product is right; the other is counted as if it joined two n × n matrices.",
            think="write the shapes of both sides of the second product below each other.",
            edits={MIXING: "mixing = n * n * n"},
        ),
        Misconception(
            "weights_of_d_by_d",
            seen="one product is right; the other is counted as if it joined an n × d matrix with "
            "a d × d one.",
            think="write the shapes of both sides of the second product below each other.",
            edits={MIXING: "mixing = n * d * d"},
        ),
        Misconception(
            "everything_squared",
            seen="twice as many features cost four times as much by your count.",
            think="is d squared in an inner product of d features?",
            edits={SCORES: "scores = (n * d) ** 2", MIXING: "mixing = (n * d) ** 2"},
        ),
        Misconception(
            "multiplied",
            seen="the costs of the two products are multiplied.",
            think="one product comes after the other. What becomes of their costs?",
            edits={TOTAL: "return scores * mixing"},
        ),
        Misconception(
            "three_products",
            seen="three products of this size are counted.",
            think="which products were named? Is there one for each of q, k and v?",
            edits={TOTAL: "return scores + 2 * mixing"},
        ),
        Misconception(
            "with_three_projections",
            seen="the making of queries, keys and values is counted as well.",
            think="which products are left out here, as in the paper's table?",
            edits={TOTAL: "return scores + mixing + 3 * n * d * d"},
        ),
        Misconception(
            "with_four_projections",
            seen="the four projections, of queries, keys, values and output, are counted as well.",
            think="which products are left out here, as in the paper's table?",
            edits={TOTAL: "return scores + mixing + 4 * n * d * d"},
        ),
        Misconception(
            "with_softmax",
            seen="your number is too large by n × n: the scale or the softmax is counted as well.",
            think="which operations are left out here?",
            edits={TOTAL: "return scores + mixing + n * n"},
        ),
        Misconception(
            "each_pair_once",
            seen="each pair of two tokens is counted once, and none with itself.",
            think="is the score of query i for key j that of query j for key i?",
            edits={TOTAL: "return n * (n - 1) * d"},
        ),
        Misconception(
            "two_results",
            seen="the result is a pair of numbers.",
            think="what is the cost of both products together?",
            edits={TOTAL: "return scores, mixing"},
        ),
        Misconception(
            "a_float",
            seen="the result is a float; a count is an int.",
            think="which number in your code has a decimal point, or comes from / or math.pow?",
            edits={TOTAL: "return 2.0 * n * n * d"},
        ),
        Misconception(
            "through_a_float",
            seen="moderate sizes are right; a large result is not exact: it went through a float.",
            think="ints in Python have as many digits as they need, floats have 16. Where is the "
            "float?",
            edits={TOTAL: "return int(2.0 * n * n * d)"},
        ),
        Misconception(
            "overflows",
            seen="moderate sizes are right; a result beyond 2^63 comes out negative, or as another "
            "number: it does not fit into 64 bits.",
            think="Python's ints have no end, those of numpy and torch have 64 bits. Which do you "
            "multiply?",
            edits={TOTAL: "return int(torch.tensor([2, n, n, d]).prod())"},
        ),
    ),
    hints=(
        "Write the shapes: (n, d) times (d, n) gives (n, n); (n, n) times (n, d) gives (n, d).",
        "One number of a matrix product is an inner product. How many multiply–adds does it take, "
        "and how many such numbers are there? Answer both questions for either product.",
        "Either product takes rows of the left × columns of the right × what they share. Add both.",
    ),
    symptoms={
        "Twice the right number": "One multiplication and the addition that follows it are one "
        "operation here.",
        "The worked example is right, all else is wrong": "Several wrong formulas give 72 for "
        "(3, 4). Count a second example by hand: n = 1 is quick, and so is d = 1.",
        "Right but for the largest sizes": "1e3, 2.0, / and math.pow make floats; *, ** and // of "
        "ints do not.",
    },
)

# recurrent_operations -----------------------------------------------------------------------------

STEP = "step = d * d + d * d"
STEPS = "return n * step"


def recurrent_operations_cases(draw: Draw) -> Iterator[Case]:
    """More features than tokens and fewer; one of either; a product that no float holds exactly."""
    n, d = draw.sizes(2, 5, 11)
    yield Case("the worked example", "values", (3, 4))
    yield Case("a short sentence", "values", (n, d + 20))
    yield Case("a long sentence", "values", (draw.integer(200, 900), d))
    yield Case("one token", "values", (1, n))
    yield Case("one feature", "values", (d, 1))
    yield Case("a long text", "values", (draw.integer(3_000, 9_000), 512))
    large = odd(draw, 1_200, 1_800), 2**26 + odd(draw, 2, 10**6)
    yield Case("a product that no float holds exactly", "large sizes", large)


def recurrent_operations_oracle(n: int, d: int) -> int:
    """What torch's counter says of the two products of one step, halved, once for each step.

    Vectors are columns of a matrix: the counter passes over a matrix times a bare vector.
    """
    from torch.utils.flop_counter import FlopCounterMode

    w_x, w_h = (torch.empty(d, d, device="meta") for _ in range(2))
    x, h = (torch.empty(d, 1, device="meta") for _ in range(2))
    with FlopCounterMode(display=False) as counter:
        w_x @ x + w_h @ h
    return sum(counter.get_total_flops() // 2 for _ in range(n))


RECURRENT_OPERATIONS = Problem(
    signature="recurrent_operations(n, d)",
    returns=("result",),
    minutes=10,
    difficulty=1,
    points={"values": 2, "large sizes": 1},
    cases=recurrent_operations_cases,
    oracle=recurrent_operations_oracle,
    misconceptions=(
        Misconception(
            "one_product",
            seen="your number is half of what was to be counted.",
            think="two products are made at each step. Is the cost of each in your sum?",
            edits={STEP: "step = d * d"},
        ),
        Misconception(
            "twice",
            seen="your number is twice what was to be counted: multiplications and additions are "
            "counted apart, or the two matrices are taken for one of 2d × 2d.",
            think="what is one operation here? And how many rows do W_x and W_h have?",
            edits={STEPS: "return 2 * n * step"},
        ),
        Misconception(
            "one_addition_fewer",
            seen="multiplications and additions are counted apart, d − 1 additions to a sum.",
            think="what is one operation here? Which of your pairs belong together?",
            edits={STEP: "step = 2 * d * (2 * d - 1)"},
        ),
        Misconception(
            "one_step",
            seen="your number does not depend on n: it is the cost of a single step.",
            think="how often does the layer take a step?",
            edits={STEPS: "return step"},
        ),
        Misconception(
            "linear_in_d",
            seen="twice as many features cost twice as much by your count.",
            think="how many entries has a (d, d) matrix, and what is done with each?",
            edits={STEP: "step = d + d"},
        ),
        Misconception(
            "one_product_linear",
            seen="of the two products, one is counted as d operations only.",
            think="how many entries has a (d, d) matrix, and what is done with each?",
            edits={STEP: "step = d * d + d"},
        ),
        Misconception(
            "swapped",
            seen="n and d have changed places: your number grows with the square of n.",
            think="how many steps are there, and what does one of them cost?",
            edits={STEPS: "return 2 * n * n * d"},
        ),
        Misconception(
            "from_the_start_each_time",
            seen="your number grows with the square of n: each step seems to begin at the start.",
            think="what does the layer keep from one step to the next, and what does that save?",
            edits={STEPS: "return n * (n + 1) // 2 * step"},
        ),
        Misconception(
            "everything_squared",
            seen="twice as many tokens cost four times as much by your count.",
            think="how many steps are there for n tokens?",
            edits={STEPS: "return n * n * step"},
        ),
        Misconception(
            "cubed",
            seen="twice as many features cost eight times as much by your count.",
            think="is the state a (d, d) matrix, or a vector of d features?",
            edits={STEP: "step = d**3 + d**3"},
        ),
        Misconception(
            "multiplied",
            seen="the costs of the two products of a step are multiplied.",
            think="the results of the two products are added. What becomes of their costs?",
            edits={STEP: "step = d * d * d * d"},
        ),
        Misconception(
            "one_step_fewer",
            seen="one step is missing: one token costs nothing by your count.",
            think="between n tokens lie n − 1 gaps. And how often is W_x x computed?",
            edits={STEPS: "return (n - 1) * step"},
        ),
        Misconception(
            "first_state_free",
            seen="one product is missing: W_h h is not counted in the first step.",
            think="what is the state before the first token, and what is done with it?",
            edits={STEPS: "return n * step - d * d"},
        ),
        Misconception(
            "with_bias",
            seen="your number is too large by n · d: the bias or the tanh is counted as well.",
            think="which operations are left out here?",
            edits={STEP: "step = d * d + d * d + d"},
        ),
        Misconception(
            "with_bias_and_tanh",
            seen="your number is too large by 2 · n · d: the bias and the tanh are counted as "
            "well.",
            think="which operations are left out here?",
            edits={STEP: "step = d * d + d * d + d + d"},
        ),
        Misconception(
            "with_output_layer",
            seen="three products are counted at each step: one of them makes an output of h.",
            think="which products were named? The states are the result of this layer.",
            edits={STEP: "step = 3 * d * d"},
        ),
        Misconception(
            "gru",
            seen="six products are counted at each step, as many as a GRU makes.",
            think="how many matrices has the plain layer that was described?",
            edits={STEP: "step = 6 * d * d"},
        ),
        Misconception(
            "lstm",
            seen="eight products are counted at each step, as many as an LSTM makes.",
            think="how many matrices has the plain layer that was described?",
            edits={STEP: "step = 8 * d * d"},
        ),
        Misconception(
            "two_results",
            seen="the result is a pair of numbers.",
            think="what is the cost of both products together?",
            edits={STEPS: "return n * d * d, n * d * d"},
        ),
        Misconception(
            "a_float",
            seen="the result is a float; a count is an int.",
            think="which number in your code has a decimal point, or comes from / or math.pow?",
            edits={STEPS: "return 2.0 * n * d * d"},
        ),
        Misconception(
            "through_a_float",
            seen="moderate sizes are right; a large result is not exact: it went through a float.",
            think="ints in Python have as many digits as they need, floats have 16. Where is the "
            "float?",
            edits={STEPS: "return int(2.0 * n * d * d)"},
        ),
        Misconception(
            "overflows",
            seen="moderate sizes are right; a result beyond 2^63 comes out negative, or as another "
            "number: it does not fit into 64 bits.",
            think="Python's ints have no end, those of numpy and torch have 64 bits. Which do you "
            "multiply?",
            edits={STEPS: "return int(torch.tensor([n, step]).prod())"},
        ),
    ),
    hints=(
        "Begin with one step, and with one of its two products: a (d, d) matrix times a vector.",
        "Each of the d² entries of a matrix is multiplied with one number, and the product is "
        "added to a sum: one operation for each entry.",
        "Two matrices for each step, and one step for each token.",
    ),
    symptoms={
        "Twice the right number": "One multiplication and the addition that follows it are one "
        "operation here.",
        "One token costs 0": "Each token is a step, the first too: h_0 is multiplied with W_h.",
        "Right but for the largest sizes": "1e3, 2.0, / and math.pow make floats; *, ** and // of "
        "ints do not.",
    },
)

# crossover_length ---------------------------------------------------------------------------------

LENGTH = "return d"


def crossover_length_cases(draw: Draw) -> Iterator[Case]:
    """Narrow layers and wide. Searching from n = 1 upwards stays quick."""
    odd_d, square = odd(draw, 20, 60), draw.integer(6, 12) ** 2
    yield Case("the worked example", "values", (4,))
    yield Case("an odd number of features", "values", (odd_d,))
    yield Case("a square number", "values", (square,))
    yield Case("one feature", "values", (1,))
    yield Case("a wide layer", "values", (draw.integer(700, 2_000),))


def crossover_length_oracle(d: int) -> int:
    """Bisection on which of the two counts is larger."""
    low, high = 1, 10 * d + 10
    while low < high:
        n = (low + high) // 2
        dearer = attention_operations_oracle(n, d) >= 2 * n * d * d
        low, high = (low, n) if dearer else (n + 1, high)
    return low


CROSSOVER_LENGTH = Problem(
    signature="crossover_length(d)",
    returns=("result",),
    minutes=10,
    difficulty=1,
    points={"values": 2},
    cases=crossover_length_cases,
    oracle=crossover_length_oracle,
    misconceptions=(
        Misconception(
            "first_dearer",
            seen="at your length attention already costs more: it is one too long.",
            think="“equal” lies before “more”. Does your search stop too late?",
            edits={LENGTH: "return d + 1"},
        ),
        Misconception(
            "last_cheaper",
            seen="at your length attention still costs less: it is one too short.",
            think="“equal” comes after “less”. Does your search, or a range, stop too early?",
            edits={LENGTH: "return d - 1"},
        ),
        Misconception(
            "twice",
            seen="at your length attention costs twice as much as recurrence.",
            think="put your length into both counts. Does one of them lack a product?",
            edits={LENGTH: "return 2 * d"},
        ),
        Misconception(
            "half",
            seen="at your length attention costs half as much as recurrence, or a little less.",
            think="put your length into both counts. Does one of them lack a product?",
            edits={LENGTH: "return d // 2"},
        ),
        Misconception(
            "four_times",
            seen="at your length attention costs four times as much as recurrence.",
            think="put your length into both counts. Are the same operations counted in each?",
            edits={LENGTH: "return 4 * d"},
        ),
        Misconception(
            "square",
            seen="your length grows with the square of d; there attention costs far more.",
            think="solve the equation again. In which of the two counts does d stand squared?",
            edits={LENGTH: "return d * d"},
        ),
        Misconception(
            "root",
            seen="your length grows with the root of d; there attention costs far less.",
            think="solve the equation again. How often does n stand in the cost of recurrence?",
            edits={LENGTH: "return math.isqrt(d)"},
        ),
        Misconception(
            "nothing_to_read",
            seen="your answer is 0: there both costs are 0 indeed.",
            think="that is one of two solutions. Which division by n lost you the other?",
            edits={LENGTH: "return 0"},
        ),
        Misconception(
            "negative",
            seen="your length is negative.",
            think="which term has the wrong side of your equation? Are projections counted?",
            edits={LENGTH: "return -d"},
        ),
        Misconception(
            "the_cost",
            seen="your number is the cost at the crossover, not the length.",
            think="the equation has n as its unknown. What did you return?",
            edits={LENGTH: "return 2 * d**3"},
        ),
        Misconception(
            "always_512",
            seen="your answer is 512 for every d.",
            think="the paper's base model has 512 features. And a layer of d features?",
            edits={LENGTH: "return 512"},
        ),
        Misconception(
            "always_one",
            seen="your answer is 1 for every d.",
            think="what have you divided by what?",
            edits={LENGTH: "return 1"},
        ),
        Misconception(
            "two_solutions",
            seen="the result is a pair of lengths.",
            think="of the two solutions, which is the length of a sentence?",
            edits={LENGTH: "return 0, d"},
        ),
        Misconception(
            "a_float",
            seen="the number is right, but it is a float; the contract asks for an int.",
            think="/ gives a float, even where nothing is left over.",
            edits={LENGTH: "return d * d / d"},
        ),
    ),
    hints=(
        "Write both costs below each other, as formulas in n and d. You have them from problems 1 "
        "and 2.",
        "Set them equal and divide both sides by whatever they share.",
        "n and d are positive, so that you may divide by each. What is left on either side?",
    ),
    symptoms={
        "My search never ends": "It may step over the equality, or wait for a float to be equal. "
        "Print both costs as n grows.",
        "My number is right, but of the wrong type": "int(…) or // in the place of /.",
    },
)

# sequential_operations ----------------------------------------------------------------------------

ATTENDING = '"self-attention": 1'
RECURRING = '"recurrent": n'
SLIDING = '"convolution": 1'
UNKNOWN = "layer not in steps"
CHOSEN = "return steps[layer]"


def sequential_operations_cases(draw: Draw) -> Iterator[Case]:
    """Every layer at short and long; a single token; names that are none of the three."""
    few, more, many = draw.integer(5, 9), draw.integer(11, 40), draw.integer(200, 600)
    yield Case("the worked example", "the three layers", ("recurrent", 5))
    for layer in ("self-attention", "recurrent", "convolution"):
        yield Case(f"{layer}, a few tokens", "the three layers", (layer, few))
        yield Case(f"{layer}, many tokens", "the three layers", (layer, many))
        yield Case(f"{layer}, a single token", "the three layers", (layer, 1))
    yield Case("an unknown layer", "other names", ("pooling", more))
    # The fourth row of the paper's table, which is not among the three.
    restricted = "self-attention (restricted)"
    yield Case("a name that begins alike", "other names", (restricted, more))
    yield Case("no name at all", "other names", ("", more))
    yield Case("beside them, recurrence", "other names", ("recurrent", more))
    yield Case("beside them, attention", "other names", ("self-attention", more))


def sequential_operations_oracle(layer: str, n: int) -> int:
    """Steps until all tokens are done, if a step does everything whose inputs are there.

    A token needs the states that `needs` says; all else needs only the layer's input.
    """
    if layer not in {"self-attention", "recurrent", "convolution"}:
        raise ValueError(layer)
    needs = {t: {t - 1} & set(range(n)) if layer == "recurrent" else set() for t in range(n)}
    ready: list[int] = []
    for t in range(n):
        ready.append(1 + max((ready[before] for before in needs[t]), default=0))
    return max(ready)


SEQUENTIAL_OPERATIONS = Problem(
    signature="sequential_operations(layer, n)",
    returns=("result",),
    minutes=10,
    difficulty=1,
    points={"the three layers": 2, "other names": 1},
    cases=sequential_operations_cases,
    oracle=sequential_operations_oracle,
    misconceptions=(
        Misconception(
            "swapped",
            seen="self-attention has n steps and recurrence one: the two have changed places.",
            think="which of the two must wait for its own result at the token before?",
            edits={ATTENDING: '"self-attention": n', RECURRING: '"recurrent": 1'},
        ),
        Misconception(
            "attention_one_query_at_a_time",
            seen="self-attention has as many steps as tokens.",
            think="does the second query need the output of the first, or could both go at once?",
            edits={ATTENDING: '"self-attention": n'},
        ),
        Misconception(
            "attention_one_score_at_a_time",
            seen="self-attention has as many steps as scores: operations are counted, not steps.",
            think="which score must wait for another score?",
            edits={ATTENDING: '"self-attention": n * n'},
        ),
        Misconception(
            "attention_two_products",
            seen="self-attention has two steps.",
            think="what is left to do for a token once all that it waits for is there: one step.",
            edits={ATTENDING: '"self-attention": 2'},
        ),
        Misconception(
            "attention_without_steps",
            seen="self-attention has no step.",
            think="can a result be there before anything was computed?",
            edits={ATTENDING: '"self-attention": 0'},
        ),
        Misconception(
            "one_step_fewer",
            seen="recurrence has one step too few: a single token takes none.",
            think="the first state is made from h_0 and the first token. Is that no step?",
            edits={RECURRING: '"recurrent": n - 1'},
        ),
        Misconception(
            "recurrence_at_once",
            seen="recurrence has a single step, like the others.",
            think="what must be there before the last state can be computed?",
            edits={RECURRING: '"recurrent": 1'},
        ),
        Misconception(
            "recurrence_two_products",
            seen="recurrence has two steps for each token.",
            think="what is left to do for a token once all that it waits for is there: one step.",
            edits={RECURRING: '"recurrent": 2 * n'},
        ),
        Misconception(
            "recurrence_squared",
            seen="recurrence has as many steps as pairs of tokens.",
            think="does the layer begin at the first token again for each state?",
            edits={RECURRING: '"recurrent": n * n'},
        ),
        Misconception(
            "convolution_slides",
            seen="a convolution has as many steps as tokens.",
            think="the kernel is drawn as if it slid along. Does one place need another's result?",
            edits={SLIDING: '"convolution": n'},
        ),
        Misconception(
            "convolution_in_layers",
            seen="a convolution has more steps the longer the sentence: layers are counted.",
            think="how many layers are asked about here: one, or as many as join the far ends?",
            edits={SLIDING: '"convolution": max(1, math.ceil(math.log2(n)))'},
        ),
        Misconception(
            "none_at_once",
            seen="every layer has as many steps as tokens.",
            think="in which layers does a token wait for the result of the token before?",
            edits={ATTENDING: '"self-attention": n', SLIDING: '"convolution": n'},
        ),
        Misconception(
            "no_convolution",
            seen="a convolution is refused.",
            think="which three names does the contract give?",
            edits={SLIDING: '"convolutional": 1'},
        ),
        Misconception(
            "nothing_for_other_names",
            seen="for a layer of another name the result is None, without an error.",
            think="which line of your code runs for a name that you do not know?",
            edits={UNKNOWN: "False", CHOSEN: "return steps.get(layer)"},
        ),
        Misconception(
            "one_for_other_names",
            seen="a layer of another name is taken for one of those with a single step.",
            think="which line of your code runs for a name that you do not know?",
            edits={UNKNOWN: "False", CHOSEN: "return steps.get(layer, 1)"},
        ),
        Misconception(
            "n_for_other_names",
            seen="a layer of another name is taken for a recurrent one.",
            think="which line of your code runs for a name that you do not know?",
            edits={UNKNOWN: "False", CHOSEN: "return steps.get(layer, n)"},
        ),
        Misconception(
            "key_error",
            seen="a layer of another name raises a KeyError, not a ValueError.",
            think="a dict raises by itself, but which error does the contract name?",
            edits={UNKNOWN: "False"},
        ),
        Misconception(
            "assertion",
            seen="a layer of another name raises an AssertionError, not a ValueError.",
            think="assert is for what cannot happen. Which error does the contract name?",
            edits={"raise ValueError": "raise AssertionError"},
        ),
        Misconception(
            "error_not_raised",
            seen="for a layer of another name an error is made and handed back, but not raised.",
            think="what stops a function: return, or raise?",
            edits={"raise ValueError": "return ValueError"},
        ),
        Misconception(
            "begins_alike",
            seen="a longer name that holds “self-attention” is taken for self-attention.",
            think="are two strings equal if one is a part of the other?",
            edits={UNKNOWN: "(layer := layer[:14]) not in steps"},
        ),
        Misconception(
            "letters",
            seen="the result is a text: the order of growth, not a number.",
            think="the contract asks for an int: how many steps for just this n?",
            edits={
                ATTENDING: '"self-attention": "O(1)"',
                RECURRING: '"recurrent": "O(n)"',
                SLIDING: '"convolution": "O(1)"',
            },
        ),
        Misconception(
            "a_float",
            seen="the numbers are right, but they are floats; a count is an int.",
            think="which number in your code has a decimal point?",
            edits={CHOSEN: "return float(steps[layer])"},
        ),
    ),
    hints=(
        "Imagine as many processors as you like. What can be started at once, and what must wait?",
        "A state of a recurrent layer needs the state before it. What does the output of "
        "self-attention at one place need, and what that of a convolution?",
        "Two of the three never wait, however long the sentence. The third waits at every token.",
    ),
    symptoms={
        "KeyError: 'pooling'": "A dict has no entry for other names. Look before you take, and "
        "raise a ValueError.",
        "I count matrix products and get 2": "What is left to do for a token, once all that it "
        "waits for is there, is a single step here: only waiting for another token counts.",
    },
)

# longest_path -------------------------------------------------------------------------------------

ATTENTION_PATH = "        return 1\n"
RECURRENT_PATH = "return n - 1"
OTHER_LAYER = 'layer != "convolution"'
WITHOUT_KERNEL = "kernel_size is None"
LAYERS = "return -(-(n - 1) // (kernel_size - 1))"


def longest_path_cases(draw: Draw) -> Iterator[Case]:
    """Every layer; layers that just reach and just do not; what must be refused."""
    few, many = draw.integer(6, 12), draw.integer(2_000, 9_000)
    k, m, k_2 = draw.integer(4, 6), draw.integer(3, 6), draw.integer(7, 9)
    plain = "attention and recurrence"
    for layer in ("self-attention", "recurrent"):
        yield Case(f"{layer}, a few positions", plain, (layer, few))
        yield Case(f"{layer}, many positions", plain, (layer, many))
        yield Case(f"{layer}, two positions", plain, (layer, 2))
        yield Case(f"{layer}, a kernel size beside it", plain, (layer, few + 1, k))
    name = "convolution"
    yield Case("the worked example", name, (name, 8, 3))
    yield Case("layers that just reach", name, (name, m * (k - 1) + 1, k))
    yield Case("one position more", name, (name, m * (k - 1) + 2, k))
    yield Case("one position fewer", name, (name, m * (k_2 - 1), k_2))
    yield Case("as many kernels as fit", name, (name, m * k, k))
    yield Case("one position more than kernels fit", name, (name, m * k_2 + 1, k_2))
    yield Case("a kernel of two", name, (name, draw.integer(9, 20), 2))
    yield Case("a kernel as long as the sentence", name, (name, few, few))
    yield Case("a kernel longer than the sentence", name, (name, few, few + 3))
    yield Case("two positions", name, (name, 2, k))
    yield Case("many positions", name, (name, many, k))
    refused = "what is refused"
    yield Case("a convolution without its kernel size", refused, (name, few))
    yield Case("the same, with None", refused, (name, few, None))
    yield Case("an unknown layer", refused, ("pooling", few))
    yield Case("an unknown layer with a kernel size", refused, ("pooling", few, k))
    yield Case("beside them, a convolution", refused, (name, m * (k_2 - 1) + 1, k_2))
    yield Case("beside them, recurrence", refused, ("recurrent", few))


def longest_path_oracle(layer: str, n: int, kernel_size: int | None = None) -> int:
    """Walk back from the last position, layer by layer, as far as each layer sees."""
    if layer == "convolution" and kernel_size is not None:
        sees = kernel_size - 1
    elif layer in ("self-attention", "recurrent"):
        sees = n if layer == "self-attention" else 1
    else:
        raise ValueError(layer)
    place, steps = n - 1, 0
    while place > 0:
        place, steps = place - sees, steps + 1
    return steps


LONGEST_PATH = Problem(
    signature="longest_path(layer, n, kernel_size=None)",
    returns=("result",),
    minutes=25,
    difficulty=2,
    points={"attention and recurrence": 1, "convolution": 2, "what is refused": 1},
    cases=longest_path_cases,
    oracle=longest_path_oracle,
    misconceptions=(
        Misconception(
            "attention_zero",
            seen="in self-attention you count no step between two positions.",
            think="the output at one position sees the input at another. Is that no step?",
            edits={ATTENTION_PATH: "        return 0\n"},
        ),
        Misconception(
            "attention_walks",
            seen="in self-attention you count a step for each position between.",
            think="must what the last word learns of the first pass through the words between?",
            edits={ATTENTION_PATH: "        return n - 1\n"},
        ),
        Misconception(
            "recurrent_n",
            seen="the recurrent path is one step too long.",
            think="with two positions, how many steps lead from the first to the second?",
            edits={RECURRENT_PATH: "return n"},
        ),
        Misconception(
            "recurrent_one",
            seen="in a recurrent layer you count one step, whatever the distance.",
            think="through which states must the first word pass to be seen at the last?",
            edits={RECURRENT_PATH: "return 1"},
        ),
        Misconception(
            "swapped",
            seen="self-attention and recurrence have changed places.",
            think="which of the two has a direct connection between any two positions?",
            body="""
def longest_path(layer, n, kernel_size=None):
    if layer == "convolution" and kernel_size:
        return -(-(n - 1) // (kernel_size - 1))
    paths = {"self-attention": n - 1, "recurrent": 1}
    if layer not in paths:
        raise ValueError(layer)
    return paths[layer]
""",
        ),
        Misconception(
            "rounded_down",
            seen="where the last layer is needed only in part, it is not counted.",
            think="with your number of layers, how far back does the last output see?",
            edits={LAYERS: "return (n - 1) // (kernel_size - 1)"},
        ),
        Misconception(
            "always_one_more",
            seen="where whole layers just reach, one too many is counted.",
            think="how far apart are the first and the last of two positions? And if you add 1 "
            "after //: what if nothing is left over?",
            edits={LAYERS: "return (n - 1) // (kernel_size - 1) + 1"},
        ),
        Misconception(
            "to_the_nearest",
            seen="where less than half of the last layer is needed, it is not counted.",
            think="with your number of layers, how far back does the last output see?",
            edits={LAYERS: "return round((n - 1) / (kernel_size - 1))"},
        ),
        Misconception(
            "kernels_side_by_side",
            seen="your number is that of kernels laid side by side over n positions.",
            think="each output sees itself too. How far *back* does a layer of size k see?",
            edits={LAYERS: "return -(-n // kernel_size)"},
        ),
        Misconception(
            "kernel_size_not_reduced",
            seen="by your count a layer of size k sees k positions back.",
            think="each output sees itself too. How many *other* positions does it see?",
            edits={LAYERS: "return -(-(n - 1) // kernel_size)"},
        ),
        Misconception(
            "kernels_that_fit",
            seen="your number is n divided by k, rounded down.",
            think="how far back does one layer see, and what if the last one is needed in part?",
            edits={LAYERS: "return n // kernel_size"},
        ),
        Misconception(
            "dilated",
            seen="your number grows with the logarithm of n, as if kernels had growing gaps.",
            think="the paper's log_k(n) holds for dilated kernels. How far does each layer here "
            "add?",
            edits={LAYERS: "return math.ceil(math.log(n) / math.log(kernel_size))"},
        ),
        Misconception(
            "centred",
            seen="by your count an output sees half of its kernel back, as if it stood in the "
            "middle.",
            think="a causal kernel looks only back. Where in it does the output itself stand?",
            edits={LAYERS: "return -(-2 * (n - 1) // (kernel_size - 1))"},
        ),
        Misconception(
            "half_of_the_kernel",
            seen="by your count each layer reaches k // 2 positions back, as if an output stood in "
            "the middle of its kernel.",
            think="a causal kernel looks only back. Where in it does the output itself stand?",
            edits={LAYERS: "return -(-(n - 1) // (kernel_size // 2))"},
        ),
        Misconception(
            "convolution_in_one",
            seen="by your count one layer of any kernel joins both ends.",
            think="with a kernel of 3, which positions does the last output of one layer see?",
            edits={LAYERS: "return 1"},
        ),
        Misconception(
            "convolution_as_recurrence",
            seen="by your count each layer reaches one position further back, whatever its kernel.",
            think="where in your code does the kernel size matter?",
            edits={LAYERS: "return n - 1"},
        ),
        Misconception(
            "without_overlap",
            seen="your number is what is left when one kernel is laid over n positions.",
            think="each further layer adds to what is seen. How much, and how often?",
            edits={LAYERS: "return max(1, n - kernel_size + 1)"},
        ),
        Misconception(
            "no_word_on_the_kernel",
            seen="a convolution without its kernel size ends in a TypeError, not a ValueError.",
            think="None − 1 raises by itself, but which error does the contract name?",
            edits={WITHOUT_KERNEL: "False"},
        ),
        Misconception(
            "kernel_of_three_by_default",
            seen="a convolution without its kernel size is given one.",
            think="what does the contract ask for where the size is missing?",
            edits={WITHOUT_KERNEL: "(kernel_size := kernel_size or 3) is None"},
        ),
        Misconception(
            "kernel_of_two_by_default",
            seen="a convolution without its kernel size is taken for one of size 2.",
            think="what does the contract ask for where the size is missing?",
            edits={WITHOUT_KERNEL: "(kernel_size := kernel_size or 2) is None"},
        ),
        Misconception(
            "kernel_for_all",
            seen="self-attention and recurrence are refused without a kernel size.",
            think="for which of the three layers does the kernel size matter?",
            body="""
def longest_path(layer, n, kernel_size=None):
    if kernel_size is None or layer not in ("self-attention", "recurrent", "convolution"):
        raise ValueError(layer)
    if layer == "convolution":
        return -(-(n - 1) // (kernel_size - 1))
    return 1 if layer == "self-attention" else n - 1
""",
        ),
        Misconception(
            "others_are_convolutions",
            seen="an unknown layer with a kernel size is taken for a convolution.",
            think="what does your last else mean: a convolution, or anything else?",
            edits={OTHER_LAYER: "False"},
        ),
        Misconception(
            "none_for_others",
            seen="for an unknown layer the result is None, without an error.",
            think="which line of your code runs for a name that you do not know?",
            body="""
def longest_path(layer, n, kernel_size=None):
    if layer == "convolution":
        if kernel_size is None:
            raise ValueError
        return -(-(n - 1) // (kernel_size - 1))
    return {"self-attention": 1, "recurrent": n - 1}.get(layer)
""",
        ),
        Misconception(
            "other_error",
            seen="an unknown layer, or a missing kernel size, raises another error than a "
            "ValueError.",
            think="which error does the contract name?",
            body="""
def longest_path(layer, n, kernel_size=None):
    assert layer in ("self-attention", "recurrent", "convolution")
    assert layer != "convolution" or kernel_size is not None
    if layer == "convolution":
        return -(-(n - 1) // (kernel_size - 1))
    return 1 if layer == "self-attention" else n - 1
""",
        ),
        Misconception(
            "a_float",
            seen="the numbers are right, but those of convolutions are floats.",
            think="math.ceil gives an int, torch.ceil and numpy.ceil do not. Where is your float?",
            edits={LAYERS: "return float(-(-(n - 1) // (kernel_size - 1)))"},
        ),
        Misconception(
            "a_fraction",
            seen="a number of layers may be a fraction by your count.",
            think="can a part of a layer be stacked?",
            edits={LAYERS: "return (n - 1) / (kernel_size - 1)"},
        ),
    ),
    hints=(
        "Draw eight positions and, above them, layers in which each output is joined to itself and "
        "to the two before it. Follow the last output down and to the left.",
        "The two ends lie n − 1 apart. How far does one layer of size k bring you, if one of its k "
        "places is the output's own?",
        "Divide the one by the other and round up: a layer that is needed in part is needed. "
        "math.ceil does it, or -(-a // b) for ints.",
    ),
    symptoms={
        "The worked example gives 3": "Did you count kernels side by side, or round down? Look how "
        "far the last output sees after three layers.",
        "unsupported operand type(s) for -: 'NoneType' and 'int'": "The kernel size is missing. "
        "Ask whether it is None before you calculate with it.",
        "Right for most, one too many for some": "Try a sentence that is reached exactly, such as "
        "n = 7 with k = 3.",
    },
)

# attention_memory ---------------------------------------------------------------------------------

BYTES = "return batch * n_heads * n * n * bytes_per_element"


def attention_memory_cases(draw: Draw) -> Iterator[Case]:
    """Elements of 1 to 8 bytes; one head, one sentence, one token; a product no float holds."""
    batch, n_heads, n = 3, draw.integer(5, 7), draw.integer(9, 30)
    yield Case("the worked example", "values", (2, 3, 4, 2))
    yield Case("float32", "values", (batch, n_heads, n, 4))
    yield Case("float64", "values", (batch, n_heads + 5, n + 1, 8))
    yield Case("float16", "values", (n_heads, batch, n + 2, 2))
    yield Case("a byte each", "values", (n_heads, n_heads + 4, n, 1))
    yield Case("one sentence, one head", "values", (1, 1, n, 4))
    yield Case("one token", "values", (batch, n_heads, 1, 8))
    yield Case("a long text", "values", (32, 16, draw.integer(3_000, 9_000), 2))
    large = (odd(draw, 900, 1_000), odd(draw, 1_500, 2_000), 2**20 + odd(draw, 2, 10**4), 8)
    yield Case("a product that no float holds exactly", "large sizes", large)


ATTENTION_MEMORY = Problem(
    signature="attention_memory(batch, n_heads, n, bytes_per_element)",
    returns=("result",),
    minutes=10,
    difficulty=1,
    points={"values": 2, "large sizes": 1},
    cases=attention_memory_cases,
    # A tensor on the meta device knows how many numbers it would hold.
    oracle=lambda batch, n_heads, n, bytes_per_element: (
        torch.empty(batch, n_heads, n, n, device="meta", dtype=torch.uint8).numel()
        * bytes_per_element
    ),
    misconceptions=(
        Misconception(
            "one_sentence",
            seen="your number does not depend on the batch.",
            think="do two sentences of a batch share their weights?",
            edits={BYTES: "return n_heads * n * n * bytes_per_element"},
        ),
        Misconception(
            "one_head",
            seen="your number does not depend on the number of heads.",
            think="do the heads of a layer share their weights? What is the shape of them all?",
            edits={BYTES: "return batch * n * n * bytes_per_element"},
        ),
        Misconception(
            "one_map",
            seen="your number is the size of a single map, whatever the batch and the heads.",
            think="how many maps does a layer make of a batch of sentences?",
            edits={BYTES: "return n * n * bytes_per_element"},
        ),
        Misconception(
            "shared_among_heads",
            seen="by your count, more heads need less memory.",
            think="heads share the features among them. Do they share the pairs of tokens, too?",
            edits={BYTES: "return batch * n * n * bytes_per_element // n_heads"},
        ),
        Misconception(
            "one_row",
            seen="twice as many tokens need twice the memory by your count.",
            think="how many weights has one query, and how many queries are there?",
            edits={BYTES: "return batch * n_heads * n * bytes_per_element"},
        ),
        Misconception(
            "cubed",
            seen="twice as many tokens need eight times the memory by your count.",
            think="which shape have the weights? How often does n stand in it?",
            edits={BYTES: "return batch * n_heads * n**3 * bytes_per_element"},
        ),
        Misconception(
            "numbers_not_bytes",
            seen="your number is that of the weights, not of their bytes.",
            think="where in your code does bytes_per_element matter?",
            edits={BYTES: "return batch * n_heads * n * n"},
        ),
        Misconception(
            "always_float32",
            seen="four bytes are counted for each weight, whatever its size is said to be.",
            think="where in your code does bytes_per_element matter?",
            edits={BYTES: "return batch * n_heads * n * n * 4"},
        ),
        Misconception(
            "bits",
            seen="your number is eight times too large: it counts bits.",
            think="the contract asks for bytes.",
            edits={BYTES: "return batch * n_heads * n * n * bytes_per_element * 8"},
        ),
        Misconception(
            "scores_too",
            seen="your number is twice too large: the scores, or gradients, are counted as well.",
            think="what is to be counted: all that a layer keeps, or the weights alone?",
            edits={BYTES: "return 2 * batch * n_heads * n * n * bytes_per_element"},
        ),
        Misconception(
            "queries_keys_values",
            seen="your number is three times too large.",
            think="q, k and v have no n × n numbers. What is to be counted?",
            edits={BYTES: "return 3 * batch * n_heads * n * n * bytes_per_element"},
        ),
        Misconception(
            "no_later_keys",
            seen="only weights on keys that do not stand after the query are counted.",
            think="is a weight of 0 stored in fewer bytes than another?",
            edits={BYTES: "return batch * n_heads * (n * (n + 1) // 2) * bytes_per_element"},
        ),
        Misconception(
            "without_the_diagonal",
            seen="weights of a token on itself are not counted.",
            think="does a token attend to itself? Is its weight stored?",
            edits={BYTES: "return batch * n_heads * n * (n - 1) * bytes_per_element"},
        ),
        Misconception(
            "added",
            seen="batch and heads are added.",
            think="how many maps have 2 sentences with 3 heads each?",
            edits={BYTES: "return (batch + n_heads) * n * n * bytes_per_element"},
        ),
        Misconception(
            "pairs_of_heads",
            seen="your number grows with the square of the number of heads.",
            think="does a head attend to another head?",
            edits={BYTES: "return batch * n_heads**2 * n * n * bytes_per_element"},
        ),
        Misconception(
            "pairs_across_the_batch",
            seen="your number grows with the square of the batch.",
            think="does a token attend to tokens of another sentence?",
            edits={BYTES: "return n_heads * (batch * n) ** 2 * bytes_per_element"},
        ),
        Misconception(
            "kilobytes",
            seen="your number is in kilobytes (1,024 bytes).",
            think="the contract asks for bytes.",
            edits={BYTES: "return batch * n_heads * n * n * bytes_per_element / 1024"},
        ),
        Misconception(
            "megabytes",
            seen="your number is in megabytes (1,024 times 1,024 bytes).",
            think="the contract asks for bytes.",
            edits={BYTES: "return batch * n_heads * n * n * bytes_per_element / 1024**2"},
        ),
        Misconception(
            "a_float",
            seen="the result is a float; a number of bytes is an int.",
            think="which number in your code has a decimal point, or comes from / or math.pow?",
            edits={BYTES: "return 1.0 * batch * n_heads * n * n * bytes_per_element"},
        ),
        Misconception(
            "through_a_float",
            seen="moderate sizes are right; a large result is not exact: it went through a float.",
            think="ints in Python have as many digits as they need, floats have 16. Where is the "
            "float?",
            edits={BYTES: "return int(1.0 * batch * n_heads * n * n * bytes_per_element)"},
        ),
        Misconception(
            "overflows",
            seen="moderate sizes are right; a result beyond 2^63 comes out negative, or as another "
            "number: it does not fit into 64 bits.",
            think="Python's ints have no end, those of numpy and torch have 64 bits. Which do you "
            "multiply?",
            edits={
                BYTES: "return int(torch.tensor([batch, n_heads, n, n, bytes_per_element]).prod())"
            },
        ),
    ),
    hints=(
        "Write down the shape of the weights of multi-head attention on a batch.",
        "Every sentence has its own weights in every head, and there is one for each pair of "
        "query and key.",
        "Multiply the four sizes of (batch, n_heads, n, n), and by the bytes of one number.",
    ),
    symptoms={
        "Right for one head only": "Do the heads look at the same pairs with the same weights?",
        "Right but for the largest sizes": "1e3, 2.0, / and math.pow make floats; *, ** and // of "
        "ints do not.",
    },
)

# recurrent_layer ----------------------------------------------------------------------------------

START = "h, states = h0, []"
TOKENS = "for x_t in x:"
UPDATE = "h = torch.tanh(x_t @ w_x + h @ w_h + b)"
KEEP = "states.append(h)"
STACKED = "return torch.stack(states)"

Weights = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def drawn_layer(
    draw: Draw, n: int, d_in: int, d: int, scale: float = 1.0, dtype: torch.dtype = torch.float32
) -> Weights:
    """x, w_x, w_h, b, h0. The state neither fades at once nor saturates, nor runs into chaos."""
    return (
        draw.normal(n, d_in, scale=scale, dtype=dtype),
        draw.normal(d_in, d, scale=0.8, dtype=dtype),
        draw.normal(d, d, scale=0.8 / d**0.5, dtype=dtype),
        draw.normal(d, scale=0.7, dtype=dtype),
        draw.normal(d, scale=0.7, dtype=dtype),
    )


def recurrent_layer_cases(draw: Draw) -> Iterator[Case]:
    """All sizes different, all the same, and each of them 1; long; saturated; float64, gradients.

    Where all sizes are the same no wrong product is stopped by its shape.
    """
    n, d_in, d = draw.sizes(3, 3, 8)
    x = torch.tensor([[1.0], [0.0], [0.0]])
    w_x, w_h = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.5, 0.0]])
    example = x, w_x, w_h, torch.zeros(2), torch.tensor([0.0, 1.0])
    yield Case("the worked example", "values", example)
    yield Case("several tokens", "values", drawn_layer(draw, n, d_in, d))
    yield Case("more features than tokens", "values", drawn_layer(draw, 3, d_in + 6, d + 4))
    yield Case("all sizes the same", "values", drawn_layer(draw, d, d, d))
    yield Case("one token", "values", drawn_layer(draw, 1, d_in, d))
    yield Case("one feature in", "values", drawn_layer(draw, n, 1, d))
    yield Case("one feature in the state", "values", drawn_layer(draw, n, d_in, 1))
    yield Case("many tokens", "values", drawn_layer(draw, draw.integer(40, 60), d_in, d))
    yield Case("large inputs", "values", drawn_layer(draw, n, d_in, d, scale=4))
    double = drawn_layer(draw, n, d_in, d, dtype=torch.float64)
    group = "float64 and gradient"
    yield Case("float64", group, double)
    yield Case("gradient", group, drawn_layer(draw, n, d_in, d), gradient=True)
    yield Case("gradient, all sizes the same", group, drawn_layer(draw, d, d, d), gradient=True)
    yield Case("gradient, one token", group, drawn_layer(draw, 1, d_in, d), gradient=True)
    double = drawn_layer(draw, d, n, d_in, dtype=torch.float64)
    yield Case("gradient in float64", group, double, gradient=True)


def recurrent_layer_oracle(
    x: torch.Tensor, w_x: torch.Tensor, w_h: torch.Tensor, b: torch.Tensor, h0: torch.Tensor
) -> torch.Tensor:
    """torch's own layer, which keeps its matrices transposed and has two biases."""
    layer = torch.nn.RNN(*w_x.shape, dtype=x.dtype)
    weights = {
        "weight_ih_l0": w_x.T,
        "weight_hh_l0": w_h.T,
        "bias_ih_l0": b,
        "bias_hh_l0": torch.zeros_like(b),
    }
    out, _ = torch.func.functional_call(layer, weights, (x, h0[None]))
    return out


RECURRENT_LAYER = Problem(
    signature="recurrent_layer(x, w_x, w_h, b, h0)",
    returns=("result",),
    minutes=25,
    difficulty=2,
    points={"values": 3, "float64 and gradient": 2},
    cases=recurrent_layer_cases,
    oracle=recurrent_layer_oracle,
    forbidden=RECURRENCE_OF_TORCH,
    misconceptions=(
        Misconception(
            "w_h_transposed",
            seen="the states are those of a layer with w_h transposed.",
            think="h is a row in h w_h. On which side of the matrix does it stand in your code?",
            edits={UPDATE: "h = torch.tanh(x_t @ w_x + w_h @ h + b)"},
        ),
        Misconception(
            "w_x_transposed",
            seen="where d_in and d differ the shapes do not fit; where they agree, the states are "
            "those of a layer with w_x transposed.",
            think="x_t is a row in x_t w_x. On which side of the matrix does it stand in your "
            "code?",
            edits={UPDATE: "h = torch.tanh(x_t @ w_x.T + h @ w_h + b)"},
        ),
        Misconception(
            "both_transposed",
            seen="both matrices are used as if transposed; where d_in and d differ the shapes do "
            "not fit.",
            think="functional.linear(x, w) multiplies by w transposed. How is w_x laid out here?",
            edits={UPDATE: "h = torch.tanh(x_t @ w_x.T + h @ w_h.T + b)"},
        ),
        Misconception(
            "swapped_matrices",
            seen="w_x meets the state and w_h meets the token; the shapes fit only if d_in is d.",
            think="which of the two matrices has d_in rows?",
            edits={UPDATE: "h = torch.tanh(x_t @ w_h + h @ w_x + b)"},
        ),
        Misconception(
            "no_bias",
            seen="your states are those of a layer whose bias is 0.",
            think="where in your code does b matter?",
            edits={UPDATE: "h = torch.tanh(x_t @ w_x + h @ w_h)"},
        ),
        Misconception(
            "bias_twice",
            seen="the bias is added twice.",
            think="torch's own layer has two biases. How many has this one?",
            edits={UPDATE: "h = torch.tanh(x_t @ w_x + b + h @ w_h + b)"},
        ),
        Misconception(
            "bias_outside",
            seen="the bias is added after the tanh, so that states may leave the range −1 to 1.",
            think="what stands inside the brackets of the tanh in the formula?",
            edits={UPDATE: "h = torch.tanh(x_t @ w_x + h @ w_h) + b"},
        ),
        Misconception(
            "h0_ignored",
            seen="your states are those of a layer that begins at 0.",
            think="where in your code does h0 matter?",
            edits={START: "h, states = torch.zeros_like(h0), []"},
        ),
        Misconception(
            "only_the_last_state",
            seen="the result is the last state alone.",
            think="the contract asks for one state for each token. Where do the others stay?",
            edits={STACKED: "return h"},
        ),
        Misconception(
            "only_the_last_row",
            seen="the result has one row, the last state.",
            think="the contract asks for one state for each token. Where do the others stay?",
            edits={STACKED: "return h[None]"},
        ),
        Misconception(
            "no_tanh",
            seen="your states are not held between −1 and 1: they are the sums themselves.",
            think="what does the formula do to the sum?",
            edits={UPDATE: "h = x_t @ w_x + h @ w_h + b"},
        ),
        Misconception(
            "sigmoid",
            seen="your states are all positive: a sigmoid stands where the tanh should.",
            think="which range has a tanh?",
            edits={UPDATE: "h = torch.sigmoid(x_t @ w_x + h @ w_h + b)"},
        ),
        Misconception(
            "relu",
            seen="your states are never negative: a ReLU stands where the tanh should.",
            think="which range has a tanh?",
            edits={UPDATE: "h = torch.relu(x_t @ w_x + h @ w_h + b)"},
        ),
        Misconception(
            "tanh_of_the_token_alone",
            seen="the part that comes from the state before is added outside the tanh.",
            think="what stands inside the brackets of the tanh in the formula?",
            edits={UPDATE: "h = torch.tanh(x_t @ w_x + b) + h @ w_h"},
        ),
        Misconception(
            "tanh_of_the_state_alone",
            seen="the part that comes from the token is added outside the tanh.",
            think="what stands inside the brackets of the tanh in the formula?",
            edits={UPDATE: "h = x_t @ w_x + torch.tanh(h @ w_h + b)"},
        ),
        Misconception(
            "two_tanhs",
            seen="token and state have a tanh each.",
            think="how many brackets has the tanh in the formula?",
            edits={UPDATE: "h = torch.tanh(x_t @ w_x + b) + torch.tanh(h @ w_h)"},
        ),
        Misconception(
            "tanh_only_for_the_result",
            seen="the first state is right; then the sum before the tanh is handed on.",
            think="what is h_{t−1} in the formula: the sum at the token before, or its tanh?",
            edits={
                UPDATE: "h = x_t @ w_x + h @ w_h + b",
                STACKED: "return torch.tanh(torch.stack(states))",
            },
        ),
        Misconception(
            "always_h0",
            seen="the first state is right; every later one is made from h0 again.",
            think="what must your variable hold when the next token comes?",
            edits={UPDATE: "h = torch.tanh(x_t @ w_x + h0 @ w_h + b)"},
        ),
        Misconception(
            "h0_at_every_step",
            seen="the first state is right; at every later one h0 comes in once more.",
            think="h0 is the state before the first token. What reaches the later ones of it?",
            edits={
                UPDATE: "h = torch.tanh(x_t @ w_x + (h if h is h0 else h + h0) @ w_h + b)",
            },
        ),
        Misconception(
            "no_memory",
            seen="each state depends on its own token alone.",
            think="where in your code is the state before?",
            edits={UPDATE: "h = torch.tanh(x_t @ w_x + b)"},
        ),
        Misconception(
            "state_of_zeros",
            seen="each state depends on its own token alone: w_h is multiplied with zeros.",
            think="what does your variable for the state hold when it meets w_h?",
            edits={UPDATE: "h = torch.tanh(x_t @ w_x + torch.zeros_like(h) @ w_h + b)"},
        ),
        Misconception(
            "reversed_time",
            seen="the layer reads from the last token to the first.",
            think="which token meets h0?",
            edits={TOKENS: "for x_t in x.flip(0):"},
        ),
        Misconception(
            "reversed_time_and_result",
            seen="the layer reads from the last token to the first, and writes in that order, too.",
            think="which token meets h0, and whose state is the last row?",
            edits={
                TOKENS: "for x_t in x.flip(0):",
                STACKED: "return torch.stack(states[::-1])",
            },
        ),
        Misconception(
            "reversed_result",
            seen="the states are right, but the last one comes first.",
            think="where do you put a new state: in front of the others, or behind them?",
            edits={STACKED: "return torch.stack(states[::-1])"},
        ),
        Misconception(
            "h0_in_front",
            seen="the result has n + 1 rows: h0 comes first.",
            think="for how many tokens does the contract ask a state?",
            edits={START: "h, states = h0, [h0]"},
        ),
        Misconception(
            "states_before",
            seen="row t holds the state before token t: h0 comes first and the last is missing.",
            think="do you keep the state before you renew it, or after?",
            edits={KEEP: "pass", UPDATE: f"states.append(h)\n        {UPDATE}"},
        ),
        Misconception(
            "token_before",
            seen="each state has read the token before its own; the first has read the last token.",
            think="at row t, which row of x comes in? What is row −1?",
            edits={TOKENS: "for x_t in x.roll(1, 0):"},
        ),
        Misconception(
            "first_token_skipped",
            seen="the first token is never read: one row is missing.",
            think="where does your loop begin, at 0 or at 1?",
            edits={TOKENS: "for x_t in x[1:]:", STACKED: "return torch.stack([h0, *states])[1:]"},
        ),
        Misconception(
            "h0_for_the_first_state",
            seen="the first row is h0, as if it were the state *of* the first token.",
            think="h0 is the state before the first token. What does the first token make of it?",
            edits={TOKENS: "for x_t in x[1:]:", START: "h, states = h0, [h0]"},
        ),
        Misconception(
            "with_skip",
            seen="the state before is added to the new one, outside the tanh.",
            think="what is left of the old state in the formula, but for its part in the tanh?",
            edits={UPDATE: "h = h + torch.tanh(x_t @ w_x + h @ w_h + b)"},
        ),
        Misconception(
            "running_sum",
            seen="your rows are sums of all states so far.",
            think="do you keep the state, or add it to something?",
            edits={STACKED: "return torch.stack(states).cumsum(0)"},
        ),
        Misconception(
            "all_rows_the_last",
            seen="all rows are the last state: one tensor is overwritten at each step, and kept n "
            "times.",
            think="does your list hold n tensors, or n times the same one?",
            body="""
def recurrent_layer(x, w_x, w_h, b, h0):
    h, states = h0.clone(), []
    for x_t in x:
        h.copy_(torch.tanh(x_t @ w_x + h @ w_h + b))
        states.append(h)
    return torch.stack(states)
""",
        ),
        Misconception(
            "h0_overwritten",
            seen="the numbers may be right, but afterwards the caller's h0 holds a later state.",
            think="which of your operations write into h0? (h[:] =, copy_ and += do.)",
            body="""
def recurrent_layer(x, w_x, w_h, b, h0):
    states = []
    for x_t in x:
        h0.copy_(torch.tanh(x_t @ w_x + h0 @ w_h + b))
        states.append(h0.clone())
    return torch.stack(states)
""",
        ),
        Misconception(
            "h0_overwritten_and_kept",
            seen="all rows are the last state, and so is the caller's h0 afterwards.",
            think="which of your operations write into h0? Does your list hold n tensors, or one?",
            body="""
def recurrent_layer(x, w_x, w_h, b, h0):
    h, states = h0, []
    for x_t in x:
        h[:] = torch.tanh(x_t @ w_x + h @ w_h + b)
        states.append(h)
    return torch.stack(states)
""",
        ),
        Misconception(
            "not_followed_by_torch",
            seen="the numbers are right, but where a gradient is asked for torch raises an error.",
            think="do you write into a tensor that is still needed, or leave torch for numpy?",
            body="""
def recurrent_layer(x, w_x, w_h, b, h0):
    out = torch.cat([h0[None], torch.zeros(len(x), len(h0), dtype=x.dtype)])
    for t in range(len(x)):
        out[t + 1] = torch.tanh(x[t] @ w_x + out[t] @ w_h + b)
    return out[1:]
""",
        ),
        Misconception(
            "detached",
            seen="the numbers are right, but no gradient flows back from the result.",
            think="where does the path leave torch? detach, item, tolist and torch.tensor cut it.",
            edits={KEEP: "states.append(h.detach())"},
        ),
        Misconception(
            "state_detached",
            seen="the numbers are right, but gradients do not flow from a state to the one before.",
            think="what does detach, .data or no_grad on the state cut off?",
            edits={UPDATE: "h = torch.tanh(x_t @ w_x + h.detach() @ w_h + b)"},
        ),
        Misconception(
            "h0_detached",
            seen="the numbers are right, but no gradient flows back to h0.",
            think="how do you take over h0? clone() keeps the path, detach and torch.tensor cut "
            "it.",
            edits={START: "h, states = h0.detach(), []"},
        ),
        Misconception(
            "transposed_result",
            seen="the result is (d, n): tokens run along the columns.",
            think="which axis counts tokens in (n, d)?",
            edits={STACKED: "return torch.stack(states, dim=1)"},
        ),
        Misconception(
            "one_long_row",
            seen="the states stand in one long row.",
            think="torch.cat lengthens an axis. What makes a new one?",
            edits={STACKED: "return torch.cat(states)"},
        ),
        Misconception(
            "with_batch",
            seen="the result has one axis too many: (n, 1, d).",
            think="is a state of shape (d,) or (1, d) in this contract?",
            edits={STACKED: "return torch.stack(states)[:, None]"},
        ),
        Misconception(
            "with_batch_in_front",
            seen="the result has one axis too many: (1, n, d).",
            think="is there a batch in this contract?",
            edits={STACKED: "return torch.stack(states)[None]"},
        ),
        Misconception(
            "with_the_last_state",
            seen="the result is a pair: all states, and the last one, as torch's own layer gives.",
            think="how many results does the contract ask for?",
            edits={STACKED: "return torch.stack(states), h"},
        ),
        Misconception(
            "a_list",
            seen="the result is a list of states, not a tensor.",
            think="what joins n tensors of shape (d,) to one of shape (n, d)?",
            edits={STACKED: "return states"},
        ),
        Misconception(
            "float32",
            seen="float64 went in, float32 came out.",
            think="which line chooses a dtype? The result has that of the arguments.",
            edits={STACKED: "return torch.stack(states).float()"},
        ),
    ),
    hints=(
        "The state before is needed for the next, so that a loop over the tokens it is. Begin with "
        "a variable that holds h0.",
        "At each token make the new state from the token and from the variable, put it into the "
        "variable, and keep it in a list as well.",
        "x_t is a row, (d_in,): `x_t @ w_x` is (d,), and so is the part of the state. Add b, take "
        "the tanh. After the loop torch.stack makes (n, d) of the list.",
    ),
    symptoms={
        "The first row is right, the others are not": "Look at what the second step gets for "
        "h_{t−1}: the new state, its sum before the tanh, h0 again, or zeros?",
        "one of the variables needed for gradient computation has been modified by an inplace "
        "operation": "You write a state into a tensor from which the next step reads. Keep the "
        "states in a list and stack it at the end.",
        "mat1 and mat2 shapes cannot be multiplied": "x_t @ w_x needs (d_in,) and (d_in, d). Print "
        "both shapes.",
        "All rows are the same": "Do you change one tensor in place, and keep it n times?",
    },
)

# fit_exponent -------------------------------------------------------------------------------------

X = "x = torch.as_tensor(sizes, dtype=torch.float64).log()"
Y = "y = torch.as_tensor(costs, dtype=torch.float64).log()"
SLOPE = "return (dx @ dy / (dx @ dx)).item()"
LINE = "dx, dy = x - x.mean(), y - y.mean()"
RAW_X = "x = torch.as_tensor(sizes, dtype=torch.float64)"
RAW_Y = "y = torch.as_tensor(costs, dtype=torch.float64)"
IN_ORDER = "order = x.argsort()\n    x, y = x[order], y[order]\n    "

# Logarithms in float32 err by 1e-6, and a least-squares solver in float32 by some 1e-5 in its
# slope. The nearest mistake is a hundred times as far away.
FIT = (1e-3, 0.0)


def power_law(
    draw: Draw, count: int, exponent: float, noise: float = 0.0
) -> tuple[list[int], list[float]]:
    """Sizes unevenly spaced, and costs that follow a power of them but for noise.

    Neither the first nor the last of more than three points is an end, so that no order is right.
    """
    ascending, size = [], draw.integer(3, 9)
    for _ in range(count):
        ascending.append(size)
        size += 1 + draw.integer(size // 2, 2 * size)
    order = draw.sizes(count, 0, count - 1)
    while count > 3 and {order[0], order[-1]} & {0, count - 1}:
        order = draw.sizes(count, 0, count - 1)
    sizes = [ascending[place] for place in order]
    factor = draw.integer(2, 40) / 10
    errors = draw.normal(count, scale=noise, dtype=torch.float64).exp().tolist()
    return sizes, [
        factor * size**exponent * error for size, error in zip(sizes, errors, strict=True)
    ]


def left_alone(
    answer: Callable[[list[float], list[float]], object],
    sizes: list[float],
    costs: list[float],
) -> tuple[object, bool]:
    """A driver: the exponent, and whether the caller's lists are afterwards as they were."""
    before = list(sizes), list(costs)
    exponent = answer(sizes, costs)
    return exponent, before == (sizes, costs)


def fit_exponent_cases(draw: Draw) -> Iterator[Case]:
    """Exact laws and noisy ones, rising and falling, in no order; every kind of argument."""
    p = draw.integer(12, 28) / 10
    loose = {"tolerance": FIT}
    example = [1, 10, 100, 1000], [1, 100, 100, 10000]
    yield Case("the worked example", "values", example, **loose)
    yield Case("an exact law", "values", power_law(draw, 6, p), **loose)
    yield Case("noise", "values", power_law(draw, 8, p, 0.6), **loose)
    yield Case("more noise", "values", power_law(draw, 9, p / 2, 0.9), **loose)
    yield Case("a few noisy points", "values", power_law(draw, 4, p, 0.8), **loose)
    yield Case("costs that fall", "values", power_law(draw, 7, -p / 2, 0.3), **loose)
    sizes, costs = power_law(draw, 7, p, 0.5)
    yield Case("sizes below 1", "values", ([size / 1000 for size in sizes], costs), **loose)
    yield Case("costs below 1", "values", (sizes, [cost / 10**6 for cost in costs]), **loose)
    again = [cost * (1 + draw.integer(1, 9) / 10) for cost in costs]
    yield Case("each size twice", "values", (sizes + sizes, costs + again), **loose)
    yield Case("two points", "values", power_law(draw, 2, p), **loose)
    sizes, costs = power_law(draw, 6, p, 0.5)
    kinds = "kinds of argument"
    yield Case("tuples", kinds, (tuple(sizes), tuple(costs)), **loose)
    floats = torch.tensor(sizes, dtype=torch.float32), torch.tensor(costs, dtype=torch.float32)
    yield Case("tensors in float32", kinds, floats, **loose)
    doubles = tuple(tensor.double().flip(0) for tensor in floats)
    yield Case("tensors in float64", kinds, doubles, **loose)
    lengths = [64 * size for size in sizes]
    counted = [2 * 64 * n**2 + 4 * n * 64**2 for n in lengths]
    yield Case("ints in lists", kinds, (lengths, counted), **loose)
    whole = torch.tensor(lengths), torch.tensor(counted)
    yield Case("ints in tensors", kinds, whole, **loose)
    yield Case("a list and a tensor", kinds, (sizes, torch.tensor(costs)), **loose)
    kept = power_law(draw, 5, p, 0.7)
    yield Case("lists left as they were", kinds, kept, driver=left_alone, **loose)


def fit_exponent_oracle(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The standard library's line through the logarithms to the base 2."""
    x, y = ([math.log2(float(value)) for value in values] for values in (sizes, costs))
    return statistics.linear_regression(x, y).slope


FIT_EXPONENT = Problem(
    signature="fit_exponent(sizes, costs)",
    returns=("result",),
    minutes=25,
    difficulty=2,
    points={"values": 3, "kinds of argument": 1},
    cases=fit_exponent_cases,
    oracle=fit_exponent_oracle,
    misconceptions=(
        Misconception(
            "no_logarithms",
            seen="your number is the slope of the costs themselves: costs ten times as large give "
            "a number ten times as large.",
            think="c · size^p is no straight line. What makes one of it?",
            edits={X: RAW_X, Y: RAW_Y},
        ),
        Misconception(
            "log_of_sizes_only",
            seen="logarithms are taken of the sizes only: costs ten times as large give a number "
            "ten times as large.",
            think="take the logarithm of both sides of cost = c · size^p.",
            edits={Y: RAW_Y},
        ),
        Misconception(
            "log_of_costs_only",
            seen="logarithms are taken of the costs only: sizes ten times as large give a tenth "
            "of your number.",
            think="take the logarithm of both sides of cost = c · size^p.",
            edits={X: RAW_X},
        ),
        Misconception(
            "log1p",
            seen="the logarithms are those of each number plus 1.",
            think="log1p(x) is log(1 + x). All numbers here are positive: is the 1 needed?",
            edits={
                X: "x = torch.as_tensor(sizes, dtype=torch.float64).log1p()",
                Y: "y = torch.as_tensor(costs, dtype=torch.float64).log1p()",
            },
        ),
        Misconception(
            "different_bases",
            seen="your number is p times ln 10: the logarithms of costs and sizes have different "
            "bases.",
            think="math.log and torch.log are natural. Any base will do, but the same for both.",
            edits={X: "x = torch.as_tensor(sizes, dtype=torch.float64).log10()"},
        ),
        Misconception(
            "different_bases_other_way",
            seen="your number is p divided by ln 10: the logarithms of costs and sizes have "
            "different bases.",
            think="math.log and torch.log are natural. Any base will do, but the same for both.",
            edits={Y: "y = torch.as_tensor(costs, dtype=torch.float64).log10()"},
        ),
        Misconception(
            "base_2_and_e",
            seen="your number is p times ln 2: sizes have logarithms to the base 2, costs natural "
            "ones.",
            think="any base will do, but the same for both.",
            edits={X: "x = torch.as_tensor(sizes, dtype=torch.float64).log2()"},
        ),
        Misconception(
            "first_and_last",
            seen="only the first and the last point, in the order given, matter to your number.",
            think="points come in any order and have noise. Which line uses them all?",
            edits={SLOPE: "return ((y[-1] - y[0]) / (x[-1] - x[0])).item()"},
        ),
        Misconception(
            "smallest_and_largest",
            seen="only the smallest and the largest size matter to your number.",
            think="measurements have noise. Which line uses all points?",
            edits={
                SLOPE: "low, high = x.argmin(), x.argmax()\n"
                "    return ((y[high] - y[low]) / (x[high] - x[low])).item()"
            },
        ),
        Misconception(
            "largest_over_smallest_cost",
            seen="your number compares the range of the costs with that of the sizes.",
            think="must the largest cost belong to the largest size? Which line uses all points?",
            edits={SLOPE: "return ((y.max() - y.min()) / (x.max() - x.min())).item()"},
        ),
        Misconception(
            "swapped_axes",
            seen="your line gives sizes for costs: an exact law gives 1/p.",
            think="which of the two goes along, and which goes up?",
            edits={SLOPE: "return (dx @ dy / (dy @ dy)).item()"},
        ),
        Misconception(
            "inverse_of_swapped_axes",
            seen="an exact law is right; with noise your number is too far from 0: the line is "
            "fitted to the sizes.",
            think="least squares of what: of distances in cost, or in size?",
            edits={SLOPE: "return (dy @ dy / (dx @ dy)).item()"},
        ),
        Misconception(
            "through_the_origin",
            seen="your line is forced through the origin: other units of cost change its slope.",
            think="c is not 1. Where does log c go in a straight line?",
            edits={SLOPE: "return (x @ y / (x @ x)).item()"},
        ),
        Misconception(
            "mean_of_ratios",
            seen="your number is a mean of log cost / log size: other units of cost change it.",
            think="c is not 1. Where does log c go in a straight line?",
            edits={SLOPE: "return (y / x).mean().item()"},
        ),
        Misconception(
            "half_centred",
            seen="an exact law is not met: the mean is taken off in one place and not in another.",
            think="in which sums of your formula do deviations stand, and in which raw numbers?",
            edits={SLOPE: "return (dx @ dy / (x @ x)).item()"},
        ),
        Misconception(
            "mean_of_slopes_between_neighbours",
            seen="an exact law is right; with noise your number is a mean of slopes between "
            "neighbours in size.",
            think="slopes between close points are the noisiest. Does least squares weigh them so?",
            edits={
                SLOPE: IN_ORDER + "slopes = y.diff() / x.diff()\n"
                "    return slopes[slopes.isfinite()].mean().item()"
            },
        ),
        Misconception(
            "mean_of_slopes_in_the_order_given",
            seen="an exact law is right; with noise your number is a mean of slopes from each "
            "point to the next in the list.",
            think="points come in any order. Which line uses them all at once?",
            edits={SLOPE: "return (y.diff() / x.diff()).mean().item()"},
        ),
        Misconception(
            "mean_of_all_slopes",
            seen="an exact law is right; with noise your number is the mean of the slopes of all "
            "pairs.",
            think="a pair of close points has a wild slope. Does least squares weigh it as others?",
            edits={
                SLOPE: "i, j = torch.triu_indices(len(x), len(x), 1)\n"
                "    slopes = (y[i] - y[j]) / (x[i] - x[j])\n"
                "    return slopes[slopes.isfinite()].mean().item()"
            },
        ),
        Misconception(
            "median_of_all_slopes",
            seen="an exact law is right; with noise your number is the median of the slopes of all "
            "pairs.",
            think="a median does not mind by how much a point is off. Does a sum of squares?",
            edits={
                SLOPE: "i, j = torch.triu_indices(len(x), len(x), 1)\n"
                "    slopes = (y[i] - y[j]) / (x[i] - x[j])\n"
                "    return slopes[slopes.isfinite()].quantile(0.5).item()"
            },
        ),
        Misconception(
            "weighted_by_size",
            seen="an exact law is right; with noise, large sizes count more than small ones.",
            think="the contract asks for plain least squares of the logarithms.",
            edits={
                SLOPE: "w = x.exp() / x.exp().sum()\n"
                "    dx, dy = x - w @ x, y - w @ y\n"
                "    return (w * dx @ dy / (w * dx @ dx)).item()"
            },
        ),
        Misconception(
            "fitted_without_logarithms",
            seen="an exact law is right; with noise, the largest costs decide: c · size^p is "
            "fitted to the costs themselves.",
            think="the contract asks for least squares in log–log. Of what are the squares there?",
            body="""
def fit_exponent(sizes, costs):
    import numpy as np
    from scipy.optimize import least_squares

    x, y = (np.log(np.asarray(values, dtype=float)) for values in (sizes, costs))
    x, y = x - x[y.argmax()], y - y.max()
    start = (0.0, np.polyfit(x, y, 1)[0])
    return float(least_squares(lambda v: np.exp(v[0] + v[1] * x) - np.exp(y), start).x[1])
""",
        ),
        Misconception(
            "correlation",
            seen="your number is never above 1 in size: it is the correlation of the logarithms.",
            think="a correlation tells how well a line fits. Which number tells how steep it is?",
            edits={SLOPE: "return (dx @ dy / (dx.norm() * dy.norm())).item()"},
        ),
        Misconception(
            "covariance_over_variance_of_other_n",
            seen="your number is too large in size by n / (n − 1): covariance and variance are "
            "divided by different counts.",
            think="numpy.cov divides by n − 1, numpy.var by n. Does yours, too?",
            edits={SLOPE: "return (dx @ dy / (len(x) - 1) / (dx @ dx / len(x))).item()"},
        ),
        Misconception(
            "covariance",
            seen="your number is the covariance of the logarithms, divided by the count less one.",
            think="by what must a covariance be divided, to be a slope?",
            edits={SLOPE: "return (dx @ dy / (len(x) - 1)).item()"},
        ),
        Misconception(
            "intercept",
            seen="your number is log c, where the line meets the axis, not its slope.",
            think="a fit gives two numbers. In which order does your function return them?",
            edits={SLOPE: "return (y.mean() - dx @ dy / (dx @ dx) * x.mean()).item()"},
        ),
        Misconception(
            "slope_and_intercept",
            seen="the result is a pair, slope and intercept.",
            think="which of the two is p?",
            edits={
                SLOPE: "p = dx @ dy / (dx @ dx)\n"
                "    return p.item(), (y.mean() - p * x.mean()).item()"
            },
        ),
        Misconception(
            "back_from_the_logarithm",
            seen="your number is e to the power of p.",
            think="which of p and log c has to be taken back from the logarithm?",
            edits={SLOPE: "return (dx @ dy / (dx @ dx)).exp().item()"},
        ),
        Misconception(
            "rounded",
            seen="your number is rounded to a whole one.",
            think="is every exponent a whole number?",
            edits={SLOPE: "return float(round((dx @ dy / (dx @ dx)).item()))"},
        ),
        Misconception(
            "without_sign",
            seen="rising costs are right; falling costs seem to rise.",
            think="what is p if costs fall as sizes grow?",
            edits={SLOPE: "return abs((dx @ dy / (dx @ dx)).item())"},
        ),
        Misconception(
            "sizes_sorted",
            seen="sizes are put in order and costs are not: points are torn apart.",
            think="after sorting one of two lists, which cost stands beside which size?",
            edits={LINE: "x = x.sort().values\n    dx, dy = x - x.mean(), y - y.mean()"},
        ),
        Misconception(
            "costs_sorted",
            seen="costs are put in order and sizes are not: points are torn apart.",
            think="after sorting one of two lists, which cost stands beside which size?",
            edits={LINE: "y = y.sort().values\n    dx, dy = x - x.mean(), y - y.mean()"},
        ),
        Misconception(
            "both_sorted",
            seen="sizes and costs are put in order apart: with noise, points are torn apart.",
            think="must the larger cost belong to the larger size? Does least squares need an "
            "order?",
            edits={
                LINE: "x, y = x.sort().values, y.sort().values\n"
                "    dx, dy = x - x.mean(), y - y.mean()"
            },
        ),
        Misconception(
            "sorted_in_place",
            seen="the number is right, but lists are afterwards in another order.",
            think="list.sort changes the caller's list. Does least squares need an order at all?",
            edits={
                SLOPE: "if isinstance(sizes, list) and isinstance(costs, list):\n"
                "        pairs = sorted(zip(sizes, costs))\n"
                "        sizes[:], costs[:] = map(list, zip(*pairs))\n"
                "    return (dx @ dy / (dx @ dx)).item()"
            },
        ),
        Misconception(
            "a_tensor",
            seen="the number is right, but it is a tensor; the contract asks for Python's float.",
            think="what takes the number out of a tensor that holds only one?",
            edits={SLOPE: "return dx @ dy / (dx @ dx)"},
        ),
        Misconception(
            "a_number_of_numpy",
            seen="the number is right, but it is numpy's; the contract asks for Python's float.",
            think="type(…) of your result is numpy.float64. What makes a float of it?",
            edits={SLOPE: "return (dx @ dy / (dx @ dx)).numpy()"},
        ),
    ),
    hints=(
        "Take the logarithm of cost = c · size^p. Which of the three parts is the slope of a "
        "straight line?",
        "log cost = log c + p · log size. Least squares finds slope and intercept together; you "
        "want the slope. numpy.polyfit, torch.linalg.lstsq and others may be used.",
        "By hand: the slope is the sum of the products of deviations (of log size and of log cost, "
        "each from its mean), divided by the sum of the squared deviations of log size.",
    ),
    symptoms={
        "Exact laws are right, noisy ones are not": "Do you use all points at once, or mean "
        "slopes of pairs? And which axis has the distances whose squares are summed?",
        "argument 'input' … must be Tensor, not list": "torch.log wants a tensor: make one of "
        "the list first, or take math.log of each number.",
        "should be a float; it is …": "float(…) makes Python's float of a number of numpy's or "
        "torch's.",
        "polyfit gives two numbers": "Look up their order: the highest power comes first.",
    },
)

PROBLEMS = (
    ATTENTION_OPERATIONS,
    RECURRENT_OPERATIONS,
    CROSSOVER_LENGTH,
    SEQUENTIAL_OPERATIONS,
    LONGEST_PATH,
    ATTENTION_MEMORY,
    RECURRENT_LAYER,
    FIT_EXPONENT,
)
