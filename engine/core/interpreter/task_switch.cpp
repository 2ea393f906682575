// Hardware task switches by 16-bit and 32-bit TSS (SDM vol. 3, ch. 7).
#include <array>

#include "descriptor.h"
#include "lazy_flags.h"
#include "memory_access.h"

namespace bancada {

namespace {

// Offsets in a TSS, SDM figures 7-2 and 7-10.
constexpr uint32_t TSS_LINK = 0;
struct TssLayout {
  uint32_t size;         // bytes the processor needs
  uint32_t eip, eflags;  // one register each, then the eight general ones
  uint32_t gpr, segments;
  uint32_t segment_count;  // ES CS SS DS [FS GS]
  uint32_t segment_step;
  uint32_t ldt;
  int width;
};
constexpr TssLayout TSS_32 = {104, 0x20, 0x24, 0x28, 0x48, 6, 4, 0x60, 4};
constexpr TssLayout TSS_16 = {44, 0x0E, 0x10, 0x12, 0x22, 4, 2, 0x2A, 2};
constexpr uint32_t TSS_32_CR3 = 0x1C;
constexpr uint32_t TSS_32_TRAP = 0x64;

constexpr uint32_t DR6_BT = 1u << 15;
constexpr uint32_t DR7_LOCAL_ENABLES = 0x155;  // L0-L3, LE

// What a TSS holds of a task. 16-bit ones leave the upper halves of the general registers undefined.
struct TaskImage {
  uint32_t cr3 = 0, eip = 0, eflags = 0;
  std::array<uint32_t, 8> gpr{};
  std::array<uint16_t, 6> selectors{};
  uint16_t ldt = 0;
  bool trap = false;
};

const TssLayout& layout_of(uint8_t type) {
  return (type & TYPE_WIDE_BIT) ? TSS_32 : TSS_16;
}

uint32_t read_field(Interpreter& cpu, uint32_t linear, int width) {
  return width == 4 ? cpu.read_system<uint32_t>(linear) : cpu.read_system<uint16_t>(linear);
}

void write_field(Interpreter& cpu, uint32_t linear, uint32_t value, int width) {
  if (width == 4) {
    cpu.write_system<uint32_t>(linear, value);
  } else {
    cpu.write_system<uint16_t>(linear, static_cast<uint16_t>(value));
  }
}

TaskImage read_task(Interpreter& cpu, uint32_t base, const TssLayout& layout) {
  TaskImage task;
  const bool wide = layout.width == 4;
  if (wide) {
    task.cr3 = cpu.read_system<uint32_t>(base + TSS_32_CR3);
    task.trap = (cpu.read_system<uint16_t>(base + TSS_32_TRAP) & 1) != 0;
  }
  task.eip = read_field(cpu, base + layout.eip, layout.width);
  task.eflags = read_field(cpu, base + layout.eflags, layout.width);
  for (uint32_t i = 0; i < 8; ++i) {
    const uint32_t value = read_field(cpu, base + layout.gpr + i * static_cast<uint32_t>(layout.width), layout.width);
    task.gpr[i] = wide ? value : value | 0xFFFF0000;
  }
  for (uint32_t i = 0; i < layout.segment_count; ++i) {
    task.selectors[i] = cpu.read_system<uint16_t>(base + layout.segments + i * layout.segment_step);
  }
  task.ldt = cpu.read_system<uint16_t>(base + layout.ldt);
  return task;
}

void write_task(Interpreter& cpu, uint32_t base, const TssLayout& layout, uint32_t eip, uint32_t eflags) {
  const auto width = static_cast<uint32_t>(layout.width);
  write_field(cpu, base + layout.eip, eip, layout.width);
  write_field(cpu, base + layout.eflags, eflags, layout.width);
  for (uint32_t i = 0; i < 8; ++i) write_field(cpu, base + layout.gpr + i * width, cpu.state_.gpr[i], layout.width);
  for (uint32_t i = 0; i < layout.segment_count; ++i) {
    cpu.write_system<uint16_t>(base + layout.segments + i * layout.segment_step, cpu.state_.seg[i].selector);
  }
}

// Page faults of both tasks' segments must come while the old task still runs.
void touch(Interpreter& cpu, uint32_t linear, uint32_t length, Access access) {
  cpu.translate(linear, access, false);
  cpu.translate(linear + length - 1, access, false);
}

void set_busy(Interpreter& cpu, uint32_t descriptor_linear, bool busy) {
  uint8_t type = cpu.read_system<uint8_t>(descriptor_linear + 5);
  type = static_cast<uint8_t>(busy ? type | TYPE_BUSY_BIT : type & ~TYPE_BUSY_BIT);
  cpu.write_system<uint8_t>(descriptor_linear + 5, type);
}

void load_task_ldt(Interpreter& cpu, uint16_t selector) {
  cpu.state_.ldtr = null_segment(selector);
  if (is_null(selector)) return;
  const uint32_t error = selector & SELECTOR_INDEX_TI;
  if (selector & SELECTOR_TI) cpu.fault(VECTOR_TS, error);
  const Descriptor descriptor = fetch_descriptor(cpu, selector, VECTOR_TS);
  if (!descriptor.is_system() || descriptor.type() != TYPE_LDT || !descriptor.present()) cpu.fault(VECTOR_TS, error);
  cpu.state_.ldtr = descriptor.segment(selector);
}

void load_task_code(Interpreter& cpu, uint16_t selector) {
  const uint32_t error = selector & SELECTOR_INDEX_TI;
  if (is_null(selector)) cpu.fault(VECTOR_TS, 0);
  Descriptor code = fetch_descriptor(cpu, selector, VECTOR_TS);
  const uint8_t rpl = selector & SELECTOR_RPL;
  if (!code.is_code() || (code.is_conforming() ? code.dpl() > rpl : code.dpl() != rpl)) cpu.fault(VECTOR_TS, error);
  if (!code.present()) cpu.fault(VECTOR_NP, error);
  mark_accessed(cpu, code);
  cpu.state_.seg[CS] = code.segment(selector);
}

void load_task_data(Interpreter& cpu, SegmentRegister segment, uint16_t selector) {
  if (is_null(selector)) return;
  const uint32_t error = selector & SELECTOR_INDEX_TI;
  Descriptor descriptor = fetch_descriptor(cpu, selector, VECTOR_TS);
  if (!descriptor.is_readable()) cpu.fault(VECTOR_TS, error);
  if (!descriptor.is_conforming() &&
      (descriptor.dpl() < cpu.state_.cpl || descriptor.dpl() < (selector & SELECTOR_RPL))) {
    cpu.fault(VECTOR_TS, error);
  }
  if (!descriptor.present()) cpu.fault(VECTOR_NP, error);
  mark_accessed(cpu, descriptor);
  cpu.state_.seg[segment] = descriptor.segment(selector);
}

}  // namespace

void Interpreter::switch_task(uint16_t tss_selector, TaskSwitch how, bool has_error, uint32_t error_code,
                              uint32_t return_eip) {
  const bool is_return = how == TaskSwitch::iret;
  const bool nests = how == TaskSwitch::call || how == TaskSwitch::gate;
  const Vector bad_tss = is_return ? VECTOR_TS : VECTOR_GP;
  const uint32_t selector_error = tss_selector & SELECTOR_INDEX_TI;

  if (is_null(tss_selector) || (tss_selector & SELECTOR_TI)) fault(bad_tss, selector_error);
  Descriptor descriptor = fetch_descriptor(*this, tss_selector, bad_tss);
  const bool busy = (descriptor.type() & TYPE_BUSY_BIT) != 0;
  if (!descriptor.is_tss() || busy != is_return) fault(bad_tss, selector_error);
  if (!descriptor.present()) fault(VECTOR_NP, selector_error);
  const TssLayout& layout = layout_of(descriptor.type());
  if (descriptor.limit() < layout.size - 1) fault(VECTOR_TS, selector_error);

  const uint32_t base = descriptor.base();
  const uint32_t old_base = state_.tr.base;
  const uint16_t old_selector = state_.tr.selector;
  const TssLayout& old_layout = layout_of(static_cast<uint8_t>(state_.tr.access & ACCESS_TYPE));
  if (state_.tr.limit < old_layout.size - 1) fault(VECTOR_TS, old_selector & SELECTOR_INDEX_TI);
  touch(*this, old_base, old_layout.size, Access::write);
  if (nests) touch(*this, base + TSS_LINK, 2, Access::write);
  const TaskImage task = read_task(*this, base, layout);
  const uint32_t old_descriptor = state_.gdtr.base + (old_selector & ~7u);
  if (!nests) touch(*this, old_descriptor + 5, 1, Access::write);
  if (!is_return) touch(*this, descriptor.linear + 5, 1, Access::write);

  // From here on nothing of the old task can fault.
  uint32_t old_flags = flags();
  if (is_return) old_flags &= ~FLAG_NT;
  write_task(*this, old_base, old_layout, return_eip, old_flags);
  if (!nests) set_busy(*this, old_descriptor, false);
  if (!is_return) set_busy(*this, descriptor.linear, true);
  if (nests) write_system<uint16_t>(base + TSS_LINK, old_selector);

  state_.tr = descriptor.segment(tss_selector);
  state_.tr.access |= TYPE_BUSY_BIT;
  state_.cr0 |= CR0_TS;
  uint32_t eflags = (task.eflags & cpu_facts(model_).flags_mask) | FLAG_ONE;
  if (nests) eflags |= FLAG_NT;
  store_flags(eflags);
  for (uint32_t i = 0; i < 8; ++i) state_.gpr[i] = task.gpr[i];
  state_.eip = task.eip;
  state_.halted = false;
  state_.interrupt_shadow = false;
  single_step_ = false;
  state_.dr[7] &= ~DR7_LOCAL_ENABLES;

  // From here on faults belong to the new task: they find its registers, and selectors that are not loaded yet.
  retired_base_ += current_->position;
  current_ = &idle_;
  block_eip_ = state_.eip;
  for (uint32_t i = 0; i < 6; ++i) state_.seg[i] = null_segment(task.selectors[i]);
  state_.ldtr = null_segment(task.ldt);
  state_.cpl = state_.v86() ? 3 : task.selectors[CS] & SELECTOR_RPL;
  debug_registers_changed();
  if (layout.width == 4 && (state_.cr0 & CR0_PG)) load_cr3(task.cr3);
  segments_changed();

  load_task_ldt(*this, task.ldt);
  if (state_.v86()) {
    for (uint32_t i = 0; i < 6; ++i) state_.seg[i] = v86_segment(task.selectors[i]);
  } else {
    // SS first (SDM table 7-1): faults of the others find a stack then.
    state_.seg[SS] = checked_stack_segment(*this, task.selectors[SS], state_.cpl, VECTOR_TS);
    segments_changed();
    load_task_code(*this, task.selectors[CS]);
    for (const SegmentRegister segment : {ES, DS, FS, GS}) load_task_data(*this, segment, task.selectors[segment]);
  }
  segments_changed();
  if (task.trap) pending_debug_ |= DR6_BT;
  if (state_.eip > state_.seg[CS].limit) fault(VECTOR_GP, 0);
  if (has_error) {
    StackWriter stack(*this);
    stack.push(error_code, layout.width);
    state_.gpr[ESP] = stack.esp();
  }
}

}  // namespace bancada
