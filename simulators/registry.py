"""The device registry of a simulated site as the TOML file that `registry.file` names."""

from __future__ import annotations

import json
from pathlib import Path

from simulators.bearings import BEARINGS
from simulators.duration import NS
from simulators.machines.rotating import Rotating
from simulators.outfile import writing
from simulators.scenario import DeviceSpec
from simulators.simulation import Simulation


def registry_toml(sim: Simulation) -> str:
    """Every device with its class, owner, machine and metrics; intervals are those of the history."""
    customer = sim.scenario.spec.site.customer
    parts = []
    for placed in sim.devices:
        spec = placed.spec
        lines = ["[[device]]", f"site = {_text(placed.site)}", f"device = {_text(placed.device.name)}"]
        lines.append(f"class = {_text(placed.device.machine.asset_class)}")
        lines.append(f"criticality = {_text(spec.criticality)}")
        named = {"customer": spec.customer or customer, "team": spec.team, "owner": spec.owner}
        lines += [f"{key} = {_text(value)}" for key, value in named.items() if value]
        lines += _machine(spec)
        for channel in placed.device.channels:
            lines.append(f"[device.metrics.{_text(channel.metric)}]")
            lines.append(f"unit = {_text(channel.unit)}")
            lines.append(f"interval_s = {placed.past.interval / NS:g}")
            if channel.basis:
                lines.append(f"basis = {_text(channel.basis)}")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def write_registry(sim: Simulation, path: Path) -> None:
    """Write it. Raises SimulatorError if the file cannot be written."""
    with writing(path) as file:
        file.write(registry_toml(sim))


def _machine(spec: DeviceSpec) -> list[str]:
    """What judges the vibration of a machine needs: power and support, and for a waveform speed and bearing."""
    machine = spec.machine()
    if not isinstance(machine, Rotating):
        return []
    lines = ["[device.machine]", f"power_kw = {machine.power_kw:g}", f"foundation = {_text(machine.foundation)}"]
    if spec.waveform is None:
        return lines
    bearing = BEARINGS[spec.waveform.bearing]
    size = f"ball_mm = {bearing.ball_mm:g}, pitch_mm = {bearing.pitch_mm:g}, contact_deg = {bearing.contact_deg:g}"
    speed = f"speed_rpm = {60.0 * spec.waveform.shaft_hz:g}"
    return [*lines, speed, f"bearing = {{ balls = {bearing.n_balls}, {size} }}"]


def _text(value: str) -> str:
    """A TOML basic string; names hold no control characters, so JSON's escapes are TOML's."""
    return json.dumps(value, ensure_ascii=False)
