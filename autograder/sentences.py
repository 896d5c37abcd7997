"""The words of a verdict: what was found, what was expected, where to think. Never the answer.

A message has at most five lines, but for a traceback of the student's own. On hidden cases it
holds no input and no expected value, and no text that student code could have put together from
them.
"""

from __future__ import annotations

import builtins
import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace

from autograder.compare import Difference, describe, difference, gradient_difference
from autograder.data import Array, Tree
from autograder.rules import Breach, Notebook
from autograder.sheet import CaseSheet, MisconceptionSheet, ProblemSheet

MAX_LINES = 5
MAX_TRACEBACK = 2_000

ODD_OUTPUT = "(an output that a notebook cannot hold was left out)\n"
MALFORMED = "The answer did not arrive as data: the code meddles with the process that runs it."
UNANSWERED = "Not answered: the answer cell is as it was released, empty, or gone."


def plain(text: str, most: int = MAX_TRACEBACK) -> str:
    """`text` without control characters, surrogates and direction overrides, and not endless."""
    text = text.expandtabs(4).replace("\r\n", "\n").replace("\r", "\n")
    kept = (
        char
        for char in text
        if char == "\n" or unicodedata.category(char) not in ("Cc", "Cs", "Co", "Cn", "Cf")
    )
    text = "".join(kept).strip("\n")
    return text if len(text) <= most else "…" + text[-(most - 1) :]


def correct(count: int) -> str:
    """All cases pass."""
    return f"Correct: {count} of {count} cases pass."


def progress(assignment: str, right: Sequence[str], count: int) -> str:
    """How far a student has come since the kernel started; nothing to say of a single problem."""
    if count == 1:
        return ""
    if len(right) == count:
        return f"{assignment}: all {count} problems are right."
    names = f" ({', '.join(right)})" if right else ""
    return f"{assignment}: {len(right)} of {count} problems seen right in this kernel{names}."


def no_such_name(name: str, others: Iterable[str]) -> str:
    """The notebook ran, and defines no such name."""
    close = difflib.get_close_matches(name, sorted(others), n=1)
    hint = f" It defines `{close[0]}`: was that meant?" if close else ""
    return f"After running the notebook there is no `{name}`.{hint}"


def grader_failed(kind: str) -> str:
    """The grader, not the submission, is at fault, or cannot tell."""
    return f"The grader failed on this submission ({kind}): have a person look at it."


def failed(name: str, kind: str) -> str:
    """The process that ran the function did not come back with answers."""
    if kind == "timeout":
        return f"`{name}` takes too long: does a loop in it never end?"
    return f"`{name}` ends the process that runs it (exit, a crash, or too much memory)."


def cell_failed(name: str, kind: str, text: str) -> str:
    """The answer cell itself did not run to its end."""
    if kind == "error":
        return f"The answer cell of `{name}` raises an error:\n{plain(text)}"
    end = "takes too long" if kind == "timeout" else "ends the process that runs it"
    return f"The answer cell of `{name}` {end}, before `{name}` is defined."


def not_answered(name: str, others: Iterable[str]) -> str:
    """A running kernel still has the definition that was released."""
    close = difflib.get_close_matches(name, sorted(others), n=1)
    hint = f" You have defined `{close[0]}`: was `{name}` meant?" if close else ""
    return (
        f"The kernel still has `{name}` as it was released.{hint} Did you run your cell, and did "
        "it run without an error? A cell that ends in an error defines nothing."
    )


def line_left(name: str) -> str:
    """The line that marked the place of the answer still stands there."""
    return (
        f"`{name}` still comes to its `raise NotImplementedError()`: delete that line, which only "
        "marked the place of your code, and run the cell again."
    )


def stale(name: str) -> str:
    """The last cell that was to define a name has a syntax error."""
    return (
        f"Python could not read the cell that defines `{name}`: see the error below that cell, "
        "mend it, run it again, then check. Until then the kernel has what it had before."
    )


def not_defined(name: str, others: Iterable[str]) -> str:
    """A running kernel has no such name."""
    close = difflib.get_close_matches(name, sorted(others), n=1)
    hint = f" It has `{close[0]}`: was that meant?" if close else ""
    return f"The kernel has no `{name}` yet: run the cell that defines it, then check again.{hint}"


def interrupted(name: str, line: str) -> str:
    """The student stopped the check."""
    at = f" at: {plain(line, 200)}" if line else ""
    return f"You stopped `{name}`{at}\nDoes a loop in it never end?"


def breach(name: str, found: Breach) -> str:
    """A forbidden function or module in the text."""
    return (
        f"`{name}` may not use `{found.name}` (line {found.line} of its definition): "
        "the problem asks you to do without it."
    )


def called(name: str, function: str) -> str:
    """A forbidden function seen at work."""
    return (
        f"While `{name}` ran, a library's `{function}` was called: "
        "that is what you are to build here."
    )


def mend_first(name: str, other: str, status: str) -> str:
    """A problem that calls another that is not right."""
    state = {"missing": "is not answered yet", "wrong": "is not right yet"}.get(
        status, "does not run yet"
    )
    return f"`{name}` calls your `{other}`, which {state}: mend `{other}` first, then check again."


def misconception(
    case: CaseSheet, answer: Tree, known: MisconceptionSheet, notebook: Notebook
) -> str:
    """A mistake that is known: what was seen, on which input, and where to think."""
    raises = []
    if answer["outcome"] == "raised":
        is_ours = answer["type"] == "OtherParametersError"  # the student's code raised nothing
        raises = [] if is_ours else [_exception(answer, notebook)]
        raises += [] if case.hidden else [_beginning(plain(answer["text"]).split("\n")[0], 300)]
    return _lines(on(case), *raises, f"Seen: {known.seen}", f"Think: {known.think}")


