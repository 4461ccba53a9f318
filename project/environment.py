"""Environment variables, read so that a wrong one is named with the way out.

`environ.Env` takes any word for a false boolean, and ends in a traceback that names neither
variable nor value where a number or an address cannot be read. It reads "10m" and "1e1" as the
numbers 10 and 11, and takes a secret that begins with $ for the name of another variable.
"""

from collections.abc import Callable, Collection
from math import isfinite
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

_NO = ("0", "false", "off", "no", "n", "f")
_YES = environ.Env.BOOLEAN_TRUE_STRINGS
_NUMBERS = {int: "a whole number", float: "a number, such as 0.5"}


class Environment(environ.Env):  # type: ignore[misc]
    """A number or a switch that is set to nothing is as one that is not set.

    Of a list, the blanks around its parts are none of them.
    """

    def get_value(
        self,
        var: str,
        cast: Any = None,
        default: Any = environ.Env.NOTSET,
        parse_default: bool = False,
    ) -> Any:
        """Raises ImproperlyConfigured."""
        if var not in self.ENVIRON:
            return super().get_value(var, cast, default, parse_default)
        text = self.ENVIRON[var].strip()
        if cast in (int, float, bool) and not text and default is not self.NOTSET:
            return default  # of a text, nothing can be meant: SQS_ENDPOINT_URL
        if cast is bool and text.lower() not in (*_YES, *_NO):
            raise ImproperlyConfigured(f"{var} is {text!r}. Set it to true or false.")
        try:
            value = self.parse_value(self.ENVIRON[var], cast)
        except ValueError:
            sentence = f"{var} is {text!r}. Set it to {_NUMBERS[cast]}."
            raise ImproperlyConfigured(sentence) from None
        if cast is list:  # people write "a, b"
            return [one for part in value if (one := part.strip())]
        return value

    @classmethod
    def parse_value(cls, value: Any, cast: Any) -> Any:
        """Raises ValueError."""
        if cast is not float:
            return super().parse_value(value, cast)
        number = float(value)
        if not isfinite(number):
            raise ValueError
        return number

    def address(
        self,
        name: str,
        default: str,
        parse: Callable[[str], dict[str, Any]],
        schemes: Collection[str],
        example: str,
    ) -> dict[str, Any]:
        """What the URL in the variable *name* says. It is not repeated: it may hold a password.

        Raises ImproperlyConfigured.
        """
        unreadable = ImproperlyConfigured(
            f"{name} cannot be read. Write it like {example}"
        )
        url = self.str(name, "") or default
        if url.partition(":")[0] not in schemes:
            raise unreadable
        try:
            return parse(url)
        except Exception:  # environ lets each reader raise its own
            raise unreadable from None

    def one_of(self, name: str, *words: str) -> str:
        """The word that the variable *name* has, the first by default."""
        word = str(self.str(name, words[0]))
        if word not in words:
            allowed = f"{', '.join(words[:-1])} or {words[-1]}"
            raise ImproperlyConfigured(f"{name} is {word!r}. Set it to {allowed}.")
        return word
