"""Calls that wait for another machine, or for a process, as long as it takes: nobody has given them a timeout.

Where none is given, `requests` waits for ever, whatever `socket.setdefaulttimeout` says (requests/adapters.py
gives urllib3 a timeout of None); the standard library's clients have the socket's default, which is None.
httpx, aiohttp and boto3 have timeouts of their own, which `timeout=None` takes away from httpx.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from celery_lint.project.modules import Function, ImportBinding, Module
from celery_lint.project.syntax import last_name, own_nodes
from celery_lint.records import record
from celery_lint.semantics.configuration.settings import value_at
from celery_lint.semantics.inference.values import BoundMethod, Collection, Constant, External, Instance, Value
from celery_lint.semantics.model import Argument, Call, first_argument

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

Kind = Literal["network", "process"]
# The packages of such calls.
_PACKAGES = frozenset(
    """requests requests_oauthlib requests_cache urllib http socket smtplib ftplib imaplib poplib telnetlib redis
    subprocess paramiko google httpx""".split()
)
_NAMED = r"[\w.]+(?:[ \t]+as[ \t]+\w+)?"
# What an import names: `import os, requests as http` has two.
_IMPORT = re.compile(rf"^[ \t]*(?:from|import)[ \t]+({_NAMED}(?:[ \t]*,[ \t]*{_NAMED})*)", re.MULTILINE)
# A name at the top of a module, and the session that is made before the next one.
_MAKES_SESSION = re.compile(
    r"^(?:(?:(?:async )?def|class) (\w+)|([A-Za-z_]\w*)[ \t]*(?::[^=\n]+)?=)(?:(?!^[^\s)\]}]).)*?\b\w*[Ss]ession\(",
    re.MULTILINE | re.DOTALL,
)
# What a file mentions or holds that may have such calls, besides those with a trace of Celery.
CLIENT_WORDS = ("urlopen", "smtplib", "ftplib", "paramiko", "imaplib", "poplib")
SESSION_MAKERS = "makers of sessions"
_REQUESTS = ("import requests", "from requests", "import requests_", "from requests_")
CLIENT_IMPORTS = tuple(
    f"{a} {b}" for p in ("requests", "subprocess", "redis", "httpx") for a, b in (("import", p), (p, "import"))
)
_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")
_SESSIONS = frozenset(
    {
        "requests.Session", "requests.sessions.Session", "requests_oauthlib.OAuth1Session",
        "requests_oauthlib.OAuth2Session", "requests_cache.CachedSession",
    }
)  # fmt: skip
_HTTP_ADAPTERS = frozenset({"requests.adapters.HTTPAdapter"})


@record()
class _Timeout:
    """How a call is given a timeout: the keyword, and its place among the positional arguments."""

    keyword: str = "timeout"
    position: int | None = None
    kind: Kind = "network"
    instead: tuple[str, ...] = ()
    """Arguments that bring a timeout of their own: a pool of connections. So may the address of such a client."""
    is_late: bool = False
    """Whether the connection is made after this call, with the timeout that has been set until then."""
    has_default: bool = False
    """Whether there is a timeout unless None is given."""


_REQUEST, _PROCESS = _Timeout(), _Timeout(kind="process")
_HTTPX = _Timeout(has_default=True)
_REDIS = _Timeout("socket_timeout", instead=("connection_pool",))
_OF_FUNCTIONS: dict[str, _Timeout] = {
    **{f"requests.{verb}": _REQUEST for verb in _VERBS},
    **{f"requests.api.{verb}": _REQUEST for verb in _VERBS},
    **{f"httpx.{verb}": _HTTPX for verb in (*_VERBS, "stream")},
    "urllib.request.urlopen": _Timeout(position=2),
    "socket.create_connection": _Timeout(position=1),
    **{f"http.client.{name}": _Timeout(position=2, is_late=True) for name in ("HTTPConnection", "HTTPSConnection")},
    **{f"smtplib.{name}": _Timeout(position=3) for name in ("SMTP", "SMTP_SSL", "LMTP")},
    **{f"ftplib.{name}": _Timeout(position=4) for name in ("FTP", "FTP_TLS")},
    **{f"imaplib.{name}": _Timeout(position=2) for name in ("IMAP4", "IMAP4_SSL")},
    **{f"poplib.{name}": _Timeout(position=2) for name in ("POP3", "POP3_SSL")},
    "telnetlib.Telnet": _Timeout(position=2),
    **{
        f"redis.{name}": _REDIS
        for name in ("Redis", "StrictRedis", "from_url", "Redis.from_url", "StrictRedis.from_url")
    },
    **{f"subprocess.{name}": _PROCESS for name in ("run", "call", "check_call", "check_output")},
}
_OF_METHODS: dict[str, dict[str, _Timeout]] = {
    **{path: {**dict.fromkeys(_VERBS, _REQUEST), "send": _REQUEST} for path in _SESSIONS},
    "paramiko.SSHClient": {"connect": _Timeout(position=6), "exec_command": _Timeout(position=2)},
    "subprocess.Popen": {
        "communicate": _Timeout(position=1, kind="process"),
        "wait": _Timeout(position=0, kind="process"),
    },
}
# These connect at once only where they are given a host.
_CONNECT_LATER = frozenset(
    f"{p}.{c}" for p, names in (("ftplib", ("FTP", "FTP_TLS")), ("smtplib", ("SMTP",))) for c in names
)
_HOST = "host"
_CONNECT_TIMEOUT = 2
"""FTP.connect(host, port, timeout) (ftplib.py)."""
# `session.send = limited(session.send)`, and what else may give all of a session's requests a timeout.
_SETS_METHOD = re.compile(r"(?<!\bself)(?<!\bcls)\.(?:timeout|request|send|get|post)\s*=(?!=)")
# The program that ends another one.
_PROGRAM = "timeout"
_PUBLISHER = "google.cloud.pubsub"
_LIMITING = re.compile(r"time_?out|time_?limit|deadline", re.IGNORECASE)


@record()
class Untimed:
    """A call that nobody has given a timeout. `keyword` is what would."""

    call: Call
    kind: Kind
    keyword: str


def untimed_calls(hub: Semantics, module: Module) -> Sequence[Untimed]:
    """The calls without a timeout in a module's functions."""

    def search() -> tuple[Untimed, ...]:
        words = _words(hub, module)
        return tuple(
            found
            for function in (module.holding(words) if words else ())
            if function.parent is None and not _is_limited(function)
            for flow in hub.calls.flows_within(function)
            for call in flow.calls
            if (found := untimed(hub, call)) is not None
        )

    return hub.memo.get(("untimed calls", module), search, ())


