"""`ophite up`: from a node in maintenance mode to its kubeconfig, against a few lines that stand for the controllers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from api.cli.verbs import up
from api.server.gate import Mode
from controllers.config.clientconfig import parse_client_config
from controllers.config.documents import ApiConfig
from controllers.config.loader import load
from controllers.config.validation import find_document
from controllers.resources.kubernetes import AdminKubeconfig, EtcdBootstrap, EtcdData
from controllers.resources.machine import ConfigRequest, ConfigStatus, MachineStage, MachineStatus, Stage
from controllers.resources.timesync import TimeStatus
from controllers.runtime.resource import new, replace
from controllers.runtime.store import Change
from tests.harness.api_node import FakeNode, run
from tests.harness.authority import Authority


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop of `up` looks again at once."""
    monkeypatch.setattr("api.cli.waiting.PERIOD", 0.01)


async def follow_configuration(node: FakeNode) -> None:
    """Publish the documents and serve securely, with the authority of the configuration, once there is one."""
    async for event in node.store.watch(ConfigRequest, "config"):
        if event.change is not Change.CREATED or event.resource is None:
            continue
        documents = load(event.resource.spec.active).documents
        for document in documents:
            await node.store.create(new(document.id, document))
        status = await node.store.get(ConfigStatus, "config")
        await node.store.update(replace(status, ConfigStatus(complete=True)))
        ca = find_document(documents, ApiConfig)
        assert ca is not None
        node.authority = Authority.load(ca.ca.crt, ca.ca.key)
        await node.set_serving(Mode.SECURE, node.authority.server())
        await node.store.create(new("time", TimeStatus(synced=True)))


async def follow_bootstrap(node: FakeNode) -> None:
    """Be a ready node once it is bootstrapped."""
    async for event in node.store.watch(EtcdBootstrap, "bootstrap"):
        if event.change is Change.CREATED:
            data = await node.store.get(EtcdData, "data")
            await node.store.update(replace(data, EtcdData(initialized=True, path="/var/lib/etcd")))
            await node.store.create(new("admin", AdminKubeconfig(yaml="kind: Config\n")))
            await node.store.create(new("machine", MachineStatus(stage=Stage.RUNNING, ready=True)))


@pytest.fixture
async def living(maintenance: FakeNode) -> AsyncIterator[FakeNode]:
    """A node that reacts."""
    await maintenance.store.create(new("machine", MachineStage(stage=Stage.STARTING)))
    await maintenance.store.create(new("data", EtcdData(initialized=False, path="/var/lib/etcd")))
    tasks = [asyncio.create_task(follow(maintenance)) for follow in (follow_configuration, follow_bootstrap)]
    yield maintenance
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_up_and_again(living: FakeNode, invoke: Any, home: Path) -> None:
    assert (await run(invoke, "gen", "config", "demo", "https://192.0.2.10:6443")).exit_code == 0
    address = str(living.address)
    words = ("up", address, "--config", "controlplane.yaml", "--timeout", "20s")
    first = await run(invoke, *words, "--fingerprint", living.maintenance.fingerprint)
    assert first.exit_code == 0, first.output
    assert "etcd is bootstrapped" in first.output
    assert (home / "kubeconfig").read_text() == "kind: Config\n"
    context = parse_client_config((home / "ophiteconfig").read_text()).current
    assert context is not None
    assert (context.endpoints, context.nodes) == ((address,), (address,))
    again = await run(invoke, *words)
    assert again.exit_code == 0, again.output
    assert "it was left alone" in again.output


async def test_wrong_fingerprint_applies_nothing(living: FakeNode, invoke: Any) -> None:
    await run(invoke, "gen", "config", "demo", "https://192.0.2.10:6443")
    words = ("up", str(living.address), "--config", "controlplane.yaml", "--fingerprint", "0" * 64)
    result = await run(invoke, *words)
    assert result.exit_code == 1
    assert "shows the fingerprint" in result.output
    assert await living.store.find(ConfigRequest, "config") is None


async def test_broken_configuration_ends_it(living: FakeNode, invoke: Any, home: Path) -> None:
    await run(invoke, "gen", "config", "demo", "https://192.0.2.10:6443")
    (home / "broken.yaml").write_text("apiVersion: ophite/v1\nkind: HostnameConfig\nhostnam: x\n")
    result = await run(invoke, "up", str(living.address), "--config", "broken.yaml")
    assert result.exit_code == 1
    assert "HostnameConfig.hostnam" in result.output


async def test_gives_up_with_what_is_missing(fake: FakeNode, invoke: Any) -> None:
    await run(invoke, "gen", "config", "demo", "https://192.0.2.10:6443")
    result = await run(invoke, "up", "127.0.0.1:1", "--config", "controlplane.yaml", "--timeout", "0")
    assert result.exit_code == 1
    assert "nothing listens at 127.0.0.1:1" in result.output


def test_a_worker_is_not_bootstrapped(invoke: Any, home: Path) -> None:
    invoke("gen", "config", "demo", "https://192.0.2.10:6443")
    assert up.is_worker((home / "worker.yaml").read_text())
    assert not up.is_worker((home / "controlplane.yaml").read_text())


def test_loaded_authority_signs_as_the_original() -> None:
    original = Authority()
    leaf = Authority.load(original.pem, original.key_pem).client("os:admin")
    certificate = x509.load_pem_x509_certificate(leaf.certificate.encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(original.pem.encode()))
    assert load_pem_private_key(leaf.key.encode(), None)
