"""One MLflow run per benchmark, identified by its page's key."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from ecgmodel.store import Stored
from ecgmodel.store.versions import git_commit, library_versions
from tasks.tracking.runs import LIBRARIES, LOGGED, Tracker

BENCHMARK = "ecg.benchmark"
QUICK = "ecg.benchmark.quick"
_FORBIDDEN = re.compile(r"[^\w\-. /]")


def log_page(tracker: Tracker, page: Stored, flow_run: Mapping[str, str]) -> str:
    """Log a benchmark's means, tables and page, and return its run's id.

    Args:
        tracker: The tracking store.
        page: Output of a protocol's `page_step`.
        flow_run: Prefect's: "id", "name" and, if there is a UI, "url".
    """
    from mlflow.entities import Metric

    client, key = tracker.client, page.key[:32]
    with tracker.store.lock(f"tracking {page.key}"):
        found = client.search_runs([tracker.experiment], f"tags.`{BENCHMARK}` = '{key}'")
        if found and found[0].data.tags.get(LOGGED) == page.ref:
            return str(found[0].info.run_id)
        tags = {
            BENCHMARK: key,
            **{f"prefect.flow_run_{k}": v for k, v in flow_run.items()},
            "mlflow.source.name": "ecg-denoise",
            QUICK: str(page.info["quick"]).lower(),
            "mlflow.note.content": str(page.info["title"]),
            **({"mlflow.source.git.commit": commit} if (commit := git_commit()) else {}),
        }
        name = f"benchmark {page.name}{' (quick)' if page.info['quick'] else ''}"
        run = found[0] if found else client.create_run(tracker.experiment, tags=tags, run_name=name)
        run_id, now = str(run.info.run_id), int(time.time() * 1000)
        means = {_FORBIDDEN.sub(" ", n): v for n, v in page.info["means"].items()}
        new = [Metric(n, v, now, 0) for n, v in means.items() if run.data.metrics.get(n) != v]
        for at in range(0, len(new), 1000):
            client.log_batch(run_id, new[at : at + 1000])
        client.log_dict(run_id, library_versions(*LIBRARIES), "environment.json")
        for file in page.files:
            client.log_artifact(run_id, str(page.file(file)))
        client.set_tag(run_id, LOGGED, page.ref)
        client.set_terminated(run_id, "FINISHED")
        return run_id
