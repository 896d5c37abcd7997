"""Bombs, crashes and endless loops: what they break is theirs alone, and never the batch.

The answers are right: what is not broken is paid. All bombs are bounded: at most 500 processes,
6 GiB of memory, 200 MB of files.
"""

from tests.corpus.entry import NOTHING_LOST, Entry, Gets, OnStock, nothing, only

SLOW_THERE = "stock nbgrader would wait for its time limit, 30 seconds"
# A process that has left none to be started cannot be asked.
USED_UP = nothing("crashed or timeout")
DANGER = "not tried where no wall stops it"


def harm(
    name: str,
    tries: str,
    cell: str = "",
    answer: str = "",
    gets: Gets = NOTHING_LOST,
    on_stock: OnStock = "",
    not_on_stock: str = "",
    is_first: bool = False,
) -> Entry:
    made = {"answer": answer} if answer else {}
    return Entry(
        name, tries, cell=cell, gets=gets, on_stock=on_stock, not_on_stock=not_on_stock,
        is_first=is_first, **made,
    )  # fmt: skip


def similarity(body: str, head: str = "") -> str:
    """An answer that does something before it answers rightly."""
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    return f"{head}\ndef similarity(query, keys):\n{lines}    return keys @ query\n"


FORKS = """
import os, time

for _ in range(500):
    try:
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
    except OSError:
        break
"""

MEMORY = """
held = []
for _ in range(24):
    held.append(bytearray(b"x") * 2**28)
"""

UNTOUCHED = "held = [torch.empty(2**28, dtype=torch.uint8) for _ in range(24)]"

IN_DEPTH = """
import os

for _ in range(1200):
    os.mkdir("d")
    os.chdir("d")
"""

