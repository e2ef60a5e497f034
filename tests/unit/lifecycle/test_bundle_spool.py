import gzip
import hashlib
import lzma
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.lifecycle.bundle import Bundle, Manifest
from controllers.lifecycle.bundle_spool import Parser, Spool, open_bundle
from controllers.lifecycle.errors import BundleError
from tests.unit.lifecycle.bundles import COMMAND_LINE, KEYS, Recipe, make_parts, tar

SMALL = {name: data[:700] for name, data in make_parts().items()}
WHOLE = tar(list(Recipe(parts=SMALL).members().items()))
Members = list[tuple[tarfile.TarInfo | str, bytes]]


def receive(path: Path, data: bytes, size: int = 5000) -> Bundle:
    spool = Spool(path, KEYS)
    for at in range(0, len(data), size):
        spool.write(data[at : at + size])
    return spool.finish()


def good(tmp_path: Path) -> bytes:
    return Recipe().write(tmp_path / "made").read_bytes()


def left(place: Path) -> list[str]:
    return sorted(one.name for one in place.parent.iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "spool/bundle"


@pytest.mark.parametrize("size", [1 << 20, 10_240, 513, 97])
def test_what_the_build_writes_is_received(tmp_path: Path, place: Path, size: int) -> None:
    data = good(tmp_path)
    bundle = receive(place, data, size)
    assert place.read_bytes() == data
    assert place.stat().st_mode & 0o777 == 0o600
    for name, content in make_parts().items():
        assert b"".join(bundle.read(name)) == content
    assert bundle.read_command_line() == COMMAND_LINE
    assert bundle.identity == hashlib.sha256(Recipe().manifest).hexdigest()
    assert left(place) == ["bundle"]
    assert open_bundle(place, KEYS) == bundle


def test_a_bundle_is_read_byte_by_byte(tmp_path: Path) -> None:
    parser = Parser(KEYS)
    for byte in Recipe(parts=make_parts() | {"root.erofs": b""}).write(tmp_path / "made").read_bytes():
        parser.feed(bytes([byte]))
    assert parser.close()[0].version == "2.0"
    assert parser.fraction == 1.0


def refuse(place: Path, data: bytes, message: str) -> None:
    """The bundle is refused with a text, and nothing is left of it."""
    with pytest.raises(BundleError, match=message):
        receive(place, data)
    assert left(place) == []


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, lambda data: b"\x28\xb5\x2f\xfd" + data])
def test_a_compressed_bundle_is_not_unpacked(tmp_path: Path, place: Path, compress: Callable[[bytes], bytes]) -> None:
    refuse(place, compress(good(tmp_path)), "compressed with (gzip|xz|zstd)")


def test_a_small_compressed_file_is_named_too(place: Path) -> None:
    refuse(place, gzip.compress(b"x"), "compressed with gzip")


def test_a_bundle_that_is_cut_off_is_refused_wherever(tmp_path: Path, place: Path) -> None:
    data = good(tmp_path).rstrip(b"\0")
    for size in [0, 1, 511, 512, 513, 1500, 3000, 20_000, len(data) - 1, len(data)]:
        refuse(place, data[:size], "cut off")


def test_garbage_is_no_tar(place: Path) -> None:
    refuse(place, b"<html>not found</html>" * 100, "no tar file")
    refuse(place, bytes(10_240), "ends before manifest.json")


@pytest.mark.parametrize("at", range(0, 512, 37))
def test_a_damaged_header_is_refused(tmp_path: Path, place: Path, at: int) -> None:
    data = bytearray(good(tmp_path))
    data[at] ^= 0x55
    refuse(place, bytes(data), "no tar file|unknown|ustar|bytes")


def members(**changes: bytes) -> Members:
    return [(name, changes.get(name.partition(".")[0], data)) for name, data in Recipe().members().items()]


