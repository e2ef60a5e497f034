"""The recipe as a whole: its table, its options, its errors, and what it reads of the project."""

from __future__ import annotations

import dataclasses
import errno
import re
from pathlib import Path
from typing import Any

import pytest

from image import build
from image.arch import get_arch
from image.boards import get_board
from image.cache import Cache
from image.context import Context, Options
from image.errors import ImageError
from image.progress import Progress
from image.sign import SigningKey


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test makes a key where the user keeps theirs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_the_steps_are_named_once_and_the_disk_comes_after_what_it_holds() -> None:
    names = [step.name for step in build.STEPS]
    assert len(set(names)) == len(names)
    assert names.index("root image") < names.index("boot files") < names.index("disk and media") < names.index("manifest")


def test_a_users_error_is_a_message_and_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(context: Context) -> Context:
        raise ImageError("it broke", "mend it")

    monkeypatch.setenv("OPHITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "STEPS", (build.Step("breaks", fail),))
    assert build.main(["--output", str(tmp_path), "--quiet"]) == 1
    assert capsys.readouterr().err == "error: it broke\nhint: mend it\n"


def test_what_the_host_lacks_is_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raised = [OSError(errno.ENOSPC, "No space left on device", "x.img"), OSError(errno.EIO, "Input/output error")]

    def fail(context: Context) -> Context:
        raise raised.pop(0)

    monkeypatch.setenv("OPHITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "STEPS", (build.Step("breaks", fail),))
    assert build.main(["--output", str(tmp_path), "--quiet"]) == 1
    assert capsys.readouterr().err == "error: x.img: No space left on device\nhint: make room\n"
    with pytest.raises(OSError, match="Input/output error"):
        build.main(["--output", str(tmp_path), "--quiet"])


@pytest.mark.parametrize("version", ["1 2", "1\n2", "-1", "x" * 65, "1/2"])
def test_a_version_that_would_break_texts_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(ImageError, match="--image-version"):
        build.begin(Options(tmp_path, image_version=version))
    assert build.begin(Options(tmp_path, image_version="1.2.3-rc.1+b")).version == "1.2.3-rc.1+b"


@pytest.mark.parametrize(
    ("choices", "problem"),
    [
        ({"board": "raspberry-pi-4", "arch": "amd64"}, "board raspberry-pi-4: no kernel for amd64\nhint: --arch arm64"),
        ({"board": "raspberry-pi-5", "formats": ("raw", "iso")}, "--format iso: board raspberry-pi-5 starts from a card"),
        ({"formats": ("sd",), "base_url": "nowhere"}, "nowhere"),
        ({"sets": ("no-such-set",)}, "no module set 'no-such-set'"),
    ],
)
def test_what_a_board_cannot_is_found_before_anything_is_done(tmp_path: Path, choices: dict[str, Any], problem: str) -> None:
    with pytest.raises(ImageError, match=re.escape(problem)):
        build.begin(Options(tmp_path, **choices))


def test_the_first_architecture_of_the_board_and_its_sets_are_taken(tmp_path: Path) -> None:
    context = build.begin(Options(tmp_path, board="raspberry-pi-4", sets=("edac",)))
    assert context.arch.name == "arm64"
    assert [item.name for item in context.sets] == ["base", *get_board("raspberry-pi-4").sets, "edac"]


def test_a_missing_file_is_found_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.tar: no such file"):
        build.begin(Options(tmp_path, preload=(tmp_path / "none.tar",)))


def test_two_archives_of_one_name_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "pause.tar"
    archive.touch()
    with pytest.raises(ImageError, match="two archives of one name"):
        build.begin(Options(tmp_path, preload=(archive,)))


def test_rebuild_and_refresh_say_what_is_made_again(tmp_path: Path) -> None:
    assert build.begin(Options(tmp_path)).cache.fresh == frozenset()
    fresh = build.begin(Options(tmp_path, rebuild=True)).cache.fresh
    assert "erofs" in fresh
    assert not fresh & {"kubernetes", "unpacked", "wheels", "resolve"}
    assert "resolve" in build.begin(Options(tmp_path, refresh=True)).cache.fresh


def test_the_time_of_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert build.read_epoch() == 1700000000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(ImageError, match="is no number"):
        build.read_epoch()
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert build.read_epoch() > 1700000000


def test_the_version_is_the_projects() -> None:
    assert build.read_version().count(".") == 2


def test_a_step_cannot_change_the_context() -> None:
    context = Context(Options(Path()), get_board("cloud"), get_arch("amd64"), Cache(Path()), "1", 0, SigningKey(b"", ""))
    with pytest.raises(dataclasses.FrozenInstanceError):
        context.version = "2"  # type: ignore[misc]  # that it cannot be assigned is what is tested


def test_progress_prints_times_and_nothing_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet in (True, False):
        with (progress := Progress(quiet=quiet)), progress.step("thing", 1):
            pass
        assert ("thing" in capsys.readouterr().err) is not quiet
