#include "memory_access.h"

#include <algorithm>

#include "../bus.h"
#include "../translator/translator.h"

namespace bancada {

namespace {

[[noreturn]] void segment_fault(Interpreter& cpu, SegmentRegister segment) {
  cpu.fault(segment == SS ? VECTOR_SS : VECTOR_GP, 0);
}

// Whether CPL 3 code asked for alignment checks: CR0.AM and EFLAGS.AC.
bool checks_alignment(const Interpreter& cpu, uint8_t set) {
  return set == 2 && cpu.user_;
}

// Pages with data breakpoints are left out of the TLB.
bool may_enter(const Interpreter& cpu, uint32_t linear, uint8_t set) {
  return set < 2 && (cpu.data_breakpoints_ == 0 || !cpu.is_watched(linear));
}

// Translated code finds the page from now on.
void note_page(Interpreter& cpu, uint32_t linear, uint32_t physical, uint8_t set, bool store) {
  if (!cpu.translator()) return;
  const uint64_t addend = reinterpret_cast<uint64_t>(cpu.memory().host_page(physical)) - (linear & PAGE_MASK);
  cpu.translator()->pages().enter(set, store, linear, physical, addend, cpu.translated_global_);
  cpu.translator()->windows().touched(set, linear, store);
}

// Makes the TLB entry for a load and returns the physical address.
uint32_t fill_read(Interpreter& cpu, uint32_t linear, uint8_t set) {
  const uint32_t physical = cpu.translate(linear, Access::read, set != 0);
  if ((cpu.memory().flags(physical) & PAGE_READ) && may_enter(cpu, linear, set)) {
    const uint32_t page = linear & PAGE_MASK;
    cpu.enter(cpu.tlb_read_[set][tlb_index(linear)],
              {page, cpu.translated_global_ ? Interpreter::TLB_GLOBAL : 0,
               reinterpret_cast<uint64_t>(cpu.memory().host_page(physical)) - page});
    note_page(cpu, linear, physical, set, false);
  }
  return physical;
}

uint32_t fill_write(Interpreter& cpu, uint32_t linear, uint8_t set) {
  const uint32_t physical = cpu.translate(linear, Access::write, set != 0);
  const uint8_t flags = cpu.memory().flags(physical);
  if ((flags & PAGE_WRITE) && may_enter(cpu, linear, set)) {
    const uint32_t page = linear & PAGE_MASK;
    if (flags & PAGE_TRACK_DIRTY) cpu.memory().mark_dirty(physical);
    cpu.enter(
        cpu.tlb_write_[set][tlb_index(linear)],
        {page | ((flags & PAGE_HAS_CODE) ? Interpreter::TLB_CODE : 0),
         (physical & PAGE_MASK) | Interpreter::TLB_STORE | (cpu.translated_global_ ? Interpreter::TLB_GLOBAL : 0u),
         reinterpret_cast<uint64_t>(cpu.memory().host_page(physical)) - page});
    if (!(flags & PAGE_HAS_CODE)) note_page(cpu, linear, physical, set, true);
  }
  return physical;
}

// One piece inside a page.
template <typename T>
T read_physical(Interpreter& cpu, uint32_t physical) {
  const uint8_t flags = cpu.memory().flags(physical);
  if (flags & PAGE_READ) return load_host<T>(cpu.memory().host_page(physical) + (physical & ~PAGE_MASK));
  if (flags & PAGE_DEVICE) {
    const auto value = static_cast<T>(cpu.bus().mmio_read(physical, sizeof(T)));
    cpu.device_called();
    return value;
  }
  return static_cast<T>(~T{0});
}

template <typename T>
void write_physical(Interpreter& cpu, uint32_t physical, T value) {
  const uint8_t flags = cpu.memory().flags(physical);
  if (flags & PAGE_DEVICE) {
    cpu.bus().mmio_write(physical, value, sizeof(T));
    cpu.device_called();
  } else {
    cpu.memory().write(physical, &value, sizeof value);
  }
}

}  // namespace

uint32_t Interpreter::linear_address(SegmentRegister segment, uint32_t offset, uint32_t size, Access access) {
  const Segment& s = state_.seg[segment];
  const uint64_t last = static_cast<uint64_t>(offset) + size - 1;
  if (last < (access == Access::write ? s.write_span : s.read_span)) return s.base + offset;
  const uint16_t present = ACCESS_S | ACCESS_PRESENT;
  if ((s.access & present) != present) segment_fault(*this, segment);
  const bool code = s.access & ACCESS_CODE;
  if (access == Access::write ? code || !(s.access & ACCESS_WRITABLE) : code && !(s.access & ACCESS_WRITABLE)) {
    segment_fault(*this, segment);
  }
  if (code || !(s.access & ACCESS_EXPAND_DOWN)) segment_fault(*this, segment);
  // Expand down: everything above the limit, to 64 KiB or 4 GiB.
  const uint64_t top = s.is_big() ? 0xFFFFFFFF : 0xFFFF;
  if (offset <= s.limit || last > top) segment_fault(*this, segment);
  return s.base + offset;
}

template <typename T>
T read_linear_slow(Interpreter& cpu, uint32_t linear, uint8_t set) {
  if (checks_alignment(cpu, set) && (linear & (sizeof(T) - 1))) cpu.fault(VECTOR_AC, 0);
  if (cpu.data_breakpoints_ != 0) cpu.note_data_access(linear, sizeof(T), Access::read);
  if ((linear & ~PAGE_MASK) + sizeof(T) <= PAGE_SIZE) return read_physical<T>(cpu, fill_read(cpu, linear, set));
  // Across two pages: both are translated before anything is read.
  const uint32_t first = fill_read(cpu, linear, set);
  const uint32_t second = fill_read(cpu, (linear + sizeof(T) - 1) & PAGE_MASK, set);
  const uint32_t in_first = PAGE_SIZE - (linear & ~PAGE_MASK);
  uint64_t value = 0;
  for (uint32_t i = 0; i < sizeof(T); ++i) {
    const uint32_t physical = i < in_first ? first + i : second + (i - in_first);
    value |= static_cast<uint64_t>(read_physical<uint8_t>(cpu, physical)) << (i * 8);
  }
  return static_cast<T>(value);
}

template <typename T>
void write_linear_slow(Interpreter& cpu, uint32_t linear, T value, uint8_t set) {
  if (checks_alignment(cpu, set) && (linear & (sizeof(T) - 1))) cpu.fault(VECTOR_AC, 0);
  if (cpu.data_breakpoints_ != 0) cpu.note_data_access(linear, sizeof(T), Access::write);
  if ((linear & ~PAGE_MASK) + sizeof(T) <= PAGE_SIZE) {
    // A page with code is known already: only its map of code bytes is looked at.
    const Interpreter::TlbEntry& entry = cpu.tlb_write_[set][tlb_index(linear)];
    if (set < 2 && entry.tag == ((linear & PAGE_MASK) | Interpreter::TLB_CODE)) {
      cpu.store_to_code((entry.kind & PAGE_MASK) | (linear & ~PAGE_MASK), sizeof(T));
      std::memcpy(reinterpret_cast<void*>(linear + entry.addend), &value, sizeof value);
      return;
    }
    write_physical<T>(cpu, fill_write(cpu, linear, set), value);
    return;
  }
  const uint32_t first = fill_write(cpu, linear, set);
  const uint32_t second = fill_write(cpu, (linear + sizeof(T) - 1) & PAGE_MASK, set);
  const uint32_t in_first = PAGE_SIZE - (linear & ~PAGE_MASK);
  for (uint32_t i = 0; i < sizeof(T); ++i) {
    const uint32_t physical = i < in_first ? first + i : second + (i - in_first);
    write_physical<uint8_t>(cpu, physical, static_cast<uint8_t>(static_cast<uint64_t>(value) >> (i * 8)));
  }
}

template <>
Xmm read_linear_slow<Xmm>(Interpreter& cpu, uint32_t linear, uint8_t set) {
  Xmm value;
  value.lane[0] = read_tlb<uint64_t>(cpu, linear, set);
  value.lane[1] = read_tlb<uint64_t>(cpu, linear + 8, set);
  return value;
}

template <>
void write_linear_slow<Xmm>(Interpreter& cpu, uint32_t linear, Xmm value, uint8_t set) {
  if (checks_alignment(cpu, set) && (linear & 7)) cpu.fault(VECTOR_AC, 0);
  if ((linear & ~PAGE_MASK) + sizeof value > PAGE_SIZE) {
    fill_write(cpu, linear, set);
    fill_write(cpu, (linear + sizeof value - 1) & PAGE_MASK, set);
  }
  write_tlb<uint64_t>(cpu, linear, value.lane[0], set);
  write_tlb<uint64_t>(cpu, linear + 8, value.lane[1], set);
}

template <typename T>
T read_slow(Interpreter& cpu, SegmentRegister segment, uint32_t offset) {
  return read_tlb<T>(cpu, cpu.linear_address(segment, offset, sizeof(T), Access::read), cpu.tlb_set_);
}

template <typename T>
void write_slow(Interpreter& cpu, SegmentRegister segment, uint32_t offset, T value) {
  write_tlb<T>(cpu, cpu.linear_address(segment, offset, sizeof(T), Access::write), value, cpu.tlb_set_);
}

void check_write_linear(Interpreter& cpu, uint32_t linear, uint32_t size) {
  if (checks_alignment(cpu, cpu.tlb_set_) && (linear & (size - 1))) cpu.fault(VECTOR_AC, 0);
  fill_write(cpu, linear, cpu.tlb_set_);
  if ((linear & ~PAGE_MASK) + size > PAGE_SIZE) fill_write(cpu, (linear + size - 1) & PAGE_MASK, cpu.tlb_set_);
}

void check_write_range(Interpreter& cpu, SegmentRegister segment, uint32_t offset, uint32_t bytes) {
  const uint32_t linear = cpu.linear_address(segment, offset, bytes, Access::write);
  const uint32_t last_page = (linear + bytes - 1) & PAGE_MASK;
  check_write_linear(cpu, linear, 1);
  if ((linear & PAGE_MASK) != last_page) check_write_linear(cpu, last_page, 1);
}

template uint8_t read_slow(Interpreter&, SegmentRegister, uint32_t);
template uint16_t read_slow(Interpreter&, SegmentRegister, uint32_t);
template uint32_t read_slow(Interpreter&, SegmentRegister, uint32_t);
template uint64_t read_slow(Interpreter&, SegmentRegister, uint32_t);
template Xmm read_slow(Interpreter&, SegmentRegister, uint32_t);
template void write_slow(Interpreter&, SegmentRegister, uint32_t, Xmm);
template void write_slow(Interpreter&, SegmentRegister, uint32_t, uint8_t);
template void write_slow(Interpreter&, SegmentRegister, uint32_t, uint16_t);
template void write_slow(Interpreter&, SegmentRegister, uint32_t, uint32_t);
template void write_slow(Interpreter&, SegmentRegister, uint32_t, uint64_t);
template uint8_t read_linear_slow(Interpreter&, uint32_t, uint8_t);
template uint16_t read_linear_slow(Interpreter&, uint32_t, uint8_t);
template uint32_t read_linear_slow(Interpreter&, uint32_t, uint8_t);
template uint64_t read_linear_slow(Interpreter&, uint32_t, uint8_t);
template void write_linear_slow(Interpreter&, uint32_t, uint8_t, uint8_t);
template void write_linear_slow(Interpreter&, uint32_t, uint16_t, uint8_t);
template void write_linear_slow(Interpreter&, uint32_t, uint32_t, uint8_t);
template void write_linear_slow(Interpreter&, uint32_t, uint64_t, uint8_t);

bool Interpreter::read_linear(uint32_t linear, void* to, uint32_t length) {
  auto* out = static_cast<uint8_t*>(to);
  while (length > 0) {
    const uint32_t piece = std::min(length, PAGE_SIZE - (linear & ~PAGE_MASK));
    uint32_t physical;
    if (!probe(linear, physical)) return false;
    bus_.read_memory(physical, out, piece);
    linear += piece;
    out += piece;
    length -= piece;
  }
  return true;
}

bool Interpreter::write_linear(uint32_t linear, const void* from, uint32_t length) {
  for (uint32_t at = 0; at < length;) {
    uint32_t physical;
    if (!probe(linear + at, physical)) return false;
    at += PAGE_SIZE - ((linear + at) & ~PAGE_MASK);
  }
  const auto* in = static_cast<const uint8_t*>(from);
  while (length > 0) {
    const uint32_t piece = std::min(length, PAGE_SIZE - (linear & ~PAGE_MASK));
    uint32_t physical = 0;
    probe(linear, physical);
    bus_.write_memory(physical, in, piece);
    linear += piece;
    in += piece;
    length -= piece;
  }
  return true;
}

}  // namespace bancada
