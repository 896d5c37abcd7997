"""What one execution of a notebook gives, and how it is read from untrusted bytes."""

import json
import re
import signal
from dataclasses import dataclass
from typing import Any, Literal

_STREAMS = ("stdout", "stderr")

SERIAL_BYTES = 8
"""Before a request and before its answer: which request it is."""


@dataclass(frozen=True)
class Limits:
    """What one submission may take: seconds of wall clock, and bytes."""

    cell_seconds: float = 60.0
    problem_seconds: float = 10.0
    submission_seconds: float = 300.0
    output_bytes: int = 200_000
    outputs_bytes: int = 20_000_000  # of all cells together
    answer_bytes: int = 64_000_000

    @property
    def cell_report_bytes(self) -> int:
        """The longest report of a cell: JSON may write one byte of output as six."""
        return 6 * self.output_bytes + 1_000_000

    @property
    def answer_report_bytes(self) -> int:
        """The longest report of an answer: an `a`, which request it answers, the answer."""
        return 1 + SERIAL_BYTES + self.answer_bytes

    @property
    def report_bytes(self) -> int:
        """The longest report of a cell or an answer."""
        return max(self.cell_report_bytes, self.answer_report_bytes)


@dataclass(frozen=True)
class Failure:
    """Why there is no result; of an `error`, the student's own traceback."""

    kind: Literal["error", "timeout", "crashed"]
    text: str


@dataclass(frozen=True)
class CellRun:
    """The nbformat v4 outputs of one cell."""

    outputs: list[dict[str, Any]]
    failure: Failure | None


@dataclass(frozen=True)
class Execution:
    """One `CellRun` per cell, in order, and one answer per request."""

    cells: tuple[CellRun, ...]
    answers: dict[str, bytes | Failure]


def timed_out(what: str, seconds: float) -> Failure:
    """The failure of `what` ("cell", "problem", "notebook") that took too long."""
    return Failure("timeout", f"This {what} ran longer than {seconds:g} seconds and was stopped.")


def too_much_output() -> dict[str, Any]:
    """What stands in place of the outputs of a cell, where the notebook has shown enough."""
    text = "(left out: the cells of this notebook show too much)\n"
    return {"output_type": "stream", "name": "stderr", "text": text}


def ended_everything() -> Failure:
    """The failure of a notebook that ended, twice, the process that runs all notebooks."""
    return Failure("crashed", "This notebook ends the process that runs it.")


def crashed(what: str, exit_code: int | None) -> Failure:
    """The failure of `what` whose process ended, or sent nonsense where there is no exit code."""
    if exit_code is None:
        return Failure("crashed", f"This {what} sent something that cannot be read as a result.")
    killed = -exit_code in signal.valid_signals()
    how = signal.strsignal(-exit_code) if killed else f"exit status {exit_code}"
    return Failure("crashed", f"This {what} ended the Python process it ran in ({how}).")


def read_failure(report: bytes, what: str, seconds: float) -> Failure:
    """Why there is no result: `t` for too late, `c` and an exit code, anything for nonsense."""
    if report == b"t":
        return timed_out(what, seconds)
    code = re.fullmatch(rb"c(-?\d{1,3})", report)
    return crashed(what, int(code[1]) if code else None)


def read_answer(report: bytes, limits: Limits) -> bytes | Failure:
    """An answer and its serial as `session` reports them, after an `a`, or why there is none."""
    if report.startswith(b"a") and len(report) <= limits.answer_report_bytes:
        return report[1:]
    return read_failure(report, "problem", limits.problem_seconds)


def read_cell(report: bytes, limits: Limits) -> CellRun:
    """The run of a cell as `session` reports it in JSON; anything malformed is a crash."""
    try:
        outputs, timeout = _parse_cell(report, limits)
    except (ValueError, TypeError, KeyError, RecursionError):
        return CellRun([], crashed("cell", None))
    if timeout:
        return CellRun(outputs, timed_out("cell", limits.cell_seconds))
    errors = [output for output in outputs if output["output_type"] == "error"]
    failure = Failure("error", "\n".join(errors[-1]["traceback"])) if errors else None
    return CellRun(outputs, failure)


def _parse_cell(report: bytes, limits: Limits) -> tuple[list[dict[str, Any]], bool]:
    if len(report) > limits.cell_report_bytes:
        raise ValueError("too long")
    parsed = json.loads(report)
    outputs = parsed["outputs"]
    # json.loads lets lone surrogates and NaN pass, which break whoever saves the notebook.
    json.dumps(outputs, ensure_ascii=False, allow_nan=False).encode()
    if not (isinstance(outputs, list) and all(map(_is_output, outputs))):
        raise ValueError("no outputs")
    return outputs, parsed["timeout"] is True


def _is_output(output: Any) -> bool:
    """Whether `output` is one of nbformat's four kinds, with its keys and no other."""
    match output:
        case {"output_type": "stream", "name": name, "text": str(), **rest}:
            return name in _STREAMS and not rest
        case {"output_type": "display_data", "data": data, "metadata": dict(), **rest}:
            return _is_bundle(data) and not rest
        case {
            "output_type": "execute_result",
            "data": data,
            "metadata": dict(),
            "execution_count": int(),
            **rest,
        }:
            return _is_bundle(data) and not rest
        case {
            "output_type": "error",
            "ename": str(),
            "evalue": str(),
            "traceback": list() as lines,
            **rest,
        }:
            return all(isinstance(line, str) for line in lines) and not rest
    return False


def _is_bundle(data: Any) -> bool:
    """Whether `data` maps MIME types to text, or to any JSON where the type says JSON."""
    return isinstance(data, dict) and all(
        isinstance(value, str) or mime.endswith("json") for mime, value in data.items()
    )
