"""Names that look random: made from a key, unique, and never given out twice."""

import uuid

from githubsim import nonces
from githubsim.dice import Dice
from githubsim.nonces import RequestIds


def test_a_guid_looks_like_one_and_belongs_to_its_world() -> None:
    one, other = nonces.key_of(1), nonces.key_of(2)
    guids = [nonces.guid(key, number) for key in (one, other) for number in range(1, 1001)]
    assert len(set(guids)) == 2000
    assert all(uuid.UUID(guid).version == 4 and str(uuid.UUID(guid)) == guid for guid in guids)
    assert guids[0] == nonces.guid(nonces.key_of(1), 1)


def test_a_copy_has_names_of_its_own() -> None:
    key = nonces.key_of(1)
    keys = {key, nonces.branched(key, 0), nonces.branched(key, 1)}
    keys.add(nonces.branched(nonces.branched(key, 0), 0))
    assert len({nonces.guid(one, 7) for one in keys}) == 4


def test_the_same_request_has_another_id_each_time() -> None:
    ids, again = (RequestIds(nonces.key_of(1)) for _ in range(2))
    asked = [("GET", "/meta?", b""), ("POST", "/graphql", b"{}"), ("POST", "/graphql", b"[]")]
    first = [ids.next(*one) for one in asked * 3]
    assert len(set(first)) == 9
    # What others ask in between makes no difference.
    backwards = [again.next(*one) for one in [asked[2], asked[1], asked[0]] * 3]
    assert sorted(backwards) == sorted(first)


def test_no_throw_comes_twice_after_old_ones_were_forgotten() -> None:
    dice = Dice(3, most=2)
    keys = [dice.throw(name).key for name in "aabcabcaab" * 5]
    assert len(set(keys)) == len(keys)
