"""No bytes make a parser fail in another way than it may, hold many times their size, or take long."""

from __future__ import annotations

import os
import time
import tracemalloc

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile.parsers import PARSERS, SEEDS

_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
_CPU_SECONDS = 0.5
_TIMES = 64
_BESIDE = 4 << 20


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """Draw bytes that are nearly what they should be: cut, doubled, nested and with pieces of others between."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        end = draw(st.integers(at, min(len(data), at + 64)))
        match draw(st.integers(0, 4)):
            case 0:
                data = data[:at] + draw(st.binary(max_size=12)) + data[end:]
            case 1:
                data = data[:at] + data[at:end] * draw(st.integers(0, 300)) + data[end:]
            case 2:
                other = draw(st.sampled_from(seeds))
                data = data[:at] + other + data[at:]
            case 3:
                data = data[:at]
            case 4:
                data = data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
    return data[:65_536]


@pytest.mark.parametrize("name", PARSERS)
def test_any_bytes_are_read_or_refused_within_bounds(name: str) -> None:
    parser, seeds = PARSERS[name], SEEDS[name]
    for seed in seeds:  # imports and caches
        parser(seed)

    @hypothesis.settings(max_examples=_EXAMPLES)
    @given(st.binary(max_size=300) | mutated(seeds))
    def whatever(data: bytes) -> None:
        tracemalloc.start()
        began = time.process_time()
        try:
            parser(data)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            took = time.process_time() - began
            tracemalloc.stop()
        assert peak <= _BESIDE + _TIMES * len(data)
        assert took <= _CPU_SECONDS

    whatever()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("records", b"\x1a\x80\x80\x04" + b"\x22\x00" * 32_768),  # empty images
        ("records", b"\xf2\x01\x80\x80\x04" + b"\x0a\x00" * 32_768),  # empty records
        ("registration", b"\xd2\x01\x00" * 20_000),  # empty declarations
        ("settings", b'{"a":' * 10_000),
        ("settings", b"[" * 60_000),
        ("relay", b'{"type":"x","data":{"a":' + b"[" * 30_000),
        ("relay", b'{"type":"x","data":{"a":' + b"[" * 700 + b"]" * 700 + b"}}"),
        ("onetrainer", b'{"type":' + b"[" * 15_000),
        ("onetrainer", b'{"type":"ping","timestamp":' + b"9" * 5_000 + b"}"),
        ("picture", b"\xff\xd8" + b"\xff" * 60_000),
        ("picture", b"\xff\xd8\xff\xe0\0\0" * 10_000),
        ("names", b'"' * 10_000),
        ("web_socket", SEEDS["web_socket"][0] + b"\x01\x80\0\0\0\0" + b"\0\x80\0\0\0\0" * 10_000),
        ("http", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 2_600),
        ("spool", b"\xf1LT1" * 16_000),
    ],
)
def test_what_is_made_to_be_costly_is_not(name: str, data: bytes) -> None:
    began = time.process_time()
    PARSERS[name](data)
    assert time.process_time() - began <= 2 * _CPU_SECONDS
