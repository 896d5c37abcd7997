"""A student in JupyterLab and an instructor in the formgrader, in headless Chromium.

Screenshots are kept in `build/screenshots`.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from autograder.course_directory import find_course
from autograder.sample import read_class, write, write_class
from tests.corpus import FAMILIES
from tests.corpus.feedback import MARK
from tests.corpus.scene import staged

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
SCREENSHOTS = ROOT / "build" / "screenshots"
SECONDS = 120.0
"""What a kernel's start, or a grading, may take at most on a busy machine."""

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Chromium's own sandbox wants another user than root; it opens our own pages only.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that notes which other hosts it asks for anything."""
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    page.set_default_timeout(SECONDS * 1000)
    expect.set_options(timeout=SECONDS * 1000)
    yield page
    page.close()


def shoot(page: Page, name: str) -> None:
    """Keep what the page shows."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


@contextmanager
def jupyter(folder: Path) -> Iterator[str]:
    """JupyterLab on a folder, as `make lab` starts it; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token="]
    command = [BIN / "jupyter", "lab", *options]
    log = (folder / "jupyter.log").open("w")
    settings = folder / ".jupyter" / "lab" / "user-settings"
    all_cells = settings / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    all_cells.parent.mkdir(parents=True)
    # By default JupyterLab takes cells out of the page that are out of sight, when it has time.
    all_cells.write_text('{"windowingMode": "none"}')
    own = {"JUPYTER_CONFIG_DIR": folder / ".jupyter", "JUPYTERLAB_SETTINGS_DIR": settings}
    environment = {**os.environ, **{name: str(path) for name, path in own.items()}}
    server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + SECONDS
        while not answers(f"{address}/api"):
            assert time.monotonic() < deadline, (folder / "jupyter.log").read_text()
            time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait()
        log.close()


