"""Secrets and kubeconfigs: who gets which file, and what is in it."""

import base64
import json
from typing import Any

import yaml

from controllers.config.documents import KubernetesSecretsConfig, MachineType
from controllers.kubernetes.admin_kubeconfig import AdminKubeconfigController
from controllers.kubernetes.kubeconfigs import KubeconfigsController
from controllers.kubernetes.layout import BOOTSTRAP_KUBECONFIG
from controllers.kubernetes.pki_files import LEAF_FILES, PkiFilesController, render_encryption_config
from controllers.ports import Ports
from controllers.resources.kubernetes import AdminKubeconfig
from controllers.resources.machine import FileSpec
from controllers.resources.pki import ServiceAccountKey
from controllers.runtime.controller import Controller
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile
from tests.unit.kubernetes.world import PATHS, cluster, leaf, machine, root

PKI = "/run/ophite/pki"
OWNERS = {"kube-apiserver": 61, "kube-controller-manager": 62, "kube-scheduler": 63, "kubelet": 0}


def render(controller: Controller, resources: list[Resource[Any]]) -> dict[str, FileSpec]:
    wanted = run_reconcile(controller, resources)
    return {w.id: w.spec for w in wanted if isinstance(w.spec, FileSpec)}


def secrets() -> Resource[KubernetesSecretsConfig]:
    return new("default", KubernetesSecretsConfig.example())


def control_plane() -> list[Resource[Any]]:
    return [
        *(root(id_, "KEY") for id_ in ("kubernetes", "etcd", "front-proxy")),
        *(leaf(id_) for id_ in {file.source for file in LEAF_FILES}),
        new("service-account", ServiceAccountKey(key="SA KEY", public_key="SA PUB")),
        secrets(),
    ]


def test_every_file_that_is_waited_for_is_rendered_by_somebody() -> None:
    rendered = set(render(PkiFilesController(Ports()), control_plane()))
    for type_ in MachineType:
        resources: list[Resource[Any]] = [machine(type_), cluster(), root("kubernetes"), secrets()]
        rendered |= render(KubeconfigsController(Ports()), resources).keys()
    assert set(PATHS) - rendered == {"/run/ophite/kubernetes/kubelet/config.json"}


def test_files_belong_to_their_component_and_keys_are_private() -> None:
    for path, file in render(PkiFilesController(Ports()), control_plane()).items():
        assert file.uid == file.gid == OWNERS[path.removeprefix(f"{PKI}/").split("/")[0]], path
        private = "KEY" in file.content or path.endswith("encryption.json")
        assert file.mode == (0o400 if private else 0o444), path


def test_the_signing_key_is_with_the_controller_manager_only() -> None:
    files = render(PkiFilesController(Ports()), control_plane())
    assert [path for path, file in files.items() if file.content == "kubernetes KEY"] == [
        f"{PKI}/kube-controller-manager/ca.key"
    ]


def test_a_worker_gets_no_key_of_an_authority() -> None:
    files = render(PkiFilesController(Ports()), [root("kubernetes"), leaf("kubelet")])
    assert not [path for path in files if path.endswith("ca.key")]
    assert f"{PKI}/kubelet/client.key" in files


def test_encryption() -> None:
    config = json.loads(render_encryption_config("c2VjcmV0"))
    (rule,) = config["resources"]
    assert rule["providers"][0]["secretbox"]["keys"] == [{"name": "key1", "secret": "c2VjcmV0"}]


def test_kubeconfigs_of_a_control_plane_go_to_loopback() -> None:
    files = render(KubeconfigsController(Ports()), [machine(), cluster(), root("kubernetes")])
    assert {path.split("/")[-2]: file.uid for path, file in files.items()} == {
        "kubelet": 0,
        "kube-proxy": 0,
        "kube-controller-manager": 62,
        "kube-scheduler": 63,
    }
    for file in files.values():
        config = json.loads(file.content)
        assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"
        assert config["current-context"] == config["contexts"][0]["name"]


def test_kubeconfigs_of_a_worker_go_to_the_endpoint() -> None:
    resources: list[Resource[Any]] = [machine(MachineType.WORKER), cluster(), root("kubernetes"), secrets()]
    files = render(KubeconfigsController(Ports()), resources)
    assert sorted(path.split("/")[-2] for path in files) == ["kube-proxy", "kubelet"]
    servers = {json.loads(file.content)["clusters"][0]["cluster"]["server"] for file in files.values()}
    assert servers == {cluster().spec.endpoint}
    token = secrets().spec.bootstrap_token
    assert [path for path, file in files.items() if token in file.content] == [BOOTSTRAP_KUBECONFIG]
    assert files[BOOTSTRAP_KUBECONFIG].mode == 0o400


def test_admin_kubeconfig_holds_everything() -> None:
    (wanted,) = run_reconcile(AdminKubeconfigController(Ports()), [cluster(), leaf("admin"), root("kubernetes")])
    assert isinstance(wanted.spec, AdminKubeconfig)
    config = yaml.safe_load(wanted.spec.yaml)
    assert config["current-context"] == "admin@home"
    assert config["clusters"][0]["cluster"]["server"] == cluster().spec.endpoint
    assert base64.b64decode(config["users"][0]["user"]["client-key-data"]) == b"admin KEY"
