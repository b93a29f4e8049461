"""Between an engine and the cache: which answers still hold, and what to keep of a run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from celery_lint.cache import Changes, FileState, Snapshot, digest_of
from celery_lint.codec import decode_findings, encode
from celery_lint.engine import Engine
from celery_lint.project.index import SMALL, Content, has_trace
from celery_lint.project.inputs import CANDIDATE, CANDIDATES, FOUND, SENDERS, TASKS, Inputs, numbers_of, set_of
from celery_lint.project.layout import Layout, Move
from celery_lint.workers import share_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MANY_CHANGED = 300
"""With more changed files than this, to start afresh is no slower."""
NAMES = (TASKS, SENDERS)


def restore(engine: Engine, snapshot: Snapshot, changes: Changes) -> bool:
    """Gives a new engine those answers of a snapshot that hold although files changed; whether that was possible.

    The states of the files in the snapshot are those of now afterwards. Raises codec.DecodeError.
    """
    if len(changes.contents) + len(changes.gone) > MANY_CHANGED:
        return False
    project = engine.project
    was_small = sum(state.size for state in snapshot.files.values()) <= SMALL
    was_traced = frozenset(name for name, state in snapshot.files.items() if state.traced)
    old_files = frozenset(snapshot.files)
    _bring_up_to_date(snapshot, changes)
    is_small = sum(state.size for state in snapshot.files.values()) <= SMALL
    traced = frozenset(name for name, state in snapshot.files.items() if state.traced)
    if was_small is not is_small or bool(was_traced) is not bool(traced):
        return False
    inputs = project.inputs
    inputs.number(snapshot.inputs)
    project.restore(traced, is_small)
    stale = 0
    for name in (*changes.contents, *changes.gone):
        stale |= inputs.only("content", name)
    if traced != was_traced:
        stale |= inputs.only("traced")
    if old_files != project.files:
        stale |= _moved(Move(Layout(old_files, project.declared_roots), project.layout), inputs)
    stale |= _selected_anew(engine, snapshot, changes)
    stale = _with_shared(engine, snapshot, stale)
    _put(engine, snapshot, NAMES, stale)
    _put(engine, snapshot, (FOUND,), stale, without=_candidates_anew(engine, snapshot, stale))
    return True


def _candidates_anew(engine: Engine, snapshot: Snapshot, stale: int) -> set[str]:
    """The files in which rules looked for something and would not now, or the other way round."""
    known = engine.project.inputs.only("shared", CANDIDATES)
    if not engine.project.traced or (CANDIDATES in snapshot.shared and known and not known & stale):
        return set()
    is_candidate = engine.project.inputs.only(CANDIDATE)
    candidates = engine.semantics.candidates.files
    return {
        name
        for name, (_, inputs) in snapshot.answers.get(FOUND, {}).items()
        if bool(inputs & is_candidate) is not (name in candidates)
    }


def _bring_up_to_date(snapshot: Snapshot, changes: Changes) -> None:
    for name in changes.gone:
        del snapshot.files[name]
    for name, data in changes.contents.items():
        state = changes.states.get(name)
        snapshot.files[name] = (
            FileState(0, 0, len(data), digest_of(data), has_trace(data))
            if state is None  # content in the place of a file's, which is not kept
            else replace(state, traced=has_trace(data))
        )


def _moved(move: Move, inputs: Inputs) -> int:
    """The inputs that changed because files came or went, whatever is in them."""
    stale = []
    for number, key in enumerate(inputs.keys):
        if key[0] == "module":
            is_other = move.may_mean_another(key[1])
        elif key[0] == "folder":
            is_other = move.has_other_folder(key[1])
        else:
            is_other = key[0] == "content" and move.is_renamed(key[1])
        if is_other:
            stale.append(number)
    return set_of(stale)


def _selected_anew(engine: Engine, snapshot: Snapshot, changes: Changes) -> int:
    """The selections that find other files than before; what they all find now is known to the engine afterwards."""
    stale = 0
    gone = frozenset(changes.gone)
    contents = {name: Content(name, data) for name, data in changes.contents.items()}
    for (selection, text), known in snapshot.selected.items():
        found: Sequence[str] = known
        if gone and not gone.isdisjoint(known):
            found = [name for name in known if name not in gone]
        for name, content in contents.items():
            was = name in known
            if was is not content.is_selected(selection, text):
                found = [other for other in found if other != name] if was else sorted([*found, name])
        if found is not known:
            stale |= engine.project.inputs.only("files", selection, text)
        engine.project.selected[selection, text] = found
    return stale


def _with_shared(engine: Engine, snapshot: Snapshot, stale: int) -> int:
    """The stale inputs, with the shared answers among them that came out otherwise this time."""
    own = {name: engine.project.inputs.only("shared", name) for name in snapshot.shared}
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


def _put(
    engine: Engine, snapshot: Snapshot, kinds: Sequence[str], stale: int, without: Collection[str] = frozenset()
) -> None:
    files = engine.project.files
    for kind in kinds:
        for name, (value, inputs) in snapshot.answers.get(kind, {}).items():
            if not inputs & stale and name in files and name not in without:
                engine.memo.put((kind, name), _DECODERS[kind](value), inputs)


def capture(engine: Engine, states: Mapping[str, FileState], taken: int, before: Snapshot | None) -> Snapshot:
    """What to keep of a run.

    `states` are the files' as they were before anyone read them, at the time `taken`;
    `before` is what the engine was given by `restore`.
    """
    project, memo = engine.project, engine.memo
    unnamed = engine.semantics.candidates.made_by_calls if project.traced else ()
    for name, state in states.items():
        if not state.digest:
            state.digest, state.traced = digest_of(project.content(name)), name in project.traced
    shared = dict(before.shared) if before is not None else {}
    shared.update((str(name), (_digest(value), inputs)) for name, value, inputs in memo.kept("shared"))
    answers: dict[str, dict[str, tuple[Any, int]]] = {}
    for kind in (*NAMES, FOUND):
        answers[kind] = {
            str(name): (_ENCODERS[kind](value), inputs)
            for name, value, inputs in memo.kept(kind)
            if kind == FOUND or name not in unnamed
        }
    return Snapshot(taken, dict(states), project.inputs.texts(), dict(project.selected), shared, answers)


PIECE = 8
"""How many files one process takes at a time: those of one folder have much in common."""
MOST_PIECES = 32
"""After how many a process ends and a new one goes on, so that what was read does not fill the memory."""
MANY_ROUNDS = 4
"""If processes follow each other more often than this, one file in so many is looked into before they start."""
SAMPLE = 100
"""What was found out about the files that many others lead to is known to every process then."""


def check_with_others(engine: Engine, filenames: Sequence[str], jobs: int) -> None:
    """Finds the findings of files in several processes; those that one fails on are left open."""
    engine.project.expect_many_questions()
    engine.semantics.find_shared_answers()
    project, memo = engine.project, engine.memo
    if len(filenames) > MANY_ROUNDS * jobs * PIECE * MOST_PIECES:
        for name in filenames[::SAMPLE]:
            with contextlib.suppress(Exception):
                engine.check(name)
    known = len(project.inputs.keys)
    selected = set(project.selected)
    pieces = [filenames[start : start + PIECE] for start in range(0, len(filenames), PIECE)]

    def work(numbers: Iterator[int]) -> bytes:
        found = []
        for number in numbers:
            for name in pieces[number]:
                with contextlib.suppress(Exception):  # it will come up again where it can be told of
                    found.append((name, engine.check(name)))
        inputs = {name: numbers_of(each) for name, _, each in memo.kept(FOUND)}
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
            memo.put((FOUND, name), decode_findings(value), project.inputs.translated(inputs, known, later))


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
