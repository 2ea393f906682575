// Loads and stores of segment registers (SDM vol. 3, 3.4; vol. 2: MOV, PUSH, POP, LDS and kin).
#include "../translator/translator.h"
#include "decode_groups.h"
#include "descriptor.h"
#include "dispatch.h"
#include "far_transfer.h"
#include "memory_access.h"

namespace bancada {

void Interpreter::load_segment(SegmentRegister segment, uint16_t selector) {
  if (!state_.protected_mode()) {
    load_real_segment(state_.seg[segment], selector);
  } else if (state_.v86()) {
    state_.seg[segment] = v86_segment(selector);
  } else if (segment == SS) {
    state_.seg[SS] = checked_stack_segment(*this, selector, state_.cpl, VECTOR_GP);
  } else if (is_null(selector)) {
    state_.seg[segment] = null_segment(selector);
  } else {
    const uint32_t error = selector & SELECTOR_INDEX_TI;
    Descriptor descriptor = fetch_descriptor(*this, selector, VECTOR_GP);
    if (!descriptor.is_readable()) fault(VECTOR_GP, error);
    const uint8_t rpl = selector & SELECTOR_RPL;
    if (!descriptor.is_conforming() && (descriptor.dpl() < rpl || descriptor.dpl() < state_.cpl))
      fault(VECTOR_GP, error);
    if (!descriptor.present()) fault(VECTOR_NP, error);
    mark_accessed(*this, descriptor);
    state_.seg[segment] = descriptor.segment(selector);
  }
  if (segment == SS) {
    segments_changed();
  } else if (translator_) {
    translator_->context_changed();
  }
}

namespace {

// A new SS may change what decoding depends on, and the instruction after it takes no interrupt (SDM 6.8.3).
const Op* end_segment_load(Interpreter& cpu, const Op* op, SegmentRegister segment) {
  if (segment != SS) return NEXT(cpu, op);
  cpu.state_.interrupt_shadow = true;
  cpu.state_.eip = cpu.next_eip();
  return cpu.leave_block();
}

template <SegmentRegister SEGMENT>
const Op* push_segment(Interpreter& cpu, const Op* op) {
  cpu.push(cpu.state_.seg[SEGMENT].selector, op->operand_size);
  return NEXT(cpu, op);
}

template <SegmentRegister SEGMENT>
const Op* pop_segment(Interpreter& cpu, const Op* op) {
  const uint32_t mask = cpu.stack_mask();
  const uint32_t esp = cpu.state_.gpr[ESP];
  const uint32_t value =
      op->operand_size == 4 ? cpu.read<uint32_t>(SS, esp & mask) : cpu.read<uint16_t>(SS, esp & mask);
  cpu.load_segment(SEGMENT, static_cast<uint16_t>(value));
  cpu.state_.gpr[ESP] = (esp & ~mask) | ((esp + op->operand_size) & mask);
  return end_segment_load(cpu, op, SEGMENT);
}

const Op* store_segment_to_memory(Interpreter& cpu, const Op* op) {
  const uint8_t segment = (op->modrm >> 3) & 7;
  cpu.write<uint16_t>(static_cast<SegmentRegister>(op->segment), cpu.effective_address(op),
                      cpu.state_.seg[segment].selector);
  return NEXT(cpu, op);
}

const Op* store_segment_to_register(Interpreter& cpu, const Op* op) {
  const uint32_t selector = cpu.state_.seg[(op->modrm >> 3) & 7].selector;
  uint32_t& to = cpu.state_.gpr[op->modrm & 7];
  to = op->operand_size == 4 ? selector : (to & 0xFFFF0000) | selector;
  return NEXT(cpu, op);
}

const Op* load_segment_from_memory(Interpreter& cpu, const Op* op) {
  const auto segment = static_cast<SegmentRegister>((op->modrm >> 3) & 7);
  cpu.load_segment(segment, cpu.read<uint16_t>(static_cast<SegmentRegister>(op->segment), cpu.effective_address(op)));
  return end_segment_load(cpu, op, segment);
}

const Op* load_segment_from_register(Interpreter& cpu, const Op* op) {
  const auto segment = static_cast<SegmentRegister>((op->modrm >> 3) & 7);
  cpu.load_segment(segment, static_cast<uint16_t>(cpu.state_.gpr[op->modrm & 7]));
  return end_segment_load(cpu, op, segment);
}

template <SegmentRegister SEGMENT>
const Op* load_far_pointer(Interpreter& cpu, const Op* op) {
  const auto from = static_cast<SegmentRegister>(op->segment);
  const uint32_t address = cpu.effective_address(op);
  const uint32_t selector_address = (address + op->operand_size) & op->address_mask;
  uint32_t& to = cpu.state_.gpr[(op->modrm >> 3) & 7];
  if (op->operand_size == 4) {
    const uint32_t offset = cpu.read<uint32_t>(from, address);
    cpu.load_segment(SEGMENT, cpu.read<uint16_t>(from, selector_address));
    to = offset;
  } else {
    const uint16_t offset = cpu.read<uint16_t>(from, address);
    cpu.load_segment(SEGMENT, cpu.read<uint16_t>(from, selector_address));
    to = (to & 0xFFFF0000) | offset;
  }
  if (SEGMENT == SS) {
    cpu.state_.eip = cpu.next_eip();
    return cpu.leave_block();
  }
  return NEXT(cpu, op);
}

Handler one_byte_handler(const Op& op) {
  const bool memory = (op.flags & OP_MEMORY) != 0;
  const uint8_t reg = (op.modrm >> 3) & 7;
  switch (op.opcode) {
    case 0x06:
      return push_segment<ES>;
    case 0x0E:
      return push_segment<CS>;
    case 0x16:
      return push_segment<SS>;
    case 0x1E:
      return push_segment<DS>;
    case 0x07:
      return pop_segment<ES>;
    case 0x17:
      return pop_segment<SS>;
    case 0x1F:
      return pop_segment<DS>;
    case 0x8C:
      if (reg > GS) return nullptr;
      return memory ? store_segment_to_memory : store_segment_to_register;
    case 0x8E:
      if (reg > GS || reg == CS) return nullptr;
      return memory ? load_segment_from_memory : load_segment_from_register;
    case 0xC4:
      return memory ? load_far_pointer<ES> : nullptr;
    case 0xC5:
      return memory ? load_far_pointer<DS> : nullptr;
    default:
      return far_transfer_handler(op);
  }
}

Handler two_byte_handler(const Op& op) {
  const bool memory = (op.flags & OP_MEMORY) != 0;
  switch (op.opcode) {
    case 0xA0:
      return push_segment<FS>;
    case 0xA8:
      return push_segment<GS>;
    case 0xA1:
      return pop_segment<FS>;
    case 0xA9:
      return pop_segment<GS>;
    case 0xB2:
      return memory ? load_far_pointer<SS> : nullptr;
    case 0xB4:
      return memory ? load_far_pointer<FS> : nullptr;
    case 0xB5:
      return memory ? load_far_pointer<GS> : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace

Handler segment_handler(const Op& op, bool two_byte) {
  return two_byte ? two_byte_handler(op) : one_byte_handler(op);
}

}  // namespace bancada
