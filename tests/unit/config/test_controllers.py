"""The flow at boot: sources, what is in force, documents, and what is kept."""

import base64
import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest

from controllers.config import controllers
from controllers.config.acquire import ConfigAcquireController
from controllers.config.activate import ConfigActivateController
from controllers.config.bundle import SecretsBundle
from controllers.config.documents import HostnameConfig, LinkConfig, MachineConfig, MachineType
from controllers.config.documents_controller import DocumentsController
from controllers.config.generate import generate_config
from controllers.config.persist import ConfigPersistController
from controllers.config.status import ConfigStatusController
from controllers.ports import Paths, Ports
from controllers.resources.block import VolumePhase, VolumeStatus
from controllers.resources.machine import (
    AcquiredConfiguration,
    ConfigPersistStatus,
    ConfigRequest,
    ConfigStatus,
    MachineConfiguration,
)
from controllers.runtime.controller import make_view
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from tests.harness.clock import FakeClock
from tests.harness.engine import World
from tests.harness.reconcile import run_reconcile

FULL = generate_config("home", "https://192.0.2.10:6443", SecretsBundle.generate()).controlplane
HOST = "apiVersion: ophite/v1\nkind: HostnameConfig\nhostname: from-cmdline\n"
LINK = "apiVersion: ophite/v1\nkind: LinkConfig\nname: eth0\n"
MISSING = new("STATE", VolumeStatus(phase=VolumePhase.MISSING))
MOUNTED = new("STATE", VolumeStatus(phase=VolumePhase.READY, mounted=True))


def make_ports(root: Path, **cmdline: str) -> Ports:
    return Ports(clock=FakeClock(), paths=Paths(root), cmdline={key.replace("_", "."): value for key, value in cmdline.items()})


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def acquire(ports: Ports, state: Resource[VolumeStatus]) -> AcquiredConfiguration:
    (wanted,) = run_reconcile(ConfigAcquireController(ports), [state])
    assert isinstance(wanted.spec, AcquiredConfiguration)
    return wanted.spec


def encoded(text: str, *, packed: bool = False) -> str:
    data = text.encode()
    return base64.b64encode(gzip.compress(data) if packed else data).decode()


@pytest.mark.parametrize("phase", [VolumePhase.WAITING, VolumePhase.LOCATED, VolumePhase.PROVISIONED])
def test_it_waits_for_state_to_be_decided(tmp_path: Path, phase: VolumePhase) -> None:
    with pytest.raises(Waiting, match="STATE"):
        run_reconcile(ConfigAcquireController(make_ports(tmp_path)), [new("STATE", VolumeStatus(phase=phase))])
    with pytest.raises(Waiting, match="STATE"):
        run_reconcile(ConfigAcquireController(make_ports(tmp_path)))


def test_without_any_source_there_is_nothing(tmp_path: Path) -> None:
    found = acquire(make_ports(tmp_path), MISSING)
    assert (found.yaml, found.source, found.complete, found.problems) == ("", "", False, ())
    assert found.tried == ("run", "image", "cmdline")


def test_state_that_is_complete_is_the_only_source(tmp_path: Path) -> None:
    ports = make_ports(tmp_path, ophite_config=encoded(HOST))
    put(ports.paths.state_config, FULL)
    found = acquire(ports, MOUNTED)
    assert (found.yaml, found.source, found.complete, found.persistent) == (FULL, "state", True, FULL)


@pytest.mark.parametrize("packed", [False, True])
def test_sources_merge_and_the_earlier_one_counts(tmp_path: Path, packed: bool) -> None:
    ports = make_ports(tmp_path, ophite_config=encoded(f"{HOST}---\n{LINK}", packed=packed))
    put(ports.paths.image_config, HOST.replace("cmdline", "image"))
    found = acquire(ports, MISSING)
    assert found.source == "image+cmdline"
    assert "from-image" in found.yaml
    assert "from-cmdline" not in found.yaml
    assert "LinkConfig" in found.yaml
    assert not found.complete
    assert found.persistent == ""


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("kind: Nonsense", "state: document 1.kind: unknown kind 'Nonsense'"),
        ("a: }", "state: line 1"),
        ("x" * 1_100_000, "state: " + "PATH: more than 1048576 bytes"),
        (f"{LINK}addresses: [192.0.2.1/24]\n---\n{LINK.replace('eth0', 'eth1')}addresses: [192.0.2.1/24]\n", "is on eth0 too"),
    ],
)
def test_a_broken_source_is_recorded_and_the_next_one_asked(tmp_path: Path, broken: str, expected: str) -> None:
    ports = make_ports(tmp_path, ophite_config=encoded(HOST))
    put(ports.paths.state_config, broken)
    found = acquire(ports, MOUNTED)
    assert found.source == "cmdline"
    text = "\n".join(found.problems).replace(str(ports.paths.state_config), "PATH")
    assert expected in text