def special(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def test_a_part_that_was_changed_is_refused(place: Path) -> None:
    data = make_parts()["vmlinuz"]
    refuse(place, tar(members(vmlinuz=b"!" + data[1:])), "vmlinuz in the bundle is damaged")
    refuse(place, tar(members(vmlinuz=data + b"!")), r"vmlinuz has \d+ bytes, the manifest says")


def test_another_order_is_refused(place: Path) -> None:
    given = members()
    given[4], given[5] = given[5], given[4]
    refuse(place, tar(given), "initramfs.zst is in the bundle where vmlinuz belongs")
    refuse(place, tar(members()[2:]), "boot.efi, which is unknown, is in the bundle where manifest.json belongs")
    given = members()
    given[0], given[1] = given[1], given[0]
    refuse(place, tar(given), "manifest.sig, which is unknown, is in the bundle where manifest.json belongs")


def test_a_member_that_comes_twice_is_refused(place: Path) -> None:
    given = members()
    refuse(place, tar([*given[:3], given[2], *given[3:]]), "boot.efi is in the bundle twice")


@pytest.mark.parametrize("name", ["extra", "../../etc/passwd", "/root.erofs", "./vmlinuz", "\udcff"])
def test_members_that_nobody_knows_are_refused(place: Path, name: str) -> None:
    given = members()
    for at in (0, 3, len(given)):
        refuse(place, tar([*given[:at], (name, b"x"), *given[at:]]), "which is unknown")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_what_is_no_plain_file_is_refused(place: Path, kind: bytes) -> None:
    given = members()
    given[4] = (special("vmlinuz", kind), b"")
    refuse(place, tar(given), "vmlinuz in the bundle is no plain ustar file")


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_other_kinds_of_tar_are_refused(place: Path, form: int) -> None:
    info = tarfile.TarInfo("manifest.json")
    info.pax_headers = {"comment": "x"}
    refuse(place, tar([(info, b"{}")], form), "no plain ustar file")


def test_a_huge_manifest_or_signature_is_never_read(place: Path) -> None:
    refuse(place, tar([("manifest.json", bytes(65_537))]), "at most 65536 are read")
    refuse(place, tar([("manifest.json", b"")]), "has 0 bytes")
    refuse(place, tar([("manifest.json", Recipe().manifest), ("manifest.sig", bytes(65))]), "65 bytes instead of 64")


def test_an_unsigned_bundle_is_refused_before_its_parts(place: Path) -> None:
    refuse(place, tar([("manifest.json", Recipe().manifest), ("manifest.sig", bytes(64))]), "none of the keys")


def test_a_bundle_may_not_go_on_after_its_end(tmp_path: Path, place: Path) -> None:
    data = good(tmp_path)
    refuse(place, data + b"x" * 512, "goes on after its end")
    refuse(place, data + bytes(100_000), "more than 65536 zeros")
    refuse(place, data + b"x", "cut off|goes on")


def test_extra_parts_of_a_newer_format_are_passed_over(place: Path) -> None:
    parts = make_parts()
    parts = {**dict(list(parts.items())[:3]), "new.img": b"x" * 1000, **dict(list(parts.items())[3:])}
    given: Members = list(Recipe(changes={"format": 2}, parts=parts).members().items())
    bundle = receive(place, tar(given))
    assert b"".join(bundle.read("root.erofs")) == parts["root.erofs"]


def test_a_manifest_can_be_refused_before_anything_big_is_taken(tmp_path: Path, place: Path) -> None:
    def refuse_it(manifest: Manifest) -> None:
        raise BundleError(f"{manifest.version} failed here", "use another")

    spool = Spool(place, KEYS, refuse_it)
    with pytest.raises(BundleError, match=r"2\.0 failed here"):
        spool.write(good(tmp_path)[:20_000])
    assert left(place) == []


def test_a_full_disk_is_said_before_it_is_full(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = SimpleNamespace(f_bavail=16 << 10, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda _: room)
    refuse(place, good(tmp_path), "has room for 0 MiB")


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_fd: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    spool = Spool(place, KEYS)
    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(BundleError, match="No space left"):
        spool.write(good(tmp_path)[:100])
    assert left(place) == []


def test_a_former_bundle_stays_until_the_next_is_whole(tmp_path: Path, place: Path) -> None:
    first = receive(place, good(tmp_path))
    with pytest.raises(BundleError):
        receive(place, b"x" * 1000)
    assert open_bundle(place, KEYS) == first


def test_an_abandoned_upload_leaves_nothing(tmp_path: Path, place: Path) -> None:
    spool = Spool(place, KEYS)
    spool.write(good(tmp_path)[:9000])
    assert 0 < spool.fraction < 1
    spool.abort()
    spool.abort()
    assert left(place) == []


def test_of_two_at_once_the_one_that_was_begun_last_counts(tmp_path: Path, place: Path) -> None:
    first = Spool(place, KEYS)
    first.write(good(tmp_path))
    second = Spool(place, KEYS)
    assert len(left(place)) == 1
    with pytest.raises(BundleError, match="another bundle was begun"):
        first.finish()
    second.write(good(tmp_path))
    assert second.finish().path == place
    assert left(place) == ["bundle"]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match=r"Not a directory|File exists"):
        Spool(tmp_path / "file/bundle", KEYS)


def test_a_part_that_changes_behind_our_back_is_noticed(tmp_path: Path, place: Path) -> None:
    bundle = receive(place, good(tmp_path))
    with place.open("r+b") as file:
        file.seek(bundle.offsets["root.erofs"] + 5)
        file.write(b"!")
    with pytest.raises(BundleError, match=r"root\.erofs is not what the manifest says"):
        list(bundle.read("root.erofs"))
    with pytest.raises(BundleError, match=r"root\.erofs in the bundle is damaged"):
        open_bundle(place, KEYS)


@settings(deadline=None)
@given(st.data())
def test_whatever_is_changed_what_is_accepted_is_what_was_signed(data: st.DataObject) -> None:
    bundle = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(bundle) - 1))
        match data.draw(st.sampled_from(["change", "cut", "insert"])):
            case "change":
                bundle[at] ^= data.draw(st.integers(1, 255))
            case "cut":
                del bundle[at : at + data.draw(st.sampled_from([1, 512, 5000]))]
            case _:
                bundle[at:at] = data.draw(st.sampled_from([b"x", bytes(512), b"x" * 512, bytes(WHOLE[:1024])]))
    parser, size = Parser(KEYS), data.draw(st.sampled_from([100, 511, 4096, 1 << 20]))
    try:
        for at in range(0, len(bundle), size):
            parser.feed(bytes(bundle[at : at + size]))
        parser.close()
    except BundleError:
        return
    for name, content in SMALL.items():
        assert bundle[parser.offsets[name] : parser.offsets[name] + len(content)] == content


def test_no_bundle_at_all_is_said(place: Path) -> None:
    with pytest.raises(BundleError, match="No such file"):
        open_bundle(place, KEYS)
