"""The sample class of assignment 5: who handed in what, and what each must get."""

from autograder.sample import Grade, Submission

PROBLEMS = (
    "attention_operations",
    "recurrent_operations",
    "crossover_length",
    "sequential_operations",
    "longest_path",
    "attention_memory",
    "recurrent_layer",
    "fit_exponent",
)

BY_THE_COUNTS = """
def crossover_length(d):
    n = 1
    while attention_operations(n, d) < recurrent_operations(n, d):
        n += 1
    return n
"""

SYNTAX_ERROR = """
def longest_path(layer, n, kernel_size=None):
    if layer == "self-attention"
        return 1
"""

FORGOT_IMPORT = """
def fit_exponent(sizes, costs):
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])
"""

TORCHS_OWN = """
def recurrent_layer(x, w_x, w_h, b, h0):
    cell = torch.nn.RNNCell(*w_x.shape)
    states = []
    for x_t in x:
        h0 = cell(x_t, h0)
        states.append(h0)
    return torch.stack(states)
"""

TORCHS_OWN_IN_DISGUISE = """
import torch as tools

def recurrent_layer(x, w_x, w_h, b, h0):
    step = getattr(tools, "rnn_" + "tanh_cell")
    h, states = h0[None], []
    for x_t in x:
        h = step(x_t[None], h, w_x.T, w_h.T, b, 0 * b)
        states.append(h)
    return tools.cat(states)
"""

ENDLESS = """
def crossover_length(d):
    n = 0.1
    while 2 * n * n * d != 2 * n * d * d:
        n += 0.1
    return int(n)
"""

UNKNOWN_MISTAKE = """
def attention_memory(batch, n_heads, n, bytes_per_element):
    return batch * n_heads * n * n * bytes_per_element + 7
"""

SUBMISSIONS = (
    Submission("ada", "the course's own solutions", lambda d: d.notebook(), {}),
    Submission(
        "boole",
        "loops wherever one can",
        lambda d: d.with_variants(
            attention_operations="loop_over_queries",
            recurrent_operations="loop_over_steps",
            crossover_length="upwards",
            sequential_operations="simulated",
            longest_path="stacked_until_seen",
            attention_memory="loops_over_maps",
            recurrent_layer="filled",
            fit_exponent="sums_by_hand",
        ),
        {},
    ),
    Submission(
        "chandra",
        "libraries wherever one can",
        lambda d: d.with_variants(
            attention_operations="flop_counter",
            crossover_length="root_of_a_polynomial",
            longest_path="numpy_ceil",
            attention_memory="meta_tensor",
            recurrent_layer="einsum",
            fit_exponent="numpy_polyfit",
        ),
        {},
    ),
    Submission(
        "dijkstra",
        "counts through floats",
        lambda d: d.with_mistakes(
            attention_operations="through_a_float", attention_memory="through_a_float"
        ),
        {
            "attention_operations": Grade(2, "wrong", "through_a_float"),
            "attention_memory": Grade(2, "wrong", "through_a_float"),
        },
    ),
    Submission(
        "emmy",
        "rounds layers down, and cuts the gradient of the state",
        lambda d: d.with_mistakes(longest_path="rounded_down", recurrent_layer="state_detached"),
        {
            "longest_path": Grade(2, "wrong", "rounded_down"),
            "recurrent_layer": Grade(3, "wrong", "state_detached"),
        },
    ),
    Submission(
        "fatima",
        "refuses no layer, and fits through the ends",
        lambda d: d.with_mistakes(
            sequential_operations="one_for_other_names", fit_exponent="smallest_and_largest"
        ),
        {
            "sequential_operations": Grade(2, "wrong", "one_for_other_names"),
            "fit_exponent": Grade(0, "wrong", "smallest_and_largest"),
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
        "a right search over a wrong count",
        lambda d: d.notebook(
            recurrent_operations=d.mistaken("recurrent_operations", "one_product"),
            crossover_length=BY_THE_COUNTS,
        ),
        {
            "recurrent_operations": Grade(0, "wrong", "one_product"),
            "crossover_length": Grade(0, "wrong"),
        },
    ),
    Submission(
        "ivan",
        "a syntax error in one cell",
        lambda d: d.notebook(longest_path=SYNTAX_ERROR),
        {"longest_path": Grade(0, "error")},
    ),
    Submission(
        "jin",
        "a library that nobody imported",
        lambda d: d.notebook(fit_exponent=FORGOT_IMPORT),
        {"fit_exponent": Grade(0, "error")},
    ),
    Submission(
        "kurt",
        "a loop that never ends",
        lambda d: d.notebook(crossover_length=ENDLESS),
        {"crossover_length": Grade(0, "timeout")},
    ),
    Submission(
        "lise",
        "torch's own cell",
        lambda d: d.notebook(recurrent_layer=TORCHS_OWN),
        {"recurrent_layer": Grade(0, "refused")},
    ),
    Submission(
        "mary",
        "torch's own cell under another name",
        lambda d: d.notebook(recurrent_layer=TORCHS_OWN_IN_DISGUISE),
        {"recurrent_layer": Grade(0, "refused")},
    ),
    Submission(
        "vera",
        "a mistake that nobody has made before",
        lambda d: d.notebook(attention_memory=UNKNOWN_MISTAKE),
        {"attention_memory": Grade(0, "wrong")},
    ),
)
