"""Raspberry Pi 3: models A+, B and B+, Compute Module 3."""

from __future__ import annotations

from image.boards import raspberry_pi as pi
from image.boards.board import Board, Kernel, RaspberryPi

BOARD = Board(
    name="raspberry-pi-3",
    summary="Raspberry Pi 3A+, 3B, 3B+ and Compute Module 3",
    kernels={"arm64": Kernel("linux-image-arm64", words=pi.MINI_UART)},
    stage1=("fixed", "bcm2835", "sdhci_iproc", "phy_generic", "dwc2", *pi.STAGE1),
    modules=(*pi.ROOT_MODULES, "microchip", "smsc", "bcm2835_rng", "bcm2835_thermal", "i2c_bcm2835"),
    command_line=pi.WORDS,
    sets=pi.SETS,
    boot=RaspberryPi(
        device_trees=("broadcom/bcm2837-rpi-3-*.dtb", "broadcom/bcm2837-rpi-cm3-*.dtb"),
        firmware=pi.OLD_FIRMWARE,
        config=(pi.UPSTREAM, pi.SERIAL, pi.GPU_MEMORY),
        boot_rom=True,
    ),
    imager=("pi3-64bit",),
    tested="QEMU raspi3b from its own card: verified root, the API in maintenance over USB",
)
