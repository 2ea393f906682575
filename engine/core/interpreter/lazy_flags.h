// The six status flags in lazy form: the last result, and the carries out of each bit.
//
// flag_result_ is the result sign-extended to 32 bits. In flag_carries_ bit 31 is CF, bit 31 xor bit 30 is OF, bit 3 is
// AF; bits 0 and 1 turn SF and PF over, for flag images that no result can have.
#pragma once

#include <bit>

#include "interpreter.h"

namespace bancada {

constexpr uint32_t CARRY_CF = 1u << 31;
constexpr uint32_t CARRY_IN = 1u << 30;
constexpr uint32_t CARRY_AF = 1u << 3;
constexpr uint32_t CARRY_PF_TURNED = 1u << 1;
constexpr uint32_t CARRY_SF_TURNED = 1u << 0;

inline bool get_cf(const Interpreter& cpu) {
  return cpu.flag_carries_ >> 31;
}
inline bool get_zf(const Interpreter& cpu) {
  return cpu.flag_result_ == 0;
}
inline bool get_sf(const Interpreter& cpu) {
  return ((cpu.flag_result_ >> 31) ^ cpu.flag_carries_) & 1;
}
inline bool get_of(const Interpreter& cpu) {
  return ((cpu.flag_carries_ >> 31) ^ (cpu.flag_carries_ >> 30)) & 1;
}
inline bool get_af(const Interpreter& cpu) {
  return (cpu.flag_carries_ >> 3) & 1;
}
inline bool get_pf(const Interpreter& cpu) {
  return !((static_cast<uint32_t>(std::popcount(cpu.flag_result_ & 0xFF)) ^ (cpu.flag_carries_ >> 1)) & 1);
}

inline uint32_t status_flags(const Interpreter& cpu) {
  return (get_cf(cpu) ? FLAG_CF : 0) | (get_pf(cpu) ? FLAG_PF : 0) | (get_af(cpu) ? FLAG_AF : 0) |
         (get_zf(cpu) ? FLAG_ZF : 0) | (get_sf(cpu) ? FLAG_SF : 0) | (get_of(cpu) ? FLAG_OF : 0);
}

inline uint32_t Interpreter::flags() const {
  return (state_.eflags & ~FLAGS_STATUS) | status_flags(*this);
}

inline void Interpreter::set_status_flags(uint32_t eflags) {
  const bool cf = eflags & FLAG_CF, of = eflags & FLAG_OF, zf = eflags & FLAG_ZF;
  flag_result_ = zf ? 0 : 1;  // 1: not zero, not negative, odd parity
  const bool pf_now = zf;
  flag_carries_ = (cf ? CARRY_CF : 0) | (cf != of ? CARRY_IN : 0) | ((eflags & FLAG_AF) ? CARRY_AF : 0) |
                  ((eflags & FLAG_SF) ? CARRY_SF_TURNED : 0) |
                  (((eflags & FLAG_PF) != 0) != pf_now ? CARRY_PF_TURNED : 0);
}

inline void Interpreter::store_flags(uint32_t eflags) {
  set_status_flags(eflags);
  state_.eflags = (eflags & ~FLAGS_STATUS) | FLAG_ONE;
}

template <typename T>
constexpr uint32_t extend(T value) {
  if constexpr (sizeof(T) == 1)
    return static_cast<uint32_t>(static_cast<int32_t>(static_cast<int8_t>(value)));
  else if constexpr (sizeof(T) == 2)
    return static_cast<uint32_t>(static_cast<int32_t>(static_cast<int16_t>(value)));
  else
    return value;
}

// Carries out of each bit of a T, moved so that the top one is bit 31.
template <typename T>
constexpr uint32_t place_carries(uint32_t carries) {
  if constexpr (sizeof(T) == 4)
    return carries & (CARRY_CF | CARRY_IN | CARRY_AF);
  else
    return ((carries << (32 - sizeof(T) * 8)) & (CARRY_CF | CARRY_IN)) | (carries & CARRY_AF);
}

template <typename T>
inline void set_add_flags(Interpreter& cpu, uint32_t a, uint32_t b, T result) {
  cpu.flag_result_ = extend(result);
  cpu.flag_carries_ = place_carries<T>((a & b) | ((a | b) & ~static_cast<uint32_t>(result)));
}

template <typename T>
inline void set_sub_flags(Interpreter& cpu, uint32_t a, uint32_t b, T result) {
  cpu.flag_result_ = extend(result);
  cpu.flag_carries_ = place_carries<T>((~a & b) | ((~a | b) & static_cast<uint32_t>(result)));
}

template <typename T>
inline void set_logic_flags(Interpreter& cpu, T result) {
  cpu.flag_result_ = extend(result);
  cpu.flag_carries_ = 0;
}

// CF and OF given; SF, ZF and PF from the result, AF clear.
template <typename T>
inline void set_shift_flags(Interpreter& cpu, T result, bool cf, bool of) {
  cpu.flag_result_ = extend(result);
  cpu.flag_carries_ = (cf ? CARRY_CF : 0) | (cf != of ? CARRY_IN : 0);
}

// Only CF and OF change.
inline void set_cf_of(Interpreter& cpu, bool cf, bool of) {
  cpu.flag_carries_ = (cpu.flag_carries_ & ~(CARRY_CF | CARRY_IN)) | (cf ? CARRY_CF : 0) | (cf != of ? CARRY_IN : 0);
}

inline void set_cf(Interpreter& cpu, bool cf) {
  set_cf_of(cpu, cf, get_of(cpu));
}

// Condition codes of Jcc, SETcc, CMOVcc (SDM vol. 2, appendix B).
template <int Code>
inline bool condition(const Interpreter& cpu) {
  bool value;
  if constexpr (Code >> 1 == 0)
    value = get_of(cpu);
  else if constexpr (Code >> 1 == 1)
    value = get_cf(cpu);
  else if constexpr (Code >> 1 == 2)
    value = get_zf(cpu);
  else if constexpr (Code >> 1 == 3)
    value = get_cf(cpu) || get_zf(cpu);
  else if constexpr (Code >> 1 == 4)
    value = get_sf(cpu);
  else if constexpr (Code >> 1 == 5)
    value = get_pf(cpu);
  else if constexpr (Code >> 1 == 6)
    value = get_sf(cpu) != get_of(cpu);
  else
    value = get_zf(cpu) || get_sf(cpu) != get_of(cpu);
  return value != (Code & 1);
}

}  // namespace bancada
