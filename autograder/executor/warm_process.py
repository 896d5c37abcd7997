"""The trusted side's handle on the warm process (`zygote`): start it, give it tasks, end it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, repeat
from pathlib import Path

from autograder.errors import MendableError
from autograder.executor import wire
from autograder.executor.task import Task

_START_SECONDS = 120.0
# How long past its limit the warm process may take to end a session.
_GRACE_SECONDS = 10.0
_EXIT_SECONDS = 5.0
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH")


class ExecutorError(MendableError):
    """Notebooks cannot be run, through no fault of theirs; says why and what to do."""


class WarmProcessLostError(ExecutorError):
    """The warm process was killed while a notebook ran."""


class WarmProcess:
    """One running `zygote`. Any exception from here leaves it unfit for another task."""

    def __init__(self, probe: str, scratch: Path) -> None:
        if sys.platform != "linux":
            raise ExecutorError("Notebooks can be graded on Linux only: use it, or WSL 2.")
        self._log = scratch / "warm.log"
        self._link, theirs = socket.socketpair()
        command = [
            sys.executable,
            "-P",
            "-m",
            "autograder.executor.zygote",
            str(theirs.fileno()),
            probe,
        ]
        with theirs, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(scratch),
                cwd=scratch,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # a Ctrl-C in the terminal is for us alone
            )
        try:
            wire.receive(self._link, deadline=time.monotonic() + _START_SECONDS)
        except (EOFError, OSError) as error:
            self.stop()
            raise ExecutorError(self._explain("could not start")) from error

    def perform(self, task: Task, requests: Sequence[bytes]) -> Iterator[bytes]:
        """Yield the reports of `task`'s session, then how it ended: see `zygote`.

        Each request is sent when all steps before it are done.
        """
        deadline = time.monotonic() + task.seconds + _GRACE_SECONDS
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                task.send(self._link, theirs, deadline)
            with ours:
                for request in chain(repeat(None, len(task.cells)), requests, repeat(None)):
                    if request is not None:
                        _ask(ours, request, task)
                    event = wire.receive(self._link, task.limits.report_bytes + 1, deadline)
                    yield event
                    if not event.startswith(b"r"):
                        return
        except (EOFError, OSError, ValueError) as error:
            raise self._lost() from error

    def _lost(self) -> ExecutorError:
        """What it means that the process went: killed, a notebook may have done it; else not."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_EXIT_SECONDS)  # it may be on its way out, with a reason
        self.stop()
        kind = WarmProcessLostError if self._process.returncode < 0 else ExecutorError
        return kind(self._explain("ended during a task"))

    def stop(self) -> None:
        """End the process, and with it what it runs."""
        self._link.close()
        self._process.kill()
        self._process.wait()

    def _explain(self, what: str) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        said = f" Its last words: {lines[-1]}" if lines else ""
        return (
            f"The process that runs notebooks {what} (exit status {self._process.returncode})."
            f"{said} See that `{sys.executable} -P -m autograder.executor.zygote` finds all that it"
            " imports and that memory is left, then run again."
        )


def _ask(session: socket.socket, request: bytes, task: Task) -> None:
    """Send a request, unless the session is gone or does not listen: its end will tell."""
    deadline = time.monotonic() + task.limits.problem_seconds + _GRACE_SECONDS
    with suppress(OSError):
        wire.send(session, request, deadline)


def _environment(scratch: Path) -> dict[str, str]:
    """A minimal environment: what holds no secret of ours is named here, one by one."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | {
        "HOME": str(scratch),
        "IPYTHONDIR": str(scratch / "ipython"),
        "MPLCONFIGDIR": str(scratch / "matplotlib"),
        "LANG": "C.UTF-8",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MKL_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
