"""CEL104: an argument that JSON can't carry."""

from __future__ import annotations

import pytest
from kombu.exceptions import EncodeError

from tests.proofs.harness import Shop

BAD = """\
from celery import shared_task

from shop.models import Order


@shared_task
def recalculate(order_ids):
    return sorted(order_ids)


def start():
    order_ids = {order.pk for order in Order.objects.all()}
    recalculate.delay(order_ids)
"""

REPAIRED = BAD.replace("delay(order_ids)", "delay(list(order_ids))")

TASK = """\
{imports}
from celery import shared_task


@shared_task
def work(value): ...


{before}
def start(request=None):
    {statement}
    work.delay(value)
"""


def _example(value: str, imports: str = "", before: str = "") -> str:
    return TASK.format(imports=imports, before=before, statement=f"value = {value}")


BAD_GENERATOR = _example("(number for number in [1, 2])")
REPAIRED_GENERATOR = _example("[number for number in [1, 2]]")
BAD_MAP = _example("map(str, [1, 2])")
REPAIRED_MAP = _example("list(map(str, [1, 2]))")
BAD_RANGE = _example("range(3)")
REPAIRED_RANGE = _example("list(range(3))")
BAD_KEYS = _example("{'a': 1}.keys()")
REPAIRED_KEYS = _example("list({'a': 1}.keys())")
BAD_DEQUE = _example("deque([1])", "from collections import deque")
REPAIRED_DEQUE = _example("[1]")
BAD_TIMEDELTA = _example("timedelta(days=1)", "from datetime import timedelta")
REPAIRED_TIMEDELTA = _example("timedelta(days=1).total_seconds()", "from datetime import timedelta")
BAD_PATH = _example('Path("a") / "b"', "from pathlib import Path")
REPAIRED_PATH = _example('str(Path("a") / "b")', "from pathlib import Path")
BAD_PATTERN = _example('re.compile("a")', "import re")
REPAIRED_PATTERN = _example('re.compile("a").pattern', "import re")
BAD_ENUM = _example("Channel.MAIL", "from enum import Enum", "class Channel(Enum):\n    MAIL = 1\n\n")
REPAIRED_ENUM = _example("Channel.MAIL.value", "from enum import Enum", "class Channel(Enum):\n    MAIL = 1\n\n")
DATACLASS = "@dataclass\nclass Config:\n    url: str\n\n"
BAD_DATACLASS = _example('Config("a")', "from dataclasses import asdict, dataclass", DATACLASS)
REPAIRED_DATACLASS = _example('asdict(Config("a"))', "from dataclasses import asdict, dataclass", DATACLASS)
BAD_FUNCTION = _example("start")
REPAIRED_FUNCTION = _example("start.__name__")
BAD_CLASS = _example("Order", "from shop.models import Order")
REPAIRED_CLASS = _example("Order.__name__", "from shop.models import Order")
BAD_MODULE = _example("json", "import json")
REPAIRED_MODULE = _example("json.__name__", "import json")
BAD_TASK = _example("work")
REPAIRED_TASK = _example("work.name")
BAD_EXCEPTION = _example('ValueError("no")')
REPAIRED_EXCEPTION = _example('str(ValueError("no"))')
BAD_LOGGER = _example('logging.getLogger("shop")', "import logging")
REPAIRED_LOGGER = _example('logging.getLogger("shop").name', "import logging")
BAD_BYTESIO = _example('io.BytesIO(b"a")', "import io")
REPAIRED_BYTESIO = _example('io.BytesIO(b"a").getvalue()', "import io")
BAD_RESULT = _example("work.delay(1)")
REPAIRED_RESULT = _example("work.delay(1).id")
BAD_TUPLE_KEY = _example("{(1, 2): 3}")
REPAIRED_TUPLE_KEY = _example('{"1-2": 3}')
BAD_DICT_OF_ROW = _example("Order(total=3).__dict__", "from shop.models import Order")
REPAIRED_DICT_OF_ROW = _example('{"total": Order(total=3).total}', "from shop.models import Order")
BAD_NESTED = _example('{"ids": {1, 2}}')
REPAIRED_NESTED = _example('{"ids": [1, 2]}')

CARRIED = """\
import uuid
from collections import OrderedDict, defaultdict
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum

from celery import shared_task


class Kind(str, Enum):
    NEW = "new"


class Money:
    def __json__(self):
        return {"amount": 3}


@shared_task
def work(value): ...


def start():
    for value in (
        datetime.now(), date.today(), time(1), Decimal("1.5"), uuid.uuid4(), b"a", b"\\xff", Kind.NEW,
        OrderedDict(a=1), defaultdict(list), Money(), work.s(1), float("nan"),
    ):
        work.delay(value)
"""

VARIANTS = {name for name in globals() if name.startswith("BAD_")}


@pytest.mark.parametrize("source", [globals()[name] for name in sorted({"BAD", *VARIANTS})])
def test_bad_raises_in_the_caller_and_sends_nothing(shop: Shop, source: str) -> None:
    shop.order()
    module = shop.load(source)
    with pytest.raises(EncodeError):
        module.start()
    assert shop.sent in ([], ["work"])  # the one whose result is passed on


@pytest.mark.parametrize("source", [globals()[name.replace("BAD", "REPAIRED")] for name in sorted({"BAD", *VARIANTS})])
def test_repaired_arrives(shop: Shop, source: str) -> None:
    shop.order()
    module = shop.load(source)
    with shop.worker():
        module.start()
        shop.settle()
    assert set(shop.states) == {"SUCCESS"}


def test_an_eager_call_raises_as_well(shop: Shop) -> None:
    shop.app.conf.task_always_eager = True
    module = shop.load(BAD_TIMEDELTA)
    with pytest.raises(EncodeError):
        module.start()


def test_a_request_and_an_uploaded_file_cannot_be_sent(shop: Shop) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test import RequestFactory

    module = shop.load(CARRIED)
    request = RequestFactory().get("/")
    for value in (request, request.headers, SimpleUploadedFile("a", b"a"), module.work, module.Money):
        with pytest.raises(EncodeError):
            module.work.delay(value)


def test_what_kombu_knows_is_sent(shop: Shop) -> None:
    module = shop.load(CARRIED)
    with shop.worker():
        module.start()
        shop.settle()
    assert len(shop.runs) == 13
    assert set(shop.states) == {"SUCCESS"}


def test_nothing_is_encoded_where_the_task_runs_in_the_caller(shop: Shop) -> None:
    module = shop.load(CARRIED)
    module.work.apply(args=({1},))
    module.work.s({1})()
    assert shop.sent == []
