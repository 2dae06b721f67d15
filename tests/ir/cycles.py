"""A slow simulator of plans, cycle by cycle, written from docs/MICROARCHITECTURE.md alone.

Each station is a state machine with three questions per cycle: which outputs are valid, which inputs
are ready, and what changes at the clock edge. Valid never depends on ready of the same link, so all
valids are found first, in the order of the plan, and then all readies, in reverse.
"""

from __future__ import annotations

from collections.abc import Sequence

from ir.attention import Attend, Correlate, Mix, Recall
from ir.plan import (
    Align,
    Buffer,
    Fork,
    Join,
    Maximum,
    Merge,
    Neurons,
    Plan,
    SerialNeurons,
    Split,
    Station,
    Synapse,
    Window,
)
from ir.readout import Accumulate, Classify
from ir.tile import Reorder, Stepwise, Tile

Bits = Sequence[bool]


class Machine:
    """A station without state: a wire."""

    def valid(self, i: Bits) -> list[bool]:
        return list(i)

    def ready(self, i: Bits, o: Bits) -> list[bool]:
        return list(o)

    def edge(self, i: Bits, o: Bits) -> None:
        """Clock edge after a cycle in which inputs ``i`` and outputs ``o`` transferred."""

    def state(self) -> object:
        return None


class Fifo(Machine):
    def __init__(self, station: Buffer) -> None:
        self.depth, self.held = station.depth, 0
        self.way = [False] * (station.latency - 1)  # words that are held but not offered yet

    def valid(self, i: Bits) -> list[bool]:
        return [self.held > sum(self.way)]

    def ready(self, i: Bits, o: Bits) -> list[bool]:
        return [self.held < self.depth]

    def edge(self, i: Bits, o: Bits) -> None:
        self.held += i[0] - o[0]
        self.way = [i[0], *self.way][: len(self.way)]

    def state(self) -> object:
        return self.held, tuple(self.way)


class Forking(Machine):
    def __init__(self, outputs: int) -> None:
        self.done = [False] * outputs

    def valid(self, i: Bits) -> list[bool]:
        return [i[0] and not done for done in self.done]

    def ready(self, i: Bits, o: Bits) -> list[bool]:
        return [all(done or taken for done, taken in zip(self.done, o, strict=True))]

    def edge(self, i: Bits, o: Bits) -> None:
        if i[0]:
            self.done = [False] * len(o)
        else:
            self.done = [done or moved for done, moved in zip(self.done, o, strict=True)]

    def state(self) -> object:
        return tuple(self.done)


class Splitting(Machine):
    def __init__(self, ratio: int) -> None:
        self.ratio, self.full, self.part = ratio, False, 0

    def valid(self, i: Bits) -> list[bool]:
        return [self.full]

    def ready(self, i: Bits, o: Bits) -> list[bool]:
        return [not self.full or (self.part == self.ratio - 1 and o[0])]

    def edge(self, i: Bits, o: Bits) -> None:
        if o[0]:
            self.part += 1
            if self.part == self.ratio:
                self.part, self.full = 0, False
        if i[0]:
            self.full = True

    def state(self) -> object:
        return self.full, self.part


class Merging(Machine):
    """Merge and Maximum."""

    def __init__(self, ratio: int) -> None:
        self.ratio, self.parts = ratio, 0

    def valid(self, i: Bits) -> list[bool]:
        return [self.parts == self.ratio]

    def ready(self, i: Bits, o: Bits) -> list[bool]:
        return [self.parts < self.ratio or o[0]]

    def edge(self, i: Bits, o: Bits) -> None:
        if o[0]:
            self.parts = 0
        self.parts += i[0]

    def state(self) -> object:
        return self.parts


