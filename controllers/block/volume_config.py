"""Which volumes the node wants: `VolumeConfig` documents and defaults → `VolumeSpec` of STATE and EPHEMERAL.

Both exist from the start, so that STATE can be looked for before there is a configuration. Whether a disk may be changed
for them is decided in the plan, not here.
"""

from __future__ import annotations

from collections.abc import Iterable

from controllers.block.gpt import LINUX_FILESYSTEM
from controllers.block.volume_plan import MIB
from controllers.config.documents.volume_config import VolumeConfig
from controllers.ports import Ports
from controllers.resources.block import VolumeSpec
from controllers.runtime.controller import Controller, Input, Output, View, Wanted

STATE_SIZE = 64 * MIB
EPHEMERAL_MIN = 1024 * MIB


class VolumeConfigController(Controller):
    """`VolumeConfig` → `VolumeSpec`. STATE has a fixed size; EPHEMERAL takes what is free unless told otherwise."""

    name = "block.VolumeConfigController"
    inputs = (Input(VolumeConfig),)
    outputs = (Output(VolumeSpec),)

    def __init__(self, ports: Ports) -> None:
        self._paths = ports.paths

    def reconcile(self, view: View) -> Iterable[Wanted]:
        kind = str(LINUX_FILESYSTEM)
        state, var = str(self._paths.state), str(self._paths.var)
        yield Wanted(
            "STATE",
            VolumeSpec(label="STATE", mount_point=state, partition_type=kind, min_size=STATE_SIZE, max_size=STATE_SIZE),
        )
        sizes = next((one.spec for one in view.list(VolumeConfig) if one.spec.name == "EPHEMERAL"), None)
        minimum = sizes.min_bytes if sizes else 0
        maximum = sizes.max_bytes if sizes else 0
        yield Wanted(
            "EPHEMERAL",
            VolumeSpec(
                label="EPHEMERAL",
                mount_point=var,
                partition_type=kind,
                min_size=minimum or min(EPHEMERAL_MIN, maximum or EPHEMERAL_MIN),
                max_size=maximum,
            ),
        )
