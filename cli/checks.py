"""The checks of `bridge doctor`: each yields what it found, and turns the failure of what it asks into a finding."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import click
from botocore.exceptions import BotoCoreError, ClientError

from access import fault
from aws.client import Failure
from cards.card import refusals
from cards.key import heard_key, staff_key
from cli.patience import REMEDIES
from connections import Connection, api_key_of, auth_key_of, connection_of, has_hours
from delivery.policy import EVER_MS, GIVE_UP_DAYS, LEFT_COUNTED, LOOKED_AT
from errors import BadConnection, BridgeError, NewerSchema, OperatorError
from intake.employees import ids_of
from lookup.pace import is_elsewhere
from lookup.request import needs
from mapping.language import loader
from mapping.language.model import Mapping as Loaded
from mapping.language.rule import STAFF
from ops import api_keys, auth_check, origins, stored, wanted
from ops.blockers import troubles
from ops.crm import Crm, Dialect, api_of
from ops.owners import without_employee
from ops.stack import LARGEST_SECRET, Stack, as_secret
from ops.times import counted, shown

CLOCK_TOLERANCE_MS = 2 * 60_000  # signatures with a time are good for five minutes
OVERDUE_MS = 5 * 60_000  # the sweep runs every minute
LATER = "nothing is lost, it is tried again by itself; if this lasts,"
KEY_ENDS_SOON_MS = 30 * 86_400_000
TRIGGERS = {
    "InboxFunction": "InboxFunctionInbox",
    "DeliverFunction": "DeliverFunctionWakeUps",
    "LookupFunction": "LookupFunctionWakeUps",
}
USUAL_COPIES, LEAST_COPIES = 1_000, 50  # a new account has 10
MORE_COPIES = "ask for 1,000, free of charge: Service Quotas > AWS Lambda > Concurrent executions (L-B99A9384)"
FOR_A_NEW_ACCOUNT = "RequestsPerSecond=10 RequestBurst=5 InboxConcurrency=2"
NEARLY_FULL = 0.8  # of a secret
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html: about 100 versions are kept,
# and none younger than a day is removed.
RARELY = "write a secret at most once in 10 minutes, or about 100 times a day: each connect is a new version"
HEARD_MOST = 1_000  # connections, those that are gone included
DOOR_DAYS = 3  # a long weekend
STALE_MS = 30 * 86_400_000  # of the list of employees, which does not refresh itself
ROWS_LOOKED_AT = 1_000  # of the table, which gives them in no order: at most 128 RRU
LISTED = 5  # names of one sentence


Kind = Literal["fine", "note", "warning", "wrong"]


class Finding(NamedTuple):
    """What was looked at, and how it is; the remedy of what is wrong."""

    kind: Kind
    what: str
    remedy: str = ""


Check = Callable[[Stack], Iterator[Finding]]


def surviving(subject: str, remedy: str) -> Callable[[Check], Check]:
    """Make a check report an error of AWS as a finding about the subject."""

    def made(check: Check) -> Check:
        @functools.wraps(check)
        def checked(stack: Stack) -> Iterator[Finding]:
            try:
                yield from check(stack)
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "an error")
                yield Finding("wrong", f"{subject}: AWS answers {code} to {error.operation_name}", remedy)
            except Failure as error:
                yield Finding("wrong", f"{subject}: AWS answers {error.aws_code} to {error.operation}", remedy)
            except (BotoCoreError, KeyError) as error:
                yield Finding("wrong", f"{subject}: cannot be reached ({type(error).__name__})", remedy)
            except click.ClickException as error:
                yield Finding("wrong", error.message, remedy)
            except NewerSchema as error:
                yield Finding("wrong", f"{subject}: {error}", "make deploy with the version that wrote it")

        return checked

    return made


@surviving("the connections", "repair the secret ConnectionsSecret: one JSON object with an entry for each connection")
def connections(stack: Stack) -> Iterator[Finding]:
    """Check the connections, their mappings, and that each can prove itself and has a key to deliver with."""
    entries, keys = stack.secret("ConnectionsSecret"), _keys(stack)
    if not entries:
        yield Finding("wrong", "there is no connection, so no CRM can send", "bridge connect PRESET makes one")
        return
    wrong = [problem for name in sorted(entries) for problem in problems(stack, entries, keys, name)]
    yield from wrong
    if not wrong:
        yield Finding("fine", f"{counted(len(entries), 'connection')} can be read")
    if versions := sorted(
        {own.name for name in entries if (own := _mapping(stack, entries, name)) and own.name not in loader.mappings()}
    ):
        yield Finding("note", f"stored mappings in use: {listed(versions)}")
    for (project, origin), those in origins.shared(stack, entries).items():
        yield Finding("note", origins.words(project, origin, those), origins.REMEDY)


def problems(stack: Stack, entries: dict[str, Any], keys: dict[str, Any], name: str) -> list[Finding]:
    """Return what is wrong with an entry, quoting no value of its verification."""
    try:
        connection = connection_of(entries, name)
        if connection is None:
            return []
        lacks = stored.lacking(stack, connection)
    except BadConnection as error:
        return [_wrong(name, str(error), f"repair its entry in ConnectionsSecret, or {_anew(name, 'PRESET')}")]
    except OperatorError as error:
        return [_wrong(name, str(error), f"bridge mapping put or rollback, or {_anew(name, 'PRESET')}")]
    anew, project = _anew(name, connection.mapping), connection.project
    closed = fault(connection.verify) if connection.verify else ""
    keyless = "" if auth_key_of(keys, project) else f"project {project} has no auth key"
    hours = "" if has_hours(entries[name]) else "silent_hours must be a whole number of hours, 0 for never"
    found = {
        lacks: f"make deploy, bridge mapping put, or {anew}",
        closed: f"{anew}, or repair its entry in ConnectionsSecret",
        keyless: f"bridge project add {project}",
        hours: "correct its entry in ConnectionsSecret",
    }
    return [_wrong(name, what, remedy) for what, remedy in found.items() if what]


def _wrong(name: str, what: str, remedy: str) -> Finding:
    return Finding("wrong", f"connection {name}: {what}", remedy)


def _anew(name: str, mapping: str) -> str:
    return f"bridge connect {mapping} --name {name} --replace"


def _mapping(stack: Stack, entries: dict[str, Any], name: str) -> Loaded | None:
    """Return the mapping of a connection; None where it cannot be read, which another check reports."""
    try:
        connection = connection_of(entries, name)
        return stack.mappings.of(connection) if connection else None
    except OperatorError:
        return None


def _keys(stack: Stack) -> dict[str, Any]:
    """Return the auth keys, empty where they cannot be read: another check reports that."""
    try:
        return stack.secret("AuthKeysSecret")
    except (ClientError, BotoCoreError, BridgeError, click.ClickException):
        return {}


@surviving("Ringostat's employees", "check that you may read ConnectionsSecret and CardsTable")
def employees(stack: Stack) -> Iterator[Finding]:
    """Say how old the list of employees is, where a mapping needs it."""
    entries = stack.secret("ConnectionsSecret")
    for project in sorted({found.project for name in entries if (found := _staffed(stack, entries, name))}):
        row = stack.cards.row(staff_key(project))
        if ids := ids_of(row):
            read = shown(row["read_at"], stack.clock())
            is_old = row["read_at"] < stack.clock() - STALE_MS
            kind: Kind = "warning" if is_old else "note"
            remedy = (
                f"bridge staff {project} --try reads it anew"
                if is_old
                else f"bridge staff {project} names owners that it lacks"
            )
            yield Finding(kind, f"project {project} has a list of {counted(len(ids), 'employee')}, read {read}", remedy)
        else:
            what = f"project {project} has no list of Ringostat's employees, so its mappings find no staffId"
            yield Finding("warning", what, f"bridge staff {project} --try")


@surviving("the owners of cards", "check that you may read ConnectionsSecret and CardsTable")
def unknown_owners(stack: Stack) -> Iterator[Finding]:
    """Count, in a part of the table, cards whose owner their mapping looked for among the employees in vain."""
    entries, (rows, _) = stack.secret("ConnectionsSecret"), stack.cards.scan(ROWS_LOOKED_AT)
    for name, (number, of_it) in sorted(without_employee(rows).items()):
        own = _mapping(stack, entries, name)
        connection = connection_of(entries, name) if own else None
        if own is None or connection is None or not (own.lookups or loader.answers_of(own).lookups):
            continue  # `direct` gives employees itself
        what = f"{name}: of {of_it} cards with an owner, {number} have no employee ({len(rows)} rows looked at)"
        anew = (
            "--try reads Ringostat's list anew" if _staffed(stack, entries, name) else "its mapping's table lacks them"
        )
        yield Finding("warning", what, f"bridge staff {connection.project} names the owners; {anew}")


def _staffed(stack: Stack, entries: dict[str, Any], name: str) -> Connection | None:
    """Return a connection whose mapping, or that of its CRM's answers, finds employees; None for any other."""
    own = _mapping(stack, entries, name)
    connection = connection_of(entries, name) if own else None
    return connection if own and (STAFF in own.lookups or STAFF in loader.answers_of(own).lookups) else None


