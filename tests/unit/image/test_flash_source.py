"""Images are recognised, measured and unpacked in pieces, and damaged ones never pass for whole ones."""

import lzma
from pathlib import Path

import pytest

from image.errors import ImageError
from image.flash_source import PIECE, Source, cut_pieces, find_image, get_source, open_pieces
from image.run import get_program, run

HEAD = bytes(510) + b"\x55\xaa"
DATA = HEAD + b"disk" * (PIECE // 3) + bytes(PIECE) + b"end"
PADDED = DATA + bytes(-len(DATA) % 512)


def pack(path: Path, kind: str) -> Path:
    match kind:
        case "xz":
            path.write_bytes(lzma.compress(DATA, preset=0))
        case "xz in two streams":
            path.write_bytes(lzma.compress(DATA[:1000], preset=0) + bytes(8) + lzma.compress(DATA[1000:], preset=0))
        case "xz in blocks":
            path.write_bytes(DATA)
            run([get_program("xz"), "-0", "-T2", "--block-size=1MiB", "--suffix=.x", path])
            path.with_name(f"{path.name}.x").rename(path)
        case "zstd":
            plain = path.with_name("plain")
            plain.write_bytes(DATA)
            run([get_program("zstd"), "-q", "-1", "-o", path, plain])
        case "zstd of a stream":
            path.write_bytes(run([get_program("zstd"), "-q", "-1", "-c"], stdin=DATA))
        case _:
            path.write_bytes(DATA)
    return path


def unpack(source: Source) -> bytes:
    with open_pieces(source) as pieces:
        return b"".join(pieces)


@pytest.mark.parametrize(
    ("kind", "packed", "size"),
    [
        ("plain", "", len(DATA)),
        ("xz", "xz", len(DATA)),
        ("xz in blocks", "xz", len(DATA)),
        ("xz in two streams", "xz", None),
        ("zstd", "zstd", len(DATA)),
        ("zstd of a stream", "zstd", None),
    ],
)
def test_every_kind_is_recognised_measured_and_unpacked(tmp_path: Path, kind: str, packed: str, size: int | None) -> None:
    path = pack(tmp_path / "image", kind)  # no suffix: the content decides
    source = get_source(path)
    assert (source.packed, source.stored, source.size) == (packed, path.stat().st_size, size)
    assert unpack(source) == PADDED


def test_pieces_are_whole_but_for_the_last() -> None:
    pieces = list(cut_pieces(iter([b"a" * (PIECE + 1), b"b", b"c" * PIECE])))
    assert [len(piece) for piece in pieces] == [PIECE, PIECE, 512]
    assert b"".join(pieces).rstrip(b"\0") == b"a" * (PIECE + 1) + b"b" + b"c" * PIECE
    assert list(cut_pieces(iter([]))) == []


@pytest.mark.parametrize("kind", ["xz", "xz in blocks", "zstd"])
def test_a_file_that_ends_early(tmp_path: Path, kind: str) -> None:
    path = pack(tmp_path / "image", kind)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageError, match=r"ends too early|is damaged"):
        unpack(get_source(path))


@pytest.mark.parametrize("kind", ["xz", "zstd"])
@pytest.mark.parametrize("tail", [b"garbage that is no stream", b"\1"])
def test_a_file_that_goes_on_after_its_end(tmp_path: Path, kind: str, tail: bytes) -> None:
    path = pack(tmp_path / "image", kind)
    path.write_bytes(path.read_bytes() + tail)
    with pytest.raises(ImageError, match=r"is damaged|ends too early"):
        unpack(get_source(path))


@pytest.mark.parametrize("kind", ["xz", "zstd"])
def test_a_changed_byte(tmp_path: Path, kind: str) -> None:
    path = pack(tmp_path / "image", kind)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(data)
    with pytest.raises(ImageError, match="is damaged"):
        unpack(get_source(path))


def test_a_reader_that_stops_early_leaves_no_process(tmp_path: Path) -> None:
    with open_pieces(get_source(pack(tmp_path / "image", "zstd"))) as pieces:
        assert len(next(pieces)) == PIECE


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (b"\x1f\x8b\x08", "is gzip and no disk image"),
        (b"PK\x03\x04", "is zip"),
        (b"QFI\xfb", "is a qcow2"),
        (b"manifest.json", "is no image of a disk"),
        (b"", "is no image of a disk"),
    ],
)
def test_what_is_no_image(tmp_path: Path, head: bytes, problem: str) -> None:
    path = tmp_path / "image"
    path.write_bytes(head)
    with pytest.raises(ImageError, match=problem):
        get_source(path)


def test_where_the_image_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageError, match="build/image: no such file"):
        find_image(None)
    output = tmp_path / "build/image"
    output.mkdir(parents=True)
    with pytest.raises(ImageError, match="holds no disk image"):
        find_image(None)
    (output / "disk.img.zst").touch()
    assert find_image(None) == Path("build/image/disk.img.zst")
    assert find_image(output) == output / "disk.img.zst"
    (output / "ophite-1.0-raspberry-pi-4.img.xz").touch()
    with pytest.raises(ImageError, match=r"holds disk.img.zst, ophite-1.0-raspberry-pi-4.img.xz"):
        find_image(output)
    assert find_image(output / "disk.img.zst") == output / "disk.img.zst"
    with pytest.raises(ImageError, match="no such file"):
        find_image(tmp_path / "none")


def test_a_source_in_a_line() -> None:
    assert Source(Path("a.img"), "", 3 << 30, 3 << 30).describe() == "a.img, 3.0 GiB"
    assert Source(Path("a.xz"), "xz", 300 << 20, 3 << 30).describe() == "a.xz, 3.0 GiB (xz, 300 MiB)"
    assert Source(Path("a.zst"), "zstd", 300 << 20, None).describe() == "a.zst, of unknown size (zstd, 300 MiB)"
