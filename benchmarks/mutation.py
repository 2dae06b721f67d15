"""Mutants of ``ir`` and of the engines in ``hw``: how many does no test notice?

    pip install --target FOLDER cosmic-ray==8.7.0
    PYTHONPATH=FOLDER python benchmarks/mutation.py --run RUN [--stages 4] [--part 1/2]

Cosmic Ray makes the mutants; whether one is drawn depends on the seed and on its place, hardly on
other modules. A mutant meets the tests of its own module, then small networks (behind a bus, if it
is of one; in `ir` digests too), all tests of its house and the co-simulations; the first failure,
or some minutes of processor time without an end, kills it. ``mutants.jsonl``, beside this file,
keeps what is done, and a second call goes on. With ``--stages 1`` mutants meet only the first of
these stages, and so on; a later call with more takes what lived through the next ones. Calls with
``--part 1/2`` and ``--part 2/2`` share the work. Survivors that change nothing are explained in
``equivalent.yaml`` and count neither way.

No mutant is drawn of annotations, which nothing executes, nor of the wording of refusals.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import yaml
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator, operator_names

from spikewright.screen import print_rows

ROOT = Path(__file__).resolve().parents[1]
LOG = Path(__file__).with_name("mutants.jsonl")
EQUIVALENT = Path(__file__).with_name("equivalent.yaml")
COMPOSITION = ("__init__", "top", "emit", "describe", "tool")
"""Modules of ``hw`` that are no engines."""
BUSES = ("axi", "core", "framed", "inbox", "packet", "registers", "reload", "session", "slip")
BUSES += ("spi", "system", "uart", "wishbone", "wrap")
"""Modules of ``hw`` between the pins and the engines."""
MOST_SECONDS = 150
MOST_BYTES = 1 << 33
"""Of memory; a mutant that wants more fails by itself."""
CAUSES: tuple[str, ...] = (
    "survived",
    "own tests",
    "small networks",
    "tests of the house",
    "co-simulation",
)
ELSEWHERE = {
    "buffer": ("tests/hw/test_stream.py",),
    "core": ("tests/buses/test_framed.py",),
    "image_text": ("tests/ir/test_image.py",),
    "loops": ("tests/hw/test_window.py",),
    "manifest": ("tests/ir/test_store.py",),
    "arrival": ("tests/ir/test_pace.py", "tests/ir/test_timing.py"),
    "inbox": ("tests/buses/test_uart.py",),
    "packet": ("tests/buses/test_session.py",),
    "ram": ("tests/hw/test_memory.py",),
    "register_text": ("tests/ir/test_registers.py", "tests/buses/test_wrap.py"),
    "registers": ("tests/ir/test_registers.py", "tests/buses/test_reload.py"),
    "relaxation": ("tests/ir/test_solver.py",),
    "spikes": ("tests/buses/test_session.py",),
    "usage": ("tests/ir/test_capacity.py", "tests/ir/test_cost.py"),
    **{bus: (f"tests/buses/test_buses.py::test_bus[{bus}]",) for bus in ("axi", "wishbone", "spi")},
}
"""Own tests of modules that have no file of theirs."""
LIVED, SAME = "lived so far", "equivalent"


class _Executed(ast.NodeTransformer):
    """Takes away what is not executed, and the wording of refusals."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        self.generic_visit(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        node.annotation = ast.Constant(None)
        self.generic_visit(node)
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.Raise:
        if isinstance(node.exc, ast.Call):
            node.exc.args = []
        return node


def executed(source: str) -> str:
    """Return what of a source text matters, for comparisons."""
    return ast.dump(_Executed().visit(ast.parse(source)))


@dataclass(frozen=True)
class Mutant:
    """One changed place of a module."""

    module: str
    operator: str
    occurrence: int

    @cached_property
    def source(self) -> str | None:
        """The module with the change; None if it says the same or is no Python."""
        text = (ROOT / self.module).read_text()
        made = MutationVisitor.mutate_code(text, get_operator(self.operator)(), self.occurrence)
        try:
            return made if made and executed(made) != executed(text) else None
        except SyntaxError:
            return None

    def lot(self, seed: int) -> bytes:
        """Return what decides whether it is drawn: the least are."""
        place = f"{seed} {self.module} {self.operator} {self.occurrence}"
        return hashlib.sha256(place.encode()).digest()

    def diff(self) -> str:
        """Return the changed lines."""
        before, after = (ROOT / self.module).read_text(), self.source or ""
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
        return "\n".join(line for line in lines if not line.startswith(("---", "+++")))


def modules() -> list[str]:
    """Return the paths of the modules that are changed."""
    found = [path for house in ("ir", "hw") for path in sorted((ROOT / house).glob("*.py"))]
    return [str(path.relative_to(ROOT)) for path in found if path.stem not in COMPOSITION]


def places(module: str) -> list[Mutant]:
    """Return every place of a module where an operator finds something."""
    nodes = list(ast_nodes(get_ast((ROOT / module).read_text())))
    found = []
    for name in sorted(set(operator_names()) - {"core/ExceptionReplacer"}):  # trips over ours
        try:
            operator = get_operator(name)()
        except TypeError:  # wants arguments: names of variables
            continue
        count = sum(len(list(operator.mutation_positions(node))) for node in nodes)
        found += [Mutant(module, name, occurrence) for occurrence in range(count)]
    return found


def drawn(count: int, seed: int) -> Iterator[Mutant]:
    """Yield ``count`` different mutants."""
    every = [mutant for module in modules() for mutant in places(module)]
    for mutant in sorted(every, key=lambda mutant: mutant.lot(seed)):
        if mutant.source is not None:
            yield mutant
            count -= 1
            if not count:
                return


