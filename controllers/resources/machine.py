"""The machine itself: its configuration, stage, status, kernel settings, rendered files and identity."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from controllers.runtime.resource import Part, Secret, Spec

MACHINE = "machine"


class MachineConfiguration(Spec, frozen=True, kw_only=True):
    """The whole configuration as YAML text. Ids: `active` (in force) and `persistent` (what STATE holds or shall hold)."""

    namespace: ClassVar[str] = MACHINE
    sensitive: ClassVar[bool] = True
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("SOURCE", "source"),)
    yaml: Secret
    source: str = ""


class ConfigStatus(Spec, frozen=True, kw_only=True):
    """Where the configuration came from and whether it is complete enough to leave maintenance; id `config`."""

    namespace: ClassVar[str] = MACHINE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("SOURCE", "source"),
        ("COMPLETE", "complete"),
        ("PROBLEMS", "problems"),
    )
    source: str = ""
    complete: bool = False
    persisted: bool = False
    tried: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class ConfigRequest(Spec, frozen=True, kw_only=True):
    """What the API was told to apply since the brain started; id `config`, made by the API. Empty texts: nothing.

    `trial` is in force instead of `active` until `trial_until` (monotonic s) and then no longer.
    """

    namespace: ClassVar[str] = MACHINE
    sensitive: ClassVar[bool] = True
    active: Secret = ""
    persistent: Secret = ""
    trial: Secret = ""
    trial_until: float = 0.0


class AcquiredConfiguration(Spec, frozen=True, kw_only=True):
    """The configuration that this boot found; id `config`. `source` names where from, `tried` and `problems` what was
    looked at and what was wrong with it; `complete`: enough to leave maintenance; `persistent`: what STATE shall hold.
    """

    namespace: ClassVar[str] = MACHINE
    sensitive: ClassVar[bool] = True
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("SOURCE", "source"), ("PROBLEMS", "problems"))
    yaml: Secret = ""
    persistent: Secret = ""
    source: str = ""
    complete: bool = False
    tried: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class ConfigPersistStatus(Spec, frozen=True, kw_only=True):
    """Whether STATE holds the persistent configuration; id `config`. `digest`: SHA-256 of it; `error` says why not."""

    namespace: ClassVar[str] = MACHINE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("PERSISTED", "persisted"), ("ERROR", "error"))
    persisted: bool = False
    digest: str = ""
    error: str = ""


class Stage(StrEnum):
    """What the machine is doing."""

    BOOTING = "booting"
    MAINTENANCE = "maintenance"
    STARTING = "starting"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"


class MachineStage(Spec, frozen=True, kw_only=True):
    """The stage of the machine; id `machine`."""

    namespace: ClassVar[str] = MACHINE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("STAGE", "stage"),)
    stage: Stage


class Blocker(Part, frozen=True, kw_only=True):
    """One unmet condition: what is not ready and what it waits for."""

    name: str
    reason: str


class MachineStatus(Spec, frozen=True, kw_only=True):
    """Is the machine what its configuration asks for, and if not, what blocks it; id `machine`."""

    namespace: ClassVar[str] = MACHINE
    aliases: ClassVar[tuple[str, ...]] = ("status",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("STAGE", "stage"), ("READY", "ready"), ("WAITS FOR", "blocker"))
    stage: Stage
    ready: bool
    blocker: str = ""
    unmet: tuple[Blocker, ...] = ()


class PowerRequest(Spec, frozen=True, kw_only=True):
    """Somebody wants the machine to reboot or power off; id `power`. `action` is `reboot` or `poweroff`."""

    namespace: ClassVar[str] = MACHINE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("ACTION", "action"), ("REASON", "reason"))
    action: str
    reason: str = ""


class RebootArgument(Spec, frozen=True, kw_only=True):
    """What every orderly reboot of this boot tells firmware from now on, whoever asks for it; id `next`.

    `argument`: of reboot(2), printable, at most 64 characters. `program`: argv of what runs last and sees to it as well, for
    at most `limit` seconds, before patience.
    """

    namespace: ClassVar[str] = MACHINE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("ARGUMENT", "argument"),)
    argument: str
    program: tuple[str, ...] = ()
    limit: float = 0.0


class ShutdownNotice(Spec, frozen=True, kw_only=True):
    """PID 1 takes the machine down, whoever asked (API, power button, signal); id `init`. `action`: `reboot` or `poweroff`;
    `step`: what it does now, for at most `limit` seconds. The later steps are on the console only.
    """

    namespace: ClassVar[str] = MACHINE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("ACTION", "action"), ("STEP", "step"), ("LIMIT", "limit"))
    action: str
    step: str = ""
    limit: float = 0.0


class PlatformInfo(Spec, frozen=True, kw_only=True):
    """What the kernel command line and the image say about this boot; id `platform`."""

    namespace: ClassVar[str] = MACHINE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("PLATFORM", "platform"),
        ("PATIENCE", "patience"),
        ("BOOT ID", "boot_id"),
    )
    platform: str
    patience: float = 1.0
    boot_id: str = ""
    command_line: str = ""


class VersionInfo(Spec, frozen=True, kw_only=True):
    """What is installed; id `version`."""

    namespace: ClassVar[str] = MACHINE
    aliases: ClassVar[tuple[str, ...]] = ("version",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("OPHITE", "version"),
        ("KUBERNETES", "kubernetes"),
        ("KERNEL", "kernel"),
    )
    version: str
    kubernetes: str
    kernel: str
    board: str
    arch: str
    built: int = 0


class NodeIdentity(Spec, frozen=True, kw_only=True):
    """A random id of this installation, kept on STATE; id `node`."""

    namespace: ClassVar[str] = MACHINE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("NODE ID", "node_id"), ("MACHINE ID", "machine_id"))
    node_id: str
    machine_id: str


class KernelModuleSpec(Spec, frozen=True, kw_only=True):
    """A kernel module that should be loaded; id = its name. `reason`: which device or volume wants it, empty for the list."""

    namespace: ClassVar[str] = MACHINE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("REQUIRED", "required"), ("REASON", "reason"))
    quiet_fields: ClassVar[frozenset[str]] = frozenset({"reason"})
    name: str
    parameters: tuple[str, ...] = ()
    required: bool = True
    reason: str = ""


class KernelModuleStatus(Spec, frozen=True, kw_only=True):
    """A module that was loaded or could not be; id = its name. `state`: `loaded`, `builtin` or `failed`."""

    namespace: ClassVar[str] = MACHINE
    aliases: ClassVar[tuple[str, ...]] = ("module",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("STATE", "state"), ("ERROR", "error"))
    name: str
    state: str
    error: str = ""


class MemoryStatus(Spec, frozen=True, kw_only=True):
    """How much memory the machine has, and what was done for want of it; id `memory`. Sizes in bytes.

    `profile`: the row of the table in `controllers/services/memory_profile.py`. `compressed`: size of the swap in memory.
    """

    namespace: ClassVar[str] = MACHINE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("PROFILE", "profile"),
        ("TOTAL", "total"),
        ("COMPRESSED", "compressed"),
        ("ERROR", "error"),
    )
    profile: str
    total: int
    compressed: int = 0
    error: str = ""


class SysctlSpec(Spec, frozen=True, kw_only=True):
    """A wanted kernel setting; id = its dotted key."""

    namespace: ClassVar[str] = MACHINE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("VALUE", "value"),)
    key: str
    value: str
    required: bool = True


class SysctlStatus(Spec, frozen=True, kw_only=True):
    """A kernel setting as it is; id = its dotted key. `error` says why it could not be set."""

    namespace: ClassVar[str] = MACHINE
    aliases: ClassVar[tuple[str, ...]] = ("sysctl",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("VALUE", "value"), ("ERROR", "error"))
    key: str
    value: str
    default: str = ""
    error: str = ""


class FileSpec(Spec, frozen=True, kw_only=True):
    """A rendered file below /run/ophite (or another writable place named in the file controller's list); id = absolute path.

    Every configuration and certificate that a program reads from a file is one of these: rendering is pure, writing is the
    business of one controller (atomic, mode and owner set before the name appears).
    """

    namespace: ClassVar[str] = "files"
    sensitive: ClassVar[bool] = True
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("MODE", "mode"), ("UID", "uid"))
    path: str
    content: Secret
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


class FileStatus(Spec, frozen=True, kw_only=True):
    """A file that was written; id = absolute path. `sha256` of the content, so that readers can tell a change."""

    namespace: ClassVar[str] = "files"
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("SHA256", "sha256"), ("ERROR", "error"))
    path: str
    sha256: str = ""
    error: str = ""
