"""What a page of feedback keeps of the HTML that a student wrote."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from jinja2 import Environment

from autograder.harmless import clean_html, markdown2html, sizes


@pytest.mark.parametrize(
    "address",
    [
        "data:text/html,<script>1</script>",
        " DATA:text/html,1",
        "da\tta:text/html,1",
        "d&#10;ata:text/html,1",
        "\x01data:text/html,1",
        "java&#9;script:alert(1)",
        "javascript:alert(1)",
        "files/javascript:alert(1)",
        "/formgrader/gradebook",
    ],
)
def test_a_link_leads_to_no_page_of_the_students_own(address: str) -> None:
    assert "href" not in clean_html(f'<a href="{address}">here</a>')


@pytest.mark.parametrize(
    "text",
    [
        '<a href="https://example.org/a?data:b">here</a>',
        '<img alt="a map" src="data:image/png;base64,iVBORw0KGgo=">',
        "<table><tbody><tr><td>1</td></tr></tbody></table>",
    ],
)
def test_links_pictures_and_tables_stay(text: str) -> None:
    assert clean_html(text) == text


@pytest.mark.parametrize("mark", ['id="softmax"', 'class="n full-credit"', 'class="glyphicon"'])
def test_no_text_passes_for_a_part_of_the_page(mark: str) -> None:
    """By these the formgrader's scripts find scores and buttons, and its styles fetch fonts."""
    assert clean_html(f"<span {mark}>1</span>") == "<span>1</span>"
    assert "class" in clean_html('<span class="nb">1</span><table class="dataframe"></table>')


def test_of_an_outputs_metadata_only_sizes_stay() -> None:
    kept = {"image/png": {"width": 300, "height": 20}}
    odd = {
        "image/jpeg": {"width": "1 onerror=alert(1)", "alt": "x"},
        "filenames": {"image/png": "x"},
    }
    assert sizes({**kept, **odd}) == {**kept, "image/jpeg": {}}


@pytest.mark.parametrize("attachments", [{}, {"x.png": {}}])
def test_a_picture_that_is_not_attached_is_its_words(attachments: dict[str, Any]) -> None:
    shown = page("![a map](attachment:x.png)", {"attachments": attachments})
    assert shown == "<p>a map</p>\n"


def test_a_formula_in_the_words_of_a_picture_stays_tex() -> None:
    picture = {"attachments": {"x.png": {"image/png": "iVBORw0KGgo="}}}
    shown = page(r"![weights $\alpha$](attachment:x.png)", picture)
    assert r'alt="weights \alpha"' in shown
    assert "<math" not in shown


def page(source: str, cell: Mapping[str, Any] | None = None) -> str:
    """A text cell as a page of feedback shows it."""
    template = Environment().from_string("{{ show(source) }}")
    return template.render(show=markdown2html, source=source, cell=cell or {})


def test_formulas_are_shown_without_a_script() -> None:
    shown = page(r"Weights $\frac{q \cdot k}{\sqrt{d_k}} < 1$ of **one** row." + "\n\n$$a^2$$")
    assert "<mfrac>" in shown
    assert "<mo>&lt;</mo>" in shown
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">' in shown
    assert "<strong>one</strong>" in shown
    assert "$" not in shown
    assert "<mtable" in page("\\begin{align}a &= b\\\\ c &< d\\end{align}")


@pytest.mark.parametrize(
    "tex",
    [
        r"\text{<script>alert(1)</script>}",
        r"\href{javascript:alert(1)}{x}",
        r"\class{a\" onclick=alert(1)}{x}",
        r"</math><img src=x onerror=alert(1)>",
        r"\style{background:url(http://example.org)}{x}",
        r"\frac{" * 3_000,
        "{" * 1_900,
        r"\left(",
        "\x00\x0b",
    ],
)
def test_no_formula_does_more_than_be_read(tex: str) -> None:
    for source in (f"${tex}$", f"$${tex}$$", f"\\begin{{align}}{tex}\\end{{align}}"):
        shown = page(source)
        assert not re.search(r"<(?!/?(m[a-z]+|p|code|em|a)\b)[a-z]", shown), shown
        assert not re.search(r"[\x00-\x08\x0b\x0c]", shown)
        assert not re.search(r"<[^>]*\s(href|on\w+|style|src)=", shown), shown
