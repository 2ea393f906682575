// The x87 register stack, its tags and the status word, as the instructions use them (SDM vol. 1, 8.1 and 8.5).
#pragma once

#include <cstdint>

#include "interpreter.h"

namespace bancada {

// Status word.
constexpr uint16_t X87_IE = 1u << 0;
constexpr uint16_t X87_DE = 1u << 1;
constexpr uint16_t X87_ZE = 1u << 2;
constexpr uint16_t X87_OE = 1u << 3;
constexpr uint16_t X87_UE = 1u << 4;
constexpr uint16_t X87_PE = 1u << 5;
constexpr uint16_t X87_SF = 1u << 6;
constexpr uint16_t X87_ES = 1u << 7;
constexpr uint16_t X87_C0 = 1u << 8;
constexpr uint16_t X87_C1 = 1u << 9;
constexpr uint16_t X87_C2 = 1u << 10;
constexpr uint16_t X87_C3 = 1u << 14;
constexpr uint16_t X87_BUSY = 1u << 15;
constexpr uint16_t X87_EXCEPTIONS = 0x3F;
constexpr uint16_t X87_BEFORE = X87_IE | X87_DE | X87_ZE;  // found before the operation: nothing is stored
constexpr uint16_t X87_CODES = X87_C0 | X87_C1 | X87_C2 | X87_C3;

// Control word: bit 6 is always set, the infinity bit is kept and means nothing.
constexpr uint16_t X87_CONTROL_BITS = 0x1F3F;
constexpr uint16_t X87_CONTROL_FIXED = 0x0040;
constexpr uint16_t X87_ROUND_TRUNCATE = 0x0C00;

// The QNaN that masked invalid operations give.
constexpr Float80 X87_INDEFINITE = {0xC000000000000000, 0xFFFF};

inline Float80& x87_st(X87State& x87, unsigned index) {
  return x87.st[(x87.top + index) & 7];
}
inline bool x87_is_empty(const X87State& x87, unsigned index) {
  return (x87.tag_empty >> ((x87.top + index) & 7)) & 1;
}
inline void x87_mark_full(X87State& x87, unsigned index) {
  x87.tag_empty = static_cast<uint8_t>(x87.tag_empty & ~(1u << ((x87.top + index) & 7)));
}
inline void x87_mark_empty(X87State& x87, unsigned index) {
  x87.tag_empty = static_cast<uint8_t>(x87.tag_empty | (1u << ((x87.top + index) & 7)));
}
inline void x87_pop(X87State& x87) {
  x87_mark_empty(x87, 0);
  x87.top = (x87.top + 1) & 7;
}
inline void x87_push(X87State& x87, const Float80& value) {
  x87.top = (x87.top - 1) & 7;
  x87_mark_full(x87, 0);
  x87.st[x87.top] = value;
}

// ES and B follow the flags and their masks.
inline void x87_update_summary(X87State& x87) {
  if (x87.status & ~x87.control & X87_EXCEPTIONS) {
    x87.status |= X87_ES | X87_BUSY;
  } else {
    x87.status = static_cast<uint16_t>(x87.status & ~(X87_ES | X87_BUSY));
  }
}

// Takes over what an operation raised, and the condition codes in `codes`. False when an exception that is not masked
// came before the operation: its result must be dropped then, and nothing popped.
inline bool x87_take(X87State& x87, uint16_t status, uint16_t codes) {
  uint16_t raised = status & X87_EXCEPTIONS;
  const uint16_t unmasked = raised & static_cast<uint16_t>(~x87.control);
  if (unmasked & X87_BEFORE) {
    raised &= X87_BEFORE;
    x87.status = static_cast<uint16_t>((x87.status & ~X87_C1) | raised | X87_ES | X87_BUSY);
    return false;
  }
  x87.status = static_cast<uint16_t>((x87.status & ~codes) | (status & codes) | raised);
  if (unmasked) x87.status |= X87_ES | X87_BUSY;
  return true;
}

// Stack overflow or underflow. True when masked: the result is X87_INDEFINITE then.
inline bool x87_stack_fault(X87State& x87, bool overflow) {
  x87.status = static_cast<uint16_t>((x87.status & ~X87_C1) | X87_IE | X87_SF | (overflow ? X87_C1 : 0));
  if (x87.control & X87_IE) return true;
  x87.status |= X87_ES | X87_BUSY;
  return false;
}

// Puts a value on the stack, or the indefinite one when there is no room.
inline void x87_push_checked(X87State& x87, const Float80& value) {
  if (x87_is_empty(x87, 7)) {
    x87_push(x87, value);
  } else if (x87_stack_fault(x87, true)) {
    x87_push(x87, X87_INDEFINITE);
  }
}

inline bool x87_is_zero(const Float80& value) {
  return value.significand == 0 && (value.sign_exponent & 0x7FFF) == 0;
}

// #NM by CR0.EM and CR0.TS: every x87 instruction but WAIT.
inline void x87_check_available(Interpreter& cpu) {
  if (cpu.state_.cr0 & (CR0_EM | CR0_TS)) cpu.fault(VECTOR_NM);
}

// Reports an exception that is still pending, before a waiting instruction. With CR0.NE that is #MF. Without, FERR#
// goes to the interrupt controller once, and false asks for the instruction to be tried again after the interrupt;
// while FERR# stays active the instructions of the handler run as with IGNNE#, which the handler's write to port F0h
// means.
bool x87_report_pending(Interpreter& cpu);

// After every instruction that may have cleared ES.
void x87_release_ferr(Interpreter& cpu);

// Remembers instruction and opcode for FNSTENV and FNSAVE.
inline void x87_remember(Interpreter& cpu, const Op* op) {
  X87State& x87 = cpu.state_.x87;
  x87.last_ip = cpu.current_eip();
  x87.last_cs = cpu.state_.seg[CS].selector;
  x87.last_opcode = static_cast<uint16_t>((op->opcode & 7) << 8 | op->modrm);
}
inline void x87_remember_operand(Interpreter& cpu, const Op* op, uint32_t offset) {
  cpu.state_.x87.last_dp = offset;
  cpu.state_.x87.last_ds = cpu.state_.seg[op->segment].selector;
}

// Groups of x87_handler(): nullptr for #UD.
Handler x87_memory_handler(const Op& op);
Handler x87_register_handler(const Op& op);
Handler x87_control_handler(const Op& op);  // environment, control and status words, FNCLEX, FNINIT, WAIT

}  // namespace bancada
