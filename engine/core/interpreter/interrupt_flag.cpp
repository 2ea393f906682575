// CLI, STI, PUSHF and POPF in every mode, with the virtual interrupt flag (SDM vol. 3, 20.3 and 20.4; vol. 2 tables
// of the four instructions).
#include "dispatch.h"
#include "interpreter.h"
#include "lazy_flags.h"
#include "memory_access.h"
#include "system_groups.h"

namespace bancada {

namespace {

// How CLI and STI work at the current mode and privilege.
enum class FlagAccess : uint8_t { interrupt_flag, virtual_flag, refused };

FlagAccess flag_access(const CpuState& state) {
  if (!state.protected_mode() || state.cpl <= state.iopl()) return FlagAccess::interrupt_flag;
  const uint32_t extension = state.v86() ? CR4_VME : CR4_PVI;
  return (state.cpl == 3 && (state.cr4 & extension)) ? FlagAccess::virtual_flag : FlagAccess::refused;
}

const Op* leave_after(Interpreter& cpu) {
  cpu.state_.eip = cpu.next_eip();
  return cpu.leave_block();
}

const Op* cli(Interpreter& cpu, const Op* op) {
  CpuState& state = cpu.state_;
  const FlagAccess access = flag_access(state);
  if (access == FlagAccess::refused) cpu.fault(VECTOR_GP, 0);
  if (access == FlagAccess::virtual_flag) {
    state.eflags &= ~FLAG_VIF;
    return NEXT(cpu, op);
  }
  if (!(state.eflags & FLAG_IF)) return NEXT(cpu, op);
  state.eflags &= ~FLAG_IF;
  return leave_after(cpu);
}

const Op* sti(Interpreter& cpu, const Op* op) {
  CpuState& state = cpu.state_;
  const FlagAccess access = flag_access(state);
  if (access == FlagAccess::refused) cpu.fault(VECTOR_GP, 0);
  if (access == FlagAccess::virtual_flag) {
    if (state.eflags & FLAG_VIP) cpu.fault(VECTOR_GP, 0);
    state.eflags |= FLAG_VIF;
    return NEXT(cpu, op);
  }
  if (state.eflags & FLAG_IF) return NEXT(cpu, op);
  state.eflags |= FLAG_IF;
  state.interrupt_shadow = true;
  return leave_after(cpu);
}

bool has_virtual_flags(const CpuState& state) {
  return state.v86() && state.iopl() < 3;
}

const Op* pushf(Interpreter& cpu, const Op* op) {
  const CpuState& state = cpu.state_;
  uint32_t image = cpu.flags() & ~(FLAG_VM | FLAG_RF);
  if (has_virtual_flags(state)) {
    if (!(state.cr4 & CR4_VME) || op->operand_size == 4) cpu.fault(VECTOR_GP, 0);
    image = (image & ~FLAG_IF) | FLAG_IOPL;
    if (state.eflags & FLAG_VIF) image |= FLAG_IF;
  }
  cpu.push(image, op->operand_size);
  return NEXT(cpu, op);
}

const Op* popf(Interpreter& cpu, const Op* op) {
  CpuState& state = cpu.state_;
  const uint32_t offset = state.gpr[ESP] & cpu.stack_mask();
  const bool wide = op->operand_size == 4;
  const bool virtual_flags = has_virtual_flags(state);
  if (virtual_flags && (!(state.cr4 & CR4_VME) || wide)) cpu.fault(VECTOR_GP, 0);
  const uint32_t image = wide ? cpu.read<uint32_t>(SS, offset) : cpu.read<uint16_t>(SS, offset);

  uint32_t changeable = FLAGS_STATUS | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID;
  if (virtual_flags) {
    if ((image & FLAG_TF) || ((image & FLAG_IF) && (state.eflags & FLAG_VIP))) cpu.fault(VECTOR_GP, 0);
  } else {
    if (!state.protected_mode() || state.cpl <= state.iopl()) changeable |= FLAG_IF;
    if (state.cpl == 0) changeable |= FLAG_IOPL;
  }
  changeable &= cpu_facts(cpu.model_).flags_mask;
  if (!wide) changeable &= 0xFFFF;
  const uint32_t mask = cpu.stack_mask();
  state.gpr[ESP] = (state.gpr[ESP] & ~mask) | ((state.gpr[ESP] + op->operand_size) & mask);

  const uint32_t before = state.eflags;
  cpu.store_flags((cpu.flags() & ~(changeable | FLAG_RF)) | (image & changeable));
  if (virtual_flags) state.eflags = (image & FLAG_IF) ? state.eflags | FLAG_VIF : state.eflags & ~FLAG_VIF;
  constexpr uint32_t SEEN_BY_RUN_LOOP = FLAG_TF | FLAG_IF | FLAG_AC | FLAG_RF;
  if (!((before ^ state.eflags) & SEEN_BY_RUN_LOOP)) return NEXT(cpu, op);
  if ((before ^ state.eflags) & FLAG_AC) cpu.segments_changed();
  return leave_after(cpu);
}

}  // namespace

Handler interrupt_flag_handler(const Op& op) {
  switch (op.opcode) {
    case 0x9C:
      return pushf;
    case 0x9D:
      return popf;
    case 0xFA:
      return cli;
    case 0xFB:
      return sti;
    default:
      return nullptr;
  }
}

}  // namespace bancada
