"""Unified kernel images for tests: a PE file with the two sections that are looked at, and nothing that would run."""

import struct


def make_uki(command_line: str, os_release: str, payload: bytes = b"") -> bytes:
    """Make an image: MZ header, COFF header without optional header, section table, sections."""
    texts = {b".osrel": os_release.encode(), b".cmdline": command_line.encode() + b"\0", b".linux": payload}
    head = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x8664, len(texts), 0, 0, 0, 0, 0)
    at = (len(head) + len(coff) + 40 * len(texts) + 511) // 512 * 512
    table, body = b"", b""
    for name, data in texts.items():
        padded = data.ljust((len(data) + 511) // 512 * 512, b"\0")
        table += struct.pack("<8sIIII16x", name, len(data), 0x1000, len(padded), at + len(body))
        body += padded
    return (head + coff + table).ljust(at, b"\0") + body
