"""Messages from protobuf's text form."""

from __future__ import annotations

from typing import Any


def parse_text(data: bytes, proto: Any) -> Any:
    """Fill a message from its text form, and return it.

    Raises
    ------
    ValueError : the data is something else; says where.
    """
    from google.protobuf import text_format

    try:
        # A message of another type inside an Any is looked up among this package's messages.
        return text_format.Parse(data.decode(), proto, descriptor_pool=proto.DESCRIPTOR.file.pool)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
