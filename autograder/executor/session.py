"""The student's side: runs the cells of one notebook and answers requests about their names.

Once a cell has run, nothing in this process can be trusted any more. What it reports is read as
untrusted bytes, and who waits for it sets the limits that count; those set here only make an
honest mistake cheap.
"""

import builtins
import json
import os
import signal
import socket
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import torch

from autograder.executor import confine, wire
from autograder.executor.outputs import Outputs
from autograder.executor.shell import Shell
from autograder.executor.task import Task

Probe = Callable[[dict[str, Any], bytes], bytes]


class CellTimeout(BaseException):
    """The cell ran longer than it may. No `Exception`, so that `except Exception` lets it pass."""


def run(
    task: Task, requests: socket.socket, shell: Shell, probe: Probe, link: socket.socket
) -> None:
    """Send what kept it from starting (nothing), one report per cell, one per request."""
    try:
        _settle(task, shell, link.fileno(), requests.fileno())
    except Exception as error:
        wire.send(link, repr(error).encode())
        raise
    wire.send(link, b"")
    for number, source in task.cells:
        wire.send(link, _run_cell(shell, number, source, task))
    answer = partial(_answer, shell.user_ns, probe, requests)
    for _ in range(task.requests):
        wire.send(link, _answer_apart(answer, task, link))


def _settle(task: Task, shell: Shell, *sockets: int) -> None:
    """Take leave of the warm process and move into the task's folder."""
    os.setsid()  # one group, to be killed as one
    confine.die_with_parent()
    confine.close_inherited(*sockets)
    confine.limit_resources()
    work, home = (str(Path(task.folder, name)) for name in ("work", "home"))
    os.environ["HOME"] = os.environ["TMPDIR"] = tempfile.tempdir = home
    os.chdir(work)
    sys.path.insert(0, work)
    shell.folder = work + os.sep
    shell.take_streams()
    builtins.input = _no_input
    # Threads do not survive the fork that answers a problem: a matrix product there would wait
    # for ever for those that a cell, or the answer, had asked for. So asking has no effect.
    torch.set_num_threads = lambda nthreads: None
    # IPython's advice to leave by typing Ctrl-D.
    warnings.filterwarnings("ignore", message="To exit: use 'exit'")


def _run_cell(shell: Shell, number: int, source: str, task: Task) -> bytes:
    outputs = Outputs(task.limits.output_bytes)
    try:
        with _time_limit(task.limits.cell_seconds):
            error = shell.run(source, number, outputs)
        timeout = isinstance(error, CellTimeout)
    except CellTimeout:
        timeout = True
    report = {"outputs": outputs.finished(), "timeout": timeout}
    # Half a surrogate pair cannot be encoded: it becomes a question mark.
    return json.dumps(report, ensure_ascii=False).encode(errors="replace")


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> NoReturn:
        raise CellTimeout(f"the cell ran longer than {seconds:g} seconds")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _answer_apart(
    answer: Callable[[socket.socket], None], task: Task, link: socket.socket
) -> bytes:
    """Let a fork answer, so that whatever it does harms no other answer."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # a cell may have told the kernel to reap
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        try:
            ours.close()
            link.close()
            answer(theirs)
            os._exit(0)
        finally:
            os._exit(1)
    theirs.close()
    with ours:
        report = _await_answer(ours, task)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return report or b"c%d" % os.waitstatus_to_exitcode(status)


def _answer(
    namespace: dict[str, Any], probe: Probe, requests: socket.socket, session: socket.socket
) -> None:
    confine.die_with_parent()
    request = wire.receive(requests)  # only here, in the fork: no other problem may find it
    requests.close()
    wire.send(session, probe(namespace, request))


def _await_answer(child: socket.socket, task: Task) -> bytes | None:
    """The report on a problem, or None where its process ended without an answer."""
    deadline = time.monotonic() + task.limits.problem_seconds
    try:
        return b"a" + wire.receive(child, task.limits.answer_bytes, deadline)
    except TimeoutError:
        return b"t"
    except ValueError:
        return b"m"
    except EOFError:
        return None


def _no_input(prompt: object = "") -> NoReturn:
    raise RuntimeError("input() is not available while the notebook is graded")
