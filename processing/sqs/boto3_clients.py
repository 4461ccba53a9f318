"""Make boto3 clients that sign with our credentials, and renew those that AWS refuses."""

import functools
from typing import Any

import boto3
from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session
from django.conf import settings

from processing.sqs import access, credentials, refusals


def make(service: str, endpoint: str, known: credentials.Steady, config: Config) -> Any:
    """A client of *service* at *endpoint*; an empty one is Amazon's own."""
    session = Session()
    session.register_component("credential_provider", credentials.Provider(known))
    boto3_session = boto3.Session(botocore_session=session)
    session.register_component("data_loader", _descriptions())
    made = boto3_session.client(
        service,  # type: ignore[call-overload]  # any service
        region_name=settings.AWS_REGION,
        endpoint_url=endpoint or None,
        verify=access.ca_bundle(),
        config=config,
    )
    made.meta.events.register(f"after-call.{service}", functools.partial(_doubt, known))
    return made


@functools.cache
def _descriptions() -> Loader:
    """What botocore knows of the services, read once for all clients of this process."""
    return Loader()


def _doubt(known: credentials.Steady, parsed: dict[str, Any], **_: Any) -> None:
    if parsed.get("Error", {}).get("Code") in refusals.BAD_CREDENTIALS:
        known.doubt()
