"""etcd's service: same arguments before and after a restart of the brain, scaled timing, files first."""

from typing import Any

import pytest

from controllers.config.documents import MachineConfig, MachineType
from controllers.etcd.files import CA_PATH, DIRECTORY, EtcdFilesController
from controllers.etcd.service import EtcdServiceController, render_etcd_flags
from controllers.ports import Ports
from controllers.resources.kubernetes import EtcdSpec
from controllers.resources.machine import FileSpec, FileStatus
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.services import ServiceSpec
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from controllers.services.memory_profile import find_profile
from tests.harness.reconcile import run_reconcile

PATHS = (CA_PATH, *(f"{DIRECTORY}/{role}.{part}" for role in ("server", "peer") for part in ("crt", "key")))
CONTROL_PLANE = new("default", MachineConfig(type=MachineType.CONTROL_PLANE))


def spec(state: str = "new", **extra: str) -> EtcdSpec:
    return EtcdSpec(
        name="cp1",
        address="192.0.2.1",
        initial_cluster="cp1=https://192.0.2.1:2380",
        initial_cluster_state=state,
        extra_args=extra,
    )


def written(**hashes: str) -> list[Resource[Any]]:
    return [new(path, FileStatus(path=path, sha256=hashes.get(path.rsplit("/", 1)[1].split(".")[0], "0"))) for path in PATHS]


def want(state: str, files: list[Resource[Any]], patience: float = 1.0) -> ServiceSpec:
    (wanted,) = run_reconcile(
        EtcdServiceController(Ports(patience=patience)), [CONTROL_PLANE, new("etcd", spec(state)), *files]
    )
    assert isinstance(wanted.spec, ServiceSpec)
    return wanted.spec


def test_a_new_brain_wants_the_same_etcd() -> None:
    assert want("new", written()) == want("existing", written(server="issued anew", peer="issued anew"))


def test_another_authority_restarts_it() -> None:
    assert want("new", written()) != want("new", written(ca="other"))


def test_timing_follows_patience_up_to_a_limit() -> None:
    assert "--heartbeat-interval=100" in render_etcd_flags(spec(), 1.0)
    assert {"--heartbeat-interval=500", "--election-timeout=5000"} <= set(render_etcd_flags(spec(), 20.0))


def test_a_small_machine_keeps_a_short_log_in_memory() -> None:
    assert "--snapshot-count=10000" in render_etcd_flags(spec(), 1.0, find_profile(1 << 30))
    assert not [flag for flag in render_etcd_flags(spec(), 1.0) if flag.startswith("--snapshot-count")]


def test_extra_arguments_win() -> None:
    flags = render_etcd_flags(spec(**{"quota-backend-bytes": "1"}), 1.0)
    assert "--quota-backend-bytes=1" in flags
    assert sum(flag.startswith("--quota-backend-bytes=") for flag in flags) == 1


def test_it_waits_for_files_and_for_a_spec() -> None:
    with pytest.raises(Waiting, match=r"server\.crt to be written"):
        want("new", [])
    with pytest.raises(Waiting, match="EtcdSpec/etcd"):
        run_reconcile(EtcdServiceController(Ports()), [CONTROL_PLANE])
    worker = new("default", MachineConfig(type=MachineType.WORKER))
    assert run_reconcile(EtcdServiceController(Ports()), [worker]) == []


def test_files_are_for_etcd_alone() -> None:
    leaf = Certificate(subject="s", certificate="CRT", key="KEY", ca="etcd", not_after=1)
    resources: list[Resource[Any]] = [
        new("etcd", spec()),
        new("etcd", CertificateRoot(certificate="CA", key="SECRET")),
        new("etcd-server", leaf),
        new("etcd-peer", leaf),
    ]
    files = {w.id: w.spec for w in run_reconcile(EtcdFilesController(Ports()), resources)}
    assert set(files) == set(PATHS)
    for path, file in files.items():
        assert isinstance(file, FileSpec)
        assert (file.uid, file.mode) == (60, 0o400 if path.endswith(".key") else 0o444)
    assert run_reconcile(EtcdFilesController(Ports()), resources[1:]) == []
