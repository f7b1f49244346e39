"""What the service says no with."""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):  # noqa: N818 (what the client did wrong is no error of the service)
    """A request that is not answered as it was meant.

    Attributes:
        status: Of HTTP.
        message: What was expected, what came, and what to do.
        needs: The option that has to be given, "" if none.
        headers: For the answer.
    """

    def __init__(
        self, status: int, message: str, needs: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.needs = needs
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, str]:
        """The answer, as JSON."""
        return {"error": self.message} | ({"needs": self.needs} if self.needs else {})
