"""The sample class of assignment 4: who handed in what, and what each must get."""

from autograder.sample import Grade, Submission

PROBLEMS = (
    "sinusoidal_encoding",
    "wavelengths",
    "shift_matrix",
    "to_fairseq_layout",
    "PositionalEncoding",
    "order_sensitivity",
)

CALLS_OWN_TABLE = """
class PositionalEncoding(torch.nn.Module):
    def __init__(self, d_model, max_len, dropout=0.0):
        super().__init__()
        self.register_buffer("table", sinusoidal_encoding(max_len, d_model))
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, x):
        if x.shape[1] > len(self.table):
            raise ValueError(f"no more than {len(self.table)} tokens")
        return self.dropout(x + self.table[: x.shape[1]].to(x.dtype))
"""

SYNTAX_ERROR = """
def wavelengths(d_model):
    return 2 * torch.pi * 10000 ** (torch.arange(0, d_model, 2) / d_model
"""

FORGOT_IMPORT = """
def wavelengths(d_model):
    return torch.from_numpy(np.pi * 2 * 10000 ** (np.arange(0, d_model, 2) / d_model))
"""

NO_INIT = """
class PositionalEncoding(torch.nn.Module):
    def __init__(self, d_model, max_len, dropout=0.0):
        self.dropout = torch.nn.Dropout(dropout)
"""

ENDLESS = """
def order_sensitivity(layer, x, permutation):
    while not torch.equal(x, x[permutation]):
        pass
    return 0.0
"""

UNKNOWN_MISTAKE = """
def sinusoidal_encoding(n_positions, d_model):
    return torch.rand(n_positions, d_model, generator=torch.Generator().manual_seed(1))
"""

SUBMISSIONS = (
    Submission("ada", "the course's own solutions", lambda d: d.notebook(), {}),
    Submission(
        "boole",
        "loops and lists wherever one can",
        lambda d: d.with_variants(
            sinusoidal_encoding="loops",
            wavelengths="loop",
            shift_matrix="complex_numbers",
            to_fairseq_layout="columns",
            PositionalEncoding="functional_dropout",
            order_sensitivity="loops",
        ),
        {},
    ),
    Submission(
        "chandra",
        "einops and matrices wherever one can",
        lambda d: d.with_variants(
            sinusoidal_encoding="einops",
            wavelengths="numpy_float64",
            shift_matrix="exponential_of_a_generator",
            to_fairseq_layout="einops",
            PositionalEncoding="loop_over_tokens",
            order_sensitivity="permutation_matrix",
        ),
        {},
    ),
    Submission(
        "dijkstra",
        "a dropout that knows no evaluation",
        lambda d: d.with_mistakes(PositionalEncoding="always_dropping"),
        {"PositionalEncoding": Grade(4, "wrong", "always_dropping")},
    ),
    Submission(
        "emmy",
        "turns the wrong way, and measures without changing the results",
        lambda d: d.with_mistakes(
            shift_matrix="transposed", order_sensitivity="output_not_permuted"
        ),
        {
            "shift_matrix": Grade(0, "wrong", "transposed"),
            "order_sensitivity": Grade(0, "wrong", "output_not_permuted"),
        },
    ),
    Submission(
        "fatima",
        "does not mind a sentence that is too long",
        lambda d: d.with_mistakes(PositionalEncoding="silently_cut"),
        {"PositionalEncoding": Grade(5, "wrong", "silently_cut")},
    ),
    Submission(
        "grace",
        "handed in as released",
        lambda d: d.release.notebook,
        {name: Grade(0, "missing") for name in PROBLEMS},
    ),
    Submission(
        "hedy",
        "a right encoding that calls a wrong table",
        lambda d: d.notebook(
            sinusoidal_encoding=d.mistaken("sinusoidal_encoding", "halves"),
            PositionalEncoding=CALLS_OWN_TABLE,
        ),
        {
            "sinusoidal_encoding": Grade(0, "wrong", "halves"),
            "PositionalEncoding": Grade(0, "wrong"),
        },
    ),
    Submission(
        "ivan",
        "a syntax error in one cell",
        lambda d: d.notebook(wavelengths=SYNTAX_ERROR),
        {"wavelengths": Grade(0, "error")},
    ),
    Submission(
        "jin",
        "a library that nobody imported, and a module without its parent's start",
        lambda d: d.notebook(wavelengths=FORGOT_IMPORT, PositionalEncoding=NO_INIT),
        {"wavelengths": Grade(0, "error"), "PositionalEncoding": Grade(0, "error")},
    ),
    Submission(
        "kurt",
        "a loop that never ends",
        lambda d: d.notebook(order_sensitivity=ENDLESS),
        {"order_sensitivity": Grade(0, "timeout")},
    ),
    Submission(
        "vera",
        "a mistake that nobody has made before",
        lambda d: d.notebook(sinusoidal_encoding=UNKNOWN_MISTAKE),
        {"sinusoidal_encoding": Grade(0, "wrong")},
    ),
)
