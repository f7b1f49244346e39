"""MIT-BIH Arrhythmia Database: 48 records of 30 min, two leads at 360 Hz, reference beats."""

from ecgmodel.databases._base import Database, assign

# The inter-patient set DS2 of de Chazal et al. (2004, IEEE TBME 51:1196), plus the four paced
# records. By convention none of these trains; 202 is the same subject as 201.
_OUTSIDE_DS1 = (
    *("100", "102", "103", "104", "105", "107", "111", "113", "117", "121", "123", "200"),
    *("201", "210", "212", "213", "214", "217", "219", "221", "222", "228", "231", "232"),
    *("233", "234"),
)

DATABASE = Database(
    name="mitdb",
    version="1.0.0",
    annotators=("atr",),
    beats="atr",
    subjects={"202": "mitdb/201"},
    splits=assign(
        test=tuple(f"mitdb/{n}" for n in (106, 112, 118, 119, 203, 209, 215)),
        validation=tuple(f"mitdb/{n}" for n in (109, 124, 220)),
        held_out=tuple(f"mitdb/{n}" for n in _OUTSIDE_DS1),
    ),
    citation=(
        "Moody GB, Mark RG. The impact of the MIT-BIH Arrhythmia Database. "
        "IEEE Eng in Med and Biol 20(3):45-50 (2001)."
    ),
)
