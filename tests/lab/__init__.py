"""Proofs on a real systemd, booted in namespaces of its own."""
