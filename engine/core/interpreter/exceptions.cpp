// Faults and the delivery of events: IVT, interrupt, trap and task gates (SDM vol. 3, ch. 6; virtual-8086 mode: ch.
// 20).
#include "descriptor.h"
#include "lazy_flags.h"
#include "memory_access.h"
#include "v86.h"

namespace bancada {

namespace {

// Marks in Interpreter::delivering_ beside the vector: what is under delivery is not an exception.
constexpr int DELIVERING_HARDWARE = 0x100;
constexpr int DELIVERING_SOFTWARE = 0x200;

constexpr uint32_t IDT_ERROR = 2;  // the index in the error code is one into the IDT
constexpr uint32_t EXT_ERROR = 1;  // not caused by the program's own INT n

bool is_contributory(int vector) {
  return vector == VECTOR_DE || (vector >= VECTOR_TS && vector <= VECTOR_GP);
}

// SDM table 6-5.
bool makes_double_fault(int first, int second) {
  if (is_contributory(first)) return is_contributory(second);
  if (first == VECTOR_PF) return is_contributory(second) || second == VECTOR_PF;
  return first == second && first != VECTOR_DF;  // alignment checks without end: a real processor hangs
}

void deliver_real(Interpreter& cpu, uint8_t vector, uint32_t return_eip, uint32_t flags) {
  CpuState& state = cpu.state_;
  if (vector * 4u + 3 > state.idtr.limit) cpu.fault(VECTOR_GP, vector * 8u + IDT_ERROR);
  const uint16_t offset = cpu.read_system<uint16_t>(state.idtr.base + vector * 4u);
  const uint16_t selector = cpu.read_system<uint16_t>(state.idtr.base + vector * 4u + 2);
  StackWriter stack(cpu);
  stack.push(flags, 2);
  stack.push(state.seg[CS].selector, 2);
  stack.push(return_eip, 2);
  state.gpr[ESP] = stack.esp();
  load_real_segment(state.seg[CS], selector);
  state.eip = offset;
  state.eflags &= ~(FLAG_IF | FLAG_TF | FLAG_RF | FLAG_AC);
}

void deliver_protected(Interpreter& cpu, uint8_t vector, EventKind kind, bool has_error, uint32_t error_code,
                       uint32_t return_eip, uint32_t flags) {
  CpuState& state = cpu.state_;
  const uint32_t gate_error = vector * 8u + IDT_ERROR;
  if (vector * 8u + 7 > state.idtr.limit) cpu.fault(VECTOR_GP, gate_error);
  Descriptor gate;
  gate.low = cpu.read_system<uint32_t>(state.idtr.base + vector * 8u);
  gate.high = cpu.read_system<uint32_t>(state.idtr.base + vector * 8u + 4);
  const uint8_t type = gate.type();
  const bool is_interrupt_or_trap = (type & ~(TYPE_WIDE_BIT | 1u)) == TYPE_INTERRUPT_GATE_16;
  if (!gate.is_system() || !(is_interrupt_or_trap || type == TYPE_TASK_GATE)) cpu.fault(VECTOR_GP, gate_error);
  if (kind == EventKind::software_interrupt && gate.dpl() < state.cpl) cpu.fault(VECTOR_GP, gate_error);
  if (!gate.present()) cpu.fault(VECTOR_NP, gate_error);

  if (type == TYPE_TASK_GATE) {
    state.eflags |= flags & FLAG_RF;
    cpu.switch_task(gate.gate_selector(), Interpreter::TaskSwitch::gate, has_error, error_code, return_eip);
    return;
  }

  const uint16_t selector = gate.gate_selector();
  const uint32_t selector_error = selector & SELECTOR_INDEX_TI;
  if (is_null(selector)) cpu.fault(VECTOR_GP, 0);
  Descriptor code = fetch_descriptor(cpu, selector, VECTOR_GP);
  if (!code.is_code() || code.dpl() > state.cpl) cpu.fault(VECTOR_GP, selector_error);
  if (!code.present()) cpu.fault(VECTOR_NP, selector_error);
  const bool from_v86 = state.v86();
  if (from_v86 && (code.is_conforming() || code.dpl() != 0)) cpu.fault(VECTOR_GP, selector_error);

  const uint8_t new_cpl = code.is_conforming() ? state.cpl : code.dpl();
  const uint32_t offset = gate.gate_offset();
  const int size = gate.is_wide() ? 4 : 2;
  Segment new_ss = state.seg[SS];
  uint32_t new_esp = state.gpr[ESP];
  uint16_t stack_error = 0;
  if (new_cpl != state.cpl) {
    const InnerStack inner = inner_stack(cpu, new_cpl);
    new_ss = inner.ss;
    new_esp = inner.esp;
    stack_error = new_ss.selector & SELECTOR_INDEX_TI;
  }
  StackWriter stack(cpu, new_ss, new_esp, new_cpl == 3, stack_error);
  if (new_cpl != state.cpl) {
    if (from_v86) {
      stack.push(state.seg[GS].selector, size);
      stack.push(state.seg[FS].selector, size);
      stack.push(state.seg[DS].selector, size);
      stack.push(state.seg[ES].selector, size);
    }
    stack.push(state.seg[SS].selector, size);
    stack.push(state.gpr[ESP], size);
  }
  stack.push(flags, size);
  stack.push(state.seg[CS].selector, size);
  stack.push(return_eip, size);
  if (has_error) stack.push(error_code, size);
  if (offset > code.limit()) cpu.fault(VECTOR_GP, 0);
  mark_accessed(cpu, code);

  if (from_v86) {
    for (const SegmentRegister segment : {ES, DS, FS, GS}) state.seg[segment] = null_segment(0);
  }
  if (new_cpl != state.cpl) state.seg[SS] = new_ss;
  state.gpr[ESP] = stack.esp();
  state.seg[CS] = code.segment(static_cast<uint16_t>(selector_error | new_cpl));
  state.cpl = new_cpl;
  state.eip = offset;
  state.eflags &= ~(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM);
  if (!(type & 1)) state.eflags &= ~FLAG_IF;
}

}  // namespace

void Interpreter::fault(Vector vector) {
  pending_fault_ = {vector, false, 0};
  std::longjmp(fault_exit_, 1);
}

void Interpreter::fault(Vector vector, uint32_t error_code) {
  const bool names_selector = vector >= VECTOR_TS && vector <= VECTOR_GP;
  if (names_selector && delivering_ >= 0 && !(delivering_ & DELIVERING_SOFTWARE)) error_code |= EXT_ERROR;
  pending_fault_ = {vector, true, error_code};
  std::longjmp(fault_exit_, 1);
}

void Interpreter::page_fault(uint32_t linear, uint32_t error_code) {
  state_.cr2 = linear;
  fault(VECTOR_PF, error_code);
}

void Interpreter::deliver(uint8_t vector, EventKind kind, bool has_error, uint32_t error_code, uint32_t return_eip) {
  const bool is_exception = kind == EventKind::exception;
  const bool from_fault = is_exception && pending_fault_.vector == vector;
  if (is_exception && delivering_ >= 0) {
    if (delivering_ == VECTOR_DF && (is_contributory(vector) || vector == VECTOR_PF)) {
      delivering_ = -1;
      shutdown_ = true;
      return;
    }
    if (makes_double_fault(delivering_, vector)) {
      vector = VECTOR_DF;
      has_error = true;
      error_code = 0;
    }
  }
  if (is_exception && vector != VECTOR_DB) pending_debug_ = 0;  // of an instruction that did not finish
  delivering_ = vector;
  if (kind == EventKind::hardware_interrupt) delivering_ |= DELIVERING_HARDWARE;
  if (kind == EventKind::software_interrupt) delivering_ |= DELIVERING_SOFTWARE;

  // Faults are tried again: RF keeps their instruction breakpoint from coming twice (SDM 6.8.3). A #DB that came
  // through fault() is an instruction breakpoint or general detect; all others are traps.
  uint32_t image = flags();
  const bool is_trap = vector == VECTOR_BP || vector == VECTOR_OF || (vector == VECTOR_DB && !from_fault);
  if (is_exception && !is_trap) image |= FLAG_RF;

  state_.halted = false;
  if (state_.protected_mode()) {
    deliver_protected(*this, vector, kind, has_error, error_code, return_eip, image);
  } else {
    deliver_real(*this, vector, return_eip, image);
  }
  if (vector == VECTOR_DB && kind != EventKind::software_interrupt) state_.dr[7] &= ~(1u << 13);  // GD
  state_.interrupt_shadow = false;
  single_step_ = false;
  delivering_ = -1;
  pending_fault_ = {};
  segments_changed();
}

// INT n in virtual-8086 mode (SDM 20.3 and table 20-2).
void v86_software_interrupt(Interpreter& cpu, uint8_t vector, uint32_t return_eip) {
  CpuState& state = cpu.state_;
  if (state.cr4 & CR4_VME) {
    const Segment& tr = state.tr;
    if (!(tr.access & TYPE_WIDE_BIT) || tr.limit < 103) cpu.fault(VECTOR_GP, 0);
    const uint32_t io_map = cpu.read_system<uint16_t>(tr.base + 102);
    const uint32_t at = io_map - 32 + vector / 8u;
    if (io_map < 32 || at > tr.limit) cpu.fault(VECTOR_GP, 0);
    const bool to_monitor = (cpu.read_system<uint8_t>(tr.base + at) >> (vector & 7)) & 1;
    if (!to_monitor) {
      uint32_t image = cpu.flags();
      const bool virtual_if = state.iopl() < 3;
      if (virtual_if) {
        image = (image & ~FLAG_IF) | FLAG_IOPL;
        if (state.eflags & FLAG_VIF) image |= FLAG_IF;
      }
      const uint16_t offset = cpu.read_linear_user<uint16_t>(vector * 4u);
      const uint16_t selector = cpu.read_linear_user<uint16_t>(vector * 4u + 2);
      StackWriter stack(cpu);
      stack.push(image, 2);
      stack.push(state.seg[CS].selector, 2);
      stack.push(return_eip, 2);
      state.gpr[ESP] = stack.esp();
      state.seg[CS] = v86_segment(selector);
      state.eip = offset;
      state.eflags &= ~(FLAG_TF | FLAG_RF | (virtual_if ? FLAG_VIF : FLAG_IF));
      cpu.single_step_ = false;
      cpu.segments_changed();
      return;
    }
  }
  if (state.iopl() < 3) cpu.fault(VECTOR_GP, 0);
  cpu.deliver(vector, EventKind::software_interrupt, false, 0, return_eip);
}

}  // namespace bancada
