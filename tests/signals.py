"""What a child process of a test hears."""

import signal

ASKS_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def hear_all() -> None:
    """In the child, before its program: `nohup make test &` ignores some, and that is inherited."""
    for number in ASKS_TO_STOP:
        signal.signal(number, signal.SIG_DFL)
