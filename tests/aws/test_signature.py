"""Our signature is the one that botocore's signer makes."""

import botocore.auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from aws.client import Keys, Place, with_signature

words = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)


@given(
    body=st.binary(max_size=200),
    keys=st.builds(Keys, words, secrets, st.none() | secrets),
    host=st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z]{2,5}){1,3}(:4566)?", fullmatch=True),
    region=words,
    service=words,
    target=words,
    moment=st.datetimes(),
)
def test_it_is_botocores(body, keys, host, region, service, target, moment):
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": target}
    theirs = AWSRequest("POST", f"https://{host}/", headers, body)
    current = botocore.auth.get_current_datetime
    botocore.auth.get_current_datetime = lambda: moment
    try:
        SigV4Auth(Credentials(*keys), service, region).add_auth(theirs)
    finally:
        botocore.auth.get_current_datetime = current
    wanted = {name: str(text) for name, text in theirs.headers.items()}

    place = Place(region, service)
    assert with_signature({"Host": host, **headers}, body, keys, place, wanted["X-Amz-Date"]) == {
        "Host": host,
        **wanted,
    }
