"""MIT-BIH Normal Sinus Rhythm Database: 18 records of a day, two leads at 128 Hz."""

from ecgmodel.databases._base import Database, assign

DATABASE = Database(
    name="nsrdb",
    version="1.0.0",
    annotators=("atr",),
    beats="atr",
    splits=assign(
        # 16420 and 16795 are test subjects of the QT benchmark; the others are not in it.
        test=("nsrdb/16420", "nsrdb/16795", "nsrdb/18184", "nsrdb/19090"),
        validation=("nsrdb/17052", "nsrdb/18177", "nsrdb/19140"),
    ),
    citation=(
        "The MIT-BIH Normal Sinus Rhythm Database. Goldberger AL et al. PhysioBank, "
        "PhysioToolkit, and PhysioNet. Circulation 101(23):e215-e220 (2000)."
    ),
)
