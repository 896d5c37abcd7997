"""The command line: `autograder grade · check · build · sample`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from autograder.errors import MendableError

# jsonschema, which checks notebooks, compiles a grammar for links on import: a second of work that
# no notebook has a use for. Without that module it does without the grammar.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

# Each command imports what it needs when it runs: torch and nbgrader take seconds, and a question
# for --help, or a wrong word, should be answered at once.
if TYPE_CHECKING:
    from autograder.grading import Row


class OneLineErrors(click.Group):
    """Turns what an author or a user can mend into one line, instead of a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except MendableError as error:
            raise click.ClickException(str(error)) from error


json_option = click.option(
    "--json",
    "target",
    metavar="FILE",
    type=click.File("w", "utf-8", lazy=False),
    help="Write one JSON object a line for each problem.",
)


@click.group(cls=OneLineErrors)
def main() -> None:
    """Check, grade and build the assignments of the course.

    \b
    Example: autograder grade a1_attention --json grades.jsonl
    """


@main.command()
@click.argument("assignment")
@click.option(
    "--submitted",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Folder of submissions, DIR/STUDENT/ASSIGNMENT/ASSIGNMENT.ipynb; nbgrader's by default.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=len(os.sched_getaffinity(0)),
    show_default="one a core",
    help="How many submissions to grade at a time on this machine.",
)
@click.option("--cluster", metavar="ADDRESS", help="Grade on the workers of this dask scheduler.")
@click.option("--again", is_flag=True, help="Grade unchanged submissions, too.")
@click.option(
    "--without-outer-wall", is_flag=True, help="Do without bubblewrap: for code that you trust."
)
@click.option(
    "--without-inner-wall",
    is_flag=True,
    help="Do without Landlock and seccomp: for code that you trust.",
)
@json_option
def grade(
    assignment: str,
    submitted: Path | None,
    workers: int,
    cluster: str | None,
    again: bool,
    without_outer_wall: bool,
    without_inner_wall: bool,
    target: IO[str] | None,
) -> None:
    """Grade every submission of ASSIGNMENT on public and hidden cases.

    Prints a table, and writes the points to nbgrader's gradebook. A run that was stopped goes on
    where it was; submissions that were graded and have not changed since are not graded again.
    Exit status 0 means that every submission has its rows.

    \b
    Example: autograder grade a1_attention --json grades.jsonl
    """
    from autograder import pools
    from autograder.course_directory import find_course
    from autograder.grading import Grading
    from autograder.progress import Progress
    from autograder.sandbox.walls import VARIABLE

    forgone = {"outer": without_outer_wall, "inner": without_inner_wall}
    if names := [name for name, is_forgone in forgone.items() if is_forgone]:
        os.environ[VARIABLE] = ",".join(names)
    grading = Grading(find_course(Path.cwd()), assignment, submitted)
    rows: list[Row] = []
    with (
        pools.cluster(cluster) if cluster else pools.local(workers) as pool,
        Progress(assignment, len(grading.folders)) as progress,
    ):
        for outcome in grading.run(pool, again=again):
            rows += outcome.rows
            write_rows(outcome.rows, target)
            progress.note(outcome)
    print_table(sorted(rows, key=lambda row: row.student))


