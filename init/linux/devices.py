"""The power button and the loopback interface."""

import fcntl
import os
import socket
import struct
from contextlib import suppress

# linux/input.h, linux/input-event-codes.h
EVIOCGBIT_KEY = 0x80604521  # the keys a device has, 96 bytes
EV_KEY = 1
KEY_POWER = 116
_EVENT = struct.Struct("=qqHHi")  # struct input_event of 64-bit machines
# linux/sockios.h, net/if.h
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


def open_power_buttons(directory: str = "/dev/input") -> list[int]:
    """Non-blocking descriptors of the input devices that have a power key."""
    found = []
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
        with suppress(OSError):
            device = os.open(f"{directory}/{name}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            keys = bytearray(96)
            try:
                fcntl.ioctl(device, EVIOCGBIT_KEY, keys)
            except OSError:
                keys = bytearray(96)
            if keys[KEY_POWER // 8] >> KEY_POWER % 8 & 1:
                found.append(device)
            else:
                os.close(device)
    return found


def power_key_pressed(events: bytes) -> bool:
    """Whether what was read from an input device holds a press of the power key."""
    whole = len(events) // _EVENT.size * _EVENT.size
    return any(event[2:] == (EV_KEY, KEY_POWER, 1) for event in _EVENT.iter_unpack(events[:whole]))


def raise_loopback(name: str = "lo") -> None:
    """Set the loopback interface up (netdevice(7)); the kernel gives it 127.0.0.1 and ::1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as control:
        request = struct.pack("16sH14x", name.encode(), 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), flags | IFF_UP))
