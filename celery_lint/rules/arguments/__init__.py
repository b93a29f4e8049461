"""Rules on arguments."""
