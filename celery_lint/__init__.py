"""celery-lint: a linter for Celery anti-patterns."""

__version__ = "0.1.0"
VERSION = f"celery-lint, version {__version__}"
