"""The command line: parses arguments, asks `derive.api`, prints. No mathematics.

Exit status: 0 fine; 1 the mathematics failed (a check); 2 the input could not be used, and one line on standard error
says why. `--json` prints one document and nothing else.

What an answer says follows from the sources and the arguments alone, so it is remembered: asked again, it is printed
without being derived again.
"""

from __future__ import annotations

import io
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from codegen import store
from derive.cli import style
from derive.cli.arguments import parser
from derive.errors import CheckFailed, DeriveError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show ∇ shows ? instead of failing
    options = parser().parse_args(given)
    style.choose(sys.stdout)
    try:
        status = _remembered(options, given) if options.remember else options.run(options)
        sys.stdout.flush()
    except CheckFailed as error:
        return _told(str(error), 1)
    except DeriveError as error:
        return _told(str(error), 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _told(f"{error.filename or 'a file'}: {error.strerror}", 2)
    except KeyboardInterrupt:
        return 130
    return int(status)


def _remembered(options: Namespace, given: list[str]) -> int:
    """Print the answer, from the cache when the same sources have been asked the same before."""

    def answer() -> dict[str, Any]:
        printed = io.StringIO()
        with redirect_stdout(printed):
            status = options.run(options)
        return {"text": printed.getvalue(), "status": status}

    key = [store.fingerprint(), sys.version, *map(_version, ("sympy", "numpy", "mpmath")), str(style.coloured), *given]
    found = store.record("answer", key, answer)
    sys.stdout.write(found["text"])
    return int(found["status"])


def _version(package: str) -> str:
    """Something that changes when an installed package does, without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return ""
    status = Path(spec.origin).stat()
    return f"{spec.origin} {status.st_size} {status.st_mtime_ns}"


def _told(message: str, status: int) -> int:
    print(f"derive: {message}", file=sys.stderr)
    return status
