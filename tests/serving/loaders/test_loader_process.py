"""The process that loads exports dies, hangs, idles and is forked away."""

from __future__ import annotations

import os
import threading

import pytest

from metazoo.errors import ExportError
from metazoo.serving.loaders.process import LoaderProcess, loader_process

# The other end, as short as it can be; BODY deals with one request.
SCRIPT = """
import os, sys, time
from multiprocessing.connection import Connection
connection = Connection(int(sys.argv[1]))
connection.send(("at", "warming up"))
while True:
    directory, loaders, calls, refusals = connection.recv()
    connection.send(("at", f"calling {directory}"))
    BODY
"""
ANSWER = """
    connection.send(("result", "cpp", ([os.getpid()], [])))
    connection.send(("done",))
"""


@pytest.fixture
def started(tmp_path):
    """Starts a process whose script ends in given lines."""
    running = []

    def start(body, deadline=60.0):
        script = tmp_path / "script.py"
        script.write_text(SCRIPT.replace("    BODY", body))
        running.append(LoaderProcess(script, deadline))
        return running[-1]

    yield start
    for process in running:
        process.close()


def ask(process, directory="model"):
    """The id of the process that answered."""
    return process.run(directory, ["cpp"], [], [])["cpp"][0][0]


def test_one_process_answers_all(started):
    process = started(ANSWER)
    process.start()
    first = ask(process)
    assert first != os.getpid()
    assert ask(process) == first


def test_abort_is_told_with_where_it_happened_and_what_it_wrote(started):
    dying = '    sys.stderr.write("F0000 Check failed: 4 vs. 5"); sys.stderr'
    process = started(f"{dying}.flush(); os.abort()")
    with pytest.raises(ExportError) as caught:
        ask(process)
    text = str(caught.value)
    assert "died (SIGABRT), at: calling model" in text
    assert "Check failed: 4 vs. 5" in text


def test_a_dead_process_is_started_again(started):
    dying = '    if directory == "bad": os._exit(3)'
    process = started(dying + ANSWER)
    first = ask(process)
    with pytest.raises(ExportError, match="exit code 3"):
        ask(process, "bad")
    assert ask(process) != first


def test_an_idle_process_that_left_is_started_again(started):
    process = started(ANSWER + "    connection.close(); sys.exit(0)")
    assert ask(process) != ask(process)


def test_a_process_that_leaves_on_every_request_is_an_error(started):
    with pytest.raises(ExportError, match="exit code 0"):
        ask(started("    sys.exit(0)"))


def test_a_hang_ends_at_the_deadline(started):
    slow = '    if directory == "bad": time.sleep(600)'
    process = started(slow + ANSWER, deadline=1.0)
    with pytest.raises(ExportError, match=r"no answer in 1 s.*calling bad"):
        ask(process, "bad")
    process._deadline = 60.0
    assert ask(process) != os.getpid()


def test_a_failure_is_told_and_the_process_stays(started):
    failing = (
        '    if directory == "bad": connection.send(("failed", "no op"))\n'
    )
    process = started(f"{failing}    else:{ANSWER.replace('    ', '        ')}")
    first = ask(process)
    with pytest.raises(ExportError, match="calling bad: no op"):
        ask(process, "bad")
    assert ask(process) == first


def test_a_missing_script_is_an_error(tmp_path):
    with pytest.raises(ExportError, match=r"exit code 2.*(?s:.*)can't open"):
        ask(LoaderProcess(tmp_path / "nothing.py"))


def test_threads_take_turns(started):
    process = started(ANSWER)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(ask(process)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_fork_leaves_the_process_of_its_parent_alone(started):
    process = started(ANSWER)
    first = ask(process)
    process._owner += 1
    process.close()
    process._owner -= 1
    assert ask(process) == first


def test_all_exports_share_one_process():
    assert loader_process() is loader_process()
