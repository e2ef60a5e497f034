"""What InstallConfig refuses."""

import pytest

from controllers.config.documents import InstallConfig
from controllers.config.documents.disk_selector import DiskMatch, DiskSelector

DISK = DiskSelector(match=DiskMatch(path="/dev/sda"))


def problems(*words: str) -> list[str]:
    return [f"{one.path}: {one.message}" for one in InstallConfig(disk=DISK, extra_kernel_args=words).validate()]


def test_ordinary_words_are_taken() -> None:
    assert problems("console=ttyS0,115200", "mitigations=off", "ophite.patience=20", "pci=nomsi,noaer") == []


@pytest.mark.parametrize(
    "word", ["ophite.root=verity", "ophite.verity=00:00:1", "root=/dev/sda", "init=/bin/sh", "dm_mod.create=x", "--", "--init"]
)
def test_what_the_boot_stands_on_is_not_for_the_user(word: str) -> None:
    [problem] = problems(word)
    assert problem.startswith("extraKernelArgs[0]: ")
    assert problem.endswith("is not for you to set")


@pytest.mark.parametrize(
    "word", ["", "two words", "tab\tinside", "line\nbreak", "ümlaut=1", 'a="b"', "a='b'", "a\\b", "x" * 257]
)
def test_what_a_boot_loader_cannot_hand_over_is_refused(word: str) -> None:
    assert len(problems(word)) == 1


def test_the_whole_line_is_bounded() -> None:
    assert problems(*(["quiet"] * 65)) == ["extraKernelArgs: too long"]
    assert problems(*(["x" * 250] * 5)) == ["extraKernelArgs: too long"]


def test_a_selector_that_says_nothing_is_refused() -> None:
    [problem] = InstallConfig(disk=DiskSelector()).validate()
    assert problem.path == "disk.match"
