"""QT Database: 105 records of 15 min, two leads at 250 Hz, from seven other databases."""

from ecgmodel.databases._base import Database, assign

# These records agree in age, sex, findings, recorder, leads and baseline: treated as one subject.
_TWINS = {"sele0122": "edb/e0121", "sele0126": "edb/e0124"}

_NSRDB = "16265 16272 16273 16420 16483 16539 16773 16786 16795 17453"
_MITDB = "100 102 103 104 114 116 117 123 213 221 223 230 231 232 233"
_SVDB = "803 808 811 820 821 840 847 853 871 872 873 883 891 801 802"
_STDB = "301 302 306 307 308 310"
_LTDB = "14046 14157 14172 15814"
_SDDB = "30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 17152"
_EDB = (
    "0104 0106 0107 0110 0111 0112 0114 0116 0121 0124 0129 0133 0136 0166 0170 0203 0210 0211 "
    "0303 0405 0406 0409 0411 0509 0603 0604 0606 0607 0609 0612 0704"
)


def _subjects() -> dict[str, str]:
    """Return the subject of each record; the record name encodes its original database."""
    origins = {"nsrdb": _NSRDB, "mitdb": _MITDB, "svdb": _SVDB, "stdb": _STDB, "ltdb": _LTDB}
    origins["sddb"] = _SDDB
    named = {f"sel{n}": f"{origin}/{n}" for origin, ns in origins.items() for n in ns.split()}
    named |= {f"sele{n}": f"edb/e{n}" for n in _EDB.split()}
    return named | _TWINS


DATABASE = Database(
    name="qtdb",
    version="1.0.0",
    annotators=("atr", "pu1", "q1c"),
    beats="atr",
    # The records from svdb have gain 0; published work reads them with WFDB's default gain.
    uncalibrated_gain=200.0,
    subjects=_subjects(),
    splits=assign(
        # The 14 test records of the published QT benchmark (Romero et al. 2021).
        test=(
            *("mitdb/123", "mitdb/233", "stdb/302", "stdb/307", "svdb/820", "svdb/853"),
            *("nsrdb/16420", "nsrdb/16795", "edb/e0106", "edb/e0121", "sddb/32", "sddb/49"),
            *("ltdb/14046", "ltdb/15814"),
        ),
        validation=(
            *("stdb/306", "stdb/310", "svdb/840", "svdb/883", "edb/e0111", "edb/e0203"),
            *("edb/e0405", "edb/e0607", "sddb/36", "sddb/44", "ltdb/14172"),
        ),
    ),
    citation=(
        "Laguna P, Mark RG, Goldberger AL, Moody GB. A database for evaluation of algorithms for "
        "measurement of QT and other waveform intervals in the ECG. "
        "Computers in Cardiology 24:673-676 (1997)."
    ),
)
