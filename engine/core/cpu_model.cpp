#include "cpu_model.h"

#include <cstring>
#include <stdexcept>

namespace bancada {

namespace {

constexpr uint32_t CR0_386 = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_PG;
constexpr uint32_t CR0_486 = CR0_386 | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD;
constexpr uint32_t FLAGS_386 =
    FLAGS_STATUS | FLAG_ONE | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT | FLAG_RF | FLAG_VM;
constexpr uint32_t FLAGS_PENTIUM = FLAGS_386 | FLAG_AC | FLAG_VIF | FLAG_VIP | FLAG_ID;
constexpr uint32_t CR4_PENTIUM = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_MCE;

constexpr uint32_t FEATURES_PENTIUM =
    FEATURE_FPU | FEATURE_VME | FEATURE_DE | FEATURE_PSE | FEATURE_TSC | FEATURE_MSR | FEATURE_MCE | FEATURE_CX8;

// The 486 is a late one, a DX4: it has CPUID and the virtual-8086 mode extensions.
// The Pentium has its local APIC strapped off, as in boards with one processor. The Pentium Pro has no SYSENTER:
// model 1 never had it. CPUID hides the local APIC when the board leaves it out.
constexpr CpuFacts MODELS[] = {
    {.model = CpuModel::i386,
     .name = "386",
     .long_name = "Intel 386 DX",
     .signature = 0x308,
     .features = FEATURE_FPU,
     .traits = 0,
     .cr0_mask = CR0_386,
     .cr4_mask = 0,
     .flags_mask = FLAGS_386,
     .cpuid_limit = 0,
     .cache_leaf = {},
     .physical_address_bits = 32},
    {.model = CpuModel::i486,
     .name = "486",
     .long_name = "Intel 486 DX4",
     .signature = 0x480,
     .features = FEATURE_FPU | FEATURE_VME,
     .traits = TRAIT_486 | TRAIT_CR4 | TRAIT_CPUID,
     .cr0_mask = CR0_486,
     .cr4_mask = CR4_VME | CR4_PVI,
     .flags_mask = FLAGS_PENTIUM,
     .cpuid_limit = 1,
     .cache_leaf = {},
     .physical_address_bits = 32},
    {.model = CpuModel::pentium,
     .name = "pentium",
     .long_name = "Intel Pentium",
     .signature = 0x52C,
     .features = FEATURES_PENTIUM,
     .traits = TRAIT_486 | TRAIT_CR4 | TRAIT_CPUID,
     .cr0_mask = CR0_486,
     .cr4_mask = CR4_PENTIUM,
     .flags_mask = FLAGS_PENTIUM,
     .cpuid_limit = 1,
     .cache_leaf = {},
     .physical_address_bits = 32},
    {.model = CpuModel::pentium_pro,
     .name = "pentium-pro",
     .long_name = "Intel Pentium Pro",
     .signature = 0x619,
     .features = FEATURES_PENTIUM | FEATURE_APIC | FEATURE_PAE | FEATURE_MTRR | FEATURE_PGE | FEATURE_MCA | FEATURE_CMOV,
     .traits = TRAIT_486 | TRAIT_CR4 | TRAIT_CPUID | TRAIT_RDPMC | TRAIT_P6,
     .cr0_mask = CR0_486,
     .cr4_mask = CR4_PENTIUM | CR4_PAE | CR4_PGE | CR4_PCE,
     .flags_mask = FLAGS_PENTIUM,
     .cpuid_limit = 2,
     // 8 KiB L1 code and data caches, 256 KiB L2 cache, and the TLBs that came with them.
     .cache_leaf = {0x03020101, 0, 0, 0x06040A42},
     .physical_address_bits = 32},
};

uint32_t four(const char* text) {
  uint32_t value;
  std::memcpy(&value, text, 4);
  return value;
}

}  // namespace

const CpuFacts& cpu_facts(CpuModel model) {
  return MODELS[static_cast<size_t>(model)];
}

CpuModel parse_cpu_model(const std::string& name) {
  std::string choices;
  for (const CpuFacts& facts : MODELS) {
    if (name == facts.name) return facts.model;
    choices += choices.empty() ? "" : ", ";
    choices += facts.name;
  }
  throw std::invalid_argument("No processor model \"" + name + "\"; choose one of " + choices + ".");
}

void reset_processor(CpuState& state, const CpuFacts& facts, bool init_only) {
  state.reset(init_only);
  state.cr0 &= facts.cr0_mask;
  state.gpr[EDX] = facts.signature;
}

CpuidResult cpuid(const CpuFacts& facts, uint32_t leaf) {
  if (leaf > facts.cpuid_limit) leaf = facts.cpuid_limit;
  switch (leaf) {
    case 0:
      return {facts.cpuid_limit, four("Genu"), four("ntel"), four("ineI")};
    case 1:
      return {facts.signature, 0, 0, facts.features};
    default:
      return {facts.cache_leaf[0], facts.cache_leaf[1], facts.cache_leaf[2], facts.cache_leaf[3]};
  }
}

}  // namespace bancada
