"""The pipeline's subcommands, found by `ecg-denoise` through entry points."""

from flows.commands.benchmark import benchmark
from flows.commands.housekeeping import HOUSEKEEPING_COMMANDS
from flows.commands.pipeline import PIPELINE_COMMANDS
from flows.commands.registry import REGISTRY_COMMANDS
from flows.commands.service import SERVICE_COMMANDS
from flows.commands.settings import show_settings

COMMANDS = (
    *PIPELINE_COMMANDS,
    show_settings,
    benchmark,
    *REGISTRY_COMMANDS,
    *SERVICE_COMMANDS,
    *HOUSEKEEPING_COMMANDS,
)
