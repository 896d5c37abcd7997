"""The corpus of attacks, faults and oddities: every entry gets what it must, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import numpy as np
import pytest

from autograder import job, pools
from autograder.course_directory import find_course
from autograder.data import Array, Tree
from autograder.executor import Executor, Limits
from autograder.grader import Exam, Graded
from autograder.grading import Grading
from autograder.sample import Desk, read_class, write
from autograder.sandbox import Walls
from autograder.show import Card
from autograder.submission import grade_id, parse, read_submission
from tests.corpus import FAMILIES, Entry, stock
from tests.corpus.entry import PROBLEM
from tests.corpus.feedback import MARK
from tests.corpus.scene import TOKEN, Scene, staged

ROOT = Path(__file__).parent.parent
ASSIGNMENT = "a1_attention"
QUICK = Limits(cell_seconds=2, problem_seconds=2, submission_seconds=15)
SECRET = "canary-of-the-hidden-cases"
START_OF_A_PICTURE = '<div style="margin-top: 6px">'
Grades = dict[str, tuple[float, str]]
ENTRIES = {entry.name: entry for family in FAMILIES.values() for entry in family}

NEIGHBOUR = """
import ctypes, time

canary = "{canary}"
open("answers.txt", "w").write(canary)
ctypes.CDLL(None).prctl(15, b"neighbour")  # its name in /proc
time.sleep(1000)
"""

MEMORY_SCAN = """
import gc

def similarity(query, keys):
    trees = [x for x in gc.get_objects() if type(x) is dict and "cases" in x]
    found = [x for x in trees if type(x["cases"]) is list]
    held = [x for x in gc.get_objects() if isinstance(x, bytes) and b'"cases"' in x]
    raise ValueError(str([len(x["cases"]) for x in found] + [len(x) for x in held]))
