"""The alerts as the Prometheus Operator takes them: `PYTHONPATH=deploy/observability python -m watching.kubernetes`."""

from watching import files

ALERTS = files.ROOT / "deploy/kubernetes/production/alerts.yaml"
HEAD = """\
# Written from deploy/observability/alerts.yml by `make docs`; a change goes there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: webinars
spec:
"""


def written() -> str:
    """Return the whole file."""
    lines = files.ALERTS.read_text("utf-8").splitlines(keepends=True)
    start = lines.index("groups:\n")
    return HEAD + "".join(f"  {line}" if line.strip() else line for line in lines[start:])


if __name__ == "__main__":
    ALERTS.write_text(written(), "utf-8")
