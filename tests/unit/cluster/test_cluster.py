"""Local clusters: options, names and files, without starting anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from image import cluster
from image.cluster_state import Cluster, check_name, find_cluster, find_clusters, get_cluster
from image.errors import ImageError

CLUSTER = Cluster(
    name="one",
    provisioner="qemu",
    image="/image",
    boot="uefi",
    memory=4096,
    cpus=2,
    disk=10240,
    node_address="10.0.2.15",
    api="127.0.0.1:1111",
    kubernetes="127.0.0.1:2222",
)


@pytest.fixture(autouse=True)
def clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPHITE_CLUSTERS", str(tmp_path))
    return tmp_path


def test_a_cluster_is_kept_private_and_found_again(clusters: Path) -> None:
    CLUSTER.save()
    assert find_cluster("one") == CLUSTER
    assert find_clusters() == ["one"]
    assert (clusters / "one").stat().st_mode & 0o077 == 0
    CLUSTER.remove()
    assert find_cluster("one") is None


def test_what_another_version_wrote_about_a_cluster_does_not_keep_it_from_being_removed(clusters: Path) -> None:
    CLUSTER.save()
    file = clusters / "one/cluster.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "colour": "red"}))
    assert find_cluster("one") == CLUSTER


def test_an_unknown_cluster_is_told_with_those_that_are_there() -> None:
    CLUSTER.save()
    with pytest.raises(ImageError, match="there are: one"):
        get_cluster("two")


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a/b", "..", "a" * 33])
def test_bad_names(name: str) -> None:
    with pytest.raises(ImageError, match="not valid"):
        check_name(name)


def test_a_second_cluster_of_the_same_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    CLUSTER.save()
    assert cluster.main(["create", "--name", "one"]) == 1
    assert "ophite cluster destroy --name one" in capsys.readouterr().err


def test_destroying_what_is_not_there_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cluster.main(["destroy", "--name", "none"]) == 0
    assert "no cluster none" in capsys.readouterr().out


def test_destroying_a_stopped_cluster_removes_its_files(clusters: Path) -> None:
    CLUSTER.save()
    CLUSTER.node_directory.mkdir()
    assert cluster.main(["destroy", "--name", "one"]) == 0
    assert list(clusters.iterdir()) == []


def test_show_says_that_it_does_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    CLUSTER.save()
    assert cluster.main(["show"]) == 0
    assert "one\tqemu\tstopped\tapi 127.0.0.1:1111" in capsys.readouterr().out


def test_options_become_a_cluster() -> None:
    planned = cluster.plan_cluster(cluster.parse_options(["create", "--memory", "2048", "--boot", "direct"]))
    assert (planned.name, planned.memory, planned.boot, planned.node_address) == ("ophite", 2048, "direct", "10.0.2.15")
    machine = cluster.make_machine(planned)
    assert f"127.0.0.1:{machine.api_port}" == planned.api
    assert machine.image == Path("build/image").resolve()


def test_the_kubeconfig_points_to_where_this_host_reaches_the_node() -> None:
    text = "clusters:\n- cluster:\n    server: https://10.0.2.15:6443\n  name: one\n"
    assert cluster.render_kubeconfig(text, "127.0.0.1:2222") == text.replace("10.0.2.15:6443", "127.0.0.1:2222")


def test_a_configuration_gets_the_hosts_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    CLUSTER.save()
    calls: list[tuple[object, ...]] = []

    def run_ophite(*words: object, timeout: float = 0) -> None:
        calls.append(words)
        if "gen" not in words:
            return
        (CLUSTER.directory / "controlplane.yaml").write_text("kind: MachineConfig\n# kind: TimeSyncConfig\n")
        (CLUSTER.directory / "worker.yaml").write_text("kind: TimeSyncConfig\nenabled: true\n")

    monkeypatch.setattr(cluster, "run_ophite", run_ophite)
    cluster.write_configuration(CLUSTER)
    assert calls[0][:4] == ("gen", "config", "one", "https://10.0.2.15:6443")
    assert calls[1][2:] == ("config", "endpoints", CLUSTER.api)
    assert (CLUSTER.directory / "controlplane.yaml").read_text().endswith("kind: TimeSyncConfig\nenabled: false\n")
    assert (CLUSTER.directory / "worker.yaml").read_text().count("TimeSyncConfig") == 1
