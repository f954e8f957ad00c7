import pytest

from metazoo.errors import ServingError
from metazoo.serving.operations import Settings, parse_policy
from metazoo.serving.operations.plan import Policy


def test_defaults_are_valid():
    settings = Settings()
    assert settings.volume_claim == "metazoo-models"
    assert settings.storage == "pvc://metazoo-models"


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("name", "Upper"),
        ("name", "a" * 54),
        ("name", "-a"),
        ("name", ""),
        ("image", "a b"),
        ("image", "--privileged"),
        ("root", "models"),
        ("root", "/models/"),
        ("root", "/mo dels"),
        ("user", 0),
        ("user", True),
        ("max_batch_size", 0),
        ("max_batch_size", "32"),
        ("batch_timeout_micros", -1),
        ("max_enqueued_batches", 0),
        ("config_poll_seconds", 0),
        ("cpus", 0),
        ("cpus", 1.5),
        ("memory", "4G"),
        ("memory", "0Gi"),
        ("memory", 4),
        ("replicas", 0),
        ("max_replicas", 1),
        ("claim", "a/b"),
        ("storage_uri", "models"),
        ("storage_uri", "s3://a b"),
        ("scrape", ()),
        ("scrape", ("serving",)),
        ("scrape", ("serving:0",)),
        ("scrape", ("serving:65536",)),
    ],
)
def test_wrong_value_is_named(argument, value):
    with pytest.raises(ServingError, match=argument) as raised:
        Settings(**{argument: value})
    assert "expected" in str(raised.value)


@pytest.mark.parametrize("sizes", [(8, 4, 32), (8, 8, 32), (8, 16), (0, 32)])
def test_wrong_batch_sizes_are_refused(sizes):
    with pytest.raises(ServingError, match="allowed_batch_sizes"):
        Settings(allowed_batch_sizes=sizes)


def test_storage_address_needs_no_slash_at_its_end():
    assert Settings(storage_uri="s3://b/models/").storage == "s3://b/models"


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("latest", Policy(latest=1)),
        ("latest:3", Policy(latest=3)),
        ("all", Policy(latest=0)),
        ("specific:3", Policy(specific=(3,))),
        ("specific:4,3,4", Policy(specific=(3, 4))),
    ],
)
def test_policy_is_read(text, policy):
    assert parse_policy(text) == policy


@pytest.mark.parametrize(
    "text",
    ["", "newest", "latest:0", "latest:1,2", "all:1", "specific", "specific:"]
    + ["specific:1,", "specific:a", "latest:-1", "specific:0", "latest:x"],
)
def test_wrong_policy_is_refused(text):
    with pytest.raises(ServingError, match="policy"):
        parse_policy(text)
