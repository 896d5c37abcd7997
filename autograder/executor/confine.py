"""What is asked of the kernel around student code. The walls of the sandbox will stand here too."""

import contextlib
import ctypes
import os
import resource
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_FILE_BYTES = 64 * 2**20
_DATA_BYTES = 4 * 2**30

_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own, so that none can hide."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Be killed when the parent ends, however it ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end_descendants() -> None:
    """Kill and reap every descendant of this process, which must have adopted the orphans."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while pids := children.read_text().split():
        for pid in pids:
            os.kill(int(pid), signal.SIGKILL)
        for _ in pids:
            os.wait()


def close_inherited(*keep: int) -> None:
    """Leave no file open but those to `keep`; standard input and output lead nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2 and descriptor not in keep:
            with contextlib.suppress(OSError):  # the one that listed the folder
                os.close(descriptor)


def limit_resources() -> None:
    """No core dumps, no huge files, and no more memory than a submission may need.

    Memory is limited as data relative to now: address space would count the arenas of threads,
    and a limit on resident memory does nothing on Linux.
    """
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, _FILE_BYTES)
    _lower(resource.RLIMIT_DATA, _data_bytes() + _DATA_BYTES)


def _lower(limit: int, value: int) -> None:
    """Lower a limit for good; one that is lower already stays."""
    _, hard = resource.getrlimit(limit)
    if hard == resource.RLIM_INFINITY or value < hard:
        resource.setrlimit(limit, (value, value))


def _data_bytes() -> int:
    """Bytes of data (heap, private anonymous memory) this process holds."""
    data_pages = int(Path("/proc/self/statm").read_text().split()[5])
    return data_pages * resource.getpagesize()
