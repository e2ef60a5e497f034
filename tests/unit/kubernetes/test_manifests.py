"""What a cluster begins with, and how it gets there."""

import json
from typing import Any

import pytest

from controllers.config.documents import MachineType
from controllers.kubernetes.api_client import object_path
from controllers.kubernetes.manifest_apply import ManifestApplyController
from controllers.kubernetes.manifests import ManifestsController, list_manifests
from controllers.kubernetes.rbac import make_bootstrap_token
from controllers.ports import Ports
from controllers.resources.kubernetes import Manifest, ManifestStatus
from controllers.runtime.controller import View, make_view
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from controllers.services.errors import RequestError
from tests.harness.reconcile import run_reconcile, run_reconcile_async
from tests.unit.kubernetes.golden import check_golden
from tests.unit.kubernetes.world import health, machine, only, without, world

TOKEN = "abcdef.0123456789abcdef"


def test_golden() -> None:
    text = json.dumps(list_manifests(("10.244.0.0/16",), TOKEN, "amd64"), indent=1, sort_keys=True) + "\n"
    check_golden("manifests.json", text)


def test_the_loader_is_elsewhere_on_arm() -> None:
    assert "/lib64" in json.dumps(list_manifests(("10.244.0.0/16",), "", "amd64"))
    assert "/lib64" not in json.dumps(list_manifests(("10.244.0.0/16",), "", "arm64"))


def test_controller_numbers_them_and_a_worker_has_none() -> None:
    controller = ManifestsController(Ports())
    wanted = run_reconcile(controller, only(controller, world()))
    assert [w.id for w in wanted] == sorted(w.id for w in wanted)
    assert "05-bootstrap-token-abcdef" in [w.id for w in wanted]
    worker = [*without(world(), type(machine().spec)), machine(MachineType.WORKER)]
    assert run_reconcile(controller, only(controller, worker)) == []


def test_bootstrap_token_is_split() -> None:
    data = make_bootstrap_token(TOKEN)["stringData"]
    assert (data["token-id"], data["token-secret"]) == ("abcdef", "0123456789abcdef")


def test_every_manifest_has_a_path() -> None:
    paths = [object_path(document) for document in list_manifests(("10.244.0.0/16",), TOKEN, "amd64")]
    assert "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy" in paths
    assert "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/ophite%3Akube-proxy" in paths
    with pytest.raises(RequestError, match="kind Widget"):
        object_path({"kind": "Widget", "metadata": {"name": "x"}})


class FakeCluster:
    """Takes documents, except those that hold a word."""

    def __init__(self) -> None:
        self.refuses = ""
        self.applied: list[str] = []

    async def __call__(self, view: View, document: str) -> None:
        if self.refuses and self.refuses in document:
            raise RequestError("forbidden")
        self.applied.append(document)


def manifests(**documents: str) -> list[Resource[Any]]:
    return [new(id_, Manifest(kind="Secret", name=id_, document=text)) for id_, text in documents.items()]


async def test_apply_once_then_only_what_changed() -> None:
    there = FakeCluster()
    controller = ManifestApplyController(Ports(), there)
    for documents in (manifests(a="1", b="2"), manifests(a="1", b="2"), manifests(a="1", b="3")):
        (wanted,) = await run_reconcile_async(controller, [health("kube-apiserver"), *documents])
    assert there.applied == ["1", "2", "3"]
    assert wanted.spec == ManifestStatus(applied=("a", "b"))


async def test_failures_are_told_and_tried_again() -> None:
    there = FakeCluster()
    there.refuses = "1"
    controller = ManifestApplyController(Ports(patience=2.0), there)
    resources = [health("kube-apiserver"), *manifests(a="1", b="2")]
    view = make_view(controller, resources, (), 0.0)
    (wanted,) = await controller.reconcile(view)
    assert wanted.spec == ManifestStatus(applied=("b",), pending=("a",), error="forbidden")
    assert view.wake_seconds == 10.0
    there.refuses = ""
    (wanted,) = await run_reconcile_async(controller, resources)
    assert wanted.spec == ManifestStatus(applied=("a", "b"))


async def test_not_before_the_api_server() -> None:
    with pytest.raises(Waiting, match="/readyz"):
        await run_reconcile_async(ManifestApplyController(Ports(), FakeCluster()), manifests(a="1"))
