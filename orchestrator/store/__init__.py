"""tasks.db: the daemon's memory."""
