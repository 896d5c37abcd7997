"""System calls that Python has no function for."""

import ctypes
import functools
import os


@functools.cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def call(number: int, *arguments: object) -> int:
    """Make system call `number`; integers go as longs, structures as `ctypes.byref` gives them.

    Raises:
        OSError: the kernel refuses.
    """
    libc = _libc()
    longs = (ctypes.c_long(item) if isinstance(item, int) else item for item in arguments)
    return _checked(libc.syscall(ctypes.c_long(number), *longs))


def prctl(option: int, value: int = 0) -> int:
    """Ask or tell the kernel something about this process; raises OSError where it refuses."""
    unsigned = (ctypes.c_ulong(item) for item in (value, 0, 0, 0))
    return _checked(_libc().prctl(option, *unsigned))


def capset(header: ctypes.Structure, data: "ctypes.Array[ctypes.c_uint32]") -> None:
    """Set the capabilities of this thread; raises OSError where the kernel refuses."""
    _checked(_libc().capset(ctypes.byref(header), data))


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
