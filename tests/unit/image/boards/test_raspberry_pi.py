"""The Raspberry Pi boards: what none of them may forget, and the table of boards in the README."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.boards import BOARDS, get_board
from image.boards.board import RaspberryPi

ROOT = Path(__file__).parents[4]
PI_BOARDS = sorted(name for name, board in BOARDS.items() if isinstance(board.boot, RaspberryPi))
CARD = {"raspberry-pi-3": "bcm2835", "raspberry-pi-4": "sdhci_iproc", "raspberry-pi-5": "sdhci_brcmstb"}


@pytest.mark.parametrize("name", PI_BOARDS)
def test_a_hang_and_a_panic_end_in_a_reboot(name: str) -> None:
    board = get_board(name)
    assert "bcm2835_wdt" in board.stage1
    assert "panic=10" in board.command_line


@pytest.mark.parametrize("name", PI_BOARDS)
def test_the_root_may_lie_on_a_card_or_a_usb_disk(name: str) -> None:
    stage1 = get_board(name).stage1
    assert CARD.get(name, "bcm2835") in stage1
    assert {"usb_storage", "sd_mod"} < set(stage1)
    assert {"dwc2", "xhci_plat_hcd", "xhci_pci"} & set(stage1), "a USB controller"


@pytest.mark.parametrize("name", PI_BOARDS)
def test_suppliers_are_loaded_before_what_they_supply(name: str) -> None:
    stage1 = get_board(name).stage1
    suppliers = [word for word in ("fixed", "gpio_regulator", "reset_raspberrypi", "irq_bcm2712_mip") if word in stage1]
    drivers = [word for word in ("sdhci_iproc", "sdhci_brcmstb", "xhci_pci", "rp1_pci") if word in stage1]
    for supplier in suppliers:
        assert all(stage1.index(supplier) < stage1.index(driver) for driver in drivers)
    assert suppliers or name in {"raspberry-pi-3", "raspberry-pi-zero-2w"}


@pytest.mark.parametrize("name", PI_BOARDS)
def test_the_serial_console_is_the_last_one(name: str) -> None:
    board = get_board(name)
    consoles = [word for word in board.kernels["arm64"].words if word.startswith("console=")]
    assert consoles == ["console=tty0", "console=ttyAMA10,115200" if name == "raspberry-pi-5" else "console=ttyS1,115200"]
    assert not any(word.startswith("console=") for word in board.command_line)


def test_the_readme_says_of_every_board_what_was_tried() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    rows = {line.split("`")[1]: line.strip("|").split("|") for line in lines if line.startswith("| `") and line.count("|") == 5}
    del rows["--board"]
    assert set(rows) == set(BOARDS)
    assert all(cell.strip() for row in rows.values() for cell in row)