@surviving("the size of the secrets", "allow secretsmanager:GetSecretValue")
def secret_sizes(stack: Stack) -> Iterator[Finding]:
    """Warn before a secret is full."""
    for name in ("ConnectionsSecret", "AuthKeysSecret", api_keys.SECRET):
        if name not in stack.ids:
            continue  # the stack was deployed without look-ups
        size = len(as_secret(stack.secret(name)).encode())
        if size >= NEARLY_FULL * LARGEST_SECRET:
            what = f"{name} takes {size} of the {LARGEST_SECRET} bytes that a secret may have"
            yield Finding("warning", what, f"take out what is not used any more, or begin a second stack; {RARELY}")


@surviving("the auth keys", "repair the secret AuthKeysSecret, or run bridge project add N")
def auth_keys(stack: Stack) -> Iterator[Finding]:
    """Ask Ringostat, by a call that changes nothing, whether it takes each key."""
    entries = stack.secret("AuthKeysSecret")
    url = stack.environment["RINGOSTAT_URL"]
    if not entries:
        yield Finding("wrong", "no project has an auth key, so nothing is delivered", "bridge project add N")
    for project in sorted(entries):
        key = auth_key_of(entries, int(project)) if project.isdecimal() else None
        fault = auth_check.fault(url, key) if key else "the entry holds no auth_key"
        if not fault:
            yield Finding("fine", f"Ringostat takes the auth key of project {project}")
        elif "auth" in fault:
            yield Finding("wrong", f"project {project}: {fault}", f"copy the key again: bridge project add {project}")
        else:
            remedy = "nothing is lost, the bridge tries again by itself; check the network, RingostatUrl, and Ringostat"
            yield Finding("wrong", f"project {project}: {fault}", remedy)


