"""The one error of the reading door."""


class Unavailable(Exception):  # a word of the house
    """The host could not be asked: no systemd, no permission, no answer in time.

    Whoever meets it is blind: it says nothing about the health of what was asked after (law 1). The message is one clear
    sentence for people.
    """
