"""The sample class of assignment 8: who handed in what, and what each must get."""

from autograder.sample import Grade, Submission

PROBLEMS = (
    "head_entropy",
    "attention_rollout",
    "leave_one_out",
    "kendall_tau",
    "head_importance",
    "accumulate_gradients",
    "early_stopping",
    "grid",
    "sample",
    "mean_and_interval",
)

OF_SCIPY = """
def kendall_tau(a, b):
    return float(stats.kendalltau(a, b).statistic)
"""

OF_SCIPY_IN_DISGUISE = """
import scipy.stats as tools

def kendall_tau(a, b):
    compare = getattr(tools, "kendall" + "tau")
    return float(compare(a.double().numpy(), b.double().numpy())[0])
"""


SYNTAX_ERROR = """
def grid(space):
    return [dict(zip(space, values) for values in itertools.product(*space.values())]
"""

FORGOT_IMPORT = """
def mean_and_interval(values):
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return float(np.mean(values)), float(half)
"""

OTHER_NAME = """
def early_stop(losses, patience):
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        if epoch - best == patience:
            break
    return epoch, best
"""

ENDLESS = """
def early_stopping(losses, patience):
    epoch = best = 0
    while epoch - best < patience:
        if losses[epoch] < losses[best]:
            best = epoch
            epoch += 1
    return epoch, best
"""

GIVES_UP = """
def sample(space, generator):
    raise SystemExit("too much chance")
"""

LINE_LEFT = """
def head_importance(loss, n_heads):
    raise NotImplementedError()
    whole = loss(torch.ones(n_heads))
    return torch.tensor([loss(1 - torch.eye(n_heads)[i]) - whole for i in range(n_heads)])
"""

ENTROPY_BY_OWN_ROLLOUT = """
def head_entropy(weights):
    # A detour by another answer, which is wrong: a rollout of one layer, undone.
    n = weights.shape[-1]
    eye = torch.eye(n, dtype=weights.dtype)
    if weights.shape[-2] == n:
        weights = torch.stack([2 * attention_rollout([head]) - eye for head in weights])
    return torch.special.entr(weights).sum(dim=-1).mean(dim=-1)
"""

UNKNOWN_MISTAKE = """
def leave_one_out(predict, tokens, mask_id):
    whole = predict(tokens)
    best = whole.argmax()
    losses = []
    for i in range(len(tokens)):
        changed = tokens.clone()
        changed[i] = mask_id
        losses.append((whole[best] - predict(changed)[best]) * (1 + 0.1 * i))
    return torch.stack(losses)
"""

TWO_MISTAKES = """
def accumulate_gradients(model, token_losses, micro_batches):
    for batch in micro_batches:
        token_losses(model, batch).mean().backward()
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad /= len(micro_batches)
"""

TOUCHES_ITS_SPACE = """
def grid(space):
    for name in space:
        space[name] = tuple(space[name])
    return [dict(zip(space, values)) for values in itertools.product(*space.values())]
"""

NOTHING_HANDED_IN = {name: Grade(0, "missing") for name in PROBLEMS}
UNREADABLE = {name: Grade(0, "refused") for name in PROBLEMS}

