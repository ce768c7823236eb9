"""Prints pip's index and certificate settings as shell exports that uv understands.

uv reads neither pip's configuration files nor its environment. A variable that is already set for uv wins.
Run by the Python of .tools/uv, where pip is.
"""

import ast
import os
import shlex
import subprocess
import sys

UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "trusted-host": "UV_INSECURE_HOST",
    "proxy": "ALL_PROXY",
}
COMMA_SEPARATED = {"UV_FIND_LINKS"}


def pip_settings(listing: str) -> dict[str, str]:
    """Read the output of `pip config list`; the environment beats a command's section beats `global`."""
    ranked: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        key, _, quoted = line.partition("=")
        section, _, name = key.rpartition(".")
        rank = {"global": 0, "install": 1, ":env:": 2}.get(section)
        if rank is not None and ranked.get(name, (-1, ""))[0] <= rank:
            ranked[name] = (rank, str(ast.literal_eval(quoted)))
    return {name: value for name, (_, value) in ranked.items()}


def main() -> None:
    """Print one `export` line for each setting."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    exports: dict[str, str] = {}
    for name, value in pip_settings(listing).items():
        uv_name = UV_NAMES.get(name)
        if uv_name and value.strip() and not os.environ.get(uv_name):
            joint = "," if uv_name in COMMA_SEPARATED else " "
            exports[uv_name] = joint.join(value.split())
    if "UV_INDEX" in exports and not os.environ.get("UV_INDEX_STRATEGY"):
        # pip takes the best version of all indexes; hashes make that safe.
        exports["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    sys.stdout.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in exports.items())


if __name__ == "__main__":
    main()
