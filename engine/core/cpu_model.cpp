#include "cpu_model.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

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

constexpr uint32_t FEATURES_PENTIUM_PRO =
    FEATURES_PENTIUM | FEATURE_APIC | FEATURE_PAE | FEATURE_MTRR | FEATURE_PGE | FEATURE_MCA | FEATURE_CMOV;
constexpr uint32_t CR4_PENTIUM_PRO = CR4_PENTIUM | CR4_PAE | CR4_PGE | CR4_PCE;
constexpr uint8_t TRAITS_PENTIUM_PRO = TRAIT_486 | TRAIT_CR4 | TRAIT_CPUID | TRAIT_RDPMC | TRAIT_P6;

// What the SSE units of the host compute for the guest. Without them no model has MMX or SSE.
#if defined(__SSE2__)
constexpr uint32_t FEATURES_MMX = FEATURE_MMX | FEATURE_FXSR;
constexpr uint32_t FEATURES_SSE = FEATURES_MMX | FEATURE_SSE;
constexpr uint32_t FEATURES_SSE2 = FEATURES_SSE | FEATURE_SSE2 | FEATURE_CLFSH;
constexpr uint32_t CR4_MMX = CR4_OSFXSR;
constexpr uint32_t CR4_SSE = CR4_OSFXSR | CR4_OSXMMEXCPT;
#else
constexpr uint32_t FEATURES_MMX = 0, FEATURES_SSE = 0, FEATURES_SSE2 = 0;
constexpr uint32_t CR4_MMX = 0, CR4_SSE = 0;
#endif
constexpr uint32_t FEATURES_PENTIUM_II = FEATURES_PENTIUM_PRO | FEATURE_SEP | FEATURE_PAT | FEATURE_PSE36;

// MXCSR: denormals-are-zeros (bit 6) came with the Pentium 4.
constexpr uint32_t MXCSR_WITHOUT_DAZ = 0xFFBF;
constexpr uint32_t MXCSR_WITH_DAZ = 0xFFFF;

constexpr uint32_t CLFLUSH_64_BYTES = 8u << 8;
constexpr uint32_t EXTENDED_LEAVES = 0x80000000;
constexpr uint32_t LAST_BRAND_LEAF = 0x80000004;

constexpr std::array<char, 49> brand_string(std::string_view text) {
  std::array<char, 49> brand = {};
  for (size_t i = 0; i < text.size() && i < 48; ++i) brand[i] = text[i];
  return brand;
}

// The 486 is a late one, a DX4: it has CPUID and the virtual-8086 mode extensions.
// The Pentium has its local APIC strapped off, as in boards with one processor. The Pentium Pro has no SYSENTER:
// model 1 never had it. The Pentium 4 is a Northwood: SSE2, no SSE3, no execute-disable bit. CPUID hides the local APIC
// when the board leaves it out.
constexpr CpuFacts TABLE[] = {
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
     .features = FEATURES_PENTIUM_PRO,
     .traits = TRAITS_PENTIUM_PRO,
     .cr0_mask = CR0_486,
     .cr4_mask = CR4_PENTIUM_PRO,
     .flags_mask = FLAGS_PENTIUM,
     .cpuid_limit = 2,
     // 8 KiB L1 code and data caches, 256 KiB L2 cache, and the TLBs that came with them.
     .cache_leaf = {0x03020101, 0, 0, 0x06040A42},
     .physical_address_bits = 32},
    {.model = CpuModel::pentium_ii,
     .name = "pentium-ii",
     .long_name = "Intel Pentium II",
     .signature = 0x652,
     .features = FEATURES_PENTIUM_II | FEATURES_MMX,
     .traits = TRAITS_PENTIUM_PRO,
     .cr0_mask = CR0_486,
     .cr4_mask = CR4_PENTIUM_PRO | CR4_MMX,
     .flags_mask = FLAGS_PENTIUM,
     .cpuid_limit = 2,
     // 16 KiB L1 code and data caches, 512 KiB L2 cache.
     .cache_leaf = {0x03020101, 0, 0, 0x0C040843},
     .physical_address_bits = 32},
    {.model = CpuModel::pentium_iii,
     .name = "pentium-iii",
     .long_name = "Intel Pentium III",
     .signature = 0x68A,
     .features = FEATURES_PENTIUM_II | FEATURES_SSE,
     .traits = TRAITS_PENTIUM_PRO,
     .cr0_mask = CR0_486,
     .cr4_mask = CR4_PENTIUM_PRO | CR4_SSE,
     .flags_mask = FLAGS_PENTIUM,
     .cpuid_limit = 2,
     // 16 KiB L1 code and data caches, 256 KiB L2 cache.
     .cache_leaf = {0x03020101, 0, 0, 0x0C040882},
     .brand_and_clflush = 2,
     .mxcsr_mask = MXCSR_WITHOUT_DAZ,
     .physical_address_bits = 32},
    {.model = CpuModel::pentium_4,
     .name = "pentium-4",
     .long_name = "Intel Pentium 4",
     .signature = 0xF29,
     .features = FEATURES_PENTIUM_II | FEATURES_SSE2,
     .traits = TRAITS_PENTIUM_PRO | TRAIT_P4,
     .cr0_mask = CR0_486,
     .cr4_mask = CR4_PENTIUM_PRO | CR4_SSE,
     .flags_mask = FLAGS_PENTIUM,
     .cpuid_limit = 2,
     // 8 KiB L1 data cache, 12 K micro-operations trace cache, 512 KiB L2 cache.
     .cache_leaf = {0x665B5001, 0, 0, 0x007B7040},
     .brand_and_clflush = CLFLUSH_64_BYTES | 9,
     .mxcsr_mask = MXCSR_WITH_DAZ,
     .brand = brand_string("Intel(R) Pentium(R) 4 CPU 1.00GHz"),
     .physical_address_bits = 32},
    // All that this program can do for a guest on this host, under the host's own name: see host_like(). The signature
    // is that of a Core 2, which systems treat well without knowing the host's family.
    {.model = CpuModel::host_like,
     .name = "host-like",
     .long_name = "Like the host's processor",
     .signature = 0x6FB,
     .features = FEATURES_PENTIUM_II | FEATURES_SSE2,
     .features_extended = FEATURE_NX | FEATURE_RDTSCP,
     .traits = TRAITS_PENTIUM_PRO | TRAIT_P4,
     .cr0_mask = CR0_486,
     .cr4_mask = CR4_PENTIUM_PRO | CR4_SSE,
     .flags_mask = FLAGS_PENTIUM,
     .cpuid_limit = 2,
     // 32 KiB L1 code and data caches, 4 MiB L2 cache.
     .cache_leaf = {0x05B0B101, 0x005657F0, 0, 0x2CB43049},
     .brand_and_clflush = CLFLUSH_64_BYTES,
     .mxcsr_mask = MXCSR_WITH_DAZ,
     .brand = brand_string("Virtual CPU"),
     .physical_address_bits = 32},
};
constexpr size_t MODELS = std::size(TABLE);

