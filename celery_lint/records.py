"""Data classes that cost next to nothing until they are used.

`dataclasses` writes five functions for every class and compiles them while the
module is imported, and imports `inspect` for it: for the hundred classes of this
package, half of what a run on one file would take. Here `dataclass` gives a class
the same behaviour, and compiles each of these functions when it is first called.

What is here is what the package needs: `frozen`, `slots`, `order`, `eq`,
defaults, factories and fields that do not count in comparisons. Positional and
keyword arguments, equality, hashes, order, `repr`, pattern matching, copies and
pickles are those of the standard library's data classes.
"""

from __future__ import annotations

from operator import attrgetter, ge, gt, le, lt

TYPE_CHECKING = False  # `typing` is no small import, and this module is the first of every run
if TYPE_CHECKING:
    from collections.abc import Callable

    # To a type checker they are what they behave like.
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from typing import Any, TypeVar

    T = TypeVar("T")

_MISSING: Any = type("_Missing", (), {"__repr__": lambda self: "<no value>"})()


class FrozenInstanceError(AttributeError):
    """Somebody assigned to a field of a frozen instance."""


class _Field:
    """What `field(...)` says of a field, in the place of its default."""

    __slots__ = ("compare", "default", "factory")

    def __init__(self, default: object, factory: Callable[[], object] | None, compare: bool) -> None:
        self.default = default
        self.factory = factory
        self.compare = compare


def _field(*, default: Any = _MISSING, default_factory: Callable[[], Any] | None = None, compare: bool = True) -> Any:
    """A field's default, or what makes it anew for each instance, and whether it counts in `==` and `hash`."""
    return _Field(default, default_factory, compare)


def _dataclass(
    cls: type[Any] | None = None,
    /,
    *,
    frozen: bool = False,
    slots: bool = False,
    order: bool = False,
    eq: bool = True,
) -> Any:
    """Makes a data class of a class with annotations; the options are those of the standard library's."""

    def decorate(cls: type[Any]) -> type[Any]:
        return _made(cls, frozen=frozen, slots=slots, order=order, eq=eq)

    return decorate if cls is None else decorate(cls)


def fields(cls: type[object]) -> tuple[str, ...]:
    """The names of a data class's fields."""
    names: tuple[str, ...] = cls.__match_args__  # type: ignore[attr-defined]
    return names


def replace(instance: T, /, **changes: object) -> T:
    """A copy of an instance with other values in some of its fields."""
    kind = type(instance)
    for name in fields(kind):
        if name not in changes:
            changes[name] = getattr(instance, name)
    return kind(**changes)


def _made(cls: type[Any], *, frozen: bool, slots: bool, order: bool, eq: bool) -> type[Any]:
    declared: dict[str, _Field] = {}
    for base in reversed(cls.__mro__[1:]):
        declared.update(base.__dict__.get("_declared_fields", {}))
    own = dict.fromkeys(cls.__annotations__)
    for name in own:
        default = cls.__dict__.get(name, _MISSING)
        declared[name] = default if isinstance(default, _Field) else _Field(default, None, compare=True)
        if isinstance(default, _Field):
            if default.default is _MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, default.default)
    if slots:
        cls = _with_slots(cls, own)
    written = dict(cls.__dict__)
    compared = [name for name, each in declared.items() if each.compare]
    methods: dict[str, Any] = {"__repr__": _repr, "__reduce__": _reduce}
    if frozen:
        methods |= {"__setattr__": _refuse, "__delattr__": _refuse}
    if order:
        methods |= _ordering(compared)
    if eq:
        methods["__eq__"] = _compiled_at_first_call(cls, "__eq__", lambda: _equality(compared))
        methods["__hash__"] = _compiled_at_first_call(cls, "__hash__", lambda: _hash(compared)) if frozen else None
    for name, method in methods.items():
        # Python itself puts a `__hash__` of None beside an `__eq__` that is written out.
        if name not in written or (name == "__hash__" and written[name] is None and "__eq__" in written):
            setattr(cls, name, method)
    cls.__init__ = _compiled_at_first_call(cls, "__init__", lambda: _initialiser(cls, declared, frozen=frozen))
    cls._declared_fields = declared
    cls.__match_args__ = tuple(declared)  # type: ignore[misc]
    return cls


