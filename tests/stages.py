# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs every test of the collection and counts: the program behind scripts/test.sh.

It needs nothing but the Python of the machine; scripts/prepare.sh puts the rest
in place. Tests run on a copy of what git knows of the working tree, at a path
that ends in ansible_collections/pipefitter/container_network, because
ansible-test refuses any other; so a run leaves nothing in the working tree.
"""

from __future__ import annotations

import argparse
import ast
import configparser
import contextlib
import dataclasses
import functools
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import time
import traceback
import typing as t
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLLECTION = "ansible_collections/pipefitter/container_network"

# What `ansible-galaxy collection build` may ship, by the first part of the path.
SHIPPED = {
    "CHANGELOG.rst",
    "FILES.json",
    "LICENSE",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "changelogs",
    "docs",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}
# Read by `antsibull-changelog release` and by Galaxy; fragments and settings are not.
SHIPPED_CHANGELOGS = {"changelogs", "changelogs/changelog.yaml"}
NEEDED = {"LICENSES/BSD-2-Clause.txt", "LICENSES/GPL-3.0-or-later.txt", "README.md", "meta/runtime.yml"}

# ansible-test runs this where it would run the get-pip script of a site of its
# own, with what it would give that script: packages, and two options that pip
# does not have. The wheel comes from the package index (scripts/prepare.sh).
GET_PIP = """\
import sys

sys.path.insert(0, {wheel!r})

from pip._internal.cli.main import main

packages = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(main(["install", "--no-index", "--find-links", {folder!r}, *packages]))
"""

# Settings of the person who runs the tests that would change what is tested.
FOREIGN_SETTINGS = ("ANSIBLE_", "GIT_", "MOLECULE_", "PYENV_", "PYTEST_", "PYTHON", "VIRTUAL_ENV", "XDG_")

# Characters of a line of the summary; the whole message stands further up.
NOTE = 240


@dataclasses.dataclass
class Result:
    """What a stage came to."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    notes: list[str] = dataclasses.field(default_factory=list)

    def check(self, name: str, problem: str | None) -> None:
        if problem is None:
            self.passed += 1
        else:
            self.fail(name, problem)

    def fail(self, name: str, problem: str) -> None:
        self.failed += 1
        self.notes.append(textwrap.shorten(f"failed: {name}: {problem}", NOTE))

    def skip(self, name: str, reason: str) -> None:
        self.skipped += 1
        self.notes.append(textwrap.shorten(f"skipped: {name}: {reason}", NOTE))


def say(line: str = "") -> None:
    """Prints a line at once: the commands that run write to the same place."""
    print(line, flush=True)


def status_problem(status: int) -> str | None:
    return None if status == 0 else f"ended with status {status}"


