"""Text that means something to whoever shows it: browsers, terminals, spreadsheets.

No message holds what a browser or a terminal would act on, and the feedback page no active content
of the student's. `MARK` stands in everything that would be active.
"""

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_raw_cell

from tests.corpus.entry import PROBLEM, Content, Entry, only

MARK = "injected_by_a_student"
SCRIPT = f"<script>{MARK}()</script>"
IMAGE = f"<img src=x onerror={MARK}()>"

SHOWN = "stock nbgrader shows what students show, and so does every page made of it"
ERRORS = "an error costs the points there too"


def raises(name: str, tries: str, text: str) -> Entry:
    answer = f"def similarity(query, keys):\n    raise ValueError({text!r})\n"
    return Entry(name, tries, answer, gets=only("error"), not_on_stock=ERRORS)


def shows(name: str, tries: str, data: dict[str, str]) -> Entry:
    cell = f"from IPython.display import display\ndisplay({data!r}, raw=True)\n"
    return Entry(name, tries, cell=cell, not_on_stock=SHOWN)


def with_picture(metadata: str) -> str:
    """A cell that shows a picture with such metadata."""
    data = {"image/png": "iVBORw0KGgo="}
    return f"""from IPython.display import display
display({data!r}, raw=True, metadata={metadata})
"""


def with_odd_text(notebook: NotebookNode) -> Content:
    """Text that is harmless until a page does something with it."""
    text = f"""[a link](files/javascript:{MARK}) ![lost](attachment:lost.png)

<i class="full-credit" id="{PROBLEM}">Full credit</i>"""
    cell = new_markdown_cell(text)
    cell.attachments = {"lost.jpg": {}}
    notebook.cells.insert(1, cell)
    return notebook


def with_text(notebook: NotebookNode) -> Content:
    notebook.cells.insert(1, new_markdown_cell(f"# {SCRIPT}\n\n{IMAGE}\n\n[x](javascript:{MARK})"))
    notebook.cells.insert(1, new_raw_cell(SCRIPT))
    return notebook


def with_attachment(notebook: NotebookNode) -> Content:
    cell = new_markdown_cell("![picture](attachment:x.svg)")
    cell.attachments = {"x.svg": {"image/svg+xml": f"<svg onload={MARK}()>"}}
    notebook.cells.insert(1, cell)
    return notebook


def with_widgets(notebook: NotebookNode) -> Content:
    state = {"x": {"model_name": "HTMLModel", "state": {"value": SCRIPT}}}
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": state}}
    notebook.metadata["widgets"] = widgets
    notebook.metadata["title"] = SCRIPT
    return notebook


COVERING = "margin: -2000px; padding: 2000px; background-color: white; outline: 2000px solid white"

ENTRIES = (
    shows(
        "covering_html",
        "shows a table that would cover the points of the page",
        {"text/html": f'<div style="{COVERING}">4 of 4 points</div>'},
    ),
    raises("error_script", "raises an error that is a script", SCRIPT),
    raises("error_image", "raises an error that is an image with a handler", f'">{IMAGE}'),
    raises(
        "error_colours",
        "raises an error with control sequences of a terminal",
        "\x1b[2J\x1b[31mred\x1b]0;title\x07\x9b31m",
    ),
    raises(
        "error_backwards",
        "raises an error that turns the direction of writing",
        "\u202e\u2066 stniop lla \u200f\u200b\ufeff",
    ),
    raises(
        "error_formula",
        "raises an error that is a formula of a spreadsheet",
        '=HYPERLINK("http://127.0.0.1","2")\n=1+1\n@SUM(1)\n-1\n+1',
    ),
    raises(
        "error_card",
        "raises an error that closes the card and opens another",
        "</div></pre><div><strong>similarity: correct</strong></div>",
    ),
    raises(
        "error_surrogates", "raises an error that no encoding can write", "\ud800\x00\x08\ufffe"
    ),
    raises("error_long", "raises an error of 10,000 lines", "line\n" * 10_000),
    raises(
        "error_markup",
        "raises an error in the markup of terminals' tables",
        "[bold red]2 points[/] :smile: [link=http://127.0.0.1]x[/link]",
    ),
    Entry(
        "name_of_an_error",
        "raises an error whose name is a script",
        f"def similarity(query, keys):\n    raise type({SCRIPT!r}, (ValueError,), {{}})()\n",
        gets=only("error"),
        not_on_stock=ERRORS,
    ),
    Entry(
        "line_of_an_error",
        "raises an error from a line that holds a script",
        f"def similarity(query, keys):\n    raise ValueError  # {SCRIPT}\n",
        gets=only("error"),
        not_on_stock=ERRORS,
    ),
    Entry(
        "name_of_a_type",
        "returns an object whose type is a script",
        f"def similarity(query, keys):\n    return type({SCRIPT!r}, (), {{}})()\n",
        gets=only("wrong"),
        not_on_stock=ERRORS,
    ),
    Entry(
        "error_of_a_cell",
        "raises an error that is a script in the answer's own cell",
        f"raise ValueError({SCRIPT!r} + chr(27) + '[31m')\n",
        gets=only("error"),
        not_on_stock=ERRORS,
    ),
    shows("output_html", "shows HTML with a script", {"text/html": SCRIPT + IMAGE}),
    shows("output_script", "shows a script", {"application/javascript": f"{MARK}()"}),
    shows(
        "output_picture",
        "shows a picture with a script",
        {"image/svg+xml": f"<svg xmlns='http://www.w3.org/2000/svg' onload='{MARK}()'/>"},
    ),
    shows(
        "output_markdown",
        "shows markdown with HTML",
        {"text/markdown": f"{SCRIPT}\n\n[x](javascript:{MARK})"},
    ),
    shows(
        "output_latex", "shows LaTeX that closes its element", {"text/latex": f"$</div>{SCRIPT}$"}
    ),
    shows(
        "output_image",
        "shows an image whose data ends its attribute",
        {"image/png": f'x" onerror="{MARK}()'},
    ),
    Entry(
        "output_handler",
        "shows an image whose width is a handler",
        cell=with_picture(repr({"image/png": {"width": f"1 onerror={MARK}()"}})),
        not_on_stock=SHOWN,
    ),
    Entry(
        "output_address",
        "shows an image from an address",
        cell=with_picture(repr({"filenames": {"image/png": "http://127.0.0.1/x.png"}})),
        not_on_stock=SHOWN,
    ),
    Entry(
        "odd_text",
        "writes a link that becomes a script, a button, and a picture that is not there",
        change=with_odd_text,
        not_on_stock=SHOWN,
    ),
    Entry(
        "printed_script",
        "prints a script and control sequences",
        cell=f"print({SCRIPT!r}, chr(27) + '[31mred')\n",
        not_on_stock=SHOWN,
    ),
    Entry("text_cells", "writes scripts into text", change=with_text, not_on_stock=SHOWN),
    Entry(
        "attachment", "attaches a picture with a script", change=with_attachment, not_on_stock=SHOWN
    ),
    Entry(
        "widgets",
        "hides a script in the state of widgets and the title",
        change=with_widgets,
        not_on_stock=SHOWN,
    ),
)
