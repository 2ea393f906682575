#include "vga_planes.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace bancada {

namespace {

// Register bits that exist; the others read zero.
constexpr std::array<uint8_t, 8> SEQUENCER_BITS = {0x03, 0x3D, 0x0F, 0x3F, 0x0E, 0, 0, 0};
constexpr std::array<uint8_t, 16> GRAPHICS_BITS = {0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F,
                                                   0xFF, 0,    0,    0,    0,    0,    0,    0};

enum SequencerRegister : uint8_t { MAP_MASK = 2, MEMORY_MODE = 4 };
enum GraphicsRegister : uint8_t {
  SET_RESET = 0,
  ENABLE_SET_RESET = 1,
  COLOR_COMPARE = 2,
  DATA_ROTATE = 3,
  READ_MAP_SELECT = 4,
  MODE = 5,
  MISCELLANEOUS = 6,
  COLOR_DONT_CARE = 7,
  BIT_MASK = 8,
};

// Accesses in one unchanged window state before its pages are mapped as memory: a map change makes processors
// forget translations, so it has to pay.
constexpr uint32_t ACCESSES_BEFORE_MAPPING = 256;

constexpr uint32_t replicate(uint8_t value) {
  return value * 0x01010101u;
}

// Bit p of `value` becomes byte p, all ones.
constexpr uint32_t spread(uint8_t value) {
  return (value & 1 ? 0x000000FFu : 0) | (value & 2 ? 0x0000FF00u : 0) | (value & 4 ? 0x00FF0000u : 0) |
         (value & 8 ? 0xFF000000u : 0);
}

constexpr std::array<uint32_t, 16> make_spreads() {
  std::array<uint32_t, 16> table{};
  for (uint8_t i = 0; i < 16; ++i) table[i] = spread(i);
  return table;
}

constexpr std::array<uint32_t, 16> SPREAD = make_spreads();

}  // namespace

VgaPlanes::VgaPlanes(PhysicalMemory& memory, uint32_t bytes) : memory_(memory), bytes_(bytes) {
  if (bytes == 0 || bytes % (1u << 20) != 0) throw std::out_of_range("video memory must be a multiple of 1 MiB");
  offset_ = memory.allocate(bytes);
  text_offset_ = memory.allocate(TEXT_BUFFER_BYTES);
  vram_ = memory.backing() + offset_;
  text_ = memory.backing() + text_offset_;
  dirty_.assign(bytes / PAGE_SIZE, 1);
  registers_changed();
}

// -- Registers ----------------------------------------------------------------------------------------------

void VgaPlanes::write_sequencer(uint8_t index, uint8_t value) {
  index &= 7;
  value &= SEQUENCER_BITS[index];
  if (sequencer_[index] == value) return;
  sequencer_[index] = value;
  if (index != MAP_MASK) picture_registers_changed_ = true;
  registers_changed();
}

void VgaPlanes::write_graphics(uint8_t index, uint8_t value) {
  index &= 15;
  value &= GRAPHICS_BITS[index];
  if (graphics_[index] == value) return;
  graphics_[index] = value;
  if (index == MODE || index == MISCELLANEOUS) picture_registers_changed_ = true;
  registers_changed();
}

void VgaPlanes::set_bank(bool linear, uint32_t bank) {
  if (linear == bank_linear_ && bank == bank_) return;
  bank_linear_ = linear;
  bank_ = bank;
  registers_changed();
}

void VgaPlanes::allow_text_window(bool allowed) {
  if (allowed == text_window_allowed_) return;
  text_window_allowed_ = allowed;
  registers_changed();
}

bool VgaPlanes::take_registers_changed() {
  return std::exchange(picture_registers_changed_, false);
}

