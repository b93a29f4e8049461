"""Reads syntax newer than the running Python, by writing it in older syntax of the same length.

Rows and columns stay what they are, so the tree of the older text tells the
places of the newer one. Covered are f-strings with any quotes inside (PEP 701),
type parameters and `type` statements (PEP 695), `except A, B:` (PEP 758) and
template strings (PEP 750). What else is new stays a syntax error.
"""

from __future__ import annotations

import re
import sys

SUPPORTED = sys.version_info >= (3, 14)
"""Whether the running Python reads all of it by itself."""

_STRING = re.compile(r"(?P<prefix>[rRbBuUfFtT]{0,2})(?P<quote>'''|\"\"\"|'|\")")
_NO_CODE = re.compile(rf"#|(?<!\w){_STRING.pattern}")
"""Where a comment or a string begins."""
_STOP = re.compile(r"[\\{'\"\r\n]")
"""What is more than a character of a string, in one string or another."""
_EXCEPT = re.compile(r"^(?P<head>[ \t]*except) +(?P<names>[\w.]+(?:[ \t]*,[ \t]*[\w.]+)+)[ \t]*:", re.MULTILINE)
_GENERIC = re.compile(r"^[ \t]*(?:async[ \t]+)?(?:def|class|type)[ \t]+\w+[ \t]*(?P<open>\[)", re.MULTILINE)
_TYPE = re.compile(r"^(?P<indent>[ \t]*)type(?P<gap>[ \t]+)(?P<name>\w+)(?P<rest>[ \t]*)=(?!=)", re.MULTILINE)


def older(text: str) -> str:
    """The text with newer syntax put into older one; equal to `text` when there is none of it."""
    characters = list(text)
    code = _Reader(text, characters).read()
    plain = "".join(characters)
    for match in _GENERIC.finditer(plain):
        if code[match.start("open")]:
            _blank_brackets(characters, match.start("open"), code)
    plain = "".join(characters)
    for match in _TYPE.finditer(plain):
        start = match.start() + len(match["indent"])
        if code[start]:
            name = match["name"]
            characters[start : match.end() - 1] = name.ljust(match.end() - 1 - start)
    for match in _EXCEPT.finditer(plain):
        if code[match.start() + len(match["head"]) - 1]:
            start, end = match.start() + len(match["head"]), match.end() - 1
            names = "(" + re.sub(r"[ \t]", "", match["names"]) + ")"
            characters[start:end] = names.ljust(end - start)
    return "".join(characters)


def _blank_brackets(characters: list[str], start: int, code: list[bool]) -> None:
    """Blank a bracketed list, its line ends kept."""
    depth = 0
    for index in range(start, len(characters)):
        character = characters[index]
        if code[index]:
            depth += (character in "([{") - (character in ")]}")
        if character not in "\r\n":
            characters[index] = " "
        if depth == 0:
            return


class _Reader:
    """Goes through a text once, knows strings and comments, and mends f-strings on the way."""

    def __init__(self, text: str, characters: list[str]) -> None:
        self.text = text
        self.characters = characters
        self.code = [True] * len(text)

    def read(self) -> list[bool]:
        """Whether each character is code: no string's and no comment's."""
        end = 0
        while (match := _NO_CODE.search(self.text, end)) is not None:
            start = match.start()
            end = self._line_end(start) if match["quote"] is None else self._string(match)
            self._mark(start, end)
        return self.code

    def _inside_word(self, index: int) -> bool:
        return index > 0 and (self.text[index - 1].isalnum() or self.text[index - 1] == "_")

    def _line_end(self, index: int) -> int:
        ends = [e for e in (self.text.find("\n", index), self.text.find("\r", index)) if e >= 0]
        return min(ends, default=len(self.text))

    def _mark(self, start: int, end: int) -> None:
        self.code[start:end] = [False] * (end - start)

    def _string(self, match: re.Match[str]) -> int:
        """The end of a string; its replacement fields are mended when it is an f-string."""
        prefix, quote = match["prefix"].lower(), match["quote"]
        index = match.end()
        formatted = "f" in prefix or "t" in prefix
        for position in range(match.start(), match.start() + len(prefix)):
            if self.text[position] in "tT":
                self.characters[position] = "f"
        while (stop := _STOP.search(self.text, index)) is not None:
            index = stop.start()
            if self.text.startswith(quote, index):
                return index + len(quote)
            character = self.text[index]
            if character == "\\":
                index += 2
            elif formatted and character == "{":
                if self.text.startswith("{{", index):
                    index += 2
                else:
                    index = self._field(index + 1, quote)
            elif len(quote) == 1 and character in "\r\n":
                return index  # not closed: no string after all
            else:
                index += 1
        return max(index, len(self.text))

    def _field(self, index: int, quote: str) -> int:
        """The end of a replacement field that starts at `index`; the strings in it get other quotes."""
        depth = 0
        while index < len(self.text):
            character = self.text[index]
            if character == "}" and depth == 0:
                return index + 1
            if character in "([{":
                depth += 1
            elif character in ")]}":
                depth -= 1
            elif (character in "\r\n" and len(quote) == 1) or (self.text.startswith(quote, index) and len(quote) == 3):
                return index
            elif (depth == 0 and character == ":") or (character == "!" and self.text[index + 1 : index + 2] != "="):
                return self._specification(index + 1, quote)
            elif character in "rRbBuUfFtT'\"" and not self._inside_word(index):
                match = _STRING.match(self.text, index)
                if match is not None:
                    end = _Reader(self.text, list(self.text))._string(match)
                    self._mend(match, end, quote)
                    index = end
                    continue
            index += 1
        return index

    def _specification(self, index: int, quote: str) -> int:
        """The end of a field whose conversion or format specification starts at `index`."""
        while index < len(self.text):
            character = self.text[index]
            if character == "{":
                index = self._field(index + 1, quote)
            elif character == "}":
                return index + 1
            elif self.text.startswith(quote, index) or (len(quote) == 1 and character in "\r\n"):
                return index
            else:
                index += 1
        return index

    def _mend(self, match: re.Match[str], end: int, outer: str) -> None:
        """Write a string inside a field so that the outer f-string does not end at it."""
        start, inner = match.start(), match["quote"]
        body = self.text[match.end() : end - len(inner)]
        nested = bool(set(match["prefix"].lower()) & {"f", "t"}) and "{" in body
        if inner[0] != outer[0] and "\\" not in body and outer[0] not in body and not nested:
            return
        other = "'" if outer[0] == '"' else '"'
        simple = len(inner) == 1 and "\\" not in body and other not in body and outer[0] not in body
        if simple and not nested and "\n" not in body:
            self.characters[match.end() - 1] = self.characters[end - 1] = other
            return
        # Nothing is lost but the string's own text: a name of the same length stands for it.
        for position in range(start, end):
            if self.text[position] not in "\r\n":
                self.characters[position] = "_"
