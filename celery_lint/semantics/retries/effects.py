"""What a call does to the world that must not be done twice, and what may fail.

Effects are recognised by what is called: the functions of Django's mail module,
of requests and httpx, of payment and messaging clients, of the ORM. A helper of
the project has the effects of its body. Methods that only set something to a
value (`put`, `delete`, `get_or_create`, `update(sent=True)`) can be repeated.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from celery_lint.project.modules import Class, Function
from celery_lint.project.syntax import keyword_of, walk
from celery_lint.records import record
from celery_lint.semantics.inference.values import (
    BoundMethod,
    ClassValue,
    Collection,
    Constant,
    External,
    FunctionValue,
    Instance,
    ManagerValue,
    ModelValue,
    QuerySetValue,
    Super,
    Value,
)
from celery_lint.semantics.model import Call, Frame, FunctionFlow, Step
from celery_lint.semantics.transactions.sessions import is_session

if TYPE_CHECKING:
    from celery_lint.semantics.hub import Semantics

EffectKind = Literal["payment", "mail", "message", "request", "row", "increment", "append"]
DATABASE = frozenset({"row", "increment"})
"""Effects that a transaction takes back."""
MAX_DOWN = 4
MAX_EFFECTS = 12
_MAIL = frozenset(
    {
        "django.core.mail.send_mail", "django.core.mail.send_mass_mail", "post_office.mail.send",
        "templated_email.send_templated_mail", "mail_templated.send_mail", "sendgrid.send",
    }
)  # fmt: skip
_MAIL_SERVERS = ("smtplib.SMTP", "smtplib.SMTP_SSL", "smtplib.LMTP")
_MAIL_CLASSES = (
    "django.core.mail.",
    "anymail.message.",
    "mail_templated.EmailMessage",
    "flask_mail.Mail",
    "flask_mailman.Email",
    "sendgrid.SendGridAPIClient",
)
_PAYMENT_PACKAGES = frozenset(
    {
        "stripe", "braintree", "paypalrestsdk", "paypalcheckoutsdk", "razorpay", "mollie", "square",
        "adyen", "authorizenet", "djstripe",
    }
)  # fmt: skip
_PAYMENT_VERBS = frozenset(
    {
        "create", "capture", "refund", "confirm", "charge", "sale", "pay", "payout", "transfer",
        "submit_for_settlement", "execute", "void",
    }
)  # fmt: skip
_PAYMENT_NAMES = frozenset(["charge", "capture", "refund", "payout"])
_PAYMENT_WORD = re.compile(r"pay|stripe|billing|braintree|checkout|adyen|mollie|terminal|invoice|wallet", re.IGNORECASE)
_HTTP_VERBS = frozenset({"post", "patch"})
_HTTP_CLIENTS = frozenset({"requests.Session", "requests.sessions.Session", "httpx.Client", "httpx.AsyncClient"})
_MESSENGERS = frozenset(
    {
        "twilio", "vonage", "nexmo", "messagebird", "plivo", "slack_sdk", "slack", "pyfcm",
        "firebase_admin", "telegram", "apns2", "onesignal_sdk",
    }
)  # fmt: skip
_MESSAGE_VERBS = frozenset(
    {
        "create", "send", "send_message", "send_multicast", "chat_postMessage", "notify_single_device",
        "notify_multiple_devices", "send_sms",
    }
)  # fmt: skip
# The services of Amazon that send mail and messages, by the methods of their clients (botocore/data).
_SES_VERBS = frozenset(
    {"send_email", "send_raw_email", "send_templated_email", "send_bulk_email", "send_bulk_templated_email"}
)
_SERVICES: Mapping[str, tuple[EffectKind, frozenset[str]]] = {
    "boto3.client.ses": ("mail", _SES_VERBS),
    "boto3.client.sesv2": ("mail", _SES_VERBS),
    "boto3.client.sns": ("message", frozenset({"publish", "publish_batch"})),
    "boto3.client.pinpoint": ("message", frozenset({"send_messages", "send_users_messages"})),
    "boto3.client.pinpoint-sms-voice-v2": ("message", frozenset({"send_text_message", "send_voice_message"})),
}
_CREATES = frozenset({"create", "acreate", "bulk_create", "abulk_create"})
_QUESTION = re.compile(
    r"(?<![a-z])(?:oauth\d?|login|auth/|graphql|validated?|search(?:es)?|verify|query|purge"
    r"|(?:token|check|lookup|preview|estimate|calculate)s?)(?![a-z])",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_FILE_VERBS = frozenset({"write", "writelines", "writerow", "writerows"})
_ROW_WRITERS = frozenset({External("csv.writer"), External("csv.DictWriter")})
_OPENS = frozenset({External("builtins.open"), External("io.open"), External("codecs.open")})
_APPENDS = re.compile(r"[bt+]*a[bt+]*")
# Rows that record what happened: one more of them is what a second run should leave.
_RECORD = re.compile(r"log|audit|history|event|record|attempt|trace|metric|stat|journal|snapshot|run$", re.IGNORECASE)

# Packages whose calls go over the network.
NETWORK = frozenset(
    {
        "requests", "httpx", "urllib", "urllib3", "smtplib", "socket", "ftplib", "paramiko", "boto3",
        "botocore", "stripe", "braintree", "paypalrestsdk", "twilio", "slack_sdk", "sendgrid", "google",
        "googleapiclient", "elasticsearch", "opensearchpy", "redis", "pymongo", "grpc", "hubspot", "zeep",
        "suds", "aiohttp",
    }
)  # fmt: skip
# A package's calls raise another package's exceptions too.
_RAISED_FOR = frozenset({("requests", "urllib3"), ("boto3", "botocore")})
_WRITES = frozenset(
    {
        "save", "asave", "create", "acreate", "bulk_create", "update", "aupdate", "bulk_update", "delete",
        "adelete", "get_or_create", "update_or_create",
    }
)  # fmt: skip
# What ends a transaction of zope, for all databases that have joined it.
_COMMITS = frozenset({"transaction.commit", "transaction.manager.commit", "transaction.TransactionManager.commit"})


@record()
class Effect:
    """Something that must not happen twice. `path` leads from a body's call down to the one that does it."""

    kind: EffectKind
    path: tuple[Call, ...]

    @property
    def call(self) -> Call:
        """The call in the body that was asked for."""
        return self.path[0]

    @property
    def source(self) -> Call:
        """The call that has the effect."""
        return self.path[-1]

    def steps(self) -> tuple[Step, ...]:
        """The calls that lead to the effect, where it lies in a helper."""
        return tuple(
            Step(
                c.flow.module.source.place(c.node),
                f"`{c.flow.function.qualname if c.flow.function else '?'}` does it here",
            )
            for c in self.path[1:]
        )


