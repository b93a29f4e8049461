"""Rules on transactions."""
