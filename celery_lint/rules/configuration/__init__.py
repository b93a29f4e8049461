"""Rules on definition and configuration."""