def stages(mutant: Mutant) -> list[tuple[str, list[str]]]:
    """Return what is run, in turn: which tests, and their places."""
    house, stem = Path(mutant.module).parent.name, Path(mutant.module).stem
    bus = house == "hw" and stem in BUSES
    own = [f"tests/{name}/test_{stem}.py" for name in (house, "buses")]
    own = list(ELSEWHERE.get(stem, [path for path in own if (ROOT / path).exists()]))
    doctests = [mutant.module] if ">>>" in (ROOT / mutant.module).read_text() else []
    found = [("own tests", own + doctests)] if own + doctests else []
    behind = [f"tests/buses/test_{name}.py" for name in ("session", "framed", "wrap")]
    small = ["tests/sim/test_small.py"]
    small += ["tests/ir/test_snapshots.py"] if house == "ir" else []
    found.append(("small networks", behind if bus else small))
    houses = [f"tests/{house}", *(["tests/ir"] if house == "hw" else [])]
    found.append(("tests of the house", ["tests/buses"] if bus else houses))
    found.append(("co-simulation", ["tests/sim/test_cosimulate.py", "tests/sim/test_fuzz.py"]))
    return found


def _bounded() -> None:
    """Bound processor time and memory: the wall clock of a busy machine would kill the innocent."""
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS + 10))
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))


def examine(mutant: Mutant, tree: Path, jobs: int, met: int, most: int) -> tuple[str, str]:
    """Return (which tests of stages ``met`` .. ``most`` killed a mutant, the first that failed)."""
    path = tree / mutant.module
    path.write_text(mutant.source or "")
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        for name, tests in stages(mutant):
            if not met <= CAUSES.index(name) - 1 < most:
                continue
            command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
            command += ["-m", "slow or not slow"] if "::" in tests[0] else []
            command += ["-n", str(jobs)] if name != "own tests" and jobs > 1 else []
            done = subprocess.run(
                command,
                cwd=tree,
                env=environment,
                capture_output=True,
                text=True,
                preexec_fn=_bounded,
                check=False,
            )
            if -done.returncode in (signal.SIGXCPU, signal.SIGKILL):
                return name, "no end"
            if done.returncode:
                failed = [n for n in done.stdout.splitlines() if n.startswith(("FAILED", "ERROR"))]
                return name, failed[0][:200] if failed else "does not load"
    finally:
        shutil.copyfile(ROOT / mutant.module, path)
    return ("survived" if most == len(CAUSES) - 1 else LIVED), ""


def changed(diff: str) -> tuple[str, ...]:
    """Return the lines before and after, which stay the same where a module grows elsewhere."""
    lines = [line for line in diff.splitlines() if not line.startswith("@@")]
    return tuple(
        "\n".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )


def main() -> None:
    """Examine mutants, and print the score."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="scratch folder")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--stages", type=int, default=len(CAUSES) - 1, help="1 to 4; 0 examines none"
    )
    parser.add_argument("--part", default="1/1", help="such as 1/2: every second mutant")
    parser.add_argument("--again", action="store_true", help="meet survivors once more")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    part, parts = map(int, given.part.split("/"))
    tree = given.run / f"tree{part}"
    shutil.rmtree(tree, ignore_errors=True)
    left_out = shutil.ignore_patterns(".git", ".venv", "runs", "build", "__pycache__")
    shutil.copytree(ROOT, tree, ignore=left_out)
    lines = map(json.loads, LOG.read_text().splitlines() if LOG.exists() else [])
    known = {(row["module"], row["operator"], row["occurrence"]): row for row in lines}
    explained = yaml.safe_load(EQUIVALENT.read_text())
    reasons = {(row["module"], row["before"], row["after"]): row["why"] for row in explained}
    done = []
    for index, mutant in enumerate(drawn(given.count, given.seed)):
        row = known.get((mutant.module, mutant.operator, mutant.occurrence))
        diff = mutant.diff()
        why = reasons.get((mutant.module, *changed(diff)))
        met = 0 if row is None or given.again else row["stages"]
        lives = row is None or (row["killed by"] in (LIVED, "survived") and met < given.stages)
        if lives and given.stages and why is None and index % parts == part - 1:
            started = time.monotonic()
            stage, test = examine(mutant, tree, given.jobs, met, given.stages)
            row = {**asdict(mutant), "killed by": stage, "test": test, "diff": diff}
            row["stages"] = given.stages
            row["seconds"] = round(time.monotonic() - started)
            with LOG.open("a") as file:
                file.write(json.dumps(row) + "\n")
        if why is not None:
            row = {**asdict(mutant), "killed by": SAME, "diff": diff, "why": why}
        if row is not None:
            done.append(row)
    rows = []
    for house in ("ir", "hw"):
        own = [row["killed by"] for row in done if row["module"].startswith(house)]
        counts = {cause: own.count(cause) for cause in (*CAUSES, LIVED, SAME)}
        lived, other = counts["survived"] + counts[LIVED], len(own) - counts[SAME]
        score = round(100 * (1 - lived / other), 1) if other else None
        rows.append({"house": house, "mutants": len(own), **counts, "score %": score})
    survivors = [row for row in done if row["killed by"] in ("survived", LIVED, SAME)]
    print_rows({"rows": rows, "survivors": survivors}, given.json)
    if not given.json:
        for row in survivors:
            print(f"{row['module']} {row['operator']} {row['occurrence']}\n{row['diff']}")


if __name__ == "__main__":
    main()
