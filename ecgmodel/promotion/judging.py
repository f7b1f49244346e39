"""A challenger against the champion, on the same stretches: who is better, and by which rule."""

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
    """A network before the gate.

    Attributes:
        name: What a person calls it.
        table: One row a stretch, as `evaluate_method` returns it.
        cost: What applying it costs; None for what is no network.
        seen: Subjects that trained or validated it.
        protocols: By benchmark protocol, its rows, for rules that need them.
        simulated: Whether its last training was on simulated recordings.
        unknown: The file that it started from, if nobody knows who trained that; else "".
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
    """Both sides on the same stretches, one row each, in the same order.

    Attributes:
        challenger: The challenger's rows.
        champion: The champion's rows; of no filter for a first model.
        costs: Of challenger and champion; None where there is no champion.
        is_first: Whether there is no champion.
        protocols: By benchmark protocol, the rows of challenger and champion (None where there is
            no champion), without subjects that either was trained on.
        filters: By classical filter, its rows on the same stretches.
    """

    challenger: pd.DataFrame
    champion: pd.DataFrame
    costs: tuple[Cost | None, Cost | None]
    is_first: bool
    protocols: Mapping[str, tuple[pd.DataFrame, pd.DataFrame | None]] = field(default_factory=dict)
    filters: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def best_filter(self) -> str:
        """The classical filter with the largest mean SNR improvement; "" where there is none."""
        tables = [rows.assign(method=name) for name, rows in self.filters.items()]
        if not tables or not self.noisy.any():
            return ""
        return best_method(pd.concat(tables), list(self.filters))

    @property
    def subjects(self) -> tuple[str, ...]:
        """The test subjects."""
        return tuple(sorted(self.challenger["subject"].unique()))

    def gain(self, metric: str) -> pd.Series[float]:
        """Return how much better the challenger is, by stretch; of no noise there is no gain."""
        return self.challenger[metric] - self.champion[metric]

    @property
    def noisy(self) -> pd.Series[bool]:
        """Which stretches have noise added."""
        return self.challenger["noise_type"] != "none"


@dataclass(frozen=True)
class Gain:
    """How much better the challenger is in the primary metric; more is better.

    Attributes:
        by_subject: The mean of each test subject, the least first.
        mean: Over all stretches.
        interval: 95 % interval of the mean; None with fewer subjects than `gate.min_subjects`.
    """

    by_subject: pd.Series[float]
    mean: float
    interval: tuple[float, float] | None

    @property
    def least(self) -> float:
        """The lower end of the interval; without one, what the subject gains who gains least."""
        return self.interval[0] if self.interval else float(self.by_subject.iloc[0])

    @property
    def least_subject(self) -> str:
        """The subject who gains least."""
        return str(self.by_subject.index[0])


@dataclass(frozen=True)
class Finding:
    """What a rule found.

    Attributes:
        rule: The rule's name.
        what: What was compared.
        passed: Whether it holds.
        value: The figure; None where there is none.
        limit: What it had to reach or stay under; None where there is none.
        text: A sentence for people.
    """

    rule: str
    what: str
    passed: bool
    value: float | None
    limit: float | None
    text: str


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Attributes:
        promoted: Whether the challenger may take the place.
        reason: Why or why not, in a sentence.
        challenger: Its name.
        champion: The champion's name, "" for a first model.
        subjects: Test subjects that judged.
        left_out: Test subjects that either side was trained on.
        findings: What each rule found.
        notes: What is to be said of the test set and the champion.
        headlines: Of "challenger" and "champion" on the people who judge, and, where these are not
            those of the challenger's report, of "report"; see `ecgmodel.promotion.stating`.
        tests: The names of the datasets of "judged" and "report".
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
        """Return the verdict of a JSON text."""
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
    """Judge a challenger by every rule; one that cannot be judged is not passed.

    Subjects that either side was trained on judge neither. A first model is compared with no
    filter, since there is nothing else that it could be better than.

    Args:
        challenger: Who wants the place.
        champion: Who has it; None for a first model.
        floor: The same test without any filter.
        settings: The rules.
        notes: Passed on to the verdict.
        filters: By classical filter, its rows on the same test.

    Raises:
        DatasetError: The two sides were not measured on the same stretches.
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
    """Return what bars a challenger whatever it measures; there is no setting against it."""
    found = []
    if champion and challenger.simulated and not champion.simulated:
        text = (
            "It learned from simulated recordings last, so it does not take the place of "
            f"{champion.name}, which learned from real ones."
        )
        found.append(Finding("origin", "trained on real recordings", False, None, None, text))
    if challenger.unknown:
        text = (
            f"{challenger.unknown}, whose weights it started from, does not say who trained it: "
            "test subjects may be among them. If you know that none is, put it into use by hand: "
            f"{_by_hand(challenger)}."
        )
        found.append(Finding("origin", "known who trained it", False, None, None, text))
    return found


