#include "physical_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace bancada {

namespace {

constexpr uint64_t PHYSICAL_PAGES = uint64_t{1} << 20;

std::string megabytes(uint64_t bytes) {
  return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MB";
}

}  // namespace

PhysicalMemory::PhysicalMemory(uint64_t ram_bytes, uint64_t extra_bytes)
    : ram_bytes_(ram_bytes), backing_bytes_(ram_bytes + extra_bytes), allocated_(ram_bytes) {
  if (ram_bytes % PAGE_SIZE != 0 || extra_bytes % PAGE_SIZE != 0 || backing_bytes_ == 0 ||
      backing_bytes_ > PHYSICAL_PAGES * PAGE_SIZE) {
    throw std::out_of_range("guest memory must be a multiple of 4 KiB and less than 4 GiB");
  }
  fd_ = memfd_create("bancada-guest-memory", MFD_CLOEXEC);
  if (fd_ < 0 || ftruncate(fd_, static_cast<off_t>(backing_bytes_)) != 0) {
    const std::string reason = std::strerror(errno);
    if (fd_ >= 0) close(fd_);
    throw HostMemoryError("The host does not give " + megabytes(backing_bytes_) + " for the guest: " + reason + ".");
  }
  void* address = mmap(nullptr, backing_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd_, 0);
  if (address == MAP_FAILED) {
    const std::string reason = std::strerror(errno);
    close(fd_);
    throw HostMemoryError("The host does not map " + megabytes(backing_bytes_) + " for the guest: " + reason + ".");
  }
  backing_ = static_cast<uint8_t*>(address);
  page_flags_.assign(PHYSICAL_PAGES, 0);
  page_offset_.assign(PHYSICAL_PAGES, 0);
  dirty_.assign(backing_bytes_ / PAGE_SIZE, 0);
}

PhysicalMemory::~PhysicalMemory() {
  munmap(backing_, backing_bytes_);
  if (fd_ >= 0) close(fd_);
}

void PhysicalMemory::release() {
  if (fd_ < 0) return;
  if (mmap(backing_, backing_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
           -1, 0) == MAP_FAILED) {
    return;  // the destructor gives it back
  }
  close(fd_);
  fd_ = -1;
}

uint64_t PhysicalMemory::allocate(uint64_t bytes) {
  const uint64_t rounded = (bytes + PAGE_SIZE - 1) & ~uint64_t{PAGE_SIZE - 1};
  if (bytes == 0 || rounded < bytes || rounded > backing_bytes_ - allocated_) {
    throw HostMemoryError("No room for " + std::to_string(bytes) + " bytes of ROM or video memory.");
  }
  const uint64_t offset = allocated_;
  allocated_ += rounded;
  return offset;
}

void PhysicalMemory::map_backed(uint32_t physical, uint64_t length, uint64_t offset, uint8_t flags) {
  if ((physical | length | offset) % PAGE_SIZE != 0 || length > backing_bytes_ || offset > backing_bytes_ - length ||
      physical / PAGE_SIZE + length / PAGE_SIZE > PHYSICAL_PAGES) {
    throw std::out_of_range("map_backed: not whole pages, or outside the backing");
  }
  ++map_generation_;
  for (uint64_t i = 0; i < length / PAGE_SIZE; ++i) {
    const uint64_t page = physical / PAGE_SIZE + i;
    if (page_flags_[page] & PAGE_HAS_CODE) notify_code_changed(static_cast<uint32_t>(page * PAGE_SIZE), PAGE_SIZE);
    page_flags_[page] = flags;
    page_offset_[page] = static_cast<uint32_t>(offset / PAGE_SIZE + i);
  }
  notify_map_changed();
}

void PhysicalMemory::map_device(uint32_t physical, uint64_t length) {
  if ((physical | length) % PAGE_SIZE != 0 || physical / PAGE_SIZE + length / PAGE_SIZE > PHYSICAL_PAGES) {
    throw std::out_of_range("map_device: not whole pages");
  }
  ++map_generation_;
  for (uint64_t i = 0; i < length / PAGE_SIZE; ++i) {
    const uint64_t page = physical / PAGE_SIZE + i;
    if (page_flags_[page] & PAGE_HAS_CODE) notify_code_changed(static_cast<uint32_t>(page * PAGE_SIZE), PAGE_SIZE);
    page_flags_[page] = PAGE_DEVICE;
  }
  notify_map_changed();
}

