// How handlers go on: to the next instruction of the block, or to another block.
#pragma once

#include <cstring>

#include "block_cache.h"
#include "interpreter.h"

namespace bancada {

// Optimised builds tail-call from handler to handler; others come back to the run loop each time, since the stack
// would grow without sibling calls.
inline const Op* chain(Interpreter& cpu, const Op* op) {
#if defined(__OPTIMIZE__) && !defined(BANCADA_SANITIZE)
  cpu.current_ = op;
  return op->fn(cpu, op);
#else
  (void)cpu;
  return op;
#endif
}
#define NEXT(cpu, op) chain((cpu), (op) + 1)

const Op* op_continue(Interpreter& cpu, const Op* op);  // after a block's last instruction
const Op* op_refetch(Interpreter& cpu, const Op* op);   // the bytes of this instruction changed: decode it anew
const Op* op_undefined(Interpreter& cpu, const Op* op);
const Op* op_too_long(Interpreter& cpu, const Op* op);  // more than 15 bytes

inline uint32_t jump_index(uint32_t linear) {
  return (linear ^ (linear >> 12)) & (Interpreter::JUMP_ENTRIES - 1);
}

// To the block at `eip`, if it is known and nothing asks for the run loop. What retired is counted already.
inline const Op* go_to(Interpreter& cpu, uint32_t eip) {
  const uint32_t linear = cpu.state_.seg[CS].base + eip;
  const Interpreter::JumpEntry& entry = cpu.jumps_[jump_index(linear)];
  if (entry.key == (linear | static_cast<uint64_t>(cpu.fetch_context_) << 32)) [[likely]] {
    const Block* block = entry.block;
    if (cpu.retired_base_ + block->count <= cpu.limit_ &&
        static_cast<uint64_t>(eip) + block->length <= cpu.code_span_ && !cpu.attention()) [[likely]] {
      cpu.block_eip_ = eip;
      return chain(cpu, block->ops);
    }
  }
  cpu.state_.eip = eip;
  cpu.be_idle();
  return nullptr;
}

// A control transfer ends its block.
inline const Op* jump_to(Interpreter& cpu, const Op* op, uint32_t eip) {
  cpu.retired_base_ += op->position + 1u;
  return go_to(cpu, eip);
}

// -- Operands

template <typename T>
inline T get_register(const Interpreter& cpu, unsigned number) {
  if constexpr (sizeof(T) == 1) {
    return static_cast<uint8_t>(number < 4 ? cpu.state_.gpr[number] : cpu.state_.gpr[number - 4] >> 8);
  } else {
    return static_cast<T>(cpu.state_.gpr[number]);
  }
}

template <typename T>
inline void set_register(Interpreter& cpu, unsigned number, T value) {
  uint32_t* gpr = cpu.state_.gpr.data();
  if constexpr (sizeof(T) == 1) {
    if (number < 4)
      gpr[number] = (gpr[number] & 0xFFFFFF00) | value;
    else
      gpr[number - 4] = (gpr[number - 4] & 0xFFFF00FF) | static_cast<uint32_t>(value) << 8;
  } else if constexpr (sizeof(T) == 2) {
    gpr[number] = (gpr[number] & 0xFFFF0000) | value;
  } else {
    gpr[number] = value;
  }
}

inline SegmentRegister operand_segment(const Op* op) {
  return static_cast<SegmentRegister>(op->segment);
}

template <typename T, bool Memory>
inline T read_operand(Interpreter& cpu, const Op* op) {
  if constexpr (Memory)
    return cpu.read<T>(operand_segment(op), cpu.effective_address(op));
  else
    return get_register<T>(cpu, op->rm);
}

// Reads, changes and writes back the ModRM operand; a fault comes before any change.
template <typename T, bool Memory, typename Change>
inline void change_operand(Interpreter& cpu, const Op* op, Change change) {
  if constexpr (Memory) {
    const SegmentRegister segment = operand_segment(op);
    const uint32_t offset = cpu.effective_address(op);
    const Segment& s = cpu.state_.seg[segment];
    if (static_cast<uint64_t>(offset) + sizeof(T) <= s.write_span && s.read_span) [[likely]] {
      const uint32_t linear = s.base + offset;
      const Interpreter::TlbEntry& entry =
          cpu.tlb_write_[cpu.tlb_set_][(linear >> 12) & (Interpreter::TLB_ENTRIES - 1)];
      if (((linear + (sizeof(T) - 1)) & PAGE_MASK) == entry.tag) [[likely]] {
        auto* host = reinterpret_cast<void*>(linear + entry.addend);
        T value;
        std::memcpy(&value, host, sizeof value);
        value = change(value);
        std::memcpy(host, &value, sizeof value);
        return;
      }
    }
    cpu.check_write<T>(segment, offset);
    const T value = cpu.read<T>(segment, offset);
    cpu.write<T>(segment, offset, change(value));
  } else {
    set_register<T>(cpu, op->rm, change(get_register<T>(cpu, op->rm)));
  }
}

template <typename T, bool Memory>
inline void write_operand(Interpreter& cpu, const Op* op, T value) {
  if constexpr (Memory)
    cpu.write<T>(operand_segment(op), cpu.effective_address(op), value);
  else
    set_register<T>(cpu, op->rm, value);
}

// Picks the instance of a handler template for an op's operand size and kind.
#define BY_SIZE(op, name, ...)                                           \
  ((op).operand_size == 1   ? &name<__VA_ARGS__ __VA_OPT__(, ) uint8_t>  \
   : (op).operand_size == 2 ? &name<__VA_ARGS__ __VA_OPT__(, ) uint16_t> \
                            : &name<__VA_ARGS__ __VA_OPT__(, ) uint32_t>)
#define BY_FORM(op, name, ...)                                                                              \
  (((op).flags & OP_MEMORY) ? ((op).operand_size == 1   ? &name<__VA_ARGS__ __VA_OPT__(, ) uint8_t, true>   \
                               : (op).operand_size == 2 ? &name<__VA_ARGS__ __VA_OPT__(, ) uint16_t, true>  \
                                                        : &name<__VA_ARGS__ __VA_OPT__(, ) uint32_t, true>) \
                            : ((op).operand_size == 1   ? &name<__VA_ARGS__ __VA_OPT__(, ) uint8_t, false>  \
                               : (op).operand_size == 2 ? &name<__VA_ARGS__ __VA_OPT__(, ) uint16_t, false> \
                                                        : &name<__VA_ARGS__ __VA_OPT__(, ) uint32_t, false>))

// The groups, asked by the decoder.
Handler arithmetic_handler(const Op& op, int kind, int form);
Handler unary_handler(const Op& op);  // F6, F7, FE, FF /0 /1
Handler move_handler(const Op& op);
Handler shift_handler(const Op& op, int count_source);
Handler two_byte_integer_handler(const Op& op);
Handler stack_handler(const Op& op);
Handler string_handler(const Op& op);
Handler control_handler(const Op& op);
Handler port_handler(const Op& op);
Handler misc_handler(const Op& op);

}  // namespace bancada
