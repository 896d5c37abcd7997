"""Assignment 3: cases, misconceptions, rules and help of every problem."""

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn
from torch.nn import functional

from autograder.problem import Case, Draw, Given, Misconception, Problem

# The built-ins that are what masked_attention and MaskedMultiHeadAttention build.
ATTENTION_OF_TORCH = (
    "scaled_dot_product_attention",
    "multi_head_attention_forward",
    "MultiheadAttention",
)

# A float32 near 1e4 is rounded by up to 5e-4, and weights move by about that much.
LARGE = (2e-3, 2e-3)

# Gradients of a module sum over batch and positions, and over more roundings.
SUMMED = (1e-4, 1e-3)


def causal(n: int) -> torch.Tensor:
    """Row i may attend columns 0 to i; written out, not by the operation that problem 1 needs."""
    return torch.tensor([[column <= row for column in range(n)] for row in range(n)])


def some_visible(draw: Draw, *shape: int) -> torch.Tensor:
    """A random mask in which every row may attend something and is denied something."""
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(draw.integer(0, 10**6))) < 0.6
    mask[..., 0] = ~mask[..., 1]
    return mask


# causal_mask --------------------------------------------------------------------------------------

CAUSAL = "torch.ones(n, n, dtype=torch.bool).tril()"


def causal_mask_cases(draw: Draw) -> Iterator[Case]:
    """Short and long; a single position."""
    few, many = draw.integer(4, 9), draw.integer(20, 90)
    yield Case("the worked example", "values", (3,))
    yield Case("a single position", "values", (1,))
    yield Case("a few positions", "values", (few,))
    yield Case("many positions", "values", (many,))


CAUSAL_MASK = Problem(
    signature="causal_mask(n)",
    returns=("result",),
    minutes=10,
    difficulty=1,
    points={"values": 2},
    cases=causal_mask_cases,
    oracle=causal,
    misconceptions=(
        Misconception(
            "upper",
            seen="each position may attend itself and what comes after it.",
            think="which is the row of your mask, the query or the key?",
            edits={CAUSAL: "torch.ones(n, n, dtype=torch.bool).triu()"},
        ),
        Misconception(
            "opposite_polarity",
            seen="True stands just where it should not: your mask tells what is hidden.",
            think="in this course, does True mean “may attend” or “may not”?",
            edits={CAUSAL: "torch.ones(n, n, dtype=torch.bool).triu(1)"},
        ),
        Misconception(
            "not_itself",
            seen="a position may attend those before it, but not itself; the first sees nothing.",
            think="when position 0 asks, what may it look at?",
            edits={CAUSAL: "torch.ones(n, n, dtype=torch.bool).tril(-1)"},
        ),
        Misconception(
            "one_ahead",
            seen="each position also sees the one after it.",
            think="at position 0, which is the last column that holds True?",
            edits={CAUSAL: "torch.ones(n, n, dtype=torch.bool).tril(1)"},
        ),
        Misconception(
            "everything",
            seen="every position may attend every other.",
            think="what may position 0 not look at?",
            edits={CAUSAL: "torch.ones(n, n, dtype=torch.bool)"},
        ),
        Misconception(
            "only_itself",
            seen="each position may attend itself alone.",
            think="what may the last position look at?",
            edits={CAUSAL: "torch.eye(n, dtype=torch.bool)"},
        ),
        Misconception(
            "only_the_one_before",
            seen="each position sees itself and its neighbour on the left, and no further back.",
            think="what may the last position look at?",
            edits={CAUSAL: "torch.ones(n, n, dtype=torch.bool).tril().triu(-1)"},
        ),
        Misconception(
            "from_the_other_end",
            seen="the first position sees all and the last sees one: the rows are upside down.",
            think="at position 0, how much of the sentence is already there?",
            edits={CAUSAL: "torch.ones(n, n, dtype=torch.bool).tril().flip(0)"},
        ),
        Misconception(
            "floats",
            seen="the numbers are ones and zeros where there should be True and False.",
            think="which dtype has a mask in this course?",
            edits={CAUSAL: "torch.ones(n, n).tril()"},
        ),
        Misconception(
            "integers",
            seen="the numbers are whole ones and zeros where there should be True and False.",
            think="which dtype has a mask in this course?",
            edits={CAUSAL: "torch.ones(n, n, dtype=torch.long).tril()"},
        ),
        Misconception(
            "added_to_scores",
            seen="your mask holds 0 and −∞, to be added to scores.",
            think="the contract asks for True and False; who turns them into −∞?",
            edits={CAUSAL: "torch.full((n, n), -torch.inf).triu(1)"},
        ),
        Misconception(
            "with_batch",
            seen="the result has further axes of size 1 in front.",
            think="a mask of (n, n) broadcasts by itself. Which shape does the contract ask for?",
            edits={CAUSAL: "torch.ones(1, 1, n, n, dtype=torch.bool).tril()"},
        ),
        Misconception(
            "one_row",
            seen="the result is a single row, (n,).",
            think="every query has a row of its own. How many queries are there?",
            edits={CAUSAL: "torch.ones(n, dtype=torch.bool)"},
        ),
    ),
    hints=(
        "Write the mask for three positions on paper: one row per query, one column per key.",
        "Row i holds True in columns 0 to i: the lower left triangle, with the diagonal.",
        "Compare a column of row numbers with a row of column numbers, or take the lower triangle "
        "of "
        "a matrix of True.",
    ),
    symptoms={
        "The first row is all False": "Position 0 may attend itself. Look at your diagonal.",
        "has dtype float32; expected bool": "torch.ones makes floats unless it is told not to.",
    },
)

# padding_mask -------------------------------------------------------------------------------------

REAL = "tokens != pad_id"
AXES = "[:, None, None, :]"


def padded(draw: Draw, b: int, n: int, pad_id: int) -> torch.Tensor:
    """Token ids 2 to 9, with padding at the end of each row but the first, of different lengths."""
    rows = [[draw.integer(2, 9) for _ in range(n)] for _ in range(b)]
    for i, row in enumerate(rows[1:], 1):
        hidden = 1 + i % (n - 1)
        row[n - hidden :] = [pad_id] * hidden
    return torch.tensor(rows)


def padding_mask_cases(draw: Draw) -> Iterator[Case]:
    """Padding behind, in front, in between; other ids of padding; nothing but padding."""
    b, n = draw.sizes(2, 3, 7)
    yield Case("the worked example", "values", (torch.tensor([[5, 6, 7], [8, 0, 0]]), 0))
    yield Case("padding at the end", "values", (padded(draw, b, n, 0), 0))
    yield Case("another id for padding", "values", (padded(draw, b, n, 1), 1))
    yield Case("the largest id is padding", "values", (padded(draw, n, b, 11), 11))
    yield Case("padding in front", "values", (padded(draw, b, n, 1).flip(1), 1))
    zeros = torch.where(padded(draw, b, n, 1) == 9, 0, padded(draw, b, n, 1))
    yield Case("0 is a word here", "values", (zeros, 1))
    one = padded(draw, n, b, 0)
    one[2] = 0
    yield Case("one sentence of padding alone", "values", (one, 0))
    yield Case("one token", "values", (torch.tensor([[3], [0]]), 0))


