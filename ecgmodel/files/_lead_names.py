"""What the name of a channel says about it: an ECG lead, perhaps one, another signal, or nothing.

Sources of the names:

- standard leads, chest leads to the right and to the back, leads of Frank and EASI: SCP-ECG (EN
  1064, identification of leads) and HL7 aECG (`MDC_ECG_LEAD_...`, ISO/IEEE 11073-10101);
- leads of Holter recorders and monitors (MLII, MCL1, CM5, mod.V1, V4-V5, E-S, D3): the headers of
  PhysioNet's databases;
- "ECG ..." and the names of other signals (EEG, EMG, Resp ...): EDF+'s standard texts;
- electrodes on the head: the 10-20 system; of sleep studies: the AASM's scoring manual.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from enum import Enum

from ecgmodel.support.units import LONGEST_NAME


class Meaning(Enum):
    """What a name says about a channel."""

    LEAD = "the name of an ECG lead"
    ECG = "ECG, and nothing that contradicts it"
    PERHAPS = "a name of ECG leads that other signals have, too"
    ECG_AND = "ECG beside an unknown word"
    OTHER = "another signal, or something derived from an ECG"
    GENERIC = "a signal, without saying which"
    UNKNOWN = "no known name"


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LEAD = re.compile(
    r"ii|iii|-?av[rlf]|v[1-9]r?|di{1,3}|ml ?i{1,3}|ml ?[1-5]|mcl ?[1-6]?|mod v[1-6]|c[mc][1-7]|cb5"
    r"|v[1-6] ?- ?v[1-6]|mdc ecg lead .+"
)
# Also a current, voltages, axes, velocities, electrodes, days.
_PERHAPS = re.compile(
    r"i|v|(?P<axis>v?[xyz])|c[1-6]|d[1-4]|mv[1-6]|c[sr][1-7]|l[al] ?-? ?[rl]a"
    r"|(?P<easi>e ?-? ?s|a ?-? ?[si])"
)
_ECG = _set(
    "ecg ekg electrocardiogram electrocardiograph elektrokardiogramm électrocardiogramme "
    "electrocardiograma elettrocardiogramma экг 心电 心电图 心電図 심전도"
)
_LEAD_WORD = _set(
    "lead leads ableitung abl dérivation derivation derivación derivacion derivação derivazione "
    "afleiding avledning odprowadzenie отведение 导联 誘導 유도"
)
# Beside "ECG": how the lead was recorded or processed.
_HOW = _set(
    "raw clean cleaned filt filtered unfiltered denoised noisy original signal sig data value "
    "values voltage waveform wave amplitude channel chan ch kanal canal ad adc analog input la ra "
    "ll rl lh rh lf rf left right arm leg chest limb precordial bipolar unipolar holter surface "
    "sensor patch modified mod main primary secondary cal uncal bit mv uv µv v volt volts "
    "millivolt millivolts microvolt microvolts"
)
# Derived from an ECG, about it, or another signal.
_NO_ECG = _set(
    "bpm hr rate heartrate frequenz hrv rr nn ibi interval intervals duration period frequency "
    "freq hz fs peak peaks rpeak rpeaks onset onsets offset offsets on off leadoff loff contact "
    "start end begin stop phase completion atrial ventricular beat beats qrs qt qtc rhythm class "
    "classes label labels annot annotation annotations ann event events marker markers mark "
    "trigger flag flags status state valid invalid good bad ok quality sqi score confidence "
    "probability prob noise snr artifact artefact artifacts artefacts count counter counts number "
    "index idx id seq sequence sample samples time timestamp timestamps ts t date datetime clock "
    "impedance gain scale baseline battery temp temperature power energy hf lf mean std median "
    "min max rms slope age sex patient record recording path unit units comment type code derived "
    "edr diagnosis prediction predicted target resp respiration respiratory spo2 sao2 pulse pleth "
    "ppg bp abp art cvp pap icp nibp co2 etco2 eeg eog emg erg meg mcg scg bcg ecog seeg gsr eda "
    "scl acc accel acceleration accelerometer gyro gyr mag magnetometer light sound audio flow "
    "airflow nasal cannula thorax thor abdomen abdominal abdo abd snore snoring position chin "
    "flex heart"
)
_OTHER = re.compile(
    r"(?:eeg|eog|emg|erg|meg|mcg|ep|ecog|seeg|gsr|eda|resp|ppg|pleth|acc|gyr|mag|spo2|sao2|temp"
    r"|chin|[lr]?leg|snor|thor|abdo?|nasal|cannula|position|heart)(?:[^a-z].*|\w*)"
    r"|(?P<head>(?:fp|af|fc|ft|cp|tp|po|f|c|t|p|o)(?:z|\d{1,2})(?:[-:/ ].*)?|[am][12](?:[-:/ ].*)?)"
    r"|[lr]oc(?:[^a-z].*)?|e[12](?:[-:/ ].*)?"
)
_GENERIC = re.compile(
    r"(?:unnamed|signal|value|values|voltage|amplitude|data|channel|chan|ch|col|column|input|sensor"
    r"|record \S+ signal)?[ #-]*\d{0,3}"
)
_TYPED = re.compile(r"(?:ecg|ekg)(?![a-z])", re.IGNORECASE)
_NUMBERED = re.compile(r"\d{1,3}")


def meaning(name: str) -> Meaning:
    """Return what a channel's name, without its unit, says about it."""
    low, words = plain_name(name), list(_words(name))
    numbered = " ".join(word for word in words if word not in _LEAD_WORD)
    is_of_lead = bool(_LEAD_WORD & set(words))
    if _LEAD.fullmatch(low) or (is_of_lead and _is_lead(numbered)):
        return Meaning.LEAD
    if _GENERIC.fullmatch(low):
        return Meaning.GENERIC
    if _NO_ECG & set(words):
        return Meaning.OTHER
    if _ECG & set(words):
        rest = [w for w in words if w not in _ECG | _LEAD_WORD | _HOW and not _NUMBERED.match(w)]
        return Meaning.ECG_AND if any(not _is_lead(word) for word in rest) else Meaning.ECG
    if is_of_lead and (not numbered or _NUMBERED.fullmatch(numbered)):
        return Meaning.ECG_AND
    if _PERHAPS.fullmatch(low):
        return Meaning.PERHAPS
    return Meaning.OTHER if _OTHER.fullmatch(low) else Meaning.UNKNOWN


