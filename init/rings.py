"""The last bytes of a service's output, for any number of readers.

Readers hold positions (bytes since the start), not copies: a slow one costs nothing and is told what it has missed.
"""

LIMIT = 1 << 20  # bytes


class Ring:
    """Keeps the last `limit` bytes; `end` counts all bytes ever written."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit, self._data, self.start = limit, bytearray(), 0

    @property
    def end(self) -> int:
        """Position after the last byte."""
        return self.start + len(self._data)

    def write(self, data: bytes) -> None:
        """Append, forgetting the oldest bytes beyond the limit."""
        self._data += data
        surplus = max(0, len(self._data) - self._limit)
        del self._data[:surplus]
        self.start += surplus

    def read(self, position: int, size: int) -> tuple[bytes, int]:
        """Up to `size` bytes from `position` and the next position; a notice first where bytes were lost."""
        if position < self.start:
            return f"[{self.start - position} bytes of output were lost here]\n".encode(), self.start
        offset = position - self.start
        data = bytes(self._data[offset : offset + size])
        return data, position + len(data)

    def tail(self, size: int) -> int:
        """The position `size` bytes before the end; 0 means everything that is kept."""
        return max(self.start, self.end - size) if size else self.start

    def last_line(self) -> str:
        """The last line that is not empty, for the log, at most 200 characters."""
        lines = bytes(self._data[-1000:]).decode("utf-8", "replace").split("\n")
        return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")
