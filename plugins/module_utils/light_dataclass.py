# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""``dataclass``, as in the standard library, for classes that each task loads anew. Private to the collection.

The library's own writes the source of six methods for each class and compiles it (0.7 ms a class with Python 3.11):
for the 70 classes of a container_bridge task more than half of what it cost beyond a ping. Here the library finds the
fields, and the methods, which do the same, are made of functions that are there. Of its parameters this knows those
that are in use; ``field``, ``replace`` and all else are the library's. A class may not write one of these methods
itself. To type checkers it is the library's decorator.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

_Values = Callable[[object], Any]
_Comparison = Callable[[object, object], Any]

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # pylint: disable=useless-import-alias
else:

    def dataclass(cls=None, *, frozen=False, order=False):
        """Give a class what its fields call for: ``@dataclass``, or ``@dataclass(frozen=True, order=True)``."""
        if cls is None:
            return lambda decorated: dataclass(decorated, frozen=frozen, order=order)
        # Without a docstring the library makes one of the signature, for which it takes as long as for a method.
        cls.__doc__ = cls.__doc__ or cls.__name__
        dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
        fields = dataclasses.fields(cls)
        compared = _values([field.name for field in fields if field.compare])
        cls.__init__ = _init(cls.__qualname__, fields)
        cls.__repr__ = _repr([field.name for field in fields if field.repr])
        cls.__eq__ = _eq(compared)
        cls.__hash__ = _hash(compared) if frozen else None
        if frozen:
            cls.__setattr__, cls.__delattr__ = _no_assignment, _no_deletion
        if order:
            cls.__lt__, cls.__le__, cls.__gt__, cls.__ge__ = _order(compared)
        return cls


def _init(title: str, fields: tuple[dataclasses.Field[Any], ...]) -> Callable[..., None]:
    by_name = {field.name: field for field in fields}

    def __init__(self: object, *arguments: object, **named: object) -> None:
        # Not by setattr, which a frozen class refuses.
        held = self.__dict__
        held.update(zip(by_name, arguments))
        held.update(named)
        if len(held) != len(arguments) + len(named) or not by_name.keys() >= named.keys():
            raise TypeError(f"{title}({', '.join(by_name)}) was given {arguments!r} and {named!r}")
        if len(held) != len(by_name):
            for name, field in by_name.items():
                if name not in held:
                    held[name] = _default(title, field)

    return __init__


def _default(title: str, field: dataclasses.Field[Any]) -> object:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    raise TypeError(f"{title}() misses {field.name}")


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
