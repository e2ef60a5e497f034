"""Applying a configuration: planned, carried out in one resource, and closed to strangers in time."""

import asyncio
from typing import Any

import pytest

from controllers.config.bundle import SecretsBundle
from controllers.config.documents import WifiConfig
from controllers.config.generate import generate_config
from controllers.config.persist import find_digest
from controllers.config.render import render_document
from controllers.machine.operations.configuration import LIMIT
from controllers.resources.block import VolumePhase, VolumeStatus
from controllers.resources.machine import (
    AcquiredConfiguration,
    ConfigPersistStatus,
    ConfigRequest,
    ConfigStatus,
    MachineConfiguration,
)
from controllers.runtime.errors import OperationError
from controllers.runtime.resource import new, replace
from tests.harness.clock import settle

HOSTNAME = "apiVersion: ophite/v1\nkind: HostnameConfig\nhostname: node1\n"


@pytest.fixture(scope="module")
def complete() -> str:
    """A complete control plane's configuration."""
    return generate_config("test", "https://192.0.2.10:6443", SecretsBundle.generate()).controlplane


@pytest.fixture
async def waiting(table: Any) -> Any:
    """A node that waits for its configuration."""
    await table.store.create(new("config", ConfigStatus()))
    return table


@pytest.fixture
async def configured(table: Any, complete: str) -> Any:
    """A node that has one."""
    await table.store.create(new("config", ConfigStatus(complete=True)))
    await table.store.create(new("active", MachineConfiguration(yaml=complete, source="state")))
    return table


@pytest.fixture
async def on_disk(configured: Any) -> Any:
    """A node that has one, and STATE mounted."""
    await configured.store.create(new("STATE", VolumeStatus(phase=VolumePhase.READY, mounted=True)))
    return configured


async def requested(table: Any) -> None:
    """Return when a configuration is on its way."""
    async for event in table.store.watch(ConfigRequest):
        if event.resource is not None:
            break
    await settle()


async def test_complete_configuration_is_requested(waiting: Any, complete: str) -> None:
    answer = await waiting.call("config.apply", data=complete.encode(), maintenance=True)
    assert answer["applied"]
    assert not answer["problems"]
    assert not answer["warnings"]
    spec = (await waiting.store.get(ConfigRequest, "config")).spec
    assert spec.active == spec.persistent == complete


async def test_partial_configuration_says_that_more_is_needed(waiting: Any) -> None:
    answer = await waiting.call("config.apply", data=HOSTNAME.encode(), maintenance=True)
    assert answer["applied"]
    assert answer["warnings"] == ["the node stays in maintenance mode: the configuration is not complete"]


async def test_a_document_for_what_this_image_lacks_is_taken_with_a_warning(waiting: Any) -> None:
    lacks = "WifiConfig[wlan0]: Wi-Fi is not in this image; build one with `--set wifi`"
    stays = "the node stays in maintenance mode: the configuration is not complete"
    wifi = render_document(WifiConfig.example()).encode()
    for fields in ({"dry_run": True}, {"mode": "dry-run"}, {}):
        answer = await waiting.call("config.apply", data=wifi, maintenance=True, **fields)
        assert answer["warnings"] == [lacks, stays], fields
    assert answer["applied"]

    program = waiting.ports.paths / "usr/bin/wpa_supplicant"
    program.parent.mkdir(parents=True)
    program.touch()

    assert (await waiting.call("config.apply", data=wifi, maintenance=True))["warnings"] == [stays]


async def test_problems_apply_nothing(waiting: Any) -> None:
    answer = await waiting.call("config.apply", data=HOSTNAME.replace("node1", "x" * 70).encode(), maintenance=True)
    assert not answer["applied"]
    [problem] = answer["problems"]
    assert problem["path"] == "HostnameConfig.hostname"
    assert "70 characters" in problem["message"]
    assert problem["fix"]
    assert await waiting.store.find(ConfigRequest, "config") is None


async def test_dry_run_applies_nothing(configured: Any, complete: str) -> None:
    answer = await configured.call("config.apply", data=f"{complete}---\n{RESOLVER}".encode(), dry_run=True)
    assert "ResolverConfig" in answer["diff"]
    assert not answer["applied"]
    assert "dry run" in answer["mode_details"]
    assert await configured.store.find(ConfigRequest, "config") is None


RESOLVER = "apiVersion: ophite/v1\nkind: ResolverConfig\nnameservers: [192.0.2.53]\n"