void VgaPlanes::registers_changed() {
  static constexpr uint32_t FIRST[] = {0x00000, 0x00000, 0x10000, 0x18000};
  static constexpr uint32_t LENGTH[] = {0x20000, 0x10000, 0x08000, 0x08000};
  const uint8_t map = graphics_[MISCELLANEOUS] >> 2 & 3;
  const bool odd_even_write = (sequencer_[MEMORY_MODE] & 0x04) == 0;

  window_first_ = bank_linear_ ? 0 : FIRST[map];
  window_length_ = bank_linear_ ? 0x10000 : LENGTH[map];
  chain4_ = (sequencer_[MEMORY_MODE] & 0x08) != 0;
  map_mask_ = SPREAD[sequencer_[MAP_MASK] & 15];
  set_reset_ = SPREAD[graphics_[SET_RESET] & 15];
  enable_ = SPREAD[graphics_[ENABLE_SET_RESET] & 15];
  bit_mask_ = replicate(graphics_[BIT_MASK]);
  colour_compare_ = SPREAD[graphics_[COLOR_COMPARE] & 15];
  colour_care_ = SPREAD[graphics_[COLOR_DONT_CARE] & 15];
  rotate_ = graphics_[DATA_ROTATE] & 7;
  logic_ = graphics_[DATA_ROTATE] >> 3 & 3;
  write_mode_ = graphics_[MODE] & 3;
  compare_ = (graphics_[MODE] & 0x08) != 0;
  odd_even_read_ = (graphics_[MODE] & 0x10) != 0;
  read_plane_ = graphics_[READ_MAP_SELECT] & 3;
  even_planes_ = odd_even_write ? 0x00FF00FFu : ~0u;
  odd_planes_ = odd_even_write ? 0xFF00FF00u : ~0u;
  write_address_ = odd_even_write ? ~1u : ~0u;
  read_address_ = odd_even_read_ ? ~1u : ~0u;

  const bool no_tricks = write_mode_ == 0 && rotate_ == 0 && logic_ == 0 && bit_mask_ == ~0u;
  plain_ = no_tricks && (enable_ & map_mask_) == 0;
  const uint32_t banks = (bank_linear_ ? bytes_ : bytes_ / 4) / 0x10000;
  bank_base_ = bank_ % banks * 0x10000;

  // Where the whole window is plain memory.
  possible_ = Window::device;
  possible_base_ = bank_base_;
  if (bank_linear_) {
    possible_ = Window::linear;
  } else if (chain4_) {
    if (map == 1 && plain_ && map_mask_ == ~0u && !compare_) {
      possible_ = Window::linear;
      possible_base_ = bank_base_ * 4;
    }
  } else if (text_window_allowed_ && map >= 2 && plain_ && odd_even_write && odd_even_read_ && !compare_ &&
             sequencer_[MAP_MASK] == 3 && (read_plane_ & 2) == 0 && bank_base_ == 0) {
    possible_ = Window::text;
    possible_base_ = 0;
  }
  update_mapping();
}

// -- The window as memory -------------------------------------------------------------------------------------

void VgaPlanes::update_mapping() {
  if (mapped_ == Window::device) {
    plain_accesses_ = 0;
    return;
  }
  const bool same = mapped_ == possible_ && mapped_base_ == possible_base_ && mapped_first_ == window_first_ &&
                    mapped_length_ == window_length_;
  if (!same) unmap_window();
}

void VgaPlanes::count_plain_access() {
  if (mapped_ == Window::device && ++plain_accesses_ >= ACCESSES_BEFORE_MAPPING) map_window();
}

void VgaPlanes::map_window() {
  mapped_ = possible_;
  mapped_base_ = possible_base_;
  mapped_first_ = window_first_;
  mapped_length_ = window_length_;
  uint64_t backing = offset_ + mapped_base_;
  if (mapped_ == Window::text) {
    backing = text_offset_;
    for (uint32_t n = 0; n < TEXT_BUFFER_BYTES; n += 2) {
      text_[n] = vram_[n * 4];
      text_[n + 1] = vram_[n * 4 + 1];
    }
  }
  memory_.map_backed(VGA_WINDOW + mapped_first_, mapped_length_, backing, PAGE_READ | PAGE_WRITE | PAGE_TRACK_DIRTY);
}

void VgaPlanes::unmap_window() {
  if (mapped_ == Window::text) copy_text_to_planes(0, TEXT_BUFFER_BYTES);
  mapped_ = Window::device;
  plain_accesses_ = 0;
  memory_.map_device(VGA_WINDOW + mapped_first_, mapped_length_);
}