def _with_slots(cls: type[Any], own: dict[str, None]) -> type[Any]:
    """The class once more, with slots: they cannot be added to a class that is there."""
    inherited = {name for base in cls.__mro__ for name in base.__dict__.get("__slots__", ())}
    kept = {
        name: value
        for name, value in cls.__dict__.items()
        if name not in own and name not in ("__dict__", "__weakref__")
    }
    kept["__slots__"] = tuple(name for name in own if name not in inherited)
    made: type[Any] = type.__new__(type(cls), cls.__name__, cls.__bases__, kept)
    made.__qualname__ = cls.__qualname__
    return made


def _compiled_at_first_call(
    cls: type[Any], name: str, write: Callable[[], tuple[str, dict[str, Any]]]
) -> Callable[..., Any]:
    """A method that compiles what `write` gives, its source and its globals, and makes way for it."""

    def method(self: object, *args: object, **keywords: object) -> Any:
        source, scope = write()
        exec(source, scope)
        compiled = scope[name]
        compiled.__qualname__ = f"{cls.__qualname__}.{name}"
        setattr(cls, name, compiled)
        return compiled(self, *args, **keywords)

    return method


def _ordering(compared: list[str]) -> dict[str, Any]:
    values = attrgetter(*compared)

    def made(operator: Callable[[Any, Any], bool]) -> Callable[[object, object], Any]:
        def method(self: object, other: object) -> Any:
            return operator(values(self), values(other)) if other.__class__ is self.__class__ else NotImplemented

        return method

    return {"__lt__": made(lt), "__le__": made(le), "__gt__": made(gt), "__ge__": made(ge)}


def _values(names: list[str], instance: str) -> str:
    return f"({''.join(f'{instance}.{name},' for name in names)})"


def _equality(compared: list[str]) -> tuple[str, dict[str, Any]]:
    mine, theirs = _values(compared, "self"), _values(compared, "other")
    body = f"return {mine} == {theirs} if other.__class__ is self.__class__ else NotImplemented"
    return f"def __eq__(self, other):\n {body}", {}


def _hash(compared: list[str]) -> tuple[str, dict[str, Any]]:
    return f"def __hash__(self):\n return hash({_values(compared, 'self')})", {}


def _initialiser(cls: type[Any], declared: dict[str, _Field], *, frozen: bool) -> tuple[str, dict[str, Any]]:
    scope: dict[str, Any] = {"_MISSING": _MISSING}
    parameters = ["self"]
    body = []
    for name, each in declared.items():
        value = name
        if each.factory is not None:
            scope[f"_make_{name}"] = each.factory
            parameters.append(f"{name}=_MISSING")
            value = f"_make_{name}() if {name} is _MISSING else {name}"
        elif each.default is not _MISSING:
            scope[f"_default_{name}"] = each.default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        slot = getattr(cls, name, None) if frozen else None
        if not frozen:
            body.append(f"self.{name} = {value}")
        elif slot is not None and hasattr(slot, "__set__"):
            # A slot is set past `__setattr__`, and faster than by `object.__setattr__`.
            scope[f"_set_{name}"] = slot.__set__
            body.append(f"_set_{name}(self, {value})")
        else:
            body.append(f"self.__dict__[{name!r}] = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    return f"def __init__({', '.join(parameters)}):\n " + "\n ".join(body or ["pass"]), scope


def _repr(self: object) -> str:
    kind = type(self)
    return f"{kind.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in fields(kind))})"


def _reduce(self: object) -> tuple[type[object], tuple[object, ...]]:
    kind = type(self)
    return kind, tuple(getattr(self, name) for name in fields(kind))


def _refuse(self: object, name: str, *value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


if not TYPE_CHECKING:
    dataclass, field = _dataclass, _field
