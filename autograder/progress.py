"""How far a run has come: a live line on a terminal, with what it found and the time left."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from autograder.grading import Outcome


class Progress:
    """A bar on standard error, with the number of problems of each status. A context manager."""

    def __init__(self, title: str, total: int) -> None:
        self._statuses: Counter[str] = Counter()
        self._bar = Bar(
            TextColumn("Grading {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[found]}"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(title, total=total, found="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def note(self, outcome: Outcome) -> None:
        """Count a submission that has its rows."""
        self._statuses.update(row.status for row in outcome.rows)
        if not outcome.is_new:
            self._statuses["unchanged submissions"] += 1
        found = " · ".join(f"{count} {status}" for status, count in self._statuses.most_common())
        self._bar.update(self._task, advance=1, found=found)
