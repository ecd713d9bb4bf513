"""Three ways to an answer, cheapest first. A phase sees a Case, and answers Proposal, Abstain or HandOver; it changes nothing.

    quick_fix       phase 1: what was learned, then what an operator does by heart
    research        phase 2: the runbooks, then a model by `conversation` (its answers: `said`), with `looking` at what it asks for
    consultation    phase 3: the `panel` is asked in a `meeting`: models by `voting`, written `opinions` beside and after them
    answering       a person asks outside of the three: on a `snapshot` of the host, answered by a `counsel`

What a model reads is made by `briefing` (a case) and `telling` (one observation); what it may choose, and whether that holds, is `ballot`.
`models/` is the daemon's side of a call: which, how many at once, for how much. `backends/` is the child that makes it, and imports
nothing of ours. `tracing` notes what was done, and its child `otel` sends it off.
"""
