"""The sample class of assignment 3: who handed in what, and what each must get."""

from autograder.sample import Grade, Submission

PROBLEMS = (
    "causal_mask",
    "padding_mask",
    "masked_softmax",
    "masked_attention",
    "shift_right",
    "MaskedMultiHeadAttention",
    "leaks_future",
)

CALLS_OWN_SOFTMAX = """
def masked_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    weights = torch.softmax(scores, dim=-1) if mask is None else masked_softmax(scores, mask)
    return weights @ v, weights
"""

SYNTAX_ERROR = """
def padding_mask(tokens, pad_id):
    return tokens != pad_id[:, None, None, :
"""

OF_TORCH = """
import torch.nn.functional as F

def masked_attention(q, k, v, mask=None):
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    weights = F.scaled_dot_product_attention(q, k, torch.eye(k.shape[-2]), attn_mask=mask)
    return out, weights
"""

WRAPS_TORCH = """
class MaskedMultiHeadAttention(torch.nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads:
            raise ValueError
        self.w_q, self.w_k, self.w_v, self.w_o = (
            torch.nn.Linear(d_model, d_model) for _ in range(4)
        )
        self.n_heads = n_heads

    def forward(self, query, key, value, mask=None):
        layers = self.w_q, self.w_k, self.w_v
        return torch.nn.functional.multi_head_attention_forward(
            query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1),
            query.shape[-1], self.n_heads, torch.cat([layer.weight for layer in layers]),
            torch.cat([layer.bias for layer in layers]), None, None, False, 0.0,
            self.w_o.weight, self.w_o.bias, average_attn_weights=False,
        )
"""

GIVES_UP = """
def leaks_future(attend, n, d):
    raise SystemExit("too hard")
"""

ENDLESS = """
def shift_right(targets, bos_id):
    while True:
        pass
"""

UNKNOWN_MISTAKE = """
def causal_mask(n):
    mask = torch.ones(n, n, dtype=torch.bool).tril()
    mask[n // 2, 0] = False
    return mask
"""

SUBMISSIONS = (
    Submission("ada", "the course's own solutions", lambda d: d.notebook(), {}),
    Submission(
        "boole",
        "loops and lists wherever one can",
        lambda d: d.with_variants(
            causal_mask="nested_lists",
            padding_mask="lists",
            masked_softmax="row_by_row",
            masked_attention="query_by_query",
            shift_right="lists",
            MaskedMultiHeadAttention="loop_over_heads",
            leaks_future="one_input_changed",
        ),
        {},
    ),
    Submission(
        "chandra",
        "einops, and −∞ for what is hidden",
        lambda d: d.with_variants(
            padding_mask="einops",
            masked_softmax="minus_infinity_then_cleared",
            masked_attention="einsum",
            MaskedMultiHeadAttention="einops",
            leaks_future="jacrev",
        ),
        {},
    ),
    Submission(
        "dijkstra",
        "hides after the softmax, everywhere",
        lambda d: d.with_mistakes(
            masked_softmax="zero_after",
            masked_attention="zero_after",
            MaskedMultiHeadAttention="zero_after",
        ),
        {
            "masked_softmax": Grade(0, "wrong", "zero_after"),
            "masked_attention": Grade(1, "wrong", "zero_after"),
            "MaskedMultiHeadAttention": Grade(2, "wrong", "zero_after"),
        },
    ),
    Submission(
        "emmy",
        "takes True for hidden, as torch's module does",
        lambda d: d.with_mistakes(
            causal_mask="opposite_polarity", padding_mask="opposite_polarity"
        ),
        {
            "causal_mask": Grade(0, "wrong", "opposite_polarity"),
            "padding_mask": Grade(0, "wrong", "opposite_polarity"),
        },
    ),
    Submission(
        "fatima",
        "NaN where nothing can be seen",
        lambda d: d.with_mistakes(
            masked_softmax="nan_in_empty_rows", MaskedMultiHeadAttention="nan_for_empty_rows"
        ),
        {
            "masked_softmax": Grade(3, "wrong", "nan_in_empty_rows"),
            "MaskedMultiHeadAttention": Grade(6, "wrong", "nan_for_empty_rows"),
        },
    ),
    Submission(
        "grace",
        "handed in as released",
        lambda d: d.release.notebook,
        {name: Grade(0, "missing") for name in PROBLEMS},
    ),
    Submission(
        "hedy",
        "attention that calls a wrong softmax",
        lambda d: d.notebook(
            masked_softmax=d.mistaken("masked_softmax", "no_mask"),
            masked_attention=CALLS_OWN_SOFTMAX,
        ),
        {
            "masked_softmax": Grade(0, "wrong", "no_mask"),
            "masked_attention": Grade(1, "wrong"),
        },
    ),
    Submission(
        "ivan",
        "a syntax error in one cell, SystemExit in another",
        lambda d: d.notebook(padding_mask=SYNTAX_ERROR, leaks_future=GIVES_UP),
        {"padding_mask": Grade(0, "error"), "leaks_future": Grade(0, "error")},
    ),
    Submission(
        "kurt",
        "a loop that never ends",
        lambda d: d.notebook(shift_right=ENDLESS),
        {"shift_right": Grade(0, "timeout")},
    ),
    Submission(
        "rosa",
        "torch's attention, twice",
        lambda d: d.notebook(masked_attention=OF_TORCH, MaskedMultiHeadAttention=WRAPS_TORCH),
        {
            "masked_attention": Grade(0, "refused"),
            "MaskedMultiHeadAttention": Grade(0, "refused"),
        },
    ),
    Submission(
        "sami",
        "a test for leaks that looks at one place only",
        lambda d: d.with_mistakes(leaks_future="only_the_first_output"),
        {"leaks_future": Grade(2, "wrong", "only_the_first_output")},
    ),
    Submission(
        "vera",
        "a mistake that nobody has made before",
        lambda d: d.notebook(causal_mask=UNKNOWN_MISTAKE),
        {"causal_mask": Grade(0, "wrong")},
    ),
)
