// A picture brought to the size it has in a window.
//
// A pixel of the window shows the mean of the part of the picture that it covers. Made smaller, nothing falls between
// two pixels; made larger, a pixel stays a square with a border of one window pixel at most, so text stays crisp at
// every size, whole or not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace bancada {

class PictureScaler {
 public:
  // Sizes in pixels, all at least 1. `sharp`: each pixel of the window is one of the picture's, never a mixture.
  PictureScaler(int width, int height, int target_width, int target_height, bool sharp);

  int width() const { return width_; }
  int height() const { return height_; }
  int target_width() const { return target_width_; }
  int target_height() const { return target_height_; }

  // The rows [first, last) of the target that show something of the picture's rows [first, last).
  std::pair<int, int> target_rows(int first, int last) const;

  // Draws the target's rows [first, last). Strides are in bytes; rows hold 32-bit pixels of four 8-bit parts.
  void draw(const uint8_t* picture, size_t stride, uint8_t* target, size_t target_stride, int first, int last);

 private:
  // Which pixels in one direction a pixel of the target covers, and how much of it each fills: `taps` weights for
  // each target pixel, their sum is 256.
  struct Direction {
    Direction(int length, int target_length, bool sharp);

    int taps = 1;
    std::vector<int> first;
    std::vector<uint16_t> weights;
  };

  // The mean of the picture's rows that row `y` of the target covers: a row of the picture's width.
  const uint8_t* blended_row(const uint8_t* picture, size_t stride, int y);
  void draw_row(const uint8_t* row, uint8_t* to) const;

  int width_, height_, target_width_, target_height_;
  Direction across_, down_;
  std::vector<uint16_t> group_weights_;  // across_.weights for eight neighbours at a time, twice for each
  std::vector<uint8_t> row_;
};

}  // namespace bancada
