// Pauses of every length at every link inside an accelerator: before every word of a link at once,
// and before each of its words alone. The undisturbed run is the reference.

#include "device.h"

int main(int, char** argv) {
    const int longest = atoi(argv[1]);
    Device device;
    device.reset();
    const Outcome reference = device.run({}, {}, kPatience, "no answer");
    long later = 0, runs = 0;
    for (int link = 0; link < int(kLinks); ++link) {
        for (int length = 1; length <= longest; ++length) {
            for (uint32_t word = 0; word <= link_words[link]; ++word) {
                device.top.link = link;
                device.top.length = length;
                device.top.every = word == link_words[link];
                device.top.word = word;
                device.reset();
                const Outcome found = device.run({}, {}, kPatience, "no answer of a paused link");
                if (found.answers != reference.answers) fail("a pause of a link", link, length);
                later += found.cycles != reference.cycles;
                ++runs;
            }
        }
    }
    printf("%ld runs, %ld with answers in other cycles\n", runs, later);
    return 0;
}
