"""Forks a session per task, guards it, and passes its reports on. A fork of the warm process."""

import os
import select
import signal
import socket
import time

from autograder.executor import confine, session, wire
from autograder.executor.task import Task

# How long a session may take before it runs the first cell.
_START_SECONDS = 30.0
# How long past its limit a session may take to notice by itself.
_GRACE_SECONDS = 1.0


def main(executor: socket.socket, side: session.Side) -> None:
    """Serve tasks until the executor closes its end."""
    confine.die_with_parent()
    confine.adopt_orphans()
    while True:
        try:
            task, requests = Task.receive(executor)
        except EOFError:
            os._exit(0)
        with requests:
            serve(task, requests, side, executor)


def serve(task: Task, requests: socket.socket, side: session.Side, executor: socket.socket) -> None:
    """Fork a session for `task`, pass its reports on, each after an `r`, then say how it ended.

    `e`: nothing more was wanted; `t`: a report came too late; `m`: it was no report; `c` and an
    exit code: the session ended by itself; `x` and a reason: it could not begin.
    """
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        try:
            executor.close()
            ours.close()
            session.run(task, requests, side, theirs)
            os._exit(0)
        finally:
            os._exit(1)
    theirs.close()
    with ours:
        end = _hindrance(ours) or _relay(task, requests, ours, executor)
    exit_code = _end_session(child)
    wire.send(executor, end or b"c%d" % exit_code)


def _hindrance(child: socket.socket) -> bytes:
    """Wait until student code may run; why it never may, which is no fault of the student's."""
    try:
        reason = wire.receive(child, deadline=time.monotonic() + _START_SECONDS)
    except (EOFError, TimeoutError) as error:
        reason = repr(error).encode()
    return reason and b"x" + reason


def _relay(
    task: Task, requests: socket.socket, child: socket.socket, executor: socket.socket
) -> bytes | None:
    """Pass reports on while they are wanted; how it ended, None where the session did."""
    end = time.monotonic() + task.seconds
    try:
        for _ in task.cells:
            deadline = min(time.monotonic() + task.limits.cell_seconds + _GRACE_SECONDS, end)
            _pass_on(task, child, executor, deadline)
        while _is_wanted(requests, child, end):
            _pass_on(task, child, executor, end)
    except TimeoutError:
        return b"t"
    except ValueError:
        return b"m"
    except EOFError:
        return None
    return b"e"


def _pass_on(task: Task, child: socket.socket, executor: socket.socket, deadline: float) -> None:
    wire.send(executor, b"r" + wire.receive(child, task.limits.report_bytes, deadline))


def _is_wanted(requests: socket.socket, child: socket.socket, end: float) -> bool:
    """Wait for the next report; False where the executor has closed the socket of requests.

    How long an answer may take is for the session, and for who asks, to say: only they know what
    is asked.
    """
    poll = select.poll()
    poll.register(requests, select.POLLRDHUP)
    poll.register(child, select.POLLIN)
    seconds = max(0.0, end - time.monotonic())
    ready = dict(poll.poll(1000 * seconds))
    if not ready:
        raise TimeoutError("the notebook has had its time")
    return requests.fileno() not in ready


def _end_session(child: int) -> int:
    """Kill whatever is left of a session, and say how its first process ended."""
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child, signal.SIGKILL)  # not its own group yet
    _, status = os.waitpid(child, 0)
    confine.end_strays(set())
    return os.waitstatus_to_exitcode(status)
