// Floating-point on the host's SSE unit: the one seam between the SSE instructions and whatever computes for them.
//
// Each operation runs one host instruction with the guest's rounding, denormal and flush controls and all exceptions
// masked, and returns the exception flags it raised. It is assembly, since to a compiler an addition commutes and
// knows no MXCSR: which NaN comes out and which flags are set depends on the very instruction. The host's own MXCSR is
// MXCSR_DEFAULT outside of these functions.
#pragma once

#include "sse_operand.h"

namespace bancada {

// MXCSR, SDM vol. 1, 10.2.3.
constexpr uint32_t MXCSR_DEFAULT = 0x1F80;
constexpr uint32_t MXCSR_IE = 1u << 0;
constexpr uint32_t MXCSR_DE = 1u << 1;
constexpr uint32_t MXCSR_ZE = 1u << 2;
constexpr uint32_t MXCSR_OE = 1u << 3;
constexpr uint32_t MXCSR_UE = 1u << 4;
constexpr uint32_t MXCSR_PE = 1u << 5;
constexpr uint32_t MXCSR_FLAGS = 0x3F;
constexpr uint32_t MXCSR_BEFORE = MXCSR_IE | MXCSR_DE | MXCSR_ZE;  // found before the operation
constexpr uint32_t MXCSR_DAZ = 1u << 6;
constexpr uint32_t MXCSR_OM = 1u << 10;
constexpr uint32_t MXCSR_UM = 1u << 11;
constexpr uint32_t MXCSR_ROUNDING = 3u << 13;
constexpr uint32_t MXCSR_FTZ = 1u << 15;
constexpr uint32_t MXCSR_MASK_SHIFT = 7;

// The guest's controls for the host: only bits every host has. Flush to zero works with underflow masked only.
inline uint32_t sse_control(const Interpreter& cpu) {
  const uint32_t guest = cpu.state_.mxcsr;
  const uint32_t flush = (guest & MXCSR_UM) ? guest & MXCSR_FTZ : 0;
  return (guest & (MXCSR_DAZ | MXCSR_ROUNDING)) | flush | MXCSR_DEFAULT;
}

#define BANCADA_SSE_ENTER "ldmxcsr %[control]\n\t"
#define BANCADA_SSE_LEAVE "\n\tstmxcsr %[status]\n\tldmxcsr %[host]"

// a = a OPERATION b.
#define BANCADA_SSE_OPERATION(NAME, INSTRUCTION)                                     \
  struct NAME {                                                                      \
    static uint32_t apply(uint32_t control, __m128i& a, __m128i b) {                 \
      uint32_t status;                                                               \
      asm volatile(BANCADA_SSE_ENTER INSTRUCTION " %[b], %[a]" BANCADA_SSE_LEAVE     \
                   : [a] "+x"(a), [status] "=m"(status)                              \
                   : [b] "x"(b), [control] "m"(control), [host] "m"(MXCSR_DEFAULT)); \
      return status & MXCSR_FLAGS;                                                   \
    }                                                                                \
  }

// A general register from the low lane; written before MXCSR is stored, so no address may lie in it.
#define BANCADA_SSE_TO_INTEGER(NAME, INSTRUCTION)                                     \
  struct NAME {                                                                       \
    static uint32_t apply(uint32_t control, __m128i b, uint32_t& result) {            \
      uint32_t status;                                                                \
      asm volatile(BANCADA_SSE_ENTER INSTRUCTION " %[b], %[result]" BANCADA_SSE_LEAVE \
                   : [result] "=&r"(result), [status] "=m"(status)                    \
                   : [b] "x"(b), [control] "m"(control), [host] "m"(MXCSR_DEFAULT));  \
      return status & MXCSR_FLAGS;                                                    \
    }                                                                                 \
  }

// The low lane from a general register.
#define BANCADA_SSE_FROM_INTEGER(NAME, INSTRUCTION)                                  \
  struct NAME {                                                                      \
    static uint32_t apply(uint32_t control, __m128i& a, uint32_t b) {                \
      uint32_t status;                                                               \
      asm volatile(BANCADA_SSE_ENTER INSTRUCTION " %[b], %[a]" BANCADA_SSE_LEAVE     \
                   : [a] "+x"(a), [status] "=m"(status)                              \
                   : [b] "r"(b), [control] "m"(control), [host] "m"(MXCSR_DEFAULT)); \
      return status & MXCSR_FLAGS;                                                   \
    }                                                                                \
  }

// CF, PF and ZF by the comparison of the low lanes.
#define BANCADA_SSE_COMPARISON(NAME, INSTRUCTION)                                                \
  struct NAME {                                                                                  \
    static uint32_t apply(uint32_t control, __m128i a, __m128i b, uint32_t& flags) {             \
      uint32_t status;                                                                           \
      bool carry, parity, zero;                                                                  \
      asm volatile(BANCADA_SSE_ENTER INSTRUCTION " %[b], %[a]" BANCADA_SSE_LEAVE                 \
                   : "=@ccc"(carry), "=@ccp"(parity), "=@ccz"(zero), [status] "=m"(status)       \
                   : [a] "x"(a), [b] "x"(b), [control] "m"(control), [host] "m"(MXCSR_DEFAULT)); \
      flags = (carry ? FLAG_CF : 0) | (parity ? FLAG_PF : 0) | (zero ? FLAG_ZF : 0);             \
      return status & MXCSR_FLAGS;                                                               \
    }                                                                                            \
  }

// Adds what an operation raised to MXCSR. When one of it is not masked the instruction ends in #XM, or #UD when the
// system does not know #XM; its result must not have been stored then.
[[noreturn]] void sse_exception(Interpreter& cpu, uint32_t raised);

inline void sse_raise(Interpreter& cpu, uint32_t raised) {
  if (raised & ~(cpu.state_.mxcsr >> MXCSR_MASK_SHIFT)) [[unlikely]]
    sse_exception(cpu, raised);
  cpu.state_.mxcsr |= raised;
}

// The elements of a result that may overflow or underflow.
enum class Element : uint8_t { none, single, single_scalar, single_pair, real, real_scalar };

// What is computed for them from the operands a and b.
enum class Arithmetic : uint8_t {
  add,
  sub,
  mul,
  div,
  narrow,  // b, from double to single precision
  addsub,
  hadd,
  hsub,
};

#define BANCADA_SSE_ARITHMETIC(NAME, INSTRUCTION, KIND_OF_IT)  \
  BANCADA_SSE_OPERATION(Masked##NAME, INSTRUCTION);            \
  struct NAME : Masked##NAME {                                 \
    static constexpr Arithmetic KIND = Arithmetic::KIND_OF_IT; \
  }

// With overflow or underflow not masked, what masked execution raised is not all of the truth: gives what the
// processor raises. Exceptions found before the operation are masked or absent. sse_unmasked.cpp
uint32_t sse_unmasked_range(uint32_t mxcsr, uint32_t raised, Arithmetic kind, Element element, __m128i a, __m128i b,
                            __m128i result);

// xmm = xmm OPERATION xmm/memory.
template <typename OPERATION, Width WIDTH, Element ELEMENT, bool MEMORY>
void sse_float(Interpreter& cpu, const Op* op) {
  const __m128i b = xmm_source<WIDTH, MEMORY>(cpu, op);
  const __m128i a = xmm_get(cpu, op->reg);
  __m128i result = a;
  uint32_t raised = OPERATION::apply(sse_control(cpu), result, b);
  if constexpr (ELEMENT != Element::none) {
    if ((cpu.state_.mxcsr & (MXCSR_OM | MXCSR_UM)) != (MXCSR_OM | MXCSR_UM)) [[unlikely]]
      raised = sse_unmasked_range(cpu.state_.mxcsr, raised, OPERATION::KIND, ELEMENT, a, b, result);
  }
  sse_raise(cpu, raised);
  xmm_set(cpu, op->reg, result);
}

}  // namespace bancada
