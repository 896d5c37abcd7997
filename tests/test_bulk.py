"""A class graded at once: killed and started again, and on a cluster; nothing is lost."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell

from autograder.course_directory import find_course
from autograder.grading import AHEAD
from autograder.sample import read_class, write_class

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
ASSIGNMENT = "a1_attention"
WORKERS = 2
KILLS = 10

QUICK = """
c.Execute.cell_seconds = 2
c.Execute.problem_seconds = 1
c.Execute.submission_seconds = 10
"""

# Counts every job that begins, in a file of its own line: no kill can lose one.
DRIVER = f"""
import os, sys
from pathlib import Path
from autograder import job, pools
from autograder.course_directory import find_course
from autograder.grading import Grading

begun = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
run = job.run

def counted(exam, content, checkpoints):
    os.write(begun, b"begun\\n")
    return run(exam, content, checkpoints)

job.run = counted
with pools.local({WORKERS}) as pool:
    for outcome in Grading(find_course(Path.cwd()), "{ASSIGNMENT}").run(pool):
        pass
"""

BREAKING = (
    "while True: pass",
    "import os; os._exit(1)",
    "import ctypes; ctypes.string_at(0)",
    "import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
    "x = [bytearray(2**28) for _ in range(99)]",
    "print('flood' * 10**7)",
)


def many(course: Path, count: int, broken: int) -> None:
    """A class of `count`, of which `broken` are no notebook, or break what runs them."""
    write_class(find_course(ROOT), ASSIGNMENT, course)
    shutil.rmtree(course / "submitted")
    config = course / "nbgrader_config.py"
    text = config.read_text()
    config.unlink()
    config.write_text(text + QUICK)
    desk, _ = read_class(find_course(ROOT), ASSIGNMENT)
    right = nbformat.writes(desk.notebook())
    wrong = nbformat.writes(desk.notebook(attend=desk.mistaken("attend", "no_scale")))
    for number in range(count):
        folder = course / "submitted" / f"student{number:03}" / ASSIGNMENT
        folder.mkdir(parents=True)
        content = (right, wrong)[number % 2]
        if number < broken:
            content = breaking(right, number)
        (folder / f"{ASSIGNMENT}.ipynb").write_text(content)


def breaking(right: str, number: int) -> str:
    """A notebook that is none, or ends in a cell that breaks what runs it."""
    if number % 3 == 0:
        return right[: len(right) * number // 40]
    notebook = nbformat.reads(right, as_version=4)
    notebook.cells.append(new_code_cell(BREAKING[number % len(BREAKING)]))
    return nbformat.writes(notebook)


def gradebook(course: Path) -> list[Any]:
    """All that the gradebook says of anybody's points, and the rows of every record."""
    grades = """
        SELECT student.id, base_cell.name, grade.auto_score, grade.needs_manual_grade FROM grade
        JOIN submitted_notebook ON grade.notebook_id = submitted_notebook.id
        JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
        JOIN student ON submitted_assignment.student_id = student.id
        JOIN base_cell ON grade.cell_id = base_cell.id ORDER BY 1, 2
    """
    records = "SELECT student, rows FROM autograder_record ORDER BY 1"
    with sqlite3.connect(course / "gradebook.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [*database.execute(grades), *database.execute(records)]


def start(course: Path, begun: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "AUTOGRADER_SECRET": "of the tests"}
    command = [sys.executable, "-c", DRIVER, begun]
    return subprocess.Popen(command, cwd=course, env=environment, stderr=subprocess.PIPE)


def test_killed_ten_times_the_gradebook_is_as_if_undisturbed(tmp_path: Path) -> None:
    calm, shaken = tmp_path / "calm", tmp_path / "shaken"
    count = 100
    for course in (calm, shaken):
        many(course, count, broken=30)
    undisturbed = start(calm, tmp_path / "calm.log")
    _, said = undisturbed.communicate()
    assert undisturbed.returncode == 0, said
    random.seed(0)
    log, kills = tmp_path / "shaken.log", 0
    for _ in range(KILLS):
        before = log.read_bytes() if log.exists() else b""
        running = start(shaken, log)
        while running.poll() is None and (log.read_bytes() if log.exists() else b"") == before:
            time.sleep(0.05)
        time.sleep(random.uniform(0, 1.5))
        kills += running.poll() is None
        running.send_signal(signal.SIGKILL)
        running.communicate()
    assert kills == KILLS
    last = start(shaken, log)
    _, said = last.communicate()
    assert last.returncode == 0, said
    assert gradebook(shaken) == gradebook(calm)
    jobs, once = (len(path.read_text().splitlines()) for path in (log, tmp_path / "calm.log"))
    assert once <= jobs <= once + kills * AHEAD * WORKERS
    for student in (shaken / "submitted").iterdir():
        graded = shaken / "autograded" / student.name / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
        nbformat.read(graded, as_version=4)


# A cluster ----------------------------------------------------------------------------------------


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A dask scheduler with two workers on this machine, each a process of its own."""
    address = folder / "scheduler.json"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    scheduler = [BIN / "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    worker = [BIN / "dask", "worker", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
    place = ["--scheduler-file", address]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = [subprocess.Popen([*scheduler, *place], cwd=folder, env=environment, **quiet)]
    try:
        while not address.exists():
            assert running[0].poll() is None
            time.sleep(0.1)
        running += [
            subprocess.Popen([*worker, *place], cwd=folder, env=environment, **quiet)
            for _ in range(2)
        ]
        yield json.loads(address.read_text())["address"]
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait(timeout=30)


def grade(course: Path, *options: str) -> list[str]:
    """The lines of JSON that grading gives, by student."""
    subprocess.run(
        [BIN / "autograder", "grade", ASSIGNMENT, "--json", "rows", *options],
        cwd=course,
        env={**os.environ, "AUTOGRADER_SECRET": "of the tests"},
        check=True,
        capture_output=True,
    )
    return sorted((course / "rows").read_text().splitlines())


def test_a_cluster_gives_the_same_lines_and_the_same_gradebook(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for course in (here, there):
        many(course, 12, broken=6)
    with cluster(tmp_path) as address:
        assert grade(there, "--cluster", address) == grade(here)
    assert gradebook(there) == gradebook(here)


def test_no_cluster_is_one_sentence(tmp_path: Path) -> None:
    course = tmp_path / "course"
    many(course, 1, broken=0)
    done = subprocess.run(
        [BIN / "autograder", "grade", ASSIGNMENT, "--cluster", "tcp://127.0.0.1:9"],
        cwd=course,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no dask scheduler answers at tcp://127.0.0.1:9: start one with" in done.stderr
    assert done.stderr.strip().count("\n") == 0
