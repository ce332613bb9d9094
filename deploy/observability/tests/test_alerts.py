"""Each alert fires when it has to, alone, with words that fit; a healthy run and what passes by itself are silent."""

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from local_stack.prometheus import programs
from watching import files
from watching.cases import FIRING, HEALTHY, INTERVAL_SECONDS, SILENT, Fires, lasting

NAMES = [rule["alert"] for rule in files.alerts()]
SEVERITY = {rule["alert"]: rule["labels"]["severity"] for rule in files.alerts()}


def story(name: str, changes: Mapping[str, str | None], *minutes: int, fires: Fires | None = None) -> dict[str, Any]:
    """Return one run for `promtool test rules`, with what every alert has to say at these minutes."""
    series = {key: values for key, values in {**HEALTHY, **changes}.items() if values is not None}
    return {
        "name": name,
        "interval": f"{INTERVAL_SECONDS}s",
        "input_series": [{"series": key, "values": lasting(values, max(minutes))} for key, values in series.items()],
        "alert_rule_test": [
            {"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": [*expected(alert, fires)]}
            for minute in minutes
            for alert in NAMES
        ],
    }


def expected(alert: str, fires: Fires | None) -> Iterable[dict[str, Any]]:
    if fires is not None and fires.alert == alert:
        yield {
            "exp_labels": {"severity": SEVERITY[alert], **fires.labels},
            "exp_annotations": {"summary": fires.summary, "runbook": f"docs/watching.md#{alert.lower()}"},
        }


def judge(stories: list[dict[str, Any]], folder: Path) -> str:
    """Run the stories; return what promtool has to object."""
    file = folder / "stories.yml"
    run = {"rule_files": [str(files.ALERTS)], "evaluation_interval": f"{INTERVAL_SECONDS}s", "tests": stories}
    file.write_text(yaml.safe_dump(run, allow_unicode=True), "utf-8")
    ran = subprocess.run(
        [programs().promtool, "test", "rules", file],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr


def test_every_alert_is_seen_firing_and_seen_silent() -> None:
    assert {case.alert for case in FIRING} == set(NAMES)
    assert {case.alert for case in SILENT} == set(NAMES)


def test_each_fires_and_no_other_with_it(tmp_path: Path) -> None:
    stories = [
        story(f"{number}. {case.alert}", case.changes, case.minute, fires=case) for number, case in enumerate(FIRING, 1)
    ]

    assert judge(stories, tmp_path) == ""


def test_none_fires_for_what_passes_or_is_little(tmp_path: Path) -> None:
    stories = [story(f"{number}. {case.alert}", case.changes, case.minute) for number, case in enumerate(SILENT, 1)]

    assert judge(stories, tmp_path) == ""


def test_a_healthy_run_is_silent(tmp_path: Path) -> None:
    assert judge([story("healthy", {}, 1, 5, 20, 60)], tmp_path) == ""
