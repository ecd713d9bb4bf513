"""A daemon that heals the host it runs on."""