PADDING_MASK = Problem(
    signature="padding_mask(tokens, pad_id)",
    returns=("result",),
    minutes=10,
    difficulty=1,
    points={"values": 2},
    cases=padding_mask_cases,
    oracle=lambda tokens, pad_id: torch.tensor(
        [[[[token != pad_id for token in row]]] for row in tokens.tolist()]
    ),
    misconceptions=(
        Misconception(
            "opposite_polarity",
            seen="True stands where padding is: your mask tells what is hidden.",
            think="in this course, does True mean “may attend” or “may not”?",
            edits={REAL: "tokens == pad_id"},
        ),
        Misconception(
            "two_axes",
            seen="the numbers are right, in the shape (b, n): against (b, h, n_q, n_k) it would "
            "not "
            "fit, or fit the wrong axes.",
            think="which two axes stand between the batch and the keys?",
            edits={AXES: ""},
        ),
        Misconception(
            "three_axes",
            seen="the shape is (b, 1, n): one axis is missing.",
            think="which two axes stand between the batch and the keys?",
            edits={AXES: "[:, None, :]"},
        ),
        Misconception(
            "hides_queries",
            seen="the shape is (b, 1, n, 1): rows are hidden, not columns.",
            think="who must not be looked at, the padding as a query or as a key?",
            edits={AXES: "[:, None, :, None]"},
        ),
        Misconception(
            "axes_behind",
            seen="the shape is (b, n, 1, 1).",
            think="which axis of (b, h, n_q, n_k) counts keys?",
            edits={AXES: "[:, :, None, None]"},
        ),
        Misconception(
            "batch_behind",
            seen="the new axes stand before the batch: (1, 1, b, n).",
            think="which axis of (b, h, n_q, n_k) counts sentences?",
            edits={AXES: "[None, None]"},
        ),
        Misconception(
            "queries_and_keys",
            seen="the shape is (b, 1, n, n): rows of padding are hidden too, and see nothing.",
            think="what the padding itself sees is never used. Which shape does the contract ask "
            "for?",
            edits={
                f"({REAL}){AXES}": "(tokens != pad_id)[:, None, None, :] "
                "& (tokens != pad_id)[:, None, :, None]"
            },
        ),
        Misconception(
            "zero_is_padding",
            seen="right where the padding is 0; another pad_id changes nothing.",
            think="where in your code does `pad_id` matter?",
            edits={REAL: "tokens != 0"},
        ),
        Misconception(
            "larger_ids",
            seen="ids below the padding are hidden as well.",
            think="must a word have a larger id than the padding?",
            edits={REAL: "tokens > pad_id"},
        ),
        Misconception(
            "counted_from_the_left",
            seen="right where padding stands at the end; in front it is taken for words.",
            think="your mask knows how many words a row has. Does it know where they are?",
            edits={
                REAL: "torch.arange(tokens.shape[1]) < (tokens != pad_id).sum(dim=1, keepdim=True)"
            },
        ),
        Misconception(
            "floats",
            seen="the numbers are ones and zeros where there should be True and False.",
            think="which dtype has a mask in this course?",
            edits={f"({REAL}){AXES}": "(tokens != pad_id)[:, None, None, :].float()"},
        ),
        Misconception(
            "the_tokens",
            seen="the result holds the token ids themselves.",
            think="which comparison makes True and False of ids?",
            edits={f"({REAL}){AXES}": "(tokens * (tokens != pad_id))[:, None, None, :]"},
        ),
        Misconception(
            "added_to_scores",
            seen="your mask holds 0 and −∞, to be added to scores.",
            think="the contract asks for True and False; who turns them into −∞?",
            edits={
                f"({REAL}){AXES}": "torch.zeros(tokens.shape).masked_fill(tokens == pad_id, "
                "-torch.inf)[:, None, None, :]"
            },
        ),
    ),
    hints=(
        "Compare the ids with pad_id: that gives a mask of shape (b, n). What is missing are axes.",
        "Scores have the shape (b, n_heads, n_q, n_k). A mask that hides keys is the same for all "
        "heads and all queries: these axes have size 1.",
        "Indexing with None puts in an axis of size 1: x[:, None] turns (b, n) into (b, 1, n).",
    ),
    symptoms={
        "The shape is right, and True and False are swapped": "True means “may attend”.",
        "It is right for pad_id = 0 only": "Look for a 0 in your code.",
    },
)

# masked_softmax -----------------------------------------------------------------------------------

FILLED = "scores.masked_fill(~mask, -1e9)"
CLEARED = "weights.masked_fill(~mask, 0.0)"


