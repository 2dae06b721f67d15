// The bare accelerator between a source of words and a sink of answers, either of which may pause.

#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "Vtop.h"
#include "verilated.h"
#if VM_COVERAGE
#include "verilated_cov.h"
#endif
#include "words.h"

namespace {

constexpr long kPatience = 200000;

struct Pause {
    size_t before = SIZE_MAX;  // number of the word
    int length = 0;
};

struct Outcome {
    std::vector<uint64_t> answers;
    std::vector<long> cycles;
    bool operator==(const Outcome& other) const {
        return answers == other.answers && cycles == other.cycles;
    }
};

[[noreturn]] void fail(const char* what, long place, int length) {
    printf("%s, word or cycle %ld, length %d\n", what, place, length);
    exit(1);
}

class Device {
   public:
    void reset() {
        top.rst = 1;
        top.i___05Fvalid = 0;
        top.o___05Fready = 0;
        edge();
        top.rst = 0;
    }

    // Sends every word, `most` cycles at most, and returns what came out. Answers may come before the
    // last words are sent, which a stride can make superfluous.
    Outcome run(Pause in, Pause out, long most, const char* what) {
        Outcome found;
        size_t sent = 0;
        bool waits = false;
        uint64_t waiting = 0;
        for (long cycle = 0; found.answers.size() < kAnswers || sent < kWords; ++cycle) {
            if (cycle >= most) {
                if (most == kPatience) fail(what, long(in.before + 1 + out.before), in.length);
                break;
            }
            const bool offers = sent < kWords && (sent != in.before || in.length-- <= 0);
            top.i___05Fvalid = offers;
            // What is not offered must not matter.
            top.i___05Fpayload = offers ? words[sent] : ~uint64_t(0) & kMask;
            top.o___05Fready = 0;
            top.clk = 0;
            top.eval();
            const bool takes = found.answers.size() != out.before || out.length <= 0;
            if (top.o___05Fvalid && !takes) --out.length;
            top.o___05Fready = takes;
            top.eval();
            const uint64_t answer = top.o___05Fpayload;
            if (waits && (!top.o___05Fvalid || answer != waiting))
                fail("an offered answer changes", cycle, 0);
            waits = top.o___05Fvalid && !takes;
            waiting = answer;
            if (offers && top.i___05Fready) ++sent;
            if (takes && top.o___05Fvalid) {
                found.answers.push_back(answer);
                found.cycles.push_back(cycle);
            }
            top.clk = 1;
            top.eval();
        }
        return found;
    }

    Vtop top;

   private:
    void edge() {
        top.clk = 0;
        top.eval();
        top.clk = 1;
        top.eval();
    }
};

}  // namespace
