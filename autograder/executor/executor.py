"""Run the cells of a notebook and ask its functions, where a submission can do no harm.

The trusted side. A warm process (`zygote`) forks a session per notebook; all that comes back is
bytes, of limited size, read with suspicion. It sees no expected value, only cells and requests.
"""

import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from autograder.executor.execution import (
    CellRun,
    Execution,
    Failure,
    Limits,
    ended_everything,
    read_answer,
    read_cell,
    read_failure,
    timed_out,
    too_much_output,
)
from autograder.executor.task import Task
from autograder.executor.warm_process import ExecutorError, WarmProcess, WarmProcessLostError


class Executor:
    """Runs one notebook after another. A context manager; not to be shared between threads.

    `probe` names, as "module:function", what answers a request from the notebook's names.
    """

    def __init__(self, probe: str = "autograder.probe:answer") -> None:
        self._probe = probe
        self._warm: WarmProcess | None = None

    def __enter__(self) -> Self:
        self._temporary = tempfile.TemporaryDirectory(
            prefix="autograder-", ignore_cleanup_errors=True
        )
        self._scratch = Path(self._temporary.name)
        try:
            self._warm = WarmProcess(self._probe, self._scratch)
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
    ) -> Execution:
        """Run all `cells` in a folder that holds `files`, then answer each of `requests`.

        What breaks its process is left out and the rest run again in a fresh one, within
        `limits.submission_seconds`. Where the warm process itself is lost twice, the notebook is
        held to have ended it, and what it has not answered has crashed.

        Raises:
            ValueError: a file name leads out of the folder.
            ExecutorError: the warm process cannot be had.
        """
        _check_names(files)
        progress = _Progress(cells, requests, limits)
        end = time.monotonic() + limits.submission_seconds
        losses = 0
        while not progress.finished and (seconds := end - time.monotonic()) > 0:
            try:
                self._attempt(progress, files, seconds)
            except WarmProcessLostError:
                losses += 1
                if losses == 2:
                    return progress.execution(ended_everything())
        return progress.execution(timed_out("notebook", limits.submission_seconds))

    def _attempt(self, progress: "_Progress", files: Mapping[str, bytes], seconds: float) -> None:
        """Take `progress` as far as one session goes."""
        if self._warm is None:
            self._warm = WarmProcess(self._probe, self._scratch)
        try:
            with _folder(self._scratch, files) as folder:
                task = progress.task(folder, seconds)
                progress.take(self._warm.perform(task, progress.open_requests()))
        except BaseException:
            self._stop()  # it may be in the middle of something
            raise

    def _stop(self) -> None:
        if self._warm is not None:
            self._warm.stop()
            self._warm = None


class _Progress:
    """What is known of one notebook after any number of attempts."""

    def __init__(self, cells: Sequence[str], requests: Mapping[str, bytes], limits: Limits) -> None:
        self._cells, self._requests, self._limits = cells, requests, limits
        self._runs: dict[int, CellRun] = {}
        self._answers: dict[str, bytes | Failure] = {}
        self._broken: set[int] = set()
        self._output_bytes = 0

    @property
    def finished(self) -> bool:
        return len(self._runs) == len(self._cells) and len(self._answers) == len(self._requests)

    def task(self, folder: str, seconds: float) -> Task:
        """All cells that broke nothing, from the first, and the requests without an answer."""
        self._runnable = [i for i in range(len(self._cells)) if i not in self._broken]
        self._open = [name for name in self._requests if name not in self._answers]
        cells = [(index + 1, self._cells[index]) for index in self._runnable]
        self._end = time.monotonic() + seconds
        return Task(folder, cells, len(self._open), self._limits, seconds)

    def open_requests(self) -> list[bytes]:
        """The requests of the last task."""
        return [self._requests[name] for name in self._open]

    def take(self, events: Iterable[bytes]) -> None:
        """Note what a session did; what it was at when it ended is broken."""
        steps: Iterator[int | str] = iter([*self._runnable, *self._open])
        for event in events:
            step = next(steps, None)
            if step is None or (event == b"t" and time.monotonic() >= self._end):
                return
            if event.startswith(b"r"):
                self._note(step, event[1:])
            elif isinstance(step, int):
                self._broken.add(step)
                failure = read_failure(event, "cell", self._limits.cell_seconds)
                self._runs[step] = CellRun([], failure)
            else:
                failure = read_failure(event, "problem", self._limits.problem_seconds)
                self._answers[step] = failure

    def _note(self, step: int | str, report: bytes) -> None:
        if isinstance(step, int):
            self._output_bytes += len(report)
            run = read_cell(report, self._limits)
            too_much = self._output_bytes > self._limits.outputs_bytes
            self._runs[step] = CellRun([too_much_output()], run.failure) if too_much else run
        else:
            self._answers[step] = read_answer(report, self._limits)

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


@contextmanager
def _folder(scratch: Path, files: Mapping[str, bytes]) -> Iterator[str]:
    """A fresh folder as `Task` wants it, removed afterwards whatever was done to it."""
    folder = tempfile.mkdtemp(dir=scratch)
    try:
        work = Path(folder, "work")
        for new in (work, Path(folder, "home")):
            new.mkdir()
        for name, content in files.items():
            (work / name).parent.mkdir(exist_ok=True)
            (work / name).write_bytes(content)
        yield folder
    finally:
        # Folders nested a thousand deep are too much for Python's own removal, not for this one.
        subprocess.run(["rm", "-rf", "--", folder], check=False, stderr=subprocess.DEVNULL)
