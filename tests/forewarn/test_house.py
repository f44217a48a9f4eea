"""The house stands: names, package, locks, and the core's silence."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
import textwrap
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ["ingest", "models", "alerts", "workorders", "api", "simulators", "forewarn", "benchmarks"]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def tracked(*patterns: str) -> list[str]:
    """Paths that git knows, or that it would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [path for path in found if (ROOT / path).exists()]


# --- names ---


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_ships_our_top_level_names(package: str) -> None:
    assert set(packages_distributions().get(package, ())) <= {"forewarn"}
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin == str(ROOT / package / "__init__.py")


def test_the_distribution_cannot_be_uploaded_by_accident() -> None:
    assert "Private :: Do Not Upload" in PYPROJECT["project"]["classifiers"]


def test_there_is_one_console_script() -> None:
    assert PYPROJECT["project"]["scripts"] == {"forewarn": "forewarn.cli:main"}


# --- the wheel ---


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = folder.glob("*.whl")
    return path


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    vendored = {f"api/web/static/vendor/{name}" for name in vendored_names()}
    assert held == {*tracked(*PACKAGES), *vendored}


def test_the_installed_wheel_runs_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*command, str(wheel)], check=True, timeout=100)
    run = "import forewarn, sys; print(forewarn.__file__); from forewarn.cli import main; main(['version'])"
    environment = {"PYTHONPATH": str(target), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", run], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == [str(target / "forewarn" / "__init__.py"), PYPROJECT["project"]["version"]]


def test_the_installed_wheel_brings_simulated_sites_to_pytest(wheel: Path, tmp_path: Path) -> None:
    """As a third party has it: no conftest, no checkout, the example of docs/simulators.md."""
    target, project = tmp_path / "site", tmp_path / "project"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*command, str(wheel)], check=True, timeout=100)
    project.mkdir()
    document = (ROOT / "docs" / "simulators.md").read_text("utf-8")
    (project / "test_mine.py").write_text(python_block(document, "def test_my_rule"), "utf-8")
    environment = {"PYTHONPATH": str(target), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--trace-config"],
        cwd=project, env=environment, check=False, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert str(target / "simulators" / "pytest_plugin.py") in done.stdout


def python_block(document: str, having: str) -> str:
    """The indented block of a Markdown document that holds these words, without the indent."""
    blocks = re.findall(r"(?:^(?: {4}.*)?\n)+", document, re.MULTILINE)
    [found] = [block for block in blocks if having in block]
    return textwrap.dedent(found)


def vendored_names() -> list[str]:
    spec = importlib.util.spec_from_file_location("fetch_web", ROOT / "scripts" / "fetch_web.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.FILES)


def test_browser_libraries_are_named_with_their_licences() -> None:
    assert {"htmx.LICENSE.txt", "uPlot.LICENSE.txt"} <= set(vendored_names())


def test_nothing_that_was_fetched_is_in_git() -> None:
    assert tracked("node_modules", "api/web/static/vendor", ".venv") == []


# --- locks ---


def pins(path: Path) -> dict[str, set[str]]:
    """Normalised name → the pinned versions with their markers."""
    found: dict[str, set[str]] = {}
    for name, pin in re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^\\\n]+)", path.read_text("utf-8"), re.MULTILINE):
        found.setdefault(name, set()).add(pin.strip())
    return found


def names(requirements: list[Any]) -> set[str]:
    texts = [text for text in requirements if isinstance(text, str)]
    return {re.split(r"[\[<>=!~ ]", text, maxsplit=1)[0].lower().replace("_", "-") for text in texts}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_a_lock_pins_by_hash_and_names_no_address(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--(extra-)?index-url|--find-links|--trusted-host)", text, re.MULTILINE)
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert blocks
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        pytest.param("runtime", PYPROJECT["project"]["dependencies"], id="what the service needs"),
        pytest.param("dev", PYPROJECT["project"]["dependencies"], id="what the service needs, in tests"),
        pytest.param("dev", PYPROJECT["dependency-groups"]["dev"], id="tools"),
        pytest.param("build", PYPROJECT["dependency-groups"]["build"], id="what builds"),
        pytest.param("node", PYPROJECT["dependency-groups"]["node"], id="npm"),
    ],
)
def test_a_lock_covers_what_the_project_asks_for(lock: str, wanted: list[Any]) -> None:
    assert names(wanted) - set(pins(ROOT / "requirements" / f"{lock}.txt")) == set()


