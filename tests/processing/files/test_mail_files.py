"""Mail that is written into files, where a machine has no mail server."""

import os
import stat
from pathlib import Path

from django.core.mail import EmailMessage

from processing.files.mail_files import EmailBackend


def test_only_its_owner_reads_a_file_of_mail(tmp_path: Path) -> None:
    mails = [EmailMessage("A link", f"that works {number}") for number in (1, 2)]
    for one in mails:
        one.to = ["ada@example.com"]
    before = os.umask(0)
    try:
        assert EmailBackend(file_path=str(tmp_path)).send_messages(mails) == 2
    finally:
        os.umask(before)
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().count("that works") == 2