constexpr bool is_in_order() {
  for (size_t i = 0; i < MODELS; ++i) {
    if (static_cast<size_t>(TABLE[i].model) != i) return false;
  }
  return true;
}
static_assert(is_in_order(), "the table is indexed by CpuModel");

// What depends on the host: its brand string, and the extensions that its units must compute.
CpuFacts host_like(CpuFacts facts) {
#if defined(__x86_64__)
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx)) facts.features_ecx = ecx & (FEATURE_SSE3 | FEATURE_SSSE3);
  std::array<char, 48> brand = {};
  bool named = true;
  for (uint32_t i = 0; i < 3; ++i) {
    named = named && __get_cpuid(EXTENDED_LEAVES + 2 + i, &eax, &ebx, &ecx, &edx);
    const uint32_t words[4] = {eax, ebx, ecx, edx};
    std::memcpy(brand.data() + 16 * i, words, sizeof words);
  }
  if (named) facts.brand = brand_string({brand.data(), strnlen(brand.data(), brand.size())});
#endif
  return facts;
}

const std::array<CpuFacts, MODELS>& models() {
  static const std::array<CpuFacts, MODELS> all = [] {
    std::array<CpuFacts, MODELS> made{};
    std::copy_n(TABLE, MODELS, made.begin());
    made.back() = host_like(made.back());
    return made;
  }();
  return all;
}

// Built before any processor is: cpu_facts() is on hot paths.
const CpuFacts* const ALL_MODELS = models().data();

uint32_t four(const char* text) {
  uint32_t value;
  std::memcpy(&value, text, 4);
  return value;
}

}  // namespace

const CpuFacts& cpu_facts(CpuModel model) {
  return ALL_MODELS[static_cast<size_t>(model)];
}

CpuModel parse_cpu_model(const std::string& name) {
  std::string choices;
  for (const CpuFacts& facts : models()) {
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
  const bool has_extended = facts.brand[0] != 0;
  if (leaf > facts.cpuid_limit && !(has_extended && leaf >= EXTENDED_LEAVES && leaf <= LAST_BRAND_LEAF))
    leaf = facts.cpuid_limit;
  switch (leaf) {
    case 0:
      return {facts.cpuid_limit, four("Genu"), four("ntel"), four("ineI")};
    case 1:
      return {facts.signature, facts.brand_and_clflush, facts.features_ecx, facts.features};
    case EXTENDED_LEAVES:
      return {LAST_BRAND_LEAF, 0, 0, 0};
    case EXTENDED_LEAVES + 1:
      return {0, 0, 0, facts.features_extended};
    case EXTENDED_LEAVES + 2:
    case EXTENDED_LEAVES + 3:
    case EXTENDED_LEAVES + 4: {
      const char* text = facts.brand.data() + 16 * (leaf - EXTENDED_LEAVES - 2);
      return {four(text), four(text + 4), four(text + 8), four(text + 12)};
    }
    default:
      return {facts.cache_leaf[0], facts.cache_leaf[1], facts.cache_leaf[2], facts.cache_leaf[3]};
  }
}

}  // namespace bancada
