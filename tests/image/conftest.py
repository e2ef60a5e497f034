"""One real build for all tests here, from the user's cache: packages are downloaded and Kubernetes is built when it is cold."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from image import python
from image.boards import get_board
from image.boards.board import RaspberryPi
from image.build import build_image
from image.cache import Cache
from image.context import ImageResult, Options
from image.run import run
from image.tools import TOOL_PACKAGES, fetch_tools, loader_argv
from tests.harness.versions import make_stubs

# What a build takes from elsewhere; everything else in the cache is made from these.
GIVEN = ("apt", "resolve", "source", "unpacked", "kubernetes", "wheels", "tools")


EPOCH = "1750000000"
FORMS = ("raw", "qcow2", "iso", "pxe")
META = {"user.site": "berlin"}


@dataclass(frozen=True)
class Built:
    """A built image: its files, and the root image unpacked again."""

    output: Path
    result: ImageResult
    manifest: dict[str, Any]
    root: Path


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., ImageResult]:
    """Build an image into a new directory; `empty_cache` makes everything again that is made and not given, but
    for the kinds in `kept`. Other words are fields of `Options`.

    Our packages are taken from a copy, so that an edit meanwhile changes no test.
    """
    sources = tmp_path_factory.mktemp("sources")
    for name in python.OWN_PACKAGES:
        shutil.copytree(python.PROJECT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))

    def start(*, empty_cache: bool = False, kept: Sequence[str] = (), **choices: Any) -> ImageResult:
        directory = tmp_path_factory.mktemp("image")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(python, "PROJECT", sources)
            patch.setenv("SOURCE_DATE_EPOCH", EPOCH)
            if empty_cache:
                cache = directory / "cache"
                cache.mkdir()
                for kind in (*GIVEN, *kept):
                    (cache / kind).symlink_to(Cache.default().root / kind)
                patch.setenv("OPHITE_CACHE", str(cache))
            return build_image(Options(directory / "output", **{"formats": FORMS, "meta": META, **choices}))

    return start


@pytest.fixture(scope="session")
def built(build: Callable[..., ImageResult], tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The image that the tests look at."""
    return read_image(build(), tmp_path_factory.mktemp("root") / "tree")


def read_image(result: ImageResult, root: Path) -> Built:
    """Unpack the root image of a build into `root`."""
    argv = [*loader_argv(fetch_tools(TOOL_PACKAGES), "usr/bin/fsck.erofs"), f"--extract={root}"]
    run([*argv, "--no-preserve-owner", "-d0", result.output / "root.erofs"], timeout=300)
    return Built(result.output, result, json.loads((result.output / "manifest.json").read_text()), root)


@pytest.fixture(scope="session")
def arm64(build: Callable[..., ImageResult], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Built]:
    """The arm64 image of a board, each built once. Its Kubernetes only sleeps: the real one takes half an hour to compile."""
    stubs = make_stubs(tmp_path_factory.mktemp("kubernetes"), "arm64")

    @functools.cache
    def make(board: str) -> Built:
        formats = ("raw",) if isinstance(get_board(board).boot, RaspberryPi) else ("raw", "iso")
        result = build(board=board, arch="arm64", formats=formats, kubernetes=str(stubs))
        return read_image(result, tmp_path_factory.mktemp("root") / "tree")

    return make
