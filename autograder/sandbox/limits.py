"""What one process of a notebook may take of the machine: rlimits, lowered for good."""

import os
import resource
from contextlib import suppress
from pathlib import Path

_FILE_BYTES = 64 * 2**20
DATA_BYTES = 4 * 2**30
_ADDRESS_BYTES = 8 * 2**30  # data, and what 64 threads reserve but do not use
_OPEN_FILES = 4096
_MORE_PROCESSES = 64  # threads count too


def lower() -> None:
    """No core dumps or huge files, no more memory and processes than a notebook may need.

    Memory is limited as data relative to now, for a limit on resident memory does nothing on Linux.
    Shared memory is no data: that is what the wider limit on address space is for. Linux exempts
    root from the limit on processes.

    Raises:
        OSError: the kernel refuses.
    """
    address, data = _bytes_now()
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, _FILE_BYTES)
    _lower(resource.RLIMIT_DATA, data + DATA_BYTES)
    _lower(resource.RLIMIT_AS, address + _ADDRESS_BYTES)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_NPROC, _own_threads() + more_processes())


def be_first_to_die() -> None:
    """Where memory runs out all the same, let this process and its forks go before the grader.

    Raises:
        OSError: the kernel refuses.
    """
    Path("/proc/self/oom_score_adj").write_text("1000")


def more_processes() -> int:
    """How many processes and threads may be started: some, and two for each processor.

    multiprocessing.Pool starts one for each.
    """
    return _MORE_PROCESSES + 2 * (os.cpu_count() or 1)


def _lower(limit: int, value: int) -> None:
    """Lower a limit for good; one that is lower already stays."""
    _, hard = resource.getrlimit(limit)
    if hard == resource.RLIM_INFINITY or value < hard:
        resource.setrlimit(limit, (value, value))


def _bytes_now() -> tuple[int, int]:
    """Bytes of address space, and of data (heap, private anonymous memory), of this process."""
    pages = list(map(int, Path("/proc/self/statm").read_text().split()))
    return pages[0] * resource.getpagesize(), pages[5] * resource.getpagesize()


def _own_threads() -> int:
    """How many threads this user has, which is what the kernel counts.

    Behind the outer wall, which has a count and a /proc of its own, they are the warm process's.
    """
    threads, user = 0, b"\nUid:\t%d\t" % os.getuid()
    for process in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError):  # it has ended
            status = Path("/proc", process, "status").read_bytes()
            if user in status:
                threads += int(status.partition(b"\nThreads:\t")[2].split()[0])
    return threads
