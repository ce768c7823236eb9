"""Adds up the test results of all stages and prints them as one closing line.

A stage that died without writing its results, or failed without a failed test, counts as one failure.
Called with the folder of the results and the names of the failed stages.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree


def count(results: Path, failed_stages: set[str]) -> tuple[int, int, int]:
    """Return how many tests passed, failed (errors included) and were skipped."""
    passed = failed = skipped = 0
    for path in sorted(results.glob("*.xml")):
        try:
            root = ElementTree.parse(path).getroot()  # noqa: S314  The file was written by our own pytest.
        except ElementTree.ParseError:
            failed += 1
            continue
        failed_before = failed
        for case in root.iter("testcase"):
            outcomes = {child.tag for child in case}
            if outcomes & {"failure", "error"}:
                failed += 1
            elif "skipped" in outcomes:
                skipped += 1
            else:
                passed += 1
        if path.stem in failed_stages and failed == failed_before:
            failed += 1
    return passed, failed, skipped


def main() -> int:
    """Print the line; 1 when a test failed or none ran."""
    passed, failed, skipped = count(Path(sys.argv[1]), set(sys.argv[2:]))
    sys.stdout.write(f"{passed} passed, {failed} failed, {skipped} skipped\n")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    raise SystemExit(main())
