"""The report on a class: its figures, and a page that gives nothing away and runs nothing."""

from __future__ import annotations

import html
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import numpy as np
import pytest
from click.testing import CliRunner
from test_grading import ASSIGNMENT, CLASS, DESK, PROBLEMS, ROOT

from autograder.cli import main
from autograder.course_directory import CONFIG, Course, find_course
from autograder.errors import MendableError
from autograder.gradebook import GradebookError, GradebookWriter, Record
from autograder.grader import Graded
from autograder.grading import Row
from autograder.judge import Verdict
from autograder.report import Classwork, ReportError, page
from autograder.report.answer_code import GAP, MAX_LINES, MAX_TOKENS, excerpt, tokens
from autograder.report.similarity import NEAR, likeness
from autograder.report.statistics import discrimination, distribution, problem_figures
from autograder.sample import Submission, write
from autograder.submission import Fault, laid_on, read_submission
from tests.corpus import FAMILIES, Stage
from tests.corpus.feedback import MARK, SCRIPT

WORTH = {name: int(points) for name, points in DESK.release.points.items()}
NOW = datetime(2026, 1, 2, 3, 4)
CANARY = "numbers-of-a-hidden-case"
Tokens = dict[str, dict[str, tuple[str, ...]]]


# A class, graded as its text states ---------------------------------------------------------------


@pytest.fixture(autouse=True)
def _same_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGRADER_SECRET", "of the tests")


def new_course(folder: Path) -> Course:
    folder.mkdir()
    for name in (CONFIG, "solutions", "assignments"):
        (folder / name).symlink_to(ROOT / name)
    return find_course(folder)


def verdicts(submission: Submission, said: str) -> dict[str, Verdict]:
    """What the class states of a student, `said` as every message."""
    found = {}
    for name, worth in WORTH.items():
        grade = submission.grades.get(name)
        if grade is None:
            found[name] = Verdict(name, worth, worth, "correct", said)
        else:
            points, status, known = int(grade.points), grade.status, grade.misconception
            found[name] = Verdict(name, points, worth, status, said, known)  # type: ignore[arg-type]
    return found


def save(course: Course, submissions: Iterable[Submission], said: str = "said") -> None:
    """Into the gradebook, as a run of the grader would; no student code runs."""
    with GradebookWriter(course, DESK.release, ASSIGNMENT) as book:
        book.register()
        for submission in submissions:
            path = course.root / "handed_in.ipynb"
            path.unlink(missing_ok=True)
            write(submission.make(DESK), path)
            read = read_submission(path)
            fault = isinstance(read, Fault)
            notebook = DESK.release.notebook if fault else laid_on(read, DESK.release)
            own = verdicts(submission, read.message if isinstance(read, Fault) else said)
            rows = [Row.of(submission.student, ASSIGNMENT, v).as_dict() for v in own.values()]
            book.save(submission.student, None, Graded(notebook, own), Record("first", rows))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Course:
    course = new_course(tmp_path_factory.mktemp("sample") / "course")
    save(course, CLASS, f"On hidden inputs: {CANARY}")
    return course


@pytest.fixture
def work(sample: Course) -> Classwork:
    return Classwork.read(sample, ASSIGNMENT)


def row(student: str, problem: str, points: float, status: str = "correct") -> Row:
    return Row(student, ASSIGNMENT, problem, points, WORTH[problem], status, None, "said")


def made(students: Mapping[str, Mapping[str, Row]], work: Classwork) -> Classwork:
    """Another class of the same assignment, which has handed in the same as the sample's."""
    code = {
        name: {s: t for s, t in own.items() if s in students} for name, own in work.code.items()
    }
    return replace(work, rows=students, code=code)


def points_of(student: str, points: Sequence[float]) -> dict[str, Row]:
    return {
        name: row(student, name, own, "correct" if own == WORTH[name] else "wrong")
        for name, own in zip(WORTH, points, strict=True)
    }


# The page as a reader of HTML sees it -------------------------------------------------------------


