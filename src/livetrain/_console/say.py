"""What the console commands print: names and messages are others', so every line is cleaned."""

from __future__ import annotations

import click

from livetrain._terminal_text import one_line, plain_lines

__all__ = ["say", "say_lines"]

_LINE_CHARS = 2000


def say(text: object, *, err: bool = False) -> None:
    """Print one line, to stderr if ``err``."""
    click.echo(one_line(text, _LINE_CHARS), err=err)


def say_lines(text: str) -> None:
    """Print text that has lines of its own, such as a traceback."""
    for line in plain_lines(text):
        click.echo(line)
