"""`[tool.celery-lint]` and the command's own words, to frozen settings."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from celery_lint import toml
from celery_lint.patterns import Globs
from celery_lint.records import record
from celery_lint.reporters import FORMATS
from celery_lint.requirements import Version, minimum_versions, parse_version
from celery_lint.surroundings import CACHE_FOLDER, note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    T = TypeVar("T")

TIME_LIMIT_SCOPES = ("app", "task")
ALL = "ALL"
UNREADABLE = "CEL001"
UNUSED_SUPPRESSION = "CEL002"
OF_CHANGES = "CEL116"
"""The rule that compares the project with a revision of it, and is silent without `--since`."""


class ConfigurationError(Exception):
    """A setting that cannot be followed; the message names the file, the key and what is known."""


@record()
class Settings:
    """What a project or a user decided; everything that changes what is reported.

    The fields bear the names of the configuration's keys. `rules` is the outcome
    of select, extend-select, ignore and extend-ignore: the codes to report.
    """

    rules: frozenset[str] = frozenset()
    per_file_ignores: tuple[tuple[str, frozenset[str]], ...] = ()
    exclude: tuple[str, ...] | None = None
    """None: the folders that hold no code of the project by custom (`build`, `dist`, ...)."""
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    src: tuple[str, ...] = ()
    output_format: str = "full"
    cache_dir: str | None = None
    """Where findings are kept, relative to the root; None when they are not."""
    jobs: int | None = None
    """How many processes may share the work; None: as many as there are cores."""
    baseline: str | None = None
    """The file with the findings that are known and not reported, relative to the root."""
    task_decorators: tuple[str, ...] = ()
    dispatch_wrappers: tuple[str, ...] = ()
    on_commit_wrappers: tuple[str, ...] = ()
    idempotency_guards: tuple[str, ...] = ()
    model_bases: tuple[str, ...] = ()
    settings_module: str | None = None
    atomic_requests: bool | None = None
    require_on_commit: bool = False
    time_limit_scope: str = "app"
    celery_version: Version | None = None
    django_version: Version | None = None

    def ignored_codes(self, filename: str) -> frozenset[str]:
        """The codes that `per-file-ignores` leaves out for a file (relative to the root)."""
        ignored: frozenset[str] = frozenset()
        for pattern, codes in self.per_file_ignores:
            if Globs([pattern.removeprefix("!")]).match(filename) is not pattern.startswith("!"):
                ignored |= codes
        return ignored


@record()
class Selection:
    """What one source (the configuration, the command line) says about which rules to report.

    `select` None leaves the choice of the source before it as it is.
    """

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


@record()
class Overrides:
    """What a door was told, which comes before the configuration's word."""

    selection: Selection = Selection()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    exclude: tuple[str, ...] = ()
    force_exclude: bool | None = None
    output_format: str | None = None
    config: Path | None = None
    isolated: bool = False
    cache: bool = False
    """Whether findings are kept for the next run."""
    cache_dir: Path | None = None
    jobs: int | None = None
    since: str | None = None
    """The revision at which what is reported was not there yet."""
    baseline: Path | None = None
    uses_baseline: bool = True
    """Whether there is to be a baseline, if one is named here or in the configuration."""
    starts_baseline: bool = False
    """Whether the baseline need not be there yet."""


def selected_rules(sources: Sequence[Selection], known: Mapping[str, bool]) -> frozenset[str]:
    """The codes to report; `known` maps each code to whether its rule is opt-in.

    A prefix selects the rules under it that are on by default, a full code or
    ALL opt-in rules as well. Where select and ignore both name a rule, the more
    exact of them decides, and ignore when they are equally exact. A later
    source with a `select` starts anew. An unreadable file is reported unless
    CEL001 is ignored, whatever is selected.
    """
    chosen = {code for code, opt_in in known.items() if not opt_in}
    for source in sources:
        if source.select is not None:
            chosen = set()
        wanted = (*(source.select or ()), *source.extend_select)
        for code, opt_in in known.items():
            selected = _exactness(code, (each for each in wanted if not opt_in or each in (ALL, code)))
            ignored = _exactness(code, source.ignore)
            if source.select is not None and code == UNREADABLE:
                selected = max(selected, 0)
            if selected > ignored:
                chosen.add(code)
            elif ignored >= 0:
                chosen.discard(code)
    return frozenset(chosen)


def _exactness(code: str, selectors: Iterable[str]) -> int:
    """How exactly one of `selectors` names the code: its length, 0 for ALL, -1 if none does."""
    matching = (0 if each == ALL else len(each) for each in selectors if each == ALL or code.startswith(each))
    return max(matching, default=-1)


