"""No secret stands in a tracked file."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

SECRETS = {
    "a key of AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a secret key of AWS": r"(?i)aws_?secret_?access_?key\W{1,5}[A-Za-z0-9/+]{40}\b",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "a webhook's secret": r"\bwhsec_[A-Za-z0-9+/]{16,}={0,2}",
    "a key of Ringostat": r"(?i)auth[-_]?key\W{1,6}[A-Za-z0-9]{20,}",
    "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60,})",
    "a token of Slack": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "a signed token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "a password in an address": r"\bhttps?://[^\s/:@\"'{]+:[^\s/:@\"'{]{6,}@",
}
PUBLIC = {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}  # https://github.com/standard-webhooks/standard-webhooks shows it


def secrets_in(text):
    """Return what kinds of secrets a text holds."""
    return [kind for kind, form in SECRETS.items() for found in re.findall(form, text) if found not in PUBLIC]


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_no_secret_stands_in_a_tracked_file():
    paths = tracked()
    if not paths:
        pytest.skip("this is no clone: git lists no files")

    texts = {path: path.read_text("utf-8", "replace") for path in paths if path.is_file()}

    assert {str(path.relative_to(ROOT)): kinds for path, text in texts.items() if (kinds := secrets_in(text))} == {}


# Invented, and put together here so that this file holds none.
INVENTED = {
    "a key of AWS": "AKIA" + "INVENTED00000000",
    "a secret key of AWS": "AWS_SECRET_ACCESS_KEY=" + "invented" * 5,
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a webhook's secret": "whsec_" + "SW52ZW50ZWRJbnZlbnRlZA==",
    "a key of Ringostat": '"auth_key": "' + "Invented00" * 3 + '"',
    "a token of GitHub": "ghp_" + "Invented0000" * 3,
    "a token of Slack": "xoxb-" + "invented-0000",
    "a signed token": ".".join(["eyJ" + "invented00", "eyJ" + "invented00", "invented00"]),
    "a password in an address": "https://invented:" + "password@example.com",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_each_kind_of_secret_would_be_found(kind):
    assert secrets_in(f"x = {INVENTED[kind]}\n") == [kind]
