"""celery-lint: a linter for Celery anti-patterns."""

__version__ = "0.1.0"
