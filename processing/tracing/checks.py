"""The system check of the settings of tracing."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from processing.tracing.addresses import NEEDED, problem


def tracing(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    if not 0 <= settings.TRACE_SAMPLE_RATE <= 1:
        yield Error(
            f"TRACE_SAMPLE_RATE is {settings.TRACE_SAMPLE_RATE:g}, which is no share.",
            hint="Set it to 0 to 1, such as 0.01 for one trace in a hundred.",
            id="holdfast.E026",
        )
    endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT
    if not endpoint:
        return
    if not _is_address(endpoint):
        yield Error(
            "OTEL_EXPORTER_OTLP_ENDPOINT is no address of a collector.",
            hint="Write it as http://127.0.0.1:4318, without /v1/traces.",
            id="holdfast.E027",
        )
    try:
        import_module("processing.tracing.exporter")
    except ImportError as error:
        yield Warning(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set, and {error.name} is not installed:"
            " no spans are exported.",
            hint="pip install --require-hashes -r requirements-tracing.txt",
            id="holdfast.W028",
        )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and named and not parts.query


def outside_links(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    for name in NEEDED:
        template = getattr(settings, name)
        if template and (wrong := problem(name, template)):
            yield Error(
                f"{name} is wrong. {wrong}",
                hint="Write it as https://logs.example.com/?query={trace_id}.",
                id="holdfast.E029",
            )
