// Floating-point arithmetic and bitwise logic on XMM registers (SDM vol. 1, 10.4.1.2, 10.4.2, 11.4.1; SSE3: 12.3).
#if defined(__SSE2__)

#include "sse_float.h"
#include "sse_groups.h"

namespace bancada {

namespace {

BANCADA_SSE_OPERATION(Addps, "addps");
BANCADA_SSE_OPERATION(Addpd, "addpd");
BANCADA_SSE_OPERATION(Addss, "addss");
BANCADA_SSE_OPERATION(Addsd, "addsd");
BANCADA_SSE_OPERATION(Mulps, "mulps");
BANCADA_SSE_OPERATION(Mulpd, "mulpd");
BANCADA_SSE_OPERATION(Mulss, "mulss");
BANCADA_SSE_OPERATION(Mulsd, "mulsd");
BANCADA_SSE_OPERATION(Subps, "subps");
BANCADA_SSE_OPERATION(Subpd, "subpd");
BANCADA_SSE_OPERATION(Subss, "subss");
BANCADA_SSE_OPERATION(Subsd, "subsd");
BANCADA_SSE_OPERATION(Divps, "divps");
BANCADA_SSE_OPERATION(Divpd, "divpd");
BANCADA_SSE_OPERATION(Divss, "divss");
BANCADA_SSE_OPERATION(Divsd, "divsd");
BANCADA_SSE_OPERATION(Minps, "minps");
BANCADA_SSE_OPERATION(Minpd, "minpd");
BANCADA_SSE_OPERATION(Minss, "minss");
BANCADA_SSE_OPERATION(Minsd, "minsd");
BANCADA_SSE_OPERATION(Maxps, "maxps");
BANCADA_SSE_OPERATION(Maxpd, "maxpd");
BANCADA_SSE_OPERATION(Maxss, "maxss");
BANCADA_SSE_OPERATION(Maxsd, "maxsd");
BANCADA_SSE_OPERATION(Sqrtps, "sqrtps");
BANCADA_SSE_OPERATION(Sqrtpd, "sqrtpd");
BANCADA_SSE_OPERATION(Sqrtss, "sqrtss");
BANCADA_SSE_OPERATION(Sqrtsd, "sqrtsd");
// Approximations: no exceptions, and how near they come is the host's affair.
BANCADA_SSE_OPERATION(Rsqrtps, "rsqrtps");
BANCADA_SSE_OPERATION(Rsqrtss, "rsqrtss");
BANCADA_SSE_OPERATION(Rcpps, "rcpps");
BANCADA_SSE_OPERATION(Rcpss, "rcpss");
// SSE3; offered to guests on hosts that have it.
BANCADA_SSE_OPERATION(Addsubps, "addsubps");
BANCADA_SSE_OPERATION(Addsubpd, "addsubpd");
BANCADA_SSE_OPERATION(Haddps, "haddps");
BANCADA_SSE_OPERATION(Haddpd, "haddpd");
BANCADA_SSE_OPERATION(Hsubps, "hsubps");
BANCADA_SSE_OPERATION(Hsubpd, "hsubpd");

struct And {
  static __m128i apply(__m128i a, __m128i b) { return _mm_and_si128(a, b); }
};
struct AndNot {
  static __m128i apply(__m128i a, __m128i b) { return _mm_andnot_si128(a, b); }
};
struct Or {
  static __m128i apply(__m128i a, __m128i b) { return _mm_or_si128(a, b); }
};
struct Xor {
  static __m128i apply(__m128i a, __m128i b) { return _mm_xor_si128(a, b); }
};

// The four element forms of one operation. UNDERFLOWS: whether a tiny result is one of the operation's own.
template <typename PS, typename PD, typename SS, typename SD, bool UNDERFLOWS>
Handler by_prefix(const Op& op, uint8_t prefix) {
  switch (prefix) {
    case 0:
      return SSE_FORM(op, sse_float, PS, Width::xmm, UNDERFLOWS ? Element::single : Element::none);
    case 0x66:
      return SSE_FORM(op, sse_float, PD, Width::xmm, UNDERFLOWS ? Element::real : Element::none);
    case 0xF3:
      return SSE_FORM(op, sse_float, SS, Width::dword, UNDERFLOWS ? Element::single_scalar : Element::none);
    default:
      return SSE_FORM(op, sse_float, SD, Width::qword, UNDERFLOWS ? Element::real_scalar : Element::none);
  }
}

template <typename PS, typename SS>
Handler approximation(const Op& op, uint8_t prefix) {
  if (prefix == 0) return SSE_FORM(op, sse_float, PS, Width::xmm, Element::none);
  if (prefix == 0xF3) return SSE_FORM(op, sse_float, SS, Width::dword, Element::none);
  return nullptr;
}

// SSE3: 66 for double precision, F2 for single.
template <typename PS, typename PD>
Handler horizontal(const Op& op, uint8_t prefix) {
  if (prefix == 0xF2) return SSE_FORM(op, sse_float, PS, Width::xmm, Element::single);
  if (prefix == 0x66) return SSE_FORM(op, sse_float, PD, Width::xmm, Element::real);
  return nullptr;
}

template <typename OPERATION>
Handler logic(const Op& op, uint8_t prefix) {
  if (prefix != 0 && prefix != 0x66) return nullptr;
  return SSE_FORM(op, xmm_packed, OPERATION);
}

}  // namespace

Handler sse_arithmetic_handler(const Op& op, uint8_t prefix) {
  switch (op.opcode) {
    case 0x51:
      return by_prefix<Sqrtps, Sqrtpd, Sqrtss, Sqrtsd, false>(op, prefix);
    case 0x52:
      return approximation<Rsqrtps, Rsqrtss>(op, prefix);
    case 0x53:
      return approximation<Rcpps, Rcpss>(op, prefix);
    case 0x54:
      return logic<And>(op, prefix);
    case 0x55:
      return logic<AndNot>(op, prefix);
    case 0x56:
      return logic<Or>(op, prefix);
    case 0x57:
      return logic<Xor>(op, prefix);
    case 0x58:
      return by_prefix<Addps, Addpd, Addss, Addsd, true>(op, prefix);
    case 0x59:
      return by_prefix<Mulps, Mulpd, Mulss, Mulsd, true>(op, prefix);
    case 0x5C:
      return by_prefix<Subps, Subpd, Subss, Subsd, true>(op, prefix);
    case 0x5D:
      return by_prefix<Minps, Minpd, Minss, Minsd, false>(op, prefix);
    case 0x5E:
      return by_prefix<Divps, Divpd, Divss, Divsd, true>(op, prefix);
    case 0x5F:
      return by_prefix<Maxps, Maxpd, Maxss, Maxsd, false>(op, prefix);
    case 0x7C:
      return horizontal<Haddps, Haddpd>(op, prefix);
    case 0x7D:
      return horizontal<Hsubps, Hsubpd>(op, prefix);
    case 0xD0:
      return horizontal<Addsubps, Addsubpd>(op, prefix);
    default:
      return nullptr;
  }
}

}  // namespace bancada

#endif
