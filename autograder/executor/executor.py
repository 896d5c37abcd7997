"""Run the cells of a notebook and ask its functions, where a submission can do no harm.

The trusted side. A warm process (`zygote`) forks workers, and a worker a session per notebook; all
that comes back is bytes, of limited size, read with suspicion. It sees no expected value, only
cells and requests.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from threading import Lock
from types import TracebackType
from typing import Self

from autograder.executor.execution import (
    CellRun,
    Execution,
    Failure,
    Limits,
    ended_everything,
    read_cell,
    read_failure,
    timed_out,
    too_much_output,
)
from autograder.executor.task import Task
from autograder.executor.warm_process import (
    ExecutorError,
    Session,
    SessionEndedError,
    WarmProcess,
    Worker,
    WorkerLostError,
)
from autograder.sandbox import Walls, bubblewrap

IsSettled = Callable[[str, bytes], bool]
"""Whether the answer to a request (by its name) needs no second opinion."""


class Executor:
    """Runs notebooks, as many at a time as threads call `run`. A context manager.

    `walls` are those that notebooks must be behind. `probe` names, as "module:function", what
    answers a request from the notebook's names.
    """

    def __init__(self, walls: Walls, probe: str = "autograder.probe:answer") -> None:
        self._walls, self._probe = walls, probe
        self._lock = Lock()
        self._warm: WarmProcess | None = None
        self._idle: list[Worker] = []

    def __enter__(self) -> Self:
        """Start the warm process.

        Raises:
            WallError: a wall cannot be had on this machine.
            ExecutorError: the warm process cannot be had.
        """
        self._walls.check()
        self._temporary = tempfile.TemporaryDirectory(
            prefix="autograder-", ignore_cleanup_errors=True
        )
        self._scratch = Path(self._temporary.name)
        self._scratch.chmod(0o711)  # no submission may list or change it, whoever it runs as
        try:
            self._warm = WarmProcess(self._probe, self._scratch, self._walls)
        except ExecutorError:
            self._temporary.cleanup()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        self._temporary.cleanup()

    def run(
        self,
        cells: Sequence[str],
        requests: Mapping[str, bytes],
        files: Mapping[str, bytes],
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        is_settled: IsSettled = lambda name, answer: True,
    ) -> Execution:
        """Run all `cells` in a folder that holds `files`, then answer each of `requests` in turn.

        Cells run once. The requests are answered by one fork of the state after the cells; one that
        breaks it, or whose answer is not settled, is asked again as the first of a fresh fork, and
        that answer stands. No request is in reach before all those before it are answered.

        What breaks the session itself is left out and the rest run again in a fresh one, within
        `limits.submission_seconds`. Where the worker is lost twice, the notebook is held to have
        ended it, and what it has not answered has crashed.

        Raises:
            ValueError: a file name leads out of the folder.
            ExecutorError: notebooks cannot be run here.
        """
        _check_names(files)
        progress = _Progress(cells, requests, limits, is_settled)
        losses = 0
        while not progress.is_finished and progress.seconds > 0:
            try:
                with self._worker() as worker, self._folder(files) as folder:
                    progress.advance(worker, folder)
            except WorkerLostError:
                losses += 1
                if losses == 2:
                    return progress.execution(ended_everything())
        return progress.execution(timed_out("notebook", limits.submission_seconds))

    @contextmanager
    def _folder(self, files: Mapping[str, bytes]) -> Iterator[str]:
        """A fresh folder as `Task` wants it, removed afterwards whatever was done to it."""
        folder = tempfile.mkdtemp(dir=self._scratch)
        try:
            work = Path(folder, "work")
            for new in (work, Path(folder, "home")):
                new.mkdir()
            for name, content in files.items():
                (work / name).parent.mkdir(exist_ok=True)
                (work / name).write_bytes(content)
            if self._walls.outer:
                bubblewrap.hand_over(Path(folder))
            yield folder
        finally:
            _remove(folder)

    @contextmanager
    def _worker(self) -> Iterator[Worker]:
        """An idle worker, or a new one; after an error it is not used again."""
        with self._lock:
            worker = self._next_worker()
        try:
            yield worker
        except BaseException:
            worker.stop()  # it may be in the middle of something
            raise
        with self._lock:
            self._idle.append(worker)

    def _next_worker(self) -> Worker:
        if self._warm is None or not self._warm.is_running():
            self._stop()
            self._warm = WarmProcess(self._probe, self._scratch, self._walls)
        return self._idle.pop() if self._idle else self._warm.worker()

    def _stop(self) -> None:
        while self._idle:
            self._idle.pop().stop()
        if self._warm is not None:
            self._warm.stop()
            self._warm = None


class _Progress:
    """What is known of one notebook after any number of sessions."""

    def __init__(
        self,
        cells: Sequence[str],
        requests: Mapping[str, bytes],
        limits: Limits,
        is_settled: IsSettled,
    ) -> None:
        self._cells, self._requests, self._limits = cells, requests, limits
        self._is_settled = is_settled
        self._end = time.monotonic() + limits.submission_seconds
        self._runs: dict[int, CellRun] = {}
        self._broken: set[int] = set()
        self._answers: dict[str, bytes | Failure] = {}
        self._output_bytes = 0

    @property
    def seconds(self) -> float:
        """What is left of the notebook's time."""
        return self._end - time.monotonic()

    @property
    def is_finished(self) -> bool:
        return len(self._runs) == len(self._cells) and len(self._answers) == len(self._requests)

    def advance(self, worker: Worker, folder: str) -> None:
        """As far as one session goes: all cells that broke none, then what is not answered."""
        runnable = [i for i in range(len(self._cells)) if i not in self._broken]
        cells = [(index + 1, self._cells[index]) for index in runnable]
        task = Task(folder, cells, self._limits, self.seconds)
        with worker.begin(task) as session, suppress(SessionEndedError):
            for index in runnable:
                self._run_cell(session, index)
            self._ask(session)

    def _run_cell(self, session: Session, index: int) -> None:
        try:
            report = session.cell()
        except SessionEndedError as ended:
            if self.seconds > 0:
                failure = read_failure(ended.event, "cell", self._limits.cell_seconds)
                self._runs[index] = CellRun([], failure)
                self._broken.add(index)
            raise
        self._output_bytes += len(report)
        run = read_cell(report, self._limits)
        too_much = self._output_bytes > self._limits.outputs_bytes
        self._runs[index] = CellRun([too_much_output()], run.failure) if too_much else run

    def _ask(self, session: Session) -> None:
        """Ask what is open, in as few processes as there can be."""
        is_first = True
        for name in [name for name in self._requests if name not in self._answers]:
            answer = self._answer(session, name)
            if not is_first and not self._is_good(name, answer):
                # What was asked before may be to blame: once more, as the first of a process.
                if isinstance(answer, bytes):
                    session.renew()
                answer = self._answer(session, name)
            self._answers[name] = answer
            is_first = isinstance(answer, Failure)  # which has ended the process

    def _answer(self, session: Session, name: str) -> bytes | Failure:
        try:
            return session.ask(self._requests[name])
        except SessionEndedError as ended:
            if self.seconds > 0:
                seconds = self._limits.problem_seconds
                self._answers[name] = read_failure(ended.event, "problem", seconds)
            raise

    def _is_good(self, name: str, answer: bytes | Failure) -> bool:
        return isinstance(answer, bytes) and self._is_settled(name, answer)

    def execution(self, rest: Failure) -> Execution:
        """Everything that is known, and `rest` for what is not."""
        runs = (self._runs.get(index, CellRun([], rest)) for index in range(len(self._cells)))
        answers = {name: self._answers.get(name, rest) for name in self._requests}
        return Execution(tuple(runs), answers)


def _check_names(files: Mapping[str, bytes]) -> None:
    for name in files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or len(path.parts) not in (1, 2):
            raise ValueError(f"{name!r} is no name of a file in the folder or one below it")


def _remove(folder: str) -> None:
    try:
        shutil.rmtree(folder)
    except (OSError, RecursionError):  # folders nested a thousand deep, or still being filled
        subprocess.run(["rm", "-rf", "--", folder], check=False, stderr=subprocess.DEVNULL)
