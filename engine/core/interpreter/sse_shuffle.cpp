// Shuffles, unpacks, inserts and extracts of MMX and XMM registers (SDM vol. 1, 9.4.5, 10.4.2.2, 10.4.4, 11.4.1.4,
// 11.4.2).
#if defined(__SSE2__)

#include <array>

#include "sse_groups.h"
#include "sse_operand.h"

namespace bancada {

namespace {

// -- PUNPCKL*: an MMX one reads 32 bits of memory.

struct UnpackLowBytes {
  static __m128i apply(__m128i a, __m128i b) { return _mm_unpacklo_epi8(a, b); }
};
struct UnpackLowWords {
  static __m128i apply(__m128i a, __m128i b) { return _mm_unpacklo_epi16(a, b); }
};
struct UnpackLowDwords {
  static __m128i apply(__m128i a, __m128i b) { return _mm_unpacklo_epi32(a, b); }
};
struct UnpackLowQwords {
  static __m128i apply(__m128i a, __m128i b) { return _mm_unpacklo_epi64(a, b); }
};
struct UnpackHighBytes {
  static __m128i apply(__m128i a, __m128i b) { return _mm_unpackhi_epi8(a, b); }
};
struct UnpackHighWords {
  static __m128i apply(__m128i a, __m128i b) { return _mm_unpackhi_epi16(a, b); }
};
struct UnpackHighDwords {
  static __m128i apply(__m128i a, __m128i b) { return _mm_unpackhi_epi32(a, b); }
};
struct UnpackHighQwords {
  static __m128i apply(__m128i a, __m128i b) { return _mm_unpackhi_epi64(a, b); }
};

// The high half of an MMX register's unpacking is what the low halves of XMM registers give above.
template <typename LOW>
struct MmxHigh {
  static __m128i apply(__m128i a, __m128i b) { return _mm_srli_si128(LOW::apply(a, b), 8); }
};

template <typename OPERATION, bool MEMORY>
void mmx_unpack_low(Interpreter& cpu, const Op* op) {
  const uint64_t b = MEMORY ? read_memory<uint32_t>(cpu, op) : mmx_get(cpu, op->rm);
  mmx_set(cpu, op->reg, low_half(OPERATION::apply(to_vector(mmx_get(cpu, op->reg)), to_vector(b))));
}

template <typename OPERATION>
Handler unpack_low(const Op& op, uint8_t prefix) {
  if (prefix == 0) return MMX_FORM(op, mmx_unpack_low, OPERATION);
  return packed<OPERATION>(op, prefix);
}

// -- Shuffles by an immediate: lane i of the result is the lane that two (or one) bits of it name.

using Words = std::array<uint16_t, 8>;
using Dwords = std::array<uint32_t, 4>;
using Qwords = std::array<uint64_t, 2>;

uint64_t shuffle_words(uint64_t value, uint32_t select) {
  uint64_t result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    result |= (value >> (16 * ((select >> (2 * i)) & 3)) & 0xFFFF) << (16 * i);
  }
  return result;
}

template <bool MEMORY>
void pshufw(Interpreter& cpu, const Op* op) {
  mmx_set(cpu, op->reg, shuffle_words(mmx_source<MEMORY>(cpu, op), op->imm));
}

template <bool MEMORY>
void pshufd(Interpreter& cpu, const Op* op) {
  const auto from = std::bit_cast<Dwords>(xmm_source<Width::xmm, MEMORY>(cpu, op));
  Dwords to;
  for (unsigned i = 0; i < 4; ++i) to[i] = from[(op->imm >> (2 * i)) & 3];
  xmm_set(cpu, op->reg, std::bit_cast<__m128i>(to));
}

template <int HALF, bool MEMORY>
void pshuf_half(Interpreter& cpu, const Op* op) {  // PSHUFLW, PSHUFHW
  Xmm value = to_xmm(xmm_source<Width::xmm, MEMORY>(cpu, op));
  value.lane[HALF] = shuffle_words(value.lane[HALF], op->imm);
  cpu.state_.xmm[op->reg] = value;
}

template <bool MEMORY>
void shufps(Interpreter& cpu, const Op* op) {
  const auto b = std::bit_cast<Dwords>(xmm_source<Width::xmm, MEMORY>(cpu, op));
  const auto a = std::bit_cast<Dwords>(cpu.state_.xmm[op->reg]);
  const uint32_t select = op->imm;
  const Dwords to = {a[select & 3], a[(select >> 2) & 3], b[(select >> 4) & 3], b[(select >> 6) & 3]};
  xmm_set(cpu, op->reg, std::bit_cast<__m128i>(to));
}

template <bool MEMORY>
void shufpd(Interpreter& cpu, const Op* op) {
  const auto b = std::bit_cast<Qwords>(xmm_source<Width::xmm, MEMORY>(cpu, op));
  const auto a = std::bit_cast<Qwords>(cpu.state_.xmm[op->reg]);
  const Qwords to = {a[op->imm & 1], b[(op->imm >> 1) & 1]};
  xmm_set(cpu, op->reg, std::bit_cast<__m128i>(to));
}

// -- One word

template <bool MEMORY>
void pinsrw_mmx(Interpreter& cpu, const Op* op) {
  const auto word = MEMORY ? read_memory<uint16_t>(cpu, op) : get_register<uint16_t>(cpu, op->rm);
  const unsigned shift = 16 * (op->imm & 3);
  mmx_set(cpu, op->reg, (mmx_get(cpu, op->reg) & ~(uint64_t{0xFFFF} << shift)) | uint64_t{word} << shift);
}

template <bool MEMORY>
void pinsrw_xmm(Interpreter& cpu, const Op* op) {
  const auto word = MEMORY ? read_memory<uint16_t>(cpu, op) : get_register<uint16_t>(cpu, op->rm);
  auto words = std::bit_cast<Words>(cpu.state_.xmm[op->reg]);
  words[op->imm & 7] = word;
  cpu.state_.xmm[op->reg] = std::bit_cast<Xmm>(words);
}

void pextrw_mmx(Interpreter& cpu, const Op* op) {
  cpu.state_.gpr[op->reg] = static_cast<uint16_t>(mmx_get(cpu, op->rm) >> (16 * (op->imm & 3)));
  mmx_enter(cpu.state_.x87);
}

void pextrw_xmm(Interpreter& cpu, const Op* op) {
  cpu.state_.gpr[op->reg] = std::bit_cast<Words>(cpu.state_.xmm[op->rm])[op->imm & 7];
}

}  // namespace