def _words(hub: Semantics, module: Module) -> frozenset[str]:
    """What a module's functions mention that may make such a call: clients, and what is made of them."""
    text = module.source.text
    words = _imported(text)
    for name, bindings in module.bindings.items():
        for binding in bindings:
            if isinstance(binding, ImportBinding) and binding.module.partition(".")[0] in words:
                words.add(name)
    words.update(name for name in makers_of_sessions(hub) if name in text)
    return frozenset(words.union(_made_of(words, text))) if words else frozenset()


def _imported(text: str) -> set[str]:
    """The packages of such calls that a module's text imports."""
    named = (each for statement in _IMPORT.findall(text) for each in statement.split(","))
    return {each.split()[0].partition(".")[0] for each in named} & _PACKAGES


def _made_of(words: Iterable[str], text: str) -> Iterator[str]:
    """The names at a module's top, and those of attributes, that get what one of the words makes."""
    made = rf"^(?:(\w+)|[ \t]+(?:self|cls)\.(\w+))[ \t]*(?::[^=\n]+)?=(?!=)[^\n]*\b(?:{'|'.join(sorted(words))})\b"
    return (at_top or attribute for at_top, attribute in re.findall(made, text, re.MULTILINE))


def makers_of_sessions(hub: Semantics) -> frozenset[str]:
    """The project's functions, classes and variables that make sessions of requests, or hold one."""

    def search() -> frozenset[str]:
        texts = (hub.project.read(f).decode("utf-8", "replace") for f in sorted(_makers(hub)))
        return frozenset(name or variable for text in texts for name, variable in _MAKES_SESSION.findall(text))

    return hub.shared(SESSION_MAKERS, search, frozenset())


