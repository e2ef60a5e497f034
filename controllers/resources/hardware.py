"""What the machine is made of."""

from __future__ import annotations

from typing import ClassVar

from controllers.runtime.resource import Part, Spec

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


class MemoryModule(Spec, frozen=True, kw_only=True):
    """A memory module as the firmware describes it (SMBIOS); id = its slot. `size` in bytes, `speed` in MT/s, 0 if unknown."""

    namespace: ClassVar[str] = HARDWARE
    aliases: ClassVar[tuple[str, ...]] = ("dimm",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("SIZE", "size"),
        ("KIND", "kind"),
        ("SPEED", "speed"),
        ("MANUFACTURER", "manufacturer"),
        ("PART", "part"),
        ("SERIAL", "serial"),
    )
    size: int
    kind: str = ""
    speed: int = 0
    manufacturer: str = ""
    part: str = ""
    serial: str = ""


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


class PciDevice(Spec, frozen=True, kw_only=True):
    """A PCI function; id = its address. `ids`: vendor and device, `subsystem_ids`: whose card it is, `class_id`: all in hex.

    `kind` and `vendor` in words where they are known, `label` as the firmware calls the place.
    """

    namespace: ClassVar[str] = HARDWARE
    aliases: ClassVar[tuple[str, ...]] = ("pci",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("KIND", "kind"),
        ("VENDOR", "vendor"),
        ("IDS", "ids"),
        ("DRIVER", "driver"),
        ("LABEL", "label"),
    )
    ids: str
    subsystem_ids: str = ""
    class_id: str = ""
    kind: str = ""
    vendor: str = ""
    label: str = ""
    driver: str = ""
    modalias: str = ""


class UsbDevice(Spec, frozen=True, kw_only=True):
    """A USB device; id = where it is plugged in, such as `1-1.4`. `ids`: vendor and product in hex; texts are the device's own.

    `drivers`: those of its interfaces. `speed`: Mbit/s.
    """

    namespace: ClassVar[str] = HARDWARE
    aliases: ClassVar[tuple[str, ...]] = ("usb",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("VENDOR", "vendor"),
        ("PRODUCT", "product"),
        ("IDS", "ids"),
        ("SPEED", "speed"),
        ("DRIVERS", "drivers"),
    )
    ids: str
    class_id: str = ""
    vendor: str = ""
    product: str = ""
    serial: str = ""
    speed: str = ""
    drivers: tuple[str, ...] = ()
    modalias: tuple[str, ...] = ()


class Sensor(Spec, frozen=True, kw_only=True):
    """What a sensor of the kernel's class hwmon says; id = chip/name. Measured once a minute.

    `kind`: `temperature`, `fan`, `voltage`, `current`, `power` or `humidity`; `unit` of all numbers. A limit that the chip does
    not have is None. `alarm`: the chip says that a limit is passed.
    """

    namespace: ClassVar[str] = HARDWARE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("VALUE", "value"),
        ("UNIT", "unit"),
        ("HIGH", "high"),
        ("CRITICAL", "critical"),
        ("ALARM", "alarm"),
    )
    kind: str
    unit: str
    value: float
    low: float | None = None
    high: float | None = None
    critical: float | None = None
    alarm: bool = False


class MemoryModuleErrors(Part, frozen=True, kw_only=True):
    """Errors of one memory module, as the board labels it."""

    label: str
    corrected: int = 0
    uncorrected: int = 0


class MemoryErrors(Spec, frozen=True, kw_only=True):
    """What a memory controller has counted since the boot (EDAC); id = the controller. `modules`: those with errors."""

    namespace: ClassVar[str] = HARDWARE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("CONTROLLER", "controller"),
        ("CORRECTED", "corrected"),
        ("UNCORRECTED", "uncorrected"),
    )
    controller: str = ""
    corrected: int = 0
    uncorrected: int = 0
    modules: tuple[MemoryModuleErrors, ...] = ()


class DriveHealth(Spec, frozen=True, kw_only=True):
    """How a drive says that it is; id = the disk's kernel name. What it does not say is None. Asked once an hour.

    `passed`: the drive's own judgement. `temperature` in degrees Celsius, `hours` of power, `wear` in percent of its life.
    `error`: why it could not be asked.
    """

    namespace: ClassVar[str] = HARDWARE
    aliases: ClassVar[tuple[str, ...]] = ("smart",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("PASSED", "passed"),
        ("TEMPERATURE", "temperature"),
        ("HOURS", "hours"),
        ("WEAR %", "wear"),
        ("REALLOCATED", "reallocated"),
        ("PENDING", "pending"),
        ("MEDIA ERRORS", "media_errors"),
        ("ERROR", "error"),
    )
    quiet_fields: ClassVar[frozenset[str]] = frozenset({"temperature", "hours"})
    passed: bool | None = None
    temperature: int | None = None
    hours: int | None = None
    wear: int | None = None
    reallocated: int | None = None
    pending: int | None = None
    media_errors: int | None = None
    error: str = ""


class HardwareSummary(Spec, frozen=True, kw_only=True):
    """One line of what the machine is made of; id = the subject: `system`, `processors`, `memory`, `pci`, `usb`, …

    `wrong`: what somebody should look at.
    """

    namespace: ClassVar[str] = HARDWARE
    aliases: ClassVar[tuple[str, ...]] = ("hardware",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("SUMMARY", "summary"), ("WRONG", "wrong"))
    summary: str
    wrong: tuple[str, ...] = ()
