// Moves, arithmetic and the stack.
#include "../interpreter/block_cache.h"
#include "../interpreter/interpreter.h"
#include "block_translator.h"

namespace bancada {

namespace {

void immediate(CodeWriter& code, uint32_t value, int bytes) {
  if (bytes == 1)
    code.byte(static_cast<uint8_t>(value));
  else if (bytes == 2)
    code.word(static_cast<uint16_t>(value));
  else if (bytes == 4)
    code.dword(value);
}

}  // namespace

// An instruction with a ModRM byte and a register in it: the host's is the same. With bytes, 8xh-type opcodes with
// bit 1 set write `reg`; exchanges write both.
BlockTranslator::Done BlockTranslator::same_opcode(const Op& op, int map, uint8_t opcode, bool stores,
                                                   int immediate_bytes) {
  const int size = op.operand_size;
  const bool memory = op.flags & OP_MEMORY;
  if (memory && !can_address(op, stores)) return Done::not_here;
  if (memory) operand(op, size, stores);
  const int reg = register_operand(op.reg, size, R10);
  if (memory) {
    code_.with_memory(map, opcode, size, reg, operand_);
  } else {
    code_.with_register(map, opcode, size, reg, register_operand(op.rm, size, R9));
  }
  immediate(code_, op.imm, immediate_bytes);
  if (size != 1) return Done::yes;
  const bool exchange = (map == 0 && opcode == 0x86) || (map == 1 && opcode == 0xC0);
  const bool writes_reg = exchange || (map == 0 && (opcode == 0x8A || (opcode < 0x38 && (opcode & 2))));
  const bool writes_rm = stores && !memory;
  // XADD of a register with itself: the sum stays.
  if (writes_reg && is_high(op.reg, size)) write_high(op.reg, R10);
  if (writes_rm && is_high(op.rm, size)) write_high(op.rm, R9);
  return Done::yes;
}

// The same with an extension of the opcode in ModRM.reg.
BlockTranslator::Done BlockTranslator::group(const Op& op, int map, uint8_t opcode, int extension, bool stores,
                                             int immediate_bytes) {
  const int size = op.operand_size;
  if (op.flags & OP_MEMORY) {
    if (!can_address(op, stores)) return Done::not_here;
    operand(op, size, stores);
    code_.with_memory(map, opcode, size, extension, operand_);
    immediate(code_, op.imm, immediate_bytes);
    return Done::yes;
  }
  const int rm = register_operand(op.rm, size, R9);
  code_.with_register(map, opcode, size, extension, rm);
  immediate(code_, op.imm, immediate_bytes);
  if (stores && is_high(op.rm, size)) write_high(op.rm, R9);
  return Done::yes;
}

// 00-3D: rm with reg, reg with rm, accumulator with immediate
BlockTranslator::Done BlockTranslator::arithmetic(const Op& op) {
  const int kind = op.opcode >> 3 & 7, form = op.opcode & 7;
  if (form < 2) return same_opcode(op, 0, op.opcode, kind != 7);
  if (form < 4) {
    if (kind == 7 && op.operand_size == 1 && is_high(op.reg, 1)) {
      // CMP changes nothing.
      if ((op.flags & OP_MEMORY) && !can_address(op, false)) return Done::not_here;
      if (op.flags & OP_MEMORY) operand(op, 1, false);
      const int reg = register_operand(op.reg, 1, R10);
      if (op.flags & OP_MEMORY)
        code_.with_memory(0, op.opcode, 1, reg, operand_);
      else
        code_.with_register(0, op.opcode, 1, reg, register_operand(op.rm, 1, R9));
      return Done::yes;
    }
    return same_opcode(op, 0, op.opcode, false);
  }
  code_.with_register(0, op.operand_size == 1 ? 0x80 : 0x81, op.operand_size, kind, RAX);
  immediate(code_, op.imm, op.operand_size);
  return Done::yes;
}

// 80-83
BlockTranslator::Done BlockTranslator::arithmetic_immediate(const Op& op) {
  const int kind = op.modrm >> 3 & 7;
  const uint8_t opcode = op.opcode == 0x82 ? 0x80 : op.opcode;
  return group(op, 0, opcode, kind, kind != 7, opcode == 0x81 ? op.operand_size : 1);
}

// C0, C1, D0-D3
BlockTranslator::Done BlockTranslator::shift(const Op& op) {
  int kind = op.modrm >> 3 & 7;
  if (kind == 6) kind = 4;
  const int immediate_bytes = op.opcode < 0xD0 ? 1 : 0;
  if (op.opcode < 0xD2) return group(op, 0, op.opcode, kind, true, immediate_bytes);
  const int size = op.operand_size;
  const bool memory = op.flags & OP_MEMORY;
  if (memory) {
    if (!can_address(op, true)) return Done::not_here;
    operand(op, size, true);
    free_rcx();
  }
  const int rm = memory ? 0 : register_operand(op.rm, size, R9);
  // Nothing changes, no flag either, when the low five bits of CL are 0.
  code_.lea(RCX, {HostMemory::NONE, R11, 3, 0});
  code_.with_register(1, 0xB6, 4, RCX, RCX);
  uint8_t* const none = code_.jrcxz();
  code_.move(RCX, R11);
  if (memory)
    code_.with_memory(0, op.opcode, size, kind, operand_);
  else
    code_.with_register(0, op.opcode, size, kind, rm);
  if (kind >= 4) clear_flags(FLAG_AF);
  if (!memory && is_high(op.rm, size)) write_high(op.rm, R9);
  code_.land(none);
  return Done::yes;
}

// B0-BF
BlockTranslator::Done BlockTranslator::move_immediate(const Op& op) {
  const int number = op.opcode & 7;
  if (op.operand_size == 4) {
    code_.move_constant(HOST_OF[number], op.imm);
  } else if (op.operand_size == 2) {
    code_.with_register(0, 0xC7, 2, 0, HOST_OF[number]);
    code_.word(static_cast<uint16_t>(op.imm));
  } else if (is_high(number, 1)) {
    code_.move_constant(R9, op.imm & 0xFF);
    write_high(number, R9);
  } else {
    code_.with_register(0, 0xC6, 1, 0, HOST_OF[number]);
    code_.byte(static_cast<uint8_t>(op.imm));
  }
  return Done::yes;
}

// A0-A3: the accumulator and memory at an address in the instruction
BlockTranslator::Done BlockTranslator::move_offset(const Op& op) {
  const bool store = op.opcode & 2;
  if (!can_address(op, store)) return Done::not_here;
  code_.move_constant(R8, op.displacement & op.address_mask);
  access(op.segment, op.operand_size, store, op.address_mask != 0xFFFF);
  code_.with_memory(0, static_cast<uint8_t>((store ? 0x88 : 0x8A) | (op.opcode & 1)), op.operand_size, RAX, operand_);
  return Done::yes;
}

// MOVZX, MOVSX: the operand's size is in the opcode
BlockTranslator::Done BlockTranslator::extend(const Op& op) {
  const int source = op.opcode & 1 ? 2 : 1;
  if (op.flags & OP_MEMORY) {
    if (!can_address(op, false)) return Done::not_here;
    operand(op, source, false);
    code_.with_memory(1, op.opcode, op.operand_size, HOST_OF[op.reg], operand_);
  } else {
    code_.with_register(1, op.opcode, op.operand_size, HOST_OF[op.reg], register_operand(op.rm, source, R9));
  }
  return Done::yes;
}

BlockTranslator::Done BlockTranslator::load_address(const Op& op) {
  if (!(op.flags & OP_MEMORY)) return Done::not_here;
  const int reg = HOST_OF[op.reg];
  if (op.operand_size == 4) {
    effective_address(op, reg);
  } else {
    effective_address(op, R8);
    code_.with_register(0, 0x89, 2, R8, reg);
  }
  return Done::yes;
}

// -- Stack -----------------------------------------------------------------------------------------------------------

void BlockTranslator::push_value(int from, int size, bool constant, uint32_t value) {
  stack_operand(size, size, true);
  if (constant) {
    code_.with_memory(0, 0xC7, size, 0, operand_);
    immediate(code_, value, size);
  } else {
    code_.store(operand_, from, size);
  }
  move_stack(-size);
}

BlockTranslator::Done BlockTranslator::push_register(const Op& op) {
  if (!can_use_stack()) return Done::not_here;
  push_value(HOST_OF[op.opcode & 7], op.operand_size, false, 0);
  return Done::yes;
}

BlockTranslator::Done BlockTranslator::push_immediate(const Op& op) {
  if (!can_use_stack()) return Done::not_here;
  push_value(0, op.operand_size, true, op.imm);
  return Done::yes;
}

BlockTranslator::Done BlockTranslator::push_operand(const Op& op) {
  if (!can_use_stack()) return Done::not_here;
  if (!(op.flags & OP_MEMORY)) {
    push_value(HOST_OF[op.rm], op.operand_size, false, 0);
    return Done::yes;
  }
  if (!can_address(op, false)) return Done::not_here;
  operand(op, op.operand_size, false);
  code_.load(R10, operand_, op.operand_size);
  push_value(R10, op.operand_size, false, 0);
  return Done::yes;
}

BlockTranslator::Done BlockTranslator::pop_register(const Op& op) {
  if (!can_use_stack()) return Done::not_here;
  stack_operand(0, op.operand_size, false);
  if (op.operand_size == 4 && (op.opcode & 7) != ESP) {
    code_.load(HOST_OF[op.opcode & 7], operand_);
    move_stack(4);
    return Done::yes;
  }
  code_.load(R10, operand_, op.operand_size);
  move_stack(op.operand_size);
  code_.with_register(0, 0x89, op.operand_size, R10, HOST_OF[op.opcode & 7]);
  return Done::yes;
}

BlockTranslator::Done BlockTranslator::leave(const Op& op) {
  if (!can_use_stack() || !(kinds_ & KINDS_STACK32) || op.operand_size != 4) return Done::not_here;
  code_.move(R8, RBP);
  access(SS, 4, false);
  code_.load(R10, operand_);
  code_.lea(R12, {RBP, HostMemory::NONE, 0, 4});
  code_.move(RBP, R10);
  return Done::yes;
}

}  // namespace bancada
