// Near control transfers (SDM vol. 1, 7.3.8), ports, and flag instructions.
#include "../bus.h"
#include "dispatch.h"
#include "lazy_flags.h"
#include "memory_access.h"

namespace bancada {

namespace {

// A 16-bit operand size cuts EIP to 16 bits.
inline uint32_t cut_eip(const Op* op, uint32_t eip) {
  return op->operand_size == 2 ? eip & 0xFFFF : eip;
}

// A target beyond the limit faults with the instruction that went there.
inline void check_target(Interpreter& cpu, uint32_t eip) {
  if (eip >= cpu.code_span_) [[unlikely]]
    cpu.fault(VECTOR_GP, 0);
}

template <int Code>
const Op* op_jump_if(Interpreter& cpu, const Op* op) {
  if (condition<Code>(cpu)) {
    const uint32_t eip = cut_eip(op, cpu.block_eip_ + op->imm);
    check_target(cpu, eip);
    return jump_to(cpu, op, eip);
  }
  return jump_to(cpu, op, cpu.next_eip());
}

template <int Code = 0>
Handler by_condition(int code) {
  if constexpr (Code == 16)
    return nullptr;
  else
    return code == Code ? &op_jump_if<Code> : by_condition<Code + 1>(code);
}

const Op* op_jump(Interpreter& cpu, const Op* op) {
  const uint32_t eip = cut_eip(op, cpu.block_eip_ + op->imm);
  check_target(cpu, eip);
  return jump_to(cpu, op, eip);
}

const Op* op_call(Interpreter& cpu, const Op* op) {
  const uint32_t eip = cut_eip(op, cpu.block_eip_ + op->imm);
  check_target(cpu, eip);
  cpu.push(cpu.next_eip(), op->operand_size);
  return jump_to(cpu, op, eip);
}

template <typename T, bool Memory>
const Op* op_jump_operand(Interpreter& cpu, const Op* op) {
  const uint32_t eip = read_operand<T, Memory>(cpu, op);
  check_target(cpu, eip);
  return jump_to(cpu, op, eip);
}

template <typename T, bool Memory>
const Op* op_call_operand(Interpreter& cpu, const Op* op) {
  const uint32_t eip = read_operand<T, Memory>(cpu, op);
  check_target(cpu, eip);
  cpu.push(cpu.next_eip(), sizeof(T));
  return jump_to(cpu, op, eip);
}

const Op* op_return(Interpreter& cpu, const Op* op) {
  const uint32_t before = cpu.state_.gpr[ESP];
  const uint32_t eip = cpu.pop(op->operand_size);
  if (eip >= cpu.code_span_) {
    cpu.state_.gpr[ESP] = before;
    cpu.fault(VECTOR_GP, 0);
  }
  const uint32_t mask = cpu.stack_mask_;
  const uint32_t esp = cpu.state_.gpr[ESP];
  cpu.state_.gpr[ESP] = (esp & ~mask) | ((esp + (op->imm & 0xFFFF)) & mask);
  return jump_to(cpu, op, eip);
}

// E0 LOOPNE, E1 LOOPE, E2 LOOP
const Op* op_loop(Interpreter& cpu, const Op* op) {
  uint32_t& ecx = cpu.state_.gpr[ECX];
  const uint32_t count = (ecx - 1) & op->address_mask;
  const bool more = count != 0 && (op->opcode == 0xE2 || get_zf(cpu) == (op->opcode == 0xE1));
  uint32_t eip = cpu.next_eip();
  if (more) {
    eip = cut_eip(op, cpu.block_eip_ + op->imm);
    check_target(cpu, eip);
  }
  ecx = (ecx & ~op->address_mask) | count;
  return jump_to(cpu, op, eip);
}

const Op* op_jump_if_zero(Interpreter& cpu, const Op* op) {
  uint32_t eip = cpu.next_eip();
  if ((cpu.state_.gpr[ECX] & op->address_mask) == 0) {
    eip = cut_eip(op, cpu.block_eip_ + op->imm);
    check_target(cpu, eip);
  }
  return jump_to(cpu, op, eip);
}

// -- Ports. They end the block: what the device asks for (an interrupt, a new mapping, registers changed by the
// firmware) is seen to right after.

const Op* after_port(Interpreter& cpu, const Op* op) {
  const uint32_t eip = cpu.next_eip();
  cpu.retired_base_ += op->position + 1u;
  cpu.be_idle();
  if (cpu.attention() || cpu.clock().deadline_changed()) return nullptr;
  return go_to(cpu, eip);
}

template <typename T, bool Immediate>
const Op* op_in(Interpreter& cpu, const Op* op) {
  const auto port = static_cast<uint16_t>(Immediate ? op->imm & 0xFF : cpu.state_.gpr[EDX]);
  cpu.check_io(port, sizeof(T));
  cpu.state_.eip = cpu.next_eip();
  set_register<T>(cpu, EAX, static_cast<T>(cpu.bus().port_read(port, sizeof(T))));
  return after_port(cpu, op);
}

template <typename T, bool Immediate>
const Op* op_out(Interpreter& cpu, const Op* op) {
  const auto port = static_cast<uint16_t>(Immediate ? op->imm & 0xFF : cpu.state_.gpr[EDX]);
  cpu.check_io(port, sizeof(T));
  cpu.state_.eip = cpu.next_eip();
  cpu.bus().port_write(port, get_register<T>(cpu, EAX), sizeof(T));
  return after_port(cpu, op);
}

// -- Flags and BOUND

const Op* op_cmc(Interpreter& cpu, const Op* op) {
  set_cf(cpu, !get_cf(cpu));
  return NEXT(cpu, op);
}
const Op* op_clc(Interpreter& cpu, const Op* op) {
  set_cf(cpu, false);
  return NEXT(cpu, op);
}
const Op* op_stc(Interpreter& cpu, const Op* op) {
  set_cf(cpu, true);
  return NEXT(cpu, op);
}
const Op* op_cld(Interpreter& cpu, const Op* op) {
  cpu.state_.eflags &= ~FLAG_DF;
  return NEXT(cpu, op);
}
const Op* op_std(Interpreter& cpu, const Op* op) {
  cpu.state_.eflags |= FLAG_DF;
  return NEXT(cpu, op);
}
const Op* op_salc(Interpreter& cpu, const Op* op) {
  set_register<uint8_t>(cpu, EAX, get_cf(cpu) ? 0xFF : 0);
  return NEXT(cpu, op);
}

template <typename T>
const Op* op_bound(Interpreter& cpu, const Op* op) {
  const uint32_t offset = cpu.effective_address(op);
  const auto low = static_cast<int32_t>(extend(cpu.read<T>(operand_segment(op), offset)));
  const auto high = static_cast<int32_t>(
      extend(cpu.read<T>(operand_segment(op), (offset + static_cast<uint32_t>(sizeof(T))) & op->address_mask)));
  const auto index = static_cast<int32_t>(extend(get_register<T>(cpu, op->reg)));
  if (index < low || index > high) cpu.fault(VECTOR_BR);
  return NEXT(cpu, op);
}

// -- Decimal

const Op* op_daa(Interpreter& cpu, const Op* op) {
  const auto before = get_register<uint8_t>(cpu, EAX);
  uint8_t al = before;
  bool cf = get_cf(cpu), af = get_af(cpu);
  const bool had_cf = cf;
  cf = false;
  if ((before & 0xF) > 9 || af) {
    al = static_cast<uint8_t>(al + 6);
    cf = had_cf || before > 0xF9;
    af = true;
  } else {
    af = false;
  }
  if (before > 0x99 || had_cf) {
    al = static_cast<uint8_t>(al + 0x60);
    cf = true;
  }
  set_register<uint8_t>(cpu, EAX, al);
  set_shift_flags<uint8_t>(cpu, al, cf, false);
  if (af) cpu.flag_carries_ |= CARRY_AF;
  return NEXT(cpu, op);
}

const Op* op_das(Interpreter& cpu, const Op* op) {
  const auto before = get_register<uint8_t>(cpu, EAX);
  uint8_t al = before;
  bool af = get_af(cpu);
  const bool had_cf = get_cf(cpu);
  bool cf = false;
  if ((before & 0xF) > 9 || af) {
    al = static_cast<uint8_t>(al - 6);
    cf = had_cf || before < 6;
    af = true;
  } else {
    af = false;
  }
  if (before > 0x99 || had_cf) {
    al = static_cast<uint8_t>(al - 0x60);
    cf = true;
  }
  set_register<uint8_t>(cpu, EAX, al);
  set_shift_flags<uint8_t>(cpu, al, cf, false);
  if (af) cpu.flag_carries_ |= CARRY_AF;
  return NEXT(cpu, op);
}

template <bool Add>
const Op* op_ascii_adjust(Interpreter& cpu, const Op* op) {
  const auto ax = get_register<uint16_t>(cpu, EAX);
  uint16_t result = ax;
  const bool adjust = (ax & 0xF) > 9 || get_af(cpu);
  if (adjust) result = static_cast<uint16_t>(Add ? ax + 0x106 : ax - 0x106);
  result &= 0xFF0F;
  set_register<uint16_t>(cpu, EAX, result);
  set_shift_flags<uint8_t>(cpu, static_cast<uint8_t>(result), adjust, false);
  if (adjust) cpu.flag_carries_ |= CARRY_AF;
  return NEXT(cpu, op);
}

const Op* op_aam(Interpreter& cpu, const Op* op) {
  const auto base = static_cast<uint8_t>(op->imm);
  if (base == 0) cpu.fault(VECTOR_DE);
  const auto al = get_register<uint8_t>(cpu, EAX);
  set_register<uint16_t>(cpu, EAX, static_cast<uint16_t>((al / base) << 8 | al % base));
  set_logic_flags<uint8_t>(cpu, static_cast<uint8_t>(al % base));
  return NEXT(cpu, op);
}

const Op* op_aad(Interpreter& cpu, const Op* op) {
  const auto ax = get_register<uint16_t>(cpu, EAX);
  const auto al = static_cast<uint8_t>((ax & 0xFF) + (ax >> 8) * (op->imm & 0xFF));
  set_register<uint16_t>(cpu, EAX, al);
  set_logic_flags<uint8_t>(cpu, al);
  return NEXT(cpu, op);
}

}  // namespace

// 70-7F, 0F 80-8F, C2, C3, E0-E3, E8, E9, EB, FF /2, FF /4
Handler control_handler(const Op& op) {
  if ((op.map & 1 ? op.opcode & 0xF0 : 0) == 0x80 || (!(op.map & 1) && (op.opcode & 0xF0) == 0x70)) {
    return by_condition(op.opcode & 0xF);
  }
  switch (op.opcode) {
    case 0xC2:
    case 0xC3:
      return &op_return;
    case 0xE0:
    case 0xE1:
    case 0xE2:
      return &op_loop;
    case 0xE3:
      return &op_jump_if_zero;
    case 0xE8:
      return &op_call;
    case 0xE9:
    case 0xEB:
      return &op_jump;
    default:
      break;
  }
  const bool call = (op.modrm >> 3 & 7) == 2;
  if (call) return BY_FORM(op, op_call_operand);
  return BY_FORM(op, op_jump_operand);
}

// E4-E7, EC-EF
Handler port_handler(const Op& op) {
  const bool immediate = op.opcode < 0xE8, out = op.opcode & 2;
  switch (op.operand_size) {
    case 1:
      return immediate ? (out ? &op_out<uint8_t, true> : &op_in<uint8_t, true>)
                       : (out ? &op_out<uint8_t, false> : &op_in<uint8_t, false>);
    case 2:
      return immediate ? (out ? &op_out<uint16_t, true> : &op_in<uint16_t, true>)
                       : (out ? &op_out<uint16_t, false> : &op_in<uint16_t, false>);
    default:
      return immediate ? (out ? &op_out<uint32_t, true> : &op_in<uint32_t, true>)
                       : (out ? &op_out<uint32_t, false> : &op_in<uint32_t, false>);
  }
}

// 27, 2F, 37, 3F, 62, D4, D5, D6, F5, F8, F9, FC, FD
Handler misc_handler(const Op& op) {
  switch (op.opcode) {
    case 0x27:
      return &op_daa;
    case 0x2F:
      return &op_das;
    case 0x37:
      return &op_ascii_adjust<true>;
    case 0x3F:
      return &op_ascii_adjust<false>;
    case 0x62:
      return (op.flags & OP_MEMORY) ? (op.operand_size == 2 ? &op_bound<uint16_t> : &op_bound<uint32_t>) : nullptr;
    case 0xD4:
      return &op_aam;
    case 0xD5:
      return &op_aad;
    case 0xD6:
      return &op_salc;
    case 0xF5:
      return &op_cmc;
    case 0xF8:
      return &op_clc;
    case 0xF9:
      return &op_stc;
    case 0xFC:
      return &op_cld;
    case 0xFD:
      return &op_std;
    default:
      return nullptr;
  }
}

}  // namespace bancada
