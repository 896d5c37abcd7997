"""The warm process: imports what is slow once, then forks one session per task and guards it.

Started by `WarmProcess` as `python -P -m autograder.executor.zygote <socket> <probe>`. It runs no
student code and knows no secret. It has one thread, always: a fork copies only the thread that
forks, and children of a process with more hang on the locks and pools of those that are gone.
"""

import gc
import os
import pkgutil
import signal
import socket
import sys
import time

import einops
import matplotlib.pyplot as plt
import torch

from autograder.executor import confine, session, wire
from autograder.executor.outputs import Outputs
from autograder.executor.shell import Shell
from autograder.executor.task import Task

READY = b"ready"
# How long a session may take before it runs the first cell.
_START_SECONDS = 30.0
# How long past its limit a session may take to notice by itself.
_GRACE_SECONDS = 1.0

_WARM_UP_CELL = """
import matplotlib.pyplot as plt
plt.plot([0, 1])
plt.show()
1 / 0
"""


def main(descriptor: str, probe_name: str) -> None:
    """Serve tasks until the executor closes its end."""
    executor = socket.socket(fileno=int(descriptor))
    confine.adopt_orphans()
    probe = pkgutil.resolve_name(probe_name)
    shell = warm_up()
    wire.send(executor, READY)
    while True:
        try:
            task, requests = Task.receive(executor)
        except EOFError:
            os._exit(0)  # a regular exit would cost half a second with torch
        with requests:
            serve(task, requests, shell, probe, executor)


def warm_up() -> Shell:
    """Do once what is slow the first time. No matrix product large enough to want threads."""
    torch.set_num_threads(1)
    ones = torch.ones(4, 4, requires_grad=True)
    (ones @ ones).sum().backward()
    torch.testing.assert_close(ones, ones.detach().clone(), check_stride=False)
    einops.rearrange(ones, "a b -> b a")
    shell = Shell.create()
    shell.run(_WARM_UP_CELL, 1, Outputs(0))
    plt.close("all")
    shell.forget()
    gc.collect()
    gc.freeze()  # else the first collection in a child would copy every page
    return shell


def serve(
    task: Task,
    requests: socket.socket,
    shell: Shell,
    probe: session.Probe,
    executor: socket.socket,
) -> None:
    """Fork a session for `task`, pass its reports on, and end with how it ended."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        try:
            executor.close()
            ours.close()
            session.run(task, requests, shell, probe, theirs)
            os._exit(0)
        finally:
            os._exit(1)
    theirs.close()
    requests.close()
    with ours:
        _await_start(ours)
        end = _relay(task, ours, executor)
    exit_code = _end_session(child)
    wire.send(executor, end or b"c%d" % exit_code)


def _await_start(child: socket.socket) -> None:
    """Wait until student code may run. If it never may, that is no fault of the student's: end."""
    reason = wire.receive(child, deadline=time.monotonic() + _START_SECONDS)
    if reason:
        raise RuntimeError(f"a session could not be prepared: {reason.decode()}")


def _relay(task: Task, child: socket.socket, executor: socket.socket) -> bytes | None:
    """Pass reports on until they are all there; how it ended, None where the session did."""
    limits = task.limits
    steps = [limits.cell_seconds] * len(task.cells)
    steps += [limits.problem_seconds] * task.requests
    end = time.monotonic() + task.seconds
    try:
        for seconds in steps:
            deadline = min(time.monotonic() + seconds + _GRACE_SECONDS, end)
            report = wire.receive(child, limits.report_bytes, deadline)
            wire.send(executor, b"r" + report)
    except TimeoutError:
        return b"t"
    except ValueError:
        return b"m"
    except EOFError:
        return None
    return b"e"


def _end_session(child: int) -> int:
    """Kill whatever is left of a session, and say how its first process ended."""
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child, signal.SIGKILL)  # not its own group yet
    _, status = os.waitpid(child, 0)
    confine.end_descendants()
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