@pytest.mark.parametrize("value", ["***", encoded(HOST)[:-9] + "é", base64.b64encode(b"\x1f\x8bgarbage").decode()])
def test_a_broken_command_line_is_a_problem_only(tmp_path: Path, value: str) -> None:
    found = acquire(make_ports(tmp_path, ophite_config=value), MISSING)
    assert found.problems[0].startswith("cmdline: ophite.config:")


def test_a_packed_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = base64.b64encode(gzip.compress(b"#" * 50_000_000)).decode()
    found = acquire(make_ports(tmp_path, ophite_config=bomb), MISSING)
    assert found.problems == ("cmdline: ophite.config: more than 1048576 bytes",)


def test_a_restarted_brain_goes_on_with_what_was_in_force(tmp_path: Path) -> None:
    ports = make_ports(tmp_path)
    put(ports.paths.run / "config.yaml", HOST)
    put(ports.paths.run / "config-persistent.yaml", FULL)
    put(ports.paths.state_config, LINK)
    (wanted,) = run_reconcile(ConfigAcquireController(ports))
    assert isinstance(wanted.spec, AcquiredConfiguration)
    assert (wanted.spec.yaml, wanted.spec.source, wanted.spec.persistent) == (HOST, "run", FULL)
    put(ports.paths.run / "config.yaml", "kind: Nonsense")
    found = acquire(ports, MOUNTED)
    assert found.source == "state"
    assert found.problems[0].startswith("run: document 1")


def test_it_is_decided_once(tmp_path: Path) -> None:
    ports = make_ports(tmp_path)
    spec = AcquiredConfiguration(yaml=HOST, source="image")
    put(ports.paths.state_config, FULL)
    (wanted,) = run_reconcile(ConfigAcquireController(ports), [MOUNTED], own=[new("config", spec)])
    assert wanted.spec == spec


def activate(request: ConfigRequest | None, now: float = 1000.0, **acquired: str) -> dict[str, str]:
    resources: list[Resource[Any]] = [new("config", AcquiredConfiguration(**acquired))]  # type: ignore[arg-type] # only texts are given
    if request is not None:
        resources.append(new("config", request))
    wanted = run_reconcile(ConfigActivateController(), resources, now=now)
    return {one.id: f"{one.spec.source}:{one.spec.yaml}" for one in wanted if isinstance(one.spec, MachineConfiguration)}


def test_what_the_api_applies_wins_over_what_was_acquired() -> None:
    assert activate(None) == {}
    assert activate(None, yaml="a", source="image") == {"active": "image:a"}
    assert activate(None, yaml="a", persistent="a", source="state") == {"active": "state:a", "persistent": "state:a"}
    assert activate(ConfigRequest(active="b", persistent="b"), yaml="a") == {"active": "api:b", "persistent": "api:b"}
    assert activate(ConfigRequest(persistent="b"), yaml="a", source="run") == {"active": "run:a", "persistent": "api:b"}


def test_a_trial_ends_by_itself() -> None:
    request = ConfigRequest(trial="t", trial_until=1060.0)
    assert activate(request, 1059.0, yaml="a", source="s")["active"] == "trial:t"
    assert activate(request, 1060.0, yaml="a", source="s")["active"] == "s:a"
    resources: list[Resource[Any]] = [new("config", AcquiredConfiguration(yaml="a")), new("config", request)]
    view = make_view(ConfigActivateController(), resources, own=[], now=1000.0)
    list(ConfigActivateController().reconcile(view))
    assert view.wake_seconds == 60.0


