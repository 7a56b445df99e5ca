"""Runs the steps of the Dockerfile where no container engine is: in folders of a scratch root, as the image's own user.

    python tools/container.py [DATABASE_URL]

What the image would hold is copied from a checkout without write permission, following .dockerignore; RUN, COPY, ENV,
WORKDIR, USER, HEALTHCHECK, ENTRYPOINT and CMD are read from the Dockerfile itself. Then the server is started in an
environment that holds nothing else, the health check is run until it is content, and SIGTERM must end it with 0.

Rule: absolute paths of the image become paths below the scratch root; commands that need the image's own system
(`groupadd`, `useradd`) are left to an engine, and named.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
OWN_FOLDERS = ("/opt/reflector", "/build", "/srv", "/tmp")
OF_THE_SYSTEM = re.compile(r"\b(groupadd|useradd|apt-get)\b")
NETWORK = re.compile(r"(PIP_|SSL_CERT|REQUESTS_CA|HTTPS?_PROXY|NO_PROXY|https?_proxy|no_proxy)")
READY_SECONDS = 60.0
END_SECONDS = 15.0


class StepFailed(Exception):
    """A step did not do what it says."""


@dataclass(slots=True)
class Stage:
    """What the instructions of one FROM have said so far."""

    root: Path
    folder: str = "/"
    environ: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    entry: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    probe: list[str] = field(default_factory=list)

    def inside(self, path: str) -> Path:
        """Where a path of the image is."""
        return self.root / os.path.normpath(os.path.join("/", self.folder, path)).lstrip("/")  # noqa: PTH118


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction with its arguments, continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word:
            yield word.upper(), rest.strip()


def context(into: Path) -> Path:
    """What .dockerignore lets into the image, with no permission to write; patterns that come later win."""
    patterns = [line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    for file in sorted(REPOSITORY.rglob("*")):
        path = file.relative_to(REPOSITORY).as_posix()
        if file.is_file() and not path.startswith((".git/", ".venv/")) and not left_out(path, patterns):
            target = into / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    for each in (into, *into.rglob("*")):
        each.chmod(0o555 if each.is_dir() else 0o444)
    return into


def left_out(path: str, patterns: Sequence[str]) -> bool:
    out = False
    for pattern in patterns:
        wanted = pattern.removeprefix("!")
        parents = [path, *(parent.as_posix() for parent in Path(path).parents)]
        names = [wanted, wanted.removeprefix("**/")] if wanted.startswith("**/") else [wanted]
        if any(_matches(each, name) for each in parents for name in names):
            out = not pattern.startswith("!")
    return out


def _matches(path: str, pattern: str) -> bool:
    """A `*` stands for no slash; a pattern that began with `**/` may match the last part alone."""
    if path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern):
        return True
    return pattern in {"__pycache__", "*.py[cod]"} and fnmatch.fnmatchcase(path.rpartition("/")[2], pattern)


def python_for(user: int) -> str:
    """A Python that the user may run and that can make environments."""
    for name in ("python3.13", "python3.12", "python3.11", "python3"):
        for folder in ("/usr/local/bin", "/usr/bin"):
            program = f"{folder}/{name}"
            asks = [program, "-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"]
            if os.access(program, os.X_OK) and subprocess.run(asks, user=user, check=False).returncode == 0:
                return program
    raise StepFailed("no Python that an unprivileged user could run; install python3-venv")


class Image:
    """The Dockerfile, run step by step."""

    def __init__(self, scratch: Path, user: int) -> None:
        self.scratch, self.user = scratch, user
        self.context = context(scratch / "context")
        self.stages: dict[str, Stage] = {}
        self.stage = Stage(scratch)
        (scratch / "bin").mkdir()
        (scratch / "bin" / "python").symlink_to(python_for(user))

    def build(self) -> Stage:
        for word, rest in instructions((REPOSITORY / "Dockerfile").read_text()):
            print(f"{word} {rest[:140]}", flush=True)
            getattr(self, f"_{word.lower()}")(rest)
        return self.stage

    def _arg(self, _: str) -> None:
        """Which Python there is, this machine says."""

    def _from(self, rest: str) -> None:
        # Every stage has the same place while it is made, so that what it holds may know its own path.
        root = self.scratch / "image"
        if root.exists():
            self.stage.root = root.rename(self.scratch / f"stage-{len(self.stages)}")
        name = rest.rpartition(" AS ")[2] if " AS " in rest else str(len(self.stages))
        self.stage = self.stages[name] = Stage(root)
        for folder in OWN_FOLDERS:
            self._make(self.stage.inside(folder))

    def _workdir(self, rest: str) -> None:
        self.stage.folder = rest
        self._make(self.stage.inside(rest))

    def _copy(self, rest: str) -> None:
        words = rest.split()
        source = self.context
        if words[0].startswith("--from="):
            source = self.stages[words.pop(0).removeprefix("--from=")].root
        *wanted, target = words
        into = self.stage.inside(target)
        for each in wanted:
            found = source / each.lstrip("/")
            to = into / found.name if target.endswith("/") else into
            copy = ["cp", "-R", "--preserve=links", "--no-preserve=mode", str(found), str(to)]
            if found.is_dir() and to.is_dir():
                copy = ["cp", "-R", "--preserve=links,mode", f"{found}/.", str(to)]
            self._run_as_user(copy)

    def _env(self, rest: str) -> None:
        for name, value in re.findall(r"(\w+)=(\S+)", rest):
            self.stage.environ[name] = value

    def _run(self, rest: str) -> None:
        if OF_THE_SYSTEM.search(rest):
            print("  left to an engine", flush=True)
            return
        self._run_as_user(["sh", "-euc", self.placed(rest)], cwd=self.stage.inside("."))

    def _user(self, rest: str) -> None:
        self.stage.user = rest

    def _healthcheck(self, rest: str) -> None:
        self.stage.probe = json.loads(rest[rest.index("CMD") + 3 :])

    def _entrypoint(self, rest: str) -> None:
        self.stage.entry = json.loads(rest)

    def _cmd(self, rest: str) -> None:
        self.stage.command = json.loads(rest)

    def _expose(self, _: str) -> None:
        """Says, and does nothing."""

    def _stopsignal(self, rest: str) -> None:
        if rest != "SIGTERM":
            raise StepFailed("the server ends in order by SIGTERM")

    # ── what steps are made of ───────────────────────────────────────────────────────────────

    def placed(self, text: str) -> str:
        """The text with the image's own folders below the scratch root."""
        own = "|".join(map(re.escape, OWN_FOLDERS))
        return re.sub(rf"(?<![\w.-])(?:{own})(?=[/:\s]|$)", lambda found: str(self.stage.inside(found[0])), text)

    def environ(self, **more: str) -> dict[str, str]:
        """What a process of the image finds: what the Dockerfile says, and how this machine reaches its registry."""
        own = {name: self.placed(value) for name, value in self.stage.environ.items()}
        path = f"{self.scratch / 'bin'}:/usr/bin:/bin"
        given = {name: value for name, value in os.environ.items() if NETWORK.match(name)}
        home = {"HOME": str(self.scratch / "nowhere"), "PATH": path, "TMPDIR": str(self.stage.inside("/tmp"))}
        return given | home | own | {"PATH": own.get("PATH", path).replace("$PATH", path)} | more

    def _make(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, self.user, self.user)

    def _run_as_user(self, command: Sequence[str], cwd: Path | None = None) -> None:
        done = subprocess.run(
            command, cwd=cwd, env=self.environ(), user=self.user, group=self.user, extra_groups=[], check=False
        )
        if done.returncode:
            raise StepFailed(f"status {done.returncode}: {' '.join(command)[:500]}")


