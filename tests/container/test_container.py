"""The image and the stack around it, as far as they can be judged without an engine; `make container` runs the steps."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.changes.capturing import install
from tests.server.harness import ServedProcess, environment
from tests.server.test_start import certificate
from tests.servers import PostgreSQLServer

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
STACK: Any = YAML(typ="safe", pure=True).load((ROOT / "compose.yaml").read_text())
REFERENCE = re.compile(r"\$\{[A-Z_]+(:-[^}]*)?\}")


@pytest.fixture(scope="module")
def steps() -> ModuleType:
    """The module that runs the steps."""
    spec = importlib.util.spec_from_file_location("container_steps", ROOT / "tools" / "container.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


# ── the image ────────────────────────────────────────────────────────────────────────────────


def test_the_dockerfile_passes_its_linter() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_would_complain(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN pip install reflector\n")
    linter = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([linter, tmp_path / "Dockerfile"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "DL3006" in done.stdout


def test_the_image_is_run_by_nobody_in_particular_and_installs_by_hashes_alone(steps: ModuleType) -> None:
    said = list(steps.instructions(DOCKERFILE))
    assert [rest for word, rest in said if word == "USER"] == ["65532:65532"]
    assert [word for word, _ in said].index("USER") > max(
        index for index, (word, _) in enumerate(said) if word == "RUN"
    )
    installs = [
        part
        for word, rest in said
        if word == "RUN"
        for part in rest.split("&&")
        if re.search(r"pip\S* .*(install|wheel) ", part)
    ]
    assert len(installs) == 4
    assert all("--require-hashes" in each or "--no-deps" in each for each in installs)
    assert [rest for word, rest in said if word == "ADD" or "curl" in rest or "wget" in rest] == []


def test_what_the_image_is_made_of_is_all_it_needs_and_nothing_more(steps: ModuleType, tmp_path: Path) -> None:
    context = steps.context(tmp_path)
    tops = {each.name for each in context.iterdir()}
    assert tops == {
        "LICENSE",
        "pyproject.toml",
        "requirements.lock",
        "requirements-build.lock",
        "reflector",
        "server",
        "examples",
    }
    files = {each.relative_to(context).as_posix() for each in context.rglob("*") if each.is_file()}
    assert {
        "server/openapi/assets/swagger-ui-bundle.js",
        "examples/bookshop/sqlite.sql",
        "reflector/engine.py",
    } <= files
    assert [each for each in files if "__pycache__" in each or each.endswith(".pyc") or "/." in each] == []
    assert all(each.stat().st_mode & 0o222 == 0 for each in context.rglob("*"))
    copied = {
        name
        for word, rest in steps.instructions(DOCKERFILE)
        if word == "COPY" and "--from" not in rest
        for name in rest.split()[:-1]
    }
    assert copied == tops


# ── the health check ─────────────────────────────────────────────────────────────────────────


def probe(folder: Path, **environ: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "server.probe"],
        env=environment(environ),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize("settings", ["", "tls: {certificate: cert.pem, key: key.pem}", "host: 127.0.0.2"])
def test_the_probe_asks_where_the_configuration_lets_the_server_listen(
    bookshop: str, tmp_path: Path, settings: str
) -> None:
    certificate(tmp_path)
    file, text = tmp_path / "config.yaml", "version: 1\nserver: {%s}\n"
    file.write_text(text % settings)
    with ServedProcess("serve", bookshop, "--config", "config.yaml", "--port", "0", folder=tmp_path) as process:
        port = process.wait_until_it_serves().rpartition(":")[2]
        assert probe(tmp_path, REFLECTOR_PORT=port) == (0, '{"status": "ready"}\n')
        file.write_text(text % ", ".join(filter(None, [settings, f"port: {port}"])))
        assert probe(tmp_path) == (0, '{"status": "ready"}\n')
        assert probe(tmp_path, REFLECTOR_PORT="1")[0] == 1
    status, said = probe(tmp_path)
    assert (status, said.startswith("not ready: ")) == (1, True)


@pytest.mark.parametrize("port", ["many", "99999"])
def test_the_probe_is_not_content_with_nonsense(tmp_path: Path, port: str) -> None:
    assert probe(tmp_path, REFLECTOR_PORT=port)[0] == 1


def test_the_probe_is_content_whatever_names_the_server_answers_to(bookshop: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("version: 1\nserver: {host: 127.0.0.2, hosts: [api.example.com]}\n")
    with ServedProcess("serve", bookshop, "--config", "config.yaml", "--port", "0", folder=tmp_path) as process:
        port = process.wait_until_it_serves().rpartition(":")[2]
        assert probe(tmp_path, REFLECTOR_PORT=port)[0] == 0


# ── the stack ────────────────────────────────────────────────────────────────────────────────


def test_the_stack_starts_in_the_order_of_health() -> None:
    services = STACK["services"]
    assert set(services) == {"postgres", "redis", "server"}
    assert services["server"]["depends_on"] == {
        name: {"condition": "service_healthy"} for name in ("postgres", "redis")
    }
    for name in services["server"]["depends_on"]:
        check = services[name]["healthcheck"]
        assert check["test"][0] == "CMD"
        assert check["retries"] > 1
    assert set(STACK["volumes"]) == {
        each.partition(":")[0] for each in services["postgres"]["volumes"] if each[0] != "."
    }
    for mounted in services["postgres"]["volumes"]:
        if mounted.startswith("."):
            assert (ROOT / mounted.partition(":")[0]).is_file()
            assert mounted.endswith(":ro")


async def test_changes_can_be_captured_in_the_database_of_the_stack() -> None:
    program, *options = STACK["services"]["postgres"]["command"]
    settings = dict(each.split("=") for each in options if each != "-c")
    assert (program, set(settings)) == ("postgres", {"wal_level", "max_slot_wal_keep_size"})
    with PostgreSQLServer(settings) as server:
        await install(server.create_database("bookshop"))


def test_the_stack_knows_no_key_that_compose_does_not() -> None:
    known = {
        "build", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image", "ports", "read_only",
        "restart", "security_opt", "stop_grace_period", "tmpfs", "user", "volumes",
    }  # fmt: skip
    assert set(STACK) == {"name", "services", "volumes"}
    for service in STACK["services"].values():
        assert set(service) <= known
        assert "image" in service or "build" in service
        assert ":" in service.get("image", ":")


def test_the_stack_holds_no_secret_and_opens_no_door() -> None:
    for service in STACK["services"].values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or "TOKEN" in name:
                assert value is None or REFERENCE.fullmatch(value)
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")
    server = STACK["services"]["server"]
    password = STACK["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"]
    assert server["environment"]["DATABASE_URL"] == f"postgresql://bookshop:{password}@postgres/bookshop"
    assert (server["read_only"], server["cap_drop"], server["tmpfs"]) == (True, ["ALL"], ["/tmp"])
    assert int(server["stop_grace_period"].removesuffix("s")) > 15
