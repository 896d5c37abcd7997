"""The executor against honest and hostile notebooks, without the walls that stand around it.

What it does with processes must hold by itself; `test_corpus` has the walls up.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.executor import CellRun, Execution, Executor, ExecutorError, Failure, Limits
from autograder.executor.execution import SERIAL_BYTES, read_answer, read_cell
from autograder.executor.shell import NOT_RUN
from autograder.sandbox import Walls

NO_WALLS = Walls(outer=False, inner=False)
PROBE = "tests.executor_probe:answer"
SECRET = "AUTOGRADER_TEST_SECRET"
QUICK = Limits(cell_seconds=0.4, problem_seconds=0.6, submission_seconds=20.0)


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SECRET, "secret")
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # where the stand-in probe is
        with Executor(NO_WALLS, PROBE) as running:
            yield running


def run(executor: Executor, *cells: str, limits: Limits = QUICK, **requests: str) -> Execution:
    """Run `cells`, then ask each request, an expression over the notebook's names."""
    asked = {name: expression.encode() for name, expression in requests.items()}
    return executor.run(cells, asked, {}, limits)


def failures(execution: Execution) -> list[str | None]:
    return [cell.failure.kind if cell.failure else None for cell in execution.cells]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def warm_pid() -> int:
    """The newest warm process."""
    return [
        child
        for child in children(os.getpid())
        if b"autograder.executor.zygote" in Path(f"/proc/{child}/cmdline").read_bytes()
    ][-1]


def stream(name: str, text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def shown(kind: str, text: str, **more: Any) -> dict[str, Any]:
    return {"output_type": kind, "data": {"text/plain": text}, "metadata": {}, **more}


def result(text: str) -> dict[str, Any]:
    return shown("execute_result", text, execution_count=1)


IMPORT_DISPLAY = "from IPython.display import display, clear_output, HTML\n"
HTML_REPR = {"text/plain": "<IPython.core.display.HTML object>", "text/html": "<b>x</b>"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1", []),
        ("", []),
        ("print('a'); print('b')", [stream("stdout", "a\nb\n")]),
        ("import sys; print('e', file=sys.stderr)", [stream("stderr", "e\n")]),
        (
            "import sys\nprint(1)\nprint(2, file=sys.stderr)\nprint(3)",
            [stream("stdout", "1\n"), stream("stderr", "2\n"), stream("stdout", "3\n")],
        ),
        ("print('half \\ud800')", [stream("stdout", "half ?\n")]),
        ("1 + 1", [result("2")]),
        ("1 + 1;", []),
        ("print(1)\n'a'", [stream("stdout", "1\n"), result("'a'")]),
        (IMPORT_DISPLAY + "display(1)\n2", [shown("display_data", "1"), result("2")]),
        (IMPORT_DISPLAY + "HTML('<b>x</b>')", [{**result(""), "data": HTML_REPR}]),
        (IMPORT_DISPLAY + "print(1); clear_output(); print(2)", [stream("stdout", "2\n")]),
        (IMPORT_DISPLAY + "print(1); clear_output(wait=True)", [stream("stdout", "1\n")]),
        (
            IMPORT_DISPLAY + "print(1); clear_output(wait=True); print(2)",
            [stream("stdout", "2\n")],
        ),
        (
            IMPORT_DISPLAY + "h = display(1, display_id=True); h.update(2)",
            [shown("display_data", "2")],
        ),
        ("%%capture kept\nprint('hidden')", []),
        ("import asyncio\nawait asyncio.sleep(0, 'done')", [result("'done'")]),
        ("!echo shell\n_exit_code", [stream("stderr", f"{NOT_RUN}\n"), result("126")]),
        ("x = !echo shell\nx", [stream("stderr", f"{NOT_RUN}\n"), result("[]")]),
        ("__name__", [result("'__main__'")]),
        ("'plt' in globals()", [result("False")]),
    ],
)
def test_outputs_are_those_of_jupyter(
    executor: Executor, source: str, expected: list[dict[str, Any]]
) -> None:
    (cell,) = run(executor, source).cells
    assert cell == CellRun(expected, None)