class Pipeline:
    """Elastic registers, first to last; not a machine itself."""

    def __init__(self, registers: int) -> None:
        self.full = [False] * registers

    def moving(self, out: bool) -> list[bool]:
        """Which registers give their content away in a cycle in which the output is ready or not."""
        moves = list(self.full)
        for s in reversed(range(len(moves))):
            moves[s] = self.full[s] and out
            out = not self.full[s] or moves[s]
        return moves

    def accepts(self, out: bool) -> bool:
        return not self.full[0] or self.moving(out)[0]

    def step(self, entered: bool, out: bool) -> None:
        moves = self.moving(out)
        arriving = [entered, *moves[:-1]]
        self.full = [
            came or (full and not left)
            for came, full, left in zip(arriving, self.full, moves, strict=True)
        ]


class Piped(Machine):
    """Neurons, Classify, and Join and Align with their two inputs taken together."""

    def __init__(self, registers: int, inputs: int = 1) -> None:
        self.pipe, self.inputs = Pipeline(registers), inputs

    def valid(self, i: Bits) -> list[bool]:
        return [self.pipe.full[-1]]

    def ready(self, i: Bits, o: Bits) -> list[bool]:
        accepts = self.pipe.accepts(o[0])
        if self.inputs == 1:
            return [accepts]
        return [accepts and i[1], accepts and i[0]]

    def edge(self, i: Bits, o: Bits) -> None:
        self.pipe.step(i[0], o[0])

    def state(self) -> object:
        return tuple(self.pipe.full)


