"""A verdict as people see it: plain text everywhere, a small card in a notebook."""

from __future__ import annotations

import html
from dataclasses import dataclass

from autograder.judge import Verdict

_HEADLINES = {
    "correct": "correct",
    "wrong": "not right yet",
    "error": "raises an error",
    "timeout": "takes too long",
    "crashed": "breaks the process",
    "missing": "not answered yet",
    "refused": "not accepted",
}

_STYLE = (
    "border-left: 4px solid {colour}; padding: 2px 12px; margin: 2px 0; "
    "font-family: var(--jp-code-font-family, monospace); white-space: pre-wrap"
)
# Blue and vermillion of Okabe and Ito: told apart by colour-blind readers, on light and dark.
_COLOURS = {True: "#0072B2", False: "#D55E00"}


@dataclass(frozen=True)
class Card:
    """Shows a verdict: `text()` in a terminal, HTML where the front end can."""

    verdict: Verdict

    def headline(self) -> str:
        """Problem, status and points in one line."""
        verdict = self.verdict
        passed = sum(done for _, done in verdict.cases)
        count = f" ({passed} of {len(verdict.cases)} cases pass)" if verdict.cases else ""
        if verdict.status == "correct":
            count = ""  # the message says so
        return f"{verdict.problem}: {_HEADLINES[verdict.status]}{count}"

    def text(self) -> str:
        """The card as plain text."""
        return f"{self.headline()}\n{self.verdict.message}"

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()

    def html(self) -> str:
        """The card for a notebook or a feedback page; everything in it is escaped."""
        style = _STYLE.format(colour=_COLOURS[self.verdict.status == "correct"])
        headline, message = html.escape(self.headline()), html.escape(self.verdict.message)
        return f'<div style="{style}"><strong>{headline}</strong>\n{message}</div>'
