"""The part of a volume's document that says how it is locked."""

import pytest
import yaml

from controllers.config.decode import Decoder
from controllers.config.documents import VolumeConfig
from controllers.config.documents.encryption import Encryption, EncryptionKey, NodeIDKey, StaticKey, check_encryption
from controllers.runtime.secret import redact

GOOD = """
keys:
  - slot: 0
    nodeID: {}
  - slot: 1
    static: {passphrase: correct horse battery}
"""
VOLUME = VolumeConfig.example()


def decode(text: str) -> tuple[Encryption | None, list[str]]:
    decoder, node = Decoder("VolumeConfig[EPHEMERAL]"), yaml.compose(text)
    assert node is not None
    found = decoder.decode_struct(node, Encryption, "encryption")
    problems = [*decoder.problems, *check_encryption(VOLUME, "encryption", found)]
    return found, [str(problem) for problem in problems]


def test_a_good_one() -> None:
    found, problems = decode(GOOD)
    assert problems == []
    passphrase = StaticKey(passphrase="correct horse battery")
    assert found == Encryption(keys=(EncryptionKey(slot=0, node_id=NodeIDKey()), EncryptionKey(slot=1, static=passphrase)))
    assert check_encryption(VOLUME, "encryption", found, node_id=True) == []
    assert "horse" not in repr(found) + repr(redact(found))


def test_none_at_all_is_not_encrypted() -> None:
    assert check_encryption(VOLUME, "encryption", None, node_id=True) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("keys: []", "VolumeConfig[EPHEMERAL].encryption.keys: empty (add a key"),
        ("{}", "encryption.keys: empty"),
        ("keys: [{slot: 8, nodeID: {}}]", "encryption.keys[0].slot: 8 is no key slot (0 to 7)"),
        ("keys: [{slot: -1, nodeID: {}}]", "keys[0].slot: -1 is no key slot"),
        ("keys: [{slot: 0, nodeID: {}}, {slot: 0, nodeID: {}}]", "keys[1].slot: slot 0 is there twice"),
        ("keys: [{slot: 0}]", "keys[0]: neither `static` nor `nodeID`"),
        ("keys: [{slot: 0, nodeID: {}, static: {passphrase: 123456789012}}]", "keys[0]: both `static` and `nodeID`"),
        ("keys: [{slot: 0, static: {passphrase: short}}]", "passphrase: 5 bytes, 12 to 512 are allowed"),
        (f"keys: [{{slot: 0, static: {{passphrase: {'x' * 513}}}}}]", "passphrase: 513 bytes"),
        ("keys: [{slot: 0, static: {}}]", "keys[0].static.passphrase: missing"),
        ("keys: [{slot: 0, tpm: {}}]", "keys[0].tpm: unknown field"),
        ("keys: [{slot: 0, nodeID: yes please}]", "keys[0].nodeID: expected fields, found a text"),
    ],
)
def test_bad_ones(text: str, problem: str) -> None:
    problems = decode(text)[1]
    assert any(problem in one for one in problems), problems


def test_state_needs_a_key_of_the_machine_itself() -> None:
    static = Encryption(keys=(EncryptionKey(slot=0, static=StaticKey(passphrase="correct horse battery")),))
    (problem,) = check_encryption(VOLUME, "encryption", static, node_id=True)
    assert "no key opens the volume before it is read" in problem.message
    assert "nodeID" in problem.hint
