"""The kernel's announcements of devices (netlink, NETLINK_KOBJECT_UEVENT), without udev.

A message is `ACTION@DEVPATH` and then KEY=value, each ended by a zero byte (lib/kobject_uevent.c). Trap: any process of
the network namespace may send to the group, so only messages from port 0, the kernel, count.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

NETLINK_KOBJECT_UEVENT = 15  # linux/netlink.h
KERNEL_GROUP = 1
LIMIT = 65536
BUFFER = 1024 * 1024


def parse_message(data: bytes) -> dict[str, str]:
    """Return the fields of a uevent; empty when it is none."""
    head, *fields = data.decode("utf-8", "replace").split("\0")
    if "@" not in head:
        return {}
    pairs = (field.partition("=") for field in fields)
    return {key: value for key, separator, value in pairs if separator}


async def listen() -> AsyncIterator[dict[str, str]]:
    """Yield events for ever; an empty dict after the kernel dropped some: look at everything again.

    Raises `OSError` when the kernel gives no such socket.
    """
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        sock.bind((0, KERNEL_GROUP))
        yield {}
        while True:
            try:
                data, (sender, _) = await loop.sock_recvfrom(sock, LIMIT)
            except OSError as error:
                if error.errno != 105:  # ENOBUFS: some were lost
                    raise
                yield {}
                continue
            if sender == 0:
                yield parse_message(data)
