#include "bus.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "physical_memory.h"

namespace bancada {

namespace {

constexpr uint32_t PORTS = 65536;

uint32_t all_ones(int size) {
  return size == 4 ? 0xFFFFFFFFu : (1u << (size * 8)) - 1;
}

// The widest aligned access to a device that `length` bytes leave room for: registers want whole dwords.
int widest_access(uint32_t physical, uint32_t length) {
  if (physical % 4 == 0 && length >= 4) return 4;
  return physical % 2 == 0 && length >= 2 ? 2 : 1;
}

std::string hex(uint32_t value) {
  char text[12];
  std::snprintf(text, sizeof text, "%Xh", value);
  return text;
}

}  // namespace

void PortHandler::read_block(uint16_t offset, uint8_t* to, uint32_t count, int size) {
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t value = read(offset, size);
    std::memcpy(to + static_cast<size_t>(i) * static_cast<size_t>(size), &value, static_cast<size_t>(size));
  }
}

void PortHandler::write_block(uint16_t offset, const uint8_t* from, uint32_t count, int size) {
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t value = 0;
    std::memcpy(&value, from + static_cast<size_t>(i) * static_cast<size_t>(size), static_cast<size_t>(size));
    write(offset, value, size);
  }
}

Bus::Bus(PhysicalMemory& memory) : memory_(memory), port_range_(PORTS, 0) {
  ranges_.push_back(nullptr);
}

void Bus::attach_ports(uint16_t first, uint32_t count, std::shared_ptr<PortHandler> handler, int width,
                       const std::string& name) {
  if (count == 0 || first + count > PORTS) throw BusConflict(name + ": ports beyond FFFFh.");
  for (uint32_t port = first; port < first + count; ++port) {
    if (port_range_[port] != 0) {
      throw BusConflict("Port " + hex(port) + " is wanted by " + name + " but belongs to " +
                        ranges_[port_range_[port]]->name + ".");
    }
  }
  std::fill_n(port_range_.begin() + first, count, free_range());
  ranges_[port_range_[first]] = std::make_unique<PortRange>(PortRange{std::move(handler), first, count, width, name});
}

// A guest moves the windows of PCI functions as often as it likes: places of ranges without ports are used again.
uint16_t Bus::free_range() {
  for (size_t i = 1; i < ranges_.size(); ++i) {
    if (ranges_[i] == nullptr) return static_cast<uint16_t>(i);
  }
  if (ranges_.size() > UINT16_MAX) throw BusConflict("Too many ranges of ports.");
  ranges_.push_back(nullptr);
  return static_cast<uint16_t>(ranges_.size() - 1);
}

void Bus::detach_ports(uint16_t first, uint32_t count) {
  const uint32_t end = std::min<uint32_t>(first + count, PORTS);
  for (uint32_t port = first; port < end; ++port) {
    std::unique_ptr<PortRange>& range = ranges_[port_range_[port]];
    port_range_[port] = 0;
    if (range != nullptr && --range->ports == 0) {
      add(past_, range->name, range->reads, range->writes);
      range.reset();
    }
  }
}

void Bus::repeat_wide_accesses(uint16_t port) {
  if (PortRange* range = range_of(port)) range->repeats = true;
}

bool Bus::ports_are_free(uint16_t first, uint32_t count) const {
  if (first + count > PORTS) return false;
  return std::all_of(port_range_.begin() + first, port_range_.begin() + first + count,
                     [](uint16_t range) { return range == 0; });
}

void Bus::attach_mmio(uint32_t physical, uint32_t length, std::shared_ptr<MmioHandler> handler,
                      const std::string& name) {
  const uint32_t last = physical + (length - 1);
  for (const MmioRange& range : mmio_) {
    if (physical <= range.last && range.first <= last) {
      throw BusConflict(name + " (" + hex(physical) + "-" + hex(last) + ") overlaps " + range.name + " (" +
                        hex(range.first) + "-" + hex(range.last) + ").");
    }
  }
  memory_.map_device(physical, length);
  const auto place = std::lower_bound(mmio_.begin(), mmio_.end(), physical,
                                      [](const MmioRange& range, uint32_t value) { return range.first < value; });
  mmio_.insert(place, MmioRange{physical, last, std::move(handler), name});
}

void Bus::detach_mmio(uint32_t physical, uint32_t length) {
  for (const MmioRange& range : mmio_) {
    if (range.first == physical) add(past_, range.name, range.reads, range.writes);
  }
  std::erase_if(mmio_, [&](const MmioRange& range) { return range.first == physical; });
  memory_.unmap(physical, length);
}

bool Bus::is_unmapped(uint32_t physical) const {
  return memory_.flags(physical) == 0;
}

void Bus::detach_all() {
  std::fill(port_range_.begin(), port_range_.end(), uint16_t{0});
  ranges_.resize(1);
  mmio_.clear();
}

uint32_t Bus::port_read(uint16_t port, int size) {
  PortRange* range = range_of(port);
  if (range == nullptr) {
    if (size == 1) {
      ++unclaimed_;
      return 0xFF;
    }
    return read_split(port, size);
  }
  if (size > range->width) return read_split(port, size);
  ++range->reads;
  return range->handler->read(static_cast<uint16_t>(port - range->first), size) & all_ones(size);
}

