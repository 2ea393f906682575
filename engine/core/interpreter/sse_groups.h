// The parts of sse_handler(), by SDM group. Each returns the handler for an instruction of its own, or nullptr; the
// model has the instruction's extension already (sse.cpp looks first).
#pragma once

#include "../cpu_model.h"
#include "op.h"

namespace bancada {

// `prefix` is the mandatory one: 0, 66, F3 or F2. With 0 most integer opcodes work on MMX registers, with 66 on XMM.
Handler sse_move_handler(const Op& op, uint8_t prefix);
Handler sse_arithmetic_handler(const Op& op, uint8_t prefix);  // floating-point and bitwise logic on XMM registers
Handler sse_compare_handler(const Op& op, uint8_t prefix);
Handler sse_convert_handler(const Op& op, uint8_t prefix);
Handler sse_shuffle_handler(const Op& op,
                            uint8_t prefix);  // shuffles, unpacks, inserts and extracts of both register files
Handler packed_integer_handler(const Op& op, uint8_t prefix);
Handler ssse3_handler(const Op& op, uint8_t prefix);
Handler fxsave_handler(const Op& op, uint8_t prefix);  // 0F AE: FXSAVE, FXRSTOR, MXCSR, fences, CLFLUSH

}  // namespace bancada
