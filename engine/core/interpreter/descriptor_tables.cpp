// Instructions on descriptor tables and descriptors (SDM vol. 3, 2.8 and 5.10).
#include "descriptor.h"
#include "dispatch.h"
#include "lazy_flags.h"
#include "memory_access.h"
#include "system_groups.h"

namespace bancada {

namespace {

void require_protected(Interpreter& cpu) {
  if (!cpu.state_.protected_mode() || cpu.state_.v86()) cpu.fault(VECTOR_UD);
}

void require_cpl0(Interpreter& cpu) {
  if (cpu.state_.cpl != 0) cpu.fault(VECTOR_GP, 0);
}

SegmentRegister segment_of(const Op* op) {
  return static_cast<SegmentRegister>(op->segment);
}

uint16_t read_selector_operand(Interpreter& cpu, const Op* op) {
  if (op->flags & OP_MEMORY) return cpu.read<uint16_t>(segment_of(op), cpu.effective_address(op));
  return static_cast<uint16_t>(cpu.state_.gpr[op->modrm & 7]);
}

void set_register(Interpreter& cpu, uint8_t reg, uint32_t value, int size) {
  uint32_t& to = cpu.state_.gpr[reg];
  to = size == 4 ? value : (to & 0xFFFF0000) | (value & 0xFFFF);
}

void set_zero_flag(Interpreter& cpu, bool zero) {
  cpu.set_status_flags((cpu.flags() & FLAGS_STATUS & ~FLAG_ZF) | (zero ? FLAG_ZF : 0));
}

const Op* store_selector(Interpreter& cpu, const Op* op, uint16_t selector) {
  if (op->flags & OP_MEMORY) {
    cpu.write<uint16_t>(segment_of(op), cpu.effective_address(op), selector);
  } else {
    set_register(cpu, op->modrm & 7, selector, op->operand_size);
  }
  return NEXT(cpu, op);
}

const Op* sldt(Interpreter& cpu, const Op* op) {
  require_protected(cpu);
  return store_selector(cpu, op, cpu.state_.ldtr.selector);
}

const Op* str(Interpreter& cpu, const Op* op) {
  require_protected(cpu);
  return store_selector(cpu, op, cpu.state_.tr.selector);
}

const Op* lldt(Interpreter& cpu, const Op* op) {
  require_protected(cpu);
  require_cpl0(cpu);
  const uint16_t selector = read_selector_operand(cpu, op);
  if (is_null(selector)) {
    cpu.state_.ldtr = null_segment(selector);
    return NEXT(cpu, op);
  }
  const uint32_t error = selector & SELECTOR_INDEX_TI;
  if (selector & SELECTOR_TI) cpu.fault(VECTOR_GP, error);
  const Descriptor descriptor = fetch_descriptor(cpu, selector, VECTOR_GP);
  if (!descriptor.is_system() || descriptor.type() != TYPE_LDT) cpu.fault(VECTOR_GP, error);
  if (!descriptor.present()) cpu.fault(VECTOR_NP, error);
  cpu.state_.ldtr = descriptor.segment(selector);
  return NEXT(cpu, op);
}

const Op* ltr(Interpreter& cpu, const Op* op) {
  require_protected(cpu);
  require_cpl0(cpu);
  const uint16_t selector = read_selector_operand(cpu, op);
  const uint32_t error = selector & SELECTOR_INDEX_TI;
  if (is_null(selector) || (selector & SELECTOR_TI)) cpu.fault(VECTOR_GP, error);
  Descriptor descriptor = fetch_descriptor(cpu, selector, VECTOR_GP);
  if (!descriptor.is_available_tss()) cpu.fault(VECTOR_GP, error);
  if (!descriptor.present()) cpu.fault(VECTOR_NP, error);
  descriptor.high |= uint32_t{TYPE_BUSY_BIT} << 8;
  cpu.write_system<uint8_t>(descriptor.linear + 5, static_cast<uint8_t>(descriptor.high >> 8));
  cpu.state_.tr = descriptor.segment(selector);
  return NEXT(cpu, op);
}

// The descriptor an unprivileged program may ask about; false when it may not, or there is none.
bool find_visible(Interpreter& cpu, uint16_t selector, Descriptor& descriptor) {
  if (is_null(selector) || !try_fetch_descriptor(cpu, selector, descriptor)) return false;
  if (descriptor.is_conforming()) return true;
  return descriptor.dpl() >= cpu.state_.cpl && descriptor.dpl() >= (selector & SELECTOR_RPL);
}

bool has_type(const Descriptor& descriptor, uint32_t system_types) {
  return !descriptor.is_system() || ((system_types >> descriptor.type()) & 1);
}

constexpr uint32_t TYPES_WITH_LIMIT =
    1u << TYPE_TSS_16 | 1u << TYPE_LDT | 1u << TYPE_TSS_16_BUSY | 1u << TYPE_TSS_32 | 1u << TYPE_TSS_32_BUSY;
constexpr uint32_t TYPES_WITH_RIGHTS =
    TYPES_WITH_LIMIT | 1u << TYPE_CALL_GATE_16 | 1u << TYPE_TASK_GATE | 1u << TYPE_CALL_GATE_32;

const Op* lar(Interpreter& cpu, const Op* op) {
  require_protected(cpu);
  const uint16_t selector = read_selector_operand(cpu, op);
  Descriptor descriptor;
  const bool valid = find_visible(cpu, selector, descriptor) && has_type(descriptor, TYPES_WITH_RIGHTS);
  if (valid) set_register(cpu, (op->modrm >> 3) & 7, descriptor.high & 0x00FFFF00, op->operand_size);
  set_zero_flag(cpu, valid);
  return NEXT(cpu, op);
}

const Op* lsl(Interpreter& cpu, const Op* op) {
  require_protected(cpu);
  const uint16_t selector = read_selector_operand(cpu, op);
  Descriptor descriptor;
  const bool valid = find_visible(cpu, selector, descriptor) && has_type(descriptor, TYPES_WITH_LIMIT);
  if (valid) set_register(cpu, (op->modrm >> 3) & 7, descriptor.limit(), op->operand_size);
  set_zero_flag(cpu, valid);
  return NEXT(cpu, op);
}

const Op* verr(Interpreter& cpu, const Op* op) {
  require_protected(cpu);
  const uint16_t selector = read_selector_operand(cpu, op);
  Descriptor descriptor;
  set_zero_flag(cpu, find_visible(cpu, selector, descriptor) && descriptor.is_readable());
  return NEXT(cpu, op);
}

const Op* verw(Interpreter& cpu, const Op* op) {
  require_protected(cpu);
  const uint16_t selector = read_selector_operand(cpu, op);
  Descriptor descriptor;
  set_zero_flag(cpu, find_visible(cpu, selector, descriptor) && descriptor.is_writable_data());
  return NEXT(cpu, op);
}

const Op* arpl(Interpreter& cpu, const Op* op) {
  require_protected(cpu);
  const bool memory = (op->flags & OP_MEMORY) != 0;
  const uint32_t address = cpu.effective_address(op);
  if (memory) cpu.check_write<uint16_t>(segment_of(op), address);
  const uint16_t to = read_selector_operand(cpu, op);
  const uint16_t rpl = cpu.state_.gpr[(op->modrm >> 3) & 7] & SELECTOR_RPL;
  const bool raised = (to & SELECTOR_RPL) < rpl;
  if (raised) {
    const auto result = static_cast<uint16_t>((to & ~SELECTOR_RPL) | rpl);
    if (memory) {
      cpu.write<uint16_t>(segment_of(op), address, result);
    } else {
      set_register(cpu, op->modrm & 7, result, 2);
    }
  }
  set_zero_flag(cpu, raised);
  return NEXT(cpu, op);
}

// Stores all 32 bits of the base whatever the operand size, as every processor since the 386 does.
const Op* store_table(Interpreter& cpu, const Op* op, const DescriptorTable& table) {
  const uint32_t address = cpu.effective_address(op);
  const uint32_t base_address = (address + 2) & op->address_mask;
  cpu.check_write<uint32_t>(segment_of(op), base_address);
  cpu.write<uint16_t>(segment_of(op), address, table.limit);
  cpu.write<uint32_t>(segment_of(op), base_address, table.base);
  return NEXT(cpu, op);
}

const Op* sgdt(Interpreter& cpu, const Op* op) {
  return store_table(cpu, op, cpu.state_.gdtr);
}
const Op* sidt(Interpreter& cpu, const Op* op) {
  return store_table(cpu, op, cpu.state_.idtr);
}

const Op* load_table(Interpreter& cpu, const Op* op, DescriptorTable& table) {
  require_cpl0(cpu);
  const uint32_t address = cpu.effective_address(op);
  const uint16_t limit = cpu.read<uint16_t>(segment_of(op), address);
  const uint32_t base = cpu.read<uint32_t>(segment_of(op), (address + 2) & op->address_mask);
  table = {op->operand_size == 4 ? base : base & 0x00FFFFFF, limit};
  return NEXT(cpu, op);
}

const Op* lgdt(Interpreter& cpu, const Op* op) {
  return load_table(cpu, op, cpu.state_.gdtr);
}
const Op* lidt(Interpreter& cpu, const Op* op) {
  return load_table(cpu, op, cpu.state_.idtr);
}

}  // namespace

Handler descriptor_table_handler(const Op& op, bool two_byte) {
  if (!two_byte) return op.opcode == 0x63 ? arpl : nullptr;
  const uint8_t reg = (op.modrm >> 3) & 7;
  const bool memory = (op.flags & OP_MEMORY) != 0;
  switch (op.opcode) {
    case 0x00: {
      constexpr Handler HANDLERS[8] = {sldt, str, lldt, ltr, verr, verw, nullptr, nullptr};
      return HANDLERS[reg];
    }
    case 0x01: {
      constexpr Handler HANDLERS[8] = {sgdt, sidt, lgdt, lidt, nullptr, nullptr, nullptr, nullptr};
      return memory ? HANDLERS[reg] : nullptr;
    }
    case 0x02:
      return lar;
    case 0x03:
      return lsl;
    default:
      return nullptr;
  }
}

}  // namespace bancada