def test_one_resource_per_document() -> None:
    yaml = f"{HOST}---\n{LINK}"
    wanted = run_reconcile(DocumentsController(), [new("active", MachineConfiguration(yaml=yaml))])
    assert [(one.id, one.spec) for one in wanted] == [
        ("default", HostnameConfig(hostname="from-cmdline")),
        ("eth0", LinkConfig(name="eth0")),
    ]
    assert run_reconcile(DocumentsController()) == []
    with pytest.raises(Waiting, match="without problems"):
        run_reconcile(DocumentsController(), [new("active", MachineConfiguration(yaml="kind: X"))])


def test_state_is_written_atomically_and_only_while_mounted(tmp_path: Path) -> None:
    controller = ConfigPersistController(make_ports(tmp_path))
    config: list[Resource[Any]] = [
        new("active", MachineConfiguration(yaml=HOST)),
        new("persistent", MachineConfiguration(yaml=FULL)),
    ]
    path = tmp_path / "state/config.yaml"
    (wanted,) = run_reconcile(controller, [*config, MISSING])
    assert wanted.spec == ConfigPersistStatus(persisted=False)
    assert not path.exists()
    (wanted,) = run_reconcile(controller, [*config, MOUNTED])
    assert wanted.spec == ConfigPersistStatus(persisted=True, digest=hashlib.sha256(FULL.encode()).hexdigest())
    assert path.read_text() == FULL
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "run/ophite/config.yaml").read_text() == HOST
    before = path.stat().st_mtime_ns
    run_reconcile(controller, [*config, MOUNTED])
    assert path.stat().st_mtime_ns == before
    assert [entry.name for entry in path.parent.iterdir()] == ["config.yaml"]


def test_a_trial_is_not_written_anywhere(tmp_path: Path) -> None:
    run_reconcile(
        ConfigPersistController(make_ports(tmp_path)), [new("active", MachineConfiguration(yaml=HOST, source="trial"))]
    )
    assert not (tmp_path / "run/ophite/config.yaml").exists()


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    config: list[Resource[Any]] = [new("persistent", MachineConfiguration(yaml=FULL)), MOUNTED]
    (wanted,) = run_reconcile(ConfigPersistController(make_ports(tmp_path)), config)
    assert isinstance(wanted.spec, ConfigPersistStatus)
    assert not wanted.spec.persisted
    assert "config.yaml" in wanted.spec.error


def test_status_says_what_is_missing() -> None:
    acquired = new("config", AcquiredConfiguration(tried=("run", "image"), problems=("image: broken",)))
    (wanted,) = run_reconcile(
        ConfigStatusController(), [acquired, new("active", MachineConfiguration(yaml=HOST, source="api"))]
    )
    assert isinstance(wanted.spec, ConfigStatus)
    assert (wanted.spec.source, wanted.spec.complete, wanted.spec.tried) == ("api", False, ("run", "image"))
    assert wanted.spec.problems[0] == "image: broken"
    assert any("MachineConfig: the document is missing" in line for line in wanted.spec.problems)
    kept = new("config", ConfigPersistStatus(persisted=True))
    (wanted,) = run_reconcile(ConfigStatusController(), [acquired, kept, new("active", MachineConfiguration(yaml=FULL))])
    assert wanted.spec == ConfigStatus(complete=True, persisted=True, tried=("run", "image"), problems=("image: broken",))


def test_status_waits_for_what_was_acquired_to_be_in_force() -> None:
    with pytest.raises(Waiting, match="MachineConfiguration/active"):
        run_reconcile(ConfigStatusController(), [new("config", AcquiredConfiguration(yaml=FULL, complete=True))])


async def test_an_apply_goes_through_all_of_them(tmp_path: Path) -> None:
    async with World(ConfigActivateController(), DocumentsController(), ConfigStatusController()) as world:
        await world.put("config", AcquiredConfiguration())
        assert await world.ids(MachineConfig) == []
        await world.put("config", ConfigRequest(active=FULL, persistent=FULL))
        assert (await world.get(MachineConfig, "default")).spec.type is MachineType.CONTROL_PLANE
        assert (await world.get(ConfigStatus, "config")).spec.complete
        until = world.clock.now() + 60
        await world.put("config", ConfigRequest(active=FULL, persistent=FULL, trial=HOST, trial_until=until))
        assert await world.ids(MachineConfig) == []
        await world.clock.advance(61)
        assert await world.ids(MachineConfig) == ["default"]
    assert len({controller.name for controller in controllers(make_ports(tmp_path))}) == 5
