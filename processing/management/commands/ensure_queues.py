from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from processing.sqs import queues
from processing.sqs.provision import RealAWSError, ensure_queues

ADVICE = (
    "Without --check this creates the queues that are missing, and changes none. If none should"
    " be missing, correct SQS_QUEUE_PREFIX; deploy the template to change attributes."
)


class Command(BaseCommand):
    help = "Create the declared queues where they are missing; report any difference."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="only report")
        parser.add_argument(
            "--allow-aws", action="store_true", help="create in a real AWS account"
        )

    def handle(self, *, check: bool, allow_aws: bool, **options: Any) -> None:
        try:
            drift = ensure_queues(allow_aws=allow_aws, create=not check)
        except RealAWSError as error:
            raise CommandError(f"{error} Add --allow-aws if you mean it.") from None
        except queues.SQS_ERRORS as error:
            raise CommandError(
                f"SQS does not answer ({type(error).__name__}). Correct SQS_ENDPOINT_URL,"
                " AWS_REGION or the credentials, and run this again."
            ) from None
        for line in drift:
            self.stderr.write(line)
        if drift:
            raise CommandError(
                f"{len(drift)} differences from the declaration. {ADVICE}"
            )
        self.stdout.write("All queues are as declared.")
