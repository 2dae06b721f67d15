"""The one exception that a user is meant to read."""


class SpikewrightError(ValueError):
    """A refusal in one sentence: it names the thing, what was given and what is allowed."""
