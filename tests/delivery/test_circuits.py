"""One circuit a project and class: open after five failures in a row, then one probe, then closed."""

import pytest
import time_machine

from aws.clients import PATIENT, dynamodb
from delivery.circuits import CIRCUITS, FAILURES_IN_A_ROW, Circuits
from delivery.classify import Judgement
from local.in_process import START
from settings import SETTINGS

CONFIRMED = Judgement("confirmed")
FAILED = {name: Judgement("ambiguous", "503", circuit=name) for name in CIRCUITS}


class Line:
    """The circuits, and a clock that Powertools sees too."""

    def __init__(self, traveller):
        self._traveller = traveller
        self.now = START
        self.circuits = self.another()
        self.posts = 0

    def another(self):
        """The circuits of another worker."""
        return Circuits(dynamodb(PATIENT), SETTINGS.cards_table, 30)

    def pass_(self, seconds):
        self.now += seconds * 1000
        self._traveller.move_to(self.now / 1000)

    def post(self, judgement, project=106):
        def post():
            self.posts += 1
            return judgement

        return self.circuits.post(project, post)

    def gate(self, project=106):
        return self.circuits.gate(project, self.now)


@pytest.fixture
def line(nowhere):
    with time_machine.travel(START / 1000, tick=False) as traveller:
        yield Line(traveller)


def test_a_project_without_failures_is_open_to_all(line):
    assert line.post(CONFIRMED) == CONFIRMED
    assert line.gate() == "closed"


@pytest.mark.parametrize(("name", "rest"), [("transport", 30), ("contract", 300), ("auth", 300)])
def test_failures_in_a_row_stop_a_project_until_one_probe_succeeds(line, name, rest):
    for _ in range(FAILURES_IN_A_ROW - 1):
        line.post(FAILED[name])
    assert line.gate() == "closed"

    line.post(FAILED[name])
    assert line.gate() == "open"
    assert line.post(CONFIRMED) == Judgement("unposted", "circuit-open")
    assert line.posts == FAILURES_IN_A_ROW

    line.pass_(rest - 1)
    assert line.gate() == "open"
    line.pass_(1)
    assert line.gate() == "probe"
    assert line.post(CONFIRMED) == CONFIRMED
    assert line.gate() == "closed"


def test_a_probe_that_fails_opens_the_circuit_again(line):
    for _ in range(FAILURES_IN_A_ROW):
        line.post(FAILED["transport"])
    line.pass_(30)

    line.post(FAILED["transport"])

    assert line.gate() == "open"


def test_a_success_between_ends_the_row(line):
    for _ in range(3 * FAILURES_IN_A_ROW):
        line.post(FAILED["transport"])
        line.post(CONFIRMED)

    assert line.gate() == "closed"


def test_bad_data_counts_for_no_circuit(line):
    for _ in range(2 * FAILURES_IN_A_ROW):
        line.post(Judgement("bad-data", "400"))

    assert line.gate() == "closed"


def test_one_projects_failures_stop_no_other(line):
    for _ in range(FAILURES_IN_A_ROW):
        line.post(FAILED["transport"])

    assert line.gate(107) == "closed"
    assert line.post(CONFIRMED, 107) == CONFIRMED


def test_while_one_worker_probes_the_others_wait(line):
    for _ in range(FAILURES_IN_A_ROW):
        line.post(FAILED["transport"])
    line.pass_(30)
    seen = []

    def probe():
        seen.append(line.another().gate(106, line.now))
        return CONFIRMED

    line.circuits.post(106, probe)

    assert seen == ["open"]


def test_a_worker_that_dies_in_a_probe_holds_the_others_up_no_longer_than_a_recovery_takes(line):
    for _ in range(FAILURES_IN_A_ROW):
        line.post(FAILED["transport"])
    line.pass_(30)

    def dying():
        raise MemoryError

    with pytest.raises(MemoryError):
        line.circuits.post(106, dying)

    gates = []
    for seconds in (0, 29, 1):
        line.pass_(seconds)
        gates.append(line.another().gate(106, line.now))
    assert gates == ["open", "open", "probe"]


def test_each_move_of_a_circuit_is_told(line, caplog):
    for _ in range(FAILURES_IN_A_ROW):
        line.post(FAILED["transport"])
    line.pass_(30)
    line.post(CONFIRMED)

    moves = [(record.circuit, record.state) for record in caplog.records if record.message == "circuit"]
    assert moves == [("106#circuit#transport", state) for state in ("OPEN", "HALF_OPEN", "CLOSED")]
