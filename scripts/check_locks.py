"""Checks that the lock files name packages by hash alone: no address of a registry, mirror or folder."""

import json
import re
import sys
from pathlib import Path

ADDRESS = re.compile(r"[a-z+]+://|--(?:extra-)?index-url|--find-links|--trusted-host|\s@\s", re.IGNORECASE)
REQUIREMENT = re.compile(r"^[^\s#].*(?:\n[ \t].*)*", re.MULTILINE)
REQUIREMENTS = ("requirements.lock", "scripts/uv.requirements", "scripts/node.requirements")


def check_requirements(path: Path) -> list[str]:
    """Return what is wrong with a requirements file: an address, or a package without a hash."""
    problems = []
    text = path.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), start=1):
        if ADDRESS.search(line):
            problems.append(f"{path}:{number}: an address: {line.strip()}")
    problems.extend(
        f"{path}: {requirement.split()[0]} has no hash"
        for requirement in REQUIREMENT.findall(text)
        if "--hash=sha256:" not in requirement
    )
    return problems


def check_package_lock(path: Path) -> list[str]:
    """Return what is wrong with npm's lock: a `resolved` address, or a version that is one."""
    problems = []
    lock = json.loads(path.read_text(encoding="utf-8"))
    for name, package in lock.get("packages", {}).items():
        if "resolved" in package and not package.get("link"):
            problems.append(f"{path}: {name or 'the project'} has a `resolved` address")
        if "://" in str(package.get("version", "")):
            problems.append(f"{path}: {name} has an address for its version")
        if name.startswith("node_modules/") and not package.get("link") and "integrity" not in package:
            problems.append(f"{path}: {name} has no integrity hash")
    return problems


def main() -> int:
    """Print each problem; 1 when there is one."""
    problems = [problem for name in REQUIREMENTS for problem in check_requirements(Path(name))]
    package_lock = Path("agent_ui/package-lock.json")
    if package_lock.exists():
        problems += check_package_lock(package_lock)
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    if problems:
        sys.stdout.write("run scripts/lock, which writes lock files without addresses\n")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