void VgaPlanes::copy_text_to_planes(uint32_t first, uint32_t length) {
  for (uint32_t n = first; n < first + length; n += 2) {
    vram_[n * 4] = text_[n];
    vram_[n * 4 + 1] = text_[n + 1];
  }
  std::fill_n(dirty_.begin() + first * 4 / PAGE_SIZE, length * 4 / PAGE_SIZE, uint8_t{1});
  any_dirty_ = true;
}

void VgaPlanes::fold_text() {
  if (mapped_ == Window::text) copy_text_to_planes(0, TEXT_BUFFER_BYTES);
}

// -- Access by access -------------------------------------------------------------------------------------------

uint32_t VgaPlanes::load(uint32_t plane_offset) const {
  uint32_t value;
  std::memcpy(&value, vram_ + static_cast<size_t>(plane_offset) * 4, 4);
  return value;
}

void VgaPlanes::store(uint32_t plane_offset, uint32_t planes, uint32_t data) {
  uint8_t* at = vram_ + static_cast<size_t>(plane_offset) * 4;
  uint32_t value;
  std::memcpy(&value, at, 4);
  value = (value & ~planes) | (data & planes);
  std::memcpy(at, &value, 4);
  dirty_[plane_offset / (PAGE_SIZE / 4)] = 1;
  written_planes_ |= planes;
}

uint32_t VgaPlanes::read(uint32_t offset, int size) {
  const uint32_t inside = offset - window_first_;
  uint32_t value = 0;
  for (uint32_t i = 0; i < static_cast<uint32_t>(size); ++i) {
    value |= static_cast<uint32_t>(inside + i < window_length_ ? read_byte(inside + i) : 0xFF) << (i * 8);
  }
  if (possible_ != Window::device && inside < window_length_) count_plain_access();
  return value;
}

uint8_t VgaPlanes::read_byte(uint32_t inside) {
  if (mapped_ == Window::text) return text_[inside & (TEXT_BUFFER_BYTES - 1)];
  if (bank_linear_) return vram_[bank_base_ + inside];
  inside &= VGA_PLANE_BYTES - 1;
  uint32_t shift;
  if (chain4_) {
    latch_ = load(bank_base_ + (inside >> 2));
    shift = (inside & 3) * 8;
  } else {
    latch_ = load(bank_base_ + (inside & read_address_));
    shift = (odd_even_read_ ? (read_plane_ & 2u) | (inside & 1) : read_plane_) * 8;
  }
  if (!compare_) return static_cast<uint8_t>(latch_ >> shift);
  // Read mode 1: a bit is set where all planes that are cared for match the compare colour.
  uint32_t different = (latch_ ^ colour_compare_) & colour_care_;
  different |= different >> 16;
  different |= different >> 8;
  return static_cast<uint8_t>(~different);
}

void VgaPlanes::write(uint32_t offset, uint32_t value, int size) {
  const uint32_t inside = offset - window_first_;
  any_dirty_ = true;
  for (uint32_t i = 0; i < static_cast<uint32_t>(size); ++i) {
    if (inside + i < window_length_) write_byte(inside + i, static_cast<uint8_t>(value >> (i * 8)));
  }
  if (possible_ != Window::device && inside < window_length_) count_plain_access();
}

