"""What msgspec learns of a type is learnt by one thread: at import, or under the lock of store/encoding.py.

Two threads that decode a dataclass for the first time at once end the process (docs/decisions/0013).
"""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "callcenter"
UNDER_A_LOCK = {"store/encoding.py"}
PLAIN = {"dict[str, object]", "object"}
"""Types of which there is nothing to learn."""


def functions_of(tree: ast.Module) -> list[ast.AST]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def test_no_function_has_msgspec_learn_a_type() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name in UNDER_A_LOCK:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node for part in functions_of(tree) for node in ast.walk(part) if isinstance(node, ast.Call)]
        for call in calls:
            words = ast.unparse(call.func)
            if not words.startswith("msgspec."):
                continue
            types = [ast.unparse(word.value) for word in call.keywords if word.arg == "type"]
            learns = words.endswith((".Decoder", ".convert")) or any(one not in PLAIN for one in types)
            if learns:
                found.append(f"{name}:{call.lineno} {words}")
    assert found == [], "make a decoder where the module begins, and use it here"
