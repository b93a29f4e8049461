"""Replaced expressions, added arguments, parameters and items, re-raising handlers, statements put in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from celery_lint.findings import (
    AddArguments,
    AddItems,
    AddParameter,
    Change,
    Import,
    MoveOptions,
    NameArgument,
    Place,
    PutStatement,
    RaiseDecorator,
    RaiseResult,
    RemoveArguments,
    RenameKeyword,
    Replace,
    ReraiseFirst,
    Side,
    Substitute,
)
from tests.fixes.making import assert_fixed, fixed, fixed_bytes, marked

LIMIT = Import("celery.exceptions", "SoftTimeLimitExceeded")
RETRY = Import("celery.exceptions", "Retry")
IGNORE = Import("celery.exceptions", "Ignore")
IMPORTED = "from celery.exceptions import Ignore, Retry, SoftTimeLimitExceeded\n"


def replacing(code: str) -> Callable[[Place], Change]:
    return lambda place: Replace(place, code)


# Replace


@pytest.mark.parametrize(
    ("before", "code", "after"),
    [
        ("f(«x»)", "{}.pk", "f(x.pk)"),
        ("f(«a or b»)", "{}.pk", "f((a or b).pk)"),
        ("f((«a or b»))", "{}.pk", "f((a or b).pk)"),
        ("f((«a or b»))", "list({})", "f((list(a or b)))"),
        ("f((  # why\n    «a or b»))", "{}.pk", "f((  # why\n    a or b).pk)"),
        ("f(«lambda: a»)", "{}.pk", "f((lambda: a).pk)"),
        ("f(«await a»)", "{}.pk", "f((await a).pk)"),
        ("f(«a if b else c»)", "{}.pk", "f((a if b else c).pk)"),
        ("f(«a := b»)", "list({})", "f(list(a := b))"),
        ("f(«a := b»)", "{}.pk", "f((a := b).pk)"),
        ("f(«-a»)", "{} ** 2", "f((-a) ** 2)"),
        ("f(«x»)", "({},)", "f((x,))"),
        ("f(«(a, b)»)", "list({})", "f(list((a, b)))"),
        ("x = «a, b»", "list({})", "x = list((a, b))"),
        ("f(«(y for y in z)», 1)", "list({})", "f(list(y for y in z), 1)"),
        ("f«(y for y in z)»", "list({})", "f(list(y for y in z))"),
        ("f(1, «*a»)", "list({})", "f(1, *list(a))"),
        ("f(«**a»)", "dict({})", "f(**dict(a))"),
        ("f(«a=x»)", "{}.pk", "f(a=x.pk)"),
        ("f(«a»=x)", "b", "f(b=x)"),
        ("[1, «*a»]", "list({})", "[1, *list(a)]"),
        ("{'a': «x»}", "{}.pk", "{'a': x.pk}"),
        ("[«x» for x in y]", "{}.pk", "[x.pk for x in y]"),
        ("«x».y", "a or b", "(a or b).y"),
        ("1 + «x»", "a + b", "1 + (a + b)"),
        ("return_ = «x»", "a or b", "return_ = a or b"),
        ("f(«x»)", "a, b", "f((a, b))"),
        ("«x».y", "1", "(1).y"),
        ("f(«x»)", "a if {} else b", "f(a if x else b)"),
        ("«OLD» = 1", "NEW", "NEW = 1"),
        ("def f(«order: Order», *, b=1): pass", "order_id: int", "def f(order_id: int, *, b=1): pass"),
        ("def f(«order: Order» = None): pass", "order_id", "def f(order_id = None): pass"),
        ("f(\n    «a\n    or b»,  # why\n)", "{}.pk", "f(\n    (a\n    or b).pk,  # why\n)"),
        ("f(«x»)  ; g()", "{}.pk", "f(x.pk)  ; g()"),
    ],
)
def test_an_expression_is_replaced(before: str, code: str, after: str) -> None:
    assert fixed(before, replacing(code)) == after


@pytest.mark.parametrize(
    ("before", "code"),
    [
        ("f(«x.»y)", "{}.pk"),  # no expression
        ("f('«x»')", "y"),  # inside a string
        ("f(f'{«x»}')", "{}.pk"),  # inside an f-string
        ("f(«[  # why\n    x]»)", "y"),  # would lose a comment
        ("f(«x»)", "{}.pk + )"),  # no Python
        ("f(«x»)", "x"),  # nothing to do
        ("import «a»", "1"),
    ],
)
def test_no_replacement_that_is_not_exact(before: str, code: str) -> None:
    assert fixed(before, replacing(code)) is None


def test_all_changes_of_a_fix_are_made_or_none() -> None:
    assert fixed("f(«x», «y»)", replacing("{}.pk")) == "f(x.pk, y.pk)"
    assert fixed("f(«x», «y»)", replacing("x")) is None
    assert fixed("«f(«x»)»".replace("«x»", "x"), replacing("g({})")) == "g(f(x))"


def test_changes_of_one_fix_do_not_overlap() -> None:
    outer, inner = marked("«f(x)»")[1][0], marked("f(«x»)")[1][0]
    assert fixed_bytes(b"f(x)", Replace(outer, "g({})"), Replace(inner, "{}.pk")) is None


# AddArguments


def adding(**arguments: str) -> Callable[[Place], Change]:
    return lambda place: AddArguments(place, tuple(arguments.items()))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("@«shared_task»\ndef f(): pass", "@shared_task(time_limit=300)\ndef f(): pass"),
        ("@«app.task»  # why\nasync def f(): pass", "@app.task(time_limit=300)  # why\nasync def f(): pass"),
        ("@(«app.task»)\ndef f(): pass", "@(app.task)(time_limit=300)\ndef f(): pass"),
        ("@«shared_task()»\ndef f(): pass", "@shared_task(time_limit=300)\ndef f(): pass"),
        ("@«shared_task(  # all\n)»\ndef f(): pass", "@shared_task(time_limit=300  # all\n)\ndef f(): pass"),
        ("@«task(bind=True)»\ndef f(): pass", "@task(bind=True, time_limit=300)\ndef f(): pass"),
        ("@«task(bind=True,)»\ndef f(): pass", "@task(bind=True, time_limit=300,)\ndef f(): pass"),
        ("@«task(bind=True, **o)»\ndef f(): pass", "@task(bind=True, **o, time_limit=300)\ndef f(): pass"),
        ("x = «f(time_limit=1, b=2)»", "x = f(time_limit=300, b=2)"),
        ("x = «f(time_limit=(1), b=2)»", "x = f(time_limit=300, b=2)"),
        ("x = «f(a)(b)»", "x = f(a)(b, time_limit=300)"),
        (
            "@«task(\n    bind=True,  # self\n    a=1,  # one\n)»\ndef f(): pass",
            "@task(\n    bind=True,  # self\n    a=1,  # one\n    time_limit=300,\n)\ndef f(): pass",
        ),
        (
            "@«task(\n    a=1  # one\n)»\ndef f(): pass",
            "@task(\n    a=1,  # one\n    time_limit=300\n)\ndef f(): pass",
        ),
        (
            "@«task(a=1,\n      b=2)»\ndef f(): pass",
            "@task(a=1,\n      b=2,\n      time_limit=300)\ndef f(): pass",
        ),
        (
            "@«task(\n    a=1, b=2\n)»\ndef f(): pass",
            "@task(\n    a=1, b=2, time_limit=300\n)\ndef f(): pass",
        ),
        (
            "@«task(\n\ta=(\n\t\t1,\n\t),\n)»\ndef f(): pass",
            "@task(\n\ta=(\n\t\t1,\n\t),\n\ttime_limit=300,\n)\ndef f(): pass",
        ),
    ],
)
def test_a_keyword_argument_is_added(before: str, after: str) -> None:
    assert fixed(before, adding(time_limit="300")) == after


def test_several_keywords_are_added_and_changed() -> None:
    assert fixed("«f(a=1)»", adding(b="2", a="3", c="4")) == "f(a=3, b=2, c=4)"


@pytest.mark.parametrize("code", ["x = «f»", "«f(x for x in y)»", "@task\n«def f(): pass»", "f(f'{«g()»}')"])
def test_no_argument_where_none_can_be_added(code: str) -> None:
    assert fixed(code, adding(time_limit="300")) is None


# RemoveArguments


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("@«task(a=1, b=2, c=3)»\ndef f(): pass", "@task(b=2)\ndef f(): pass"),
        ("«f(x, a=1, c=(3))»", "f(x)"),
        ("«f(a=1, c=3,)»", "f()"),
        ("«f( a = 1 , x=0 , c=3 )»", "f( x=0 )"),
        ("«f(a=1, c=3, **x)»", "f(**x)"),
        ("@«task(\n    a=1,\n    b=2,  # two\n    c=3,\n)»\ndef f(): pass", None),
        ("@«task(\n    a=1,\n    b=2,\n    c=3,\n)»\ndef f(): pass", "@task(\n    b=2,\n)\ndef f(): pass"),
        ("@«task(\n    a=1,  # one\n    b=2,\n    c=3\n)»\ndef f(): pass", None),
        ("«f(a=1)»", None),
        ("«f(**x)»", None),
        ("x = «f»", None),
    ],
)
def test_keyword_arguments_are_taken_away(before: str, after: str | None) -> None:
    assert fixed(before, lambda place: RemoveArguments(place, ("a", "c"))) == after


# ReraiseFirst


def reraising(*exceptions: Import) -> Callable[[Place], Change]:
    return lambda place: ReraiseFirst(place, exceptions)


def after_reraise(before: str, *exceptions: Import) -> str | None:
    result = fixed(IMPORTED + before, reraising(*exceptions))
    return None if result is None else result.removeprefix(IMPORTED)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "«try:\n    f()\nexcept Exception:\n    pass»\n",
            "try:\n    f()\nexcept Retry:\n    raise\nexcept Exception:\n    pass\n",
        ),
        (
            "def g():\n\twhile a:\n\t\t«try:\n\t\t\tf()\n\t\texcept:\n\t\t\tpass\n\t\tfinally:\n\t\t\tg()»\n",
            "def g():\n\twhile a:\n\t\ttry:\n\t\t\tf()\n\t\texcept Retry:\n\t\t\traise\n"
            "\t\texcept:\n\t\t\tpass\n\t\tfinally:\n\t\t\tg()\n",
        ),
        ("«try: f()\nexcept E: pass»\n", "try: f()\nexcept Retry:\n    raise\nexcept E: pass\n"),
        (
            "if a:\n  «try:\n     f()\n     # done\n  # whatever\n  # comes\n  except E as e:  # all\n     g(e)»\n",
            "if a:\n  try:\n     f()\n     # done\n  except Retry:\n     raise\n  # whatever\n  # comes\n"
            "  except E as e:  # all\n     g(e)\n",
        ),
        (
            "«try:\n    f('''\n# text\n# more''')\nexcept E: pass»\n",
            "try:\n    f('''\n# text\n# more''')\nexcept Retry:\n    raise\nexcept E: pass\n",
        ),
        (
            "«try:\n    f()\n\nexcept E: pass»",
            "try:\n    f()\n\nexcept Retry:\n    raise\nexcept E: pass",
        ),
    ],
)
def test_the_first_handler_raises_again(before: str, after: str) -> None:
    assert after_reraise(before, RETRY) == after


def test_several_exceptions_are_a_tuple() -> None:
    before = "«try:\n    f()\nexcept E:\n    pass»\n"
    assert after_reraise(before, RETRY, IGNORE, LIMIT) == (
        "try:\n    f()\nexcept (Retry, Ignore, SoftTimeLimitExceeded):\n    raise\nexcept E:\n    pass\n"
    )


@pytest.mark.parametrize(
    "code",
    [
        "«try:\n    f()\nexcept* E:\n    pass»\n",
        "«try:\n    f()\nfinally:\n    pass»\n",
        "«f()»\n",
    ],
)
def test_no_handler_where_none_belongs(code: str) -> None:
    assert after_reraise(code, RETRY) is None


def test_the_exceptions_are_imported() -> None:
    assert_fixed(
        """
        from celery import shared_task

        @shared_task
        def f():
            «try:
                g()
            except Exception:
                pass»
        """,
        reraising(LIMIT),
        """
        from celery import shared_task
        from celery.exceptions import SoftTimeLimitExceeded

        @shared_task
        def f():
            try:
                g()
            except SoftTimeLimitExceeded:
                raise
            except Exception:
                pass
        """,
    )


# PutStatement


def putting(side: Side, code: str, *imports: Import) -> Callable[[Place], Change]:
    return lambda place: PutStatement(place, side, code, imports)


@pytest.mark.parametrize(
    ("before", "side", "after"),
    [
        ("«a()»\n", Side.BEFORE, "new()\na()\n"),
        ("«a()»  # all\nb()\n", Side.AFTER, "a()  # all\nnew()\nb()\n"),
        ("«a()»  # all\n", Side.INSTEAD, "new()  # all\n"),
        ("«a()»", Side.AFTER, "a()\nnew()"),
        ("«a()»", Side.BEFORE, "new()\na()"),
        ("if x:\n\n    # why\n    «a()»\n", Side.BEFORE, "if x:\n\n    new()\n    # why\n    a()\n"),
        ("# top\n«a()»\n", Side.BEFORE, "# top\nnew()\na()\n"),
        ("x = '''\n# no'''\n«a()»\n", Side.BEFORE, "x = '''\n# no'''\nnew()\na()\n"),
        ("@d  # one\n@e\n«def f(): pass»\n", Side.BEFORE, "new()\n@d  # one\n@e\ndef f(): pass\n"),
        (
            "class A:\n\t@d\n\t«def f(s):\n\t\tpass»\n",
            Side.AFTER,
            "class A:\n\t@d\n\tdef f(s):\n\t\tpass\n\tnew()\n",
        ),
        ("@d\n«class A: pass»\n", Side.INSTEAD, "new()\n"),
        ("«if a:\n    b()»\n    # end\nc()\n", Side.AFTER, "if a:\n    b()\n    # end\nnew()\nc()\n"),
        ("«f(\n  1)»\n", Side.INSTEAD, "new()\n"),
        ("with a:\n    «x = 1»\n", Side.AFTER, "with a:\n    x = 1\n    new()\n"),
        ("match a:\n  case 1:\n    «b()»\n", Side.BEFORE, "match a:\n  case 1:\n    new()\n    b()\n"),
    ],
)
def test_a_statement_is_put_in(before: str, side: Side, after: str) -> None:
    assert fixed(before, putting(side, "new()")) == after


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    "code",
    ["if x: «a()»\n", "a(); «b()»\n", "«a()»; b()\n", "«a()»;\n", "class A: «x = 1»\n", "f(«a()», b)\n"],
)
def test_no_statement_beside_others_in_a_line(code: str, side: Side) -> None:
    assert fixed(code, putting(side, "new()")) is None


@pytest.mark.parametrize("side", Side)
def test_no_statement_inside_of_a_chain_of_branches(side: Side) -> None:
    assert fixed("if a:\n    b()\n«elif c:\n    d()»\n", putting(side, "new()")) is None
    assert fixed("if a:\n    b()\n«elif c:\n    d()»\n", putting(side, "if x:\n    y()")) is None


def test_a_docstring_stays_first() -> None:
    assert fixed('def f():\n    «"""Doc."""»\n', putting(Side.BEFORE, "new()")) is None


def test_a_statement_with_a_comment_inside_is_not_replaced() -> None:
    assert fixed("«if a:\n    b()  # why»\n".replace("  # why»", "»  # why"), putting(Side.INSTEAD, "c()"))
    assert fixed("«if a:  # why\n    b()»\n", putting(Side.INSTEAD, "c()")) is None


def test_several_lines_are_indented_as_the_file_is() -> None:
    assert (
        fixed(
            "def f():\n\t«a()»  # all\n",
            putting(Side.INSTEAD, "if x:\n    y = '''\n    text\n'''\n\nelse:\n    if z:\n        pass\n"),
        )
        == "def f():\n\tif x:\n\t\ty = '''\n    text\n'''\n\n\telse:\n\t\tif z:\n\t\t\tpass  # all\n"
    )


def test_a_statement_brings_its_imports() -> None:
    assert (
        fixed("«a()»\n", putting(Side.BEFORE, "$logging.info('')", Import("logging")))
        == "import logging\n\nlogging.info('')\na()\n"
    )


# Substitute


@pytest.mark.parametrize(
    ("before", "text", "after"),
    [
        ("a()«  # noqa»\nb()\n", "", "a()\nb()\n"),
        ("a()  # noqa: «A, B» why\n", "A", "a()  # noqa: A why\n"),
        ("a()\n«# celery-lint: ignore\n»b()\n", "", "a()\nb()\n"),
        ("x = [\n    1,«  # noqa»\n]\n", "", "x = [\n    1,\n]\n"),
    ],
)
def test_a_comment_is_rewritten(before: str, text: str, after: str) -> None:
    assert fixed(before, lambda place: Substitute(place, text)) == after


@pytest.mark.parametrize("code", ["«a()»\n", "«a()  # noqa»\n", "x = '«# noqa»'\n", "«# noqa\na()»\n"])
def test_code_is_no_comment(code: str) -> None:
    assert fixed(code, lambda place: Substitute(place, "")) is None


# RenameKeyword


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(«order=order»)", "f(order_pk=order)"),
        ("f(a, «order = order»,  # why\n)", "f(a, order_pk = order,  # why\n)"),
        ("f(x=dict(«order=1»))", "f(x=dict(order_pk=1))"),
        ("f(«order»)", None),
    ],
)
def test_rename_keyword(before: str, after: str | None) -> None:
    assert fixed(before, lambda place: RenameKeyword(place, "order_pk")) == after


# MoveOptions


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("«f.delay(a, q=1)»", "f.apply_async(args=(a,), q=1)"),
        ("«f.delay(a, (b), q=1, )»", "f.apply_async(args=(a, (b)), q=1, )"),
        ("«f.delay(q=1, b=2, c=3)»", 'f.apply_async(q=1, kwargs={"b": 2, "c": 3})'),
        ("«f.delay(\n    a,  # why\n    q=1,\n)»", "f.apply_async(\n    args=(a,),  # why\n    q=1,\n)"),
        ("«f.delay(a, b=1, q=2, c=3)»", None),
        ("«f.delay(a,  # why\n    b, q=1)»", None),
        ("«f.delay(*a, q=1)»", None),
        ("«delay(a, q=1)»", None),
    ],
)
def test_options_are_given_beside_packed_arguments(before: str, after: str | None) -> None:
    assert fixed(before, lambda place: MoveOptions(place, ("q",), "apply_async")) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("«f.s(a, q=1)».delay()", "f.s(a).set(q=1).delay()"),
        ("«f.s(q=1)»", "f.s().set(q=1)"),
        ("«f.s(\n    a,\n    q=1,\n)»", "f.s(\n    a).set(\n    q=1,\n)"),
        ("«f.s(q=1, a=2)»", None),
        ("«f.s(a,  # why\n    q=1)»", None),
    ],
)
def test_options_are_set(before: str, after: str | None) -> None:
    assert fixed(before, lambda place: MoveOptions(place, ("q",), "set")) == after


# NameArgument


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("t.retry(«error»)", "t.retry(exc=error)"),
        ("t.retry((a,), («error»), countdown=3)", "t.retry((a,), exc=(error), countdown=3)"),
        ("t.retry(\n    «error»,  # why\n    **options,\n)", "t.retry(\n    exc=error,  # why\n    **options,\n)"),
        ("t.retry(«error», {})", None),
        ("t.retry(«error», *rest)", None),
        ("t.retry(*«rest»)", None),
        ("t.retry(exc=«error»)", None),
        ("t.retry(«a for a in b»)", None),
    ],
)
def test_name_argument(before: str, after: str | None) -> None:
    assert fixed(before, lambda place: NameArgument(place, "exc")) == after


# RaiseResult


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("«t.retry()»\n", "raise t.retry()\n"),
        ("if a: «t.retry()»; b()\n", "if a: raise t.retry(); b()\n"),
        (
            "«t.retry(\n    # soon\n    countdown=1,\n)»  # again\n",
            "raise t.retry(\n    # soon\n    countdown=1,\n)  # again\n",
        ),
        ("(«t.retry()»)\n", "raise (t.retry())\n"),
        ("x = «t.retry()»\n", None),
        ("return_(«t.retry()»)\n", None),
    ],
)
def test_raise_result(before: str, after: str | None) -> None:
    assert fixed(before, RaiseResult) == after


# AddParameter


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("«def f():\n    pass»\n", "def f(self):\n    pass\n"),
        ("«def f( ):\n    pass»\n", "def f(self ):\n    pass\n"),
        ("@d\n«async def f(a, *, b):\n    pass»\n", "@d\nasync def f(self, a, *, b):\n    pass\n"),
        ("«def f(*a): pass»\n", "def f(self, *a): pass\n"),
        ("«def f(\n\ta,\n):\n\tpass»\n", "def f(\n\tself,\n\ta,\n):\n\tpass\n"),
        ("«def f(\n    # of a\n    a,\n): pass»\n", "def f(\n    self,\n    # of a\n    a,\n): pass\n"),
        ("«x = 1»\n", None),
    ],
)
def test_add_parameter(before: str, after: str | None) -> None:
    assert fixed(before, lambda place: AddParameter(place, "self")) == after


# RaiseDecorator


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("@«a»\n@«b»\ndef f(): pass\n", "@b\n@a\ndef f(): pass\n"),
        ("@«a»  # one\n@c\n@«b»  # two\ndef f(): pass\n", "@b  # two\n@a  # one\n@c\ndef f(): pass\n"),
        ("@«a»\n# why\n@«b(\n    1,\n)»\ndef f(): pass\n", "@b(\n    1,\n)\n@a\n# why\ndef f(): pass\n"),
        (
            "class C:\n    @ «a»\n    @«b»\n    def f(self): pass\n",
            "class C:\n    @b\n    @ a\n    def f(self): pass\n",
        ),
        ("f(«a», «b»)\n", None),
    ],
)
def test_raise_decorator(before: str, after: str | None) -> None:
    text, (above, place) = marked(before)
    result = fixed_bytes(text.encode(), RaiseDecorator(place, above))
    assert (result and result.decode()) == after


# AddItems


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = «{}»\n", 'x = {"a": 1, "b": 2}\n'),
        ("x = «{'z': 0}»\n", "x = {'z': 0, 'a': 1, 'b': 2}\n"),
        ("x = «{**y}»\n", 'x = {**y, "a": 1, "b": 2}\n'),
        ("x = «{\n    'z': 0,  # last\n}»\n", "x = {\n    'z': 0,  # last\n    'a': 1,\n    'b': 2,\n}\n"),
        ("x = «[]»\n", None),
    ],
)
def test_add_items(before: str, after: str | None) -> None:
    assert fixed(before, lambda place: AddItems(place, (("a", "1"), ("b", "2")))) == after