def softmax_of_visible(scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The definition, row by row: a softmax over the visible entries alone, 0 elsewhere."""
    wide = mask.expand(scores.shape).reshape(-1, scores.shape[-1])
    rows = []
    for row, seen in zip(scores.reshape(-1, scores.shape[-1]), wide, strict=True):
        weights = torch.zeros_like(row)
        if seen.any():
            weights = weights.index_put((seen.nonzero()[:, 0],), functional.softmax(row[seen], 0))
        rows.append(weights + 0 * row)
    return torch.stack(rows).reshape(scores.shape)


def masked_softmax_cases(draw: Draw) -> Iterator[Case]:
    """Masks of every width; rows with nothing to see; scores of ±10,000, the largest hidden."""
    b, h, n_q, n_k = draw.sizes(4, 2, 7)
    scores = draw.normal(b, h, n_q, n_k, scale=2)
    row = torch.tensor([[0.0, 1.0, 2.0]])
    yield Case("the worked example", "masks", (row, torch.tensor([[True, True, False]])))
    yield Case("one mask for all", "masks", (scores, some_visible(draw, n_q, n_k)))
    yield Case("a mask for each entry", "masks", (scores, some_visible(draw, b, h, n_q, n_k)))
    yield Case("a mask for each sentence", "masks", (scores, some_visible(draw, b, 1, 1, n_k)))
    square = draw.normal(b, n_k, n_k)
    yield Case("a causal mask", "masks", (square, causal(n_k)))
    everything = torch.ones(n_q, n_k, dtype=torch.bool)
    yield Case("everything visible", "masks", (draw.normal(n_q, n_k), everything))
    double = draw.normal(n_q, n_k, dtype=torch.float64)
    yield Case("float64", "masks", (double, some_visible(draw, n_q, n_k)))
    yield Case("gradient", "masks", (scores, some_visible(draw, n_q, n_k)), gradient=True)
    blind = some_visible(draw, n_q, n_k)
    blind[draw.integer(0, n_q - 1)] = False
    yield Case("a row with nothing to see", "empty rows", (draw.normal(h, n_q, n_k), blind))
    yield Case("its gradient", "empty rows", (draw.normal(h, n_q, n_k), blind), gradient=True)
    nothing = torch.zeros(1, n_k, dtype=torch.bool)
    yield Case("no row sees anything", "empty rows", (draw.normal(n_q, n_k), nothing))
    level = torch.tensor([[1e4, 1e4 - 0.5, -1e4], [-1e4, -1e4 + 1, 1e4], [1e4, -1e4, 0.0]])
    level = level + draw.integer(1, 8) / 8
    seen = torch.tensor([[True, True, False], [True, True, False], [False, True, True]])
    yield Case("scores of ±10,000", "large scores", (level, seen), tolerance=LARGE)
    low = draw.normal(n_q, n_k) - 1e4
    part = some_visible(draw, n_q, n_k)
    yield Case("all scores near −10,000", "large scores", (low, part), tolerance=LARGE)
    far = draw.normal(n_q, n_k) + torch.where(part, 0.0, 200.0)
    yield Case("what is hidden scores far higher", "large scores", (far, part))


MASKED_SOFTMAX = Problem(
    signature="masked_softmax(scores, mask)",
    returns=("result",),
    minutes=25,
    difficulty=2,
    points={"masks": 2, "empty rows": 2, "large scores": 1},
    cases=masked_softmax_cases,
    oracle=softmax_of_visible,
    misconceptions=(
        Misconception(
            "no_mask",
            seen="hidden entries have weights as if nobody hid them.",
            think="where in your code does the mask matter?",
            body="""
def masked_softmax(scores, mask):
    return torch.softmax(scores, dim=-1)
""",
        ),
        Misconception(
            "opposite_polarity",
            seen="weights stand where the mask is False, and 0 where it is True.",
            think="in this course, does True mean “may attend” or “may not”?",
            edits={
                FILLED: "scores.masked_fill(mask, -1e9)",
                CLEARED: "weights.masked_fill(mask, 0.0)",
            },
        ),
        Misconception(
            "forgotten_not",
            seen="all weights are 0: the visible scores were filled, and the hidden weights "
            "cleared.",
            think="masked_fill writes where its condition is True. Where is your mask True?",
            edits={FILLED: "scores.masked_fill(mask, -1e9)"},
        ),
        Misconception(
            "cleared_the_visible",
            seen="all weights are 0: the hidden scores were filled, and the visible weights "
            "cleared.",
            think="masked_fill writes where its condition is True. Where is your mask True?",
            edits={CLEARED: "weights.masked_fill(mask, 0.0)"},
        ),
        Misconception(
            "zero_after",
            seen="hidden weights are 0, but the others sum to less than 1: the hidden ones are "
            "still "
            "in the denominator.",
            think="what must a hidden score be, so that its exponential adds nothing to the sum?",
            edits={FILLED: "scores"},
        ),
        Misconception(
            "zero_after_and_divided",
            seen="most rows are right; where what is hidden scores far higher, or a row sees "
            "nothing, "
            "0 is divided by 0.",
            think="how large is a visible weight before you divide, if a hidden score is 200 "
            "higher?",
            edits={
                FILLED: "scores",
                CLEARED: "weights * mask / (weights * mask).sum(dim=-1, keepdim=True)",
            },
        ),
        Misconception(
            "zero_after_and_divided_safely",
            seen="most rows are right; where what is hidden scores far higher, the visible weights "
            "have vanished.",
            think="how large is a visible weight before you divide, if a hidden score is 200 "
            "higher?",
            edits={
                FILLED: "scores",
                CLEARED: "weights * mask / ((weights * mask).sum(dim=-1, keepdim=True) + 1e-9)",
            },
        ),
        Misconception(
            "zero_before",
            seen="hidden entries keep a weight: that of a score of 0.",
            think="is e^0 nothing? Which score has an exponential of 0?",
            edits={FILLED: "scores.masked_fill(~mask, 0.0)", CLEARED: "weights"},
        ),
        Misconception(
            "zero_before_and_after",
            seen="hidden weights are 0, but the others sum to less than 1: a score of 0 still "
            "stands "
            "in the denominator for each hidden one.",
            think="is e^0 nothing? Which score has an exponential of 0?",
            edits={FILLED: "scores.masked_fill(~mask, 0.0)"},
        ),
        Misconception(
            "nan_in_empty_rows",
            seen="a row in which nothing may be attended is NaN.",
            think="what is a softmax over nothing but −∞? What should such a row hold?",
            edits={FILLED: "scores.masked_fill(~mask, -torch.inf)", CLEARED: "weights"},
        ),
        Misconception(
            "nan_in_gradients",
            seen="all weights are right; the gradient of a row with nothing to see is NaN.",
            think="forwards a NaN was covered; backwards it is met again. Does a gradient flow to "
            "a "
            "score through −∞?",
            edits={
                FILLED: "scores + torch.zeros(mask.shape).masked_fill(~mask, -torch.inf)",
                CLEARED: "weights.masked_fill(~mask, 0.0)",
            },
        ),
        Misconception(
            "equal_in_empty_rows",
            seen="a row in which nothing may be attended shares its weight equally among the "
            "hidden.",
            think="if all scores are equally low, what does a softmax do? What should be there?",
            edits={CLEARED: "weights"},
        ),
        Misconception(
            "not_low_enough",
            seen="right for moderate scores; near −10,000 hidden entries are not the lowest.",
            think="scores may be as low as −10,000. Is your filling lower still?",
            edits={FILLED: "scores.masked_fill(~mask, -1e4)", CLEARED: "weights"},
        ),
        Misconception(
            "not_low_enough_then_cleared",
            seen="near −10,000 the visible weights sum to less than 1.",
            think="scores may be as low as −10,000. Is your filling lower still?",
            edits={FILLED: "scores.masked_fill(~mask, -1e4)"},
        ),
        Misconception(
            "a_little_lower",
            seen="hidden entries keep a small weight, and large scores go wrong.",
            think="how much lower than the others must a score be to weigh exactly 0?",
            edits={FILLED: "scores.masked_fill(~mask, -10.0)", CLEARED: "weights"},
        ),
        Misconception(
            "own_softmax_overflows",
            seen="moderate scores are right; large ones give inf / inf or 0 / 0.",
            think="what is e^10000? Which number may be taken from all visible scores first?",
            body="""
def masked_softmax(scores, mask):
    powers = torch.exp(scores) * mask
    total = powers.sum(dim=-1, keepdim=True)
    return powers / total.masked_fill(~mask.any(dim=-1, keepdim=True), 1.0)
""",
        ),
        Misconception(
            "filled_and_then_own_softmax",
            seen="moderate scores are right; large ones overflow, and where a row sees nothing, 0 "
            "is divided by 0, which shows in the gradient.",
            think="what is e^10000, and what is e^(−10000)? Which number may be taken from all "
            "scores of a row first?",
            body="""
def masked_softmax(scores, mask):
    powers = torch.exp(scores.masked_fill(~mask, -1e9))
    weights = powers / powers.sum(dim=-1, keepdim=True)
    return weights.masked_fill(~mask, 0.0)
""",
        ),
        Misconception(
            "maximum_of_the_hidden",
            seen="where what is hidden scores far higher, the visible weights have vanished.",
            think="which maximum do you subtract: of all scores, or of the visible ones?",
            body="""
def masked_softmax(scores, mask):
    powers = torch.exp(scores - scores.amax(dim=-1, keepdim=True)) * mask
    total = powers.sum(dim=-1, keepdim=True)
    return powers / total.masked_fill(~mask.any(dim=-1, keepdim=True), 1.0)
""",
        ),
        Misconception(
            "over_queries",
            seen="columns sum to 1, not rows.",
            think="over which axis do the weights of one query run?",
            edits={"dim=-1": "dim=-2"},
        ),
        Misconception(
            "axis_1",
            seen="scores of two axes are right; with a batch in front, axis 1, over which your "
            "weights sum to 1, is another one.",
            think="scores are (..., n_q, n_k). Which number names the last axis, whatever comes "
            "before it?",
            edits={"dim=-1": "dim=1"},
        ),
        Misconception(
            "over_everything",
            seen="all weights of a matrix sum to 1 together.",
            think="how many sums does a matrix need if every row is to sum to 1?",
            body="""
def masked_softmax(scores, mask):
    filled = scores.masked_fill(~mask, -1e9)
    weights = torch.softmax(filled.flatten(-2), dim=-1).reshape(scores.shape)
    return weights.masked_fill(~mask, 0.0)
""",
        ),
        Misconception(
            "in_place",
            seen="the weights are right, but afterwards the caller's scores hold other numbers.",
            think="which of your operations write into `scores`? (Names that end in _ do.)",
            body="""
def masked_softmax(scores, mask):
    weights = torch.softmax(scores.masked_fill_(~mask, -1e9), dim=-1)
    return weights.masked_fill(~mask, 0.0)
""",
        ),
        Misconception(
            "detached",
            seen="the weights are right, but no gradient flows from them back to `scores`.",
            think="where does the path leave torch? detach, item, numpy and torch.tensor cut it.",
            edits={CLEARED: "weights.masked_fill(~mask, 0.0).detach()"},
        ),
        Misconception(
            "float32",
            seen="float64 went in, float32 came out.",
            think="which line chooses a dtype? The result has that of `scores`.",
            edits={CLEARED: "weights.masked_fill(~mask, 0.0).float()"},
        ),
    ),
    hints=(
        "Hide first, then take the softmax: a hidden score must be so low that its exponential is "
        "0.",
        "masked_fill(condition, number) replaces entries where the condition is True; ~mask is "
        "True "
        "where the mask is False. A softmax over a row of nothing but −∞ is NaN.",
        "Fill hidden scores with −1e9, take the softmax over the last axis, and set hidden weights "
        "to "
        "0: in all rows but the empty ones they are 0 already.",
    ),
    symptoms={
        "A row is NaN": "It may attend nothing. With −1e9 in place of −∞ a softmax stays finite; "
        "what is left to do for such a row?",
        "My rows sum to less than 1": "Something hidden is still in the denominator.",
        "Only the gradient of the empty row fails": "NaN times 0 is NaN, in the backward pass too. "
        "See that no NaN arises, rather than covering it.",
    },
)

# masked_attention ---------------------------------------------------------------------------------

SCORES = "q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5"
NO_MASK = "if mask is None:\n        mask = torch.ones(1, dtype=torch.bool)"
SOFTMAX = "torch.softmax(scores.masked_fill(~mask, -1e9), dim=-1)"
CLEAR = "weights.masked_fill(~mask, 0.0)"
RESULTS = "return weights @ v, weights"

QUERIES = torch.tensor([[1.0, -1, -2, -1], [1, 1, 2, -1], [1, -1, 0, 1]])
KEYS = torch.tensor([[1.0, 0, 0, 1], [1, 1, 0, 0], [2, 0, 1, 0]])
VALUES = torch.tensor([[1.0, 0], [0, 1], [1, 1]])


def masked_attention_oracle(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """One query at a time over the keys that it may attend, by the definition."""
    scores = torch.einsum("...ic,...jc->...ij", q, k) / math.sqrt(k.shape[-1])
    everything = torch.ones(1, dtype=torch.bool)
    weights = softmax_of_visible(scores, everything if mask is None else mask)
    return torch.einsum("...ij,...je->...ie", weights, v), weights


def masked_attention_cases(draw: Draw) -> Iterator[Case]:
    """No mask, masks of every width, queries with nothing to see; no batch, one, and two."""
    b, h, n_q, n_k, d_k, d_v = draw.sizes(6, 2, 9)
    q, k, v = draw.normal(b, h, n_q, d_k), draw.normal(b, h, n_k, d_k), draw.normal(b, h, n_k, d_v)
    flat = q[0, 0], k[0, 0], v[0, 0]
    yield Case("the worked example", "masks", (QUERIES, KEYS, VALUES, causal(3)))
    yield Case("one mask for all", "masks", (q, k, v, some_visible(draw, n_q, n_k)))
    yield Case("a mask for each sentence", "masks", (q, k, v, some_visible(draw, b, 1, 1, n_k)))
    yield Case("a mask for each entry", "masks", (q, k, v, some_visible(draw, b, h, n_q, n_k)))
    yield Case("no batch", "masks", (*flat, some_visible(draw, n_q, n_k)))
    same = draw.normal(b, n_k, d_k), draw.normal(b, n_k, d_k), draw.normal(b, n_k, d_v)
    yield Case("a causal mask", "masks", (*same, causal(n_k)))
    yield Case("gradient", "masks", (*flat, some_visible(draw, n_q, n_k)), gradient=True)
    double = tuple(part.double() for part in flat)
    yield Case("float64", "masks", (*double, some_visible(draw, n_q, n_k)))
    yield Case("no mask", "no mask", (q, k, v))
    yield Case("no mask, by name of None", "no mask", (*flat, None), gradient=True)
    blind = some_visible(draw, n_q, n_k)
    blind[draw.integer(0, n_q - 1)] = False
    yield Case("a query with nothing to see", "empty rows", (q, k, v, blind))
    yield Case("its gradient", "empty rows", (*flat, blind), gradient=True)


MASKED_ATTENTION = Problem(
    signature="masked_attention(q, k, v, mask=None)",
    returns=("out", "weights"),
    minutes=25,
    difficulty=2,
    points={"masks": 3, "no mask": 1, "empty rows": 2},
    cases=masked_attention_cases,
    oracle=masked_attention_oracle,
    forbidden=ATTENTION_OF_TORCH,
    misconceptions=(
        Misconception(
            "ignores_the_mask",
            seen="all is as if there were no mask.",
            think="where in your code does the mask matter?",
            edits={SOFTMAX: "torch.softmax(scores, dim=-1)", CLEAR: "weights"},
        ),
        Misconception(
            "opposite_polarity",
            seen="queries attend where the mask is False.",
            think="in this course, does True mean “may attend” or “may not”?",
            edits={
                NO_MASK: "if mask is None:\n        mask = torch.zeros(1, dtype=torch.bool)",
                SOFTMAX: "torch.softmax(scores.masked_fill(mask, -1e9), dim=-1)",
                CLEAR: "weights.masked_fill(mask, 0.0)",
            },
        ),
        Misconception(
            "forgotten_not",
            seen="queries attend where the mask is False, and without a mask to nothing.",
            think="masked_fill writes where its condition is True. Where is your mask True?",
            edits={
                SOFTMAX: "torch.softmax(scores.masked_fill(mask, -1e9), dim=-1)",
                CLEAR: "weights.masked_fill(mask, 0.0)",
            },
        ),
        Misconception(
            "forgotten_not_before",
            seen="all weights are 0: the visible scores were filled, and the hidden weights "
            "cleared.",
            think="masked_fill writes where its condition is True. Where is your mask True?",
            edits={SOFTMAX: "torch.softmax(scores.masked_fill(mask, -1e9), dim=-1)"},
        ),
        Misconception(
            "needs_a_mask",
            seen="without a mask there is an error.",
            think="what is `mask` when the caller gives none, and what should it do then?",
            edits={NO_MASK: "pass"},
        ),
        Misconception(
            "causal_without_mask",
            seen="without a mask, later keys are hidden nevertheless.",
            think="who decides what is hidden, the caller or your function?",
            edits={
                NO_MASK: "if mask is None:\n        "
                "mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril()"
            },
        ),
        Misconception(
            "no_scale",
            seen="the weights are sharper than they should be: those of unscaled scores.",
            think="what are the scores divided by?",
            edits={SCORES: "q @ k.transpose(-2, -1)"},
        ),
        Misconception(
            "scale_by_d_k",
            seen="the weights are too even: the scores were divided by d_k itself.",
            think="which power of d_k restores the variance of a sum of d_k products?",
            edits={SCORES: "q @ k.transpose(-2, -1) / q.shape[-1]"},
        ),
        Misconception(
            "zero_after",
            seen="rows of weights sum to less than 1: what is hidden is still in the denominator.",
            think="must a key be hidden before the softmax, or after it?",
            edits={SOFTMAX: "torch.softmax(scores, dim=-1)"},
        ),
        Misconception(
            "zero_before",
            seen="hidden keys keep a weight: that of a score of 0.",
            think="is e^0 nothing? Which score has an exponential of 0?",
            edits={
                SOFTMAX: "torch.softmax(scores.masked_fill(~mask, 0.0), dim=-1)",
                CLEAR: "weights",
            },
        ),
        Misconception(
            "nan_for_empty_rows",
            seen="a query that may attend nothing gets NaN.",
            think="what is a softmax over nothing but −∞? What should such a query get?",
            edits={
                SOFTMAX: "torch.softmax(scores.masked_fill(~mask, -torch.inf), dim=-1)",
                CLEAR: "weights",
            },
        ),
        Misconception(
            "nan_in_gradients",
            seen="all results are right; where a query may attend nothing, gradients are NaN.",
            think="forwards a NaN was covered; backwards it is met again. Does a gradient flow to "
            "a "
            "score through −∞?",
            edits={
                SOFTMAX: "torch.softmax("
                "scores + torch.zeros(mask.shape).masked_fill(~mask, -torch.inf), dim=-1)",
                CLEAR: "weights.masked_fill(~mask, 0.0)",
            },
        ),
        Misconception(
            "mean_for_empty_rows",
            seen="a query that may attend nothing gets the mean of all values.",
            think="if all scores are equally low, what does a softmax do? What should be there?",
            edits={CLEAR: "weights"},
        ),
        Misconception(
            "over_queries",
            seen="columns of the weights sum to 1, not rows.",
            think="over which axis do the weights of one query run?",
            edits={SOFTMAX: "torch.softmax(scores.masked_fill(~mask, -1e9), dim=-2)"},
        ),
        Misconception(
            "masked_values",
            seen="the weights are those without a mask; hidden values were set to 0 instead.",
            think="a hidden key must not take weight from the others. Where is that decided?",
            edits={
                SOFTMAX: "torch.softmax(scores, dim=-1)",
                CLEAR: "weights",
                RESULTS: "return (weights * mask) @ v, weights",
            },
        ),
        Misconception(
            "unmasked_weights_returned",
            seen="out is right; the weights are those without a mask.",
            think="which weights made your out?",
            edits={RESULTS: "return weights @ v, torch.softmax(scores, dim=-1)"},
        ),
        Misconception(
            "swapped_results",
            seen="the two results have changed places.",
            think="which comes first in the contract?",
            edits={RESULTS: "return weights, weights @ v"},
        ),
        Misconception(
            "only_out",
            seen="only one result came back, where two were asked for.",
            think="what else does the contract return?",
            edits={RESULTS: "return weights @ v"},
        ),
        Misconception(
            "returns_scores",
            seen="out is right; in place of the weights come scores.",
            think="which of your numbers sum to 1 in each row?",
            edits={RESULTS: "return weights @ v, scores"},
        ),
        Misconception(
            "float32",
            seen="float64 went in, float32 came out.",
            think="which line chooses a dtype? The results have that of `q`.",
            edits={RESULTS: "return (weights @ v).float(), weights.float()"},
        ),
        Misconception(
            "detached",
            seen="the results are right, but no gradient flows back from them.",
            think="where does the path leave torch? detach, item, numpy and torch.tensor cut it.",
            edits={RESULTS: "return (weights @ v).detach(), weights.detach()"},
        ),
    ),
    hints=(
        "It is scaled dot-product attention of assignment 1 with one change, between the scores "
        "and "
        "the softmax; and your masked_softmax already is that change.",
        "Without a mask everything is visible: a mask of True in every place says the same.",
        "Scores, hidden ones filled, softmax, hidden weights cleared, weights times values; and "
        "before all that a line for mask is None.",
    ),
    symptoms={
        "NaN in one query, and nowhere else": "That query may attend nothing: see problem 3.",
        "'NoneType' object …": "No mask was given. What does ~None mean?",
        "The expanded size of the tensor must match": "A mask broadcasts against (..., n_q, n_k) "
        "from the right. Leave its shape alone.",
    },
)

# shift_right --------------------------------------------------------------------------------------

BEGIN = "torch.full_like(targets[:, :1], bos_id)"
FED = "torch.cat([begin, targets[:, :-1]], dim=1)"


def shift_right_cases(draw: Draw) -> Iterator[Case]:
    """Several sentences, one, a single token; several ids for the begin."""
    b, n = draw.sizes(2, 3, 8)

    def ids(rows: int, columns: int) -> torch.Tensor:
        return torch.tensor([[draw.integer(3, 99) for _ in range(columns)] for _ in range(rows)])

    yield Case("the worked example", "values", (torch.tensor([[5, 6, 7]]), 1))
    yield Case("several sentences", "values", (ids(b, n), 1))
    yield Case("another id for the begin", "values", (ids(n, b), 2))
    yield Case("0 is the begin", "values", (ids(b, n), 0))
    yield Case("one token each", "values", (ids(b, 1), 1))
    yield Case("short integers", "values", (ids(b, n).to(torch.int32), 1))


SHIFT_RIGHT = Problem(
    signature="shift_right(targets, bos_id)",
    returns=("result",),
    minutes=10,
    difficulty=1,
    points={"values": 2},
    cases=shift_right_cases,
    oracle=lambda targets, bos_id: torch.tensor(
        [[bos_id, *row[:-1]] for row in targets.tolist()], dtype=targets.dtype
    ),
    misconceptions=(
        Misconception(
            "one_longer",
            seen="each row has grown by one: the last token is still there.",
            think="which token is never fed, because nothing is asked after it?",
            edits={FED: "torch.cat([begin, targets], dim=1)"},
        ),
        Misconception(
            "rolled",
            seen="the last token stands in the first place, where the begin should be.",
            think="what does the decoder know before the first word?",
            edits={FED: "targets.roll(1, dims=1)"},
        ),
        Misconception(
            "shifted_left",
            seen="everything has moved to the left, and the begin stands at the end.",
            think="at the first place, what is asked for, and what is fed?",
            edits={FED: "torch.cat([targets[:, 1:], begin], dim=1)"},
        ),
        Misconception(
            "first_replaced",
            seen="the begin has taken the place of the first token; nothing has moved.",
            think="the first target must be fed too: at which place?",
            edits={FED: "torch.cat([begin, targets[:, 1:]], dim=1)"},
        ),
        Misconception(
            "begin_behind",
            seen="the begin stands behind the sentence, which has lost its last token.",
            think="what is fed first?",
            edits={FED: "torch.cat([targets[:, :-1], begin], dim=1)"},
        ),
        Misconception(
            "without_the_begin",
            seen="each row is shorter by one: nothing stands before the sentence.",
            think="what is the decoder fed when it is asked for the first word?",
            edits={FED: "targets[:, :-1]"},
        ),
        Misconception(
            "begin_is_zero",
            seen="0 stands in the first place, whatever bos_id is.",
            think="where in your code does `bos_id` matter?",
            edits={BEGIN: "torch.zeros_like(targets[:, :1])"},
        ),
        Misconception(
            "begin_is_one",
            seen="1 stands in the first place, whatever bos_id is.",
            think="where in your code does `bos_id` matter?",
            edits={BEGIN: "torch.ones_like(targets[:, :1])"},
        ),
        Misconception(
            "along_the_batch",
            seen="sentences have moved down by one; the first is nothing but begins.",
            think="which axis of (b, n) counts places in a sentence?",
            edits={
                BEGIN: "torch.full_like(targets[:1], bos_id)",
                FED: "torch.cat([begin, targets[:-1]], dim=0)",
            },
        ),
        Misconception(
            "two_places",
            seen="everything has moved by two places.",
            think="how far is it from a word to the next?",
            edits={FED: "torch.cat([begin, begin, targets[:, :-2]], dim=1)[:, : targets.shape[1]]"},
        ),
        Misconception(
            "floats",
            seen="the ids have become floats.",
            think="which dtype does torch.zeros or torch.ones make?",
            edits={FED: "torch.cat([begin, targets[:, :-1]], dim=1).float()"},
        ),
        Misconception(
            "long",
            seen="the ids have another integer dtype than `targets`.",
            think="which dtype has the tensor that you made, and which has `targets`?",
            edits={FED: "torch.cat([begin, targets[:, :-1]], dim=1).long()"},
        ),
        Misconception(
            "in_place",
            seen="the result may be right, but afterwards the caller's targets are changed.",
            think="which line writes into `targets`? What is a slice of a tensor: a copy?",
            edits={FED: "targets.copy_(torch.cat([begin, targets[:, :-1]], dim=1))"},
        ),
    ),
    hints=(
        "Write two rows below each other: what is asked at each place, and what is fed there.",
        "What is fed at place i is what was asked at place i − 1; at place 0 it is the begin.",
        "A column of bos_id, (b, 1), in the dtype of targets, and then all columns but the last.",
    ),
    symptoms={
        "Tensors must have same number of dimensions": "The begin is a column: (b, 1), not (b,).",
        "IndexError: Dimension out of range": "One of the tensors that you join has a single axis: "
        "the begin is a column, (b, 1), not (b,).",
        "has dtype …; expected int32": "torch.full and torch.ones choose a dtype of their own; "
        "torch.full_like takes it from its argument.",
    },
)

# MaskedMultiHeadAttention -------------------------------------------------------------------------

DIVIDES = "d_model % n_heads"
SPLIT = "x.unflatten(-1, (self.n_heads, -1)).transpose(-3, -2)"
HEAD_SCORES = "q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5"
HEAD_SOFTMAX = "torch.softmax(scores.masked_fill(~mask, -1e9), dim=-1)"
HEAD_CLEAR = "weights.masked_fill(~mask, 0.0)"
MERGED = "(weights @ v).transpose(-3, -2).flatten(-2)"
HEAD_NO_MASK = "if mask is None:\n            mask = torch.ones(1, dtype=torch.bool)"
HEAD_RESULTS = "return self.w_o(merged), weights"
PROJECTED = "(self.w_q, query), (self.w_k, key), (self.w_v, value)"


class OneHeadAtATime(nn.Module):
    """The oracle: slices of the weights for each head, and a softmax over the visible keys "
    "alone."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"{n_heads} heads do not divide {d_model} features")
        self.n_heads = n_heads
        for name in ("w_q", "w_k", "w_v", "w_o"):
            setattr(self, name, nn.Linear(d_model, d_model))

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        shape = (len(query), self.n_heads, query.shape[1], key.shape[1])
        mask = torch.ones(shape, dtype=torch.bool) if mask is None else mask.expand(shape)
        outs, maps = [], []
        for head, rows in enumerate(torch.arange(query.shape[-1]).chunk(self.n_heads)):
            q, k, v = (
                functional.linear(x, layer.weight[rows], layer.bias[rows])
                for x, layer in ((query, self.w_q), (key, self.w_k), (value, self.w_v))
            )
            out, weights = masked_attention_oracle(q, k, v, mask[:, head])
            outs.append(out)
            maps.append(weights)
        return self.w_o(torch.cat(outs, dim=-1)), torch.stack(maps, dim=1)


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
    mask: torch.Tensor,
) -> object:
    """A driver: does the module answer in training mode, time and again, as it does in evaluation?

    The results are those of evaluation: what chance does in training cannot be told beforehand.
    """
    out, weights = answer(query, key, value, mask)
    answer.train()
    same = True
    for _ in range(20):
        for now, before in zip(answer(query, key, value, mask), (out, weights), strict=True):
            same = same and torch.allclose(now, before, atol=1e-4)
    return out, weights, same


