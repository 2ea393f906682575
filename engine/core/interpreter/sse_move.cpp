// Moves of MMX and XMM registers (SDM vol. 1, 9.4.1, 10.4.1.1, 11.4.1.1, 11.4.2; non-temporal stores: 10.4.6, 11.4.4;
// SSE3: 12.3.4), and EMMS.
#if defined(__SSE2__)

#include "sse_groups.h"
#include "sse_operand.h"

namespace bancada {

namespace {

// -- XMM, whole

template <bool MEMORY>
void load_aligned(Interpreter& cpu, const Op* op) {
  xmm_set(cpu, op->reg, xmm_source<Width::xmm, MEMORY>(cpu, op));
}

template <bool MEMORY>
void load_unaligned(Interpreter& cpu, const Op* op) {
  xmm_set(cpu, op->reg, MEMORY ? read_unaligned(cpu, op) : xmm_get(cpu, op->rm));
}

template <bool MEMORY>
void store_aligned(Interpreter& cpu, const Op* op) {
  const __m128i value = xmm_get(cpu, op->reg);
  if constexpr (MEMORY)
    write_aligned(cpu, op, value);
  else
    xmm_set(cpu, op->rm, value);
}

template <bool MEMORY>
void store_unaligned(Interpreter& cpu, const Op* op) {
  const __m128i value = xmm_get(cpu, op->reg);
  if constexpr (MEMORY)
    write_unaligned(cpu, op, value);
  else
    xmm_set(cpu, op->rm, value);
}

// -- XMM, one element. From memory the rest is cleared, from a register it stays.

template <typename T, bool MEMORY>
void load_element(Interpreter& cpu, const Op* op) {
  if constexpr (MEMORY)
    xmm_set(cpu, op->reg, to_vector(read_memory<T>(cpu, op)));
  else
    xmm_set_low(cpu, op->reg, static_cast<T>(low_half(xmm_get(cpu, op->rm))));
}

template <typename T, bool MEMORY>
void store_element(Interpreter& cpu, const Op* op) {
  const auto value = static_cast<T>(low_half(xmm_get(cpu, op->reg)));
  if constexpr (MEMORY)
    write_memory<T>(cpu, op, value);
  else
    xmm_set_low(cpu, op->rm, value);
}

// MOVQ xmm, xmm/m64 and MOVQ xmm/m64, xmm clear the high half of a register.
template <bool MEMORY>
void load_low_and_clear(Interpreter& cpu, const Op* op) {
  xmm_set(cpu, op->reg, _mm_move_epi64(xmm_source<Width::qword, MEMORY>(cpu, op)));
}

template <bool MEMORY>
void store_low_and_clear(Interpreter& cpu, const Op* op) {
  const __m128i value = _mm_move_epi64(xmm_get(cpu, op->reg));
  if constexpr (MEMORY)
    write_memory<uint64_t>(cpu, op, low_half(value));
  else
    xmm_set(cpu, op->rm, value);
}

// -- Halves: MOVLPS, MOVHPS and kin from and to memory, MOVHLPS and MOVLHPS between registers.

template <int TO, bool MEMORY>
void load_half(Interpreter& cpu, const Op* op) {
  constexpr int FROM = 1 - TO;  // between registers
  cpu.state_.xmm[op->reg].lane[TO] = MEMORY ? read_memory<uint64_t>(cpu, op) : cpu.state_.xmm[op->rm].lane[FROM];
}

template <int FROM>
void store_half(Interpreter& cpu, const Op* op) {
  write_memory<uint64_t>(cpu, op, cpu.state_.xmm[op->reg].lane[FROM]);
}

// -- SSE3: loads that double elements.

template <bool MEMORY>
void load_doubled_low(Interpreter& cpu, const Op* op) {  // MOVDDUP
  const __m128i b = xmm_source<Width::qword, MEMORY>(cpu, op);
  xmm_set(cpu, op->reg, _mm_unpacklo_epi64(b, b));
}

template <int SELECT, bool MEMORY>
void load_doubled_singles(Interpreter& cpu, const Op* op) {  // MOVSLDUP, MOVSHDUP
  xmm_set(cpu, op->reg, _mm_shuffle_epi32((xmm_source<Width::xmm, MEMORY>(cpu, op)), SELECT));
}

// -- General registers

template <bool MEMORY>
void load_mmx_dword(Interpreter& cpu, const Op* op) {
  mmx_set(cpu, op->reg, read_operand<uint32_t, MEMORY>(cpu, op));
}
template <bool MEMORY>
void store_mmx_dword(Interpreter& cpu, const Op* op) {
  write_operand<uint32_t, MEMORY>(cpu, op, static_cast<uint32_t>(mmx_get(cpu, op->reg)));
  mmx_enter(cpu.state_.x87);
}
template <bool MEMORY>
void load_xmm_dword(Interpreter& cpu, const Op* op) {
  xmm_set(cpu, op->reg, to_vector(read_operand<uint32_t, MEMORY>(cpu, op)));
}
template <bool MEMORY>
void store_xmm_dword(Interpreter& cpu, const Op* op) {
  write_operand<uint32_t, MEMORY>(cpu, op, static_cast<uint32_t>(low_half(xmm_get(cpu, op->reg))));
}

// MOVNTI asks nothing of CR0 and CR4: it has to do with no register file.
const Op* movnti(Interpreter& cpu, const Op* op) {
  write_memory<uint32_t>(cpu, op, cpu.state_.gpr[op->reg]);
  return NEXT(cpu, op);
}

void sign_mask_single(Interpreter& cpu, const Op* op) {
  cpu.state_.gpr[op->reg] = static_cast<uint32_t>(_mm_movemask_ps(_mm_castsi128_ps(xmm_get(cpu, op->rm))));
}
void sign_mask_double(Interpreter& cpu, const Op* op) {
  cpu.state_.gpr[op->reg] = static_cast<uint32_t>(_mm_movemask_pd(_mm_castsi128_pd(xmm_get(cpu, op->rm))));
}
void sign_mask_xmm(Interpreter& cpu, const Op* op) {
  cpu.state_.gpr[op->reg] = static_cast<uint32_t>(_mm_movemask_epi8(xmm_get(cpu, op->rm)));
}
void sign_mask_mmx(Interpreter& cpu, const Op* op) {
  cpu.state_.gpr[op->reg] = static_cast<uint32_t>(_mm_movemask_epi8(to_vector(mmx_get(cpu, op->rm))));
  mmx_enter(cpu.state_.x87);
}

// -- MMX

template <bool MEMORY>
void load_mmx(Interpreter& cpu, const Op* op) {
  mmx_set(cpu, op->reg, mmx_source<MEMORY>(cpu, op));
}
template <bool MEMORY>
void store_mmx(Interpreter& cpu, const Op* op) {
  const uint64_t value = mmx_get(cpu, op->reg);
  if constexpr (MEMORY) {
    write_memory<uint64_t>(cpu, op, value);
    mmx_enter(cpu.state_.x87);
  } else {
    mmx_set(cpu, op->rm, value);
  }
}

void mmx_to_xmm(Interpreter& cpu, const Op* op) {  // MOVQ2DQ
  xmm_set(cpu, op->reg, to_vector(mmx_get(cpu, op->rm)));
  mmx_enter(cpu.state_.x87);
}
void xmm_to_mmx(Interpreter& cpu, const Op* op) {  // MOVDQ2Q
  mmx_set(cpu, op->reg, low_half(xmm_get(cpu, op->rm)));
}

void emms(Interpreter& cpu, const Op*) {
  cpu.state_.x87.top = 0;
  cpu.state_.x87.tag_empty = 0xFF;
}

// -- MASKMOVQ and MASKMOVDQU: bytes whose mask is negative go to DS:[EDI]. All must be writable before any is written.

void store_masked(Interpreter& cpu, const Op* op, const uint8_t* bytes, uint32_t mask) {
  const SegmentRegister segment = operand_segment(op);
  const uint32_t start = cpu.state_.gpr[EDI];
  for (uint32_t i = 0; i < 16; ++i) {
    if ((mask >> i) & 1) cpu.check_write<uint8_t>(segment, (start + i) & op->address_mask);
  }
  for (uint32_t i = 0; i < 16; ++i) {
    if ((mask >> i) & 1) cpu.write<uint8_t>(segment, (start + i) & op->address_mask, bytes[i]);
  }
}

void maskmovq(Interpreter& cpu, const Op* op) {
  const uint64_t value = mmx_get(cpu, op->reg);
  uint8_t bytes[16] = {};
  std::memcpy(bytes, &value, sizeof value);
  store_masked(cpu, op, bytes, static_cast<uint32_t>(_mm_movemask_epi8(to_vector(mmx_get(cpu, op->rm)))));
  mmx_enter(cpu.state_.x87);
}

void maskmovdqu(Interpreter& cpu, const Op* op) {
  uint8_t bytes[16];
  std::memcpy(bytes, cpu.state_.xmm[op->reg].lane.data(), sizeof bytes);
  store_masked(cpu, op, bytes, static_cast<uint32_t>(_mm_movemask_epi8(xmm_get(cpu, op->rm))));
}

// Opcodes with a memory operand only, or registers only.
Handler if_memory(const Op& op, Handler handler) {
  return (op.flags & OP_MEMORY) ? handler : nullptr;
}
Handler if_register(const Op& op, Handler handler) {
  return (op.flags & OP_MEMORY) ? nullptr : handler;
}

}  // namespace

Handler sse_move_handler(const Op& op, uint8_t prefix) {
  constexpr int LOW = 0, HIGH = 1;
  switch (prefix << 8 | op.opcode) {
    case 0x0010:
    case 0x6610:
      return SSE_FORM(op, load_unaligned);
    case 0x0011:
    case 0x6611:
      return SSE_FORM(op, store_unaligned);
    case 0xF310:
      return SSE_FORM(op, load_element, uint32_t);
    case 0xF311:
      return SSE_FORM(op, store_element, uint32_t);
    case 0xF210:
      return SSE_FORM(op, load_element, uint64_t);
    case 0xF211:
      return SSE_FORM(op, store_element, uint64_t);
    case 0x0012:  // MOVLPS, MOVHLPS
      return SSE_FORM(op, load_half, LOW);
    case 0x6612:
      return if_memory(op, sse_instruction<load_half<LOW, true>>);
    case 0xF212:
      return SSE_FORM(op, load_doubled_low);
    case 0xF312:
      return SSE_FORM(op, load_doubled_singles, 0xA0);
    case 0x0013:
    case 0x6613:
      return if_memory(op, sse_instruction<store_half<LOW>>);
    case 0x0016:  // MOVHPS, MOVLHPS
      return SSE_FORM(op, load_half, HIGH);
    case 0x6616:
      return if_memory(op, sse_instruction<load_half<HIGH, true>>);
    case 0xF316:
      return SSE_FORM(op, load_doubled_singles, 0xF5);
    case 0x0017:
    case 0x6617:
      return if_memory(op, sse_instruction<store_half<HIGH>>);
    case 0x0028:
    case 0x6628:
    case 0x666F:
      return SSE_FORM(op, load_aligned);
    case 0x0029:
    case 0x6629:
    case 0x667F:
      return SSE_FORM(op, store_aligned);
    case 0x002B:  // MOVNTPS, MOVNTPD, MOVNTDQ
    case 0x662B:
    case 0x66E7:
      return if_memory(op, sse_instruction<store_aligned<true>>);
    case 0x0050:
      return if_register(op, sse_instruction<sign_mask_single>);
    case 0x6650:
      return if_register(op, sse_instruction<sign_mask_double>);
    case 0x006E:
      return MMX_FORM(op, load_mmx_dword);
    case 0x666E:
      return SSE_FORM(op, load_xmm_dword);
    case 0x007E:
      return MMX_FORM(op, store_mmx_dword);
    case 0x667E:
      return SSE_FORM(op, store_xmm_dword);
    case 0xF37E:
      return SSE_FORM(op, load_low_and_clear);
    case 0x66D6:
      return SSE_FORM(op, store_low_and_clear);
    case 0x006F:
      return MMX_FORM(op, load_mmx);
    case 0x007F:
      return MMX_FORM(op, store_mmx);
    case 0xF36F:
    case 0xF2F0:  // LDDQU
      return op.opcode == 0x6F ? SSE_FORM(op, load_unaligned) : if_memory(op, sse_instruction<load_unaligned<true>>);
    case 0xF37F:
      return SSE_FORM(op, store_unaligned);
    case 0x0077:
      return mmx_instruction<emms>;
    case 0x00C3:
      return if_memory(op, movnti);
    case 0xF3D6:
      return if_register(op, sse_mmx_instruction<mmx_to_xmm>);
    case 0xF2D6:
      return if_register(op, sse_mmx_instruction<xmm_to_mmx>);
    case 0x00D7:
      return if_register(op, mmx_instruction<sign_mask_mmx>);
    case 0x66D7:
      return if_register(op, sse_instruction<sign_mask_xmm>);
    case 0x00E7:  // MOVNTQ
      return if_memory(op, mmx_instruction<store_mmx<true>>);
    case 0x00F7:
      return if_register(op, mmx_instruction<maskmovq>);
    case 0x66F7:
      return if_register(op, sse_instruction<maskmovdqu>);
    default:
      return nullptr;
  }
}

}  // namespace bancada

#endif