def effects(hub: Semantics, flow: FunctionFlow, depth: int = MAX_DOWN) -> tuple[Effect, ...]:
    """The effects of a body, those of the helpers that it calls too, in their order."""
    return hub.memo.get(("effects", flow, depth), lambda: tuple(_effects(hub, flow, depth))[:MAX_EFFECTS], ())


def _effects(hub: Semantics, flow: FunctionFlow, depth: int) -> Iterator[Effect]:
    for call in flow.calls:
        kind = own_effect(hub, call)
        if kind is not None:
            yield Effect(kind, (call,))
        elif depth > 0:
            for target in hub.calls.targets(call):
                if not target.deferred:
                    for deeper in effects(hub, hub.flow(target.function), depth - 1):
                        pays = deeper.kind == "request" and call.name in _PAYMENT_NAMES
                        yield Effect("payment" if pays else deeper.kind, (call, *deeper.path))


def own_effect(hub: Semantics, call: Call) -> EffectKind | None:
    """The effect that a call has by itself."""
    for callee in call.callee.alternatives():
        kind = _of_callee(hub, call, callee)
        if kind is not None:
            return kind
    return _of_resource(call) or ("append" if _is_append(call) else None)


def _of_callee(hub: Semantics, call: Call, callee: Value) -> EffectKind | None:
    if isinstance(callee, External):
        return _of_path(call, callee.path)
    if isinstance(callee, (BoundMethod, FunctionValue)):
        receiver = callee.receiver
        if isinstance(receiver, Super):
            receiver = receiver.receiver
        if isinstance(receiver, Instance):
            return _of_instance(hub, call, receiver)
        if isinstance(receiver, (ManagerValue, QuerySetValue)):
            return _of_queryset(hub, call, receiver)
        if isinstance(receiver, ModelValue):
            return _of_row(hub, call, receiver)
    return None


def _of_path(call: Call, path: str) -> EffectKind | None:
    root, name = path.partition(".")[0], path.rpartition(".")[2]
    if path in _MAIL:
        return "mail"
    if root in _PAYMENT_PACKAGES and name in _PAYMENT_VERBS:
        return "payment"
    if name in _PAYMENT_NAMES and _PAYMENT_WORD.search(path.rpartition(".")[0]):
        return "payment"
    if root in ("requests", "httpx"):
        return "request" if posts(call, name) and not only_asks(call) else None
    if root in _MESSENGERS and name in _MESSAGE_VERBS:
        return "message"
    if path == "urllib.request.urlopen" and sends_body(call) and not only_asks(call):
        return "request"
    return None


