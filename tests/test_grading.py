"""The sample class through `autograder grade` and through nbgrader itself: the same grades."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from autograder import job, pools
from autograder.build import assignments
from autograder.course_directory import find_course
from autograder.executor import Executor, ExecutorError
from autograder.grader import Exam
from autograder.grading import Grading, Outcome, Row
from autograder.sample import read_class, unexpected, write_class
from autograder.sandbox import Walls
from autograder.submission import parse

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
ASSIGNMENT = "a1_attention"
DESK, CLASS = read_class(find_course(ROOT), ASSIGNMENT)
PROBLEMS = list(DESK.source.solutions)
STATUSES = {"correct", "wrong", "error", "timeout", "crashed", "missing", "refused"}
FIELDS = [
    "student",
    "assignment",
    "problem",
    "points",
    "max_points",
    "status",
    "misconception",
    "message",
]


def run(course: Path, *command: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command of the environment in a course folder, with the same hidden cases always."""
    done = subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=course,
        env={**os.environ, "AUTOGRADER_SECRET": "of the tests", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout[-3000:] + done.stderr[-3000:]
    return done


@dataclass(frozen=True)
class GradedClass:
    course: Path
    rows: list[dict[str, Any]]
    table: str


def auto_scores(course: Path) -> dict[tuple[str, str], float]:
    """(student, cell) → auto_score of nbgrader's database."""
    query = """
        SELECT student.id, base_cell.name, grade.auto_score FROM grade
        JOIN submitted_notebook ON grade.notebook_id = submitted_notebook.id
        JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
        JOIN student ON submitted_assignment.student_id = student.id
        JOIN base_cell ON grade.cell_id = base_cell.id
    """
    with sqlite3.connect(course / "gradebook.db") as database:
        return {(student, cell): score for student, cell, score in database.execute(query)}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> GradedClass:
    course = tmp_path_factory.mktemp("class") / "course"
    write_class(find_course(ROOT), ASSIGNMENT, course)
    done = run(course, "autograder", "grade", ASSIGNMENT, "--json", "rows.jsonl")
    return GradedClass(course, read_rows(course / "rows.jsonl"), done.stdout)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows that a run wrote as its jobs ended, by student."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return sorted(rows, key=lambda row: str(row["student"]))


def test_every_grade_is_as_the_class_states(graded: GradedClass) -> None:
    assert unexpected(CLASS, [Row(**row) for row in graded.rows]) == []
    changed = [{**row, "points": row["points"] + 1} for row in graded.rows[:1]] + graded.rows[1:]
    assert len(unexpected(CLASS, [Row(**row) for row in changed])) == 1


OTHERS = [name for name in assignments(ROOT / "solutions") if name != ASSIGNMENT]


@pytest.mark.parametrize("assignment", OTHERS)
def test_every_other_class_gets_the_grades_that_it_states(assignment: str, tmp_path: Path) -> None:
    course = tmp_path / "course"
    write_class(find_course(ROOT), assignment, course)
    run(course, "autograder", "grade", assignment, "--json", "rows.jsonl")
    rows = [Row(**json.loads(line)) for line in (course / "rows.jsonl").read_text().splitlines()]
    assert unexpected(read_class(find_course(ROOT), assignment)[1], rows) == []


def test_every_problem_of_every_submission_has_its_row(graded: GradedClass) -> None:
    found = [(row["student"], row["problem"]) for row in graded.rows]
    assert found == [(s, p) for s in sorted(c.student for c in CLASS) for p in PROBLEMS]
    for row in graded.rows:
        assert list(row) == FIELDS
        assert row["status"] in STATUSES
        assert (row["status"] == "correct") == (row["points"] == row["max_points"])
        assert 0 <= row["points"] <= row["max_points"] == DESK.release.points[row["problem"]]
        assert row["misconception"] is None or row["status"] in ("wrong", "error")


def test_messages_are_short_plain_text_without_the_engine(graded: GradedClass) -> None:
    for row in graded.rows:
        message = row["message"]
        assert message
        assert all(char == "\n" or char.isprintable() for char in message), message
        assert len(message) <= 2_200
        if row["status"] != "error":
            assert len(message.split("\n")) <= 5, message
        for inside in ("autograder/", "site-packages", "Traceback (most recent"):
            assert inside not in message


def test_the_table_shows_every_student_and_the_misconceptions(graded: GradedClass) -> None:
    for submission in CLASS:
        assert submission.student in graded.table
    assert "2 × no_scale" in graded.table


def test_the_gradebook_has_the_same_points(graded: GradedClass) -> None:
    scores = auto_scores(graded.course)
    for row in graded.rows:
        assert scores[row["student"], row["problem"]] == row["points"], row


def test_a_batch_of_one_hundred_per_cent_and_zero(graded: GradedClass) -> None:
    def total(student: str) -> float:
        return sum(row["points"] for row in graded.rows if row["student"] == student)

    assert total("ada") == sum(DESK.release.points.values())  # the solution notebook
    assert total("grace") == 0  # the blank release


@pytest.fixture(scope="module")
def stock(graded: GradedClass, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same class graded by nbgrader's own commands, by configuration alone."""
    course = tmp_path_factory.mktemp("nbgrader") / "course"
    course.mkdir()
    shutil.copy(ROOT / "nbgrader_config.py", course)
    shutil.copytree(ROOT / "solutions", course / "solutions")
    shutil.copytree(graded.course / "submitted", course / "submitted")
    run(course, "nbgrader", "generate_assignment", ASSIGNMENT)
    for name in (f"{ASSIGNMENT}.ipynb", f"{ASSIGNMENT}.sheet.json"):
        ours = ROOT / "assignments" / ASSIGNMENT / name
        assert (course / "assignments" / ASSIGNMENT / name).read_bytes() == ours.read_bytes()
    run(course, "nbgrader", "autograde", ASSIGNMENT)
    return course


def test_nbgrader_autograde_gives_the_same_points(graded: GradedClass, stock: Path) -> None:
    ours, theirs = auto_scores(graded.course), auto_scores(stock)
    no_file = {s.student for s in CLASS if not (stock / "submitted" / s.student).glob("*/*.ipynb")}
    assert no_file <= {"omar"}
    judged = {key: score for key, score in ours.items() if key[1] in PROBLEMS}
    assert len(judged) == len(graded.rows)
    for key, score in judged.items():
        if key[0] != "omar":  # handed in nothing: nbgrader has no submission to grade
            assert theirs[key] == score, key


def test_feedback_and_export_work_and_show_the_verdicts(graded: GradedClass, stock: Path) -> None:
    run(stock, "nbgrader", "generate_feedback", ASSIGNMENT)
    run(stock, "nbgrader", "export")
    pages = list((stock / "feedback").glob(f"*/{ASSIGNMENT}/{ASSIGNMENT}.html"))
    assert len(pages) == len(CLASS) - 1
    for row in graded.rows:
        if row["student"] == "dijkstra" and row["misconception"]:
            page = stock / "feedback" / "dijkstra" / ASSIGNMENT / f"{ASSIGNMENT}.html"
            assert row["message"].split("\n")[-1][:40] in page.read_text()
    exported = (stock / "grades.csv").read_text()
    assert "dijkstra" in exported


def test_the_formgrader_lists_exactly_the_assignments(stock: Path) -> None:
    listing = (
        "from nbgrader.apps.api import NbGraderAPI; from autograder.course_directory import "
        "find_course; from pathlib import Path; course = find_course(Path.cwd()); "
        "print(sorted(NbGraderAPI(course.directory).get_source_assignments()))"
    )
    names = sorted(
        p.name.removesuffix("_problems.py") for p in ROOT.glob("solutions/*_problems.py")
    )
    assert run(stock, "python", "-c", listing).stdout.strip() == str(names)
    folders = [path.name for path in (ROOT / "solutions").iterdir() if path.is_dir()]
    assert sorted(folders) == names


# Grades that people gave --------------------------------------------------------------------------


MANUAL = """
from nbgrader.api import Gradebook
with Gradebook("sqlite:///gradebook.db") as gradebook:
    written = gradebook.find_grade("{cell}", "{a}", "{a}", "emmy")
    written.manual_score = 3
    judged = gradebook.find_grade("softmax", "{a}", "{a}", "emmy")
    judged.extra_credit = 1
    comment = gradebook.find_comment("{cell}", "{a}", "{a}", "emmy")
    comment.manual_comment = "well argued"
    gradebook.db.commit()
"""


def hand_given(course: Path) -> Mapping[str, Any]:
    query = "SELECT manual_score, extra_credit FROM grade WHERE manual_score OR extra_credit"
    with sqlite3.connect(course / "gradebook.db") as database:
        comments = database.execute("SELECT manual_comment FROM comment WHERE manual_comment != ''")
        penalties = database.execute(
            "SELECT late_submission_penalty FROM submitted_notebook WHERE late_submission_penalty"
        )
        return {
            "scores": sorted(database.execute(query).fetchall(), key=str),
            "comments": comments.fetchall(),
            "penalties": penalties.fetchall(),
        }


@pytest.mark.parametrize(
    "regrade",
    [
        ["nbgrader", "autograde", ASSIGNMENT, "--force", "--student=emmy"],
        ["autograder", "grade", ASSIGNMENT],
    ],
)
def test_hand_given_grades_and_late_penalties_survive_regrading(
    graded: GradedClass, tmp_path: Path, regrade: list[str]
) -> None:
    course = tmp_path / "course"
    shutil.copytree(graded.course, course, symlinks=True)
    for student in (course / "submitted").iterdir():
        if student.name != "emmy":
            shutil.rmtree(student)
    with (course / "late.py").open("w") as plugin:
        plugin.write(
            "from nbgrader.plugins import BasePlugin\n"
            "class Late(BasePlugin):\n"
            "    def late_submission_penalty(self, student_id, score, total_seconds_late):\n"
            "        return 2.0\n"
        )
    config = course / "nbgrader_config.py"
    text = config.read_text()
    config.unlink()
    config.write_text(
        "import sys, os\nsys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))\n"
        + text
        + "\nc.AssignLatePenalties.plugin_class = 'late.Late'\n"
    )
    (course / "submitted/emmy" / ASSIGNMENT / "timestamp.txt").write_text("2026-01-02 10:00:00 UTC")
    with sqlite3.connect(course / "gradebook.db") as database:
        database.execute("UPDATE assignment SET duedate = '2026-01-01 10:00:00'")
    written = next(s for s in auto_scores(course) if s[1] not in PROBLEMS)[1]
    run(course, "python", "-c", MANUAL.format(cell=written, a=ASSIGNMENT))
    before = hand_given(course)
    assert before["scores"]
    assert before["comments"] == [("well argued",)]
    run(course, *regrade)
    after = hand_given(course)
    assert after["scores"] == before["scores"]
    assert after["comments"] == before["comments"]
    assert after["penalties"] == [(2.0,)]
    assert auto_scores(course)["emmy", "attend"] == 0


# Odd folders and wrong uses ----------------------------------------------------------------------


def test_odd_student_names_and_a_folder_in_place_of_the_notebook(tmp_path: Path) -> None:
    write_class(find_course(ROOT), ASSIGNMENT, tmp_path / "course")
    course, submitted = tmp_path / "course", tmp_path / "handed in"
    released = ROOT / "assignments" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    names = [
        "김 하늘",
        "a,b;'\"=1+1",
        "[x]*",
        "{student_id}",
        os.fsdecode(b"caf\xe9"),
        os.fsdecode(b"a" * 150 + b"\xff" * 100),
    ]
    names += ["[bold]"]
    for name in names:
        target = submitted / name / ASSIGNMENT
        target.mkdir(parents=True)
        shutil.copy(released, target)
    stamps = [submitted / name / ASSIGNMENT / "timestamp.txt" for name in names]
    stamps[0].write_text("the day before yesterday")
    stamps[1].write_text("9999-12-31 23:59:59 -86399")
    stamps[2].mkdir()
    os.mkfifo(stamps[3])
    (submitted / "folder" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb").mkdir(parents=True)
    (submitted / "nothing").mkdir()
    (submitted / "a file").write_text("no student")
    done = run(
        course, "autograder", "grade", ASSIGNMENT, "--submitted", str(submitted), "--json", "r"
    )
    rows = read_rows(course / "r")
    statuses = {row["student"]: row["status"] for row in rows}
    shown = [name.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for name in names]
    assert statuses == dict.fromkeys([*shown, "nothing"], "missing") | {"folder": "refused"}
    assert len(rows) == len(statuses) * len(PROBLEMS)
    assert auto_scores(course)["김 하늘", "softmax"] == 0
    assert "caf\ufffd" in done.stdout


ODDITIES = """
import signal
from IPython.display import display

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
display({"x/json": [1]}, raw=True)
deep = 0
for _ in range(800):
    deep = {"a": deep}
display({"application/json": deep}, raw=True)
out = torch.nn.functional.scaled_dot_product_attention(*[torch.ones(1, 2, 2)] * 3)
weights = torch.softmax(out, -1)
"""


def test_odd_outputs_signals_and_scratch_work_cost_nothing(tmp_path: Path) -> None:
    notebook = DESK.notebook()
    notebook.cells.insert(2, new_code_cell(ODDITIES))
    with Executor(Walls()) as executor:
        grader = find_course(ROOT).grader(ASSIGNMENT, executor)
        graded = grader.grade(parse(nbformat.writes(notebook).encode(), "odd.ipynb"))
    assert {verdict.status for verdict in graded.verdicts.values()} == {"correct"}
    said = [
        output.get("text", "")
        for cell in graded.notebook.cells[:3]
        for output in cell.get("outputs", [])
    ]
    assert any("left out" in text for text in said)
    nbformat.write(graded.notebook, tmp_path / "odd.ipynb")


def test_a_checkpoint_lies_beside_the_notebook() -> None:
    saved = 'print(open("model.pt").read())'
    notebook = DESK.notebook()
    notebook.cells.insert(2, new_code_cell(saved))
    with Executor(Walls()) as executor:
        grader = find_course(ROOT).grader(ASSIGNMENT, executor)
        graded = grader.grade(
            parse(nbformat.writes(notebook).encode(), "with.ipynb"), {"model.pt": b"weights"}
        )
    (cell,) = (cell for cell in graded.notebook.cells if cell.source == saved)
    assert cell.outputs[0]["text"] == "weights\n"


# Runs that break, and runs that go on -------------------------------------------------------------


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A course with three submissions: right, wrong, and no notebook."""
    course = tmp_path / "course"
    write_class(find_course(ROOT), ASSIGNMENT, course)
    for folder in (course / "submitted").iterdir():
        if folder.name not in ("ada", "dijkstra", "mary"):
            shutil.rmtree(folder)
    return course


def grade(course: Path, **options: bool) -> dict[str, Outcome]:
    """Grade in this process; student → outcome."""
    with pools.local(2) as pool:
        outcomes = list(Grading(find_course(course), ASSIGNMENT).run(pool, **options))
    return {outcome.rows[0].student: outcome for outcome in outcomes}


def test_a_fault_of_the_grader_costs_one_submission_and_is_said(
    few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_job = job.run

    def broken(exam: Exam, content: bytes, checkpoints: Mapping[str, bytes]) -> str:
        if content.endswith(b"}"):
            raise ZeroDivisionError("ours")
        return run_job(exam, content, checkpoints)

    with monkeypatch.context() as patch:
        patch.setattr(job, "run", broken)
        found = grade(few)
    ada, mary = found["ada"].rows, found["mary"].rows
    assert {row.status for row in ada} == {"refused"}
    assert "The grader failed on this submission (ZeroDivisionError)" in ada[0].message
    assert "is not JSON" in mary[0].message
    assert auto_scores(few)["ada", "softmax"] == 0
    again = grade(few)  # and the next run tries again
    assert again["ada"].is_new
    assert not again["mary"].is_new
    assert auto_scores(few)["ada", "softmax"] == DESK.release.points["softmax"]


def test_only_what_has_changed_is_graded_again(few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGRADER_SECRET", "one")
    first = grade(few)
    assert {outcome.is_new for outcome in first.values()} == {True}
    second = grade(few)
    assert {outcome.is_new for outcome in second.values()} == {False}
    assert {name: out.rows for name, out in second.items()} == {
        name: out.rows for name, out in first.items()
    }
    ours = few / "submitted" / "ada" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    nbformat.write(DESK.notebook(softmax=DESK.stub("softmax")), ours)
    third = grade(few)
    assert [name for name, outcome in third.items() if outcome.is_new] == ["ada"]
    assert auto_scores(few)["ada", "softmax"] == 0
    assert {outcome.is_new for outcome in grade(few, again=True).values()} == {True}
    monkeypatch.setenv("AUTOGRADER_SECRET", "two")  # other hidden cases
    assert {outcome.is_new for outcome in grade(few).values()} == {True}
    monkeypatch.setattr("autograder.grading.engine_digest", lambda: "another engine")
    assert {outcome.is_new for outcome in grade(few).values()} == {True}


def test_no_place_to_run_notebooks_stops_the_run_with_a_sentence(
    few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_place() -> Executor:
        raise ExecutorError("no place")

    monkeypatch.setattr(job, "executor", no_place)
    with pytest.raises(ExecutorError, match="no place"):
        grade(few)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["grade"], "Missing argument 'ASSIGNMENT'"),
        (["grade", "a9_none"], "no assignment 'a9_none'; there are: a1_attention"),
        (["grade", ASSIGNMENT, "--submitted", "nowhere"], "does not exist"),
        (["grade", ASSIGNMENT, "--json", "no/where/x"], "no/where/x"),
        (["check", "no.ipynb"], "does not exist"),
        (["check", "pyproject.toml"], "no answer sheet (*.sheet.json) beside pyproject.toml"),
        (["sample", "a9_none", "build/x"], "has no sample class"),
        (["nonsense"], "No such command"),
    ],
)
def test_wrong_uses_are_one_clear_line(command: list[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "submitted").mkdir()
    done = subprocess.run(
        [BIN / "autograder", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().split("\n")[-1].startswith("Error: ")


@pytest.mark.parametrize("command", [[], ["grade"], ["check"], ["build"], ["sample"], ["expect"]])
def test_every_command_has_help_with_an_example(command: list[str]) -> None:
    done = run(ROOT, "autograder", *command, "--help")
    assert "Example: autograder" in done.stdout
