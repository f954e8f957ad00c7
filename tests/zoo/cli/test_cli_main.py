import subprocess
import sys

import pytest

from metazoo.cli.app import COMMANDS, build_parser, main
from metazoo.errors import DataError


def test_list_and_every_help_import_neither_tensorflow_nor_numpy():
    code = """
import contextlib, io, sys
from metazoo.cli.app import COMMANDS, main
outputs = io.StringIO()
with contextlib.redirect_stdout(outputs):
    main(["list", "--json"])
    main(["list", "--methods"])
    for arguments in [["--help"]] + [[name, "--help"] for name in COMMANDS]:
        try:
            main(arguments)
        except SystemExit as stop:
            assert stop.code == 0
heavy = {"tensorflow", "keras", "numpy", "PIL"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_python_m_metazoo_is_the_command_line():
    done = subprocess.run(
        [sys.executable, "-m", "metazoo", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("metazoo ")
    assert done.stderr == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_that_parses(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    example = out.partition("example:")[2].replace('"', "").split()
    assert example[:2] == ["metazoo", name]
    arguments = build_parser().parse_args(example[1:])
    assert arguments.command == name


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["no-such-command"],
        ["evaluate"],
        ["evaluate", "--preset", "x", "--ways", "0"],
        ["evaluate", "--preset", "x", "--ways", "many"],
        ["serve", "--model", "no-equals-sign"],
        ["train", "protonet", "--set", "steps"],
        ["predict", "--server", "a:1", "--model", "m", "--queries", "q"],
    ],
)
def test_wrong_use_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "error:" in err


@pytest.fixture
def failing(monkeypatch):
    """Makes `metazoo list` fail with an error of choice."""

    def fail_with(error):
        def fail(*_):
            raise error

        monkeypatch.setattr("metazoo.presets.listing.list_presets", fail)

    return fail_with


@pytest.mark.parametrize(
    "error",
    [
        DataError("do this"),
        ImportError("do this"),
        FileNotFoundError("do this"),
    ],
)
def test_failure_is_one_line_and_ends_with_1(failing, run, error):
    failing(error)
    assert run("list", "--json") == (1, "", "error: do this\n")


def test_unexpected_failure_names_its_place(failing, run):
    failing(ZeroDivisionError("oops"))
    code, out, err = run("list")
    assert (code, out) == (1, "")
    assert "unexpected ZeroDivisionError at" in err
    assert "test_cli_main.py" in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(failing):
    failing(DataError("do this"))
    with pytest.raises(DataError, match="do this"):
        main(["list", "--debug"])


def test_interrupt_ends_with_130(failing, run):
    failing(KeyboardInterrupt())
    assert run("list") == (130, "", "interrupted\n")


def test_what_libraries_print_stays_out_of_the_json(run, monkeypatch):
    def talkative(*_):
        print("chatter")
        return []

    monkeypatch.setattr("metazoo.presets.listing.list_presets", talkative)
    assert run("list", "--json") == (0, "[]\n", "chatter\n")
