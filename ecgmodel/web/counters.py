"""What the service counts, in the text format of Prometheus."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

MEDIA = CONTENT_TYPE_LATEST
SECONDS = (0.01, 0.05, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)


class Metrics:
    """Counts of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "ecg_denoise_requests", "Answers.", ("path", "status"), registry=self.registry
        )
        self._rejected = Counter(
            "ecg_denoise_rejected", "Answers of 400 and above.", ("status",), registry=self.registry
        )
        self._seconds = Histogram(
            "ecg_denoise_request_seconds",
            "Time from the first byte of a request to the last of its answer, s.",
            ("path",),
            registry=self.registry,
            buckets=SECONDS,
        )
        self._ecg = Counter(
            "ecg_denoise_ecg_seconds",
            "ECG denoised, all leads together, s.",
            registry=self.registry,
        )
        self.at_work = Gauge(
            "ecg_denoise_recordings", "Recordings in the service now.", registry=self.registry
        )

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count an answer and the seconds that it took."""
        self._requests.labels(path, status).inc()
        self._seconds.labels(path).observe(seconds)
        if status >= 400:
            self._rejected.labels(status).inc()

    def cleaned(self, ecg_seconds: float) -> None:
        """Count what was cleaned, s of ECG."""
        self._ecg.inc(ecg_seconds)

    def text(self) -> bytes:
        """Return all counts."""
        return generate_latest(self.registry)
