"""What a selector in a document may say."""

import pytest

from controllers.config.documents import HostnameConfig
from controllers.config.documents.disk_selector import DiskMatch, DiskSelector

DOCUMENT = HostnameConfig(hostname="n1")


def problems(match: DiskMatch) -> list[str]:
    return [str(one) for one in DiskSelector(match=match).validate(DOCUMENT, "disk")]


@pytest.mark.parametrize("size", [">= 100GB", ">=100 GB", "<2TiB", "== 512", "== 1024KiB", "10GiB"])
def test_sizes(size: str) -> None:
    assert problems(DiskMatch(size=size)) == []


@pytest.mark.parametrize("size", ["big", ">=", "=> 1GB", ">= 1XB", ">= -1GB", ">= 0", ">> 1GB", ">= 1GB, < 2GB"])
def test_sizes_that_say_nothing(size: str) -> None:
    [problem] = problems(DiskMatch(size=size))
    assert problem.startswith("HostnameConfig.disk.match.size: ")
    assert "write `>= 100GB`" in problem


def test_all_problems_at_once_each_with_its_path_and_fix() -> None:
    found = problems(DiskMatch(size="big", model="x" * 300, serial="a\x1b", transport="carrier pigeon"))
    assert [one.partition(": ")[0] for one in found] == [
        f"HostnameConfig.disk.match.{name}" for name in ("size", "model", "serial", "transport")
    ]
    assert "one of ata, mmc, nvme, scsi, usb, virtio" in found[-1]


def test_an_empty_selector_would_mean_any_disk() -> None:
    [problem] = problems(DiskMatch())
    assert "says nothing about the disk" in problem
    assert problems(DiskMatch(rotational=False)) == []
