"""With what dispatches are serialized, and what of its own the project has taught kombu's JSON to carry."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from celery_lint.project.modules import Class
from celery_lint.semantics.inference.values import UNKNOWN, ClassValue, Constant, External, ModelValue, Value
from celery_lint.semantics.memo import remembered
from celery_lint.semantics.model import Dispatch, first_argument

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

_REPLACES_JSON = re.compile(rb"""\bregister\(\s*["']json["']|\bJSONEncoder\.default\s*=|\b_default_encoder\s*=""")


class Serializers:
    """Answers what a message is written with."""

    def __init__(self, hub: Semantics) -> None:
        self._hub = hub
        self.memo = hub.memo

    def kind(self, dispatch: Dispatch) -> str:
        """What a dispatch is serialized like: `json`, `pickle`, or `other` where nobody knows."""
        name = self.name(dispatch)
        if name in ("json", "yaml", "msgpack"):
            return "json"
        return "pickle" if name == "pickle" else "other"

    def name(self, dispatch: Dispatch) -> object:
        """The name of the serializer in force for a dispatch; NotImplemented when it is not known, or not Celery's."""
        given = dispatch.options.get("serializer")
        name: object = "json"
        if given is not None:
            name = given.value.value if isinstance(given.value, Constant) else NotImplemented
        elif dispatch.task is not None and "serializer" in dispatch.task.options:
            name = dispatch.task.options["serializer"].constant
        elif self._hub.project_settings.is_set("task_serializer"):
            name = self._hub.project_settings.constant("task_serializer")
        return NotImplemented if name == "json" and self.replaces_json else name

    @remembered
    def replaces_json(self) -> bool:
        """Whether the project registers a serializer of its own as `json`, or changes what kombu's can carry."""
        return any(
            _REPLACES_JSON.search(self._hub.project.read(name)) for name in self._hub.project.mentioning("kombu")
        )

    def can_encode(self, cls: Class | str) -> bool:
        """Whether kombu's JSON can carry instances of a class: `__json__`, or a type that is registered for it.

        kombu/utils/json.py, JSONEncoder.default and register_type.
        """
        if isinstance(cls, Class) and self._hub.classes.function(cls, "__json__") is not None:
            return True
        return any(one == UNKNOWN or self._hub.is_instance(ModelValue(cls), one) for one in self._types())

    def _types(self) -> Sequence[Value]:
        """The classes that the project teaches kombu's JSON to carry, with their instances; UNKNOWN for one unread."""
        return self.memo.get(("registered types",), lambda: tuple(self._read_types()), ())

    def _read_types(self) -> Iterator[Value]:
        hub = self._hub
        for filename in hub.project.mentioning("register_type"):
            module = hub.project.module_or_none(filename)
            if module is None:
                continue
            # Applications often do it in a function, which imports the classes when it runs.
            for flow in (hub.module_flow(module, whole=True), *map(hub.flow, module.holding(("register_type",)))):
                for call in flow.calls:
                    given = first_argument(call.args, "t") if call.name == "register_type" else None
                    kinds = given.value.alternatives() if given is not None else ()
                    is_kombus = isinstance(call.callee, External) and call.callee.path.startswith("kombu.")
                    yield from (one for one in kinds if isinstance(one, (ClassValue, External)))
                    if is_kombus and not all(isinstance(one, (ClassValue, External)) for one in kinds):
                        yield UNKNOWN
