"""What is known: evidence and how it is gathered, candidates, patterns, runbooks and experts as data, and how they match."""
