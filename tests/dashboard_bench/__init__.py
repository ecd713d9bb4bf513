"""What reading costs when there is much: a big made-up state, two clients, and a named peer. Run it by scripts/bench dashboard."""