// A wide access to a narrower register is two accesses, as on the ISA bus.
uint32_t Bus::read_split(uint16_t port, int size) {
  const int half = size / 2;
  const PortRange* range = range_of(port);
  const int step = range != nullptr && range->repeats ? 0 : half;
  const uint32_t low = port_read(port, half);
  const uint32_t high = port_read(static_cast<uint16_t>(port + step), half);
  return low | high << (half * 8);
}

void Bus::port_write(uint16_t port, uint32_t value, int size) {
  PortRange* range = range_of(port);
  if (range == nullptr ? size > 1 : size > range->width) {
    const int half = size / 2;
    const int step = range != nullptr && range->repeats ? 0 : half;
    port_write(port, value & all_ones(half), half);
    port_write(static_cast<uint16_t>(port + step), value >> (half * 8), half);
    return;
  }
  if (range == nullptr) {
    ++unclaimed_;
    return;
  }
  ++range->writes;
  range->handler->write(static_cast<uint16_t>(port - range->first), value & all_ones(size), size);
}

// Doublewords to or from a repeating register are twice as many words.
void Bus::narrow_block(const PortRange* range, uint32_t& count, int& size) {
  if (range == nullptr || !range->repeats || size <= range->width) return;
  count *= static_cast<uint32_t>(size / range->width);
  size = range->width;
}

void Bus::port_read_block(uint16_t port, uint8_t* to, uint32_t count, int size) {
  PortRange* range = range_of(port);
  narrow_block(range, count, size);
  if (range != nullptr && size <= range->width) {
    range->reads += count;
    range->handler->read_block(static_cast<uint16_t>(port - range->first), to, count, size);
    return;
  }
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t value = port_read(port, size);
    std::memcpy(to + static_cast<size_t>(i) * static_cast<size_t>(size), &value, static_cast<size_t>(size));
  }
}

void Bus::port_write_block(uint16_t port, const uint8_t* from, uint32_t count, int size) {
  PortRange* range = range_of(port);
  narrow_block(range, count, size);
  if (range != nullptr && size <= range->width) {
    range->writes += count;
    range->handler->write_block(static_cast<uint16_t>(port - range->first), from, count, size);
    return;
  }
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t value = 0;
    std::memcpy(&value, from + static_cast<size_t>(i) * static_cast<size_t>(size), static_cast<size_t>(size));
    port_write(port, value, size);
  }
}

Bus::MmioRange* Bus::mmio_of(uint32_t physical) {
  const auto after = std::upper_bound(mmio_.begin(), mmio_.end(), physical,
                                      [](uint32_t value, const MmioRange& range) { return value < range.first; });
  if (after == mmio_.begin()) return nullptr;
  MmioRange& range = *std::prev(after);
  return physical <= range.last ? &range : nullptr;
}

uint32_t Bus::mmio_read(uint32_t physical, int size) {
  MmioRange* range = mmio_of(physical);
  if (range == nullptr) {
    ++unclaimed_;
    return all_ones(size);
  }
  ++range->reads;
  return range->handler->read(physical - range->first, size) & all_ones(size);
}

void Bus::mmio_write(uint32_t physical, uint32_t value, int size) {
  MmioRange* range = mmio_of(physical);
  if (range == nullptr) {
    ++unclaimed_;
    return;
  }
  ++range->writes;
  range->handler->write(physical - range->first, value & all_ones(size), size);
}

void Bus::read_memory(uint32_t physical, uint8_t* to, uint32_t length) {
  while (length > 0) {
    const uint32_t piece = std::min(length, PAGE_SIZE - (physical & (PAGE_SIZE - 1)));
    if (memory_.flags(physical) & PAGE_DEVICE) {
      for (uint32_t i = 0; i < piece;) {
        const int size = widest_access(physical + i, piece - i);
        const uint32_t value = mmio_read(physical + i, size);
        std::memcpy(to + i, &value, static_cast<size_t>(size));
        i += static_cast<uint32_t>(size);
      }
    } else {
      memory_.read(physical, to, piece);
    }
    physical += piece;
    to += piece;
    length -= piece;
  }
}

void Bus::write_memory(uint32_t physical, const uint8_t* from, uint32_t length) {
  while (length > 0) {
    const uint32_t piece = std::min(length, PAGE_SIZE - (physical & (PAGE_SIZE - 1)));
    if (memory_.flags(physical) & PAGE_DEVICE) {
      for (uint32_t i = 0; i < piece;) {
        const int size = widest_access(physical + i, piece - i);
        uint32_t value = 0;
        std::memcpy(&value, from + i, static_cast<size_t>(size));
        mmio_write(physical + i, value, size);
        i += static_cast<uint32_t>(size);
      }
    } else {
      memory_.write(physical, from, piece);
    }
    physical += piece;
    from += piece;
    length -= piece;
  }
}

void Bus::add(std::vector<Counter>& counters, const std::string& name, uint64_t reads, uint64_t writes) {
  for (Counter& counter : counters) {
    if (counter.name == name) {
      counter.reads += reads;
      counter.writes += writes;
      return;
    }
  }
  counters.push_back(Counter{name, reads, writes});
}

std::vector<Bus::Counter> Bus::counters() const {
  std::vector<Counter> all = past_;
  for (const std::unique_ptr<PortRange>& range : ranges_) {
    if (range != nullptr) add(all, range->name, range->reads, range->writes);
  }
  for (const MmioRange& range : mmio_) add(all, range.name, range.reads, range.writes);
  return all;
}

}  // namespace bancada
