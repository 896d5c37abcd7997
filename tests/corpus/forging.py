"""Code that meddles with whoever judges it. Every answer is wrong, and must be worth nothing."""

from tests.corpus.entry import WRONG, Entry, Gets, OnStock, only

NO_PROBE = "stock nbgrader has no probe and no sheet: its tests run in the notebook"


def forge(
    name: str,
    tries: str,
    cell: str = "",
    answer: str = WRONG,
    not_on_stock: str = "",
    gets: Gets | None = None,
) -> Entry:
    on_stock: OnStock = "" if not_on_stock else "earns"
    return Entry(
        name, tries, answer, cell, gets=gets or only("wrong"), on_stock=on_stock,
        not_on_stock=not_on_stock,
    )  # fmt: skip


ENTRIES = (
    forge(
        "displayhook",
        "shows the points as the result of every cell",
        """
shell = get_ipython()
shell.events.register("pre_run_cell", lambda info: shell.displayhook(2))
""",
    ),
    forge(
        "input_transformer",
        "empties each cell that asserts before it runs",
        """
get_ipython().input_transformers_cleanup.append(
    lambda lines: ["pass\\n"] if any("assert" in line for line in lines) else lines)
""",
    ),
    forge(
        "ast_transformer",
        "takes the assertions out of the syntax tree",
        """
import ast

class NoChecks(ast.NodeTransformer):
    def visit_Expr(self, node):
        return ast.Pass() if "assert" in ast.dump(node) else node

    def visit_Assert(self, node):
        return ast.Pass()

get_ipython().ast_transformers.append(NoChecks())
""",
    ),
    forge(
        "patched_assert_allclose",
        "lets numpy find everything close",
        "import numpy as np\nnp.testing.assert_allclose = lambda *a, **k: None\n",
    ),
    forge(
        "patched_assert_close",
        "lets torch find everything close",
        "torch.testing.assert_close = lambda *a, **k: None\n",
    ),
    forge(
        "patched_shell",
        "replaces what runs the code of a cell",
        """
async def runs_nothing(self, *arguments, **options):
    return False

type(get_ipython()).run_ast_nodes = runs_nothing
""",
        # The cells after it do not run here either: they define what the other problems ask for.
        gets={
            "similarity": (0, "wrong"),
            "attend": (0, "missing"),
            "scaled_dot_product_attention": (0, "missing"),
            "softmax_jacobian": (0, "missing"),
        },
    ),
    forge(
        "silent_errors",
        "lets no error be shown",
        "get_ipython().set_custom_exc((Exception,), lambda *a, **k: None)\n",
        not_on_stock="the kernel's reply tells stock nbgrader of an error that is not shown",
    ),
    forge(
        "patched_result",
        "lets every cell end well, whatever it raised",
        """
from IPython.core.interactiveshell import ExecutionResult

ExecutionResult.success = property(lambda self: True)
ExecutionResult.error_in_exec = property(lambda self: None, lambda self, error: None)
get_ipython().showtraceback = lambda *a, **k: None
""",
    ),
    forge(
        "shadowed_bool",
        "calls a function bool that finds everything true",
        "bool = lambda *a: True\n",
    ),
    forge(
        "patched_equality",
        "makes all tensors equal",
        "torch.Tensor.__eq__ = lambda *a: torch.ones(1, dtype=torch.bool)\n",
    ),
    forge(
        "patched_product",
        "spoils the product that a test computes its expectation by",
        """
product = torch.Tensor.__mul__

def nothing(one, other):
    is_of_the_test = getattr(other, "ndim", 0) == 2 and one.ndim == 1
    return torch.zeros_like(other) if is_of_the_test else product(one, other)

torch.Tensor.__mul__ = nothing
""",
    ),
    forge(
        "patched_random",
        "draws inputs for which the wrong answer is right",
        "torch.randn = lambda *sizes, **options: torch.zeros(*sizes)\n",
    ),
    forge(
        "function_mode",
        "stays inside a mode of torch that answers every comparison with yes",
        """
from torch.overrides import TorchFunctionMode

class Yes(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__name__", "") in ("isclose", "eq", "__eq__", "allclose", "equal"):
            return torch.ones(6, dtype=torch.bool)
        return function(*args, **(kwargs or {}))

mode = Yes()
mode.__enter__()
""",
    ),
    forge(
        "agreeable_tensor",
        "returns a tensor that answers every comparison with yes",
        answer="""
class Agreeable(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        if name in ("isclose", "eq", "ne", "allclose", "equal"):
            return torch.ones(6, dtype=torch.bool)
        return super().__torch_function__(function, types, args, kwargs or {})

def similarity(query, keys):
    return torch.zeros(len(keys)).as_subclass(Agreeable)
""",
    ),
    forge(
        "equal_to_all",
        "returns an object that equals everything",
        answer="""
class Equal:
    def __eq__(self, other):
        return torch.ones(1, dtype=torch.bool)

def similarity(query, keys):
    return Equal()
""",
    ),
    forge(
        "callers_frame",
        "looks for the expected value in the frames of who calls",
        answer="""
import sys

def similarity(query, keys):
    frame = sys._getframe()
    while frame := frame.f_back:
        for names in (frame.f_locals, frame.f_globals):
            if isinstance(names.get("expected"), torch.Tensor):
                return names["expected"]
    return torch.zeros(len(keys))
""",
    ),
    forge(
        "memory_of_the_test",
        "returns whichever tensor in memory has the shape of a result, newest first",
        answer="""
import gc

def similarity(query, keys):
    seen = [x for x in gc.get_objects() if type(x) is dict and "expected" in x]
    found = [x["expected"] for x in seen if isinstance(x["expected"], torch.Tensor)]
    return found[-1] if found else torch.zeros(len(keys))
""",
    ),
    forge(
        "history",
        "reads the test's own text, and computes what it computes",
        answer="""
def similarity(query, keys):
    text = get_ipython().user_ns.get("_ih", [""])[-1]
    line = [part for part in text.splitlines() if part.startswith("expected =")]
    return eval(line[0].partition("=")[2], {"q": query, "k": keys}) if line else 0 * keys.sum(1)
""",
    ),
    forge(
        "numpy_of_its_own",
        "leaves a numpy of its own where modules are looked for",
        """
import sys
from pathlib import Path
from types import ModuleType

own = ModuleType("numpy.testing")
own.assert_allclose = lambda *a, **k: None
sys.modules["numpy.testing"] = own
sys.modules["numpy"].testing = own
for name in ("numpy", "safetensors", "json"):
    Path(name + ".py").write_text("raise SystemExit\\n")
""",
    ),
    forge(
        "patched_probe",
        "lets the probe say that all went as expected",
        """
from autograder import data, probe

returned = {"outcome": "returned", "value": torch.ones(1), "gradients": None, "changed": [],
            "called": []}
real = probe.observe
probe.observe = lambda names, request: (
    [returned] * len(request["cases"]) if request["name"] == "similarity" else real(names, request))
""",
        not_on_stock=NO_PROBE,
        gets=only("crashed"),
    ),
    forge(
        "patched_judge",
        "lets the judge call every answer correct, in the process that it has",
        """
import dataclasses
import autograder.judge as judge
import autograder.compare as compare

judge.agrees = judge.passes = lambda *a, **k: True
compare.difference = lambda *a, **k: None
judge.judge = lambda sheet, *a: judge.Verdict(sheet.name, 2, 2, "correct", "Correct")
""",
        not_on_stock=NO_PROBE,
    ),
    forge(
        "answers_of_the_sheet",
        "looks public inputs up in the sheet beside the notebook",
        answer="""
from pathlib import Path
from autograder.data import to_python
from autograder.sheet import Sheet

def similarity(query, keys):
    (path,) = Path.cwd().glob("*.sheet.json")
    for case in Sheet.load(path).problems["similarity"].cases:
        inputs = [to_python(tree) for tree in case.request["args"]]
        if inputs[1].shape == keys.shape and torch.equal(inputs[1], keys):
            return to_python(case.expected["value"]) + 0 * query.sum() * keys.sum()
    return torch.zeros(len(keys))
""",
        not_on_stock=NO_PROBE,
    ),
    forge(
        "rewritten_sheet",
        "overwrites the sheet beside the notebook",
        """
from pathlib import Path

for path in Path.cwd().glob("*.sheet*"):
    path.write_bytes(b"{}")
""",
        not_on_stock=NO_PROBE,
    ),
    forge(
        "sprayed_frames",
        "writes answers into every socket it holds",
        answer="""
import os, stat

def similarity(query, keys):
    frame = (9).to_bytes(8, "big") + (1).to_bytes(8, "big") + b"f"
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.write(descriptor, frame * 3)
        except OSError:
            pass
    return torch.zeros(len(keys))
""",
        not_on_stock=NO_PROBE,
    ),
    forge(
        "shown_verdict",
        "shows a card that looks like a verdict",
        """
from IPython.display import HTML, display

display(HTML("<div><strong>similarity: correct</strong>\\nCorrect: 9 of 9 cases pass.</div>"))
print("similarity: correct")
""",
        not_on_stock="stock nbgrader looks at no output but the test's own",
    ),
    forge(
        "always_raises",
        "raises always, hoping that an error is expected",
        answer="def similarity(query, keys):\n    raise ValueError\n",
        not_on_stock="an error costs the points there too",
        gets=only("error"),
    ),
)
