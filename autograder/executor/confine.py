"""Processes that end when they should, with all that they have started."""

import contextlib
import ctypes
import os
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own, so that none can hide."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Be killed when the parent ends, however it ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end_strays(known: set[int]) -> set[int]:
    """Kill and reap every descendant of this process, which must have adopted the orphans.

    Children that are `known` live on, with what descends from them; those of them that had ended
    are returned.
    """
    ended = set()
    while pid := _ended():
        ended.add(pid)
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while strays := {int(pid) for pid in children.read_text().split()} - known:
        for pid in strays:
            os.kill(pid, signal.SIGKILL)
        for pid in strays:
            os.waitpid(pid, 0)
    return ended & known


def _ended() -> int:
    """A child that has ended and was not reaped yet, 0 where there is none."""
    try:
        return os.waitpid(-1, os.WNOHANG)[0]
    except ChildProcessError:
        return 0


def close_inherited(*keep: int) -> None:
    """Leave no file open but those to `keep`; standard input and output lead nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2 and descriptor not in keep:
            with contextlib.suppress(OSError):  # the one that listed the folder
                os.close(descriptor)
