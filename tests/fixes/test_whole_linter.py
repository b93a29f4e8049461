"""What holds of the whole linter, rules and fixes together, for dispatches and tasks however they are written."""

from __future__ import annotations

import ast
import io
import tempfile
import tokenize
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from celery_lint.configuration import Overrides, Selection
from celery_lint.findings import Applicability
from celery_lint.fixing import fix
from celery_lint.run import Checked, run
from celery_lint.source import Source

ALLOWED = frozenset({Applicability.SAFE, Applicability.UNSAFE})
MODELS = """\
from django.db import models


class Order(models.Model):
    total = models.IntegerField()
"""
HEADS = st.sampled_from(
    [
        "from celery import shared_task\nfrom django.db import transaction\nfrom shop.models import Order\n",
        '"""Doc."""\nimport celery\nfrom celery import shared_task\nimport shop.models\n'
        "from django.db.transaction import atomic\nfrom shop.models import Order\nfrom django.db import transaction\n",
        "from __future__ import annotations\n# ours\nfrom shop.models import (\n    Order,  # rows\n)\n"
        "from celery import shared_task, Task\nfrom django.db import models, transaction\n"
        "from functools import wraps\n",
    ]
)
DECORATORS = st.sampled_from(
    [
        "@shared_task\n",
        "@shared_task()  # bare\n",
        "@shared_task(bind=True, max_retries=3)\n",
        "@shared_task(\n    bind=True,\n    # how often\n    max_retries=3,\n)\n",
        "@shared_task(name='shop.pack',\n             queue='mail')\n",
    ]
)
BODIES = st.sampled_from(
    [
        "    return a\n",
        "    while True: a.get()  # for ever\n",
        "    try:\n        a.work()\n    # whatever it is\n    except Exception:\n        pass  # why\n",
        "    import requests\n    try: requests.get('http://x', timeout=1)\n    except Exception as e: print(e)\n",
        "    order = Order.objects.get(pk=a)\n    order.total += 1  # one more\n    order.save()\n",
    ]
)
RETRYING = """\
    try:
        a.work()
        raise self.retry(countdown=5)
    except Exception:  # all
        return None
"""
ARGUMENTS = st.sampled_from(
    [
        "order",
        "order.pk",
        "order if order else None",
        "Order.objects.get(pk=1)",
        "Order.objects.filter(total=1)",
        "[o for o in Order.objects.all()]",
        "(w := order.pk)",
        "'é # no comment'",
        "'''two\n  lines # '''",
        "f'{order.pk}'",
        "lambda x, y: x",
        "{'k': [\n1, # in\n]}",
        "order.total ** 2, # a comma",
    ]
)
METHODS = st.sampled_from(["pack.delay", "pack.s", "pack.delay_on_commit", "pack", "pack.apply"])
PLACES = st.sampled_from(
    [
        "def view(request):\n    order = Order.objects.create(total=1)\n    {}\n",
        "def view(request):\n    with transaction.atomic():\n        order = Order.objects.create(total=1)\n"
        "        {}  # sent\n",
        "@transaction.atomic\ndef view(request, order: Order): {}\n",
        "class V:\n\tasync def view(self, order: Order):\n\t\tif order: x = 1; {}; y = 2\n",
        "def save(order):\n    order.save()\n    match order:\n        case Order() as o:\n            {}\n"
        "    return order\n",
        "def later():\n    with transaction.atomic():\n        for order in Order.objects.all():\n"
        "            transaction.on_commit(lambda: {})\n",
        "def later(order: Order):\n    transaction.on_commit({})\n    # end\n",
    ]
)


@st.composite
def calls(draw: st.DrawFn) -> str:
    arguments = draw(st.lists(ARGUMENTS, min_size=1, max_size=3))
    method = draw(METHODS)
    if method == "pack.apply":
        return f"pack.apply(args=[{', '.join(arguments)}\n])"
    style = draw(st.sampled_from(["inline", "hanging", "aligned"]))
    if style == "inline":
        return f"{method}({', '.join(arguments)}\n)"
    indent = "\n" + " " * (len(method) + 9 if style == "aligned" else 12)
    comments = [draw(st.sampled_from(["", "  # why"])) for _ in arguments]
    lines = [f"{item},{comment}" for item, comment in zip(arguments, comments, strict=True)]
    opening = "(  # first" + indent if style == "hanging" else "("
    return method + opening + indent.join(lines) + "\n        )"


@st.composite
def modules(draw: st.DrawFn) -> bytes:
    decorator = draw(DECORATORS)
    is_bound = "bind=True" in decorator
    body = draw(st.sampled_from([RETRYING])) if is_bound and draw(st.booleans()) else draw(BODIES)
    text = draw(HEADS) + f"\n\n{decorator}def pack({'self, ' if is_bound else ''}a=None, *rest):\n{body}\n\n"
    text += "\n\n".join(draw(PLACES).format(draw(calls())) for _ in range(draw(st.integers(1, 2))))
    try:
        ast.parse(text)
    except SyntaxError:
        # Not every argument can stand everywhere.
        text = text.partition("def pack")[0] + f"def pack({'self, ' if is_bound else ''}a=None, *rest):\n{body}"
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "latin-1"]))
    if encoding == "latin-1":
        text = "# -*- coding: latin-1 -*-\n" + text
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"]))).encode(encoding)


def checked(root: Path) -> Checked:
    report = run([root], Overrides(selection=Selection(select=("ALL",)), isolated=True))
    (only,) = report.checked
    assert not report.errors
    assert not only.failures
    return only


def comments(data: bytes) -> Counter[str]:
    text = Source("", data).text.replace("\r\n", "\n")
    return Counter(
        token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.COMMENT
    )


def codes(project: Checked) -> Counter[tuple[str, str]]:
    return Counter((finding.place.filename, finding.code) for finding in project.findings)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(modules())
def test_fixes_remove_their_findings_and_nothing_else(before: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / ".git").mkdir()
        (root / "shop").mkdir()
        (root / "shop" / "__init__.py").write_text("")
        (root / "shop" / "models.py").write_text(MODELS)
        path = root / "shop" / "views.py"
        path.write_bytes(before)
        found = checked(root)
        fixed = fix([found], ALLOWED, write=True)
        assert fixed.errors == ()  # each file parses, and gains no finding
        after = path.read_bytes()
        ast.parse(Source("", after).text)

        left = checked(root)
        assert codes(left) <= codes(found)
        held_back = [finding for finding in left.findings if finding.fix is not None]
        assert len(held_back) == sum(int(note.split()[0]) for note in fixed.notes if "held back" in note)
        assert comments(after) == comments(before)
        assert (b"\r\n" in after) == (b"\r\n" in before)
        # Once more changes nothing.
        again = fix([left], ALLOWED, write=True)
        assert again.diff == b""
        assert path.read_bytes() == after
