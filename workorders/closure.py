"""Why a work order was closed: the codes, what they mean in both languages, and what they say about the alert.

The codes are labels for the models: a confirmed fault, or nothing wrong with the machine.
"""

from __future__ import annotations

from enum import StrEnum

from alerts.alert import Explanation


class ClosureCode(StrEnum):
    """What was found and done."""

    BEARING = "bearing"
    LUBRICATION = "lubrication"
    IMBALANCE = "imbalance"
    MISALIGNMENT = "misalignment"
    LOOSENESS = "looseness"
    BLOCKAGE = "blockage"
    LEAK = "leak"
    OVERHEATING = "overheating"
    ELECTRICAL = "electrical"
    CONTROL = "control"
    OPERATION = "operation"
    OTHER_FAULT = "other_fault"
    SENSOR_FAULT = "sensor_fault"
    COMMUNICATION = "communication"
    NO_FAULT_FOUND = "no_fault_found"
    FALSE_ALARM = "false_alarm"
    DUPLICATE = "duplicate"
    UNSPECIFIED = "unspecified"

    @property
    def machine_fault(self) -> bool | None:
        """Whether the machine itself was at fault: the warning was right. None where this order does not say."""
        return None if self in _SAYS_NOTHING else self not in _NOT_THE_MACHINE


_NOT_THE_MACHINE = frozenset(
    {
        ClosureCode.SENSOR_FAULT,
        ClosureCode.COMMUNICATION,
        ClosureCode.NO_FAULT_FOUND,
        ClosureCode.FALSE_ALARM,
    }
)
_SAYS_NOTHING = frozenset({ClosureCode.DUPLICATE, ClosureCode.UNSPECIFIED})

LABELS = {
    ClosureCode.BEARING: Explanation("Bearing damage", "轴承损坏"),
    ClosureCode.LUBRICATION: Explanation("Lubrication", "润滑不良"),
    ClosureCode.IMBALANCE: Explanation("Imbalance", "不平衡"),
    ClosureCode.MISALIGNMENT: Explanation("Misalignment", "不对中"),
    ClosureCode.LOOSENESS: Explanation("Looseness", "松动"),
    ClosureCode.BLOCKAGE: Explanation("Blocked filter or pipe", "过滤器或管道堵塞"),
    ClosureCode.LEAK: Explanation("Leak", "泄漏"),
    ClosureCode.OVERHEATING: Explanation("Overheating", "过热"),
    ClosureCode.ELECTRICAL: Explanation("Electrical fault", "电气故障"),
    ClosureCode.CONTROL: Explanation("Control or setting", "控制或设定问题"),
    ClosureCode.OPERATION: Explanation("Operation, e.g. a door left open", "操作原因（如门未关）"),
    ClosureCode.OTHER_FAULT: Explanation("Another fault of the machine", "其他设备故障"),
    ClosureCode.SENSOR_FAULT: Explanation("Sensor fault", "传感器故障"),
    ClosureCode.COMMUNICATION: Explanation("Power, network or gateway", "供电、网络或网关故障"),
    ClosureCode.NO_FAULT_FOUND: Explanation("No fault found", "未发现故障"),
    ClosureCode.FALSE_ALARM: Explanation("False alarm", "误报"),
    ClosureCode.DUPLICATE: Explanation("Duplicate of another order", "重复工单"),
    ClosureCode.UNSPECIFIED: Explanation("Not said", "未说明"),
}
"""What a person reads for each code."""
