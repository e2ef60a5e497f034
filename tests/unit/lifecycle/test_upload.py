"""A bundle in pieces: in order, bounded, one at a time, and nothing is left of one that is wrong."""

from pathlib import Path
from typing import Any

import pytest

from controllers.lifecycle.bundle import Bundle, Manifest
from controllers.lifecycle.errors import BundleError
from controllers.lifecycle.upload import PIECE_LIMIT, Uploads
from controllers.runtime.errors import OperationError

MANIFEST = Manifest(
    format=1, minimum_format=1, version="2", board="b", arch="amd64", kubernetes="1", built=0, root_hash="0" * 64, files={}
)


class FakeSink:
    """Keeps what comes; `bad` anywhere in it is wrong."""

    made: list["FakeSink"]

    def __init__(self) -> None:
        self.data = b""
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.data += data
        if b"bad" in self.data:
            raise BundleError("wrong signature")

    def finish(self) -> Bundle:
        return Bundle(Path("/bundle"), MANIFEST, f"id of {self.data.decode()}")

    def abort(self) -> None:
        self.aborted = True


@pytest.fixture
def sinks() -> list[FakeSink]:
    return []


class UploadsToSinks(Uploads):
    """Begins with a fake sink."""

    def __init__(self, sinks: list[FakeSink]) -> None:
        super().__init__()
        self.sinks = sinks

    async def start(self) -> str:
        def receive() -> Any:
            self.sinks.append(FakeSink())
            return self.sinks[-1]

        return await self.begin(receive)


@pytest.fixture
def uploads(sinks: list[FakeSink]) -> UploadsToSinks:
    return UploadsToSinks(sinks)


async def test_pieces_become_a_bundle(uploads: UploadsToSinks) -> None:
    name = await uploads.start()
    await uploads.write(name, 0, b"abc")
    await uploads.write(name, 3, b"de")
    assert (await uploads.finish(name)).identity == "id of abcde"
    with pytest.raises(OperationError, match="has ended"):
        await uploads.finish(name)


async def test_a_piece_out_of_order_or_too_long_is_refused(uploads: UploadsToSinks) -> None:
    name = await uploads.start()
    with pytest.raises(OperationError, match="byte 5 came where 0 belongs"):
        await uploads.write(name, 5, b"x")
    with pytest.raises(OperationError, match="at most"):
        await uploads.write(name, 0, b"x" * (PIECE_LIMIT + 1))


async def test_what_is_wrong_ends_the_upload(uploads: UploadsToSinks, sinks: list[FakeSink]) -> None:
    name = await uploads.start()
    with pytest.raises(BundleError, match="wrong signature"):
        await uploads.write(name, 0, b"bad")
    assert sinks[0].aborted
    with pytest.raises(OperationError, match="has ended"):
        await uploads.write(name, 3, b"more")


async def test_another_upload_takes_the_place_of_one_that_was_left(uploads: UploadsToSinks, sinks: list[FakeSink]) -> None:
    first = await uploads.start()
    await uploads.write(first, 0, b"abc")
    second = await uploads.start()
    assert sinks[0].aborted
    with pytest.raises(OperationError, match="another one has begun"):
        await uploads.write(first, 3, b"d")
    await uploads.write(second, 0, b"z")
    assert (await uploads.finish(second)).identity == "id of z"


async def test_a_name_that_nobody_gave_out(uploads: UploadsToSinks) -> None:
    with pytest.raises(OperationError, match="has ended"):
        await uploads.write("", 0, b"x")