ENTRIES = (
    harm("fork_bomb", "forks up to 500 times", FORKS, gets=USED_UP, not_on_stock=DANGER),
    harm(
        "fork_bomb_in_an_answer",
        "forks up to 500 times, each time it is asked",
        answer=similarity(FORKS),
        not_on_stock=DANGER,
    ),
    harm(
        "threads",
        "starts 500 threads that wait",
        """
import threading, time

for _ in range(500):
    try:
        threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
    except RuntimeError:
        break
""",
        gets=USED_UP,
        not_on_stock=DANGER,
    ),
    harm("memory", "takes 6 GiB of memory", MEMORY, not_on_stock=DANGER),
    harm(
        "memory_in_an_answer",
        "asks for 6 GiB of memory, each time it is called",
        answer=similarity(UNTOUCHED),
        gets=only("error"),
        not_on_stock=DANGER,
    ),
    harm(
        "large_file",
        "writes a file of 200 MB",
        """
with open("large", "wb") as file:
    for _ in range(200):
        file.write(bytes(10**6))
""",
        not_on_stock=DANGER,
    ),
    harm(
        "many_files",
        "leaves 5,000 files, in folders 1,200 deep, that nobody may enter",
        "for n in range(5000):\n    open(str(n), 'w').close()\n" + IN_DEPTH + "os.chmod('..', 0)\n",
        not_on_stock=DANGER,
    ),
    harm(
        "output_flood",
        "prints 100 MB",
        "for _ in range(100):\n    print('x' * 10**6)\n",
        not_on_stock=DANGER,
    ),
    harm(
        "flood_of_displays",
        "shows 20,000 outputs",
        "from IPython.display import display\nfor n in range(20_000):\n    display(n)\n",
        not_on_stock=SLOW_THERE,
    ),
    harm(
        "flood_on_descriptors",
        "writes to the descriptors of standard output",
        """
import os

for _ in range(200):
    os.write(1, b"x" * 10**5)
    os.write(2, b"y" * 10**5)
""",
        not_on_stock="the terminal of who grades gets it there, no grade is lost",
    ),
    harm(
        "long_error",
        "raises an error of 50 MB",
        "raise ValueError('<' * 50_000_000)\n",
        not_on_stock="the notebook of 100 MB that it makes there has a grade",
    ),
    harm(
        "endless_cell",
        "loops in a cell, and catches everything",
        """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
""",
        not_on_stock=SLOW_THERE,
    ),
    harm(
        "deaf_cell",
        "blocks every signal and loops",
        """
import signal

signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    pass
""",
        not_on_stock=SLOW_THERE,
    ),
    harm(
        "busy_in_c",
        "computes a number for hours without coming back to Python",
        "9 ** 9 ** 9\n",
        not_on_stock=SLOW_THERE,
    ),
    harm(
        "endless_answer",
        "loops in a function",
        answer=similarity("while True: pass"),
        gets=only("timeout"),
        not_on_stock=SLOW_THERE,
    ),
    harm(
        "endless_error",
        "raises an error whose text takes for ever",
        answer=similarity(
            "raise Endless",
            "class Endless(Exception):\n    def __str__(self):\n        while True: pass\n",
        ),
        gets=only("timeout"),
        not_on_stock=SLOW_THERE,
    ),
    harm(
        "endless_finaliser",
        "loops when an object is thrown away",
        """
class Endless:
    def __del__(self):
        while True:
            pass

thrown_away = Endless()
del thrown_away
""",
        not_on_stock=SLOW_THERE,
    ),
    harm(
        "endless_exit",
        "loops when the process ends",
        "import atexit, time\natexit.register(time.sleep, 3600)\n",
        not_on_stock="a kernel that does not end is killed there too",
    ),
    harm(
        "endless_threads",
        "leaves threads that compute for ever",
        """
import threading

def work():
    while True:
        sum(range(1000))

for _ in range(2):
    threading.Thread(target=work).start()
""",
        not_on_stock="a kernel that does not end is killed there too",
    ),
    harm("exit", "leaves by exit()", "exit()\n", not_on_stock="exit() in a cell is caught there"),
    harm("leaves", "ends the process in a cell", "import os\nos._exit(0)\n", on_stock="loses"),
    harm(
        "leaves_in_an_answer",
        "ends the process in a function",
        answer=similarity("os._exit(0)", "import os"),
        gets=only("crashed"),
        on_stock="loses",
    ),
    harm(
        "segfault",
        "reads address 0 in a cell",
        "import ctypes\nctypes.string_at(0)\n",
        on_stock="loses",
    ),
    harm(
        "segfault_in_an_answer",
        "reads address 0 in a function",
        answer=similarity("ctypes.string_at(0)", "import ctypes"),
        gets=only("crashed"),
        on_stock="loses",
    ),
    harm(
        "recursion",
        "recurses for ever",
        answer=similarity("return similarity(query, keys)"),
        gets=only("error"),
        not_on_stock="an error there too, which costs the same points",
    ),
    harm(
        "recursion_in_c",
        "recurses for ever, with the limit taken away",
        "import sys\nsys.setrecursionlimit(10**9)\ndef down(): return [down()]\nrepr(down())\n",
        not_on_stock=SLOW_THERE,
    ),
    harm(
        "orphans",
        "leaves a process that has left its group and its parent",
        """
import os, signal, time

if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        time.sleep(100)
    os._exit(0)
os.wait()
""",
        not_on_stock="no grade is lost, and the process lives on",
    ),
    harm(
        "stops_itself",
        "stops its own process",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\n",
        not_on_stock=SLOW_THERE,
    ),
    harm(
        "stops_its_guard",
        "stops and kills its parent, and asks the grader to end",
        """
import os, signal

acts = [(os.getppid(), signal.SIGSTOP), (os.getppid(), signal.SIGKILL)]
for number, act in [*acts, (stage["grader"], signal.SIGTERM)]:
    try:
        os.kill(number, act)
    except OSError as error:
        print(type(error).__name__)
""",
        not_on_stock=DANGER,
    ),
    harm(
        "kills_its_group",
        "kills its own process group",
        "import os, signal\nos.killpg(0, signal.SIGKILL)\n",
        not_on_stock=DANGER,
    ),
    harm(
        "closes_everything",
        "closes every file that it holds",
        "import os\nos.closerange(0, 4096)\n",
        not_on_stock=SLOW_THERE,
    ),
    harm(
        "uses_up_descriptors",
        "opens files until it may open no more",
        """
held = []
try:
    while True:
        held.append(open("/dev/null"))
except OSError:
    pass
""",
        gets=nothing("crashed"),
        not_on_stock="a kernel needs no more files there, no grade is lost",
    ),
    harm(
        "empty_interpreter",
        "takes the builtins and the modules away",
        """
import builtins, sys

for name in ("print", "len", "isinstance", "open", "__import__"):
    setattr(builtins, name, None)
sys.modules.clear()
""",
        not_on_stock=SLOW_THERE,
    ),
    harm(
        "shared_memory",
        "fills the shared memory with 200 MB",
        """
try:
    with open("/dev/shm/full", "wb") as file:
        for _ in range(200):
            file.write(bytes(10**6))
except OSError as error:
    print(error)
""",
        not_on_stock=DANGER,
    ),
)
