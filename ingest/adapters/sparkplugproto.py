"""Sparkplug B's payload as Protocol Buffers messages, built from the definition in the specification.

Eclipse Sparkplug Specification 3.0.0, chapter 6: message, field, number and type, as much as readings need. What is
not listed is skipped by the library as unknown fields.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ingest.payload import PayloadError

PACKAGE = "org.eclipse.tahu.protobuf"
FIELDS = {
    "Payload": ((1, "timestamp", "uint64"), (2, "metrics", "Metric*"), (3, "seq", "uint64")),
    "Metric": (
        (1, "name", "bytes"),
        (2, "alias", "uint64"),
        (3, "timestamp", "uint64"),
        (4, "datatype", "uint32"),
        (5, "is_historical", "bool"),
        (7, "is_null", "bool"),
        (9, "properties", "PropertySet"),
        (10, "int_value", "uint32 of value"),
        (11, "long_value", "uint64 of value"),
        (12, "float_value", "float of value"),
        (13, "double_value", "double of value"),
        (14, "boolean_value", "bool of value"),
        (15, "string_value", "bytes of value"),
        (16, "bytes_value", "bytes of value"),
        (17, "dataset_value", "bytes of value"),
        (18, "template_value", "Template of value"),
    ),
    "Template": ((2, "metrics", "Metric*"), (5, "is_definition", "bool")),
    "PropertySet": ((1, "keys", "bytes*"), (2, "values", "PropertyValue*")),
    "PropertyValue": ((2, "is_null", "bool"), (3, "int_value", "uint32"), (4, "long_value", "uint64"),
                      (8, "string_value", "bytes")),
}  # fmt: skip
"""Number, name and type of every field. Texts are read as bytes, which are the same on the wire: one text that is not
UTF-8 then spoils only its own metric."""

_TYPES = {"bytes": 12, "bool": 8, "uint32": 13, "uint64": 4, "float": 2, "double": 1}
"""FieldDescriptorProto.Type."""
_MESSAGE = 11
_OPTIONAL, _REPEATED = 1, 3


@lru_cache(maxsize=1)
def message_class() -> Any:
    """The class of payloads. Loading the library takes a while, so it happens with the first payload."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_b.proto", package=PACKAGE, syntax="proto2")
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for number, field, kind in fields:
            _add_field(message, number, field, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.Payload"))


def _add_field(message: Any, number: int, name: str, kind: str) -> None:
    kind, _, oneof = kind.partition(" of ")
    label, kind = (_REPEATED, kind.removesuffix("*")) if kind.endswith("*") else (_OPTIONAL, kind)
    field = message.field.add(name=name, number=number, label=label, type=_TYPES.get(kind, _MESSAGE))
    if kind not in _TYPES:
        field.type_name = f".{PACKAGE}.{kind}"
    if oneof:
        if not message.oneof_decl:
            message.oneof_decl.add(name=oneof)
        field.oneof_index = 0


def parse_payload(payload: bytes) -> Any:
    """The message that a payload holds. Raises PayloadError."""
    from google.protobuf.message import DecodeError

    try:
        return message_class().FromString(payload)
    except DecodeError as error:
        raise PayloadError("payload is not a Sparkplug B message (Protocol Buffers)") from error
