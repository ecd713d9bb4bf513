"""escalations.db: when a person takes over."""
