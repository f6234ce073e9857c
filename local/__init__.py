"""The whole system on one machine, without Docker or an AWS account. Nothing in `src` knows of it."""

import sys
from pathlib import Path

# Its page runs the production code, which is not installed here.
if (source := str(Path(__file__).resolve().parent.parent / "src")) not in sys.path:
    sys.path.append(source)
