"""The imports that fixes need: reused, extended, or added where isort puts them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest

from celery_lint.findings import DeferToCommit, Import, Place, PutStatement, Replace, Side
from tests.fixes.making import assert_fixed, fixed

TRANSACTION = Import("django.db", "transaction")


def with_import(need: Import) -> Callable[[Place], Replace]:
    """A change that wraps the marked expression in a call of the import."""
    return lambda place: Replace(place, f"${need.placeholder}({{}})", (need,))


def needing(need: Import, source: str, filename: str = "shop/tasks.py") -> str:
    """The file after a function at its end, or code of its own that is marked, uses the import."""
    source = textwrap.dedent(source).lstrip("\n")
    tail = "" if "«" in source else "\n\ndef f():\n    return «1»\n"
    result = fixed(source + tail, with_import(need), filename)
    assert result is not None
    return result.partition("\n\n\ndef f():")[0] + "\n" if tail else result


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from django.db import models\n", "from django.db import models, transaction\n"),
        ("from django.db import zebra\n", "from django.db import transaction, zebra\n"),
        ("from django.db import zebra, models\n", "from django.db import zebra, models, transaction\n"),
        ("from django.db import Zebra, atomic\n", "from django.db import Zebra, atomic, transaction\n"),
        ("from django.db import models  # noqa\n", "from django.db import models, transaction  # noqa\n"),
        ("from django.db import models as m\n", "from django.db import models as m, transaction\n"),
        ("from django.db import a, \\\n    b\n", "from django.db import a, \\\n    b, transaction\n"),
        ("from django.db import (a, b)\n", "from django.db import (a, b, transaction)\n"),
        ("from django.db import (a, b,)\n", "from django.db import (a, b, transaction,)\n"),
        (
            "from django.db import (\n    a,  # one\n    z,  # last\n)\n",
            "from django.db import (\n    a,  # one\n    transaction,\n    z,  # last\n)\n",
        ),
        (
            "from django.db import (\n    a,\n    b,  # two\n    # end\n)\n",
            "from django.db import (\n    a,\n    b,  # two\n    transaction,\n    # end\n)\n",
        ),
        (
            "from django.db import (\n    a,\n    b  # two\n)\n",
            "from django.db import (\n    a,\n    b,  # two\n    transaction\n)\n",
        ),
        (
            "from django.db import (\n    a,\n    # about z\n    z,\n)\n",
            "from django.db import (\n    a,\n    # about z\n    z,\n    transaction,\n)\n",
        ),
        (
            "from django.db import (a,\n                       b)\n",
            "from django.db import (a,\n                       b,\n                       transaction)\n",
        ),
        ("from django.db import (\n    a, b\n)\n", "from django.db import (\n    a, b, transaction\n)\n"),
        (
            "def g():\n    pass\nfrom django.db import a\n",
            "def g():\n    pass\nfrom django.db import a, transaction\n",
        ),
    ],
)
def test_an_import_of_the_module_takes_the_name(before: str, after: str) -> None:
    assert needing(TRANSACTION, before) == after


@pytest.mark.parametrize(
    ("need", "before", "after"),
    [
        # between others, in order
        (
            Import("functools", "partial"),
            "import os\nfrom datetime import date\nfrom typing import Any\n",
            "import os\nfrom datetime import date\nfrom functools import partial\nfrom typing import Any\n",
        ),
        (
            Import("logging"),
            "import os\nfrom abc import ABC\n",
            "import logging\nimport os\nfrom abc import ABC\n",
        ),
        (
            Import("functools", "partial"),
            "from abc import ABC\nimport os\nimport typing\n",
            "from abc import ABC\nfrom functools import partial\nimport os\nimport typing\n",
        ),
        # a block of its own
        (
            Import("functools", "partial"),
            "from celery import shared_task\n",
            "from functools import partial\n\nfrom celery import shared_task\n",
        ),
        (TRANSACTION, "import os\n", "import os\n\nfrom django.db import transaction\n"),
        (
            TRANSACTION,
            "import os\n\nfrom shop.models import Order\n",
            "import os\n\nfrom django.db import transaction\n\nfrom shop.models import Order\n",
        ),
        (
            TRANSACTION,
            "import os\n\nfrom .models import Order\n",
            "import os\n\nfrom django.db import transaction\n\nfrom .models import Order\n",
        ),
        (
            TRANSACTION,
            "from __future__ import annotations\n",
            "from __future__ import annotations\n\nfrom django.db import transaction\n",
        ),
        # a file that parts nothing
        (
            TRANSACTION,
            "import os\nfrom .models import Order\n",
            "import os\nfrom django.db import transaction\nfrom .models import Order\n",
        ),
        # the second block of packages is the project's
        (
            Import("sqlalchemy", "text"),
            "import celery\n\nimport aardvark\nimport zebra\n",
            "import celery\nfrom sqlalchemy import text\n\nimport aardvark\nimport zebra\n",
        ),
        # what the project's own modules need may have to run first
        (
            Import("shop.models", "Order"),
            "import os\n\nimport django\n\ndjango.setup()\n\nfrom shop.orders import find\n",
            "import os\n\nimport django\n\ndjango.setup()\n\n"
            "from shop.models import Order\nfrom shop.orders import find\n",
        ),
    ],
)
def test_a_new_import_goes_where_isort_puts_it(need: Import, before: str, after: str) -> None:
    assert needing(need, before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"""Tasks."""\n', '"""Tasks."""\n\nfrom django.db import transaction\n'),
        (
            '#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n"""Tasks."""\n',
            '#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n"""Tasks."""\n\nfrom django.db import transaction\n',
        ),
        ("# A licence.\nx = 1\n", "# A licence.\nfrom django.db import transaction\n\nx = 1\n"),
        (
            "# A licence.\n\n# about x\nx = 1\n",
            "# A licence.\n\nfrom django.db import transaction\n\n# about x\nx = 1\n",
        ),
        (
            "# A licence.\n\n@cached\ndef g(): pass\n",
            "# A licence.\n\nfrom django.db import transaction\n\n\n@cached\ndef g(): pass\n",
        ),
        (
            "try:\n    import json5\nexcept ImportError:\n    json5 = None\n",
            "from django.db import transaction\n\ntry:\n    import json5\nexcept ImportError:\n    json5 = None\n",
        ),
    ],
)
def test_a_file_without_imports_gets_them_at_its_top(before: str, after: str) -> None:
    assert needing(TRANSACTION, before) == after


def test_imports_of_one_fix_are_joined() -> None:
    assert_fixed(
        """
        from celery import shared_task

        @shared_task
        def f(x):
            try:
                g(«x»)
            except Exception:
                h(«x», «x»)
        """,
        lambda place: Replace(
            place,
            "$Ignore($Retry($partial({})))",
            (
                Import("celery.exceptions", "Retry"),
                Import("celery.exceptions", "Ignore"),
                Import("functools", "partial"),
            ),
        ),
        """
        from functools import partial

        from celery import shared_task
        from celery.exceptions import Ignore, Retry

        @shared_task
        def f(x):
            try:
                g(Ignore(Retry(partial(x))))
            except Exception:
                h(Ignore(Retry(partial(x))), Ignore(Retry(partial(x))))
        """,
    )


@pytest.mark.parametrize(
    ("need", "existing", "name"),
    [
        (TRANSACTION, "from django.db import transaction as tx", "tx"),
        (TRANSACTION, "import django.db.transaction", "django.db.transaction"),
        (TRANSACTION, "import django.db.transaction as tx", "tx"),
        (Import("functools", "partial"), "import functools as ft", "ft.partial"),
        (Import("celery.exceptions", "Retry"), "import celery.exceptions", "celery.exceptions.Retry"),
        (Import("celery.exceptions", "Retry"), "from celery import exceptions as e", "e.Retry"),
        (Import("shop.models", "Order"), "from .models import Order as Bought", "Bought"),
        (Import("shop.models", "Order"), "from . import models", "models.Order"),
        (Import("logging"), "import logging.config", "logging"),
    ],
)
def test_what_the_file_imports_is_used(need: Import, existing: str, name: str) -> None:
    for filename in ("shop/tasks.py", "src/shop/tasks.py"):
        result = needing(need, f"{existing}\n\n\ndef f():\n    return «1»\n", filename)
        assert result == f"{existing}\n\n\ndef f():\n    return {name}(1)\n"


def test_a_module_is_not_reached_through_its_package() -> None:
    """`import django.db` does not load `django.db.transaction`."""
    assert needing(TRANSACTION, "import django.db\n") == "import django.db\nfrom django.db import transaction\n"


def test_what_the_file_itself_defines_is_not_imported() -> None:
    own = Import("shop.tasks", "Order")
    source = "class Order: pass\n\n\ndef f():\n    return «1»\n"
    assert fixed(source, with_import(own)) == source.replace("«1»", "Order(1)")
    assert fixed("def f():\n    return «1»\n", with_import(own)) is None


@pytest.mark.parametrize(
    "existing",
    [
        "try:\n    from django.db import transaction\nexcept ImportError:\n    transaction = None\n",
        "transaction = object()\n",
        "def transaction(): pass\n",
        "from bank import transaction\n",
        "for transaction in (): pass\n",
        "from django.db import transaction\ntransaction = wrap(transaction)\n",
        "def g():\n    global transaction\n    transaction = 1\n",
        "from bank import *\ntransaction.pay()\n",
    ],
)
def test_a_name_that_means_something_else_is_left_alone(existing: str) -> None:
    result = needing(TRANSACTION, f"import os\n{existing}\n\ndef f():\n    return «1»\n")
    assert "from django.db import transaction as db_transaction\n" in result or (
        "from django.db import transaction, transaction as db_transaction\n" in result
    )
    assert result.endswith("return db_transaction(1)\n")


@pytest.mark.parametrize(
    "function",
    [
        "def f(transaction):\n    return «1»\n",
        "def f():\n    with g() as transaction:\n        return «1»\n",
        "def f():\n    for transaction, _ in g():\n        return «1»\n",
        "def f():\n    return [«1» for transaction in g()]\n",
        "def f():\n    transaction = 1\n    return lambda: «1»\n",
        "def f():\n    if (transaction := g()):\n        return «1»\n",
        "def f():\n    try: pass\n    except E as transaction: return «1»\n",
        "def f(a):\n    match a:\n        case {'k': transaction}: return «1»\n",
        "f = lambda transaction: «1»\n",
        "class A:\n    transaction = 1\n    x = «1»\n",
    ],
)
def test_a_local_name_is_not_taken_for_the_import(function: str) -> None:
    result = needing(TRANSACTION, f"from django.db import transaction\n\n\n{function}")
    assert "db_transaction(1)" in result


@pytest.mark.parametrize(
    "function",
    [
        "class A:\n    transaction = 1\n    def f(self):\n        return «1»\n",
        "def f():\n    return «1»\ndef g(transaction): pass\n",
        "class A:\n    transaction: int\n    class B:\n        x = «1»\n",
        "def f():\n    return «1»\nfrom bank import account\n",
    ],
)
def test_names_of_other_scopes_do_not_matter(function: str) -> None:
    source = f"from django.db import transaction\n\n\n{function}"
    assert needing(TRANSACTION, source) == source.replace("«1»", "transaction(1)")


def test_one_file_can_need_an_alias_in_one_function_and_the_name_in_another() -> None:
    source = "import django\n\n\ndef f():\n    return «1»\n\n\ndef g(transaction):\n    return «2»\n"
    assert needing(TRANSACTION, source) == (
        "import django\nfrom django.db import transaction, transaction as db_transaction\n\n\n"
        "def f():\n    return transaction(1)\n\n\ndef g(transaction):\n    return db_transaction(2)\n"
    )


def test_a_builtin_is_not_shadowed() -> None:
    need = Import("requests.exceptions", "ConnectionError")
    assert needing(need, "import requests\n") == (
        "import requests\nfrom requests.exceptions import ConnectionError as exceptions_ConnectionError\n"
    )


def test_an_import_in_a_branch_is_not_relied_on_outside_of_it() -> None:
    source = """
        def f(a):
            if a:
                from django.db import transaction
            return «1»
    """
    assert "db_transaction(1)" in needing(TRANSACTION, source)


def test_code_that_runs_on_import_has_its_import_above_it() -> None:
    assert_fixed(
        """
        import os

        x = «1»

        from django.db import models
        """,
        with_import(TRANSACTION),
        """
        import os

        from django.db import transaction

        x = transaction(1)

        from django.db import models
        """,
    )
    assert_fixed(
        """
        @task(retry=«1»)
        def f(transaction): pass
        """,
        with_import(TRANSACTION),
        """
        from django.db import transaction


        @task(retry=transaction(1))
        def f(transaction): pass
        """,
    )


def test_an_unknown_placeholder_is_no_fix() -> None:
    assert fixed("f(«x»)\n", lambda place: Replace(place, "$g({})")) is None


def test_both_imports_of_a_deferred_dispatch_are_added() -> None:
    assert_fixed(
        '''
        """Orders."""
        from __future__ import annotations

        import os
        from typing import Any

        from django.db.models import Q

        from .tasks import notify


        def save(order):
            «notify.delay(order.pk)»
        ''',
        DeferToCommit,
        '''
        """Orders."""
        from __future__ import annotations

        import os
        from functools import partial
        from typing import Any

        from django.db import transaction
        from django.db.models import Q

        from .tasks import notify


        def save(order):
            transaction.on_commit(partial(notify.delay, order.pk))
        ''',
    )


def test_the_place_must_be_in_the_file() -> None:
    from celery_lint.findings import Position, Span
    from tests.fixes.making import fixed_bytes

    for start, end in (((1, 1), (1, 99)), ((7, 1), (7, 2)), ((1, 3), (1, 2)), ((0, 1), (0, 2))):
        place = Place("shop/tasks.py", Span(Position(*start), Position(*end)))
        assert fixed_bytes(b"f.delay(x)\n", DeferToCommit(place)) is None


def test_names_on_lines_of_their_own_stay_so() -> None:
    before = """
        from django.db import models
        from django.db.models import Q
        from django.db.models import Value
        from django.urls import reverse
        """
    after = """
        from django.db import models
        from django.db import transaction
        from django.db.models import Q
        from django.db.models import Value
        from django.urls import reverse
        """
    assert needing(TRANSACTION, before) == textwrap.dedent(after).lstrip("\n")


ORDER = Import("shop.models", "Order", is_local=True)


def fetching(place: Place) -> PutStatement:
    return PutStatement(place, Side.BEFORE, "order = $Order.objects.get(pk=order_pk)", (ORDER,))


def test_a_local_import_stands_below_the_docstring() -> None:
    assert_fixed(
        """
        def f(order_pk):
            \"\"\"Ships it.\"\"\"
            # at once
            «return order»
        """,
        fetching,
        """
        def f(order_pk):
            \"\"\"Ships it.\"\"\"
            from shop.models import Order

            order = Order.objects.get(pk=order_pk)
            # at once
            return order
        """,
    )


def test_a_local_import_joins_those_that_the_function_has() -> None:
    assert_fixed(
        """
        def f(order_pk):
        \timport json

        \t«return json.dumps(order)»
        """,
        fetching,
        """
        def f(order_pk):
        \timport json
        \tfrom shop.models import Order

        \torder = Order.objects.get(pk=order_pk)
        \treturn json.dumps(order)
        """,
    )


def test_what_is_imported_for_type_checkers_alone_is_imported_where_it_is_needed() -> None:
    for_type_checkers = "if TYPE_CHECKING:\n    from django.db import transaction\n\n\n"
    assert needing(TRANSACTION, for_type_checkers + "def f():\n    return «1»\n") == (
        for_type_checkers + "def f():\n    from django.db import transaction\n\n    return transaction(1)\n"
    )
    # A body of one line has no place for it.
    result = needing(TRANSACTION, for_type_checkers + "def f(): return «1»\n")
    assert result.endswith(for_type_checkers + "def f(): return db_transaction(1)\n")
    assert result.startswith("from django.db import transaction as db_transaction\n")


def test_a_local_import_may_have_the_name_that_type_checkers_know() -> None:
    assert_fixed(
        """
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            from shop.models import Order


        def f(order_pk):
            «return order»
        """,
        fetching,
        """
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            from shop.models import Order


        def f(order_pk):
            from shop.models import Order

            order = Order.objects.get(pk=order_pk)
            return order
        """,
    )


def test_a_local_import_is_made_once_and_shadows_nothing() -> None:
    assert_fixed(
        """
        Order = 1


        def f(a, b):
            «g(a)»
            «return Order»
        """,
        fetching,
        """
        Order = 1


        def f(a, b):
            from shop.models import Order as models_Order

            order = models_Order.objects.get(pk=order_pk)
            g(a)
            order = models_Order.objects.get(pk=order_pk)
            return Order
        """,
    )


@pytest.mark.parametrize("source", ["«order»\n", "f = lambda: «order»\n", "def f(): «return order»\n"])
def test_a_local_import_needs_a_function_with_lines(source: str) -> None:
    assert fixed(source, with_import(ORDER) if "return" not in source else fetching) is None


def test_an_import_at_the_top_serves_instead_of_a_local_one() -> None:
    assert_fixed(
        """
        from shop.models import Order


        def f(order_pk):
            «return order»
        """,
        fetching,
        """
        from shop.models import Order


        def f(order_pk):
            order = Order.objects.get(pk=order_pk)
            return order
        """,
    )


@pytest.mark.parametrize(
    ("filename", "existing", "added"),
    [
        ("shop/orders/tasks.py", "from ..core import mails", "from ..models import Order"),
        ("shop/tasks.py", "from .core import mails", "from .models import Order"),
        ("shop/models/keys.py", "from ..core import mails", "from . import Order"),
        ("src/shop/orders/__init__.py", "from ..core import mails", "from ..models import Order"),
        ("shop/tasks.py", "from shop.core import mails", "from shop.models import Order"),
        ("bank/tasks.py", "from .core import mails", "from shop.models import Order"),
    ],
)
def test_a_relative_import_where_the_file_has_such(filename: str, existing: str, added: str) -> None:
    result = needing(Import("shop.models", "Order"), f"{existing}\n", filename)
    assert sorted(filter(None, result.splitlines())) == sorted([existing, added])


def test_a_relative_import_is_extended() -> None:
    assert needing(Import("shop.models", "Order"), "from ..models import Line\n", "shop/orders/tasks.py") == (
        "from ..models import Line, Order\n"
    )
