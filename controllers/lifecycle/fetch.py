"""Where a bundle comes from: an address, or a reference into a registry. Blocking; it belongs into a thread.

Nothing is believed of what comes: `sink` checks it byte by byte and stops the download by raising.
"""

from __future__ import annotations

from collections.abc import Callable

from controllers.lifecycle import oci
from controllers.lifecycle.errors import FetchError
from controllers.lifecycle.fetch_http import Limits, Plain, Web, expect_ok, is_loopback, parse_url, show

HINT = "use https://host/path, oci://registry/repository:tag, or upload a file"


def check_source(source: str) -> None:
    """Raise `FetchError` when a text is nothing that could be fetched; nothing is asked of anybody."""
    scheme = source.partition("://")[0].lower()
    if scheme in ("oci", "oci+http"):
        oci.parse_reference(source)
    elif scheme not in ("http", "https"):
        raise FetchError(f"{show(source) or 'an empty text'} is no source of a bundle", HINT)
    elif parse_url(source).scheme == "http" and not is_loopback(parse_url(source).hostname or ""):
        raise FetchError(f"{show(source)}: plain HTTP is not used", HINT)


def fetch(source: str, sink: Callable[[bytes], None], limits: Limits, progress: Callable[[int], None] = lambda _: None) -> None:
    """Hand the bytes of a bundle to `sink` as they come, and tell `progress` how many there were.

    Raises `FetchError`, and what `sink` raises. That all has come is known only when this returns.
    """
    check_source(source)
    count = 0

    def take(data: bytes) -> None:
        nonlocal count
        sink(data)
        count += len(data)
        progress(count)

    if source.lower().startswith("oci"):
        oci.pull(oci.parse_reference(source), take, limits)
        return
    plain = Plain.LOOPBACK if parse_url(source).scheme == "http" else Plain.NEVER
    with Web(limits, plain).get(source) as answer:
        for data in expect_ok(answer).read():
            take(data)
