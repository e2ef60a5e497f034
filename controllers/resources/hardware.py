"""What the machine is made of."""

from __future__ import annotations

from typing import ClassVar

from controllers.runtime.resource import Spec

HARDWARE = "hardware"


class SystemInformation(Spec, frozen=True, kw_only=True):
    """What the firmware says of the machine; id `system`. Texts are as the maker wrote them, cut at 256 characters."""

    namespace: ClassVar[str] = HARDWARE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("MANUFACTURER", "manufacturer"),
        ("PRODUCT", "product"),
        ("SERIAL", "serial"),
        ("UUID", "uuid"),
    )
    manufacturer: str = ""
    product: str = ""
    version: str = ""
    serial: str = ""
    uuid: str = ""
    firmware: str = ""


class ProcessorInfo(Spec, frozen=True, kw_only=True):
    """The processors; id `processors`. `online` as the scheduler has them."""

    namespace: ClassVar[str] = HARDWARE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("MODEL", "model"), ("ONLINE", "online"), ("SOCKETS", "sockets"))
    model: str = ""
    online: int = 0
    sockets: int = 1


class MemoryInfo(Spec, frozen=True, kw_only=True):
    """The memory that the kernel manages, in bytes; id `memory`."""

    namespace: ClassVar[str] = HARDWARE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("TOTAL", "total"), ("SWAP", "swap"))
    total: int = 0
    swap: int = 0


class DeviceModule(Spec, frozen=True, kw_only=True):
    """A kernel module that devices ask for; id = the module. `devices`: the first few, as `BUS/NAME`; `count`: how many."""

    namespace: ClassVar[str] = HARDWARE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("DEVICES", "devices"), ("COUNT", "count"))
    devices: tuple[str, ...] = ()
    count: int = 0


class LedStatus(Spec, frozen=True, kw_only=True):
    """An LED of the machine; id = its name. `locates`: `ophite identify` has it blink.

    `shows`: `identify`, `state` (of the boot) or nothing of ours. `error` says why it could not be changed.
    """

    namespace: ClassVar[str] = HARDWARE
    aliases: ClassVar[tuple[str, ...]] = ("led",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("TRIGGER", "trigger"),
        ("LOCATES", "locates"),
        ("SHOWS", "shows"),
        ("ERROR", "error"),
    )
    trigger: str = ""
    locates: bool = False
    shows: str = ""
    error: str = ""


class IdentifyRequest(Spec, frozen=True, kw_only=True):
    """Somebody looks for the machine; id `identify`, made by the API. LEDs blink until `until` (monotonic s)."""

    namespace: ClassVar[str] = HARDWARE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("UNTIL", "until"),)
    until: float = 0.0
