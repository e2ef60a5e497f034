"""Who carries out which step, and what is said when one fails."""

import pytest

from controllers.block.gpt import GptError
from controllers.block.luks import SlotKey
from controllers.block.luks_keys import LuksError
from controllers.block.volume_run import StepRunner, explain, no_keys
from controllers.block.volume_steps import Clear, EncryptClose, EncryptFormat, EncryptOpen, EncryptSync
from tests.harness.volumes import FakeDisks

KEYS = (SlotKey(2, b"secret"), SlotKey(0, b"other"))


async def test_encryption_goes_to_cryptsetup_with_the_keys_of_the_partition() -> None:
    fake, asked = FakeDisks(), list[str]()

    def keys(partition_uuid: str) -> tuple[SlotKey, ...]:
        asked.append(partition_uuid)
        return KEYS

    names = ("/dev/vdb1", "u-data", "uuid-1")
    for step in (EncryptFormat(*names), EncryptOpen(*names), EncryptSync(*names), Clear("/dev/vdb1"), EncryptClose("u-data")):
        await StepRunner(fake, fake).run(step, keys)
    assert fake.done == ["LuksFormat", "LuksOpen", "LuksSync 2,0", "Clear", "LuksClose"]
    assert asked == ["uuid-1"] * 3
    assert fake.opened == set()


async def test_without_keys_nothing_is_opened() -> None:
    fake = FakeDisks()
    with pytest.raises(LuksError, match="no key for partition uuid-1"):
        await StepRunner(fake, fake).run(EncryptOpen("/dev/vdb1", "u-data", "uuid-1"), no_keys)
    assert fake.done == []


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (OSError(5, "Input/output error"), "[Errno 5] Input/output error; the disk does not answer as it should"),
        (OSError(19, "No such device"), "[Errno 19] No such device; the disk is gone: attach it again"),
        (OSError(30, "Read-only file system"), "[Errno 30] Read-only file system; the disk is read-only"),
        (OSError(16, "busy"), "[Errno 16] busy"),
        (GptError("it overlaps"), "it overlaps"),
    ],
)
def test_faults_say_what_helps(fault: Exception, text: str) -> None:
    assert explain(fault).startswith(text)
