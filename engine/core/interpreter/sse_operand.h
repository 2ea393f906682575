// What MMX and SSE instructions share: whether they may run, their registers and memory operands (SDM vol. 1, ch. 9-11;
// vol. 3, ch. 12 and 13).
#pragma once

#include <emmintrin.h>

#include <bit>

#include "dispatch.h"
#include "memory_access.h"
#include "x87_stack.h"

namespace bancada {

// -- Whether the instruction may run

[[noreturn]] void sse_unavailable(Interpreter& cpu);  // #UD or #NM by CR0 and CR4
[[noreturn]] void mmx_unavailable(Interpreter& cpu);

inline void sse_check_available(Interpreter& cpu) {
  const CpuState& state = cpu.state_;
  if ((state.cr0 & (CR0_EM | CR0_TS)) || !(state.cr4 & CR4_OSFXSR)) [[unlikely]]
    sse_unavailable(cpu);
}

// False when FERR# was activated for a pending x87 exception: the instruction is tried again after the interrupt.
inline bool mmx_check_available(Interpreter& cpu) {
  if (cpu.state_.cr0 & (CR0_EM | CR0_TS)) [[unlikely]]
    mmx_unavailable(cpu);
  return !(cpu.state_.x87.status & X87_ES) || x87_report_pending(cpu);
}

// The frames around an instruction's body.
template <void (*BODY)(Interpreter&, const Op*)>
const Op* sse_instruction(Interpreter& cpu, const Op* op) {
  sse_check_available(cpu);
  BODY(cpu, op);
  return NEXT(cpu, op);
}

template <void (*BODY)(Interpreter&, const Op*)>
const Op* mmx_instruction(Interpreter& cpu, const Op* op) {
  if (!mmx_check_available(cpu)) [[unlikely]] {
    cpu.state_.eip = cpu.current_eip();
    return cpu.leave_block();
  }
  BODY(cpu, op);
  return NEXT(cpu, op);
}

// SSE instructions with an MMX operand.
template <void (*BODY)(Interpreter&, const Op*)>
const Op* sse_mmx_instruction(Interpreter& cpu, const Op* op) {
  sse_check_available(cpu);
  return mmx_instruction<BODY>(cpu, op);
}

// -- Registers

inline __m128i xmm_get(const Interpreter& cpu, unsigned number) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(&cpu.state_.xmm[number]));
}
inline void xmm_set(Interpreter& cpu, unsigned number, __m128i value) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&cpu.state_.xmm[number]), value);
}

// The low lane only.
template <typename T>
void xmm_set_low(Interpreter& cpu, unsigned number, T value) {
  std::memcpy(cpu.state_.xmm[number].lane.data(), &value, sizeof value);
}

inline __m128i to_vector(uint64_t low) {
  return _mm_cvtsi64_si128(static_cast<int64_t>(low));
}
inline uint64_t low_half(__m128i value) {
  return static_cast<uint64_t>(_mm_cvtsi128_si64(value));
}
inline uint64_t high_half(__m128i value) {
  return low_half(_mm_unpackhi_epi64(value, value));
}
inline __m128i to_vector(const Xmm& value) {
  return std::bit_cast<__m128i>(value);
}
inline Xmm to_xmm(__m128i value) {
  return std::bit_cast<Xmm>(value);
}

// Any MMX instruction but EMMS takes the x87 registers over: TOP is 0 and all are valid (SDM vol. 1, 9.5.1).
inline void mmx_enter(X87State& x87) {
  x87.top = 0;
  x87.tag_empty = 0;
}
inline uint64_t mmx_get(const Interpreter& cpu, unsigned number) {
  return cpu.state_.x87.st[number].significand;
}
// The exponent part of a written register becomes all ones (9.6.2).
inline void mmx_set(Interpreter& cpu, unsigned number, uint64_t value) {
  mmx_enter(cpu.state_.x87);
  cpu.state_.x87.st[number].significand = value;
  cpu.state_.x87.st[number].sign_exponent = 0xFFFF;
}

// -- Memory

// #GP(0) unless 16-byte aligned; faults of the segment come first.
inline void check_aligned(Interpreter& cpu, SegmentRegister segment, uint32_t offset, Access access) {
  if (!((cpu.state_.seg[segment].base + offset) & 15)) [[likely]]
    return;
  cpu.linear_address(segment, offset, sizeof(Xmm), access);
  cpu.fault(VECTOR_GP, 0);
}

