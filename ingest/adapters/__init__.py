"""One file for each payload format that devices send; the table below is asked from the top."""

from collections.abc import Mapping

from ingest.adapters import (
    canonical,
    generic,
    homeassistant,
    influxline,
    senml,
    shelly,
    sparkplug,
    tasmota,
    thingsboard,
    zigbee2mqtt,
)
from ingest.adapters.adapter import BuildAdapter, MachineOf
from ingest.adapters.chain import Adapters
from ingest.adapters.options import Options

ADAPTERS: Mapping[str, BuildAdapter] = {
    "mapping": generic.adapter,
    "canonical": canonical.adapter,
    "sparkplug": sparkplug.adapter,
    "thingsboard": thingsboard.adapter,
    "tasmota": tasmota.adapter,
    "zigbee2mqtt": zigbee2mqtt.adapter,
    "homeassistant": homeassistant.adapter,
    "shelly": shelly.adapter,
    "line-protocol": influxline.adapter,
    "senml": senml.adapter,
}


def make_adapters(options: Options | None = None, machine_of: MachineOf | None = None) -> Adapters:
    """Every known format, nothing learned yet. `machine_of` tells what waveforms are recordings of."""
    options = options or Options()
    return Adapters(ADAPTERS, options) if machine_of is None else Adapters(ADAPTERS, options, machine_of)
