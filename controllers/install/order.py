"""What an installation is told, and how it ended: light, so that a node that never installs does not import the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from controllers.config.documents.encryption import Encryption
from controllers.resources.hardware import SystemInformation

CONFIG = "config.yaml"
"""Name of the configuration on STATE; the other files there are the node's own business."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted. Two orders that are equal are one attempt. Sizes in bytes; `state`: files of STATE, with secrets; it is
    encrypted with the keys of `encryption`, which may come from what the firmware says of the machine (`system`).
    `spared`: the configuration says `wipe`, and that does not count, because the node itself kept it from before.
    """

    disk: str
    size: int
    sector_size: int
    wipe: bool = False
    spared: bool = False
    image: str = ""
    words: tuple[str, ...] = ()
    requested: float = 0.0
    state: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    state_size: int = 64 << 20
    encryption: Encryption | None = None
    system: SystemInformation = field(default_factory=SystemInformation)


class Outcome(StrEnum):
    """How it ended."""

    INSTALLED = "installed"
    ALREADY = "already"


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a job that worked."""

    outcome: Outcome
    version: str
