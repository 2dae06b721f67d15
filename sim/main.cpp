// Main of every simulator: stimulus, records and the clock in C++.
//
// One binary serves two drivers. Without +cocotb, frames() below toggles the clock until the bench
// is over. With it, cocotb's own loop runs and Python drives clk and rst. Either way the bench asks
// spikewright_word() for input words and hands every transfer to spikewright_move_*(), so both
// leave the same files: one record file per stream, progress, bench.json.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#define main cocotb_main
#include "verilator.cpp"  // cocotb's loop
#undef main

#include "streams.h"  // STREAMS(X): X(index, name, payload words)
#include "svdpi.h"

#if VM_TRACE_FST
#include "verilated_fst_c.h"
using Dump = VerilatedFstC;
constexpr const char* kWave = "/wave.fst";
#elif VM_TRACE_VCD
#include "verilated_vcd_c.h"
using Dump = VerilatedVcdC;
constexpr const char* kWave = "/wave.vcd";
#endif

namespace {

constexpr int kResetCycles = 8;
constexpr size_t kBufferWords = 1 << 16;

// One file of records: cycle, then the payload, in 32-bit words.
struct Records {
    const char* name;
    int words;
    FILE* file = nullptr;
    std::vector<uint32_t> buffer;
    uint64_t moves = 0;

    void add(uint32_t cycle, const svBitVecVal* payload) {
        buffer.push_back(cycle);
        buffer.insert(buffer.end(), payload, payload + words);
        ++moves;
        if (buffer.size() >= kBufferWords) flush();
    }
    void flush() {
        if (fwrite(buffer.data(), 4, buffer.size(), file) != buffer.size()) {
            perror(name);
            exit(3);
        }
        buffer.clear();
    }
};

#define RECORDS(index, name, words) {#name, words},
Records records[] = {STREAMS(RECORDS)};
#undef RECORDS

std::string folder = ".";
std::vector<uint32_t> stimulus;
size_t fed = 0;
uint32_t last_move = 0;
FILE* progress = nullptr;
std::string values, waiting;
bool over = false;
unsigned now = 0;  // cycle of the bench, where it is asked for a waveform

void move(int index, uint32_t cycle, const svBitVecVal* payload) {
    last_move = cycle;
    records[index].add(cycle, payload);
}

FILE* open(const std::string& name, const char* mode) {
    const std::string path = folder + "/" + name;
    FILE* file = fopen(path.c_str(), mode);
    if (!file) {
        perror(path.c_str());
        exit(3);
    }
    return file;
}

void begin() {
    FILE* file = open("stimulus.bin", "rb");
    uint32_t block[4096];
    while (size_t count = fread(block, 4, 4096, file))
        stimulus.insert(stimulus.end(), block, block + count);
    fclose(file);
    for (Records& each : records) each.file = open(std::string(each.name) + ".bin", "wb");
    progress = open("progress", "wb");
}

// bench.json comes last: without it the run counts as failed.
void end() {
    for (Records& each : records) {
        each.flush();
        if (fclose(each.file)) exit(3);
    }
    FILE* file = open("bench.json", "wb");
    fprintf(file, "{\"values\": {%s\"last_move\": %u}, \"waiting\": [%s]}\n", values.c_str(),
            last_move, waiting.c_str());
    fclose(file);
}

// A waveform of the cycles +wave_from .. +wave_to, if the simulator was built for it.
#if VM_TRACE
class Wave {
   public:
    Wave(Vtop& top, int argc, char** argv) {
        Verilated::traceEverOn(true);
        for (int k = 1; k < argc; ++k) {
            sscanf(argv[k], "+wave_from=%u", &from);
            sscanf(argv[k], "+wave_to=%u", &to);
        }
        top.trace(&file, 99);
        file.open((folder + kWave).c_str());
    }
    void half() {
        time += 5;
        if (now >= from && now <= to) file.dump(time);
    }
    ~Wave() { file.close(); }

   private:
    Dump file;
    unsigned from = 0, to = ~0u;
    uint64_t time = 0;  // [ns] of a clock of 100 MHz
};
#else
struct Wave {
    Wave(Vtop&, int, char**) {}
    void half() {}
};
#endif

int frames(int argc, char** argv) {
    Verilated::commandArgs(argc, argv);
    Vtop top;
    Wave wave(top, argc, argv);
    const auto tick = [&top, &wave] {
        top.clk = 0;
        top.eval();
        wave.half();
        top.clk = 1;
        top.eval();
        wave.half();
    };
    top.rst = 1;
    for (int cycle = 0; cycle < kResetCycles; ++cycle) tick();
    top.rst = 0;
    while (!over && !Verilated::gotFinish()) tick();
    top.final();
    return 0;
}

}  // namespace

extern "C" {

// Returns the next input word.
void spikewright_word(svBitVecVal* word) {
    if (fed + INPUT_WORDS > stimulus.size()) {
        fprintf(stderr, "stimulus.bin ends within a word\n");
        exit(3);
    }
    std::copy_n(&stimulus[fed], INPUT_WORDS, word);
    fed += INPUT_WORDS;
}

#define MOVE(index, name, words)                                                   \
    void spikewright_move_##index(unsigned cycle, const svBitVecVal* payload) { \
        move(index, cycle, payload);                                               \
    }
STREAMS(MOVE)
#undef MOVE

// Says how many samples have left completely.
void spikewright_sample(unsigned finished) {
    rewind(progress);
    fprintf(progress, "%u\n", finished);
    fflush(progress);
}

void spikewright_cycle(unsigned cycle) { now = cycle; }

void spikewright_over() { over = true; }

// At the end: a number of the bench, and how each stream stands.
void spikewright_value(const char* name, unsigned value) {
    values += std::string("\"") + name + "\": " + std::to_string(value) + ", ";
}

void spikewright_waiting(unsigned index, svBit valid, svBit ready) {
    if (index) waiting += ", ";
    waiting += std::string("{\"stream\": \"") + records[index].name +
               "\", \"moves\": " + std::to_string(records[index].moves) +
               ", \"valid\": " + std::to_string(valid) + ", \"ready\": " + std::to_string(ready) +
               "}";
}

}  // extern "C"

int main(int argc, char** argv) {
    bool cocotb = false;
    for (int k = 1; k < argc; ++k) {
        if (!strncmp(argv[k], "+folder=", 8)) folder = argv[k] + 8;
        if (!strcmp(argv[k], "+cocotb")) cocotb = true;
    }
    begin();
    const int status = cocotb ? cocotb_main(argc, argv) : frames(argc, argv);
    end();
    return status;
}
