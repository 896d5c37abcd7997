"""An IPython shell that shows what Jupyter would show, without a kernel and its messages."""

import sys
import traceback
from types import TracebackType
from typing import Any

from IPython.core import page
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell
from IPython.utils.text import SList
from traitlets import Type
from traitlets.config import Config

from autograder.executor.outputs import Outputs, Stream

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None]

NOT_RUN = "(a command of the shell: none is run while the notebook is graded)"

# What IPython calls the code of a cell under %time and the like.
_CELL_NAMES = ("<cell ", "<timed ")


class CellCompiler(CachingCompiler):
    """Calls the code of the third cell "<cell 3>" in tracebacks."""

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        return f"<cell {number}>"


class ResultHook(DisplayHook):
    """Keeps the value of a cell's last expression as an `execute_result`."""

    shell: "Shell"

    def write_output_prompt(self) -> None:
        """No prompt is printed: the output carries its number."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        self.shell.outputs.rich("execute_result", format_dict, md_dict, self.prompt_count)

    def finish_displayhook(self) -> None:
        self._is_active = False


class Publisher(DisplayPublisher):
    """Keeps what `display()` is given as `display_data`."""

    shell: "Shell"

    def publish(
        self,
        data: Any,
        metadata: Any = None,
        source: Any = None,
        *,
        transient: Any = None,
        update: bool = False,
        **kwargs: Any,
    ) -> None:
        display_id = (transient or {}).get("display_id")
        if update:
            self.shell.outputs.update(display_id, data)
        else:
            self.shell.outputs.rich("display_data", data, metadata, display_id=display_id)

    def clear_output(self, wait: bool = False) -> None:
        self.shell.outputs.clear(wait)


class Shell(InteractiveShell):
    """Runs cells into `outputs`, whoever else holds `sys.stdout` meanwhile."""

    compiler_class = Type(CellCompiler)
    displayhook_class = Type(ResultHook)
    display_pub_class = Type(Publisher)

    outputs = Outputs(0)
    folder = "/"  # where the notebook's own files lie

    @classmethod
    def create(cls) -> "Shell":
        """The one shell of this process. It keeps no history on disk."""
        config = Config()
        config.HistoryManager.enabled = False
        return cls.instance(config=config)

    def init_hooks(self) -> None:
        """Show what `name?` tells as an output; a pager would wait for a key."""
        InteractiveShell.init_hooks(self)
        InteractiveShell.set_hook(self, "show_in_pager", page.as_hook(page.display_page), 99)

    def run(self, source: str, number: int, outputs: Outputs) -> BaseException | None:
        """Run cell `number` into `outputs`; the error that ended it, if one did."""
        self.execution_count, self.outputs = number, outputs
        result: ExecutionResult = InteractiveShell.run_cell(self, source, store_history=True)
        return result.error_in_exec

    def forget(self) -> None:
        """Empty the notebook's names and history."""
        InteractiveShell.reset(self)

    def take_streams(self) -> None:
        """Make what is printed an output."""
        sys.stdout = Stream(lambda text: self.outputs.stream("stdout", text))
        sys.stderr = Stream(lambda text: self.outputs.stream("stderr", text))

    def system(self, cmd: str) -> None:
        """What `!command` and `%pip` call: no program is started, and the cell goes on."""
        print(NOT_RUN, file=sys.stderr)
        self.user_ns["_exit_code"] = 126

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        """What `x = !command` calls."""
        self.system(cmd)
        return SList() if split else ""

    def enable_gui(self, gui: str | None = None) -> None:
        """No event loop runs here: `%matplotlib inline` asks for none, `%gui` gets none."""

    def ask_exit(self) -> None:
        """What `exit` and `quit` call: they end the cell, not the session."""
        raise SystemExit

    def showtraceback(self, exc_tuple: ExceptionInfo | None = None, *_: Any, **__: Any) -> None:
        """Keep an error as the student's own lines, whatever it went through."""
        value = exc_tuple[1] if exc_tuple else sys.exc_info()[1]
        if value is not None:
            text = student_traceback(value, self.folder)
            self.outputs.error(type(value).__name__, _message(value), text)

    def showsyntaxerror(self, *_: Any, **__: Any) -> None:
        self.showtraceback()

    def showindentationerror(self) -> None:
        self.showtraceback()

    def _format_exception_for_storage(self, *_: Any, **__: Any) -> dict[str, Any]:
        """IPython's history of errors is not read here, and slow to write."""
        return {}


def student_traceback(error: BaseException, folder: str) -> str:
    """Python's traceback with only the frames of cells and of files in `folder`."""
    report = traceback.TracebackException.from_exception(error)
    waiting: list[traceback.TracebackException | None] = [report]
    while waiting:
        part = waiting.pop()
        if part is not None:
            part.stack = traceback.StackSummary.from_list(
                frame for frame in part.stack if frame.filename.startswith((*_CELL_NAMES, folder))
            )
            waiting += [part.__cause__, part.__context__, *(part.exceptions or ())]
    return "".join(report.format()).rstrip()


def _message(error: BaseException) -> str:
    """`str(error)`, which may be the student's code and fail."""
    try:
        return str(error)
    except Exception:
        return "<this error has no readable message>"
