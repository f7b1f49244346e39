"""Comparison of a challenger with the champion on the same segments, by the promotion rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from ecgmodel.errors import DatasetError
from ecgmodel.evaluation.headline import Headline
from ecgmodel.evaluation.metrics import METRICS
from ecgmodel.evaluation.summary import best_method, subject_interval
from ecgmodel.settings.gate import PRIMARY, RULES, GateSettings
from ecgmodel.support import plugins
from ecgmodel.training.cost import Cost

IDENTITY = ["record", "subject", "lead", "start", "noise_type", "snr_db"]
FIRST = "no filter"


@dataclass(frozen=True)
class Candidate:
    """A network, or no filter, with its results on the test.

    Attributes:
        name: Display name.
        table: One row per segment, as `evaluate_method` returns it.
        cost: Computational cost of the network; None for no filter.
        seen: Subjects of its training and validation.
        protocols: Rows by benchmark protocol, for rules that need them.
        simulated: Whether its last training was on simulated recordings.
        unknown: File of its initial weights if their training subjects are unknown; else "".
    """

    name: str
    table: pd.DataFrame
    cost: Cost | None
    seen: frozenset[str]
    protocols: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    simulated: bool = False
    unknown: str = ""


@dataclass(frozen=True)
class Comparison:
    """Results of challenger and champion on the same segments, in the same order.

    Attributes:
        challenger: Rows of the challenger.
        champion: Rows of the champion; of no filter for a first model.
        costs: Costs of challenger and champion; None without a champion.
        is_first: Whether there is no champion.
        protocols: Rows of challenger and champion (None without a champion) by benchmark protocol,
            without subjects on which either was trained.
        filters: Rows of each classical filter on the same segments, by name.
    """

    challenger: pd.DataFrame
    champion: pd.DataFrame
    costs: tuple[Cost | None, Cost | None]
    is_first: bool
    protocols: Mapping[str, tuple[pd.DataFrame, pd.DataFrame | None]] = field(default_factory=dict)
    filters: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def best_filter(self) -> str:
        """The classical filter with the largest mean SNR improvement; "" if none was measured."""
        tables = [rows.assign(method=name) for name, rows in self.filters.items()]
        if not tables or not self.noisy.any():
            return ""
        return best_method(pd.concat(tables), list(self.filters))

    @property
    def subjects(self) -> tuple[str, ...]:
        """The test subjects."""
        return tuple(sorted(self.challenger["subject"].unique()))

    def gain(self, metric: str) -> pd.Series[float]:
        """Return the difference between challenger and champion in a metric, by segment."""
        return self.challenger[metric] - self.champion[metric]

    @property
    def noisy(self) -> pd.Series[bool]:
        """Which segments have noise added."""
        return self.challenger["noise_type"] != "none"


@dataclass(frozen=True)
class Gain:
    """Gain of the challenger over the champion in the primary metric; positive is better.

    Attributes:
        by_subject: Mean gain of each test subject, in ascending order.
        mean: Mean gain over all segments.
        interval: 95 % interval of the mean; None with fewer subjects than `gate.min_subjects`.
    """

    by_subject: pd.Series[float]
    mean: float
    interval: tuple[float, float] | None

    @property
    def least(self) -> float:
        """The lower end of the interval; without an interval, the smallest gain of a subject."""
        return self.interval[0] if self.interval else float(self.by_subject.iloc[0])

    @property
    def least_subject(self) -> str:
        """The subject with the smallest gain."""
        return str(self.by_subject.index[0])


@dataclass(frozen=True)
class Finding:
    """The result of one check of a rule.

    Attributes:
        rule: Name of the rule.
        what: The compared quantity.
        passed: Whether the check passed.
        value: Value of the quantity; None if undefined.
        limit: Limit that the value must reach or not exceed; None if there is no limit.
        text: The result in a sentence.
    """

    rule: str
    what: str
    passed: bool
    value: float | None
    limit: float | None
    text: str


@dataclass(frozen=True)
class Verdict:
    """The decision of the gate.

    Attributes:
        promoted: Whether the challenger replaces the champion.
        reason: Reason of the decision, in a sentence.
        challenger: Name of the challenger.
        champion: Name of the champion, "" for a first model.
        subjects: Test subjects of the comparison.
        left_out: Test subjects excluded because either side was trained on them.
        findings: Results of all rules.
        notes: Notes on the test set and the champion.
        headlines: Headlines of "challenger" and "champion" on these test subjects and, if the test
            of the challenger's report differs, of "report"; see `ecgmodel.promotion.stating`.
        tests: Names of the datasets of "judged" and "report".
    """

    promoted: bool
    reason: str
    challenger: str
    champion: str
    subjects: tuple[str, ...]
    left_out: tuple[str, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    headlines: Mapping[str, Headline] = field(default_factory=dict)
    tests: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the verdict as JSON."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Verdict:
        """Return the verdict from JSON."""
        tree = json.loads(text)
        findings = tuple(Finding(**item) for item in tree.pop("findings"))
        headlines = {n: Headline.from_dict(h) for n, h in tree.pop("headlines").items()}
        lists = {n: tuple(v) for n, v in tree.items() if isinstance(v, list)}
        return cls(**{**tree, **lists, "findings": findings, "headlines": headlines})


def judge(
    challenger: Candidate,
    champion: Candidate | None,
    floor: Candidate,
    settings: GateSettings,
    notes: Sequence[str] = (),
    filters: Mapping[str, pd.DataFrame] | None = None,
) -> Verdict:
    """Return the verdict of all rules on a challenger; a rule that cannot be applied fails.

    Subjects on which either side was trained are excluded for both. A first model is compared with
    no filter.

    Args:
        challenger: The new network.
        champion: The network in use; None for a first model.
        floor: Results of no filter on the same test.
        settings: Settings of the gate.
        notes: Notes for the verdict.
        filters: Rows of each classical filter on the same test, by name.

    Raises:
        DatasetError: The two sides were not measured on the same segments.
    """
    comparison, left_out = compare_sides(challenger, champion, floor, filters)
    findings = [*origins(challenger, champion)]
    barred = bool(findings)
    if comparison.subjects:
        for name in settings.rules:
            if missing := [p for p in needed_protocols(name) if p not in comparison.protocols]:
                findings += [_unjudged(name, protocol) for protocol in missing]
            else:
                findings += plugins.load(RULES, name, "rule").judge(comparison, settings)
    failed = [finding for finding in findings if not finding.passed]
    return Verdict(
        promoted=bool(comparison.subjects and findings) and not failed,
        reason=_reason(challenger, comparison, findings, failed, barred),
        challenger=challenger.name,
        champion=champion.name if champion else "",
        subjects=comparison.subjects,
        left_out=left_out,
        findings=tuple(findings),
        notes=tuple(notes),
    )


def origins(challenger: Candidate, champion: Candidate | None) -> list[Finding]:
    """Return findings that exclude a challenger regardless of its results and of the settings."""
    found = []
    if champion and challenger.simulated and not champion.simulated:
        text = (
            "The challenger was last trained on simulated recordings. It cannot replace "
            f"{champion.name}, which was trained on real ones."
        )
        found.append(Finding("origin", "trained on real recordings", False, None, None, text))
    if challenger.unknown:
        text = (
            f"The challenger started from the weights of {challenger.unknown}, whose training "
            "subjects are unknown: test subjects may be among them. If none is, promote it by "
            f"hand: {_by_hand(challenger)}."
        )
        found.append(Finding("origin", "training subjects known", False, None, None, text))
    return found


def needed_protocols(*rules: str) -> tuple[str, ...]:
    """Return the benchmark protocols whose results the rules need, each once.

    Args:
        *rules: Names of rules; a rule lists its protocols as `NEEDS`.
    """
    needs = [getattr(plugins.load(RULES, name, "rule"), "NEEDS", ()) for name in rules]
    return tuple(dict.fromkeys(protocol for names in needs for protocol in names))


def compare_sides(
    challenger: Candidate,
    champion: Candidate | None,
    floor: Candidate,
    filters: Mapping[str, pd.DataFrame] | None = None,
) -> tuple[Comparison, tuple[str, ...]]:
    """Return both sides on the segments of subjects unseen by both, and the excluded subjects.

    Raises:
        DatasetError: The two sides were not measured on the same segments.
    """
    other = champion or floor
    seen = challenger.seen | other.seen
    ours, theirs = (_sorted(side.table) for side in (challenger, other))
    classical = {name: _sorted(rows) for name, rows in (filters or {}).items()}
    for name, rows in ((other.name, theirs), *classical.items()):
        if not ours[IDENTITY].equals(rows[IDENTITY]):
            raise DatasetError(
                f"{challenger.name} and {name} were not measured on the same segments: "
                f"{_difference(ours[IDENTITY], rows[IDENTITY])}. Evaluate both on the same test "
                "set."
            )
    unseen = ~ours["subject"].isin(seen)
    left_out = tuple(sorted(set(ours["subject"]) & seen))
    costs = (challenger.cost, champion.cost if champion else None)
    new, old = (table[unseen].reset_index(drop=True) for table in (ours, theirs))
    filtered = {name: rows[unseen].reset_index(drop=True) for name, rows in classical.items()}
    protocols = _protocols(challenger, champion)
    return Comparison(new, old, costs, champion is None, protocols, filtered), left_out


def primary_gain(comparison: Comparison, settings: GateSettings) -> Gain | None:
    """Return the gain in the primary metric on noisy segments; None if it is undefined.

    The interval of the mean over segments is a bootstrap over subjects.
    """
    sign = 1 if METRICS[settings.primary].higher_is_better else -1
    return mean_gain(sign * comparison.gain(settings.primary), comparison, settings)


def mean_gain(
    values: pd.Series[float], comparison: Comparison, settings: GateSettings
) -> Gain | None:
    """Return the mean of a gain by segment over the noisy segments; None if it is undefined."""
    gain = values[comparison.noisy].dropna()
    if gain.empty:
        return None
    subjects = comparison.challenger.loc[gain.index, "subject"]
    by_subject = gain.groupby(subjects).mean().sort_values()
    mean, interval = float(gain.mean()), None
    if len(by_subject) >= settings.min_subjects:
        column = gain.to_numpy(dtype=np.float64)[:, None]
        low, high = subject_interval(column, subjects.to_numpy(), settings.draws, settings.seed)
        interval = (float(low[0]), float(high[0]))
    return Gain(by_subject, mean, interval)


def _protocols(
    challenger: Candidate, champion: Candidate | None
) -> dict[str, tuple[pd.DataFrame, pd.DataFrame | None]]:
    """Return the rows of the protocols measured for both sides, of subjects unseen by both."""
    seen = challenger.seen | (champion.seen if champion else frozenset())
    found: dict[str, tuple[pd.DataFrame, pd.DataFrame | None]] = {}
    for name, rows in challenger.protocols.items():
        ours = rows[~rows["subject"].isin(seen)]
        theirs = champion.protocols.get(name) if champion else None
        if len(ours) and (champion is None or theirs is not None):
            unseen = None if theirs is None else theirs[~theirs["subject"].isin(seen)]
            found[name] = (ours, unseen)
    return found


def _unjudged(rule: str, protocol: str) -> Finding:
    text = (
        f"Rule {rule} cannot be applied: all subjects of {protocol} were used to train the "
        f"challenger or the champion. Train without these subjects, or remove {rule} from "
        "gate.rules."
    )
    return Finding(rule, protocol, False, None, None, text)


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values(IDENTITY, ignore_index=True)


def _difference(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """Describe the difference between two lists of segments."""
    single = pd.concat([ours, theirs]).drop_duplicates(keep=False)
    counts = f"of {len(ours)} and {len(theirs)} rows"
    if len(single):
        example = single.head(1).to_dict("records")
        return f"{len(single)} {counts} have no counterpart, e.g. {example}"
    repeated = (int(ours.duplicated().sum()), int(theirs.duplicated().sum()))
    kinds = [name for name in ours if ours[name].dtype != theirs[name].dtype]
    return f"{repeated[0]} and {repeated[1]} {counts} are repeated; columns of other types: {kinds}"


def _reason(
    challenger: Candidate,
    comparison: Comparison,
    findings: Sequence[Finding],
    failed: Sequence[Finding],
    barred: bool,
) -> str:
    if not comparison.subjects and not barred:
        return (
            "No test subject is left: challenger or champion was trained on all of them. Set "
            "gate.test_set to a dataset with other subjects, disable the shipped champion "
            "(gate.first_champion=null, before the first training), or promote the challenger by "
            f"hand: {_by_hand(challenger)}."
        )
    if failed:
        others = 0 if barred else len(failed) - 1  # an excluded challenger has only one reason
        more = (
            f" {others} more {'check fails' if others == 1 else 'checks fail'}." if others else ""
        )
        return failed[0].text + more
    text = next((f.text for f in findings if f.rule == PRIMARY), "No rule gave a result.")
    return f"This is the first model. {text}" if comparison.is_first else text


def _by_hand(challenger: Candidate) -> str:
    return f"`ecg-denoise promote {challenger.name.removeprefix('version ')}`"
