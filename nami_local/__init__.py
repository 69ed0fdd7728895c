"""AWS on this machine, for development and tests; `nami local …` starts it."""
