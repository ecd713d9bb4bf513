"""Ten bad minutes: faults rain on a host while everything that heals it is killed, starved, blinded and lied to.

`town` is the host: services that are hurt, neighbours that nobody may touch, a mailbox. `rain` hurts the services, `woes`
hurts what heals them; `counts` then counts from outside what must be zero: incidents lost, actions run twice, mails
doubled, harm.

    scripts/bench chaos [--minutes 10] [--seed N]
"""
