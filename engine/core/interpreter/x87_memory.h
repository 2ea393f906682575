// Memory operands of x87 instructions.
#pragma once

#include "memory_access.h"
#include "x87_stack.h"

namespace bancada {

inline SegmentRegister x87_segment(const Op* op) {
  return static_cast<SegmentRegister>(op->segment);
}

inline Float80 x87_read80(Interpreter& cpu, SegmentRegister segment, uint32_t offset) {
  const uint64_t significand = cpu.read<uint64_t>(segment, offset);
  return {significand, cpu.read<uint16_t>(segment, offset + 8)};
}

inline void x87_write80(Interpreter& cpu, SegmentRegister segment, uint32_t offset, const Float80& value) {
  cpu.check_write<uint16_t>(segment, offset + 8);
  cpu.write<uint64_t>(segment, offset, value.significand);
  cpu.write<uint16_t>(segment, offset + 8, value.sign_exponent);
}

}  // namespace bancada
