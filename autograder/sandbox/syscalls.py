"""What becomes of a system call behind the inner wall: the table that `seccomp` compiles.

Whatever is not listed is allowed, but for calls newer than the table, which do not exist. Listed
is what no notebook needs and what Landlock does not govern: programs, sockets, other processes,
namespaces and mounts, the kernel's own knobs, objects that outlive their maker, and what changes a
file without opening it. Numbers: arch/x86/entry/syscalls/syscall_64.tbl and scripts/syscall.tbl of
Linux 6.17.
"""

import errno
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# The last call that the table was made with (file_setattr), the same on every processor.
NEWEST = 469

_AF_UNIX = 1
_SOCKET_TYPE = 0xF  # SOCK_NONBLOCK and SOCK_CLOEXEC stand above it
_CONNECTED = (1, 5)  # SOCK_STREAM, SOCK_SEQPACKET; a datagram may name any receiver
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW: NS, CGROUP, UTS, IPC, USER, PID, NET
_HOW_TO_OPEN = 0o1003  # O_ACCMODE and O_TRUNC
_EMPTY_READ_ONLY = 0o1000  # O_RDONLY and O_TRUNC
_INPUT_OF_TERMINAL = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: type on somebody's terminal
_SIGNALS_TO = (0x8901, 0x8902)  # FIOSETOWN, SIOCSPGRP: whom a file descriptor sends signals
_OWNER = (8, 15)  # F_SETOWN, F_SETOWN_EX: the same
_EVERYBODY = 0xFFFFFFFF  # process -1


@dataclass(frozen=True)
class Check:
    """Refuse where argument `index`, as far as `mask` shows it, is among `values`, or is not."""

    index: int
    values: tuple[int, ...]
    refused_if_among: bool
    mask: int = 0xFFFFFFFF


@dataclass(frozen=True)
class Syscall:
    """A call by its number on x86-64 and on arm64, None where there is none.

    It is refused with `errno`, of which 0 means that nothing is done and success reported; with
    `checks`, only where one of them says so.
    """

    name: str
    x86_64: int | None
    arm64: int | None
    errno: int = errno.EPERM
    checks: tuple[Check, ...] = ()


def _if_among(index: int, *values: int, mask: int = 0xFFFFFFFF) -> Check:
    return Check(index, values, True, mask)


def _unless_among(index: int, *values: int, mask: int = 0xFFFFFFFF) -> Check:
    return Check(index, values, False, mask)


def _calls(rows: str, errno: int = errno.EPERM, *checks: Check) -> Iterator[Syscall]:
    """One call for each `name x86_64 arm64`; `-` where there is none."""
    for row in rows.strip().splitlines():
        name, *numbers = row.split()
        x86_64, arm64 = (None if number == "-" else int(number) for number in numbers)
        yield Syscall(name, x86_64, arm64, errno, checks)


