"""Second runs: what causes them, which effects they repeat, and what guards against it."""