template <typename T>
T read_memory(Interpreter& cpu, const Op* op) {
  return cpu.read<T>(operand_segment(op), cpu.effective_address(op));
}
template <typename T>
void write_memory(Interpreter& cpu, const Op* op, T value) {
  cpu.write<T>(operand_segment(op), cpu.effective_address(op), value);
}

inline __m128i read_unaligned(Interpreter& cpu, const Op* op) {
  return to_vector(read_memory<Xmm>(cpu, op));
}
inline __m128i read_aligned(Interpreter& cpu, const Op* op) {
  const uint32_t offset = cpu.effective_address(op);
  check_aligned(cpu, operand_segment(op), offset, Access::read);
  return to_vector(cpu.read<Xmm>(operand_segment(op), offset));
}
inline void write_unaligned(Interpreter& cpu, const Op* op, __m128i value) {
  write_memory<Xmm>(cpu, op, to_xmm(value));
}
inline void write_aligned(Interpreter& cpu, const Op* op, __m128i value) {
  const uint32_t offset = cpu.effective_address(op);
  check_aligned(cpu, operand_segment(op), offset, Access::write);
  cpu.write<Xmm>(operand_segment(op), offset, to_xmm(value));
}

// How much of an XMM source operand an instruction reads from memory.
enum class Width : uint8_t { dword = 4, qword = 8, xmm = 16 };

// The source operand; what lies beyond its width is zero from memory and arbitrary from a register.
template <Width WIDTH, bool MEMORY>
__m128i xmm_source(Interpreter& cpu, const Op* op) {
  if constexpr (!MEMORY) {
    return xmm_get(cpu, op->rm);
  } else if constexpr (WIDTH == Width::dword) {
    return _mm_cvtsi32_si128(static_cast<int32_t>(read_memory<uint32_t>(cpu, op)));
  } else if constexpr (WIDTH == Width::qword) {
    return to_vector(read_memory<uint64_t>(cpu, op));
  } else {
    return read_aligned(cpu, op);
  }
}

template <bool MEMORY>
uint64_t mmx_source(Interpreter& cpu, const Op* op) {
  if constexpr (MEMORY)
    return read_memory<uint64_t>(cpu, op);
  else
    return mmx_get(cpu, op->rm);
}

// Picks the instance of a body template whose last parameter is MEMORY.
#define SSE_FORM(op, body, ...)                                                       \
  (((op).flags & OP_MEMORY) ? &sse_instruction<body<__VA_ARGS__ __VA_OPT__(, ) true>> \
                            : &sse_instruction<body<__VA_ARGS__ __VA_OPT__(, ) false>>)
#define MMX_FORM(op, body, ...)                                                       \
  (((op).flags & OP_MEMORY) ? &mmx_instruction<body<__VA_ARGS__ __VA_OPT__(, ) true>> \
                            : &mmx_instruction<body<__VA_ARGS__ __VA_OPT__(, ) false>>)
#define SSE_MMX_FORM(op, body, ...)                                                       \
  (((op).flags & OP_MEMORY) ? &sse_mmx_instruction<body<__VA_ARGS__ __VA_OPT__(, ) true>> \
                            : &sse_mmx_instruction<body<__VA_ARGS__ __VA_OPT__(, ) false>>)

// -- Packed integer operations in the form for either register file. OPERATION::apply takes the whole of an XMM
// register, and both halves' worth of an MMX one in the low half.

template <typename OPERATION, bool MEMORY>
void mmx_packed(Interpreter& cpu, const Op* op) {
  const __m128i b = to_vector(mmx_source<MEMORY>(cpu, op));
  mmx_set(cpu, op->reg, low_half(OPERATION::apply(to_vector(mmx_get(cpu, op->reg)), b)));
}

template <typename OPERATION, bool MEMORY>
void xmm_packed(Interpreter& cpu, const Op* op) {
  const __m128i b = xmm_source<Width::xmm, MEMORY>(cpu, op);
  xmm_set(cpu, op->reg, OPERATION::apply(xmm_get(cpu, op->reg), b));
}

// Operations that mix lanes have a form of their own for MMX registers.
template <typename MMX_OPERATION, typename XMM_OPERATION = MMX_OPERATION>
Handler packed(const Op& op, uint8_t prefix) {
  if (prefix == 0) return MMX_FORM(op, mmx_packed, MMX_OPERATION);
  if (prefix == 0x66) return SSE_FORM(op, xmm_packed, XMM_OPERATION);
  return nullptr;
}

}  // namespace bancada
