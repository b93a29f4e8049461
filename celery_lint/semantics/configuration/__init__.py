"""Celery's settings: where they are written, which application reads them, and what they mean."""
