"""AXI: samples and answers on AXI4-Stream, registers on AXI4-Lite."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.session import padded
from hw.system import System
from ir.registers import ADDRESS_BITS

OKAY, SLVERR = 0, 2


class Axi(wiring.Component):
    """An accelerator behind AXI4-Stream and AXI4-Lite.

    Parameters
    ----------
    system : System

    Members
    -------
    s_axis_tdata, s_axis_tvalid, s_axis_tready, s_axis_tlast
        Samples, a word of the source link a transfer, in whole bytes; bits beyond it are zero.
        ``tlast`` marks the last word.
    m_axis_tdata, m_axis_tvalid, m_axis_tready, m_axis_tlast
        Answers in 32-bit words, see :class:`hw.session.Session`; ``tlast`` marks the last.
    s_axil_aw.., s_axil_w.., s_axil_b.., s_axil_ar.., s_axil_r..
        Registers. An access that is refused is answered with SLVERR. The lowest two address bits
        are ignored; bytes without strobe are written as zero.

    Timing
    ------
    One access at a time, answered in the cycle after both address and data were taken. Reads and
    writes that wait together take turns.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        stream = {"tvalid": 1, "tlast": 1}
        source = stream | {"tdata": padded(system.plan.source)}
        sink = stream | {"tdata": 32}
        write = {"awaddr": ADDRESS_BITS, "awprot": 3, "awvalid": 1}
        write |= {"wdata": 32, "wstrb": 4, "wvalid": 1, "bready": 1}
        read = {"araddr": ADDRESS_BITS, "arprot": 3, "arvalid": 1, "rready": 1}
        replies = {"awready": 1, "wready": 1, "bresp": 2, "bvalid": 1}
        replies |= {"arready": 1, "rdata": 32, "rresp": 2, "rvalid": 1}
        super().__init__(
            {
                **{f"s_axis_{name}": In(bits) for name, bits in source.items()},
                "s_axis_tready": Out(1),
                **{f"m_axis_{name}": Out(bits) for name, bits in sink.items()},
                "m_axis_tready": In(1),
                **{f"s_axil_{name}": In(bits) for name, bits in (write | read).items()},
                **{f"s_axil_{name}": Out(bits) for name, bits in replies.items()},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.system = system = self.system
        m.d.comb += [
            system.i.valid.eq(self.s_axis_tvalid),
            system.i.payload.word.eq(self.s_axis_tdata),
            system.i.payload.last.eq(self.s_axis_tlast),
            self.s_axis_tready.eq(system.i.ready),
            self.m_axis_tvalid.eq(system.o.valid),
            self.m_axis_tdata.eq(system.o.payload.word),
            self.m_axis_tlast.eq(system.o.payload.last),
            system.o.ready.eq(self.m_axis_tready),
        ]
        self._registers(m)
        return m

    def _registers(self, m: Module) -> None:
        access, turn = self.system.access, Signal()
        write, read = Signal(), Signal()
        wants = self.s_axil_awvalid & self.s_axil_wvalid
        response = Mux(access.code == 0, OKAY, SLVERR)
        written = Cat(
            Mux(self.s_axil_wstrb[k], self.s_axil_wdata.word_select(k, 8), 0) for k in range(4)
        )
        address = Mux(write, self.s_axil_awaddr, self.s_axil_araddr)
        m.d.comb += [
            access.enable.eq(write | read),
            access.write.eq(write),
            access.address.eq(Cat(Const(0, 2), address[2:])),
            access.write_data.eq(written),
            self.s_axil_awready.eq(write),
            self.s_axil_wready.eq(write),
            self.s_axil_arready.eq(read),
            self.s_axil_bresp.eq(response),
            self.s_axil_rresp.eq(response),
            self.s_axil_rdata.eq(access.read_data),
        ]
        with m.FSM():
            with m.State("idle"):
                m.d.comb += write.eq(wants & ~(turn & self.s_axil_arvalid))
                m.d.comb += read.eq(self.s_axil_arvalid & ~write)
                with m.If(write):
                    m.d.sync += turn.eq(1)
                    m.next = "written"
                with m.Elif(read):
                    m.d.sync += turn.eq(0)
                    m.next = "read"
            with m.State("written"):
                m.d.comb += self.s_axil_bvalid.eq(1)
                with m.If(self.s_axil_bready):
                    m.next = "idle"
            with m.State("read"):
                m.d.comb += self.s_axil_rvalid.eq(1)
                with m.If(self.s_axil_rready):
                    m.next = "idle"
