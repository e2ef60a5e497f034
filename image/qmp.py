"""QEMU's control socket: power, reset, quit and state of a virtual machine.

QMP is JSON objects, one a line: the server greets, the client negotiates with `qmp_capabilities`, then each command gets
one `return` or `error`, with events in between that are skipped here. Trap: a unix socket's path is limited to 107 bytes,
so the client goes through a descriptor of the socket's directory.
Source: QEMU, docs/interop/qmp-spec.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Any

from image.errors import ImageError

MAX_LINE = 1 << 20  # bytes of one answer
TIMEOUT = 30.0  # seconds for one command; an emulated machine under load answers late


class Qmp:
    """A connection to one machine; use it as a context manager."""

    def __init__(self, path: Path, timeout: float = TIMEOUT) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            self._socket.connect(f"/proc/self/fd/{directory}/{path.name}")
        except OSError as error:
            self._socket.close()
            raise ImageError(f"{path}: {error.strerror}", "the machine does not run") from error
        finally:
            os.close(directory)
        self._lines = self._socket.makefile("rb")
        try:
            self._read()
            self.execute("qmp_capabilities")
        except ImageError:
            self.close()
            raise

    def __enter__(self) -> Qmp:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._lines.close()
        self._socket.close()

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run one command and give what it returns; raises `ImageError` with QEMU's own words."""
        line = json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n"
        try:
            self._socket.sendall(line)
        except OSError as error:
            raise ImageError(f"{self._path}: {error.strerror}", "the machine has stopped; see its console log") from error
        while True:
            answer = self._read()
            if "error" in answer:
                raise ImageError(f"QEMU refused {command}: {answer['error'].get('desc', answer['error'])}")
            if "return" in answer:
                return answer["return"]

    def _read(self) -> dict[str, Any]:
        try:
            line = self._lines.readline(MAX_LINE)
        except OSError as error:
            raise ImageError(f"{self._path}: {error}", "the machine is stuck or overloaded") from error
        if not line.endswith(b"\n"):
            raise ImageError(f"{self._path}: the machine ended the conversation", "it has stopped; see its console log")
        answer = json.loads(line)
        if not isinstance(answer, dict):
            raise ImageError(f"{self._path}: no QMP object: {line[:200]!r}")
        return answer
