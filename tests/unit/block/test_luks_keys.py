"""Keys of encrypted volumes: derivation, the machine's id, and steps that no power cut makes dangerous."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.block.luks_keys import (
    ALL_SLOTS,
    AddKey,
    LuksError,
    SlotKey,
    SlotStep,
    derive_node_key,
    find_machine_id,
    hkdf_expand,
    node_key,
    plan_slots,
    resolve_keys,
)
from controllers.config.documents.encryption import Encryption, EncryptionKey, NodeIDKey, StaticKey
from controllers.resources.hardware import SystemInformation

UUID = "4c4c4544-0044-4a10-8052-b7c04f4d3532"
PARTITION = "6f706869-7465-4000-8000-000000000001"
SYSTEM = SystemInformation(uuid=UUID)


def test_hkdf_expand_gives_what_rfc_5869_appendix_a_1_says() -> None:
    key = bytes.fromhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
    info = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9")
    okm = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    assert hkdf_expand(key, info, 42).hex() == okm


def test_every_partition_and_every_machine_has_its_own_key() -> None:
    keys = {derive_node_key(UUID, PARTITION), derive_node_key(UUID, "x"), derive_node_key("x", PARTITION)}
    assert len(keys) == 3
    assert all(len(key) == 64 for key in keys)
    assert derive_node_key(UUID, PARTITION.upper()) == derive_node_key(UUID, PARTITION)


def test_a_node_key_never_changes() -> None:
    # Kept: volumes out there open with it.
    assert derive_node_key(UUID, PARTITION) == b"06f44cb2ad7ac7e14d5c1fd286622c8428cffb744f4334aee585b5c096ff4edb"


@pytest.mark.parametrize(
    ("system", "wanted"),
    [
        (SystemInformation(uuid=UUID.upper()), UUID),
        (SystemInformation(serial="10000000a1b2c3d4"), "serial 10000000a1b2c3d4"),
    ],
)
def test_machine_ids(system: SystemInformation, wanted: str) -> None:
    assert find_machine_id(system) == wanted


@pytest.mark.parametrize(
    "system",
    [
        SystemInformation(),
        SystemInformation(uuid="00000000-0000-0000-0000-000000000000"),
        SystemInformation(uuid="ffffffff-ffff-ffff-ffff-ffffffffffff"),
        SystemInformation(uuid="03000200-0400-0500-0006-000700080009"),
        SystemInformation(uuid="not settable", serial="10000000a1b2c3d4"),
        SystemInformation(serial="00000000"),
    ],
)
def test_ids_that_are_none(system: SystemInformation) -> None:
    with pytest.raises(LuksError, match="use a `static` key"):
        find_machine_id(system)


def test_the_document_becomes_keys() -> None:
    encryption = Encryption(
        keys=(
            EncryptionKey(slot=3, static=StaticKey(passphrase="correct horse battery")),
            EncryptionKey(slot=0, node_id=NodeIDKey()),
        )
    )
    assert resolve_keys(encryption, SYSTEM, PARTITION) == (node_key(0, SYSTEM, PARTITION), SlotKey(3, b"correct horse battery"))


def test_a_key_does_not_show() -> None:
    assert "horse" not in repr(SlotKey(0, b"horse"))


A, B, C = b"a", b"b", b"c"


def carry_out(state: dict[int, bytes], steps: tuple[SlotStep, ...]) -> dict[int, bytes]:
    """Do what cryptsetup does, with its refusals."""
    after = dict(state)
    for step in steps:
        assert step.opens_with.secret in after.values(), "the key does not open the volume"
        if isinstance(step, AddKey):
            assert step.slot not in after, "the slot is taken"
            after[step.slot] = step.key.secret
        else:
            del after[step.slot]
            assert step.opens_with.secret in after.values(), "that was the last key"
    return after


def plan(state: dict[int, bytes], wanted: list[SlotKey], known: bytes) -> tuple[SlotStep, ...]:
    fitting = [key for key in wanted if state.get(key.slot) == key.secret]
    secrets = [*(key.secret for key in wanted), known]
    opener = fitting[0] if fitting else next(SlotKey(slot, s) for one in secrets for slot, s in state.items() if s == one)
    return plan_slots(state, [key.slot for key in fitting], wanted, opener)


@pytest.mark.parametrize(
    ("state", "wanted", "steps"),
    [
        ({0: A}, [SlotKey(0, A)], 0),
        ({0: A}, [SlotKey(0, A), SlotKey(1, B)], 1),
        ({0: A, 1: B}, [SlotKey(1, B)], 1),
        ({0: A}, [SlotKey(1, B)], 2),
        ({0: A}, [SlotKey(0, B)], 4),  # in its own slot: by way of a spare one
        ({0: A, 1: B}, [SlotKey(0, C), SlotKey(1, B)], 2),
        ({0: A, 1: B}, [SlotKey(0, B), SlotKey(1, A)], 4),
        ({0: A, 8: B}, [SlotKey(0, B)], 3),  # a rotation that was cut off
    ],
)
def test_steps(state: dict[int, bytes], wanted: list[SlotKey], steps: int) -> None:
    planned = plan(state, wanted, A)
    assert len(planned) == steps
    assert carry_out(state, planned) == {key.slot: key.secret for key in wanted}
    assert all(step.describe() for step in planned)


keys = st.binary(min_size=1, max_size=1)
states = st.dictionaries(st.integers(0, 10), keys, min_size=1, max_size=6)
wishes = st.dictionaries(st.integers(0, 7), keys, min_size=1, max_size=4)


@given(states, wishes, st.data())
def test_no_power_cut_locks_anybody_out(state: dict[int, bytes], wish: dict[int, bytes], data: st.DataObject) -> None:
    known = data.draw(st.sampled_from(sorted(state.values())))
    wanted = [SlotKey(slot, secret) for slot, secret in wish.items()]
    steps = plan(state, wanted, known)
    assert carry_out(state, steps) == wish
    cut = carry_out(state, steps[: data.draw(st.integers(0, len(steps)))])
    assert {known, *wish.values()} & set(cut.values())
    assert carry_out(cut, plan(cut, wanted, known)) == wish


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(LuksError, match="needs a key"):
        plan_slots({0}, (), (), SlotKey(0, A))
    full = dict.fromkeys(range(ALL_SLOTS), A)
    with pytest.raises(LuksError, match="all key slots"):
        plan_slots(full, (), [SlotKey(0, B)], SlotKey(0, A))
