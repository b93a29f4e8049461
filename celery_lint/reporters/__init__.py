"""From findings to text: one module a format, pure functions."""

FORMATS = ("full", "concise", "json", "sarif", "github")
