"""Mutation tests: change one expression of a module, and see whether its tests fail (`make mutation`).

mutmut makes the mutants; its runner is not used. It forks after the import and switches mutants when a function
is called, so it mutates neither module constants, class bodies and decorated functions, nor the functions that a
codec makes when it is imported. Here the parent imports third-party packages only and forks once for each
mutant; the child imports the mutated module in place of the original and runs, fastest first, the tests that
executed the changed line. As mutmut does, annotations, decorators and calls of `len` and `isinstance` are left
out (not what they are called with), and in addition code for type checkers and the text of exceptions.

Results are stored in .mutation/: a run continues where the last one was stopped, and runs survivors again.
tools/survivors/<module>.toml lists the accepted ones with a reason. They count as survivors.
"""

from __future__ import annotations

import argparse
import ast
import bisect
import contextlib
import gc
import hashlib
import importlib.abc
import importlib.util
import itertools
import json
import os
import pickle
import resource
import shlex
import shutil
import signal
import sqlite3
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import coverage
import hypothesis
import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper, WhitespaceInclusivePositionProvider as Positions
from mutmut.mutation.mutators import mutation_operators, operator_arg_removal, operator_string

ROOT = Path.cwd()  # the tree to test, which need not be this file's
STATE = "tests/state/test_missing_members.py tests/state/test_work.py"
# Each module and its tests: files (patterns, relative to the root), and options of pytest that leave out slow tests.
MODULES = {
    "realtime/codec.py": "tests/test_codec.py tests/test_guard.py tests/test_errors.py tests/test_live.py -m 'not slow' "
    "-k 'not any_object and not gives_up and not (plain_decoder and not every_case)'",
    "realtime/repair.py": "tests/test_repair.py tests/test_errors.py tests/test_live.py",
    "realtime/peek.py": "tests/test_peek.py",
    "realtime/_guard.py": "tests/test_guard.py tests/test_errors.py",
    "realtime/append.py": "tests/test_append.py tests/test_codec.py tests/test_base64.py",
    "realtime/format.py": "tests/test_format.py tests/test_build.py",
    "realtime/_secrets.py": "tests/test_secrets.py tests/test_errors.py",
    "realtime/_files.py": "tests/test_files.py",
    "realtime/state/playback.py": f"tests/state/test_playback*.py tests/state/test_common.py {STATE}",
    "realtime/state/conversation.py": f"tests/state/test_conversation*.py tests/state/test_common.py {STATE}",
    "realtime/state/restore.py": "tests/state/test_restore.py",
    "realtime/state/usage.py": f"tests/state/test_usage*.py tests/state/test_tokens*.py {STATE}",
    "realtime/state/cost.py": "tests/state/test_cost*.py",
    "realtime/telephony/bridge.py": "tests/telephony/test_bridge.py tests/telephony/test_bridge_[clpr]*.py "
    "tests/telephony/test_live.py tests/telephony/test_live_faults.py -k 'not any_s and not any_size and not burst "
    "and not twenty_thousand and not every_step and not other_servers'",
    "realtime/telephony/_paths.py": "tests/telephony/test_paths.py tests/telephony/test_bridge.py",
    "realtime/telephony/_player.py": "tests/telephony/test_player.py tests/telephony/test_bridge.py",
    "realtime/telephony/_queue.py": "tests/telephony/test_queue.py tests/telephony/test_bridge_queue.py",
    "realtime/telephony/_convert.py": "tests/telephony/test_convert.py tests/telephony/test_bridge.py",
    "realtime/telephony/media.py": "tests/telephony/test_media.py tests/telephony/test_carrier.py",
    "realtime/telephony/splice.py": "tests/telephony/test_splice.py",
    "realtime/recording/recorder.py": "tests/recording/test_recorder.py -k 'not any_frame'",
    "realtime/recording/repair.py": "tests/recording/test_repair.py -k 'not work_of and not anywhere'",
    "realtime/recording/redact.py": "tests/recording/test_redact.py",
}
WORK = ROOT / ".mutation"
# A mutant may take this much CPU time and three times that of the original, and ten times as much by the clock.
CPU_SECONDS = 5
FEW_TESTS = 10  # If fewer execute a line, its result may be stored for the others: all tests are run.
INVALID = 77  # in place of pytest's exit code: the mutated source does not compile


# --- Mutants -------------------------------------------------------------------------


class Mutant(NamedTuple):
    """One change of a module: its first line, the new source, and the stripped lines before and after."""

    line: int
    source: str
    removed: str
    added: str
    key: str  # of the module and the mutated method: other edits do not change it


