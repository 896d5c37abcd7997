"""The sample class of assignment 2: who handed in what, and what each must get."""

from autograder.sample import Grade, Submission

PROBLEMS = (
    "split_heads",
    "merge_heads",
    "multi_head_attention",
    "MultiHeadAttention",
    "count_parameters",
    "from_torch",
)

USES_OWN_FUNCTIONS = """
def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    q, k, v = (split_heads(x @ w, n_heads) for x, w in ((x_q, w_q), (x_kv, w_k), (x_kv, w_v)))
    weights = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, dim=-1)
    return merge_heads(weights @ v) @ w_o, weights
"""

OF_TORCH = """
def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    layer = torch.nn.MultiheadAttention(
        x_q.shape[-1], n_heads, bias=False, batch_first=True, dtype=x_q.dtype
    )
    layer.in_proj_weight.data = torch.cat([w_q.T, w_k.T, w_v.T])
    layer.out_proj.weight.data = w_o.T
    return layer(x_q, x_kv, x_kv, average_attn_weights=False)
"""

HANDS_BACK_THE_LAYER = """
def from_torch(layer):
    return layer
"""

SYNTAX_ERROR = """
def merge_heads(x)
    return x.transpose(-3, -2).flatten(-2)
"""

RUNS_OUT_OF_MEMORY = """
def count_parameters(d_model, n_heads):
    return sum([1] * 10**13)
"""

UNKNOWN_MISTAKE = """
def count_parameters(d_model, n_heads):
    return 4 * d_model**2 + 5 * d_model + 7
"""

SUBMISSIONS = (
    Submission("ada", "the course's own solutions", lambda d: d.notebook(), {}),
    Submission(
        "boole",
        "loops wherever one can",
        lambda d: d.with_variants(
            split_heads="loop",
            merge_heads="loop",
            multi_head_attention="loop_over_heads",
            MultiHeadAttention="loop_over_heads",
            count_parameters="one_by_one",
            from_torch="data_copies",
        ),
        {},
    ),
    Submission(
        "chandra",
        "einops throughout",
        lambda d: d.with_variants(
            split_heads="einops",
            merge_heads="einops",
            multi_head_attention="einops",
            MultiHeadAttention="einops",
            from_torch="einops",
        ),
        {},
    ),
    Submission(
        "dijkstra",
        "reshapes where axes should be moved",
        lambda d: d.with_mistakes(
            split_heads="only_reshaped",
            merge_heads="only_reshaped",
            multi_head_attention="heads_by_reshape",
            MultiHeadAttention="merged_by_reshape",
        ),
        {
            "split_heads": Grade(0, "wrong", "only_reshaped"),
            "merge_heads": Grade(0, "wrong", "only_reshaped"),
            "multi_head_attention": Grade(0, "wrong", "heads_by_reshape"),
            "MultiHeadAttention": Grade(0, "wrong", "merged_by_reshape"),
            "from_torch": Grade(0, "wrong"),  # it makes a module that is wrong
        },
    ),
    Submission(
        "emmy",
        "scales by √d_model, and thinks that heads cost parameters",
        lambda d: d.with_mistakes(
            multi_head_attention="scale_by_d_model",
            MultiHeadAttention="scale_by_d_model",
            count_parameters="every_head_anew",
        ),
        {
            "multi_head_attention": Grade(0, "wrong", "scale_by_d_model"),
            "MultiHeadAttention": Grade(0, "wrong", "scale_by_d_model"),
            "from_torch": Grade(0, "wrong"),
            "count_parameters": Grade(0, "wrong", "every_head_anew"),
        },
    ),
    Submission(
        "fatima",
        "calls her own functions, of which one is wrong",
        lambda d: d.notebook(
            merge_heads=d.mistaken("merge_heads", "interleaved"),
            multi_head_attention=USES_OWN_FUNCTIONS,
        ),
        {
            "merge_heads": Grade(0, "wrong", "interleaved"),
            "multi_head_attention": Grade(0, "wrong"),
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
        "converts a layer and shares its parameters",
        lambda d: d.with_mistakes(split_heads="an_assertion", from_torch="the_same_tensors"),
        {
            "split_heads": Grade(2, "wrong", "an_assertion"),
            "from_torch": Grade(0, "wrong", "the_same_tensors"),
        },
    ),
    Submission(
        "ivan",
        "a syntax error in one cell, all memory in another",
        lambda d: d.notebook(merge_heads=SYNTAX_ERROR, count_parameters=RUNS_OUT_OF_MEMORY),
        {"merge_heads": Grade(0, "error"), "count_parameters": Grade(0, "error")},
    ),
    Submission(
        "rosa",
        "torch's attention, and torch's layer handed back",
        lambda d: d.notebook(multi_head_attention=OF_TORCH, from_torch=HANDS_BACK_THE_LAYER),
        {
            "multi_head_attention": Grade(0, "refused"),
            "from_torch": Grade(0, "refused"),
        },
    ),
    Submission(
        "sami",
        "returns the mean of the maps, as torch does by default",
        lambda d: d.with_mistakes(
            multi_head_attention="mean_of_the_maps", MultiHeadAttention="mean_of_the_maps"
        ),
        {
            "multi_head_attention": Grade(0, "wrong", "mean_of_the_maps"),
            "MultiHeadAttention": Grade(0, "wrong", "mean_of_the_maps"),
            "from_torch": Grade(0, "wrong"),
        },
    ),
    Submission(
        "uma",
        "drops weights at random in training, and everything that uses the module with them",
        lambda d: d.with_mistakes(MultiHeadAttention="dropout"),
        {
            "MultiHeadAttention": Grade(4, "wrong", "dropout"),
            "from_torch": Grade(0, "wrong"),
        },
    ),
    Submission(
        "tove",
        "einops' own refusal, and a converted layer that cannot learn",
        lambda d: d.with_mistakes(split_heads="the_error_of_einops", from_torch="frozen"),
        {
            "split_heads": Grade(2, "wrong", "the_error_of_einops"),
            "from_torch": Grade(0, "wrong", "frozen"),
        },
    ),
    Submission(
        "vera",
        "a mistake that nobody has made before",
        lambda d: d.notebook(count_parameters=UNKNOWN_MISTAKE),
        {"count_parameters": Grade(0, "wrong")},
    ),
)
