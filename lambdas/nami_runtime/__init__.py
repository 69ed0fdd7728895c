"""What both functions share: of the standard library, but for MongoDB, Sentry, and signatures by a private key."""
