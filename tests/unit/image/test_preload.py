"""The preloaded images: the pause program does its two things, and the base image holds nothing to run."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from image.arch import get_host_arch
from image.formats.elf import ET_EXEC, parse_elf
from image.preload import COMPILER_FLAGS, LINKER_FLAGS, SOURCE, static_image


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_pause_is_tiny_and_ends_when_told(tmp_path: Path, number: signal.Signals) -> None:
    words = [*COMPILER_FLAGS, "-nostdlib", "-static", *(f"-Wl,{word}" for word in LINKER_FLAGS)]
    subprocess.run(["gcc", *words, "-o", tmp_path / "pause", SOURCE], check=True)  # not the build's, but its source and flags
    data = (tmp_path / "pause").read_bytes()
    parsed = parse_elf(data)
    assert len(data) < 4096
    assert parsed.kind == ET_EXEC
    assert parsed.find_needed() == []
    process = subprocess.Popen([tmp_path / "pause"])
    process.send_signal(signal.SIGCHLD)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.05)
    process.send_signal(number)
    # Before it has blocked its signals, the signal's own effect ends it: both are an end.
    assert process.wait(10) in (0, -number)


def test_the_base_image_has_no_program(tmp_path: Path) -> None:
    certificates = tmp_path / "usr/share/ca-certificates"
    certificates.mkdir(parents=True)
    (certificates / "a.crt").write_text("A\n")
    image = static_image(get_host_arch(), tmp_path)
    assert image.name == "ophite.local/static:1"
    assert [name for name, entry in image.entries.items() if entry.data is not None and entry.mode & 0o111] == []
    assert image.entries["etc/ssl/certs/ca-certificates.crt"].data == b"A\n"
