"""Grades for Gradescope: one `results.json` a submission.

Source: Gradescope, "Autograder Specifications",
gradescope-autograders.readthedocs.io/en/latest/specs.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from autograder.export.grades import ExportError, Grades, Result, lateness

_MAX_FOLDER_NAME = 200
"""Bytes; file systems take 255."""


def write_folder(grades: Grades, folder: Path) -> None:
    """Write FOLDER/STUDENT/results.json of every student with a grade.

    Raises:
        ExportError: the folder holds something.
        OSError: it cannot be written.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise ExportError(
            f"{folder} is not empty, and what is left of another export would pass for this one: "
            "name a new folder with --output"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for result in grades.graded:
        own = folder / folder_name(result.student)
        own.mkdir()
        text = json.dumps(results(result), ensure_ascii=False, indent=2, allow_nan=False)
        (own / "results.json").write_text(text + "\n", encoding="utf-8")


def results(result: Result) -> dict[str, Any]:
    """The content of `results.json`: plain text, all of it visible to the student."""
    tests = [
        {
            "name": mark.name,
            "name_format": "text",
            "number": str(place),
            "score": round(mark.points, 5),
            "max_score": mark.max_points,
            "status": "passed" if mark.points >= mark.max_points else "failed",
            "output": mark.text,
            "output_format": "text",
            "visibility": "visible",
        }
        for place, mark in enumerate(result.marks, 1)
    ]
    return {
        "score": round(result.score, 5),
        "output": lateness(result),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def folder_name(student: str) -> str:
    """A student's id as the name of a folder, on any system: %XX for what has a meaning there."""
    name = re.sub(r'[\x00-\x1f"%*/:<>?\\|]|[. ]\Z', lambda found: f"%{ord(found[0]):02X}", student)
    if len(name.encode()) <= _MAX_FOLDER_NAME:
        return name
    digest = hashlib.sha256(student.encode()).hexdigest()[:16]
    return name.encode()[: _MAX_FOLDER_NAME - 17].decode("utf-8", "ignore") + f"-{digest}"
