"""The sample class of assignment 1: who handed in what, and what each must get."""

import json

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder.sample import Desk, Grade, Submission
from autograder.submission import answer_id, grade_id

PROBLEMS = ("softmax", "similarity", "attend", "scaled_dot_product_attention", "softmax_jacobian")
NOTHING_HANDED_IN = {name: Grade(0, "missing") for name in PROBLEMS}
UNREADABLE = {name: Grade(0, "refused") for name in PROBLEMS}

ENDLESS = """
def similarity(query, keys):
    scores = []
    while len(scores) < len(keys) + 1:
        scores = scores[: len(keys)]
    return scores
"""

LEAVES = """
import os

def scaled_dot_product_attention(q, k, v):
    os._exit(0)
"""

SYNTAX_ERROR = """
def softmax(x, dim)
    return x.exp() / x.exp().sum(dim, keepdim=True)
"""

EXCEPTION = """
def attend(query, keys, values):
    scores = keys @ query / len(query) ** 0.5
    weights = torch.exp(score - scores.max())
    return weights / weights.sum() @ values
"""

FORBIDDEN = """
from torch.nn import functional as tools

def softmax(x, dim):
    # my own softmax
    return getattr(tools, "soft" + "max")(x, dim)
"""

CALLS_OWN_SOFTMAX = """
def attend(query, keys, values):
    return softmax(keys @ query / len(query) ** 0.5, 0) @ values
"""

DERIVATIVE_OF_TORCH = """
from torch.func import jacrev

def softmax_jacobian(weights):
    return jacrev(lambda scores: torch.softmax(scores, dim=0))(weights.log())
"""

UNKNOWN_MISTAKE = """
def similarity(query, keys):
    return keys @ query + 0.25
"""

NOISE = """
import logging
import sys
import warnings

warnings.warn("this is only a warning")
logging.getLogger().warning("and this goes to stderr")
print("so does this", file=sys.stderr)
"""

HOOKS = """
import sys
from IPython import get_ipython

shell = get_ipython()
shell.events.register("pre_run_cell", lambda info: sys.displayhook(4))
shell.input_transformers_cleanup.append(lambda lines: ["pass\\n"])
"""

TRUE_TO_EVERYTHING = """
class Agreeable(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return True

torch.allclose = torch.equal = lambda *a, **k: True
torch.testing.assert_close = lambda *a, **k: None

def softmax_jacobian(weights):
    return torch.zeros(len(weights), len(weights)).as_subclass(Agreeable)
"""


def with_cell(notebook: NotebookNode, source: str, index: int = 1) -> NotebookNode:
    """The notebook with one more code cell."""
    notebook.cells.insert(index, new_code_cell(source))
    return notebook


def tampered(desk: Desk) -> NotebookNode:
    """A wrong softmax, and a check cell made harmless in every way that a file allows."""
    notebook = desk.with_mistakes(softmax="hardmax")
    for cell in notebook.cells:
        if grade_id(cell) == "softmax":
            cell.source = "print('all tests passed')\n4"
            cell.metadata["tags"] = ["skip-execution"]
            cell.metadata.nbgrader.points = 400
    return notebook


def rearranged(desk: Desk) -> NotebookNode:
    """Right answers; check cells deleted, an answer cell duplicated with a wrong answer."""
    notebook = desk.notebook()
    again = new_code_cell("def softmax_jacobian(weights):\n    return None")
    again.metadata["nbgrader"] = {"grade_id": answer_id("softmax_jacobian"), "solution": True}
    checks = set(PROBLEMS)
    kept = [cell for cell in notebook.cells if grade_id(cell) not in checks]
    notebook.cells = [*kept, again]
    return notebook


def old_format(desk: Desk) -> bytes:
    """The notebook as IPython 3 would have saved it."""
    return nbformat.writes(desk.notebook(), version=3).encode()


