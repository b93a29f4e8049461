"""Every byte outside of a fix stays, whatever the file is made of."""

from __future__ import annotations

import codecs
import sys

import pytest

from celery_lint.findings import AddArguments, DeferToCommit, Import, PutStatement, Replace, ReraiseFirst, Side
from tests.fixes.making import fixed_bytes, marked


def deferred(source: str, encoding: str = "utf-8") -> bytes | None:
    text, (place,) = marked(source)
    return fixed_bytes(text.encode(encoding), DeferToCommit(place))


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_new_lines_end_as_the_file_s_do(newline: str) -> None:
    source = '"""Doc."""\n\nif a:\n    «f.delay(  # why\n        x,\n    )»\n'.replace("\n", newline)
    assert (
        deferred(source)
        == (
            '"""Doc."""\n\nfrom functools import partial\n\nfrom django.db import transaction\n\nif a:\n'
            "    transaction.on_commit(partial(  # why\n        f.delay,\n        x,\n    ))\n"
        )
        .replace("\n", newline)
        .encode()
    )


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_put_in_end_as_the_file_s_do(newline: str) -> None:
    source = "try:\n\t@a\n\tdef f(): pass\nexcept E:\n\tpass\n".replace("\n", newline)
    text, (handlers,) = marked("«" + source.rstrip() + "»" + newline)
    definition = marked(source.replace("def f(): pass", "«def f(): pass»"))[1][0]
    result = fixed_bytes(
        text.encode(),
        ReraiseFirst(handlers, (Import("celery.exceptions", "Retry"),)),
        PutStatement(definition, Side.BEFORE, "if x:\n    y()"),
    )
    assert (
        result
        == (
            "from celery.exceptions import Retry\n\ntry:\n\tif x:\n\t\ty()\n\t@a\n\tdef f(): pass\n"
            "except Retry:\n\traise\nexcept E:\n\tpass\n"
        )
        .replace("\n", newline)
        .encode()
    )


def test_newlines_of_several_kinds_stay() -> None:
    assert deferred("import django.db.transaction as t\r\nimport functools\r\nx = '''\n'''\r«f.delay(x)»\n") == (
        b"import django.db.transaction as t\r\nimport functools\r\nx = '''\n'''\r"
        b"t.on_commit(functools.partial(f.delay, x))\n"
    )


def test_a_byte_order_mark_stays() -> None:
    text, (place,) = marked("«f.delay()»\n")
    assert fixed_bytes(codecs.BOM_UTF8 + text.encode(), DeferToCommit(place)) == (
        codecs.BOM_UTF8 + b"from django.db import transaction\n\ntransaction.on_commit(f.delay)\n"
    )


def test_a_file_stays_in_its_own_encoding() -> None:
    source = "# coding: latin-1\nfrom django.db import transaction\né = 'ü'; «f.é.delay()»  # ä\n"
    assert deferred(source, "latin-1") == (
        "# coding: latin-1\nfrom django.db import transaction\né = 'ü'; transaction.on_commit(f.é.delay)  # ä\n"
    ).encode("latin-1")


def test_columns_count_characters() -> None:
    assert deferred("from django.db import transaction\n'é€😀'; «f.delay()»; '😀'\n") == (
        "from django.db import transaction\n'é€😀'; transaction.on_commit(f.delay); '😀'\n".encode()
    )


def test_what_the_encoding_cannot_say_is_not_put_in() -> None:
    text, (place,) = marked("# coding: latin-1\nx = «f()»\n")
    assert fixed_bytes(text.encode("latin-1"), Replace(place, "'€'")) is None
    assert fixed_bytes(text.encode("latin-1"), Replace(place, "'ö'")) == (
        "# coding: latin-1\nx = 'ö'\n".encode("latin-1")
    )


@pytest.mark.parametrize(
    "data",
    [
        b"f.delay()\n\xff\n",
        b"# coding: nonsense\nf.delay()\n",
        b"# coding: latin-1\nf.delay()\n)\n",
        b"# coding: utf-7\nf.delay() # +AGE-\n",  # several spellings of one text: bytes could not be kept
        b"",
        b"\0",
    ],
)
def test_a_file_that_cannot_be_rewritten_gets_no_fix(data: bytes) -> None:
    row = 2 if data.startswith(b"#") else 1
    places = [marked(("x\n" * (row - 1)) + "«f.delay()»\n")[1][0]]
    assert fixed_bytes(data, DeferToCommit(places[0])) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1\n\f\n«f.delay()»\n", "x = 1\n\f\ntransaction.on_commit(f.delay)\n"),
        (
            "\fclass A:\n    é = «f.delay()»\n".replace("é = ", ""),
            "\fclass A:\n    transaction.on_commit(f.delay)\n",
        ),
        ("if a:\n  \f    «f.delay()»\n", "if a:\n  \f    transaction.on_commit(f.delay)\n"),
        (
            "\f\fif a:\n    x = 'é\f'\n\f    y = '''\n\f'''\n    if a:\f «f.delay()»\n",
            "\f\fif a:\n    x = 'é\f'\n\f    y = '''\n\f'''\n    if a:\f transaction.on_commit(f.delay)\n",
        ),
    ],
)
def test_form_feeds_stay(before: str, after: str) -> None:
    head = "from django.db import transaction\n"
    assert deferred(head + before) == (head + after).encode()


def test_a_statement_before_a_form_feed_is_not_parted_from_its_indentation() -> None:
    text, (place,) = marked("\f«def f(): pass»\n")
    assert fixed_bytes(text.encode(), PutStatement(place, Side.BEFORE, "x = 1")) == b"x = 1\n\fdef f(): pass\n"


def test_a_file_without_a_newline_at_its_end_gets_none() -> None:
    assert deferred("from django.db import transaction\n«f.delay()»") == (
        b"from django.db import transaction\ntransaction.on_commit(f.delay)"
    )
    text, (place,) = marked("'''Doc.'''\n@«task»\ndef f(): pass")
    assert fixed_bytes(text.encode(), AddArguments(place, (("a", "$x"),), (Import("b", "x"),))) == (
        b"'''Doc.'''\n\nfrom b import x\n\n\n@task(a=x)\ndef f(): pass"
    )


@pytest.mark.skipif(
    sys.version_info[:2] == (3, 12),
    reason="CPython 3.12 bounds calls through C by a limit that cannot be raised: no fix is offered there",
)
def test_deep_nesting_does_not_matter() -> None:
    long_sum = "x = " + "+".join(["1"] * 1200) + "\n"
    head = "from django.db import transaction\n"
    assert (
        deferred(head + long_sum + "«f.delay()»\n") == (head + long_sum + "transaction.on_commit(f.delay)\n").encode()
    )
