"""Mail in files, which a machine without a mail server keeps (EMAIL_URL)."""

import email
from email import policy
from pathlib import Path

from django.conf import settings

from dlq_review.forget.address import Address

_BETWEEN = "-" * 79 + "\n"  # mails of one file, as Django writes them


def naming(address: Address) -> list[Path]:
    """The files that name *address*."""
    folder = getattr(settings, "EMAIL_FILE_PATH", None)
    if "mail_files" not in settings.EMAIL_BACKEND or not folder:
        return []
    files = sorted(Path(folder).glob("*.log"))
    return [one for one in files if any(_names(address, mail) for mail in _mails(one))]


def erase(address: Address) -> int:
    """Erase the mails that name *address*; return how many files they were in."""
    files = naming(address)
    for file in files:
        left = [one for one in _mails(file) if not _names(address, one)]
        if any(one.strip() for one in left):
            file.write_text(_BETWEEN.join(left))
        else:
            file.unlink()
    return len(files)


def _mails(file: Path) -> list[str]:
    return file.read_text(errors="replace").split(_BETWEEN)


def _names(address: Address, mail: str) -> bool:
    message = email.message_from_string(mail, policy=policy.default)
    parts = list(message.walk())
    heads = [str(value) for part in parts for value in part.values()]
    texts = [
        bytes(part.get_payload(decode=True) or b"").decode("utf-8", "replace")
        for part in parts
        if not part.is_multipart()
    ]
    return any(map(address.is_in, (mail, *heads, *texts)))
