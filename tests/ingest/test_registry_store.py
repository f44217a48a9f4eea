from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.database import writing
from ingest.machine import Bearing, Foundation, Machine
from ingest.registry import Criticality, Device, Metric, Registry, UnitState
from ingest.registry_store import DeviceRow, MetricRow, RegistryStore
from tests.databases import load_registry

NAMEPLATE = Machine(30.0, 1480.0, Foundation.RIGID, Bearing(9, 7.94, 39.04))
PUMP = Device("plant", "泵-1", "pump", Criticality.HIGH, "ACME", "mechanics", "li", "Feed pump", True, NAMEPLATE, "A1")
VIBRATION = Metric("vibration", "mm/s", UnitState.KNOWN, "mm/s RMS", 60.0, "velocity_rms")


def known(registry: Registry) -> tuple[set[Device], set[tuple[tuple[str, str, str], Metric]]]:
    series = range(registry.n_series)
    return {d for _, d in registry.devices()}, {(registry.key(n), registry.metric(n)) for n in series}


def test_what_is_known_comes_back(engine: sa.Engine) -> None:
    registry = Registry()
    registry.put_device(PUMP)
    registry.put_metric("plant", "泵-1", VIBRATION)
    registry.series("plant", "fan-2", "temperature")
    assert RegistryStore(engine).save(registry) == 4

    loaded = load_registry(engine)
    assert known(loaded) == known(registry)
    fan = loaded.find_device("plant", "fan-2")
    assert fan is not None
    assert loaded.device(fan).first_seen
    pump = loaded.find_device("plant", "泵-1")
    assert pump is not None
    assert not loaded.device(pump).first_seen


def test_an_empty_database_is_an_empty_registry(engine: sa.Engine) -> None:
    assert load_registry(engine).n_devices == 0


def test_only_what_changed_is_written(engine: sa.Engine) -> None:
    registry, store = Registry(), RegistryStore(engine)
    for n in range(100):
        registry.series("plant", f"d{n}", "temperature")
    assert store.save(registry) == 200
    assert store.save(registry) == 0
    registry.retire("plant", "d7")
    registry.put_metric("plant", "d8", VIBRATION)
    assert store.save(registry) == 2, "a device and a metric"


def test_a_large_fleet_at_first_sight(engine: sa.Engine) -> None:
    registry = Registry()
    for n in range(3_000):
        registry.series("plant", f"d{n}", "temperature")
    assert RegistryStore(engine).save(registry) == 6_000
    assert load_registry(engine).n_series == 3_000


def test_a_save_that_failed_is_made_up_for(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    registry, store = Registry(), RegistryStore(engine)
    registry.put_device(PUMP)
    with monkeypatch.context() as patched:

        def away(*_: object) -> None:
            raise ConnectionError

        patched.setattr("ingest.registry_store.upsert", away)
        with pytest.raises(ConnectionError):
            store.save(registry)
    assert store.save(registry) == 1
    assert known(load_registry(engine)) == known(registry)


names = st.sampled_from(["a", "b", "振"])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(names, names, names, st.sampled_from(list(UnitState)), st.booleans()), max_size=12))
def test_however_often_it_is_saved_the_database_holds_the_registry(
    engine: sa.Engine, changes: list[tuple[str, str, str, UnitState, bool]]
) -> None:
    with writing(engine) as session:
        session.execute(sa.delete(MetricRow))
        session.execute(sa.delete(DeviceRow))
    registry, store = Registry(), RegistryStore(engine)
    for site, device, metric, state, save in changes:
        registry.put_metric(site, device, replace(VIBRATION, name=metric, unit_state=state))
        if save:
            store.save(registry)
    store.save(registry)
    assert known(load_registry(engine)) == known(registry)
