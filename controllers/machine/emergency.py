"""What PID 1 wrote to META before it gave up is shown once and kept: `emergency` → `emergency.last`.

Two requests, one after the other: the old key goes only when the new one holds its text, so a power cut loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from controllers.ports import Ports
from controllers.resources.meta import EmergencyNotice, MetaRequest, MetaValue
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted
from init.linux.kmsg import Log, open_log

KEY, LAST = "emergency", "emergency.last"
TEXT_LIMIT = 1000  # characters


def parse_emergency(value: str) -> EmergencyNotice:
    """Return what PID 1 wrote; a text that is not its JSON is the reason itself."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return EmergencyNotice(reason=value[:TEXT_LIMIT])
    reason, at = (str(found.get(key, "")).encode("utf-8", "replace").decode() for key in ("reason", "at"))
    return EmergencyNotice(reason=reason[:TEXT_LIMIT], at=at[:40])


class EmergencyController(Controller):
    """`MetaValue` emergency → `MetaRequest` of both keys, `EmergencyNotice`."""

    name = "machine.EmergencyController"
    inputs = (Input(MetaValue),)
    outputs = (Output(MetaRequest, kind=SHARED), Output(EmergencyNotice))

    def __init__(self, ports: Ports, find_log: Callable[[], Log] | None = None) -> None:
        plain = ports.cmdline.get("ophite.platform") == "namespaces"
        self._find_log = find_log or (lambda: open_log("brain", plain=plain))
        self._shown = ""

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """Say it on the console, ask for the move, and show it until the next boot."""
        found, last = view.find(MetaValue, KEY), view.find(MetaValue, LAST)
        if found is None:
            for shown in view.own(EmergencyNotice):
                yield Wanted(shown.id, shown.spec)
            return
        text = found.spec.value
        notice = parse_emergency(text)
        if text != self._shown:
            self._find_log().error("the last boot ended because PID 1 gave up", reason=notice.reason, at=notice.at)
            self._shown = text
        yield Wanted("emergency", notice)
        yield Wanted(LAST, MetaRequest(value=text))
        if last is not None and last.spec.value == text:
            yield Wanted(KEY, MetaRequest(delete=True))
