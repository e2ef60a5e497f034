"""Health checks: which are asked, how often, and what the containerd check believes."""

import asyncio
from pathlib import Path

import pytest

from controllers.ports import Ports
from controllers.resources.kubernetes import StaticPod
from controllers.resources.services import ServiceHealth, ServiceStatus
from controllers.runtime.controller import make_view
from controllers.runtime.resource import new
from controllers.services.health import API_SERVER, HealthController, Probe, check_containerd
from tests.harness.reconcile import run_reconcile_async


async def well(probe: Probe) -> str:
    return ""


async def sick(probe: Probe) -> str:
    return "no leader"


async def test_only_running_services_with_a_check_are_asked() -> None:
    controller = HealthController(Ports(), {"etcd": sick, "kubelet": well, "containerd": well, API_SERVER: well})
    wanted = await run_reconcile_async(
        controller,
        [
            new("etcd", ServiceStatus(state="running")),
            new("kubelet", ServiceStatus(state="backoff")),
            new("api", ServiceStatus(state="running")),
            new(API_SERVER, StaticPod(manifest="{}", version="1")),
        ],
    )
    assert {w.id: w.spec for w in wanted} == {
        "etcd": ServiceHealth(healthy=False, message="no leader"),
        API_SERVER: ServiceHealth(healthy=True),
    }


@pytest.mark.parametrize(("check", "patience", "seconds"), [(well, 1.0, 15.0), (sick, 1.0, 1.0), (sick, 20.0, 5.0)])
async def test_the_sick_are_asked_sooner(check: object, patience: float, seconds: float) -> None:
    controller = HealthController(Ports(patience=patience), {"etcd": check})  # type: ignore[dict-item] # parametrize hides the type
    view = make_view(controller, [new("etcd", ServiceStatus(state="running"))], (), 0.0)
    await controller.reconcile(view)
    assert view.wake_seconds == seconds


@pytest.mark.parametrize(
    ("frame", "trouble"),
    [(bytes((0, 0, 6, 4, 0, 0, 0, 0, 0)), ""), (b"HTTP/1.1 ", "no gRPC server"), (b"", "0 bytes read")],
)
async def test_containerd_must_answer_like_a_grpc_server(tmp_path: Path, frame: bytes, trouble: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readexactly(3)) == b"PRI"
        writer.write(frame)
        writer.close()

    server = await asyncio.start_unix_server(answer, tmp_path / "s")
    async with server:
        assert trouble in await check_containerd(Probe(str(tmp_path / "s"), None, 5.0))
    assert (await check_containerd(Probe(str(tmp_path / "s"), None, 5.0))) != ""
