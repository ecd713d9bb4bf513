"""The pages and the API for the people who watch a host."""
