"""Mail written to files, in place of a mail server: their links work, so nobody else reads them."""

from pathlib import Path

from django.core.mail.backends import filebased

from processing.files.private_files import make_private_file


class EmailBackend(filebased.EmailBackend):
    def open(self) -> bool | None:
        if self.stream is None:
            make_private_file(Path(self._get_filename()))
        return super().open()
