"""How much of a machine's memory its own programs may take: a table by how much the machine has.

On a machine with plenty nothing is said, because Go's and Kubernetes' defaults are right. A small one pays processor time for
memory: Go collects garbage more often (GOGC), etcd keeps a shorter log in memory, and kubelet tells the scheduler of less, so
that pods are not promised what the system uses. Numbers and how they were measured: docs/low-memory.md.
Trap: of 1 GiB the kernel shows 940 MiB and less, so limits lie between the sizes that machines have.
"""

from typing import NamedTuple

MIB = 1 << 20


class MemoryProfile(NamedTuple):
    """What holds for machines with less than `below` bytes of memory. Sizes are MiB.

    `gogc`: percent that a Go program's heap may grow before it collects garbage, 0 = its default of 100. `reserved`: what the
    scheduler is not told of. `evict`: with less than this left kubelet ends pods. `log`: entries that etcd keeps in memory
    before it writes a snapshot, 0 = its default. `compressed`: percent of the memory that swap in compressed memory may hold.
    """

    name: str
    below: int
    gogc: int
    reserved: int
    evict: int
    log: int
    compressed: int


PROFILES = (
    MemoryProfile("small", 1536 * MIB, gogc=50, reserved=320, evict=64, log=10_000, compressed=50),
    MemoryProfile("modest", 3072 * MIB, gogc=70, reserved=320, evict=100, log=10_000, compressed=25),
)
PLENTY = MemoryProfile("plenty", 0, gogc=0, reserved=256, evict=100, log=0, compressed=0)


def find_profile(memory: int) -> MemoryProfile:
    """Return the profile of a machine with that many bytes of memory; 0 is not known, and plenty."""
    return next((profile for profile in PROFILES if 0 < memory < profile.below), PLENTY)
