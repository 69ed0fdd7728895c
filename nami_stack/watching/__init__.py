"""What tells that something is wrong."""
