"""A destination that takes everything: Ringostat's answer without its work, so that the client is what is measured.

`python -m bench.stub [--delay SECONDS]` prints its address and serves until it is killed.
"""

import socket
import sys
import threading
import time

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"success":true}'
FAILURE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ndown"


class Stub:
    """A server on a free port of loopback. While it `fails`, it answers 503; if it `keeps`, the bodies it took stay."""

    def __init__(self, *, delay: float = 0.0, keeps: bool = False) -> None:
        self.delay = delay
        self.keeps = keeps
        self.fails = False
        self.bodies: list[tuple[float, bytes]] = []  # with the time of their arrival
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while (length := _length(stream)) is not None:
                body = stream.read(length)
                if self.delay:
                    time.sleep(self.delay)
                failing = self.fails
                if self.keeps and not failing:
                    self.bodies.append((time.time(), body))
                connection.sendall(FAILURE if failing else ANSWER)


def _length(stream: "socket.SocketIO") -> int | None:
    """Read the head of a request and return the length of its body; None at the end."""
    length = 0
    while line := stream.readline():
        if line in (b"\r\n", b"\n"):
            return length
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return None


if __name__ == "__main__":
    stub = Stub(delay=float(sys.argv[2]) if sys.argv[1:2] == ["--delay"] else 0.0)
    sys.stdout.write(stub.url + "\n")
    sys.stdout.flush()
    threading.Event().wait()
