"""containerd is wanted once it has a place and a configuration."""

import pytest

from controllers.ports import Ports
from controllers.resources.block import VolumePhase, VolumeStatus
from controllers.resources.machine import FileStatus
from controllers.resources.services import ServiceSpec
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import new
from controllers.services.containerd_config import CONFIG_PATH
from controllers.services.containerd_service import ContainerdServiceController
from tests.harness.reconcile import run_reconcile

MOUNTED = new("EPHEMERAL", VolumeStatus(phase=VolumePhase.READY, mounted=True))
WRITTEN = new(CONFIG_PATH, FileStatus(path=CONFIG_PATH, sha256="abc"))


def test_wanted() -> None:
    (wanted,) = run_reconcile(ContainerdServiceController(Ports()), [MOUNTED, WRITTEN])
    assert isinstance(wanted.spec, ServiceSpec)
    assert (wanted.id, wanted.spec.argv, wanted.spec.restart_on) == (
        "containerd",
        ("/usr/bin/containerd", "--config", CONFIG_PATH),
        ("abc",),
    )


@pytest.mark.parametrize(
    ("resources", "reason"),
    [
        ([WRITTEN], "VolumeStatus/EPHEMERAL"),
        ([WRITTEN, new("EPHEMERAL", VolumeStatus(phase=VolumePhase.LOCATED))], "EPHEMERAL to be mounted"),
        ([MOUNTED], f"{CONFIG_PATH} to be written"),
        ([MOUNTED, new(CONFIG_PATH, FileStatus(path=CONFIG_PATH, error="no space"))], "failed: no space"),
    ],
)
def test_it_says_what_it_waits_for(resources: list[object], reason: str) -> None:
    with pytest.raises(Waiting, match=reason):
        run_reconcile(ContainerdServiceController(Ports()), resources)  # type: ignore[arg-type] # a mixed list
