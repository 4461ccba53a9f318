"""Forget a person. Exit codes: 0 done or a dry run, 1 refused, or something is left."""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from rich.progress import Progress

from dlq_review.errors import ReviewError
from dlq_review.forget import export, holdings
from dlq_review.forget.address import Address, NoAddressError
from dlq_review.forget.erasing import BlockedError, blocks, forget
from dlq_review.forget.holdings import Holdings
from processing.models import StaffMember


class Command(BaseCommand):
    help = (
        "Show what is held on a person; with --yes, erase it or put a pseudonym in its "
        "place. Ctrl-C stops it; the next run goes on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="the person's address")
        parser.add_argument(
            "--export", type=Path, help="first write all of it to this new file"
        )
        parser.add_argument("--yes", action="store_true", help="erase it")
        parser.add_argument("--by", default="", help="your user name, for the record")
        parser.add_argument(
            "--also-waiting",
            action="store_true",
            help="discard accepted requests of the person that were not fulfilled yet",
        )

    def handle(self, **options: Any) -> None:
        try:
            address = Address(options["email"])
        except NoAddressError as error:
            raise CommandError(str(error)) from None
        try:
            self._forget(address, options)
        except DatabaseError as error:
            raise CommandError(
                f"The database does not answer, or has no tables ({type(error).__name__})."
                " Start it, correct DATABASE_URL or run manage.py migrate; then run this again."
            ) from None

    def _forget(self, address: Address, options: dict[str, Any]) -> None:
        if options["yes"]:
            _check_user(options["by"])
        held = Holdings(address)
        self._show(held, also_waiting=options["also_waiting"])
        if options["export"] is not None:
            self._export(held, options["export"])
        if not options["yes"]:
            self.stdout.write("Nothing was erased. Add --yes --by USER.")
            return
        self._erase(address, options["by"], also_waiting=options["also_waiting"])

    def _show(self, held: Holdings, *, also_waiting: bool) -> None:
        counts = held.counts()
        for what, number in counts.items():
            self.stdout.write(f"{number:>8}  {what}")
        if not counts:
            self.stdout.write("Nothing is held on this address.")
        for key in held.archived():
            self.stdout.write(f"Delete it from the archive yourself: {key}")
        said = (*blocks(held, also_waiting=also_waiting), *held.left_as_they_are())
        for sentence in (*said, *holdings.on_sqs()):
            self.stdout.write(sentence)

    def _export(self, held: Holdings, path: Path) -> None:
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except OSError as error:
            raise CommandError(
                f"{path} cannot be made: {error.strerror}. Name a new file."
            ) from None
        written = 0
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            for line in export.lines(held):
                file.write(f"{line}\n")
                written += 1
        self.stdout.write(f"{written} rows were written to {path}.")

    def _erase(self, address: Address, by: str, *, also_waiting: bool) -> None:
        try:
            with Progress(disable=not self.stdout.isatty()) as bar:
                row = bar.add_task("Erasing", total=None)
                record = forget(
                    address,
                    by=by,
                    also_waiting=also_waiting,
                    progress=lambda what, done: bar.update(
                        row, description=f"{done} {what}"
                    ),
                )
        except BlockedError as error:
            raise CommandError(" ".join([str(error), *error.sentences])) from None
        except ReviewError as error:  # somebody at the desk was faster
            raise CommandError(f"{error} Run it again to go on.") from None
        except KeyboardInterrupt:
            raise CommandError("Stopped. Run it again to go on.") from None
        for what, number in record.counts.items():
            self.stdout.write(f"{number:>8}  {what}")
        self._look_again(address)

    def _look_again(self, address: Address) -> None:
        held = Holdings(address)
        left = [*held.left_as_they_are()]
        if counts := held.counts():
            named = ", ".join(f"{number} {what}" for what, number in counts.items())
            left.append(f"Left, or arrived meanwhile: {named}. Run it again later.")
        if left:
            raise CommandError(" ".join(left))
        self.stdout.write(
            "Nothing is left. What was on SQS may still arrive: run it again in 20 days."
        )


def _check_user(name: str) -> None:
    if not StaffMember.objects.filter(username=name, is_active=True).exists():
        raise CommandError(
            "--by names no active member of staff. Give your user name, for the record."
        )
