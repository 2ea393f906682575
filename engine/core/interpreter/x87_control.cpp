// x87 environment, control and status words, and WAIT (SDM vol. 1, 8.1.8-8.1.10 and 8.3.11).
#include "lazy_flags.h"
#include "x87_instruction.h"
#include "x87_memory.h"

namespace bancada {

namespace {

constexpr uint16_t CONTROL_AFTER_INIT = 0x037F;
constexpr uint32_t REGISTERS_BYTES = 80;

enum : uint16_t { TAG_VALID = 0, TAG_ZERO = 1, TAG_SPECIAL = 2, TAG_EMPTY = 3 };

uint16_t tag_of(const Float80& value) {
  const uint32_t exponent = value.sign_exponent & 0x7FFF;
  if (exponent == 0) return value.significand == 0 ? TAG_ZERO : TAG_SPECIAL;
  return exponent == 0x7FFF || !(value.significand >> 63) ? TAG_SPECIAL : TAG_VALID;
}

uint16_t tag_word(const X87State& x87) {
  uint16_t word = 0;
  for (unsigned i = 0; i < 8; ++i) {
    const uint16_t tag = ((x87.tag_empty >> i) & 1) ? uint16_t{TAG_EMPTY} : tag_of(x87.st[i]);
    word = static_cast<uint16_t>(word | tag << (2 * i));
  }
  return word;
}

uint16_t status_word(const X87State& x87) {
  return static_cast<uint16_t>(x87.status | x87.top << 11);
}

void load_status(X87State& x87, uint16_t word) {
  x87.top = (word >> 11) & 7;
  x87.status = word & static_cast<uint16_t>(~0x3800);
  x87_update_summary(x87);
}

void load_control(X87State& x87, uint16_t word) {
  x87.control = static_cast<uint16_t>((word & X87_CONTROL_BITS) | X87_CONTROL_FIXED);
}

void initialize(X87State& x87) {
  x87.control = CONTROL_AFTER_INIT;
  x87.status = 0;
  x87.top = 0;
  x87.tag_empty = 0xFF;
  x87.last_opcode = 0;
  x87.last_ip = x87.last_dp = 0;
  x87.last_cs = x87.last_ds = 0;
}

// The four layouts of the environment, SDM figures 8-9 to 8-12: seven fields of two or four bytes.
bool has_protected_layout(const CpuState& state) {
  return state.protected_mode() && !state.v86();
}

uint32_t environment_bytes(const Op* op) {
  return op->operand_size == 4 ? 28 : 14;
}

void write_environment(Interpreter& cpu, const Op* op, uint32_t offset) {
  const CpuState& state = cpu.state_;
  const X87State& x87 = state.x87;
  uint32_t fields[7] = {x87.control, status_word(x87), tag_word(x87), 0, 0, 0, 0};
  const bool wide = op->operand_size == 4;
  if (has_protected_layout(state)) {
    fields[3] = x87.last_ip;
    fields[4] = x87.last_cs | (wide ? uint32_t{x87.last_opcode} << 16 : 0);
    fields[5] = x87.last_dp;
    fields[6] = x87.last_ds;
  } else {
    const uint32_t ip = (uint32_t{x87.last_cs} << 4) + x87.last_ip;
    const uint32_t dp = (uint32_t{x87.last_ds} << 4) + x87.last_dp;
    fields[3] = ip & 0xFFFF;
    fields[4] = (ip >> 16) << 12 | x87.last_opcode;
    fields[5] = dp & 0xFFFF;
    fields[6] = (dp >> 16) << 12;
  }
  const SegmentRegister segment = x87_segment(op);
  if (wide) {
    // Fields of 16 bits have ones above them; which these are differs between the layouts.
    const bool real = !has_protected_layout(state);
    for (const int i : {0, 1, 2, 6}) fields[i] |= (real && i == 6) ? 0 : 0xFFFF0000;
    if (real) {
      fields[3] |= 0xFFFF0000;
      fields[5] |= 0xFFFF0000;
    }
    for (uint32_t i = 0; i < 7; ++i) cpu.write<uint32_t>(segment, offset + 4 * i, fields[i]);
  } else {
    for (uint32_t i = 0; i < 7; ++i) cpu.write<uint16_t>(segment, offset + 2 * i, static_cast<uint16_t>(fields[i]));
  }
}

struct Environment {
  uint32_t fields[7];
};

Environment read_environment(Interpreter& cpu, const Op* op, uint32_t offset) {
  Environment environment;
  const SegmentRegister segment = x87_segment(op);
  for (uint32_t i = 0; i < 7; ++i) {
    environment.fields[i] = op->operand_size == 4 ? cpu.read<uint32_t>(segment, offset + 4 * i)
                                                  : cpu.read<uint16_t>(segment, offset + 2 * i);
  }
  return environment;
}

void load_environment(Interpreter& cpu, const Op* op, const Environment& environment) {
  X87State& x87 = cpu.state_.x87;
  const uint32_t* fields = environment.fields;
  load_control(x87, static_cast<uint16_t>(fields[0]));
  load_status(x87, static_cast<uint16_t>(fields[1]));
  x87.tag_empty = 0;
  for (unsigned i = 0; i < 8; ++i) {
    if (((fields[2] >> (2 * i)) & 3) == TAG_EMPTY) x87.tag_empty = static_cast<uint8_t>(x87.tag_empty | 1u << i);
  }
  if (has_protected_layout(cpu.state_)) {
    x87.last_ip = fields[3];
    x87.last_cs = static_cast<uint16_t>(fields[4]);
    if (op->operand_size == 4) x87.last_opcode = (fields[4] >> 16) & 0x7FF;
    x87.last_dp = fields[5];
    x87.last_ds = static_cast<uint16_t>(fields[6]);
  } else {
    // The real-mode layouts hold linear addresses: 20 bits in the 16-bit one.
    const uint32_t high_mask = op->operand_size == 4 ? 0xFFFF : 0xF;
    x87.last_ip = (fields[3] & 0xFFFF) | ((fields[4] >> 12) & high_mask) << 16;
    x87.last_dp = (fields[5] & 0xFFFF) | ((fields[6] >> 12) & high_mask) << 16;
    x87.last_opcode = fields[4] & 0x7FF;
    x87.last_cs = x87.last_ds = 0;
  }
  x87_release_ferr(cpu);
}

const Op* fnstenv(Interpreter& cpu, const Op* op) {
  x87_check_available(cpu);
  const uint32_t offset = cpu.effective_address(op);
  check_write_range(cpu, x87_segment(op), offset, environment_bytes(op));
  write_environment(cpu, op, offset);
  cpu.state_.x87.control |= X87_EXCEPTIONS;
  x87_update_summary(cpu.state_.x87);
  x87_release_ferr(cpu);
  return NEXT(cpu, op);
}

const Op* fnsave(Interpreter& cpu, const Op* op) {
  x87_check_available(cpu);
  X87State& x87 = cpu.state_.x87;
  const SegmentRegister segment = x87_segment(op);
  const uint32_t offset = cpu.effective_address(op);
  const uint32_t registers = offset + environment_bytes(op);
  check_write_range(cpu, segment, offset, environment_bytes(op) + REGISTERS_BYTES);
  write_environment(cpu, op, offset);
  for (uint32_t i = 0; i < 8; ++i) x87_write80(cpu, segment, registers + 10 * i, x87_st(x87, i));
  initialize(x87);
  x87_release_ferr(cpu);
  return NEXT(cpu, op);
}

// The waiting instructions of this file are no part of what last_ip remembers.
bool waits(Interpreter& cpu) {
  x87_check_available(cpu);
  if (!(cpu.state_.x87.status & X87_ES) || x87_report_pending(cpu)) return false;
  cpu.state_.eip = cpu.current_eip();
  return true;
}

const Op* fldenv(Interpreter& cpu, const Op* op) {
  if (waits(cpu)) return cpu.leave_block();
  load_environment(cpu, op, read_environment(cpu, op, cpu.effective_address(op)));
  return NEXT(cpu, op);
}

const Op* frstor(Interpreter& cpu, const Op* op) {
  if (waits(cpu)) return cpu.leave_block();
  const uint32_t offset = cpu.effective_address(op);
  const Environment environment = read_environment(cpu, op, offset);
  Float80 registers[8];
  for (uint32_t i = 0; i < 8; ++i) {
    registers[i] = x87_read80(cpu, x87_segment(op), offset + environment_bytes(op) + 10 * i);
  }
  load_environment(cpu, op, environment);
  for (unsigned i = 0; i < 8; ++i) x87_st(cpu.state_.x87, i) = registers[i];
  return NEXT(cpu, op);
}

const Op* fldcw(Interpreter& cpu, const Op* op) {
  if (waits(cpu)) return cpu.leave_block();
  load_control(cpu.state_.x87, cpu.read<uint16_t>(x87_segment(op), cpu.effective_address(op)));
  x87_update_summary(cpu.state_.x87);
  x87_release_ferr(cpu);
  return NEXT(cpu, op);
}

const Op* fnstcw(Interpreter& cpu, const Op* op) {
  x87_check_available(cpu);
  cpu.write<uint16_t>(x87_segment(op), cpu.effective_address(op), cpu.state_.x87.control);
  return NEXT(cpu, op);
}

const Op* fnstsw(Interpreter& cpu, const Op* op) {
  x87_check_available(cpu);
  cpu.write<uint16_t>(x87_segment(op), cpu.effective_address(op), status_word(cpu.state_.x87));
  return NEXT(cpu, op);
}

const Op* fnstsw_ax(Interpreter& cpu, const Op* op) {
  x87_check_available(cpu);
  uint32_t& eax = cpu.state_.gpr[EAX];
  eax = (eax & 0xFFFF0000) | status_word(cpu.state_.x87);
  return NEXT(cpu, op);
}

const Op* fnclex(Interpreter& cpu, const Op* op) {
  x87_check_available(cpu);
  X87State& x87 = cpu.state_.x87;
  x87.status = static_cast<uint16_t>(x87.status & ~(X87_EXCEPTIONS | X87_SF | X87_ES | X87_BUSY));
  x87_release_ferr(cpu);
  return NEXT(cpu, op);
}

const Op* fninit(Interpreter& cpu, const Op* op) {
  x87_check_available(cpu);
  initialize(cpu.state_.x87);
  x87_release_ferr(cpu);
  return NEXT(cpu, op);
}

// FNENI, FNDISI and FNSETPM of the 8087 and 287: accepted, with no effect.
const Op* ignored(Interpreter& cpu, const Op* op) {
  x87_check_available(cpu);
  return NEXT(cpu, op);
}

const Op* wait(Interpreter& cpu, const Op* op) {
  if ((cpu.state_.cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)) cpu.fault(VECTOR_NM);
  if ((cpu.state_.x87.status & X87_ES) && !x87_report_pending(cpu)) {
    cpu.state_.eip = cpu.current_eip();
    return cpu.leave_block();
  }
  return NEXT(cpu, op);
}

}  // namespace

Handler x87_control_handler(const Op& op) {
  if (op.opcode == 0x9B) return wait;
  const uint8_t reg = (op.modrm >> 3) & 7;
  if (op.flags & OP_MEMORY) {
    switch ((op.opcode & 7) << 4 | reg) {
      case 0x14:
        return fldenv;
      case 0x15:
        return fldcw;
      case 0x16:
        return fnstenv;
      case 0x17:
        return fnstcw;
      case 0x54:
        return frstor;
      case 0x56:
        return fnsave;
      case 0x57:
        return fnstsw;
      default:
        return nullptr;
    }
  }
  if (op.opcode == 0xDF && op.modrm == 0xE0) return fnstsw_ax;
  if (op.opcode != 0xDB) return nullptr;
  switch (op.modrm) {
    case 0xE0:
    case 0xE1:
    case 0xE4:
      return ignored;
    case 0xE2:
      return fnclex;
    case 0xE3:
      return fninit;
    default:
      return nullptr;
  }
}

}  // namespace bancada
