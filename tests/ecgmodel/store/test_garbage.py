"""Garbage collection deletes units that nothing needs, and no others."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ecgmodel.errors import StoreInUseError
from ecgmodel.store import Store, Stored, Unit, file_sha256, is_intact, read_stored
from ecgmodel.store.garbage import Leftover, find_leftovers, remove
from ecgmodel.store.inputs import damaged_files

MB = 1_000_000


def make(store: Store, stage: str, name: str, *inputs: Stored, size: int = 1000) -> Stored:
    unit = Unit(stage, name, {}, {f"{i}": stored.ref for i, stored in enumerate(inputs)})
    return store.make(unit, lambda folder: _write(folder, f"{stage} {name}", size))


def _write(folder: Path, text: str, size: int) -> None:
    (folder / "data").write_bytes(text.encode().ljust(size, b"."))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two datasets that share a record, with a training and evaluations on each."""
    store = Store(tmp_path / "store")
    records = {n: make(store, "download", n, size=MB) for n in ("a", "b", "c")}
    old = make(store, "dataset", "own", records["a"], records["b"])
    os.utime(old.path / "manifest.json", (0, 0))
    new = store.make(
        Unit("dataset", "own", {"again": 1}, {n: records[n].ref for n in "bc"}),
        lambda folder: _write(folder, "new", 10),
    )
    for name, dataset in (("old", old), ("new", new)):
        training = make(store, "train", name, dataset)
        make(store, "report", name, training, make(store, "evaluate", name, training))
    return store


def key(store: Store, name: str) -> str:
    (folder,) = (store.root / "train").glob(f"{name}-*")
    return read_stored(folder).key


def find(store: Store, key: str) -> Path:
    (folder,) = (store.root / "train").glob(f"*-{key[:16]}")
    return folder


def names(store: Store, *arguments: object) -> list[str]:
    found = find_leftovers(store, *arguments)  # type: ignore[arg-type]
    return [f"{item.path.parent.name}/{item.path.name.rpartition('-')[0]}" for item in found]


def test_a_training_of_a_run_is_kept_with_all_its_inputs(store: Store) -> None:
    assert names(store, [key(store, "old")[:32], key(store, "new")[:32]]) == []
    assert names(store, [key(store, "new")[:32]]) == [
        "dataset/own",
        "download/a",
        "evaluate/old",
        "report/old",
        "train/old",
    ]


def test_the_newest_dataset_is_kept_without_a_run(store: Store) -> None:
    left = names(store, [])
    assert "download/a" in left
    assert not {"download/b", "download/c"} & set(left)
    assert len([name for name in left if name.startswith("dataset")]) == 1
    assert set(names(store, [], 0)) >= {"download/a", "download/b", "download/c"}
    assert not [name for name in names(store, [], 2) if name.startswith("dataset")]


def test_of_one_content_made_twice_the_newest_is_kept(store: Store) -> None:
    again = store.make(
        Unit("download", "c", {}, code={"modules": "changed"}),
        lambda folder: _write(folder, "download c", MB),
    )
    (before,) = (p for p in (store.root / "download").glob("c-*") if p != again.path)
    os.utime(before / "manifest.json", (0, 0))
    found = {item.path for item in find_leftovers(store, [key(store, "new")])}
    assert before in found
    assert again.path not in found


def test_inputs_that_earlier_code_named_by_key_and_content_are_kept(store: Store) -> None:
    record = make(store, "download", "early", size=MB)
    dataset = store.make(
        Unit("dataset", "early", {}, {"record": f"{record.key[:32]}:{record.digest[:32]}"}),
        lambda folder: _write(folder, "early", 10),
    )
    training = make(store, "train", "early", dataset)
    leftovers = {item.path for item in find_leftovers(store, [training.key], 0)}
    assert not leftovers & {record.path, dataset.path, training.path}


def test_units_that_remain_after_deletion_are_intact(store: Store) -> None:
    new, before = [key(store, "new")], _bytes(store)
    leftovers = remove(store, lambda: find_leftovers(store, new))
    assert before - _bytes(store) == sum(item.size for item in leftovers) > MB
    assert not any(item.path.exists() for item in leftovers)
    kept = [read_stored(path.parent) for path in store.root.glob("*/*/manifest.json")]
    assert {k.name for k in kept} == {"b", "c", "own", "new"}
    assert all(is_intact(unit) for unit in kept)
    assert find_leftovers(store, new) == []


def _bytes(store: Store) -> int:
    return sum(p.stat().st_size for p in store.root.glob("*/*/*") if p.is_file())