def raised(case: CaseSheet, answer: Tree, notebook: Notebook, is_public: bool) -> str:
    """An exception as the student's own traceback, if it comes out of their code.

    On a hidden case only its type and the line, and its text only where a public case raises the
    same (`is_public`): else an exception could carry hidden inputs out.
    """
    kind = plain(answer["type"], 80)
    if case.hidden and not is_public:
        return _lines(on(case), _exception(answer, notebook))
    if kind == "OtherParametersError":  # of ours, about the student's module
        return _lines(on(case), _beginning(plain(answer["text"]), 500))
    text = _beginning(plain(answer["text"]), 500)
    error = f"{kind}: {text}" if text else kind
    if not answer["traceback"]:  # called with too few arguments, say, or what it made does not fit
        return f"{on(case)} an error is raised where your code is used:\n{error}"
    return f"{on(case)} your code raises an error:\n{plain(answer['traceback'])}\n{error}"


def _beginning(text: str, most: int) -> str:
    """What an exception says first is what is wrong: of a long text the end goes."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _exception(answer: Tree, notebook: Notebook) -> str:
    """An exception in one line that student code cannot choose the words of.

    Its type is the nearest one that Python itself defines, its line one of the notebook.
    """
    kinds = (name for name in answer["bases"] if isinstance(getattr(builtins, name, None), type))
    line = answer["line"] if notebook.has_line(answer["line"]) else ""
    at = f" at: {plain(line, 200)}" if line.strip() else ""
    return f"Your code raises {next(kinds, 'an exception')}{at}"


def mistake(sheet: ProblemSheet, case: CaseSheet, answer: Tree, notebook: Notebook) -> str:
    """The first case that differs, where no misconception matches."""
    expected = case.expected
    if expected["outcome"] == "raised":
        if answer["outcome"] == "raised":
            found = _exception(answer, notebook)
        elif describe(answer["value"]).split()[-1] == expected["type"]:
            kind = expected["type"]
            return _lines(on(case), f"Your code hands a {kind} back; it should raise it.")
        else:
            found = f"Your code returns {describe(answer['value'])}"
        return _lines(on(case), f"{found}; expected that it raises a {expected['type']}.")
    values = expected["value"], answer["value"]
    unequal = difference(*values, sheet.returns, case.tolerance, case.share)
    unequal = unequal or gradient_difference(
        expected["gradients"], answer["gradients"], case.tolerance
    )
    if unequal and case.hidden:
        unequal = _without_foreign_sizes(unequal, case)
    if unequal:
        numbers = f"Found {unequal.found}\nexpected {unequal.expected}"
        shows = (
            unequal.kind in ("value", "nan", "scalar", "share")
            and unequal.found
            and not case.hidden
        )
        return _lines(
            on(case), _departure(sheet, unequal, case), *(numbers.split("\n") if shows else ())
        )
    return _lines(
        on(case),
        f"The result is right, but `{', '.join(map(str, answer['changed']))[:80]}` was changed: "
        "a function leaves its arguments as they were. Work on a copy.",
    )


def on(case: CaseSheet) -> str:
    """The case as a student can find it again."""
    return f"On {'hidden inputs of ' if case.hidden else ''}“{case.name}” with {case.shapes}:"


def _departure(sheet: ProblemSheet, unequal: Difference, case: CaseSheet) -> str:
    expected, found = unequal.expected, plain(unequal.found, 120)
    where = unequal.where if unequal.where.startswith("the ") else f"`{unequal.where}`"
    many = unequal.where == "the result"  # several results, of which each has its name
    return {
        "type": f"{where} should be {expected}; it is {found}.{_no_return(found)}",
        "length": f"Expected {expected} results ({', '.join(sheet.returns)}); found {found}."
        if many
        else f"{where} has length {found}; expected {expected}.",
        "shape": f"{where} has shape {found}; expected {expected}.",
        "dtype": f"{where} has dtype {found}; expected {expected}{_like_the_arguments(case)}.",
        "nan": f"{where} holds NaN (not a number): {unequal.count} differ.",
        "gradient": f"The result cannot be differentiated in {where}: somewhere the path from "
        f"{where} to the result leaves torch (detach, item, data, numpy, a new tensor or parameter "
        "made of numbers).",
        "scalar": f"{where} is not as expected.",
        "share": f"{unequal.count}."
        + ("" if case.hidden or not found else " The first that is not:"),
        "value": f"{where} differs in {unequal.count}; "
        f"the largest difference is {unequal.largest:.3g}.",
    }[unequal.kind]


def _like_the_arguments(case: CaseSheet) -> str:
    """Where all tensors that a case hands over have the dtype of the result, that is the reason."""
    own = {tree.dtype for tree in case.request["args"] if isinstance(tree, Array)}
    expected = case.expected["value"]
    results = expected if isinstance(expected, tuple | list) else (expected,)
    same = own and own == {tree.dtype for tree in results if isinstance(tree, Array)}
    return ", as the arguments have" if same else ""


def _without_foreign_sizes(unequal: Difference, case: CaseSheet) -> Difference:
    """On a hidden case a size may be said only if the case has it: it could spell an input."""
    known = {*re.findall(r"\d+", f"{case.shapes} {unequal.expected} 0 1 2 3")}
    if known.issuperset(re.findall(r"\d+", unequal.found)):
        return unequal
    words = {"shape": "another", "length": "another number"}
    found = words.get(unequal.kind) or unequal.found.partition(" of ")[0] + " of another shape"
    return replace(unequal, found=found)


def _no_return(found: str) -> str:
    return " Does the function return its result?" if found == "None" else ""


def _lines(*lines: str) -> str:
    return "\n".join([line for line in lines if line][:MAX_LINES])
