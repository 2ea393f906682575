// Bytes to Op: prefixes, opcode, ModRM, displacement, immediate, and the handler.
#pragma once

#include <cstdint>

#include "../cpu_model.h"
#include "op.h"

namespace bancada {

enum class DecodeResult : uint8_t {
  goes_on,     // straight on
  ends_block,  // control transfer, or something that changes how what follows is decoded or run
  needs_more,  // the instruction is longer than the bytes there are
};

// Op::map of relative branches: `imm` is relative to the end of the instruction until the block cache adds that.
constexpr uint8_t RELATIVE_BRANCH = 0x80;
constexpr uint32_t LONGEST_INSTRUCTION = 15;

// `mode`: OP_CODE32 and OP_STACK32. Fills all of `op` but offset and position. Illegal encodings get a handler that
// raises #UD (or #GP for more than 15 bytes).
DecodeResult decode_instruction(const uint8_t* bytes, uint32_t available, uint8_t mode, CpuModel model, Op& op);

}  // namespace bancada
