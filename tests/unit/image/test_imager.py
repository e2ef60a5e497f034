"""The list for flash tools has every field that Raspberry Pi Imager wants, of the kind that it wants."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from image.boards import BOARDS, get_board
from image.boards.board import Board
from image.errors import ImageError
from image.imager import Content, Offer, check_base_url, join_url, render_list, write_list

GOLDEN = Path(__file__).resolve().parents[2] / "data/image/os_list.json"
PACKED, UNPACKED = Content(412_345_678, "ab" * 32), Content(2_900_000_256, "cd" * 32)
BASE = "https://example.com/ophite"
# Tags of the official list (os_list_imagingutility_v4.json) for 64-bit machines.
Tag = Literal["pi3-64bit", "pi4-64bit", "pi5-64bit"]
Text = Annotated[str, Meta(min_length=1)]
Size = Annotated[int, Meta(gt=0)]
Sum = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Device(msgspec.Struct, forbid_unknown_fields=True):
    """A machine that Imager asks for."""

    name: Text
    tags: list[Tag]
    icon: str
    description: str
    matching_type: Literal["exclusive", "inclusive"]
    default: bool


class Imager(msgspec.Struct, forbid_unknown_fields=True):
    """What is about Imager itself."""

    devices: list[Device]


class Entry(msgspec.Struct, forbid_unknown_fields=True):
    """An image: the fields that the schema requires, and those that it knows."""

    name: Text
    description: Text
    icon: str
    url: Annotated[str, Meta(pattern=r"^https?://[^ ]+\.img\.xz$")]
    extract_size: Size
    extract_sha256: Sum
    image_download_size: Size
    image_download_sha256: Sum
    release_date: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d$")]
    init_format: Literal["systemd", "cloudinit", "cloudinit-rpi", "none", ""]
    devices: Annotated[list[Tag], Meta(min_length=1)]
    architecture: Literal["armhf", "armv8"]
    capabilities: list[str]


class OsList(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file."""

    imager: Imager
    os_list: Annotated[list[Entry], Meta(min_length=1)]


CARD = replace(get_board("cloud"), name="card", summary="a board of the test", imager=("pi4-64bit",))


def offer(board: Board) -> Offer:
    name = f"ophite-1.2.3-{board.name}.img.xz"
    return Offer(board, "arm64", "1.2.3", name, PACKED, UNPACKED, 1_790_000_000)


@pytest.mark.parametrize("board", [name for name, board in BOARDS.items() if board.imager])
def test_every_list_keeps_the_schema(board: str) -> None:
    found = msgspec.json.decode(render_list(offer(get_board(board)), BASE), type=OsList)
    entry = found.os_list[0]
    assert entry.url == f"{BASE}/ophite-1.2.3-{board}.img.xz"
    assert (entry.image_download_size, entry.image_download_sha256) == (PACKED.size, PACKED.sha256)
    assert (entry.extract_size, entry.extract_sha256) == (UNPACKED.size, UNPACKED.sha256)
    assert set(entry.devices) <= set(found.imager.devices[0].tags)


@pytest.mark.parametrize(
    ("board", "tag"),
    [
        ("raspberry-pi-3", "pi3-64bit"),
        ("raspberry-pi-zero-2w", "pi3-64bit"),
        ("raspberry-pi-4", "pi4-64bit"),
        ("raspberry-pi-5", "pi5-64bit"),
    ],
)
def test_boards_have_the_tags_of_the_official_list(board: str, tag: str) -> None:
    assert get_board(board).imager == (tag,)


def test_golden() -> None:
    assert render_list(offer(CARD), BASE) == GOLDEN.read_text()


def test_the_list_replaces_an_older_one(tmp_path: Path) -> None:
    (tmp_path / "os_list.json").write_text("old")
    write_list(offer(CARD), BASE, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["os_list.json"]
    assert (tmp_path / "os_list.json").read_text() == GOLDEN.read_text()


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("", "a+b.img.xz"),
        ("https://example.com", "https://example.com/a+b.img.xz"),
        ("https://example.com/x/", "https://example.com/x/a+b.img.xz"),
        ("file:///srv/x", "file:///srv/x/a+b.img.xz"),
    ],
)
def test_urls(base: str, url: str) -> None:
    check_base_url(base)
    assert join_url(base, "a+b.img.xz") == url


@pytest.mark.parametrize("base", ["example.com", "/srv/x", "ftp://example.com", "https://", "https://example.com?a=b", "x:y"])
def test_what_is_no_place(base: str) -> None:
    with pytest.raises(ImageError, match="is no place for files"):
        check_base_url(base)