def test_a_file_hard_linked_in_a_kept_unit_frees_nothing(store: Store) -> None:
    shard = make(store, "mix", "a", size=MB)

    def link(folder: Path) -> None:
        os.link(shard.file("data"), folder / "data")

    store.make(Unit("dataset", "linked", {}, {}), link)
    (left,) = [i for i in find_leftovers(store, [], 2) if i.path.parent.name == "mix"]
    assert left.size < 10_000


def test_recent_unfinished_work_is_kept(store: Store) -> None:
    partial = store.root / "train" / "x-0123.partial"
    partial.mkdir()
    (partial / "checkpoint").write_bytes(b"1")
    everything = [key(store, "old"), key(store, "new")]
    assert names(store, everything) == []
    long_ago = time.time() - 8 * 86_400
    for path in (partial / "checkpoint", partial):
        os.utime(path, (long_ago, long_ago))
    (left,) = find_leftovers(store, everything)
    assert left.path == partial
    assert remove(store, lambda: find_leftovers(store, everything)) == [left]
    assert not partial.exists()


def test_files_that_a_kill_left_half_written_are_deleted(store: Store) -> None:
    everything = [key(store, "old"), key(store, "new")]
    places = ("code/1.json", "receipts/1.json", "listings/1.json", "locks/1", "locks/leases/1")
    halves = [store.root / f"{place}.12-34.half" for place in places]
    for half in halves:
        half.parent.mkdir(exist_ok=True)
        half.write_bytes(b"1")
    assert find_leftovers(store, everything) == []
    for half in halves[1:]:
        os.utime(half, (0, 0))
    deleted = remove(store, lambda: find_leftovers(store, everything))
    assert sorted(item.path for item in deleted) == sorted(halves[1:])
    assert [half.exists() for half in halves] == [True, *[False] * 4]


def test_work_that_is_finished_meanwhile_is_no_error(store: Store) -> None:
    gone = Leftover(store.root / "train" / "x-0123.1a.partial", 0, "its run was interrupted")
    assert remove(store, lambda: [gone]) == [gone]


def test_nothing_is_deleted_while_another_process_uses_the_store(store: Store) -> None:
    code = (
        "import sys, time; from ecgmodel.store.leases import hold; from pathlib import Path\n"
        f"hold(Path({str(store.root)!r})); print('held', flush=True); time.sleep(60)"
    )
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "held\n"
        leftovers = find_leftovers(store, [], 0)
        with pytest.raises(StoreInUseError, match=f"in use by process {worker.pid}"):
            remove(store, lambda: leftovers)
        assert all(item.path.exists() for item in leftovers)
    finally:
        worker.kill()
        worker.wait()
    assert remove(store, lambda: leftovers) == leftovers != []
    assert not any(item.path.exists() for item in leftovers)


def test_what_to_delete_is_found_once_no_other_process_can_begin(store: Store) -> None:
    def find() -> list[Leftover]:
        assert (store.root / "locks" / "gate.lease").exists()
        return []

    assert remove(store, find) == []


def test_the_newest_report_of_a_benchmark_is_kept_with_its_network(
    store: Store,
) -> None:
    test = make(store, "qt_bw_test", "all", make(store, "download", "d"))
    network = make(store, "qt_bw_train", "net", test)
    model = {"model": file_sha256(network.file("data")), "windows": test.ref}
    measured = store.make(
        Unit("qt_bw_evaluate", "net", {}, model), lambda folder: _write(folder, "rows", 10)
    )
    old = make(store, "benchmark", "qt-bw", test)
    os.utime(old.path / "manifest.json", (0, 0))
    store.make(
        Unit("benchmark", "qt-bw", {"again": 1}, {"of net": measured.ref}),
        lambda folder: _write(folder, "page", 10),
    )
    left = names(store, [key(store, "old"), key(store, "new")])
    assert left == ["benchmark/qt-bw"]


def test_the_export_of_a_kept_network_is_kept(store: Store) -> None:
    for name in ("old", "new"):
        (folder,) = (store.root / "train").glob(f"{name}-*")
        network = {"network": file_sha256(folder / "data")}
        store.make(
            Unit("export", name, {}, network),
            lambda into, name=name: _write(into, name + ".onnx", 10),
        )
    left = names(store, [key(store, "new")])
    assert "export/old" in left
    assert "export/new" not in left


def test_every_file_behind_a_unit_is_hashed(store: Store) -> None:
    training = find(store, key(store, "new"))
    assert damaged_files(training) == []
    (record,) = (store.root / "download").glob("b-*")
    stat = (record / "data").stat()
    (record / "data").write_bytes(b"x" * stat.st_size)
    os.utime(record / "data", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (other,) = (store.root / "download").glob("a-*")
    (other / "data").unlink()  # of the old dataset alone
    assert damaged_files(training) == [record / "data"]
