"""Where META is kept: the partition beside the running root, or a file in /run where there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

from controllers.machine.identity import write_durably
from controllers.ports import Ports
from init.linux.cmdline import parse_verity
from init.linux.meta import Meta, find_meta_partition, is_key, read_meta, render_payload, write_meta

FILE_LIMIT = 1 << 20  # bytes


class MetaPort(Protocol):
    """One place that holds META. Both methods block and raise `OSError`."""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        ...

    @property
    def durable(self) -> bool:
        """Whether it outlives a reboot."""
        ...

    def read(self) -> Meta:
        """Return what it holds; generation 0 and nothing where nothing valid is."""
        ...

    def write(self, values: dict[str, str]) -> Meta:
        """Replace what it holds and return that. Raises `ValueError` for values that META cannot hold."""
        ...


class PartitionMeta:
    """The META partition."""

    durable = True

    def __init__(self, place: str) -> None:
        self.place = place

    def read(self) -> Meta:
        """Return the newest valid copy."""
        return read_meta(self.place)

    def write(self, values: dict[str, str]) -> Meta:
        """Write the other copy."""
        return write_meta(self.place, values)


class FileMeta:
    """A file in /run: the same within one boot, so that nobody else has to know whether there is a partition."""

    durable = False

    def __init__(self, path: Path) -> None:
        self._path, self.place = path, str(path)

    def read(self) -> Meta:
        """Return the file's values; a file that is not there or not ours holds nothing."""
        try:
            with self._path.open("rb") as file:
                found = json.loads(file.read(FILE_LIMIT))
        except (FileNotFoundError, ValueError, RecursionError):
            return Meta(0, {})
        if not isinstance(found, dict) or not isinstance(found.get("values"), dict):
            return Meta(0, {})
        values = {key: value for key, value in found["values"].items() if is_key(key) and isinstance(value, str)}
        generation = found.get("generation")
        return Meta(generation if isinstance(generation, int) and generation > 0 else 0, values)

    def write(self, values: dict[str, str]) -> Meta:
        """Replace the file."""
        render_payload(values)
        meta = Meta(self.read().generation + 1, dict(values))
        write_durably(self._path, json.dumps(meta._asdict()).encode())
        return meta


def open_meta(ports: Ports) -> MetaPort:
    """Return the META of the disk that the root runs from, else the file. Raises `OSError` when disks cannot be listed."""
    verity = parse_verity(ports.cmdline.get("ophite.verity", ""))
    place = None
    if verity is not None and ports.cmdline.get("ophite.root") == "verity":
        paths = ports.paths
        place = find_meta_partition(verity.partition_guid, str(paths.sys / "class/block"), str(paths.dev))
    return PartitionMeta(place) if place else FileMeta(ports.paths.run / "meta.json")
