"""Every kind of change in every kind of file: the fixed file is the same file round the fixed code.

A change turns a snippet into another one. Put into a file in some odd way, it
must turn the file with the one into the file with the other, byte for byte.
"""

from __future__ import annotations

import codecs
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from celery_lint.findings import (
    AddArguments,
    Change,
    DeferToCommit,
    Import,
    Place,
    PutStatement,
    RemoveArguments,
    Replace,
    ReraiseFirst,
    Side,
    Substitute,
)
from tests.fixes.making import fixed_bytes, marked

HEAD = """\
from functools import partial

from celery.exceptions import Retry
from django.db import transaction

if transaction:
    pass

"""
RETRY = Import("celery.exceptions", "Retry")


@dataclass(frozen=True)
class Kind:
    """A change, and the snippets before (its place marked) and after it."""

    name: str
    change: Callable[[Place], Change]
    before: str
    after: str

    def __str__(self) -> str:
        return self.name

    @property
    def is_indented(self) -> bool:
        """Whether it brings lines of a level of their own."""
        return self.after.count("\n    ") > self.before.count("\n    ")

    @property
    def is_simple(self) -> bool:
        """Whether it is one statement in one line, which may stand beside others."""
        return "\n" not in self.before.rstrip("\n") and not self.before.startswith("@") and "#" not in self.before


def kind(name: str, change: Callable[[Place], Change], before: str, after: str) -> Kind:
    return Kind(name, change, before + "\n", after + "\n")


KINDS = [
    kind("replace", lambda p: Replace(p, "{}.pk"), "f.delay(«order», 1)", "f.delay(order.pk, 1)"),
    kind(
        "replace beside comments",
        lambda p: Replace(p, "{}.pk"),
        "f.delay(  # why\n    «order»,  # which\n    # not this\n    b=1\n)",
        "f.delay(  # why\n    order.pk,  # which\n    # not this\n    b=1\n)",
    ),
    kind(
        "replace over lines",
        lambda p: Replace(p, "list({})"),
        "f.delay(«orders\n        or None», x)",
        "f.delay(list(orders\n        or None), x)",
    ),
    kind(
        "replace a walrus",
        lambda p: Replace(p, "{}.pk"),
        "f.delay(«o := order»)",
        "f.delay((o := order).pk)",
    ),
    kind("replace in await", lambda p: Replace(p, "{}.pk"), "x = [«a», (b)]", "x = [a.pk, (b)]"),
    kind("defer", DeferToCommit, "«f.delay(a, b=1)»", "transaction.on_commit(partial(f.delay, a, b=1))"),
    kind(
        "defer beside comments",
        DeferToCommit,
        "«f.delay(\n    a,  # one\n    # two\n    b=1,\n)»",
        "transaction.on_commit(partial(\n    f.delay,\n    a,  # one\n    # two\n    b=1,\n))",
    ),
    kind(
        "defer odd formatting",
        DeferToCommit,
        "«f . delay ( a,b = 1 , )»",
        "transaction.on_commit(partial( f . delay, a,b = 1 , ))",
    ),
    kind("defer by method", lambda p: DeferToCommit(p, method="go"), "«f.delay(a)»", "f.go(a)"),
    kind(
        "defer another database",
        lambda p: DeferToCommit(p, using="'b'"),
        "«f.delay()»",
        "transaction.on_commit(f.delay, using='b')",
    ),
    kind(
        "defer what runs here",
        lambda p: DeferToCommit(p, function="{}.delay"),
        "«f(a)»",
        "transaction.on_commit(partial(f.delay, a))",
    ),
    kind("take an argument away", lambda p: RemoveArguments(p, ("b",)), "«f.s(a, b=1, **c)»", "f.s(a, **c)"),
    kind("add an argument", lambda p: AddArguments(p, (("n", "3"),)), "«f.s(a)»", "f.s(a, n=3)"),
    kind(
        "add in a hanging indent",
        lambda p: AddArguments(p, (("n", "3"),)),
        "«f.s(\n    a,\n    b=1,  # one\n)»",
        "f.s(\n    a,\n    b=1,  # one\n    n=3,\n)",
    ),
    kind(
        "add to a decorator",
        lambda p: AddArguments(p, (("n", "3"),)),
        "@first(\n    # why\n)\n@«app.task»  # bare\n@last\ndef g(): pass",
        "@first(\n    # why\n)\n@app.task(n=3)  # bare\n@last\ndef g(): pass",
    ),
    kind(
        "add to a decorator over lines",
        lambda p: AddArguments(p, (("n", "3"),)),
        "@«app.task(\n    bind=True,\n    name='g'  # no comma\n)»\nasync def g(self):\n    await self",
        "@app.task(\n    bind=True,\n    name='g',  # no comma\n    n=3\n)\nasync def g(self):\n    await self",
    ),
    kind(
        "raise again",
        lambda p: ReraiseFirst(p, (RETRY,)),
        "«try:\n    f()\n# about the handler\nexcept Exception:\n    pass»",
        "try:\n    f()\nexcept Retry:\n    raise\n# about the handler\nexcept Exception:\n    pass",
    ),
    kind(
        "raise again with all clauses",
        lambda p: ReraiseFirst(p, (RETRY,)),
        "«try: f()\nexcept A: a()\nexcept: b()\nelse: c()\nfinally: d()»",
        "try: f()\nexcept Retry:\n    raise\nexcept A: a()\nexcept: b()\nelse: c()\nfinally: d()",
    ),
    kind("put before", lambda p: PutStatement(p, Side.BEFORE, "if x:\n    y()"), "«f()»", "if x:\n    y()\nf()"),
    kind(
        "put after", lambda p: PutStatement(p, Side.AFTER, "if x:\n    y()"), "«f()»  # f", "f()  # f\nif x:\n    y()"
    ),
    kind("put instead", lambda p: PutStatement(p, Side.INSTEAD, "x()\ny()"), "«f(\n    1)»  # f", "x()\ny()  # f"),
    kind(
        "put after a definition",
        lambda p: PutStatement(p, Side.AFTER, "y()"),
        "@a(\n    1,\n)\n«class A:\n    def f(self): pass»",
        "@a(\n    1,\n)\nclass A:\n    def f(self): pass\ny()",
    ),
    kind("rewrite a comment", lambda p: Substitute(p, "# b"), "f()  «# noqa: A»", "f()  # b"),
]