@surviving("the queues", "check that the stack is deployed whole: aws cloudformation describe-stacks")
def queues(stack: Stack) -> Iterator[Finding]:
    """Check that each queue can be reached, and that those that should be empty are."""
    remedies = {
        "RejectedQueue": "bridge rejected list shows why; fix the mapping, then bridge rejected replay",
        "DeadDeliveryQueue": "a fault of the bridge itself: read the logs of DeliverFunction and LookupFunction; "
        "nothing is lost, cards stay due and records wanted",
    }
    for name in ("InboxQueue", "DeliveryQueue", "RejectedQueue", "DeadDeliveryQueue", "LookupQueue"):
        if name not in stack.ids:
            continue  # the stack was deployed without look-ups
        depth = stack.depth(name)
        wrong = depth and name in remedies
        yield Finding("wrong" if wrong else "fine", f"{name} holds {depth}", remedies[name] if wrong else "")


@surviving("the triggers", "allow lambda:GetEventSourceMapping, or look at the functions in the console")
def triggers(stack: Stack) -> Iterator[Finding]:
    """Check that the queues are polled and that the sweep has its schedule."""
    for function, trigger in TRIGGERS.items():
        if trigger not in stack.ids:
            continue  # as above
        # By its own id, because with published versions the trigger is the alias's, and the function has none.
        state = stack.client("lambda").get_event_source_mapping(UUID=stack.ids[trigger])["State"]
        if state in ("Enabled", "Enabling", "Updating", "Creating"):
            yield Finding("fine", f"{function} polls its queue")
            continue
        remedy = f"enable the trigger of {function} in the console, or aws lambda update-event-source-mapping --enabled"
        yield Finding("wrong", f"{function} does not poll its queue ({state})", remedy)
    rule = stack.client("events").describe_rule(Name=stack.ids["SweepFunctionEveryMinute"])
    if rule["State"] == "DISABLED":
        yield Finding("wrong", "the schedule of SweepFunction is disabled", "enable its rule in EventBridge")


