"""The files that say who may do what on this host: looked at for a change, and never told."""

FILES = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/sudoers", "/etc/nsswitch.conf", "/root/.ssh/authorized_keys")
RULES = ("/etc/sudoers.d", "/etc/pam.d", "/etc/security")
SECRETS = ("/etc/shadow", "/etc/gshadow", "/etc/shadow-", "/etc/gshadow-", "/etc/sudoers", "/etc/sudoers.d", "/root", "/etc/ssl/private")
"""Never content, whoever names them."""
