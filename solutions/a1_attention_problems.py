"""Assignment 1: cases, misconceptions, rules and help of every problem."""

from collections.abc import Callable, Iterator

import scipy.special
import torch
from torch.nn import functional

from autograder.problem import Case, Draw, Misconception, Problem

# The built-ins that are what attend and scaled_dot_product_attention build.
ATTENTION_OF_TORCH = (
    "scaled_dot_product_attention",
    "multi_head_attention_forward",
    "MultiheadAttention",
)

# A float32 near 1e4 is rounded by up to 5e-4. A variant that takes the logarithm of the sum, or
# that splits the scale between queries and keys, moves its weights by about that much.
LARGE = (2e-3, 2e-3)

# "I go home": the worked example of the notebook, the same in the cases of every problem.
KEYS = torch.tensor([[1.0, 0, 0, 1], [1, 1, 0, 0], [2, 0, 1, 0]])
QUERIES = torch.tensor([[1.0, -1, -2, -1], [1, 1, 2, -1], [1, -1, 0, 1]])
VALUES = torch.tensor([[1.0, 0], [0, 1], [1, 1]])
GO = 1


def large_scores(draw: Draw, n_q: int, n_k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Queries and keys with d_k = 4 whose scaled scores reach ±10,000 and are exact in float32.

    All entries are whole and √d_k is 2, so that no order of operations rounds. For the first query
    the first two keys score 10,000 and 9,999, and the last one −10,000.
    """
    sizes = [[2] + [draw.integer(60, 66) for _ in range(3)] for _ in range(n_q)]
    signs = [[2 * draw.integer(0, 1) - 1 for _ in range(4)] for _ in range(n_q)]
    q = torch.tensor(sizes, dtype=torch.float32) * torch.tensor(signs)
    k = torch.tensor([[draw.integer(-100, 100) for _ in range(4)] for _ in range(n_k)]).float()
    k[0] = 100 * q[0].sign()
    k[1] = k[0] - torch.tensor([1.0, 0, 0, 0]) * q[0].sign()
    k[-1] = -k[0]
    return q, k


# softmax ------------------------------------------------------------------------------------------

LARGEST = "x.max(dim=dim, keepdim=True).values"
EXPONENTIALS = "torch.exp(x - largest)"
SHARES = "exponentials / exponentials.sum(dim=dim, keepdim=True)"


def softmax_cases(draw: Draw) -> Iterator[Case]:
    """Along every kind of dimension; entries of ±10,000; float64 and gradients."""
    n, m, b = draw.sizes(3, 3, 9)
    yield Case("the worked example", "values", (torch.tensor([0.0, 1, 2]), 0))
    yield Case("a vector", "values", (draw.normal(n, scale=2), 0))
    yield Case("rows of a matrix", "values", (draw.normal(n, m, scale=2), 1))
    yield Case("columns of a matrix", "values", (draw.normal(n, m, scale=2), 0))
    yield Case("the last of three dimensions, as -1", "values", (draw.normal(b, n, m), -1))
    yield Case("the middle of three dimensions", "values", (draw.normal(b, n, m), 1))
    yield Case("a single entry along dim", "values", (draw.normal(1, m), 0))
    # Every row holds two entries that share the weight, so that picking the largest is not enough.
    rows = []
    for _ in range(3):
        middle, apart = draw.integer(200, 5000), draw.integer(2, 8) / 4
        row = torch.tensor([1e4, 1e4 - apart, middle, -middle, -1e4])
        rows.append(row[draw.sizes(5, 0, 4)])
    yield Case("entries up to ±10,000", "large entries", (torch.stack(rows), 1), tolerance=LARGE)
    low = draw.normal(n, m) - 1e4
    yield Case("entries near −10,000", "large entries", (low, 0), tolerance=LARGE)
    levels = draw.normal(2, n) + torch.tensor([[1e4], [-1e4]])
    yield Case("one row high, one row low", "large entries", (levels, 1), tolerance=LARGE)
    double = draw.normal(m, n, dtype=torch.float64)
    yield Case("float64", "float64 and gradient", (double, 0))
    yield Case("gradient", "float64 and gradient", (draw.normal(n, m), -1), gradient=True)
    yield Case("gradient of columns", "float64 and gradient", (draw.normal(m, b), 0), gradient=True)


SOFTMAX = Problem(
    signature="softmax(x, dim)",
    returns=("result",),
    minutes=15,
    difficulty=1,
    points={"values": 2, "large entries": 1, "float64 and gradient": 1},
    cases=softmax_cases,
    oracle=lambda x, dim: torch.from_numpy(scipy.special.softmax(x.detach().numpy(), axis=dim)),
    forbidden=("softmax", "log_softmax", "softmin"),
    misconceptions=(
        Misconception(
            "no_normalisation",
            seen="the largest number along `dim` is always 1, and the sum is more than 1.",
            think="what turns positive numbers into shares of a whole?",
            edits={SHARES: "exponentials"},
        ),
        Misconception(
            "raw_exponentials",
            seen="every number is e to the power of its entry, whatever stands beside it.",
            think="what turns positive numbers into shares of a whole? And what is e^10000?",
            edits={EXPONENTIALS: "torch.exp(x)", SHARES: "exponentials"},
        ),
        Misconception(
            "no_maximum",
            seen="moderate entries are right; entries of ±10,000 give inf / inf or 0 / 0, so NaN.",
            think="which change of all entries leaves their shares alone, and keeps exp in range?",
            edits={EXPONENTIALS: "torch.exp(x)"},
        ),
        Misconception(
            "epsilon",
            seen="a small number added to the sum hides 0 / 0: weights near entries of −10,000 "
            "are 0 and do not sum to 1; near +10,000 they are still NaN.",
            think="mend the numbers that go into exp, not the quotient that comes out.",
            edits={
                EXPONENTIALS: "torch.exp(x)",
                SHARES: "exponentials / (exponentials.sum(dim=dim, keepdim=True) + 1e-9)",
            },
        ),
        Misconception(
            "rounded_e",
            seen="the numbers are nearly right: they are powers of a number that is nearly e.",
            think="how many digits has your e? Python and torch know it to all digits of a float.",
            edits={EXPONENTIALS: "2.718 ** (x - largest)"},
        ),
        Misconception(
            "rounded_e_no_maximum",
            seen="moderate entries are nearly right: powers of nearly e. Large ones give NaN.",
            think="how many digits has your e? And what becomes of its power of 10,000?",
            edits={EXPONENTIALS: "2.718**x"},
        ),
        Misconception(
            "subtracts_minimum",
            seen="moderate entries are right; where entries lie far apart there is NaN.",
            think="after your subtraction, which side of 0 are the entries on? Which side is safe?",
            edits={LARGEST: "x.min(dim=dim, keepdim=True).values"},
        ),
        Misconception(
            "subtracts_mean",
            seen="moderate entries are right; where entries lie far apart there is NaN.",
            think="after subtracting the mean, how large can the largest entry still be?",
            edits={LARGEST: "x.mean(dim=dim, keepdim=True)"},
        ),
        Misconception(
            "one_maximum_for_all",
            seen="a row whose entries all lie far below another row's becomes 0 / 0, so NaN.",
            think="after your subtraction, what is the largest entry of each row?",
            edits={LARGEST: "x.max()"},
        ),
        Misconception(
            "clamps_above",
            seen="two different large entries get the same weight, and low entries give NaN.",
            think="cutting entries off changes their differences. What changes no difference?",
            edits={EXPONENTIALS: "torch.exp(x.clamp(max=80))"},
        ),
        Misconception(
            "clamps_both_ways",
            seen="different entries far from 0, on the same side, get the same weight.",
            think="cutting entries off changes their differences. What changes no difference?",
            edits={EXPONENTIALS: "torch.exp(x.clamp(min=-80, max=80))"},
        ),
        Misconception(
            "always_last_dim",
            seen="your weights sum to 1 along the last dimension, whichever `dim` is asked for.",
            think="where in your code does `dim` matter?",
            edits={
                LARGEST: LARGEST.replace("dim=dim", "dim=-1"),
                SHARES: SHARES.replace("dim=dim", "dim=-1"),
            },
        ),
        Misconception(
            "always_first_dim",
            seen="your weights sum to 1 along dimension 0, whichever `dim` is asked for.",
            think="where in your code does `dim` matter?",
            edits={
                LARGEST: LARGEST.replace("dim=dim", "dim=0"),
                SHARES: SHARES.replace("dim=dim", "dim=0"),
            },
        ),
        Misconception(
            "joint",
            seen="all entries of `x` together sum to 1, not the entries along `dim`.",
            think="how many sums does a (4, 3) matrix need if every row is to sum to 1?",
            edits={LARGEST: "x.max()", SHARES: "exponentials / exponentials.sum()"},
        ),
        Misconception(
            "joint_after_maximum",
            seen="all entries of `x` together sum to 1, not the entries along `dim`.",
            think="your maximum is taken along `dim`. And your sum?",
            edits={SHARES: "exponentials / exponentials.sum()"},
        ),
        Misconception(
            "joint_without_maximum",
            seen="all entries of `x` sum to 1 together, not along `dim`; large ones give NaN.",
            think="how many sums does a (4, 3) matrix need? And what is e^10000?",
            edits={EXPONENTIALS: "torch.exp(x)", SHARES: "exponentials / exponentials.sum()"},
        ),
        Misconception(
            "no_exponential",
            seen="your weights are the entries themselves, divided by their sum.",
            think="what becomes of a negative entry, or of entries that sum to 0?",
            edits={SHARES: "x / x.sum(dim=dim, keepdim=True)"},
        ),
        Misconception(
            "absolute_values",
            seen="your weights are the entries without their sign, divided by their sum.",
            think="which should weigh more, an entry of −3 or one of 1?",
            edits={SHARES: "x.abs() / x.abs().sum(dim=dim, keepdim=True)"},
        ),
        Misconception(
            "squares",
            seen="your weights are the squares of the entries, divided by their sum.",
            think="which should weigh more, an entry of −3 or one of 1?",
            edits={SHARES: "x**2 / (x**2).sum(dim=dim, keepdim=True)"},
        ),
        Misconception(
            "sigmoid",
            seen="each number depends on its own entry alone; along `dim` they do not sum to 1.",
            think="when one entry grows, what must happen to the weights of the others?",
            edits={SHARES: "torch.sigmoid(x)"},
        ),
        Misconception(
            "unit_length",
            seen="the squares of your numbers sum to 1 along `dim`, not the numbers.",
            think="which norm of a vector of shares is 1?",
            edits={SHARES: "exponentials / exponentials.norm(dim=dim, keepdim=True)"},
        ),
        Misconception(
            "hardmax",
            seen="the largest entry gets weight 1 and all others get 0, however close they are.",
            think="a softmax is soft: an entry just below the largest weighs almost as much.",
            edits={SHARES: "(x == largest).to(x.dtype)"},
        ),
        Misconception(
            "log_softmax",
            seen="your numbers are negative: they are the logarithms of the weights.",
            think="which last step leads from a logarithm back to the number?",
            edits={SHARES: "(x - largest) - exponentials.sum(dim=dim, keepdim=True).log()"},
        ),
        Misconception(
            "softmin",
            seen="the smallest entry gets the largest weight.",
            think="follow the sign of one entry from `x` into the exponential.",
            edits={
                LARGEST: "x.min(dim=dim, keepdim=True).values",
                EXPONENTIALS: "torch.exp(largest - x)",
            },
        ),
        Misconception(
            "softmin_of_maximum",
            seen="the smallest entry gets the largest weight; entries far apart give NaN.",
            think="follow the sign of one entry from `x` into the exponential.",
            edits={EXPONENTIALS: "torch.exp(largest - x)"},
        ),
        Misconception(
            "keepdim",
            seen="a maximum or a sum has lost the dimension `dim`, and no longer fits beside `x`.",
            think="print the shapes: (n, m) against (n,). What would (n, 1) do?",
            edits={SHARES: "exponentials / exponentials.sum(dim=dim)"},
        ),
        Misconception(
            "in_place",
            seen="the result is right, but afterwards the caller's `x` holds other numbers.",
            think="which of your operations write into `x`? (-=, /= and names that end in _ do.)",
            edits={EXPONENTIALS: "x.sub_(largest).exp()"},
        ),
        Misconception(
            "in_place_throughout",
            seen="afterwards the caller's `x` holds other numbers, and torch finds no way back for "
            "a gradient.",
            think="which of your operations write into `x`? (-=, /= and names that end in _ do.)",
            edits={
                EXPONENTIALS: "x.sub_(largest).exp_()",
                SHARES: "exponentials.div_(exponentials.sum(dim=dim, keepdim=True))",
            },
        ),
        Misconception(
            "detached",
            seen="the numbers are right, but no gradient flows from the result back to `x`.",
            think="where does the path leave torch? detach, item, numpy and torch.tensor cut it.",
            edits={EXPONENTIALS: "torch.exp(x - largest).detach()"},
        ),
        Misconception(
            "not_followed_by_torch",
            seen="the numbers are right, but where a gradient is asked for torch raises an error.",
            think="do you leave torch for numpy, or write into a tensor that is still needed?",
            edits={EXPONENTIALS: "torch.from_numpy(torch.exp(x - largest).numpy())"},
        ),
        Misconception(
            "float32",
            seen="float64 went in, float32 came out.",
            think="which line chooses a dtype? The result has that of `x`.",
            edits={EXPONENTIALS: "torch.exp((x - largest).float())"},
        ),
    ),
    hints=(
        "A softmax does two things along `dim`: it makes every number positive, in such a way that "
        "a larger entry stays larger, and it makes them sum to 1.",
        "e^10000 is too large for any float. If you subtract one number from all entries along "
        "`dim`, every exponential changes by the same factor: what becomes of the shares? Which "
        "number is safe to subtract?",
        "Subtract the maximum along `dim`, keeping that dimension with size 1 so that it "
        "broadcasts; take exponentials; divide them by their sum along `dim`, kept the same way.",
    ),
    symptoms={
        "I get NaN for large entries": "inf / inf and 0 / 0 are both NaN. Print what exp makes of "
        "10,000 and of −10,000, and think about what may be subtracted first.",
        "My rows sum to 1 where the columns should": "Look for a dimension that is fixed in your "
        "code, and call the function on a (2, 3) matrix with dim=0 and with dim=1.",
        "The size of tensor a (…) must match the size of tensor b (…)": "A maximum or a sum over "
        "a dimension removes it. Print the shapes of both sides of your subtraction and of your "
        "division; see `keepdim`.",
        "The check names “gradient”": "The cases before it pass, so the numbers are right. "
        "Something between `x` and the result is not torch's own operation, or writes into `x`.",
        "name 'math' is not defined": "The first cell imports torch only. What else you use, you "
        "import at the top of your answer cell.",
    },
)

# similarity ---------------------------------------------------------------------------------------

INNER = "keys @ query"


def similarity_cases(draw: Draw) -> Iterator[Case]:
    """Many keys, one key, one feature; float64 and gradients."""
    n, d_k = draw.sizes(2)
    query, keys = draw.normal(d_k), draw.normal(n, d_k)
    yield Case("the worked example", "values", (QUERIES[GO], KEYS))
    yield Case("several keys", "values", (query, keys))
    yield Case("one key", "values", (query, draw.normal(1, d_k)))
    yield Case("keys of one feature", "values", (draw.normal(1), draw.normal(n, 1)))
    yield Case("keys that do not repeat", "values", (draw.normal(n, scale=3), draw.normal(d_k, n)))
    double = draw.normal(n, dtype=torch.float64), draw.normal(d_k, n, dtype=torch.float64)
    yield Case("float64", "float64 and gradient", double)
    yield Case("gradient", "float64 and gradient", (query, keys), gradient=True)


def similarity_oracle(query: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Sums of products of Python's own floats."""
    pairs = query.tolist(), keys.tolist()
    sums = [sum(a * b for a, b in zip(pairs[0], key, strict=True)) for key in pairs[1]]
    return torch.tensor(sums, dtype=keys.dtype)


SIMILARITY = Problem(
    signature="similarity(query, keys)",
    returns=("result",),
    minutes=10,
    difficulty=1,
    points={"values": 1, "float64 and gradient": 1},
    cases=similarity_cases,
    oracle=similarity_oracle,
    misconceptions=(
        Misconception(
            "cosine",
            seen="all your numbers lie between −1 and 1: the lengths of query and keys are lost.",
            think="should a key that is twice as long score the same? Read the contract again.",
            edits={INNER: "torch.cosine_similarity(keys, query[None], dim=-1)"},
        ),
        Misconception(
            "unit_query",
            seen="twice the query gives the same scores: its length is lost.",
            think="which of your steps removes the length of the query? Is it in the contract?",
            edits={INNER: "keys @ (query / query.norm())"},
        ),
        Misconception(
            "unit_keys",
            seen="twice a key gives the same score: the lengths of the keys are lost.",
            think="which of your steps removes the length of a key? Is it in the contract?",
            edits={INNER: "(keys / keys.norm(dim=-1, keepdim=True)) @ query"},
        ),
        Misconception(
            "scaled",
            seen="your scores are the right ones divided by √d_k.",
            think="the scale has its place in the next problem: what does this one ask for?",
            edits={INNER: "keys @ query / query.shape[0] ** 0.5"},
        ),
        Misconception(
            "mean",
            seen="your scores are the right ones divided by d_k.",
            think="are the d_k products of a query and a key averaged, or something else?",
            edits={INNER: "(keys * query).mean(dim=-1)"},
        ),
        Misconception(
            "distance",
            seen="your numbers are distances: a key equal to the query gets 0, the lowest of all.",
            think="what should a key that points the way of the query get, a high or a low score?",
            edits={INNER: "torch.linalg.vector_norm(keys - query, dim=-1)"},
        ),
        Misconception(
            "negative_distance",
            seen="no number is above 0: they are distances with a minus sign.",
            think="distance is one measure of likeness. Which one does the contract name?",
            edits={INNER: "-torch.linalg.vector_norm(keys - query, dim=-1)"},
        ),
        Misconception(
            "squared_distance",
            seen="your numbers are squared distances: a key equal to the query gets 0.",
            think="distance is one measure of likeness. Which one does the contract name?",
            edits={INNER: "((keys - query) ** 2).sum(dim=-1)"},
        ),
        Misconception(
            "negative_squared_distance",
            seen="no number is above 0: they are squared distances with a minus sign.",
            think="distance is one measure of likeness. Which one does the contract name?",
            edits={INNER: "-((keys - query) ** 2).sum(dim=-1)"},
        ),
        Misconception(
            "products",
            seen="there is one number per key and feature, (n, d_k), where one per key is asked.",
            think="how do the d_k products of one key become one number?",
            edits={INNER: "keys * query"},
        ),
        Misconception(
            "sum_over_keys",
            seen="there is one number per feature, (d_k,), where one per key is asked.",
            think="which axis of `keys` should survive, and which should be summed away?",
            edits={INNER: "(keys * query).sum(dim=0)"},
        ),
        Misconception(
            "sum_of_everything",
            seen="there is one number in all, where one per key is asked.",
            think="which axis of `keys` should survive, and which should be summed away?",
            edits={INNER: "(keys * query).sum()"},
        ),
        Misconception(
            "column",
            seen="the numbers are right, but their shape is (n, 1), not (n,).",
            think="which step makes or keeps an axis of size 1?",
            edits={INNER: "(keys * query).sum(dim=-1, keepdim=True)"},
        ),
        Misconception(
            "row",
            seen="the numbers are right, but their shape is (1, n), not (n,).",
            think="which step makes or keeps an axis of size 1?",
            edits={INNER: "query[None] @ keys.T"},
        ),
        Misconception(
            "squeezed",
            seen="with one key the result has no axis left: (), not (1,).",
            think="squeeze() drops every axis of size 1, also one that you meant to keep.",
            edits={INNER: "(keys @ query[:, None]).squeeze()"},
        ),
        Misconception(
            "softmaxed",
            seen="your numbers are positive and sum to 1: they are weights already.",
            think="which step comes after the scores, and is not asked for here?",
            edits={INNER: "torch.softmax(keys @ query, dim=0)"},
        ),
        Misconception(
            "absolute",
            seen="no number is below 0: the sign of the scores is lost.",
            think="is a key that points away from the query as similar as one that points its way?",
            edits={INNER: "(keys @ query).abs()"},
        ),
        Misconception(
            "sum_of_sums",
            seen="your score for a key is the sum of its entries plus the sum of the query's.",
            think="what is done with the i-th entries of query and key before the sum is taken?",
            edits={INNER: "(keys + query).sum(dim=-1)"},
        ),
        Misconception(
            "reshaped_keys",
            seen="the keys were cut anew where they should have changed axes: the query met "
            "numbers of several keys at once.",
            think="reshape keeps the order of the numbers. What swaps two axes?",
            edits={INNER: "query @ keys.reshape(query.shape[0], -1)"},
        ),
        Misconception(
            "keys_with_keys",
            seen="the result is (n, n): every key is compared with every key.",
            think="where does the query enter?",
            edits={INNER: "keys @ keys.T"},
        ),
        Misconception(
            "in_place",
            seen="the result is right, but afterwards the caller's `keys` hold other numbers.",
            think="which of your operations write into `keys`? (*=, -= and names in _ do.)",
            edits={INNER: "keys.mul_(query).sum(dim=-1)"},
        ),
        Misconception(
            "detached",
            seen="the numbers are right, but no gradient flows back to `query` and `keys`.",
            think="where does the path leave torch? detach, item, numpy and torch.tensor cut it.",
            edits={INNER: "(keys @ query).detach()"},
        ),
        Misconception(
            "from_numbers",
            seen="a new tensor is made from plain numbers: float32 always, and without gradient.",
            think="which torch operation joins tensors without turning them into numbers first?",
            edits={INNER: "torch.tensor([(key * query).sum().item() for key in keys])"},
        ),
        Misconception(
            "not_followed_by_torch",
            seen="the numbers are right, but where a gradient is asked for torch raises an error.",
            think="do you leave torch for numpy, or write into a tensor that is still needed?",
            edits={INNER: "torch.from_numpy(keys.numpy() @ query.numpy())"},
        ),
        Misconception(
            "float32",
            seen="float64 went in, float32 came out.",
            think="which line chooses a dtype? The result has that of the arguments.",
            edits={INNER: "keys.float() @ query.float()"},
        ),
    ),
    hints=(
        "Start with one key: two vectors of d_k numbers that are to become one number.",
        "The inner product multiplies the i-th entries of both vectors and adds up over i. With "
        "all keys at once, which of the two axes of `keys` is the one that is added over?",
        "Either multiply `keys` by `query`, letting the query broadcast over the rows, and sum "
        "over the last axis; or let a matrix–vector product do both. Mind which of the "
        "two comes first.",
    ),
    symptoms={
        "mat1 and mat2 shapes cannot be multiplied": "In a product of a matrix and a vector the "
        "touching sizes must agree. Write (n, d_k) and (d_k,) down in the order you multiply them.",
        "My result is a matrix": "Each key should end as one number: find the axis of size d_k "
        "that is still there.",
        "It works, except with one key": "An axis of size 1 was dropped together with another. "
        "Print the shape before and after `squeeze`.",
    },
)

# attend -------------------------------------------------------------------------------------------

SCALE = " / d_k**0.5"
SOFTMAXED = "torch.softmax(scores, dim=-1)"
MIXED = "weights @ values"

WRONG_SCALES = (
    Misconception(
        "no_scale",
        seen="the scores go into the softmax as they are, undivided.",
        think="a sum of more products spreads further. What keeps the scores in check?",
        edits={SCALE: ""},
    ),
    Misconception(
        "scale_by_d_k",
        seen="the scores are divided by d_k itself: the weights are too even.",
        think="d_k is the growth of a variance. Which power of it is the growth of a spread?",
        edits={SCALE: " / d_k"},
    ),
    Misconception(
        "multiplied",
        seen="the scores are multiplied by √d_k: the weights are too sharp.",
        think="is the scale there to make the scores larger or smaller?",
        edits={SCALE: " * d_k**0.5"},
    ),
    Misconception(
        "scale_by_2",
        seen="the scores are divided by 2, whatever the size of query and key.",
        think="2 is right for the worked example. What is it there, and what elsewhere?",
        edits={SCALE: " / 2"},
    ),
    Misconception(
        "half_of_d_k",
        seen="the scores are divided by d_k / 2.",
        think="Python reads d_k ** 1/2 as (d_k ** 1) / 2. How do you write the power you mean?",
        edits={SCALE: " / (d_k / 2)"},
    ),
    Misconception(
        "power_read_in_turn",
        seen="the scores are divided by d_k, and then by 2.",
        think="Python reads s / d_k ** 1/2 from left to right. Where do brackets belong?",
        edits={SCALE: " / d_k ** 1/2"},
    ),
)


def attend_cases(draw: Draw) -> Iterator[Case]:
    """Sizes all different, one key, one value feature; scores of ±10,000; float64, gradients."""
    n, d_k, d_v = draw.sizes(3, low=3)
    query, keys, values = draw.normal(d_k), draw.normal(n, d_k), draw.normal(n, d_v)
    yield Case("the worked example", "values", (QUERIES[GO], KEYS, VALUES))
    yield Case("several keys", "values", (query, keys, values))
    yield Case("one key", "values", (query, draw.normal(1, d_k), draw.normal(1, d_v)))
    yield Case("values of one feature", "values", (query, keys, draw.normal(n, 1)))
    many = draw.normal(d_v), draw.normal(n + 8, d_v), draw.normal(n + 8, d_k)
    yield Case("many keys", "values", many)
    n_large, v_large = draw.sizes(2, 5, 9)
    q, k = large_scores(draw, 1, n_large)
    large = q[0], k, draw.normal(n_large, v_large)
    yield Case("scores up to ±10,000", "large scores", large, tolerance=LARGE)
    low = q[0], -k[[0, 1]], draw.normal(2, v_large)
    yield Case("scores near −10,000", "large scores", low, tolerance=LARGE)
    sizes = (d_v,), (d_k, d_v), (d_k, n)
    double = tuple(draw.normal(*size, dtype=torch.float64) for size in sizes)
    yield Case("float64", "float64 and gradient", double)
    yield Case("gradient", "float64 and gradient", (query, keys, values), gradient=True)


def attend_oracle(query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Torch's fused attention on a batch of one query."""
    return functional.scaled_dot_product_attention(query[None], keys, values)[0]


ATTEND = Problem(
    signature="attend(query, keys, values)",
    returns=("result",),
    minutes=20,
    difficulty=2,
    points={"values": 2, "large scores": 1, "float64 and gradient": 1},
    cases=attend_cases,
    oracle=attend_oracle,
    forbidden=ATTENTION_OF_TORCH,
    misconceptions=(
        *WRONG_SCALES,
        Misconception(
            "sqrt_d_v",
            seen="the scores are divided by the root of d_v, the size of a value.",
            think="which vectors are multiplied to get a score, and how long are they?",
            edits={"keys.shape[-1]": "values.shape[-1]"},
        ),
        Misconception(
            "sqrt_n",
            seen="the scores are divided by the root of n, the number of keys.",
            think="which vectors are multiplied to get a score, and how long are they?",
            edits={"keys.shape[-1]": "keys.shape[0]"},
        ),
        Misconception(
            "softmax_of_one",
            seen="every weight is 1, so that the result is the sum of the values.",
            think="print the shape of the scores. How many numbers does your softmax share out?",
            edits={SOFTMAXED: "torch.softmax(scores[None], dim=0)[0]"},
        ),
        Misconception(
            "reshaped_keys",
            seen="the keys were cut anew where they should have changed axes: the query met "
            "numbers of several keys at once.",
            think="reshape keeps the order of the numbers. What swaps two axes?",
            edits={"keys @ query": "query @ keys.reshape(d_k, -1)"},
        ),
        Misconception(
            "scale_after_softmax",
            seen="the softmax sees unscaled scores; what comes after it is divided by √d_k.",
            think="the scale is to keep the softmax from saturating: where must it act?",
            edits={SCALE: "", MIXED: "weights @ values / d_k**0.5"},
        ),
        Misconception(
            "no_softmax",
            seen="the values are weighted by the scores themselves, and these do not sum to 1.",
            think="what turns scores into positive weights that sum to 1?",
            edits={SOFTMAXED: "scores"},
        ),
        Misconception(
            "shares_of_scores",
            seen="the weights are the scores divided by their sum: a score of 0 gets no weight.",
            think="what if the scores sum to 0? What makes every score positive first?",
            edits={SOFTMAXED: "scores / scores.sum()"},
        ),
        Misconception(
            "exponentials",
            seen="the weights are exponentials of the scores: positive, but they do not sum to 1.",
            think="what turns positive numbers into shares of a whole?",
            edits={SOFTMAXED: "torch.exp(scores)"},
        ),
        Misconception(
            "exponentials_below_1",
            seen="the largest weight is always 1, so that all together are more than 1.",
            think="what turns positive numbers into shares of a whole?",
            edits={SOFTMAXED: "torch.exp(scores - scores.max())"},
        ),
        Misconception(
            "no_maximum",
            seen="moderate scores are right; scores of ±10,000 give inf / inf or 0 / 0, so NaN.",
            think="your own softmax of problem 1 survives this. What did it do first?",
            edits={SOFTMAXED: "torch.exp(scores) / torch.exp(scores).sum()"},
        ),
        Misconception(
            "softmax_last",
            seen="your result is positive and sums to 1: the softmax was taken of the output.",
            think="what is to be turned into weights: what the values gave, or what the keys gave?",
            edits={SOFTMAXED: "scores", MIXED: "torch.softmax(weights @ values, dim=-1)"},
        ),
        Misconception(
            "softmin",
            seen="the key with the lowest score gets the largest weight.",
            think="follow the sign of one score into the softmax.",
            edits={SOFTMAXED: "torch.softmax(-scores, dim=-1)"},
        ),
        Misconception(
            "hardmax",
            seen="your result is the value of the best key, whole; no other has a part in it.",
            think="what should happen when two keys score almost the same?",
            edits={MIXED: "values[scores.argmax()]"},
        ),
        Misconception(
            "uniform",
            seen="your result is the plain mean of the values, whatever the query asks.",
            think="which numbers say how much each key matters to this query?",
            edits={MIXED: "values.mean(dim=0)"},
        ),
        Misconception(
            "sum_of_values",
            seen="your result is the plain sum of the values, whatever the query asks.",
            think="which numbers say how much each key matters to this query?",
            edits={MIXED: "values.sum(dim=0)"},
        ),
        Misconception(
            "mean_of_weighted",
            seen="your result is the right one divided by n, the number of keys.",
            think="the weights sum to 1 already. What does a further mean do to them?",
            edits={MIXED: "(weights[:, None] * values).mean(dim=0)"},
        ),
        Misconception(
            "keys_for_values",
            seen="your result has d_k entries: the weights mix the keys.",
            think="keys say where to look. What says what is found there?",
            edits={MIXED: "weights @ keys"},
        ),
        Misconception(
            "returns_weights",
            seen="your result has one number per key, and they sum to 1: these are the weights.",
            think="one step is left: what are the weights for?",
            edits={MIXED: "weights"},
        ),
        Misconception(
            "returns_both",
            seen="your function returns a pair, the output and the weights.",
            think="what does the contract of this problem ask for? (The pair comes in the next.)",
            edits={MIXED: "weights @ values, weights"},
        ),
        Misconception(
            "not_summed",
            seen="your result is (n, d_v): each value is weighted, and they still stand apart.",
            think="how do n weighted values become one?",
            edits={MIXED: "weights[:, None] * values"},
        ),
        Misconception(
            "row",
            seen="the numbers are right, but their shape is (1, d_v), not (d_v,).",
            think="which step makes or keeps an axis of size 1?",
            edits={MIXED: "weights[None] @ values"},
        ),
        Misconception(
            "squeezed",
            seen="with values of one feature the result has no axis left: (), not (1,).",
            think="squeeze() drops every axis of size 1, also one that you meant to keep.",
            edits={MIXED: "(weights[None] @ values).squeeze()"},
        ),
        Misconception(
            "cosine",
            seen="your scores are cosines: query and keys were brought to length 1 first.",
            think="does the contract let a long key count for as much as a short one?",
            edits={"keys @ query": "torch.cosine_similarity(keys, query[None], dim=-1)"},
        ),
        Misconception(
            "negative_distance",
            seen="your scores are distances with a minus sign, not inner products.",
            think="which measure of likeness did problem 2 build?",
            edits={"keys @ query": "-torch.linalg.vector_norm(keys - query, dim=-1)"},
        ),
        Misconception(
            "in_place",
            seen="the result is right, but afterwards the caller's `query` holds other numbers.",
            think="which of your operations write into `query`? (/=, *= and names in _ do.)",
            edits={"keys @ query / d_k**0.5": "keys @ query.div_(d_k**0.5)"},
        ),
        Misconception(
            "detached",
            seen="the numbers are right, but no gradient flows back to any argument.",
            think="where does the path leave torch? detach, item, numpy and torch.tensor cut it.",
            edits={MIXED: "(weights @ values).detach()"},
        ),
        Misconception(
            "weights_detached",
            seen="the numbers are right; a gradient reaches `values`, but not `query` and `keys`.",
            think="where do the weights leave torch? They must stay differentiable too.",
            edits={SOFTMAXED: "torch.softmax(scores, dim=-1).detach()"},
        ),
        Misconception(
            "not_followed_by_torch",
            seen="the numbers are right, but where a gradient is asked for torch raises an error.",
            think="do you leave torch for numpy, or write into a tensor that is still needed?",
            edits={MIXED: "torch.from_numpy(weights.numpy() @ values.numpy())"},
        ),
        Misconception(
            "float32",
            seen="float64 went in, float32 came out.",
            think="which line chooses a dtype? The result has that of the arguments.",
            edits={MIXED: "weights.float() @ values.float()"},
        ),
    ),
    hints=(
        "Three steps: how well does each key fit the query (a number per key), how much does each "
        "key count (a weight per key), and what do the values give with these weights.",
        "The first step is problem 2, brought to a common scale; the second is a softmax over the "
        "n keys. For the third, think of a mean of rows in which the rows do not count alike.",
        "Divide the n inner products by the square root of the key size, take their softmax, "
        "multiply the i-th value by the i-th weight, and add up over i. Torch's own softmax may be "
        "used here. A vector–matrix product does the last two things at once.",
    ),
    symptoms={
        "My result has n numbers instead of d_v": "These are the weights (or the scores). The "
        "values have not been used yet.",
        "Close, but the weights are too sharp or too even": "Look at the scale: what is divided, "
        "by which size, and before which step?",
        "size mismatch, got input (…), mat (…), vec (…)": "A matrix times a vector adds up over "
        "the last axis of the matrix; a vector times a matrix, over the first. Over which axis of "
        "`values` do you add up, and on which side must the weights stand?",
        "It fails only where d_v is 1 or n is 1": "Look for `squeeze()` and for axes of size 1.",
    },
)

# scaled_dot_product_attention ---------------------------------------------------------------------

SCORES = "q @ k.transpose(-2, -1)"
BOTH = "weights @ v, weights"


def scaled_dot_product_attention_cases(draw: Draw) -> Iterator[Case]:
    """No batch, one, two; one query, one key; scores of ±10,000; float64, gradients."""
    b, h, n_q, n_k, d_k, d_v = draw.sizes(6, 2, 9)
    q, k, v = draw.normal(n_q, d_k), draw.normal(n_k, d_k), draw.normal(n_k, d_v)
    yield Case("the worked example", "one sequence", (QUERIES, KEYS, VALUES))
    yield Case("no batch dimension", "one sequence", (q, k, v))
    yield Case("one query", "one sequence", (draw.normal(1, d_k), k, v))
    one_key = q, draw.normal(1, d_k), draw.normal(1, d_v)
    yield Case("one key", "one sequence", one_key)
    batch = draw.normal(b, n_q, d_k), draw.normal(b, n_k, d_k), draw.normal(b, n_k, d_v)
    yield Case("one batch dimension", "batches", batch)
    sizes = (b, h, n_q, d_k), (b, h, n_k, d_k), (b, h, n_k, d_v)
    yield Case("two batch dimensions", "batches", tuple(draw.normal(*size) for size in sizes))
    sizes = (1, n_k, d_v), (1, n_q, d_v), (1, n_q, h)
    yield Case("a batch of one", "batches", tuple(draw.normal(*size) for size in sizes))
    large_q, large_k, large_v = draw.sizes(3, 5, 9)
    high, keys = large_scores(draw, large_q, large_k)
    large = high, keys, draw.normal(large_k, large_v)
    yield Case("scores up to ±10,000", "large scores", large, tolerance=LARGE)
    low = high[:1], -keys[[0, 1]], draw.normal(2, large_v)
    yield Case("scores near −10,000", "large scores", low, tolerance=LARGE)
    mixed = torch.stack([high[:1], high[:1]]), torch.stack([keys, -keys])
    both = *mixed, draw.normal(2, large_k, large_v)
    yield Case("one matrix high, one low", "large scores", both, tolerance=LARGE)
    sizes = (h, n_k, d_v), (h, n_q, d_v), (h, n_q, d_k)
    double = tuple(draw.normal(*size, dtype=torch.float64) for size in sizes)
    yield Case("float64", "float64 and gradient", double)
    yield Case("gradient", "float64 and gradient", (q, k, v), gradient=True)
    yield Case("gradient of a batch", "float64 and gradient", batch, gradient=True)


def scaled_dot_product_attention_oracle(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Torch's fused attention; with an identity matrix as values it gives the weights."""
    identity = torch.eye(k.shape[-2], dtype=k.dtype).expand(*k.shape[:-1], -1)
    out = functional.scaled_dot_product_attention(q, k, v)
    return out, functional.scaled_dot_product_attention(q, k, identity)


SCALED_DOT_PRODUCT_ATTENTION = Problem(
    signature="scaled_dot_product_attention(q, k, v)",
    returns=("out", "weights"),
    minutes=30,
    difficulty=2,
    points={"one sequence": 2, "batches": 2, "large scores": 1, "float64 and gradient": 1},
    cases=scaled_dot_product_attention_cases,
    oracle=scaled_dot_product_attention_oracle,
    forbidden=ATTENTION_OF_TORCH,
    misconceptions=(
        *WRONG_SCALES,
        Misconception(
            "sqrt_d_v",
            seen="the scores are divided by the root of d_v, the size of a value.",
            think="which vectors are multiplied to get a score, and how long are they?",
            edits={"q.shape[-1]": "v.shape[-1]"},
        ),
        Misconception(
            "sqrt_n_k",
            seen="the scores are divided by the root of n_k, the number of keys.",
            think="which vectors are multiplied to get a score, and how long are they?",
            edits={"q.shape[-1]": "k.shape[-2]"},
        ),
        Misconception(
            "sqrt_n_q",
            seen="the scores are divided by the root of n_q, the number of queries.",
            think="which vectors are multiplied to get a score, and how long are they?",
            edits={"q.shape[-1]": "q.shape[-2]"},
        ),
        Misconception(
            "root_of_len_q",
            seen="the scores are divided by the root of the first size of `q`: of n_q, or of a "
            "batch.",
            think="len(q) and q.shape[0] are the size of the first axis. Which axis has size d_k?",
            edits={"q.shape[-1]": "len(q)"},
        ),
        Misconception(
            "root_of_len_k",
            seen="the scores are divided by the root of the first size of `k`: of n_k, or of a "
            "batch.",
            think="len(k) and k.shape[0] are the size of the first axis. Which axis has size d_k?",
            edits={"q.shape[-1]": "len(k)"},
        ),
        Misconception(
            "root_of_q_shape_1",
            seen="without a batch all is right; with one, axis 1 of `q`, whose size you take the "
            "root of, is another.",
            think="counted from the front, the axis of size d_k moves. And counted from the end?",
            edits={"q.shape[-1]": "q.shape[1]"},
        ),
        Misconception(
            "root_of_k_shape_1",
            seen="without a batch all is right; with one, axis 1 of `k`, whose size you take the "
            "root of, is another.",
            think="counted from the front, the axis of size d_k moves. And counted from the end?",
            edits={"q.shape[-1]": "k.shape[1]"},
        ),
        Misconception(
            "root_of_shape_2",
            seen="with one batch dimension all is right; without one, `shape` has no place 2.",
            think="counted from the front, the axis of size d_k moves. And counted from the end?",
            edits={"q.shape[-1]": "q.shape[2]"},
        ),
        Misconception(
            "reshaped_keys",
            seen="the keys were cut anew where two axes should have changed places: a score mixes "
            "numbers of several keys.",
            think="reshape keeps the order of the numbers. What swaps two axes?",
            edits={SCORES: "q @ k.reshape(*k.shape[:-2], k.shape[-1], k.shape[-2])"},
        ),
        Misconception(
            "scale_after_softmax",
            seen="the weights of a query sum to 1/√d_k: the scale acts after the softmax.",
            think="the scale is to keep the softmax from saturating: where must it act?",
            edits={SCALE: "", SOFTMAXED: "torch.softmax(scores, dim=-1) / d_k**0.5"},
        ),
        Misconception(
            "output_scaled",
            seen="the weights come from unscaled scores, and `out` is divided by √d_k.",
            think="the scale is to keep the softmax from saturating: where must it act?",
            edits={SCALE: "", BOTH: "weights @ v / d_k**0.5, weights"},
        ),
        Misconception(
            "over_queries",
            seen="the columns of `weights` sum to 1, not the rows: each key shares itself out.",
            think="a query shares its attention among the keys. Along which axis do the keys lie?",
            edits={SOFTMAXED: "torch.softmax(scores, dim=-2)"},
        ),
        Misconception(
            "over_dim_0",
            seen="the weights sum to 1 along axis 0: over queries or, given a batch, over it.",
            think="a query shares its attention among the keys. Along which axis do the keys lie?",
            edits={SOFTMAXED: "torch.softmax(scores, dim=0)"},
        ),
        Misconception(
            "over_dim_1",
            seen="without a batch all is right; with one, the weights sum to 1 along axis 1.",
            think="counted from the front, the axis of the keys moves. And counted from the end?",
            edits={SOFTMAXED: "torch.softmax(scores, dim=1)"},
        ),
        Misconception(
            "over_dim_2",
            seen="one batch dimension is right; without one there is no axis 2.",
            think="counted from the front, the axis of the keys moves. And counted from the end?",
            edits={SOFTMAXED: "torch.softmax(scores, dim=2)"},
        ),
        Misconception(
            "joint_per_matrix",
            seen="all weights of one (n_q, n_k) matrix together sum to 1.",
            think="how much attention has each query to give?",
            edits={SOFTMAXED: "torch.softmax(scores.flatten(-2), dim=-1).view(scores.shape)"},
        ),
        Misconception(
            "joint",
            seen="all weights of the whole result together sum to 1.",
            think="how much attention has each query to give?",
            edits={SOFTMAXED: "torch.softmax(scores.flatten(), dim=0).view(scores.shape)"},
        ),
        Misconception(
            "no_softmax",
            seen="`weights` are the scores: nothing makes a row positive, or sum to 1.",
            think="what turns scores into positive weights that sum to 1?",
            edits={SOFTMAXED: "scores"},
        ),
        Misconception(
            "exponentials",
            seen="`weights` are exponentials of the scores: positive, but no row sums to 1.",
            think="what turns positive numbers into shares of a whole?",
            edits={SOFTMAXED: "torch.exp(scores)"},
        ),
        Misconception(
            "no_maximum",
            seen="moderate scores are right; scores of ±10,000 give inf / inf or 0 / 0, so NaN.",
            think="your own softmax of problem 1 survives this. What did it do first?",
            edits={SOFTMAXED: "torch.exp(scores) / torch.exp(scores).sum(dim=-1, keepdim=True)"},
        ),
        Misconception(
            "one_maximum_for_all",
            seen="rows whose scores lie far below another row's become 0 / 0, so NaN.",
            think="after your subtraction, what is the largest score of each row?",
            edits={
                SOFTMAXED: "torch.exp(scores - scores.max())\n"
                "    weights = weights / weights.sum(dim=-1, keepdim=True)"
            },
        ),
        Misconception(
            "softmin",
            seen="the key with the lowest score gets the largest weight.",
            think="follow the sign of one score into the softmax.",
            edits={SOFTMAXED: "torch.softmax(-scores, dim=-1)"},
        ),
        Misconception(
            "hardmax",
            seen="each query gives weight 1 to its best key and 0 to all others.",
            think="what should happen when two keys score almost the same?",
            edits={
                SOFTMAXED: "torch.nn.functional.one_hot(scores.argmax(dim=-1), k.shape[-2])"
                ".to(v.dtype)"
            },
        ),
        Misconception(
            "uniform",
            seen="every key gets the weight 1/n_k, whatever the query asks.",
            think="which numbers say how much each key matters to each query?",
            edits={SOFTMAXED: "torch.full_like(scores, 1 / scores.shape[-1])"},
        ),
        Misconception(
            "keys_for_values",
            seen="the rows of `out` have d_k entries: the weights mix the keys.",
            think="keys say where to look. What says what is found there?",
            edits={BOTH: "weights @ k, weights"},
        ),
        Misconception(
            "scores_times_values",
            seen="the weights are right, but `out` is made from the scores.",
            think="with which numbers should the values be mixed: with those that sum to 1?",
            edits={BOTH: "scores @ v, weights"},
        ),
        Misconception(
            "mean_of_weighted",
            seen="`out` is the right one divided by n_k, the number of keys.",
            think="the weights sum to 1 already. What does a further mean do to them?",
            edits={BOTH: "weights @ v / v.shape[-2], weights"},
        ),
        Misconception(
            "returns_out_only",
            seen="your function returns one tensor, the output.",
            think="the contract names two results. Which one is missing?",
            edits={BOTH: "weights @ v"},
        ),
        Misconception(
            "swapped_results",
            seen="both results are right, but the weights come first.",
            think="in which order does the contract name them?",
            edits={BOTH: "weights, weights @ v"},
        ),
        Misconception(
            "returns_scores",
            seen="`out` is right, but the second result holds scores, from before the softmax.",
            think="what does each row of the second result have to sum to?",
            edits={BOTH: "weights @ v, scores"},
        ),
        Misconception(
            "transposed_weights",
            seen="`out` is right, but `weights` has the shape (..., n_k, n_q).",
            think="which axis stands for the queries, and which for the keys?",
            edits={BOTH: "weights @ v, weights.transpose(-2, -1)"},
        ),
        Misconception(
            "plain_matrices_only",
            seen="without a batch all is right; with one, a line made for plain matrices fails.",
            think="how many axes has `q` now, how many does that line expect? Count from the end.",
            edits={SCORES: "q @ k.permute(*reversed(range(k.ndim)))"},
        ),
        Misconception(
            "axes_1_and_2",
            seen="one batch dimension is right; without one there is no axis 2.",
            think="axes counted from the front move with the batch. And counted from the end?",
            edits={SCORES: "q @ k.transpose(1, 2)"},
        ),
        Misconception(
            "one_batch_dimension",
            seen="one batch dimension is right; none, and two, raise an error.",
            think="which of your operations is made for three axes and no other number?",
            edits={SCORES: "torch.bmm(q, k.transpose(-2, -1))"},
        ),
        Misconception(
            "unpacks_three_sizes",
            seen="one batch dimension is right; otherwise `shape` does not unpack into your names.",
            think="which sizes do you need, and how are they found from the end of `shape`?",
            edits={"d_k = q.shape[-1]": "_, _, d_k = q.shape"},
        ),
        Misconception(
            "cosine",
            seen="your scores are cosines: queries and keys were brought to length 1 first.",
            think="does the contract let a long key count for as much as a short one?",
            edits={
                SCORES: "torch.nn.functional.normalize(q, dim=-1) "
                "@ torch.nn.functional.normalize(k, dim=-1).transpose(-2, -1)"
            },
        ),
        Misconception(
            "negative_distance",
            seen="your scores are distances with a minus sign, not inner products.",
            think="which measure of likeness did problem 2 build?",
            edits={SCORES: "-torch.cdist(q, k)"},
        ),
        Misconception(
            "in_place",
            seen="the results are right, but afterwards the caller's `q` holds other numbers.",
            think="which of your operations write into `q`? (/=, *= and names in _ do.)",
            edits={SCORES + SCALE: "q.div_(d_k**0.5) @ k.transpose(-2, -1)"},
        ),
        Misconception(
            "detached",
            seen="the numbers are right, but no gradient flows back to any argument.",
            think="where does the path leave torch? detach, item, numpy and torch.tensor cut it.",
            edits={BOTH: "(weights @ v).detach(), weights.detach()"},
        ),
        Misconception(
            "weights_detached",
            seen="the numbers are right, but no gradient flows through the weights to `q` and `k`.",
            think="where do the weights leave torch? Both results must be differentiable.",
            edits={SOFTMAXED: "torch.softmax(scores, dim=-1).detach()"},
        ),
        Misconception(
            "returned_weights_detached",
            seen="the numbers are right; `out` is differentiable, the weights you return are not.",
            think="what happens to the weights on the way out? A caller may need their gradient.",
            edits={BOTH: "weights @ v, weights.detach()"},
        ),
        Misconception(
            "not_followed_by_torch",
            seen="the numbers are right, but where a gradient is asked for torch raises an error.",
            think="do you leave torch for numpy, or write into a tensor that is still needed?",
            edits={BOTH: "torch.from_numpy(weights.numpy() @ v.numpy()), weights"},
        ),
        Misconception(
            "float32",
            seen="float64 went in, float32 came out.",
            think="which line chooses a dtype? The results have that of the arguments.",
            edits={
                SOFTMAXED: "torch.softmax(scores.float(), dim=-1)",
                BOTH: "weights @ v.float(), weights",
            },
        ),
    ),
    hints=(
        "Write the shapes down first: which product of `q` and `k` has one number for every pair "
        "of a query and a key? It is `attend`, for all queries at once.",
        "Matrix products act on the last two axes and leave all axes before them alone. For the "
        "inner products the last two axes of `k` have to change places; count axes from the end, "
        "and the same line serves any number of batch dimensions.",
        "Scores are queries times transposed keys, divided by the square root of the size of a "
        "query; weights are their softmax along the axis of the keys, so that every row sums to 1; "
        "the output is weights times values. Return the output first, then the weights.",
    ),
    symptoms={
        "With one query, all weights are 1": "Then each column has a single number, and your "
        "softmax shares out columns. A query has n_k keys to share its attention among.",
        "My columns sum to 1, my rows do not": "The softmax runs along the queries. Print "
        "`weights.sum(-1)` and `weights.sum(-2)`.",
        "It works without a batch and fails with one": "Some axis is counted from the front, or "
        "all axes are transposed. Print the shape of what you multiply `q` with.",
        "The check names “float64” or “gradient”": "The cases before it pass, so the formula is "
        "right. Look for a fixed dtype, for an assignment into an argument, and for detach, item "
        "or numpy.",
    },
)

# softmax_jacobian ---------------------------------------------------------------------------------

JACOBIAN = "own - shared"


def after_softmax(answer: Callable[..., object], scores: torch.Tensor) -> object:
    """A driver: the Jacobian of the weights that belong to these scores."""
    return answer(torch.softmax(scores, dim=0))


def softmax_jacobian_cases(draw: Draw) -> Iterator[Case]:
    """Few and many weights, weights near and at 0 and 1; float64; gradients in the scores.

    No gradients in the weights: they sum to 1, so that formulas which agree on all weights, and
    are all right, differ off them (1 − w_i, and the sum of the other weights). The scores move the
    weights only to where they sum to 1 again.
    """
    n, m = draw.sizes(2, 3, 8)
    weights = torch.softmax(draw.normal(n), dim=0)
    yield Case("the worked example", "values", (torch.tensor([0.5, 0.25, 0.25]),))
    yield Case("several weights", "values", (weights,))
    yield Case("two weights", "values", (torch.softmax(draw.normal(2), dim=0),))
    yield Case("one weight", "values", (torch.ones(1),))
    uneven = torch.softmax(draw.normal(m) + 5 * (torch.arange(m) == 0), dim=0)
    yield Case("one weight close to 1", "saturated weights", (uneven,))
    yield Case("one weight of exactly 1", "saturated weights", (torch.eye(m)[1],))
    double = torch.softmax(draw.normal(m, dtype=torch.float64), dim=0)
    yield Case("float64", "float64 and gradient", (double,))
    few = torch.softmax(draw.normal(n, dtype=torch.float64), dim=0)
    yield Case("float64, other weights", "float64 and gradient", (few,))
    for name, scores in (
        ("gradient in the scores behind the weights", draw.normal(m)),
        ("the same in float64", draw.normal(n, dtype=torch.float64)),
    ):
        yield Case(name, "float64 and gradient", (scores,), gradient=True, driver=after_softmax)


def softmax_jacobian_oracle(weights: torch.Tensor) -> torch.Tensor:
    """Torch differentiates its own softmax at the logarithms of the weights, which are scores."""
    return torch.autograd.functional.jacobian(
        lambda scores: torch.softmax(scores, dim=0), weights.log(), create_graph=True
    )


SOFTMAX_JACOBIAN = Problem(
    signature="softmax_jacobian(weights)",
    returns=("result",),
    minutes=25,
    difficulty=3,
    points={"values": 2, "saturated weights": 1, "float64 and gradient": 1},
    cases=softmax_jacobian_cases,
    oracle=softmax_jacobian_oracle,
    forbidden=("jacobian", "jacrev", "jacfwd", "hessian", "vjp", "jvp"),
    misconceptions=(
        Misconception(
            "diagonal_of_weights",
            seen="off the diagonal there is only 0, and on it stand the weights.",
            think="when one score grows, do the other weights stay as they are?",
            edits={JACOBIAN: "own"},
        ),
        Misconception(
            "sigmoid_diagonal",
            seen="the diagonal is right, but off it there is only 0.",
            think="when one score grows, do the other weights stay as they are?",
            edits={JACOBIAN: "torch.diag(weights * (1 - weights))"},
        ),
        Misconception(
            "sigmoid_vector",
            seen="the result is a vector: how each weight changes with its own score.",
            think="every weight depends on every score: how many derivatives are there?",
            edits={JACOBIAN: "weights * (1 - weights)"},
        ),
        Misconception(
            "outer_product",
            seen="every entry is a product of two weights, and none is negative.",
            think="the weights always sum to 1: what must each column of derivatives sum to?",
            edits={JACOBIAN: "shared"},
        ),
        Misconception(
            "minus_outer_product",
            seen="off the diagonal all is right; on it, a weight falls when its own score grows.",
            think="what else happens to weight i when it is score i that grows?",
            edits={JACOBIAN: "-shared"},
        ),
        Misconception(
            "sign_swapped",
            seen="all entries have the wrong sign: a weight falls when its own score grows.",
            think="raise one score a little: which weight must gain, and which must lose?",
            edits={JACOBIAN: "shared - own"},
        ),
        Misconception(
            "added",
            seen="no entry is negative: every weight grows with every score.",
            think="the weights always sum to 1: what must each column of derivatives sum to?",
            edits={JACOBIAN: "own + shared"},
        ),
        Misconception(
            "positive_off_diagonal",
            seen="the diagonal is right; off it the numbers are right, but positive.",
            think="raise one score a little: which weights must gain, and which must lose?",
            edits={JACOBIAN: "own + shared - 2 * torch.diag(weights**2)"},
        ),
        Misconception(
            "diagonal_not_reduced",
            seen="off the diagonal all is right; on it stand the weights themselves.",
            think="in e^s / sum, does only the numerator depend on the weight's own score?",
            edits={JACOBIAN: "own - shared + torch.diag(weights**2)"},
        ),
        Misconception(
            "identity_minus_outer_product",
            seen="off the diagonal all is right; on it each entry is too large.",
            think="set i = j in your formula. How fast can a weight near 0 grow?",
            edits={JACOBIAN: "torch.eye(len(weights), dtype=weights.dtype) - shared"},
        ),
        Misconception(
            "identity",
            seen="your result is the identity: the weights differentiated by themselves.",
            think="by what is to be differentiated? The scores come before the softmax.",
            edits={JACOBIAN: "torch.eye(len(weights), dtype=weights.dtype)"},
        ),
        Misconception(
            "elementwise_square",
            seen="every row has the same vector subtracted: the squares of the weights.",
            think="which product of two vectors has an entry for every pair (i, j)?",
            edits={JACOBIAN: "own - weights * weights"},
        ),
        Misconception(
            "inner_for_outer",
            seen="every entry has the same number subtracted.",
            think="which product of two vectors has an entry for every pair (i, j)?",
            edits={JACOBIAN: "own - weights @ weights"},
        ),
        Misconception(
            "sigmoid_rows",
            seen="the diagonal is right; elsewhere stands weight i times (1 − weight j), positive.",
            think="i = j and i ≠ j are two cases. What tells them apart in your formula?",
            edits={JACOBIAN: "weights[:, None] * (1 - weights)"},
        ),
        Misconception(
            "sigmoid_columns",
            seen="the diagonal is right; elsewhere stands weight j times (1 − weight i), positive.",
            think="i = j and i ≠ j are two cases. What tells them apart in your formula?",
            edits={JACOBIAN: "weights * (1 - weights)[:, None]"},
        ),
        Misconception(
            "of_log_softmax",
            seen="row i is the right one divided by weight i: the derivative of log weight i.",
            think="of what is the derivative asked, of the weights or of their logarithms?",
            edits={JACOBIAN: "torch.eye(len(weights), dtype=weights.dtype) - weights"},
        ),
        Misconception(
            "of_log_softmax_transposed",
            seen="column j is the right one divided by weight j.",
            think="of what is the derivative asked, of the weights or of their logarithms?",
            edits={JACOBIAN: "torch.eye(len(weights), dtype=weights.dtype) - weights[:, None]"},
        ),
        Misconception(
            "softmax_again",
            seen="a softmax was taken of the weights, as if they were scores.",
            think="what is handed to you: scores, or what the softmax made of them?",
            edits={
                "torch.diag(weights)": "torch.diag(torch.softmax(weights, dim=0))",
                "torch.outer(weights, weights)": "own.diagonal()[:, None] * own.diagonal()",
            },
        ),
        Misconception(
            "float32",
            seen="float64 went in, float32 came out.",
            think="which line chooses a dtype? torch.zeros takes float32 unless told otherwise.",
            edits={JACOBIAN: "(own - shared).float()"},
        ),
        Misconception(
            "detached",
            seen="the numbers are right, but no gradient flows through them back to the scores.",
            think="where does the path leave torch? detach, item, tolist and torch.tensor cut it.",
            edits={JACOBIAN: "(own - shared).detach()"},
        ),
        Misconception(
            "from_numbers",
            seen="a new tensor is made from plain numbers: float32 always, and without gradient.",
            think="which torch operations make a matrix of the weights without leaving torch?",
            edits={JACOBIAN: "torch.tensor((own - shared).tolist())"},
        ),
        Misconception(
            "not_followed_by_torch",
            seen="the numbers are right, but where a gradient is asked for torch raises an error.",
            think="do you leave torch for numpy, or write into a tensor that is still needed?",
            edits={JACOBIAN: "torch.from_numpy(own.numpy() - shared.numpy())"},
        ),
    ),
    hints=(
        "Weight i is e^(score i), divided by the sum of all e^(score). Differentiate it by score j "
        "with pencil and paper, once for j = i and once for j ≠ i, by the quotient rule.",
        "Write both results with the weights alone: wherever an exponential stands over the sum, "
        "that is a weight. Check with the worked example: every row and every column sums to 0.",
        "Both cases hold minus the product of weight i and weight j; only on the diagonal is there "
        "something more. Torch makes a matrix of all products of two vectors, and a matrix with a "
        "given diagonal.",
    ),
    symptoms={
        "My rows do not sum to 0": "Raising all scores alike changes no weight, so each row sums "
        "to 0. Look at the diagonal first: set i = j and start again from the quotient rule.",
        "My result is a vector": "Each of n weights depends on each of n scores.",
        "Only the diagonal is right": "The derivative of a sigmoid is the diagonal. What does "
        "raising one score do to the weights of the others?",
        "float64 comes out as float32": "A matrix made by torch.zeros or torch.eye is float32 "
        "unless you say otherwise.",
        "a library's `jacobian` was called": "Torch's own derivative may stand beside your answer, "
        "in a cell that compares the two, and not in it.",
    },
)

PROBLEMS = (SOFTMAX, SIMILARITY, ATTEND, SCALED_DOT_PRODUCT_ATTENTION, SOFTMAX_JACOBIAN)