@surviving(
    "the account", "allow lambda:GetAccountSettings, or look at Service Quotas > AWS Lambda > Concurrent executions"
)
def account(stack: Stack) -> Iterator[Finding]:
    """Say how many requests at once the account's Lambda bears: it shares its copies among all functions and stacks."""
    if stack.hooks_url.startswith("http:"):
        return  # the local world: what this machine bears is no account's limit
    copies = stack.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    at_once = f"{counted(copies, 'copy', 'copies')} at once"
    what = f"the account's Lambda runs at most {at_once}, so of more requests at once some are lost"
    if copies < LEAST_COPIES:
        yield Finding("wrong", what, f"{MORE_COPIES}; until then deploy with {FOR_A_NEW_ACCOUNT}")
    elif copies < USUAL_COPIES:
        yield Finding("warning", what, MORE_COPIES)
    else:
        yield Finding("fine", f"the account's Lambda runs {at_once}")


@surviving("the table", "check that CardsTable exists and that you may read it")
def deliveries(stack: Stack) -> Iterator[Finding]:
    """Check what holds the cards of each project back, and whether sweep and delivery keep up with them."""
    now = stack.clock()
    projects = stack.cards.projects()
    for project in projects:
        held = list(troubles(stack.cards, project, now))
        yield from (Finding("wrong", trouble.what, trouble.remedy) for trouble in held)
        oldest = stack.cards.read(stack.cards.due(project, now - OVERDUE_MS, 1))
        for card in oldest.values():
            what = f"project {project}: {card.key} should have been tried {shown(card.due_at or 0, now)}"
            remedy = (
                "it waits for the above" if held else "see whether SweepFunction and DeliverFunction run: their logs"
            )
            yield Finding("wrong", what, remedy)
        due = stack.cards.read(stack.cards.due(project, EVER_MS, LOOKED_AT)).values()
        if number := sum(refusals(card) > 0 for card in due):
            what = f"project {project}: Ringostat refused cards that were alone ({number}); they are tried again"
            yield Finding("note", what, "bridge refused list names them with code and field")
        if not held and not oldest:
            yield Finding("fine", f"project {project}: no card is overdue, no circuit is open")
    if not projects:
        yield Finding("fine", "the table can be read; no card ever came")


@surviving("the look-ups", "repair the secret ApiKeysSecret: one JSON object with an entry for each connection")
def look_ups(stack: Stack) -> Iterator[Finding]:
    """Check that each connection whose mapping looks records up has a key that its CRM takes and that does not end."""
    entries, keys = stack.secret("ConnectionsSecret"), api_keys.of(stack)
    for name in sorted(entries):
        try:
            connection = connection_of(entries, name)
            dialect = api_of(stack.mappings.of(connection)) if connection else None
        except OperatorError:
            continue  # reported among the connections
        if connection and dialect and connection.lookups:
            yield from _key(stack, connection, dialect, api_key_of(keys, name))
        elif connection and dialect and name in keys:
            remedy = f'write "lookups": true into its entry in ConnectionsSecret, or {_again(connection)}'
            yield Finding("note", f"{name} has an API key that is not used", remedy)
        elif connection and dialect:
            way = _again(connection) if api_keys.are_kept(stack) else api_keys.HOW_TO_DEPLOY
            yield Finding("note", f"{name} looks nothing up: what its events leave out stays unknown", way)


