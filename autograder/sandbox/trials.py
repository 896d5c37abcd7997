"""Each part of the walls, tried for real: what a version number promises is no proof.

A trial is run where its part holds, in a fork or behind the outer wall. It says what holds, and
raises a WallError that says what does not.
"""

import json
import mmap
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from autograder.sandbox import inner, landlock, limits, places, privileges, seccomp
from autograder.sandbox.wall_error import WallError

_CANARY = "seen"


@dataclass(frozen=True)
class Outside:
    """What must not be in reach from behind the outer wall."""

    file: str
    shared_memory: str
    port: int
    namespaces: dict[str, str]

    @classmethod
    @contextmanager
    def built(cls, folder: Path) -> "Iterator[Outside]":
        """Things to look for, `folder` being where a file may be left."""
        file = folder / "canary"
        shared = Path(f"/dev/shm/autograder-canary-{os.getpid()}")
        namespaces = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in ("user", "net", "pid")}
        try:
            for path in (file, shared):
                path.write_text(_CANARY)
            with socket.create_server(("127.0.0.1", 0)) as server:
                yield cls(str(file), str(shared), server.getsockname()[1], namespaces)
        finally:
            for path in (file, shared):
                path.unlink(missing_ok=True)

    def is_own(self, kind: str) -> bool:
        """Whether this process is in another namespace of that kind than who built this."""
        return os.readlink(f"/proc/self/ns/{kind}") != self.namespaces[kind]


# Behind the outer wall ---------------------------------------------------------------------------


def user_namespace(outside: Outside) -> str:
    """Own users; and no privileges beyond them."""
    _require(outside.is_own("user"), "the program behind the wall is in the same user namespace")
    return "a program runs in a user namespace of its own"


def network(outside: Outside) -> str:
    """No way out, not even to this machine."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", outside.port), timeout=2):
        raise WallError("a socket of this machine can be reached")
    _require(outside.is_own("net"), "the network is shared")
    return "no socket of this machine can be reached, and there is no other network"


def processes(outside: Outside) -> str:
    """No other process to be seen."""
    seen = sum(map(str.isdecimal, os.listdir("/proc")))
    _require(outside.is_own("pid") and seen <= 3, f"{seen} processes can be seen")
    return "only the program's own processes can be seen"


def files(outside: Outside) -> str:
    """No file but those named, nor anything of /dev/shm."""
    for path in (outside.file, outside.shared_memory):
        _require(not Path(path).exists(), f"{path} can be seen")
    Path("/dev/shm/own").write_text(_CANARY)
    return "only the files that Python needs can be seen, and /dev/shm is private"


# In a fork ---------------------------------------------------------------------------------------


def no_new_privileges(scratch: Path) -> str:
    """Nothing to be gained, nothing left."""
    privileges.drop()
    _require(privileges.are_dropped(), "a program could gain privileges")
    return "no privileges are left, and none can be gained"


def files_and_signals(scratch: Path) -> str:
    """Landlock."""
    privileges.drop()
    landlock.restrict(places.readable(), [scratch])
    outside = scratch.with_name("canary")
    with suppress(PermissionError):
        outside.read_text()
        raise WallError(f"{outside} can be read")
    version = landlock.abi()
    with suppress(PermissionError):
        os.kill(os.getppid(), 0)
        signals = "signals go out too, on Linux older than 6.12"
        return f"ABI {version}: only the files named can be opened; {signals}"
    return f"ABI {version}: only the files named can be opened, and signals stay inside"


def system_calls(scratch: Path) -> str:
    """seccomp."""
    privileges.drop()
    seccomp.install()
    with suppress(PermissionError):
        socket.socket().close()
        raise WallError("a socket can be made")
    return f"sockets, programs and the like are refused ({seccomp.this_machine().name})"


def memory(scratch: Path) -> str:
    """RLIMIT_DATA."""
    limits.lower()
    with suppress(OSError):
        size = limits.DATA_BYTES + 2**28  # what this process has given back meanwhile is less
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
        raise WallError("more memory than the limit can be had")
    return f"a process gets at most {limits.DATA_BYTES / 2**30:g} GiB more"


def process_limit(_: object) -> str:
    """RLIMIT_NPROC."""
    limits.lower()
    allowed = limits.more_processes()
    started: list[int] = []
    try:
        for _ in range(allowed + 1):
            started.append(os.fork())
            if started[-1] == 0:
                signal.pause()
    except OSError:
        return f"a notebook gets at most {allowed} more processes and threads"
    finally:
        for child in started:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    exempt = ": Linux exempts root, but for behind the outer wall" if os.geteuid() == 0 else ""
    raise WallError(f"more processes than the limit can be started{exempt}")


def whole_inner_wall(scratch: Path) -> str:
    """All of it together, as grading does it."""
    inner.enter([scratch])
    return "a fork can be put behind it"


# Running them ------------------------------------------------------------------------------------

BEHIND = {
    "user namespace": user_namespace,
    "network": network,
    "processes": processes,
    "files": files,
    "process limit": process_limit,
}


def in_fork(trial: Callable[[Path], str], scratch: Path) -> str:
    """What `trial` says in a fork of this process.

    Raises:
        WallError: it does not hold; also what a system call that was refused says of itself.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, json.dumps(_said(partial(trial, scratch))).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:
        said = answer.read()
    _, status = os.waitpid(child, 0)
    if not said:
        raise WallError(f"the trial ended with exit status {os.waitstatus_to_exitcode(status)}")
    held, sentence = json.loads(said)
    if not held:
        raise WallError(sentence)
    return str(sentence)


def main(outside: str) -> None:
    """Print what each trial behind the outer wall says, as JSON."""
    built = Outside(**json.loads(outside))
    print(json.dumps({name: _said(partial(trial, built)) for name, trial in BEHIND.items()}))


def told(outside: Outside) -> str:
    """`outside` as `main` takes it."""
    return json.dumps(asdict(outside))


def _said(trial: Callable[[], str]) -> tuple[bool, str]:
    try:
        return True, trial()
    except (WallError, OSError) as error:
        return False, str(error)


def _require(held: bool, otherwise: str) -> None:
    if not held:
        raise WallError(otherwise)


if __name__ == "__main__":
    main(sys.argv[1])
