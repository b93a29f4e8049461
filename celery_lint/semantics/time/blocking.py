"""Ways in which a run may last for ever: a silent server, a child process, a wait, a loop without an end.

Only what can be seen counts: calls into packages that talk over the network,
subprocesses, waiting, `while True`, and loops over a table's rows that do
something for each. Helpers of the project are followed a few calls deep.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from celery_lint.project.modules import Class, Function
from celery_lint.project.syntax import last_name, own_nodes, walk
from celery_lint.records import record
from celery_lint.semantics.dispatching.dispatches import VERBS
from celery_lint.semantics.exceptions.handlers import is_mute
from celery_lint.semantics.exceptions.logged import LOG_METHODS
from celery_lint.semantics.inference.values import (
    UNKNOWN,
    BoundMethod,
    CanvasValue,
    ClassValue,
    Collection,
    Constant,
    External,
    FunctionValue,
    Instance,
    ManagerValue,
    ModelValue,
    Partial,
    QuerySetValue,
    SignatureValue,
    TaskValue,
    Value,
)
from celery_lint.semantics.model import Call, Frame, FunctionFlow, Step

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

Kind = Literal["network", "process", "wait", "endless", "rows"]
MAX_CALLS_DOWN = 4
# Packages whose calls wait for another machine. Their socket's timeout is None unless it is set
# (socket.getdefaulttimeout), or bounds each read and not the whole.
_NETWORK = frozenset(
    {
        "requests", "httpx", "httplib2", "urllib3", "aiohttp", "pycurl", "treq", "socket", "smtplib",
        "aiosmtplib", "ftplib", "imaplib", "poplib", "telnetlib", "nntplib", "paramiko", "fabric", "pysftp",
        "asyncssh", "boto", "boto3", "botocore", "aiobotocore", "s3fs", "gcsfs", "googleapiclient", "gspread",
        "pygsheets", "stripe", "braintree", "paypalrestsdk", "twilio", "sendgrid", "mailchimp_marketing",
        "mailchimp3", "mailjet_rest", "postmarker", "slack_sdk", "slack", "slackclient", "telegram",
        "telebot", "tweepy", "facebook", "github", "gitlab", "atlassian", "jira", "docker", "kubernetes",
        "elasticsearch", "opensearchpy", "pysolr", "meilisearch", "algoliasearch", "ldap", "ldap3",
        "keycloak", "hvac", "consul", "zeep", "suds", "openai", "anthropic", "websocket", "feedparser",
        "pywebpush", "pyfcm", "firebase_admin", "simple_salesforce", "hubspot", "zenpy", "intercom",
        "akismet", "dropbox", "b2sdk", "minio", "swiftclient", "keystoneclient", "cloudinary", "pika",
        "kazoo", "nmap", "whois", "geopy", "googlemaps", "praw", "selenium", "playwright", "pexpect",
        "exchangelib", "ibm_boto3", "msal", "azure", "requests_oauthlib", "requests_futures", "cloudscraper",
        "mosspy", "telethon", "pyrogram",
    }
)  # fmt: skip
_NETWORK_PREFIXES = (
    "urllib.request.", "urllib2.", "http.client.", "xmlrpc.client.", "google.cloud.", "google.api_core.",
    "dns.resolver.", "elasticsearch_dsl.connections",
)  # fmt: skip
# Clients that connect with their first request: that one has the timeout, or has none.
_LAZY_CLIENTS = frozenset(
    {
        "requests.Session", "requests.session", "requests.sessions.Session", "httpx.Client", "httpx.AsyncClient",
        "aiohttp.ClientSession", "urllib3.PoolManager",
    }
)  # fmt: skip
# Parts of those packages that only make values.
_VALUES_ONLY = re.compile(
    r"""(^|\.)(exceptions?|errors?|error|utils|util|compat|models|structures|status_codes|codes|types|adapters|auth|const(ants)?
    |helpers|query|parse)(\.|$)|(Error|Exception|Warning|Timeout|Retry|Adapter|Auth|Params|Config|Mapping)$
    |\.OAuth[12]$|\.(Request|Timeout|Limits|URL|Headers|quote|urlencode|codes|Options|gethostname|inet_\w+|hton\w|ntoh\w|AF_\w+
    |setdefaulttimeout|getdefaulttimeout|Q)$""",
    re.VERBOSE,
)
_CLIENT = re.compile(
    r"Client|Session|Connection|Api|API|SMTP|FTP|IMAP|POP|Service|Server|Bot|Pool|Transport|Opener|Proxy"
)
_PROCESS = re.compile(
    r"subprocess\.(run|call|check_call|check_output|Popen|getoutput|getstatusoutput)$|os\.(system|popen|wait\w*|spawn\w+)$"
    r"|asyncio\.create_subprocess_\w+$|git\.(Repo|Git)\b|invoke\.run$|sh\.\w+$|envoy\.run$|pypandoc\.\w+$|pdfkit\.\w+$"
)
_MAIL = re.compile(r"django\.core\.mail\.(send_mail|send_mass_mail|mail_admins|mail_managers|get_connection)$")
_MAIL_CLASSES = re.compile(r"django\.core\.mail\.(message\.)?Email(Message|MultiAlternatives)$")
_WAIT = re.compile(
    r"select\.(select|poll|epoll)$|signal\.(pause|sigwait)$|concurrent\.futures\.(wait|as_completed)$"
    r"|multiprocessing\.connection\.wait$|asyncio\.(wait|gather)$|gevent\.(joinall|wait)$"
)
_SLEEP = frozenset({"time.sleep", "gevent.sleep", "eventlet.sleep", "asyncio.sleep"})
_SLEEPS = "lets each turn of the loop wait"
_WAITING_CLASSES = (
    "threading.",
    "multiprocessing.",
    "queue.",
    "concurrent.futures.",
    "subprocess.",
    "selectors.",
)
_WAITING_METHODS = frozenset(
    {"wait", "join", "get", "put", "acquire", "result", "communicate", "select", "map", "apply"}
)
_KEYS_GIVEN = re.compile(r"(^|_)(id|pk|uuid|guid|key)__in$")
# What a client's method does without asking its server.
_LOCAL_METHODS = frozenset(
    {
        "close", "json", "mount", "update", "raise_for_status", "headers", "set_debuglevel", "settimeout",
        "setsockopt", "fileno", "get_nowait", "put_nowait", "attach", "attach_alternative", "set_content",
        "add_header", "as_string", "release", "is_set", "is_alive", "qsize", "empty",
    }
)  # fmt: skip


@record()
class Block:
    """One way to last for ever. `what` says it of the code at the end of `steps`: "calls `requests.get`"."""

    kind: Kind
    what: str
    steps: tuple[Step, ...]


def way_to_block(
    hub: Semantics, function: Function, depth: int = MAX_CALLS_DOWN, is_top: bool = True, slow: bool = False
) -> Block | None:
    """The first visible way in which a function may last for ever, its own before that of helpers.

    `is_top` says that the function is what a worker runs, or all that it runs. With `slow`, requests
    that give up after a while count as well.
    """
    key = ("blocks", function, depth, is_top, slow)
    return hub.memo.get(key, lambda: _way_to_block(hub, function, depth, is_top, slow), None)


def _way_to_block(hub: Semantics, function: Function, depth: int, is_top: bool, slow: bool) -> Block | None:
    flow = hub.flow(function)
    for call in flow.calls:
        block = blocking_call(call)
        if block is not None and (slow or block.kind != "network" or not _gives_up(call)):
            return block
    if depth >= MAX_CALLS_DOWN - 1:
        # Further down such loops are mostly about a few things: the pages of one answer, a free name.
        found = _endless(flow) or _over_rows(flow, is_top)
        if found is not None:
            return found
    if depth <= 0:
        return None
    is_thin = is_top and _is_thin(function)
    for call in flow.calls:
        block = helper_block(hub, call, depth, is_thin, slow)
        if block is not None:
            return block
    return None


def _is_thin(function: Function) -> bool:
    """Whether a body only looks something up and hands it to the function that does the work."""
    body = [
        s
        for s in function.body
        if not isinstance(s, (ast.Import, ast.ImportFrom))
        and not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
    ]
    return len(body) <= 2 and all(isinstance(s, (ast.Assign, ast.Expr, ast.Return)) for s in body)


def helper_block(
    hub: Semantics, call: Call, depth: int = MAX_CALLS_DOWN, is_top: bool = False, slow: bool = False
) -> Block | None:
    """The way in which a function of the project that a call runs may last for ever."""
    # An unknown receiver proves nothing: only what a name or a type leads to is followed.
    if not any(isinstance(c, (FunctionValue, ClassValue, Partial, TaskValue)) for c in call.callee.alternatives()):
        return None
    for target in hub.calls.targets(call):
        if target.deferred:
            continue
        block = way_to_block(hub, target.function, depth - 1, is_top, slow)
        if block is not None:
            place = call.flow.module.source.place(call.node)
            return replace(block, steps=(Step(place, f"`{target.function.qualname}` is called here"), *block.steps))
    return None


def blocking_call(call: Call) -> Block | None:
    """How a call may last for ever by itself."""
    for callee in call.callee.alternatives():
        found = _of_callee(callee, call)
        if found is not None:
            kind, why = found
            if kind != "network" and _is_bounded_in_time(call):
                continue
            name = " ".join(call.flow.module.source.segment(call.node.func).split())
            name = name if len(name) <= 50 else f"...{call.name}"
            step = Step(call.flow.module.source.place(call.node), f"`{name}` {why}")
            return Block(kind, f"{'sleeps in a loop with' if why == _SLEEPS else 'calls'} `{name}`", (step,))
    return None


def _is_bounded_in_time(call: Call) -> bool:
    """Whether a wait, a process or a request is given a time."""
    timeout = call.keyword("timeout")
    return timeout is not None and timeout.value != Constant(None)


def _gives_up(call: Call) -> bool:
    """Whether a silent server cannot hold a request: by its own timeout, or that of the connection it is given."""
    if _is_bounded_in_time(call):
        return True
    connection = call.keyword("connection")
    return connection is not None and any(
        isinstance(part, ast.Call) and (made := call.flow.events.get(part)) is not None and _is_bounded_in_time(made)
        for part in _made_of(call.flow, connection.node)
    )


def _of_callee(callee: Value, call: Call) -> tuple[Kind, str] | None:
    if isinstance(callee, External):
        return _of_path(callee.path, call)
    if isinstance(callee, Partial):
        return _of_callee(callee.function, call)
    if not isinstance(callee, BoundMethod):
        return None
    receiver, name = callee.receiver, callee.name
    if isinstance(receiver, ModelValue) and name == "email_user":
        return "network", "talks to the mail server, which may never answer"
    path = receiver.cls if isinstance(receiver, Instance) else None
    if isinstance(path, Class) or path is None or name in _LOCAL_METHODS:
        return None
    if _MAIL_CLASSES.match(path) and name == "send":
        return "network", "talks to the mail server, which may never answer"
    if path.startswith(_WAITING_CLASSES) and name in _WAITING_METHODS:
        return "wait", "waits for something that may never come"
    return ("network", "talks to another machine, which may never answer") if is_network(path) else None


def _of_path(path: str, call: Call) -> tuple[Kind, str] | None:
    if _PROCESS.match(path):
        return "process", "runs a process, which may never end"
    if _MAIL.match(path):
        return "network", "talks to the mail server, which may never answer"
    if _WAIT.match(path):
        return "wait", "waits for something that may never come"
    if path in _SLEEP and call.frame.find("loop"):
        return "wait", _SLEEPS
    if path in _LAZY_CLIENTS:
        return None
    return ("network", "talks to another machine, which may never answer") if is_network(path) else None


def is_network(path: str) -> bool:
    """Whether a dotted name is of a package that talks over the network, and does more than make a value."""
    top, _, rest = path.partition(".")
    if (top not in _NETWORK and not path.startswith(_NETWORK_PREFIXES)) or _VALUES_ONLY.search(path):
        return False
    name = path.rpartition(".")[2]
    # Of the classes deep inside a package, those that connect say so; the others hold values.
    return bool(rest) and (rest == name or not name[:1].isupper() or _CLIENT.search(name) is not None)


_LOOP = frozenset({"while"})


def _endless(flow: FunctionFlow) -> Block | None:
    """`while True`: only the code itself can tell whether it ever ends."""
    function = flow.function
    if function is None or not function.holds(_LOOP) or function.is_generator:
        return None
    for node in own_nodes(function.body):
        if isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and node.test.value:
            place = flow.module.source.place(node.test)
            return Block(
                "endless",
                f"loops in `while {ast.unparse(node.test)}`",
                (Step(place, "this loop has no end of its own"),),
            )
    return None


def _over_rows(flow: FunctionFlow, is_top: bool) -> Block | None:
    """A loop over the rows of a query, of which nobody knows how many there are, with work for each.

    In a helper only what it queries by itself counts: what it is given, its caller may have bounded.
    """
    for call in flow.calls:
        frame = call.frame.find("loop")
        while frame is not None:
            rows = _rows_of(flow, frame, is_top)
            if rows is not None and _is_work(call, frame):
                text = " ".join(flow.module.source.segment(rows).split())
                text = text if len(text) <= 50 else text[:47] + "..."
                place = flow.module.source.place(rows)
                step = Step(place, "this loop lasts as long as there are rows")
                return Block("rows", f"works through all rows of `{text}`", (step,))
            frame = frame.parent.find("loop") if frame.parent is not None else None
    return None


def _rows_of(flow: FunctionFlow, frame: Frame, is_top: bool) -> ast.expr | None:
    """What a loop runs over, when that is every row of a query without a bound."""
    node = frame.node
    if not isinstance(node, (ast.For, ast.AsyncFor)) or not any(_is_open(v) for v in frame.detail.alternatives()):
        return None
    parts = _made_of(flow, node.iter)
    if any(_bounds(n) for part in parts for n in walk(part)):
        return None
    if not is_top and any(_is_given(flow, part) for part in parts):
        return None
    # The rows of each row of an outer loop: that loop is what counts.
    turns = {n.id for f in frame.chain() if f is not frame for n in _targets(f)}
    return None if any(isinstance(n, ast.Name) and n.id in turns for n in walk(node.iter)) else node.iter


def _targets(frame: Frame) -> Sequence[ast.Name]:
    if frame.kind != "loop" or not isinstance(frame.node, (ast.For, ast.AsyncFor)):
        return ()
    return [n for n in walk(frame.node.target) if isinstance(n, ast.Name)]


def _is_open(value: Value) -> bool:
    if isinstance(value, (ManagerValue, QuerySetValue)):
        return True
    return isinstance(value, Collection) and value.items is None and isinstance(value.element, ModelValue)


def _made_of(flow: FunctionFlow, node: ast.expr) -> Sequence[ast.expr]:
    """An expression, and what the variables in it were set to."""
    parts = [node]
    seen: set[str] = set()
    assigns = [
        n for n in own_nodes(flow.function.body if flow.function is not None else ()) if isinstance(n, ast.Assign)
    ]
    for part in parts:
        for name in {n.id for n in walk(part) if isinstance(n, ast.Name)} - seen:
            seen.add(name)
            parts += [n.value for n in assigns if any(isinstance(t, ast.Name) and t.id == name for t in n.targets)]
    return parts


def _bounds(node: ast.AST) -> bool:
    """Whether a part of a query bounds its rows: a slice, or the keys that it is given."""
    if isinstance(node, ast.keyword):
        return node.arg is not None and _KEYS_GIVEN.search(node.arg) is not None
    if isinstance(node, ast.Call):
        return last_name(node.func) == "islice"
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice)


def _is_given(flow: FunctionFlow, node: ast.expr) -> bool:
    """Whether rows are those of a parameter or of one row: `self.lines.all()`, `filter(order=self)`."""
    if any(isinstance(n, ast.keyword) and isinstance(flow.value(n.value), ModelValue) for n in walk(node)):
        return True
    while isinstance(node, (ast.Attribute, ast.Call, ast.Subscript)):
        inner = node.func if isinstance(node, ast.Call) else node.value
        if isinstance(node, ast.Call) and isinstance(inner, ast.Name) and node.args:
            inner = node.args[0]
        node = inner
        if any(isinstance(v, ModelValue) for v in flow.value(node).alternatives()):
            return True
    return isinstance(node, ast.Name) and flow.function is not None and node.id in flow.function.parameters


def _is_work(call: Call, loop: Frame) -> bool:
    """Whether a call in a loop's body takes time for each row: the database, or a function of the project.

    Sending a task for each row does not: that is how long work is divided.
    """
    node = loop.node
    assert isinstance(node, (ast.For, ast.AsyncFor))
    if not any(call.node is n for n in own_nodes(node.body)):
        return False
    if call.name in VERBS or is_mute(call):
        return False
    for callee in call.callee.alternatives():
        if isinstance(callee, BoundMethod) and isinstance(callee.receiver, (ModelValue, ManagerValue, QuerySetValue)):
            return True
        if isinstance(callee, FunctionValue) and not any(
            isinstance(a.value, (TaskValue, SignatureValue, CanvasValue)) for a in call.args
        ):
            return True
    return False


def does_nothing_long(hub: Semantics, function: Function) -> bool:
    """Whether a body cannot hang: it is empty, raises, logs, computes, gets a row or only sends other tasks."""
    flow = hub.flow(function)
    if _endless(flow) is not None:
        return False
    return all(_is_quick(call) for call in flow.calls)


_QUICK = re.compile(
    r"builtins\.(?!open$|input$)|logging\.|celery\.|datetime\.|time\.time|json\.|math\.|re\.|random\.|os\.path\.|structlog\."
)


def _is_quick(call: Call) -> bool:
    if call.name in VERBS | LOG_METHODS or is_mute(call):
        return True
    for callee in call.callee.alternatives():
        if isinstance(callee, External) and _QUICK.match(callee.path):
            continue
        if isinstance(callee, BoundMethod) and isinstance(callee.receiver, (TaskValue, SignatureValue, CanvasValue)):
            continue
        if isinstance(callee, BoundMethod) and isinstance(callee.receiver, ManagerValue) and callee.name == "get":
            continue  # one row by its key
        if callee == UNKNOWN or not isinstance(callee, CanvasValue):
            return False
    return True


__all__ = ["Block", "blocking_call", "does_nothing_long", "helper_block", "is_network", "way_to_block"]
