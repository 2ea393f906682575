// The processors a machine can have. All that differs between them is data in one table (cpu_model.cpp); code
// asks for a feature, never for a name.
//
// Source: Intel SDM vol. 2 (CPUID), vol. 3 ch. 22 (differences between processors); Intel AP-485.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "cpu_state.h"

namespace bancada {

enum class CpuModel : uint8_t { i386, i486, pentium, pentium_pro, pentium_ii, pentium_iii, pentium_4, host_like };

// The time-stamp counter of every model counts guest nanoseconds: a fixed nominal 1 GHz.
constexpr uint64_t TSC_HZ = 1'000'000'000;

// CPUID leaf 1, EDX.
enum CpuFeature : uint32_t {
  FEATURE_FPU = 1u << 0,
  FEATURE_VME = 1u << 1,
  FEATURE_DE = 1u << 2,
  FEATURE_PSE = 1u << 3,
  FEATURE_TSC = 1u << 4,
  FEATURE_MSR = 1u << 5,
  FEATURE_PAE = 1u << 6,
  FEATURE_MCE = 1u << 7,
  FEATURE_CX8 = 1u << 8,
  FEATURE_APIC = 1u << 9,
  FEATURE_SEP = 1u << 11,
  FEATURE_MTRR = 1u << 12,
  FEATURE_PGE = 1u << 13,
  FEATURE_MCA = 1u << 14,
  FEATURE_CMOV = 1u << 15,
  FEATURE_PAT = 1u << 16,
  FEATURE_PSE36 = 1u << 17,
  FEATURE_CLFSH = 1u << 19,
  FEATURE_MMX = 1u << 23,
  FEATURE_FXSR = 1u << 24,
  FEATURE_SSE = 1u << 25,
  FEATURE_SSE2 = 1u << 26,
};

// CPUID leaf 1, ECX.
enum CpuFeatureEcx : uint32_t {
  FEATURE_SSE3 = 1u << 0,
  FEATURE_SSSE3 = 1u << 9,
};

// CPUID leaf 8000_0001h, EDX.
enum CpuFeatureExtended : uint32_t {
  FEATURE_NX = 1u << 20,
  FEATURE_RDTSCP = 1u << 27,
};

// What CPUID has no bit for.
enum CpuTrait : uint8_t {
  TRAIT_486 = 1,    // BSWAP, XADD, CMPXCHG, INVLPG, INVD, WBINVD; CR0.WP, AM, NE, CD, NW; EFLAGS.AC
  TRAIT_CR4 = 2,    // MOV to and from CR4
  TRAIT_CPUID = 4,  // CPUID and EFLAGS.ID
  TRAIT_RDPMC = 8,  // RDPMC and CR4.PCE
  TRAIT_P6 = 16,    // UD2, multi-byte NOP, FCMOVcc with CMOV, MSRs of the P6 family
  TRAIT_P4 = 32,    // MSRs and the 18 performance counters of the Pentium 4; IA32_MISC_ENABLE
};

// One row of the table.
struct CpuFacts {
  CpuModel model;
  const char* name;  // as in a machine's settings
  const char* long_name;
  uint32_t signature;  // family, model, stepping: EDX at reset and CPUID leaf 1 EAX
  uint32_t features;   // CpuFeature bits
  uint32_t features_ecx = 0;
  uint32_t features_extended = 0;
  uint8_t traits;     // CpuTrait bits
  uint32_t cr0_mask;  // bits of CR0 that exist
  uint32_t cr4_mask;
  uint32_t flags_mask;                 // bits of EFLAGS that exist
  uint32_t cpuid_limit;                // highest basic leaf
  std::array<uint32_t, 4> cache_leaf;  // CPUID leaf 2: EAX, EBX, ECX, EDX
  uint32_t brand_and_clflush = 0;      // CPUID leaf 1 EBX: brand index, line size of CLFLUSH
  uint32_t mxcsr_mask = 0;             // bits of MXCSR that exist; 0 without SSE
  std::array<char, 49> brand = {};     // CPUID leaves 8000_0002h-4h; empty: there are no extended leaves
  // Page-table entries must hold zeros from this bit on; PAE only. No machine has memory above 4 GiB.
  uint8_t physical_address_bits;

  bool has(CpuFeature feature) const { return (features & feature) != 0; }
  bool has(CpuFeatureEcx feature) const { return (features_ecx & feature) != 0; }
  bool has(CpuFeatureExtended feature) const { return (features_extended & feature) != 0; }
  bool has_trait(CpuTrait trait) const { return (traits & trait) != 0; }
};

const CpuFacts& cpu_facts(CpuModel model);

// From a name in the table, such as "pentium-4". Throws std::invalid_argument that names the choices.
CpuModel parse_cpu_model(const std::string& name);

// CpuState::reset with what this model has of it, and its signature in EDX (SDM 9.1.2).
void reset_processor(CpuState& state, const CpuFacts& facts, bool init_only = false);

struct CpuidResult {
  uint32_t eax, ebx, ecx, edx;
};
// A leaf beyond the highest answers as the highest basic one does (SDM vol. 2, CPUID).
CpuidResult cpuid(const CpuFacts& facts, uint32_t leaf);

}  // namespace bancada
