#include "host_pages.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "../physical_memory.h"

namespace bancada {

HostPages::HostPages() {
  void* memory =
      mmap(nullptr, SETS * 2 * TABLE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    throw HostMemoryError(
        "The host does not give memory for the translator's page tables: " + std::string(std::strerror(errno)) + ".");
  }
  memory_ = static_cast<uint8_t*>(memory);
}

HostPages::~HostPages() {
  munmap(memory_, SETS * 2 * TABLE_BYTES);
}

template <typename Condition>
void HostPages::drop_if(Condition condition) {
  size_t kept = 0;
  for (size_t i = 0; i < filled_.size(); ++i) {
    if (condition(filled_[i]))
      slot(filled_[i]) = 0;
    else
      filled_[kept++] = filled_[i];
  }
  filled_.resize(kept);
}

void HostPages::enter(uint32_t set, bool store, uint32_t linear, uint32_t physical, uint64_t addend, bool global) {
  if (filled_.size() >= compact_at_) {
    drop_if([this](const Filled& filled) { return slot(filled) == 0; });
    compact_at_ = std::max(SMALLEST_COMPACTION, filled_.size() * 2);
  }
  const Filled filled{linear >> 12, physical >> 12, static_cast<uint8_t>(set), store, global};
  slot(filled) = addend;
  filled_.push_back(filled);
}

void HostPages::flush(bool keep_global) {
  drop_if([keep_global](const Filled& filled) { return !keep_global || !filled.global; });
}

void HostPages::flush_page(uint32_t linear) {
  for (uint8_t set = 0; set < SETS; ++set) {
    for (const bool store : {false, true}) slot({linear >> 12, 0, set, store, false}) = 0;
  }
}

void HostPages::forget_stores_to(uint32_t physical) {
  const uint32_t page = physical >> 12;
  drop_if([page](const Filled& filled) { return filled.store && filled.physical_page == page; });
}

}  // namespace bancada