@main.command()
@click.argument("notebook", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@json_option
def check(notebook: Path, target: IO[str] | None) -> None:
    """Check all answers of one NOTEBOOK on its public cases, for those who study alone.

    The notebook's answer sheet (*.sheet.json and *.sheet.safetensors) must lie beside it.

    \b
    Example: autograder check assignments/a1_attention/a1_attention.ipynb
    """
    from autograder.executor import Executor
    from autograder.grader import Grader
    from autograder.grading import Row
    from autograder.sandbox import Walls
    from autograder.submission import read_checkpoints, read_submission

    nothing = Walls(outer=False, inner=False)  # around one's own code, on one's own machine
    with Executor(nothing) as executor:
        grader = Grader.public(sheet_of(notebook), executor)
        checkpoints = read_checkpoints(notebook.parent, grader.sheet.checkpoints)
        graded = grader.grade(read_submission(notebook), checkpoints)
    assignment = grader.sheet.assignment
    rows = [Row.of("", assignment, verdict) for verdict in graded.verdicts.values()]
    write_rows(rows, target)
    print_rows(rows)


@main.command()
@click.option("--check", "mode", flag_value="check", help="Compare only; fail on a difference.")
@click.option("--missing", "mode", flag_value="missing", help="Add what is missing, touch nothing.")
def build(mode: str | None) -> None:
    """Rebuild notebooks, sheets and releases from their text.

    \b
    Example: autograder build --check
    """
    from autograder import build as building
    from autograder.course_directory import find_course

    root = find_course(Path.cwd()).root
    if mode == "missing" and not building.missing(root):
        return
    with tempfile.TemporaryDirectory() as folder:
        rebuilt = building.Rebuilt(root, Path(folder))
        if mode == "check":
            if stale := rebuilt.drift():
                raise click.ClickException("\n".join(["built files are not as their text", *stale]))
            click.echo(f"{len(rebuilt.files)} built files are as their text")
        else:
            count = rebuilt.install(overwrite=mode is None)
            click.echo(f"{count} files built")


@main.command()
@click.argument("assignment")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def sample(assignment: str, folder: Path) -> None:
    """Make a course in FOLDER whose class has handed in every kind of ASSIGNMENT.

    \b
    Example: autograder sample a1_attention build/sample
    """
    from autograder.course_directory import find_course
    from autograder.sample import write_class

    names = write_class(find_course(Path.cwd()), assignment, folder)
    click.echo(f"{len(names)} submissions of {assignment} in {folder}")


@main.command()
@click.argument("assignment")
@click.option("--names", is_flag=True, help="Name the students; without it they have numbers.")
@click.option(
    "--output",
    metavar="FILE",
    help="Where to write the page; ASSIGNMENT-report.html by default.",
)
def report(assignment: str, names: bool, output: str | None) -> None:
    """Write one HTML page on what the class has, and has not, understood of ASSIGNMENT.

    It is made of what `autograder grade` has left: grade first. The page needs nothing else and
    runs nothing; it shows no solution, and no name unless asked.

    \b
    Example: autograder report a1_attention --output report.html
    """
    from datetime import datetime

    from autograder.course_directory import find_course
    from autograder.report import Classwork, page

    work = Classwork.read(find_course(Path.cwd()), assignment)
    path = output or f"{assignment}-report.html"
    with click.open_file(path, "w", "utf-8", lazy=True) as file:  # opened late: errors in a line
        file.write(page(work, datetime.now(), with_names=names))
    click.echo(f"{path}: {len(work.rows)} submissions")


@main.command()
@click.argument("assignment")
@click.option(
    "--to",
    "target",
    type=click.Choice(("canvas", "moodle", "gradescope", "csv")),
    required=True,
    help="Which system takes the grades; csv is for people and spreadsheets.",
)
@click.option(
    "--output",
    metavar="FILE_OR_FOLDER",
    type=click.Path(path_type=Path),
    help="Where to write; ASSIGNMENT-canvas.csv and the like by default, a folder for gradescope.",
)
def export(assignment: str, target: str, output: Path | None) -> None:
    """Write the grades of ASSIGNMENT for another system.

    They are the gradebook's: points given by hand, extra credit and late penalties count. Who has
    no grade gets none, and is counted on stderr.

    \b
    Example: autograder export a1_attention --to canvas --output grades.csv
    """
    from autograder.course_directory import find_course
    from autograder.export import TARGETS, Grades

    grades = Grades.read(find_course(Path.cwd()), assignment)
    ending = "" if target == "gradescope" else ".csv"
    own = f"-{target}" if target != "csv" else "-grades"
    output = output or Path(f"{assignment}{own}{ending}")
    TARGETS[target].write(grades, output)
    for sentence in TARGETS[target].remarks(grades):
        click.echo(sentence, err=True)
    click.echo(f"{output}: {len(grades.graded)} grades of {assignment}")


@main.command()
def doctor() -> None:
    """Say which walls this machine can hold around student code, and what is missing.

    Exit status 0 means that all of them hold.

    \b
    Example: autograder doctor
    """
    from autograder.sandbox import examine
    from autograder.sandbox.doctor import as_table

    findings = examine()
    click.echo(as_table(findings))
    if not all(finding.held for finding in findings):
        raise SystemExit(1)


def sheet_of(notebook: Path) -> Path:
    """The answer sheet beside a notebook; else that of the course's assignment of its name.

    Raises:
        SheetError: there is neither.
    """
    from autograder.course_directory import CourseError, find_course
    from autograder.sheet import SheetError

    beside = sorted(notebook.parent.glob("*.sheet.json"))
    own = [path for path in beside if path.name == f"{notebook.stem}.sheet.json"]
    if found := own or beside:
        return found[0]
    with suppress(CourseError):
        released = find_course(Path.cwd()).release_folder(notebook.stem)
        if (path := released / f"{notebook.stem}.sheet.json").is_file():
            return path
    raise SheetError(
        f"no answer sheet (*.sheet.json) beside {notebook}, and no assignment of its name: "
        "check a notebook of an assignment, in its own folder"
    )


@main.command()
@click.argument("assignment")
@click.argument("rows", type=click.File("r", "utf-8"))
def expect(assignment: str, rows: IO[str]) -> None:
    """Hold the ROWS that grading the sample class of ASSIGNMENT gave against the stated grades.

    \b
    Example: autograder expect a1_attention build/sample/grades.jsonl
    """
    from autograder.course_directory import find_course
    from autograder.grading import Row
    from autograder.sample import read_class, unexpected

    _, submissions = read_class(find_course(Path.cwd()), assignment)
    graded = [Row(**json.loads(line)) for line in rows]
    if surprises := unexpected(submissions, graded):
        raise click.ClickException("\n".join(["not as stated", *surprises]))
    click.echo(f"all {len(graded)} grades are as {assignment}'s sample class states them")


def write_rows(rows: Iterable[Row], target: IO[str] | None) -> None:
    """Append rows to the JSON file, at once, so that none is lost when a run is stopped."""
    if target is not None:
        for row in rows:
            target.write(json.dumps(row.as_dict(), ensure_ascii=False) + "\n")
        target.flush()


def print_rows(rows: Sequence[Row]) -> None:
    """Status, points and message of each problem, and the sum; what is said of all once."""
    messages = {row.message for row in rows}
    if len(messages) == 1:
        click.echo(rows[0].message)
    for row in rows:
        click.echo(f"{row.problem}: {row.status}, {row.points:g} of {row.max_points:g} points")
        if len(messages) > 1:
            click.echo("\n".join(f"  {line}" for line in row.message.split("\n")))
    points, worth = (sum(r.points for r in rows), sum(r.max_points for r in rows))
    click.echo(f"{points:g} of {worth:g} points on the public cases; written answers not counted")


def print_table(rows: Sequence[Row]) -> None:
    """One line a submission, a column a problem, and what the class has not understood."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from autograder.sentences import plain

    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    problems = list(dict.fromkeys(row.problem for row in rows))
    table = Table(title=rows[0].assignment, title_justify="left")
    for heading in ("student", *problems, "points"):
        table.add_column(heading, overflow="fold")
    by_student: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_student.setdefault(row.student, {})[row.problem] = row
    for student, own in by_student.items():
        total = sum(row.points for row in own.values())
        worth = sum(row.max_points for row in own.values())
        cells = [_cell(own[problem]) for problem in problems]
        table.add_row(Text(plain(student)), *cells, f"{total:g} / {worth:g}")
    console.print(table)
    known = Counter(row.misconception for row in rows if row.misconception)
    for name, count in known.most_common():
        console.print(f"{count:4d} × {name}", markup=False)


def _cell(row: Row) -> str:
    return f"{row.points:g} {row.status}" + (f"\n{row.misconception}" if row.misconception else "")
