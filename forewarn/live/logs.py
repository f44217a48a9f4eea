"""What the service says: structured lines on standard error, JSON where no person looks on."""

from __future__ import annotations

import logging
import sys

import structlog

QUIET = (
    "amqtt",
    "transitions",
    "asyncio",
    "websockets",
    "alembic",
    "uvicorn",
    "httpx",
    "httpcore",
    "apprise",
    "urllib3",
)
"""Libraries that speak of every step; from them only warnings are told."""


def configure(level: str) -> None:
    """Send all log lines, the libraries' too, to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    person = sys.stderr.isatty()
    render: structlog.typing.Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if person:
        render = structlog.dev.ConsoleRenderer()
    else:
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()]))
