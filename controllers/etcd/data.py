"""EPHEMERAL mounted → is there an etcd member on this node?

The directory is made here (etcd's user owns it, nobody else may look), because etcd may not create it. A directory
that holds *anything* counts as initialized: only an empty one may become a new cluster.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from controllers.etcd import ETCD_UID
from controllers.ports import Ports
from controllers.resources.block import VolumeStatus
from controllers.resources.kubernetes import EtcdData
from controllers.resources.services import ServiceStatus
from controllers.runtime.controller import STRONG, Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting

DATA_PATH = "/var/lib/etcd"
EMPTY_INTERVAL = 5.0
"""Seconds until an empty directory is looked at again: etcd fills it without telling anybody."""


class EtcdDataController(Controller):
    """Looks at etcd's directory, whenever a service changes and now and then while it is empty."""

    name = "etcd.EtcdDataController"
    inputs = (Input(VolumeStatus, id="EPHEMERAL", kind=STRONG), Input(ServiceStatus, id="etcd"))
    outputs = (Output(EtcdData),)
    inline = False

    def __init__(self, ports: Ports, uid: int = ETCD_UID) -> None:
        self._directory = ports.paths / DATA_PATH
        self._uid = uid

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """One observation."""
        if not view.get(VolumeStatus, "EPHEMERAL").spec.mounted:
            raise Waiting("volume EPHEMERAL to be mounted")
        make_directory(self._directory, self._uid)
        initialized = any(self._directory.iterdir())
        if not initialized:
            view.wake_after(EMPTY_INTERVAL)
        yield Wanted("data", EtcdData(initialized=initialized, path=DATA_PATH))


def make_directory(path: Path, uid: int) -> None:
    """Make etcd's directory, mode 0700, for `uid` alone. Raises `OSError`."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.stat()
    if found.st_mode & 0o777 != 0o700:
        path.chmod(0o700)
    if found.st_uid != uid:
        os.chown(path, uid, uid)
