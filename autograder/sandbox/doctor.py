"""Which walls this machine can hold, and what is missing: every part is tried."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from autograder.sandbox import bubblewrap
from autograder.sandbox.wall_error import WallError
from autograder.sandbox.walls import require_linux, run_behind, try_inner, try_outer


@dataclass(frozen=True)
class Finding:
    """One part of a wall, whether it holds here, and a sentence about it."""

    name: str
    held: bool
    says: str


def examine() -> list[Finding]:
    """Try both walls, each first as a whole and then in its parts; that takes about a second."""
    try:
        require_linux()
    except WallError as error:
        return [Finding("Linux", False, str(error))]
    outer, inner = list(_outer()), list(_inner())
    if any(finding.name == _PROCESS_LIMIT and finding.held for finding in outer):
        # Grading does it there, where it holds for root too.
        inner = [finding for finding in inner if finding.name != _PROCESS_LIMIT]
    return outer + inner


def as_dicts(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """The findings as JSON takes them."""
    return [asdict(finding) for finding in findings]


def as_table(findings: Sequence[Finding]) -> str:
    """The findings as text, one a line."""
    width = max(len(finding.name) for finding in findings)
    return "\n".join(
        f"{'yes' if finding.held else 'NO ':3}  {finding.name:{width}}  {finding.says}"
        for finding in findings
    )


_PROCESS_LIMIT = "process limit"


def _outer() -> Iterator[Finding]:
    yield _found("outer wall", try_outer)
    yield _found("bubblewrap", _which)
    yield from _behind()


def _which() -> str:
    path = bubblewrap.binary()
    return f"{path}, version {bubblewrap.version(path)}"


def _behind() -> Iterator[Finding]:
    from autograder.sandbox import trials

    with tempfile.TemporaryDirectory(prefix="autograder-") as folder:
        scratch = Path(folder, "scratch")
        scratch.mkdir()
        try:
            with trials.Outside.built(Path(folder)) as outside:
                arguments = ["-m", "autograder.sandbox.trials", trials.told(outside)]
                said = json.loads(run_behind(arguments, scratch))
        except WallError:
            said = dict.fromkeys(trials.BEHIND, (False, "not tried: there is no outer wall"))
    for name, (held, sentence) in said.items():
        yield Finding(name, held, sentence)


def _inner() -> Iterator[Finding]:
    from autograder.sandbox import trials

    yield _found("inner wall", try_inner)
    parts: dict[str, Callable[[Path], str]] = {
        "no new privileges": trials.no_new_privileges,
        "Landlock": trials.files_and_signals,
        "seccomp": trials.system_calls,
        "memory limit": trials.memory,
        _PROCESS_LIMIT: trials.process_limit,
    }
    with tempfile.TemporaryDirectory(prefix="autograder-") as folder:
        scratch = Path(folder, "scratch")
        scratch.mkdir()
        Path(folder, "canary").write_text("seen")
        for name, trial in parts.items():
            yield _found(name, partial(trials.in_fork, trial, scratch))


def _found(name: str, trial: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, trial())
    except (WallError, OSError) as error:
        return Finding(name, False, str(error))