def masked_multi_head_cases(draw: Draw) -> Iterator[Case]:
    """Every kind of mask that broadcasts; other keys than queries; heads that do not fit."""
    b, n_q, n_k, d_head = draw.sizes(4, 2, 6)
    heads = 3
    d = heads * d_head
    init, given = (d, heads), parameters(draw, d)
    x, memory, values = draw.normal(b, n_q, d), draw.normal(b, n_k, d), draw.normal(b, n_k, d)

    def case(name: str, group: str, *args: object, **more: object) -> Case:
        return Case(name, group, args, **{"init": init, "parameters": given, **more})

    yield case("self-attention, a causal mask", "masks", x, x, x, causal(n_q))
    sentences = some_visible(draw, b, 1, 1, n_k)
    yield case("a mask for each sentence", "masks", x, memory, values, sentences)
    yield case("one mask for all", "masks", x, memory, values, some_visible(draw, n_q, n_k))
    each = some_visible(draw, b, heads, n_q, n_k)
    yield case("a mask for each head", "masks", x, memory, values, each)
    both = causal(n_q) & (padded(draw, b, n_q, 0) != 0)[:, None, None, :]
    yield case("causal, and padding", "masks", x, x, x, both)
    queries = some_visible(draw, b, 1, n_q, n_k)
    yield case("gradient", "masks", x, memory, values, queries, gradient=True, tolerance=SUMMED)
    wide = tuple(part.double() for part in (x, memory, values))
    exact = {name: value.double() for name, value in given.items()}
    yield case("float64", "masks", *wide, sentences, parameters=exact)
    training = {"driver": in_training}
    yield case("in training mode", "masks", x, memory, values, sentences, **training)
    one_head = {"init": (d, 1)}
    yield case("one head", "masks", x, memory, values, sentences, **one_head)
    yield case("no mask", "no mask", x, memory, values)
    one = x[:, :1]
    yield case("one query", "no mask", one, memory, values, gradient=True, tolerance=SUMMED)
    blind = some_visible(draw, n_q, n_k)
    blind[draw.integer(0, n_q - 1)] = False
    yield case("a query with nothing to see", "empty rows", x, memory, values, blind)
    yield case(
        "its gradient", "empty rows", x, memory, values, blind, gradient=True, tolerance=SUMMED
    )
    misfit = {"init": (d + 1, heads), "parameters": {}}
    yield case("heads that do not divide d_model", "heads that do not fit", x, x, x, **misfit)
    yield case("beside them, heads that do", "heads that do not fit", x, x, x)


