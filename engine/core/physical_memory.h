// Guest physical memory: RAM, ROM and video memory in one memfd, and the map that says what answers at
// each physical page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace bancada {

constexpr uint32_t PAGE_SIZE = 4096;
constexpr uint32_t PAGE_MASK = ~(PAGE_SIZE - 1);

// The host cannot give the memory asked for; what() is fit to show to a person.
struct HostMemoryError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What answers at a physical page.
enum PageFlags : uint8_t {
  PAGE_READ = 1,         // backed: loads come from host memory
  PAGE_WRITE = 2,        // backed: stores go to host memory (clear for ROM: stores are dropped)
  PAGE_TRACK_DIRTY = 4,  // stores must set the page's dirty bit (frame buffers)
  PAGE_HAS_CODE = 8,     // decoded or translated code lives here: stores must be looked at
  PAGE_DEVICE = 16,      // a MMIO handler of the bus answers
};

// Told when stores hit code, and when the map changes. A processor registers itself.
class MemoryObserver {
 public:
  virtual ~MemoryObserver() = default;
  // Bytes [physical, physical + length) of a PAGE_HAS_CODE page are about to change (by any writer).
  virtual void code_changed(uint32_t physical, uint32_t length) = 0;
  // Any cached translation to host addresses may be wrong now.
  virtual void map_changed() = 0;
};

class PhysicalMemory {
 public:
  // `ram_bytes` of RAM plus `extra_bytes` for ROM images and video memory (page multiples).
  // Throws HostMemoryError.
  PhysicalMemory(uint64_t ram_bytes, uint64_t extra_bytes);
  ~PhysicalMemory();
  PhysicalMemory(const PhysicalMemory&) = delete;
  PhysicalMemory& operator=(const PhysicalMemory&) = delete;

  int fd() const { return fd_; }
  uint8_t* backing() { return backing_; }
  uint64_t ram_bytes() const { return ram_bytes_; }
  uint64_t backing_bytes() const { return backing_bytes_; }
  // Reserves part of the extra backing; returns its offset in the memfd. Throws HostMemoryError when full.
  uint64_t allocate(uint64_t bytes);

  // Backs physical pages by the memfd at `offset`. A later mapping replaces an earlier one.
  // Throws std::out_of_range for ranges that are not page multiples or leave the backing.
  void map_backed(uint32_t physical, uint64_t length, uint64_t offset, uint8_t flags);
  void map_device(uint32_t physical, uint64_t length);
  void unmap(uint32_t physical, uint64_t length);

  // Fast look-ups; `physical` is after the A20 gate.
  uint8_t flags(uint32_t physical) const { return page_flags_[physical >> 12]; }
  // Host address of a PAGE_READ page's first byte. Undefined for other pages.
  uint8_t* host_page(uint32_t physical) const { return backing_ + (uint64_t{page_offset_[physical >> 12]} << 12); }

  // Changes whenever something else answers at a physical page.
  uint32_t map_generation() const { return map_generation_; }

  bool a20_enabled() const { return a20_mask_ == 0xFFFFFFFF; }
  uint32_t a20_mask() const { return a20_mask_; }
  void set_a20(bool enabled);

  // Copies for DMA, firmware and debuggers: any range, wrapping at 4 GiB. Unbacked bytes read 0xFF and
  // ignore stores; stores to ROM are dropped; device pages are not touched (they read 0xFF).
  // Stores set dirty bits and report code_changed.
  void read(uint32_t physical, void* to, size_t length) const;
  void write(uint32_t physical, const void* from, size_t length);

  // Power-on: all RAM reads zero, and its host pages are given back.
  void clear_ram();
  // Gives all host memory back at once, whoever still holds this object. The range of host addresses stays: it reads
  // zero, and so late readers do no harm.
  void release();

  // Dirty tracking of PAGE_TRACK_DIRTY pages, by backing offset.
  void mark_dirty(uint32_t physical) { dirty_[page_offset_[physical >> 12]] = 1; }
  // Fills out[i] with whether page i of the range changed since the last call, and clears. The caller
  // must be the processor's thread. Observers are told through map_changed if any page was dirty.
  bool take_dirty(uint64_t offset, uint64_t length, std::vector<uint8_t>& out);

  void set_has_code(uint32_t physical, bool value);
  void add_observer(MemoryObserver* observer) { observers_.push_back(observer); }
  void remove_observer(MemoryObserver* observer);
  void notify_code_changed(uint32_t physical, uint32_t length);

 private:
  void notify_map_changed();

  int fd_ = -1;
  uint64_t ram_bytes_, backing_bytes_, allocated_;
  uint8_t* backing_ = nullptr;
  uint32_t a20_mask_ = 0xFFFFFFFF;
  uint32_t map_generation_ = 0;
  std::vector<uint8_t> page_flags_;    // 2^20 entries
  std::vector<uint32_t> page_offset_;  // backing page number, 2^20 entries
  std::vector<uint8_t> dirty_;         // by backing page number
  std::vector<MemoryObserver*> observers_;
};

}  // namespace bancada
