"""reboot(2) as it is called; nothing here is called for real."""

from typing import Any

import pytest

from init.linux import power, syscalls
from init.linux.power import PowerAction


@pytest.mark.parametrize(
    ("action", "argument", "command"),
    [
        (PowerAction.REBOOT, "", power.LINUX_REBOOT_CMD_RESTART),
        (PowerAction.REBOOT, "0 tryboot", power.LINUX_REBOOT_CMD_RESTART2),
        (PowerAction.POWEROFF, "", power.LINUX_REBOOT_CMD_POWER_OFF),
        (PowerAction.POWEROFF, "0 tryboot", power.LINUX_REBOOT_CMD_POWER_OFF),
    ],
)
def test_only_a_reboot_carries_an_argument(
    monkeypatch: pytest.MonkeyPatch, action: PowerAction, argument: str, command: int
) -> None:
    called: list[tuple[Any, ...]] = []
    monkeypatch.setattr(power, "call", lambda *arguments, what: called.append(arguments))
    power.power(action, argument)
    [(name, number, magic1, magic2, asked, text)] = called
    assert (name, number) == ("syscall", syscalls.syscall_number(syscalls.REBOOT))
    assert (magic1, magic2, asked, text) == (0xFEE1DEAD, 0x28121969, command, argument.encode())
