// What a processor tells about itself, its time-stamp counter and model-specific registers (SDM vol. 4; vol. 2: CPUID,
// RDTSC, RDMSR, WRMSR, RDPMC).
#include "../local_apic.h"
#include "dispatch.h"
#include "interpreter.h"
#include "system_groups.h"

namespace bancada {

namespace {

// P6 family register numbers, SDM vol. 4, 2.20.
constexpr uint32_t MSR_P5_MC_ADDR = 0x0;
constexpr uint32_t MSR_P5_MC_TYPE = 0x1;
constexpr uint32_t MSR_TSC = 0x10;
constexpr uint32_t MSR_PLATFORM_ID = 0x17;
constexpr uint32_t MSR_APIC_BASE = 0x1B;
constexpr uint32_t MSR_EBL_CR_POWERON = 0x2A;
constexpr uint32_t MSR_BIOS_UPDT_TRIG = 0x79;
constexpr uint32_t MSR_BIOS_SIGN_ID = 0x8B;
constexpr uint32_t MSR_PERFCTR0 = 0xC1;
constexpr uint32_t MSR_PERFCTR1 = 0xC2;
constexpr uint32_t MSR_MTRRCAP = 0xFE;
constexpr uint32_t MSR_SYSENTER_CS = 0x174;
constexpr uint32_t MSR_SYSENTER_ESP = 0x175;
constexpr uint32_t MSR_SYSENTER_EIP = 0x176;
constexpr uint32_t MSR_MCG_CAP = 0x179;
constexpr uint32_t MSR_MCG_STATUS = 0x17A;
constexpr uint32_t MSR_PERFEVTSEL0 = 0x186;
constexpr uint32_t MSR_PERFEVTSEL1 = 0x187;
constexpr uint32_t MSR_DEBUGCTL = 0x1D9;
constexpr uint32_t MSR_LASTBRANCHFROMIP = 0x1DB;
constexpr uint32_t MSR_LASTINTTOIP = 0x1DE;
constexpr uint32_t MSR_MTRR_PHYSBASE0 = 0x200;
constexpr uint32_t MSR_MTRR_FIRST_AFTER_VARIABLE = 0x210;
constexpr uint32_t MSR_MTRR_FIX64K = 0x250;
constexpr uint32_t MSR_MTRR_FIX16K_80000 = 0x258;
constexpr uint32_t MSR_MTRR_FIX16K_A0000 = 0x259;
constexpr uint32_t MSR_MTRR_FIX4K_FIRST = 0x268;
constexpr uint32_t MSR_MTRR_FIX4K_LAST = 0x26F;
constexpr uint32_t MSR_PAT = 0x277;
constexpr uint32_t MSR_EFER = 0xC0000080;
constexpr uint32_t MSR_TSC_AUX = 0xC0000103;
// Pentium 4, SDM vol. 4, 2.16: what systems and their monitors touch.
constexpr uint32_t MSR_EBC_FREQUENCY_ID = 0x2C;
constexpr uint32_t MSR_CLOCK_MODULATION = 0x19A;
constexpr uint32_t MSR_THERM_STATUS = 0x19C;
constexpr uint32_t MSR_MISC_ENABLE = 0x1A0;
constexpr uint32_t MSR_P4_COUNTERS_FIRST = 0x300;
constexpr uint32_t MSR_P4_COUNTERS_LAST = 0x371;
constexpr uint32_t MSR_P4_ESCRS_FIRST = 0x3A0;
constexpr uint32_t MSR_P4_ESCRS_LAST = 0x3F2;
constexpr uint32_t P4_COUNTERS = 18;
constexpr uint32_t P6_COUNTERS = 2;
constexpr uint32_t RDPMC_FAST = 1u << 31;  // Pentium 4: only the low 32 bits are wanted
constexpr uint32_t MSR_MTRR_DEF_TYPE = 0x2FF;

constexpr uint64_t MTRRCAP_8_VARIABLE_FIXED_WC = 0x508;
constexpr uint64_t APIC_BASE_BSP = 1u << 8;
constexpr uint64_t APIC_BASE_ADDRESS = 0xFFFFF000;
constexpr uint64_t APIC_BASE_WITHOUT_APIC = 0xFEE00000;
constexpr uint64_t MTRR_DEF_TYPE_BITS = 0xCFF;
constexpr uint32_t CPUID_FEATURES = 1;

uint64_t time_stamp(Interpreter& cpu) {
  static_assert(TSC_HZ == 1'000'000'000, "the counter is guest nanoseconds as they are");
  return cpu.clock().now_ns() + cpu.state_.tsc_offset;
}

// The register among MTRRs with memory behind it, or nullptr.
uint64_t* mtrr(Msrs& msr, uint32_t index) {
  if (index >= MSR_MTRR_PHYSBASE0 && index < MSR_MTRR_FIRST_AFTER_VARIABLE)
    return &msr.mtrr_variable[index - MSR_MTRR_PHYSBASE0];
  if (index == MSR_MTRR_FIX64K) return &msr.mtrr_fixed[0];
  if (index == MSR_MTRR_FIX16K_80000) return &msr.mtrr_fixed[1];
  if (index == MSR_MTRR_FIX16K_A0000) return &msr.mtrr_fixed[2];
  if (index >= MSR_MTRR_FIX4K_FIRST && index <= MSR_MTRR_FIX4K_LAST)
    return &msr.mtrr_fixed[3 + index - MSR_MTRR_FIX4K_FIRST];
  if (index == MSR_MTRR_DEF_TYPE) return &msr.mtrr_def_type;
  return nullptr;
}

// Registers that read zero and take what is written: counters that stand still, machine checks that never happen,
// branch records never taken.
bool is_inert(uint32_t index) {
  switch (index) {
    case MSR_PLATFORM_ID:
    case MSR_EBL_CR_POWERON:
    case MSR_BIOS_UPDT_TRIG:
    case MSR_BIOS_SIGN_ID:
    case MSR_PERFCTR0:
    case MSR_PERFCTR1:
    case MSR_MCG_CAP:
    case MSR_MCG_STATUS:
    case MSR_PERFEVTSEL0:
    case MSR_PERFEVTSEL1:
    case MSR_DEBUGCTL:
      return true;
    default:
      return index >= MSR_LASTBRANCHFROMIP && index <= MSR_LASTINTTOIP;
  }
}

bool is_inert_p4(uint32_t index) {
  return index == MSR_EBC_FREQUENCY_ID || (index >= MSR_CLOCK_MODULATION && index <= MSR_THERM_STATUS) ||
         (index >= MSR_P4_COUNTERS_FIRST && index <= MSR_P4_COUNTERS_LAST) ||
         (index >= MSR_P4_ESCRS_FIRST && index <= MSR_P4_ESCRS_LAST);
}

bool read_msr(Interpreter& cpu, uint32_t index, uint64_t& value) {
  const CpuFacts& facts = cpu_facts(cpu.model_);
  Msrs& msr = cpu.state_.msr;
  if (index == MSR_TSC) {
    value = time_stamp(cpu);
    return true;
  }
  if (index == MSR_P5_MC_ADDR || index == MSR_P5_MC_TYPE) {
    value = 0;
    return true;
  }
  if (facts.has(FEATURE_SEP)) {
    switch (index) {
      case MSR_SYSENTER_CS:
        value = msr.sysenter_cs;
        return true;
      case MSR_SYSENTER_ESP:
        value = msr.sysenter_esp;
        return true;
      case MSR_SYSENTER_EIP:
        value = msr.sysenter_eip;
        return true;
      default:
        break;
    }
  }
  if (facts.has(FEATURE_PAT) && index == MSR_PAT) {
    value = msr.pat;
    return true;
  }
  if (facts.has(FEATURE_MTRR)) {
    if (index == MSR_MTRRCAP) {
      value = MTRRCAP_8_VARIABLE_FIXED_WC;
      return true;
    }
    if (const uint64_t* at = mtrr(msr, index)) {
      value = *at;
      return true;
    }
  }
  if (facts.has(FEATURE_NX) && index == MSR_EFER) {
    value = msr.efer;
    return true;
  }
  if (facts.has(FEATURE_RDTSCP) && index == MSR_TSC_AUX) {
    value = msr.tsc_aux;
    return true;
  }
  if (facts.has_trait(TRAIT_P4)) {
    if (index == MSR_MISC_ENABLE) {
      value = msr.misc_enable;
      return true;
    }
    if (is_inert_p4(index)) {
      value = 0;
      return true;
    }
  }
  if (!facts.has_trait(TRAIT_P6)) return false;
  if (index == MSR_APIC_BASE) {
    if (cpu.local_apic)
      value = cpu.local_apic->base();
    else
      value = (msr.apic_base != 0 ? msr.apic_base : APIC_BASE_WITHOUT_APIC) | APIC_BASE_BSP;
    return true;
  }
  value = 0;
  return is_inert(index);
}

bool write_msr(Interpreter& cpu, uint32_t index, uint64_t value) {
  const CpuFacts& facts = cpu_facts(cpu.model_);
  Msrs& msr = cpu.state_.msr;
  const auto low = static_cast<uint32_t>(value);
  if (index == MSR_TSC) {
    // Only the low half can be written; the high half becomes zero (SDM 17.17, P6 before 0F_03h).
    cpu.state_.tsc_offset = low - cpu.clock().now_ns();
    return true;
  }
  if (index == MSR_P5_MC_ADDR || index == MSR_P5_MC_TYPE) return true;
  if (facts.has(FEATURE_SEP)) {
    switch (index) {
      case MSR_SYSENTER_CS:
        msr.sysenter_cs = low;
        return true;
      case MSR_SYSENTER_ESP:
        msr.sysenter_esp = low;
        return true;
      case MSR_SYSENTER_EIP:
        msr.sysenter_eip = low;
        return true;
      default:
        break;
    }
  }
  if (facts.has(FEATURE_PAT) && index == MSR_PAT) {
    for (int i = 0; i < 8; ++i) {
      const uint64_t type = (value >> (8 * i)) & 0xFF;
      if (type > 7 || type == 2 || type == 3) return false;
    }
    msr.pat = value;
    return true;
  }
  if (facts.has(FEATURE_MTRR)) {
    if (index == MSR_MTRRCAP) return false;
    if (uint64_t* at = mtrr(msr, index)) {
      if (at == &msr.mtrr_def_type && (value & ~MTRR_DEF_TYPE_BITS)) return false;
      *at = value;
      return true;
    }
  }
  if (facts.has(FEATURE_NX) && index == MSR_EFER) {
    if (value & ~EFER_NXE) return false;
    msr.efer = value;
    cpu.flush_tlb(false);
    return true;
  }
  if (facts.has(FEATURE_RDTSCP) && index == MSR_TSC_AUX) {
    msr.tsc_aux = low;
    return true;
  }
  if (facts.has_trait(TRAIT_P4)) {
    if (index == MSR_MISC_ENABLE) {
      msr.misc_enable = value;
      return true;
    }
    if (is_inert_p4(index)) return true;
  }
  if (!facts.has_trait(TRAIT_P6)) return false;
  if (index == MSR_APIC_BASE) {
    if (cpu.local_apic) return cpu.local_apic->write_base(value);
    // Without a local APIC its enable bit cannot be set (SDM 10.4.3).
    msr.apic_base = value & APIC_BASE_ADDRESS;
    return true;
  }
  return is_inert(index) && index != MSR_MCG_CAP;
}

void require_cpl0(Interpreter& cpu) {
  if (cpu.state_.cpl != 0) cpu.fault(VECTOR_GP, 0);
}

void answer(Interpreter& cpu, uint64_t value) {
  cpu.state_.gpr[EAX] = static_cast<uint32_t>(value);
  cpu.state_.gpr[EDX] = static_cast<uint32_t>(value >> 32);
}

const Op* rdtsc(Interpreter& cpu, const Op* op) {
  if (!cpu_facts(cpu.model_).has(FEATURE_TSC)) cpu.fault(VECTOR_UD);
  if ((cpu.state_.cr4 & CR4_TSD) && cpu.state_.cpl != 0) cpu.fault(VECTOR_GP, 0);
  answer(cpu, time_stamp(cpu));
  return NEXT(cpu, op);
}

const Op* rdmsr(Interpreter& cpu, const Op* op) {
  if (!cpu_facts(cpu.model_).has(FEATURE_MSR)) cpu.fault(VECTOR_UD);
  require_cpl0(cpu);
  uint64_t value = 0;
  if (!read_msr(cpu, cpu.state_.gpr[ECX], value)) cpu.fault(VECTOR_GP, 0);
  answer(cpu, value);
  return NEXT(cpu, op);
}

const Op* wrmsr(Interpreter& cpu, const Op* op) {
  if (!cpu_facts(cpu.model_).has(FEATURE_MSR)) cpu.fault(VECTOR_UD);
  require_cpl0(cpu);
  const uint64_t value = uint64_t{cpu.state_.gpr[EDX]} << 32 | cpu.state_.gpr[EAX];
  const uint32_t index = cpu.state_.gpr[ECX];
  if (!write_msr(cpu, index, value)) cpu.fault(VECTOR_GP, 0);
  if (index == MSR_APIC_BASE) {
    // The physical map may be another.
    cpu.state_.eip = cpu.next_eip();
    return cpu.leave_block();
  }
  return NEXT(cpu, op);
}

const Op* rdtscp(Interpreter& cpu, const Op* op) {
  if (!cpu_facts(cpu.model_).has(FEATURE_RDTSCP)) cpu.fault(VECTOR_UD);
  if ((cpu.state_.cr4 & CR4_TSD) && cpu.state_.cpl != 0) cpu.fault(VECTOR_GP, 0);
  answer(cpu, time_stamp(cpu));
  cpu.state_.gpr[ECX] = cpu.state_.msr.tsc_aux;
  return NEXT(cpu, op);
}

const Op* rdpmc(Interpreter& cpu, const Op* op) {
  const CpuFacts& facts = cpu_facts(cpu.model_);
  if (!facts.has_trait(TRAIT_RDPMC)) cpu.fault(VECTOR_UD);
  if (!(cpu.state_.cr4 & CR4_PCE)) require_cpl0(cpu);
  const bool p4 = facts.has_trait(TRAIT_P4);
  const uint32_t counter = p4 ? cpu.state_.gpr[ECX] & ~RDPMC_FAST : cpu.state_.gpr[ECX];
  if (counter >= (p4 ? P4_COUNTERS : P6_COUNTERS)) cpu.fault(VECTOR_GP, 0);
  answer(cpu, 0);
  return NEXT(cpu, op);
}

const Op* cpuid_instruction(Interpreter& cpu, const Op* op) {
  const CpuFacts& facts = cpu_facts(cpu.model_);
  if (!facts.has_trait(TRAIT_CPUID)) cpu.fault(VECTOR_UD);
  CpuidResult result = cpuid(facts, cpu.state_.gpr[EAX]);
  const bool has_apic = cpu.local_apic && cpu.local_apic->is_enabled();
  if (cpu.state_.gpr[EAX] == CPUID_FEATURES && !has_apic) result.edx &= ~FEATURE_APIC;
  cpu.state_.gpr[EAX] = result.eax;
  cpu.state_.gpr[EBX] = result.ebx;
  cpu.state_.gpr[ECX] = result.ecx;
  cpu.state_.gpr[EDX] = result.edx;
  return NEXT(cpu, op);
}

}  // namespace

Handler model_specific_handler(const Op& op) {
  switch (op.opcode) {
    case 0x01:
      return op.modrm == 0xF9 ? rdtscp : nullptr;
    case 0x30:
      return wrmsr;
    case 0x31:
      return rdtsc;
    case 0x32:
      return rdmsr;
    case 0x33:
      return rdpmc;
    case 0xA2:
      return cpuid_instruction;
    default:
      return nullptr;
  }
}

}  // namespace bancada
