"""How far a reset is, noted in META while it destroys, so that the next boot can go on where this one was cut off.

Model: the brain writes the record under the key `reset` before anything is destroyed (`controllers/lifecycle/reset_record.py`);
the last program only changes `stage`, `step`, `done` (bytes from its beginning that are erased, by target) and `problems`.
Trap: META keeps the copy before the last. A record that is over must be in neither, or a damaged copy brings it back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from init.linux.meta import read_meta, render_copy, write_meta

KEY = "reset"
STAGE_RECORDED, STAGE_DESTROYING, STAGE_INCOMPLETE = "recorded", "destroying", "incomplete"
SHOWN, TEXT = 4, 160
"""Problems that are kept, and characters of each: META holds 64 KiB in all."""


class RecordKeeper:
    """The record in one META, "" for none. What cannot be noted must not keep data from being destroyed."""

    def __init__(self, device: str, say: Callable[[str], None]) -> None:
        self._device, self._say, self._broken = device, say, False

    def begin(self, step: str) -> None:
        """Note the step that begins."""
        self._change({"stage": STAGE_DESTROYING, "step": step[:TEXT]})

    def erased(self, key: str, done: int) -> None:
        """Note how many bytes of a target are erased and out of the disk's cache."""
        if key:
            self._change({}, {key: done})

    def fail(self, problems: Sequence[str]) -> None:
        """Note why it is not over."""
        texts = [problem[:TEXT] for problem in problems[:SHOWN]]
        self._change({"stage": STAGE_INCOMPLETE, "problems": texts})

    def close(self) -> int:
        """Have both copies hold nothing but the record, and write nothing any more: META itself is erased now.

        Returns the bytes at its beginning that the first copy takes; 0 when there is none.
        """
        device, self._device = self._device, ""
        try:
            values = {KEY: read_meta(device).values[KEY]}
            for _ in range(2):
                length = len(render_copy(write_meta(device, values)))
        except (OSError, ValueError, KeyError):
            return 0
        return length

    def drop(self) -> None:
        """Take the record out of both copies. Raises `OSError`."""
        device, self._device = self._device, ""
        if device:
            values = {key: value for key, value in read_meta(device).values.items() if key != KEY}
            for _ in range(2):
                write_meta(device, values)

    def _change(self, fields: dict[str, object], done: dict[str, int] | None = None) -> None:
        if not self._device:
            return
        try:
            values = read_meta(self._device).values
            record = json.loads(values[KEY])
            record.update(fields)
            if done:
                record["done"] = {**record.get("done", {}), **done}
            write_meta(self._device, {**values, KEY: json.dumps(record)})
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            if not self._broken:
                self._say(f"how far it is cannot be noted in {self._device}: {error}")
            self._broken = True
