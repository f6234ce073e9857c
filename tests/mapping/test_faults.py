"""Hand-made faults of the engine, each of which the other tests must catch (slow: a suite for each)."""

# ruff: noqa: E501 - a table

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COPIED = ("src", "cli", "ops", "tools", "tests/mapping", "events", "docs")
CONFIGURATION = '[tool.pytest]\npythonpath = ["src", "."]\nfilterwarnings = ["error"]\nmarkers = ["slow: not here"]\n'

# what is broken, module, the right line, the faulty one
FAULTS = [
    ("nothing", "engine", "MAX_ENTRIES = 100", "MAX_ENTRIES = 100"),
    ("a path segment from data", "normalize", 'return quote(value, safe="")', 'return quote(value, safe="/")'),
    ("climbing path", "normalize", 'in (".", "..")', "in ()"),
    ("http links", "normalize", 'parts.scheme != "https"', 'parts.scheme not in ("https", "http")'),
    ("ids of zero", "normalize", 'found in ("0", "-0")', "found in ()"),
    ("an item taken twice", "engine", "self.taken[id(item)] = item", "pass"),
    ("items that vanish", "engine", "missed if found or missed else [0]", "[] if found else [0]"),
    ("deep value in a function", "language/expression", "LookupError, AttributeError, RecursionError)", "LookupError, AttributeError)"),
    ("surrogates kept", "normalize", '("Cc", "Cf", "Cs")', '("Cc", "Cf")'),
    ("data in a warning", "language/expression", "cannot take {error.actual_type}", "cannot take {error.current_value}"),
    ("line of the list, not of its item", "language/parser", "self._rule((*path, index), value, kind)", "self._rule(path, value, kind)"),
    ("half a name in a partial change", "language/rule", "wanted = all if view.strict else any", "wanted = any"),
    ("half of what is joined", "language/rule", "if view.strict and len(parts) < len(read) and not self.is_present(current, view):", "if False:"),
    ("full written as partial", "engine", 'self.partial = record.carries in ("partial", "changes")', "self.partial = True"),
    ("partial written as full", "engine", 'self.partial = record.carries in ("partial", "changes")', "self.partial = False"),
    ("a deal that renames its contact", "engine", "item, OF_A_CONTACT)", 'item, {*OF_A_CONTACT, "fullName"})'),
    ("nobody responsible", "engine", 'fields.get("responsible") or self.default_responsible', 'fields.get("responsible")'),
    ("body changed", "language/expression", "_is_by_number(value) else [value]", "_is_by_number(value) else [value.setdefault('x', 1) and value if isinstance(value, dict) else value]"),
    (
        "lists allocated by index",
        "decode",
        ("if all(str(index) in node for index in range(len(node))):\n"
        "        return [_plain(node[str(index)]) for index in range(len(node))]"),
        ("if all(key.isdigit() for key in node):\n"
        "        return [_plain(node.get(str(index))) for index in range(min(max(map(int, node), default=-1) + 1, 10**6))]"),
    ),
    ("a record at any index", "language/expression", " or int(key) >= MAX_RECORDS", ""),
    ("a record at any index, by list()", "language/expression", "visitor.Options(custom_functions=_RecordFunctions())", "_OPTIONS"),
    ("DTD read", "decode", "    parser.StartDoctypeDeclHandler = _no_dtd\n", ""),
    ("JSON of any depth", "decode", "if _json_depth(written) > MAX_JSON_DEPTH:", "if False:"),
    ("a key twice", "decode", "if len(table) != len(pairs):", "if False:"),
    ("old trunk prefix", "normalize", 'digits.startswith("80")', 'digits.startswith("81")'),
    ("a bare 8 is East Asia", "normalize", '"+7" + digits[1:]', '"+" + digits'),
    ("any digits are a phone", "normalize", "if phonenumbers.is_valid_number(parsed):", "if phonenumbers.is_possible_number(parsed):"),
    ("times in the wrong zone", "engine", "mapping.time_zone or settings", "settings"),
    ("a lookup that lets through", "language/rule", "table.get(spelt(found))", "table.get(spelt(found), found)"),
    ("default before lookup", "language/rule", "return self.default if found is None else found", "return found"),
    ("a template with a hole", "language/rule", "            if piece is None:\n                return None\n", "            piece = piece or ''\n"),
    ("trace that changes outcomes", "engine", "        if self.steps is not None:\n            self.steps.append(explain.step(name", "        if self.steps is not None:\n            value = None\n            self.steps.append(explain.step(name"),
    ("unknown fields of our contract", "direct", 'ConfigDict(extra="forbid"', 'ConfigDict(extra="ignore"'),
    ("two phones and a blank are one", "normalize", "return parts if several else [number]", "return [number]"),
    ("one phone with blanks is two", "normalize", "len(_digits(number)) > MOST_DIGITS and all", "all"),
    ("a link that begins with glued text", "language/expression", "if GLUE in calls", "if GLUE in ()"),
    ("a payload beside nothing", "language/expression", '"all": shared', '"all": None'),
    ("a child that loses its parent's fields", "language/model", "{**known.rules, **section.rules}", "{**section.rules}"),
    ("an absent key empties", "engine", 'self.whole = record.carries == "whole"', "self.whole = True"),
    ("a whole record keeps what it lacks", "engine", 'self.whole = record.carries == "whole"', "self.whole = False"),
    ("an empty object empties what is in it", "language/expression", "return is_empty(value) and not isinstance(value, dict)", "return is_empty(value)"),
    ("half a name as the name", "engine", '{"halfName": half} if half', '{"fullName": half} if half'),
    ("an id alone is a contact", "engine", "if not self._is_telling(", "if False and not self._is_telling("),
    ("what no rule knows is dropped", "engine", 'Outcome("reject", index, code="no-record"', 'Outcome("skip", index, code="no-record"'),
    ("a value beside the name of its key", "explain", "yield from inner or [path + key]", 'yield from inner or [f"{path}{key}={value}"]'),
    ("a phone as the name of a key", "explain", "if _FIELD_NAME.fullmatch(key) and not", "if not"),
    ("a deletion of the contact of a lead", "engine", 'card=f"{record.section}:{identity}", fields=fields', 'card=f"contact:{identity}", fields=fields'),
    ("an erasure that is a deletion", "engine", 'if record.do == "delete" else {}', "if identity else {}"),
    ("a deal without an owner is unwanted", "engine", 'and not self._is_there(rule, item, "0")', ""),
    ("an id of no use is empty", "engine", "if rule is not None and self._is_there(rule, item):", "if False:"),
    ("the first phone or none", "engine", "return given if seen[given][0] else None", "return given"),
    ("the first time or none", "engine", "return None if read[given] is None else given", "return given"),
    ("letters that were lost", "engine", "if self.damaged and outcome.result", "if False and outcome.result"),
    ("a text cut in silence", "engine", "if self.longest:", "if False:"),
    ("phones dropped without their number", "engine", "self.dropped += dropped", "self.dropped = dropped"),
    ("e-mails in the case of the table", "language/rule", 'return key.casefold() if "@" in key else key', "return key"),
    ("an owner that no table has", "language/rule", "if translated is None:", "if False:"),
    ("a file of a form", "decode", 'if "filename" in given or "filename*" in given:', "if False:"),
    ("a multipart form without its end", "decode", 'if not parts or not parts[-1].startswith(b"--"):', "if not parts:"),
    ("a compressed body", "decode", " or body.startswith(_GZIP)", ""),
    ("any id is asked for", "engine", "if reads.ids.fullmatch(identity):", "if True:"),
    ("any id is asked for beside a change", "engine", "if not reads.ids.fullmatch(identity):", "if False:"),
    ("an id that bends a query", "presets/keycrm-api.toml", 'ids     = "[0-9]{1,18}"', 'ids     = ".+"'),
    ("phones of an answer beside those of events", "presets/retailcrm-api.toml", '{ each = "mobile", value = "number" },\n', ""),
    ("a property that is not asked for", "presets/hubspot-api.toml", '"phone", "mobilephone", "email"', '"phone", "email"'),
    ("what remains of a merge is not read", "presets/hubspot.toml", 'id        = ["newObjectId", "primaryObjectId", "objectId"]', 'id        = "objectId"'),
    ("any board is read", "presets/monday-api.toml", "($board: [ID!]!,", "($board: [ID!],"),
    ("a used-up day is an error", "presets/monday-api.toml", "'DAILY_LIMIT_EXCEEDED', ", ""),
    ("a used-up day is a wrong key", "presets/salesforce-api.toml", "body[0].errorCode == 'REQUEST_LIMIT_EXCEEDED'", "body.errorCode == 'REQUEST_LIMIT_EXCEEDED'"),
    ("an order's one phone for all of the buyer's", "presets/keycrm-api.toml", 'also  = [{ lookup = "contact", id = "buyer.id", when = "always" }]', 'also  = [{ lookup = "contact", id = "buyer.id", when = "unknown" }]'),
    ("half an emoji in our contract", "direct", 'value.encode(errors="ignore").decode() if', "value if"),
]  # fmt: skip


@pytest.fixture
def copy(tmp_path):
    """The mapping and its tests, without the rest of the project."""
    for name in COPIED:
        source = ROOT / name
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "test_faults.py"))
        else:
            shutil.copy(source, tmp_path / name)
    (tmp_path / "pyproject.toml").write_text(CONFIGURATION)
    return tmp_path


def file_of(module):
    """A module of Python, or a preset."""
    return module if module.endswith(".toml") else f"{module}.py"


@pytest.mark.parametrize(("module", "right"), [(module, right) for _, module, right, _ in FAULTS])
def test_a_fault_fits_the_code(module, right):
    assert right in (ROOT / "src" / "mapping" / file_of(module)).read_text("utf-8")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("fault", "module", "right", "wrong"), FAULTS, ids=[fault for fault, *_ in FAULTS])
def test_the_tests_catch(copy, fault, module, right, wrong):
    path = copy / "src" / "mapping" / file_of(module)
    text = path.read_text("utf-8")
    path.write_text(text.replace(right, wrong), "utf-8")

    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "tests/mapping",
    ]
    result = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)

    assert result.returncode == (0 if fault == "nothing" else 1), result.stdout[-2000:]