def check_selectors(selectors: Iterable[str], known: Iterable[str], where: str) -> tuple[str, ...]:
    """The selectors as they are meant. Raises ConfigurationError for one that names no rule."""
    codes = list(known)
    result = []
    for selector in selectors:
        wanted = selector.strip().upper()
        if wanted != ALL and not (wanted.startswith("CEL") and any(code.startswith(wanted) for code in codes)):
            raise ConfigurationError(f"{where}: unknown code {selector!r}{nearest(wanted, [*codes, ALL])}")
        result.append(wanted)
    return tuple(result)


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` for the known name that is nearest, or nothing."""
    import difflib

    found = difflib.get_close_matches(name, list(known), n=5, cutoff=0.6)
    if not found:
        return ""
    # Of several that are as near, the one with the most characters in their places: CEL301 of CEL3O1, not CEL310.
    best = difflib.SequenceMatcher(None, found[0], name).ratio()
    equal = [one for one in found if difflib.SequenceMatcher(None, one, name).ratio() == best]
    nearest = min(equal, key=lambda one: (sum(a != b for a, b in zip(one, name, strict=False)), one))
    return f"; did you mean {nearest!r}?"


def find_file(folder: Path) -> Path | None:
    """The configuration file in a folder: celery-lint.toml, or a pyproject.toml with our table."""
    own = folder / "celery-lint.toml"
    note(own)
    if own.is_file():
        return own
    shared = folder / "pyproject.toml"
    note(shared)
    try:
        data = shared.read_bytes()
    except OSError:
        return None
    if b"celery-lint" not in data:
        return None
    try:
        tables = toml.loads(data.decode("utf-8-sig"))
    except ValueError:
        # Broken, and it means us: to be found, so that reading it says so.
        return shared if re.search(rb"tool\s*\.\s*[\"']?celery-lint", data) else None
    tool = tables.get("tool")
    return shared if isinstance(tool, dict) and "celery-lint" in tool else None


def load(root: Path, known: Mapping[str, bool], overrides: Overrides = Overrides()) -> Settings:
    """The settings of the project at `root`, from its configuration file and the door's overrides.

    `known` maps each code to whether its rule is opt-in. Raises
    ConfigurationError for a file that cannot be read or parsed, unknown keys,
    wrong types and unknown codes.
    """
    path = overrides.config or (None if overrides.isolated else find_file(root))
    reader = _Reader(_read_table(path) if path else {}, str(path) if path else "", known)
    from_file = Selection(
        select=reader.codes("select"),
        extend_select=reader.codes("extend-select") or (),
        ignore=(*(reader.codes("ignore") or ()), *(reader.codes("extend-ignore") or ())),
    )
    per_file = [*reader.code_table("per-file-ignores"), *overrides.per_file_ignores]
    metadata = _MetadataVersions(root)
    settings = Settings(
        rules=selected_rules([from_file, overrides.selection], known),
        per_file_ignores=tuple((pattern, _codes_under(codes, known)) for pattern, codes in per_file),
        exclude=reader.globs("exclude"),
        extend_exclude=(*(reader.globs("extend-exclude") or ()), *overrides.exclude),
        force_exclude=_first(overrides.force_exclude, reader.flag("force-exclude"), False),
        src=reader.strings("src") or (),
        output_format=_first(overrides.output_format, reader.choice("output-format", FORMATS), "full"),
        cache_dir=_cache_dir(overrides, reader.text("cache-dir")),
        jobs=overrides.jobs,
        baseline=_baseline(overrides, reader.text("baseline")),
        task_decorators=reader.dotted_names("task-decorators"),
        dispatch_wrappers=reader.dotted_names("dispatch-wrappers"),
        on_commit_wrappers=reader.dotted_names("on-commit-wrappers"),
        idempotency_guards=reader.dotted_names("idempotency-guards"),
        model_bases=reader.dotted_names("model-bases"),
        settings_module=reader.dotted_name("settings-module"),
        atomic_requests=reader.flag("atomic-requests"),
        require_on_commit=_first(reader.flag("require-on-commit"), False),
        time_limit_scope=_first(reader.choice("time-limit-scope", TIME_LIMIT_SCOPES), "app"),
        celery_version=reader.version("celery-version") or metadata.of("celery"),
        django_version=reader.version("django-version") or metadata.of("django"),
    )
    reader.refuse_unknown_keys()
    return settings


def _cache_dir(overrides: Overrides, configured: str | None) -> str | None:
    if not overrides.cache:
        return None
    return os.path.abspath(overrides.cache_dir) if overrides.cache_dir is not None else configured or CACHE_FOLDER


def _baseline(overrides: Overrides, configured: str | None) -> str | None:
    if not overrides.uses_baseline:
        return None
    return os.path.abspath(overrides.baseline) if overrides.baseline is not None else configured


def _first(*values: T | None) -> T:
    """The first value that is set; the last always is."""
    for value in values:
        if value is not None:
            return value
    raise ValueError("no value is set")


def _codes_under(selectors: Iterable[str], known: Iterable[str]) -> frozenset[str]:
    """Every known code that one of the selectors names, opt-in or not."""
    wanted = tuple(selectors)
    return frozenset(code for code in known if _exactness(code, wanted) >= 0)


def _read_table(path: Path) -> dict[str, Any]:
    """Our table of a configuration file. Raises ConfigurationError."""
    note(path)
    try:
        tables = toml.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not valid TOML: it is not UTF-8") from None
    except ValueError as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from None
    # A pyproject.toml named by --config may have no table of ours; celery-lint.toml is one itself.
    tool = tables.get("tool")
    if path.name == "pyproject.toml" or (isinstance(tool, dict) and "celery-lint" in tool):
        tables = tool.get("celery-lint", {}) if isinstance(tool, dict) else {}
    if not isinstance(tables, dict):
        raise ConfigurationError(f"{path}: `tool.celery-lint` must be a table")
    return tables


@dataclass
class _MetadataVersions:
    """The versions in the project's own metadata, read when first asked for."""

    root: Path
    found: dict[str, Version] | None = None

    def of(self, package: str) -> Version | None:
        if self.found is None:
            self.found = minimum_versions(self.root, ("celery", "django"))
        return self.found.get(package)


@dataclass
class _Reader:
    """Takes keys out of a table, checking each one's type."""

    table: Mapping[str, Any]
    path: str
    known: Mapping[str, bool]
    asked: set[str] = field(default_factory=set)

    def _value(self, key: str, fits: Callable[[Any], bool], kind: str) -> Any:
        self.asked.add(key)
        value = self.table.get(key)
        if value is not None and not fits(value):
            raise ConfigurationError(f"{self.path}: `{key}` must be {kind}, not {value!r}")
        return value

    def refuse_unknown_keys(self) -> None:
        for key in self.table:
            if key not in self.asked:
                raise ConfigurationError(f"{self.path}: unknown key `{key}`{nearest(key, sorted(self.asked))}")

    def flag(self, key: str) -> bool | None:
        value: bool | None = self._value(key, lambda value: isinstance(value, bool), "true or false")
        return value

    def choice(self, key: str, choices: Sequence[str]) -> str | None:
        kind = "one of " + ", ".join(f'"{choice}"' for choice in choices)
        value: str | None = self._value(key, lambda value: value in choices, kind)
        return value

    def strings(self, key: str) -> tuple[str, ...] | None:
        value = self._value(key, _is_strings, "a list of strings")
        return None if value is None else tuple(value)

    def globs(self, key: str) -> tuple[str, ...] | None:
        patterns = self.strings(key)
        for pattern in patterns or ():
            check_glob(pattern, f"{self.path}: `{key}`")
        return patterns

    def text(self, key: str) -> str | None:
        value: str | None = self._value(key, lambda each: isinstance(each, str) and each != "", "a text")
        return value

    def dotted_name(self, key: str) -> str | None:
        value: str | None = self._value(key, _is_dotted_name, "a dotted name")
        return value

    def dotted_names(self, key: str) -> tuple[str, ...]:
        def fits(value: Any) -> bool:
            return _is_strings(value) and all(map(_is_dotted_name, value))

        return tuple(self._value(key, fits, "a list of dotted names") or ())

    def version(self, key: str) -> Version | None:
        value = self._value(key, lambda value: isinstance(value, str), 'a version such as "5.4"')
        if value is None:
            return None
        try:
            return parse_version(value)
        except ValueError:
            raise ConfigurationError(f'{self.path}: `{key}` must be a version such as "5.4", not {value!r}') from None

    def codes(self, key: str) -> tuple[str, ...] | None:
        selectors = self.strings(key)
        return None if selectors is None else check_selectors(selectors, self.known, f"{self.path}: `{key}`")

    def code_table(self, key: str) -> list[tuple[str, tuple[str, ...]]]:
        kind = "a table of path patterns and lists of codes"
        table = self._value(key, lambda value: isinstance(value, dict) and all(map(_is_strings, value.values())), kind)
        result = []
        for pattern, selectors in (table or {}).items():
            where = f"{self.path}: `{key}`"
            check_glob(pattern.removeprefix("!"), where)
            result.append((pattern, check_selectors(selectors, self.known, where)))
        return result


def check_glob(pattern: str, where: str) -> None:
    """Raises ConfigurationError for a path pattern that means nothing."""
    try:
        Globs([pattern])
    except re.error as error:
        raise ConfigurationError(f"{where}: the pattern {pattern!r} is not valid: {error}") from None


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_dotted_name(value: Any) -> bool:
    return isinstance(value, str) and all(part.isidentifier() for part in value.split("."))
