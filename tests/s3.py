"""A real S3 server, with a bucket of its own for each test."""

from functools import cached_property
from typing import Any

from processing.s3 import bucket


class S3:
    """The bucket of one test, as the setting names it."""

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def _client(self) -> Any:
        return bucket.client()

    def address(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def objects(self) -> dict[str, bytes]:
        """The content of each object, by its key."""
        listed = self._client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return {one["Key"]: self._read(one["Key"]) for one in listed}

    def _read(self, key: str) -> bytes:
        answer = self._client.get_object(Bucket=self.name, Key=key)
        content: bytes = answer["Body"].read()
        return content
