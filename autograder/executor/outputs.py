"""What one cell shows, collected as a notebook file keeps it (nbformat v4)."""

import base64
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

_CUT = "\n[The rest of this cell's output was dropped: it is longer than {} bytes.]\n"
_OVERHEAD = 100  # an output's keys and braces; a million empty ones are a flood too
_ERROR_CHARACTERS = 20_000


class Outputs:
    """The outputs of one running cell; those past `limit` bytes are dropped with one sentence.

    An error is always kept, shortened, because it is what the student needs to see.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._clear_pending = False
        self._forget()

    def finished(self) -> list[dict[str, Any]]:
        """The outputs, as nbformat wants them."""
        return [
            {**item, "text": "".join(item["text"])} if item["output_type"] == "stream" else item
            for item in self._items
        ]

    def stream(self, name: str, text: str) -> None:
        """Add to the stream `stdout` or `stderr`, merged with what stands last."""
        self._clear_if_pending()
        if self._room < 0:
            return
        if not (self._items and self._items[-1].get("name") == name):
            self._items.append({"output_type": "stream", "name": name, "text": []})
            self._room -= _OVERHEAD
        encoded = text.encode(errors="replace")
        kept = encoded[: max(self._room, 0)].decode(errors="ignore")
        self._items[-1]["text"].append(kept)
        self._take(len(encoded))

    def rich(
        self,
        kind: str,
        data: Mapping[str, Any],
        metadata: Mapping[str, Any] | None,
        execution_count: int | None = None,
        display_id: str | None = None,
    ) -> None:
        """Add a `display_data` or an `execute_result`."""
        self._clear_if_pending()
        item: dict[str, Any] = {"output_type": kind, "data": _plain(data)}
        item["metadata"] = _plain(metadata or {})
        if execution_count is not None:
            item["execution_count"] = execution_count
        if self._take(_OVERHEAD + len(json.dumps(item))):
            self._items.append(item)
            if display_id is not None:
                self._displays[display_id] = item

    def update(self, display_id: str | None, data: Mapping[str, Any]) -> None:
        """Replace what this cell displayed under `display_id`."""
        item, plain = self._displays.get(display_id or ""), _plain(data)
        if item is not None and self._take(len(json.dumps(plain)) - len(json.dumps(item["data"]))):
            item["data"] = plain

    def error(self, name: str, message: str, traceback: str) -> None:
        """Add an error."""
        self._clear_if_pending()
        lines = _shortened(traceback).splitlines()
        item = {"ename": _shortened(name), "evalue": _shortened(message), "traceback": lines}
        self._items.append({"output_type": "error", **item})

    def clear(self, wait: bool) -> None:
        """Forget everything, now or when the next output comes."""
        self._clear_pending = wait
        if not wait:
            self._forget()

    def _forget(self) -> None:
        self._items: list[dict[str, Any]] = []
        self._displays: dict[str, dict[str, Any]] = {}
        self._room = self._limit

    def _clear_if_pending(self) -> None:
        if self._clear_pending:
            self.clear(wait=False)

    def _take(self, size: int) -> bool:
        """Whether `size` more bytes are kept; says so once where they are not."""
        if self._room < 0:
            return False
        self._room -= size
        if self._room >= 0:
            return True
        text = [_CUT.format(self._limit)]
        self._items.append({"output_type": "stream", "name": "stderr", "text": text})
        return False


class Stream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr` of the shell."""

    encoding = "utf-8"

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._write(text)
        return len(text)


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` as JSON can hold it: bytes in base64, and what JSON has no word for left out."""
    plain = {}
    for key, value in data.items():
        if isinstance(value, bytes):
            value = base64.b64encode(value).decode()
        try:
            plain[str(key)] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            continue
    return plain


def _shortened(text: str) -> str:
    """The beginning and the end of a long `text`; the end tells what went wrong."""
    if len(text) <= _ERROR_CHARACTERS:
        return text
    half = _ERROR_CHARACTERS // 2
    return f"{text[:half]}\n[…]\n{text[-half:]}"
