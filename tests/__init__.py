"""Proofs of behaviour; the tree mirrors the packages."""