def test_outputs_are_valid_and_figures_are_shown(executor: Executor) -> None:
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('t');"
    execution = run(executor, plot, "%time sum([1])", "1 / 0", "print(1)\n2")
    (figure,) = execution.cells[0].outputs
    assert figure["data"]["image/png"].startswith("iVBOR")
    assert "Wall time" in execution.cells[1].outputs[0]["text"]
    cells = [
        nbformat.v4.new_code_cell(
            "", id=f"c{i}", outputs=[nbformat.from_dict(o) for o in c.outputs]
        )
        for i, c in enumerate(execution.cells)
    ]
    nbformat.validate(nbformat.v4.new_notebook(cells=cells))


DEEP = "def f(x):\n    return g(x)\ndef g(x):\n    return torch.softmax(x, dim=7)"


@pytest.mark.parametrize(
    ("source", "name", "said"),
    [
        ("1 / 0", "ZeroDivisionError", ['  File "<cell 2>", line 1, in <module>', "    1 / 0"]),
        ("f(1)", "TypeError", ['  File "<cell 2>", line 1', '  File "<cell 1>", line 3, in f']),
        ("import helper; helper.fail()", "KeyError", ["helper.py", "in fail"]),
        ("import json; json.loads('{')", "JSONDecodeError", ['  File "<cell 2>", line 1']),
        ("x = = 1", "SyntaxError", ["    x = = 1", "        ^"]),
        ("  x = 1\n y = 2", "IndentationError", []),
        ("%nosuchmagic", "UsageError", ["%nosuchmagic"]),
        ("%time 1 / 0", "ZeroDivisionError", ["<timed eval>"]),
        ("%%capture\n1 / 0", "ZeroDivisionError", []),
        ("await nothing", "NameError", ["<cell 2>"]),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", []),
        ("class E(Exception):\n  def __str__(self): 1 / 0\nraise E", "E", []),
        ("input('name? ')", "RuntimeError", ["not available while the notebook is graded"]),
        ("import sys; sys.exit(3)", "SystemExit", ["SystemExit: 3"]),
        ("exit()", "SystemExit", []),
        ("quit", "SystemExit", []),
        ("def r(): return r()\nr()", "RecursionError", ["Previous line repeated"]),
        ("raise ValueError('half \\ud800')", "ValueError", ["ValueError: half ?"]),
        ("bytearray(2**33)", "MemoryError", []),
        ("open('big', 'wb').write(bytes(2**27))", "OSError", ["File too large"]),
        ("raise ValueError('long' * 50_000)", "ValueError", ["[…]"]),
    ],
)
def test_an_error_shows_only_the_students_lines_and_the_next_cell_runs(
    executor: Executor, source: str, name: str, said: list[str]
) -> None:
    files = {"helper.py": b"def fail():\n    {}['x']\n"}
    cells = ["import torch\n" + DEEP, source, "after = 1\nafter"]
    execution = executor.run(cells, {"after": b"after"}, files, QUICK)
    failed = execution.cells[1]
    error = failed.outputs[-1]
    text = "\n".join(error["traceback"])
    assert error["ename"] == name
    assert failed.failure == Failure("error", text)
    for part in said:
        assert part in text
    assert "site-packages" not in text
    assert "/autograder/" not in text
    assert "/json/" not in text
    assert len(text) < 25_000
    assert execution.cells[2].outputs == [shown("execute_result", "1", execution_count=3)]
    assert execution.answers == {"after": b"1"}


def test_state_is_shared_by_cells_and_by_nobody_else(executor: Executor) -> None:
    execution = run(executor, "x = [1]", "x.append(2)", a="x")
    assert execution.answers == {"a": b"[1, 2]"}
    assert failures(run(executor, "x")) == ["error"]


def test_an_answer_that_is_not_settled_is_asked_again_of_the_state_after_the_cells(
    executor: Executor,
) -> None:
    asked = dict.fromkeys("abcd", b"x.append(1) or [len(x), os.getpid()]")
    execution = executor.run(["import os\nx = []"], asked, {}, QUICK, lambda name, _: name != "c")
    seen = {name: json.loads(answer) for name, answer in execution.answers.items()}
    assert {name: length for name, (length, _) in seen.items()} == {"a": 1, "b": 2, "c": 1, "d": 2}
    a, b, c, d = (pid for _, pid in seen.values())
    assert a == b != c == d


