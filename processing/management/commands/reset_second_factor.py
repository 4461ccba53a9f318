from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from processing.models import StaffMember
from processing.staff import second_factor


class Command(BaseCommand):
    help = "Forget authenticator app and recovery codes of a member of staff."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the user name")

    def handle(self, *, name: str, **options: Any) -> None:
        person = StaffMember.objects.filter(username=name).first()
        if person is None:
            raise CommandError(f"No member of staff has the user name {name!r}.")
        if second_factor.reset(person):
            self.stdout.write("Reset. The next login sets up a new app.")
        else:
            self.stdout.write("There was no second factor to reset.")
