"""Tasks: how they are defined, named, found by a worker, and what their options mean."""
