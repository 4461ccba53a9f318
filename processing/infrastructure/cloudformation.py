"""The templates, one for each life: of the data, of a release, of the edge."""

import json
from collections.abc import Mapping
from typing import Any

from processing.infrastructure import edge, messaging, service
from processing.infrastructure.intrinsics import Template
from processing.sqs.attributes import Limits
from processing.sqs.topology import Queue

LINES_DOWN_TO = 4  # a line for each property; more would exceed what a deploy takes
MOST_BYTES = 51_200
COMPACT = (",", ":")
TOO_LONG = f"more than {MOST_BYTES} bytes. Deploy it with --s3-bucket."


def templates(
    queues: Mapping[str, Queue], limits: Limits, commands: service.Commands
) -> dict[str, Template]:
    """The templates by name, for these settings and these lines of the Procfile."""
    fifo = [queue.name for queue in queues.values() if queue.fifo]
    environment = {
        "FIFO_QUEUES": ",".join(fifo),
        "SQS_MAX_RECEIVE_COUNT": str(limits.max_receive_count),
        "SQS_WAIT_SECONDS": str(limits.wait_seconds),
    }
    return {
        "messaging": messaging.template(queues, limits),
        "service": service.template(queues, commands, environment),
        "edge": edge.template(),
    }


def as_text(value: Any, depth: int = LINES_DOWN_TO) -> str:
    """JSON with line breaks down to *depth*, so that a changed property is a changed line.

    There are no blanks: they would be a tenth of what a deployment takes.
    """
    if not depth or not value or not isinstance(value, dict):
        return json.dumps(value, separators=COMPACT)
    lines = [
        f"{json.dumps(key)}:{as_text(one, depth - 1)}" for key, one in value.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}"