def test_what_an_earlier_problem_spoilt_is_asked_again(executor: Executor) -> None:
    spoil = "def spoil():\n    global f\n    del f"
    execution = run(executor, spoil + "\ndef f(): return 1", a="spoil()", b="f()", c="f()")
    assert execution.answers == {"a": b"None", "b": b"1", "c": b"1"}


def test_a_wrong_answer_costs_one_fork_more(executor: Executor) -> None:
    asked = dict.fromkeys("abcdef", b"os.getpid()")
    seen: list[tuple[str, bytes]] = []

    def is_settled(name: str, answer: bytes) -> bool:
        seen.append((name, answer))
        return name not in "be"

    executor.run(["import os"], asked, {}, QUICK, is_settled)
    assert [name for name, _ in seen] == list("bcdef")  # the first of a process stands
    assert len({answer for _, answer in seen}) == 1 + len("be")


def test_files_lie_in_the_working_folder_which_is_fresh_and_removed(executor: Executor) -> None:
    files = {"data.txt": b"one", "sub/more.txt": b"two"}
    read = "print(open('data.txt').read(), open('sub/more.txt').read())"
    write = "import os, tempfile\nopen('new', 'w').close()\ntempfile.mkstemp()\nopen('.x', 'w')"
    execution = executor.run([read, write], {"folder": b"os.getcwd()"}, files, QUICK)
    assert failures(execution) == [None, None]
    assert execution.cells[0].outputs == [stream("stdout", "one two\n")]
    folder = execution.answers["folder"]
    assert isinstance(folder, bytes)
    assert not Path(folder.decode()).parent.exists()
    assert failures(executor.run(["open('new')"], {}, files, QUICK)) == ["error"]


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "a/b/c", "", "."])
def test_a_file_name_may_not_lead_out_of_the_folder(executor: Executor, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a file"):
        executor.run([], {}, {name: b""}, QUICK)


def test_an_endless_loop_costs_only_its_cell_and_no_replay(executor: Executor) -> None:
    cells = ["print('first')\nwhile True:\n    pass", "x = 1", "import time\ntime.sleep(60)", "x"]
    start = time.monotonic()
    execution = run(executor, "import os\npid = os.getpid()", *cells, pid="pid == os.getppid()")
    assert time.monotonic() - start < 4 * QUICK.cell_seconds
    assert failures(execution) == [None, "timeout", None, "timeout", None]
    assert execution.cells[1].outputs[0] == stream("stdout", "first\n")
    assert '  File "<cell 2>"' in "\n".join(execution.cells[1].outputs[1]["traceback"])
    assert execution.cells[1].failure == Failure(
        "timeout", "This cell ran longer than 0.4 seconds and was stopped."
    )


STUBBORN = (
    "import time\nwhile True:\n    try:\n        time.sleep(9)\n    except BaseException: pass"
)
DEAF = "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))\ntime.sleep(60)"
SEGFAULT = "import ctypes; ctypes.string_at(0)"
SPRAY = (
    "import os\nfor fd in range(3, 51):\n    try: os.write(fd, {!r} * 64)\n    except OSError: pass"
)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (STUBBORN, "timeout"),
        (DEAF, "timeout"),
        ("import os; os._exit(0)", "crashed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "crashed"),
        ("import os; os.killpg(0, 9)", "crashed"),
        ("import os; os.closerange(3, 51)", "crashed"),
        (SEGFAULT, "crashed"),
        (SPRAY.format(b"\xff"), "crashed"),
    ],
)
def test_a_cell_that_breaks_the_process_is_left_out(
    executor: Executor, source: str, kind: str
) -> None:
    start = time.monotonic()
    execution = run(executor, "x = 1\nx", source, "x += 1\nx", x="x")
    assert time.monotonic() - start < 10
    assert failures(execution) == [None, kind, None]
    assert [cell.outputs for cell in execution.cells] == [
        [result("1")],
        [],
        [shown("execute_result", "2", execution_count=3)],
    ]
    assert execution.answers == {"x": b"2"}


