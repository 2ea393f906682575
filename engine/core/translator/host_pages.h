// Where the host has each guest page: flat tables over the linear address space, for translated code.
//
// A load looks its page up by number and finds what to add to a linear address to get the host's, or 0: not known, or
// not to be touched without the interpreter (devices, code pages for stores, missing pages). Entries are made where the
// interpreter makes entries of its TLB, and are dropped with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bancada {

class HostPages {
 public:
  static constexpr uint32_t SETS = 3;  // as the interpreter's TLB: supervisor, user, user with alignment checks
  static constexpr size_t PAGES = size_t{1} << 20;
  static constexpr size_t TABLE_BYTES = PAGES * sizeof(uint64_t);  // loads; the table for stores follows

  // Throws HostMemoryError.
  HostPages();
  ~HostPages();
  HostPages(const HostPages&) = delete;
  HostPages& operator=(const HostPages&) = delete;

  uint8_t* table(uint32_t set) const { return memory_ + set * 2 * TABLE_BYTES; }

  // `addend`: host address minus linear address.
  void enter(uint32_t set, bool store, uint32_t linear, uint32_t physical, uint64_t addend, bool global);
  void flush(bool keep_global);
  void flush_page(uint32_t linear);
  // Entries for stores to this physical page.
  void forget_stores_to(uint32_t physical);

 private:
  // What was entered, so that a flush touches nothing else. A slot may be listed twice, or be empty by now.
  static constexpr size_t SMALLEST_COMPACTION = 1u << 16;
  struct Filled {
    uint32_t linear_page;
    uint32_t physical_page;
    uint8_t set;
    bool store, global;
  };
  uint64_t& slot(const Filled& filled) const {
    auto* entries = reinterpret_cast<uint64_t*>(table(filled.set) + (filled.store ? TABLE_BYTES : 0));
    return entries[filled.linear_page];
  }
  template <typename Condition>
  void drop_if(Condition condition);

  uint8_t* memory_;
  std::vector<Filled> filled_;
  size_t compact_at_ = SMALLEST_COMPACTION;
};

}  // namespace bancada
