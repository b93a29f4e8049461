"""What Django, SQLAlchemy, Flask and FastAPI bring along: models, forms, views, signals, and who calls what."""