class Visitor(cst.CSTVisitor):
    """Collects each node that one of mutmut's operators changes, with what it becomes."""

    METADATA_DEPENDENCIES = (Positions,)

    def __init__(self) -> None:
        self.found: list[tuple[cst.CSTNode, cst.CSTNode, Any]] = []
        self.raising = 0

    def on_visit(self, node: cst.CSTNode) -> bool:
        if is_left_out(node):
            return False
        self.raising += isinstance(node, cst.Raise)
        for kind, operator in mutation_operators:
            if not isinstance(node, kind) or (operator is operator_string and self.raising):
                continue
            if operator is operator_arg_removal and getattr(node.func, "value", "") in ("len", "isinstance"):
                continue
            self.found += [(node, mutated, self.get_metadata(Positions, node)) for mutated in operator(node)]
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        self.raising -= isinstance(original_node, cst.Raise)


def is_left_out(node: cst.CSTNode) -> bool:
    """Return True for a decorator, and if only a type checker reads `node`."""
    if isinstance(node, cst.If):
        return getattr(node.test, "value", "") == "TYPE_CHECKING"
    if isinstance(node, cst.AnnAssign):
        return getattr(node.annotation.annotation, "value", "") == "TypeAlias"
    if isinstance(node, cst.Assign):
        return isinstance(node.value, cst.Call) and getattr(node.value.func, "value", "") == "TypeVar"
    return isinstance(node, (cst.Annotation, cst.Decorator))


def mutants_of(module: str) -> Iterator[Mutant]:
    """Yield the mutants of a file. The same source is yielded once."""
    source = (ROOT / module).read_text()
    visitor = Visitor()
    tree = MetadataWrapper(cst.parse_module(source)).visit(visitor)
    old = source.split("\n")
    starts = [0, *itertools.accumulate(len(line) + 1 for line in old)]
    blocks = sorted({0, *(line - 1 for line in block_lines(ast.parse(source)))})
    seen = {source}
    for node, mutated, span in visitor.found:
        if isinstance(node, cst.BaseCompoundStatement):  # its text depends on its indentation
            changed = tree.deep_replace(node, mutated).code  # type: ignore[union-attr]
        else:
            start, end = (starts[place.line - 1] + place.column for place in (span.start, span.end))
            changed = source[:start] + tree.code_for_node(mutated) + source[end:]
        if changed in seen:
            continue
        seen.add(changed)
        new = changed.split("\n")
        first = next(i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1])
        rest = next(i for i in range(1, len(old)) if old[-i] != new[-i]) - 1
        removed, added = (" ".join(map(str.strip, lines[first : len(lines) - rest])) for lines in (old, new))
        begin, end = ([*blocks, len(old)][bisect.bisect_right(blocks, first) - 1 :])[:2]
        block = "\n".join([module, *new[begin : end + len(new) - len(old)]])
        yield Mutant(first + 1, changed, removed, added, hashlib.sha1(block.encode()).hexdigest())


def block_lines(tree: ast.AST) -> Iterator[int]:
    """Yield the first lines of top-level statements and of methods."""
    for node in getattr(tree, "body", ()):
        yield min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        if isinstance(node, ast.ClassDef):
            yield from block_lines(node)


def statement_lines(source: str) -> dict[int, range]:
    """Return the lines of the statement of each line; of a compound statement, those of its header."""
    lines = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.stmt, ast.ExceptHandler)):
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
            body = getattr(node, "body", None)
            last = max(first, body[0].lineno - 1) if body else node.end_lineno or first
            for line in range(first, last + 1):
                lines[line] = range(first, last + 1)
    return lines


# --- Runs ----------------------------------------------------------------------------