"""


# The desk at which all are graded ----------------------------------------------------------------


@dataclass(frozen=True)
class Room:
    """A course with canaries, and the one executor that grades there."""

    scene: Scene
    desk: Desk
    exam: Exam
    executor: Executor
    hidden: frozenset[str]
    others: frozenset[int]

    def graded(self, entry: Entry) -> Graded:
        """What comes back for a submission, by the way that all submissions go."""
        student = self.scene.course / "submitted" / entry.name
        path = student / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
        path.parent.mkdir(parents=True)
        content = entry.content(self.desk.notebook(), self.scene.stage(entry.name))
        content(path) if callable(content) else write(content, path)
        try:
            graded = self.exam.grader(self.executor).grade(read_submission(path))
            return job.graded(job.as_json(graded))
        finally:
            shutil.rmtree(student)


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    """Beside the submissions, a neighbour is at work all the time."""
    # Everybody may enter these folders: it is for the walls to hide them.
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        os.chmod(folder, 0o755)
        course = Path(folder, "course")
        for name in ("solutions", "assignments"):
            shutil.copytree(ROOT / name, course / name)
        shutil.copy(ROOT / "nbgrader_config.py", course)
        with staged(course) as scene:
            scene.plant(course)
            patch.setenv("AUTOGRADER_SECRET", SECRET)
            patch.setenv(TOKEN, scene.canaries["environment"])
            desk, _ = read_class(find_course(course), ASSIGNMENT)
            exam = replace(find_course(course).exam(ASSIGNMENT), limits=QUICK)
            before = all_files(course)
            with Executor(Walls()) as executor, neighbour(executor, scene):
                others = frozenset(descendants(os.getpid()))
                yield Room(scene, desk, exam, executor, hidden_numbers(exam), others)
            assert all_files(course) == before
            assert not descendants(os.getpid()) & others


@contextmanager
def neighbour(executor: Executor, scene: Scene) -> Iterator[None]:
    """Another submission with a secret, and a process that was started with one."""
    cell = NEIGHBOUR.format(canary=scene.canaries["neighbour"])
    limits = Limits(cell_seconds=1000, submission_seconds=1000)
    process = subprocess.Popen(["sleep", "1000"])  # with the canary of the environment
    working = threading.Thread(target=executor.run, args=([cell], [], {}, limits))
    working.start()
    while not (found := named("neighbour")):
        time.sleep(0.05)
    yield
    for pid in (*found, process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait()
    working.join()


def all_files(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def hidden_numbers(exam: Exam) -> frozenset[str]:
    """The numbers of hidden cases, as Python writes them, that no public case has."""
    hidden, public = set[str](), set[str]()
    for problem in exam.sheet.problems.values():
        for case in problem.cases:
            numbers = {repr(n) for n in floats([case.request, case.expected])}
            (hidden if case.hidden else public).update(n for n in numbers if len(n) > 8)
    return frozenset(hidden - public)


def floats(tree: Tree) -> Iterator[float]:
    if isinstance(tree, Array) and np.issubdtype(tree.values.dtype, np.floating):
        yield from tree.values.ravel().tolist()
    elif isinstance(tree, dict):
        yield from floats(list(tree.values()))
    elif isinstance(tree, list | tuple):
        for item in tree:
            yield from floats(item)


# Processes ---------------------------------------------------------------------------------------


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    return [int(child) for task in tasks.glob("*/children") for child in text(task).split()]


def text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended
        return ""


def descendants(pid: int) -> set[int]:
    found = set(children(pid))
    return found | {below for child in found for below in descendants(child)}


def named(name: str) -> list[int]:
    """Descendants of this process by the name that they gave themselves."""
    return [p for p in descendants(os.getpid()) if text(Path(f"/proc/{p}/comm")).strip() == name]


def survivors(room: Room) -> list[str]:
    """Command lines of what is at work, but for the warm process, one worker and the neighbour."""
    workers = {
        child
        for pid in room.others
        if "autograder.executor.zygote" in text(Path(f"/proc/{pid}/cmdline"))
        for child in children(pid)
    }
    alive = descendants(os.getpid()) - room.others
    idle = {pid for pid in alive & workers if not children(pid)}
    strays = alive - idle if len(idle) <= 1 else alive
    return [text(Path(f"/proc/{pid}/status")) for pid in strays]


# Each entry --------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_every_entry_says_what_it_is(family: str) -> None:
    for entry in FAMILIES[family]:
        assert entry.tries
        assert bool(entry.on_stock) != bool(entry.not_on_stock), entry.name
    assert len(ENTRIES) == sum(map(len, FAMILIES.values())), "two entries of one name"
    assert len(ENTRIES) >= 60


@pytest.mark.parametrize(
    ("family", "entry"),
    [
        pytest.param(family, entry, id=entry.name)
        for family, entries in FAMILIES.items()
        for entry in entries
    ],
)
def test_an_entry_gets_what_it_must(
    family: str,
    entry: Entry,
    room: Room,
    on_stock: dict[str, stock.Outcome],
    record_property: Callable[[str, object], None],
) -> None:
    room.scene.heard.clear()
    graded = room.graded(entry)
    found = {name: (v.points, v.status) for name, v in graded.verdicts.items()}
    full = {name: (worth, "correct") for name, worth in room.exam.release.points.items()}
    expected = {**full, **entry.gets}
    there = str(on_stock[entry.name]) if entry.on_stock else f"– {entry.not_on_stock}"
    record_property("corpus", (family, entry.name, shown(expected), shown(found), there))
    assert agree(found, expected), {n: v.message[:500] for n, v in graded.verdicts.items()}
    assert not survivors(room)
    assert room.scene.heard == []
    assert escaped(room, graded) == []


def agree(found: Grades, expected: Grades) -> bool:
    """Whether each problem has its points and a status that was expected."""
    return found.keys() == expected.keys() and all(
        found[name][0] == points and found[name][1] in status.split(" or ")
        for name, (points, status) in expected.items()
    )


def shown(grades: Grades) -> str:
    """Grades in a few words."""
    total = sum(points for points, _ in grades.values())
    odd = {status for _, status in grades.values()} - {"correct"}
    return f"{total:g} of 20" + (f" ({', '.join(sorted(odd))})" if odd else "")


def escaped(room: Room, graded: Graded) -> list[str]:
    """What has come out that must not: canaries, hidden numbers, active text in verdicts."""
    nbformat.validate(graded.notebook)
    notebook = nbformat.writes(graded.notebook)
    messages = [verdict.message for verdict in graded.verdicts.values()]
    everything = "\n".join([notebook, *messages])
    found = room.scene.canaries_in(everything.encode()) + [SECRET] * (SECRET in everything)
    found += room.hidden.intersection(re.findall(r"-?\d+\.\d+", everything))
    for cell in graded.notebook.cells:
        if verdict := graded.verdicts.get(grade_id(cell)):
            card, *_ = cell.outputs[0]["data"]["text/html"].split(START_OF_A_PICTURE)
            own = Card(replace(verdict, message="said")).html().removesuffix("</div>")
            found += [f"an element in {verdict.problem}"] * (
                card.removesuffix("</div>").count("<") != own.count("<")
            )
    for message in messages:
        odd = [char for char in message if char != "\n" and not char.isprintable()]
        found += [f"{char!r} in a message" for char in odd]
        found += ["a message begins a formula"] * message.startswith(("=", "+", "-", "@", "\t"))
    return found


def test_a_public_case_finds_no_hidden_input_to_show(room: Room) -> None:
    # The text of an error is shown where a public case raises the same. So while public cases are
    # answered, no hidden input of any problem may be in reach.
    notebook = room.desk.notebook(**{PROBLEM: MEMORY_SCAN})
    submission = parse(nbformat.writes(notebook).encode(), "scan.ipynb")
    verdict = room.exam.grader(room.executor).grade(submission).verdicts[PROBLEM]
    public = sum(not case.hidden for case in room.exam.sheet.problems[PROBLEM].cases)
    assert f"ValueError: [{public}]" in verdict.message


# Pages of feedback -------------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects what a browser would run of a page, where a student wrote it, and would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.active: list[str] = []
        self.fetched: list[str] = []
        self._tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.active += [
            f"{name} of {tag}"
            for name, value in attrs
            if value and MARK in value and (name.startswith("on") or "javascript:" in value)
        ]
        self.fetched += [
            f"{name} of {tag}: {value}"
            for name, value in attrs
            if value and name in ("src", "href", "data", "action") and tag != "a"
            if not value.startswith("data:image/")
        ]

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        self.active += ["a script"] * (self._tag == "script" and MARK in data)


def test_no_page_of_feedback_runs_or_fetches_what_a_student_wrote(
    room: Room, tmp_path: Path
) -> None:
    course, entries = tmp_path / "course", FAMILIES["feedback"]
    course.mkdir()
    for name in ("solutions", "assignments"):
        (course / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "nbgrader_config.py", course)
    for entry in entries:
        path = course / "submitted" / entry.name / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
        path.parent.mkdir(parents=True)
        write(entry.content(room.desk.notebook(), room.scene.stage(entry.name)), path)
    program = Path(sys.executable).with_name("nbgrader")
    with pools.local(2) as pool:
        assert len(list(Grading(find_course(course), ASSIGNMENT).run(pool))) == len(entries)
    subprocess.run([program, "generate_feedback", ASSIGNMENT], cwd=course, check=True)
    pages = {
        entry.name: Page(
            (course / "feedback" / entry.name / ASSIGNMENT / f"{ASSIGNMENT}.html").read_text()
        )
        for entry in entries
    }
    assert {name: page.active for name, page in pages.items() if page.active} == {}
    assert {name: page.fetched for name, page in pages.items() if page.fetched} == {}


# Stock nbgrader ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, stock.Outcome]]:
    """What stock nbgrader makes of the entries that are shown there."""
    folder = tmp_path_factory.mktemp("stock")
    entries = [entry for entry in ENTRIES.values() if entry.on_stock]
    with staged(folder / "unused") as scene, pytest.MonkeyPatch.context() as patch:
        patch.setenv(TOKEN, scene.canaries["environment"])
        yield stock.run(entries, scene, folder)


def test_stock_nbgrader_pays_for_right_answers_only(on_stock: dict[str, stock.Outcome]) -> None:
    assert on_stock["right"].points == stock.WORTH
    assert on_stock["wrong"].points == 0


@pytest.mark.parametrize("name", [entry.name for entry in ENTRIES.values() if entry.on_stock])
def test_an_attack_succeeds_on_stock_nbgrader(
    name: str, on_stock: dict[str, stock.Outcome]
) -> None:
    assert on_stock[name].is_as(ENTRIES[name].on_stock), on_stock[name]
