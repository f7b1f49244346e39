"""Simulated noise recordings bw, ma, em, laid out like nstdb."""

from ecgmodel.databases._base import Database

DATABASE = Database(name="simnoise", version="simulated")