def needed_protocols(*rules: str) -> tuple[str, ...]:
    """Return the benchmark protocols that rules need the results of, each once.

    Args:
        *rules: Names of rules; one says what it needs as `NEEDS`.
    """
    needs = [getattr(plugins.load(RULES, name, "rule"), "NEEDS", ()) for name in rules]
    return tuple(dict.fromkeys(protocol for names in needs for protocol in names))


def compare_sides(
    challenger: Candidate,
    champion: Candidate | None,
    floor: Candidate,
    filters: Mapping[str, pd.DataFrame] | None = None,
) -> tuple[Comparison, tuple[str, ...]]:
    """Return both sides on the stretches of subjects that neither has seen, and who was left out.

    Raises:
        DatasetError: The two sides were not measured on the same stretches.
    """
    other = champion or floor
    seen = challenger.seen | other.seen
    ours, theirs = (_sorted(side.table) for side in (challenger, other))
    classical = {name: _sorted(rows) for name, rows in (filters or {}).items()}
    for name, rows in ((other.name, theirs), *classical.items()):
        if not ours[IDENTITY].equals(rows[IDENTITY]):
            raise DatasetError(
                f"{challenger.name} and {name} were not measured on the same stretches: "
                f"{_difference(ours[IDENTITY], rows[IDENTITY])}. Evaluate both on one test set."
            )
    unseen = ~ours["subject"].isin(seen)
    left_out = tuple(sorted(set(ours["subject"]) & seen))
    costs = (challenger.cost, champion.cost if champion else None)
    new, old = (table[unseen].reset_index(drop=True) for table in (ours, theirs))
    kept = {name: rows[unseen].reset_index(drop=True) for name, rows in classical.items()}
    protocols = _protocols(challenger, champion)
    return Comparison(new, old, costs, champion is None, protocols, kept), left_out


def primary_gain(comparison: Comparison, settings: GateSettings) -> Gain | None:
    """Return the gain in the primary metric on noisy stretches; None where no side has a figure.

    The interval is that of the mean over stretches, by bootstrap over subjects.
    """
    sign = 1 if METRICS[settings.primary].higher_is_better else -1
    return mean_gain(sign * comparison.gain(settings.primary), comparison, settings)


def mean_gain(
    values: pd.Series[float], comparison: Comparison, settings: GateSettings
) -> Gain | None:
    """Return the mean of a gain by stretch over the noisy stretches; None where none has one."""
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
    """Return the rows of protocols that both sides have, of subjects that neither has seen."""
    seen = challenger.seen | (champion.seen if champion else frozenset())
    found: dict[str, tuple[pd.DataFrame, pd.DataFrame | None]] = {}
    for name, rows in challenger.protocols.items():
        ours = rows[~rows["subject"].isin(seen)]
        theirs = champion.protocols.get(name) if champion else None
        if len(ours) and (champion is None or theirs is not None):
            kept = None if theirs is None else theirs[~theirs["subject"].isin(seen)]
            found[name] = (ours, kept)
    return found


def _unjudged(rule: str, protocol: str) -> Finding:
    text = (
        f"Rule {rule} cannot be judged: everybody on whom {protocol} is measured trained one of "
        "both sides. Train without these people, or leave the rule out of gate.rules."
    )
    return Finding(rule, protocol, False, None, None, text)


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values(IDENTITY, ignore_index=True)


def _difference(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """Say in what two lists of stretches differ."""
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
            "No test subject is left that neither side was trained on: nothing can be proven. Name "
            "a test of other people as gate.test_set, do without the shipped champion "
            "(gate.first_champion=null, before the first training), or put it into use by hand: "
            f"{_by_hand(challenger)}."
        )
    if failed:
        others = 0 if barred else len(failed) - 1  # nothing else counts where it is barred
        more = (
            f" {others} more {'check fails' if others == 1 else 'checks fail'}." if others else ""
        )
        return failed[0].text + more
    text = next((f.text for f in findings if f.rule == PRIMARY), "No rule found anything.")
    return f"It is the first model. {text}" if comparison.is_first else text


def _by_hand(challenger: Candidate) -> str:
    return f"`ecg-denoise promote {challenger.name.removeprefix('version ')}`"
