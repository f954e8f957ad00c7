"""Writes prometheus.yml and hands out alerts and the dashboard."""

from __future__ import annotations

from importlib import resources

from metazoo.serving.config_protos import METRICS_PATH
from metazoo.serving.operations.settings import Settings
from metazoo.serving.operations.yaml_text import yaml_text

_TEMPLATES = "metazoo.serving.operations"


def prometheus_text(settings: Settings) -> str:
    """Writes prometheus.yml.

    Args:
        settings: How the servers run.
    """
    document = {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": ["alerts.yml"],
        "scrape_configs": [
            {
                "job_name": "metazoo",
                "metrics_path": METRICS_PATH,
                "static_configs": [{"targets": list(settings.scrape)}],
            }
        ],
    }
    return yaml_text([document], "Metrics of the model servers.")


def template(name: str) -> str:
    """Reads a file that is the same for every set of models.

    Args:
        name: `alerts.yml` or `dashboard.json`.
    """
    folder = resources.files(_TEMPLATES).joinpath("templates")
    return folder.joinpath(name).read_text(encoding="utf-8")
