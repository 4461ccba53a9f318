"""Personal data is masked until somebody with the permission asks to see it, on record."""

import re

MASK = "•••"
_ADDRESS = re.compile(r"([\w.+-])[\w.+-]*@([\w-]+(?:\.[\w-]+)+)")
_PERSONAL = ("name", "phone", "company", "subject", "body")
_FIELD = re.compile(
    rf'("(?:{"|".join(_PERSONAL)})"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE
)


def mask(text: str) -> str:
    """*text* with addresses shortened: a…@example.com."""
    return _ADDRESS.sub(r"\1…@\2", text)


def mask_body(body: str) -> str:
    """*body* with addresses shortened and what people wrote about themselves hidden."""
    return mask(_FIELD.sub(rf'\1"{MASK}"', body))


def mask_field(label: str, value: str) -> str:
    """One field of a body, called *label* as in `profile.phone`."""
    return MASK if label.rpartition(".")[2] in _PERSONAL else mask(value)
