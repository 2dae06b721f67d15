// The bare loop that co-simulation is measured against: toggles the clock of the accelerator, an
// input word always offered, every output word taken, nothing looked at.

#include <cstdio>
#include <cstdlib>

#include "Vtop.h"
#include "verilated.h"

int main(int argc, char** argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: bare CYCLES\n");
        return 2;
    }
    VerilatedContext context;
    Vtop top{&context};
    const auto tick = [&top] {
        top.clk = 0;
        top.eval();
        top.clk = 1;
        top.eval();
    };
    // Verilator spells the double underscore of a port as __05F.
    top.i___05Fvalid = 1;
    top.o___05Fready = 1;
    top.rst = 1;
    for (int cycle = 0; cycle < 8; ++cycle) tick();
    top.rst = 0;
    for (long left = atol(argv[1]); left > 0; --left) tick();
    top.final();
    printf("%u samples\n", unsigned(top.samples));
    return 0;
}
