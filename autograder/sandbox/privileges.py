"""What a process may do beyond an ordinary one, and what others may do to it."""

import ctypes

from autograder.sandbox import kernel

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_PR_GET_NO_NEW_PRIVS = 39
_CAPABILITY_VERSION_3 = 0x20080522
_SETS = 3 * 2  # effective, permitted, inheritable, each of two words


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def drop() -> None:
    """Gain no privileges from now on (which Landlock and seccomp ask for), and keep none.

    Root without capabilities is an ordinary user to whom root's files belong. With them it could
    read the whole machine's memory through /proc/kcore.

    Raises:
        OSError: the kernel refuses.
    """
    kernel.prctl(_PR_SET_NO_NEW_PRIVS, 1)
    nothing = (ctypes.c_uint32 * _SETS)()
    kernel.capset(_Header(_CAPABILITY_VERSION_3, 0), nothing)


def are_dropped() -> bool:
    """Whether this process can gain no privileges any more."""
    return kernel.prctl(_PR_GET_NO_NEW_PRIVS) == 1


def hide() -> None:
    """Let no other process without privileges look into this one or its later forks.

    Neither with ptrace nor through /proc/PID/mem or environ. A fork may take this back for itself.

    Raises:
        OSError: the kernel refuses.
    """
    kernel.prctl(_PR_SET_DUMPABLE, 0)
