"""Which walls grading must have, and what is said where one cannot be had."""

import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.sandbox import bubblewrap
from autograder.sandbox.wall_error import WallError

VARIABLE = "AUTOGRADER_WITHOUT_WALLS"

_SECONDS = 60
_INHERITED = ("LD_LIBRARY_PATH", "PYTHONPATH")

_UNREADABLE = (
    " (as root, it runs there as another user, who must be allowed to read Python and the packages)"
)
# Where a system says that an ordinary user may make no namespaces: the file, what it then holds,
# and the name of the setting.
_FORBIDDEN = (
    ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "1"),
    ("/proc/sys/user/max_user_namespaces", "0", "10000"),
)


@dataclass(frozen=True)
class Walls:
    """The walls that student code must be behind: see `autograder.sandbox`."""

    outer: bool = True
    inner: bool = True

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Walls":
        """Both, but for those that AUTOGRADER_WITHOUT_WALLS names: `outer`, `inner`, or both.

        Raises:
            WallError: it names something else.
        """
        without = set(re.findall(r"[^\s,]+", environment.get(VARIABLE, "")))
        if unknown := sorted(without - {"outer", "inner"}):
            raise WallError(f"{VARIABLE} names {unknown[0]!r}: it may name `outer` and `inner`")
        return cls("outer" not in without, "inner" not in without)

    def check(self) -> None:
        """Try each of these walls.

        Raises:
            WallError: one cannot be had; says what is missing, and how to do without it.
        """
        for name, wanted, trial in (
            ("outer", self.outer, try_outer),
            ("inner", self.inner, try_inner),
        ):
            if wanted:
                try:
                    trial()
                except (WallError, OSError) as error:
                    raise WallError(_refusal(name, str(error))) from error


def try_outer() -> str:
    """Run Python behind the outer wall; raises a WallError that says why it cannot be done."""
    with tempfile.TemporaryDirectory(prefix="autograder-") as scratch:
        run_behind(["-c", "import autograder.sandbox"], Path(scratch))
    return "bubblewrap runs Python behind it"


def try_inner() -> str:
    """Put a fork behind the inner wall; raises a WallError that says why it cannot be done."""
    require_linux()
    from autograder.sandbox import trials  # it imports what Windows does not have

    with tempfile.TemporaryDirectory(prefix="autograder-") as scratch:
        return trials.in_fork(trials.whole_inner_wall, Path(scratch))


def run_behind(arguments: Sequence[str], scratch: Path) -> str:
    """What Python prints when it is run with `arguments` behind the outer wall.

    Raises:
        WallError: there is no such wall here, or Python fails behind it.
    """
    require_linux()
    python = [sys.executable, "-P", *arguments]
    command = bubblewrap.command(python, scratch=scratch)
    bubblewrap.hand_over(scratch)
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise WallError(f"Python does not end behind it within {_SECONDS} seconds") from error
    if done.returncode:
        raise WallError(_why(done.stderr))
    return done.stdout


def require_linux() -> None:
    """Raise a WallError unless this is Linux, with a kernel of its own."""
    if sys.platform != "linux":
        raise WallError(f"it is made by Linux, and this is {platform.system()}: see the Dockerfile")
    if platform.release().endswith("-Microsoft"):  # WSL 2 writes it small
        raise WallError("WSL 1 has no kernel of Linux: use WSL 2")


def _why(words: str) -> str:
    """What keeps bubblewrap from its work, from the system's settings or its own last words."""
    last = (words.strip().splitlines() or ["nothing"])[-1]
    if not last.startswith("bwrap:"):
        hint = _UNREADABLE if os.geteuid() == 0 else ""
        return f"Python fails behind it, and says: {last}{hint}"
    for path, forbidding, allowing in _FORBIDDEN:
        if Path(path).exists() and Path(path).read_text().strip() == forbidding:
            setting = path.removeprefix("/proc/sys/").replace("/", ".")
            return (
                f"this system forbids user namespaces ({setting} is {forbidding}): allow them with "
                f"`sudo sysctl {setting}={allowing}`"
            )
    return f"bubblewrap cannot make its namespaces (in a container, allow them), and says: {last}"


def _refusal(wall: str, why: str) -> str:
    return (
        f"The {wall} wall around student code cannot be had: {why}; or do without it, if you trust "
        f"the code, by --without-{wall}-wall or {VARIABLE}={wall}."
    )
