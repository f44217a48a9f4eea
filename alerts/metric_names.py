"""What metrics are called for people; names that are not known are shown as they are."""

from __future__ import annotations

import re

METRIC_ZH = {
    "temperature": "温度",
    "humidity": "湿度",
    "vibration": "振动",
    "acceleration": "加速度",
    "velocity": "振动速度",
    "pressure": "压力",
    "current": "电流",
    "voltage": "电压",
    "power": "功率",
    "flow": "流量",
    "speed": "转速",
    "level": "液位",
    "battery": "电池",
}
"""Chinese for usual metric names."""
FEATURE_ZH = {
    "rms": "有效值",
    "kurtosis": "峭度",
    "crest_factor": "峰值因子",
    "velocity_rms": "振动速度有效值",
    "envelope_bpfo": "包络谱外圈故障频率（BPFO）",
    "envelope_bpfi": "包络谱内圈故障频率（BPFI）",
    "envelope_bsf": "包络谱滚动体故障频率（BSF）",
    "envelope_ftf": "包络谱保持架故障频率（FTF）",
}
"""Chinese for what is made of a waveform, see docs/vibration.md."""
_BAND = re.compile(r"band_(\d+)_(\d+)hz")
_NARROW = re.compile(r"velocity_rms_to_(\d+)hz")
DIMENSIONLESS = "1"


def metric_zh(metric: str | None) -> str:
    """The Chinese name of a metric, or the name itself.

    >>> metric_zh("acceleration.envelope_bpfo"), metric_zh("acceleration.band_10_100hz"), metric_zh("AM2301.Humidity")
    ('加速度包络谱外圈故障频率（BPFO）', '加速度10–100 Hz 频带有效值', 'AM2301.Humidity')
    """
    if not metric:
        return "设备"
    whole, _, feature = metric.rpartition(".")
    said = _feature_zh(feature) if whole else None
    if said is not None:
        return METRIC_ZH.get(whole, f"{whole} ") + said
    return METRIC_ZH.get(metric, metric)


def _feature_zh(feature: str) -> str | None:
    if band := _BAND.fullmatch(feature):
        return f"{band[1]}–{band[2]} Hz 频带有效值"
    if narrow := _NARROW.fullmatch(feature):
        return f"振动速度有效值（至 {narrow[1]} Hz）"
    return FEATURE_ZH.get(feature)


def shown_unit(unit: object) -> str:
    """A unit as it stands behind a number: nothing where there is none, or where the number has no dimension."""
    return "" if unit is None or unit == DIMENSIONLESS else str(unit)
