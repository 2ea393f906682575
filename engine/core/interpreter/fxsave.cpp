// 0F AE: FXSAVE, FXRSTOR, LDMXCSR, STMXCSR, fences and CLFLUSH (SDM vol. 1, 10.5, 10.4.6 and 11.4.4; vol. 3, 13.5).
#if defined(__SSE2__)

#include <array>

#include "sse_groups.h"
#include "sse_operand.h"

namespace bancada {

namespace {

// The image, SDM table 10-2. Bytes from RESERVED on are neither written nor read outside 64-bit mode.
constexpr uint32_t CONTROL = 0, STATUS = 2, TAGS = 4, OPCODE = 6, IP = 8, CS_SELECTOR = 12, DP = 16, DS_SELECTOR = 20,
                   MXCSR = 24, MXCSR_MASK = 28, REGISTERS = 32, XMM_REGISTERS = 160, RESERVED = 288;
constexpr uint32_t REGISTER_BYTES = 16;
using Image = std::array<uint8_t, RESERVED>;

template <typename T>
void put(Image& image, uint32_t at, T value) {
  std::memcpy(image.data() + at, &value, sizeof value);
}
template <typename T>
T get(const Image& image, uint32_t at) {
  T value;
  std::memcpy(&value, image.data() + at, sizeof value);
  return value;
}

// How much of the image there is: without SSE it ends before MXCSR's and the XMM registers' places.
bool has_sse(const Interpreter& cpu) {
  return cpu_facts(cpu.model_).has(FEATURE_SSE);
}

const Op* fxsave(Interpreter& cpu, const Op* op) {
  x87_check_available(cpu);
  const SegmentRegister segment = operand_segment(op);
  const uint32_t offset = cpu.effective_address(op);
  check_aligned(cpu, segment, offset, Access::write);
  const CpuState& state = cpu.state_;
  const X87State& x87 = state.x87;
  const bool sse = has_sse(cpu);
  Image image = {};
  put<uint16_t>(image, CONTROL, x87.control);
  put<uint16_t>(image, STATUS, static_cast<uint16_t>(x87.status | x87.top << 11));
  put<uint8_t>(image, TAGS, static_cast<uint8_t>(~x87.tag_empty));
  put<uint16_t>(image, OPCODE, x87.last_opcode);
  put<uint32_t>(image, IP, x87.last_ip);
  put<uint16_t>(image, CS_SELECTOR, x87.last_cs);
  put<uint32_t>(image, DP, x87.last_dp);
  put<uint16_t>(image, DS_SELECTOR, x87.last_ds);
  for (unsigned i = 0; i < 8; ++i) {
    const Float80& value = x87.st[(x87.top + i) & 7];
    put<uint64_t>(image, REGISTERS + REGISTER_BYTES * i, value.significand);
    put<uint16_t>(image, REGISTERS + REGISTER_BYTES * i + 8, value.sign_exponent);
  }
  if (sse) {
    put<uint32_t>(image, MXCSR, state.mxcsr);
    put<uint32_t>(image, MXCSR_MASK, cpu_facts(cpu.model_).mxcsr_mask);
    for (unsigned i = 0; i < 8; ++i) put<Xmm>(image, XMM_REGISTERS + REGISTER_BYTES * i, state.xmm[i]);
  }
  // All of the 512 bytes must be writable before the first is written.
  check_write_range(cpu, segment, offset, 512);
  const uint32_t end = sse ? RESERVED : XMM_REGISTERS;
  for (uint32_t at = 0; at < end; at += REGISTER_BYTES) cpu.write<Xmm>(segment, offset + at, get<Xmm>(image, at));
  return NEXT(cpu, op);
}

const Op* fxrstor(Interpreter& cpu, const Op* op) {
  x87_check_available(cpu);
  const SegmentRegister segment = operand_segment(op);
  const uint32_t offset = cpu.effective_address(op);
  check_aligned(cpu, segment, offset, Access::read);
  const bool sse = has_sse(cpu);
  Image image = {};
  const uint32_t end = sse ? RESERVED : XMM_REGISTERS;
  cpu.linear_address(segment, offset, 512, Access::read);
  for (uint32_t at = 0; at < end; at += REGISTER_BYTES) put(image, at, cpu.read<Xmm>(segment, offset + at));
  const auto mxcsr = get<uint32_t>(image, MXCSR);
  if (sse && (mxcsr & ~cpu_facts(cpu.model_).mxcsr_mask)) cpu.fault(VECTOR_GP, 0);

  CpuState& state = cpu.state_;
  X87State& x87 = state.x87;
  const auto status = get<uint16_t>(image, STATUS);
  x87.control = static_cast<uint16_t>((get<uint16_t>(image, CONTROL) & X87_CONTROL_BITS) | X87_CONTROL_FIXED);
  x87.top = (status >> 11) & 7;
  x87.status = status & static_cast<uint16_t>(~0x3800);
  x87_update_summary(x87);
  x87.tag_empty = static_cast<uint8_t>(~get<uint8_t>(image, TAGS));
  x87.last_opcode = get<uint16_t>(image, OPCODE) & 0x7FF;
  x87.last_ip = get<uint32_t>(image, IP);
  x87.last_cs = get<uint16_t>(image, CS_SELECTOR);
  x87.last_dp = get<uint32_t>(image, DP);
  x87.last_ds = get<uint16_t>(image, DS_SELECTOR);
  for (unsigned i = 0; i < 8; ++i) {
    Float80& value = x87.st[(x87.top + i) & 7];
    value.significand = get<uint64_t>(image, REGISTERS + REGISTER_BYTES * i);
    value.sign_exponent = get<uint16_t>(image, REGISTERS + REGISTER_BYTES * i + 8);
  }
  x87_release_ferr(cpu);
  if (sse) {
    state.mxcsr = mxcsr;
    for (unsigned i = 0; i < 8; ++i) state.xmm[i] = get<Xmm>(image, XMM_REGISTERS + REGISTER_BYTES * i);
  }
  return NEXT(cpu, op);
}

void ldmxcsr(Interpreter& cpu, const Op* op) {
  const auto value = read_memory<uint32_t>(cpu, op);
  if (value & ~cpu_facts(cpu.model_).mxcsr_mask) cpu.fault(VECTOR_GP, 0);
  cpu.state_.mxcsr = value;
}

void stmxcsr(Interpreter& cpu, const Op* op) {
  write_memory<uint32_t>(cpu, op, cpu.state_.mxcsr);
}

// Memory is in order and uncached here.
const Op* fence(Interpreter& cpu, const Op* op) {
  return NEXT(cpu, op);
}

// Is checked like a load of a byte.
const Op* clflush(Interpreter& cpu, const Op* op) {
  read_memory<uint8_t>(cpu, op);
  return NEXT(cpu, op);
}

}  // namespace

Handler fxsave_handler(const Op& op, uint8_t prefix) {
  if (prefix != 0) return nullptr;
  const uint8_t reg = (op.modrm >> 3) & 7;
  if (!(op.flags & OP_MEMORY)) return reg >= 5 ? fence : nullptr;
  switch (reg) {
    case 0:
      return fxsave;
    case 1:
      return fxrstor;
    case 2:
      return sse_instruction<ldmxcsr>;
    case 3:
      return sse_instruction<stmxcsr>;
    case 7:
      return clflush;
    default:
      return nullptr;
  }
}

}  // namespace bancada

#endif