def test_several_breaking_cells(executor: Executor) -> None:
    execution = run(executor, SEGFAULT, "x = 1", "import os; os._exit(5)", "x", x="x")
    assert failures(execution) == ["crashed", None, "crashed", None]
    texts = [cell.failure.text for cell in execution.cells if cell.failure]
    assert "Segmentation fault" in texts[0]
    assert "exit status 5" in texts[1]
    assert execution.answers == {"x": b"1"}


BREAK = """
import ctypes, os, sys, time
def leave(): os._exit(0)
def segfault(): ctypes.string_at(0)
def loop():
    while True: pass
def deaf():
    import signal
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
    time.sleep(60)
def end(): sys.exit(0)
def kill_parent(): os.kill(os.getppid(), 9); time.sleep(60)
def stop_parent(): os.kill(os.getppid(), 19); time.sleep(60)
def kill_group(): os.killpg(0, 9)
def spray(junk):
    for fd in range(3, 51):
        try: os.write(fd, junk)
        except OSError: pass
    time.sleep(60)
def short_frame(): spray((8).to_bytes(8, 'big') + b'forged'); os._exit(0)
def flood(): return bytes(2_000_000).decode()
def answer(): return 'honest'
"""


def test_a_problem_that_broke_is_ended_and_says_how(executor: Executor) -> None:
    count = "len(open(f'/proc/{os.getppid()}/task/{os.getppid()}/children').read().split())"
    execution = run(executor, BREAK, crash="segfault()", late="loop()", mine=count)
    crash, late = execution.answers["crash"], execution.answers["late"]
    assert isinstance(crash, Failure)
    assert "Segmentation fault" in crash.text
    assert late == Failure("timeout", "This problem ran longer than 0.6 seconds and was stopped.")
    assert execution.answers["mine"] == b"1"


@pytest.mark.parametrize(
    ("attack", "kind"),
    [
        ("leave()", "crashed"),
        ("segfault()", "crashed"),
        ("loop()", "timeout"),
        ("deaf()", "timeout"),
        ("end()", "crashed"),
        ("kill_parent()", "crashed"),
        ("stop_parent()", "timeout"),
        ("kill_group()", "crashed"),
        ("spray(b'\\xff' * 64)", "crashed"),
        ("short_frame()", "timeout"),
        ("flood()", "crashed"),
        ("1 / 0", "crashed"),
    ],
)
def test_what_breaks_in_a_problem_costs_only_that_problem(
    executor: Executor, attack: str, kind: str
) -> None:
    limits = Limits(0.4, 0.6, 20.0, answer_bytes=1_000_000)
    execution = run(executor, BREAK, limits=limits, a="answer()", bad=attack, b="answer()")
    assert failures(execution) == [None]
    bad = execution.answers.pop("bad")
    assert isinstance(bad, Failure)
    assert bad.kind == kind
    assert execution.answers == {"a": b"honest", "b": b"honest"}


def test_a_problem_cannot_forge_the_answer_of_another(executor: Executor) -> None:
    frame = "(7).to_bytes(8, 'big') + b'aforged'"
    execution = run(executor, BREAK, a="answer()", bad=f"spray(({frame}) * 9)", b="answer()")
    bad = execution.answers.pop("bad")
    assert isinstance(bad, Failure)
    assert execution.answers == {"a": b"honest", "b": b"honest"}


def test_a_cell_that_writes_whole_frames_harms_only_its_own_submission(executor: Executor) -> None:
    execution = run(executor, SPRAY.format(bytes(8)), "x = 1", x="x")
    assert set(failures(execution)) == {"crashed"}
    assert isinstance(execution.answers["x"], Failure)
    assert run(executor, "x = 2", x="x").answers == {"x": b"2"}


def test_threads_asked_for_by_a_student_do_not_hang_the_probes(executor: Executor) -> None:
    train = (
        "import torch\ntorch.set_num_threads(2)\n"
        "w = torch.ones(600, 600, requires_grad=True)\n(w @ w).sum().backward()"
    )
    asks_again = "[torch.set_num_threads(2), (w @ w).sum().item()][1]"
    both = {"w": "(w @ w).sum().item()", "again": asks_again}
    execution = run(executor, train, limits=Limits(20, 5, 30), **both)
    assert execution.answers == {"w": b"216000000.0", "again": b"216000000.0"}


