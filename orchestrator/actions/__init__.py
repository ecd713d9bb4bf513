"""One file an action: one typed change."""