def sends_body(call: Call) -> bool:
    """Whether `urlopen(...)` posts: it, or the `Request` that it is given, has data and no other method."""
    given = call.positional[0].value if call.positional else None
    made = (
        given.origin.key[0] if isinstance(given, Instance) and given.origin is not None and given.origin.key else None
    )
    for event in (call, call.flow.events.get(made) if isinstance(made, ast.Call) else None):
        if event is not None and (len(event.positional) > 1 or event.keyword("data") is not None):
            method = event.keyword("method")
            return method is None or (isinstance(method.value, Constant) and method.value.value in ("POST", "PATCH"))
    return False


def posts(call: Call, name: str) -> bool:
    """Whether a call of an HTTP client asks the other side to do something."""
    if name == "request" and call.positional:
        given = call.positional[0].value
        return isinstance(given, Constant) and str(given.value).lower() in _HTTP_VERBS
    return name in _HTTP_VERBS


def only_asks(call: Call) -> bool:
    """Whether a POST changes nothing on the other side: it logs in, searches or checks."""
    for arg in call.args:
        value = arg.value
        if isinstance(value, Collection) and value.keys is not None and "grant_type" in value.keys:
            return True
    place = 1 if call.name == "request" else 0
    url = call.keyword("url") or next(iter(call.positional[place:]), None)
    return url is not None and _QUESTION.search(_CAMEL.sub("_", address(url.node))) is not None


def address(node: ast.expr) -> str:
    """The text of a URL, without what is put into the midst of it: `f"{base}/bot{token}/send"` is about no token."""
    if not isinstance(node, ast.JoinedStr):
        return ast.unparse(node)
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "" if index else ast.unparse(part)
        for index, part in enumerate(node.values)
    )


def _of_instance(hub: Semantics, call: Call, receiver: Instance) -> EffectKind | None:
    names = (
        [receiver.cls]
        if isinstance(receiver.cls, str)
        else [a for a in hub.classes.ancestors(receiver.cls) if isinstance(a, str)]
    )
    for path in names:
        if path in _SERVICES and call.name in _SERVICES[path][1]:
            return _SERVICES[path][0]
        if path.startswith(_MAIL_CLASSES) and call.name in ("send", "send_message", "send_messages"):
            return "mail"
        if path in _MAIL_SERVERS and call.name in ("sendmail", "send_message"):
            return "mail"
        if path in _HTTP_CLIENTS and posts(call, call.name) and not only_asks(call):
            return "request"
        if path.partition(".")[0] in _PAYMENT_PACKAGES and call.name in _PAYMENT_VERBS:
            return "payment"
    return None


def _of_queryset(hub: Semantics, call: Call, receiver: ManagerValue | QuerySetValue) -> EffectKind | None:
    if call.name in _CREATES:
        return "row" if makes_another_row(hub, call, receiver.model) else None
    if call.name in ("update", "aupdate") and any(a.keyword and adds_up(a.node, call.flow) for a in call.args):
        return "increment"
    return None


def makes_another_row(hub: Semantics, call: Call, model: Class | str | None) -> bool:
    """Whether a second run of a creating call leaves a second row: nothing makes the first one unique."""
    # The constraints of another package's model can't be read.
    if not isinstance(model, Class) or _RECORD.search(model.name) or not hub.classes.is_django_model(model):
        return False
    if any(a.keyword in ("ignore_conflicts", "update_conflicts", "pk", "id") for a in call.args):
        return False
    if any(a.star == "**" for a in call.args):
        return False
    return not is_unique(hub, model)


def is_unique(hub: Semantics, model: Class) -> bool:
    """Whether a column, or several together, may be in one row only."""
    for owner in hub.classes.ancestors(model):
        if not isinstance(owner, Class):
            continue
        for bindings in owner.assigns.values():
            field = bindings[-1].value
            if isinstance(field, ast.Call):
                kind = field.func.attr if isinstance(field.func, ast.Attribute) else getattr(field.func, "id", "")
                if (
                    kind.startswith("OneToOne")
                    or any(_is_true(k, "unique") or _is_true(k, "primary_key") for k in field.keywords)
                ) and not any(k.arg == "default" and not isinstance(k.value, ast.Constant) for k in field.keywords):
                    return True
        meta = owner.classes.get("Meta")
        if meta is not None and ("unique_together" in meta.assigns or "UniqueConstraint" in _words(meta.node)):
            return True
    return False


def _is_true(keyword: ast.keyword, name: str) -> bool:
    return keyword.arg == name and isinstance(keyword.value, ast.Constant) and keyword.value.value is True


