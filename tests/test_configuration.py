"""[tool.celery-lint] and what selecting means."""

from __future__ import annotations

from pathlib import Path

import pytest

from celery_lint.configuration import ConfigurationError, Overrides, Selection, Settings, load, selected_rules
from celery_lint.requirements import minimum_version

KNOWN = {"CEL001": False, "CEL002": True, "CEL101": False, "CEL112": True, "CEL201": False, "CEL210": False}


def settings(root: Path, text: str, overrides: Overrides = Overrides(), name: str = "pyproject.toml") -> Settings:
    (root / name).write_text(text, encoding="utf-8")
    return load(root, KNOWN, overrides)


def chosen(*sources: Selection) -> str:
    """The codes selected, without the CEL001 that always is."""
    codes = selected_rules(sources, KNOWN)
    assert "CEL001" in codes
    return " ".join(sorted(codes - {"CEL001"}))


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), "CEL101 CEL201 CEL210"),
        (Selection(select=("CEL1",)), "CEL101"),
        (Selection(select=("CEL112",)), "CEL112"),
        (Selection(select=("ALL",)), "CEL002 CEL101 CEL112 CEL201 CEL210"),
        (Selection(extend_select=("CEL112",)), "CEL101 CEL112 CEL201 CEL210"),
        (Selection(extend_select=("CEL1",)), "CEL101 CEL201 CEL210"),
        (Selection(ignore=("CEL2",)), "CEL101"),
        (Selection(select=("CEL201",), ignore=("CEL2",)), "CEL201"),
        (Selection(select=("CEL2",), ignore=("CEL201",)), "CEL210"),
        (Selection(select=("CEL201",), ignore=("CEL201",)), ""),
        (Selection(select=("ALL",), ignore=("CEL2", "CEL002")), "CEL101 CEL112"),
        (Selection(select=()), ""),
    ],
)
def test_selecting(selection: Selection, expected: str) -> None:
    assert chosen(selection) == expected


def test_the_command_comes_after_the_configuration() -> None:
    configured = Selection(select=("CEL112",), ignore=("CEL101",))
    assert chosen(configured, Selection(extend_select=("CEL2",))) == "CEL112 CEL201 CEL210"
    assert chosen(configured, Selection(select=("CEL1",))) == "CEL101"
    assert chosen(configured, Selection(ignore=("CEL112",))) == ""


@pytest.mark.parametrize("ignored", ["CEL001", "CEL0", "CEL", "ALL"])
def test_an_unreadable_file_can_be_ignored(ignored: str) -> None:
    assert "CEL001" not in selected_rules([Selection(select=("CEL101",), ignore=(ignored,))], KNOWN)


def test_every_key_is_read(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        """
        [tool.celery-lint]
        select = ["CEL1"]
        extend-select = ["CEL201", "cel112"]
        ignore = ["CEL101"]
        extend-ignore = ["CEL210"]
        exclude = ["generated"]
        extend-exclude = ["*_pb2.py"]
        force-exclude = true
        src = ["src", "lib"]
        output-format = "concise"
        task-decorators = ["shop.tasks.cron_task"]
        dispatch-wrappers = ["shop.utils.send"]
        on-commit-wrappers = ["shop.db.after_commit"]
        idempotency-guards = ["shop.locks.once"]
        model-bases = ["shop.models.Base"]
        settings-module = "shop.settings.production"
        atomic-requests = false
        require-on-commit = true
        time-limit-scope = "task"
        celery-version = "5.4"
        django-version = "4.2.16"
        [tool.celery-lint.per-file-ignores]
        "tests/*" = ["CEL2"]
        """,
    )
    assert found == Settings(
        rules=frozenset({"CEL001", "CEL112", "CEL201"}),
        per_file_ignores=(("tests/*", frozenset({"CEL201", "CEL210"})),),
        exclude=("generated",),
        extend_exclude=("*_pb2.py",),
        force_exclude=True,
        src=("src", "lib"),
        output_format="concise",
        task_decorators=("shop.tasks.cron_task",),
        dispatch_wrappers=("shop.utils.send",),
        on_commit_wrappers=("shop.db.after_commit",),
        idempotency_guards=("shop.locks.once",),
        model_bases=("shop.models.Base",),
        settings_module="shop.settings.production",
        atomic_requests=False,
        require_on_commit=True,
        time_limit_scope="task",
        celery_version=(5, 4),
        django_version=(4, 2, 16),
    )


