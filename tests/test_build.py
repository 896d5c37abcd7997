"""What is built is as its text, always the same, and holds nothing that students must not get."""

from __future__ import annotations

import ast
import io
import keyword
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import safetensors.numpy

from autograder.build import Rebuilt, assignments, missing, source_notebook
from autograder.data import Array
from autograder.drift import file_drift
from autograder.problem import AuthoringError, Misconception
from autograder.reference import build_sheet, read_source
from autograder.sheet import CaseSheet, ProblemSheet, Sheet, SheetError

ROOT = Path(__file__).parent.parent
ASSIGNMENTS = assignments(ROOT / "solutions")
ARRAYS = ".safetensors"


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Rebuilt:
    return Rebuilt(ROOT, tmp_path_factory.mktemp("rebuilt"))


def test_committed_files_are_as_their_text(rebuilt: Rebuilt) -> None:
    assert rebuilt.files
    assert rebuilt.drift() == []


def test_a_second_build_gives_the_same_bytes(rebuilt: Rebuilt, tmp_path: Path) -> None:
    again = Rebuilt(ROOT, tmp_path)
    assert again.files == rebuilt.files
    for name in rebuilt.files:
        assert (tmp_path / name).read_bytes() == (rebuilt.folder / name).read_bytes(), name


def test_drift_is_seen_in_text_and_in_numbers(rebuilt: Rebuilt, tmp_path: Path) -> None:
    stale = Rebuilt(ROOT, tmp_path)
    stale.root = tmp_path
    assert stale.drift() == []
    notebook = next(n for n in stale.files if n.suffix == ".ipynb")
    arrays = next(n for n in stale.files if n.suffix == ".safetensors")
    rebuilt_here = replace_root(rebuilt, tmp_path)
    (tmp_path / notebook).write_text("{}")
    values = safetensors.numpy.load_file(tmp_path / arrays)
    shifted = {
        key: np.asarray(v * (1 + 1e-3), v.dtype) if v.dtype.kind == "f" else v
        for key, v in values.items()
    }
    safetensors.numpy.save_file(shifted, tmp_path / arrays)
    assert [line.split(":")[0] for line in rebuilt_here.drift()] == sorted(
        [str(notebook), str(arrays)]
    )
    close = {
        key: np.where(np.isfinite(v), np.nextafter(v, 9e9, dtype=v.dtype), v)
        if v.dtype.kind == "f"
        else v
        for key, v in values.items()
    }
    safetensors.numpy.save_file(close, tmp_path / arrays)
    assert [line.split(":")[0] for line in rebuilt_here.drift()] == [str(notebook)]


def with_first_case(sheet: Sheet, problem: str, **parts: Any) -> Sheet:
    """The sheet with other parts of the first case of a problem."""
    old = sheet.problems[problem]
    first, *others = old.cases
    return with_problem(sheet, replace(old, cases=(replace(first, **parts), *others)))


def with_problem(sheet: Sheet, problem: ProblemSheet) -> Sheet:
    return replace(sheet, problems={**sheet.problems, problem.name: problem})


def test_a_sheet_is_stale_where_the_judge_could_tell(rebuilt: Rebuilt, tmp_path: Path) -> None:
    built = rebuilt.folder / "assignments/a4_positions/a4_positions.sheet.json"
    sheet, path = Sheet.load(built), tmp_path / built.name
    order, waves = sheet.problems["order_sensitivity"], sheet.problems["wavelengths"]
    expected, request = order.cases[0].expected, waves.cases[0].request
    other = replace(waves.misconceptions[0], answers=waves.misconceptions[1].answers)
    stale = {
        "": with_first_case(
            sheet, order.name, expected=expected | {"value": expected["value"] + 1e-6}
        ),
        "expects another answer": with_first_case(
            sheet, order.name, expected=expected | {"value": expected["value"] + 0.1}
        ),
        "has another input": with_first_case(sheet, waves.name, request=request | {"args": [2]}),
        "has other words": with_first_case(sheet, waves.name, name="another name"),
        f"other answers of {other.id}": with_problem(
            sheet, replace(waves, misconceptions=(other, *waves.misconceptions[1:]))
        ),
        "has other problems": replace(sheet, problems={}),
    }
    for reason, changed in stale.items():
        changed.save(tmp_path)
        pairs = [(path.with_suffix(end), built.with_suffix(end)) for end in (".json", ARRAYS)]
        assert any(ours.read_bytes() != theirs.read_bytes() for ours, theirs in pairs)
        found = next(filter(None, (file_drift(*pair) for pair in pairs)), "")
        assert reason in found
        assert bool(reason) == bool(found)
    path.write_text("{}")
    assert "cannot be read as a sheet" in file_drift(path, built)


