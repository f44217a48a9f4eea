"""VictoriaMetrics: it takes /write and /api/v2/write; it keeps milliseconds and answers no InfluxQL."""

import json
from typing import Any, ClassVar

import httpx

from tests.servers.process import Server


class VictoriaMetrics(Server):
    """A single node with its data in the test's folder."""

    program: ClassVar[str] = "victoria-metrics"
    package: ClassVar[str] = "victoria-metrics"

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`."""
        return f"http://{self.host}:{self.port}"

    def command(self, program: str) -> list[str]:
        """Keep everything for 100 years: tests write stamps of any year."""
        data = self.folder / "data"
        return [
            program,
            f"-httpListenAddr={self.host}:{self.port}",
            f"-storageDataPath={data}",
            "-retentionPeriod=100y",
        ]

    def answers(self) -> bool:
        """Whether /health says OK."""
        try:
            return httpx.get(f"{self.url}/health", timeout=2).text == "OK"
        except httpx.TransportError:
            return False

    def export(self, match: str) -> list[dict[str, Any]]:
        """Every stored series that matches, with `metric`, `values` and `timestamps` (ms), after flushing."""
        httpx.get(f"{self.url}/internal/force_flush", timeout=20).raise_for_status()
        answer = httpx.get(f"{self.url}/api/v1/export", params={"match[]": match}, timeout=20).raise_for_status()
        return [json.loads(line) for line in answer.text.splitlines()]
