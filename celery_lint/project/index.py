"""The index: every file of the project by module name, parsed when first asked for."""

from __future__ import annotations

import enum
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path

from celery_lint.project.inputs import Inputs
from celery_lint.project.layout import Layout
from celery_lint.project.modules import Module
from celery_lint.source import Source, UnreadableError, words_of

# A file with none of these, in capitals or not, holds no task, no dispatch and no setting of Celery.
_TRACES = (
    b"celery", b".delay", b"apply_async", b"on_commit", b"broker_url", b"task_time_limit", b"task_soft_time_limit",
    b"task_always_eager",
)  # fmt: skip
_TASK_TRACE = re.compile(rb"\.task[(\s#]|send_task|shared_task")
# Up to this many bytes a project's files without a trace of Celery are parsed as well, only to say
# whether they can be (about half a second). Larger projects have other tools for that.
SMALL = 3_000_000
# How many bytes of files are kept in memory, so that they are read once.
MAX_KEPT = 48_000_000
_NAMED_AFTER = {keyword: re.compile(keyword + rb" ([\w\x80-\xff]+)") for keyword in (b"def", b"class")}
_WORD = re.compile(rb"[\w\x80-\xff]+")
_TEST_FILE = re.compile(
    r"(^|/)(tests?|testing|test_utils|testutils|fixtures|factories)/|(^|/)(test_[^/]*|[^/]*_tests?|tests?|conftest|factories)\.py$"
)


class Selection(enum.Enum):
    """The tests on a file's text by which files are found."""

    MENTION = "mention"
    ANYWHERE = "anywhere"
    PART = "part"
    TEXT = "text"
    PLAIN = "plain"
    FUNCTION = "function"
    NESTED = "nested"
    CLASS = "class"
    ASSIGNED = "assigned"


class Content:
    """A file's bytes, as selections look at them."""

    def __init__(self, filename: str, data: bytes) -> None:
        self._filename = filename
        self._data = data

    @cached_property
    def words(self) -> Collection[bytes]:
        """The names, keywords and numbers in it, comments and strings included."""
        return words_of(self._data)

    @cached_property
    def functions(self) -> Mapping[bytes, bool]:
        """The names that lines `def name` define, and whether such a line is indented."""
        return self._defined(b"def")

    @cached_property
    def classes(self) -> Collection[bytes]:
        """The names that lines `class name` define."""
        return self._defined(b"class")

    def _defined(self, keyword: bytes) -> dict[bytes, bool]:
        data = self._data
        found: dict[bytes, bool] = {}
        for match in _NAMED_AFTER[keyword].finditer(data):
            at = match.start()
            before = data[data.rfind(b"\n", 0, at) + 1 : at]
            if not before.replace(b"async", b"", 1).strip():
                name = match[1]
                found[name] = before[:1].isspace() or found.get(name, False)
        return found

    def is_selected(self, selection: str, text: str) -> bool:
        """Whether the file is among those that a selection finds."""
        wanted = text.encode()
        if selection == Selection.TEXT.value:
            return has_trace(self._data) and wanted in self._data
        if selection == Selection.ANYWHERE.value:
            return wanted in self.words
        if is_test_file(self._filename):
            return False
        if selection == Selection.PLAIN.value:
            return wanted in self._data
        if selection == Selection.PART.value:
            return any(wanted in word for word in self.words)
        if selection == Selection.FUNCTION.value:
            return wanted in self.functions
        if selection == Selection.NESTED.value:
            return self.functions.get(wanted, False)
        if selection == Selection.CLASS.value:
            return wanted in self.classes
        return wanted in self.words and (selection == Selection.MENTION.value or self.assigns(wanted))

    def assigns(self, name: bytes) -> bool:
        """Whether a variable of a name is set, for all that the text shows."""
        return name + b" =" in self._data


class _Words:
    """In which files each word stands."""

    def __init__(self, files: Iterable[tuple[str, bytes]]) -> None:
        self._files: defaultdict[bytes, list[str]] = defaultdict(list)
        for name, data in files:
            for word in words_of(data):
                self._files[word].append(name)

    @cached_property
    def _all(self) -> bytes:
        """All words, each between line feeds: to look through one text is faster than to look at each word."""
        return b"\n".join([b"", *self._files, b""])

    def having(self, word: bytes) -> Sequence[str]:
        """The files in which a word stands."""
        return self._files.get(word, ())

    def having_part(self, part: bytes) -> set[str]:
        """The files in which a word stands that has `part` in it."""
        found: set[str] = set()
        if not _WORD.fullmatch(part):
            return found
        at = self._all.find(part)
        while at >= 0:
            start, end = self._all.rfind(b"\n", 0, at) + 1, self._all.find(b"\n", at)
            found.update(self._files[self._all[start:end]])
            at = self._all.find(part, end)
        return found


def has_trace(data: bytes) -> bool:
    """Whether a file's bytes may hold anything of Celery's."""
    lowered = data.lower()
    for trace in _TRACES:
        if trace in lowered:
            return True
    return b"task" in lowered and _TASK_TRACE.search(lowered) is not None


