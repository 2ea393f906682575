#include "picture_scaler.h"

#include <algorithm>
#include <cstring>

namespace bancada {
namespace {

constexpr int ONE = 256;
constexpr size_t PARTS = 4;

// Eight pixels as sixteen halves of two parts each. A half times a weight of at most ONE overflows in neither part
// when the parts are taken apart first: the even ones by a mask, the odd ones by a shift.
constexpr size_t GROUP = 8;
constexpr size_t HALVES = 2;
using Halves = uint16_t __attribute__((vector_size(GROUP * PARTS)));
using WholePixels = uint32_t __attribute__((vector_size(GROUP * PARTS)));

// The loops below once for every host, once for those with wider registers.
#if defined(__x86_64__) && defined(__gnu_linux__)
#define FOR_WIDE_REGISTERS __attribute__((target_clones("avx2", "default")))
#else
#define FOR_WIDE_REGISTERS
#endif

uint32_t pixel_at(const uint8_t* row, int x) {
  uint32_t pixel;
  std::memcpy(&pixel, row + static_cast<size_t>(x) * PARTS, sizeof pixel);
  return pixel;
}

#define ADD_WEIGHTED(even, odd, halves, weight) \
  do {                                          \
    (even) += ((halves)&0xFF) * (weight);       \
    (odd) += ((halves) >> 8) * (weight);        \
  } while (false)

// to[i] = the weighted mean of `taps` rows, `stride` bytes apart.
FOR_WIDE_REGISTERS void blend_rows(const uint8_t* from, size_t stride, const uint16_t* weights, size_t taps,
                                   uint8_t* to, size_t length) {
  size_t i = 0;
  for (; i + sizeof(Halves) <= length; i += sizeof(Halves)) {
    Halves even = Halves{} + ONE / 2, odd = even;
    for (size_t tap = 0; tap < taps; ++tap) {
      Halves halves;
      std::memcpy(&halves, from + tap * stride + i, sizeof halves);
      ADD_WEIGHTED(even, odd, halves, weights[tap]);
    }
    const Halves mean = even >> 8 | (odd & 0xFF00);
    std::memcpy(to + i, &mean, sizeof mean);
  }
  for (; i < length; ++i) {
    unsigned sum = ONE / 2;
    for (size_t tap = 0; tap < taps; ++tap) sum += from[tap * stride + i] * unsigned{weights[tap]};
    to[i] = static_cast<uint8_t>(sum >> 8);
  }
}

// `groups` times eight pixels; `weights` holds one for each half of each of the eight, tap after tap.
FOR_WIDE_REGISTERS void blend_columns(const uint8_t* row, const int* first, const uint16_t* weights, int taps,
                                      uint8_t* to, size_t groups) {
  for (size_t group = 0; group < groups; ++group, first += GROUP, to += sizeof(Halves)) {
    Halves even = Halves{} + ONE / 2, odd = even;
    for (int tap = 0; tap < taps; ++tap, weights += GROUP * HALVES) {
      const auto pixel = [&](size_t i) { return pixel_at(row, first[i] + tap); };
      const WholePixels pixels = {pixel(0), pixel(1), pixel(2), pixel(3), pixel(4), pixel(5), pixel(6), pixel(7)};
      const auto halves = reinterpret_cast<Halves>(pixels);
      Halves weight;
      std::memcpy(&weight, weights, sizeof weight);
      ADD_WEIGHTED(even, odd, halves, weight);
    }
    const Halves mean = even >> 8 | (odd & 0xFF00);
    std::memcpy(to, &mean, sizeof mean);
  }
}

#undef ADD_WEIGHTED

}  // namespace

PictureScaler::Direction::Direction(int length, int target_length, bool sharp) {
  const auto from = static_cast<int64_t>(length), to = static_cast<int64_t>(target_length);
  // In units of 1/to of a picture's pixel, target pixel i covers [i * from, (i + 1) * from).
  if (!sharp) {
    for (int64_t i = 0; i < to; ++i) {
      const int64_t begin = i * from / to, end = ((i + 1) * from - 1) / to + 1;
      taps = std::max(taps, static_cast<int>(end - begin));
    }
  }
  first.resize(static_cast<size_t>(to));
  weights.assign(static_cast<size_t>(to) * static_cast<size_t>(taps), 0);
  for (int64_t i = 0; i < to; ++i) {
    uint16_t* weight = weights.data() + i * taps;
    if (sharp) {
      first[static_cast<size_t>(i)] = static_cast<int>((2 * i + 1) * from / (2 * to));
      weight[0] = ONE;
      continue;
    }
    // All taps lie inside the picture; those that a target pixel does not need weigh nothing.
    const int64_t begin = std::min(i * from / to, from - taps);
    first[static_cast<size_t>(i)] = static_cast<int>(begin);
    int64_t covered = 0;
    int given = 0;
    for (int tap = 0; tap < taps; ++tap) {
      const int64_t left = std::max((begin + tap) * to, i * from);
      const int64_t right = std::min((begin + tap + 1) * to, (i + 1) * from);
      covered += std::max<int64_t>(right - left, 0);
      const int sum = static_cast<int>((covered * ONE + from / 2) / from);  // of this tap and those before
      weight[tap] = static_cast<uint16_t>(sum - given);
      given = sum;
    }
  }
}

PictureScaler::PictureScaler(int width, int height, int target_width, int target_height, bool sharp)
    : width_(width),
      height_(height),
      target_width_(target_width),
      target_height_(target_height),
      across_(width, target_width, sharp),
      down_(height, target_height, sharp),
      row_(static_cast<size_t>(width) * PARTS) {
  if (across_.taps == 1) return;
  const auto taps = static_cast<size_t>(across_.taps);
  const size_t groups = static_cast<size_t>(target_width) / GROUP;
  group_weights_.reserve(groups * taps * GROUP * HALVES);
  for (size_t group = 0; group < groups; ++group) {
    for (size_t tap = 0; tap < taps; ++tap) {
      for (size_t x = group * GROUP; x < (group + 1) * GROUP; ++x) {
        group_weights_.insert(group_weights_.end(), HALVES, across_.weights[x * taps + tap]);
      }
    }
  }
}

std::pair<int, int> PictureScaler::target_rows(int first, int last) const {
  const auto from = static_cast<int64_t>(height_), to = static_cast<int64_t>(target_height_);
  const int64_t begin = std::clamp<int64_t>(first, 0, from), end = std::clamp<int64_t>(last, begin, from);
  return {static_cast<int>(begin * to / from), static_cast<int>((end * to + from - 1) / from)};
}

const uint8_t* PictureScaler::blended_row(const uint8_t* picture, size_t stride, int y) {
  const auto taps = static_cast<size_t>(down_.taps);
  const uint8_t* from = picture + static_cast<size_t>(down_.first[static_cast<size_t>(y)]) * stride;
  const uint16_t* weights = down_.weights.data() + static_cast<size_t>(y) * taps;
  if (taps == 1 || weights[0] == ONE) return from;
  blend_rows(from, stride, weights, weights[taps - 1] == 0 ? taps - 1 : taps, row_.data(), row_.size());
  return row_.data();
}

void PictureScaler::draw_row(const uint8_t* row, uint8_t* to) const {
  const auto taps = static_cast<size_t>(across_.taps);
  const int* first = across_.first.data();
  if (taps == 1) {
    for (int x = 0; x < target_width_; ++x) {
      const uint32_t pixel = pixel_at(row, first[x]);
      std::memcpy(to + static_cast<size_t>(x) * PARTS, &pixel, sizeof pixel);
    }
    return;
  }
  const size_t groups = static_cast<size_t>(target_width_) / GROUP;
  blend_columns(row, first, group_weights_.data(), across_.taps, to, groups);
  for (size_t x = groups * GROUP; x < static_cast<size_t>(target_width_); ++x) {
    for (size_t part = 0; part < PARTS; ++part) {
      unsigned sum = ONE / 2;
      for (size_t tap = 0; tap < taps; ++tap) {
        sum += row[(static_cast<size_t>(first[x]) + tap) * PARTS + part] *
               static_cast<unsigned>(across_.weights[x * taps + tap]);
      }
      to[x * PARTS + part] = static_cast<uint8_t>(sum >> 8);
    }
  }
}

void PictureScaler::draw(const uint8_t* picture, size_t stride, uint8_t* target, size_t target_stride, int first,
                         int last) {
  const uint8_t* drawn = nullptr;  // rows of enlarged pictures repeat
  const uint8_t* drawn_from = nullptr;
  for (int y = std::max(first, 0); y < std::min(last, target_height_); ++y) {
    uint8_t* to = target + static_cast<size_t>(y) * target_stride;
    const uint8_t* row = blended_row(picture, stride, y);
    if (row == drawn_from && row != row_.data()) {
      std::memcpy(to, drawn, static_cast<size_t>(target_width_) * PARTS);
    } else {
      draw_row(row, to);
    }
    drawn = to;
    drawn_from = row;
  }
}

}  // namespace bancada
