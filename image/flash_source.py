"""The image that is flashed: plain, xz or zstd, recognised by its first bytes and read as a stream of pieces.

How large it is unpacked is read from the file's own index, so that a disk that is too small is told before anything is
written. Nothing believes that number: the writer stops at the end of the disk whatever comes. A stream that ends early, goes
on after its end or has a wrong check sum is an error, and since the first piece is written last, it leaves no bootable disk
behind.
Source: UEFI specification 2.10, 5.2.1 (the signature of a boot sector).
"""

from __future__ import annotations

import lzma
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from image.errors import ImageError
from image.flash_sizes import parse_zstd_size, read_xz_size
from image.flash_target import SECTOR, show_size
from image.run import get_program

PIECE = 4 << 20  # bytes that are read, written and compared at a time
XZ, ZSTD = b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"
MEMORY = 512 << 20  # bytes that a decompressor may take: more than any level of xz or zstd needs by itself
STRANGERS = (
    (b"\x1f\x8b", "gzip", "unpack it with gunzip first"),
    (b"PK\x03\x04", "zip", "unpack it first"),
    (b"BZh", "bzip2", "unpack it with bunzip2 first"),
    (b"QFI\xfb", "a qcow2", "`ophite image build --format raw` or `--format sd` makes what a disk takes"),
)
BUILT = ("*.img.xz", "disk.img", "disk.img.zst", "disk.img.xz")  # what a directory of a build is searched for
DEFAULT = Path("build/image")


@dataclass(frozen=True)
class Source:
    """An image file: `packed` is "", "xz" or "zstd"; `stored` bytes on disk, `size` unpacked or None when it does not say."""

    path: Path
    packed: str
    stored: int
    size: int | None

    def describe(self) -> str:
        """One line."""
        unpacked = show_size(self.size) if self.size is not None else "of unknown size"
        return f"{self.path}, {unpacked}" + (f" ({self.packed}, {show_size(self.stored)})" if self.packed else "")


def find_image(path: Path | None) -> Path:
    """The file that is meant: itself, or the one disk image in the output directory of a build. Raises `ImageError`."""
    place = path or DEFAULT
    if not place.is_dir():
        if not place.is_file():
            hint = "--image FILE; `ophite image build --format sd` makes one" if path is None else "check --image"
            raise ImageError(f"{place}: no such file", hint)
        return place
    found = sorted({one for pattern in BUILT for one in place.glob(pattern)})
    if len(found) != 1:
        names = ", ".join(one.name for one in found) or "no disk image"
        raise ImageError(f"{place} holds {names}", "--image FILE, exactly one")
    return found[0]


def get_source(path: Path) -> Source:
    """Look at an image file. Raises `ImageError` when it is none."""
    try:
        stored = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(SECTOR)
            for magic, kind, hint in STRANGERS:
                if head.startswith(magic):
                    raise ImageError(f"{path} is {kind} and no disk image", hint)
            if head.startswith(XZ):
                return Source(path, "xz", stored, read_xz_size(file, stored))
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}", "check --image") from error
    if head.startswith(ZSTD):
        return Source(path, "zstd", stored, parse_zstd_size(head))
    check_head(head, path)
    return Source(path, "", stored, stored)


def check_head(head: bytes, path: Path) -> None:
    """Raise `ImageError` unless the first sector looks like a disk's, for which UEFI and BIOS alike want a signature."""
    if head[510:512] != b"\x55\xaa":
        raise ImageError(f"{path} is no image of a disk", "`ophite image build --format raw` or `--format sd` makes one")


@contextmanager
def open_pieces(source: Source) -> Iterator[Iterator[bytes]]:
    """The image unpacked, in pieces of `PIECE` bytes; the last one is filled up with zeros to a whole sector.

    Reading them raises `ImageError` for a damaged file.
    """
    with source.path.open("rb") as file:
        if source.packed == "zstd":
            with _open_zstd(source) as stream:
                yield cut_pieces(stream)
        else:
            yield cut_pieces(_read_xz(file, source.path) if source.packed == "xz" else _read_plain(file))


def cut_pieces(stream: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of `PIECE`."""
    waiting = bytearray()
    for data in stream:
        waiting += data
        while len(waiting) >= PIECE:
            yield bytes(waiting[:PIECE])
            del waiting[:PIECE]
    if waiting:
        yield bytes(waiting).ljust(-(-len(waiting) // SECTOR) * SECTOR, b"\0")


def _read_plain(file: IO[bytes]) -> Iterator[bytes]:
    while data := file.read(PIECE):
        yield data


def _read_xz(file: IO[bytes], path: Path) -> Iterator[bytes]:
    """Unpack all streams of a file, one after the other."""
    damaged = "copy or download it again"
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)
    data = file.read(PIECE)
    try:
        while data:
            if decoder.eof:
                decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)
            yield decoder.decompress(data, PIECE)
            while not decoder.needs_input and not decoder.eof:
                yield decoder.decompress(b"", PIECE)
            data = decoder.unused_data.lstrip(b"\0") or file.read(PIECE)
    except lzma.LZMAError as error:
        raise ImageError(f"{path} is damaged: {error}", damaged) from error
    if not decoder.eof:
        raise ImageError(f"{path} ends too early", damaged)


@contextmanager
def _open_zstd(source: Source) -> Iterator[Iterator[bytes]]:
    argv = [get_program("zstd"), "--decompress", "--stdout", "--quiet", f"--memory={MEMORY}", str(source.path)]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield _read_process(process, source.path)
        finally:
            process.kill()


def _read_process(process: subprocess.Popen[bytes], path: Path) -> Iterator[bytes]:
    assert process.stdout is not None
    assert process.stderr is not None
    yield from _read_plain(process.stdout)
    problem = process.stderr.read(SECTOR).decode(errors="replace").strip()
    if process.wait():
        raise ImageError(f"{path} is damaged: {problem}", "copy or download it again")
