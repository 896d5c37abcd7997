"""The sample class of assignment 6: who handed in what, and what each must get."""

from autograder.sample import Grade, Submission

PROBLEMS = (
    "layer_norm",
    "normalise",
    "feed_forward",
    "EncoderBlock",
    "PreNormEncoderBlock",
    "DecoderBlock",
)

NOTHING_HANDED_IN = {name: Grade(0, "missing") for name in PROBLEMS}
UNREADABLE = {name: Grade(0, "refused") for name in PROBLEMS}

OF_TORCH = """
import torch.nn.functional as F

def layer_norm(x, gamma, beta, eps=1e-5):
    return F.layer_norm(x, gamma.shape, gamma, beta, eps)
"""

MODULES_OF_TORCH = """
def normalise(x, kind, groups=None, eps=1e-5):
    if kind == "layer":
        return torch.nn.LayerNorm(x.shape[1], eps=eps)(x.mT).mT
    if kind not in ("batch", "instance", "group"):
        raise ValueError(kind)
    groups = {"batch": 1, "instance": x.shape[1]}.get(kind, groups)
    return torch.nn.GroupNorm(groups, x.shape[1], eps=eps)(x)
"""

BLOCK_OF_TORCH = """
class EncoderBlock(torch.nn.TransformerEncoderLayer):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__(d_model, n_heads, d_ff, dropout, batch_first=True)

    def forward(self, x, visible=None):
        return super().forward(x, src_key_padding_mask=None if visible is None else ~visible)
"""

OF_A_WHOLE_TRANSFORMER = """
def PreNormEncoderBlock(d_model, n_heads, d_ff, dropout=0.0):
    whole = torch.nn.Transformer(
        d_model, n_heads, 1, 1, d_ff, dropout, batch_first=True, norm_first=True
    )
    return Wrapped(whole.encoder.layers[0])

class Wrapped(torch.nn.Module):
    def __init__(self, layer):
        super().__init__()
        for name, part in layer.named_children():
            self.add_module(name, part)
        self.hidden = [layer]

    def forward(self, x, visible=None):
        return self.hidden[0](x, src_key_padding_mask=None if visible is None else ~visible)
"""

OWN_NAMES = """
class EncoderBlock(torch.nn.Module):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        super().__init__()
        self.attention = torch.nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.up = torch.nn.Linear(d_model, d_ff)
        self.down = torch.nn.Linear(d_ff, d_model)
        self.ln_1 = torch.nn.LayerNorm(d_model)
        self.ln_2 = torch.nn.LayerNorm(d_model)

    def forward(self, x, visible=None):
        hidden = None if visible is None else ~visible
        x = self.ln_1(x + self.attention(x, x, x, key_padding_mask=hidden)[0])
        return self.ln_2(x + self.down(torch.relu(self.up(x))))
"""

HEIR = """
class PreNormEncoderBlock(EncoderBlock):
    def forward(self, x, visible=None):
        hidden = None if visible is None else ~visible
        y = self.norm1(x)
        x = x + self.drop(self.self_attn(y, y, y, key_padding_mask=hidden)[0])
        return x + self.drop(self.linear2(torch.relu(self.linear1(self.norm2(x)))))
"""

CALLS_OWN_FUNCTIONS = """
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

    def add_and_norm(self, x, said, norm):
        return layer_norm(x + self.drop(said), norm.weight, norm.bias)

    def forward(self, x, memory, visible=None, memory_visible=None):
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        x = self.add_and_norm(x, self.self_attn(x, x, x, attn_mask=future)[0], self.norm1)
        absent = None if memory_visible is None else ~memory_visible
        read = self.multihead_attn(x, memory, memory, key_padding_mask=absent)[0]
        x = self.add_and_norm(x, read, self.norm2)
        weights = self.linear1.weight.T, self.linear1.bias, self.linear2.weight.T, self.linear2.bias
        return self.add_and_norm(x, feed_forward(x, *weights), self.norm3)
"""

IN_NUMPY = """
import numpy as np

def layer_norm(x, gamma, beta, eps=1e-5):
    x, gamma, beta = x.detach().numpy(), gamma.detach().numpy(), beta.detach().numpy()
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return torch.from_numpy(gamma * (x - mean) / np.sqrt(var + eps) + beta)
"""

