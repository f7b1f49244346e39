"""The supervisor starts servers and worker, restarts them, and stops them in order."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable
from types import FrameType

from filelock import Timeout
from httpx import TransportError

from ecgmodel.support.locks import LEASE_S, holder, is_here, lease
from flows.service.deploying import deploy
from flows.service.first_champion import NAME as CHAMPION
from flows.service.first_champion import first_champion
from flows.service.processes import Known, recall, remember, start, stop, turn
from flows.service.servers import (
    PROJECT,
    Server,
    ServiceError,
    check_ports,
    client_environment,
    mlflow_server,
    prefect_client,
    prefect_server,
    worker,
)
from flows.service.settings import ServedSettings

SUPERVISOR = "supervisor"
STEP_S = 0.2
# Delays before restarting a process that ends at once, s.
WAITS = (0.0, 1.0, 5.0, 15.0, 60.0)
STEADY_S = 120.0
MAKERS = {"prefect": prefect_server, "mlflow": mlflow_server, "worker": worker}
Say = Callable[[str], None]
_log = logging.getLogger("ecg.service")


class Supervisor:
    """Runs the service until stopped.

    Args:
        settings: All settings.
        say: Prints its messages.
    """

    def __init__(self, settings: ServedSettings, say: Say = print) -> None:
        self.settings = settings
        self.service = settings.service
        self.root = settings.service.root
        self.known = self.root / "service.json"
        self.lock = lease(self.root / "service.lease")
        self.say = say
        self._stopping = False
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._marks: dict[str, Known] = {}
        self._starts: dict[str, list[float]] = {}

    def run(self) -> None:
        """Start everything, supervise it, and stop it on SIGINT or SIGTERM.

        Raises:
            ServiceError: It is already running, a port is taken, or a server does not start.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        try:
            self.lock.acquire(timeout=0 if is_here(self.lock) else LEASE_S + 5)
        except Timeout as error:
            raise ServiceError(
                f"The service of {self.root} is already running, as {holder(self.lock)}."
            ) from error
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop_soon)
        try:
            self._start()
            self._watch()
        finally:
            self._stop()

    def _start(self) -> None:
        stop(recall(self.known).values())  # left by a killed supervisor
        check_ports(self.service)
        servers = (prefect_server(self.service), mlflow_server(self.service))
        for server in servers:
            self._launch(server)
        for server in servers:
            self._await(server)
        self._launch(first_champion(self.settings))
        names = deploy(self.settings, dict(os.environ))
        self._notify()
        while not self._may_work() and not self._stopping:
            time.sleep(STEP_S)
        self._launch(worker(self.service))
        self._await_champion()
        self.say(f"Prefect  {self.service.prefect_url}")
        self.say(f"MLflow   {self.service.mlflow_page}")
        self.say(f"Deployed {', '.join(names)}; state and logs in {self.root}")

    def _launch(self, server: Server) -> None:
        log = self.root / "logs" / f"{server.name}.log"
        process = start(server.command, server.environment, log, PROJECT)
        self._running[server.name] = process
        self._marks[server.name] = Known.of(process.pid)
        self._starts.setdefault(server.name, []).append(time.monotonic())
        remember(self.known, {SUPERVISOR: Known.of(os.getpid()), **self._marks})

    def _await(self, server: Server) -> None:
        end = time.monotonic() + self.service.start_timeout_s
        process = self._running[server.name]
        while not server.answers():
            if self._stopping:
                raise ServiceError("Stopped before everything had started.")
            if process.poll() is not None or time.monotonic() > end:
                log = self.root / "logs" / f"{server.name}.log"
                state = "ended" if process.poll() is not None else "does not answer"
                tail = log.read_text(errors="replace")[-1500:]
                raise ServiceError(f"The {server.name} server {state}. Its log, {log}:\n{tail}")
            time.sleep(STEP_S)

    def _await_champion(self) -> None:
        """Wait for the first champion; without one the service works all the same."""
        process, end = self._running[CHAMPION], time.monotonic() + self.service.start_timeout_s
        while process.poll() is None and not self._stopping and time.monotonic() < end:
            time.sleep(STEP_S)
        if process.poll() is None:
            self._end(CHAMPION)
        if process.returncode and not self._stopping:
            log = self.root / "logs" / f"{CHAMPION}.log"
            tail = log.read_text(errors="replace").strip().splitlines()[-1:]
            _log.warning("The shipped network was not registered: %s; see %s", *tail, log)
        del self._running[CHAMPION], self._marks[CHAMPION]
        remember(self.known, {SUPERVISOR: Known.of(os.getpid()), **self._marks})

    def _watch(self) -> None:
        last = time.monotonic()
        while not self._stopping:
            time.sleep(STEP_S)
            self._restart_dead()
            if time.monotonic() - last > self.service.sweep_s:
                self._sweep()
                self._turn_logs()
                last = time.monotonic()

    def _restart_dead(self) -> None:
        """Restart ended processes, with growing delays if they keep ending."""
        for name, make in MAKERS.items():
            if self._running[name].poll() is None:
                continue
            now = time.monotonic()
            recent = [t for t in self._starts[name] if now - t < STEADY_S]
            wait = WAITS[min(len(recent), len(WAITS) - 1)]
            if now - self._starts[name][-1] < wait:
                continue
            if name == "worker" and not self._may_work():
                continue
            _log.warning("%s has ended and is restarted", name)
            self._starts[name] = recent
            stop([self._marks[name]])  # its children may hold its port
            self._launch(make(self.service))

    def _may_work(self) -> bool:
        """Return whether a worker may start: before a sweep it would execute all missed runs."""
        return prefect_server(self.service).answers() and self._sweep()

    def _sweep(self) -> bool:
        """Check for dead and missed runs, and return whether the server answered."""
        try:
            with prefect_client(self.service_environment, brief=True) as client:
                from flows.service.catching_up import catch_up
                from flows.service.sweeping import sweep

                sweep(client, self.service.max_attempts)
                catch_up(client)
        except TransportError as error:
            _log.warning("The check for dead runs was postponed: %r", error)
            return False
        except Exception as error:  # the service goes on in any case
            _log.warning("The check for dead runs ended early: %s", str(error).splitlines()[:1])
        return True

    def _turn_logs(self) -> None:
        for log in (self.root / "logs").glob("*.log"):
            try:
                turn(log)
            except OSError as error:  # e.g. a full disk
                _log.warning("%s was not rotated: %s", log, error)

    def _notify(self) -> None:
        from flows.service.notifying import notify

        with prefect_client(self.service_environment, brief=True) as client:
            notify(client, self.service.webhook)

    @property
    def service_environment(self) -> dict[str, str]:
        """Environment of clients of the servers."""
        return client_environment(self.service)

    def _stop(self) -> None:
        """Stop the worker first, so that no new run starts, then the servers."""
        if "worker" in self._running:
            self._stop_worker()
        for name in (CHAMPION, "mlflow", "prefect"):
            if name in self._running:
                self._end(name)
        self.known.unlink(missing_ok=True)
        self.lock.release()

    def _stop_worker(self) -> None:
        """Stop the worker and its runs, which continue after the next start."""
        from flows.service.sweeping import hand_over, runs_with_a_process

        at_work = runs_with_a_process()
        self._end("worker")
        try:
            with prefect_client(self.service_environment, brief=True) as client:
                hand_over(client, at_work)
        except Exception as error:  # the next sweep finds them and counts an attempt
            _log.warning("Interrupted runs were not rescheduled: %s", str(error).splitlines()[:1])

    def _end(self, name: str) -> None:
        stop([self._marks[name]])
        self._running[name].wait()

    def _stop_soon(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
