"""What filing reads of a line, and which lines are no message."""

import pytest

from sfm.streams.parse_line import ParsedLine, UnreadableLine, parse_stream_line


def test_a_line_with_half_an_emoji_is_filed_by_its_id_and_rules() -> None:
    line = rb'{"data":{"id":"12","text":"cut \ud83d"},"matching_rules":[{"id":"5","tag":"r:1"}]}'
    assert parse_stream_line(line) == ParsedLine(12, (("5", "r:1"),))


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"7", b'{"data":', b'{"data":7}', b"\xff{}", b'["\\ud83d"]', b"[" * 9_000]
)
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(UnreadableLine):
        parse_stream_line(line)
