// String instructions without a repeat prefix. Which way they go is a part of what a translation takes for granted.
#include "../interpreter/block_cache.h"
#include "../interpreter/interpreter.h"
#include "block_translator.h"

namespace bancada {

void BlockTranslator::string_operand(const Op& op, int pointer, unsigned segment, bool store) {
  const bool wide = op.address_mask != 0xFFFF;
  if (wide)
    code_.move(R8, pointer);
  else
    code_.zero_extend16(R8, pointer);
  access(segment, op.operand_size, store, wide);
}

void BlockTranslator::advance(const Op& op, int pointer) {
  const int step = kinds_ & KINDS_BACKWARD ? -op.operand_size : op.operand_size;
  if (op.address_mask != 0xFFFF) {
    code_.lea(pointer, {pointer, HostMemory::NONE, 0, step});
  } else {
    code_.lea(R9, {pointer, HostMemory::NONE, 0, step});
    code_.with_register(0, 0x89, 2, R9, pointer);
  }
}

// A4-A7, AA-AF
BlockTranslator::Done BlockTranslator::string(const Op& op) {
  const auto kind = static_cast<uint8_t>(op.opcode & 0xFE);
  const uint8_t word = op.opcode & 1;
  const bool has_source = kind == MOVS || kind == CMPS || kind == LODS;
  const bool has_destination = kind != LODS;
  const bool stores = kind == MOVS || kind == STOS;
  if (has_source && !can_address(op, false)) return Done::not_here;
  if (has_destination && segment_kind(kinds_, ES) == SegmentKind::checked) return Done::not_here;
  int value = RAX;
  if (has_source) {
    string_operand(op, RSI, op.segment, false);
    if (kind != LODS) value = R10;
    code_.with_memory(0, 0x8A | word, op.operand_size, value, operand_);
  }
  if (has_destination) {
    string_operand(op, RDI, ES, stores);
    code_.with_memory(0, (stores ? 0x88 : 0x3A) | word, op.operand_size, value, operand_);
  }
  if (has_source) advance(op, RSI);
  if (has_destination) advance(op, RDI);
  return Done::yes;
}

}  // namespace bancada
