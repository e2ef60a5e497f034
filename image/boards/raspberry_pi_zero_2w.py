"""Raspberry Pi Zero 2 W: the chip of a Pi 3 with 512 MiB, and no Ethernet."""

from __future__ import annotations

from image.boards import raspberry_pi as pi
from image.boards.board import Board, Kernel, RaspberryPi

BOARD = Board(
    name="raspberry-pi-zero-2w",
    summary="Raspberry Pi Zero 2 W",
    kernels={"arm64": Kernel("linux-image-arm64", words=pi.MINI_UART)},
    stage1=("bcm2835", "sdhci_iproc", "phy_generic", "dwc2", *pi.STAGE1),
    modules=(*pi.ROOT_MODULES, "bcm2835_rng", "bcm2835_thermal", "i2c_bcm2835"),
    command_line=pi.WORDS,
    sets=(*pi.SETS, "wifi"),
    boot=RaspberryPi(
        device_trees=("broadcom/bcm2837-rpi-zero-2-w.dtb",),
        firmware=pi.OLD_FIRMWARE,
        config=(pi.UPSTREAM, pi.SERIAL, pi.GPU_MEMORY),
        boot_rom=True,
    ),
    imager=("pi3-64bit",),
)
