"""reboot(2). In a PID namespace it ends the namespace instead: its PID 1 dies of SIGHUP (reboot) or SIGINT (power off)."""

from enum import StrEnum

from init.linux.syscalls import call

# sys/reboot.h
RB_AUTOBOOT = 0x01234567
RB_POWER_OFF = 0x4321FEDC
RB_DISABLE_CAD = 0


class PowerAction(StrEnum):
    """How a shutdown ends."""

    REBOOT = "reboot"
    POWEROFF = "poweroff"


def power(action: PowerAction) -> None:
    """Restart or switch off the machine, now, without sync and without any care; does not return when it works."""
    call("reboot", RB_AUTOBOOT if action is PowerAction.REBOOT else RB_POWER_OFF, what=action.value)


def take_ctrl_alt_del() -> None:
    """Have the kernel send SIGINT to PID 1 for ctrl-alt-del instead of rebooting at once."""
    call("reboot", RB_DISABLE_CAD, what="disable ctrl-alt-del")
