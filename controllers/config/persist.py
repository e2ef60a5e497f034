"""ConfigPersistController: write what is kept to STATE, and what is in force to the run directory. Effects live here.

STATE is written only while it is mounted. A trial is not written anywhere: a brain that dies during one comes back with
what was in force before.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from controllers.config.acquire import STATE
from controllers.config.activate import ACTIVE, PERSISTENT
from controllers.config.sources import active_path, persistent_path, read_config_file
from controllers.ports import Ports
from controllers.resources.block import VolumeStatus
from controllers.resources.machine import ConfigPersistStatus, MachineConfiguration
from controllers.runtime.controller import Controller, Input, Output, View, Wanted

RETRY_SECONDS = 5.0


class ConfigPersistController(Controller):
    """MachineConfiguration and VolumeStatus of STATE → /state/config.yaml, the run copy, and ConfigPersistStatus."""

    name = "config.ConfigPersistController"
    inputs = (Input(MachineConfiguration), Input(VolumeStatus, id=STATE))
    outputs = (Output(ConfigPersistStatus),)
    inline = False

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def reconcile(self, view: View) -> Iterator[Wanted]:
        active = view.find(MachineConfiguration, ACTIVE)
        error = ""
        if active is not None and active.spec.source != "trial":
            error = write_if_changed(active_path(self._ports.paths), active.spec.yaml)
        persistent = view.find(MachineConfiguration, PERSISTENT)
        if persistent is not None:
            error = write_if_changed(persistent_path(self._ports.paths), persistent.spec.yaml) or error
        state = view.find(VolumeStatus, STATE)
        digest = ""
        if persistent is not None and state is not None and state.spec.mounted:
            failed = write_if_changed(self._ports.paths.state_config, persistent.spec.yaml)
            digest, error = "" if failed else find_digest(persistent.spec.yaml), failed or error
        if error:
            view.wake_after(RETRY_SECONDS)
        yield Wanted("config", ConfigPersistStatus(persisted=bool(digest), digest=digest, error=error))


def find_digest(text: str) -> str:
    """Return the SHA-256 of a configuration in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def write_if_changed(path: Path, text: str) -> str:
    """Write a file of mode 0600 atomically (new name, fsync, rename, fsync of the directory) unless it holds `text`
    already. Returns what went wrong, empty when nothing did.
    """
    if read_config_file(path).text == text:
        return ""
    new = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - the mode must hold from the start
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        return f"{path}: {error.strerror or error}"
    return ""
