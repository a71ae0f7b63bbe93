"""The one exception that is meant to be read by the user."""


class AffectoscopeError(Exception):
    """One clear sentence: what happened, what was expected, what to do.

    Command lines print it without a traceback and exit with status 2; pages show it in a box.
    """
