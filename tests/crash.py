"""The end of a process, as a test raises it."""


class Crash(BaseException):
    """The process dies here."""