class Bench:
    """Where the stages run: the copy of the tree, the environment, the commands."""

    def __init__(self, venv: pathlib.Path, folder: pathlib.Path) -> None:
        self.venv = venv
        self.folder = folder
        self.collection = folder / COLLECTION
        # Beside the environment, so that what ansible-test builds for its
        # sanity tests is there in the next run, and the user's own settings of
        # ssh, pip, git and Ansible are not.
        self.home = venv.parent / "home"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_SETTINGS)}
        self.environment.update(
            ANSIBLE_COLLECTIONS_PATH=str(folder),
            HOME=str(self.home),
            LC_ALL="C.UTF-8",
            # Real interpreters first: ansible-test refuses a version manager's shims.
            PATH=f"{venv}/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin",
        )
        if not sys.stdout.isatty():
            self.environment.update(ANSIBLE_NOCOLOR="1", NO_COLOR="1")

    def copy_tree(self) -> None:
        listed = subprocess.run(
            # The clone may belong to another user than root.
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            timeout=60,
        ).stdout
        for name in sorted(filter(None, listed.decode().split("\0"))):
            source, target = ROOT / name, self.collection / name
            if source.is_symlink() or source.is_file():  # not one that git still lists but is deleted
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
        # ansible-test and ansible-lint ask git for the files to look at.
        self.home.mkdir(parents=True, exist_ok=True)
        for words in (["init", "--quiet"], ["add", "--all", "--force"]):
            subprocess.run(["git", *words], cwd=self.collection, env=self.environment, check=True, timeout=60)

    def run(self, *words: str | pathlib.Path, timeout: float, cwd: pathlib.Path | None = None, **environment: str) -> int:
        """Runs a command with its output in sight; its status, or 124 after `timeout` seconds."""
        process = subprocess.Popen(
            [str(word) for word in words],
            cwd=cwd or self.collection,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            # No terminal, so that nothing can ask; and one group to end it all by.
            start_new_session=True,
        )
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            say(f"not done after {timeout:.0f} s: ended")
            return 124
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a command that still runs, at first in the way that lets pytest take its labs down."""
    for number, seconds in ((signal.SIGINT, 60), (signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(seconds)


def count_junit(result: Result, name: str, reports: t.Iterable[pathlib.Path], status: int) -> None:
    """Adds up JUnit reports. A command that failed without a failed test counts as one."""
    before = dataclasses.replace(result)
    for report in reports:
        for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
            count_case(result, case)
    if status != 0 and result.failed == before.failed:
        result.fail(name, f"ended with status {status} and no test that failed")
    elif (result.passed, result.failed, result.skipped) == (before.passed, before.failed, before.skipped):
        result.fail(name, "no test ran")


def count_case(result: Result, case: xml.etree.ElementTree.Element) -> None:
    name = case.get("name", "?")
    for kind in ("error", "failure", "skipped"):
        found = case.find(kind)
        if found is not None:
            reason = (found.get("message") or found.text or "").strip()
            (result.skip if kind == "skipped" else result.fail)(name, reason.splitlines()[0] if reason else kind)
            return
    result.passed += 1


def lint(bench: Bench) -> Result:
    """ansible-lint (with yamllint), ruff, mypy, documentation, change log, built tarball"""
    result = Result()
    checks: dict[str, t.Callable[[], str | None]] = {}
    for name, words in {
        "ansible-lint": ["ansible-lint", "--offline", "--profile", "production", "--strict"],
        "ruff": ["ruff", "check", "--no-cache", "."],
        "mypy": ["mypy", "--cache-dir", bench.home / ".mypy_cache", "--package", COLLECTION.replace("/", ".") + ".plugins.module_utils"],
        # No Python 3.9 is at hand to run modules with: what they use of the library is read from the source.
        # The excluded are imported where they are there, with the system call itself elsewhere.
        "vermin": ["vermin", "--target=3.9-", "--no-tips", "--violations", "--exclude", "os.setns", "--exclude", "os.unshare", "plugins"],
        "antsibull-docs": ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "all", "."],
        "antsibull-changelog": ["antsibull-changelog", "lint"],
    }.items():
        run = functools.partial(bench.run, *words, timeout=300, MYPYPATH=str(bench.folder))
        checks[name] = functools.partial(lambda run: status_problem(run()), run)
    checks["ansible-galaxy collection build"] = functools.partial(build_problem, bench)

    for name, problem in checks.items():
        say(f"--- {name}")
        result.check(name, problem())
    return result


def build_problem(bench: Bench) -> str | None:
    """Builds the tarball for Galaxy; says what it holds too much or too little."""
    target = bench.folder / "build"
    status = bench.run("ansible-galaxy", "collection", "build", "--output-path", target, timeout=120)
    tarballs = list(target.glob("*.tar.gz"))
    if status != 0 or len(tarballs) != 1:
        return f"ended with status {status} and {len(tarballs)} tarballs"
    with tarfile.open(tarballs[0]) as tarball:
        names = {member.name for member in tarball.getmembers()}
    surplus = {name for name in names if not is_shipped(name)}
    say(f"{len(names)} entries in {tarballs[0].name}")
    if surplus:
        return f"ships what users do not need: {', '.join(sorted(surplus)[:10])}"
    if NEEDED - names:
        return f"lacks {', '.join(sorted(NEEDED - names))}"
    return None


def is_shipped(name: str) -> bool:
    first, *rest = name.split("/")
    if first == "changelogs":
        return name in SHIPPED_CHANGELOGS
    return first in SHIPPED and "__pycache__" not in rest


def sanity(bench: Bench) -> Result:
    """every sanity test of ansible-test"""
    write_get_pip(bench)
    write_pip_settings(bench)
    # pslint looks at PowerShell, of which there is none.
    status = bench.run("ansible-test", "sanity", "--python", "3.11", "--skip-test", "pslint", "--color", "no", "--junit", timeout=900)
    result = Result()
    count_junit(result, "ansible-test sanity", (bench.collection / "tests/output/junit").glob("ansible-test-sanity-*.xml"), status)
    return result


def write_get_pip(bench: Bench) -> None:
    folder = bench.venv / "share/pip-for-sanity"
    (wheel,) = folder.glob("pip-*.whl")
    version = wheel.name.split("-")[1].replace(".", "_")
    script = bench.home / f".ansible/test/cache/get_pip_{version}.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(GET_PIP.format(wheel=str(wheel), folder=str(folder)), encoding="utf-8")


def write_pip_settings(bench: Bench) -> None:
    """Hands this machine's index, proxy and certificates to ansible-test, which drops the variables that name them."""
    listed = subprocess.run([bench.venv / "bin/pip", "config", "list"], check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout
    settings = configparser.RawConfigParser()
    settings["global"] = {}
    for variable, name in (("REQUESTS_CA_BUNDLE", "cert"), ("https_proxy", "proxy"), ("HTTPS_PROXY", "proxy")):
        if variable in os.environ:
            settings["global"][name] = os.environ[variable]
    for line in listed.splitlines():
        key, value = line.split("=", 1)
        section, name = key.rsplit(".", 1)
        section = "global" if section == ":env:" else section
        if not settings.has_section(section):
            settings.add_section(section)
        settings[section][name] = "\n".join(str(ast.literal_eval(value)).split())
    target = bench.home / ".config/pip/pip.conf"
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8") as file:
        settings.write(file)


def units(bench: Bench) -> Result:
    """model, plan and engine, without touching the machine"""
    status = bench.run("ansible-test", "units", "--python", "3.11", "--color", "no", timeout=600)
    result = Result()
    count_junit(result, "ansible-test units", (bench.collection / "tests/output/junit").glob("python*-units.xml"), status)
    return result


def integration(bench: Bench) -> Result:
    """the lab, and modules against a real kernel, nftables, Open vSwitch and Docker in it"""
    result = Result()
    # Not in PYTHONPATH, which would reach the hosts of the lab and go before the pyroute2 that they have.
    python_path = shlex.join([str(bench.folder), str(host_pyroute2(bench))])
    # Modules' tests wait for packets half of the time: three at once, each with a lab of its own.
    for name, at_once in (("lab", []), ("integration", ["--numprocesses=3", "--dist=loadgroup"])):
        folder = bench.collection / "tests" / name
        say(f"--- tests/{name}")
        if not folder.is_dir():
            result.fail(f"tests/{name}", "is not there")
            continue
        report = bench.folder / f"{name}.xml"
        status = bench.run(
            "pytest",
            "--verbose",
            "-ra",
            "--durations=10",
            f"--override-ini=pythonpath={python_path}",
            f"--junit-xml={report}",
            *at_once,
            folder,
            timeout=3000,
            PYTHONPATH=str(bench.folder),
            PYTHONDONTWRITEBYTECODE="1",
        )
        count_junit(result, f"tests/{name}", [report] if report.exists() else [], status)
    return result


def host_pyroute2(bench: Bench) -> pathlib.Path:
    """A folder with nothing but Debian's pyroute2: the one that modules have on hosts, for tests that call their code."""
    folder = bench.folder / "host-pyroute2"
    folder.mkdir()
    for pattern in ("pyroute2*", "pr2modules*"):
        for path in pathlib.Path("/usr/lib/python3/dist-packages").glob(pattern):
            (folder / path.name).symlink_to(path)
    return folder


def molecule(bench: Bench) -> Result:
    """every scenario of extensions/molecule"""
    result = Result()
    scenarios = sorted(file.parent.name for file in bench.collection.glob("extensions/molecule/*/molecule.yml"))
    if not scenarios:
        result.fail("extensions/molecule", "no scenario is there")
    lab = f"molecule-{os.getpid()}"  # another run of this program has another
    ephemeral = bench.folder / "molecule"
    for name in scenarios:
        say(f"--- {name}")
        # One run a scenario: with --all the first failure would keep the others from running.
        status = bench.run(
            "molecule",
            "test",
            "--no-command-borders",
            "--scenario-name",
            name,
            timeout=600,
            MOLECULE_EPHEMERAL_DIRECTORY=str(ephemeral),
            PIPEFITTER_MOLECULE_LAB=lab,
        )
        result.check(name, status_problem(status))
        if status != 0:
            # Molecule removes it too, but not where starting it failed or took too long.
            bench.run("tests/lab/lab", "down", "--name", lab, timeout=60)
    return result


STAGES: dict[str, t.Callable[[Bench], Result]] = {stage.__name__: stage for stage in (lint, sanity, units, integration, molecule)}


def run_stage(name: str, bench: Bench) -> Result:
    say(f"\n=== {name}: {STAGES[name].__doc__}")
    start = time.monotonic()
    try:
        result = STAGES[name](bench)
    except Exception:
        # Whatever broke, the other stages still have something to say.
        traceback.print_exc(file=sys.stdout)
        result = Result()
        result.fail(name, "the stage broke; see above")
    result.seconds = time.monotonic() - start
    for note in result.notes:
        say(note)
    say(f"=== {name}: {result.passed} passed, {result.failed} failed, {result.skipped} skipped in {result.seconds:.0f} s")
    return result


def prepare() -> pathlib.Path | None:
    """The Python environment that scripts/prepare.sh made, or None where it could not."""
    done = subprocess.run([ROOT / "scripts/prepare.sh"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    return pathlib.Path(done.stdout.strip()) if done.returncode == 0 else None


def run_stages(names: list[str], *, keep: bool) -> dict[str, Result]:
    venv = prepare()
    if venv is None:
        return {name: Result(failed=1, notes=[f"failed: {name}: the machine could not be prepared"]) for name in names}
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pipefitter-")).resolve()
    try:
        bench = Bench(venv, folder)
        bench.copy_tree()
        return {name: run_stage(name, bench) for name in names}
    finally:
        if keep:
            say(f"\nkept: {folder / COLLECTION}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def report(results: dict[str, Result]) -> int:
    """Prints the table and the last line, which other programs read; the number of failures."""
    say(f"\n{'stage':12} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}")
    for name, result in results.items():
        say(f"{name:12} {result.passed:7} {result.failed:7} {result.skipped:8} {result.seconds:8.0f}")
    for result in results.values():
        for note in result.notes:
            if note.startswith("failed"):
                say(note)
    passed, failed, skipped = (sum(getattr(result, kind) for result in results.values()) for kind in ("passed", "failed", "skipped"))
    say(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed


def parse(words: list[str]) -> argparse.Namespace:
    stages = "\n".join(f"  {name:12} {stage.__doc__}" for name, stage in STAGES.items())
    parser = argparse.ArgumentParser(
        prog="scripts/test.sh",
        description="Runs every test of the collection, as root on Debian 12.\nInstalls what is missing first: see scripts/prepare.sh --help.",
        epilog=f"stages:\n{stages}\n\nThe last line is always: N passed, N failed, N skipped.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stages", nargs="*", metavar="stage", help="run only these (default: all, in the order below)")
    parser.add_argument("--keep", action="store_true", help="keep the copy of the tree that the tests ran in")
    arguments = parser.parse_args(words)
    unknown = set(arguments.stages) - set(STAGES)
    if unknown:
        parser.error(f"no such stage: {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    return arguments


def main() -> int:
    arguments = parse(sys.argv[1:])
    # So that a run that is ended from outside still removes what it made.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    results = run_stages([name for name in STAGES if name in (arguments.stages or STAGES)], keep=arguments.keep)
    return 1 if report(results) else 0


if __name__ == "__main__":
    sys.exit(main())
