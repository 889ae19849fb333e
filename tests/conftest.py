"""Every run has a cache folder of its own, and draws the same examples unless `DERIVE_SOAK` asks for others."""

import os
import tempfile

from hypothesis import settings

os.environ["DERIVE_CACHE_DIR"] = tempfile.mkdtemp(prefix="derive-cache-")
os.environ.pop("CC", None)
settings.register_profile("fixed", derandomize=True, database=None)
if "DERIVE_SOAK" not in os.environ:
    settings.load_profile("fixed")