def _words(node: ast.AST) -> set[str]:
    return {
        n.attr if isinstance(n, ast.Attribute) else n.id for n in walk(node) if isinstance(n, (ast.Attribute, ast.Name))
    }


def _of_row(hub: Semantics, call: Call, row: ModelValue) -> EffectKind | None:
    if call.name == "email_user":
        return "mail"
    if call.name not in ("save", "asave") or not isinstance(call.node.func, ast.Attribute):
        return None
    text = ast.unparse(call.node.func.value)
    for store in call.flow.stores:
        if (
            (store.index <= call.index and ast.unparse(store.target.value) == text and store.node.value is not None)
            and isinstance(store.node, ast.Assign)
            and adds_up(store.node.value, call.flow)
        ):
            return "increment"
    made = row.origin.key[0] if row.origin is not None and row.origin.key else None
    event = call.flow.events.get(made) if isinstance(made, ast.Call) else None
    if event is not None and any(isinstance(c, ClassValue) for c in event.callee.alternatives()):
        first = next(
            (
                c
                for c in call.flow.calls
                if c.name == call.name
                and c.node.func is not call.node.func
                and ast.unparse(c.node.func) == ast.unparse(call.node.func)
            ),
            None,
        )
        if first is None or first.index > call.index:
            return "row" if makes_another_row(hub, event, row.model) else None
    return None


def adds_up(node: ast.expr, flow: FunctionFlow) -> bool:
    """Whether an expression is `F("n") + 1` or the like: each run changes the value once more."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, (ast.Add, ast.Sub, ast.Mult)):
        return False
    for side in (node.left, node.right):
        if isinstance(side, ast.Call):
            callee = flow.value(side.func)
            if isinstance(callee, External) and callee.path in (
                "django.db.models.F",
                "django.db.models.expressions.F",
            ):
                return True
    return False


def _of_resource(call: Call) -> EffectKind | None:
    """The effect of `client.messages.create(...)` or `gateway.transaction.sale(...)`: a method of a client's part."""
    node: ast.expr = call.node.func
    while isinstance(node, ast.Attribute):
        node = node.value
        value = call.flow.value(node)
        if isinstance(value, Instance) and isinstance(value.cls, str):
            root = value.cls.partition(".")[0]
            if root in _PAYMENT_PACKAGES and call.name in _PAYMENT_VERBS:
                return "payment"
            return "message" if root in _MESSENGERS and call.name in _MESSAGE_VERBS else None
    return None


def _is_append(call: Call) -> bool:
    """Whether a call writes to a file opened for appending: `file.write(...)`, `print(..., file=file)`."""
    func = call.node.func
    if call.name in _FILE_VERBS:
        return isinstance(func, ast.Attribute) and is_appended(func.value, call.flow)
    if call.callee == External("builtins.print"):
        file = call.keyword("file")
        return file is not None and is_appended(file.node, call.flow)
    return False


def is_appended(node: ast.expr, flow: FunctionFlow, depth: int = 3) -> bool:
    """Whether an expression is a file opened for appending, or a writer of such a file's rows."""
    if isinstance(node, ast.Call):
        if flow.value(node.func) in _ROW_WRITERS:
            return bool(node.args) and depth > 0 and is_appended(node.args[0], flow, depth - 1)
        return opens_to_append(node, flow)
    return (
        isinstance(node, ast.Name)
        and depth > 0
        and any(is_appended(one, flow, depth - 1) for one in (*flow.assigned(node.id), *flow.entered(node.id)))
    )


def opens_to_append(node: ast.Call, flow: FunctionFlow) -> bool:
    """Whether a call is `open(path, "a")`, or `path.open("a")`."""
    func = node.func
    if flow.value(func) in _OPENS:
        place = 1
    elif isinstance(func, ast.Attribute) and func.attr == "open":
        place = 0
    else:
        return False
    mode = keyword_of(node, "mode")
    if mode is None and len(node.args) > place:
        mode = node.args[place]
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and _APPENDS.fullmatch(mode.value) is not None


# What may fail


@record()
class Risk:
    """How a call may fail: in a package that goes over the network, in the database, or by a `raise`."""

    root: str
    raised: Class | str | None = None


def risks(hub: Semantics, call: Call, depth: int = 3) -> frozenset[Risk]:
    """How a call may fail, as far as can be told; none when nothing is known against it."""
    return hub.memo.get(("risks", call, depth), lambda: frozenset(_risks(hub, call, depth)), frozenset())


