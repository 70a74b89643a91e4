"""The errors that a curator may read. Every expected trouble is a child of SfmError."""

from sfm.messages import Message


class SfmError(Exception):
    """Expected trouble, told in one sentence that says what to do.

    `permanent` is True where trying again cannot help until somebody changes something.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent


class WrongInput(SfmError):
    """What was typed, uploaded or set cannot be used; the message says what can."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class NotFound(SfmError):
    """The thing asked for is not here (or not this person's to see)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class BadSetting(SfmError):
    """A setting has a value that cannot work; start-up stops with its name."""

    def __init__(self, name: str, takes: str) -> None:
        super().__init__(Message("%(name)s: %(takes)s", name=name, takes=takes), permanent=True)
        self.name = name
