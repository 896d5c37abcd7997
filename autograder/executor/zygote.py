"""The warm process: imports what is slow once, then forks a worker whenever one is asked for.

Started by `WarmProcess` as `python -P -m autograder.executor.zygote SOCKET PROBE WALL`, behind the
outer wall; WALL is "walled" if sessions go behind the inner one. It runs no student code and knows
no secret. It has one thread, always: a fork copies only the thread that
forks, and children of a process with more hang on the locks and pools of those that are gone.
"""

import gc
import os
import pkgutil
import socket
import sys

import einops
import matplotlib.pyplot as plt
import torch

import autograder.checking  # noqa: F401 (what every notebook of the course imports first)
from autograder import probe as stock_probe
from autograder.executor import confine, session, wire, worker
from autograder.executor.outputs import Outputs
from autograder.executor.shell import Shell
from autograder.sandbox import inner, tensors

READY = b"ready"

_WARM_UP_CELL = """
import matplotlib.pyplot as plt
plt.plot([0, 1])
plt.show()
1 / 0
"""


def main(descriptor: str, probe_name: str, wall: str) -> None:
    """Fork a worker for every socket that comes, until the executor closes its end."""
    executor = socket.socket(fileno=int(descriptor))
    confine.adopt_orphans()
    side = session.Side(pkgutil.resolve_name(probe_name), warm_up(), is_walled=wall == "walled")
    inner.prepare()
    wire.send(executor, READY)
    workers: set[int] = set()
    while True:
        try:
            link = wire.receive_socket(executor)
        except EOFError:
            os._exit(0)  # a regular exit would cost half a second with torch
        workers -= confine.end_strays(workers)
        with link:
            workers.add(_fork_worker(link, executor, side))


def _fork_worker(link: socket.socket, executor: socket.socket, side: session.Side) -> int:
    child = os.fork()
    if child == 0:
        try:
            executor.close()
            worker.main(link, side)
        finally:
            os._exit(1)
    return child


def warm_up() -> Shell:
    """Do once what is slow the first time. No matrix product large enough to want threads."""
    torch.set_num_threads(1)
    tensors.pass_by_value()
    ones = torch.ones(4, 4, requires_grad=True)
    (ones @ ones).sum().backward()
    torch.testing.assert_close(ones, ones.detach().clone(), check_stride=False)
    einops.rearrange(ones, "a b -> b a")
    stock_probe.rehearse()
    shell = Shell.create()
    shell.run(_WARM_UP_CELL, 1, Outputs(0))
    plt.close("all")
    shell.forget()
    gc.collect()
    gc.freeze()  # else the first collection in a child would copy every page
    return shell


if __name__ == "__main__":
    main(*sys.argv[1:])