def serves(image: Image, stage: Stage, more: Mapping[str, str]) -> None:
    """Start what the image starts, wait until its health check is content, and end it."""
    uid, gid = map(int, stage.user.split(":"))
    if uid == 0:
        raise StepFailed("the image runs as root")
    shutil.copytree(stage.inside("/opt/reflector"), image.scratch / "before", symlinks=True)
    how = {"cwd": stage.inside("."), "user": uid, "group": gid, "extra_groups": [], "env": image.environ(**more)}
    began = time.monotonic()
    server = subprocess.Popen([*stage.entry, *stage.command], **how)  # type: ignore[call-overload]
    try:
        while subprocess.run(stage.probe, check=False, **how).returncode:  # type: ignore[call-overload]
            if server.poll() is not None or time.monotonic() - began > READY_SECONDS:
                raise StepFailed("the server did not become ready")
            time.sleep(0.5)
        print(f"ready after {time.monotonic() - began:.1f} s", flush=True)
        server.send_signal(signal.SIGTERM)
        if server.wait(END_SECONDS) != 0:
            raise StepFailed(f"the server ended with {server.returncode}")
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
    changed = subprocess.run(["diff", "-rq", image.scratch / "before", stage.inside("/opt/reflector")], check=False)
    if changed.returncode:
        raise StepFailed("the server wrote into the image")


def main(arguments: Sequence[str]) -> int:
    if os.geteuid() != 0:
        print("tools/container.py becomes the image's user, which only root can", file=sys.stderr)
        return 2
    user = int(re.search(r"^USER (\d+):", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)[1])  # type: ignore[index]
    more = {"DATABASE_URL": arguments[0]} if arguments else {}
    with tempfile.TemporaryDirectory(prefix="reflector-image-") as folder:
        scratch = Path(folder)
        scratch.chmod(0o755)
        try:
            image = Image(scratch, user)
            serves(image, image.build(), {**more, "REFLECTOR_PORT": "18999"})
        except StepFailed as failed:
            print(f"failed: {failed}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