void VgaPlanes::write_byte(uint32_t inside, uint8_t value) {
  if (mapped_ == Window::text) {
    // A processor that looked the page up before it was mapped finishes its instruction here.
    text_[inside & (TEXT_BUFFER_BYTES - 1)] = value;
    memory_.mark_dirty(VGA_WINDOW + window_first_ + inside);
    return;
  }
  if (bank_linear_) {
    vram_[bank_base_ + inside] = value;
    dirty_[(bank_base_ + inside) / PAGE_SIZE] = 1;
    return;
  }
  inside &= VGA_PLANE_BYTES - 1;
  uint32_t planes, plane_offset;
  if (chain4_) {
    planes = map_mask_ & 0xFFu << ((inside & 3) * 8);
    plane_offset = bank_base_ + (inside >> 2);
  } else {
    planes = map_mask_ & (inside & 1 ? odd_planes_ : even_planes_);
    plane_offset = bank_base_ + (inside & write_address_);
  }
  if (plain_) {
    store(plane_offset, planes, replicate(value));
    return;
  }
  uint32_t data, bits = bit_mask_;
  const auto rotated = static_cast<uint8_t>(value >> rotate_ | value << (8 - rotate_));
  switch (write_mode_) {
    case 0:
      data = (replicate(rotated) & ~enable_) | (set_reset_ & enable_);
      break;
    case 1:
      store(plane_offset, planes, latch_);
      return;
    case 2:
      data = SPREAD[value & 15];
      break;
    default:
      data = set_reset_;
      bits &= replicate(rotated);
      break;
  }
  switch (logic_) {
    case 0:
      break;
    case 1:
      data &= latch_;
      break;
    case 2:
      data |= latch_;
      break;
    default:
      data ^= latch_;
      break;
  }
  store(plane_offset, planes, (data & bits) | (latch_ & ~bits));
}

// -- What changed -----------------------------------------------------------------------------------------------

bool VgaPlanes::take_dirty(std::vector<uint8_t>& pages) {
  // Stores of the processor to mapped pages.
  if (mapped_ == Window::text && memory_.take_dirty(text_offset_, TEXT_BUFFER_BYTES, taken_)) {
    for (uint32_t i = 0; i < taken_.size(); ++i) {
      if (taken_[i]) copy_text_to_planes(i * PAGE_SIZE, PAGE_SIZE);
    }
  }
  if (memory_.take_dirty(offset_, bytes_, taken_)) {
    for (size_t i = 0; i < taken_.size(); ++i) dirty_[i] |= taken_[i];
    any_dirty_ = true;
    font_changed_ = true;
  }
  if (written_planes_ & 0x00FF0000) font_changed_ = true;
  written_planes_ = 0;
  if (!any_dirty_) return false;
  any_dirty_ = false;
  pages.assign(dirty_.begin(), dirty_.end());
  std::fill(dirty_.begin(), dirty_.end(), uint8_t{0});
  return true;
}

bool VgaPlanes::take_font_changed() {
  return std::exchange(font_changed_, false);
}

void VgaPlanes::mark_dirty(uint64_t offset, uint64_t length) {
  const uint64_t end = std::min<uint64_t>(offset + length, bytes_);
  if (offset >= end) return;
  std::fill(dirty_.begin() + static_cast<ptrdiff_t>(offset / PAGE_SIZE),
            dirty_.begin() + static_cast<ptrdiff_t>((end + PAGE_SIZE - 1) / PAGE_SIZE), uint8_t{1});
  any_dirty_ = true;
}

void VgaPlanes::mark_all_dirty() {
  std::fill(dirty_.begin(), dirty_.end(), uint8_t{1});
  any_dirty_ = font_changed_ = true;
}

void VgaPlanes::clear() {
  std::memset(vram_, 0, bytes_);
  std::memset(text_, 0, TEXT_BUFFER_BYTES);
  mark_all_dirty();
}

void VgaPlanes::load(const uint8_t* contents) {
  if (mapped_ != Window::device) unmap_window();
  std::memcpy(vram_, contents, bytes_);
  mark_all_dirty();
}

// -- Ports ------------------------------------------------------------------------------------------------------

uint32_t VgaIndexedPorts::read(uint16_t offset, int) {
  VgaPlanes& planes = *planes_;
  if (unit_ == Unit::sequencer) {
    return offset == 0 ? planes.sequencer_index() : planes.read_sequencer(planes.sequencer_index());
  }
  return offset == 0 ? planes.graphics_index() : planes.read_graphics(planes.graphics_index());
}

void VgaIndexedPorts::write(uint16_t offset, uint32_t value, int) {
  const auto byte = static_cast<uint8_t>(value);
  VgaPlanes& planes = *planes_;
  if (unit_ == Unit::sequencer) {
    offset == 0 ? planes.set_sequencer_index(byte) : planes.write_sequencer(planes.sequencer_index(), byte);
  } else {
    offset == 0 ? planes.set_graphics_index(byte) : planes.write_graphics(planes.graphics_index(), byte);
  }
}

}  // namespace bancada
