from __future__ import annotations

from collections.abc import Iterable, Iterator

import httpx
import pytest

from rag.connections import PatientStream


class Chunks(httpx.SyncByteStream):
    """Bytes that come at given times: each is a number of seconds and what arrives then."""

    def __init__(self, chunks: Iterable[tuple[float, bytes]]) -> None:
        self.now = 0.0
        self.is_closed = False
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        for seconds, chunk in self._chunks:
            self.now += seconds
            yield chunk

    def close(self) -> None:
        self.is_closed = True


def patient(*chunks: tuple[float, bytes]) -> tuple[Chunks, PatientStream]:
    inside = Chunks(chunks)
    return inside, PatientStream(inside, 60, clock=lambda: inside.now)


TEXT = b'data: {"choices":[{"delta":{"content":"word"}}]}\n\n'
EMPTY = b'data: {"choices":[{"delta":{"content":""}}]}\n\n'


@pytest.mark.parametrize(
    "chunks",
    [
        [(59, TEXT)] * 9,
        [(50, EMPTY), (9, b": here\n\n"), (59, TEXT), (59, EMPTY)],
        [(59, b'data: {"delta":{"reasoning_content": "Hm"}}\n\n'), (59, TEXT)],
        [(30, b'{"delta":{"cont'), (59, b'ent":"word"}}'), (59, EMPTY)],
        [(300, TEXT)],
    ],
)
def test_a_reply_that_brings_text_is_waited_for(chunks: list[tuple[float, bytes]]) -> None:
    _, stream = patient(*chunks)
    assert list(stream) == [chunk for _, chunk in chunks]


@pytest.mark.parametrize("sign", [b": here\n\n", EMPTY, b" ", b'{"delta":{"content":null}}'])
def test_a_reply_that_only_shows_life_is_not(sign: bytes) -> None:
    inside, stream = patient((30, TEXT), *[(25, sign)] * 9)
    with pytest.raises(httpx.ReadTimeout):
        list(stream)
    assert inside.now == 30 + 3 * 25


def test_the_readers_own_time_is_not_counted() -> None:
    inside, stream = patient(*[(25, EMPTY)] * 2, (5, TEXT))
    for _ in stream:
        inside.now += 1000


def test_closing_closes_what_is_inside() -> None:
    inside, stream = patient()
    stream.close()
    assert inside.is_closed
