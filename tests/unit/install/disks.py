"""A disk that exists only in memory, as sparse blocks, and what is written to it."""

from controllers.block import gpt

MIB = 1 << 20
GIB = 1 << 30
BLOCK = 512


class FakeDisk:
    """Reads and writes of any size; what was never written is zero."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.blocks: dict[int, bytes] = {}

    def read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size)
        first, last = offset // BLOCK, -(-end // BLOCK)
        data = b"".join(self.blocks.get(number, bytes(BLOCK)) for number in range(first, last))
        return data[offset - first * BLOCK : end - first * BLOCK]

    def write(self, offset: int, data: bytes) -> None:
        first = offset // BLOCK
        whole = bytearray(self.read(first * BLOCK, -(-(offset + len(data)) // BLOCK) * BLOCK - first * BLOCK))
        whole[offset - first * BLOCK : offset - first * BLOCK + len(data)] = data
        for number in range(len(whole) // BLOCK):
            self.blocks[first + number] = bytes(whole[number * BLOCK : (number + 1) * BLOCK])

    def copy(self) -> "FakeDisk":
        other = FakeDisk(self.size)
        other.blocks = dict(self.blocks)
        return other

    def write_table(self, table: gpt.Table) -> None:
        for offset, data in gpt.encode(table):
            self.write(offset, data)
