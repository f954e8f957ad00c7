"""The images can't be built here; what can be read is checked."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from metazoo.serving.operations import Settings
from metazoo.serving.operations.flags import BINARY, server_flags
from metazoo.serving.operations.settings import IMAGE

ROOT = Path(__file__).resolve().parent.parent
# What `metazoo serve-config --output served` writes before a build.
WRITTEN = ("served/models", "served/config")


def instructions() -> list[tuple[str, str]]:
    """Name and arguments of every instruction, lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    found = [line.split(maxsplit=1) for line in joined.splitlines() if line]
    return [(name, " ".join(rest.split())) for name, rest in found]


def stages() -> dict[str, list[tuple[str, str]]]:
    """Stage -> its instructions, the first of which is FROM."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, rest in instructions():
        if name == "FROM":
            stage = rest.rpartition(" AS ")[2]
            assert stage and stage not in found
            found[stage] = []
        if found:
            found[stage].append((name, rest))
    return found


def arguments_of(stage: str, name: str) -> list[str]:
    return [rest for found, rest in stages()[stage] if found == name]


def test_there_are_images_for_training_and_both_servers():
    assert list(stages()) == ["wheel", "train", "embedded", "serve"]


def test_server_is_of_the_version_that_serve_config_names():
    defaults = dict(
        rest.split("=") for name, rest in instructions() if name == "ARG"
    )
    image = arguments_of("serve", "FROM")[0].partition(" AS ")[0]
    version = defaults["TF_SERVING_VERSION"]
    assert image.replace("${TF_SERVING_VERSION}", version) == IMAGE


@pytest.mark.parametrize("stage", ["train", "embedded", "serve"])
def test_nothing_runs_as_root(stage):
    assert arguments_of(stage, "USER")[-1] == "10001:10001"


def is_sent(path: str) -> bool:
    """Whether a file is part of the build, by .dockerignore's last match."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        pattern = rule.removeprefix("!").removeprefix("**/")
        parents = [path, *map(str, Path(path).parents)]
        names = [Path(one).name for one in parents]
        if any(
            fnmatch.fnmatchcase(one, pattern)
            for one in (*parents, *(names if "**/" in rule else ()))
        ):
            sent = rule.startswith("!")
    return sent


def test_every_copied_file_exists_and_is_sent():
    copied = [
        source
        for name, rest in instructions()
        if name == "COPY"
        for source in rest.split()[:-1]
        if not source.startswith("--")
    ]
    assert set(WRITTEN) <= set(copied)
    for source in copied:
        assert is_sent(source), source
        assert source in WRITTEN or (ROOT / source).exists(), source


def test_keys_and_the_rest_stay_outside():
    assert not is_sent("served/config/ssl.config")
    assert not is_sent(".git/config")
    assert not is_sent("zoo/__pycache__/a.pyc")
    assert is_sent("served/config/models.config")
    assert is_sent("serving/operations/templates/dashboard.json")


def test_server_gets_the_flags_of_serve_config_but_for_resources():
    entry = json.loads(arguments_of("serve", "ENTRYPOINT")[0])
    command = json.loads(arguments_of("serve", "CMD")[0])
    assert entry[0] == BINARY
    expected = [
        flag
        for flag in server_flags(Settings(), tls=False)
        if "_parallelism=" not in flag
    ]
    assert [*entry[1:], *command] == expected


def test_embedded_server_takes_the_flags_that_the_entry_point_gives():
    from metazoo.cli.app import build_parser

    program, *entry = json.loads(arguments_of("embedded", "ENTRYPOINT")[0])
    assert program == "metazoo"
    args = build_parser().parse_args([*entry, "--model", "m=/models/m"])
    assert (args.command, args.host) == ("serve", "0.0.0.0")
    assert args.server == "embedded"


@pytest.mark.parametrize("stage", ["embedded", "serve"])
def test_health_is_asked_without_curl(stage):
    (check,) = arguments_of(stage, "HEALTHCHECK")
    command = json.loads(check[check.index("CMD ") + 4 :])
    assert command[:2] == ["bash", "-c"]
    port = re.search(r"/dev/tcp/127\.0\.0\.1/(\d+)", command[2])
    assert port is not None
    assert port[1] in arguments_of(stage, "EXPOSE")[0].split()


def test_extras_exist():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "Dockerfile").read_text()
    extras = re.findall(r"\$\{wheel\}\[([\w,]+)\]", text)
    assert extras == ["all", "serving"]
    assert set(extras) <= set(project["optional-dependencies"])


def test_hadolint_finds_nothing():
    if shutil.which("hadolint") is None:
        pytest.skip("hadolint is not installed")
    subprocess.run(["hadolint", ROOT / "Dockerfile"], check=True)
