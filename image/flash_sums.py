"""Is the file the one that was built? `manifest.json` or `os_list.json` beside an image say what it has to be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from image.cache import digest_file
from image.errors import ImageError
from image.flash_source import Source

LIST_LIMIT = 16 << 20  # bytes


def check_sum(source: Source) -> str:
    """Compare the file with what a list beside it says (`manifest.json`, `os_list.json`); where that was found, "" for nowhere.

    Raises `ImageError` when the file is another one.
    """
    for name, find in (("manifest.json", _find_in_manifest), ("os_list.json", _find_in_list)):
        wanted = find(read_json(source.path.with_name(name)), source.path.name)
        if wanted is None:
            continue
        if wanted != (source.stored, digest_file(source.path)):
            raise ImageError(f"{source.path} is not the file that {name} beside it names", "build, copy or download it again")
        return name
    return ""


def read_json(path: Path) -> Any:
    """A small JSON file; None when there is none or it makes no sense."""
    try:
        with path.open("rb") as file:
            return json.loads(file.read(LIST_LIMIT))
    except (OSError, ValueError):
        return None


def _find_in_manifest(manifest: Any, name: str) -> tuple[int, str] | None:
    try:
        found = manifest["files"][name]
        return int(found["bytes"]), str(found["sha256"])
    except (KeyError, TypeError, ValueError):
        return None


def _find_in_list(listed: Any, name: str) -> tuple[int, str] | None:
    try:
        found = next(one for one in listed["os_list"] if str(one["url"]).rpartition("/")[2] == name)
        return int(found["image_download_size"]), str(found["image_download_sha256"])
    except (KeyError, TypeError, ValueError, StopIteration):
        return None
