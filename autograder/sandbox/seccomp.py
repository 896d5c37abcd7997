"""seccomp: a filter in the kernel that decides on every system call of a process, for good.

https://docs.kernel.org/userspace-api/seccomp_filter.html. The filter is a program of the classic
Berkeley packet filter: it sees the call's number, the processor's kind and the six arguments, not
the memory that they point to. What it decides is in `syscalls`.
"""

import ctypes
import errno
import functools
import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.sandbox import kernel
from autograder.sandbox.syscalls import NEWEST, TABLE, Check, Syscall
from autograder.sandbox.wall_error import WallError

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
ERRNO = 0x00050000

# Codes of the filter's instructions.
LOAD = 0x20  # the word at offset k into the accumulator
AND = 0x54
JUMP_IF_EQUAL = 0x15
JUMP_IF_AT_LEAST = 0x35
RETURN = 0x06

# Offsets of struct seccomp_data: int nr; u32 arch; u64 instruction pointer; u64 arguments[6].
_NUMBER = 0
_ARCHITECTURE = 4
_ARGUMENTS = 16

_SET_MODE_FILTER = 1
_ALL_THREADS = 1
_X32_BIT = 0x40000000

_REASONS = {
    errno.ENOSYS: "this kernel has no seccomp filters: use one built with CONFIG_SECCOMP_FILTER",
    errno.EINVAL: "this kernel has no seccomp filters: use one built with CONFIG_SECCOMP_FILTER",
}


@dataclass(frozen=True)
class Machine:
    """A kind of processor: its name in `Syscall`, in the audit system, and for `seccomp` itself."""

    name: str
    audit: int
    seccomp: int


MACHINES = {
    "x86_64": Machine("x86_64", audit=0xC000003E, seccomp=317),
    "aarch64": Machine("arm64", audit=0xC00000B7, seccomp=277),
}


@dataclass(frozen=True)
class Instruction:
    """One step: jumps are relative, and 0 goes on to the next."""

    code: int
    k: int
    if_true: int = 0
    if_false: int = 0

    def packed(self) -> bytes:
        """As the kernel takes it, struct sock_filter."""
        return struct.pack("=HBBI", self.code, self.if_true, self.if_false, self.k)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def this_machine() -> Machine:
    """The processor that this runs on.

    Raises:
        WallError: there is no table for it.
    """
    name = platform.machine()
    if name not in MACHINES:
        raise WallError(f"for a processor of the kind {name!r} there is no filter of system calls")
    return MACHINES[name]


def install() -> None:
    """Put the filter on this process. Needs no new privileges: see `privileges`.

    Raises:
        WallError: there is no seccomp, or none for this processor.
        OSError: the kernel refuses.
    """
    machine = this_machine()
    packed = compiled(machine)
    program = _Program(len(packed) // 8, packed)
    try:
        # Above 0 is the number of a thread that has a filter of its own, and cannot get this one.
        code = kernel.call(machine.seccomp, _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(program))
    except OSError as error:
        if reason := _REASONS.get(error.errno or 0):
            raise WallError(reason) from error
        raise
    if code:
        raise WallError(f"thread {code} of this process cannot be put behind the filter")


@functools.cache
def compiled(machine: Machine) -> bytes:
    """The filter as the kernel takes it."""
    return b"".join(instruction.packed() for instruction in filter_for(machine))


def filter_for(machine: Machine) -> list[Instruction]:
    """The filter: another kind of processor kills, then the table decides, the rest is allowed."""
    program = [
        Instruction(LOAD, _ARCHITECTURE),
        Instruction(JUMP_IF_EQUAL, machine.audit, if_true=1),
        Instruction(RETURN, KILL_PROCESS),
        Instruction(LOAD, _NUMBER),
        # x86-64's second set of numbers would go round the table.
        Instruction(JUMP_IF_AT_LEAST, _X32_BIT, if_false=1),
        Instruction(RETURN, KILL_PROCESS),
        Instruction(JUMP_IF_AT_LEAST, NEWEST + 1, if_false=1),
        Instruction(RETURN, ERRNO | errno.ENOSYS),
    ]
    for call in TABLE:
        number = call.x86_64 if machine.name == "x86_64" else call.arm64
        if number is not None:
            program += _decided(number, call)
    return [*program, Instruction(RETURN, ALLOW)]


def _decided(number: int, call: Syscall) -> list[Instruction]:
    """Steps that end with an answer where the call is `number`, and else change nothing."""
    refuse = Instruction(RETURN, ERRNO | call.errno)
    body = [refuse]
    if call.checks:
        body = [*(step for check in call.checks for step in _checked(check, refuse))]
        body.append(Instruction(RETURN, ALLOW))
    return [Instruction(JUMP_IF_EQUAL, number, if_false=len(body)), *body]


def _checked(check: Check, refuse: Instruction) -> Iterator[Instruction]:
    """Steps that refuse, or go on. All arguments checked are of 32 bits: the low half is enough."""
    yield Instruction(LOAD, _ARGUMENTS + 8 * check.index)
    yield Instruction(AND, check.mask)
    for left, value in zip(range(len(check.values) - 1, -1, -1), check.values, strict=True):
        # To `refuse` on a match, past it on none; or the other way round.
        if check.refused_if_among:
            yield Instruction(JUMP_IF_EQUAL, value, if_true=left, if_false=0 if left else 1)
        else:
            yield Instruction(JUMP_IF_EQUAL, value, if_true=left + 1)
    yield refuse