def answers(address: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(address):
        return True
    return False


# The student -------------------------------------------------------------------------------------

WRONG = """def causal_mask(n):
    return torch.ones(n, n, dtype=torch.bool).triu()"""
RIGHT = WRONG.replace("triu", "tril")


def cell_with(page: Page, text: str) -> Locator:
    """The code cell that holds `text`."""
    return page.locator(".jp-CodeCell", has=page.locator(".cm-content", has_text=text)).first


def run(page: Page, cell: Locator, text: str = "") -> None:
    """Run a cell, with `text` in the place of what it holds; wait until it has run.

    Keys pressed while the notebook is still being set up are lost: they are pressed once more.
    """
    prompt = cell.locator(".jp-InputPrompt").first
    before = prompt.inner_text()
    deadline = time.monotonic() + SECONDS
    while prompt.inner_text() == before:
        assert time.monotonic() < deadline, f"a cell does not run: {before}"
        cell.locator(".cm-content").click()
        expect(cell.locator(".cm-editor.cm-focused")).to_be_visible()
        if text:
            page.keyboard.press("Control+A")
            page.keyboard.insert_text(text)
        page.keyboard.press("Shift+Enter")
        page.wait_for_timeout(2000)
    expect(prompt).to_have_text(re.compile(r"\[\d+\]:"))


def test_a_student_answers_reads_the_card_mends_and_validates(page: Page, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "assignments" / "a3_masked", tmp_path / "assignments" / "a3_masked")
    with jupyter(tmp_path) as address:
        page.goto(f"{address}/lab/tree/assignments/a3_masked/a3_masked.ipynb")
        kernel = page.locator(".jp-Notebook-ExecutionIndicator")
        expect(kernel).to_have_attribute("data-status", "idle")
        page.wait_for_load_state("networkidle")  # cells are drawn anew until then
        answer, check = cell_with(page, "def causal_mask"), cell_with(page, 'check("causal_mask")')
        run(page, cell_with(page, "from autograder import check"))
        run(page, answer, WRONG)
        run(page, check)
        card = check.locator(".jp-OutputArea-output.jp-RenderedHTML")
        expect(card).to_contain_text("✗ causal_mask: not right yet · 0 of 2 points")
        expect(card).to_contain_text("each position may attend itself and what comes after it")
        expect(card.locator("table")).to_have_count(2)
        expect(check.locator(".jp-OutputArea-output").last).to_contain_text("not right yet")
        shoot(page, "student-wrong")
        run(page, answer, RIGHT)
        run(page, check)
        expect(card).to_contain_text("✓ causal_mask: correct · 2 of 2 points")
        expect(card).to_contain_text("a3_masked: 1 of 7 problems seen right in this kernel")
        shoot(page, "student-right")
        page.get_by_role("button", name="Validate").click()
        dialog = page.locator(".jp-Dialog")
        expect(dialog).to_contain_text("masked_softmax: not answered yet")
        expect(dialog).not_to_contain_text("causal_mask: ")
        shoot(page, "student-validates")


# The instructor ----------------------------------------------------------------------------------

ASSIGNMENT = "a1_attention"
CLASS = ("ada", "emmy", "lise")


def course_with_a_class(folder: Path) -> Path:
    """An instructor's course with one assignment, and three students of its sample class."""
    write_class(find_course(ROOT), ASSIGNMENT, folder / "sample")
    course = folder / "course"
    for student in CLASS:
        handed_in = Path("submitted") / student
        shutil.copytree(folder / "sample" / handed_in, course / handed_in)
    shutil.copy(ROOT / "nbgrader_config.py", course)
    for part in ("solutions", "assignments"):
        shutil.copytree(ROOT / part / ASSIGNMENT, course / part / ASSIGNMENT)
    for text in (ROOT / "solutions").glob(f"{ASSIGNMENT}*.py"):
        shutil.copy(text, course / "solutions")
    return course


def say_ok(page: Page, words: str) -> None:
    """Read the formgrader's message, and close it."""
    message = page.locator(".modal-dialog:visible")
    expect(message).to_contain_text(words)
    message.get_by_role("button", name="OK").click()
    expect(page.locator(".modal-backdrop")).to_have_count(0)


def test_an_instructor_autogrades_grades_by_hand_and_reads_the_report(
    page: Page, tmp_path: Path
) -> None:
    course = course_with_a_class(tmp_path)
    with jupyter(course) as address:
        page.goto(f"{address}/formgrader/manage_assignments")
        page.locator("tr", has_text=ASSIGNMENT).locator(".assign a").click()
        say_ok(page, "Successfully created the student version")
        page.goto(f"{address}/formgrader/manage_submissions/{ASSIGNMENT}")
        for student in CLASS:
            page.locator("tr", has_text=student).locator(".autograde a").click()
            say_ok(page, "Successfully autograded")
        shoot(page, "instructor-submissions")
        page.goto(f"{address}/formgrader/gradebook/{ASSIGNMENT}/{ASSIGNMENT}")
        page.get_by_role("link", name="Submission #1").click()
        page.wait_for_load_state("networkidle")  # only then are points saved as they are typed
        written = page.locator("input.score").last
        written.press_sequentially("3")
        with page.expect_response(lambda response: "/formgrader/api/grade/" in response.url):
            written.press("Tab")
        shoot(page, "instructor-grades")
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        graded = gradebook.assignment_submissions(ASSIGNMENT)
        assert {submission.student.id for submission in graded} == {*CLASS}
        assert sum(submission.written_score for submission in graded) == 3
    command = [BIN / "autograder", "report", ASSIGNMENT, "--output", "report.html"]
    subprocess.run(command, cwd=course, check=True)
    page.goto((course / "report.html").as_uri())
    expect(page.get_by_role("heading", name=ASSIGNMENT)).to_be_visible()
    expect(page.locator("body")).to_contain_text("no_scale")
    shoot(page, "instructor-report")


# Which of a page's own headings, with a cell's points in them, a student's HTML lies upon.
COVERED = """() => [...document.querySelectorAll(".panel-heading")].filter(heading => {
    heading.scrollIntoView({block: "center"});
    const box = heading.getBoundingClientRect();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return !heading.contains(top);
}).length"""


def test_pages_of_a_hostile_class_run_nothing_and_fetch_nothing(page: Page, tmp_path: Path) -> None:
    course = tmp_path / "course"
    write_class(find_course(ROOT), ASSIGNMENT, course)
    desk, _ = read_class(find_course(ROOT), ASSIGNMENT)
    with staged(tmp_path / "scene") as scene:
        names = {entry.name for entry in FAMILIES["feedback"]}
        for entry in FAMILIES["feedback"]:
            path = course / "submitted" / entry.name / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
            path.parent.mkdir(parents=True)
            write(entry.content(desk.notebook(), scene.stage(entry.name)), path)
    for command in (["autograder", "grade"], ["nbgrader", "generate_feedback"]):
        subprocess.run([BIN / command[0], command[1], ASSIGNMENT], cwd=course, check=True)
    report = [BIN / "autograder", "report", ASSIGNMENT, "--names", "--output", "report.html"]
    subprocess.run(report, cwd=course, check=True)
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.add_init_script(f"window.{MARK} = () => {{ window.has_run = true }}")
    pages = [course / "report.html", *(course / "feedback").glob(f"*/{ASSIGNMENT}/*.html")]
    assert len(pages) > len(FAMILIES["feedback"])
    for path in pages:
        look_at(page, path.as_uri())
    assert [url for url in requested if not url.startswith("data:")] == [p.as_uri() for p in pages]
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        found = gradebook.notebook_submissions(ASSIGNMENT, ASSIGNMENT)
        ids = [notebook.id for notebook in found if notebook.student.id in names]
    assert len(ids) == len(names)
    requested.clear()
    with jupyter(course) as address:
        for notebook in ids:
            look_at(page, f"{address}/formgrader/submissions/{notebook}/")
        hint = page.locator(".rendered_html summary").first
        expect(hint).to_have_css("display", "list-item")  # it shows that it can be opened
        expect(page.locator(".rendered_html th").first).to_have_css("padding-right", "8px")
    assert len(requested) > len(ids)
    assert [url for url in requested if not url.startswith((address, "data:"))] == []


def look_at(page: Page, address: str) -> None:
    """Open a page: nothing of a student's has run in it, or lies upon what is not."""
    page.goto(address)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.has_run") is None, address
    assert page.evaluate(COVERED) == 0, address
