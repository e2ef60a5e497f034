"""The forms of an image: what is asked for is made, packed and put in place; what is not asked for goes."""

from __future__ import annotations

import hashlib
import json
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


def make(
    tmp_path: Path, *formats: str, compress: str = "", board: str = "cloud", version: str = "1", base_url: str = ""
) -> list[str]:
    options = Options(tmp_path, formats=formats, compress=compress, base_url=base_url)
    arch = get_arch(get_board(board).default_arch)
    context = Context(options, get_board(board), arch, Cache(tmp_path / "cache"), version, 0, SigningKey(b"", ""))
    return deliver.deliver(context)


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


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real form for flash tools, on a disk that is quickly made."""
    monkeypatch.setattr("image.deliver.make_disk", write_file)
    monkeypatch.setattr(deliver, "FORMATS", (deliver.SD, Format("raw", "disk.img", write_file, packs=True)))


@pytest.mark.usefixtures("cards")
def test_a_card_comes_with_the_list_that_offers_it(tmp_path: Path) -> None:
    name = "ophite-1-raspberry-pi-4.img.xz"
    assert make(tmp_path, "sd", board="raspberry-pi-4", base_url="https://example.com/x") == [name, "os_list.json"]
    assert names(tmp_path) == [name, "os_list.json"]
    packed = (tmp_path / name).read_bytes()
    assert lzma.decompress(packed) == b"disk" * 1000
    entry = json.loads((tmp_path / "os_list.json").read_text())["os_list"][0]
    assert entry["url"] == f"https://example.com/x/{name}"
    assert (entry["extract_size"], entry["extract_sha256"]) == (4000, hashlib.sha256(b"disk" * 1000).hexdigest())
    assert (entry["image_download_size"], entry["image_download_sha256"]) == (len(packed), hashlib.sha256(packed).hexdigest())
    assert entry["release_date"] == "1970-01-01"
    assert make(tmp_path, "sd", board="raspberry-pi-4") == [name, "os_list.json"]
    assert (tmp_path / name).read_bytes() == packed


@pytest.mark.usefixtures("cards")
def test_cards_of_other_versions_and_boards_go(tmp_path: Path) -> None:
    make(tmp_path, "sd", board="raspberry-pi-4")
    make(tmp_path, "sd", board="raspberry-pi-5", version="2")
    assert names(tmp_path) == ["ophite-2-raspberry-pi-5.img.xz", "os_list.json"]
    assert make(tmp_path, "sd", compress="zstd") == ["ophite-1-cloud.img.xz"]  # Imager knows no such machine
    assert names(tmp_path) == ["ophite-1-cloud.img.xz"]
    assert make(tmp_path, "raw", compress="xz") == ["disk.img.xz"]
    assert names(tmp_path) == ["disk.img.xz"]


def test_where_it_is_offered_has_to_be_a_place() -> None:
    check_formats(("sd",), "", "https://example.com")
    with pytest.raises(ImageError, match="is no place for files"):
        check_formats(("sd",), "", "example.com")


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
