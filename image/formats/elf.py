"""The little of ELF that the build reads: sections, needed libraries, the interpreter (elf(5), 64-bit little-endian only)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAGIC = b"\x7fELF"
HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SECTION = struct.Struct("<IIQQQQIIQQ")
PROGRAM = struct.Struct("<IIQQQQQQ")
DYNAMIC = struct.Struct("<qQ")
ET_EXEC = 2
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NULL, DT_NEEDED, DT_STRTAB = 0, 1, 5


@dataclass(frozen=True)
class Elf:
    """A parsed ELF file; offsets are checked when they are used."""

    data: bytes
    kind: int
    machine: int
    programs: tuple[tuple[int, int, int, int], ...]  # type, offset, virtual address, size in the file
    sections: dict[str, tuple[int, int]]  # name → offset, size

    def section(self, name: str) -> bytes:
        """The bytes of a section; empty when there is none."""
        offset, size = self.sections.get(name, (0, 0))
        return self.data[offset : offset + size]

    @property
    def is_program(self) -> bool:
        """Whether the kernel can run it: linked to an address, or with an interpreter."""
        return self.kind == ET_EXEC or any(kind == PT_INTERP for kind, *_ in self.programs)

    def find_needed(self) -> list[str]:
        """The names of the shared libraries that it asks for (DT_NEEDED)."""
        entries = [
            entry for kind, offset, _, size in self.programs if kind == PT_DYNAMIC for entry in self._dynamic(offset, size)
        ]
        table = next((value for tag, value in entries if tag == DT_STRTAB), None)
        if table is None:
            return []
        strings = self._file_offset(table)
        return [_string(self.data, strings + value) for tag, value in entries if tag == DT_NEEDED]

    def _dynamic(self, offset: int, size: int) -> list[tuple[int, int]]:
        entries = []
        for tag, value in DYNAMIC.iter_unpack(self.data[offset : offset + size - size % DYNAMIC.size]):
            if tag == DT_NULL:
                break
            entries.append((tag, value))
        return entries

    def _file_offset(self, address: int) -> int:
        for kind, offset, start, size in self.programs:
            if kind == PT_LOAD and start <= address < start + size:
                return offset + address - start
        raise ValueError(f"address {address:#x} is in no segment")


def is_elf(data: bytes) -> bool:
    """Whether these first bytes of a file are ELF's."""
    return data.startswith(MAGIC)


def read_machine(header: bytes) -> int:
    """The machine that a file is for (e_machine), from its first 64 bytes; raises `ValueError` when they are no ELF header."""
    if not is_elf(header) or len(header) < HEADER.size:
        raise ValueError("not a 64-bit ELF file")
    return int(HEADER.unpack_from(header)[2])


def parse_elf(data: bytes) -> Elf:
    """Parse a 64-bit little-endian ELF file; raises `ValueError` for anything else."""
    if not is_elf(data) or len(data) < HEADER.size or data[4:6] != b"\x02\x01":
        raise ValueError("not a 64-bit little-endian ELF file")
    fields = HEADER.unpack_from(data)
    kind, machine, program_offset, section_offset = fields[1], fields[2], fields[5], fields[6]
    program_size, program_count, section_size, section_count, names_index = fields[9:14]
    try:
        rows = [PROGRAM.unpack_from(data, program_offset + i * program_size) for i in range(program_count)]
        headers = [SECTION.unpack_from(data, section_offset + i * section_size) for i in range(section_count)]
        names = headers[names_index][4] if headers else 0
        sections = {_string(data, names + header[0]): (header[4], header[5]) for header in headers}
    except (struct.error, IndexError) as error:
        raise ValueError(f"a truncated ELF file: {error}") from error
    return Elf(data, kind, machine, tuple((row[0], row[2], row[3], row[5]) for row in rows), sections)


def _string(data: bytes, offset: int) -> str:
    end = data.find(b"\0", offset)
    return data[offset : end if end >= 0 else len(data)].decode(errors="replace")
