"""Images for arm64 to boot in tests, and what is changed of a device tree for an emulator that lacks devices.

They are slim, as in `tests.harness.versions`: their Kubernetes only sleeps, because compiling the real one takes half an
hour and none of these tests gets that far.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from image.formats import fdt
from tests.harness.nodes import BUILD, run_logged
from tests.harness.versions import BUILD_SECONDS, make_stubs

VERSION = "1.0.0"
Say = Callable[[str], None]
# What QEMU's raspi4b does not have, and the kernel believes to be there: displays and their interrupt controller, clock and
# I2C, the graphics processor, the other UART, power domains, the firmware's audio, the first USB controller, Wi-Fi's SDIO.
MISSING = (
    "/soc/hdmi@7ef00700",
    "/soc/hdmi@7ef05700",
    "/soc/clock@7ef00000",
    "/soc/interrupt-controller@7ef00100",
    "/soc/i2c@7ef04500",
    "/soc/i2c@7ef09500",
    "/soc/hvs@7e400000",
    "/soc/serial@7e215040",
    "/soc/power",
    "/soc/mailbox@7e00b840",
    "/soc/usb@7e980000",
    "/soc/mmc@7e300000",
    "/scb/gpu@7ec00000",
    "/gpu",
)
BLUETOOTH = ("/soc/serial@7e201000", "bluetooth")  # with it the kernel makes the UART Bluetooth's and no console


def build_arm64(board: str, say: Say, version: str = VERSION) -> Path:
    """The slim arm64 image of a board: disk image and bundle; its directory. The image build's cache goes by content."""
    say(f"building the slim arm64 image {version} for {board}")
    output = BUILD / "slim" / f"arm64-{board}-{version}"
    stubs = make_stubs(BUILD / "slim/kubernetes-arm64", "arm64")
    argv = [sys.executable, "-m", "image.build", "--output", str(output), "--kubernetes", str(stubs)]
    argv += ["--board", board, "--arch", "arm64", "--image-version", version, "--format", "raw"]
    run_logged(argv, BUILD / f"slim-arm64-{board}-{version}.log", BUILD_SECONDS)
    return output


def disable_missing(tree: bytes) -> bytes:
    """A Raspberry Pi 4's device tree without what QEMU lacks; fails for a node that is not there."""
    root = fdt.parse(tree)
    nodes = dict(root.walk())
    for path in MISSING:
        nodes[path].properties["status"] = b"disabled\0"
    parent, child = BLUETOOTH
    nodes[parent].children.pop(child)
    return fdt.encode(root)