void PhysicalMemory::unmap(uint32_t physical, uint64_t length) {
  map_device(physical, length);
  std::fill_n(page_flags_.begin() + physical / PAGE_SIZE, length / PAGE_SIZE, uint8_t{0});
}

void PhysicalMemory::set_a20(bool enabled) {
  const uint32_t mask = enabled ? 0xFFFFFFFFu : ~(1u << 20);
  if (mask == a20_mask_) return;
  a20_mask_ = mask;
  notify_map_changed();
}

void PhysicalMemory::read(uint32_t physical, void* to, size_t length) const {
  auto* out = static_cast<uint8_t*>(to);
  while (length > 0) {
    const uint32_t in_page = physical & (PAGE_SIZE - 1);
    const size_t piece = std::min<size_t>(length, PAGE_SIZE - in_page);
    if (flags(physical) & PAGE_READ) {
      std::memcpy(out, host_page(physical) + in_page, piece);
    } else {
      std::memset(out, 0xFF, piece);
    }
    out += piece;
    physical += static_cast<uint32_t>(piece);
    length -= piece;
  }
}

void PhysicalMemory::write(uint32_t physical, const void* from, size_t length) {
  const auto* in = static_cast<const uint8_t*>(from);
  while (length > 0) {
    const uint32_t in_page = physical & (PAGE_SIZE - 1);
    const size_t piece = std::min<size_t>(length, PAGE_SIZE - in_page);
    const uint8_t page = flags(physical);
    if (page & PAGE_WRITE) {
      if (page & PAGE_HAS_CODE) notify_code_changed(physical, static_cast<uint32_t>(piece));
      if (page & PAGE_TRACK_DIRTY) mark_dirty(physical);
      std::memcpy(host_page(physical) + in_page, in, piece);
    }
    in += piece;
    physical += static_cast<uint32_t>(piece);
    length -= piece;
  }
}

void PhysicalMemory::clear_ram() {
  for (uint64_t page = 0; page < PHYSICAL_PAGES; ++page) {
    if (page_flags_[page] & PAGE_HAS_CODE) notify_code_changed(static_cast<uint32_t>(page * PAGE_SIZE), PAGE_SIZE);
  }
  if (ram_bytes_ > 0 &&
      fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(ram_bytes_)) != 0) {
    std::memset(backing_, 0, ram_bytes_);
  }
}

bool PhysicalMemory::take_dirty(uint64_t offset, uint64_t length, std::vector<uint8_t>& out) {
  const uint64_t first = offset / PAGE_SIZE;
  const uint64_t count = (length + PAGE_SIZE - 1) / PAGE_SIZE;
  if (first > dirty_.size() || count > dirty_.size() - first)
    throw std::out_of_range("take_dirty: outside the backing");
  out.assign(dirty_.begin() + static_cast<ptrdiff_t>(first), dirty_.begin() + static_cast<ptrdiff_t>(first + count));
  const bool any = std::find(out.begin(), out.end(), 1) != out.end();
  if (any) {
    std::fill_n(dirty_.begin() + static_cast<ptrdiff_t>(first), count, uint8_t{0});
    notify_map_changed();  // stores must come by and set the bits again
  }
  return any;
}

void PhysicalMemory::set_has_code(uint32_t physical, bool value) {
  uint8_t& page = page_flags_[physical >> 12];
  page = static_cast<uint8_t>(value ? page | PAGE_HAS_CODE : page & ~PAGE_HAS_CODE);
}

void PhysicalMemory::remove_observer(MemoryObserver* observer) {
  observers_.erase(std::remove(observers_.begin(), observers_.end(), observer), observers_.end());
}

void PhysicalMemory::notify_code_changed(uint32_t physical, uint32_t length) {
  for (MemoryObserver* observer : observers_) observer->code_changed(physical, length);
}

void PhysicalMemory::notify_map_changed() {
  for (MemoryObserver* observer : observers_) observer->map_changed();
}

}  // namespace bancada
