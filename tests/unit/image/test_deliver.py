"""The forms of an image: what is asked for is made, packed and put in place; what is not asked for goes."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from image import deliver
from image.arch import get_arch
from image.boards import get_board
from image.cache import Cache
from image.context import Context, Options
from image.deliver import FORMATS, NAMES, Format, check_formats
from image.errors import ImageError
from image.run import get_program, run
from image.sign import SigningKey


def write_file(context: Context, path: Path) -> None:
    path.write_bytes(b"disk" * 1000)


def write_directory(context: Context, path: Path) -> None:
    path.mkdir()
    (path / "vmlinuz").write_text("kernel")


@pytest.fixture(autouse=True)
def forms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forms that are quickly made."""
    fast = (Format("raw", "disk.img", write_file, packs=True), Format("pxe", "pxe", write_directory))
    monkeypatch.setattr(deliver, "FORMATS", fast)


def make(tmp_path: Path, *formats: str, compress: str = "") -> list[str]:
    options = Options(tmp_path, formats=formats, compress=compress)
    key = SigningKey(b"", "")
    return deliver.deliver(Context(options, get_board("cloud"), get_arch("amd64"), Cache(tmp_path / "cache"), "1", 0, key))


def names(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.iterdir())


def test_each_form_is_made_under_its_name(tmp_path: Path) -> None:
    assert make(tmp_path, "raw", "pxe") == ["disk.img", "pxe"]
    assert names(tmp_path) == ["disk.img", "pxe"]
    assert make(tmp_path, "raw", "pxe") == ["disk.img", "pxe"]  # in the place of the old ones


def test_what_is_not_asked_for_goes(tmp_path: Path) -> None:
    make(tmp_path, "raw", "pxe")
    (tmp_path / "mine").touch()
    assert make(tmp_path, "bundle") == []
    assert names(tmp_path) == ["mine"]


def test_packed_forms(tmp_path: Path) -> None:
    assert make(tmp_path, "raw", compress="zstd") == ["disk.img.zst"]
    assert run([get_program("zstd"), "-d", "-c", "-q", tmp_path / "disk.img.zst"]) == b"disk" * 1000
    assert make(tmp_path, "raw", "pxe", compress="xz") == ["disk.img.xz", "pxe"]
    assert lzma.decompress((tmp_path / "disk.img.xz").read_bytes()) == b"disk" * 1000
    assert names(tmp_path) == ["disk.img.xz", "pxe"]


def test_what_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "raw")

    def fail(context: Context, path: Path) -> None:
        path.write_text("half")
        raise ImageError("no room")

    monkeypatch.setattr(deliver, "FORMATS", (Format("raw", "disk.img", fail),))
    with pytest.raises(ImageError, match="no room"):
        make(tmp_path, "raw")
    assert (tmp_path / "disk.img").read_bytes() == b"disk" * 1000
    assert names(tmp_path) == ["disk.img"]


@pytest.mark.parametrize(
    ("formats", "compress", "problem"),
    [
        (("floppy",), "", "no format floppy"),
        (("raw",), "zip", "no compression 'zip'"),
        (("qcow2",), "xz", "a qcow2 cannot be packed with xz"),
    ],
)
def test_what_cannot_be_made_is_said(formats: tuple[str, ...], compress: str, problem: str) -> None:
    with pytest.raises(ImageError, match=problem):
        check_formats(formats, compress)


def test_every_name_is_a_form() -> None:
    check_formats(NAMES, "zstd")
    assert len({form.output for form in FORMATS}) == len(FORMATS)
