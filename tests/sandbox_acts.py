"""What tests/test_sandbox.py has done behind the walls: attacks, honest work, and who does them.

An attack returns what it got, nothing where it got nothing; most are refused with an OSError.
Honest work raises where it is hindered. The text of this file is handed to Python (`-c`): behind
the outer wall, the folder of the tests does not exist.
"""

import ctypes
import json
import mmap
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from autograder.sandbox import inner

CANARY = "a canary that nobody else may see"
_PATIENCE = 20
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class Stage:
    """What there is to be attacked; `parent` and `sibling` are processes, who share `memory`."""

    secret: str
    package: str
    neighbour: str
    shared_memory: str
    port: int
    socket: str
    abstract: str
    processes: int
    parent: int = 0
    sibling: int = 0
    memory: int = 0


# Attacks -----------------------------------------------------------------------------------------


def read_secret(stage: Stage) -> object:
    return Path(stage.secret).read_text()


def read_shadow(stage: Stage) -> object:
    return Path("/etc/shadow").read_text()


def read_neighbour(stage: Stage) -> object:
    return Path(stage.neighbour).read_text()


def read_shared_memory(stage: Stage) -> object:
    return Path(stage.shared_memory).read_text()


def list_folder(stage: Stage) -> object:
    return os.listdir(Path(stage.secret).parent)


def write_outside(stage: Stage) -> object:
    return Path(stage.secret).with_name("written").write_text("by an attack")


def write_package(stage: Stage) -> object:
    written = Path(stage.package, "written_by_an_attack.py")
    written.write_text("")
    written.unlink()
    return "wrote"


def change_mode(stage: Stage) -> object:
    before = os.stat(stage.secret).st_mode
    os.chmod(stage.secret, 0o604)
    return os.stat(stage.secret).st_mode != before


def change_time(stage: Stage) -> object:
    os.utime(stage.secret, (1, 1))
    return os.stat(stage.secret).st_mtime == 1


def truncate(stage: Stage) -> object:
    os.truncate(Path(stage.secret).with_name("to_truncate"), 0)
    return "truncated"


def connect_tcp(stage: Stage) -> object:
    with socket.create_connection(("127.0.0.1", stage.port), timeout=5):
        return "connected"


def send_udp(stage: Stage) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.connect(("127.0.0.1", stage.port))
        own.send(b"x")
        return own.send(b"y")  # the first would come back as refused


def listen_tcp(stage: Stage) -> object:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()


def connect_path(stage: Stage) -> object:
    with socket.socket(socket.AF_UNIX) as own:
        own.connect(stage.socket)
        return "connected"


def connect_abstract(stage: Stage) -> object:
    with socket.socket(socket.AF_UNIX) as own:
        own.connect("\0" + stage.abstract)
        return "connected"


def send_from_pair(stage: Stage) -> object:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        return one.sendto(b"x", stage.socket + ".datagram")


def execute(stage: Stage) -> object:
    return subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True).stdout


def trace_parent(stage: Stage) -> object:
    return _traced(stage.parent)


def trace_sibling(stage: Stage) -> object:
    return _traced(stage.sibling)


def read_memory_of_parent(stage: Stage) -> object:
    return _remote_memory(stage.parent, stage.memory)


def read_memory_of_sibling(stage: Stage) -> object:
    return _remote_memory(stage.sibling, stage.memory)


def read_mem_file_of_parent(stage: Stage) -> object:
    return _memory_file(stage.parent, stage.memory)


def read_mem_file_of_sibling(stage: Stage) -> object:
    return _memory_file(stage.sibling, stage.memory)


def read_environment_of_parent(stage: Stage) -> object:
    return Path(f"/proc/{stage.parent}/environ").read_text()


def signal_parent(stage: Stage) -> object:
    os.kill(stage.parent, 0)
    return "may be killed"


def signal_sibling(stage: Stage) -> object:
    os.kill(stage.sibling, 0)
    return "may be killed"


def limit_parent(stage: Stage) -> object:
    return resource.prlimit(stage.parent, resource.RLIMIT_CORE, (0, 0))


