"""A rule about a body that ends too early."""

from processing.events import strict_json

_CLOSING = {"{": "}", "[": "]"}
_LONGEST = 64 * 1024  # characters, as of an edit


def closed(text: str) -> str | None:
    """*text* with the brackets closed that are open at its end; None if that is no JSON."""
    if len(text) > _LONGEST:
        return None
    open_brackets: list[str] = []
    for token in strict_json.tokens(text):
        if token in _CLOSING:
            open_brackets.append(_CLOSING[token])
        elif token in ("}", "]") and (
            not open_brackets or open_brackets.pop() != token
        ):
            return None
    whole = text.rstrip().removesuffix(",") + "".join(reversed(open_brackets))
    return whole if open_brackets and _is_json(whole) else None


def _is_json(text: str) -> bool:
    try:
        strict_json.loads(text)
    except strict_json.UnreadableJSONError:
        return False
    return True
