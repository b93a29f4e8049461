"""`python -m celery_lint`."""

from celery_lint.cli import main

if __name__ == "__main__":
    main()
