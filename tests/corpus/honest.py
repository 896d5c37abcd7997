"""Honest work that looks odd: it must lose nothing."""

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from tests.corpus.entry import RIGHT, Entry, OnStock

SAME = "an honest notebook: nothing to show there"


def honest(
    name: str,
    tries: str,
    cell: str = "",
    answer: str = RIGHT,
    on_stock: OnStock = "",
) -> Entry:
    return Entry(
        name, tries, answer, cell, on_stock=on_stock, not_on_stock="" if on_stock else SAME
    )


def in_answer(body: str, head: str = "") -> str:
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    return f"{head}\ndef similarity(query, keys):\n{lines}    return keys @ query\n"


def with_many_cells(notebook: NotebookNode) -> NotebookNode:
    for number in range(200):
        notebook.cells.insert(number, new_code_cell(f"scratch_{number} = {number}"))
    return notebook


ENTRIES = (
    honest(
        "warnings",
        "warns, in a cell and in an answer",
        "import warnings\nwarnings.warn('in a cell')\n",
        in_answer("warnings.warn('in an answer')", "import warnings"),
        on_stock="loses",
    ),
    honest(
        "warnings_as_errors",
        "turns all warnings into errors",
        "import warnings\nwarnings.simplefilter('error')\n",
        in_answer("import warnings"),
    ),
    honest("prints", "prints in an answer", answer=in_answer("print(query.shape, keys.shape)")),
    honest(
        "logging",
        "logs to standard error, in an answer",
        answer=in_answer("logging.getLogger('mine').warning('scores')", "import logging"),
        on_stock="loses",
    ),
    honest(
        "progress_bar",
        "shows a progress bar of tqdm, or one of its own, on standard error",
        answer=in_answer(
            "for key in keys:\n    print('.', end='\\r', file=sys.stderr, flush=True)", "import sys"
        ),
        on_stock="loses",
    ),
    honest(
        "figures",
        "draws figures, shown and left open",
        """
import matplotlib.pyplot as plt
%matplotlib inline
for number in range(3):
    plt.figure()
    plt.plot(range(10))
plt.show()
plt.plot([1, 2])
""",
    ),
    honest(
        "default_dtype",
        "computes in double precision by default",
        "torch.set_default_dtype(torch.float64)\n",
    ),
    honest("threads_of_torch", "asks torch for 8 threads", "torch.set_num_threads(8)\n"),
    honest(
        "no_gradients_within",
        "switches gradients off in a helper, and on again",
        """
def look(x):
    torch.set_grad_enabled(False)
    shape = x.sum()
    torch.set_grad_enabled(True)
    return shape
""",
        in_answer("look(keys)"),
    ),
    honest(
        "seeds",
        "sets every seed, in a cell and in an answer",
        """
import random
import numpy as np

random.seed(0)
np.random.seed(0)
torch.manual_seed(0)
""",
        in_answer("torch.manual_seed(1)"),
    ),
    honest(
        "deterministic",
        "asks for deterministic algorithms",
        "torch.use_deterministic_algorithms(True)\n",
    ),
    honest(
        "anomalies", "has autograd look for anomalies", "torch.autograd.set_detect_anomaly(True)\n"
    ),
    honest(
        "files",
        "writes files in the working folder, and reads them in an answer",
        """
from pathlib import Path

Path("results").mkdir()
torch.save({"scale": 1.0}, "results/scale.pt")
Path("notes.txt").write_text("scale")
""",
        in_answer("assert torch.load('results/scale.pt')['scale'] == 1.0"),
    ),
    honest(
        "other_folder",
        "changes the working folder",
        "import os\nos.mkdir('elsewhere')\nos.chdir('elsewhere')\n",
    ),
    honest(
        "data_loader",
        "loads data with two workers",
        """
from torch.utils.data import DataLoader, TensorDataset

loader = DataLoader(TensorDataset(torch.arange(8.0)), batch_size=2, num_workers=2)
total = sum(batch[0].sum() for batch in loader)
assert total == 28
""",
    ),
    honest(
        "pool",
        "works in a pool of two processes",
        """
import multiprocessing

def square(x):
    return x * x

with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(square, range(4)) == [0, 1, 4, 9]
""",
    ),
    honest(
        "own_threads",
        "computes in threads, in a cell and in an answer",
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(4) as pool:\n    assert list(pool.map(abs, [-1])) == [1]\n",
        """
from concurrent.futures import ThreadPoolExecutor

def similarity(query, keys):
    with ThreadPoolExecutor(2) as pool:
        return torch.stack(list(pool.map(lambda key: key @ query, keys)))
""",
    ),
    honest("installs", "installs packages", "!pip install einops\n%pip install einops\n"),
    honest(
        "magics",
        "measures, lists and looks around by magics",
        "%timeit -n 1 -r 1 sum(range(10))\n%who\n%time x = 1\n%pwd\n%load_ext autoreload\n",
    ),
    honest(
        "cell_magics",
        "captures and times whole cells",
        "%%time\ny = 1\n",
    ),
    honest("bash", "has a cell of the shell", "%%bash\nls\n"),
    honest(
        "top_level_await",
        "awaits at the top level, and runs a loop in an answer",
        "import asyncio\nawait asyncio.sleep(0.01)\n",
        """
import asyncio

def similarity(query, keys):
    async def compute():
        return keys @ query
    return asyncio.run(compute())
""",
    ),
    honest("input", "asks for input in a cell of its own", "name = input('Your name: ')\n"),
    honest("failing_cell", "has a cell that raises", "1 / 0\n"),
    honest("syntax", "has a cell that is no Python", "this is what I tried:\n"),
    honest(
        "global_state",
        "has one problem change what another reads",
        "scale = 1.0\n",
        """
scale = 1.0

def similarity(query, keys):
    global scale
    scale = 1.0 + len(keys) - len(keys)
    return keys @ query * scale
""",
    ),
    honest(
        "cache",
        "keeps results in a cache",
        answer="""
import functools

@functools.lru_cache
def root(n):
    return n ** 0.5

def similarity(query, keys):
    return keys @ query * root(4) / 2
""",
    ),
    honest(
        "typed",
        "writes its answer as a typed, compiled class with a call",
        answer="""
from dataclasses import dataclass

@dataclass
class Similarity:
    sign: float = 1.0

    def __call__(self, query: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        return self.sign * (keys @ query)

similarity = Similarity()
""",
    ),
    honest(
        "recursion_limit",
        "changes the limit of recursion, and recurses",
        "import sys\nsys.setrecursionlimit(20_000)\n"
        "def down(n):\n    return n and down(n - 1)\ndown(5_000)\n",
    ),
    honest("no_collection", "switches the collection of garbage off", "import gc\ngc.disable()\n"),
    honest(
        "own_print",
        "has a print of its own, and numbers shown otherwise",
        "import builtins, numpy as np\n"
        "builtins.print = lambda *a, **k: None\ntorch.set_printoptions(precision=1)\n"
        "np.set_printoptions(precision=1)\n",
    ),
    honest(
        "names",
        "calls its own things list, data and probe",
        "list_ = list\ndata = probe = check_ = 3\nlen_ = len\n",
    ),
    honest("shadowed", "calls its own things list, str and type", "list, str, type = 1, 2, 3\n"),
    honest(
        "much_output",
        "shows almost as much as is allowed",
        "print('x' * 150_000)\n",
    ),
    honest("slow", "works for a second in a cell", "import time\ntime.sleep(1)\n"),
    honest(
        "slow_answer",
        "takes almost a second for all its cases",
        answer=in_answer("time.sleep(0.05)", "import time"),
    ),
    honest(
        "kept_in_the_environment",
        "sets variables of the environment",
        "import os\nos.environ.update(CUDA_VISIBLE_DEVICES='', HOME='/nowhere', LANG='ko_KR')\n",
    ),
    honest(
        "handlers",
        "handles signals and exits",
        "import atexit, signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGALRM, signal.SIG_IGN)\natexit.register(print, 'bye')\n",
    ),
    honest(
        "traced",
        "traces and profiles its own code",
        "import sys\nsys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)\n",
    ),
    honest(
        "checks",
        "calls check in cells of its own",
        "from autograder import check\ncheck('softmax')\n",
    ),
    Entry(
        "many_cells",
        "has 200 cells more than was released",
        change=with_many_cells,
        not_on_stock=SAME,
    ),
    Entry(
        "imports_first",
        "imports what it likes in a first cell",
        cell="import math\nimport numpy as np\nimport torch\nfrom torch import nn\n",
        is_first=True,
        not_on_stock=SAME,
    ),
)
