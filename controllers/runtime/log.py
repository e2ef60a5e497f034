"""Logs: constant messages with fields, one line each: `[seconds since boot] level logger: message key=value …`.

Fields come by `extra={…}`. Structs show themselves through their `repr`, which blots out secrets; everything else is bounded
and on one line, so that no value can forge a line.
"""

import logging
import sys
import time
from typing import Final

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LIMIT = 2000  # characters of one field


class FieldFormatter(logging.Formatter):
    """Renders a record and the fields that came with it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback follows on lines of its own."""
        fields = [f"{key}={_show(value)}" for key, value in vars(record).items() if key not in _STANDARD]
        message = _one_line(record.getMessage())
        when = f"[{time.monotonic():10.3f}]"  # as the kernel's log; the calendar may not be set yet
        line = " ".join([f"{when} {record.levelname.lower()} {record.name}: {message}", *fields])
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def set_up_logging(level: int = logging.INFO) -> None:
    """Send every log to stderr, which PID 1 keeps."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _show(value: object) -> str:
    """Return a value as one bounded word: quoted when it is more than a word."""
    text = value if isinstance(value, str) else repr(value)
    text = _one_line(text)[:_LIMIT]
    return f'"{text}"' if " " in text or not text else text


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