_PROGRAMS = """
    execve 59 221
    execveat 322 281
    uselib 134 -
"""
# Of sockets, only the two ends that socketpair makes: asyncio lives on them.
_SOCKETS = """
    socket 41 198
    connect 42 203
    bind 49 200
    listen 50 201
    accept 43 202
    accept4 288 242
    io_uring_setup 425 425
    io_uring_enter 426 426
    io_uring_register 427 427
"""
_OTHER_PROCESSES = """
    ptrace 101 117
    process_vm_readv 310 270
    process_vm_writev 311 271
    process_madvise 440 440
    process_mrelease 448 448
    kcmp 312 272
    pidfd_open 434 434
    pidfd_getfd 438 438
    pidfd_send_signal 424 424
    move_pages 279 239
    migrate_pages 256 238
    perf_event_open 298 241
    userfaultfd 323 282
"""
_NAMESPACES = """
    unshare 272 97
    setns 308 268
    mount 165 40
    umount2 166 39
    pivot_root 155 41
    chroot 161 51
    open_tree 428 428
    open_tree_attr 467 467
    move_mount 429 429
    fsopen 430 430
    fsconfig 431 431
    fsmount 432 432
    fspick 433 433
    mount_setattr 442 442
    name_to_handle_at 303 264
    open_by_handle_at 304 265
"""
_KERNEL = """
    bpf 321 280
    kexec_load 246 104
    kexec_file_load 320 294
    create_module 174 -
    init_module 175 105
    finit_module 313 273
    delete_module 176 106
    get_kernel_syms 177 -
    query_module 178 -
    reboot 169 142
    swapon 167 224
    swapoff 168 225
    acct 163 89
    quotactl 179 60
    quotactl_fd 443 443
    settimeofday 164 170
    clock_settime 227 112
    adjtimex 159 171
    clock_adjtime 305 266
    sethostname 170 161
    setdomainname 171 162
    iopl 172 -
    ioperm 173 -
    modify_ldt 154 -
    personality 135 92
    syslog 103 116
    vhangup 153 58
    _sysctl 156 -
    ustat 136 -
    sysfs 139 -
    nfsservctl 180 42
    lookup_dcookie 212 18
    fanotify_init 300 262
    fanotify_mark 301 263
    lsm_set_self_attr 460 460
"""
# Keys, queues and shared memory that stay when their maker is gone, and that others could read.
_OUTLIVING = """
    add_key 248 217
    request_key 249 218
    keyctl 250 219
    shmget 29 194
    shmat 30 196
    shmctl 31 195
    shmdt 67 197
    semget 64 190
    semop 65 193
    semctl 66 191
    semtimedop 220 192
    msgget 68 186
    msgsnd 69 189
    msgrcv 70 188
    msgctl 71 187
    mq_open 240 180
    mq_unlink 241 181
"""
_FILES = """
    truncate 76 45
    chown 92 -
    fchown 93 55
    lchown 94 -
    fchownat 260 54
    setxattr 188 5
    lsetxattr 189 6
    fsetxattr 190 7
    setxattrat 463 463
    removexattr 197 14
    lremovexattr 198 15
    fremovexattr 199 16
    removexattrat 466 466
    file_setattr 469 469
    inotify_init 253 -
    inotify_init1 294 26
    inotify_add_watch 254 27
"""
# shutil.copy and Path.touch call these on their own files, and need no effect.
_FILES_PRETENDED = """
    chmod 90 -
    fchmod 91 52
    fchmodat 268 53
    fchmodat2 452 452
    utime 132 -
    utimes 235 -
    futimesat 261 -
    utimensat 280 88
"""
# Their arguments lie in memory, where no filter can look; the C library falls back on older ones.
_UNREADABLE = """
    clone3 435 435
    openat2 437 437
"""
# Only upon the caller itself, which is process 0.
_UPON_FIRST = """
    prlimit64 302 261
    sched_setaffinity 203 122
    sched_setattr 314 274
    sched_setparam 142 118
    sched_setscheduler 144 119
"""
_UPON_SECOND = """
    setpriority 141 140
    ioprio_set 251 30
"""


_REFUSED = (_PROGRAMS, _SOCKETS, _OTHER_PROCESSES, _NAMESPACES, _KERNEL, _OUTLIVING, _FILES)
_CHECKED = (
    (
        "socketpair 53 199",
        _unless_among(0, _AF_UNIX),
        _unless_among(1, *_CONNECTED, mask=_SOCKET_TYPE),
    ),
    ("clone 56 220", _unless_among(0, 0, mask=_NEW_NAMESPACES)),
    ("kill 62 129", _if_among(0, _EVERYBODY)),
    ("ioctl 16 29", _if_among(1, *_INPUT_OF_TERMINAL, *_SIGNALS_TO)),
    ("fcntl 72 25", _if_among(1, *_OWNER)),
    ("open 2 -", _if_among(1, _EMPTY_READ_ONLY, mask=_HOW_TO_OPEN)),
    ("openat 257 56", _if_among(2, _EMPTY_READ_ONLY, mask=_HOW_TO_OPEN)),
)


def _table() -> Iterator[Iterable[Syscall]]:
    for rows in _REFUSED:
        yield _calls(rows)
    yield _calls(_FILES_PRETENDED, 0)
    yield _calls(_UNREADABLE, errno.ENOSYS)
    yield _calls(_UPON_FIRST, errno.EPERM, _unless_among(0, 0))
    yield _calls(_UPON_SECOND, errno.EPERM, _unless_among(1, 0))
    for row, *checks in _CHECKED:
        yield _calls(row, errno.EPERM, *checks)


TABLE = tuple(call for calls in _table() for call in calls)
