"""Rules on exceptions."""
