"""The last program before the reboot that tries a slot: `python3 -I -S …/controllers/lifecycle/tryboot_main.pyc`.

PID 1 runs it when every service has ended and everything is unmounted, and reboots when it ends or its time is over. If it
fails, the machine comes back with the version before, which then says that the other one never came up. What it does goes to
the console, where its standard output is.
"""

import sys


def main() -> int:
    """Tell the firmware to try the other slot, once; 0 when it has confirmed that."""
    root = __file__.rpartition("/controllers/")[0]
    sys.path[:0] = [root]
    from pathlib import Path

    from controllers.lifecycle import mailbox

    device = Path("/dev/vcio")
    try:
        if device.exists():
            mailbox.arm(mailbox.ask_vcio(device))
        else:
            registers = mailbox.find_registers(Path("/sys"))
            if registers is None:
                raise mailbox.MailboxError(0, "the kernel shows no mailbox")
            mailbox.arm(mailbox.ask_memory(Path("/dev/mem"), registers, mailbox.find_alias(Path("/proc"))))
    except OSError as error:
        sys.stdout.write(f"tryboot: the firmware was not told: {error.strerror or error}\n")
        return 1
    sys.stdout.write("tryboot: the firmware tries the other slot at this reboot\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