class Project:
    """The files under one root, and the modules that they are."""

    def __init__(
        self,
        root: Path,
        files: Iterable[str],
        source_roots: Sequence[str] = (),
        overrides: Mapping[str, bytes] | None = None,
    ) -> None:
        self.root = root
        self._prefix = os.path.join(root, "")
        self.inputs = Inputs()
        self.selected: dict[tuple[str, str], Sequence[str]] = {}
        """The answers of `mentioning` and its kin so far, by selection and text."""
        self.overrides = dict(overrides or {})
        self.files = frozenset(files) | frozenset(self.overrides)
        self.declared_roots = tuple(r.strip("/").removeprefix("./") for r in source_roots)
        self._modules: dict[str, Module | UnreadableError] = {}
        self._data: dict[str, bytes] = {}
        self._room = MAX_KEPT

    # Files

    def add(self, filename: str) -> None:
        """Let a file in that the walk did not bring: one that was named explicitly."""
        self.files |= {filename}
        for name in ("_traced", "_mentions", "_mentions_in_tests", "_definitions", "layout"):
            self.__dict__.pop(name, None)
        self.selected.clear()

    def probe(self, filename: str) -> None:
        """Make sure that a file without a trace of Celery is Python at all. Raises UnreadableError."""
        self.inputs.note("content", filename)
        try:
            Source(filename, self._read(filename)).tree  # noqa: B018
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror or error}") from None

    def read(self, filename: str) -> bytes:
        """A file's bytes; none when it cannot be read."""
        self.inputs.note("content", filename)
        return self._bytes(filename)

    def _read(self, filename: str) -> bytes:
        data = self.overrides.get(filename)
        if data is None:
            with open(f"{self._prefix}{filename}", "rb") as file:
                data = file.read()
        return data

    def _bytes(self, filename: str) -> bytes:
        data = self._data.get(filename)
        if data is None:
            try:
                data = self._read(filename)
            except OSError:
                data = b""
            # Tests are read again only if something is asked of their text, which is seldom.
            if self._room > 0 and not is_test_file(filename):
                self._room -= len(data)
                self._data[filename] = data
        return data

    def content(self, filename: str) -> bytes:
        """A file's bytes, for whoever rests no answer on them; none when it cannot be read."""
        return self._bytes(filename)

    def restore(self, traced: frozenset[str], is_small: bool) -> None:
        """Let in what an earlier run found out of all files."""
        self.__dict__["_traced"] = traced
        self.__dict__["is_small"] = is_small

    @property
    def traced(self) -> frozenset[str]:
        """The files with any trace of Celery."""
        self.inputs.note("traced")
        return self._traced

    @cached_property
    def _traced(self) -> frozenset[str]:
        return frozenset(name for name in self.files if has_trace(self._bytes(name)))

    @cached_property
    def is_small(self) -> bool:
        """Whether all files together are few enough to be parsed, those without a trace of Celery too."""
        size = 0
        for name in self.files:
            size += len(self._bytes(name))
            if size > SMALL:
                return False
        return True

    # Files by what stands in them

    @cached_property
    def _mentions(self) -> _Words:
        """The files, tests left out, in which each name is mentioned."""
        return _Words((name, self._bytes(name)) for name in sorted(self.files) if not is_test_file(name))

    @cached_property
    def _mentions_in_tests(self) -> _Words:
        return _Words((name, self._bytes(name)) for name in sorted(self.files) if is_test_file(name))

    @cached_property
    def _definitions(self) -> Mapping[Selection, Mapping[bytes, Sequence[str]]]:
        """The files, tests left out, that define each name, by the selections that ask for definitions."""
        functions: defaultdict[bytes, list[str]] = defaultdict(list)
        nested: defaultdict[bytes, list[str]] = defaultdict(list)
        classes: defaultdict[bytes, list[str]] = defaultdict(list)
        for filename in sorted(name for name in self.files if not is_test_file(name)):
            content = Content(filename, self._bytes(filename))
            for name, is_nested in content.functions.items():
                functions[name].append(filename)
                if is_nested:
                    nested[name].append(filename)
            for name in content.classes:
                classes[name].append(filename)
        return {Selection.FUNCTION: functions, Selection.NESTED: nested, Selection.CLASS: classes}

    def mentioning(self, word: str) -> Sequence[str]:
        """The files, tests left out, that mention a name."""
        return self._select(Selection.MENTION, word)

    def mentioning_anywhere(self, word: str) -> Sequence[str]:
        """The files, tests too, that mention a name."""
        return self._select(Selection.ANYWHERE, word)

    def mentioning_part(self, part: str) -> Sequence[str]:
        """The files, tests left out, that mention a name with `part` in it."""
        return self._select(Selection.PART, part)

    def holding(self, text: str) -> Sequence[str]:
        """The files with a trace of Celery in which a text stands."""
        return self._select(Selection.TEXT, text)

    def containing(self, text: str) -> Sequence[str]:
        """The files, tests left out, in which a text stands."""
        return self._select(Selection.PLAIN, text)

    def defining(self, name: str, nested: bool = False) -> Sequence[str]:
        """The files, tests left out, that define a function of a name; found without parsing.

        With `nested`, only methods and nested functions count.
        """
        return self._select(Selection.NESTED if nested else Selection.FUNCTION, name)

    def defining_class(self, name: str) -> Sequence[str]:
        """The files, tests left out, that have a class of a name."""
        return self._select(Selection.CLASS, name)

    def assigning(self, name: str) -> Sequence[str]:
        """The files, tests left out, that set a variable of a name."""
        return self._select(Selection.ASSIGNED, name)

    def _select(self, selection: Selection, text: str) -> Sequence[str]:
        self.inputs.note("files", selection.value, text)
        key = (selection.value, text)
        found = self.selected.get(key)
        if found is None:
            found = self.selected[key] = self._search(selection, text.encode())
        return found

    def _search(self, selection: Selection, text: bytes) -> Sequence[str]:
        if selection is Selection.MENTION:
            return self._mentions.having(text)
        if selection is Selection.ANYWHERE:
            return sorted([*self._mentions.having(text), *self._mentions_in_tests.having(text)])
        if selection is Selection.PART:
            return sorted(self._mentions.having_part(text))
        if selection is Selection.TEXT:
            return sorted(name for name in self._may_hold(text, self._traced) if text in self._bytes(name))
        if selection is Selection.PLAIN:
            files = self._may_hold(text, self.files)
            return sorted(name for name in files if not is_test_file(name) and text in self._bytes(name))
        if selection is Selection.ASSIGNED:
            return [name for name in self._mentions.having(text) if Content(name, self._bytes(name)).assigns(text)]
        return self._definitions[selection].get(text, ())

    def _may_hold(self, text: bytes, files: Collection[str]) -> Collection[str]:
        """Those of the files that may hold a text, as far as the indices of words tell that are there already."""
        indices: list[_Words] = [
            self.__dict__[name] for name in ("_mentions", "_mentions_in_tests") if name in self.__dict__
        ]
        words = [*_WORD.finditer(text)]
        if not words or "_mentions" not in self.__dict__:
            return files
        longest = max(words, key=lambda word: word.end() - word.start())
        is_whole = longest.start() > 0 and longest.end() < len(text)
        found: set[str] = set()
        for index in indices:
            found.update(index.having(longest[0]) if is_whole else index.having_part(longest[0]))
        return {name for name in files if name in found or (len(indices) == 1 and is_test_file(name))}

    def expect_many_questions(self) -> None:
        """Index now what copies of this process are to start with."""
        self._mentions  # noqa: B018
        self._mentions_in_tests  # noqa: B018
        self._definitions  # noqa: B018

    # Modules

    @cached_property
    def layout(self) -> Layout:
        """What follows from the list of files alone."""
        return Layout(self.files, self.declared_roots)

    def find_module(self, name: str, importer: str = "") -> str | None:
        """The file of a module by its absolute name, seen from the file `importer`.

        In a repository of several projects the nearest one answers first.
        """
        if not name:
            return None
        self.inputs.note("module", name)
        return self.layout.find(name, importer.rpartition("/")[0])

    def is_own_package(self, name: str, importer: str = "") -> bool:
        """Whether the top-level package of a dotted name lies in the project."""
        top = name.partition(".")[0]
        if self.find_module(top, importer) is not None:
            return True
        self.inputs.note("folder", top)
        return self.layout.has_folder(top)

    def module(self, filename: str) -> Module:
        """A file's module. Raises UnreadableError."""
        self.inputs.note("content", filename)
        known = self._modules.get(filename)
        if known is None:
            try:
                source = Source(filename, self._data.get(filename) or self._read(filename))
                known = Module(self.layout.module_name(filename), source, at_once=self.is_small)
            except UnreadableError as error:
                known = error
            except OSError as error:
                known = UnreadableError(f"cannot be read: {error.strerror or error}")
            except RecursionError:
                known = UnreadableError("the code is nested too deeply to be analysed")
            self._modules[filename] = known
        if isinstance(known, UnreadableError):
            raise known
        return known

    @property
    def opened(self) -> list[Module]:
        """The modules that were parsed so far."""
        return [known for known in self._modules.values() if isinstance(known, Module)]

    def module_or_none(self, filename: str | None) -> Module | None:
        """A file's module, or None when there is none or it can't be read."""
        if filename is None:
            return None
        try:
            return self.module(filename)
        except UnreadableError:
            return None

    def import_module(self, name: str, importer: str = "") -> Module | None:
        """A module by its absolute name, or None when the project has none of that name."""
        return self.module_or_none(self.find_module(name, importer))


@cache
def is_test_file(filename: str) -> bool:
    """Whether a file's place says that it belongs to tests."""
    return _TEST_FILE.search(filename) is not None
