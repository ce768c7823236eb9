"""Many threads that decode the same kinds of events for the first time, in a process of their own."""

import subprocess
import sys

PROGRAM = """
import sys, threading
from callcenter.store.encoding import EVENT_CLASSES, decode_event
from callcenter.store.errors import UnknownEvent
import msgspec
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(4)
told = []
def decode():
    barrier.wait()
    for name in EVENT_CLASSES:
        try:
            decode_event(name, b'{"nothing": {"of": "it"}}')
        except msgspec.ValidationError:
            told.append(name)
threads = [threading.Thread(target=decode) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(told) == 4 * len(EVENT_CLASSES), len(told)
"""


def test_the_first_decoding_of_all_events_by_several_threads_ends_well() -> None:
    for _ in range(6):
        done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
