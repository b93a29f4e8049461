"""Files that come and go change what a dotted name stands for only where that is foreseen."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from celery_lint.project.layout import Layout, Move

FOLDERS = ["", "src/", "shop/", "shop/orders/", "src/shop/", "backend/shop/orders/", "app/"]
BASES = ["__init__.py", "models.py", "orders.py", "shop.py", "manage.py", "tasks.py"]
FILES = st.frozensets(st.sampled_from([folder + base for folder in FOLDERS for base in BASES]))
NAMES = [
    "shop", "orders", "models", "shop.orders", "shop.orders.models", "orders.models", "src.shop.models", "tasks",
    "app.tasks", "shop.orders.tasks", "backend.shop", "manage", "celery", "__init__", "shop.__init__",
]  # fmt: skip
HOMES = [folder.rstrip("/") for folder in FOLDERS]
DECLARED = st.sampled_from([(), ("src",), ("backend",), (".",)])


@settings(max_examples=300, deadline=None)
@given(common=FILES, gone=FILES, new=FILES, declared=DECLARED)
def test_every_name_that_means_another_file_is_foreseen(
    common: frozenset[str], gone: frozenset[str], new: frozenset[str], declared: tuple[str, ...]
) -> None:
    before, after = Layout(common | gone, declared), Layout(common | new, declared)
    move = Move(before, after)
    for name in NAMES:
        if any(before.find(name, home) != after.find(name, home) for home in HOMES):
            assert move.may_mean_another(name), name
        assert move.has_other_folder(name) is (before.has_folder(name) is not after.has_folder(name))
    for file in common:
        assert move.is_renamed(file) is (before.module_name(file) != after.module_name(file))


def test_an_added_file_leaves_other_names_alone() -> None:
    files = frozenset({"shop/__init__.py", "shop/models.py", "shop/orders/__init__.py"})
    move = Move(Layout(files), Layout(files | {"shop/orders/models.py"}))
    assert move.may_mean_another("shop.orders.models")
    assert move.may_mean_another("models")
    assert not move.may_mean_another("shop.models")
    assert not move.may_mean_another("shop.orders")


def test_a_wsgi_module_makes_no_root_of_its_package() -> None:
    layout = Layout(frozenset({"shop/__init__.py", "shop/wsgi.py", "shop/requests.py", "old/wsgi.py", "old/models.py"}))
    assert layout.find("requests", "shop") is None
    assert layout.find("shop.requests", "shop") == "shop/requests.py"
    assert layout.find("models", "shop") == "old/models.py"
