"""Over what callers come to a private Asterisk, as its files and the page of trunks have it."""

from callcenter.exchange_files import CALLERS_ADDRESS, private_trunks
from callcenter.settings import Settings


def test_where_no_trunk_is_set_callers_come_from_this_machine() -> None:
    (trunk,) = private_trunks(Settings())
    assert (trunk.name, [str(one) for one in trunk.match]) == ("demo", [CALLERS_ADDRESS])


def test_trunks_that_are_set_are_all_there_are() -> None:
    settings = Settings.model_validate({"trunks": [{"name": "carrier", "match": ["192.0.2.0/24"]}]})
    assert [trunk.name for trunk in private_trunks(settings)] == ["carrier"]
