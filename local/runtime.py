"""What a function's process runs: AWS's runtime client, its output also written to a file that `local.logs` reads.

MiniStack keeps output back until an invocation ends and loses that of a process that was killed. The file's name
(`api.4711.log`) also says which processes run a function. It is in the code package, beside the handlers.
"""

import os
import sys
from pathlib import Path
from typing import TextIO

os.environ["AWS_LAMBDA_LOG_FORMAT"] = "JSON"  # template.yaml says so and MiniStack does not pass it on

from awslambdaric.__main__ import main  # type: ignore[import-untyped]


class Tee:
    """Standard output and a file at once."""

    def __init__(self, stream: TextIO, path: Path) -> None:
        self._stream = stream
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def write(self, text: str) -> int:
        """Write to both."""
        self._file.write(text)
        return self._stream.write(text)

    def flush(self) -> None:
        """Flush both."""
        self._file.flush()
        self._stream.flush()

    def fileno(self) -> int:
        """Return standard output's own descriptor."""
        return self._stream.fileno()


if __name__ == "__main__":
    name = sys.argv[1].split(".")[-2]  # handlers.api.lambda_handler
    path = Path(os.environ["LOCAL_LOGS"]) / f"{name}.{os.getpid()}.log"
    sys.stdout = sys.stderr = Tee(sys.stdout, path)
    main(sys.argv)
