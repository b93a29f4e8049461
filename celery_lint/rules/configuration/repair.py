"""Renaming settings, for several rules."""

from __future__ import annotations

import ast

from celery_lint.findings import Change, RenameKeyword, Replace
from celery_lint.semantics.configuration.mentions import Mention


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
