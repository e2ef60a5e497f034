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
