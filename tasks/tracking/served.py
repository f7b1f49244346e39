"""The MLflow model: denoises ECGs of any length, leads and sampling rate, without TensorFlow.

MLflow copies this file into each version, with the code of `ecgmodel`, and runs it from there. So
it must not import other parts of the project.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from mlflow.environment_variables import _MLFLOW_IS_IN_SERVING_ENVIRONMENT as IS_SERVED
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext
from numpy.typing import NDArray

from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.denoise.onnx import FILE
from ecgmodel.errors import SignalError

NUMBERS = ("floating", "integer", "mixed-integer-float", "empty")
"""pandas' name for the type of a column with numbers and gaps."""


class ServedDenoiser(PythonModel):
    """Accepts ECGs as arrays `(samples,)` or `(samples, leads)`, or tables with a column per lead.

    Units are mV; a gap is NaN or, in JSON, null.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Load the network of the version."""
        self._denoiser = Denoiser.load(context.artifacts[FILE])

    # MLflow would turn any other type hint into a schema for all input.
    def predict(
        self,
        context: PythonModelContext,
        model_input: np.ndarray,
        params: dict[str, Any] | None = None,
    ) -> Any:
        """Clean a recording.

        Args:
            context: Not used.
            model_input: An array or lists, a `pandas.DataFrame`, or a dictionary of leads by name.
            params: "fs", the sampling rate in Hz, and "untrusted", as for `Denoiser.clean`.

        Returns:
            The cleaned signals in the same form; gaps stay gaps.

        Raises:
            MlflowException: The signal cannot be cleaned; a server answers 400 with the reason.
        """
        try:
            return self._predict(model_input, **(params or {}))
        except SignalError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error

    def _predict(self, given: Any, fs: float = 360.0, untrusted: str = "mark") -> Any:
        if isinstance(given, dict):
            table = self._predict(_table(given), fs, untrusted)
            return {lead: table[lead].to_numpy() for lead in given}
        cleaned = self._clean(_numbers(given), fs, untrusted)
        if IS_SERVED.get() and np.isnan(cleaned).any():  # JSON has no NaN
            cleaned = _with_null(cleaned)
        if isinstance(given, pd.DataFrame):
            return pd.DataFrame(cleaned, given.index, given.columns)
        return cleaned

    def _clean(self, signal: NDArray[Any], fs: float, untrusted: str) -> NDArray[Any]:
        if untrusted == "mark":
            return self._denoiser(signal, fs)
        if untrusted == "pass":
            return self._denoiser.clean(signal, fs, untrusted="pass").signal
        raise SignalError(f"Expected untrusted to be 'mark' or 'pass'. Received: {untrusted!r}.")


def _table(leads: dict[str, Any]) -> pd.DataFrame:
    """Return leads by name as a table.

    Raises:
        SignalError: Their lengths differ.
    """
    try:
        return pd.DataFrame(leads)
    except ValueError as error:
        raise SignalError(f"Expected leads of equal length, (samples,) each: {error}.") from error


def _numbers(given: Any) -> NDArray[Any]:
    """Return an array with null as NaN.

    Raises:
        SignalError: It contains values other than numbers and gaps.
    """
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise SignalError(f"The signal is not an array of numbers: {error}.") from error
    if array.dtype != object:
        return array
    kind = pd.api.types.infer_dtype(array.ravel(), skipna=True)
    if kind not in NUMBERS:
        raise SignalError(f"Expected a signal of numbers and gaps, mV. Received: {kind} values.")
    return np.where(pd.isna(array), np.nan, array).astype(np.float64)


def _with_null(signal: NDArray[Any]) -> NDArray[Any]:
    """Return a signal with None for NaN."""
    objects = signal.astype(object)
    objects[np.isnan(signal)] = None
    return objects


set_model(ServedDenoiser())
