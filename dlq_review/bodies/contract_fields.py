"""The fields that a contract declares, as a person fills them in."""

from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, cached_property
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from processing.events.contracts import CONTRACTS
from processing.events.field_types import Public
from processing.events.masking import mask_name
from processing.events.timestamps import ON_A_QUEUE

_LONGEST = 200  # characters of a path
_LONG = 1_000  # characters; a text that may be longer has several lines


@dataclass(frozen=True)
class Kind:
    """What a field takes."""

    annotation: Any
    required: bool = False
    public: bool = False
    computed: bool = False
    """It is made of other fields if it is left out."""
    bare: Any = field(init=False)
    """The annotation without its marks, and without `| None`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "bare", _apart(self.annotation)[0])

    @property
    def model(self) -> type[BaseModel] | None:
        is_model = isinstance(self.bare, type) and issubclass(self.bare, BaseModel)
        return self.bare if is_model else None

    @property
    def member(self) -> "Kind | None":
        """The kind of each member, if this is a list."""
        if get_origin(self.bare) is not list:
            return None
        return Kind(get_args(self.bare)[0], public=self.public)

    @property
    def is_free(self) -> bool:
        """Whether it is an object whose names the sender chooses."""
        return get_origin(self.bare) is dict

    @property
    def choices(self) -> tuple[str, ...]:
        return get_args(self.bare) if get_origin(self.bare) is Literal else ()

    @property
    def is_whole(self) -> bool:
        return self.bare is int

    @property
    def is_amount(self) -> bool:
        return self.bare is Decimal

    @property
    def is_long(self) -> bool:
        return any(limit > _LONG for limit in _limits(self.annotation))

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.annotation)

    def takes(self, value: Any) -> bool:
        """Whether the contract accepts *value* here, whatever the other fields say."""
        try:
            self._adapter.validate_python(value, strict=True, context=ON_A_QUEUE)
        except (ValidationError, ValueError):
            return False
        return True

    def at(self, names: tuple[str, ...]) -> "Kind | None":
        """The kind at the end of *names*; None if no contract declares it.

        A place in a list is its number, or `*` for any.
        """
        found: Kind | None = self
        for name in names:
            if found is None:
                return None
            if found.model is not None:
                found = fields_of(found.model).get(name)
            else:
                found = found.member if name == "*" or name.isdecimal() else None
        return found


def declares(type: str, path: str) -> bool:
    """Whether the contract of *type* has a field at *path*, as in data.items.0.sku.

    In an object whose names the sender chooses, a name counts that reads like a program's.
    """
    first, *names = path.split(".")
    if type not in CONTRACTS or first != "data" or not names or len(path) > _LONGEST:
        return False
    *outer, last = names
    kind, around = (Kind(CONTRACTS[type]).at(tuple(one)) for one in (names, outer))
    free = around is not None and around.is_free and mask_name(last) == last
    return kind is not None or free


@cache
def fields_of(model: type[BaseModel]) -> dict[str, Kind]:
    """The fields of *model* by name, in the order of their declaration."""
    return {
        name: Kind(
            Annotated[(info.annotation, *info.metadata)]
            if info.metadata
            else info.annotation,
            required=info.is_required(),
            public=any(isinstance(one, Public) for one in info.metadata),
            computed=bool(info.default_factory_takes_validated_data),
        )
        for name, info in model.model_fields.items()
    }


def _apart(annotation: Any) -> tuple[Any, list[Any]]:
    marks: list[Any] = []
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation, *more = get_args(annotation)
            marks += more
        elif origin in (Union, UnionType):
            parts = get_args(annotation)
            annotation = next(one for one in parts if one is not NoneType)
        else:
            return annotation, marks


def _limits(annotation: Any) -> list[int]:
    marks = _apart(annotation)[1]
    inner = [one for mark in marks for one in getattr(mark, "metadata", ())]
    found = [getattr(one, "max_length", None) for one in (*marks, *inner)]
    return [one for one in found if isinstance(one, int)]
