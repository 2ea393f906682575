// What translated code and the translator tell each other; a part of the Interpreter so that one register reaches
// all state.
#pragma once

#include <cstdint>

namespace bancada {

struct TranslatorFrame {
  static constexpr uint64_t ENOUGH = uint64_t{1} << 44;
  uint64_t table = 0;        // r14
  uint64_t left = 0;         // r13: instructions until `end`, and ENOUGH: without its bit, they are used up
  uint64_t end = 0;          // retired instructions when `left` is 0
  void* exit = nullptr;      // r9 at the end: a TranslationExit
  uint64_t context = 0;      // the current code's, in the high half
  uint64_t context_bit = 0;  // the bit of its slot
  // The host's stack while translated code runs on one of its own, and where that begins.
  uint64_t host_stack = 0, call_stack = 0;
  // x87: nonzero while the guest's registers are not in the host's unit; then what ran last there, as numbers of the
  // translator's records (0: nothing), and the linear address of the last operand.
  uint64_t x87_away = 1;
  uint32_t x87_last = 0, x87_last_memory = 0, x87_operand = 0;
  // SSE: nonzero while the guest's registers and MXCSR are not in the host's; the host's own MXCSR.
  uint64_t sse_away = 1;
  uint32_t host_mxcsr = 0x1F80;
  // Nonzero: FS, GS are not of the kind that all translations take them for.
  uint8_t odd_segment[2] = {};
  uint32_t eip = 0;    // r8d at the end: where to go on
  uint16_t flags = 0;  // high: AH as LAHF leaves it; low: OF
  // Where jumps lead that are not linked, by the EIP: 0 minus (EIP and context), and host code.
  static constexpr uint32_t JUMPS = 1u << 16;
  uint64_t jump_keys[JUMPS] = {};
  const uint8_t* jump_codes[JUMPS] = {};

  // The retired instructions now; those that may run from there on.
  uint64_t retired() const { return end - (left - ENOUGH); }
  void begin(uint64_t retired, uint64_t instructions) {
    left = ENOUGH + instructions;
    end = retired + instructions;
  }
};

}  // namespace bancada
