// Drives the bare accelerator: reset in every cycle of a run, and pauses of every length before
// every word that enters and every word that leaves. The undisturbed run is the reference.

#include "device.h"

int main(int argc, char** argv) {
    const int longest = argc > 1 ? atoi(argv[1]) : 16;
    Device device;
    device.reset();
    const Outcome reference = device.run({}, {}, kPatience, "no answer");
    const long last = reference.cycles.back();
    for (long cycle = 0; cycle <= last + 1; ++cycle) {
        device.reset();
        device.run({}, {}, cycle, "");
        device.reset();
        if (!(device.run({}, {}, kPatience, "no answer after a reset") == reference))
            fail("reset is not forgotten", cycle, 0);
    }
    for (int length = 1; length <= longest; ++length) {
        for (size_t word = 0; word < kWords; ++word) {
            const Outcome found = device.run({word, length}, {}, kPatience, "source");
            if (found.answers != reference.answers) fail("a pause of the source", word, length);
        }
        for (size_t word = 0; word < kAnswers; ++word) {
            const Outcome found = device.run({}, {word, length}, kPatience, "sink");
            if (found.answers != reference.answers) fail("a pause of the sink", word, length);
        }
    }
#if VM_COVERAGE
    Verilated::threadContextp()->coveragep()->write(argc > 2 ? argv[2] : "coverage.dat");
#endif
    printf("%ld cycles, %zu words, %zu answers\n", last, size_t(kWords), size_t(kAnswers));
    return 0;
}