class Stepping(Machine):
    """Serial neurons: a word, a current, and the spikes so far, which are the output register."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.left = 0  # currents of the word in register 1 that have not moved on
        self.two: bool | None = None  # whether the current in register 2 is the word's last
        self.complete = False

    def valid(self, i: Bits) -> list[bool]:
        return [self.complete]

    def ready(self, i: Bits, o: Bits) -> list[bool]:
        return [self.left == 0 or (self.left == 1 and self._opens(o[0]))]

    def _opens(self, o: bool) -> bool:
        return self.two is None or not self.complete or o

    def edge(self, i: Bits, o: Bits) -> None:
        opens, enters = self._opens(o[0]), not self.complete or o[0]
        complete = self.complete and not o[0]
        if self.two is not None and enters:
            complete, self.two = self.two, None
        if opens and self.left:
            self.two = self.left == 1
            self.left -= 1
        self.complete = complete
        if i[0]:
            self.left = self.steps

    def state(self) -> object:
        return self.left, self.two, self.complete


class Summing(Machine):
    """Synapse and Correlate: registers and the accumulator, which is also the output register."""

    def __init__(self, fold: int, registers: int = 2, inputs: int = 1) -> None:
        self.fold, self.added, self.inputs = fold, 0, inputs
        self.pipe = Pipeline(registers)

    def _free(self, out: bool) -> bool:
        return self.added < self.fold or out

    def valid(self, i: Bits) -> list[bool]:
        return [self.added == self.fold]

    def ready(self, i: Bits, o: Bits) -> list[bool]:
        accepts = self.pipe.accepts(self._free(o[0]))
        return [accepts] if self.inputs == 1 else [accepts and i[1], accepts and i[0]]

    def edge(self, i: Bits, o: Bits) -> None:
        free = self._free(o[0])
        adding = self.pipe.full[-1] and free
        self.pipe.step(i[0], free)
        if o[0]:
            self.added = 0
        self.added += adding

    def state(self) -> object:
        return tuple(self.pipe.full), self.added


class Mixing(Machine):
    """One register, running sums in a memory, and an output register for complete ones."""

    def __init__(self, station: Mix) -> None:
        self.words = station.visits * station.chunks
        self.last_from = (station.visits - 1) * station.chunks
        self.word, self.full = 0, False
        self.pipe = Pipeline(1)

    def _free(self, out: bool) -> bool:
        return self.word < self.last_from or not self.full or out

    def valid(self, i: Bits) -> list[bool]:
        return [self.full]

    def ready(self, i: Bits, o: Bits) -> list[bool]:
        accepts = self.pipe.accepts(self._free(o[0]))
        return [accepts and i[1], accepts and i[0]]

    def edge(self, i: Bits, o: Bits) -> None:
        free = self._free(o[0])
        adding = self.pipe.full[0] and free
        self.pipe.step(i[0], free)
        if o[0]:
            self.full = False
        if adding:
            self.full = self.full or self.word >= self.last_from
            self.word = (self.word + 1) % self.words

    def state(self) -> object:
        return self.pipe.full[0], self.word, self.full


class Recalling(Machine):
    """Two banks: one is written word by word, the other read for every query token."""

    def __init__(self, station: Recall) -> None:
        self.writes, self.reads = station.i.words, station.o.words
        self.written = self.read = 0  # words, all samples
        self.full = False

    def valid(self, i: Bits) -> list[bool]:
        return [self.full]

    def ready(self, i: Bits, o: Bits) -> list[bool]:
        return [self.written // self.writes - self.read // self.reads < 2]

    def edge(self, i: Bits, o: Bits) -> None:
        whole = self.written // self.writes > self.read // self.reads
        if not self.full or o[0]:
            self.full = whole
            self.read += whole
        self.written += i[0]

    def state(self) -> object:
        return self.written, self.read, self.full


class Sliding(Machine):
    """Window: writer, reader, and the output register of the memory."""

    def __init__(self, station: Window) -> None:
        self.s = station
        self.words_written = 0
        self.position = 0  # of all samples
        self.issued = 0  # words of this position
        self.full = False

    def _low(self) -> tuple[int, int]:
        """Return (frame, low)."""
        s = self.s
        frame, local = divmod(self.position, s.out_height * s.out_width)
        oy, ox = divmod(local, s.out_width)
        low = frame * s.height * s.width
        return frame, low + (oy * s.stride - s.padding) * s.width + ox * s.stride - s.padding

    def _lead(self) -> int:
        return self.words_written // self.s.groups - self._low()[1]

    def _begun(self) -> bool:
        if self.issued:
            return True
        frame, low = self._low()
        end = (frame + 1) * self.s.height * self.s.width
        span = (self.s.kernel - 1) * (self.s.width + 1)
        return self._lead() >= min(span + 1, end - low)

    def valid(self, i: Bits) -> list[bool]:
        return [self.full]

    def ready(self, i: Bits, o: Bits) -> list[bool]:
        return [self._lead() < self.s.capacity]

    def edge(self, i: Bits, o: Bits) -> None:
        issue = self._begun() and (not self.full or o[0])
        self.words_written += i[0]
        self.full = issue or (self.full and not o[0])
        if issue:
            self.issued += 1
            if self.issued == self.s.repeats * self.s.kernel**2 * self.s.groups:
                self.issued, self.position = 0, self.position + 1

    def state(self) -> object:
        return self.words_written, self.position, self.issued, self.full


class Attending(Machine):
    """Inputs q, k, v; one side accumulates k^T v, the other applies it to q."""

    def __init__(self, station: Attend) -> None:
        self.visits = station.visits
        self.cycles = station.tokens * station.words * station.visits  # per sample
        self.counted = self.applied = 0  # cycles issued, all samples
        self.sums = Summing(station.rows)

    def _counts(self, i: Bits) -> bool:
        sample = self.counted // self.cycles
        return i[1] and i[2] and self.applied // self.cycles >= sample - 1

    def _applies(self, i: Bits, o: Bits) -> bool:
        sample = self.applied // self.cycles
        return i[0] and self.counted // self.cycles > sample and self.sums.ready(i, o)[0]

    def valid(self, i: Bits) -> list[bool]:
        return self.sums.valid(i)

    def ready(self, i: Bits, o: Bits) -> list[bool]:
        words = self._counts(i) and self.counted % self.visits == self.visits - 1
        query = self._applies(i, o) and self.applied % self.visits == self.visits - 1
        return [query, words, words]

    def cycle(self, i: Bits, o: Bits) -> None:
        """Advance with the valids of the inputs and the readies of the outputs of this cycle."""
        counts, applies = self._counts(i), self._applies(i, o)
        self.sums.edge([applies], [o[0] and self.sums.valid(i)[0]])
        self.counted += counts
        self.applied += applies

    def state(self) -> object:
        return self.counted, self.applied, self.sums.state()


class Turning(Machine):
    """Reorder: banks written and read in turn."""

    def __init__(self, station: Reorder) -> None:
        self.taken_words, self.read_words = station.i.words, station.o.words
        self.written = self.issued = 0  # words, all samples
        self.full = False

    def valid(self, i: Bits) -> list[bool]:
        return [self.full]

    def ready(self, i: Bits, o: Bits) -> list[bool]:
        whole, left = self.written // self.taken_words, self.issued // self.read_words
        return [whole - left < 2]

    def edge(self, i: Bits, o: Bits) -> None:
        whole, left = self.written // self.taken_words, self.issued // self.read_words
        issue = whole > left and (not self.full or o[0])
        self.written += i[0]
        self.issued += issue
        self.full = issue or (self.full and not o[0])

    def state(self) -> object:
        return self.written, self.issued, self.full


class Tiling(Machine):
    """Tile: a loader, visits, and sums on their way to the output buffer."""

    def __init__(self, station: Tile) -> None:
        self.s = station
        self.begun, self.loading, self.loads = False, 0, 0
        self.visits = self.idle = self.outstanding = 0
        self.way = [False] * (station.latency)
        self.held = 0

    def _pass(self) -> int:
        return self.visits // (self.s.visits * self.s.planes)

    def _visit(self, i: Bits) -> tuple[bool, bool, bool]:
        """Return whether there is a visit, whether it takes the word, whether it ends a sum."""
        s = self.s
        here, within = self._pass(), self.visits % (s.visits * s.planes)
        complete = self.loads - (self.loading > 0)
        loaded = complete > (min(here, here % s.passes) if s.resident else here)
        takes = within % s.planes == s.planes - 1
        ends = takes and here % s.synapse_fold == s.synapse_fold - 1
        go = i[0] and loaded and not self.idle and (not ends or self.outstanding < s.buffer)
        return go, go and takes, go and ends

    def valid(self, i: Bits) -> list[bool]:
        return [self.held > 0]

    def ready(self, i: Bits, o: Bits) -> list[bool]:
        return [self._visit(i)[1]]

    def cycle(self, i: Bits, o: Bits) -> None:
        s = self.s
        go, _, ends = self._visit(i)
        self.begun = self.begun or i[0]
        free = self.loads < (s.banks if s.resident else self._pass() + s.banks)
        left = self.held > 0 and o[0]
        self.idle = max(0, self.idle - 1)
        if self.loading:
            self.loading -= 1
        elif self.begun and free:
            self.loading, self.loads = s.tables.load_cycles, self.loads + 1
        if go:
            before = self._pass()
            self.visits += 1
            if self._pass() > before:
                self.idle = s.gap
        self.held += self.way[-1] - left
        self.way = [ends, *self.way[:-1]]
        self.outstanding += ends - left

    def state(self) -> object:
        return self.loading, self.visits, self.idle, self.held, self.outstanding, tuple(self.way)


class Steps(Machine):
    """Stepwise neurons: a static word is visited once per step."""

    def __init__(self, station: Stepwise) -> None:
        self.repeats, self.visit, self.pipe = station.repeats, 0, Pipeline(3)

    def valid(self, i: Bits) -> list[bool]:
        return [self.pipe.full[-1]]

    def ready(self, i: Bits, o: Bits) -> list[bool]:
        return [self.visit == self.repeats - 1 and self.pipe.accepts(o[0])]

    def cycle(self, i: Bits, o: Bits) -> None:
        go = i[0] and self.pipe.accepts(o[0])
        self.pipe.step(go, o[0] and self.pipe.full[-1])
        self.visit = (self.visit + go) % self.repeats

    def state(self) -> object:
        return self.visit, tuple(self.pipe.full)


class Totalling(Machine):
    """Accumulate."""

    def __init__(self, station: Accumulate) -> None:
        self.words = station.positions * station.groups
        self.last_from = (station.positions - 1) * station.groups
        self.word, self.full = 0, False

    def valid(self, i: Bits) -> list[bool]:
        return [self.full]

    def ready(self, i: Bits, o: Bits) -> list[bool]:
        return [self.word < self.last_from or not self.full or o[0]]

    def edge(self, i: Bits, o: Bits) -> None:
        if o[0]:
            self.full = False
        if i[0]:
            self.full = self.full or self.word >= self.last_from
            self.word = (self.word + 1) % self.words

    def state(self) -> object:
        return self.word, self.full


def machine(station: Station) -> Machine:
    """Return the state machine of a station, in reset."""
    match station:
        case Fork():
            return Forking(len(station.outputs))
        case Buffer():
            return Fifo(station) if station.depth else Machine()
        case Split():
            return Splitting(station.ratio)
        case Merge():
            return Merging(station.ratio)
        case Maximum():
            return Merging(station.taps)
        case Window():
            return Sliding(station)
        case Synapse():
            return Summing(station.synapse_fold)
        case Reorder():
            return Turning(station)
        case Tile():
            return Tiling(station)
        case Stepwise():
            return Steps(station)
        case SerialNeurons():
            return Stepping(station.o.steps)
        case Neurons():
            return Piped(station.o.steps + 2)
        case Join():
            return Piped(1, 2)
        case Align():
            return Piped(2, 2)
        case Attend():
            return Attending(station)
        case Recall():
            return Recalling(station)
        case Correlate():
            return Summing(station.chunks, 1, 2)
        case Mix():
            return Mixing(station)
        case Accumulate():
            return Totalling(station)
        case Classify():
            return Piped(2)
    raise AssertionError(f"No machine for {station.kind}.")


def simulate(plan: Plan, samples: int) -> dict[str, list[int]] | None:
    """Return the cycle of every transfer of every link, or None if the plan deadlocks."""
    machines = [machine(s) for s in plan.stations]
    inputs = [[link.name for link in s.inputs] for s in plan.stations]
    outputs = [[link.name for link in s.outputs] for s in plan.stations]
    forward = list(zip(machines, inputs, outputs, strict=True))
    backward = forward[::-1]
    moves: dict[str, list[int]] = {name: [] for name in plan.links}
    source, sink = plan.source.name, plan.sink.name
    to_send = plan.source.words * samples
    wanted = sum(link.words for link in plan.links.values()) * samples
    valid: dict[str, bool] = {}
    ready: dict[str, bool] = {sink: True}
    waiting: set[str] = set()
    done = cycle = 0
    while done < wanted:
        valid[source] = len(moves[source]) < to_send
        for m, i, o in forward:
            for name, bit in zip(o, m.valid([valid[n] for n in i]), strict=True):
                valid[name] = bit
        for name in waiting:
            assert valid[name], f"valid of {name} fell in cycle {cycle} before its transfer"
        for m, i, o in backward:
            bits = m.ready([valid[n] for n in i], [ready[n] for n in o])
            for name, bit in zip(i, bits, strict=True):
                ready[name] = bit
        moved = {name: valid[name] and ready[name] for name in moves}
        changed = False
        for m, i, o in forward:
            before = m.state()
            if isinstance(m, (Attending, Tiling, Steps)):
                m.cycle([valid[n] for n in i], [ready[n] for n in o])
            else:
                m.edge([moved[n] for n in i], [moved[n] for n in o])
            changed = changed or m.state() != before
        for name, bit in moved.items():
            if bit:
                moves[name].append(cycle)
                done += 1
        waiting = {name for name in moves if valid[name] and not moved[name]}
        if not changed and not any(moved.values()):
            return None
        cycle += 1
    return moves
