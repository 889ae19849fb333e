"""Every test run has a cache folder of its own, which the commands it starts share."""

import os
import tempfile

os.environ["DERIVE_CACHE_DIR"] = tempfile.mkdtemp(prefix="derive-cache-")
os.environ.pop("CC", None)
