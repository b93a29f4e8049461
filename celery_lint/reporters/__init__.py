"""From findings to text: one module a format, pure functions."""

FORMATS = ("full", "concise", "json", "sarif", "github", "gitlab", "junit")

CONTROL = frozenset(
    chr(number)
    for first, last in ((0, 8), (10, 31), (127, 159), (0x2028, 0x2029), (0x202A, 0x202E), (0x2066, 0x2069))
    for number in range(first, last + 1)
)
"""Characters that act on a terminal or break a line; not the tab."""
