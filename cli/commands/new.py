"""`bridge new`: a first mapping for a CRM that has none."""

import tempfile
from pathlib import Path

import click

from cli import exits
from cli.draft import draft
from cli.terminal import say
from errors import SenderError
from mapping import normalize
from mapping.language import loader
from ops.dry_run import tried
from ops.offline import Offline
from ops.samples import Sample, of_event


def _crm(_: click.Context, __: click.Parameter, value: str) -> str:
    if "#" in value:
        raise click.BadParameter("it cannot hold '#'")
    return normalize.text(value) or ""


@click.command(short_help="Draft a mapping from a sample.")
@of_event
@click.option("--crm", default="", callback=_crm, help="The name of this CRM in Ringostat.")
def command(samples: list[Sample], crm: str) -> int:
    """Draft a mapping from the field names of SAMPLE: bridge new sample.json > my.toml.

    What it found, and what it could not identify, of name, id, time, phones and e-mails is on standard error.
    """
    sample = samples[0]
    try:
        drafted = draft(sample.decoded(), crm, sample.headers)
    except SenderError as error:
        raise click.ClickException(f"the sample cannot be read: {error}") from None
    click.echo(drafted.text, nl=False)
    for field, expressions in drafted.found.items():
        if expressions:
            say(f"found: {field}: {', '.join(expressions)}", error=True)
    for what in drafted.missing:
        say(f"not found: {what}", error=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "draft.toml"
        path.write_text(drafted.text, "utf-8")
        connection = Offline(loader.load_file(path), 106, {})
    results = [outcome.result for outcome in tried(connection, sample).outcomes]
    is_whole = not connection.mapping.warnings
    state = "valid" if is_whole else "not complete"
    say(f"the draft is {state}; of this sample it makes: {', '.join(results)}", error=True)
    if not is_whole or "reject" in results:
        say("next: fill in what was not found; bridge explain SAMPLE --mapping FILE says what is missing", error=True)
        return exits.FINE
    say("next: bridge mapping put FILE --name NAME --sample SAMPLE, then bridge connect NAME", error=True)
    return exits.FINE
