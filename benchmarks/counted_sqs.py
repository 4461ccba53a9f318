"""The SQS server of a run: ministack, counting the requests it answers.

Counting here, where requests arrive, costs each side the same and misses none: neither
botocore's retries nor the polls that a Celery worker makes through curl. `GET /calls` tells the
counts, by queue and action.
"""

import json
import re
from collections import Counter, defaultdict
from typing import Any

from ministack import app as ministack

_QUEUE = re.compile(rb'"QueueUrl": ?"[^"]*/([^"/]+)"')
_answer = ministack.app
_calls: dict[str, Counter[str]] = defaultdict(Counter)


async def count(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        await _answer(scope, receive, send)
    elif scope["path"] == "/calls":
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(_calls).encode()})
    else:
        target = dict(scope["headers"]).get(b"x-amz-target", b"").decode()
        await _answer(scope, _reading(receive, target.partition(".")[2]), send)


def _reading(receive: Any, action: str) -> Any:
    body = b""
    counted = False

    async def read() -> Any:
        nonlocal body, counted
        part = await receive()
        if not counted:
            body += part.get("body", b"")
            if found := _QUEUE.search(body):
                _calls[found[1].decode()][action] += 1
                counted = True
        return part

    return read


if __name__ == "__main__":
    ministack.app = count
    ministack.main()
