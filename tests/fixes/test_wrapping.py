"""Lines that a fix makes too long, and the quotes of what it puts in."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from celery_lint.findings import AddArguments, Applicability, Change, DeferToCommit, Fix, Import, Place, Replace
from celery_lint.fixes import edits_for
from celery_lint.line_length import line_length
from tests.fixes.making import FILENAME, finding, fixed, made, marked

HEAD = "from functools import partial\n\nfrom django.db import transaction\n\n"


def wrapped(source: str, *changes: Change, head: str = "") -> str:
    """The source after a fix in a project whose lines may have 60 characters."""
    data = source.encode()
    edits = edits_for([finding(Fix(Applicability.SAFE, "repair it", changes))], {FILENAME: data}.__getitem__, 60)
    result = made(data, edits[0])
    ast.parse(result)
    return result.decode().removeprefix(head)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # What fits stays in its line.
        ("«f.delay(order.pk)»\n", "transaction.on_commit(partial(f.delay, order.pk))\n"),
        (
            "if a:\n    «f.delay(order.pk, currency)»  # now\n",
            "if a:\n    transaction.on_commit(\n        partial(f.delay, order.pk, currency)\n    )  # now\n",
        ),
        (
            "if a: «f.delay(order.pk, currency)»; b()\n",
            "if a: transaction.on_commit(\n    partial(f.delay, order.pk, currency)\n); b()\n",
        ),
        (
            "if a:\n\tif b:\n\t\t«send_invoice.delay(order.pk, c=[1, 2], d=4)»\n",
            "if a:\n\tif b:\n\t\ttransaction.on_commit(\n"
            "\t\t\tpartial(\n\t\t\t\tsend_invoice.delay, order.pk, c=[1, 2], d=4\n\t\t\t)\n\t\t)\n",
        ),
        (
            "if a:\n    «send_the_invoice.delay(order.pk, customer.pk, on=today())»\n",
            "if a:\n    transaction.on_commit(\n        partial(\n            send_the_invoice.delay,\n"
            "            order.pk,\n            customer.pk,\n            on=today(),\n        )\n    )\n",
        ),
        (
            "«send_the_invoice.delay(*[o.pk for o in orders if o.is_new()])»\n",
            "transaction.on_commit(\n    partial(\n        send_the_invoice.delay,\n"
            "        *[o.pk for o in orders if o.is_new()],\n    )\n)\n",
        ),
        (
            "«group(send.s(o.pk, 1) for o in some_more_orders if o.new).delay(x)»\n",
            "transaction.on_commit(\n    partial(\n        group(\n            send.s(o.pk, 1)\n"
            "            for o in some_more_orders if o.new\n        ).delay,\n        x,\n    )\n)\n",
        ),
        ("«f.delay(order.pk, currency, 100)»  # type: ignore\n", None),
        (
            "«send_the_invoice.delay(lambda a, b: a + b, 'a (b', 'c, d')»\n",
            "transaction.on_commit(\n    partial(\n        send_the_invoice.delay,\n        lambda a, b: a + b,\n"
            "        'a (b',\n        'c, d',\n    )\n)\n",
        ),
    ],
)
def test_a_deferred_call_is_broken_as_black_would(before: str, after: str | None) -> None:
    text, (place,) = marked(HEAD + before)
    result = wrapped(text, DeferToCommit(place), head=HEAD)
    assert result == after if after is not None else result.count("\n") == 1


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_decorator_is_broken_one_argument_a_line(newline: str) -> None:
    text, (place,) = marked(
        '@«app.task(bind=True, queue="mail", max_retries=3)»\ndef f(): pass\n'.replace("\n", newline)
    )
    change = AddArguments(place, (("soft_time_limit", "300"), ("time_limit", "330")))
    assert wrapped(text, change) == (
        '@app.task(\n    bind=True,\n    queue="mail",\n    max_retries=3,\n    soft_time_limit=300,\n'
        "    time_limit=330,\n)\ndef f(): pass\n"
    ).replace("\n", newline)


def test_a_replaced_argument_breaks_the_call_round_it() -> None:
    text, places = marked("if a:\n    send_reminders.delay(«orders.filter(paid=False)», «customer»)  # é\n")
    changes = [Replace(places[0], 'list({}.values_list("pk", flat=True))'), Replace(places[1], "{}.pk")]
    assert wrapped(text, *changes) == (
        "if a:\n    send_reminders.delay(\n"
        "        list(\n            orders.filter(paid=False).values_list(\n"
        '                "pk", flat=True\n            )\n        ),\n        customer.pk,\n    )  # é\n'
    )


def test_lines_that_become_a_long_one_are_broken_anew() -> None:
    text, (place,) = marked(
        "on_commit(\n    «lambda: announce_the_order(\n        order, customer,\n        reason=reason\n    )»,"
        " robust=True\n)\n"
    )
    change = Replace(place, "partial(announce_the_order, order, customer, reason='a reason of some length')")
    assert wrapped(text, change) == (
        "on_commit(\n    partial(\n        announce_the_order,\n        order,\n        customer,\n"
        "        reason='a reason of some length',\n    ), robust=True\n)\n"
    )


def test_a_line_that_was_too_long_and_gets_no_longer_stays() -> None:
    text, (place,) = marked(f"f.delay('{'x' * 60}', «order.customer»)\n")
    assert wrapped(text, Replace(place, "customer")) == f"f.delay('{'x' * 60}', customer)\n"


def test_what_cannot_be_broken_is_long() -> None:
    text, (place,) = marked(f"x = «{'y' * 50}»\n")
    assert wrapped(text, Replace(place, "{} or zzzzzzzzzzzz")) == f"x = {'y' * 50} or zzzzzzzzzzzz\n"


def test_an_import_that_gets_too_long_is_put_in_brackets() -> None:
    before = "from celery.exceptions import MaxRetriesExceededError, TimeLimitExceeded  # two\n"
    text, (place,) = marked(before + "«f»\n")
    assert wrapped(text, Replace(place, "$Retry", (Import("celery.exceptions", "Retry"),))) == (
        "from celery.exceptions import (\n    MaxRetriesExceededError,\n    Retry,\n    TimeLimitExceeded,\n)"
        "  # two\nRetry\n"
    )


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 88),
        ({"pyproject.toml": "[tool.black]\nline-length = 79\n[tool.ruff]\nline-length = 100\n"}, 79),
        ({"pyproject.toml": "[tool.ruff]\nline-length = 100\n"}, 100),
        ({"ruff.toml": "line-length = 110\n", "setup.cfg": "[flake8]\nmax-line-length = 90\n"}, 110),
        ({"setup.cfg": "[flake8]\nmax-line-length = 90\n"}, 90),
        ({".flake8": "[flake8]\nmax-line-length=99  \n"}, 99),
        (
            {"pyproject.toml": "broken = = \n", "tox.ini": "[broken\n", "setup.cfg": "[flake8]\nmax-line-length = x\n"},
            88,
        ),
        ({"pyproject.toml": "[tool]\nblack = 1\nruff = {line-length = 'x'}\n"}, 88),
    ],
)
def test_the_line_length_is_the_project_s(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert line_length(tmp_path) == expected


@pytest.mark.parametrize(
    ("before", "code", "after"),
    [
        ("x = 'a'\n«y»\n", 'F("n") + {}["m"]', "x = 'a'\nF('n') + y['m']\n"),
        ('x = "a"\n«y»\n', 'F("n")', 'x = "a"\nF("n")\n'),
        ("x = 'a', 'b', \"c\"\n«y»\n", 'F("n")', "x = 'a', 'b', \"c\"\nF('n')\n"),
        ("x = 'a'\n«y»\n", """F("it's")""", """x = 'a'\nF("it's")\n"""),
        ("x = 'a'\n«y»\n", """f'{a["b"]}' """, """x = 'a'\nf'{a["b"]}' \n"""),
        ("x = 'a'\n«y»\n", 'rb"n"', "x = 'a'\nrb\"n\"\n"),
    ],
)
def test_quotes_are_the_file_s(before: str, code: str, after: str) -> None:
    def change(place: Place) -> Change:
        return Replace(place, code)

    assert fixed(before, change) == after
