"""A daemon that heals the host it runs on."""

__version__ = "0.1.0"
