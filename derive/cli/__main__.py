"""`python -m derive.cli` is `derive`."""

import sys

from derive.cli import main

sys.exit(main())
