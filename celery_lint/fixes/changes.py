"""Each kind of change, as splices of a file's text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

import libcst as cst

from celery_lint.findings import (
    AddArguments,
    AddItems,
    AddParameter,
    Change,
    DeferToCommit,
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
from celery_lint.fixes import lists
from celery_lint.fixes.bridge import FORMATTED, Bridge, descendants, sole_generator
from celery_lint.fixes.imports import FileImports
from celery_lint.fixes.text import NotExact, Splice, parse, splice
from celery_lint.source import NEWLINE, UnreadableError

TRANSACTION = Import("django.db", "transaction")
ON_COMMIT = Import("django.db.transaction", "on_commit")
PARTIAL = Import("functools", "partial")

_LAST_LINE = re.compile(r"(?:\r\n|\r|\n)[ \t\f]*\Z")
_STRING = re.compile(r"""(?<!["'\w\\])"([^"'\\\n]*)"(?!["'])""")
_PLACEHOLDER = re.compile(r"\$([A-Za-z_]\w*)")

# What needs no parentheses anywhere, and where nothing but a comma could end an expression.
_ATOMS = (
    cst.Name,
    cst.Attribute,
    cst.Call,
    cst.Subscript,
    cst.List,
    cst.Dict,
    cst.Set,
    cst.ListComp,
    cst.SetComp,
    cst.DictComp,
    cst.SimpleString,
    cst.FormattedString,
)
_ROOMY = (cst.Arg, cst.Element, cst.DictElement, cst.Assign, cst.AnnAssign, cst.Return, cst.Expr, cst.Param)
_NEVER_BARE = (cst.Tuple, cst.GeneratorExp, cst.NamedExpr, cst.Yield)


def splice_for(change: Change, bridge: Bridge, imports: FileImports) -> Splice:
    """The edit that makes `change`; the imports it needs are asked for from `imports`.

    It covers the whole node that it changes, so that changes which depend on
    each other overlap. Raises NotExact where it cannot be made exactly.
    """
    if isinstance(change, Replace):
        return _replace(change, bridge, imports)
    if isinstance(change, DeferToCommit):
        return _defer(change, bridge, imports)
    if isinstance(change, AddArguments):
        return _add_arguments(change, bridge, imports)
    if isinstance(change, RemoveArguments):
        return _remove_arguments(change, bridge)
    if isinstance(change, RenameKeyword):
        return _rename_keyword(change, bridge)
    if isinstance(change, MoveOptions):
        return _move_options(change, bridge)
    if isinstance(change, NameArgument):
        return _name_argument(change, bridge)
    if isinstance(change, AddParameter):
        return _add_parameter(change, bridge)
    if isinstance(change, RaiseDecorator):
        return _raise_decorator(change, bridge)
    if isinstance(change, AddItems):
        return _add_items(change, bridge)
    if isinstance(change, ReraiseFirst):
        return _reraise_first(change, bridge, imports)
    if isinstance(change, RaiseResult):
        return _raise_result(change, bridge)
    if isinstance(change, PutStatement):
        return _put_statement(change, bridge, imports)
    return _substitute(change, bridge)


def _filled(code: str, needs: Iterable[Import], use: cst.CSTNode, imports: FileImports) -> str:
    """`code` with what the file calls the imports in the place of their `$name`."""
    by_placeholder = {need.placeholder: need for need in needs}

    def local(found: re.Match[str]) -> str:
        need = by_placeholder.get(found[1])
        if need is None:
            raise NotExact(f"the fix names no import for {found[0]}")
        return imports.name(need, use)

    return _PLACEHOLDER.sub(local, code)


def _quoted(code: str, bridge: Bridge) -> str:
    """New code with its strings quoted as those of the file."""
    if bridge.quote == '"':
        return code
    quoted = _STRING.sub(r"'\1'", code)
    try:
        tree = parse(code.encode())
        is_same = ast.dump(parse(quoted.encode())) == ast.dump(tree)
    except UnreadableError:
        return code
    # Older versions of Python allow an f-string's own quotes nowhere inside of it.
    has_formatted = any(isinstance(node, ast.JoinedStr) for node in ast.walk(tree))
    return quoted if is_same and not has_formatted else code


# Replace


def _replace(change: Replace, bridge: Bridge, imports: FileImports) -> Splice:
    node = bridge.expression_at(change.place.span)
    code = _quoted(_filled(change.code, change.imports, node, imports), bridge)
    if isinstance(node, cst.Param):
        start, end = _parameter(node, bridge)
        return Splice(start, end, code.replace("{}", bridge.code((start, end))))

    inner = bridge.span(node)
    region = bridge.core(node)
    levels = len(node.lpar) - (region != inner)  # of the parentheses that stay round the region
    if "{}" in code:
        text = bridge.code(inner)
        beside = [*bridge.comments_in(region[0], inner[0]), *bridge.comments_in(inner[1], region[1])]
        if beside or not _keeps_meaning(code, text):
            text = f"({text})"
            if node.lpar:
                region = bridge.span(node.lpar[-1])[0], bridge.span(node.rpar[0])[1]
                levels = len(node.lpar) - 1
                text = bridge.code(region)
        code = code.replace("{}", text)
    if levels and region == inner and _brings_parentheses(code):
        round_it = bridge.span(node.lpar[-1])[0], bridge.span(node.rpar[0])[1]
        if not bridge.comments_in(*round_it):
            region = round_it
    elif not levels and _needs_parentheses(code, node, bridge):
        code = f"({code})"
    return Splice(*region, code)


def _brings_parentheses(code: str) -> bool:
    """Whether the replacement is a tuple in parentheses, which needs none round it."""
    try:
        new = cst.parse_expression(code)
    except (cst.ParserSyntaxError, cst.CSTValidationError):
        return False
    return isinstance(new, cst.Tuple) and bool(new.lpar)


def _parameter(node: cst.Param, bridge: Bridge) -> tuple[int, int]:
    """A parameter with its annotation, without its default."""
    end = bridge.outer(node.annotation.annotation) if node.annotation else bridge.span(node.name)
    return bridge.span(node.name)[0], end[1]


def _keeps_meaning(code: str, text: str) -> bool:
    """Whether `text` needs no parentheses in the place of `{}`."""
    bare, safe = (_dump(code.replace("{}", filling)) for filling in (text, f"({text})"))
    if safe is None:
        raise NotExact("the replacement does not parse")
    return bare == safe


def _dump(code: str) -> str | None:
    try:
        return ast.dump(parse(f"(\n{code}\n)".encode()))
    except (UnreadableError, RecursionError):
        return None


def _needs_parentheses(code: str, node: cst.BaseExpression, bridge: Bridge) -> bool:
    """Whether `code` must be in parentheses in the place of `node`."""
    try:
        new = cst.parse_expression(f"(\n{code}\n)")
    except (cst.ParserSyntaxError, cst.CSTValidationError) as error:
        raise NotExact("the replacement does not parse") from error
    if len(new.lpar) > 1:
        return False
    parent = bridge.parent(node)
    if isinstance(new, _NEVER_BARE):
        is_sole = isinstance(parent, cst.Arg) and isinstance(new, cst.GeneratorExp)
        return not (is_sole and isinstance(node, cst.GeneratorExp) and not node.lpar)
    return not isinstance(new, _ATOMS) and not isinstance(parent, _ROOMY)


# DeferToCommit


def _defer(change: DeferToCommit, bridge: Bridge, imports: FileImports) -> Splice:
    call = bridge.expression_at(change.place.span)
    if not isinstance(call, cst.Call):
        raise NotExact("no call stands at the place")
    if not _is_value_unused(call, bridge):
        raise NotExact("the result of the call is used")
    start, end = bridge.span(call)
    if change.method is not None:
        if not isinstance(call.func, cst.Attribute):
            raise NotExact("the call has no method to rename")
        name = bridge.span(call.func.attr)
        return Splice(start, end, bridge.text[start : name[0]] + change.method + bridge.text[name[1] : end])

    opening = bridge.opening(call)
    function = change.function.replace("{}", bridge.code((start, bridge.outer(call.func)[1])))
    if bridge.comments_in(bridge.outer(call.func)[1], opening):
        raise NotExact("a comment stands between the function and its arguments")
    on_commit = _on_commit(call, imports)
    options = f", using={change.using}" if change.using is not None else ""
    options += ", robust=True" if change.is_robust else ""
    if not call.args:
        inside = bridge.code((opening + 1, end - 1)) if bridge.comments_in(opening, end) else ""
        return Splice(start, end, f"{on_commit}({function}{options}{inside})")

    head = f"{on_commit}({imports.name(PARTIAL, call)}("
    first = bridge.source.after_trivia(opening + 1)
    leading = bridge.code((opening + 1, first))
    last_line = _LAST_LINE.search(leading)
    generator = sole_generator(call)
    if generator is not None:
        middle = bridge.span(generator)[1]
        arguments = f"({bridge.code((first, middle))}){bridge.code((middle, end - 1))}"
    elif last_line is None and not NEWLINE.search(function):
        arguments = _realigned(call, (first, end - 1), len(head) - (opening + 1 - start), bridge)
    else:
        arguments = bridge.code((first, end - 1))
    separator = last_line[0] if last_line else " "
    return Splice(start, end, f"{head}{leading}{function},{separator}{arguments}){options})")


def _realigned(call: cst.Call, region: tuple[int, int], shift: int, bridge: Bridge) -> str:
    """Arguments that are aligned with the first of them, moved with it to the right or left.

    Arguments in any other style, and the lines inside of strings, stay.
    """
    source, text = bridge.source, bridge.code(region)
    column = region[0] - source.line_start(region[0])
    strings = [
        bridge.span(node)
        for argument in call.args
        for node in descendants(argument)
        if isinstance(node, (cst.SimpleString, *FORMATTED))
    ]
    splices = []
    for newline in NEWLINE.finditer(text):
        line = region[0] + newline.end()
        if any(start < line < end for start, end in strings) or line >= region[1]:
            continue
        indentation = bridge.text[line : source.after_spaces(line)]
        if source.after_spaces(line) in (region[1], source.line_end(line)):
            continue  # the line of the closing parenthesis, or a blank one
        if len(indentation) < column or indentation.strip(" "):
            return text
        moved = " " * (len(indentation) + shift)
        splices.append(Splice(newline.end(), newline.end() + len(indentation), moved))
    return splice(text, splices)


def _on_commit(call: cst.Call, imports: FileImports) -> str:
    """How the file calls `transaction.on_commit`."""
    for need, code in ((TRANSACTION, "{}.on_commit"), (ON_COMMIT, "{}")):
        found = imports.existing(need, call)
        if found is not None:
            return code.format(found)
    return f"{imports.name(TRANSACTION, call)}.on_commit"


def _is_value_unused(call: cst.Call, bridge: Bridge) -> bool:
    """Whether nothing uses the call's value, but perhaps what calls the lambda round it."""
    for child, parent in bridge.path(call):
        if isinstance(parent, cst.Expr):
            return True
        if isinstance(parent, cst.Lambda):
            return parent.body is child
        if isinstance(parent, cst.BooleanOperation):
            if parent.right is not child:
                return False
        elif isinstance(parent, cst.IfExp):
            if parent.test is child:
                return False
        elif not isinstance(parent, cst.ListComp) or parent.elt is not child:
            return False
    return False


# AddArguments


def _add_arguments(change: AddArguments, bridge: Bridge, imports: FileImports) -> Splice:
    node = bridge.expression_at(change.place.span)
    new = {name: _quoted(_filled(code, change.imports, node, imports), bridge) for name, code in change.arguments}
    if not isinstance(node, cst.Call):
        if isinstance(node, cst.Param) or not isinstance(bridge.parent(node), cst.Decorator):
            raise NotExact("neither a call nor a decorator stands at the place")
        start, end = bridge.outer(node)
        arguments = ", ".join(f"{name}={code}" for name, code in new.items())
        return Splice(start, end, f"{bridge.code((start, end))}({arguments})")

    start, end = bridge.span(node)
    splices = []
    for argument in node.args:
        if argument.keyword and argument.keyword.value in new:
            splices.append(Splice(*bridge.outer(argument.value), new.pop(argument.keyword.value)))
    added = [f"{name}={code}" for name, code in new.items()]
    if added and not node.args:
        opening = bridge.opening(node)
        splices.append(Splice(opening + 1, opening + 1, ", ".join(added)))
    elif added:
        if sole_generator(node) is not None:
            raise NotExact("a generator without parentheses takes no argument beside it")
        splices.append(lists.append(bridge.source, bridge.span(node.args[-1]), added, in_brackets=True))
    return Splice(start, end, splice(bridge.text[:end], splices)[start:])


# RemoveArguments


def _remove_arguments(change: RemoveArguments, bridge: Bridge) -> Splice:
    call = bridge.expression_at(change.place.span)
    if not isinstance(call, cst.Call):
        raise NotExact("no call stands at the place")
    start, end = bridge.span(call)
    spans = [bridge.span(argument) for argument in call.args]
    is_unwanted = [a.keyword is not None and a.keyword.value in change.names for a in call.args]
    if sum(is_unwanted) != len(change.names):
        raise NotExact("the call has no such argument")
    splices = []
    kept = [index for index, unwanted in enumerate(is_unwanted) if not unwanted]
    for index, unwanted in enumerate(is_unwanted):
        if not unwanted:
            continue
        # Up to the next argument; of the last ones, from the end of the one that stays before them.
        if any(other > index for other in kept):
            region = spans[index][0], spans[index + 1][0]
        else:
            before = spans[index - 1][1] if index else bridge.opening(call) + 1
            region = before, spans[index][1]
        if bridge.comments_in(*region):
            raise NotExact("a comment stands beside the argument")
        splices.append(Splice(*region, ""))
    if not kept:  # a comma may stand behind the last
        splices = [Splice(bridge.opening(call) + 1, end - 1, "")]
        if bridge.comments_in(bridge.opening(call), end):
            raise NotExact("a comment stands beside the argument")
    return Splice(start, end, splice(bridge.text[:end], splices)[start:])


# RenameKeyword


def _rename_keyword(change: RenameKeyword, bridge: Bridge) -> Splice:
    argument = bridge.parent(bridge.expression_at(change.place.span))
    if not isinstance(argument, cst.Arg) or argument.keyword is None:
        raise NotExact("no keyword argument stands at the place")
    return Splice(*bridge.span(argument.keyword), change.name)


# MoveOptions


def _move_options(change: MoveOptions, bridge: Bridge) -> Splice:
    call = bridge.expression_at(change.place.span)
    if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute):
        raise NotExact("no call of a method stands at the place")
    if any(argument.star for argument in call.args):
        raise NotExact("spread arguments may hold options")
    kinds = [
        "positional"
        if argument.keyword is None
        else "option"
        if argument.keyword.value in change.options
        else "keyword"
        for argument in call.args
    ]
    start, end = bridge.span(call)
    splices = _set_apart(call, kinds, bridge) if change.method == "set" else _packed(call, kinds, bridge)
    if change.method != "set":
        splices.insert(0, Splice(*bridge.span(call.func.attr), change.method))
    return Splice(start, end, splice(bridge.text[:end], splices)[start:])


def _set_apart(call: cst.Call, kinds: list[str], bridge: Bridge) -> list[Splice]:
    """The options, which come last, in a call of `set` of their own."""
    first = kinds.index("option")
    if set(kinds[first:]) != {"option"}:
        raise NotExact("an argument of the task stands behind an option")
    beginning = bridge.opening(call) + 1 if first == 0 else _stretch(call.args[first - 1], bridge)[1]
    until = _stretch(call.args[first], bridge)[0]
    if bridge.comments_in(beginning, until):
        raise NotExact("a comment stands before the option")
    layout = bridge.code((beginning, until)).lstrip(",").lstrip(" ")
    return [Splice(beginning, until, f").set({layout}")]


def _packed(call: cst.Call, kinds: list[str], bridge: Bridge) -> list[Splice]:
    """The task's arguments as `args` and `kwargs`."""
    splices: list[Splice] = []
    for kind in ("positional", "keyword"):
        places = [index for index, each in enumerate(kinds) if each == kind]
        if not places:
            continue
        if places[-1] - places[0] >= len(places):
            raise NotExact("an option stands between arguments of the task")
        group = [call.args[index] for index in places]
        start, end = _stretch(group[0], bridge)[0], _stretch(group[-1], bridge)[1]
        parts = [_member(argument, bridge) for argument in group]
        if bridge.comments_in(start, end) or any(NEWLINE.search(part) for part in parts):
            raise NotExact("comments or several lines stand in what is packed")
        text = ", ".join(parts) + ("," if kind == "positional" and not parts[1:] else "")
        splices.append(Splice(start, end, f"args=({text})" if kind == "positional" else f"kwargs={{{text}}}"))
    return splices


def _member(argument: cst.Arg, bridge: Bridge) -> str:
    value = bridge.code(bridge.outer(argument.value))
    name = argument.keyword.value if argument.keyword is not None else None
    return value if name is None else f"{bridge.quote}{name}{bridge.quote}: {value}"


def _stretch(argument: cst.Arg, bridge: Bridge) -> tuple[int, int]:
    """Where an argument stands, its name included."""
    start, end = bridge.outer(argument.value)
    return (bridge.span(argument.keyword)[0] if argument.keyword is not None else start), end


# NameArgument


def _name_argument(change: NameArgument, bridge: Bridge) -> Splice:
    value = bridge.expression_at(change.place.span)
    argument = bridge.parent(value)
    call = bridge.parent(argument) if isinstance(argument, cst.Arg) else None
    if not isinstance(call, cst.Call) or not isinstance(argument, cst.Arg) or argument.keyword or argument.star:
        raise NotExact("no argument given by position stands at the place")
    following = call.args[call.args.index(argument) + 1 :]
    if any(each.keyword is None and each.star != "**" for each in following):
        raise NotExact("another argument given by position follows")
    if isinstance(argument.value, cst.GeneratorExp) and not argument.value.lpar:
        raise NotExact("the generator has no parentheses of its own")
    region = bridge.outer(argument.value)
    return Splice(*region, f"{change.name}={bridge.code(region)}")


# AddParameter


def _add_parameter(change: AddParameter, bridge: Bridge) -> Splice:
    function = bridge.statement_at(change.place.span)
    if not isinstance(function, cst.FunctionDef):
        raise NotExact("no function is defined at the place")
    source = bridge.source
    opening = source.after_trivia(bridge.span(function.name)[1])
    if bridge.text[opening : opening + 1] != "(":
        raise NotExact("type parameters stand before the function's own")
    first = source.after_trivia(opening + 1)
    if bridge.text[first : first + 1] == ")":
        return Splice(opening + 1, opening + 1, change.name)
    line = bridge.above_comments(first, source.indentation(first)) if source.starts_line(first) else first
    if line < source.line_start(first):  # comments above the first parameter are about that one
        return Splice(line, line, f"{source.indentation(first)}{change.name},{source.newline}")
    return lists.insert(source, (first, first), [change.name])


# RaiseDecorator


def _raise_decorator(change: RaiseDecorator, bridge: Bridge) -> Splice:
    top, top_end = _decorator_lines(change.above, bridge)
    start, end = _decorator_lines(change.place, bridge)
    if top_end > start:
        raise NotExact("the decorator does not stand below the other")
    return Splice(top, end, bridge.code((start, end)) + bridge.code((top, start)))


def _decorator_lines(place: Place, bridge: Bridge) -> tuple[int, int]:
    """Where the lines of the decorator whose expression stands at `place` start and end."""
    decorator = bridge.parent(bridge.expression_at(place.span))
    if not isinstance(decorator, cst.Decorator):
        raise NotExact("no decorator stands at the place")
    start = bridge.source.offset(place.span.start)
    at = bridge.text.rfind("@", 0, start)
    if not bridge.source.starts_line(at):
        raise NotExact("the decorator does not start its line")
    return bridge.source.line_start(at), bridge.source.next_line(bridge.source.offset(place.span.end))


# AddItems


def _add_items(change: AddItems, bridge: Bridge) -> Splice:
    display = bridge.expression_at(change.place.span)
    if not isinstance(display, cst.Dict):
        raise NotExact("no dictionary display stands at the place")
    start, end = bridge.span(display)
    keys = [element.key for element in display.elements if isinstance(element, cst.DictElement)]
    quotes = {bridge.code(bridge.span(key))[:1] for key in keys if isinstance(key, cst.SimpleString)}
    quote = "'" if quotes == {"'"} else '"'
    added = [f"{quote}{key}{quote}: {code}" for key, code in change.items]
    if display.elements:
        splices = [lists.append(bridge.source, bridge.span(display.elements[-1]), added, in_brackets=True)]
    else:
        splices = [Splice(start + 1, start + 1, ", ".join(added))]
    return Splice(start, end, splice(bridge.text[:end], splices)[start:])


# ReraiseFirst


def _reraise_first(change: ReraiseFirst, bridge: Bridge, imports: FileImports) -> Splice:
    statement = bridge.statement_at(change.place.span)
    if not isinstance(statement, cst.Try) or not statement.handlers:
        raise NotExact("no `try` statement with `except` stands at the place")
    source = bridge.source
    handler = bridge.span(statement.handlers[0])[0]
    indentation = source.indentation(handler)
    offset = bridge.above_comments(handler, indentation)
    names = ", ".join(imports.name(need, statement) for need in change.exceptions)
    if len(change.exceptions) > 1:
        names = f"({names})"
    body = statement.body
    unit = (isinstance(body, cst.IndentedBlock) and body.indent) or bridge.module.default_indent
    lines = (f"{indentation}except {names}:", f"{indentation}{unit}raise")
    return Splice(offset, offset, "".join(line + source.newline for line in lines))


# RaiseResult


def _raise_result(change: RaiseResult, bridge: Bridge) -> Splice:
    call = bridge.expression_at(change.place.span)
    if not isinstance(call, cst.Call) or not isinstance(bridge.parent(call), cst.Expr):
        raise NotExact("the call is not a statement by itself")
    region = bridge.outer(call)
    return Splice(*region, f"raise {bridge.code(region)}")


# PutStatement


def _put_statement(change: PutStatement, bridge: Bridge, imports: FileImports) -> Splice:
    statement = bridge.statement_at(change.place.span)
    source = bridge.source
    top, end = _own_lines(statement, bridge)
    indentation = source.indentation(top)
    code = _quoted(_filled(change.code, change.imports, statement, imports), bridge)
    lines = _indented(code, indentation, bridge.module.default_indent)
    text = "".join(line + source.newline for line in lines)
    if change.side is Side.INSTEAD:
        return Splice(top, end, text.removeprefix(indentation).removesuffix(source.newline))
    if change.side is Side.BEFORE:
        if _is_string(statement):
            raise NotExact("a docstring stays the first statement")
        # Comments at the very top are the file's.
        offset = bridge.above_comments(top, indentation) or source.line_start(top)
        return Splice(offset, offset, text)
    offset = source.next_line(end)
    if offset == source.line_end(end):  # the file ends without a newline
        return Splice(offset, offset, source.newline + text.removesuffix(source.newline))
    while bridge.is_comment_line(offset) and len(source.indentation(offset)) > len(indentation):
        offset = source.next_line(offset)  # a comment that ends the statement's block
    return Splice(offset, offset, text)


def _own_lines(statement: cst.BaseSmallStatement | cst.BaseCompoundStatement, bridge: Bridge) -> tuple[int, int]:
    """Where a statement that has its lines for itself starts, with its decorators, and ends."""
    start, end = bridge.span(statement)
    if isinstance(statement, cst.BaseSmallStatement):
        line = bridge.parent(statement)
        if not isinstance(line, cst.SimpleStatementLine) or len(line.body) > 1:
            raise NotExact("the statement shares its line with others")
        if bridge.text[bridge.source.after_spaces(end) :].startswith(";"):
            raise NotExact("a semicolon stands behind the statement")
    elif isinstance(statement, (cst.FunctionDef, cst.ClassDef)) and statement.decorators:
        start = bridge.span(statement.decorators[0])[0]
    if isinstance(bridge.parent(statement), cst.If):
        raise NotExact("an `elif` belongs to the `if` above it")
    if not bridge.source.starts_line(start):
        raise NotExact("the statement does not start its line")
    return start, end


def _is_string(statement: cst.CSTNode) -> bool:
    return isinstance(statement, cst.Expr) and isinstance(statement.value, (cst.SimpleString, cst.ConcatenatedString))


def _indented(code: str, indentation: str, unit: str) -> list[str]:
    """The lines of `code`, written with four spaces a level, indented as the file is."""
    try:
        tree = parse(code.encode())
    except UnreadableError as error:
        raise NotExact("the statement to put in does not parse") from error
    if not tree.body:
        raise NotExact("there is no statement to put in")
    inside_strings = {
        row
        for node in ast.walk(tree)
        if isinstance(node, (ast.Constant, ast.JoinedStr)) and node.end_lineno
        for row in range(node.lineno + 1, node.end_lineno + 1)
    }
    lines = []
    for row, line in enumerate(code.rstrip("\n").split("\n"), start=1):
        if line.strip() and row not in inside_strings:
            bare = line.lstrip(" ")
            levels, rest = divmod(len(line) - len(bare), 4)
            line = indentation + unit * levels + " " * rest + bare
        lines.append(line)
    return lines


# Substitute


def _substitute(change: Substitute, bridge: Bridge) -> Splice:
    start = bridge.source.offset(change.place.span.start)
    end = bridge.source.offset(change.place.span.end)
    if start == end == len(bridge.source.text):
        return Splice(start, end, change.text)
    comments = bridge.comments_between(bridge.source.line_start(start), bridge.source.line_end(start))
    if end < start or not comments:
        raise NotExact("no comment stands at the place")
    (comment, text), *_ = comments
    if (bridge.code((start, min(end, comment))) + bridge.code((comment + len(text), end))).strip():
        raise NotExact("there is more than a comment at the place")
    return Splice(start, end, change.text)
