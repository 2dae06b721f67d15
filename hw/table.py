"""Table synapse: spikes address tables of weight sums, and an adder tree adds what they hold."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import memory
from amaranth.lib.wiring import In, Out

from hw.adder import Number, tree
from hw.loader import Loader
from hw.parity import Guarded
from ir.errors import SpikewrightError
from ir.tables import ARITY, Tables


class Table(Guarded):
    """Sums of the weights of ``pe`` outputs under ``simd`` spikes.

    Parameters
    ----------
    tables : ir.tables.Tables
    fabric : str
        ``plain``, ``ecp5``, ``gowin`` or ``xc7``: how adders and banks are built.

    Members
    -------
    spikes : In(simd)
    enable : In(1)
        The registers between spikes and sums advance; without it they hold, and nothing else does.
    bank : In(1)
        Bank that spikes read; the other one is loaded. Without effect with one bank.
    sums : Out(pe * sum_width)
        Sum of the entries of each output, output 0 lowest; unsigned, see
        :attr:`ir.tables.Tables.offset`.
    load : In(1)
        Starts a load into the bank that ``bank`` does not name in this cycle; ignored while
        ``loading``.
    loading : Out(1)
        High in the ``load_cycles`` cycles that follow ``load``. The bank may be read in the cycle
        after.
    code_enable : Out(1)
        Advance to the next code word.
    codes : In(word_width)
        Word of a synchronous memory; must be valid in the cycle after ``code_enable`` and is read
        in that cycle only.

    Timing
    ------
    Latency :attr:`ir.tables.Tables.latency` cycles with ``enable``, one word a cycle. Word k is
    asked for in cycle ``2 + k * 2^group`` of a load (that of ``load`` is 0). With one bank the sums
    of spikes that are read while loading are undefined.

    Raises
    ------
    SpikewrightError
        If the fabric is unknown or has no LUT RAM.
    """

    def __init__(self, tables: Tables, fabric: str = "plain") -> None:
        if fabric == "ice40":
            raise SpikewrightError(
                "Fabric ice40 has no LUT RAM, so it has no table synapse; "
                "its tables must be constant."
            )
        if fabric not in ARITY:
            raise SpikewrightError(
                f"Fabric {fabric!r:.40} is unknown; table synapses allow {', '.join(ARITY)}."
            )
        self.tables, self.fabric = tables, fabric
        super().__init__(
            {
                "spikes": In(tables.simd),
                "enable": In(1),
                "bank": In(1),
                "sums": Out(tables.pe * tables.sum_width),
                "load": In(1),
                "loading": Out(1),
                "code_enable": Out(1),
                "codes": In(tables.word_width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        tables = self.tables
        m.submodules.loader = loader = Loader(tables, self.fabric)
        m.d.comb += [
            loader.load.eq(self.load),
            self.loading.eq(loader.loading),
            self.code_enable.eq(loader.code_enable),
            loader.codes.eq(self.codes),
        ]
        if tables.banks == 2:
            target = Signal()
            with m.If(self.load & ~self.loading):
                m.d.sync += target.eq(~self.bank)
            m.d.comb += loader.target.eq(target)
        self._held: list[Signal] = []
        bits: list[list[tuple[Value, ...]]] = [[] for _ in range(tables.pe)]
        for g in range(tables.groups):
            low = g * tables.group
            lanes = self.spikes[low : low + tables.group]
            address = Cat(lanes, Const(0, tables.group - len(lanes)))
            p = 0
            while p < tables.pe:
                # Outputs whose tables are written together share a memory, word by word.
                word = (g * tables.pe + p) // tables.loaders
                count = min(tables.pe, (word + 1) * tables.loaders - g * tables.pe) - p
                for k, found in enumerate(self._memory(m, loader, address, g, p, count)):
                    bits[p + k].append(found)
                p += count
        self.check(m, 1, *self._held)
        rows = [[Number(found, tables.entry.high) for found in row] for row in bits]
        sums = tree(
            m, rows, fabric=self.fabric, arity=tables.arity, enable=self.enable, platform=platform
        )
        for p, total in enumerate(sums):
            m.d.comb += self.sums[p * tables.sum_width : (p + 1) * tables.sum_width].eq(total)
        return m

    def _memory(
        self,
        m: Module,
        loader: Loader,
        address: Value,
        g: int,
        p: int,
        count: int,
    ) -> list[tuple[Value, ...]]:
        """Add the tables of ``count`` outputs from ``p`` for group ``g``; return their registers.

        With two memories, the register of the bank that is not read holds 0.
        """
        tables, width = self.tables, self.tables.entry_width
        word, first = divmod(g * tables.pe + p, tables.loaders)
        data = loader.entries[first * width : (first + count) * width]
        memories = loader.memories
        registers = []
        for b in range(memories):
            where, into = address, loader.address
            if tables.banks > memories:
                where, into = Cat(address, self.bank), Cat(loader.address, loader.target)
            name = f"table_{g}_{p}" + (f"_{b}" if memories > 1 else "")
            shape = count * width + self.parity_bits
            table = memory.Memory(shape=shape, depth=1 << len(into), init=[])
            m.submodules[name] = table
            write, read = table.write_port(), table.read_port(domain="comb")
            held = Signal(shape, name=f"held_{g}_{p}_{b}", reset_less=True)
            m.d.comb += [
                write.addr.eq(into),
                write.data.eq(self.guard(data)),
                write.en.eq(getattr(loader, f"write{b}")[word]),
                read.addr.eq(where),
            ]
            with m.If(self.enable):
                m.d.sync += held.eq(read.data)
                if memories > 1:
                    with m.If(self.bank != b):
                        m.d.sync += held.eq(0)
            registers.append(held)
        self._held += registers
        return [
            tuple(held[k * width : (k + 1) * width] for held in registers) for k in range(count)
        ]
