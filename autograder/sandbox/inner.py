"""The inner wall: what a fresh fork lets the kernel take from it before it runs student code."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from autograder.sandbox import landlock, limits, places, privileges, seccomp
from autograder.sandbox.wall_error import WallError

# What every process reads of itself and the machine. Landlock keeps the environment and the memory
# of processes outside the wall closed.
_PROC = Path("/proc")
_DEVICES = tuple(map(Path, ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")))
_SHARED_MEMORY = Path("/dev/shm")  # locks and queues of multiprocessing


def prepare() -> None:
    """Make ready, in the warm process, what its forks would each do; and make it safe from them.

    Raises:
        OSError: the kernel refuses.
    """
    limits.be_first_to_die()
    privileges.hide()
    places.readable()
    with suppress(WallError):  # without the inner wall there need be no filter; `enter` asks again
        seccomp.compiled(seccomp.this_machine())


def enter(writable: Sequence[Path]) -> None:
    """Put this process, and all it will start, behind the wall; there is no way back.

    It can then read `places` and read and write beneath `writable`; start no program, open no
    socket, touch no process that is not behind the same wall; and take only so much.

    Raises:
        WallError: a part of the wall cannot be had on this machine.
        OSError: the kernel refuses. Either way the process must not go on.
    """
    if len(os.listdir("/proc/self/task")) > 1:
        raise WallError("only a process of one thread can be put behind the wall")
    limits.lower()
    privileges.drop()  # the next two are for those that can gain none
    landlock.restrict([*places.readable(), _PROC], [*writable, *_DEVICES, _SHARED_MEMORY])
    seccomp.install()
