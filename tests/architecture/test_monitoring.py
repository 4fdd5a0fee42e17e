"""The alert rules and the dashboard: they parse, speak of metrics that there are, and every alert has its runbook."""

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.core import Metric

from dashboard import metrics
from dashboard.metrics import Facts, Totals
from jobs.broker.heartbeats import Beat
from tests.support import source

FOLDER = source.ROOT / "deploy" / "monitoring"
RULES = FOLDER / "tally-alerts.yml"
DASHBOARD = FOLDER / "tally-dashboard.json"
GRAFANAS = {"$__rate_interval": "5m", "$queue": ".*", "$task": ".*"}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return found


def queries() -> list[str]:
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    for name, value in GRAFANAS.items():
        asked = [expression.replace(name, value) for expression in asked]
    return [*(rule["expr"] for rule in rules()), *asked]


def known() -> set[str]:
    """The names of all samples that a scrape can have."""
    now = datetime.now(UTC)
    beat = Beat("i", 1, 1, "w", "h", 1, ("high",), 1, "1", 1, 1, ())
    queue = {"name": "high", "waiting": 1, "oldest_seconds": 1.0, "running": 1, "paused": False}
    names = ("scheduled", "retrying", "dead_letters_open", "dead_letters_oldest_seconds", "groups_undecided")
    sample = {"duplicates_suppressed": 1, **dict.fromkeys(names, 1)}
    facts = Facts(now, [queue], sample, 1.0, [beat], 0.0, is_led=True, unaccounted=0)
    families: list[Metric] = [
        *metrics.gauges(facts),
        *metrics.totals({("high", "noop"): Totals()}),
    ]
    return {sample.name for family in families for sample in family.samples}


@pytest.mark.parametrize("expression", queries())
def test_every_query_can_be_read_and_asks_for_what_there_is(expression: str) -> None:
    promql_parser.parse(expression)
    asked = set(re.findall(r"\btally_\w+", expression))
    assert asked
    assert asked <= known()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_every_alert_has_its_runbook(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^## (\w+)$", (source.ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert rule["alert"] in headings
    assert anchor == rule["alert"].lower()
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"].endswith(".")
    assert re.fullmatch(r"\d+[mh]", rule["for"])


def test_every_runbook_belongs_to_an_alert() -> None:
    text = (source.ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^## (\w+)$", text, flags=re.MULTILINE)) == sorted(rule["alert"] for rule in rules())


def test_panels_have_titles_places_and_a_data_source_that_can_be_chosen() -> None:
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    assert all(panel["title"] and panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels())
    assert {panel["datasource"]["uid"] for panel in panels()} == {"${datasource}"}


def test_promtool_accepts_the_rules_where_there_is_one() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        return  # the tests above have parsed them
    done = subprocess.run([promtool, "check", "rules", str(RULES)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