def cut_short(desk: Desk) -> bytes:
    """A file whose upload broke off."""
    text = json.dumps(desk.notebook())
    return text[: len(text) // 2].encode()


SUBMISSIONS = (
    Submission("ada", "the course's own solutions", lambda d: d.notebook(), {}),
    Submission(
        "boole",
        "loops and lists wherever one can",
        lambda d: d.with_variants(
            softmax="list_of_slices",
            similarity="two_loops",
            attend="loop_over_keys",
            scaled_dot_product_attention="recursive_over_batches",
            softmax_jacobian="two_loops",
        ),
        {},
    ),
    Submission(
        "chandra",
        "einsum and einops wherever one can",
        lambda d: d.with_variants(
            softmax="einops",
            similarity="einops_einsum",
            attend="einops_einsum",
            scaled_dot_product_attention="einops",
            softmax_jacobian="torch_einsum",
        ),
        {},
    ),
    Submission(
        "dijkstra",
        "normalises over the queries",
        lambda d: d.with_mistakes(scaled_dot_product_attention="over_queries"),
        {"scaled_dot_product_attention": Grade(0, "wrong", "over_queries")},
    ),
    Submission(
        "emmy",
        "forgets the scale, twice",
        lambda d: d.with_mistakes(attend="no_scale", scaled_dot_product_attention="no_scale"),
        {
            "attend": Grade(0, "wrong", "no_scale"),
            "scaled_dot_product_attention": Grade(0, "wrong", "no_scale"),
        },
    ),
    Submission(
        "fatima",
        "a softmax that overflows",
        lambda d: d.with_mistakes(softmax="no_maximum"),
        {"softmax": Grade(3, "wrong", "no_maximum")},
    ),
    Submission("grace", "handed in as released", lambda d: d.release.notebook, NOTHING_HANDED_IN),
    Submission(
        "hedy",
        "stopped half-way",
        lambda d: d.notebook(
            scaled_dot_product_attention=d.stub("scaled_dot_product_attention"),
            softmax_jacobian="",
        ),
        {
            "scaled_dot_product_attention": Grade(0, "missing"),
            "softmax_jacobian": Grade(0, "missing"),
        },
    ),
    Submission(
        "ivan",
        "a syntax error in one cell",
        lambda d: d.notebook(softmax=SYNTAX_ERROR),
        {"softmax": Grade(0, "error")},
    ),
    Submission(
        "jin",
        "a name that does not exist",
        lambda d: d.notebook(attend=EXCEPTION),
        {"attend": Grade(0, "error")},
    ),
    Submission(
        "kurt",
        "a loop that never ends",
        lambda d: d.notebook(similarity=ENDLESS),
        {"similarity": Grade(0, "timeout")},
    ),
    Submission(
        "lise",
        "leaves the process",
        lambda d: d.notebook(scaled_dot_product_attention=LEAVES),
        {"scaled_dot_product_attention": Grade(0, "crashed")},
    ),
    Submission("mary", "an upload that broke off", cut_short, UNREADABLE),
    Submission("nina", "an empty file", lambda d: b"", UNREADABLE),
    Submission("omar", "no file", lambda d: None, NOTHING_HANDED_IN),
    Submission(
        "pia",
        "a wrong answer and a check cell that was tampered with",
        tampered,
        {"softmax": Grade(0, "wrong", "hardmax")},
    ),
    Submission(
        "quinn",
        "all right, with warnings, logging and prints to stderr",
        lambda d: with_cell(d.notebook(), NOISE),
        {},
    ),
    Submission(
        "rosa",
        "torch's softmax under another name, and torch's own derivative",
        lambda d: d.notebook(softmax=FORBIDDEN, softmax_jacobian=DERIVATIVE_OF_TORCH),
        {"softmax": Grade(0, "refused"), "softmax_jacobian": Grade(0, "refused")},
    ),
    Submission(
        "sami",
        "an attend that calls a wrong softmax",
        lambda d: d.notebook(
            softmax=d.mistaken("softmax", "joint_after_maximum"), attend=CALLS_OWN_SOFTMAX
        ),
        {"softmax": Grade(0, "wrong", "joint_after_maximum")},
    ),
    Submission(
        "tove",
        "a name that was mistyped",
        lambda d: d.notebook(
            softmax=d.variant("softmax", "logsumexp").replace("softmax", "sofmax")
        ),
        {"softmax": Grade(0, "missing")},
    ),
    Submission(
        "uma",
        "a tensor that says yes to everything, and patched comparisons",
        lambda d: d.notebook(softmax_jacobian=TRUE_TO_EVERYTHING),
        {"softmax_jacobian": Grade(0, "wrong")},
    ),
    Submission(
        "vera",
        "a mistake that nobody has made before",
        lambda d: d.notebook(similarity=UNKNOWN_MISTAKE),
        {"similarity": Grade(0, "wrong")},
    ),
    Submission("wim", "a notebook in a format of 2013", old_format, UNREADABLE),
    Submission(
        "yael",
        "hooks that print points and empty every later cell, the answers too",
        lambda d: with_cell(d.notebook(), HOOKS),
        NOTHING_HANDED_IN,
    ),
    Submission("xun", "check cells deleted, an answer cell twice", rearranged, {}),
)
