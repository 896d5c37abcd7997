"""Landlock: a process lets the kernel take from it, for good, all files but those it names.

https://docs.kernel.org/userspace-api/landlock.html. What a kernel can take is told by its ABI:
5.13 has the first; 2 adds moving files between folders, 3 truncation, 4 TCP, 5 control of devices,
6 signals and abstract sockets, 7 a quiet audit log. Landlock does not govern `stat`, `chmod`,
`utime`, extended attributes or sockets in the file system: `seccomp` does.
"""

import ctypes
import enum
import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from autograder.sandbox import kernel
from autograder.sandbox.wall_error import WallError

# The same numbers on every processor.
_CREATE_RULESET = 444
_ADD_RULE = 445
_RESTRICT_SELF = 446

_ASK_FOR_ABI = 1
_PATH_BENEATH = 1
_LOG_NOTHING = 1  # of what the restricted program itself tries

_TCP = 0b11  # bind and connect
_SCOPES = 0b11  # abstract UNIX sockets and signals


class Access(enum.IntFlag):
    """Rights to files; the order is the kernel's."""

    EXECUTE = enum.auto()
    WRITE_FILE = enum.auto()
    READ_FILE = enum.auto()
    READ_DIR = enum.auto()
    REMOVE_DIR = enum.auto()
    REMOVE_FILE = enum.auto()
    MAKE_CHAR = enum.auto()
    MAKE_DIR = enum.auto()
    MAKE_REG = enum.auto()
    MAKE_SOCK = enum.auto()
    MAKE_FIFO = enum.auto()
    MAKE_BLOCK = enum.auto()
    MAKE_SYM = enum.auto()
    REFER = enum.auto()
    TRUNCATE = enum.auto()
    IOCTL_DEV = enum.auto()


_SINCE = {Access.REFER: 2, Access.TRUNCATE: 3, Access.IOCTL_DEV: 5}  # the others since ABI 1
_OF_FILES = (
    Access.EXECUTE | Access.WRITE_FILE | Access.READ_FILE | Access.TRUNCATE | Access.IOCTL_DEV
)
_READ = Access.READ_FILE | Access.READ_DIR
# To be executed is granted to no file: mapping a library needs no such right.
_WRITE = ~(Access.EXECUTE | Access.MAKE_CHAR | Access.MAKE_BLOCK | Access.IOCTL_DEV)

_REASONS = {
    errno.ENOSYS: "this kernel has no Landlock: use Linux 5.13 or newer, built with it",
    errno.EOPNOTSUPP: "Landlock was left out at boot: add `landlock` to the list of the kernel's "
    "parameter `lsm=`, and boot anew",
    errno.EPERM: "the container that this runs in forbids Landlock: allow its system calls "
    "(landlock_*) in the container's seccomp profile",
}


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi() -> int:
    """The version of Landlock that this kernel offers.

    Raises:
        WallError: it offers none; says why.
    """
    try:
        return kernel.call(_CREATE_RULESET, None, 0, _ASK_FOR_ABI)
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, f"Landlock does not answer ({error})")
        raise WallError(reason) from error


def scopes_signals(version: int) -> bool:
    """Whether Landlock of that ABI keeps signals and abstract sockets inside."""
    return version >= 6


def restrict(readable: Sequence[Path], writable: Sequence[Path]) -> None:
    """Take from this thread all files but those beneath `readable` and `writable`, and TCP.

    Also, where this kernel's Landlock can, signals to processes and abstract sockets that are not
    restricted along with it. Other processes' memory is out of reach on every kernel. The process
    must be one that can gain no privileges: see `privileges`.

    Raises:
        WallError: there is no Landlock.
        OSError: a path does not exist, or the kernel refuses.
    """
    version = abi()
    files = sum(right for right in Access if _SINCE.get(right, 1) <= version)
    network = _TCP if version >= 4 else 0
    scopes = _SCOPES if scopes_signals(version) else 0
    rules = _Ruleset(files, network, scopes)
    ruleset = kernel.call(_CREATE_RULESET, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    try:
        for path in readable:
            _allow(ruleset, path, files & _READ)
        for path in writable:
            _allow(ruleset, path, files & _WRITE)
        kernel.call(_RESTRICT_SELF, ruleset, _LOG_NOTHING if version >= 7 else 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, access: int) -> None:
    parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            access &= _OF_FILES
        rule = _PathBeneath(access, parent)
        kernel.call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)
