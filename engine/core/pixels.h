// From video memory to the picture a monitor would show: one surface of 32-bit pixels (blue, green, red, unused).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "vga_planes.h"

namespace bancada {

// What a byte, or a group of them, stands for.
enum class PixelFormat : uint8_t {
  blank,     // the display is off: black
  text,      // characters and attributes, glyphs from plane 2
  planar,    // one bit in each of four planes
  cga,       // two bits side by side in planes 0 and 1, two more in planes 2 and 3
  packed,    // a byte, four to a display address
  indexed8,  // the rest is linear memory
  rgb555,
  rgb565,
  rgb888,
  xrgb8888,
};

// Everything that decides how the picture looks, beside the memory it is made from. Filled in by
// engine/devices/vga_picture.py from the registers; nothing in it can lead outside of video memory.
struct Picture {
  PixelFormat format = PixelFormat::blank;
  int width = 640, height = 400;  // pixels of the surface

  // Formats fed by the CRTC's memory address counter.
  uint32_t start = 0;          // address of the first character or group of pixels
  uint32_t row_addresses = 0;  // from one character row to the next
  int row_lines = 1;           // rows of pixels with the same counter start (text: character height)
  int first_line = 0;          // preset row scan: where in its character row the picture begins
  int panning = 0;             // pixels the picture moves to the left
  int split_line = 1 << 16;    // line compare: from this row on the addresses start at 0
  bool split_panning = true;   // whether the part below the split moves too
  bool word_mode = false;      // the counter is shifted left by one ...
  int wrap_bit = 15;           // ... with this bit of it put in at the bottom
  uint32_t bank_lines = 0;     // bits 0 and 1: row-of-pixels counter bits that replace address bits 13 and 14
  uint32_t plane_mask = VGA_PLANE_BYTES - 1;  // where addresses in a plane wrap

  // Text.
  int cell_width = 8;          // 8 or 9
  uint32_t font_a = 0;         // plane 2 offset of the glyphs for attribute bit 3 set ...
  uint32_t font_b = 0;         // ... and clear
  bool line_graphics = false;  // ninth column of C0h-DFh repeats the eighth
  bool blink = false;          // attribute bit 7 blinks
  int underline_line = 31;
  uint32_t cursor_address = 0;
  int cursor_first = 32, cursor_last = 0;  // lines of the cell; first > last: no cursor

  // Linear formats: bytes.
  uint64_t origin = 0;
  uint32_t pitch = 0;

  std::array<uint32_t, 256> palette{};  // xRGB; text and planar formats use the first 16

  bool operator==(const Picture&) const = default;
  int columns() const { return width / cell_width; }
  bool is_linear() const { return format >= PixelFormat::indexed8; }
};

class PixelConverter {
 public:
  static constexpr int MAX_WIDTH = 2560;
  static constexpr int MAX_HEIGHT = 1600;

  explicit PixelConverter(VgaPlanes& planes);
  ~PixelConverter();
  PixelConverter(const PixelConverter&) = delete;
  PixelConverter& operator=(const PixelConverter&) = delete;

  // Clamps the size to the surface. The next convert draws everything if anything differs.
  void set_picture(const Picture& picture);
  const Picture& picture() const { return picture_; }
  void redraw() { full_ = true; }

  // Draws what changed; the first and last row that did, or nothing. Processor's thread only.
  // `cursor_visible`, `blink_visible`: phases of the blinking cursor and of blinking characters.
  std::optional<std::pair<int, int>> convert(bool cursor_visible, bool blink_visible);

  // Whether video memory holds the picture as a monitor would show it: 32-bit pixels in rows inside of it. With
  // `in_place` set, convert then says which rows changed and leaves the surface as it is.
  bool is_picture_in_memory() const;
  void set_in_place(bool in_place);

  // Never moves, so another thread may read it at any time. Rows are width * 4 bytes apart.
  uint8_t* surface() { return surface_; }
  static constexpr size_t SURFACE_BYTES = size_t{MAX_WIDTH} * MAX_HEIGHT * 4;

  // Text formats: character and attribute of each cell shown, row by row; otherwise empty.
  std::vector<uint8_t> text_cells();
  // Column and row of an enabled cursor that is inside the picture.
  std::optional<std::pair<int, int>> cursor() const;

 private:
  // A run of rows of pixels with one start of the address counter.
  struct Strip {
    int y, lines;      // rows of the surface
    uint32_t address;  // counter at the left edge
    int first_line;    // line of the character row that is shown at y
    int panning;
  };

  void make_strips();
  uint32_t plane_offset(uint32_t address, int line) const;
  void load_fonts();
  void convert_text(bool cursor_visible, bool blink_visible);
  void draw_cell(uint32_t* to, size_t stride, const Strip& strip, uint16_t cell, bool cursor, bool hidden) const;
  uint16_t cell_at(uint32_t address) const;
  void convert_planes();
  const uint8_t* gather(uint32_t address, int line, size_t count);
  void convert_linear();
  const uint8_t* linear_bytes(uint64_t offset, size_t length);
  bool is_dirty(uint64_t offset, uint64_t length) const;
  uint32_t* row(int y) { return pixels_ + static_cast<size_t>(y) * static_cast<size_t>(picture_.width); }
  void touched(int first, int last);

  VgaPlanes& planes_;
  uint8_t* surface_;
  uint32_t* pixels_;
  Picture picture_;
  std::vector<Strip> strips_;
  bool full_ = true, in_place_ = false;
  bool cursor_visible_ = false, blink_visible_ = true;  // as last drawn
  std::vector<uint8_t> dirty_;
  int first_ = 0, last_ = -1;
  std::vector<uint32_t> scratch_;  // a row wider than shown: panning cuts from it
  std::vector<uint8_t> gathered_;
  std::array<uint8_t, 256 * 32> glyphs_a_{}, glyphs_b_{};
  std::vector<uint32_t> shown_;  // text: what each cell of the surface shows
};

}  // namespace bancada
