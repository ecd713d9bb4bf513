"""What is known before an incident: patterns, runbooks, experts."""
