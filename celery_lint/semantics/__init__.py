"""What the code means in the terms of Celery, Django and SQLAlchemy: `hub.Semantics` is the one to ask."""