def bomb_of_processes(stage: Stage) -> object:
    """Bounded: some more than are allowed, all asleep and soon gone."""
    children: list[int] = []
    try:
        for _ in range(stage.processes + 20):
            child = os.fork()
            if child == 0:
                time.sleep(5)
                os._exit(0)
            children.append(child)
        return f"{len(children)} processes"
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def bomb_of_memory(stage: Stage) -> object:
    """Bounded: asked for, but not touched."""
    mmap.mmap(-1, 5 * 2**30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    return "5 GiB"


def bomb_of_shared_memory(stage: Stage) -> object:
    mmap.mmap(-1, 9 * 2**30, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS).close()
    return "9 GiB"


def bomb_of_a_file(stage: Stage) -> object:
    with Path("big").open("wb") as file:
        return file.truncate(65 * 2**20)


def outliving_memory(stage: Stage) -> object:
    segment = _checked(_libc.shmget(0, 4096, 0o1600))
    _libc.shmctl(segment, 0, None)
    return "a segment of System V"


def new_user_namespace(stage: Stage) -> object:
    return _checked(_libc.unshare(0x10000000)) == 0


def mount(stage: Stage) -> object:
    new_user_namespace(stage)
    _checked(_libc.unshare(0x00020000))
    return _checked(_libc.mount(b"x", b"/", b"tmpfs", 0, None)) == 0


def ring(stage: Stage) -> object:
    parameters = ctypes.create_string_buffer(120)
    return _checked(_libc.syscall(425, 4, parameters))


def landlock_version() -> int:
    version: int = _libc.syscall(444, None, ctypes.c_size_t(0), 1)
    return version


def _traced(pid: int) -> object:
    ptrace_seize = 0x4206
    _libc.ptrace.argtypes = (ctypes.c_long,) * 4
    return _checked(_libc.ptrace(ptrace_seize, pid, 0, 0)) == 0


def _remote_memory(pid: int, address: int) -> object:
    class Vector(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

    got = ctypes.create_string_buffer(len(CANARY))
    local = Vector(ctypes.addressof(got), len(CANARY))
    remote = Vector(address, len(CANARY))
    one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
    _checked(_libc.process_vm_readv(pid, ctypes.byref(local), one, ctypes.byref(remote), one, none))
    return got.raw.decode()


def _memory_file(pid: int, address: int) -> object:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(len(CANARY)).decode()


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


# Honest work -------------------------------------------------------------------------------------


def learns(stage: Stage) -> None:
    import torch

    model = torch.nn.Linear(64, 64)
    optimizer = torch.optim.AdamW(model.parameters())
    for _ in range(3):
        loss = (model(torch.randn(32, 64)) @ torch.randn(64, 8)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save(model.state_dict(), "model.pt")
    model.load_state_dict(torch.load("model.pt"))


def loads_with_workers(stage: Stage) -> None:
    import torch
    from torch.utils.data import DataLoader

    data = [(torch.full((3,), float(i), dtype=torch.bfloat16), i) for i in range(8)]
    batches = list(DataLoader(data, batch_size=2, num_workers=2))
    assert [batch[1].tolist() for batch in batches] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert batches[3][0].equal(torch.tensor([[6.0] * 3, [7.0] * 3], dtype=torch.bfloat16))
    empty = [torch.empty(0, 3)] * 2
    assert [tuple(batch.shape) for batch in DataLoader(empty, num_workers=1)] == [(1, 0, 3)] * 2


def shares_tensors(stage: Stage) -> None:
    import torch

    shared = torch.zeros(3).share_memory_()
    worker = torch.multiprocessing.get_context("fork").Process(target=shared.add_, args=(1,))
    worker.start()
    worker.join()
    assert shared.tolist() == [1.0] * 3


def works_in_a_pool(stage: Stage) -> None:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with multiprocessing.get_context("fork").Pool() as pool:
        assert pool.map(abs, [-1, -2]) == [1, 2]
    with ProcessPoolExecutor(2) as executor:
        assert list(executor.map(abs, [-1, -2])) == [1, 2]


def draws(stage: Stage) -> None:
    import matplotlib.font_manager
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot([1, 2])
    axes.set_title("weights × keys")
    figure.savefig("figure.png")
    assert Path("figure.png").read_bytes().startswith(b"\x89PNG")
    assert matplotlib.font_manager.findfont("DejaVu Sans")


def imports(stage: Stage) -> None:
    import fractions
    import sqlite3

    import scipy.special

    import course.plots
    from autograder import check

    assert all((course.plots, fractions, sqlite3, scipy.special, check))


def writes_files(stage: Stage) -> None:
    Path("a", "b").mkdir(parents=True)
    Path("a", "b", "one").write_text("1")
    Path("a", "b", "one").rename("two")
    Path("link").symlink_to("two")
    shutil.copy("two", "three")
    shutil.copy2("two", "four")
    Path("four").touch()
    Path("four").chmod(0o600)
    shutil.make_archive("archive", "zip", "a")
    Path(os.environ["HOME"], ".settings").write_text("x")
    with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryDirectory():
        file.write(b"x")
    shutil.rmtree("a")
    assert sorted(os.listdir()) == [".settings", "archive.zip", "four", "link", "three", "two"]


def maps_memory(stage: Stage) -> None:
    import numpy as np

    mapped = np.memmap("array", dtype="float32", mode="w+", shape=(4, 4))
    mapped[:] = 1
    np.save("array.npy", mapped)
    assert np.load("array.npy", mmap_mode="r").sum() == 16


def looks_at_itself(stage: Stage) -> None:
    assert f"Pid:\t{os.getpid()}" in Path("/proc/self/status").read_text()
    assert os.listdir("/proc/self/fd")
    assert Path("/proc/meminfo").read_text()
    assert os.cpu_count()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path("/dev/urandom").open("rb") as source, Path(os.devnull).open("w") as nowhere:
        print(source.read(8), file=nowhere)
    assert time.localtime().tm_year > 2000


def starts_and_ends(stage: Stage) -> None:
    """Threads and children of its own, killed; an event loop."""
    import asyncio

    threads = [threading.Thread(target=time.sleep, args=(0.01,)) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    child = os.fork()
    if child == 0:
        time.sleep(_PATIENCE)
        os._exit(0)
    os.kill(child, signal.SIGTERM)
    assert os.waitpid(child, 0)[1] == signal.SIGTERM
    assert asyncio.run(asyncio.sleep(0, "done")) == "done"


# Who does it -------------------------------------------------------------------------------------


@contextmanager
def fork(action: Callable[[], object]) -> Iterator[tuple[int, IO[bytes]]]:
    """The number of a fork that does `action`, and a file with what it gives; killed at last."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, json.dumps(action()).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing)
    try:
        with open(reading, "rb") as given:
            yield child, given
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def perform(name: str, stage: Stage, walled: bool) -> tuple[str, str]:
    """What an act got, and what hindered it."""
    folder = Path(name).absolute()
    folder.mkdir()
    os.chdir(folder)
    os.environ["HOME"] = os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    if walled:
        inner.enter([folder])
    signal.signal(signal.SIGALRM, _too_late)
    signal.alarm(_PATIENCE)
    try:
        return str(globals()[name](stage) or ""), ""
    except BaseException as error:
        return "", repr(error)


def _too_late(*_: object) -> None:
    raise TimeoutError("it took too long")


def stand_by(walled: bool) -> None:
    """What the sibling does."""
    if walled:
        inner.enter([])
    signal.pause()


def main(task: str) -> None:
    """Perform acts as the warm process performs notebooks: each in a fork, beside another fork."""
    told = json.loads(task)
    os.chdir(told["folder"])
    if told["honest"]:
        import torch

        from autograder.sandbox import tensors

        torch.set_num_threads(1)
        tensors.pass_by_value()
    if told["walls"]:
        inner.prepare()
    stage, walled = Stage(**told["stage"]), "inner" in told["walls"]
    memory = ctypes.create_string_buffer(CANARY.encode())
    stage.parent, stage.memory = os.getpid(), ctypes.addressof(memory)
    results = {}
    with fork(partial(stand_by, walled)) as (stage.sibling, _):
        time.sleep(0.1)
        for name in told["acts"]:
            with fork(partial(perform, name, stage, walled)) as (_, result):
                results[name] = json.loads(result.read() or b'["", "it ended"]')
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1])