async def test_try_has_an_end(configured: Any, complete: str) -> None:
    text = f"{complete}---\n{RESOLVER}"
    answer = await configured.call("config.apply", data=text.encode(), mode="try", try_timeout=30.0)
    assert answer["applied"]
    spec = (await configured.store.get(ConfigRequest, "config")).spec
    assert (spec.trial, spec.trial_until) == (text, configured.clock.now() + 30)


async def test_staged_changes_only_what_is_kept(configured: Any, complete: str) -> None:
    text = f"{complete}---\n{RESOLVER}"
    await configured.call("config.apply", data=text.encode(), mode="staged")
    spec = (await configured.store.get(ConfigRequest, "config")).spec
    assert (spec.active, spec.persistent) == ("", text)


async def test_the_answer_comes_when_state_holds_it(on_disk: Any, complete: str) -> None:
    kept = await on_disk.store.create(new("config", ConfigPersistStatus(persisted=True, digest=find_digest(complete))))
    text = f"{complete}---\n{RESOLVER}"
    applying = asyncio.create_task(on_disk.call("config.apply", data=text.encode()))
    await requested(on_disk)
    assert not applying.done()
    await on_disk.store.update(replace(kept, ConfigPersistStatus(persisted=True, digest=find_digest(text))))
    assert (await applying)["warnings"] == []


async def test_a_state_that_does_not_take_it_is_told(on_disk: Any, complete: str) -> None:
    await on_disk.store.create(new("config", ConfigPersistStatus(error="/state: Read-only file system")))
    applying = asyncio.create_task(on_disk.call("config.apply", data=f"{complete}---\n{RESOLVER}".encode(), mode="staged"))
    await requested(on_disk)
    await on_disk.clock.advance(LIMIT)
    answer = await applying
    assert answer["applied"]
    (warning,) = answer["warnings"]
    assert warning.startswith("STATE does not hold it after 10 s")
    assert warning.endswith(": /state: Read-only file system")


async def test_a_trial_is_not_waited_for(on_disk: Any, complete: str) -> None:
    text = f"{complete}---\n{RESOLVER}"
    assert (await on_disk.call("config.apply", data=text.encode(), mode="try", try_timeout=30.0))["applied"]


async def test_second_apply_replaces_the_first(configured: Any, complete: str) -> None:
    for text in (f"{complete}---\n{RESOLVER}", complete):
        await configured.call("config.apply", data=text.encode())
    assert (await configured.store.get(ConfigRequest, "config")).spec.active == complete


async def test_strangers_are_not_let_in_when_there_is_a_configuration(configured: Any, complete: str) -> None:
    with pytest.raises(OperationError, match="has a configuration already") as refusal:
        await configured.call("config.apply", data=complete.encode(), maintenance=True)
    assert refusal.value.code == "permission_denied"


async def test_strangers_are_not_let_in_when_one_is_on_its_way(waiting: Any, complete: str) -> None:
    answers: list[Any] = await asyncio.gather(
        *(waiting.call("config.apply", data=complete.encode(), maintenance=True) for _ in range(2)), return_exceptions=True
    )
    assert answers[0]["applied"]
    assert isinstance(answers[1], OperationError)


async def test_strangers_are_not_let_in_when_one_was_found_at_boot(waiting: Any, complete: str) -> None:
    await waiting.store.create(new("config", AcquiredConfiguration(yaml=complete, source="state", complete=True)))
    with pytest.raises(OperationError, match="has a configuration already"):
        await waiting.call("config.apply", data=complete.encode(), maintenance=True)


async def test_strangers_wait_while_the_node_looks_for_its_configuration(table: Any, complete: str) -> None:
    with pytest.raises(OperationError, match="still looking") as refusal:
        await table.call("config.apply", data=complete.encode(), maintenance=True)
    assert refusal.value.code == "unavailable"


async def test_bytes_that_are_no_text(configured: Any) -> None:
    with pytest.raises(OperationError, match="not UTF-8"):
        await configured.call("config.apply", data=b"\xff\xfe")


async def test_get_returns_what_is_in_force(configured: Any, complete: str) -> None:
    assert await configured.call("config.get") == {"yaml": complete, "source": "state"}


async def test_get_without_configuration_is_empty(table: Any) -> None:
    assert await table.call("config.get") == {"yaml": "", "source": ""}
