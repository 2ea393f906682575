// Finds the MMX or SSE instruction, and what all of them share.
#include "decode_groups.h"

#if defined(__SSE2__)

#include "sse_float.h"
#include "sse_groups.h"

namespace bancada {

void sse_unavailable(Interpreter& cpu) {
  const CpuState& state = cpu.state_;
  cpu.fault((state.cr0 & CR0_EM) || !(state.cr4 & CR4_OSFXSR) ? VECTOR_UD : VECTOR_NM);
}

void mmx_unavailable(Interpreter& cpu) {
  cpu.fault((cpu.state_.cr0 & CR0_EM) ? VECTOR_UD : VECTOR_NM);
}

void sse_exception(Interpreter& cpu, uint32_t raised) {
  // An exception found before the operation keeps it from being done (SDM vol. 1, 11.5.3).
  const uint32_t unmasked = raised & ~(cpu.state_.mxcsr >> MXCSR_MASK_SHIFT);
  if (unmasked & MXCSR_BEFORE) raised &= MXCSR_BEFORE;
  cpu.state_.mxcsr |= raised;
  cpu.fault((cpu.state_.cr4 & CR4_OSXMMEXCPT) ? VECTOR_XM : VECTOR_UD);
}

namespace {

// What an instruction came with. With no prefix most opcodes from 60 on are MMX; those of the 0F map below are SSE
// without 66 or F2, SSE2 with.
bool has_extension(const Op& op, uint8_t prefix, const CpuFacts& facts) {
  const uint8_t opcode = op.opcode;
  if (op.map != 1) return facts.has(FEATURE_SSSE3);
  switch (opcode) {
    case 0x12:  // MOVSLDUP, MOVDDUP
    case 0x16:  // MOVSHDUP
      if (prefix == 0xF3 || prefix == 0xF2) return facts.has(FEATURE_SSE3);
      break;
    case 0x7C:
    case 0x7D:
    case 0xD0:
      return facts.has(FEATURE_SSE3);
    case 0xF0:  // LDDQU
      return facts.has(FEATURE_SSE3);
    case 0x77:
    case 0x6E:
    case 0x6F:
    case 0x7E:
    case 0x7F:
      return prefix == 0 ? facts.has(FEATURE_MMX) : facts.has(FEATURE_SSE2);
    case 0x70:
    case 0xC4:
    case 0xC5:
    case 0xD7:
    case 0xDA:
    case 0xDE:
    case 0xE0:
    case 0xE3:
    case 0xE4:
    case 0xE7:
    case 0xEA:
    case 0xEE:
    case 0xF6:
    case 0xF7:
      return prefix == 0 ? facts.has(FEATURE_SSE) : facts.has(FEATURE_SSE2);
    case 0xC2:
    case 0xC6:
      break;
    case 0x5A:
    case 0x5B:
    case 0xC3:  // MOVNTI
    case 0xD4:
    case 0xF4:
    case 0xFB:
      return facts.has(FEATURE_SSE2);
    case 0xAE: {
      const uint8_t reg = (op.modrm >> 3) & 7;
      const bool memory = (op.flags & OP_MEMORY) != 0;
      if (memory && reg < 2) return facts.has(FEATURE_FXSR);
      if (memory && reg < 4) return facts.has(FEATURE_SSE);
      if (memory) return facts.has(FEATURE_CLFSH);
      return facts.has(reg == 7 ? FEATURE_SSE : FEATURE_SSE2);
    }
    default:
      if (opcode >= 0x60) return prefix == 0 ? facts.has(FEATURE_MMX) : facts.has(FEATURE_SSE2);
      break;
  }
  return prefix == 0 || prefix == 0xF3 ? facts.has(FEATURE_SSE) : facts.has(FEATURE_SSE2);
}

}  // namespace

Handler sse_handler(const Op& op, uint8_t prefix, const CpuFacts& facts) {
  if (!has_extension(op, prefix, facts)) return nullptr;
  if (op.map != 1) return ssse3_handler(op, prefix);
  if (op.opcode == 0xAE) return fxsave_handler(op, prefix);
  if (Handler handler = sse_move_handler(op, prefix)) return handler;
  if (Handler handler = sse_arithmetic_handler(op, prefix)) return handler;
  if (Handler handler = sse_compare_handler(op, prefix)) return handler;
  if (Handler handler = sse_convert_handler(op, prefix)) return handler;
  if (Handler handler = sse_shuffle_handler(op, prefix)) return handler;
  return packed_integer_handler(op, prefix);
}

}  // namespace bancada

#else

namespace bancada {

// Without the host's SSE units no model has MMX or SSE (cpu_model.cpp).
Handler sse_handler(const Op&, uint8_t, const CpuFacts&) {
  return nullptr;
}

}  // namespace bancada

#endif
