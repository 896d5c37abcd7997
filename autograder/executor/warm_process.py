"""The trusted side's handles on the warm process (`zygote`), its workers, and their sessions."""

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from autograder.errors import MendableError
from autograder.executor import wire
from autograder.executor.execution import SERIAL_BYTES, Failure, read_answer
from autograder.executor.task import Task
from autograder.sandbox import Walls, bubblewrap

_START_SECONDS = 120.0
# How long past its limit a session may take to say so, and how long a worker may take to end it.
_ANSWER_GRACE_SECONDS = 2.0
_GRACE_SECONDS = 10.0
_EXIT_SECONDS = 5.0
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH")


class ExecutorError(MendableError):
    """Notebooks cannot be run, through no fault of theirs; says why and what to do."""


class WorkerLostError(Exception):
    """A worker ended, or fell silent, while a notebook ran."""


class SessionEndedError(Exception):
    """A session ended before it had done what it was asked; `event` says how, see `worker`."""

    def __init__(self, event: bytes) -> None:
        super().__init__(event)
        self.event = event


class WarmProcess:
    """One running `zygote`, which several threads may ask for workers."""

    def __init__(self, probe: str, scratch: Path, walls: Walls) -> None:
        if sys.platform != "linux":
            raise ExecutorError("Notebooks can be graded on Linux only: use it, or WSL 2.")
        self._log, self._lock = scratch / "warm.log", Lock()
        self._link, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "autograder.executor.zygote"]
        command += [str(theirs.fileno()), probe, "walled" if walls.inner else "open"]
        own = scratch / "warm"
        own.mkdir(exist_ok=True)
        if walls.outer:
            command = bubblewrap.command(command, scratch=scratch)
            bubblewrap.hand_over(own)
        with theirs, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(own),
                cwd=scratch,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # a Ctrl-C in the terminal is for us alone
            )
        try:
            wire.receive(self._link, deadline=time.monotonic() + _START_SECONDS)
        except (EOFError, OSError) as error:
            self.stop()
            raise self._error("could not start") from error

    def worker(self) -> "Worker":
        """A new worker.

        Raises:
            ExecutorError: the warm process has ended.
        """
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            try:
                wire.send_socket(self._link, theirs)
            except OSError as error:
                ours.close()
                raise self._error("has ended") from error
        return Worker(ours)

    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process, and with it its workers and what they run."""
        self._link.close()  # which it takes for the end
        try:
            self._process.wait(timeout=_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _error(self, what: str) -> ExecutorError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_EXIT_SECONDS)  # it may be on its way out, with a reason
        lines = self._log.read_text(errors="replace").strip().splitlines()
        said = f" Its last words: {lines[-1]}" if lines else ""
        return ExecutorError(
            f"The process that runs notebooks {what} (exit status {self._process.returncode})."
            f"{said} See that `{sys.executable} -P -m autograder.executor.zygote` finds all that it"
            " imports and that memory is left, then run again."
        )


class Worker:
    """One fork of the warm process, which runs one session after another."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def begin(self, task: Task) -> "Session":
        """Begin a session. It must be closed before the next one begins.

        Raises:
            WorkerLostError: the worker has ended.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                task.send(self._link, theirs, time.monotonic() + _GRACE_SECONDS)
            except OSError as error:
                ours.close()
                raise WorkerLostError from error
        return Session(task, self._link, ours)

    def stop(self) -> None:
        """Let it end; it takes its session with it."""
        self._link.close()


class Session:
    """A notebook at work: its cells run, then it answers. A context manager.

    Raises WorkerLostError from every method, after which the worker is of no use any more, and
    SessionEndedError where the session is over before it has done what was asked.
    """

    def __init__(self, task: Task, link: socket.socket, requests: socket.socket) -> None:
        self._task, self._link, self._requests = task, link, requests
        self._end = time.monotonic() + task.seconds + _GRACE_SECONDS
        self._serial, self._is_over = 0, False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._requests.close()  # nothing more is wanted
        deadline = time.monotonic() + _GRACE_SECONDS
        while kind is not WorkerLostError and not self._is_over:
            try:
                self._event(deadline)
            except TimeoutError as silence:
                raise WorkerLostError from silence

    def cell(self) -> bytes:
        """The report on the next cell."""
        return self._report(self._end)

    def ask(self, request: bytes) -> bytes | Failure:
        """The answer to a request, by the process that answered the one before, if it lives."""
        limits = self._task.limits
        seconds = limits.problem_seconds + _ANSWER_GRACE_SECONDS
        deadline = min(time.monotonic() + seconds, self._end)
        self._serial += 1
        serial = self._serial.to_bytes(SERIAL_BYTES)
        self._send(serial + request, deadline)
        while True:
            answer = read_answer(self._report(deadline), limits)
            if isinstance(answer, Failure):
                return answer
            if answer.startswith(serial):  # else asked before, of a process that had ended
                return answer[SERIAL_BYTES:]

    def renew(self) -> None:
        """Let the process that answers end: the next request is answered by a fresh one."""
        deadline = time.monotonic() + _GRACE_SECONDS
        self._send(b"", deadline)
        while self._report(deadline).startswith(b"a"):
            pass

    def _send(self, frame: bytes, deadline: float) -> None:
        """Send, unless the session is gone or does not listen: its end will tell."""
        with suppress(OSError):
            wire.send(self._requests, frame, deadline)

    def _report(self, deadline: float) -> bytes:
        try:
            event = self._event(deadline)
        except TimeoutError as error:  # it has stopped itself, for one
            raise SessionEndedError(b"t") from error
        if event.startswith(b"x"):
            raise ExecutorError(f"a session could not be prepared: {event[1:].decode()}")
        if self._is_over:
            raise SessionEndedError(event)
        return event[1:]

    def _event(self, deadline: float) -> bytes:
        try:
            event = wire.receive(self._link, self._task.limits.report_bytes + 1, deadline)
        except TimeoutError:
            raise
        except (EOFError, OSError, ValueError) as error:
            raise WorkerLostError from error
        self._is_over = not event.startswith(b"r")
        return event


def _environment(own: Path) -> dict[str, str]:
    """A minimal environment: what holds no secret of ours is named here, one by one.

    own: the folder that the warm process may write to.
    """
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | {
        "HOME": str(own),
        "USER": "student",  # behind the wall there is no list of users to look it up in
        "IPYTHONDIR": str(own / "ipython"),
        "MPLCONFIGDIR": str(own / "matplotlib"),
        "LANG": "C.UTF-8",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MKL_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
