"""Arrays with bad records: who is blamed, who is delivered, and how many POSTs it takes."""

from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.bisect import post_all
from delivery.classify import Judgement

CONFIRMED = Judgement("confirmed")
BAD = Judgement("bad-data", "422", "fullName")
TOO_BIG = Judgement("too-big", "413")


class Remote:
    """Refuses arrays that hold a bad record, and arrays above its limit; remembers all that was posted."""

    def __init__(self, bad=(), limit=10_000, then=None):
        self.bad = set(bad)
        self.limit = limit
        self.then = dict(then or {})  # number of the POST -> the judgement it gets instead
        self.posts = []

    def __call__(self, records):
        self.posts.append(list(records))
        if len(self.posts) in self.then:
            return self.then[len(self.posts)]
        if len(records) > self.limit:
            return TOO_BIG
        return BAD if self.bad.intersection(records) else CONFIRMED

    def alone(self):
        return {posted[0] for posted in self.posts if len(posted) == 1}


def posts_for(size, bad):
    remote = Remote(bad)
    judged = dict(post_all(range(size), remote))
    assert {record for record, judgement in judged.items() if judgement == BAD} == set(bad)
    assert {record for record, judgement in judged.items() if judgement == CONFIRMED} == set(range(size)) - set(bad)
    assert set(bad) <= remote.alone()
    return len(remote.posts)


def test_a_good_array_is_one_post():
    assert posts_for(100, ()) == 1


def test_no_records_are_no_post():
    remote = Remote()

    assert list(post_all([], remote)) == []
    assert remote.posts == []


def test_one_bad_of_ten_costs_at_most_7_posts_at_every_position():
    assert max(posts_for(10, {bad}) for bad in range(10)) == 7


def test_one_bad_of_a_hundred_costs_at_most_10_posts_at_every_position():
    assert max(posts_for(100, {bad}) for bad in range(100)) == 10


def test_three_bad_of_a_hundred_cost_at_most_28_posts():
    triples = list(combinations(range(100), 3))
    worst = [{1, 3, 5}, {0, 1, 2}, {0, 50, 99}, {97, 98, 99}, {0, 25, 50}, {12, 37, 62}]
    sample = [*worst, *Random(106).sample(triples, 4000)]

    assert max(posts_for(100, set(bad)) for bad in sample) == 28


def test_an_array_of_nothing_but_bad_records_costs_about_two_posts_each():
    assert posts_for(100, set(range(100))) == 217


@given(st.integers(1, 60), st.sets(st.integers(0, 59)), st.integers(1, 60))
def test_every_record_is_judged_once_and_blamed_only_after_it_failed_alone(size, bad, limit):
    remote = Remote(bad, limit)
    judged = list(post_all(range(size), remote))

    assert sorted(record for record, _ in judged) == list(range(size))
    assert {record for record, judgement in judged if judgement != CONFIRMED} == bad & set(range(size))
    assert bad & set(range(size)) <= remote.alone()


def test_an_accepted_record_is_never_posted_again():
    remote = Remote({7})
    list(post_all(range(10), remote))

    accepted = [record for posted in remote.posts if not remote.bad.intersection(posted) for record in posted]
    assert sorted(accepted) == [0, 1, 2, 3, 4, 5, 6, 8, 9]


def test_judgements_come_as_soon_as_they_are_known():
    remote = Remote({7})
    settled = post_all(range(10), remote)

    next(settled)

    assert len(remote.posts) == 2


def test_a_too_big_array_is_halved_until_it_fits():
    remote = Remote(limit=30)

    assert dict(post_all(range(100), remote)) == dict.fromkeys(range(100), CONFIRMED)
    assert sum(len(posted) > 30 for posted in remote.posts) == 2
    assert all(len(posted) <= 25 for posted in remote.posts[2:])


def test_a_record_too_big_alone_is_said_to_be_so_and_the_others_go_on():
    def post(records):
        return TOO_BIG if 3 in records else CONFIRMED

    assert dict(post_all(range(5), post)) == {**dict.fromkeys(range(5), CONFIRMED), 3: TOO_BIG}


@pytest.mark.parametrize("answer", ["ambiguous", "slow-down", "auth", "configuration", "not-sent"])
def test_any_other_failure_holds_for_its_array_and_is_not_bisected(answer):
    failure = Judgement(answer)
    remote = Remote(then={1: failure})

    assert dict(post_all(range(10), remote)) == dict.fromkeys(range(10), failure)
    assert len(remote.posts) == 1


@pytest.mark.parametrize("answer", ["ambiguous", "slow-down", "auth", "configuration", "not-sent"])
def test_what_a_refused_array_held_is_ambiguous_when_the_posting_ends_early(answer):
    remote = Remote({9}, then={2: Judgement(answer)})

    judged = dict(post_all(range(10), remote))

    assert len(remote.posts) == 2
    assert {judged[record] for record in remote.posts[1]} == {Judgement(answer)}
    assert {judged[record] for record in range(5, 10)} == {Judgement("ambiguous", "refused-array")}


def test_what_a_too_big_array_held_is_simply_unposted_when_the_posting_ends_early():
    remote = Remote(limit=9, then={2: Judgement("slow-down")})

    judged = dict(post_all(range(10), remote))

    assert {judged[record] for record in range(5, 10)} == {Judgement("unposted", "slow-down")}


UNPOSTED = [Judgement("unposted", "no-time"), Judgement("unposted", "circuit-open")]


@pytest.mark.parametrize("held_back", UNPOSTED)
def test_nothing_is_started_where_nothing_may_be_posted(held_back):
    remote = Remote(then={1: held_back})

    assert dict(post_all(range(3), remote)) == dict.fromkeys(range(3), held_back)
    assert len(remote.posts) == 1


@pytest.mark.parametrize("held_back", UNPOSTED)
def test_a_bisection_that_may_not_go_on_keeps_what_it_knows(held_back):
    remote = Remote({0}, then={4: held_back})
    judged = dict(post_all(range(10), remote))

    assert len(remote.posts) == 4
    assert set(judged.values()) == {Judgement("ambiguous", "refused-array")}


def test_records_need_not_be_hashable():
    assert list(post_all([{"a": 1}], lambda _: CONFIRMED)) == [({"a": 1}, CONFIRMED)]
