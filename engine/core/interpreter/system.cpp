// Control and debug registers, HLT, SYSENTER and what else only the operating system does; I/O permission
// (SDM vol. 3, 2.8, 5.8.7 and ch. 17; vol. 1, 18.5).
#include "decode_groups.h"
#include "descriptor.h"
#include "dispatch.h"
#include "memory_access.h"
#include "system_groups.h"

namespace bancada {

namespace {

constexpr uint32_t DR6_BD = 1u << 13;
constexpr uint32_t DR6_FIXED = 0xFFFF0FF0;
constexpr uint32_t DR6_WRITABLE = 0x0000E00F;
constexpr uint32_t DR7_FIXED = 0x00000400;
constexpr uint32_t DR7_WRITABLE = 0xFFFF23FF;
constexpr uint32_t DR7_GD = 1u << 13;

constexpr uint32_t TSS_IO_MAP_BASE = 102;

void require_cpl0(Interpreter& cpu) {
  if (cpu.state_.cpl != 0) cpu.fault(VECTOR_GP, 0);
}

const Op* leave_after(Interpreter& cpu) {
  cpu.state_.eip = cpu.next_eip();
  return cpu.leave_block();
}

bool has_control_register(const Interpreter& cpu, uint8_t number) {
  return number == 0 || number == 2 || number == 3 || (number == 4 && cpu_facts(cpu.model_).has_trait(TRAIT_CR4));
}

const Op* mov_from_cr(Interpreter& cpu, const Op* op) {
  const uint8_t number = (op->modrm >> 3) & 7;
  if (!has_control_register(cpu, number)) cpu.fault(VECTOR_UD);
  require_cpl0(cpu);
  const CpuState& state = cpu.state_;
  const uint32_t value = number == 0 ? state.cr0 : number == 2 ? state.cr2 : number == 3 ? state.cr3 : state.cr4;
  cpu.state_.gpr[op->modrm & 7] = value;
  return NEXT(cpu, op);
}

const Op* mov_to_cr(Interpreter& cpu, const Op* op) {
  const uint8_t number = (op->modrm >> 3) & 7;
  if (!has_control_register(cpu, number)) cpu.fault(VECTOR_UD);
  require_cpl0(cpu);
  const uint32_t value = cpu.state_.gpr[op->modrm & 7];
  switch (number) {
    case 0:
      cpu.load_cr0(value);
      break;
    case 2:
      cpu.state_.cr2 = value;
      return NEXT(cpu, op);
    case 3:
      cpu.load_cr3(value);
      break;
    default:
      cpu.load_cr4(value);
      break;
  }
  return leave_after(cpu);
}

// DR4 and DR5 are other names of DR6 and DR7 until CR4.DE takes them away (SDM 17.2.2).
uint8_t debug_register(Interpreter& cpu, const Op* op) {
  const uint8_t number = (op->modrm >> 3) & 7;
  const bool alias = number == 4 || number == 5;
  if (alias && (cpu.state_.cr4 & CR4_DE)) cpu.fault(VECTOR_UD);
  require_cpl0(cpu);
  if (cpu.state_.dr[7] & DR7_GD) {
    cpu.state_.dr[6] |= DR6_BD;
    cpu.fault(VECTOR_DB);
  }
  return alias ? number + 2 : number;
}

const Op* mov_from_dr(Interpreter& cpu, const Op* op) {
  const uint8_t number = debug_register(cpu, op);
  cpu.state_.gpr[op->modrm & 7] = cpu.state_.dr[number];
  return NEXT(cpu, op);
}

const Op* mov_to_dr(Interpreter& cpu, const Op* op) {
  const uint8_t number = debug_register(cpu, op);
  uint32_t value = cpu.state_.gpr[op->modrm & 7];
  if (number == 6) value = (value & DR6_WRITABLE) | DR6_FIXED;
  if (number == 7) value = (value & DR7_WRITABLE) | DR7_FIXED;
  cpu.state_.dr[number] = value;
  if (number == 6) return NEXT(cpu, op);
  cpu.debug_registers_changed();
  return leave_after(cpu);
}

const Op* smsw(Interpreter& cpu, const Op* op) {
  const uint32_t cr0 = cpu.state_.cr0;
  if (op->flags & OP_MEMORY) {
    cpu.write<uint16_t>(static_cast<SegmentRegister>(op->segment), cpu.effective_address(op),
                        static_cast<uint16_t>(cr0));
  } else {
    uint32_t& to = cpu.state_.gpr[op->modrm & 7];
    to = op->operand_size == 4 ? cr0 : (to & 0xFFFF0000) | (cr0 & 0xFFFF);
  }
  return NEXT(cpu, op);
}

const Op* lmsw(Interpreter& cpu, const Op* op) {
  require_cpl0(cpu);
  const uint16_t word = (op->flags & OP_MEMORY)
                            ? cpu.read<uint16_t>(static_cast<SegmentRegister>(op->segment), cpu.effective_address(op))
                            : static_cast<uint16_t>(cpu.state_.gpr[op->modrm & 7]);
  constexpr uint32_t LOADED = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
  const uint32_t stays = cpu.state_.cr0 & CR0_PE;  // LMSW enters protected mode but never leaves it
  cpu.load_cr0((cpu.state_.cr0 & ~LOADED) | (word & LOADED) | stays);
  return leave_after(cpu);
}

const Op* invlpg(Interpreter& cpu, const Op* op) {
  if (!cpu_facts(cpu.model_).has_trait(TRAIT_486)) cpu.fault(VECTOR_UD);
  require_cpl0(cpu);
  cpu.flush_tlb_page(cpu.state_.seg[op->segment].base + cpu.effective_address(op));
  return leave_after(cpu);
}

const Op* clts(Interpreter& cpu, const Op* op) {
  require_cpl0(cpu);
  cpu.state_.cr0 &= ~CR0_TS;
  return NEXT(cpu, op);
}

// INVD and WBINVD: caches are not modelled, so there is nothing to write back or to lose.
const Op* cache_flush(Interpreter& cpu, const Op* op) {
  if (!cpu_facts(cpu.model_).has_trait(TRAIT_486)) cpu.fault(VECTOR_UD);
  require_cpl0(cpu);
  return NEXT(cpu, op);
}

const Op* hlt(Interpreter& cpu, const Op*) {
  require_cpl0(cpu);
  cpu.state_.halted = true;
  return leave_after(cpu);
}

Segment flat_segment(uint32_t selector, uint16_t type, uint8_t dpl) {
  Segment segment;
  segment.selector = static_cast<uint16_t>(selector);
  segment.limit = 0xFFFFFFFF;
  segment.access = static_cast<uint16_t>(type | ACCESS_S | ACCESS_PRESENT | ACCESS_DB | ACCESS_G | dpl << 5);
  segment.update_spans();
  return segment;
}

constexpr uint16_t TYPE_CODE_READABLE = ACCESS_CODE | ACCESS_WRITABLE | ACCESS_ACCESSED;
constexpr uint16_t TYPE_DATA_WRITABLE = ACCESS_WRITABLE | ACCESS_ACCESSED;

const Op* sysenter(Interpreter& cpu, const Op*) {
  CpuState& state = cpu.state_;
  const uint32_t selector = state.msr.sysenter_cs & SELECTOR_INDEX_TI;
  if (!state.protected_mode() || selector == 0) cpu.fault(VECTOR_GP, 0);
  state.eflags &= ~(FLAG_VM | FLAG_IF | FLAG_RF);
  state.cpl = 0;
  state.seg[CS] = flat_segment(selector, TYPE_CODE_READABLE, 0);
  state.seg[SS] = flat_segment(selector + 8, TYPE_DATA_WRITABLE, 0);
  state.gpr[ESP] = state.msr.sysenter_esp;
  state.eip = state.msr.sysenter_eip;
  cpu.segments_changed();
  return cpu.leave_block();
}

const Op* sysexit(Interpreter& cpu, const Op*) {
  CpuState& state = cpu.state_;
  const uint32_t selector = state.msr.sysenter_cs & SELECTOR_INDEX_TI;
  if (!state.protected_mode() || selector == 0 || state.cpl != 0) cpu.fault(VECTOR_GP, 0);
  state.cpl = 3;
  state.seg[CS] = flat_segment((selector + 16) | SELECTOR_RPL, TYPE_CODE_READABLE, 3);
  state.seg[SS] = flat_segment((selector + 24) | SELECTOR_RPL, TYPE_DATA_WRITABLE, 3);
  state.gpr[ESP] = state.gpr[ECX];
  state.eip = state.gpr[EDX];
  cpu.segments_changed();
  return cpu.leave_block();
}

// SYSENTER and SYSEXIT exist with FEATURE_SEP only. Handlers are chosen without knowing the model, so they ask for it.
template <Handler HANDLER>
const Op* with_sep(Interpreter& cpu, const Op* op) {
  if (!cpu_facts(cpu.model_).has(FEATURE_SEP)) cpu.fault(VECTOR_UD);
  return HANDLER(cpu, op);
}

Handler two_byte_handler(const Op& op) {
  const bool memory = (op.flags & OP_MEMORY) != 0;
  switch (op.opcode) {
    case 0x01:
      switch ((op.modrm >> 3) & 7) {
        case 4:
          return smsw;
        case 6:
          return lmsw;
        case 7:
          return memory ? invlpg : model_specific_handler(op);
        default:
          return descriptor_table_handler(op, true);
      }
    case 0x00:
    case 0x02:
    case 0x03:
      return descriptor_table_handler(op, true);
    case 0x06:
      return clts;
    case 0x08:
    case 0x09:
      return cache_flush;
    case 0x20:
      return mov_from_cr;
    case 0x21:
      return mov_from_dr;
    case 0x22:
      return mov_to_cr;
    case 0x23:
      return mov_to_dr;
    case 0x34:
      return with_sep<sysenter>;
    case 0x35:
      return with_sep<sysexit>;
    default:
      return model_specific_handler(op);
  }
}

}  // namespace

void Interpreter::check_io(uint16_t port, int size) {
  if (data_breakpoints_ != 0) note_port_access(port, static_cast<uint32_t>(size));
  if (!state_.protected_mode() || (!state_.v86() && state_.cpl <= state_.iopl())) return;
  const Segment& tr = state_.tr;
  if (!(tr.access & ACCESS_PRESENT) || !(tr.access & TYPE_WIDE_BIT) || tr.limit < TSS_IO_MAP_BASE + 1)
    fault(VECTOR_GP, 0);
  const uint32_t at = read_system<uint16_t>(tr.base + TSS_IO_MAP_BASE) + port / 8u;
  // Two bytes are looked at whatever the access: bits of one port range may lie in both.
  if (at + 1 > tr.limit) fault(VECTOR_GP, 0);
  const uint32_t denied = read_system<uint16_t>(tr.base + at) >> (port & 7);
  if (denied & ((1u << size) - 1)) fault(VECTOR_GP, 0);
}

Handler system_handler(const Op& op, bool two_byte) {
  if (two_byte) return two_byte_handler(op);
  if (op.opcode == 0xF4) return hlt;
  if (op.opcode == 0x63) return descriptor_table_handler(op, false);
  return interrupt_flag_handler(op);
}

}  // namespace bancada
