"""`make gallery`: every card of the sample classes, side by side on one page, to be looked at.

A card of each status, and of each kind of mistake: of a known one by its id, of another by what is
said of it, names and numbers aside.
"""

from __future__ import annotations

import html
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder import job
from autograder.build import assignments
from autograder.course_directory import Course, find_course
from autograder.judge import Verdict
from autograder.sample import read_class, write
from autograder.show import Card
from autograder.submission import read_submission

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "build" / "gallery.html"

_STYLE = """
:root { color-scheme: light dark; font: 14px system-ui, sans-serif }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(38em, 1fr)); gap: 1.5em }
figure { margin: 0; overflow-x: auto } figcaption { opacity: .7; margin-bottom: .3em }
"""


@dataclass(frozen=True)
class Exhibit:
    """A verdict of a sample class, and what the submission is."""

    assignment: str
    story: str
    verdict: Verdict

    @property
    def kind(self) -> tuple[str, str]:
        """What makes two cards the same to look at."""
        verdict = self.verdict
        said = re.sub(r"`[^`]*`|“[^”]*”|[\d.]+|\(.*?\)", "", verdict.message.split("\n")[0])
        return verdict.status, verdict.misconception or said


def exhibits(course: Course, assignment: str) -> Iterator[Exhibit]:
    """One of each kind, from the assignment's sample class, graded as submissions are."""
    desk, submissions = read_class(course, assignment)
    grader = course.exam(assignment).grader(job.executor())
    seen = set()
    for submission in submissions:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{assignment}.ipynb")
            write(submission.make(desk), path)
            graded = grader.grade(read_submission(path))
        for verdict in graded.verdicts.values():
            exhibit = Exhibit(assignment, submission.story, verdict)
            if exhibit.kind not in seen:
                seen.add(exhibit.kind)
                yield exhibit


def page(shown: list[Exhibit]) -> str:
    """The gallery as one page of HTML that fetches nothing."""
    figures = (
        f"<figure><figcaption>{html.escape(f'{one.assignment}: {one.story}')}</figcaption>"
        f"{Card(one.verdict).html()}</figure>"
        for one in sorted(shown, key=lambda one: (one.verdict.status, one.assignment))
    )
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>Cards</title><style>{_STYLE}"
    return f"{head}</style><h1>{len(shown)} cards</h1><main>{''.join(figures)}</main></html>\n"


def main() -> None:
    """The command."""
    course = find_course(ROOT)
    shown = [one for name in assignments(course.solutions) for one in exhibits(course, name)]
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(shown), encoding="utf-8")
    print(f"{len(shown)} cards: open {PAGE.relative_to(ROOT)} in a browser")


if __name__ == "__main__":
    main()
