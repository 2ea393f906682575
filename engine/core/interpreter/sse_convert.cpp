// Conversions between integers, single and double precision (SDM vol. 1, 10.4.3, 11.4.1.5 and 11.6.6).
#if defined(__SSE2__)

#include "sse_float.h"
#include "sse_groups.h"

namespace bancada {

namespace {

BANCADA_SSE_OPERATION(Cvtps2pd, "cvtps2pd");
BANCADA_SSE_ARITHMETIC(Cvtpd2ps, "cvtpd2ps", narrow);
BANCADA_SSE_OPERATION(Cvtss2sd, "cvtss2sd");
BANCADA_SSE_ARITHMETIC(Cvtsd2ss, "cvtsd2ss", narrow);
BANCADA_SSE_OPERATION(Cvtdq2ps, "cvtdq2ps");
BANCADA_SSE_OPERATION(Cvtdq2pd, "cvtdq2pd");
BANCADA_SSE_OPERATION(Cvtps2dq, "cvtps2dq");
BANCADA_SSE_OPERATION(Cvttps2dq, "cvttps2dq");
BANCADA_SSE_OPERATION(Cvtpd2dq, "cvtpd2dq");
BANCADA_SSE_OPERATION(Cvttpd2dq, "cvttpd2dq");
BANCADA_SSE_TO_INTEGER(Cvtss2si, "cvtss2si");
BANCADA_SSE_TO_INTEGER(Cvttss2si, "cvttss2si");
BANCADA_SSE_TO_INTEGER(Cvtsd2si, "cvtsd2si");
BANCADA_SSE_TO_INTEGER(Cvttsd2si, "cvttsd2si");
BANCADA_SSE_FROM_INTEGER(Cvtsi2ss, "cvtsi2ssl");
BANCADA_SSE_FROM_INTEGER(Cvtsi2sd, "cvtsi2sdl");

template <typename CONVERSION, Width WIDTH, bool MEMORY>
void to_integer(Interpreter& cpu, const Op* op) {
  uint32_t result = 0;
  const __m128i b = xmm_source<WIDTH, MEMORY>(cpu, op);
  sse_raise(cpu, CONVERSION::apply(sse_control(cpu), b, result));
  cpu.state_.gpr[op->reg] = result;
}

template <typename CONVERSION, bool MEMORY>
void from_integer(Interpreter& cpu, const Op* op) {
  const auto value = read_operand<uint32_t, MEMORY>(cpu, op);
  __m128i a = xmm_get(cpu, op->reg);
  sse_raise(cpu, CONVERSION::apply(sse_control(cpu), a, value));
  xmm_set(cpu, op->reg, a);
}

// CVTPI2PS: both integers to the low half.
template <bool MEMORY>
void mmx_to_single(Interpreter& cpu, const Op* op) {
  const __m128i b = to_vector(mmx_source<MEMORY>(cpu, op));
  __m128i result = _mm_setzero_si128();
  sse_raise(cpu, Cvtdq2ps::apply(sse_control(cpu), result, b));
  mmx_enter(cpu.state_.x87);
  xmm_set_low(cpu, op->reg, low_half(result));
}

// CVTPI2PD is exact. From memory it is no MMX instruction at all.
void mmx_register_to_double(Interpreter& cpu, const Op* op) {
  xmm_set(cpu, op->reg, _mm_castpd_si128(_mm_cvtepi32_pd(to_vector(mmx_get(cpu, op->rm)))));
  mmx_enter(cpu.state_.x87);
}
void memory_to_double(Interpreter& cpu, const Op* op) {
  xmm_set(cpu, op->reg, _mm_castpd_si128(_mm_cvtepi32_pd(to_vector(read_memory<uint64_t>(cpu, op)))));
}

// CVTPS2PI, CVTPD2PI and their truncating forms. What is not converted must not raise anything: it is zero.
template <typename CONVERSION, Width WIDTH, bool MEMORY>
void to_mmx(Interpreter& cpu, const Op* op) {
  __m128i b = xmm_source<WIDTH, MEMORY>(cpu, op);
  if constexpr (WIDTH == Width::qword) b = _mm_move_epi64(b);
  __m128i result = _mm_setzero_si128();
  sse_raise(cpu, CONVERSION::apply(sse_control(cpu), result, b));
  mmx_set(cpu, op->reg, low_half(result));
}

}  // namespace

Handler sse_convert_handler(const Op& op, uint8_t prefix) {
  switch (prefix << 8 | op.opcode) {
    case 0x002A:
      return SSE_MMX_FORM(op, mmx_to_single);
    case 0x662A:
      return (op.flags & OP_MEMORY) ? &sse_instruction<memory_to_double> : &sse_mmx_instruction<mmx_register_to_double>;
    case 0xF32A:
      return SSE_FORM(op, from_integer, Cvtsi2ss);
    case 0xF22A:
      return SSE_FORM(op, from_integer, Cvtsi2sd);
    case 0x002C:
      return SSE_MMX_FORM(op, to_mmx, Cvttps2dq, Width::qword);
    case 0x662C:
      return SSE_MMX_FORM(op, to_mmx, Cvttpd2dq, Width::xmm);
    case 0xF32C:
      return SSE_FORM(op, to_integer, Cvttss2si, Width::dword);
    case 0xF22C:
      return SSE_FORM(op, to_integer, Cvttsd2si, Width::qword);
    case 0x002D:
      return SSE_MMX_FORM(op, to_mmx, Cvtps2dq, Width::qword);
    case 0x662D:
      return SSE_MMX_FORM(op, to_mmx, Cvtpd2dq, Width::xmm);
    case 0xF32D:
      return SSE_FORM(op, to_integer, Cvtss2si, Width::dword);
    case 0xF22D:
      return SSE_FORM(op, to_integer, Cvtsd2si, Width::qword);
    case 0x005A:
      return SSE_FORM(op, sse_float, Cvtps2pd, Width::qword, Element::none);
    case 0x665A:
      return SSE_FORM(op, sse_float, Cvtpd2ps, Width::xmm, Element::single_pair);
    case 0xF35A:
      return SSE_FORM(op, sse_float, Cvtss2sd, Width::dword, Element::none);
    case 0xF25A:
      return SSE_FORM(op, sse_float, Cvtsd2ss, Width::qword, Element::single_scalar);
    case 0x005B:
      return SSE_FORM(op, sse_float, Cvtdq2ps, Width::xmm, Element::none);
    case 0x665B:
      return SSE_FORM(op, sse_float, Cvtps2dq, Width::xmm, Element::none);
    case 0xF35B:
      return SSE_FORM(op, sse_float, Cvttps2dq, Width::xmm, Element::none);
    case 0x66E6:
      return SSE_FORM(op, sse_float, Cvttpd2dq, Width::xmm, Element::none);
    case 0xF2E6:
      return SSE_FORM(op, sse_float, Cvtpd2dq, Width::xmm, Element::none);
    case 0xF3E6:
      return SSE_FORM(op, sse_float, Cvtdq2pd, Width::qword, Element::none);
    default:
      return nullptr;
  }
}

}  // namespace bancada

#endif
