"""PID 1 starts here: stage 1 in an initramfs, stage 2 at once where a root is there already (namespaces).

Both go on in this one interpreter, because a second start of Python costs a quarter of the boot.
"""

import os
import sys

if not __package__:  # run by path, isolated: the package is found beside its own directory
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from init.emergency import leave
from init.linux.cmdline import Platform, read_cmdline
from init.linux.kmsg import open_log

STAGE1_FILE = "/etc/ophite-stage1.json"


def main() -> None:
    """Run the stages; ends only with the machine."""
    while os.open(os.devnull, os.O_RDWR) <= 2:  # without a console 0 to 2 are closed, and nothing else may get these numbers
        pass
    if os.path.exists(STAGE1_FILE):
        from init import initramfs

        stage = initramfs.run()
        log, cmdline, watchdog = stage.log, stage.cmdline or read_cmdline(), stage.watchdog
    else:
        cmdline, watchdog = read_cmdline(), None
        log = open_log(plain=cmdline.platform is Platform.NAMESPACES)
    try:
        from init import boot  # from the root image, which is there only now

        boot.run(log, cmdline, watchdog)
        raise OSError("the kernel refuses to reboot")
    except BaseException as error:  # noqa: BLE001 - a PID 1 that ends is a panic, whatever ended it
        leave(log, cmdline, watchdog, error)


if __name__ == "__main__":
    main()
