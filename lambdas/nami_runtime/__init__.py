"""What both functions share. The modules that the pre-queue function imports use the standard library alone."""
