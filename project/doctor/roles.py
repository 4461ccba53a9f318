"""The four processes of the Procfile, whose permissions and needs differ."""

from enum import StrEnum


class Role(StrEnum):
    WEB = "web"
    WORKER = "worker"
    JOBS = "jobs"
    BEAT = "beat"


EVERY = frozenset(Role)
