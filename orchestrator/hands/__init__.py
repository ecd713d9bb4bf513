"""The hands: the only ones that change the machine, in this process or in one of their own.

`hands` acts, `record` is what they did, `approvals` what a person allowed, `reads` what they may be asked. As a program:
`server` hears whom `peers` knows, one of `verbs` in `frames` at a time; `client` is the same object at the other end.
Nothing is imported here: who only speaks to the hands does not load the door that changes the host.
"""
