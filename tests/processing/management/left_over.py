"""Which processes are left of something a test started."""

import os
from contextlib import suppress
from pathlib import Path


def processes_with(variable: str) -> dict[int, str]:
    """Process id and command line of all whose environment holds *variable* (A=b)."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended while we looked, or is another user's
            environment = (folder / "environ").read_bytes().split(b"\0")
            if variable.encode() in environment and int(folder.name) != os.getpid():
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(folder.name)] = command.decode()
    return found