class Hook(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports `source` as the code of one module."""

    def __init__(self, module: str, source: str) -> None:
        self.path, self.source = ROOT / module, source
        self.name = module.removesuffix(".py").replace("/", ".")

    def find_spec(self, fullname: str, path: object, target: object = None) -> Any:
        if fullname == self.name:
            return importlib.util.spec_from_file_location(fullname, self.path, loader=self)
        return None

    def exec_module(self, module: Any) -> None:
        exec(compile(self.source, self.path, "exec"), module.__dict__)


class Plugin:
    """Selects and orders tests; reports durations, covered lines and the first failure."""

    def __init__(self, order: list[str], known: set[str], tracer: coverage.Coverage | None) -> None:
        self.order, self.known, self.tracer = order, known, tracer
        self.seconds: dict[str, float] = {}
        self.failed = ""

    def pytest_configure(self) -> None:
        # After conftest has loaded its profile, before test files are imported: the same examples each time.
        shrink = {hypothesis.Phase.shrink, hypothesis.Phase.explain, hypothesis.Phase.reuse}
        hypothesis.settings.register_profile(
            "mutation",
            max_examples=200,
            derandomize=True,
            database=None,
            phases=set(hypothesis.Phase) - shrink,
        )
        hypothesis.settings.load_profile("mutation")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        found = {item.nodeid: item for item in items}
        ordered = [found[name] for name in self.order if name in found]
        # A mutant may rename cases, such as those made from its own tables.
        items[:] = ordered + [item for item in items if item.nodeid not in self.known]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if self.tracer:
            self.tracer.switch_context(item.nodeid)
        started = time.process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.process_time() - started

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


class Job(NamedTuple):
    """One run of the tests of `module` on `source`: those in `order` first, then those that are not `known`."""

    module: str
    source: str
    order: list[str]
    known: set[str]
    cpu_seconds: float
    folder: Path
    trace: bool = False


def run_child(job: Job) -> Any:
    """Run the tests in a process that does nothing else. Returns the answer for the parent."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (int(job.cpu_seconds) + 1, int(job.cpu_seconds) + 5))
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    try:
        compile(job.source, job.module, "exec")
    except SyntaxError:
        return INVALID, ""
    path = str(ROOT / job.module)
    output = os.open(job.folder / "output", os.O_CREAT | os.O_WRONLY)
    for number, to in enumerate((os.open(os.devnull, os.O_RDONLY), output, output)):
        os.dup2(to, number)
    sys.meta_path.insert(0, Hook(job.module, job.source))
    tracer = coverage.Coverage(data_file=None, include=[path], config_file=False) if job.trace else None
    plugin = Plugin(job.order, job.known, tracer)
    arguments = ["-x", "-q", "-p", "no:cacheprovider", "--tb=short", f"--basetemp={job.folder}/tmp"]
    for word in shlex.split(MODULES[job.module]):
        arguments += sorted(map(str, ROOT.glob(word))) if "/" in word else [word]
    if tracer is None:
        return int(pytest.main(arguments, plugins=[plugin])), plugin.failed
    with tracer.collect():
        code = int(pytest.main(arguments, plugins=[plugin]))
    covered = tracer.get_data().contexts_by_lineno(path)
    loaded = [name for name in sys.modules if name.partition(".")[0] not in ("realtime", "tests", "__main__")]
    return code, plugin.failed, plugin.seconds, covered, loaded


def start(job: Job) -> int:
    """Fork a process for `job`. Returns its id."""
    shutil.rmtree(job.folder, ignore_errors=True)
    job.folder.mkdir(parents=True)
    pid = os.fork()
    if pid == 0:
        try:
            answer = run_child(job)
            (job.folder / "answer").write_bytes(pickle.dumps(answer))
        finally:
            os._exit(0)
    return pid


def finish(pid: int, folder: Path) -> Any:
    """Return the answer of a child that ended. One without an answer hit a limit, or was ended by its mutant."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # processes that its tests started
    answer = folder / "answer"
    return pickle.loads(answer.read_bytes()) if answer.exists() else (1, "timeout or crash")


def run_original(job: Job) -> Any:
    """Run the tests on the original, which must pass."""
    pid = start(job)
    os.waitpid(pid, 0)
    answer = finish(pid, job.folder)
    if answer[0]:
        sys.exit(f"the tests of {job.module} fail without a mutation:\n{(job.folder / 'output').read_text()}")
    return answer


def is_starved(pid: int) -> bool:
    """Return True if a process is ready to run, but gets no processor, or was stopped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith(("R", "T"))
    except OSError:
        return False


def run_module(module: str, jobs: int, killed: sqlite3.Connection) -> tuple[int, list[Mutant]]:
    """Run all mutants of a module. Returns their number, and those that survived."""
    source, folder = (ROOT / module).read_text(), WORK / str(os.getpid())
    job = Job(module, source, [], set(), 600, folder)
    _, _, seconds, covered, loaded = run_original(job._replace(trace=True))
    for name in loaded:  # so that children need not import them
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.freeze()
    every = sorted(seconds, key=seconds.__getitem__)
    job = job._replace(known=set(every))
    run_original(job._replace(order=every))
    lines, waiting = statement_lines(source), list(mutants_of(module))[::-1]
    total, survivors, began = len(waiting), [], time.monotonic()
    running: dict[int, tuple[Mutant, Job]] = {}
    # Seconds left, counted while this process runs: it may be stopped together with its children.
    patience: dict[int, float] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            if killed.execute("SELECT test FROM killed WHERE key = ?", [mutant.key]).fetchone():
                continue
            tests = {test for line in lines.get(mutant.line, [mutant.line]) for test in covered.get(line, ())}
            order = [test for test in every if test in tests]
            # Executed at import, perhaps once for all tests, or in a process that a test started.
            if "" in tests or len(order) < FEW_TESTS:
                order += [test for test in every if test not in tests]
            cpu = CPU_SECONDS + 3 * sum(seconds[test] for test in order)
            place = folder.with_name(f"{folder.name}-{len(waiting)}")
            its = job._replace(source=mutant.source, order=order, cpu_seconds=cpu, folder=place)
            pid = start(its)
            running[pid], patience[pid] = (mutant, its), 10 * cpu
        time.sleep(0.005)
        for pid, (mutant, its) in list(running.items()):
            patience[pid] -= 0.005
            if patience[pid] < 0 and not is_starved(pid):
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            elif os.waitpid(pid, os.WNOHANG)[0] == 0:
                continue
            del running[pid]
            code, test = finish(pid, its.folder)
            shutil.rmtree(its.folder)
            if code == INVALID:
                total -= 1
            elif code not in (0, pytest.ExitCode.NO_TESTS_COLLECTED):
                killed.execute("INSERT OR REPLACE INTO killed VALUES (?, ?, ?)", [mutant.key, module, test])
            else:
                survivors.append(mutant)
            if len(waiting) % 50 == 0 or not (waiting or running):
                state = f"{total - len(waiting)} of {total} run, {len(survivors)} survive"
                print(f"{module}: {state}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    return total, sorted(survivors)


# --- Report --------------------------------------------------------------------------


def accepted_of(module: str) -> dict[tuple[str, str], str]:
    """Return the accepted survivors of a module, each a line and its mutant, and the reason."""
    name = module.removeprefix("realtime/").removesuffix(".py").replace("/", ".")
    path = ROOT / "tools" / "survivors" / f"{name}.toml"
    tables = tomllib.loads(path.read_text())["survivor"] if path.exists() else []
    return {(table["line"], mutant): table["reason"] for table in tables for mutant in table["mutants"]}


def report(module: str, total: int, survivors: list[Mutant], *, toml: bool) -> bool:
    """Print the score and the survivors that are not accepted. Returns True if there is none."""
    accepted = accepted_of(module)
    new = [mutant for mutant in survivors if (mutant.removed, mutant.added) not in accepted]
    stale = set(accepted) - {(mutant.removed, mutant.added) for mutant in survivors}
    score = 100 * (total - len(survivors)) / max(total, 1)
    print(
        f"{module:34} {score:5.1f} %   {total} mutants, {len(survivors)} survive, "
        f"{len(survivors) - len(new)} of them accepted"
    )
    for mutant in new:
        if toml:
            line, changed = json.dumps(mutant.removed), json.dumps(mutant.added)
            print(f'[[survivor]]  # {mutant.line}\nline = {line}\nmutants = [{changed}]\nreason = ""\n')
        else:
            print(f"{module}:{mutant.line}\n  - {mutant.removed}\n  + {mutant.added}")
    for line, changed in sorted(stale):
        print(f"{module}: accepted, but killed or gone:\n  - {line}\n  + {changed}")
    return not new and not stale


def main() -> int:
    """Run the command. Returns 0 if every survivor is accepted, and every accepted one survives."""
    parser = argparse.ArgumentParser(prog="make mutation", description="Run mutation tests.")
    parser.add_argument(
        "modules", nargs="*", metavar="MODULE", help="such as realtime/codec.py (default: all)"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="processes (default: one for each core)"
    )
    parser.add_argument("--fresh", action="store_true", help="also run the mutants that were killed before")
    parser.add_argument("--toml", action="store_true", help="print survivors as entries for tools/survivors/")
    arguments = parser.parse_args()
    unknown = set(arguments.modules) - set(MODULES)
    if unknown:
        parser.error(f"no tests are listed for {', '.join(sorted(unknown))}; known are {', '.join(MODULES)}")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    # Children read compiled tests instead of compiling them again: half of their time.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.path[0] = str(ROOT)
    WORK.mkdir(exist_ok=True)
    killed = sqlite3.connect(WORK / "killed.sqlite", timeout=60, isolation_level=None)
    killed.execute("CREATE TABLE IF NOT EXISTS killed (key PRIMARY KEY, module, test)")
    good = True
    for module in arguments.modules or MODULES:
        if arguments.fresh:
            killed.execute("DELETE FROM killed WHERE module = ?", [module])
        total, survivors = run_module(module, arguments.jobs, killed)
        good &= report(module, total, survivors, toml=arguments.toml)
        sys.stdout.flush()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
