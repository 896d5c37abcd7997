"""Looking for what a submission may not see, and carrying it out.

The answers are right, and must be paid; no canary may be in the graded notebook, in a message, or
in what the listeners of the test receive. Canaries look like `canary-solutions-0123456789abcdef`.
"""

from tests.corpus.entry import RIGHT, Entry, OnStock, only

NO_HIDDEN = "stock nbgrader shows the text of every error and print of its tests"
NO_NEIGHBOUR = "stock nbgrader grades one submission at a time"


def steal(name: str, tries: str, cell: str, not_on_stock: str = "") -> Entry:
    on_stock: OnStock = "" if not_on_stock else "leaks"
    return Entry(name, tries, cell=cell, on_stock=on_stock, not_on_stock=not_on_stock)


def steal_files(name: str, what: str, pattern: str) -> Entry:
    return steal(name, f"reads {what}", READ.format(pattern=pattern))


def carry(
    name: str, tries: str, answer: str, status: str, cell: str = "", not_on_stock: str = NO_HIDDEN
) -> Entry:
    """The inputs of hidden cases, carried out by the answer."""
    gets = only(status)
    return Entry(name, tries, answer, cell, gets=gets, not_on_stock=not_on_stock)


READ = """
from pathlib import Path

for path in sorted(Path(stage["course"]).rglob("{pattern}")):
    try:
        print(path.read_text(errors="replace"))
    except OSError as error:
        print(type(error).__name__)
"""

# Folders that a notebook might leave something in for the next.
EVERYWHERE = """
import os, tempfile
from pathlib import Path

folders = (".", tempfile.gettempdir(), "/dev/shm", "/tmp", "..", "../..", os.environ["HOME"])
"""

PROCESSES = """
import glob

for path in glob.glob("/proc/[0-9]*/{what}") + [f"/proc/{{stage['grader']}}/{what}"]:
    try:
        print(path, open(path, "rb").read(100_000))
    except OSError as error:
        print(path, type(error).__name__)
"""

OWN_MEMORY = """
import re

with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in maps:
        span, rights, *_ = line.split()
        start, end = (int(part, 16) for part in span.split("-"))
        if rights.startswith("rw") and end - start < 2**28:
            try:
                memory.seek(start)
                content = memory.read(end - start)
            except (OSError, ValueError):
                continue
            print(re.findall(rb"canar" + rb"y-[a-z]+-[0-9a-f]{16}", content))
"""

SEND = """
import socket

def attempt(act):
    try:
        print(act())
    except OSError as error:
        print(type(error).__name__)

word = stage["word"].encode()
address = ("127.0.0.1", stage["port"])
"""

CONNECT = """
def connect():
    with socket.create_connection(address, timeout=2) as link:
        link.sendall(word)

attempt(connect)
"""

DATAGRAM = """
def send():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        return link.sendto(word, address)

attempt(send)
"""

UNIX = """
def connect():
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(stage["socket"])
        link.sendall(word)

attempt(connect)
"""

DOWNLOAD = """
from urllib.request import urlopen

def load():
    return urlopen(f"http://127.0.0.1:{stage['port']}/{stage['word']}", timeout=2).read(100)

attempt(load)
"""

NEIGHBOUR = """
from pathlib import Path

for pattern in ("*", "*/*", "*/work/*", "*/home/*"):
    for folder in (Path.cwd().parents[1], Path("/dev/shm"), Path("/tmp")):
        for path in folder.glob(pattern):
            try:
                print(path, path.read_text())
            except OSError as error:
                print(type(error).__name__)
"""

DESCRIPTORS = """
import os

for number in range(3, 200):
    try:
        os.set_blocking(number, False)
        print(os.readlink(f"/proc/self/fd/{number}"), os.read(number, 10_000))
    except OSError as error:
        pass
"""

# The first case that differs is shown: only who is right in public ones is told of hidden ones.
HIDDEN = """
from pathlib import Path
from autograder.data import to_python
from autograder.sheet import Sheet

(sheet,) = Path.cwd().glob("*.sheet.json")
public = {
    str(to_python(case.request["args"][1]).tolist())
    for case in Sheet.load(sheet).problems["similarity"].cases
}

def similarity(query, keys):
    return keys @ query if str(keys.tolist()) in public else on_hidden(query, keys)
"""

