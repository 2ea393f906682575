// Floating-point arithmetic and bitwise logic on XMM registers (SDM vol. 1, 10.4.1.2, 10.4.2, 11.4.1; SSE3: 12.3).
#if defined(__SSE2__)

#include "sse_float.h"
#include "sse_groups.h"

namespace bancada {

namespace {

BANCADA_SSE_ARITHMETIC(Addps, "addps", add);
BANCADA_SSE_ARITHMETIC(Addpd, "addpd", add);
BANCADA_SSE_ARITHMETIC(Addss, "addss", add);
BANCADA_SSE_ARITHMETIC(Addsd, "addsd", add);
BANCADA_SSE_ARITHMETIC(Mulps, "mulps", mul);
BANCADA_SSE_ARITHMETIC(Mulpd, "mulpd", mul);
BANCADA_SSE_ARITHMETIC(Mulss, "mulss", mul);
BANCADA_SSE_ARITHMETIC(Mulsd, "mulsd", mul);
BANCADA_SSE_ARITHMETIC(Subps, "subps", sub);
BANCADA_SSE_ARITHMETIC(Subpd, "subpd", sub);
BANCADA_SSE_ARITHMETIC(Subss, "subss", sub);
BANCADA_SSE_ARITHMETIC(Subsd, "subsd", sub);
BANCADA_SSE_ARITHMETIC(Divps, "divps", div);
BANCADA_SSE_ARITHMETIC(Divpd, "divpd", div);
BANCADA_SSE_ARITHMETIC(Divss, "divss", div);
BANCADA_SSE_ARITHMETIC(Divsd, "divsd", div);
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
BANCADA_SSE_ARITHMETIC(Addsubps, "addsubps", addsub);
BANCADA_SSE_ARITHMETIC(Addsubpd, "addsubpd", addsub);
BANCADA_SSE_ARITHMETIC(Haddps, "haddps", hadd);
BANCADA_SSE_ARITHMETIC(Haddpd, "haddpd", hadd);
BANCADA_SSE_ARITHMETIC(Hsubps, "hsubps", hsub);
BANCADA_SSE_ARITHMETIC(Hsubpd, "hsubpd", hsub);

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

// The four element forms of one operation. HAS_RANGE: whether its results may leave the range of numbers.
template <typename PS, typename PD, typename SS, typename SD, bool HAS_RANGE>
Handler by_prefix(const Op& op, uint8_t prefix) {
  switch (prefix) {
    case 0:
      return SSE_FORM(op, sse_float, PS, Width::xmm, HAS_RANGE ? Element::single : Element::none);
    case 0x66:
      return SSE_FORM(op, sse_float, PD, Width::xmm, HAS_RANGE ? Element::real : Element::none);
    case 0xF3:
      return SSE_FORM(op, sse_float, SS, Width::dword, HAS_RANGE ? Element::single_scalar : Element::none);
    default:
      return SSE_FORM(op, sse_float, SD, Width::qword, HAS_RANGE ? Element::real_scalar : Element::none);
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
