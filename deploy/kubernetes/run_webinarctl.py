#!/usr/bin/env python3
"""Run `webinarctl` in the cluster, as a Job beside what is there, and show what it says.

`run_webinarctl.py doctor` is an administrator's; `run_webinarctl.py --as tracker after-restore --yes` has the settings
of one service, also while none of its processes runs. There is no terminal: what asks first needs its `--yes`. Needs
kubectl and Python 3.9 or newer, and nothing else.
"""

# ruff: noqa: S603 - it runs the kubectl of who calls it

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

PROVISION = "provision"
_PROBES_AND_HOOKS = ("startupProbe", "livenessProbe", "readinessProbe", "lifecycle", "ports")
_EXIT_CODE = ".status.containerStatuses[0].state.terminated.exitCode"


def as_job(workload: dict[str, Any], words: list[str]) -> dict[str, Any]:
    """Return a Job that runs `webinarctl` with these words in a pod as a Deployment's or a Job's.

    The pod keeps the one label by which the network's rules know it.
    """
    template = workload["spec"]["template"]
    pod = {**template["spec"], "restartPolicy": "Never"}
    pod.pop("topologySpreadConstraints", None)
    [container] = pod["containers"]
    kept = {name: value for name, value in container.items() if name not in _PROBES_AND_HOOKS}
    pod["containers"] = [{**kept, "command": ["webinarctl", *words]}]
    name = "app.kubernetes.io/name"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": "webinarctl-", "namespace": workload["metadata"]["namespace"]},
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": 3600,
            "template": {"metadata": {"labels": {name: template["metadata"]["labels"][name]}}, "spec": pod},
        },
    }


def main() -> int:
    """Run it; returns what webinarctl ended with, or kubectl where that failed."""
    parser = argparse.ArgumentParser(description="Run webinarctl in the cluster.")
    parser.add_argument("--as", dest="service", default=PROVISION, help="with the settings of this service")
    parser.add_argument("--namespace", default="webinars")
    parser.add_argument("words", nargs=argparse.REMAINDER, help="what webinarctl is to do")
    chosen = parser.parse_args()
    if not chosen.words:
        parser.error("what is webinarctl to do?")

    command = ["kubectl", "--namespace", chosen.namespace]

    def ask(*words: str, given: str | None = None) -> str:
        return subprocess.run([*command, *words], input=given, stdout=subprocess.PIPE, text=True, check=True).stdout

    kind = "job" if chosen.service == PROVISION else "deployment"
    try:
        workload = json.loads(ask("get", kind, chosen.service, "--output=json"))
        job = ask("create", "--filename=-", "--output=name", given=json.dumps(as_job(workload, chosen.words))).strip()
        subprocess.run([*command, "logs", "--follow", "--pod-running-timeout=5m", job], check=True)
        its_pod = ("pod", f"--selector=batch.kubernetes.io/job-name={job.rpartition('/')[2]}")
        ask("wait", *its_pod, f"--for=jsonpath={{{_EXIT_CODE}}}", "--timeout=1m")
        return int(ask("get", *its_pod, f"--output=jsonpath={{.items[0]{_EXIT_CODE}}}"))
    except subprocess.CalledProcessError as error:
        # kubectl has said what is wrong.
        return error.returncode


if __name__ == "__main__":
    sys.exit(main())