def replace_root(rebuilt: Rebuilt, root: Path) -> Rebuilt:
    other = object.__new__(Rebuilt)
    other.root, other.folder, other.files = root, rebuilt.folder, rebuilt.files
    return other


def test_installing_what_is_missing_touches_nothing_else(rebuilt: Rebuilt, tmp_path: Path) -> None:
    answered = next(n for n in rebuilt.files if n.parts[0] == "assignments")
    (tmp_path / answered).parent.mkdir(parents=True)
    (tmp_path / answered).write_text("a student's answers")
    other = replace_root(rebuilt, tmp_path)
    assert other.install(overwrite=False) == len(rebuilt.files) - 1
    assert (tmp_path / answered).read_text() == "a student's answers"
    assert other.install(overwrite=True) == 1
    assert not missing(ROOT)


# Nothing leaks -----------------------------------------------------------------------------------

CANARIES = ("canary_of_a_solution", "canary_of_a_misconception")

PLANTED = """
from dataclasses import replace
from pathlib import Path
from autograder.problem import Misconception
from autograder.reference import load_module, read_source

def planted(problem, solution):
    return replace(problem, misconceptions=tuple(
        Misconception(m.id, m.seen, m.think,
                      body=m.applied_to(solution) + "\\ncanary_of_a_misconception = 1\\n")
        for m in problem.misconceptions))

SOURCE = read_source(Path({solutions!r}), {assignment!r})
PROBLEMS = tuple(planted(p, SOURCE.solutions[p.name]) for p in SOURCE.problems)
"""


def plant(assignment: str, course: Path) -> None:
    """A copy of an assignment in which every solution and misconception bears a canary."""
    solutions = course / "solutions"
    solutions.mkdir(parents=True)
    text = (ROOT / "solutions" / f"{assignment}.py").read_text()
    end = "    ### END SOLUTION"
    assert text.count(end) >= 5
    text = text.replace(end, f"    canary_of_a_solution = 1\n{end}")
    (solutions / f"{assignment}.py").write_text(text)
    problems = PLANTED.format(solutions=str(ROOT / "solutions"), assignment=assignment)
    (solutions / f"{assignment}_problems.py").write_text(problems)


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_no_code_of_an_answer_or_a_misconception_is_released(
    assignment: str, tmp_path: Path
) -> None:
    course = tmp_path / "course"
    plant(assignment, course)
    built = Rebuilt(course, tmp_path / "built")
    kept = (tmp_path / f"built/solutions/{assignment}/{assignment}.ipynb").read_text()
    assert CANARIES[0] in kept  # the instructor's notebook has the solutions: the canary is alive
    released = [name for name in built.files if name.parts[0] == "assignments"]
    assert len(released) == 3
    for name in released:
        content = (tmp_path / "built" / name).read_bytes()
        for canary in CANARIES:
            assert canary.encode() not in content, name


def arguments(case: CaseSheet) -> list[object]:
    return [
        argument.values.tolist() if isinstance(argument, Array) else argument
        for argument in case.request["args"]
    ]


def drawn_arrays(case: CaseSheet) -> list[bytes]:
    """The arrays of a request that are told from others by their bytes: masks, orders are not."""
    arrays = [argument for argument in case.request["args"] if isinstance(argument, Array)]
    drawn = [array.values for array in arrays if array.values.dtype.kind == "f"]
    return [values.tobytes() for values in drawn if np.unique(values).size > 2]


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_no_hidden_input_is_released(assignment: str) -> None:
    source = read_source(ROOT / "solutions", assignment)
    public = Sheet.load(ROOT / "assignments" / assignment / f"{assignment}.sheet.json")
    released = b"".join(
        path.read_bytes() for path in sorted((ROOT / "assignments" / assignment).iterdir())
    )
    for secret in ("one", "two"):
        for name, problem in build_sheet(source, secret).problems.items():
            shown = [case for case in problem.cases if not case.hidden]
            known = [arguments(case) for case in shown]
            hidden = [case for case in problem.cases if case.hidden]
            drawn = [case for case in hidden if arguments(case) not in known]  # no worked example
            cases = public.problems[name].cases
            assert len(drawn) >= len(cases) // 4, name
            assert not any(arguments(case) in map(arguments, cases) for case in drawn), name
            told = {content for case in shown for content in drawn_arrays(case)}
            secrets = {content for case in drawn for content in drawn_arrays(case)} - told
            assert not any(content in released for content in secrets), name


