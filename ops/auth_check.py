"""Whether Ringostat takes an auth key: one call that changes nothing."""

from http import HTTPStatus

import urllib3

from delivery.ringostat import tls_of
from errors import OperatorError

# Documented in help.ringostat.com, article 6313081: which employees are online. It needs only the key, so it does
# not prove that the key belongs to the project.
PATH = "/sipstatus/online"
SECONDS = 10


def fault(url: str, auth_key: str) -> str:
    """Return why Ringostat at a URL does not take a key, empty if it does."""
    try:
        with urllib3.PoolManager(retries=False, timeout=SECONDS, ssl_context=tls_of(url)) as pool:
            # A redirect would carry the key to another host.
            answer = pool.request("GET", url + PATH, headers={"auth-key": auth_key}, redirect=False)
    except OperatorError as error:
        return str(error)
    except (urllib3.exceptions.HTTPError, ValueError, OSError) as error:
        return f"Ringostat does not answer ({type(error).__name__})"
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return "Ringostat does not know this auth key"
    return "" if answer.status == HTTPStatus.OK else f"Ringostat answers {answer.status}"
