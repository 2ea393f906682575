// Packed integer arithmetic, comparisons, shifts and logic on MMX and XMM registers (SDM vol. 1, 9.4, 10.4.4, 11.4.2).
#if defined(__SSE2__)

#include "sse_groups.h"
#include "sse_operand.h"

namespace bancada {

namespace {

#define BANCADA_PACKED(NAME, INTRINSIC)                                    \
  struct NAME {                                                            \
    static __m128i apply(__m128i a, __m128i b) { return INTRINSIC(a, b); } \
  }

BANCADA_PACKED(Paddb, _mm_add_epi8);
BANCADA_PACKED(Paddw, _mm_add_epi16);
BANCADA_PACKED(Paddd, _mm_add_epi32);
BANCADA_PACKED(Paddq, _mm_add_epi64);
BANCADA_PACKED(Paddsb, _mm_adds_epi8);
BANCADA_PACKED(Paddsw, _mm_adds_epi16);
BANCADA_PACKED(Paddusb, _mm_adds_epu8);
BANCADA_PACKED(Paddusw, _mm_adds_epu16);
BANCADA_PACKED(Psubb, _mm_sub_epi8);
BANCADA_PACKED(Psubw, _mm_sub_epi16);
BANCADA_PACKED(Psubd, _mm_sub_epi32);
BANCADA_PACKED(Psubq, _mm_sub_epi64);
BANCADA_PACKED(Psubsb, _mm_subs_epi8);
BANCADA_PACKED(Psubsw, _mm_subs_epi16);
BANCADA_PACKED(Psubusb, _mm_subs_epu8);
BANCADA_PACKED(Psubusw, _mm_subs_epu16);
BANCADA_PACKED(Pmullw, _mm_mullo_epi16);
BANCADA_PACKED(Pmulhw, _mm_mulhi_epi16);
BANCADA_PACKED(Pmulhuw, _mm_mulhi_epu16);
BANCADA_PACKED(Pmuludq, _mm_mul_epu32);
BANCADA_PACKED(Pmaddwd, _mm_madd_epi16);
BANCADA_PACKED(Psadbw, _mm_sad_epu8);
BANCADA_PACKED(Pavgb, _mm_avg_epu8);
BANCADA_PACKED(Pavgw, _mm_avg_epu16);
BANCADA_PACKED(Pminub, _mm_min_epu8);
BANCADA_PACKED(Pmaxub, _mm_max_epu8);
BANCADA_PACKED(Pminsw, _mm_min_epi16);
BANCADA_PACKED(Pmaxsw, _mm_max_epi16);
BANCADA_PACKED(Pcmpeqb, _mm_cmpeq_epi8);
BANCADA_PACKED(Pcmpeqw, _mm_cmpeq_epi16);
BANCADA_PACKED(Pcmpeqd, _mm_cmpeq_epi32);
BANCADA_PACKED(Pcmpgtb, _mm_cmpgt_epi8);
BANCADA_PACKED(Pcmpgtw, _mm_cmpgt_epi16);
BANCADA_PACKED(Pcmpgtd, _mm_cmpgt_epi32);
BANCADA_PACKED(Pand, _mm_and_si128);
BANCADA_PACKED(Pandn, _mm_andnot_si128);
BANCADA_PACKED(Por, _mm_or_si128);
BANCADA_PACKED(Pxor, _mm_xor_si128);
BANCADA_PACKED(Packsswb, _mm_packs_epi16);
BANCADA_PACKED(Packssdw, _mm_packs_epi32);
BANCADA_PACKED(Packuswb, _mm_packus_epi16);
// The count is the low 64 bits of the second operand; beyond the element's width all bits (or sign copies) go out.
BANCADA_PACKED(Psllw, _mm_sll_epi16);
BANCADA_PACKED(Pslld, _mm_sll_epi32);
BANCADA_PACKED(Psllq, _mm_sll_epi64);
BANCADA_PACKED(Psrlw, _mm_srl_epi16);
BANCADA_PACKED(Psrld, _mm_srl_epi32);
BANCADA_PACKED(Psrlq, _mm_srl_epi64);
BANCADA_PACKED(Psraw, _mm_sra_epi16);
BANCADA_PACKED(Psrad, _mm_sra_epi32);

// PACK* of MMX registers: both are put into one, and that is packed.
template <typename OPERATION>
struct MmxPack {
  static __m128i apply(__m128i a, __m128i b) {
    const __m128i both = _mm_unpacklo_epi64(a, b);
    return OPERATION::apply(both, both);
  }
};

// -- Shifts by an immediate: groups 71, 72 and 73, registers only.

template <typename OPERATION>
void mmx_shift(Interpreter& cpu, const Op* op) {
  const __m128i count = to_vector(uint64_t{op->imm});
  mmx_set(cpu, op->rm, low_half(OPERATION::apply(to_vector(mmx_get(cpu, op->rm)), count)));
}
template <typename OPERATION>
void xmm_shift(Interpreter& cpu, const Op* op) {
  xmm_set(cpu, op->rm, OPERATION::apply(xmm_get(cpu, op->rm), to_vector(uint64_t{op->imm})));
}

// PSRLDQ and PSLLDQ count bytes.
void xmm_shift_right_bytes(Interpreter& cpu, const Op* op) {
  uint8_t bytes[32] = {};
  std::memcpy(bytes, cpu.state_.xmm[op->rm].lane.data(), 16);
  std::memcpy(cpu.state_.xmm[op->rm].lane.data(), bytes + (op->imm < 16 ? op->imm : 16), 16);
}
void xmm_shift_left_bytes(Interpreter& cpu, const Op* op) {
  uint8_t bytes[32] = {};
  std::memcpy(bytes + 16, cpu.state_.xmm[op->rm].lane.data(), 16);
  std::memcpy(cpu.state_.xmm[op->rm].lane.data(), bytes + 16 - (op->imm < 16 ? op->imm : 16), 16);
}

template <typename OPERATION>
Handler shift_by_immediate(uint8_t prefix) {
  if (prefix == 0) return mmx_instruction<mmx_shift<OPERATION>>;
  if (prefix == 0x66) return sse_instruction<xmm_shift<OPERATION>>;
  return nullptr;
}

Handler shift_group_handler(const Op& op, uint8_t prefix) {
  if (op.flags & OP_MEMORY) return nullptr;
  switch (op.opcode << 4 | ((op.modrm >> 3) & 7)) {
    case 0x712:
      return shift_by_immediate<Psrlw>(prefix);
    case 0x714:
      return shift_by_immediate<Psraw>(prefix);
    case 0x716:
      return shift_by_immediate<Psllw>(prefix);
    case 0x722:
      return shift_by_immediate<Psrld>(prefix);
    case 0x724:
      return shift_by_immediate<Psrad>(prefix);
    case 0x726:
      return shift_by_immediate<Pslld>(prefix);
    case 0x732:
      return shift_by_immediate<Psrlq>(prefix);
    case 0x733:
      return prefix == 0x66 ? sse_instruction<xmm_shift_right_bytes> : nullptr;
    case 0x736:
      return shift_by_immediate<Psllq>(prefix);
    case 0x737:
      return prefix == 0x66 ? sse_instruction<xmm_shift_left_bytes> : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace

Handler packed_integer_handler(const Op& op, uint8_t prefix) {
  switch (op.opcode) {
    case 0x63:
      return packed<MmxPack<Packsswb>, Packsswb>(op, prefix);
    case 0x64:
      return packed<Pcmpgtb>(op, prefix);
    case 0x65:
      return packed<Pcmpgtw>(op, prefix);
    case 0x66:
      return packed<Pcmpgtd>(op, prefix);
    case 0x67:
      return packed<MmxPack<Packuswb>, Packuswb>(op, prefix);
    case 0x6B:
      return packed<MmxPack<Packssdw>, Packssdw>(op, prefix);
    case 0x71:
    case 0x72:
    case 0x73:
      return shift_group_handler(op, prefix);
    case 0x74:
      return packed<Pcmpeqb>(op, prefix);
    case 0x75:
      return packed<Pcmpeqw>(op, prefix);
    case 0x76:
      return packed<Pcmpeqd>(op, prefix);
    case 0xD1:
      return packed<Psrlw>(op, prefix);
    case 0xD2:
      return packed<Psrld>(op, prefix);
    case 0xD3:
      return packed<Psrlq>(op, prefix);
    case 0xD4:
      return packed<Paddq>(op, prefix);
    case 0xD5:
      return packed<Pmullw>(op, prefix);
    case 0xD8:
      return packed<Psubusb>(op, prefix);
    case 0xD9:
      return packed<Psubusw>(op, prefix);
    case 0xDA:
      return packed<Pminub>(op, prefix);
    case 0xDB:
      return packed<Pand>(op, prefix);
    case 0xDC:
      return packed<Paddusb>(op, prefix);
    case 0xDD:
      return packed<Paddusw>(op, prefix);
    case 0xDE:
      return packed<Pmaxub>(op, prefix);
    case 0xDF:
      return packed<Pandn>(op, prefix);
    case 0xE0:
      return packed<Pavgb>(op, prefix);
    case 0xE1:
      return packed<Psraw>(op, prefix);
    case 0xE2:
      return packed<Psrad>(op, prefix);
    case 0xE3:
      return packed<Pavgw>(op, prefix);
    case 0xE4:
      return packed<Pmulhuw>(op, prefix);
    case 0xE5:
      return packed<Pmulhw>(op, prefix);
    case 0xE8:
      return packed<Psubsb>(op, prefix);
    case 0xE9:
      return packed<Psubsw>(op, prefix);
    case 0xEA:
      return packed<Pminsw>(op, prefix);
    case 0xEB:
      return packed<Por>(op, prefix);
    case 0xEC:
      return packed<Paddsb>(op, prefix);
    case 0xED:
      return packed<Paddsw>(op, prefix);
    case 0xEE:
      return packed<Pmaxsw>(op, prefix);
    case 0xEF:
      return packed<Pxor>(op, prefix);
    case 0xF1:
      return packed<Psllw>(op, prefix);
    case 0xF2:
      return packed<Pslld>(op, prefix);
    case 0xF3:
      return packed<Psllq>(op, prefix);
    case 0xF4:
      return packed<Pmuludq>(op, prefix);
    case 0xF5:
      return packed<Pmaddwd>(op, prefix);
    case 0xF6:
      return packed<Psadbw>(op, prefix);
    case 0xF8:
      return packed<Psubb>(op, prefix);
    case 0xF9:
      return packed<Psubw>(op, prefix);
    case 0xFA:
      return packed<Psubd>(op, prefix);
    case 0xFB:
      return packed<Psubq>(op, prefix);
    case 0xFC:
      return packed<Paddb>(op, prefix);
    case 0xFD:
      return packed<Paddw>(op, prefix);
    case 0xFE:
      return packed<Paddd>(op, prefix);
    default:
      return nullptr;
  }
}

}  // namespace bancada

#endif
