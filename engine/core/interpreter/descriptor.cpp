#include "descriptor.h"

#include "memory_access.h"

namespace bancada {

namespace {

// Whether bytes [offset, offset + size) may be written: expand-down segments begin above their limit (SDM 5.3).
bool writable_at(const Segment& segment, uint32_t offset, uint32_t size) {
  const uint64_t end = uint64_t{offset} + size;
  if (end <= segment.write_span) return true;
  constexpr uint16_t KIND = ACCESS_PRESENT | ACCESS_S | ACCESS_CODE | ACCESS_EXPAND_DOWN | ACCESS_WRITABLE;
  constexpr uint16_t DOWN = ACCESS_PRESENT | ACCESS_S | ACCESS_EXPAND_DOWN | ACCESS_WRITABLE;
  if ((segment.access & KIND) != DOWN) return false;
  return offset > segment.limit && end <= (segment.is_big() ? uint64_t{1} << 32 : uint64_t{1} << 16);
}

}  // namespace

bool try_fetch_descriptor(Interpreter& cpu, uint16_t selector, Descriptor& descriptor) {
  const CpuState& state = cpu.state_;
  uint32_t base = state.gdtr.base, limit = state.gdtr.limit;
  if (selector & SELECTOR_TI) {
    if (!(state.ldtr.access & ACCESS_PRESENT)) return false;
    base = state.ldtr.base;
    limit = state.ldtr.limit;
  }
  if ((selector | 7u) > limit) return false;
  descriptor.linear = base + (selector & ~7u);
  descriptor.low = cpu.read_system<uint32_t>(descriptor.linear);
  descriptor.high = cpu.read_system<uint32_t>(descriptor.linear + 4);
  return true;
}

Descriptor fetch_descriptor(Interpreter& cpu, uint16_t selector, Vector vector) {
  Descriptor descriptor;
  if (!try_fetch_descriptor(cpu, selector, descriptor)) cpu.fault(vector, selector & SELECTOR_INDEX_TI);
  return descriptor;
}

void mark_accessed(Interpreter& cpu, Descriptor& descriptor) {
  if (descriptor.access() & ACCESS_ACCESSED) return;
  descriptor.high |= 1u << 8;
  cpu.write_system<uint8_t>(descriptor.linear + 5, static_cast<uint8_t>(descriptor.high >> 8));
}

Segment checked_stack_segment(Interpreter& cpu, uint16_t selector, uint8_t cpl, Vector vector) {
  const uint32_t error = selector & SELECTOR_INDEX_TI;
  if (is_null(selector)) cpu.fault(vector, 0);
  Descriptor descriptor = fetch_descriptor(cpu, selector, vector);
  if ((selector & SELECTOR_RPL) != cpl || !descriptor.is_writable_data() || descriptor.dpl() != cpl)
    cpu.fault(vector, error);
  if (!descriptor.present()) cpu.fault(VECTOR_SS, error);
  mark_accessed(cpu, descriptor);
  return descriptor.segment(selector);
}

void StackWriter::push(uint32_t value, int size) {
  const uint32_t offset = (esp_ - static_cast<uint32_t>(size)) & mask_;
  if (!writable_at(ss_, offset, static_cast<uint32_t>(size))) cpu_.fault(VECTOR_SS, error_code_);
  const uint32_t linear = ss_.base + offset;
  if (size == 4) {
    user_ ? cpu_.write_linear_user<uint32_t>(linear, value) : cpu_.write_system<uint32_t>(linear, value);
  } else {
    const auto word = static_cast<uint16_t>(value);
    user_ ? cpu_.write_linear_user<uint16_t>(linear, word) : cpu_.write_system<uint16_t>(linear, word);
  }
  esp_ = (esp_ & ~mask_) | offset;
}

InnerStack inner_stack(Interpreter& cpu, uint8_t new_cpl) {
  const Segment& tr = cpu.state_.tr;
  const uint32_t tss_error = tr.selector & SELECTOR_INDEX_TI;
  uint16_t selector;
  InnerStack stack;
  if (tr.access & TYPE_WIDE_BIT) {
    const uint32_t offset = 4 + new_cpl * 8u;
    if (offset + 5 > tr.limit) cpu.fault(VECTOR_TS, tss_error);
    stack.esp = cpu.read_system<uint32_t>(tr.base + offset);
    selector = cpu.read_system<uint16_t>(tr.base + offset + 4);
  } else {
    const uint32_t offset = 2 + new_cpl * 4u;
    if (offset + 3 > tr.limit) cpu.fault(VECTOR_TS, tss_error);
    stack.esp = cpu.read_system<uint16_t>(tr.base + offset);
    selector = cpu.read_system<uint16_t>(tr.base + offset + 2);
  }
  stack.ss = checked_stack_segment(cpu, selector, new_cpl, VECTOR_TS);
  return stack;
}

}  // namespace bancada
