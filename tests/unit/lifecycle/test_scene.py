"""What the upgrade sees: META first, and Kubernetes only where it was ever reached."""

from typing import Any

import pytest

from controllers.kubernetes.api_client import ApiClient
from controllers.lifecycle.scene import INPUTS, gather
from controllers.resources.kubernetes import EtcdStatus, Nodename, NodeStatus
from controllers.resources.machine import PlatformInfo, PowerRequest, VersionInfo
from controllers.resources.meta import MetaStatus, MetaValue
from controllers.runtime.controller import Controller, make_view
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from tests.unit.kubernetes.world import leaf, root


class Looker(Controller):
    """Has the inputs."""

    name = "test.Looker"
    inputs = INPUTS


def given(*more: Resource[Any], kubernetes: str = "1.36.0") -> list[Resource[Any]]:
    version = VersionInfo(version="1", kubernetes=kubernetes, kernel="6", board="b", arch="amd64")
    return [
        new("meta", MetaStatus(place="/dev/vda5", durable=True)),
        new("platform", PlatformInfo(platform="metal", boot_id="boot", command_line="ophite.verity=ab:00:1")),
        new("version", version),
        *more,
    ]


def look(resources: list[Resource[Any]]) -> Any:
    return gather(make_view(Looker(), resources, [], 0.0), 1.0, "me")


CLUSTER = (new("nodename", Nodename(nodename="n1")), leaf("admin"), root("kubernetes"))


def test_nothing_is_believed_before_meta_was_read() -> None:
    with pytest.raises(Waiting, match="MetaStatus/meta"):
        look(given()[1:])


def test_what_meta_holds_for_others_is_not_ours() -> None:
    scene = look(given(new("upgrade", MetaValue(value="nonsense"))))
    assert (scene.facts.record, scene.facts.running_hash, scene.facts.boot_id) == (None, "ab", "boot")
    assert scene.meta == {"upgrade": "nonsense"}


@pytest.mark.parametrize(
    ("node", "reached"),
    [
        (NodeStatus(ready=True), True),
        (NodeStatus(ready=False, pod_cidrs=("10.0.0.0/24",)), True),
        (NodeStatus(ready=False, message="waits for the API server"), False),
        (None, False),
    ],
)
def test_only_a_cluster_that_was_reached_is_drained_from(node: NodeStatus | None, reached: bool) -> None:
    scene = look(given(*CLUSTER, *([new("n1", node)] if node else [])))
    assert isinstance(scene.node.api, ApiClient) is reached


def test_a_worker_without_the_administrators_certificate_does_not_drain() -> None:
    assert look(given(CLUSTER[0], new("n1", NodeStatus(ready=True)))).node.api is None


@pytest.mark.parametrize(("kubernetes", "version"), [("1.20.2", "policy/v1beta1"), ("1.36.0", "policy/v1")])
def test_evictions_speak_the_clusters_version(kubernetes: str, version: str) -> None:
    scene = look(given(*CLUSTER, new("n1", NodeStatus(ready=True)), kubernetes=kubernetes))
    assert scene.node.api._eviction == version


def test_only_somebody_elses_shutdown_counts_as_asked() -> None:
    assert not look(given()).power_asked
    assert not look(given(new("power", PowerRequest(action="reboot"), owner="me"))).power_asked
    assert look(given(new("power", PowerRequest(action="poweroff"), owner="api"))).power_asked


def test_what_etcd_is_asked_with_is_kept() -> None:
    scene = look(given(new("etcd", EtcdStatus(healthy=True)), root("etcd"), leaf("etcd-client"), leaf("admin")))
    assert [one.id for one in scene.node.etcd] == ["etcd", "etcd", "etcd-client"]
