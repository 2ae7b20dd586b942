"""Exceptions, and what they carry.

In: rendered text and JSON from the compiler. Out: exceptions with diagnostics.
Always holds: `str(error)` is what the command line shows, with the lines of source; exceptions can be pickled.
"""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A position in a text: line and column from 1, columns in characters; offset in bytes from 0."""

    line: int
    column: int
    offset: int


@dataclass(frozen=True)
class Label:
    """A range in a file, and what there is to say about it."""

    file: str
    start: Place
    end: Place
    text: str


@dataclass(frozen=True)
class Diagnostic:
    """One error or warning. `code` is stable; docs/errors.md explains each."""

    code: str
    severity: str
    message: str
    labels: tuple[Label, ...] = ()
    help: str | None = None
    notes: tuple[str, ...] = ()

    @staticmethod
    def from_json(line: str) -> Diagnostic:
        """Reads one as the compiler writes it."""
        fields = json.loads(line)
        labels = tuple(
            Label(label["file"], Place(**label["start"]), Place(**label["end"]), label["text"])
            for label in fields["labels"]
        )
        return Diagnostic(
            fields["code"], fields["severity"], fields["message"], labels, fields["help"], tuple(fields["notes"])
        )


class Error(Exception):
    """What Microtome raises. `rendered` is the text as a person reads it, `diagnostics` what is in it."""

    def __init__(self, rendered: str, lines: str = "") -> None:
        super().__init__(rendered, lines)
        self.rendered = rendered.rstrip("\n")
        self.diagnostics = tuple(Diagnostic.from_json(line) for line in lines.splitlines() if line)

    def __str__(self) -> str:
        return self.rendered

    @property
    def code(self) -> str | None:
        """The code of the first diagnostic."""
        return self.diagnostics[0].code if self.diagnostics else None


class CompileError(Error):
    """The program does not compile."""


class RunError(Error):
    """A kernel failed while it ran: an index out of range, too little memory, an assertion."""


class ArgumentError(RunError, TypeError):
    """The arguments do not fit the function: their number, element type, number of axes, or sizes."""

    @staticmethod
    def because(code: str, message: str, help: str | None = None) -> ArgumentError:
        """One with a diagnostic that has no place in a program."""
        fields: dict[str, object] = {
            "code": code,
            "severity": "error",
            "message": message,
            "labels": [],
            "help": help,
            "notes": [],
        }
        rendered = f"error[{code}]: {message}" + (f"\n  help: {help}" if help else "")
        return ArgumentError(rendered, json.dumps(fields))


class VersionError(Error):
    """A pickled kernel is of another version of Microtome."""


class MicrotomeWarning(UserWarning):
    """What the compiler warns of."""
