"""Writes the documents of the OpenAPI description to agent_ui/src/api/openapi.json; the page's types are made of it.

`npm run api-types` in agent_ui calls it, with the Python that CALLCENTER_PYTHON names, else the project's own.
"""

import json
from pathlib import Path

from callcenter.web.app import api_description

DESCRIPTION = Path(__file__).resolve().parent.parent / "agent_ui" / "src" / "api" / "openapi.json"


def description_text() -> str:
    """The documents, sorted and without the titles that only repeat their names: few lines change with a route."""
    whole = api_description()
    shown = {"openapi": whole["openapi"], "info": whole["info"], "paths": {}, "components": _bare(whole["components"])}
    return json.dumps(shown, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _bare(part: object) -> object:
    if isinstance(part, dict):
        # A field may itself be called `title`; then its value is a schema.
        return {name: _bare(inner) for name, inner in part.items() if name != "title" or isinstance(inner, dict)}
    return [_bare(inner) for inner in part] if isinstance(part, list) else part


if __name__ == "__main__":
    DESCRIPTION.write_text(description_text(), encoding="utf-8")
