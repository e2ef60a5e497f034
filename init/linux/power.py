"""reboot(2). In a PID namespace it ends the namespace instead: its PID 1 dies of SIGHUP (reboot) or SIGINT (power off)."""

from enum import StrEnum

from init.linux.syscalls import REBOOT, call, syscall_number

# linux/reboot.h
LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2 = 0xFEE1DEAD, 672274793
LINUX_REBOOT_CMD_RESTART, LINUX_REBOOT_CMD_RESTART2, LINUX_REBOOT_CMD_POWER_OFF = 0x01234567, 0xA1B2C3D4, 0x4321FEDC
LINUX_REBOOT_CMD_CAD_OFF = 0


class PowerAction(StrEnum):
    """How a shutdown ends."""

    REBOOT = "reboot"
    POWEROFF = "poweroff"


def power(action: PowerAction, argument: str = "") -> None:
    """Restart, with an `argument` for firmware, or switch off, now, without sync and care; does not return when it works."""
    restart = LINUX_REBOOT_CMD_RESTART2 if argument else LINUX_REBOOT_CMD_RESTART
    command = restart if action is PowerAction.REBOOT else LINUX_REBOOT_CMD_POWER_OFF
    call("syscall", syscall_number(REBOOT), LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command, argument.encode(), what=action)


def take_ctrl_alt_del() -> None:
    """Have the kernel send SIGINT to PID 1 for ctrl-alt-del instead of rebooting at once."""
    call("reboot", LINUX_REBOOT_CMD_CAD_OFF, what="disable ctrl-alt-del")
