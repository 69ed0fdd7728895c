"""The `nami` command."""