MASKED_MULTI_HEAD_ATTENTION = Problem(
    signature="MaskedMultiHeadAttention(d_model, n_heads)",
    forward="forward(query, key, value, mask)",
    returns=("out", "weights"),
    minutes=40,
    difficulty=3,
    points={"masks": 4, "no mask": 1, "empty rows": 1, "heads that do not fit": 1},
    cases=masked_multi_head_cases,
    oracle=OneHeadAtATime,
    forbidden=ATTENTION_OF_TORCH,
    misconceptions=(
        Misconception(
            "ignores_the_mask",
            seen="all is as if there were no mask.",
            think="where in your forward does the mask matter?",
            edits={HEAD_SOFTMAX: "torch.softmax(scores, dim=-1)", HEAD_CLEAR: "weights"},
        ),
        Misconception(
            "opposite_polarity",
            seen="queries attend where the mask is False.",
            think="in this course, does True mean “may attend” or “may not”?",
            edits={
                HEAD_NO_MASK: HEAD_NO_MASK.replace("ones", "zeros"),
                HEAD_SOFTMAX: "torch.softmax(scores.masked_fill(mask, -1e9), dim=-1)",
                HEAD_CLEAR: "weights.masked_fill(mask, 0.0)",
            },
        ),
        Misconception(
            "needs_a_mask",
            seen="without a mask there is an error.",
            think="what is `mask` when the caller gives none, and what should it do then?",
            edits={HEAD_NO_MASK: "pass"},
        ),
        Misconception(
            "always_causal",
            seen="without a mask, later keys are hidden nevertheless.",
            think="who decides what is hidden, the caller or your module?",
            edits={
                HEAD_NO_MASK: "if mask is None:\n            "
                "mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril()"
            },
        ),
        Misconception(
            "scale_by_d_model",
            seen="the weights are too even: the scores were divided by √d_model.",
            think="how many products does a score of one head add up?",
            edits={HEAD_SCORES: "q @ k.transpose(-2, -1) / query.shape[-1] ** 0.5"},
        ),
        Misconception(
            "no_scale",
            seen="the weights are those of unscaled scores.",
            think="what are the scores of a head divided by?",
            edits={HEAD_SCORES: "q @ k.transpose(-2, -1)"},
        ),
        Misconception(
            "zero_after",
            seen="rows of weights sum to less than 1: what is hidden is still in the denominator.",
            think="must a key be hidden before the softmax, or after it?",
            edits={HEAD_SOFTMAX: "torch.softmax(scores, dim=-1)"},
        ),
        Misconception(
            "nan_for_empty_rows",
            seen="a query that may attend nothing gets NaN.",
            think="what is a softmax over nothing but −∞? What should such a query get?",
            edits={
                HEAD_SOFTMAX: "torch.softmax(scores.masked_fill(~mask, -torch.inf), dim=-1)",
                HEAD_CLEAR: "weights",
            },
        ),
        Misconception(
            "mean_for_empty_rows",
            seen="a query that may attend nothing takes the mean of all values.",
            think="if all scores are equally low, what does a softmax do? What should be there?",
            edits={HEAD_CLEAR: "weights"},
        ),
        Misconception(
            "zero_after_w_o",
            seen="where a query may attend nothing, out is 0; the contract lets w_o add its bias.",
            think="what is 0 there, the input of w_o or its output?",
            edits={
                HEAD_RESULTS: "return self.w_o(merged).masked_fill("
                "(weights == 0).all(dim=-1).all(dim=1)[..., None], 0.0), weights"
            },
        ),
        Misconception(
            "heads_by_reshape",
            seen="a head takes whole tokens instead of a block of features of every token.",
            think="after cutting the features, which axis must move in front of the positions?",
            edits={SPLIT: "x.reshape(len(x), self.n_heads, x.shape[1], -1)"},
        ),
        Misconception(
            "interleaved_heads",
            seen="head i takes every n_heads-th feature instead of a contiguous block.",
            think="into which two numbers do you unfold the features, and in which order?",
            edits={SPLIT: "x.unflatten(-1, (-1, self.n_heads)).movedim(-1, -3)"},
        ),
        Misconception(
            "merged_by_reshape",
            seen="the weights are right; in out, tokens and heads are mixed up.",
            think="before the heads are joined, which axis must stand beside d_head?",
            edits={MERGED: "(weights @ v).reshape(query.shape)"},
        ),
        Misconception(
            "no_w_o",
            seen="the weights are right; out has not gone through w_o.",
            think="what happens to the joined heads last of all?",
            edits={HEAD_RESULTS: "return merged, weights"},
        ),
        Misconception(
            "keys_from_queries",
            seen="self-attention is right; with other keys than queries it is not.",
            think="which of the three arguments goes through w_k?",
            edits={PROJECTED: "(self.w_q, query), (self.w_k, query), (self.w_v, query)"},
        ),
        Misconception(
            "values_from_keys",
            seen="right where key and value are the same; `value` itself is never used.",
            think="which of the three arguments goes through w_v?",
            edits={PROJECTED: "(self.w_q, query), (self.w_k, key), (self.w_v, key)"},
        ),
        Misconception(
            "keys_and_values_swapped",
            seen="w_k was given the values and w_v the keys.",
            think="which of the three arguments goes through w_k?",
            edits={PROJECTED: "(self.w_q, query), (self.w_k, value), (self.w_v, key)"},
        ),
        Misconception(
            "w_q_for_keys",
            seen="keys have gone through w_q as well; w_k is never used.",
            think="which of the four layers belongs to `key`?",
            edits={PROJECTED: "(self.w_q, query), (self.w_q, key), (self.w_v, value)"},
        ),
        Misconception(
            "w_q_and_w_k_swapped",
            seen="queries have gone through w_k, and keys through w_q.",
            think="which of the four layers belongs to `query`?",
            edits={PROJECTED: "(self.w_k, query), (self.w_q, key), (self.w_v, value)"},
        ),
        Misconception(
            "dropout",
            seen="in training mode the results change from call to call; in evaluation they are "
            "right.",
            think="dropout draws at random. Does this contract ask for it?",
            edits={
                HEAD_CLEAR: "torch.nn.functional.dropout("
                "weights.masked_fill(~mask, 0.0), 0.1, self.training)"
            },
        ),
        Misconception(
            "mean_of_the_maps",
            seen="out is right; the weights are the mean over the heads.",
            think="how many maps does the contract return for a sentence?",
            edits={HEAD_RESULTS: "return self.w_o(merged), weights.mean(dim=1)"},
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
            "any_number_of_heads",
            seen="heads that do not divide d_model are not met by a ValueError when the module is "
            "built.",
            think="n_heads does not divide d_model: what does your __init__ say?",
            edits={DIVIDES: "False"},
        ),
        Misconception(
            "another_error",
            seen="heads that do not divide d_model raise an error, but no ValueError.",
            think="assert raises AssertionError. Which error does the contract name?",
            edits={"raise ValueError": "raise AssertionError"},
        ),
        Misconception(
            "over_queries",
            seen="columns of the weights sum to 1, not rows.",
            think="over which axis do the weights of one query run?",
            edits={HEAD_SOFTMAX: "torch.softmax(scores.masked_fill(~mask, -1e9), dim=-2)"},
        ),
        Misconception(
            "over_heads",
            seen="the weights of the heads sum to 1 together, at each query and key.",
            think="over which axis do the weights of one query in one head run?",
            edits={HEAD_SOFTMAX: "torch.softmax(scores.masked_fill(~mask, -1e9), dim=1)"},
        ),
    ),
    hints=(
        "It is multi-head attention of assignment 2, with the mask of problem 4 between scores and "
        "softmax. All heads may be worked at once: scores are (b, n_heads, n_q, n_k).",
        "Project, split into heads, scale by √d_head, hide, softmax, clear, times values, join, "
        "w_o. "
        "The mask broadcasts against the scores as it is.",
        "x.unflatten(-1, (n_heads, d_head)).transpose(-3, -2) splits (b, n, d_model) into "
        "(b, n_heads, n, d_head); transpose and flatten lead back.",
    ),
    symptoms={
        "The weights are right and out is not": "The heads are joined in a wrong order, or w_o has "
        "been forgotten. Print the shape before flattening: n must stand before the heads.",
        "One query is NaN": "It may attend nothing: see problem 3.",
        "The check names “in training mode”": "Something is drawn at random: look for dropout.",
        "Self-attention passes and the rest fails": "query, key and value are three tensors. Which "
        "goes where? And n_q is not n_k.",
    },
)

