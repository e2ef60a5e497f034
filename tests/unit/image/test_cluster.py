"""Local clusters: from the command line to what is written down and to a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.cluster import main, make_machine, parse_options, plan_cluster, render_kubeconfig
from image.cluster_state import Cluster, find_cluster


@pytest.fixture(autouse=True)
def clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory of clusters."""
    monkeypatch.setenv("OPHITE_CLUSTERS", str(tmp_path))
    return tmp_path


def plan(*words: str) -> Cluster:
    """The cluster that these options of `create` describe."""
    return plan_cluster(parse_options(["create", "--name", "one", *words]))


def test_what_is_written_down_is_read_back() -> None:
    cluster = plan("--boot", "bios", "--extra-disk", "64", "--extra-disk", "128,bus=nvme", "--watchdog")
    cluster.save()
    assert find_cluster("one") == cluster


def test_an_iso_image_boots_a_machine_with_an_empty_disk(tmp_path: Path) -> None:
    machine = make_machine(plan("--iso", str(tmp_path / "ophite.iso"), "--iso-bus", "usb"))
    assert machine.blank
    assert machine.medium == tmp_path / "ophite.iso"
    assert machine.medium_bus == "usb"
    assert not make_machine(plan()).blank


def test_more_disks_are_numbered_behind_the_first() -> None:
    machine = make_machine(plan("--extra-disk", "64", "--extra-disk", "128,bus=nvme,sector=4096"))
    assert [(disk.name, disk.size, disk.sector) for disk in machine.all_disks] == [
        ("disk", 10240, 512),
        ("disk2", 64, 512),
        ("disk3", 128, 4096),
    ]


def test_a_disk_that_cannot_be_leaves_no_cluster_behind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["create", "--name", "one", "--extra-disk", "64,bus=floppy"]) == 1
    assert "no bus 'floppy'" in capsys.readouterr().err
    assert find_cluster("one") is None


def test_the_kubeconfig_names_the_forwarded_port() -> None:
    text = "clusters:\n- cluster:\n    server: https://10.0.2.15:6443\n"
    assert render_kubeconfig(text, "127.0.0.1:40001") == "clusters:\n- cluster:\n    server: https://127.0.0.1:40001\n"


def test_the_architecture_is_the_image_s(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    (tmp_path / "image/manifest.json").write_text('{"arch": "arm64"}')
    cluster = plan("--image-dir", str(tmp_path / "image"))
    assert (cluster.arch, cluster.boot, make_machine(cluster).emulated.machine) == ("arm64", "uefi", "virt")
    cluster.save()
    assert find_cluster("one") == cluster


def test_a_raspberry_pi_is_arm64_and_boots_from_its_card() -> None:
    machine = make_machine(plan("--hardware", "raspi3b"))
    assert (machine.arch, machine.boot, machine.hardware) == ("arm64", "card", "raspi3b")


@pytest.mark.parametrize(
    ("words", "problem"),
    [(("--arch", "arm64", "--boot", "bios"), "no way to boot 'bios'"), (("--arch", "amd64", "--hardware", "virt"), "is arm64")],
)
def test_a_machine_that_cannot_be_leaves_no_cluster_behind(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], problem: str
) -> None:
    assert main(["create", "--name", "one", *words]) == 1
    assert problem in capsys.readouterr().err
    assert find_cluster("one") is None
