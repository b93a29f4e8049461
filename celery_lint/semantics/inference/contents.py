"""What reads all that a file, a response or a queryset holds, and what makes other text or objects of it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from celery_lint.project.syntax import walk
from celery_lint.semantics.inference.packages import PATHS
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    Constant,
    Content,
    External,
    Instance,
    ManagerValue,
    QuerySetValue,
    Scalar,
    Value,
    each,
)
from celery_lint.semantics.model import Argument, first_argument

if TYPE_CHECKING:
    from celery_lint.semantics.inference.expressions import Evaluator

FILE = Instance("builtins.file")
# A file of the project's own, at a path that the code names: a template, a version, a key.
_OWN_FILE = Instance("builtins.own file")
RESPONSE = Instance("requests.Response")
_UPLOADS = frozenset(
    {
        "django.core.files.uploadedfile.UploadedFile", "django.core.files.uploadedfile.InMemoryUploadedFile",
        "django.core.files.uploadedfile.TemporaryUploadedFile", "fastapi.UploadFile",
        "starlette.datastructures.UploadFile", "werkzeug.datastructures.FileStorage",
    }
)  # fmt: skip
_SOURCES = {
    "builtins.file": "file",
    "io.TextIOWrapper": "file",
    "io.BufferedReader": "file",
    "gzip.GzipFile": "file",
    "tempfile.NamedTemporaryFile": "file",
    "tempfile.TemporaryFile": "file",
    "django.core.files.File": "file",
    "django.core.files.base.File": "file",
    "django.db.models.fields.files.FieldFile": "file",
    "django.db.models.fields.files.ImageFieldFile": "file",
    **dict.fromkeys(_UPLOADS, "upload"),
    "http.client.HTTPResponse": "response",
    "io.BytesIO": "buffer",
}
_READS = frozenset({"read", "readlines", "getvalue", "read_text", "read_bytes"})
# Methods of text and bytes that keep it whole.
_WHOLE = frozenset({"decode", "encode", "strip", "lstrip", "rstrip", "replace", "splitlines", "lower", "upper", "hex"})
# Functions that are given a file, or what it holds.
_DECODING = frozenset({"json", "simplejson", "ujson", "orjson", "yaml", "tomllib"})


def is_file(value: Value) -> bool:
    """Whether a value is a file, or the like of one, whose size nobody knows."""
    return isinstance(value, Instance) and isinstance(value.cls, str) and value.cls in _SOURCES


def opened(run: Evaluator, args: Sequence[Argument]) -> Value:
    """The file that `open(path)` gives."""
    path = first_argument(args, "file")
    return _OWN_FILE if path is None or names_own_file(run, path.node) else FILE


def read(run: Evaluator, base: Instance, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """What a method of a file gives: all that it holds, where no size is asked for."""
    if name not in _READS or not isinstance(base.cls, str):
        return UNKNOWN
    if base.cls in PATHS:
        path = node.func.value if isinstance(node.func, ast.Attribute) else node
        return Scalar("str") if names_own_file(run, path) else Content("file")
    size = first_argument(args, "size")
    if base.cls == _OWN_FILE.cls or (size is not None and size.value not in (Constant(None), Constant(-1))):
        return Scalar()
    return Content(_SOURCES[base.cls]) if base.cls in _SOURCES else UNKNOWN


def names_own_file(run: Evaluator, node: ast.expr, depth: int = 3) -> bool:
    """Whether a path is made of literals, the module's own names and attributes of `self` only."""
    function = run.function
    if function is None:
        return True
    own = function.positional[0].arg if function.cls is not None and function.positional else ""
    for part in walk(node):
        if not isinstance(part, ast.Name) or part.id == own or part.id not in function.scan.locals:
            continue
        given = list(run.flow.assigned(part.id)) if part.id not in function.parameters else []
        if depth <= 0 or not given or not all(names_own_file(run, one, depth - 1) for one in given):
            return False
    return True


def of_method(run: Evaluator, base: Content, name: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """What a method of a whole content gives."""
    if base.is_parsed:
        return base if name == "copy" else UNKNOWN
    return base if name in _WHOLE else UNKNOWN


def recoded(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """What `base64.b64encode(content)` gives: content still."""
    return each(args[0].value, lambda one: one if isinstance(one, Content) else Scalar()) if args else UNKNOWN


def parsed(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The objects that `json.load(file)` or `json.loads(content)` makes."""
    return each(args[0].value, _parsed) if args else UNKNOWN


def _parsed(value: Value) -> Value:
    if isinstance(value, Content):
        return Content(value.source, is_parsed=True)
    if isinstance(value, Instance) and isinstance(value.cls, str) and value.cls in _SOURCES:
        return Content(_SOURCES[value.cls], is_parsed=True)
    return UNKNOWN


def wrapped(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """A file around the one that is given: `gzip.GzipFile(fileobj=upload)`, `codecs.getreader("utf-8")(upload)`."""
    given = [a.value for a in args if any(map(is_file, a.value.alternatives()))]
    return given[0] if given else Instance(path)


def serialized(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """`serializers.serialize("json", queryset)`."""
    rows = any(isinstance(a.value, (QuerySetValue, ManagerValue)) for a in args[1:2])
    return Content("rows") if rows else UNKNOWN


def reader(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The class that `codecs.getreader("utf-8")` gives."""
    return External("codecs.StreamReader")


def download(run: Evaluator, path: str, args: Sequence[Argument], node: ast.Call) -> Value:
    """The answer to a GET."""
    return RESPONSE


DOWNLOADS = ("requests.get", "httpx.get")
CLIENTS = frozenset({"requests.Session", "requests.sessions.Session", "httpx.Client"})
CODECS = (
    "base64.b64encode",
    "base64.standard_b64encode",
    "base64.urlsafe_b64encode",
    "base64.b32encode",
    "base64.b85encode",
    "binascii.b2a_base64",
    "binascii.hexlify",
    "django.utils.encoding.force_str",
    "django.utils.encoding.smart_str",
)
PARSERS = tuple(f"{module}.{name}" for module in _DECODING for name in ("load", "loads", "safe_load"))
WRAPPERS = ("gzip.GzipFile", "io.TextIOWrapper", "io.BufferedReader", "codecs.StreamReader", "django.core.files.File")
