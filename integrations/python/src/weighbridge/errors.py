"""What goes wrong, with its kind and its place."""

from __future__ import annotations

from typing import Any, Mapping


class WeighbridgeError(Exception):
    """A request that has no result.

    ``kind`` is one of the tool's (``truncated``, ``malformed``, ``limitExceeded``, ``unsupported``, ``forbidden``, ``notFound``,
    ``mismatch``, ``inconsistent``, ``inputOutput``, ``cancelled``, ``usage``), ``died`` where the child process ended before it
    had answered, or ``missing`` where there is no tool. ``file``, ``member``, ``offset``, ``field`` and ``tensor`` say where, as far as
    that is known. ``message`` is one line that has all of it.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        file: str | None = None,
        member: str | None = None,
        offset: int | None = None,
        field: str | None = None,
        tensor: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.file = file
        self.member = member
        self.offset = offset
        self.field = field
        self.tensor = tensor

    @classmethod
    def from_json(cls, error: Mapping[str, Any]) -> WeighbridgeError:
        """The error that the tool describes."""
        places = {name: error.get(name) for name in ("file", "member", "offset", "field", "tensor")}
        return cls(error.get("kind") or "usage", error.get("message", "no message"), **places)

    def __reduce__(self) -> tuple[Any, ...]:
        # Frameworks send exceptions from one process to another.
        return _restored, (self.kind, self.message, self.file, self.member, self.offset, self.field, self.tensor)


def _restored(
    kind: str, message: str, file: str | None, member: str | None, offset: int | None, field: str | None, tensor: str | None
) -> WeighbridgeError:
    return WeighbridgeError(kind, message, file=file, member=member, offset=offset, field=field, tensor=tensor)
