"""What a student shows and writes, made harmless for whoever opens a page of feedback.

Two steps. Outputs of kinds that a page would run or fetch never enter a graded notebook; what HTML
is left, and that of text cells, is cleaned when a page is made: `nbgrader_config.py` puts the two
filters of this module in the place of nbconvert's, for the feedback and for the formgrader, whose
templates clean no text cells by themselves.
"""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Mapping
from typing import Any

import bleach
from bleach.css_sanitizer import CSSSanitizer
from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert.filters.markdown_mistune import (
    InvalidNotebook,
    IPythonRenderer,
    MarkdownWithMath,
)
from pygments.token import STANDARD_TYPES

from autograder.formulas import mathml

KINDS = frozenset(
    """text/plain text/html text/markdown text/latex
    image/png image/jpeg image/gif image/svg+xml application/json""".split()
)
"""The kinds of output that pages show: as text, as a picture, or as HTML that is cleaned."""

_TAGS = frozenset(
    """a abbr b blockquote br caption cite code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i
    img ins kbd li mark ol p pre q s samp small span strong sub summary sup table tbody td tfoot th
    thead tr tt u ul var""".split()
)
_ATTRIBUTES = {
    "*": ["class", "title", "style"],
    "a": ["href"],
    "img": ["src", "alt", "width", "height"],
    "ol": ["start"],
    "td": ["colspan", "rowspan", "align"],
    "th": ["colspan", "rowspan", "align", "scope"],
}
# Any other class means something to the pages: the formgrader's scripts take what is of class
# `full-credit` for a button of theirs, and an icon of Bootstrap's fetches a font.
_CLASSES = frozenset({*STANDARD_TYPES.values(), "highlight", "dataframe"})
# None of them takes an address.
_STYLES = """background-color border-collapse border-left color display font-family font-style
    font-weight margin margin-top outline outline-offset padding text-align white-space""".split()


def shown(data: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of an output, by kind, that a graded notebook may hold."""
    return {kind: value for kind, value in data.items() if kind in KINDS}


def sizes(metadata: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """How large the pictures of an output are to be shown: all that is kept of its metadata.

    nbconvert's templates take from it addresses to fetch pictures from, and attributes without
    quotes.
    """
    return {
        kind: {
            name: size
            for name, size in of.items()
            if name in ("width", "height") and type(size) is int
        }
        for kind, of in metadata.items()
        if kind in KINDS and isinstance(of, dict)
    }


def clean_html(element: object) -> str:
    """HTML without what runs or fetches; tags that are not known are shown as text.

    A filter of nbconvert's templates: `element` is text, or bytes in UTF-8.
    """
    text = element.decode("utf-8", "replace") if isinstance(element, bytes) else str(element)
    return str(
        bleach.clean(
            text,
            tags=_TAGS,
            attributes=_is_allowed,
            protocols={"http", "https", "mailto", "data"},
            css_sanitizer=CSSSanitizer(allowed_css_properties=_STYLES),
        )
    )


@pass_context
def markdown2html(context: Context, source: str) -> str:
    """A text cell as harmless HTML, with the pictures that are attached to it.

    A filter of nbconvert's templates, which tell the cell in their context.
    """
    attachments = context.get("cell", {}).get("attachments", {})
    renderer = _Renderer(escape=False, attachments=attachments, exclude_anchor_links=True)
    page = clean_html(MarkdownWithMath(renderer=renderer).render(source))
    return renderer.with_formulas(page)


class _Renderer(IPythonRenderer):
    """Renders text; each formula is a mark until the rest has been cleaned."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._mark = secrets.token_hex()  # so that no student can write one
        self._formulas: list[str] = []
        self._tex: list[str] = []

    def with_formulas(self, page: str) -> str:
        """The page with its formulas in the place of their marks."""
        return re.sub(rf"{self._mark}-(\d+)-", lambda m: self._formulas[int(m[1])], page)

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """A picture, or its words where it is not attached; formulas in them stay TeX."""
        text = re.sub(rf"{self._mark}-(\d+)-", lambda m: self._tex[int(m[1])], text)
        try:
            return str(super().image(text, url, title))
        except (InvalidNotebook, StopIteration):  # a page of feedback must not fail for it
            return html.escape(text)

    def inline_math(self, body: str) -> str:
        """A formula within a line."""
        return self._marked(body, "inline")

    def block_math(self, body: str) -> str:
        """A formula on lines of its own."""
        return self._marked(body, "block")

    def latex_environment(self, name: str, body: str) -> str:
        """A formula whose delimiters say what it is."""
        return self._marked(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")

    def _marked(self, tex: str, display: str) -> str:
        self._tex.append(tex)
        self._formulas.append(mathml(tex, display))
        return f"{self._mark}-{len(self._formulas) - 1}-"


def _is_allowed(tag: str, name: str, value: str) -> bool:
    """Whether an attribute may stay: pictures must lie in the page, links must lead elsewhere."""
    if name not in (*_ATTRIBUTES["*"], *_ATTRIBUTES.get(tag, ())):
        return False
    if name == "class":
        return set(value.split()) <= _CLASSES
    # Browsers read over white space and control characters, and bleach leaves entities as they are.
    scheme = "".join(char for char in html.unescape(value).lower() if char.isprintable())
    scheme = scheme.replace(" ", "")
    if name == "src":
        return scheme.startswith("data:image/")
    # A path would lead to the formgrader's own pages, and nbconvert takes "files/" away from one:
    # what follows could be a script.
    return name != "href" or scheme.startswith(("http://", "https://", "mailto:"))