def test_the_outputs_of_a_notebook_have_a_limit_together(executor: Executor) -> None:
    limits = Limits(20, 5, 30, outputs_bytes=50_000)
    cells = run(executor, *["print('x' * 20_000)"] * 4, limits=limits).cells
    assert ["left out" in cell.outputs[0]["text"] for cell in cells] == [False, False, True, True]


@pytest.mark.parametrize("magic", ["%matplotlib inline", "%gui qt", "%pylab inline"])
def test_magics_of_every_notebook(executor: Executor, magic: str) -> None:
    execution = run(executor, f"{magic}\nx = 1", limits=Limits(20, 5, 30), x="x")
    assert failures(execution) == [None]
    assert execution.answers == {"x": b"1"}


def test_workers_of_a_data_loader(executor: Executor) -> None:
    source = (
        "from torch.utils.data import DataLoader\n"
        "[len(batch) for batch in DataLoader(range(6), batch_size=3, num_workers=1)]"
    )
    (cell,) = run(executor, source, limits=Limits(20, 5, 30)).cells
    assert cell.outputs == [result("[3, 3]")]


HOSTILE = """
import builtins, io, json, os, signal, sys, torch
sys.stdout = sys.stderr = sys.displayhook = None
builtins.print = builtins.len = lambda *a, **k: 0
signal.signal(signal.SIGALRM, signal.SIG_IGN)
torch.equal = torch.testing.assert_close = lambda *a, **k: True
sys.modules.clear()
x = 1
"""


def test_a_spoilt_interpreter_hurts_only_itself(executor: Executor) -> None:
    execution = run(executor, HOSTILE, "while True: pass", x="x")
    assert failures(execution)[1] in ("timeout", "crashed")
    assert run(executor, "x = 2\nlen([x])", x="x").answers == {"x": b"2"}


def test_a_flood_is_cut_with_a_sentence(executor: Executor) -> None:
    limits = Limits(0.4, 0.6, 20.0, output_bytes=5_000)
    for flood in (
        "print('é\\0' * 10**6)",
        "while True: print('x')",
        "for i in range(999): display(i)",
    ):
        (cell,) = run(executor, flood + "\n", limits=limits).cells
        text = "".join(output.get("text", "") for output in cell.outputs)
        assert text.count("was dropped: it is longer than 5000 bytes") == 1
        assert len(str(cell.outputs)) < 30_000
        assert cell.failure is None or cell.failure.kind == "timeout"


def test_an_error_is_shown_after_a_flood(executor: Executor) -> None:
    (cell,) = run(executor, "print('x' * 10**6)\n1 / 0").cells
    assert cell.failure is not None
    assert cell.failure.text.endswith("ZeroDivisionError: division by zero")


def test_past_the_limit_of_the_submission_everything_left_times_out(executor: Executor) -> None:
    limits = Limits(cell_seconds=10, problem_seconds=10, submission_seconds=1.0)
    start = time.monotonic()
    execution = run(executor, "1", "while True: pass", "2", limits=limits, a="1", b="2")
    assert time.monotonic() - start < 2.5
    assert failures(execution) == [None, "timeout", "timeout"]
    late = Failure("timeout", "This notebook ran longer than 1 seconds and was stopped.")
    assert execution.cells[1].failure == late
    assert execution.answers == {"a": late, "b": late}


def test_nothing_survives_a_run(executor: Executor, tmp_path: Path) -> None:
    log = tmp_path / "log"
    hide = f"""
import os, subprocess, time
log = open({str(log)!r}, "a")
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), file=log, flush=True)
        time.sleep(60)
    os._exit(0)
os.wait()
while not os.path.getsize(log.name): pass
def spawn(): print(subprocess.Popen(["sleep", "60"], start_new_session=True).pid, file=log)
"""
    assert failures(run(executor, hide, a="spawn() or log.flush()")) == [None]
    pids = log.read_text().split()
    assert len(pids) == 2
    assert not any(Path("/proc", pid).exists() for pid in pids)
    assert [children(worker) for worker in children(warm_pid())] == [[]]


