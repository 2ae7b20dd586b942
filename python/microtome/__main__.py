"""`python -m microtome stubs kernels.tome`: prints a stub file for type checkers."""

from __future__ import annotations

import sys

import microtome as mt


def main(arguments: list[str]) -> int:
    """Runs a command; 0 if all went well, 1 for an error in the program, 2 for wrong arguments."""
    match arguments:
        case ["stubs", path]:
            try:
                print(mt.stubs(mt.compile_file(path)), end="")
            except mt.Error as error:
                print(error, file=sys.stderr)
                return 1
            return 0
        case ["--version"]:
            print(f"microtome {mt.__version__}")
            return 0
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
