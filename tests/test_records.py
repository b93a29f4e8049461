"""Our data classes behave as the standard library's do."""

from __future__ import annotations

import copy
import dataclasses
import operator
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celery_lint import records


def classes(module: Any) -> dict[str, type[Any]]:
    """The same classes, made by one module or the other."""

    @module.dataclass(frozen=True, slots=True, order=True)
    class Ordered:
        first: int
        second: str = "b"

    @module.dataclass(frozen=True, slots=True)
    class Inherited(Ordered):
        second: str = "c"
        third: object = module.field(default=None, compare=False)

    @module.dataclass(frozen=True)
    class Roomy:
        first: int
        made: list[int] = module.field(default_factory=list, compare=False)

    @module.dataclass
    class Open:
        first: int
        made: list[int] = module.field(default_factory=list)

        def __repr__(self) -> str:
            return f"<{self.first}>"

    @module.dataclass(eq=False, slots=True)
    class Itself:
        first: int

    @module.dataclass(frozen=True, slots=True)
    class Own:
        first: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own) and type(self.first) is type(other.first)

        def __hash__(self) -> int:
            return hash(type(self.first))

    @module.dataclass(frozen=True, slots=True)
    class Empty:
        pass

    return {name: value for name, value in locals().items() if isinstance(value, type)}


OURS, THEIRS = classes(records), classes(dataclasses)
ARGUMENTS = st.lists(st.integers(0, 2) | st.sampled_from("ab"), max_size=3)
KEYWORDS = st.dictionaries(st.sampled_from(["first", "second", "third", "made", "none"]), st.integers(0, 2), max_size=2)
OPERATORS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


def outcome(action: Callable[..., object], *arguments: Any, **keywords: Any) -> object:
    """What a call gives, or which kind of exception it raises."""
    try:
        return action(*arguments, **keywords)
    except AttributeError:
        return AttributeError
    except Exception as error:
        return type(error)


def observed(kinds: dict[str, type[Any]], name: str, calls: list[tuple[list[Any], dict[str, Any]]]) -> list[object]:
    """What can be seen of two instances of a class, one made by each call."""
    kind = kinds[name]
    made = [outcome(kind, *positional, **keywords) for positional, keywords in calls]
    seen: list[object] = [each if isinstance(each, type) else repr(each).rpartition(".")[2] for each in made]
    instances = [each for each in made if not isinstance(each, type)]
    others = [outcome(kind, 1) for kind in kinds.values()]
    for one in instances:
        seen.append(name == "Itself" or outcome(hash, one))
        # What the exception is for a name that is no field, the standard library itself gets wrong.
        seen += [isinstance(outcome(setattr, one, each, 5), type) for each in ("first", "other")]
        for other in instances:
            seen += [outcome(compare, one, other) for compare in OPERATORS]
        seen += [one == each for each in others]
        seen.append(kind.__match_args__)
    return seen


@pytest.mark.parametrize("name", OURS)
@given(calls=st.lists(st.tuples(ARGUMENTS, KEYWORDS), min_size=2, max_size=2))
def test_they_cannot_be_told_apart(name: str, calls: list[tuple[list[Any], dict[str, Any]]]) -> None:
    assert observed(OURS, name, calls) == observed(THEIRS, name, calls)


@records.dataclass(frozen=True, slots=True)
class Parcel:
    number: int
    content: tuple[str, ...] = ()


def test_copies_and_pickles_are_equal() -> None:
    parcel = Parcel(1, ("a",))
    assert copy.copy(parcel) == copy.deepcopy(parcel) == pickle.loads(pickle.dumps(parcel)) == parcel


def test_replace_changes_what_it_names() -> None:
    assert records.replace(Parcel(1, ("a",)), number=2) == Parcel(2, ("a",))
    with pytest.raises(TypeError):
        records.replace(Parcel(1), weight=2)


def test_instances_do_not_share_what_a_factory_made() -> None:
    one, other = OURS["Open"](1), OURS["Open"](1)
    one.made.append(1)
    assert other.made == []


def test_a_subclass_that_is_no_data_class_is_initialised_as_its_base() -> None:
    class Letter(Parcel):
        pass

    assert Letter(3, content=("b",)).content == ("b",)
    assert Letter(3) != Parcel(3)
