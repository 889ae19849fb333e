"""The command line: parses arguments, asks `derive.api`, prints. No mathematics.

Exit status: 0 fine; 1 the mathematics failed (a check); 2 the input could not be used, and one line on standard error
says why. `--json` prints one document and nothing else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from derive.cli.arguments import parser
from derive.errors import CheckFailed, DeriveError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except CheckFailed as error:
        return _told(str(error), 1)
    except DeriveError as error:
        return _told(str(error), 2)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return _told(f"{error.filename or 'a file'}: {error.strerror}", 2)
    except KeyboardInterrupt:
        return 130


def _told(message: str, status: int) -> int:
    print(f"derive: {message}", file=sys.stderr)
    return status
