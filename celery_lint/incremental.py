"""Between an engine and the cache: which answers still hold, and what to keep of a run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from celery_lint.cache import FileState, Snapshot, digest_of
from celery_lint.codec import decode_findings, encode
from celery_lint.engine import Engine
from celery_lint.project.index import SMALL, has_trace, selects
from celery_lint.project.inputs import FOUND, SENDERS, TASKS
from celery_lint.source import words_of
from celery_lint.workers import share_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MANY_CHANGED = 300
"""With more changed files than this, to start afresh is no slower."""
NAMES = (TASKS, SENDERS)


def restore(engine: Engine, snapshot: Snapshot, changed: Mapping[str, bytes]) -> bool:
    """Gives a new engine those answers of a snapshot that hold although files changed; whether that was possible.

    `changed` has the content of each file that is not as it was. Raises codec.DecodeError.
    """
    if len(changed) > MANY_CHANGED or not snapshot.files.keys() >= changed.keys():
        return False
    project = engine.project
    sizes = sum(state.size for state in snapshot.files.values())
    now = sizes + sum(len(data) - snapshot.files[name].size for name, data in changed.items())
    if (sizes <= SMALL) != (now <= SMALL):
        return False
    bits = project.inputs.number(snapshot.inputs)
    stale = sum(bits.get(("content", name), 0) for name in changed)
    traced = {name for name, state in snapshot.files.items() if state.traced}
    as_it_was = frozenset(traced)
    for name, data in changed.items():
        (traced.add if has_trace(data) else traced.discard)(name)
    if traced != as_it_was:
        stale |= bits.get(("traced",), 0)
    project.restore(frozenset(traced), now <= SMALL)
    texts = [(name, data, words_of(data)) for name, data in changed.items()]
    for (selection, text), known in snapshot.selected.items():
        found: Sequence[str] = known
        for name, data, words in texts:
            was = name in known
            if was is not selects(selection, text, name, data, words):
                stale |= bits.get(("files", selection, text), 0)
                found = [other for other in found if other != name] if was else sorted([*found, name])
        project.selected[selection, text] = found
    stale = _with_shared(engine, snapshot, bits, stale)
    _put(engine, snapshot, NAMES, stale)
    _put(engine, snapshot, (FOUND,), stale)
    return True


def _with_shared(engine: Engine, snapshot: Snapshot, bits: Mapping[tuple[str, ...], int], stale: int) -> int:
    """The stale inputs, with the shared answers among them that came out otherwise this time."""
    own = {name: bits.get(("shared", name), 0) for name in snapshot.shared}
    suspect: dict[str, None] = {}
    doubtful = stale
    while True:
        more = [n for n, (_, inputs) in snapshot.shared.items() if n not in suspect and inputs & doubtful]
        if not more:
            break
        suspect.update(dict.fromkeys(more))
        doubtful |= sum(own[name] for name in more)
    _put(engine, snapshot, NAMES, doubtful)
    for name in suspect:
        if _digest(engine.semantics.shared_answer(name)) != snapshot.shared[name][0]:
            stale |= own[name]
    return stale


def _put(engine: Engine, snapshot: Snapshot, kinds: Sequence[str], stale: int) -> None:
    for kind in kinds:
        for name, (value, inputs) in snapshot.answers.get(kind, {}).items():
            if not inputs & stale:
                engine.memo.put((kind, name), _DECODERS[kind](value), inputs)


def capture(engine: Engine, states: Mapping[str, tuple[int, int]], taken: int, before: Snapshot | None) -> Snapshot:
    """What to keep of a run.

    `states` are the files' dates and sizes from before they were read, at the time `taken`;
    `before` is what the engine was given by `restore`.
    """
    project, memo = engine.project, engine.memo
    unnamed = engine.semantics.candidates.made_by_calls if project.traced else ()
    files = {}
    for name, (modified, size) in states.items():
        files[name] = FileState(modified, size, digest_of(project.content(name)), name in project.traced)
    shared = dict(before.shared) if before is not None else {}
    shared.update((str(name), (_digest(value), inputs)) for name, value, inputs in memo.kept("shared"))
    answers: dict[str, dict[str, tuple[Any, int]]] = {}
    for kind in (*NAMES, FOUND):
        answers[kind] = {
            str(name): (_ENCODERS[kind](value), inputs)
            for name, value, inputs in memo.kept(kind)
            if kind == FOUND or name not in unnamed
        }
    return Snapshot(taken, files, project.inputs.texts(), dict(project.selected), shared, answers)


PIECE = 8
"""How many files one process takes at a time: those of one folder have much in common."""
MOST_PIECES = 32
"""After how many a process ends and a new one goes on, so that what was read does not fill the memory."""


def check_with_others(engine: Engine, filenames: Sequence[str], jobs: int) -> None:
    """Finds the findings of files in several processes; those that one fails on are left open."""
    engine.semantics.find_shared_answers()
    project, memo = engine.project, engine.memo
    known = len(project.inputs.keys)
    selected = set(project.selected)
    pieces = [filenames[start : start + PIECE] for start in range(0, len(filenames), PIECE)]

    def work(numbers: Iterator[int]) -> bytes:
        found = []
        for number in numbers:
            for name in pieces[number]:
                with contextlib.suppress(Exception):  # it will come up again where it can be told of
                    found.append((name, engine.check(name)))
        inputs = {name: f"{each:x}" for name, _, each in memo.kept(FOUND)}
        answer = {
            "found": [[name, [encode(f) for f in each], inputs[name]] for name, each in found if name in inputs],
            "later": project.inputs.keys[known:],
            "selected": [[*key, list(value)] for key, value in project.selected.items() if key not in selected],
        }
        return json.dumps(answer).encode("utf-8", "surrogatepass")

    for data in share_out(len(pieces), jobs, work, MOST_PIECES):
        answer = json.loads(data)
        later = [tuple(key) for key in answer["later"]]
        for selection, text, names in answer["selected"]:
            project.selected.setdefault((selection, text), names)
        for name, value, inputs in answer["found"]:
            memo.put((FOUND, name), decode_findings(value), project.inputs.translated(int(inputs, 16), known, later))


def _digest(value: Any) -> str:
    if isinstance(value, Mapping):
        value = sorted((str(key), tuple(each)) for key, each in value.items())
    return digest_of(repr(sorted(value)).encode("utf-8", "surrogatepass"))


_DECODERS: dict[str, Callable[[Any], Any]] = {TASKS: tuple, SENDERS: tuple, FOUND: decode_findings}
_ENCODERS: dict[str, Callable[[Any], Any]] = {
    TASKS: list,
    SENDERS: list,
    FOUND: lambda value: [encode(each) for each in value],
}
