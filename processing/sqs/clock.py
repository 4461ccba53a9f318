"""The clock of SQS, to compare ours with.

AWS refuses a call that was signed many minutes ago or ahead, with the code of a wrong
signature, so a wrong clock looks like wrong keys.
"""

from email.utils import parsedate_to_datetime
from time import time

import pycurl

from processing.sqs import access, queues


class NoTimeError(Exception):
    """SQS gave no answer, or one that tells no time."""


def behind() -> float:
    """Seconds that our clock is behind that of SQS; below zero if ours is ahead.

    Reads the header Date of any answer, so it needs no credentials. Exact to a second or
    two. Raises NoTimeError.
    """
    told: list[str] = []

    def read(line: bytes) -> None:
        name, _, value = line.decode("latin-1").partition(":")
        if name.lower() == "date":
            told.append(value.strip())

    curl = pycurl.Curl()
    curl.setopt(pycurl.HEADERFUNCTION, read)
    try:
        _ask(curl)
        return parsedate_to_datetime(told[-1]).timestamp() - time()
    except (pycurl.error, IndexError, ValueError) as error:
        raise NoTimeError from error
    finally:
        curl.close()


def _ask(curl: pycurl.Curl) -> None:
    """Raises pycurl.error, or ValueError if the address of SQS is none."""
    where = queues.reached()
    where.tell(curl)
    curl.setopt(pycurl.URL, f"{where.endpoint}/")
    curl.setopt(pycurl.POSTFIELDS, "")  # SQS refuses it, and tells the time
    curl.setopt(pycurl.TIMEOUT_MS, int(access.QUICK_ANSWER * 1000))
    curl.perform_rb()
