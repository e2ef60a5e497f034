"""Opening and closing, with a stand-in for cryptsetup that keeps its slots in files and notes what it was asked."""

from pathlib import Path

import pytest

from controllers.block import luks as module
from controllers.block.luks import Luks, LuksError
from controllers.block.luks_keys import SlotKey

FAKE = """#!/bin/sh
cd "$(dirname "$0")"
verb=$1
case $verb in
luksDump)
  [ -e nonsense ] && { echo '{"keyslots": 7}'; exit 0; }
  echo 'WARNING: something'
  printf '{"keyslots": {'; first=
  for one in slots/*; do printf '%s"%s": {}' "$first" "${one#slots/}"; first=', '; done
  echo '}}' ;;
open)  # --type luks2 --key-slot $5 --key-file $7, then DEVICE NAME or --test-passphrase DEVICE
  [ "$8" = --test-passphrase ] && name= || name=$9
  echo "open $5 $name" >> asked
  [ "$(cat "slots/$5")" = "$(cat "$7")" ] || exit 2
  [ -z "$name" ] || touch "mapper/$name" ;;
close)
  echo "close $2" >> asked
  rm "mapper/$2" ;;
esac
"""
A, B = SlotKey(0, b"a passphrase"), SlotKey(1, b"another one")


class Fake:
    """What the stand-in holds and was asked."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("slots", "mapper"):
            (root / name).mkdir()
        program = root / "cryptsetup"
        program.write_text(FAKE)
        program.chmod(0o755)
        self.luks = Luks(root, root / "kept")

    def fill(self, *keys: SlotKey) -> None:
        for key in keys:
            (self.root / "slots" / str(key.slot)).write_bytes(key.secret)

    def asked(self) -> list[str]:
        path = self.root / "asked"
        return path.read_text().split("\n")[:-1] if path.exists() else []


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    monkeypatch.setattr(module, "mapper_path", lambda name: str(tmp_path / "mapper" / name))
    monkeypatch.setattr(module, "ENVIRONMENT", {"PATH": "/usr/bin:/bin"})
    return Fake(tmp_path)


async def test_each_key_is_tried_in_its_own_slot_first(fake: Fake) -> None:
    fake.fill(A, B)
    assert await fake.luks.open("/dev/x", "luks-x", [SlotKey(0, b"wrong"), B]) == 1
    assert [line.split()[1] for line in fake.asked()] == ["0", "1"]
    assert fake.luks._recall("/dev/x") == B
    assert await fake.luks.open("/dev/x", "luks-x", [B]) == -1


async def test_a_key_that_a_rotation_left_in_another_slot_opens_too(fake: Fake) -> None:
    fake.fill(SlotKey(0, b"old"), SlotKey(8, A.secret))
    assert await fake.luks.open("/dev/x", "luks-x", [A]) == 8


async def test_without_its_key_it_stays_shut_and_says_why(fake: Fake) -> None:
    fake.fill(A)
    with pytest.raises(LuksError, match=r"/dev/x is locked: none of the configured keys \(slots 1\) opens it"):
        await fake.luks.open("/dev/x", "luks-x", [B])
    assert fake.luks._recall("/dev/x") is None


async def test_closing(fake: Fake) -> None:
    fake.fill(A)
    await fake.luks.close("luks-x")
    assert fake.asked() == []
    await fake.luks.open("/dev/x", "luks-x", [A])
    await fake.luks.close("luks-x")
    assert fake.asked()[-1] == "close luks-x"


async def test_metadata_without_sense_are_said(fake: Fake) -> None:
    (fake.root / "nonsense").touch()
    with pytest.raises(LuksError, match="its LUKS2 metadata make no sense"):
        await fake.luks.slots("/dev/x")


def test_what_was_remembered_of_another_boot_or_damaged_is_nothing(fake: Fake) -> None:
    assert fake.luks._recall("/dev/x") is None
    fake.luks._remember("/dev/x", A)
    assert fake.luks._recall("/dev/x") == A
    next((fake.root / "kept").iterdir()).write_text("{")
    assert fake.luks._recall("/dev/x") is None
