"""What the linter says about its own work."""
