"""What Python runs first in MiniStack's process (https://docs.python.org/3/library/site.html#module-sitecustomize).

Its runtime API sends the head and the body of an event apart, and small bodies then wait 40 ms for each other (Nagle's
algorithm and a delayed acknowledgement): most of what an invocation took.
"""

import socketserver

socketserver.StreamRequestHandler.disable_nagle_algorithm = True