def plain_name(name: str) -> str:
    """Return a name in lower case with single spaces as separators, except hyphens."""
    low = unicodedata.normalize("NFKC", name[:LONGEST_NAME]).lower()
    return re.sub(r"[\s_.:/]+", " ", low).strip()


def is_typed(name: str) -> bool:
    """Return whether an EDF label is of EDF+'s type ECG: "ECG", "ECG V1", "EKG left"."""
    return bool(_TYPED.match(name)) and meaning(name) in (Meaning.ECG, Meaning.ECG_AND)


def is_on_head(name: str) -> bool:
    """Return whether a name is that of an electrode of an EEG, or of a pair with one."""
    found = _OTHER.fullmatch(plain_name(name))
    return bool(found and found["head"]) and not _PERHAPS.fullmatch(plain_name(name))


def is_axis(name: str) -> bool:
    """Return whether a name is one of Frank's leads, or of an axis in space."""
    found = _PERHAPS.fullmatch(plain_name(name))
    return bool(found and found["axis"])


def is_easi(name: str) -> bool:
    """Return whether a name is one of the EASI leads."""
    found = _PERHAPS.fullmatch(plain_name(name))
    return bool(found and found["easi"])


def _is_lead(low: str) -> bool:
    return bool(_LEAD.fullmatch(low) or _PERHAPS.fullmatch(low))


def _words(name: str) -> Iterator[str]:
    """Yield the words of a name in lower case: "ecgRate_2" is ecg, rate, 2."""
    plain = unicodedata.normalize("NFKC", name[:LONGEST_NAME])
    for part in re.split(r"[\W_]+", plain):
        if _is_lead(part.lower()) or part.lower() in _NO_ECG | _HOW:
            yield part.lower()
            continue
        parted = re.sub(r"(?<=[a-zß-ÿ])(?=[A-Z])|(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])", " ", part)
        parted = re.sub(r"^(ecg|ekg)(?=\w)|(?<=\w)(ecg|ekg)$", r" \g<0> ", parted.lower())
        yield from parted.split()