SUBMISSIONS = (
    Submission("ada", "the course's own solutions", lambda d: d.notebook(), {}),
    Submission(
        "boole",
        "loops and lists wherever one can",
        lambda d: d.with_variants(
            head_entropy="loops",
            attention_rollout="recursive",
            leave_one_out="lists",
            kendall_tau="two_loops",
            head_importance="lists",
            accumulate_gradients="running_mean",
            early_stopping="while_loop",
            grid="recursive",
            sample="float32",
            mean_and_interval="t_by_bisection",
        ),
        {},
    ),
    Submission(
        "chandra",
        "tables in place of loops",
        lambda d: d.with_variants(
            head_entropy="einops",
            attention_rollout="multi_dot",
            leave_one_out="vmap",
            kendall_tau="triangle",
            head_importance="rows_of_a_table",
            accumulate_gradients="all_at_once",
            early_stopping="running_minimum",
            grid="pairs",
            sample="all_numbers_first",
        ),
        {},
    ),
    Submission(
        "david",
        "libraries wherever one can",
        lambda d: d.with_variants(
            head_entropy="distributions",
            kendall_tau="numpy",
            head_importance="numpy_factors",
            accumulate_gradients="optimizer_clears",
            early_stopping="torch",
            grid="numpy_indices",
            sample="seeds_python",
            mean_and_interval="confidence_interval",
        ),
        {},
    ),
    Submission(
        "dijkstra",
        "trips over zeros and ties",
        lambda d: d.with_mistakes(head_entropy="nan_at_zeros", kendall_tau="ties_not_allowed_for"),
        {
            "head_entropy": Grade(2, "wrong", "nan_at_zeros"),
            "kendall_tau": Grade(2, "wrong", "ties_not_allowed_for"),
        },
    ),
    Submission(
        "emmy",
        "averages averages, and adds to old gradients",
        lambda d: d.notebook(
            accumulate_gradients=d.mistaken("accumulate_gradients", "mean_of_means"),
            mean_and_interval=d.mistaken("mean_and_interval", "normal_for_t"),
        ),
        {
            "accumulate_gradients": Grade(0, "wrong", "mean_of_means"),
            "mean_and_interval": Grade(0, "wrong", "normal_for_t"),
        },
    ),
    Submission(
        "fatima",
        "signs, and the order of a product",
        lambda d: d.with_mistakes(
            attention_rollout="first_leftmost",
            leave_one_out="absolute",
            head_importance="opposite_sign",
        ),
        {
            "attention_rollout": Grade(0, "wrong", "first_leftmost"),
            "leave_one_out": Grade(0, "wrong", "absolute"),
            "head_importance": Grade(0, "wrong", "opposite_sign"),
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
        "chance from everywhere",
        lambda d: d.with_mistakes(sample="global_generator"),
        {"sample": Grade(4, "wrong", "global_generator")},
    ),
    Submission(
        "ivan",
        "a syntax error in one cell, SystemExit in another",
        lambda d: d.notebook(grid=SYNTAX_ERROR, sample=GIVES_UP),
        {"grid": Grade(0, "error"), "sample": Grade(0, "error")},
    ),
    Submission(
        "jin",
        "a library that nobody imported",
        lambda d: d.notebook(mean_and_interval=FORGOT_IMPORT),
        {"mean_and_interval": Grade(0, "error")},
    ),
    Submission(
        "kurt",
        "a loop that never ends",
        lambda d: d.notebook(early_stopping=ENDLESS),
        {"early_stopping": Grade(0, "timeout")},
    ),
    Submission(
        "lise",
        "scipy's own tau",
        lambda d: d.notebook(kendall_tau=OF_SCIPY),
        {"kendall_tau": Grade(0, "refused")},
    ),
    Submission(
        "mary",
        "scipy's own tau under another name",
        lambda d: d.notebook(kendall_tau=OF_SCIPY_IN_DISGUISE),
        {"kendall_tau": Grade(0, "refused")},
    ),
    Submission(
        "nadia",
        "another name than was asked for",
        lambda d: d.notebook(early_stopping=OTHER_NAME),
        {"early_stopping": Grade(0, "missing")},
    ),
    Submission(
        "otto",
        "the marked line left above the answer",
        lambda d: d.notebook(head_importance=LINE_LEFT),
        {"head_importance": Grade(0, "error")},
    ),
    Submission(
        "paul",
        "an answer that leans on another, which is wrong",
        lambda d: d.notebook(
            head_entropy=ENTROPY_BY_OWN_ROLLOUT,
            attention_rollout=d.mistaken("attention_rollout", "no_residual"),
        ),
        {
            "head_entropy": Grade(1, "wrong"),
            "attention_rollout": Grade(0, "wrong", "no_residual"),
        },
    ),
    Submission(
        "rosa",
        "combinations without their order, and one number for every name",
        lambda d: d.with_mistakes(grid="first_fastest", sample="one_number_for_all"),
        {
            "grid": Grade(0, "wrong", "first_fastest"),
            "sample": Grade(5, "wrong", "one_number_for_all"),
        },
    ),
    Submission(
        "sami",
        "one epoch too long, and results of numpy",
        lambda d: d.with_mistakes(
            early_stopping="one_too_late", mean_and_interval="numbers_of_numpy"
        ),
        {
            "early_stopping": Grade(1, "wrong", "one_too_late"),
            "mean_and_interval": Grade(0, "wrong", "numbers_of_numpy"),
        },
    ),
    Submission(
        "tova",
        "two mistakes at once, each of them known",
        lambda d: d.notebook(accumulate_gradients=TWO_MISTAKES),
        {"accumulate_gradients": Grade(0, "wrong", "mean_of_means")},
    ),
    Submission(
        "uma",
        "writes into what was handed over",
        lambda d: d.notebook(
            grid=TOUCHES_ITS_SPACE,
            head_entropy=d.mistaken("head_entropy", "zeros_overwritten"),
        ),
        {
            "grid": Grade(0, "wrong", "space_emptied"),
            "head_entropy": Grade(1, "wrong", "zeros_overwritten"),
        },
    ),
    Submission(
        "vera",
        "a mistake that nobody has made before",
        lambda d: d.notebook(leave_one_out=UNKNOWN_MISTAKE),
        {"leave_one_out": Grade(0, "wrong")},
    ),
    Submission("wes", "no file", lambda d: None, NOTHING_HANDED_IN),
    Submission("xena", "no notebook, but a PDF", lambda d: b"%PDF-1.7 my answers", UNREADABLE),
)
