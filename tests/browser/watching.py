"""What no page may do, whoever looks at it: break the policy, err, ask another host."""

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Request

_OURS = ("127.0.0.1", "localhost")
_TELL_OF_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`violation of ${event.violatedDirective}: ${event.blockedURI}`));
"""
#: What Chromium says of a page that was answered with 403, 404 or 429, as it should be.
_REFUSED = "Failed to load resource: the server responded with a status of 4"


class Watch:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def over(self, context: BrowserContext) -> None:
        context.add_init_script(_TELL_OF_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.seen.append(str(error.error)))
        context.on("request", self._request)
        context.on("dialog", self._dialog)

    def _console(self, message: ConsoleMessage) -> None:
        page = message.page.url if message.page else ""
        expected = message.text.startswith(_REFUSED) and message.location["url"] == page
        if message.type in ("error", "warning") and not expected:
            self.seen.append(f"{page}: {message.text}")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme != "data" and address.hostname not in _OURS:
            self.seen.append(f"{request.frame.page.url} asked {request.url}")

    def _dialog(self, dialog: Dialog) -> None:
        self.seen.append(f"A dialog says {dialog.message!r}")
        dialog.dismiss()
