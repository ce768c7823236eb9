"""The built pages as they are served: compressed once, tagged, and as they are for whoever takes no gzip."""

import gzip
from pathlib import Path

from fastapi.testclient import TestClient

from tests.adapters.web_house import furnish

SCRIPT = "export const words = 'a page of some length';\n" * 200


def build(directory: Path) -> None:
    (directory / "assets").mkdir()
    (directory / "index.html").write_text("<!doctype html><title>page</title>", encoding="utf-8")
    (directory / "assets" / "index-abc.js").write_text(SCRIPT, encoding="utf-8")
    (directory / "assets" / "picture.png").write_bytes(bytes(3_000))


def test_scripts_are_served_compressed_and_not_sent_twice(tmp_path: Path) -> None:
    build(tmp_path)
    with furnish(tmp_path) as house, TestClient(house.app) as client:
        whole = client.get("/assets/index-abc.js")
        assert (whole.text, whole.headers["content-encoding"], whole.headers["vary"]) == (
            SCRIPT,
            "gzip",
            "Accept-Encoding",
        )
        assert int(whole.headers["content-length"]) == len(gzip.compress(SCRIPT.encode(), 9, mtime=0)) < 400
        assert "immutable" in whole.headers["cache-control"]
        again = client.get("/assets/index-abc.js", headers={"If-None-Match": whole.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        head = client.head("/assets/index-abc.js")
        assert (head.headers["content-length"], head.content) == (whole.headers["content-length"], b"")


def test_who_takes_no_gzip_and_what_is_no_text_goes_as_it_is(tmp_path: Path) -> None:
    build(tmp_path)
    with furnish(tmp_path) as house, TestClient(house.app) as client:
        for accepted in ("identity", "gzip;q=0, br"):
            plain = client.get("/assets/index-abc.js", headers={"Accept-Encoding": accepted})
            assert ("content-encoding" in plain.headers, plain.text) == (False, SCRIPT)
        assert "content-encoding" not in client.get("/assets/picture.png").headers
        # A small page is not worth it.
        assert "content-encoding" not in client.get("/board").headers


def test_a_new_build_is_compressed_anew(tmp_path: Path) -> None:
    build(tmp_path)
    with furnish(tmp_path) as house, TestClient(house.app) as client:
        before = client.get("/assets/index-abc.js").headers["etag"]
        (tmp_path / "assets" / "index-abc.js").write_text(SCRIPT + "// more\n", encoding="utf-8")
        (tmp_path / "index.html").write_text("<!doctype html><title>another</title>", encoding="utf-8")
        after = client.get("/assets/index-abc.js")
        assert after.headers["etag"] != before
        assert after.text.endswith("// more\n")
