"""What the service says no with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Refused(Exception):  # noqa: N818 (what the client did wrong is no error of the service)
    """A request that is not answered as it was meant.

    Attributes:
        status: Of HTTP.
        message: What was expected, what came, and what to do.
        needs: The options that have to be given.
        headers: For the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        needs: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.needs = list(needs)
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, str | list[str]]:
        """The answer, as JSON."""
        return {"error": self.message} | ({"needs": self.needs} if self.needs else {})
