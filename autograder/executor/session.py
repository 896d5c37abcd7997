"""The student's side: runs the cells of one notebook and answers requests about their names.

Once a cell has run, nothing in this process can be trusted any more. What it reports is read as
untrusted bytes, and who waits for it sets the limits that count; those set here only make an
honest mistake cheap.
"""

import builtins
import json
import os
import select
import signal
import socket
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import torch

from autograder.executor import confine, wire
from autograder.executor.execution import SERIAL_BYTES
from autograder.executor.outputs import Outputs
from autograder.executor.shell import Shell
from autograder.executor.task import Task
from autograder.sandbox import inner, limits, privileges

Probe = Callable[[dict[str, Any], bytes], bytes]


@dataclass(frozen=True)
class Side:
    """What a session brings from the warm process: `is_walled` is whether the inner wall is up."""

    probe: Probe
    shell: Shell
    is_walled: bool


class CellTimeout(BaseException):
    """The cell ran longer than it may. No `Exception`, so that `except Exception` lets it pass."""


def run(task: Task, requests: socket.socket, side: Side, link: socket.socket) -> None:
    """Send what kept it from starting (nothing), one report per cell, then what answers come."""
    try:
        _settle(task, side, link.fileno(), requests.fileno())
    except Exception as error:
        wire.send(link, repr(error).encode())
        raise
    wire.send(link, b"")
    for number, source in task.cells:
        wire.send(link, _run_cell(side.shell, number, source, task))
    answer = partial(_answer_all, side.shell.user_ns, side.probe, requests)
    while _is_asked(requests):
        _answer_apart(answer, task, link)


def _settle(task: Task, side: Side, *sockets: int) -> None:
    """Take leave of the warm process, move into the task's folder, and shut the door."""
    os.setsid()  # one group, to be killed as one
    confine.die_with_parent()
    confine.close_inherited(*sockets)
    work, home = (str(Path(task.folder, name)) for name in ("work", "home"))
    os.environ["HOME"] = os.environ["TMPDIR"] = tempfile.tempdir = home
    os.chdir(work)
    sys.path.insert(0, work)
    side.shell.folder = work + os.sep
    side.shell.take_streams()
    builtins.input = _no_input
    # Threads do not survive the fork that answers a problem: a matrix product there would wait
    # for ever for those that a cell, or the answer, had asked for. So asking has no effect.
    torch.set_num_threads = lambda nthreads: None
    # IPython's advice to leave by typing Ctrl-D.
    warnings.filterwarnings("ignore", message="To exit: use 'exit'")
    if side.is_walled:
        inner.enter([Path(task.folder)])
    else:
        limits.lower()


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


def _is_asked(requests: socket.socket) -> bool:
    """Wait for a request, and leave it unread; False where none comes any more."""
    poll = select.poll()
    poll.register(requests, select.POLLIN | select.POLLRDHUP)
    return not any(event & select.POLLRDHUP for _, event in poll.poll())


def _answer_apart(
    answer_all: Callable[[socket.socket], None], task: Task, link: socket.socket
) -> None:
    """Let a fork answer, so that whatever it does leaves the state after the cells as it is."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # a cell may have told the kernel to reap
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        try:
            ours.close()
            link.close()
            answer_all(theirs)
            os._exit(0)
        finally:
            os._exit(1)
    theirs.close()
    with ours:
        end = _pass_answers_on(ours, task, link)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    wire.send(link, end or b"c%d" % os.waitstatus_to_exitcode(status))


def _answer_all(
    namespace: dict[str, Any], probe: Probe, requests: socket.socket, session: socket.socket
) -> None:
    """Answer one request after the other, until an empty one."""
    confine.die_with_parent()
    privileges.hide()  # from what an earlier answer, or a cell, may have left behind
    while frame := wire.receive(requests):  # only here, in the fork: the cells never had it
        serial, request = frame[:SERIAL_BYTES], frame[SERIAL_BYTES:]
        wire.send(session, serial + probe(namespace, request))


def _pass_answers_on(child: socket.socket, task: Task, link: socket.socket) -> bytes | None:
    """Report each answer; how it ended where that was not by the end of the child's process."""
    try:
        while True:
            deadline = time.monotonic() + task.limits.problem_seconds
            limit = task.limits.answer_bytes + SERIAL_BYTES
            wire.send(link, b"a" + wire.receive(child, limit, deadline))
    except TimeoutError:
        return b"t"
    except ValueError:
        return b"m"
    except EOFError:
        return None


def _no_input(prompt: object = "") -> NoReturn:
    raise RuntimeError("input() is not available while the notebook is graded")