def _key(stack: Stack, connection: Connection, dialect: Dialect, key: Mapping[str, str]) -> Iterator[Finding]:
    """Check a connection's API key: that it is whole, how long it lasts, and that the CRM takes it."""
    name, again = connection.name, _again(connection)
    lacking = [field for field in needs(dialect.api) if not key.get(field)]
    if lacking:
        yield Finding("wrong", f"{name} is to look records up, and its API key lacks {' and '.join(lacking)}", again)
        return
    end, now = api_keys.end_of(key), stack.clock()
    if end is not None and end < now + KEY_ENDS_SOON_MS:
        when, remedy = shown(end, now), f"make a new one in the CRM, then {again}"
        if end < now:
            yield Finding("wrong", f"{name}: the API key ended {when}", remedy)
        else:
            yield Finding("warning", f"{name}: the API key ends {when}", remedy)
    yield _asked(name, Crm(stack, connection, dialect, key), again)


def _asked(name: str, crm: Crm, again: str) -> Finding:
    """Ask the CRM whether it takes the key; what it says for a time only is not the key's fault."""
    remedies = {
        "key": f"nothing is lost, but its records are not read: make a new key in the CRM, then {again}",
        **dict.fromkeys(("retry", "wait"), f"{LATER} look at the status page of {crm.name}"),
    }
    try:
        read = crm.check()
    except OperatorError as error:
        return Finding("wrong", f"{name}: {error}", remedies["key"])
    if read.kind == "ok":
        return Finding("fine", f"{name}: {crm.name} takes the API key")
    if is_elsewhere(read):
        remedies["key"] = f"nothing is lost, but its records are not read: give the right address, {again}"
    return Finding("wrong", f"{name}: {crm.trouble(read)}", remedies.get(read.kind) or REMEDIES[read.kind])


def _again(connection: Connection) -> str:
    return f"bridge connect {connection.mapping} --name {connection.name} --api-only"


@surviving("the wanted records", "check that you may read CardsTable and its index")
def wanted_records(stack: Stack) -> Iterator[Finding]:
    """Check that what connections want from their CRMs is read, or say why it waits."""
    now = stack.clock()
    for name in stack.cards.wanting():
        held = list(wanted.troubles(stack.cards, name, now))
        yield from (Finding("wrong", trouble.what, trouble.remedy) for trouble in held)
        found = wanted.wanted(stack.cards, name)
        if found is None:
            continue
        what = f"{name} {found.words(now)}"
        if wanted.overdue(found, now):
            remedy = (
                "they wait for the above" if held else "see whether SweepFunction and LookupFunction run: their logs"
            )
            yield Finding("wrong", what, remedy)
        else:
            yield Finding("note", what)


@surviving("the cards left behind", "check that you may read CardsTable and its index")
def left_behind(stack: Stack) -> Iterator[Finding]:
    """Count what a person must remove at Ringostat."""
    number = sum(len(stack.cards.left_behind(one, EVER_MS, LEFT_COUNTED)) for one in stack.cards.projects())
    if number:
        cards = counted(number, "card")
        what = f"{cards} left behind: deleted, emptied or erased in the CRM, and perhaps still at Ringostat"
        yield Finding("note", what, "bridge left-behind lists them; remove them in Ringostat's contact book by hand")


@surviving("the clock", "check the network")
def clocks(stack: Stack) -> Iterator[Finding]:
    """Compare this machine's clock with that of AWS."""
    ahead = stack.ahead()
    if ahead is None:
        return
    if abs(ahead) < CLOCK_TOLERANCE_MS:
        yield Finding("fine", "this machine's clock agrees with AWS's")
        return
    minutes, side = abs(ahead) // 60_000, "ahead of" if ahead > 0 else "behind"
    remedy = "set it by NTP: requests signed with its time are denied, and a CRM on this machine stamps changes wrongly"
    yield Finding("wrong", f"this machine's clock is {minutes} min {side} AWS's", remedy)


@surviving("the alarms", "allow cloudwatch:DescribeAlarms, or look at the alarms in the console")
def alarms(stack: Stack) -> Iterator[Finding]:
    """List the stack's alarms that are active."""
    own = set(stack.ids.values())
    pages = stack.client("cloudwatch").get_paginator("describe_alarms").paginate(StateValue="ALARM")
    active = [alarm for page in pages for alarm in page["MetricAlarms"] if alarm["AlarmName"] in own]
    for alarm in active:
        since = shown(int(alarm["StateUpdatedTimestamp"].timestamp() * 1000), stack.clock())
        yield Finding(
            "wrong",
            f"alarm {alarm['AlarmName']} since {since}",
            alarm.get("AlarmDescription", "see docs/operations.md"),
        )
    if not active:
        yield Finding("fine", "no alarm is active")


