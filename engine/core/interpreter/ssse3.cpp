// SSSE3 (SDM vol. 1, 12.5): 0F 38 00-0B, 1C-1E and 0F 3A 0F, on MMX and XMM registers. The host's own instructions do
// it, by assembly since the program is built for hosts without them; a model has SSSE3 on hosts that have it only.
#if defined(__SSE2__)

#include "sse_groups.h"
#include "sse_operand.h"

namespace bancada {

namespace {

#define BANCADA_SSSE3(NAME, INSTRUCTION)                         \
  struct NAME {                                                  \
    static __m128i apply(__m128i a, __m128i b) {                 \
      asm(INSTRUCTION " %[b], %[a]" : [a] "+x"(a) : [b] "x"(b)); \
      return a;                                                  \
    }                                                            \
  }

BANCADA_SSSE3(Pshufb, "pshufb");
BANCADA_SSSE3(Phaddw, "phaddw");
BANCADA_SSSE3(Phaddd, "phaddd");
BANCADA_SSSE3(Phaddsw, "phaddsw");
BANCADA_SSSE3(Pmaddubsw, "pmaddubsw");
BANCADA_SSSE3(Phsubw, "phsubw");
BANCADA_SSSE3(Phsubd, "phsubd");
BANCADA_SSSE3(Phsubsw, "phsubsw");
BANCADA_SSSE3(Psignb, "psignb");
BANCADA_SSSE3(Psignw, "psignw");
BANCADA_SSSE3(Psignd, "psignd");
BANCADA_SSSE3(Pmulhrsw, "pmulhrsw");
BANCADA_SSSE3(Pabsb, "pabsb");
BANCADA_SSSE3(Pabsw, "pabsw");
BANCADA_SSSE3(Pabsd, "pabsd");

// Three bits of an index count in an MMX register, not four.
struct MmxPshufb {
  static __m128i apply(__m128i a, __m128i b) {
    return Pshufb::apply(a, _mm_and_si128(b, _mm_set1_epi8(static_cast<char>(0x87))));
  }
};

// Horizontal operations take neighbours of the first operand, then of the second.
template <typename OPERATION>
struct MmxHorizontal {
  static __m128i apply(__m128i a, __m128i b) {
    const __m128i both = _mm_unpacklo_epi64(a, b);
    return OPERATION::apply(both, both);
  }
};

// PALIGNR: bytes of the pair destination:source from the immediate on, zeros beyond it.
template <bool MEMORY>
void palignr_mmx(Interpreter& cpu, const Op* op) {
  const uint64_t b = mmx_source<MEMORY>(cpu, op), a = mmx_get(cpu, op->reg);
  uint8_t bytes[24] = {};
  std::memcpy(bytes, &b, 8);
  std::memcpy(bytes + 8, &a, 8);
  uint64_t result;
  std::memcpy(&result, bytes + (op->imm < 16 ? op->imm : 16), sizeof result);
  mmx_set(cpu, op->reg, result);
}

template <bool MEMORY>
void palignr_xmm(Interpreter& cpu, const Op* op) {
  const Xmm b = to_xmm(xmm_source<Width::xmm, MEMORY>(cpu, op));
  uint8_t bytes[48] = {};
  std::memcpy(bytes, &b, 16);
  std::memcpy(bytes + 16, cpu.state_.xmm[op->reg].lane.data(), 16);
  std::memcpy(cpu.state_.xmm[op->reg].lane.data(), bytes + (op->imm < 32 ? op->imm : 32), 16);
}

}  // namespace

Handler ssse3_handler(const Op& op, uint8_t prefix) {
  if (op.map == 3) {
    if (op.opcode != 0x0F) return nullptr;
    if (prefix == 0) return MMX_FORM(op, palignr_mmx);
    return prefix == 0x66 ? SSE_FORM(op, palignr_xmm) : nullptr;
  }
  switch (op.opcode) {
    case 0x00:
      return packed<MmxPshufb, Pshufb>(op, prefix);
    case 0x01:
      return packed<MmxHorizontal<Phaddw>, Phaddw>(op, prefix);
    case 0x02:
      return packed<MmxHorizontal<Phaddd>, Phaddd>(op, prefix);
    case 0x03:
      return packed<MmxHorizontal<Phaddsw>, Phaddsw>(op, prefix);
    case 0x04:
      return packed<Pmaddubsw>(op, prefix);
    case 0x05:
      return packed<MmxHorizontal<Phsubw>, Phsubw>(op, prefix);
    case 0x06:
      return packed<MmxHorizontal<Phsubd>, Phsubd>(op, prefix);
    case 0x07:
      return packed<MmxHorizontal<Phsubsw>, Phsubsw>(op, prefix);
    case 0x08:
      return packed<Psignb>(op, prefix);
    case 0x09:
      return packed<Psignw>(op, prefix);
    case 0x0A:
      return packed<Psignd>(op, prefix);
    case 0x0B:
      return packed<Pmulhrsw>(op, prefix);
    case 0x1C:
      return packed<Pabsb>(op, prefix);
    case 0x1D:
      return packed<Pabsw>(op, prefix);
    case 0x1E:
      return packed<Pabsd>(op, prefix);
    default:
      return nullptr;
  }
}

}  // namespace bancada

#endif
