"""TeX as MathML, which browsers show by themselves: a page needs no script, and fetches nothing."""

from __future__ import annotations

import html
from xml.etree import ElementTree

from latex2mathml.converter import convert_to_element

from autograder.sentences import plain

LONGEST = 2_000
"""Characters; a longer formula stays text, as one does that cannot be read."""

_TAGS = frozenset(
    """math menclose mfrac mi mn mo mover mpadded mphantom mroot mrow mspace msqrt mstyle msub
    msubsup msup mtable mtd mtext mtr munder munderover""".split()
)
# What MathML also has, links and actions, may not come out of what a student wrote.
_ATTRIBUTES = frozenset(
    """accent columnalign display displaystyle fence form height linethickness lspace mathvariant
    maxsize minsize movablelimits notation rowspacing rspace scriptlevel stretchy width
    xmlns""".split()
)


def mathml(tex: str, display: str) -> str:
    """A formula as MathML, or as the TeX that it is where it cannot be read.

    display: "inline" or "block".
    """
    try:
        if len(tex) > LONGEST:
            raise ValueError("too long to be read")
        formula = convert_to_element(tex, display=display)
        for part in formula.iter():
            _clean(part)
        return ElementTree.tostring(formula, encoding="unicode")
    except Exception:  # students write anything between two dollar signs
        return f"<code>{html.escape(tex)}</code>"


def _clean(part: ElementTree.Element) -> None:
    """Keep what a formula is made of, and let text be text: the library writes entities into it."""
    if part.tag not in _TAGS:
        raise ValueError(f"{part.tag} is no part of a formula")
    part.attrib = {name: value for name, value in part.attrib.items() if name in _ATTRIBUTES}
    part.text = plain(html.unescape(part.text or ""))
