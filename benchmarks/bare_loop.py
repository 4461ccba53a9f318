"""The limit: boto3 in a loop, as lean as it gets. `python -m benchmarks.bare_loop`

Receive ten, do the database work (the same as the other sides; not at all with
`--no-database`), delete ten. No retries, no time limits, no failures, nothing that
makes a worker one: what a queue worker can be measured against, not what one can be.
As many processes as the other sides have.
"""

import os
import sys

import boto3


def main(queue_url: str, processes: int, *, database: bool) -> None:
    for _ in range(processes - 1):
        if os.fork() == 0:
            break
    sqs = boto3.client(
        "sqs",
        region_name="us-east-1",
        endpoint_url=os.environ["SQS_ENDPOINT_URL"],
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 (the local server takes any)
    )
    while True:
        answer = sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=20
        )
        received = answer.get("Messages", [])
        for message in received if database else ():
            processor.process(envelope.parse(message["Body"], fallback_id=""))
        if received:
            sqs.delete_message_batch(
                QueueUrl=queue_url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(received)
                ],
            )


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    from processing.delivery import processor
    from processing.events import envelope

    main(sys.argv[1], int(sys.argv[2]), database="--no-database" not in sys.argv)
