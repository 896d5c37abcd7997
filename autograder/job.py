"""One submission as a job that any process, or machine, can do: bytes go in, JSON comes out."""

from __future__ import annotations

import atexit
import functools
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import nbformat

from autograder.executor import Executor
from autograder.grader import Exam, Graded, Grader
from autograder.judge import Verdict
from autograder.sandbox import Walls
from autograder.submission import parse


def run(exam: Exam, content: bytes, checkpoints: Mapping[str, bytes]) -> str:
    """Grade the notebook that a student handed in, with its checkpoints; `graded` reads the result.

    Raises:
        ExecutorError: notebooks cannot be run here.
    """
    submission = parse(content, f"{exam.assignment}.ipynb")
    return as_json(_grader(exam).grade(submission, checkpoints))


@functools.cache
def _grader(exam: Exam) -> Grader:
    """One for all jobs of an exam."""
    return exam.grader(executor())


@functools.cache
def executor() -> Executor:
    """The one warm process of this process, for all jobs and threads."""
    started = Executor(Walls.from_environment())
    started.__enter__()
    atexit.register(started.__exit__, None, None, None)
    return started


def as_json(graded: Graded) -> str:
    """A graded submission as text; its pictures are in the notebook already."""
    verdicts = [asdict(replace(verdict, picture=None)) for verdict in graded.verdicts.values()]
    return json.dumps({"notebook": graded.notebook, "verdicts": verdicts})


def graded(text: str) -> Graded:
    """The inverse of `as_json`."""
    found: Mapping[str, Any] = json.loads(text)
    verdicts = [
        Verdict(**{**fields, "cases": tuple(map(tuple, fields["cases"]))})
        for fields in found["verdicts"]
    ]
    notebook = nbformat.from_dict(found["notebook"])
    return Graded(notebook, {verdict.problem: verdict for verdict in verdicts})
