"""What an analyst looks at: amplitude and envelope spectra of a recording, and its usual single numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.tape import FloatArray
from simulators.waveform import Recording


@dataclass(frozen=True, slots=True)
class Spectrum:
    """RMS amplitude by frequency."""

    hz: FloatArray
    rms: FloatArray

    def at(self, hz: float, within_hz: float) -> float:
        """The strongest line within that distance."""
        near = np.abs(self.hz - hz) <= within_hz
        return float(self.rms[near].max()) if near.any() else 0.0

    def peak(self, low_hz: float, high_hz: float) -> float:
        """Frequency of the strongest line between the two."""
        inside = np.flatnonzero((self.hz >= low_hz) & (self.hz <= high_hz))
        return float(self.hz[inside[np.argmax(self.rms[inside])]])

    def floor(self, low_hz: float, high_hz: float) -> float:
        """Median amplitude between the two: what lines stand out of."""
        inside = (self.hz >= low_hz) & (self.hz <= high_hz)
        return float(np.median(self.rms[inside]))


def spectrum(signal: FloatArray, rate_hz: float) -> Spectrum:
    """One-sided amplitude spectrum with a Hann window, scaled to the RMS of a sine."""
    window = np.hanning(len(signal))
    lines = np.abs(np.fft.rfft((signal - signal.mean()) * window)) * (np.sqrt(2.0) / window.sum())
    return Spectrum(np.asarray(np.fft.rfftfreq(len(signal), 1.0 / rate_hz), np.float64), lines)


def envelope_spectrum(recording: Recording, low_hz: float, high_hz: float) -> Spectrum:
    """Spectrum of the squared envelope of a band: where repeated impacts show (Randall and Antoni 2011, section 4)."""
    n = len(recording.acceleration)
    lines = np.fft.fft(recording.acceleration)
    hz = np.fft.fftfreq(n, 1.0 / recording.rate_hz)
    analytic = np.fft.ifft(np.where((hz >= low_hz) & (hz <= high_hz), 2.0 * lines, 0.0))
    return spectrum(np.abs(analytic) ** 2, recording.rate_hz)


def velocity_rms(recording: Recording, low_hz: float = 10.0, high_hz: float = 1000.0) -> float:
    """Velocity RMS in mm/s over a band, by integration in the frequency domain."""
    n = len(recording.acceleration)
    lines = np.fft.rfft(recording.acceleration) / n
    hz = np.fft.rfftfreq(n, 1.0 / recording.rate_hz)
    inside = (hz >= low_hz) & (hz <= high_hz)
    velocity = np.abs(lines[inside]) / (2.0 * np.pi * hz[inside])
    return float(np.sqrt(2.0 * (velocity**2).sum()) * 1e3)


def kurtosis(signal: FloatArray) -> float:
    """Fourth standardised moment: 3 for a Gaussian, more with impacts."""
    centred = signal - signal.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2)
