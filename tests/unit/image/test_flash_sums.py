"""What a list beside an image says about it is held against the file."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from image.errors import ImageError
from image.flash_source import Source
from image.flash_sums import check_sum

DATA = b"an image"
SUM = hashlib.sha256(DATA).hexdigest()


def make(tmp_path: Path, manifest: Any = None, listed: Any = None) -> Source:
    path = tmp_path / "card.img.xz"
    path.write_bytes(DATA)
    for name, content in (("manifest.json", manifest), ("os_list.json", listed)):
        if content is not None:
            (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return Source(path, "xz", len(DATA), None)


def manifest(size: int = len(DATA), sum_: str = SUM, name: str = "card.img.xz") -> dict[str, Any]:
    return {"files": {name: {"bytes": size, "sha256": sum_}}}


def listed(size: int = len(DATA), sum_: str = SUM, url: str = "https://example.com/card.img.xz") -> dict[str, Any]:
    return {"os_list": [{"url": url, "image_download_size": size, "image_download_sha256": sum_}]}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, ""),
        ({"manifest": manifest()}, "manifest.json"),
        ({"listed": listed()}, "os_list.json"),
        ({"listed": listed(url="card.img.xz")}, "os_list.json"),
        ({"manifest": manifest(name="disk.img.xz"), "listed": listed()}, "os_list.json"),
        ({"manifest": manifest(name="disk.img.xz")}, ""),
        ({"listed": listed(url="https://example.com/other-card.img.xz")}, ""),
    ],
)
def test_where_it_was_found(tmp_path: Path, given: dict[str, Any], found: str) -> None:
    assert check_sum(make(tmp_path, **given)) == found


@pytest.mark.parametrize(
    "given",
    [
        {"manifest": manifest(size=9)},
        {"manifest": manifest(sum_="0" * 64), "listed": listed()},
        {"listed": listed(sum_="0" * 64)},
    ],
)
def test_another_file(tmp_path: Path, given: dict[str, Any]) -> None:
    with pytest.raises(ImageError, match=r"card.img.xz is not the file that \w+.json beside it names"):
        check_sum(make(tmp_path, **given))


@pytest.mark.parametrize("nonsense", ["", "{", "[]", "null", '{"files": 3}', '{"files": {"card.img.xz": {"bytes": "x"}}}'])
def test_lists_that_make_no_sense_say_nothing(tmp_path: Path, nonsense: str) -> None:
    assert check_sum(make(tmp_path, nonsense, nonsense)) == ""
