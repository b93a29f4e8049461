"""Renaming settings, for several rules."""

from __future__ import annotations

import ast

from celery_lint.findings import Change, RenameKeyword, Replace
from celery_lint.semantics.configuration.mentions import Mention

# What is asked of settings that take effect, and of the tasks that these are for.
UNCOVERED = (
    "CEL111", "CEL113", "CEL303", "CEL401", "CEL405", "CEL410", "CEL502", "CEL605", "CEL704", "CEL707", "CEL801",
    "CEL802", "CEL803", "CEL804", "CEL805", "CEL806", "CEL807", "CEL907", "CEL908", "CEL909", "CEL910", "CEL911",
    "CEL919", "CEL920",
)  # fmt: skip
"""The codes that a setting may bring up once its name is one that Celery reads."""


def renamed_at(mention: Mention, name: str) -> Change:
    """The change that gives a setting another name at one place."""
    source = mention.module.source
    place = source.place(mention.node)
    if mention.is_keyword:
        return RenameKeyword(place, name)
    if mention.is_text:
        quote = source.code(mention.node)[0]
        return Replace(place, f"{quote}{name}{quote}")
    if isinstance(mention.node, ast.Attribute):
        return Replace(place, f"{source.code(mention.node.value)}.{name}")
    return Replace(place, name)