def _risks(hub: Semantics, call: Call, depth: int) -> Iterator[Risk]:
    kind = own_effect(hub, call)
    if kind == "mail":
        yield Risk("smtplib")
    elif kind in ("payment", "message"):
        yield Risk("payment")
    for callee in call.callee.alternatives():
        path = callee.path if isinstance(callee, External) else ""
        receiver = getattr(callee, "receiver", None)
        if isinstance(receiver, Instance) and isinstance(receiver.cls, str) and isinstance(callee, BoundMethod):
            path = f"{receiver.cls}.{callee.name}"
        root, name = path.partition(".")[0], path.rpartition(".")[2]
        if (
            root in NETWORK
            and not name[:1].isupper()
            and name not in ("quote", "urlencode", "urljoin", "urlparse", "client")
        ):
            yield Risk(root)
        if isinstance(receiver, (ManagerValue, QuerySetValue, ModelValue)) and call.name in _WRITES:
            yield Risk("django.db")
        if path in _COMMITS and hub.sessions.has_something_to_write(call):
            yield Risk(root)
    if is_session(call, "commit", "flush") and hub.sessions.has_something_to_write(call):
        yield Risk("sqlalchemy")
    if call.name == "raise_for_status":
        yield Risk("http")
    if depth > 0:
        for target in hub.calls.targets(call):
            if not target.deferred:
                yield from function_risks(hub, target.function, depth - 1)


def function_risks(hub: Semantics, function: Function, depth: int) -> frozenset[Risk]:
    """How a function of the project may fail, what it catches itself left out."""
    key = ("function risks", function, depth)
    return hub.memo.get(key, lambda: frozenset(_function_risks(hub, function, depth)), frozenset())


def _function_risks(hub: Semantics, function: Function, depth: int) -> Iterator[Risk]:
    flow = hub.flow(function)
    for call in flow.calls:
        for risk in risks(hub, call, depth):
            if not is_swallowed(hub, risk, call, flow):
                yield risk
    for _, value, frame in flow.raises:
        handler = frame.find("handler")
        if handler is None or _is_risky(hub, handler, flow, depth):
            for one in value.alternatives():
                if isinstance(one, (Instance, ClassValue)):
                    yield Risk("raise", one.cls)
                elif isinstance(one, External):
                    yield Risk("raise", one.path)


def _is_risky(hub: Semantics, handler: Frame, flow: FunctionFlow, depth: int) -> bool:
    """Whether something in the `try` of a handler is known to fail, so that the handler runs."""
    statements = [s for node, s, _, _ in flow.handlers if node is handler.node]
    return any(
        frame.kind == "try" and frame.node in statements and risks(hub, call, depth)
        for call in flow.calls
        for frame in call.frame.chain()
    )


def is_swallowed(hub: Semantics, risk: Risk, call: Call, flow: FunctionFlow) -> bool:
    """Whether a `try` around the call catches the failure and goes on."""
    tries = {id(f.node) for f in call.frame.chain() if f.kind == "try"}
    for handler, statement, _, classes in flow.handlers:
        if id(statement) in tries:
            named = classes.items if isinstance(classes, Collection) and classes.items is not None else (classes,)
            if any(fits(hub, risk, c) for c in named):
                ends = any(isinstance(n, ast.Raise) for s in handler.body for n in walk(s))
                again = any(isinstance(n, ast.Attribute) and n.attr == "retry" for s in handler.body for n in walk(s))
                return not ends and not again
    return False


def fits(hub: Semantics, risk: Risk, cls: Value) -> bool:
    """Whether a failure is, or may be, an instance of an exception class."""
    if isinstance(cls, ClassValue):
        return isinstance(risk.raised, Class) and hub.classes.inherits(risk.raised, cls.cls)
    if not isinstance(cls, External):
        return False
    path = cls.path
    if path in ("builtins.Exception", "builtins.BaseException"):
        return True
    if risk.root == "raise":
        if isinstance(risk.raised, Class):
            return path in hub.classes.ancestors(risk.raised)
        return risk.raised == path
    if path in (
        "builtins.ConnectionError",
        "builtins.OSError",
        "builtins.IOError",
        "builtins.TimeoutError",
        "builtins.EnvironmentError",
    ):
        return risk.root in NETWORK or risk.root in ("payment", "http")
    root = path.partition(".")[0]
    if root == "django":
        return path.startswith("django.db") and risk.root == "django.db"
    if risk.root == "payment":
        return root in _PAYMENT_PACKAGES | _MESSENGERS
    if risk.root == "http":
        return root in ("requests", "httpx", "urllib3")
    return risk.root == root or (risk.root, root) in _RAISED_FOR


__all__ = ["DATABASE", "Effect", "Risk", "effects", "fits", "is_swallowed", "risks"]
