"""Results of build steps, kept by the content of what they were made from.

An entry is a directory `KIND/KEY`; the key is a digest of every input, so an entry never goes stale and is never changed
once made. It is made in a scratch directory and renamed, under a lock per entry, so that builds may run side by side.
Trap: what a step reads without it being in the key is a wrong cache hit later; `digest` takes paths by their content.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEEP = 12  # entries of one kind that pruning leaves: versions that tests compare, and builds side by side


def digest_file(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_bytes(data: bytes) -> str:
    """SHA-256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def digest_tree(root: Path) -> str:
    """SHA-256 over names, kinds, permissions and contents of all below `root`, independent of times and owners."""
    total = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            line = f"l {name} {path.readlink()}"
        elif path.is_dir():
            line = f"d {name}"
        else:
            line = f"f {name} {path.stat().st_mode & 0o777:o} {digest_file(path)}"
        total.update(line.encode() + b"\n")
    return total.hexdigest()


def digest(*parts: Any) -> str:
    """SHA-256 of JSON-like values; a `Path` counts by its content (file or tree), not by its name."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=_content).encode()).hexdigest()


def _content(value: object) -> object:
    if isinstance(value, Path):
        return digest_tree(value) if value.is_dir() else digest_file(value)
    raise TypeError(f"cannot be part of a cache key: {value!r}")


@dataclass(frozen=True)
class Cache:
    """A directory of entries; `fresh` names the kinds that are made again even when they are there."""

    root: Path
    fresh: frozenset[str] = frozenset()

    @classmethod
    def default(cls) -> Cache:
        """`$OPHITE_CACHE`, else `$XDG_CACHE_HOME/ophite`, else `~/.cache/ophite`."""
        if own := os.environ.get("OPHITE_CACHE"):
            return cls(Path(own))
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return cls(Path(base) / "ophite")

    def entry(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        """The directory `kind/key`, made by `make(scratch directory)` when it is not there yet."""
        final = self.root / kind / key
        with self._locked(kind, key):
            if final.exists() and kind not in self.fresh:
                os.utime(final)
                return final
            scratch = final.with_name(f".{key}.{os.getpid()}")
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
            try:
                make(scratch)
                if final.exists():
                    shutil.rmtree(final)
                scratch.rename(final)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        return final

    def prune(self, kind: str, keep: int = KEEP) -> None:
        """Remove all but the `keep` most recently used entries of a kind."""
        directory = self.root / kind
        if not directory.is_dir():
            return
        entries = [path for path in directory.iterdir() if path.is_dir() and not path.name.startswith(".")]
        for old in sorted(entries, key=lambda path: path.stat().st_mtime, reverse=True)[keep:]:
            shutil.rmtree(old, ignore_errors=True)
            (directory / f".{old.name}.lock").unlink(missing_ok=True)

    @contextmanager
    def _locked(self, kind: str, key: str) -> Iterator[None]:
        directory = self.root / kind
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / f".{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
