"""The systems that take grades: what is written for each, and what its user has to know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.export import canvas, gradescope, moodle, spreadsheet
from autograder.export.grades import ExportError, Grades


@dataclass(frozen=True)
class Target:
    """A system that takes grades.

    Attributes:
        put: writes what it takes to a path; raises OSError, or an ExportError.
        without_grade: what becomes of a student without a grade.
        unfindable: a sentence on students whom the system will not find by their id, if any.
    """

    put: Callable[[Grades, Path], None]
    without_grade: str
    unfindable: Callable[[Grades], list[str]] = lambda grades: []

    def write(self, grades: Grades, output: Path) -> None:
        """Write the grades to a file or folder.

        Raises:
            ExportError: `output` cannot be written, or is a folder that holds something.
        """
        try:
            self.put(grades, output)
        except OSError as error:
            raise ExportError(
                f"{output} cannot be written ({error.strerror}): name another place with --output"
            ) from error

    def remarks(self, grades: Grades) -> list[str]:
        """What the person who exports has to know: who has no grade, and who is not found."""
        pending = Counter(result.pending for result in grades.results if result.pending)
        if not pending:
            return self.unfindable(grades)
        counts = ", ".join(f"{count} {reason}" for reason, count in pending.items())
        sentence = (
            f"{pending.total()} of {len(grades.results)} students have no grade and are "
            f"{self.without_grade}: {counts}."
        )
        return [sentence, *self.unfindable(grades)]


def _file(text: Callable[[Grades], str]) -> Callable[[Grades, Path], None]:
    """Writes one file for the class."""

    def put(grades: Grades, output: Path) -> None:
        output.write_text(text(grades), encoding="utf-8", newline="")

    return put


_EMPTY, _LEFT_OUT = "empty, not 0", "left out"
TARGETS: Mapping[str, Target] = {
    "canvas": Target(_file(canvas.canvas), _EMPTY, canvas.unfindable),
    "moodle": Target(_file(moodle.moodle), _LEFT_OUT, moodle.unfindable),
    "gradescope": Target(gradescope.write_folder, _LEFT_OUT),
    "csv": Target(_file(spreadsheet.spreadsheet), _EMPTY),
}
"""By the names that `autograder export --to` takes."""
