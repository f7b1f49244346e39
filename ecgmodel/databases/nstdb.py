"""MIT-BIH Noise Stress Test Database: noise recordings bw, em and ma; two records mixed with em."""

from ecgmodel.databases._base import Database

DATABASE = Database(
    name="nstdb",
    version="1.0.0",
    annotators=("atr",),
    beats="atr",
    subjects={
        f"{number}e{level}": f"mitdb/{number}"
        for number in (118, 119)
        for level in ("24", "18", "12", "06", "00", "_6")
    },
    citation=(
        "Moody GB, Muldrow WE, Mark RG. A noise stress test for arrhythmia detectors. "
        "Computers in Cardiology 11:381-384 (1984)."
    ),
)
