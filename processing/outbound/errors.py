class UndeliveredError(Exception):
    """The receiver did not confirm the message; it may or may not have taken it.

    The text is shown and logged, so it holds no address, no secret and no answer as it came.
    """

    def __init__(
        self,
        reason: str,
        *,
        is_refusal: bool = False,
        retry_after: float | None = None,
    ) -> None:
        """*is_refusal*: the receiver will refuse the same message again.

        *retry_after* is the number of seconds that the receiver asked for.
        """
        self.is_refusal = is_refusal
        self.retry_after = retry_after
        super().__init__(reason)


class PrivateAddressError(UndeliveredError):
    """The host has an address that is not public, and no setting allows it one."""

    def __init__(self) -> None:
        super().__init__("the host has an address that is not public", is_refusal=True)
