"""Spectra of a recording: power by frequency, RMS over a band, and the envelope in which impacts show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.reading import FloatArray


@dataclass(frozen=True, slots=True)
class Spectrum:
    """One-sided mean-square spectrum under a Hann window: `power` adds up to the mean square of the signal.

    The window keeps what lies outside a band from leaking into it: integration to velocity divides by the frequency, so
    that a slow drift would otherwise drown everything (Brandt, "Noise and Vibration Analysis", 2011, ch. 9).
    """

    hz: FloatArray
    power: FloatArray

    @classmethod
    def of(cls, signal: FloatArray, rate_hz: float) -> Spectrum:
        """Of a signal without its mean, `rate_hz` samples per second."""
        n = len(signal)
        window = np.hanning(n + 1)[:-1]
        lines = np.abs(np.fft.rfft((signal - signal.mean()) * window)) ** 2
        lines[1 : (n + 1) // 2] *= 2.0
        return cls(np.asarray(np.fft.rfftfreq(n, 1.0 / rate_hz), np.float64), lines / (n * float(window @ window)))

    @property
    def step_hz(self) -> float:
        """Distance of two lines."""
        return float(self.hz[1])

    def rms(self, low_hz: float, high_hz: float) -> float:
        """RMS of what lies between the two."""
        return float(np.sqrt(self.power[self._between(low_hz, high_hz)].sum()))

    def integrated_rms(self, low_hz: float, high_hz: float) -> float:
        """RMS of the signal's integral over time, of what lies between the two: velocity from acceleration."""
        inside = self._between(low_hz, high_hz)
        return float(np.sqrt((self.power[inside] / (2.0 * np.pi * self.hz[inside]) ** 2).sum()))

    def line_rms(self, hz: float, within_hz: float) -> float:
        """RMS of the strongest line within that distance, with its two neighbours: there a Hann window spreads it."""
        near = np.flatnonzero(self._between(hz - within_hz, hz + within_hz))
        if not len(near):
            return 0.0
        top = near[np.argmax(self.power[near])]
        return float(np.sqrt(self.power[max(top - 1, 0) : top + 2].sum()))

    def _between(self, low_hz: float, high_hz: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        return np.asarray((self.hz >= low_hz) & (self.hz <= high_hz))


def envelope(signal: FloatArray, rate_hz: float, low_hz: float, high_hz: float) -> FloatArray:
    """The envelope of a band of the signal: magnitude of its analytic signal, in the signal's unit.

    Amplitude demodulation as in Randall and Antoni, "Rolling element bearing diagnostics - a tutorial", Mechanical
    Systems and Signal Processing 25 (2011), section 4.
    """
    lines = np.fft.fft(signal - signal.mean())
    hz = np.fft.fftfreq(len(signal), 1.0 / rate_hz)
    return np.abs(np.fft.ifft(np.where((hz >= low_hz) & (hz <= high_hz), 2.0 * lines, 0.0)))
