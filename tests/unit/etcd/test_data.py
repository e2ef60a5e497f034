"""etcd's directory: made for its user alone, and anything in it counts."""

import os
from pathlib import Path

import pytest

from controllers.etcd.data import EtcdDataController
from controllers.ports import Paths, Ports
from controllers.resources.block import VolumePhase, VolumeStatus
from controllers.resources.kubernetes import EtcdData
from controllers.runtime.controller import make_view
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import new
from tests.harness.reconcile import run_reconcile

MOUNTED = new("EPHEMERAL", VolumeStatus(phase=VolumePhase.READY, mounted=True))


def test_empty_then_filled(tmp_path: Path) -> None:
    controller = EtcdDataController(Ports(paths=Paths(tmp_path)), os.getuid())
    view = make_view(controller, [MOUNTED], (), 0.0)
    (wanted,) = controller.reconcile(view)
    assert wanted.spec == EtcdData(initialized=False, path="/var/lib/etcd")
    assert view.wake_seconds == 5.0
    directory = tmp_path / "var/lib/etcd"
    assert directory.stat().st_mode & 0o777 == 0o700
    (directory / "anything").touch()
    (wanted,) = run_reconcile(controller, [MOUNTED])
    assert wanted.spec == EtcdData(initialized=True, path="/var/lib/etcd")


def test_not_before_the_volume(tmp_path: Path) -> None:
    controller = EtcdDataController(Ports(paths=Paths(tmp_path)), os.getuid())
    with pytest.raises(Waiting, match="EPHEMERAL to be mounted"):
        run_reconcile(controller, [new("EPHEMERAL", VolumeStatus(phase=VolumePhase.LOCATED))])
    assert not (tmp_path / "var").exists()
