"""Every answer that `api` gives in a test is compared with docs/openapi.json."""

import functools
import json
import re
from collections import Counter

from jsonschema import Draft202012Validator

from handlers import api
from tools.contracts.openapi import FILE, followed

DOCUMENT = json.loads(FILE.read_text("utf-8"))
PATHS = {path: re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in DOCUMENT["paths"]}
ELSEWHERE = {"404": "NotFound", "405": "MethodNotAllowed"}  # on paths and methods that have no operation


class Answers:
    """The answers since `forget`: how many of each status, and what the document does not say of them."""

    def __init__(self):
        self.statuses = Counter()
        self.undocumented = []

    def forget(self):
        self.statuses.clear()
        self.undocumented.clear()

    def overhear(self, handler):
        """Return a handler whose answers are compared."""

        @functools.wraps(handler)
        def overheard(event, context):
            answer = handler(event, context)
            operation = operation_of(event["requestContext"]["http"]["method"].lower(), event["rawPath"])
            self.statuses[answer["statusCode"]] += 1
            self.undocumented += wrong(operation, answer["statusCode"], media_of(answer), answer.get("body") or "")
            self.undocumented += missing(operation, answer)
            return answer

        return overheard


def watched():
    """Return the watch of all that `api` answers in this process."""
    answers = Answers()
    api.lambda_handler = answers.overhear(api.lambda_handler)
    return answers


def media_of(answer):
    return answer["headers"]["Content-Type"]


def operation_of(method, path):
    """Return path and method of the operation that a request meets, None without one."""
    return next((f"{known} {method}" for known, form in PATHS.items() if form.fullmatch(path)), None)


@functools.cache
def responses(operation):
    """Return the answers that an operation may give; a request that meets none is told so."""
    path, _, method = (operation or "").rpartition(" ")
    known = DOCUMENT["paths"].get(path, {}).get(method, {}).get("responses")
    if known is None:
        known = {status: {"$ref": f"#/components/responses/{name}"} for status, name in ELSEWHERE.items()}
    return {
        status: followed(DOCUMENT, answer["$ref"]) if "$ref" in answer else answer for status, answer in known.items()
    }


def response(operation, status):
    known = responses(operation)
    return known.get(str(status)) or known.get(f"{status // 100}XX")


@functools.lru_cache(4096)
def wrong(operation, status, media, body):
    """Return what the document does not say of an answer."""
    said = response(operation, status)
    if said is None:
        return [f"{operation}: status {status}"]
    content = said["content"].get(media, said["content"].get("*/*"))
    if content is None:
        return [f"{operation}: {status} as {media}"]
    value = json.loads(body) if "json" in media else body
    return [
        f"{operation}: {status}: {problem.message}"
        for problem in validator(operation, status, media).iter_errors(value)
    ]


@functools.cache
def validator(operation, status, media):
    content = response(operation, status)["content"]
    schema = content.get(media, content.get("*/*")).get("schema", {})
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def missing(operation, answer):
    """Return the headers that the document promises and the answer lacks."""
    headers = (response(operation, answer["statusCode"]) or {}).get("headers", {})
    lacking = [name for name, header in headers.items() if answer["headers"].get(name) != header["schema"]["const"]]
    return [f"{operation}: {answer['statusCode']} without {name}" for name in lacking]