def _makers(hub: Semantics) -> set[str]:
    """The project's files that make sessions of requests."""
    files = {f for text in _REQUESTS for f in hub.project.containing(text)}
    return files & set(hub.project.containing("ession("))


def _is_limited(function: Function) -> bool:
    """Whether something around a function's body ends it: an alarm, or a decorator with such a name."""
    names = (last_name(d.func if isinstance(d, ast.Call) else d) for d in function.decorators)
    return function.holds(("alarm", "setitimer")) or any(_LIMITING.search(name) for name in names)


def untimed(hub: Semantics, call: Call) -> Untimed | None:
    """What is known of a call that may wait for ever for want of a timeout."""
    for callee in call.callee.alternatives():
        timeout = _timeout_of(callee, call)
        if timeout is None or _is_given(call, timeout) or _is_inside_limit(call):
            continue
        if _is_given_instead(call, timeout) or _is_given_later(callee, call, timeout):
            continue
        if timeout.kind == "network" and hub.project.mentioning("setdefaulttimeout"):
            continue
        if isinstance(callee, BoundMethod) and _may_have_its_own(hub, callee.receiver, call):
            continue
        if isinstance(callee, BoundMethod) and timeout.kind == "process" and _has_ended(callee.receiver, call):
            continue
        return Untimed(call, timeout.kind, timeout.keyword)
    return None


def _timeout_of(callee: Value, call: Call) -> _Timeout | None:
    if isinstance(callee, External):
        return _OF_FUNCTIONS.get(callee.path)
    if isinstance(callee, BoundMethod) and isinstance(callee.receiver, Instance):
        cls = callee.receiver.cls
        if isinstance(cls, str):
            return _OF_METHODS.get(cls, {}).get(callee.name)
    if call.name == "result" and not call.args and _is_published(call):
        return _Timeout(position=0)
    return None


def _is_published(call: Call) -> bool:
    """Whether a call waits for the future of a message that a Pub/Sub client publishes."""
    func = call.node.func
    if not isinstance(func, ast.Attribute):
        return False
    made = call.flow.assigned(func.value.id) if isinstance(func.value, ast.Name) else [func.value]
    for node in made:
        event = call.flow.events.get(node) if isinstance(node, ast.Call) else None
        for one in event.callee.alternatives() if event is not None and event.name == "publish" else ():
            receiver = one.receiver if isinstance(one, BoundMethod) else None
            if isinstance(receiver, Instance) and isinstance(receiver.cls, str) and receiver.cls.startswith(_PUBLISHER):
                return True
    return False


def _is_given(call: Call, timeout: _Timeout) -> bool:
    """Whether a call is given a timeout, or may be."""
    given = call.keyword(timeout.keyword)
    if given is not None:
        return not (isinstance(given.node, ast.Constant) and given.node.value is None)
    if timeout.has_default:
        return True
    if timeout.position is not None and len(call.positional) > timeout.position:
        return True
    for arg in call.args:
        is_known = isinstance(arg.value, Collection) and arg.value.keys is not None
        if arg.star == "**" and not (is_known and timeout.keyword not in (getattr(arg.value, "keys", None) or ())):
            return True
        if arg.star == "**" and _is_filled(arg.node, call):
            return True
        if arg.star == "*" and timeout.position is not None:
            return True
    return False


def _is_filled(options: ast.expr, call: Call) -> bool:
    """Whether a body puts something into a dictionary that it made: `options["timeout"] = 5`."""
    if not isinstance(options, ast.Name):
        return False
    return any(
        isinstance(node.value, ast.Name) and node.value.id == options.id
        for node in own_nodes(call.flow.body)
        if (isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store))
        or (isinstance(node, ast.Attribute) and node.attr in _FILLING)
    )


def _is_given_instead(call: Call, timeout: _Timeout) -> bool:
    """Whether another argument brings the timeout: a pool, the address, the program that ends a process."""
    if timeout.kind == "process":
        command = first_argument(call.args, "args")
        return command is not None and _is_run_by_timeout(command)
    if any(call.keyword(name) is not None for name in timeout.instead):
        return True
    address = first_argument(call.args, "url") if timeout.instead else None
    return address is not None and _LIMITING.search(call.flow.module.source.segment(address.node)) is not None