# leaks_future -------------------------------------------------------------------------------------

RANDOM = "torch.randn(n, d, generator=torch.Generator().manual_seed(0))"
INFLUENCE = "jacobian.abs().sum(dim=(1, 3))"
LATER = "influence.triu(1).any()"


def token_by_token(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Honest: each output sees its own input alone, its features backwards."""
    return lambda x: torch.tanh(factor * x.flip(1)) + x


def mean_so_far(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Honest: the mean of what came before, and of itself."""

    def attend(x: torch.Tensor) -> torch.Tensor:
        counts = torch.arange(1, len(x) + 1, dtype=x.dtype)[:, None]
        return factor * x.cumsum(dim=0) / counts

    return attend


def one_back(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Honest: each output sees the input before its own, the first nothing."""

    def attend(x: torch.Tensor) -> torch.Tensor:
        first = torch.zeros(1, x.shape[1], dtype=x.dtype)
        return factor * torch.cat([first, x[:-1]])

    return attend


def constant(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Honest: nothing sees anything."""
    return lambda x: torch.full(x.shape, factor)


def by_weights(factor: float, mask: Sequence[Sequence[bool]]) -> Callable[..., torch.Tensor]:
    """Each output weighs the inputs that the mask lets it see; honest if the mask is."""

    def attend(x: torch.Tensor) -> torch.Tensor:
        powers = torch.exp(torch.tanh(factor * x @ x.T)) * torch.tensor(mask, dtype=x.dtype)
        return powers / powers.sum(dim=1, keepdim=True) @ x

    return attend


def divided_too_early(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Leaking: what is hidden stays in the denominator."""

    def attend(x: torch.Tensor) -> torch.Tensor:
        powers = torch.exp(torch.tanh(factor * x @ x.T))
        shares = powers / powers.sum(dim=1, keepdim=True)
        return shares.tril() @ x

    return attend


def over_the_wrong_axis(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Leaking: later queries share in what a key gives, though later keys are hidden."""

    def attend(x: torch.Tensor) -> torch.Tensor:
        powers = torch.exp(torch.tanh(factor * x @ x.T)).tril()
        return powers / powers.sum(dim=0, keepdim=True) @ x

    return attend


def one_peeks(factor: float, place: int, ahead: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Leaking: the output at one place sees one input some places ahead, features backwards."""

    def attend(x: torch.Tensor) -> torch.Tensor:
        peeked = torch.zeros_like(x)
        peeked[place] = factor * x[place + ahead].flip(0)
        return x + peeked

    return attend


def square_of_the_last(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Leaking, but with a derivative of 0 where the inputs are 0."""
    return lambda x: x + factor * x[-1:] ** 2


def shares_of_the_mean(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Leaking, while the features of every output sum to 1, whatever the inputs are."""

    def attend(x: torch.Tensor) -> torch.Tensor:
        powers = torch.exp(torch.tanh(factor * (x + x.mean(dim=0))))
        return powers / powers.sum(dim=1, keepdim=True)

    return attend


def one_number_peeks(factor: float, place: int, to: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Leaking: a single number of one output sees the next input, all of its features."""

    def attend(x: torch.Tensor) -> torch.Tensor:
        peeked = torch.zeros_like(x)
        peeked[place, to] = factor * x[place + 1].sum()
        return x + peeked

    return attend


def one_number_is_seen(
    factor: float, place: int, seen: int
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Leaking: one output sees a single number of the next input, in all of its features."""

    def attend(x: torch.Tensor) -> torch.Tensor:
        peeked = torch.zeros_like(x)
        peeked[place] = factor * x[place + 1, seen]
        return x + peeked

    return attend


def difference_of_two_numbers(factor: float, place: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Leaking; the derivatives of an output by the features of the next input sum to 0."""

    def attend(x: torch.Tensor) -> torch.Tensor:
        peeked = torch.zeros_like(x)
        peeked[place] = factor * (x[place + 1, 0] - x[place + 1, 1])
        return x + peeked

    return attend


def difference_of_two_tokens(factor: float, place: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Leaking; the derivatives of an output by two later inputs sum to 0."""

    def attend(x: torch.Tensor) -> torch.Tensor:
        peeked = torch.zeros_like(x)
        peeked[place] = factor * (x[place + 1] - x[place + 2])
        return x + peeked

    return attend


def given_and_taken(factor: float, place: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Leaking; what one output is given of a later input, the next output is taken."""

    def attend(x: torch.Tensor) -> torch.Tensor:
        peeked = torch.zeros_like(x)
        peeked[place] = factor * x[place + 2]
        peeked[place + 1] = -factor * x[place + 2]
        return x + peeked

    return attend


def with_the_variance(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Leaking, but with a derivative of 0 where all tokens are equal."""
    return lambda x: x + factor * (x - x.mean(dim=0)).square().mean(dim=0)


def a_little(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Leaking weakly, beside an honest mean: the derivatives are a few ten-thousandths."""

    def attend(x: torch.Tensor) -> torch.Tensor:
        counts = torch.arange(1, len(x) + 1, dtype=x.dtype)[:, None]
        return x.cumsum(dim=0) / counts + 2e-4 * factor * x.sum(dim=0)

    return attend


def normalised(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Leaking: mean and size are taken over the whole sequence."""

    def attend(x: torch.Tensor) -> torch.Tensor:
        centred = x - x.mean(dim=0)
        return factor * centred / (1 + centred.square().mean(dim=0)) ** 0.5

    return attend


def leaks_future_cases(draw: Draw) -> Iterator[Case]:
    """Honest functions and leaking ones in every group, so that no constant answer earns a point.

    At almost all inputs every leak but one is of their size, and the weak one a thousand times as
    large as rounding: both a gradient and a change of one input by a moderate amount show it.
    """
    n, d = draw.integer(5, 7), draw.integer(3, 4)
    factor = 0.5 + draw.integer(1, 9) / 10
    just = {"factor": factor}
    lower = causal(n).tolist()
    yield Case("token by token", "plain", (Given(token_by_token, just), n, d))
    yield Case("the mean so far", "plain", (Given(mean_so_far, just), n, d))
    masked = Given(by_weights, {**just, "mask": lower})
    yield Case("weights behind a causal mask", "plain", (masked, n, d))
    bare = Given(by_weights, {**just, "mask": torch.ones(n, n).bool().tolist()})
    yield Case("weights without a mask", "plain", (bare, n, d))
    upper = Given(by_weights, {**just, "mask": causal(n).T.tolist()})
    yield Case("the mask upside down", "plain", (upper, n, d))
    yield Case("a single token", "plain", (Given(token_by_token, just), 1, d))
    yield Case("one step back", "hidden leaks", (Given(one_back, just), n, d))
    yield Case("nothing seen at all", "hidden leaks", (Given(constant, just), n, d))
    early = Given(divided_too_early, just)
    yield Case("hidden keys in the denominator", "hidden leaks", (early, n, d))
    yield Case("the wrong axis", "hidden leaks", (Given(over_the_wrong_axis, just), n, d))
    yield Case("normalised over the sequence", "hidden leaks", (Given(normalised, just), n, d))
    yield Case("squares of the last token", "hidden leaks", (Given(square_of_the_last, just), n, d))
    shares = Given(shares_of_the_mean, just)
    yield Case("outputs that always sum to 1", "hidden leaks", (shares, n, d))
    place = draw.integer(1, n - 4)
    near = Given(one_peeks, {**just, "place": place, "ahead": 1})
    yield Case("one place peeks at the next", "hidden leaks", (near, n, d))
    further = Given(one_peeks, {**just, "place": place, "ahead": 2})
    yield Case("one place peeks two ahead", "hidden leaks", (further, n, d))
    holed = causal(n)
    holed[place, place + 1] = True
    hole = Given(by_weights, {**just, "mask": holed.tolist()})
    yield Case("a mask with a hole", "hidden leaks", (hole, n, d))
    last = Given(one_peeks, {**just, "place": n - 2, "ahead": 1})
    yield Case("the last but one peeks at the last", "hidden leaks", (last, n, d))
    at = {**just, "place": place}
    number = Given(one_number_peeks, {**at, "to": d - 1})
    yield Case("the last number of an output peeks", "hidden leaks", (number, n, d))
    seen = Given(one_number_is_seen, {**at, "seen": d - 1})
    yield Case("the last number of an input is seen", "hidden leaks", (seen, n, d))
    numbers = Given(difference_of_two_numbers, at)
    yield Case("the difference of two later numbers", "hidden leaks", (numbers, n, d))
    tokens = Given(difference_of_two_tokens, at)
    yield Case("the difference of two later tokens", "hidden leaks", (tokens, n, d))
    taken = Given(given_and_taken, at)
    yield Case("given to one output, taken from the next", "hidden leaks", (taken, n, d))
    variance = Given(with_the_variance, just)
    yield Case("the variance over all tokens", "hidden leaks", (variance, n, d))
    yield Case("a weak leak", "hidden leaks", (Given(a_little, just), n, d))


def leaks_future_oracle(attend: Callable[..., torch.Tensor], n: int, d: int) -> bool:
    """By changing the future: new inputs from some place on must leave earlier outputs alone."""
    generator = torch.Generator().manual_seed(1)
    for place in range(1, n):
        x = torch.randn(n, d, generator=generator)
        other = torch.cat([x[:place], torch.randn(n - place, d, generator=generator)])
        if not torch.allclose(attend(x)[:place], attend(other)[:place], atol=1e-5):
            return True
    return False


LEAKS_FUTURE = Problem(
    signature="leaks_future(attend, n, d)",
    returns=("result",),
    minutes=30,
    difficulty=3,
    points={"plain": 2, "hidden leaks": 2},
    cases=leaks_future_cases,
    oracle=leaks_future_oracle,
    misconceptions=(
        Misconception(
            "opposite",
            seen="honest functions are accused, and leaking ones are not.",
            think="is the question whether something leaks, or whether all is well?",
            edits={LATER: "influence.triu(1).any().logical_not()"},
        ),
        Misconception(
            "itself_is_no_future",
            seen="a function that treats every token by itself is accused.",
            think="is a token's own input later than its output?",
            edits={LATER: "influence.triu().any()"},
        ),
        Misconception(
            "looks_at_the_past",
            seen="functions that look back are accused, those that look ahead are not.",
            think="in your table, is the row the output or the input?",
            edits={LATER: "influence.tril(-1).any()"},
        ),
        Misconception(
            "any_dependence",
            seen="every function that depends on its input at all is accused.",
            think="on which inputs may an output depend?",
            edits={LATER: "influence.any()"},
        ),
        Misconception(
            "any_other_token",
            seen="functions that look back are accused as well.",
            think="which other tokens may an output see?",
            edits={LATER: "(influence * (1 - torch.eye(n))).any()"},
        ),
        Misconception(
            "only_the_first_output",
            seen="a leak at another place than the first is missed.",
            think="which outputs have a future?",
            edits={LATER: "influence[0, 1:].any()"},
        ),
        Misconception(
            "only_the_last_input",
            seen="a place that peeks at the next is missed unless that is the last.",
            think="which inputs lie in the future of some output?",
            edits={LATER: "influence[:-1, -1].any()"},
        ),
        Misconception(
            "only_the_next",
            seen="a leak from the next place is found, one from further ahead is not.",
            think="is the future only one step long?",
            edits={LATER: "influence.diagonal(1).any()"},
        ),
        Misconception(
            "beyond_the_next",
            seen="a place that peeks at the next one is missed.",
            think="from which diagonal on does the future begin?",
            edits={LATER: "influence.triu(2).any()"},
        ),
        Misconception(
            "at_zeros",
            seen="a leak through a square is missed: at inputs of 0 its derivative is 0.",
            think="at which inputs do you test, and would all leaks show there?",
            edits={RANDOM: "torch.zeros(n, d)"},
        ),
        Misconception(
            "sums_cancel",
            seen="a leak is missed where the features of an output always sum to 1.",
            think="a sum of derivatives can be 0 though none of them is. What do you add up?",
            edits={INFLUENCE: "jacobian.sum(dim=(1, 3)).abs().gt(1e-6)"},
        ),
        Misconception(
            "first_feature_only",
            seen="a leak is seen only if it reaches the first feature from the first feature.",
            think="does your test look at all features of an input and of an output?",
            edits={INFLUENCE: "jacobian[:, 0, :, 0].abs()"},
        ),
        Misconception(
            "at_ones",
            seen="a leak through the variance is missed: where all tokens are equal its derivative "
            "is 0.",
            think="at which inputs do you test, and would all leaks show there?",
            edits={RANDOM: "torch.ones(n, d)"},
        ),
        Misconception(
            "features_of_an_output_cancel",
            seen="derivatives of the sum of an output's features are taken: where that sum is "
            "always 1, a leak is missed.",
            think="a sum may stand still though its parts move. What do you differentiate?",
            edits={INFLUENCE: "jacobian.sum(dim=1).abs().sum(dim=2).gt(1e-6)"},
        ),
        Misconception(
            "features_of_an_input_cancel",
            seen="derivatives by the features of an input are added with their signs: a leak of a "
            "difference is missed.",
            think="a sum of derivatives can be 0 though none of them is. What do you add up?",
            edits={INFLUENCE: "jacobian.sum(dim=3).abs().sum(dim=1).gt(1e-6)"},
        ),
        Misconception(
            "inputs_cancel",
            seen="derivatives by all later inputs are added with their signs: a leak of a "
            "difference of two tokens is missed.",
            think="a sum of derivatives can be 0 though none of them is. What do you add up?",
            edits={
                LATER: "any(jacobian[i, :, i + 1 :].sum(dim=1).abs().gt(1e-6).any() "
                "for i in range(n))"
            },
        ),
        Misconception(
            "outputs_cancel",
            seen="derivatives of all earlier outputs are added with their signs: what one is given "
            "and another is taken goes unseen.",
            think="a sum may stand still though its parts move. What do you differentiate?",
            edits={
                LATER: "any(jacobian[:j, :, j].sum(dim=0).abs().gt(1e-6).any() for j in range(n))"
            },
        ),
        Misconception(
            "sum_of_earlier_outputs",
            seen="derivatives of one sum over all earlier outputs and their features are taken: "
            "leaks that cancel in it are missed.",
            think="a sum may stand still though its parts move. What do you differentiate?",
            edits={
                LATER: "any(jacobian[:j, :, j].sum(dim=(0, 1)).abs().gt(1e-6).any() "
                "for j in range(n))"
            },
        ),
        Misconception(
            "first_number_of_outputs",
            seen="a leak is seen only if it reaches the first number of an output.",
            think="does your test look at all features of an output?",
            edits={INFLUENCE: "jacobian[:, 0].abs().sum(dim=2)"},
        ),
        Misconception(
            "first_number_of_inputs",
            seen="a leak is seen only if it comes from the first number of an input.",
            think="does your test look at all features of an input?",
            edits={INFLUENCE: "jacobian[..., 0].abs().sum(dim=1)"},
        ),
        Misconception(
            "too_large_a_threshold",
            seen="a weak leak is taken for rounding.",
            think="how large are rounding errors in float32, and how large is your threshold?",
            edits={LATER: "influence.triu(1).gt(1e-2).any()"},
        ),
        Misconception(
            "a_tensor",
            seen="the answer is right, but it is a tensor; the contract asks for Python's bool.",
            think="what takes the truth out of a tensor that holds only one?",
            edits={f"bool({LATER})": LATER},
        ),
        Misconception(
            "how_much",
            seen="your result is a number: it says how much leaks, not whether.",
            think="the contract asks for True or False.",
            edits={f"bool({LATER})": "influence.triu(1).sum().item()"},
        ),
    ),
    hints=(
        "Which pairs (output i, input j) must have nothing to do with each other? Draw the table.",
        "Two tests are at hand: the derivative of output i with respect to input j, or a change of "
        "input j and a look at output i. Both at random inputs, not at zeros.",
        "torch.autograd.functional.jacobian(attend, x) gives all derivatives, (n, d, n, d). Or: "
        "for "
        "each place, put new random numbers into all later inputs and compare all outputs up to "
        "it.",
    ),
    symptoms={
        "element 0 of tensors does not require grad": "An output may depend on no input at all; "
        "such "
        "a function leaks nothing.",
        "A leak is missed": "Look at every output and every later input; and a sum over features "
        "can "
        "hide what its parts show.",
        "An honest function is accused": "If you compare numbers, allow for rounding.",
    },
)

PROBLEMS = (
    CAUSAL_MASK,
    PADDING_MASK,
    MASKED_SOFTMAX,
    MASKED_ATTENTION,
    SHIFT_RIGHT,
    MASKED_MULTI_HEAD_ATTENTION,
    LEAKS_FUTURE,
)