def test_a_file_of_our_own_is_the_table_itself_and_comes_first(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.celery-lint]\nselect = ["CEL1"]\n')
    found = settings(tmp_path, 'select = ["CEL210"]\n', name="celery-lint.toml")
    assert found.rules == {"CEL001", "CEL210"}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('selct = ["CEL1"]', "unknown key `selct`; did you mean 'select'?"),
        ('select = ["CEL999"]', "`select`: unknown code 'CEL999'"),
        ('ignore = ["CLE101"]', "`ignore`: unknown code 'CLE101'; did you mean 'CEL101'?"),
        ('select = "CEL1"', "`select` must be a list of strings, not 'CEL1'"),
        ("atomic-requests = 1", "`atomic-requests` must be true or false, not 1"),
        ('output-format = "xml"', '`output-format` must be one of "full"'),
        ('time-limit-scope = "worker"', '`time-limit-scope` must be one of "app", "task"'),
        ('task-decorators = ["shop.task()"]', "`task-decorators` must be a list of dotted names"),
        ('celery-version = ">=5"', "`celery-version` must be a version"),
        ('exclude = ["[z-a]"]', "`exclude`: the pattern '[z-a]' is not valid"),
        ('per-file-ignores = ["tests"]', "`per-file-ignores` must be a table"),
        ('per-file-ignores = { "tests" = ["CEL9x"] }', "`per-file-ignores`: unknown code 'CEL9x'"),
    ],
)
def test_what_cannot_be_followed_is_refused(tmp_path: Path, line: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        settings(tmp_path, f"[tool.celery-lint]\n{line}\n")
    assert str(error.value).startswith(str(tmp_path / "pyproject.toml"))
    assert complaint in str(error.value)


def test_a_broken_file_that_means_us_is_refused_and_any_other_left_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        settings(tmp_path, "[tool.celery-lint]\nselect = [\n")
    assert settings(tmp_path, "[tool.other]\nselect = [\n").rules == {"CEL001", "CEL101", "CEL201", "CEL210"}


def test_isolated_reads_no_file_and_config_reads_the_one_it_names(tmp_path: Path) -> None:
    text = '[tool.celery-lint]\nselect = ["CEL112"]\n'
    assert settings(tmp_path, text, Overrides(isolated=True)).rules == {
        "CEL001",
        "CEL101",
        "CEL201",
        "CEL210",
    }
    other = tmp_path / "strict.toml"
    other.write_text('select = ["CEL002"]\n')
    assert settings(tmp_path, text, Overrides(config=other)).rules == {"CEL001", "CEL002"}
    with pytest.raises(ConfigurationError, match=r"missing\.toml: cannot be read: No such file"):
        load(tmp_path, KNOWN, Overrides(config=tmp_path / "missing.toml"))


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("tests/*", "tests/unit/test_a.py", "shop/tests/test_a.py"),
        ("tests", "shop/tests/test_a.py", "shop/tests.py"),
        ("*/migrations/*", "a/b/migrations/0001_x.py", "a/b/migrations.py"),
        ("**/conftest.py", "conftest.py", "xconftest.py"),
        ("settings_*.py", "config/settings_dev.py", "config/settings.py"),
        ("!shop/*", "billing/tasks.py", "shop/tasks.py"),
    ],
)
def test_per_file_ignores_match_paths(pattern: str, matching: str, other: str) -> None:
    found = Settings(per_file_ignores=((pattern, frozenset({"CEL101"})),))
    assert found.ignored_codes(matching) == {"CEL101"}
    assert found.ignored_codes(other) == frozenset()


@pytest.mark.parametrize(
    ("specifier", "expected"),
    [
        (">=5.3,<6", (5, 3)),
        ("<6,>=5.2.7", (5, 2, 7)),
        ("==5.4.0", (5, 4, 0)),
        ("==5.4.*", (5, 4)),
        ("~=5.3.1", (5, 3, 1)),
        ("^5.3", (5, 3)),
        ("5.3.6", (5, 3, 6)),
        (">5", (5,)),
        ("^4.4 || ^5.3", (4, 4)),
        (">=5.4.0rc1", (5, 4, 0)),
        ("<6", None),
        ("*", None),
        ("", None),
        ("!=5.0", None),
    ],
)
def test_the_lower_bound_of_a_specifier(specifier: str, expected: tuple[int, ...] | None) -> None:
    assert minimum_version(specifier) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "pyproject.toml",
            '[project]\ndependencies = ["celery[redis]>=5.3.6; python_version > \'3.8\'", "Django~=4.2"]',
        ),
        ("pyproject.toml", '[dependency-groups]\ndev = ["celery==5.3.6", "django>=4.2"]'),
        (
            "pyproject.toml",
            '[tool.poetry.dependencies]\ncelery = {version = "^5.3.6", extras = ["redis"]}\ndjango = "~4.2"',
        ),
        ("Pipfile", '[packages]\ncelery = "==5.3.6"\ndjango = {version = ">=4.2"}'),
        ("setup.cfg", "[options]\ninstall_requires =\n    celery>=5.3.6\n    Django >= 4.2, < 6\n"),
        ("requirements.txt", "# the queue\ncelery==5.3.6 \\\n    --hash=sha256:00\nDjango==4.2\n"),
        ("requirements/base.txt", "-r other.txt\ncelery == 5.3.6\ndjango (>=4.2)\n"),
    ],
)
def test_minimum_versions_come_from_the_projects_metadata(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    found = load(tmp_path, KNOWN)
    assert (found.celery_version, found.django_version) == ((5, 3, 6), (4, 2))


def test_the_lowest_of_several_bounds_counts_and_the_configuration_before_all(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("celery==5.5.0\n")
    text = '[project]\ndependencies = ["celery>=5.2", "django-celery-beat>=2"]\n'
    assert settings(tmp_path, text).celery_version == (5, 2)
    assert settings(tmp_path, f'{text}[tool.celery-lint]\ncelery-version = "5.4"\n').celery_version == (5, 4)
    assert settings(tmp_path, text).django_version is None
