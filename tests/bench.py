"""`make bench`: how fast checking and grading are, beside stock nbgrader in the same run.

Prints numbers and judges none: machines differ.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat
from jupyter_client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from autograder.course_directory import CONFIG, find_course
from autograder.sample import Desk, read_class

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
ASSIGNMENT = "a1_attention"
CALLS = 50
SUBMISSIONS = 20


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


def grading_cost(desk: Desk, folder: Path) -> None:
    """CPU and wall time of a class of equal submissions, here and in stock nbgrader."""
    ours = folder / "ours"
    ours.mkdir()
    for name in (CONFIG, "solutions", "assignments"):
        (ours / name).symlink_to(ROOT / name)
    stock = folder / "stock"
    source = stock / "source" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    source.parent.mkdir(parents=True)
    shutil.copy(ROOT / "solutions" / ASSIGNMENT / source.name, source)
    for sheet in (ROOT / "assignments" / ASSIGNMENT).glob("*.sheet.*"):
        shutil.copy(sheet, source.parent)
    _cost(stock, "nbgrader", "generate_assignment", ASSIGNMENT)
    for course in (ours, stock):
        for number in range(SUBMISSIONS):
            target = course / "submitted" / f"student{number:02}" / ASSIGNMENT
            target.mkdir(parents=True)
            nbformat.write(desk.notebook(), target / f"{ASSIGNMENT}.ipynb")
    print(f"\ngrading {SUBMISSIONS} right submissions, seconds for all")
    costs = {
        "nbgrader autograde, stock": _cost(stock, "nbgrader", "autograde", ASSIGNMENT),
        "autograder grade": _cost(ours, "autograder", "grade", ASSIGNMENT),
        "nbgrader autograde, this course": _cost(ours, "nbgrader", "autograde", ASSIGNMENT, "-f"),
    }
    cpu, wall = costs["nbgrader autograde, stock"]
    print(f"{'command':34} {'CPU':>6} {'wall':>6} {'CPU ratio':>10} {'wall ratio':>11}")
    for command, (own_cpu, own_wall) in costs.items():
        ratios = f"{cpu / own_cpu:9.1f}× {wall / own_wall:10.1f}×"
        print(f"{command:34} {own_cpu:6.1f} {own_wall:6.1f} {ratios}")


def _cost(course: Path, command: str, *arguments: str) -> tuple[float, float]:
    """CPU (of all processes) and wall seconds of a command in a course folder."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [BIN / command, *arguments], cwd=course, env=environment, check=True, capture_output=True
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main() -> None:
    """Run all benchmarks."""
    desk, _ = read_class(find_course(ROOT), ASSIGNMENT)
    check_latency(desk)
    with tempfile.TemporaryDirectory() as folder:
        grading_cost(desk, Path(folder))


if __name__ == "__main__":
    main()
