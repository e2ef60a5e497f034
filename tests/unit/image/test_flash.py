"""The command line of a flash: errors are a message and a hint, and other systems are told what to use."""

import sys
from pathlib import Path
from typing import Any

import pytest

from image import flash
from image.errors import ImageError
from image.flash import check_system, main


@pytest.mark.parametrize("system", ["darwin", "win32", "freebsd14"])
def test_other_systems_are_told_what_to_use(system: str) -> None:
    with pytest.raises(ImageError, match="works on Linux only") as caught:
        check_system(system)
    assert "Raspberry Pi Imager" in caught.value.hint
    check_system("linux")


def test_options_reach_the_flash(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("image.flash_run.flash", lambda wish, meter, ask: seen.append((wish, ask)))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert main(["/dev/sdb", "--image", "card.img.xz", "--yes", "--force", "--no-verify"]) == 0
    wish, ask = seen.pop()
    assert (wish.disk, wish.image, wish.yes, wish.force, wish.verify) == (
        Path("/dev/sdb"),
        Path("card.img.xz"),
        True,
        True,
        False,
    )
    assert ask is None
    assert main(["/dev/sdb"]) == 0
    wish, _ = seen.pop()
    assert (wish.image, wish.yes, wish.force, wish.verify) == (None, False, False, True)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert main(["/dev/sdb"]) == 0
    assert seen.pop()[1] is flash.ask_terminal


def test_without_a_disk_the_disks_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("image.flash_run.show_disks", seen.append)
    assert main(["--quiet"]) == 0
    assert len(seen) == 1


def test_errors_are_message_and_hint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "sdb"), "--image", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err == f"error: {tmp_path}/none: no such file\nhint: check --image\n"


def test_a_url_is_to_be_downloaded_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["/dev/no-such-disk", "--image", "https://example.com/card.img.xz"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: https://example.com/card.img.xz is not a file\nhint: download it")


def test_an_interrupted_flash_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(argv: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(flash, "run", interrupt)
    assert main([]) == 130
    assert "does not boot" in capsys.readouterr().err
