"""Which values are secrets, as far as their names and kinds tell: passwords, tokens, keys, card numbers."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from celery_lint.project.syntax import last_name, literal_text, words_in
from celery_lint.semantics.inference.values import (
    NONE,
    BoundMethod,
    Collection,
    Constant,
    External,
    Field,
    KeyValue,
    Parameter,
    Scalar,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

# What a name says at its end, and how messages call it.
_SECRETS = {
    ("password",): "a password",
    ("passwords",): "passwords",
    ("passwd",): "a password",
    ("pwd",): "a password",
    ("passphrase",): "a password",
    ("secret",): "a secret",
    ("secrets",): "secrets",
    ("token",): "a token",
    ("apikey",): "a key",
    ("api", "key"): "a key",
    ("api", "keys"): "keys",
    ("private", "key"): "a key",
    ("secret", "key"): "a key",
    ("access", "key"): "a key",
    ("encryption", "key"): "a key",
    ("signing", "key"): "a key",
    ("card", "number"): "a card number",
    ("cardnumber",): "a card number",
    ("cvv",): "a card's check number",
    ("cvc",): "a card's check number",
    ("otp",): "a one-time password",
    ("ssn",): "a social security number",
}
_KINDS_OF_TOKEN = frozenset(
    {"access", "refresh", "auth", "api", "oauth", "bearer", "session", "reset", "jwt", "bot", "login"}
)
# Words behind which a secret is still the secret itself.
_AFTER = frozenset({"value", "text", "plain", "plaintext", "raw", "str", "string", "confirm", "confirmation"})
# Words that make a flag, a count, a fingerprint or something harmless of a secret's name.
_BEFORE = frozenset(
    """is has use uses with without no need needs require requires should can allow enable skip forgot forgotten reset
    change changed set update verify check validate delete remove revoke rotate hashed hash encrypted masked redacted
    expired public max min num count device push fcm apns registration csrf xsrf page next previous prev continuation
    cursor sync cancel cancellation pagination idempotency lock design""".split()
)
_MAKES = frozenset({"make", "generate", "create", "get", "new", "issue", "build", "random", "fetch"})
# Calls after which a secret is none any more.
_HIDES = re.compile(r"make_password|crypt|hash|digest|sign|mask|redact|obfuscat|fingerprint|quote_id", re.IGNORECASE)
_SAME = frozenset({"str", "bytes", "decode", "encode", "strip", "force_str", "unicode", "get_secret_value"})
_READS = frozenset({"get", "pop", "getattr", "getenv"})
_KEY = re.compile(r"(?:^|_)(?:id|pk|uuid)s?$")
_PLAIN_FIELDS = re.compile(r"Boolean|Date|Time|Integer|Auto|Foreign|OneToOne|UUID|Duration")


def secret_of(hub: Semantics, node: ast.expr, value: Value, names: Sequence[str]) -> str | None:
    """What kind of secret an expression is by its own name, or by those under which it is passed; None when it is none.

    A key, a flag or a number is none, whatever it is called.
    """
    if not _may_be_secret(hub, value):
        return None
    own = _name_of(node)
    if own is None or _KEY.search(own) or _HIDES.search(own):
        return None
    for name in (own, *names):
        found = called(name)
        if found is not None:
            return found
    return None


def held_secret(hub: Semantics, value: Value) -> str | None:
    """What kind of secret a dict holds, by its keys."""
    for one in value.alternatives():
        if isinstance(one, Collection) and one.keys is not None and one.items is not None:
            for key, item in zip(one.keys, one.items, strict=True):
                found = called(key) if _may_be_secret(hub, item) else None
                if found is not None:
                    return found
    return None


def called(name: str) -> str | None:
    """What kind of secret a name stands for."""
    words = words_in(name)
    while words and words[-1] in _AFTER:
        words.pop()
    for length in (2, 1):
        tail, before = tuple(words[-length:]), words[:-length]
        if tail in _SECRETS and len(tail) == length:
            is_kind = tail == ("token",) and before[-1:] and before[-1] in _KINDS_OF_TOKEN
            return _SECRETS[tail] if is_kind or _BEFORE.isdisjoint(before) else None
    is_some = words[-1:] == ["tokens"] and words[-2:-1] and words[-2] in _KINDS_OF_TOKEN
    return "tokens" if is_some else None


def _may_be_secret(hub: Semantics, value: Value) -> bool:
    """Whether nothing but None is known of a value that a secret is not."""
    kinds = [one for one in value.alternatives() if one != NONE]
    return bool(kinds) and all(_is_open(hub, one) for one in kinds)


def _is_open(hub: Semantics, value: Value) -> bool:
    if isinstance(value, Constant):
        return isinstance(value.value, str) and bool(value.value)
    if isinstance(value, Scalar):
        return value.kind in ("", "str", "bytes")
    if isinstance(value, KeyValue):
        is_key = value.column in ("pk", "id") or value.kind == "int" or hub.classes.is_primary_key(value)
        return not is_key and _PLAIN_FIELDS.search(hub.classes.column_kind(value)) is None
    if isinstance(value, Collection):
        return value.kind in ("dict", "list", "tuple")
    # Of the rest, what says nothing of its kind: a setting, an attribute of an object that nobody knows.
    is_setting = isinstance(value, External) and value.path.startswith("django.conf.settings.")
    return is_setting or isinstance(value, (Unknown, Parameter, Field, BoundMethod))


def _name_of(node: ast.expr) -> str | None:
    """The name of what an expression gives: of a variable, an attribute, a constant key; empty where it has none.

    None where a call hides the secret.
    """
    if isinstance(node, ast.Await):
        return _name_of(node.value)
    if isinstance(node, ast.Subscript):
        return _text(node.slice)
    if not isinstance(node, ast.Call):
        return last_name(node)
    name = last_name(node.func)
    if _HIDES.search(name):
        return None
    if name in _SAME:
        inner = node.args[0] if isinstance(node.func, ast.Name) and node.args else node.func
        inner = inner.value if isinstance(inner, ast.Attribute) and inner is node.func else inner
        return _name_of(inner)
    if name in _READS:
        return _text(node.args[1 if name == "getattr" and len(node.args) > 1 else 0]) if node.args else ""
    words = words_in(name)
    return name if words[:1] and words[0] in _MAKES else ""


def _text(node: ast.expr) -> str:
    return literal_text(node) or ""