class Reader(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


OWN_TAGS = set(
    """html head meta title style body header main section article div h1 h2 h3 p ul li em code pre
    details summary table caption thead tbody tr th td svg g defs path use text clippath rect
    pattern
    """.split()
)


def assert_harmless(text: str) -> None:
    """Nothing in the page runs, and nothing is fetched."""
    reader = Reader(text)
    assert {tag for tag, _ in reader.tags} <= OWN_TAGS
    for tag, attributes in reader.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name not in ("src", "href", "action", "data", "srcdoc", "background"), (
                tag,
                name,
            )
            assert name != "xlink:href" or value.startswith("#"), (tag, value)
            assert MARK not in value, (tag, name)
            assert "http:" not in value, (tag, value)
            assert not re.search(r"url\((?!#)", value), (tag, value)
    style = text[text.index("<style>") : text.index("</style>")]
    assert not re.search(r"url\(|@import|@font-face", style)
    (policy,) = (a["content"] for a in reader.all("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")


def solution_lines() -> set[str]:
    """Every line of a solution that no student was given, as it is written and without spaces."""
    given = {
        line.strip() for cell in DESK.release.notebook.cells for line in cell.source.splitlines()
    }
    lines = {
        line.partition("#")[0].strip()
        for text in DESK.source.solutions.values()
        for line in text.splitlines()
    }
    return {line for line in lines - given if len(line) > 3}


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


# What the page gives away, and what it runs -------------------------------------------------------


def test_the_page_of_the_sample_class_gives_nothing_away(work: Classwork) -> None:
    assert len(solution_lines()) > 10
    for with_names in (False, True):
        text = page(work, NOW, with_names=with_names)
        assert_harmless(text)
        shown = squeezed(html.unescape(text))
        assert [line for line in solution_lines() if squeezed(line) in shown] == []


def test_no_message_of_a_judged_answer_is_shown(sample: Course, work: Classwork) -> None:
    """Those hold inputs and expected values; of the others the first line says what happened."""
    judged = {"correct", "wrong", "error", "missing"}
    rows = {
        student: {
            name: replace(one, message="what happened" if one.status not in judged else CANARY)
            for name, one in own.items()
        }
        for student, own in work.rows.items()
    }
    text = page(replace(work, rows=rows), NOW, with_names=True)
    assert CANARY not in text
    assert "what happened" in text


def test_names_are_shown_only_if_asked(work: Classwork) -> None:
    names = {submission.student for submission in CLASS}
    words = set(re.findall(r"\w+", Reader(page(work, NOW)).text))
    assert words & names == set()
    asked = set(re.findall(r"\w+", Reader(page(work, NOW, with_names=True)).text))
    assert {"kurt", "lise", "mary", "rosa"} <= asked & names


def test_numbers_stay_and_follow_no_order_of_names(
    sample: Course, work: Classwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = list(work.rows)
    assert order == list(Classwork.read(sample, ASSIGNMENT).rows)
    ranks = np.argsort(np.argsort(order))
    assert abs(np.corrcoef(ranks, np.arange(len(order)))[0, 1]) < 0.5
    monkeypatch.setenv("AUTOGRADER_SECRET", "another")
    assert order != list(Classwork.read(sample, ASSIGNMENT).rows)


def test_hostile_names_code_and_messages_run_nothing(tmp_path: Path) -> None:
    """Every hostile text of the corpus, wherever a student could have put it."""
    course = new_course(tmp_path / "course")
    stage = Stage(course="", grader=0, port=0, socket="", word="")
    texts = [
        SCRIPT,
        f'">{SCRIPT}',
        f"' onload={MARK}() x='",
        f"</pre></style>{SCRIPT}",
        "{{ 7*7 }}",
    ]
    with GradebookWriter(course, DESK.release, ASSIGNMENT) as book:
        book.register()
        for number, entry in enumerate(FAMILIES["feedback"]):
            hostile = texts[number % len(texts)]
            content = entry.content(DESK.notebook(), stage)
            assert isinstance(content, nbformat.NotebookNode)
            for cell in content.cells:
                if number < len(texts) and cell.source.startswith("def softmax("):
                    cell.source = f"def softmax(x, dim):\n    return {hostile!r}  # {hostile}"
            notebook = laid_on(content, DESK.release)
            student = f"{entry.name} {hostile}".replace("/", "∕")
            own = {
                name: Verdict(name, 0, worth, status, hostile, known)
                for (name, worth), status, known in zip(
                    WORTH.items(),
                    ("wrong", "crashed", "timeout", "refused", "error"),
                    ("hardmax", hostile, None, None, None),
                    strict=True,
                )
            }
            rows = [Row.of(student, ASSIGNMENT, v).as_dict() for v in own.values()]
            book.save(student, None, Graded(notebook, own), Record("", rows))
    text = page(Classwork.read(course, ASSIGNMENT), NOW, with_names=True)
    assert_harmless(text)
    assert MARK in Reader(text).text  # it was there to be seen
    assert "49" not in Reader(text).text.split()


def test_a_reader_that_sees_nothing_gets_every_plot_and_number(work: Classwork) -> None:
    reader = Reader(page(work, NOW))
    plots = [a for a in reader.all("div") if a.get("role") == "img"]
    assert len(plots) == len(reader.all("svg")) == 5
    assert all(len(a["aria-label"]) > 40 for a in plots)
    assert all(a["aria-hidden"] == "true" for a in reader.all("svg"))
    assert len(reader.all("caption")) == len(reader.all("table")) == 8
    assert all(a["scope"] in ("row", "col") for a in reader.all("th"))
    assert len(reader.all("h1")) == 1
    assert reader.all("html") == [{"lang": "en"}]
    headings = {a["id"] for a in reader.all("h2")}
    assert {a["aria-labelledby"] for a in reader.all("section")} == headings


# What the page says -------------------------------------------------------------------------------


def test_the_sample_class_is_counted_as_it_states(work: Classwork) -> None:
    stated = [
        (name, grade.misconception)
        for submission in CLASS
        for name, grade in submission.grades.items()
        if grade.misconception
    ]
    found = page(work, NOW)
    assert "the columns of <code>weights</code> sum to 1" in found
    text = Reader(found).text
    for problem, known in stated:
        assert f"{problem}: {known} ({stated.count((problem, known))})" in text
    assert "Wrong answers without a known mistake:\nsimilarity 1, softmax_jacobian 1." in text
    assert "25 submissions, 19 of them with an answer to judge." in text
    assert "is empty; expected a notebook" in text
    assert [figure.statuses["timeout"] for figure in problem_figures(work)] == [0, 1, 0, 0, 0]


def test_an_example_shows_the_mistake_and_no_more(work: Classwork) -> None:
    text = html.unescape(page(work, NOW))
    assert f"def attend(query, keys, values):\n    {GAP}\n    scores = keys @ query\n" in text


def test_many_with_one_mistake_stand_first(work: Classwork) -> None:
    rows = {f"s{i}": points_of(f"s{i}", list(WORTH.values())) for i in range(9)}
    for i in range(5):
        wrong = replace(row(f"s{i}", "attend", 0, "wrong"), misconception="no_scale")
        rows[f"s{i}"]["attend"] = wrong
    rows["s8"]["softmax"] = replace(row("s8", "softmax", 0, "wrong"), misconception="hardmax")
    text = Reader(page(made(rows, work), NOW)).text
    assert "Most often misunderstood: no_scale in attend (5 of 9 answers)." in text
    assert "Fewest points: attend, 44 % of its points on average." in text


def test_what_an_instructor_is_to_look_at_is_said_at_a_glance(work: Classwork) -> None:
    """A copied pair, a problem that those solve who solve no other, and one that timed out."""
    random.seed(8)
    names = [f"s{i}" for i in range(40)]
    rows = {
        name: points_of(name, [4, 0, 4, 6, 4] if i % 2 else [0, 2, 0, 0, 0])
        for i, name in enumerate(names)
    }
    rows["s1"]["attend"] = replace(row("s1", "attend", 0, "timeout"), message="first\nsecond")
    code = {
        name: {
            s: f"def {name}(x):\n    return {random.random()} + {random.random()}" for s in names
        }
        for name in WORTH
    }
    for own in code.values():
        own["s7"] = own["s3"]
    text = Reader(page(replace(work, rows=rows, code=code), NOW)).text
    assert "Crashed, timed out or refused, in whole or in part: 1 submission." in text
    assert "Alike beyond what is usual here: 1 pair." in text
    assert "Problems that tell students apart poorly: similarity." in text
    pair = text[text.index("Pairs that stand out") :]
    assert re.search(r"student\s4 +\s*student\s8 ", pair)
    assert "first" in text
    assert "second" not in text


FULL = list(WORTH.values())


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({}, "There is nothing to say of the problems."),
        ({"a": FULL}, "Everybody has all points in every problem."),
        ({"a": FULL, "b": [0] * 5}, "half have at least 10 of 20 points"),
        ({f"s{i}": FULL for i in range(30)}, "Everybody has all points in every problem."),
    ],
    ids=["nobody", "one", "two", "all right"],
)
def test_any_class_has_a_page(rows: dict[str, list[float]], said: str, work: Classwork) -> None:
    absent = {
        f"absent{i}": {name: row(f"absent{i}", name, 0, "missing") for name in WORTH}
        for i in range(3)
    }
    graded = {student: points_of(student, points) for student, points in rows.items()}
    text = page(made({**graded, **absent}, work), NOW)
    assert_harmless(text)
    assert said in Reader(text).text
    assert "cannot be computed" in text
    assert "no pair can stand out: there is too little to compare with" in text  # no code at all
    assert "nan" not in Reader(text).text.split()


# Reading the gradebook ----------------------------------------------------------------------------


def test_what_another_build_graded_is_counted_and_left_out(tmp_path: Path) -> None:
    course = new_course(tmp_path / "course")
    ada, boole = (s for s in CLASS if s.student in ("ada", "boole"))
    save(course, [ada])
    with GradebookWriter(course, DESK.release, ASSIGNMENT) as book:
        own = verdicts(boole, "said")
        old = [{**Row.of("boole", ASSIGNMENT, v).as_dict(), "max_points": 9} for v in own.values()]
        work = Graded(DESK.release.notebook, own)
        book.save("boole", None, work, Record("old", old))
        book.save("emmy", None, work, Record("", []))  # as where the grader failed
    found = Classwork.read(course, ASSIGNMENT)
    assert (list(found.rows), found.ungraded) == (["ada"], 2)
    assert "2 submissions not in this report" in page(found, NOW)


def test_the_notebooks_are_those_that_were_graded(work: Classwork) -> None:
    assert "Agreeable" in work.code["softmax_jacobian"]["uma"]
    assert compared(work.code["softmax"]["grace"]) == ()  # as it was released
    assert work.code["attend"]["emmy"] == DESK.mistaken("attend", "no_scale")


@pytest.mark.parametrize(
    ("state", "kind"), [("no gradebook", GradebookError), ("nothing graded", ReportError)]
)
def test_nothing_to_report_is_one_sentence(
    state: str, kind: type[MendableError], tmp_path: Path
) -> None:
    course = new_course(tmp_path / "course")
    if state == "nothing graded":
        with GradebookWriter(course, DESK.release, ASSIGNMENT) as book:
            book.register()
    with pytest.raises(kind, match=f"run `autograder grade {ASSIGNMENT}` first") as error:
        Classwork.read(course, ASSIGNMENT)
    assert "\n" not in str(error.value)
    assert (course.root / "gradebook.db").exists() == (state == "nothing graded")


def test_the_command_writes_a_page(
    sample: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sample.root)
    target = tmp_path / "page.html"
    done = CliRunner().invoke(main, ["report", ASSIGNMENT, "--names", "--output", str(target)])
    assert done.output == f"{target}: 25 submissions\n"
    assert "kurt" in target.read_text()
    for arguments, said in [
        (["nothing"], "no assignment 'nothing'; there are: "),
        ([ASSIGNMENT, "--output", str(tmp_path / "no" / "page.html")], "No such file"),
    ]:
        failed = CliRunner().invoke(main, ["report", *arguments])
        assert failed.exit_code == 1
        assert said in failed.output
        assert failed.output.strip().count("\n") == 0


# Figures ------------------------------------------------------------------------------------------


def test_every_submission_is_in_one_bar(work: Classwork) -> None:
    bars = distribution(work)
    assert sum(bar.judged + bar.unjudged for bar in bars) == len(work.rows)
    assert (bars[0].low, bars[0].judged, bars[0].unjudged) == (0, 0, 6)
    assert (bars[-1].low, bars[-1].high) == (20, 20)
    large = replace(work, worth={**work.worth, "written": 80})
    assert len(distribution(large)) <= 26
    assert sum(bar.judged + bar.unjudged for bar in distribution(large)) == len(work.rows)


def test_the_index_d_is_the_textbooks() -> None:
    """Of 100, 27 in each group: of the upper 20 solve it, of the lower 5."""
    others = np.arange(100.0)
    points = np.zeros(100)
    points[:5] = points[-20:] = 1
    assert discrimination(points, others * 10 + points, 1).upper_lower == pytest.approx(15 / 27)


def test_who_ties_at_the_end_of_a_group_counts_in_part() -> None:
    """Groups of 2.7: the upper is the first, and 1.7 of the four who tie, two of whom solve it."""
    points = np.array([1.0, 1, 0, 1, 0, 0, 0, 0, 0, 0])
    totals = np.array([9.0, 8, 8, 8, 8, 5, 5, 5, 5, 1])
    for order in (slice(None), slice(None, None, -1)):
        found = discrimination(points[order], totals[order], 1)
        assert found.upper_lower == pytest.approx((1 + 1.7 / 2) / 2.7)


def test_a_problem_does_not_agree_with_itself() -> None:
    random.seed(0)
    points, rest = (np.array([random.random() for _ in range(500)]) for _ in range(2))
    found = discrimination(points, points + rest, 1)
    assert found.correlation == pytest.approx(np.corrcoef(points, rest)[0, 1])
    assert abs(found.correlation) < 0.1 < np.corrcoef(points, points + rest)[0, 1]


def test_only_what_is_surely_poor_is_called_so() -> None:
    def of(count: int, agreement: float) -> tuple[bool, bool]:
        random.seed(count)
        rest = np.array([random.gauss(0, 1) for _ in range(count)])
        noise = np.array([random.gauss(0, 1) for _ in range(count)])
        points = agreement * rest + noise
        found = discrimination(points, points + rest, 1)
        return found.is_poor, found.is_good

    assert of(10, -0.5) == (False, False)  # 0.07, and up to 0.67
    assert of(1000, 0) == (True, False)
    assert of(10, -5) == (True, False)
    assert of(1000, 1) == (False, True)


@pytest.mark.parametrize("points", [[], [1.0], [0.0, 1.0, 1.0], [1.0] * 9])
def test_without_numbers_or_differences_there_is_no_correlation(points: list[float]) -> None:
    found = discrimination(np.array(points), np.array(points) + np.arange(len(points)), 1)
    assert (found.correlation, found.is_poor, found.is_good) == (None, False, False)


# Answers as they are compared and shown -----------------------------------------------------------

STUB = DESK.stub("softmax")
PLAIN = """
def softmax(x, dim):
    top = x.max(dim=dim, keepdim=True).values
    powers = torch.exp(x - top)
    return powers / powers.sum(dim=dim, keepdim=True)
"""
SAME = '''
def softmax(x, dim):
    """Kim Minsu wrote this."""
    # Kim Minsu, 2026
    m   = x.max( dim = dim, keepdim = True ).values

    e = (torch.exp((x - m)))
    return e / e.sum(dim=dim,
                     keepdim=True)
'''


def compared(code: str) -> tuple[str, ...]:
    return tokens(code, STUB, PROBLEMS)


def test_names_comments_and_layout_make_no_difference() -> None:
    assert compared(PLAIN) == compared(SAME)
    assert compared(PLAIN) == compared("%timeit 1\n" + PLAIN)
    assert compared(PLAIN) != compared(PLAIN.replace(".sum", ".prod"))
    assert compared(PLAIN) != compared(PLAIN.replace("top = x", "top = powers"))


def test_what_was_released_is_no_answer() -> None:
    assert compared(STUB) == compared("# nothing") == compared('"nothing"') == ()
    assert "def" not in compared(PLAIN)


def test_an_excerpt_leaves_out_solutions_and_whatever_may_name_people() -> None:
    lines = excerpt(SAME, STUB, [PLAIN.replace("top", "largest")])
    assert lines == [
        "def softmax(x, dim):",
        "    m = x.max(dim=dim, keepdim=True).values",
        "    e = torch.exp(x - m)",
        "    return e / e.sum(dim=dim, keepdim=True)",
    ]
    assert excerpt(PLAIN, STUB, [PLAIN]) == ["def softmax(x, dim):", f"    {GAP}"]
    assert excerpt("x = '\\d'", STUB, []) == [r"x = '\\d'"]  # Python warns of it
    assert len(excerpt("x = 1\ny = 2\n" * 500, STUB, [])) == MAX_LINES
    assert max(map(len, excerpt(f"x = '{'long' * 99}'", STUB, []))) <= 120


@pytest.mark.parametrize(
    "code",
    [
        "x = 1\n" * 4_000_000,
        "def softmax(x, dim)\n    return",
        "(" * 5_000,
        "-" * 15_000 + "1",
        "a." * 9_000 + "a",
        "x = '\0'",
        "\ud800 = 1",
        "1 is 1; '\\d'",
        "x" * 10_000_000,
        "٣ = 4",
    ],
    ids=["20 MB", "syntax", "brackets", "signs", "dots", "null", "surrogate", "warns", "word", "٣"],
)
def test_no_text_stops_a_report(code: str) -> None:
    assert len(compared(code)) <= MAX_TOKENS
    assert len(excerpt(code, STUB, [])) <= MAX_LINES


# Alike --------------------------------------------------------------------------------------------


def honest(count: int, ways: int = 10) -> Tokens:
    """A class in which everybody answers by one of some honest variants, at random."""
    found: Tokens = {}
    for problem in PROBLEMS:
        texts = [DESK.source.solutions[problem]]
        texts += [text for (name, _), text in DESK.variants.items() if name == problem]
        stub = DESK.stub(problem)
        own = [tokens(text, stub, PROBLEMS) for text in texts[:ways]]
        found[problem] = {f"student{i}": random.choice(own) for i in range(count)}
    return found


def varied(answers: Tokens, share: float = 0.2) -> Tokens:
    """The same, with a share of the words as only their writers would have them."""
    return {
        problem: {
            student: tuple(w if random.random() > share else f"{student}{w}" for w in words)
            for student, words in own.items()
        }
        for problem, own in answers.items()
    }


@pytest.mark.parametrize("ways", [3, 10])
def test_honest_answers_to_short_problems_are_not_named(ways: int) -> None:
    """25 classes of 30: with three ways to write each answer, equal submissions are usual."""
    random.seed(0)
    near = 0
    for _ in range(25):
        found = likeness(honest(30, ways))
        assert found.can_tell
        assert found.alike == []
        near += found.bins[-1]
    assert (near > 25) == (ways == 3)


def test_a_class_that_hands_in_one_solution_is_not_named(work: Classwork) -> None:
    text = Reader(page(work, NOW)).text
    assert "No pair stands out." in text
    own = {problem: {f"s{i}": ("one", "way") for i in range(30)} for problem in PROBLEMS}
    found = likeness(own)
    assert (found.alike, found.usual["attend"].largest) == ([], 30)
    assert len(found.equal[0]) == 30


def test_a_copy_is_named_and_nothing_else() -> None:
    random.seed(1)
    answers = varied(honest(30))
    for own in answers.values():
        own["student7"] = own["student3"]
    (pair,) = likeness(answers).alike
    assert {pair.first, pair.second} == {"student3", "student7"}
    assert (pair.similarity, pair.problems) == (1, len(PROBLEMS))
    assert 1e-7 < pair.expected < 1e-5  # of 435 pairs, not of one


def test_a_copy_with_a_few_changes_is_named() -> None:
    random.seed(2)
    answers = varied(honest(30))
    for own in answers.values():
        own["student7"] = (*own["student3"][:-2], "changed")
    (pair,) = likeness(answers).alike
    assert NEAR <= pair.similarity < 1


def test_copies_that_many_share_are_usual_but_grouped() -> None:
    random.seed(5)
    answers = varied(honest(30))
    for own in answers.values():
        own.update(dict.fromkeys([f"student{i}" for i in range(8)], own["student0"]))
    found = likeness(answers)
    assert (found.alike, found.equal) == ([], [[f"student{i}" for i in range(8)]])


def test_large_groups_and_unusual_pairs_stand_first() -> None:
    random.seed(7)
    answers = varied(honest(30))
    for problem, own in answers.items():
        own["student1"] = own["student0"]
        own.update(dict.fromkeys([f"student{i}" for i in range(10, 13)], own["student10"]))
        own["student4"] = own["student3"]
        if problem == "softmax":
            own["student4"] = (*own["student3"], "more")
    found = likeness(answers)
    assert [len(group) for group in found.equal] == [3, 2]
    order = [pair.expected for pair in found.alike]
    assert order == sorted(order)
    assert len({*order}) > 1


def test_what_is_unusual_and_far_from_equal_is_not_named() -> None:
    random.seed(6)
    answers = varied(honest(30))
    for own in answers.values():
        words, most = own["student3"], len(own["student3"]) * 4 // 5
        own["student7"] = (*words[:most], *(f"own{word}" for word in words[most:]))
    assert likeness(answers).alike == []


def test_one_problem_in_common_is_not_enough() -> None:
    random.seed(3)
    answers = varied(honest(30))
    answers["attend"]["student7"] = answers["attend"]["student3"]
    assert likeness(answers).alike == []


def test_in_a_small_class_no_pair_can_stand_out() -> None:
    random.seed(4)
    for count in (0, 1, 2, 5):
        answers = varied(honest(count))
        for own in answers.values():
            if count > 1:
                own["student1"] = own["student0"]
        found = likeness(answers)
        assert (found.alike, found.can_tell) == ([], False)
        assert found.pairs == count * (count - 1) // 2
