// Comparisons: CMPPS and kin to masks, COMISS and kin to EFLAGS (SDM vol. 1, 10.4.2.1 and 11.4.1.3).
#if defined(__SSE2__)

#include "lazy_flags.h"
#include "sse_float.h"
#include "sse_groups.h"

namespace bancada {

namespace {

BANCADA_SSE_COMPARISON(Ucomiss, "ucomiss");
BANCADA_SSE_COMPARISON(Ucomisd, "ucomisd");
BANCADA_SSE_COMPARISON(Comiss, "comiss");
BANCADA_SSE_COMPARISON(Comisd, "comisd");

// One predicate of the immediate each.
#define BANCADA_SSE_PREDICATE(NAME, INSTRUCTION)                                                                 \
  template <int PREDICATE>                                                                                       \
  struct NAME {                                                                                                  \
    static uint32_t apply(uint32_t control, __m128i& a, __m128i b) {                                             \
      uint32_t status;                                                                                           \
      asm volatile(BANCADA_SSE_ENTER INSTRUCTION " %[predicate], %[b], %[a]" BANCADA_SSE_LEAVE                   \
                   : [a] "+x"(a), [status] "=m"(status)                                                          \
                   : [b] "x"(b), [predicate] "i"(PREDICATE), [control] "m"(control), [host] "m"(MXCSR_DEFAULT)); \
      return status & MXCSR_FLAGS;                                                                               \
    }                                                                                                            \
  }
BANCADA_SSE_PREDICATE(Cmpps, "cmpps");
BANCADA_SSE_PREDICATE(Cmppd, "cmppd");
BANCADA_SSE_PREDICATE(Cmpss, "cmpss");
BANCADA_SSE_PREDICATE(Cmpsd, "cmpsd");

template <int PREDICATE>
Handler compare_by_prefix(const Op& op, uint8_t prefix) {
  switch (prefix) {
    case 0:
      return SSE_FORM(op, sse_float, Cmpps<PREDICATE>, Width::xmm, Element::none);
    case 0x66:
      return SSE_FORM(op, sse_float, Cmppd<PREDICATE>, Width::xmm, Element::none);
    case 0xF3:
      return SSE_FORM(op, sse_float, Cmpss<PREDICATE>, Width::dword, Element::none);
    default:
      return SSE_FORM(op, sse_float, Cmpsd<PREDICATE>, Width::qword, Element::none);
  }
}

// The upper bits of the immediate mean nothing without AVX.
Handler compare(const Op& op, uint8_t prefix) {
  switch (op.imm & 7) {
    case 0:
      return compare_by_prefix<0>(op, prefix);
    case 1:
      return compare_by_prefix<1>(op, prefix);
    case 2:
      return compare_by_prefix<2>(op, prefix);
    case 3:
      return compare_by_prefix<3>(op, prefix);
    case 4:
      return compare_by_prefix<4>(op, prefix);
    case 5:
      return compare_by_prefix<5>(op, prefix);
    case 6:
      return compare_by_prefix<6>(op, prefix);
    default:
      return compare_by_prefix<7>(op, prefix);
  }
}

template <typename COMPARISON, Width WIDTH, bool MEMORY>
void compare_to_flags(Interpreter& cpu, const Op* op) {
  const __m128i b = xmm_source<WIDTH, MEMORY>(cpu, op);
  uint32_t flags = 0;
  sse_raise(cpu, COMPARISON::apply(sse_control(cpu), xmm_get(cpu, op->reg), b, flags));
  cpu.set_status_flags(flags);
}

}  // namespace

Handler sse_compare_handler(const Op& op, uint8_t prefix) {
  if (op.opcode == 0xC2) return compare(op, prefix);
  switch (prefix << 8 | op.opcode) {
    case 0x002E:
      return SSE_FORM(op, compare_to_flags, Ucomiss, Width::dword);
    case 0x662E:
      return SSE_FORM(op, compare_to_flags, Ucomisd, Width::qword);
    case 0x002F:
      return SSE_FORM(op, compare_to_flags, Comiss, Width::dword);
    case 0x662F:
      return SSE_FORM(op, compare_to_flags, Comisd, Width::qword);
    default:
      return nullptr;
  }
}

}  // namespace bancada

#endif
