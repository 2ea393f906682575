// Video memory of the display adapter as the processor sees it: four planes behind the window at A0000h, the
// sequencer and graphics controller registers that say how, and which parts changed.
//
// Byte n of plane p lies at vram[n * 4 + p]. Chained 256-colour modes and the linear frame buffer are then plain
// bytes, and one planar access is one 32-bit operation on all four planes.
// Register meanings: IBM Personal System/2 Hardware Interface Technical Reference, Video Subsystem.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "bus.h"
#include "physical_memory.h"

namespace bancada {

constexpr uint32_t VGA_WINDOW = 0xA0000;
constexpr uint32_t VGA_WINDOW_BYTES = 0x20000;
constexpr uint32_t VGA_PLANE_BYTES = 0x10000;  // of a standard VGA: 256 KiB in four planes

class VgaPlanes final : public MmioHandler {
 public:
  // Text cells are spread over the planes (character at plane 0, attribute at plane 1, every other byte). While the
  // window is a plain text window its 32 KiB are mapped from a buffer that holds the cells side by side.
  static constexpr uint32_t TEXT_BUFFER_BYTES = 0x8000;

  // `bytes` of video memory, a multiple of 1 MiB. Takes bytes + TEXT_BUFFER_BYTES of the extra backing.
  VgaPlanes(PhysicalMemory& memory, uint32_t bytes);
  VgaPlanes(const VgaPlanes&) = delete;
  VgaPlanes& operator=(const VgaPlanes&) = delete;

  // The window A0000h-BFFFFh.
  uint32_t read(uint32_t offset, int size) override;
  void write(uint32_t offset, uint32_t value, int size) override;

  // Ports 3C4h-3C5h and 3CEh-3CFh: index and data.
  uint8_t sequencer_index() const { return sequencer_index_; }
  void set_sequencer_index(uint8_t value) { sequencer_index_ = value & 7; }
  uint8_t read_sequencer(uint8_t index) const { return sequencer_[index & 7]; }
  void write_sequencer(uint8_t index, uint8_t value);
  uint8_t graphics_index() const { return graphics_index_; }
  void set_graphics_index(uint8_t value) { graphics_index_ = value & 15; }
  uint8_t read_graphics(uint8_t index) const { return graphics_[index & 15]; }
  void write_graphics(uint8_t index, uint8_t value);

  // Bank switching of modes beyond VGA. `linear`: the 64 KiB at A0000h are the bytes from bank * 64 KiB on;
  // otherwise the legacy registers rule and the bank counts in 64 KiB of each plane. Wraps at the end of memory.
  void set_bank(bool linear, uint32_t bank);

  // Not while the linear frame buffer has the picture: cells in the text buffer would overwrite its pixels when they
  // are put into the planes.
  void allow_text_window(bool allowed);

  uint32_t latches() const { return latch_; }
  void set_latches(uint32_t value) { latch_ = value; }

  // Whether a register that shapes the picture was written since the last call.
  bool take_registers_changed();

  // Puts what lies in the text buffer into the planes. Call before looking at vram().
  void fold_text();
  uint8_t* vram() { return vram_; }
  const uint8_t* vram() const { return vram_; }
  uint32_t bytes() const { return bytes_; }
  uint64_t offset() const { return offset_; }
  PhysicalMemory& memory() { return memory_; }

  // Which 4 KiB pages of vram() changed since the last call; false when none did. Processor's thread only.
  bool take_dirty(std::vector<uint8_t>& pages);
  // Whether plane 2 (fonts) may have changed since the last call; call after take_dirty.
  bool take_font_changed();
  void mark_all_dirty();
  // Bytes [offset, offset + length) of video memory were written by somebody else; what lies outside is ignored.
  void mark_dirty(uint64_t offset, uint64_t length);
  // Zero everywhere; registers stay.
  void clear();
  // Takes bytes() bytes over.
  void load(const uint8_t* contents);

 private:
  enum class Window : uint8_t { device, linear, text };

  void registers_changed();
  void update_mapping();
  void map_window();
  void unmap_window();
  void copy_text_to_planes(uint32_t first, uint32_t length);
  uint8_t read_byte(uint32_t inside);
  void write_byte(uint32_t inside, uint8_t value);
  void store(uint32_t plane_offset, uint32_t planes, uint32_t data);
  uint32_t load(uint32_t plane_offset) const;
  void count_plain_access();

  PhysicalMemory& memory_;
  uint32_t bytes_;
  uint64_t offset_, text_offset_;
  uint8_t* vram_;
  uint8_t* text_;

  std::array<uint8_t, 8> sequencer_{};
  std::array<uint8_t, 16> graphics_{};
  uint8_t sequencer_index_ = 0, graphics_index_ = 0;
  bool bank_linear_ = false, text_window_allowed_ = true;
  uint32_t bank_ = 0;
  uint32_t latch_ = 0;

  // Derived from the registers: 32-bit values have one byte for each plane.
  uint32_t window_first_ = 0, window_length_ = 0;
  uint32_t bank_base_ = 0;  // added to a plane offset, or to an offset in linear memory
  uint32_t map_mask_ = 0;   // planes that are written
  uint32_t set_reset_ = 0;  // value of the set/reset register on each plane
  uint32_t enable_ = 0;     // planes that take set_reset_ instead of processor data
  uint32_t bit_mask_ = 0;   // replicated
  uint32_t colour_compare_ = 0, colour_care_ = 0;
  uint32_t even_planes_ = 0, odd_planes_ = 0;      // planes an even and an odd address reach when writing
  uint32_t write_address_ = 0, read_address_ = 0;  // masks on the address: odd/even addressing drops bit 0
  uint8_t write_mode_ = 0, rotate_ = 0, logic_ = 0, read_plane_ = 0;
  bool chain4_ = false, odd_even_read_ = false, compare_ = false, plain_ = false;

  Window possible_ = Window::device, mapped_ = Window::device;
  uint32_t possible_base_ = 0, mapped_base_ = 0, mapped_first_ = 0, mapped_length_ = 0;
  uint32_t plain_accesses_ = 0;

  bool picture_registers_changed_ = true;
  bool any_dirty_ = true, font_changed_ = true;
  uint32_t written_planes_ = 0;
  std::vector<uint8_t> dirty_, taken_;
};

// The sequencer's and the graphics controller's port pair, answered without a way through Python: programs that
// draw in planes write them for every few bytes.
class VgaIndexedPorts final : public PortHandler {
 public:
  enum class Unit : uint8_t { sequencer, graphics };
  VgaIndexedPorts(std::shared_ptr<VgaPlanes> planes, Unit unit) : planes_(std::move(planes)), unit_(unit) {}
  uint32_t read(uint16_t offset, int size) override;
  void write(uint16_t offset, uint32_t value, int size) override;

 private:
  std::shared_ptr<VgaPlanes> planes_;
  Unit unit_;
};

}  // namespace bancada