Text = Callable[[str], str]


def within(before: str, after: str = "", levels: int = 1) -> Text:
    """A file that has the snippet in a block."""
    return lambda snippet: HEAD + before + textwrap.indent(snippet, "    " * levels) + after


PLACES: dict[str, Text] = {
    "module": lambda snippet: HEAD + snippet,
    "function": within("def g(x):\n", "    return 1\n"),
    "async function": within("async def g(x):\n    async with h() as i:\n", "    return await i\n", levels=2),
    "method": within("class A:\n    '''Doc.'''\n\n    def g(self):\n", "\n    h = g\n", levels=2),
    "class": within("class A(B):\n    x = 1\n", "    y = 2\n"),
    "nested function": within("def g():\n    def h():\n        nonlocal_ = 1\n", "    return h\n", levels=2),
    "match": within("match a:\n    case [b, *_] if (c := b):\n", "    case _:\n        pass\n", levels=2),
    "branches": within("if a:\n    pass\nelif b:\n", "else:\n    pass\n"),
    "loop": within("for a in b:\n    while c:\n", "        break\n    else:\n        d()\nelse: e()\n", levels=2),
    "handler": within("try:\n    a()\nexcept (A, B) as e:\n", "finally:\n    b()\n"),
    "behind a continued line": within("if a and \\\n        b:\n    c = 1 + \\\n      2\n", "    d = \\\n        3\n"),
    "between f-strings": within("def g(x):\n    f'{x!r:>{10}} {{f.delay(order)}}'\n", "    f'''{\n  x}\n'''\n"),
    "under decorators": within("@a(\n    b,  # c\n    d=(1,\n       2),\n)\n@e\ndef g(x):\n", "\n\n@f\ndef h(): ...\n"),
    "between comments": within("# a\ndef g():\n    # before\n\n", "    # after\n# end\n"),
    "between form feeds": lambda snippet: HEAD + "\f\nx = 1\n\f\n" + snippet + "\f\ny = 2\n",
    "at the end": lambda snippet: (HEAD + "if a:\n" + textwrap.indent(snippet, "    ")).removesuffix("\n"),
    "odd indentation": lambda snippet: HEAD + "if a:\n   if b:\n" + textwrap.indent(snippet, "     "),
}
WRITINGS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "cr": lambda text: text.replace("\n", "\r").encode(),
    "tabs": lambda text: text.replace("    ", "\t").encode(),
    "byte-order mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "latin-1": lambda text: f"# -*- coding: latin-1 -*-\nä = 'é'\n{text}".encode("latin-1"),
    "utf-8": lambda text: f"ä = '€😀'\n{text}".encode(),
}


