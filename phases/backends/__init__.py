"""The child of a model's call, one module a backend: `python -m phases.backends` reads a question and writes an answer.

It lives for one call. The daemon never imports any of this, and it imports nothing of the daemon's: what it starts with is what each
call costs. One line of JSON each way is all that they share (`phases.models.words`: Request, Reply).
"""
