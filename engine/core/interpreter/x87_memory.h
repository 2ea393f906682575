// Memory operands of x87 instructions.
#pragma once

#include "memory_access.h"
#include "x87_stack.h"

namespace bancada {

inline SegmentRegister x87_segment(const Op* op) { return static_cast<SegmentRegister>(op->segment); }

inline uint64_t x87_read64(Interpreter& cpu, SegmentRegister segment, uint32_t offset) {
  const uint64_t low = cpu.read<uint32_t>(segment, offset);
  return low | uint64_t{cpu.read<uint32_t>(segment, offset + 4)} << 32;
}

inline void x87_write64(Interpreter& cpu, SegmentRegister segment, uint32_t offset, uint64_t value) {
  cpu.check_write<uint32_t>(segment, offset + 4);
  cpu.write<uint32_t>(segment, offset, static_cast<uint32_t>(value));
  cpu.write<uint32_t>(segment, offset + 4, static_cast<uint32_t>(value >> 32));
}

inline Float80 x87_read80(Interpreter& cpu, SegmentRegister segment, uint32_t offset) {
  const uint64_t significand = x87_read64(cpu, segment, offset);
  return {significand, cpu.read<uint16_t>(segment, offset + 8)};
}

inline void x87_write80(Interpreter& cpu, SegmentRegister segment, uint32_t offset, const Float80& value) {
  cpu.check_write<uint16_t>(segment, offset + 8);
  x87_write64(cpu, segment, offset, value.significand);
  cpu.write<uint16_t>(segment, offset + 8, value.sign_exponent);
}

}  // namespace bancada
