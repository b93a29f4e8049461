"""Exceptions of tasks: what is raised, caught, logged, and told to Celery."""
