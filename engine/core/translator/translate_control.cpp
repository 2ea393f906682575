// Jumps, calls and returns, and the ways from block to block.
#include <cstddef>

#include "../interpreter/block_cache.h"
#include "../interpreter/decoder.h"
#include "../interpreter/interpreter.h"
#include "block_translator.h"

namespace bancada {

namespace {

constexpr int CONDITION_Z = 4;
constexpr int CONDITION_NZ = 5;

}  // namespace

uint32_t BlockTranslator::target(const Op& op) const {
  const uint32_t eip = translation_.eip + op.imm;
  return op.operand_size == 2 ? eip & 0xFFFF : eip;
}

bool BlockTranslator::fits_code_segment(uint32_t eip) const {
  return segment_kind(kinds_, CS) >= SegmentKind::whole || eip < 0x10000;
}

bool BlockTranslator::in_same_page(uint32_t eip) const {
  const uint32_t offset = block_.physical & 0xFFF;
  // The block there may be an instruction that goes on in another page, which depends on the mapping.
  if (((block_.physical + eip - translation_.eip) & 0xFFF) > 0x1000 - LONGEST_INSTRUCTION) return false;
  // Without a wrap of EIP the physical page is the same, however it is mapped.
  return eip >= translation_.eip ? eip - translation_.eip < 0x1000 - offset : translation_.eip - eip <= offset;
}

void BlockTranslator::jump_by_table() {
  cold_.push_back({translator_.write_jump_by_table(code_), &make_exit(TranslationExit::Kind::jump), false, 0});
}

void BlockTranslator::go_to(uint32_t eip) {
  if (in_same_page(eip)) {
    cold_.push_back({code_.jump(), &make_exit(TranslationExit::Kind::link), true, eip});
    return;
  }
  jump_to_other_page(eip);
}

// What is in another page depends on the mapping: the jump knows the contexts, by their slots, that it is right in.
void BlockTranslator::jump_to_other_page(uint32_t eip) {
  TranslationExit& exit = make_exit(TranslationExit::Kind::link_in_context);
  code_.move_constant64(RCX, 0);
  exit.contexts = code_.at() - sizeof(uint64_t);
  code_.pext64(RCX, RCX, place(&cpu_.translator_frame_.context_bit));
  uint8_t* const unknown = code_.jrcxz();
  exit.site = code_.jump();
  code_.land(unknown);
  exit.unlinked = code_.at();
  code_.move_constant(R8, eip);
  exit.unknown = code_.jump();
  cold_.push_back({exit.unknown, &exit, false, 0});
}

// To a procedure, and what is done when it returns: R8 is the EIP then, which need not be the one behind the CALL.
void BlockTranslator::call_and_come_back(uint32_t eip, bool constant) {
  const uint32_t next = translation_.eip + current_->offset + current_->length;
  uint8_t* const call = code_.call();
  code_.lea(RCX, {R8, HostMemory::NONE, 0, static_cast<int32_t>(~next + 1)});
  uint8_t* const back = code_.jrcxz();
  code_.jump(translator_.by_table_code_);
  code_.land(back);
  go_to(next);
  if (constant && in_same_page(eip)) {
    cold_.push_back({call, &make_exit(TranslationExit::Kind::link), true, eip});
    return;
  }
  if (!code_.full()) CodeWriter::aim(call, code_.at());
  if (constant)
    jump_to_other_page(eip);
  else
    jump_by_table();
}

BlockTranslator::Done BlockTranslator::jump_if(const Op& op) {
  const uint32_t taken = target(op);
  if (!fits_code_segment(taken)) return Done::not_here;
  uint8_t* const jump = code_.jump_if(op.opcode & 15, nullptr);
  if (in_same_page(taken)) cold_.push_back({jump, &make_exit(TranslationExit::Kind::link), true, taken});
  go_to(translation_.eip + op.offset + op.length);
  if (in_same_page(taken)) return Done::ended;
  if (!code_.full()) CodeWriter::aim(jump, code_.at());
  go_to(taken);
  return Done::ended;
}

BlockTranslator::Done BlockTranslator::jump(const Op& op) {
  if (!fits_code_segment(target(op))) return Done::not_here;
  go_to(target(op));
  return Done::ended;
}

BlockTranslator::Done BlockTranslator::call(const Op& op) {
  if (!fits_code_segment(target(op)) || !can_use_stack()) return Done::not_here;
  const uint32_t next = translation_.eip + op.offset + op.length;
  push_value(0, op.operand_size, true, next);
  if (target(op) == next)
    go_to(next);  // it wants to know where it is
  else
    call_and_come_back(target(op), true);
  return Done::ended;
}

// FF /2, FF /4
BlockTranslator::Done BlockTranslator::jump_operand(const Op& op, bool call) {
  const int size = op.operand_size;
  if (size == 4 && segment_kind(kinds_, CS) < SegmentKind::whole) return Done::not_here;
  if (call && !can_use_stack()) return Done::not_here;
  if (op.flags & OP_MEMORY) {
    if (!can_address(op, false)) return Done::not_here;
    operand(op, size, false);
    if (size == 2)
      code_.with_memory(1, 0xB7, 4, R10, operand_);
    else
      code_.load(R10, operand_);
  } else if (size == 2) {
    code_.zero_extend16(R10, HOST_OF[op.rm]);
  } else {
    code_.move(R10, HOST_OF[op.rm]);
  }
  if (call) push_value(0, size, true, translation_.eip + op.offset + op.length);
  code_.move(R8, R10);
  if (call)
    call_and_come_back(0, false);
  else
    jump_by_table();
  return Done::ended;
}

BlockTranslator::Done BlockTranslator::return_near(const Op& op) {
  const int size = op.operand_size;
  if (!can_use_stack() || (size == 4 && segment_kind(kinds_, CS) < SegmentKind::whole)) return Done::not_here;
  stack_operand(0, size, false);
  if (size == 2)
    code_.with_memory(1, 0xB7, 4, R8, operand_);
  else
    code_.load(R8, operand_);
  move_stack(size + static_cast<int>(op.imm & 0xFFFF));
  code_.byte(0xC3);  // RET
  return Done::ended;
}

// E0 LOOPNE, E1 LOOPE, E2 LOOP, E3 JCXZ
BlockTranslator::Done BlockTranslator::loop(const Op& op) {
  const uint32_t taken = target(op);
  if (!fits_code_segment(taken)) return Done::not_here;
  const uint32_t next = translation_.eip + op.offset + op.length;
  const bool wide = op.address_mask == 0xFFFFFFFF;
  if (op.opcode == 0xE3) {
    if (wide)
      code_.move(RCX, R11);
    else
      code_.zero_extend16(RCX, R11);
    uint8_t* const zero = code_.jrcxz();
    uint8_t* const not_taken = code_.jump();
    code_.land(zero);
    go_to(taken);
    if (!code_.full()) CodeWriter::aim(not_taken, code_.at());
    go_to(next);
    return Done::ended;
  }
  code_.lea(RCX, {R11, HostMemory::NONE, 0, -1});
  if (wide) {
    code_.move(R11, RCX);
  } else {
    code_.with_register(0, 0x89, 2, RCX, R11);
    code_.zero_extend16(RCX, RCX);
  }
  uint8_t* const over = code_.jrcxz();
  uint8_t* on;
  uint8_t* stop = nullptr;
  if (op.opcode == 0xE2) {
    on = code_.jump();
  } else {
    stop = code_.jump_if(op.opcode == 0xE1 ? CONDITION_NZ : CONDITION_Z, nullptr);
    on = code_.jump();
  }
  code_.land(over);
  if (stop != nullptr && !code_.full()) CodeWriter::aim(stop, code_.at());
  go_to(next);
  if (!code_.full()) CodeWriter::aim(on, code_.at());
  go_to(taken);
  return Done::ended;
}

}  // namespace bancada