# Lectures show ideas, not answers ----------------------------------------------------------------

WINDOW = 8  # tokens
MOST = 0.4  # of a solution's windows may stand in one piece of code that students get


def tokens(code: str) -> list[str]:
    """The tokens of code, but every name that is no attribute, and every number, the same."""
    words: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.OP:
            words.append(token.string)
        elif token.type in (tokenize.NAME, tokenize.NUMBER):
            is_told_apart = keyword.iskeyword(token.string) or words[-1:] == ["."]
            words.append(token.string if is_told_apart else "_")
    return words


def windows(code: str) -> set[tuple[str, ...]]:
    words = tokens(code)
    return {tuple(words[i : i + WINDOW]) for i in range(len(words) - WINDOW + 1)}


def student_code() -> Iterator[tuple[str, str]]:
    """Every piece of code that a student gets: a cell, or a function of the packages."""
    folders = [ROOT / "lectures", *(ROOT / "assignments").iterdir()]
    for path in [path for folder in folders for path in sorted(folder.glob("*.ipynb"))]:
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
            if cell.cell_type == "code":
                yield f"{path.name} cell {number}", cell.source
    for path in [
        p for name in ("autograder", "course") for p in sorted((ROOT / name).rglob("*.py"))
    ]:
        text = path.read_text()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                yield f"{path.name} {node.name}", ast.get_source_segment(text, node) or ""


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_no_solution_cell_has_a_near_copy_in_what_students_get(
    assignment: str, record_property: Callable[[str, object], None]
) -> None:
    source = read_source(ROOT / "solutions", assignment)
    pieces = [(name, windows(code)) for name, code in student_code()]
    rows = []
    for problem, code in source.solutions.items():
        statements = [n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.stmt)]
        if len(statements) < 5:
            continue
        own = windows(code)
        share, nearest = max((len(own & theirs) / len(own), name) for name, theirs in pieces)
        rows.append((problem, share, nearest))
        record_property("copy", (problem, f"{share:.0%}", nearest))
    assert all(share <= MOST for _, share, _ in rows), rows


def test_a_near_copy_would_be_seen() -> None:
    code = "def f(x, d):\n    a = x.amax(d, 1)\n    b = x - a\n    return b / b.sum(d, 1)"
    copy = "top = s.amax(1, 1)\ne = s - top\nw = e / e.sum(1, 1)"
    assert len(windows(code) & windows(copy)) / len(windows(code)) > MOST / 2


# Errors of authors and of files ------------------------------------------------------------------


def test_an_unknown_role_is_one_sentence(tmp_path: Path) -> None:
    text = tmp_path / "a.py"
    text.write_text('# %% problem="one" role="anser"\nx = 1\n')
    with pytest.raises(AuthoringError, match="names the problem 'one'"):
        source_notebook(text, [])


def test_damaged_sheets_are_one_sentence(tmp_path: Path) -> None:
    Sheet("a", {}).save(tmp_path)
    path = tmp_path / "a.sheet.json"
    assert Sheet.load(path) == Sheet("a", {})
    path.with_suffix(".safetensors").write_bytes(b"x")
    with pytest.raises(SheetError, match="cannot be read"):
        Sheet.load(path)
    path.with_suffix(".safetensors").unlink()
    with pytest.raises(SheetError, match=r"a.sheet.safetensors is missing"):
        Sheet.load(path)
    path.write_text('{"format": 0}')
    with pytest.raises(SheetError):
        Sheet.load(path)


def test_a_misconception_is_an_edit_or_a_body() -> None:
    with pytest.raises(AuthoringError, match="either edits or a body"):
        Misconception("both", seen="", think="", edits={"a": "b"}, body="c")
