"""What the Raspberry Pi boards share. A module that the kernel has built in is named all the same: it may be one tomorrow.

Found by comparing the enabled nodes of the kernel's device trees with the aliases of its modules. Trap: suppliers of a device
(regulators, resets, pins, clocks) are in no module's list of dependencies, and without them its driver waits for ever.
"""

from __future__ import annotations

from image.boards.modules import ROOT

WATCHDOG = ("bcm2835_wdt",)
USB_DISKS = ("usb_storage", "uas", "sd_mod")
STAGE1 = (*WATCHDOG, *USB_DISKS, *ROOT)
LEDS = ("leds_gpio", "ledtrig_timer", "ledtrig_heartbeat", "ledtrig_default_on", "ledtrig_oneshot")
PROCESSOR = ("cpufreq_dt", "raspberrypi_cpufreq")
ROOT_MODULES = (*LEDS, *PROCESSOR, "pwm_bcm2835", "?pwm_raspberrypi_poe", "?pwm_fan")
SETS = ("network-usb",)
# The serial console is the last one, so it is /dev/console. A panic reboots after 10 seconds, time enough to read it.
# PID 1 asks the firmware for a try through registers that a driver holds: `iomem=relaxed` lets root do so (docs/boards.md).
WORDS = ("quiet", "panic=10", "slab_nomerge", "iomem=relaxed")
MINI_UART = ("console=tty0", "console=ttyS1,115200")  # pins 8 and 10; the better UART drives Bluetooth
OLD_FIRMWARE = ("start.elf", "fixup.dat")
UPSTREAM = "upstream_kernel=1"  # the kernel's own names of device trees, which differ from the firmware's
GPU_MEMORY = "gpu_mem=32"  # MiB; with 16 the firmware wants files that can do less
SERIAL = "enable_uart=1"
