"""Dispatches moved behind the commit."""

from __future__ import annotations

import pytest

from celery_lint.findings import DeferToCommit
from tests.fixes.making import assert_fixed, fixed

IMPORTED = "from functools import partial\n\nfrom django.db import transaction\n\n"


def deferred(call: str, using: str | None = None, method: str | None = None) -> str | None:
    """What becomes of a marked snippet in a file that has the imports already."""
    result = fixed(IMPORTED + call, lambda place: DeferToCommit(place, using, method))
    return None if result is None else result.removeprefix(IMPORTED)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("«f.delay(a, b=1)»\n", "transaction.on_commit(partial(f.delay, a, b=1))\n"),
        ("«f.delay()»\n", "transaction.on_commit(f.delay)\n"),
        ("«f.delay( )»\n", "transaction.on_commit(f.delay)\n"),
        ("«f.delay(  # now\n)»\n", "transaction.on_commit(f.delay  # now\n)\n"),
        ("«f.delay( a )»\n", "transaction.on_commit(partial( f.delay, a ))\n"),
        ("«f.delay (a,)»\n", "transaction.on_commit(partial(f.delay, a,))\n"),
        ("«f.delay(*a, **b)»\n", "transaction.on_commit(partial(f.delay, *a, **b))\n"),
        ("«f.delay(x for x in y)»\n", "transaction.on_commit(partial(f.delay, (x for x in y)))\n"),
        ("«f.delay(n := g())»\n", "transaction.on_commit(partial(f.delay, n := g()))\n"),
        ("«f.s(x).apply_async()»\n", "transaction.on_commit(f.s(x).apply_async)\n"),
        ("«(f or g).delay(x)»\n", "transaction.on_commit(partial((f or g).delay, x))\n"),
        ("a(); «f.delay(x)»; b()  # all\n", "a(); transaction.on_commit(partial(f.delay, x)); b()  # all\n"),
        ("if a: «f.delay(x)»\n", "if a: transaction.on_commit(partial(f.delay, x))\n"),
        ("a and «f.delay(x)»\n", "a and transaction.on_commit(partial(f.delay, x))\n"),
        ("«f.delay(x)» if a else None\n", "transaction.on_commit(partial(f.delay, x)) if a else None\n"),
        ("[«f.delay(x)» for x in y]\n", "[transaction.on_commit(partial(f.delay, x)) for x in y]\n"),
        ("g(lambda: «f.delay(x)»)\n", "g(lambda: transaction.on_commit(partial(f.delay, x)))\n"),
        ("f \\\n    .delay(x)\n".replace("f \\", "«f \\").replace("(x)", "(x)»"),
         "transaction.on_commit(partial(f \\\n    .delay, x))\n"),
        ("match a:\n    case {'k': k}:\n        «f.delay(k)»\n",
         "match a:\n    case {'k': k}:\n        transaction.on_commit(partial(f.delay, k))\n"),
        ("async def g():\n\t«f.delay(1)»\n",
         "async def g():\n\ttransaction.on_commit(partial(f.delay, 1))\n"),
    ],
)  # fmt: skip
def test_a_dispatch_is_handed_to_on_commit(before: str, after: str) -> None:
    assert deferred(before) == after


@pytest.mark.parametrize(
    "call",
    [
        "result = «f.delay(x)»\n",
        "def g():\n    return «f.delay(x)»\n",
        "async def g():\n    await «f.delay(x)»\n",
        "«f.delay(x)».get()\n",
        "h(«f.delay(x)»)\n",
        "«f.delay(x)» or g()\n",
        "if «f.delay(x)»: pass\n",
        "async def g():\n    yield «f.delay(x)»\n",
        "print(f'{«f.delay(x)»}')\n",
        "(\n    f.delay  # why\n    (x)\n)\n".replace("f.", "«f.").replace("(x)", "(x)»"),
        "f.delay(«x»)\n",
        "«f.delay»(x)\n",
    ],
)
def test_nothing_is_offered_where_the_result_is_used_or_no_call_stands(call: str) -> None:
    assert deferred(call) is None


def test_comments_and_lines_inside_of_the_call_stay() -> None:
    assert deferred(
        "def g():\n"
        "    «f.apply_async(  # soon\n"
        "        # who\n"
        "        args=(a,),\n"
        "        # when\n"
        "        countdown=3,  # seconds\n"
        "    )»  # sent\n"
    ) == (
        "def g():\n"
        "    transaction.on_commit(partial(  # soon\n"
        "        # who\n"
        "        f.apply_async,\n"
        "        args=(a,),\n"
        "        # when\n"
        "        countdown=3,  # seconds\n"
        "    ))  # sent\n"
    )


def test_aligned_arguments_stay_aligned_and_their_strings_as_they_are() -> None:
    assert deferred(
        'if a:\n    «f.delay(a,\n            # second\n            b="""\n            text""",\n\n            c=3)»\n'
    ) == (
        "if a:\n"
        "    transaction.on_commit(partial(f.delay, a,\n"
        "                                  # second\n"
        '                                  b="""\n'
        '            text""",\n'
        "\n"
        "                                  c=3))\n"
    )


def test_a_hanging_literal_is_not_moved() -> None:
    assert deferred('«f.delay(a, {\n    "b": 1,\n})»\n') == (
        'transaction.on_commit(partial(f.delay, a, {\n    "b": 1,\n}))\n'
    )


def test_the_database_of_the_block_is_named() -> None:
    assert deferred("«f.delay(x)»\n", using='"other"') == (
        'transaction.on_commit(partial(f.delay, x), using="other")\n'
    )
    assert deferred("«f.delay()»\n", using="alias") == "transaction.on_commit(f.delay, using=alias)\n"
    assert deferred("«f.delay(  # now\n)»\n", using="alias") == (
        "transaction.on_commit(f.delay, using=alias  # now\n)\n"
    )


def test_a_method_that_waits_for_the_commit_is_only_renamed() -> None:
    assert deferred("«f.delay(a,  # first\n        b)»\n", method="delay_on_commit") == (
        "f.delay_on_commit(a,  # first\n        b)\n"
    )
    assert deferred("«f(a)»\n", method="delay_on_commit") is None


def test_the_names_that_the_file_uses_are_used() -> None:
    assert_fixed(
        """
        import functools
        from django.db.transaction import atomic, on_commit as later

        def g():
            «f.delay(x)»
        """,
        DeferToCommit,
        """
        import functools
        from django.db.transaction import atomic, on_commit as later

        def g():
            later(functools.partial(f.delay, x))
        """,
    )


def test_imports_of_the_function_are_used() -> None:
    assert_fixed(
        """
        def g():
            from django.db import transaction as tx
            from functools import partial
            with tx.atomic():
                «f.delay(x)»
        """,
        DeferToCommit,
        """
        def g():
            from django.db import transaction as tx
            from functools import partial
            with tx.atomic():
                tx.on_commit(partial(f.delay, x))
        """,
    )
