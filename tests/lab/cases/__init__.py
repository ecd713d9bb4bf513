"""Real faults on a real systemd: what heals, what reaches a person, and what is left alone."""
