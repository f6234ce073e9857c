"""What a function's process runs: AWS's runtime client, its output also written to a file that `local.logs` reads.

MiniStack keeps output back until an invocation ends and loses that of a process that was killed. The file's name
(`api.4711.log`) also says which processes run a function. What came to `inbox` by its queue is written beside that
(`inbox.4711.messages`) for the page. This is in the code package, beside the handlers.
"""

import functools
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

os.environ["AWS_LAMBDA_LOG_FORMAT"] = "JSON"  # template.yaml says so and MiniStack does not pass it on

from awslambdaric.__main__ import main  # type: ignore[import-untyped]

LARGEST = 16_000_000  # bytes of a file of messages, which then begins anew: an import may have any number


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


def noting(handler: Callable[[Any, Any], Any], path: Path) -> Callable[[Any, Any], Any]:
    """Let a handler write each message that it took to a file, and whether it left it in its queue."""

    @functools.wraps(handler)
    def noted(event: Any, context: Any) -> Any:
        answer, taken_at = handler(event, context), time.time()
        left = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        with path.open("a", encoding="utf-8") as file:
            if file.tell() > LARGEST:
                file.truncate(0)
            for record in event["Records"]:
                note = {"time": taken_at, "record": record, "is_left": record["messageId"] in left}
                file.write(json.dumps(note) + "\n")
        return answer

    return noted


if __name__ == "__main__":
    name = sys.argv[1].split(".")[-2]  # handlers.api.lambda_handler
    files = f"{os.environ['LOCAL_LOGS']}/{name}.{os.getpid()}"
    sys.stdout = sys.stderr = Tee(sys.stdout, Path(f"{files}.log"))
    if name == "inbox":
        from handlers import inbox

        inbox.lambda_handler = noting(inbox.lambda_handler, Path(f"{files}.messages"))
    main(sys.argv)
