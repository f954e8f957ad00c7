from __future__ import annotations

import logging
import re

from metazoo.cli.logs import log_to_stderr


def test_log_has_time_and_severity_and_ends(capsys):
    log = logging.getLogger("metazoo.serving.server.loading")
    with log_to_stderr():
        log.info("model %r version %d is AVAILABLE", "m", 3)
        log.debug("unsaid")
    log.info("after")
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ INFO "
        r"metazoo\.serving\.server\.loading: model 'm' version 3 is "
        r"AVAILABLE\n",
        err,
    )
