"""The system check of the settings of tracing."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error


def tracing(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    if not 0 <= settings.TRACE_SAMPLE_RATE <= 1:
        yield Error(
            f"TRACE_SAMPLE_RATE is {settings.TRACE_SAMPLE_RATE:g}, which is no share.",
            hint="Set it to 0 to 1, such as 0.01 for one trace in a hundred.",
            id="holdfast.E026",
        )
