"""`make bench`: how fast checking and grading are, beside stock nbgrader in the same run.

Prints numbers and judges none: machines differ. `make bench KEEP=1` also writes what grading costs
to `tests/bench.json`, with the date and the machine.
"""

from __future__ import annotations

import datetime
import functools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Self

import nbformat
import psutil
from jupyter_client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from nbformat import NotebookNode

from autograder import job
from autograder.course_directory import CONFIG, find_course
from autograder.executor import Executor
from autograder.gradebook import GradebookWriter, Record
from autograder.grader import Exam
from autograder.sample import Desk, read_class
from autograder.sandbox import Walls
from autograder.submission import grade_id, laid_on, parse
from tests.equivalent.course import write_source

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
ASSIGNMENT = "a1_attention"
CALLS = 50
REPEATS = 20
STOCK = 20
"""Submissions that stock nbgrader grades: its cost a submission does not depend on their number."""
CLASSES = ((20, 2), (200, 1), (200, 2), (1000, 2))
"""(submissions, workers) of the runs of this course."""
KEPT = Path(__file__).with_suffix(".json")


def check_latency(desk: Desk) -> None:
    """Wall time of `check` in a running kernel, from sending the cell to the kernel being idle."""
    folder = ROOT / "assignments" / ASSIGNMENT
    print(f"check(...) in a running kernel, {CALLS} calls each, milliseconds")
    print(f"{'problem':32} {'answer':8} {'median':>7} {'95 %':>7} {'most':>7}")
    manager, client = start_new_kernel(cwd=str(folder))
    try:
        client.execute(desk.source.setup, reply=True, timeout=120)
        for problem in desk.source.problems:
            answers = {
                "right": desk.source.solutions[problem.name],
                "wrong": desk.mistaken(problem.name, problem.misconceptions[-1].id),
            }
            for label, answer in answers.items():
                client.execute(answer, reply=True, timeout=60)
                times = [_seconds(client, f"check('{problem.name}')") for _ in range(CALLS)]
                print(f"{problem.name:32} {label:8} {_in_milliseconds(times)}")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _seconds(client: BlockingKernelClient, code: str) -> float:
    start = time.perf_counter()
    client.execute_interactive(code, output_hook=lambda message: None, timeout=60)
    return time.perf_counter() - start


def _in_milliseconds(times: Sequence[float]) -> str:
    last = statistics.quantiles(times, n=20)[-1]
    return " ".join(f"{1000 * t:7.0f}" for t in (statistics.median(times), last, max(times)))


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds, and the largest process in MB."""

    command: str
    submissions: int
    cpu: float
    wall: float
    megabytes: float


def a_class(folder: Path, notebook: NotebookNode, submissions: int) -> Path:
    """A course directory in which so many have handed in that notebook."""
    folder.mkdir()
    for name in (CONFIG, "solutions", "assignments"):
        (folder / name).symlink_to(ROOT / name)
    hand_in(folder, notebook, submissions)
    cost_of(folder, 0, "nbgrader", "db", "assignment", "add", ASSIGNMENT)  # makes the gradebook
    return folder


def stock_class(folder: Path, notebook: NotebookNode, submissions: int) -> Path:
    """The same class in a course directory of stock nbgrader, tested by equivalent assertions.

    generate_assignment makes the gradebook.
    """
    source = nbformat.read(ROOT / "solutions" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", as_version=4)
    sheet = find_course(ROOT).exam(ASSIGNMENT).sheet
    write_source(folder / "source" / ASSIGNMENT, source, sheet)
    cost_of(folder, 0, "nbgrader", "generate_assignment", ASSIGNMENT)
    release = nbformat.read(folder / "release" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", as_version=4)
    answers = {grade_id(cell): cell.source for cell in notebook.cells if grade_id(cell)}
    for cell in release.cells:
        cell.source = answers.get(grade_id(cell), cell.source)
    hand_in(folder, release, submissions)
    return folder


def hand_in(course: Path, notebook: NotebookNode, submissions: int) -> None:
    text = nbformat.writes(notebook)
    for number in range(submissions):
        target = course / "submitted" / f"student{number:04}" / ASSIGNMENT
        target.mkdir(parents=True)
        (target / f"{ASSIGNMENT}.ipynb").write_text(text)


def cost_of(course: Path, submissions: int, command: str, *arguments: str) -> Cost:
    """Run a command in a course folder; the CPU of all its processes is counted."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    running = subprocess.Popen(
        [BIN / command, *arguments],
        cwd=course,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with Walled(running.pid) as walled:
        assert running.wait() == 0
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    waited = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    name = " ".join([command, *arguments])
    return Cost(name, submissions, waited + walled.cpu, wall, walled.megabytes)


