"""The plots of a report as SVG that stands in the page: no script, no font, nothing to be fetched.

Text and axes take the colour of the page's text, so that a plot can be read in both themes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from autograder.report.similarity import NEAR, Likeness
from autograder.report.statistics import POOR, Bar, ProblemFigures

# Of Okabe and Ito, as in `course.plots` and the cards: told apart by colour-blind readers.
_BLUE, _SKY, _VERMILLION = "#0072B2", "#56B4E9", "#D55E00"
# Stands for the page's own colour of text until the SVG is written.
_INK = "#010203"

_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "report",  # the same plot has the same bytes
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": _INK,
    "grid.alpha": 0.15,
    "legend.frameon": False,
    "legend.fontsize": 9,
}
_WIDTH = 7.2
"""In inches; of a page 720 pixels wide."""


def points(bars: Sequence[Bar]) -> str:
    """How many submissions have how many points."""
    with mpl.rc_context(_STYLE):
        ax = _axes(2.6)
        middles = [(bar.low + bar.high) / 2 for bar in bars]
        width = 0.85 * (bars[0].high - bars[0].low + 1)
        judged = [bar.judged for bar in bars]
        ax.bar(middles, judged, width, color=_BLUE, label="something was judged")
        unjudged = [bar.unjudged for bar in bars]
        if any(unjudged):
            label = f"nothing could be judged ({sum(unjudged)})"
            lines = [0.8 * bool(count) for count in unjudged]
            hatch: dict[str, Any] = {"facecolor": "none", "edgecolor": _INK, "hatch": "////"}
            ax.bar(middles, unjudged, width, judged, label=label, linewidth=lines, **hatch)
            ax.legend(loc="upper center")
        most = max(bar.judged + bar.unjudged for bar in bars)
        ax.set(xlabel="points", ylabel="submissions", ylim=(0, 1.08 * most))
        ax.xaxis.set_major_locator(_whole())
        ax.yaxis.set_major_locator(_whole())
        ax.grid(visible=False, axis="x")
        return _svg(ax)


def problems(figures: Sequence[ProblemFigures]) -> str:
    """How many have all, some and none of each problem's points."""
    parts = {
        "all points": (_BLUE, "white", [figure.full for figure in figures]),
        "some": (_SKY, "black", [figure.some for figure in figures]),
        "none": (_VERMILLION, "black", [figure.none for figure in figures]),
    }
    with mpl.rc_context(_STYLE):
        ax = _rows([figure.name for figure in figures], headroom=0.5)
        lefts = [0] * len(figures)
        for label, (colour, ink, counts) in parts.items():
            bars = ax.barh(range(len(counts)), counts, 0.7, lefts, color=colour, label=label)
            texts = [str(count) if count else "" for count in counts]
            ax.bar_label(bars, texts, label_type="center", color=ink)
            lefts = [left + count for left, count in zip(lefts, counts, strict=True)]
        ax.set(xlabel="submissions")
        ax.xaxis.set_major_locator(_whole())
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
        return _svg(ax)


def misconceptions(counts: Mapping[str, int]) -> str:
    """How many submissions have each named mistake, the most frequent first."""
    with mpl.rc_context(_STYLE):
        ax = _rows(list(counts))
        bars = ax.barh(range(len(counts)), list(counts.values()), 0.7, color=_VERMILLION)
        ax.bar_label(bars, padding=3)
        ax.set(xlabel="submissions", xlim=(0, 1.08 * max(counts.values())))
        ax.xaxis.set_major_locator(_whole())
        return _svg(ax)


def discrimination(figures: Sequence[ProblemFigures]) -> str:
    """The correlation of each problem's points with those of the others, with its interval."""
    with mpl.rc_context(_STYLE):
        ax = _rows([figure.name for figure in figures])
        for place, found in enumerate(figure.discrimination for figure in figures):
            if found.correlation is not None:
                colour = _VERMILLION if found.is_poor else _BLUE
                ax.plot([found.low, found.high], [place, place], color=colour, linewidth=2)
                ax.plot(found.correlation, place, "o", color=colour, markersize=7)
        ax.axvline(POOR, color=_INK, linestyle="--", linewidth=1)
        label = f"correlation with the points of all other problems (dashed: {POOR})"
        ax.set(xlabel=label, xlim=(-1.02, 1.02))
        return _svg(ax)


def similarity(likeness: Likeness) -> str:
    """How alike all pairs of submissions are."""
    with mpl.rc_context(_STYLE):
        ax = _axes(2.2)
        count = len(likeness.bins)
        middles = [(i + 0.5) / count for i in range(count)]
        ax.bar(middles, likeness.bins, 0.9 / count, color=_BLUE)
        ax.axvline(NEAR, color=_INK, linestyle="--", linewidth=1)
        label = f"similarity of two submissions (dashed: {NEAR:.0%})"
        ax.set(xlabel=label, ylabel="pairs", xlim=(0, 1))
        ax.xaxis.set_major_formatter(PercentFormatter(1))
        ax.yaxis.set_major_locator(_whole())
        ax.grid(visible=False, axis="x")
        return _svg(ax)


def _axes(height: float) -> Axes:
    return Figure((_WIDTH, height), layout="constrained").subplots()


def _whole() -> MaxNLocator:
    """Ticks at whole numbers: things that are counted."""
    return MaxNLocator(integer=True, steps=[1, 2, 5, 10])


def _rows(names: Sequence[str], headroom: float = 0.0) -> Axes:
    """Axes with a row for each name, the first on top."""
    ax = _axes(0.36 * len(names) + 0.75 + headroom)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.45, -0.55)
    ax.grid(visible=False, axis="y")
    return ax


def _svg(ax: Axes) -> str:
    """The figure of these axes as an element of HTML, for somebody to put a label beside."""
    figure, file = ax.get_figure(root=True), io.StringIO()
    assert figure is not None
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    # HTML knows what svg is: names of XML, which look like addresses, are not needed.
    text = re.sub(r' (xmlns(:\w+)?|version)="[^"]*"', "", text)
    return re.sub(r'<svg width="[^"]*" height="[^"]*"', '<svg aria-hidden="true"', text, count=1)
