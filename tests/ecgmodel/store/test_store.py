from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ecgmodel.store import MANIFEST, Store, Unit, file_sha256
from ecgmodel.support import locks

UNIT = Unit("mix", "mitdb/100", {"copies": 2}, {"record": "abc"}, {"modules": "1"})


def build(into: Path) -> dict[str, int]:
    (into / "a.txt").write_text("hello")
    (into / "sub").mkdir()
    (into / "sub" / "b.bin").write_bytes(b"\x00\x01")
    return {"rows": 3}


def counting(log: Path):
    def counted(into: Path) -> dict[str, int]:
        with log.open("a") as file:
            file.write("built\n")
        return build(into)

    return counted


def times(log: Path) -> int:
    return log.read_text().count("built") if log.exists() else 0


def test_a_unit_is_built_once_and_its_manifest_describes_it(tmp_path: Path) -> None:
    store, log = Store(tmp_path / "store"), tmp_path / "log"
    first = store.make(UNIT, counting(log))
    again = Store(tmp_path / "store").make(UNIT, counting(log))
    assert times(log) == 1
    assert first == again
    assert again.info == {"rows": 3}
    assert set(again.files) == {"a.txt", "sub/b.bin"}
    assert again.files["a.txt"]["sha256"] == file_sha256(again.file("a.txt"))
    assert first.path.name.startswith("mitdb-100-")


@pytest.mark.parametrize(
    "damage",
    [
        lambda p: (p / "a.txt").unlink(),
        lambda p: (p / "a.txt").write_text("hallo"),
        lambda p: (p / MANIFEST).unlink(),
        lambda p: (p / MANIFEST).write_text("{"),
        lambda p: (p / MANIFEST).write_text(
            json.dumps(json.loads((p / MANIFEST).read_text()) | {"info": {"rows": 4}})
        ),
    ],
    ids=["deleted", "altered", "no manifest", "broken manifest", "altered manifest"],
)
def test_a_damaged_unit_is_built_again(tmp_path: Path, damage) -> None:
    store, log = Store(tmp_path), tmp_path / "log"
    whole = store.make(UNIT, counting(log))
    damage(whole.path)
    assert store.get(UNIT) is None
    assert Store(tmp_path).get(UNIT) is None
    assert store.make(UNIT, counting(log)) == whole
    assert times(log) == 2
    assert sorted(p.name for p in whole.path.parent.iterdir()) == [whole.path.name]


def test_the_key_depends_on_everything_that_determines_the_output() -> None:
    changed = [
        Unit("mix", "mitdb/100", {"copies": 3}, UNIT.inputs, UNIT.code),
        Unit("mix", "mitdb/100", UNIT.settings, {"record": "abd"}, UNIT.code),
        Unit("mix", "mitdb/100", UNIT.settings, UNIT.inputs, {"modules": "2"}),
        Unit("mix", "mitdb/101", UNIT.settings, UNIT.inputs, UNIT.code),
    ]
    assert len({unit.key for unit in [UNIT, *changed]}) == 5


def test_the_same_content_has_one_reference_however_it_was_made(tmp_path: Path) -> None:
    def made(code: str, text: str = "a", **facts: object) -> str:
        def write(into: Path) -> dict[str, object]:
            (into / "a.txt").write_text(text)
            return facts

        return Store(tmp_path).make(Unit("stage", "one", {}, code={"modules": code}), write).ref

    first = made("1", rate=360, seconds=1.0)
    assert made("2", rate=360, seconds=2.0, machine="another") == first
    assert made("3", rate=250, seconds=1.0) != first
    assert made("4", text="b", rate=360, seconds=1.0) != first


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def fails(into: Path) -> None:
        (into / "half").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="disk is full"):
        Store(tmp_path).make(UNIT, fails)
    assert list((tmp_path / "mix").iterdir()) == []


def test_a_resumable_unit_keeps_its_work_when_it_fails(tmp_path: Path) -> None:
    def half(into: Path) -> None:
        (into / "half").write_text("half")
        raise ConnectionError

    def rest(into: Path) -> dict[str, str]:
        return {"found": (into / "half").read_text()}

    store = Store(tmp_path)
    with pytest.raises(ConnectionError):
        store.make(UNIT, half, resume=True)
    assert store.get(UNIT) is None
    assert store.make(UNIT, rest, resume=True).info == {"found": "half"}


def test_what_serves_resuming_alone_is_no_part_of_the_unit(tmp_path: Path) -> None:
    def work(into: Path) -> None:
        (into / "steps").mkdir()
        (into / "steps" / "1").write_text(str(time.time_ns()))
        build(into)

    store = Store(tmp_path)
    made = store.make(UNIT, work, resume=True, scratch={"steps"})
    assert set(made.files) == {"a.txt", "sub/b.bin"}
    assert not made.file("steps").exists()
    made.file("steps").mkdir()  # as a kill right after the rename leaves it
    assert store.make(UNIT, work, resume=True, scratch={"steps"}).ref == made.ref
    assert not made.file("steps").exists()


def test_a_lock_that_a_kill_left_beside_a_finished_unit_is_cleared(tmp_path: Path) -> None:
    made = Store(tmp_path).make(UNIT, build)
    code = "import os, signal, sys; from ecgmodel.store import Store\n"
    code += "with Store(sys.argv[1]).lock(sys.argv[2]): os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path), UNIT.folder], check=False)
    locks = tmp_path / "locks"
    assert len(list(locks.glob("*.lease"))) == 1
    assert Store(tmp_path).get(UNIT) == made
    assert list(locks.glob("*.lease")) == []


