"""What matters to a user is said by the run; what libraries say is for their developers."""

from __future__ import annotations

import os
import sys
import warnings


def quiet() -> None:
    """Have libraries say nothing but errors, unless Python was asked for warnings (``-W``)."""
    for library in ("TRANSFORMERS", "DIFFUSERS"):
        os.environ.setdefault(f"{library}_VERBOSITY", "error")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