SYNTAX_ERROR = """
def feed_forward(x, w_1, b_1, w_2, b_2):
    return torch.relu(x @ w_1 + b_1 @ w_2 + b_2
"""

PRINTS = """
def feed_forward(x, w_1, b_1, w_2, b_2):
    print(torch.relu(x @ w_1 + b_1) @ w_2 + b_2)
"""

TYPO = """
def normalize(x, kind, groups=None, eps=1e-5):
    return x
"""

ENDLESS = """
def normalise(x, kind, groups=None, eps=1e-5):
    while x.mean().abs() >= 0:
        x = x - x.mean()
    return x
"""

GIVES_UP = """
class DecoderBlock(torch.nn.Module):
    def __init__(self, *sizes):
        raise SystemExit("too hard")
"""

NOT_A_MODULE = """
class EncoderBlock:
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0):
        self.attention = torch.nn.MultiheadAttention(d_model, n_heads, batch_first=True)
"""

UNKNOWN_MISTAKE = """
def layer_norm(x, gamma, beta, eps=1e-5):
    centred = x - x.median(dim=-1, keepdim=True).values
    return gamma * centred / (centred.square().mean(dim=-1, keepdim=True) + eps).sqrt() + beta
"""

SUBMISSIONS = (
    Submission("ada", "the course's own solutions", lambda d: d.notebook(), {}),
    Submission(
        "boole",
        "loops wherever one can",
        lambda d: d.with_variants(
            layer_norm="position_by_position",
            normalise="set_by_set",
            feed_forward="hidden_number_by_number",
            EncoderBlock="sentence_by_sentence",
            PreNormEncoderBlock="sentence_by_sentence",
            DecoderBlock="position_by_position",
        ),
        {},
    ),
    Submission(
        "chandra",
        "einops, and attention of her own",
        lambda d: d.with_variants(
            layer_norm="einops",
            normalise="einops",
            feed_forward="einops",
            EncoderBlock="own_attention",
            PreNormEncoderBlock="own_attention",
            DecoderBlock="own_attention",
        ),
        {},
    ),
    Submission(
        "dijkstra",
        "drops wherever torch drops",
        lambda d: d.with_variants(
            EncoderBlock="dropout_everywhere_as_in_torch",
            PreNormEncoderBlock="dropout_everywhere_as_in_torch",
            DecoderBlock="dropout_everywhere_as_in_torch",
        ),
        {},
    ),
    Submission(
        "emmy",
        "a block that inherits from another, and one that calls the functions before it",
        lambda d: d.notebook(PreNormEncoderBlock=HEIR, DecoderBlock=CALLS_OWN_FUNCTIONS),
        {},
    ),
    Submission(
        "fatima",
        "True means hidden, everywhere",
        lambda d: d.with_mistakes(
            EncoderBlock="opposite_polarity",
            PreNormEncoderBlock="opposite_polarity",
            DecoderBlock="polarity_of_the_memory",
        ),
        {
            "EncoderBlock": Grade(4, "wrong", "opposite_polarity"),
            "PreNormEncoderBlock": Grade(3, "wrong", "opposite_polarity"),
            "DecoderBlock": Grade(4, "wrong", "polarity_of_the_memory"),
        },
    ),
    Submission(
        "grace",
        "handed in as released",
        lambda d: d.release.notebook,
        NOTHING_HANDED_IN,
    ),
    Submission(
        "hedy",
        "trusts torch's var",
        lambda d: d.with_mistakes(layer_norm="unbiased", normalise="unbiased"),
        {
            "layer_norm": Grade(0, "wrong", "unbiased"),
            "normalise": Grade(0, "wrong", "unbiased"),
        },
    ),
    Submission(
        "ivan",
        "torch's normalisations, twice",
        lambda d: d.notebook(layer_norm=OF_TORCH, normalise=MODULES_OF_TORCH),
        {"layer_norm": Grade(0, "refused"), "normalise": Grade(0, "refused")},
    ),
    Submission(
        "jun",
        "torch's block by inheritance, and out of a whole Transformer",
        lambda d: d.notebook(
            EncoderBlock=BLOCK_OF_TORCH, PreNormEncoderBlock=OF_A_WHOLE_TRANSFORMER
        ),
        {
            "EncoderBlock": Grade(0, "refused"),
            "PreNormEncoderBlock": Grade(0, "wrong", "layer_of_torch"),
        },
    ),
    Submission(
        "kurt",
        "a loop that never ends",
        lambda d: d.notebook(normalise=ENDLESS),
        {"normalise": Grade(0, "timeout")},
    ),
    Submission(
        "lise",
        "names of her own",
        lambda d: d.notebook(EncoderBlock=OWN_NAMES),
        {"EncoderBlock": Grade(0, "error", "other_parameters")},
    ),
    Submission(
        "maryam",
        "forgets dropout, and drops the sum",
        lambda d: d.with_mistakes(
            EncoderBlock="no_dropout",
            PreNormEncoderBlock="drops_the_sum",
            DecoderBlock="cross_attention_not_dropped",
        ),
        {
            "EncoderBlock": Grade(5, "wrong", "no_dropout"),
            "PreNormEncoderBlock": Grade(3, "wrong", "drops_the_sum"),
            "DecoderBlock": Grade(6, "wrong", "cross_attention_not_dropped"),
        },
    ),
    Submission(
        "noether",
        "post-norm and pre-norm the other way round",
        lambda d: d.with_mistakes(
            EncoderBlock="normalises_first", PreNormEncoderBlock="normalises_last"
        ),
        {
            "EncoderBlock": Grade(0, "wrong", "normalises_first"),
            "PreNormEncoderBlock": Grade(0, "wrong", "normalises_last"),
        },
    ),
    Submission(
        "olga",
        "a syntax error in one cell, SystemExit in another",
        lambda d: d.notebook(feed_forward=SYNTAX_ERROR, DecoderBlock=GIVES_UP),
        {"feed_forward": Grade(0, "error"), "DecoderBlock": Grade(0, "error")},
    ),
    Submission(
        "pavel",
        "prints instead of returning, and a typo in a name",
        lambda d: d.notebook(feed_forward=PRINTS, normalise=TYPO),
        {"feed_forward": Grade(0, "wrong"), "normalise": Grade(0, "missing")},
    ),
    Submission(
        "quentin",
        "numpy inside",
        lambda d: d.notebook(layer_norm=IN_NUMPY),
        {"layer_norm": Grade(3, "wrong", "detached")},
    ),
    Submission(
        "rosa",
        "no ReLU, no mask of the future",
        lambda d: d.with_mistakes(feed_forward="no_relu", DecoderBlock="not_causal"),
        {
            "feed_forward": Grade(0, "wrong", "no_relu"),
            "DecoderBlock": Grade(0, "wrong", "not_causal"),
        },
    ),
    Submission(
        "sami",
        "a class that is no module",
        lambda d: d.notebook(EncoderBlock=NOT_A_MODULE),
        {"EncoderBlock": Grade(0, "error")},
    ),
    Submission(
        "tu",
        "only the first three problems",
        lambda d: d.notebook(**{name: d.stub(name) for name in PROBLEMS if name.endswith("Block")}),
        {name: Grade(0, "missing") for name in PROBLEMS if name.endswith("Block")},
    ),
    Submission(
        "uma",
        "layer normalisation as for pictures",
        lambda d: d.with_mistakes(normalise="layer_over_positions_too"),
        {"normalise": Grade(5, "wrong", "layer_over_positions_too")},
    ),
    Submission(
        "vera",
        "a mistake that nobody has made before",
        lambda d: d.notebook(layer_norm=UNKNOWN_MISTAKE),
        {"layer_norm": Grade(0, "wrong")},
    ),
    Submission("walter", "an empty file", lambda d: b"", UNREADABLE),
    Submission("xenia", "no file", lambda d: None, NOTHING_HANDED_IN),
    Submission(
        "yves",
        "a layer under two names, a mask as large as the batch, a reshape by layer",
        lambda d: d.with_mistakes(
            normalise="layer_reshaped",
            EncoderBlock="two_names",
            DecoderBlock="mask_of_the_batch",
        ),
        {
            "normalise": Grade(5, "wrong", "layer_reshaped"),
            "EncoderBlock": Grade(3, "wrong", "two_names"),
            "DecoderBlock": Grade(0, "error", "mask_of_the_batch"),
        },
    ),
)
