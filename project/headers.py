"""The policies of a page, the same for every answer, so each is written once.

Content-Security-Policy: django-csp's own middleware writes it anew for each answer, because
it may hold a nonce; ours never does, as no page has an inline script or style.
Permissions-Policy: our pages use none of these, so nothing in them may.
"""

from collections.abc import Callable

from csp.constants import HEADER
from csp.utils import build_policy
from django.http import HttpRequest, HttpResponse

NOT_USED = (
    "accelerometer",
    "autoplay",
    "camera",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "usb",
    "xr-spatial-tracking",
)


class PolicyHeadersMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.policies = {
            HEADER: build_policy(),
            "Permissions-Policy": ", ".join(f"{name}=()" for name in NOT_USED),
        }

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, policy in self.policies.items():
            response.headers[name] = policy
        return response
