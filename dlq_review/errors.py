"""Errors that refuse a step; each text is for the person who asked."""


class ReviewError(Exception):
    """A step that cannot be taken; its text is for the person who asked."""


class WrongStateError(ReviewError):
    """The dead letter is in a state that does not allow this."""


class ChangedMeanwhileError(ReviewError):
    """Somebody changed this dead letter in the meantime. Look at it again, then decide."""


class ReasonMissingError(ReviewError):
    """Say why, so that whoever looks at this later understands it."""


class FailedError(ReviewError):
    """It failed, and nothing was changed. The log names the error."""

    def __init__(self, error: Exception) -> None:
        super().__init__(
            f"It failed with {type(error).__name__}, and nothing was changed. The log "
            "tells more."
        )
