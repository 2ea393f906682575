#include "pixels.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <string>

// GCC's -O2 leaves these loops scalar, four times slower.
#if defined(__GNUC__) && !defined(__clang__)
#define BANCADA_VECTORIZED __attribute__((optimize("O3")))
#else
#define BANCADA_VECTORIZED
#endif

namespace bancada {

namespace {

// For each byte, eight masks: all ones where its bit, from bit 7 on, is set.
constexpr std::array<std::array<uint32_t, 8>, 256> make_bit_masks() {
  std::array<std::array<uint32_t, 8>, 256> table{};
  for (size_t byte = 0; byte < 256; ++byte) {
    for (size_t i = 0; i < 8; ++i) table[byte][i] = byte >> (7 - i) & 1 ? ~0u : 0;
  }
  return table;
}

// For each byte, its bits one to a byte: bit 7 lowest.
constexpr std::array<uint64_t, 256> make_bit_bytes() {
  std::array<uint64_t, 256> table{};
  for (size_t byte = 0; byte < 256; ++byte) {
    for (size_t i = 0; i < 8; ++i) table[byte] |= uint64_t{byte >> (7 - i) & 1} << (i * 8);
  }
  return table;
}

// For each byte, its four bit pairs one to a byte: bits 7-6 lowest.
constexpr std::array<uint32_t, 256> make_pair_bytes() {
  std::array<uint32_t, 256> table{};
  for (size_t byte = 0; byte < 256; ++byte) {
    for (size_t i = 0; i < 4; ++i) table[byte] |= static_cast<uint32_t>(byte >> (6 - 2 * i) & 3) << (i * 8);
  }
  return table;
}

constexpr auto BIT_MASKS = make_bit_masks();
constexpr auto BIT_BYTES = make_bit_bytes();
constexpr auto PAIR_BYTES = make_pair_bytes();

constexpr uint32_t CELL_CURSOR = 1u << 16;
constexpr uint32_t CELL_HIDDEN = 1u << 17;
constexpr uint32_t CELL_UNKNOWN = ~0u;

using Palette = std::array<uint32_t, 256>;

void draw_planar(uint32_t* to, const uint8_t* from, size_t groups, const Palette& palette) {
  for (size_t g = 0; g < groups; ++g, from += 4, to += 8) {
    const uint64_t pixels =
        BIT_BYTES[from[0]] | BIT_BYTES[from[1]] << 1 | BIT_BYTES[from[2]] << 2 | BIT_BYTES[from[3]] << 3;
    for (size_t i = 0; i < 8; ++i) to[i] = palette[pixels >> (i * 8) & 15];
  }
}

void draw_cga(uint32_t* to, const uint8_t* from, size_t groups, const Palette& palette) {
  for (size_t g = 0; g < groups; ++g, from += 4, to += 8) {
    const uint32_t left = PAIR_BYTES[from[0]] | PAIR_BYTES[from[2]] << 2;
    const uint32_t right = PAIR_BYTES[from[1]] | PAIR_BYTES[from[3]] << 2;
    for (size_t i = 0; i < 4; ++i) {
      to[i] = palette[left >> (i * 8) & 15];
      to[i + 4] = palette[right >> (i * 8) & 15];
    }
  }
}

void draw_indexed(uint32_t* to, const uint8_t* from, size_t count, const Palette& palette) {
  for (size_t i = 0; i < count; ++i) to[i] = palette[from[i]];
}

BANCADA_VECTORIZED void draw_555(uint32_t* to, const uint8_t* from, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    uint16_t raw;
    std::memcpy(&raw, from + i * 2, 2);
    const uint32_t pixel = raw;
    // Five bits to eight: the highest three are repeated below.
    const uint32_t wide = (pixel & 0x7C00) << 9 | (pixel & 0x03E0) << 6 | (pixel & 0x001F) << 3;
    to[i] = wide | (wide >> 5 & 0x070707);
  }
}

BANCADA_VECTORIZED void draw_565(uint32_t* to, const uint8_t* from, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    uint16_t raw;
    std::memcpy(&raw, from + i * 2, 2);
    const uint32_t pixel = raw;
    const uint32_t red_blue = (pixel & 0xF800) << 8 | (pixel & 0x001F) << 3;
    const uint32_t green = (pixel & 0x07E0) << 5;
    to[i] = red_blue | (red_blue >> 5 & 0x070007) | green | (green >> 6 & 0x000300);
  }
}

