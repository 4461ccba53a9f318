"""The host that an API request was sent to. Django would look it up anew for each use."""

from django.http import HttpRequest

_HOST = "holdfast.host"


def note(request: HttpRequest) -> None:
    """Note the host, for `host_of`. Raises DisallowedHost where it is foreign."""
    request.META[_HOST] = request.get_host()


def host_of(request: HttpRequest) -> str:
    return str(request.META[_HOST])
