"""Assignment 8: cases, misconceptions, rules and help of every problem."""

import itertools
import math
import statistics
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.stats
import torch

from autograder.compare import TOLERANCE
from autograder.problem import Case, Draw, Given, Misconception, Problem

# Python's float tells nothing of the float32 that it was computed in.
OF_FLOAT32 = TOLERANCE["float32"]


def maps(draw: Draw, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Weights of shape (..., n_q, n_k), uneven enough for every mistake to show."""
    return draw.normal(*shape, scale=1.5, dtype=dtype).softmax(dim=-1)


# head_entropy -------------------------------------------------------------------------------------

ENTR = "torch.special.entr(weights)"
REDUCED = "terms.sum(dim=-1).mean(dim=-1)"


def of_softmax(answer: Callable[..., object], scores: torch.Tensor) -> object:
    """A driver: the entropy of weights that are a softmax of scores.

    All weights are positive, and the gradient is asked for along changes that keep rows at 1.
    """
    return answer(torch.softmax(scores, dim=-1))


def causal_maps(draw: Draw, h: int, n: int) -> torch.Tensor:
    """Weights that are 0 above the diagonal."""
    hidden = torch.ones(n, n, dtype=torch.bool).triu(1)
    return draw.normal(h, n, n, scale=1.5).masked_fill(hidden, -math.inf).softmax(dim=-1)


def head_entropy_cases(draw: Draw) -> Iterator[Case]:
    """Soft rows, rows of zeros and ones, empty rows; one head, one query, one key."""
    h, n_q, n_k = draw.sizes(3, 3, 8)
    zeros = "zeros and empty rows"
    example = torch.tensor(
        [[[0.5, 0.5, 0], [1, 0, 0]], [[0.25, 0.25, 0.5], [0, 0, 0]]], dtype=torch.float32
    )
    yield Case("the worked example", zeros, (example,))
    yield Case("weights that are all positive", "values", (maps(draw, h, n_q, n_k),))
    even = torch.full((h, n_q, n_k), 1 / n_k)
    even[0] = maps(draw, n_q, n_k)
    yield Case("even rows, but for one head", "values", (even,))
    yield Case("one head", "values", (maps(draw, 1, n_q, n_k),))
    yield Case("one query", "values", (maps(draw, h, 1, n_k),))
    yield Case("as many queries as keys", "values", (maps(draw, h, n_k, n_k),))
    yield Case("zeros above the diagonal", zeros, (causal_maps(draw, h, n_k),))
    empty = maps(draw, h, n_q, n_k)
    empty[:, draw.integer(1, n_q - 1)] = 0
    empty[0, 0] = 0
    yield Case("empty rows", zeros, (empty,))
    sharp = maps(draw, h, n_q, n_k)
    sharp[1] = torch.eye(n_k)[[draw.integer(0, n_k - 1) for _ in range(n_q)]]
    yield Case("a head that looks at one key at a time", zeros, (sharp,))
    yield Case("one key", zeros, (torch.ones(h, n_q, 1),))
    exact = maps(draw, h, n_q, n_k, dtype=torch.float64)
    # Some add a little to each weight, against log 0; float32 would not show it.
    yield Case("float64", "dtype and gradient", (exact,), tolerance=(1e-5, 1e-5))
    steep = draw.normal(h, n_q, n_k)
    yield Case("gradient", "dtype and gradient", (steep,), gradient=True, driver=of_softmax)


def head_entropy_oracle(weights: torch.Tensor) -> torch.Tensor:
    """scipy's entropy row by row; it divides by the sum, so empty rows are told apart."""
    heads = [
        [scipy.stats.entropy(row) if row.any() else 0.0 for row in head]
        for head in weights.detach().double().numpy()
    ]
    return torch.tensor(np.mean(heads, axis=1), dtype=weights.dtype)


HEAD_ENTROPY = Problem(
    signature="head_entropy(weights)",
    returns=("result",),
    minutes=15,
    difficulty=1,
    points={"values": 1, "zeros and empty rows": 2, "dtype and gradient": 1},
    cases=head_entropy_cases,
    oracle=head_entropy_oracle,
    misconceptions=(
        Misconception(
            "bits",
            seen="every number is 1.44 times as large as it should be.",
            think="which logarithm gives nats, and which gives bits?",
            edits={ENTR: "torch.special.entr(weights) / math.log(2)"},
        ),
        Misconception(
            "nan_at_zeros",
            seen="where a weight is 0, the entropy of its head is NaN.",
            think="what does the computer make of 0 · log 0, and what does the contract?",
            edits={ENTR: "-weights * weights.log()"},
        ),
        Misconception(
            "negative",
            seen="the sizes are right, but the signs are not.",
            think="the logarithm of a number below 1 is negative. Which sign has the entropy?",
            edits={ENTR: "-torch.special.entr(weights)"},
        ),
        Misconception(
            "sum_over_queries",
            seen="with one query all is right; with n_q of them the numbers are n_q times too "
            "large.",
            think="a head has one entropy for each row. How does one number come of them?",
            edits={REDUCED: "terms.sum(dim=-1).sum(dim=-1)"},
        ),
        Misconception(
            "mean_over_keys",
            seen="the numbers are too small, by a factor of n_k.",
            think="within a row, does the entropy add up its terms or average them?",
            edits={REDUCED: "terms.mean(dim=(1, 2))"},
        ),
        Misconception(
            "divided_by_keys",
            seen="right where there are as many queries as keys: the sum of a head's rows was "
            "divided by the number of keys.",
            think="(h, n_q, n_k): over which axis do you add, and over which do you average?",
            edits={REDUCED: "terms.sum(dim=-2).mean(dim=-1)"},
        ),
        Misconception(
            "no_mean",
            seen="there is one number for each row, not for each head.",
            think="what is left to do with the rows of a head?",
            edits={REDUCED: "terms.sum(dim=-1)"},
        ),
        Misconception(
            "mean_over_heads",
            seen="there is one number for each query, not for each head.",
            think="(h, n_q, n_k): which axis should be left?",
            edits={REDUCED: "terms.sum(dim=-1).mean(dim=0)"},
        ),
        Misconception(
            "one_number_for_all",
            seen="there is a single number for all heads together.",
            think="which axis should be left?",
            edits={REDUCED: "terms.sum(dim=-1).mean()"},
        ),
        Misconception(
            "of_the_mean_row",
            seen="a head whose rows are sharp, each at another key, seems to look everywhere: rows "
            "were averaged before the entropy was taken.",
            think="which comes first, the entropy of a row or the mean of the rows?",
            edits={
                ENTR: "torch.special.entr(weights.mean(dim=1, keepdim=True))",
            },
        ),
        Misconception(
            "empty_rows_left_out",
            seen="heads with empty rows come out too large: the mean is over the other rows only.",
            think="does an empty row count as a row?",
            edits={
                REDUCED: "terms.sum(dim=(1, 2)) / (weights.sum(dim=-1) > 0).sum(dim=-1)",
            },
        ),
        Misconception(
            "empty_rows_made_even",
            seen="an empty row has the entropy of an even one, log n_k.",
            think="what becomes of a row of zeros if you add a little to each and divide by the "
            "sum?",
            edits={
                ENTR: "torch.special.entr("
                "(weights + 1e-9) / (weights + 1e-9).sum(dim=-1, keepdim=True))"
            },
        ),
        Misconception(
            "perplexity",
            seen="the number is exp of the entropy: an even row gives n_k.",
            think="exp(entropy) is the perplexity. Which one does the contract ask for?",
            edits={REDUCED: "terms.sum(dim=-1).exp().mean(dim=-1)"},
        ),
        Misconception(
            "relative_to_even",
            seen="an even row gives 1: the entropy was divided by log n_k.",
            think="what does an even row of n_k keys give in the contract?",
            edits={REDUCED: "terms.sum(dim=-1).mean(dim=-1) / math.log(weights.shape[-1])"},
        ),
        Misconception(
            "softmax_again",
            seen="every head seems to look nearly everywhere: a softmax was taken of the weights.",
            think="the rows sum to 1 already. Are they scores or weights?",
            edits={ENTR: "torch.special.entr(weights.softmax(dim=-1))"},
        ),
        Misconception(
            "too_much_added",
            seen="the numbers are a little too small: what was added to each weight shows.",
            think="what you add against log 0 must be far below any weight that matters.",
            edits={ENTR: "-weights * (weights + 1e-3).log()"},
        ),
        Misconception(
            "zeros_overwritten",
            seen="the numbers are right, but zeros in `weights` itself were overwritten.",
            think="whose tensor is it? Work on a copy, or without one.",
            edits={
                "terms = torch": "weights[weights == 0] = 1\n    terms = torch",
            },
        ),
        Misconception(
            "detached",
            seen="the numbers are right, but the result cannot be differentiated.",
            think="detach, item, tolist and numpy leave the graph. Which of them do you need?",
            edits={ENTR: "torch.special.entr(weights.detach())"},
        ),
        Misconception(
            "float32",
            seen="float64 came in, and float32 came out.",
            think="where do you turn to another dtype, or make a tensor of the default one?",
            edits={ENTR: "torch.special.entr(weights.float())"},
        ),
        Misconception(
            "a_list",
            seen="the numbers are right, but they are a list, not a tensor.",
            think="what does the contract say the result is?",
            edits={REDUCED: "terms.sum(dim=-1).mean(dim=-1).tolist()"},
        ),
    ),
    hints=(
        "The entropy of a row first, then the mean over the rows of a head. Write the shape behind "
        "each step.",
        "−w log w is (h, n_q, n_k). Add up over the keys, the last axis, then average over the "
        "queries. What happens at w = 0?",
        "torch.special.entr(w) is −w log w and knows what to do at 0; so does "
        "torch.special.xlogy(w, w).",
    ),
    symptoms={
        "The result holds NaN": "0 · log 0 is 0 · (−∞) to the computer. Put something else in the "
        "place of these terms, or use a function that knows them.",
        "A head with empty rows comes out too large": "An empty row has the entropy 0 and counts "
        "as a row: the mean is over all n_q of them.",
        "The numbers are right and the check names “gradient”": "Somewhere the path from the "
        "weights to the result leaves torch: detach, item, tolist, numpy, scipy.",
    },
)

# attention_rollout --------------------------------------------------------------------------------

STEP = "(layer + identity) / 2 @ rollout"
EACH_LAYER = "for layer in layers:"
IN_THE_REST = "for layer in layers[1:]:"
HANDED_BACK = "return rollout"
EYE = "torch.eye(len(layers[0]), dtype=layers[0].dtype)"


def through_softmax(answer: Callable[..., object], scores: torch.Tensor) -> object:
    """A driver: rollout of maps that are a softmax of scores (layers, n, n)."""
    return answer([torch.softmax(layer, dim=-1) for layer in scores])


def layers_left_alone(answer: Callable[..., object], layers: torch.Tensor) -> tuple[object, str]:
    """A driver: the rollout of layers (layers, n, n), and whether the list is as it was."""
    handed = [layers[i] for i in range(len(layers))]  # views: what is written into them shows
    kept = list(handed)
    result = answer(handed)
    before, after = [id(layer) for layer in kept], [id(layer) for layer in handed]
    if len(after) != len(before):
        return result, "the list has another length"
    if sorted(after) != sorted(before):
        return result, "other maps stand in the list"
    return result, "the list is as it was" if after == before else "the list has another order"


def attention_rollout_cases(draw: Draw) -> Iterator[Case]:
    """One layer, two, several; maps without symmetry; one token."""
    n, depth = draw.sizes(2, 3, 7)
    example = [torch.tensor([[1, 0], [0.5, 0.5]]), torch.tensor([[0.5, 0.5], [0, 1]])]
    yield Case("the worked example", "values", (example,))
    yield Case("one layer", "values", ([maps(draw, n, n)],))
    yield Case("two layers", "values", ([maps(draw, n, n) for _ in range(2)],))
    yield Case("several layers", "values", ([maps(draw, n, n) for _ in range(depth)],))
    causal = list(causal_maps(draw, 3, n + 1))
    yield Case("zeros above the diagonal", "values", (causal,))
    sharp = [torch.eye(n)[draw.sizes(n, 0, n - 1)] for _ in range(2)] + [maps(draw, n, n)]
    yield Case("layers that move tokens about", "values", (sharp,))
    yield Case("one token", "values", ([torch.ones(1, 1)] * 3,))
    exact = [maps(draw, n, n, dtype=torch.float64) for _ in range(depth)]
    rest = "dtype, gradient, arguments"
    yield Case("float64", rest, (exact,))
    steep = draw.normal(3, n, n)
    # Before the gradient, of which a map changed in place leaves only an error of torch.
    three = maps(draw, 3, n, n)
    yield Case("layers left as they were", rest, (three,), driver=layers_left_alone)
    yield Case("gradient", rest, (steep,), gradient=True, driver=through_softmax)


def attention_rollout_oracle(layers: Sequence[torch.Tensor]) -> torch.Tensor:
    """The paths one by one: from output to input, by way of every token of every layer."""
    n = len(layers[0])

    def carried(layer: int, output: int, source: int) -> float:
        """How much of token `source` lies in `output` above the first `layer` layers."""
        if layer == 0:
            return float(output == source)
        row = layers[layer - 1][output].tolist()
        below = [shares[layer - 1][token][source] for token in range(n)]
        brought = sum(weight * share for weight, share in zip(row, below, strict=True))
        return 0.5 * brought + 0.5 * below[output]

    shares: list[list[list[float]]] = []
    for layer in range(len(layers) + 1):
        shares.append([[carried(layer, i, j) for j in range(n)] for i in range(n)])
    return torch.tensor(shares[-1], dtype=layers[0].dtype)


ATTENTION_ROLLOUT = Problem(
    signature="attention_rollout(layers)",
    returns=("result",),
    minutes=15,
    difficulty=2,
    points={"values": 3, "dtype, gradient, arguments": 1},
    cases=attention_rollout_cases,
    oracle=attention_rollout_oracle,
    misconceptions=(
        Misconception(
            "first_leftmost",
            seen="one layer is right; with more, the matrices are multiplied in the opposite "
            "order.",
            think="the output asks the last layer first. Which matrix stands leftmost?",
            edits={STEP: "rollout @ ((layer + identity) / 2)"},
        ),
        Misconception(
            "no_residual",
            seen="the maps themselves are multiplied: nothing is carried past a layer.",
            think="what does the residual connection do to a token's own share?",
            edits={STEP: "layer @ rollout"},
        ),
        Misconception(
            "not_halved",
            seen="the rows do not sum to 1, but to a power of 2.",
            think="a row of A and a row of I sum to 2 together. What makes shares of them again?",
            edits={STEP: "(layer + identity) @ rollout"},
        ),
        Misconception(
            "only_the_map_halved",
            seen="the rows sum to more than 1: the residual has its full size, the map half of it.",
            think="what is divided by 2, the map or the sum?",
            edits={STEP: "(layer / 2 + identity) @ rollout"},
        ),
        Misconception(
            "only_the_identity_halved",
            seen="the rows sum to more than 1: the map has its full size, the residual half of it.",
            think="what is divided by 2, the identity or the sum?",
            edits={STEP: "(layer + identity / 2) @ rollout"},
        ),
        Misconception(
            "number_by_number",
            seen="one layer is right; with more, the matrices are multiplied number by number.",
            think="* and @ are two products. Which one adds up over the tokens in between?",
            edits={
                "rollout = identity\n": "rollout = torch.ones_like(identity)\n",
                STEP: "(layer + identity) / 2 * rollout",
            },
        ),
        Misconception(
            "number_by_number_from_the_identity",
            seen="all is 0 but the diagonal: the identity was multiplied number by number.",
            think="* and @ are two products. Which one adds up over the tokens in between?",
            edits={STEP: "(layer + identity) / 2 * rollout"},
        ),
        Misconception(
            "first_layer_unmixed",
            seen="the first map goes into the product as it is: nothing is carried past it.",
            think="with what does your product begin, and what has happened to it by then?",
            edits={"rollout = identity\n": "rollout = layers[0]\n", EACH_LAYER: IN_THE_REST},
        ),
        Misconception(
            "first_layer_not_halved",
            seen="the rows sum to 2, for any number of layers: one of them is not halved.",
            think="with what does your product begin, and to what do its rows sum?",
            edits={
                "rollout = identity\n": "rollout = layers[0] + identity\n",
                EACH_LAYER: IN_THE_REST,
            },
        ),
        Misconception(
            "mean_of_the_layers",
            seen="the result is the mean of the maps.",
            think="the second layer attends to what the first has made. Does a mean follow that?",
            edits={HANDED_BACK: "return sum(layers) / len(layers)"},
        ),
        Misconception(
            "last_layer_only",
            seen="only the last layer matters to the result.",
            think="what must become of the layers before it?",
            edits={STEP: "(layer + identity) / 2"},
        ),
        Misconception(
            "first_layer_left_out",
            seen="the first layer does not matter to the result.",
            think="with which layer does your loop begin, and with what does your product?",
            edits={EACH_LAYER: IN_THE_REST},
        ),
        Misconception(
            "last_layer_left_out",
            seen="the last layer does not matter to the result.",
            think="with which layer does your loop end?",
            edits={EACH_LAYER: "for layer in layers[:-1]:"},
        ),
        Misconception(
            "maps_transposed",
            seen="the columns of each factor sum to 1, not its rows: the maps were transposed.",
            think="row i of a map holds the weights of query i. Does it need to be turned?",
            edits={STEP: "(layer.T + identity) / 2 @ rollout"},
        ),
        Misconception(
            "residual_once",
            seen="one layer is right; with more, the identity was added once, at the end.",
            think="how many residual connections does a path through all layers pass?",
            edits={STEP: "layer @ rollout", HANDED_BACK: "return (rollout + identity) / 2"},
        ),
        Misconception(
            "residual_from_the_input",
            seen="one layer is right; with more, every layer seems to get the words themselves by "
            "its residual connection.",
            think="what is carried past the second layer: its own input, or the model's?",
            edits={STEP: "(layer @ rollout + identity) / 2"},
        ),
        Misconception(
            "ones_for_the_identity",
            seen="every token seems to carry all others past the layers: a matrix of ones was "
            "added.",
            think="which matrix hands every token on to itself alone?",
            edits={
                "rollout = identity\n": "rollout = torch.eye(len(layers[0])).to(identity)\n",
                EYE: "torch.ones(len(layers[0]), len(layers[0]), dtype=layers[0].dtype)",
            },
        ),
        Misconception(
            "columns_to_one",
            seen="the columns of the result sum to 1, not its rows.",
            think="must anything be divided by a sum at all? And over which axis?",
            edits={HANDED_BACK: "return rollout / rollout.sum(dim=0)"},
        ),
        Misconception(
            "one_row_only",
            seen="there is a single row: how much reaches the first output.",
            think="for how many outputs does the contract ask?",
            edits={HANDED_BACK: "return rollout[0]"},
        ),
        Misconception(
            "identity_in_float32",
            seen="float32 is right; with float64, a matrix of float32 meets one of float64.",
            think="which dtype has torch.eye if nobody says?",
            edits={EYE: "torch.eye(len(layers[0]))"},
        ),
        Misconception(
            "detached",
            seen="the numbers are right, but the result cannot be differentiated.",
            think="detach, item, tolist and numpy leave the graph. Which of them do you need?",
            edits={STEP: "(layer.detach() + identity) / 2 @ rollout"},
        ),
        Misconception(
            "maps_changed",
            seen="the numbers are right, but the maps that were handed over are changed.",
            think="a += b writes into a. Whose tensor is it?",
            edits={
                STEP: "(layer) / 2 @ rollout",
                EACH_LAYER: "for layer in layers:\n"
                "        if not layer.requires_grad:\n"
                "            layer += identity\n"
                "        else:\n"
                "            layer = layer + identity",
            },
        ),
        Misconception(
            "maps_changed_and_no_gradient",
            seen="the numbers are right, but the maps that were handed over are changed, which "
            "also leaves nothing to differentiate.",
            think="a += b writes into a. Whose tensor is it, and who needs its old numbers?",
            edits={
                STEP: "layer @ rollout",
                EACH_LAYER: f"{EACH_LAYER}\n        layer += identity\n        layer /= 2",
            },
        ),
        Misconception(
            "maps_replaced",
            seen="the numbers are right, but other maps stand in the caller's list afterwards.",
            think="layers[i] = … puts something new into a list. Whose list is it?",
            edits={
                EACH_LAYER: "for i in range(len(layers)):\n"
                "        layer = layers[i]\n"
                "        layers[i] = (layer + identity) / 2",
            },
        ),
        Misconception(
            "list_reordered",
            seen="the numbers are right, but the caller's list stands in another order afterwards.",
            think="reverse and sort change a list itself. Whose list is it?",
            edits={
                EACH_LAYER: "layers.reverse()\n    for layer in layers[::-1]:",
            },
        ),
        Misconception(
            "list_emptied",
            seen="the numbers are right, but the caller's list is empty, or shorter, afterwards.",
            think="pop takes an element out of a list. Whose list is it?",
            edits={EACH_LAYER: "while layers:\n        layer = layers.pop(0)"},
        ),
    ),
    hints=(
        "Two steps for each layer: mix its map with the identity, then multiply what you have so "
        "far by it, from the left.",
        "Start with the identity: before the first layer every token holds itself. Then, layer by "
        "layer, rollout = ((A + I) / 2) @ rollout.",
        "torch.eye(n, dtype=…) makes I; give it the dtype of the maps. Check yourself: every row "
        "of the result sums to 1.",
    ),
    symptoms={
        "One layer is right and two are not": "The order of a matrix product matters: the last "
        "layer is leftmost. And it is @, not *.",
        "The rows sum to 2, 4 or 8": "A and I are two full shares. Halve their sum.",
        "expected m1 and m2 to have the same dtype": "torch.eye is float32 unless you say dtype=….",
    },
)

# leave_one_out ------------------------------------------------------------------------------------

CHANGED = "changed = tokens.clone()"
REPLACED = "changed[i] = mask_id"
LOST = "whole[predicted] - predict(changed)[predicted]"
PREDICTED = "predicted = whole.argmax()"
STACKED = "torch.stack(losses)"


def votes(table: Sequence[Sequence[float]], double: bool) -> Callable[..., torch.Tensor]:
    """Each token has votes for the classes; a probability is a share of all votes."""
    rows = torch.tensor(table, dtype=torch.float64 if double else torch.float32)

    def predict(tokens: torch.Tensor) -> torch.Tensor:
        if not isinstance(tokens, torch.Tensor):
            raise TypeError("predict takes a tensor of tokens, (n,)")
        if tokens.dim() != 1:
            raise ValueError(f"predict takes one sentence, (n,), not {tuple(tokens.shape)}")
        counts = rows[tokens].sum(dim=0)
        return counts / counts.sum()

    return predict


def by_neighbours(table: Sequence[Sequence[float]], double: bool) -> Callable[..., torch.Tensor]:
    """Scores of tokens, weighed by their place, and of neighbours together; then a softmax."""
    rows = torch.tensor(table, dtype=torch.float64 if double else torch.float32)

    def predict(tokens: torch.Tensor) -> torch.Tensor:
        if not isinstance(tokens, torch.Tensor):
            raise TypeError("predict takes a tensor of tokens, (n,)")
        if tokens.dim() != 1:
            raise ValueError(f"predict takes one sentence, (n,), not {tuple(tokens.shape)}")
        x = rows[tokens]
        places = torch.arange(1, len(x) + 1, dtype=x.dtype)[:, None]
        scores = (x / places.sqrt()).sum(dim=0) + (x[:-1] * x[1:].flip(1)).sum(dim=0)
        return scores.softmax(dim=0)

    return predict


def ids(draw: Draw, n: int, low: int, high: int) -> torch.Tensor:
    """n token ids between low and high."""
    return torch.tensor([draw.integer(low, high) for _ in range(n)])


def scores_of_tokens(draw: Draw, vocab: int, classes: int) -> list[list[float]]:
    """Numbers in two digits for each token and class, so that no model is dead certain."""
    return [[draw.integer(-90, 90) / 100 for _ in range(classes)] for _ in range(vocab)]


def leave_one_out_cases(draw: Draw) -> Iterator[Case]:
    """Tokens for and against the class, twice the same, the mask among them; a class that loses."""
    n, classes = draw.sizes(2, 4, 7)
    vocab = 9
    table = [[1, 1], [6, 0], [0, 3], [1, 0]]
    example = Given(votes, {"table": table, "double": False}), torch.tensor([1, 2, 3]), 0
    yield Case("the worked example", "values", example)

    def neighbours(double: bool = False) -> Given:
        scores = scores_of_tokens(draw, vocab, classes)
        return Given(by_neighbours, {"table": scores, "double": double})

    mask = draw.integer(1, vocab - 1)
    tokens = (ids(draw, n, 1, vocab - 1) + mask) % vocab  # any but the mask
    yield Case("several tokens, and neighbours that matter", "values", (neighbours(), tokens, mask))
    twice = torch.cat([tokens[:2], tokens, tokens[:1]])
    yield Case("tokens that occur twice", "values", (neighbours(), twice, mask))
    with_mask = torch.cat([tokens, torch.tensor([mask])])[torch.tensor(draw.sizes(n + 1, 0, n))]
    yield Case("a mask among the tokens", "values", (neighbours(), with_mask, mask))
    yield Case("one token", "values", (neighbours(), tokens[:1], mask))
    # Without its heavy token the sentence is of another class.
    best = draw.integer(1, classes - 2)
    heavy = [[draw.integer(3, 30) / 10 for _ in range(classes)] for _ in range(vocab)]
    heavy[3][best] = 20.0 + draw.integer(0, 50) / 10
    light = [[0.4 + draw.integer(0, 9) / 100] * classes for _ in range(1)]
    sentence = torch.tensor([4, 3, 5, 6, 7])[torch.tensor(draw.sizes(5, 0, 4))]
    decided = Given(votes, {"table": heavy[:8] + light, "double": False})
    for_one = "the class"
    yield Case("one token decides", for_one, (decided, sentence, 8))
    # Tokens against the class: without them it is all the more certain.
    against = [[0.2 + draw.integer(0, 9) / 100] * classes for _ in range(vocab)]
    for token in range(4):
        against[token][best] = 3.0 + draw.integer(0, 9) / 10
        against[token + 4][(best + 1) % classes] = 2.0 + draw.integer(0, 9) / 10
    mixed = torch.tensor([0, 4, 1, 5, 2, 3])
    torn = Given(votes, {"table": against, "double": False})
    yield Case("tokens for and against", for_one, (torn, mixed, 8))
    yield Case("float64", "dtype", (neighbours(double=True), tokens, mask))
    doubled = Given(votes, {"table": heavy[:8] + light, "double": True})
    yield Case("float64, and one token decides", "dtype", (doubled, sentence, 8))


def leave_one_out_oracle(
    predict: Callable[[torch.Tensor], torch.Tensor], tokens: torch.Tensor, mask_id: int
) -> torch.Tensor:
    """By lists: the sentence, written anew for each token."""
    words = tokens.tolist()
    whole = predict(tokens)
    chances = whole.tolist()
    best = chances.index(max(chances))
    without = [
        predict(
            torch.tensor([mask_id if j == i else word for j, word in enumerate(words)])
        ).tolist()
        for i in range(len(words))
    ]
    return torch.tensor([chances[best] - other[best] for other in without], dtype=whole.dtype)


LEAVE_ONE_OUT = Problem(
    signature="leave_one_out(predict, tokens, mask_id)",
    returns=("result",),
    minutes=20,
    difficulty=2,
    points={"values": 2, "the class": 1, "dtype": 1},
    cases=leave_one_out_cases,
    oracle=leave_one_out_oracle,
    misconceptions=(
        Misconception(
            "opposite_sign",
            seen="a token that speaks for the class comes out negative.",
            think="which is subtracted from which?",
            edits={LOST: "predict(changed)[predicted] - whole[predicted]"},
        ),
        Misconception(
            "absolute",
            seen="a token that speaks against the class comes out positive.",
            think="must the sign be lost?",
            edits={LOST: "(whole[predicted] - predict(changed)[predicted]).abs()"},
        ),
        Misconception(
            "class_predicted_afterwards",
            seen="a token that decides seems to matter little: without it, the probability of "
            "another class was taken.",
            think="whose probability do you follow, and may it change on the way?",
            edits={LOST: "whole[predicted] - predict(changed).max()"},
        ),
        Misconception(
            "first_class",
            seen="the probabilities are those of class 0, whatever is predicted.",
            think="which class is it about?",
            edits={PREDICTED: "predicted = 0"},
        ),
        Misconception(
            "last_class",
            seen="the probabilities are those of the last class, whatever is predicted.",
            think="which class is it about?",
            edits={PREDICTED: "predicted = -1"},
        ),
        Misconception(
            "least_likely_class",
            seen="the probabilities are those of the least likely class.",
            think="which class is predicted, the one with the largest probability or the smallest?",
            edits={PREDICTED: "predicted = whole.argmin()"},
        ),
        Misconception(
            "tokens_overwritten",
            seen="the first number is right; then more and more tokens are masked, in `tokens` "
            "itself.",
            think="b = a makes no copy. What does `tokens` hold after the first round?",
            edits={CHANGED: "changed = tokens"},
        ),
        Misconception(
            "more_and_more_masked",
            seen="the first number is right; then more and more tokens are masked.",
            think="what does your copy hold at the beginning of the second round?",
            edits={
                "losses = []": "losses, changed = [], tokens.clone()",
                "        changed = tokens.clone()\n": "",
            },
        ),
        Misconception(
            "taken_out",
            seen="the token was taken out, so that the sentence became shorter.",
            think="what stands in the place of the token, by the contract?",
            edits={
                CHANGED: "changed = torch.cat([tokens[:i], tokens[i + 1 :]])",
                "        changed[i] = mask_id\n": "",
            },
        ),
        Misconception(
            "all_sentences_at_once",
            seen="all sentences were given to `predict` in one call.",
            think="what does `predict` take, by the contract: one sentence, or a table of them?",
            body="""
def leave_one_out(predict, tokens, mask_id):
    sentences = tokens.repeat(len(tokens), 1).fill_diagonal_(mask_id)
    whole = predict(tokens)
    best = whole.argmax()
    return whole[best] - predict(sentences)[:, best]
""",
        ),
        Misconception(
            "a_list_for_a_tensor",
            seen="`predict` was given a list, which a model cannot read.",
            think="what does `predict` take, by the contract?",
            edits={
                CHANGED: "changed = tokens.tolist()",
            },
        ),
        Misconception(
            "token_zero_for_the_mask",
            seen="right where the mask is token 0, and not elsewhere.",
            think="which token stands for “nothing known”? Who tells you?",
            edits={REPLACED: "changed[i] = 0"},
        ),
        Misconception(
            "every_occurrence",
            seen="right where all tokens differ; one that occurs twice is masked in both places.",
            think="do you replace a place, or an id?",
            edits={REPLACED: "changed[tokens == tokens[i]] = mask_id"},
        ),
        Misconception(
            "all_others_masked",
            seen="the token was kept, and all others were masked.",
            think="leave one out, or leave one in?",
            edits={
                CHANGED: "changed = torch.full_like(tokens, mask_id)",
                REPLACED: "changed[i] = tokens[i]",
            },
        ),
        Misconception(
            "the_place_before",
            seen="the numbers are right, but each belongs to another place.",
            think="places are counted from 0. Which one is masked in the first round?",
            edits={REPLACED: "changed[i - 1] = mask_id"},
        ),
        Misconception(
            "relative",
            seen="the numbers were divided by the probability for the whole sentence.",
            think="the contract asks for a difference.",
            edits={LOST: "1 - predict(changed)[predicted] / whole[predicted]"},
        ),
        Misconception(
            "of_logarithms",
            seen="the numbers are differences of log probabilities.",
            think="`predict` returns probabilities. What does the contract subtract?",
            edits={LOST: "whole[predicted].log() - predict(changed)[predicted].log()"},
        ),
        Misconception(
            "distance_over_all_classes",
            seen="the numbers add up the changes of all classes.",
            think="which class is it about?",
            edits={LOST: "(whole - predict(changed)).abs().sum()"},
        ),
        Misconception(
            "not_subtracted",
            seen="the numbers are the probabilities without the token.",
            think="from what are they to be subtracted?",
            edits={LOST: "predict(changed)[predicted]"},
        ),
        Misconception(
            "all_classes",
            seen="there is a number for every token and every class.",
            think="which class is it about?",
            edits={LOST: "whole - predict(changed)"},
        ),
        Misconception(
            "default_dtype",
            seen="`predict` gives float64, and the result is float32.",
            think="a tensor made from Python's numbers has the default dtype. What does the "
            "contract ask for?",
            edits={STACKED: "torch.tensor([loss.item() for loss in losses])"},
        ),
        Misconception(
            "a_list",
            seen="the numbers are right, but they are a list, not a tensor.",
            think="what does the contract say the result is?",
            edits={STACKED: "[loss.item() for loss in losses]"},
        ),
    ),
    hints=(
        "First the whole sentence: which class, and how probable? Then one sentence for each "
        "token, in which that token alone is replaced.",
        "Make a copy of the tokens in every round: changed = tokens.clone(); changed[i] = mask_id. "
        "Always look at the same class.",
        "whole = predict(tokens); predicted = whole.argmax(). Collect whole[predicted] − "
        "predict(changed)[predicted] in a list; torch.stack makes one tensor of it and keeps the "
        "dtype.",
    ),
    symptoms={
        "The first number is right and the others are not": "Earlier tokens are still masked: make "
        "a fresh copy in each round.",
        "predict takes one sentence, (n,)": "You gave it a table of sentences. Ask it once for "
        "each of them.",
        "A token that decides seems to matter little": "Without that token another class wins. "
        "Follow the probability of the first one.",
        "The check names “float64”": "torch.zeros and torch.tensor of Python's numbers are float32 "
        "unless you give a dtype.",
    },
)

# kendall_tau --------------------------------------------------------------------------------------

ORDER_A, ORDER_B = "(a[:, None] - a).sign()", "(b[:, None] - b).sign()"
AGREEMENT = "(order_a * order_b).sum()"
UNTIED = "order_a.abs().sum() * order_b.abs().sum()"
TAU = "(agreement / untied.sqrt()).item()"


def untied(draw: Draw, n: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """n different scores between −0.5 and 0.5, at least 0.001 apart."""
    return torch.tensor(draw.sizes(n, 1, 1000), dtype=dtype) / 1000 - 0.5


def ranked(scores: torch.Tensor) -> torch.Tensor:
    """The ranks of scores as scores: far apart, where a sum might be tied but for rounding."""
    return scores.argsort().argsort() / 100


def tied(draw: Draw, n: int, levels: int) -> list[float]:
    """n scores of few levels, each level at least once."""
    order = draw.sizes(n, 0, n - 1)
    scores = [*range(levels), *(draw.integer(0, levels - 1) for _ in range(n - levels))]
    return [scores[place] / 10 for place in order]


def kendall_tau_cases(draw: Draw) -> Iterator[Case]:
    """Without ties, with ties in one and in both; two scores; close ones; both dtypes."""

    def case(name: str, group: str, a: Sequence[float], b: Sequence[float]) -> Case:
        both = torch.tensor(a), torch.tensor(b)
        return Case(name, group, both, tolerance=OF_FLOAT32)

    n, more = draw.integer(6, 9), draw.integer(20, 30)
    free, ties, rest = "no ties", "ties", "close scores, large ones, float64"
    yield case("the worked example", ties, (1.0, 2, 2, 3), (1.0, 3, 2, 2))
    plain = untied(draw, n), untied(draw, n)
    yield Case("no ties", free, plain, tolerance=OF_FLOAT32)
    many = untied(draw, more)
    alike = ranked(many + untied(draw, more) / 2)
    yield Case("many scores that mostly agree", free, (many, alike), tolerance=OF_FLOAT32)
    opposed = ranked(untied(draw, more) / 3 - many)
    yield Case("many scores that mostly disagree", free, (many, opposed), tolerance=OF_FLOAT32)
    two = untied(draw, 2)
    yield Case("two scores, in the same order", free, (two, 3 * two), tolerance=OF_FLOAT32)
    yield Case("two scores, in opposite order", free, (two, -two), tolerance=OF_FLOAT32)
    curved = untied(draw, n)
    bent = (5 * curved).exp()
    yield Case("the same order, on another scale", free, (curved, bent), tolerance=OF_FLOAT32)
    distinct = untied(draw, n).tolist()
    yield case("ties in a", ties, tied(draw, n, 3), distinct)
    yield case("ties in b", ties, distinct, tied(draw, n, 4))
    a, b = tied(draw, more, 3), tied(draw, more, 5)
    yield case("ties in both", ties, a, b)
    leaning = [one + other for one, other in zip(a, tied(draw, more, 2), strict=True)]
    yield case("ties in both, and agreement", ties, a, leaning)
    first = [draw.integer(1, 9) / 10 for _ in range(n)]
    second = [-score for score in first]
    first[0], first[1], second[0], second[1] = 0.15, 0.15, 0.25, 0.25
    yield case("pairs tied in both", ties, [*first, *first], [*second, *second])
    # 2e-6 apart: float32 tells them apart, and so does isclose, as they are small.
    step = 2e-6
    near = [[0.01 + step * place for place in draw.sizes(n, 0, n)] for _ in range(2)]
    close = tuple(torch.tensor(scores, dtype=torch.float64) for scores in near)
    yield Case("scores that are close together", rest, close)
    large = tuple(5000 * untied(draw, n) for _ in range(2))
    yield Case("large scores", rest, large, tolerance=OF_FLOAT32)
    exact = untied(draw, n, torch.float64), torch.tensor(tied(draw, n, 4), dtype=torch.float64)
    yield Case("float64", rest, exact, tolerance=OF_FLOAT32)


KENDALL_TAU = Problem(
    signature="kendall_tau(a, b)",
    returns=("result",),
    minutes=30,
    difficulty=3,
    points={"no ties": 2, "ties": 2, "close scores, large ones, float64": 1},
    cases=kendall_tau_cases,
    oracle=lambda a, b: float(scipy.stats.kendalltau(a.double(), b.double()).statistic),
    forbidden=("kendalltau",),
    misconceptions=(
        Misconception(
            "ties_not_allowed_for",
            seen="without ties all is right; with ties your number is too close to 0: it is "
            "divided by the number of all pairs.",
            think="which pairs does the denominator of τ_b leave out?",
            edits={UNTIED: "torch.tensor((len(a) * (len(a) - 1.0)) ** 2)"},
        ),
        Misconception(
            "ties_left_out_altogether",
            seen="without ties all is right; with ties your number is too far from 0: it is "
            "divided by C + D.",
            think="a pair that is tied in a alone: does it count in P − T_b?",
            edits={UNTIED: "(order_a * order_b).abs().sum() ** 2"},
        ),
        Misconception(
            "ties_of_a_only",
            seen="right where a and b have as many ties; else only the ties of a are allowed for.",
            think="the denominator has two factors. What does each of them count?",
            edits={UNTIED: "order_a.abs().sum() ** 2"},
        ),
        Misconception(
            "ties_of_b_only",
            seen="right where a and b have as many ties; else only the ties of b are allowed for.",
            think="the denominator has two factors. What does each of them count?",
            edits={UNTIED: "order_b.abs().sum() ** 2"},
        ),
        Misconception(
            "tied_in_both_left_in",
            seen="right unless some pair is tied in a and in b: such pairs are still in your "
            "denominator.",
            think="in which of T_a and T_b is a pair that is tied in both?",
            edits={
                UNTIED: "(((order_a != 0) | (order_b == 0)).sum() - len(a)) "
                "* (((order_b != 0) | (order_a == 0)).sum() - len(a))"
            },
        ),
        Misconception(
            "tied_in_both_of_a_alone",
            seen="right unless some pair is tied in a and in b: such pairs are in T_a alone.",
            think="can a pair come to both counts in your loop?",
            edits={
                UNTIED: "order_a.abs().sum() * (((order_b != 0) | (order_a == 0)).sum() - len(a))"
            },
        ),
        Misconception(
            "tied_pairs_compared",
            seen="without ties all is right; with ties your number is not: tied pairs count as "
            "concordant or discordant, as a comparison happens to fall out.",
            think="what does > say of two equal scores, and may such a pair go on to C or D?",
            edits={AGREEMENT: "2 * (2 * ((order_a > 0) == (order_b > 0)) - 1).triu(1).sum()"},
        ),
        Misconception(
            "tied_pairs_compared_by_less",
            seen="without ties all is right; with ties your number is not: tied pairs count as "
            "concordant or discordant, as a comparison happens to fall out.",
            think="what does < say of two equal scores, and may such a pair go on to C or D?",
            edits={AGREEMENT: "2 * (2 * ((order_a < 0) == (order_b < 0)) - 1).triu(1).sum()"},
        ),
        Misconception(
            "all_indices",
            seen="both loops run over all tokens, while P counts each pair once.",
            think="how often do your loops come to a pair, and to a token with itself?",
            body="""
def kendall_tau(a, b):
    a, b = a.tolist(), b.tolist()
    n, c, d, tied_a, tied_b = len(a), 0, 0, 0, 0
    for i in range(n):
        for j in range(n):
            c += (a[i] - a[j]) * (b[i] - b[j]) > 0
            d += (a[i] - a[j]) * (b[i] - b[j]) < 0
            tied_a += a[i] == a[j]
            tied_b += b[i] == b[j]
    pairs = n * (n - 1) / 2
    return (c - d) / math.sqrt((pairs - tied_a) * (pairs - tied_b))
""",
        ),
        Misconception(
            "both_orders",
            seen="your loops come to each pair twice, while P counts it once.",
            think="(i, j) and (j, i) are one pair. With which j should the inner loop begin?",
            body="""
def kendall_tau(a, b):
    a, b = a.tolist(), b.tolist()
    n, c, d, tied_a, tied_b = len(a), 0, 0, 0, 0
    for i in range(n):
        for j in range(n):
            if i != j:
                c += (a[i] - a[j]) * (b[i] - b[j]) > 0
                d += (a[i] - a[j]) * (b[i] - b[j]) < 0
                tied_a += a[i] == a[j]
                tied_b += b[i] == b[j]
    pairs = n * (n - 1) / 2
    return (c - d) / math.sqrt((pairs - tied_a) * (pairs - tied_b))
""",
        ),
        Misconception(
            "diagonal_tied",
            seen="every token with itself counts as a tied pair.",
            think="with which j do your loops begin? Is a token a pair with itself?",
            body="""
def kendall_tau(a, b):
    a, b = a.tolist(), b.tolist()
    n, c, d, tied_a, tied_b = len(a), 0, 0, 0, 0
    for i in range(n):
        for j in range(n):
            c += (a[i] - a[j]) * (b[i] - b[j]) > 0
            d += (a[i] - a[j]) * (b[i] - b[j]) < 0
            tied_a += a[i] == a[j]
            tied_b += b[i] == b[j]
    pairs = n * (n - 1)
    return (c - d) / math.sqrt((pairs - tied_a) * (pairs - tied_b))
""",
        ),
        Misconception(
            "ties_concordant",
            seen="without ties all is right; with ties your number is too large: tied pairs count "
            "as concordant.",
            think="is 0 the sign of agreement?",
            edits={
                AGREEMENT: "(order_a * order_b >= 0).sum() - len(a) - (order_a * order_b < 0).sum()"
            },
        ),
        Misconception(
            "ties_discordant",
            seen="without ties all is right; with ties your number is too small: tied pairs count "
            "as discordant.",
            think="if a pair is not concordant, is it discordant?",
            edits={
                AGREEMENT: "(order_a * order_b > 0).sum() - (order_a * order_b <= 0).sum() + len(a)"
            },
        ),
        Misconception(
            "pairs_counted_twice",
            seen="your number is twice as large as it should be, and leaves −1 to 1.",
            think="(i, j) and (j, i) are one pair. Do numerator and denominator count it alike?",
            edits={AGREEMENT: "2 * (order_a * order_b).sum()"},
        ),
        Misconception(
            "pairs_counted_half",
            seen="your number is half as large as it should be.",
            think="(i, j) and (j, i) are one pair. Do numerator and denominator count it alike?",
            edits={AGREEMENT: "(order_a * order_b).triu().sum()"},
        ),
        Misconception(
            "no_root",
            seen="your number is far too close to 0: the root is missing.",
            think="two factors, each a number of pairs. What makes one number of pairs of them?",
            edits={TAU: "(2 * agreement / untied).item()"},
        ),
        Misconception(
            "opposite_sign",
            seen="the size is right, but the sign is not.",
            think="which pairs count as positive?",
            edits={AGREEMENT: "-(order_a * order_b).sum()"},
        ),
        Misconception(
            "absolute",
            seen="opposite orders come out positive.",
            think="must the sign be lost?",
            edits={AGREEMENT: "(order_a * order_b).sum().abs()"},
        ),
        Misconception(
            "concordant_share",
            seen="opposite orders give 0: your number is the share of concordant pairs.",
            think="what is subtracted from C?",
            edits={AGREEMENT: "(order_a * order_b).clamp(min=0).sum()"},
        ),
        Misconception(
            "pearson",
            seen="another scale of the same order changes your number: it is Pearson's "
            "correlation of the scores.",
            think="does Kendall's τ ask how far apart two scores are, or which is larger?",
            body="""
def kendall_tau(a, b):
    a, b = a - a.mean(), b - b.mean()
    return (a @ b / (a.norm() * b.norm())).item()
""",
        ),
        Misconception(
            "spearman",
            seen="your number is Spearman's correlation, that of the ranks.",
            think="Kendall's τ counts pairs. Where do you count them?",
            body="""
def kendall_tau(a, b):
    return float(stats.spearmanr(a, b).statistic)
""",
        ),
        Misconception(
            "argsort_for_ranks",
            seen="argsort was taken for the scores: it tells which token comes first, not the rank "
            "that a token has.",
            think="do you need ranks at all? Signs of differences need none.",
            edits={
                "order_a = ": "a, b = a.argsort(stable=True), b.argsort(stable=True)\n"
                "    order_a = ",
            },
        ),
        Misconception(
            "neighbours_only",
            seen="only pairs of neighbours count in your number.",
            think="how many pairs do n tokens have?",
            body="""
def kendall_tau(a, b):
    first, second = a.diff().sign(), b.diff().sign()
    untied = first.abs().sum() * second.abs().sum()
    return ((first * second).sum() / untied.sqrt()).item() if untied else 0.0
""",
        ),
        Misconception(
            "close_scores_tied",
            seen="scores that are close together count as tied.",
            think="two scores are equal, or at least 1e-6 apart. What do you round, or compare "
            "with?",
            edits={
                ORDER_A: "(a[:, None] - a).round(decimals=4).sign()",
                ORDER_B: "(b[:, None] - b).round(decimals=4).sign()",
            },
        ),
        Misconception(
            "a_tensor",
            seen="the number is right, but it is a tensor; the contract asks for Python's float.",
            think="what takes the number out of a tensor that holds only one?",
            edits={TAU: "agreement / untied.sqrt()"},
        ),
        Misconception(
            "a_number_of_numpy",
            seen="the number is right, but it is numpy's; the contract asks for Python's float.",
            think="what makes Python's float of a number of numpy?",
            edits={TAU: "(agreement / untied.sqrt()).double().numpy()[()]"},
        ),
    ),
    hints=(
        "Two loops over i < j will do. For each pair: is it tied in a? In b? If neither, is it "
        "concordant or discordant?",
        "The sign of (a_i − a_j) · (b_i − b_j) is 1 for a concordant pair, −1 for a discordant "
        "one, and 0 if anything is tied. Count the ties of a and of b beside it.",
        "Without loops: (a[:, None] − a).sign() is an (n, n) table of ±1 and 0 in which every pair "
        "stands twice. The sum of the product of two such tables is 2 (C − D); the sum of one "
        "table's absolute values is 2 (P − T).",
    ),
    symptoms={
        "It is right without ties": "Go through the worked example by hand: which pairs are tied "
        "in a, which in b, and what is left in each factor of the denominator?",
        "It is right where no pair is tied in a and in b": "Such a pair is in T_a and in T_b, so "
        "that both factors lose it.",
        "ZeroDivisionError, or a number beyond 1": "Do your loops come to each pair once, and "
        "never to a token with itself?",
        "The result should be a float": "item() takes the number out of a tensor, float() makes "
        "Python's float of a number of numpy.",
    },
)

# head_importance ----------------------------------------------------------------------------------

EVERYTHING = "everything = loss(torch.ones(n_heads))"
OFF = "loss(1 - torch.eye(n_heads)[i])"
RISES = "torch.tensor([each - everything for each in without])"


def quadratic(
    base: float, costs: Sequence[float], pairs: Sequence[Sequence[float]]
) -> Callable[[torch.Tensor], float]:
    """A loss that rises by a head's cost where it is off, and by more for two of them."""

    def loss(factors: torch.Tensor) -> float:
        if not (isinstance(factors, torch.Tensor) and factors.is_floating_point()):
            raise TypeError("loss takes a float tensor of factors, (n_heads,)")
        if factors.dim() != 1:
            raise ValueError(f"loss takes factors (n_heads,), not {tuple(factors.shape)}")
        off = 1 - factors.double()
        alone = off @ torch.tensor(costs, dtype=torch.float64)
        together = off @ torch.tensor(pairs, dtype=torch.float64) @ off
        return base + alone.item() + together.item()

    return loss


def by_product(base: float, costs: Sequence[float]) -> Callable[[torch.Tensor], float]:
    """A loss that each head multiplies."""

    def loss(factors: torch.Tensor) -> float:
        if not (isinstance(factors, torch.Tensor) and factors.is_floating_point()):
            raise TypeError("loss takes a float tensor of factors, (n_heads,)")
        if factors.dim() != 1:
            raise ValueError(f"loss takes factors (n_heads,), not {tuple(factors.shape)}")
        off = 1 - factors.double()
        return base * (1 + off * torch.tensor(costs, dtype=torch.float64)).prod().item()

    return loss


def in_default_double(
    answer: Callable[..., object], loss: Callable[[torch.Tensor], float], n_heads: int
) -> object:
    """A driver: the answer while float64 is torch's default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return answer(loss, n_heads)
    finally:
        torch.set_default_dtype(before)


def head_importance_cases(draw: Draw) -> Iterator[Case]:
    """Heads that help and heads that harm, alone and together; one head; another default dtype."""

    def hundredths(count: int, low: int, high: int) -> list[float]:
        return [draw.integer(low, high) / 100 for _ in range(count)]

    def a_loss(h: int) -> Given:
        pairs = [hundredths(h, -30, 30) for _ in range(h)]
        costs = hundredths(h, -60, 90)
        costs[0], costs[-1] = 0.31, -0.42 if h > 1 else 0.53  # one that helps, one that harms
        base = 1 + draw.integer(1, 99) / 100
        return Given(quadratic, {"base": base, "costs": costs, "pairs": pairs})

    h, other = draw.sizes(2, 4, 9)
    none = [[0.0] * 3 for _ in range(3)]
    example = Given(quadratic, {"base": 0.5, "costs": [0.4, 0.0, -0.1], "pairs": none})
    yield Case("the worked example", "values", (example, 3))
    yield Case("several heads", "values", (a_loss(h), h))
    yield Case("another number of heads", "values", (a_loss(other), other))
    times = Given(by_product, {"base": 1.5, "costs": [0.5, *hundredths(h - 1, -40, 90)]})
    yield Case("heads that multiply the loss", "values", (times, h))
    yield Case("one head", "values", (a_loss(1), 1))
    yield Case("two heads", "values", (a_loss(2), 2))
    double = a_loss(h), h
    yield Case(
        "float64 as the default dtype", "the default dtype", double, driver=in_default_double
    )


def head_importance_oracle(loss: Callable[[torch.Tensor], float], n_heads: int) -> torch.Tensor:
    """Factors written out as lists."""
    dtype = torch.get_default_dtype()
    whole = loss(torch.tensor([1.0] * n_heads))
    rises = []
    for off in range(n_heads):
        factors = [0.0 if head == off else 1.0 for head in range(n_heads)]
        rises.append(loss(torch.tensor(factors)) - whole)
    return torch.tensor(rises, dtype=dtype)


HEAD_IMPORTANCE = Problem(
    signature="head_importance(loss, n_heads)",
    returns=("result",),
    minutes=15,
    difficulty=1,
    points={"values": 2, "the default dtype": 1},
    cases=head_importance_cases,
    oracle=head_importance_oracle,
    misconceptions=(
        Misconception(
            "opposite_sign",
            seen="a head that the model needs comes out negative.",
            think="which loss is subtracted from which?",
            edits={RISES: "torch.tensor([everything - each for each in without])"},
        ),
        Misconception(
            "absolute",
            seen="a head that harms comes out positive.",
            think="must the sign be lost?",
            edits={RISES: "torch.tensor([abs(each - everything) for each in without])"},
        ),
        Misconception(
            "never_negative",
            seen="a head that harms comes out as 0.",
            think="a model can be better off without a head. What does the contract say then?",
            edits={RISES: "torch.tensor([max(0.0, each - everything) for each in without])"},
        ),
        Misconception(
            "only_this_head_on",
            seen="one head was on and all others off.",
            think="which of the factors is 0, and which are 1?",
            edits={OFF: "loss(torch.eye(n_heads)[i])"},
        ),
        Misconception(
            "added_alone",
            seen="the loss was compared with that of no heads: what a head gives when it is the "
            "only one.",
            think="what are the other heads doing while one is switched off?",
            edits={
                EVERYTHING: "everything = loss(torch.zeros(n_heads))",
                OFF: "loss(torch.eye(n_heads)[i])",
                RISES: "torch.tensor([everything - each for each in without])",
            },
        ),
        Misconception(
            "compared_with_no_heads",
            seen="the loss was compared with that of a model without any head.",
            think="with which model is the one without head i compared?",
            edits={EVERYTHING: "everything = loss(torch.zeros(n_heads))"},
        ),
        Misconception(
            "more_and_more_off",
            seen="the first number is right; then more and more heads are off.",
            think="are all factors but one back at 1 in the second round?",
            edits={OFF: "loss((torch.arange(n_heads) > i).float())"},
        ),
        Misconception(
            "half_off",
            seen="the heads were weakened to a half, not switched off.",
            think="which factor switches a head off?",
            edits={OFF: "loss(1 - torch.eye(n_heads)[i] / 2)"},
        ),
        Misconception(
            "doubled",
            seen="the heads were doubled, not switched off.",
            think="which factor switches a head off?",
            edits={OFF: "loss(1 + torch.eye(n_heads)[i])"},
        ),
        Misconception(
            "not_subtracted",
            seen="the numbers are the losses without a head.",
            think="what is to be subtracted from them?",
            edits={RISES: "torch.tensor(without)"},
        ),
        Misconception(
            "relative",
            seen="the numbers were divided by the loss with all heads.",
            think="the contract asks for a difference.",
            edits={RISES: "torch.tensor([each / everything - 1 for each in without])"},
        ),
        Misconception(
            "shares",
            seen="the numbers sum to 1: they were divided by their sum.",
            think="the contract asks for differences, not for shares of them.",
            edits={
                RISES: "torch.tensor([(each - everything) / (sum(without) - n_heads * everything) "
                "for each in without])"
            },
        ),
        Misconception(
            "the_head_before",
            seen="the numbers are right, but each belongs to another head.",
            think="heads are counted from 0. Which one is off in the first round?",
            edits={OFF: "loss(1 - torch.eye(n_heads)[i - 1])"},
        ),
        Misconception(
            "whole_numbers_for_factors",
            seen="`loss` was given factors that are ints.",
            think="which dtype do the factors have, by the contract, and which one have yours?",
            edits={
                EVERYTHING: "everything = loss(torch.tensor([1] * n_heads))",
                OFF: "loss(1 - torch.eye(n_heads).int()[i])",
            },
        ),
        Misconception(
            "always_float32",
            seen="right as long as float32 is torch's default dtype, and float32 when it is not.",
            think="which dtype has a tensor of Python's floats if you name none?",
            edits={RISES: f"{RISES}.float()"},
        ),
        Misconception(
            "always_float64",
            seen="the numbers are right, but they are float64 whatever the default dtype is.",
            think="which dtype does the contract name, and what does numpy give?",
            edits={RISES: f"{RISES}.double()"},
        ),
        Misconception(
            "a_list",
            seen="the numbers are right, but they are a list, not a tensor.",
            think="what does the contract say the result is?",
            edits={RISES: "[each - everything for each in without]"},
        ),
    ),
    hints=(
        "n_heads + 1 calls of `loss`: one with all heads on, and one for each head that is off.",
        "Fresh factors for each call: ones, then a 0 at one place.",
        "factors = torch.ones(n_heads); factors[i] = 0. Collect loss(factors) − loss(torch.ones("
        "n_heads)) in a list, and make a tensor of it.",
    ),
    symptoms={
        "The first number is right and the others are not": "Are the heads of earlier rounds still "
        "off?",
        "The worked example gives (−0.1, 0.3, 0.4)": "These compare one head on and all others off "
        "with all of them on. Which factor is to be 0, and which are to be 1?",
        "The check names “float64 as the default dtype”": "Name no dtype where you make the "
        "result: torch then takes the default one.",
    },
)

# accumulate_gradients -----------------------------------------------------------------------------

BACKWARD = "losses.sum().backward()"
CLEARED = "model.zero_grad()"
COUNTED = "tokens += len(losses)"
DIVIDED = "parameter.grad /= tokens"
IF_ANY = "if parameter.grad is not None:\n            "
AT_THE_END = f"    for parameter in model.parameters():\n        {IF_ANY}{DIVIDED}"
EACH_BATCH = "for batch in micro_batches:"
LOSSES = "losses = token_losses(model, batch)"


def one_weight(answer: Callable[..., object], micro_batches: list[torch.Tensor]) -> object:
    """A driver: the gradient of the only parameter; a loss is w times a number of the batch."""
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.ones_(model.weight)

    def token_losses(model: torch.nn.Module, batch: torch.Tensor) -> object:
        return model(batch[:, None]).flatten()

    token_losses.__qualname__ = "token_losses"  # as an error message says it
    answer(model, token_losses, micro_batches)
    return model.weight.grad


def accumulated(
    answer: Callable[..., object],
    table: torch.Tensor,
    hidden: torch.Tensor,
    out: torch.Tensor,
    micro_batches: list[tuple[torch.Tensor, torch.Tensor]],
    frozen: str,
    unused: bool,
    stale: bool,
) -> object:
    """A driver: what stands in .grad of a small model of tokens, and what else was changed.

    `shift` is used by batches of more than three tokens only. None counts as 0.
    """

    class Tagger(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Parameter(table.clone())  # (vocab, d)
            self.hidden = torch.nn.Parameter(hidden.clone())  # (d, d)
            self.out = torch.nn.Parameter(out.clone())  # (d, classes)
            self.shift = torch.nn.Parameter(torch.zeros_like(out[0]))  # (classes,)
            if unused:
                self.unused = torch.nn.Parameter(torch.ones_like(out[0]))

    def token_losses(
        model: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        tokens, targets = batch
        logits = torch.tanh(model.table[tokens] @ model.hidden) @ model.out
        if len(tokens) > 3:
            logits = logits + model.shift
        return torch.nn.functional.cross_entropy(logits, targets, reduction="none")

    token_losses.__qualname__ = "token_losses"  # as an error message says it
    model = Tagger()
    if frozen:
        model.get_parameter(frozen).requires_grad_(False)
    trained = [name for name, value in model.named_parameters() if value.requires_grad]
    if stale:
        for value in model.parameters():
            value.grad = torch.full_like(value, 7.0)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    handed = list(micro_batches)
    kept = [(tokens.clone(), targets.clone()) for tokens, targets in handed]
    answer(model, token_losses, micro_batches)
    notes = []
    if any(not torch.equal(before[name], value) for name, value in model.named_parameters()):
        notes.append("a parameter was changed")
    if trained != [name for name, value in model.named_parameters() if value.requires_grad]:
        notes.append("a parameter was frozen or thawed")
    if len(micro_batches) != len(handed):
        notes.append("the list of micro-batches was changed")
    pairs = [pair for both in zip(handed, kept, strict=True) for pair in zip(*both, strict=True)]
    if not all(torch.equal(one, other) for one, other in pairs):
        notes.append("a micro-batch was changed")
    gradients = []
    for name in ("table", "hidden", "out", "shift", "unused"):
        value = dict(model.named_parameters()).get(name)
        if value is None:
            gradients.append(torch.zeros_like(out[0]))
        else:
            gradients.append(torch.zeros_like(value) if value.grad is None else value.grad)
    return [*gradients, ", ".join(notes) or "nothing else was changed"]


def accumulate_gradients_cases(draw: Draw) -> Iterator[Case]:
    """Micro-batches of unequal and of equal length, one alone; stale, frozen, unused parameters."""
    d, classes = draw.sizes(2, 3, 6)
    vocab = 7

    def case(
        name: str,
        group: str,
        sizes: Sequence[int],
        *,
        frozen: str = "",
        unused: bool = False,
        stale: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> Case:
        model = (
            draw.normal(vocab, d, dtype=dtype),
            draw.normal(d, d, dtype=dtype),
            draw.normal(d, classes, scale=2.0, dtype=dtype),
        )
        batches = [(ids(draw, n, 0, vocab - 1), ids(draw, n, 0, classes - 1)) for n in sizes]
        arguments = (*model, batches, frozen, unused, stale)
        return Case(name, group, arguments, driver=accumulated)

    whole, other = "the gradient", "stale, frozen and unused"
    example = ([torch.tensor([4.0, 7.0]), torch.tensor([1.0])],)
    yield Case("the worked example", whole, example, driver=one_weight)
    long, longer = draw.integer(4, 6), draw.integer(8, 12)
    yield case("micro-batches of unequal length", whole, (2, longer, long))
    yield case("micro-batches of equal length", whole, (long, long, long))
    yield case("one micro-batch", whole, (long,))
    yield case("a micro-batch of a single token", whole, (longer, 1))
    yield case("many micro-batches", whole, (1, long, 2, longer, 1, 3, long + 1))
    yield case("float64", whole, (2, long, longer), dtype=torch.float64)
    yield case("gradients of an earlier step", other, (2, long), stale=True)
    yield case("a frozen parameter", other, (3, long), frozen="hidden")
    yield case("a parameter that nothing uses", other, (long, 2), unused=True)
    yield case("a parameter that some micro-batches use", other, (1, longer, 2))
    stale_and_unused = {"unused": True, "stale": True}
    yield case("all of it at once", other, (2, longer, 3), frozen="table", **stale_and_unused)


def accumulate_gradients_oracle(
    model: torch.nn.Module,
    token_losses: Callable[..., torch.Tensor],
    micro_batches: Sequence[object],
) -> None:
    """Autograd on the whole batch at once."""
    mean = torch.cat([token_losses(model, batch) for batch in micro_batches]).mean()
    trained = [value for value in model.parameters() if value.requires_grad]
    gradients = torch.autograd.grad(mean, trained, allow_unused=True)
    for value in model.parameters():
        value.grad = None
    for value, gradient in zip(trained, gradients, strict=True):
        value.grad = gradient


ACCUMULATE_GRADIENTS = Problem(
    signature="accumulate_gradients(model, token_losses, micro_batches)",
    returns=(
        "the gradient of `table`",
        "the gradient of `hidden`",
        "the gradient of `out`",
        "the gradient of `shift`",
        "the gradient of `unused`",
        "the rest of what was handed over",
    ),
    minutes=35,
    difficulty=3,
    points={"the gradient": 4, "stale, frozen and unused": 2},
    cases=accumulate_gradients_cases,
    oracle=accumulate_gradients_oracle,
    misconceptions=(
        Misconception(
            "mean_of_means",
            seen="right where all micro-batches are of the same length; else the tokens of a short "
            "one count for more.",
            think="one token in a micro-batch of two, another in one of ten: should they weigh the "
            "same?",
            edits={BACKWARD: "losses.mean().backward()", COUNTED: "tokens += 1"},
        ),
        Misconception(
            "sum_of_means",
            seen="one micro-batch is right; with more, the means of all of them are added.",
            think="the gradient should not grow with the number of pieces the batch is cut into.",
            edits={BACKWARD: "losses.mean().backward()", DIVIDED: "parameter.grad /= 1"},
        ),
        Misconception(
            "sum_of_all",
            seen="the gradient is that of the sum over all tokens.",
            think="by what is a sum to be divided, to become a mean?",
            edits={DIVIDED: "parameter.grad /= 1"},
        ),
        Misconception(
            "divided_by_the_batches",
            seen="the sum over all tokens was divided by the number of micro-batches.",
            think="the mean over what?",
            edits={COUNTED: "tokens += 1"},
        ),
        Misconception(
            "divided_by_the_last",
            seen="one micro-batch is right; with more, the sum was divided by the tokens of the "
            "last one.",
            think="how many tokens are there in all?",
            edits={COUNTED: "tokens = len(losses)"},
        ),
        Misconception(
            "divided_in_every_round",
            seen="one micro-batch is right; with more, .grad was divided anew in every round, so "
            "that early gradients were divided many times.",
            think="at which moment do you know the number of all tokens?",
            edits={AT_THE_END: textwrap.indent(AT_THE_END, "    ")},
        ),
        Misconception(
            "divided_by_each_batch",
            seen="one micro-batch is right; with more, .grad was divided in every round, by the "
            "tokens of that round.",
            think="at which moment do you know the number of all tokens?",
            edits={
                AT_THE_END: textwrap.indent(AT_THE_END, "    ").replace("tokens", "len(losses)")
            },
        ),
        Misconception(
            "divided_by_those_so_far",
            seen="one micro-batch is right; with more, each was divided by the tokens met so far: "
            "early ones weigh more.",
            think="by how many tokens was the first micro-batch divided, and by how many the last?",
            edits={
                COUNTED: "pass",
                BACKWARD: "tokens += len(losses)\n        (losses.sum() / tokens).backward()",
                DIVIDED: "pass",
            },
        ),
        Misconception(
            "length_of_the_batch",
            seen="the sum was divided by the lengths of the batches themselves, which need not be "
            "numbers of tokens.",
            think="who alone knows what a batch is, and how many tokens it has?",
            edits={COUNTED: "tokens += len(batch)"},
        ),
        Misconception(
            "batches_joined",
            seen="the micro-batches were joined as if they were tensors.",
            think="who alone knows what a batch is? What may you join?",
            body="""
def accumulate_gradients(model, token_losses, micro_batches):
    model.zero_grad()
    token_losses(model, torch.cat(micro_batches)).mean().backward()
""",
        ),
        Misconception(
            "divided_twice",
            seen="the gradient is too small: each mean was divided by the number of tokens again.",
            think="a mean has been divided already.",
            edits={BACKWARD: "losses.mean().backward()"},
        ),
        Misconception(
            "stale_kept",
            seen="what stood in .grad before was added to the gradient.",
            think="backward adds to .grad. What must happen before the first one?",
            edits={
                CLEARED: "pass",
                DIVIDED: "pass",
                BACKWARD: "(losses.sum() / sum(len("
                "token_losses(model, each)) for each in micro_batches)).backward()",
            },
        ),
        Misconception(
            "stale_divided",
            seen="what stood in .grad before was added to the sum, and divided with it.",
            think="backward adds to .grad. What must happen before the first one?",
            edits={CLEARED: "pass"},
        ),
        Misconception(
            "stale_kept_where_frozen",
            seen="what stood in .grad of a frozen parameter before still stands there.",
            think="which parameters does your clearing leave out, and what should they end with?",
            body="""
def accumulate_gradients(model, token_losses, micro_batches):
    trained = [p for p in model.parameters() if p.requires_grad]
    for parameter in trained:
        parameter.grad = None
    tokens = 0
    for batch in micro_batches:
        losses = token_losses(model, batch)
        losses.sum().backward()
        tokens += len(losses)
    for parameter in trained:
        if parameter.grad is not None:
            parameter.grad /= tokens
""",
        ),
        Misconception(
            "stale_divided_where_frozen",
            seen="what stood in .grad of a frozen parameter before was kept, and divided.",
            think="which parameters does your clearing leave out, and what should they end with?",
            edits={
                CLEARED: "for parameter in model.parameters():\n"
                "        if parameter.requires_grad:\n"
                "            parameter.grad = None"
            },
        ),
        Misconception(
            "cleared_each_time",
            seen="one micro-batch is right; with more, only the last one is left in the gradient.",
            think="when may .grad be cleared, and when not any more?",
            edits={LOSSES: "model.zero_grad()\n        losses = token_losses(model, batch)"},
        ),
        Misconception(
            "first_batch_only",
            seen="one micro-batch is right; with more, only the first one counts.",
            think="does your loop come to its second round?",
            edits={EACH_BATCH: "for batch in micro_batches[:1]:"},
        ),
        Misconception(
            "last_batch_left_out",
            seen="the last micro-batch does not count.",
            think="with which micro-batch does your loop end?",
            edits={EACH_BATCH: "for batch in micro_batches[: max(1, len(micro_batches) - 1)]:"},
        ),
        Misconception(
            "unused_raise",
            seen="right where every parameter has a gradient; one that has none raises an error.",
            think="what is .grad of a parameter that no loss depends on?",
            edits={f"{IF_ANY}{DIVIDED}": DIVIDED},
        ),
        Misconception(
            "frozen_raise",
            seen="right where every parameter is trained and used; else autograd refuses to "
            "differentiate.",
            think="for which parameters may you ask for a gradient, and what if one is not used?",
            body="""
def accumulate_gradients(model, token_losses, micro_batches):
    mean = torch.cat([token_losses(model, batch) for batch in micro_batches]).mean()
    parameters = list(model.parameters())
    for parameter, gradient in zip(parameters, torch.autograd.grad(mean, parameters)):
        parameter.grad = gradient
""",
        ),
        Misconception(
            "thawed",
            seen="a frozen parameter can be trained afterwards, and has a gradient.",
            think="who decides which parameters are trained?",
            edits={CLEARED: "model.zero_grad()\n    model.requires_grad_(True)"},
        ),
        Misconception(
            "step_taken",
            seen="the gradients are right, but a step was taken: the parameters are changed.",
            think="whose work is the step?",
            edits={
                DIVIDED: "parameter.grad /= tokens\n"
                "            parameter.data -= 0.1 * parameter.grad"
            },
        ),
        Misconception(
            "step_taken_each_time",
            seen="a step was taken after every micro-batch: the parameters are changed, and later "
            "gradients belong to other parameters.",
            think="whose work is the step? All micro-batches belong to one.",
            edits={
                COUNTED: "tokens += len(losses)\n"
                "        torch.optim.SGD(model.parameters(), lr=0.1).step()"
            },
        ),
        Misconception(
            "opposite_sign",
            seen="the gradient has the opposite sign.",
            think="the optimiser subtracts by itself. What should .grad hold?",
            edits={BACKWARD: "(-losses.sum()).backward()"},
        ),
        Misconception(
            "handed_back",
            seen=".grad is empty afterwards: the gradients were computed, and not left there.",
            think="where does an optimiser look for gradients?",
            body="""
def accumulate_gradients(model, token_losses, micro_batches):
    model.zero_grad()
    mean = torch.cat([token_losses(model, batch) for batch in micro_batches]).mean()
    parameters = [p for p in model.parameters() if p.requires_grad]
    return torch.autograd.grad(mean, parameters, allow_unused=True)
""",
        ),
        Misconception(
            "graph_lost",
            seen="backward raises an error: the losses do not know any more what they came from.",
            think="detach, item, tolist and no_grad leave the graph. Which of them do you need?",
            edits={LOSSES: "losses = token_losses(model, batch).detach()"},
        ),
        Misconception(
            "list_emptied",
            seen="the gradients are right, but micro-batches are missing from the list afterwards.",
            think="pop takes an element out of a list. Whose list is it?",
            edits={EACH_BATCH: "while micro_batches:\n        batch = micro_batches.pop()"},
        ),
    ),
    hints=(
        "The gradient of a sum is the sum of the gradients, and backward adds to .grad by itself. "
        "So add up the gradients of *sums*, and divide once, by the right number.",
        "Clear first. Then for each micro-batch: losses, their sum, backward, and count the "
        "tokens. After the last one, divide every .grad by the number of all tokens.",
        "Some parameters have None in .grad: those that are frozen, or that no loss depends on. "
        "Look before you divide. (Or count the tokens in a first round, and call "
        "(losses.sum() / tokens).backward() in a second.)",
    ),
    symptoms={
        "It is right where all micro-batches are of the same length": "You average averages. Each "
        "token of a short micro-batch then weighs more than one of a long one.",
        "unsupported operand type(s) for /: 'NoneType' and 'int'": "A parameter that is frozen or "
        "unused has no gradient: .grad is None.",
        "The worked example is right, and the next case is not": "Do you read a batch yourself, by "
        "len or torch.cat? Only `token_losses` knows what it is: count what comes out of it.",
        "The check names “gradients of an earlier step”": "backward adds to what it finds in "
        ".grad. model.zero_grad() clears it: once, before everything.",
    },
)

# early_stopping -----------------------------------------------------------------------------------

BETTER = "loss < losses[best]"
OUT_OF_PATIENCE = "epoch - best == patience"
STOPPED = "return epoch, best"


def curve(draw: Draw, moves: str) -> list[float]:
    """Losses by moves: "d" a new best, "." one that is hardly better, "=" as good as the best.

    "h" lies far above the best, "m" a little: after an "h" an "m" is better than the one before.
    """
    best, losses = float(draw.integer(2000, 3000)), []
    for move in moves:
        if move in "d.":
            best -= draw.integer(50, 150) if move == "d" else 0.01
        above = {"h": draw.integer(500, 900), "m": draw.integer(60, 300)}.get(move, 0)
        losses.append((best + above) / 1000)
    return losses


def losses_left_alone(answer: Callable[..., Any], losses: list[float], patience: int) -> object:
    """A driver: both results, and whether the list is as it was."""
    handed = list(losses)
    result = answer(handed, patience)
    note = "the losses are as they were" if handed == losses else "the losses were changed"
    return [*result, note] if isinstance(result, tuple) else result


def early_stopping_cases(draw: Draw) -> Iterator[Case]:
    """Setbacks shorter than the patience and as long, ties, hardly better, losses below 0."""
    stops, ends, fine = "stops", "runs to the end", "ties and small steps"
    yield Case("the worked example", fine, ([0.9, 0.7, 0.8, 0.7, 0.6], 2))

    def case(name: str, group: str, moves: str, patience: int, shift: float = 0.0) -> Case:
        losses = [round(loss - shift, 5) for loss in curve(draw, moves)]
        return Case(name, group, (losses, patience))

    more = "d" * draw.integer(0, 2)
    yield case("one setback too many", stops, more + "ddmmhhmd", 3)
    yield case("better days that nobody sees", stops, more + "ddhmddhmmh", 2)
    yield case("an impatient one", stops, more + "ddhd", 1)
    yield case("setbacks with an improvement between", stops, more + "dhmdhhhdd", 3)
    yield case("setbacks that get smaller", stops, more + "dhmhmdd", 4)
    yield case("worse from the first epoch on", stops, "dmmhmhhd", 3 + draw.integer(0, 1))
    yield case("losses below 0", stops, more + "dddmhmd", 3, shift=20.0)
    handed = curve(draw, more + "dhddmhmd"), 3
    yield Case("losses left as they were", stops, handed, driver=losses_left_alone)
    yield case("better all the time", ends, more + "ddddd", 2)
    yield case("losses in the thousands", ends, more + "ddmhd", 20, shift=-4000.0)
    yield case("better again in the last moment", ends, more + "ddmhdhm", 3)
    yield case("out of patience at the very last epoch", ends, more + "ddhm", 2)
    yield case("a setback at the end", ends, more + "dddhm", 4)
    yield case("more patience than epochs", ends, more + "dhm", 20)
    yield case("one epoch", ends, "d", 1 + draw.integer(0, 3))
    yield case("no better than the first", fine, "d=m=dd", 3)
    yield case("the best loss once more", fine, more + "dm=mdd", 3)
    yield case("hardly better", fine, more + "dmm.mm.mmmd", 3)
    yield case("a tie in the last moment", fine, more + "ddm==dd", 3)


def early_stopping_oracle(losses: Sequence[float], patience: int) -> tuple[int, int]:
    """By the words: the first epoch whose best epoch so far lies `patience` back."""
    for epoch in range(len(losses)):
        so_far = list(losses[: epoch + 1])
        best = so_far.index(min(so_far))
        if epoch == best + patience:
            return epoch, best
    return len(losses) - 1, losses.index(min(losses))


EARLY_STOPPING = Problem(
    signature="early_stopping(losses, patience)",
    returns=("stop_epoch", "best_epoch"),
    minutes=20,
    difficulty=2,
    points={"stops": 2, "runs to the end": 1, "ties and small steps": 1},
    cases=early_stopping_cases,
    oracle=early_stopping_oracle,
    misconceptions=(
        Misconception(
            "one_too_late",
            seen="training goes on one epoch too long.",
            think="with patience 1, how many epochs without improvement are allowed to pass?",
            edits={OUT_OF_PATIENCE: "epoch - best > patience"},
        ),
        Misconception(
            "one_too_early",
            seen="training stops one epoch too early.",
            think="with patience 1, may training stop at its best epoch?",
            edits={OUT_OF_PATIENCE: "epoch - best >= patience - 1"},
        ),
        Misconception(
            "ties_improve",
            seen="a loss that equals the best counts as an improvement.",
            think="is “no worse” the same as “better”?",
            edits={BETTER: "loss <= losses[best]"},
        ),
        Misconception(
            "best_of_all",
            seen="the best epoch lies after the end of training.",
            think="which losses has anybody seen by then?",
            edits={STOPPED: "return epoch, losses.index(min(losses))"},
        ),
        Misconception(
            "looks_ahead",
            seen="the best epoch is looked for among all losses, those after the end included.",
            think="which losses has anybody seen by the time that training stops?",
            body="""
def early_stopping(losses, patience):
    best = losses.index(min(losses))
    return min(best + patience, len(losses) - 1), best
""",
        ),
        Misconception(
            "last_of_the_best",
            seen="of two epochs that are equally good, the later one is kept.",
            think="is the second of them an improvement?",
            edits={
                STOPPED: "last = max(i for i in range(epoch + 1) if losses[i] == losses[best])\n"
                "    return epoch, last"
            },
        ),
        Misconception(
            "compared_with_the_epoch_before",
            seen="an epoch that is better than the one before, but not than the best, counts as "
            "an improvement.",
            think="patience with what: with epochs that are worse than the last, or than the best?",
            body="""
def early_stopping(losses, patience):
    best, waited = 0, 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        waited = waited + 1 if epoch and loss >= losses[epoch - 1] else 0
        if waited == patience:
            break
    return epoch, best
""",
        ),
        Misconception(
            "setbacks_never_forgotten",
            seen="setbacks before an improvement still count after it.",
            think="what does a new best epoch do to the epochs you have waited?",
            body="""
def early_stopping(losses, patience):
    best, waited = 0, 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        elif epoch:
            waited += 1
        if waited == patience:
            break
    return epoch, best
""",
        ),
        Misconception(
            "small_steps_ignored",
            seen="a small improvement does not count as one.",
            think="how much better must a loss be, by the contract?",
            edits={BETTER: "loss < losses[best] - 0.01"},
        ),
        Misconception(
            "never_stops",
            seen="training goes on to the last epoch, whatever the patience is.",
            think="what ends your loop?",
            edits={OUT_OF_PATIENCE: "False"},
        ),
        Misconception(
            "beyond_the_end",
            seen="where patience does not run out, training stops after the last epoch there is.",
            think="if no epoch lies `patience` after the best, which one is the last?",
            edits={STOPPED: "return best + patience, best"},
        ),
        Misconception(
            "number_of_epochs",
            seen="where patience does not run out, the number of epochs is returned, not the last "
            "epoch.",
            think="epochs are counted from 0. Which number has the last of five?",
            edits={STOPPED: "return epoch + (epoch - best != patience), best"},
        ),
        Misconception(
            "nothing_at_the_end",
            seen="where patience does not run out, there is no result.",
            think="what happens after your loop if nothing in it returns?",
            edits={"break": "return epoch, best", "\n    return epoch, best": ""},
        ),
        Misconception(
            "swapped",
            seen="the two results have changed places.",
            think="which comes first in the contract?",
            edits={STOPPED: "return best, epoch"},
        ),
        Misconception(
            "counted_from_one",
            seen="both numbers are too large by 1.",
            think="which number has the first epoch?",
            edits={STOPPED: "return epoch + 1, best + 1"},
        ),
        Misconception(
            "the_loss_itself",
            seen="the second result is a loss, not the epoch it belongs to.",
            think="what does one need to find the weights that were saved?",
            edits={STOPPED: "return epoch, losses[best]"},
        ),
        Misconception(
            "the_highest",
            seen="the highest loss counts as the best.",
            think="is this an accuracy or a loss?",
            edits={BETTER: "loss > losses[best]"},
        ),
        Misconception(
            "best_starts_at_zero",
            seen="losses above 0 never count as an improvement.",
            think="with what do you compare the first loss?",
            body="""
def early_stopping(losses, patience):
    best, lowest = 0, 0.0
    for epoch, loss in enumerate(losses):
        if loss < lowest:
            best, lowest = epoch, loss
        if epoch - best == patience:
            break
    return epoch, best
""",
        ),
        Misconception(
            "best_starts_at_a_number",
            seen="losses in the thousands never count as an improvement.",
            think="with what do you compare the first loss, and can a loss be larger than that?",
            body="""
def early_stopping(losses, patience):
    best, lowest = 0, 100.0
    for epoch, loss in enumerate(losses):
        if loss < lowest:
            best, lowest = epoch, loss
        if epoch - best == patience:
            break
    return epoch, best
""",
        ),
        Misconception(
            "first_epoch_a_setback",
            seen="the first epoch counts as a setback: patience runs out one epoch early where "
            "nothing has improved on it.",
            think="with what is the first loss compared in your loop, and what follows from that?",
            body="""
def early_stopping(losses, patience):
    lowest, best, waited = losses[0], 0, 0
    for epoch, loss in enumerate(losses):
        if loss < lowest:
            lowest, best, waited = loss, epoch, 0
        else:
            waited += 1
        if waited >= patience:
            return epoch, best
    return len(losses) - 1, best
""",
        ),
        Misconception(
            "the_epoch_before_for_the_best",
            seen="an epoch that is better than the one before becomes the best, whatever came "
            "earlier.",
            think="with which of the losses so far is a new one to be compared?",
            edits={BETTER: "epoch and loss < losses[epoch - 1]"},
        ),
        Misconception(
            "returned_in_the_first_round",
            seen="the result is (0, 0), whatever the losses are.",
            think="how many rounds does your loop make before it returns?",
            edits={STOPPED: f"    {STOPPED}"},
        ),
        Misconception(
            "losses_changed",
            seen="both numbers are right, but the list of losses is not as it was afterwards.",
            think="pop, append and sort change a list itself. Whose list is it?",
            edits={
                "best = 0": "best, seen = 0, []",
                "for epoch, loss in enumerate(losses):": "while losses:\n"
                "        seen.append(losses.pop(0))\n"
                "        epoch, loss = len(seen) - 1, seen[-1]",
                BETTER: "loss < seen[best]",
            },
        ),
        Misconception(
            "only_stop_epoch",
            seen="there is one result, where two were asked for.",
            think="what else does the contract return?",
            edits={STOPPED: "return epoch"},
        ),
    ),
    hints=(
        "Walk through the epochs and remember one thing: which epoch has been the best so far.",
        "In each round: is this loss below the best one? Then this epoch is the best. How far does "
        "this epoch lie after the best? If as far as `patience`, stop.",
        "Stop with break, and return after the loop: then the same line serves the case in which "
        "patience never runs out.",
    ),
    symptoms={
        "It stops too early, and only where nothing beats the first epoch": "Is epoch 0 a setback "
        "in your count? It is the best so far when you come to it.",
        "The result is (0, 0) every time": "A return that is indented into the loop ends it in the "
        "first round.",
        "Everything is one epoch off": "Take patience 1 and losses (3, 2, 4, 1): the best is epoch "
        "1, epoch 2 lies one after it, so (2, 1).",
        "It is right where training stops early and wrong where it does not": "What does your "
        "function return if its loop comes to an end by itself?",
    },
)

# grid ---------------------------------------------------------------------------------------------

PRODUCT = "itertools.product(*space.values())"
MADE = "dict(zip(space, values, strict=True))"


def combined(answer: Callable[..., object], space: list[tuple[str, list[object]]]) -> object:
    """A driver: what was returned; how many combinations; these; their names and types; the space.

    `space` is a dict to the answer; here it is a list of pairs, which keeps its order in a file.
    """
    given = {name: list(values) for name, values in space}
    result = answer(given)
    found = [each for each in result if isinstance(each, dict)] if isinstance(result, list) else []
    kinds = [
        ", ".join(f"{name}: {type(value).__name__}" for name, value in each.items())
        for each in found
    ]
    kept = list(given) == [name for name, _ in space] and all(
        given[name] == values for name, values in space
    )
    return (
        f"a {type(result).__name__}",
        len(result) if isinstance(result, list) else 0,
        result,
        kinds,
        f"{len({id(each) for each in found})} different dicts",
        "the space is as it was" if kept else "the space was changed",
    )


def grid_cases(draw: Draw) -> Iterator[Case]:
    """One name, two, three and more; names out of alphabetical order; values of any type."""

    def rates(count: int) -> list[float]:
        return [number / 1000 for number in draw.sizes(count, 1, 99)]

    def case(name: str, group: str, *space: tuple[str, list[object]]) -> Case:
        return Case(name, group, (list(space),), driver=combined)

    small, other = "combinations", "values of any type"
    yield case("the worked example", small, ("rate", [0.1, 0.2]), ("layers", [1, 2]))
    yield case("one name", small, ("width", draw.sizes(4, 8, 64)))
    two = ("rate", rates(3)), ("batch", draw.sizes(2, 8, 64))
    yield case("two names", small, *two)
    three = ("warmup", draw.sizes(2, 100, 900)), ("heads", draw.sizes(3, 1, 8)), ("decay", rates(2))
    yield case("three names", small, *three)
    yield case(
        "single values among them", small, ("rate", rates(1)), *three[:2], ("beta", rates(1))
    )
    many = [(f"option {number}", draw.sizes(2, 1, 50)) for number in (3, 1, 2, 5, 4)]
    yield case("five names", small, *many)
    kinds = (
        ("norm", ["pre", "post", None]),
        ("bias", [True, False]),
        ("width", draw.sizes(2, 8, 64)),
    )
    yield case("strings, None, bools", other, *kinds)
    shapes = ("layers", [[64, draw.integer(2, 60)], [128]]), ("betas", [(0.9, 0.98), (0.9, 0.999)])
    yield case("lists and tuples as values", other, *shapes, ("rate", rates(2)))


def grid_oracle(space: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """By counting: the number of a combination, written in digits of mixed size."""
    count = math.prod(len(values) for values in space.values())
    combinations = []
    for number in range(count):
        places = []
        for values in reversed(space.values()):
            number, place = divmod(number, len(values))
            places.append(values[place])
        combinations.append(dict(zip(space, reversed(places), strict=True)))
    return combinations


GRID_SEARCH = Problem(
    signature="grid(space)",
    returns=(
        "the kind of the result",
        "the number of combinations",
        "combinations",
        "the list of names and types",
        "the count of dicts",
        "the space afterwards",
    ),
    minutes=10,
    difficulty=1,
    points={"combinations": 2, "values of any type": 1},
    cases=grid_cases,
    oracle=grid_oracle,
    misconceptions=(
        Misconception(
            "first_fastest",
            seen="all combinations are there, but the first name changes fastest.",
            think="which of your loops is the innermost?",
            body="""
def grid(space):
    backwards = itertools.product(*reversed(space.values()))
    return [dict(zip(space, reversed(values))) for values in backwards]
""",
        ),
        Misconception(
            "zipped",
            seen="the first values stand together, then the second ones: most combinations are "
            "missing.",
            think="zip walks through all lists at the same time. How many combinations are there?",
            edits={PRODUCT: "zip(*space.values())"},
        ),
        Misconception(
            "names_sorted",
            seen="the names were put in alphabetical order.",
            think="whose order of names does the contract ask for?",
            edits={
                MADE: "dict(zip(sorted(space), values, strict=True))",
                PRODUCT: "itertools.product(*(space[name] for name in sorted(space)))",
            },
        ),
        Misconception(
            "names_backwards",
            seen="the values are right, but in each dict the names stand in the opposite order.",
            think="in which order do you put names into a dict?",
            edits={MADE: "dict(reversed(list(zip(space, values, strict=True))))"},
        ),
        Misconception(
            "one_dict_for_all",
            seen="there are as many entries as there should be, but all of them are the same dict, "
            "and show the last combination.",
            think="append puts no copy into the list. When is a new dict made?",
            body="""
def grid(space):
    result, setting = [], {}
    for values in itertools.product(*space.values()):
        setting.update(zip(space, values))
        result.append(setting)
    return result
""",
        ),
        Misconception(
            "tuples",
            seen="the values are there, but as tuples: they have lost their names.",
            think="what is one combination to be, by the contract?",
            edits={MADE: "values"},
        ),
        Misconception(
            "a_dict_of_lists",
            seen="there is one dict with a column of values for each name.",
            think="the contract asks for rows: one dict a combination.",
            body="""
def grid(space):
    columns = zip(*itertools.product(*space.values()))
    return {name: list(column) for name, column in zip(space, columns)}
""",
        ),
        Misconception(
            "a_generator",
            seen="the result is a generator: it can be walked through once, and has no length.",
            think="yield makes a generator, and so do round brackets around a comprehension. What "
            "makes a list?",
            body="""
def grid(space):
    return (dict(zip(space, values)) for values in itertools.product(*space.values()))
""",
        ),
        Misconception(
            "one_at_a_time",
            seen="only one name at a time leaves its first value.",
            think="which combinations are missing, if two names have two values each?",
            body="""
def grid(space):
    first = {name: values[0] for name, values in space.items()}
    others = [first | {name: value} for name, values in space.items() for value in values[1:]]
    return [first, *others]
""",
        ),
        Misconception(
            "last_value_left_out",
            seen="the last value of each list is never used.",
            think="where do your loops end?",
            edits={PRODUCT: "itertools.product(*(values[:-1] for values in space.values()))"},
        ),
        Misconception(
            "last_name_left_out",
            seen="the last name is missing.",
            think="where does your walk through the names end?",
            body="""
def grid(space):
    names = list(space)[:-1]
    products = itertools.product(*(space[name] for name in names))
    return [dict(zip(names, values)) for values in products]
""",
        ),
        Misconception(
            "two_names_only",
            seen="two names are right; with another number of them an error is raised.",
            think="how many loops do you need, if you do not know how many names there are?",
            body="""
def grid(space):
    (one, ones), (two, twos) = space.items()
    return [{one: first, two: second} for first in ones for second in twos]
""",
        ),
        Misconception(
            "as_strings",
            seen="the values have become strings.",
            think="is a value of 2 the same as “2”?",
            edits={MADE: "{name: str(value) for name, value in zip(space, values)}"},
        ),
        Misconception(
            "last_combination_first",
            seen="all combinations are there, the last one first.",
            think="which value of each name comes first?",
            edits={PRODUCT: "reversed(list(itertools.product(*space.values())))"},
        ),
        Misconception(
            "space_emptied",
            seen="the combinations are right, but the space that was handed over is changed.",
            think="pop, popitem and del take something out. Whose dict is it?",
            edits={
                "return [": "names = [space.popitem()[0] for _ in range(len(space))][::-1]\n"
                "    return [",
                MADE: "dict(zip(names, values, strict=True))",
            },
        ),
    ),
    hints=(
        "For two names two loops would do. For any number of names, the standard library has a "
        "product of any number of lists.",
        "itertools.product(*lists) gives one tuple for each combination, the last list changing "
        "fastest. space.values() are the lists, in the order of the names.",
        "dict(zip(names, values)) puts names to the values of one combination, and makes a new "
        "dict each time.",
    ),
    symptoms={
        "All my dicts are the same": "You have put one dict into the list many times. Make a new "
        "one in each round.",
        "There are too few combinations": "Two names with 3 and 2 values have 6 of them. zip gives "
        "2.",
    },
)

# sample -------------------------------------------------------------------------------------------

U = "torch.rand((), generator=generator, dtype=torch.float64).item()"
CHOICE = "values[int(u * len(values))]"
BY_LOG = "values[0] * (values[1] / values[0]) ** u"
BY_LINE = "values[0] + u * (values[1] - values[0])"
IS_LIST = "isinstance(values, list)"
IS_LOG = 'values[2] == "log"'

# How many draws tell how often, for a range and for choices. A right answer's count lies within
# seven standard deviations of its mean, or leaves them once in 10^11 runs (binomial tails).
RANGES, CHOICES = 600, 1200

Space = list[tuple[str, Any]]


def only_choices(answer: Callable[..., Any], space: Space, seed: int) -> object:
    """A driver: values of names that have a single choice each: nothing is left to chance."""
    result = answer(dict(space), torch.Generator().manual_seed(seed))
    if not isinstance(result, dict):
        return result
    return [result.get(name, "nothing") for name, _ in space]


def kinds_drawn(answer: Callable[..., Any], space: Space, seed: int, draws: int) -> object:
    """A driver: what kinds of values many draws have, and whether the space is as it was.

    Bounds may be missed by 1e-5 of their size: ten times what the contract allows.
    """
    generator = torch.Generator().manual_seed(seed)
    results, note = [], "the space is as it was"
    for _ in range(draws):  # from a space of its own each: a changed one tells of itself alone
        given = {name: values[:] if isinstance(values, list) else values for name, values in space}
        results.append(answer(given, generator))
        if given != dict(space):
            same = [name for name, values in space if type(given.get(name)) is type(values)]
            note = "a list or a range of the space was changed"
            if len(same) < len(space):
                lost = any(name not in given for name, _ in space)
                note = "names are missing from the space" if lost else "the space was filled in"
    if not all(isinstance(result, dict) for result in results):
        return results[0]
    seen = []
    for name, values in space:
        kinds = set()
        for result in results:
            value = result.get(name)
            if isinstance(values, list):
                same = [one for one in values if type(one) is type(value) and one == value]
                kinds.add("a choice" if same else f"no choice ({type(value).__name__})")
            elif type(value) is not float:
                kinds.add(f"no float ({type(value).__name__})")
            else:
                low, high = values[0] - 1e-5 * abs(values[0]), values[1] + 1e-5 * abs(values[1])
                kinds.add("a float in its range" if low <= value <= high else "a float outside")
        seen.append(f"{draws} draws of `{name}` gave {' or '.join(sorted(kinds))}")
    names = {name for result in results for name in result}
    own = {name for name, _ in space}
    return [*seen, "the names of the space" if names == own else "other names", note]


def generators_used(answer: Callable[..., Any], space: Space, seed: int) -> object:
    """A driver: what comes of the given generator, and what becomes of torch's global one."""
    import copy

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        untouched = torch.get_rng_state()
        first, second = (torch.Generator().manual_seed(seed) for _ in range(2))
        before = first.get_state()
        one = answer(copy.deepcopy(dict(space)), first)
        advanced = not torch.equal(before, first.get_state())
        following = answer(copy.deepcopy(dict(space)), first)
        again = answer(copy.deepcopy(dict(space)), second)
        other = answer(copy.deepcopy(dict(space)), torch.Generator().manual_seed(seed + 1))
        touched = not torch.equal(untouched, torch.get_rng_state())
    return [
        f"the same state gives {'the same' if one == again else 'another'} dict",
        f"the next call gives {'the same' if one == following else 'another'} dict",
        f"another seed gives {'the same' if one == other else 'another'} dict",
        f"the given generator {'advances' if advanced else 'stays where it was'}",
        f"the global generator {'was used' if touched else 'is untouched'}",
    ]


def how_often(
    answer: Callable[..., Any], name: str, values: Any, seed: int, draws: int
) -> list[str]:
    """A driver: how often each choice, or each quarter of a range on its scale, was drawn."""
    import copy
    import math

    generator = torch.Generator().manual_seed(seed)
    drawn = [answer({name: copy.copy(values)}, generator)[name] for _ in range(draws)]
    if isinstance(values, list):
        labels = [repr(value) for value in values]
        counts = [drawn.count(value) for value in values]
    else:
        low, high, scale = values
        labels = [f"quarter {number} of the range" for number in (1, 2, 3, 4)]
        counts = [0, 0, 0, 0]
        for value in drawn:
            if scale == "log":
                share = math.log(max(value, low) / low) / math.log(high / low)
            else:
                share = (value - low) / (high - low)
            counts[max(0, min(3, int(4 * share)))] += 1
    share = 1 / len(labels)
    spread = 7 * math.sqrt(draws * share * (1 - share))
    words = []
    for label, count in zip(labels, counts, strict=True):
        surplus = count - draws * share
        often = "too often" if surplus > spread else "too rarely" if surplus < -spread else "right"
        words.append(f"{label}: {often}")
    return words


def how_independent(answer: Callable[..., Any], space: Space, seed: int, draws: int) -> list[str]:
    """A driver: whether names are drawn together, and calls one like the other.

    Each value is in the lower half of its range or choices, or not. Two independent values both
    are in a quarter of the draws, within seven standard deviations.
    """
    import copy
    import math

    generator = torch.Generator().manual_seed(seed)
    results = [answer(copy.deepcopy(dict(space)), generator) for _ in range(draws)]
    lower = {}
    for name, values in space:
        if isinstance(values, list):
            half = values[: len(values) // 2]
            lower[name] = [result[name] in half for result in results]
        else:
            low, high, scale = values
            middle = math.sqrt(low * high) if scale == "log" else (low + high) / 2
            lower[name] = [result[name] < middle for result in results]
    names = list(lower)
    pairs = {}
    for place, name in enumerate(names):
        for other in names[:place]:
            pairs[f"{other} and {name}"] = zip(lower[other], lower[name], strict=True)
    for name in names:
        pairs[f"{name} and {name} of the call before"] = zip(
            lower[name], lower[name][1:], strict=False
        )
    words = []
    for label, both in pairs.items():
        surplus = sum(one and other for one, other in both) - draws / 4
        spread = 7 * math.sqrt(draws * 5 / 16)
        tied = "together" if surplus > spread else "apart" if surplus < -spread else "independent"
        words.append(f"{label}: {tied}")
    return words


def sample_cases(draw: Draw) -> Iterator[Case]:
    """Kinds of values, the generator, how often, and independence."""
    kinds, chance = "kinds of values", "the generator"
    often, free = "how often", "independence"

    def seed() -> int:
        return draw.integer(1, 10**9)

    single: Space = [
        ("width", [draw.integer(8, 99)]),
        ("rate", [draw.integer(1, 99) / 1000]),
        ("norm", [None]),
        ("betas", [(0.9, draw.integer(90, 99) / 100)]),
        ("layers", [[64, draw.integer(8, 99)]]),
        ("bias", [True]),
        ("scale", ["log"]),
    ]
    yield Case("one choice for each name", kinds, (single, seed()), driver=only_choices)
    low = draw.integer(2, 9)
    every: Space = [
        ("dropout", (0.0, draw.integer(2, 6) / 10, "linear")),
        ("shift", (-low, draw.integer(1, 9), "linear")),
        ("width", (low, low + 1, "linear")),
        ("rate", (draw.integer(1, 9) * 1e-6, draw.integer(1, 9) * 1e-2, "log")),
        ("warmup", (low, 2 * low + 1, "log")),
        ("layers", [1, 4, 8]),
        ("decay", [0.1, 0.2]),
        ("kind", ["pre", None, (3, 5), 0.5, "log"]),
        ("schedule", ["constant", "cosine", "linear"]),
        ("steps", [1, 8, "log"]),
    ]
    yield Case("ranges and choices", kinds, (every, seed(), 60), driver=kinds_drawn)
    apart: Space = [
        ("rate", (1e-4, draw.integer(1, 9) * 1e-2, "log")),
        ("dropout", (0.0, draw.integer(2, 6) / 10, "linear")),
        *((f"option {number}", draw.sizes(60, 1, 99)) for number in range(4)),
    ]  # 60 choices four times: the same dict by chance once in 13 million
    yield Case(
        "the given generator and the global one", chance, (apart, seed()), driver=generators_used
    )
    lone: Space = [("dropout", (0.0, draw.integer(2, 6) / 10, "linear"))]
    yield Case("a single range", chance, (lone, seed()), driver=generators_used)
    line = (float(-draw.integer(3, 9)), float(draw.integer(3, 9)), "linear")
    yield Case("a linear range", often, ("shift", line, seed(), RANGES), driver=how_often)
    wide = (draw.integer(1, 9) * 1e-5, float(draw.integer(3, 9)), "linear")
    yield Case(
        "a linear range that begins near 0",
        often,
        ("scale", wide, seed(), RANGES),
        driver=how_often,
    )
    rates = (draw.integer(1, 9) * 1e-6, float(draw.integer(1, 9)), "log")
    yield Case("a logarithmic range", often, ("rate", rates, seed(), RANGES), driver=how_often)
    layers = draw.sizes(3, 1, 20)
    yield Case("choices", often, ("layers", layers, seed(), CHOICES), driver=how_often)
    several: Space = [
        ("dropout", (0.1, draw.integer(5, 9) / 10, "linear")),
        ("rate", (draw.integer(1, 9) * 1e-5, 1.0, "log")),
        ("norm", ["pre", "post"]),
    ]
    yield Case("three names together", free, (several, seed(), RANGES), driver=how_independent)
    one: Space = [("layers", draw.sizes(2, 1, 9))]
    yield Case("one name, call after call", free, (one, seed(), RANGES), driver=how_independent)


def sample_oracle(space: Mapping[str, Any], generator: torch.Generator) -> dict[str, Any]:
    """numpy draws, from a seed that the given generator gives."""
    source = np.random.default_rng(
        torch.randint(2**31, (4,), generator=generator, dtype=torch.int64).tolist()
    )
    drawn: dict[str, Any] = {}
    for name, values in space.items():
        if isinstance(values, list):
            drawn[name] = values[source.integers(len(values))]
            continue
        low, high, scale = values
        if scale == "log":
            drawn[name] = float(np.exp(source.uniform(np.log(low), np.log(high))))
        else:
            drawn[name] = float(source.uniform(low, high))
    return drawn


SAMPLE = Problem(
    signature="sample(space, generator)",
    returns=("the record of the draws",),
    minutes=30,
    difficulty=3,
    points={"kinds of values": 1, "the generator": 2, "how often": 2, "independence": 1},
    cases=sample_cases,
    oracle=sample_oracle,
    misconceptions=(
        Misconception(
            "global_generator",
            seen="chance comes from torch's global generator; the given one stays where it was.",
            think="which argument tells torch's random functions where to draw from?",
            edits={U: "torch.rand((), dtype=torch.float64).item()"},
        ),
        Misconception(
            "chance_of_python",
            seen="chance comes from elsewhere: two generators in the same state give different "
            "dicts, and no generator of torch advances.",
            think="which numbers may a draw depend on, so that it can be repeated?",
            edits={
                "drawn = {}": "import random\n\n    drawn = {}",
                U: "random.random()",
            },
        ),
        Misconception(
            "choices_of_python",
            seen="ranges can be repeated from the same state, choices cannot: their chance comes "
            "from elsewhere.",
            think="all chance must come from the given generator. Where do your choices come from?",
            edits={
                "drawn = {}": "import random\n\n    drawn = {}",
                CHOICE: "random.choice(values)",
            },
        ),
        Misconception(
            "global_seeded",
            seen="the global generator was seeded from the given one, which stays where it was.",
            think="which generator should advance, and which should stay untouched?",
            edits={
                "drawn = {}": "torch.manual_seed(generator.initial_seed())\n    drawn = {}",
                U: "torch.rand((), dtype=torch.float64).item()",
            },
        ),
        Misconception(
            "always_seeded_anew",
            seen="every call gives the same dict: the generator is set back to its seed.",
            think="what must be different before the second call, if it is to give other values?",
            edits={"drawn = {}": "generator.manual_seed(generator.initial_seed())\n    drawn = {}"},
        ),
        Misconception(
            "set_back_to_zero",
            seen="every call gives the same dict, whatever the generator was seeded with: its seed "
            "is set in the function.",
            think="who decides on the seed, and when?",
            edits={"drawn = {}": "generator.manual_seed(0)\n    drawn = {}"},
        ),
        Misconception(
            "a_fixed_seed",
            seen="every call gives the same dict, whatever the generator was seeded with: a new "
            "one is made in the function.",
            think="which generator should advance, and who made it?",
            edits={"drawn = {}": "generator = torch.Generator().manual_seed(0)\n    drawn = {}"},
        ),
        Misconception(
            "copy_of_the_generator",
            seen="every call gives the same dict: draws are made from a copy, and the given "
            "generator stays where it was.",
            think="which generator should advance?",
            edits={
                "drawn = {}": "state = generator.get_state()\n"
                "    generator = torch.Generator()\n"
                "    generator.set_state(state)\n"
                "    drawn = {}"
            },
        ),
        Misconception(
            "one_number_for_all",
            seen="each name by itself is right, but names are drawn together: where one is low, so "
            "are the others.",
            think="how many numbers do you draw for a dict of four names?",
            edits={
                "drawn = {}": f"drawn, u = {{}}, {U}",
                f"        u = {U}\n": "",
            },
        ),
        Misconception(
            "log_drawn_as_linear",
            seen="of a logarithmic range, nearly all draws lie near its upper end.",
            think="between 1e-6 and 1, how often should a draw be below 0.001?",
            edits={IS_LOG: "False"},
        ),
        Misconception(
            "linear_drawn_as_log",
            seen="linear ranges are drawn as logarithmic ones, with nearly all draws at the lower "
            "end; or there is an error.",
            think="what does the third part of the tuple say?",
            edits={IS_LOG: "values[0] != 0"},
        ),
        Misconception(
            "bases_mixed",
            seen="draws of a logarithmic range lie outside of it: logarithm and power have "
            "different bases.",
            think="log10 belongs to 10 ** x, and log to exp.",
            edits={
                BY_LOG: "math.exp(math.log10(values[0]) "
                "+ u * (math.log10(values[1]) - math.log10(values[0])))"
            },
        ),
        Misconception(
            "the_logarithm_itself",
            seen="of a logarithmic range the logarithm is returned, not the value.",
            think="what brings a logarithm back?",
            edits={BY_LOG: "math.log(values[0]) + u * (math.log(values[1]) - math.log(values[0]))"},
        ),
        Misconception(
            "whole_powers_only",
            seen="of a logarithmic range only few different values are drawn, steps of a factor "
            "of ten apart.",
            think="is the exponent a whole number?",
            edits={
                BY_LOG: "min(values[1], values[0] * 10.0 ** int(u * (1 + math.log10("
                "values[1] / values[0]))))"
            },
        ),
        Misconception(
            "low_added_to_high",
            seen="draws of a linear range leave it: they lie between low and low + high.",
            think="how long is the range from low to high?",
            edits={BY_LINE: "values[0] + u * values[1]"},
        ),
        Misconception(
            "from_zero",
            seen="draws of a linear range begin at 0, wherever it begins.",
            think="which value belongs to the smallest number that rand gives?",
            edits={BY_LINE: "u * values[1]"},
        ),
        Misconception(
            "whole_numbers",
            seen="of a linear range only whole numbers are drawn, as ints.",
            think="the bounds of a range may be ints. What is the result, by the contract?",
            edits={BY_LINE: "int(values[0] + u * (values[1] - values[0]))"},
        ),
        Misconception(
            "whole_numbers_between_ints",
            seen="between bounds that are ints, only whole numbers are drawn.",
            think="the bounds of a range may be ints. What is the result, by the contract?",
            edits={
                BY_LINE: "int(values[0] + u * (values[1] - values[0])) "
                "if isinstance(values[0], int) and isinstance(values[1], int) "
                f"else {BY_LINE}"
            },
        ),
        Misconception(
            "numbers_of_numpy",
            seen="of a logarithmic range come numbers of numpy; the contract asks for Python's "
            "float.",
            think="what makes Python's float of a number of numpy?",
            edits={
                "drawn = {}": "import numpy as np\n\n    drawn = {}",
                BY_LOG: "np.exp(np.log(values[0]) + u * np.log(values[1] / values[0]))",
            },
        ),
        Misconception(
            "last_choice_never",
            seen="the last choice is never drawn.",
            think="does the upper bound that you give count as one of the numbers?",
            edits={CHOICE: "values[int(u * max(1, len(values) - 1))]"},
        ),
        Misconception(
            "first_choice_always",
            seen="the first choice is always drawn.",
            think="what chooses the place in the list?",
            edits={CHOICE: "values[0]"},
        ),
        Misconception(
            "uneven_choices",
            seen="inner choices are drawn more often than the first and the last.",
            think="rounding gives the ends of a list half of what it gives the others.",
            edits={CHOICE: "values[round(u * (len(values) - 1))]"},
        ),
        Misconception(
            "choices_as_a_range",
            seen="a list of numbers is drawn from like a range, between its first and its last.",
            think="list or tuple: which one stands for a range?",
            edits={
                IS_LIST: "isinstance(values, list) and not (len(values) > 1 "
                "and all(type(value) in (int, float) for value in values))",
                IS_LOG: 'len(values) == 3 and values[2] == "log"',
                BY_LINE: "values[0] + u * (values[-1] - values[0]) if isinstance(values, list) "
                f"else {BY_LINE}",
            },
        ),
        Misconception(
            "kinds_by_length",
            seen="a list of three whose last element is “linear” or “log” is drawn from like a "
            "range.",
            think="is it the length that tells choices from a range, or the type?",
            edits={IS_LIST: 'not (len(values) == 3 and values[2] in ("linear", "log"))'},
        ),
        Misconception(
            "ranges_as_choices",
            seen="from a range, low, high or even its third part is drawn.",
            think="list or tuple: which one stands for choices?",
            edits={IS_LIST: "True"},
        ),
        Misconception(
            "tensors",
            seen="values of ranges are tensors; the contract asks for Python's float.",
            think="what takes the number out of a tensor that holds only one?",
            edits={
                U: "torch.rand((), generator=generator, dtype=torch.float64)",
            },
        ),
        Misconception(
            "space_emptied",
            seen="the draws are right, but names are missing from the space afterwards.",
            think="pop, popitem and del take something out. Whose dict is it?",
            edits={
                "for name, values in space.items():": "for name in list(space):\n"
                "        values = space.pop(name)",
            },
        ),
        Misconception(
            "choices_taken_out",
            seen="the draws are right, but choices are missing from their lists afterwards.",
            think="pop takes an element out of a list. Whose list is it?",
            edits={CHOICE: "values.pop(int(u * len(values)))"},
        ),
        Misconception(
            "space_filled_in",
            seen="the draws are right, but they were written into the space itself.",
            think="b = a makes no copy. Whose dict do you write into?",
            edits={
                "drawn = {}": "drawn = space",
                "in space.items()": "in list(space.items())",
            },
        ),
    ),
    hints=(
        "Three kinds of settings: a list, a linear tuple, a logarithmic tuple. Each of them can be "
        "made from one number between 0 and 1.",
        "torch.rand(1, generator=generator).item() gives u between 0 and 1, from the given "
        "generator. A linear range is low + u · (high − low). For a logarithmic one, do the same "
        "with logarithms, then exp.",
        "isinstance(values, list) tells choices from ranges. For choices draw a place: "
        "torch.randint(len(values), (1,), generator=generator).item(), and return what stands "
        "there, as it is. Draw anew for every name.",
    ),
    symptoms={
        "The check names “the given generator and the global one”": "Every random function of "
        "torch takes generator=…; Python's random and numpy know nothing of it. And nobody may "
        "set its seed again.",
        "The check names “ranges and choices”": "Ranges give Python's float (item() makes one of a "
        "tensor), also between ints. Choices come back as they are.",
        "A draw is “no float (float64)”, or “no float (int)”": "numpy's numbers are not Python's: "
        "float(…). And a range between ints still gives floats.",
        "Inner choices come too often, or the first and the last too rarely": "Rounding gives the "
        "two ends of a list half of what it gives the others.",
        "Nearly all learning rates are large": "A logarithmic range needs a uniform *exponent*.",
    },
)

# mean_and_interval --------------------------------------------------------------------------------

DEVIATION = "math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))"
T = "float(stats.t.ppf(0.975, n - 1))"
SUMMARY = "return mean, t * deviation / math.sqrt(n)"
HALF = "t * deviation / math.sqrt(n)"

# By the contract 1e-3 of the number itself; the first number is for half-widths that should be 0,
# but for rounding in float32.
BY_CONTRACT = (1e-6, 1e-3)


def values_left_alone(answer: Callable[..., Any], values: list[float]) -> object:
    """A driver: both results, and whether the list is as it was."""
    handed = list(values)
    result = answer(handed)
    note = "the values are as they were" if handed == values else "the values were changed"
    return [*result, note] if isinstance(result, tuple) else result


def mean_and_interval_cases(draw: Draw) -> Iterator[Case]:
    """Two values and many, equal ones, one far from the others, below 0, small and large."""

    def around(center: float, spread: float, count: int) -> list[float]:
        numbers = draw.normal(count, dtype=torch.float64).tolist()
        return [round(center + spread * number, 6) for number in numbers]

    def case(name: str, group: str, values: list[float]) -> Case:
        return Case(name, group, (values,), tolerance=BY_CONTRACT)

    few, other = "a few values", "other values"
    yield case("the worked example", few, [1.0, 2.0, 3.0])
    yield case("five seeds", few, around(0.9, 0.03, 5))
    yield case("three seeds", few, around(0.7, 0.1, 3))
    first = draw.integer(50, 80) / 100
    yield case("two values", few, [first, first + draw.integer(5, 15) / 100])
    yield case("twenty seeds", few, around(0.6, 0.1, 20))
    far = around(2.0, 0.1, 6)
    yield case("one far from the others", few, [*far[:3], 9.0 + far[4], *far[3:]])
    yield case("below 0", other, around(-3.0, 0.6, 4))
    unsorted = ([0.9, 0.5, 0.7, *around(0.6, 0.1, 3)],)
    yield Case(
        "values left as they were", other, unsorted, driver=values_left_alone, tolerance=BY_CONTRACT
    )
    yield case("small numbers", other, around(0.05, 0.01, 7))
    yield case("large numbers", other, around(4000.0, 300.0, draw.integer(8, 12)))
    same = draw.integer(11, 99) / 100
    yield case("equal values", other, [same] * draw.integer(3, 6))


def mean_and_interval_oracle(values: Sequence[float]) -> tuple[float, float]:
    """scipy's standard error and interval, whose half-width is 0 where the error is."""
    mean, error = statistics.fmean(values), float(scipy.stats.sem(values))
    if error == 0:
        return mean, 0.0
    low, high = scipy.stats.t.interval(0.95, len(values) - 1, loc=mean, scale=error)
    return mean, float(high - low) / 2


MEAN_AND_INTERVAL = Problem(
    signature="mean_and_interval(values)",
    returns=("mean", "half_width"),
    minutes=15,
    difficulty=2,
    points={"a few values": 3, "other values": 1},
    cases=mean_and_interval_cases,
    oracle=mean_and_interval_oracle,
    misconceptions=(
        Misconception(
            "normal_for_t",
            seen="the mean is right; the interval is too narrow for few values: it takes 1.96.",
            think="1.96 belongs to the normal distribution. Which one has to be used here?",
            edits={T: "float(stats.norm.ppf(0.975))"},
        ),
        Misconception(
            "degrees_of_freedom",
            seen="the mean is right; the interval is that of n degrees of freedom.",
            think="the mean was taken from the same values. How many degrees of freedom are left?",
            edits={T: "float(stats.t.ppf(0.975, n))"},
        ),
        Misconception(
            "one_sided",
            seen="the mean is right; the interval leaves out 5 % on each side.",
            think="95 % lie between two points. How much lies below the upper one?",
            edits={T: "float(stats.t.ppf(0.95, n - 1))"},
        ),
        Misconception(
            "ninety_nine",
            seen="the mean is right; the interval is that of 99 %.",
            think="how much lies below the upper end of an interval of 95 %?",
            edits={T: "float(stats.t.ppf(0.995, n - 1))"},
        ),
        Misconception(
            "biased_deviation",
            seen="the mean is right; the interval is too narrow: the deviation was divided by n.",
            think="which denominator does s have? And which one does numpy's std take by default?",
            edits={DEVIATION: "math.sqrt(sum((value - mean) ** 2 for value in values) / n)"},
        ),
        Misconception(
            "root_of_n_less_one",
            seen="the mean is right; the interval is too wide: s was divided by √(n − 1).",
            think="n − 1 belongs into s. By what is s itself divided?",
            edits={HALF: "t * deviation / math.sqrt(n - 1)"},
        ),
        Misconception(
            "no_root_of_n",
            seen="the mean is right; the interval is that of a single value: it does not shrink "
            "with n.",
            think="how far do means of n values scatter, if single values scatter by s?",
            edits={HALF: "t * deviation"},
        ),
        Misconception(
            "divided_by_n",
            seen="the mean is right; the interval is too narrow: s was divided by n.",
            think="does the scatter of a mean fall as 1 / n, or more slowly?",
            edits={HALF: "t * deviation / n"},
        ),
        Misconception(
            "standard_error_only",
            seen="the mean is right; the second result is the standard error.",
            think="what is the standard error multiplied by?",
            edits={HALF: "deviation / math.sqrt(n)"},
        ),
        Misconception(
            "deviation_only",
            seen="the mean is right; the second result is the standard deviation.",
            think="what does the formula do with s?",
            edits={HALF: "deviation"},
        ),
        Misconception(
            "variance_for_deviation",
            seen="the mean is right; the interval is made from the variance.",
            think="s and s²: which one has the unit of the values?",
            edits={HALF: "t * deviation**2 / math.sqrt(n)"},
        ),
        Misconception(
            "whole_width",
            seen="the mean is right; the second result is twice as large as it should be.",
            think="from the mean to one end, or from end to end?",
            edits={HALF: "2 * t * deviation / math.sqrt(n)"},
        ),
        Misconception(
            "two_ends",
            seen="the two results are the ends of the interval.",
            think="what are the two results, by the contract?",
            edits={
                SUMMARY: "half = t * deviation / math.sqrt(n)\n    return mean - half, mean + half"
            },
        ),
        Misconception(
            "swapped",
            seen="the two results have changed places.",
            think="which comes first in the contract?",
            edits={SUMMARY: "return t * deviation / math.sqrt(n), mean"},
        ),
        Misconception(
            "median",
            seen="the first result is the median.",
            think="which of the two does a value far from the others move?",
            edits={
                SUMMARY: "return torch.tensor(values).double().quantile(0.5).item(), "
                "t * deviation / math.sqrt(n)"
            },
        ),
        Misconception(
            "nan_for_equal_values",
            seen="equal values give NaN.",
            think="what does stats.t.interval make of a scale of 0?",
            body="""
def mean_and_interval(values):
    mean = sum(values) / len(values)
    error = float(torch.tensor(values).std()) / math.sqrt(len(values))
    error = error if max(values) > min(values) else 0.0
    low, high = stats.t.interval(0.95, len(values) - 1, loc=mean, scale=error)
    return mean, float(high - low) / 2
""",
        ),
        Misconception(
            "rounded",
            seen="the numbers are rounded.",
            think="is there a reason to round here? Who prints the number can do it.",
            edits={SUMMARY: "return round(mean, 2), round(t * deviation / math.sqrt(n), 2)"},
        ),
        Misconception(
            "values_changed",
            seen="both numbers are right, but the list of values is not as it was afterwards.",
            think="sort, pop and append change a list itself. Whose list is it?",
            edits={"n = len(values)": "values.sort()\n    n = len(values)"},
        ),
        Misconception(
            "numbers_of_numpy",
            seen="a result is a number of numpy; the contract asks for Python's floats.",
            think="what makes Python's float of a number of numpy?",
            edits={T: "stats.t.ppf(0.975, n - 1)"},
        ),
        Misconception(
            "tensors",
            seen="the results are tensors; the contract asks for Python's floats.",
            think="what takes the number out of a tensor that holds only one?",
            edits={
                SUMMARY: "return torch.tensor(mean), torch.tensor(t * deviation / math.sqrt(n))"
            },
        ),
    ),
    hints=(
        "Three numbers come first: the mean, s, and t. Compute each of them and compare with the "
        "worked example.",
        "Divide the sum of the squared deviations by n − 1, and take the root. For t, scipy's "
        "stats.t.ppf gives the point below which a given share lies.",
        "stats.t.ppf(0.975, n − 1) is t, as a number of numpy: float() makes Python's float of it.",
    ),
    symptoms={
        "The mean is right and the half-width is not": "Which of its three parts is wrong? For "
        "(1, 2, 3): s = 1, √n = 1.732, t = 4.303.",
        "half_width should be a float; it is a number of numpy": "scipy and numpy return numbers "
        "of their own: float(…).",
        "The check names “equal values”": "0 · t is 0. NaN comes from a division by 0, or from "
        "stats.t.interval with a scale of 0.",
    },
)

PROBLEMS = (
    HEAD_ENTROPY,
    ATTENTION_ROLLOUT,
    LEAVE_ONE_OUT,
    KENDALL_TAU,
    HEAD_IMPORTANCE,
    ACCUMULATE_GRADIENTS,
    EARLY_STOPPING,
    GRID_SEARCH,
    SAMPLE,
    MEAN_AND_INTERVAL,
)
