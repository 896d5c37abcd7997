"""nbgrader, told where this course keeps its things and who judges."""

import importlib.util
import os
import sys
import warnings

c = get_config()  # noqa: F821

# nbgrader looks for `alembic` on PATH, where it is not if .venv was never activated.
os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])

# nbgrader's own pages fetch a script for formulas; these templates go before those of nbconvert.
_pages = os.path.join(os.path.dirname(importlib.util.find_spec("autograder").origin), "pages")
os.environ["JUPYTER_PATH"] = os.pathsep.join([_pages, os.environ.get("JUPYTER_PATH", "")])

# nbgrader's models trip a warning of SQLAlchemy 2 at every submission; the rows are right.
warnings.filterwarnings("ignore", message="Object of type .* not in session", module="nbgrader")

c.CourseDirectory.root = os.path.dirname(os.path.abspath(__file__))
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"

# Any file becomes a graded submission; the verdict is made outside the student's process.
c.Autograde.exporter_class = "autograder.nbgrader.SubmissionExporter"
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = [
    "autograder.nbgrader.Execute",
    "nbgrader.preprocessors.LimitOutput",
    "autograder.nbgrader.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# Pages of feedback, and of the formgrader, show what students wrote and displayed.
c.HTMLExporter.sanitize_html = True
c.HTMLExporter.filters = {
    name: f"autograder.harmless.{name}" for name in ("clean_html", "markdown2html")
}