def assert_becomes(kind: Kind, before: Text, writing: Callable[[str], bytes]) -> None:
    """The kind's change in a file with its first snippet makes the file with its second."""
    text = before(kind.before)
    written = writing(text.replace("«", "\x01").replace("»", "\x02"))
    decoding = "latin-1" if b"latin-1" in written else "utf-8-sig"
    # The marks are put back where the bytes have them, so that the place is told in the file as it is written.
    source, (place,) = marked(written.decode(decoding).replace("\x01", "«").replace("\x02", "»"))
    data = (codecs.BOM_UTF8 if decoding == "utf-8-sig" and written.startswith(codecs.BOM_UTF8) else b"") + (
        source.encode("latin-1" if decoding == "latin-1" else "utf-8")
    )
    result = fixed_bytes(data, kind.change(place))
    assert result is not None, "no fix is offered"
    assert result.decode(decoding) == writing(before(kind.after)).decode(decoding)
    assert result == writing(before(kind.after))


ALL = [
    pytest.param(kind, place, writing, id=f"{kind}-{place}-{writing}")
    for kind in KINDS
    for place in PLACES
    for writing in WRITINGS
    # Where indentation is odd it cannot be told how much a level is.
    if place != "odd indentation" or not (writing == "tabs" or kind.is_indented)
]


@pytest.mark.parametrize(("kind", "place", "writing"), ALL)
def test_only_the_code_at_the_place_changes(kind: Kind, place: str, writing: str) -> None:
    assert_becomes(kind, PLACES[place], WRITINGS[writing])


ONE_LINE: dict[str, Text] = {
    "body": lambda snippet: f"{HEAD}if a: {snippet}",
    "neighbours": lambda snippet: f"{HEAD}def g(): x = 1; {snippet.rstrip()}; y = 2\n",
    "after a colon": lambda snippet: f"{HEAD}class A: {snippet}",
    "semicolon": lambda snippet: f"{HEAD}{snippet.rstrip()};\n",
}


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("place", ONE_LINE)
@pytest.mark.parametrize("kind", [each for each in KINDS if each.is_simple], ids=str)
def test_a_statement_that_shares_its_line(kind: Kind, place: str, writing: str) -> None:
    """Expressions are changed there as well; statements have no room beside them."""
    if kind.name.startswith("put"):
        text, (spot,) = marked(ONE_LINE[place](kind.before))
        assert fixed_bytes(text.encode(), kind.change(spot)) is None
    else:
        assert_becomes(kind, ONE_LINE[place], WRITINGS[writing])


@pytest.mark.parametrize("kind", [each for each in KINDS if each.is_simple and "put" not in each.name], ids=str)
@pytest.mark.parametrize("string", ["f'{ %s }'", "rf'''\n{ %s }'''", "f'{f\"{ %s }\"}'", "F'{x:{ %s }}'"])
def test_nothing_is_changed_inside_of_an_f_string(kind: Kind, string: str) -> None:
    """Quotes, backslashes and comments have rules of their own there, which differ between versions."""
    snippet = kind.before.rstrip().removeprefix("x = ")
    text, (place,) = marked(f"{HEAD}y = {string % snippet}\n")
    assert fixed_bytes(text.encode(), kind.change(place)) is None
