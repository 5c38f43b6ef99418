# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""``dataclass``, as in the standard library, for classes that each task loads anew. Private to the collection.

The library's own writes the source of six methods for each class and compiles it (0.7 ms a class with Python 3.11), and
looks at each field for some twenty things that ours are not (0.3 ms a class): for the 70 classes of a container_bridge
task more than half of what it cost beyond a ping. Here the methods, which do the same, are made of functions that are
there. What the library's ``fields``, ``replace`` and others want of a class, the library adds when the first of them is
called. Of its parameters this knows those that are in use; ``field`` is the library's. A class may not write one of
these methods itself, have a ClassVar, or inherit from a class of the library's decorator. To type checkers this is the
library's decorator.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any

_Values = Callable[[object], Any]
_Comparison = Callable[[object, object], Any]
_Fields = Mapping[str, Any]  # by name the default, or what ``field`` returned, or MISSING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # pylint: disable=useless-import-alias
else:

    def dataclass(cls=None, *, frozen=False, order=False):
        """Give a class what its fields call for: ``@dataclass``, or ``@dataclass(frozen=True, order=True)``."""
        if cls is None:
            return lambda decorated: dataclass(decorated, frozen=frozen, order=order)
        # Without a docstring the library makes one of the signature, for which it takes as long as for a method.
        cls.__doc__ = cls.__doc__ or cls.__name__
        own = _own_fields(cls)
        fields = {**getattr(cls, "_light_fields", {}), **own}
        cls._light_fields = fields
        cls.__dataclass_fields__ = _FieldsOfLibrary(cls, own)
        cls.__match_args__ = tuple(fields)
        compared = _values(_names(fields, "compare"))
        cls.__init__ = _init(cls.__qualname__, fields)
        cls.__repr__ = _repr(_names(fields, "repr"))
        cls.__eq__ = _eq(compared)
        cls.__hash__ = _hash(compared) if frozen else None
        if frozen:
            cls.__setattr__, cls.__delattr__ = _no_assignment, _no_deletion
        if order:
            cls.__lt__, cls.__le__, cls.__gt__, cls.__ge__ = _order(compared)
        return cls


class _FieldsOfLibrary:
    """``__dataclass_fields__`` of a class, until it is looked at: the library then puts its own in this place."""

    def __init__(self, owner: type, own: _Fields) -> None:
        self._owner, self._own = owner, own

    def __get__(self, _instance: object, _class: type | None = None) -> Any:
        owner: Any = self._owner
        del owner.__dataclass_fields__
        for name, default in self._own.items():
            if isinstance(default, dataclasses.Field):
                setattr(owner, name, default)
        return dataclasses.dataclass(init=False, repr=False, eq=False)(owner).__dataclass_fields__


def _own_fields(cls: type) -> _Fields:
    """Return the fields that a class adds to those of its base, and leave of each what the library leaves in a class.

    :raises ValueError: a default that all objects would share.
    """
    fields = {name: vars(cls).get(name, dataclasses.MISSING) for name in vars(cls).get("__annotations__", ())}
    for name, default in fields.items():
        if type(default).__hash__ is None:
            raise ValueError(f"mutable default {type(default)} for field {name} is not allowed: use default_factory")
        if isinstance(default, dataclasses.Field):
            if default.default is dataclasses.MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, default.default)
    return fields


def _names(fields: _Fields, purpose: str) -> list[str]:
    """Return the fields that are for a purpose (``compare``, ``repr``), as all are that don't say otherwise."""
    return [
        name
        for name, default in fields.items()
        if not isinstance(default, dataclasses.Field) or getattr(default, purpose)
    ]


def _init(title: str, fields: _Fields) -> Callable[..., None]:
    def __init__(self: object, *arguments: object, **named: object) -> None:
        # Not by setattr, which a frozen class refuses.
        held = self.__dict__
        held.update(zip(fields, arguments))
        held.update(named)
        if len(held) != len(arguments) + len(named) or not fields.keys() >= named.keys():
            raise TypeError(f"{title}({', '.join(fields)}) was given {arguments!r} and {named!r}")
        if len(held) != len(fields):
            for name, default in fields.items():
                if name not in held:
                    held[name] = _default(title, name, default)

    return __init__


def _default(title: str, name: str, default: Any) -> object:
    if isinstance(default, dataclasses.Field):
        if default.default_factory is not dataclasses.MISSING:
            return default.default_factory()
        default = default.default
    if default is dataclasses.MISSING:
        raise TypeError(f"{title}() misses {name}")
    return default


def _values(names: list[str]) -> _Values:
    """Return a function that tells of an object its attributes of these names, as one value."""
    return attrgetter(*names) if names else lambda _object: ()


def _repr(names: list[str]) -> Callable[[object], str]:
    def __repr__(self: object) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return __repr__


def _eq(values: _Values) -> _Comparison:
    def __eq__(self: object, other: object) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hash(values: _Values) -> Callable[[object], int]:
    def __hash__(self: object) -> int:
        return hash(values(self))

    return __hash__


def _order(values: _Values) -> tuple[_Comparison, ...]:
    def __lt__(self: object, other: object) -> Any:
        return values(self) < values(other) if other.__class__ is self.__class__ else NotImplemented

    def __le__(self: object, other: object) -> Any:
        return values(self) <= values(other) if other.__class__ is self.__class__ else NotImplemented

    def __gt__(self: object, other: object) -> Any:
        return values(self) > values(other) if other.__class__ is self.__class__ else NotImplemented

    def __ge__(self: object, other: object) -> Any:
        return values(self) >= values(other) if other.__class__ is self.__class__ else NotImplemented

    return __lt__, __le__, __gt__, __ge__


def _no_assignment(_self: object, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _no_deletion(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