def test_a_half_written_file_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    partial = tmp_path / f"{UNIT.folder}.partial"
    partial.mkdir(parents=True)
    (partial / f"{MANIFEST}.1-1.half").write_text('{"stage"')
    assert set(store.make(UNIT, build, resume=True).files) == {"a.txt", "sub/b.bin"}


def test_two_processes_build_a_unit_once(tmp_path: Path) -> None:
    spawned = multiprocessing.get_context("spawn")
    processes = [spawned.Process(target=_slow_make, args=(tmp_path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert times(tmp_path / "log") == 1
    assert [process.exitcode for process in processes] == [0, 0, 0]


def _slow_make(root: Path) -> None:
    def slow(into: Path) -> dict[str, int]:
        time.sleep(0.3)
        return counting(root / "log")(into)

    Store(root / "store").make(UNIT, slow)


def test_a_killed_process_releases_its_lock_and_leaves_no_unit(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from ecgmodel.store import *\n"
        "unit = Unit('mix', 'mitdb/100', {'copies': 2}, {'record': 'abc'}, {'modules': '1'})\n"
        "def build(into):\n"
        "    (into / 'half').write_text('half'); print('there', flush=True); time.sleep(60)\n"
        "Store(sys.argv[1]).make(unit, build)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "there\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    made = Store(tmp_path).make(UNIT, build)
    assert set(made.files) == {"a.txt", "sub/b.bin"}


@pytest.mark.parametrize("resume", [False, True])
def test_of_what_killed_processes_left_one_is_continued_and_none_remains(
    tmp_path: Path, resume: bool
) -> None:
    final = tmp_path / UNIT.folder
    for age, name in enumerate((".0a.partial", ".partial", ".1b.partial")):
        (folder := final.with_name(final.name + name)).mkdir(parents=True)
        (folder / "by").write_text(name)
        for path in (folder / "by", folder):
            os.utime(path, (time.time() - age, time.time() - age))

    def rest(into: Path) -> dict[str, list[str]]:
        assert into.suffix == ".partial"
        assert list(final.parent.iterdir()) == [into]
        return {"found": [path.read_text() for path in into.iterdir()]}

    made = Store(tmp_path).make(UNIT, rest, resume=resume)
    assert made.info == {"found": [".0a.partial"] if resume else []}
    assert list(final.parent.iterdir()) == [final]


SUSPENDED = """
import os, signal, sys
from pathlib import Path
from ecgmodel.store import Store, Unit
from ecgmodel.support import locks

locks.LEASE_S = 1.0

def build(into):
    with (into / "a").open("a", buffering=1) as file:
        file.write("by A\\n")
        os.kill(os.getpid(), signal.SIGSTOP)
        file.write("by A, late\\n")
    print("woke", flush=True)
    if sys.argv[3] == "makes folders":
        into.mkdir(parents=True, exist_ok=True)
    (into / "b").write_text("by A")
    return {"by": "A"}

unit = Unit("mix", "mitdb/100", {"copies": 2}, {"record": "abc"}, {"modules": "1"})
print(Store(sys.argv[1]).make(unit, build, resume=sys.argv[2] == "True").info["by"], flush=True)
"""


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("how", ["as it is", "makes folders"])
def test_who_was_suspended_leaves_the_work_to_who_took_it_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resume: bool, how: str
) -> None:
    monkeypatch.setattr(locks, "LEASE_S", 1.0)
    child = subprocess.Popen(
        [sys.executable, "-c", SUSPENDED, str(tmp_path), str(resume), how],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout

    def build(into: Path) -> dict[str, str]:
        before = (into / "a").read_text() if resume else ""
        (into / "a").write_text(before + "by B\n")
        child.send_signal(signal.SIGCONT)
        assert child.stdout
        assert child.stdout.readline() == "woke\n"
        time.sleep(0.5)  # it does what harm it may
        assert Store(tmp_path).get(UNIT) is None
        (into / "c").write_text("by B")
        return {"by": "B"}

    try:
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        made = Store(tmp_path).make(UNIT, build, resume=resume)
        assert child.stdout.readline() == "B\n"
        assert child.wait(10) == 0
    finally:
        child.kill()
        child.wait()
    assert made == Store(tmp_path).get(UNIT)
    assert set(made.files) == {"a", "c"}
    assert made.file("a").read_text() == ("by A\nby B\n" if resume else "by B\n")
    assert list(made.path.parent.iterdir()) == [made.path]


@pytest.mark.parametrize("resume", [False, True])
def test_a_unit_that_a_woken_predecessor_finished_first_is_taken(
    tmp_path: Path, resume: bool
) -> None:
    first = Store(tmp_path / "first").make(UNIT, build)

    def late(into: Path) -> dict[str, int]:
        shutil.copytree(first.path, tmp_path / UNIT.folder)
        return {"rows": 4}

    made = Store(tmp_path).make(UNIT, late, resume=resume)
    assert made.info == first.info
    assert list(made.path.parent.iterdir()) == [made.path]


def test_a_finished_unit_needs_no_lock(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = store.make(UNIT, build)
    with ThreadPoolExecutor(1) as pool, store.lock(UNIT.folder):
        assert pool.submit(store.make, UNIT, build).result(timeout=10) == made