Handler sse_shuffle_handler(const Op& op, uint8_t prefix) {
  const bool memory = (op.flags & OP_MEMORY) != 0;
  switch (op.opcode) {
    case 0x60:
      return unpack_low<UnpackLowBytes>(op, prefix);
    case 0x61:
      return unpack_low<UnpackLowWords>(op, prefix);
    case 0x62:
      return unpack_low<UnpackLowDwords>(op, prefix);
    case 0x68:
      return packed<MmxHigh<UnpackLowBytes>, UnpackHighBytes>(op, prefix);
    case 0x69:
      return packed<MmxHigh<UnpackLowWords>, UnpackHighWords>(op, prefix);
    case 0x6A:
      return packed<MmxHigh<UnpackLowDwords>, UnpackHighDwords>(op, prefix);
    default:
      break;
  }
  switch (prefix << 8 | op.opcode) {
    case 0x0014:
      return SSE_FORM(op, xmm_packed, UnpackLowDwords);
    case 0x0015:
      return SSE_FORM(op, xmm_packed, UnpackHighDwords);
    case 0x6614:
    case 0x666C:
      return SSE_FORM(op, xmm_packed, UnpackLowQwords);
    case 0x6615:
    case 0x666D:
      return SSE_FORM(op, xmm_packed, UnpackHighQwords);
    case 0x0070:
      return MMX_FORM(op, pshufw);
    case 0x6670:
      return SSE_FORM(op, pshufd);
    case 0xF270:
      return SSE_FORM(op, pshuf_half, 0);
    case 0xF370:
      return SSE_FORM(op, pshuf_half, 1);
    case 0x00C4:
      return MMX_FORM(op, pinsrw_mmx);
    case 0x66C4:
      return SSE_FORM(op, pinsrw_xmm);
    case 0x00C5:
      return memory ? nullptr : mmx_instruction<pextrw_mmx>;
    case 0x66C5:
      return memory ? nullptr : sse_instruction<pextrw_xmm>;
    case 0x00C6:
      return SSE_FORM(op, shufps);
    case 0x66C6:
      return SSE_FORM(op, shufpd);
    default:
      return nullptr;
  }
}

}  // namespace bancada

#endif
