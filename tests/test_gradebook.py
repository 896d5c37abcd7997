"""The gradebook's writer leaves what nbgrader would, and all of a submission or nothing of it."""

from __future__ import annotations

import copy
import itertools
import multiprocessing
import os
import pwd
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import nbformat
import psycopg
import pytest
from nbformat.v4 import new_code_cell
from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Gradebook,
    MissingEntry,
    Notebook,
    SourceCell,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import BasePlugin
from nbgrader.preprocessors import NbGraderPreprocessor
from sqlalchemy import Engine, event
from sqlalchemy.exc import DataError
from test_grading import ASSIGNMENT, CLASS, DESK, PROBLEMS, ROOT, run

from autograder.course_directory import CONFIG, Course, find_course
from autograder.executor import Executor, Limits
from autograder.gradebook import GradebookError, GradebookWriter, Record, database
from autograder.grader import Graded
from autograder.sample import write
from autograder.sandbox import Walls
from autograder.submission import Release, grade_id, read_submission

WRITTEN = "why_scale"
DUE = datetime(2026, 1, 1, 10)
LATE = datetime(2026, 1, 2, 10)


# A course, a class, and two ways to save its grades -----------------------------------------------


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Graded]:
    """The sample class, graded once: what is left to do is saving."""
    folder = tmp_path_factory.mktemp("graded")
    for submission in CLASS:
        write(submission.make(DESK), folder / submission.student)
    with Executor(Walls()) as executor:
        grader = new_course(folder / "course").grader(ASSIGNMENT, executor)
        grader = replace(grader, limits=Limits(problem_seconds=2))  # one student's never end
        return {s.student: grader.grade(read_submission(folder / s.student)) for s in CLASS}


def new_course(folder: Path) -> Course:
    """A course directory without submissions."""
    folder.mkdir()
    for name in (CONFIG, "solutions", "assignments"):
        (folder / name).symlink_to(ROOT / name)
    return find_course(folder)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """With a gradebook, which takes nbgrader a second to make: a process looks up its version."""
    course = new_course(tmp_path_factory.mktemp("empty") / "course")
    with writer(course) as book:
        assert book.records() == {}
    return course


@pytest.fixture
def course(empty: Course, tmp_path: Path) -> Course:
    course = new_course(tmp_path / "course")
    shutil.copy(empty.root / "gradebook.db", course.root)
    return course


@pytest.fixture(params=["course", "postgresql"])
def either(request: pytest.FixtureRequest) -> Course:
    """A course with its gradebook in SQLite, and one with PostgreSQL."""
    found: Course = request.getfixturevalue(request.param)
    return found


def writer(course: Course, release: Release = DESK.release) -> GradebookWriter:
    return GradebookWriter(course, release, ASSIGNMENT)


def record_of(graded: Graded, fingerprint: str = "first") -> Record:
    points = [{"problem": name, "points": v.points} for name, v in graded.verdicts.items()]
    return Record(fingerprint, points)


def save(course: Course, graded: Mapping[str, Graded], stamp: datetime | None = None) -> None:
    with writer(course) as book:
        book.register()
        for student, work in graded.items():
            book.save(student, stamp, work, record_of(work))


class Replay(NbGraderPreprocessor):  # type: ignore[misc]
    """Stands where `autograder.nbgrader.Execute` stands, whose work is done."""

    graded: ClassVar[Mapping[str, Graded]] = {}

    def preprocess(self, nb: Any, resources: Any) -> Any:
        work = self.graded[resources["nbgrader"]["student"]]
        return copy.deepcopy(work.notebook), {**resources, "verdicts": work.verdicts}