@surviving("the last events", "check that you may read CardsTable and its index")
def last_events(stack: Stack) -> Iterator[Finding]:
    """Say when each connection was heard last, to the hour; which are silent, and which cannot be read."""
    entries, now = stack.secret("ConnectionsSecret"), stack.clock()
    rows = stack.cards.rows([heard_key(name) for name in sorted(entries)])
    silent = set(stack.cards.silent(now, HEARD_MOST))
    for name in sorted(set(stack.cards.silent(EVER_MS, HEARD_MOST)) - entries.keys()):
        remedy = (
            f"its requests are denied: bring back the secret (docs/operations.md, A lost secret) before anything else "
            f"writes it, or bridge connect PRESET --name {name}, or take the hook out of the CRM "
            f"and bridge disconnect {name}"
        )
        yield Finding("wrong", f"events came by the connection {name}, which is gone", remedy)
    for name in sorted(entries):
        if row := rows.get(heard_key(name)):
            yield _heard(name, row, now, is_silent=name in silent)
    if never := sorted(name for name in entries if heard_key(name) not in rows):
        remedy = f"bridge send SAMPLE --connection {never[0]} sends an event as its CRM would"
        yield Finding("note", f"no event is known of {listed(never)}", remedy)


def _heard(name: str, row: Mapping[str, Any], now: int, *, is_silent: bool) -> Finding:
    if "read_at" not in row:
        what = f"nothing that {name} sends is known to its mapping, last {shown(row['unread_at'], now)}"
        return Finding(
            "wrong", what, f"bridge rejected list --connection {name}; bridge explain names the right preset"
        )
    what = f"{name} sent its last event {shown(row['read_at'], now)}"
    if not is_silent:
        return Finding("note", what)
    remedy = f"see whether its webhook is on in the CRM; then bridge sync {name} --since that time"
    return Finding("wrong", f"{what}: it is silent", remedy)


@surviving("the metrics", "allow cloudwatch:GetMetricStatistics and lambda:GetFunctionConfiguration")
def metrics(stack: Stack) -> Iterator[Finding]:
    """Say what only metrics know: requests that API Gateway refused itself, and cards refused for good."""
    service = stack.environment["POWERTOOLS_SERVICE_NAME"]
    if lost := _sum(stack, f"RingostatBridge/{service}", "RequestsRefused", DOOR_DAYS):
        what = (
            f"API Gateway refused {counted(lost, 'request')} in the last {DOOR_DAYS} days, of which nothing is stored"
        )
        yield Finding("warning", what, f"bridge sync CONNECTION --since {DOOR_DAYS}d, or save the records once more")
    own = {"Name": "service", "Value": service}
    if refused := _sum(stack, "RingostatBridge", "CardsRefused", GIVE_UP_DAYS, own):
        what = f"Ringostat refused {counted(refused, 'card')} for good in the last {GIVE_UP_DAYS} days"
        yield Finding("warning", what, "bridge refused list names those that still are, with code and field")


def _sum(stack: Stack, namespace: str, name: str, days: int, *dimensions: Mapping[str, str]) -> int:
    now = datetime.fromtimestamp(stack.clock() / 1000, UTC)
    answer = stack.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=list(dimensions),
        StartTime=now - timedelta(days=days),
        EndTime=now,
        Period=86_400,
        Statistics=["Sum"],
    )
    return int(sum(point["Sum"] for point in answer["Datapoints"]))


def listed(names: Sequence[str]) -> str:
    """Return names as a part of a sentence, at most a few of them."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


CHECKS: tuple[Check, ...] = (
    connections,
    secret_sizes,
    auth_keys,
    employees,
    unknown_owners,
    queues,
    triggers,
    account,
    deliveries,
    look_ups,
    wanted_records,
    left_behind,
    clocks,
    alarms,
    last_events,
    metrics,
)