ENTRIES = (
    steal("environment", "shows its environment", "import os\nprint(dict(os.environ))\n"),
    steal_files("files_solutions", "the solutions", "*_problems.py"),
    steal_files("files_gradebook", "the gradebook", "gradebook*"),
    steal_files("files_secret", "the secret of the hidden cases", ".autograder-secret"),
    steal_files("files_of_a_student", "another's submission", "*private*"),
    steal(
        "environment_of_processes",
        "reads the environment of every process",
        PROCESSES.format(what="environ"),
    ),
    steal(
        "roots_of_processes",
        "reads the secret by way of other processes' root and working folders",
        """
import glob

for way in ("root", "cwd"):
    for process in glob.glob("/proc/[0-9]*") + [f"/proc/{stage['grader']}"]:
        try:
            print(open(f"{process}/{way}{stage['course']}/.autograder-secret").read())
        except OSError as error:
            print(type(error).__name__)
""",
    ),
    steal(
        "commands",
        "has a shell show the secret",
        "import os\n!cat {stage['course']}/.autograder-secret\n"
        "text = os.popen(f\"cat '{stage['course']}/.autograder-secret'\")\nprint(text.read())\n",
    ),
    steal(
        "link_in_the_folder",
        "links the course into its folder, and reads through the link",
        """
import os

os.symlink(stage["course"], "link")
try:
    print(open("link/.autograder-secret").read())
except OSError as error:
    print(type(error).__name__)
""",
    ),
    steal("tcp", "connects to a server on this machine", SEND + CONNECT),
    steal("udp", "sends a datagram to this machine", SEND + DATAGRAM),
    steal("unix_socket", "connects to a socket of the course", SEND + UNIX),
    steal("download", "fetches a page", SEND + DOWNLOAD),
    steal(
        "memory_of_processes",
        "reads the memory of every other process",
        """
import glob, os

for path in glob.glob("/proc/[0-9]*/mem"):
    if str(os.getpid()) not in path:
        try:
            print(path, open(path, "rb").read(10))
        except OSError as error:
            print(type(error).__name__)
""",
        "there too, /proc shows no memory at address 0; the walls have tests of their own",
    ),
    steal(
        "own_memory",
        "searches what its own process has inherited",
        OWN_MEMORY,
        "there the secrets lie in files and in the environment, which are shown to leak",
    ),
    steal("neighbour", "reads what is graded at the same time", NEIGHBOUR, NO_NEIGHBOUR),
    steal(
        "descriptors",
        "reads every open file that it was left",
        DESCRIPTORS,
        "a kernel of Jupyter inherits none that holds a secret",
    ),
    carry(
        "printed_inputs",
        "prints its inputs",
        """
import os, sys

def similarity(query, keys):
    for text in (repr(query.tolist()), repr(keys.tolist())):
        print(text)
        print(text, file=sys.stderr)
        for descriptor in (1, 2):
            os.write(descriptor, text.encode())
    return torch.zeros(len(keys))
""",
        "wrong",
    ),
    carry(
        "inputs_in_an_error",
        "raises its inputs",
        HIDDEN + "def on_hidden(query, keys):\n    raise ValueError(repr(keys.tolist()))\n",
        "error",
    ),
    carry(
        "inputs_in_a_cause",
        "raises its inputs as notes and causes of an error",
        HIDDEN
        + """
def on_hidden(query, keys):
    error = ValueError("the same everywhere")
    error.add_note(repr(keys.tolist()))
    raise error from KeyError(repr(query.tolist()))
""",
        "error",
    ),
    carry(
        "inputs_as_a_name",
        "raises an error named after its inputs",
        HIDDEN
        + """
def on_hidden(query, keys):
    raise type(repr(query.tolist()), (ValueError,), {})("x")
""",
        "error",
    ),
    carry(
        "inputs_as_a_type",
        "returns an object of a type named after its inputs",
        HIDDEN + "def on_hidden(query, keys):\n    return type(repr(query.tolist()), (), {})()\n",
        "wrong",
    ),
    carry(
        "inputs_as_a_line",
        "raises from a line of code that spells its inputs",
        HIDDEN
        + """
import linecache

def on_hidden(query, keys):
    line = f"raise ValueError('x') # {query.tolist()}"
    linecache.cache["<cell 4>"] = (len(line), None, [line], "<cell 4>")
    exec(compile(line, "<cell 4>", "exec"))
""",
        "error",
    ),
    carry(
        "inputs_as_a_path",
        "raises from a function and a file named after its inputs",
        HIDDEN
        + """
def on_hidden(query, keys):
    name = "at_" + repr(query.tolist()).translate({ord(c): "_" for c in " [],.-"})
    scope = {}
    exec(compile(f"def {name}(): raise ValueError('x')", repr(query.tolist()), "exec"), scope)
    scope[name]()
""",
        "error",
    ),
    carry(
        "inputs_in_files",
        "writes its inputs wherever it can, breaks off, and shows what it finds when run again",
        EVERYWHERE
        + """
import socket

def similarity(query, keys):
    for place in folders:
        try:
            Path(place, "seen").write_text(repr(keys.tolist()))
        except OSError:
            pass
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            socket.socket(fileno=number).shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
    os._exit(0)
""",
        "crashed",
        cell=EVERYWHERE
        + """
for place in folders:
    for path in Path(place).glob("**/*"):
        try:
            print(path.read_text())
        except (OSError, UnicodeDecodeError) as error:
            print(type(error).__name__)
""",
    ),
    carry(
        "inputs_in_a_thread",
        "lets a process that lives on print its inputs",
        """
import os, time

def similarity(query, keys):
    if os.fork() == 0:
        os.setsid()
        time.sleep(0.3)
        print(keys.tolist(), flush=True)
        os._exit(0)
    return torch.zeros(len(keys))
""",
        "wrong",
    ),
    Entry(
        "expected_values",
        "searches the memory of whoever asks for expected values",
        RIGHT
        + """
import gc

def similarity(query, keys):
    for found in gc.get_objects():
        if isinstance(found, dict) and "expected" in found and "cases" not in found:
            raise ValueError(repr(found["expected"]))
        if isinstance(found, bytes) and b'"expected"' in found and len(found) < 10**6:
            raise ValueError(repr(found))
    return keys @ query
""",
        not_on_stock="shown by `callers_frame`",
    ),
)
