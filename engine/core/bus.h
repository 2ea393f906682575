// The one way from a processor to devices: 65,536 I/O ports and memory-mapped ranges.
// A handler gets an offset, never an absolute address, so that it can be moved.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace bancada {

// Two devices ask for the same ports or addresses; what() names both.
struct BusConflict : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Handlers are called on the processor's thread. `size` is 1, 2 or 4 and never more than the width the
// range was attached with: the bus splits wider accesses, low part first, as ISA and PCI do.
class PortHandler {
 public:
  virtual ~PortHandler() = default;
  virtual uint32_t read(uint16_t offset, int size) = 0;
  virtual void write(uint16_t offset, uint32_t value, int size) = 0;
  // String instructions: `count` items of `size` bytes from/to one port. The default loops.
  virtual void read_block(uint16_t offset, uint8_t* to, uint32_t count, int size);
  virtual void write_block(uint16_t offset, const uint8_t* from, uint32_t count, int size);
};

class MmioHandler {
 public:
  virtual ~MmioHandler() = default;
  virtual uint32_t read(uint32_t offset, int size) = 0;
  virtual void write(uint32_t offset, uint32_t value, int size) = 0;
};

class PhysicalMemory;

class Bus {
 public:
  explicit Bus(PhysicalMemory& memory);
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;

  // Throws BusConflict when a port is taken. `width` is the widest access the handler takes.
  void attach_ports(uint16_t first, uint32_t count, std::shared_ptr<PortHandler> handler, int width,
                    const std::string& name);
  // A register behind which a stream of data flows (IDE): a wider access is several accesses to this same port.
  void repeat_wide_accesses(uint16_t port);
  // Not for a handler's own ports while it runs. What was counted there still counts.
  void detach_ports(uint16_t first, uint32_t count);
  bool ports_are_free(uint16_t first, uint32_t count) const;
  // Page-granular; maps the pages as PAGE_DEVICE. Throws BusConflict on overlap with another device.
  void attach_mmio(uint32_t physical, uint32_t length, std::shared_ptr<MmioHandler> handler, const std::string& name);
  void detach_mmio(uint32_t physical, uint32_t length);
  // Neither memory nor a device is at this page.
  bool is_unmapped(uint32_t physical) const;

  // A port nobody answers reads all ones and counts.
  uint32_t port_read(uint16_t port, int size);
  void port_write(uint16_t port, uint32_t value, int size);
  void port_read_block(uint16_t port, uint8_t* to, uint32_t count, int size);
  void port_write_block(uint16_t port, const uint8_t* from, uint32_t count, int size);
  uint32_t mmio_read(uint32_t physical, int size);
  void mmio_write(uint32_t physical, uint32_t value, int size);
  // Any physical memory as the processor sees it, memory-mapped devices included.
  void read_memory(uint32_t physical, uint8_t* to, uint32_t length);
  void write_memory(uint32_t physical, const uint8_t* from, uint32_t length);
  // The machine is being taken apart.
  void detach_all();

  struct Counter {
    std::string name;
    uint64_t reads, writes;
  };
  std::vector<Counter> counters() const;
  uint64_t unclaimed_accesses() const { return unclaimed_; }

 private:
  struct PortRange {
    std::shared_ptr<PortHandler> handler;
    uint16_t first;
    uint32_t ports;  // that still lead here
    int width;
    std::string name;
    bool repeats = false;
    uint64_t reads = 0, writes = 0;
  };
  struct MmioRange {
    uint32_t first, last;
    std::shared_ptr<MmioHandler> handler;
    std::string name;
    uint64_t reads = 0, writes = 0;
  };
  static void add(std::vector<Counter>& counters, const std::string& name, uint64_t reads, uint64_t writes);
  uint16_t free_range();
  PortRange* range_of(uint16_t port) { return ranges_[port_range_[port]].get(); }
  MmioRange* mmio_of(uint32_t physical);
  static void narrow_block(const PortRange* range, uint32_t& count, int& size);
  uint32_t read_split(uint16_t port, int size);

  PhysicalMemory& memory_;
  std::vector<uint16_t> port_range_;                // 65,536 indices into ranges_; 0 = nobody
  std::vector<std::unique_ptr<PortRange>> ranges_;  // the first is nobody
  std::vector<Counter> past_;                       // of ranges that were detached
  std::vector<MmioRange> mmio_;                     // sorted by first
  uint64_t unclaimed_ = 0;
};

}  // namespace bancada
