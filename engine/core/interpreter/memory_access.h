// Guest memory as instructions see it: segment checks, TLB, and the host's memory behind it.
#pragma once

#include <cstring>

#include "interpreter.h"

namespace bancada {

// Slow paths (memory_access.cpp): every check, page crossings, devices, ROM, code pages.
template <typename T>
T read_slow(Interpreter& cpu, SegmentRegister segment, uint32_t offset);
template <typename T>
void write_slow(Interpreter& cpu, SegmentRegister segment, uint32_t offset, T value);
template <typename T>
T read_linear_slow(Interpreter& cpu, uint32_t linear, uint8_t set);
template <typename T>
void write_linear_slow(Interpreter& cpu, uint32_t linear, T value, uint8_t set);

// 16 bytes are two halves to devices, breakpoints and alignment checks; stores check both pages first.
template <>
Xmm read_linear_slow<Xmm>(Interpreter& cpu, uint32_t linear, uint8_t set);
template <>
void write_linear_slow<Xmm>(Interpreter& cpu, uint32_t linear, Xmm value, uint8_t set);

constexpr uint32_t tlb_index(uint32_t linear) {
  return (linear >> 12) & (Interpreter::TLB_ENTRIES - 1);
}

template <typename T>
inline T load_host(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// The tag test catches page crossings too: the last byte's page then differs from the entry's.
template <typename T>
inline T read_tlb(Interpreter& cpu, uint32_t linear, uint8_t set) {
  const Interpreter::TlbEntry& entry = cpu.tlb_read_[set][tlb_index(linear)];
  if (((linear + (sizeof(T) - 1)) & PAGE_MASK) == entry.tag) [[likely]] {
    return load_host<T>(reinterpret_cast<const void*>(linear + entry.addend));
  }
  return read_linear_slow<T>(cpu, linear, set);
}

template <typename T>
inline void write_tlb(Interpreter& cpu, uint32_t linear, T value, uint8_t set) {
  const Interpreter::TlbEntry& entry = cpu.tlb_write_[set][tlb_index(linear)];
  if (((linear + (sizeof(T) - 1)) & PAGE_MASK) == entry.tag) [[likely]] {
    std::memcpy(reinterpret_cast<void*>(linear + entry.addend), &value, sizeof value);
    return;
  }
  write_linear_slow<T>(cpu, linear, value, set);
}

template <typename T>
inline T Interpreter::read(SegmentRegister segment, uint32_t offset) {
  const Segment& s = state_.seg[segment];
  if (static_cast<uint64_t>(offset) + sizeof(T) <= s.read_span) [[likely]] {
    return read_tlb<T>(*this, s.base + offset, tlb_set_);
  }
  return read_slow<T>(*this, segment, offset);
}

template <typename T>
inline void Interpreter::write(SegmentRegister segment, uint32_t offset, T value) {
  const Segment& s = state_.seg[segment];
  if (static_cast<uint64_t>(offset) + sizeof(T) <= s.write_span) [[likely]] {
    write_tlb<T>(*this, s.base + offset, value, tlb_set_);
    return;
  }
  write_slow<T>(*this, segment, offset, value);
}

template <typename T>
inline T Interpreter::read_linear_user(uint32_t linear) {
  return read_tlb<T>(*this, linear, tlb_set_);
}

template <typename T>
inline void Interpreter::write_linear_user(uint32_t linear, T value) {
  write_tlb<T>(*this, linear, value, tlb_set_);
}

template <typename T>
inline T Interpreter::read_system(uint32_t linear) {
  return read_tlb<T>(*this, linear, 0);
}

template <typename T>
inline void Interpreter::write_system(uint32_t linear, T value) {
  write_tlb<T>(*this, linear, value, 0);
}

// Faults as a write would, before anything is read.
void check_write_linear(Interpreter& cpu, uint32_t linear, uint32_t size);
// The same for a range of at most a page and a byte more: everything an instruction stores in pieces.
void check_write_range(Interpreter& cpu, SegmentRegister segment, uint32_t offset, uint32_t bytes);

template <typename T>
inline void Interpreter::check_write(SegmentRegister segment, uint32_t offset) {
  const Segment& s = state_.seg[segment];
  uint32_t linear;
  if (static_cast<uint64_t>(offset) + sizeof(T) <= s.write_span) [[likely]] {
    linear = s.base + offset;
    const TlbEntry& entry = tlb_write_[tlb_set_][tlb_index(linear)];
    if (((linear + (sizeof(T) - 1)) & PAGE_MASK) == (entry.tag & PAGE_MASK) && entry.tag != TLB_INVALID) [[likely]]
      return;
  } else {
    linear = linear_address(segment, offset, sizeof(T), Access::write);
  }
  check_write_linear(*this, linear, sizeof(T));
}

inline void Interpreter::push(uint32_t value, int size) {
  const uint32_t esp = state_.gpr[ESP];
  const uint32_t offset = (esp - static_cast<uint32_t>(size)) & stack_mask_;
  if (size == 2)
    write<uint16_t>(SS, offset, static_cast<uint16_t>(value));
  else
    write<uint32_t>(SS, offset, value);
  state_.gpr[ESP] = (esp & ~stack_mask_) | offset;
}

inline uint32_t Interpreter::pop(int size) {
  const uint32_t esp = state_.gpr[ESP];
  const uint32_t offset = esp & stack_mask_;
  const uint32_t value = size == 2 ? read<uint16_t>(SS, offset) : read<uint32_t>(SS, offset);
  state_.gpr[ESP] = (esp & ~stack_mask_) | ((esp + static_cast<uint32_t>(size)) & stack_mask_);
  return value;
}

}  // namespace bancada
