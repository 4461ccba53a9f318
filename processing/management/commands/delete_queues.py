from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from processing.sqs import queues, refusals, removal


class Command(BaseCommand):
    help = "Delete the queues that ensure_queues made, in development. It shows them first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--allow-aws", action="store_true", help="delete in a real AWS account"
        )
        parser.add_argument(
            "--with-messages",
            action="store_true",
            help="also queues that hold messages, which are lost",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(
        self, *, allow_aws: bool, with_messages: bool, yes: bool, **options: Any
    ) -> None:
        try:
            made = removal.made_queues(allow_aws=allow_aws)
            for one in made:
                self.stdout.write(f"{one.url}  messages: {one.messages}")
            if not made:
                self.stdout.write("There are no queues of this prefix.")
                return
            if not with_messages:
                removal.refuse_messages(made)
            if not (yes or _is_sure(len(made))):
                raise CommandError("Nothing was deleted.")
            removal.delete(made)
        except removal.RemovalRefusedError as error:
            raise CommandError(str(error)) from None
        except queues.SQS_ERRORS as error:
            raise CommandError(
                f"SQS refuses, or does not answer ({refusals.code(error)}). Correct"
                " SQS_ENDPOINT_URL, AWS_REGION or the credentials, and run this again."
            ) from None
        self.stdout.write(f"{len(made)} queues were deleted.")


def _is_sure(number: int) -> bool:
    try:
        return input(f"Delete these {number} queues? Type yes: ").strip() == "yes"
    except EOFError:
        raise CommandError("Nobody is there to ask. Add --yes.") from None