@pytest.fixture(scope="module")
def nbgraders(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A course whose assignment was made, and registered, by nbgrader itself."""
    folder = tmp_path_factory.mktemp("nbgrader")
    shutil.copy(ROOT / CONFIG, folder)
    shutil.copytree(ROOT / "solutions", folder / "solutions")
    course = find_course(folder)
    course.directory.assignment_id = ASSIGNMENT
    GenerateAssignment(coursedir=course.directory, config=course.config).start()
    return course


def nbgrader_saves(
    course: Course, graded: Mapping[str, Graded], stamp: datetime | None = None
) -> None:
    """`nbgrader autograde --force` on these results."""
    for student in graded:
        folder = course.root / "submitted" / student / ASSIGNMENT
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(DESK.release.notebook, folder / f"{ASSIGNMENT}.ipynb")
        if stamp:
            (folder / "timestamp.txt").write_text(f"{stamp} UTC")
    Replay.graded = graded
    course.config.Autograde.autograde_preprocessors[0] = Replay
    Autograde(coursedir=course.directory, config=course.config, force=True).start()


def entries(course: Course) -> dict[str, list[str]]:
    """All that a gradebook says, as nbgrader's own API reads it; without its random ids."""
    with Gradebook(course.directory.db_url) as gradebook:
        query = gradebook.db.query
        found = {
            "assignments": [(a.name, a.duedate, a.max_score) for a in query(Assignment)],
            "notebooks": [(n.name, n.kernelspec, n.max_score) for n in query(Notebook)],
            "cells": [
                (c.type, c.name, getattr(c, "max_score", None), getattr(c, "cell_type", None))
                for c in query(BaseCell)
            ],
            "sources": [
                (s.name, s.cell_type, s.locked, s.source, s.checksum) for s in query(SourceCell)
            ],
            "students": [(s.id, s.first_name, s.last_name, s.score) for s in query(Student)],
            "submissions": [
                (s.student_id, s.timestamp, s.extension, s.score, s.needs_manual_grade)
                for s in query(SubmittedAssignment)
            ],
            "penalties": [
                (n.student.id, n.name, n.flagged, n.late_submission_penalty)
                for n in query(SubmittedNotebook)
            ],
            "grades": [
                (
                    *(g.student.id, g.name, g.auto_score, g.manual_score, g.extra_credit),
                    *(g.needs_manual_grade, g.score, g.failed_tests),
                )
                for g in query(Grade)
            ],
            "comments": [
                (c.student.id, c.name, c.auto_comment, c.manual_comment) for c in query(Comment)
            ],
        }
    return {kind: sorted(map(repr, rows)) for kind, rows in found.items()}


def scores(course: Course, student: str) -> dict[str, float | None]:
    with Gradebook(course.directory.db_url) as gradebook:
        notebook = gradebook.find_submission_notebook(ASSIGNMENT, ASSIGNMENT, student)
        return {grade.name: grade.auto_score for grade in notebook.grades}


def points(graded: Graded) -> dict[str, float]:
    return {name: verdict.points for name, verdict in graded.verdicts.items()}


# What nbgrader would leave ------------------------------------------------------------------------


class Penalties(BasePlugin):  # type: ignore[misc]
    """An answer of every kind: within the score, negative, more than the score, none."""

    of: ClassVar = {"ada": 2.5, "emmy": -1.0, "dijkstra": 1e6}

    def late_submission_penalty(self, student_id: str, score: float, late: float) -> float | None:
        return self.of.get(student_id)


def grade_by_hand(course: Course) -> None:
    """What people do between two runs."""
    of_both = (ASSIGNMENT, ASSIGNMENT)
    with Gradebook(course.directory.db_url) as gradebook:
        gradebook.find_assignment(ASSIGNMENT).duedate = DUE
        written = gradebook.find_grade(WRITTEN, *of_both, "emmy")
        written.manual_score, written.needs_manual_grade = 3, False
        gradebook.find_comment(WRITTEN, *of_both, "emmy").manual_comment = "well argued"
        gradebook.find_grade("softmax", *of_both, "ada").manual_score = 1.5
        gradebook.find_grade("attend", *of_both, "ada").extra_credit = 1
        gradebook.find_submission_notebook(*of_both, "ada").flagged = True
        gradebook.db.commit()
        gradebook.grant_extension(ASSIGNMENT, "grace", days=7)


def test_every_entry_is_as_nbgraders_own_pipeline_leaves_it(
    graded: dict[str, Graded], course: Course, nbgraders: Course
) -> None:
    with writer(course) as book:
        book.register()
    assert entries(course) == entries(nbgraders)

    for one in (course, nbgraders):
        one.config.AssignLatePenalties.plugin_class = Penalties
    save(course, graded, LATE)
    nbgrader_saves(nbgraders, graded, LATE)
    first = entries(course)
    assert first == entries(nbgraders)
    assert len(first["grades"]) == len(CLASS) * (len(PROBLEMS) + 1)

    grade_by_hand(course)
    grade_by_hand(nbgraders)
    others = dict(zip(graded, [*list(graded.values())[1:], graded["ada"]], strict=True))
    save(course, others)
    nbgrader_saves(nbgraders, others, LATE)
    second = entries(course)
    assert second == entries(nbgraders)
    assert sum(row not in first["grades"] for row in second["grades"]) > len(CLASS)
    assert Counter(row.split(",")[-1] for row in second["penalties"])[" None)"] == len(CLASS) - 3


def test_what_people_gave_survives_regrading(graded: dict[str, Graded], course: Course) -> None:
    class_ = dict.fromkeys(("ada", "emmy", "grace"), graded["ada"])
    save(course, class_)
    grade_by_hand(course)
    save(course, dict.fromkeys(class_, graded["grace"]))
    with Gradebook(course.directory.db_url) as gradebook:
        softmax = gradebook.find_grade("softmax", ASSIGNMENT, ASSIGNMENT, "ada")
        assert (softmax.auto_score, softmax.score, softmax.needs_manual_grade) == (0, 1.5, True)
        assert gradebook.find_grade("attend", ASSIGNMENT, ASSIGNMENT, "ada").score == 1
        assert gradebook.find_grade(WRITTEN, ASSIGNMENT, ASSIGNMENT, "emmy").score == 3
        comment = gradebook.find_comment(WRITTEN, ASSIGNMENT, ASSIGNMENT, "emmy")
        assert (comment.auto_comment, comment.comment) == ("No response.", "well argued")
        assert gradebook.find_submission(ASSIGNMENT, "grace").extension.days == 7


@pytest.mark.parametrize(
    ("duedate", "days", "late"),
    [(DUE, 0, True), (DUE, 7, False), (None, 7, False), (LATE, 0, False)],
)
def test_the_late_penalty_goes_by_due_date_and_extension(
    graded: dict[str, Graded], course: Course, duedate: datetime, days: int, late: bool
) -> None:
    course.config.LateSubmissionPlugin.penalty_method = "zero"  # nbgrader's own: all of the score
    all_points = sum(points(graded["ada"]).values())

    def penalty() -> float | None:
        save(course, {"ada": graded["ada"]}, LATE)
        with Gradebook(course.directory.db_url) as gradebook:
            notebook = gradebook.find_submission_notebook(ASSIGNMENT, ASSIGNMENT, "ada")
            found: float | None = notebook.late_submission_penalty
            return found

    with writer(course) as book, Gradebook(course.directory.db_url) as gradebook:
        book.register()
        gradebook.update_or_create_assignment(ASSIGNMENT, duedate=DUE)
    assert penalty() == all_points
    with Gradebook(course.directory.db_url) as gradebook:
        gradebook.update_or_create_assignment(ASSIGNMENT, duedate=duedate)
        gradebook.grant_extension(ASSIGNMENT, "ada", days=days)
    assert penalty() == (all_points if late else None)


NAMES = ["김 하늘", "O'Brien; DROP TABLE student; --", '"{student_id}"', "%s:100%", "🎓", "n" * 100]


def test_a_student_whom_the_gradebook_knows_keeps_the_name(
    graded: dict[str, Graded], course: Course
) -> None:
    with Gradebook(course.directory.db_url) as gradebook:
        gradebook.add_student("emmy", first_name="Emmy", last_name="Noether", email="e@n.org")
    save(course, {"emmy": graded["emmy"]})
    with Gradebook(course.directory.db_url) as gradebook:
        emmy = gradebook.find_student("emmy").to_dict()
    assert [emmy[part] for part in ("first_name", "last_name", "email")] == [
        "Emmy",
        "Noether",
        "e@n.org",
    ]
    assert emmy["score"] == sum(points(graded["emmy"]).values())


def test_any_name_is_a_name(graded: dict[str, Graded], either: Course) -> None:
    save(either, dict.fromkeys(NAMES, graded["emmy"]))
    for name in NAMES:
        assert scores(either, name) == points(graded["emmy"]) | {WRITTEN: None}
        assert (either.root / "autograded" / name / ASSIGNMENT / f"{ASSIGNMENT}.ipynb").is_file()
    with writer(either) as book:
        assert set(book.records()) == set(NAMES)


# The assignment -----------------------------------------------------------------------------------


@contextmanager
def counted(name: str) -> Iterator[list[str]]:
    """What passes one of SQLAlchemy's events: "commit", or the statement of "before_execute"."""
    seen: list[str] = []

    def note(*of: Any) -> None:
        seen.append(str(of[2]) if len(of) > 2 else name)

    event.listen(Engine, name, note)
    try:
        yield seen
    finally:
        event.remove(Engine, name, note)


def changes(statements: list[str]) -> list[str]:
    return [text for text in statements if text.startswith(("INSERT", "UPDATE", "DELETE"))]


def test_the_assignment_is_registered_once(course: Course) -> None:
    with writer(course) as book:
        with counted("commit") as commits, counted("before_cursor_execute") as first:
            book.register()
        with counted("before_cursor_execute") as second:
            book.register()
    assert len(commits) == 1
    assert changes(first)
    assert not changes(second)


def changed(change: Callable[[list[Any]], None]) -> Release:
    """The release with its cells changed."""
    notebook = copy.deepcopy(DESK.release.notebook)
    change(notebook.cells)
    return Release(notebook, DESK.release.points)


def find(cells: list[Any], name: str) -> Any:
    return next(cell for cell in cells if grade_id(cell) == name)


def add_cells(cells: list[Any]) -> None:
    marks = {"schema_version": 3, "locked": False, "task": False}
    answer = {"grade_id": "more_answer", "solution": True, "grade": False, **marks}
    check = {"grade_id": "more", "solution": False, "grade": True, "points": 3, **marks}
    cells.append(new_code_cell(metadata={"nbgrader": answer}))
    cells.append(new_code_cell(metadata={"nbgrader": check}))


def test_points_and_cells_may_change_although_there_are_submissions(
    graded: dict[str, Graded], course: Course
) -> None:
    save(course, {"ada": graded["ada"], "emmy": graded["emmy"]})
    release = changed(add_cells)
    find(release.notebook.cells, "softmax").metadata.nbgrader.points = 9
    notebook = copy.deepcopy(graded["ada"].notebook)
    add_cells(notebook.cells)
    with writer(course, release) as book:
        book.register()
        book.save("ada", None, Graded(notebook, graded["ada"].verdicts), Record("second", []))
    with Gradebook(course.directory.db_url) as gradebook:
        assert gradebook.find_grade_cell("softmax", ASSIGNMENT, ASSIGNMENT).max_score == 9
        assert gradebook.find_grade("more", ASSIGNMENT, ASSIGNMENT, "ada").auto_score == 3
        assert gradebook.find_comment("more_answer", ASSIGNMENT, ASSIGNMENT, "ada")
        assert len(gradebook.find_submission_notebook(*2 * [ASSIGNMENT], "emmy").grades) == 6


def without_softmax(cells: list[Any]) -> None:
    cells[:] = [cell for cell in cells if not grade_id(cell).startswith("softmax")]


def test_cells_go_while_nobody_has_grades_for_them(
    graded: dict[str, Graded], course: Course
) -> None:
    with writer(course) as book:
        book.register()
    with writer(course, changed(without_softmax)) as book:
        book.register()
    with Gradebook(course.directory.db_url) as gradebook:
        notebook = gradebook.find_notebook(ASSIGNMENT, ASSIGNMENT)
        assert {c.name for c in notebook.grade_cells} == {*PROBLEMS, WRITTEN} - {
            "softmax",
            "softmax_jacobian",
        }
    save(course, {"ada": graded["ada"]})
    before = entries(course)
    words = r"no longer has \(softmax, softmax_answer, .*remove a1_attention --force"
    with (
        writer(course, changed(without_softmax)) as book,
        pytest.raises(GradebookError, match=words),
    ):
        book.register()
    assert entries(course) == before


# All of a submission or nothing -------------------------------------------------------------------


def test_a_submission_is_one_commit(graded: dict[str, Graded], either: Course) -> None:
    with writer(either) as book:
        book.register()
        for work in (graded["ada"], graded["grace"], graded["grace"]):
            with counted("commit") as commits:
                book.save("ada", LATE, work, record_of(work))
            assert len(commits) == 1


def state(course: Course) -> Any:
    """What a gradebook says, and what a later run will take from it."""
    with writer(course) as book:
        return entries(course), book.records()


def forked(work: Callable[..., None], *args: Any) -> Any:
    process = multiprocessing.get_context("fork").Process(target=work, args=args)
    process.start()
    return process


def save_until(place: int, course: Course, work: Graded) -> None:
    """Save a submission, but be killed when the database is spoken to for the `place`-th time."""
    count = itertools.count(1)

    def end(*_: Any) -> None:
        if next(count) == place:
            os.kill(os.getpid(), signal.SIGKILL)

    with writer(course) as book:
        event.listen(Engine, "before_cursor_execute", end)
        event.listen(Engine, "commit", end)
        book.save("emmy", LATE, work, record_of(work, "second"))


@pytest.mark.parametrize("earlier", [{}, {"emmy": "grace"}])
def test_a_kill_at_any_statement_leaves_what_was_there(
    graded: dict[str, Graded], either: Course, earlier: dict[str, str]
) -> None:
    save(either, {student: graded[like] for student, like in earlier.items()})
    before = state(either)
    for place in itertools.count(1):
        process = forked(save_until, place, either, graded["ada"])
        process.join()
        if process.exitcode == 0:  # past the last statement
            break
        assert process.exitcode == -signal.SIGKILL
        assert state(either) == before, f"killed at statement {place}"
    assert place > 6
    assert scores(either, "emmy") == points(graded["ada"]) | {WRITTEN: None}
    assert state(either)[1]["emmy"] == record_of(graded["ada"], "second")


STUDENTS = [f"student {number}" for number in range(10)]


def save_for_ever(course: Course, works: list[Graded], started: Any) -> None:
    with writer(course) as book:
        started.set()
        for number in itertools.count():
            work = works[number % len(works)]
            for student in STUDENTS:
                book.save(student, None, work, record_of(work, str(number)))


def test_kills_at_random_moments_leave_grades_and_record_or_neither(
    graded: dict[str, Graded], course: Course
) -> None:
    with writer(course) as book:
        book.register()
    chance = random.Random(4)
    works = [graded["ada"], graded["grace"]]
    for _ in range(12):
        started = multiprocessing.get_context("fork").Event()
        process = forked(save_for_ever, course, works, started)
        assert started.wait(60)
        time.sleep(chance.uniform(0, 0.3))
        process.kill()
        process.join()
        records = state(course)[1]
        for student in STUDENTS:
            if student not in records:
                with pytest.raises(MissingEntry):
                    scores(course, student)
                continue
            judged = {row["problem"]: row["points"] for row in records[student].rows}
            assert scores(course, student).items() >= judged.items()
            nbformat.read(notebook_of(course, student), as_version=4)
    assert records


def notebook_of(course: Course, student: str) -> Path:
    return course.root / "autograded" / student / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"


def test_the_graded_notebook_is_there_before_its_grades(
    graded: dict[str, Graded], course: Course
) -> None:
    file = notebook_of(course, "ada")
    there: list[str] = []

    def look(_: Any) -> None:
        there.append(file.read_text())

    with writer(course) as book:
        book.register()
        event.listen(Engine, "commit", look)
        try:
            book.save("ada", LATE, graded["grace"], record_of(graded["grace"]))
            book.save("ada", None, graded["ada"], record_of(graded["ada"]))
        finally:
            event.remove(Engine, "commit", look)
    assert there == [nbformat.writes(graded[name].notebook) for name in ("grace", "ada")]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def killed_while_writing(course: Course, work: Graded) -> None:
    def end(_: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = end  # this process is a fork
    with writer(course) as book:
        book.save("emmy", None, work, record_of(work))


def test_a_kill_while_the_notebook_is_written_leaves_the_old_one(
    graded: dict[str, Graded], course: Course
) -> None:
    save(course, {"emmy": graded["grace"]})
    before = state(course)
    process = forked(killed_while_writing, course, graded["ada"])
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert notebook_of(course, "emmy").read_text() == nbformat.writes(graded["grace"].notebook)
    assert state(course) == before


def test_the_time_of_a_submission_lies_beside_its_notebook(
    graded: dict[str, Graded], course: Course
) -> None:
    save(course, {"ada": graded["ada"]}, LATE)
    stamp = course.directory.get_existing_timestamp(str(notebook_of(course, "ada").parent))
    assert stamp == LATE


def test_no_grade_without_its_notebook(
    graded: dict[str, Graded], course: Course, caplog: pytest.LogCaptureFixture
) -> None:
    long = "\ufffd" * 100  # 300 bytes, more than a folder's name may have
    save(course, {long: graded["ada"]})
    assert "no graded notebook kept for '\\ufffd" in caplog.text
    before = state(course)
    assert set(before[1]) == {long}
    (course.root / "autograded" / "emmy").write_text("in the way")
    with pytest.raises(OSError, match="emmy"):
        save(course, {"emmy": graded["emmy"]})
    assert state(course) == before


# What was graded last -----------------------------------------------------------------------------


def remove_submission(course: Course) -> None:
    with Gradebook(course.directory.db_url) as gradebook:
        gradebook.remove_submission(ASSIGNMENT, "ada")


def make_anew(course: Course) -> None:
    """As somebody does who grants an extension to a student without grades."""
    remove_submission(course)
    with Gradebook(course.directory.db_url) as gradebook:
        gradebook.add_submission(ASSIGNMENT, "ada")


def remove_student(course: Course) -> None:
    with Gradebook(course.directory.db_url) as gradebook:
        gradebook.remove_student("ada")


def remove_notebook(course: Course) -> None:
    shutil.rmtree(course.root / "autograded" / "ada")


@pytest.mark.parametrize("remove", [remove_submission, make_anew, remove_student, remove_notebook])
def test_a_record_counts_while_its_grades_are_there(
    graded: dict[str, Graded], either: Course, remove: Callable[[Course], None]
) -> None:
    class_ = {"ada": graded["ada"], "emmy": graded["emmy"]}
    save(either, class_)
    assert state(either)[1] == {name: record_of(work) for name, work in class_.items()}
    remove(either)
    assert set(state(either)[1]) == {"emmy"}
    save(either, class_)
    assert set(state(either)[1]) == {"ada", "emmy"}
    assert scores(either, "ada") == points(graded["ada"]) | {WRITTEN: None}


def test_an_assignment_that_is_gone_is_said(graded: dict[str, Graded], course: Course) -> None:
    with writer(course) as book:
        book.register()
        with Gradebook(course.directory.db_url) as gradebook:
            gradebook.remove_assignment(ASSIGNMENT)
        with pytest.raises(GradebookError, match="no longer has the assignment a1_attention"):
            book.save("ada", None, graded["ada"], record_of(graded["ada"]))
        book.register()
        book.save("ada", None, graded["ada"], record_of(graded["ada"]))


# Beside other programs ----------------------------------------------------------------------------


HOLD = """
import sqlite3, sys, time
database = sqlite3.connect("gradebook.db", isolation_level=None)
for statement in sys.argv[2:]:
    database.execute(statement).fetchone()
print("held", flush=True)
time.sleep(float(sys.argv[1]))
database.execute("COMMIT")
"""


@contextmanager
def held(course: Course, seconds: float, *statements: str) -> Iterator[None]:
    """Another process holds the gradebook, from now on for some seconds."""
    command = [sys.executable, "-c", HOLD, str(seconds), *statements]
    with subprocess.Popen(command, cwd=course.root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield
        assert process.wait() == 0


@pytest.mark.parametrize(
    "statements",
    [
        ["BEGIN EXCLUSIVE"],
        ["BEGIN", "SELECT * FROM grade, comment"],  # the formgrader reads a long list
    ],
)
def test_another_program_is_waited_for(
    graded: dict[str, Graded], course: Course, statements: list[str]
) -> None:
    save(course, {"ada": graded["ada"], "emmy": graded["emmy"]})
    with writer(course) as book, held(course, 1, *statements):
        book.save("ada", None, graded["grace"], record_of(graded["grace"]))
    assert scores(course, "ada") == dict.fromkeys([*PROBLEMS, WRITTEN], 0)


def test_a_grade_that_somebody_gives_meanwhile_is_seen(
    graded: dict[str, Graded], course: Course
) -> None:
    save(course, {"ada": graded["ada"]})
    with writer(course) as book, held(course, 1, "BEGIN", "UPDATE grade SET manual_score = 1"):
        book.save("ada", None, graded["grace"], record_of(graded["grace"]))
    with Gradebook(course.directory.db_url) as gradebook:
        grade = gradebook.find_grade("softmax", ASSIGNMENT, ASSIGNMENT, "ada")
        assert (grade.auto_score, grade.manual_score, grade.needs_manual_grade) == (0, 1, True)


def test_nobody_is_waited_for_without_end(
    graded: dict[str, Graded], course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_LOCK_SECONDS", 0.1)
    save(course, {"ada": graded["ada"]})
    words = r"cannot be used \(database is locked\): .* held by no other program"
    with (
        writer(course) as book,
        held(course, 2, "BEGIN IMMEDIATE"),
        pytest.raises(GradebookError, match=words),
    ):
        book.save("ada", None, graded["grace"], record_of(graded["grace"]))
    assert scores(course, "ada") == points(graded["ada"]) | {WRITTEN: None}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:////no/where/gradebook.db", "unable to open database file"),
        ("sqlite:///file:{root}/read.db?mode=ro&uri=true", "readonly database"),
        ("sqlite:///{root}/nbgrader_config.py", "file is not a database"),
        ("oracle://here", "names no database that can be used here"),
        ("nonsense://here", "names no database that can be used here"),
        ("nonsense", "names no database that can be used here"),
        ("postgresql:///grades?host=/no/where", "/no/where/.*failed"),
    ],
)
def test_a_gradebook_that_cannot_be_used_is_one_sentence(
    course: Course, url: str, words: str
) -> None:
    shutil.copy(course.root / "gradebook.db", course.root / "read.db")
    course.directory.db_url = url.format(root=course.root)
    with pytest.raises(GradebookError, match=words) as caught, writer(course) as book:
        book.register()
    assert "\n" not in str(caught.value)


OLDER = """
    ALTER TABLE student DROP COLUMN lms_user_id;
    CREATE TABLE older (id VARCHAR(32) PRIMARY KEY, name VARCHAR(128), duedate DATETIME);
    INSERT INTO older SELECT id, name, duedate FROM assignment;
    DROP TABLE assignment;
    ALTER TABLE older RENAME TO assignment;
    UPDATE alembic_version SET version_num = '167914646830';
"""


def test_nbgraders_migrations_leave_the_records(graded: dict[str, Graded], course: Course) -> None:
    save(course, {"ada": graded["ada"]})
    before = state(course)
    with closing(sqlite3.connect(course.root / "gradebook.db")) as database:
        database.executescript(OLDER)
    with pytest.raises(GradebookError, match=r"is up to date \(`nbgrader db upgrade`\)"):
        save(course, {"ada": graded["ada"]})
    run(course.root, "nbgrader", "db", "upgrade")
    assert state(course) == before


# PostgreSQL ---------------------------------------------------------------------------------------


def postgresql_programs() -> Path:
    """The folder with `initdb` and `pg_ctl`, where Debian keeps them if not on the path."""
    found = [Path(program).parent] if (program := shutil.which("initdb")) else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("no PostgreSQL server is installed (on Debian: apt-get install postgresql)")
    return found[-1]


def ordinary_user() -> dict[str, Any]:
    """Whom a server may run as: it refuses root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}
    return pytest.skip("PostgreSQL refuses to run as root, and there is no other user")


@pytest.fixture(scope="module")
def server(empty: Course) -> Iterator[str]:
    """A PostgreSQL server of our own, reached through a socket in its folder; its folder."""
    programs, user = postgresql_programs(), ordinary_user()
    folder = tempfile.mkdtemp(prefix="pg-")  # pytest's own is closed to others, and its name long
    if user:
        shutil.chown(folder, user["user"])

    def call(program: str, *options: str) -> None:
        command = [programs / program, "-D", f"{folder}/data", *options]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, **user)

    try:
        call("initdb", "-U", "grader", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        call("pg_ctl", "-l", f"{folder}/log", "-o", f"-F -h '' -k {folder}", "start")
        try:
            with writer(at_server(empty, folder, "postgres")):
                pass  # it has its tables now, for all others
            yield folder
        finally:
            call("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def at_server(course: Course, folder: str, database: str) -> Course:
    url = f"postgresql+psycopg://grader@/{database}?host={folder}"
    directory = CourseDirectory(config=course.config, root=str(course.root), db_url=url)
    return Course(directory, course.config)


DATABASES = itertools.count()


@pytest.fixture
def postgresql(server: str, tmp_path: Path) -> Course:
    """A course whose gradebook is a database of that server, new and empty."""
    name = f"course_{next(DATABASES)}"
    with psycopg.connect(f"host={server} user=grader dbname=template1", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE postgres")
    return at_server(new_course(tmp_path / name), server, name)


def test_postgresql_holds_the_same(
    graded: dict[str, Graded], course: Course, postgresql: Course
) -> None:
    class_ = graded | dict.fromkeys(NAMES, graded["emmy"])
    for one in (course, postgresql):
        one.config.AssignLatePenalties.plugin_class = Penalties
        save(one, class_, LATE)
        grade_by_hand(one)
        save(one, dict.fromkeys(class_, graded["ada"]))
    assert state(postgresql) == state(course)
    postgresql.directory.db_url = postgresql.directory.db_url.replace("+psycopg", "")
    assert state(postgresql) == state(course)


def test_a_name_too_long_for_the_database_costs_one_submission(
    graded: dict[str, Graded], postgresql: Course
) -> None:
    with writer(postgresql) as book:
        book.register()
        with pytest.raises(DataError, match="value too long"):
            book.save("n" * 129, None, graded["ada"], record_of(graded["ada"]))
        book.save("ada", None, graded["ada"], record_of(graded["ada"]))
        assert set(book.records()) == {"ada"}