def test_the_session_is_cut_off_from_the_warm_process(executor: Executor) -> None:
    look = "import os\nprint(*os.listdir('/proc/self/fd'))\nprint(*os.environ)"
    (cell,) = run(executor, look).cells
    files, names = (line.split() for line in cell.outputs[0]["text"].splitlines())
    # 0, 1, 2, its socket, that of the requests (none is sent yet), and the folder being listed
    assert len(files) == 6
    assert "PATH" in names
    assert SECRET not in names


def test_many_runs_leak_no_file_and_no_process(executor: Executor) -> None:
    run(executor, "1", a="1")
    warm = warm_pid()

    def held() -> list[object]:
        processes = [os.getpid(), warm, *children(warm)]
        return [(len(os.listdir(f"/proc/{pid}/fd")), children(pid)) for pid in processes]

    before = held()
    for _ in range(50):
        run(executor, "x = 1", a="x")
    assert held() == before


def test_a_warm_process_that_dies_is_started_again_once_a_run(
    executor: Executor, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    os.kill(warm_pid(), signal.SIGKILL)
    kills = f"import os\nopen({str(log)!r}, 'a').write('ran ')\nos.kill(os.getppid(), 9)"
    execution = run(executor, kills, x="x")
    assert log.read_text().split() in (["ran"], ["ran"] * 2)  # whether it saw the death in time
    assert execution.cells[0].failure.kind == "crashed"
    assert execution.answers["x"].kind == "crashed"
    assert run(executor, "x = 1", x="x").answers == {"x": b"1"}


def test_a_warm_process_that_cannot_start_says_why() -> None:
    with pytest.raises(ExecutorError, match=r"could not start.*No module named 'nosuch'"):
        Executor(NO_WALLS, "nosuch:answer").__enter__()


def test_no_cell_runs_in_a_session_that_could_not_be_prepared(
    executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = nullcontext("/nonexistent")
    monkeypatch.setattr(executor, "_folder", lambda *_: nowhere)
    with pytest.raises(ExecutorError, match="could not be prepared: FileNotFoundError"):
        run(executor, "1")


VALID = '{"outputs": [%s], "timeout": false}'
STREAM = '{"output_type": "stream", "name": "%s", "text": %s}'


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"outputs": 3, "timeout": false}',
        b'{"outputs": []}',
        b"[" * 100_000,
        (VALID % "1").encode(),
        (VALID % "[]").encode(),
        (VALID % (STREAM % ("stdin", '"x"'))).encode(),
        (VALID % (STREAM % ("stdout", "1"))).encode(),
        (VALID % (STREAM % ("stdout", '"\\ud800"'))).encode(),
        (VALID % (STREAM % ("stdout", '"x", "more": 1'))).encode(),
        (VALID % '{"output_type": "error", "ename": "", "evalue": "", "traceback": [1]}').encode(),
        (
            VALID % '{"output_type": "display_data", "data": {"text/plain": 1}, "metadata": {}}'
        ).encode(),
        (
            VALID % '{"output_type": "display_data", "data": {"a/json": NaN}, "metadata": {}}'
        ).encode(),
        b" " * 7_000_000 + (VALID % "").encode(),
    ],
)
def test_a_malformed_report_of_a_cell_is_a_crash(report: bytes) -> None:
    cell = read_cell(report, Limits())
    assert cell.outputs == []
    assert cell.failure is not None
    assert cell.failure.kind == "crashed"


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (b"aanswer", b"answer"),
        (b"a", b""),
        (b"t", "timeout"),
        (b"c-11", "crashed"),
        (b"c-99", "crashed"),
        (b"c" + b"9" * 9999, "crashed"),
        (b"", "crashed"),
        (b"xyz", "crashed"),
        (b"a" * (51 + SERIAL_BYTES), b"a" * (50 + SERIAL_BYTES)),
        (b"a" * (52 + SERIAL_BYTES), "crashed"),
    ],
)
def test_reports_of_a_problem(report: bytes, expected: bytes | str) -> None:
    answer = read_answer(report, Limits(answer_bytes=50))
    assert (answer.kind if isinstance(answer, Failure) else answer) == expected
