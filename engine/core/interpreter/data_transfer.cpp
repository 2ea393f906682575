// Moves, exchanges, the stack, addresses and conversions (SDM vol. 1, 7.3.1).
#include "dispatch.h"
#include "lazy_flags.h"
#include "memory_access.h"

namespace bancada {

namespace {

template <typename T, bool Memory>
const Op* op_store(Interpreter& cpu, const Op* op) {
  write_operand<T, Memory>(cpu, op, get_register<T>(cpu, op->reg));
  return NEXT(cpu, op);
}

template <typename T, bool Memory>
const Op* op_load(Interpreter& cpu, const Op* op) {
  set_register<T>(cpu, op->reg, read_operand<T, Memory>(cpu, op));
  return NEXT(cpu, op);
}

template <typename T, bool Memory>
const Op* op_store_immediate(Interpreter& cpu, const Op* op) {
  write_operand<T, Memory>(cpu, op, static_cast<T>(op->imm));
  return NEXT(cpu, op);
}

template <typename T>
const Op* op_load_immediate(Interpreter& cpu, const Op* op) {
  set_register<T>(cpu, op->reg, static_cast<T>(op->imm));
  return NEXT(cpu, op);
}

template <typename T>
const Op* op_load_offset(Interpreter& cpu, const Op* op) {
  set_register<T>(cpu, EAX, cpu.read<T>(operand_segment(op), op->displacement));
  return NEXT(cpu, op);
}

template <typename T>
const Op* op_store_offset(Interpreter& cpu, const Op* op) {
  cpu.write<T>(operand_segment(op), op->displacement, get_register<T>(cpu, EAX));
  return NEXT(cpu, op);
}

template <typename T>
const Op* op_address(Interpreter& cpu, const Op* op) {
  set_register<T>(cpu, op->reg, static_cast<T>(cpu.effective_address(op)));
  return NEXT(cpu, op);
}

template <typename T, bool Memory>
const Op* op_exchange(Interpreter& cpu, const Op* op) {
  T other = get_register<T>(cpu, op->reg);
  change_operand<T, Memory>(cpu, op, [&](T value) {
    const T mine = other;
    other = value;
    return mine;
  });
  set_register<T>(cpu, op->reg, other);
  return NEXT(cpu, op);
}

const Op* op_nop(Interpreter& cpu, const Op* op) {
  return NEXT(cpu, op);
}

const Op* op_cbw(Interpreter& cpu, const Op* op) {
  uint32_t& eax = cpu.state_.gpr[EAX];
  if (op->operand_size == 2)
    set_register<uint16_t>(cpu, EAX, static_cast<uint16_t>(static_cast<int8_t>(eax)));
  else
    eax = static_cast<uint32_t>(static_cast<int32_t>(static_cast<int16_t>(eax)));
  return NEXT(cpu, op);
}

const Op* op_cwd(Interpreter& cpu, const Op* op) {
  const uint32_t eax = cpu.state_.gpr[EAX];
  if (op->operand_size == 2)
    set_register<uint16_t>(cpu, EDX, eax & 0x8000 ? 0xFFFF : 0);
  else
    cpu.state_.gpr[EDX] = eax & 0x80000000 ? 0xFFFFFFFF : 0;
  return NEXT(cpu, op);
}

const Op* op_sahf(Interpreter& cpu, const Op* op) {
  const uint32_t ah = cpu.state_.gpr[EAX] >> 8 & 0xFF;
  cpu.set_status_flags(ah | (get_of(cpu) ? FLAG_OF : 0));
  return NEXT(cpu, op);
}

const Op* op_lahf(Interpreter& cpu, const Op* op) {
  set_register<uint8_t>(cpu, 4, static_cast<uint8_t>(status_flags(cpu) | FLAG_ONE));
  return NEXT(cpu, op);
}

const Op* op_xlat(Interpreter& cpu, const Op* op) {
  const uint32_t offset = (cpu.state_.gpr[EBX] + (cpu.state_.gpr[EAX] & 0xFF)) & op->address_mask;
  set_register<uint8_t>(cpu, EAX, cpu.read<uint8_t>(operand_segment(op), offset));
  return NEXT(cpu, op);
}

// -- Stack

const Op* op_push_register(Interpreter& cpu, const Op* op) {
  cpu.push(cpu.state_.gpr[op->reg], op->operand_size);
  return NEXT(cpu, op);
}

const Op* op_pop_register(Interpreter& cpu, const Op* op) {
  const uint32_t value = cpu.pop(op->operand_size);
  if (op->operand_size == 2)
    set_register<uint16_t>(cpu, op->reg, static_cast<uint16_t>(value));
  else
    cpu.state_.gpr[op->reg] = value;
  return NEXT(cpu, op);
}

const Op* op_push_immediate(Interpreter& cpu, const Op* op) {
  cpu.push(op->imm, op->operand_size);
  return NEXT(cpu, op);
}

template <typename T, bool Memory>
const Op* op_push_operand(Interpreter& cpu, const Op* op) {
  cpu.push(read_operand<T, Memory>(cpu, op), sizeof(T));
  return NEXT(cpu, op);
}

// POP computes its address with ESP already moved.
template <typename T, bool Memory>
const Op* op_pop_operand(Interpreter& cpu, const Op* op) {
  const uint32_t before = cpu.state_.gpr[ESP];
  const auto value = static_cast<T>(cpu.pop(sizeof(T)));
  if constexpr (Memory) {
    const uint32_t after = cpu.state_.gpr[ESP];
    const uint32_t offset = cpu.effective_address(op);
    cpu.state_.gpr[ESP] = before;  // as it must be if the store faults
    cpu.write<T>(operand_segment(op), offset, value);
    cpu.state_.gpr[ESP] = after;
  } else {
    set_register<T>(cpu, op->rm, value);
  }
  return NEXT(cpu, op);
}

const Op* op_push_all(Interpreter& cpu, const Op* op) {
  const int size = op->operand_size;
  const uint32_t esp = cpu.state_.gpr[ESP], mask = cpu.stack_mask_;
  // The lowest and highest words are tried first: if they can be written, the faults are over.
  for (int i = 8; i >= 1; --i) {
    const uint32_t offset = (esp - static_cast<uint32_t>(i * size)) & mask;
    if (size == 2)
      cpu.check_write<uint16_t>(SS, offset);
    else
      cpu.check_write<uint32_t>(SS, offset);
  }
  for (int i = 0; i < 8; ++i) cpu.push(i == ESP ? esp : cpu.state_.gpr[i], size);
  return NEXT(cpu, op);
}

const Op* op_pop_all(Interpreter& cpu, const Op* op) {
  const int size = op->operand_size;
  const uint32_t esp = cpu.state_.gpr[ESP], mask = cpu.stack_mask_;
  uint32_t values[8];
  for (int i = 0; i < 8; ++i) {
    const uint32_t offset = (esp + static_cast<uint32_t>(i * size)) & mask;
    values[i] = size == 2 ? cpu.read<uint16_t>(SS, offset) : cpu.read<uint32_t>(SS, offset);
  }
  for (int i = 0; i < 8; ++i) {
    const int number = 7 - i;
    if (number == ESP) continue;
    if (size == 2)
      set_register<uint16_t>(cpu, static_cast<unsigned>(number), static_cast<uint16_t>(values[i]));
    else
      cpu.state_.gpr[number] = values[i];
  }
  cpu.state_.gpr[ESP] = (esp & ~mask) | ((esp + static_cast<uint32_t>(8 * size)) & mask);
  return NEXT(cpu, op);
}

// ENTER imm16, imm8: imm is the frame's bytes, displacement the nesting level.
const Op* op_enter(Interpreter& cpu, const Op* op) {
  const auto size = static_cast<uint32_t>(op->operand_size);
  const uint32_t level = op->displacement & 31, mask = cpu.stack_mask_;
  const uint32_t esp = cpu.state_.gpr[ESP], ebp = cpu.state_.gpr[EBP];
  const auto put = [&](uint32_t at, uint32_t value) {
    if (size == 2)
      cpu.write<uint16_t>(SS, at & mask, static_cast<uint16_t>(value));
    else
      cpu.write<uint32_t>(SS, at & mask, value);
  };
  uint32_t top = esp - size;
  put(top, ebp);
  const uint32_t frame = top;
  for (uint32_t i = 1; i < level; ++i) {
    const uint32_t from = (ebp - i * size) & mask;
    const uint32_t value = size == 2 ? cpu.read<uint16_t>(SS, from) : cpu.read<uint32_t>(SS, from);
    top -= size;
    put(top, value);
  }
  if (level > 0) {
    top -= size;
    put(top, frame);
  }
  top -= op->imm & 0xFFFF;
  if (size == 2)
    cpu.check_write<uint16_t>(SS, top & mask);
  else
    cpu.check_write<uint32_t>(SS, top & mask);
  if (size == 2)
    set_register<uint16_t>(cpu, EBP, static_cast<uint16_t>(frame));
  else
    cpu.state_.gpr[EBP] = (frame & mask) | (mask == 0xFFFF ? ebp & 0xFFFF0000 : 0);
  cpu.state_.gpr[ESP] = (esp & ~mask) | (top & mask);
  return NEXT(cpu, op);
}

const Op* op_leave(Interpreter& cpu, const Op* op) {
  const uint32_t mask = cpu.stack_mask_, esp = cpu.state_.gpr[ESP];
  const uint32_t at = cpu.state_.gpr[EBP] & mask;
  const uint32_t size = op->operand_size;
  const uint32_t value = size == 2 ? cpu.read<uint16_t>(SS, at) : cpu.read<uint32_t>(SS, at);
  cpu.state_.gpr[ESP] = (esp & ~mask) | ((at + size) & mask);
  if (size == 2)
    set_register<uint16_t>(cpu, EBP, static_cast<uint16_t>(value));
  else
    cpu.state_.gpr[EBP] = value;
  return NEXT(cpu, op);
}

}  // namespace

// 86-8B, 8D, 90-99, 9E, 9F, A0-A3, B0-BF, C6, C7, D7
Handler move_handler(const Op& op) {
  switch (op.opcode) {
    case 0x86:
    case 0x87:
      return BY_FORM(op, op_exchange);
    case 0x88:
    case 0x89:
      return BY_FORM(op, op_store);
    case 0x8A:
    case 0x8B:
      return BY_FORM(op, op_load);
    case 0x8D:
      return (op.flags & OP_MEMORY) ? (op.operand_size == 2 ? &op_address<uint16_t> : &op_address<uint32_t>) : nullptr;
    case 0x90:
      return &op_nop;
    case 0x98:
      return &op_cbw;
    case 0x99:
      return &op_cwd;
    case 0x9E:
      return &op_sahf;
    case 0x9F:
      return &op_lahf;
    case 0xA0:
    case 0xA1:
      return BY_SIZE(op, op_load_offset);
    case 0xA2:
    case 0xA3:
      return BY_SIZE(op, op_store_offset);
    case 0xC6:
    case 0xC7:
      return BY_FORM(op, op_store_immediate);
    case 0xD7:
      return &op_xlat;
    default:
      break;
  }
  if (op.opcode >= 0x91 && op.opcode <= 0x97) return BY_FORM(op, op_exchange);
  return BY_SIZE(op, op_load_immediate);
}

// 50-61, 68, 6A, 8F, C8, C9, FF /6
Handler stack_handler(const Op& op) {
  if (op.opcode >= 0x50 && op.opcode <= 0x57) return &op_push_register;
  if (op.opcode >= 0x58 && op.opcode <= 0x5F) return &op_pop_register;
  switch (op.opcode) {
    case 0x60:
      return &op_push_all;
    case 0x61:
      return &op_pop_all;
    case 0x68:
    case 0x6A:
      return &op_push_immediate;
    case 0x8F:
      return BY_FORM(op, op_pop_operand);
    case 0xC8:
      return &op_enter;
    case 0xC9:
      return &op_leave;
    default:
      return BY_FORM(op, op_push_operand);
  }
}

}  // namespace bancada
