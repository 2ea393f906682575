// Control transfers between segments, privilege levels and tasks (SDM vol. 3, 5.8 and ch. 7; vol. 2: JMP, CALL, RET,
// IRET, INT n).
#include "far_transfer.h"

#include "descriptor.h"
#include "dispatch.h"
#include "lazy_flags.h"
#include "memory_access.h"
#include "v86.h"

namespace bancada {

namespace {

bool has_plain_segments(const CpuState& state) {
  return !state.protected_mode() || state.v86();
}

void load_plain_code_segment(CpuState& state, uint16_t selector) {
  if (state.v86()) {
    state.seg[CS] = v86_segment(selector);
  } else {
    load_real_segment(state.seg[CS], selector);
  }
}

// Privilege and presence of a code segment that is entered without a change of level; faults with #GP or #NP.
void check_same_level(Interpreter& cpu, uint16_t selector, const Descriptor& code, bool rpl_matters) {
  const uint32_t error = selector & SELECTOR_INDEX_TI;
  const uint8_t cpl = cpu.state_.cpl;
  const bool rpl_refused = rpl_matters && (selector & SELECTOR_RPL) > cpl;
  if (code.is_conforming() ? code.dpl() > cpl : rpl_refused || code.dpl() != cpl) cpu.fault(VECTOR_GP, error);
  if (!code.present()) cpu.fault(VECTOR_NP, error);
}

// The last steps of every transfer within one level.
void enter_code(Interpreter& cpu, uint16_t selector, Descriptor& code, uint32_t offset) {
  if (offset > code.limit()) cpu.fault(VECTOR_GP, 0);
  mark_accessed(cpu, code);
  cpu.state_.seg[CS] = code.segment(static_cast<uint16_t>((selector & SELECTOR_INDEX_TI) | cpu.state_.cpl));
  cpu.state_.eip = offset;
}

// A gate or TSS descriptor reached by a jump or call.
void check_gate_access(Interpreter& cpu, uint16_t selector, const Descriptor& gate) {
  const uint32_t error = selector & SELECTOR_INDEX_TI;
  if (gate.dpl() < cpu.state_.cpl || gate.dpl() < (selector & SELECTOR_RPL)) cpu.fault(VECTOR_GP, error);
  if (!gate.present()) cpu.fault(VECTOR_NP, error);
}

// The code segment a call gate leads to.
Descriptor fetch_gate_target(Interpreter& cpu, uint16_t selector) {
  const uint32_t error = selector & SELECTOR_INDEX_TI;
  if (is_null(selector)) cpu.fault(VECTOR_GP, 0);
  const Descriptor code = fetch_descriptor(cpu, selector, VECTOR_GP);
  if (!code.is_code() || code.dpl() > cpu.state_.cpl) cpu.fault(VECTOR_GP, error);
  return code;
}

void call_through_gate(Interpreter& cpu, const Descriptor& gate, uint32_t return_eip) {
  CpuState& state = cpu.state_;
  const uint16_t selector = gate.gate_selector();
  Descriptor code = fetch_gate_target(cpu, selector);
  if (!code.present()) cpu.fault(VECTOR_NP, selector & SELECTOR_INDEX_TI);
  const int size = gate.is_wide() ? 4 : 2;
  if (code.is_conforming() || code.dpl() == state.cpl) {
    StackWriter stack(cpu);
    stack.push(state.seg[CS].selector, size);
    stack.push(return_eip, size);
    enter_code(cpu, selector, code, gate.gate_offset());
    state.gpr[ESP] = stack.esp();
    return;
  }
  const uint8_t new_cpl = code.dpl();
  const InnerStack inner = inner_stack(cpu, new_cpl);
  StackWriter stack(cpu, inner.ss, inner.esp, false, inner.ss.selector & SELECTOR_INDEX_TI);
  stack.push(state.seg[SS].selector, size);
  stack.push(state.gpr[ESP], size);
  for (uint32_t i = gate.parameter_count(); i-- > 0;) {
    const uint32_t offset = (state.gpr[ESP] + i * static_cast<uint32_t>(size)) & cpu.stack_mask();
    stack.push(size == 4 ? cpu.read<uint32_t>(SS, offset) : cpu.read<uint16_t>(SS, offset), size);
  }
  stack.push(state.seg[CS].selector, size);
  stack.push(return_eip, size);
  if (gate.gate_offset() > code.limit()) cpu.fault(VECTOR_GP, 0);
  mark_accessed(cpu, code);
  state.seg[SS] = inner.ss;
  state.gpr[ESP] = stack.esp();
  state.cpl = new_cpl;
  enter_code(cpu, selector, code, gate.gate_offset());
}

// The task behind a task gate.
void switch_through_gate(Interpreter& cpu, const Descriptor& gate, Interpreter::TaskSwitch how, uint32_t return_eip) {
  cpu.switch_task(gate.gate_selector(), how, false, 0, return_eip);
}

uint32_t peek_stack(Interpreter& cpu, uint32_t distance, int size) {
  const uint32_t offset = (cpu.state_.gpr[ESP] + distance) & cpu.stack_mask();
  return size == 4 ? cpu.read<uint32_t>(SS, offset) : cpu.read<uint16_t>(SS, offset);
}

void release_stack(Interpreter& cpu, uint32_t bytes) {
  uint32_t& esp = cpu.state_.gpr[ESP];
  esp = (esp & ~cpu.stack_mask()) | ((esp + bytes) & cpu.stack_mask());
}

// A return target within or out of the current level; faults with #GP or #NP.
Descriptor fetch_return_code(Interpreter& cpu, uint16_t selector) {
  const uint32_t error = selector & SELECTOR_INDEX_TI;
  if (is_null(selector)) cpu.fault(VECTOR_GP, 0);
  const Descriptor code = fetch_descriptor(cpu, selector, VECTOR_GP);
  const uint8_t rpl = selector & SELECTOR_RPL;
  if (!code.is_code() || rpl < cpu.state_.cpl) cpu.fault(VECTOR_GP, error);
  if (code.is_conforming() ? code.dpl() > rpl : code.dpl() != rpl) cpu.fault(VECTOR_GP, error);
  if (!code.present()) cpu.fault(VECTOR_NP, error);
  return code;
}

// Goes to an outer level with SS:ESP as popped; `release` more bytes of its stack are given up.
void return_outward(Interpreter& cpu, uint16_t selector, Descriptor& code, uint32_t offset, uint16_t ss_selector,
                    uint32_t esp, uint32_t release, int size) {
  CpuState& state = cpu.state_;
  const uint8_t new_cpl = selector & SELECTOR_RPL;
  const Segment ss = checked_stack_segment(cpu, ss_selector, new_cpl, VECTOR_GP);
  if (offset > code.limit()) cpu.fault(VECTOR_GP, 0);
  mark_accessed(cpu, code);
  state.seg[SS] = ss;
  // A 16-bit stack leaves the upper half of ESP as it is in the inner level: guests know and work round it.
  if (ss.is_big()) {
    state.gpr[ESP] = (size == 4 ? esp : esp & 0xFFFF) + release;
  } else {
    state.gpr[ESP] = (state.gpr[ESP] & 0xFFFF0000) | ((esp + release) & 0xFFFF);
  }
  state.cpl = new_cpl;
  state.seg[CS] = code.segment(selector);
  state.eip = offset;
  for (const SegmentRegister segment : {ES, DS, FS, GS}) {
    const Segment& data = state.seg[segment];
    constexpr uint16_t CONFORMING = ACCESS_S | ACCESS_CODE | ACCESS_EXPAND_DOWN;
    const bool conforming = (data.access & CONFORMING) == CONFORMING;
    if ((data.access & ACCESS_PRESENT) && !conforming && data.dpl() < new_cpl) state.seg[segment] = null_segment(0);
  }
}

// EFLAGS as IRET takes them: `changeable` bits from the image, the others stay.
void load_flags(Interpreter& cpu, uint32_t image, uint32_t changeable, int size) {
  changeable &= cpu_facts(cpu.model_).flags_mask;
  if (size == 2) changeable &= 0xFFFF;
  cpu.store_flags((cpu.flags() & ~changeable) | (image & changeable) | FLAG_ONE);
}

constexpr uint32_t FLAGS_ANYONE = FLAGS_STATUS | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_RF | FLAG_AC | FLAG_ID;

void return_to_v86(Interpreter& cpu, uint32_t eip, uint16_t code_selector, uint32_t image) {
  CpuState& state = cpu.state_;
  const uint32_t esp = peek_stack(cpu, 12, 4);
  const auto ss = static_cast<uint16_t>(peek_stack(cpu, 16, 4));
  uint16_t data[4];
  for (uint32_t i = 0; i < 4; ++i) data[i] = static_cast<uint16_t>(peek_stack(cpu, 20 + 4 * i, 4));
  if (eip > 0xFFFF) cpu.fault(VECTOR_GP, 0);
  load_flags(cpu, image, 0xFFFFFFFF, 4);
  state.seg[CS] = v86_segment(code_selector);
  state.seg[SS] = v86_segment(ss);
  state.seg[ES] = v86_segment(data[0]);
  state.seg[DS] = v86_segment(data[1]);
  state.seg[FS] = v86_segment(data[2]);
  state.seg[GS] = v86_segment(data[3]);
  state.gpr[ESP] = esp;
  state.eip = eip;
  state.cpl = 3;
}

void return_plain(Interpreter& cpu, int size) {
  CpuState& state = cpu.state_;
  const auto step = static_cast<uint32_t>(size);
  const bool v86 = state.v86();
  const bool virtual_if = v86 && state.iopl() < 3;
  if (virtual_if && !((state.cr4 & CR4_VME) && size == 2)) cpu.fault(VECTOR_GP, 0);
  const uint32_t eip = peek_stack(cpu, 0, size);
  const auto selector = static_cast<uint16_t>(peek_stack(cpu, step, size));
  const uint32_t image = peek_stack(cpu, 2 * step, size);
  if (eip > state.seg[CS].limit) cpu.fault(VECTOR_GP, 0);
  if (virtual_if) {
    if ((image & FLAG_TF) || ((image & FLAG_IF) && (state.eflags & FLAG_VIP))) cpu.fault(VECTOR_GP, 0);
    load_flags(cpu, image, FLAGS_ANYONE, size);
    state.eflags = (image & FLAG_IF) ? state.eflags | FLAG_VIF : state.eflags & ~FLAG_VIF;
  } else {
    load_flags(cpu, image, FLAGS_ANYONE | FLAG_IF | (v86 ? 0 : FLAG_IOPL), size);
  }
  release_stack(cpu, 3 * step);
  load_plain_code_segment(state, selector);
  state.eip = eip;
}

}  // namespace

void Interpreter::far_jump(uint16_t selector, uint32_t offset, int operand_size) {
  if (operand_size == 2) offset &= 0xFFFF;
  if (has_plain_segments(state_)) {
    if (offset > state_.seg[CS].limit) fault(VECTOR_GP, 0);
    load_plain_code_segment(state_, selector);
    state_.eip = offset;
    segments_changed();
    return;
  }
  const uint32_t error = selector & SELECTOR_INDEX_TI;
  if (is_null(selector)) fault(VECTOR_GP, 0);
  Descriptor descriptor = fetch_descriptor(*this, selector, VECTOR_GP);
  if (descriptor.is_code()) {
    check_same_level(*this, selector, descriptor, true);
    enter_code(*this, selector, descriptor, offset);
  } else if (descriptor.is_data()) {
    fault(VECTOR_GP, error);
  } else if (descriptor.is_available_tss()) {
    check_gate_access(*this, selector, descriptor);
    switch_task(selector, TaskSwitch::jump, false, 0, next_eip());
  } else if (descriptor.type() == TYPE_TASK_GATE) {
    check_gate_access(*this, selector, descriptor);
    switch_through_gate(*this, descriptor, TaskSwitch::jump, next_eip());
  } else if (descriptor.type() == TYPE_CALL_GATE_16 || descriptor.type() == TYPE_CALL_GATE_32) {
    check_gate_access(*this, selector, descriptor);
    const uint16_t target = descriptor.gate_selector();
    Descriptor code = fetch_gate_target(*this, target);
    check_same_level(*this, target, code, false);
    enter_code(*this, target, code, descriptor.gate_offset());
  } else {
    fault(VECTOR_GP, error);
  }
  segments_changed();
}

void Interpreter::far_call(uint16_t selector, uint32_t offset, int operand_size, uint32_t return_eip) {
  if (operand_size == 2) offset &= 0xFFFF;
  if (has_plain_segments(state_)) {
    if (offset > state_.seg[CS].limit) fault(VECTOR_GP, 0);
    StackWriter stack(*this);
    stack.push(state_.seg[CS].selector, operand_size);
    stack.push(return_eip, operand_size);
    state_.gpr[ESP] = stack.esp();
    load_plain_code_segment(state_, selector);
    state_.eip = offset;
    segments_changed();
    return;
  }
  const uint32_t error = selector & SELECTOR_INDEX_TI;
  if (is_null(selector)) fault(VECTOR_GP, 0);
  Descriptor descriptor = fetch_descriptor(*this, selector, VECTOR_GP);
  if (descriptor.is_code()) {
    check_same_level(*this, selector, descriptor, true);
    StackWriter stack(*this);
    stack.push(state_.seg[CS].selector, operand_size);
    stack.push(return_eip, operand_size);
    enter_code(*this, selector, descriptor, offset);
    state_.gpr[ESP] = stack.esp();
  } else if (descriptor.is_data()) {
    fault(VECTOR_GP, error);
  } else if (descriptor.is_available_tss()) {
    check_gate_access(*this, selector, descriptor);
    switch_task(selector, TaskSwitch::call, false, 0, return_eip);
  } else if (descriptor.type() == TYPE_TASK_GATE) {
    check_gate_access(*this, selector, descriptor);
    switch_through_gate(*this, descriptor, TaskSwitch::call, return_eip);
  } else if (descriptor.type() == TYPE_CALL_GATE_16 || descriptor.type() == TYPE_CALL_GATE_32) {
    check_gate_access(*this, selector, descriptor);
    call_through_gate(*this, descriptor, return_eip);
  } else {
    fault(VECTOR_GP, error);
  }
  segments_changed();
}

void Interpreter::far_return(int operand_size, uint32_t release_bytes) {
  const auto step = static_cast<uint32_t>(operand_size);
  const uint32_t offset = peek_stack(*this, 0, operand_size);
  const auto selector = static_cast<uint16_t>(peek_stack(*this, step, operand_size));
  if (has_plain_segments(state_)) {
    if (offset > state_.seg[CS].limit) fault(VECTOR_GP, 0);
    release_stack(*this, 2 * step + release_bytes);
    load_plain_code_segment(state_, selector);
    state_.eip = offset;
    segments_changed();
    return;
  }
  Descriptor code = fetch_return_code(*this, selector);
  if ((selector & SELECTOR_RPL) == state_.cpl) {
    enter_code(*this, selector, code, offset);
    release_stack(*this, 2 * step + release_bytes);
  } else {
    const uint32_t esp = peek_stack(*this, 2 * step + release_bytes, operand_size);
    const auto ss = static_cast<uint16_t>(peek_stack(*this, 3 * step + release_bytes, operand_size));
    return_outward(*this, selector, code, offset, ss, esp, release_bytes, operand_size);
  }
  segments_changed();
}

void Interpreter::interrupt_return(int operand_size) {
  const auto step = static_cast<uint32_t>(operand_size);
  if (has_plain_segments(state_)) {
    return_plain(*this, operand_size);
  } else if (state_.eflags & FLAG_NT) {
    const uint16_t link = read_system<uint16_t>(state_.tr.base);
    switch_task(link, TaskSwitch::iret, false, 0, next_eip());
  } else {
    const uint32_t eip = peek_stack(*this, 0, operand_size);
    const auto selector = static_cast<uint16_t>(peek_stack(*this, step, operand_size));
    const uint32_t image = peek_stack(*this, 2 * step, operand_size);
    if (operand_size == 4 && (image & FLAG_VM) && state_.cpl == 0) {
      return_to_v86(*this, eip, selector, image);
    } else {
      uint32_t changeable = FLAGS_ANYONE;
      if (state_.cpl <= state_.iopl()) changeable |= FLAG_IF;
      if (state_.cpl == 0) changeable |= FLAG_IOPL | FLAG_VIF | FLAG_VIP;
      Descriptor code = fetch_return_code(*this, selector);
      if ((selector & SELECTOR_RPL) == state_.cpl) {
        enter_code(*this, selector, code, eip);
        release_stack(*this, 3 * step);
      } else {
        const uint32_t esp = peek_stack(*this, 3 * step, operand_size);
        const auto ss = static_cast<uint16_t>(peek_stack(*this, 4 * step, operand_size));
        return_outward(*this, selector, code, eip, ss, esp, 0, operand_size);
      }
      load_flags(*this, image, changeable, operand_size);
    }
  }
  state_.nmi_blocked = false;
  segments_changed();
}

namespace {

const Op* jump_direct(Interpreter& cpu, const Op* op) {
  cpu.far_jump(static_cast<uint16_t>(op->displacement), op->imm, op->operand_size);
  return cpu.leave_block();
}

const Op* call_direct(Interpreter& cpu, const Op* op) {
  cpu.far_call(static_cast<uint16_t>(op->displacement), op->imm, op->operand_size, cpu.next_eip());
  return cpu.leave_block();
}

struct FarPointer {
  uint16_t selector;
  uint32_t offset;
};

FarPointer read_far_pointer(Interpreter& cpu, const Op* op) {
  const auto segment = static_cast<SegmentRegister>(op->segment);
  const uint32_t address = cpu.effective_address(op);
  const uint32_t offset =
      op->operand_size == 4 ? cpu.read<uint32_t>(segment, address) : cpu.read<uint16_t>(segment, address);
  return {cpu.read<uint16_t>(segment, (address + op->operand_size) & op->address_mask), offset};
}

const Op* jump_indirect(Interpreter& cpu, const Op* op) {
  const FarPointer to = read_far_pointer(cpu, op);
  cpu.far_jump(to.selector, to.offset, op->operand_size);
  return cpu.leave_block();
}

const Op* call_indirect(Interpreter& cpu, const Op* op) {
  const FarPointer to = read_far_pointer(cpu, op);
  cpu.far_call(to.selector, to.offset, op->operand_size, cpu.next_eip());
  return cpu.leave_block();
}

const Op* return_far(Interpreter& cpu, const Op* op) {
  cpu.far_return(op->operand_size, 0);
  return cpu.leave_block();
}

const Op* return_far_release(Interpreter& cpu, const Op* op) {
  cpu.far_return(op->operand_size, op->imm & 0xFFFF);
  return cpu.leave_block();
}

const Op* iret(Interpreter& cpu, const Op* op) {
  cpu.interrupt_return(op->operand_size);
  return cpu.leave_block();
}

const Op* int_n(Interpreter& cpu, const Op* op) {
  const auto vector = static_cast<uint8_t>(op->imm);
  if (cpu.state_.v86()) {
    v86_software_interrupt(cpu, vector, cpu.next_eip());
  } else {
    cpu.deliver(vector, EventKind::software_interrupt, false, 0, cpu.next_eip());
  }
  return cpu.leave_block();
}

const Op* int3(Interpreter& cpu, const Op*) {
  cpu.deliver(VECTOR_BP, EventKind::software_interrupt, false, 0, cpu.next_eip());
  return cpu.leave_block();
}

const Op* into(Interpreter& cpu, const Op* op) {
  if (!(cpu.flags() & FLAG_OF)) return NEXT(cpu, op);
  cpu.deliver(VECTOR_OF, EventKind::software_interrupt, false, 0, cpu.next_eip());
  return cpu.leave_block();
}

const Op* int1(Interpreter& cpu, const Op*) {
  cpu.deliver(VECTOR_DB, EventKind::icebp, false, 0, cpu.next_eip());
  return cpu.leave_block();
}

}  // namespace

Handler far_transfer_handler(const Op& op) {
  const bool memory = (op.flags & OP_MEMORY) != 0;
  switch (op.opcode) {
    case 0x9A:
      return call_direct;
    case 0xEA:
      return jump_direct;
    case 0xCA:
      return return_far_release;
    case 0xCB:
      return return_far;
    case 0xCC:
      return int3;
    case 0xCD:
      return int_n;
    case 0xCE:
      return into;
    case 0xCF:
      return iret;
    case 0xF1:
      return int1;
    case 0xFF:
      if (!memory) return nullptr;
      switch ((op.modrm >> 3) & 7) {
        case 3:
          return call_indirect;
        case 5:
          return jump_indirect;
        default:
          return nullptr;
      }
    default:
      return nullptr;
  }
}

}  // namespace bancada