def test_the_service_runs_with_the_versions_that_were_tested() -> None:
    tested = pins(ROOT / "requirements" / "dev.txt")
    assert {name: pin for name, pin in pins(ROOT / "requirements" / "runtime.txt").items() if tested[name] != pin} == {}


def test_python_3_11_has_versions_of_its_own_where_newer_ones_left_it() -> None:
    assert len(pins(ROOT / "requirements" / "runtime.txt")["numpy"]) > 1


def test_the_npm_lock_pins_by_hash_and_names_no_address() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    assert [name for name, package in packages.items() if not package["integrity"].startswith("sha512-")] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []


# --- dependencies ---

COMES_WITH = {
    "anyio": "fastapi",
    "starlette": "fastapi",
    "pydantic_core": "pydantic",
    "urllib3": "influxdb-client",
    "markupsafe": "jinja2",
}
"""Imported names of libraries that another one shows as part of itself."""
ONLY_FOR_TESTS = {"pytest", "atheris"}
"""What is imported only inside a test run, or where a machine happens to have it."""


@pytest.mark.parametrize("package", PACKAGES)
def test_every_library_that_is_imported_is_asked_for(package: str) -> None:
    asked = names(PYPROJECT["project"]["dependencies"])
    distributions = packages_distributions()
    unasked = {
        name: path
        for path in tracked(f"{package}/*.py")
        for name in imported(path) - set(sys.stdlib_module_names) - set(PACKAGES) - ONLY_FOR_TESTS
        if not names([COMES_WITH.get(name, ""), *distributions.get(name, [])]) & asked
    }
    assert unasked == {}


def imported(path: str) -> set[str]:
    nodes = list(ast.walk(ast.parse((ROOT / path).read_text("utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    parts = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.partition(".")[0] for name in plain | parts}


# --- the core ---


def core_modules() -> list[str]:
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    [core] = [contract for contract in contracts if contract["name"].startswith("The core decides")]
    paths = [ROOT / name.replace(".", "/") for name in core["source_modules"]]
    files = [[path.with_suffix(".py")] if not path.is_dir() else path.rglob("*.py") for path in paths]
    return sorted(str(file.relative_to(ROOT)) for group in files for file in group)


@pytest.mark.parametrize("path", core_modules())
def test_the_core_reads_no_clock_and_opens_nothing(path: str) -> None:
    """What import rules cannot see: `datetime.now` and `open` need no import of their own."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    methods = {call.attr for call in calls if isinstance(call, ast.Attribute)}
    functions = {call.id for call in calls if isinstance(call, ast.Name)}
    assert methods & {"now", "utcnow", "today", "default_rng"} == set()
    assert functions & {"open", "print", "input"} == set()


# --- one command each ---


def test_continuous_integration_runs_what_everybody_runs() -> None:
    assert (ROOT / ".ci" / "run").read_text("utf-8").splitlines()[-1] == "exec make test"


def test_make_test_installs_checks_and_runs_every_test() -> None:
    command = ["make", "--dry-run", "--always-make", "test"]
    steps = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    wanted = [
        "install_servers.sh",
        "requirements/dev.txt",
        "fetch_web.py",
        "ruff check",
        "mypy",
        "lint-imports",
        "pytest",
    ]
    assert sorted(wanted, key=steps.index) == wanted


@pytest.mark.parametrize("path", [".ci/run", "scripts/install_servers.sh", "scripts/lock.sh"])
def test_scripts_are_programs_that_bash_can_read(path: str) -> None:
    assert (ROOT / path).stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(ROOT / path)], check=True)