class Walled:
    """Watches the processes of a command: their memory, and the CPU of those behind bubblewrap.

    bubblewrap does not wait for what it has started, so that no parent is told of its CPU: it is
    read from /proc, ten times a second, until the end. A context manager.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._seconds: dict[int, float] = {}
        self.megabytes = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    @property
    def cpu(self) -> float:
        """Seconds of the warm process, its workers, and all that they have waited for."""
        return sum(self._seconds.values())

    def _watch(self) -> None:
        while not self._is_over.wait(0.1):
            for process in self._processes():
                with suppress(psutil.Error):
                    self.megabytes = max(self.megabytes, process.memory_info().rss / 2**20)
                    if _is_behind_the_wall(process):
                        self._seconds[process.pid] = sum(process.cpu_times()[:4])

    def _processes(self) -> list[psutil.Process]:
        try:
            root = psutil.Process(self._pid)
            return [root, *root.children(recursive=True)]
        except psutil.Error:
            return []


def _is_behind_the_wall(process: psutil.Process) -> bool:
    """Whether it is the warm process or a worker, in a process namespace that is not ours."""
    try:
        here, there = (os.readlink(f"/proc/{pid}/ns/pid") for pid in ("self", process.pid))
    except OSError:  # it has ended
        return False
    # The CPU of a worker's forks is in its own, for it waits for them.
    above = [parent.name() for parent in process.parents()[:2]]
    return here != there and process.name() != "bwrap" and "bwrap" in above


def grading_cost(desk: Desk, folder: Path) -> list[Cost]:
    """The same right notebook, handed in by everybody: stock nbgrader, then this course."""
    notebook = desk.notebook()
    stock = stock_class(folder / "stock", notebook, STOCK)
    costs = [cost_of(stock, STOCK, "nbgrader", "autograde", ASSIGNMENT)]
    for submissions, workers in CLASSES:
        course = a_class(folder / f"{submissions} by {workers}", notebook, submissions)
        options = ("grade", ASSIGNMENT, "--workers", str(workers))
        costs.append(cost_of(course, submissions, "autograder", *options))
        if submissions == STOCK:  # the gradebook knows the assignment now, which nbgrader wants
            options = ("autograde", ASSIGNMENT, "--force")
            costs.append(cost_of(course, submissions, "nbgrader", *options))
    return costs


def print_costs(costs: Sequence[Cost]) -> None:
    stock = costs[0]
    print(f"\n{'whole command, both walls up':44} {'class':>5} {'CPU':>7} {'wall':>7} ", end="")
    print(f"{'MB':>5} {'CPU ratio':>10} {'wall ratio':>11}   (milliseconds a submission)")
    for cost in costs:
        cpu, wall = (1000 * total / cost.submissions for total in (cost.cpu, cost.wall))
        ratios = [
            (theirs / stock.submissions) / (own / cost.submissions)
            for theirs, own in ((stock.cpu, cost.cpu), (stock.wall, cost.wall))
        ]
        print(f"{cost.command:44} {cost.submissions:5} {cpu:7.0f} {wall:7.0f} ", end="")
        print(f"{cost.megabytes:5.0f} {ratios[0]:9.1f}× {ratios[1]:10.1f}×")


def print_stages(desk: Desk, folder: Path) -> None:
    """What one right submission costs where, in CPU of the process that does it."""
    course = find_course(a_class(folder / "stages", desk.notebook(), 1))
    exam, content = course.exam(ASSIGNMENT), nbformat.writes(desk.notebook()).encode()
    print("\nstage by stage, milliseconds of CPU for one right submission")
    with Executor(Walls(outer=True, inner=False)) as executor:
        without = in_the_forks(executor, [""], {}, exam)
    with Executor(Walls()) as executor:
        grader = exam.grader(executor)
        submission = parse(content, ASSIGNMENT)
        assert isinstance(submission, NotebookNode)
        cells, requests = grader.work(laid_on(submission, exam.release))
        fork = in_the_forks(executor, [""], {}, exam)
        run = in_the_forks(executor, cells, {}, exam)
        asked = in_the_forks(executor, cells, requests, exam)
        judged = here(lambda: grader.grade(submission)) - here(
            lambda: executor.run(cells, requests, exam.files)
        )
        text = job.run(exam, content, {})
    read = here(lambda: parse(content, ASSIGNMENT))
    carried = here(lambda: job.graded(text))
    graded = job.graded(text)
    with GradebookWriter(course, exam.release, ASSIGNMENT) as writer:
        writer.register()
        record = Record("", [])
        saved = here(lambda: writer.save("student0000", None, graded, record))
    for name, seconds in {
        "fork of a session, its folder, one empty cell": without,
        "inner wall": fork - without,
        "its cells": run - fork,
        "its answers, public and hidden: one fork": asked - run,
        "reading the file": read,
        "judging, and cards into the notebook": judged,
        "carrying the result over as JSON": carried,
        "gradebook and graded notebook": saved,
    }.items():
        print(f"  {name:48} {1000 * seconds:6.1f}")


def in_the_forks(
    executor: Executor, cells: Sequence[str], requests: Mapping[str, bytes], exam: Exam
) -> float:
    """CPU seconds of the worker and all it forks, for one run: mean of some."""
    run = functools.partial(executor.run, cells, requests, exam.files)
    run()
    before = cpu_behind_the_wall()
    for _ in range(REPEATS):
        run()
    return (cpu_behind_the_wall() - before) / REPEATS


def cpu_behind_the_wall() -> float:
    children = psutil.Process().children(recursive=True)
    return sum(sum(child.cpu_times()[:4]) for child in filter(_is_behind_the_wall, children))


def here(work: Callable[[], object]) -> float:
    """CPU seconds of this process for `work`: mean of some."""
    work()
    before = time.process_time()
    for _ in range(REPEATS):
        work()
    return (time.process_time() - before) / REPEATS


def main() -> None:
    """Run all benchmarks."""
    desk, _ = read_class(find_course(ROOT), ASSIGNMENT)
    check_latency(desk)
    with tempfile.TemporaryDirectory() as folder:
        print_stages(desk, Path(folder))
        costs = grading_cost(desk, Path(folder))
    print_costs(costs)
    if "--keep" in sys.argv:
        keep(costs)


def keep(costs: Sequence[Cost]) -> None:
    """Write the table of costs where the next person looks for it."""
    made = {
        "date": datetime.date.today().isoformat(),
        "by": "make bench KEEP=1",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}",
        "versions": {name: version(name) for name in ("nbgrader", "torch")},
        "seconds": [asdict(cost) for cost in costs],
    }
    KEPT.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
