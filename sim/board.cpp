// A board on a TCP port: the clock, and the two pins of its UART bit by bit.
//
// Bytes that arrive from the socket go to pin rx as start bit, eight data bits, stop bit, BIT cycles
// each; what pin tx sends comes back. With nothing to do for a while the clock stops until a byte
// arrives, so that an idle board costs nothing.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>

#include "Vtop.h"
#include "verilated.h"

namespace {

constexpr int kResetCycles = 8;
constexpr long kRest = 1000000;  // cycles without a byte after which the clock stops
constexpr int kPoll = 256;       // cycles between two looks at the socket

[[noreturn]] void fail(const char* what) {
    perror(what);
    exit(3);
}

class Line {
   public:
    explicit Line(int bit) : bit(bit) {}

    // Level of pin rx in this cycle.
    int drive() {
        if (!left) {
            if (pending.empty()) return 1;
            frame = 0x200u | unsigned(pending.front()) << 1;
            pending.pop_front();
            left = 10 * bit;
        }
        const int level = frame >> (10 - (left + bit - 1) / bit) & 1;
        --left;
        return level;
    }

    // Takes the level of pin tx; returns a byte, or -1.
    int sample(int level) {
        if (!count) {
            if (level) return -1;
            count = 10 * bit - bit / 2;  // to the middle of the stop bit
            got = 0;
            return -1;
        }
        --count;
        const int place = count / bit;  // 8..1: data bits, 0: stop bit
        if (count % bit == 0 && place >= 1 && place <= 8) got |= unsigned(level) << (8 - place);
        return count ? -1 : int(got);
    }

    bool quiet() const { return !left && !count && pending.empty(); }

    std::deque<uint8_t> pending;

   private:
    const int bit;
    int left = 0, count = 0;
    unsigned frame = 0, got = 0;
};

int listener() {
    const int found = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (found < 0 || bind(found, reinterpret_cast<sockaddr*>(&address), size) || listen(found, 1) ||
        getsockname(found, reinterpret_cast<sockaddr*>(&address), &size))
        fail("socket");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return found;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: board BIT\n");
        return 2;
    }
    Line line(atoi(argv[1]));
    Vtop top;
    const auto edge = [&top] {
        top.clk = 0;
        top.eval();
        top.clk = 1;
        top.eval();
    };
    top.rx = 1;
    top.rst = 1;
    for (int cycle = 0; cycle < kResetCycles; ++cycle) edge();
    top.rst = 0;
    const int server = listener();
    for (;;) {
        const int client = accept(server, nullptr, nullptr);
        if (client < 0) fail("accept");
        const int one = 1;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        long silent = 0;
        for (long cycle = 0;; ++cycle) {
            if (cycle % kPoll == 0) {
                pollfd waiting{client, POLLIN, 0};
                if (poll(&waiting, 1, silent > kRest ? 1000 : 0) > 0) {
                    uint8_t bytes[4096];
                    const ssize_t count = read(client, bytes, sizeof bytes);
                    if (count <= 0) break;
                    line.pending.insert(line.pending.end(), bytes, bytes + count);
                    silent = 0;
                } else if (silent > kRest) {
                    continue;
                }
            }
            top.rx = line.drive();
            edge();
            const int byte = line.sample(top.tx);
            if (byte >= 0) {
                const uint8_t out = uint8_t(byte);
                if (write(client, &out, 1) != 1) break;
            }
            silent = line.quiet() ? silent + 1 : 0;
        }
        close(client);
    }
}
