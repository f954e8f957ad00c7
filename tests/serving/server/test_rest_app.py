from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest


@pytest.mark.parametrize("digits", [20, 5000])
@pytest.mark.parametrize("what", ["", "/metadata", ":predict"])
def test_version_beyond_64_bits_is_an_invalid_argument(server, digits, what):
    version = "9" * digits
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.rest_port}/v1/models/linear/versions/"
        f"{version}{what}",
        b'{"instances": [1]}' if what == ":predict" else None,
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)
    assert caught.value.code == 400
    message = json.loads(caught.value.read())["error"]
    assert message.startswith("Failed to convert version")
