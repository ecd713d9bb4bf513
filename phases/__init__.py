"""Three ways to an answer, cheapest first. A phase sees a Case, and answers Proposal, Abstain or HandOver; it changes nothing."""
