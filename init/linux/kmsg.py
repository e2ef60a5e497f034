"""The kernel's log, as PID 1 and the brain write it (Documentation/ABI/testing/dev-kmsg).

Trap: the kernel drops what user space writes too fast (10 lines in 5 s) unless `kernel.printk_devkmsg` is `on`, and cuts a
record at about 1000 bytes; so the switch is set when the log is opened and long lines are split.
"""

import os
from contextlib import suppress

# sys/syslog.h
LOG_ERR = 3
LOG_WARNING = 4
LOG_INFO = 6
LINE_LIMIT = 900  # bytes of one record
DEVICE = "/dev/kmsg"
PRINTK = "/proc/sys/kernel/printk"  # its first number: what is more urgent than that is shown on the console


class Log:
    """Writes lines to /dev/kmsg with a level, or to a plain stream where the kernel's log belongs to somebody else."""

    def __init__(self, descriptor: int, name: str = "init", *, plain: bool = False) -> None:
        self._descriptor, self._name, self._plain = descriptor, name, plain

    def info(self, message: str, **fields: object) -> None:
        """A step that went as it should."""
        self._write(LOG_INFO, message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """Something is degraded; the node goes on."""
        self._write(LOG_WARNING, message, fields)

    def error(self, message: str, **fields: object) -> None:
        """Something failed that a person has to look at."""
        self._write(LOG_ERR, message, fields)

    def show(self) -> None:
        """Have the console show every line of information from now on, also with `quiet`."""
        if not self._plain:
            with suppress(OSError), open(PRINTK, "w", encoding="ascii") as file:
                file.write(str(LOG_INFO + 1))

    def exception(self, where: str, error: BaseException) -> None:
        """An error with the places it came through, on one line: PID 1 goes on after it."""
        places, frame = [], error.__traceback__
        while frame is not None:
            places.append(f"{frame.tb_frame.f_code.co_name}:{frame.tb_lineno}")
            frame = frame.tb_next
        self.error("exception", where=where, kind=type(error).__name__, error=error, places=" > ".join(places))

    def _write(self, level: int, message: str, fields: dict[str, object]) -> None:
        text = " ".join([message, *(render_field(key, str(value)) for key, value in fields.items())])
        prefix = f"ophite: {self._name}: " if self._plain else f"<{level}>ophite: {self._name}: "
        for line in text.splitlines() or [""]:
            data = line.encode("utf-8", "replace")
            for start in range(0, len(data) or 1, LINE_LIMIT):
                with suppress(OSError):  # a log that cannot be written must not stop PID 1
                    os.write(self._descriptor, prefix.encode() + data[start : start + LINE_LIMIT] + b"\n")


def render_field(key: str, value: str) -> str:
    """`key=value`, in quotes where the value has spaces or none at all."""
    return f"{key}={value}" if value and not any(character.isspace() for character in value) else f'{key}="{value}"'


def open_log(name: str = "init", *, plain: bool = False) -> Log:
    """The kernel's log, else standard error (`plain`, or no /dev/kmsg)."""
    if plain:
        return Log(2, name, plain=True)
    with suppress(OSError), open("/proc/sys/kernel/printk_devkmsg", "w", encoding="ascii") as switch:
        switch.write("on\n")
    try:
        return Log(os.open(DEVICE, os.O_WRONLY | os.O_CLOEXEC), name)
    except OSError:
        return Log(2, name, plain=True)