void draw_888(uint32_t* to, const uint8_t* from, size_t count) {
  for (size_t i = 0; i < count; ++i, from += 3) {
    to[i] = static_cast<uint32_t>(from[0]) | static_cast<uint32_t>(from[1]) << 8 | static_cast<uint32_t>(from[2]) << 16;
  }
}

size_t bytes_per_pixel(PixelFormat format) {
  switch (format) {
    case PixelFormat::rgb555:
    case PixelFormat::rgb565:
      return 2;
    case PixelFormat::rgb888:
      return 3;
    case PixelFormat::xrgb8888:
      return 4;
    default:
      return 1;
  }
}

}  // namespace

PixelConverter::PixelConverter(VgaPlanes& planes) : planes_(planes) {
  void* memory =
      mmap(nullptr, SURFACE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw HostMemoryError("The host does not give the memory for the guest's screen.");
  surface_ = static_cast<uint8_t*>(memory);
  pixels_ = static_cast<uint32_t*>(memory);
  // One group more than the widest row, for what panning brings in at the right.
  scratch_.resize(MAX_WIDTH + 16);
}

PixelConverter::~PixelConverter() {
  munmap(surface_, SURFACE_BYTES);
}

void PixelConverter::set_picture(const Picture& picture) {
  Picture wanted = picture;
  wanted.cell_width = std::clamp(wanted.cell_width, 8, 9);
  wanted.width = std::clamp(wanted.width, 1, MAX_WIDTH);
  wanted.height = std::clamp(wanted.height, 1, MAX_HEIGHT);
  if (wanted.format == PixelFormat::text) wanted.width = std::max(1, wanted.columns()) * wanted.cell_width;
  wanted.row_lines = std::clamp(wanted.row_lines, 1, 32);
  wanted.first_line = std::clamp(wanted.first_line, 0, wanted.row_lines - 1);
  wanted.panning = std::clamp(wanted.panning, 0, wanted.format == PixelFormat::packed ? 3 : 8);
  if (wanted == picture_) return;
  picture_ = wanted;
  full_ = true;
  make_strips();
}

bool PixelConverter::is_picture_in_memory() const {
  if (picture_.format != PixelFormat::xrgb8888 || (picture_.origin | picture_.pitch) % 4 != 0) return false;
  const uint64_t row = static_cast<uint64_t>(picture_.width) * 4;
  const uint64_t rows_before = static_cast<uint64_t>(picture_.height) - 1;
  const uint64_t length = picture_.pitch * rows_before + row;
  return picture_.pitch >= row && length <= planes_.bytes() && picture_.origin <= planes_.bytes() - length;
}

void PixelConverter::set_in_place(bool in_place) {
  if (in_place == in_place_) return;
  in_place_ = in_place;
  full_ = true;
}

void PixelConverter::make_strips() {
  strips_.clear();
  if (picture_.is_linear() || picture_.format == PixelFormat::blank) return;
  uint32_t address = picture_.start;
  int line = picture_.first_line, panning = picture_.panning;
  bool split = false;
  for (int y = 0; y < picture_.height;) {
    int end = picture_.height;
    if (!split && y >= picture_.split_line) {
      split = true;
      address = 0;
      line = 0;
      if (!picture_.split_panning) panning = 0;
    }
    if (!split) end = std::min(end, picture_.split_line);
    const int lines = std::min(picture_.row_lines - line, end - y);
    strips_.push_back(Strip{y, lines, address, line, panning});
    y += lines;
    line = 0;
    address += picture_.row_addresses;
  }
  if (picture_.format == PixelFormat::text) {
    shown_.assign(strips_.size() * static_cast<size_t>(picture_.columns() + 1), CELL_UNKNOWN);
  }
}

void PixelConverter::touched(int first, int last) {
  if (last_ < first_) {
    first_ = first;
    last_ = last;
  } else {
    first_ = std::min(first_, first);
    last_ = std::max(last_, last);
  }
}

std::optional<std::pair<int, int>> PixelConverter::convert(bool cursor_visible, bool blink_visible) {
  const bool changed = planes_.take_dirty(dirty_);
  first_ = 0;
  last_ = -1;
  if (picture_.format == PixelFormat::text) {
    // Without a change in memory a phase of the cursor or of blinking may still be another.
    if (planes_.take_font_changed() || full_) load_fonts();
    if (full_ || changed || cursor_visible != cursor_visible_ || blink_visible != blink_visible_) {
      convert_text(cursor_visible, blink_visible);
    }
    cursor_visible_ = cursor_visible;
    blink_visible_ = blink_visible;
  } else if (full_ || changed) {
    if (picture_.format == PixelFormat::blank) {
      if (full_) {
        std::memset(surface_, 0, static_cast<size_t>(picture_.width) * static_cast<size_t>(picture_.height) * 4);
        touched(0, picture_.height - 1);
      }
    } else if (picture_.is_linear()) {
      convert_linear();
    } else {
      convert_planes();
    }
  }
  full_ = false;
  if (last_ < first_) return std::nullopt;
  return std::make_pair(first_, last_);
}

// -- Addresses ------------------------------------------------------------------------------------------------

// The counter and the row-of-pixels counter make a plane offset (CRTC mode control register, bits 0, 1, 5, 6).
uint32_t PixelConverter::plane_offset(uint32_t address, int line) const {
  uint32_t offset = address;
  if (picture_.word_mode) offset = address << 1 | (address >> (picture_.wrap_bit & 31) & 1);
  const auto lines = static_cast<uint32_t>(line);
  if (picture_.bank_lines & 1) offset = (offset & ~0x2000u) | (lines & 1) << 13;
  if (picture_.bank_lines & 2) offset = (offset & ~0x4000u) | (lines & 2) << 13;
  offset &= picture_.plane_mask;
  const uint32_t limit = planes_.bytes() / 4;
  return offset < limit ? offset : offset % limit;
}

// `count` groups of four bytes (one of each plane) as the CRTC fetches them.
const uint8_t* PixelConverter::gather(uint32_t address, int line, size_t count) {
  const uint32_t first = plane_offset(address, line);
  const uint32_t last = plane_offset(address + static_cast<uint32_t>(count) - 1, line);
  if (!picture_.word_mode && last == first + count - 1) return planes_.vram() + static_cast<size_t>(first) * 4;
  gathered_.resize(count * 4);
  for (size_t i = 0; i < count; ++i) {
    const uint32_t offset = plane_offset(address + static_cast<uint32_t>(i), line);
    std::memcpy(gathered_.data() + i * 4, planes_.vram() + static_cast<size_t>(offset) * 4, 4);
  }
  return gathered_.data();
}

bool PixelConverter::is_dirty(uint64_t offset, uint64_t length) const {
  if (full_) return true;
  uint64_t pages = dirty_.size();
  if (!picture_.is_linear()) pages = std::min(pages, (uint64_t{picture_.plane_mask} + 1) * 4 / PAGE_SIZE);
  const uint64_t first = offset / PAGE_SIZE, last = (offset + length - 1) / PAGE_SIZE;
  for (uint64_t page = first; page <= last; ++page) {
    if (dirty_[page < pages ? page : page % pages]) return true;
  }
  return false;
}

// -- Text -------------------------------------------------------------------------------------------------------

void PixelConverter::load_fonts() {
  const uint32_t limit = planes_.bytes() / 4;
  const uint8_t* plane2 = planes_.vram() + 2;
  bool different = false;
  for (uint32_t i = 0; i < glyphs_a_.size(); ++i) {
    const uint8_t a = plane2[static_cast<size_t>((picture_.font_a + i) % limit) * 4];
    const uint8_t b = plane2[static_cast<size_t>((picture_.font_b + i) % limit) * 4];
    different |= a != glyphs_a_[i] || b != glyphs_b_[i];
    glyphs_a_[i] = a;
    glyphs_b_[i] = b;
  }
  if (different) full_ = true;
}

uint16_t PixelConverter::cell_at(uint32_t address) const {
  const uint8_t* at = planes_.vram() + static_cast<size_t>(plane_offset(address, 0)) * 4;
  return static_cast<uint16_t>(at[0] | at[1] << 8);
}

void PixelConverter::convert_text(bool cursor_visible, bool blink_visible) {
  if (full_) std::fill(shown_.begin(), shown_.end(), CELL_UNKNOWN);
  const int columns = picture_.columns();
  const bool has_cursor = cursor_visible && picture_.cursor_first <= picture_.cursor_last;
  const auto stride = static_cast<size_t>(picture_.width);
  uint32_t* shown = shown_.data();
  for (const Strip& strip : strips_) {
    const int drawn = columns + (strip.panning != 0 ? 1 : 0);
    bool changed = false;
    for (int column = 0; column < drawn; ++column) {
      const uint32_t address = strip.address + static_cast<uint32_t>(column);
      const uint16_t cell = cell_at(address);
      uint32_t key = cell;
      if (has_cursor && (address & 0xFFFF) == picture_.cursor_address) key |= CELL_CURSOR;
      if (picture_.blink && (cell & 0x8000) && !blink_visible) key |= CELL_HIDDEN;
      if (shown[column] == key) continue;
      shown[column] = key;
      changed = true;
      if (strip.panning == 0) {
        draw_cell(row(strip.y) + column * picture_.cell_width, stride, strip, cell, (key & CELL_CURSOR) != 0,
                  (key & CELL_HIDDEN) != 0);
      }
    }
    if (changed) {
      if (strip.panning != 0) {
        for (int line = 0; line < strip.lines; ++line) {
          const Strip one{strip.y + line, 1, strip.address, strip.first_line + line, strip.panning};
          for (int column = 0; column < drawn; ++column) {
            const uint32_t key = shown[column];
            draw_cell(scratch_.data() + column * picture_.cell_width, 0, one, static_cast<uint16_t>(key),
                      (key & CELL_CURSOR) != 0, (key & CELL_HIDDEN) != 0);
          }
          std::memcpy(row(one.y), scratch_.data() + strip.panning, stride * 4);
        }
      }
      touched(strip.y, strip.y + strip.lines - 1);
    }
    shown += columns + 1;
  }
}

void PixelConverter::draw_cell(uint32_t* to, size_t stride, const Strip& strip, uint16_t cell, bool cursor,
                               bool hidden) const {
  const unsigned character = cell & 0xFF, attribute = cell >> 8;
  const uint8_t* glyph = (attribute & 8 ? glyphs_a_ : glyphs_b_).data() + character * 32;
  const uint32_t background = picture_.palette[attribute >> 4 & (picture_.blink ? 7 : 15)];
  const uint32_t foreground = picture_.palette[attribute & 15];
  const uint32_t difference = foreground ^ background;
  const bool ninth_repeats = picture_.line_graphics && character >= 0xC0 && character <= 0xDF;
  const bool underlined = (attribute & 0x77) == 0x01;
  for (int i = 0; i < strip.lines; ++i, to += stride) {
    const int line = strip.first_line + i;
    unsigned bits = hidden ? 0 : glyph[line];
    bool ninth = ninth_repeats && (bits & 1);
    if ((underlined && line == picture_.underline_line && !hidden) ||
        (cursor && line >= picture_.cursor_first && line <= picture_.cursor_last)) {
      bits = 0xFF;
      ninth = true;
    }
    const auto& masks = BIT_MASKS[bits];
    for (size_t x = 0; x < 8; ++x) to[x] = background ^ (difference & masks[x]);
    if (picture_.cell_width == 9) to[8] = ninth ? foreground : background;
  }
}

std::vector<uint8_t> PixelConverter::text_cells() {
  std::vector<uint8_t> cells;
  if (picture_.format != PixelFormat::text) return cells;
  planes_.fold_text();
  const auto columns = static_cast<uint32_t>(picture_.columns());
  cells.reserve(strips_.size() * columns * 2);
  for (const Strip& strip : strips_) {
    for (uint32_t column = 0; column < columns; ++column) {
      const uint16_t cell = cell_at(strip.address + column);
      cells.push_back(static_cast<uint8_t>(cell));
      cells.push_back(static_cast<uint8_t>(cell >> 8));
    }
  }
  return cells;
}

std::optional<std::pair<int, int>> PixelConverter::cursor() const {
  if (picture_.format != PixelFormat::text || picture_.cursor_first > picture_.cursor_last) return std::nullopt;
  for (size_t i = 0; i < strips_.size(); ++i) {
    const uint32_t column = (picture_.cursor_address - strips_[i].address) & 0xFFFF;
    if (column < static_cast<uint32_t>(picture_.columns())) {
      return std::make_pair(static_cast<int>(column), static_cast<int>(i));
    }
  }
  return std::nullopt;
}

// -- Graphics of the CRTC -----------------------------------------------------------------------------------------

void PixelConverter::convert_planes() {
  const auto width = static_cast<size_t>(picture_.width);
  const size_t group = picture_.format == PixelFormat::packed ? 4 : 8;
  for (const Strip& strip : strips_) {
    const auto panning = static_cast<size_t>(strip.panning);
    const size_t groups = (width + panning + group - 1) / group;
    for (int i = 0; i < strip.lines; ++i) {
      const int line = strip.first_line + i;
      // All lines of a strip are alike unless the line takes part in the address.
      if (i > 0 && picture_.bank_lines == 0) {
        const int above = strip.y + i - 1;
        if (first_ <= above && above <= last_) {
          std::memcpy(row(above + 1), row(above), width * 4);
          touched(above + 1, above + 1);
        }
        continue;
      }
      if (!is_dirty(uint64_t{plane_offset(strip.address, line)} * 4, groups * (picture_.word_mode ? 8 : 4))) continue;
      const uint8_t* from = gather(strip.address, line, groups);
      const int y = strip.y + i;
      const bool direct = panning == 0 && width % group == 0;
      uint32_t* to = direct ? row(y) : scratch_.data();
      switch (picture_.format) {
        case PixelFormat::planar:
          draw_planar(to, from, groups, picture_.palette);
          break;
        case PixelFormat::cga:
          draw_cga(to, from, groups, picture_.palette);
          break;
        default:
          draw_indexed(to, from, groups * 4, picture_.palette);
          break;
      }
      if (!direct) std::memcpy(row(y), scratch_.data() + panning, width * 4);
      touched(y, y);
    }
  }
}

// -- Linear memory --------------------------------------------------------------------------------------------------

const uint8_t* PixelConverter::linear_bytes(uint64_t offset, size_t length) {
  const uint64_t size = planes_.bytes();
  if (offset + length <= size) return planes_.vram() + offset;
  gathered_.resize(length);
  const size_t piece = std::min<size_t>(length, size - offset);
  std::memcpy(gathered_.data(), planes_.vram() + offset, piece);
  std::memcpy(gathered_.data() + piece, planes_.vram(), length - piece);
  return gathered_.data();
}

void PixelConverter::convert_linear() {
  const auto width = static_cast<size_t>(picture_.width);
  const size_t length = width * bytes_per_pixel(picture_.format);
  for (int y = 0; y < picture_.height; ++y) {
    const uint64_t offset = (picture_.origin + uint64_t{picture_.pitch} * static_cast<uint64_t>(y)) % planes_.bytes();
    if (!is_dirty(offset, length)) continue;
    touched(y, y);
    if (in_place_) continue;
    const uint8_t* from = linear_bytes(offset, length);
    uint32_t* to = row(y);
    switch (picture_.format) {
      case PixelFormat::indexed8:
        draw_indexed(to, from, width, picture_.palette);
        break;
      case PixelFormat::rgb555:
        draw_555(to, from, width);
        break;
      case PixelFormat::rgb565:
        draw_565(to, from, width);
        break;
      case PixelFormat::rgb888:
        draw_888(to, from, width);
        break;
      default:
        std::memcpy(to, from, length);
        break;
    }
  }
}

}  // namespace bancada
