"""What may be proposed for a case, cheapest first: quick fix, research, consultation."""
