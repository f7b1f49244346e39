"""Lead codes of ISO/IEEE 11073-10102 (MDC), which SCP-ECG (EN 1064, table 5) and DICOM share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

# CID 3001 of DICOM PS3.16 lists them as "2:1 MDC" and, in older files, as "5.6.3-9-1 SCPECG".
LEADS = {
    **dict(enumerate(("I", "II", "V1", "V2", "V3", "V4", "V5", "V6", "V7"), 1)),
    **dict(enumerate(("V2R", "V3R", "V4R", "V5R", "V6R", "V7R", "X", "Y", "Z"), 10)),
    **dict(enumerate(("CC5", "CM5", "LA", "RA", "LL"), 19)),
    **dict(enumerate(("fI", "fE", "fC", "fA", "fM", "fF", "fH"), 24)),
    **dict(enumerate(("dI", "dII", "dV1", "dV2", "dV3", "dV4", "dV5", "dV6", "dV7"), 31)),
    **dict(enumerate(("dV2R", "dV3R", "dV4R", "dV5R", "dV6R", "dV7R", "dX", "dY", "dZ"), 40)),
    **dict(enumerate(("dCC5", "dCM5", "dLA", "dRA", "dLL"), 49)),
    **dict(enumerate(("dfI", "dfE", "dfC", "dfA", "dfM", "dfF", "dfH"), 54)),
    **dict(enumerate(("III", "aVR", "aVL", "aVF", "-aVR", "V8", "V9", "V8R", "V9R"), 61)),
    **dict(enumerate(("D", "A", "J", "defib", "pacing", "A1", "A2", "A3", "A4"), 70)),
    **dict(enumerate(("C", "V", "VR", "VL", "VF", "MCL", "MCL1", "MCL2", "MCL3"), 86)),
    **dict(enumerate(("MCL4", "MCL5", "MCL6", "CC", "CC1", "CC2", "CC3", "CC4"), 95)),
    **dict(enumerate(("CC6", "CC7", "CM", "CM1", "CM2", "CM3", "CM4", "CM6"), 103)),
    **dict(enumerate(("dIII", "daVR", "daVL", "daVF"), 111)),
    **dict(enumerate(("CM7", "CH5", "CS5", "CB5", "CR5", "ML"), 121)),
    **dict(enumerate(("AB1", "AB2", "AB3", "AB4", "ES", "AS", "AI", "S"), 127)),
    147: "RL",
}
_BY_NAME = {name.lower(): name for name in LEADS.values()}


def lead_name(text: str) -> str:
    """Return a lead's name in its usual spelling, e.g. "aVR" for "AVR"; others as they are."""
    return _BY_NAME.get(text.strip().lower(), text.strip())


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return names with a number after those that came before: "II", "II (2)"."""
    made: list[str] = []
    for name in names:
        number, unique = 1, name
        while unique in made:
            number += 1
            unique = f"{name} ({number})"
        made.append(unique)
    return tuple(made)


def derived(limbs: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return the limb leads that are missing among `limbs`, as factors of I and II.

    By Einthoven and Goldberger: III = II - I, aVR = -(I + II) / 2, aVL = I - II / 2, and
    aVF = II - I / 2. Nothing is derived without I and II.
    """
    if not {"I", "II"} <= set(limbs):
        return {}
    factors = {"III": (-1.0, 1.0), "aVR": (-0.5, -0.5), "aVL": (1.0, -0.5), "aVF": (-0.5, 1.0)}
    return {name: pair for name, pair in factors.items() if name not in limbs}
