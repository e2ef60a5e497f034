"""The machine as a person sees it: `ophite get hardware`, and what is behind its lines."""

from pathlib import Path
from typing import Any

from controllers.resources.hardware import DriveHealth, HardwareSummary, LedStatus, PciDevice, Sensor, UsbDevice
from controllers.runtime.resource import new
from tests.harness.api_node import FakeNode

GOLDEN = Path(__file__).parents[2] / "data" / "cli"


async def test_summary_and_details(secure: FakeNode, ophite: Any) -> None:
    for id_, spec in (
        ("system", HardwareSummary(summary="Raspberry Pi 4 Model B Rev 1.4")),
        ("processors", HardwareSummary(summary="4 × Cortex-A72")),
        (
            "drives",
            HardwareSummary(summary="0 of 1 drives say that they are well", wrong=("sda: says that it fails: replace it",)),
        ),
        ("0000:01:00.0", PciDevice(ids="1106:3483", kind="USB controller", vendor="VIA", driver="xhci_hcd")),
        ("1-1.2", UsbDevice(ids="174c:55aa", vendor="ASMedia", product="USB 3.0 SATA", speed="5000", drivers=("uas",))),
        ("cpu_thermal/temp1", Sensor(kind="temperature", unit="°C", value=48.2, critical=110)),
        ("sda", DriveHealth(passed=False, temperature=31, hours=20000, pending=3)),
        ("ACT", LedStatus(trigger="heartbeat", locates=True, shows="state")),
    ):
        await secure.store.create(new(id_, spec))
    words = ("hardware", "pcidevices", "usb", "sensors", "smart", "leds")
    shown = "".join([(await ophite("get", word)).output for word in words])
    assert shown == (GOLDEN / "get-hardware.txt").read_text()