def _is_run_by_timeout(command: Argument) -> bool:
    """Whether a command is run by the program that ends it after a time: `["timeout", "30", ...]`."""
    node, value = command.node, command.value
    if isinstance(node, (ast.List, ast.Tuple)) and node.elts:
        node = node.elts[0]
    elif isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    elif isinstance(value, Collection) and value.items:
        value = value.items[0]
    text = node.value if isinstance(node, ast.Constant) else value.value if isinstance(value, Constant) else None
    return isinstance(text, str) and text.split()[:1] == [_PROGRAM]


def _is_given_later(callee: Value, call: Call, timeout: _Timeout) -> bool:
    """Whether a client that is not connected yet is given its timeout afterwards, or is connected out of sight."""
    path = callee.path if isinstance(callee, External) else ""
    is_late = path in _CONNECT_LATER and first_argument(call.args, _HOST) is None
    if not (is_late or timeout.is_late):
        return False
    if any(store.target.attr == "timeout" for store in call.flow.stores):
        return True
    connecting = [one for one in call.flow.calls if one.name == "connect" and one.index > call.index]
    return is_late and all(
        one.keyword("timeout") is not None or len(one.positional) > _CONNECT_TIMEOUT or one.is_opaque
        for one in connecting
    )


def _is_inside_limit(call: Call) -> bool:
    """Whether a `with` block around a call has a name that tells of a limit: `with gevent.Timeout(5):`."""
    for frame in call.frame.chain():
        for item in frame.node.items if isinstance(frame.node, (ast.With, ast.AsyncWith)) else ():
            manager = item.context_expr
            if _LIMITING.search(last_name(manager.func if isinstance(manager, ast.Call) else manager)):
                return True
    return False


def _may_have_its_own(hub: Semantics, receiver: Value, call: Call) -> bool:
    """Whether a session may have a timeout for all of its requests: by an adapter, or by what is set on it."""
    if not isinstance(receiver, Instance) or receiver.cls not in _SESSIONS:
        return False
    made = receiver.origin.key[0] if receiver.origin is not None else None
    if made in call.flow.events:
        mounted = [c for c in call.flow.calls if c.name == "mount" and len(c.args) > 1]
        is_set = any(store.target.attr in ("timeout", "request", "send", "get", "post") for store in call.flow.stores)
        return is_set or any(not _is_plain(c.args[1].value) for c in mounted)
    return hub.memo.get(("changes sessions",), lambda: any(_own_adapters(hub)) or any(_own_methods(hub)), False)


_FILLING = ("update", "setdefault")
_ENDING = ("kill", "terminate", "send_signal", "poll")


def _has_ended(process: Value, call: Call) -> bool:
    """Whether a process has been killed or waited for, with a timeout, before."""
    for earlier in call.flow.calls:
        if earlier.index < call.index:
            for callee in earlier.callee.alternatives():
                if (
                    isinstance(callee, BoundMethod)
                    and callee.receiver == process
                    and (callee.name in _ENDING or (callee.name in ("wait", "communicate") and earlier.args))
                ):
                    return True
    return False


def _own_adapters(hub: Semantics) -> Iterator[bool]:
    """Of each adapter that the project mounts on a session, whether it may set a timeout."""
    for filename in hub.project.containing(".mount("):
        module = hub.project.module_or_none(filename)
        for node in module.nodes_around(("mount",)) if module is not None else ():
            if isinstance(node, ast.Call) and last_name(node.func) == "mount" and len(node.args) > 1:
                yield module is not None and not _is_plain(value_at(hub, node.args[1], module))


def _own_methods(hub: Semantics) -> Iterator[bool]:
    """Of each file that makes sessions, whether it sets a method of something: `session.send = limited`."""
    for filename in _makers(hub):
        yield _SETS_METHOD.search(hub.project.read(filename).decode("utf-8", "replace")) is not None


def _is_plain(adapter: Value) -> bool:
    return all(isinstance(a, Instance) and a.cls in _HTTP_ADAPTERS for a in adapter.alternatives())


__all__ = ["CLIENT_IMPORTS", "CLIENT_WORDS", "Untimed", "untimed", "untimed_calls"]
