"""The description of the API, and the copy of it that the page's types are made of."""

from callcenter.web.app import api_description
from scripts.api_description import DESCRIPTION, description_text


def test_the_pages_types_are_made_of_what_the_server_says_today() -> None:
    assert DESCRIPTION.read_text(encoding="utf-8") == description_text(), (
        "the API's documents changed: run `npm run api-types` in agent_ui, and see that the pages still build"
    )


def test_answers_have_all_their_fields_and_requests_need_not() -> None:
    components = api_description()["components"]
    assert isinstance(components, dict)
    customer, change = (components["schemas"][name] for name in ("Customer", "CustomerChange"))
    assert set(customer["required"]) == set(customer["properties"])
    assert "required" not in change
    assert components["schemas"]["CustomerBody"]["required"] == ["name"]
