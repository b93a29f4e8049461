"""Rules on how tasks and applications are defined."""
