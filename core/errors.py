"""The exception for errors that are reported to the user."""


class AffectoscopeError(Exception):
    """An error with a message for the user: what happened, what was expected, what to do.

    Commands print the message without a traceback and exit with status 2; the dashboard shows it on the page.
    """
