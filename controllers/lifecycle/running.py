"""Which root image this boot runs: the hash on the kernel command line, which nothing but the boot entry can have set."""

from __future__ import annotations

KEY = "ophite.verity"


def find_root_hash(command_line: str) -> str:
    """Return the root hash of `ophite.verity=ROOTHASH:SALT:BLOCKS`, the last one counts; "" when there is none."""
    found = ""
    for word in command_line.split():
        key, _, value = word.partition("=")
        if key == KEY:
            found = value.partition(":")[0].lower()
    return found
